/* The hit table: T7, T8. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "lib/token/hits.h"

static const int64_t DAY = CLOCK_DAY;

static struct hits *table(struct arena *arena, uint32_t capacity)
{
    return hits_init(arena_buffer(arena, hits_size(capacity)), capacity);
}

static struct hits_token token(uint32_t resource, uint32_t tag, int64_t modified)
{
    struct hits_token token = {.modified = modified};
    memcpy(token.key.bytes, &resource, sizeof resource);
    memcpy(token.tag, &tag, sizeof tag);
    return token;
}

static enum token_reason ask(struct hits *hits, struct hits_token token, int64_t now)
{
    return hits_ask(hits, &HITS_RULES, &token, now);
}

static void report(struct hits *hits, struct hits_token token, bool succeeded, int64_t now)
{
    hits_report(hits, &HITS_RULES, &token, succeeded, now);
}

static void processed_once(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token a = token(1, 1, 100);
    assert_enum(ask(hits, a, 1000), TOKEN_DUE, token_reason_name);
    assert_enum(ask(hits, a, 1001), TOKEN_PROCESSING, token_reason_name);
    report(hits, a, true, 1002);
    assert_enum(ask(hits, a, 1003), TOKEN_DONE, token_reason_name);
    assert_enum(ask(hits, a, 1003 + 365 * DAY), TOKEN_DONE, token_reason_name);
    report(hits, a, false, 1004); /* an equal request that failed later undoes nothing */
    assert_enum(ask(hits, a, 1005), TOKEN_DONE, token_reason_name);
}

static void without_a_report(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token a = token(1, 1, 100);
    assert_enum(ask(hits, a, 1000), TOKEN_DUE, token_reason_name);
    assert_enum(ask(hits, a, 5999), TOKEN_PROCESSING, token_reason_name);
    assert_enum(ask(hits, a, 6000), TOKEN_DONE, token_reason_name);
    report(hits, a, false, 6001); /* it was only assumed */
    assert_enum(ask(hits, a, 6002), TOKEN_BACK_OFF, token_reason_name);
    const struct hits_rules only_reports = {.window = INT64_MAX, .back_off = 1, .back_off_most = 1};
    struct hits_token b = token(2, 1, 100);
    assert_enum(hits_ask(hits, &only_reports, &b, 1000), TOKEN_DUE, token_reason_name);
    assert_enum(hits_ask(hits, &only_reports, &b, 1000 * DAY), TOKEN_PROCESSING, token_reason_name);
}

static void failures_back_off(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token a = token(1, 1, 100);
    int64_t now = 0, wait = 1000;
    assert_enum(ask(hits, a, now), TOKEN_DUE, token_reason_name);
    for (int i = 0; i < 20; i++, wait *= 2) {
        if (wait > CLOCK_HOUR) wait = CLOCK_HOUR;
        report(hits, a, false, now);
        assert_enum(ask(hits, a, now + wait - 1), TOKEN_BACK_OFF, token_reason_name);
        now += wait;
        assert_enum(ask(hits, a, now), TOKEN_RETRY, token_reason_name);
    }
    report(hits, a, true, now);
    assert_enum(ask(hits, a, now), TOKEN_DONE, token_reason_name);
}

/* Two hundred requests asked while it was processed: that is one failure, not two hundred in a row. */
static void failures_of_one_attempt_are_one(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token a = token(1, 1, 100);
    ask(hits, a, 0);
    for (int i = 0; i < 200; i++) report(hits, a, false, i);
    assert_enum(ask(hits, a, 999), TOKEN_BACK_OFF, token_reason_name);
    assert_enum(ask(hits, a, 1000), TOKEN_RETRY, token_reason_name);
    for (int i = 0; i < 200; i++) report(hits, a, false, 1000);
    assert_enum(ask(hits, a, 2999), TOKEN_BACK_OFF, token_reason_name);
    assert_enum(ask(hits, a, 3000), TOKEN_RETRY, token_reason_name);
}

