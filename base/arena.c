#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Under AddressSanitizer all that is not handed out is poisoned, a gap behind each piece included: an arena hides no overrun, and no use
 * after a reset. */
#ifdef __SANITIZE_ADDRESS__
#define ARENA_POISONS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
enum { GAP = 0 };
#endif

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
    struct block *blocks; /* the current one first; the last one came with the arena, and stays through a reset */
    struct block *large;  /* one piece each, so that what is left in the current block stays usable */
    struct deferred *deferred;
    size_t size;
    void (*no_memory)(void *); /* NULL: end the process */
    void *no_memory_context;
};

static _Noreturn void out_of_memory(void)
{
    fputs("pakhus: out of memory\n", stderr);
    abort();
}

static void *must_malloc(const struct arena *arena, size_t size)
{
    void *memory = malloc(size);
    if (memory) return memory;
    if (arena->no_memory) arena->no_memory(arena->no_memory_context);
    out_of_memory();
}

static _Noreturn void too_large(void)
{
    fputs("pakhus: an allocation's size overflows\n", stderr);
    abort();
}

static void add_block(struct arena *arena, struct block **list, struct block *block, size_t capacity)
{
    *block = (struct block){.next = *list, .capacity = capacity};
    ASAN_POISON_MEMORY_REGION(block->data, capacity);
    *list = block;
    arena->size += sizeof(struct block) + capacity;
}

static void push_block(struct arena *arena, struct block **list, size_t capacity)
{
    size_t size;
    if (__builtin_add_overflow(capacity, sizeof(struct block), &size)) too_large();
    add_block(arena, list, must_malloc(arena, size), capacity);
}

static void pop_block(struct arena *arena, struct block **list)
{
    struct block *block = *list;
    *list = block->next;
    arena->size -= sizeof(struct block) + block->capacity;
    free(block);
}

struct arena *arena_new(void)
{
    struct arena *arena = arena_new_with_exit(NULL, NULL);
    if (!arena) out_of_memory();
    return arena;
}

struct arena *arena_new_with_exit(void (*no_memory)(void *), void *context)
{
    struct arena *arena = malloc(sizeof *arena);
    struct block *block = malloc(BLOCK_SIZE);
    if (!arena || !block) return free(arena), free(block), NULL;
    *arena = (struct arena){.size = sizeof *arena, .no_memory = no_memory, .no_memory_context = context};
    add_block(arena, &arena->blocks, block, BLOCK_SIZE - sizeof(struct block));
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

void arena_reset(struct arena *arena)
{
    run_deferred(arena);
    while (arena->large) pop_block(arena, &arena->large);
    while (arena->blocks->next) pop_block(arena, &arena->blocks);
    arena->blocks->used = 0;
    ASAN_POISON_MEMORY_REGION(arena->blocks->data, arena->blocks->capacity);
}

void arena_free(struct arena *arena)
{
    if (!arena) return;
    arena_reset(arena);
    pop_block(arena, &arena->blocks);
    free(arena);
}

static struct block *block_with(struct arena *arena, size_t size)
{
    if (size <= arena->blocks->capacity - arena->blocks->used) return arena->blocks;
    bool is_large = size > BLOCK_SIZE / 2;
    struct block **list = is_large ? &arena->large : &arena->blocks;
    push_block(arena, list, is_large ? size : BLOCK_SIZE - sizeof(struct block));
    return *list;
}

void *arena_buffer(struct arena *arena, size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size, (size_t)(ALIGNMENT - 1 + GAP), &rounded)) too_large();
    rounded &= ~((size_t)ALIGNMENT - 1);
    struct block *block = block_with(arena, rounded);
    void *memory = block->data + block->used;
    block->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
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
    if (__builtin_mul_overflow(count, size, &total)) too_large();
    return arena_alloc(arena, total);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    size_t wanted = *capacity ? *capacity : 32;
    if (__builtin_add_overflow(wanted, *capacity, &wanted)) too_large();
    void *larger = arena_array(arena, wanted, size);
    if (count > 0) memcpy(larger, items, count * size);
    *capacity = wanted;
    return larger;
}

struct str arena_copy(struct arena *arena, struct str s)
{
    char *copy = arena_buffer(arena, s.length + 1);
    if (s.length > 0) memcpy(copy, s.data, s.length);
    copy[s.length] = 0;
    return (struct str){copy, s.length};
}

struct str arena_join_parts(struct arena *arena, const struct str *parts, size_t count)
{
    size_t length = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(length, parts[i].length, &length)) too_large();
    char *text = arena_buffer(arena, length + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0) memcpy(text + used, parts[i].data, parts[i].length);
        used += parts[i].length;
    }
    text[length] = 0;
    return (struct str){text, length};
}

char *arena_cstr(struct arena *arena, struct str s)
{
    return (char *)(uintptr_t)arena_copy(arena, s).data;
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    char brief[256]; /* nearly all that is printed is formatted only once */
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(brief, sizeof brief, format, arguments);
    if (length < 0) length = 0, brief[0] = 0;
    size_t size = (size_t)length + 1;
    char *text = arena_buffer(arena, size);
    if (size <= sizeof brief)
        memcpy(text, brief, size);
    else
        vsnprintf(text, size, format, again);
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
