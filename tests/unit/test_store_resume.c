/* Streams from an S3 store whose connections break: they go on where they broke, and never mix two versions. */
#include "tests/unit/store_fixture.h"

enum { SIZE = 300000 };

static char byte_at(size_t offset)
{
    return (char)(offset * 2654435761U >> 16 ^ offset);
}

/* How the server breaks. */
struct breaking {
    size_t piece;         /* bytes before each break */
    const char *new_etag; /* of the answers but the first; NULL: the same */
    bool in_silence;      /* keeps the connection open instead of closing it */
    int refusals;         /* 503s between two pieces */
    bool dries_up;        /* after the first piece come headers only */
};

static void send_range(int fd, size_t first, size_t count, const char *etag)
{
    char head[512], *bytes = malloc(count);
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nETag: %s\r\nContent-Length: %d\r\nContent-Range: bytes %zu-%d/%d\r\nLast-Modified: Sun, 22 Nov 2026 10:00:00 "
             "GMT\r\n\r\n",
             first ? "206 Partial Content" : "200 OK", etag, SIZE - (int)first, first, SIZE - 1, SIZE);
    for (size_t i = 0; i < count; i++) bytes[i] = byte_at(first + i);
    scripted_send(fd, str_of(head));
    scripted_send(fd, str_make(bytes, count));
    free(bytes);
}

static bool answer_piece(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    const struct breaking *b = server->context;
    struct str range = scripted_header(request, "range"), rest = str_from(range, 6);
    uint64_t first = 0;
    if (number > 0 && number % (b->refusals + 1) != 0) return scripted_error(fd, "503 Slow Down", "SlowDown");
    if (range.data) str_to_u64(str_cut(&rest, '-'), &first);
    const char *etag = number > 0 && b->new_etag ? b->new_etag : "\"one\"";
    if (number > 0 && !str_equal(scripted_header(request, "if-match"), S("\"one\"")))
        return scripted_error(fd, "400 Bad Request", "NoIfMatch");
    size_t left = SIZE - (size_t)first;
    send_range(fd, (size_t)first, number > 0 && b->dries_up ? 0 : b->piece < left ? b->piece : left, etag);
    while (b->in_silence && !server->stopping) scripted_sleep(10);
    return false;
}

/* Reads the stream to its end or failure; returns how many right bytes came. */
static size_t read_all(struct stream stream, size_t at_once, struct error *error, bool *failed)
{
    char *buffer = malloc(at_once);
    size_t at = 0;
    for (;;) {
        ssize_t count = stream_read(stream, buffer, at_once, error);
        *failed = count < 0;
        if (count <= 0) break;
        for (ssize_t i = 0; i < count; i++) assert_int_equal(buffer[i], byte_at(at + (size_t)i));
        at += (size_t)count;
    }
    free(buffer);
    return at;
}

static struct stream open_stream(struct fixture *f, struct breaking breaking)
{
    struct stream stream;
    struct breaking *kept = arena_new_of(f->arena, struct breaking);
    *kept = breaking;
    serve(f, answer_piece, kept);
    assert_ok(store_stream(f->store, io(f), S("key"), NULL, &stream, &f->object, &f->error), &f->error);
    assert_int_equal(f->object.size, SIZE);
    assert_str(f->object.etag, S("\"one\""));
    assert_int_equal(f->object.modified, 1795341600000);
    return stream;
}

static void a_broken_stream_goes_on(void **state)
{
    const size_t sizes[] = {1, 1000, 16384, 20000, SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct fixture *f = *state;
        struct stream stream = open_stream(f, (struct breaking){.piece = 50000});
        bool failed;
        assert_int_equal(read_all(stream, sizes[i], &f->error, &failed), SIZE);
        assert_false(failed);
        assert_int_equal(f->server->count, 6);
        assert_str(scripted_header(&f->server->requests[1], "range"), S("bytes=50000-299999"));
        assert_int_equal(store_counts(f->store).retries, 5);
        assert_int_equal(store_counts(f->store).bytes_in, SIZE);
        stream_close(&stream);
        start_anew(state);
    }
}

static void a_store_that_refuses_meanwhile_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct stream stream = open_stream(f, (struct breaking){.piece = 100000, .refusals = 2});
    bool failed;
    assert_int_equal(read_all(stream, 10000, &f->error, &failed), SIZE);
    assert_false(failed);
    stream_close(&stream);
}

static void an_object_that_changed_is_not_mixed_in(void **state)
{
    struct fixture *f = *state;
    struct stream stream = open_stream(f, (struct breaking){.piece = 100000, .new_etag = "\"two\""});
    bool failed;
    assert_int_equal(read_all(stream, 10000, &f->error, &failed), 100000);
    assert_true(failed);
    assert_status(f->error.status, STATUS_PRECONDITION);
    assert_says(&f->error, "100000");
    stream_close(&stream);
}

static void breaks_without_a_byte_end_it(void **state)
{
    struct fixture *f = *state;
    bool failed;
    struct stream stream = open_stream(f, (struct breaking){.piece = 1000, .dries_up = true});
    assert_int_equal(read_all(stream, 10000, &f->error, &failed), 1000);
    assert_true(failed);
    assert_says(&f->error, "pre/key");
    assert_says(&f->error, "1000");
    assert_in_range(f->server->count, 3, 6);
    stream_close(&stream);
}

static void silence_ends_a_read(void **state)
{
    struct fixture *f = *state;
    f->patience = 500;
    int64_t start = clock_monotonic();
    struct stream stream = open_stream(f, (struct breaking){.piece = 100000, .in_silence = true});
    bool failed;
    assert_int_equal(read_all(stream, 10000, &f->error, &failed), 100000);
    assert_true(failed);
    assert_status(f->error.status, STATUS_TIMEOUT);
    assert_true(clock_monotonic() - start >= 400); /* and it ended, though the server would never have */
    stream_close(&stream);
}

static void a_slow_reader_is_no_fault(void **state)
{
    struct fixture *f = *state;
    struct stream stream = open_stream(f, (struct breaking){.piece = SIZE});
    char buffer[SIZE / 4];
    for (size_t at = 0; at < SIZE;) {
        ssize_t count = stream_read(stream, buffer, sizeof buffer, &f->error);
        if (count <= 0) fail_msg("%s", f->error.text);
        at += (size_t)count;
        if (at < SIZE / 2) scripted_sleep(100);
    }
    assert_int_equal(stream_read(stream, buffer, sizeof buffer, &f->error), 0);
    assert_int_equal(f->server->count, 1);
    stream_close(&stream);
}

static void a_stream_left_in_the_middle_leaves_the_store_usable(void **state)
{
    struct fixture *f = *state;
    struct stream stream = open_stream(f, (struct breaking){.piece = SIZE});
    char buffer[100];
    assert_true(stream_read(stream, buffer, sizeof buffer, &f->error) > 0);
    stream_close(&stream);
    assert_ok(store_stream(f->store, io(f), S("key"), &(struct store_get){.if_match = S("\"one\"")}, &stream, &f->object, &f->error),
              &f->error);
    assert_true(stream_read(stream, buffer, sizeof buffer, &f->error) > 0);
    stream_close(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_broken_stream_goes_on),
        TEST(a_store_that_refuses_meanwhile_is_waited_for),
        TEST(an_object_that_changed_is_not_mixed_in),
        TEST(breaks_without_a_byte_end_it),
        TEST(silence_ends_a_read),
        TEST(a_slow_reader_is_no_fault),
        TEST(a_stream_left_in_the_middle_leaves_the_store_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
