#include <stdlib.h>

#include "lib/edges/name.h"
#include "lib/report/report_internal.h"

#define PACKAGES S("packages/")
#define PATCHES  S("patches/")

struct listing {
    struct arena *arena;
    struct report_packages packages;
    size_t capacity;
};

static void note(struct listing *listing, struct str name, uint64_t size)
{
    struct report_packages *packages = &listing->packages;
    packages->items = arena_grow(listing->arena, packages->items, packages->count, &listing->capacity, sizeof *packages->items);
    packages->items[packages->count++] = (struct report_package){arena_copy(listing->arena, name), size};
}

/* packages/<app>/<version>/base-….apk: a listing tells the size, and no record needs to be read. A publisher that was interrupted may have
 * left a second base, of the same bytes as a rule: the first counts. */
static bool note_base(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct str name = str_from(object->key, PACKAGES.length);
    size_t slash = str_find_last(name, '/');
    if (slash == name.length || !str_ends(name, S(".apk"))) return true;
    name.length = slash;
    bool again = listing->packages.count > 0 && str_equal(listing->packages.items[listing->packages.count - 1].name, name);
    if (!again) note(listing, name, object->size);
    return true;
}

/* patches/<app>/<from>..<to>@….diff, or without the '@' and what follows. */
static bool note_patch(void *context, const struct store_object *object)
{
    struct str name = str_from(object->key, PATCHES.length);
    if (!str_ends(name, S(".diff"))) return true;
    name.length -= S(".diff").length;
    note(context, str_first(name, str_find(name, '@')), object->size);
    return true;
}

static int by_name(const void *left, const void *right)
{
    return str_compare(((const struct report_package *)left)->name, ((const struct report_package *)right)->name);
}

enum status report_load_packages(struct collecting *at, struct error *error)
{
    const struct report_question *question = at->question;
    struct listing listing = {.arena = question->io.arena};
    TRY(store_list(question->store, question->io, PACKAGES, 0, note_base, &listing, error));
    TRY(store_list(question->store, question->io, PATCHES, 0, note_patch, &listing, error));
    at->packages = listing.packages;
    if (at->packages.count > 0) qsort(at->packages.items, at->packages.count, sizeof *at->packages.items, by_name);
    return STATUS_OK;
}

uint64_t report_size_of(const struct report_packages *packages, struct str name)
{
    struct package_name parsed;
    struct error unused;
    if (package_name_parse(name, &parsed, &unused) != STATUS_OK) return 0;
    if (parsed.channel.length > 0) name.length -= parsed.channel.length + 1;
    const struct report_package sought = {.name = name};
    const struct report_package *found =
        packages->count > 0 ? bsearch(&sought, packages->items, packages->count, sizeof sought, by_name) : NULL;
    return found ? found->size : 0;
}
