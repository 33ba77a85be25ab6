#include "lib/config/config.h"

struct config_name {
    const char *name;
    struct config_name *next;
};

static void free_json(void *context)
{
    json_decref(context);
}

/* The number of `all` in whose place `rest`, the same else, has null; NULL: there is none. */
static const json_t *find_missing(struct arena *arena, json_t *all, json_t *rest, struct str *path)
{
    const char *name;
    const json_t *found;
    size_t index;
    json_t *item;
    *path = S("");
    if (json_is_real(all) && json_is_null(rest)) return all;
    json_array_foreach(all, index, item)
    {
        found = find_missing(arena, item, json_array_get(rest, index), path);
        if (found) return *path = arena_printf(arena, "[%zu]" STR_FMT, index, STR_ARG(*path)), found;
    }
    json_object_foreach(all, name, item)
    {
        found = find_missing(arena, item, json_object_get(rest, name), path);
        if (found) return *path = arena_join(arena, S("."), str_of(name), *path), found;
    }
    return NULL;
}

/* With null for the whole number that ends there. */
static struct str without_number(struct arena *arena, struct str text, size_t end)
{
    size_t start = end < text.length ? end : text.length;
    while (start > 0 && memchr("-0123456789", text.data[start - 1], 11)) start--;
    return arena_join(arena, str_first(text, start), S("null"), str_from(text, end));
}

static json_t *read_as_reals(struct arena *arena, struct str text)
{
    json_t *json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (json) arena_defer(arena, free_json, json);
    return json;
}

/* The whole number beyond 64 bits that jansson stopped at, and its path; NULL: it was something else. */
static const json_t *find_beyond(struct arena *arena, struct str text, const json_error_t *where, struct str *path)
{
    if (!text.data || json_error_code(where) != json_error_numeric_overflow) return NULL;
    struct str rest = without_number(arena, text, (size_t)where->position);
    return find_missing(arena, read_as_reals(arena, text), read_as_reals(arena, rest), path);
}

/* Jansson stops at a whole number beyond 64 bits as at a slip of syntax; it is one field's value like any other. */
static enum status refuse_json(struct arena *arena, struct str text, const char *what, const json_error_t *where, struct error *error)
{
    struct str path;
    const json_t *beyond = find_beyond(arena, text, where, &path);
    if (!beyond) return error_set(error, STATUS_INVALID, "%s: not JSON, line %d: %s", what, where->line, where->text);
    if (json_real_value(beyond) < 0)
        return error_set(error, STATUS_INVALID, "%s" STR_FMT ": is too small a number: %lld is the least that is read", what, STR_ARG(path),
                         (long long)INT64_MIN);
    return error_set(error, STATUS_INVALID, "%s" STR_FMT ": is too large a number: %lld is the most that is read", what, STR_ARG(path),
                     (long long)INT64_MAX);
}

static enum status open_any(struct arena *arena, struct str text, const char *what, struct config *config, struct error *error)
{
    json_error_t where;
    json_t *json = json_loadb(text.data ? text.data : "", text.length, JSON_REJECT_DUPLICATES, &where);
    if (!json) return refuse_json(arena, text, what, &where, error);
    arena_defer(arena, free_json, json);
    *config = (struct config){.arena = arena, .object = json, .path = str_of(what)};
    return STATUS_OK;
}

enum status config_open(struct arena *arena, struct str text, const char *what, struct config *config, struct error *error)
{
    TRY(open_any(arena, text, what, config, error));
    ENSURE(json_is_object(config->object), error, STATUS_INVALID, "%s: must be a JSON object", what);
    return STATUS_OK;
}

enum status config_open_array(struct arena *arena, struct str text, const char *what, struct config *array, size_t *count,
                              struct error *error)
{
    TRY(open_any(arena, text, what, array, error));
    ENSURE(json_is_array(array->object), error, STATUS_INVALID, "%s: must be a JSON array", what);
    *count = json_array_size(array->object);
    return STATUS_OK;
}

