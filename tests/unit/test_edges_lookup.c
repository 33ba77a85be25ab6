/* What is found by the look-up document is what is found by all edges: random fleets and questions, edges and LANs that come, change and
 * go, two writers at once, writers that are killed, and shards that are damaged. */
#define EDGES_MAX 120

#include <pthread.h>

#include "base/clock.h"
#include "lib/edges/lookup_internal.h"
#include "lib/edges/registry_load_internal.h"
#include "tests/unit/edges_fleet.h"
#include "tests/unit/fault_store.h"
#include "tests/unit/scratch_store.h"

enum { TIMEOUT = 120 * CLOCK_SECOND, FLEETS = 12, QUESTIONS = 80 };

static struct arena *arena;
static struct store *store;
static struct error failure;
static size_t asked, found_small;
static bool is_in_between; /* a writer left entries too many: an edge may count as near where it was */

static struct io io(void)
{
    return (struct io){.arena = arena, .deadline = deadline_in(TIMEOUT)};
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    store = scratch_store(arena);
    asked = found_small = 0;
    is_in_between = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* --- fleets in a store */

static void nothing(const void *context, struct lookup_settings *settings)
{
    (void)context, (void)settings;
}

/* Also for a fleet that is too small for one. */
static void make_document(void)
{
    struct lookup_settings ignored;
    assert_ok(lookup_settings_update((struct lookup){.store = store, .io = io()}, nothing, NULL, &ignored, &failure), &failure);
}

static struct registry load(void)
{
    struct registry registry;
    assert_ok(registry_load(store, io(), &registry, &failure), &failure);
    return registry;
}

static size_t repair(void)
{
    size_t changed;
    const struct registry registry = load();
    assert_ok(lookup_repair(store, io(), &registry, &changed, &failure), &failure);
    return changed;
}

static void put(const char *folder, struct str id, struct str json)
{
    assert_ok(store_put(store, io(), arena_join(arena, str_of(folder), id, S(".json")), json, &(struct store_put){0}, NULL, &failure),
              &failure);
}

static void put_fleet(const struct fleet *fleet)
{
    const struct registry *registry = &fleet->registry;
    for (size_t i = 0; i < registry->edge_count; i++) put("edges/", registry->edges[i].id, edge_format(arena, &registry->edges[i]));
    for (size_t i = 0; i < registry->lan_count; i++) put("lans/", registry->lans[i].code, lan_entry_format(arena, &registry->lans[i]));
}

/* --- questions */

static struct str id_of(const struct edge *edge)
{
    return edge ? edge->id : S("none");
}

static void assert_same_place(const struct place *got, const struct place *wanted)
{
    assert_str(got->lan, wanted->lan);
    assert_str(id_of(got->edge), id_of(wanted->edge));
    assert_str(id_of(got->node), id_of(wanted->node));
    assert_str(got->region, wanted->region);
    assert_int_equal(got->registered, wanted->registered);
    assert_int_equal(got->location.known, wanted->location.known);
    if (wanted->location.known) assert_true(location_distance(&got->location, &wanted->location) < 1e-9);
}

static void ask_nearest(const struct registry *all, const struct place *wanted, const struct place *place)
{
    const struct edge *got[NEAREST_MOST], *right[NEAREST_MOST];
    struct registry some;
    bool found;
    const struct lookup lookup = {.store = store, .io = io()};
    assert_ok(lookup_near(&lookup, place, &some, &found, &failure), &failure);
    assert_true(found);
    size_t count = registry_nearest(all, wanted, right, NEAREST_MOST);
    assert_int_equal(registry_nearest(&some, place, got, NEAREST_MOST), count);
    for (size_t i = 0; i < count; i++) assert_str(got[i]->id, right[i]->id);
}

static void ask_one(const struct registry *all, const struct whereabouts *where)
{
    struct registry some;
    struct place place, wanted;
    struct error error;
    bool found;
    const struct lookup lookup = {.store = store, .io = io()};
    assert_ok(lookup_find(&lookup, where, &some, &found, &failure), &failure);
    asked++;
    found_small += found && some.edge_count < all->edge_count;
    enum status status = registry_find(all, arena, where, &wanted, &error);
    if (!found) return;
    assert_status(registry_find(&some, arena, where, &place, &failure), status);
    if (status != STATUS_OK) return assert_says(&failure, error.text);
    assert_same_place(&place, &wanted);
    if (!is_in_between) ask_nearest(all, &wanted, &place);
}

static void ask_many(struct fleet *fleet, const struct registry *all, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct whereabouts where = random_whereabouts(fleet);
        if (below(fleet, 6) == 0) where.code = arena_printf(fleet->arena, "L%u", below(fleet, LANS_MAX + 2));
        if (below(fleet, 20) == 0) where.ip = S("x"), where.mask = S("24");
        ask_one(all, &where);
    }
}

