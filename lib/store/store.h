/* Objects by key, in S3-compatible storage, in Azure Blob Storage or in a directory: one interface, whatever the store.
 *
 *     s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=us-east-1&path-style=1
 *     azure://container/prefix?account=name&endpoint=http://127.0.0.1:10000/name
 *     file:///var/pakhus
 *
 * Keys are relative to the prefix: segments of [A-Za-z0-9._-]+ (and '+', '=', '@', ','), joined by '/', none of them "." or ".."; others
 * are refused with STATUS_INVALID, so that a name can never leave its place. At most 900 bytes. Every operation may be repeated. Those that
 * fail for a passing reason (5xx, 429, 409, timeouts, broken connections) are tried again with jitter until io.deadline. A store may be
 * used from many threads. With io.no_wait every operation but store_presign returns STATUS_WOULD_BLOCK. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"
#include "base/io.h"
#include "base/str.h"

struct store;

/* What a store's URL looks like, for texts that a person reads. */
#define STORE_URLS "s3://bucket?endpoint=…, azure://container?account=… or file:///directory"
/* Whether it is a URL of something in a store: backends.c has the table of schemes. */
bool store_is_address(struct str text);
/* The URL of a directory as a store; `directory` from '/' on. */
struct str store_url_of_directory(struct arena *, struct str directory);

/* No I/O and no TLS set-up: those wait for the first operation. The store lives until store_close. */
enum status store_open(const char *url, struct store **, struct error *);
void store_close(struct store *);

/* What a store can do, as far as its URL tells. Nobody needs to know what kind of store it is. */
struct store_abilities {
    bool presigns;     /* store_presign gives URLs */
    bool binds_ranges; /* a presigned URL holds for its range alone (S8a); trial.h tries it. False with bind-range=no */
    /* A presigned URL answers a range that ends past the object's end with what there is of it, as RFC 9110 (section 14.1.2) has it. OSS
     * sends the whole object to who does not ask for better with a header of its own. */
    bool clamps_ranges;
    bool reads_suffixes; /* a presigned URL answers "bytes=-9" with the last nine bytes; Azure knows ranges from a byte on only */
    /* Asking what an object is costs next to nothing, so nothing needs to be remembered, and who changes something sees it at once. */
    bool cheap_metadata;
    /* What is in the store already, store_compose lets the service (or the file system) copy; else it is read and sent again. */
    bool copies;
    bool copies_between; /* the same from another store of the service: store_copies_from */
    bool resumes;        /* store_put.resume spares what was sent */
};
const struct store_abilities *store_abilities(const struct store *);

/* Credentials for a call, as a platform lends them (Function Compute's headers). They are used where the environment names none, and
 * replace those offered before. Thread-safe; copied. */
void store_offer_credentials(struct store *, struct str id, struct str secret, struct str token);

/* The key of what the bucket calls `name`, as its notifications have it: what stands behind the store's prefix. False where that is another
 * one, or what stands there is no key. */
bool store_key_of(struct store *, struct str name, struct str *key);
/* The key of the object that `address` names in the store of that URL: s3://bucket/prefix/key, or file:///directory/key. A slice of it.
 * STATUS_INVALID where it is in another store, or no key. */
enum status store_locate(const char *store_url, struct str address, struct str *key, struct error *);

struct store_object {
    struct str key;
    struct str etag;  /* as the store says it, with its quotes; opaque */
    uint64_t size;    /* of the whole object */
    int64_t modified; /* ms */
    bool encrypted;   /* s3://, but for lists: with a key of the bucket's owner, so that the ETag is no MD5 of the bytes */
    struct str body;  /* store_get only */
    /* store_head of s3:// only. */
    struct str type; /* Content-Type as the store has it; empty: none */
    bool has_sha256; /* the store keeps the SHA-256 of the whole object */
    unsigned char sha256[32];
};

struct store_get {
    uint64_t offset;
    uint64_t length;          /* 0: to the end */
    struct str if_match;      /* STATUS_PRECONDITION where the object's ETag is another one; empty: any */
    struct str if_none_match; /* STATUS_NOT_MODIFIED where it is this one */
    size_t limit;             /* store_get: STATUS_TOO_LARGE past this many bytes; 0: 16 MiB */
};

/* Into io.arena. `get` may be NULL: all of it. A range past the end is STATUS_INVALID, a shorter one than asked STATUS_CORRUPT. */
enum status store_get(struct store *, struct io, struct str key, const struct store_get *, struct store_object *, struct error *);
/* As a stream, pulled over a connection of its own. A broken connection is resumed where it broke, with If-Match. The stream must
 * be closed; it does not use io.arena. `object` tells size and ETag at once. io.deadline is for the opening; each read may take as
 * long as was left for that. */
enum status store_stream(struct store *, struct io, struct str key, const struct store_get *, struct stream *, struct store_object *,
                         struct error *);
enum status store_head(struct store *, struct io, struct str key, struct store_object *, struct error *);

enum store_condition { STORE_ANY, STORE_IF_ABSENT };

struct store_put {
    enum store_condition condition; /* STORE_IF_ABSENT: STATUS_PRECONDITION where the key exists */
    const char *content_type;       /* NULL: application/octet-stream */
    /* store_upload and store_compose to a service: what an upload of this key that was cut off had sent is not sent again where its bytes
     * are the same, nor copied again where what is copied has not changed since that upload began; a failure that may pass leaves what was
     * sent for the next time. (Its remains cost storage: a rule of the bucket's ends uploads that are not taken up.) */
    bool resume;
    struct deadline end; /* store_compose to a service: no part is begun after it, STATUS_TIMEOUT; 0: whenever */
};
/* Atomic: readers see all of the old object or all of the new. After an ambiguous failure of a conditional put the key is read before
 * deciding: if the body that stands there is ours, we won. `object` (etag, size) may be NULL. */