enum status config_refuse(struct config *config, const char *name, struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct str text = arena_vprintf(config->arena, format, arguments);
    va_end(arguments);
    return error_set(error, STATUS_INVALID, STR_FMT ".%s: " STR_FMT, STR_ARG(config->path), name, STR_ARG(text));
}

static bool was_asked(const struct config *config, const char *name)
{
    for (const struct config_name *asked = config->asked; asked; asked = asked->next)
        if (strcmp(asked->name, name) == 0) return true;
    return false;
}

enum status config_end(struct config *config, struct error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(config->object, name, value) if (!was_asked(config, name)) return config_refuse(config, name, error,
                                                                                                        "unknown field");
    return STATUS_OK;
}

/* The field's value, or NULL with STATUS_OK where an optional one is absent. */
static enum status find(struct config *config, const char *name, enum config_presence presence, json_t **value, struct error *error)
{
    struct config_name *asked = arena_new_of(config->arena, struct config_name);
    *asked = (struct config_name){name, config->asked};
    config->asked = asked;
    *value = json_object_get(config->object, name);
    if (json_is_null(*value)) *value = NULL;
    if (!*value && presence == CONFIG_REQUIRED) return config_refuse(config, name, error, "is missing");
    return STATUS_OK;
}

static struct str text_of(struct config *config, const json_t *value)
{
    return arena_copy(config->arena, str_make(json_string_value(value), json_string_length(value)));
}

enum status config_text(struct config *config, const char *name, enum config_presence presence, struct str *out, struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (!value) return STATUS_OK;
    if (!json_is_string(value)) return config_refuse(config, name, error, "must be a string");
    *out = text_of(config, value);
    return STATUS_OK;
}

enum status config_id(struct config *config, const char *name, enum config_presence presence, struct str *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data) return STATUS_OK;
    if (!str_is_id(text))
        return config_refuse(config, name, error, "must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot");
    *out = text;
    return STATUS_OK;
}

enum status config_version(struct config *config, const char *name, enum config_presence presence, struct str *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data) return STATUS_OK;
    if (!str_is_version(text)) return config_refuse(config, name, error, "must be " STR_VERSION_RULE);
    *out = text;
    return STATUS_OK;
}

enum status config_sha256(struct config *config, const char *name, enum config_presence presence, struct str *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data) return STATUS_OK;
    if (text.length != 64 || strspn(text.data, "0123456789abcdef") != 64)
        return config_refuse(config, name, error, "must be 64 lower-case hexadecimal digits");
    *out = text;
    return STATUS_OK;
}

enum status config_whole(struct config *config, const char *name, enum config_presence presence, uint64_t least, uint64_t most,
                         uint64_t *out, struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (!value) return STATUS_OK;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < least || (uint64_t)number > most)
        return config_refuse(config, name, error, "must be a whole number from %llu to %llu", (unsigned long long)least,
                             (unsigned long long)most);
    *out = (uint64_t)number;
    return STATUS_OK;
}

enum status config_number(struct config *config, const char *name, enum config_presence presence, double least, double most, double *out,
                          struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (!value) return STATUS_OK;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= least && number <= most))
        return config_refuse(config, name, error, "must be a number from %g to %g", least, most);
    *out = number;
    return STATUS_OK;
}

enum status config_flag(struct config *config, const char *name, enum config_presence presence, bool *out, struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (!value) return STATUS_OK;
    if (!json_is_boolean(value)) return config_refuse(config, name, error, "must be true or false");
    *out = json_is_true(value);
    return STATUS_OK;
}

enum status config_span(struct config *config, const char *name, enum config_presence presence, int64_t *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data || clock_parse_span(text, out)) return STATUS_OK;
    return config_refuse(config, name, error, "must be a duration such as 90s, 5m, 12h or 7d");
}

enum status config_time(struct config *config, const char *name, enum config_presence presence, int64_t *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data || clock_parse_time(text, out)) return STATUS_OK;
    return config_refuse(config, name, error, "must be a time such as 2026-08-20T10:00:00Z");
}

