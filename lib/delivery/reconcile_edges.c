/* All edges that are pushed to: those whose state has not changed since they were last compared are skipped. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "lib/delivery/reconcile_internal.h"

enum {
    RECORD_MAX = 64 << 20,          /* bytes of the record of a part */
    SAVE_TIMEOUT = 1 * CLOCK_SECOND /* of a run that has used up its time */
};

static const struct log nobody;

/* The last comparison that found an edge in order: its pages, and every package that is wanted there. */
struct verified {
    uint64_t wanted, held; /* the generations that were compared */
    uint64_t store;        /* a hash of what its store is reached by */
    int64_t when;          /* ms; 0: never */
};

/* One run over many edges. Both arrays have the registry's edges in their order. */
struct round {
    const struct reconciliation *how;
    struct io io;
    const struct registry *registry;
    struct reconcile_result *result;
    const struct state_generations *newest; /* NULL: they could not be listed, and every edge is compared */
    struct verified *verified;
};

/* --- the record of a part: `held/=verified/<part>`. No edge's id has a '='.
 *
 * The first line has the format, the bytes behind it and their hash. Then comes a line for each edge: its id, the generations of wanted and
 * held, the hash of its store, the time. Each line is true for ever, so writers that overwrite each other cost comparisons, and no more. */

static struct str record_key(struct arena *arena, unsigned part)
{
    return arena_printf(arena, "held/=verified/%02u", part);
}

static bool is_whole(struct str first, struct str lines)
{
    uint64_t length, hash;
    bool is_known = str_equal(str_cut(&first, ' '), S("verified")) && str_equal(str_cut(&first, ' '), S("1"));
    if (!is_known || !str_to_u64(str_cut(&first, ' '), &length)) return false;
    return first.length == 16 && str_hex_to_u64(first, &hash) && length == lines.length && hash == hash64(HASH64, lines);
}

static void note_line(struct round *round, struct str line)
{
    struct verified verified;
    uint64_t when;
    const struct edge *edge = registry_edge(round->registry, str_cut(&line, '\t'));
    if (!edge || !str_to_u64(str_cut(&line, '\t'), &verified.wanted) || !str_to_u64(str_cut(&line, '\t'), &verified.held)) return;
    if (!str_hex_to_u64(str_cut(&line, '\t'), &verified.store) || !str_to_u64(line, &when) || when > INT64_MAX) return;
    verified.when = (int64_t)when;
    round->verified[edge - round->registry->edges] = verified;
}

/* Without a record every edge of the part is compared. */
static void load_record(struct round *round, unsigned part)
{
    struct error error;
    struct store_object object;
    const struct store_get get = {.limit = RECORD_MAX};
    struct io io = {.arena = arena_new(), .deadline = round->io.deadline};
    enum status status = store_get(round->how->origin, io, record_key(io.arena, part), &get, &object, &error);
    struct str rest = status == STATUS_OK ? object.body : S(""), first = str_cut(&rest, '\n');
    bool usable = status == STATUS_OK && is_whole(first, rest);
    if (!usable && status == STATUS_OK) error_set(&error, STATUS_CORRUPT, "it is damaged");
    if (!usable && status != STATUS_NOT_FOUND)
        log_warn(nobody, "the record of verified edges, part %u, cannot be used; all its edges are compared: %s", part, error.text);
    while (usable && rest.length > 0) note_line(round, str_cut(&rest, '\n'));
    arena_free(io.arena);
}

static struct str format_record(struct arena *arena, const struct round *round, unsigned part)
{
    struct buf out = buf_in(arena, RECORD_MAX);
    for (size_t i = 0; i < round->registry->edge_count; i++) {
        const struct edge *edge = &round->registry->edges[i];
        const struct verified *verified = &round->verified[i];
        if (verified->when > 0 && lan_part(edge->home) == part)
            buf_printf(&out, STR_FMT "\t%llu\t%llu\t%016llx\t%lld\n", STR_ARG(edge->id), (unsigned long long)verified->wanted,
                       (unsigned long long)verified->held, (unsigned long long)verified->store, (long long)verified->when);
    }
    struct str lines = buf_str(&out);
    struct str first = arena_printf(arena, "verified 1 %zu %016llx\n", lines.length, (unsigned long long)hash64(HASH64, lines));
    return arena_join(arena, first, lines);
}

