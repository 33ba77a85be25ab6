#include "lib/demand/samples.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "lib/demand/samples_internal.h"

/* An hour that can't be written for so long after its end is given up. */
enum { GIVEN_UP = CLOCK_HOUR, BODY_LIMIT = 64 << 20 };

const char samples_placed_letters[] = "YNn";
static const char *const sources[] = {"edge", "nearby", "origin", "other"};

/* The lowest hashes of a kind, as a heap with the highest in front, and the line of each. */
struct lowest {
    uint64_t *hashes;
    char **lines;
    uint32_t count, most;
    uint64_t seen;
};

struct hour {
    struct hour *next;
    int64_t start;
    struct lowest queries, results;
    uint64_t changes, written;
};

struct samples {
    char instance_text[64];
    struct str instance;
    uint32_t most;
    atomic_uint_fast64_t ids;
    pthread_mutex_t lock; /* around what follows */
    struct hour *hours;
    bool writing;
};

static void *must(void *memory)
{
    if (!memory) abort();
    return memory;
}

bool sample_source_parse(struct str text, enum sample_source *source)
{
    for (int i = SAMPLE_EDGE; i <= SAMPLE_OTHER; i++) {
        if (!str_equal(text, str_of(sources[i]))) continue;
        *source = (enum sample_source)i;
        return true;
    }
    return false;
}

/* FNV-1a, and the last step of SplitMix64, since ids differ in their last characters. */
uint64_t sample_hash(struct str id)
{
    uint64_t hash = hash64(HASH64, id);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

struct str samples_day_prefix(struct arena *arena, int64_t day)
{
    struct calendar date = clock_calendar(day);
    return arena_printf(arena, "samples/%04d-%02d-%02d/", date.year, date.month, date.day);
}

/* --- the lowest */

static void lowest_init(struct lowest *lowest, uint32_t most)
{
    *lowest = (struct lowest){.most = most};
    lowest->hashes = must(calloc(most, sizeof *lowest->hashes));
    lowest->lines = must(calloc(most, sizeof *lowest->lines));
}

static void lowest_free(struct lowest *lowest)
{
    for (uint32_t i = 0; i < lowest->count; i++) free(lowest->lines[i]);
    free(lowest->hashes);
    free(lowest->lines);
}

/* All hashes below were kept. */
static uint64_t bound_of(const struct lowest *lowest)
{
    return lowest->count < lowest->most ? UINT64_MAX : lowest->hashes[0];
}

static bool has_hash(const struct lowest *lowest, uint64_t hash)
{
    for (uint32_t i = 0; i < lowest->count; i++)
        if (lowest->hashes[i] == hash) return true;
    return false;
}

static void put_at(struct lowest *lowest, uint32_t at, uint64_t hash, char *line)
{
    lowest->hashes[at] = hash;
    lowest->lines[at] = line;
}

static void sift_up(struct lowest *lowest, uint32_t at, uint64_t hash, char *line)
{
    for (; at > 0 && lowest->hashes[(at - 1) / 2] < hash; at = (at - 1) / 2)
        put_at(lowest, at, lowest->hashes[(at - 1) / 2], lowest->lines[(at - 1) / 2]);
    put_at(lowest, at, hash, line);
}

static void sift_down(struct lowest *lowest, uint64_t hash, char *line)
{
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < lowest->count; at = child) {
        if (child + 1 < lowest->count && lowest->hashes[child + 1] > lowest->hashes[child]) child++;
        if (lowest->hashes[child] <= hash) break;
        put_at(lowest, at, lowest->hashes[child], lowest->lines[child]);
    }
    put_at(lowest, at, hash, line);
}

/* Takes the line. */
static void keep(struct lowest *lowest, uint64_t hash, char *line)
{
    if (lowest->count < lowest->most) {
        sift_up(lowest, lowest->count++, hash, line);
    } else {
        free(lowest->lines[0]);
        sift_down(lowest, hash, line);
    }
}

/* --- taking notes */

struct samples *samples_new(struct str instance, uint32_t most)
{
    struct samples *samples = must(calloc(1, sizeof *samples));
    instance = str_first(instance, sizeof samples->instance_text);
    memcpy(samples->instance_text, instance.data, instance.length);
    samples->instance = str_make(samples->instance_text, instance.length);
    samples->most = most;
    pthread_mutex_init(&samples->lock, NULL);
    return samples;
}

static void free_hour(struct hour *hour)
{
    lowest_free(&hour->queries);
    lowest_free(&hour->results);
    free(hour);
}

void samples_free(struct samples *samples)
{
    if (!samples) return;
    while (samples->hours) {
        struct hour *hour = samples->hours;
        samples->hours = hour->next;
        free_hour(hour);
    }
    pthread_mutex_destroy(&samples->lock);
    free(samples);
}

struct str samples_new_id(struct samples *samples, struct arena *arena)
{
    char digits[U64_DIGITS];
    return arena_join(arena, samples->instance, S("-"), str_of_u64(digits, atomic_fetch_add(&samples->ids, 1)));
}

static int64_t hour_of(int64_t moment)
{
    int64_t rest = moment % CLOCK_HOUR;
    return moment - (rest < 0 ? rest + CLOCK_HOUR : rest);
}

