#include "base/encode.h"
#include "lib/store/retry_internal.h"
#include "lib/store/s3/errors_internal.h"
#include "lib/store/s3/s3_internal.h"

enum {
    CREDENTIALS_LIFE = CLOCK_SECOND,
    DAMAGED_TRIES = 3, /* bytes that are wrong three times were not damaged on the way */
    ERROR_BODY = 16 * 1024
};

void s3_add_header(struct s3_request *request, struct str name, struct str value)
{
    if (request->header_count < S3_HEADERS) request->headers[request->header_count++] = (struct store_pair){name, value};
}

void s3_add_argument(struct s3_request *request, struct str name, struct str value)
{
    if (request->query_count < S3_ARGUMENTS) request->query[request->query_count++] = (struct store_pair){name, value};
}

struct sigv4_signer s3_signer(struct s3 *s3, const struct credentials *credentials, int64_t moment)
{
    pthread_mutex_lock(&s3->signer_lock);
    if (s3->signer_serial != credentials->serial || s3->signer_day != moment / CLOCK_DAY) {
        sigv4_key(credentials->secret, s3->region, S("s3"), moment, s3->signer.key);
        s3->signer_serial = credentials->serial;
        s3->signer_day = moment / CLOCK_DAY;
    }
    struct sigv4_signer signer = s3->signer;
    pthread_mutex_unlock(&s3->signer_lock);
    signer.id = credentials->id;
    signer.region = s3->region;
    signer.service = S("s3");
    return signer;
}

/* A request and its answer, over all attempts. */
struct exchange {
    struct s3 *s3;
    struct io io;
    const struct s3_request *request;
    struct s3_answer *answer;
    bool whole; /* the body is read too; else it is left to be pulled */
    struct store_wait wait;
    struct attempt {
        bool again, credentials, ambiguous;
        unsigned tries;  /* that make sense in all; 0: any number */
        uint64_t serial; /* of the credentials it was signed with */
    } attempt;           /* what the last one came to */
};

static struct str url_of(struct s3 *s3, struct arena *arena, struct str path, struct str query)
{
    return arena_printf(arena, STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(s3->origin), STR_ARG(path), query.length ? "?" : "", STR_ARG(query));
}

static struct str path_of(struct s3 *s3, struct arena *arena, struct str key)
{
    if (str_empty(key)) return s3->bucket_path;
    return arena_printf(arena, STR_FMT STR_FMT, STR_ARG(s3->root), STR_ARG(percent_encode(arena, key, true)));
}

/* The request with its signature, in `arena`; `headers` has room for S3_HEADERS and five more. */
static struct wire_request sign(struct s3 *s3, struct arena *arena, const struct s3_request *request, const struct credentials *credentials,
                                struct store_pair *headers)
{
    int64_t now = clock_real();
    size_t count = request->header_count;
    struct str hash = request->body.length ? sigv4_payload_hash(arena, request->body) : S(SIGV4_EMPTY_HASH);
    memcpy(headers, request->headers, count * sizeof *headers);
    headers[count++] = (struct store_pair){S("host"), s3->host};
    headers[count++] = (struct store_pair){S("x-amz-content-sha256"), hash};
    headers[count++] = (struct store_pair){S("x-amz-date"), sigv4_time(arena, now)};
    if (!str_empty(credentials->token)) headers[count++] = (struct store_pair){S("x-amz-security-token"), credentials->token};
    struct sigv4_request to_sign = {
        .method = str_of(request->method),
        .path = path_of(s3, arena, request->key),
        .query = request->query,
        .query_count = request->query_count,
        .headers = headers,
        .header_count = count,
        .payload_hash = hash,
    };
    struct sigv4_signer signer = s3_signer(s3, credentials, now);
    struct sigv4_signature signature = sigv4_sign(arena, &signer, &to_sign, now);
    headers[count++] = (struct store_pair){S("authorization"), sigv4_authorization(arena, &signature)};
    return (struct wire_request){
        .method = request->method,
        .url = url_of(s3, arena, to_sign.path, signature.query),
        .headers = headers,
        .header_count = count,
        .body = request->body,
        .direct = s3->direct,
    };
}

static enum status send(struct exchange *exchange, struct error *error)
{
    struct s3 *s3 = exchange->s3;
    struct attempt *attempt = &exchange->attempt;
    struct wire_answer *answer = &exchange->answer->wire;
    struct credentials credentials;
    struct store_pair headers[S3_HEADERS + 5];
    *answer = (struct wire_answer){0};
    enum status status = credentials_get(s3->credentials, exchange->io, CREDENTIALS_LIFE, &credentials, error);
    if (status != STATUS_OK) {
        attempt->again = status == STATUS_UNAVAILABLE;
        return status;
    }
    attempt->serial = credentials.serial;
    struct arena *scratch = arena_new();
    struct wire_request signed_request = sign(s3, scratch, exchange->request, &credentials, headers);
    signed_request.wait = &exchange->wait;
    status = wire_begin(s3->wire, exchange->io, &signed_request, answer, error);
    arena_free(scratch);
    attempt->again = status != STATUS_OK;
    attempt->tries = answer->tries;
    attempt->ambiguous = status != STATUS_OK && answer->sent;
    return status;
}

