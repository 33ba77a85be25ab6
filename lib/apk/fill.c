#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/comment.h"
#include "lib/apk/packer_ng.h"
#include "lib/apk/signing_block.h"

/* In the order in which they are written. */
static const struct {
    enum apk_format format;
    uint32_t id;
} pair_forms[] = {{APK_WALLE, APK_ID_WALLE}, {APK_VASDOLLY, APK_ID_VASDOLLY}, {APK_PACKER_NG, APK_ID_PACKER_NG}};
enum { FORM_COUNT = sizeof pair_forms / sizeof *pair_forms };

/* VasDolly's reader takes the length for a signed number. */
enum { VASDOLLY_V1_MAXIMUM = INT16_MAX };

static unsigned block_formats(unsigned formats)
{
    return formats ? formats & APK_FORMATS_BLOCK : APK_WALLE;
}

static size_t value_size(enum apk_format format, const struct apk_info *info)
{
    if (format == APK_WALLE) return info->json.length;
    if (format == APK_VASDOLLY) return info->channel.length;
    return apk_packer_ng_size(info->channel);
}

static size_t pairs_size(unsigned formats, const struct apk_info *info)
{
    size_t size = 0;
    for (int i = 0; i < FORM_COUNT; i++)
        if (formats & pair_forms[i].format) size += APK_PAIR_HEAD + value_size(pair_forms[i].format, info);
    return size;
}

/* --- what a format can carry */

/* Where a name stands without JSON around it, its reader trims it, and takes control bytes as they are. */
static enum status check_name(struct str channel, struct error *error)
{
    ENSURE(channel.length > 0, error, STATUS_INVALID, "the channel name is empty");
    ENSURE(!str_has_control(channel) && str_trim(channel).length == channel.length, error, STATUS_INVALID,
           "VasDolly and packer-ng cannot carry a channel name with control bytes, or with spaces around it");
    return STATUS_OK;
}

static enum status check_packer_ng(struct str channel, struct error *error)
{
    bool separators =
        str_find_str(channel, S("\xe2\x88\x98")) < channel.length || str_find_str(channel, S("\xe2\x88\x99")) < channel.length;
    ENSURE(!separators, error, STATUS_INVALID, "packer-ng cannot carry a channel name with U+2218 or U+2219 in it");
    return STATUS_OK;
}

static enum status check_fits(const char *what, size_t length, size_t room, struct error *error)
{
    ENSURE(length <= room, error, STATUS_TOO_LARGE, "%s has %zu bytes, %zu bytes fit", what, length, room);
    return STATUS_OK;
}

/* --- in a signing block */

static char *put_value(char *at, enum apk_format format, const struct apk_info *info, size_t padding)
{
    if (format == APK_PACKER_NG) return apk_packer_ng_put(at, info->channel, padding);
    struct str text = format == APK_WALLE ? info->json : info->channel;
    memcpy(at, text.data, text.length);
    memset(at + text.length, ' ', padding);
    return at + text.length + padding;
}

static char *put_form(char *at, int form, const struct apk_info *info, size_t padding)
{
    enum apk_format format = pair_forms[form].format;
    bytes_put64(at, APK_PAIR_HEAD - 8 + value_size(format, info) + padding);
    bytes_put32(at + 8, pair_forms[form].id);
    return put_value(at + APK_PAIR_HEAD, format, info, padding);
}

/* Each format that carries the name alone takes its share of what is left beside the pairs' own bytes. */
static size_t block_name_room(unsigned formats, size_t length)
{
    const struct apk_info empty = {0};
    size_t own = pairs_size(formats, &empty), times = (size_t)__builtin_popcount(formats);
    return own < length ? (length - own) / times : 0;
}

