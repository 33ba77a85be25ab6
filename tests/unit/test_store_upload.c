/* Uploads in parts to an S3 store that fails here and there. The server keeps the parts and joins them, as far as its script lets it. */
#include "tests/unit/store_fixture.h"

enum { MOST_PARTS = 8 };
static const uint64_t PART = 8 << 20;

enum fault {
    NONE,
    PART_FAILS_ONCE, /* 503 for the first try of part 2 */
    PART_FAILS,      /* AccessDenied for part 2 */
    PART_WITHOUT_ETAG,
    INITIATE_FAILS,
    INITIATE_GARBLED,
    COMPLETE_ERROR_ONCE,    /* 200 with <Error>InternalError</Error>, then well */
    COMPLETE_ERROR,         /* 200 with <Error>InvalidPart</Error> */
    COMPLETE_PRECONDITION,  /* 200 with <Error>PreconditionFailed</Error> */
    COMPLETE_LOST,          /* done, but the connection breaks; then NoSuchUpload; HEAD shows the upload's mark */
    COMPLETE_LOST_TO_OTHER, /* the same, but HEAD shows another mark */
    COMPLETE_GARBLED,       /* 200 with something else, and no such upload from then on */
    COPY_ERROR_ONCE,        /* 200 with <Error>InternalError</Error> for part 1, then well */
    COPY_GARBLED,           /* 200 with something else */
    COPY_CHANGED,           /* 412: the object that is copied has another ETag by now */
    COPY_OTHER,             /* the copy has another ETag */
    COPY_ENCRYPTED,         /* the same, and its bucket encrypts with a key of its owner */
    COPY_OF_ENCRYPTED,      /* the same, and so does that of what is copied */
    COPY_OF_PARTS,          /* the same, and what is copied was made of two parts, of whatever size */
    COPY_UNQUOTED,          /* the copy has the same ETag, written without quotes */
    CUT_OFF,                /* an upload that was cut off has its first two parts; it began after the object that is copied changed */
    CUT_OFF_BEFORE,         /* the same, but before that */
    CUT_OFF_REFUSED,        /* the same as CUT_OFF, but nothing can be added to that upload any more */
    COPY_REPLACED,          /* the condition on what is copied is ignored, and that is another object by the end */
    ODD_ROOTS,              /* answers whose roots have other names */
    COMPLETE_WITHOUT_ETAG   /* 200 with an empty ETag */
};

struct bucket {
    enum fault fault;
    char mark[64];
    size_t sizes[MOST_PARTS];
    _Atomic int tries_of_second, copies, completions, aborted, initiated, most_at_once, at_once;
};

static bool initiate(struct bucket *bucket, const struct scripted_request *request, int fd)
{
    struct str mark = scripted_header(request, "x-amz-meta-upload");
    snprintf(bucket->mark, sizeof bucket->mark, STR_FMT, STR_ARG(mark));
    if (bucket->fault == INITIATE_FAILS) return scripted_error(fd, "403 Forbidden", "AccessDenied");
    if (bucket->fault == INITIATE_GARBLED) return scripted_reply(fd, "200 OK", "", S("<html></html>"));
    bucket->initiated++;
    if (bucket->fault == CUT_OFF_REFUSED)
        return scripted_reply(fd, "200 OK", "", S("<InitiateMultipartUploadResult><UploadId>2</UploadId></InitiateMultipartUploadResult>"));
    if (bucket->fault == ODD_ROOTS)
        return scripted_reply(fd, "200 OK", "", S("<InitiateMultipartUpload><UploadId>up&amp;load/1</UploadId></InitiateMultipartUpload>"));
    return scripted_reply(fd, "200 OK", "",
                          S("<InitiateMultipartUploadResult><UploadId>up&amp;load/1</UploadId></InitiateMultipartUploadResult>"));
}

