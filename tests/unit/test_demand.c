/* Counts of what LANs ask for: written, summed, folded. On a file:// store. */
#include "lib/demand/demand.h"

#include <pthread.h>

#include "lib/demand/text.h"
#include "lib/edges/lan.h"
#include "tests/unit/scratch_store.h"

struct fixture {
    struct arena *arena;
    struct store *store;
    struct error error;
    int64_t now;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->store = scratch_store(f->arena);
    assert_true(clock_parse_time(S("2026-08-25T10:07:30Z"), &f->now));
    clock_set_now(f->now);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    free(f);
    return 0;
}

static struct io io_of(struct fixture *f)
{
    return (struct io){.arena = f->arena, .deadline = deadline_in(30 * CLOCK_SECOND)};
}

static void ask(struct demand *demand, const char *lan, const char *package, bool hit, int64_t at, int times)
{
    for (int i = 0; i < times; i++)
        demand_count(demand, &(struct demand_request){.lan = str_of(lan), .registered = true, .package = str_of(package), .hit = hit}, at);
}

static void flush(struct fixture *f, struct demand *demand)
{
    assert_ok(demand_flush(demand, f->store, io_of(f), &f->error), &f->error);
}

/* --- sums, as "lan package misses/hits;" over one span, of all parts */

static enum status note_row(void *context, const struct demand_row *row, struct error *error)
{
    struct buf *out = context;
    (void)error;
    buf_printf(out, STR_FMT " " STR_FMT " %llu/%llu;", STR_ARG(row->lan), STR_ARG(row->package), (unsigned long long)row->misses[0],
               (unsigned long long)row->hits[0]);
    return STATUS_OK;
}

static struct str sums(struct fixture *f, int64_t from, int64_t to)
{
    struct buf out = buf_in(f->arena, 1 << 20);
    const struct span span = {from, to};
    for (unsigned part = 0; part < LAN_PARTS; part++) {
        const struct demand_question question = {.spans = &span, .span_count = 1};
        assert_ok(demand_sum(&(struct demand_part){f->store, io_of(f), part}, &question, note_row, &out, &f->error), &f->error);
    }
    return buf_str(&out);
}

static struct str all(struct fixture *f)
{
    return sums(f, f->now - 30 * (int64_t)CLOCK_DAY, f->now + 30 * (int64_t)CLOCK_DAY);
}

/* --- */

static void what_was_counted_is_summed(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    ask(demand, "a@10.0.0.0/8", "APP1/2.0", false, f->now, 17);
    ask(demand, "a@10.0.0.0/8", "APP1/2.0", true, f->now, 3);
    ask(demand, "a@10.0.0.0/8", "APP1/1.0", false, f->now, 1);
    assert_true(demand_is_dirty(demand));
    assert_int_equal(demand_misses(demand, S("a@10.0.0.0/8"), S("APP1/2.0"), 0).counted, 17);
    assert_int_equal(demand_misses(demand, S("a@10.0.0.0/8"), S("APP1/2.0"), 0).written, 0);
    flush(f, demand);
    assert_false(demand_is_dirty(demand));
    assert_int_equal(demand_misses(demand, S("a@10.0.0.0/8"), S("APP1/2.0"), 0).written, 17);
    assert_str(all(f), S("a@10.0.0.0/8 APP1/1.0 1/0;a@10.0.0.0/8 APP1/2.0 17/3;"));
    ask(demand, "a@10.0.0.0/8", "APP1/2.0", false, f->now + CLOCK_MINUTE, 1);
    flush(f, demand);
    assert_str(all(f), S("a@10.0.0.0/8 APP1/1.0 1/0;a@10.0.0.0/8 APP1/2.0 18/3;"));
    demand_free(demand);
}

