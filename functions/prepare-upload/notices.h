/* What storage events tell: which objects were put. Sources: "Event message structure" of the Amazon S3 user guide (and MinIO, which
 * follows it), "Amazon S3 events" of EventBridge, "Event notifications" of Alibaba OSS. */
#ifndef FUNCTIONS_PREPARE_UPLOAD_NOTICES_H
#define FUNCTIONS_PREPARE_UPLOAD_NOTICES_H

#include "base/arena.h"
#include "base/error.h"

struct notice {
    struct str object; /* its name in the bucket, decoded: any bytes */
    struct str event;  /* the kind, as it was written */
    bool created;      /* else it was removed, or something about it changed */
};

struct notices {
    struct notice *items;
    size_t count;
    struct str app, version; /* of {"pakhus":"prepare-upload"}, which has no items; ids */
};

/* STATUS_INVALID for what is none of these, with words. */
enum status notices_parse(struct arena *, struct str event, struct notices *, struct error *);

#endif