/* A table of an instance whose clock was years ahead, or ours was. */
static void another_clock_holds_nothing_back(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token a = token(1, 1, 100);
    ask(hits, a, 9999 * DAY);
    report(hits, a, false, 9999 * DAY);
    assert_enum(ask(hits, a, 9000 * DAY), TOKEN_RETRY, token_reason_name);
    report(hits, a, true, 9000 * DAY);
    assert_enum(ask(hits, a, 9000 * DAY), TOKEN_DONE, token_reason_name);
}

static void older_tokens_fetch_nothing(void **state)
{
    struct hits *hits = table(*state, 16);
    struct hits_token yesterday = token(1, 1, 100), today = token(1, 2, 200), other = token(2, 1, 100);
    assert_enum(ask(hits, today, 1000), TOKEN_DUE, token_reason_name);
    report(hits, today, true, 1000);
    assert_enum(ask(hits, yesterday, 1001), TOKEN_OLDER, token_reason_name);
    assert_enum(ask(hits, other, 1001), TOKEN_DUE, token_reason_name);
    struct hits_token twin = token(1, 3, 200); /* the same version, signed with another due time */
    assert_enum(ask(hits, twin, 1002), TOKEN_DUE, token_reason_name);
    report(hits, twin, true, 1002);
    assert_enum(ask(hits, twin, 1003), TOKEN_DONE, token_reason_name);
    assert_enum(ask(hits, today, 1003), TOKEN_DONE, token_reason_name);
}

static void failed_ones_go_first(void **state)
{
    struct hits *hits = table(*state, 16);
    for (uint32_t i = 0; i < 16; i++) ask(hits, token(i, 1, 100), 1000);
    report(hits, token(9, 1, 100), false, 1000);
    report(hits, token(7, 1, 100), false, 1000);
    assert_enum(ask(hits, token(100, 1, 100), 1000), TOKEN_DUE, token_reason_name);
    assert_enum(ask(hits, token(101, 1, 100), 1000), TOKEN_DUE, token_reason_name);
    assert_true(hits_saved_size(hits) <= HITS_HEAD + 16 * HITS_RECORD);
    for (uint32_t i = 0; i < 16; i++)
        if (i != 9 && i != 7) assert_enum(ask(hits, token(i, 1, 100), 1000), TOKEN_PROCESSING, token_reason_name);
    assert_enum(ask(hits, token(9, 1, 100), 1000), TOKEN_DUE, token_reason_name); /* pushes out what was used longest ago */
    assert_enum(ask(hits, token(101, 1, 100), 1000), TOKEN_PROCESSING, token_reason_name);
    assert_enum(ask(hits, token(100, 1, 100), 1000), TOKEN_DUE, token_reason_name);
}

static void a_full_table_works_on(void **state)
{
    struct hits *hits = table(*state, HITS_LEAST);
    for (uint32_t i = 0; i < 100000; i++) {
        struct hits_token one = token(i * 2654435761u, i, i);
        assert_enum(ask(hits, one, i), TOKEN_DUE, token_reason_name);
        report(hits, one, i % 3 != 0, i);
        enum token_reason after = ask(hits, one, i);
        assert_enum(after, i % 3 != 0 ? TOKEN_DONE : TOKEN_BACK_OFF, token_reason_name);
        assert_true(hits_saved_size(hits) <= HITS_HEAD + HITS_LEAST * HITS_RECORD);
    }
}

static void count_stale(void *context, const struct hits_resource *resource)
{
    struct hits_resource *last = context;
    double count = last->frequency + 1;
    *last = *resource;
    last->frequency = count; /* how many were listed, for the test */
}

static const struct stale_rules ONCE_A_MONTH = {.least = 1, .period = STALE_PERIOD};

static double stale_at(struct hits *hits, const struct stale_rules *rules, int64_t now, bool mark)
{
    struct hits_resource found = {0};
    hits_stale(hits, &(struct hits_stale_question){rules, now, mark}, count_stale, &found);
    return found.frequency;
}

