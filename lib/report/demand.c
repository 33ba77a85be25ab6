#include <stdlib.h>

#include "lib/demand/cells.h"
#include "lib/demand/demand.h"
#include "lib/report/report_internal.h"

enum { LANS_MOST = 500 };
enum { HITS, MISSES, COUNTS };

struct week {
    struct collecting *at;
    struct span days[REPORT_DAYS]; /* the earliest first */
    uint64_t hits[REPORT_DAYS], misses[REPORT_DAYS];
    struct cells lans; /* by LAN: hits, misses */
};

static enum status add_row(void *context, const struct demand_row *row, struct error *error)
{
    struct week *week = context;
    uint64_t *lan = cells_of(&week->lans, row->lan, S(""));
    (void)error;
    for (unsigned i = 0; i < REPORT_DAYS; i++) {
        cells_add(&week->hits[i], row->hits[i]);
        cells_add(&week->misses[i], row->misses[i]);
        cells_add(&lan[HITS], row->hits[i]);
        cells_add(&lan[MISSES], row->misses[i]);
    }
    return STATUS_OK;
}

static enum status read_week(struct week *week, struct error *error)
{
    const struct report_question *question = week->at->question;
    const struct demand_question spans = {week->days, REPORT_DAYS};
    struct arena *scratch = arena_new();
    enum status status = STATUS_OK;
    for (unsigned part = 0; part < LAN_PARTS && status == STATUS_OK; part++) {
        struct demand_part of = {question->store, {.arena = scratch, .deadline = week->at->io.deadline}, part};
        status = demand_sum(&of, &spans, add_row, week, error);
        arena_reset(scratch);
    }
    arena_free(scratch);
    return status;
}

static void put_days(const struct week *week)
{
    struct json_writer *json = &week->at->json;
    json_open_array(json, "days");
    for (unsigned i = 0; i < REPORT_DAYS; i++) {
        json_open_object(json, NULL);
        json_put_text(json, "day", demand_day(week->at->io.arena, week->days[i].from));
        json_put_number(json, "hits", week->hits[i]);
        json_put_number(json, "misses", week->misses[i]);
        json_close(json);
    }
    json_close(json);
}

/* What no edge answered first: there something can be done. */
static int by_misses(const void *left, const void *right)
{
    const struct cells_pair *a = left, *b = right;
    if (a->counts[MISSES] != b->counts[MISSES]) return a->counts[MISSES] > b->counts[MISSES] ? -1 : 1;
    return str_compare(a->lan, b->lan);
}

static void put_lans(const struct week *week)
{
    struct json_writer *json = &week->at->json;
    json_put_number(json, "lan_count", week->lans.count);
    json_open_array(json, "lans");
    for (size_t i = 0; i < week->lans.count && i < LANS_MOST; i++) {
        const struct cells_pair *pair = &week->lans.pairs[i];
        const struct edge *edge = registry_edge_serving(&week->at->registry, pair->lan, NULL);
        json_open_object(json, NULL);
        json_put_lossy(json, "lan", pair->lan);
        json_put_text_or_null(json, "edge", edge ? edge->id : S(""));
        json_put_number(json, "hits", pair->counts[HITS]);
        json_put_number(json, "misses", pair->counts[MISSES]);
        json_close(json);
    }
    json_close(json);
}

enum status report_put_demand(struct collecting *at, struct error *error)
{
    struct week week = {.at = at, .lans = {.arena = at->io.arena, .width = COUNTS}};
    int64_t today = at->question->now - at->question->now % CLOCK_DAY;
    for (int i = 0; i < REPORT_DAYS; i++) {
        int64_t from = today - (REPORT_DAYS - 1 - i) * (int64_t)CLOCK_DAY;
        week.days[i] = (struct span){from, from + CLOCK_DAY};
    }
    TRY(read_week(&week, error));
    if (week.lans.count > 0) qsort(week.lans.pairs, week.lans.count, sizeof *week.lans.pairs, by_misses);
    json_open_object(&at->json, "demand");
    put_days(&week);
    put_lans(&week);
    json_close(&at->json);
    return STATUS_OK;
}
