/* A body on its way from a worker to the pool: in a memfd, which takes no file system (Lambda has no /dev/shm), with its digest. It is
 * sealed before it is handed over, so that it cannot change or shrink under its reader. */
#ifndef GATHER_BODY_H
#define GATHER_BODY_H

#include <openssl/evp.h>

#include "base/error.h"
#include "lib/gather/gather.h"

/* --- the worker's end */

struct body {
    int fd;          /* -1: nothing has come yet */
    uint64_t length; /* bytes so far */
    uint64_t limit;
    EVP_MD_CTX *digest; /* used again from one body to the next; body_close frees it */
};

void body_begin(struct body *, uint64_t limit); /* drops what was there before; the first time the struct is zeroed but for fd -1 */
/* STATUS_TOO_LARGE past the limit. */
enum status body_add(struct body *, struct str bytes, struct error *);
enum status body_seal(struct body *, unsigned char sha256[GATHER_DIGEST], struct error *);

/* --- the pool's end */

/* The bytes of a sealed memfd of that length, to be read until body_unmap; the descriptor may be closed. False where it is not sealed or
 * not of that length. */
bool body_map(int fd, uint64_t length, struct str *bytes);
void body_unmap(struct str bytes);

#endif
