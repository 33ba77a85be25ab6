/* A line of an access log, in the forms that nginx, Apache and S3 write by themselves:
 *
 *     192.168.0.7 - - [06/Feb/2026:00:00:38 +0000] "GET /data/share/APP1_2.0.apk HTTP/1.1" 200 7436979 "-" "okhttp/4.9"    combined
 *     shop.lan:80 192.168.0.7 - - [06/Feb/2026:…] "GET … HTTP/1.1" 200 7436979 "-" "okhttp/4.9"         vhost_combined
 *     <owner> <bucket> [06/Feb/2026:…] 192.0.2.3 <requester> <id> REST.GET.OBJECT <key> "GET /<bucket>/<key> HTTP/1.1" 200 - 7436979 …
 *
 * (nginx: ngx_http_log_module's `combined`, which is used unless another is named; Apache: mod_log_config; S3: "Amazon S3 server access log
 * format".) Referer and agent may be missing (`common`), and more may follow. Nothing is decoded or allocated: slices of the line. */
#ifndef DEMAND_ACCESS_LINE_INTERNAL_H
#define DEMAND_ACCESS_LINE_INTERNAL_H

#include "lib/edges/lan.h"

struct access_line {
    struct str client;      /* as it stands; a host's name or "-" too */
    struct address address; /* its, where has_address */
    bool has_address;
    int64_t time;              /* ms, whole seconds */
    struct str method, target; /* empty where what was sent is no request; the target as sent, "?…" and all */
    unsigned status;           /* 100 to 999 */
    uint64_t bytes;            /* sent; 0 for "-" */
    struct str sender;         /* `"referer" "agent"`, as they stand; may be empty */
    bool of_store;             /* S3's form */
};
/* False where the line is none of these. */
bool access_line_parse(struct str, struct access_line *);

#endif
