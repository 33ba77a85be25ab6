#include "lib/policy/evaluate.h"

#include <stdlib.h>

#include "base/log.h"
#include "lib/demand/samples.h"
#include "lib/edges/lan.h"
#include "lib/edges/path.h"
#include "lib/policy/evaluate_internal.h"

enum { LINES_LIMIT = 256 << 20, LINES_FLUSH = 4 << 20 };

/* --- which edges, which LANs */

/* An edge whose turn it is, and what its LANs asked for: by (LAN, package) the misses over the placing rule's spans, then the hits and the
 * misses over the evicting rule's. */
struct site {
    const struct edge *edge;
    struct cells demand;
    struct held held; /* where eviction is asked */
};
struct reading {
    struct job *job;
    unsigned part;
    struct site *sites;
    size_t site_count;
    size_t first, edge_count; /* of the registry's edges: those that are looked at */
    struct site **of_edges;   /* of each of these; NULL: of another part's */
    struct str lan;           /* of the last row: rows come by LAN */
    struct str own;           /* that LAN, as its edge's is counted now */
    const struct edge *edge;
};

/* All, or the one that is asked for. */
static void choose_edges(struct reading *reading)
{
    const struct evaluation *how = reading->job->how;
    reading->edge_count = how->registry->edge_count;
    if (how->edge.length == 0) return;
    const struct edge *edge = registry_edge(how->registry, how->edge);
    reading->first = edge ? (size_t)(edge - how->registry->edges) : 0;
    reading->edge_count = edge ? 1 : 0;
}

/* A row that makes no sense is for a person to look at: the other edges go on. */
static void pass_over(struct job *job, const struct edge *edge, const struct error *error)
{
    log_warn((struct log){0}, "edge=" STR_FMT " is skipped: %s", STR_ARG(edge->id), error->text);
    job->result->failed++;
}

static enum status choose_sites(struct reading *reading, struct error *error)
{
    const struct registry *registry = reading->job->how->registry;
    struct job *job = reading->job;
    struct arena *arena = job->io.arena;
    choose_edges(reading);
    reading->sites = arena_array(arena, reading->edge_count, sizeof *reading->sites);
    reading->of_edges = arena_array(arena, reading->edge_count, sizeof *reading->of_edges);
    for (size_t i = 0; i < reading->edge_count; i++) {
        const struct edge *edge = &registry->edges[reading->first + i];
        if (lan_part(edge->home) != reading->part) continue;
        struct site *site = &reading->sites[reading->site_count];
        *site = (struct site){.edge = edge, .demand = {.arena = arena, .width = job->counts}};
        enum status status = job->evict ? held_load(job->how->store, job->io, edge->id, 0, &site->held, error) : STATUS_OK;
        if (status == STATUS_CORRUPT) {
            pass_over(job, edge, error);
            continue;
        }
        TRY(status);
        reading->of_edges[i] = site;
        reading->site_count++;
    }
    return STATUS_OK;
}

/* NULL: no edge serves it. */
static const struct edge *edge_of(struct reading *reading, struct str lan)
{
    if (reading->lan.data && str_equal(reading->lan, lan)) return reading->edge;
    reading->lan = arena_copy(reading->job->io.arena, lan);
    return reading->edge = registry_edge_serving(reading->job->how->registry, reading->lan, &reading->own);
}

static struct site *site_of(const struct reading *reading, const struct edge *edge)
{
    size_t number = (size_t)(edge - reading->job->how->registry->edges) - reading->first; /* before the first: beyond all */
    return number < reading->edge_count ? reading->of_edges[number] : NULL;
}

/* --- reading demand */

/* P12. A pair of a LAN that no edge serves. */
static enum status look_at_lone(struct reading *reading, const struct demand_row *row, struct error *error)
{
    struct job *job = reading->job;
    if (!job->place || job->how->edge.length > 0) return STATUS_OK;
    if (str_starts(row->lan, S("~")))
        return STATUS_OK; /* of an edge that is gone or has LANs now: its callers' LANs have rows of their own */
    if (job->how->missed && row->misses[0] > 0) job->how->missed(job->how->missed_context, row);
    if (row->misses[0] <= policy_alert_threshold(job->how->policy)) return STATUS_OK;
    struct candidate candidate = {.package = row->package,
                                  .lan = row->lan,
                                  .misses = row->misses,
                                  .hits = row->hits + job->places,
                                  .decision = DECISION_ALERT,
                                  .rule = RULE_T1};
    return job_alert(job, &candidate, error);
}

