/* Between the files of the look-up document. */
#ifndef EDGES_LOOKUP_INTERNAL_H
#define EDGES_LOOKUP_INTERNAL_H

#include "lib/edges/lookup.h"
#include "lib/edges/registry_index_internal.h"
#include "lib/store/shard.h"

enum lookup_document { LOOKUP_KEYS, LOOKUP_NEAR, LOOKUP_NODES, LOOKUP_DOCUMENTS };
enum { LOOKUP_LISTED_MAX = 40, LOOKUP_AREA_DEPTH = 5, LOOKUP_AREAS = 1 << 2 * LOOKUP_AREA_DEPTH };

/* Lengths and areas in use: there may be more than there need be. */
struct lookup_settings {
    uint64_t generation; /* 0: there is no look-up document */
    bool usable;
    uint64_t sum;                                      /* of the objects that the last repair was of */
    uint64_t serial;                                   /* of the shards: where one is damaged, all are made again under the next number */
    unsigned depth;                                    /* of most shards of the keys */
    bool networks[2][PREFIXES], egresses[2][PREFIXES]; /* of IPv4 and IPv6 */
    unsigned char areas[2][LOOKUP_AREAS / 8];          /* where there are edges: all, and those without LANs */
};
enum status lookup_settings_read(struct store *, struct io, uint64_t known, struct lookup_settings *, struct error *);
/* Calls `change` with the newest until it is written. Nothing is written where it changes nothing. */
typedef void lookup_settings_change(const void *context, struct lookup_settings *);
enum status lookup_settings_update(struct lookup, lookup_settings_change *, const void *context, struct lookup_settings *, struct error *);
struct shards lookup_shards(struct store *, struct io, enum lookup_document, const struct lookup_settings *);

/* What an edge or a LAN is found by. */
struct lookup_entry {
    enum lookup_document document;
    struct str key, token;
    bool remove; /* with an empty token: nothing is behind the list's own any more */
};
struct lookup_entries {
    struct arena *arena;
    struct lookup_entry *at;
    size_t count, capacity;
    struct lookup_settings *uses; /* lengths and areas are noted here; NULL: nowhere */
};
/* Kinds of keys: edges but for the last. */
enum lookup_kind {
    LOOKUP_CODE = 'c',           /* that list the code */
    LOOKUP_TEXT = 't',           /* that serve the LAN of this text, which has no egress in it */
    LOOKUP_NETWORK = 'm',        /* that have the network, and an egress but no site */
    LOOKUP_EGRESS = 'e',         /* with LANs, that have exactly this egress */
    LOOKUP_SITE = 's',           /* with LANs, at the site */
    LOOKUP_REGION = 'r',         /* of the region, without a location */
    LOOKUP_REGION_LOCATED = 'R', /* of the region, with one */
    LOOKUP_NODE = 'u',           /* without LANs, of the region, without a location */
    LOOKUP_NODE_LOCATED = 'U',   /* likewise, with one */
    LOOKUP_LAN = 'l'             /* codes of LANs of this text */
};
struct str lookup_key(struct arena *, enum lookup_kind, struct str text);
void lookup_entries_of_edge(struct lookup_entries *, const struct registry *, const struct edge *, bool remove);
void lookup_entries_of_lan(struct lookup_entries *, const struct lan_entry *, bool remove);
/* For qsort: by document, key and token; what is to go before what is to come. */
int lookup_by_entry(const void *, const void *);

/* The value of an entry: tokens by byte order with spaces between them. */
struct lookup_list {
    struct str at[LOOKUP_LISTED_MAX + 1];
    size_t count;
    bool more; /* behind these */
};
void lookup_list_parse(struct str value, struct lookup_list *);

enum status lookup_lan(const struct lookup *, struct str code, struct registry *, struct error *);

/* --- the grid */

struct str lookup_key_of_location(struct arena *, const struct location *, struct str id);
unsigned lookup_area_of(const struct location *);
struct lookup_nearest {
    const struct lookup *lookup;
    const struct lookup_settings *settings;
    enum lookup_document document;
    struct location from;
    struct str without; /* an edge's id; may be empty */
    size_t most;        /* LOOKUP_LISTED_MAX at most */
};
/* The nearest edges as far as the entries tell: id, location, splices; room for `most`. */
enum status lookup_nearest(const struct lookup_nearest *, struct edge *edges, size_t *count, struct error *);

/* --- for who writes edges and LANs: `before` and `after` are what the registry knows of them, NULL where there is nothing */

struct lookup_change {
    struct store *store;
    struct io io;
    struct lookup_settings settings;
    struct arena *arena;
    struct lookup_entries before, after;
};
/* No change is noted, and the rest does nothing, where there is no look-up document. */
enum status lookup_begin(struct lookup_change *, struct store *, struct io, struct error *);
void lookup_note_edge(struct lookup_change *, const struct registry *before, const struct registry *after, struct str id);
void lookup_note_lan(struct lookup_change *, const struct registry *before, const struct registry *after, struct str code);
/* Before the objects are written, and after that. */
enum status lookup_prepare(struct lookup_change *, struct error *);
enum status lookup_finish(struct lookup_change *, size_t *removed, struct error *);
void lookup_end(struct lookup_change *);

#endif
