#include "lib/replay/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/csv.h"
#include "base/hash.h"
#include "base/random.h"

static const uint64_t SIZE_MOST = UINT64_C(1) << 53, BYTES_MOST = INT64_MAX;
enum { NAMES_FIRST = 1 << 12, FIELDS = 4 };
static const size_t REQUESTS_MOST = (size_t)1 << 31;

/* --- names → numbers, in the order in which they first come */

struct names {
    struct arena *arena;
    uint64_t *hashes; /* 0: free */
    uint32_t *numbers;
    size_t capacity;
    uint32_t count;
};

/* Two names of one hash would be one object, which at 64 bits is no matter here. */
static uint64_t hash_of(struct str name)
{
    uint64_t hash = hash64(HASH64, name);
    return hash ? hash : 1;
}

static size_t slot_of(const struct names *names, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (names->capacity - 1);
    while (names->hashes[at] && names->hashes[at] != hash) at = (at + 1) & (names->capacity - 1);
    return at;
}

/* A number of its own for each pair, well spread, and never 0: by an odd factor no two become one. */
static uint64_t hash_of_pair(const struct trace_request *request)
{
    return (((uint64_t)request->lan << 32 | request->object) + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void grow_names(struct names *names)
{
    struct names larger = {.arena = names->arena, .capacity = names->capacity ? names->capacity * 2 : NAMES_FIRST, .count = names->count};
    larger.hashes = arena_array(larger.arena, larger.capacity, sizeof *larger.hashes);
    larger.numbers = arena_array(larger.arena, larger.capacity, sizeof *larger.numbers);
    for (size_t i = 0; i < names->capacity; i++) {
        if (!names->hashes[i]) continue;
        size_t at = slot_of(&larger, names->hashes[i]);
        larger.hashes[at] = names->hashes[i];
        larger.numbers[at] = names->numbers[i];
    }
    *names = larger;
}

static uint32_t number_of(struct names *names, uint64_t hash)
{
    if ((names->count + 1) * (size_t)2 > names->capacity) grow_names(names);
    size_t at = slot_of(names, hash);
    if (!names->hashes[at]) {
        names->hashes[at] = hash;
        names->numbers[at] = names->count++;
    }
    return names->numbers[at];
}

/* --- what both ways to a trace share */

struct builder {
    struct arena *arena;
    struct trace *trace;
    size_t request_capacity, size_capacity;
};

static void add_request(struct builder *builder, struct trace_request request, uint64_t size)
{
    struct trace *trace = builder->trace;
    trace->requests = arena_grow(builder->arena, trace->requests, trace->count, &builder->request_capacity, sizeof *trace->requests);
    while (request.object >= builder->size_capacity)
        trace->sizes = arena_grow(builder->arena, trace->sizes, builder->size_capacity, &builder->size_capacity, sizeof *trace->sizes);
    trace->requests[trace->count++] = request;
    if (size > trace->sizes[request.object]) trace->sizes[request.object] = size;
    if (request.object >= trace->objects) trace->objects = request.object + 1;
    if (request.lan >= trace->lans) trace->lans = request.lan + 1;
}

/* As they first come; and counts how many come before those of each LAN. */
static void number_as_they_come(struct trace *trace, struct names *names)
{
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_request *request = &trace->requests[i];
        uint32_t known = names->count;
        request->pair = number_of(names, hash_of_pair(request));
        trace->first_pairs[request->lan + 1] += names->count > known;
    }
    trace->pairs = names->count;
    for (uint32_t lan = 0; lan < trace->lans; lan++) trace->first_pairs[lan + 1] += trace->first_pairs[lan];
}

static void count_pair(struct trace *trace, const struct trace_request *request, uint32_t pair)
{
    trace->pair_objects[pair] = request->object;
    trace->working_set[request->lan] += trace->sizes[request->object];
}

/* Anew, with those of a LAN side by side. */
static void move_together(struct arena *scratch, struct trace *trace)
{
    uint32_t *next = arena_array(scratch, trace->lans, sizeof *next), *anew = arena_array(scratch, trace->pairs, sizeof *anew), known = 0;
    memcpy(next, trace->first_pairs, trace->lans * sizeof *next);
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_request *request = &trace->requests[i];
        if (request->pair == known) count_pair(trace, request, anew[known++] = next[request->lan]++);
        request->pair = anew[request->pair];
    }
}

