/* What is wanted on an edge, and what is held there. */
#include "lib/edges/state.h"
#include "tests/unit/scratch_store.h"

static struct io io_in(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(10 * CLOCK_SECOND)};
}

static void assert_held(struct arena *arena, struct store *store, const char *list)
{
    struct held held;
    struct error error;
    struct str names = S("");
    assert_ok(held_load(store, io_in(arena), S("shop-1"), 0, &held, &error), &error);
    for (size_t i = 0; i < held.count; i++) names = arena_join(arena, names, S(" "), held.items[i].package);
    assert_str(names, str_of(list));
}

static void what_is_held_is_added_and_dropped(void **state)
{
    struct store *store = scratch_store(*state);
    struct error error;
    struct held_package two = {.package = S("APP1/2.0"), .since = 1000, .size = 5}, one = two;
    one.package = S("APP1/1.0");
    assert_held(*state, store, "");
    assert_ok(held_set(store, io_in(*state), S("shop-1"), &two, &error), &error);
    assert_ok(held_set(store, io_in(*state), S("shop-1"), &one, &error), &error);
    assert_ok(held_set(store, io_in(*state), S("shop-1"), &one, &error), &error);
    assert_held(*state, store, " APP1/1.0 APP1/2.0");
    assert_ok(held_drop(store, io_in(*state), S("shop-1"), S("APP1/2.0"), &error), &error);
    assert_ok(held_drop(store, io_in(*state), S("shop-1"), S("APP1/2.0"), &error), &error);
    assert_held(*state, store, " APP1/1.0");
    struct held held;
    assert_ok(held_load(store, io_in(*state), S("shop-1"), 0, &held, &error), &error);
    assert_int_equal(held.generation, 3); /* what changes nothing writes nothing */
    assert_null(held_find(&held, S("APP1/2.0")));
    assert_int_equal(held_find(&held, S("APP1/1.0"))->size, 5);
    assert_status(held_load(store, io_in(*state), S("shop-1"), 3, &held, &error), STATUS_NOT_MODIFIED);
}

static void what_is_on_its_way_is_not_held(void **state)
{
    struct store *store = scratch_store(*state);
    struct error error;
    struct held held;
    struct held_package package = {.package = S("APP1/2.0"), .since = 1000, .size = 5, .state = HELD_COPYING};
    assert_ok(held_set(store, io_in(*state), S("shop-1"), &package, &error), &error);
    assert_ok(held_load(store, io_in(*state), S("shop-1"), 0, &held, &error), &error);
    assert_null(held_find(&held, S("APP1/2.0")));
    assert_int_equal(held_find_any(&held, S("APP1/2.0"))->state, HELD_COPYING);
    package.state = HELD_LEAVING;
    package.until = 60000;
    assert_ok(held_set(store, io_in(*state), S("shop-1"), &package, &error), &error);
    assert_ok(held_load(store, io_in(*state), S("shop-1"), 0, &held, &error), &error);
    assert_null(held_find(&held, S("APP1/2.0")));
    assert_str(held_format(*state, &held), S("{\"edge\":\"shop-1\",\"packages\":{\n\"APP1/2.0\":{\"since\":\"1970-01-01T00:00:01Z\","
                                             "\"state\":\"leaving\",\"until\":\"1970-01-01T00:01:00Z\",\"size\":5}}}\n"));
}

static enum status want(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    struct wanted_package *items = arena_array(arena, wanted->count + 1, sizeof *items);
    (void)error;
    if (wanted->count > 0) memcpy(items, wanted->items, wanted->count * sizeof *items);
    items[wanted->count] = *(struct wanted_package *)context;
    wanted->items = items;
    wanted->count++;
    return STATUS_OK;
}

static void what_is_wanted_is_written_as_it_is_read(void **state)
{
    struct store *store = scratch_store(*state);
    struct wanted_package patch = {.package = S("APP1/1.0..2.0"), .since = 86400000, .reason = RULE_CONFIDENCE, .pending = true, .size = 7};
    struct wanted_package full = {.package = S("APP1/1.0"), .since = 1, .reason = RULE_T1, .size = 9};
    struct wanted wanted;
    struct error error;
    full.sha256 = S("000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f");
    assert_ok(wanted_update(store, io_in(*state), S("shop-1"), want, &patch, &wanted, &error), &error);
    assert_ok(wanted_update(store, io_in(*state), S("shop-1"), want, &full, &wanted, &error), &error);
    assert_ok(wanted_load(store, io_in(*state), S("shop-1"), 0, &wanted, &error), &error);
    assert_str(wanted_format(*state, &wanted),
               S("{\"edge\":\"shop-1\",\"packages\":{\n"
                 "\"APP1/1.0\":{\"since\":\"1970-01-01T00:00:00.001Z\",\"reason\":\"t1\",\"state\":\"wanted\",\"size\":9,"
                 "\"sha256\":\"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\"},\n"
                 "\"APP1/1.0..2.0\":{\"since\":\"1970-01-02T00:00:00Z\",\"reason\":\"confidence\",\"state\":\"pending\",\"size\":7}}}\n"));
    assert_int_equal(wanted.generation, 2);
    assert_true(wanted_find(&wanted, S("APP1/1.0..2.0"))->pending);
    assert_null(wanted_find(&wanted, S("APP1/3.0")));
}

static void rows_that_somebody_spoilt_are_said_to_be(void **state)
{
    struct store *store = scratch_store(*state);
    struct wanted wanted;
    struct held held;
    struct error error;
    struct str key = S("wanted/shop-1/9999999999999999"), text = S("{\"edge\":\"shop-1\",\"packages\":{\"../etc\":{}}}");
    assert_ok(store_put(store, io_in(*state), key, text, NULL, NULL, &error), &error);
    assert_error(wanted_load(store, io_in(*state), S("shop-1"), 0, &wanted, &error), STATUS_CORRUPT, &error, "is no package");
    assert_error(held_load(store, io_in(*state), S("../shop"), 0, &held, &error), STATUS_INVALID, &error, "no edge's id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_is_held_is_added_and_dropped),
        test_with_arena(what_is_on_its_way_is_not_held),
        test_with_arena(what_is_wanted_is_written_as_it_is_read),
        test_with_arena(rows_that_somebody_spoilt_are_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
