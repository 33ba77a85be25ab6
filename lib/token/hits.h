/* A node's hit table (T7, T8): what became of each token, and which version of each resource was fetched last.
 *
 * It lives in memory that its caller hands in, and holds no pointers, so that it works in memory shared by processes. Its caller also
 * locks: every function here but the two about sizes wants the table to itself. Each costs O(1) but those that walk it. When it is full,
 * tokens that failed are forgotten first, then whatever was used longest ago. A node may be told to purge the copies of resources that were
 * forgotten (hits_take_evicted). Moments in ms. */
#ifndef TOKEN_HITS_H
#define TOKEN_HITS_H

#include "lib/token/stale.h"
#include "lib/token/token.h"

struct hits;

enum { HITS_LEAST = 16, HITS_MOST = 1 << 24 };

/* Bytes that a table of so many entries takes (a token takes one, a resource takes one), and the entries that fit into so many bytes. */
size_t hits_size(uint32_t capacity);
uint32_t hits_capacity_in(size_t size);

/* An empty table in `memory`, of hits_size(capacity) bytes, aligned for int64_t; what is not needed yet is not touched. `capacity` from
 * HITS_LEAST to HITS_MOST. */
struct hits *hits_init(void *memory, uint32_t capacity);

/* How a node learns that an update has succeeded. */
struct hits_rules {
    int64_t window;   /* ms after which an update that nobody reported counts as succeeded; INT64_MAX: only a report counts */
    int64_t back_off; /* ms after the first failure; doubles with each further one */
    int64_t back_off_most;
};
#define HITS_RULES ((struct hits_rules){.window = 5 * CLOCK_SECOND, .back_off = CLOCK_SECOND, .back_off_most = CLOCK_HOUR})

/* Which token, of which resource. */
struct hits_token {
    struct token_key key; /* the node's cache key */
    unsigned char tag[16];
    int64_t modified;
    struct stale_tags about;
};
struct hits_token hits_token_of(const struct token_answer *);

/* A verified token that is due asks: TOKEN_DUE, TOKEN_PROCESSING or TOKEN_RETRY (update), TOKEN_DONE, TOKEN_OLDER or TOKEN_BACK_OFF
 * (serve). */
enum token_reason hits_ask(struct hits *, const struct hits_rules *, const struct hits_token *, int64_t now);
/* Whether hits_ask would answer from what it remembers. Changes nothing. */
bool hits_knows(struct hits *, const struct hits_token *);
/* What became of it. A success is not undone by the failure of an equal request, unless it was only assumed; and of requests that asked
 * while it was processed and all failed, one counts. */
void hits_report(struct hits *, const struct hits_rules *, const struct hits_token *, bool succeeded, int64_t now);

/* The cache keys of resources that a full table forgot, and that no update has brought back since; each is handed out once. The table keeps
 * the last HITS_EVICTED of them. What hits_load displaces is not among them, since another instance still knows it. */
enum { HITS_EVICTED = 64 };
size_t hits_take_evicted(struct hits *, struct token_key *keys, size_t most);

/* Each change of what is worth keeping raises it. */
uint64_t hits_version(const struct hits *);

/* T8. */
struct hits_resource {
    struct token_key key;
    int64_t updated;  /* the last one */
    int64_t modified; /* of the version it brought */
    double frequency; /* updates in a period, see stale.h */
};
typedef void hits_resource_fn(void *context, const struct hits_resource *);
struct hits_stale_question {
    const struct stale_rules *rules;
    int64_t now;
    bool mark; /* what is found is passed over from then on, until an update brings it anew; the table goes on knowing its newest version */
};
/* Calls `each` for every resource that is updated more seldom than the rules want. */
void hits_stale(struct hits *, const struct hits_stale_question *, hits_resource_fn *each, void *context);

/* A table as bytes that outlive it: 8 bytes of head, then HITS_RECORD bytes an entry, used longest ago first (FORMAT.md). */
enum { HITS_RECORD = 96, HITS_HEAD = 8 };
size_t hits_saved_size(const struct hits *);
size_t hits_save(const struct hits *, void *buffer); /* hits_saved_size bytes */
/* Takes over what is newer than, or missing in, this table. False where the bytes are not a table's; what came before the fault is kept. */
bool hits_load(struct hits *, struct str saved);

#endif
