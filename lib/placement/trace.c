#include "lib/placement/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"

static const uint64_t SIZE_MOST = UINT64_C(1) << 53;
enum { NAMES_FIRST = 1 << 12 };
static const size_t REQUESTS_MOST = (size_t)1 << 31;

/* --- names → numbers, in the order in which they first come */

struct names {
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

static void grow_names(struct arena *arena, struct names *names)
{
    struct names larger = {.capacity = names->capacity ? names->capacity * 2 : NAMES_FIRST, .count = names->count};
    larger.hashes = arena_array(arena, larger.capacity, sizeof *larger.hashes);
    larger.numbers = arena_array(arena, larger.capacity, sizeof *larger.numbers);
    for (size_t i = 0; i < names->capacity; i++) {
        if (!names->hashes[i]) continue;
        size_t at = slot_of(&larger, names->hashes[i]);
        larger.hashes[at] = names->hashes[i];
        larger.numbers[at] = names->numbers[i];
    }
    *names = larger;
}

static uint32_t number_of(struct arena *arena, struct names *names, struct str name)
{
    if ((names->count + 1) * (size_t)2 > names->capacity) grow_names(arena, names);
    uint64_t hash = hash_of(name);
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

static void sum_up(struct arena *arena, struct trace *trace)
{
    unsigned char *seen = arena_array(arena, (size_t)trace->lans * trace->objects / 8 + 1, 1);
    trace->working_set = arena_array(arena, trace->lans, sizeof *trace->working_set);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_request *request = &trace->requests[i];
        size_t bit = (size_t)request->lan * trace->objects + request->object;
        trace->bytes += trace->sizes[request->object];
        if (seen[bit / 8] >> (bit % 8) & 1) continue;
        seen[bit / 8] |= (unsigned char)(1 << (bit % 8));
        trace->working_set[request->lan] += trace->sizes[request->object];
    }
}

static int by_time(const void *a, const void *b)
{
    const struct trace_request *one = a, *other = b;
    if (one->time != other->time) return one->time < other->time ? -1 : 1;
    if (one->lan != other->lan) return one->lan < other->lan ? -1 : 1;
    return one->object < other->object ? -1 : one->object > other->object;
}

void trace_finish(struct arena *arena, struct trace *trace)
{
    if (trace->count > 0) qsort(trace->requests, trace->count, sizeof *trace->requests, by_time);
    sum_up(arena, trace);
}

/* --- reading */

static struct str next_field(struct str *rest)
{
    while (rest->length > 0 && memchr(", \t\r\n", rest->data[0], 5)) *rest = str_from(*rest, 1);
    size_t length = 0;
    while (length < rest->length && !memchr(", \t\r\n", rest->data[length], 5)) length++;
    struct str field = str_first(*rest, length);
    *rest = str_from(*rest, length);
    return field;
}

static bool is_heading(struct str line)
{
    char c = line.length > 0 ? line.data[0] : '#';
    return c == '#' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct reader {
    struct builder builder;
    struct names objects, lans;
    int64_t unit, last;
    size_t line;
};

static enum status read_line(struct reader *reader, struct str line, struct error *error)
{
    struct str time_text = next_field(&line), id = next_field(&line), size_text = next_field(&line), lan = next_field(&line);
    uint64_t time, size;
    if (time_text.length == 0) return STATUS_OK;
    bool right = str_to_u64(time_text, &time) && id.length > 0 && str_to_u64(size_text, &size) && time <= SIZE_MOST && size <= SIZE_MOST;
    ENSURE(right && time <= (uint64_t)(INT64_MAX / 2 / reader->unit), error, STATUS_INVALID,
           "line %zu: must be time, id, size and perhaps LAN, the first and the third whole numbers", reader->line);
    struct trace_request request = {.time = (int64_t)time * reader->unit};
    ENSURE(request.time >= reader->last, error, STATUS_INVALID, "line %zu: its time is before that of the line above", reader->line);
    reader->last = request.time;
    request.object = number_of(reader->builder.arena, &reader->objects, id);
    request.lan = number_of(reader->builder.arena, &reader->lans, lan);
    ENSURE(reader->builder.trace->count < REQUESTS_MOST, error, STATUS_TOO_LARGE, "more than %zu requests", REQUESTS_MOST);
    add_request(&reader->builder, request, size);
    return STATUS_OK;
}

enum status trace_read(struct arena *arena, FILE *file, int64_t unit, struct trace *trace, struct error *error)
{
    struct reader reader = {.builder = {.arena = arena, .trace = trace}, .unit = unit, .line = 1};
    char *line = NULL;
    size_t capacity = 0;
    enum status status = STATUS_OK;
    *trace = (struct trace){0};
    for (ssize_t length; status == STATUS_OK && (length = getline(&line, &capacity, file)) >= 0; reader.line++) {
        struct str text = str_make(line, (size_t)length);
        if (reader.line > 1 || !is_heading(text)) status = read_line(&reader, text, error);
    }
    int number = errno;
    free(line);
    TRY(status);
    if (ferror(file)) return error_errno(error, number, "reading the trace");
    ENSURE(trace->count > 0, error, STATUS_INVALID, "the trace has no requests");
    ENSURE((uint64_t)trace->lans * trace->objects <= UINT64_C(1) << 36, error, STATUS_TOO_LARGE, "%u LANs times %u objects are too many",
           trace->lans, trace->objects);
    sum_up(arena, trace);
    return STATUS_OK;
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
    uint64_t *working_set = arena_array(arena, trace->lans, sizeof *working_set);
    uint32_t object_count = 0, lan_count = 0;
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_request *request = &trace->requests[i];
        uint64_t size = trace->sizes[request->object], of_lan = trace->working_set[request->lan];
        request->lan = new_number(lans, request->lan, &lan_count);
        request->object = new_number(objects, request->object, &object_count);
        sizes[request->object] = size;
        working_set[request->lan] = of_lan;
    }
    trace->sizes = sizes;
    trace->working_set = working_set;
    trace->objects = object_count;
    trace->lans = lan_count;
}

void trace_make(struct arena *arena, const struct trace_recipe *recipe, struct trace *trace)
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
    trace_finish(arena, trace);
    number_in_order(arena, trace);
}
