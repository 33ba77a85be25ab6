/* Documents in shards, against a model in memory: split at will, by several writers, and killed at every request. */
#include <pthread.h>

#include "lib/store/shard_internal.h"
#include "tests/unit/fault_store.h"
#include "tests/unit/scratch_store.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, KEYS = 60, STEPS = 60, WRITERS = 4, ROUNDS = 12 };

static struct arena *arena;
static struct store *store;
static struct shards shards;
static struct error failure;

static struct io io(void)
{
    return (struct io){.arena = arena, .deadline = deadline_in(TIMEOUT)};
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    store = scratch_store(arena);
    shards = (struct shards){.store = store, .io = io(), .root = S("docs/a/")};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Values by tag; data NULL removes. */
static enum status set_to(void *context, struct arena *in, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct str *values = context;
    (void)in, (void)error;
    *value = values[entry->tag];
    return STATUS_OK;
}

static enum status set_many(const struct shards *to, const struct str *keys, const struct str *values, size_t count,
                            struct shards_result *result)
{
    struct shard_entry *entries = arena_array(arena, count, sizeof *entries);
    const struct shards_change change = {entries, count, .change = set_to, .context = (void *)(uintptr_t)values};
    for (size_t i = 0; i < count; i++) entries[i] = (struct shard_entry){.key = keys[i], .tag = i};
    return shards_update(to, &change, result, &failure);
}

static enum status set_one(const struct shards *to, struct str key, struct str value)
{
    struct shards_result result;
    return set_many(to, &key, &value, 1, &result);
}

static struct str value_of(size_t size, unsigned number)
{
    char *text = arena_buffer(arena, size + 16);
    int head = snprintf(text, 16, "%u:", number);
    memset(text + head, 'x', size);
    return str_make(text, (size_t)head + size);
}

static struct str find(const struct shards *in, struct str key)
{
    struct str value = {NULL, 0};
    enum status status = shards_find(in, key, &value, &failure);
    if (status != STATUS_NOT_FOUND) assert_ok(status, &failure);
    return status == STATUS_OK ? value : (struct str){NULL, 0};
}

static void assert_value(struct str got, struct str wanted)
{
    assert_int_equal(!got.data, !wanted.data);
    if (got.data && wanted.data) assert_str(got, wanted);
}

/* --- what is written */

static void the_hash_of_keys_never_changes(void **state)
{
    (void)state;
    /* from an implementation in Python */
    assert_str(shard_row(arena, S("r/"), 10, shard_hash(S("a"))), S("r/s2002220222/"));
    assert_str(shard_row(arena, S("r/"), 10, shard_hash(S("huawei"))), S("r/s0232210033/"));
    assert_str(shard_row(arena, S("r/"), 3, shard_hash(S("192.168.0.0/24"))), S("r/s201/"));
    assert_str(shard_row(arena, S("r/"), 0, shard_hash(S("a"))), S("r/s/"));
}

static void a_small_document_is_one_object(void **state)
{
    (void)state;
    struct store_object object;
    const struct str keys[] = {S("xiaomi"), S("huawei")}, values[] = {S("{\"channel\":\"xiaomi\"}"), S("{\"channel\":\"huawei\"}")};
    struct shards_result result;
    assert_ok(set_many(&shards, keys, values, 2, &result), &failure);
    assert_int_equal(result.written, 2);
    assert_int_equal(result.depth, 0);
    assert_ok(store_get(store, io(), S("docs/a/s/9999999999999999"), NULL, &object, &failure), &failure);
    assert_str(object.body, S("shard 1 0 56 1b140c6e0d0b695d\n"
                              "huawei\t{\"channel\":\"huawei\"}\nxiaomi\t{\"channel\":\"xiaomi\"}\n"));
}

static void an_entry_can_be_read_changed_and_removed(void **state)
{
    (void)state;
    assert_value(find(&shards, S("a")), (struct str){NULL, 0});
    assert_ok(set_one(&shards, S("a"), S("1")), &failure);
    assert_ok(set_one(&shards, S("ab"), S("2")), &failure);
    assert_value(find(&shards, S("a")), S("1"));
    assert_value(find(&shards, S("ab")), S("2"));
    assert_value(find(&shards, S("aa")), (struct str){NULL, 0});
    assert_ok(set_one(&shards, S("a"), S("3")), &failure);
    assert_value(find(&shards, S("a")), S("3"));
    assert_ok(set_one(&shards, S("a"), (struct str){NULL, 0}), &failure);
    assert_value(find(&shards, S("a")), (struct str){NULL, 0});
    assert_value(find(&shards, S("ab")), S("2"));
}

static void the_last_of_two_changes_of_one_key_counts(void **state)
{
    (void)state;
    const struct str keys[] = {S("a"), S("b"), S("a")}, values[] = {S("1"), S("2"), S("3")};
    struct shards_result result;
    assert_ok(set_many(&shards, keys, values, 3, &result), &failure);
    assert_int_equal(result.written, 2);
    assert_value(find(&shards, S("a")), S("3"));
}

static void bad_entries_are_refused_and_nothing_is_written(void **state)
{
    (void)state;
    const struct str keys[] = {S(""), S("a\tb"), S("a\nb"), value_of(SHARD_KEY_MAX, 0)};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_error(set_one(&shards, keys[i], S("1")), STATUS_INVALID, &failure, "cannot be the key");
    assert_error(set_one(&shards, S("a"), S("")), STATUS_INVALID, &failure, "not one line");
    assert_error(set_one(&shards, S("a"), S("1\n2")), STATUS_INVALID, &failure, "not one line");
    assert_error(set_one(&shards, S("a"), value_of(SHARD_ENTRY_MAX, 1)), STATUS_TOO_LARGE, &failure, "are allowed");
    assert_value(find(&shards, S("a")), (struct str){NULL, 0});
}

/* --- a model */

struct model {
    struct str keys[KEYS], values[KEYS];
};

static void fill_names(struct model *model)
{
    *model = (struct model){0};
    for (unsigned i = 0; i < KEYS; i++) model->keys[i] = arena_printf(arena, "key-%u", i);
}

struct seen {
    const struct model *model;
    size_t count;
};

static enum status note_entry(void *context, struct str key, struct str value, struct error *error)
{
    struct seen *seen = context;
    size_t i = 0;
    (void)error;
    while (i < KEYS && !str_equal(seen->model->keys[i], key)) i++;
    assert_true(i < KEYS);
    assert_value(value, seen->model->values[i]);
    seen->count++;
    return STATUS_OK;
}

static void assert_model(const struct model *model)
{
    size_t present = 0;
    struct seen seen = {.model = model};
    for (size_t i = 0; i < KEYS; i++) {
        assert_value(find(&shards, model->keys[i]), model->values[i]);
        present += model->values[i].data != NULL;
    }
    assert_ok(shards_each(&shards, S(""), note_entry, &seen, &failure), &failure);
    assert_int_equal(seen.count, present);
}

static unsigned next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*seed >> 33);
}

