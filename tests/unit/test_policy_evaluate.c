/* Demand → wanted, end to end on a file:// store: P9 to P15, alerts, quota, several at once. */
#include "lib/policy/evaluate.h"

#include <pthread.h>

#include "lib/demand/demand.h"
#include "lib/edges/lan.h"
#include "lib/policy/by_hand.h"
#include "tests/unit/package_facts.h"
#include "tests/unit/scratch_store.h"

struct fixture {
    struct arena *arena;
    struct store *store;
    struct registry registry;
    struct policy policy;
    struct evaluation how;
    struct evaluation_result result;
    struct demand *demand;
    struct str told; /* decisions of the last run */
    struct error error;
    int64_t now;
};

static void keep_told(void *context, struct str line)
{
    struct fixture *f = context;
    f->told = arena_join(f->arena, f->told, line);
}

static bool patches_are_made;

static enum status ask_facts(void *context, struct io io, const struct package_name *name, struct package_facts *facts, struct error *error)
{
    TRY(facts_of(context, io, name, facts, error));
    if (name->from.length > 0 && patches_are_made)
        *facts = (struct package_facts){2, S("3b8c76f45bcb0d1c1d9ba1d3e1a2f0b2b7e1c6a4f5d8e9a0b1c2d3e4f5a6b7c8")};
    return STATUS_OK;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->store = scratch_store(f->arena);
    assert_true(clock_parse_time(S("2026-08-25T12:00:00Z"), &f->now));
    const char *policy = "{\"place\":{\"t1\":10,\"t2\":2,\"m\":3,\"of\":5,\"window\":{\"last\":\"1d\"}},"
                         "\"evict\":{\"t3\":3,\"n\":3,\"of\":5,\"window\":{\"last\":\"1d\"}}}";
    assert_ok(policy_parse(f->arena, str_of(policy), &f->policy, &f->error), &f->error);
    f->how = (struct evaluation){.store = f->store,
                                 .registry = &f->registry,
                                 .policy = &f->policy,
                                 .facts = ask_facts,
                                 .now = f->now,
                                 .part = -1,
                                 .tell = keep_told,
                                 .tell_context = f};
    f->demand = demand_new(&(struct demand_options){0});
    clock_set_now(f->now);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    demand_free(f->demand);
    arena_free(f->arena);
    free(f);
    return 0;
}

static struct io io_of(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(30 * CLOCK_SECOND)};
}

static void put_edge(struct fixture *f, const char *json)
{
    struct edge edge;
    assert_ok(edge_parse(f->arena, str_of(json), &edge, &f->error), &f->error);
    assert_ok(registry_put_edge(f->store, io_of(f->arena), &edge, &f->error), &f->error);
    assert_ok(registry_load(f->store, io_of(f->arena), &f->registry, &f->error), &f->error);
}

#define EDGE(id, lans, rest) "{\"edge\":\"" id "\",\"address\":\"192.168.0.5\",\"store\":\"pull\",\"lans\":[" lans "]" rest "}"

static void ask(struct fixture *f, const char *lan, const char *package, bool hit, int days_ago, int times)
{
    clock_set_now(f->now - days_ago * (int64_t)CLOCK_DAY);
    for (int i = 0; i < times; i++)
        demand_count(f->demand, &(struct demand_request){.lan = str_of(lan), .registered = true, .package = str_of(package), .hit = hit},
                     clock_now());
    assert_ok(demand_flush(f->demand, f->store, io_of(f->arena), &f->error), &f->error);
    clock_set_now(f->now);
}

static void evaluate(struct fixture *f)
{
    f->result = (struct evaluation_result){0};
    f->how.present = clock_now();
    f->told = S("");
    assert_ok(placement_evaluate(&f->how, io_of(f->arena), &f->result, &f->error), &f->error);
}

static void evict(struct fixture *f)
{
    f->result = (struct evaluation_result){0};
    f->told = S("");
    assert_ok(placement_evict(&f->how, io_of(f->arena), &f->result, &f->error), &f->error);
}

