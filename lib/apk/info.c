#include "lib/apk/info.h"

#include <jansson.h>

#include "lib/apk/channel.h"

static void free_json(void *json)
{
    json_decref(json);
}

static json_t *load(struct str text, size_t flags, json_error_t *error)
{
    /* jansson takes NULL for a programming error. */
    return json_loadb(text.data ? text.data : "", text.length, flags, error);
}

bool apk_info_is_object(struct str text)
{
    json_error_t unused;
    if (text.length > APK_INFO_MAXIMUM) return false;
    json_t *json = load(text, 0, &unused);
    bool object = json_is_object(json);
    json_decref(json);
    return object;
}

static enum status check_values(json_t *json, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        ENSURE(json_is_string(value), error, STATUS_INVALID, "channel info: the value of \"%s\" is not a string", key);
    }
    return STATUS_OK;
}

enum status apk_info_parse(struct arena *arena, struct str text, struct apk_info *info, struct error *error)
{
    json_error_t why;
    struct str trimmed = str_trim(text);
    ENSURE(trimmed.length <= APK_INFO_MAXIMUM, error, STATUS_TOO_LARGE, "channel info has %zu bytes, %d are allowed", trimmed.length,
           APK_INFO_MAXIMUM);
    json_t *json = load(trimmed, JSON_REJECT_DUPLICATES, &why);
    ENSURE(json, error, STATUS_INVALID, "channel info is not JSON: %s (at byte %d)", why.text, why.position);
    arena_defer(arena, free_json, json);
    ENSURE(json_is_object(json), error, STATUS_INVALID, "channel info must be a JSON object");
    TRY(check_values(json, error));
    json_t *channel = json_object_get(json, "channel");
    ENSURE(channel && json_string_length(channel) > 0, error, STATUS_INVALID, "channel info: \"channel\" is missing");
    *info = (struct apk_info){arena_copy(arena, trimmed), str_make(json_string_value(channel), json_string_length(channel))};
    return STATUS_OK;
}
