/* Profiles for the tests of admission: the specification's own, with fields put in or taken out. */
#ifndef TESTS_UNIT_ADMISSION_SAMPLE_H
#define TESTS_UNIT_ADMISSION_SAMPLE_H

#include "lib/admission/admission.h"
#include "tests/unit/unit.h"

#define SAMPLE_TIMES "\"resource\":\"game-2.0\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-30T10:00:00Z\",\"lead\":\"24h\""

/* `fields` as in "\"mode\":\"paced\"". */
static inline enum status sample_try(struct arena *arena, const char *fields, struct admission_profile *profile, struct error *error)
{
    return admission_profile_parse(arena, arena_printf(arena, "{%s}", fields), profile, error);
}

static inline struct admission_profile sample_profile(struct arena *arena, const char *fields)
{
    struct admission_profile profile;
    struct error error;
    assert_ok(sample_try(arena, arena_cstr(arena, arena_printf(arena, SAMPLE_TIMES ",%s", fields)), &profile, &error), &error);
    return profile;
}

static inline int64_t sample_time(const char *text)
{
    int64_t moment = 0;
    assert_true(clock_parse_time(str_of(text), &moment));
    return moment;
}

static inline struct admission_client sample_client(const char *id)
{
    struct admission_client client;
    admission_client_init(&client, str_of(id));
    return client;
}

static inline struct admission_answer sample_ask(const struct admission_profile *profile, struct admission_client client, const char *now,
                                                 double fresh)
{
    struct admission_answer answer;
    admission_decide(profile, &client, sample_time(now), fresh, &answer);
    return answer;
}

#endif
