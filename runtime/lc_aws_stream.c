#include <stdio.h>

#include "base/encode.h"
#include "lc_aws_delivery.h"
#include "lc_aws_event.h"
#include "lc_error.h"

enum { CHUNK = 64 * 1024 };

static struct str head_of(struct lc_aws_client *client, const struct lc_call *call)
{
    struct buf head = buf_in(call->arena, 4096);
    struct str path = arena_printf(call->arena, "/2018-06-01/runtime/invocation/" STR_FMT "/response", STR_ARG(call->request_id));
    lc_aws_head(&head, client, "POST", path.data);
    buf_add(&head, S("Content-Type: application/vnd.awslambda.http-integration-response\r\n"
                     "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
                     "Transfer-Encoding: chunked\r\n"
                     "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"));
    return buf_str(&head);
}

/* A response on its way. */
struct sending {
    struct lc_aws_client *client;
    const struct lc_call *call;
    const struct lc_request *request;
    const struct lc_response *response;
    struct deadline deadline;
    uint64_t bytes;       /* of the body, that were sent */
    struct error failure; /* of the stream, and not of the way to the platform */
};

/* size CR LF bytes CR LF; no bytes at all would end the body */
static enum status send_chunk(struct lc_aws_client *client, struct str before, struct str bytes, struct deadline deadline,
                              struct error *error)
{
    char size[24];
    int length = snprintf(size, sizeof size, "%zx\r\n", bytes.length);
    struct str parts[] = {before, str_make(size, (size_t)length), bytes, S("\r\n")};
    return bytes.length == 0 ? STATUS_OK : lc_aws_send(client, parts, 4, deadline, error);
}

/* A kept connection may have gone stale, which would show only after bytes were taken from the stream that cannot be had again: so
 * a new one is opened, and opened again as long as it is only the beginning that fails. */
static enum status begin(const struct sending *sending, struct error *error)
{
    struct str head = head_of(sending->client, sending->call);
    struct str prelude = lc_aws_prelude(sending->call->arena, sending->request, sending->response);
    for (int attempt = 0;; attempt++) {
        lc_aws_client_close(sending->client);
        enum status status = send_chunk(sending->client, head, prelude, sending->deadline, error);
        if (status == STATUS_OK || !lc_aws_pause(sending->deadline, attempt)) return status;
    }
}

/* STATUS_OK too where it is the stream that failed. */
static enum status send_body(struct sending *sending, struct error *error)
{
    struct lc_aws_client *client = sending->client;
    const struct lc_response *response = sending->response;
    struct error *failure = &sending->failure;
    TRY(send_chunk(client, S(""), response->body, sending->deadline, error));
    sending->bytes = response->body.length;
    if (!response->stream.read) return STATUS_OK;
    char *buffer = arena_buffer(sending->call->arena, CHUNK);
    while (!client->answered_early) {
        ssize_t count = stream_read(response->stream, buffer, CHUNK, failure);
        if (count < 0 && failure->status == STATUS_OK) error_set(failure, STATUS_INTERNAL, "the stream failed");
        if (count <= 0) break;
        TRY(send_chunk(client, S(""), str_make(buffer, (size_t)count), sending->deadline, error));
        sending->bytes += (uint64_t)count;
    }
    bool is_known = response->length != LC_LENGTH_UNKNOWN;
    if (failure->status == STATUS_OK && is_known && response->length != sending->bytes && !client->answered_early)
        error_set(failure, STATUS_CORRUPT, "the stream has not the length that was announced");
    return STATUS_OK;
}

static struct str end_of(const struct lc_call *call, const struct error *failure)
{
    if (failure->status == STATUS_OK) return S("0\r\n\r\n");
    struct str type = lc_error_type(call->arena, failure->status);
    struct str body = base64_encode(call->arena, lc_error_json(call->arena, type, str_of(failure->text)));
    return arena_printf(call->arena,
                        "0\r\nLambda-Runtime-Function-Error-Type: " STR_FMT "\r\nLambda-Runtime-Function-Error-Body: " STR_FMT "\r\n\r\n",
                        STR_ARG(type), STR_ARG(body));
}

static enum status transmit(struct sending *sending, struct error *error)
{
    struct lc_aws_reply reply;
    TRY(begin(sending, error));
    if (!str_equal(sending->request->method, S("HEAD"))) TRY(send_body(sending, error));
    struct str end = end_of(sending->call, &sending->failure);
    TRY(lc_aws_send(sending->client, &end, 1, sending->deadline, error));
    TRY(lc_aws_receive(sending->client, sending->call->arena, sending->deadline, &reply, error));
    enum status status = lc_aws_verdict(sending->call, &reply, false);
    return status == STATUS_OK ? status : error_set(error, status, "the Runtime API answered %d", reply.status);
}

bool lc_aws_deliver_stream(struct lc_aws_client *client, const struct lc_call *call, const struct lc_request *request,
                           struct lc_response *response, uint64_t *bytes)
{
    struct error error = {0};
    struct sending sending = {
        .client = client, .call = call, .request = request, .response = response, .deadline = lc_aws_delivery_deadline(call)};
    enum status status = transmit(&sending, &error);
    *bytes = sending.bytes;
    stream_close(&response->stream);
    lc_aws_client_close(client);
    if (sending.failure.status != STATUS_OK)
        log_error(call->log, "the stream failed after %llu bytes: %s", (unsigned long long)*bytes, sending.failure.text);
    if (status == STATUS_OK) return sending.failure.status == STATUS_OK;
    log_error(call->log, "the streamed answer was not delivered: %s", error.text);
    lc_aws_deliver_error(client, call, status == STATUS_TOO_LARGE ? S("Function.ResponseTooLarge") : S("Runtime.StreamBroken"), error.text);
    return false;
}
