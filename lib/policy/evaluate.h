/* Demand → wanted (P8–P15): evaluate says what is to be placed, evict what is to go. Each writes `wanted/<edge>/<n>`, a line for each
 * decision with the counts behind it under `decisions/<day>/`, and alerts (P12) under `alerts/<day>/`. Run twice, twice at once, or cut off
 * anywhere and run again, it ends in the same state. */
#ifndef POLICY_EVALUATE_H
#define POLICY_EVALUATE_H

#include "lib/demand/sums.h"
#include "lib/edges/edges.h"
#include "lib/policy/decide.h"

/* What the catalogue knows of a package: handed in, since placement does not know APKs. STATUS_NOT_FOUND: it is not published (any more).
 * Of a patch that could be made the size is an estimate; the digest is empty where it is not known before. */
struct package_facts {
    uint64_t size;
    struct str sha256;
};
/* A patch that nobody made has no digest, and is none where the policy makes no patches. */
static inline bool package_facts_suffice(const struct package_facts *facts, const struct package_name *name, const struct policy *policy)
{
    return name->from.length == 0 || facts->sha256.length > 0 || policy->generate_patches;
}
typedef enum status package_facts_fn(void *context, struct io, const struct package_name *, struct package_facts *, struct error *);

struct evaluation {
    struct store *store;
    const struct registry *registry;
    const struct policy *policy;
    package_facts_fn *facts;
    void *context;
    int64_t now;
    int64_t present; /* who asks what will be, as if it were `now`, throws nothing away that is counted at present */
    int part;        /* of the edges: by their first LAN; and of LANs without an edge. −1: all */
    struct str edge; /* empty: all */
    bool dry_run;    /* decides, writes nothing */
    /* Each decision as a JSON line; may be NULL. */
    void (*tell)(void *context, struct str line);
    void *tell_context;
    /* Each package that a LAN without an edge missed in the current window; may be NULL. The row lives for the call. */
    void (*missed)(void *context, const struct demand_row *);
    void *missed_context;
};
struct evaluation_result {
    uint64_t pairs; /* (LAN, package) that were looked at */
    uint64_t placed, marked, kept, evicted, alerts, no_room;
    uint64_t failed; /* edges whose row could not be read: logged, and passed over */
};
/* With the trigger "pending" what passes is marked: the next query for it places it. */
enum status placement_evaluate(const struct evaluation *, struct io, struct evaluation_result *, struct error *);
enum status placement_evict(const struct evaluation *, struct io, struct evaluation_result *, struct error *);

/* One package on one edge, after a miss that passes a rule (P7): makes it wanted. Reads what is wanted there: who
 * calls has seen that it passes. */
struct triggering {
    const struct edge *edge;
    struct str lan, package;
    uint64_t missing; /* misses that are not in the sums */
    bool mark_first;  /* "pending": marked at first, wanted when it is triggered again */
    bool granted;     /* placed whatever was missed, where there is room for it: `lan` need not be one of the edge's (P6) */
    /* The sums of a part, over the spans of evaluation.policy: placing, then evicting. NULL where it is granted. */
    enum status (*sums)(void *context, struct io, unsigned part, const struct demand_sums **, struct error *);
    void *context;
};
struct triggered {
    enum decision_kind decision; /* DECISION_NONE: it passes no rule; DECISION_KEEP: it is wanted already; DECISION_MARK: it is pending */
    bool wanted;                 /* from now on, not only marked */
    uint64_t size;               /* bytes; of a patch that nobody made yet an estimate */
};
enum status placement_trigger(const struct evaluation *, struct io, const struct triggering *, struct triggered *, struct error *);

#endif