static void assert_wanted(struct fixture *f, const char *edge, const char *list)
{
    struct wanted wanted;
    struct str names = S(""), separator = S("");
    assert_ok(wanted_load(f->store, io_of(f->arena), str_of(edge), 0, &wanted, &f->error), &f->error);
    for (size_t i = 0; i < wanted.count; i++) {
        names = arena_join(f->arena, names, separator, wanted.items[i].package, wanted.items[i].pending ? S("?") : S(""));
        separator = S(" ");
    }
    assert_str(names, str_of(list));
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
    assert_ok(store_list(f->store, io_of(f->arena), str_of(prefix), 0, count_object, &count, &f->error), &f->error);
    return count;
}

/* --- placing */

static void demand_makes_packages_wanted(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 11);
    ask(f, "10.0.0.0/8", "B/1", false, 0, 10);
    for (int day = 1; day < 4; day++) ask(f, "10.0.0.0/8", "C/1", false, day, 3);
    ask(f, "10.0.0.0/8", "GONE/1", false, 0, 100);
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1 C/1");
    assert_int_equal(f->result.placed, 2);
    assert_int_equal(objects(f, "decisions/"), 1);
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1 C/1");
    assert_int_equal(f->result.placed, 0);
    assert_int_equal(f->result.kept, 2);
}

static void a_dry_run_writes_nothing(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 11);
    f->how.dry_run = true;
    evaluate(f);
    assert_int_equal(f->result.placed, 1);
    assert_wanted(f, "shop-1", "");
    assert_int_equal(objects(f, "decisions/"), 0);
}

/* P2: one edge serves several LANs; each is asked by itself, and hits are summed. */
static void lans_of_an_edge_are_looked_at_one_by_one(void **state)
{
    struct fixture *f = *state;
    f->policy.place.small_size = 50; /* none of these is */
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\",\"192.168.0.0/24\",\"192.168.7.0/24\"", ""));
    ask(f, "10.0.0.0/8", "A/100", false, 0, 6);
    ask(f, "192.168.0.0/24", "A/100", false, 0, 6);
    ask(f, "192.168.7.0/24", "B/100", false, 0, 11);
    for (int day = 1; day < 4; day++) ask(f, "192.168.0.0/24", "C/100", false, day, 3);
    ask(f, "10.0.0.0/8", "C/100", false, 0, 4); /* more of late, and passes no rule */
    ask(f, "192.168.7.0/24", "C/100", false, 0, 4);
    evaluate(f);
    assert_wanted(f, "shop-1", "B/100 C/100");
}

static void on_an_edge_that_splices_channels_are_their_base(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/16\"", ",\"splices\":true"));
    put_edge(f, EDGE("shop-2", "\"10.1.0.0/16\"", ""));
    for (int i = 0; i < 3; i++) {
        struct str channel = arena_printf(f->arena, "A/1/c%d", i);
        ask(f, "10.0.0.0/16", channel.data, false, 0, 4);
        ask(f, "10.1.0.0/16", channel.data, false, 0, i == 1 ? 11 : 4);
    }
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1");
    assert_wanted(f, "shop-2", "A/1/c1");
}

static enum status mark_pending(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    const struct fixture *f = context;
    static const char *const names[] = {"D/1", "M/1", "P/1"};
    (void)error;
    wanted->count = sizeof names / sizeof *names;
    wanted->items = arena_array(arena, wanted->count, sizeof *wanted->items);
    for (size_t i = 0; i < wanted->count; i++)
        wanted->items[i] = (struct wanted_package){
            .package = str_of(names[i]), .since = f->now - 1000, .reason = RULE_TRIGGER, .pending = true, .size = 10};
    return STATUS_OK;
}

