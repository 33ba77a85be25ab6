#include <stdio.h>

#include "base/buf.h"
#include "cli/simulate.h"
#include "lib/admission/simulate.h"
#include "lib/chart/chart.h"

enum { CLIENTS_USUAL = 1000000, CLIENTS_MOST = 20000000, SIZE_USUAL = 1000000000 };

static struct str profile_path, population_path, svg_path, clients_text, seed_text;
static bool json;
static uint64_t size;

static const struct command_option options[] = {
    {"profile", 'p', OPTION_TEXT, &profile_path, "FILE.json", "an admission profile, as 'admission profile set' takes it",
     .required = true},
    {"clients", 'n', OPTION_TEXT, &clients_text, "COUNT", "how many clients (default 1000000)"},
    {"seed", 0, OPTION_TEXT, &seed_text, "NUMBER", "another seed makes other clients (default 1)"},
    {"population", 0, OPTION_TEXT, &population_path, "FILE.json", "who they are: classes by the hours they are on, bandwidth, sizes"},
    {"size", 0, OPTION_SIZE, &size, "BYTES", "size of the resource, if the profile has none (default 1 GB)", .positive = true},
    {"svg", 0, OPTION_TEXT, &svg_path, "FILE.svg", "draw the origin's rate under each mode"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print numbers and curves as JSON"},
};
static const struct command command = {
    .name = "simulate admission",
    .arguments = "",
    .summary =
        "Loads a release by a million clients, under every mode of a profile: the origin's peak, and who is through by the deadline.",
    .example = "pakhus simulate admission --profile game-2.0.json --svg curve.svg",
    COMMAND_OPTIONS(options),
};

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* --- the table */

static void print_table(const struct simulation *simulation)
{
    printf("mode      peak MB/s   peak/mean  peak/bound   complete  requests/s polled  with profile\n");
    for (size_t i = 0; i < simulation->mode_count; i++) {
        const struct simulated_mode *mode = &simulation->mode[i];
        printf("%-8s %10.1f %10.2f× %10.2f× %8.2f %% %18.1f %13d\n", mode->name, mode->peak / 1e6, ratio(mode->peak, mode->mean),
               ratio(mode->peak, simulation->balance.bound), mode->complete * 100, mode->requests, 0);
    }
    printf("bound    %10.1f\n", simulation->balance.bound / 1e6);
}

/* What a reader should take along; the picture says it too. */
static struct str say_random(struct arena *arena, const struct simulation *simulation)
{
    const struct simulated_mode *random = &simulation->mode[SIMULATED_RANDOM], *paced = &simulation->mode[SIMULATED_PACED];
    return arena_printf(arena,
                        "Mode random does not spread: a client that draws every few minutes wins soon, so nearly all have started early. "
                        "Their peak is %.1f times that of paced.",
                        ratio(random->peak, paced->peak));
}

static void print_notes(struct arena *arena, const struct simulation *simulation, const struct admission_profile *profile, size_t clients)
{
    if (profile->is_device_time) fprintf(stderr, "The profile goes by each device's clock; here all devices are in one time zone (UTC).\n");
    fprintf(stderr, "%zu clients, %zu of them reachable; rates are averages over %s; chance alone lifts a peak by about %.1f %%.\n",
            clients, simulation->reachable, clock_format_span(arena, simulation->bin).data, simulation->noise * 100);
    fprintf(stderr, STR_FMT "\n", STR_ARG(say_random(arena, simulation)));
    fprintf(
        stderr,
        "Clients that ask the function in mode random send it %.0f requests a second at the release; clients that decide from the profile "
        "send none (they load the profile once, from the CDN).\n",
        simulation->mode[SIMULATED_RANDOM].requests);
}

/* --- JSON */

static void put_mode(struct json_writer *all, const struct simulation *simulation, const struct simulated_mode *mode)
{
    json_open_object(all, NULL);
    json_put_word(all, "mode", mode->name);
    json_put_fixed(all, "peak", mode->peak, 0);
    json_put_fixed(all, "mean", mode->mean, 0);
    json_put_fixed(all, "peak_over_mean", ratio(mode->peak, mode->mean), 4);
    json_put_fixed(all, "peak_over_bound", ratio(mode->peak, simulation->balance.bound), 4);
    json_put_fixed(all, "complete", mode->complete, 6);
    json_open_object(all, "requests");
    json_put_fixed(all, "polled", mode->requests, 4);
    json_put_number(all, "profile", 0);
    json_close(all);
    json_open_array(all, "rate");
    for (size_t i = 0; i < simulation->bins; i++) json_put_fixed(all, NULL, mode->rate[i], 0);
    json_close(all);
    json_close(all);
}

/* The pacing as a profile takes it: hours that weigh the same are one slot. */
static void put_pacing(struct arena *arena, struct json_writer *all, const struct balance *balance)
{
    json_open_array(all, "pacing");
    for (int from = 0; from < DAY_HOURS;) {
        int to = from + 1;
        while (to < DAY_HOURS && balance->pacing[to] == balance->pacing[from]) to++;
        json_open_object(all, NULL);
        json_put_text(all, "from", arena_printf(arena, "%02d:00", from));
        json_put_text(all, "to", arena_printf(arena, "%02d:00", to));
        json_put_real(all, "coefficient", balance->pacing[from], 4);
        json_close(all);
        from = to;
    }
    json_close(all);
}

static void print_json(struct arena *arena, const struct simulation *simulation, const struct admission_profile *profile, size_t clients)
{
    struct json_writer all = command_json(arena);
    json_open_object(&all, NULL);
    json_put_text(&all, "resource", profile->resource);
    json_put_number(&all, "clients", clients);
    json_put_number(&all, "reachable", simulation->reachable);
    json_put_fixed(&all, "bound", simulation->balance.bound, 0);
    json_put_text(&all, "bin", clock_format_span(arena, simulation->bin));
    json_put_fixed(&all, "noise", simulation->noise, 4);
    put_pacing(arena, &all, &simulation->balance);
    json_open_array(&all, "modes");
    for (size_t i = 0; i < simulation->mode_count; i++) {
        if (i > 0) json_new_line(&all);
        put_mode(&all, simulation, &simulation->mode[i]);
    }
    json_close(&all);
    json_close(&all);
    command_print(&all);
}

/* --- the picture */

/* A label for each local midnight or, in short releases, for every few hours. */
static struct chart_tick *make_ticks(struct arena *arena, const struct admission_profile *profile, size_t *count)
{
    static const int64_t steps[] = {CLOCK_MINUTE,   5 * CLOCK_MINUTE, 15 * CLOCK_MINUTE, CLOCK_HOUR,
                                    3 * CLOCK_HOUR, 6 * CLOCK_HOUR,   12 * CLOCK_HOUR};
    int64_t span = profile->deadline - profile->release, step = CLOCK_DAY * (1 + span / (12 * (int64_t)CLOCK_DAY));
    for (size_t i = sizeof steps / sizeof *steps; i-- > 0 && span / step < 6;) step = steps[i];
    int64_t zone = day_offset_at(&profile->zone, profile->release), first = ((profile->release + zone + step - 1) / step) * step - zone;
    struct chart_tick *ticks = arena_array(arena, (size_t)(span / step) + 2, sizeof *ticks);
    for (int64_t at = first; at <= profile->deadline; at += step) {
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct calendar c = clock_calendar(at + zone);
        bool midnight = c.hour == 0 && c.minute == 0;
        ticks[(*count)++] = (struct chart_tick){(double)at, midnight ? arena_printf(arena, "%d %s", c.day, months[c.month - 1])
                                                                     : arena_printf(arena, "%02d:%02d", c.hour, c.minute)};
    }
    return ticks;
}

/* Steps: each bin's rate from its beginning to its end, in MB/s. */
static struct chart_series make_series(struct arena *arena, const struct simulation *simulation, const struct admission_profile *profile,
                                       const struct simulated_mode *mode)
{
    double *x = arena_array(arena, 2 * simulation->bins, sizeof *x), *y = arena_array(arena, 2 * simulation->bins, sizeof *y);
    for (size_t i = 0; i < simulation->bins; i++) {
        int64_t from = profile->release + (int64_t)i * simulation->bin, to = from + simulation->bin;
        x[2 * i] = (double)from;
        x[2 * i + 1] = (double)(to < profile->deadline ? to : profile->deadline);
        y[2 * i] = y[2 * i + 1] = mode->rate[i] / 1e6;
    }
    struct str name = arena_printf(arena, "%s: peak %.1f× mean", mode->name, ratio(mode->peak, mode->mean));
    return (struct chart_series){
        .name = name, .x = x, .y = y, .count = 2 * simulation->bins, .area = mode == &simulation->mode[SIMULATED_PACED]};
}

static struct str draw(struct arena *arena, const struct simulation *simulation, const struct admission_profile *profile, size_t clients)
{
    static const enum simulated drawn[] = {SIMULATED_PACED, SIMULATED_RANDOM, SIMULATED_STICKY, SIMULATED_FIXED};
    const struct simulated_mode *paced = &simulation->mode[SIMULATED_PACED];
    double top = simulation->mode[SIMULATED_STICKY].peak > 3 * paced->peak ? 3 * paced->peak : simulation->mode[SIMULATED_STICKY].peak;
    struct chart chart = {
        .title = arena_printf(arena, "Origin's rate while %zu clients load " STR_FMT, clients, STR_ARG(profile->resource)),
        .note = {arena_printf(arena,
                              "Mode random does not spread: who draws every " STR_FMT
                              " wins soon, so nearly all have started early (%.1f× the peak of paced).",
                              STR_ARG(clock_format_span(arena, profile->interval)),
                              ratio(simulation->mode[SIMULATED_RANDOM].peak, paced->peak)),
                 S("Lines that leave at the top go on to the peak in the legend. All bytes are counted as the origin's.")},
        .x_title = S("time, from release to deadline"),
        .y_title = S("MB/s"),
        .y_most = (top > 1.25 * paced->peak ? top * 1.1 : 1.5 * paced->peak) / 1e6,
        .line = {simulation->balance.bound / 1e6, S("bound: no schedule has a lower peak")},
        .mark = {(double)admission_profile_end(profile), S("deadline − lead")},
    };
    chart.x_ticks = make_ticks(arena, profile, &chart.x_tick_count);
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
        chart.series[chart.series_count++] = make_series(arena, simulation, profile, &simulation->mode[drawn[i]]);
    return chart_svg(arena, &chart);
}

/* --- the command */

static enum status read_inputs(struct arena *arena, struct admission_profile *profile, struct population *population, struct error *error)
{
    struct str text, recipe = {0};
    uint64_t clients = CLIENTS_USUAL, seed = 1;
    ENSURE(!clients_text.data || (str_to_u64(clients_text, &clients) && clients >= 1 && clients <= CLIENTS_MOST), error, STATUS_INVALID,
           "--clients must be a number from 1 to %d", CLIENTS_MOST);
    ENSURE(!seed_text.data || str_to_u64(seed_text, &seed), error, STATUS_INVALID, "--seed must be a whole number");
    TRY(command_read(arena, profile_path.data, 1 << 20, &text, error));
    TRY(admission_profile_prepare(arena, text, &text, profile, error));
    if (population_path.data) TRY(command_read(arena, population_path.data, 1 << 20, &recipe, error));
    if (profile->size == 0) profile->size = size > 0 ? size : SIZE_USUAL;
    const struct population_plan plan = {recipe, profile->size, (size_t)clients, seed};
    return population_make(arena, profile, &plan, population, error);
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct admission_profile *profile = arena_new_of(arena, struct admission_profile);
    struct simulation *simulation = arena_new_of(arena, struct simulation);
    struct population population;
    (void)words;
    (void)count;
    TRY(read_inputs(arena, profile, &population, error));
    TRY(admission_simulate(arena, profile, &population, simulation, error));
    if (svg_path.data) TRY(simulate_write(svg_path, draw(arena, simulation, profile, population.count), error));
    if (json)
        print_json(arena, simulation, profile, population.count);
    else
        print_table(simulation);
    print_notes(arena, simulation, profile, population.count);
    return STATUS_OK;
}

int simulate_admission(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