static bool take_part(struct bucket *bucket, const struct scripted_request *request, int fd)
{
    struct str behind = str_from(request->head, str_find_str(request->head, S("partNumber=")) + 11);
    uint64_t number = 0;
    int now = ++bucket->at_once;
    if (now > bucket->most_at_once) bucket->most_at_once = now;
    scripted_sleep(20);
    bucket->at_once--;
    str_to_u64(str_cut(&behind, '&'), &number);
    if (number == 2) {
        int tries = ++bucket->tries_of_second;
        if (bucket->fault == PART_FAILS_ONCE && tries == 1) return scripted_error(fd, "503 Slow Down", "SlowDown");
        if (bucket->fault == PART_FAILS) return scripted_error(fd, "403 Forbidden", "AccessDenied");
    }
    if (number >= 1 && number <= MOST_PARTS) bucket->sizes[number - 1] = request->body.length;
    if (bucket->fault == PART_WITHOUT_ETAG) return scripted_reply(fd, "200 OK", "", S(""));
    char etag[64];
    snprintf(etag, sizeof etag, "ETag: \"part-%d\"\r\n", (int)number);
    return scripted_reply(fd, "200 OK", etag, S(""));
}

#define ENCRYPTED "x-amz-server-side-encryption: aws:kms\r\n"

static bool copy_object(const struct bucket *bucket, int fd)
{
    bool other = bucket->fault >= COPY_OTHER && bucket->fault <= COPY_OF_PARTS;
    const char *etag = bucket->fault == COPY_UNQUOTED ? "small" : other ? "&quot;other&quot;" : "&quot;small&quot;";
    char body[128];
    int length = snprintf(body, sizeof body, "<CopyObjectResult><ETag>%s</ETag></CopyObjectResult>", etag);
    return scripted_reply(fd, "200 OK", bucket->fault == COPY_ENCRYPTED ? ENCRYPTED : "", str_make(body, (size_t)length));
}

static bool tell_of_source(const struct bucket *bucket, const struct scripted_request *request, int fd)
{
    char head[256];
    bool small = scripted_is(request, "HEAD /bucket/pre/small");
    bool replaced = bucket->fault == COPY_REPLACED && bucket->copies > 0;
    const char *etag = replaced ? "new" : bucket->fault == COPY_OF_PARTS ? "from-2" : small ? "small" : "from";
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nLast-Modified: %s\r\nETag: \"%s\"\r\n%s\r\n",
             small ? 1000 : 25165824, "Sun, 22 Nov 2026 10:00:00 GMT", etag, bucket->fault == COPY_OF_ENCRYPTED ? ENCRYPTED : "");
    scripted_send(fd, str_of(head));
    return true;
}

static bool list_uploads(const struct bucket *bucket, int fd)
{
    char body[512];
    bool is_cut_off = bucket->fault == CUT_OFF || bucket->fault == CUT_OFF_BEFORE || bucket->fault == CUT_OFF_REFUSED;
    const char *began = bucket->fault == CUT_OFF_BEFORE ? "2026-11-22T10:00:02.000Z" : "2026-11-22T10:00:03.000Z";
    if (!is_cut_off) return scripted_error(fd, "501 Not Implemented", "NotImplemented");
    int length =
        snprintf(body, sizeof body,
                 "<ListMultipartUploadsResult><Upload><Key>pre/key</Key><UploadId>up&amp;load/1</UploadId><Initiated>%s</Initiated>"
                 "</Upload></ListMultipartUploadsResult>",
                 began);
    return scripted_reply(fd, "200 OK", "", str_make(body, (size_t)length));
}

/* Part 2 is shorter than a part is. */
static bool list_parts(int fd)
{
    return scripted_reply(fd, "200 OK", "",
                          S("<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>&quot;before&quot;</ETag><Size>8388608</Size></Part>"
                            "<Part><PartNumber>2</PartNumber><ETag>&quot;short&quot;</ETag><Size>8388607</Size></Part></ListPartsResult>"));
}

static bool copy_part(struct bucket *bucket, const struct scripted_request *request, int fd)
{
    bool is_old = str_find_str(request->head, S("uploadId=up")) < request->head.length;
    if (bucket->fault == CUT_OFF_REFUSED && is_old) return scripted_error(fd, "501 Not Implemented", "NotImplemented");
    if (++bucket->copies == 1 && bucket->fault == COPY_ERROR_ONCE) return scripted_error(fd, "200 OK", "InternalError");
    if (bucket->fault == COPY_GARBLED) return scripted_reply(fd, "200 OK", "ETag: \"not-this\"\r\n", S(""));
    if (bucket->fault == ODD_ROOTS)
        return scripted_reply(fd, "200 OK", "", S("<CopyObjectResult><ETag>\"copied\"</ETag></CopyObjectResult>"));
    if (bucket->fault == COPY_CHANGED) return scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    return scripted_reply(fd, "200 OK", "",
                          S("<CopyPartResult><LastModified>x</LastModified><ETag>&quot;copied&quot;</ETag></CopyPartResult>"));
}

