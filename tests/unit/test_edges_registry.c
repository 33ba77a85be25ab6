/* P1, P2: edges as text, and which of them a query belongs to. */
#include "lib/edges/registry.h"
#include "tests/unit/scratch_store.h"

#define EDGE(id, rest) "{\"edge\":\"" id "\",\"address\":\"192.168.0.5\",\"store\":\"pull\"" rest "}"

#define STORED(store) "{\"edge\":\"a\",\"address\":\"a\",\"store\":\"" store "\"}"

struct fixture {
    struct arena *arena;
    struct store *store;
    struct registry registry;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->store = scratch_store(f->arena);
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
    return (struct io){.arena = f->arena, .deadline = deadline_in(10 * CLOCK_SECOND)};
}

static enum status put(struct fixture *f, const char *json)
{
    struct edge edge;
    TRY(edge_parse(f->arena, str_of(json), &edge, &f->error));
    return registry_put_edge(f->store, io_of(f), &edge, &f->error);
}

static enum status put_lan(struct fixture *f, const char *json)
{
    struct lan_entry entry;
    return registry_put_lan(f->store, io_of(f), str_of(json), &entry, &f->error);
}

static void put_all(struct fixture *f, const char *const *jsons)
{
    for (; *jsons; jsons++) assert_ok(put(f, *jsons), &f->error);
    assert_ok(registry_load(f->store, io_of(f), &f->registry, &f->error), &f->error);
}

static struct place find(struct fixture *f, struct whereabouts where)
{
    struct place place;
    assert_ok(registry_find(&f->registry, f->arena, &where, &place, &f->error), &f->error);
    return place;
}

static void assert_edge(const struct place *place, const char *edge, const char *lan)
{
    assert_str(place->edge ? place->edge->id : S("none"), str_of(edge));
    assert_str(place->lan, str_of(lan));
}

static const struct whereabouts HOME = {.ip = {"192.168.0.7", 11}, .mask = {"255.255.255.0", 13}};

/* --- text */

static void the_sample_is_read_and_written(void **state)
{
    struct fixture *f = *state;
    static const char sample[] =
        "{\"edge\":\"shop-1\",\"address\":\"192.168.0.5\",\"directory\":\"/data/share\",\"lans\":[\"192.168.0.0/24\",\"SHOP\"],"
        "\"site\":\"\",\"location\":[31.2304161,-121.473701],\"region\":\"\",\"egress\":[\"203.0.113.0/24\"],\"quota\":64000000000,"
        "\"store\":\"s3://share?region=x\",\"credentials\":\"SHOP1\",\"splices\":false}\n";
    struct edge edge;
    assert_ok(edge_parse(f->arena, str_of(sample), &edge, &f->error), &f->error);
    assert_str(edge.lans[0], S("203.0.113.0/24@192.168.0.0/24"));
    assert_str(edge.lans[1], S("@SHOP"));
    assert_str(edge_format(f->arena, &edge), str_of(sample));
}

static void the_wrong_field_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[][2] = {
        {"{\"address\":\"a\",\"store\":\"pull\"}", "edge.edge"},
        {"{\"edge\":\"../x\",\"address\":\"a\",\"store\":\"pull\"}", "edge.edge"},
        {"{\"edge\":\"a\",\"store\":\"pull\"}", "edge.address"},
        {"{\"edge\":\"a\",\"address\":\"a/b\",\"store\":\"pull\"}", "edge.address"},
        {"{\"edge\":\"a\",\"address\":\"a\\nb\",\"store\":\"pull\"}", "edge.address"},
        {"{\"edge\":\"a\",\"address\":\"a\"}", "edge.store"},
        {STORED("http://x"), "edge.store: must be \"pull\", or a store: s3://"},
        {STORED(""), "edge.store: must be \"pull\", or a store: s3://"},
        {STORED("push"), "edge.store: must be \"pull\", or a store: s3://"},
        {EDGE("a", ",\"directory\":\"/a/../b\""), "edge.directory"},
        {EDGE("a", ",\"directory\":\"/a b\""), "edge.directory"},
        {EDGE("a", ",\"lans\":[\"192.168.0.0/33\"]"), "edge.lans"},
        {EDGE("a", ",\"lans\":[7]"), "edge.lans"},
        {EDGE("a", ",\"lans\":[\"10.0.0.0/8\",\"192.168.0.0\"]"), "edge.lans: number 1 is an address, which needs a prefix"},
        {EDGE("a", ",\"lans\":[\"2001:db8::\"]"), "edge.lans: number 0 is an address, which needs a prefix"},
        {EDGE("a", ",\"egress\":[\"x\"]"), "edge.egress"},
        {EDGE("a", ",\"location\":[91,0]"), "edge.location"},
        {EDGE("a", ",\"location\":[1]"), "edge.location"},
        {EDGE("a", ",\"location\":[1,2,3]"), "edge.location"},
        {EDGE("a", ",\"quota\":-1"), "edge.quota"},
        {EDGE("a", ",\"site\":\"a b\""), "edge.site"},
        {EDGE("a", ",\"splices\":1"), "edge.splices"},
        {EDGE("a", ",\"colour\":1"), "edge.colour"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct edge edge;
        assert_error(edge_parse(f->arena, str_of(wrong[i][0]), &edge, &f->error), STATUS_INVALID, &f->error, wrong[i][1]);
    }
}

