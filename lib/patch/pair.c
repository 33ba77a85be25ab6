#include <stdlib.h>

#include "base/bytes.h"
#include "lib/apk/apk.h"
#include "lib/apk/zip.h"
#include "lib/patch/make2_internal.h"

enum { DEFLATED = 8 };

/* An entry of a ZIP file, with where its bytes lie. */
struct item {
    struct str name;
    uint16_t method;
    uint32_t crc;
    uint64_t offset, size, inflated;
    const struct item *same;  /* of the new base: the old one's item with the same bytes */
    const struct item *named; /* of the new base: the old one's item with the same name */
    bool keep;                /* of the old base: it stays deflated */
    bool inflate;
    struct deflater deflater;
};
struct items {
    struct arena *arena;
    struct str base;
    struct item *of;
    size_t count, capacity;
};

/* --- listing */

static void add_item(void *context, const struct apk_zip_entry *entry)
{
    struct items *items = context;
    const char *header = items->base.data + entry->header;
    uint64_t offset = entry->header + APK_ZIP_LOCAL_SIZE + bytes_get16(header + 26) + bytes_get16(header + 28);
    if (entry->compressed == 0 || offset + entry->compressed > entry->apk->block) return;
    items->of = arena_grow(items->arena, items->of, items->count, &items->capacity, sizeof *items->of);
    items->of[items->count++] = (struct item){.name = arena_copy(items->arena, entry->name),
                                              .method = entry->method,
                                              .crc = entry->crc,
                                              .offset = offset,
                                              .size = entry->compressed,
                                              .inflated = entry->uncompressed};
}

static int by_offset(const void *a, const void *b)
{
    const struct item *one = a, *other = b;
    return (one->offset > other->offset) - (one->offset < other->offset);
}

/* Entries that overlap the one before are left out: what holds them is compared as it is. */
static void sort_items(struct items *items)
{
    uint64_t end = 0;
    size_t kept = 0;
    if (items->count > 0) qsort(items->of, items->count, sizeof *items->of, by_offset);
    for (size_t i = 0; i < items->count; i++) {
        if (items->of[i].offset < end) continue;
        end = items->of[i].offset + items->of[i].size;
        items->of[kept++] = items->of[i];
    }
    items->count = kept;
}

static enum status read_memory(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    (void)error;
    memcpy(buffer, (const char *)context + offset, length);
    return STATUS_OK;
}

static struct items list_items(struct arena *arena, struct str base)
{
    struct error ignored;
    struct apk apk;
    struct items items = {.arena = arena, .base = base};
    const struct apk_source source = {.read = read_memory, .context = (void *)(uintptr_t)base.data, .size = base.length};
    if (apk_examine(arena, &source, &apk, &ignored) != STATUS_OK || apk_zip_walk(arena, &apk, add_item, &items, &ignored) != STATUS_OK)
        items.count = 0;
    sort_items(&items);
    return items;
}

/* --- pairs */

static int by_content(const void *a, const void *b)
{
    const struct item *one = *(const struct item *const *)a, *other = *(const struct item *const *)b;
    if (one->crc != other->crc) return one->crc < other->crc ? -1 : 1;
    if (one->size != other->size) return one->size < other->size ? -1 : 1;
    return (one->method > other->method) - (one->method < other->method);
}

static int by_name(const void *a, const void *b)
{
    struct str one = (*(const struct item *const *)a)->name, other = (*(const struct item *const *)b)->name;
    size_t length = one.length < other.length ? one.length : other.length;
    int order = memcmp(one.data, other.data, length);
    return order != 0 ? order : (one.length > other.length) - (one.length < other.length);
}

typedef int comparison(const void *, const void *);
static struct item **sorted(struct arena *arena, const struct items *items, comparison *compare)
{
    struct item **pointers = arena_array(arena, items->count, sizeof *pointers);
    for (size_t i = 0; i < items->count; i++) pointers[i] = &items->of[i];
    if (items->count > 0) qsort(pointers, items->count, sizeof *pointers, compare);
    return pointers;
}

static struct item *find(struct item **pointers, size_t count, const struct item *wanted, comparison *compare)
{
    struct item **found = count > 0 ? bsearch(&wanted, pointers, count, sizeof *pointers, compare) : NULL;
    return found ? *found : NULL;
}

static bool is_same(const struct items *from, const struct item *old, const struct items *to, const struct item *target)
{
    return memcmp(from->base.data + old->offset, to->base.data + target->offset, (size_t)target->size) == 0;
}

