/* Many resources, one answer (spec/gather.md): the words that the files of this room share.
 *
 *     handler ──request──→ pool (one thread) ──order──→ worker process ──http(s), store
 *             ←──outcomes──                  ←─report── + memfd
 */
#ifndef GATHER_GATHER_H
#define GATHER_GATHER_H

#include "base/arena.h"
#include "base/str.h"

enum { GATHER_LEAST = 2, GATHER_MOST = 64 }; /* resources of a request (G7) */
enum { GATHER_ADDRESS_LONGEST = 4096, GATHER_END_LONGEST = 256, GATHER_TYPE_LONGEST = 256, GATHER_DIGEST = 32 };
#define GATHER_UNKNOWN UINT64_MAX

/* What is to be fetched, and how one sees that it is whole (G5). */
struct gather_resource {
    struct str id;      /* one of this request's */
    struct str address; /* http(s)://…; in a scene also s3://… or file:///… */
    struct str key;     /* in the store, for the latter; empty for the web */
    uint64_t length;    /* bytes; GATHER_UNKNOWN: not said */
    struct str sha256;  /* its 32 bytes; empty: not said */
    struct str end;     /* what the body ends with, but for white space; empty: not said */
};

enum gather_reason {
    GATHER_COMPLETE,
    GATHER_TIMEOUT,     /* nothing of its body by the deadline */
    GATHER_BUSY,        /* no worker was free before the deadline */
    GATHER_REFUSED,     /* its host or address is not one that may be asked */
    GATHER_UNREACHABLE, /* no such name, no connection, no TLS, or broken off before an answer */
    GATHER_STATUS,      /* answered, with another status than 2xx */
    GATHER_INCOMPLETE,  /* broken off, by the deadline too, or not of the length, the digest or the end that it should have */
    GATHER_TOO_LARGE,   /* past the limit for one resource or for all */
    GATHER_REDIRECT,    /* too many redirects, or one that leads nowhere */
    GATHER_MALFORMED,   /* what was answered is not HTTP */
    GATHER_CRASHED,     /* its worker died */
    GATHER_CANCELLED,   /* nobody waits for it any more; never in an answer */
    GATHER_REASONS
};
const char *gather_reason_name(enum gather_reason); /* "timeout": a stable word */

/* What became of a resource. */
struct gather_outcome {
    enum gather_reason reason;
    int status;                          /* HTTP's; 200 from the store; 0: no answer */
    struct str body;                     /* complete ones only */
    uint64_t received;                   /* bytes of its body that came; of one that is incomplete */
    unsigned char sha256[GATHER_DIGEST]; /* of the body */
    struct str type, encoding;           /* Content-Type and Content-Encoding as they came; empty: none */
    struct str detail;                   /* for the log: what went wrong; may name addresses that the client need not know */
};

/* A body that arrived in full, as far as HTTP can tell, is complete where nothing that was said of it speaks against it. `whole`: HTTP's
 * own framing (or the store) says where it ends. Without that, and without length, digest or end mark, nobody knows: incomplete. `why`:
 * words for the log. */
enum gather_reason gather_judge(const struct gather_resource *, bool whole, struct str body, const unsigned char sha256[GATHER_DIGEST],
                                const char **why);

#endif
