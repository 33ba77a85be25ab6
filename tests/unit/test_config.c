#include "tests/unit/unit.h"

#include "lib/config/config.h"

struct policy {
    struct str text, id;
    uint64_t whole;
    double number;
    bool flag;
    int64_t span, time;
    int choice;
};

static const char *const choices[] = {"immediate", "background", NULL};

static enum status read_fields(struct config *c, struct policy *p, struct error *error)
{
    TRY(config_text(c, "text", CONFIG_OPTIONAL, &p->text, error));
    TRY(config_id(c, "id", CONFIG_OPTIONAL, &p->id, error));
    TRY(config_whole(c, "whole", CONFIG_OPTIONAL, 5, 1000000, &p->whole, error));
    TRY(config_number(c, "number", CONFIG_OPTIONAL, -1, 1, &p->number, error));
    TRY(config_flag(c, "flag", CONFIG_OPTIONAL, &p->flag, error));
    TRY(config_span(c, "span", CONFIG_OPTIONAL, &p->span, error));
    TRY(config_time(c, "time", CONFIG_OPTIONAL, &p->time, error));
    TRY(config_choice(c, "choice", CONFIG_OPTIONAL, choices, &p->choice, error));
    return config_end(c, error);
}

static enum status read_policy(struct arena *arena, const char *text, struct policy *policy, struct error *error)
{
    struct config c;
    TRY(config_open(arena, unit_guarded(arena, str_of(text)), "policy", &c, error));
    return read_fields(&c, policy, error);
}

