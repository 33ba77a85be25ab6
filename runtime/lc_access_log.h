/* One line for each request, on stderr beside the log's own and stamped alike, once the answer is complete:
 *     2026-11-22T10:00:00.123Z info request=… trace=… method=GET path=/x status=200 bytes=5 ms=0.042
 *     {"timestamp":"…","level":"INFO","requestId":"…","traceId":"…","message":"GET /x
 * 200","method":"GET","path":"/x","status":200,"bytes":5, "ms":0.042} */
#ifndef LC_ACCESS_LOG_H
#define LC_ACCESS_LOG_H

#include "base/base.h"
#include "lambda-c/lambda.h"

struct lc_access {
    struct log log;
    struct str method, path;
    int status;
    uint64_t bytes; /* of the body */
    int64_t microseconds;
    bool aborted; /* the client went away, or the body's source failed */
};
void lc_access_log(const struct lc_access *);

/* From now on this thread's lines wait for lc_access_log_flush, at most PIPE_BUF bytes of them: it calls that before it waits for anything.
 */
void lc_access_log_batch(void);
void lc_access_log_flush(void);

int64_t lc_microseconds(void); /* monotonic, for the durations in this line and the metrics */

#endif
