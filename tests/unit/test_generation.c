/* Rows of generations, on the store that PAKHUS_TEST_STORE names, else on a directory of its own. */
#include <pthread.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/store/generation.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, WRITERS = 6, ROUNDS = 10 };

static char directory[] = "/tmp/generation-XXXXXX";
static char url[512];
static bool is_file;
static struct store *store;
static struct arena *arena;
static struct error failure;

static struct io io(void)
{
    return (struct io){.arena = arena, .deadline = deadline_in(TIMEOUT)};
}

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("PAKHUS_TEST_STORE");
    is_file = !given || strncmp(given, "file:", 5) == 0;
    if (!given && !mkdtemp(directory)) return -1;
    if (given) snprintf(url, sizeof url, "%s", given);
    if (!given) snprintf(url, sizeof url, "file://%s", directory);
    arena = arena_new();
    if (store_open(url, &store, &failure) == STATUS_OK) return 0;
    print_error("%s\n", failure.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    arena_free(arena);
    scratch_remove(directory);
    return 0;
}

/* A row that no run before has used. */
static struct str row(const char *name)
{
    return arena_printf(arena, "rows/%ld-%lld/%s/", (long)getpid(), (long long)clock_real(), name);
}

static enum status set_to(void *context, struct arena *in, const struct generation *newest, struct str *body, struct error *error)
{
    (void)in;
    struct str *wanted = context;
    if (newest->number > 0 && str_equal(newest->body, *wanted)) return error_set(error, STATUS_NOT_MODIFIED, "as it was");
    *body = *wanted;
    return STATUS_OK;
}

static void an_empty_row_has_number_0(void **state)
{
    (void)state;
    struct generation newest = {.number = 7};
    assert_ok(generation_newest((struct generations){store, io(), row("empty")}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 0);
    assert_int_equal(newest.body.length, 0);
}

static void numbers_count_down(void **state)
{
    (void)state;
    struct str prefix = row("down"), one = S("one"), two = S("two");
    struct generation newest;
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &one, &newest, &failure), &failure);
    assert_int_equal(newest.number, 1);
    assert_true(str_ends(newest.key, S("/9999999999999999")));
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &two, &newest, &failure), &failure);
    assert_int_equal(newest.number, 2);
    assert_true(str_ends(newest.key, S("/9999999999999998")));
    assert_str(newest.body, S("two"));
    assert_true(newest.modified > clock_real() - CLOCK_HOUR);
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 2);
    assert_str(newest.body, S("two"));
    assert_error(generation_newest((struct generations){store, io(), prefix}, 2, &newest, &failure), STATUS_NOT_MODIFIED, &failure, "");
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 1, &newest, &failure), &failure);
}

static void nothing_to_change_is_no_fault(void **state)
{
    (void)state;
    struct str prefix = row("same"), one = S("one");
    struct generation newest;
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &one, &newest, &failure), &failure);
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &one, &newest, &failure), &failure);
    assert_int_equal(newest.number, 1);
    assert_str(newest.body, S("one"));
}

static enum status refuse(void *context, struct arena *in, const struct generation *newest, struct str *body, struct error *error)
{
    (void)context, (void)in, (void)newest, (void)body;
    return error_set(error, STATUS_TOO_LARGE, "does not fit");
}

static void a_change_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct str prefix = row("refused");
    struct generation newest;
    assert_error(generation_update((struct generations){store, io(), prefix}, refuse, NULL, &newest, &failure), STATUS_TOO_LARGE, &failure,
                 "");
    assert_string_equal(failure.text, "does not fit");
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 0);
}

static void other_keys_in_a_row_are_passed_over(void **state)
{
    (void)state;
    struct str prefix = row("others"), one = S("one");
    const char *const others[] = {".hidden",           "0000", "0000000000000000", "000000000000000x", "9999999999999999x",
                                  "99999999999999999", "a/b"};
    struct generation newest;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_ok(store_put(store, io(), arena_printf(arena, STR_FMT "%s", STR_ARG(prefix), others[i]), S("x"), NULL, NULL, &failure),
                  &failure);
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 0);
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &one, &newest, &failure), &failure);
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 1);
}

static void prefixes_end_in_a_slash(void **state)
{
    (void)state;
    struct generation newest;
    assert_error(generation_newest((struct generations){store, io(), S("rows")}, 0, &newest, &failure), STATUS_INVALID, &failure, "");
    assert_error(generation_update((struct generations){store, io(), S("rows")}, refuse, NULL, &newest, &failure), STATUS_INVALID, &failure,
                 "");
    assert_error(generation_newest((struct generations){store, io(), S("../")}, 0, &newest, &failure), STATUS_INVALID, &failure, "");
}

static bool count_one(void *context, const struct store_object *object)
{
    (void)object;
    (*(size_t *)context)++;
    return true;
}

