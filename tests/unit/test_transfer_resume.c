/* The state beside a download: what is saved is loaded, and nonsense is no state. */
#include "lib/transfer/resume.h"
#include "tests/unit/unit.h"

static const char *state_path(struct arena *arena, struct str content)
{
    char *path = arena_cstr(arena, S("/tmp/test-resume-XXXXXX"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.length), content.length);
    close(fd);
    return path;
}

static void what_is_saved_is_loaded(void **state)
{
    const char *path = state_path(*state, S(""));
    struct resume saved = {.size = 7, .sha256 = S("ab"), .source_count = 2}, loaded;
    struct error error;
    saved.sources[0] = (struct resume_source){S("http://a/x"), S("W/\"1\\2\"")};
    saved.sources[1] = (struct resume_source){S("http://b/x"), S("")};
    assert_ok(resume_save(*state, path, &saved, &error), &error);
    assert_true(resume_load(*state, path, &loaded));
    assert_int_equal(loaded.size, 7);
    assert_str(loaded.sha256, S("ab"));
    assert_int_equal(loaded.source_count, 2);
    assert_str(resume_find(&loaded, S("http://a/x"))->validator, S("W/\"1\\2\""));
    assert_str(resume_find(&loaded, S("http://b/x"))->validator, S(""));
    assert_null(resume_find(&loaded, S("http://c/x")));
    unlink(path);
}

static void nonsense_is_no_state(void **state)
{
    static const char *const cases[] = {"",
                                        "{",
                                        "[]",
                                        "{\"size\":-1,\"sha256\":\"\",\"sources\":[]}",
                                        "{\"size\":1,\"sources\":[]}",
                                        "{\"size\":1,\"sha256\":\"\",\"sources\":[{\"url\":\"a\"}]}"};
    struct resume resume;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = state_path(*state, str_of(cases[i]));
        assert_false(resume_load(*state, path, &resume));
        unlink(path);
    }
    assert_false(resume_load(*state, "/nonexistent/state", &resume));
}

static void saving_where_one_cannot_is_an_error(void **state)
{
    struct resume resume = {0};
    struct error error;
    assert_error(resume_save(*state, "/nonexistent/state", &resume, &error), STATUS_NOT_FOUND, &error, "/nonexistent/state.new");
}

static void a_link_is_not_written_through(void **state)
{
    const char *path = state_path(*state, S("")), *other = state_path(*state, S("mine"));
    const char *fresh = arena_printf(*state, "%s.new", path).data;
    struct resume saved = {.size = 7, .sha256 = S("ab")}, loaded;
    struct error error;
    char text[8];
    assert_int_equal(symlink(other, fresh), 0);
    assert_ok(resume_save(*state, path, &saved, &error), &error);
    assert_true(resume_load(*state, path, &loaded));
    FILE *file = fopen(other, "r");
    assert_int_equal(fread(text, 1, sizeof text, file), 4);
    fclose(file);
    unlink(path);
    unlink(other);
}

static void signatures_are_no_part_of_the_name(void **state)
{
    (void)state;
    assert_str(resume_name(S("https://a/b?X-Amz-Signature=1")), S("https://a/b"));
    assert_str(resume_name(S("https://a/b")), S("https://a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_is_saved_is_loaded),
        test_with_arena(nonsense_is_no_state),
        test_with_arena(saving_where_one_cannot_is_an_error),
        test_with_arena(a_link_is_not_written_through),
        test_with_arena(signatures_are_no_part_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
