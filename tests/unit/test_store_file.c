/* What is a directory's own: links, files of others, what crashed writers left, and processes side by side. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/store/store.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

struct fixture {
    struct arena *arena;
    char outer[32]; /* holds the store's directory, and what it must not touch */
    struct store *store;
    struct error error;
    struct store_object object;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    snprintf(f->outer, sizeof f->outer, "/tmp/store-file-XXXXXX");
    if (!mkdtemp(f->outer)) return -1;
    *state = f;
    return store_open(arena_printf(f->arena, "file://%s/root", f->outer).data, &f->store, &f->error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    scratch_remove(f->outer);
    arena_free(f->arena);
    free(f);
    return 0;
}

static struct io io(struct fixture *f)
{
    return (struct io){.arena = f->arena, .deadline = deadline_in(10000)};
}

static const char *path(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->outer, name).data;
}

static void write_file(struct fixture *f, const char *name, const char *content)
{
    int fd = open(path(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static void put(struct fixture *f, const char *key, const char *body)
{
    assert_ok(store_put(f->store, io(f), str_of(key), str_of(body), NULL, &f->object, &f->error), &f->error);
}

static enum status get(struct fixture *f, const char *key)
{
    return store_get(f->store, io(f), str_of(key), NULL, &f->object, &f->error);
}

static bool add_key(void *context, const struct store_object *object)
{
    struct fixture *f = context;
    f->object.body = arena_printf(f->arena, STR_FMT STR_FMT " ", STR_ARG(f->object.body), STR_ARG(object->key));
    return true;
}

static struct str list(struct fixture *f)
{
    f->object.body = S("");
    assert_ok(store_list(f->store, io(f), S(""), 0, add_key, f, &f->error), &f->error);
    return f->object.body;
}

static size_t count_new(struct fixture *f)
{
    DIR *directory = opendir(path(f, "root/~new"));
    size_t count = 0;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) count += entry->d_name[0] != '.';
    if (directory) closedir(directory);
    return count;
}

static void objects_are_plain_files(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    put(f, "a/b", "hello");
    assert_int_equal(stat(path(f, "root/a/b"), &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_nlink, 1);
    write_file(f, "root/a/c", "by hand");
    assert_ok(get(f, "a/c"), &f->error);
    assert_str(f->object.body, S("by hand"));
    assert_str(list(f), S("a/b a/c "));
    assert_int_equal(count_new(f), 0);
}

static void a_directory_that_is_not_there_is_empty(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_error(get(f, "a"), STATUS_NOT_FOUND, &f->error, "root/a");
    assert_str(list(f), S(""));
    assert_ok(store_remove(f->store, io(f), S("a/b"), &f->error), &f->error);
    assert_int_not_equal(stat(path(f, "root"), &st), 0);
    put(f, "a", "x");
    assert_int_equal(stat(path(f, "root"), &st), 0);
}

static void a_root_that_is_a_file_is_refused(void **state)
{
    struct fixture *f = *state;
    write_file(f, "root", "x");
    assert_int_not_equal(store_put(f->store, io(f), S("a"), S("x"), NULL, NULL, &f->error), STATUS_OK);
    assert_says(&f->error, "root");
}

static void links_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    put(f, "inside", "x");
    assert_int_equal(mkdir(path(f, "outside"), 0777), 0);
    write_file(f, "outside/secret", "secret");
    assert_int_equal(symlink(path(f, "outside"), path(f, "root/dir")), 0);
    assert_int_equal(symlink(path(f, "outside/secret"), path(f, "root/file")), 0);
    assert_error(get(f, "dir/secret"), STATUS_NOT_FOUND, &f->error, "dir/secret");
    assert_error(get(f, "file"), STATUS_NOT_FOUND, &f->error, "symbolic link");
    assert_error(store_put(f->store, io(f), S("dir/new"), S("x"), NULL, NULL, &f->error), STATUS_INVALID, &f->error, "dir/new");
    assert_int_not_equal(stat(path(f, "outside/new"), &st), 0);
    assert_ok(store_remove(f->store, io(f), S("dir/secret"), &f->error), &f->error);
    assert_int_equal(stat(path(f, "outside/secret"), &st), 0);
    assert_str(list(f), S("inside "));
    put(f, "file", "replaced"); /* the link, not what it points to */
    assert_int_equal(stat(path(f, "outside/secret"), &st), 0);
    assert_int_equal(st.st_size, 6);
}

static void other_files_are_passed_over(void **state)
{
    struct fixture *f = *state;
    put(f, "a/key", "x");
    write_file(f, "root/a/not a key", "x");
    write_file(f, "root/a/~tmp", "x");
    assert_int_equal(mkdir(path(f, "root/a/~dir"), 0777), 0);
    write_file(f, "root/a/~dir/x", "x");
    assert_int_equal(mkfifo(path(f, "root/a/fifo"), 0666), 0);
    assert_str(list(f), S("a/key "));
    assert_error(get(f, "a/fifo"), STATUS_NOT_FOUND, &f->error, "not a file");
    assert_error(get(f, "a"), STATUS_NOT_FOUND, &f->error, "not a file");
}

static void a_key_cannot_be_file_and_directory(void **state)
{
    struct fixture *f = *state;
    const struct store_put if_absent = {.condition = STORE_IF_ABSENT};
    put(f, "a/b", "x");
    assert_error(store_put(f->store, io(f), S("a"), S("x"), NULL, NULL, &f->error), STATUS_INVALID, &f->error, "start of another key");
    assert_error(store_put(f->store, io(f), S("a"), S("x"), &if_absent, NULL, &f->error), STATUS_INVALID, &f->error,
                 "start of another key");
    assert_error(store_put(f->store, io(f), S("a/b/c"), S("x"), NULL, NULL, &f->error), STATUS_INVALID, &f->error, "start of another key");
    assert_int_equal(count_new(f), 0);
}

static void names_too_long_are_refused(void **state)
{
    struct fixture *f = *state;
    char name[300];
    memset(name, 'n', sizeof name);
    assert_error(store_put(f->store, io(f), str_make(name, sizeof name), S("x"), NULL, NULL, &f->error), STATUS_INVALID, &f->error,
                 "too long");
    assert_int_equal(count_new(f), 0);
}

static void empty_directories_go_with_their_last_object(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    put(f, "a/b/c/d", "x");
    put(f, "a/e", "x");
    assert_ok(store_remove(f->store, io(f), S("a/b/c/d"), &f->error), &f->error);
    assert_int_not_equal(stat(path(f, "root/a/b"), &st), 0);
    assert_int_equal(stat(path(f, "root/a"), &st), 0);
    assert_ok(store_remove(f->store, io(f), S("a/e"), &f->error), &f->error);
    assert_int_not_equal(stat(path(f, "root/a"), &st), 0);
    assert_int_equal(stat(path(f, "root"), &st), 0);
}

static void what_killed_writers_left_goes_with_the_next_write(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(path(f, "root"), 0777), 0);
    assert_int_equal(mkdir(path(f, "root/~new"), 0777), 0);
    write_file(f, "root/~new/1-a", "x");
    write_file(f, "root/~new/2-b", "x");
    assert_str(list(f), S(""));
    put(f, "a", "x");
    assert_int_equal(count_new(f), 0);
}

/* A writer during whose work another process begins to write. */
struct slow {
    struct fixture *f;
    bool done;
};

static ssize_t read_slowly(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct slow *slow = context;
    struct fixture *f = slow->f;
    struct store *other;
    (void)capacity, (void)error;
    if (slow->done) return 0;
    slow->done = true;
    assert_ok(store_open(arena_printf(f->arena, "file://%s/root", f->outer).data, &other, &f->error), &f->error);
    assert_ok(store_put(other, io(f), S("b"), S("other"), NULL, NULL, &f->error), &f->error);
    store_close(other);
    assert_int_equal(count_new(f), 1);
    memcpy(buffer, "slow", 4);
    return 4;
}

static void what_living_writers_write_stays(void **state)
{
    struct fixture *f = *state;
    struct slow slow = {.f = f};
    const struct stream stream = {.read = read_slowly, .context = &slow};
    assert_ok(store_upload(f->store, io(f), S("a"), stream, 4, NULL, NULL, &f->error), &f->error);
    assert_ok(get(f, "a"), &f->error);
    assert_str(f->object.body, S("slow"));
    assert_str(list(f), S("a b "));
    assert_int_equal(count_new(f), 0);
}

static void etags_differ_however_quick_the_writers(void **state)
{
    struct fixture *f = *state;
    struct str etags[64];
    for (size_t i = 0; i < 64; i++) {
        put(f, "a", i % 2 ? "one" : "two");
        etags[i] = f->object.etag;
        for (size_t k = 0; k < i; k++) assert_false(str_equal(etags[i], etags[k]));
    }
}

static void a_file_that_is_cut_while_it_is_read_is_corrupt(void **state)
{
    struct fixture *f = *state;
    struct stream stream;
    char buffer[10];
    put(f, "a", "0123456789abcdef");
    assert_ok(store_stream(f->store, io(f), S("a"), NULL, &stream, &f->object, &f->error), &f->error);
    assert_int_equal(stream_read(stream, buffer, sizeof buffer, &f->error), 10);
    assert_int_equal(truncate(path(f, "root/a"), 12), 0);
    assert_int_equal(stream_read(stream, buffer, sizeof buffer, &f->error), -1);
    assert_status(f->error.status, STATUS_CORRUPT);
    stream_close(&stream);
}

static void a_stream_reads_the_version_it_opened(void **state)
{
    struct fixture *f = *state;
    struct stream stream;
    struct str all;
    put(f, "a", "the old one");
    assert_ok(store_stream(f->store, io(f), S("a"), NULL, &stream, &f->object, &f->error), &f->error);
    put(f, "a", "the new one");
    assert_ok(stream_read_all(stream, f->arena, 100, &all, &f->error), &f->error);
    assert_str(all, S("the old one"));
    stream_close(&stream);
}

/* --- processes */

static void write_and_remove(const char *url, int id)
{
    struct arena *arena = arena_new();
    struct store *store;
    struct error error;
    const struct store_put if_absent = {.condition = STORE_IF_ABSENT};
    int won = 0;
    if (store_open(url, &store, &error) != STATUS_OK) _exit(100);
    for (int i = 0; i < 100; i++) {
        struct io io = {.arena = arena, .deadline = deadline_in(10000)};
        struct str shared = arena_printf(arena, "race/%d/x", i), own = arena_printf(arena, "deep/er/%d-%d", id, i % 3);
        enum status status = store_put(store, io, shared, S("x"), &if_absent, NULL, &error);
        won += status == STATUS_OK;
        if (status != STATUS_OK && status != STATUS_PRECONDITION) _exit(101);
        /* the directory goes and comes back all the time */
        if (store_put(store, io, own, S("x"), NULL, NULL, &error) != STATUS_OK) _exit(102);
        if (store_remove(store, io, own, &error) != STATUS_OK) _exit(103);
    }
    store_close(store);
    arena_free(arena);
    _exit(won);
}

static void processes_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 4 };
    pid_t children[PROCESSES];
    int won = 0;
    struct str url = arena_printf(f->arena, "file://%s/root", f->outer);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) write_and_remove(url.data, i);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 100);
        won += WEXITSTATUS(status);
    }
    assert_int_equal(won, 100);
    assert_int_equal(count_new(f), 0);
}

