#include "lib/store/document.h"

static struct generations generations_of(struct documents all, struct str id)
{
    return (struct generations){all.store, all.io, arena_printf(all.io.arena, "%s/" STR_FMT "/", all.folder, STR_ARG(id))};
}

static enum status replace(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct str *text = context;
    (void)arena;
    if (newest->number > 0 && str_equal(newest->body, *text)) return error_set(error, STATUS_NOT_MODIFIED, "nothing new");
    *body = *text;
    return STATUS_OK;
}

enum status document_publish(struct documents all, struct str id, struct str text, struct document *document, struct error *error)
{
    struct generation row;
    struct str whole = arena_printf(all.io.arena, STR_FMT "\n", STR_ARG(str_trim(text)));
    TRY(generation_update(generations_of(all, id), replace, &whole, &row, error));
    *document = (struct document){.text = whole, .generation = row.number, .key = row.key};
    return STATUS_OK;
}

enum status document_load(struct documents all, struct str id, uint64_t known, struct document *document, struct error *error)
{
    struct generation row;
    TRY(generation_newest(generations_of(all, id), known, &row, error));
    *document = (struct document){.text = row.body, .generation = row.number, .key = row.key};
    return STATUS_OK;
}

enum status document_refuse(const struct document *document, struct error *error)
{
    error->status = STATUS_CORRUPT;
    return error_context(error, STR_FMT, STR_ARG(document->key));
}

struct listing {
    struct arena *arena;
    size_t folder_length;
    struct name {
        struct str id;
        struct name *next;
    } * last;
    size_t count;
};

static bool collect(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct str rest = str_from(object->key, listing->folder_length), id = str_cut(&rest, '/');
    if (listing->last && str_equal(listing->last->id, id)) return true;
    struct name *name = arena_new_of(listing->arena, struct name);
    *name = (struct name){arena_copy(listing->arena, id), listing->last};
    listing->last = name;
    listing->count++;
    return true;
}

enum status document_list(struct documents all, struct str **ids, size_t *count, struct error *error)
{
    struct str prefix = arena_printf(all.io.arena, "%s/", all.folder);
    struct listing listing = {.arena = all.io.arena, .folder_length = prefix.length};
    TRY(store_list(all.store, all.io, prefix, 0, collect, &listing, error));
    *ids = arena_array(all.io.arena, listing.count, sizeof **ids);
    *count = listing.count;
    for (struct name *name = listing.last; name; name = name->next) (*ids)[--listing.count] = name->id;
    return STATUS_OK;
}
