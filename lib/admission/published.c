#include "lib/admission/published.h"

static struct str row_of(struct arena *arena, struct str resource)
{
    return arena_printf(arena, "profiles/" STR_FMT "/", STR_ARG(resource));
}

static enum status replace(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct admission_published *published = context;
    (void)arena;
    if (newest->number > 0 && str_equal(newest->body, published->text)) return error_set(error, STATUS_NOT_MODIFIED, "nothing new");
    *body = published->text;
    return STATUS_OK;
}

enum status admission_publish(struct store *store, struct io io, struct str text, struct admission_published *published,
                              struct error *error)
{
    struct generation row;
    published->text = arena_printf(io.arena, STR_FMT "\n", STR_ARG(str_trim(text)));
    TRY(admission_profile_parse(io.arena, published->text, &published->profile, error));
    TRY(generation_update(store, io, row_of(io.arena, published->profile.resource), replace, published, &row, error));
    published->generation = row.number;
    return STATUS_OK;
}

enum status admission_load(struct store *store, struct io io, struct str resource, uint64_t known, struct admission_published *published,
                           struct error *error)
{
    struct generation row;
    TRY(generation_newest(store, io, row_of(io.arena, resource), known, &row, error));
    ENSURE(row.number > 0, error, STATUS_NOT_FOUND, "there is no profile for '" STR_FMT "'", STR_ARG(resource));
    published->text = row.body;
    published->generation = row.number;
    if (admission_profile_parse(io.arena, row.body, &published->profile, error) == STATUS_OK) return STATUS_OK;
    error->status = STATUS_CORRUPT; /* it was taken when it was published: somebody wrote past us */
    return error_context(error, STR_FMT, STR_ARG(row.key));
}

struct listing {
    struct arena *arena;
    struct name {
        struct str resource;
        struct name *next;
    } * last;
    size_t count;
};

static bool collect(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct str rest = str_from(object->key, S("profiles/").length), resource = str_cut(&rest, '/');
    if (listing->last && str_equal(listing->last->resource, resource)) return true;
    struct name *name = arena_new_of(listing->arena, struct name);
    *name = (struct name){arena_copy(listing->arena, resource), listing->last};
    listing->last = name;
    listing->count++;
    return true;
}

enum status admission_list(struct store *store, struct io io, struct str **resources, size_t *count, struct error *error)
{
    struct listing listing = {.arena = io.arena};
    TRY(store_list(store, io, S("profiles/"), 0, collect, &listing, error));
    *resources = arena_array(io.arena, listing.count, sizeof **resources);
    *count = listing.count;
    for (struct name *name = listing.last; name; name = name->next) (*resources)[--listing.count] = name->resource;
    return STATUS_OK;
}
