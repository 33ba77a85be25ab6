#include "lib/replay/counts_internal.h"

enum { FEW_CELLS = 16 };

static int64_t bucket_of(int64_t time)
{
    return time - time % BUCKET;
}

/* --- cells */

/* How many each pair has, then where each begins, then their buckets. `last`: by pair, 1 + the last bucket so far. */
static void count_cells(const struct trace *trace, int64_t *last, uint32_t *first_cells)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_request *request = &trace->requests[i];
        int64_t bucket = bucket_of(request->time);
        first_cells[request->pair + 1] += last[request->pair] != bucket + 1;
        last[request->pair] = bucket + 1;
    }
    for (uint32_t pair = 0; pair < trace->pairs; pair++) first_cells[pair + 1] += first_cells[pair];
}

static void fill_cells(const struct trace *trace, const uint32_t *first_cells, uint32_t *ends, int64_t *buckets)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_request *request = &trace->requests[i];
        int64_t bucket = bucket_of(request->time);
        uint32_t *end = &ends[request->pair], begin = first_cells[request->pair];
        if (*end == 0) *end = begin;
        if (*end == begin || buckets[*end - 1] != bucket) buckets[(*end)++] = bucket;
    }
}

void counts_open(struct counts *counts, struct arena *arena, const struct trace *trace)
{
    struct arena *scratch = arena_new();
    uint32_t *first_cells = arena_array(arena, (size_t)trace->pairs + 1, sizeof *first_cells);
    count_cells(trace, arena_array(scratch, trace->pairs, sizeof(int64_t)), first_cells);
    size_t count = first_cells[trace->pairs];
    int64_t *buckets = arena_buffer(arena, count * sizeof *buckets);
    fill_cells(trace, first_cells, arena_array(scratch, trace->pairs, sizeof(uint32_t)), buckets);
    *counts = (struct counts){.arena = arena, .trace = trace, .first_cells = first_cells, .buckets = buckets};
    counts->cells = arena_array(arena, count, sizeof *counts->cells);
    counts->pairs = arena_array(arena, trace->pairs, sizeof *counts->pairs);
    for (uint32_t pair = 0; pair < trace->pairs; pair++) counts->pairs[pair].end = first_cells[pair];
    arena_free(scratch);
}

/* --- windows */

static void weigh(struct counts_windows *windows, int64_t now)
{
    windows->time = decide_window_time(windows->spans, windows->count, now);
}

static bool begin_alike(const struct span *one, const struct span *other, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (one[i].from != other[i].from) return false;
    return true;
}

/* Sums of the last so many hours change cell by cell, which `until` tells; those of other windows only when these begin anew. */
static void move_windows(struct counts *counts, struct counts_windows *windows, const struct span *spans)
{
    if (windows->window.kind != WINDOW_LAST && !begin_alike(windows->spans, spans, windows->count)) counts->version++;
    memcpy(windows->spans, spans, windows->count * sizeof *spans);
}

void counts_move(struct counts *counts, const struct policy *policy, int64_t now)
{
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1] = {0};
    bool last = policy->place.window.kind == WINDOW_LAST && policy->evict.window.kind == WINDOW_LAST;
    if (last && bucket_of(now) == counts->bucket) return; /* others may begin, or grow, within a bucket */
    counts->bucket = bucket_of(now);
    policy_place_spans(policy, now, spans);
    move_windows(counts, &counts->place, spans);
    policy_evict_spans(policy, now, spans);
    move_windows(counts, &counts->evict, spans);
    weigh(&counts->place, now);
    weigh(&counts->evict, now);
}

static bool looks_alike(const struct counts_windows *windows, const struct window *other, unsigned count)
{
    const struct window *window = &windows->window;
    bool same = windows->count == count && window->kind == other->kind && window->last == other->last && window->from == other->from &&
                window->slots == other->slots && window->length == other->length;
    for (unsigned i = 0; same && i < window->slots; i++) same = window->begins[i] == other->begins[i];
    return same;
}

void counts_policy(struct counts *counts, const struct policy *policy, int64_t now)
{
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    bool alike = looks_alike(&counts->place, &policy->place.window, policy_place_spans(policy, now, spans)) &&
                 looks_alike(&counts->evict, &policy->evict.window, policy_evict_spans(policy, now, spans));
    counts->place.window = policy->place.window;
    counts->evict.window = policy->evict.window;
    counts->place.count = policy_place_spans(policy, now, counts->place.spans);
    counts->evict.count = policy_evict_spans(policy, now, counts->evict.spans);
    counts->bucket = bucket_of(now);
    counts->version++;
    weigh(&counts->place, now);
    weigh(&counts->evict, now);
    for (uint32_t pair = 0; !alike && pair < counts->trace->pairs; pair++) counts->pairs[pair].track = NULL;
}

/* --- sums */

static uint32_t of_cell(const struct counts *counts, uint32_t cell, bool hits)
{
    return hits ? counts->cells[cell].hits : counts->cells[cell].misses;
}

/* Windows do not overlap, and the newest comes first: so one way back through the cells does for all of them. */
static void sum_back(const struct counts *counts, uint32_t pair, const struct counts_windows *windows, bool hits, uint64_t *sums)
{
    unsigned window = 0;
    memset(sums, 0, windows->count * sizeof *sums);
    for (uint32_t cell = counts->pairs[pair].end; cell-- > counts->first_cells[pair];) {
        int64_t bucket = counts->buckets[cell];
        while (window < windows->count && bucket < windows->spans[window].from) window++;
        if (window == windows->count) break;
        if (bucket < windows->spans[window].to) sums[window] += of_cell(counts, cell, hits);
    }
}