/* One change, tried by writers that are killed at their first, second, … request, until one gets through. The entry reads as before or as
 * after in between, and all others are untouched. */
static void change_killed(struct model *model, size_t i, struct str value, bool carries_out)
{
    struct str before = model->values[i];
    for (long requests = 0;; requests++) {
        struct fault_store *dying = fault_store(arena, store, requests);
        struct shards own = shards;
        dying->carries_out = carries_out;
        own.store = &dying->store;
        enum status status = set_one(&own, model->keys[i], value);
        struct str now = find(&shards, model->keys[i]);
        bool is_new = now.data ? value.data && str_equal(now, value) : !value.data;
        if (!is_new) assert_value(now, before);
        model->values[i] = is_new ? value : before;
        if (status == STATUS_OK) {
            assert_true(is_new);
            assert_true(dying->puts <= 2);
            return;
        }
        if (requests % 4 == 3) assert_model(model);
        assert_true(requests < 100);
    }
}

static void killed_anywhere(bool carries_out)
{
    struct model model;
    uint64_t seed = carries_out;
    fill_names(&model);
    for (unsigned step = 0; step < STEPS; step++) {
        bool removes = next_random(&seed) % 8 == 0;
        struct str value = removes ? (struct str){NULL, 0} : value_of(next_random(&seed) % 6000, step);
        shards.depth = next_random(&seed) % 4; /* a hint may be wrong */
        change_killed(&model, next_random(&seed) % KEYS, value, carries_out);
    }
    for (shards.depth = 0; shards.depth <= SHARD_DEPTH_MAX; shards.depth++) assert_model(&model);
}

static void a_kill_before_any_request_loses_nothing(void **state)
{
    (void)state;
    killed_anywhere(false);
}

static void a_kill_after_any_request_loses_nothing(void **state)
{
    (void)state;
    killed_anywhere(true);
}

/* Many at once: what was killed is done again, and only what is missing is written. */
static void many_entries_can_be_written_again_after_a_kill(void **state)
{
    (void)state;
    struct model model;
    struct shards_result result = {0};
    fill_names(&model);
    struct str before[KEYS] = {{NULL, 0}};
    for (unsigned i = 0; i < KEYS; i++) model.values[i] = value_of(4000, i);
    for (long requests = 0;; requests++) {
        struct fault_store *dying = fault_store(arena, store, requests);
        struct shards own = shards;
        own.store = &dying->store;
        enum status status = set_many(&own, model.keys, model.values, KEYS, &result);
        for (size_t i = 0; i < KEYS; i++) {
            struct str now = find(&shards, model.keys[i]);
            if (before[i].data) assert_value(now, before[i]);
            if (now.data) assert_value(now, model.values[i]);
            before[i] = now;
        }
        if (status == STATUS_OK) break;
        assert_true(requests < 1000);
    }
    assert_model(&model);
    assert_true(result.depth >= 2);
    assert_ok(set_many(&shards, model.keys, model.values, KEYS, &result), &failure);
    assert_int_equal(result.written, 0);
}

