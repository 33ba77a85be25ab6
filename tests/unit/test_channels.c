/* Documents of channels: version 0.1's is read and moved, writers are killed at every request, several write at once. */
#include <pthread.h>

#include "lib/catalog/channels_internal.h"
#include "tests/unit/fault_store.h"
#include "tests/unit/scratch_store.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, WRITERS = 4 };

#define OLD_KEY  "channels/APP/9999999999999999"
#define NEXT_KEY "channels/APP/9999999999999998"
#define OLD                                                                                                                                \
    "{\"formats\":[\"walle\",\"vasdolly\"],\"validator\":\"package\",\"url_info\":\"never\",\"filename\":\"x-{channel}.apk\","             \
    "\"channels\":{\n"                                                                                                                     \
    "\"huawei\":{\"channel\":\"huawei\",\"campaign\":\"x\"},\n\"oppo\":{\"channel\":\"oppo\"}},\"changed\":{\n"                            \
    "\"2026-01-01T00:00:00Z\":[\"huawei\"],\n\"2026-02-01T00:00:00Z\":[\"oppo\"]}}\n"
/* What an older writer makes of it: oppo has other info, vivo is new, huawei is as it was. */
#define NEXT                                                                                                                               \
    "{\"formats\":[\"walle\",\"vasdolly\"],\"validator\":\"package\",\"url_info\":\"never\",\"filename\":\"x-{channel}.apk\","             \
    "\"channels\":{\n"                                                                                                                     \
    "\"huawei\":{\"channel\":\"huawei\",\"campaign\":\"x\"},\n\"oppo\":{\"channel\":\"oppo\",\"a\":\"b\"},\n\"vivo\":{\"channel\":"        \
    "\"vivo\"}},"                                                                                                                          \
    "\"changed\":{\n\"2026-01-01T00:00:00Z\":[\"huawei\"],\n\"2026-03-01T00:00:00Z\":[\"oppo\",\"vivo\"]}}\n"
#define FROZEN                                                                                                                             \
    "{\"formats\":[\"walle\"],\"validator\":\"store\",\"channels\":{\"huawei\":{\"channel\":\"huawei\"}},"                                 \
    "\"removed\":{\"oppo\":{\"channel\":\"oppo\"}},\"changed\":{\"2026-01-01T00:00:00Z\":[\"huawei\"]}}\n"

static struct arena *arena;
static struct store *store;
static struct error failure;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    store = scratch_store(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clock_set_now(0);
    arena_free(arena);
    return 0;
}

static struct catalog in(struct store *where)
{
    return (struct catalog){where, {.arena = arena, .deadline = deadline_in(TIMEOUT)}, S("APP")};
}

static void put(const char *key, const char *body)
{
    assert_ok(store_put(store, in(store).io, str_of(key), str_of(body), NULL, NULL, &failure), &failure);
}

static enum status info_of(void *context, struct arena *to, const struct shard_entry *entry, struct apk_info *info, struct error *error)
{
    return apk_info_parse(to, *(const struct str *)context, entry->key, info, error);
}

static enum status set_to(struct store *where, const char *id, const char *info)
{
    struct shard_entry entry = {.key = str_of(id)};
    struct str text = str_of(info);
    size_t changed;
    const struct channels_set set = {.entries = &entry, .count = 1, .info = info_of, .context = &text};
    return channels_set(in(where), &set, &changed, &failure);
}

static enum status remove_from(struct store *where, const char *id)
{
    struct str text = str_of(id);
    return channels_remove(in(where), &text, 1, &failure);
}

static struct channels load(void)
{
    struct channels channels;
    assert_ok(channels_load(in(store), NULL, &channels, &failure), &failure);
    return channels;
}

static enum status find(const char *id, struct channel *channel)
{
    struct channels channels = load();
    const struct channels_source source = {in(store), &channels, NULL};
    return channels_find(&source, str_of(id), channel, &failure);
}

static void assert_channel(const char *id, const char *info, const char *changed)
{
    struct channel channel;
    assert_ok(find(id, &channel), &failure);
    assert_str(channel.id, str_of(id));
    assert_str(channel.info.json, str_of(info));
    assert_str(clock_format_time(arena, channel.changed), str_of(changed));
}

static void assert_none(const char *id)
{
    struct channel channel;
    assert_error(find(id, &channel), STATUS_NOT_FOUND, &failure, id);
}

