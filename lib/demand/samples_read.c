#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "lib/demand/days_internal.h"
#include "lib/demand/samples.h"
#include "lib/demand/samples_internal.h"

enum { OBJECT_LIMIT = 16 << 20 };
#define QUERIES_MAX (UINT64_C(1) << 40) /* of an object */

struct noted {
    uint64_t hash;
    struct sample sample; /* of a result: time and source */
};

/* Of one kind. What is above the bound is let go now and then, so that memory stays near `most`. */
struct pile {
    struct noted *items;
    size_t count, capacity;
};

struct reading {
    struct store *store;
    struct io io;
    int64_t from, to, horizon;
    size_t most;
    uint64_t bound; /* hashes below were kept wherever they came */
    struct pile queries, results;
    int64_t hour;             /* of the object that is read */
    uint64_t seen;            /* queries that its instance counted */
    size_t sampled, in_range; /* queries that it has, and those that were asked within [from, to) */
    double asked;             /* queries of all objects, within [from, to) */
    struct error *error;
    enum status status;
};

/* --- lines */

/* below 01a4c02b9d3f5e66, behind the count */
static bool read_bound(struct str line, uint64_t *seen, uint64_t *bound)
{
    struct str count = str_cut(&line, ' ');
    return str_to_u64(count, seen) && *seen <= QUERIES_MAX && str_equal(str_cut(&line, ' '), S("below")) && str_hex_to_u64(line, bound);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t one = ((const struct noted *)a)->hash, other = ((const struct noted *)b)->hash;
    return one < other ? -1 : one > other;
}

static void lower(struct reading *reading, uint64_t bound)
{
    if (bound < reading->bound) reading->bound = bound;
}

/* Half of what is too much lets the bound fall to where `most` are left. */
static void add(struct reading *reading, struct pile *pile, const struct noted *noted)
{
    if (noted->hash >= reading->bound) return;
    if (pile->count == 2 * reading->most) {
        qsort(pile->items, pile->count, sizeof *pile->items, by_hash);
        lower(reading, pile->items[reading->most].hash);
        pile->count = reading->most;
    }
    pile->items = arena_grow(reading->io.arena, pile->items, pile->count, &pile->capacity, sizeof *noted);
    pile->items[pile->count++] = *noted;
}

static bool placed_of(struct str letter, enum sample_placed *placed)
{
    const char *at = letter.length == 1 && letter.data[0] ? strchr(samples_placed_letters, letter.data[0]) : NULL;
    if (at) *placed = (enum sample_placed)(at - samples_placed_letters);
    return at != NULL;
}

/* <id> <time> Y <lan> <package> */
static bool read_query(struct reading *reading, struct str line)
{
    struct noted noted = {.sample.id = str_cut(&line, ' ')};
    struct str time = str_cut(&line, ' '), letter = str_cut(&line, ' '), lan = str_cut(&line, ' ');
    bool sense = clock_parse_time(time, &noted.sample.time) && placed_of(letter, &noted.sample.placed) && line.length > 0;
    if (!sense || str_has_control(lan) || str_has_control(line)) return false;
    noted.hash = sample_hash(noted.sample.id);
    noted.sample.lan = lan;
    noted.sample.package = line;
    bool in_range = reading->from <= noted.sample.time && noted.sample.time < reading->to;
    reading->sampled++;
    reading->in_range += in_range;
    if (in_range) add(reading, &reading->queries, &noted);
    return true;
}

/* <id> <time> edge [<package>] */
static bool read_result(struct reading *reading, struct str line)
{
    struct noted noted = {.hash = sample_hash(str_cut(&line, ' '))};
    struct str time = str_cut(&line, ' '), source = str_cut(&line, ' ');
    if (!clock_parse_time(time, &noted.sample.time) || !sample_source_parse(source, &noted.sample.source)) return false;
    add(reading, &reading->results, &noted);
    return true;
}

/* Queries that were asked for otherwise are none of ours, and neither is their bound. */
static bool read_line(struct reading *reading, struct str line)
{
    struct str kind = str_cut(&line, ' ');
    uint64_t seen, bound;
    bool asked = reading->hour + CLOCK_HOUR > reading->from && reading->hour < reading->to;
    if (str_equal(kind, S("q"))) return read_query(reading, line);
    if (str_equal(kind, S("r"))) return read_result(reading, line);
    bool queries = str_equal(kind, S("queries"));
    if ((!queries && !str_equal(kind, S("results"))) || !read_bound(line, &seen, &bound)) return false;
    if (queries) reading->seen = seen;
    if (asked || !queries) lower(reading, bound);
    return true;
}

/* Of an hour that lies only partly within [from, to), the part that its sampled queries have. */
static void count_queries(struct reading *reading)
{
    double sampled = (double)reading->sampled, seen = (double)reading->seen > sampled ? (double)reading->seen : sampled;
    if (reading->in_range > 0) reading->asked += seen * (double)reading->in_range / sampled;
}

