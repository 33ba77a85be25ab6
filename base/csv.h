/* Rows of comma-separated values (RFC 4180): quoted fields, doubled quotes; lines end with LF, CRLF or CR. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"
#include "base/error.h"

enum { CSV_FIELDS_MAXIMUM = 64 };
struct csv_row {
    struct str fields[CSV_FIELDS_MAXIMUM];
    size_t count;
    size_t line;       /* where it begins, from 1 */
    const char *start; /* likewise, in the text */
};

enum csv_remarks {
    CSV_NO_REMARKS,
    CSV_REMARK_LINES, /* a line that begins with '#' is skipped */
    CSV_REMARKS,      /* also a '#' in the first field ends it, and the rest of the line is skipped */
};

struct csv {
    struct str rest;
    size_t line;
    enum csv_remarks remarks; /* may change between rows */
};
struct csv csv_of(struct str text); /* a byte order mark is skipped */
/* STATUS_INVALID for text that is not UTF-8: names the line, or UTF-16. */
enum status csv_check_text(struct str text, struct error *);
/* STATUS_NOT_FOUND at the end; STATUS_INVALID with the line. Blank lines are skipped. */
enum status csv_next(struct csv *, struct arena *, struct csv_row *, struct error *);

#endif
