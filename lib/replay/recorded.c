#include "lib/replay/recorded.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "lib/demand/cells.h"
#include "lib/demand/demand.h"
#include "lib/edges/path.h"

/* What is known of a pair of edge and package; then its counts in each window. */
enum { TOTAL, CARRY, LAN, OBJECT, WINDOWS }; /* LAN, OBJECT: their numbers from 1 on; 0: left out */

struct reading {
    const struct recording *how;
    struct io io;
    /* The whole time, then the evicting rule's windows. */
    struct span spans[1 + POLICY_WINDOWS_MAXIMUM + 1];
    unsigned span_count;
    struct recorded *out;
    struct cells pairs;   /* by the edge's id and the package */
    struct cells objects; /* by package: whether and as what it is known, and its size */
    uint32_t *lans;       /* by number of the edge in the registry: 1 + that of the trace's LAN */
    struct arena *scratch;
    size_t capacity; /* of the trace's requests */
    /* Of the last cell: they come by LAN and package. */
    struct str last_lan, last_package;
    uint64_t *last_pair;
};

/* NULL: no edge serves it. Cells that follow each other are of one pair. */
static uint64_t *pair_of(struct reading *reading, struct str lan, struct str package)
{
    struct package_name name;
    struct error ignored;
    if (reading->last_lan.data && str_equal(reading->last_lan, lan) && str_equal(reading->last_package, package)) return reading->last_pair;
    arena_reset(reading->scratch);
    reading->last_lan = arena_copy(reading->scratch, lan);
    reading->last_package = arena_copy(reading->scratch, package);
    reading->last_pair = NULL;
    const struct edge *edge = registry_edge_serving(reading->how->registry, lan, NULL);
    if (!edge || package_name_parse(package, &name, &ignored) != STATUS_OK) return NULL;
    edge_package(edge, &name);
    return reading->last_pair = cells_of(&reading->pairs, edge->id, package_name_format(reading->scratch, &name));
}

/* --- first: who asked for how much */

static enum status note_row(void *context, const struct demand_row *row, struct error *error)
{
    struct reading *reading = context;
    uint64_t *pair = pair_of(reading, row->lan, row->package);
    (void)error;
    if (!pair) return STATUS_OK;
    for (unsigned i = 0; i < reading->span_count; i++) {
        uint64_t *count = i == 0 ? &pair[TOTAL] : &pair[WINDOWS + i - 1];
        cells_add(count, row->misses[i]);
        cells_add(count, row->hits[i]);
    }
    return STATUS_OK;
}

static enum status read_sums(struct reading *reading, struct error *error)
{
    const struct recording *how = reading->how;
    for (unsigned part = 0; part < LAN_PARTS; part++) {
        const struct demand_question question = {.spans = reading->spans, .span_count = reading->span_count};
        TRY(demand_sum(&(struct demand_part){how->store, reading->io, part}, &question, note_row, reading, error));
    }
    return STATUS_OK;
}

/* --- a sample of the packages, before anything is asked about any of them */

static uint64_t count_requests(const struct reading *reading)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < reading->pairs.count; i++) cells_add(&sum, reading->pairs.pairs[i].counts[TOTAL]);
    return sum;
}

/* Leaves packages out whose hash is not below the limit. Returns the requests of those that are left. */
static uint64_t keep_below(struct reading *reading, uint64_t limit)
{
    for (size_t i = 0; i < reading->pairs.count; i++) {
        const struct cells_pair *pair = &reading->pairs.pairs[i];
        uint64_t hash = hash64(HASH64, pair->package); /* short names leave its upper bits alike */
        if (random_next(&hash) >= limit) pair->counts[TOTAL] = 0;
    }
    return count_requests(reading);
}

/* Leaves packages out until about `most` requests are left, twice as many at most: one package may have most of all requests. A quota is
 * shared by as many packages fewer. */