static void an_edge_is_reached_at_a_host(void **state)
{
    struct fixture *f = *state;
    static const char *const right[] = {"edge", "edge-1.shop_7.example", "192.168.0.5", "192.168.0.5:8080", "[2001:db8::1]", "[::1]:80"};
    static const char *const wrong[] = {"2001:db8::1", "host:", "[::1", "...", "host:99999", "host:0", "a:b:c",
                                        "a..b",        ".a",    "a.",   "-a",  "[::g]",      "[::1]a", "192.168.0.500",
                                        "1.2.3",       ":80",   "[]",   "a@b", "a[b]",       ""};
    struct edge edge;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        struct str json = arena_printf(f->arena, "{\"edge\":\"a\",\"address\":\"%s\",\"store\":\"pull\"}", right[i]);
        assert_ok(edge_parse(f->arena, json, &edge, &f->error), &f->error);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str json = arena_printf(f->arena, "{\"edge\":\"a\",\"address\":\"%s\",\"store\":\"pull\"}", wrong[i]);
        assert_error(edge_parse(f->arena, json, &edge, &f->error), STATUS_INVALID, &f->error, "edge.address: must be a host");
    }
}

static void a_code_is_no_address(void **state)
{
    struct fixture *f = *state;
    assert_error(put_lan(f, "{\"code\":\"192.168.0.0\"}"), STATUS_INVALID, &f->error, "lan.code: must not be an address");
}

static void its_store_could_be_opened(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[][2] = {
        {STORED("s3://"), "edge.store: '' is not a bucket's name"},
        {STORED("file://relative"), "edge.store: file:// takes no host"},
        {STORED("s3://b?endpoint=nonsense"), "edge.store: endpoint"},
        {STORED("s3://b?colour=red"), "edge.store: s3:// takes endpoint"},
        {STORED("s3://b?credentials=A\",\"credentials\":\"B"), "edge.store: the parameter 'credentials' is given twice"},
        {STORED("file:///a\",\"credentials\":\"B"), "edge.store: file:// takes no parameters"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_error(put(f, wrong[i][0]), STATUS_INVALID, &f->error, wrong[i][1]);
    assert_ok(put(f, STORED("s3://b/p?region=x\",\"credentials\":\"B")), &f->error);
    assert_ok(put(f, STORED("file:///a")), &f->error);
}

/* --- which edge */

static void p1_a_lan_is_found_by_address_and_mask(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\",\"10.0.0.0/8\"]"), NULL});
    struct place home = find(f, HOME);
    assert_edge(&home, "shop-1", "192.168.0.0/24");
    assert_true(home.registered);
    struct place other = find(f, (struct whereabouts){.ip = S("10.9.8.7"), .mask = S("8")});
    assert_edge(&other, "shop-1", "10.0.0.0/8");
    struct place unknown = find(f, (struct whereabouts){.ip = S("192.168.1.254"), .mask = S("24")});
    assert_edge(&unknown, "none", "192.168.1.0/24");
    assert_false(unknown.registered);
    struct place narrower = find(f, (struct whereabouts){.ip = S("10.9.8.7"), .mask = S("16")});
    assert_edge(&narrower, "none", "10.9.0.0/16");
}

static void p1_sites_tell_equal_networks_apart(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"one\""),
                                EDGE("shop-2", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"two\""), NULL});
    struct whereabouts where = HOME;
    struct place nobody = find(f, where);
    assert_edge(&nobody, "none", "192.168.0.0/24");
    where.site = S("two");
    struct place second = find(f, where);
    assert_edge(&second, "shop-2", "two@192.168.0.0/24");
}

static void p1_egress_tells_equal_networks_apart(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.0/25\"]"),
                                EDGE("shop-2", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.128/25\"]"), NULL});
    struct whereabouts where = HOME;
    where.caller = S("203.0.113.200");
    struct place second = find(f, where);
    assert_edge(&second, "shop-2", "203.0.113.128/25@192.168.0.0/24");
    where.caller = S("198.51.100.1");
    struct place nobody = find(f, where);
    assert_edge(&nobody, "none", "198.51.100.1/32@192.168.0.0/24");
    where.caller = S("203.0.113.7");
    where.ip = S("192.168.5.1"); /* another network of the first shop's, with no edge in it */
    struct place beside = find(f, where);
    assert_edge(&beside, "none", "203.0.113.0/25@192.168.5.0/24");
}

