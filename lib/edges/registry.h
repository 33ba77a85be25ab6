/* The edges and LANs that operators registered: `edges/<edge>.json`, `lans/<code>.json`; and which of them a query belongs to (P1, P2).
 * Immutable once loaded. What a look into it costs does not grow with how many edges there are. */
#ifndef EDGES_REGISTRY_H
#define EDGES_REGISTRY_H

#include "lib/edges/lan.h"
#include "lib/store/store.h"

struct location {
    bool known;
    double latitude, longitude; /* degrees */
};

/* {"edge":"shop-1","address":"192.168.0.5","directory":"/data/share","lans":["192.168.0.0/24"],"site":"","location":[31.2,121.5],
 *  "region":"","egress":["203.0.113.0/24"],"quota":64000000000,"store":"s3://…"|"pull","credentials":"SHOP1","splices":false} */
struct edge {
    struct str id;
    struct str address;   /* host or host:port, as devices reach it */
    struct str directory; /* "/data/share"; may be empty */
    struct str site, region;
    struct location location;
    struct str *lans; /* texts of lan.h, canonical: of its networks with its site (or first egress), or @CODE; an entry of "lans" may
                         also be a registered code */
    struct network *networks;
    size_t lan_count, network_count;
    struct str home; /* its first LAN; "~<id>" where it has none: then it serves the LANs without an edge that are nearest to it (P2) */
    struct network *egress;
    size_t egress_count;
    uint64_t quota;         /* bytes; UINT64_MAX: no limit; 0: nothing is placed here */
    struct str store;       /* URL; empty: the edge pulls */
    struct str credentials; /* of its store, as in a store's URL: <NAME>_ACCESS_KEY_ID and its kin; empty: the environment's own */
    bool splices;           /* runs `pakhus serve`: its base serves every channel */
};

struct lan_entry { /* {"code":"SHOP-7","site":"shop-7","network":"192.168.0.0/24","location":[…],"region":""}; network may be absent */
    struct str code, lan; /* its canonical text */
    struct str site;
    bool has_network;
    struct network network;
    struct str region;
    struct location location;
};

enum status lan_entry_parse(struct arena *, struct str json, struct lan_entry *, struct error *);
struct str lan_entry_format(struct arena *, const struct lan_entry *);

struct registry_served {
    struct str lan;
    const struct edge *edge;
};

/* A network that an edge serves: one of its own, or that of a code which it lists. */
struct registry_area {
    const struct edge *edge;
    struct str code; /* empty: one of its own */
    struct str site; /* the edge's, or the registered LAN's */
    struct network network;
    struct str lan; /* its canonical text */
};

/* The objects as they were read, by key. */
struct registry_sources {
    struct registry_source *at;
    size_t count;
    size_t read; /* how many were not known, and had to be read */
};

struct registry {
    struct edge *edges; /* by id */
    size_t edge_count;
    struct lan_entry *lans; /* by code */
    const struct lan_entry **lans_by_text;
    size_t lan_count;
    struct registry_served *served; /* by LAN: which edge serves it, also where it lists its code; and homes of edges without LANs */
    size_t served_count;
    const struct edge **nodes; /* edges without LANs */
    size_t node_count;
    struct registry_area *areas; /* by edge */
    size_t area_count;
    struct registry_index *index; /* by network, egress and site */
    struct nearness *near, *near_nodes;
    struct registry_sources edge_sources, lan_sources;
    struct registry_age *age; /* what tells without a listing that nothing has changed */
};

enum status edge_parse(struct arena *, struct str json, struct edge *, struct error *);
struct str edge_format(struct arena *, const struct edge *);
/* One edge a line; blank lines are passed over. Errors begin with the line's number. */
enum status edges_parse(struct arena *, struct str lines, struct edge **edges, size_t *count, struct error *);
/* What opens its store: with the name of its credentials; ends in NUL. */
struct str edge_store_url(struct arena *, const struct edge *);
/* The first part of the texts of its LANs: its site or, where it has none, the address that its shop is seen with. */
struct str edge_identity(struct arena *, const struct edge *);
/* Both wholes, some hundred thousand entries at most. What can't be read is logged and passed over: one bad entry stops nobody. */
enum status registry_load(struct store *, struct io, struct registry *, struct error *);
/* Where it took many requests to load, or many objects were written since, what is known of all is kept in one object for those who start
 * from now on: they read that, and what has changed since. Called by who may write. Where it can't be written, the log says so. */
void registry_keep_summary(struct store *, struct io, const struct registry *);
/* Some edges without any LAN: by id, those that begin with `prefix` (empty: all) and come behind `after` (empty: from the first), at most
 * `limit` (0: all). No other is read. */
