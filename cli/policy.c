#include <stdio.h>

#include "cli/stored.h"
#include "lib/policy/auto.h"
#include "lib/policy/meaning.h"
#include "lib/policy/window_text.h"

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
        fprintf(stderr,
                "warning: with m 1 of 1, repeat_threshold (%llu) alone decides and threshold (%llu) has no effect; set 'of' to 2 or more\n",
                (unsigned long long)place->t2, (unsigned long long)place->t1);
    return STATUS_OK;
}

/* --- show */

static const struct command_option show_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON, as 'policy set' takes it, with the meaning of each field"},
};
static const struct command show = {
    .name = "policy show",
    .arguments = "",
    .summary = "Shows when packages are placed on edges and when they are evicted, what each field means, and which have their defaults.",
    .example = "pakhus policy show --store s3://packages",
    COMMAND_OPTIONS(show_options),
};

static struct str window_text(struct arena *arena, const struct window *window)
{
    struct str text = {NULL, 0};
    if (window->kind == WINDOW_LAST) return arena_join(arena, S("the last "), clock_format_span(arena, window->last));
    if (window->kind != WINDOW_SLOT) return arena_join(arena, S("since "), window_since_text(arena, window));
    for (unsigned i = 0; i < window->slots; i++)
        text = arena_join(arena, text, i > 0 ? S(", ") : S(""), window_slot_text(arena, window, i));
    return arena_join(arena, text, S(" each day"));
}

/* How many windows, or which share of them. One of the two is in force. */
static struct str windows_text(struct arena *arena, bool in_force, double least, unsigned of, bool include_current)
{
    if (!in_force) return S("-");
    return arena_printf(arena, "%.4g of %u, %s the current one", least, of, include_current ? "with" : "without");
}

static struct str number_text(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "%llu", (unsigned long long)number);
}

static struct str small_text(struct arena *arena, const struct policy_place *place)
{
    if (place->small_size == 0) return S("-");
    return arena_printf(arena, "%llu, up to %llu bytes", (unsigned long long)place->small_t1, (unsigned long long)place->small_size);
}

static void describe_place(struct arena *arena, const struct policy_place *place, struct str values[POLICY_FIELDS])
{
    values[FIELD_THRESHOLD] = number_text(arena, place->t1);
    values[FIELD_SMALL] = small_text(arena, place);
    values[FIELD_ROOM] = place->has_room_t1 ? number_text(arena, place->room_t1) : S("-");
    values[FIELD_REPEAT_THRESHOLD] = number_text(arena, place->t2);
    values[FIELD_M] = windows_text(arena, place->confidence <= 0, place->m, place->of, place->include_current);
    values[FIELD_CONFIDENCE] = windows_text(arena, place->confidence > 0, place->confidence, place->of, place->include_current);
    values[FIELD_WINDOW] = window_text(arena, &place->window);
    values[FIELD_DISPLACE] = arena_printf(arena, "%.9g", place->displace);
}

static void describe_evict(struct arena *arena, const struct policy_evict *evict, struct str values[POLICY_FIELDS])
{
    values[FIELD_EVICT_THRESHOLD] = number_text(arena, evict->t3);
    values[FIELD_N] = windows_text(arena, evict->confidence <= 0, evict->n, evict->of, evict->include_current);
    values[FIELD_EVICT_CONFIDENCE] = windows_text(arena, evict->confidence > 0, evict->confidence, evict->of, evict->include_current);
    values[FIELD_EVICT_WINDOW] = window_text(arena, &evict->window);
    values[FIELD_GRACE] = clock_format_span(arena, evict->grace);
}

static void describe(struct arena *arena, const struct policy *policy, struct str values[POLICY_FIELDS])
{
    static const char *const triggers[] = {[TRIGGER_IMMEDIATE] = "immediate: at once",
                                           [TRIGGER_BACKGROUND] = "background: when evaluate runs",
                                           [TRIGGER_PENDING] = "pending: at the next query"};
    describe_place(arena, &policy->place, values);
    describe_evict(arena, &policy->evict, values);
    values[FIELD_TRIGGER] = str_of(triggers[policy->trigger]);
    values[FIELD_MISSING_PATCH] = policy->generate_patches ? S("generate: it is made") : S("full: the full package");
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
        printf("; from the start: %s\n", *automatic->why ? automatic->why : "calibrate has not moved it yet");
}

/* Of one that sets itself: those to begin with. */
static struct policy defaults_of(const struct policy *policy)
{
    struct policy usual;
    policy_default(&usual);
    if (policy->automatic.on) auto_apply(auto_start(0, UINT64_MAX, 0), &usual);
    return usual;
}

static void print_field(const struct policy_meaning *meaning, struct str value, bool is_default)
{
    char name[64];
    snprintf(name, sizeof name, *meaning->rule ? "%s (%s)" : "%s", meaning->field, meaning->rule);
    printf("%-28s " STR_FMT "%s\n    %s\n", name, STR_ARG(value), is_default ? "  (default)" : "", meaning->text);
}

static void print_policy(struct arena *arena, const struct policy *policy)
{
    const struct policy usual = defaults_of(policy);
    struct str values[POLICY_FIELDS], defaults[POLICY_FIELDS];
    describe(arena, policy, values);
    describe(arena, &usual, defaults);
    struct str zone = policy->zone == 0 ? S("UTC") : clock_format_zone(arena, policy->zone);
    if (policy->generation > 0)
        printf("generation %llu; times are in " STR_FMT "\n", (unsigned long long)policy->generation, STR_ARG(zone));
    else
        puts("no policy published; showing defaults, times in UTC");
    print_auto(arena, policy);
    for (unsigned i = 0; i < POLICY_FIELDS; i++) print_field(&policy_meanings[i], values[i], str_equal(values[i], defaults[i]));
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
    struct str text = policy_show(arena, &policy);
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
        {"show", cmd_show, "show the policy in force and what its fields mean"},
        {"set", cmd_set, "check a policy and publish it"},
    };
    return command_choose("policy", entries, sizeof entries / sizeof *entries, argc, argv);
}
