/* The cache of loaded objects: one load a key, old values while the store is out of reach, values that outlive their entry.
 * Time passes by a clock that the tests set. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "lib/store/cache.h"
#include "tests/unit/unit.h"

enum { READERS = 6, LIFE = CLOCK_MINUTE, PATIENCE = 10 * CLOCK_SECOND };

/* A loader that does as it is told and counts. */
struct source {
    _Atomic int loads, running, most_running, with_previous;
    _Atomic bool held; /* a load goes on for as long as this is set */
    enum status status;
    size_t size;
    struct cache *cache; /* to be dropped from, or expired in, while it loads; NULL: not */
    void (*while_loading)(struct cache *, struct str key);
};

static void sleep_for(int64_t milliseconds)
{
    const struct timespec span = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * INT64_C(1000000)};
    nanosleep(&span, NULL);
}

static char clock_file[] = "/tmp/pakhus-cache-XXXXXX";
static int64_t time_passed; /* on the clock of that file, since its beginning */

static void pass(int64_t milliseconds)
{
    struct arena *arena = arena_new();
    time_passed += milliseconds;
    FILE *file = fopen(clock_file, "w");
    assert_non_null(file);
    fputs(clock_format_time(arena, time_passed).data, file);
    fclose(file);
    arena_free(arena);
}

static enum status load(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct source *source = context;
    int number = ++source->loads, running = ++source->running;
    if (running > source->most_running) source->most_running = running;
    if (load->previous) source->with_previous++;
    while (source->held) sleep_for(1);
    if (source->cache) source->while_loading(source->cache, load->key);
    source->running--;
    if (source->status != STATUS_OK) return error_set(error, source->status, "the source said so");
    arena_alloc(load->io.arena, source->size);
    *value = arena_cstr(load->io.arena, arena_printf(load->io.arena, STR_FMT " %d", STR_ARG(load->key), number));
    return STATUS_OK;
}

struct fixture {
    struct arena *arena;
    struct source source;
    struct cache *cache;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    const struct cache_options options = {
        .life = LIFE, .stale = INT64_C(10) * LIFE, .missing = LIFE, .bytes = 1 << 20, .load = load, .context = &f->source};
    f->cache = cache_new(&options);
    *state = f;
    log_set_level(LOG_NONE);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cache_free(f->cache);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void remake(struct fixture *f, struct cache_options options)
{
    cache_free(f->cache);
    options.load = load;
    options.context = &f->source;
    f->cache = cache_new(&options);
}

static enum status get(struct fixture *f, const char *key, const char **value)
{
    const void *got = NULL;
    enum status status =
        cache_get(f->cache, (struct io){.arena = f->arena, .deadline = deadline_in(PATIENCE)}, str_of(key), &got, &f->error);
    *value = got;
    return status;
}

static void assert_value(struct fixture *f, const char *key, const char *expected)
{
    const char *value;
    assert_ok(get(f, key, &value), &f->error);
    assert_string_equal(value, expected);
}

static void what_is_loaded_is_kept(void **state)
{
    struct fixture *f = *state;
    assert_value(f, "a", "a 1");
    assert_value(f, "a", "a 1");
    assert_value(f, "b", "b 2");
    assert_value(f, "a", "a 1");
    struct cache_counts counts = cache_counts(f->cache);
    assert_int_equal(counts.hits, 2);
    assert_int_equal(counts.misses, 2);
    assert_int_equal(counts.entries, 2);
    assert_true(counts.bytes > 16384);
}

static void thousands_of_keys_are_told_apart(void **state)
{
    struct fixture *f = *state;
    const char *value;
    remake(f, (struct cache_options){.life = INT64_MAX, .bytes = SIZE_MAX});
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 2000; i++) {
            struct str key = arena_printf(f->arena, "key-%d", i);
            assert_ok(get(f, key.data, &value), &f->error);
            assert_string_equal(value, arena_printf(f->arena, "key-%d %d", i, i + 1).data);
        }
    assert_int_equal(cache_counts(f->cache).entries, 2000);
}