static enum status check_block(unsigned formats, const struct apk_info *info, size_t length, struct error *error)
{
    ENSURE(formats, error, STATUS_INVALID, "the format raw is for v1 packages only: choose walle, vasdolly or packer-ng too");
    if (formats & (APK_VASDOLLY | APK_PACKER_NG)) TRY(check_name(info->channel, error));
    if (formats & APK_PACKER_NG) TRY(check_packer_ng(info->channel, error));
    if (!(formats & APK_WALLE)) return check_fits("the channel name", info->channel.length, block_name_room(formats, length), error);
    return check_fits("channel info", info->json.length, apk_fill_room(APK_V2, formats, info->channel, length), error);
}

static enum status fill_block(unsigned formats, const struct apk_info *info, char *out, size_t length, struct error *error)
{
    TRY(check_block(formats, info, length, error));
    size_t left = length - pairs_size(formats, info), padding = left < APK_PAIR_HEAD ? left : 0;
    for (int i = 0; i < FORM_COUNT; i++) {
        if (!(formats & pair_forms[i].format)) continue;
        out = put_form(out, i, info, padding);
        padding = 0;
    }
    if (left >= APK_PAIR_HEAD) apk_pair_put_zeros(out, APK_ID_REGION, left);
    return STATUS_OK;
}

/* --- in a comment */

static enum status fill_raw(const struct apk_info *info, char *out, size_t length, struct error *error)
{
    TRY(check_fits("channel info", info->json.length, length, error));
    memcpy(out, info->json.data, info->json.length);
    memset(out + info->json.length, 0, length - info->json.length);
    return STATUS_OK;
}

static size_t comment_name_room(enum apk_format format, size_t length)
{
    size_t tail = 2 + apk_comment_magic(format).length, most = format == APK_VASDOLLY ? VASDOLLY_V1_MAXIMUM : UINT16_MAX;
    size_t room = length < tail ? 0 : length - tail;
    return room < most ? room : most;
}

static enum status fill_comment(unsigned formats, const struct apk_info *info, char *out, size_t length, struct error *error)
{
    enum apk_format format;
    TRY(apk_format_v1(formats, &format, error));
    if (format == APK_RAW) return fill_raw(info, out, length, error);
    struct str channel = info->channel, magic = apk_comment_magic(format);
    TRY(check_name(channel, error));
    TRY(check_fits("the channel name", channel.length, comment_name_room(format, length), error));
    size_t zeros = length - channel.length - 2 - magic.length;
    memset(out, 0, zeros);
    memcpy(out + zeros, channel.data, channel.length);
    bytes_put16(out + zeros + channel.length, (uint16_t)channel.length);
    memcpy(out + length - magic.length, magic.data, magic.length);
    return STATUS_OK;
}

/* --- */

static void fill_nothing(unsigned schemes, char *out, size_t length)
{
    if (apk_v1_only(schemes)) memset(out, 0, length);
    if (!apk_v1_only(schemes)) apk_pair_put_zeros(out, APK_ID_REGION, length);
}

enum status apk_fill(unsigned schemes, unsigned formats, const struct apk_info *info, void *out, size_t length, struct error *error)
{
    ENSURE(apk_v1_only(schemes) || length >= APK_PAIR_HEAD, error, STATUS_INVALID, "a region of %zu bytes has no room for a pair", length);
    if (info && apk_v1_only(schemes)) return fill_comment(formats, info, out, length, error);
    if (info) return fill_block(block_formats(formats), info, out, length, error);
    fill_nothing(schemes, out, length);
    return STATUS_OK;
}

static size_t comment_room(unsigned formats, struct str channel, size_t length)
{
    enum apk_format format;
    struct error unused;
    if (apk_format_v1(formats, &format, &unused) != STATUS_OK) return 0;
    if (format == APK_RAW) return length;
    return channel.length <= comment_name_room(format, length) ? SIZE_MAX : 0;
}

size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length)
{
    if (apk_v1_only(schemes)) return comment_room(formats, channel, length);
    unsigned carried = block_formats(formats);
    size_t used = pairs_size(carried, &(struct apk_info){.channel = channel});
    if (!carried || used > length) return 0;
    return carried & APK_WALLE ? length - used : SIZE_MAX;
}
