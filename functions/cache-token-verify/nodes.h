/* The hit tables of the nodes that ask here, each kept under `tokens/<node>/<instance>`: an instance writes only its own object, and reads
 * all of them, so that none contend and a lost one leaves its table behind. Thread-safe; no lock is held over I/O but a node's own for I/O.
 */
#ifndef FUNCTIONS_CACHE_TOKEN_VERIFY_NODES_H
#define FUNCTIONS_CACHE_TOKEN_VERIFY_NODES_H

#include "base/log.h"
#include "lib/store/store.h"
#include "lib/token/hits.h"

struct nodes;
struct node;

struct nodes_options {
    struct store *store;
    uint32_t entries; /* of each table */
    int64_t flush;    /* ms that a change may stay unwritten; 0: none does */
    struct hits_rules rules;
};
struct nodes *nodes_new(const struct nodes_options *);
void nodes_free(struct nodes *); /* without writing */
size_t nodes_count(struct nodes *);
/* Writes every table that has changed. What can't be written is logged. */
void nodes_flush(struct nodes *, struct io, struct log);

/* The table of a node, read from the store when it is new here (STATUS_WOULD_BLOCK with io.no_wait). It is held until nodes_release. A
 * store that can't be reached is logged, and the table starts empty. When there are too many the one that was asked longest ago makes room.
 */
enum status nodes_hold(struct nodes *, struct io, struct log, struct str name, struct node **, struct error *);
void nodes_release(struct nodes *, struct node *);

/* Work on a held node. A token that is new here is looked for in what other instances wrote. */
enum status node_ask(struct nodes *, struct node *, struct io, struct log, const struct hits_token *, int64_t now, enum token_reason *,
                     struct error *);
/* Written before it returns. */
enum status node_report(struct nodes *, struct node *, struct io, struct log, const struct hits_token *, bool succeeded, int64_t now,
                        struct error *);
/* As hits_take_evicted. */
size_t node_take_evicted(struct node *, struct token_key *keys, size_t most);
/* As hits_stale. What `mark` changes is written, and what other instances wrote, which is in this table too, is removed. */
void node_stale(struct nodes *, struct node *, struct io, struct log, const struct stale_rules *, int64_t now, bool mark,
                hits_resource_fn *, void *context);

#endif
