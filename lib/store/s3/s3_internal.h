/* S3 and what speaks its language (MinIO, R2, Ceph, OSS, COS), for the files of lib/store that share the work. */
#ifndef STORE_S3_INTERNAL
#define STORE_S3_INTERNAL

#include <pthread.h>

#include "lib/store/s3/credentials_internal.h"
#include "lib/store/s3/presign_internal.h"
#include "lib/store/s3/sigv4_internal.h"
#include "lib/store/store_internal.h"
#include "lib/store/wire_internal.h"

struct s3 {
    struct store store;
    struct str bucket, region;
    struct str endpoint;         /* "https://s3.eu-west-1.amazonaws.com": whatever the bucket */
    struct str origin;           /* "https://bucket.s3.eu-west-1.amazonaws.com" */
    struct str host;             /* of the Host header: the origin's authority */
    struct str root;             /* what stands before a key in a path: "/prefix/", "/bucket/prefix/"; encoded */
    struct str bucket_path;      /* "/", or "/bucket" with path style */
    struct store_pair if_absent; /* the header that makes a PUT conditional */
    struct store_pair clamp;     /* the one that makes a range that ends past the object's end be one; no name: it is one anyway */
    bool direct;                 /* a loopback endpoint is never reached through a proxy */
    struct wire *wire;
    struct credentials_source *credentials;
    struct presign_memo *presigned;
    pthread_mutex_t signer_lock;
    struct sigv4_signer signer; /* of the last credentials on the last day: its key costs four HMACs */
    uint64_t signer_serial;
    int64_t signer_day;
};

/* Who signs with these credentials at this moment, for `region` of the store. `id` points into the credentials. */
struct sigv4_signer s3_signer(struct s3 *, const struct credentials *, int64_t moment);

enum { S3_HEADERS = 8, S3_ARGUMENTS = 6, S3_XML_LIMIT = 8 * 1024 * 1024 };

/* Everything but the parts that do something: from the URL and the environment. `credentials` is the name in the URL. */
enum status s3_configure(struct s3 *, struct arena *, const struct url *, struct str *credentials, struct error *);

/* --- one request, tried again where that helps (request.c) */

struct s3_answer {
    struct wire_answer wire;
    struct buf body;
    bool ambiguous; /* an attempt before the last one may have been carried out */
};

struct s3_request {
    const char *method;
    struct str key; /* empty: the bucket itself */
    struct store_pair query[S3_ARGUMENTS];
    size_t query_count;
    struct store_pair headers[S3_HEADERS]; /* besides host and the signature's own; names in lower case */
    size_t header_count;
    struct str body;
    size_t limit; /* of the answer's body; 0: there is none worth keeping */
    /* Whether an answer of 2xx is what it should be; runs within each attempt, so that what was damaged on the way is asked for
     * again. NULL: it is. */
    enum status (*check)(const struct s3_request *, const struct s3_answer *, struct error *);
    const struct store_get *get; /* for `check` */
};
void s3_add_header(struct s3_request *, struct str name, struct str value);
void s3_add_argument(struct s3_request *, struct str name, struct str value);

/* Until the answer is 2xx, or final, or io.deadline. On failure answer->wire.status may still tell what was answered last. */
enum status s3_call(struct s3 *, struct io, const struct s3_request *, struct s3_answer *, struct error *);
/* The same, but the body is left to be pulled from answer->wire.call, which must be ended; NULL after a failure. */
enum status s3_begin(struct s3 *, struct io, const struct s3_request *, struct s3_answer *, struct error *);

/* --- operations */

/* Fills key, etag, size, time and `encrypted` from an answer's headers. */
struct store_object s3_describe(struct io, struct str key, const struct wire_answer *);
/* Without its quotes, which not every store writes everywhere (Ceph's CopyObjectResult has none). */
struct str s3_bare_etag(struct str);
/* A GET of what is asked; s3_call checks what comes. Its Range is written into `arena`. */
struct s3_request s3_get_request(struct s3 *, struct arena *, struct str key, const struct store_get *);
/* Whether an answer of 2xx is what was asked for, as far as its headers tell: how many bytes it has, and of how many. */
enum status s3_check_headers(const struct store_get *, const struct wire_answer *, uint64_t *length, uint64_t *whole, struct error *);

/* Random, kept with an object as x-amz-meta-upload: tells ours from another's when an answer was lost. */
struct str s3_new_mark(struct arena *);
/* S3Mock refuses a conditional write by 304. */
enum status s3_lost_race(enum status, struct error *);
enum status s3_put(const struct store_call *, struct str body, const struct store_put *, struct store_object *, struct error *);
enum status s3_upload(const struct store_call *, const struct store_source *, const struct store_put *, struct store_object *,
                      struct error *);
enum status s3_compose(const struct store_call *, const struct store_pieces *, const struct store_put *, struct store_object *,
                       struct error *);
enum status s3_sweep(const struct store_call *, struct error *);
bool s3_copies_from(struct store *, struct io, struct store *from);
enum status s3_stream(const struct store_call *, const struct store_get *, struct stream *, struct store_object *, struct error *);
enum status s3_presign(const struct store_call *, struct str range, int64_t lifetime, struct store_presigned *, struct error *);
enum status s3_get(const struct store_call *, const struct store_get *, struct store_object *, struct error *);
enum status s3_head(const struct store_call *, struct store_object *, struct error *);
enum status s3_list(const struct store_call *, size_t limit, store_list_fn *each, void *context, struct error *);

#endif
