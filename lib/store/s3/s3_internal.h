/* S3 and what speaks its language (MinIO, R2, Ceph, OSS, COS), for the files of lib/store that share the work. */
#ifndef STORE_S3_INTERNAL
#define STORE_S3_INTERNAL

#include <pthread.h>

#include "lib/store/remote_internal.h"
#include "lib/store/s3/credentials_internal.h"
#include "lib/store/s3/presign_internal.h"
#include "lib/store/s3/sigv4_internal.h"

struct s3 {
    struct remote remote;
    struct str bucket, region;
    struct str endpoint;         /* "https://s3.eu-west-1.amazonaws.com": whatever the bucket */
    struct str origin;           /* "https://bucket.s3.eu-west-1.amazonaws.com" */
    struct str host;             /* of the Host header: the origin's authority */
    struct str root;             /* what stands before a key in a path: "/prefix/", "/bucket/prefix/"; encoded */
    struct str bucket_path;      /* "/", or "/bucket" with path style */
    struct store_pair if_absent; /* the header that makes a PUT conditional */
    struct store_pair clamp;     /* the one that makes a range that ends past the object's end be one; no name: it is one anyway */
    struct credentials_source *credentials;
    struct presign_memo *presigned;
    pthread_mutex_t signer_lock;
    struct sigv4_signer signer; /* of the last credentials on the last day: its key costs four HMACs */
    uint64_t signer_serial;
    int64_t signer_day;
};

/* Who signs with these credentials at this moment, for `region` of the store. `id` points into the credentials. */
struct sigv4_signer s3_signer(struct s3 *, const struct credentials *, int64_t moment);

#define S3_MARK "x-amz-meta-upload"

/* Everything but the parts that do something: from the URL and the environment. `credentials` is the name in the URL. */
enum status s3_configure(struct s3 *, struct arena *, const struct url *, struct str *credentials, struct error *);

/* --- what requests have in common (struct remote_service) */

enum status s3_sign(struct remote *, struct io, const struct remote_request *, struct remote_signed *, struct error *);
void s3_add_to_get(struct remote *, struct remote_request *, bool is_range);
bool s3_is_encrypted(const struct wire_answer *);

/* --- operations */

/* Without its quotes, which not every store writes everywhere (Ceph's CopyObjectResult has none). */
struct str s3_bare_etag(struct str);
enum status s3_upload(const struct store_call *, const struct store_source *, const struct store_put *, struct store_object *,
                      struct error *);
enum status s3_compose(const struct store_call *, const struct store_pieces *, const struct store_put *, struct store_object *,
                       struct error *);
enum status s3_sweep(const struct store_call *, struct error *);
bool s3_copies_from(struct store *, struct io, struct store *from);
enum status s3_presign(const struct store_call *, struct str range, int64_t lifetime, struct store_presigned *, struct error *);
enum status s3_head(const struct store_call *, struct store_object *, struct error *);

#endif