static void p7_pending_ones_and_newcomers_are_placed_together(void **state)
{
    struct fixture *f = *state;
    struct wanted wanted;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    assert_ok(wanted_update(f->store, io_of(f->arena), S("shop-1"), mark_pending, f, &wanted, &f->error), &f->error);
    static const char *const asked[] = {"A/1", "B/1", "C/1", "D/1", "E/1", "P/1"};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) ask(f, "10.0.0.0/8", asked[i], false, 0, 11);
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1 B/1 C/1 D/1 E/1 M/1? P/1");
    assert_ok(wanted_load(f->store, io_of(f->arena), S("shop-1"), 0, &wanted, &f->error), &f->error);
    assert_int_equal(wanted_find(&wanted, S("P/1"))->since, f->now); /* from now on it is new */
}

static void p1_a_lan_that_the_edge_lists_by_its_code_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct lan_entry entry;
    const char *lan = "{\"code\":\"SHOP-7\",\"site\":\"seven\",\"network\":\"192.168.0.0/24\"}";
    assert_ok(registry_put_lan(f->store, io_of(f->arena), str_of(lan), &entry, &f->error), &f->error);
    put_edge(f, EDGE("shop-7", "\"SHOP-7\"", ""));
    ask(f, "seven@192.168.0.0/24", "A/1", false, 0, 11);
    evaluate(f);
    assert_int_equal(f->result.alerts, 0);
    assert_wanted(f, "shop-7", "A/1");
}

/* Nobody asks for either; no edge could be filled with what is unpublished. */
static void p2_what_was_placed_by_hand_is_dropped_by_a_person_or_when_it_is_unpublished(void **state)
{
    struct fixture *f = *state;
    struct package_facts facts = {.size = 10};
    put_edge(f, EDGE("node-1", "", ""));
    struct by_hand how = {.store = f->store, .edge = &f->registry.edges[0], .package = {.app = S("A"), .version = S("1")}, .now = 1000};
    assert_ok(placement_place(&how, io_of(f->arena), &facts, &f->error), &f->error);
    how.package.app = S("GONE");
    assert_ok(placement_place(&how, io_of(f->arena), &facts, &f->error), &f->error);
    evict(f);
    assert_wanted(f, "node-1", "A/1");
    how.package.app = S("A");
    assert_ok(placement_drop(&how, io_of(f->arena), &f->error), &f->error);
    assert_wanted(f, "node-1", "");
    assert_error(placement_drop(&how, io_of(f->arena), &f->error), STATUS_NOT_FOUND, &f->error, "A/1 is not wanted there");
}

static void a_row_that_cannot_be_read_stops_its_edge_only(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.1.0.0/16\"", ""));
    put_edge(f, EDGE("shop-2", "\"10.2.0.0/16\"", ""));
    assert_ok(store_put(f->store, io_of(f->arena), S("wanted/shop-1/9999999999999999"), S("{"), NULL, NULL, &f->error), &f->error);
    ask(f, "10.1.0.0/16", "A/1", false, 0, 11);
    ask(f, "10.2.0.0/16", "A/1", false, 0, 11);
    evaluate(f);
    assert_int_equal(f->result.failed, 1);
    assert_wanted(f, "shop-2", "A/1");
}

static void p12_a_lan_without_an_edge_is_told_of_and_served_once_it_has_one(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "192.168.0.0/24", "A/1", false, 0, 11);
    evaluate(f);
    assert_int_equal(f->result.alerts, 1);
    assert_int_equal(objects(f, "alerts/2026-08-25/"), 1);
    evaluate(f);
    assert_int_equal(objects(f, "alerts/2026-08-25/"), 1);
    put_edge(f, EDGE("shop-2", "\"192.168.0.0/24\"", ""));
    evaluate(f);
    assert_int_equal(f->result.alerts, 0);
    assert_wanted(f, "shop-2", "A/1");
}

