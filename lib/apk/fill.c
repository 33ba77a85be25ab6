#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/signing_block.h"

/* Which formats carry what, where, in how much room. */
struct filling {
    enum apk_place place;
    unsigned formats; /* each has a form there */
    const struct apk_info *info;
    size_t length; /* of the region */
};

static bool is_chosen(const struct filling *filling, size_t format)
{
    return filling->formats >> format & 1;
}

static const struct apk_form *form_of(const struct filling *filling, size_t format)
{
    return &apk_formats[format]->forms[filling->place];
}

static struct str text_of(const struct filling *filling, size_t format)
{
    return apk_formats[format]->info ? filling->info->json : filling->info->channel;
}

static bool carries_info(const struct filling *filling)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(filling, i) && apk_formats[i]->info) return true;
    return false;
}

/* --- sizes */

static size_t size_of(const struct filling *filling, size_t format)
{
    size_t head = filling->place == APK_IN_BLOCK ? APK_PAIR_HEAD : 0;
    return head + form_of(filling, format)->frame + text_of(filling, format).length;
}

static size_t used(const struct filling *filling)
{
    size_t size = 0;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(filling, i)) size += size_of(filling, i);
    return size;
}

/* How many bytes more each text of this kind may have, be it the info or the name: what is left is shared among the formats that carry it.
 */
static size_t room_for(const struct filling *filling, bool info)
{
    size_t size = used(filling), times = 0, most = SIZE_MAX;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(filling, i)) continue;
        size_t max = form_of(filling, i)->max;
        if (apk_formats[i]->info == info) times++;
        if (apk_formats[i]->info == info && max < most) most = max;
        if (text_of(filling, i).length > max) return 0;
    }
    if (times == 0 || size >= filling->length) return 0;
    size_t share = (filling->length - size) / times;
    return share < most ? share : most;
}

static size_t info_room(const struct filling *filling)
{
    const struct apk_info name = {.channel = filling->info->channel};
    return room_for(&(struct filling){filling->place, filling->formats, &name, filling->length}, true);
}

static size_t name_room(const struct filling *filling)
{
    const struct apk_info nothing = {0};
    return room_for(&(struct filling){filling->place, filling->formats, &nothing, filling->length}, false);
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

static enum status check_texts(const struct filling *filling, struct error *error)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(filling, i)) continue;
        const struct apk_form *form = form_of(filling, i);
        struct str text = text_of(filling, i);
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

static enum status check_room(const struct filling *filling, struct error *error)
{
    const struct apk_info *info = filling->info;
    if (carries_info(filling)) return check_fits("channel info", info->json.length, info_room(filling), error);
    return check_fits("the channel name", info->channel.length, name_room(filling), error);
}

/* --- writing */

static void fill_comment(const struct filling *filling, char *out)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (is_chosen(filling, i)) form_of(filling, i)->write(out, filling->length, text_of(filling, i));
}

static void fill_block(const struct filling *filling, char *out)
{
    size_t left = filling->length - used(filling), padding = left < APK_PAIR_HEAD ? left : 0;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!is_chosen(filling, i)) continue;
        const struct apk_form *form = form_of(filling, i);
        size_t size = size_of(filling, i) + padding;
        form->write(apk_pair_put_head(out, form->id, size), size - APK_PAIR_HEAD, text_of(filling, i));
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

enum status apk_fill(unsigned schemes, unsigned formats, const struct apk_info *info, void *out, size_t length, struct error *error)
{
    struct filling filling = {apk_format_place(schemes), .info = info, .length = length};
    bool in_block = filling.place == APK_IN_BLOCK;
    ENSURE(!in_block || length >= APK_PAIR_HEAD, error, STATUS_INVALID, "a region of %zu bytes has no room for a pair", length);
    if (!info) return fill_nothing(filling.place, out, length), STATUS_OK;
    TRY(apk_formats_choose(filling.place, formats, &filling.formats, error));
    TRY(check_texts(&filling, error));
    TRY(check_room(&filling, error));
    (in_block ? fill_block : fill_comment)(&filling, out);
    return STATUS_OK;
}

size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length)
{
    const struct apk_info info = {.channel = channel};
    struct filling filling = {apk_format_place(schemes), .info = &info, .length = length};
    struct error unused;
    if (apk_formats_choose(filling.place, formats, &filling.formats, &unused) != STATUS_OK) return 0;
    if (carries_info(&filling)) return info_room(&filling);
    return used(&filling) <= length && channel.length <= name_room(&filling) ? SIZE_MAX : 0;
}
