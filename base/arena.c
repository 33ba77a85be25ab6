#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_SIZE = 8192, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t used, capacity;
    alignas(max_align_t) char data[];
};

struct deferred {
    struct deferred *next;
    void (*function)(void *);
    void *context;
};

struct arena {
    struct block *blocks; /* the newest first; the last one came with the arena */
    struct deferred *deferred;
    size_t size;
};

static void *must_malloc(size_t size)
{
    void *memory = malloc(size);
    if (memory) return memory;
    fputs("pakhus: out of memory\n", stderr);
    abort();
}

static struct block *block_new(struct arena *arena, size_t capacity)
{
    size_t size;
    if (__builtin_add_overflow(capacity, sizeof(struct block), &size)) abort();
    struct block *block = must_malloc(size);
    *block = (struct block){.next = arena->blocks, .capacity = capacity};
    arena->blocks = block;
    arena->size += size;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = must_malloc(sizeof *arena);
    *arena = (struct arena){.size = sizeof *arena};
    block_new(arena, BLOCK_SIZE - sizeof(struct block));
    return arena;
}

static void run_deferred(struct arena *arena)
{
    while (arena->deferred) {
        struct deferred *last = arena->deferred;
        arena->deferred = last->next;
        last->function(last->context);
    }
}

static void free_blocks_above(struct arena *arena, bool keep_first)
{
    while (arena->blocks && (!keep_first || arena->blocks->next)) {
        struct block *block = arena->blocks;
        arena->blocks = block->next;
        arena->size -= sizeof(struct block) + block->capacity;
        free(block);
    }
}

void arena_free(struct arena *arena)
{
    if (!arena) return;
    run_deferred(arena);
    free_blocks_above(arena, false);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    run_deferred(arena);
    free_blocks_above(arena, true);
    arena->blocks->used = 0;
}

/* A large request gets a block of its own, put behind the current one, so that what is left there stays usable. */
static void *alloc_apart(struct arena *arena, size_t size)
{
    struct block *current = arena->blocks;
    struct block *apart = block_new(arena, size);
    apart->used = size;
    if (!current->next) return apart->data; /* the first block stays last, for arena_reset */
    arena->blocks = current;
    apart->next = current->next;
    current->next = apart;
    return apart->data;
}

void *arena_buffer(struct arena *arena, size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size, (size_t)ALIGNMENT - 1, &rounded)) abort();
    rounded &= ~((size_t)ALIGNMENT - 1);
    struct block *block = arena->blocks;
    if (rounded > block->capacity - block->used) {
        if (rounded > BLOCK_SIZE / 2) return alloc_apart(arena, rounded);
        block = block_new(arena, BLOCK_SIZE - sizeof(struct block));
    }
    void *memory = block->data + block->used;
    block->used += rounded;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = arena_buffer(arena, size);
    if (size > 0) memset(memory, 0, size);
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) abort();
    return arena_alloc(arena, total);
}

struct str arena_copy(struct arena *arena, struct str s)
{
    char *copy = arena_buffer(arena, s.length + 1);
    if (s.length > 0) memcpy(copy, s.data, s.length);
    copy[s.length] = 0;
    return (struct str){copy, s.length};
}

char *arena_cstr(struct arena *arena, struct str s)
{
    return (char *)(uintptr_t)arena_copy(arena, s).data;
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) length = 0;
    char *text = arena_buffer(arena, (size_t)length + 1);
    text[0] = 0;
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return (struct str){text, (size_t)length};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct str text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_defer(struct arena *arena, void (*function)(void *), void *context)
{
    struct deferred *entry = arena_new_of(arena, struct deferred);
    *entry = (struct deferred){arena->deferred, function, context};
    arena->deferred = entry;
}

static void close_descriptor(void *context)
{
    close((int)(intptr_t)context);
}

void arena_defer_close(struct arena *arena, int fd)
{
    arena_defer(arena, close_descriptor, (void *)(intptr_t)fd);
}

size_t arena_size(const struct arena *arena)
{
    return arena->size;
}