static void a_value_is_asked_for_again_after_its_life(void **state)
{
    struct fixture *f = *state;
    assert_value(f, "a", "a 1");
    pass(LIFE + 20);
    assert_value(f, "a", "a 2");
    assert_int_equal(f->source.with_previous, 1);
    assert_int_equal(cache_counts(f->cache).refreshes, 1);
    assert_int_equal(cache_counts(f->cache).misses, 1);
}

static void what_has_not_changed_lives_on(void **state)
{
    struct fixture *f = *state;
    const char *first, *second;
    assert_ok(get(f, "a", &first), &f->error);
    pass(LIFE + 20);
    f->source.status = STATUS_NOT_MODIFIED;
    assert_ok(get(f, "a", &second), &f->error);
    assert_ptr_equal(first, second);
    assert_ok(get(f, "a", &second), &f->error);
    assert_int_equal(f->source.loads, 2);
}

/* As `get`, for a request that came at a moment of clock_monotonic. */
static void assert_value_asked(struct fixture *f, int64_t asked, const char *expected)
{
    const void *value = NULL;
    struct io io = {.arena = f->arena, .deadline = deadline_in(PATIENCE), .asked = asked};
    assert_ok(cache_get(f->cache, io, S("a"), &value, &f->error), &f->error);
    assert_string_equal(value, expected);
}

static void what_was_read_since_a_request_came_is_new_enough_for_it(void **state)
{
    struct fixture *f = *state;
    remake(f, (struct cache_options){.life = 0, .bytes = 1 << 20});
    int64_t first = clock_monotonic();
    sleep_for(2);
    assert_value_asked(f, first, "a 1");
    assert_value_asked(f, first, "a 1");
    assert_value_asked(f, clock_monotonic(), "a 2"); /* the same millisecond, or a later one */
    assert_value_asked(f, first, "a 2");
    assert_value_asked(f, 0, "a 3");
    cache_expire(f->cache, S("a"));
    assert_value_asked(f, first, "a 4");
}

static void what_was_read_in_vain_is_not_new(void **state)
{
    struct fixture *f = *state;
    const void *value;
    int64_t first = clock_monotonic();
    remake(f, (struct cache_options){.life = 0, .bytes = 1 << 20});
    assert_value_asked(f, first, "a 1");
    sleep_for(2);
    int64_t second = clock_monotonic();
    sleep_for(2);
    f->source.status = STATUS_CORRUPT;
    struct io io = {.arena = f->arena, .deadline = deadline_in(PATIENCE), .asked = second};
    for (int i = 0; i < 2; i++) assert_error(cache_get(f->cache, io, S("a"), &value, &f->error), STATUS_CORRUPT, &f->error, "said so");
    assert_int_equal(f->source.loads, 3);
}

static void not_modified_needs_a_value(void **state)
{
    struct fixture *f = *state;
    const char *value;
    f->source.status = STATUS_NOT_MODIFIED;
    assert_error(get(f, "a", &value), STATUS_INTERNAL, &f->error, "never loaded");
}

static void immutable_values_are_never_asked_for_again(void **state)
{
    struct fixture *f = *state;
    remake(f, (struct cache_options){.life = INT64_MAX, .bytes = 1 << 20});
    assert_value(f, "a", "a 1");
    pass(INT64_C(100) * CLOCK_DAY);
    assert_value(f, "a", "a 1");
}

static void what_is_missing_is_remembered_for_a_while(void **state)
{
    struct fixture *f = *state;
    const char *value;
    f->source.status = STATUS_NOT_FOUND;
    assert_error(get(f, "a", &value), STATUS_NOT_FOUND, &f->error, "said so");
    f->source.status = STATUS_OK;
    assert_error(get(f, "a", &value), STATUS_NOT_FOUND, &f->error, "said so");
    assert_int_equal(f->source.loads, 1);
    pass(LIFE + 20);
    assert_value(f, "a", "a 2");
}

