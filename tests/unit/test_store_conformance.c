/* What every store must do, whichever it is: run on the one that PAKHUS_TEST_STORE names, else on a directory of its own.
 * PAKHUS_TEST_BESIDE may name another bucket of the same service. */
#include <pthread.h>

#include "lib/store/many.h"
#include "lib/store/store.h"
#include "lib/store/trial.h"
#include "lib/store/wire_internal.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, THREADS = 8, KEYS_MAX = 4096 };

static struct store *store, *beside;
static char directory[] = "/tmp/store-conformance-XXXXXX";
static struct str prefix; /* of this run's keys, without '/' */
static struct arena *arena;
static struct error failure;

static struct io io(void)
{
    return (struct io){.arena = arena, .deadline = deadline_in(TIMEOUT)};
}

static struct str key(const char *name)
{
    return arena_printf(arena, STR_FMT "/%s", STR_ARG(prefix), name);
}

static const struct store_put if_absent = {.condition = STORE_IF_ABSENT};

static int set_up_group(void **state)
{
    (void)state;
    const char *url = getenv("PAKHUS_TEST_STORE");
    char own[64];
    arena = arena_new();
    if (!url && !mkdtemp(directory)) return -1;
    snprintf(own, sizeof own, "file://%s", directory);
    prefix = arena_copy(arena, arena_printf(arena, "run-%ld-%lld", (long)getpid(), (long long)clock_real()));
    prefix = str_make(strdup(prefix.data), prefix.length);
    const char *other = getenv("PAKHUS_TEST_BESIDE") ? getenv("PAKHUS_TEST_BESIDE") : url ? url : own;
    bool opened = store_open(url ? url : own, &store, &failure) == STATUS_OK && store_open(other, &beside, &failure) == STATUS_OK;
    if (opened) return 0;
    print_error("%s\n", failure.text);
    return -1;
}

/* Keys, as a listing gave them. */
struct seen {
    struct store *store;
    size_t count, stop_after;
    struct str *keys;
    uint64_t bytes;
};

static bool note_key(void *context, const struct store_object *object)
{
    struct seen *seen = context;
    assert_true(seen->count < KEYS_MAX);
    assert_true(object->etag.length > 0 && object->modified > 0);
    seen->keys[seen->count++] = arena_copy(arena, object->key);
    seen->bytes += object->size;
    return seen->count != seen->stop_after;
}

static enum status remove_one(void *context, struct io io, size_t number, struct error *error)
{
    const struct seen *seen = context;
    return store_remove(seen->store, io, seen->keys[number], error);
}

/* Several at once: one after the other, that of a thousand takes longer than most tests. */
static void remove_all(struct store *from)
{
    struct seen seen = {.store = from, .keys = arena_array(arena, KEYS_MAX, sizeof *seen.keys)};
    store_list(from, io(), prefix, 0, note_key, &seen, &failure);
    store_many(&(struct store_many){.count = seen.count, .each = remove_one, .context = &seen}, io(), &failure);
}

static int tear_down_group(void **state)
{
    (void)state;
    if (store) remove_all(store);
    if (beside) remove_all(beside);
    store_close(store);
    store_close(beside);
    arena_free(arena);
    free((char *)(uintptr_t)prefix.data);
    scratch_remove(directory);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    arena_reset(arena);
    return 0;
}

/* Bytes that repeat at no power of two. */
static struct str pattern(size_t length)
{
    char *bytes = arena_buffer(arena, length + 1);
    for (size_t i = 0; i < length; i++) bytes[i] = (char)(i * 2654435761U >> 13 ^ i);
    return str_make(bytes, length);
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    struct store_object put, got, head;
    assert_ok(store_put(store, io(), key("a/b"), S("hello"), NULL, &put, &failure), &failure);
    assert_ok(store_get(store, io(), key("a/b"), NULL, &got, &failure), &failure);
    assert_ok(store_head(store, io(), key("a/b"), &head, &failure), &failure);
    assert_str(got.body, S("hello"));
    assert_int_equal(got.size, 5);
    assert_int_equal(put.size, 5);
    assert_int_equal(head.size, 5);
    assert_str(got.etag, put.etag);
    assert_str(head.etag, put.etag);
    assert_str(got.key, key("a/b"));
    assert_true(got.etag.length > 2 && got.etag.data[0] == '"' && str_ends(got.etag, S("\"")));
    assert_in_range(got.modified, clock_real() - CLOCK_DAY, clock_real() + CLOCK_DAY);
    assert_int_equal(got.modified / CLOCK_SECOND, head.modified / CLOCK_SECOND);
}

static void an_empty_object_is_one(void **state)
{
    (void)state;
    struct store_object object;
    assert_ok(store_put(store, io(), key("empty"), S(""), NULL, &object, &failure), &failure);
    assert_ok(store_get(store, io(), key("empty"), NULL, &object, &failure), &failure);
    assert_int_equal(object.size, 0);
    assert_int_equal(object.body.length, 0);
    struct store_get range = {.length = 1};
    assert_error(store_get(store, io(), key("empty"), &range, &object, &failure), STATUS_INVALID, &failure, "");
}

static void every_byte_comes_back(void **state)
{
    (void)state;
    char all[512];
    for (size_t i = 0; i < sizeof all; i++) all[i] = (char)i;
    struct store_object object;
    assert_ok(store_put(store, io(), key("bytes"), str_make(all, sizeof all), NULL, NULL, &failure), &failure);
    assert_ok(store_get(store, io(), key("bytes"), NULL, &object, &failure), &failure);
    assert_str(object.body, str_make(all, sizeof all));
}

static void a_second_put_replaces_the_first(void **state)
{
    (void)state;
    struct store_object first, second, got;
    assert_ok(store_put(store, io(), key("twice"), S("first"), NULL, &first, &failure), &failure);
    assert_ok(store_put(store, io(), key("twice"), S("other"), NULL, &second, &failure), &failure);
    assert_ok(store_get(store, io(), key("twice"), NULL, &got, &failure), &failure);
    assert_str(got.body, S("other"));
    assert_false(str_equal(first.etag, second.etag));
    assert_str(got.etag, second.etag);
}

