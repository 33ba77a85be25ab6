/* The answer in its two forms, whole and in pieces of any size; and what a host cannot send. */
#include <jansson.h>

#include "base/encode.h"
#include "lib/gather/answer.h"
#include "tests/unit/unit.h"

enum { LARGE = (1 << 20) + 1 };

static struct gather_resource resources[] = {
    {.id = {"a", 1}, .address = {"http://a.example/?x=%22", 23}, .length = GATHER_UNKNOWN},
    {.id = {"b", 1}, .address = {"s3://bucket/b", 13}, .length = GATHER_UNKNOWN},
    {.id = {"c.json", 6}, .address = {"http://c.example/", 17}, .length = GATHER_UNKNOWN},
};

static void make_outcomes(struct gather_outcome outcomes[3], struct str body)
{
    outcomes[0] = (struct gather_outcome){.status = 200, .body = body, .type = S("text/\"x\""), .encoding = S("gzip"), .sha256 = {0xff, 1}};
    outcomes[1] = (struct gather_outcome){.reason = GATHER_TIMEOUT};
    outcomes[2] = (struct gather_outcome){.reason = GATHER_STATUS, .status = 503, .body = {0}};
}

static struct str read_all(struct arena *arena, const struct gather_answer *answer, size_t step)
{
    struct error error;
    size_t used = 0;
    ssize_t count;
    if (!answer->stream.read) return answer->body;
    char *all = arena_buffer(arena, answer->length);
    while ((count = stream_read(answer->stream, all + used, step < answer->length - used ? step : answer->length - used, &error)) > 0)
        used += (size_t)count;
    assert_int_equal(used, answer->length);
    return str_make(all, used);
}

static void multipart_has_a_part_for_each(void **state)
{
    struct gather_outcome outcomes[3];
    struct gather_answer answer;
    make_outcomes(outcomes, S("--\r\nbody\r\n"));
    gather_answer_multipart(*state, resources, outcomes, 3, &answer);
    struct str boundary = answer.type;
    assert_str(str_cut(&boundary, '='), S("multipart/mixed; boundary"));
    struct arena *arena = *state;
    struct str wanted = arena_join(
        arena, S("--"), boundary,
        S("\r\nPakhus-Id: a\r\nPakhus-Address: http://a.example/?x=%22\r\nPakhus-Status: 200\r\nContent-Type: text/\"x\"\r\n"
          "Content-Encoding: gzip\r\nContent-Length: 10\r\nContent-Digest: sha-256=:"
          "/wEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\r\n\r\n--\r\nbody\r\n\r\n--"),
        boundary, S("\r\nPakhus-Id: b\r\nPakhus-Address: s3://bucket/b\r\nPakhus-Reason: timeout\r\nContent-Length: 0\r\n\r\n\r\n--"),
        boundary,
        S("\r\nPakhus-Id: c.json\r\nPakhus-Address: http://c.example/\r\nPakhus-Status: 503\r\nPakhus-Reason: status\r\n"
          "Content-Length: 0\r\n\r\n\r\n--"),
        boundary, S("--\r\n"));
    assert_str(answer.body, wanted);
    assert_int_equal(answer.length, wanted.length);
}

static void boundaries_differ(void **state)
{
    struct gather_outcome outcomes[3];
    struct gather_answer one, other;
    make_outcomes(outcomes, S(""));
    gather_answer_multipart(*state, resources, outcomes, 3, &one);
    gather_answer_multipart(*state, resources, outcomes, 3, &other);
    assert_false(str_equal(one.type, other.type));
}

static struct str bytes(struct arena *arena, size_t length)
{
    char *body = arena_buffer(arena, length);
    for (size_t i = 0; i < length; i++) body[i] = (char)(i * 31 >> 3);
    return str_make(body, length);
}

/* The JSON of `body` is what a parser of JSON and base64 reads. */
static void check_json(struct arena *arena, struct str text, struct str body)
{
    struct str decoded;
    json_t *json = json_loadb(text.data, text.length, 0, NULL);
    assert_non_null(json);
    const json_t *complete = json_array_get(json_object_get(json, "resources"), 0), *missing = json_object_get(json, "missing");
    assert_string_equal(json_string_value(json_object_get(json, "id")), "0123");
    assert_true(json_is_false(json_object_get(json, "complete")));
    assert_true(base64_decode(arena, str_of(json_string_value(json_object_get(complete, "body"))), &decoded));
    assert_true(str_equal(decoded, body));
    assert_int_equal(json_integer_value(json_object_get(complete, "length")), (json_int_t)body.length);
    assert_string_equal(json_string_value(json_object_get(complete, "content_type")), "text/\"x\"");
    assert_int_equal(json_array_size(missing), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(missing, 1), "reason")), "status");
    json_decref(json);
}

static void json_is_json_at_every_length(void **state)
{
    struct gather_outcome outcomes[3];
    struct gather_answer answer;
    for (size_t length = 0; length < 10; length++) {
        make_outcomes(outcomes, bytes(*state, length));
        gather_answer_json(*state, S("0123"), resources, outcomes, 3, &answer);
        check_json(*state, answer.body, outcomes[0].body);
    }
}

static void large_ones_are_streams_of_any_step(void **state)
{
    static const size_t steps[] = {1, 2, 3, 5, 7, 4096, 4099, 65536, LARGE * 2};
    struct gather_outcome outcomes[3];
    struct gather_answer answer;
    make_outcomes(outcomes, bytes(*state, LARGE));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        gather_answer_json(*state, S("0123"), resources, outcomes, 3, &answer);
        assert_non_null(answer.stream.read);
        check_json(*state, read_all(*state, &answer, steps[i]), outcomes[0].body);
        gather_answer_multipart(*state, resources, outcomes, 3, &answer);
        struct str whole = read_all(*state, &answer, steps[i]);
        assert_int_equal(str_find_str(whole, str_make(outcomes[0].body.data, 100)), str_find_str(whole, S("\r\n\r\n")) + 4);
    }
}

static void what_has_no_room_is_too_large(void **state)
{
    struct gather_outcome outcomes[3];
    struct str body = bytes(*state, 3000);
    const struct {
        uint64_t limit;
        bool json, first, second;
    } cases[] = {{UINT64_MAX, false, true, true}, {16000, false, true, true}, {13000, false, true, false}, {13000, true, true, false},
                 {12000, true, false, false},     {16000, true, true, false}, {100, false, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_outcomes(outcomes, body);
        outcomes[1] = outcomes[0];
        outcomes[2] = (struct gather_outcome){.reason = GATHER_COMPLETE};
        bool complete = gather_answer_fit(resources, outcomes, 3, cases[i].limit, cases[i].json);
        assert_int_equal(outcomes[0].reason, cases[i].first ? GATHER_COMPLETE : GATHER_TOO_LARGE);
        assert_int_equal(outcomes[1].reason, cases[i].second ? GATHER_COMPLETE : GATHER_TOO_LARGE);
        assert_int_equal(complete, cases[i].first && cases[i].second);
        if (cases[i].limit < 1000) continue;
        struct gather_answer answer;
        gather_answer_json(*state, S("0123"), resources, outcomes, 3, &answer);
        assert_true(!cases[i].json || answer.length <= cases[i].limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(multipart_has_a_part_for_each), test_with_arena(boundaries_differ),
        test_with_arena(json_is_json_at_every_length),  test_with_arena(large_ones_are_streams_of_any_step),
        test_with_arena(what_has_no_room_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
