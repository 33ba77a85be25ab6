#include "lib/gather/pool.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"
#include "lib/gather/body_internal.h"
#include "lib/gather/gathering_internal.h"
#include "lib/store/common.h"

enum { EVENTS = 64, STACK = 256 << 10, WAIT_MOST = CLOCK_MINUTE, PACKETS_AT_ONCE = 4, REQUESTS_MOST = 1024 };
/* Second requests: at most a tenth of the first ones in the long run, and so many at once. */
enum { HEDGE_COST = 10, SAVINGS_MOST = 32 * HEDGE_COST, HEDGE_AGAIN = 5 /* ms, where no worker is idle */ };

static const struct log no_request;

/* --- attempts */

static struct order order_of(const struct fetch *fetch)
{
    const struct gather_request *request = fetch->of->request;
    const struct gather_resource *resource = &request->resources[fetch->index];
    uint64_t left = request->total_limit - fetch->of->bytes;
    struct order order = {
        .ticket = {.resource = fetch->index, .attempt = fetch->attempts},
        .deadline = request->deadline,
        .limit = request->resource_limit < left ? request->resource_limit : left,
        .named = request->named,
        .address = resource->address,
        .key = resource->key,
        .allow = request->allow,
        .access_key_id = request->access_key_id,
        .secret_access_key = request->secret_access_key,
        .session_token = request->session_token,
    };
    memcpy(order.ticket.request, fetch->of->id, REQUEST_ID);
    return order;
}

/* The worker, and a place of the origin's, are the fetch's. False where the worker has died. */
static bool attempt(struct gather_pool *pool, struct fetch *fetch, struct worker *worker, struct origin *origin, int64_t now)
{
    size_t length;
    const struct order order = order_of(fetch);
    worker->origin = origin;
    worker->ticket = order.ticket;
    worker->kill_at = order.deadline.at + WORKER_GRACE;
    bool sent = message_write_order(&order, pool->packet, &length) &&
                message_send(worker->channel, str_make(pool->packet, length), -1, MSG_DONTWAIT) == (ssize_t)length;
    if (!sent) {
        crew_end(&pool->crew, worker, now);
        queue_finish(&pool->queue, origin);
        return false;
    }
    fetch->attempts++;
    fetch->running++;
    fetch->origin = origin;
    gathering_count(&pool->counts.fetches);
    gathering_be_due(pool, worker->kill_at);
    return true;
}

static void plan_hedge(struct gather_pool *pool, struct fetch *fetch, int64_t now)
{
    const struct gather_request *request = fetch->of->request;
    bool web = request->resources[fetch->index].key.length == 0;
    int64_t usual = request->hedge && web ? usual_p95(pool->usual, fetch->resource_hash) : -1;
    if (pool->savings < SAVINGS_MOST) pool->savings++;
    if (usual < 0) return;
    fetch->hedge_at = now + usual + 1;
    gathering_be_due(pool, fetch->hedge_at);
}

static void dispatch(struct gather_pool *pool, int64_t now)
{
    struct waiting *waiting;
    while ((waiting = queue_next(&pool->queue, crew_free(&pool->crew)))) {
        struct fetch *fetch = (struct fetch *)waiting;
        struct worker *worker = crew_take(&pool->crew, fetch->origin_hash, now);
        if (!worker) break;
        struct origin *origin = queue_start(&pool->queue, waiting);
        if (attempt(pool, fetch, worker, origin, now))
            plan_hedge(pool, fetch, now);
        else
            queue_add(&pool->queue, waiting, fetch->origin_hash);
    }
    crew_want(&pool->crew, waiting ? pool->queue.count : 0, now);
    if (waiting && now < pool->crew.make_after) gathering_be_due(pool, pool->crew.make_after);
}