/* --- growth */

static void grown_shards_are_small_and_found_with_one_read(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct shard_entry *entries = arena_array(arena, MANY, sizeof *entries);
    struct str *values = arena_array(arena, MANY, sizeof *values);
    const struct shards_change change = {entries, MANY, .change = set_to, .context = values};
    struct shards_result result;
    for (unsigned i = 0; i < MANY; i++) {
        entries[i] = (struct shard_entry){.key = arena_printf(arena, "channel-%u", i), .tag = i};
        values[i] = arena_printf(arena, "{\"channel\":\"channel-%u\",\"campaign\":\"x\"}", i);
    }
    struct fault_store *counted = fault_store(arena, store, 1000000);
    shards.store = &counted->store;
    assert_ok(shards_update(&shards, &change, &result, &failure), &failure);
    assert_int_equal(result.written, MANY);
    assert_int_equal(result.depth, 3);   /* 1.2 MB in 64 shards */
    assert_int_equal(counted->puts, 65); /* and the one that is frozen, with nothing in it */
    assert_int_equal(counted->gets, 0);
    shards.depth = 3;
    counted->lists = 0;
    for (unsigned i = 0; i < MANY; i += 97)
        assert_str(find(&shards, arena_printf(arena, "channel-%u", i)),
                   arena_printf(arena, "{\"channel\":\"channel-%u\",\"campaign\":\"x\"}", i));
    assert_int_equal(counted->gets, counted->lists);
    assert_int_equal(counted->lists, (MANY + 96) / 97);
}

/* --- several writers */

struct writer {
    unsigned id;
    enum status status;
    struct error error;
};

static enum status add_one(void *context, struct arena *in, const struct shard_entry *entry, struct str *value, struct error *error)
{
    uint64_t count = 0;
    struct str text = *value, number = str_cut(&text, ':');
    (void)context, (void)entry;
    ENSURE(!value->data || str_to_u64(number, &count), error, STATUS_CORRUPT, "no number");
    char *padding = arena_buffer(in, 3000);
    memset(padding, 'p', 3000);
    *value = arena_printf(in, "%llu:%.*s", (unsigned long long)count + 1, 3000, padding);
    return STATUS_OK;
}

/* Each adds 1 to entries that all share, so that shards are split under their hands. */
static void *write_rounds(void *context)
{
    struct writer *writer = context;
    for (unsigned round = 0; round < ROUNDS && writer->status == STATUS_OK; round++) {
        struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
        struct shard_entry entries[3];
        const struct shards_change change = {entries, 3, .change = add_one};
        struct shards_result result;
        struct shards with = shards;
        with.io = own;
        with.depth = (writer->id + round) % 3;
        for (unsigned i = 0; i < 3; i++) entries[i] = (struct shard_entry){.key = arena_printf(own.arena, "key-%u", (round * 3 + i) % 30)};
        writer->status = shards_update(&with, &change, &result, &writer->error);
        arena_free(own.arena);
    }
    return NULL;
}

static void writers_at_once_lose_nothing(void **state)
{
    (void)state;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t sum = 0, count;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_rounds, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < WRITERS; i++) assert_ok(writers[i].status, &writers[i].error);
    for (unsigned i = 0; i < 30; i++) {
        struct str value = find(&shards, arena_printf(arena, "key-%u", i));
        assert_true(str_to_u64(str_cut(&value, ':'), &count));
        sum += count;
    }
    assert_int_equal(sum, WRITERS * ROUNDS * 3);
}

/* --- readers with a cache */

static void a_cache_sees_changes_and_splits(void **state)
{
    (void)state;
    struct model model;
    struct shards cached = shards;
    cached.cache = cache_new(&(struct cache_options){.life = 0, .missing = 0, .bytes = 1 << 20, .load = shard_load, .context = store});
    fill_names(&model);
    for (unsigned i = 0; i < KEYS; i++) {
        struct io own = {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)};
        model.values[i] = value_of(3000, i);
        cached.io = own;
        assert_ok(set_one(&shards, model.keys[i], model.values[i]), &failure);
        for (unsigned k = 0; k <= i; k++) {
            struct str value;
            assert_ok(shards_find(&cached, model.keys[k], &value, &failure), &failure);
            assert_str(value, model.values[k]);
        }
        arena_free(own.arena);
    }
    cache_free(cached.cache);
}

