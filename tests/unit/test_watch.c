#include "tests/unit/unit.h"

#include <pty.h>

#include "lib/transfer/watch.h"

struct source {
    struct str rest;
    int closed;
    bool broken;
};

static ssize_t source_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct source *source = context;
    if (source->broken) return error_set(error, STATUS_TIMEOUT, "slow"), -1;
    struct str head = str_first(source->rest, capacity < 2 ? capacity : 2);
    if (head.length > 0) memcpy(buffer, head.data, head.length);
    source->rest = str_from(source->rest, head.length);
    return (ssize_t)head.length;
}

static void source_close(void *context)
{
    ((struct source *)context)->closed++;
}

/* FIPS 180-4's "abc". */
static void counts_and_digests(void **state)
{
    struct source source = {.rest = S("abc")};
    struct progress progress = progress_start("test", 3);
    struct watch *watch = watch_new(*state, (struct stream){source_read, source_close, &source}, &progress);
    struct stream stream = watch_stream(watch);
    struct str all;
    struct error error;
    assert_int_equal(progress.done, 0);
    assert_status(stream_read_all(stream, *state, 100, &all, &error), STATUS_OK);
    assert_str(all, S("abc"));
    assert_int_equal(progress.done, 3);
    assert_str(watch_sha256(watch, *state), S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

static void digests_nothing(void **state)
{
    struct watch *watch = watch_new(*state, stream_of(*state, S("")), NULL);
    char buffer[4];
    struct error error;
    assert_int_equal(stream_read(watch_stream(watch), buffer, 4, &error), 0);
    assert_str(watch_sha256(watch, *state), S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

static void hands_on_what_failed(void **state)
{
    struct source source = {.broken = true};
    struct progress progress = progress_start("test", 3);
    struct watch *watch = watch_new(*state, (struct stream){source_read, source_close, &source}, &progress);
    char buffer[4];
    struct error error;
    assert_int_equal(stream_read(watch_stream(watch), buffer, 4, &error), -1);
    assert_status(error.status, STATUS_TIMEOUT);
    assert_int_equal(progress.done, 0);
}

static void closes_the_inner_stream_once(void **state)
{
    struct source source = {.rest = S("abc")};
    struct watch *watch = watch_new(*state, (struct stream){source_read, source_close, &source}, NULL);
    struct stream stream = watch_stream(watch), again = watch_stream(watch);
    assert_int_equal(source.closed, 0);
    stream_close(&stream);
    stream_close(&stream);
    stream_close(&again);
    assert_int_equal(source.closed, 1);
}

static int saved;

static void set_stderr(int fd)
{
    saved = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
}

static void restore_stderr(void)
{
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
}

/* What a progress of `seconds` ago shows after `bytes` more, on a terminal. */
static struct str shown(struct arena *arena, uint64_t total, uint64_t bytes, int64_t seconds)
{
    int terminal, ours;
    assert_int_equal(openpty(&terminal, &ours, NULL, NULL, NULL), 0);
    set_stderr(ours);
    struct progress progress = progress_start("upload x.apk", total);
    progress.started -= seconds * CLOCK_SECOND;
    progress_add(&progress, bytes);
    progress_end(&progress);
    restore_stderr();
    char *text = arena_alloc(arena, 1024);
    char end = '$';
    assert_int_equal(write(ours, &end, 1), 1);
    size_t length = 0; /* a terminal hands out what is there: the end may come with another read */
    while (length == 0 || text[length - 1] != end) {
        ssize_t count = read(terminal, text + length, 1023 - length);
        assert_true(count > 0);
        length += (size_t)count;
    }
    close(ours);
    close(terminal);
    return str_make(text, length - 1);
}

static void assert_shows(struct str text, struct str words)
{
    if (str_find_str(text, words) == text.length) fail_msg("'" STR_FMT "' does not show '" STR_FMT "'", STR_ARG(text), STR_ARG(words));
}

static void draws_a_bar(void **state)
{
    struct str text = shown(*state, 18000000, 9000000, 1000); /* so long that a slow machine changes no digit */
    assert_shows(text, S("upload x.apk  [============>           ]  50 %  9.0 MB of 18 MB  9.0 kB/s  16:4"));
    assert_true(str_ends(text, S("\r\033[K"))); /* the line is cleared */
    assert_shows(shown(*state, 50000, 50000, 1000), S("100 %  50 kB of 50 kB  50 B/s  0:00 left"));
    assert_shows(shown(*state, 0, 2500000, 1000), S("upload x.apk  2.5 MB  2.5 kB/s"));
}

static void is_silent_for_a_second(void **state)
{
    assert_int_equal(shown(*state, 100, 50, 0).length, 0);
}

static void bears_extremes(void **state)
{
    assert_shows(shown(*state, UINT64_MAX, 1, 100), S("  0 %  1 B of 18446744 TB"));
    assert_shows(shown(*state, 100, 0, 100), S("0 B of 100 B  0 B/s  0:00 left"));
    assert_shows(shown(*state, 100, 5000, 2), S("100 %  100 B of 100 B")); /* more than was announced */
}

static void is_silent_without_a_terminal(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    set_stderr(ends[1]);
    struct progress progress = progress_start("x", 10);
    progress.started -= 10 * CLOCK_SECOND;
    progress_add(&progress, 5);
    progress_end(&progress);
    restore_stderr();
    close(ends[1]);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(counts_and_digests),   test_with_arena(digests_nothing),
        test_with_arena(hands_on_what_failed), test_with_arena(closes_the_inner_stream_once),
        test_with_arena(draws_a_bar),          test_with_arena(is_silent_for_a_second),
        test_with_arena(bears_extremes),       cmocka_unit_test(is_silent_without_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
