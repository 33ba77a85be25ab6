#include "lib/gather/crew_internal.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/gather/body_internal.h"
#include "lib/gather/worker.h"

/* After so many fetches a worker is replaced, whatever it may have gathered of leaks and fragments; not all of them at once. */
enum { FETCHES_MOST = 4000, APART = 50 };
enum { IDLE_MOST = CLOCK_MINUTE, TIDY_EVERY = 5, MAKE_PAUSE = 100, PAUSE_DOUBLINGS = 6, READY_PAUSE = 20, YOUNG = 50, STACK = 128 << 10 };

static const struct log no_request;

/* --- making one */

static const char own_program[] = "/proc/self/exe";

static int start_process(int channel, pid_t *pid)
{
    char *const arguments[] = {(char *)(uintptr_t)GATHER_WORKER_NAME, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, channel, STDIN_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int number = posix_spawn(pid, own_program, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return number;
}

/* errno, or 0. */
static int start_worker(struct worker *worker)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno;
    int number = start_process(ends[1], &worker->pid);
    close(ends[1]);
    if (number != 0) close(ends[0]);
    worker->channel = ends[0];
    return number;
}

/* NULL: there will be none. */
static struct worker *take_wanted(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    while (!crew->wanted && !crew->ending) pthread_cond_wait(&crew->more, &crew->lock);
    struct worker *worker = crew->ending ? NULL : crew->wanted;
    if (worker) crew->wanted = worker->next;
    pthread_mutex_unlock(&crew->lock);
    return worker;
}

static void *start_all(void *context)
{
    struct crew *crew = context;
    struct worker *worker;
    while ((worker = take_wanted(crew))) {
        worker->number = start_worker(worker);
        pthread_mutex_lock(&crew->lock);
        worker->next = crew->come;
        crew->come = worker;
        pthread_mutex_unlock(&crew->lock);
        eventfd_write(crew->wake_fd, 1);
    }
    return NULL;
}

static struct worker *free_slot(struct crew *crew)
{
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++)
        if (worker->state == WORKER_NONE) return worker;
    return NULL;
}

static bool want_one(struct crew *crew)
{
    struct worker *worker = free_slot(crew);
    if (!worker) return false;
    *worker = (struct worker){.state = WORKER_COMING};
    crew->coming++;
    pthread_mutex_lock(&crew->lock);
    worker->next = crew->wanted;
    crew->wanted = worker;
    pthread_cond_signal(&crew->more);
    pthread_mutex_unlock(&crew->lock);
    return true;
}

void crew_want(struct crew *crew, size_t wanted, int64_t now)
{
    size_t ready = now >= crew->ready_after ? crew->ready : 0;
    bool more = now >= crew->make_after;
    while (more && (crew->idle + crew->coming < wanted || crew->idle + crew->coming + crew->busy < ready)) more = want_one(crew);
}

/* They cannot be made, or die as soon as they are: it is tried again less and less often. */
static void pause_making(struct crew *crew, int64_t now)
{
    unsigned doublings = crew->failures < PAUSE_DOUBLINGS ? crew->failures : PAUSE_DOUBLINGS;
    crew->failures++;
    crew->make_after = now + ((int64_t)MAKE_PAUSE << doublings);
}

static void welcome(struct crew *crew, struct worker *worker, int64_t now)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = worker};
    bool started = worker->number == 0;
    if (started && epoll_ctl(crew->epoll, EPOLL_CTL_ADD, worker->channel, &event) != 0) worker->number = errno;
    crew->coming--;
    crew->idle++;
    worker->state = WORKER_IDLE;
    worker->made = worker->idle_since = now;
    if (worker->number == 0) return;
    bool no_proc = worker->number == ENOENT && access(own_program, F_OK) != 0;
    log_error(no_request, "gather: a worker cannot be started: %s%s", strerror(worker->number),
              no_proc ? "; gather needs /proc: mount -t proc proc /proc" : "");
    if (started)
        crew_end(crew, worker, now);
    else
        worker->state = WORKER_NONE;
    if (!started) crew->idle--;
    if (!started) pause_making(crew, now);
}

void crew_welcome(struct crew *crew, int64_t now)
{
    pthread_mutex_lock(&crew->lock);
    struct worker *come = crew->come;
    crew->come = NULL;
    pthread_mutex_unlock(&crew->lock);
    while (come) {
        struct worker *worker = come;
        come = worker->next;
        welcome(crew, worker, now);
    }
}

/* --- using one */

size_t crew_free(const struct crew *crew)
{
    return crew->most - crew->busy - crew->dying;
}

