/* Many small requests to a store, several at once: what waits for the network takes a fraction of the time. */
#ifndef STORE_MANY_H
#define STORE_MANY_H

#include "base/error.h"
#include "base/io.h"

struct store_many {
    size_t count;
    /* Of number 0 to count − 1, each once, in any order, by several threads. The arena of `io` is for this call alone. */
    enum status (*each)(void *context, struct io io, size_t number, struct error *);
    void *context;
    void (*progress)(void *context, size_t done); /* by one thread at a time; NULL: nobody is told */
    void *progress_context;
};

/* The first failure; nothing more is begun then, and what is under way ends first. io.deadline bounds the whole. */
enum status store_many(const struct store_many *, struct io, struct error *);

#endif
