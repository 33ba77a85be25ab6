/* Ids of pairs as the readers in the field have them, and what those readers saw. */
#ifndef TESTS_APK_IDS_H
#define TESTS_APK_IDS_H

#include "lib/apk/channel.h"

#define ID_WALLE     UINT32_C(0x71777777)
#define ID_VASDOLLY  UINT32_C(0x881155ff)
#define ID_PACKER_NG UINT32_C(0x7a786b21)

/* In a block all three at once. */
enum { BLOCK_FORMATS = APK_WALLE | APK_VASDOLLY | APK_PACKER_NG };

#define SEEN(channels, format) ((channels).seen[APK_FORMAT_##format])

#endif
