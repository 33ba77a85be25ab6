/* A body on its way from a worker to the pool, in a memfd, which takes no file system (Lambda has no /dev/shm), with its digest.
 *
 * Small ones use the worker's region: a memfd of fixed size, made once, that both have mapped; the pool copies what is in it before it
 * orders anything else. Others have a memfd of their own, which is sealed before it is handed over, so that it cannot change under its
 * reader. No memfd can shrink under its reader. */
#ifndef GATHER_BODY_INTERNAL_H
#define GATHER_BODY_INTERNAL_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "base/error.h"
#include "lib/gather/message_internal.h"

enum { BODY_REGION = 256 << 10, BODY_SHARED = BODY_REGION + 4096 };

/* How far a worker is, behind what is mapped for bodies: the pool reads it when the time is up. */
struct body_progress {
    _Atomic uint64_t order; /* body_order of the ticket that the rest is about */
    _Atomic uint64_t bytes;
    _Atomic int status; /* HTTP's; 0: not read */
};
uint64_t body_order(const struct ticket *);

/* --- the worker's end */

struct body {
    int region_fd;
    char *region;
    struct body_progress *progress; /* behind the region */
    int fd;                         /* its own memfd; -1: it is in the region */
    uint64_t length;                /* bytes so far */
    uint64_t limit;
    EVP_MD_CTX *digest;
};

enum status body_open(struct body *, struct error *);           /* for as long as the worker lives */
void body_begin(struct body *, uint64_t order, uint64_t limit); /* drops what was there before */
void body_drop(struct body *);                                  /* the pool still sees how far it was */
void body_answered(struct body *, int status);                  /* for the pool to see; 0: asked anew */
/* STATUS_TOO_LARGE past the limit. */
enum status body_add(struct body *, struct str bytes, struct error *);
enum status body_seal(struct body *, unsigned char sha256[GATHER_DIGEST], struct error *);

/* --- the pool's end: the descriptor may be closed, what is mapped is read until body_unmap */

/* A region; NULL: it is none. Of BODY_SHARED bytes. */
const char *body_map_region(int fd);
/* What its worker has of that order so far. False where it has not begun. */
bool body_progress_of(const char *region, uint64_t order, uint64_t *bytes, int *status);
/* The bytes of a sealed memfd of that length. False where it is not sealed or not of that length. */
bool body_map(int fd, uint64_t length, struct str *bytes);
void body_unmap(struct str bytes);

#endif
