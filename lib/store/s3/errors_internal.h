/* What the errors of S3 and its kin mean: one table. */
#ifndef STORE_S3_ERRORS_INTERNAL
#define STORE_S3_ERRORS_INTERNAL

#include "lib/store/failure_internal.h"
#include "lib/store/wire_internal.h"

/* Reads an answer of 300 and above and the XML that may be its body, and fills *error. */
struct failure s3_failure_of(const struct wire_answer *, struct str body, struct error *);
/* The same for an <Error> that came where a result was due. */
struct failure s3_failure_named(struct str code, struct str message, int http_status, struct str region, struct error *);

#endif
