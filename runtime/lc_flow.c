/* A stream may wait for its source, and the loop may not: a worker reads into a ring of bounded size, from which the loop sends.
 *
 *      worker ── stream_read ──→ [ . . head ▓▓▓▓▓▓ tail . . ] ──→ loop ── socket
 *
 * An empty ring suspends the connection until a worker has put something in; a full one ends the worker's job, and the loop
 * starts another when half of it is sent. So a slow client holds no thread, and a slow source holds no loop. */
#include <pthread.h>

#include "lc_server.h"

enum { RING = 192 * 1024, BLOCK = 32 * 1024 };

struct lc_flow {
    struct lc_job job;
    struct lc_exchange *exchange;
    uint64_t left; /* of the announced length; only the worker's */
    pthread_mutex_t lock;
    size_t head, used;
    bool filling;   /* a job is queued or running */
    bool waiting;   /* the connection is suspended: `filling`, always */
    bool ended;     /* all has been read */
    bool failed;    /* nothing more will come */
    bool abandoned; /* nobody wants it any more: the job closes the stream */
    char *ring;
};

/* --- on a worker */

static void discard(struct lc_flow *flow)
{
    struct lc_exchange *x = flow->exchange;
    struct lc_server *server = x->server;
    stream_close(&x->response.stream);
    if (x->instance) lc_instance_leave(x->instance);
    pthread_mutex_destroy(&flow->lock);
    lc_exchange_free(x);
    atomic_fetch_sub(&server->answering, 1);
}

/* The free bytes behind the tail, as far as they lie together; 0 where the job has nothing more to do. */
static size_t claim(struct lc_flow *flow, char **into, bool *abandoned)
{
    pthread_mutex_lock(&flow->lock);
    size_t tail = (flow->head + flow->used) % RING;
    size_t room = flow->used == RING ? 0 : tail >= flow->head ? RING - tail : flow->head - tail;
    if (flow->abandoned || flow->ended || flow->failed) room = 0;
    if (room == 0) flow->filling = false;
    *into = flow->ring + tail;
    *abandoned = flow->abandoned;
    pthread_mutex_unlock(&flow->lock);
    return room;
}

static void publish(struct lc_flow *flow, size_t count, bool ended, bool failed)
{
    pthread_mutex_lock(&flow->lock);
    flow->used += count;
    flow->ended = ended;
    flow->failed = failed;
    bool wake = flow->waiting;
    flow->waiting = false;
    pthread_mutex_unlock(&flow->lock);
    if (wake) lc_loop_resume(flow->exchange);
}

static void read_some(struct lc_flow *flow, char *into, size_t room)
{
    struct lc_exchange *x = flow->exchange;
    struct error error = {0};
    if (room > flow->left) room = (size_t)flow->left;
    ssize_t count = room > 0 ? stream_read(x->response.stream, into, room, &error) : 0;
    if (x->server->aborting) count = -1;
    if (count > 0 && flow->left != LC_LENGTH_UNKNOWN) flow->left -= (uint64_t)count;
    bool ended = count == 0 || flow->left == 0;
    bool short_of = count == 0 && flow->left > 0 && flow->left != LC_LENGTH_UNKNOWN;
    if (count < 0 || short_of) log_error(x->call.log, "the stream failed: %s", short_of ? "it is shorter than was announced" : error.text);
    publish(flow, count > 0 ? (size_t)count : 0, ended, count < 0 || short_of);
}

/* Each job reads about a ring's worth and then queues behind the others, so that fast clients share the workers. */
static void fill(struct lc_job *job)
{
    struct lc_flow *flow = (struct lc_flow *)((char *)job - offsetof(struct lc_flow, job));
    for (int pieces = 0; pieces < RING / BLOCK; pieces++) {
        char *into;
        bool abandoned;
        size_t room = claim(flow, &into, &abandoned);
        if (abandoned) {
            discard(flow);
            return;
        }
        if (room == 0) return;
        read_some(flow, into, room < BLOCK ? room : BLOCK);
    }
    lc_workers_push(&flow->exchange->server->workers, job);
}

/* --- on the loop */

static ssize_t send_nothing(struct lc_flow *flow)
{
    if (flow->failed) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (flow->ended) return MHD_CONTENT_READER_END_OF_STREAM;
    flow->waiting = true;
    flow->exchange->suspended = true;
    atomic_fetch_add(&flow->exchange->server->suspended, 1);
    MHD_suspend_connection(flow->exchange->connection);
    return 0;
}

static ssize_t send_what_is_there(struct lc_flow *flow, char *into, size_t capacity)
{
    size_t count = flow->used < RING - flow->head ? flow->used : RING - flow->head;
    if (count > capacity) count = capacity;
    memcpy(into, flow->ring + flow->head, count);
    flow->head = (flow->head + count) % RING;
    flow->used -= count;
    flow->exchange->sent += count;
    return (ssize_t)count;
}

/* True where a job has to be queued that nobody has queued yet. */
static bool wants_more(struct lc_flow *flow)
{
    if (flow->filling || flow->ended || flow->failed || flow->used > RING / 2) return false;
    return flow->filling = true;
}

static ssize_t send_some(void *context, uint64_t position, char *into, size_t capacity)
{
    (void)position;
    struct lc_flow *flow = context;
    struct lc_exchange *x = flow->exchange;
    if (x->suspended) atomic_fetch_sub(&x->server->suspended, 1);
    x->suspended = false;
    pthread_mutex_lock(&flow->lock);
    ssize_t count = flow->used > 0 ? send_what_is_there(flow, into, capacity) : send_nothing(flow);
    bool start = wants_more(flow);
    if (flow->failed) x->failed = true;
    pthread_mutex_unlock(&flow->lock);
    if (start) lc_workers_push(&x->server->workers, &flow->job);
    return count;
}

struct lc_flow *lc_flow_new(struct lc_exchange *x)
{
    struct lc_flow *flow = arena_new_of(x->call.arena, struct lc_flow);
    *flow = (struct lc_flow){
        .job.run = fill,
        .exchange = x,
        .left = x->response.length,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .filling = true,
        .ring = arena_buffer(x->call.arena, RING),
    };
    return flow;
}

void lc_flow_start(struct lc_flow *flow)
{
    lc_workers_push(&flow->exchange->server->workers, &flow->job);
}

struct MHD_Response *lc_flow_reply(struct lc_flow *flow)
{
    uint64_t length = flow->exchange->response.length;
    return MHD_create_response_from_callback(length == LC_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : length, BLOCK, send_some, flow, NULL);
}

void lc_flow_end(struct lc_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    bool start = !flow->filling;
    flow->filling = flow->abandoned = true;
    struct lc_workers *workers = &flow->exchange->server->workers;
    pthread_mutex_unlock(&flow->lock);
    if (start) lc_workers_push(workers, &flow->job);
}
