#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/simulate.h"
#include "cli/simulate_rows.h"
#include "lib/policy/auto.h"
#include "lib/policy/calibrate.h"

enum {
    BESIDE_LIMIT = 1 << 20,
    LANS_USUAL = 20,
    APPS_USUAL = 400,
    REQUESTS_USUAL = 400000,
    SAMPLE_USUAL = 500000,
    SAMPLE_OF_WEEK = 70000, /* some 45 replays within ten seconds of a processor */
    REQUESTS_MOST = 50000000
};

static struct str policy_path, storage_text, svg_path, write_path, beside_path, chosen_path, lans_text, requests_text, seed_text,
    sample_text;
static int64_t unit = CLOCK_SECOND, every = CLOCK_HOUR;
static uint64_t link_rate;
static bool json, sweep;

static const struct command_option options[] = {
    {"policy", 'p', OPTION_TEXT, &policy_path, "FILE.json", "as 'policy set' takes it (default one that sets itself, \"auto\")"},
    {"storage", 0, OPTION_TEXT, &storage_text, "SHARE",
     "how much an edge may hold, as a share of all bytes its LAN asks for (default 10%)"},
    {"sweep", 0, OPTION_FLAG, &sweep, NULL,
     "try place thresholds from 0 up, with \"small\", \"room\" and \"displace\": what more bytes placed would bring"},
    {"every", 0, OPTION_SPAN, &every, "SPAN", "time between evaluations (default 1h)", .positive = true},
    {"link", 0, OPTION_SIZE, &link_rate, "BYTES", "bytes a second that an edge receives; without it copying takes no time",
     .positive = true},
    {"sample", 0, OPTION_TEXT, &sample_text, "COUNT",
     "replay at most this many requests: of packages chosen by a hash (default 500000), of the made-up week whole LANs (default 70000)"},
    {"unit", 0, OPTION_SPAN, &unit, "SPAN", "length of one step in the trace's time column (default 1s)", .positive = true},
    {"lans", 0, OPTION_TEXT, &lans_text, "COUNT", "LANs of the made-up week (default 20)"},
    {"requests", 'n', OPTION_TEXT, &requests_text, "COUNT", "requests of the made-up week (default 400000)"},
    {"seed", 0, OPTION_TEXT, &seed_text, "NUMBER", "another seed makes another week (default 1)"},
    {"svg", 0, OPTION_TEXT, &svg_path, "FILE.svg",
     "draw what bytes placed bring; with a --policy of fixed numbers, without --sweep, demand, wanted and held over time"},
    {"write", 0, OPTION_TEXT, &write_path, "FILE.csv", "the trace that is replayed (a sample where it is one), for other simulators"},
    {"beside", 0, OPTION_TEXT, &beside_path, "ROWS.json", "results of other simulators, rows as --json prints them; shown beside ours"},
    {"chosen", 0, OPTION_TEXT, &chosen_path, "FILE.json", "write the policy that \"auto\" ends with, as 'policy set' takes it"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print the rows as JSON"},
};
static const struct command command = {
    .name = "simulate placement",
    .arguments = "[TRACE.csv]",
    .summary =
        "Replays a trace (time, id, size and perhaps LAN), or a made-up week, through a placement policy and, to compare, through caches.",
    .example = "pakhus simulate placement week.csv --policy policy.json --storage 10% --svg week.svg",
    .most = 1,
    COMMAND_OPTIONS(options),
};

struct table {
    struct rows rows, beside;
    struct trace trace;
    struct policy policy;
    struct simulation how;
};

/* --- what is simulated */

static void add_caches(struct table *table)
{
    static const struct {
        enum simulated_cache kind;
        unsigned admit;
    } caches[] = {{CACHE_LRU, 1}, {CACHE_FIFO, 1}, {CACHE_LFU, 1}, {CACHE_LRU, 2},
                  {CACHE_LRU, 3}, {CACHE_LRU, 4},  {CACHE_LRU, 6}, {CACHE_LRU, 10}};
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        const char *name = simulated_cache_name(caches[i].kind);
        struct str label = caches[i].admit > 1 ? arena_printf(table->rows.arena, "%s@%u", name, caches[i].admit) : str_of(name);
        simulate_cache(&table->trace, caches[i].kind, caches[i].admit, table->how.storage,
                       &rows_add(&table->rows, label, ROWS_CACHE)->result);
    }
}