static void what_is_missing_is_asked_for_again_where_that_is_wanted(void **state)
{
    struct fixture *f = *state;
    const char *value;
    remake(f, (struct cache_options){.life = LIFE, .missing = 0, .bytes = 1 << 20});
    f->source.status = STATUS_NOT_FOUND;
    assert_error(get(f, "a", &value), STATUS_NOT_FOUND, &f->error, "said so");
    f->source.status = STATUS_OK;
    assert_value(f, "a", "a 2");
}

static void what_is_gone_is_gone(void **state)
{
    struct fixture *f = *state;
    const char *value;
    assert_value(f, "a", "a 1");
    pass(LIFE + 20);
    f->source.status = STATUS_NOT_FOUND;
    assert_error(get(f, "a", &value), STATUS_NOT_FOUND, &f->error, "said so");
}

static void errors_reach_the_caller_and_are_not_remembered(void **state)
{
    struct fixture *f = *state;
    const char *value;
    const enum status statuses[] = {STATUS_DENIED, STATUS_CORRUPT, STATUS_UNAVAILABLE, STATUS_TIMEOUT, STATUS_INVALID};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->source.status = statuses[i];
        assert_error(get(f, "a", &value), statuses[i], &f->error, "said so");
        assert_int_equal(f->source.loads, i + 1);
    }
    assert_int_equal(cache_counts(f->cache).entries, 0);
    f->source.status = STATUS_OK;
    assert_value(f, "a", "a 6");
}

static void an_old_value_serves_while_the_store_is_out_of_reach(void **state)
{
    struct fixture *f = *state;
    assert_value(f, "a", "a 1");
    pass(LIFE + 20);
    f->source.status = STATUS_UNAVAILABLE;
    assert_value(f, "a", "a 1");
    assert_value(f, "a", "a 1");
    assert_int_equal(f->source.loads, 2); /* the store was left in peace the second time */
    assert_int_equal(cache_counts(f->cache).stale, 2);
}

static void an_old_value_does_not_serve_for_ever(void **state)
{
    struct fixture *f = *state;
    const char *value;
    remake(f, (struct cache_options){.life = LIFE, .stale = LIFE, .bytes = 1 << 20});
    assert_value(f, "a", "a 1");
    pass(2 * LIFE);
    f->source.status = STATUS_UNAVAILABLE;
    assert_error(get(f, "a", &value), STATUS_UNAVAILABLE, &f->error, "said so");
}

static void an_old_value_does_not_hide_other_faults(void **state)
{
    struct fixture *f = *state;
    const char *value;
    assert_value(f, "a", "a 1");
    pass(LIFE + 20);
    f->source.status = STATUS_DENIED;
    assert_error(get(f, "a", &value), STATUS_DENIED, &f->error, "said so");
}

static void dropped_keys_are_loaded_again(void **state)
{
    struct fixture *f = *state;
    const char *value;
    assert_ok(get(f, "a", &value), &f->error);
    cache_drop(f->cache, S("a"));
    cache_drop(f->cache, S("never seen"));
    assert_value(f, "a", "a 2");
    assert_string_equal(value, "a 1"); /* its reader still has it */
}

static void a_drop_while_it_loads_counts(void **state)
{
    struct fixture *f = *state;
    f->source.cache = f->cache;
    f->source.while_loading = cache_drop;
    assert_value(f, "a", "a 1");
    f->source.cache = NULL;
    assert_value(f, "a", "a 2");
    assert_int_equal(cache_counts(f->cache).entries, 1);
}

static void expired_keys_are_asked_for_again(void **state)
{
    struct fixture *f = *state;
    remake(f, (struct cache_options){.life = INT64_MAX, .missing = INT64_MAX, .bytes = 1 << 20});
    assert_value(f, "a", "a 1");
    cache_expire(f->cache, S("a"));
    cache_expire(f->cache, S("never seen"));
    assert_value(f, "a", "a 2");
    assert_value(f, "a", "a 2");
    assert_int_equal(f->source.with_previous, 1);
}

