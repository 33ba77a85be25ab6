/* What each field of a policy means, in one sentence: `pakhus policy show` prints it, as text and as JSON. */
#ifndef POLICY_MEANING_H
#define POLICY_MEANING_H

#include "base/json.h"
#include "lib/policy/decide.h"

enum policy_field {
    FIELD_THRESHOLD,
    FIELD_SMALL,
    FIELD_ROOM,
    FIELD_REPEAT_THRESHOLD,
    FIELD_M,
    FIELD_CONFIDENCE,
    FIELD_WINDOW,
    FIELD_DISPLACE,
    FIELD_EVICT_THRESHOLD,
    FIELD_N,
    FIELD_EVICT_CONFIDENCE,
    FIELD_EVICT_WINDOW,
    FIELD_GRACE,
    FIELD_TRIGGER,
    FIELD_MISSING_PATCH,
    POLICY_FIELDS
};
struct policy_meaning {
    const char *field; /* "place.threshold" */
    const char *rule;  /* "T1", as docs/spec/placement.md calls it; empty: it has no such name */
    const char *text;
};
extern const struct policy_meaning policy_meanings[POLICY_FIELDS];

/* "meaning":{"place.threshold":"T1: A package …", …} */
void policy_put_meanings(struct json_writer *);

/* The rule of a decision in words: "place threshold" for "t1". One name of a rule, such as "m-of-M", stands for placing and evicting. */
const char *policy_rule_text(enum decision_kind, enum policy_rule);

#endif
