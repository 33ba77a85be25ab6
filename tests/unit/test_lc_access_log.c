/* The access log's lines on their way to stderr: a pipe that keeps each write apart. */
#include "runtime/lc_access_log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

struct capture {
    int stderr_before, pipe[2];
};

static void begin(struct capture *capture)
{
    fflush(stderr);
    capture->stderr_before = dup(STDERR_FILENO);
    assert_int_equal(pipe2(capture->pipe, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(dup2(capture->pipe[1], STDERR_FILENO), STDERR_FILENO);
}

static void end(struct capture *capture)
{
    dup2(capture->stderr_before, STDERR_FILENO);
    close(capture->stderr_before);
    close(capture->pipe[0]);
    close(capture->pipe[1]);
}

/* The next write; empty: there was none. */
static struct str next_write(const struct capture *capture, char text[2 * PIPE_BUF])
{
    ssize_t length = read(capture->pipe[0], text, 2 * PIPE_BUF);
    return str_make(text, length < 0 ? 0 : (size_t)length);
}

static void log_path(struct str path)
{
    lc_access_log(&(struct lc_access){.method = S("GET"), .path = path, .status = 302});
}

static size_t lines_in(struct str text)
{
    size_t count = 0;
    while (text.length > 0) {
        struct str line = str_cut(&text, '\n');
        assert_true(str_find_str(line, S(" info ")) == 24 && str_ends(line, S(" bytes=0 ms=0.000")));
        count++;
    }
    return count;
}

static void a_line_goes_out_at_once(void **state)
{
    struct capture capture;
    char text[2 * PIPE_BUF];
    (void)state;
    begin(&capture);
    log_path(S("/a b\x7f\xc3\xa9"));
    struct str written = next_write(&capture, text);
    end(&capture);
    assert_true(str_find_str(written, S(" method=GET path=/a?b??? status=302 bytes=0 ms=0.000\n")) < written.length);
}

static void lines_of_a_batch_go_out_together(void **state)
{
    enum { LINES = 60 };
    struct capture capture;
    char text[2 * PIPE_BUF], path[1024];
    size_t lines = 0, writes = 0;
    (void)state;
    memset(path, 'x', sizeof path);
    begin(&capture);
    lc_access_log_batch();
    log_path(S("/one"));
    log_path(S("/two"));
    bool waited = next_write(&capture, text).length == 0;
    lc_access_log_flush();
    struct str both = next_write(&capture, text);
    size_t first = lines_in(both);
    lc_access_log_flush();
    bool nothing_twice = next_write(&capture, text).length == 0;
    for (size_t i = 0; i < LINES; i++) log_path(str_make(path, i * 10));
    lc_access_log_flush();
    for (struct str one; (one = next_write(&capture, text)).length > 0; writes++) {
        assert_true(one.length <= PIPE_BUF && str_ends(one, S("\n")));
        lines += lines_in(one);
    }
    end(&capture);
    assert_true(waited && nothing_twice);
    assert_int_equal(first, 2);
    assert_int_equal(lines, LINES);
    assert_in_range(writes, 2, LINES / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_out_at_once),
        cmocka_unit_test(lines_of_a_batch_go_out_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
