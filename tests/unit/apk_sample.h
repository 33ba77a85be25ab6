/* APKs made for tests, of runs of bytes with holes of zeros between them: gigabytes cost nothing. Their signatures are pairs and names
 * only. */
#ifndef TESTS_APK_SAMPLE_H
#define TESTS_APK_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lib/apk/prepare.h"

struct sample_run {
    uint64_t offset;
    struct str bytes;
};

struct sample {
    struct arena *arena;
    struct sample_run runs[64]; /* the later one wins */
    size_t run_count;
    uint64_t block, directory, end;
    struct apk_source source;
};

struct sample_pair {
    uint32_t id;
    struct str value;
    size_t zeros; /* behind the value */
};

struct sample_options {
    const char *const *names; /* of entries; NULL at the end; the first one takes the space up to `block` */
    uint64_t block;           /* where the entries end; 0: at once */
    const struct sample_pair *pairs;
    size_t pair_count;
    struct str comment;
};

static inline enum status sample_read(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    const struct sample *sample = context;
    (void)error;
    assert_true(offset + length <= sample->source.size);
    memset(buffer, 0, length);
    for (size_t i = 0; i < sample->run_count; i++) {
        const struct sample_run *run = &sample->runs[i];
        uint64_t from = run->offset > offset ? run->offset : offset;
        uint64_t run_end = run->offset + run->bytes.length, to = run_end < offset + length ? run_end : offset + length;
        if (from < to) memcpy((char *)buffer + (from - offset), run->bytes.data + (from - run->offset), (size_t)(to - from));
    }
    return STATUS_OK;
}

/* Writes bytes into the sample; behind its end it grows. */
static inline void sample_put(struct sample *sample, uint64_t offset, struct str bytes)
{
    assert_true(sample->run_count < sizeof sample->runs / sizeof *sample->runs);
    sample->runs[sample->run_count++] = (struct sample_run){offset, arena_copy(sample->arena, bytes)};
    if (offset + bytes.length > sample->source.size) sample->source.size = offset + bytes.length;
}

static inline void sample_put16(struct sample *sample, uint64_t offset, uint16_t value)
{
    char bytes[2];
    bytes_put16(bytes, value);
    sample_put(sample, offset, str_make(bytes, sizeof bytes));
}

static inline void sample_put32(struct sample *sample, uint64_t offset, uint32_t value)
{
    char bytes[4];
    bytes_put32(bytes, value);
    sample_put(sample, offset, str_make(bytes, sizeof bytes));
}

static inline void sample_put64(struct sample *sample, uint64_t offset, uint64_t value)
{
    char bytes[8];
    bytes_put64(bytes, value);
    sample_put(sample, offset, str_make(bytes, sizeof bytes));
}

static inline void sample_add(struct sample *sample, struct str bytes)
{
    sample_put(sample, sample->source.size, bytes);
}

/* Local headers of stored entries; the data of the first one is a hole. */
static inline void sample_add_entries(struct sample *sample, const struct sample_options *options, uint32_t *offsets, uint32_t *first_size)
{
    size_t rest = 0;
    for (size_t i = 1; options->names[i]; i++) rest += 30 + strlen(options->names[i]);
    *first_size = options->block ? (uint32_t)(options->block - rest - 30 - strlen(options->names[0])) : 0;
    for (size_t i = 0; options->names[i]; i++) {
        char local[30] = "PK\3\4";
        uint32_t size = i == 0 ? *first_size : 0;
        bytes_put32(local + 18, size);
        bytes_put32(local + 22, size);
        bytes_put16(local + 26, (uint16_t)strlen(options->names[i]));
        offsets[i] = (uint32_t)sample->source.size;
        sample_add(sample, str_make(local, sizeof local));
        sample_add(sample, str_of(options->names[i]));
        sample->source.size += size;
    }
}

static inline void sample_add_block(struct sample *sample, const struct sample_options *options)
{
    uint64_t size = 24;
    for (size_t i = 0; i < options->pair_count; i++) size += 12 + options->pairs[i].value.length + options->pairs[i].zeros;
    sample_put64(sample, sample->source.size, size);
    for (size_t i = 0; i < options->pair_count; i++) {
        const struct sample_pair *pair = &options->pairs[i];
        sample_put64(sample, sample->source.size, 4 + pair->value.length + pair->zeros);
        sample_put32(sample, sample->source.size, pair->id);
        sample_add(sample, pair->value);
        sample->source.size += pair->zeros;
    }
    sample_put64(sample, sample->source.size, size);
    sample_add(sample, S("APK Sig Block 42"));
}

