/* Whoever asks, at any time, a profile that was taken gives an answer that makes sense. */
#ifndef TESTS_FUZZ_ADMISSION_DECIDE_H
#define TESTS_FUZZ_ADMISSION_DECIDE_H

#include <assert.h>

#include "lib/admission/admission.h"

static inline void check(const struct admission_profile *profile, const struct admission_client *client, int64_t now,
                         struct admission_answer *answer)
{
    admission_decide(profile, client, now, 0.5, answer);
    assert(answer->probability >= 0 && answer->probability <= 1 && answer->threshold >= 0 && answer->threshold <= 1);
    assert(answer->retry_after >= 1 && answer->level < ADMISSION_LEVELS);
    assert(!answer->admit || now >= profile->release);
    if (answer->start_at == ADMISSION_NEVER) return;
    assert(answer->start_at >= profile->release && answer->start_at <= admission_profile_end(profile));
    assert(answer->admit == (now >= answer->start_at));
}

static inline void decide_any(const struct admission_profile *profile, uint32_t hours)
{
    struct admission_client client;
    admission_client_init(&client, S("c"));
    client.last_login = 0;
    client.credit = 1000;
    client.hours = hours;
    client.bandwidth = 1000;
    struct admission_answer answer;
    int64_t span = profile->deadline - profile->release;
    const int64_t moments[] = {0,
                               profile->release - 1,
                               profile->release,
                               profile->release + span / 3,
                               profile->deadline - 1,
                               profile->deadline,
                               INT64_C(253402300799999)};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) check(profile, &client, moments[i], &answer);
    if (answer.start_at == ADMISSION_NEVER) return;
    client.last_login = ADMISSION_NEVER;
    check(profile, &client, profile->release, &answer);
    check(profile, &client, answer.start_at, &answer);
    assert(answer.admit);
}

#endif
