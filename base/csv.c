#include "base/csv.h"

#include "base/buf.h"

/* LF, or a CR without one behind it. */
static bool is_line_end(struct str rest)
{
    return rest.data[0] == '\n' || (rest.data[0] == '\r' && !str_starts(rest, S("\r\n")));
}

struct csv csv_of(struct str text)
{
    return (struct csv){.rest = str_from(text, str_starts(text, S("\xef\xbb\xbf")) ? 3 : 0), .line = 1};
}

enum status csv_check_text(struct str text, struct error *error)
{
    bool marked = str_starts(text, S("\xff\xfe")) || str_starts(text, S("\xfe\xff"));
    ENSURE(!marked && str_find(text, 0) == text.length, error, STATUS_INVALID,
           "the file is UTF-16, not UTF-8: save it as UTF-8 (in Excel: \"CSV UTF-8\")");
    size_t line = 1, length;
    for (struct str rest = text; rest.length > 0; rest = str_from(rest, length)) {
        length = str_utf8_sequence(rest);
        ENSURE(length > 0, error, STATUS_INVALID,
               "line %zu: the byte 0x%02x is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")", line,
               (unsigned char)rest.data[0]);
        line += is_line_end(rest);
    }
    return STATUS_OK;
}

static char take(struct csv *csv)
{
    char c = csv->rest.data[0];
    csv->line += is_line_end(csv->rest);
    csv->rest = str_from(csv->rest, 1);
    return c;
}

/* Behind the opening quote, up to and with the closing one. */
static enum status quoted(struct csv *csv, struct buf *field, struct error *error)
{
    size_t start = csv->line;
    while (csv->rest.length > 0) {
        char c = take(csv);
        if (c == '"' && !str_starts(csv->rest, S("\""))) return STATUS_OK;
        if (c == '"') take(csv);
        buf_add_byte(field, c);
    }
    return error_set(error, STATUS_INVALID, "line %zu: a quoted field has no end", start);
}

static bool at_line_end(const struct csv *csv)
{
    return csv->rest.length == 0 || csv->rest.data[0] == '\n' || csv->rest.data[0] == '\r';
}

static bool at_remark(const struct csv *csv)
{
    return csv->remarks == CSV_REMARKS && str_starts(csv->rest, S("#"));
}

static bool at_field_end(const struct csv *csv, bool first)
{
    return at_line_end(csv) || csv->rest.data[0] == ',' || (first && at_remark(csv));
}

static enum status next_field(struct csv *csv, struct arena *arena, bool first, struct str *out, struct error *error)
{
    struct buf field = buf_in(arena, 65536);
    if (str_starts(csv->rest, S("\""))) {
        take(csv);
        TRY(quoted(csv, &field, error));
        ENSURE(at_field_end(csv, first), error, STATUS_INVALID, "line %zu: something stands behind a closing quote", csv->line);
    }
    while (!at_field_end(csv, first)) buf_add_byte(&field, take(csv));
    ENSURE(!field.overflow, error, STATUS_INVALID, "line %zu: a field has over 65536 bytes", csv->line);
    *out = buf_str(&field);
    return STATUS_OK;
}

static void skip_line(struct csv *csv)
{
    while (!at_line_end(csv)) take(csv);
}

/* Blank lines and remarks. */
static void skip_lines(struct csv *csv)
{
    while (csv->rest.length > 0) {
        struct str rest = csv->rest;
        while (rest.length > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t')) rest = str_from(rest, 1);
        bool blank = rest.length == 0 || rest.data[0] == '\n' || rest.data[0] == '\r';
        bool remark = csv->remarks != CSV_NO_REMARKS && str_starts(rest, S("#"));
        if (!blank && !remark) return;
        skip_line(csv);
        if (csv->rest.length > 0) take(csv);
    }
}

enum status csv_next(struct csv *csv, struct arena *arena, struct csv_row *row, struct error *error)
{
    skip_lines(csv);
    if (csv->rest.length == 0) return error_set(error, STATUS_NOT_FOUND, "the end");
    row->count = 0;
    row->line = csv->line;
    row->start = csv->rest.data;
    for (;;) {
        ENSURE(row->count < CSV_FIELDS_MAXIMUM, error, STATUS_INVALID, "line %zu: over %d fields", row->line, CSV_FIELDS_MAXIMUM);
        TRY(next_field(csv, arena, row->count == 0, &row->fields[row->count], error));
        row->count++;
        if (row->count == 1 && at_remark(csv)) return skip_line(csv), STATUS_OK;
        if (!str_starts(csv->rest, S(","))) return STATUS_OK;
        take(csv);
    }
}
