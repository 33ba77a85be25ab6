#include "lib/replay/retention.h"

#include <math.h>

#include "lib/replay/simulate.h"

enum { CANDIDATES_MOST = 16, SHARES_MOST = 8 };
static const double AS_GOOD = 0.995;                  /* of the best byte hit */
static const uint64_t COUNT_MOST = UINT64_C(1) << 53; /* as policies may have it */
static const int64_t EVALUATED_EVERY = CLOCK_HOUR;

/* --- one replay */

static uint64_t divided(uint64_t count, uint64_t factor)
{
    return count / factor + (count % factor >= factor / 2 + factor % 2);
}

/* Thresholds for a trace whose requests stand for several. */
static struct policy scaled(const struct policy *policy, uint64_t factor)
{
    struct policy scaled = *policy;
    if (factor == 1) return scaled;
    scaled.place.t1 = divided(policy->place.t1, factor);
    scaled.place.t2 = divided(policy->place.t2, factor);
    scaled.place.small_t1 = divided(policy->place.small_t1, factor);
    scaled.place.room_t1 = divided(policy->place.room_t1, factor);
    scaled.evict.t3 = divided(policy->evict.t3, factor);
    return scaled;
}

enum status retention_replay(const struct recorded *recorded, const struct policy *policy, struct replayed *replayed, struct error *error)
{
    const struct simulation how = {.quotas = recorded->quotas, .every = EVALUATED_EVERY};
    const struct policy tried = scaled(policy, recorded->factor);
    struct simulated result;
    TRY(simulate_policy(&recorded->trace, &tried, &how, &result, error));
    *replayed = (struct replayed){.bytes_placed = result.bytes_placed};
    if (result.bytes > 0) replayed->byte_hit = (double)result.bytes_hit / (double)result.bytes;
    for (int i = 0; i < SIMULATED_POINTS; i++) replayed->bytes_kept += result.wanted[i] / SIMULATED_POINTS;
    return STATUS_OK;
}

/* --- candidates: policies that differ in one value */

struct field {
    struct policy tried[CANDIDATES_MOST];
    struct replayed results[CANDIDATES_MOST];
    size_t count; /* the first one has the present values */
};

static bool is_same(const struct policy *one, const struct policy *other)
{
    return one->evict.t3 == other->evict.t3 && fabs(one->evict.confidence - other->evict.confidence) < 1e-9;
}

static void add(struct field *field, const struct policy *policy)
{
    for (size_t i = 0; i < field->count; i++)
        if (is_same(&field->tried[i], policy)) return;
    if (field->count < CANDIDATES_MOST) field->tried[field->count++] = *policy;
}

static void add_t3(struct field *field, uint64_t t3)
{
    struct policy policy = field->tried[0];
    policy.evict.t3 = t3 < COUNT_MOST ? t3 : COUNT_MOST;
    add(field, &policy);
}

/* Multiples of the present value, and quantiles of what windows count: most packages are asked for by few. 1 lets go only what nobody asked
 * for at all. */
static void add_thresholds(struct field *field, const struct recorded *recorded)
{
    static const double quantiles[] = {0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
    uint64_t present = field->tried[0].evict.t3;
    const uint64_t multiples[] = {1, present / 4, present / 2, present <= COUNT_MOST / 4 ? present * 2 : COUNT_MOST,
                                  present <= COUNT_MOST / 4 ? present * 4 : COUNT_MOST};
    for (size_t i = 0; i < sizeof multiples / sizeof *multiples; i++) add_t3(field, multiples[i]);
    for (size_t i = 0; recorded->count_count > 0 && i < sizeof quantiles / sizeof *quantiles; i++)
        add_t3(field, recorded->counts[(size_t)((double)(recorded->count_count - 1) * quantiles[i])]);
}

/* k/N: other shares come to the same as the next of these. */
static void add_shares(struct field *field)
{
    unsigned of = field->tried[0].evict.of, steps = of < SHARES_MOST ? of : SHARES_MOST;
    for (unsigned i = 1; i <= steps; i++) {
        struct policy policy = field->tried[0];
        policy.evict.confidence = round((double)of * i / steps) / of;
        add(field, &policy);
    }
}

/* --- choosing */

static bool comes_to_the_same(const struct replayed *one, const struct replayed *other)
{
    return one->byte_hit == other->byte_hit && one->bytes_placed == other->bytes_placed && one->bytes_kept == other->bytes_kept;
}

static bool keeps_less(const struct replayed *one, const struct replayed *other)
{
    if (one->bytes_kept != other->bytes_kept) return one->bytes_kept < other->bytes_kept;
    return one->bytes_placed < other->bytes_placed;
}

size_t retention_pick(const struct replayed *results, size_t count)
{
    uint64_t placed_most = results[0].bytes_placed;
    double best = 0;
    size_t picked = count;
    for (size_t i = 0; i < count; i++)
        if (results[i].bytes_placed <= placed_most && results[i].byte_hit > best) best = results[i].byte_hit;
    for (size_t i = 0; i < count; i++) {
        bool as_good = results[i].bytes_placed <= placed_most && results[i].byte_hit >= best * AS_GOOD;
        if (as_good && (picked == count || keeps_less(&results[i], &results[picked]))) picked = i;
    }
    return picked;
}

/* Of a field whose first has been replayed. */
static enum status choose(struct field *field, const struct recorded *recorded, bool *differs, size_t *picked, struct error *error)
{
    for (size_t i = 1; i < field->count; i++) {
        TRY(retention_replay(recorded, &field->tried[i], &field->results[i], error));
        *differs = *differs || !comes_to_the_same(&field->results[0], &field->results[i]);
    }
    *picked = retention_pick(field->results, field->count);
    return STATUS_OK;
}

enum status retention_choose(const struct recorded *recorded, const struct policy *policy, struct retention *retention, struct error *error)
{
    struct field thresholds = {.tried = {*policy}, .count = 1}, shares = {.count = 1};
    bool differs = false;
    size_t picked;
    TRY(retention_replay(recorded, policy, &thresholds.results[0], error));
    add_thresholds(&thresholds, recorded);
    TRY(choose(&thresholds, recorded, &differs, &picked, error));
    shares.tried[0] = thresholds.tried[picked];
    shares.results[0] = thresholds.results[picked];
    if (policy->evict.confidence > 0) add_shares(&shares);
    TRY(choose(&shares, recorded, &differs, &picked, error));
    ENSURE(differs, error, STATUS_INVALID,
           "cannot recommend an evict threshold (T3): every candidate gives the same result (nothing placed, or nothing evicted)");
    const struct policy *chosen = &shares.tried[picked];
    *retention = (struct retention){.t3 = chosen->evict.t3, .c2 = chosen->evict.confidence, .replayed = shares.results[picked]};
    return STATUS_OK;
}
