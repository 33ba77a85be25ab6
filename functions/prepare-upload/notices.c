#include "functions/prepare-upload/notices.h"

#include "base/encode.h"
#include "lib/config/config.h"

static void release_json(void *root)
{
    json_decref(root);
}

/* The text at root.a.b.c; {NULL, 0} where there is none. */
static struct str text_at(const json_t *at, const char *const *path)
{
    for (; *path; path++) at = json_object_get(at, *path);
    return json_is_string(at) ? str_make(json_string_value(at), json_string_length(at)) : (struct str){0};
}

/* S3 writes names as forms do: a plus is a space, and a plus of the name's own is %2B. */
static struct str decoded(struct arena *arena, struct str name, bool as_form)
{
    struct str bytes;
    char *copy = arena_cstr(arena, name);
    for (char *c = copy; *c && as_form; c++)
        if (*c == '+') *c = ' ';
    return percent_decode(arena, str_of(copy), &bytes) ? bytes : name;
}

/* Where a form of event has what. */
struct form {
    const char *list; /* NULL: one event, the root itself */
    const char *event[2], *object[4];
    bool encoded, as_form;
};

static const struct form forms[] = {
    {"Records", {"eventName"}, {"s3", "object", "key"}, true, true},
    {"events", {"eventName"}, {"oss", "object", "key"}, true, false},
    {NULL, {"detail-type"}, {"detail", "object", "key"}, false, false},
};

/* "ObjectCreated:Put", MinIO's "s3:ObjectCreated:Put", "Object Created" */
static bool tells_of_creation(struct str event)
{
    if (str_starts(event, S("s3:"))) event = str_from(event, 3);
    return str_starts(event, S("ObjectCreated:")) || str_equal(event, S("Object Created"));
}

static bool read_notice(struct arena *arena, const struct form *form, const json_t *record, struct notice *notice)
{
    struct str event = text_at(record, form->event), name = text_at(record, form->object);
    if (!event.data || !name.data) return false;
    *notice = (struct notice){.event = arena_copy(arena, event), .created = tells_of_creation(event)};
    notice->object = form->encoded ? decoded(arena, name, form->as_form) : arena_copy(arena, name);
    return true;
}

static enum status read_notices(struct arena *arena, const struct form *form, const json_t *records, struct notices *notices,
                                struct error *error)
{
    notices->items = arena_array(arena, json_array_size(records), sizeof *notices->items);
    for (; notices->count < json_array_size(records); notices->count++)
        ENSURE(read_notice(arena, form, json_array_get(records, notices->count), &notices->items[notices->count]), error, STATUS_INVALID,
               "%s[%zu] of the event is no storage notification", form->list, notices->count);
    return STATUS_OK;
}

static enum status read_order(struct arena *arena, struct str text, struct notices *notices, struct error *error)
{
    struct config event;
    struct str name = {0};
    TRY(config_open(arena, text, "event", &event, error));
    TRY(config_text(&event, "pakhus", CONFIG_REQUIRED, &name, error));
    ENSURE(str_equal(name, S("prepare-upload")), error, STATUS_INVALID, "event.pakhus: must be 'prepare-upload' here");
    TRY(config_id(&event, "app", CONFIG_REQUIRED, &notices->app, error));
    TRY(config_version(&event, "version", CONFIG_REQUIRED, &notices->version, error));
    return config_end(&event, error);
}

enum status notices_parse(struct arena *arena, struct str text, struct notices *out, struct error *error)
{
    struct notices notices = {0};
    json_t *root = json_loadb(text.data ? text.data : "", text.length, 0, NULL);
    arena_defer(arena, release_json, root);
    if (json_object_get(root, "pakhus")) {
        TRY(read_order(arena, text, &notices, error));
        return *out = notices, STATUS_OK;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const json_t *records = forms[i].list ? json_object_get(root, forms[i].list) : NULL;
        struct notice one;
        if (json_is_array(records)) {
            TRY(read_notices(arena, &forms[i], records, &notices, error));
            return *out = notices, STATUS_OK;
        }
        if (forms[i].list || !read_notice(arena, &forms[i], root, &one)) continue;
        notices.items = arena_new_of(arena, struct notice);
        notices.items[notices.count++] = one;
        return *out = notices, STATUS_OK;
    }
    return error_set(error, STATUS_INVALID,
                     "unrecognised event; expected a notification of S3 (Records[].s3), of EventBridge (Object Created) or of OSS "
                     "(events[].oss), or {\"pakhus\":\"prepare-upload\",\"app\":…,\"version\":…}");
}
