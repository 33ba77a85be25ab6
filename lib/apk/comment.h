/* What a v1 package's ZIP comment carries (S5). Private to lib/apk.
 *
 *     raw         info | zeros
 *     vasdolly    zeros | channel | u16 length | "ltlovezh"
 *     packer-ng   zeros | channel | u16 length | "!ZXK!" */
#ifndef APK_COMMENT_H
#define APK_COMMENT_H

#include "lib/apk/channel.h"

/* The magic behind a channel in this form; data NULL for a format that has none. */
struct str apk_comment_magic(enum apk_format);

/* What stands there in this format (RAW: the info); data NULL where nothing does. */
struct str apk_comment_read(struct str comment, enum apk_format);

/* All zeros, or as apk_fill fills it. */
bool apk_comment_is_region(struct str comment);

#endif