static void an_edge_that_is_the_only_one_is_found_without_its_egress(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.0/24\"]"), NULL});
    struct place place = find(f, HOME);
    assert_edge(&place, "shop-1", "203.0.113.0/24@192.168.0.0/24");
    struct whereabouts where = HOME;
    where.caller = S("10.9.8.7"); /* of a network between: it says nothing */
    struct place behind = find(f, where);
    assert_edge(&behind, "shop-1", "203.0.113.0/24@192.168.0.0/24");
    where.caller = S("198.51.100.7"); /* another shop's */
    struct place stranger = find(f, where);
    assert_edge(&stranger, "none", "198.51.100.7/32@192.168.0.0/24");
}

static void p1_lans_that_no_edge_serves_are_told_apart_by_their_callers(void **state)
{
    static const struct {
        const char *caller, *ip, *mask, *lan;
    } asked[] = {
        {"203.0.113.5", "192.168.0.7", "24", "203.0.113.5/32@192.168.0.0/24"},
        {"198.51.100.7", "192.168.0.7", "255.255.255.0", "198.51.100.7/32@192.168.0.0/24"},
        {"2001:db8:1:2:3::4", "192.168.0.7", "24", "2001:db8:1:2::/64@192.168.0.0/24"},
        {"::ffff:203.0.113.5", "192.168.0.7", "24", "203.0.113.5/32@192.168.0.0/24"},
        {"10.9.8.7", "192.168.0.7", "24", "192.168.0.0/24"},
        {"", "192.168.0.7", "24", "192.168.0.0/24"},
        {"203.0.113.5", "203.0.113.77", "24", "203.0.113.0/24"}, /* no address was translated: the network is one in the world */
        {"2001:db8:1:2::3", "2001:db8:1:7::3", "48", "2001:db8:1::/48"},
        {"203.0.113.5", "198.51.100.7", "24", "203.0.113.5/32@198.51.100.0/24"},
    };
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"one\""), NULL});
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct place place =
            find(f, (struct whereabouts){.ip = str_of(asked[i].ip), .mask = str_of(asked[i].mask), .caller = str_of(asked[i].caller)});
        assert_edge(&place, "none", asked[i].lan);
        assert_false(place.registered);
    }
    put_all(f, (const char *[]){EDGE("plain", ",\"lans\":[\"192.168.0.0/24\"]"), NULL}); /* P1 as published: one shop */
    for (size_t i = 0; i < 2; i++) {
        struct place place =
            find(f, (struct whereabouts){.ip = str_of(asked[i].ip), .mask = str_of(asked[i].mask), .caller = str_of(asked[i].caller)});
        assert_edge(&place, "plain", "192.168.0.0/24");
    }
}

static void assert_serving(struct fixture *f, const char *lan, const char *edge, const char *own)
{
    struct str text;
    const struct edge *found = registry_edge_serving(&f->registry, str_of(lan), &text);
    assert_str(found ? found->id : S("none"), str_of(edge));
    assert_str(text, str_of(own));
}

static void p1_an_edge_gets_what_was_counted_by_its_egress_before(void **state)
{
    struct fixture *f = *state;
    assert_ok(put_lan(f, "{\"code\":\"L1\",\"site\":\"three\",\"network\":\"10.3.0.0/16\"}"), &f->error);
    put_all(f, (const char *[]){
                   EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\",\"10.1.0.0/16\"],\"egress\":[\"203.0.113.0/28\",\"192.0.2.1/32\"]"),
                   EDGE("shop-2", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.128/25\"],\"site\":\"two\""),
                   EDGE("shop-3", ",\"lans\":[\"L1\"],\"egress\":[\"203.0.112.0/23\",\"2001:db8:1::/48\"]"),
                   EDGE("node", ",\"egress\":[\"198.51.100.0/24\"]"), NULL});
    assert_serving(f, "203.0.113.5/32@192.168.0.0/24", "shop-1", "203.0.113.0/28@192.168.0.0/24");
    assert_serving(f, "192.0.2.1/32@10.1.0.0/16", "shop-1", "203.0.113.0/28@10.1.0.0/16");
    assert_serving(f, "203.0.113.200/32@192.168.0.0/24", "shop-2", "two@192.168.0.0/24");
    assert_serving(f, "203.0.113.5/32@10.3.0.0/16", "shop-3", "three@10.3.0.0/16");
    assert_serving(f, "2001:db8:1:2::/64@10.3.0.0/16", "shop-3", "three@10.3.0.0/16");
    assert_serving(f, "203.0.113.5/32", "shop-1", "203.0.113.0/28@192.168.0.0/24"); /* the narrowest */
    assert_serving(f, "203.0.112.5/32", "shop-3", "three@10.3.0.0/16");
    assert_serving(f, "203.0.113.5/32@192.168.1.0/24", "none", "203.0.113.5/32@192.168.1.0/24"); /* another LAN of the shop's */
    assert_serving(f, "203.0.113.77/32@192.168.0.0/24", "none", "203.0.113.77/32@192.168.0.0/24");
    assert_serving(f, "198.51.100.7/32", "none", "198.51.100.7/32"); /* an edge without LANs is nobody's own */
    assert_serving(f, "two@192.168.0.0/24", "shop-2", "two@192.168.0.0/24");
}

