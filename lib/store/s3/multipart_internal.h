/* Objects that are made of parts: sent from a stream, or copied by the store. For s3_multipart.c, which has what they share, and
 * s3_compose.c. */
#ifndef STORE_MULTIPART_INTERNAL
#define STORE_MULTIPART_INTERNAL

#include <pthread.h>

#include "lib/store/s3/s3_internal.h"

/* 10,000 parts are allowed, and two of them are in memory at a time. */
enum { S3_MEBIBYTE = 1024 * 1024, S3_SMALLEST_PART = 8 * S3_MEBIBYTE, S3_LARGEST_PART = 32 * S3_MEBIBYTE, S3_PARTS = 10000, S3_LANES = 2 };

struct s3_upload;

/* A part on its way, on a thread and with memory of its own. */
struct s3_lane {
    struct s3_upload *upload;
    pthread_t thread;
    bool busy;
    unsigned number;
    char *buffer; /* what is sent: `length` bytes, unless the part is copied */
    size_t capacity, length;
    bool is_copy;
    struct store_piece copied;
    enum status status;
    struct error error;
    struct arena *arena;
    struct str etag;
};

struct s3_upload {
    struct s3 *s3;
    struct io io;
    struct str key, id;
    struct str mark; /* random, kept with the object: tells ours from another's when an answer was lost */
    const struct store_put *put;
    int64_t span; /* ms that each request may take */
    uint64_t size, sent;
    struct s3_lane lanes[S3_LANES];
    struct str etags[S3_PARTS];
    struct s3_known *known; /* what an upload that was cut off left, by part; NULL: nothing (s3_resume.h) */
    int64_t began;          /* that upload, in ms by the store's clock; 0: it does not say */
    unsigned last_known;
    unsigned parts;
    /* Makes part `number` (1 is the first) ready in the lane, s3_part_size of it but for the last; length 0: there is none any more. */
    enum status (*next)(struct s3_upload *, struct s3_lane *, unsigned number, struct error *);
    enum status (*before_end)(struct s3_upload *, struct error *); /* once all parts are there; NULL: nothing is to be done */
    void *context;
    bool rereadable; /* next() may begin with part 1 again */
    int64_t changed; /* what parts are copied from, as in store_pieces */
};

/* Parts are of one size where the size of the whole is known (R2 asks for that), else they grow after each thousand. `size` UINT64_MAX: not
 * known. */
size_t s3_part_size(uint64_t size, unsigned number);
/* Room for `size` bytes in the lane's buffer, and none of them used. */
void s3_lane_clear(struct s3_lane *, size_t size);

/* What a copy is made of, on a request: "x-amz-copy-source: /bucket/prefix/key" and the version that it must be. */
void remote_add_copy_source(struct remote_request *, struct arena *, const struct store_piece *);
/* Whether the answer tells an ETag, be it an empty one, and is no <Error>, which may come with status 200. */
enum status s3_check_result(const struct remote *, const struct remote_request *, const struct remote_answer *, struct error *);
struct str s3_etag_of_result(struct arena *, const struct remote_answer *);

/* In the call's arena; what the parts are made of is left to be set. `size` as above. */
struct s3_upload *s3_upload_new(const struct store_call *, const struct store_put *, uint64_t size);
/* All parts from next(); one that is the only one and short of s3_part_size goes by a plain PUT, and must not be a copy. */
enum status s3_upload_parts(struct s3_upload *, struct store_object *, struct error *);

#endif
