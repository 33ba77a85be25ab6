/* What an operator wants to see of a store, as one JSON document and as one page that shows it (docs/operating.md). It is drawn from what
 * is recorded there; every list is bounded, and says of how many it shows how many. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/buf.h"
#include "lib/store/store.h"

enum { REPORT_JSON_LIMIT = 3 << 19, REPORT_PAGE_LIMIT = 2 << 20 };

struct report_question {
    struct store *store;
    struct io io;
    int64_t now;
    int64_t edges_time; /* ms for reading what edges hold: two objects an edge; those that were not reached are shown as unread */
};
/* Into io.arena. */
enum status report_collect(const struct report_question *, struct str *json, struct error *);

/* The page with the document in it. It asks for nothing from anywhere, and its policy lets nothing else run. */
void report_write(struct buf *page, struct str json);
/* That policy, for the header Content-Security-Policy. */
struct str report_page_policy(struct arena *);

#endif
