#include "lib/apk/info.h"

#include <jansson.h>

static void free_json(void *context)
{
    json_decref(context);
}

static void free_text(void *context)
{
    void (*release)(void *);
    json_get_alloc_funcs(NULL, &release);
    release(context);
}

/* jansson takes NULL for a programming error. */
static json_t *load(struct str text, size_t flags, json_error_t *where)
{
    return json_loadb(text.data ? text.data : "", text.length, flags, where);
}

bool apk_info_is_object(struct str text)
{
    json_error_t where;
    if (text.length > APK_INFO_MAX) return false;
    json_t *json = load(text, 0, &where);
    bool object = json_is_object(json);
    json_decref(json);
    return object;
}

static enum status parse_strings(struct arena *arena, struct str text, json_t **object, struct error *error)
{
    json_error_t where;
    ENSURE(text.length <= APK_INFO_MAX, error, STATUS_TOO_LARGE, "channel info has %zu bytes, %d are allowed", text.length, APK_INFO_MAX);
    json_t *json = load(text, JSON_REJECT_DUPLICATES, &where);
    ENSURE(json, error, STATUS_INVALID, "channel info is not JSON: %s (at byte %d)", where.text, where.position);
    arena_defer(arena, free_json, json);
    ENSURE(json_is_object(json), error, STATUS_INVALID, "channel info must be a JSON object of strings");
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
        ENSURE(json_is_string(value), error, STATUS_INVALID, "channel info: the value of \"%s\" must be a string", name);
    *object = json;
    return STATUS_OK;
}

static enum status make_info(struct arena *arena, json_t *object, struct apk_info *info, struct error *error)
{
    json_t *channel = json_object_get(object, "channel");
    ENSURE(json_string_length(channel) > 0, error, STATUS_INVALID, "channel info must have a 'channel' that is not empty");
    char *text = json_dumps(object, JSON_COMPACT);
    ENSURE(text, error, STATUS_INTERNAL, "channel info could not be written as JSON");
    arena_defer(arena, free_text, text);
    *info = (struct apk_info){.json = str_of(text), .channel = str_make(json_string_value(channel), json_string_length(channel))};
    return STATUS_OK;
}

static json_t *new_object(struct arena *arena)
{
    json_t *object = json_object();
    arena_defer(arena, free_json, object);
    return object;
}

enum status apk_info_parse(struct arena *arena, struct str text, struct str fallback, struct apk_info *info, struct error *error)
{
    json_t *object;
    TRY(parse_strings(arena, text, &object, error));
    if (json_object_get(object, "channel") || fallback.length == 0) return make_info(arena, object, info, error);
    json_t *with_channel = new_object(arena);
    json_object_set_new(with_channel, "channel", json_stringn(fallback.data, fallback.length));
    json_object_update(with_channel, object);
    return make_info(arena, with_channel, info, error);
}

enum status apk_info_merge(struct arena *arena, const struct apk_info *base, struct str extra, struct apk_info *info, struct error *error)
{
    json_t *object, *more;
    TRY(parse_strings(arena, base->json, &object, error));
    TRY(parse_strings(arena, extra, &more, error));
    json_t *channel = json_object_get(more, "channel");
    ENSURE(!channel || str_equal(str_of(json_string_value(channel)), base->channel), error, STATUS_INVALID,
           "info in a URL may not change 'channel'");
    json_object_update(object, more);
    return make_info(arena, object, info, error);
}