static enum status note_row(void *context, const struct demand_row *row, struct error *error)
{
    struct reading *reading = context;
    struct job *job = reading->job;
    const struct edge *edge = edge_of(reading, row->lan);
    struct site *site = edge ? site_of(reading, edge) : NULL;
    struct package_name name;
    struct error ignored;
    if (!edge) return lan_part(row->lan) == reading->part ? look_at_lone(reading, row, error) : STATUS_OK;
    if (!site || package_name_parse(row->package, &name, &ignored) != STATUS_OK) return STATUS_OK;
    job->result->pairs++;
    edge_package(edge, &name);
    uint64_t *counts = cells_of(&site->demand, reading->own, package_name_format(job->io.arena, &name));
    for (unsigned i = 0; i < job->places; i++) cells_add(&counts[i], row->misses[i]);
    for (unsigned i = job->places; i < job->places + job->evicts; i++) {
        cells_add(&counts[i], row->hits[i]);
        cells_add(&counts[job->evicts + i], row->misses[i]);
    }
    return STATUS_OK;
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* All texts under which the edge's LANs may be counted, sorted: one that is listed by its network and by its code is there twice. */
static size_t list_lans(const struct reading *reading, const struct edge *edge, struct str **out)
{
    size_t count = 0;
    struct str *texts = arena_array(reading->job->io.arena, 2 * edge->lan_count + 1, sizeof *texts);
    if (edge->lan_count == 0) texts[count++] = edge->home;
    for (size_t i = 0; i < edge->lan_count; i++) {
        const struct lan_entry *entry = registry_listed_lan(reading->job->how->registry, edge->lans[i]);
        texts[count++] = edge->lans[i];
        if (entry) texts[count++] = entry->lan;
    }
    qsort(texts, count, sizeof *texts, by_text);
    *out = texts;
    return count;
}

/* A trigger asks about its edge's LANs only. Sums of another policy's spans, published this moment, say nothing. */
static enum status read_sums(struct reading *reading, struct error *error)
{
    struct job *job = reading->job;
    const struct triggering *trigger = job->trigger;
    const struct demand_sums *sums;
    struct str *lans;
    size_t count = trigger->sums ? list_lans(reading, trigger->edge, &lans) : 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && str_equal(lans[i - 1], lans[i])) continue;
        TRY(trigger->sums(trigger->context, job->io, lan_part(lans[i]), &sums, error));
        if (sums->span_count != job->places + job->evicts) continue;
        TRY(demand_sums_each(sums, lans[i], note_row, reading, error));
    }
    return STATUS_OK;
}

/* What was counted of an edge's callers before it was registered. */
static void need_callers(const struct edge *edge, bool needed[LAN_PARTS])
{
    for (size_t i = 0; i < edge->egress_count; i++) {
        unsigned part = network_part(&edge->egress[i]);
        for (unsigned each = 0; each < LAN_PARTS; each++) needed[each] = needed[each] || part == each || part == LAN_PARTS;
    }
}

/* The part itself, and those that other LANs of its edges are in. */
static enum status read_parts(struct reading *reading, struct error *error)
{
    struct job *job = reading->job;
    bool needed[LAN_PARTS] = {false};
    const struct registry *registry = job->how->registry;
    needed[reading->part] = reading->site_count > 0 || job->place;
    for (size_t i = 0; i < registry->served_count; i++)
        if (site_of(reading, registry->served[i].edge)) needed[lan_part(registry->served[i].lan)] = true;
    for (size_t i = 0; i < reading->site_count; i++) need_callers(reading->sites[i].edge, needed);
    for (unsigned part = 0; part < LAN_PARTS; part++) {
        const struct demand_question question = {.spans = job->spans, .span_count = job->places + job->evicts};
        if (needed[part]) TRY(demand_sum(&(struct demand_part){job->how->store, job->io, part}, &question, note_row, reading, error));
    }
    return STATUS_OK;
}

