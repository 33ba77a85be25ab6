/* Between collect.c (which parts) and the files that collect them. */
#ifndef REPORT_REPORT_INTERNAL_H
#define REPORT_REPORT_INTERNAL_H

#include "base/json.h"
#include "lib/edges/registry.h"
#include "lib/report/report.h"

enum { REPORT_DAYS = 7 };

struct collecting {
    const struct report_question *question;
    struct io io; /* of the part that is collected: its arena ends with it */
    struct registry registry;
    struct json_writer json;
};
enum status report_put_edges(struct collecting *, struct error *);
enum status report_put_demand(struct collecting *, struct error *);
enum status report_put_decisions(struct collecting *, struct error *);

#endif