static inline void sample_add_directory(struct sample *sample, const struct sample_options *options, const uint32_t *offsets,
                                        uint32_t first_size)
{
    for (size_t i = 0; options->names[i]; i++) {
        char entry[46] = "PK\1\2";
        bytes_put32(entry + 20, i == 0 ? first_size : 0);
        bytes_put32(entry + 24, i == 0 ? first_size : 0);
        bytes_put16(entry + 28, (uint16_t)strlen(options->names[i]));
        bytes_put32(entry + 42, offsets[i]);
        sample_add(sample, str_make(entry, sizeof entry));
        sample_add(sample, str_of(options->names[i]));
    }
}

static inline void sample_add_end(struct sample *sample, uint16_t entries, struct str comment)
{
    char end[22] = "PK\5\6";
    bytes_put16(end + 8, entries);
    bytes_put16(end + 10, entries);
    bytes_put32(end + 12, (uint32_t)(sample->end - sample->directory));
    bytes_put32(end + 16, (uint32_t)sample->directory);
    bytes_put16(end + 20, (uint16_t)comment.length);
    sample_add(sample, str_make(end, sizeof end));
    sample_add(sample, comment);
}

static inline struct sample *sample_new(struct arena *arena, struct sample_options options)
{
    static const char *const one[] = {"classes.dex", NULL};
    struct sample *sample = arena_new_of(arena, struct sample);
    uint32_t offsets[16], first_size;
    uint16_t count = 0;
    if (!options.names) options.names = one;
    while (options.names[count]) count++;
    sample->arena = arena;
    sample->source = (struct apk_source){sample_read, sample, 0};
    sample_add_entries(sample, &options, offsets, &first_size);
    sample->block = sample->source.size;
    if (options.pairs) sample_add_block(sample, &options);
    sample->directory = sample->source.size;
    sample_add_directory(sample, &options, offsets, first_size);
    sample->end = sample->source.size;
    sample_add_end(sample, count, options.comment);
    return sample;
}

/* What a result of apk_prepare is, as a source of its own. */
struct sample_result {
    struct apk_prepared prepared;
    const struct apk_source *from;
    struct apk_source source;
    struct sample_run fill; /* laid over it */
};

static inline enum status sample_result_read(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    const struct sample_result *result = context;
    TRY(apk_prepared_read(&result->prepared, result->from, (struct apk_region){offset, length}, buffer, error));
    for (size_t i = 0; i < length; i++) {
        uint64_t at = offset + i;
        if (at >= result->fill.offset && at - result->fill.offset < result->fill.bytes.length)
            ((char *)buffer)[i] = result->fill.bytes.data[at - result->fill.offset];
    }
    return STATUS_OK;
}

static inline struct sample_result *sample_prepare(struct arena *arena, const struct apk_source *from, uint64_t region)
{
    struct sample_result *result = arena_new_of(arena, struct sample_result);
    struct error error = {0};
    result->from = from;
    if (apk_prepare(arena, from, region, &result->prepared, &error) != STATUS_OK) fail_msg("%s", error.text);
    result->source = (struct apk_source){sample_result_read, result, result->prepared.size};
    return result;
}

static inline struct apk sample_examine(struct arena *arena, const struct apk_source *source)
{
    struct apk apk;
    struct error error = {0};
    if (apk_examine(arena, source, &apk, &error) != STATUS_OK) fail_msg("%s", error.text);
    return apk;
}

/* A copy that ends where a page ends, before one that cannot be read. Unmapped with the arena. */
struct sample_mapping {
    char *at;
    size_t length;
};

static inline void sample_unmap(void *context)
{
    struct sample_mapping *mapping = context;
    munmap(mapping->at, mapping->length);
}

static inline struct str sample_guarded(struct arena *arena, struct str bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes.length + page - 1) / page * page;
    char *at = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + size, page, PROT_NONE), 0);
    struct sample_mapping *mapping = arena_new_of(arena, struct sample_mapping);
    *mapping = (struct sample_mapping){at, size + page};
    arena_defer(arena, sample_unmap, mapping);
    if (bytes.length > 0) memcpy(at + size - bytes.length, bytes.data, bytes.length);
    return str_make(at + size - bytes.length, bytes.length);
}

static inline int sample_setup(void **state)
{
    *state = arena_new();
    return 0;
}

static inline int sample_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* The same row of numbers in every run: 0 to below - 1. */
static inline uint64_t sample_random(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

#define SAMPLE_TEST(function) cmocka_unit_test_setup_teardown(function, sample_setup, sample_teardown)

static inline void assert_str(struct str actual, struct str expected)
{
    if (!str_equal(actual, expected)) fail_msg("'" STR_FMT "' is not '" STR_FMT "'", STR_ARG(actual), STR_ARG(expected));
}

#endif
