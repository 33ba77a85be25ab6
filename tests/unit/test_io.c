#include <fcntl.h>

#include "tests/unit/unit.h"

#include "base/io.h"

/* A source that gives `step` bytes at a time, and fails after `until`. */
struct source {
    struct str rest;
    size_t step, until, given;
    int closed;
};

static ssize_t source_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct source *source = context;
    if (source->given >= source->until) return error_set(error, STATUS_UNAVAILABLE, "broken"), -1;
    struct str head = str_first(str_first(source->rest, source->step), capacity);
    if (head.length > 0) memcpy(buffer, head.data, head.length);
    source->rest = str_from(source->rest, head.length);
    source->given += head.length;
    return (ssize_t)head.length;
}

static void source_close(void *context)
{
    ((struct source *)context)->closed++;
}

static struct stream stream_over(struct source *source)
{
    return (struct stream){source_read, source_close, source};
}

static void fills_the_whole_buffer(void **state)
{
    (void)state;
    char buffer[8] = {0};
    struct error error = {0};
    struct source source = {.rest = S("abcdefgh"), .step = 3, .until = 100};
    assert_status(stream_read_exact(stream_over(&source), buffer, 7, &error), STATUS_OK);
    assert_memory_equal(buffer, "abcdefg", 8);
    assert_str(source.rest, S("h")); /* and takes no more than that */
    assert_status(stream_read_exact(stream_over(&source), NULL, 0, &error), STATUS_OK);
    assert_string_equal(error.text, "");
    assert_status(stream_read_exact(stream_over(&source), buffer, 2, &error), STATUS_CORRUPT);
    assert_status(error.status, STATUS_CORRUPT);
    assert_says(&error, "1 of 2 bytes");
}

static void hands_on_what_failed(void **state)
{
    char buffer[8];
    struct error error;
    struct str all = S("left alone");
    struct source source = {.rest = S("abcdefgh"), .step = 3, .until = 6};
    assert_status(stream_read_exact(stream_over(&source), buffer, 8, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.text, "broken");
    source = (struct source){.rest = S("abcdefgh"), .step = 3, .until = 6};
    assert_status(stream_read_all(stream_over(&source), *state, 100, &all, &error), STATUS_UNAVAILABLE);
    assert_str(all, S("left alone"));
}

static void reads_all_up_to_a_limit(void **state)
{
    struct arena *arena = *state;
    struct str text = arena_printf(arena, "%040000d", 7), all;
    struct error error;
    struct source source = {.rest = text, .step = 7000, .until = SIZE_MAX};
    assert_status(stream_read_all(stream_over(&source), arena, 40000, &all, &error), STATUS_OK);
    assert_str(all, text);
    source = (struct source){.rest = text, .step = 7000, .until = SIZE_MAX};
    assert_status(stream_read_all(stream_over(&source), arena, 39999, &all, &error), STATUS_TOO_LARGE);
    assert_says(&error, "39999");
    source = (struct source){.step = 1, .until = SIZE_MAX};
    assert_status(stream_read_all(stream_over(&source), arena, 0, &all, &error), STATUS_OK);
    assert_int_equal(all.length, 0);
}

/* An endless source costs no more than the limit. */
static ssize_t endless(void *context, void *buffer, size_t capacity, struct error *error)
{
    (void)context, (void)error;
    memset(buffer, 'x', capacity);
    return (ssize_t)capacity;
}

static void stops_at_the_limit(void **state)
{
    struct str all;
    struct error error;
    size_t before = arena_size(*state);
    assert_status(stream_read_all((struct stream){.read = endless}, *state, 100000, &all, &error), STATUS_TOO_LARGE);
    assert_true(arena_size(*state) - before < 300000);
}

static void closes_once(void **state)
{
    (void)state;
    struct source source = {.closed = 0};
    struct stream stream = stream_over(&source);
    stream_close(&stream);
    stream_close(&stream);
    assert_int_equal(source.closed, 1);
    struct stream without = {.read = source_read};
    stream_close(&without);
    assert_true(without.read == NULL);
}

static void streams_memory(void **state)
{
    struct stream stream = stream_of(*state, unit_guarded(*state, S("abcde")));
    struct error error;
    char buffer[4];
    assert_int_equal(stream_read(stream, buffer, 4, &error), 4);
    assert_memory_equal(buffer, "abcd", 4);
    assert_int_equal(stream_read(stream, buffer, 4, &error), 1);
    assert_int_equal(stream_read(stream, buffer, 4, &error), 0);
    assert_int_equal(stream_read(stream, buffer, 4, &error), 0);
    stream_close(&stream);
    struct stream empty = stream_of(*state, (struct str){NULL, 0});
    assert_int_equal(stream_read(empty, buffer, 4, &error), 0);
}

/* A file in memory with these bytes; one on disk where `path` is given. */
static int file_with(const char *path, struct str bytes)
{
    struct error error = {0};
    int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : memfd_create("from", 0);
    assert_true(fd >= 0);
    assert_ok(io_write_at(fd, 0, bytes, &error), &error);
    return fd;
}

static void copies_ranges_of_files(void **state)
{
    (void)state;
    char path[] = "/tmp/test-io-XXXXXX", buffer[16] = {0};
    struct error error = {0};
    close(mkstemp(path));
    int disk = file_with(path, S("0123456789")), memory = file_with(NULL, S("abcdefghij"));
    unlink(path);
    assert_ok(io_copy_range((struct io_place){memory, 2}, (struct io_place){disk, 8}, 4, &error), &error); /* across file systems */
    assert_ok(io_copy_range((struct io_place){disk, 0}, (struct io_place){disk, 12}, 2, &error), &error);  /* within one file */
    assert_ok(io_copy_range((struct io_place){disk, 0}, (struct io_place){memory, 0}, 0, &error), &error);
    assert_int_equal(pread(disk, buffer, sizeof buffer, 0), 14);
    assert_string_equal(buffer, "01234567cdef01");
    assert_error(io_copy_range((struct io_place){memory, 8}, (struct io_place){disk, 0}, 3, &error), STATUS_CORRUPT, &error, "shorter");
    close(disk);
    disk = open("/dev/full", O_WRONLY);
    assert_int_not_equal(io_copy_range((struct io_place){memory, 0}, (struct io_place){disk, 0}, 3, &error), STATUS_OK);
    assert_int_not_equal(io_write_at(disk, 0, S("x"), &error), STATUS_OK);
    close(disk);
    close(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_the_whole_buffer), test_with_arena(hands_on_what_failed), test_with_arena(reads_all_up_to_a_limit),
        test_with_arena(stops_at_the_limit),      cmocka_unit_test(closes_once),         test_with_arena(streams_memory),
        cmocka_unit_test(copies_ranges_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