static void assert_node(struct fixture *f, struct whereabouts where, const char *node)
{
    struct place place = find(f, where);
    assert_str(place.node ? place.node->id : S("none"), str_of(node));
}

static void p2_the_nearest_edge_without_lans_serves_lans_that_have_none(void **state)
{
    struct fixture *f = *state;
    struct whereabouts where = HOME;
    assert_ok(put_lan(f, "{\"code\":\"L1\",\"site\":\"one\",\"network\":\"192.168.0.0/24\",\"location\":[31.2,121.5]}"), &f->error);
    put_all(f, (const char *[]){EDGE("far", ",\"location\":[39.9,116.4],\"region\":\"north\""), EDGE("near", ",\"location\":[31.3,120.6]"),
                                EDGE("shop", ",\"lans\":[\"10.0.0.0/8\"],\"location\":[31.2,121.5]"), NULL});
    assert_node(f, (struct whereabouts){.code = S("L1")}, "near");
    where.site = S("one"); /* by its address too */
    assert_node(f, where, "near");
    where.site = S("two");
    assert_node(f, where, "none"); /* nobody knows where it is */
    where.region = S("north");
    assert_node(f, where, "far");
    assert_node(f, (struct whereabouts){.region = S("north")}, "none"); /* no LAN */
    where = (struct whereabouts){.ip = S("10.1.2.3"), .mask = S("8"), .region = S("north")};
    assert_node(f, where, "none"); /* it has an edge */
    assert_str(registry_edge_of(&f->registry, S("~far"))->id, S("far"));
}

static void p1_a_query_without_an_address_is_placed_by_who_calls(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\",\"198.51.100.0/24\"],\"egress\":[\"203.0.113.0/25\"]"),
                                EDGE("shop-2", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"two\""),
                                EDGE("shop-3", ",\"lans\":[\"10.3.0.0/16\"]"), EDGE("net", ",\"egress\":[\"192.0.2.0/24\"]"), NULL});
    struct place listed = find(f, (struct whereabouts){.caller = S("203.0.113.7")});
    assert_edge(&listed, "shop-1", "203.0.113.0/25@192.168.0.0/24");
    struct place of_site = find(f, (struct whereabouts){.caller = S("203.0.113.7"), .site = S("two")});
    assert_edge(&of_site, "shop-2", "two@192.168.0.0/24");
    put_all(f, (const char *[]){EDGE("mall-1", ",\"lans\":[\"10.1.0.0/16\"],\"site\":\"mall\""),
                                EDGE("mall-2", ",\"lans\":[\"10.2.0.0/16\"],\"site\":\"mall\""), NULL});
    struct place second_of_site = find(f, (struct whereabouts){.caller = S("10.2.0.7"), .site = S("mall")});
    assert_edge(&second_of_site, "mall-2", "mall@10.2.0.0/16");
    struct place inside = find(f, (struct whereabouts){.caller = S("10.3.9.9")});
    assert_edge(&inside, "shop-3", "10.3.0.0/16");
    struct place second = find(f, (struct whereabouts){.caller = S("198.51.100.9")});
    assert_edge(&second, "shop-1", "203.0.113.0/25@198.51.100.0/24");
    struct place stranger = find(f, (struct whereabouts){.caller = S("192.0.2.1")}); /* an edge without a LAN is nobody's own */
    assert_edge(&stranger, "none", "192.0.2.1/32");
    struct place v6 = find(f, (struct whereabouts){.caller = S("2001:db8:1:2:3::4"), .site = S("four")});
    assert_edge(&v6, "none", "four@2001:db8:1:2::/64");
    struct place mapped = find(f, (struct whereabouts){.caller = S("::ffff:192.0.2.1")});
    assert_edge(&mapped, "none", "192.0.2.1/32");
    struct place unknown = find(f, (struct whereabouts){.region = S("east")});
    assert_edge(&unknown, "none", "");
}

static void p1_a_registered_code_stands_for_a_lan(void **state)
{
    struct fixture *f = *state;
    struct lan_entry entry;
    const char *lan = "{\"code\":\"SHOP-7\",\"site\":\"seven\",\"network\":\"192.168.0.0/24\",\"location\":[1,2],\"region\":\"north\"}";
    assert_ok(registry_put_lan(f->store, io_of(f), str_of(lan), &entry, &f->error), &f->error);
    put_all(f, (const char *[]){EDGE("shop-7", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"seven\""), EDGE("shop-8", ",\"lans\":[\"BARE\"]"),
                                NULL});
    struct place seven = find(f, (struct whereabouts){.code = S("SHOP-7")});
    assert_edge(&seven, "shop-7", "seven@192.168.0.0/24");
    assert_true(seven.location.known);
    assert_str(seven.region, S("north"));
    struct place bare = find(f, (struct whereabouts){.code = S("BARE")});
    assert_edge(&bare, "shop-8", "@BARE");
    const struct whereabouts unknown = {.code = S("NONE")};
    struct place place;
    assert_error(registry_find(&f->registry, f->arena, &unknown, &place, &f->error), STATUS_INVALID, &f->error, "no LAN with the code");
}

