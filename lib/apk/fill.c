#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/signing_block_internal.h"

/* Which formats carry what, where, in how much room. */
struct content {
    enum apk_place place;
    unsigned formats; /* each has a form there */
    const struct apk_info *info;
    size_t length; /* of the region */
};

static bool is_chosen(const struct content *content, size_t format)
{
    return content->formats >> format & 1;
}

static const struct apk_form *form_of(const struct content *content, size_t format)
{
    return &apk_formats[format]->forms[content->place];
}

static struct str text_of(const struct content *content, size_t format)
{
    return apk_formats[format]->info ? content->info->json : content->info->channel;
}

static bool carries_info(const struct content *content)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(content, i) && apk_formats[i]->info) return true;
    return false;
}

/* --- sizes */

static size_t size_of(const struct content *content, size_t format)
{
    size_t head = content->place == APK_IN_BLOCK ? APK_PAIR_HEAD : 0;
    return head + form_of(content, format)->frame + text_of(content, format).length;
}

static size_t used(const struct content *content)
{
    size_t size = 0;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(content, i)) size += size_of(content, i);
    return size;
}

/* How many bytes more each text of this kind may have, be it the info or the name: what is left is shared among the formats that carry it.
 */
static size_t room_for(const struct content *content, bool info)
{
    size_t size = used(content), times = 0, most = SIZE_MAX;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(content, i)) continue;
        size_t max = form_of(content, i)->max;
        if (apk_formats[i]->info == info) times++;
        if (apk_formats[i]->info == info && max < most) most = max;
        if (text_of(content, i).length > max) return 0;
    }
    if (times == 0 || size >= content->length) return 0;
    size_t share = (content->length - size) / times;
    return share < most ? share : most;
}

static size_t info_room(const struct content *content)
{
    const struct apk_info name = {.channel = content->info->channel};
    return room_for(&(struct content){content->place, content->formats, &name, content->length}, true);
}

static size_t name_room(const struct content *content)
{
    const struct apk_info nothing = {0};
    return room_for(&(struct content){content->place, content->formats, &nothing, content->length}, false);
}

/* --- what a format can carry */

/* Where a name stands without JSON around it, its reader trims it, and takes control bytes as they are. */
static enum status check_name(const struct apk_format *format, struct str name, struct error *error)
{
    ENSURE(name.length > 0, error, STATUS_INVALID, "the channel name is empty");
    ENSURE(!str_has_control(name) && str_trim(name).length == name.length, error, STATUS_INVALID,
           "%s cannot carry a channel name with control bytes, or with spaces around it", format->reader);
    return STATUS_OK;
}

static enum status check_texts(const struct content *content, struct error *error)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(content, i)) continue;
        const struct apk_form *form = form_of(content, i);
        struct str text = text_of(content, i);
        if (!apk_formats[i]->info) TRY(check_name(apk_formats[i], text, error));
        if (form->check) TRY(form->check(text, error));
    }
    return STATUS_OK;
}

static enum status check_fits(const char *what, size_t length, size_t room, struct error *error)
{
    ENSURE(length <= room, error, STATUS_TOO_LARGE, "%s has %zu bytes, %zu bytes fit", what, length, room);
    return STATUS_OK;
}

static enum status check_room(const struct content *content, struct error *error)
{
    const struct apk_info *info = content->info;
    if (carries_info(content)) return check_fits("channel info", info->json.length, info_room(content), error);
    return check_fits("the channel name", info->channel.length, name_room(content), error);
}

/* --- writing */

static void fill_comment(const struct content *content, char *out)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(content, i)) form_of(content, i)->write(out, content->length, text_of(content, i));
}

static void fill_block(const struct content *content, char *out)
{
    size_t left = content->length - used(content), padding = left < APK_PAIR_HEAD ? left : 0;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(content, i)) continue;
        const struct apk_form *form = form_of(content, i);
        size_t size = size_of(content, i) + padding;
        form->write(apk_pair_put_head(out, form->id, size), size - APK_PAIR_HEAD, text_of(content, i));
        out += size;
        padding = 0;
    }
    if (left >= APK_PAIR_HEAD) apk_pair_put_zeros(out, APK_ID_REGION, left);
}

static void fill_nothing(enum apk_place place, char *out, size_t length)
{
    if (place == APK_IN_COMMENT) memset(out, 0, length);
    if (place == APK_IN_BLOCK) apk_pair_put_zeros(out, APK_ID_REGION, length);
}

/* --- */

enum status apk_fill(struct apk_filling region, unsigned formats, const struct apk_info *info, struct error *error)
{
    struct content content = {apk_format_place(region.schemes), .info = info, .length = region.length};
    bool in_block = content.place == APK_IN_BLOCK;
    ENSURE(!in_block || region.length >= APK_PAIR_HEAD, error, STATUS_INVALID, "a region of %zu bytes has no room for a pair",
           region.length);
    if (!info) return fill_nothing(content.place, region.bytes, region.length), STATUS_OK;
    TRY(apk_formats_choose(content.place, formats, &content.formats, error));
    TRY(check_texts(&content, error));
    TRY(check_room(&content, error));
    (in_block ? fill_block : fill_comment)(&content, region.bytes);
    return STATUS_OK;
}

size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length)
{
    const struct apk_info info = {.channel = channel};
    struct content content = {apk_format_place(schemes), .info = &info, .length = length};
    struct error unused;
    if (apk_formats_choose(content.place, formats, &content.formats, &unused) != STATUS_OK) return 0;
    if (carries_info(&content)) return info_room(&content);
    return used(&content) <= length && channel.length <= name_room(&content) ? SIZE_MAX : 0;
}
