/* A large object from the first of several sources that has it into a file, in ranges, so that it can be broken off at any moment and go
 * on later.
 *
 *     FILE.part       what has come, from the beginning on
 *     FILE.part.json  what it is part of: size, digest, and each source's validator
 *
 * A byte that is in FILE.part is not asked for again, also after a kill: the next range begins behind it, and ranges are short (a
 * second's worth, a quarter of one where there is a speed limit), so that little is under way at any moment. Bytes of two objects never
 * get into one file: a source whose validator or size has changed, or that has another size than the others, makes it begin again;
 * without a digest to check in the end, no two sources are mixed at all. A server that gives neither validator nor digest is held to the
 * size alone. FILE appears at the end, whole and checked, by rename. */
#ifndef TRANSFER_DOWNLOAD_H
#define TRANSFER_DOWNLOAD_H

#include "base/io.h"
#include "lib/transfer/progress.h"
#include "lib/transfer/web.h"

struct download {
    const struct str *urls; /* http(s), in the order to try; the next one where one fails */
    size_t url_count;
    uint64_t size;             /* 0: not known */
    struct str sha256;         /* lower-case hexadecimal; empty: not known */
    uint64_t speed;            /* bytes a second; 0: no limit */
    struct progress *progress; /* may be NULL; its total is set */
    /* Called before each range, may be NULL: it may wait as long as it likes, and change `speed`. Another status than STATUS_OK ends the
     * download, which can go on later. */
    enum status (*gate)(void *context, struct download *, struct error *);
    void *context;
    uint64_t fetched; /* in and out: bytes that came over the network are added */
    size_t source;    /* out: index of the URL that the last bytes came from */
};

/* STATUS_CORRUPT: the digest is wrong on all sources. STATUS_PRECONDITION: another process is loading the same file. Where no source has
 * given a byte for some rounds the last one's error is returned. What has come stays for the next time. */
enum status download_to_file(struct io, struct web *, const char *path, struct download *, struct error *);

/* Whether the file is there already and has that digest. */
bool download_is_done(struct arena *, const char *path, struct str sha256);

#endif