static void hang_up(struct wire_answer *answer)
{
    wire_end(answer->call);
    answer->call = NULL;
}

/* Reads an answer that is an error. */
static enum status refused(struct exchange *exchange, struct error *error)
{
    struct wire_answer *answer = &exchange->answer->wire;
    struct buf body = buf_in(exchange->io.arena, ERROR_BODY);
    struct error ignored;
    wire_read(answer, deadline_within(exchange->io.deadline, CLOCK_SECOND), &body, &ignored);
    hang_up(answer);
    struct s3_failure failure = s3_failure_of(answer, buf_str(&body), error);
    struct attempt *attempt = &exchange->attempt;
    attempt->again = failure.again;
    attempt->credentials = failure.credentials;
    attempt->tries = failure.tries;
    attempt->ambiguous = answer->status >= 500 || answer->sent;
    return error->status;
}

/* Chunks tell their end, and so the length. Where the connection's end is all that tells, it may be a break. */
static void note_length(struct s3_answer *answer)
{
    bool chunked = str_equal_nocase(wire_header(&answer->wire, S("transfer-encoding")), S("chunked"));
    if (chunked) answer->wire.length = answer->body.length;
}

static enum status read_body(struct exchange *exchange, struct error *error)
{
    const struct s3_request *request = exchange->request;
    struct s3_answer *answer = exchange->answer;
    struct attempt *attempt = &exchange->attempt;
    answer->body.length = 0;
    answer->body.overflow = false;
    bool has_body = strcmp(request->method, "HEAD") != 0;
    enum status status = !has_body ? STATUS_OK : wire_read(&answer->wire, exchange->io.deadline, &answer->body, error);
    hang_up(&answer->wire);
    attempt->again = status != STATUS_TOO_LARGE;
    attempt->ambiguous = true;
    if (status == STATUS_OK && has_body) note_length(answer);
    if (status == STATUS_OK && request->check) status = request->check(request, answer, error);
    if (status == STATUS_OK) return STATUS_OK;
    if (status != STATUS_CORRUPT && status != STATUS_UNAVAILABLE && status != STATUS_THROTTLED && status != STATUS_TIMEOUT)
        attempt->again = false;
    return status;
}

static enum status try_once(struct exchange *exchange, struct error *error)
{
    exchange->attempt = (struct attempt){0};
    TRY(send(exchange, error));
    if (exchange->answer->wire.status >= 300) return refused(exchange, error);
    return exchange->whole ? read_body(exchange, error) : STATUS_OK;
}

static enum status name_failure(struct s3 *s3, const struct s3_request *request, unsigned attempts, struct error *error)
{
    if (attempts > 1) error_context(error, "after %u tries", attempts);
    if (str_empty(request->key)) return error_context(error, STR_FMT, STR_ARG(s3->store.name));
    return error_context(error, STR_FMT ": " STR_FMT STR_FMT, STR_ARG(s3->store.name), STR_ARG(s3->store.prefix), STR_ARG(request->key));
}

static enum status call(struct exchange *exchange, struct error *error)
{
    struct s3 *s3 = exchange->s3;
    const struct s3_request *request = exchange->request;
    struct s3_answer *answer = exchange->answer;
    struct attempt *attempt = &exchange->attempt;
    bool rejected = false;
    unsigned damaged = 0;
    exchange->wait = wait_begin(s3->store.name);
    *answer = (struct s3_answer){.body = buf_in(exchange->io.arena, request->limit ? request->limit : ERROR_BODY)};
    for (unsigned attempts = 1;; attempts++) {
        enum status status = try_once(exchange, error);
        if (status == STATUS_OK) return STATUS_OK;
        answer->ambiguous = answer->ambiguous || attempt->ambiguous;
        if (status == STATUS_CORRUPT && ++damaged == DAMAGED_TRIES) attempt->again = false;
        if (attempt->credentials && !rejected) attempt->again = rejected = credentials_reject(s3->credentials, attempt->serial);
        if (attempt->tries > 0 && attempts >= attempt->tries) attempt->again = false;
        wait_failed(&exchange->wait, error);
        if (!attempt->again || !retry_pause(attempts, exchange->io.deadline, &exchange->wait))
            return name_failure(s3, request, attempts, error);
        store_count(&s3->store.counters.retries, 1);
    }
}

enum status s3_call(struct s3 *s3, struct io io, const struct s3_request *request, struct s3_answer *answer, struct error *error)
{
    struct exchange exchange = {.s3 = s3, .io = io, .request = request, .answer = answer, .whole = true};
    return call(&exchange, error);
}

enum status s3_begin(struct s3 *s3, struct io io, const struct s3_request *request, struct s3_answer *answer, struct error *error)
{
    struct exchange exchange = {.s3 = s3, .io = io, .request = request, .answer = answer};
    return call(&exchange, error);
}
