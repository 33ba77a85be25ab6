/* HTTP dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms. Moments in ms, whole seconds. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include "base/arena.h"
#include "base/clock.h"

struct str http_date(struct arena *, int64_t moment);
bool http_date_parse(struct str, int64_t *moment);
/* As access logs have it: `06/Nov/1994:08:49:37 +0800` (Apache's %t, nginx's $time_local, S3's), without the brackets; from 1970 on. */
bool http_log_time_parse(struct str, int64_t *moment);

#endif
