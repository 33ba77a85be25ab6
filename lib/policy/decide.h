/* What follows from demand for one edge at one moment (P9–P15, quota). Pure: evaluate, evict, query's trigger and the simulator all call
 * it. */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "lib/policy/policy.h"

enum decision_kind { DECISION_NONE, DECISION_PLACE, DECISION_KEEP, DECISION_EVICT, DECISION_ALERT, DECISION_NO_ROOM, DECISION_MARK };
const char *decision_name(enum decision_kind); /* "none", "place", "keep", "evict", "alert", "no-room", "mark" */

/* A package that the edge wants, or that its LANs asked for. */
struct candidate {
    struct str package, lan; /* lan: the one whose demand passes; empty where it is the edge as a whole */
    uint64_t size;           /* bytes */
    const uint64_t *misses;  /* over policy_place_spans: of the LAN that asks most */
    const uint64_t *hits;    /* over policy_evict_spans: of all the edge's LANs */
    const uint64_t *awaited; /* NULL, or over policy_evict_spans the misses of what is wanted and has not come: they would be hits */
    bool wanted, pending;    /* pending ones are wanted, but take no room yet */
    bool by_hand;            /* a person placed it: it stays, and keeps its room */
    bool granted;            /* it is placed whatever was missed: a mark that a query asks for (P7), a patch made for others (P6) */
    int64_t since;           /* wanted since, ms */
    int64_t there;           /* held since, or as `since`: windows that began before say nothing (P14) */
    /* out */
    enum decision_kind decision; /* DECISION_NONE: it was not wanted, and is not */
    enum policy_rule rule;
    double worth; /* requests a millisecond, recent windows weighing more: what the candidate is ranked by */
};

/* Fills decision, rule and worth of each candidate. What does not fit into `quota` is chosen by demand and bytes: a byte that is stored
 * serves as many bytes as its package is asked for, so candidates are ranked by requests, and one takes the room of others only if it
 * serves more bytes than all of them. What was wanted for less than the grace stays, whatever asks for its room. */
struct decide {
    const struct policy *policy;
    int64_t now;
    uint64_t quota;    /* bytes */
    bool place, evict; /* which rules are asked: evaluate, evict, or both */
    bool marks;        /* what passes is only marked, and nobody has to go for it (P7 "pending") */
    bool asked;        /* by a query (P7), which says that the newcomer is asked for now: "displace" holds; else it is at least 1 */
};
void decide_edge(const struct decide *, struct arena *, struct candidate *, size_t count);

/* What a candidate is ranked by is a rate, of misses over the placing rule's windows and of hits over the evicting one's: requests a
 * millisecond. Each window weighs half of the one after it, and of one that is not over only what has passed counts. */
double decide_window_requests(const uint64_t *counts, unsigned count);
double decide_window_time(const struct span *, unsigned count, int64_t now);

#endif
