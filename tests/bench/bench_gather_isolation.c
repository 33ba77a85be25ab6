/* Many resources at once by the pool of worker processes, beside libcurl's multi interface in one process, in turns. Both hand over bodies
 * with their SHA-256.
 *
 *     isolation URL RESOURCES ROUNDS       URL<i> for each resource; prints "pool µs" and "multi µs", the medians
 *     stall URL RESOURCES ROUNDS SPAN      with hedging and without, each with a deadline of SPAN; prints their 99th percentiles
 *     flat URL RESOURCES ROUNDS            prints what private memory, descriptors and children there are at the first tenth and at the end
 */
#include <curl/curl.h>
#include <dirent.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/gather/pool.h"
#include "lib/gather/worker.h"

enum { MOST_ROUNDS = 1000000, BODY_LIMIT = 1 << 20, WARM = 200 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

static double percentile(double *times, size_t count, size_t hundredths)
{
    qsort(times, count, sizeof *times, by_size);
    return times[count * hundredths / 100];
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- the pool */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void on_done(struct gather_request *request)
{
    struct waiter *waiter = request->context;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

/* Microseconds; *missing counts what did not come. */
static double by_pool(struct gather_pool *pool, struct arena *arena, const char *base, size_t count, bool hedge, int64_t span,
                      size_t *missing)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct gather_resource *resources = arena_array(arena, count, sizeof *resources);
    for (size_t i = 0; i < count; i++) {
        resources[i] = (struct gather_resource){.id = S("r"), .length = GATHER_UNKNOWN};
        resources[i].address = arena_printf(arena, "%s%zu", base, i);
    }
    struct gather_request request = {
        .resources = resources,
        .count = count,
        .resource_limit = BODY_LIMIT,
        .total_limit = 64 * BODY_LIMIT,
        .named = true,
        .hedge = hedge,
        .allow = S("127.0.0.1"),
        .done = on_done,
        .context = &waiter,
    };
    double began = now();
    request.deadline = deadline_in(span);
    gather_pool_submit(pool, arena, &request);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done) pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    double took = now() - began;
    for (size_t i = 0; i < count; i++) *missing += request.outcomes[i].reason != GATHER_COMPLETE;
    arena_reset(arena);
    return took;
}

/* --- libcurl's multi interface */

struct transfer {
    CURL *easy;
    char *body;
    size_t length, capacity;
    EVP_MD_CTX *digest;
};

static size_t on_body(char *data, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    if (transfer->length + one * length > BODY_LIMIT) return 0;
    while (transfer->length + one * length > transfer->capacity)
        transfer->capacity = transfer->capacity ? 2 * transfer->capacity : 16 << 10;
    transfer->body = realloc(transfer->body, transfer->capacity);
    memcpy(transfer->body + transfer->length, data, length);
    transfer->length += length;
    EVP_DigestUpdate(transfer->digest, data, length);
    return length;
}

static void begin(struct transfer *transfer, CURLM *multi, const char *base, size_t index)
{
    char url[256];
    snprintf(url, sizeof url, "%s%zu", base, index);
    if (!transfer->easy) transfer->easy = curl_easy_init();
    if (!transfer->digest) transfer->digest = EVP_MD_CTX_new();
    transfer->body = NULL;
    transfer->length = transfer->capacity = 0;
    EVP_DigestInit_ex(transfer->digest, EVP_sha256(), NULL);
    curl_easy_reset(transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_BUFFERSIZE, 128L << 10);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_multi_add_handle(multi, transfer->easy);
}

static double by_multi(CURLM *multi, struct transfer *transfers, const char *base, size_t count)
{
    unsigned char sha256[32];
    int running = 1;
    double began = now();
    for (size_t i = 0; i < count; i++) begin(&transfers[i], multi, base, i);
    while (running) {
        curl_multi_perform(multi, &running);
        if (running) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        EVP_DigestFinal_ex(transfers[i].digest, sha256, NULL);
        curl_multi_remove_handle(multi, transfers[i].easy);
        if (transfers[i].length == 0) fail("nothing came");
    }
    double took = now() - began;
    for (size_t i = 0; i < count; i++) free(transfers[i].body);
    return took;
}

/* --- what is measured */

static void isolation(struct gather_pool *pool, struct arena *arena, const char *base, size_t count, size_t rounds)
{
    double *ours = calloc(rounds, sizeof *ours), *theirs = calloc(rounds, sizeof *theirs);
    struct transfer *transfers = calloc(count, sizeof *transfers);
    CURLM *multi = curl_multi_init();
    size_t missing = 0;
    for (size_t i = 0; i < WARM + rounds; i++) {
        double one = by_pool(pool, arena, base, count, false, 10000, &missing), other = by_multi(multi, transfers, base, count);
        if (i < WARM) continue;
        ours[i - WARM] = one;
        theirs[i - WARM] = other;
    }
    if (missing) fail("something did not come");
    printf("pool %.1f\nmulti %.1f\n", percentile(ours, rounds, 50), percentile(theirs, rounds, 50));
}

static void stall(struct gather_pool *pool, struct arena *arena, const char *base, size_t count, size_t rounds, int64_t span)
{
    double *hedged = calloc(rounds, sizeof *hedged), *plain = calloc(rounds, sizeof *plain);
    size_t missing[2] = {0};
    for (size_t i = 0; i < WARM; i++) by_pool(pool, arena, base, count, true, span, &missing[0]);
    missing[0] = 0;
    for (size_t i = 0; i < rounds; i++) {
        hedged[i] = by_pool(pool, arena, base, count, true, span, &missing[0]);
        plain[i] = by_pool(pool, arena, base, count, false, span, &missing[1]);
    }
    printf("hedged %.1f\nplain %.1f\n", percentile(hedged, rounds, 99), percentile(plain, rounds, 99));
    printf("hedged-missing %zu\nplain-missing %zu\n", missing[0], missing[1]);
}

static long private_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %ld kB", &kib);
    if (file) fclose(file);
    return kib;
}

