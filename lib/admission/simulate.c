#include "lib/admission/simulate.h"

#include <math.h>

#include "base/random.h"
#include "lib/admission/admission.h"

static const double INTERVALS_MOST = 4e6;
static const char *const names[SIMULATED_COUNT] = {"at once", "fixed", "random", "sticky", "paced", "steps"};

/* One mode's run over all clients. */
struct run {
    enum simulated mode;
    const struct admission_profile *profile;
    const struct population *population;
    const struct draws *draws; /* of modes in which clients draw or look every interval */
    uint64_t seed;
    int64_t start, end, bin;              /* release and deadline */
    double *bytes;                        /* of each bin */
    int64_t border[ADMISSION_LEVELS + 1]; /* of the levels; border[ADMISSION_LEVELS] is the deadline */
};

struct device {
    uint32_t hours;
    double speed, left; /* bytes a second, bytes */
    const struct day_zone *zone;
};

/* --- time in a device's life */

/* A day is added, so that sums with times since 1970 are never negative. */
static int64_t local_time(const struct device *device, int64_t at)
{
    return at + day_offset_at(device->zone, at) + CLOCK_DAY;
}

static unsigned hour_of(const struct device *device, int64_t at)
{
    return (unsigned)(local_time(device, at) % CLOCK_DAY / CLOCK_HOUR);
}

static int64_t hour_end(const struct device *device, int64_t at)
{
    return at + CLOCK_HOUR - local_time(device, at) % CLOCK_HOUR;
}

/* The first moment from `at` on at which the device is on; `until` where there is none before. */
static int64_t next_on(const struct device *device, int64_t at, int64_t until)
{
    for (int hour = 0; hour <= DAY_HOURS && at < until; hour++) {
        if (device->hours >> hour_of(device, at) & 1) return at;
        at = hour_end(device, at);
    }
    return until;
}

/* From `at`, when it is on: the moment it goes off, at most `until`. */
static int64_t next_off(const struct device *device, int64_t at, int64_t until)
{
    if (device->hours == DAY_ALL_HOURS) return until;
    while (at < until && device->hours >> hour_of(device, at) & 1) at = hour_end(device, at);
    return at < until ? at : until;
}

/* --- loading */

static void find_borders(struct run *run)
{
    const struct admission_profile *profile = run->profile;
    const struct admission_levels *levels = &profile->levels;
    double span = (double)(profile->deadline - profile->release);
    int64_t urgent = profile->deadline - levels->lead;
    if (urgent < run->start) urgent = run->start;
    run->border[ADMISSION_LOWEST] = run->start;
    run->border[ADMISSION_NORMAL] = profile->deadline - (int64_t)(levels->r1 * span);
    run->border[ADMISSION_HIGHEST] = profile->deadline - (int64_t)(levels->r2 * span);
    for (int level = ADMISSION_NORMAL; level <= ADMISSION_HIGHEST; level++)
        if (run->border[level] > urgent) run->border[level] = urgent;
    run->border[ADMISSION_LEVELS] = run->end;
}

static void add_bytes(const struct run *run, int64_t from, int64_t to, double rate)
{
    while (from < to) {
        int64_t bin = (from - run->start) / run->bin, end = run->start + (bin + 1) * run->bin;
        if (end > to) end = to;
        run->bytes[bin] += rate * (double)(end - from) / CLOCK_SECOND;
        from = end;
    }
}

/* The device is on all the time. False: it is through. */
static bool load_at_level(const struct run *run, struct device *device, int64_t from, int64_t to, uint64_t limit)
{
    double rate = limit > 0 && (double)limit < device->speed ? (double)limit : device->speed;
    double needs = ceil(device->left / rate * CLOCK_SECOND);
    bool through = needs <= (double)(to - from);
    int64_t end = through ? from + (int64_t)needs : to;
    add_bytes(run, from, end, through ? device->left / fmax(needs, 1) * CLOCK_SECOND : rate);
    device->left -= through ? device->left : rate * (double)(end - from) / CLOCK_SECOND;
    return !through;
}