/* Names that a hash of 32 bits does not tell apart, and names that are one text behind one another. */
static void p12_alerts_of_shops_with_equal_networks_say_where(void **state)
{
    struct fixture *f = *state;
    ask(f, "203.0.113.5/32@192.168.0.0/24", "A/1", false, 0, 11);
    ask(f, "198.51.100.7/32@192.168.0.0/24", "A/1", false, 0, 11);
    ask(f, "192.0.2.9/32@192.168.0.0/24", "A/1", false, 0, 10);
    evaluate(f);
    assert_int_equal(f->result.alerts, 2);
    assert_true(str_find_str(f->told, S("\"lan\":\"203.0.113.5/32@192.168.0.0/24\",\"egress\":\"203.0.113.5/32\"")) < f->told.length);
    assert_true(str_find_str(f->told, S("\"egress\":\"198.51.100.7/32\"")) < f->told.length);
}

/* What was counted before the edge was registered and what came since are one LAN's. */
static void p1_an_edge_gets_what_its_egress_was_counted_by(void **state)
{
    struct fixture *f = *state;
    const char *const lans[] = {"203.0.113.5/32@192.168.0.0/24", "198.51.100.7/32@192.168.0.0/24", "5.6.7.8/32@192.168.0.0/24"};
    for (int i = 0; i < 3; i++) ask(f, lans[i], "A/1", false, 0, 6);
    put_edge(f, EDGE("shop-1", "\"192.168.0.0/24\"", ",\"egress\":[\"203.0.113.0/28\"]"));
    put_edge(f, EDGE("shop-2", "\"192.168.0.0/24\"", ",\"egress\":[\"198.51.100.7/32\"],\"site\":\"two\""));
    put_edge(f, EDGE("shop-3", "\"192.168.0.0/24\"", ",\"egress\":[\"5.0.0.0/8\"],\"site\":\"three\""));
    ask(f, "203.0.113.0/28@192.168.0.0/24", "A/1", false, 0, 5);
    ask(f, "two@192.168.0.0/24", "A/1", false, 0, 5);
    ask(f, "three@192.168.0.0/24", "A/1", false, 0, 5);
    for (f->how.part = 0; f->how.part < LAN_PARTS; f->how.part++) evaluate(f); /* wherever the counts are */
    assert_wanted(f, "shop-1", "A/1");
    assert_wanted(f, "shop-2", "A/1");
    assert_wanted(f, "shop-3", "A/1");
}

static void each_lan_and_package_has_an_alert_of_its_own(void **state)
{
    struct fixture *f = *state;
    static const char *const asked[][2] = {{"10.0.0.0/8", "APP70646/1"}, {"10.0.0.0/8", "APP372890/1"}, {"@S", "SA/1"}, {"@SS", "A/1"}};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) ask(f, asked[i][0], asked[i][1], false, 0, 11);
    evaluate(f);
    assert_int_equal(f->result.alerts, 4);
    assert_int_equal(objects(f, "alerts/2026-08-25/"), 4);
}

static void the_quota_is_kept_for_those_that_are_asked_for_most(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ",\"quota\":100"));
    ask(f, "10.0.0.0/8", "A/60", false, 0, 20);
    ask(f, "10.0.0.0/8", "B/60", false, 0, 30);
    ask(f, "10.0.0.0/8", "C/101", false, 0, 900);
    evaluate(f);
    assert_wanted(f, "shop-1", "B/60");
    assert_int_equal(f->result.no_room, 2);
}

/* --- evicting */

static void hold(struct fixture *f, const char *package, int64_t since)
{
    const struct held_package held = {.package = str_of(package), .since = since, .size = 1};
    assert_ok(held_set(f->store, io_of(f->arena), S("shop-1"), &held, &f->error), &f->error);
}

static void what_is_asked_for_no_more_goes(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\",\"192.168.0.0/24\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 11);
    ask(f, "10.0.0.0/8", "B/1", false, 0, 11);
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1 B/1");
    evict(f);
    assert_wanted(f, "shop-1", "A/1 B/1"); /* just placed */
    hold(f, "A/1", f->now);
    hold(f, "B/1", f->now);
    f->now += 4 * (int64_t)CLOCK_DAY;
    f->how.now = f->now;
    for (int day = 0; day < 4; day++) {
        ask(f, "10.0.0.0/8", "A/1", true, day, 2);
        ask(f, "192.168.0.0/24", "A/1", true, day, 1);
        ask(f, "10.0.0.0/8", "B/1", true, day, 2);
    }
    evict(f);
    assert_wanted(f, "shop-1", "A/1");
    assert_int_equal(f->result.evicted, 1);
    evict(f);
    assert_wanted(f, "shop-1", "A/1");
}