static enum status sample_packages(struct reading *reading, uint64_t sum, struct error *error)
{
    struct recorded *out = reading->out;
    const uint64_t most = reading->how->most;
    uint64_t limit = (uint64_t)((double)most / (double)sum * 0x1p63) << 1, kept = keep_below(reading, limit);
    while (kept > 2 * most) kept = keep_below(reading, limit /= 2);
    ENSURE(kept > 0, error, STATUS_TOO_LARGE, "a few packages have nearly all of the %llu requests, and no sample of %llu can be taken",
           (unsigned long long)sum, (unsigned long long)most);
    out->share = (double)limit * 0x1p-64;
    out->asked = (double)kept / (double)sum;
    return STATUS_OK;
}

/* --- then: what the trace is about */

static enum status number_object(struct reading *reading, struct str package, uint64_t *number, struct error *error)
{
    enum { NUMBER, SIZE, ASKED };
    struct trace *trace = &reading->out->trace;
    uint64_t *object = cells_of(&reading->objects, S(""), package);
    struct package_name name;
    struct package_facts facts = {0};
    if (!object[ASKED]) {
        TRY(package_name_parse(package, &name, error));
        enum status status = reading->how->facts(reading->how->context, reading->io, &name, &facts, error);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
        if (status == STATUS_OK && package_facts_suffice(&facts, &name, reading->how->policy)) object[NUMBER] = ++trace->objects;
        object[SIZE] = facts.size;
        object[ASKED] = true;
    }
    *number = object[NUMBER];
    return STATUS_OK;
}

static uint32_t number_lan(struct reading *reading, struct str edge_id)
{
    const struct registry *registry = reading->how->registry;
    const struct edge *edge = registry_edge(registry, edge_id);
    uint32_t *number = &reading->lans[edge - registry->edges];
    if (*number == 0) {
        *number = ++reading->out->trace.lans;
        reading->out->quotas[*number - 1] = edge->quota == UINT64_MAX ? edge->quota : (uint64_t)((double)edge->quota * reading->out->share);
    }
    return *number;
}

static enum status number_pairs(struct reading *reading, uint64_t *sum, struct error *error)
{
    *sum = 0;
    for (size_t i = 0; i < reading->pairs.count; i++) {
        const struct cells_pair *pair = &reading->pairs.pairs[i];
        if (pair->counts[TOTAL] == 0) continue; /* only windows before `from`, or left out of the sample */
        TRY(number_object(reading, pair->package, &pair->counts[OBJECT], error));
        if (pair->counts[OBJECT] == 0) continue;
        pair->counts[LAN] = number_lan(reading, pair->lan);
        cells_add(sum, pair->counts[TOTAL]);
    }
    return STATUS_OK;
}

static void set_sizes(struct reading *reading)
{
    struct trace *trace = &reading->out->trace;
    trace->sizes = arena_array(reading->io.arena, trace->objects, sizeof *trace->sizes);
    for (size_t i = 0; i < reading->objects.count; i++) {
        const uint64_t *object = reading->objects.pairs[i].counts;
        if (object[0] > 0) trace->sizes[object[0] - 1] = object[1];
    }
}

/* What is left of a pair's requests after one cell is carried to the next, beginning with half a request: so sums are rounded to the
 * nearest, and not each cell by itself. */
static void make_room(struct reading *reading, uint64_t sum)
{
    struct recorded *out = reading->out;
    out->factor = reading->how->packages || sum == 0 ? 1 : sum / reading->how->most + (sum % reading->how->most > 0);
    for (size_t i = 0; i < reading->pairs.count; i++) {
        uint64_t *pair = reading->pairs.pairs[i].counts;
        if (pair[OBJECT] == 0) continue;
        pair[CARRY] = out->factor / 2;
        reading->capacity += (size_t)(pair[TOTAL] / out->factor) + 1;
    }
    out->trace.requests = arena_buffer(reading->io.arena, reading->capacity * sizeof *out->trace.requests);
}