static void assert_old(void)
{
    struct channels channels = load();
    assert_int_equal(channels.formats, APK_WALLE | APK_VASDOLLY);
    assert_int_equal(channels.url_info, CHANNELS_URL_NEVER);
    assert_str(channels.filename, S("x-{channel}.apk"));
    assert_channel("huawei", "{\"channel\":\"huawei\",\"campaign\":\"x\"}", "2026-01-01T00:00:00Z");
    assert_channel("oppo", "{\"channel\":\"oppo\"}", "2026-02-01T00:00:00Z");
    assert_none("vivo");
}

/* --- version 0.1's document */

static void the_old_document_is_read(void **state)
{
    (void)state;
    put(OLD_KEY, OLD);
    assert_old();
    struct channels channels = load(), again;
    assert_int_equal(channels.shards.length, 0);
    assert_error(channels_load(in(store), &channels, &again, &failure), STATUS_NOT_MODIFIED, &failure, "");
    put(NEXT_KEY, NEXT);
    assert_ok(channels_load(in(store), &channels, &again, &failure), &failure);
    assert_channel("vivo", "{\"channel\":\"vivo\"}", "2026-03-01T00:00:00Z");
}

static bool note_first(void *context, const struct store_object *object)
{
    *(struct str *)context = arena_copy(arena, object->key);
    return false;
}

/* Validators are made of the info, the formats and the time of the last change: all are as before. */
static void a_move_changes_nothing_that_is_served(void **state)
{
    (void)state;
    bool moved;
    struct store_object object;
    struct str first = {0};
    put(OLD_KEY, OLD);
    assert_ok(channels_upgrade(in(store), &moved, &failure), &failure);
    assert_true(moved);
    assert_old();
    assert_true(load().shards.length > 0);
    assert_ok(channels_upgrade(in(store), &moved, &failure), &failure);
    assert_false(moved);
    /* Older instances go on reading what they know: it is the first that they list. */
    assert_ok(store_get(store, in(store).io, S(OLD_KEY), NULL, &object, &failure), &failure);
    assert_str(object.body, S(OLD));
    assert_ok(store_list(store, in(store).io, S("channels/APP/"), 1, note_first, &first, &failure), &failure);
    assert_str(first, S(OLD_KEY));
}

static void an_app_without_channels_is_not_upgraded(void **state)
{
    (void)state;
    bool moved;
    struct str first = {0};
    assert_ok(channels_upgrade(in(store), &moved, &failure), &failure);
    assert_false(moved);
    assert_ok(store_list(store, in(store).io, S("channels/"), 1, note_first, &first, &failure), &failure);
    assert_int_equal(first.length, 0);
}

static void a_move_can_be_killed_at_any_request(void **state)
{
    (void)state;
    bool moved;
    for (int carries_out = 0; carries_out < 2; carries_out++) {
        tear_down(state);
        set_up(state);
        put(OLD_KEY, OLD);
        for (long requests = 0;; requests++) {
            struct fault_store *dying = fault_store(arena, store, requests);
            dying->carries_out = carries_out;
            enum status status = channels_upgrade(in(&dying->store), &moved, &failure);
            assert_old();
            if (status == STATUS_OK) break;
            assert_true(requests < 100);
        }
        assert_true(load().shards.length > 0);
    }
}

/* It cannot be told from what was changed here since: nothing comes back, and nothing changes its info. */
static void what_older_writers_change_later_is_not_read(void **state)
{
    (void)state;
    struct channel channel;
    put(OLD_KEY, OLD);
    assert_ok(set_to(store, "xiaomi", "{}"), &failure);
    assert_ok(remove_from(store, "huawei"), &failure);
    put(NEXT_KEY, NEXT);
    assert_ok(set_to(store, "meizu", "{}"), &failure);
    assert_channel("oppo", "{\"channel\":\"oppo\"}", "2026-02-01T00:00:00Z");
    assert_none("vivo");
    assert_none("huawei");
    assert_ok(find("xiaomi", &channel), &failure);
    assert_ok(find("meizu", &channel), &failure);
}

/* --- changes */

static void a_change_can_be_killed_at_any_request(void **state)
{
    (void)state;
    struct channel channel;
    put(OLD_KEY, OLD);
    for (long requests = 0;; requests++) {
        struct fault_store *dying = fault_store(arena, store, requests);
        enum status status = set_to(&dying->store, "huawei", "{\"campaign\":\"y\"}");
        assert_ok(find("huawei", &channel), &failure);
        if (status == STATUS_OK) break;
        if (!str_equal(channel.info.json, S("{\"channel\":\"huawei\",\"campaign\":\"y\"}"))) assert_old();
        assert_true(requests < 100);
    }
    assert_str(channel.info.json, S("{\"channel\":\"huawei\",\"campaign\":\"y\"}"));
    assert_channel("oppo", "{\"channel\":\"oppo\"}", "2026-02-01T00:00:00Z");
}

