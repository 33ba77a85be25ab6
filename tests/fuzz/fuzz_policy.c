/* Policies: any text is refused with words, or is a policy whose windows make sense at any time, and by which what nobody asks for is never
 * placed and what everybody asks for always is. */
#include <assert.h>

#include "lib/policy/policy.h"

enum { COUNTS = POLICY_WINDOWS_MAXIMUM + 1 };

static void check_spans(const struct span *spans, unsigned count, int64_t horizon)
{
    assert(count >= 1 && count <= COUNTS);
    for (unsigned i = 0; i < count; i++) {
        assert(spans[i].from <= spans[i].to && spans[i].from >= horizon);
        assert(spans[i].to - spans[i].from <= 32 * (int64_t)CLOCK_DAY);
        if (i > 1) assert(spans[i].from < spans[i - 1].from && spans[i].to < spans[i - 1].to);
    }
}

static void decide(const struct policy *policy, int64_t now)
{
    static const uint64_t nobody[COUNTS];
    uint64_t everybody[COUNTS];
    struct span spans[COUNTS];
    int64_t horizon = policy_horizon(policy, now);
    for (size_t i = 0; i < COUNTS; i++) everybody[i] = UINT64_MAX;
    check_spans(spans, policy_place_spans(policy, now, spans), horizon);
    for (int room = 0; room < 2; room++) {
        assert(policy_places(&policy->place, 1 << 20, room, nobody) == RULE_NONE);
        assert(policy_places(&policy->place, 1 << 20, room, everybody) != RULE_NONE);
    }
    check_spans(spans, policy_evict_spans(policy, now, spans), horizon);
    assert(policy_evicts(&policy->evict, everybody, spans, INT64_MIN, INT64_MAX) == RULE_NONE);
    assert(policy->evict.t3 == 0 || policy_evicts(&policy->evict, nobody, spans, INT64_MIN, INT64_MAX) != RULE_NONE); /* all are over */
    assert(policy_evicts(&policy->evict, nobody, spans, INT64_MAX, now) == RULE_NONE); /* what came just now */
}

static void check(struct arena *arena, const struct policy *policy)
{
    static const int64_t moments[] = {0, INT64_C(1787220000000), INT64_C(1787220300001), INT64_C(253402300799999)};
    struct policy again;
    struct error error;
    struct str text = policy_format(arena, policy);
    assert(policy_parse(arena, text, &again, &error) == STATUS_OK);
    assert(str_equal(policy_format(arena, &again), text));
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) decide(policy, moments[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct policy policy;
    struct error error = {0};
    if (policy_parse(arena, str_make(data, size), &policy, &error) == STATUS_OK)
        check(arena, &policy);
    else
        assert(error.status == STATUS_INVALID && str_starts(str_of(error.text), S("policy")));
    arena_free(arena);
    return 0;
}
