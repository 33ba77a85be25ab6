/* What unit tests share: cmocka, an arena per test, and strings that show themselves when they differ. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"

/* Setup and teardown: *state is an arena. */
static inline int unit_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static inline int unit_arena_end(void **state)
{
    arena_free(*state);
    return 0;
}

#define UNIT_TEST(function) cmocka_unit_test_setup_teardown(function, unit_arena, unit_arena_end)

#define assert_str(actual, expected)                                                                                                       \
    do {                                                                                                                                   \
        struct str actual_ = (actual), expected_ = (expected);                                                                             \
        if (!str_equal(actual_, expected_)) fail_msg("\"" STR_FMT "\" is not \"" STR_FMT "\"", STR_ARG(actual_), STR_ARG(expected_));      \
    } while (0)

#define assert_ok(expression, error)                                                                                                       \
    do {                                                                                                                                   \
        enum status status_ = (expression);                                                                                                \
        if (status_ != STATUS_OK) fail_msg("%s: %s", status_name(status_), (error)->text);                                                 \
    } while (0)

/* Fails in just this way, and the message says `part`. */
#define assert_error(expression, wanted, error, part)                                                                                      \
    do {                                                                                                                                   \
        enum status status_ = (expression);                                                                                                \
        if (status_ != (wanted)) fail_msg("%s, not %s", status_name(status_), status_name(wanted));                                        \
        if (!strstr((error)->text, (part))) fail_msg("\"%s\" does not say \"%s\"", (error)->text, (part));                                 \
    } while (0)

#endif
