#include <string.h>

#include "lib/admission/profile_internal.h"
#include "lib/admission/zone_internal.h"

/* --- whose time of day */

static enum status parse_offsets(struct config *config, struct day_zone *zone, struct error *error)
{
    struct config array, item;
    size_t count;
    TRY(config_array(config, "timezone_offsets", CONFIG_OPTIONAL, &array, &count, error));
    if (count > DAY_OFFSETS_MAX) return config_refuse(config, "timezone_offsets", error, "more than %d", DAY_OFFSETS_MAX);
    struct day_offset *items = arena_array(config->arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(config_time(&item, "from", CONFIG_REQUIRED, &items[i].from, error));
        TRY(config_zone(&item, "offset", CONFIG_REQUIRED, &items[i].offset, error));
        TRY(config_end(&item, error));
        if (i > 0 && items[i].from <= items[i - 1].from) return config_refuse(&item, "from", error, "must be after the one before");
    }
    *zone = (struct day_zone){items, count};
    return STATUS_OK;
}

/* An offset, "device", or a zone's name with its offsets beside it. */
enum status profile_parse_zone(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct str text = {0};
    struct day_zone zone;
    struct day_offset *own = arena_new_of(config->arena, struct day_offset);
    TRY(config_text(config, "timezone", CONFIG_OPTIONAL, &text, error));
    TRY(parse_offsets(config, &zone, error));
    profile->zone = (struct day_zone){own, 1};
    if (zone_is_name(text)) {
        profile->zone = zone;
        if (zone.count > 0) return STATUS_OK;
        return config_refuse(config, "timezone", error,
                             "the offsets of " STR_FMT
                             " are missing: publish the profile with 'pakhus admission profile set', which writes timezone_offsets",
                             STR_ARG(text));
    }
    if (zone.count > 0) return config_refuse(config, "timezone_offsets", error, "goes with a timezone such as Asia/Shanghai only");
    profile->is_device_time = str_equal(text, S("device"));
    if (profile->is_device_time || !text.data || clock_parse_zone(text, &own->offset)) return STATUS_OK;
    return config_refuse(config, "timezone", error, "must be an offset such as +08:00, a name such as Asia/Shanghai, or device");
}

/* --- before publishing */

/* Behind the last field, so that the rest stays as it was written. The text is a JSON object: it ends in '}', and is not empty. */
static struct str append_offsets(struct arena *arena, struct str json, const struct day_zone *zone)
{
    struct str text = str_trim(json),
               out = arena_printf(arena, STR_FMT ",\n \"timezone_offsets\":[", STR_ARG(str_trim(str_first(text, text.length - 1))));
    for (size_t i = 0; i < zone->count; i++) {
        struct str from = clock_format_time(arena, zone->items[i].from), offset = clock_format_zone(arena, zone->items[i].offset);
        out = arena_printf(arena, STR_FMT "%s{\"from\":\"" STR_FMT "\",\"offset\":\"" STR_FMT "\"}", STR_ARG(out), i ? "," : "",
                           STR_ARG(from), STR_ARG(offset));
    }
    return arena_printf(arena, STR_FMT "]}", STR_ARG(out));
}

static bool is_same_zone(const struct day_zone *one, const struct day_zone *other)
{
    return one->count == other->count && memcmp(one->items, other->items, one->count * sizeof *one->items) == 0;
}

enum status admission_profile_resolve(struct arena *arena, struct str json, struct str *out, struct error *error)
{
    struct config config;
    struct str name = {0};
    struct day_zone given = {0}, known;
    int64_t release, deadline;
    *out = json;
    TRY(config_open(arena, json, "profile", &config, error));
    TRY(config_text(&config, "timezone", CONFIG_OPTIONAL, &name, error));
    if (!zone_is_name(name)) return STATUS_OK;
    TRY(config_time(&config, "release", CONFIG_REQUIRED, &release, error));
    TRY(config_time(&config, "deadline", CONFIG_REQUIRED, &deadline, error));
    TRY(parse_offsets(&config, &given, error));
    if (zone_resolve(arena, name, release, deadline, &known, error) != STATUS_OK) {
        if (given.count > 0 && error->status == STATUS_NOT_FOUND) return STATUS_OK;
        error->status = STATUS_INVALID;
        return error_context(error, "profile.timezone");
    }
    if (given.count > 0 && !is_same_zone(&given, &known))
        return config_refuse(&config, "timezone_offsets", error,
                             "these are not the offsets of " STR_FMT
                             " from release to deadline; leave the field out, it is written when the profile is published",
                             STR_ARG(name));
    if (given.count == 0) *out = append_offsets(arena, json, &known);
    return STATUS_OK;
}
