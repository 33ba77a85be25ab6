#include "lib/demand/text.h"

static const struct str HEADER = {"pakhus-demand 1", 15};

static bool read_cell(struct str text, unsigned buckets, struct demand_bucket *count)
{
    struct str rest = text, index = str_cut(&rest, ':');
    uint64_t number;
    count->hits = count->misses = 0;
    if (!str_to_u64(index, &number) || number >= buckets || !rest.data) return false;
    struct str first = str_cut(&rest, '+');
    if (!rest.data) return false;
    count->bucket = (unsigned)number;
    return (first.length == 0 || str_to_u64(first, &count->hits)) && (rest.length == 0 || str_to_u64(rest, &count->misses));
}

static bool read_package(struct str line, struct str lan, const struct demand_reader *reader)
{
    struct demand_bucket count = {.lan = lan, .package = str_cut(&line, ' ')};
    if (count.package.length == 0 || lan.length == 0) return false;
    while (line.data) {
        if (!read_cell(str_cut(&line, ' '), reader->buckets, &count)) return false;
        reader->cell(reader->context, &count);
    }
    return true;
}

bool demand_text_read(struct str text, const struct demand_reader *reader)
{
    struct str rest = text, lan = {0};
    if (!str_equal(str_cut(&rest, '\n'), HEADER)) return false;
    while (rest.data && rest.length > 0) {
        struct str line = str_cut(&rest, '\n'), kind = str_first(line, 2), value = str_from(line, 2);
        if (str_equal(kind, S("L ")))
            lan = value;
        else if (str_equal(kind, S("F ")) && reader->folded)
            reader->folded(reader->context, value);
        else if (!str_equal(kind, S("P ")) || !read_package(value, lan, reader))
            return false;
    }
    return true;
}

void demand_text_begin(struct buf *out)
{
    buf_add(out, HEADER);
    buf_add_byte(out, '\n');
}

void demand_text_lan(struct buf *out, struct str lan)
{
    buf_add(out, S("L "));
    buf_add(out, lan);
    buf_add_byte(out, '\n');
}

void demand_text_package(struct buf *out, struct str package)
{
    buf_add(out, S("P "));
    buf_add(out, package);
}

void demand_text_cell(struct buf *out, unsigned bucket, uint64_t hits, uint64_t misses)
{
    buf_add_byte(out, ' ');
    buf_add_u64(out, bucket);
    buf_add_byte(out, ':');
    if (hits > 0) buf_add_u64(out, hits);
    buf_add_byte(out, '+');
    if (misses > 0) buf_add_u64(out, misses);
}

struct str demand_day(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    return arena_printf(arena, "%04d-%02d-%02d", c.year, c.month, c.day);
}

bool demand_day_parse(struct str text, int64_t *begin)
{
    char full[32];
    if (text.length != 10) return false;
    memcpy(full, text.data, 10);
    memcpy(full + 10, "T00:00:00Z", 11);
    return clock_parse_time(str_make(full, 20), begin);
}

struct str demand_live_key(struct arena *arena, int64_t hour, unsigned part, struct str instance)
{
    struct str day = demand_day(arena, hour);
    return arena_printf(arena, "demand/live/" STR_FMT "/%02d/%02u/" STR_FMT, STR_ARG(day), clock_calendar(hour).hour, part,
                        STR_ARG(instance));
}

struct str demand_day_key(struct arena *arena, int64_t day, unsigned part)
{
    struct str text = demand_day(arena, day);
    return arena_printf(arena, "demand/days/" STR_FMT "/%02u", STR_ARG(text), part);
}
