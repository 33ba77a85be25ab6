/* Windows as JSON, both ways. */
#include "lib/policy/window_text.h"

#include "base/json.h"

enum { TIME_LENGTH = 5, DATE_LENGTH = 10, WINDOW_TEXT_MAX = 1024 };

static enum status parse_last(struct config *config, struct window *window, struct error *error)
{
    window->kind = WINDOW_LAST;
    TRY(config_span(config, "last", CONFIG_REQUIRED, &window->last, error));
    if (window->last >= BUCKET && window->last <= WINDOW_LONGEST && window->last % BUCKET == 0) return STATUS_OK;
    return config_refuse(config, "last", error, "must be from 5m to 31d, in whole steps of 5m");
}

/* `2026-08-21` or `2026-08-21T06:00`, as clocks in the policy's time zone show it. */
static bool parse_date(struct arena *arena, struct str text, int64_t *moment)
{
    struct str time = text.length > DATE_LENGTH ? str_from(text, DATE_LENGTH) : S("T00:00");
    if (time.length != TIME_LENGTH + 1) return false;
    return clock_parse_time(arena_join(arena, str_first(text, DATE_LENGTH), time, S(":00Z")), moment);
}

static enum status parse_since(struct config *config, struct window *window, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, "since", CONFIG_REQUIRED, &text, error));
    window->kind = WINDOW_SINCE;
    bool is_time = clock_parse_day_time(text, &window->from) && window->from < CLOCK_DAY;
    if (!is_time) window->kind = WINDOW_DATE;
    if (!is_time && !parse_date(config->arena, text, &window->from))
        return config_refuse(config, "since", error,
                             "must be a time of day before 24:00, such as 06:00, or a date: 2026-08-21 or 2026-08-21T06:00");
    if (window->from % BUCKET == 0) return STATUS_OK;
    return config_refuse(config, "since", error, "must be in whole steps of five minutes");
}

static enum status parse_slot(struct config *config, const char *name, struct str text, struct window *window, struct error *error)
{
    int64_t begin, end;
    struct str to = text, from = str_cut(&to, '-');
    if (!clock_parse_day_time(from, &begin) || !clock_parse_day_time(to, &end) || begin == CLOCK_DAY || begin == end)
        return config_refuse(config, name, error, "'" STR_FMT "' must be two times of day that differ, such as 06:00-24:00", STR_ARG(text));
    if (begin % BUCKET != 0 || end % BUCKET != 0) return config_refuse(config, name, error, "must be in whole steps of five minutes");
    int64_t length = end > begin ? end - begin : end + CLOCK_DAY - begin;
    bool first = window->slots == 0;
    if (!first && length != window->length) return config_refuse(config, name, error, "must be of equal length");
    if (!first && begin < window->begins[window->slots - 1] + length)
        return config_refuse(config, name, error, "must be in order, and must not overlap");
    window->length = length;
    window->begins[window->slots++] = begin;
    return STATUS_OK;
}

static enum status parse_one_slot(struct config *config, struct window *window, struct error *error)
{
    struct str text = {0};
    window->kind = WINDOW_SLOT;
    TRY(config_text(config, "slot", CONFIG_REQUIRED, &text, error));
    return parse_slot(config, "slot", text, window, error);
}

static enum status parse_slots(struct config *config, struct window *window, struct error *error)
{
    struct str *texts = NULL;
    size_t count = 0;
    window->kind = WINDOW_SLOT;
    TRY(config_texts(config, "slots", CONFIG_REQUIRED, WINDOW_SLOTS_MAX, &texts, &count, error));
    if (count == 0) return config_refuse(config, "slots", error, "must have at least one slot");
    for (size_t i = 0; i < count; i++) TRY(parse_slot(config, "slots", texts[i], window, error));
    if (window->begins[window->slots - 1] + window->length <= window->begins[0] + CLOCK_DAY) return STATUS_OK;
    return config_refuse(config, "slots", error, "must be in order, and must not overlap");
}

static const struct {
    const char *name;
    enum status (*parse)(struct config *, struct window *, struct error *);
} kinds[] = {{"last", parse_last}, {"since", parse_since}, {"slot", parse_one_slot}, {"slots", parse_slots}};

enum status window_parse(struct config *config, struct window *window, struct error *error)
{
    struct config child;
    TRY(config_object(config, "window", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    struct window parsed = {0};
    if (json_object_size(child.object) != 1)
        return config_refuse(config, "window", error, "must have exactly one of last, since, slot and slots");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_object_get(child.object, kinds[i].name)) TRY(kinds[i].parse(&child, &parsed, error));
    TRY(config_end(&child, error));
    *window = parsed;
    return STATUS_OK;
}

struct str window_since_text(struct arena *arena, const struct window *window)
{
    if (window->kind == WINDOW_SINCE) return clock_format_day_time(arena, window->from);
    return str_first(clock_format_time(arena, window->from), DATE_LENGTH + 1 + TIME_LENGTH);
}

struct str window_slot_text(struct arena *arena, const struct window *window, unsigned slot)
{
    int64_t begin = window->begins[slot], end = begin + window->length;
    if (end > CLOCK_DAY) end -= CLOCK_DAY;
    return arena_join(arena, clock_format_day_time(arena, begin), S("-"), clock_format_day_time(arena, end));
}

struct str window_format(struct arena *arena, const struct window *window)
{
    struct buf out = buf_in(arena, WINDOW_TEXT_MAX);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    if (window->kind == WINDOW_SINCE || window->kind == WINDOW_DATE)
        json_put_text(&json, "since", window_since_text(arena, window));
    else if (window->kind == WINDOW_LAST)
        json_put_text(&json, "last", clock_format_span(arena, window->last));
    else if (window->slots == 1)
        json_put_text(&json, "slot", window_slot_text(arena, window, 0));
    else {
        json_open_array(&json, "slots");
        for (unsigned i = 0; i < window->slots; i++) json_put_text(&json, NULL, window_slot_text(arena, window, i));
        json_close(&json);
    }
    json_close(&json);
    return buf_str(&out);
}