static int by_count(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static void collect_counts(struct reading *reading)
{
    struct recorded *out = reading->out;
    unsigned windows = reading->span_count - 1;
    out->counts = arena_array(reading->io.arena, reading->pairs.count * windows, sizeof *out->counts);
    for (size_t i = 0; i < reading->pairs.count; i++) {
        const uint64_t *pair = reading->pairs.pairs[i].counts;
        for (unsigned w = 0; pair[OBJECT] > 0 && w < windows; w++)
            if (pair[WINDOWS + w] > 0) out->counts[out->count_count++] = pair[WINDOWS + w];
    }
    if (out->count_count > 0) qsort(out->counts, out->count_count, sizeof *out->counts, by_count);
}

/* --- then: the requests */

static enum status note_cell(void *context, const struct demand_cell *cell, struct error *error)
{
    struct reading *reading = context;
    struct recorded *out = reading->out;
    (void)error;
    if (cell->bucket < reading->spans[0].from || cell->bucket >= reading->spans[0].to) return STATUS_OK;
    uint64_t *pair = pair_of(reading, cell->lan, cell->package);
    if (!pair || pair[OBJECT] == 0) return STATUS_OK;
    cells_add(&pair[CARRY], cell->hits);
    cells_add(&pair[CARRY], cell->misses);
    uint64_t count = pair[CARRY] / out->factor;
    pair[CARRY] %= out->factor;
    for (uint64_t i = 0; i < count && out->trace.count < reading->capacity; i++)
        out->trace.requests[out->trace.count++] =
            (struct trace_request){.time = cell->bucket + (int64_t)((double)i * BUCKET / (double)count),
                                   .lan = (uint32_t)pair[LAN] - 1,
                                   .object = (uint32_t)pair[OBJECT] - 1};
    return STATUS_OK;
}

static enum status read_cells(struct reading *reading, struct error *error)
{
    const struct recording *how = reading->how;
    const struct span whole = reading->spans[0];
    for (int64_t day = whole.from - whole.from % CLOCK_DAY; day < whole.to; day += CLOCK_DAY)
        for (unsigned part = 0; part < LAN_PARTS; part++)
            TRY(demand_each_cell(&(struct demand_part){how->store, reading->io, part}, day, note_cell, reading, error));
    return STATUS_OK;
}

static enum status read_all(struct reading *reading, struct error *error)
{
    struct trace *trace = &reading->out->trace;
    TRY(read_sums(reading, error));
    uint64_t sum = count_requests(reading);
    reading->out->share = reading->out->asked = 1;
    if (reading->how->packages && sum > reading->how->most) TRY(sample_packages(reading, sum, error));
    TRY(number_pairs(reading, &sum, error));
    ENSURE(sum > 0, error, STATUS_NOT_FOUND, "no edge's LAN asked for anything, as far as the policy looks back");
    set_sizes(reading);
    make_room(reading, sum);
    if (!reading->how->packages) collect_counts(reading);
    TRY(read_cells(reading, error));
    ENSURE(trace->count > 0, error, STATUS_NOT_FOUND, "recorded demand has expired or is too sparse to replay");
    return trace_finish(reading->io.arena, trace, error);
}

enum status recorded_read(const struct recording *how, struct io io, struct recorded *out, struct error *error)
{
    struct reading reading = {.how = how, .io = io, .out = out, .scratch = arena_new()};
    *out = (struct recorded){0};
    reading.spans[0] = (struct span){policy_horizon(how->policy, how->now), how->now - how->now % BUCKET + BUCKET};
    reading.span_count = 1 + (how->packages ? 0 : policy_evict_spans(how->policy, how->now, reading.spans + 1));
    reading.pairs = (struct cells){.arena = io.arena, .width = WINDOWS + (size_t)reading.span_count - 1};
    reading.objects = (struct cells){.arena = io.arena, .width = 3};
    reading.lans = arena_array(io.arena, how->registry->edge_count, sizeof *reading.lans);
    out->quotas = arena_array(io.arena, how->registry->edge_count, sizeof *out->quotas);
    enum status status = read_all(&reading, error);
    arena_free(reading.scratch);
    return status;
}
