#include "tests/unit/unit.h"

#include "lib/apk/info.h"

static struct apk_info parse(struct arena *arena, struct str text, struct str fallback)
{
    struct apk_info info;
    struct error error;
    assert_ok(apk_info_parse(arena, text, fallback, &info, &error), &error);
    return info;
}

static void one_text_for_one_meaning(void **state)
{
    struct apk_info info = parse(*state, S(" { \"channel\" : \"huawei\", \"b\":\"1\", \"a\":\"\\u00e9\" } "), S(""));
    assert_str(info.json, S("{\"channel\":\"huawei\",\"b\":\"1\",\"a\":\"\xc3\xa9\"}"));
    assert_str(info.channel, S("huawei"));
    assert_str(parse(*state, info.json, S("")).json, info.json);
}

static void channel_id_stands_in(void **state)
{
    assert_str(parse(*state, S("{}"), S("xiaomi")).json, S("{\"channel\":\"xiaomi\"}"));
    assert_str(parse(*state, S("{\"k\":\"v\"}"), S("xiaomi")).json, S("{\"channel\":\"xiaomi\",\"k\":\"v\"}"));
    assert_str(parse(*state, S("{\"channel\":\"other\"}"), S("xiaomi")).channel, S("other"));
}

static void refused(void **state)
{
    static const char *const cases[] = {"",
                                        "x",
                                        "[]",
                                        "{\"channel\":1}",
                                        "{\"channel\":\"\"}",
                                        "{\"channel\":\"a\",\"channel\":\"b\"}",
                                        "{}",
                                        "{\"a\":\"b\"}",
                                        "{\"channel\":{}}",
                                        "{\"channel\":\"a\"}x",
                                        "{\"channel\":\"\\u0000\"}",
                                        "{\"channel\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct apk_info info;
        struct error error;
        if (apk_info_parse(*state, str_of(cases[i]), S(""), &info, &error) != STATUS_INVALID) fail_msg("%s was taken", cases[i]);
    }
}

static void merge(void **state)
{
    struct apk_info info, base = parse(*state, S("{\"channel\":\"c\",\"k\":\"old\"}"), S(""));
    struct error error;
    assert_ok(apk_info_merge(*state, &base, S("{\"k\":\"new\",\"click\":\"1\"}"), &info, &error), &error);
    assert_str(info.json, S("{\"channel\":\"c\",\"k\":\"new\",\"click\":\"1\"}"));
    assert_ok(apk_info_merge(*state, &base, S("{\"channel\":\"c\"}"), &info, &error), &error);
    assert_error(apk_info_merge(*state, &base, S("{\"channel\":\"d\"}"), &info, &error), STATUS_INVALID, &error,
                 "may not change 'channel'");
    assert_error(apk_info_merge(*state, &base, S("{\"channel\":\"c\\u0020\"}"), &info, &error), STATUS_INVALID, &error, "may not change");
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(one_text_for_one_meaning), test_with_arena(channel_id_stands_in),
                                       test_with_arena(refused), test_with_arena(merge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
