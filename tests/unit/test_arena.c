#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/wait.h>

static void gives_zeroed_aligned_memory(void **state)
{
    struct arena *arena = *state;
    for (int round = 0; round < 2; round++) { /* also what was used before */
        for (size_t size = 1; size < 9000; size += 37) {
            unsigned char *memory = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
            memset(memory, 0xaa, size);
        }
        arena_reset(arena);
    }
}

static void gives_pieces_that_do_not_overlap(void **state)
{
    enum { COUNT = 400 };
    static const size_t sizes[] = {1, 15, 16, 17, 100, 4000, 4096, 4097, 8000, 8160, 8161, 50000};
    struct arena *arena = *state;
    unsigned char *pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = sizes[i * 7 % (sizeof sizes / sizeof *sizes)];
        pieces[i] = arena_buffer(arena, size);
        memset(pieces[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = sizes[i * 7 % (sizeof sizes / sizeof *sizes)];
        for (size_t k = 0; k < size; k++) assert_int_equal(pieces[i][k], i & 0xff);
    }
}

static void grows_arrays(void **state)
{
    struct arena *arena = *state;
    size_t capacity = 0, moved = 0;
    int *items = NULL;
    for (int i = 0; i < 5000; i++) {
        int *before = items;
        items = arena_grow(arena, items, (size_t)i, &capacity, sizeof *items);
        moved += items != before;
        assert_true((size_t)i < capacity);
        items[i] = i;
    }
    for (int i = 0; i < 5000; i++) assert_int_equal(items[i], i);
    assert_in_range(moved, 1, 16);
}

static void allows_nothing(void **state)
{
    struct arena *arena = *state;
    assert_non_null(arena_alloc(arena, 0));
    assert_non_null(arena_buffer(arena, 0));
    assert_non_null(arena_array(arena, 0, 8));
    assert_non_null(arena_array(arena, 8, 0));
    arena_free(NULL);
}

/* The process says one line and ends; it must not go on with too little memory. */
static void assert_aborts(void (*function)(struct arena *), const char *words)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        function(arena_new());
        _exit(0);
    }
    close(ends[1]);
    char text[512] = {0};
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, words));
}

static void overflowing_array(struct arena *arena)
{
    arena_array(arena, SIZE_MAX / 2, 3);
}

static void overflowing_piece(struct arena *arena)
{
    arena_buffer(arena, SIZE_MAX - 3);
}

static void overflowing_block(struct arena *arena)
{
    arena_buffer(arena, SIZE_MAX - 40);
}

static void ends_the_process_where_a_size_overflows(void **state)
{
    (void)state;
    assert_aborts(overflowing_array, "overflows");
    assert_aborts(overflowing_piece, "overflows");
    assert_aborts(overflowing_block, "overflows");
}

static void copies(void **state)
{
    struct arena *arena = *state;
    char text[] = "abc";
    struct str copy = arena_copy(arena, str_make(text, 3));
    text[0] = 'x';
    assert_str(copy, S("abc"));
    assert_int_equal(copy.data[3], 0); /* a NUL behind it, not counted */
    struct str nothing = arena_copy(arena, (struct str){NULL, 0});
    assert_true(nothing.data != NULL && nothing.length == 0 && nothing.data[0] == 0);
    assert_str(arena_copy(arena, S("a\0b")), S("a\0b"));
    assert_string_equal(arena_cstr(arena, S("a\0b")), "a"); /* a NUL inside ends it early */
    assert_string_equal(arena_cstr(arena, (struct str){NULL, 0}), "");
    assert_str(arena_copy(arena, unit_guarded(arena, S("edge"))), S("edge"));
}

static void prints(void **state)
{
    struct arena *arena = *state;
    assert_str(arena_printf(arena, "%d %s", 1, "a"), S("1 a"));
    assert_str(arena_printf(arena, "%s", ""), S(""));
    for (int width = 250; width < 260; width++) { /* around the size that is printed at once */
        struct str text = arena_printf(arena, "%*d", width, 7);
        assert_int_equal(text.length, width);
        assert_int_equal(text.data[width - 1], '7');
        assert_int_equal(text.data[width], 0);
    }
    struct str text = arena_printf(arena, "%20000s|", "x");
    assert_int_equal(text.length, 20001);
    text = arena_printf(arena, STR_FMT STR_FMT, STR_ARG(text), STR_ARG(text)); /* of itself */
    assert_int_equal(text.length, 40002);
    assert_str(str_from(text, 40000), S("x|"));
}

static int order[8], orders;

static void note(void *context)
{
    order[orders++] = (int)(intptr_t)context;
}

static void runs_the_deferred_last_first(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct arena *arena = arena_new();
        orders = 0;
        for (intptr_t i = 1; i <= 3; i++) arena_defer(arena, note, (void *)i);
        if (reset) arena_reset(arena);
        if (reset) assert_int_equal(orders, 3);
        arena_free(arena);
        assert_int_equal(orders, 3); /* once */
        assert_true(order[0] == 3 && order[1] == 2 && order[2] == 1);
    }
}

static void defer_again(void *context)
{
    arena_alloc(context, 5000);
    arena_defer(context, note, (void *)7);
}

static void lets_the_deferred_use_the_arena(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    orders = 0;
    arena_defer(arena, defer_again, arena);
    arena_free(arena);
    assert_true(orders == 1 && order[0] == 7);
}

static void closes_descriptors(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    arena_defer_close(arena, fd);
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    arena_reset(arena);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    arena_free(arena);
}

static void keeps_its_first_block_through_a_reset(void **state)
{
    struct arena *arena = *state;
    size_t least = arena_size(arena);
    void *first = arena_buffer(arena, 64);
    for (int i = 0; i < 50; i++) arena_buffer(arena, i % 2 ? 3000 : 30000);
    assert_true(arena_size(arena) > least + 25 * 30000);
    arena_reset(arena);
    assert_int_equal(arena_size(arena), least);
    assert_ptr_equal(arena_buffer(arena, 64), first);
}

static void takes_no_new_block_while_there_is_room(void **state)
{
    struct arena *arena = *state;
    arena_buffer(arena, 100);
    arena_buffer(arena, 100000); /* a large piece leaves the rest of the block usable */
    size_t size = arena_size(arena);
    for (int i = 0; i < 50; i++) arena_buffer(arena, 64);
    assert_int_equal(arena_size(arena), size);
}

static void joins(void **state)
{
    assert_str(arena_join(*state, S("a/"), S(""), ((struct str){NULL, 0}), S("b"), S("/c")), S("a/b/c"));
    assert_str(arena_join(*state, S("")), S(""));
    assert_int_equal(arena_join(*state, S("x"), S("y")).data[2], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(joins),
        test_with_arena(gives_zeroed_aligned_memory),
        test_with_arena(gives_pieces_that_do_not_overlap),
        test_with_arena(grows_arrays),
        test_with_arena(allows_nothing),
        cmocka_unit_test(ends_the_process_where_a_size_overflows),
        test_with_arena(copies),
        test_with_arena(prints),
        cmocka_unit_test(runs_the_deferred_last_first),
        cmocka_unit_test(lets_the_deferred_use_the_arena),
        cmocka_unit_test(closes_descriptors),
        test_with_arena(keeps_its_first_block_through_a_reset),
        test_with_arena(takes_no_new_block_while_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
