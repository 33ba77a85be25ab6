#include "lc_memory.h"
#include "lc_server.h"

#include <errno.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Connections of the admin listener: a share of all, and not more than that. */
enum { ADMIN_SHARE = 8, ADMIN_MOST = 64 };
/* Request bodies in memory, all together: a quarter of what this process may have, at most 256 MiB. */
enum { BODIES_MAX = 256 * 1024 * 1024, MEMORY_SHARE = 4 };
enum {
    MOST_LOOPS = 8,
    BACKLOG = 4096,
    MOST_DESCRIPTORS = 65536,
    KEPT_DESCRIPTORS = 128,
    ABORT_GRACE = 2000,
    LAST_WORDS = 1000 /* ms of the grace that answers have on their way out */
};

static const struct log no_request;

enum status lc_server_listen(struct str text, int *listening, struct error *error)
{
    struct lc_address address;
    TRY(lc_address_parse(text, &address, error));
    const struct sockaddr *where = (const struct sockaddr *)&address.storage;
    int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return error_errno(error, errno, "cannot open a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, where, address.length) != 0 || listen(fd, BACKLOG) != 0) {
        int number = errno;
        close(fd);
        return error_errno(error, number, "cannot listen on " STR_FMT, STR_ARG(text));
    }
    *listening = fd;
    return STATUS_OK;
}

/* Each connection takes a descriptor, and its answer may take a second one (a file, a connection to a store) for as long as the client
 * reads. Some are left for what functions open besides. */
static unsigned connection_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
    rlim_t wanted = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    }
    rlim_t usable = limit.rlim_cur < MOST_DESCRIPTORS ? limit.rlim_cur : MOST_DESCRIPTORS;
    rlim_t kept = usable / 2 > KEPT_DESCRIPTORS ? KEPT_DESCRIPTORS : usable / 2;
    return (unsigned)((usable - kept) / 2);
}

/* Half of the processors, so that the workers have the others. */
static int loops_wanted(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) / 2 : 1;
    return count < 1 ? 1 : count > MOST_LOOPS ? MOST_LOOPS : count;
}

/* True when the counter has come down to 0 in time. */
static bool await_none(const _Atomic int *counter, struct deadline until)
{
    while (atomic_load(counter) > 0 && deadline_left(until) > 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    return atomic_load(counter) == 0;
}

static void wake_loops(struct lc_server *server)
{
    for (int i = 0; i < server->loop_count; i++) lc_loop_wake(&server->loops[i]);
}

static void hurry_all(struct lc_server *server, struct deadline until)
{
    for (size_t i = 0; i < server->options.instance_count; i++) lc_instance_hurry(&server->options.instances[i], until);
}

static void close_listening(struct lc_server *server)
{
    close(server->options.socket);
    if (server->options.admin_socket >= 0) close(server->options.admin_socket);
}

bool lc_server_stop(struct lc_server *server, int64_t grace)
{
    struct deadline until = deadline_in(grace);
    atomic_store(&server->calls_end, until.at - LAST_WORDS);
    server->draining = true;
    wake_loops(server);
    hurry_all(server, (struct deadline){until.at - LAST_WORDS});
    if (await_none(&server->accepting, until)) close_listening(server);
    if (!await_none(&server->answering, until))
        log_warn(no_request, "some requests did not end in %lld ms; their connections are closed", (long long)grace);
    server->aborting = true;
    if (!await_none(&server->suspended, deadline_in(ABORT_GRACE))) return false; /* a worker, or whoever resumes, holds a connection */
    server->ending = true;
    wake_loops(server);
    for (int i = 0; i < server->loop_count; i++) lc_loop_join(&server->loops[i]);
    lc_workers_end(&server->workers);
    arena_free(server->arena);
    return true;
}

static uint64_t bodies_limit(void)
{
    uint64_t share = lc_memory_size() / MEMORY_SHARE;
    return share < BODIES_MAX ? share : BODIES_MAX;
}

static enum status start_loop(struct lc_server *server, bool admin, unsigned connections, struct error *error)
{
    TRY(lc_loop_start(&server->loops[server->loop_count], server, admin, connections, error));
    server->loop_count++;
    return STATUS_OK;
}

static enum status start_loops(struct lc_server *server, struct error *error)
{
    int count = loops_wanted();
    bool admin = server->options.admin_socket >= 0;
    unsigned limit = connection_limit(), kept = admin ? limit / ADMIN_SHARE + 1 : 0, left = limit - kept;
    server->loops = arena_array(server->arena, (size_t)count + 1, sizeof *server->loops);
    if (admin) TRY(start_loop(server, true, kept < ADMIN_MOST ? kept : ADMIN_MOST, error));
    for (int i = 0; i < count; i++) TRY(start_loop(server, false, left > (unsigned)count ? left / (unsigned)count : 1, error));
    return STATUS_OK;
}

enum status lc_server_start(struct lc_server *server, const struct lc_server_options *options, struct error *error)
{
    *server = (struct lc_server){.options = *options, .arena = arena_new(), .calls_end = INT64_MAX, .body_bytes_max = bodies_limit()};
    if (getrandom(&server->id_prefix, sizeof server->id_prefix, 0) < 0) server->id_prefix = (uint64_t)clock_now();
    enum status status = lc_workers_start(&server->workers, server->arena, options->threads, error);
    if (status == STATUS_OK) status = start_loops(server, error);
    if (status != STATUS_OK) lc_server_stop(server, 0);
    return status;
}
