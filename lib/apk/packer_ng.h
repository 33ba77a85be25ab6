/* packer-ng's value in a signing block (v2). Private to lib/apk.
 *
 *     "Packer Ng Sig V2" | u32 length | "CHANNEL" U+2218 channel U+2219 | u32 length        length counts what stands between the two */
#ifndef APK_PACKER_NG_H
#define APK_PACKER_NG_H

#include "base/str.h"

size_t apk_packer_ng_size(struct str channel);
/* `padding` zeros follow the second length, behind which no reader looks. */
char *apk_packer_ng_put(char *at, struct str channel, size_t padding);
/* The channel, or data NULL. */
struct str apk_packer_ng_read(struct str value);

#endif
