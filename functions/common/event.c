#include "functions/common/event.h"

static bool is_schedule(const json_t *json)
{
    const char *kind = json_string_value(json_object_get(json, "detail-type"));
    return kind && strcmp(kind, "Scheduled Event") == 0;
}

/* `{}` where a schedule says nothing but that it is time. */
static struct str event_unwrap(struct arena *arena, struct str event)
{
    json_t *json = json_loadb(event.data ? event.data : "", event.length, 0, NULL);
    const json_t *payload = json_object_get(json, "payload");
    bool is_timer = json_object_get(json, "triggerName") != NULL;
    struct str inner = event;
    if (is_timer && json_is_string(payload))
        inner = str_trim(arena_copy(arena, str_make(json_string_value(payload), json_string_length(payload))));
    if (is_schedule(json) || (is_timer && inner.length == 0)) inner = S("{}");
    json_decref(json);
    return inner;
}

enum status event_open(struct arena *arena, struct str event, const char *kind, struct config *config, struct error *error)
{
    struct str name = str_of(kind);
    TRY(config_open(arena, event_unwrap(arena, event), "event", config, error));
    TRY(config_text(config, "pakhus", CONFIG_OPTIONAL, &name, error));
    if (str_equal(name, str_of(kind))) return STATUS_OK;
    return config_refuse(config, "pakhus", error, "must be '%s' here", kind);
}
