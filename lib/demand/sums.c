#include "lib/demand/sums.h"

struct keeping {
    struct demand_sums *sums;
    const struct demand_sums_question *question;
    struct str lan; /* of the last row: rows come by LAN */
    bool kept;
};

static enum status keep_row(void *context, const struct demand_row *row, struct error *error)
{
    struct keeping *keeping = context;
    struct cells *cells = &keeping->sums->cells;
    unsigned spans = keeping->sums->span_count;
    (void)error;
    if (!keeping->lan.data || !str_equal(keeping->lan, row->lan)) {
        keeping->lan = arena_copy(cells->arena, row->lan);
        keeping->kept = keeping->question->keeps(keeping->question->context, row->lan);
    }
    if (!keeping->kept) return STATUS_OK;
    uint64_t *counts = cells_of(cells, row->lan, row->package);
    memcpy(counts, row->misses, spans * sizeof *counts);
    memcpy(counts + spans, row->hits, spans * sizeof *counts);
    counts[2 * (size_t)spans] = demand_misses(keeping->question->own, row->lan, row->package, 0).written;
    return STATUS_OK;
}

enum status demand_sums_read(const struct demand_part *part, const struct demand_sums_question *question, struct demand_sums *sums,
                             struct error *error)
{
    const struct demand_question *asked = &question->spans;
    struct keeping keeping = {.sums = sums, .question = question};
    *sums = (struct demand_sums){.span_count = asked->span_count, .since = asked->spans[0].from};
    sums->cells = (struct cells){.arena = part->io.arena, .width = 2 * (size_t)asked->span_count + 1};
    return demand_sum(part, asked, keep_row, &keeping, error); /* rows come in their order */
}

/* The first pair that is not before (lan, package). */
static size_t place_of(const struct cells *cells, struct str lan, struct str package)
{
    size_t low = 0, high = cells->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct cells_pair *pair = &cells->pairs[middle];
        int order = str_compare(pair->lan, lan);
        if (order == 0) order = str_compare(pair->package, package);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct cells_pair *pair_at(const struct cells *cells, size_t at, struct str lan)
{
    return at < cells->count && str_equal(cells->pairs[at].lan, lan) ? &cells->pairs[at] : NULL;
}

static void add_misses(const struct cells_pair *pair, uint64_t *misses, unsigned count)
{
    for (unsigned i = 0; i < count; i++) cells_add(&misses[i], pair->counts[i]);
}

void demand_sums_misses(const struct demand_sums *sums, struct arena *arena, const struct demand_pair *wanted, uint64_t *misses,
                        unsigned count)
{
    const struct cells *cells = &sums->cells;
    struct str lan = wanted->lan, prefix = arena_join(arena, wanted->package, S("/"));
    const struct cells_pair *pair = pair_at(cells, place_of(cells, lan, wanted->package), lan);
    if (pair && str_equal(pair->package, wanted->package)) add_misses(pair, misses, count);
    for (size_t at = place_of(cells, lan, prefix); wanted->channels && (pair = pair_at(cells, at, lan)); at++) {
        if (!str_starts(pair->package, prefix)) break;
        add_misses(pair, misses, count);
    }
}

enum status demand_sums_each(const struct demand_sums *sums, struct str lan, demand_row_fn *each, void *context, struct error *error)
{
    const struct cells *cells = &sums->cells;
    for (size_t i = place_of(cells, lan, S("")); i < cells->count && str_equal(cells->pairs[i].lan, lan); i++) {
        const struct cells_pair *pair = &cells->pairs[i];
        TRY(each(context, &(struct demand_row){pair->lan, pair->package, pair->counts, pair->counts + sums->span_count}, error));
    }
    return STATUS_OK;
}

/* A pair that is in none of the spans had nothing in the first one either: all that was counted there came later. */
uint64_t demand_sums_missing(const struct demand_sums *sums, struct demand *own, struct str lan, struct str package)
{
    const struct cells *cells = &sums->cells;
    const struct cells_pair *pair = pair_at(cells, place_of(cells, lan, package), lan);
    struct demand_misses misses = demand_misses(own, lan, package, sums->since);
    if (!pair || !str_equal(pair->package, package)) return misses.recent;
    uint64_t written = pair->counts[2 * (size_t)sums->span_count];
    return misses.counted > written ? misses.counted - written : 0;
}
