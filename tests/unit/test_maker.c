/* What is installed on an edge that splices, beyond what end-to-end tests can wait for. */
#include "functions/common/maker.h"
#include "lib/catalog/patch.h"
#include "tests/unit/scratch_store.h"
#include "tests/unit/store_fixture.h"

#define DIFF "/bucket/pre/patches/APP/1.0..2.0.diff"
#define JSON "/bucket/pre/patches/APP/1.0..2.0.json"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { SIZE = 1000 };

static bool take(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number;
    if (!scripted_is(request, "HEAD " DIFF " HTTP")) return scripted_reply(fd, "200 OK", "ETag: \"e\"\r\n", S(""));
    scripted_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"e\"\r\n\r\n"));
    return true;
}

static void publish(struct fixture *f, struct store *origin)
{
    const struct patch patch = {
        .app = S("APP"), .from = S("1.0"), .to = S("2.0"), .size = SIZE, .sha256 = S(HASH), .from_sha256 = S(HASH), .to_sha256 = S(HASH)};
    struct str key = patch_json_key(f->arena, &patch);
    assert_ok(store_put(origin, io(f), key, patch_format(f->arena, &patch), NULL, NULL, &f->error), &f->error);
}

static ssize_t read_slowly(void *context, void *buffer, size_t capacity, struct error *error)
{
    size_t *left = context, count = *left < capacity ? *left : capacity;
    (void)error;
    scripted_sleep(1200); /* twice: the end is read too */
    memset(buffer, 'x', count);
    *left -= count;
    return (ssize_t)count;
}

static void a_patch_that_took_its_time_is_installed_whole(void **state)
{
    struct fixture *f = *state;
    struct app app = {.store = scratch_store(f->arena)};
    const struct package_maker maker = maker_of(&app);
    const struct package_name name = {.app = S("APP"), .version = S("2.0"), .from = S("1.0")};
    const struct package_source source = {.size = SIZE, .sha256 = S(HASH)};
    size_t left = SIZE;
    const struct stream stream = {.read = read_slowly, .context = &left};
    publish(f, app.store);
    serve(f, take, NULL);
    f->patience = 2 * CLOCK_SECOND;
    const struct installation how = {io(f), f->store, &name, &source, &stream, deadline_in(CLOCK_MINUTE)};
    assert_ok(maker.install(maker.context, &how, &f->error), &f->error);
    assert_int_equal(f->server->count, 3);
    assert_true(scripted_is(&f->server->requests[0], "PUT " DIFF " HTTP"));
    assert_true(scripted_is(&f->server->requests[2], "PUT " JSON " HTTP"));
}

/* A bucket with nothing in it but 24 MiB to copy. */
static bool lend(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number;
    if (scripted_is(request, "GET /bucket?list-type"))
        return scripted_reply(fd, "200 OK", "", S("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"));
    if (scripted_is(request, "GET ")) return scripted_error(fd, "404 Not Found", "NoSuchKey");
    if (scripted_is(request, "POST /bucket/pre/"))
        return scripted_reply(fd, "200 OK", "", S("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"));
    bool is_there = scripted_is(request, "HEAD /bucket/pre/from HTTP");
    scripted_send(fd, is_there ? S("HTTP/1.1 200 OK\r\nContent-Length: 25165824\r\nETag: \"e\"\r\n\r\n")
                               : S("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    return true;
}

static enum status install(struct fixture *f, struct app *app, struct package_name name, struct deadline end)
{
    const struct package_maker maker = maker_of(app);
    const struct store_piece piece = {.store = f->store, .key = S("from")};
    const struct package_source source = {.size = 24 << 20, .sha256 = S(HASH), .piece = &piece};
    return maker.install(maker.context, &(struct installation){io(f), f->store, &name, &source, NULL, end}, &f->error);
}

static enum status load(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct package *package = arena_new_of(load->io.arena, struct package);
    (void)context, (void)error;
    *package = (struct package){.app = S("APP"), .version = S("2.0"), .base = S("base.apk"), .size = 24 << 20, .sha256 = S(HASH)};
    return *value = package, STATUS_OK;
}

static void free_cache(void *cache)
{
    cache_free(cache);
}

static void copies_end_with_the_run(void **state)
{
    const struct package_name names[] = {{.app = S("APP"), .version = S("2.0")}, {.app = S("APP"), .version = S("2.0"), .from = S("1.0")}};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;
        struct app app = {.store = scratch_store(f->arena), .packages = cache_new(&(struct cache_options){.load = load, .bytes = 1 << 20})};
        arena_defer(f->arena, free_cache, app.packages);
        publish(f, app.store);
        serve(f, lend, NULL);
        assert_error(install(f, &app, names[i], deadline_in(0)), STATUS_TIMEOUT, &f->error, "no time to copy all of it");
        for (int k = 0; k < f->server->count; k++) assert_null(scripted_header(&f->server->requests[k], "x-amz-copy-source").data);
        start_anew(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patch_that_took_its_time_is_installed_whole),
        TEST(copies_end_with_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
