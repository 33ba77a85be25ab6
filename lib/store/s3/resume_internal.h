/* An upload in parts that was cut off, taken up again. */
#ifndef STORE_RESUME_INTERNAL
#define STORE_RESUME_INTERNAL

#include "lib/store/s3/multipart_internal.h"

/* A part that the store has. */
struct s3_known {
    struct str etag; /* empty: it has none */
    uint64_t size;
};

/* Looks for the newest unfinished upload of upload->key, and fills upload->id, `began` and `known`. Whatever can't be read there is no
 * reason to fail: then the upload begins anew. */
void s3_resume(struct s3_upload *, struct io);
/* Whether the store has the lane's part already: then lane->etag is set. One that is sent must have the same bytes (by their MD5); what is
 * copied is not known here, but the part has it where the upload began after all that is copied from changed last. */
bool s3_resume_has(struct s3_lane *);

/* For every <element> right below the root: the texts of its leaves of these names, as written. False where the document is none. */
enum { S3_RESUME_LEAVES = 3 };
typedef void s3_resume_each_fn(void *context, const struct str texts[S3_RESUME_LEAVES]);
struct s3_resume_names {
    struct str element, leaves[S3_RESUME_LEAVES];
};
bool s3_resume_read(struct str document, const struct s3_resume_names *, s3_resume_each_fn *, void *context);

#endif