static bool load_on(const struct run *run, struct device *device, int64_t from, int64_t to)
{
    for (int level = ADMISSION_LOWEST; level < ADMISSION_LEVELS; level++) {
        int64_t first = from > run->border[level] ? from : run->border[level];
        int64_t last = to < run->border[level + 1] ? to : run->border[level + 1];
        if (first < last && !load_at_level(run, device, first, last, run->profile->levels.strategy[level].speed)) return false;
    }
    return true;
}

/* Loads between `from` and `to` whenever the device is on; what is left waits. False: it is through. */
static bool load(const struct run *run, struct device *device, int64_t from, int64_t to)
{
    if (device->hours == 0) return true;
    if (to > run->end) to = run->end;
    for (int64_t at = next_on(device, from, to); at < to;) {
        int64_t off = next_off(device, at, to);
        if (!load_on(run, device, at, off)) return false;
        at = next_on(device, off, to);
    }
    return true;
}

/* --- the modes */

/* What fixed and random modes need: p at each interval's evaluation. */
struct draws {
    size_t count;
    double *hazard; /* sum over the evaluations before of −ln(1 − p): a run of failures is a span of it */
    double *chance; /* p */
    size_t *open;   /* fixed mode's spans of evaluations that admit: open[2 i] up to, not with, open[2 i + 1] */
    size_t open_count;
};

static void find_open(struct draws *draws, double threshold)
{
    bool before = false;
    for (size_t i = 0; i < draws->count; i++) {
        bool admits = draws->chance[i] >= 1 || draws->chance[i] > threshold;
        if (admits && !before) draws->open[2 * draws->open_count++] = i;
        if (admits) draws->open[2 * draws->open_count - 1] = i + 1;
        before = admits;
    }
}

/* Evaluations until `end`. */
static struct draws make_draws(struct arena *arena, const struct admission_profile *profile, int64_t end)
{
    struct draws draws = {.count = (size_t)((end - profile->release) / profile->interval) + 1};
    draws.hazard = arena_array(arena, draws.count + 1, sizeof *draws.hazard);
    draws.chance = arena_array(arena, draws.count, sizeof *draws.chance);
    for (size_t i = 0; i < draws.count; i++) {
        int64_t at = profile->release + (int64_t)i * profile->interval;
        double p = admission_present(profile, &profile->zone, at);
        draws.chance[i] = fmin(p, 1);
        draws.hazard[i + 1] = draws.hazard[i] - log1p(-fmin(p, 1 - 1e-15));
    }
    draws.open = arena_array(arena, draws.count + 1, sizeof *draws.open);
    find_open(&draws, profile->threshold);
    return draws;
}