static void hedge(struct gather_pool *pool, struct fetch *fetch, int64_t now)
{
    fetch->hedge_at = INT64_MAX;
    bool may = fetch->running > 0 && pool->savings >= HEDGE_COST && queue_start_another(fetch->origin, crew_free(&pool->crew));
    if (!may) return;
    struct origin *origin = fetch->origin;
    struct worker *worker = crew_take(&pool->crew, fetch->origin_hash, now);
    if (!worker) {
        queue_finish(&pool->queue, origin);
        crew_want(&pool->crew, 1, now);
        fetch->hedge_at = now + HEDGE_AGAIN;
        return;
    }
    if (!attempt(pool, fetch, worker, origin, now)) return;
    pool->savings -= HEDGE_COST;
    gathering_count(&pool->counts.hedges);
}

/* --- what workers say */

static void end_worker(struct gather_pool *pool, struct worker *worker, int64_t now)
{
    bool busy = worker->state == WORKER_BUSY;
    crew_end(&pool->crew, worker, now);
    if (!busy) return;
    queue_finish(&pool->queue, worker->origin);
    gathering_file(pool, worker, NULL, -1, now);
}

static bool take_hello(struct worker *worker, struct str packet, int region)
{
    if (worker->region || region < 0 || !message_is_hello(packet)) return false;
    worker->region = body_map_region(region);
    return worker->region != NULL;
}

static bool take_report(const struct worker *worker, struct str packet, struct report *report)
{
    return worker->state == WORKER_BUSY && worker->region && message_read_report(packet, report) &&
           ticket_equal(&report->ticket, &worker->ticket);
}

static void receive_packet(struct gather_pool *pool, struct worker *worker, struct str packet, int body, int64_t now)
{
    struct report report;
    bool hello = take_hello(worker, packet, body), sane = hello || take_report(worker, packet, &report);
    if (hello || !sane) {
        if (body >= 0) close(body);
        if (sane) return;
        log_error(no_request, "gather: worker %d sent an unexpected message; restarting it", worker->pid);
        gathering_count(&pool->counts.crashes);
        end_worker(pool, worker, now);
        return;
    }
    queue_finish(&pool->queue, worker->origin);
    gathering_file(pool, worker, &report, body, now);
    crew_release(&pool->crew, worker, now);
}

static void receive(struct gather_pool *pool, struct worker *worker, int64_t now)
{
    for (int i = 0; i < PACKETS_AT_ONCE && (worker->state == WORKER_BUSY || worker->state == WORKER_IDLE); i++) {
        int body;
        ssize_t length = message_receive(worker->channel, pool->packet, &body, MSG_DONTWAIT);
        if (length < 0 && errno == EAGAIN) return;
        if (length > 0) {
            receive_packet(pool, worker, str_make(pool->packet, (size_t)length), body, now);
            continue;
        }
        worker->unread = length < 0 && errno == ECONNRESET; /* so Linux says of a peer that left messages unread (unix(7)) */
        log_warn(no_request, "gather: worker %d has died, and is replaced", worker->pid);
        gathering_count(&pool->counts.crashes);
        end_worker(pool, worker, now);
    }
}

/* --- what time brings */

static void look_after_request(struct gather_pool *pool, struct gathering *gathering, int64_t now)
{
    if (gathering->request->deadline.at <= now) {
        gathering_expire(pool, gathering);
        return;
    }
    gathering_be_due(pool, gathering->request->deadline.at);
    if (!gathering->request->hedge) return;
    for (size_t i = 0; i < gathering->request->count; i++) {
        struct fetch *fetch = &gathering->fetches[i];
        if (fetch->hedge_at <= now) hedge(pool, fetch, now);
        gathering_be_due(pool, fetch->hedge_at);
    }
}

static void look_after_worker(struct gather_pool *pool, struct worker *worker, int64_t now)
{
    if (worker->state != WORKER_BUSY) return;
    if (worker->kill_at > now) {
        gathering_be_due(pool, worker->kill_at);
        return;
    }
    log_warn(no_request, "gather: worker %d hangs, and is replaced", worker->pid);
    gathering_count(&pool->counts.hangs);
    end_worker(pool, worker, now);
}