static void an_expired_value_serves_while_the_store_is_out_of_reach(void **state)
{
    struct fixture *f = *state;
    remake(f, (struct cache_options){.life = INT64_MAX, .missing = INT64_MAX, .bytes = 1 << 20});
    assert_value(f, "a", "a 1");
    cache_expire(f->cache, S("a"));
    f->source.status = STATUS_UNAVAILABLE;
    assert_value(f, "a", "a 1");
    f->source.status = STATUS_OK;
    const void *value;
    struct io no_wait = {.arena = f->arena, .no_wait = true};
    assert_ok(cache_get(f->cache, no_wait, S("a"), &value, &f->error), &f->error);
    assert_int_equal(cache_counts(f->cache).stale, 2); /* still expired */
}

static void an_expiry_while_it_loads_counts(void **state)
{
    struct fixture *f = *state;
    f->source.cache = f->cache;
    f->source.while_loading = cache_expire;
    assert_value(f, "a", "a 1");
    f->source.cache = NULL;
    assert_value(f, "a", "a 2");
    assert_value(f, "a", "a 2");
}

static void values_outlive_the_cache(void **state)
{
    struct fixture *f = *state;
    const char *value;
    assert_ok(get(f, "a", &value), &f->error);
    cache_free(f->cache);
    f->cache = NULL;
    assert_string_equal(value, "a 1");
}

static void the_least_recently_used_go_first(void **state)
{
    struct fixture *f = *state;
    const char *a, *ignored;
    f->source.size = 100000;
    remake(f, (struct cache_options){.life = INT64_MAX, .bytes = 350000});
    assert_ok(get(f, "a", &a), &f->error);
    assert_ok(get(f, "b", &ignored), &f->error);
    assert_ok(get(f, "c", &ignored), &f->error);
    assert_value(f, "a", "a 1");
    assert_ok(get(f, "d", &ignored), &f->error);
    assert_true(cache_counts(f->cache).bytes <= 350000);
    assert_int_equal(cache_counts(f->cache).entries, 3);
    assert_value(f, "a", "a 1");
    assert_value(f, "b", "b 5");
}

static void a_value_too_large_to_keep_is_still_handed_out(void **state)
{
    struct fixture *f = *state;
    f->source.size = 400000;
    remake(f, (struct cache_options){.life = INT64_MAX, .bytes = 350000});
    assert_value(f, "a", "a 1");
    assert_int_equal(cache_counts(f->cache).entries, 0);
    assert_int_equal(cache_counts(f->cache).bytes, 0);
}

static void missing_keys_are_bounded_too(void **state)
{
    struct fixture *f = *state;
    const char *value;
    remake(f, (struct cache_options){.life = INT64_MAX, .missing = INT64_MAX, .bytes = 50000});
    f->source.status = STATUS_NOT_FOUND;
    for (int i = 0; i < 1000; i++) get(f, arena_printf(f->arena, "key-%d", i).data, &value);
    assert_true(cache_counts(f->cache).bytes <= 50000);
    assert_true(cache_counts(f->cache).entries > 10);
}

static void no_wait_takes_only_what_is_there(void **state)
{
    struct fixture *f = *state;
    const void *value;
    struct io no_wait = {.arena = f->arena, .no_wait = true};
    assert_error(cache_get(f->cache, no_wait, S("a"), &value, &f->error), STATUS_WOULD_BLOCK, &f->error, "'a'");
    assert_int_equal(f->source.loads, 0);
    assert_value(f, "a", "a 1");
    assert_ok(cache_get(f->cache, no_wait, S("a"), &value, &f->error), &f->error);
    pass(LIFE + 20);
    assert_error(cache_get(f->cache, no_wait, S("a"), &value, &f->error), STATUS_WOULD_BLOCK, &f->error, "'a'");
    assert_int_equal(f->source.loads, 1);
}

/* --- several readers */

