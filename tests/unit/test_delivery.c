/* P13: what is wanted is copied, verified and then held; what is wanted no longer goes, after its grace. On file:// stores. */
#include <sys/file.h>
#include <fcntl.h>

#include "lib/delivery/delivery.h"
#include "lib/transfer/watch.h"
#include "tests/unit/fault_store.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

enum { GRACE = 60 * CLOCK_SECOND };

struct fixture {
    struct arena *arena;
    char folder[64];
    struct store *origin, *shop;
    struct edge edge;
    struct package_maker maker;
    struct reconciliation how;
    struct reconcile_result result;
    struct error error;
    int finds;
    bool breaks;  /* the stream ends with an error midway */
    bool corrupt; /* its bytes are others than its digest says */
    struct str channel_validator;
};

enum { SIZE = 5000 };

struct letters {
    struct fixture *fixture;
    size_t left;
};

static ssize_t read_letters(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct letters *letters = context;
    size_t count = letters->left < 1000 ? letters->left : 1000;
    if (letters->fixture->breaks && letters->left < SIZE) return error_set(error, STATUS_UNAVAILABLE, "broken off"), -1;
    if (count > capacity) count = capacity;
    memset(buffer, letters->fixture->corrupt ? 'b' : 'a', count);
    letters->left -= count;
    return (ssize_t)count;
}

static enum status open_letters(void *context, struct io io, uint64_t offset, struct stream *stream, struct error *error)
{
    struct letters *letters = arena_new_of(io.arena, struct letters);
    (void)error;
    *letters = (struct letters){context, SIZE - (size_t)offset};
    *stream = (struct stream){.read = read_letters, .context = letters};
    return STATUS_OK;
}

static struct str digest_of_letters(struct fixture *f)
{
    static char digest[65];
    struct stream stream;
    struct error error;
    struct fixture right = *f;
    right.breaks = right.corrupt = false;
    open_letters(&right, (struct io){.arena = f->arena}, 0, &stream, &error);
    struct watch *watch = watch_new(f->arena, stream, NULL);
    struct stream watched = watch_stream(watch);
    char buffer[SIZE];
    while (stream_read(watched, buffer, sizeof buffer, &error) > 0) continue;
    struct str text = watch_sha256(watch, f->arena);
    memcpy(digest, text.data, 64);
    return str_of(digest);
}

static enum status find_letters(void *context, struct io io, const struct package_name *name, struct package_source *source,
                                struct error *error)
{
    struct fixture *f = context;
    (void)io;
    f->finds++;
    ENSURE(!str_equal(name->app, S("GONE")), error, STATUS_NOT_FOUND, "it is not published");
    *source = (struct package_source){.size = SIZE, .sha256 = digest_of_letters(f), .open = open_letters, .context = f};
    source->validator = source->sha256;
    if (name->channel.length > 0) {
        source->sha256 = (struct str){NULL, 0};
        source->validator = f->channel_validator;
    }
    return STATUS_OK;
}

