#include "lib/store/common.h"

#include <openssl/evp.h>
#include <sys/random.h>
#include <time.h>

#include "base/encode.h"

uint64_t store_random(void)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) == sizeof random) return random;
    struct timespec t; /* a kernel without getrandom: names are checked for being new all the same */
    clock_gettime(CLOCK_REALTIME, &t);
    return ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Both halves of a product, so that every bit of the word and of the start reaches every bit of the hash. */
static uint64_t mix(uint64_t hash, uint64_t word, uint64_t start)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(hash ^ word ^ UINT64_C(0xa0761d6478bd642f)) * (start ^ UINT64_C(0x9e3779b97f4a7c15));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t store_hash(uint64_t start, struct str s)
{
    uint64_t hash = start ^ s.length, word;
    for (; s.length >= sizeof word; s = str_from(s, sizeof word)) {
        memcpy(&word, s.data, sizeof word);
        hash = mix(hash, word, start);
    }
    word = 0;
    if (s.length > 0) memcpy(&word, s.data, s.length);
    return mix(hash, word, start);
}

void store_sleep(int64_t microseconds)
{
    const struct timespec span = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
    nanosleep(&span, NULL);
}

void store_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void store_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, struct deadline deadline)
{
    const struct timespec until = {.tv_sec = deadline.at / CLOCK_SECOND, .tv_nsec = deadline.at % CLOCK_SECOND * 1000000};
    pthread_cond_timedwait(condition, lock, &until);
}

bool store_md5(struct str bytes, unsigned char digest[STORE_MD5])
{
    return EVP_Digest(bytes.data, bytes.length, digest, NULL, EVP_md5(), NULL) == 1;
}

struct str store_content_md5(struct arena *arena, struct str bytes)
{
    unsigned char digest[STORE_MD5];
    return store_md5(bytes, digest) ? base64_encode(arena, str_make(digest, sizeof digest)) : S("");
}

struct str store_hex_md5(struct arena *arena, struct str bytes)
{
    unsigned char digest[STORE_MD5];
    return store_md5(bytes, digest) ? hex_encode(arena, str_make(digest, sizeof digest)) : S("");
}

enum { SHORTEST = CLOCK_SECOND, LONGEST = 6 * CLOCK_DAY, LONGEST_STRETCH = 15 * CLOCK_MINUTE };

static int64_t stretch_of(int64_t lifetime)
{
    int64_t stretch = lifetime / 2 / CLOCK_SECOND * CLOCK_SECOND;
    if (stretch < CLOCK_SECOND) return CLOCK_SECOND;
    return stretch < LONGEST_STRETCH ? stretch : LONGEST_STRETCH;
}

enum status store_window_of(int64_t lifetime, struct store_window *window, struct error *error)
{
    ENSURE(lifetime >= SHORTEST && lifetime <= LONGEST, error, STATUS_INVALID, "a URL is presigned for one second to six days");
    window->lifetime = (lifetime + CLOCK_SECOND - 1) / CLOCK_SECOND * CLOCK_SECOND;
    window->stretch = stretch_of(window->lifetime);
    window->number = clock_real() / window->stretch;
    window->end = (window->number + 1) * window->stretch + window->lifetime;
    return STATUS_OK;
}
