/* Documents that an operator publishes under an id: `<folder>/<id>/<n>`, each a row of generations. What is in them is checked by who
 * publishes them; the text is kept as it was written. */
#ifndef STORE_DOCUMENT_H
#define STORE_DOCUMENT_H

#include "lib/store/generation.h"

struct document {
    struct str text;
    uint64_t generation; /* 0: there is none */
    struct str key;
};

/* All documents of one kind in a store, and how they are asked for. */
struct documents {
    struct store *store;
    struct io io;
    const char *folder; /* "scenes" */
};

/* Publishing what is published already changes nothing. The text ends in one line feed, whatever was behind it. */
enum status document_publish(struct documents, struct str id, struct str text, struct document *, struct error *);
/* The newest, or STATUS_OK with generation 0 where there is none; STATUS_NOT_MODIFIED where it is the one of the generation `known` (0:
 * none). */
enum status document_load(struct documents, struct str id, uint64_t known, struct document *, struct error *);
/* It was checked when it was published, and what stands there now is wrong: STATUS_CORRUPT, with its key before what is wrong. */
enum status document_refuse(const struct document *, struct error *);
/* The ids that have one, each once, in the order of their keys ("a.b/" before "a/"). */
enum status document_list(struct documents, struct str **ids, size_t *count, struct error *);

#endif