static void a_lan_that_has_a_code_is_found_by_its_address_too(void **state)
{
    struct fixture *f = *state;
    struct lan_entry entry;
    static const char *const names[] = {"one", "two", "three", "four", "five"};
    for (int i = 0; i < 5; i++) {
        struct str lan =
            arena_printf(f->arena, "{\"code\":\"C%d\",\"site\":\"%s\",\"network\":\"192.168.0.0/24\",\"region\":\"r%d\"}", i, names[i], i);
        assert_ok(registry_put_lan(f->store, io_of(f), lan, &entry, &f->error), &f->error);
    }
    put_all(f, (const char *[]){EDGE("shop-3", ",\"lans\":[\"C3\"]"), NULL});
    for (int i = 0; i < 5; i++) {
        struct whereabouts where = HOME;
        where.site = str_of(names[i]);
        struct place place = find(f, where);
        assert_true(place.registered);
        assert_str(place.region, arena_printf(f->arena, "r%d", i));
        assert_str(place.edge ? place.edge->id : S("none"), i == 3 ? S("shop-3") : S("none"));
    }
    struct whereabouts stranger = HOME;
    stranger.site = S("six");
    assert_false(find(f, stranger).registered);
}

static void p1_an_edge_that_lists_a_code_is_found_by_its_callers(void **state)
{
    struct fixture *f = *state;
    struct whereabouts where = HOME;
    assert_ok(put_lan(f, "{\"code\":\"L1\",\"network\":\"192.168.0.0/24\"}"), &f->error);
    put_all(f, (const char *[]){EDGE("a", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"198.51.100.0/24\"]"),
                                EDGE("b", ",\"lans\":[\"L1\"],\"egress\":[\"203.0.113.0/24\"]"), NULL});
    where.caller = S("203.0.113.7");
    struct place listed = find(f, where);
    assert_edge(&listed, "b", "192.168.0.0/24");
    struct place by_code = find(f, (struct whereabouts){.code = S("L1")}); /* one LAN, counted as one */
    assert_edge(&by_code, "b", "192.168.0.0/24");
    where.caller = S("198.51.100.7");
    struct place other = find(f, where);
    assert_edge(&other, "a", "198.51.100.0/24@192.168.0.0/24");
}

static void p1_a_caller_inside_a_registered_lan_is_placed_there(void **state)
{
    struct fixture *f = *state;
    assert_ok(put_lan(f, "{\"code\":\"L1\",\"network\":\"10.1.0.0/16\"}"), &f->error);
    put_all(f, (const char *[]){EDGE("a", ",\"lans\":[\"BARE\",\"L1\"]"), NULL});
    struct place inside = find(f, (struct whereabouts){.caller = S("10.1.2.3")});
    assert_edge(&inside, "a", "10.1.0.0/16");
    struct place outside = find(f, (struct whereabouts){.caller = S("10.2.2.3")});
    assert_edge(&outside, "none", "10.2.2.3/32");
}

static void two_edges_do_not_serve_one_lan(void **state)
{
    struct fixture *f = *state;
    assert_ok(put(f, EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"]")), &f->error);
    assert_error(put(f, EDGE("shop-2", ",\"lans\":[\"10.0.0.0/8\",\"192.168.0.9/24\"]")), STATUS_INVALID, &f->error,
                 "edge shop-2 and edge shop-1 overlap: 192.168.0.0/24 and 192.168.0.0/24");
    assert_error(put(f, EDGE("shop-2", ",\"lans\":[\"192.168.0.0/16\"]")), STATUS_INVALID, &f->error, "192.168.0.0/16 and 192.168.0.0/24");
    assert_ok(put(f, EDGE("shop-3", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"three\"")), &f->error);
    assert_ok(put(f, EDGE("shop-4", ",\"lans\":[\"SHOP-7\"]")), &f->error);
    assert_error(put(f, EDGE("shop-5", ",\"lans\":[\"SHOP-7\"]")), STATUS_INVALID, &f->error,
                 "edge shop-5 and edge shop-4 both list the LAN @SHOP-7");
    assert_ok(put(f, EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"],\"region\":\"x\"")), &f->error); /* itself, changed */
    assert_ok(registry_remove_edge(f->store, io_of(f), S("shop-1"), &f->error), &f->error);
    assert_ok(put(f, EDGE("shop-2", ",\"lans\":[\"192.168.0.0/24\"]")), &f->error);
    assert_error(registry_remove_edge(f->store, io_of(f), S("shop-1"), &f->error), STATUS_NOT_FOUND, &f->error, "no edge");
}

#define L1            "{\"code\":\"L1\",\"network\":\"192.168.0.0/24\"}"
#define OVERLAP_OF_L1 "overlap: 192.168.0.0/24 of the LAN L1 and 192.168.0.0/24"