static void one_channel_costs_four_writes_at_most(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    for (unsigned i = 0; i < MANY; i += 7) {
        struct fault_store *counted = fault_store(arena, store, 100000);
        assert_ok(set_to(&counted->store, arena_printf(arena, "channel-%u", i).data,
                         "{\"campaign\":\"a campaign with a long name, so that it fills\"}"),
                  &failure);
        assert_true(counted->puts <= 4);
    }
    assert_true(load().depth > 0);
}

static void nothing_is_set_where_one_is_refused(void **state)
{
    (void)state;
    struct shard_entry entries[] = {{.key = S("a"), .tag = 0}, {.key = S("no id"), .tag = 1}};
    struct str text = S("{}");
    size_t changed;
    const struct channels_set set = {.entries = entries, .count = 2, .info = info_of, .context = &text};
    assert_error(channels_set(in(store), &set, &changed, &failure), STATUS_INVALID, &failure, "no id");
    assert_none("a");
}

static void a_removed_channel_is_unknown(void **state)
{
    (void)state;
    struct str ids[] = {S("oppo"), S("nobody")};
    put(OLD_KEY, OLD);
    assert_error(channels_remove(in(store), ids, 2, &failure), STATUS_NOT_FOUND, &failure, "nobody");
    assert_old();
    assert_ok(remove_from(store, "oppo"), &failure);
    assert_none("oppo");
    assert_error(remove_from(store, "oppo"), STATUS_NOT_FOUND, &failure, "oppo");
}

/* --- times */

static enum status set_formats(void *context, struct arena *to, struct channels *channels, struct error *error)
{
    (void)to, (void)error;
    channels->formats = *(const unsigned *)context;
    return STATUS_OK;
}

static int64_t changed_of(const char *id)
{
    struct channel channel;
    assert_ok(find(id, &channel), &failure);
    return channel.changed;
}

/* Whatever changes the bytes of a channel gives it a later Last-Modified, in seconds, also where the clock goes back. */
static void each_change_has_a_later_second(void **state)
{
    (void)state;
    unsigned formats[] = {APK_WALLE, APK_WALLE | APK_VASDOLLY};
    struct channels channels;
    int64_t last = 0, start = 0;
    clock_parse_time(S("2026-06-01T00:00:00Z"), &start);
    for (unsigned i = 0; i < 24; i++) {
        clock_set_now(start + (i < 8 ? 0 : i < 16 ? -CLOCK_HOUR : CLOCK_HOUR) + i * 100);
        if (i % 2)
            assert_ok(channels_configure(in(store), set_formats, &formats[i / 2 % 2], &channels, &failure), &failure);
        else
            assert_ok(set_to(store, "a", arena_printf(arena, "{\"n\":\"%u\"}", i).data), &failure);
        int64_t changed = changed_of("a");
        bool same = i == 1; /* these formats are the default */
        assert_true(same ? changed == last : changed / CLOCK_SECOND > last / CLOCK_SECOND);
        last = changed;
    }
    assert_ok(set_to(store, "a", "{\"n\":\"22\"}"), &failure);
    assert_int_equal(changed_of("a"), last); /* nothing new */
}

/* --- validator `store` */

static void with_the_stores_validator_nothing_changes_by_a_move(void **state)
{
    (void)state;
    bool moved;
    unsigned formats = APK_VASDOLLY;
    struct channels channels;
    put(OLD_KEY, FROZEN);
    for (int i = 0; i < 2; i++) {
        assert_error(set_to(store, "huawei", "{\"a\":\"b\"}"), STATUS_INVALID, &failure, "validator");
        assert_error(set_to(store, "oppo", "{\"a\":\"b\"}"), STATUS_INVALID, &failure, "validator");
        assert_error(channels_configure(in(store), set_formats, &formats, &channels, &failure), STATUS_INVALID, &failure, "validator");
        assert_channel("huawei", "{\"channel\":\"huawei\"}", "2026-01-01T00:00:00Z");
        assert_none("oppo");
        assert_ok(channels_upgrade(in(store), &moved, &failure), &failure);
    }
    assert_ok(remove_from(store, "huawei"), &failure);
    assert_none("huawei");
    assert_error(set_to(store, "huawei", "{\"a\":\"b\"}"), STATUS_INVALID, &failure, "validator");
    assert_error(channels_configure(in(store), set_formats, &formats, &channels, &failure), STATUS_INVALID, &failure, "validator");
    assert_ok(set_to(store, "huawei", "{}"), &failure);
    assert_ok(set_to(store, "oppo", "{}"), &failure);
    struct channel channel;
    assert_ok(find("oppo", &channel), &failure);
}

