/* What unit tests share: cmocka, comparisons of counted strings, and input that stands at the end of a page. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

static inline void unit_assert_str(struct str got, struct str wanted, const char *file, int line)
{
    if ((got.data || got.length == 0) && str_equal(got, wanted)) return;
    print_error("got  '" STR_FMT "' (%zu)\nnot  '" STR_FMT "' (%zu)\n", STR_ARG(got), got.length, STR_ARG(wanted), wanted.length);
    _fail(file, line);
}
#define assert_str(got, wanted) unit_assert_str((got), (wanted), __FILE__, __LINE__)

/* The error's text has `words` in it. */
static inline void unit_assert_says(const struct error *error, const char *words, const char *file, int line)
{
    if (strstr(error->text, words)) return;
    print_error("'%s' does not say '%s'\n", error->text, words);
    _fail(file, line);
}
#define assert_says(error, words) unit_assert_says((error), (words), __FILE__, __LINE__)

/* Of two values of an enum, by their names: `name` is its function, such as decision_name. */
#define assert_enum(got, wanted, name)                                                                                                     \
    do {                                                                                                                                   \
        __auto_type unit_got_ = (got);                                                                                                     \
        __typeof__(unit_got_) unit_wanted_ = (wanted);                                                                                     \
        if (unit_got_ != unit_wanted_) fail_msg("%s is '%s', not '%s'", #got, name(unit_got_), name(unit_wanted_));                        \
    } while (0)
#define assert_status(got, wanted) assert_enum(got, wanted, status_name)

#define assert_ok(expression, error)                                                                                                       \
    do {                                                                                                                                   \
        enum status unit_status_ = (expression);                                                                                           \
        if (unit_status_ != STATUS_OK) fail_msg("%s: %s", status_name(unit_status_), (error)->text);                                       \
    } while (0)

/* Fails in just this way, and says `words`. */
#define assert_error(expression, wanted, error, words)                                                                                     \
    do {                                                                                                                                   \
        enum status unit_status_ = (expression);                                                                                           \
        if (unit_status_ != (wanted)) fail_msg("%s, not %s", status_name(unit_status_), status_name(wanted));                              \
        assert_says((error), (words));                                                                                                     \
    } while (0)

#define assert_near(got, wanted, most)                                                                                                     \
    do {                                                                                                                                   \
        double got_ = (got), wanted_ = (wanted);                                                                                           \
        if (!(fabs(got_ - wanted_) <= (most))) fail_msg("%.17g is not %.17g", got_, wanted_);                                              \
    } while (0)

/* An arena that ends with the test; for cmocka_unit_test_setup_teardown. */
static inline int unit_arena(void **state)
{
    *state = arena_new();
    return 0;
}
static inline int unit_arena_free(void **state)
{
    arena_free(*state);
    return 0;
}
#define test_with_arena(function) cmocka_unit_test_setup_teardown(function, unit_arena, unit_arena_free)

static inline void unit_unmap(void *page)
{
    munmap(page, 2 * (size_t)sysconf(_SC_PAGESIZE));
}

/* A copy whose last byte is the last of its page, with a page behind it that must not be touched. */
static inline struct str unit_guarded(struct arena *arena, struct str s)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(s.length <= page);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    arena_defer(arena, unit_unmap, pages);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    char *at = pages + page - s.length;
    if (s.length > 0) memcpy(at, s.data, s.length);
    return str_make(at, s.length);
}

#endif