static unsigned origin_rank(const struct worker *worker, uint64_t origin)
{
    unsigned rank = 0;
    while (rank < WORKER_ORIGINS && worker->origins[rank] != origin) rank++;
    return rank;
}

/* One with a warm connection; of those that have none, the one that was busy last. */
static struct worker *best_idle(const struct crew *crew, uint64_t origin)
{
    struct worker *best = NULL;
    unsigned best_rank = 0;
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++) {
        if (worker->state != WORKER_IDLE) continue;
        unsigned rank = origin_rank(worker, origin);
        bool better = !best || rank < best_rank || (rank == best_rank && worker->idle_since > best->idle_since);
        if (better) best = worker;
        if (better) best_rank = rank;
    }
    return best;
}

static void note_origin(struct worker *worker, uint64_t origin)
{
    unsigned rank = origin_rank(worker, origin);
    if (rank == WORKER_ORIGINS) rank--;
    memmove(worker->origins + 1, worker->origins, rank * sizeof *worker->origins);
    worker->origins[0] = origin;
}

struct worker *crew_take(struct crew *crew, uint64_t origin, int64_t now)
{
    struct worker *worker = best_idle(crew, origin);
    if (!worker) return NULL;
    note_origin(worker, origin);
    worker->state = WORKER_BUSY;
    worker->started = now;
    worker->fetches++;
    crew->idle--;
    crew->busy++;
    return worker;
}

void crew_release(struct crew *crew, struct worker *worker, int64_t now)
{
    worker->state = WORKER_IDLE;
    worker->idle_since = now;
    crew->failures = 0;
    crew->busy--;
    crew->idle++;
    if (worker->fetches >= FETCHES_MOST + (unsigned)(worker - crew->workers) * APART) crew_end(crew, worker, now);
}

/* --- ending one */

void crew_end(struct crew *crew, struct worker *worker, int64_t now)
{
    size_t *counted = worker->state == WORKER_BUSY ? &crew->busy : &crew->idle;
    close(worker->channel);
    if (worker->region) body_unmap(str_make(worker->region, BODY_SHARED));
    worker->region = NULL;
    kill(worker->pid, SIGKILL);
    worker->state = WORKER_DYING;
    (*counted)--;
    crew->dying++;
    if (now - worker->made < YOUNG) pause_making(crew, now);
}

/* True when it is there no more. Its pid is ours until then. */
static bool collect(struct worker *worker, int options)
{
    pid_t pid = waitpid(worker->pid, NULL, options);
    return pid == worker->pid || (pid < 0 && errno != EINTR);
}

void crew_tidy(struct crew *crew, int64_t now)
{
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++) {
        bool spare = worker->state == WORKER_IDLE && crew->idle + crew->busy > crew->ready && now - worker->idle_since > IDLE_MOST;
        if (spare) crew_end(crew, worker, now);
        if (worker->state != WORKER_DYING || !collect(worker, WNOHANG)) continue;
        worker->state = WORKER_NONE;
        crew->dying--;
    }
}

int64_t crew_due(const struct crew *crew, int64_t now)
{
    size_t all = crew->idle + crew->coming + crew->busy;
    int64_t due = crew->dying > 0 ? now + TIDY_EVERY : INT64_MAX;
    int64_t makes = crew->make_after > crew->ready_after ? crew->make_after : crew->ready_after;
    if (all < crew->ready && all + crew->dying < crew->most && makes < due) due = makes;
    if (all > crew->ready && crew->idle > 0 && now + IDLE_MOST < due) due = now + IDLE_MOST;
    return due;
}

/* --- the whole crew */

enum status crew_open(struct crew *crew, struct error *error)
{
    pthread_attr_t attributes;
    crew->ready_after = clock_monotonic() + READY_PAUSE;
    crew->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    crew->more = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    crew->workers = calloc(crew->most, sizeof *crew->workers);
    if (!crew->workers) abort();
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int number = pthread_create(&crew->starter, &attributes, start_all, crew);
    pthread_attr_destroy(&attributes);
    if (number == 0) return STATUS_OK;
    free(crew->workers);
    return error_errno(error, number, "cannot start a thread");
}

/* The starter first, so that none is being made any more. (The kernel kills them with it; they are collected here.) */
void crew_close(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    crew->ending = true;
    pthread_cond_signal(&crew->more);
    pthread_mutex_unlock(&crew->lock);
    pthread_join(crew->starter, NULL);
    crew_welcome(crew, 0);
    for (struct worker *worker = crew->workers; worker < crew->workers + crew->most; worker++) {
        if (worker->state == WORKER_IDLE || worker->state == WORKER_BUSY) crew_end(crew, worker, 0);
        while (worker->state == WORKER_DYING && !collect(worker, 0)) {
        }
    }
    free(crew->workers);
}
