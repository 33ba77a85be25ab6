/* Channel info as JSON (S4, S12): checked, normalised, merged. */
#include "tests/unit/apk_sample.h"

#include "lib/apk/info.h"

static void assert_info(void **state, struct str text, struct str fallback, struct str json, struct str channel)
{
    struct apk_info info;
    struct error error = {0};
    if (apk_info_parse(*state, text, fallback, &info, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_str(info.json, json);
    assert_str(info.channel, channel);
}

static void refused(void **state, struct str text, enum status status, const char *expected)
{
    struct apk_info info = {.json = S("before")};
    struct error error = {0};
    assert_int_equal(apk_info_parse(*state, text, S(""), &info, &error), status);
    assert_string_equal(error.text, expected);
    assert_str(info.json, S("before"));
}

static void info_is_made_compact_and_keeps_its_order(void **state)
{
    assert_info(state, S(" { \"a\": \"\", \"channel\":\"hua\\u0077ei\" }\n"), S("id"), S("{\"a\":\"\",\"channel\":\"huawei\"}"),
                S("huawei"));
}

static void a_missing_channel_becomes_the_fallback(void **state)
{
    assert_info(state, S("{\"a\":\"b\"}"), S("xiaomi"), S("{\"channel\":\"xiaomi\",\"a\":\"b\"}"), S("xiaomi"));
    refused(state, S("{\"a\":\"b\"}"), STATUS_INVALID, "channel info must have a 'channel' that is not empty");
    refused(state, S("{\"channel\":\"\"}"), STATUS_INVALID, "channel info must have a 'channel' that is not empty");
}

static void info_must_be_an_object_of_strings(void **state)
{
    refused(state, S("[\"channel\"]"), STATUS_INVALID, "channel info must be a JSON object of strings");
    refused(state, S("{\"channel\":1}"), STATUS_INVALID, "channel info: the value of \"channel\" must be a string");
    refused(state, S("{\"channel\":\"x\",\"n\":null}"), STATUS_INVALID, "channel info: the value of \"n\" must be a string");
    struct apk_info info;
    struct error error;
    static const char *const broken[] = {"", "{\"channel\":\"x\"", "{\"channel\":\"x\",\"channel\":\"y\"}", "{\"channel\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(apk_info_parse(*state, str_of(broken[i]), S("x"), &info, &error), STATUS_INVALID);
    assert_int_equal(apk_info_parse(*state, (struct str){NULL, 0}, S("x"), &info, &error), STATUS_INVALID);
}

static void info_has_a_limit(void **state)
{
    char *text = memset(arena_buffer(*state, APK_INFO_MAXIMUM + 1), 'x', APK_INFO_MAXIMUM + 1);
    refused(state, str_make(text, APK_INFO_MAXIMUM + 1), STATUS_TOO_LARGE, "channel info has 1048577 bytes, 1048576 are allowed");
    assert_false(apk_info_is_object(str_make(text, APK_INFO_MAXIMUM + 1)));
}

static void merging_adds_and_replaces_but_for_the_channel(void **state)
{
    const struct apk_info base = {S("{\"channel\":\"huawei\",\"a\":\"1\"}"), S("huawei")};
    struct apk_info info;
    struct error error = {0};
    assert_int_equal(apk_info_merge(*state, &base, S("{\"a\":\"2\",\"b\":\"3\",\"channel\":\"huawei\"}"), &info, &error), STATUS_OK);
    assert_str(info.json, S("{\"channel\":\"huawei\",\"a\":\"2\",\"b\":\"3\"}"));
    assert_int_equal(apk_info_merge(*state, &base, S("{\"channel\":\"xiaomi\"}"), &info, &error), STATUS_INVALID);
    assert_string_equal(error.text, "info in a URL may not change 'channel'");
    assert_int_equal(apk_info_merge(*state, &base, S("{\"a\":1}"), &info, &error), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(info_is_made_compact_and_keeps_its_order),
        SAMPLE_TEST(a_missing_channel_becomes_the_fallback),
        SAMPLE_TEST(info_must_be_an_object_of_strings),
        SAMPLE_TEST(info_has_a_limit),
        SAMPLE_TEST(merging_adds_and_replaces_but_for_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