static bool in_body_error(int fd, const char *code)
{
    return scripted_error(fd, "200 OK", code);
}

static bool complete(struct bucket *bucket, int fd)
{
    int tries = ++bucket->completions;
    bool lost = bucket->fault == COMPLETE_LOST || bucket->fault == COMPLETE_LOST_TO_OTHER || bucket->fault == COMPLETE_GARBLED;
    if (lost && tries > 1) return scripted_error(fd, "404 Not Found", "NoSuchUpload");
    if (bucket->fault == COMPLETE_GARBLED) return scripted_reply(fd, "200 OK", "", S(""));
    if (lost) return false;
    if (bucket->fault == COMPLETE_ERROR_ONCE && tries == 1) return in_body_error(fd, "InternalError");
    if (bucket->fault == COMPLETE_ERROR) return in_body_error(fd, "InvalidPart");
    if (bucket->fault == COMPLETE_WITHOUT_ETAG) return scripted_reply(fd, "200 OK", "", S("<R><ETag></ETag></R>"));
    if (bucket->fault == ODD_ROOTS) return scripted_reply(fd, "200 OK", "", S("<Completed><ETag>\"whole-2\"</ETag></Completed>"));
    if (bucket->fault == COMPLETE_PRECONDITION) return in_body_error(fd, "PreconditionFailed");
    return scripted_reply(
        fd, "200 OK", "",
        S("\n\n<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>&quot;whole-2&quot;</ETag></CompleteMultipartUploadResult>"));
}

static bool answer(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number;
    struct bucket *bucket = server->context;
    if (scripted_is(request, "POST /bucket/pre/key?uploads=")) return initiate(bucket, request, fd);
    if (scripted_is(request, "PUT /bucket/pre/key HTTP") && scripted_header(request, "x-amz-copy-source").data)
        return copy_object(bucket, fd);
    if (scripted_header(request, "x-amz-copy-source").data) return copy_part(bucket, request, fd);
    if (scripted_is(request, "HEAD /bucket/pre/fr%2Bom") || scripted_is(request, "HEAD /bucket/pre/small"))
        return tell_of_source(bucket, request, fd);
    if (scripted_is(request, "GET /bucket?prefix=")) return list_uploads(bucket, fd);
    if (scripted_is(request, "GET /bucket/pre/key?uploadId=")) return list_parts(fd);
    if (scripted_is(request, "PUT")) return take_part(bucket, request, fd);
    if (scripted_is(request, "POST")) return complete(bucket, fd);
    if (scripted_is(request, "DELETE")) {
        bucket->aborted++;
        return scripted_reply(fd, "204 No Content", "", S(""));
    }
    bool was_lost = bucket->fault >= COMPLETE_LOST && bucket->fault <= COMPLETE_GARBLED;
    bool stands = bucket->completions > 0 && (was_lost || bucket->fault == COMPLETE_WITHOUT_ETAG);
    if (!stands) {
        scripted_send(fd, S("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
        return true;
    }
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: 17825792\r\nETag: \"stands\"\r\nx-amz-meta-upload: %s\r\n\r\n",
             bucket->fault == COMPLETE_LOST_TO_OTHER ? "another" : bucket->mark);
    scripted_send(fd, str_of(head));
    return true;
}

struct source {
    uint64_t left, fail_at;
    int64_t pause; /* ms, before each read */
};

static ssize_t source_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct source *source = context;
    if (source->left <= source->fail_at && source->fail_at > 0) {
        error_set(error, STATUS_UNAVAILABLE, "the source broke");
        return -1;
    }
    scripted_sleep(source->pause);
    size_t count = capacity < source->left ? capacity : (size_t)source->left;
    memset(buffer, 'x', count);
    source->left -= count;
    return (ssize_t)count;
}

static struct bucket *start(struct fixture *f, enum fault fault)
{
    struct bucket *bucket = arena_new_of(f->arena, struct bucket);
    bucket->fault = fault;
    serve(f, answer, bucket);
    return bucket;
}

