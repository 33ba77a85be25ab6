#include "lib/policy/auto.h"
#include "lib/policy/window_text.h"

#include <stdio.h>

#include "cli/stored.h"

enum { POLICY_LIMIT = 1 << 20 };

static struct str store_url;
static bool json;

/* --- set */

static const struct command_option set_options[] = {STORED_OPTION(&store_url)};
static const struct command set = {
    .name = "policy set",
    .arguments = "FILE.json",
    .summary = "Checks a placement policy and publishes it; a field that it leaves out has its default. '-' reads it from standard input.",
    .example = "pakhus policy set --store s3://packages policy.json",
    COMMAND_OPTIONS(set_options),
    .least = 1,
    .most = 1,
};

static enum status run_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct policy policy;
    (void)count;
    TRY(command_read(arena, words[0].data, POLICY_LIMIT, &text, error));
    TRY(policy_parse(arena, text, &policy, error)); /* before there is a store: its words are of the policy */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(policy_publish(store, command_io(arena), text, &policy, error));
    fprintf(stderr, "generation %llu\n", (unsigned long long)policy.generation);
    const struct policy_place *place = &policy.place;
    bool is_moot = place->m == 1 && place->of == 1 && place->include_current && place->confidence == 0 && place->window.kind != WINDOW_DATE;
    if (is_moot)
        fprintf(stderr, "warning: with m 1 of 1, t2 (%llu) alone decides and t1 (%llu) has no effect; set 'of' to 2 or more\n",
                (unsigned long long)place->t2, (unsigned long long)place->t1);
    return STATUS_OK;
}

/* --- show */

static const struct command_option show_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON, as 'policy set' takes it"},
};
static const struct command show = {
    .name = "policy show",
    .arguments = "",
    .summary = "Tells when packages are placed on edges and when they go; defaults are marked.",
    .example = "pakhus policy show --store s3://packages",
    COMMAND_OPTIONS(show_options),
};

struct line {
    const char *label;
    struct str text;
};
enum { LINES = 13 };

static struct str window_text(struct arena *arena, const struct window *window)
{
    struct str text = {NULL, 0};
    if (window->kind == WINDOW_LAST) return arena_join(arena, S("the last "), clock_format_span(arena, window->last));
    if (window->kind != WINDOW_SLOT) return arena_join(arena, S("since "), window_since_text(arena, window));
    for (unsigned i = 0; i < window->slots; i++)
        text = arena_join(arena, text, i > 0 ? S(", ") : S(""), window_slot_text(arena, window, i));
    return arena_join(arena, text, S(" each day"));
}

static struct str rule_text(struct arena *arena, unsigned least, unsigned of, double confidence, bool include_current)
{
    struct str with = include_current ? S("with the current one") : S("without the current one");
    if (confidence > 0) return arena_printf(arena, "%.4g of %u, " STR_FMT, confidence, of, STR_ARG(with));
    return arena_printf(arena, "%u of %u, " STR_FMT, least, of, STR_ARG(with));
}

static struct str number_text(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "%llu", (unsigned long long)number);
}

static struct str small_text(struct arena *arena, const struct policy_place *place)
{
    if (place->small_size == 0) return S("-");
    return arena_printf(arena, "more than %llu up to %llu bytes", (unsigned long long)place->small_t1,
                        (unsigned long long)place->small_size);
}

static void describe(struct arena *arena, const struct policy *policy, struct line lines[LINES])
{
    static const char *const triggers[] = {
        [TRIGGER_IMMEDIATE] = "at once", [TRIGGER_BACKGROUND] = "in the background", [TRIGGER_PENDING] = "at the next query"};
    const struct policy_place *place = &policy->place;
    const struct policy_evict *evict = &policy->evict;
    const struct line all[LINES] = {
        {"place  T1, misses in the current window", number_text(arena, place->t1)},
        {"       T1 for small packages", small_text(arena, place)},
        {"       T1 where an edge has room", place->has_room_t1 ? number_text(arena, place->room_t1) : S("-")},
        {"       T2, misses in several windows", number_text(arena, place->t2)},
        {"       windows over T2", rule_text(arena, place->m, place->of, place->confidence, place->include_current)},
        {"       window", window_text(arena, &place->window)},
        {"       displace factor", arena_printf(arena, "× %.9g", place->displace)},
        {"evict  T3, hits in several windows", number_text(arena, evict->t3)},
        {"       windows under T3", rule_text(arena, evict->n, evict->of, evict->confidence, evict->include_current)},
        {"       window", window_text(arena, &evict->window)},
        {"       minimum stay", clock_format_span(arena, evict->grace)},
        {"a query that triggers, places", str_of(triggers[policy->trigger])},
        {"a missing patch", policy->generate_patches ? S("is made") : S("is answered with the full package")},
    };
    memcpy(lines, all, sizeof all);
}

static void print_auto(struct arena *arena, const struct policy *policy)
{
    const struct policy_auto *automatic = &policy->automatic;
    struct auto_setting setting;
    if (!automatic->on || !auto_find(policy, &setting)) return;
    printf("auto: a byte placed costs %.9g of a byte served; goal: %s; ", automatic->placed_byte,
           automatic->goal == AUTO_REQUESTS ? "requests" : "bytes");
    if (automatic->link > 0)
        printf("link: %llu bytes a second\n", (unsigned long long)automatic->link);
    else
        puts("link: copying takes no time");
    printf("in force: " STR_FMT, STR_ARG(auto_text(arena, setting)));
    if (automatic->since > 0)
        printf("; since " STR_FMT ": %s\n", STR_ARG(clock_format_time(arena, automatic->since)), automatic->why);
    else
        puts("; from the start: calibrate has not moved it yet");
}

/* Of one that sets itself: those to begin with. */
static struct policy defaults_of(const struct policy *policy)
{
    struct policy usual;
    policy_default(&usual);
    if (policy->automatic.on) auto_apply(auto_start(0, UINT64_MAX, 0), &usual);
    return usual;
}

static void print_policy(struct arena *arena, const struct policy *policy)
{
    const struct policy usual = defaults_of(policy);
    struct line lines[LINES], defaults[LINES];
    describe(arena, policy, lines);
    describe(arena, &usual, defaults);
    struct str zone = policy->zone == 0 ? S("UTC") : clock_format_zone(arena, policy->zone);
    if (policy->generation > 0)
        printf("generation %llu; times are in " STR_FMT "\n", (unsigned long long)policy->generation, STR_ARG(zone));
    else
        puts("no policy published; showing defaults, times in UTC");
    print_auto(arena, policy);
    for (size_t i = 0; i < LINES; i++)
        printf("%-36s " STR_FMT "%s\n", lines[i].label, STR_ARG(lines[i].text),
               str_equal(lines[i].text, defaults[i].text) ? "  (default)" : "");
}

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct policy policy;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(policy_load(store, command_io(arena), 0, &policy, error));
    if (!json) return print_policy(arena, &policy), STATUS_OK;
    struct str text = policy_format(arena, &policy);
    fwrite(text.data, 1, text.length, stdout);
    return STATUS_OK;
}

static int cmd_set(int argc, char **argv)
{
    return command_main(&set, argc, argv, run_set);
}

static int cmd_show(int argc, char **argv)
{
    return command_main(&show, argc, argv, run_show);
}

int cmd_policy(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"show", cmd_show, "tell what holds"},
        {"set", cmd_set, "check one and publish it"},
    };
    return command_choose("policy", entries, sizeof entries / sizeof *entries, argc, argv);
}