/* Mostly the document was enough. */
static void assert_mostly_small(void)
{
    assert_true(asked > 0 && found_small > asked / 2);
}

static void what_is_looked_up_is_what_all_edges_tell(void **state)
{
    (void)state;
    size_t all_asked = 0, all_small = 0;
    for (uint64_t seed = 1; seed <= FLEETS; seed++) {
        struct fleet fleet;
        make_fleet(&fleet, seed);
        set_up(NULL);
        put_fleet(&fleet);
        make_document();
        repair();
        const struct registry all = load();
        assert_int_equal(all.edge_count, fleet.registry.edge_count);
        ask_many(&fleet, &all, QUESTIONS);
        all_asked += asked, all_small += found_small;
        tear_down(NULL);
        arena_free(fleet.arena);
    }
    assert_true(all_small > all_asked / 2);
}

/* More than a list shows share one egress, and one network. */
static void of_many_that_share_all_are_read_or_two_are_enough(void **state)
{
    (void)state;
    bool found;
    struct registry some;
    struct place place;
    const struct lookup lookup = {.store = store, .io = io()};
    for (unsigned i = 0; i < LOOKUP_LISTED_MAX + 5; i++) {
        struct str id = arena_printf(arena, "e%02u", i);
        put("edges/", id,
            arena_printf(arena,
                         "{\"edge\":\"" STR_FMT "\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[\"10.0.%u.0/24\",\"192.168.0.0/24\"],"
                         "\"egress\":[\"203.0.113.7/32\"]}",
                         STR_ARG(id), i));
    }
    make_document();
    repair();
    const struct whereabouts listed = {.ip = S("10.0.3.1"), .mask = S("24"), .caller = S("203.0.113.7")};
    assert_ok(lookup_find(&lookup, &listed, &some, &found, &failure), &failure);
    assert_false(found);
    const struct whereabouts shared = {.ip = S("192.168.0.1"), .mask = S("24"), .caller = S("192.168.0.1")};
    assert_ok(lookup_find(&lookup, &shared, &some, &found, &failure), &failure);
    assert_true(found && some.edge_count == 4);
    const struct whereabouts own = {.ip = S("10.0.3.1"), .mask = S("24"), .caller = S("10.0.3.1")};
    assert_ok(lookup_find(&lookup, &own, &some, &found, &failure), &failure);
    assert_true(found && some.edge_count == 1);
    assert_ok(registry_find(&some, arena, &own, &place, &failure), &failure);
    assert_str(place.edge->id, S("e03"));
    for (unsigned i = 0; i < LOOKUP_LISTED_MAX + 3; i++) /* two are left, which no list showed */
        assert_ok(registry_remove_edge(store, io(), arena_printf(arena, "e%02u", i), &failure), &failure);
    assert_ok(lookup_find(&lookup, &shared, &some, &found, &failure), &failure);
    assert_false(found);
    assert_true(repair() > 0);
    assert_ok(lookup_find(&lookup, &shared, &some, &found, &failure), &failure);
    assert_true(found && some.edge_count == 2);
}

/* --- edges and LANs that come, change and go */

static void change_one(struct fleet *fleet, const struct registry *all)
{
    unsigned number = below(fleet, EDGES_MAX);
    struct str id = arena_printf(arena, "e%02u", number), code = arena_printf(arena, "L%u", below(fleet, LANS_MAX));
    struct lan_entry entry;
    unsigned what = below(fleet, 8);
    fleet->registry.edge_count = fleet->registry.lan_count = 0;
    if (what == 0 && registry_edge(all, id)) {
        assert_ok(registry_remove_edge(store, io(), id, &failure), &failure);
    } else if (what == 1 && registry_lan(all, code)) {
        assert_ok(registry_remove_lan(store, io(), code, &failure), &failure);
    } else if (what == 2) {
        add_lan(fleet, below(fleet, LANS_MAX));
        registry_put_lan(store, io(), lan_entry_format(arena, &fleet->registry.lans[0]), &entry, &failure); /* or it is refused */
    } else {
        add_edge(fleet, number);
        registry_put_edge(store, io(), &fleet->registry.edges[0], &failure);
    }
}

