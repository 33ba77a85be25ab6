/* Patches produced in a store: once, again, several at once, and over what runs that were cut off left behind. */
#include "tests/unit/patch_sample.h"

#include <fcntl.h>
#include <pthread.h>
#include <zstd.h>

#include "lib/catalog/package.h"
#include "lib/catalog/patch.h"
#include "tests/unit/scratch.h"

#define DIFF "patches/APP/1.0..2.0.diff"
#define JSON "patches/APP/1.0..2.0.json"

struct shop {
    struct arena *arena;
    struct store *store;
    char folder[32];
    struct str old, new;
};

static struct io io_of(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(60 * CLOCK_SECOND)};
}

static void publish(struct shop *shop, struct str version, struct str base)
{
    struct error error = {0};
    struct patch_package made = patch_package_of(shop->arena, base);
    struct package package = {
        .app = S("APP"), .version = version, .size = base.length, .schemes = made.side.schemes, .region = made.side.region};
    if (package_publish(shop->store, io_of(shop->arena), stream_of(shop->arena, base), &package, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    struct shop *shop = calloc(1, sizeof *shop);
    struct error error;
    char url[64];
    strcpy(shop->folder, "/tmp/test-produce-XXXXXX");
    if (!mkdtemp(shop->folder)) return -1;
    snprintf(url, sizeof url, "file://%s", shop->folder);
    shop->arena = arena_new();
    *state = shop;
    if (store_open(url, &shop->store, &error) != STATUS_OK) return -1;
    shop->old = patch_base(shop->arena, (struct patch_options){APK_V2, 100000, 4096, 1, {0}});
    shop->new = patch_base(shop->arena, (struct patch_options){APK_V2, 120000, 4096, 1, {"new", 3}});
    publish(shop, S("1.0"), shop->old);
    publish(shop, S("2.0"), shop->new);
    return 0;
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

static enum status try_produce(struct shop *shop, struct str from, struct str to, struct patch *patch, struct error *error)
{
    return patch_produce(shop->store, io_of(shop->arena), S("APP"), from, to, NULL, patch, error);
}

static struct patch produce(struct shop *shop)
{
    struct patch patch;
    struct error error = {0};
    if (try_produce(shop, S("1.0"), S("2.0"), &patch, &error) != STATUS_OK) fail_msg("%s", error.text);
    return patch;
}

static struct store_object object_at(struct shop *shop, const char *key)
{
    struct store_object object = {0};
    struct error error;
    if (store_get(shop->store, io_of(shop->arena), str_of(key), NULL, &object, &error) != STATUS_OK) object.body = S("");
    return object;
}

static void put(struct shop *shop, const char *key, struct str body)
{
    struct error error = {0};
    if (store_put(shop->store, io_of(shop->arena), str_of(key), body, NULL, NULL, &error) != STATUS_OK) fail_msg("%s", error.text);
}

static void drop(struct shop *shop, const char *key)
{
    struct error error;
    assert_int_equal(store_remove(shop->store, io_of(shop->arena), str_of(key), &error), STATUS_OK);
}

/* The record is that of the patch in the store, and the patch makes the new base. */
static void assert_whole(struct shop *shop, const struct patch *patch)
{
    struct patch loaded;
    struct str made;
    struct error error = {0};
    struct store_object diff = object_at(shop, DIFF);
    assert_int_equal(patch_load(shop->store, io_of(shop->arena), S("APP"), S("1.0"), S("2.0"), &loaded, &error), STATUS_OK);
    assert_str(patch_format(shop->arena, &loaded), patch_format(shop->arena, patch));
    assert_int_equal(loaded.size, diff.body.length);
    assert_str(loaded.etag, diff.etag);
    if (patch_applied(shop->arena, shop->old, diff.body, &made, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_true(str_equal(made, shop->new));
}

static void a_patch_is_produced_once(void **state)
{
    struct shop *shop = *state;
    struct patch first = produce(shop);
    assert_whole(shop, &first);
    assert_true(str_equal(first.app, S("APP")) && str_equal(first.from, S("1.0")) && str_equal(first.to, S("2.0")));
    struct patch again = produce(shop);
    assert_str(patch_format(shop->arena, &again), patch_format(shop->arena, &first)); /* the ETag too: it was not written again */
}

static void progress_reaches_its_end(void **state)
{
    struct shop *shop = *state;
    struct patch patch;
    struct error error;
    struct progress progress = progress_start("diff", 0);
    assert_int_equal(patch_produce(shop->store, io_of(shop->arena), S("APP"), S("1.0"), S("2.0"), &progress, &patch, &error), STATUS_OK);
    assert_int_equal(progress.done, progress.total);
    assert_int_equal(progress.total, 2 * shop->old.length + 4 * shop->new.length);
}

/* The same header, and a frame without a prefix. */
static struct str compressed_otherwise(struct shop *shop, struct str ours)
{
    size_t room = ZSTD_compressBound(shop->new.length), head = PATCH_HEADER_SIZE + PATCH_FRAME_HEAD_SIZE;
    char *out = arena_alloc(shop->arena, head + room);
    memcpy(out, ours.data, PATCH_HEADER_SIZE);
    bytes_put32(out + PATCH_HEADER_SIZE + 16, (uint32_t)shop->new.length);
    return str_make(out, head + ZSTD_compress(out + head, room, shop->new.data, shop->new.length, 1));
}

/* --- what a run that was cut off leaves, or a store that lost something */

static void a_patch_without_a_record_gets_one(void **state)
{
    struct shop *shop = *state;
    struct patch first = produce(shop);
    drop(shop, JSON);
    struct patch again = produce(shop);
    assert_str(again.etag, first.etag); /* it was not written again */
    assert_whole(shop, &again);
}

/* Another version of zstd makes other bytes that are just as right; here: an older producer's, at another level. */
static void another_patch_that_does_the_same_is_taken_over(void **state)
{
    struct shop *shop = *state;
    produce(shop);
    struct str ours = object_at(shop, DIFF).body, theirs = compressed_otherwise(shop, ours);
    assert_false(str_equal(ours, theirs));
    drop(shop, JSON);
    put(shop, DIFF, theirs);
    struct patch patch = produce(shop);
    assert_str(object_at(shop, DIFF).body, theirs);
    assert_whole(shop, &patch);
}

static void what_is_no_patch_gives_way(void **state)
{
    struct shop *shop = *state;
    const struct str leftovers[] = {S(""), S("half a pat"), patch_between(shop->arena, shop->new, shop->old)};
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        drop(shop, JSON);
        put(shop, DIFF, leftovers[i]);
        struct patch patch = produce(shop);
        assert_whole(shop, &patch);
    }
}

static void a_record_without_its_patch_is_written_anew(void **state)
{
    struct shop *shop = *state;
    produce(shop);
    drop(shop, DIFF);
    struct patch patch = produce(shop);
    assert_whole(shop, &patch);
    put(shop, DIFF, S("something else"));
    patch = produce(shop);
    assert_whole(shop, &patch);
    put(shop, JSON, S("{"));
    patch = produce(shop);
    assert_whole(shop, &patch);
}

/* A version that was unpublished and published with other bytes. */
static void a_patch_between_others_gives_way(void **state)
{
    struct shop *shop = *state;
    struct error error;
    produce(shop);
    assert_int_equal(package_unpublish(shop->store, io_of(shop->arena), S("APP"), S("2.0"), &error), STATUS_OK);
    shop->new = patch_base(shop->arena, (struct patch_options){APK_V2, 120000, 8192, 5, {0}});
    publish(shop, S("2.0"), shop->new);
    struct patch patch = produce(shop);
    assert_whole(shop, &patch);
}

/* --- what cannot be */

static void versions_that_are_not_published(void **state)
{
    struct shop *shop = *state;
    struct patch patch;
    struct error error = {0};
    assert_int_equal(try_produce(shop, S("1.0"), S("3.0"), &patch, &error), STATUS_NOT_FOUND);
    assert_string_equal(error.text, "the package APP/3.0 is not published");
    assert_int_equal(try_produce(shop, S("0.9"), S("1.0"), &patch, &error), STATUS_NOT_FOUND);
    assert_int_equal(try_produce(shop, S("1.0"), S("1.0"), &patch, &error), STATUS_INVALID);
    assert_int_equal(try_produce(shop, S("1..0"), S("1.0"), &patch, &error), STATUS_INVALID);
    assert_int_equal(object_at(shop, DIFF).body.length, 0);
}

static void a_base_that_rotted_makes_no_patch(void **state)
{
    struct shop *shop = *state;
    struct patch patch;
    struct error error = {0};
    char path[128];
    struct package package;
    struct stat before;
    assert_int_equal(package_load(shop->store, io_of(shop->arena), S("APP"), S("1.0"), &package, &error), STATUS_OK);
    snprintf(path, sizeof path, "%s/" STR_FMT, shop->folder, STR_ARG(package_base_key(shop->arena, &package)));
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "rot", 3, 5000), 3);
    const struct timespec times[] = {before.st_atim, before.st_mtim}; /* silently: its ETag is what it was */
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(try_produce(shop, S("1.0"), S("2.0"), &patch, &error), STATUS_CORRUPT);
    if (!strstr(error.text, "apk is not what was published: its SHA-256 differs")) fail_msg("%s", error.text);
    assert_int_equal(object_at(shop, DIFF).body.length + object_at(shop, JSON).body.length, 0);
}

static void a_folder_for_temporary_files_that_is_none_is_said(void **state)
{
    struct patch patch;
    struct error error = {0};
    setenv("TMPDIR", "/nonexistent", 1);
    enum status status = try_produce(*state, S("1.0"), S("2.0"), &patch, &error);
    unsetenv("TMPDIR");
    assert_int_equal(status, STATUS_UNAVAILABLE);
    if (!strstr(error.text, "/nonexistent (TMPDIR says where): No such file")) fail_msg("%s", error.text);
}

/* --- several at once */

static void *run(void *context)
{
    struct shop *shop = context;
    struct arena *arena = arena_new();
    struct patch patch;
    struct error error;
    enum status status = patch_produce(shop->store, io_of(arena), S("APP"), S("1.0"), S("2.0"), NULL, &patch, &error);
    arena_free(arena);
    return (void *)(intptr_t)status;
}

static void producers_at_once_all_succeed(void **state)
{
    enum { PRODUCERS = 6, ROUNDS = 5 };
    struct shop *shop = *state;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[PRODUCERS];
        drop(shop, JSON);
        put(shop, DIFF, round % 2 ? S("half a patch") : object_at(shop, DIFF).body);
        for (int i = 0; i < PRODUCERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, run, shop), 0);
        for (int i = 0; i < PRODUCERS; i++) {
            void *status;
            assert_int_equal(pthread_join(threads[i], &status), 0);
            assert_int_equal((intptr_t)status, STATUS_OK);
        }
        struct patch patch = produce(shop);
        assert_whole(shop, &patch);
    }
}