static void the_object_can_be_read_by_eye(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){.instance = S("me")});
    struct store_object object;
    ask(demand, "10.0.0.0/8", "APP1/2.0", false, f->now, 17);
    ask(demand, "10.0.0.0/8", "APP1/2.0", true, f->now, 3);
    ask(demand, "10.0.0.0/8", "APP1/2.0", true, f->now + 10 * (int64_t)CLOCK_MINUTE, 2);
    flush(f, demand);
    struct str key = arena_printf(f->arena, "demand/live/2026-08-25/10/%02u/me", lan_part(S("10.0.0.0/8")));
    assert_ok(store_get(f->store, io_of(f), key, NULL, &object, &f->error), &f->error);
    assert_str(object.body, S("pakhus-demand 1\nL 10.0.0.0/8\nP APP1/2.0 1:3+17 3:2+\n"));
    demand_free(demand);
}

static void instances_are_added_up_and_spans_cut(void **state)
{
    struct fixture *f = *state;
    struct demand *one = demand_new(&(struct demand_options){0}), *other = demand_new(&(struct demand_options){0});
    int64_t hour = CLOCK_HOUR;
    ask(one, "10.0.0.0/8", "A/1", false, f->now, 1);
    ask(other, "10.0.0.0/8", "A/1", false, f->now - hour, 2);
    flush(f, other);
    ask(other, "10.0.0.0/8", "A/1", false, f->now, 4);
    flush(f, one);
    flush(f, other);
    assert_str(all(f), S("10.0.0.0/8 A/1 7/0;"));
    assert_str(sums(f, f->now - hour / 2, f->now + hour), S("10.0.0.0/8 A/1 5/0;"));
    int64_t bucket = f->now - f->now % BUCKET;
    assert_str(sums(f, bucket + BUCKET, f->now + hour), S(""));
    assert_str(sums(f, bucket, bucket + BUCKET), S("10.0.0.0/8 A/1 5/0;"));
    demand_free(one);
    demand_free(other);
}

static void what_comes_too_late_for_its_hour_is_counted_when_it_comes(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    ask(demand, "10.0.0.0/8", "A/1", false, f->now - 5 * (int64_t)CLOCK_HOUR, 3);
    ask(demand, "10.0.0.0/8", "A/1", true, f->now - 5 * (int64_t)CLOCK_HOUR, 2);
    flush(f, demand);
    assert_str(sums(f, f->now - CLOCK_HOUR, f->now + CLOCK_HOUR), S("10.0.0.0/8 A/1 3/2;"));
    assert_str(all(f), S("10.0.0.0/8 A/1 3/2;"));
    demand_free(demand);
}

static void a_clock_that_jumps_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    for (int i = 0; i < 40; i++) ask(demand, "10.0.0.0/8", "A/1", false, f->now + (i * 7 % 40 - 20) * (int64_t)CLOCK_HOUR, 1);
    flush(f, demand);
    assert_str(all(f), S("10.0.0.0/8 A/1 40/0;"));
    demand_free(demand);
}

/* What was written of an hour that is out of memory again is not written over. */
static void a_clock_that_goes_back_loses_nothing(void **state)
{
    static const int hours[] = {0, 1, 0, -1, 5, 5, 0, -40, -39, 2, 300, 0, 1, 2, 3, 4, 5, 6, 7, 0, -200, 0, 1};
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        clock_set_now(f->now + hours[i] * (int64_t)CLOCK_HOUR);
        ask(demand, "10.0.0.0/8", "A/1", false, clock_now(), 2);
        flush(f, demand);
    }
    assert_str(all(f), S("10.0.0.0/8 A/1 46/0;"));
    demand_free(demand);
}

static void a_store_that_is_down_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    struct store *nowhere;
    struct error error;
    assert_ok(store_open("s3://bucket?endpoint=http://127.0.0.1:9", &nowhere, &error), &error);
    ask(demand, "10.0.0.0/8", "A/1", false, f->now, 3);
    const struct io soon = {.arena = f->arena, .deadline = deadline_in(50)};
    assert_int_not_equal(demand_flush(demand, nowhere, soon, &error), STATUS_OK);
    assert_true(demand_is_dirty(demand));
    ask(demand, "10.0.0.0/8", "A/1", true, f->now, 1);
    flush(f, demand);
    assert_str(all(f), S("10.0.0.0/8 A/1 3/1;"));
    store_close(nowhere);
    demand_free(demand);
}