struct reader {
    struct fixture *fixture;
    pthread_t thread;
    int64_t patience, took;
    enum status status;
    struct error error;
    char value[32];
};

static _Atomic int readers_that_began;

static void *read_once(void *context)
{
    struct reader *reader = context;
    const void *value;
    int64_t start = clock_monotonic();
    struct io io = {.arena = arena_new(), .deadline = deadline_in(reader->patience)};
    readers_that_began++;
    reader->status = cache_get(reader->fixture->cache, io, S("a"), &value, &reader->error);
    if (reader->status == STATUS_OK) snprintf(reader->value, sizeof reader->value, "%s", (const char *)value);
    reader->took = clock_monotonic() - start;
    arena_free(io.arena);
    return NULL;
}

/* The first one loads, and is held in it. */
static void start_readers(struct fixture *f, struct reader *readers, int64_t patience)
{
    readers_that_began = 0;
    f->source.held = true;
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.fixture = f, .patience = patience};
        pthread_create(&readers[i].thread, NULL, read_once, &readers[i]);
        while (f->source.running == 0) sleep_for(1);
    }
}

static void join_all_but_the_first(struct reader *readers)
{
    for (int i = 1; i < READERS; i++) pthread_join(readers[i].thread, NULL);
}

static void end_load(struct fixture *f, struct reader *readers)
{
    f->source.held = false;
    pthread_join(readers[0].thread, NULL);
}

static void read_together(struct fixture *f, struct reader *readers)
{
    start_readers(f, readers, PATIENCE);
    while (readers_that_began < READERS) sleep_for(1);
    sleep_for(50); /* from there to where they wait for the load */
    end_load(f, readers);
    join_all_but_the_first(readers);
}

static void readers_share_one_load(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    read_together(f, readers);
    assert_int_equal(f->source.loads, 1);
    for (int i = 0; i < READERS; i++) {
        assert_status(readers[i].status, STATUS_OK);
        assert_string_equal(readers[i].value, "a 1");
    }
}

static void readers_share_one_failure(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    f->source.status = STATUS_UNAVAILABLE;
    read_together(f, readers);
    assert_int_equal(f->source.loads, 1);
    for (int i = 0; i < READERS; i++) assert_error(readers[i].status, STATUS_UNAVAILABLE, &readers[i].error, "said so");
    assert_int_equal(cache_counts(f->cache).entries, 0);
}

static void readers_wait_no_longer_than_they_may(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    start_readers(f, readers, 100);
    join_all_but_the_first(readers); /* while the load goes on: without their deadline they would wait for ever */
    assert_int_equal(f->source.running, 1);
    for (int i = 1; i < READERS; i++) {
        assert_error(readers[i].status, STATUS_TIMEOUT, &readers[i].error, "'a'");
        assert_true(readers[i].took >= 100);
    }
    end_load(f, readers);
}

static void a_crowd_leaves_a_load_that_takes_long(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    start_readers(f, readers, PATIENCE);
    while (readers_that_began < READERS) sleep_for(1);
    while (cache_counts(f->cache).refused == 0)
        sleep_for(1); /* while the load goes on: without the bound they would wait as long as they may */
    assert_int_equal(f->source.running, 1);
    end_load(f, readers);
    join_all_but_the_first(readers);
    int waited = 0, refused = 0;
    for (int i = 1; i < READERS; i++) {
        if (readers[i].status == STATUS_OK) waited++;
        if (readers[i].status == STATUS_THROTTLED) refused++;
    }
    assert_int_equal(waited, 4);
    assert_int_equal(refused, 1);
}

static void readers_get_the_old_value_while_it_is_refreshed(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    assert_value(f, "a", "a 1");
    pass(LIFE + 20);
    start_readers(f, readers, PATIENCE);
    join_all_but_the_first(readers);
    assert_int_equal(f->source.running, 1);
    for (int i = 1; i < READERS; i++) assert_string_equal(readers[i].value, "a 1");
    end_load(f, readers);
    assert_string_equal(readers[0].value, "a 2");
    assert_value(f, "a", "a 2");
}

