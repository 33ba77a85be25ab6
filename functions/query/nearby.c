/* Which edge near a place held a package a moment ago: many ask the same, and each answer looks at up to 32 edges. */
#include <pthread.h>

#include "base/hash.h"
#include "functions/query/query.h"

enum { SLOTS = 4096, ID_MAX = 128, LIFE = 5 * CLOCK_SECOND };

struct slot {
    uint64_t hash;
    int64_t until; /* by clock_aging; 0: nothing is in it */
    char id[ID_MAX + 1];
};
struct query_nearby {
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
};

void query_open_nearby(struct query *query)
{
    struct app *app = query->placement->app;
    if (store_abilities(app->store)->cheap_metadata) return; /* what is put there shows at once */
    query->nearby = arena_new_of(app->arena, struct query_nearby);
    pthread_mutex_init(&query->nearby->lock, NULL);
}

/* What we copied somewhere since is another question. */
uint64_t query_nearby_hash(const struct query *query, const struct place *place, struct str package)
{
    const uint64_t filled = atomic_load(&query->placement->filled);
    uint64_t hash = hash64(HASH64, str_make(&filled, sizeof filled));
    hash = hash64(hash64(hash, package), S(" "));
    if (place->edge) return hash64(hash64(hash, S("edge ")), place->edge->id);
    hash = hash64(hash64(hash64(hash, place->region), S(" ")), place->lan);
    return hash;
}

bool query_nearby_recall(const struct query *query, struct arena *arena, uint64_t hash, struct str *id)
{
    struct query_nearby *nearby = query->nearby;
    if (!nearby) return false;
    struct slot *slot = &nearby->slots[(hash ^ hash >> 32) % SLOTS];
    pthread_mutex_lock(&nearby->lock);
    bool known = slot->hash == hash && clock_aging() < slot->until;
    if (known) *id = arena_copy(arena, str_of(slot->id));
    pthread_mutex_unlock(&nearby->lock);
    return known;
}

void query_nearby_note(const struct query *query, uint64_t hash, struct str id)
{
    struct query_nearby *nearby = query->nearby;
    if (!nearby || id.length > ID_MAX) return;
    struct slot *slot = &nearby->slots[(hash ^ hash >> 32) % SLOTS];
    pthread_mutex_lock(&nearby->lock);
    *slot = (struct slot){.hash = hash, .until = clock_aging() + LIFE};
    if (id.length > 0) memcpy(slot->id, id.data, id.length);
    pthread_mutex_unlock(&nearby->lock);
}