static void number_pairs(struct arena *arena, struct trace *trace)
{
    struct names names = {.arena = arena_new()};
    trace->first_pairs = arena_array(arena, (size_t)trace->lans + 1, sizeof *trace->first_pairs);
    number_as_they_come(trace, &names);
    trace->pair_objects = arena_array(arena, trace->pairs, sizeof *trace->pair_objects);
    trace->working_set = arena_array(arena, trace->lans, sizeof *trace->working_set);
    move_together(names.arena, trace);
    arena_free(names.arena);
}

/* All other sums of sizes, those of simulators too, are parts of this one, or compare with it. */
static enum status sum_up(struct trace *trace, struct error *error)
{
    trace->bytes = 0;
    for (size_t i = 0; i < trace->count; i++) {
        uint64_t size = trace->sizes[trace->requests[i].object];
        ENSURE(size <= BYTES_MOST - trace->bytes, error, STATUS_TOO_LARGE, "all requests together ask for more than %llu bytes",
               (unsigned long long)BYTES_MOST);
        trace->bytes += size;
    }
    return STATUS_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct trace_request *one = a, *other = b;
    if (one->time != other->time) return one->time < other->time ? -1 : 1;
    if (one->lan != other->lan) return one->lan < other->lan ? -1 : 1;
    return one->object < other->object ? -1 : one->object > other->object;
}

static void sort(struct trace *trace)
{
    if (trace->count > 0) qsort(trace->requests, trace->count, sizeof *trace->requests, by_time);
}

enum status trace_finish(struct arena *arena, struct trace *trace, struct error *error)
{
    sort(trace);
    number_pairs(arena, trace);
    return sum_up(trace, error);
}

static uint32_t new_number(uint32_t *numbers, uint32_t old, uint32_t *count)
{
    if (numbers[old] == 0) numbers[old] = ++*count;
    return numbers[old] - 1;
}

/* As reading numbers them: in the order in which they first come. What nobody asks for goes. */
static void number_in_order(struct arena *arena, struct trace *trace)
{
    uint32_t *objects = arena_array(arena, trace->objects, sizeof *objects), *lans = arena_array(arena, trace->lans, sizeof *lans);
    uint64_t *sizes = arena_array(arena, trace->objects, sizeof *sizes);
    uint32_t object_count = 0, lan_count = 0;
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_request *request = &trace->requests[i];
        uint64_t size = trace->sizes[request->object];
        request->lan = new_number(lans, request->lan, &lan_count);
        request->object = new_number(objects, request->object, &object_count);
        sizes[request->object] = size;
    }
    trace->sizes = sizes;
    trace->objects = object_count;
    trace->lans = lan_count;
}

/* --- samples */

/* Short names leave the upper bits of their hashes alike. */
static uint64_t spread(uint64_t hash)
{
    return random_next(&hash);
}

/* `hashes`: by object. */
static void keep_below(struct trace *trace, const uint64_t *hashes, uint64_t limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < trace->count; i++)
        if (hashes[trace->requests[i].object] <= limit) trace->requests[kept++] = trace->requests[i];
    trace->count = kept;
}

static enum status finish_sample(struct arena *arena, size_t requests, struct trace_sample *sample, struct trace *trace,
                                 struct error *error)
{
    ENSURE(trace->count > 0, error, STATUS_INVALID, "one object alone has more than %zu requests: take a larger sample", sample->most);
    sample->asked = (double)trace->count / (double)requests;
    if (trace->count < requests) number_in_order(arena, trace);
    number_pairs(arena, trace);
    return sum_up(trace, error);
}

