#include "lib/gather/gathering_internal.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/gather/body_internal.h"
#include "lib/store/common.h"

enum { TEXTS_LONGEST = 48 << 10, CRASHES_MOST = 3 /* a resource that kills its workers is not fetched again and again */ };

/* --- the table of requests */

static struct gathering **bucket_of(struct gather_pool *pool, const unsigned char id[REQUEST_ID])
{
    uint64_t random;
    memcpy(&random, id, sizeof random);
    return &pool->buckets[random % GATHERING_BUCKETS];
}

static struct gathering *find(struct gather_pool *pool, const unsigned char id[REQUEST_ID])
{
    struct gathering *gathering = *bucket_of(pool, id);
    while (gathering && memcmp(gathering->id, id, REQUEST_ID) != 0) gathering = gathering->chain;
    return gathering;
}

static void enter(struct gather_pool *pool, struct gathering *gathering)
{
    struct gathering **bucket = bucket_of(pool, gathering->id);
    gathering->chain = *bucket;
    *bucket = gathering;
    gathering->previous = NULL;
    gathering->next = pool->all;
    if (pool->all) pool->all->previous = gathering;
    pool->all = gathering;
}

static void leave(struct gather_pool *pool, struct gathering *gathering)
{
    struct gathering **at = bucket_of(pool, gathering->id);
    while (*at != gathering) at = &(*at)->chain;
    *at = gathering->chain;
    if (gathering->next) gathering->next->previous = gathering->previous;
    if (gathering->previous)
        gathering->previous->next = gathering->next;
    else
        pool->all = gathering->next;
}

/* "https://menu.example:8443" */
static struct str origin_of(struct str address)
{
    size_t host = str_find_str(address, S("://")) + 3, end = host;
    while (end < address.length && address.data[end] != '/' && address.data[end] != '?') end++;
    return str_first(address, end);
}

static void add_fetch(struct gather_pool *pool, struct gathering *gathering, uint32_t index)
{
    struct str address = gathering->request->resources[index].address;
    struct fetch *fetch = &gathering->fetches[index];
    *fetch = (struct fetch){.of = gathering, .index = index, .hedge_at = INT64_MAX};
    fetch->origin_hash = store_hash(pool->seed, origin_of(address));
    fetch->resource_hash = store_hash(pool->seed, address);
    queue_add(&pool->queue, &fetch->waiting, fetch->origin_hash);
}

/* So that every order fits into a packet. */
static bool is_fit(const struct gather_request *request)
{
    return request->allow.length + request->access_key_id.length + request->secret_access_key.length + request->session_token.length <=
           TEXTS_LONGEST;
}

void gathering_admit(struct gather_pool *pool, struct gathering *gathering)
{
    struct gather_request *request = gathering->request;
    if (!is_fit(request) || request->count == 0) {
        for (size_t i = 0; i < request->count; i++) request->outcomes[i].reason = GATHER_REFUSED;
        atomic_fetch_sub(&pool->under_way, 1);
        request->done(request);
        return;
    }
    enter(pool, gathering);
    for (uint32_t i = 0; i < request->count; i++) add_fetch(pool, gathering, i);
    gathering_be_due(pool, request->deadline.at);
}

/* --- outcomes */

/* From here on the gathering, and its arena, is the caller's again. */
static void finish(struct gather_pool *pool, struct gathering *gathering)
{
    leave(pool, gathering);
    atomic_fetch_sub(&pool->under_way, 1);
    gathering->request->done(gathering->request);
}

static bool is_at(const struct worker *worker, const struct fetch *fetch)
{
    return worker->state == WORKER_BUSY && worker->ticket.resource == fetch->index &&
           memcmp(worker->ticket.request, fetch->of->id, REQUEST_ID) == 0;
}

/* Another attempt at the same is not waited for. */
static void cancel_others(struct gather_pool *pool, const struct fetch *fetch, int64_t now)
{
    struct crew *crew = &pool->crew;
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++) {
        if (!is_at(worker, fetch)) continue;
        size_t length = message_write_cancel(&worker->ticket, pool->packet);
        message_send(worker->channel, str_make(pool->packet, length), -1, MSG_DONTWAIT);
        if (now + WORKER_GRACE < worker->kill_at) worker->kill_at = now + WORKER_GRACE;
        gathering_be_due(pool, worker->kill_at);
    }
}

static void end_fetch(struct gather_pool *pool, struct fetch *fetch, int64_t now)
{
    struct gathering *gathering = fetch->of;
    if (fetch->waiting.origin) queue_remove(&pool->queue, &fetch->waiting);
    if (fetch->running > 0) cancel_others(pool, fetch, now);
    fetch->ended = true;
    fetch->hedge_at = INT64_MAX;
    if (--gathering->left == 0) finish(pool, gathering);
}

