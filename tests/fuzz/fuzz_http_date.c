/* Dates and times: what can be read can be written, and then read as the same moment. */
#include <assert.h>

#include "lib/http/date.h"

static void check_http_date(struct arena *arena, struct str text)
{
    int64_t moment, again;
    if (!http_date_parse(text, &moment)) return;
    assert(moment % CLOCK_SECOND == 0);
    struct str written = http_date(arena, moment);
    assert(written.length == 29 && http_date_parse(written, &again) && again == moment);
}

static void check_time(struct arena *arena, struct str text)
{
    int64_t moment, again, span, offset;
    if (clock_parse_time(text, &moment)) {
        assert(moment >= 0);
        assert(clock_parse_time(clock_format_time(arena, moment), &again) && again == moment);
    }
    if (clock_parse_span(text, &span)) {
        struct str written = clock_format_span(arena, span);
        assert(span >= 0 && clock_parse_span(written, &again) && again == span && written.length <= text.length);
    }
    if (clock_parse_zone(text, &offset)) assert(offset > -CLOCK_DAY && offset < CLOCK_DAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    check_http_date(arena, str_make(data, size));
    check_time(arena, str_make(data, size));
    if (size >= sizeof(int64_t)) { /* any moment at all has a calendar day */
        int64_t moment;
        memcpy(&moment, data, sizeof moment);
        struct calendar c = clock_calendar(moment);
        assert(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.hour >= 0 && c.hour <= 23);
        assert(c.minute >= 0 && c.minute <= 59 && c.second >= 0 && c.second <= 59 && c.weekday >= 0 && c.weekday <= 6);
        int64_t again;
        if (clock_from_calendar(&c, &again)) assert(again <= moment && moment - again < CLOCK_SECOND);
    }
    arena_free(arena);
    return 0;
}
