#include "lib/policy/meaning.h"

const struct policy_meaning policy_meanings[POLICY_FIELDS] = {
    [FIELD_THRESHOLD] = {"place.threshold", "T1", "A package missed more often than this in the current window is placed."},
    [FIELD_SMALL] = {"place.small", "", "The place threshold of packages of at most this size, if it is lower."},
    [FIELD_ROOM] = {"place.room", "", "The place threshold while the edge has room for the package, if it is lower."},
    [FIELD_REPEAT_THRESHOLD] = {"place.repeat_threshold", "T2",
                                "A package missed more often than this in enough windows is placed too; place.m says how many."},
    [FIELD_M] = {"place.m", "", "In how many of the last place.of windows the repeat threshold must be passed."},
    [FIELD_CONFIDENCE] = {"place.confidence", "C1", "If set, the share of the windows that must pass; it replaces place.m."},
    [FIELD_WINDOW] = {"place.window", "", "The time over which misses are counted."},
    [FIELD_DISPLACE] = {"place.displace", "",
                        "A package displaces others from a full edge only if it serves more than this times their bytes."},
    [FIELD_EVICT_THRESHOLD] = {"evict.threshold", "T3", "A package hit less often than this in enough windows is evicted."},
    [FIELD_N] = {"evict.n", "", "In how many of the last evict.of windows the hits must be below the evict threshold."},
    [FIELD_EVICT_CONFIDENCE] = {"evict.confidence", "C2", "If set, the share of the windows that must be below; it replaces evict.n."},
    [FIELD_EVICT_WINDOW] = {"evict.window", "", "The time over which hits are counted."},
    [FIELD_GRACE] = {"evict.grace", "", "No package leaves an edge earlier than this after it was placed."},
    [FIELD_TRIGGER] = {"trigger", "", "When a query that passes a threshold places the package."},
    [FIELD_MISSING_PATCH] = {"missing_patch", "", "Whether a patch that does not exist is made, or the full package is answered."},
};

void policy_put_meanings(struct json_writer *json)
{
    json_open_object(json, "meaning");
    for (unsigned i = 0; i < POLICY_FIELDS; i++) {
        const struct policy_meaning *m = &policy_meanings[i];
        json_put_text(json, m->field, arena_printf(json->out->arena, "%s%s%s", m->rule, *m->rule ? ": " : "", m->text));
    }
    json_close(json);
}

const char *policy_rule_text(enum decision_kind kind, enum policy_rule rule)
{
    static const char *const texts[] = {
        [RULE_NONE] = "none",     [RULE_T1] = "place threshold", [RULE_M_OF_M] = "repeat threshold", [RULE_CONFIDENCE] = "place confidence",
        [RULE_TRIGGER] = "query", [RULE_ROOM] = "room",          [RULE_FADED] = "demand faded",      [RULE_UNPUBLISHED] = "unpublished",
        [RULE_HAND] = "by hand",
    };
    if (kind == DECISION_EVICT && rule == RULE_M_OF_M) return "evict threshold";
    if (kind == DECISION_EVICT && rule == RULE_CONFIDENCE) return "evict confidence";
    return texts[rule];
}