struct registry_page {
    struct str prefix, after;
    size_t limit;
};
enum status registry_load_page(struct store *, struct io, const struct registry_page *, struct registry *, struct error *);
/* As registry_load, but what has not changed since `known` (NULL: nothing is known) is not read again. STATUS_NOT_MODIFIED: nothing has. */
enum status registry_refresh(struct store *, struct io, const struct registry *known, struct registry *, struct error *);
/* One edge. STATUS_NOT_FOUND, with words, where there is none. */
enum status registry_get_edge(struct store *, struct io, struct str id, struct edge *, struct error *);
/* Registers or changes an edge. STATUS_INVALID, naming both, where another edge lists the same code, or has a network (its own, or a
 * registered LAN's) that overlaps, of the same site or with no site and an egress that overlaps; and where its store's URL is none that
 * could be opened. */
enum status registry_put_edge(struct store *, struct io, const struct edge *, struct error *);
/* Many at once: as registry_put_edge for each, against `known` and one another, and nothing is written before all are found right. Those
 * that stand there already are not written again, so that a run that was cut off is done again at little cost. */
struct registry_batch {
    const struct registry *known; /* what was just loaded */
    const struct edge *edges;     /* in any order; STATUS_INVALID where one id is there twice */
    size_t count;
    void (*progress)(void *context, size_t done); /* of those that are written, by one thread at a time; may be NULL */
    void *context;
};
/* *written: how many differed from what stood there. */
enum status registry_put_edges(struct store *, struct io, const struct registry_batch *, size_t *written, struct error *);
/* STATUS_NOT_FOUND where there is none. */
enum status registry_remove_edge(struct store *, struct io, struct str id, struct error *);
/* Registers or changes a LAN. STATUS_INVALID where an edge that lists its code would overlap with another one for it. */
enum status registry_put_lan(struct store *, struct io, struct str json, struct lan_entry *, struct error *);
enum status registry_remove_lan(struct store *, struct io, struct str code, struct error *);

/* NULL: unknown. */
const struct edge *registry_edge(const struct registry *, struct str id);
const struct lan_entry *registry_lan(const struct registry *, struct str code);
/* Of a text of edge.lans: the registered LAN that is listed there by its code; NULL: it is a network, or nobody registered it. */
const struct lan_entry *registry_listed_lan(const struct registry *, struct str lan);
const struct edge *registry_edge_of(const struct registry *, struct str lan);
/* As registry_edge_of; also the edge whose egress has the address by which the LAN was counted before that edge was registered. *own (may
 * be NULL): the text under which it is counted now. */
const struct edge *registry_edge_serving(const struct registry *, struct str lan, struct str *own);

/* What a query says of where it comes from; each may be empty. */
struct whereabouts {
    struct str code, site, ip, mask;
    struct str caller; /* the address that the query came from: the platform's word, or a trusted proxy's */
    struct str region;
};
struct place {
    struct str lan;           /* canonical text; empty: not said */
    bool registered;          /* an edge serves it, or it has a code */
    const struct edge *edge;  /* NULL: none serves it */
    const struct edge *node;  /* where none does: the nearest edge without LANs; NULL: none is near */
    struct location location; /* the edge's, the registered LAN's, or not known */
    struct str region;
};
/* By code; else by given site; else by the egress address that the caller has; else by the only edge without a site that lists the network
 * (Readings): one without egress serves callers from everywhere, one with egress only those whose own address is private. A LAN that no
 * edge serves is keyed by the caller's public address (/32; IPv6 /64); its first part is empty where the caller's address is private, and
 * where the network is public and has the caller in it. A query with neither address nor mask: the LAN of the site's or the caller's edge
 * that the caller is in, or that edge's first; without an edge the caller's address is the LAN. STATUS_INVALID for a malformed address or
 * mask, a mask with holes, an unknown code. */
enum status registry_find(const struct registry *, struct arena *, const struct whereabouts *, struct place *, struct error *);

/* Of a LAN by its text: its edge, and the location that is known of it. */
void registry_place(const struct registry *, struct str lan, struct place *);

/* `[31.2,121.5]`, of one that is known. */
struct str location_format(struct arena *, const struct location *);
/* Kilometres on a great circle. */
double location_distance(const struct location *, const struct location *);
enum { NEAREST_MOST = 32 };
/* The edges but the place's own, nearest first: by distance where both locations are known, then those of the same region; of several at
 * one distance the first by id; at most `most`, and NEAREST_MOST. Those of which neither is known are not near. The place may be of another
 * registry. Returns the count. */
size_t registry_nearest(const struct registry *, const struct place *, const struct edge **edges, size_t most);

#endif
