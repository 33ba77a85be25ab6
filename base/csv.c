#include "base/csv.h"

#include "base/buf.h"

struct csv csv_of(struct str text)
{
    return (struct csv){.rest = str_from(text, str_starts(text, S("\xef\xbb\xbf")) ? 3 : 0), .line = 1};
}

static char take(struct csv *csv)
{
    char c = csv->rest.data[0];
    csv->rest = str_from(csv->rest, 1);
    csv->line += c == '\n';
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

static bool at_field_end(const struct csv *csv)
{
    return csv->rest.length == 0 || csv->rest.data[0] == ',' || csv->rest.data[0] == '\n' || str_starts(csv->rest, S("\r\n"));
}

static enum status next_field(struct csv *csv, struct arena *arena, struct str *out, struct error *error)
{
    struct buf field = buf_in(arena, 65536);
    if (str_starts(csv->rest, S("\""))) {
        take(csv);
        TRY(quoted(csv, &field, error));
        ENSURE(at_field_end(csv), error, STATUS_INVALID, "line %zu: something stands behind a closing quote", csv->line);
    }
    while (!at_field_end(csv)) buf_add_byte(&field, take(csv));
    ENSURE(!field.overflow, error, STATUS_INVALID, "line %zu: a field has over 65536 bytes", csv->line);
    *out = buf_str(&field);
    return STATUS_OK;
}

enum status csv_next(struct csv *csv, struct arena *arena, struct csv_row *row, struct error *error)
{
    while (csv->rest.length > 0 && (csv->rest.data[0] == '\n' || csv->rest.data[0] == '\r')) take(csv);
    if (csv->rest.length == 0) return error_set(error, STATUS_NOT_FOUND, "the end");
    row->count = 0;
    row->line = csv->line;
    for (;;) {
        ENSURE(row->count < CSV_FIELDS_MAXIMUM, error, STATUS_INVALID, "line %zu: over %d fields", row->line, CSV_FIELDS_MAXIMUM);
        TRY(next_field(csv, arena, &row->fields[row->count++], error));
        if (!str_starts(csv->rest, S(","))) return STATUS_OK;
        take(csv);
    }
}