static enum status upload(struct fixture *f, uint64_t size, enum store_condition condition)
{
    struct source *source = arena_new_of(f->arena, struct source);
    source->left = size;
    const struct store_put put = {.condition = condition, .content_type = "application/vnd.android.package-archive"};
    return store_upload(f->store, io(f), S("key"), (struct stream){source_read, NULL, source}, size, &put, &f->object, &f->error);
}

static const struct scripted_request *find(struct fixture *f, const char *beginning)
{
    for (int i = 0; i < f->server->count; i++)
        if (scripted_is(&f->server->requests[i], beginning)) return &f->server->requests[i];
    fail_msg("no request %s", beginning);
    return NULL;
}

static void parts_are_joined(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, NONE);
    assert_ok(upload(f, 4 * PART + 12345, STORE_IF_ABSENT), &f->error);
    assert_str(f->object.etag, S("\"whole-2\""));
    assert_int_equal(f->object.size, 4 * PART + 12345);
    for (int i = 0; i < 4; i++) assert_int_equal(bucket->sizes[i], PART);
    assert_int_equal(bucket->sizes[4], 12345);
    assert_in_range(bucket->most_at_once, 1, 2);
    assert_int_equal(bucket->aborted, 0);
    assert_true(scripted_is(&f->server->requests[0], "HEAD ")); /* does it exist already? */
    const struct scripted_request *begin = find(f, "POST /bucket/pre/key?uploads= HTTP");
    assert_str(scripted_header(begin, "content-type"), S("application/vnd.android.package-archive"));
    const struct scripted_request *part = find(f, "PUT /bucket/pre/key?partNumber=1&uploadId=up%26load%2F1 HTTP");
    assert_int_equal(scripted_header(part, "content-md5").length, 24);
    assert_str(scripted_header(part, "content-type"), S("application/octet-stream")); /* a form's is read by some servers, to the end */
    const struct scripted_request *end = find(f, "POST /bucket/pre/key?uploadId=up%26load%2F1 HTTP");
    assert_str(scripted_header(end, "if-none-match"), S("*"));
    assert_true(str_find_str(end->body, S("<Part><PartNumber>5</PartNumber><ETag>\"part-5\"</ETag></Part></CompleteMultipartUpload>")) <
                end->body.length);
}

static void small_bodies_go_in_one_put(void **state)
{
    struct fixture *f = *state;
    start(f, NONE);
    assert_ok(upload(f, PART - 1, STORE_IF_ABSENT), &f->error);
    assert_int_equal(f->server->count, 1);
    assert_str(scripted_header(find(f, "PUT /bucket/pre/key HTTP"), "if-none-match"), S("*"));
}

static void a_slow_source_takes_no_request_its_time(void **state)
{
    struct fixture *f = *state;
    start(f, NONE);
    f->patience = 2 * CLOCK_SECOND;
    struct source source = {.left = 1000, .pause = 1200}; /* twice: the end is read too */
    const struct stream stream = {source_read, NULL, &source};
    assert_ok(store_upload(f->store, io(f), S("key"), stream, UINT64_MAX, NULL, NULL, &f->error), &f->error);
}

static void a_part_that_failed_is_sent_again(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, PART_FAILS_ONCE);
    assert_ok(upload(f, 2 * PART + 1, STORE_ANY), &f->error);
    assert_int_equal(bucket->tries_of_second, 2);
    assert_int_equal(bucket->sizes[1], PART);
}