static void an_expired_entry_is_asked_for_again(void **state)
{
    (void)state;
    struct shards cached = shards;
    struct str value;
    cached.io.arena = arena_new();
    cached.cache = cache_new(&(struct cache_options){.life = CLOCK_HOUR, .bytes = 1 << 20, .load = shard_load, .context = store});
    assert_error(shards_find(&cached, S("a"), &value, &failure), STATUS_NOT_FOUND, &failure, "'a'");
    assert_ok(set_one(&shards, S("a"), S("1")), &failure);
    assert_error(shards_find(&cached, S("a"), &value, &failure), STATUS_NOT_FOUND, &failure, "'a'");
    shards_expire(&cached, S("a"));
    assert_ok(shards_find(&cached, S("a"), &value, &failure), &failure);
    cached.io.no_wait = true;
    assert_ok(shards_find(&cached, S("a"), &value, &failure), &failure);
    assert_str(value, S("1"));
    arena_free(cached.io.arena);
    cache_free(cached.cache);
}

/* --- damage */

static void a_damaged_shard_is_refused_and_others_go_on(void **state)
{
    (void)state;
    struct model model;
    struct shards_result result;
    size_t damaged = 0;
    fill_names(&model);
    for (unsigned i = 0; i < KEYS; i++) model.values[i] = value_of(4000, i);
    assert_ok(set_many(&shards, model.keys, model.values, KEYS, &result), &failure);
    struct shard_place place;
    assert_ok(shards_locate(&shards, shard_hash(model.keys[0]), &place, &failure), &failure);
    struct str row = shard_row(arena, shards.root, place.depth, shard_hash(model.keys[0]));
    struct str body = shard_format(arena, 0, place.leaf->lines);
    ((char *)(uintptr_t)body.data)[body.length - 3] = 'y';
    assert_ok(store_put(store, io(), arena_printf(arena, STR_FMT "9999999999999999", STR_ARG(row)), body, NULL, NULL, &failure), &failure);
    for (size_t i = 0; i < KEYS; i++) {
        struct str value;
        enum status status = shards_find(&shards, model.keys[i], &value, &failure);
        if (status != STATUS_CORRUPT) assert_value(value, model.values[i]);
        if (status == STATUS_CORRUPT) assert_says(&failure, "damaged");
        damaged += status == STATUS_CORRUPT;
    }
    assert_true(damaged > 0 && damaged < KEYS / 2);
    assert_error(set_one(&shards, model.keys[0], S("1")), STATUS_CORRUPT, &failure, "damaged");
}

static void what_is_no_shard_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "shard 1 0 0",
        "shard 2 0 0 cbf29ce484222325\n",
        "shard 1 25 0 cbf29ce484222325\n",
        "shard 1 0 1 cbf29ce484222325\n",
        "shard 1 0 0 cbf29ce484222324\n",
        "shard 1 0 0 cbf29ce48422232\n",
        "shard 1 0 0 cbf29ce484222325 \n",
        "{\"formats\":[]}\n",
    };
    struct shard shard;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_error(shard_parse(S("k"), str_of(bodies[i]), &shard, &failure), STATUS_CORRUPT, &failure, "k: ");
    assert_ok(shard_parse(S("k"), S("shard 1 24 0 cbf29ce484222325\n"), &shard, &failure), &failure);
    assert_int_equal(shard.split, SHARD_DEPTH_MAX);
}

static void all_can_be_removed(void **state)
{
    (void)state;
    struct model model;
    struct shards_result result;
    fill_names(&model);
    for (unsigned i = 0; i < KEYS; i++) model.values[i] = value_of(4000, i);
    assert_ok(set_many(&shards, model.keys, model.values, KEYS, &result), &failure);
    assert_ok(shards_remove(&shards, &failure), &failure);
    fill_names(&model);
    assert_model(&model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_hash_of_keys_never_changes),
        TEST(a_small_document_is_one_object),
        TEST(an_entry_can_be_read_changed_and_removed),
        TEST(the_last_of_two_changes_of_one_key_counts),
        TEST(bad_entries_are_refused_and_nothing_is_written),
        TEST(a_kill_before_any_request_loses_nothing),
        TEST(a_kill_after_any_request_loses_nothing),
        TEST(many_entries_can_be_written_again_after_a_kill),
        TEST(grown_shards_are_small_and_found_with_one_read),
        TEST(writers_at_once_lose_nothing),
        TEST(a_cache_sees_changes_and_splits),
        TEST(an_expired_entry_is_asked_for_again),
        TEST(a_damaged_shard_is_refused_and_others_go_on),
        TEST(what_is_no_shard_is_refused),
        TEST(all_can_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
