/* What stands in a v1 package's ZIP comment (S5). Private to lib/apk. Several formats keep a name at its end, and so at the file's:
 *
 *     zeros | channel | u16 length | magic */
#ifndef APK_COMMENT_INTERNAL_H
#define APK_COMMENT_INTERNAL_H

#include "base/str.h"

enum { APK_COMMENT_LENGTH = 2 }; /* bytes of the length field */

/* `length` is at least APK_COMMENT_LENGTH + magic.length + text.length; text.length at most 65535. */
void apk_comment_write(char *out, size_t length, struct str text, struct str magic);
/* The text; data NULL where there is no magic, or a length that is 0 or overruns the comment. */
struct str apk_comment_read(struct str comment, struct str magic);

bool apk_comment_zeros(struct str bytes);

#endif