static void look_after_all(struct gather_pool *pool, int64_t now)
{
    struct crew *crew = &pool->crew;
    pool->due = INT64_MAX;
    for (struct gathering *gathering = pool->all, *next; gathering; gathering = next) {
        next = gathering->next;
        look_after_request(pool, gathering, now);
    }
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++) look_after_worker(pool, worker, now);
    crew_tidy(crew, now);
}

/* --- the thread */

static void cut_deadlines(struct gather_pool *pool)
{
    int64_t latest = atomic_load(&pool->latest);
    if (latest == 0) return;
    for (struct gathering *gathering = pool->all; gathering; gathering = gathering->next) {
        struct deadline *deadline = &gathering->request->deadline;
        if (deadline->at <= latest) continue;
        deadline->at = latest;
        gathering_be_due(pool, latest);
    }
}

static void take_inbox(struct gather_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct gathering *inbox = pool->inbox;
    pool->inbox = NULL;
    pthread_mutex_unlock(&pool->lock);
    while (inbox) {
        struct gathering *gathering = inbox;
        inbox = gathering->chain;
        gathering_admit(pool, gathering);
    }
}

static void wait_and_receive(struct gather_pool *pool)
{
    struct epoll_event events[EVENTS];
    int64_t left = pool->due - clock_monotonic();
    int count = epoll_wait(pool->epoll, events, EVENTS, left <= 0 ? 0 : left < WAIT_MOST ? (int)left : WAIT_MOST);
    int64_t now = clock_monotonic();
    for (int i = 0; i < count; i++) {
        eventfd_t unused;
        if (events[i].data.ptr)
            receive(pool, events[i].data.ptr, now);
        else
            eventfd_read(pool->wake_fd, &unused);
    }
}

static void *run(void *context)
{
    struct gather_pool *pool = context;
    while (!pool->ending) {
        int64_t now = clock_monotonic();
        take_inbox(pool);
        cut_deadlines(pool);
        if (pool->due <= now) look_after_all(pool, now);
        crew_welcome(&pool->crew, now);
        dispatch(pool, now);
        gathering_be_due(pool, crew_due(&pool->crew, now));
        atomic_store_explicit(&pool->counts.workers, pool->crew.idle + pool->crew.busy, memory_order_relaxed);
        wait_and_receive(pool);
    }
    for (struct worker *worker = pool->crew.workers; worker < pool->crew.workers + pool->crew.most; worker++)
        if (worker->state == WORKER_BUSY) end_worker(pool, worker, 0);
    crew_close(&pool->crew);
    return NULL;
}

/* --- ids: random bytes, and as many that sign them */

enum { ID_RANDOM = REQUEST_ID / 2 };

static void sign_id(const struct gather_pool *pool, unsigned char id[REQUEST_ID])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    if (!HMAC(EVP_sha256(), pool->secret, sizeof pool->secret, id, ID_RANDOM, mac, NULL)) abort();
    memcpy(id + ID_RANDOM, mac, REQUEST_ID - ID_RANDOM);
}

static void make_id(const struct gather_pool *pool, unsigned char id[REQUEST_ID])
{
    if (getrandom(id, ID_RANDOM, 0) != ID_RANDOM) abort();
    sign_id(pool, id);
}

bool gather_pool_gave(const struct gather_pool *pool, struct str id)
{
    unsigned char given[REQUEST_ID], made[REQUEST_ID];
    struct arena *arena = arena_new();
    struct str bytes;
    bool is_id = hex_decode(arena, id, &bytes) && bytes.length == REQUEST_ID;
    if (is_id) memcpy(given, bytes.data, REQUEST_ID);
    arena_free(arena);
    if (!is_id) return false;
    memcpy(made, given, ID_RANDOM);
    sign_id(pool, made);
    return CRYPTO_memcmp(given, made, REQUEST_ID) == 0;
}

