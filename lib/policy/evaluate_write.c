#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "lib/edges/lan.h"
#include "lib/policy/evaluate_internal.h"
#include "lib/policy/meaning.h"
#include "lib/store/common.h"

enum { TRIES = 3 };

static void put_counts(struct json_writer *json, const char *name, const uint64_t *counts, unsigned count)
{
    json_open_array(json, name);
    for (unsigned i = 0; i < count; i++) json_put_number(json, NULL, counts[i]);
    json_close(json);
}

/* Where the edge is missing: the public address of the LAN's callers, as an edge's "egress" takes it. */
static void put_egress(struct json_writer *json, struct arena *arena, struct str lan)
{
    struct network caller, network;
    bool has_network;
    if (lan_parse_caller(lan, &caller, &network, &has_network)) json_put_text(json, "egress", network_format(arena, &caller));
}

/* {"time":"…","edge":"shop-1","lan":"192.168.0.0/24","package":"APP1/2.0","decision":"place","rule":"t1",
 * "rule_name":"place threshold","size":…,"misses":[…],"hits":[…]}: the current window first; "awaited" are misses over the evicting rule's
 * windows of what is wanted and has not come. */
static void write_line(struct buf *out, const struct job *job, struct str edge, const struct candidate *candidate)
{
    struct json_writer json = json_writer(out);
    json_open_object(&json, NULL);
    json_put_text(&json, "time", clock_format_time(out->arena, job->how->now));
    json_put_text(&json, "edge", edge);
    json_put_text_if_any(&json, "lan", candidate->lan);
    if (candidate->decision == DECISION_ALERT) put_egress(&json, out->arena, candidate->lan);
    json_put_text(&json, "package", candidate->package);
    json_put_word(&json, "decision", decision_name(candidate->decision));
    json_put_word(&json, "rule", policy_rule_name(candidate->rule));
    json_put_word(&json, "rule_name", policy_rule_text(candidate->decision, candidate->rule));
    json_put_number(&json, "size", candidate->size);
    put_counts(&json, "misses", candidate->misses, job->places);
    put_counts(&json, "hits", candidate->hits, job->evicts);
    if (candidate->awaited) put_counts(&json, "awaited", candidate->awaited, job->evicts);
    json_close(&json);
    buf_add_byte(out, '\n');
}

void job_tell(struct job *job, struct str edge, const struct candidate *candidate)
{
    size_t before = job->lines.length;
    write_line(&job->lines, job, edge, candidate);
    if (job->how->tell && !job->lines.overflow) job->how->tell(job->how->tell_context, str_from(buf_str(&job->lines), before));
}

enum status job_write_lines(struct job *job, struct error *error)
{
    static const struct store_put put = {.condition = STORE_IF_ABSENT, .content_type = "application/x-ndjson"};
    if (job->how->dry_run) job->lines.length = 0;
    if (job->lines.length == 0) return STATUS_OK;
    struct calendar c = clock_calendar(job->how->now);
    struct str day = demand_day(job->io.arena, job->how->now);
    struct str key = arena_printf(job->io.arena, "decisions/" STR_FMT "/%02d%02d%02d-%016llx.jsonl", STR_ARG(day), c.hour, c.minute,
                                  c.second, (unsigned long long)store_random());
    TRY(store_put(job->how->store, job->io, key, buf_str(&job->lines), &put, NULL, error));
    job->lines.length = 0;
    return STATUS_OK;
}

enum status job_alert(struct job *job, const struct candidate *candidate, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "application/json"};
    struct buf out = buf_in(job->io.arena, 1 << 16);
    struct str day = demand_day(job->io.arena, job->how->now);
    uint64_t hash = hash64(hash64(hash64(HASH64, candidate->lan), S(" ")), candidate->package); /* no LAN has a space in it */
    struct str key = arena_printf(job->io.arena, "alerts/" STR_FMT "/%016llx.json", STR_ARG(day), (unsigned long long)hash);
    job->result->alerts++;
    job_tell(job, S(""), candidate);
    if (job->how->dry_run) return STATUS_OK;
    write_line(&out, job, S(""), candidate);
    enum status status = store_put(job->how->store, job->io, key, buf_str(&out), &once, NULL, error);
    return status == STATUS_PRECONDITION ? STATUS_OK : status;
}

