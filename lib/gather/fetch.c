#include "lib/gather/fetch_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/gather/fetch_web_internal.h"
#include "lib/store/store.h"

enum { BLOCK = 64 << 10 };

struct fetcher {
    struct fetch_web *web;
    struct body body;
    struct store *store; /* once it was needed */
    struct arena *arena;
    char detail[DETAIL_LONGEST];
};

struct fetcher *fetcher_new(int channel)
{
    struct error error;
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (!fetcher) abort();
    fetcher->web = fetch_web_new(channel);
    if (body_open(&fetcher->body, &error) != STATUS_OK) {
        log_error((struct log){0}, "gather: %s", error.text);
        abort();
    }
    fetcher->arena = arena_new();
    return fetcher;
}

/* --- from the store */

static enum status read_stream(struct fetcher *fetcher, struct stream stream, struct deadline deadline, struct error *error)
{
    char *block = arena_buffer(fetcher->arena, BLOCK);
    for (;;) {
        ssize_t count = stream_read(stream, block, BLOCK, error);
        if (count <= 0) return count == 0 ? STATUS_OK : error->status;
        ENSURE(deadline_left(deadline) > 0, error, STATUS_TIMEOUT, "not read to its end in time");
        TRY(body_add(&fetcher->body, str_make(block, (size_t)count), error));
    }
}

static enum status read_store(struct fetcher *fetcher, const struct order *order, struct error *error)
{
    const char *url = getenv("PAKHUS_STORE");
    struct stream stream;
    struct store_object object;
    const struct io io = {.arena = fetcher->arena, .deadline = order->deadline};
    if (!fetcher->store) TRY(store_open(url ? url : "", &fetcher->store, error));
    if (order->access_key_id.length > 0)
        store_offer_credentials(fetcher->store, order->access_key_id, order->secret_access_key, order->session_token);
    TRY(store_stream(fetcher->store, io, order->key, NULL, &stream, &object, error));
    body_answered(&fetcher->body, 200);
    enum status status = read_stream(fetcher, stream, order->deadline, error);
    stream_close(&stream);
    return status;
}

static enum gather_reason reason_of(enum status status)
{
    switch (status) {
    case STATUS_OK: return GATHER_COMPLETE;
    case STATUS_NOT_FOUND:
    case STATUS_DENIED: return GATHER_STATUS;
    case STATUS_TIMEOUT: return GATHER_TIMEOUT;
    case STATUS_TOO_LARGE: return GATHER_TOO_LARGE;
    case STATUS_CORRUPT:
    case STATUS_PRECONDITION: return GATHER_INCOMPLETE;
    default: return GATHER_UNREACHABLE;
    }
}

static void run_store(struct fetcher *fetcher, const struct order *order, struct report *report)
{
    struct error error = {0};
    arena_reset(fetcher->arena);
    enum status status = read_store(fetcher, order, &error);
    report->reason = reason_of(status);
    report->status = status == STATUS_OK ? 200 : status == STATUS_NOT_FOUND ? 404 : status == STATUS_DENIED ? 403 : 0;
    report->whole = true;
    memcpy(fetcher->detail, error.text, sizeof fetcher->detail - 1);
    report->detail = str_of(fetcher->detail);
}

/* --- either */

static void seal(struct fetcher *fetcher, struct report *report)
{
    struct error error;
    if (report->reason != GATHER_COMPLETE) return;
    if (body_seal(&fetcher->body, report->sha256, &error) == STATUS_OK)
        report->length = fetcher->body.length;
    else
        report->reason = GATHER_CRASHED;
}

void fetcher_run(struct fetcher *fetcher, const struct order *order, struct report *report, int *body)
{
    *report = (struct report){.ticket = order->ticket};
    body_begin(&fetcher->body, body_order(&order->ticket), order->limit);
    if (order->key.length > 0)
        run_store(fetcher, order, report);
    else
        fetch_web_run(fetcher->web, order, &fetcher->body, report);
    seal(fetcher, report);
    *body = report->length > 0 ? fetcher->body.fd : -1;
}

int fetcher_region(const struct fetcher *fetcher)
{
    return fetcher->body.region_fd;
}

void fetcher_drop(struct fetcher *fetcher)
{
    body_drop(&fetcher->body);
}
