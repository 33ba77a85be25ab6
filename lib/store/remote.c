#include "lib/store/remote_internal.h"
#include "lib/store/retry_internal.h"

enum {
    DAMAGED_TRIES = 3, /* bytes that are wrong three times were not damaged on the way */
    ERROR_BODY = 16 * 1024
};

void remote_add_header(struct remote_request *request, struct str name, struct str value)
{
    if (request->header_count < REMOTE_HEADERS) request->headers[request->header_count++] = (struct store_pair){name, value};
}

void remote_add_argument(struct remote_request *request, struct str name, struct str value)
{
    if (request->query_count < REMOTE_ARGUMENTS) request->query[request->query_count++] = (struct store_pair){name, value};
}

void remote_sign_header(struct remote_signed *with, struct str name, struct str value)
{
    with->headers[with->header_count++] = (struct store_pair){name, value};
}

/* A request and its answer, over all attempts. */
struct exchange {
    struct remote *remote;
    struct io io;
    const struct remote_request *request;
    struct remote_answer *answer;
    bool whole; /* the body is read too; else it is left to be pulled */
    struct store_wait wait;
    struct attempt {
        bool again, credentials, ambiguous;
        unsigned tries;  /* that make sense in all; 0: any number */
        uint64_t serial; /* of the credentials it was signed with */
    } attempt;           /* what the last one came to */
};

static struct wire_request wire_request_of(const struct remote *remote, const struct remote_request *request, struct remote_signed *it)
{
    return (struct wire_request){
        .method = request->method,
        .url = it->url,
        .headers = it->headers,
        .header_count = it->header_count,
        .body = request->body,
        .direct = remote->direct,
    };
}

static enum status send(struct exchange *exchange, struct error *error)
{
    struct remote *remote = exchange->remote;
    const struct remote_request *request = exchange->request;
    struct attempt *attempt = &exchange->attempt;
    struct wire_answer *answer = &exchange->answer->wire;
    struct remote_signed with = {.arena = arena_new(), .header_count = request->header_count};
    memcpy(with.headers, request->headers, sizeof request->headers);
    *answer = (struct wire_answer){0};
    enum status status = remote->service->sign(remote, exchange->io, request, &with, error);
    attempt->again = status == STATUS_UNAVAILABLE;
    attempt->serial = with.serial;
    if (status == STATUS_OK) {
        struct wire_request wire_request = wire_request_of(remote, request, &with);
        wire_request.wait = &exchange->wait;
        status = wire_begin(remote->wire, exchange->io, &wire_request, answer, error);
        attempt->again = status != STATUS_OK;
        attempt->tries = answer->tries;
        attempt->ambiguous = status != STATUS_OK && answer->sent;
    }
    arena_free(with.arena);
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
    struct failure failure = exchange->remote->service->failure(answer, buf_str(&body), error);
    struct attempt *attempt = &exchange->attempt;
    attempt->again = failure.again;
    attempt->credentials = failure.credentials;
    attempt->tries = failure.tries;
    attempt->ambiguous = answer->status >= 500 || answer->sent;
    return error->status;
}

/* Chunks tell their end, and so the length. Where the connection's end is all that tells, it may be a break. */
static void note_length(struct remote_answer *answer)
{
    bool chunked = str_equal_nocase(wire_header(&answer->wire, S("transfer-encoding")), S("chunked"));
    if (chunked) answer->wire.length = answer->body.length;
}

static enum status read_body(struct exchange *exchange, struct error *error)
{
    const struct remote_request *request = exchange->request;
    struct remote_answer *answer = exchange->answer;
    struct attempt *attempt = &exchange->attempt;
    answer->body.length = 0;
    answer->body.overflow = false;
    bool has_body = strcmp(request->method, "HEAD") != 0;
    enum status status = !has_body ? STATUS_OK : wire_read(&answer->wire, exchange->io.deadline, &answer->body, error);
    hang_up(&answer->wire);
    attempt->again = status != STATUS_TOO_LARGE;
    attempt->ambiguous = true;
    if (status == STATUS_OK && has_body) note_length(answer);
    if (status == STATUS_OK && request->check) status = request->check(exchange->remote, request, answer, error);
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

static enum status name_failure(const struct remote *remote, const struct remote_request *request, unsigned attempts, struct error *error)
{
    if (attempts > 1) error_context(error, "after %u tries", attempts);
    if (str_empty(request->key)) return error_context(error, STR_FMT, STR_ARG(remote->store.name));
    return error_context(error, STR_FMT ": " STR_FMT STR_FMT, STR_ARG(remote->store.name), STR_ARG(remote->store.prefix),
                         STR_ARG(request->key));
}

static enum status call(struct exchange *exchange, struct error *error)
{
    struct remote *remote = exchange->remote;
    const struct remote_request *request = exchange->request;
    struct remote_answer *answer = exchange->answer;
    struct attempt *attempt = &exchange->attempt;
    bool rejected = false;
    unsigned damaged = 0;
    exchange->wait = wait_begin(remote->store.name);
    *answer = (struct remote_answer){.body = buf_in(exchange->io.arena, request->limit ? request->limit : ERROR_BODY)};
    for (unsigned attempts = 1;; attempts++) {
        enum status status = try_once(exchange, error);
        if (status == STATUS_OK) return STATUS_OK;
        answer->ambiguous = answer->ambiguous || attempt->ambiguous;
        if (status == STATUS_CORRUPT && ++damaged == DAMAGED_TRIES) attempt->again = false;
        if (attempt->credentials && !rejected && remote->service->reject)
            attempt->again = rejected = remote->service->reject(remote, attempt->serial);
        if (attempt->tries > 0 && attempts >= attempt->tries) attempt->again = false;
        wait_failed(&exchange->wait, error);
        if (!attempt->again || !retry_pause(attempts, exchange->io.deadline, &exchange->wait))
            return name_failure(remote, request, attempts, error);
        store_count(&remote->store.counters.retries, 1);
    }
}

enum status remote_call(struct remote *remote, struct io io, const struct remote_request *request, struct remote_answer *answer,
                        struct error *error)
{
    struct exchange exchange = {.remote = remote, .io = io, .request = request, .answer = answer, .whole = true};
    return call(&exchange, error);
}

enum status remote_begin(struct remote *remote, struct io io, const struct remote_request *request, struct remote_answer *answer,
                         struct error *error)
{
    struct exchange exchange = {.remote = remote, .io = io, .request = request, .answer = answer};
    return call(&exchange, error);
}
