#include "base/csv.h"
#include "base/json.h"
#include "cli/channel.h"
#include "cli/command.h"
#include "cli/stored.h"
#include "lib/apk/info.h"
#include "lib/transfer/progress.h"

enum { FILE_MAX = 256 << 20 };

struct table {
    struct str path, text;
    struct csv_row header; /* count 0: there is none */
    enum csv_remarks remarks;
    size_t rows;
    struct progress progress;
};

/* A row under a header: each column that is not empty is a key; the column "info" is a whole object. All of it is UTF-8. */
static struct str row_as_json(struct arena *arena, const struct csv_row *header, const struct csv_row *row)
{
    struct buf out = buf_in(arena, 1 << 20);
    const char *separator = "{";
    for (size_t i = 1; i < row->count && i < header->count; i++) {
        if (row->fields[i].length == 0) continue;
        if (str_equal_nocase(header->fields[i], S("info"))) return row->fields[i];
        buf_add(&out, str_of(separator));
        json_quote(&out, header->fields[i]);
        buf_add_byte(&out, ':');
        json_quote(&out, row->fields[i]);
        separator = ",";
    }
    buf_add(&out, *separator == '{' ? S("{}") : S("}"));
    return buf_str(&out);
}

static size_t line_of(const struct table *table, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++)
        line += table->text.data[i] == '\n' || (table->text.data[i] == '\r' && table->text.data[i + 1] != '\n');
    return line;
}

/* The info of the row that begins at entry->tag. */
static enum status read_info(void *context, struct arena *arena, const struct shard_entry *entry, struct apk_info *info,
                             struct error *error)
{
    const struct table *table = context;
    struct csv csv = {.rest = str_from(table->text, entry->tag), .line = 1, .remarks = table->remarks};
    struct csv_row row = {0};
    struct str text = {NULL, 0};
    enum status status = csv_next(&csv, arena, &row, error);
    if (status == STATUS_OK && table->header.count > 0) text = row_as_json(arena, &table->header, &row);
    if (status == STATUS_OK && table->header.count == 0 && row.count > 1) text = row.fields[1];
    if (status == STATUS_OK) status = apk_info_parse(arena, text.length > 0 ? text : S("{}"), entry->key, info, error);
    return status == STATUS_OK ? status : error_context(error, STR_FMT ": line %zu", STR_ARG(table->path), line_of(table, entry->tag));
}

/* "Channel , Campaign": the names of columns are read without the blanks around them. */
static bool take_header(const struct csv_row *row, struct table *table)
{
    if (!str_equal_nocase(str_trim(row->fields[0]), S("channel"))) return false;
    table->header = *row;
    for (size_t i = 0; i < row->count; i++) table->header.fields[i] = str_trim(row->fields[i]);
    table->remarks = CSV_REMARK_LINES;
    return true;
}

static size_t count_lines(struct str text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.length; i++) lines += text.data[i] == '\n' || text.data[i] == '\r';
    return lines;
}

/* The id is a slice of the text where it stands there as it is. */
static struct str keep_id(struct arena *arena, const struct table *table, size_t offset, struct str id)
{
    struct str there = str_first(str_from(table->text, offset), id.length);
    return str_equal(there, id) ? there : arena_copy(arena, id);
}

static enum status take_row(struct arena *arena, const struct table *table, const struct csv_row *row, struct shard_entry *entry,
                            struct error *error)
{
    const size_t columns = table->header.count > 0 ? table->header.count : 2;
    struct str id = str_trim(row->fields[0]);
    ENSURE(row->count <= columns, error, STATUS_INVALID, "line %zu: more fields than columns", row->line);
    if (stored_check_id(id, "CHANNEL", error) != STATUS_OK) return error_context(error, "line %zu", row->line);
    entry->key = keep_id(arena, table, entry->tag, id);
    return STATUS_OK;
}

static enum status read_rows(struct arena *arena, struct table *table, struct channels_set *set, struct error *error)
{
    struct csv csv = csv_of(table->text);
    struct csv_row row = {0};
    struct arena *scratch = arena_new();
    enum status status = csv_check_text(table->text, error);
    set->entries = arena_array(arena, count_lines(table->text), sizeof *set->entries);
    while (status == STATUS_OK) {
        csv.remarks = table->remarks;
        status = csv_next(&csv, table->header.count == 0 && set->count == 0 ? arena : scratch, &row, error);
        bool is_header = status == STATUS_OK && set->count == 0 && table->header.count == 0 && take_header(&row, table);
        if (status == STATUS_OK && !is_header) {
            struct shard_entry *entry = &set->entries[set->count++];
            entry->tag = (size_t)(row.start - table->text.data);
            status = take_row(arena, table, &row, entry, error);
        }
        arena_reset(scratch);
    }
    arena_free(scratch);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void show(void *context, size_t done)
{
    struct table *table = context;
    uint64_t bytes = table->rows > 0 ? table->text.length * (uint64_t)done / table->rows : 0;
    if (bytes > table->progress.done) progress_add(&table->progress, bytes - table->progress.done);
}

enum status channel_table_read(struct arena *arena, struct str path, struct channels_set *set, struct error *error)
{
    struct table *table = arena_new_of(arena, struct table);
    table->path = path;
    table->remarks = CSV_REMARKS; /* as lists of channels for other tools have them: name # remark */
    TRY(command_read(arena, path.data, FILE_MAX, &table->text, error));
    if (read_rows(arena, table, set, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(path));
    table->rows = set->count;
    table->progress = progress_start("set channels", table->text.length);
    set->info = read_info;
    set->context = table;
    set->progress = show;
    set->progress_context = table;
    return STATUS_OK;
}

void channel_table_end(const struct channels_set *set)
{
    struct table *table = set->context;
    progress_end(&table->progress);
}