/* All are checked before the first is written. */
static void many_of_which_one_may_not_change_are_all_refused(void **state)
{
    (void)state;
    struct shard_entry entries[] = {{.key = S("a"), .tag = 0}, {.key = S("huawei"), .tag = 1}, {.key = S("z"), .tag = 2}};
    struct str text = S("{\"b\":\"c\"}");
    size_t changed;
    const struct channels_set set = {.entries = entries, .count = 3, .info = info_of, .context = &text};
    put(OLD_KEY, FROZEN);
    assert_error(channels_set(in(store), &set, &changed, &failure), STATUS_INVALID, &failure, "huawei");
    assert_none("a");
    assert_none("z");
}

/* --- several writers */

struct writer {
    unsigned id;
    enum status status;
    struct error error;
};

static void *write_some(void *context)
{
    struct writer *writer = context;
    for (unsigned i = 0; i < 5 && writer->status == STATUS_OK; i++) {
        struct catalog own = {store, {.arena = arena_new(), .deadline = deadline_in(TIMEOUT)}, S("APP")};
        struct shard_entry entry = {.key = arena_printf(own.io.arena, "w%u-%u", writer->id, i)};
        struct str text = S("{}");
        size_t changed;
        const struct channels_set set = {.entries = &entry, .count = 1, .info = info_of, .context = &text};
        writer->status = channels_set(own, &set, &changed, &writer->error);
        arena_free(own.io.arena);
    }
    return NULL;
}

/* All find the old document, and all move it. */
static void movers_at_once_lose_nothing(void **state)
{
    (void)state;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    put(OLD_KEY, OLD);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < WRITERS; i++) assert_ok(writers[i].status, &writers[i].error);
    assert_old();
    struct channel channel;
    for (unsigned i = 0; i < WRITERS * 5; i++) assert_ok(find(arena_printf(arena, "w%u-%u", i / 5, i % 5).data, &channel), &failure);
}

/* --- copies, on edges that splice */

static void a_copy_has_what_the_original_has(void **state)
{
    (void)state;
    struct store *original = store, *edge = scratch_store(arena);
    put(OLD_KEY, OLD);
    assert_ok(channels_copy(in(original), in(edge), &failure), &failure);
    for (int round = 0; round < 2; round++) {
        store = edge;
        struct channel channel;
        assert_int_equal(load().formats, APK_WALLE | APK_VASDOLLY);
        assert_ok(find("huawei", &channel), &failure);
        assert_str(channel.info.json, S("{\"channel\":\"huawei\",\"campaign\":\"x\"}"));
        store = original;
        bool moved;
        assert_ok(channels_upgrade(in(original), &moved, &failure), &failure);
        assert_ok(channels_copy(in(original), in(edge), &failure), &failure);
    }
    int64_t first = (store = edge, changed_of("huawei"));
    store = original;
    assert_ok(set_to(original, "huawei", "{\"campaign\":\"z\"}"), &failure);
    assert_ok(remove_from(original, "oppo"), &failure);
    assert_ok(channels_copy(in(original), in(edge), &failure), &failure);
    struct fault_store *counted = fault_store(arena, edge, 1000);
    assert_ok(channels_copy(in(original), in(&counted->store), &failure), &failure);
    assert_int_equal(counted->puts, 0);
    assert_int_equal(counted->gets, 1); /* nothing has changed since */
    store = edge;
    assert_none("oppo");
    assert_true(changed_of("huawei") > first);
    store = original;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_old_document_is_read),
        TEST(a_move_changes_nothing_that_is_served),
        TEST(an_app_without_channels_is_not_upgraded),
        TEST(a_move_can_be_killed_at_any_request),
        TEST(what_older_writers_change_later_is_not_read),
        TEST(a_change_can_be_killed_at_any_request),
        TEST(one_channel_costs_four_writes_at_most),
        TEST(nothing_is_set_where_one_is_refused),
        TEST(a_removed_channel_is_unknown),
        TEST(each_change_has_a_later_second),
        TEST(with_the_stores_validator_nothing_changes_by_a_move),
        TEST(many_of_which_one_may_not_change_are_all_refused),
        TEST(movers_at_once_lose_nothing),
        TEST(a_copy_has_what_the_original_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