/* --- candidates */

struct choice {
    struct job *job;
    const struct edge *edge;
    /* As in site.demand, but misses of the LAN that asks most, and the rest of all; then 1 + the number of that LAN's pair. */
    struct cells packages;
    struct cells *demand;
    const struct held *held;
    struct wanted wanted;
    struct candidate *candidates;
    size_t count;
};

/* What a query counted since is the current window's. */
static void add_missing(struct choice *choice)
{
    const struct triggering *trigger = choice->job->trigger;
    if (!trigger) return;
    uint64_t *counts = cells_of(choice->demand, trigger->lan, trigger->package);
    cells_add(&counts[0], trigger->missing);
}

/* What passes whatever its size and the room; and among others what was missed more of late, which is all that a lower T1 looks at. */
static bool asks_more(const struct policy_place *place, const uint64_t *a, const uint64_t *b)
{
    bool a_passes = policy_places(place, UINT64_MAX, false, a) != RULE_NONE,
         b_passes = policy_places(place, UINT64_MAX, false, b) != RULE_NONE;
    return a_passes != b_passes ? a_passes : a[0] > b[0];
}

static void join_lans(struct choice *choice)
{
    const struct job *job = choice->job;
    for (size_t i = 0; i < choice->demand->count; i++) {
        const struct cells_pair *pair = &choice->demand->pairs[i];
        uint64_t *joined = cells_of(&choice->packages, S(""), pair->package), *number = &joined[job->counts];
        for (unsigned c = job->places; c < job->counts; c++) cells_add(&joined[c], pair->counts[c]);
        if (*number > 0 && !asks_more(&job->how->policy->place, pair->counts, joined)) continue;
        memcpy(joined, pair->counts, job->places * sizeof *joined);
        *number = i + 1;
    }
    for (size_t i = 0; i < choice->wanted.count; i++) cells_of(&choice->packages, S(""), choice->wanted.items[i].package);
    cells_sort(&choice->packages);
}

/* Every edge asks about the same packages: one question each in a run. */
static enum status ask_size(struct choice *choice, struct str package, bool *published, uint64_t *size, struct error *error)
{
    enum { KNOWN = 1, NOT_PUBLISHED };
    struct job *job = choice->job;
    struct package_name name;
    struct package_facts facts = {0};
    uint64_t *known = cells_of(&job->sizes, S(""), package);
    if (known[0] == 0) {
        TRY(package_name_parse(package, &name, error));
        enum status status = job->how->facts(job->how->context, job->io, &name, &facts, error);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
        bool there = status == STATUS_OK && package_facts_suffice(&facts, &name, job->how->policy);
        known[0] = there ? KNOWN : NOT_PUBLISHED;
        known[1] = facts.size;
    }
    *published = known[0] == KNOWN;
    *size = known[1];
    return STATUS_OK;
}

static void note_held(const struct choice *choice, struct candidate *candidate)
{
    const struct job *job = choice->job;
    const struct held_package *held = held_find(choice->held, candidate->package);
    candidate->there = held && held->since > candidate->since ? held->since : candidate->since;
    if (job->evict && !held) candidate->awaited = candidate->hits + job->evicts;
}

static bool is_of_interest(const struct choice *choice, const struct candidate *candidate)
{
    const struct job *job = choice->job;
    if (candidate->wanted && !candidate->pending) return true;
    if (!job->place || policy_places(&job->how->policy->place, 0, true, candidate->misses) == RULE_NONE)
        return candidate->pending || candidate->granted;
    return !job->trigger || str_equal(candidate->package, job->trigger->package);
}

/* A patch that was wanted before anybody made it. */
static bool is_estimated(const struct wanted_package *wanted)
{
    return wanted->sha256.length == 0 && str_find_str(wanted->package, S("..")) < wanted->package.length;
}

