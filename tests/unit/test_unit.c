/* A comparison of enums that fails names both. */
#include <sys/wait.h>

#include "tests/unit/unit.h"

static void fails(void **state)
{
    (void)state;
    assert_status(STATUS_NOT_FOUND, STATUS_OK);
}

/* In a process of its own, whose output is not this one's. */
static _Noreturn void run_inner(int out)
{
    const struct CMUnitTest inner[] = {cmocka_unit_test(fails)};
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) _exit(127);
    int failed = cmocka_run_group_tests(inner, NULL, NULL);
    fflush(stdout);
    fflush(stderr);
    _exit(failed);
}

static void names_are_printed(void **state)
{
    int ends[2], status;
    char text[4096];
    size_t length = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) run_inner(ends[1]);
    close(ends[1]);
    for (ssize_t count; length < sizeof text - 1 && (count = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)count;
    close(ends[0]);
    text[length] = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    if (!strstr(text, "STATUS_NOT_FOUND is 'not found', not 'ok'")) fail_msg("it said: %s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_printed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
