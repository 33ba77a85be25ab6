#include "lib/apk/comment_internal.h"

#include "base/bytes.h"

void apk_comment_write(char *out, size_t length, struct str text, struct str magic)
{
    size_t zeros = length - text.length - APK_COMMENT_LENGTH - magic.length;
    char *at = out + zeros;
    memset(out, 0, zeros);
    memcpy(at, text.data, text.length);
    bytes_put16(at + text.length, (uint16_t)text.length);
    memcpy(at + text.length + APK_COMMENT_LENGTH, magic.data, magic.length);
}

struct str apk_comment_read(struct str comment, struct str magic)
{
    size_t tail = APK_COMMENT_LENGTH + magic.length;
    if (!str_ends(comment, magic) || comment.length < tail) return (struct str){NULL, 0};
    struct str before = str_first(comment, comment.length - tail);
    size_t length = bytes_get16(before.data + before.length);
    if (length == 0 || length > before.length) return (struct str){NULL, 0};
    return str_from(before, before.length - length);
}

bool apk_comment_zeros(struct str bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        if (bytes.data[i] != 0) return false;
    return true;
}
