/* What the policy wants on an edge, and what is there: `wanted/<edge>/<n>` and `held/<edge>/<n>`, rows of generations. A query answers the
 * edge's address only for what is held. */
#ifndef EDGES_STATE_H
#define EDGES_STATE_H

#include "lib/edges/registry.h"
#include "lib/store/generation.h"

/* Why a package is wanted, or no longer: the rule that was passed (P9–P15), or a person's hand. */
enum policy_rule { RULE_NONE, RULE_T1, RULE_M_OF_M, RULE_CONFIDENCE, RULE_TRIGGER, RULE_ROOM, RULE_FADED, RULE_UNPUBLISHED, RULE_HAND };
const char *policy_rule_name(enum policy_rule); /* "t1", "m-of-M", … as the shape `wanted` has them */

struct wanted_package {
    struct str package;
    int64_t since;
    enum policy_rule reason;
    bool pending;      /* P7: to be placed at the next query for it */
    uint64_t size;     /* bytes */
    struct str sha256; /* empty: not known before it is produced (a channel package) */
};
struct wanted {
    struct str edge;
    struct wanted_package *items; /* by package, in byte order */
    size_t count;
    uint64_t generation; /* 0: no row */
};

/* A package on its way in or out is in the row too, so that a copier that was cut off leaves nothing behind that nobody knows of. */
enum held_state {
    HELD_HERE,    /* verified: devices are sent to it */
    HELD_COPYING, /* some of it may be there */
    HELD_LEAVING, /* no device is sent to it any more; deleted from `until` on */
};
struct held_package {
    struct str package;
    int64_t since;
    uint64_t size;
    struct str sha256;
    struct str validator; /* of what it was made from: empty, or another one where a channel's info has changed since */
    enum held_state state;
    int64_t until; /* ms; HELD_LEAVING */
};
struct held {
    struct str edge;
    struct held_package *items; /* by package, in byte order */
    size_t count;
    uint64_t generation;
};

struct str wanted_format(struct arena *, const struct wanted *);
/* Of a row that was read; its generation is not in it. */
enum status wanted_parse(struct arena *, struct str json, struct wanted *, struct error *);
enum status wanted_load(struct store *, struct io, struct str edge, uint64_t known, struct wanted *, struct error *);
const struct wanted_package *wanted_find(const struct wanted *, struct str package);
/* Changes the row, safely with several writers: `change` is called with the newest, may replace items (in any order), and may be called
 * again. STATUS_NOT_MODIFIED: nothing to do. */
typedef enum status wanted_change_fn(void *context, struct arena *, struct wanted *, struct error *);
enum status wanted_update(struct store *, struct io, struct str edge, wanted_change_fn *, void *context, struct wanted *result,
                          struct error *);

struct str held_format(struct arena *, const struct held *);
enum status held_parse(struct arena *, struct str json, struct held *, struct error *);
enum status held_load(struct store *, struct io, struct str edge, uint64_t known, struct held *, struct error *);
/* NULL where it is not here whole. */
const struct held_package *held_find(const struct held *, struct str package);
const struct held_package *held_find_any(const struct held *, struct str package); /* in whatever state */
/* Puts one package into the row, or changes what the row says of it; takes it out. */
enum status held_set(struct store *, struct io, struct str edge, const struct held_package *, struct error *);
enum status held_drop(struct store *, struct io, struct str edge, struct str package, struct error *);

/* The newest generations of an edge's documents; 0: it has none. */
struct state_generations {
    uint64_t wanted, held;
};
/* Of each of the registry's edges, in their order, by one listing of `wanted/` and one of `held/`. */
enum status state_list(struct store *, struct io, const struct registry *, struct state_generations *, struct error *);

/* Empties both: what it holds first. For an edge that is registered no more, so that one registered anew under its id is not said to hold
 * what it may not. The rows stay, since their numbers are what others know them by. Repeatable; *found: there was something. */
enum status state_forget(struct store *, struct io, struct str edge, bool *found, struct error *);

#endif
