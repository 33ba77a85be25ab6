/* Small things that several files of the store need. */
#ifndef STORE_COMMON_H
#define STORE_COMMON_H

#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

/* For names that meet nobody's, and for what must not happen everywhere at once; not for keys. */
uint64_t store_random(void);
/* Quick, and for memory only: the values may differ between releases and machines. It begins with a start of one's own: where names come
 * from strangers a random one, so that they can't choose names that meet. */
uint64_t store_hash(uint64_t start, struct str);
void store_sleep(int64_t microseconds);

/* A header of HTTP, or a parameter of a URL. */
struct store_pair {
    struct str name, value;
};

/* A condition that is waited for until a deadline. */
void store_condition_init(pthread_cond_t *);
void store_condition_wait(pthread_cond_t *, pthread_mutex_t *, struct deadline);

/* Digests that travel with objects. False, or empty, where this OpenSSL has no MD5 (FIPS). */
enum { STORE_MD5 = 16 };
bool store_md5(struct str bytes, unsigned char digest[STORE_MD5]);
struct str store_content_md5(struct arena *, struct str bytes); /* in base64, for Content-MD5 */
struct str store_hex_md5(struct arena *, struct str bytes);     /* as ETags of parts have it */

/* A URL is signed as of the start of the stretch it was asked in, for the lifetime and one stretch more: so whoever asks gets at least the
 * lifetime, and all who ask within the stretch get the same URL. The longest that is allowed leaves room for the stretch within S3's seven
 * days. */
struct store_window {
    int64_t lifetime; /* ms, in whole seconds */
    int64_t stretch, number;
    int64_t end; /* ms since 1970 */
};
enum status store_window_of(int64_t lifetime, struct store_window *, struct error *);

#endif