static struct io io_of(struct fixture *f)
{
    return (struct io){.arena = f->arena, .deadline = deadline_in(20 * CLOCK_SECOND)};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    strcpy(f->folder, "/tmp/placement-reconcile-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    struct str origin = arena_printf(f->arena, "file://%s/origin", f->folder), shop = arena_printf(f->arena, "file://%s/shop", f->folder);
    mkdir(arena_printf(f->arena, "%s/origin", f->folder).data, 0777);
    mkdir(arena_printf(f->arena, "%s/shop", f->folder).data, 0777);
    assert_ok(store_open(origin.data, &f->origin, &f->error), &f->error);
    assert_ok(store_open(shop.data, &f->shop, &f->error), &f->error);
    f->edge = (struct edge){.id = S("shop-1"), .directory = S("/data/share"), .store = shop, .quota = UINT64_MAX};
    f->maker = (struct package_maker){.find = find_letters, .context = f};
    f->how = (struct reconciliation){.origin = f->origin, .maker = &f->maker, .now = 1000 * CLOCK_SECOND, .grace = GRACE};
    f->channel_validator = S("first");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->origin);
    store_close(f->shop);
    scratch_remove(f->folder);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* --- what the tests say and ask */

static enum status set_wanted(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    struct str rest = *(struct str *)context;
    (void)error;
    wanted->count = 0;
    wanted->items = arena_array(arena, 16, sizeof *wanted->items);
    while (rest.length > 0) {
        struct str name = str_cut(&rest, ' ');
        struct wanted_package *package = &wanted->items[wanted->count++];
        *package = (struct wanted_package){.package = name, .reason = RULE_T1, .size = SIZE};
        package->pending = str_starts(name, S("PENDING/"));
    }
    return STATUS_OK;
}

static void want(struct fixture *f, const char *names)
{
    struct wanted wanted;
    struct str list = str_of(names);
    assert_ok(wanted_update(f->origin, io_of(f), f->edge.id, set_wanted, &list, &wanted, &f->error), &f->error);
}

static void run(struct fixture *f)
{
    f->result = (struct reconcile_result){0};
    assert_ok(reconcile_edge(&f->how, io_of(f), &f->edge, &f->result, &f->error), &f->error);
}

static void assert_held(struct fixture *f, const char *names)
{
    struct held held;
    struct str list = S(""), separator = S("");
    assert_ok(held_load(f->origin, io_of(f), f->edge.id, 0, &held, &f->error), &f->error);
    for (size_t i = 0; i < held.count; i++) {
        if (!held_find(&held, held.items[i].package)) continue;
        list = arena_join(f->arena, list, separator, held.items[i].package);
        separator = S(" ");
    }
    assert_str(list, str_of(names));
}

static bool is_at_shop(struct fixture *f, const char *file)
{
    struct store_object object;
    return store_head(f->shop, io_of(f), str_of(file), &object, &f->error) == STATUS_OK;
}

static size_t row_length(struct fixture *f)
{
    struct held held;
    assert_ok(held_load(f->origin, io_of(f), f->edge.id, 0, &held, &f->error), &f->error);
    return held.count;
}

/* --- push */

static void what_is_wanted_is_copied_and_held(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0 APP1/2.0/huawei PENDING/1.0");
    run(f);
    assert_held(f, "APP1/2.0 APP1/2.0/huawei");
    assert_true(is_at_shop(f, "APP1_2.0.apk") && is_at_shop(f, "APP1_2.0_huawei.apk"));
    assert_int_equal(f->result.copied, 2);
    assert_int_equal(f->result.bytes, 2 * SIZE);
    struct held held;
    assert_ok(held_load(f->origin, io_of(f), f->edge.id, 0, &held, &f->error), &f->error);
    assert_str(held_find(&held, S("APP1/2.0/huawei"))->sha256, digest_of_letters(f));
    run(f);
    assert_int_equal(f->result.copied, 0);
}

static void a_copy_that_breaks_off_never_shows(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0");
    f->breaks = true;
    run(f);
    assert_int_equal(f->result.failed, 1);
    assert_held(f, "");
    f->breaks = false;
    run(f);
    assert_held(f, "APP1/2.0");
}

static void a_copy_with_other_bytes_never_shows(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0");
    f->corrupt = true;
    run(f);
    assert_int_equal(f->result.failed, 1);
    assert_held(f, "");
}

static void one_that_fails_does_not_stop_the_others(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0 GONE/1.0 ZAPP/1.0");
    run(f);
    assert_int_equal(f->result.failed, 1);
    assert_held(f, "APP1/2.0 ZAPP/1.0");
}

static void what_is_wanted_no_longer_goes_after_its_grace(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0");
    run(f);
    want(f, "");
    run(f);
    assert_held(f, "");
    assert_true(is_at_shop(f, "APP1_2.0.apk"));
    f->how.now += GRACE - 1;
    run(f);
    assert_true(is_at_shop(f, "APP1_2.0.apk"));
    f->how.now += 1;
    run(f);
    assert_false(is_at_shop(f, "APP1_2.0.apk"));
    assert_int_equal(f->result.deleted, 1);
    assert_int_equal(row_length(f), 0);
}

static void what_is_wanted_again_in_its_grace_is_not_copied_again(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0");
    run(f);
    want(f, "");
    run(f);
    want(f, "APP1/2.0");
    run(f);
    assert_held(f, "APP1/2.0");
    assert_int_equal(f->result.copied, 0);
}

/* A copier was killed between copying and saying so, and then nobody wanted it any more. */
static void nothing_is_left_behind_that_nobody_knows_of(void **state)
{
    struct fixture *f = *state;
    struct held_package half = {.package = S("APP1/2.0"), .since = 1, .size = SIZE, .state = HELD_COPYING};
    assert_ok(held_set(f->origin, io_of(f), f->edge.id, &half, &f->error), &f->error);
    assert_ok(store_put(f->shop, io_of(f), S("APP1_2.0.apk"), S("half"), NULL, NULL, &f->error), &f->error);
    run(f);
    assert_false(is_at_shop(f, "APP1_2.0.apk"));
    assert_int_equal(row_length(f), 0);
}

static void what_was_lost_or_cut_at_the_edge_is_copied_again(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/1.0 APP1/2.0 APP1/3.0");
    run(f);
    assert_ok(store_remove(f->shop, io_of(f), S("APP1_1.0.apk"), &f->error), &f->error);
    assert_ok(store_put(f->shop, io_of(f), S("APP1_2.0.apk"), S("cut"), NULL, NULL, &f->error), &f->error);
    run(f);
    assert_int_equal(f->result.copied, 2);
    assert_held(f, "APP1/1.0 APP1/2.0 APP1/3.0");
}

static void bytes_that_rotted_are_found_where_copies_are_verified(void **state)
{
    struct fixture *f = *state;
    char rotten[SIZE];
    memset(rotten, 'x', sizeof rotten);
    want(f, "APP1/2.0");
    run(f);
    assert_ok(store_put(f->shop, io_of(f), S("APP1_2.0.apk"), str_make(rotten, SIZE), NULL, NULL, &f->error), &f->error);
    run(f);
    assert_int_equal(f->result.copied, 0);
    f->how.verify = true;
    run(f);
    assert_int_equal(f->result.copied, 1);
}

static void a_channel_whose_info_changed_is_made_again(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0/huawei");
    run(f);
    f->channel_validator = S("second");
    run(f);
    assert_int_equal(f->result.copied, 1);
    assert_held(f, "APP1/2.0/huawei");
    run(f);
    assert_int_equal(f->result.copied, 0);
}

static void an_edge_that_pulls_is_not_pushed_to(void **state)
{
    struct fixture *f = *state;
    f->edge.store = (struct str){NULL, 0};
    assert_error(reconcile_edge(&f->how, io_of(f), &f->edge, &f->result, &f->error), STATUS_UNSUPPORTED, &f->error, "edge sync");
}

static void one_package_is_brought_by_itself(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/1.0 APP1/2.0");
    assert_ok(reconcile_package(&f->how, io_of(f), &f->edge, S("APP1/2.0"), &f->error), &f->error);
    assert_held(f, "APP1/2.0");
    assert_error(reconcile_package(&f->how, io_of(f), &f->edge, S("APP1/9"), &f->error), STATUS_NOT_FOUND, &f->error, "not wanted");
}

/* --- many edges */

static void run_fleet(struct fixture *f)
{
    const struct registry registry = {.edges = &f->edge, .edge_count = 1};
    f->result = (struct reconcile_result){0};
    f->edge.home = S("192.168.0.0/24");
    reconcile_edges(&f->how, io_of(f), &registry, -1, &f->result);
    assert_false(f->result.unfinished);
}

static void assert_skipped(struct fixture *f, bool skipped)
{
    run_fleet(f);
    assert_int_equal(f->result.unchanged, skipped);
}

/* Twice: the run that copies does not look at what it copied. */
static void settle(struct fixture *f, const char *names)
{
    want(f, names);
    assert_skipped(f, false);
    run_fleet(f);
    assert_int_equal(f->result.copied + f->result.failed + f->result.deleted, 0);
}

static void lose(struct fixture *f, const char *file)
{
    assert_ok(store_remove(f->shop, io_of(f), str_of(file), &f->error), &f->error);
}

static void an_edge_that_was_found_in_order_is_skipped(void **state)
{
    struct fixture *f = *state;
    settle(f, "APP1/2.0 APP1/1.0..2.0 PENDING/1.0");
    lose(f, "APP1_2.0.apk");
    assert_skipped(f, true);
    assert_held(f, "APP1/1.0..2.0 APP1/2.0");
}

static void one_where_nothing_is_wanted_is_skipped_too(void **state)
{
    struct fixture *f = *state;
    assert_skipped(f, false);
    assert_skipped(f, true);
}

static void every_edge_is_compared_within_a_day(void **state)
{
    struct fixture *f = *state;
    settle(f, "APP1/2.0");
    lose(f, "APP1_2.0.apk");
    f->how.now += CLOCK_DAY;
    assert_skipped(f, false);
    assert_int_equal(f->result.copied, 1);
    assert_true(is_at_shop(f, "APP1_2.0.apk"));
}

/* Twenty edges, looked at each hour of three days: each is compared once a day, and not all of them in the same hour. */
static void comparisons_are_spread_over_the_day(void **state)
{
    enum { EDGES = 20, DAYS = 3, HOURS = 24 };
    struct fixture *f = *state;
    struct edge edges[EDGES];
    const struct registry registry = {.edges = edges, .edge_count = EDGES};
    uint64_t compared = 0, most = 0;
    for (int i = 0; i < EDGES; i++) {
        edges[i] = f->edge;
        edges[i].id = arena_printf(f->arena, "shop-%02d", i);
        edges[i].home = edges[i].id;
    }
    for (int hour = -1; hour < DAYS * HOURS; hour++, f->how.now += CLOCK_HOUR) {
        f->result = (struct reconcile_result){0};
        reconcile_edges(&f->how, io_of(f), &registry, -1, &f->result);
        uint64_t now = EDGES - f->result.unchanged;
        if (hour < 0) continue; /* all of them: nothing is known */
        compared += now;
        if (now > most) most = now;
    }
    assert_int_equal(compared, EDGES * DAYS);
    assert_true(most < EDGES / 2);
}

static void what_changes_is_seen_at_once(void **state)
{
    struct fixture *f = *state;
    settle(f, "APP1/2.0");
    want(f, "APP1/2.0 APP1/3.0");
    assert_skipped(f, false);
    assert_int_equal(f->result.copied, 1);
    assert_held(f, "APP1/2.0 APP1/3.0");

    settle(f, "APP1/2.0 APP1/3.0");
    lose(f, "APP1_3.0.apk");
    assert_ok(held_drop(f->origin, io_of(f), f->edge.id, S("APP1/3.0"), &f->error), &f->error);
    assert_skipped(f, false);
    assert_int_equal(f->result.copied, 1);

    settle(f, "APP1/2.0 APP1/3.0");
    f->edge.store = arena_printf(f->arena, "file://%s/moved", f->folder);
    mkdir(arena_printf(f->arena, "%s/moved", f->folder).data, 0777);
    assert_skipped(f, false);
    assert_int_equal(f->result.copied, 2);
}

static void what_is_on_its_way_is_not_skipped(void **state)
{
    struct fixture *f = *state;
    settle(f, "APP1/2.0");
    want(f, "");
    for (int i = 0; i < 3; i++) assert_skipped(f, false);
    f->how.now += GRACE;
    assert_skipped(f, false);
    assert_int_equal(f->result.deleted, 1);
    assert_skipped(f, false);
    assert_skipped(f, true);
    want(f, "APP1/2.0 GONE/1.0");
    for (int i = 0; i < 3; i++) assert_skipped(f, false);
    assert_int_equal(f->result.failed, 1);
}

static void what_follows_a_channel_is_not_skipped(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0/huawei");
    for (int i = 0; i < 3; i++) assert_skipped(f, false);
    f->channel_validator = S("second");
    assert_skipped(f, false);
    assert_int_equal(f->result.copied, 1);
}

static void nobody_is_skipped_who_is_verified_nor_when_clocks_go_back(void **state)
{
    struct fixture *f = *state;
    settle(f, "APP1/2.0");
    f->how.verify = true;
    assert_skipped(f, false);
    f->how.verify = false;
    assert_skipped(f, true);
    f->how.now -= 1;
    assert_skipped(f, false);
}

static void assert_ignored(struct fixture *f, struct str key, struct str body)
{
    assert_skipped(f, true);
    assert_ok(store_put(f->origin, io_of(f), key, body, NULL, NULL, &f->error), &f->error);
    assert_skipped(f, false);
}

static void a_damaged_record_is_not_used(void **state)
{
    struct fixture *f = *state;
    struct store_object record;
    settle(f, "APP1/2.0");
    struct str key = arena_printf(f->arena, "held/=verified/%02u", lan_part(f->edge.home));
    assert_ok(store_get(f->origin, io_of(f), key, NULL, &record, &f->error), &f->error);
    struct str other = arena_copy(f->arena, record.body);
    ((char *)(uintptr_t)other.data)[other.length - 2] ^= 1;
    assert_ignored(f, key, other);
    assert_ignored(f, key, str_first(record.body, record.body.length - 10));
    assert_ignored(f, key, S(""));
    assert_ignored(f, key, S("verified 1 0 cbf29ce484222325"));
}

/* The n-th request to the origin, and all behind it, fail: what is said to be held is there, and the next run brings what is missing. */
static void killed_anywhere(struct fixture *f, bool carries_out)
{
    struct store *origin = f->origin;
    bool done = false;
    for (long requests = 0; !done; requests++) {
        struct fault_store *dying = fault_store(f->arena, origin, requests);
        dying->carries_out = carries_out;
        want(f, requests % 2 == 0 ? "APP1/1.0 APP1/2.0" : "APP1/2.0 APP1/3.0");
        f->how.origin = &dying->store;
        f->result = (struct reconcile_result){0};
        f->how.now += GRACE;
        const struct registry registry = {.edges = &f->edge, .edge_count = 1};
        reconcile_edges(&f->how, io_of(f), &registry, -1, &f->result);
        done = f->result.failed == 0 && requests > 60;
        f->how.origin = origin;
        struct held held;
        assert_ok(held_load(origin, io_of(f), f->edge.id, 0, &held, &f->error), &f->error);
        for (size_t i = 0; i < held.count; i++)
            if (held.items[i].state == HELD_HERE) {
                struct str file = arena_printf(f->arena, "APP1_%.3s.apk", held.items[i].package.data + 5);
                assert_true(is_at_shop(f, file.data));
            }
        run_fleet(f);
        assert_held(f, requests % 2 == 0 ? "APP1/1.0 APP1/2.0" : "APP1/2.0 APP1/3.0");
        assert_true(requests < 300);
    }
}

static void a_kill_before_any_request_is_repaired(void **state)
{
    killed_anywhere(*state, false);
}

static void a_kill_after_any_request_is_repaired(void **state)
{
    killed_anywhere(*state, true);
}

/* --- pull */

static const char *directory_of(struct fixture *f)
{
    return arena_printf(f->arena, "%s/share", f->folder).data;
}

static enum status sync_directory(struct fixture *f)
{
    struct arena *arena = arena_new(); /* the directory is locked as long as it lives */
    f->result = (struct reconcile_result){0};
    const struct io io = {.arena = arena, .deadline = deadline_in(20 * CLOCK_SECOND)};
    enum status status = reconcile_directory(&f->how, io, &f->edge, directory_of(f), &f->result, &f->error);
    arena_free(arena);
    return status;
}

static bool is_in_directory(struct fixture *f, const char *file)
{
    return access(arena_printf(f->arena, "%s/%s", directory_of(f), file).data, F_OK) == 0;
}

static void a_directory_is_filled_and_emptied(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0 APP1/1.0..2.0");
    assert_ok(sync_directory(f), &f->error);
    assert_true(is_in_directory(f, "APP1_2.0.apk") && is_in_directory(f, "APP1_1.0_2.0.diff"));
    assert_false(is_in_directory(f, "APP1_2.0.apk.part"));
    assert_held(f, "APP1/1.0..2.0 APP1/2.0");
    want(f, "APP1/2.0");
    f->how.grace = 0;
    assert_ok(sync_directory(f), &f->error);
    assert_false(is_in_directory(f, "APP1_1.0_2.0.diff"));
    assert_held(f, "APP1/2.0");
}

static void a_directory_takes_up_what_had_come(void **state)
{
    struct fixture *f = *state;
    want(f, "APP1/2.0");
    f->breaks = true;
    assert_ok(sync_directory(f), &f->error);
    assert_int_equal(f->result.failed, 1);
    assert_true(is_in_directory(f, "APP1_2.0.apk.part") && !is_in_directory(f, "APP1_2.0.apk"));
    f->breaks = false;
    f->corrupt = true; /* the rest is other bytes: had it begun anew all were */
    assert_ok(sync_directory(f), &f->error);
    assert_int_equal(f->result.failed, 1);
    f->corrupt = false;
    assert_ok(sync_directory(f), &f->error);
    assert_held(f, "APP1/2.0");
}

static void two_do_not_fill_one_directory(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(directory_of(f), 0777), 0);
    int fd = open(directory_of(f), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_error(sync_directory(f), STATUS_PRECONDITION, &f->error, "another process");
    close(fd);
}

/* --- places */

static void p4_the_first_address(void **state)
{
    struct fixture *f = *state;
    struct package_name name;
    assert_ok(package_name_parse(S("APP1/2.0/huawei"), &name, &f->error), &f->error);
    assert_str(edge_path(f->arena, &f->edge, &name), S("/data/share/APP1_2.0_huawei.apk"));
    f->edge.directory = S("share/");
    assert_str(edge_path(f->arena, &f->edge, &name), S("/share/APP1_2.0_huawei.apk"));
    f->edge.directory = S("");
    assert_str(edge_path(f->arena, &f->edge, &name), S("/APP1_2.0_huawei.apk"));
    f->edge.splices = true;
    assert_str(edge_path(f->arena, &f->edge, &name), S("/packages/APP1/2.0/huawei.apk"));
    edge_package(&f->edge, &name);
    assert_str(package_name_format(f->arena, &name), S("APP1/2.0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wanted_is_copied_and_held),
        TEST(a_copy_that_breaks_off_never_shows),
        TEST(a_copy_with_other_bytes_never_shows),
        TEST(one_that_fails_does_not_stop_the_others),
        TEST(what_is_wanted_no_longer_goes_after_its_grace),
        TEST(what_is_wanted_again_in_its_grace_is_not_copied_again),
        TEST(nothing_is_left_behind_that_nobody_knows_of),
        TEST(what_was_lost_or_cut_at_the_edge_is_copied_again),
        TEST(bytes_that_rotted_are_found_where_copies_are_verified),
        TEST(a_channel_whose_info_changed_is_made_again),
        TEST(an_edge_that_pulls_is_not_pushed_to),
        TEST(one_package_is_brought_by_itself),
        TEST(an_edge_that_was_found_in_order_is_skipped),
        TEST(one_where_nothing_is_wanted_is_skipped_too),
        TEST(every_edge_is_compared_within_a_day),
        TEST(comparisons_are_spread_over_the_day),
        TEST(what_changes_is_seen_at_once),
        TEST(what_is_on_its_way_is_not_skipped),
        TEST(what_follows_a_channel_is_not_skipped),
        TEST(nobody_is_skipped_who_is_verified_nor_when_clocks_go_back),
        TEST(a_damaged_record_is_not_used),
        TEST(a_kill_before_any_request_is_repaired),
        TEST(a_kill_after_any_request_is_repaired),
        TEST(a_directory_is_filled_and_emptied),
        TEST(a_directory_takes_up_what_had_come),
        TEST(two_do_not_fill_one_directory),
        TEST(p4_the_first_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
