/* The document of an app's newest version: right after every writer, and after one that was killed. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/catalog/newest.h"
#include "lib/catalog/package.h"
#include "tests/unit/fault_store.h"
#include "tests/unit/scratch_store.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, MANY = 200 };

static struct arena *arena;
static struct store *store;
static struct error failure;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    store = scratch_store(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct catalog in(struct store *where)
{
    return (struct catalog){where, {.arena = arena, .deadline = deadline_in(TIMEOUT)}, S("APP")};
}

static void put_record(const char *version, uint64_t code, int64_t published, const char *sha256)
{
    const struct package package = {.app = S("APP"),
                                    .version = str_of(version),
                                    .base = S(PACKAGE_FIRST_BASE),
                                    .size = 1000,
                                    .sha256 = str_of(sha256),
                                    .schemes = APK_V2,
                                    .region = {10, 100},
                                    .version_code = code,
                                    .etag = S("\"e\""),
                                    .published = published};
    struct str key = package_json_key(arena, S("APP"), str_of(version));
    assert_ok(store_put(store, in(store).io, key, package_format(arena, &package), NULL, NULL, &failure), &failure);
}

static void publish(const char *version, uint64_t code, int64_t published)
{
    put_record(version, code, published, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void publish_other(const char *version, uint64_t code)
{
    put_record(version, code, 1000, "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210");
}

static void unpublish(const char *version)
{
    assert_ok(store_remove(store, in(store).io, package_json_key(arena, S("APP"), str_of(version)), &failure), &failure);
}

static void refresh(void)
{
    assert_ok(newest_refresh(in(store), S(""), &failure), &failure);
}

static void assert_newest(const char *wanted)
{
    struct str version;
    assert_ok(newest_load(in(store), &version, &failure), &failure);
    assert_str(version, str_of(wanted));
}

static void the_version_code_counts_then_the_time(void **state)
{
    (void)state;
    struct str version;
    refresh();
    assert_error(newest_load(in(store), &version, &failure), STATUS_NOT_FOUND, &failure, "APP");
    publish("2.0", 7, 1000);
    refresh();
    assert_newest("2.0");
    publish("1.0", 6, 9000);
    refresh();
    assert_newest("2.0");
    publish("2.0-b", 7, 2000);
    refresh();
    assert_newest("2.0-b");
}

static void what_is_unpublished_is_not_the_newest(void **state)
{
    (void)state;
    struct str version;
    publish("1.0", 1, 1000);
    publish("2.0", 2, 2000);
    refresh();
    unpublish("2.0");
    refresh();
    assert_newest("1.0");
    unpublish("1.0");
    refresh();
    assert_error(newest_load(in(store), &version, &failure), STATUS_NOT_FOUND, &failure, "APP");
}

static void damage(const char *version)
{
    assert_ok(store_put(store, in(store).io, package_json_key(arena, S("APP"), str_of(version)), S("{"), NULL, NULL, &failure), &failure);
}

/* As if it had been published two hours ago. */
static void age(const char *version)
{
    const struct timespec past = {.tv_sec = time(NULL) - 7200}, times[2] = {past, past};
    struct str path =
        arena_join(arena, str_from(store->name, sizeof "file://" - 1), S("/"), package_json_key(arena, S("APP"), str_of(version)));
    assert_int_equal(utimensat(AT_FDCWD, arena_cstr(arena, path), times, 0), 0);
}

/* Records that are older than the document are not read, unless what it names is not there as it was. */
static void old_versions_count_once_the_newest_is_gone_or_another(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        publish("1.0", 51, 1000);
        publish("8.0", 80, 1000);
        publish("9.0", 90, 1000);
        refresh();
        assert_newest("9.0");
        age("1.0"), age("8.0"), age("9.0");
        if (i == 0) publish_other("9.0", 60);
        if (i == 1) damage("9.0");
        if (i == 2) unpublish("9.0"), publish("1.1", 52, 1000);
        refresh();
        assert_newest("8.0");
        unpublish("1.1");
    }
}

/* A clock that was ahead dated the document, and what is published once it is right looks old. */
static void what_was_just_published_counts_whatever_the_clock_says(void **state)
{
    (void)state;
    publish("1.0", 1, 1000);
    refresh();
    publish("2.0", 2, 1000);
    age("2.0");
    assert_ok(newest_refresh(in(store), S("2.0"), &failure), &failure);
    assert_newest("2.0");
}

/* A writer that was killed behind the record, or an older one, left it as it was. */
static void the_next_writer_repairs_it(void **state)
{
    (void)state;
    publish("1.0", 1, 1000);
    refresh();
    publish("3.0", 3, 3000);
    publish("2.0", 2, 4000);
    refresh();
    assert_newest("3.0");
}

static void a_damaged_document_or_record_is_passed_over(void **state)
{
    (void)state;
    struct str version;
    publish("1.0", 1, 1000);
    refresh();
    assert_ok(store_put(store, in(store).io, S("packages/APP/.newest/9999999999999999"), S("{"), NULL, NULL, &failure), &failure);
    assert_error(newest_load(in(store), &version, &failure), STATUS_NOT_FOUND, &failure, "APP");
    assert_ok(store_put(store, in(store).io, S("packages/APP/2.0/package.json"), S("{"), NULL, NULL, &failure), &failure);
    refresh();
    assert_newest("1.0");
}

static void a_refresh_can_be_killed_at_any_request(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        char name[8];
        snprintf(name, sizeof name, "%d.0", round);
        publish(name, (uint64_t)round, 1000);
        for (long requests = 0;; requests++) {
            struct fault_store *dying = fault_store(arena, store, requests);
            dying->carries_out = round % 2;
            if (newest_refresh(in(&dying->store), S(""), &failure) == STATUS_OK) break;
            assert_true(requests < 100);
        }
        assert_newest(name);
    }
}

/* A query reads one object, and a writer those that are new. */
static void many_versions_cost_what_one_costs(void **state)
{
    (void)state;
    struct str version;
    for (unsigned i = 0; i < MANY; i++) publish(arena_printf(arena, "1.%u", i).data, i, 1000);
    refresh();
    struct fault_store *counted = fault_store(arena, store, 100000);
    assert_ok(newest_load(in(&counted->store), &version, &failure), &failure);
    assert_str(version, S("1.199"));
    assert_int_equal(counted->gets, 1);
    assert_int_equal(counted->lists, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_version_code_counts_then_the_time),
        TEST(what_is_unpublished_is_not_the_newest),
        TEST(old_versions_count_once_the_newest_is_gone_or_another),
        TEST(what_was_just_published_counts_whatever_the_clock_says),
        TEST(the_next_writer_repairs_it),
        TEST(a_damaged_document_or_record_is_passed_over),
        TEST(a_refresh_can_be_killed_at_any_request),
        TEST(many_versions_cost_what_one_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
