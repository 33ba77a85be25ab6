#include "tests/unit/unit.h"

#include <errno.h>

static void keeps_words_and_status(void **state)
{
    (void)state;
    struct error error;
    assert_status(error_set(&error, STATUS_CORRUPT, "%d of %s", 3, "x"), STATUS_CORRUPT);
    assert_status(error.status, STATUS_CORRUPT);
    assert_string_equal(error.text, "3 of x");
    assert_status(error_context(&error, "reading '%s'", "a"), STATUS_CORRUPT);
    assert_string_equal(error.text, "reading 'a': 3 of x");
    assert_status(error.status, STATUS_CORRUPT);
}

static void makes_control_bytes_visible(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, STATUS_INVALID, "a\r\nb\x1b[31m\x7f\tc");
    assert_string_equal(error.text, "a??b?[31m??c");
    error_context(&error, "\n");
    assert_string_equal(error.text, "?: a??b?[31m??c");
    error_set(&error, STATUS_INVALID, "\xe4\xbd\xa0");
    assert_string_equal(error.text, "\xe4\xbd\xa0");
}

static void cuts_what_is_too_long(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, STATUS_INVALID, "%0600d", 7);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    error_context(&error, "before");
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(strncmp(error.text, "before: 000", 11), 0);
    for (int length = 470; length < 490; length++) {
        error_set(&error, STATUS_INVALID, "end");
        error_context(&error, "%0*d", length, 0);
        assert_true(strlen(error.text) <= sizeof error.text - 1);
        assert_int_equal(error.text[469], '0');
    }
}

static void may_be_made_from_its_own_text(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, STATUS_UNAVAILABLE, "no answer");
    error_set(&error, STATUS_CORRUPT, "gave up: %s", error.text);
    assert_string_equal(error.text, "gave up: no answer");
    error_context(&error, "%s", error.text);
    assert_string_equal(error.text, "gave up: no answer: gave up: no answer");
}

static void knows_what_the_system_says(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum status status;
    } known[] = {{ENOENT, STATUS_NOT_FOUND},   {ENOTDIR, STATUS_NOT_FOUND}, {EEXIST, STATUS_PRECONDITION}, {EACCES, STATUS_DENIED},
                 {EPERM, STATUS_DENIED},       {EROFS, STATUS_DENIED},      {ETIMEDOUT, STATUS_TIMEOUT},   {ENAMETOOLONG, STATUS_INVALID},
                 {EINVAL, STATUS_INVALID},     {EISDIR, STATUS_INVALID},    {EFBIG, STATUS_TOO_LARGE},     {EIO, STATUS_UNAVAILABLE},
                 {ENOSPC, STATUS_UNAVAILABLE}, {99999, STATUS_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct error error;
        assert_int_equal(error_errno(&error, known[i].number, "%s", "x"), known[i].status);
        assert_int_equal(error.status, known[i].status);
        assert_int_equal(strncmp(error.text, "x: ", 3), 0);
    }
    struct error error;
    error_errno(&error, ENOENT, "opening '%s'", "a");
    assert_string_equal(error.text, "opening 'a': No such file or directory");
}

static void has_a_name_for_each_status(void **state)
{
    (void)state;
    for (int i = STATUS_OK; i <= STATUS_INTERNAL; i++) {
        assert_non_null(status_name((enum status)i));
        for (int k = STATUS_OK; k < i; k++) assert_string_not_equal(status_name((enum status)i), status_name((enum status)k));
    }
    assert_string_equal(status_name(STATUS_NOT_FOUND), "not found");
}

static int steps;

static enum status step(enum status status)
{
    steps++;
    return status;
}

static enum status guarded(struct error *error, enum status first, int value)
{
    TRY(step(first));
    ENSURE(value == 7, error, STATUS_INVALID, "%d is not 7", value);
    TRY(step(STATUS_OK));
    return STATUS_OK;
}

static void leaves_at_the_first_failing_step(void **state)
{
    (void)state;
    struct error error = {0};
    steps = 0;
    assert_status(guarded(&error, STATUS_TIMEOUT, 7), STATUS_TIMEOUT);
    assert_int_equal(steps, 1);
    assert_status(guarded(&error, STATUS_OK, 8), STATUS_INVALID);
    assert_string_equal(error.text, "8 is not 7");
    assert_int_equal(steps, 2);
    error = (struct error){0};
    assert_status(guarded(&error, STATUS_OK, 7), STATUS_OK);
    assert_int_equal(steps, 4);
    assert_string_equal(error.text, ""); /* filled on failure only */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_words_and_status),
        cmocka_unit_test(makes_control_bytes_visible),
        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(may_be_made_from_its_own_text),
        cmocka_unit_test(knows_what_the_system_says),
        cmocka_unit_test(has_a_name_for_each_status),
        cmocka_unit_test(leaves_at_the_first_failing_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
