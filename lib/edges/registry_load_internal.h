/* Between registry_load.c, which reads the objects, and registry_summary.c, which keeps what was read in one object. */
#ifndef EDGES_REGISTRY_LOAD_INTERNAL_H
#define EDGES_REGISTRY_LOAD_INTERNAL_H

#include "lib/edges/registry_internal.h"

static const struct str SUFFIX = {".json", 5}; /* of the objects' keys */

/* An object as it was read. */
struct registry_source {
    struct str name; /* of its key, between prefix and suffix: mostly the id of what it holds, whose bytes it shares then */
    uint64_t etag;   /* a hash of it */
    struct str text; /* where it holds nothing that is registered under its name; else its data is NULL */
    bool is_gone;    /* removed since it was listed */
};

/* The two kinds of objects. */
struct kind {
    const char *prefix;  /* of the objects' keys */
    const char *summary; /* of its summary's */
    size_t size;         /* bytes of an item */
    enum status (*parse)(struct arena *, struct str text, void *item, struct error *);
    struct str (*format)(struct arena *, const void *item);
    void (*copy)(struct arena *, const void *like, const void *from, void *out); /* `like` may be NULL */
    struct str (*id)(const void *item);
    int (*order)(const void *, const void *);
};
extern const struct kind registry_edge_kind, registry_lan_kind;

struct items {
    char *at;
    size_t count;
};
uint64_t registry_hash_etag(struct str etag);
/* Objects, and what was read from them. */
struct content {
    struct registry_sources sources;
    struct items items;
};
/* For qsort and bsearch: sources as their keys are listed. */
int registry_by_key(const void *, const void *);

enum { SUMMARY_LIMIT = 64 << 20 }; /* bytes of a summary as it is stored */

/* What a summary says of an object is right as long as the object's ETag is the one that it names. STATUS_CORRUPT. */
enum status summary_parse(const struct kind *, struct arena *, const struct store_object *, struct content *, struct error *);
/* Keeps what is registered under its name. */
enum status summary_keep(const struct kind *, struct store *, struct io, const struct content *, struct error *);
/* By id; NULL: there is none, or there are two. */
const void *items_find(const struct kind *, const struct items *, struct str id);

#endif