static void each_change_is_found_at_once(void **state)
{
    (void)state;
    struct fleet fleet;
    make_fleet(&fleet, 3);
    make_document();
    repair();
    for (int i = 0; i < 120; i++) {
        const struct registry before = load();
        change_one(&fleet, &before);
        const struct registry all = load();
        ask_many(&fleet, &all, 12);
    }
    assert_mostly_small();
    assert_int_equal(repair(), 0); /* nothing is left over */
    arena_free(fleet.arena);
}

static void many_at_once_are_found_too(void **state)
{
    (void)state;
    struct fleet fleet;
    size_t written;
    make_fleet(&fleet, 9);
    struct edge *edges = fleet.registry.edges;
    for (unsigned i = 0; i < EDGES_MAX; i++) {
        struct str location = location_of(&fleet);
        struct str json = arena_printf(arena,
                                       "{\"edge\":\"e%02u\",\"address\":\"a\",\"store\":\"pull\",\"site\":\"site-%u\",\"region\":\"%s\","
                                       "\"lans\":[\"%s\"]" STR_FMT "}",
                                       i, i, ONE_OF(&fleet, regions), ONE_OF(&fleet, networks), STR_ARG(location));
        assert_ok(edge_parse(arena, json, &edges[i], &failure), &failure);
    }
    make_document();
    repair();
    for (size_t count = EDGES_MAX / 2; count <= EDGES_MAX; count += EDGES_MAX / 2) {
        const struct registry before = load();
        const struct registry_batch batch = {&before, edges, count, NULL, NULL};
        assert_ok(registry_put_edges(store, io(), &batch, &written, &failure), &failure);
        assert_int_equal(written, EDGES_MAX / 2);
    }
    const struct registry all = load();
    ask_many(&fleet, &all, QUESTIONS);
    for (size_t i = 0; i < all.edge_count; i++) ask_one(&all, &(struct whereabouts){.site = all.edges[i].site});
    assert_mostly_small();
    assert_int_equal(repair(), 0);
    arena_free(fleet.arena);
}

/* Far more than one shard, and many at one place. */
static void the_nearest_of_many_are_found(void **state)
{
    (void)state;
    enum { MANY = 4000, CHECKS = 60 };
    size_t changed;
    struct fleet fleet = {.arena = arena, .random = 7};
    struct registry all = {.edges = arena_array(arena, MANY, sizeof *all.edges), .edge_count = MANY};
    all.edge_sources = (struct registry_sources){arena_array(arena, MANY, sizeof *all.edge_sources.at), MANY, 0};
    for (unsigned i = 0; i < MANY; i++) {
        double spread = i % 16 == 0 ? 0 : i % 3 == 1 ? 0.5 : 170;
        struct location at = {true, 31.2 + (random_fraction(&fleet.random) - 0.5) * fmin(spread, 100),
                              121.5 + (random_fraction(&fleet.random) - 0.5) * spread};
        if (at.longitude > 180) at.longitude -= 360;
        all.edges[i] = (struct edge){.id = arena_printf(arena, "e%04u", i), .location = at};
        all.edge_sources.at[i] = (struct registry_source){.name = all.edges[i].id, .etag = i};
    }
    registry_complete(arena, &all);
    make_document();
    assert_ok(lookup_repair(store, io(), &all, &changed, &failure), &failure);
    for (unsigned i = 0; i < CHECKS; i++) {
        struct place place = {.location = {true, random_fraction(&fleet.random) * 180 - 90, random_fraction(&fleet.random) * 360 - 180}};
        if (i % 2 == 0) place.edge = &all.edges[i * 7], place.location = place.edge->location;
        ask_nearest(&all, &place, &place);
    }
}

