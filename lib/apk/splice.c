#include "lib/apk/splice.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add(struct splice_plan *plan, enum splice_kind kind, uint64_t offset, uint64_t length)
{
    if (length > 0) plan->part[plan->count++] = (struct splice_part){kind, offset, length};
}

/* What lies before the region, in it, and behind it; each may be empty, and then is no part. */
struct splice_plan splice_plan(struct apk_region region, uint64_t offset, uint64_t length)
{
    struct splice_plan plan = {.count = 0};
    uint64_t end = offset + length, region_end = region.offset + region.length;
    uint64_t from = least(most(offset, region.offset), end), to = least(most(region_end, from), end);
    if (region.length == 0) from = to = end;
    add(&plan, SPLICE_BASE, offset, from - offset);
    add(&plan, SPLICE_INFO, from - region.offset, to - from);
    add(&plan, SPLICE_BASE, to, end - to);
    return plan;
}
