#include "lib/apk/comment.h"

#include "base/bytes.h"
#include "lib/apk/info.h"

struct str apk_comment_magic(enum apk_format format)
{
    if (format == APK_VASDOLLY) return S("ltlovezh");
    if (format == APK_PACKER_NG) return S("!ZXK!");
    return (struct str){NULL, 0};
}

static bool all_zeros(struct str bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        if (bytes.data[i] != 0) return false;
    return true;
}

static struct str read_raw(struct str comment)
{
    struct str info = str_first(comment, str_find(comment, 0));
    bool raw = apk_info_is_object(info) && all_zeros(str_from(comment, info.length));
    return raw ? info : (struct str){NULL, 0};
}

static struct str read_behind(struct str comment, struct str magic)
{
    size_t tail = 2 + magic.length;
    if (!str_ends(comment, magic) || comment.length < tail) return (struct str){NULL, 0};
    struct str before = str_first(comment, comment.length - tail);
    size_t length = bytes_get16(before.data + before.length);
    if (length == 0 || length > before.length) return (struct str){NULL, 0};
    return str_from(before, before.length - length);
}

struct str apk_comment_read(struct str comment, enum apk_format format)
{
    if (format == APK_RAW) return read_raw(comment);
    struct str magic = apk_comment_magic(format);
    return magic.data ? read_behind(comment, magic) : (struct str){NULL, 0};
}

static bool filled_with(struct str comment, enum apk_format format)
{
    struct str value = apk_comment_read(comment, format);
    if (str_empty(value)) return false;
    return format == APK_RAW || all_zeros(str_first(comment, (size_t)(value.data - comment.data)));
}

bool apk_comment_is_region(struct str comment)
{
    if (str_empty(comment)) return false;
    return all_zeros(comment) || filled_with(comment, APK_RAW) || filled_with(comment, APK_VASDOLLY) || filled_with(comment, APK_PACKER_NG);
}