static int entries(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

static void flat(struct gather_pool *pool, struct arena *arena, const char *base, size_t count, size_t rounds)
{
    size_t missing = 0;
    for (size_t i = 1; i <= rounds; i++) {
        by_pool(pool, arena, base, count, false, 10000, &missing);
        if (i == rounds / 10 || i == rounds) printf("memory %ld\ndescriptors %d\n", private_kib(), entries("/proc/self/fd"));
    }
    printf("missing %zu\n", missing);
}

int main(int argc, char **argv)
{
    if (gather_worker_is_called(argc, argv)) return gather_worker_run();
    uint64_t count = 0, rounds = 0, span = 1000;
    bool fits = argc >= 5 && str_to_u64(str_of(argv[3]), &count) && str_to_u64(str_of(argv[4]), &rounds);
    if (!fits || count < 1 || count > GATHER_MOST || rounds < 1 || rounds > MOST_ROUNDS) fail("what, URL, resources, rounds");
    if (argc > 5 && !str_to_u64(str_of(argv[5]), &span)) fail("a span in ms");
    mallopt(M_TRIM_THRESHOLD,
            64 << 20); /* as in a server that has been running for a while: memory is not given back between two requests */
    struct gather_pool *pool;
    struct error error;
    const struct gather_pool_options options = {.workers = 64, .ready = count > 32 ? 32 : count < 8 ? 8 : count};
    struct arena *arena = arena_new();
    if (gather_pool_open(&options, &pool, &error) != STATUS_OK) fail(error.text);
    if (strcmp(argv[1], "isolation") == 0) isolation(pool, arena, argv[2], count, rounds);
    if (strcmp(argv[1], "stall") == 0) stall(pool, arena, argv[2], count, rounds, (int64_t)span);
    if (strcmp(argv[1], "flat") == 0) flat(pool, arena, argv[2], count, rounds);
    gather_pool_close(pool);
    return EXIT_SUCCESS;
}