static enum status add_policy(struct table *table, struct str name, const struct policy *policy, struct error *error)
{
    return simulate_policy(&table->trace, policy, &table->how, &rows_add(&table->rows, name, ROWS_OURS)->result, error);
}

/* --- a policy that sets itself */

/* The published formulas (P16) on what came of it: every request of a trace is a download, so that TP are hits, FN misses, and nothing
 * else. */
static enum status add_formulas(struct table *table, const struct simulated *of, struct error *error)
{
    struct calibration counts = {.queries = of->requests, .samples = of->requests, .tp = of->hits, .fn = of->requests - of->hits};
    struct policy policy;
    struct error refused;
    policy_default(&policy);
    if (calibrate(&counts, &refused) != STATUS_OK) return fprintf(stderr, "no formulas: %s\n", refused.text), STATUS_OK;
    policy.place.t1 = counts.t1;
    policy.place.t2 = counts.t2;
    struct str name = arena_printf(table->rows.arena, "pakhus, formulas (threshold %llu, repeat %llu)", (unsigned long long)counts.t1,
                                   (unsigned long long)counts.t2);
    return simulate_policy(&table->trace, &policy, &table->how, &rows_add(&table->rows, name, ROWS_CHOSEN)->result, error);
}

static void add_tried(struct table *table, const struct tallies *tallies)
{
    for (unsigned i = 0; i < tallies->count; i++)
        rows_add(&table->rows, auto_text(table->rows.arena, tallies->settings[i]), ROWS_TRIED)->result = tallies->results[i];
}

static enum status write_chosen(struct arena *arena, const struct policy *policy, struct error *error)
{
    struct auto_setting setting;
    if (auto_find(policy, &setting))
        fprintf(stderr, "auto ends with " STR_FMT "%s%s\n", STR_ARG(auto_text(arena, setting)), *policy->automatic.why ? ": " : "",
                policy->automatic.why);
    return chosen_path.data ? simulate_write(chosen_path, policy_format(arena, policy), error) : STATUS_OK;
}

static enum status add_auto(struct table *table, struct error *error)
{
    struct arena *arena = table->rows.arena;
    struct tallies *tallies = arena_new_of(arena, struct tallies);
    struct simulated result;
    struct policy last;
    if (table->how.link == 0) table->how.link = table->policy.automatic.link;
    *tallies = (struct tallies){.trace = &table->trace, .policy = &table->policy, .how = &table->how};
    TRY(tallies_make(tallies, arena, error));
    TRY(simulate_auto(tallies, &last, &result, error));
    rows_add(&table->rows, S("pakhus, auto"), ROWS_CHOSEN)->result = result;
    TRY(add_formulas(table, &result, error));
    if (!sweep) add_tried(table, tallies);
    policy_default(&table->policy); /* what a sweep starts from */
    return write_chosen(arena, &last, error);
}

/* --- a sweep */

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

/* Small enough that packages up to there have a share of all bytes that their number does not show. */
static uint64_t small_size(const struct table *table, double share)
{
    const struct trace *trace = &table->trace;
    uint64_t *sizes = arena_array(table->rows.arena, trace->objects, sizeof *sizes), all = 0, below = 0;
    memcpy(sizes, trace->sizes, trace->objects * sizeof *sizes);
    qsort(sizes, trace->objects, sizeof *sizes, by_size);
    for (uint32_t i = 0; i < trace->objects; i++) all += sizes[i];
    for (uint32_t i = 0; i < trace->objects; i++) {
        below += sizes[i];
        if ((double)below > share * (double)all) return sizes[i];
    }
    return 0;
}