static void a_code_and_its_network_are_one_lan(void **state)
{
    struct fixture *f = *state;
    assert_ok(put_lan(f, L1), &f->error);
    assert_ok(put(f, EDGE("a", ",\"lans\":[\"L1\"]")), &f->error);
    assert_error(put(f, EDGE("b", ",\"lans\":[\"192.168.0.0/24\"]")), STATUS_INVALID, &f->error,
                 "edge b and edge a overlap: 192.168.0.0/24 and 192.168.0.0/24 of the LAN L1");
    assert_error(put(f, EDGE("b", ",\"lans\":[\"192.168.0.128/25\"]")), STATUS_INVALID, &f->error, "of the LAN L1");
    assert_error(put(f, EDGE("b", ",\"lans\":[\"L1\"]")), STATUS_INVALID, &f->error, "both list the LAN @L1");
    assert_ok(put(f, EDGE("b", ",\"lans\":[\"192.168.0.0/24\"],\"site\":\"b\"")), &f->error);
    assert_ok(put(f, EDGE("c", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.0/24\"]")), &f->error);
    assert_ok(put_lan(f, "{\"code\":\"L2\",\"network\":\"192.168.0.0/24\"}"), &f->error); /* which nobody lists */
    assert_error(put(f, EDGE("d", ",\"lans\":[\"L2\"]")), STATUS_INVALID, &f->error, "of the LAN L2 and 192.168.0.0/24 of the LAN L1");
}

static void a_lan_is_not_changed_into_what_another_edge_serves(void **state)
{
    struct fixture *f = *state;
    assert_ok(put(f, EDGE("a", ",\"lans\":[\"L1\"]")), &f->error);
    assert_ok(put(f, EDGE("b", ",\"lans\":[\"192.168.0.0/24\"]")), &f->error);
    assert_error(put_lan(f, L1), STATUS_INVALID, &f->error, "edge a and edge b " OVERLAP_OF_L1);
    assert_ok(put_lan(f, "{\"code\":\"L1\",\"network\":\"192.168.0.0/24\",\"site\":\"a\"}"), &f->error);
    assert_error(put_lan(f, L1), STATUS_INVALID, &f->error, OVERLAP_OF_L1);
    assert_ok(registry_remove_edge(f->store, io_of(f), S("b"), &f->error), &f->error);
    assert_ok(put_lan(f, L1), &f->error);
}

static void one_egress_of_several_makes_one_shop(void **state)
{
    struct fixture *f = *state;
    assert_ok(put(f, EDGE("a", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"198.51.100.0/24\",\"203.0.113.0/24\"]")), &f->error);
    assert_error(put(f, EDGE("b", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.0/24\"]")), STATUS_INVALID, &f->error,
                 "edge b and edge a overlap");
    assert_error(put(f, EDGE("b", ",\"lans\":[\"192.168.0.0/25\"],\"egress\":[\"192.0.2.0/24\",\"203.0.113.128/25\"]")), STATUS_INVALID,
                 &f->error, "192.168.0.0/25 and 192.168.0.0/24");
    assert_ok(put(f, EDGE("b", ",\"lans\":[\"192.168.1.0/24\"],\"egress\":[\"203.0.113.0/24\"]")), &f->error);
    assert_ok(put(f, EDGE("c", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"203.0.113.0/24\"],\"site\":\"c\"")), &f->error);
    assert_ok(put(f, EDGE("d", ",\"lans\":[\"192.168.0.0/24\"],\"egress\":[\"192.0.2.0/24\"]")), &f->error);
}

static void one_bad_entry_stops_nobody(void **state)
{
    struct fixture *f = *state;
    assert_ok(store_put(f->store, io_of(f), S("edges/bad.json"), S("{"), NULL, NULL, &f->error), &f->error);
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"192.168.0.0/24\"]"), NULL});
    assert_int_equal(f->registry.edge_count, 1);
}

static void what_has_not_changed_is_not_read_again(void **state)
{
    struct fixture *f = *state;
    struct registry again, changed;
    put_all(f, (const char *[]){EDGE("shop-1", ",\"lans\":[\"10.1.0.0/16\"]"), EDGE("shop-2", ",\"lans\":[\"10.2.0.0/16\"]"), NULL});
    assert_status(registry_refresh(f->store, io_of(f), &f->registry, &again, &f->error), STATUS_NOT_MODIFIED);
    assert_ok(put(f, EDGE("shop-2", ",\"lans\":[\"10.3.0.0/16\"]")), &f->error);
    assert_ok(registry_refresh(f->store, io_of(f), &f->registry, &changed, &f->error), &f->error);
    assert_str(registry_edge_of(&changed, S("10.3.0.0/16"))->id, S("shop-2"));
    assert_str(registry_edge_of(&changed, S("10.1.0.0/16"))->id, S("shop-1"));
    assert_null(registry_edge_of(&changed, S("10.2.0.0/16")));
    assert_ok(registry_remove_edge(f->store, io_of(f), S("shop-1"), &f->error), &f->error);
    assert_ok(registry_refresh(f->store, io_of(f), &changed, &again, &f->error), &f->error);
    assert_int_equal(again.edge_count, 1);
}

