/* What `simulate placement` shows: a row for each policy or cache, as a table, as JSON and back from it, and as pictures. */
#ifndef CLI_SIMULATE_ROWS_H
#define CLI_SIMULATE_ROWS_H

#include "lib/replay/replay.h"

/* ROWS_TRIED: a setting that "auto" had to choose from; it is drawn, not printed. ROWS_CHOSEN: what it chose, and what it is compared with.
 */
enum rows_kind { ROWS_OURS, ROWS_CACHE, ROWS_BESIDE, ROWS_TRIED, ROWS_CHOSEN };
struct rows_row {
    struct str name;
    enum rows_kind kind;
    struct simulated result; /* ROWS_BESIDE: without what is over time */
};
struct rows {
    struct arena *arena;
    const struct trace *trace;
    struct rows_row *rows;
    size_t count, capacity;
};

/* A row to be filled in, at hand until the next one is added. */
struct rows_row *rows_add(struct rows *, struct str name, enum rows_kind);
/* What other simulators made of the same trace, in the shape that rows_print_json writes. STATUS_INVALID names the field: a share that is
 * none, or "bytes" other than what this trace asks for. */
enum status rows_read(struct rows *, struct str json, struct error *);

/* Both on standard output. */
void rows_print(const struct rows *);
void rows_print_json(const struct rows *);

/* SVG: demand, wanted and held of the first row; what each byte placed brought, of all of them. */
struct str rows_draw_time(const struct rows *);
struct str rows_draw_front(const struct rows *);

#endif
