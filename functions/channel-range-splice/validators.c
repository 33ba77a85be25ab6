#include "functions/channel-range-splice/splice.h"
#include "lib/http/date.h"

static void add_header(struct task *task, struct str name, struct str value)
{
    lc_header_add(task->io.arena, &task->response->headers, name, value);
}

void content_add_validators(struct task *task)
{
    int64_t modified = task->content.validators.modified, now = clock_now();
    add_header(task, S("ETag"), task->content.validators.etag);
    add_header(task, S("Last-Modified"), http_date(task->io.arena, modified < now ? modified : now)); /* never later than now (8.8.2.1) */
    add_header(task, S("Accept-Ranges"), S("bytes"));
    add_header(task, S("Content-Disposition"), task->content.disposition);
}
