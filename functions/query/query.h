/* Between the parts of query: which package is meant (catalogue.c), what is counted (counting.c) and who asks (callers.c), who is near
 * (nearby.c), what a miss sets going (trigger.c), the answer (handler.c), and what became of it (result.c). */
#ifndef FUNCTIONS_QUERY_QUERY_H
#define FUNCTIONS_QUERY_QUERY_H

#include <stdatomic.h>

#include "functions/common/client.h"
#include "functions/common/placement.h"
#include "lib/delivery/delivery.h"
#include "lib/demand/demand.h"
#include "lib/demand/samples.h"

struct query {
    struct placement_app *placement;
    struct cache *apps;     /* app → which version is current */
    struct cache *triggers; /* "edge lan package" → what the last look at what passes came to */
    struct pauses *pauses;  /* of what went wrong */
    struct cache *sums;     /* what LANs with an edge ask for, by part: triggers look at it */
    struct demand *demand;
    struct samples *samples; /* for calibrate */
    struct flusher *flusher;
    struct callers_seen *callers;
    struct query_nearby *nearby; /* NULL: each answer looks for itself */
    atomic_bool makes_patch;     /* one query is at it */
    _Atomic int64_t patch_pause; /* until when none makes one, of the monotonic clock */
    struct str public_url;       /* without a '/' at the end; empty: as the request has it */
};

/* --- catalogue.c */

struct wish {
    struct str app, version, from, channel, device; /* as asked; each but app may be empty */
    struct str from_channel;                        /* of the installed package */
    bool takes_format2;                             /* patches of format 2 too; every device takes those of format 1 */
};
struct offer {
    struct package_name name;
    uint64_t size;
    struct str sha256; /* empty: not known */
};
struct chosen {
    struct offer offer;         /* what is answered */
    struct offer other;         /* a patch in another format that the device takes, where an edge holds only that one; no version: none */
    struct package_name wanted; /* what is counted: a patch that does not exist may be wanted, while the full package, or the patch of
                                   format 1, is answered */
    struct str base;            /* key of the base of a full package */
    struct apk_region region;   /* of the version's base */
    bool is_current;            /* the device has it already, or a newer one */
};
struct cache *query_apps(struct app *);
/* P3, P6. STATUS_NOT_FOUND says what there is none of. */
enum status query_choose(struct query *, struct io, const struct wish *, struct chosen *, struct error *);

/* --- counting.c */

enum status query_open_counting(struct query *, struct error *);
void query_flush(struct query *);
void query_close_counting(struct query *);
/* STATUS_WOULD_BLOCK where the counts must be written before the answer. Asked before anything is counted. */
enum status query_may_count(const struct query *, struct io, struct error *);
/* One request for a package. */
struct counted {
    struct str package;
    bool hit;      /* the LAN's edge has it */
    bool node_hit; /* place->node has it, which answers or misses what LANs without an edge ask for (P2) */
};
/* Of the LAN, and of place->node. With `sync` it is in the store when this returns, or logged that the store takes nothing: then it waits
 * in memory for the next time. */
void query_count(struct query *, struct io, const struct place *, const struct counted *);

/* --- callers.c */

void query_open_callers(struct query *);
/* Of an edge that says nothing of its callers, two are kept in memory; no I/O. */
void query_note_caller(struct query *, const struct place *, const struct whereabouts *);
/* Writes those that are not written, and warns of a second one. What can't be written stays for the next time. */
enum status query_flush_callers(struct query *, struct io, struct error *);

/* --- nearby.c */

void query_open_nearby(struct query *);
/* What is asked: by the place and the package. */
uint64_t query_nearby_hash(const struct query *, const struct place *, struct str package);
/* *id: the nearest edge that held it some seconds ago; empty: none did. False: that is not known. */
bool query_nearby_recall(const struct query *, struct arena *, uint64_t hash, struct str *id);
void query_nearby_note(const struct query *, uint64_t hash, struct str id);

/* --- trigger.c */

void query_open_triggers(struct query *);
/* A device asks for a package that its edge does not hold; it is not counted yet. */
struct query_miss {
    struct query *query;
    struct io io;
    const struct policy *policy;
    const struct place *place; /* of the device */
    const struct package_name *name;
    uint64_t size; /* bytes; 0: not known */
};

/* P7. *placed: the edge holds it now. STATUS_WOULD_BLOCK, or STATUS_OK: what goes wrong is logged, and left alone for a while. "immediate"
 * copies at most 256 MiB while the device waits, and makes no patch between packages of over 8 MiB: what is larger is brought in the
 * background. "pending" does the same for what an earlier query, or evaluate, marked. */
enum status query_trigger(const struct query_miss *, bool *placed, struct error *);

/* P12: how often a LAN that no edge serves missed the package in the current window, this time among them; 0: it has an edge, or the store
 * can't be read. STATUS_WOULD_BLOCK. */
enum status query_lone_misses(const struct query_miss *, uint64_t *misses, struct error *);

/* The evaluation that one query asks for: as of now, over all parts. */
struct evaluation query_evaluation(struct query *, const struct policy *, const struct registry *);

/* Copies what is wanted there while the device waits. What goes wrong is logged, and the edge is left alone for a while. */
void query_copy(struct query *, struct io, const struct edge *, const struct package_name *);

/* --- patch.c */

/* Of a patch that a query makes, as it is estimated: half its base, which is some three seconds for 8 MB. */
#define QUERY_PATCH_MAX (UINT64_C(4) << 20)
/* P6, for a LAN without an edge: where the trigger is "immediate" and the policy makes patches, the one that nobody made is made while the
 * device waits, kept at the origin, and copied to the nearest edge that holds the version. *made: it is there, as *source says.
 * STATUS_WOULD_BLOCK, or STATUS_OK: what goes wrong is logged, and left alone for a minute. */
enum status query_make_patch(const struct query_miss *, struct package_source *, bool *made, struct error *);

/* --- result.c */

/* POST /query/result. */
enum status query_result(struct query *, struct lc_call *, const struct lc_request *, struct lc_response *);

#endif
