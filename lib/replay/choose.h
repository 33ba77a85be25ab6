/* Which setting of a policy that sets itself (lib/policy/auto.h) would have served most value in the replay, and how sure that is.
 *
 * Value: the share of bytes (or of requests) that edges served, less placed_byte × the bytes placed as a share of those asked for. Each
 * setting is replayed by itself; what it came to is kept by stretches of time (days, or hours where there are few days). A bootstrap draws
 * stretches again and again, and counts how often the best setting beats the one in force. */
#ifndef REPLAY_CHOOSE_H
#define REPLAY_CHOOSE_H

#include "lib/policy/auto.h"
#include "lib/replay/simulate.h"

/* What a setting came to in one stretch of time. */
struct tally {
    double requests, hits, bytes, bytes_hit, bytes_placed;
};
struct tallies {
    const struct trace *trace;
    const struct policy *policy; /* "auto", and whatever the settings leave as it is */
    const struct simulation *how;
    /* out */
    struct auto_setting settings[AUTO_SETTINGS_MAX];
    unsigned count;
    struct tally *rows[AUTO_SETTINGS_MAX]; /* by stretch */
    struct simulated results[AUTO_SETTINGS_MAX];
    int64_t from, length; /* of the first stretch; of each; ms */
    size_t stretches;
};
/* Replays all settings, in the arena. A stretch is a day where the trace has three or more, else an hour. */
enum status tallies_make(struct tallies *, struct arena *, struct error *);

struct choice {
    struct auto_setting setting;
    bool moves;            /* it is another one than that in force, and is better for sure */
    double value, present; /* of the setting, and of the one in force */
    double sure;           /* share of the bootstrap's draws in which it is the better one; 0 where nothing is better */
};
/* By the stretches that end at or before `now`, of the eight days before it. What is in force is `policy`'s setting. It moves by one step,
 * and at the first time by as many as days were recorded. */
void choose(const struct tallies *, const struct policy *, int64_t now, struct choice *);

/* Where to begin (auto_start) with the trace's sizes, the smallest edge's quota, and the link. A sample's quotas are those of whole edges
 * again. Says why, without a "since": no replay has chosen it. */
void choice_begin(const struct trace *, const struct simulation *, struct policy *);
/* Puts the setting into force from `now` on, with the reason. */
void choice_explain(const struct choice *, int64_t now, struct policy *);

/* What comes of a policy that sets itself: it begins at its own setting where it has a "since", else where auto_start says, and chooses
 * each day. `last`: what is in force at the end, with "since" and "why". */
enum status simulate_auto(const struct tallies *, struct policy *last, struct simulated *, struct error *);

#endif