/* As objects are written. */
static uint64_t hash_of_number(uint32_t object)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%u", object);
    return spread(hash_of(str_make(text, (size_t)length)));
}

/* The first ones, and one at least. */
static void keep_lans(struct arena *scratch, struct trace *trace, size_t most)
{
    size_t *counts = arena_array(scratch, trace->lans, sizeof *counts), kept = 0;
    uint32_t lans = 1;
    for (size_t i = 0; i < trace->count; i++) counts[trace->requests[i].lan]++;
    for (size_t sum = counts[0]; lans < trace->lans && counts[lans] <= most && sum <= most - counts[lans]; lans++) sum += counts[lans];
    for (size_t i = 0; i < trace->count; i++)
        if (trace->requests[i].lan < lans) trace->requests[kept++] = trace->requests[i];
    trace->count = kept;
}

enum status trace_thin(struct arena *arena, struct trace_sample *sample, struct trace *trace, struct error *error)
{
    struct arena *scratch = arena_new();
    uint64_t *hashes = arena_array(scratch, trace->objects, sizeof *hashes), limit = UINT64_MAX;
    const size_t requests = trace->count;
    keep_lans(scratch, trace, sample->most);
    for (uint32_t i = 0; i < trace->objects; i++) hashes[i] = hash_of_number(i);
    while (trace->count > sample->most) keep_below(trace, hashes, limit /= 2);
    arena_free(scratch);
    sample->share = ((double)limit + 1) / 0x1p64;
    return finish_sample(arena, requests, sample, trace, error);
}

/* --- reading */

struct reader {
    struct builder builder;
    struct names objects, lans;
    struct arena *scratch; /* until the next line */
    int64_t unit, last;
    size_t line, requests, most; /* requests: kept or not */
    uint64_t limit;              /* objects of hashes above are left out */
    uint64_t *hashes;            /* by object */
    size_t hash_capacity;
    bool headed; /* a heading, or what would have been one, has been */
};

static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t length = 0;
    while (length < rest->length && rest->data[length] != ' ' && rest->data[length] != '\t') length++;
    struct str word = str_first(*rest, length);
    *rest = str_from(*rest, length);
    return word;
}

/* Where there are commas they alone part fields, and a name may have blanks. */
static enum status split(const struct reader *reader, struct str line, struct str fields[FIELDS], struct error *error)
{
    struct csv csv = {.rest = line, .line = reader->line};
    struct csv_row row;
    if (str_find(line, ',') == line.length) {
        for (int i = 0; i < FIELDS; i++) fields[i] = next_word(&line);
        return STATUS_OK;
    }
    arena_reset(reader->scratch);
    TRY(csv_next(&csv, reader->scratch, &row, error));
    for (size_t i = 0; i < FIELDS; i++) fields[i] = i < row.count ? str_trim(row.fields[i]) : S("");
    return STATUS_OK;
}