/* T2 and T3 are lower in the same measure as the policy has them. */
static struct policy scaled(const struct policy *policy, uint64_t t1)
{
    struct policy scaled = *policy;
    double measure = policy->place.t1 > 0 ? (double)t1 / (double)policy->place.t1 : 0;
    scaled.place.t1 = t1;
    scaled.place.t2 = (uint64_t)((double)policy->place.t2 * measure);
    if (scaled.place.t2 >= t1 && t1 > 0) scaled.place.t2 = t1 - 1;
    scaled.evict.t3 = (uint64_t)((double)policy->evict.t3 * measure);
    return scaled;
}

/* Where the front runs depends on demand: on one trace what is let in at any cost, on another what takes the room of little else. */
static const struct variant {
    double displace; /* below 0: as the policy has it */
    bool small, room;
} variants[] = {{-1, false, false}, {0.25, false, false}, {0, false, false}, {0.25, true, false}, {0.25, false, true}, {0, false, true}};

static enum status add_variant(struct table *table, const struct variant *variant, struct policy policy, uint64_t small_size,
                               struct error *error)
{
    struct arena *arena = table->rows.arena;
    struct policy_place *place = &policy.place;
    struct str name = arena_printf(arena, "pakhus, threshold %llu", (unsigned long long)place->t1);
    if (variant->displace >= 0) {
        place->displace = variant->displace;
        name = arena_printf(arena, STR_FMT ", displace %g", STR_ARG(name), place->displace);
    }
    if (variant->small) {
        place->small_size = small_size;
        place->small_t1 = place->t1 - 1;
        name = arena_printf(arena, STR_FMT ", ≤%llu B: %llu", STR_ARG(name), (unsigned long long)small_size,
                            (unsigned long long)place->small_t1);
    }
    if (variant->room) {
        place->has_room_t1 = true;
        place->room_t1 = 0;
        name = arena_printf(arena, STR_FMT ", room 0", STR_ARG(name));
    }
    return add_policy(table, name, &policy, error);
}

static enum status add_sweep(struct table *table, struct error *error)
{
    static const uint64_t thresholds[] = {0, 1, 2, 3, 5, 9};
    uint64_t small = small_size(table, 0.1);
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        struct policy policy = scaled(&table->policy, thresholds[i]);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
            bool same = thresholds[i] == 0 && (variants[v].small || variants[v].room);
            if (!same) TRY(add_variant(table, &variants[v], policy, small, error));
        }
    }
    return STATUS_OK;
}

/* --- the command */

static enum status whole(struct str text, const char *name, uint64_t usual, uint64_t most, uint64_t *value, struct error *error)
{
    *value = usual;
    ENSURE(!text.data || (str_to_u64(text, value) && *value >= 1 && *value <= most), error, STATUS_INVALID,
           "--%s must be a number from 1 to %llu", name, (unsigned long long)most);
    return STATUS_OK;
}

static void tell_sample(const struct trace_sample *sample, const struct trace *trace, uint64_t lans)
{
    if (trace->lans < lans)
        fprintf(stderr, "sampled: %u of %llu LANs, with %.4g %% of the requests; --sample takes more\n", trace->lans,
                (unsigned long long)lans, sample->asked * 100);
    if (sample->share < 1)
        fprintf(stderr, "sampled: %.4g %% of the packages, with %.4g %% of the requests; --sample takes more\n", sample->share * 100,
                sample->asked * 100);
}

static enum status sample_of(uint64_t usual, struct trace_sample *sample, struct error *error)
{
    uint64_t most;
    TRY(whole(sample_text, "sample", usual, REQUESTS_MOST, &most, error));
    sample->most = (size_t)most;
    return STATUS_OK;
}

static enum status make_week(struct table *table, struct trace_sample *sample, struct error *error)
{
    struct trace_recipe recipe = {.apps = APPS_USUAL, .seed = 1};
    uint64_t lans;
    TRY(whole(lans_text, "lans", LANS_USUAL, 10000, &lans, error));
    TRY(whole(requests_text, "requests", REQUESTS_USUAL, REQUESTS_MOST, &recipe.requests, error));
    ENSURE(!seed_text.data || str_to_u64(seed_text, &recipe.seed), error, STATUS_INVALID, "--seed must be a whole number");
    TRY(sample_of(SAMPLE_OF_WEEK, sample, error));
    recipe.lans = (uint32_t)lans;
    TRY(trace_make(table->rows.arena, &recipe, &table->trace, error));
    TRY(trace_thin(table->rows.arena, sample, &table->trace, error));
    return tell_sample(sample, &table->trace, lans), STATUS_OK;
}