/* What is not published any more is of no use where it is wanted, and not placed where it is not. */
static enum status add_candidate(struct choice *choice, const struct cells_pair *pair, struct error *error)
{
    const struct job *job = choice->job;
    const struct wanted_package *wanted = wanted_find(&choice->wanted, pair->package);
    uint64_t number = pair->counts[job->counts];
    struct candidate *candidate = &choice->candidates[choice->count];
    bool published = true;
    uint64_t size = 0;
    *candidate =
        (struct candidate){.package = pair->package, .misses = pair->counts, .hits = pair->counts + job->places, .wanted = wanted != NULL};
    if (number > 0) candidate->lan = choice->demand->pairs[number - 1].lan;
    if (wanted) {
        candidate->pending = wanted->pending;
        candidate->by_hand = wanted->reason == RULE_HAND;
        candidate->since = wanted->since;
        note_held(choice, candidate);
        candidate->size = wanted->size;
    }
    bool triggered = job->trigger && str_equal(candidate->package, job->trigger->package);
    candidate->granted = triggered && (job->trigger->granted || candidate->pending);
    if (!is_of_interest(choice, candidate)) return STATUS_OK;
    if (!wanted || job->evict || (is_estimated(wanted) && !job->trigger)) TRY(ask_size(choice, pair->package, &published, &size, error));
    if (!published && !wanted) return STATUS_OK;
    if (size > 0) candidate->size = size;
    if (!published) candidate->size = 0;
    choice->count++;
    return STATUS_OK;
}

static enum status make_candidates(struct choice *choice, struct error *error)
{
    choice->candidates = arena_array(choice->job->io.arena, choice->packages.count, sizeof *choice->candidates);
    for (size_t i = 0; i < choice->packages.count; i++) TRY(add_candidate(choice, &choice->packages.pairs[i], error));
    return STATUS_OK;
}

/* --- an edge */

static void count_decision(struct evaluation_result *result, enum decision_kind kind)
{
    result->placed += kind == DECISION_PLACE;
    result->marked += kind == DECISION_MARK;
    result->kept += kind == DECISION_KEEP;
    result->evicted += kind == DECISION_EVICT;
    result->no_room += kind == DECISION_NO_ROOM;
}

static bool marks(const struct choice *choice)
{
    const struct job *job = choice->job;
    if (job->trigger) return job->trigger->mark_first && !wanted_find(&choice->wanted, job->trigger->package);
    return job->how->policy->trigger == TRIGGER_PENDING;
}

static void decide(struct choice *choice)
{
    struct job *job = choice->job;
    const struct decide how = {.policy = job->how->policy,
                               .now = job->how->now,
                               .quota = choice->edge->quota,
                               .place = job->place,
                               .evict = job->evict,
                               .marks = marks(choice),
                               .asked = job->trigger != NULL};
    decide_edge(&how, job->io.arena, choice->candidates, choice->count);
    for (size_t i = 0; i < choice->count; i++) {
        struct candidate *candidate = &choice->candidates[i];
        bool gone = candidate->wanted && candidate->size == 0 && job->evict;
        if (gone) candidate->decision = DECISION_EVICT, candidate->rule = RULE_UNPUBLISHED;
        if (job->trigger && candidate->decision == DECISION_KEEP && !str_equal(candidate->package, job->trigger->package)) continue;
        count_decision(job->result, candidate->decision);
        if (candidate->decision != DECISION_NONE) job_tell(job, choice->edge->id, candidate);
    }
}

static bool changes(const struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) switch (choice->candidates[i].decision) {
        case DECISION_PLACE:
        case DECISION_MARK:
        case DECISION_EVICT: return true;
        default: break;
        }
    return false;
}

static void note_triggered(const struct choice *choice)
{
    const struct job *job = choice->job;
    for (size_t i = 0; i < choice->count; i++) {
        const struct candidate *candidate = &choice->candidates[i];
        if (!str_equal(candidate->package, job->trigger->package)) continue;
        bool placed = candidate->decision == DECISION_PLACE;
        bool kept = candidate->decision == DECISION_KEEP && !candidate->pending;
        *job->triggered = (struct triggered){candidate->decision, placed || kept, candidate->size};
    }
}