static bool is_heading(struct str line)
{
    struct str text = str_from(line, str_starts(line, S("\"")) ? 1 : 0);
    char c = text.length > 0 ? text.data[0] : 0;
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_passed_over(struct reader *reader, struct str line)
{
    if (line.length == 0) return true;
    if (reader->builder.trace->count > 0) return false;
    if (line.data[0] == '#') return true;
    bool heading = !reader->headed && is_heading(line);
    reader->headed = true;
    return heading;
}

/* Digits, and perhaps a fraction: in ms, rounded down, which dividing from the last digit on does exactly. */
static bool parse_time(struct str text, int64_t unit, int64_t *time)
{
    struct str fraction = text, whole_text = str_cut(&fraction, '.');
    uint64_t whole;
    int64_t part = 0;
    if (!str_to_u64(whole_text, &whole) || whole > SIZE_MOST || whole > (uint64_t)(INT64_MAX / 2 / unit)) return false;
    for (size_t i = fraction.length; i-- > 0;) {
        if (fraction.data[i] < '0' || fraction.data[i] > '9') return false;
        part = ((fraction.data[i] - '0') * unit + part) / 10;
    }
    *time = (int64_t)whole * unit + part;
    return true;
}

static uint32_t number_object(struct reader *reader, uint64_t hash)
{
    uint32_t object = number_of(&reader->objects, hash);
    reader->hashes = arena_grow(reader->objects.arena, reader->hashes, object, &reader->hash_capacity, sizeof *reader->hashes);
    reader->hashes[object] = spread(hash);
    return object;
}

static enum status read_line(struct reader *reader, struct str line, struct error *error)
{
    struct str fields[FIELDS];
    struct trace_request request = {0};
    uint64_t size;
    TRY(split(reader, line, fields, error));
    ENSURE(!str_starts(fields[0], S("-")), error, STATUS_INVALID, "line %zu: its time is before 0, and times count from there on",
           reader->line);
    bool right = parse_time(fields[0], reader->unit, &request.time) && fields[1].length > 0 && str_to_u64(fields[2], &size);
    ENSURE(right && size <= SIZE_MOST, error, STATUS_INVALID,
           "line %zu: must be time, id, size and perhaps LAN, the first a number and the third a whole one", reader->line);
    ENSURE(request.time >= reader->last, error, STATUS_INVALID, "line %zu: its time is before that of the line above", reader->line);
    reader->last = request.time;
    uint64_t hash = hash_of(fields[1]);
    reader->requests++;
    if (spread(hash) > reader->limit) return STATUS_OK;
    request.object = number_object(reader, hash);
    request.lan = number_of(&reader->lans, hash_of(fields[3]));
    ENSURE(reader->builder.trace->count < REQUESTS_MOST, error, STATUS_TOO_LARGE, "more than %zu requests", REQUESTS_MOST);
    add_request(&reader->builder, request, size);
    while (reader->builder.trace->count > reader->most) keep_below(reader->builder.trace, reader->hashes, reader->limit /= 2);
    return STATUS_OK;
}

static enum status read_lines(struct reader *reader, FILE *file, struct error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    enum status status = STATUS_OK;
    for (ssize_t length; status == STATUS_OK && (length = getline(&line, &capacity, file)) >= 0; reader->line++) {
        struct str text = str_make(line, (size_t)length);
        if (reader->line == 1 && str_starts(text, S("\xef\xbb\xbf"))) text = str_from(text, 3);
        text = str_trim(text);
        if (!is_passed_over(reader, text)) status = read_line(reader, text, error);
    }
    int number = errno;
    free(line);
    TRY(status);
    return ferror(file) ? error_errno(error, number, "reading the trace") : STATUS_OK;
}

enum status trace_read(struct arena *arena, FILE *file, int64_t unit, struct trace_sample *sample, struct trace *trace, struct error *error)
{
    struct arena *names = arena_new(), *scratch = arena_new();
    struct reader reader = {
        .builder = {.arena = arena, .trace = trace}, .unit = unit, .line = 1, .most = sample->most, .limit = UINT64_MAX};
    reader.objects.arena = reader.lans.arena = names;
    reader.scratch = scratch;
    *trace = (struct trace){0};
    enum status status = read_lines(&reader, file, error);
    arena_free(scratch);
    arena_free(names);
    TRY(status);
    ENSURE(reader.requests > 0, error, STATUS_INVALID, "the trace has no requests");
    sample->share = ((double)reader.limit + 1) / 0x1p64;
    return finish_sample(arena, reader.requests, sample, trace, error);
}

/* --- writing */

enum status trace_write(const struct trace *trace, FILE *file, int64_t unit, struct error *error)
{
    fputs("time,id,size,lan\n", file);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_request *request = &trace->requests[i];
        ENSURE(request->time % unit == 0, error, STATUS_INVALID, "the trace's times are no whole numbers of the time column's unit");
        fprintf(file, "%lld,%u,%llu,%u\n", (long long)(request->time / unit), request->object,
                (unsigned long long)trace->sizes[request->object], request->lan);
        if (ferror(file)) return error_errno(error, errno, "writing the trace");
    }
    return STATUS_OK;
}