/* --- from outside */

static void free_pool(struct gather_pool *pool)
{
    if (pool->wake_fd >= 0) close(pool->wake_fd);
    if (pool->epoll >= 0) close(pool->epoll);
    usual_free(pool->usual);
    free(pool);
}

static enum status start(struct gather_pool *pool, const struct gather_pool_options *options, struct error *error)
{
    struct epoll_event wake = {.events = EPOLLIN};
    pthread_attr_t attributes;
    if (pool->epoll < 0 || pool->wake_fd < 0 || epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->wake_fd, &wake) != 0)
        return error_errno(error, errno, "epoll");
    pool->crew = (struct crew){.most = options->workers, .ready = options->ready, .epoll = pool->epoll, .wake_fd = pool->wake_fd};
    TRY(crew_open(&pool->crew, error));
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int number = pthread_create(&pool->thread, &attributes, run, pool);
    pthread_attr_destroy(&attributes);
    if (number == 0) return STATUS_OK;
    crew_close(&pool->crew);
    return error_errno(error, number, "cannot start a thread");
}

enum status gather_pool_open(const struct gather_pool_options *options, struct gather_pool **out, struct error *error)
{
    struct gather_pool *pool = calloc(1, sizeof *pool);
    if (!pool) abort();
    pool->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->usual = usual_new();
    pool->seed = store_random();
    if (EVP_Digest(options->secret.data, options->secret.length, pool->secret, NULL, EVP_sha256(), NULL) != 1) abort();
    pool->due = INT64_MAX;
    enum status status = start(pool, options, error);
    if (status == STATUS_OK)
        *out = pool;
    else
        free_pool(pool);
    return status;
}

void gather_pool_close(struct gather_pool *pool)
{
    if (!pool) return;
    pool->ending = true;
    eventfd_write(pool->wake_fd, 1);
    pthread_join(pool->thread, NULL);
    free_pool(pool);
}

void gather_pool_submit(struct gather_pool *pool, struct arena *arena, struct gather_request *request)
{
    struct gathering *gathering = arena_new_of(arena, struct gathering);
    gathering->request = request;
    gathering->arena = arena;
    gathering->left = request->count;
    gathering->fetches = arena_array(arena, request->count, sizeof *gathering->fetches);
    make_id(pool, gathering->id);
    struct str id = hex_encode(arena, str_make(gathering->id, sizeof gathering->id));
    memcpy(request->id, id.data, sizeof request->id);
    request->outcomes = arena_array(arena, request->count, sizeof *request->outcomes);
    gathering_count(&pool->counts.requests);
    atomic_fetch_add(&pool->under_way, 1);
    pthread_mutex_lock(&pool->lock);
    gathering->chain = pool->inbox;
    pool->inbox = gathering;
    pthread_mutex_unlock(&pool->lock);
    eventfd_write(pool->wake_fd, 1);
}

void gather_pool_hurry(struct gather_pool *pool, struct deadline latest)
{
    atomic_store(&pool->latest, latest.at > 0 ? latest.at : 1);
    eventfd_write(pool->wake_fd, 1);
}

bool gather_pool_is_full(const struct gather_pool *pool)
{
    return atomic_load_explicit(&pool->under_way, memory_order_relaxed) >= REQUESTS_MOST;
}

void gather_pool_metrics(struct gather_pool *pool, struct buf *out)
{
    const struct {
        const char *name;
        _Atomic uint64_t *value;
    } lines[] = {
        {"requests_total", &pool->counts.requests}, {"fetches_total", &pool->counts.fetches}, {"hedges_total", &pool->counts.hedges},
        {"crashes_total", &pool->counts.crashes},   {"hangs_total", &pool->counts.hangs},     {"workers", &pool->counts.workers},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        buf_printf(out, "pakhus_gather_%s %llu\n", lines[i].name, (unsigned long long)atomic_load(lines[i].value));
}