static void what_is_absent_is_not_found(void **state)
{
    (void)state;
    struct store_object object;
    struct stream stream;
    assert_error(store_get(store, io(), key("absent"), NULL, &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_non_null(strstr(failure.text, "absent"));
    assert_error(store_get(store, io(), key("absent/below"), NULL, &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_error(store_head(store, io(), key("absent"), &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_error(store_stream(store, io(), key("absent"), NULL, &stream, &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_ok(store_put(store, io(), key("leaf"), S("x"), NULL, NULL, &failure), &failure);
    assert_error(store_get(store, io(), key("leaf/below"), NULL, &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_ok(store_put(store, io(), key("folder/leaf"), S("x"), NULL, NULL, &failure), &failure);
    assert_error(store_get(store, io(), key("folder"), NULL, &object, &failure), STATUS_NOT_FOUND, &failure, "");
}

static void if_absent_is_won_once(void **state)
{
    (void)state;
    struct store_object object;
    assert_ok(store_put(store, io(), key("once"), S("first"), &if_absent, &object, &failure), &failure);
    assert_error(store_put(store, io(), key("once"), S("second"), &if_absent, &object, &failure), STATUS_PRECONDITION, &failure, "");
    assert_error(store_put(store, io(), key("once"), S("first"), &if_absent, &object, &failure), STATUS_PRECONDITION, &failure, "");
    assert_ok(store_get(store, io(), key("once"), NULL, &object, &failure), &failure);
    assert_str(object.body, S("first"));
    assert_ok(store_remove(store, io(), key("once"), &failure), &failure);
    assert_ok(store_put(store, io(), key("once"), S("third"), &if_absent, &object, &failure), &failure);
}

static void removing_twice_is_no_fault(void **state)
{
    (void)state;
    struct store_object object;
    assert_ok(store_put(store, io(), key("gone/a/b"), S("x"), NULL, NULL, &failure), &failure);
    assert_ok(store_remove(store, io(), key("gone/a/b"), &failure), &failure);
    assert_error(store_get(store, io(), key("gone/a/b"), NULL, &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_ok(store_remove(store, io(), key("gone/a/b"), &failure), &failure);
    assert_ok(store_remove(store, io(), key("gone/a"), &failure), &failure);
    assert_ok(store_put(store, io(), key("gone/a/b"), S("y"), NULL, NULL, &failure), &failure);
}

static void removing_a_beginning_removes_nothing(void **state)
{
    (void)state;
    struct store_object object;
    assert_ok(store_put(store, io(), key("tree/a"), S("x"), NULL, NULL, &failure), &failure);
    assert_ok(store_remove(store, io(), key("tree"), &failure), &failure);
    assert_ok(store_get(store, io(), key("tree/a"), NULL, &object, &failure), &failure);
}

static void ranges_are_exact(void **state)
{
    (void)state;
    struct str body = pattern(1000);
    struct store_object object;
    assert_ok(store_put(store, io(), key("range"), body, NULL, NULL, &failure), &failure);
    const struct {
        uint64_t offset, length;
    } ranges[] = {{0, 1}, {0, 1000}, {1, 999}, {999, 1}, {500, 100}, {500, 0}, {999, 0}, {0, 0}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct store_get get = {.offset = ranges[i].offset, .length = ranges[i].length};
        assert_ok(store_get(store, io(), key("range"), &get, &object, &failure), &failure);
        size_t length = ranges[i].length ? ranges[i].length : 1000 - ranges[i].offset;
        assert_str(object.body, str_make(body.data + ranges[i].offset, length));
        assert_int_equal(object.size, 1000);
    }
}

static void ranges_beyond_are_refused(void **state)
{
    (void)state;
    struct store_object object;
    struct stream stream;
    assert_ok(store_put(store, io(), key("short"), pattern(1000), NULL, NULL, &failure), &failure);
    const struct {
        uint64_t offset, length;
        enum status status;
    } ranges[] = {
        {1000, 0, STATUS_INVALID}, {1000, 1, STATUS_INVALID},       {1001, 5, STATUS_INVALID},           {999, 2, STATUS_CORRUPT},
        {0, 1001, STATUS_CORRUPT}, {UINT64_MAX, 1, STATUS_INVALID}, {1, UINT64_MAX - 1, STATUS_INVALID}, {INT64_MAX, 0, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct store_get get = {.offset = ranges[i].offset, .length = ranges[i].length};
        assert_error(store_stream(store, io(), key("short"), &get, &stream, &object, &failure), ranges[i].status, &failure, "");
        get.limit = SIZE_MAX;
        assert_error(store_get(store, io(), key("short"), &get, &object, &failure), ranges[i].status, &failure, "");
    }
}

static void limits_hold(void **state)
{
    (void)state;
    struct store_object object;
    assert_ok(store_put(store, io(), key("limited"), pattern(1000), NULL, NULL, &failure), &failure);
    struct store_get get = {.limit = 999};
    assert_error(store_get(store, io(), key("limited"), &get, &object, &failure), STATUS_TOO_LARGE, &failure, "");
    get.limit = 1000;
    assert_ok(store_get(store, io(), key("limited"), &get, &object, &failure), &failure);
    get = (struct store_get){.offset = 1, .limit = 998};
    assert_error(store_get(store, io(), key("limited"), &get, &object, &failure), STATUS_TOO_LARGE, &failure, "");
    get = (struct store_get){.offset = 1, .length = 999, .limit = 998};
    assert_error(store_get(store, io(), key("limited"), &get, &object, &failure), STATUS_TOO_LARGE, &failure, "");
}

static void conditions_on_reads_hold(void **state)
{
    (void)state;
    struct store_object old, new, got;
    struct stream stream;
    assert_ok(store_put(store, io(), key("matched"), S("old"), NULL, &old, &failure), &failure);
    struct store_get if_old = {.if_match = old.etag}, if_not_old = {.if_none_match = old.etag};
    assert_ok(store_get(store, io(), key("matched"), &if_old, &got, &failure), &failure);
    assert_error(store_get(store, io(), key("matched"), &if_not_old, &got, &failure), STATUS_NOT_MODIFIED, &failure, "");
    assert_error(store_stream(store, io(), key("matched"), &if_not_old, &stream, &got, &failure), STATUS_NOT_MODIFIED, &failure, "");
    assert_ok(store_put(store, io(), key("matched"), S("new"), NULL, &new, &failure), &failure);
    assert_error(store_get(store, io(), key("matched"), &if_old, &got, &failure), STATUS_PRECONDITION, &failure, "");
    assert_error(store_stream(store, io(), key("matched"), &if_old, &stream, &got, &failure), STATUS_PRECONDITION, &failure, "");
    assert_ok(store_get(store, io(), key("matched"), &if_not_old, &got, &failure), &failure);
    assert_str(got.body, S("new"));
    struct store_get part = {.offset = 1, .length = 1, .if_match = new.etag};
    assert_ok(store_get(store, io(), key("matched"), &part, &got, &failure), &failure);
    assert_str(got.body, S("e"));
    part.if_match = old.etag;
    assert_error(store_get(store, io(), key("matched"), &part, &got, &failure), STATUS_PRECONDITION, &failure, "");
}

static void keys_with_odd_bytes_work(void **state)
{
    (void)state;
    const char *const odd[] = {"a+b", "a=b", "a@b", "a,b", "_", "-", "...", ".hidden", "a..b", "+", "=", "@", ",", "A.B-C_D+E=F@G,H/9"};
    struct store_object object;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct str name = arena_printf(arena, "odd/%s", odd[i]);
        assert_ok(store_put(store, io(), key(name.data), name, NULL, NULL, &failure), &failure);
        assert_ok(store_get(store, io(), key(name.data), NULL, &object, &failure), &failure);
        assert_str(object.body, name);
        assert_ok(store_head(store, io(), key(name.data), &object, &failure), &failure);
    }
}

static void bad_keys_are_refused(void **state)
{
    (void)state;
    const struct str bad[] = {S(""),       S("/"),    S("/a"),  S("a/"),   S("a//b"),   S("."),        S(".."),
                              S("a/../b"), S("../a"), S("a/."), S("a b"),  S("a\nb"),   S("a\0b"),     S("a%2fb"),
                              S("a\\b"),   S("a?b"),  S("a#b"), S("a~b"),  S("~new/x"), S("\xc3\xa9"), S("a:b"),
                              S("a*"),     S("a&b"),  S("a'b"), S("a\"b"), S("a<b"),    S("a/./b"),    S("a/..")};
    struct store_object object;
    struct stream stream = {0};
    struct str url;
    int64_t until;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_error(store_get(store, io(), bad[i], NULL, &object, &failure), STATUS_INVALID, &failure, "");
        assert_error(store_stream(store, io(), bad[i], NULL, &stream, &object, &failure), STATUS_INVALID, &failure, "");
        assert_error(store_head(store, io(), bad[i], &object, &failure), STATUS_INVALID, &failure, "");
        assert_error(store_put(store, io(), bad[i], S("x"), NULL, NULL, &failure), STATUS_INVALID, &failure, "");
        assert_error(store_upload(store, io(), bad[i], stream, 0, NULL, NULL, &failure), STATUS_INVALID, &failure, "");
        assert_error(store_remove(store, io(), bad[i], &failure), STATUS_INVALID, &failure, "");
        assert_error(store_presign(store, io(), bad[i], CLOCK_HOUR, &url, &until, &failure), STATUS_INVALID, &failure, "");
    }
    char *longest = arena_buffer(arena, 901);
    for (size_t i = 0; i < 901; i++) longest[i] = i % 100 == 99 ? '/' : 'k';
    assert_error(store_put(store, io(), str_make(longest, 901), S("x"), NULL, NULL, &failure), STATUS_INVALID, &failure, "");
}

static void a_key_of_900_bytes_works(void **state)
{
    (void)state;
    char *longest = arena_buffer(arena, 900);
    for (size_t i = 0; i < 900; i++) longest[i] = i % 100 == 99 ? '/' : 'k';
    memcpy(longest, prefix.data, prefix.length);
    longest[prefix.length] = '/';
    longest[899] = 'z';
    struct store_object object;
    assert_ok(store_put(store, io(), str_make(longest, 900), S("x"), NULL, NULL, &failure), &failure);
    assert_ok(store_get(store, io(), str_make(longest, 900), NULL, &object, &failure), &failure);
    assert_ok(store_remove(store, io(), str_make(longest, 900), &failure), &failure);
}

static void nothing_waits_where_it_must_not(void **state)
{
    (void)state;
    struct io no_wait = {.arena = arena, .no_wait = true};
    struct store_object object;
    struct stream stream = {0};
    assert_error(store_get(store, no_wait, key("a"), NULL, &object, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_stream(store, no_wait, key("a"), NULL, &stream, &object, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_head(store, no_wait, key("a"), &object, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_put(store, no_wait, key("a"), S("x"), NULL, NULL, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_upload(store, no_wait, key("a"), stream, 0, NULL, NULL, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_compose(store, no_wait, key("a"), NULL, 0, NULL, NULL, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_remove(store, no_wait, key("a"), &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_list(store, no_wait, key("a"), 0, note_key, NULL, &failure), STATUS_WOULD_BLOCK, &failure, "");
    assert_error(store_probe(store, no_wait, &failure), STATUS_WOULD_BLOCK, &failure, "");
}

/* --- listing */

static struct seen list(struct str start, size_t limit, size_t stop_after)
{
    struct seen seen = {.stop_after = stop_after, .keys = arena_array(arena, KEYS_MAX, sizeof *seen.keys)};
    assert_ok(store_list(store, io(), start, limit, note_key, &seen, &failure), &failure);
    for (size_t i = 1; i < seen.count; i++) assert_true(str_compare(seen.keys[i - 1], seen.keys[i]) < 0);
    return seen;
}

static void listings_are_in_byte_order(void **state)
{
    (void)state;
    /* In the order of bytes '+' ',' '-' '.' come before '/', digits and letters behind it. */
    const char *const names[] = {"list/a+",    "list/a,b", "list/a-b", "list/a.b", "list/a/+", "list/a/b.c/d",
                                 "list/a/b/c", "list/a0",  "list/a=",  "list/aA",  "list/a_",  "list/b"};
    const size_t count = sizeof names / sizeof *names;
    for (size_t i = count; i-- > 0;) assert_ok(store_put(store, io(), key(names[i]), S("xy"), NULL, NULL, &failure), &failure);
    struct seen seen = list(key("list/"), 0, 0);
    assert_int_equal(seen.count, count);
    for (size_t i = 0; i < count; i++) assert_str(seen.keys[i], key(names[i]));
    assert_int_equal(seen.bytes, 2 * count);

    assert_int_equal(list(key("list/a/"), 0, 0).count, 3);
    assert_int_equal(list(key("list/a"), 0, 0).count, count - 1);
    assert_int_equal(list(key("list/b"), 0, 0).count, 1);
    assert_int_equal(list(key("list/b/"), 0, 0).count, 0);
    assert_int_equal(list(key("list/c"), 0, 0).count, 0);
    assert_int_equal(list(key("nowhere/"), 0, 0).count, 0);
    assert_int_equal(list(key("list/"), 3, 0).count, 3);
    assert_int_equal(list(key("list/"), 1, 0).count, 1);
    assert_int_equal(list(key("list/"), 0, 5).count, 5);
    assert_str(list(key("list/"), 1, 0).keys[0], key(names[0]));
}

static void bad_prefixes_are_refused(void **state)
{
    (void)state;
    const struct str bad[] = {S("/"), S("../"), S("a/../"), S("a//"), S("a b"), S("./"), S("~new/")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(store_list(store, io(), bad[i], 0, note_key, NULL, &failure), STATUS_INVALID, &failure, "");
}

struct many {
    size_t first, count;
    bool failed;
};

static void *put_many(void *context)
{
    struct many *many = context;
    struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
    struct error error;
    for (size_t i = 0; i < many->count; i++) {
        struct str name = arena_printf(own.arena, STR_FMT "/many/%04zu", STR_ARG(prefix), many->first + i);
        if (store_put(store, own, name, S("x"), NULL, NULL, &error) != STATUS_OK) many->failed = true;
    }
    arena_free(own.arena);
    return NULL;
}

static void listings_go_over_pages(void **state)
{
    (void)state;
    enum { EACH = 126, ALL = EACH * THREADS };
    pthread_t threads[THREADS];
    struct many many[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        many[i] = (struct many){i * EACH, EACH, false};
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &many[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) assert_false(many[i].failed);
    struct seen seen = list(key("many/"), 0, 0);
    assert_int_equal(seen.count, ALL);
    for (size_t i = 0; i < ALL; i++) assert_str(seen.keys[i], key(arena_printf(arena, "many/%04zu", i).data));
    assert_int_equal(list(key("many/"), 1001, 0).count, 1001);
    assert_int_equal(list(key("many/"), 1000, 0).count, 1000);
    assert_int_equal(list(key("many/09"), 0, 0).count, 100);
}

/* --- streams */

/* A stream of `left` bytes of a pattern, that fails at `fail_at`. */
struct source {
    uint64_t at, size, fail_at;
    size_t piece;
};

static char byte_at(uint64_t offset)
{
    return (char)(offset * 2654435761U >> 16 ^ offset);
}

static ssize_t source_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct source *source = context;
    char *bytes = buffer;
    if (source->at >= source->fail_at) {
        error_set(error, STATUS_UNAVAILABLE, "the source broke");
        return -1;
    }
    size_t count = capacity < source->piece ? capacity : source->piece;
    if (count > source->size - source->at) count = (size_t)(source->size - source->at);
    for (size_t i = 0; i < count; i++) bytes[i] = byte_at(source->at + i);
    source->at += count;
    return (ssize_t)count;
}

static struct stream stream_from(struct source *source)
{
    if (source->fail_at == 0) source->fail_at = UINT64_MAX;
    if (source->piece == 0) source->piece = 100003;
    return (struct stream){source_read, NULL, source};
}

static void assert_stream(struct stream stream, uint64_t offset, uint64_t length)
{
    char buffer[77777];
    uint64_t at = offset;
    for (;;) {
        ssize_t count = stream_read(stream, buffer, sizeof buffer, &failure);
        if (count < 0) fail_msg("%s", failure.text);
        if (count == 0) break;
        for (ssize_t i = 0; i < count; i++)
            if (buffer[i] != byte_at(at + (uint64_t)i)) fail_msg("byte %llu differs", (unsigned long long)at + (unsigned long long)i);
        at += (uint64_t)count;
    }
    assert_int_equal(at - offset, length);
    assert_int_equal(stream_read(stream, buffer, sizeof buffer, &failure), 0);
}

static void upload_and_compare(const char *name, uint64_t size, uint64_t announced, size_t piece)
{
    struct source source = {.size = size, .piece = piece};
    struct store_object put, got;
    struct stream stream;
    assert_ok(store_upload(store, io(), key(name), stream_from(&source), announced, NULL, &put, &failure), &failure);
    assert_int_equal(put.size, size);
    assert_ok(store_stream(store, io(), key(name), NULL, &stream, &got, &failure), &failure);
    assert_int_equal(got.size, size);
    assert_str(got.etag, put.etag);
    assert_stream(stream, 0, size);
    stream_close(&stream);
    if (size < 100) return;
    struct store_get middle = {.offset = size / 3, .length = size / 2, .if_match = put.etag};
    assert_ok(store_stream(store, io(), key(name), &middle, &stream, &got, &failure), &failure);
    assert_int_equal(got.size, size);
    assert_stream(stream, size / 3, size / 2);
    stream_close(&stream);
}

static void uploads_of_every_size_come_back(void **state)
{
    (void)state;
    const uint64_t PART = 8 << 20;
    upload_and_compare("upload/0", 0, 0, 0);
    upload_and_compare("upload/1", 1, UINT64_MAX, 0);
    upload_and_compare("upload/1000", 100000, 100000, 999);
    upload_and_compare("upload/part-1", PART - 1, PART - 1, 0);
    upload_and_compare("upload/part", PART, PART, 0);
    upload_and_compare("upload/part+1", PART + 1, UINT64_MAX, 0);
    upload_and_compare("upload/2parts", 2 * PART, 2 * PART, 1 << 20);
}

static void an_upload_of_60_mebibytes_comes_back(void **state)
{
    (void)state;
    upload_and_compare("upload/large", (60 << 20) + 12345, UINT64_MAX, 0);
}

static void a_failed_upload_leaves_nothing(void **state)
{
    (void)state;
    struct store_object object;
    const uint64_t sizes[] = {1000, 20 << 20};
    for (size_t i = 0; i < 2; i++) {
        struct source broken = {.size = sizes[i], .fail_at = sizes[i] / 2, .piece = 500};
        assert_error(store_upload(store, io(), key("broken"), stream_from(&broken), sizes[i], NULL, NULL, &failure), STATUS_UNAVAILABLE,
                     &failure, "");
        struct source shorter = {.size = sizes[i] - 1};
        assert_error(store_upload(store, io(), key("broken"), stream_from(&shorter), sizes[i], NULL, NULL, &failure), STATUS_CORRUPT,
                     &failure, "");
        struct source longer = {.size = sizes[i] + 1};
        assert_error(store_upload(store, io(), key("broken"), stream_from(&longer), sizes[i], NULL, NULL, &failure), STATUS_CORRUPT,
                     &failure, "");
        assert_error(store_head(store, io(), key("broken"), &object, &failure), STATUS_NOT_FOUND, &failure, "");
    }
    assert_int_equal(list(key("broken"), 0, 0).count, 0);
}

/* Where parts are sent at all: three of them came, and only the rest is sent the next time. */
static void an_upload_that_was_cut_off_is_taken_up(void **state)
{
    (void)state;
    const uint64_t PART = 8 << 20, size = 4 * PART + 77;
    const struct store_put resume = {.resume = true};
    struct source broken = {.size = size, .fail_at = 3 * PART + 5, .piece = 500000}, whole = {.size = size},
                  other = {.at = 1, .size = size + 1};
    struct store_object object;
    struct stream stream;
    assert_error(store_upload(store, io(), key("resumed"), stream_from(&broken), size, &resume, NULL, &failure), STATUS_UNAVAILABLE,
                 &failure, "broke");
    assert_error(store_head(store, io(), key("resumed"), &object, &failure), STATUS_NOT_FOUND, &failure, "");
    uint64_t before = store_counts(store).bytes_out;
    assert_ok(store_upload(store, io(), key("resumed"), stream_from(&whole), size, &resume, &object, &failure), &failure);
    if (store_abilities(store)->resumes) assert_true(store_counts(store).bytes_out - before < 2 * PART);
    assert_ok(store_stream(store, io(), key("resumed"), NULL, &stream, &object, &failure), &failure);
    assert_stream(stream, 0, size);
    stream_close(&stream);
    broken = (struct source){.size = size, .fail_at = 3 * PART + 5};
    store_upload(store, io(), key("resumed"), stream_from(&broken), size, &resume, NULL, &failure);
    assert_ok(store_upload(store, io(), key("resumed"), stream_from(&other), size, &resume, &object, &failure), &failure);
    char first;
    assert_ok(store_get(store, io(), key("resumed"), &(struct store_get){.length = 1}, &object, &failure), &failure);
    first = object.body.data[0];
    assert_int_equal(first, byte_at(1)); /* other bytes are other parts */
}

static void an_upload_if_absent_keeps_what_is_there(void **state)
{
    (void)state;
    struct store_object object;
    const uint64_t sizes[] = {1000, 9 << 20};
    assert_ok(store_put(store, io(), key("kept"), S("kept"), NULL, NULL, &failure), &failure);
    for (size_t i = 0; i < 2; i++) {
        struct source source = {.size = sizes[i]};
        assert_error(store_upload(store, io(), key("kept"), stream_from(&source), sizes[i], &if_absent, NULL, &failure),
                     STATUS_PRECONDITION, &failure, "");
        struct source again = {.size = sizes[i]};
        struct str fresh = arena_printf(arena, "fresh-%zu", i);
        assert_ok(store_upload(store, io(), key(fresh.data), stream_from(&again), sizes[i], &if_absent, NULL, &failure), &failure);
    }
    assert_ok(store_get(store, io(), key("kept"), NULL, &object, &failure), &failure);
    assert_str(object.body, S("kept"));
}

/* --- objects that are made of others */

static struct store_piece piece_of(const char *name, uint64_t offset, uint64_t length)
{
    return (struct store_piece){.key = key(name), .offset = offset, .length = length};
}

static struct store_piece piece_with(struct str bytes)
{
    return (struct store_piece){.bytes = bytes};
}

static void assert_range(const char *name, uint64_t offset, uint64_t length, uint64_t pattern_at)
{
    struct store_get get = {.offset = offset, .length = length};
    struct store_object object;
    struct stream stream;
    assert_ok(store_stream(store, io(), key(name), &get, &stream, &object, &failure), &failure);
    assert_stream(stream, pattern_at, length);
    stream_close(&stream);
}

static void pieces_are_joined(void **state)
{
    (void)state;
    assert_ok(store_put(store, io(), key("from/one"), S("0123456789"), NULL, NULL, &failure), &failure);
    assert_ok(store_put(store, io(), key("from/t+o"), S("abcdef"), NULL, NULL, &failure), &failure);
    assert_ok(store_put(store, io(), key("from/none"), S(""), NULL, NULL, &failure), &failure);
    const struct store_piece pieces[] = {piece_with(S("<")),         piece_of("from/one", 2, 3),  piece_with(S("")),
                                         piece_of("from/t+o", 0, 0), piece_of("from/none", 0, 0), piece_of("from/one", 10, 0),
                                         piece_of("from/t+o", 5, 0), piece_with(S(">"))};
    struct store_object put, got;
    struct stream stream;
    struct str streamed;
    uint64_t size;
    const size_t count = sizeof pieces / sizeof *pieces;
    assert_ok(store_compose(store, io(), key("joined"), pieces, count, NULL, &put, &failure), &failure);
    assert_ok(store_get(store, io(), key("joined"), NULL, &got, &failure), &failure);
    assert_str(got.body, S("<234abcdeff>"));
    assert_int_equal(put.size, 12);
    assert_str(put.etag, got.etag);
    assert_ok(store_stream_pieces(store, io(), pieces, count, &stream, &size, &failure), &failure);
    assert_ok(stream_read_all(stream, arena, 100, &streamed, &failure), &failure);
    stream_close(&stream);
    assert_str(streamed, S("<234abcdeff>"));
    assert_int_equal(size, 12);
    assert_ok(store_compose(store, io(), key("joined"), pieces, 0, NULL, &put, &failure), &failure);
    assert_ok(store_get(store, io(), key("joined"), NULL, &got, &failure), &failure);
    assert_int_equal(got.size, 0);
}

/* Seams at every place that matters to parts of 8 MiB: within one, at its border, close to the end. */
static void large_objects_are_joined_in_the_store(void **state)
{
    (void)state;
    const uint64_t PART = 8 << 20, whole = 5 * PART + 4321;
    const struct {
        uint64_t first, skipped;
        size_t own;
    } cases[] = {{12 << 20, 0, 5000}, {2 * PART, 100, 1}, {4 * PART - 1, PART, 4096}, {whole - 10, 0, 3 * PART}, {0, 1, 10}};
    struct source source = {.size = whole};
    assert_ok(store_upload(store, io(), key("large/from"), stream_from(&source), whole, NULL, NULL, &failure), &failure);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint64_t rest = cases[i].first + cases[i].skipped;
        const struct store_piece pieces[] = {piece_of("large/from", 0, cases[i].first), piece_with(pattern(cases[i].own)),
                                             piece_of("large/from", rest, 0), piece_with(S("the end"))};
        const bool no_first = cases[i].first == 0; /* as a length it would mean all */
        struct store_object object;
        struct store_counts before = store_counts(store);
        assert_ok(store_compose(store, io(), key("large/to"), pieces + no_first, 4 - no_first, NULL, &object, &failure), &failure);
        struct store_counts after = store_counts(store);
        assert_int_equal(object.size, cases[i].first + cases[i].own + whole - rest + 7);
        if (store_abilities(store)->copies) {
            assert_true(after.bytes_in - before.bytes_in <= 3 * PART);
            assert_true(after.bytes_out - before.bytes_out <= cases[i].own + 3 * PART);
        }
        if (!no_first) assert_range("large/to", 0, cases[i].first, 0);
        struct store_get own = {.offset = cases[i].first, .length = cases[i].own, .limit = SIZE_MAX};
        assert_ok(store_get(store, io(), key("large/to"), &own, &object, &failure), &failure);
        assert_str(object.body, pieces[1].bytes);
        assert_range("large/to", cases[i].first + cases[i].own, whole - rest, rest);
        struct store_get end = {.offset = object.size - 7};
        assert_ok(store_get(store, io(), key("large/to"), &end, &object, &failure), &failure);
        assert_str(object.body, S("the end"));
        arena_reset(arena);
    }
}

static void one_piece_is_a_copy(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, 1, 9 << 20, 16 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct source source = {.size = sizes[i]};
        struct store_object from, object;
        assert_ok(store_upload(store, io(), key("copy/from"), stream_from(&source), sizes[i], NULL, &from, &failure), &failure);
        struct store_piece all = piece_of("copy/from", 0, 0);
        all.if_match = from.etag;
        assert_ok(store_compose(store, io(), key("copy/to"), &all, 1, NULL, &object, &failure), &failure);
        assert_int_equal(object.size, sizes[i]);
        if (sizes[i] > 0) assert_range("copy/to", 0, sizes[i], 0);
        assert_error(store_compose(store, io(), key("copy/to"), &all, 1, &if_absent, &object, &failure), STATUS_PRECONDITION, &failure, "");
    }
    const struct store_piece twice[] = {piece_of("copy/to", 0, 10), piece_of("copy/to", 0, 10)};
    assert_ok(store_compose(store, io(), key("copy/to"), twice, 2, NULL, NULL, &failure),
              &failure); /* an object may become part of itself */
    assert_range("copy/to", 0, 10, 0);
    assert_range("copy/to", 10, 10, 0);
    assert_ok(store_compose(store, io(), key("copy/fresh"), twice, 1, &if_absent, NULL, &failure), &failure);
    assert_range("copy/fresh", 0, 10, 0);
}

/* What is not copied passes through: as much of it as a part, and as little as words. */
static void assert_copied_from_beside(const struct store_piece *pieces, size_t count, uint64_t most, struct store_object *object)
{
    const struct store_counts to = store_counts(store), from = store_counts(beside);
    assert_ok(store_compose(store, io(), key("there"), pieces, count, NULL, object, &failure), &failure);
    assert_true(store_counts(store).bytes_out - to.bytes_out <= most && store_counts(beside).bytes_in - from.bytes_in <= most);
}

static void what_is_in_another_store_of_the_service_is_copied(void **state)
{
    (void)state;
    const uint64_t PART = 8 << 20, sizes[] = {1, PART - 1, PART, 2 * PART + 4321};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct source source = {.size = sizes[i]};
        struct store_object from, object;
        assert_ok(store_upload(beside, io(), key("here"), stream_from(&source), sizes[i], NULL, &from, &failure), &failure);
        const struct store_piece all = {.store = beside, .key = key("here"), .if_match = from.etag};
        assert_int_equal(store_copies_from(store, io(), beside), store_abilities(store)->copies_between);
        if (!store_abilities(store)->copies_between) {
            assert_error(store_compose(store, io(), key("there"), &all, 1, NULL, &object, &failure), STATUS_UNSUPPORTED, &failure,
                         "copy from");
            return;
        }
        assert_copied_from_beside(&all, 1, 10000, &object);
        assert_str(object.etag, from.etag);
        assert_int_equal(object.size, sizes[i]);
        assert_range("there", 0, sizes[i], 0);
        if (sizes[i] < 2 * PART) continue;
        const struct store_piece pieces[] = {{.store = beside, .key = all.key, .length = 2 * PART}, piece_with(S("our own")), all};
        assert_copied_from_beside(pieces, 3, 2 * PART, &object);
        assert_range("there", 0, 2 * PART, 0);
        assert_range("there", 2 * PART + 7, sizes[i], 0);
    }
    struct store_piece other = {.store = beside, .key = key("here"), .if_match = S("\"other\"")};
    assert_error(store_compose(store, io(), key("never"), &other, 1, NULL, NULL, &failure), STATUS_CORRUPT, &failure, "");
}

static void pieces_that_are_not_there_are_refused(void **state)
{
    (void)state;
    struct store_object object;
    struct stream stream;
    uint64_t size;
    assert_ok(store_put(store, io(), key("piece"), S("0123456789"), NULL, &object, &failure), &failure);
    struct store_piece changed = piece_of("piece", 0, 0);
    changed.if_match = object.etag;
    assert_ok(store_put(store, io(), key("piece"), S("abcdefghij"), NULL, &object, &failure), &failure);
    const struct {
        struct store_piece piece;
        enum status status;
    } cases[] = {
        {changed, STATUS_CORRUPT},
        {piece_of("no-such", 0, 0), STATUS_NOT_FOUND},
        {piece_of("piece", 11, 0), STATUS_INVALID},
        {piece_of("piece", 0, 11), STATUS_INVALID},
        {piece_of("piece", UINT64_MAX, 2), STATUS_INVALID},
        {{.key = S("../x")}, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct store_piece pieces[] = {piece_with(S("x")), cases[i].piece};
        assert_error(store_compose(store, io(), key("never"), pieces, 2, NULL, NULL, &failure), cases[i].status, &failure, "");
        assert_error(store_stream_pieces(store, io(), pieces, 2, &stream, &size, &failure), cases[i].status, &failure, "");
    }
    assert_error(store_head(store, io(), key("never"), &object, &failure), STATUS_NOT_FOUND, &failure, "");
    assert_error(store_compose(store, io(), S("/a"), NULL, 0, NULL, NULL, &failure), STATUS_INVALID, &failure, "");
}

static void a_stream_may_be_left_unread(void **state)
{
    (void)state;
    struct store_object object;
    struct stream stream;
    char buffer[100];
    assert_ok(store_put(store, io(), key("unread"), pattern(3 << 20), NULL, NULL, &failure), &failure);
    for (int i = 0; i < 5; i++) {
        assert_ok(store_stream(store, io(), key("unread"), NULL, &stream, &object, &failure), &failure);
        if (i % 2) assert_true(stream_read(stream, buffer, sizeof buffer, &failure) > 0);
        stream_close(&stream);
    }
    assert_ok(store_head(store, io(), key("unread"), &object, &failure), &failure);
}

static void a_stream_outlives_its_call(void **state)
{
    (void)state;
    struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
    struct source source = {.size = 2 << 20};
    struct store_object object;
    struct stream stream;
    assert_ok(store_upload(store, io(), key("outlive"), stream_from(&source), UINT64_MAX, NULL, NULL, &failure), &failure);
    assert_ok(store_stream(store, own, key("outlive"), NULL, &stream, &object, &failure), &failure);
    arena_free(own.arena);
    assert_stream(stream, 0, 2 << 20);
    stream_close(&stream);
}

/* --- concurrency */

struct race {
    const char *name;
    char id;
    int won, lost, failed;
};

static void *race_for_keys(void *context)
{
    struct race *race = context;
    struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
    struct error error;
    for (int i = 0; i < 30; i++) {
        struct str name = arena_printf(own.arena, STR_FMT "/race/%d", STR_ARG(prefix), i);
        enum status status = store_put(store, own, name, str_make(&race->id, 1), &if_absent, NULL, &error);
        race->won += status == STATUS_OK;
        race->lost += status == STATUS_PRECONDITION;
        race->failed += status != STATUS_OK && status != STATUS_PRECONDITION;
    }
    arena_free(own.arena);
    return NULL;
}

static void of_many_writers_one_wins(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct race races[THREADS];
    int won = 0, counted[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        races[i] = (struct race){.id = (char)('a' + i)};
        pthread_create(&threads[i], NULL, race_for_keys, &races[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += races[i].won;
    }
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(races[i].failed, 0);
    assert_int_equal(won, 30);
    for (int i = 0; i < 30; i++) {
        struct store_object object;
        assert_ok(store_get(store, io(), key(arena_printf(arena, "race/%d", i).data), NULL, &object, &failure), &failure);
        counted[object.body.data[0] - 'a']++;
    }
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(counted[i], races[i].won);
}

static _Atomic bool stop_reading;

static void *read_whole_objects(void *context)
{
    size_t *torn = context;
    struct error error;
    while (!stop_reading) {
        struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
        struct store_object object;
        struct str name = arena_printf(own.arena, STR_FMT "/torn/x", STR_ARG(prefix));
        enum status status = store_get(store, own, name, NULL, &object, &error);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) (*torn)++;
        for (size_t i = 1; status == STATUS_OK && i < object.body.length; i++) *torn += object.body.data[i] != object.body.data[0];
        arena_free(own.arena);
    }
    return NULL;
}

static void readers_see_whole_objects_while_they_are_replaced(void **state)
{
    (void)state;
    pthread_t threads[3];
    size_t torn[3] = {0};
    char *body = arena_buffer(arena, 300000);
    stop_reading = false;
    for (size_t i = 0; i < 3; i++) pthread_create(&threads[i], NULL, read_whole_objects, &torn[i]);
    for (int i = 0; i < 60; i++) {
        size_t length = 1000 + (size_t)(i * 4999);
        memset(body, 'a' + i % 26, length);
        assert_ok(store_put(store, io(), key("torn/x"), str_make(body, length), NULL, NULL, &failure), &failure);
        if (i % 10 == 9) assert_ok(store_remove(store, io(), key("torn/x"), &failure), &failure);
    }
    stop_reading = true;
    for (size_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 3; i++) assert_int_equal(torn[i], 0);
}

/* --- the rest */

static void put_if_absent_is_honoured(void **state)
{
    (void)state;
    assert_ok(store_probe(store, io(), &failure), &failure);
    assert_ok(store_probe(store, io(), &failure), &failure);
    assert_int_equal(list(S("probe/"), 0, 0).count, store_abilities(store)->cheap_metadata ? 0 : 1); /* the outcome is kept for a day */
    assert_ok(store_remove(store, io(), S("probe/checked.json"), &failure), &failure);
}

static void counters_grow(void **state)
{
    (void)state;
    struct store_counts before = store_counts(store);
    struct store_object object;
    assert_ok(store_put(store, io(), key("counted"), pattern(5000), NULL, NULL, &failure), &failure);
    assert_ok(store_get(store, io(), key("counted"), NULL, &object, &failure), &failure);
    struct store_counts after = store_counts(store);
    assert_true(after.requests >= before.requests + 2);
    assert_true(after.bytes_in >= before.bytes_in + 5000);
    assert_true(after.bytes_out >= before.bytes_out + 5000);
    assert_int_equal(after.failures, before.failures);
}

/* The status of a GET without credentials, with that Range or none. */
static int status_of_get(struct str url, struct str range)
{
    struct store_counters counters = {0};
    struct wire *wire = wire_new(&counters);
    const struct store_pair header = {S("range"), range};
    struct wire_request request = {.method = "GET", .url = url, .headers = &header, .header_count = range.length > 0, .direct = true};
    struct wire_answer answer;
    assert_ok(wire_begin(wire, io(), &request, &answer, &failure), &failure);
    wire_end(answer.call);
    wire_free(wire);
    return answer.status;
}

static void presigned_urls_give_one_range(void **state)
{
    (void)state;
    static const char *const signed_for[] = {"bytes=0-2", "bytes=3-", "bytes=-4", "bytes=2-999999999999999999"};
    if (!store_abilities(store)->binds_ranges) return;
    assert_ok(store_put(store, io(), key("bound"), S("0123456789"), NULL, NULL, &failure), &failure);
    for (size_t i = 0; i < sizeof signed_for / sizeof *signed_for; i++) {
        struct str url;
        int64_t until;
        assert_ok(store_presign_range(store, io(), key("bound"), str_of(signed_for[i]), CLOCK_HOUR, &url, &until, &failure), &failure);
        bool is_past_end = i == 3 && !store_abilities(store)->clamps_ranges;
        assert_int_equal(status_of_get(url, str_of(signed_for[i])), is_past_end ? 200 : 206);
        assert_in_range(status_of_get(url, S("bytes=0-3")), 400, 499);
        assert_in_range(status_of_get(url, S("")), 400, 499);
    }
}

/* The body of an answer to a GET without credentials, which must be 200. */
static struct str fetch(struct str url)
{
    struct store_counters counters = {0};
    struct wire *wire = wire_new(&counters);
    struct wire_request request = {.method = "GET", .url = url, .direct = true};
    struct wire_answer answer;
    struct buf body = buf_in(arena, 100000);
    assert_ok(wire_begin(wire, io(), &request, &answer, &failure), &failure);
    assert_ok(wire_read(&answer, io().deadline, &body, &failure), &failure);
    wire_end(answer.call);
    wire_free(wire);
    if (answer.status != 200) fail_msg("status %d: " STR_FMT, answer.status, STR_ARG(buf_str(&body)));
    return buf_str(&body);
}

static void urls_are_presigned_or_refused(void **state)
{
    (void)state;
    struct str one, two;
    int64_t until;
    struct io no_wait = {.arena = arena, .no_wait = true};
    if (!store_abilities(store)->presigns) {
        assert_error(store_presign(store, io(), key("x"), CLOCK_HOUR, &one, &until, &failure), STATUS_UNSUPPORTED, &failure, "");
        return;
    }
    assert_ok(store_presign(store, io(), key("x+y"), CLOCK_HOUR, &one, &until, &failure), &failure);
    assert_ok(store_presign(store, no_wait, key("x+y"), CLOCK_HOUR, &two, &until, &failure), &failure);
    assert_str(one, two);
    assert_in_range(until, clock_real() + CLOCK_HOUR - CLOCK_SECOND, clock_real() + INT64_C(2) * CLOCK_HOUR);
    assert_ok(store_put(store, io(), key("x+y"), S("what the bearer gets"), NULL, NULL, &failure), &failure);
    assert_str(fetch(one), S("what the bearer gets"));
    assert_ok(store_presign(store, io(), key("x+z"), CLOCK_HOUR, &two, &until, &failure), &failure);
    assert_false(str_equal(one, two));
    assert_error(store_presign(store, io(), key("x"), 0, &one, &until, &failure), STATUS_INVALID, &failure, "");
    assert_error(store_presign(store, io(), key("x"), INT64_C(8) * CLOCK_DAY, &one, &until, &failure), STATUS_INVALID, &failure, "");
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_got),
        TEST(an_empty_object_is_one),
        TEST(every_byte_comes_back),
        TEST(a_second_put_replaces_the_first),
        TEST(what_is_absent_is_not_found),
        TEST(if_absent_is_won_once),
        TEST(removing_twice_is_no_fault),
        TEST(removing_a_beginning_removes_nothing),
        TEST(ranges_are_exact),
        TEST(ranges_beyond_are_refused),
        TEST(limits_hold),
        TEST(conditions_on_reads_hold),
        TEST(keys_with_odd_bytes_work),
        TEST(bad_keys_are_refused),
        TEST(a_key_of_900_bytes_works),
        TEST(nothing_waits_where_it_must_not),
        TEST(listings_are_in_byte_order),
        TEST(bad_prefixes_are_refused),
        TEST(listings_go_over_pages),
        TEST(uploads_of_every_size_come_back),
        TEST(an_upload_of_60_mebibytes_comes_back),
        TEST(a_failed_upload_leaves_nothing),
        TEST(an_upload_that_was_cut_off_is_taken_up),
        TEST(an_upload_if_absent_keeps_what_is_there),
        TEST(pieces_are_joined),
        TEST(large_objects_are_joined_in_the_store),
        TEST(one_piece_is_a_copy),
        TEST(what_is_in_another_store_of_the_service_is_copied),
        TEST(pieces_that_are_not_there_are_refused),
        TEST(a_stream_may_be_left_unread),
        TEST(a_stream_outlives_its_call),
        TEST(of_many_writers_one_wins),
        TEST(readers_see_whole_objects_while_they_are_replaced),
        TEST(put_if_absent_is_honoured),
        TEST(counters_grow),
        TEST(urls_are_presigned_or_refused),
        TEST(presigned_urls_give_one_range),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
