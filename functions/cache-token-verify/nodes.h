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

/* One node's table, for one call. */
struct held_node {
    struct nodes *nodes;
    struct io io;
    struct log log;
    struct node *node; /* set by nodes_hold */
};
/* Reads the table from the store when the node is new here (STATUS_WOULD_BLOCK with io.no_wait). It is held until nodes_release. A store
 * that can't be reached is logged, and the table starts empty. When there are too many the one that was asked longest ago makes room. */
enum status nodes_hold(struct held_node *, struct str name, struct error *);
void nodes_release(const struct held_node *);

/* Work on a held node. A token that is new here is looked for in what other instances wrote. */
enum status node_ask(const struct held_node *, const struct hits_token *, int64_t now, enum token_reason *, struct error *);
/* Written before it returns. */
enum status node_report(const struct held_node *, const struct hits_token *, bool succeeded, int64_t now, struct error *);
/* As hits_take_evicted. */
size_t node_take_evicted(struct node *, struct token_key *keys, size_t most);
/* As hits_stale. What `mark` changes is written, and what other instances wrote, which is in this table too, is removed. */
void node_stale(const struct held_node *, const struct hits_stale_question *, hits_resource_fn *, void *context);

#endif
