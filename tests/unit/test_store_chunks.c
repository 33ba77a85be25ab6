/* Answers of an S3 store that come without a Content-Length. */
#include "tests/unit/store_fixture.h"

/* Status and headers, what is sent behind them, and whether the connection ends there. */
static bool unmeasured(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    const char *const *answer = server->context;
    scripted_send(fd, S("HTTP/1.1 "));
    scripted_send(fd, str_of(answer[0]));
    scripted_send(fd, S("\r\netag: \"x\"\r\n\r\n"));
    scripted_send(fd, str_of(answer[1]));
    return false;
}

static void chunks_are_as_good_as_a_length(void **state)
{
    const char *const range[] = {"206 Partial Content\r\ncontent-range: bytes 2-5/10\r\ntransfer-encoding: chunked",
                                 "1\r\n2\r\n3;x=y\r\n345\r\n0\r\n\r\n"};
    const char *const whole[] = {"200 OK\r\nTransfer-Encoding: chunked", "4\r\n2345\r\n0\r\n\r\n"};
    const struct store_get part = {.offset = 2, .length = 4, .if_match = S("\"x\"")};
    struct fixture *f = *state;
    struct stream stream;
    struct str bytes;
    serve(f, unmeasured, (void *)(uintptr_t)range);
    assert_ok(store_get(f->store, io(f), S("key"), &part, &f->object, &f->error), &f->error);
    assert_str(f->object.body, S("2345"));
    assert_int_equal(f->object.size, 10);
    assert_ok(store_stream(f->store, io(f), S("key"), &part, &stream, &f->object, &f->error), &f->error);
    assert_ok(stream_read_all(stream, f->arena, 100, &bytes, &f->error), &f->error);
    assert_str(bytes, S("2345"));
    stream_close(&stream);
    start_anew(state);
    f = *state;
    serve(f, unmeasured, (void *)(uintptr_t)whole);
    assert_ok(store_get(f->store, io(f), S("key"), NULL, &f->object, &f->error), &f->error);
    assert_str(f->object.body, S("2345"));
    assert_int_equal(f->object.size, 4);
}

static void what_the_end_of_a_connection_cuts_off_is_refused(void **state)
{
    const char *const answers[][2] = {
        {"200 OK\r\nTransfer-Encoding: chunked", "4\r\n2345\r\n"},
        {"200 OK", "2345"},
        {"206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nTransfer-Encoding: chunked", "3\r\n234\r\n0\r\n\r\n"},
        {"206 Partial Content\r\nContent-Range: bytes 2-5/10", "234"},
    };
    const struct store_get part = {.offset = 2, .length = 4};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fixture *f = *state;
        f->patience = 1000;
        serve(f, unmeasured, (void *)(uintptr_t)answers[i]);
        enum status status = store_get(f->store, io(f), S("key"), i < 2 ? NULL : &part, &f->object, &f->error);
        assert_true(status == STATUS_CORRUPT || status == STATUS_UNAVAILABLE);
        start_anew(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chunks_are_as_good_as_a_length),
        TEST(what_the_end_of_a_connection_cuts_off_is_refused),
    };
    return cmocka_run_group_tests_name("store chunks", tests, NULL, NULL);
}