static void failures_leave_no_parts(void **state)
{
    const struct {
        enum fault fault;
        enum status status;
        const char *words;
    } cases[] = {
        {PART_FAILS, STATUS_DENIED, "part 2"},
        {PART_WITHOUT_ETAG, STATUS_CORRUPT, "without an ETag"},
        {COMPLETE_ERROR, STATUS_CORRUPT, "InvalidPart"},
        {COMPLETE_PRECONDITION, STATUS_PRECONDITION, "PreconditionFailed"},
        {COMPLETE_LOST_TO_OTHER, STATUS_NOT_FOUND, "NoSuchUpload"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        struct bucket *bucket = start(f, cases[i].fault);
        assert_error(upload(f, 3 * PART, STORE_ANY), cases[i].status, &f->error, cases[i].words);
        assert_int_equal(bucket->initiated, 1);
        assert_int_equal(bucket->aborted, 1);
        start_anew(state);
    }
}

static void what_was_never_begun_is_not_aborted(void **state)
{
    const struct {
        enum fault fault;
        enum status status;
    } cases[] = {{INITIATE_FAILS, STATUS_DENIED}, {INITIATE_GARBLED, STATUS_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        struct bucket *bucket = start(f, cases[i].fault);
        assert_error(upload(f, 3 * PART, STORE_ANY), cases[i].status, &f->error, "s3://bucket");
        assert_int_equal(bucket->aborted, 0);
        start_anew(state);
    }
}

static void an_error_within_200_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, COMPLETE_ERROR_ONCE);
    assert_ok(upload(f, 2 * PART, STORE_ANY), &f->error);
    assert_int_equal(bucket->completions, 2);
    assert_str(f->object.etag, S("\"whole-2\""));
}

static void a_completion_whose_answer_was_lost_is_recognised(void **state)
{
    const enum fault faults[] = {COMPLETE_LOST, COMPLETE_GARBLED};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;
        struct bucket *bucket = start(f, faults[i]);
        assert_ok(upload(f, 2 * PART + 1048576, STORE_ANY), &f->error);
        assert_str(f->object.etag, S("\"stands\""));
        assert_int_equal(f->object.size, 17825792);
        assert_int_equal(bucket->aborted, 0);
        start_anew(state);
    }
}

static void an_empty_etag_is_asked_for(void **state)
{
    struct fixture *f = *state;
    start(f, COMPLETE_WITHOUT_ETAG);
    assert_ok(upload(f, 2 * PART + 1048576, STORE_ANY), &f->error);
    assert_str(f->object.etag, S("\"stands\""));
}

static void a_source_that_breaks_ends_the_upload(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, NONE);
    struct source source = {.left = 5 * PART, .fail_at = 2 * PART};
    const struct stream stream = {source_read, NULL, &source};
    assert_error(store_upload(f->store, io(f), S("key"), stream, UINT64_MAX, NULL, NULL, &f->error), STATUS_UNAVAILABLE, &f->error,
                 "the source broke");
    assert_int_equal(bucket->aborted, 1);
    assert_int_equal(bucket->completions, 0);
}

/* --- parts that the store copies */

/* 24 MiB that are there, and bytes of our own. */
static enum status compose(struct fixture *f, struct str own)
{
    const struct store_piece pieces[] = {{.key = S("fr+om")}, {.bytes = own}};
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    return store_compose(f->store, io(f), S("key"), pieces, 2, &put, &f->object, &f->error);
}

static void parts_are_copied_by_the_store(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, NONE);
    assert_ok(compose(f, S("the end")), &f->error);
    assert_int_equal(bucket->copies, 3);
    assert_int_equal(bucket->sizes[3], 7);
    assert_int_equal(f->object.size, 3 * PART + 7);
    const struct scripted_request *part = find(f, "PUT /bucket/pre/key?partNumber=2&uploadId=up%26load%2F1 HTTP");
    assert_str(scripted_header(part, "x-amz-copy-source"), S("/bucket/pre/fr%2Bom"));
    assert_str(scripted_header(part, "x-amz-copy-source-range"), S("bytes=8388608-16777215"));
    assert_str(scripted_header(part, "x-amz-copy-source-if-match"), S("\"from\""));
    const struct scripted_request *end = find(f, "POST /bucket/pre/key?uploadId=up%26load%2F1 HTTP");
    assert_str(scripted_header(end, "if-none-match"), S("*"));
    assert_true(str_find_str(end->body, S("<PartNumber>1</PartNumber><ETag>\"copied\"</ETag>")) < end->body.length);
    assert_true(str_find_str(end->body, S("<PartNumber>4</PartNumber><ETag>\"part-4\"</ETag>")) < end->body.length);
}

static void answers_are_known_by_what_is_in_them(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, ODD_ROOTS);
    assert_ok(compose(f, S("the end")), &f->error);
    assert_int_equal(bucket->copies, 3);
    assert_str(f->object.etag, S("\"whole-2\""));
}

