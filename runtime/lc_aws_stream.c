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
static enum status begin(struct lc_aws_client *client, const struct lc_call *call, const struct lc_request *request,
                         const struct lc_response *response, struct deadline deadline, struct error *error)
{
    struct str head = head_of(client, call), prelude = lc_aws_prelude(call->arena, request, response);
    for (int attempt = 0;; attempt++) {
        lc_aws_client_close(client);
        enum status status = send_chunk(client, head, prelude, deadline, error);
        if (status == STATUS_OK || !lc_aws_pause(deadline, attempt)) return status;
    }
}

/* STATUS_OK with *failure filled where it is the stream that failed, and not the way to the platform. */
static enum status send_body(struct lc_aws_client *client, const struct lc_call *call, const struct lc_response *response,
                             struct deadline deadline, uint64_t *bytes, struct error *failure, struct error *error)
{
    TRY(send_chunk(client, S(""), response->body, deadline, error));
    *bytes = response->body.length;
    if (!response->stream.read) return STATUS_OK;
    char *buffer = arena_buffer(call->arena, CHUNK);
    while (!client->answered_early) {
        ssize_t count = stream_read(response->stream, buffer, CHUNK, failure);
        if (count < 0 && failure->status == STATUS_OK) error_set(failure, STATUS_INTERNAL, "the stream failed");
        if (count <= 0) break;
        TRY(send_chunk(client, S(""), str_make(buffer, (size_t)count), deadline, error));
        *bytes += (uint64_t)count;
    }
    if (failure->status == STATUS_OK && response->length != LC_LENGTH_UNKNOWN && response->length != *bytes && !client->answered_early)
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

static enum status transmit(struct lc_aws_client *client, const struct lc_call *call, const struct lc_request *request,
                            const struct lc_response *response, uint64_t *bytes, struct error *failure, struct error *error)
{
    struct deadline deadline = lc_aws_delivery_deadline(call);
    struct lc_aws_reply reply;
    TRY(begin(client, call, request, response, deadline, error));
    if (!str_equal(request->method, S("HEAD"))) TRY(send_body(client, call, response, deadline, bytes, failure, error));
    struct str end = end_of(call, failure);
    TRY(lc_aws_send(client, &end, 1, deadline, error));
    TRY(lc_aws_receive(client, call->arena, deadline, &reply, error));
    enum status status = lc_aws_verdict(call, &reply, false);
    return status == STATUS_OK ? status : error_set(error, status, "the Runtime API answered %d", reply.status);
}

bool lc_aws_deliver_stream(struct lc_aws_client *client, const struct lc_call *call, const struct lc_request *request,
                           struct lc_response *response, uint64_t *bytes)
{
    struct error failure = {0}, error = {0};
    *bytes = 0;
    enum status status = transmit(client, call, request, response, bytes, &failure, &error);
    stream_close(&response->stream);
    lc_aws_client_close(client);
    if (failure.status != STATUS_OK)
        log_error(call->log, "the stream failed after %llu bytes: %s", (unsigned long long)*bytes, failure.text);
    if (status == STATUS_OK) return failure.status == STATUS_OK;
    log_error(call->log, "the streamed answer was not delivered: %s", error.text);
    lc_aws_deliver_error(client, call, status == STATUS_TOO_LARGE ? S("Function.ResponseTooLarge") : S("Runtime.StreamBroken"), error.text);
    return false;
}
