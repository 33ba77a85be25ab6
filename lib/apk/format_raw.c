/* S5's own form, for v1 packages only:
 *
 *     info | zeros */
#include "lib/apk/comment_internal.h"
#include "lib/apk/format.h"
#include "lib/apk/info.h"

static void write_info(char *out, size_t length, struct str info)
{
    if (info.length > 0) memcpy(out, info.data, info.length);
    memset(out + info.length, 0, length - info.length);
}

static struct str read_info(struct str comment)
{
    struct str info = str_first(comment, str_find(comment, 0));
    bool raw = apk_info_is_object(info) && apk_comment_zeros(str_from(comment, info.length));
    return raw ? info : (struct str){NULL, 0};
}

const struct apk_format apk_format_raw = {
    .reader = "raw",
    .title = "channel info",
    .info = true,
    .forms[APK_IN_COMMENT] = {.max = SIZE_MAX, .write = write_info, .read = read_info},
};
