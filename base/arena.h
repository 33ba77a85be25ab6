/* An arena: memory and other resources that end together. One per call, per command, per cached object.
 *
 * Clean-up idiom of the whole project: whatever is acquired is registered with an arena at once
 * (arena_defer for what is not memory), so that every step may return early.
 * Memory never runs out inside the program: a failed malloc ends the process with one line on stderr, except in an arena that has another
 * way out (arena_new_with_exit). What comes from outside is bounded where it is read, never by letting an allocation fail.
 * An arena is used by one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena *arena_new(void);
/* For a library in another's process. When malloc fails, `no_memory(context)` is called instead of ending the process; it must not return
 * (longjmp). The arena may be freed then. NULL where not even the arena fits. */
struct arena *arena_new_with_exit(void (*no_memory)(void *context), void *context);
/* Runs the deferred functions, last first, and frees all. NULL is allowed. */
void arena_free(struct arena *);
/* As arena_free, but keeps the first block for the next call. */
void arena_reset(struct arena *);

/* Zeroed memory, aligned for any type. `size` 0 is allowed. */
void *arena_alloc(struct arena *, size_t size);
#define arena_new_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
/* `count` × `size`, checked for overflow. */
void *arena_array(struct arena *, size_t count, size_t size);
/* Room for one more behind `count` items: the same array or, where it is full, one twice as large with the items copied. */
void *arena_grow(struct arena *, void *items, size_t count, size_t *capacity, size_t size);
/* Like arena_alloc, but not zeroed: for buffers that are filled at once. */
void *arena_buffer(struct arena *, size_t size);

struct str arena_copy(struct arena *, struct str); /* the copy has a NUL behind it, not counted */
char *arena_cstr(struct arena *, struct str);      /* NUL-terminated; a NUL inside ends it early */
struct str arena_printf(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *, const char *format, va_list) __attribute__((format(printf, 2, 0)));

/* The parts behind one another: arena_join(arena, S("a/"), b, S("/c")). What is made for every request is joined, not printed: it costs a
 * fifth. */
#define arena_join(arena, ...)                                                                                                             \
    arena_join_parts((arena), (const struct str[]){__VA_ARGS__}, sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
struct str arena_join_parts(struct arena *, const struct str *parts, size_t count);

/* Calls `function(context)` when the arena is freed or reset. */
void arena_defer(struct arena *, void (*function)(void *context), void *context);
/* Closes the descriptor when the arena is freed or reset. */
void arena_defer_close(struct arena *, int fd);

/* Bytes taken from the system so far: what a cache charges for an object. */
size_t arena_size(const struct arena *);

#endif
