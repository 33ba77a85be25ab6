/* Policy: what is to be placed on which edge, and what is to go.
 *
 *     policy.h       the rules, and the windows that they look at (below)
 *     decide.h       what follows from demand for one edge
 *     evaluate.h     decisions for all edges, or for one package after a miss
 *     calibrate.h    thresholds from what decisions came to
 *     meaning.h      what each field means, in words
 *     auto.h         settings among which a policy chooses by itself
 *
 * It reads demand (lib/demand) and writes what is wanted (lib/edges); lib/delivery makes it so, lib/replay tries policies on traces.
 *
 * When a package is placed on an edge and when it is taken off (P8–P15): `policy/<n>`, a row of generations. The shape is in the sample:
 *
 *     {"place":{"t1":5000,"t2":1000,"m":3,"of":5,"confidence":null,"include_current":true,"window":{"last":"24h"}},
 *      "evict":{"t3":300,"n":3,"of":5,"confidence":null,"include_current":true,"window":{"slot":"06:00-24:00"}},
 *      "trigger":"immediate|background|pending","missing_patch":"generate|full","timezone":"+08:00"}
 *
 * "place" may have besides:
 *     "small":{"size":65536,"t1":0}   packages of at most so many bytes have a T1 of their own: patches above all cost little to place
 *     "room":{"t1":0}                 T1 while the edge has room for the package, so that none has to go
 *     "displace":1                    for whose sake others have to go must serve more than so many times the bytes that they do
 * and "evict" "grace":"1h", how long what was just placed stays whatever asks for its room.
 * Thresholds have plain names as well, which are read in place of the short ones: place.threshold (t1), place.repeat_threshold (t2),
 * evict.threshold (t3); in "small" and "room" threshold.
 *
 * Pure but for policy_load and policy_publish. */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "lib/demand/span.h"
#include "lib/edges/state.h"
#include "lib/store/generation.h"

enum { POLICY_WINDOWS_MAXIMUM = 64 };

/* In JSON one of: {"last":"24h"}, {"since":"06:00"}, {"since":"2026-08-21T06:00"}, {"slot":"06:00-24:00"} (a second time before the first
 * is the next day's), {"slots":["06:00-12:00","12:00-18:00","18:00-24:00"]}: successive windows of equal length. */
enum window_kind { WINDOW_LAST, WINDOW_SINCE, WINDOW_DATE, WINDOW_SLOT };
enum { WINDOW_SLOTS_MAX = 24 };
static const int64_t WINDOW_LONGEST = 31 * (int64_t)CLOCK_DAY;
struct window {
    enum window_kind kind;
    int64_t last;                     /* WINDOW_LAST: ms */
    int64_t from;                     /* WINDOW_SINCE: time of day, ms; WINDOW_DATE: the moment as the zone's clocks show it, ms */
    int64_t begins[WINDOW_SLOTS_MAX]; /* WINDOW_SLOT: times of day, ms, rising */
    unsigned slots;
    int64_t length; /* WINDOW_SLOT: ms, of each */
};

struct policy_place {
    uint64_t t1, t2;
    uint64_t small_size, small_t1; /* bytes; 0: no package is small */
    bool has_room_t1;
    uint64_t room_t1;
    double displace;
    unsigned m, of;
    double confidence; /* C1; 0: the rule is m of M */
    bool include_current;
    struct window window;
};
struct policy_evict {
    uint64_t t3;
    unsigned n, of;
    double confidence; /* C2; 0: the rule is n of N */
    bool include_current;
    struct window window;
    int64_t grace; /* ms */
};
/* "auto": see auto.h. */
enum policy_goal { AUTO_BYTES, AUTO_REQUESTS };
struct policy_auto {
    bool on;
    double placed_byte;
    enum policy_goal goal;
    uint64_t link; /* bytes a second; 0: copying takes no time worth counting */
    int64_t since; /* ms; 0: the numbers were not chosen by a replay yet */
    char why[200];
};
enum policy_trigger { TRIGGER_IMMEDIATE, TRIGGER_BACKGROUND, TRIGGER_PENDING };
struct policy {
    struct policy_auto automatic;
    struct policy_place place;
    struct policy_evict evict;
    enum policy_trigger trigger;
    bool generate_patches; /* "missing_patch" */
    int64_t zone;          /* ms to add to UTC */
    uint64_t generation;   /* 0: none was set, and the policy is {"auto":{}} */
};