/* P14: an edge cannot have hits of what it has not got yet. */
static void what_has_not_come_yet_stays_while_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 11);
    ask(f, "10.0.0.0/8", "B/1", false, 0, 11);
    evaluate(f);
    f->now += 4 * (int64_t)CLOCK_DAY;
    f->how.now = f->now;
    for (int day = 0; day < 4; day++) ask(f, "10.0.0.0/8", "A/1", false, day, 3);
    evict(f);
    assert_wanted(f, "shop-1", "A/1");
    assert_true(str_find_str(f->told, S("\"hits\":[0,0,0,0,0],\"awaited\":[6,3,3,11,0]")) < f->told.length);
    hold(f, "A/1", f->now - CLOCK_HOUR); /* it came this hour: no window says anything about it */
    evict(f);
    assert_wanted(f, "shop-1", "A/1");
    hold(f, "A/1", f->now - 4 * (int64_t)CLOCK_DAY);
    evict(f);
    assert_wanted(f, "shop-1", "A/1"); /* the same, but for when it came, is not written again */
    assert_true(str_find_str(f->told, S("\"awaited\"")) == f->told.length);
    assert_ok(held_drop(f->store, io_of(f->arena), S("shop-1"), S("A/1"), &f->error), &f->error);
    hold(f, "A/1", f->now - 4 * (int64_t)CLOCK_DAY);
    evict(f);
    assert_wanted(f, "shop-1", ""); /* it was there, and served nobody */
}

static void p6_patches_that_nobody_made_are_not_placed_where_none_are_made(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1..2", false, 0, 11);
    f->policy.generate_patches = false;
    evaluate(f);
    assert_wanted(f, "shop-1", "");
    f->policy.generate_patches = true;
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1..2");
    f->policy.generate_patches = false;
    evict(f);
    assert_wanted(f, "shop-1", "");
}

/* The edge's quota is for what there is, once that is known. */
static void a_patch_takes_the_room_that_it_has_once_it_is_made(void **state)
{
    struct fixture *f = *state;
    struct wanted wanted;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ",\"quota\":100"));
    ask(f, "10.0.0.0/8", "A/1..90", false, 0, 11);
    evaluate(f);
    ask(f, "10.0.0.0/8", "B/95", false, 0, 11);
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1..90");
    patches_are_made = true;
    evaluate(f);
    patches_are_made = false;
    assert_wanted(f, "shop-1", "A/1..90 B/95");
    assert_ok(wanted_load(f->store, io_of(f->arena), S("shop-1"), 0, &wanted, &f->error), &f->error);
    assert_int_equal(wanted_find(&wanted, S("A/1..90"))->size, 2);
    uint64_t generation = wanted.generation;
    evaluate(f);
    assert_ok(wanted_load(f->store, io_of(f->arena), S("shop-1"), 0, &wanted, &f->error), &f->error);
    assert_int_equal(wanted.generation, generation);
}

/* --- parts, and several at once */

static void parts_come_to_what_the_whole_comes_to(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        struct str edge = arena_printf(f->arena, EDGE("shop-%d", "\"10.%d.0.0/16\",\"192.168.%d.0/24\"", ""), i, i, i);
        put_edge(f, edge.data);
        ask(f, arena_printf(f->arena, "10.%d.0.0/16", i).data, "A/1", false, 0, 11);
        ask(f, arena_printf(f->arena, "192.168.%d.0/24", i).data, "B/1", false, 0, 11);
    }
    f->how.dry_run = true;
    evaluate(f);
    uint64_t whole = f->result.placed;
    f->how.dry_run = false;
    uint64_t parts = 0;
    for (f->how.part = 0; f->how.part < LAN_PARTS; f->how.part++) {
        evaluate(f);
        parts += f->result.placed;
    }
    assert_int_equal(whole, 40);
    assert_int_equal(parts, 40);
    assert_wanted(f, "shop-7", "A/1 B/1");
}

