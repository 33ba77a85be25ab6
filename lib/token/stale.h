/* T8: how often a resource must be updated, or its copy is stale. Per resource by what a hit table knows of it: the directories that its
 * path begins with, and the media type in its token. */
#ifndef TOKEN_STALE_H
#define TOKEN_STALE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

enum { STALE_DIRECTORIES = 3, STALE_RULES_MOST = 64 };
#define STALE_PERIOD ((int64_t)30 * CLOCK_DAY)

/* What a table keeps of path and type (FORMAT.md): hashes; 0: not known. */
struct stale_tags {
    uint32_t directories[STALE_DIRECTORIES]; /* 21 bits each: "/a/", "/a/b/", "/a/b/c/" */
    uint16_t type;                           /* without parameters, in lower case */
};
struct stale_tags stale_tags_of(struct str path, struct str type);

struct stale_rule {
    uint32_t directory;
    unsigned depth; /* 1 to STALE_DIRECTORIES; 0: a type's rule */
    uint16_t type;
    double least;
};
struct stale_rules {
    double least;   /* updates in a period, where no rule says another number */
    int64_t period; /* ms */
    struct stale_rule *items;
    size_t count;
};
/* "/img/=0.25, /img/big/=2, text/css=4": adds them to `rules`. STATUS_INVALID says which is wrong. */
enum status stale_rules_parse(struct arena *, struct str text, struct stale_rules *rules, struct error *);
/* The deepest directory's rule, else the type's, else `least`. */
double stale_least_of(const struct stale_rules *, const struct stale_tags *);
/* Updates in a period, of the times of the last updates (newest first; 0: none). Below one update in a period it is looked at over as many
 * periods as `least` means. Where all `most` remembered are in it there may have been more: their own rate is taken. */
double stale_frequency(const int64_t *updates, size_t most, const struct stale_rules *, double least, int64_t now);

#endif