static size_t evicted(struct hits *hits, uint32_t *resources)
{
    struct token_key keys[HITS_EVICTED];
    size_t count = hits_take_evicted(hits, keys, HITS_EVICTED);
    for (size_t i = 0; i < count; i++) memcpy(&resources[i], keys[i].bytes, sizeof *resources);
    return count;
}

static void t7_resources_that_a_full_table_forgets_are_told_once(void **state)
{
    struct hits *hits = table(*state, 16);
    uint32_t resources[HITS_EVICTED];
    for (uint32_t i = 1; i <= 8; i++) report(hits, token(i, i, 100), true, 1000 + i);
    assert_int_equal(evicted(hits, resources), 0); /* two entries each: it is just full */
    ask(hits, token(1, 1, 100), 2000);             /* used again */
    report(hits, token(9, 9, 100), true, 2001);
    assert_int_equal(evicted(hits, resources), 1);
    assert_int_equal(resources[0], 2);
    assert_int_equal(evicted(hits, resources), 0);
    for (uint32_t i = 100; i < 200; i++) report(hits, token(i, i, 100), true, 3000 + i);
    assert_int_equal(evicted(hits, resources), HITS_EVICTED); /* the last ones */
    assert_int_equal(resources[HITS_EVICTED - 1], 191);
    report(hits, token(200, 200, 100), true, 4000);
    report(hits, token(192, 1, 200), true, 4001); /* forgotten, and brought back: it pushed out 193 */
    assert_int_equal(evicted(hits, resources), 1);
    assert_int_equal(resources[0], 193);
}

static void stale_below_once_a_month(void **state)
{
    struct hits *hits = table(*state, 64);
    report(hits, token(1, 1, 1), true, 1 * DAY);
    for (uint32_t i = 0; i < 4; i++) report(hits, token(2, i, 1), true, (1 + i) * 10 * DAY);
    struct hits_resource found = {0};
    assert_true(stale_at(hits, &ONCE_A_MONTH, 30 * DAY, false) == 0);
    hits_stale(hits, &(struct hits_stale_question){&ONCE_A_MONTH, 32 * DAY, false}, count_stale, &found);
    assert_true(found.frequency == 1 && found.key.bytes[0] == 1 && found.updated == DAY);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 1000 * DAY, false) == 2);
}

/* Four updates on four days, and never again: stale a month later, not after four months. */
static void t8_updates_of_the_last_period_count(void **state)
{
    struct hits *hits = table(*state, 64);
    for (uint32_t i = 0; i < 4; i++) report(hits, token(1, i, i), true, (2 + i) * DAY);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 35 * DAY, false) == 0);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 35 * DAY + 1, false) == 1);
    const struct stale_rules four = {.least = 4, .period = STALE_PERIOD}, week = {.least = 1, .period = 7 * DAY};
    assert_true(stale_at(hits, &four, 32 * DAY, false) == 0);
    assert_true(stale_at(hits, &four, 32 * DAY + 1, false) == 1);
    assert_true(stale_at(hits, &week, 12 * DAY, false) == 0 && stale_at(hits, &week, 12 * DAY + 1, false) == 1);
    const struct stale_rules often = {.least = 40, .period = STALE_PERIOD}; /* four in three days are forty in thirty */
    assert_true(stale_at(hits, &often, 5 * DAY, false) == 0 && stale_at(hits, &often, 6 * DAY, false) == 1);
    const struct stale_rules half = {.least = 0.5, .period = STALE_PERIOD};
    assert_true(stale_at(hits, &half, 65 * DAY, false) == 0 && stale_at(hits, &half, 65 * DAY + 1, false) == 1);
}

static struct hits_token about(uint32_t resource, const char *path, const char *type)
{
    struct hits_token one = token(resource, 1, 1);
    one.about = stale_tags_of(str_of(path), str_of(type));
    return one;
}