enum status config_day_time(struct config *config, const char *name, enum config_presence presence, int64_t *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data || clock_parse_day_time(text, out)) return STATUS_OK;
    return config_refuse(config, name, error, "must be a time of day from 00:00 to 24:00");
}

enum status config_zone(struct config *config, const char *name, enum config_presence presence, int64_t *out, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data || clock_parse_zone(text, out)) return STATUS_OK;
    return config_refuse(config, name, error, "must be an offset such as +08:00");
}

enum status config_choice(struct config *config, const char *name, enum config_presence presence, const char *const *choices, int *out,
                          struct error *error)
{
    struct str text = {0}, all = {0};
    TRY(config_text(config, name, presence, &text, error));
    if (!text.data) return STATUS_OK;
    for (int i = 0; choices[i]; i++) {
        if (str_equal(text, str_of(choices[i]))) return *out = i, STATUS_OK;
        all = arena_printf(config->arena, STR_FMT "%s%s", STR_ARG(all), i ? ", " : "", choices[i]);
    }
    return config_refuse(config, name, error, "must be one of " STR_FMT, STR_ARG(all));
}

static struct config child_of(struct config *config, const char *name, json_t *value)
{
    struct str path = arena_printf(config->arena, STR_FMT ".%s", STR_ARG(config->path), name);
    return (struct config){.arena = config->arena, .object = value, .path = path};
}

enum status config_object(struct config *config, const char *name, enum config_presence presence, struct config *child, struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (value && !json_is_object(value)) return config_refuse(config, name, error, "must be an object");
    *child = child_of(config, name, value);
    return STATUS_OK;
}

enum status config_array(struct config *config, const char *name, enum config_presence presence, struct config *array, size_t *count,
                         struct error *error)
{
    json_t *value;
    TRY(find(config, name, presence, &value, error));
    if (value && !json_is_array(value)) return config_refuse(config, name, error, "must be an array");
    *array = child_of(config, name, value);
    *count = json_array_size(value);
    return STATUS_OK;
}

static struct config item_of(struct config *array, size_t index)
{
    struct str path = arena_printf(array->arena, STR_FMT "[%zu]", STR_ARG(array->path), index);
    return (struct config){.arena = array->arena, .object = json_array_get(array->object, index), .path = path};
}

enum status config_item_object(struct config *array, size_t index, struct config *child, struct error *error)
{
    *child = item_of(array, index);
    ENSURE(json_is_object(child->object), error, STATUS_INVALID, STR_FMT ": must be an object", STR_ARG(child->path));
    return STATUS_OK;
}

enum status config_item_text(struct config *array, size_t index, struct str *out, struct error *error)
{
    struct config item = item_of(array, index);
    ENSURE(json_is_string(item.object), error, STATUS_INVALID, STR_FMT ": must be a string", STR_ARG(item.path));
    *out = text_of(&item, item.object);
    return STATUS_OK;
}

enum status config_texts(struct config *config, const char *name, enum config_presence presence, size_t most, struct str **out,
                         size_t *out_count, struct error *error)
{
    struct config array = {0};
    size_t count = 0;
    TRY(config_array(config, name, presence, &array, &count, error));
    if (count > most) return config_refuse(config, name, error, "more than %zu", most);
    struct str *items = arena_array(config->arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) TRY(config_item_text(&array, i, &items[i], error));
    *out = items;
    *out_count = count;
    return STATUS_OK;
}

enum status config_each_object(struct config *config, const char *name, enum config_presence presence, config_member_fn *each,
                               void *context, struct error *error)
{
    struct config table = {0};
    TRY(config_object(config, name, presence, &table, error));
    const char *key;
    json_t *value;
    json_object_foreach(table.object, key, value)
    {
        struct config member = child_of(&table, key, value);
        if (!json_is_object(value)) return config_refuse(&table, key, error, "must be an object");
        TRY(each(context, arena_copy(table.arena, str_of(key)), &member, error));
    }
    return STATUS_OK;
}
