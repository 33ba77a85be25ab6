/* A small JSON object that says what the large one beside it is. Private to lib/catalog. */
#ifndef CATALOG_RECORD_H
#define CATALOG_RECORD_H

#include "lib/store/store.h"

/* Its text; STATUS_CORRUPT where it is too large to be one. */
enum status record_read(struct store *, struct io, struct str key, struct str *text, struct error *);

#endif
