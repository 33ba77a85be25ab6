/* A published patch's names and record. */
#include "lib/catalog/patch.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER  "a3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85f"
#define NAMES  "\"app\":\"APP\",\"from\":\"1.0\",\"to\":\"2.0\""
#define TIMES  "\"etag\":\"\\\"a\\\"\",\"modified\":\"2026-08-20T10:00:00Z\",\"published\":\"2026-08-20T10:00:01Z\""
#define RECORD "{" NAMES ",\"size\":7,\"sha256\":\"" DIGEST "\",\"from_sha256\":\"" OTHER "\",\"to_sha256\":\"" DIGEST "\"," TIMES "}\n"

static struct patch sample(void)
{
    return (struct patch){.app = S("APP"),
                          .from = S("1.0"),
                          .to = S("2.0"),
                          .size = 7,
                          .sha256 = S(DIGEST),
                          .from_sha256 = S(OTHER),
                          .to_sha256 = S(DIGEST),
                          .etag = S("\"a\""),
                          .modified = INT64_C(1787220000000),
                          .published = INT64_C(1787220001000)};
}

static void names_are_taken_apart(void **state)
{
    static const struct {
        const char *name, *from, *to;
        unsigned format;
    } good[] = {{"1..2", "1", "2", 1},           {"1.0..2.0", "1.0", "2.0", 1}, {"1...2", "1.", "2", 1},
                {"a_b-c..d.", "a_b-c", "d.", 1}, {"1..2@2", "1", "2", 2},       {"1.0..2.0.@2", "1.0", "2.0.", 2}};
    static const char *const bad[] = {"",      "..",  "1..",   "..2",    "1.2",      "a..b..c", "1....2", "a/b..c", "1..2/",   "a..b c",
                                      "1.. 2", "a.b", "1..@2", "1@2..2", "1..2@2@2", "1..2@1",  "1..2@3", "1..2@",  "1..2@22", "1..2@02"};
    struct patch patch;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(patch_parse_name(str_of(good[i].name), &patch));
        assert_str(patch.from, str_of(good[i].from));
        assert_str(patch.to, str_of(good[i].to));
        assert_int_equal(patch.format, good[i].format);
        assert_str(patch_name(*state, &patch), str_of(good[i].name));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (patch_parse_name(str_of(bad[i]), &patch)) fail_msg("%s was taken apart", bad[i]);
}

static void the_record_is_read_as_it_was_written(void **state)
{
    struct patch patch = sample(), read;
    struct error error = {0};
    assert_str(patch_format(*state, &patch), S(RECORD));
    assert_ok(patch_parse(*state, S(RECORD), &read, &error), &error);
    assert_str(patch_format(*state, &read), S(RECORD));
}

static void check_name(struct arena *arena, const char *format, const char *name, bool good)
{
    struct patch read;
    struct error error = {0};
    struct str text = arena_printf(arena, "{" NAMES ",%s\"diff\":\"%s\",%s", format, name, strstr(RECORD, "\"size\""));
    assert_status(patch_parse(arena, text, &read, &error), good ? STATUS_OK : STATUS_INVALID);
    if (!good) return;
    assert_str(patch_diff_key(arena, &read), arena_printf(arena, "patches/APP/%s", name));
    assert_str(patch_format(arena, &read), text);
}