/* --- withdrawing */

static void what_leads_from_or_to_a_version_goes_with_it(void **state)
{
    struct shop *shop = *state;
    struct error error = {0};
    static const char *const names[] = {"1.0..2.0", "2.0..1.0", "2.0..3.0", "12.0..2.00", "1.0..12.0", "2.0.1..1.0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put(shop, arena_printf(shop->arena, "patches/APP/%s.diff", names[i]).data, S("x"));
        put(shop, arena_printf(shop->arena, "patches/APP/%s.json", names[i]).data, S("x"));
    }
    put(shop, "patches/OTHER/1.0..2.0.diff", S("x"));
    assert_int_equal(patch_withdraw(shop->store, io_of(shop->arena), S("APP"), S("2.0"), &error), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t left = i < 3 ? 0 : 1;
        assert_int_equal(object_at(shop, arena_printf(shop->arena, "patches/APP/%s.diff", names[i]).data).body.length, left);
        assert_int_equal(object_at(shop, arena_printf(shop->arena, "patches/APP/%s.json", names[i]).data).body.length, left);
    }
    assert_int_equal(object_at(shop, "patches/OTHER/1.0..2.0.diff").body.length, 1);
    assert_int_equal(patch_withdraw(shop->store, io_of(shop->arena), S("NONE"), S("2.0"), &error), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patch_is_produced_once),          TEST(progress_reaches_its_end),
        TEST(a_patch_without_a_record_gets_one), TEST(another_patch_that_does_the_same_is_taken_over),
        TEST(what_is_no_patch_gives_way),        TEST(a_record_without_its_patch_is_written_anew),
        TEST(a_patch_between_others_gives_way),  TEST(versions_that_are_not_published),
        TEST(a_base_that_rotted_makes_no_patch), TEST(a_folder_for_temporary_files_that_is_none_is_said),
        TEST(producers_at_once_all_succeed),     TEST(what_leads_from_or_to_a_version_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