static enum status decide_site(struct job *job, struct site *site, struct error *error)
{
    struct choice choice = {.job = job, .edge = site->edge, .demand = &site->demand, .held = &site->held};
    choice.packages = (struct cells){.arena = job->io.arena, .width = job->counts + 1};
    add_missing(&choice);
    TRY(wanted_load(job->how->store, job->io, site->edge->id, 0, &choice.wanted, error));
    join_lans(&choice);
    TRY(make_candidates(&choice, error));
    decide(&choice);
    if (job->trigger) note_triggered(&choice);
    if (changes(&choice)) TRY(job_write_lines(job, error)); /* first: a change that nobody can explain is worse than one said twice */
    if (job->trigger) job->lines.length = 0;                /* that nothing changed is no news at every miss */
    return job_apply(job, site->edge, choice.candidates, choice.count, error);
}

static enum status decide_or_pass_over(struct job *job, struct site *site, struct error *error)
{
    enum status status = decide_site(job, site, error);
    if (status != STATUS_CORRUPT) return status;
    pass_over(job, site->edge, error);
    return STATUS_OK;
}

static enum status run_part(struct job *job, unsigned part, struct error *error)
{
    struct reading reading = {.job = job, .part = part};
    TRY(choose_sites(&reading, error));
    TRY(job->trigger ? read_sums(&reading, error) : read_parts(&reading, error));
    for (size_t i = 0; i < reading.site_count; i++) {
        TRY(decide_or_pass_over(job, &reading.sites[i], error));
        if (job->lines.length > LINES_FLUSH) TRY(job_write_lines(job, error));
    }
    return job_write_lines(job, error);
}

/* --- all */

static enum status run_in_own_memory(struct job *job, unsigned part, struct error *error)
{
    struct arena *arena = job->io.arena;
    job->io.arena = arena_new();
    job->lines = buf_in(job->io.arena, LINES_LIMIT);
    enum status status = run_part(job, part, error);
    arena_free(job->io.arena);
    job->io.arena = arena;
    return status;
}

/* What nobody looks at any more goes: also samples, which calibrate may never be told to apply. */
static enum status drop(const struct job *job, int64_t horizon, struct error *error)
{
    TRY(demand_drop(job->how->store, job->io, horizon, error));
    return samples_drop(job->how->store, job->io, horizon - SAMPLE_SKEW, error);
}

static enum status fold(const struct job *job, unsigned part, struct error *error)
{
    if (job->how->dry_run || !job->place || job->trigger) return STATUS_OK;
    int64_t now = job->how->now < job->how->present ? job->how->now : job->how->present, horizon = policy_horizon(job->how->policy, now);
    if (part == 0) TRY(drop(job, horizon, error)); /* of all parts */
    return demand_fold(&(struct demand_part){job->how->store, job->io, part}, horizon, now, error);
}

static enum status run(struct job *job, struct error *error)
{
    job->evicts = policy_spans(job->how->policy, job->how->now, job->spans, &job->places) - job->places;
    job->counts = job->places + 2 * job->evicts;
    job->sizes = (struct cells){.arena = job->io.arena, .width = 2};
    for (unsigned part = 0; part < LAN_PARTS; part++) {
        if (job->how->part >= 0 && (unsigned)job->how->part != part) continue;
        TRY(run_in_own_memory(job, part, error));
        TRY(fold(job, part, error));
    }
    return STATUS_OK;
}

enum status placement_evaluate(const struct evaluation *how, struct io io, struct evaluation_result *result, struct error *error)
{
    struct job job = {.how = how, .io = io, .place = true, .result = result};
    return run(&job, error);
}

enum status placement_evict(const struct evaluation *how, struct io io, struct evaluation_result *result, struct error *error)
{
    struct job job = {.how = how, .io = io, .evict = true, .result = result};
    return run(&job, error);
}

enum status placement_trigger(const struct evaluation *how, struct io io, const struct triggering *trigger, struct triggered *triggered,
                              struct error *error)
{
    struct evaluation one = *how;
    struct evaluation_result result = {0};
    struct triggering normal = *trigger;
    struct package_name name;
    *triggered = (struct triggered){.decision = DECISION_NONE};
    TRY(package_name_parse(trigger->package, &name, error));
    edge_package(trigger->edge, &name);
    normal.package = package_name_format(io.arena, &name);
    one.edge = trigger->edge->id;
    one.part = (int)lan_part(trigger->edge->home);
    struct job job = {.how = &one, .io = io, .place = true, .trigger = &normal, .triggered = triggered, .result = &result};
    return run(&job, error);
}
