/* Azure's signatures and answers. The first text is that of the example in "Authorize with Shared Key"; the signatures were made with
 * Python's hmac (tests/e2e/support/azurite.py signs that way, and Azurite agrees), since the documentation gives none with its key. */
#include "lib/http/date.h"
#include "lib/store/azure/azure_internal.h"
#include "tests/unit/scripted_server.h"
#include "tests/unit/unit.h"

static const struct azure_signer signer = {{"myaccount", 9}, {"a key of the tests, of no use elsewhere", 39}};

#define P(name, value)                                                                                                                     \
    {                                                                                                                                      \
        {name, sizeof(name) - 1},                                                                                                          \
        {                                                                                                                                  \
            value, sizeof(value) - 1                                                                                                       \
        }                                                                                                                                  \
    }

static void what_is_signed_is_in_order(void **state)
{
    static const struct store_pair query[] = {P("restype", "container"), P("comp", "metadata"), P("timeout", "20")};
    static const struct store_pair headers[] = {P("x-ms-version", "2015-02-21"), P("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")};
    const struct azure_to_sign request = {
        .method = S("GET"), .path = S("/mycontainer"), .query = query, .query_count = 3, .headers = headers, .header_count = 2};
    assert_str(azure_text(*state, signer.account, &request),
               S("GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 "
                 "GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"));
    assert_str(azure_authorization(*state, &signer, &request), S("SharedKey myaccount:48q93ScDIrdOTNhK5ZP1ZSGJHvz9Ur+ZxwNR2aR+ekk="));
}

static void every_header_that_counts_is_signed(void **state)
{
    static const struct store_pair query[] = {P("comp", "block"), P("blockid", "MDAw+A==")};
    static const struct store_pair headers[] = {P("content-type", "text/plain"),
                                                P("content-md5", "sQqNsWTgdUEFt6mb5y4/5Q=="),
                                                P("if-none-match", "*"),
                                                P("if-match", "\"0x1\""),
                                                P("range", "bytes=0-3"),
                                                P("if-modified-since", "x"),
                                                P("x-ms-blob-type", " BlockBlob "),
                                                P("host", "h"),
                                                P("x-ms-version", "2021-12-02"),
                                                P("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")};
    const struct azure_to_sign request = {.method = S("PUT"),
                                          .path = S("/myaccount/c/a%2Bb"),
                                          .query = query,
                                          .query_count = 2,
                                          .headers = headers,
                                          .header_count = sizeof headers / sizeof *headers,
                                          .body_length = 11};
    assert_str(
        azure_text(*state, signer.account, &request),
        S("PUT\n\n\n11\nsQqNsWTgdUEFt6mb5y4/5Q==\ntext/plain\n\nx\n\"0x1\"\n*\n\nbytes=0-3\nx-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 "
          "Jun 2015 23:39:12 GMT\nx-ms-version:2021-12-02\n/myaccount/myaccount/c/a%2Bb\nblockid:MDAw+A==\ncomp:block"));
    assert_str(azure_authorization(*state, &signer, &request), S("SharedKey myaccount:qDncffBjsqSkILjzgPHjnBdXr3YJuh0OvGljX6FPf9U="));
}

static void a_url_is_presigned(void **state)
{
    struct azure_pass pass = {.object = S("packages/pre/a+b.apk"), .https_only = true};
    assert_true(clock_parse_time(S("2026-12-01T00:30:00Z"), &pass.until));
    assert_str(azure_presign(*state, &signer, &pass),
               S("sv=2021-12-02&sr=b&sp=r&se=2026-12-01T00%3A30%3A00Z&spr=https&sig=CqbSJxy5z8Issn5DsmhjD20cnPi0a2IUWq6UqEfo51I%3D"));
    pass.https_only = false;
    assert_str(azure_presign(*state, &signer, &pass),
               S("sv=2021-12-02&sr=b&sp=r&se=2026-12-01T00%3A30%3A00Z&sig=Kbfh%2Fl8y6phLox15AS3e7wlMQN5ILMEgXbvakpC9iYs%3D"));
}

struct listed {
    struct arena *arena;
    struct str names[4], etags[4];
    uint64_t sizes;
    int64_t modified;
    size_t count, stop_after;
};

static bool note(void *context, const struct remote_entry *entry)
{
    struct listed *listed = context;
    listed->names[listed->count] = arena_copy(listed->arena, entry->key);
    listed->etags[listed->count++] = arena_copy(listed->arena, entry->etag);
    listed->sizes += entry->size;
    listed->modified = entry->modified;
    return listed->count != listed->stop_after;
}

#define BLOB(name, etag, size)                                                                                                             \
    "<Blob><Name>" name "</Name><Properties><Last-Modified>Fri, 26 Jun 2015 23:39:12 GMT</Last-Modified><Etag>" etag                       \
    "</Etag><Content-Length>" size "</Content-Length><Content-Encoding /></Properties><OrMetadata /></Blob>"
