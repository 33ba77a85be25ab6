/* What changes under several writers, on stores that offer no more than put-if-absent: a row of generations `<prefix><n>`, where n counts
 * down, so that a listing's first key is the newest.
 *
 *     channels/APP1/9999999999999997   third, newest
 *     channels/APP1/9999999999999998   second
 *     channels/APP1/9999999999999999   first
 *
 * A writer reads the newest, makes the next, and puts it if absent; one that finds its number taken reads again. Old generations are
 * trimmed, but never one younger than an hour: a writer that was held up (for at most the deadline it was given, which is cut to five
 * minutes) must find its number taken, not free again. */
#ifndef STORE_GENERATION_H
#define STORE_GENERATION_H

#include "lib/store/store.h"

struct generation {
    uint64_t number; /* 1 for the first; 0: there is none yet */
    struct str key;
    struct str body;
    int64_t modified;
};

/* All generations of one document in a store, and how they are asked for. */
struct generations {
    struct store *store;
    struct io io;
    struct str prefix; /* of their keys; ends in '/' */
};

/* The newest: STATUS_OK with number 0 where there is none. Bodies up to 64 MiB. `known` (0: nothing) is the number the caller has: if it is
 * still the newest only the listing is paid for, and STATUS_NOT_MODIFIED is returned. */
enum status generation_newest(struct generations, uint64_t known, struct generation *, struct error *);

/* Of which document a key of a listing is a generation ("channels/APP1/"), and which one. False: it is none. */
bool generation_of_key(struct str key, struct str *prefix, uint64_t *number);

/* Makes the next body out of the newest one (number 0, empty body: the first). Called again with a newer one when another writer was
 * faster, so it must not have effects of its own. The arena is io's. STATUS_NOT_MODIFIED: nothing to change, all is well. */
typedef enum status generation_change_fn(void *context, struct arena *, const struct generation *newest, struct str *body, struct error *);
/* Returns what is the newest afterwards. */
enum status generation_update(struct generations, generation_change_fn *, void *context, struct generation *, struct error *);

#endif