/* --- many */

enum { MANY = 100 };

static struct edge *many_edges(struct fixture *f, const char *address)
{
    struct edge *edges = arena_array(f->arena, MANY, sizeof *edges);
    for (int i = 0; i < MANY; i++) {
        struct str json = arena_printf(
            f->arena, "{\"edge\":\"shop-%02d\",\"address\":\"%s\",\"lans\":[\"10.%d.0.0/16\"],\"store\":\"pull\"}", i, address, i);
        assert_ok(edge_parse(f->arena, json, &edges[i], &f->error), &f->error);
    }
    return edges;
}

static size_t put_many(struct fixture *f, const struct edge *edges)
{
    struct registry known;
    size_t written;
    assert_ok(registry_load(f->store, io_of(f), &known, &f->error), &f->error);
    const struct registry_batch batch = {.known = &known, .edges = edges, .count = MANY};
    assert_ok(registry_put_edges(f->store, io_of(f), &batch, &written, &f->error), &f->error);
    return written;
}

/* How many objects were read one by one. */
static size_t load(struct fixture *f)
{
    assert_ok(registry_load(f->store, io_of(f), &f->registry, &f->error), &f->error);
    return f->registry.edge_sources.read + f->registry.lan_sources.read;
}

static void put_object(struct fixture *f, const char *key, const char *text)
{
    assert_ok(store_put(f->store, io_of(f), str_of(key), str_of(text), &(struct store_put){0}, NULL, &f->error), &f->error);
}

struct found {
    struct arena *arena;
    struct str key;
};

static bool note_key(void *context, const struct store_object *object)
{
    struct found *found = context;
    found->key = arena_copy(found->arena, object->key);
    return false;
}

static struct str newest_summary(struct fixture *f, const char *prefix)
{
    struct found found = {.arena = f->arena};
    assert_ok(store_list(f->store, io_of(f), str_of(prefix), 1, note_key, &found, &f->error), &f->error);
    return found.key;
}

static void many_edges_are_read_from_their_summary(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_many(f, many_edges(f, "a")), MANY);
    assert_int_equal(load(f), 0);
    assert_int_equal(f->registry.edge_count, MANY);
    assert_str(edge_format(f->arena, registry_edge_of(&f->registry, S("10.7.0.0/16"))), edge_format(f->arena, &many_edges(f, "a")[7]));
    assert_int_equal(put_many(f, many_edges(f, "a")), 0);
    assert_int_equal(put_many(f, many_edges(f, "b")), MANY);
    assert_int_equal(load(f), 0);
    assert_str(registry_edge(&f->registry, S("shop-07"))->address, S("b"));
}

/* Past the command, as an old one or a person does it. */
static void what_the_summary_does_not_know_is_read(void **state)
{
    struct fixture *f = *state;
    put_many(f, many_edges(f, "a"));
    put_object(f, "edges/shop-07.json", EDGE("shop-07", ",\"lans\":[\"10.200.0.0/16\"]"));
    put_object(f, "edges/new.json", EDGE("new", ",\"lans\":[\"10.201.0.0/16\"]"));
    assert_ok(store_remove(f->store, io_of(f), S("edges/shop-08.json"), &f->error), &f->error);
    assert_int_equal(load(f), 2);
    assert_int_equal(f->registry.edge_count, MANY);
    assert_null(registry_edge_of(&f->registry, S("10.7.0.0/16")));
    assert_null(registry_edge_of(&f->registry, S("10.8.0.0/16")));
    assert_str(registry_edge_of(&f->registry, S("10.200.0.0/16"))->id, S("shop-07"));
    assert_str(registry_edge_of(&f->registry, S("10.201.0.0/16"))->id, S("new"));
}

static void a_damaged_summary_costs_time_only(void **state)
{
    struct fixture *f = *state;
    struct store_object object;
    put_many(f, many_edges(f, "a"));
    struct str key = newest_summary(f, "edges/summary/");
    assert_ok(store_get(f->store, io_of(f), key, &(struct store_get){0}, &object, &f->error), &f->error);
    for (size_t cut = 0; cut < object.body.length; cut += 97) {
        assert_ok(store_put(f->store, io_of(f), key, str_first(object.body, cut), &(struct store_put){0}, NULL, &f->error), &f->error);
        assert_int_equal(load(f), MANY);
    }
    char *bytes = (char *)(uintptr_t)arena_copy(f->arena, object.body).data;
    bytes[object.body.length / 2] ^= 1;
    assert_ok(store_put(f->store, io_of(f), key, str_make(bytes, object.body.length), &(struct store_put){0}, NULL, &f->error), &f->error);
    assert_int_equal(load(f), MANY);
    assert_int_equal(f->registry.edge_count, MANY);
    assert_ok(put(f, EDGE("next", "")), &f->error); /* the next writer makes it anew */
    assert_int_equal(load(f), 1);
}