#define BEGIN "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://x/\">"

/* Azure begins its lists with a byte order mark, and leaves out the quotes of ETags. */
static void a_list_is_read(void **state)
{
    static const struct str page_text = {
        BEGIN "<Prefix>a</Prefix><Blobs>" BLOB("a/&amp;", "0x8D", "5")
            BLOB("a/b", "&quot;0x8E&quot;", "7") "</Blobs><NextMarker>2!8&amp;x</NextMarker></EnumerationResults>",
        sizeof BEGIN "<Prefix>a</Prefix><Blobs>" BLOB("a/&amp;", "0x8D", "5")
                BLOB("a/b", "&quot;0x8E&quot;", "7") "</Blobs><NextMarker>2!8&amp;x</NextMarker></EnumerationResults>" -
            1};
    struct listed listed = {.arena = *state};
    struct remote_page page;
    int64_t modified;
    assert_true(azure_read_page(page_text, note, &listed, &page));
    assert_int_equal(listed.count, 2);
    assert_str(listed.names[0], S("a/&"));
    assert_str(listed.etags[0], S("\"0x8D\""));
    assert_str(listed.etags[1], S("\"0x8E\""));
    assert_int_equal(listed.sizes, 12);
    assert_true(http_date_parse(S("Fri, 26 Jun 2015 23:39:12 GMT"), &modified));
    assert_int_equal(listed.modified, modified);
    assert_true(page.truncated);
    assert_str(page.next, S("2!8&x"));
    listed = (struct listed){.arena = *state, .stop_after = 1};
    assert_true(azure_read_page(page_text, note, &listed, &page));
    assert_int_equal(listed.count, 1);
}

static void lists_that_are_none_are_refused(void **state)
{
    static const char *const good = BEGIN "<Blobs /><NextMarker /></EnumerationResults>";
    static const char *const bad[] = {"",
                                      "<Error><Code>x</Code></Error>",
                                      BEGIN "<Blobs /></EnumerationResults>",
                                      BEGIN "<Blobs>" BLOB("a", "0x1", "x") "</Blobs><NextMarker /></EnumerationResults>",
                                      BEGIN "<Blobs>" BLOB("a", "0x1", "9223372036854775808") "</Blobs><NextMarker /></EnumerationResults>",
                                      BEGIN "<Blobs><Blob><Name>a</Name></Blob></Blobs><NextMarker /></EnumerationResults>"};
    struct listed listed = {.arena = *state};
    struct remote_page page;
    assert_true(azure_read_page(str_of(good), note, &listed, &page));
    assert_false(page.truncated);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(azure_read_page(str_of(bad[i]), note, &listed, &page));
    assert_int_equal(listed.count, 0);
}

