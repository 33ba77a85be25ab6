/* Rows of comma-separated values (RFC 4180): quoted fields, doubled quotes, LF or CRLF. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"
#include "base/error.h"

enum { CSV_FIELDS_MAXIMUM = 64 };
struct csv_row {
    struct str fields[CSV_FIELDS_MAXIMUM];
    size_t count;
    size_t line; /* where it begins, from 1 */
};

struct csv {
    struct str rest;
    size_t line;
};
struct csv csv_of(struct str text); /* a byte order mark is passed over */
/* STATUS_NOT_FOUND at the end; STATUS_INVALID with the line. Empty lines are passed over. */
enum status csv_next(struct csv *, struct arena *, struct csv_row *, struct error *);

#endif