static void lans_have_a_summary_too(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < MANY; i++)
        put_object(f, arena_printf(f->arena, "lans/L%d.json", i).data,
                   arena_printf(f->arena,
                                "{\"code\":\"L%d\",\n \"site\":\"s\", \"network\":\"10.%d.0.0/16\",\"location\":[1.5,2],\"region\":\"r\"}",
                                i, i)
                       .data);
    assert_ok(put(f, EDGE("one", ",\"lans\":[\"L7\"]")), &f->error);
    assert_int_equal(load(f), 1);
    const struct lan_entry *entry = registry_lan(&f->registry, S("L7"));
    assert_str(entry->lan, S("s@10.7.0.0/16"));
    assert_str(entry->region, S("r"));
    assert_true(entry->location.known && entry->location.latitude == 1.5);
    assert_str(registry_edge_of(&f->registry, entry->lan)->id, S("one"));
}

/* Where LANs are registered one by one, by nobody who adds edges. */
static void who_registers_a_lan_keeps_the_summary(void **state)
{
    struct fixture *f = *state;
    struct lan_entry entry;
    for (int i = 0; i < MANY; i++)
        put_object(f, arena_printf(f->arena, "lans/L%d.json", i).data,
                   arena_printf(f->arena, "{\"code\":\"L%d\",\"network\":\"10.%d.0.0/16\"}", i, i).data);
    assert_int_equal(load(f), MANY);
    assert_ok(registry_put_lan(f->store, io_of(f), S("{\"code\":\"next\",\"network\":\"10.200.0.0/16\"}"), &entry, &f->error), &f->error);
    assert_int_equal(load(f), 1);
    assert_int_equal(f->registry.lan_count, MANY + 1);
    assert_str(registry_lan(&f->registry, S("L7"))->lan, S("10.7.0.0/16"));
    assert_str(registry_lan(&f->registry, S("next"))->lan, S("10.200.0.0/16"));
}

/* --- nearness */

static void p6_the_nearest_edges_come_first(void **state)
{
    struct fixture *f = *state;
    put_all(f, (const char *[]){EDGE("beijing", ",\"location\":[39.9,116.4]"), EDGE("shanghai", ",\"location\":[31.2,121.5]"),
                                EDGE("suzhou", ",\"location\":[31.3,120.6]"), EDGE("somewhere", ",\"region\":\"east\""),
                                EDGE("nowhere", ""), NULL});
    const struct edge *edges[8];
    const struct place place = {.edge = registry_edge(&f->registry, S("shanghai")), .location = {true, 31.2, 121.5}, .region = S("east")};
    assert_int_equal(registry_nearest(&f->registry, &place, edges, 8), 3);
    assert_str(edges[0]->id, S("suzhou"));
    assert_str(edges[1]->id, S("beijing"));
    assert_str(edges[2]->id, S("somewhere"));
    assert_int_equal(registry_nearest(&f->registry, &place, edges, 1), 1);
    const struct place lost = {.region = S("")};
    assert_int_equal(registry_nearest(&f->registry, &lost, edges, 8), 0);
    double kilometres = location_distance(&(struct location){true, 39.9, 116.4}, &(struct location){true, 31.2, 121.5});
    assert_true(kilometres > 1050 && kilometres < 1090);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_sample_is_read_and_written),
        TEST(the_wrong_field_is_named),
        TEST(an_edge_is_reached_at_a_host),
        TEST(a_code_is_no_address),
        TEST(its_store_could_be_opened),
        TEST(p1_a_lan_is_found_by_address_and_mask),
        TEST(p1_sites_tell_equal_networks_apart),
        TEST(p1_egress_tells_equal_networks_apart),
        TEST(an_edge_that_is_the_only_one_is_found_without_its_egress),
        TEST(p1_lans_that_no_edge_serves_are_told_apart_by_their_callers),
        TEST(p1_an_edge_gets_what_was_counted_by_its_egress_before),
        TEST(p2_the_nearest_edge_without_lans_serves_lans_that_have_none),
        TEST(p1_a_query_without_an_address_is_placed_by_who_calls),
        TEST(p1_a_registered_code_stands_for_a_lan),
        TEST(a_lan_that_has_a_code_is_found_by_its_address_too),
        TEST(p1_an_edge_that_lists_a_code_is_found_by_its_callers),
        TEST(p1_a_caller_inside_a_registered_lan_is_placed_there),
        TEST(two_edges_do_not_serve_one_lan),
        TEST(a_code_and_its_network_are_one_lan),
        TEST(a_lan_is_not_changed_into_what_another_edge_serves),
        TEST(one_egress_of_several_makes_one_shop),
        TEST(one_bad_entry_stops_nobody),
        TEST(what_has_not_changed_is_not_read_again),
        TEST(many_edges_are_read_from_their_summary),
        TEST(what_the_summary_does_not_know_is_read),
        TEST(a_damaged_summary_costs_time_only),
        TEST(lans_have_a_summary_too),
        TEST(who_registers_a_lan_keeps_the_summary),
        TEST(p6_the_nearest_edges_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
