#include "lib/demand/demand.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/demand/cells.h"
#include "lib/edges/name.h"
#include "lib/policy/policy.h"
#include "lib/report/report_internal.h"
#include "lib/store/many.h"

enum { LANS_MOST = 500, LANS_BYTES = 128 << 10, CHANNELS_MOST = 200, CHANNELS_BYTES = 64 << 10 };
enum { HITS, MISSES, HIT_BYTES, MISS_BYTES, COUNTS };

struct week {
    struct collecting *at;
    struct span days[REPORT_DAYS]; /* the earliest first */
    uint64_t by_day[REPORT_DAYS][COUNTS];
    struct cells lans;     /* by LAN */
    struct cells channels; /* by app and channel */
    int64_t kept_from;
    pthread_mutex_t lock; /* of all that is summed */
};

static void add(uint64_t *counts, uint64_t hits, uint64_t misses, uint64_t size)
{
    uint64_t bytes;
    cells_add(&counts[HITS], hits);
    cells_add(&counts[MISSES], misses);
    cells_add(&counts[HIT_BYTES], __builtin_mul_overflow(hits, size, &bytes) ? UINT64_MAX : bytes);
    cells_add(&counts[MISS_BYTES], __builtin_mul_overflow(misses, size, &bytes) ? UINT64_MAX : bytes);
}

static void add_days(struct week *week, const struct demand_row *row, const struct package_name *name, uint64_t size)
{
    uint64_t *lan = cells_of(&week->lans, row->lan, S(""));
    uint64_t *channel = cells_of(&week->channels, name->app, name->channel);
    for (unsigned i = 0; i < REPORT_DAYS; i++) {
        add(week->by_day[i], row->hits[i], row->misses[i], size);
        add(lan, row->hits[i], row->misses[i], size);
        add(channel, row->hits[i], row->misses[i], size);
    }
}

static enum status add_row(void *context, const struct demand_row *row, struct error *error)
{
    struct week *week = context;
    struct package_name name;
    if (package_name_parse(row->package, &name, error) != STATUS_OK) return STATUS_OK;
    uint64_t size = report_size_of(&week->at->packages, row->package);
    pthread_mutex_lock(&week->lock);
    add_days(week, row, &name, size);
    pthread_mutex_unlock(&week->lock);
    return STATUS_OK;
}

static enum status read_part(void *context, struct io io, size_t number, struct error *error)
{
    struct week *week = context;
    const struct demand_question days = {week->days, REPORT_DAYS};
    const struct demand_part part = {week->at->question->store, io, (unsigned)number};
    return demand_sum(&part, &days, add_row, week, error);
}

static enum status read_week(struct week *week, struct error *error)
{
    const struct store_many parts = {.count = LAN_PARTS, .each = read_part, .context = week};
    pthread_mutex_init(&week->lock, NULL);
    enum status status = store_many(&parts, week->at->io, error);
    pthread_mutex_destroy(&week->lock);
    return status;
}

/* --- what is put */

static void put_counts(struct json_writer *json, const uint64_t *counts)
{
    json_put_number(json, "hits", counts[HITS]);
    json_put_number(json, "misses", counts[MISSES]);
    json_put_number(json, "hit_bytes", counts[HIT_BYTES]);
    json_put_number(json, "miss_bytes", counts[MISS_BYTES]);
    json_close(json);
}

static void put_days(const struct week *week)
{
    struct json_writer *json = &week->at->json;
    json_open_array(json, "days");
    for (unsigned i = 0; i < REPORT_DAYS; i++) {
        json_open_object(json, NULL);
        json_put_text(json, "day", demand_day(week->at->io.arena, week->days[i].from));
        json_put_bool(json, "kept", week->days[i].to > week->kept_from);
        put_counts(json, week->by_day[i]);
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

static void put_lans(struct week *week)
{
    struct json_writer *json = &week->at->json;
    if (week->lans.count > 0) qsort(week->lans.pairs, week->lans.count, sizeof *week->lans.pairs, by_misses);
    json_put_number(json, "lan_count", week->lans.count);
    struct report_list list = report_list_open(week->at, "lans", LANS_MOST, LANS_BYTES);
    for (size_t i = 0; i < week->lans.count && report_list_takes_one(&list); i++) {
        const struct cells_pair *pair = &week->lans.pairs[i];
        const struct edge *edge = registry_edge_serving(&week->at->registry, pair->lan, NULL);
        json_open_object(json, NULL);
        json_put_lossy(json, "lan", pair->lan);
        json_put_text_or_null(json, "edge", edge ? edge->id : S(""));
        put_counts(json, pair->counts);
    }
    json_close(json);
}

static int by_requests(const void *left, const void *right)
{
    const struct cells_pair *a = left, *b = right;
    uint64_t of_a = a->counts[HITS] + a->counts[MISSES], of_b = b->counts[HITS] + b->counts[MISSES];
    if (of_a != of_b) return of_a > of_b ? -1 : 1;
    int order = str_compare(a->lan, b->lan);
    return order != 0 ? order : str_compare(a->package, b->package);
}

static void put_channels(struct week *week)
{
    struct json_writer *json = &week->at->json;
    if (week->channels.count > 0) qsort(week->channels.pairs, week->channels.count, sizeof *week->channels.pairs, by_requests);
    json_put_number(json, "channel_count", week->channels.count);
    struct report_list list = report_list_open(week->at, "channels", CHANNELS_MOST, CHANNELS_BYTES);
    for (size_t i = 0; i < week->channels.count && report_list_takes_one(&list); i++) {
        const struct cells_pair *pair = &week->channels.pairs[i];
        json_open_object(json, NULL);
        json_put_text(json, "app", pair->lan);
        json_put_text_or_null(json, "channel", pair->package);
        put_counts(json, pair->counts);
    }
    json_close(json);
}

static enum status load_horizon(struct week *week, struct error *error)
{
    struct policy policy;
    TRY(policy_load(week->at->question->store, week->at->io, 0, &policy, error));
    week->kept_from = policy_horizon(&policy, week->at->question->now);
    return STATUS_OK;
}

enum status report_put_demand(struct collecting *at, struct error *error)
{
    struct week week = {.at = at};
    week.lans = week.channels = (struct cells){.arena = at->io.arena, .width = COUNTS};
    int64_t today = at->question->now - at->question->now % CLOCK_DAY;
    for (int i = 0; i < REPORT_DAYS; i++) {
        int64_t from = today - (REPORT_DAYS - 1 - i) * (int64_t)CLOCK_DAY;
        week.days[i] = (struct span){from, from + CLOCK_DAY};
    }
    TRY(load_horizon(&week, error));
    TRY(read_week(&week, error));
    json_open_object(&at->json, "demand");
    put_days(&week);
    put_lans(&week);
    put_channels(&week);
    json_close(&at->json);
    return STATUS_OK;
}
