/* An upload in parts that was cut off, taken up again. */
#ifndef STORE_S3_RESUME_H
#define STORE_S3_RESUME_H

#include "lib/store/s3_multipart.h"

/* Looks for the newest unfinished upload of upload->key, and fills upload->id and upload->known. Whatever can't be read there is no reason
 * to fail: then the upload begins anew. */
void s3_resume(struct s3_upload *, struct io);
/* Whether the store has the lane's part already, of the same bytes (by their MD5): then lane->etag is set. */
bool s3_resume_has(struct s3_lane *);

/* For every <element> right below the root: the text of its leaves `first` and `second`, as written. False where the document is none. */
typedef void s3_resume_pair_fn(void *context, struct str first, struct str second);
struct s3_resume_names {
    struct str root, element, first, second;
};
bool s3_resume_read(struct str document, const struct s3_resume_names *, s3_resume_pair_fn *, void *context);

#endif
