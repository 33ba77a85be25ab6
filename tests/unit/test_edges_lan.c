/* P1, P3: LANs, masks, the names of packages. */
#include "lib/edges/lan.h"
#include "lib/edges/name.h"
#include "tests/unit/unit.h"

static struct str lan_of(struct arena *arena, const char *ip, const char *mask)
{
    struct network network;
    struct error error;
    assert_ok(network_of(str_of(ip), str_of(mask), &network, &error), &error);
    return lan_format(arena, (struct str){NULL, 0}, &network);
}

static void p1_address_and_mask_make_the_lan(void **state)
{
    assert_str(lan_of(*state, "192.168.0.1", "255.255.255.0"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "192.168.0.254", "255.255.255.0"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "192.168.1.254", "255.255.255.0"), S("192.168.1.0/24"));
    assert_str(lan_of(*state, "192.168.0.254", "24"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "10.11.12.13", "255.255.240.0"), S("10.11.0.0/20"));
    assert_str(lan_of(*state, "10.11.12.13", "0"), S("0.0.0.0/0"));
    assert_str(lan_of(*state, "10.11.12.13", "0.0.0.0"), S("0.0.0.0/0"));
    assert_str(lan_of(*state, "10.11.12.13", "32"), S("10.11.12.13/32"));
    assert_str(lan_of(*state, "10.11.12.13", "255.255.255.255"), S("10.11.12.13/32"));
}

static void p1_ipv6_prefixes_work_the_same_way(void **state)
{
    assert_str(lan_of(*state, "2001:db8:1:2:3::4", "64"), S("2001:db8:1:2::/64"));
    assert_str(lan_of(*state, "2001:DB8::1", "32"), S("2001:db8::/32"));
    assert_str(lan_of(*state, "2001:db8:8000::", "33"), S("2001:db8:8000::/33"));
    assert_str(lan_of(*state, "::1", "128"), S("::1/128"));
    assert_str(lan_of(*state, "::ffff:192.168.0.9", "120"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "::ffff:192.168.0.9", "24"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "::ffff:192.168.0.9", "255.255.255.0"), S("192.168.0.0/24"));
    assert_str(lan_of(*state, "::ffff:192.168.0.9", "96"), S("0.0.0.0/0"));
    assert_str(lan_of(*state, "::ffff:192.168.0.9", "128"), S("192.168.0.9/32"));
}

static void p1_masks_that_make_no_sense_are_refused(void **state)
{
    static const char *const wrong[][3] = {
        {"192.168.0.1", "255.0.255.0", "holes"},
        {"192.168.0.1", "255.255.255.1", "holes"},
        {"192.168.0.1", "33", "at most 32"},
        {"192.168.0.1", "", "must be a mask"},
        {"192.168.0.1", "-1", "must be a mask"},
        {"192.168.0.1", "255.255.255", "must be a mask"},
        {"192.168.0.1", "ffff::", "must be a mask"},
        {"192.168.0.1", "18446744073709551616", "must be a mask"},
        {"2001:db8::1", "255.255.255.0", "IPv6"},
        {"2001:db8::1", "129", "at most 128"},
        {"::ffff:192.168.0.9", "33", "at most 32, or from 96 to 128, for this address"},
        {"::ffff:192.168.0.9", "95", "at most 32, or from 96 to 128, for this address"},
        {"::ffff:192.168.0.9", "129", "at most 32, or from 96 to 128, for this address"},
        {"::ffff:192.168.0.9", "255.0.255.0", "holes"},
        {"192.168.0.256", "24", "'ip'"},
        {"192.168.0", "24", "'ip'"},
        {"", "24", "'ip'"},
        {"fe80::1%eth0", "64", "'ip'"},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111", "64", "'ip'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct network network;
        struct error error;
        assert_error(network_of(str_of(wrong[i][0]), str_of(wrong[i][1]), &network, &error), STATUS_INVALID, &error, wrong[i][2]);
    }
}

static void a_network_knows_its_addresses(void **state)
{
    struct network network;
    struct address address;
    (void)state;
    assert_true(network_parse(S("203.0.113.77/25"), &network));
    assert_true(address_parse(S("203.0.113.1"), &address) && network_contains(&network, &address));
    assert_true(address_parse(S("::ffff:203.0.113.127"), &address) && network_contains(&network, &address));
    assert_true(address_parse(S("203.0.113.128"), &address) && !network_contains(&network, &address));
    assert_true(address_parse(S("2001:db8::1"), &address) && !network_contains(&network, &address));
    assert_false(network_parse(S("203.0.113.77"), &network));
    assert_false(network_parse(S("203.0.113.77/"), &network));
    assert_false(network_parse(S("203.0.113.77/33"), &network));
    assert_false(network_parse(S("/24"), &network));
}

static void a_site_tells_equal_networks_apart(void **state)
{
    struct network network;
    assert_true(network_parse(S("192.168.0.0/24"), &network));
    assert_str(lan_format(*state, S("shop-7"), &network), S("shop-7@192.168.0.0/24"));
    assert_str(lan_format(*state, S("203.0.113.0/24"), &network), S("203.0.113.0/24@192.168.0.0/24"));
}

/* What is stored depends on it: a value that was once must stay. */
static void the_part_of_a_lan_never_changes(void **state)
{
    unsigned seen = 0;
    assert_int_equal(lan_part(S("192.168.0.0/24")), 10);
    assert_int_equal(lan_part(S("shop-7@192.168.0.0/24")), 10);
    assert_int_equal(lan_part(S("203.0.113.5/32@192.168.0.0/24")), 15);
    assert_int_equal(lan_part(S("2001:db8:1:2::/64@192.168.0.0/24")), 9);
    for (int i = 0; i < 400; i++) seen |= 1u << lan_part(arena_printf(*state, "shop-%d@192.168.0.0/24", i));
    assert_int_equal(seen, (1u << LAN_PARTS) - 1);
}

