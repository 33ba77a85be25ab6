#include <jansson.h>

#include "lib/demand/text.h"
#include "lib/report/report_internal.h"

/* The newest, and the newest that say that an edge is missing: two lists, since decisions by the thousand would hide these. */
enum { DECISIONS_MOST = 500, ALERTS_MOST = 200, OBJECTS_MOST = 200, OBJECT_LIMIT = 4 << 20, LINE_LIMIT = 2048, LIST_BYTES = 288 << 10 };

struct newest { /* a ring of the last keys of a day */
    struct arena *arena;
    struct str keys[OBJECTS_MOST];
    size_t count;
};

static bool note_key(void *context, const struct store_object *object)
{
    struct newest *newest = context;
    newest->keys[newest->count++ % OBJECTS_MOST] = arena_copy(newest->arena, object->key);
    return true;
}

/* What stands in the store is put as it is only where it is one JSON object. */
static bool is_object(struct str line)
{
    json_t *object = line.length <= LINE_LIMIT ? json_loadb(line.data, line.length, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
    bool good = json_is_object(object);
    json_decref(object);
    return good;
}

/* The last line first. False: the list is complete. */
static bool put_lines(struct report_list *list, struct str text)
{
    text = str_trim(text);
    while (text.length > 0) {
        size_t before = str_find_last(text, '\n');
        bool only = before == text.length;
        struct str line = only ? text : str_from(text, before + 1);
        text = str_first(text, only ? 0 : before);
        if (!is_object(line)) continue;
        if (!report_list_takes_one(list)) return false;
        json_put_raw(&list->at->json, NULL, line);
    }
    return true;
}

/* *more: the list is not complete. */
static enum status put_day(struct report_list *list, struct str prefix, bool *more, struct error *error)
{
    struct collecting *at = list->at;
    struct newest newest = {.arena = at->io.arena};
    TRY(store_list(at->question->store, at->io, prefix, 0, note_key, &newest, error));
    size_t objects = newest.count < OBJECTS_MOST ? newest.count : OBJECTS_MOST;
    for (size_t i = 1; i <= objects && *more; i++) {
        const struct store_get get = {.limit = OBJECT_LIMIT};
        struct store_object object;
        enum status status = store_get(at->question->store, at->io, newest.keys[(newest.count - i) % OBJECTS_MOST], &get, &object, error);
        if (status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE) continue;
        TRY(status);
        *more = put_lines(list, object.body);
    }
    return STATUS_OK;
}

static enum status put_list(struct collecting *at, const char *name, size_t most, struct error *error)
{
    struct report_list list = report_list_open(at, name, most, LIST_BYTES);
    bool more = true;
    for (int i = 0; i < REPORT_DAYS && more; i++) {
        struct str day = demand_day(at->io.arena, at->question->now - i * (int64_t)CLOCK_DAY);
        TRY(put_day(&list, arena_join(at->io.arena, str_of(name), S("/"), day, S("/")), &more, error));
    }
    json_close(&at->json);
    return STATUS_OK;
}

enum status report_put_decisions(struct collecting *at, struct error *error)
{
    TRY(put_list(at, "alerts", ALERTS_MOST, error));
    return put_list(at, "decisions", DECISIONS_MOST, error);
}