static void *evaluate_alone(void *context)
{
    struct fixture *f = context;
    struct arena *arena = arena_new();
    struct evaluation_result result = {0};
    struct error error;
    if (placement_evaluate(&f->how, io_of(arena), &result, &error) != STATUS_OK) print_error("%s\n", error.text);
    arena_free(arena);
    return NULL;
}

static void several_at_once_do_not_undo_each_other(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ",\"quota\":20"));
    ask(f, "10.0.0.0/8", "A/10", false, 0, 20);
    ask(f, "10.0.0.0/8", "B/10", false, 0, 20);
    ask(f, "10.0.0.0/8", "C/10", false, 0, 12);
    f->how.tell = NULL; /* the fixture is nobody's alone */
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, evaluate_alone, f), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_wanted(f, "shop-1", "A/10 B/10");
}

/* `--now`: as if it were then. */
static void who_asks_what_will_be_throws_nothing_away(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 5);
    f->how.now = f->now + 100 * (int64_t)CLOCK_DAY;
    evaluate(f);
    ask(f, "10.0.0.0/8", "A/1", false, 0, 6); /* in the same object */
    f->how.now = f->now;
    evaluate(f);
    assert_wanted(f, "shop-1", "A/1");
    clock_set_now(f->now + 100 * (int64_t)CLOCK_DAY);
    f->how.now = clock_now();
    evaluate(f);
    assert_int_equal(objects(f, "demand/"), 0);
}

/* --- P7 */

static bool any_lan(void *context, struct str lan)
{
    (void)context;
    return lan.length > 0;
}

/* What is in the store now; query keeps it for a while. */
static enum status read_sums(void *context, struct io io, unsigned part, const struct demand_sums **out, struct error *error)
{
    struct fixture *f = context;
    struct span spans[POLICY_SPANS_MAXIMUM];
    unsigned places;
    struct demand_sums *sums = arena_new_of(f->arena, struct demand_sums);
    const struct demand_sums_question question = {
        .spans = {spans, policy_spans(&f->policy, f->now, spans, &places)}, .own = f->demand, .keeps = any_lan};
    io.arena = f->arena;
    *out = sums;
    return demand_sums_read(&(struct demand_part){f->store, io, part}, &question, sums, error);
}

static struct triggered trigger(struct fixture *f, const char *package, uint64_t missing, bool mark_first)
{
    struct triggered triggered;
    const struct triggering triggering = {.edge = registry_edge(&f->registry, S("shop-1")),
                                          .lan = S("10.0.0.0/8"),
                                          .package = str_of(package),
                                          .missing = missing,
                                          .mark_first = mark_first,
                                          .sums = read_sums,
                                          .context = f};
    assert_ok(placement_trigger(&f->how, io_of(f->arena), &triggering, &triggered, &f->error), &f->error);
    return triggered;
}

static void p7_a_miss_that_passes_makes_its_package_wanted(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 8);
    ask(f, "10.0.0.0/8", "B/1", false, 0, 50);
    assert_enum(trigger(f, "A/1", 2, false).decision, DECISION_NONE, decision_name);
    struct triggered placed = trigger(f, "A/1", 3, false);
    assert_enum(placed.decision, DECISION_PLACE, decision_name);
    assert_true(placed.wanted);
    assert_int_equal(placed.size, 1);
    assert_wanted(f, "shop-1", "A/1"); /* and B is left to the next evaluation */
    struct triggered kept = trigger(f, "A/1", 4, true);
    assert_enum(kept.decision, DECISION_KEEP, decision_name);
    assert_true(kept.wanted);
}

