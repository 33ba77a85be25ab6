/* pakhus edge place, pakhus edge drop: by hand what no rule does. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/edge.h"
#include "cli/stored.h"
#include "functions/common/placement.h"
#include "lib/edges/path.h"
#include "lib/policy/by_hand.h"

static struct str store_url;
static int64_t now = -1;
static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"now", 0, OPTION_TIME, &now, "TIME", "decide as if it were then"},
};

struct hand {
    struct placement_app *placement;
    struct edge edge;
    struct by_hand how;
};

static enum status open_hand(struct arena *arena, const struct str *words, struct hand *hand, struct error *error)
{
    struct app *app;
    struct store *store;
    TRY(stored_check_id(words[0], "EDGE", error));
    TRY(package_name_parse(words[1], &hand->how.package, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_get_edge(store, command_io(arena), words[0], &hand->edge, error));
    TRY(stored_app(store_url, &app, error));
    TRY(placement_app_open(&hand->placement, error));
    edge_package(&hand->edge, &hand->how.package);
    hand->how.store = app->store;
    hand->how.edge = &hand->edge;
    hand->how.now = now < 0 ? clock_now() : now;
    return STATUS_OK;
}

static const char *copier(const struct edge *edge)
{
    return edge->store.length > 0 ? "pakhus reconcile" : "pakhus edge sync";
}

/* --- place */

static const struct command place = {
    .name = "edge place",
    .arguments = "EDGE PACKAGE",
    .summary =
        "Places a package on an edge by hand: app/version, app/version/channel or app/from..to. No rule evicts it; `edge drop` does.",
    .example = "pakhus edge place --store s3://packages node-1 GAME/2.0",
    COMMAND_OPTIONS(options),
    .least = 2,
    .most = 2,
};

static enum status ask_facts(struct hand *hand, struct io io, struct package_facts *facts, struct error *error)
{
    const struct policy *policy;
    TRY(placement_app_facts(hand->placement, io, &hand->how.package, facts, error));
    TRY(placement_app_policy(hand->placement, io, &policy, error));
    ENSURE(package_facts_suffice(facts, &hand->how.package, policy), error, STATUS_INVALID,
           "there is no such patch, and the policy makes none (\"missing_patch\":\"full\")");
    return STATUS_OK;
}

static enum status run_place(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct hand hand = {0};
    struct package_facts facts;
    (void)count;
    TRY(open_hand(arena, words, &hand, error));
    TRY(ask_facts(&hand, command_io(arena), &facts, error));
    TRY(placement_place(&hand.how, command_io(arena), &facts, error));
    fprintf(stderr, STR_FMT ": " STR_FMT " is placed by hand, %" PRIu64 " bytes; `%s` copies it\n", STR_ARG(hand.edge.id),
            STR_ARG(package_name_format(arena, &hand.how.package)), facts.size, copier(&hand.edge));
    return STATUS_OK;
}

/* --- drop */

static const struct command drop = {
    .name = "edge drop",
    .arguments = "EDGE PACKAGE",
    .summary = "Takes a package off an edge, whoever placed it. A rule places it again if the edge's LANs still ask for it.",
    .example = "pakhus edge drop --store s3://packages node-1 GAME/2.0",
    COMMAND_OPTIONS(options),
    .least = 2,
    .most = 2,
};

static enum status run_drop(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct hand hand = {0};
    (void)count;
    TRY(open_hand(arena, words, &hand, error));
    TRY(placement_drop(&hand.how, command_io(arena), error));
    fprintf(stderr, STR_FMT ": " STR_FMT " is dropped; `%s` deletes it\n", STR_ARG(hand.edge.id),
            STR_ARG(package_name_format(arena, &hand.how.package)), copier(&hand.edge));
    return STATUS_OK;
}

int cmd_edge_place(int argc, char **argv)
{
    return command_main(&place, argc, argv, run_place);
}

int cmd_edge_drop(int argc, char **argv)
{
    return command_main(&drop, argc, argv, run_drop);
}
