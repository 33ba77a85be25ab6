/* Demand as text: whatever cells are read, the same are read again when they were written. */
#include <assert.h>

#include "lib/demand/text.h"

enum { OUT_LIMIT = 16 << 20 };

struct seen {
    struct buf out;
    unsigned buckets;
};

static void write_again(void *context, const struct demand_bucket *count)
{
    struct seen *seen = context;
    assert(count->lan.length > 0 && count->package.length > 0 && count->bucket < seen->buckets);
    demand_text_lan(&seen->out, count->lan);
    demand_text_package(&seen->out, count->package);
    demand_text_cell(&seen->out, count->bucket, count->hits, count->misses);
    buf_add_byte(&seen->out, '\n');
}

static void note_folded(void *context, struct str name)
{
    struct seen *seen = context;
    assert(str_find(name, '\n') == name.length);
    buf_add(&seen->out, S("F "));
    buf_add(&seen->out, name);
    buf_add_byte(&seen->out, '\n');
}

static bool read_into(struct seen *seen, struct str text)
{
    const struct demand_reader reader = {.cell = write_again, .folded = note_folded, .context = seen, .buckets = seen->buckets};
    demand_text_begin(&seen->out);
    return demand_text_read(text, &reader);
}

static void check(struct arena *arena, struct str text, unsigned buckets)
{
    struct seen once = {buf_in(arena, OUT_LIMIT), buckets}, twice = {buf_in(arena, OUT_LIMIT), buckets};
    if (!read_into(&once, text) || once.out.overflow) return;
    assert(read_into(&twice, buf_str(&once.out)));
    assert(str_equal(buf_str(&once.out), buf_str(&twice.out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct arena *arena = arena_new();
    int64_t begin;
    check(arena, text, HOUR_BUCKETS);
    check(arena, text, DAY_BUCKETS);
    if (demand_day_parse(text, &begin)) assert(str_equal(demand_day(arena, begin), text));
    arena_free(arena);
    return 0;
}
