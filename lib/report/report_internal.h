/* Between collect.c (which parts) and the files that collect them. */
#ifndef REPORT_REPORT_INTERNAL_H
#define REPORT_REPORT_INTERNAL_H

#include "base/json.h"
#include "lib/edges/registry.h"
#include "lib/report/report.h"

enum { REPORT_DAYS = 7 };

/* What is published, with its size: "APP/2.0", and of patches "APP/1.0..2.0". */
struct report_package {
    struct str name;
    uint64_t size; /* bytes */
};
struct report_packages {
    struct report_package *items; /* by name */
    size_t count;
};

struct collecting {
    const struct report_question *question;
    struct io io; /* of the part that is collected: its arena ends with it */
    struct registry registry;
    struct report_packages packages;
    struct json_writer json;
};

/* A list that is written: both the lines and the bytes that it may have are limited, so that no list crowds out the next one. */
struct report_list {
    struct collecting *at;
    size_t left; /* lines that it may still have */
    size_t end;  /* of the document, where the list is long enough */
};
struct report_list report_list_open(struct collecting *, const char *name, size_t most, size_t bytes);
/* Asked before each line; true counts it. */
bool report_list_takes_one(struct report_list *);

/* Both into question->io.arena. */
enum status report_load_packages(struct collecting *, struct error *);
/* Of a package as demand names it: that of a channel has the size of its base. 0: not published any more. */
uint64_t report_size_of(const struct report_packages *, struct str name);

/* What the documents of an edge tell about it. In the order in which an operator wants to see them. */
enum report_edge_status { EDGE_SILENT, EDGE_FULL, EDGE_WAITING, EDGE_HOLDING, EDGE_EMPTY, EDGE_UNREAD, EDGE_STATUSES };
struct report_row {
    struct str key; /* of the newest generation; empty: there is none */
    int64_t modified;
};
struct report_edge {
    const struct edge *edge;
    struct report_row wanted, held;
    enum report_edge_status status;
    uint64_t held_packages, held_bytes, waiting_packages, waiting_bytes;
};
const char *report_edge_status_name(enum report_edge_status);
/* One for each edge of the registry, in its order. Into at->io.arena. */
enum status report_load_edges(struct collecting *, struct report_edge **, struct error *);

enum status report_put_releases(struct collecting *, struct error *);
enum status report_put_edges(struct collecting *, struct error *);
enum status report_put_demand(struct collecting *, struct error *);
enum status report_put_tokens(struct collecting *, struct error *);
enum status report_put_decisions(struct collecting *, struct error *);

#endif