/* Fixed numbers: what a document that has no "auto" leaves out. The numbers are the sample's, with "background" and UTC. */
void policy_default(struct policy *);
/* STATUS_INVALID names the field: t2 ≥ t1, m > of, of > 64, a window of no length or over 31 days, … */
enum status policy_parse(struct arena *, struct str json, struct policy *, struct error *);
struct str policy_format(struct arena *, const struct policy *); /* as the store has it */
/* For people, and policy_parse reads it too: thresholds by their plain names as well, and with the meaning of each field. */
struct str policy_show(struct arena *, const struct policy *);
/* A store without a policy has {"auto":{}}: nobody who has set no numbers knows which of them suit the demand. */
enum status policy_load(struct store *, struct io, uint64_t known, struct policy *, struct error *);
/* STATUS_INVALID also for an eviction rule that can never be reached, since the current window is never over. */
enum status policy_publish(struct store *, struct io, struct str json, struct policy *, struct error *);
/* Puts the policy in place of the one whose generation it has. *replaced: false where another one was published meanwhile, which stays. */
enum status policy_replace(struct store *, struct io, struct policy *, bool *replaced, struct error *);

/* The current window (index 0) ends with the bucket that `now` is in, so that what was just counted is in it; `last` 12 h at
 * 19:05 begins at 07:05. Earlier ones are whole (Readings): the same length just before (last), whole days from the same time of day
 * (since), the slots before. The current slot is the latest that has begun. A window since a date has no earlier ones, is empty before
 * the date, and looks back at most WINDOW_LONGEST. */
struct span window_span(const struct window *, int64_t zone, int64_t now, unsigned index);
/* Of what spans a rule looks at: `of` windows, the current one first or left out; and the current one for P9. In spans[0] the current one
 * always; the others from spans[1] on. Returns how many in all. */
unsigned policy_place_spans(const struct policy *, int64_t now, struct span spans[POLICY_WINDOWS_MAXIMUM + 1]);
unsigned policy_evict_spans(const struct policy *, int64_t now, struct span spans[POLICY_WINDOWS_MAXIMUM + 1]);
/* Those of both: the placing rule's, then the evicting one's. Returns how many in all; *places: of the first. */
enum { POLICY_SPANS_MAXIMUM = 2 * (POLICY_WINDOWS_MAXIMUM + 1) };
unsigned policy_spans(const struct policy *, int64_t now, struct span spans[POLICY_SPANS_MAXIMUM], unsigned *places);
/* The earliest moment that either rule looks at, or that "auto" chooses by (POLICY_AUTO_BACK): older counts may be dropped. */
static const int64_t POLICY_AUTO_BACK = 8 * (int64_t)CLOCK_DAY;
int64_t policy_horizon(const struct policy *, int64_t now);

/* P9–P11, of a package of `size` bytes (0: not known, and taken for small); `room`: the edge has room for it. `counts` as
 * policy_place_spans orders them. RULE_NONE: not wanted.
 */
enum policy_rule policy_places(const struct policy_place *, uint64_t size, bool room, const uint64_t *counts);
/* P14, P15. Windows that began before the package was there (`since`, ms), and those that are not over, say nothing about it. Spans as
 * policy_evict_spans gave them. */
enum policy_rule policy_evicts(const struct policy_evict *, const uint64_t *counts, const struct span *spans, int64_t since, int64_t now);
/* P12: a LAN without an edge that misses a package more often than this in the current window lacks an edge. Under "auto" it is the
 * sample's place threshold: "auto" chooses by what a copy to an edge that is there costs, and a second request is no reason to buy one. */
uint64_t policy_alert_threshold(const struct policy *);
/* (windows) / (of) ≥ confidence. */
bool policy_is_confident(unsigned windows, unsigned of, double confidence);

#endif