/* --- making */

enum { WEEK_DAYS = 7, RELEASES = 6, RELEASE_HOUR = 20 };

/* Each app is a full package and a patch. */
struct week {
    const struct trace_recipe *recipe;
    uint64_t random;
    double *popularity;          /* cumulative, over apps */
    uint32_t released[RELEASES]; /* apps with a new version, on evenings of the week */
};

static uint64_t package_size(uint64_t *random)
{
    double u = random_fraction(random);
    return (uint64_t)(4e6 * exp(u * u * 6.2)); /* 4 MB to 2 GB, most of them small */
}

static uint32_t pick_app(struct week *week, uint32_t lan)
{
    const struct trace_recipe *recipe = week->recipe;
    uint32_t app = random_pick(&week->random, week->popularity, recipe->apps);
    bool own_taste = random_fraction(&week->random) < 0.3;
    return own_taste ? (app + lan * 97) % recipe->apps : app;
}

/* An hour of the day's part of a day's requests: few at night, most at nine in the evening. */
static double hour_weight(double hour)
{
    return 1 + 0.9 * cos((hour - 21) / 24 * 2 * 3.14159265358979);
}

static int64_t pick_time(struct week *week)
{
    for (;;) {
        double day = floor(random_fraction(&week->random) * WEEK_DAYS), hour = random_fraction(&week->random) * 24;
        if (random_fraction(&week->random) * 1.9 <= hour_weight(hour)) return (int64_t)((day * 24 + hour) * CLOCK_HOUR);
    }
}

/* A third of the devices that have the app ask within hours of a release. */
static bool pick_release(struct week *week, struct trace_request *request)
{
    if (random_fraction(&week->random) >= 0.15) return false;
    uint32_t which = (uint32_t)(random_next(&week->random) % RELEASES);
    double hours = -4 * log(1 - random_fraction(&week->random));
    request->time = (int64_t)((which * 24.0 + RELEASE_HOUR + hours) * CLOCK_HOUR);
    request->object = (2 * week->recipe->apps) + 2 * which + (random_fraction(&week->random) < 0.6);
    return request->time < WEEK_DAYS * (int64_t)CLOCK_DAY;
}

/* Objects: full package and patch of each app, then those of the new versions. A patch has a tenth of its package. */
static uint64_t *make_sizes(struct arena *arena, struct week *week)
{
    uint32_t apps = week->recipe->apps;
    uint64_t *sizes = arena_array(arena, 2 * ((size_t)apps + RELEASES), sizeof *sizes);
    for (size_t i = 0; i < (size_t)apps + RELEASES; i++) {
        sizes[2 * i] = package_size(&week->random);
        sizes[2 * i + 1] = sizes[2 * i] / 10;
    }
    return sizes;
}

enum status trace_make(struct arena *arena, const struct trace_recipe *recipe, struct trace *trace, struct error *error)
{
    struct week week = {.recipe = recipe, .random = recipe->seed};
    struct builder builder = {.arena = arena, .trace = trace};
    *trace = (struct trace){0};
    week.popularity = arena_array(arena, recipe->apps, sizeof *week.popularity);
    for (uint32_t i = 0; i < recipe->apps; i++) week.popularity[i] = (i ? week.popularity[i - 1] : 0) + pow(i + 1.0, -0.9);
    const uint64_t *sizes = make_sizes(arena, &week);
    for (uint64_t i = 0; i < recipe->requests; i++) {
        struct trace_request request = {.lan = (uint32_t)(random_next(&week.random) % recipe->lans)};
        if (!pick_release(&week, &request)) {
            request.time = pick_time(&week);
            request.object = 2 * pick_app(&week, request.lan) + (random_fraction(&week.random) < 0.3);
        }
        request.time -= request.time % CLOCK_SECOND;
        add_request(&builder, request, sizes[request.object]);
    }
    sort(trace);
    number_in_order(arena, trace);
    number_pairs(arena, trace);
    return sum_up(trace, error);
}
