/* An s3:// store in front of a scripted server. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "lib/store/store.h"
#include "tests/unit/scripted_server.h"

struct fixture {
    struct arena *arena;
    struct scripted_server *server;
    struct store *store;
    struct error error;
    struct store_object object;
    int64_t patience;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    setenv("AWS_ACCESS_KEY_ID", "an-id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "a-secret", 1);
    f->arena = arena_new();
    f->patience = 10 * CLOCK_SECOND;
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    if (f->server) scripted_stop(f->server);
    arena_free(f->arena);
    free(f);
    return 0;
}

static inline void serve(struct fixture *f, scripted_answer_fn *answer, void *context)
{
    f->server = scripted_start(answer, context);
    struct str url = arena_printf(f->arena, "s3://bucket/pre?endpoint=http://127.0.0.1:%d", f->server->port);
    assert_ok(store_open(url.data, &f->store, &f->error), &f->error);
}

static inline struct io io(struct fixture *f)
{
    return (struct io){.arena = f->arena, .deadline = deadline_in(f->patience)};
}

/* For the next case of a table. */
static inline void start_anew(void **state)
{
    tear_down(state);
    set_up(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