static void a_source_that_is_replaced_meanwhile_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, COPY_REPLACED);
    assert_error(compose(f, S("the end")), STATUS_CORRUPT, &f->error, "changed while it was copied");
    assert_int_equal(bucket->completions, 0);
    assert_int_equal(bucket->aborted, 1);
}

static void a_copy_that_failed_within_200_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, COPY_ERROR_ONCE);
    assert_ok(compose(f, S("")), &f->error);
    assert_int_equal(bucket->copies, 4);
    assert_int_equal(bucket->aborted, 0);
}

static void copies_that_fail_leave_no_parts(void **state)
{
    const enum fault faults[] = {COPY_GARBLED, COPY_CHANGED};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;
        struct bucket *bucket = start(f, faults[i]);
        assert_error(compose(f, S("the end")), STATUS_CORRUPT, &f->error, "part 1");
        assert_int_equal(bucket->aborted, 1);
        assert_int_equal(bucket->completions, 0);
        start_anew(state);
    }
}

static enum status copy_whole(struct fixture *f, const char *from, bool resume)
{
    const struct store_piece piece = {.key = str_of(from)};
    const struct store_put put = {.content_type = "application/x-test", .resume = resume};
    return store_compose(f->store, io(f), S("key"), &piece, 1, &put, &f->object, &f->error);
}

static void a_small_object_is_copied_in_one_request(void **state)
{
    struct fixture *f = *state;
    start(f, NONE);
    assert_ok(copy_whole(f, "small", true), &f->error);
    assert_str(f->object.etag, S("\"small\""));
    assert_int_equal(f->object.size, 1000);
    const struct scripted_request *request = find(f, "PUT /bucket/pre/key HTTP");
    assert_str(scripted_header(request, "x-amz-copy-source"), S("/bucket/pre/small"));
    assert_str(scripted_header(request, "x-amz-copy-source-if-match"), S("\"small\""));
    assert_str(scripted_header(request, "x-amz-metadata-directive"), S("REPLACE"));
    assert_str(scripted_header(request, "content-type"), S("application/x-test"));
    assert_int_equal(f->server->count, 3); /* what was copied is looked at before and after */
}

static void a_copy_with_another_etag_is_none(void **state)
{
    struct fixture *f = *state;
    start(f, COPY_OTHER);
    assert_error(copy_whole(f, "small", false), STATUS_CORRUPT, &f->error, "the copy has the ETag other, and what was copied small");
}

static void etags_that_are_no_digests_are_not_compared(void **state)
{
    const enum fault faults[] = {COPY_ENCRYPTED, COPY_OF_ENCRYPTED, COPY_OF_PARTS, COPY_UNQUOTED};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct fixture *f = *state;
        start(f, faults[i]);
        assert_ok(copy_whole(f, "small", false), &f->error);
        assert_ok(copy_whole(f, "fr+om", false), &f->error);
        start_anew(state);
    }
}

/* Of what is copied nothing is known but when it changed: what was copied before that is copied again, and so is what is short. */
static void copies_that_were_cut_off_go_on(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, CUT_OFF);
    assert_ok(copy_whole(f, "fr+om", true), &f->error);
    assert_int_equal(bucket->copies, 2);
    assert_int_equal(bucket->initiated, 0);
    const struct scripted_request *end = find(f, "POST /bucket/pre/key?uploadId=up%26load%2F1 HTTP");
    assert_true(str_find_str(end->body, S("<PartNumber>1</PartNumber><ETag>\"before\"</ETag>")) < end->body.length);
    assert_true(str_find_str(end->body, S("<PartNumber>2</PartNumber><ETag>\"copied\"</ETag>")) < end->body.length);
    start_anew(state);
    f = *state;
    bucket = start(f, CUT_OFF_BEFORE);
    assert_ok(copy_whole(f, "fr+om", true), &f->error);
    assert_int_equal(bucket->copies, 3);
}

static void an_upload_that_cannot_go_on_is_begun_again(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, CUT_OFF_REFUSED);
    assert_ok(copy_whole(f, "fr+om", true), &f->error);
    assert_int_equal(bucket->initiated, 1);
    assert_int_equal(bucket->aborted, 1);
    find(f, "POST /bucket/pre/key?uploadId=2 HTTP");
}

