/* One app's objects in a store, and how they are asked for: what all loads and changes of the catalog begin with. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "lib/store/store.h"

struct catalog {
    struct store *store;
    struct io io;
    struct str app; /* an id */
};

#endif