static void a_large_fleet_gets_a_document_by_itself(void **state)
{
    (void)state;
    size_t written, changed;
    struct edge *edges = arena_array(arena, LOOKUP_MIN, sizeof *edges);
    struct lookup_settings settings;
    for (unsigned i = 0; i < LOOKUP_MIN; i++) {
        struct str json =
            arena_printf(arena, "{\"edge\":\"e%u\",\"address\":\"a\",\"store\":\"pull\",\"site\":\"s%u\",\"lans\":[\"10.0.0.0/8\"]}", i, i);
        assert_ok(edge_parse(arena, json, &edges[i], &failure), &failure);
    }
    const struct registry none = load();
    const struct registry_batch batch = {&none, edges, LOOKUP_MIN - 1, NULL, NULL};
    assert_ok(registry_put_edges(store, io(), &batch, &written, &failure), &failure);
    const struct registry small = load();
    assert_ok(lookup_repair(store, io(), &small, &changed, &failure), &failure);
    assert_ok(lookup_settings_read(store, io(), 0, &settings, &failure), &failure);
    assert_int_equal(settings.generation, 0);
    assert_ok(registry_put_edge(store, io(), &edges[LOOKUP_MIN - 1], &failure), &failure);
    assert_ok(lookup_settings_read(store, io(), 0, &settings, &failure), &failure);
    assert_true(settings.usable);
    const struct registry all = load();
    for (size_t i = 0; i < LOOKUP_MIN; i += 17) ask_one(&all, &(struct whereabouts){.site = edges[i].site});
    assert_int_equal(found_small, asked);
    struct fault_store *counted = fault_store(arena, store, 1000);
    edges[7].address = S("b");
    assert_ok(registry_put_edge(&counted->store, io(), &edges[7], &failure), &failure);
    assert_int_equal(counted->puts, 1);
    edges[7].location = (struct location){true, 1, 2};
    assert_ok(registry_put_edge(&counted->store, io(), &edges[7], &failure), &failure);
    assert_int_equal(counted->puts, 1 + 3); /* the first one with a location: also the settings */
    edges[7].location.longitude = 2.1;
    assert_ok(registry_put_edge(&counted->store, io(), &edges[7], &failure), &failure);
    assert_int_equal(counted->puts, 1 + 3 + 3); /* the edge, and the shard of locations twice */
}

/* --- what goes wrong */

/* Whatever a killed writer left: what is found is what is registered. */
static void a_writer_may_be_killed_at_any_request(void **state)
{
    (void)state;
    struct fleet fleet;
    make_fleet(&fleet, 5);
    put_fleet(&fleet);
    make_document();
    repair();
    const struct edge old = load().edges[0];
    is_in_between = true;
    for (int step = 0; step < 3; step++) {
        for (long left = 0;; left++) {
            struct fault_store *fault = fault_store(arena, store, left);
            struct edge new = old;
            struct error error;
            new.region = step % 2 ? S("north") : S("south");
            new.location = (struct location){true, 10 + (double)left, 20};
            fault->carries_out = left % 2;
            enum status status = step == 2 ? registry_remove_edge(&fault->store, io(), old.id, &error)
                                           : registry_put_edge(&fault->store, io(), &new, &error);
            const struct registry all = load();
            ask_many(&fleet, &all, 4);
            ask_one(&all, &(struct whereabouts){.region = new.region, .caller = S("8.8.8.8")});
            if (fault->left >= 0 && (status == STATUS_OK || status == STATUS_INVALID)) break;
            if (step == 2 && !registry_edge(&all, old.id)) put("edges/", old.id, edge_format(arena, &old)), repair();
        }
    }
    repair();
    is_in_between = false;
    const struct registry whole = load();
    ask_many(&fleet, &whole, QUESTIONS);
    assert_int_equal(repair(), 0);
    arena_free(fleet.arena);
}

static void a_repair_may_be_killed_at_any_request(void **state)
{
    (void)state;
    struct fleet fleet;
    size_t changed;
    make_fleet(&fleet, 6);
    put_fleet(&fleet);
    make_document();
    for (long left = 0;; left++) {
        struct fault_store *fault = fault_store(arena, store, left);
        const struct registry all = load();
        fault->carries_out = left % 2;
        enum status status = lookup_repair(&fault->store, io(), &all, &changed, &failure);
        ask_many(&fleet, &all, 3);
        if (status == STATUS_OK) break;
        assert_error(status, STATUS_DENIED, &failure, "killed");
    }
    asked = found_small = 0;
    const struct registry whole = load();
    ask_many(&fleet, &whole, QUESTIONS);
    assert_mostly_small();
    arena_free(fleet.arena);
}