/* The names of one format are none of the other. */
static void a_record_of_format_2_has_its_own_names(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {{"1.0..2.0@2@00112233445566778899aabbccddeeff.diff", true}, {"1.0..2.0@2.diff", true},       {"1.0..2.0.diff", false},
                 {"1.0..2.0@00112233445566778899aabbccddeeff.diff", false},  {"1.0..2.0@2@0011.diff", false}, {"1.0..2.0@3.diff", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_name(*state, "\"format\":2,", cases[i].name, cases[i].good);
    struct patch second = sample();
    second.format = 2;
    assert_str(patch_diff_key(*state, &second), S("patches/APP/1.0..2.0@2.diff"));
    assert_str(patch_json_key(*state, &second), S("patches/APP/1.0..2.0@2.json"));
}

static void the_record_names_the_patch(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {{"1.0..2.0@00112233445566778899aabbccddeeff.diff", true},
                 {"1.0..2.0.diff", true},
                 {"1.0..2.0@00112233445566778899AABBCCDDEEFF.diff", false},
                 {"1.0..2.0@0011.diff", false},
                 {"1.0..2.1@00112233445566778899aabbccddeeff.diff", false},
                 {"1.0..2.0@.diff", false},
                 {"../../packages/APP/2.0/base.apk", false},
                 {"1.0..2.0@00112233445566778899aabbccddeeff.json", false},
                 {"1.0..2.0@2@00112233445566778899aabbccddeeff.diff", false},
                 {"1.0..2.0@2.diff", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_name(*state, "", cases[i].name, cases[i].good);
    struct patch first = sample();
    assert_str(patch_diff_key(*state, &first), S("patches/APP/1.0..2.0.diff"));
    assert_str(patch_json_key(*state, &first), S("patches/APP/1.0..2.0.json"));
}

static void a_wrong_record_names_its_field(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{}", "patch.app: is missing"},
        {"{" NAMES ",\"format\":0}", "patch.format: must be a whole number from 1 to 2"},
        {"{" NAMES ",\"format\":3}", "patch.format: must be a whole number from 1 to 2"},
        {"{" NAMES ",\"size\":0}", "patch.size: must be a whole number from 1"},
        {"{" NAMES ",\"size\":7,\"sha256\":\"ab\"}", "patch.sha256: must be 64 lower-case"},
        {"{" NAMES ",\"size\":7,\"sha256\":\"" DIGEST "\",\"from_sha256\":\"g" DIGEST "\"}", "patch.from_sha256: must be 64"},
        {"{" NAMES ",\"size\":7,\"sha256\":\"" DIGEST "\",\"from_sha256\":\"" DIGEST "\",\"to_sha256\":1}", "patch.to_sha256: must be a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct patch patch;
        struct error error = {0};
        assert_error(patch_parse(*state, str_of(cases[i].text), &patch, &error), STATUS_INVALID, &error, cases[i].words);
    }
}

/* --- in a store */

struct shelf {
    struct arena *arena;
    struct store *store;
    char folder[32];
};

static int set_up(void **state)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    struct error error;
    char url[64];
    strcpy(shelf->folder, "/tmp/test-patch-XXXXXX");
    if (!mkdtemp(shelf->folder)) return -1;
    snprintf(url, sizeof url, "file://%s", shelf->folder);
    shelf->arena = arena_new();
    *state = shelf;
    return store_open(url, &shelf->store, &error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct shelf *shelf = *state;
    store_close(shelf->store);
    arena_free(shelf->arena);
    scratch_remove(shelf->folder);
    free(shelf);
    return 0;
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct io io(const struct shelf *shelf)
{
    return (struct io){.arena = shelf->arena, .deadline = deadline_in(30 * CLOCK_SECOND)};
}

static void put(struct shelf *shelf, const char *key, struct str body)
{
    static const struct store_put any = {.condition = STORE_ANY};
    struct error error;
    assert_ok(store_put(shelf->store, io(shelf), str_of(key), body, &any, NULL, &error), &error);
}

static enum status load(struct shelf *shelf, const char *app, const char *from, const char *to, struct patch *patch, struct error *error)
{
    *patch = (struct patch){.from = str_of(from), .to = str_of(to)};
    return patch_load((struct catalog){shelf->store, io(shelf), str_of(app)}, patch, error);
}

static void a_record_is_loaded(void **state)
{
    struct shelf *shelf = *state;
    struct patch patch;
    struct error error;
    put(shelf, "patches/APP/1.0..2.0.json", S(RECORD));
    assert_ok(load(shelf, "APP", "1.0", "2.0", &patch, &error), &error);
    assert_str(patch_format(shelf->arena, &patch), S(RECORD));
}

static void what_is_not_there_is_not_found(void **state)
{
    struct shelf *shelf = *state;
    struct patch patch;
    struct error error;
    put(shelf, "patches/APP/1.0..2.0.diff", S("a patch without a record is none"));
    assert_error(load(shelf, "APP", "1.0", "2.0", &patch, &error), STATUS_NOT_FOUND, &error, "there is no patch from APP/1.0 to 2.0");
}

static void a_record_of_another_patch_is_corrupt(void **state)
{
    struct shelf *shelf = *state;
    struct patch patch;
    struct error error;
    put(shelf, "patches/APP/1.0..3.0.json", S(RECORD));
    put(shelf, "patches/APP/1.0..2.0@2.json", S(RECORD));
    struct patch second = {.from = S("1.0"), .to = S("2.0"), .format = 2};
    assert_error(patch_load((struct catalog){shelf->store, io(shelf), S("APP")}, &second, &error), STATUS_CORRUPT, &error,
                 "the record of the patch APP/1.0..2.0@2 speaks of another one");
    assert_error(load(shelf, "APP", "1.0", "3.0", &patch, &error), STATUS_CORRUPT, &error, "speaks of another one");
    put(shelf, "patches/APP/1.0..4.0.json", S("{"));
    assert_error(load(shelf, "APP", "1.0", "4.0", &patch, &error), STATUS_CORRUPT, &error, "patches/APP/1.0..4.0: ");
}

static void bad_names_are_refused(void **state)
{
    struct shelf *shelf = *state;
    struct patch patch;
    struct error error;
    assert_error(load(shelf, "../APP", "1", "2", &patch, &error), STATUS_INVALID, &error, "'../APP'");
    assert_error(load(shelf, "APP", "a..b", "c", &patch, &error), STATUS_INVALID, &error, "'..'");
    assert_error(load(shelf, "APP", "a", "/c", &patch, &error), STATUS_INVALID, &error, "'..'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(names_are_taken_apart),
        test_with_arena(a_record_of_format_2_has_its_own_names),
        test_with_arena(the_record_is_read_as_it_was_written),
        test_with_arena(the_record_names_the_patch),
        test_with_arena(a_wrong_record_names_its_field),
        TEST(a_record_is_loaded),
        TEST(what_is_not_there_is_not_found),
        TEST(a_record_of_another_patch_is_corrupt),
        TEST(bad_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