static size_t first_above(const double *values, size_t low, size_t high, double limit)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (values[middle] > limit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct asking {
    const struct run *run;
    int64_t first; /* the client's first evaluation; the others follow every interval */
    int64_t interval, end;
};

/* The first evaluation that is not before `at`. */
static size_t evaluation_at(const struct asking *asking, int64_t at)
{
    return at <= asking->first ? 0 : (size_t)((at - asking->first + asking->interval - 1) / asking->interval);
}

/* A6 while the device is on from `on` to `off`: draws until one lets it load for an interval, and again. Which draw that is follows from
 * one random number. */
static bool draw_while_on(const struct asking *asking, struct device *device, int64_t on, int64_t off, uint64_t *random)
{
    const struct draws *draws = asking->run->draws;
    size_t next = evaluation_at(asking, on), last = evaluation_at(asking, off);
    if (last > draws->count) last = draws->count;
    while (next < last) {
        double until = draws->hazard[next] - log1p(-random_fraction(random));
        size_t hit = first_above(draws->hazard, next + 1, last + 1, until) - 1;
        if (hit >= last) return true;
        int64_t from = asking->first + (int64_t)hit * asking->interval, to = from + asking->interval;
        if (!load(asking->run, device, from, to < off ? to : off)) return false;
        next = hit + 1;
    }
    return true;
}

static bool load_random(const struct asking *asking, struct device *device, uint64_t *random)
{
    for (int64_t at = next_on(device, asking->run->start, asking->end); at < asking->end;) {
        int64_t off = next_off(device, at, asking->end);
        if (!draw_while_on(asking, device, at, off, random)) return false;
        at = next_on(device, off, asking->end);
    }
    return load(asking->run, device, asking->end, asking->run->end);
}

/* Every client is admitted by the same evaluations; only when it asks is its own. */
static bool load_fixed(const struct asking *asking, struct device *device)
{
    const struct draws *draws = asking->run->draws;
    for (size_t i = 0; i < draws->open_count; i++) {
        int64_t first = asking->first + (int64_t)draws->open[2 * i] * asking->interval;
        int64_t last = asking->first + (int64_t)draws->open[2 * i + 1] * asking->interval;
        if (!load(asking->run, device, first, last < asking->end ? last : asking->end)) return false;
    }
    return load(asking->run, device, asking->end, asking->run->end);
}

/* What one client does in one mode; its asking begins at a random moment of the first interval. */
static bool load_client(const struct run *run, size_t i, uint64_t *random, struct device *device)
{
    const struct admission_profile *profile = run->profile;
    struct admission_client client = {.last_login = ADMISSION_NEVER, .hours = device->hours, .bandwidth = (uint64_t)device->speed};
    int64_t first = run->start + (int64_t)(random_fraction(random) * (double)profile->interval);
    /* two fixed probabilities go on after D − lead; in the other modes all are admitted then */
    const struct asking asking = {run, first, profile->interval, run->mode == SIMULATED_STEPS ? run->end : admission_profile_end(profile)};
    switch (run->mode) {
    case SIMULATED_FIXED: return load_fixed(&asking, device);
    case SIMULATED_RANDOM: return load_random(&asking, device, random);
    case SIMULATED_STEPS: return profile->is_fresh ? load_random(&asking, device, random) : load_fixed(&asking, device);
    case SIMULATED_STICKY:
    case SIMULATED_PACED: return load(run, device, admission_start(profile, &client, run->population->number[i], 0), run->end);
    default: return load(run, device, run->start, run->end);
    }
}

/* Returns how many are through; `through` (may be NULL) says which. */
static size_t run_mode(const struct run *run, bool *through)
{
    const struct population *population = run->population;
    size_t count = 0;
    for (size_t i = 0; i < population->count; i++) {
        uint64_t random = run->seed ^ (uint64_t)i * UINT64_C(0xd1342543de82ef95);
        struct device device = {population->hours[i], (double)population->bandwidth[i], (double)population->size[i], &run->profile->zone};
        if (device.hours == 0) continue;
        bool done = !load_client(run, i, &random, &device);
        count += done;
        if (through) through[i] = done;
    }
    return count;
}

/* --- questions */

/* Fixed, random and steps: all ask every interval, from the release on. Sticky and paced: each asks once for its moment, and once at it. */
static double requests_of(enum simulated mode, const struct admission_profile *profile, size_t clients)
{
    double interval = (double)profile->interval / CLOCK_SECOND, span = (double)(profile->deadline - profile->release) / CLOCK_SECOND;
    if (mode == SIMULATED_AT_ONCE) return 0;
    return mode == SIMULATED_STICKY || mode == SIMULATED_PACED ? 2 * (double)clients / span : (double)clients / interval;
}

/* --- results */

static void sum_up(struct simulation *simulation, const double *bytes, int64_t span, struct simulated_mode *mode)
{
    double all = 0;
    for (size_t i = 0; i < simulation->bins; i++) {
        int64_t left = span - (int64_t)i * simulation->bin, length = left < simulation->bin ? left : simulation->bin;
        mode->rate[i] = bytes[i] / ((double)length / CLOCK_SECOND);
        mode->peak = fmax(mode->peak, mode->rate[i]);
        all += bytes[i];
    }
    mode->mean = all / ((double)span / CLOCK_SECOND);
}

static int64_t choose_bin(int64_t span)
{
    static const int64_t lengths[] = {CLOCK_SECOND,      10 * CLOCK_SECOND, CLOCK_MINUTE, 2 * CLOCK_MINUTE, 5 * CLOCK_MINUTE,
                                      10 * CLOCK_MINUTE, 30 * CLOCK_MINUTE, CLOCK_HOUR,   2 * CLOCK_HOUR,   3 * CLOCK_HOUR,
                                      6 * CLOCK_HOUR,    12 * CLOCK_HOUR,   CLOCK_DAY};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (span <= lengths[i] * SIMULATED_BINS_MAXIMUM) return lengths[i];
    return (span + SIMULATED_BINS_MAXIMUM - 1) / SIMULATED_BINS_MAXIMUM;
}

/* Of `run`, all that depends on the mode alone is set here. `through` as above. */
static void simulate_mode(enum simulated mode, struct run run, bool *through, struct simulation *simulation)
{
    const struct admission_profile *profile = run.profile;
    double bytes[SIMULATED_BINS_MAXIMUM] = {0};
    struct simulated_mode *out = &simulation->mode[mode];
    run.mode = mode;
    run.seed += mode;
    run.start = profile->release;
    run.end = profile->deadline;
    run.bin = simulation->bin;
    run.bytes = bytes;
    find_borders(&run);
    size_t count = run_mode(&run, through);
    if (mode == SIMULATED_AT_ONCE) simulation->reachable = count;
    out->name = names[mode];
    out->requests = requests_of(mode, profile, run.population->count);
    out->complete = simulation->reachable > 0 ? (double)count / (double)simulation->reachable : 1;
    sum_up(simulation, bytes, profile->deadline - profile->release, out);
}

/* The modes in which clients draw or look every interval. */
static void simulate_polling(struct arena *arena, struct run run, struct simulation *simulation)
{
    const struct admission_profile *profile = run.profile;
    struct admission_profile *variant = arena_new_of(arena, struct admission_profile);
    *variant = *profile;
    variant->mode = ADMISSION_FIXED;
    struct draws draws = make_draws(arena, variant, admission_profile_end(profile));
    run.draws = &draws;
    run.profile = variant;
    simulate_mode(SIMULATED_FIXED, run, NULL, simulation);
    simulate_mode(SIMULATED_RANDOM, run, NULL, simulation);
    if (profile->mode != ADMISSION_STEPS) return;
    draws = make_draws(arena, profile, profile->deadline);
    run.profile = profile;
    simulate_mode(SIMULATED_STEPS, run, NULL, simulation);
    simulation->mode_count = SIMULATED_COUNT;
}

enum status admission_simulate(struct arena *arena, const struct admission_profile *profile, const struct population *population,
                               struct simulation *simulation, struct error *error)
{
    struct run run = {.profile = profile, .population = population, .seed = population->seed};
    struct admission_profile *variant = arena_new_of(arena, struct admission_profile);
    bool *reachable = arena_array(arena, population->count, sizeof *reachable);
    int64_t span = profile->deadline - profile->release;
    ENSURE((double)span / (double)profile->interval <= INTERVALS_MOST, error, STATUS_INVALID,
           "there are more than four million intervals from release to deadline");
    *simulation = (struct simulation){.bin = choose_bin(span), .mode_count = SIMULATED_STEPS};
    simulation->bins = (size_t)((span + simulation->bin - 1) / simulation->bin);
    simulate_mode(SIMULATED_AT_ONCE, run, reachable, simulation);
    balance_measure(arena, profile, population, reachable, &simulation->balance);
    simulate_polling(arena, run, simulation);
    *variant = *profile;
    variant->mode = ADMISSION_STICKY;
    run.profile = variant;
    simulate_mode(SIMULATED_STICKY, run, NULL, simulation);
    balance_apply(&simulation->balance, profile, variant);
    variant->mode = ADMISSION_PACED;
    simulate_mode(SIMULATED_PACED, run, NULL, simulation);
    /* the highest of n numbers is about √(2 ln n) deviations above their mean, and a bin's deviation is 1/√(its clients) */
    double bins = (double)simulation->bins, clients = fmax((double)simulation->reachable, 1);
    simulation->noise = sqrt(2 * log(fmax(bins, 2))) * sqrt(bins / clients);
    return STATUS_OK;
}