static void move_track(const struct counts *counts, uint32_t end, const struct span *span, bool hits, struct counts_track *track)
{
    for (; track->from < end && counts->buckets[track->from] < span->from; track->from++)
        if (track->from < track->to) track->sum -= of_cell(counts, track->from, hits);
    if (track->to < track->from) track->to = track->from;
    for (; track->to < end && counts->buckets[track->to] < span->to; track->to++) track->sum += of_cell(counts, track->to, hits);
}

/* When the windows' sums change by themselves: a cell leaves once the windows have moved by more than it is ahead of their beginnings. */
static int64_t changes_at(const struct counts *counts, int64_t bucket, int64_t begin)
{
    return counts->bucket + (bucket - begin) / BUCKET * BUCKET + BUCKET;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* Of tracks that have been moved. Those that wait in front of a window enter it as the one after it is left. */
static int64_t track_until(const struct counts *counts, uint32_t end, const struct counts_windows *windows,
                           const struct counts_track *tracks)
{
    int64_t until = INT64_MAX;
    if (windows->window.kind != WINDOW_LAST) return until;
    for (unsigned i = 0; i < windows->count; i++) {
        const struct counts_track *track = &tracks[i];
        if (track->from < end) until = earlier(until, changes_at(counts, counts->buckets[track->from], windows->spans[i].from));
    }
    return until;
}

/* The same by way of the cells themselves. */
static int64_t cells_until(const struct counts *counts, uint32_t pair, const struct counts_windows *windows)
{
    int64_t until = INT64_MAX;
    unsigned window = 0;
    if (windows->window.kind != WINDOW_LAST) return until;
    for (uint32_t cell = counts->pairs[pair].end; cell-- > counts->first_cells[pair];) {
        int64_t bucket = counts->buckets[cell];
        while (window < windows->count && bucket < windows->spans[window].from) window++;
        if (window == windows->count) break;
        until = earlier(until, changes_at(counts, bucket, windows->spans[window].from));
    }
    return until;
}

static void track(struct counts *counts, uint32_t pair, const struct counts_windows *windows, bool hits, struct counts_track *tracks,
                  uint64_t *sums)
{
    struct counts_pair *of = &counts->pairs[pair];
    for (unsigned i = 0; i < windows->count; i++) {
        move_track(counts, of->end, &windows->spans[i], hits, &tracks[i]);
        sums[i] = tracks[i].sum;
    }
    of->until = earlier(of->until, track_until(counts, of->end, windows, tracks));
}

static void begin_tracks(struct counts *counts, uint32_t pair)
{
    struct counts_pair *of = &counts->pairs[pair];
    unsigned count = counts->place.count + counts->evict.count;
    of->track = arena_array(counts->arena, count, sizeof *of->track);
    for (unsigned i = 0; i < count; i++) of->track[i].from = of->track[i].to = counts->first_cells[pair];
}

static void sum(struct counts *counts, uint32_t pair, uint64_t *misses, uint64_t *hits)
{
    struct counts_pair *of = &counts->pairs[pair];
    if (!of->track && of->end - counts->first_cells[pair] > FEW_CELLS) begin_tracks(counts, pair);
    of->until = INT64_MAX;
    if (of->track) {
        track(counts, pair, &counts->place, false, of->track, misses);
        track(counts, pair, &counts->evict, true, of->track + counts->place.count, hits);
        return;
    }
    sum_back(counts, pair, &counts->place, false, misses);
    sum_back(counts, pair, &counts->evict, true, hits);
    of->until = earlier(cells_until(counts, pair, &counts->place), cells_until(counts, pair, &counts->evict));
}

void counts_sums(struct counts *counts, uint32_t pair, uint64_t sums[POLICY_SPANS_MAXIMUM])
{
    struct counts_pair *of = &counts->pairs[pair];
    uint64_t *hits = sums + counts->place.count;
    sum(counts, pair, sums, hits);
    of->version = counts->version;
    of->misses = decide_window_requests(sums, counts->place.count);
    of->hits = decide_window_requests(hits, counts->evict.count);
}

static void refresh(struct counts *counts, uint32_t pair)
{
    uint64_t sums[POLICY_SPANS_MAXIMUM];
    const struct counts_pair *of = &counts->pairs[pair];
    if (of->version != counts->version || counts->bucket >= of->until) counts_sums(counts, pair, sums);
}

/* Counts of the newest cell stand in the windows that have it already. */
static void add_to_tracks(struct counts_track *tracks, unsigned count, uint32_t cell)
{
    for (unsigned i = 0; i < count; i++) tracks[i].sum += cell >= tracks[i].from && cell < tracks[i].to;
}

void counts_add(struct counts *counts, uint32_t pair, int64_t time, bool hit)
{
    struct counts_pair *of = &counts->pairs[pair];
    bool begins = of->end == counts->first_cells[pair] || counts->buckets[of->end - 1] != bucket_of(time);
    of->end += begins;
    uint32_t cell = of->end - 1;
    ++*(hit ? &counts->cells[cell].hits : &counts->cells[cell].misses);
    if (of->track && !hit) add_to_tracks(of->track, counts->place.count, cell);
    if (of->track && hit) add_to_tracks(of->track + counts->place.count, counts->evict.count, cell);
    of->until = INT64_MIN;
}

double counts_worth(struct counts *counts, uint32_t pair)
{
    const struct counts_pair *of = &counts->pairs[pair];
    refresh(counts, pair);
    return (counts->place.time > 0 ? of->misses / counts->place.time : 0) + (counts->evict.time > 0 ? of->hits / counts->evict.time : 0);
}

bool counts_is_asked(const struct counts *counts, uint32_t pair)
{
    uint32_t end = counts->pairs[pair].end;
    return end > counts->first_cells[pair] && counts->buckets[end - 1] >= counts->place.spans[counts->place.count - 1].from;
}
