/* Slices of the base that are kept in memory: the store is asked each time whether they are still those of the base, and none is used that
 * are not. */
#include "functions/channel-range-splice/slices.h"
#include "tests/unit/store_fixture.h"

enum { CHANGED, SHRUNK, GONE, DEAF, REFUSED };

static const struct str ETAG = {"\"a/b@c\"", 7};
static const struct http_range range = {.offset = 10, .length = 5};

static bool give(int fd, const char *etag)
{
    char headers[128];
    snprintf(headers, sizeof headers, "ETag: %s\r\nContent-Range: bytes 10-14/100\r\n", etag);
    return scripted_reply(fd, "206 Partial Content", headers, S("12345"));
}

/* As RFC 9110 section 8.6 allows, with the length that a 200 would have. */
static bool not_modified(int fd)
{
    scripted_send(fd, S("HTTP/1.1 304 Not Modified\r\nETag: \"a/b@c\"\r\nContent-Length: 524288\r\n\r\n"));
    return true;
}

static bool keep(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server;
    assert_str(scripted_header(request, "range"), S("bytes=10-14"));
    assert_str(scripted_header(request, number == 0 ? "if-match" : "if-none-match"), ETAG);
    return number == 0 ? give(fd, "\"a/b@c\"") : not_modified(fd);
}

static enum status get(struct fixture *f, struct cache *slices, struct str *bytes)
{
    *bytes = (struct str){0};
    const struct slice slice = {S("packages/APP/1.0/base.apk"), ETAG, range.offset, range.length};
    return slices_get(slices, io(f), &slice, bytes, &f->error);
}

static void bytes_are_fetched_once_and_asked_about_each_time(void **state)
{
    struct fixture *f = *state;
    struct str bytes;
    serve(f, keep, NULL);
    struct cache *slices = slices_new(&(struct app){.store = f->store});
    for (int i = 0; i < 4; i++) {
        assert_ok(get(f, slices, &bytes), &f->error);
        assert_str(bytes, S("12345"));
    }
    assert_int_equal(f->server->count, 4);
    assert_int_equal(store_counts(f->store).bytes_in, 5);
    assert_int_equal(f->server->connections, 1);
    cache_free(slices);
}

static bool turn_bad(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)request;
    if (number == 0) return give(fd, "\"a/b@c\"");
    switch (*(const int *)server->context) {
    case CHANGED: return give(fd, "\"another\"");
    case SHRUNK: return scripted_error(fd, "416 Range Not Satisfiable", "InvalidRange");
    case GONE: return scripted_error(fd, "404 Not Found", "NoSuchKey");
    case DEAF: return give(fd, "\"a/b@c\"");
    default: return scripted_error(fd, "403 Forbidden", "AccessDenied");
    }
}

static void what_is_no_longer_so_is_not_used(void **state)
{
    const enum status wanted[] = {STATUS_PRECONDITION, STATUS_PRECONDITION, STATUS_NOT_FOUND, STATUS_OK, STATUS_DENIED};
    for (int i = 0; i < (int)(sizeof wanted / sizeof *wanted); i++) {
        struct fixture *f = *state;
        struct str bytes;
        serve(f, turn_bad, &i);
        struct cache *slices = slices_new(&(struct app){.store = f->store});
        assert_ok(get(f, slices, &bytes), &f->error);
        assert_int_equal(get(f, slices, &bytes), wanted[i]);
        assert_str(bytes, wanted[i] == STATUS_OK ? S("12345") : (struct str){0});
        cache_free(slices);
        start_anew(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_are_fetched_once_and_asked_about_each_time),
        TEST(what_is_no_longer_so_is_not_used),
    };
    return cmocka_run_group_tests_name("slices", tests, NULL, NULL);
}
