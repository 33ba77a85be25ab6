/* Private to lib/apk: what its rooms ask of channel info besides apk_info_parse. */
#ifndef APK_INFO_H
#define APK_INFO_H

#include "base/str.h"

/* A whole JSON object, with white space around it at most: what Walle's reader accepts. */
bool apk_info_is_object(struct str);

#endif
