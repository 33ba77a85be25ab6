/* Who asks at an edge that says nothing of its callers (lib/demand/callers.h): in memory, and in the store with the next flush. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "functions/query/query.h"
#include "lib/demand/callers.h"

enum { EDGES_MAX = 1024, PROBES_MAX = 8, CALLERS_MAX = 2, EDGE_ID_MAX = 128 };

struct seen {
    char id[EDGE_ID_MAX + 1]; /* of the edge; empty: free */
    struct network callers[CALLERS_MAX];
    unsigned count, written; /* of callers */
};
struct callers_seen {
    pthread_mutex_t lock;
    bool dirty;
    struct seen edges[EDGES_MAX];
};

void query_open_callers(struct query *query)
{
    query->callers = arena_new_of(query->placement->app->arena, struct callers_seen);
    pthread_mutex_init(&query->callers->lock, NULL);
}

/* NULL: there is no room, and another instance may see it. */
static struct seen *find(struct callers_seen *seen, struct str edge)
{
    uint32_t first = hash32(HASH32, edge);
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        struct seen *at = &seen->edges[(first + i) % EDGES_MAX];
        if (at->id[0] == 0 && edge.length <= EDGE_ID_MAX) memcpy(at->id, edge.data, edge.length);
        if (str_equal(str_of(at->id), edge)) return at;
    }
    return NULL;
}

static void note(struct callers_seen *all, struct str edge, const struct network *caller)
{
    struct seen *seen = find(all, edge);
    if (!seen || seen->count == CALLERS_MAX || (seen->count == 1 && network_equal(&seen->callers[0], caller))) return;
    seen->callers[seen->count++] = *caller;
    all->dirty = true;
}

void query_note_caller(struct query *query, const struct place *place, const struct whereabouts *where)
{
    struct address address;
    struct network network;
    if (!place->edge || where->code.length > 0 || !callers_are_untold(place->edge, place->lan)) return;
    if (!address_parse(where->caller, &address) || !address_is_public(&address)) return;
    if (network_parse(place->lan, &network) && network_contains(&network, &address)) return; /* shops do not share public addresses */
    const struct network caller = network_of_caller(&address);
    pthread_mutex_lock(&query->callers->lock);
    note(query->callers, place->edge->id, &caller);
    pthread_mutex_unlock(&query->callers->lock);
}

/* --- writing */

/* The next caller that is not written; false: all are. */
static bool take(struct callers_seen *all, unsigned *at, struct seen *out)
{
    pthread_mutex_lock(&all->lock);
    for (; *at < EDGES_MAX && all->edges[*at].written == all->edges[*at].count; ++*at) continue;
    bool found = *at < EDGES_MAX;
    if (found) *out = all->edges[*at];
    pthread_mutex_unlock(&all->lock);
    return found;
}

/* Two may write the same one at once. */
static void note_written(struct callers_seen *all, unsigned at, const struct seen *seen)
{
    pthread_mutex_lock(&all->lock);
    if (all->edges[at].written == seen->written) all->edges[at].written++;
    pthread_mutex_unlock(&all->lock);
}

static void warn(struct arena *arena, const struct seen *seen)
{
    log_warn((struct log){0},
             "edge=%s has neither site nor egress, and callers with more than one public address use it, " STR_FMT
             " among them: if they are several shops, give it a site or an egress",
             seen->id, STR_ARG(network_format(arena, &seen->callers[seen->written])));
}

static void note_dirty(struct callers_seen *all)
{
    pthread_mutex_lock(&all->lock);
    all->dirty = true;
    pthread_mutex_unlock(&all->lock);
}

enum status query_flush_callers(struct query *query, struct io io, struct error *error)
{
    struct callers_seen *all = query->callers;
    struct seen seen;
    bool second;
    pthread_mutex_lock(&all->lock);
    bool dirty = all->dirty;
    all->dirty = false;
    pthread_mutex_unlock(&all->lock);
    for (unsigned at = 0; dirty && take(all, &at, &seen);) {
        const struct caller caller = {str_of(seen.id), &seen.callers[seen.written], clock_now()};
        enum status status = callers_note(query->placement->app->store, io, &caller, &second, error);
        if (status != STATUS_OK) return note_dirty(all), status;
        if (second) warn(io.arena, &seen);
        note_written(all, at, &seen);
    }
    return STATUS_OK;
}