static void save_record(const struct round *round, unsigned part)
{
    struct error error;
    struct io io = {.arena = arena_new(), .deadline = round->io.deadline};
    if (deadline_left(io.deadline) < SAVE_TIMEOUT) io.deadline = deadline_in(SAVE_TIMEOUT);
    struct str body = format_record(io.arena, round, part);
    if (store_put(round->how->origin, io, record_key(io.arena, part), body, NULL, NULL, &error) != STATUS_OK)
        log_warn(nobody, "the record of verified edges, part %u, was not written; the next run compares them again: %s", part, error.text);
    arena_free(io.arena);
}

/* --- which edges */

static uint64_t store_mark(const struct edge *edge)
{
    uint64_t hash = hash64_number(HASH64, edge->store.length);
    hash = hash64(hash64(hash, edge->store), edge->credentials);
    return hash64_number(hash, edge->splices);
}

/* Each edge has its own time of day, when it is compared whatever is known: its disk may lose files. So the comparisons of a fleet are
 * spread over the day, however often and however regularly runs come. */
static bool is_due(const struct edge *edge, int64_t when, int64_t now)
{
    int64_t own = (int64_t)(hash64(HASH64, edge->id) % CLOCK_DAY);
    return when > now || (when + own) / CLOCK_DAY != (now + own) / CLOCK_DAY;
}

static bool is_unchanged(const struct round *round, size_t i)
{
    const struct edge *edge = &round->registry->edges[i];
    const struct verified *verified = &round->verified[i];
    if (!round->newest || round->how->verify || verified->when == 0) return false;
    return verified->wanted == round->newest[i].wanted && verified->held == round->newest[i].held && verified->store == store_mark(edge) &&
           !is_due(edge, verified->when, round->how->now);
}

static bool compare_edge(const struct round *round, const struct edge *edge, struct settled *settled)
{
    struct error error;
    struct io own = {.arena = arena_new(), .deadline = round->io.deadline};
    enum status status = reconcile_and_tell(round->how, own, edge, settled, &error);
    arena_free(own.arena);
    if (status == STATUS_OK) return settled->is_settled;
    log_warn(nobody, "edge=" STR_FMT " %s", STR_ARG(edge->id), error.text);
    if (deadline_left(round->io.deadline) == 0)
        round->result->unfinished = true;
    else
        round->result->failed++;
    return false;
}

/* Returns whether the record says something else of it from now on. */
static bool renew(struct round *round, size_t i)
{
    struct settled settled = {.result = round->result};
    struct verified *verified = &round->verified[i];
    const struct edge *edge = &round->registry->edges[i];
    bool was_known = verified->when > 0, is_in_order = compare_edge(round, edge, &settled);
    *verified = (struct verified){0};
    if (is_in_order) *verified = (struct verified){settled.wanted, settled.held, store_mark(edge), round->how->now};
    return was_known || is_in_order;
}

static void run_part(struct round *round, unsigned part)
{
    bool changed = false;
    load_record(round, part);
    for (size_t i = 0; i < round->registry->edge_count && !round->result->unfinished; i++) {
        const struct edge *edge = &round->registry->edges[i];
        if (edge->store.length == 0 || lan_part(edge->home) != part) continue;
        if (is_unchanged(round, i))
            round->result->unchanged++;
        else
            changed = renew(round, i) || changed;
    }
    if (changed) save_record(round, part);
}

/* --- all */

static const struct state_generations *list_newest(const struct round *round)
{
    struct error error;
    struct state_generations *newest = arena_array(round->io.arena, round->registry->edge_count, sizeof *newest);
    if (state_list(round->how->origin, round->io, round->registry, newest, &error) == STATUS_OK) return newest;
    log_warn(nobody, "the states of edges could not be listed; all edges are compared: %s", error.text);
    return NULL;
}

void reconcile_edges(const struct reconciliation *how, struct io io, const struct registry *registry, int part,
                     struct reconcile_result *result)
{
    struct round round = {.how = how, .io = io, .registry = registry, .result = result};
    if (registry->edge_count == 0) return;
    round.verified = arena_array(io.arena, registry->edge_count, sizeof *round.verified);
    round.newest = list_newest(&round);
    for (unsigned each = 0; each < LAN_PARTS && !result->unfinished; each++)
        if (part < 0 || (unsigned)part == each) run_part(&round, each);
}