static void junk_takes_no_memory_and_what_is_asked_most_stays(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){.others_most = 100});
    for (int i = 0; i < 20000; i++) {
        struct str lan = arena_printf(f->arena, "junk-%d@10.0.0.0/8", i);
        demand_count(demand, &(struct demand_request){.lan = lan, .registered = false, .package = S("A/1"), .hit = false}, f->now);
        if (i % 20 == 0)
            demand_count(demand,
                         &(struct demand_request){.lan = S("shop@10.0.0.0/8"), .registered = false, .package = S("A/1"), .hit = false},
                         f->now);
    }
    ask(demand, "10.0.0.0/8", "A/1", true, f->now, 5);
    assert_int_equal(demand_counts(demand).pairs, 101);
    flush(f, demand);
    struct str text = all(f);
    assert_true(str_find_str(text, S("10.0.0.0/8 A/1 0/5;")) < text.length);
    assert_true(str_find_str(text, S("shop@10.0.0.0/8 A/1 1000/0;")) < text.length);
    demand_free(demand);
}

struct writer {
    struct fixture *f;
    struct demand *demand;
    bool failed;
};

static void *write_many(void *context)
{
    struct writer *writer = context;
    struct error error;
    for (int i = 0; i < 200; i++) {
        struct arena *arena = arena_new();
        const struct io io = {.arena = arena, .deadline = deadline_in(30 * CLOCK_SECOND)};
        demand_count(writer->demand,
                     &(struct demand_request){.lan = S("10.0.0.0/8"), .registered = true, .package = S("A/1"), .hit = i % 2},
                     writer->f->now);
        if (demand_flush(writer->demand, writer->f->store, io, &error) != STATUS_OK) writer->failed = true;
        arena_free(arena);
    }
    return NULL;
}

static void many_threads_share_writes(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    struct writer writers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){f, demand, false};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) assert_false(writers[i].failed);
    assert_true(demand_counts(demand).flushes <= 800);
    assert_str(all(f), S("10.0.0.0/8 A/1 400/400;"));
    demand_free(demand);
}

/* --- folding */

static void fold(struct fixture *f, int64_t horizon, int64_t now)
{
    for (unsigned part = 0; part < LAN_PARTS; part++)
        assert_ok(demand_fold(&(struct demand_part){f->store, io_of(f), part}, horizon, now, &f->error), &f->error);
    assert_ok(demand_drop(f->store, io_of(f), horizon, &f->error), &f->error);
}

static bool count_object(void *context, const struct store_object *object)
{
    (void)object;
    ++*(int *)context;
    return true;
}

static int objects(struct fixture *f, const char *prefix)
{
    int count = 0;
    assert_ok(store_list(f->store, io_of(f), str_of(prefix), 0, count_object, &count, &f->error), &f->error);
    return count;
}

static void ask_for_days(struct fixture *f, struct demand *demand, int days)
{
    for (int day = days; day-- > 0;) {
        clock_set_now(f->now - day * (int64_t)CLOCK_DAY);
        ask(demand, "x@10.0.0.0/8", "A/1", true, clock_now() - CLOCK_HOUR / 2, 1);
        ask(demand, "10.0.0.0/8", "A/1", false, clock_now(), 1 + day);
        flush(f, demand);
    }
    clock_set_now(f->now);
}