/* The same whether the worker or the pool was first to find that the time is up: what came of the body, and the status that was read. */
static void tell_progress(const struct worker *worker, struct gather_outcome *outcome)
{
    uint64_t bytes;
    int status;
    if (!worker->region || !body_progress_of(worker->region, body_order(&worker->ticket), &bytes, &status)) return;
    if (bytes < outcome->received) return; /* another attempt was further */
    outcome->received = bytes;
    if (outcome->reason != GATHER_TIMEOUT) return;
    if (status >= 100 && status <= 999) outcome->status = status;
    if (bytes > 0) outcome->reason = GATHER_INCOMPLETE;
}

static void time_out(struct gather_pool *pool, const struct fetch *fetch, struct gather_outcome *outcome)
{
    const struct crew *crew = &pool->crew;
    outcome->reason = GATHER_TIMEOUT;
    for (const struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++)
        if (is_at(worker, fetch)) tell_progress(worker, outcome);
}

void gathering_expire(struct gather_pool *pool, struct gathering *gathering)
{
    for (uint32_t i = 0, left = (uint32_t)gathering->left; left > 0; i++) {
        struct fetch *fetch = &gathering->fetches[i];
        struct gather_outcome *outcome = &gathering->request->outcomes[i];
        if (fetch->ended) continue;
        if (outcome->reason == GATHER_COMPLETE && fetch->attempts == 0)
            outcome->reason = GATHER_BUSY;
        else if (outcome->reason == GATHER_COMPLETE || (outcome->reason == GATHER_CRASHED && fetch->running > 0))
            time_out(pool, fetch, outcome);
        left--;
        end_fetch(pool, fetch, clock_monotonic());
    }
}

static void unmap(void *context)
{
    body_unmap(*(const struct str *)context);
}

/* What is in the worker's region is copied, since the worker may write there again; what has a memfd of its own cannot change. */
static bool take_body(struct arena *arena, const struct worker *worker, const struct report *report, int fd, struct str *body)
{
    if (report->length > BODY_REGION) return fd >= 0 && body_map(fd, report->length, body);
    *body = arena_copy(arena, str_make(worker->region, report->length));
    return true;
}

static enum gather_reason judge(struct gathering *gathering, const struct fetch *fetch, const struct worker *worker,
                                const struct report *report, int fd)
{
    struct gather_outcome *outcome = &gathering->request->outcomes[fetch->index];
    const char *why = "the worker did not hand over what it announced";
    struct str body = {0};
    if (report->length > gathering->request->total_limit - gathering->bytes) return GATHER_TOO_LARGE;
    enum gather_reason reason = GATHER_CRASHED;
    if (take_body(gathering->arena, worker, report, fd, &body))
        reason = gather_judge(&gathering->request->resources[fetch->index], report->whole, body, report->sha256, &why);
    bool mapped = body.length > BODY_REGION;
    if (reason != GATHER_COMPLETE) {
        if (mapped) body_unmap(body);
        outcome->detail = str_of(why);
        return reason;
    }
    outcome->body = body;
    memcpy(outcome->sha256, report->sha256, sizeof outcome->sha256);
    gathering->bytes += body.length;
    if (mapped) arena_defer(gathering->arena, unmap, &outcome->body);
    return reason;
}

static void take_report(struct gathering *gathering, const struct fetch *fetch, const struct worker *worker, const struct report *report,
                        int fd)
{
    struct gather_outcome *outcome = &gathering->request->outcomes[fetch->index];
    *outcome = (struct gather_outcome){.reason = report->reason, .status = report->status};
    outcome->type = arena_copy(gathering->arena, report->type);
    outcome->encoding = arena_copy(gathering->arena, report->encoding);
    outcome->detail = arena_copy(gathering->arena, report->detail);
    if (report->reason == GATHER_COMPLETE) outcome->reason = judge(gathering, fetch, worker, report, fd);
    tell_progress(worker, outcome);
}

static void file(struct gather_pool *pool, struct fetch *fetch, const struct worker *worker, const struct report *report, int body,
                 int64_t now)
{
    struct gathering *gathering = fetch->of;
    struct gather_outcome *outcome = &gathering->request->outcomes[fetch->index];
    if (--fetch->running == 0) fetch->origin = NULL;
    if (fetch->ended) return;
    if (report)
        take_report(gathering, fetch, worker, report, body);
    else
        *outcome = (struct gather_outcome){.reason = GATHER_CRASHED};
    if (outcome->reason == GATHER_COMPLETE) usual_note(pool->usual, fetch->resource_hash, now - worker->started);
    bool again = fetch->running == 0 && outcome->reason == GATHER_CRASHED && now < gathering->request->deadline.at &&
                 (worker->unread || ++fetch->crashes < CRASHES_MOST);
    bool final = outcome->reason == GATHER_COMPLETE || fetch->running == 0;
    if (again)
        queue_add(&pool->queue, &fetch->waiting, fetch->origin_hash);
    else if (final)
        end_fetch(pool, fetch, now);
}

void gathering_file(struct gather_pool *pool, const struct worker *worker, const struct report *report, int body, int64_t now)
{
    struct gathering *gathering = find(pool, worker->ticket.request);
    if (gathering) file(pool, &gathering->fetches[worker->ticket.resource], worker, report, body, now);
    if (body >= 0) close(body);
}