static size_t count(struct str prefix)
{
    size_t keys = 0;
    assert_ok(store_list(store, io(), prefix, 0, count_one, &keys, &failure), &failure);
    return keys;
}

static void put_number(struct str prefix, unsigned number, int64_t hours_old)
{
    struct str key = arena_printf(arena, STR_FMT "%016llu", STR_ARG(prefix), 10000000000000000ULL - number);
    assert_ok(store_put(store, io(), key, S("old"), NULL, NULL, &failure), &failure);
    char path[1024];
    snprintf(path, sizeof path, "%s/" STR_FMT, directory, STR_ARG(key));
    struct timespec times[2] = {{.tv_sec = clock_real() / CLOCK_SECOND - hours_old * 3600}};
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void old_generations_are_trimmed(void **state)
{
    (void)state;
    if (!is_file || getenv("PAKHUS_TEST_STORE")) skip(); /* needs files that are made to look old */
    struct str prefix = row("trimmed"), new = S("new");
    struct generation newest;
    for (unsigned i = 1; i <= 10; i++) put_number(prefix, i, i <= 6 ? 3 : 0);
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &new, &newest, &failure), &failure);
    assert_int_equal(newest.number, 11);
    assert_int_equal(count(prefix), 5); /* 7 to 10 are young, 11 is new */
}

static void the_newest_three_stay_however_old(void **state)
{
    (void)state;
    if (!is_file || getenv("PAKHUS_TEST_STORE")) skip();
    struct str prefix = row("kept"), new = S("new"), newer = S("newer");
    struct generation newest;
    for (unsigned i = 1; i <= 5; i++) put_number(prefix, i, 100 - 10 * i);
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &new, &newest, &failure), &failure);
    assert_int_equal(count(prefix), 3);
    assert_ok(generation_update((struct generations){store, io(), prefix}, set_to, &newer, &newest, &failure), &failure);
    assert_int_equal(count(prefix), 3);
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, 7);
}

/* --- several writers: each adds its ids to a set, and none may be lost */

struct writer {
    struct str prefix;
    int id, round;
    bool failed;
};

static enum status add_id(void *context, struct arena *in, const struct generation *newest, struct str *body, struct error *error)
{
    (void)error;
    const struct writer *writer = context;
    *body = arena_printf(in, STR_FMT "%d:%d\n", STR_ARG(newest->body), writer->id, writer->round);
    return STATUS_OK;
}

static bool write_rounds(struct store *to, struct writer *writer)
{
    struct error error;
    for (writer->round = 0; writer->round < ROUNDS; writer->round++) {
        struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
        struct generation newest;
        enum status status = generation_update((struct generations){to, own, writer->prefix}, add_id, writer, &newest, &error);
        arena_free(own.arena);
        if (status == STATUS_OK) continue;
        print_error("%s\n", error.text);
        return false;
    }
    return true;
}

static void assert_all_there(struct str prefix)
{
    struct generation newest;
    assert_ok(generation_newest((struct generations){store, io(), prefix}, 0, &newest, &failure), &failure);
    assert_int_equal(newest.number, WRITERS * ROUNDS);
    for (int id = 0; id < WRITERS; id++)
        for (int round = 0; round < ROUNDS; round++) {
            struct str line = arena_printf(arena, "%d:%d\n", id, round);
            assert_true(str_find_str(newest.body, line) < newest.body.length);
        }
}

static void *write_on_thread(void *context)
{
    struct writer *writer = context;
    writer->failed = !write_rounds(store, writer);
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct str prefix = row("threads");
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.prefix = prefix, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_on_thread, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++) assert_false(writers[i].failed);
    assert_all_there(prefix);
}

static void write_in_process(struct str prefix, int id)
{
    struct store *own;
    struct error error;
    struct writer writer = {.prefix = prefix, .id = id};
    if (store_open(url, &own, &error) != STATUS_OK) _exit(2);
    bool done = write_rounds(own, &writer);
    store_close(own);
    _exit(done ? 0 : 1);
}

static void processes_lose_nothing(void **state)
{
    (void)state;
    struct str prefix = row("processes");
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0) write_in_process(prefix, i);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_all_there(prefix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first, before this process has connections of its own */
        cmocka_unit_test(processes_lose_nothing),
        cmocka_unit_test(an_empty_row_has_number_0),
        cmocka_unit_test(numbers_count_down),
        cmocka_unit_test(nothing_to_change_is_no_fault),
        cmocka_unit_test(a_change_that_fails_changes_nothing),
        cmocka_unit_test(other_keys_in_a_row_are_passed_over),
        cmocka_unit_test(prefixes_end_in_a_slash),
        cmocka_unit_test(old_generations_are_trimmed),
        cmocka_unit_test(the_newest_three_stay_however_old),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
