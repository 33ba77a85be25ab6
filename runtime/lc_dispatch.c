/* Who answers a request: the loop, at once, or a worker, while the connection is suspended. */
#include "lc_server.h"

enum { MOST_WAITING = 1024 };

static void run_work(struct lc_job *job)
{
    struct lc_exchange *x = (struct lc_exchange *)((char *)job - offsetof(struct lc_exchange, job));
    int64_t end = atomic_load(&x->server->calls_end);
    if (x->call.deadline.at > end) x->call.deadline.at = end;
    for (;;) {
        x->work(x);
        if (!lc_later_is_promised(&x->later)) break;
        if (lc_later_park(&x->later)) return;
    }
    lc_exchange_reply(x);
    x->worked = true;
    lc_loop_resume(x);
}

static enum MHD_Result ask_to_come_back(struct lc_exchange *x, const char *why)
{
    lc_problem(&x->call, &x->response, 503, NULL, str_of(why));
    return lc_shared_send(x);
}

static void suspend(struct lc_exchange *x)
{
    x->job.run = run_work;
    x->suspended = true;
    atomic_fetch_add(&x->server->suspended, 1);
    MHD_suspend_connection(x->connection);
}

static enum MHD_Result hand_to_worker(struct lc_exchange *x)
{
    struct lc_workers *workers = &x->server->workers;
    if (atomic_load(&workers->waiting) >= MOST_WAITING) return ask_to_come_back(x, "too many requests are waiting");
    suspend(x);
    lc_workers_push(workers, &x->job);
    return MHD_YES;
}

/* The loop's part is done, and the call waits for others. */
static enum MHD_Result let_wait(struct lc_exchange *x)
{
    suspend(x);
    if (!lc_later_park(&x->later)) x->later.wake(&x->later);
    return MHD_YES;
}

static bool done_on_loop(struct lc_exchange *x)
{
    x->call.no_wait = true;
    bool done = x->work(x) == STATUS_OK;
    x->call.no_wait = false;
    return done;
}

enum MHD_Result lc_exchange_dispatch(struct lc_exchange *x)
{
    x->dispatched = true;
    atomic_fetch_add(&x->server->answering, 1);
    lc_peer_work(&x->loop->peers, x->peer);
    if (x->work && !(x->quick && done_on_loop(x))) return hand_to_worker(x);
    return lc_later_is_promised(&x->later) ? let_wait(x) : lc_shared_send(x);
}
