/* What follows from demand for one edge at one moment (P9–P15, quota). Pure: evaluate, evict, query's trigger and the simulator all call
 * it. */
#ifndef PLACEMENT_DECIDE_H
#define PLACEMENT_DECIDE_H

#include "lib/placement/policy.h"

enum decision_kind { DECISION_PLACE, DECISION_KEEP, DECISION_EVICT, DECISION_ALERT, DECISION_NO_ROOM };
const char *decision_name(enum decision_kind); /* "place", "keep", "evict", "alert", "no-room" */

/* A package that the edge wants, or that its LANs asked for. */
struct candidate {
    struct str package, lan; /* lan: the one whose demand passes; empty where it is the edge as a whole */
    uint64_t size;           /* bytes; not 0 */
    const uint64_t *misses;  /* over policy_place_spans: of the LAN that asks most */
    const uint64_t *hits;    /* over policy_evict_spans: of all the edge's LANs */
    bool wanted, pending;
    int64_t since; /* wanted since, ms */
    /* out */
    enum decision_kind decision;
    enum policy_rule rule;
};

/* Fills decision and rule of each candidate. What does not fit into `quota` is chosen by demand and bytes (decide.c says how). What was
 * wanted for less than a window of the eviction rule stays, whatever asks for its room. */
struct decide {
    const struct policy *policy;
    int64_t now;
    uint64_t quota; /* bytes */
    const struct span *evict_spans;
    bool place, evict; /* which rules are asked: evaluate, evict, or both */
};
void decide_edge(const struct decide *, struct arena *, struct candidate *, size_t count);

#endif
