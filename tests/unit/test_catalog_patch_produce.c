/* Patches produced in a store: once, again, several at once, and over what runs that were cut off left behind. */
#include "tests/unit/patch_sample.h"

#include <fcntl.h>
#include <pthread.h>
#include <zstd.h>

#include "lib/catalog/package.h"
#include "lib/catalog/patch.h"
#include "tests/unit/scratch.h"

#define FIRST_DIFF "patches/APP/1.0..2.0.diff" /* as version 0.1 named it */
#define JSON       "patches/APP/1.0..2.0.json"

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
    *patch = (struct patch){.from = from, .to = to};
    return patch_produce((struct catalog){shop->store, io_of(shop->arena), S("APP")}, patch, NULL, error);
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

/* That the record names; where there is none, that of version 0.1. */
static const char *diff_key(struct shop *shop)
{
    struct patch patch = {.from = S("1.0"), .to = S("2.0")};
    struct error error;
    if (patch_load((struct catalog){shop->store, io_of(shop->arena), S("APP")}, &patch, &error) != STATUS_OK) return FIRST_DIFF;
    return patch_diff_key(shop->arena, &patch).data;
}

static bool count_one(void *context, const struct store_object *object)
{
    (void)object;
    ++*(size_t *)context;
    return true;
}

static size_t objects_of_patches(struct shop *shop)
{
    size_t count = 0;
    struct error error;
    assert_int_equal(store_list(shop->store, io_of(shop->arena), S("patches/"), 0, count_one, &count, &error), STATUS_OK);
    return count;
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
    struct patch loaded = {.from = S("1.0"), .to = S("2.0"), .format = patch->format};
    struct str made = {0};
    struct error error = {0};
    struct store_object diff = object_at(shop, diff_key(shop));
    assert_int_equal(patch_load((struct catalog){shop->store, io_of(shop->arena), S("APP")}, &loaded, &error), STATUS_OK);
    assert_str(patch_format(shop->arena, &loaded), patch_format(shop->arena, patch));
    assert_int_equal(loaded.size, diff.body.length);
    assert_str(loaded.etag, diff.etag);
    if (patch_applied(shop->arena, shop->old, diff.body, &made, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_true(str_equal(made, shop->new));
    assert_int_equal(objects_of_patches(shop), 2);
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
    struct patch patch = {.from = S("1.0"), .to = S("2.0")};
    struct error error;
    struct progress progress = progress_start("diff", 0);
    assert_int_equal(patch_produce((struct catalog){shop->store, io_of(shop->arena), S("APP")}, &patch, &progress, &error), STATUS_OK);
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

static void a_patch_without_a_record_goes(void **state)
{
    struct shop *shop = *state;
    const struct str leftovers[] = {S(""), S("half a pat"), patch_between(shop->arena, shop->new, shop->old)};
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        produce(shop);
        drop(shop, JSON);
        put(shop, FIRST_DIFF, leftovers[i]);
        put(shop, "patches/APP/1.0..2.0@00112233445566778899aabbccddeeff.diff", leftovers[i]);
        struct patch patch = produce(shop);
        assert_whole(shop, &patch);
    }
}

/* Of version 0.1: its record names no patch. Another version of zstd makes other bytes that are just as right. */
static void a_patch_of_version_0_1_stays(void **state)
{
    struct shop *shop = *state;
    struct patch first = produce(shop);
    struct str ours = object_at(shop, diff_key(shop)).body, theirs = compressed_otherwise(shop, ours);
    assert_false(str_equal(ours, theirs));
    drop(shop, diff_key(shop));
    drop(shop, JSON);
    put(shop, FIRST_DIFF, theirs);
    first.diff = S("");
    first.size = theirs.length;
    first.etag = object_at(shop, FIRST_DIFF).etag;
    put(shop, JSON, patch_format(shop->arena, &first));
    struct patch patch = produce(shop);
    assert_str(object_at(shop, FIRST_DIFF).body, theirs);
    assert_whole(shop, &patch);
}

static void a_record_without_its_patch_is_written_anew(void **state)
{
    struct shop *shop = *state;
    produce(shop);
    drop(shop, diff_key(shop));
    struct patch patch = produce(shop);
    assert_whole(shop, &patch);
    put(shop, diff_key(shop), S("something else"));
    patch = produce(shop);
    assert_whole(shop, &patch);
    put(shop, JSON, S("{"));
    patch = produce(shop);
    assert_whole(shop, &patch);
}

/* Both have uploaded before either writes its record, on a store that ignores every condition but that of small objects: neither can
 * replace the other's patch, since they have different names. */
static void no_producer_writes_over_another(void **state)
{
    struct shop *shop = *state;
    char names[3][128];
    for (size_t i = 0; i < 3; i++) {
        produce(shop);
        snprintf(names[i], sizeof names[i], "%s", diff_key(shop));
        drop(shop, JSON);
        for (size_t k = 0; k < i; k++) assert_string_not_equal(names[i], names[k]);
    }
}

/* A version that was unpublished and published with other bytes. */
static void a_patch_between_others_gives_way(void **state)
{
    struct shop *shop = *state;
    struct error error;
    produce(shop);
    assert_int_equal(package_unpublish((struct catalog){shop->store, io_of(shop->arena), S("APP")}, S("2.0"), &error), STATUS_OK);
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
    assert_int_equal(objects_of_patches(shop), 0);
}

static void a_base_that_rotted_makes_no_patch(void **state)
{
    struct shop *shop = *state;
    struct patch patch;
    struct error error = {0};
    char path[128];
    struct package package;
    struct stat before;
    assert_int_equal(package_load((struct catalog){shop->store, io_of(shop->arena), S("APP")}, S("1.0"), &package, &error), STATUS_OK);
    snprintf(path, sizeof path, "%s/" STR_FMT, shop->folder, STR_ARG(package_base_key(shop->arena, &package)));
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "rot", 3, 5000), 3);
    const struct timespec times[] = {before.st_atim, before.st_mtim}; /* silently: its ETag is what it was */
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(try_produce(shop, S("1.0"), S("2.0"), &patch, &error), STATUS_CORRUPT);
    if (!strstr(error.text, "apk is not what was published: its SHA-256 differs")) fail_msg("%s", error.text);
    assert_int_equal(objects_of_patches(shop), 0);
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
    struct patch patch = {.from = S("1.0"), .to = S("2.0")};
    struct error error;
    enum status status = patch_produce((struct catalog){shop->store, io_of(arena), S("APP")}, &patch, NULL, &error);
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
        put(shop, FIRST_DIFF, S("half a patch"));
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
        put(shop, arena_printf(shop->arena, "patches/APP/%s@00112233445566778899aabbccddeeff.diff", names[i]).data, S("x"));
    }
    put(shop, "patches/OTHER/1.0..2.0.diff", S("x"));
    assert_int_equal(patch_withdraw((struct catalog){shop->store, io_of(shop->arena), S("APP")}, S("2.0"), &error), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t left = i < 3 ? 0 : 1;
        assert_int_equal(object_at(shop, arena_printf(shop->arena, "patches/APP/%s.diff", names[i]).data).body.length, left);
        assert_int_equal(object_at(shop, arena_printf(shop->arena, "patches/APP/%s.json", names[i]).data).body.length, left);
    }
    assert_int_equal(objects_of_patches(shop), 3 * 3 + 1);
    assert_int_equal(object_at(shop, "patches/OTHER/1.0..2.0.diff").body.length, 1);
    assert_int_equal(patch_withdraw((struct catalog){shop->store, io_of(shop->arena), S("NONE")}, S("2.0"), &error), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patch_is_produced_once),          TEST(progress_reaches_its_end),
        TEST(a_patch_without_a_record_goes),     TEST(a_patch_of_version_0_1_stays),
        TEST(no_producer_writes_over_another),   TEST(a_record_without_its_patch_is_written_anew),
        TEST(a_patch_between_others_gives_way),  TEST(versions_that_are_not_published),
        TEST(a_base_that_rotted_makes_no_patch), TEST(a_folder_for_temporary_files_that_is_none_is_said),
        TEST(producers_at_once_all_succeed),     TEST(what_leads_from_or_to_a_version_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