static void reads_every_kind(void **state)
{
    struct policy p = {0};
    struct error error = {0};
    const char *text = "{\"text\":\"a b\\n\",\"id\":\"APP-1.0\",\"whole\":1000000,\"number\":-0.5,\"flag\":true,\"span\":\"90s\","
                       "\"time\":\"2026-08-20T10:00:00Z\",\"choice\":\"background\"}";
    if (read_policy(*state, text, &p, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_str(p.text, S("a b\n"));
    assert_str(p.id, S("APP-1.0"));
    assert_int_equal(p.whole, 1000000);
    assert_true(p.number == -0.5 && p.flag);
    assert_int_equal(p.span, 90000);
    assert_int_equal(p.time, INT64_C(1787220000000));
    assert_int_equal(p.choice, 1);
}

static void leaves_defaults_alone(void **state)
{
    static const char *const texts[] = {
        "{}", "{\"text\":null,\"id\":null,\"whole\":null,\"number\":null,\"flag\":null,\"span\":null,\"time\":null,\"choice\":null}"};
    for (size_t i = 0; i < 2; i++) {
        struct policy p = {S("t"), S("i"), 7, 0.5, true, 8, 9, 1};
        struct error error;
        assert_status(read_policy(*state, texts[i], &p, &error), STATUS_OK);
        assert_str(p.text, S("t"));
        assert_str(p.id, S("i"));
        assert_true(p.whole == 7 && p.number == 0.5 && p.flag && p.span == 8 && p.time == 9 && p.choice == 1);
    }
}

static void says_which_field_is_wrong_and_why(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"{\"text\":1}", "policy.text: must be a string"},
        {"{\"text\":[\"a\"]}", "policy.text: must be a string"},
        {"{\"id\":\"../x\"}", "policy.id: must be 1 to 128"},
        {"{\"id\":\"\"}", "policy.id: must be 1 to 128"},
        {"{\"id\":7}", "policy.id: must be a string"},
        {"{\"whole\":4}", "policy.whole: must be a whole number from 5 to 1000000"},
        {"{\"whole\":1000001}", "policy.whole: must be a whole number from 5 to 1000000"},
        {"{\"whole\":-7}", "policy.whole: must be a whole number from 5"},
        {"{\"whole\":9223372036854775807}", "policy.whole: must be a whole number from 5"},
        {"{\"whole\":7.5}", "policy.whole: must be a whole number"},
        {"{\"whole\":\"7\"}", "policy.whole: must be a whole number"},
        {"{\"whole\":true}", "policy.whole: must be a whole number"},
        {"{\"number\":1.1}", "policy.number: must be a number from -1 to 1"},
        {"{\"number\":-1.1}", "policy.number: must be a number from -1 to 1"},
        {"{\"number\":\"0\"}", "policy.number: must be a number"},
        {"{\"flag\":0}", "policy.flag: must be true or false"},
        {"{\"flag\":\"true\"}", "policy.flag: must be true or false"},
        {"{\"span\":90}", "policy.span: must be a string"},
        {"{\"span\":\"90\"}", "policy.span: must be a duration such as 90s"},
        {"{\"time\":\"tomorrow\"}", "policy.time: must be a time such as 2026"},
        {"{\"choice\":\"never\"}", "policy.choice: must be one of immediate, background"},
        {"{\"choice\":\"\"}", "policy.choice: must be one of"},
        {"{\"choice\":0}", "policy.choice: must be a string"},
        {"{\"whle\":7}", "policy.whle: unknown field"},
        {"{\"\":7}", "policy.: unknown field"},
        {"{\"unknown\":null}", "policy.unknown: unknown field"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct policy p = {0};
        struct error error = {0};
        if (read_policy(*state, wrong[i].text, &p, &error) != STATUS_INVALID) fail_msg("%s was taken", wrong[i].text);
        assert_says(&error, wrong[i].words);
    }
}

static void refuses_what_is_no_object(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "policy: not JSON, line 1"},
        {"{", "policy: not JSON"},
        {"{}}", "policy: not JSON"},
        {"{} x", "policy: not JSON"},
        {"{\"text\":\"a\",}", "policy: not JSON"},
        {"{'text':1}", "policy: not JSON"},
        {"\n\n{\"text\":}", "line 3"},
        {"{\"text\":\"a\",\"text\":\"b\"}", "duplicate"},
        {"{\"text\":\"\\u0000\"}", "policy: not JSON"},
        {"{\"a\\u0000b\":1}", "policy: not JSON"},
        {"{\"text\":\"\xff\"}", "policy: not JSON"},
        {"{\"number\":1e999}", "policy: not JSON"},
        {"{\"whole\":99999999999999999999}", "policy.whole: is too large a number: 9223372036854775807 is the most"},
        {"{\"whole\":7,\"a\":{\"b\":[1,{\"c\":-99999999999999999999}]}}",
         "policy.a.b[1].c: is too small a number: -9223372036854775808 is the least"},
        {"{\"a\":[1e300,-1e300,null],\"b\":[[null,0,99999999999999999999]]}", "policy.b[0][2]: is too large a number"},
        {"{\"a\":1e999,\"whole\":99999999999999999999}", "policy: not JSON"},
        {"{\"a\":1,\"a\":99999999999999999999}", "policy: not JSON"},
        {"{\"whole\":99999999999999999999", "policy: not JSON"},
        {"{\"number\":NaN}", "policy: not JSON"},
        {"[]", "policy: must be a JSON object"},
        {"\"x\"", "policy: "},
        {"null", "policy: "},
    };
    struct arena *arena = *state;
    struct config c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {0};
        if (config_open(arena, unit_guarded(arena, str_of(wrong[i].text)), "policy", &c, &error) != STATUS_INVALID)
            fail_msg("%s was taken", wrong[i].text);
        assert_says(&error, wrong[i].words);
    }
    struct error error;
    assert_status(config_open(arena, (struct str){NULL, 0}, "policy", &c, &error), STATUS_INVALID);
    char *deep = arena_cstr(arena, arena_printf(arena, "{\"a\":%0*d}", 100000, 0));
    memset(deep + 5, '[', 100000); /* a nest too deep for a stack */
    assert_status(config_open(arena, str_of(deep), "policy", &c, &error), STATUS_INVALID);
}

