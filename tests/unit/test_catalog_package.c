/* Packages published into a store: once, again, by several at once, and over what interrupted publishers left. */
#include <fcntl.h>
#include <time.h>

#include "lib/catalog/package.h"
#include "lib/catalog/record.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define RECORD "packages/APP/1.0/package.json"

struct shop {
    struct arena *arena;
    struct store *store;
    char folder[32];
    struct error error;
};

static struct io io(const struct shop *shop)
{
    return (struct io){.arena = shop->arena, .deadline = deadline_in(60 * CLOCK_SECOND)};
}

static int set_up(void **state)
{
    struct shop *shop = calloc(1, sizeof *shop);
    char url[64];
    strcpy(shop->folder, "/tmp/test-package-XXXXXX");
    if (!mkdtemp(shop->folder)) return -1;
    snprintf(url, sizeof url, "file://%s", shop->folder);
    shop->arena = arena_new();
    *state = shop;
    return store_open(url, &shop->store, &shop->error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct shop *shop = *state;
    store_close(shop->store);
    arena_free(shop->arena);
    scratch_remove(shop->folder);
    free(shop);
    return 0;
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct package package_of(struct str bytes)
{
    return (struct package){.app = S("APP"), .version = S("1.0"), .size = bytes.length, .schemes = APK_V2, .region = {0, 2}};
}

static enum status publish(struct shop *shop, struct str bytes, struct package *package)
{
    *package = package_of(bytes);
    return package_publish(shop->store, io(shop), stream_of(shop->arena, bytes), package, &shop->error);
}

static struct str published(struct shop *shop)
{
    struct package package;
    struct store_object object;
    assert_ok(package_load((struct catalog){shop->store, io(shop), S("APP")}, S("1.0"), &package, &shop->error), &shop->error);
    const struct store_get get = {.if_match = package.etag};
    assert_ok(store_get(shop->store, io(shop), package_base_key(shop->arena, &package), &get, &object, &shop->error), &shop->error);
    assert_int_equal(object.size, package.size);
    return object.body;
}

static bool count_one(void *context, const struct store_object *object)
{
    (void)object;
    ++*(size_t *)context;
    return true;
}

static size_t objects(struct shop *shop)
{
    size_t count = 0;
    assert_ok(store_list(shop->store, io(shop), S("packages/"), 0, count_one, &count, &shop->error), &shop->error);
    return count;
}

static void put(struct shop *shop, struct str key, struct str bytes)
{
    assert_ok(store_put(shop->store, io(shop), key, bytes, NULL, NULL, &shop->error), &shop->error);
}

static void every_publisher_has_a_base_of_its_own(void **state)
{
    struct shop *shop = *state;
    struct package first, again, other;
    assert_ok(publish(shop, S("bytes of one"), &first), &shop->error);
    assert_true(package_is_base(first.base) && !str_equal(first.base, S("base.apk")));
    assert_ok(publish(shop, S("bytes of one"), &again), &shop->error);
    assert_str(again.base, first.base);
    assert_error(publish(shop, S("bytes of two"), &other), STATUS_PRECONDITION, &shop->error, "published with other bytes");
    assert_str(published(shop), S("bytes of one"));
    assert_int_equal(objects(shop), 2);
    assert_ok(package_unpublish((struct catalog){shop->store, io(shop), S("APP")}, S("1.0"), &shop->error), &shop->error);
    assert_int_equal(objects(shop), 0);
    assert_ok(publish(shop, S("bytes of two"), &other), &shop->error);
    assert_false(str_equal(other.base, first.base));
}

/* A publisher whose last bytes come when another one has published. */
struct slow {
    struct shop *shop;
    struct stream inner;
    struct str theirs;
    bool done;
};

static ssize_t read_slowly(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct slow *slow = context;
    struct package package;
    if (!slow->done) assert_ok(publish(slow->shop, slow->theirs, &package), &slow->shop->error);
    slow->done = true;
    return stream_read(slow->inner, buffer, capacity, error);
}

static enum status publish_late(struct shop *shop, struct str bytes, struct str theirs, struct package *package)
{
    struct slow slow = {.shop = shop, .inner = stream_of(shop->arena, bytes), .theirs = theirs};
    *package = package_of(bytes);
    return package_publish(shop->store, io(shop), (struct stream){.read = read_slowly, .context = &slow}, package, &shop->error);
}

static void the_record_decides_between_two(void **state)
{
    struct shop *shop = *state;
    struct package package;
    assert_error(publish_late(shop, S("the later one"), S("the first one"), &package), STATUS_PRECONDITION, &shop->error, "other bytes");
    assert_str(published(shop), S("the first one"));
    assert_int_equal(objects(shop), 2);
}

static void with_the_same_bytes_both_have_published(void **state)
{
    struct shop *shop = *state;
    struct package package, record;
    assert_ok(publish_late(shop, S("the same bytes"), S("the same bytes"), &package), &shop->error);
    assert_ok(package_load((struct catalog){shop->store, io(shop), S("APP")}, S("1.0"), &record, &shop->error), &shop->error);
    assert_str(package.base, record.base);
    assert_str(published(shop), S("the same bytes"));
    assert_int_equal(objects(shop), 2);
}

static void what_interrupted_publishers_left_goes(void **state)
{
    struct shop *shop = *state;
    struct package package;
    put(shop, S("packages/APP/1.0/base.apk"), S("of version 0.1"));
    put(shop, S("packages/APP/1.0/base-0123456789abcdef0123456789abcdef.apk"), S("of this one"));
    put(shop, S("packages/APP/1.0.1/base.apk"), S("of another version"));
    assert_ok(publish(shop, S("bytes"), &package), &shop->error);
    assert_str(published(shop), S("bytes"));
    assert_int_equal(objects(shop), 3);
}

/* Whoever publishes at this moment may need what it has put. */
static void a_repetition_leaves_what_is_young(void **state)
{
    struct shop *shop = *state;
    struct package package;
    char path[128];
    const struct str young = S("packages/APP/1.0/base-0123456789abcdef0123456789abcdef.apk");
    assert_ok(publish(shop, S("bytes"), &package), &shop->error);
    put(shop, young, S("x"));
    assert_ok(publish(shop, S("bytes"), &package), &shop->error);
    assert_int_equal(objects(shop), 3);
    snprintf(path, sizeof path, "%s/" STR_FMT, shop->folder, STR_ARG(young));
    const struct timespec before[] = {{.tv_sec = time(NULL) - 4000}, {.tv_sec = time(NULL) - 4000}};
    assert_int_equal(utimensat(AT_FDCWD, path, before, 0), 0);
    assert_ok(publish(shop, S("bytes"), &package), &shop->error);
    assert_int_equal(objects(shop), 2);
}

static void a_base_that_is_gone_or_another_is_put_again(void **state)
{
    struct shop *shop = *state;
    struct package first, now, other;
    assert_ok(publish(shop, S("the bytes"), &first), &shop->error);
    struct str key = package_base_key(shop->arena, &first);
    for (int gone = 0; gone < 2; gone++) {
        if (gone) assert_ok(store_remove(shop->store, io(shop), key, &shop->error), &shop->error);
        if (!gone) put(shop, key, S("no bytes?"));
        assert_error(publish(shop, S("new bytes"), &other), STATUS_PRECONDITION, &shop->error, "published with other bytes");
        assert_ok(publish(shop, S("the bytes"), &now), &shop->error);
        assert_str(published(shop), S("the bytes"));
        assert_int_equal(now.published, first.published);
        assert_int_equal(objects(shop), 2);
        key = package_base_key(shop->arena, &now);
    }
}

/* --- a directory that was copied */

static struct record_object identified(struct shop *shop, const struct package *package, const struct record_object *known)
{
    struct record_object base = {package->size, package->sha256, package->etag, S(""), known};
    struct str key = package_base_key(shop->arena, package);
    assert_ok(record_identify(shop->store, io(shop), key, &base, &shop->error), &shop->error);
    return base;
}

static struct str etag_there(struct shop *shop, const struct package *package)
{
    struct store_object object;
    assert_ok(store_head(shop->store, io(shop), package_base_key(shop->arena, package), &object, &shop->error), &shop->error);
    return object.etag;
}

static void a_copy_is_known_by_its_digest(void **state)
{
    struct shop *shop = *state;
    struct package package;
    assert_ok(publish(shop, S("the bytes"), &package), &shop->error);
    struct str key = package_base_key(shop->arena, &package);
    assert_str(identified(shop, &package, NULL).etag, package.etag);
    put(shop, key, S("the bytes"));
    struct record_object copy = identified(shop, &package, NULL);
    assert_str(copy.etag, etag_there(shop, &package));
    assert_false(str_equal(copy.etag, package.etag));
    uint64_t before = store_counts(shop->store).bytes_in;
    assert_str(identified(shop, &package, &copy).etag, copy.etag);
    assert_int_equal(store_counts(shop->store).bytes_in, before); /* it is not read again */
}

static void what_is_no_copy_stays_unknown(void **state)
{
    const struct str others[] = {S("no bytes?"), S("of another size")};
    struct shop *shop = *state;
    struct package package;
    assert_ok(publish(shop, S("the bytes"), &package), &shop->error);
    for (size_t i = 0; i < 2; i++) {
        put(shop, package_base_key(shop->arena, &package), others[i]);
        struct record_object other = identified(shop, &package, NULL);
        assert_str(other.etag, package.etag);
        uint64_t before = store_counts(shop->store).bytes_in;
        assert_str(identified(shop, &package, &other).etag, package.etag);
        assert_int_equal(store_counts(shop->store).bytes_in, before);
    }
    assert_ok(store_remove(shop->store, io(shop), package_base_key(shop->arena, &package), &shop->error), &shop->error);
    assert_str(identified(shop, &package, NULL).etag, package.etag);
}

static const char old[] = "{\"app\":\"APP\",\"version\":\"1.0\",\"size\":3,\"sha256\":\""
                          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"scheme\":\"v2\",\"region\":{\"offset\":0,"
                          "\"length\":2},\"package\":\"\",\"version_code\":0,\"etag\":\"\\\"e\\\"\",\"modified\":\"2026-01-02T03:04:05Z\","
                          "\"published\":\"2026-01-02T03:04:05Z\"%s}";

static void records_of_version_0_1_are_read_and_mended(void **state)
{
    struct shop *shop = *state;
    struct package package;
    put(shop, S("packages/APP/1.0/base.apk"), S("abc"));
    put(shop, S(RECORD), arena_printf(shop->arena, old, ""));
    assert_ok(package_load((struct catalog){shop->store, io(shop), S("APP")}, S("1.0"), &package, &shop->error), &shop->error);
    assert_str(package_base_key(shop->arena, &package), S("packages/APP/1.0/base.apk"));
    assert_ok(publish(shop, S("abc"), &package), &shop->error); /* its ETag is of another disk */
    assert_str(published(shop), S("abc"));
    assert_int_equal(objects(shop), 2);
}

static void a_record_names_nothing_but_a_base(void **state)
{
    static const char *const wrong[] = {
        "../x.apk", "package.json", "base-.apk", "base-0123456789abcdef0123456789abcdeF.apk", "base-0123456789abcdef0123456789abcdef.apk/x",
        ""};
    struct shop *shop = *state;
    struct package package;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str field = arena_printf(shop->arena, ",\"base\":\"%s\"", wrong[i]);
        struct str text = arena_printf(shop->arena, old, field.data);
        assert_error(package_parse(shop->arena, text, &package, &shop->error), STATUS_INVALID, &shop->error, "base");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_publisher_has_a_base_of_its_own),
        TEST(the_record_decides_between_two),
        TEST(with_the_same_bytes_both_have_published),
        TEST(what_interrupted_publishers_left_goes),
        TEST(a_repetition_leaves_what_is_young),
        TEST(a_base_that_is_gone_or_another_is_put_again),
        TEST(a_copy_is_known_by_its_digest),
        TEST(what_is_no_copy_stays_unknown),
        TEST(records_of_version_0_1_are_read_and_mended),
        TEST(a_record_names_nothing_but_a_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
