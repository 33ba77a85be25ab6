/* URLs that were signed lately, by key: the same question within a stretch of time gets the same URL, so that caches may keep what
 * it leads to, and at the price of a look-up. A URL that is bound to a range is kept without its signature; beside it, the signatures of
 * the ranges that were asked lately are kept in a table of fixed size. Thread-safe and bounded. */
#ifndef STORE_PRESIGN_INTERNAL
#define STORE_PRESIGN_INTERNAL

struct presign_memo;

struct presign_memo *presign_new(void);
void presign_free(struct presign_memo *);

#endif
