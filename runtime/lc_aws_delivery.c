#include "lc_aws_delivery.h"

#include <time.h>

#include "lc_error.h"

enum { FIRST_PAUSE = 10, LONGEST_PAUSE = 1000, LEAST_TIME = 2000 };

struct deadline lc_aws_delivery_deadline(const struct lc_call *call)
{
    struct deadline least = deadline_in(LEAST_TIME);
    return call->deadline.at > least.at ? call->deadline : least;
}

/* After a broken connection one cannot know whether the answer had arrived: then being refused is good news. */
enum status lc_aws_verdict(const struct lc_call *call, const struct lc_aws_reply *reply, bool sent_before)
{
    if (reply->status < 300) return STATUS_OK;
    if (reply->status == 413) return STATUS_TOO_LARGE;
    if (reply->status >= 500) return STATUS_UNAVAILABLE;
    log_write(call->log, sent_before ? LOG_INFO : LOG_ERROR, "the Runtime API answered %d: " STR_FMT, reply->status,
              STR_ARG(str_first(reply->body, 512)));
    return STATUS_OK;
}

int64_t lc_aws_pause_before(int attempt)
{
    return attempt < 7 ? (int64_t)FIRST_PAUSE << attempt : LONGEST_PAUSE;
}

bool lc_aws_pause(struct deadline until, int attempt)
{
    int64_t pause = lc_aws_pause_before(attempt);
    if (deadline_left(until) <= pause) return false;
    nanosleep(&(struct timespec){.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000}, NULL);
    return true;
}

enum status lc_aws_deliver(struct lc_aws_client *client, const struct lc_call *call, const struct str *parts, size_t count)
{
    struct deadline until = lc_aws_delivery_deadline(call);
    for (int attempt = 0;; attempt++) {
        struct error error = {0};
        struct lc_aws_reply reply;
        enum status status = lc_aws_ask(client, call->arena, parts, count, until, &reply, &error);
        if (reply.status != 0) status = lc_aws_verdict(call, &reply, attempt > 0);
        if (status == STATUS_OK || status == STATUS_TOO_LARGE) return status;
        if (reply.status != 0) error_set(&error, status, "the Runtime API answered %d", reply.status);
        log_warn(call->log, "the answer was not delivered: %s", error.text);
        if (lc_aws_pause(until, attempt)) continue;
        log_error(call->log, "the answer is lost: no more time to deliver it");
        return status;
    }
}

static struct buf error_head(struct lc_aws_client *client, struct arena *arena, const char *path, struct str type, size_t length)
{
    struct buf head = buf_in(arena, 4096);
    lc_aws_head(&head, client, "POST", path);
    buf_printf(&head,
               "Content-Type: application/vnd.aws.lambda.error+json\r\nLambda-Runtime-Function-Error-Type: " STR_FMT
               "\r\nContent-Length: %zu\r\n\r\n",
               STR_ARG(type), length);
    return head;
}

void lc_aws_deliver_error(struct lc_aws_client *client, const struct lc_call *call, struct str type, const char *message)
{
    struct str body = lc_error_json(call->arena, type, str_of(message));
    struct str path = arena_printf(call->arena, "/2018-06-01/runtime/invocation/" STR_FMT "/error", STR_ARG(call->request_id));
    struct buf head = error_head(client, call->arena, path.data, type, body.length);
    struct str parts[] = {buf_str(&head), body};
    lc_aws_deliver(client, call, parts, 2);
}

void lc_aws_deliver_init_error(struct lc_aws_client *client, struct arena *arena, const char *message)
{
    struct lc_call call = {.arena = arena, .deadline = deadline_in(LEAST_TIME)};
    struct str body = lc_error_json(arena, S("Runtime.InitError"), str_of(message));
    struct buf head = error_head(client, arena, "/2018-06-01/runtime/init/error", S("Runtime.InitError"), body.length);
    struct str parts[] = {buf_str(&head), body};
    lc_aws_deliver(client, &call, parts, 2);
}