static void *read_much(void *context)
{
    struct fixture *f = context;
    struct error error;
    for (int i = 0; i < 3000; i++) {
        struct io io = {.arena = arena_new(), .deadline = deadline_in(PATIENCE)};
        char key[2] = {(char)('a' + i % 7), 0};
        const void *value = NULL;
        if (cache_get(f->cache, io, str_of(key), &value, &error) == STATUS_OK) assert_memory_equal(value, key, 1);
        if (i % 50 == 0) cache_drop(f->cache, str_of(key));
        arena_free(io.arena);
    }
    return NULL;
}

static void readers_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[READERS];
    f->source.size = 10000;
    remake(f, (struct cache_options){.life = 2, .stale = 50, .missing = 1, .bytes = 80000});
    for (int i = 0; i < READERS; i++) pthread_create(&threads[i], NULL, read_much, f);
    for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    assert_true(cache_counts(f->cache).bytes <= 80000);
}

static void a_hit_loads_nothing_and_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    struct io io = {.arena = arena_new(), .deadline = deadline_in(PATIENCE)};
    const void *value;
    enum { TIMES = 2000 };
    remake(f, (struct cache_options){.life = INT64_MAX, .bytes = 1 << 20});
    for (int i = 0; i <= TIMES; i++) {
        assert_status(cache_get(f->cache, io, S("packages/some.app.of.mine/1.2.3"), &value, &f->error), STATUS_OK);
        arena_reset(io.arena);
    }
    assert_int_equal(f->source.loads, 1);
    struct cache_counts counts = cache_counts(f->cache);
    assert_int_equal(counts.hits, TIMES);
    assert_int_equal(counts.entries, 1);
    arena_free(io.arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int follow_clock(void **state)
{
    struct error error;
    (void)state;
    close(mkstemp(clock_file));
    pass(CLOCK_DAY);
    return clock_follow(clock_file, &error) == STATUS_OK ? 0 : -1;
}

static int remove_clock(void **state)
{
    (void)state;
    return unlink(clock_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_loaded_is_kept),
        TEST(thousands_of_keys_are_told_apart),
        TEST(a_value_is_asked_for_again_after_its_life),
        TEST(what_has_not_changed_lives_on),
        TEST(what_was_read_since_a_request_came_is_new_enough_for_it),
        TEST(what_was_read_in_vain_is_not_new),
        TEST(not_modified_needs_a_value),
        TEST(immutable_values_are_never_asked_for_again),
        TEST(what_is_missing_is_remembered_for_a_while),
        TEST(what_is_missing_is_asked_for_again_where_that_is_wanted),
        TEST(what_is_gone_is_gone),
        TEST(errors_reach_the_caller_and_are_not_remembered),
        TEST(an_old_value_serves_while_the_store_is_out_of_reach),
        TEST(an_old_value_does_not_serve_for_ever),
        TEST(an_old_value_does_not_hide_other_faults),
        TEST(dropped_keys_are_loaded_again),
        TEST(a_drop_while_it_loads_counts),
        TEST(expired_keys_are_asked_for_again),
        TEST(an_expired_value_serves_while_the_store_is_out_of_reach),
        TEST(an_expiry_while_it_loads_counts),
        TEST(values_outlive_the_cache),
        TEST(the_least_recently_used_go_first),
        TEST(a_value_too_large_to_keep_is_still_handed_out),
        TEST(missing_keys_are_bounded_too),
        TEST(no_wait_takes_only_what_is_there),
        TEST(readers_share_one_load),
        TEST(readers_share_one_failure),
        TEST(readers_wait_no_longer_than_they_may),
        TEST(a_crowd_leaves_a_load_that_takes_long),
        TEST(readers_get_the_old_value_while_it_is_refreshed),
        TEST(readers_do_not_disturb_each_other),
        TEST(a_hit_loads_nothing_and_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, follow_clock, remove_clock);
}