/* Sums that are not of this moment: what was counted since is added, and counted once. */
static void p7_what_changes_nothing_is_not_told_at_every_miss(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ",\"quota\":5"));
    assert_enum(trigger(f, "A/9", 100, false).decision, DECISION_NO_ROOM, decision_name);
    assert_enum(trigger(f, "A/9", 101, false).decision, DECISION_NO_ROOM, decision_name);
    assert_int_equal(objects(f, "decisions/"), 0);
    assert_enum(trigger(f, "A/4", 100, false).decision, DECISION_PLACE, decision_name);
    assert_enum(trigger(f, "A/4", 101, false).decision, DECISION_KEEP, decision_name);
    assert_int_equal(objects(f, "decisions/"), 1);
}

static void p7_what_was_counted_since_the_sums_is_added(void **state)
{
    struct fixture *f = *state;
    const struct demand_sums *sums;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    ask(f, "10.0.0.0/8", "A/1", false, 0, 4);
    ask(f, "10.0.0.0/8", "A/1", true, 0, 3);
    ask(f, "10.0.0.0/8", "A/1/c", false, 0, 4);
    assert_ok(read_sums(f, io_of(f->arena), lan_part(S("10.0.0.0/8")), &sums, &f->error), &f->error);
    assert_int_equal(demand_sums_missing(sums, f->demand, S("10.0.0.0/8"), S("A/1")), 0);
    ask(f, "10.0.0.0/8", "A/1", false, 0, 2); /* written */
    demand_count(f->demand, &(struct demand_request){.lan = S("10.0.0.0/8"), .registered = true, .package = S("A/1"), .hit = false},
                 f->now);
    assert_int_equal(demand_sums_missing(sums, f->demand, S("10.0.0.0/8"), S("A/1")), 3);
    assert_int_equal(demand_sums_missing(sums, f->demand, S("10.0.0.0/8"), S("B/1")), 0);
    ask(f, "10.0.0.0/8", "B/1", false, 0, 5);
    assert_int_equal(demand_sums_missing(sums, f->demand, S("10.0.0.0/8"), S("B/1")), 5);
    assert_int_equal(demand_sums_missing(sums, f->demand, S("10.0.0.0/9"), S("B/1")), 0);
    struct demand_sums brief = *sums;
    brief.since = f->now + BUCKET; /* what was counted before the first window does not count as of it */
    assert_int_equal(demand_sums_missing(&brief, f->demand, S("10.0.0.0/8"), S("B/1")), 0);
}

static void p7_a_mark_is_made_first_and_wanted_when_it_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ""));
    struct triggered marked = trigger(f, "A/1", 11, true);
    assert_enum(marked.decision, DECISION_MARK, decision_name);
    assert_false(marked.wanted);
    assert_wanted(f, "shop-1", "A/1?");
    struct triggered placed = trigger(f, "A/1", 12, true);
    assert_enum(placed.decision, DECISION_PLACE, decision_name);
    assert_true(placed.wanted);
    assert_wanted(f, "shop-1", "A/1");
}

/* However often it evaluates; and what was marked by windows that are over is placed by one query. */
static void p7_under_pending_evaluate_only_marks(void **state)
{
    struct fixture *f = *state;
    struct wanted wanted;
    put_edge(f, EDGE("shop-1", "\"10.0.0.0/8\"", ",\"quota\":5"));
    f->policy.trigger = TRIGGER_PENDING;
    ask(f, "10.0.0.0/8", "A/4", false, 0, 11);
    ask(f, "10.0.0.0/8", "B/4", false, 0, 11); /* both marks take no room */
    ask(f, "10.0.0.0/8", "C/9", false, 0, 11); /* could never be placed */
    evaluate(f);
    assert_int_equal(f->result.marked, 2);
    assert_int_equal(f->result.placed, 0);
    assert_int_equal(f->result.no_room, 1);
    assert_wanted(f, "shop-1", "A/4? B/4?");
    evaluate(f);
    assert_int_equal(f->result.marked, 0);
    assert_wanted(f, "shop-1", "A/4? B/4?");
    f->now = f->how.now = f->now + 30 * (int64_t)CLOCK_DAY; /* no rule would mark it any more */
    clock_set_now(f->now);
    struct triggered placed = trigger(f, "A/4", 1, true);
    assert_enum(placed.decision, DECISION_PLACE, decision_name);
    assert_true(placed.wanted);
    assert_wanted(f, "shop-1", "A/4 B/4?");
    assert_ok(wanted_load(f->store, io_of(f->arena), S("shop-1"), 0, &wanted, &f->error), &f->error);
    assert_int_equal(wanted_find(&wanted, S("A/4"))->since, f->now);
    assert_enum(trigger(f, "B/4", 1, true).decision, DECISION_NO_ROOM, decision_name); /* and it drives nobody out */
    assert_wanted(f, "shop-1", "A/4 B/4?");
    f->policy.trigger = TRIGGER_BACKGROUND; /* where the policy does not mark, marks are placed */
    ask(f, "10.0.0.0/8", "B/4", false, 0, 100);
    evaluate(f);
    assert_int_equal(f->result.marked, 0);
}

