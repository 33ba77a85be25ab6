/* A pool of real workers, which are this test program executed again: its main begins with GATHER_WORKER_MAIN. */
#ifndef TESTS_GATHER_FIXTURE_H
#define TESTS_GATHER_FIXTURE_H

#include <dirent.h>
#include <signal.h>

#include "lib/gather/pool.h"
#include "lib/gather/worker.h"
#include "tests/unit/scripted_server.h"

#define GATHER_WORKER_MAIN(argc, argv)                                                                                                     \
    do {                                                                                                                                   \
        if (gather_worker_is_called(argc, argv)) return gather_worker_run();                                                               \
    } while (0)

/* A request that somebody waits for, in an arena of its own, which is the pool's until it is done. */
struct asked {
    struct arena *arena;
    struct gather_request request;
    struct gather_resource resources[GATHER_MOST];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static inline void asked_done(struct gather_request *request)
{
    struct asked *asked = request->context;
    pthread_mutex_lock(&asked->lock);
    asked->done = true;
    pthread_cond_signal(&asked->changed);
    pthread_mutex_unlock(&asked->lock);
}

static inline void asked_free(void *asked)
{
    arena_free(((struct asked *)asked)->arena);
}

/* It ends with `outer`. */
static inline struct asked *asked_new(struct arena *outer, int64_t milliseconds)
{
    struct arena *arena = arena_new();
    struct asked *asked = arena_new_of(arena, struct asked);
    arena_defer(outer, asked_free, asked);
    asked->arena = arena;
    pthread_mutex_init(&asked->lock, NULL);
    pthread_cond_init(&asked->changed, NULL);
    asked->request = (struct gather_request){
        .resources = asked->resources,
        .deadline = deadline_in(milliseconds),
        .resource_limit = 1 << 20,
        .total_limit = 4 << 20,
        .named = true,
        .allow = S("127.0.0.1"),
        .done = asked_done,
        .context = asked,
    };
    return asked;
}

static inline struct gather_resource *asked_add(struct asked *asked, uint16_t port, const char *path)
{
    size_t index = asked->request.count++;
    struct gather_resource *resource = &asked->resources[index];
    *resource = (struct gather_resource){.length = GATHER_UNKNOWN};
    resource->id = arena_printf(asked->arena, "r%zu", index);
    resource->address = arena_printf(asked->arena, "http://127.0.0.1:%u%s", port, path);
    return resource;
}

static inline void asked_submit(struct gather_pool *pool, struct asked *asked)
{
    gather_pool_submit(pool, asked->arena, &asked->request);
}

static inline void asked_wait(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    while (!asked->done) pthread_cond_wait(&asked->changed, &asked->lock);
    pthread_mutex_unlock(&asked->lock);
}

static inline const struct gather_outcome *asked_outcome(const struct asked *asked, size_t index)
{
    return &asked->request.outcomes[index];
}

/* --- this program's processes */

/* "/proc/<pid>/cmdline" begins with the workers' name, and its parent is this process. */
static inline bool is_worker(long pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool named = fgets(text, sizeof text, file) && strcmp(text, GATHER_WORKER_NAME) == 0;
    fclose(file);
    return named;
}

/* The pids of our workers. *others: other children, which are not collected yet, or not workers yet. */
static inline int list_workers(pid_t *pids, int most, int *others)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    *others = 0;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        if (task->d_name[0] == '.') continue;
        char children[300];
        snprintf(children, sizeof children, "/proc/self/task/%s/children", task->d_name);
        FILE *file = fopen(children, "re");
        long pid;
        while (file && count < most && fscanf(file, "%ld", &pid) == 1) {
            if (is_worker(pid))
                pids[count++] = (pid_t)pid;
            else
                (*others)++;
        }
        if (file) fclose(file);
    }
    if (tasks) closedir(tasks);
    return count;
}

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

/* Until there are so many, all of them alive; at most ten seconds. */
static inline int await_workers(int wanted)
{
    pid_t pids[256];
    int count = -1, others = 0;
    for (int i = 0; i < 1000; i++) {
        count = list_workers(pids, 256, &others);
        if (count == wanted && others == 0) break;
        scripted_sleep(10);
    }
    return count + others;
}

#endif