static void lans_of_callers_are_in_the_part_of_their_edges_egress(void **state)
{
    static const char *const of_one[] = {"203.0.113.5/32@192.168.0.0/24", "203.0.113.0/24@10.0.0.0/8", "203.0.7.7/32",
                                         "203.0.0.0/16@10.1.0.0/16"};
    struct network network;
    unsigned seen = 0;
    (void)state;
    assert_true(network_parse(S("203.0.113.0/24"), &network));
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++) assert_int_equal(lan_part(str_of(of_one[i])), network_part(&network));
    assert_true(network_parse(S("203.0.0.0/15"), &network));
    assert_int_equal(network_part(&network), LAN_PARTS);
    for (int i = 0; i < 255; i++) seen |= 1u << lan_part(arena_printf(*state, "%d.7.7.7/32@192.168.0.0/24", i + 1));
    assert_int_equal(seen, (1u << LAN_PARTS) - 1);
    seen = 0; /* networks that are not public are spread as before */
    for (int i = 0; i < 255; i++) seen |= 1u << lan_part(arena_printf(*state, "192.168.%d.0/24", i));
    assert_int_equal(seen, (1u << LAN_PARTS) - 1);
}

static void addresses_of_the_internet_at_large_are_told(void **state)
{
    static const char *const public[] = {"8.8.8.8", "203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"};
    static const char *const others[] = {"10.1.2.3",    "172.31.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1",
                                         "169.254.1.1", "::1",        "fd00::1",     "fe80::1",    "::ffff:10.0.0.1"};
    struct address address;
    (void)state;
    for (size_t i = 0; i < sizeof public / sizeof *public; i++)
        assert_true(address_parse(str_of(public[i]), &address) && address_is_public(&address));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(address_parse(str_of(others[i]), &address) && !address_is_public(&address));
}

static void p3_names_are_read_and_written(void **state)
{
    static const char *const names[][2] = {
        {"APP1/2.0", "APP1_2.0.apk"},           {"APP1/2.0/huawei", "APP1_2.0_huawei.apk"},
        {"APP1/1.0..2.0", "APP1_1.0_2.0.diff"}, {"APP1/1...2", "APP1_1._2.diff"},
        {"my_app/2_0", "my_.app_2_.0.apk"},     {"APP1/1.2.3+45/huawei", "APP1_1.2.3+45_huawei.apk"},
        {"APP1/1+1..1+2", "APP1_1+1_1+2.diff"}, {"APP1/1.0..2.0@2", "APP1_1.0_2.0@2.diff"},
        {"APP1/1..2.@2", "APP1_1_2.@2.diff"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct package_name name;
        struct error error;
        assert_ok(package_name_parse(str_of(names[i][0]), &name, &error), &error);
        assert_str(package_name_format(*state, &name), str_of(names[i][0]));
        assert_str(package_name_file(*state, &name), str_of(names[i][1]));
    }
}

static void names_that_would_get_one_file_get_two(void **state)
{
    static const char *const pairs[][2] = {
        {"a_/b", "a/_b"}, {"a/b_c", "a/b/c"}, {"a_b/c", "a/b/c"}, {"a/b__", "a/b_/_"}, {"a/b..c", "a/b..c@2"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct package_name one, other;
        struct error error;
        assert_ok(package_name_parse(str_of(pairs[i][0]), &one, &error), &error);
        assert_ok(package_name_parse(str_of(pairs[i][1]), &other, &error), &error);
        assert_false(str_equal(package_name_file(*state, &one), package_name_file(*state, &other)));
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "APP1",
                                        "APP1/",
                                        "/2.0",
                                        "APP1/2.0/",
                                        "APP1/2.0/a/b",
                                        "APP1/..2.0",
                                        "APP1/1..",
                                        "../2.0",
                                        "APP1/.hidden",
                                        "APP1/1.0..2.0/huawei",
                                        "APP 1/2.0",
                                        "APP+1/2.0",
                                        "APP1/2.0/a+b",
                                        "APP1/1..2..3/x",
                                        "APP1/..",
                                        "APP1/1.0..2.0@1",
                                        "APP1/1.0..2.0@3",
                                        "APP1/1.0..2.0@2@2",
                                        "APP1/1.0@2..2.0",
                                        "APP1/1.0..@2",
                                        "APP1/2.0@2",
                                        "APP1/1.0..2.0@2/huawei"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct package_name name;
        struct error error;
        assert_error(package_name_parse(str_of(wrong[i]), &name, &error), STATUS_INVALID, &error, "is no package");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(p1_address_and_mask_make_the_lan),
        test_with_arena(p1_ipv6_prefixes_work_the_same_way),
        test_with_arena(p1_masks_that_make_no_sense_are_refused),
        test_with_arena(a_network_knows_its_addresses),
        test_with_arena(a_site_tells_equal_networks_apart),
        test_with_arena(the_part_of_a_lan_never_changes),
        test_with_arena(lans_of_callers_are_in_the_part_of_their_edges_egress),
        test_with_arena(addresses_of_the_internet_at_large_are_told),
        test_with_arena(p3_names_are_read_and_written),
        test_with_arena(names_that_would_get_one_file_get_two),
        test_with_arena(what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