/* --- what nobody looks at any more */

static bool is_there(struct fixture *f, const char *key)
{
    struct store_object object;
    enum status status = store_head(f->store, io_of(f->arena), str_of(key), &object, &f->error);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    return status == STATUS_OK;
}

/* The policy looks back five days; nobody ever calibrates. */
static void samples_that_nobody_compares_any_more_go(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {"samples/2026-08-18/23/a", "samples/2026-08-19/23/a", "samples/2026-08-20/00/a"};
    for (int i = 0; i < 3; i++)
        assert_ok(store_put(f->store, io_of(f->arena), str_of(keys[i]), S("samples 1 x\n"), NULL, NULL, &f->error), &f->error);
    f->how.dry_run = true;
    evaluate(f);
    f->how.dry_run = false;
    f->how.part = 3;
    evaluate(f);
    assert_ok(placement_evict(&f->how, io_of(f->arena), &f->result, &f->error), &f->error);
    assert_true(is_there(f, keys[0]));
    f->how.part = -1;
    evaluate(f);
    assert_false(is_there(f, keys[0]) || is_there(f, keys[1]));
    assert_true(is_there(f, keys[2]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(demand_makes_packages_wanted),
        TEST(a_dry_run_writes_nothing),
        TEST(lans_of_an_edge_are_looked_at_one_by_one),
        TEST(on_an_edge_that_splices_channels_are_their_base),
        TEST(p7_pending_ones_and_newcomers_are_placed_together),
        TEST(p1_a_lan_that_the_edge_lists_by_its_code_is_its_own),
        TEST(p2_what_was_placed_by_hand_is_dropped_by_a_person_or_when_it_is_unpublished),
        TEST(a_row_that_cannot_be_read_stops_its_edge_only),
        TEST(p12_a_lan_without_an_edge_is_told_of_and_served_once_it_has_one),
        TEST(p12_alerts_of_shops_with_equal_networks_say_where),
        TEST(p1_an_edge_gets_what_its_egress_was_counted_by),
        TEST(each_lan_and_package_has_an_alert_of_its_own),
        TEST(the_quota_is_kept_for_those_that_are_asked_for_most),
        TEST(what_is_asked_for_no_more_goes),
        TEST(what_has_not_come_yet_stays_while_it_is_asked_for),
        TEST(p6_patches_that_nobody_made_are_not_placed_where_none_are_made),
        TEST(a_patch_takes_the_room_that_it_has_once_it_is_made),
        TEST(parts_come_to_what_the_whole_comes_to),
        TEST(several_at_once_do_not_undo_each_other),
        TEST(who_asks_what_will_be_throws_nothing_away),
        TEST(p7_a_miss_that_passes_makes_its_package_wanted),
        TEST(samples_that_nobody_compares_any_more_go),
        TEST(p7_what_changes_nothing_is_not_told_at_every_miss),
        TEST(p7_what_was_counted_since_the_sums_is_added),
        TEST(p7_a_mark_is_made_first_and_wanted_when_it_is_asked_for_again),
        TEST(p7_under_pending_evaluate_only_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
