#include "lib/fleet/site_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

static const double MEDIAN = 30e3, SPREAD = 1.3, PAGE = 20e3, PAGE_ZIPF = 0.9, RESOURCE_ZIPF = 0.8;

static double *make_weights(struct arena *arena, uint32_t count, double exponent)
{
    double *upto = arena_array(arena, count, sizeof *upto), sum = 0;
    for (uint32_t i = 0; i < count; i++) upto[i] = sum += pow(i + 1, -exponent);
    return upto;
}

/* Box and Muller. */
static double normal(uint64_t *random)
{
    double radius = sqrt(-2 * log1p(-random_fraction(random)));
    return radius * cos(2 * M_PI * random_fraction(random));
}

static void make_sizes(struct site *site, uint64_t *random)
{
    for (uint32_t i = 0; i < site->resources; i++) site->size[i] = (uint32_t)fmin(MEDIAN * exp(SPREAD * normal(random)), 20e6) + 200;
    for (uint32_t i = 0; i < site->pages; i++) site->size[site->resources + i] = (uint32_t)(PAGE * (0.5 + random_fraction(random)));
}

static int by_time(const void *a, const void *b)
{
    const struct site_change *one = a, *other = b;
    return (one->at > other->at) - (one->at < other->at);
}

/* What changes is what a page refers to, any page alike. */
static void make_changes(struct site *site, int64_t from, int64_t to, uint64_t *random)
{
    for (uint32_t i = 0; i < site->change_count; i++) {
        struct site_change *change = &site->changes[i];
        change->at = from + (int64_t)(random_fraction(random) * (double)(to - from));
        change->resource = site->references[random_next(random) % ((uint64_t)site->pages * SITE_REFERENCES)];
        change->next = SITE_NONE;
    }
    qsort(site->changes, site->change_count, sizeof *site->changes, by_time);
    for (uint32_t i = 0; i < site->change_count; i++) {
        struct site_change *change = &site->changes[i];
        uint32_t *link = &site->first_change[change->resource];
        for (change->version = 1; *link != SITE_NONE; change->version++) link = &site->changes[*link].next;
        *link = i;
        site->size[site->resources + site->pages + i] = site->size[change->resource];
    }
}

struct site site_make(struct arena *arena, const struct site_plan *plan)
{
    uint32_t resources = plan->resources, pages = plan->pages, changes = plan->changes;
    uint64_t random = plan->seed;
    struct site site = {.resources = resources, .pages = pages, .things = resources + pages + changes, .change_count = changes};
    double *weights = make_weights(arena, resources, RESOURCE_ZIPF);
    site.page_upto = make_weights(arena, pages, PAGE_ZIPF);
    site.size = arena_array(arena, site.things, sizeof *site.size);
    site.references = arena_array(arena, (size_t)pages * SITE_REFERENCES, sizeof *site.references);
    site.first_change = arena_array(arena, resources, sizeof *site.first_change);
    site.changes = arena_array(arena, changes, sizeof *site.changes);
    for (uint32_t i = 0; i < resources; i++) site.first_change[i] = SITE_NONE;
    for (uint32_t i = 0; i < pages * SITE_REFERENCES; i++) site.references[i] = random_pick(&random, weights, resources);
    make_sizes(&site, &random);
    make_changes(&site, plan->from, plan->to, &random);
    return site;
}

uint32_t site_version(const struct site *site, uint32_t resource, int64_t at)
{
    uint32_t version = 0;
    for (uint32_t i = site->first_change[resource]; i != SITE_NONE && site->changes[i].at <= at; i = site->changes[i].next) version++;
    return version;
}

uint32_t site_name(const struct site *site, uint32_t resource, uint32_t version)
{
    uint32_t i = site->first_change[resource];
    if (version == 0) return resource;
    while (site->changes[i].version != version) i = site->changes[i].next;
    return site->resources + site->pages + i;
}

bool site_refers(const struct site *site, uint32_t page, uint32_t resource)
{
    for (uint32_t i = 0; i < SITE_REFERENCES; i++)
        if (site->references[page * SITE_REFERENCES + i] == resource) return true;
    return false;
}