/* ConditionNotMet comes with 304 and with 412; a 409 is final, but for a key that is there already. */
static void errors_are_told_apart(void **state)
{
    static const struct {
        const char *code;
        int http;
        enum status status;
        bool again;
    } cases[] = {
        {"BlobAlreadyExists", 409, STATUS_PRECONDITION, false},  {"ConditionNotMet", 412, STATUS_PRECONDITION, false},
        {"ConditionNotMet", 304, STATUS_NOT_MODIFIED, false},    {"LeaseIdMissing", 412, STATUS_DENIED, false},
        {"BlobNotFound", 404, STATUS_NOT_FOUND, false},          {"ContainerNotFound", 404, STATUS_INVALID, false},
        {"ResourceNotFound", 404, STATUS_INVALID, false},        {"AuthenticationFailed", 403, STATUS_DENIED, false},
        {"AccountBeingCreated", 409, STATUS_UNAVAILABLE, false}, {"ServerBusy", 503, STATUS_THROTTLED, true},
        {"OperationTimedOut", 500, STATUS_TIMEOUT, true},        {"InvalidRange", 416, STATUS_INVALID, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_answer answer = {.status = cases[i].http, .headers = arena_printf(*state, "x-ms-error-code: %s\n", cases[i].code)};
        struct error error;
        struct failure failure = azure_failure_of(&answer, S(""), &error);
        assert_int_equal(failure.status, cases[i].status);
        assert_int_equal(failure.again, cases[i].again);
        assert_non_null(strstr(error.text, cases[i].code));
    }
    struct error error;
    const struct wire_answer bare = {.status = 403};
    azure_failure_of(&bare, S("<Error><Code>AuthenticationFailed</Code><Message>no</Message></Error>"), &error);
    assert_non_null(strstr(error.text, "check AZURE_STORAGE_KEY"));
    assert_non_null(strstr(error.text, "AuthenticationFailed"));
}

/* --- uploads in blocks that fail here and there */

enum fault {
    NONE,
    BLOCK_FAILS_ONCE,    /* 503 */
    OVERTAKEN,           /* another upload took the blocks away with it */
    COMMIT_LOST,         /* done, but its answer is 500; then 409 */
    COMMIT_LOST_TO_OTHER /* the same, but what stands there is another's */
};

struct container {
    enum fault fault;
    char mark[64];
    _Atomic int blocks, commits;
};

static bool commit(struct container *container, const struct scripted_request *request, int fd)
{
    int before = container->commits++;
    struct str mark = scripted_header(request, "x-ms-meta-upload");
    snprintf(container->mark, sizeof container->mark, STR_FMT, STR_ARG(mark));
    if (container->fault == OVERTAKEN) return scripted_reply(fd, "400 Bad", "x-ms-error-code: InvalidBlockList\r\n", S(""));
    if (container->fault < COMMIT_LOST) return scripted_reply(fd, "201 Created", "ETag: \"0x1\"\r\n", S(""));
    if (before == 0) return scripted_reply(fd, "500 Lost", "x-ms-error-code: InternalError\r\n", S(""));
    return scripted_reply(fd, "409 Conflict", "x-ms-error-code: BlobAlreadyExists\r\n", S(""));
}

static bool answer_upload(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number;
    struct container *container = server->context;
    bool is_list = str_find_str(request->head, S("comp=blocklist")) < request->head.length;
    if (is_list) return commit(container, request, fd);
    if (str_starts(request->head, S("PUT"))) {
        bool fails = container->blocks++ == 0 && container->fault == BLOCK_FAILS_ONCE;
        return fails ? scripted_reply(fd, "503 Busy", "x-ms-error-code: ServerBusy\r\n", S(""))
                     : scripted_reply(fd, "201 Created", "", S(""));
    }
    if (container->commits == 0) return scripted_reply(fd, "404 None", "x-ms-error-code: BlobNotFound\r\n", S(""));
    char headers[200];
    const char *mark = container->fault == COMMIT_LOST ? container->mark : "another";
    snprintf(headers, sizeof headers, "ETag: \"0x2\"\r\nx-ms-meta-upload: %s\r\n", mark);
    return scripted_reply(fd, "200 OK", headers, S(""));
}

static void uploads_in_blocks_survive_or_fail_with_words(void **state)
{
    static const struct {
        const char *says;
        enum fault fault;
        enum store_condition condition;
        enum status status;
        int blocks;
    } cases[] = {
        {NULL, NONE, STORE_ANY, STATUS_OK, 2},
        {NULL, NONE, STORE_IF_ABSENT, STATUS_OK, 2},
        {NULL, BLOCK_FAILS_ONCE, STORE_ANY, STATUS_OK, 3},
        {"another upload", OVERTAKEN, STORE_ANY, STATUS_UNAVAILABLE, 2},
        {"exists already", OVERTAKEN, STORE_IF_ABSENT, STATUS_PRECONDITION, 2},
        {NULL, COMMIT_LOST, STORE_IF_ABSENT, STATUS_OK, 2},
        {"BlobAlreadyExists", COMMIT_LOST_TO_OTHER, STORE_IF_ABSENT, STATUS_PRECONDITION, 2},
    };
    const size_t size = (8 << 20) + 1;
    char *bytes = arena_alloc(*state, size);
    setenv("AZURE_STORAGE_KEY", "YSBrZXk=", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct container container = {.fault = cases[i].fault};
        struct scripted_server *server = scripted_start(answer_upload, &container);
        struct io io = {.arena = arena_new(), .deadline = deadline_in(10 * CLOCK_SECOND)};
        struct store *store;
        struct store_object object;
        struct error error;
        const struct store_put put = {.condition = cases[i].condition};
        struct str url = arena_printf(io.arena, "azure://packages?account=shop&endpoint=http://127.0.0.1:%d/shop", server->port);
        assert_ok(store_open(url.data, &store, &error), &error);
        enum status status = store_upload(store, io, S("x"), stream_of(io.arena, str_make(bytes, size)), size, &put, &object, &error);
        if (cases[i].status == STATUS_OK) assert_ok(status, &error);
        if (cases[i].status == STATUS_OK) assert_str(object.etag, cases[i].fault == COMMIT_LOST ? S("\"0x2\"") : S("\"0x1\""));
        if (cases[i].status != STATUS_OK) assert_error(status, cases[i].status, &error, cases[i].says);
        assert_int_equal(container.blocks, cases[i].blocks);
        store_close(store);
        scripted_stop(server);
        arena_free(io.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_is_signed_is_in_order),
        test_with_arena(every_header_that_counts_is_signed),
        test_with_arena(a_url_is_presigned),
        test_with_arena(a_list_is_read),
        test_with_arena(lists_that_are_none_are_refused),
        test_with_arena(errors_are_told_apart),
        test_with_arena(uploads_in_blocks_survive_or_fail_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
