/* Documents that an operator publishes, on a directory. */
#include "lib/store/document.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

static char directory[] = "/tmp/document-XXXXXX";
static struct store *store;
static struct arena *arena;
static struct error failure;

static struct io io(void)
{
    return (struct io){.arena = arena, .deadline = deadline_in(20 * CLOCK_SECOND)};
}

static int set_up(void **state)
{
    char url[64];
    (void)state;
    if (!mkdtemp(directory)) return -1;
    snprintf(url, sizeof url, "file://%s", directory);
    arena = arena_new();
    return store_open(url, &store, &failure) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    arena_free(arena);
    scratch_remove(directory);
    return 0;
}

static void what_is_published_is_loaded(void **state)
{
    struct document document;
    (void)state;
    assert_ok(document_load((struct documents){store, io(), "things"}, S("a"), 0, &document, &failure), &failure);
    assert_int_equal(document.generation, 0);
    assert_ok(document_publish((struct documents){store, io(), "things"}, S("a"), S(" {1}\r\n\n"), &document, &failure), &failure);
    assert_int_equal(document.generation, 1);
    assert_ok(document_publish((struct documents){store, io(), "things"}, S("a"), S("{1}"), &document, &failure), &failure);
    assert_int_equal(document.generation, 1);
    assert_ok(document_publish((struct documents){store, io(), "things"}, S("a"), S("{2}"), &document, &failure), &failure);
    assert_ok(document_load((struct documents){store, io(), "things"}, S("a"), 1, &document, &failure), &failure);
    assert_int_equal(document.generation, 2);
    assert_str(document.text, S("{2}\n"));
    assert_error(document_load((struct documents){store, io(), "things"}, S("a"), 2, &document, &failure), STATUS_NOT_MODIFIED, &failure,
                 "");
}

static void ids_are_listed_once(void **state)
{
    struct document document;
    struct str *ids;
    size_t count;
    (void)state;
    const struct str published[] = {S("b"), S("a"), S("a.b"), S("b")};
    for (size_t i = 0; i < 4; i++) {
        struct str text = arena_printf(arena, "%zu", i);
        assert_ok(document_publish((struct documents){store, io(), "lists"}, published[i], text, &document, &failure), &failure);
    }
    assert_ok(document_list((struct documents){store, io(), "lists"}, &ids, &count, &failure), &failure);
    assert_int_equal(count, 3);
    assert_str(ids[0], S("a.b"));
    assert_str(ids[1], S("a"));
    assert_str(ids[2], S("b"));
    assert_ok(document_list((struct documents){store, io(), "none"}, &ids, &count, &failure), &failure);
    assert_int_equal(count, 0);
}

static void what_went_bad_is_named(void **state)
{
    struct document document;
    (void)state;
    assert_ok(document_publish((struct documents){store, io(), "bad"}, S("a"), S("x"), &document, &failure), &failure);
    error_set(&failure, STATUS_INVALID, "thing: not JSON");
    assert_status(document_refuse(&document, &failure), STATUS_CORRUPT);
    assert_string_equal(failure.text, "bad/a/9999999999999999: thing: not JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_loaded),
        cmocka_unit_test(ids_are_listed_once),
        cmocka_unit_test(what_went_bad_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
