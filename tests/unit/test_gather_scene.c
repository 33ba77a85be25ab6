/* Scenes and lists (G1, G7), and when a body is complete (G5). What each refusal says is in tests/e2e/test_gather.py. */
#include "base/encode.h"
#include "lib/gather/scene.h"
#include "tests/unit/unit.h"

#define TWO    "\"resources\":[{\"id\":\"a\",\"address\":\"http://a.example/1\"},{\"id\":\"b\",\"address\":\"https://b.example/2\"}]"
#define DIGEST "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void a_scene_has_defaults(void **state)
{
    struct gather_scene scene;
    struct error error;
    assert_ok(gather_scene_parse(*state, S("{\"scene\":\"home\"," TWO "}"), &scene, &error), &error);
    assert_str(scene.name, S("home"));
    assert_int_equal(scene.list.count, 2);
    assert_str(scene.list.items[1].address, S("https://b.example/2"));
    assert_true(scene.list.items[0].length == GATHER_UNKNOWN);
    assert_int_equal(scene.list.deadline, 2 * CLOCK_SECOND);
    assert_int_equal(scene.list.resource_limit, 4 << 20);
    assert_int_equal(scene.list.total_limit, 16 << 20);
    assert_false(scene.hedge);
    assert_int_equal(scene.allow.length + scene.prefix_count, 0);
}

static void a_scene_says_all_it_can(void **state)
{
    struct gather_scene scene;
    struct error error;
    assert_ok(
        gather_scene_parse(*state,
                           S("{\"scene\":\"home\",\"resources\":[{\"id\":\"a\",\"address\":\"s3://bucket/texts/a\",\"length\":5,"
                             "\"sha256\":\"" DIGEST "\",\"end\":\"}\"},{\"id\":\"b\",\"address\":\"http://b.example/\",\"length\":null}],"
                             "\"deadline\":\"800ms\",\"resource_limit\":5,\"total_limit\":9,\"hedge\":true,"
                             "\"allow\":[\"10.0.0.0/8\",\"127.0.0.1:80\"],\"prefixes\":[\"s3://bucket/texts/\"]}"),
                           &scene, &error),
        &error);
    assert_int_equal(scene.list.deadline, 800);
    assert_int_equal(scene.list.items[0].length, 5);
    assert_str(hex_encode(*state, scene.list.items[0].sha256), S(DIGEST));
    assert_str(scene.list.items[0].end, S("}"));
    assert_int_equal(scene.list.resource_limit + scene.list.total_limit, 14);
    assert_str(scene.allow, S("10.0.0.0/8,127.0.0.1:80"));
    assert_true(scene.hedge);
}

static void one_is_enough_for_asking_again(void **state)
{
    struct gather_question question;
    struct error error;
    struct arena *arena = *state;
    struct str one = S("{\"resources\":[{\"id\":\"a\",\"address\":\"http://a.example/\"}],\"retry_of\":");
    assert_error(gather_question_parse(arena, arena_join(arena, one, S("null}")), &question, &error), STATUS_INVALID, &error,
                 "fewer than 2");
    struct str again = arena_join(arena, one, S("\"0123456789abcdef0123456789abcdef\"}"));
    assert_ok(gather_question_parse(arena, again, &question, &error), &error);
    assert_int_equal(question.list.count, 1);
    assert_str(question.retry_of, S("0123456789abcdef0123456789abcdef"));
    static const char *const wrong[] = {"\"\"}", "\"0123456789ABCDEF0123456789ABCDEF\"}", "\"0123\"}", "5}"};
    for (size_t i = 0; i < 4; i++)
        assert_error(gather_question_parse(arena, arena_join(arena, one, str_of(wrong[i])), &question, &error), STATUS_INVALID, &error,
                     "request.retry_of");
}

static void completeness(void **state)
{
    struct str digest;
    const char *why;
    unsigned char sha256[GATHER_DIGEST];
    assert_true(hex_decode(*state, S(DIGEST), &digest));
    memcpy(sha256, digest.data, sizeof sha256);
    const struct {
        struct gather_resource told;
        bool whole, complete;
    } cases[] = {
        {{.length = GATHER_UNKNOWN}, true, true},
        {{.length = GATHER_UNKNOWN}, false, false},
        {{.length = 5}, true, true},
        {{.length = 5}, false, true},
        {{.length = 4}, true, false},
        {{.length = 0}, true, false},
        {{.length = GATHER_UNKNOWN, .sha256 = digest}, false, true},
        {{.length = 5, .sha256 = S("00000000000000000000000000000000")}, true, false},
        {{.length = 6, .sha256 = digest}, true, false},
        {{.length = GATHER_UNKNOWN, .end = S("llo")}, false, true},
        {{.length = GATHER_UNKNOWN, .end = S("hello")}, true, true},
        {{.length = GATHER_UNKNOWN, .end = S("llo\n")}, true, true},
        {{.length = GATHER_UNKNOWN, .end = S("hell")}, true, false},
        {{.length = GATHER_UNKNOWN, .end = S("oh hello")}, true, false},
        {{.length = 5, .sha256 = digest, .end = S("x")}, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum gather_reason reason = gather_judge(&cases[i].told, cases[i].whole, S("hello"), sha256, &why);
        if (reason != (cases[i].complete ? GATHER_COMPLETE : GATHER_INCOMPLETE)) fail_msg("case %zu is %s", i, gather_reason_name(reason));
        assert_int_equal(why != NULL, !cases[i].complete);
    }
    assert_int_equal(gather_judge(&cases[9].told, false, S("hello \r\n"), sha256, &why), GATHER_COMPLETE);
    assert_int_equal(gather_judge(&cases[9].told, true, S(""), sha256, &why), GATHER_INCOMPLETE);
}

static void every_reason_has_a_word(void **state)
{
    (void)state;
    for (enum gather_reason reason = GATHER_COMPLETE; reason < GATHER_REASONS; reason++) assert_non_null(gather_reason_name(reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a_scene_has_defaults), test_with_arena(a_scene_says_all_it_can),  test_with_arena(one_is_enough_for_asking_again),
        test_with_arena(completeness),         cmocka_unit_test(every_reason_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
