/* A function that runs: what its `init` made, and who may still use it. All three hosts go through here. */
#ifndef LC_INSTANCE_H
#define LC_INSTANCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lc_metrics.h"

struct lc_instance {
    const struct lc_function *function;
    void *state;
    struct error init_error;
    pthread_mutex_t lock;     /* of init and stop */
    _Atomic int stage;        /* enum lc_stage */
    _Atomic uint64_t running; /* calls, and streams that were handed out; the top bit says that no more may begin */
    struct lc_metrics metrics;
};
enum lc_stage { LC_NEW, LC_READY, LC_FAILED, LC_STOPPED };

void lc_instance_make(struct lc_instance *, const struct lc_function *);

/* Runs `init` the first time; later callers get the first one's result. */
enum status lc_instance_init(struct lc_instance *, struct error *);
bool lc_instance_is_ready(const struct lc_instance *);

/* A call stands between these two, and so does the life of the stream that it answers with: `stop` waits for both. False where
 * the function has been stopped. */
bool lc_instance_enter(struct lc_instance *);
void lc_instance_leave(struct lc_instance *);
uint64_t lc_instance_running(const struct lc_instance *);

/* Waits at most `grace` milliseconds for what runs, and calls `stop`, once. False, and not called, where something still runs:
 * it would have its state taken from under it. */
bool lc_instance_stop(struct lc_instance *, int64_t grace);

/* For a process that is about to stop: what the function holds is flushed, and what waits is to end by `until`. */
void lc_instance_hurry(struct lc_instance *, struct deadline until);
/* For a process that ends though calls still run: nobody enters any more, and what the function holds is flushed beside them. False where
 * it has a `stop` and no other way to flush. */
bool lc_instance_abandon(struct lc_instance *);

/* The body of GET /healthz: "ok", and the version where the function states one. */
struct str lc_instance_health(struct arena *, const struct lc_function *);

/* Whether calls would succeed at present; runs `init` where that has not been done yet. */
enum status lc_instance_ready(struct lc_instance *, struct lc_call *, struct error *);

/* Whether the function takes a request, decided from its head alone: false where `response` is the answer already. `*body_max` is the most
 * bytes of body that it takes; it comes in as the host's own limit. The caller is inside the instance (lc_instance_enter). */
bool lc_instance_guard(struct lc_instance *, struct lc_call *, const struct lc_request *, struct lc_response *, size_t *body_max);
/* The same for a request whose body is there: one that is too large is answered 413, with this detail. */
extern const char lc_body_too_large[];
bool lc_instance_admit(struct lc_instance *, struct lc_call *, const struct lc_request *, struct lc_response *);

/* For a request that passed the guard: STATUS_OK with a response that can be sent, a problem where the handler failed;
 * STATUS_WOULD_BLOCK only where call->no_wait. */
enum status lc_instance_http(struct lc_instance *, struct lc_call *, const struct lc_request *, struct lc_response *);
enum status lc_instance_event(struct lc_instance *, struct lc_call *, struct str event, struct str *result, struct error *);

#endif