static enum status read_trace(struct table *table, struct str path, struct trace_sample *sample, struct error *error)
{
    TRY(sample_of(SAMPLE_USUAL, sample, error));
    FILE *file = str_equal(path, S("-")) ? stdin : fopen(path.data, "re");
    if (!file) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    enum status status = trace_read(table->rows.arena, file, unit, sample, &table->trace, error);
    if (file != stdin) fclose(file);
    if (status != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(path));
    return tell_sample(sample, &table->trace, 0), STATUS_OK;
}

static enum status find_trace(struct table *table, const struct str *words, int count, struct error *error)
{
    struct trace_sample sample;
    TRY(count > 0 ? read_trace(table, words[0], &sample, error) : make_week(table, &sample, error));
    table->how.share = sample.share;
    return STATUS_OK;
}

static enum status read_storage(double *storage, struct error *error)
{
    struct str text = storage_text.data ? storage_text : S("10%");
    bool percent = str_ends(text, S("%"));
    if (percent) text.length--;
    bool right = str_to_double(text, storage);
    if (percent) *storage /= 100;
    ENSURE(right && *storage > 0 && *storage <= 1, error, STATUS_INVALID, "--storage must be a share such as 10%% or 0.1");
    return STATUS_OK;
}

static enum status read_policy(struct table *table, struct error *error)
{
    struct str text;
    if (!policy_path.data) return policy_parse(table->rows.arena, S("{\"auto\":{}}"), &table->policy, error);
    TRY(command_read(table->rows.arena, policy_path.data, 1 << 20, &text, error));
    return policy_parse(table->rows.arena, text, &table->policy, error);
}

static enum status write_trace(const struct table *table, struct error *error)
{
    FILE *file = fopen(write_path.data, "we");
    if (!file) return error_errno(error, errno, STR_FMT, STR_ARG(write_path));
    enum status status = trace_write(&table->trace, file, unit, error);
    bool closed = fclose(file) == 0;
    if (status == STATUS_OK && !closed) return error_errno(error, errno, STR_FMT, STR_ARG(write_path));
    return status == STATUS_OK ? status : error_context(error, STR_FMT, STR_ARG(write_path));
}

/* Before ours are simulated, which may take a while; they are shown after them. */
static enum status read_beside(struct table *table, struct error *error)
{
    struct str text;
    if (!beside_path.data) return STATUS_OK;
    TRY(command_read(table->rows.arena, beside_path.data, BESIDE_LIMIT, &text, error));
    if (rows_read(&table->beside, text, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(beside_path));
    return STATUS_OK;
}

static void add_beside(struct table *table)
{
    for (size_t i = 0; i < table->beside.count; i++) *rows_add(&table->rows, (struct str){0}, ROWS_BESIDE) = table->beside.rows[i];
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct table table = {.how = {.every = every, .link = link_rate}};
    table.rows = table.beside = (struct rows){.arena = arena, .trace = &table.trace};
    TRY(read_storage(&table.how.storage, error));
    TRY(read_policy(&table, error));
    TRY(find_trace(&table, words, count, error));
    TRY(read_beside(&table, error));
    if (write_path.data) TRY(write_trace(&table, error));
    bool automatic = table.policy.automatic.on;
    if (automatic) TRY(add_auto(&table, error));
    if (sweep) TRY(add_sweep(&table, error));
    if (!automatic && !sweep) TRY(add_policy(&table, S("pakhus"), &table.policy, error));
    add_caches(&table);
    add_beside(&table);
    if (svg_path.data)
        TRY(simulate_write(svg_path, sweep || automatic ? rows_draw_front(&table.rows) : rows_draw_time(&table.rows), error));
    if (json)
        rows_print_json(&table.rows);
    else
        rows_print(&table.rows);
    return STATUS_OK;
}

int simulate_placement(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