static void read_lines(struct reading *reading, struct str key, struct str text)
{
    size_t nonsense = 0;
    reading->seen = reading->sampled = reading->in_range = 0;
    struct str head = str_cut(&text, '\n');
    if (!str_starts(head, S("samples 1 "))) {
        log_warn((struct log){0}, STR_FMT " holds no samples: it is left out", STR_ARG(key));
        return;
    }
    while (text.data) {
        struct str line = str_cut(&text, '\n');
        nonsense += line.length > 0 && !read_line(reading, line);
    }
    count_queries(reading);
    if (nonsense > 0) log_warn((struct log){0}, STR_FMT ": %zu lines make no sense: they are left out", STR_ARG(key), nonsense);
}

/* --- objects */

static bool read_object(void *context, const struct store_object *listed)
{
    struct reading *reading = context;
    struct store_object object;
    uint64_t hour;
    struct str rest = str_from(listed->key, sizeof "samples/2026-11-22/" - 1), text = str_cut(&rest, '/');
    if (!str_to_u64(text, &hour) || hour > 23 || !rest.data) return true;
    int64_t day = reading->hour - reading->hour % CLOCK_DAY;
    reading->hour = day + (int64_t)hour * CLOCK_HOUR;
    if (reading->hour + CLOCK_HOUR <= reading->from - SAMPLE_SKEW || reading->hour >= reading->to + reading->horizon) return true;
    struct str key = arena_copy(reading->io.arena, listed->key);
    reading->status = store_get(reading->store, reading->io, key, &(struct store_get){.limit = OBJECT_LIMIT}, &object, reading->error);
    if (reading->status == STATUS_NOT_FOUND || reading->status == STATUS_TOO_LARGE) return reading->status = STATUS_OK, true;
    if (reading->status != STATUS_OK) return false;
    read_lines(reading, key, object.body);
    return true;
}

static enum status read_objects(struct reading *reading)
{
    int64_t first = reading->from - SAMPLE_SKEW, end = reading->to + reading->horizon;
    for (int64_t day = first - first % CLOCK_DAY; day < end; day += CLOCK_DAY) {
        reading->hour = day;
        struct str prefix = samples_day_prefix(reading->io.arena, day);
        TRY(store_list(reading->store, reading->io, prefix, 0, read_object, reading, reading->error));
        TRY(reading->status);
    }
    return STATUS_OK;
}

/* --- together */

static void find_result(const struct reading *reading, uint64_t hash, struct sample *sample)
{
    const struct noted wanted = {.hash = hash};
    const struct noted *items = reading->results.items;
    const struct noted *found = reading->results.count ? bsearch(&wanted, items, reading->results.count, sizeof wanted, by_hash) : NULL;
    if (!found) return;
    while (found > items && found[-1].hash == hash) found--;
    for (; found < items + reading->results.count && found->hash == hash; found++) {
        int64_t later = found->sample.time - sample->time;
        if (later < -SAMPLE_SKEW || later > reading->horizon) continue;
        sample->downloaded = true;
        sample->source = found->sample.source;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct sample *one = a, *other = b;
    if (one->time != other->time) return one->time < other->time ? -1 : 1;
    return str_compare(one->id, other->id);
}

static void join(struct reading *reading, struct sample_set *set)
{
    struct pile *queries = &reading->queries, *results = &reading->results;
    if (queries->count > 0) qsort(queries->items, queries->count, sizeof *queries->items, by_hash);
    if (results->count > 0) qsort(results->items, results->count, sizeof *results->items, by_hash);
    if (queries->count > reading->most) lower(reading, queries->items[reading->most].hash);
    *set = (struct sample_set){.items = arena_array(reading->io.arena, queries->count, sizeof *set->items)};
    for (size_t i = 0; i < queries->count && queries->items[i].hash < reading->bound; i++) {
        struct sample *sample = &set->items[set->count++];
        *sample = queries->items[i].sample;
        find_result(reading, queries->items[i].hash, sample);
    }
    if (set->count > 0) qsort(set->items, set->count, sizeof *set->items, by_time);
    set->queries = (uint64_t)llround(reading->asked);
    set->share = reading->bound == UINT64_MAX ? 1 : (double)reading->bound / 18446744073709551616.0;
}

enum status samples_read(struct store *store, struct io io, const struct samples_question *question, struct sample_set *set,
                         struct error *error)
{
    struct reading reading = {.store = store,
                              .io = io,
                              .from = question->from,
                              .to = question->to,
                              .horizon = question->horizon,
                              .most = question->most ? question->most : 1,
                              .bound = UINT64_MAX,
                              .error = error};
    TRY(read_objects(&reading));
    join(&reading, set);
    return STATUS_OK;
}

struct sample_set samples_read_text(struct arena *arena, struct str text, int64_t hour, size_t most)
{
    struct sample_set set;
    struct reading reading = {
        .io = {.arena = arena}, .from = 0, .to = INT64_MAX, .horizon = CLOCK_DAY, .most = most, .bound = UINT64_MAX, .hour = hour};
    read_lines(&reading, S("text"), text);
    join(&reading, &set);
    return set;
}

enum status samples_drop(struct store *store, struct io io, int64_t before, struct error *error)
{
    return days_drop(store, io, S("samples/"), before, error);
}