/* --- wanted */

struct change {
    const struct job *job;
    const struct edge *edge;
    const struct candidate *candidates; /* by package */
    size_t count;
};

static int by_package(const void *a, const void *b)
{
    return str_compare(((const struct candidate *)a)->package, ((const struct candidate *)b)->package);
}

static const struct candidate *find(const struct change *change, struct str package)
{
    const struct candidate sought = {.package = package};
    return change->count > 0 ? bsearch(&sought, change->candidates, change->count, sizeof sought, by_package) : NULL;
}

/* Only what was decided about as it stands: what another one placed anew meanwhile is left alone. */
static bool is_taken_off(const struct change *change, const struct wanted_package *item)
{
    const struct candidate *candidate = find(change, item->package);
    return candidate && candidate->decision == DECISION_EVICT && candidate->since == item->since;
}

static struct str digest_of(const struct change *change, struct arena *arena, const struct candidate *candidate)
{
    const struct evaluation *how = change->job->how;
    struct package_name name;
    struct package_facts facts = {0};
    struct error ignored;
    struct io io = {.arena = arena, .deadline = change->job->io.deadline};
    if (package_name_parse(candidate->package, &name, &ignored) != STATUS_OK) return facts.sha256;
    if (how->facts(how->context, io, &name, &facts, &ignored) != STATUS_OK) return (struct str){NULL, 0};
    return facts.sha256;
}

/* What has been placed meanwhile by another evaluation takes room too: what does not fit any more waits for the next one. */
static void put_on(const struct change *change, struct arena *arena, struct wanted *wanted, uint64_t used)
{
    const struct wanted known = *wanted; /* what comes behind it is not in order */
    for (size_t i = 0; i < change->count; i++) {
        const struct candidate *candidate = &change->candidates[i];
        bool marked = candidate->decision == DECISION_MARK;
        if ((candidate->decision != DECISION_PLACE && !marked) || wanted_find(&known, candidate->package)) continue;
        if (!marked && candidate->size > change->edge->quota - (used < change->edge->quota ? used : change->edge->quota)) continue;
        wanted->items[wanted->count] = (struct wanted_package){.package = candidate->package,
                                                               .since = change->job->how->now,
                                                               .reason = candidate->rule,
                                                               .pending = marked,
                                                               .size = candidate->size,
                                                               .sha256 = digest_of(change, arena, candidate)};
        wanted->count++;
        if (!marked) used += candidate->size;
    }
}

/* A patch that is made by now has the size that it has. */
static bool correct_size(const struct change *change, struct arena *arena, const struct candidate *candidate, struct wanted_package *item)
{
    if (!candidate || candidate->size == 0 || candidate->size == item->size) return false;
    item->size = candidate->size;
    item->sha256 = digest_of(change, arena, candidate);
    return true;
}

static enum status change_wanted(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    const struct change *change = context;
    struct wanted_package *items = arena_array(arena, wanted->count + change->count, sizeof *items);
    size_t kept = 0, before = wanted->count;
    uint64_t used = 0;
    bool changed = false;
    for (size_t i = 0; i < before; i++) {
        struct wanted_package item = wanted->items[i];
        const struct candidate *candidate = find(change, item.package);
        if (is_taken_off(change, &item)) continue;
        bool begins = item.pending && candidate && candidate->decision == DECISION_PLACE;
        if (begins) item.pending = false, item.since = change->job->how->now;
        changed = correct_size(change, arena, candidate, &item) || begins || changed;
        if (!item.pending) used += item.size;
        items[kept++] = item;
    }
    struct wanted next = {.edge = wanted->edge, .items = items, .count = kept, .generation = wanted->generation};
    size_t first_new = kept;
    put_on(change, arena, &next, used);
    changed = changed || kept != before || next.count != first_new;
    if (!changed) return error_set(error, STATUS_NOT_MODIFIED, "nothing changes");
    *wanted = next;
    return STATUS_OK;
}

enum status job_apply(struct job *job, const struct edge *edge, const struct candidate *candidates, size_t count, struct error *error)
{
    struct change change = {job, edge, candidates, count};
    struct wanted result;
    if (job->how->dry_run) return STATUS_OK;
    return wanted_update(job->how->store, job->io, edge->id, change_wanted, &change, &result, error);
}
