/* The answer as it is sent, and as a client reads it. */
#include "lib/admission/answer.h"
#include "tests/unit/admission_sample.h"

static void what_is_sent_is_read(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"paced\",\"urls\":[\"https://a/b\"],\"size\":5,\"ask\":[\"login\"]");
    struct admission_answer answer = sample_ask(&profile, sample_client("c"), "2026-08-20T10:00:00Z", 0);
    struct admission_told told;
    struct error error;
    struct str json = admission_answer_json(*state, &profile, &answer);
    assert_ok(admission_told_parse(*state, json, &told, &error), &error);
    assert_int_equal(told.admit, answer.admit);
    assert_true(told.start_at == answer.start_at);
    assert_int_equal(told.retry_after, answer.retry_after);
    assert_int_equal(told.size, 5);
    assert_int_equal(told.speed_limit, 0);
    assert_int_equal(told.sha256.length, 0);
    assert_int_equal(told.addresses.count, 1);
    assert_str(told.addresses.items[0].url, S("https://a/b"));
}

#define TOLD "\"admit\":true,\"probability\":1,\"threshold\":0.5,\"retry_after\":300"

static void newer_servers_may_say_more(void **state)
{
    struct admission_told told;
    struct error error;
    assert_ok(admission_told_parse(*state, S("{" TOLD ",\"urls\":[],\"weather\":\"fine\"}"), &told, &error), &error);
    assert_true(told.start_at == ADMISSION_NEVER);
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"<html>", "answer: not JSON"},
        {"{" TOLD "}", "answer.urls: is missing"},
        {"{" TOLD ",\"urls\":[\"file:///etc/passwd\"]}", "answer.urls: number 0 is not of http"},
        {"{" TOLD ",\"urls\":[],\"start_at\":\"soon\"}", "answer.start_at: must be a time"},
        {"{" TOLD ",\"urls\":[],\"size\":-1}", "answer.size: must be"},
        {"{\"admit\":true,\"probability\":1,\"threshold\":0.5,\"retry_after\":0,\"urls\":[]}", "answer.retry_after: must be"},
        {"{\"admit\":true,\"probability\":2,\"threshold\":0.5,\"retry_after\":1,\"urls\":[]}", "answer.probability: must be"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct admission_told told;
        struct error error;
        assert_error(admission_told_parse(*state, str_of(cases[i].json), &told, &error), STATUS_INVALID, &error, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_is_sent_is_read),
        test_with_arena(newer_servers_may_say_more),
        test_with_arena(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