static void what_is_written_by_hand_is_found_after_a_repair(void **state)
{
    (void)state;
    struct fleet fleet;
    make_fleet(&fleet, 7);
    put_fleet(&fleet);
    make_document();
    repair();
    put("edges/", S("by-hand"),
        S("{\"edge\":\"by-hand\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[\"172.16.5.0/24\"],\"site\":\"hill\"}"));
    assert_ok(store_remove(store, io(), S("edges/e01.json"), &failure), &failure);
    assert_true(repair() > 0);
    const struct registry all = load();
    ask_one(&all, &(struct whereabouts){.site = S("hill")});
    ask_many(&fleet, &all, QUESTIONS);
    assert_int_equal(repair(), 0);
    put("edges/", S("other"), S("{\"edge\":\"odd\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[\"172.16.6.0/24\"]}"));
    repair();
    size_t before = found_small;
    const struct registry odd = load();
    ask_many(&fleet, &odd, 20);
    assert_int_equal(found_small, before); /* an object of another name: all are read */
    arena_free(fleet.arena);
}

static bool note_key(void *context, const struct store_object *object)
{
    *(struct str *)context = arena_copy(arena, object->key);
    return false;
}

static void a_damaged_shard_is_made_again(void **state)
{
    (void)state;
    struct fleet fleet;
    struct str key;
    make_fleet(&fleet, 8);
    put_fleet(&fleet);
    make_document();
    repair();
    assert_ok(store_list(store, io(), S("lookup/keys/"), 1, note_key, &key, &failure), &failure);
    assert_ok(store_put(store, io(), key, S("damaged"), &(struct store_put){0}, NULL, &failure), &failure);
    put("edges/", S("z"), S("{\"edge\":\"z\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[\"172.16.5.0/24\"]}"));
    const struct registry all = load();
    ask_one(&all, &(struct whereabouts){.site = S("mall")});
    assert_int_equal(found_small, 0);
    assert_true(repair() > 0);
    ask_many(&fleet, &all, QUESTIONS);
    assert_mostly_small();
    arena_free(fleet.arena);
}

static void *write_many(void *first)
{
    struct arena *own = arena_new();
    struct error error;
    for (unsigned i = 0; i < 30; i++) {
        struct edge edge;
        unsigned number = *(const unsigned *)first + i % 10;
        struct io own_io = {.arena = own, .deadline = deadline_in(TIMEOUT)};
        struct str json =
            arena_printf(own,
                         "{\"edge\":\"w%u\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[\"192.168.0.0/24\"],\"site\":\"s%u\","
                         "\"egress\":[\"203.0.113.0/24\"],\"location\":[%u,%u],\"region\":\"r\"}",
                         number, number + 100 * (i % 2), number, i);
        enum status status = edge_parse(own, json, &edge, &error);
        if (status == STATUS_OK) status = registry_put_edge(store, own_io, &edge, &error);
        if (status != STATUS_OK) return fputs(error.text, stderr), first;
    }
    arena_free(own);
    return NULL;
}

static void several_writers_leave_all_that_is_needed(void **state)
{
    (void)state;
    pthread_t threads[3];
    const unsigned firsts[3] = {10, 20, 15}; /* the third writes some of each of the others' */
    make_document();
    repair();
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)(uintptr_t)&firsts[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    const struct registry all = load();
    assert_int_equal(all.edge_count, 20);
    for (size_t i = 0; i < all.edge_count; i++) {
        is_in_between = true;
        ask_one(&all, &(struct whereabouts){.site = all.edges[i].site});
    }
    repair();
    is_in_between = false;
    for (size_t i = 0; i < all.edge_count; i++) {
        ask_one(&all, &(struct whereabouts){.site = all.edges[i].site});
        ask_one(&all, &(struct whereabouts){.site = all.edges[i].site, .ip = S("192.168.0.9"), .mask = S("24")});
    }
    assert_int_equal(found_small, asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_looked_up_is_what_all_edges_tell),
        cmocka_unit_test_setup_teardown(of_many_that_share_all_are_read_or_two_are_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_change_is_found_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once_are_found_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nearest_of_many_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_fleet_gets_a_document_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_may_be_killed_at_any_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repair_may_be_killed_at_any_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_by_hand_is_found_after_a_repair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_shard_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_writers_leave_all_that_is_needed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
