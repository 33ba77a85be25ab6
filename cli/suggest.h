/* "Did you mean": the name that a mistyped word is nearest to. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "base/str.h"

/* Starts as {.word = …}; `best` is NULL until a name was near enough. */
struct suggestion {
    struct str word;
    const char *best;
    unsigned distance; /* of `best` */
};

/* Near enough is a word that begins the name with three letters or more, or one that becomes the name by at most a third of its letters
 * (one in a short word) being left out, put in, replaced, or swapped with their neighbour. The first of equally near names stays. */
void suggest_consider(struct suggestion *, const char *name);

#endif