static void opens_arrays_too(void **state)
{
    struct config array, item;
    struct error error;
    uint64_t whole;
    size_t count;
    assert_ok(config_open_array(*state, S("[{\"a\":1},{\"a\":9},7]"), "rows", &array, &count, &error), &error);
    assert_int_equal(count, 3);
    assert_ok(config_item_object(&array, 0, &item, &error), &error);
    assert_ok(config_whole(&item, "a", CONFIG_REQUIRED, 0, 5, &whole, &error), &error);
    assert_ok(config_item_object(&array, 1, &item, &error), &error);
    assert_error(config_whole(&item, "a", CONFIG_REQUIRED, 0, 5, &whole, &error), STATUS_INVALID, &error,
                 "rows[1].a: must be a whole number");
    assert_error(config_item_object(&array, 2, &item, &error), STATUS_INVALID, &error, "rows[2]: must be an object");
    assert_error(config_open_array(*state, S("{}"), "rows", &array, &count, &error), STATUS_INVALID, &error, "rows: must be a JSON array");
    assert_error(config_open_array(*state, S("["), "rows", &array, &count, &error), STATUS_INVALID, &error, "rows: not JSON, line 1");
}

static void misses_what_is_required(void **state)
{
    struct config c;
    struct error error;
    struct policy p;
    size_t count;
    static const char *const texts[] = {"{}", "{\"x\":null}"};
    for (size_t i = 0; i < 2; i++) {
        assert_status(config_open(*state, str_of(texts[i]), "policy", &c, &error), STATUS_OK);
        struct config child;
        assert_status(config_text(&c, "x", CONFIG_REQUIRED, &p.text, &error), STATUS_INVALID);
        assert_string_equal(error.text, "policy.x: is missing");
        assert_status(config_id(&c, "x", CONFIG_REQUIRED, &p.id, &error), STATUS_INVALID);
        assert_status(config_version(&c, "x", CONFIG_REQUIRED, &p.id, &error), STATUS_INVALID);
        assert_status(config_whole(&c, "x", CONFIG_REQUIRED, 0, 1, &p.whole, &error), STATUS_INVALID);
        assert_status(config_number(&c, "x", CONFIG_REQUIRED, 0, 1, &p.number, &error), STATUS_INVALID);
        assert_status(config_flag(&c, "x", CONFIG_REQUIRED, &p.flag, &error), STATUS_INVALID);
        assert_status(config_span(&c, "x", CONFIG_REQUIRED, &p.span, &error), STATUS_INVALID);
        assert_status(config_time(&c, "x", CONFIG_REQUIRED, &p.time, &error), STATUS_INVALID);
        assert_status(config_choice(&c, "x", CONFIG_REQUIRED, choices, &p.choice, &error), STATUS_INVALID);
        assert_status(config_object(&c, "x", CONFIG_REQUIRED, &child, &error), STATUS_INVALID);
        assert_status(config_array(&c, "x", CONFIG_REQUIRED, &child, &count, &error), STATUS_INVALID);
        assert_status(config_each_object(&c, "x", CONFIG_REQUIRED, NULL, NULL, &error), STATUS_INVALID);
    }
}

static void takes_all_whole_numbers_there_are(void **state)
{
    struct config c;
    struct error error;
    uint64_t whole = 0;
    assert_status(config_open(*state, S("{\"a\":9223372036854775807,\"b\":0}"), "x", &c, &error), STATUS_OK);
    assert_status(config_whole(&c, "a", CONFIG_REQUIRED, 0, UINT64_MAX, &whole, &error), STATUS_OK);
    assert_int_equal(whole, INT64_MAX);
    assert_status(config_whole(&c, "b", CONFIG_REQUIRED, 0, 0, &whole, &error), STATUS_OK);
    assert_int_equal(whole, 0);
    double number;
    assert_status(config_number(&c, "b", CONFIG_REQUIRED, 0, 0, &number, &error), STATUS_OK); /* a whole number is a number */
    assert_status(config_end(&c, &error), STATUS_OK);
}