enum status store_put(struct store *, struct io, struct str key, struct str body, const struct store_put *, struct store_object *,
                      struct error *);
/* From a stream of any length up to 256 GiB, in parts, with bounded memory (at most 64 MiB); each part is checked by digest on the way. A
 * failure leaves no object and no parts behind where the store can be reached. `size` may be UINT64_MAX (not known). Does not close the
 * stream. io.deadline bounds each part, not the whole. */
enum status store_upload(struct store *, struct io, struct str key, struct stream, uint64_t size, const struct store_put *,
                         struct store_object *, struct error *);

/* Whether the service that holds `store` can copy what is in `from` into it by itself: both are buckets or prefixes of one S3 endpoint and
 * region, and opened with one access key. Never between directories: there nothing but our own digest finds what rotted. */
bool store_copies_from(struct store *store, struct io, struct store *from);

/* A run of what an object is made of: bytes of our own, or a part of an object. */
struct store_piece {
    struct str bytes;    /* where `key` is empty */
    struct store *store; /* that the object is in; NULL: the one that is written to. STATUS_UNSUPPORTED where that cannot copy from it */
    struct str key;
    uint64_t offset, length; /* of that object; length 0: to its end */
    struct str if_match;     /* its ETag, as in store_get; empty: any, but one and the same from beginning to end */
};
/* Makes an object of pieces, one behind the other; one piece is a copy. What is in the store already is copied there and does not pass
 * through here: by the server, in parts (s3://), or by the file system (file://), but on azure:// all is read and sent; only what is
 * smaller than a part is read and sent, unless it is a whole object that may be overwritten. Atomic, conditional and without remains as
 * store_upload is. STATUS_NOT_FOUND or STATUS_INVALID for a piece that is not there, STATUS_CORRUPT for an object that is another version
 * than was asked for or changes meanwhile, so that STATUS_PRECONDITION always speaks of `key`. io.deadline bounds each part, not the whole.
 * What the service copied is not read: If-Match pins the version of what it copied. Where one whole object was copied in one request, and
 * both its ETag and the copy's are MD5s of their bytes, they must be the same: STATUS_CORRUPT, and it stands there. */
enum status store_compose(struct store *, struct io, struct str key, const struct store_piece *, size_t count, const struct store_put *,
                          struct store_object *, struct error *);
/* What store_compose would make, as a stream. The pieces' texts must outlive it; else as store_stream. `size` tells how many bytes it will
 * yield. */
enum status store_stream_pieces(struct store *, struct io, const struct store_piece *, size_t count, struct stream *, uint64_t *size,
                                struct error *);

/* Removes what killed writers left of objects whose keys begin so, and what no listing shows. s3://: uploads in parts of which no part came
 * for half an hour, which no live writer lets pass. file://: nothing, since every first write of a store removes the drafts of processes
 * that are gone, known by the lock that a living one holds. azure://: nothing; the service removes blocks that no object took within a
 * week. */
enum status store_sweep(struct store *, struct io, struct str prefix, struct error *);

/* An object that is not there is removed already: STATUS_OK. */
enum status store_remove(struct store *, struct io, struct str key, struct error *);

/* Calls `each` for every key under the prefix ("a/b/" or the start of a name) in byte order, until it returns false. The object (key, etag,
 * size, modified) lives for that call only. `limit` 0: all; else at most so many, asked from the store as one page where it fits. Keys that
 * are not ours in form are passed over. */
typedef bool store_list_fn(void *context, const struct store_object *);
enum status store_list(struct store *, struct io, struct str prefix, size_t limit, store_list_fn *each, void *context, struct error *);

/* Of a folder ("edges/"): a number that is another one as soon as an object was put there or removed; 0: the store has none, or the last
 * change is so recent that another one might not show. It costs no more than a look at a directory. A file that is overwritten in place,
 * which store_put never does, keeps the number as it is. */
uint64_t store_folder_mark(struct store *, struct str folder);

/* A URL that lets its bearer GET the key for at least `lifetime` ms (a second to six days) and at most twice that; no I/O. Memoised, so
 * that equal questions within some minutes get equal URLs. Never outlives the credentials: `*valid_until` (ms) says when it ends, and
 * STATUS_UNAVAILABLE is returned where they have less than a minute left and can't be refreshed here (with io.no_wait:
 * STATUS_WOULD_BLOCK). STATUS_UNSUPPORTED on file://. */
enum status store_presign(struct store *, struct io, struct str key, int64_t lifetime, struct str *url, int64_t *valid_until,
                          struct error *);
/* The same, but the bearer must send exactly this Range field: the store refuses any other, and none (S8a). Where the store does not bind
 * ranges it is a URL as store_presign's. `range` without spaces. */
enum status store_presign_range(struct store *, struct io, struct str key, struct str range, int64_t lifetime, struct str *url,
                                int64_t *valid_until, struct error *);
/* Whether the store is there and lets us in, by one cheap request. */
enum status store_check(struct store *, struct io, struct error *);

/* For commands: `tell` is given a line once an operation of any store has waited for two seconds without progress, and every five seconds
 * from then on, by the thread that waits. NULL: nobody is told. */
typedef void store_wait_fn(const char *line);
void store_tell_waits(store_wait_fn *tell);

/* Counters for /metrics; each only grows. */
struct store_counts {
    uint64_t requests, retries, failures, bytes_in, bytes_out;
};
struct store_counts store_counts(struct store *);

#endif