static void t8_thresholds_by_directory_and_type(void **state)
{
    struct hits *hits = table(*state, 64), *loaded = table(*state, 64);
    struct error error;
    report(hits, about(1, "/img/a.png", "image/png"), true, 1 * DAY);
    report(hits, about(2, "/img/big/a.png", "image/png"), true, 1 * DAY);
    report(hits, about(3, "/a.css", "Text/CSS; charset=utf-8"), true, 1 * DAY);
    report(hits, token(4, 1, 1), true, 1 * DAY);
    void *buffer = arena_buffer(*state, hits_saved_size(hits));
    assert_true(hits_load(loaded, str_make(buffer, hits_save(hits, buffer))));
    const struct {
        const char *rules;
        double stale;
    } cases[] = {
        {"/img/=1", 0},
        {"/img/=2", 2},
        {"/img/=2, /img/big/=1", 1},
        {"/img/=1,/img/big/=2", 1},
        {"text/css=2", 1},
        {"image/png=2,/img/=1", 0},
        {"/im/=2", 0},
        {"/img/big/a/=2", 0},
        {"text/html=2", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stale_rules rules = ONCE_A_MONTH;
        assert_status(stale_rules_parse(*state, str_of(cases[i].rules), &rules, &error), STATUS_OK);
        assert_true(stale_at(loaded, &rules, 2 * DAY, false) == cases[i].stale);
    }
    const char *bad[] = {"", "/img=1", "img=1", "/=1", "/a/b/c/d/=1", "/img/", "/img/=", "/img/=x", "/img/=-1", "/img/=1,", "text/=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct stale_rules rules = ONCE_A_MONTH;
        assert_status(stale_rules_parse(*state, str_of(bad[i]), &rules, &error), STATUS_INVALID);
    }
}

static void t8_cleaned_once_until_updated_anew(void **state)
{
    struct hits *hits = table(*state, 64), *other = table(*state, 64);
    report(hits, token(1, 1, 100), true, 1 * DAY);
    void *buffer = arena_buffer(*state, hits_saved_size(hits));
    struct str before = str_make(buffer, hits_save(hits, buffer));
    assert_true(stale_at(hits, &ONCE_A_MONTH, 40 * DAY, true) == 1);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 41 * DAY, true) == 0);
    assert_enum(ask(hits, token(1, 9, 99), 41 * DAY), TOKEN_OLDER, token_reason_name); /* the newest version stays known */
    assert_true(hits_load(hits, before));                                              /* another instance has not heard of it */
    assert_true(stale_at(hits, &ONCE_A_MONTH, 42 * DAY, true) == 0);
    void *after = arena_buffer(*state, hits_saved_size(hits));
    assert_true(hits_load(other, before) && hits_load(other, str_make(after, hits_save(hits, after))));
    assert_true(stale_at(other, &ONCE_A_MONTH, 42 * DAY, true) == 0);
    report(hits, token(1, 2, 200), true, 50 * DAY);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 80 * DAY, true) == 0);
    assert_true(stale_at(hits, &ONCE_A_MONTH, 81 * DAY, true) == 1);
}

static struct str saved(struct arena *arena, const struct hits *hits)
{
    void *buffer = arena_buffer(arena, hits_saved_size(hits));
    return str_make(buffer, hits_save(hits, buffer));
}

static void saved_and_loaded(void **state)
{
    struct hits *hits = table(*state, 64), *other = table(*state, 64);
    for (uint32_t i = 0; i < 20; i++) {
        ask(hits, token(i, 1, 100), 1000);
        if (i % 3 != 2) report(hits, token(i, 1, 100), i % 3 == 0, 1000);
    }
    struct str bytes = saved(*state, hits);
    assert_int_equal(bytes.length, hits_saved_size(hits));
    assert_true(hits_load(other, bytes));
    assert_str(saved(*state, other), bytes);
    assert_true(hits_load(other, bytes)); /* twice is once */
    assert_str(saved(*state, other), bytes);
    assert_enum(ask(other, token(0, 1, 100), 1001), TOKEN_DONE, token_reason_name);
    assert_enum(ask(other, token(1, 1, 100), 1001), TOKEN_BACK_OFF, token_reason_name);
    assert_enum(ask(other, token(2, 1, 100), 1001), TOKEN_PROCESSING, token_reason_name);
    assert_enum(ask(other, token(0, 9, 99), 1001), TOKEN_OLDER, token_reason_name);
}

