/* What runs by the clock: evaluate, evict, reconcile. The functions, and the commands of the same names. */
#ifndef FUNCTIONS_COMMON_CRON_H
#define FUNCTIONS_COMMON_CRON_H

#include "functions/common/app.h"
#include "lib/delivery/delivery.h"
#include "lib/policy/evaluate.h"

enum cron_kind { CRON_EVALUATE, CRON_EVICT, CRON_RECONCILE };

struct cron {
    enum cron_kind kind;
    int64_t now, present; /* what is asked about; what the clock says */
    int part;             /* −1: all; of CRON_RECONCILE always all */
    struct str edge;      /* empty: all */
    bool dry_run;         /* decides, writes nothing */
    bool verify;          /* CRON_RECONCILE: reads what edges hold */
    bool visible;         /* progress bars */
    int64_t grace;        /* ms between the last device that is sent to a copy and its deletion */
    void (*tell)(void *context, struct str line);
    void *context;
};
struct cron_result {
    struct evaluation_result evaluated;
    struct reconcile_result reconciled;
    uint64_t patches; /* that LANs without an edge missed, and that were made (P6) */
};
void cron_default(struct cron *, enum cron_kind);
/* Evaluate and evict reconcile at their end, within io.deadline. An edge that can't be reached is logged and counted as failed. */
enum status cron_run(struct app *, struct io, const struct cron *, struct cron_result *, struct error *);
struct str cron_json(struct arena *, const struct cron *, const struct cron_result *);

/* What runs by the clock takes what time there is, but for what it takes to say so. */
struct io cron_io(struct app *, const struct lc_call *);

/* A function of this kind: its event handler. */
enum status cron_event(struct app *, enum cron_kind, struct lc_call *, struct str event, struct str *result, struct error *);

#endif