static void days_that_are_over_are_folded_and_sums_stay(void **state)
{
    struct fixture *f = *state;
    struct demand *one = demand_new(&(struct demand_options){0}), *other = demand_new(&(struct demand_options){0});
    ask_for_days(f, one, 3);
    ask_for_days(f, other, 3);
    struct str before = all(f), cut = sums(f, f->now - CLOCK_DAY - CLOCK_HOUR, f->now - CLOCK_HOUR);
    fold(f, 0, f->now);
    assert_int_equal(objects(f, "demand/days/"), 4);
    assert_true(objects(f, "demand/live/") <= 8); /* today's only */
    assert_str(all(f), before);
    assert_str(sums(f, f->now - CLOCK_DAY - CLOCK_HOUR, f->now - CLOCK_HOUR), cut);
    fold(f, 0, f->now);
    assert_str(all(f), before);
    demand_free(one);
    demand_free(other);
}

/* A run that was killed between putting the day and removing what it holds. */
static enum status note_cell(void *context, const struct demand_cell *cell, struct error *error)
{
    struct buf *out = context;
    (void)error;
    buf_printf(out, STR_FMT " " STR_FMT " %s %llu/%llu;", STR_ARG(cell->lan), STR_ARG(cell->package),
               clock_format_time(out->arena, cell->bucket).data, (unsigned long long)cell->misses, (unsigned long long)cell->hits);
    return STATUS_OK;
}

static struct str cells_of_day(struct fixture *f, int64_t day)
{
    struct buf out = buf_in(f->arena, 1 << 20);
    for (unsigned part = 0; part < LAN_PARTS; part++)
        assert_ok(demand_each_cell(&(struct demand_part){f->store, io_of(f), part}, day, note_cell, &out, &f->error), &f->error);
    return buf_str(&out);
}

static void a_day_is_told_cell_by_cell_folded_or_not(void **state)
{
    struct fixture *f = *state;
    const int64_t day = f->now - f->now % CLOCK_DAY - CLOCK_DAY, ten = day + 10 * (int64_t)CLOCK_HOUR;
    const struct str cells = S("a@10.0.0.0/8 APP1/1.0 2026-08-24T10:00:00Z 1/0;a@10.0.0.0/8 APP1/2.0 2026-08-24T10:00:00Z 5/3;"
                               "a@10.0.0.0/8 APP1/2.0 2026-08-24T11:05:00Z 2/0;");
    clock_set_now(ten + 70 * (int64_t)CLOCK_MINUTE);
    for (int i = 0; i < 2; i++) {
        struct demand *demand = demand_new(&(struct demand_options){0});
        ask(demand, "a@10.0.0.0/8", "APP1/2.0", i == 0, ten + CLOCK_MINUTE, 3);
        if (i == 0) ask(demand, "a@10.0.0.0/8", "APP1/1.0", false, ten, 1);
        if (i == 1) ask(demand, "a@10.0.0.0/8", "APP1/2.0", false, ten, 2);
        if (i == 1) ask(demand, "a@10.0.0.0/8", "APP1/2.0", false, ten + 66 * (int64_t)CLOCK_MINUTE, 2);
        flush(f, demand);
        demand_free(demand);
    }
    assert_str(cells_of_day(f, day), cells);
    assert_str(cells_of_day(f, day - CLOCK_DAY), S(""));
    fold(f, 0, f->now);
    assert_str(cells_of_day(f, day), cells);
}

static void a_fold_that_was_cut_off_counts_nothing_twice(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){.instance = S("me")});
    struct store_object object;
    ask_for_days(f, demand, 2);
    struct str before = all(f);
    struct str key = arena_printf(f->arena, "demand/live/2026-08-24/10/%02u/me", lan_part(S("10.0.0.0/8")));
    assert_ok(store_get(f->store, io_of(f), key, NULL, &object, &f->error), &f->error);
    fold(f, 0, f->now);
    assert_ok(store_put(f->store, io_of(f), key, object.body, NULL, NULL, &f->error), &f->error);
    assert_str(all(f), before);
    fold(f, 0, f->now);
    assert_str(all(f), before);
    assert_error(store_get(f->store, io_of(f), key, NULL, &object, &f->error), STATUS_NOT_FOUND, &f->error, "");
    demand_free(demand);
}

