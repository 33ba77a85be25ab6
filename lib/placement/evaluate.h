/* Demand → wanted (P8–P15): evaluate says what is to be placed, evict what is to go. Each writes `wanted/<edge>/<n>`, a decision with its
 * counts for each package under `decisions/<day>/<time>-<part>-<instance>.jsonl`, and alerts (P12) under `alerts/<day>/…`. Run twice, twice
 * at once or cut off anywhere and run again it ends in the same state. */
#ifndef PLACEMENT_EVALUATE_H
#define PLACEMENT_EVALUATE_H

#include "lib/placement/decide.h"
#include "lib/placement/name.h"
#include "lib/placement/registry.h"
#include "lib/placement/state.h"

/* What the catalogue knows of a package: handed in, since placement does not know APKs. STATUS_NOT_FOUND: there is none (any more), and a
 * patch that could be made has size 0. A channel package's digest is empty. */
struct package_facts {
    uint64_t size;
    struct str sha256;
};
typedef enum status package_facts_fn(void *context, struct io, const struct package_name *, struct package_facts *, struct error *);

struct evaluation {
    struct store *store;
    package_facts_fn *facts;
    void *context;
    int64_t now;
    int part;        /* −1: all */
    struct str edge; /* empty: all; evict only */
    bool dry_run;    /* decides, writes nothing */
    /* Each decision as a JSON line, as it is made; may be NULL. */
    void (*tell)(void *context, struct str line);
    void *tell_context;
};
struct evaluation_result {
    uint64_t pairs, placed, kept, evicted, alerts, no_room;
};
enum status placement_evaluate(const struct evaluation *, struct io, struct evaluation_result *, struct error *);
enum status placement_evict(const struct evaluation *, struct io, struct evaluation_result *, struct error *);
/* One package on one edge, now (P7): asks the same rules, with `misses` over policy_place_spans, and makes it wanted. */
enum status placement_trigger(const struct evaluation *, struct io, const struct edge *, struct str lan, const struct package_name *,
                              const uint64_t *misses, enum decision_kind *, struct error *);

#endif