static void goes_into_objects(void **state)
{
    struct config c, place, window;
    struct error error;
    uint64_t t1 = 1, t2 = 2;
    assert_status(config_open(*state, S("{\"place\":{\"t1\":9,\"typo\":1}}"), "policy", &c, &error), STATUS_OK);
    assert_status(config_object(&c, "place", CONFIG_REQUIRED, &place, &error), STATUS_OK);
    assert_status(config_whole(&place, "t1", CONFIG_REQUIRED, 0, 5, &t1, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.place.t1: must be a whole number from 0 to 5");
    assert_status(config_end(&place, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.place.typo: unknown field");
    /* an absent one may be asked for all its fields */
    assert_status(config_object(&place, "window", CONFIG_OPTIONAL, &window, &error), STATUS_OK);
    assert_null(window.object);
    assert_status(config_whole(&window, "t2", CONFIG_OPTIONAL, 0, 5, &t2, &error), STATUS_OK);
    assert_int_equal(t2, 2);
    assert_status(config_whole(&window, "t2", CONFIG_REQUIRED, 0, 5, &t2, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.place.window.t2: is missing");
    assert_status(config_end(&window, &error), STATUS_OK);
    assert_status(config_object(&place, "t1", CONFIG_OPTIONAL, &window, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.place.t1: must be an object");
}

static void goes_through_arrays(void **state)
{
    struct config c, array, item;
    struct error error;
    struct str text = S("-");
    size_t count = 9;
    assert_status(config_open(*state, S("{\"a\":[\"x\",{\"k\":\"v\"},3],\"o\":{}}"), "policy", &c, &error), STATUS_OK);
    assert_status(config_array(&c, "absent", CONFIG_OPTIONAL, &array, &count, &error), STATUS_OK);
    assert_int_equal(count, 0);
    assert_status(config_array(&c, "o", CONFIG_OPTIONAL, &array, &count, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.o: must be an array");
    assert_status(config_array(&c, "a", CONFIG_REQUIRED, &array, &count, &error), STATUS_OK);
    assert_int_equal(count, 3);
    assert_status(config_item_text(&array, 0, &text, &error), STATUS_OK);
    assert_str(text, S("x"));
    assert_status(config_item_object(&array, 1, &item, &error), STATUS_OK);
    assert_status(config_text(&item, "k", CONFIG_REQUIRED, &text, &error), STATUS_OK);
    assert_str(text, S("v"));
    assert_status(config_end(&item, &error), STATUS_OK);
    assert_status(config_text(&item, "z", CONFIG_REQUIRED, &text, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.a[1].z: is missing");
    assert_status(config_item_text(&array, 2, &text, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.a[2]: must be a string");
    assert_status(config_item_object(&array, 0, &item, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.a[0]: must be an object");
    assert_status(config_item_object(&array, 3, &item, &error), STATUS_INVALID); /* past the end */
    assert_status(config_item_text(&array, SIZE_MAX, &text, &error), STATUS_INVALID);
}

struct members {
    struct str names[4];
    uint64_t values[4];
    size_t count;
};

static enum status take_member(void *context, struct str name, struct config *member, struct error *error)
{
    struct members *members = context;
    members->names[members->count] = name;
    TRY(config_whole(member, "v", CONFIG_REQUIRED, 0, 9, &members->values[members->count], error));
    members->count++;
    return config_end(member, error);
}

static enum status read_table(struct arena *arena, const char *text, struct members *members, struct error *error)
{
    struct config c;
    TRY(config_open(arena, str_of(text), "x", &c, error));
    TRY(config_each_object(&c, "t", CONFIG_OPTIONAL, take_member, members, error));
    return config_end(&c, error);
}

static void goes_through_tables(void **state)
{
    struct members members = {0};
    struct error error;
    assert_status(read_table(*state, "{\"t\":{\"a\":{\"v\":1},\"b/c\":{\"v\":2},\"\":{\"v\":3}}}", &members, &error), STATUS_OK);
    assert_int_equal(members.count, 3);
    assert_str(members.names[1], S("b/c"));
    assert_int_equal(members.values[2], 3);
    assert_status(read_table(*state, "{\"t\":{\"a\":{\"v\":10}}}", &members, &error), STATUS_INVALID);
    assert_string_equal(error.text, "x.t.a.v: must be a whole number from 0 to 9");
    assert_status(read_table(*state, "{\"t\":{\"a\":{\"v\":1,\"w\":1}}}", &members, &error), STATUS_INVALID);
    assert_string_equal(error.text, "x.t.a.w: unknown field");
    assert_status(read_table(*state, "{\"t\":{\"a\":7}}", &members, &error), STATUS_INVALID);
    assert_string_equal(error.text, "x.t.a: must be an object");
    assert_status(read_table(*state, "{\"t\":[]}", &members, &error), STATUS_INVALID);
    members.count = 0;
    assert_status(read_table(*state, "{}", &members, &error), STATUS_OK);
    assert_int_equal(members.count, 0);
}

static void bears_hostile_names(void **state)
{
    struct arena *arena = *state;
    struct policy p;
    struct error error;
    struct str text = arena_printf(arena, "{\"%0*d\":1}", 2000, 7);
    assert_status(read_policy(arena, text.data, &p, &error), STATUS_INVALID);
    assert_true(strlen(error.text) < sizeof error.text);
    assert_status(read_policy(arena, "{\"a\\n\\u001b%s%n\":1}", &p, &error), STATUS_INVALID);
    assert_string_equal(error.text, "policy.a??%s%n: unknown field");
}

/* Texts are copies: they outlive the bytes that were parsed. */
static void keeps_its_own_text(void **state)
{
    char text[] = "{\"text\":\"abc\"}";
    struct policy p = {0};
    struct error error;
    struct config c;
    assert_status(config_open(*state, str_of(text), "policy", &c, &error), STATUS_OK);
    memset(text, 0, sizeof text);
    assert_status(read_fields(&c, &p, &error), STATUS_OK);
    json_object_clear(c.object);
    assert_str(p.text, S("abc"));
}

static void refuses_in_the_caller_s_words(void **state)
{
    struct config c;
    struct error error;
    assert_status(config_open(*state, S("{}"), "policy", &c, &error), STATUS_OK);
    assert_status(config_refuse(&c, "m", &error, "must be at most %d", 5), STATUS_INVALID);
    assert_string_equal(error.text, "policy.m: must be at most 5");
}

static void lists_of_texts_and_digests(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"hosts\":[\"a\",\"b\",\"c\"]}", "policy.hosts: more than 2"},
        {"{\"hosts\":[\"a\",1]}", "policy.hosts[1]: must be a string"},
        {"{\"sha256\":\"ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789\"}", "policy.sha256: must be 64 lower-case"},
        {"{\"sha256\":\"00\"}", "policy.sha256: must be 64 lower-case"},
        {"{\"hosts\":[\"a\",\"b\"],\"sha256\":\"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789\"}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c;
        struct error error = {0};
        struct str *hosts = NULL, sha256 = {0};
        size_t count = 0;
        assert_ok(config_open(*state, str_of(cases[i].text), "policy", &c, &error), &error);
        enum status status = config_texts(&c, "hosts", CONFIG_OPTIONAL, 2, &hosts, &count, &error);
        if (status == STATUS_OK) status = config_sha256(&c, "sha256", CONFIG_OPTIONAL, &sha256, &error);
        assert_status(status, cases[i].says ? STATUS_INVALID : STATUS_OK);
        if (cases[i].says) assert_says(&error, cases[i].says);
        if (cases[i].says) continue;
        assert_int_equal(count, 2);
        assert_str(hosts[1], S("b"));
        assert_int_equal(sha256.length, 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(reads_every_kind),
        test_with_arena(leaves_defaults_alone),
        test_with_arena(says_which_field_is_wrong_and_why),
        test_with_arena(refuses_what_is_no_object),
        test_with_arena(opens_arrays_too),
        test_with_arena(misses_what_is_required),
        test_with_arena(takes_all_whole_numbers_there_are),
        test_with_arena(goes_into_objects),
        test_with_arena(goes_through_arrays),
        test_with_arena(goes_through_tables),
        test_with_arena(lists_of_texts_and_digests),
        test_with_arena(bears_hostile_names),
        test_with_arena(keeps_its_own_text),
        test_with_arena(refuses_in_the_caller_s_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