static void keys_of_nobodys_stop_no_folding(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    const char *keys[] = {"demand/live/0000/x", "demand/live/1970-01-02/00/00/x", "demand/live/2026-13-40/12/05/x", "demand/days/x/05"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_ok(store_put(f->store, io_of(f), str_of(keys[i]), S("x"), NULL, NULL, &f->error), &f->error);
    ask_for_days(f, demand, 2);
    struct str before = all(f);
    fold(f, f->now - 5 * (int64_t)CLOCK_DAY, f->now);
    assert_str(all(f), before);
    assert_true(objects(f, "demand/days/2026-08-24/") > 0);
    assert_int_equal(objects(f, "demand/live/2026-08-24/"), 0);
    assert_int_equal(objects(f, "demand/live/1970-01-02/"), 0); /* long over */
    fold(f, f->now + CLOCK_DAY, f->now);
    assert_int_equal(objects(f, "demand/days/"), 1);
    demand_free(demand);
}

static void days_beyond_the_horizon_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct demand *demand = demand_new(&(struct demand_options){0});
    ask_for_days(f, demand, 5);
    fold(f, f->now - 2 * (int64_t)CLOCK_DAY, f->now);
    assert_int_equal(objects(f, "demand/days/"), 4);
    demand_free(demand);
}

static void damaged_objects_stop_nobody(void **state)
{
    struct fixture *f = *state;
    static const char *const damaged[] = {"",
                                          "pakhus-demand 2\n",
                                          "pakhus-demand 1\nP A/1 0:1+1\n",
                                          "pakhus-demand 1\nL 10.0.0.0/8\nP A/1 12:1+1\n",
                                          "pakhus-demand 1\nL 10.0.0.0/8\nP A/1 0:-1+1\n",
                                          "pakhus-demand 1\nL 10.0.0.0/8\nP A/1 0:1\n",
                                          "pakhus-demand 1\nL 10.0.0.0/8\nQ\n",
                                          "pakhus-demand 1\nL 10.0.0.0/8\nP A/1 0:99999999999999999999+1\n"};
    unsigned part = lan_part(S("10.0.0.0/8"));
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct str key = arena_printf(f->arena, "demand/live/2026-08-25/10/%02u/damaged-%zu", part, i);
        assert_ok(store_put(f->store, io_of(f), key, str_of(damaged[i]), NULL, NULL, &f->error), &f->error);
    }
    struct str key = arena_printf(f->arena, "demand/live/2026-08-25/10/%02u/near-overflow", part);
    struct str most = S("pakhus-demand 1\nL 10.0.0.0/8\nP A/1 0:18446744073709551615+18446744073709551615 1:9+9\n");
    assert_ok(store_put(f->store, io_of(f), key, most, NULL, NULL, &f->error), &f->error);
    assert_str(all(f), S("10.0.0.0/8 A/1 18446744073709551615/18446744073709551615;"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_counted_is_summed),
        TEST(the_object_can_be_read_by_eye),
        TEST(instances_are_added_up_and_spans_cut),
        TEST(what_comes_too_late_for_its_hour_is_counted_when_it_comes),
        TEST(a_clock_that_jumps_loses_nothing),
        TEST(a_clock_that_goes_back_loses_nothing),
        TEST(keys_of_nobodys_stop_no_folding),
        TEST(a_store_that_is_down_loses_nothing),
        TEST(junk_takes_no_memory_and_what_is_asked_most_stays),
        TEST(many_threads_share_writes),
        TEST(days_that_are_over_are_folded_and_sums_stay),
        TEST(a_day_is_told_cell_by_cell_folded_or_not),
        TEST(a_fold_that_was_cut_off_counts_nothing_twice),
        TEST(days_beyond_the_horizon_are_dropped),
        TEST(damaged_objects_stop_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