/* With the lock. An hour that is over goes when it is written, or when it can't be. */
static struct hour *hour_at(struct samples *samples, int64_t time)
{
    struct hour **at = &samples->hours, *hour;
    while ((hour = *at)) {
        bool over = hour->start + CLOCK_HOUR <= time || hour->start > time;
        bool done = hour->written == hour->changes || hour->start + CLOCK_HOUR + GIVEN_UP <= time || hour->start > time;
        if (!over) return hour;
        if (!done || samples->writing) {
            at = &hour->next;
            continue;
        }
        *at = hour->next;
        free_hour(hour);
    }
    hour = must(calloc(1, sizeof *hour));
    hour->start = hour_of(time);
    lowest_init(&hour->queries, samples->most);
    lowest_init(&hour->results, samples->most);
    *at = hour;
    return hour;
}

static char *format_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *format_line(const char *format, ...)
{
    char *line;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    return must(length < 0 ? NULL : line);
}

static char *time_text(int64_t time, char text[32])
{
    struct calendar c = clock_calendar(time);
    snprintf(text, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
    return text;
}

void samples_query(struct samples *samples, const struct sample *query)
{
    uint64_t hash = sample_hash(query->id);
    char at[32];
    pthread_mutex_lock(&samples->lock);
    struct hour *hour = hour_at(samples, query->time);
    hour->queries.seen++;
    if (hash < bound_of(&hour->queries)) {
        keep(&hour->queries, hash,
             format_line("q " STR_FMT " %s %c " STR_FMT " " STR_FMT, STR_ARG(query->id), time_text(query->time, at),
                         samples_placed_letters[query->placed], STR_ARG(query->lan), STR_ARG(query->package)));
        hour->changes++;
    }
    pthread_mutex_unlock(&samples->lock);
}

void samples_result(struct samples *samples, struct str id, int64_t time, enum sample_source source, struct str package)
{
    uint64_t hash = sample_hash(id);
    char at[32];
    pthread_mutex_lock(&samples->lock);
    struct hour *hour = hour_at(samples, time);
    hour->results.seen++;
    if (hash < bound_of(&hour->results) && !has_hash(&hour->results, hash)) {
        keep(&hour->results, hash,
             format_line("r " STR_FMT " %s %s%s" STR_FMT, STR_ARG(id), time_text(time, at), sources[source], package.length ? " " : "",
                         STR_ARG(package)));
        hour->changes++;
    }
    pthread_mutex_unlock(&samples->lock);
}

bool samples_are_dirty(struct samples *samples)
{
    bool dirty = false;
    pthread_mutex_lock(&samples->lock);
    for (const struct hour *hour = samples->hours; hour; hour = hour->next) dirty = dirty || hour->changes != hour->written;
    pthread_mutex_unlock(&samples->lock);
    return dirty;
}

/* --- writing */

static void add_lines(struct buf *out, const struct lowest *lowest)
{
    for (uint32_t i = 0; i < lowest->count; i++) {
        buf_add(out, str_of(lowest->lines[i]));
        buf_add_byte(out, '\n');
    }
}

static struct str format_hour(struct arena *arena, const struct samples *samples, const struct hour *hour)
{
    struct buf out = buf_in(arena, BODY_LIMIT);
    struct calendar c = clock_calendar(hour->start);
    buf_printf(&out, "samples 1 %04d-%02d-%02d %02d " STR_FMT "\n", c.year, c.month, c.day, c.hour, STR_ARG(samples->instance));
    buf_printf(&out, "queries %llu below %016llx\n", (unsigned long long)hour->queries.seen, (unsigned long long)bound_of(&hour->queries));
    buf_printf(&out, "results %llu below %016llx\n", (unsigned long long)hour->results.seen, (unsigned long long)bound_of(&hour->results));
    add_lines(&out, &hour->queries);
    add_lines(&out, &hour->results);
    return buf_str(&out);
}

static enum status write_hour(struct samples *samples, struct hour *hour, struct store *store, struct io io, struct error *error)
{
    const struct store_put text = {.content_type = "text/plain"};
    int64_t day = hour->start - hour->start % CLOCK_DAY;
    struct str key = arena_printf(io.arena, STR_FMT "%02d/" STR_FMT, STR_ARG(samples_day_prefix(io.arena, day)),
                                  clock_calendar(hour->start).hour, STR_ARG(samples->instance));
    pthread_mutex_lock(&samples->lock);
    uint64_t changes = hour->changes;
    struct str body = changes != hour->written ? format_hour(io.arena, samples, hour) : (struct str){NULL, 0};
    pthread_mutex_unlock(&samples->lock);
    if (!body.data) return STATUS_OK;
    TRY(store_put(store, io, key, body, &text, NULL, error));
    pthread_mutex_lock(&samples->lock);
    hour->written = changes;
    pthread_mutex_unlock(&samples->lock);
    return STATUS_OK;
}

/* NULL: there is nothing, or another is at it. While it is said that one writes no hour goes, and new ones come last. */
static struct hour *begin_writing(struct samples *samples)
{
    pthread_mutex_lock(&samples->lock);
    struct hour *first = samples->writing ? NULL : samples->hours;
    if (first) samples->writing = true;
    pthread_mutex_unlock(&samples->lock);
    return first;
}

enum status samples_flush(struct samples *samples, struct store *store, struct io io, struct error *error)
{
    enum status status = STATUS_OK;
    struct hour *hour = begin_writing(samples);
    if (!hour) return STATUS_OK;
    while (hour && status == STATUS_OK) {
        struct io own = {.arena = arena_new(), .deadline = io.deadline, .no_wait = io.no_wait};
        status = write_hour(samples, hour, store, own, error);
        arena_free(own.arena);
        pthread_mutex_lock(&samples->lock);
        hour = hour->next;
        pthread_mutex_unlock(&samples->lock);
    }
    pthread_mutex_lock(&samples->lock);
    samples->writing = false;
    pthread_mutex_unlock(&samples->lock);
    return status;
}