/* Two instances of one node: a success of either is a success. */
static void instances_merge(void **state)
{
    struct hits *one = table(*state, 64), *other = table(*state, 64);
    ask(one, token(1, 1, 100), 1000);
    report(one, token(1, 1, 100), true, 1000);
    ask(other, token(1, 1, 100), 2000);
    report(other, token(1, 1, 100), false, 2000);
    assert_true(hits_load(other, saved(*state, one)));
    assert_enum(ask(other, token(1, 1, 100), 2001), TOKEN_DONE, token_reason_name);
    assert_true(hits_load(one, saved(*state, other)));
    assert_enum(ask(one, token(1, 1, 100), 2001), TOKEN_DONE, token_reason_name);

    /* what brought the newest version counts, whoever wrote last */
    report(one, token(2, 1, 200), true, 3000);
    report(other, token(2, 2, 150), true, 4000);
    assert_true(hits_load(other, saved(*state, one)));
    assert_enum(ask(other, token(2, 3, 199), 4001), TOKEN_OLDER, token_reason_name);
}

static void what_loading_displaces_is_not_told(void **state)
{
    struct hits *hits = table(*state, 16), *other = table(*state, 16);
    uint32_t resources[HITS_EVICTED];
    for (uint32_t i = 1; i <= 8; i++) report(hits, token(i, i, 100), true, 1000 + i), report(other, token(50 + i, i, 100), true, 2000 + i);
    assert_true(hits_load(hits, saved(*state, other)));
    assert_int_equal(evicted(hits, resources), 0);
}

static void what_is_no_table(void **state)
{
    struct hits *hits = table(*state, 64);
    ask(hits, token(1, 1, 100), 1000);
    struct str bytes = saved(*state, hits);
    for (size_t length = 0; length < bytes.length; length++)
        assert_true(hits_load(hits, str_first(bytes, length)) == (length == HITS_HEAD));
    for (size_t at = 0; at < 10; at++) {
        char *altered = arena_buffer(*state, bytes.length);
        memcpy(altered, bytes.data, bytes.length);
        altered[at] = (char)(altered[at] ^ 0x80);
        assert_false(hits_load(hits, str_make(altered, bytes.length)));
    }
}

static void capacities(void **state)
{
    (void)state;
    assert_int_equal(hits_capacity_in(0), 0);
    assert_int_equal(hits_capacity_in(hits_size(HITS_LEAST) - 1), 0);
    for (uint32_t i = HITS_LEAST; i < 1000; i++) assert_int_equal(hits_capacity_in(hits_size(i)), i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(processed_once),
        test_with_arena(without_a_report),
        test_with_arena(failures_back_off),
        test_with_arena(failures_of_one_attempt_are_one),
        test_with_arena(another_clock_holds_nothing_back),
        test_with_arena(older_tokens_fetch_nothing),
        test_with_arena(failed_ones_go_first),
        test_with_arena(a_full_table_works_on),
        test_with_arena(t7_resources_that_a_full_table_forgets_are_told_once),
        test_with_arena(what_loading_displaces_is_not_told),
        test_with_arena(stale_below_once_a_month),
        test_with_arena(t8_updates_of_the_last_period_count),
        test_with_arena(t8_thresholds_by_directory_and_type),
        test_with_arena(t8_cleaned_once_until_updated_anew),
        test_with_arena(saved_and_loaded),
        test_with_arena(instances_merge),
        test_with_arena(what_is_no_table),
        test_with_arena(capacities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