static void pair_items(struct arena *arena, struct items *from, struct items *to)
{
    struct item **contents = sorted(arena, from, by_content), **names = sorted(arena, from, by_name);
    for (size_t i = 0; i < to->count; i++) {
        struct item *target = &to->of[i], *same, *named = find(names, from->count, target, by_name);
        target->named = named;
        same = named && by_content(&named, &(const struct item *){target}) == 0 ? named : find(contents, from->count, target, by_content);
        if (!same || !is_same(from, same, to, target)) continue;
        target->same = same;
        same->keep = true;
    }
}

/* --- what is inflated */

static void choose_new(struct items *from, struct items *to)
{
    for (size_t i = 0; i < to->count; i++) {
        struct item *target = &to->of[i];
        if (target->same || target->method != DEFLATED) continue;
        target->inflate =
            deflater_find(str_make(to->base.data + target->offset, (size_t)target->size), target->inflated, &target->deflater);
        /* what stays deflated is compared with what is deflated */
        if (!target->inflate && target->named) from->of[target->named - from->of].keep = true;
    }
}

static void choose_old(struct items *from, bool any)
{
    for (size_t i = 0; i < from->count; i++) {
        struct item *old = &from->of[i];
        if (!any || old->keep || old->method != DEFLATED) continue;
        old->inflate = deflater_inflates(str_make(from->base.data + old->offset, (size_t)old->size), old->inflated);
    }
}

static struct entries inflated_entries(struct arena *arena, const struct items *items)
{
    struct entries entries = {.of = arena_array(arena, items->count, sizeof(struct entry))};
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->of[i];
        if (item->inflate) entries.of[entries.count++] = (struct entry){item->offset, item->size, item->inflated, item->deflater};
    }
    return entries;
}

/* --- anchors */

/* `shift` becomes what inflating adds before `items->of[i]`, for all i in order. */
static uint64_t *shifts(struct arena *arena, const struct items *items)
{
    uint64_t *shifts = arena_array(arena, items->count, sizeof *shifts), shift = 0;
    for (size_t i = 0; i < items->count; i++) {
        shifts[i] = shift;
        if (items->of[i].inflate) shift += items->of[i].inflated - items->of[i].size;
    }
    return shifts;
}

static void add_anchors(struct arena *arena, const struct items *from, const struct items *to, struct pairing *pairing)
{
    const uint64_t *old_shifts = shifts(arena, from), *new_shifts = shifts(arena, to);
    pairing->anchors = arena_array(arena, to->count, sizeof *pairing->anchors);
    for (size_t i = 0; i < to->count; i++) {
        const struct item *target = &to->of[i], *old = target->same;
        if (!old) continue;
        pairing->anchors[pairing->anchor_count++] =
            (struct anchor){target->offset + new_shifts[i], old->offset + old_shifts[old - from->of], target->size};
    }
}

static void report_entries(struct arena *arena, const struct items *to, struct pairing *pairing)
{
    const uint64_t *moves = shifts(arena, to);
    pairing->report = arena_array(arena, to->count, sizeof *pairing->report);
    pairing->starts = arena_array(arena, to->count, sizeof *pairing->starts);
    for (size_t i = 0; i < to->count; i++) {
        const struct item *item = &to->of[i];
        enum patch_entry_state state = item->named ? PATCH_ENTRY_PATCHED : PATCH_ENTRY_NEW;
        if (item->same) state = item->same == item->named ? PATCH_ENTRY_UNCHANGED : PATCH_ENTRY_MOVED;
        pairing->starts[i] = item->offset + moves[i];
        pairing->report[i] = (struct patch_entry){.name = item->name,
                                                  .state = state,
                                                  .length = item->inflate ? item->inflated : item->size,
                                                  .as_it_is = !item->same && item->method == DEFLATED && !item->inflate};
    }
    pairing->report_count = to->count;
}

enum status pair_entries(struct arena *arena, struct str from, struct str to, struct pairing *pairing, struct error *error)
{
    struct items old = list_items(arena, from), target = list_items(arena, to);
    *pairing = (struct pairing){0};
    pair_items(arena, &old, &target);
    choose_new(&old, &target);
    pairing->to = inflated_entries(arena, &target);
    pairing->to.deflaters = true;
    choose_old(&old, pairing->to.count > 0);
    pairing->from = inflated_entries(arena, &old);
    add_anchors(arena, &old, &target, pairing);
    report_entries(arena, &target, pairing);
    ENSURE(entries_inflated_size(&pairing->from, from.length) <= INFLATED_FORM_MAX &&
               entries_inflated_size(&pairing->to, to.length) <= INFLATED_FORM_MAX,
           error, STATUS_TOO_LARGE, "what has changed inflates to more than 64 GiB");
    return STATUS_OK;
}