static void a_writer_that_is_killed_leaves_no_object(void **state)
{
    struct fixture *f = *state;
    struct str url = arena_printf(f->arena, "file://%s/root", f->outer);
    pid_t child = fork();
    if (child == 0) {
        char *large = calloc(1, 64 << 20);
        struct arena *arena = arena_new();
        struct store *store;
        struct error error;
        store_open(url.data, &store, &error);
        for (;;)
            store_put(store, (struct io){.arena = arena, .deadline = deadline_in(10000)}, S("large"), str_make(large, 64 << 20), NULL, NULL,
                      &error);
    }
    usleep(30000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (store_head(f->store, io(f), S("large"), &f->object, &f->error) == STATUS_OK) assert_int_equal(f->object.size, 64 << 20);
    struct str listed = list(f);
    assert_true(str_empty(listed) || str_equal(listed, S("large ")));
}

static void set_changed(struct fixture *f, const char *name, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path(f, name), times, 0), 0);
}

static void a_folders_mark_tells_whether_anything_was_put_there(void **state)
{
    struct fixture *f = *state;
    uint64_t absent = store_folder_mark(f->store, S("edges/")), first, second;
    assert_int_not_equal(absent, 0);
    put(f, "edges/a.json", "1");
    set_changed(f, "root/edges", 1000000000);
    first = store_folder_mark(f->store, S("edges/"));
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, absent);
    assert_true(store_folder_mark(f->store, S("edges/")) == first);
    put(f, "edges/a.json", "2");
    second = store_folder_mark(f->store, S("edges/"));
    assert_true(second != first);
    set_changed(f, "root/edges", clock_real() / CLOCK_SECOND + 1000); /* by a clock that is ahead: not settled */
    assert_true(store_folder_mark(f->store, S("edges/")) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folders_mark_tells_whether_anything_was_put_there),
        TEST(objects_are_plain_files),
        TEST(a_directory_that_is_not_there_is_empty),
        TEST(a_root_that_is_a_file_is_refused),
        TEST(links_are_not_followed),
        TEST(other_files_are_passed_over),
        TEST(a_key_cannot_be_file_and_directory),
        TEST(names_too_long_are_refused),
        TEST(empty_directories_go_with_their_last_object),
        TEST(what_killed_writers_left_goes_with_the_next_write),
        TEST(what_living_writers_write_stays),
        TEST(etags_differ_however_quick_the_writers),
        TEST(a_file_that_is_cut_while_it_is_read_is_corrupt),
        TEST(a_stream_reads_the_version_it_opened),
        TEST(processes_do_not_disturb_each_other),
        TEST(a_writer_that_is_killed_leaves_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