static void copies_end_with_their_time(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = start(f, NONE);
    const struct store_piece piece = {.key = S("fr+om")};
    const struct store_put put = {.end = deadline_in(0)};
    assert_error(store_compose(f->store, io(f), S("key"), &piece, 1, &put, NULL, &f->error), STATUS_TIMEOUT, &f->error, "");
    assert_int_equal(bucket->copies, 0);
}

/* --- uploads of killed writers */

#define UPLOADS                                                                                                                            \
    "<R><Upload><Key>pre/a/old</Key><UploadId>1</UploadId><Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload>"                        \
    "<Upload><Key>pre/a/slow</Key><UploadId>2</UploadId><Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload>"                          \
    "<Upload><Key>pre/a/young</Key><UploadId>3</UploadId><Initiated>2026-11-22T11:50:00.000Z</Initiated></Upload>"                         \
    "<Upload><Key>pre/a/hidden</Key><UploadId>4</UploadId><Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload>"                        \
    "<Upload><Key>pre/b/old</Key><UploadId>5</UploadId><Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload>"                           \
    "<Upload><Key>other/a/old</Key><UploadId>6</UploadId><Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload></R>"
#define PART_AT(time)                                                                                                                      \
    S("<R><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><LastModified>" time                                             \
      "</LastModified><ETag>e</ETag><Size>1</Size></Part></R>")

static bool tell_of_uploads(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    const char *const date = "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n";
    (void)server, (void)number;
    if (scripted_is(request, "GET /bucket?prefix=pre%2Fa%2F&uploads=")) return scripted_reply(fd, "200 OK", date, S(UPLOADS));
    if (scripted_is(request, "GET /bucket/pre/a/slow")) return scripted_reply(fd, "200 OK", date, PART_AT("2026-11-22T11:45:00Z"));
    if (scripted_is(request, "GET /bucket/pre/a/old")) return scripted_reply(fd, "200 OK", date, PART_AT("2026-11-22T10:02:00Z"));
    if (scripted_is(request, "GET ")) return scripted_error(fd, "403 Forbidden", "AccessDenied");
    return scripted_reply(fd, "204 No Content", "", S(""));
}

static void only_uploads_that_nobody_writes_are_swept(void **state)
{
    struct fixture *f = *state;
    serve(f, tell_of_uploads, NULL);
    assert_ok(store_sweep(f->store, io(f), S("a/"), &f->error), &f->error);
    int removed = 0;
    for (int i = 0; i < f->server->count; i++) removed += scripted_is(&f->server->requests[i], "DELETE ");
    assert_int_equal(removed, 1);
    find(f, "DELETE /bucket/pre/a/old?uploadId=1 HTTP");
}

static void what_does_not_fit_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    start(f, NONE);
    struct source source = {.left = 1};
    const struct stream stream = {source_read, NULL, &source};
    assert_error(store_upload(f->store, io(f), S("key"), stream, UINT64_C(1) << 40, NULL, NULL, &f->error), STATUS_TOO_LARGE, &f->error,
                 "MiB");
    assert_int_equal(f->server->count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_are_joined),
        TEST(small_bodies_go_in_one_put),
        TEST(a_slow_source_takes_no_request_its_time),
        TEST(a_part_that_failed_is_sent_again),
        TEST(failures_leave_no_parts),
        TEST(what_was_never_begun_is_not_aborted),
        TEST(an_error_within_200_is_an_error),
        TEST(a_completion_whose_answer_was_lost_is_recognised),
        TEST(an_empty_etag_is_asked_for),
        TEST(a_source_that_breaks_ends_the_upload),
        TEST(parts_are_copied_by_the_store),
        TEST(answers_are_known_by_what_is_in_them),
        TEST(a_source_that_is_replaced_meanwhile_is_noticed),
        TEST(a_copy_that_failed_within_200_is_asked_for_again),
        TEST(copies_that_fail_leave_no_parts),
        TEST(a_small_object_is_copied_in_one_request),
        TEST(a_copy_with_another_etag_is_none),
        TEST(etags_that_are_no_digests_are_not_compared),
        TEST(copies_that_were_cut_off_go_on),
        TEST(an_upload_that_cannot_go_on_is_begun_again),
        TEST(copies_end_with_their_time),
        TEST(only_uploads_that_nobody_writes_are_swept),
        TEST(what_does_not_fit_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
