/* What the errors of S3 and its kin mean: one table. */
#ifndef STORE_ERRORS_INTERNAL
#define STORE_ERRORS_INTERNAL

#include "base/error.h"
#include "lib/store/wire_internal.h"

struct s3_failure {
    enum status status;
    bool again;       /* the same request may succeed later */
    bool credentials; /* other credentials may help */
    unsigned tries;   /* so many in all make sense; 0: any number */
};

/* Reads an answer of 300 and above and the XML that may be its body, and fills *error. */
struct s3_failure s3_failure_of(const struct wire_answer *, struct str body, struct error *);
/* The same for an <Error> that came where a result was due. */
struct s3_failure s3_failure_named(struct str code, struct str message, int http_status, struct str region, struct error *);

#endif
