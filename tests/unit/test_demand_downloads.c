/* Access logs: what their lines say, and which sampled query a download belongs to. */
#include "lib/demand/downloads.h"

#include "lib/demand/access_line_internal.h"
#include "tests/unit/unit.h"

#define NOON INT64_C(1770292800000) /* 2026-02-05T12:00:00Z */

/* --- lines */

static const char combined[] =
    "192.168.0.7 - - [05/Feb/2026:12:00:38 +0000] \"GET /data/share/APP1_2.0.apk?x=1 HTTP/1.1\" 206 524288 \"-\" "
    "\"okhttp/4.9\"";
static const char apache[] = "shop.lan:80 fd00::7 - \"jo doe\" [05/Feb/2026:20:00:38 +0800] \"GET /a\\\"b HTTP/1.1\" 200 - \"http://x/\" "
                             "\"a \\\" b\" 17";
static const char common[] = "device-7.lan - - [05/Feb/2026:12:00:38 +0000] \"GET /a HTTP/1.0\" 404 153";
static const char store[] = "79a59df9 packages [05/Feb/2026:12:00:38 +0000] 192.0.2.3 79a59df9 3E57427F3EXAMPLE REST.GET.OBJECT "
                            "packages/APP1/2.0/base.apk \"GET /packages/packages/APP1/2.0/base.apk HTTP/1.1\" 200 - 2662992 3462992 70 10 "
                            "\"-\" \"okhttp/4.9\" - Ke1bUcazaN1jWuUl SigV4 ECDHE AuthHeader bucket.s3.amazonaws.com TLSV1.1";

static struct access_line parsed(const char *text)
{
    struct access_line line;
    if (!access_line_parse(str_of(text), &line)) fail_msg("%s", text);
    assert_int_equal(line.time, NOON + 38 * CLOCK_SECOND);
    return line;
}

static void lines_of_nginx_apache_and_s3_are_read(void **state)
{
    (void)state;
    struct access_line line = parsed(combined);
    assert_str(line.client, S("192.168.0.7"));
    assert_true(line.has_address && !line.of_store);
    assert_str(line.method, S("GET"));
    assert_str(line.target, S("/data/share/APP1_2.0.apk?x=1"));
    assert_int_equal(line.status, 206);
    assert_int_equal(line.bytes, 524288);
    assert_str(line.sender, S("\"-\" \"okhttp/4.9\""));
    line = parsed(apache);
    assert_str(line.client, S("fd00::7"));
    assert_true(line.has_address && line.address.v6);
    assert_str(line.target, S("/a\\\"b"));
    assert_int_equal(line.bytes, 0);
    assert_str(line.sender, S("\"http://x/\" \"a \\\" b\""));
    line = parsed(common);
    assert_str(line.client, S("device-7.lan"));
    assert_false(line.has_address);
    assert_int_equal(line.status, 404);
    assert_str(line.sender, S(""));
    line = parsed(store);
    assert_true(line.of_store);
    assert_str(line.client, S("192.0.2.3"));
    assert_str(line.target, S("/packages/packages/APP1/2.0/base.apk"));
    assert_int_equal(line.bytes, 2662992);
    assert_str(line.sender, S("\"-\" \"okhttp/4.9\""));
    line = parsed("192.168.0.7 - - [05/Feb/2026:12:00:38 +0000] \"\\x16\\x03\\x01\" 400 157 \"-\" \"-\"");
    assert_str(line.method, S(""));
}

static void what_is_no_line_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "-",
        "1.2.3.4 - - [yesterday] \"GET / HTTP/1.1\" 200 1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000]",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] ",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\\\"",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 99 1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 2000 1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" -20 1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 200",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 200 -1",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 200 9007199254740993",
        "1.2.3.4 - - [05/Feb/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 200 18446744073709551616",
        "{\"time\":\"2026-02-05T12:00:38Z\",\"status\":200}",
    };
    struct access_line line;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(access_line_parse(unit_guarded(*state, str_of(wrong[i])), &line));
        arena_reset(*state);
    }
    for (size_t length = 0; length < sizeof combined; length++) { /* wherever one is cut off nothing past it is read */
        access_line_parse(unit_guarded(*state, str_make(combined, length)), &line);
        arena_reset(*state);
    }
}

/* --- downloads */

struct fixture {
    struct arena *arena;
    struct edge edges[4];
    struct registry registry;
    struct sample samples[64];
    struct sample_set set;
    struct downloads *downloads;
    struct error error;
};

static const char *const edge_texts[] = {
    "{\"edge\":\"shop-1\",\"address\":\"a\",\"directory\":\"/data/share\",\"site\":\"one\",\"lans\":[\"192.168.0.0/24\",\"10.1.0.0/16\"],"
    "\"egress\":[\"203.0.113.1/32\"],\"store\":\"pull\"}",
    "{\"edge\":\"shop-2\",\"address\":\"b\",\"directory\":\"/data/share\",\"site\":\"two\",\"lans\":[\"192.168.0.0/24\"],"
    "\"egress\":[\"203.0.113.2/32\"],\"store\":\"pull\"}",
    "{\"edge\":\"shop-3\",\"address\":\"c\",\"directory\":\"/three\",\"site\":\"three\",\"lans\":[\"192.168.0.0/24\"],"
    "\"egress\":[\"203.0.113.3/32\"],\"store\":\"pull\"}",
    "{\"edge\":\"shop-4\",\"address\":\"d\",\"site\":\"four\",\"lans\":[\"192.168.0.0/24\"],\"splices\":true,\"store\":\"pull\"}"};
enum { EDGES = 4 };
static const char *const lans[EDGES] = {"one@192.168.0.0/24", "two@192.168.0.0/24", "three@192.168.0.0/24", "four@192.168.0.0/24"};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->registry = (struct registry){.edges = f->edges, .edge_count = EDGES};
    f->registry.served = arena_array(f->arena, EDGES + 1, sizeof *f->registry.served);
    /* by LAN: four, one (twice), three, two */
    static const int order[] = {3, 0, 0, 2, 1};
    for (int i = 0; i < EDGES; i++) assert_ok(edge_parse(f->arena, str_of(edge_texts[i]), &f->edges[i], &f->error), &f->error);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        f->registry.served[f->registry.served_count++] =
            (struct registry_served){i == 1 ? S("one@10.1.0.0/16") : str_of(lans[order[i]]), &f->edges[order[i]]};
    f->set = (struct sample_set){.items = f->samples, .share = 1};
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

/* By time. Returns its place. */
static size_t asked(struct fixture *f, int second, const char *lan, const char *package, bool told)
{
    f->samples[f->set.count] = (struct sample){.time = NOON + second * (int64_t)CLOCK_SECOND,
                                               .id = S("x"),
                                               .lan = str_of(lan),
                                               .package = str_of(package),
                                               .placed = SAMPLE_HIT,
                                               .downloaded = told};
    return f->set.count++;
}

static void open_log(struct fixture *f)
{
    f->downloads = downloads_new(f->arena, &f->registry, &f->set, CLOCK_HOUR);
}

/* In the combined form. */
static void got(struct fixture *f, int second, const char *client, const char *path, int status, const struct edge *edge)
{
    struct str line = arena_printf(f->arena, "%s - - [05/Feb/2026:12:%02d:%02d +0000] \"GET %s HTTP/1.1\" %d 500 \"-\" \"okhttp\"\r",
                                   client, second / 60, second % 60, path, status);
    downloads_line(f->downloads, line, edge);
}

static struct str downloaded(struct fixture *f)
{
    char *text = arena_buffer(f->arena, f->set.count);
    for (size_t i = 0; i < f->set.count; i++) text[i] = f->samples[i].downloaded ? 'd' : '.';
    return str_make(text, f->set.count);
}

static void each_path_of_a_package_is_known(void **state)
{
    struct fixture *f = *state;
    asked(f, 0, lans[0], "A/1", false);
    asked(f, 0, lans[0], "A/1/huawei", false);
    asked(f, 0, lans[0], "A/1..2", false);
    asked(f, 0, lans[0], "B_x/1", false);
    open_log(f);
    got(f, 1, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    got(f, 1, "198.51.100.1", "/cdn/packages/A/1/huawei.apk?exp=1", 206, NULL);
    got(f, 1, "198.51.100.1", "http://cdn.example/patches/A/1%2e.2.diff", 200, NULL);
    got(f, 1, "192.168.0.7", "/data/share/B_.x_1.apk", 200, &f->edges[0]);
    assert_str(downloaded(f), S("dddd"));
    struct download_counts counts = downloads_counts(f->downloads);
    assert_int_equal(counts.lines, 4);
    assert_int_equal(counts.nonsense, 0);
    assert_int_equal(counts.downloads, 4);
    assert_int_equal(counts.matched, 4);
}

static void a_store_s_log_tells_of_bases(void **state)
{
    struct fixture *f = *state;
    asked(f, 0, lans[0], "APP1/2.0/base", false);
    asked(f, 0, lans[0], "APP1/2.0", false);
    open_log(f);
    downloads_line(f->downloads, str_of(store), NULL);
    assert_str(downloaded(f), S(".d"));
}

static void what_is_no_download_counts_as_none(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 9; i++) asked(f, 0, lans[0], "A/1", false);
    open_log(f);
    got(f, 1, "198.51.100.1", "/packages/A/1.apk", 404, NULL);
    got(f, 1, "198.51.100.1", "/packages/A/1.apk", 302, NULL);
    got(f, 1, "198.51.100.1", "/packages/A/2.apk", 200, NULL);
    got(f, 1, "198.51.100.1", "/packages/A/1.apk.part", 200, NULL);
    got(f, 1, "192.168.0.7", "/elsewhere/A_1.apk", 200, NULL);          /* no edge has that directory */
    got(f, 1, "192.168.0.7", "/data/share/A_1.apk", 200, &f->edges[2]); /* not where that edge's are */
    got(f, 1, "192.168.0.7", "/packages/A/1.apk", 200, &f->edges[0]);
    got(f, 1, "192.168.0.7", "/data/share/", 200, &f->edges[0]);
    got(f, 1, "192.168.0.7", "/%zz", 200, NULL);
    got(f, 1, "192.168.0.7", "*", 200, NULL);
    static const char head[] = "1.2.3.4 - - [05/Feb/2026:12:00:01 +0000] \"HEAD /packages/A/1.apk HTTP/1.1\" 200 5 \"-\" \"-\"";
    static const char nothing[] = "1.2.3.4 - - [05/Feb/2026:12:00:01 +0000] \"GET /packages/A/1.apk HTTP/1.1\" 200 0 \"-\" \"-\"";
    downloads_line(f->downloads, str_of(head), NULL);
    downloads_line(f->downloads, str_of(nothing), NULL);
    downloads_line(f->downloads, S("nonsense"), NULL);
    assert_str(downloaded(f), S("........."));
    struct download_counts counts = downloads_counts(f->downloads);
    assert_int_equal(counts.lines, 13);
    assert_int_equal(counts.nonsense, 1);
    assert_int_equal(counts.downloads, 0);
}

static void a_download_belongs_to_its_lan_as_far_as_the_log_tells(void **state)
{
    struct fixture *f = *state;
    for (int lan = 0; lan < EDGES; lan++) asked(f, 0, lans[lan], "A/1", false);
    asked(f, 0, "one@10.1.0.0/16", "A/1", false);
    open_log(f);
    got(f, 9, "192.168.0.7", "/data/share/A_1.apk", 200, &f->edges[1]); /* the edge that was said, and a client of its network */
    assert_str(downloaded(f), S(".d..."));
    got(f, 9, "192.168.0.7", "/data/share/A_1.apk", 200, &f->edges[1]); /* there is no other query of that LAN */
    assert_str(downloaded(f), S(".d..."));
    got(f, 9, "192.168.0.7", "/three/A_1.apk", 200, NULL); /* the only edge with that directory */
    assert_str(downloaded(f), S(".dd.."));
    got(f, 9, "10.1.2.3", "/data/share/A_1.apk", 200, &f->edges[0]);
    assert_str(downloaded(f), S(".dd.d"));
    got(f, 9, "203.0.113.1", "/packages/A/1.apk", 200, NULL); /* the address that shop-1 is seen with, at a CDN */
    assert_str(downloaded(f), S("ddd.d"));
    got(f, 9, "203.0.113.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("ddd.d"));
    got(f, 9, "192.168.0.9", "/packages/A/1.apk", 200, &f->edges[3]); /* an edge that splices */
    assert_str(downloaded(f), S("ddddd"));
    assert_int_equal(downloads_counts(f->downloads).matched, 5);
    assert_int_equal(downloads_counts(f->downloads).downloads, 7);
}

static void where_the_log_tells_no_lan_the_package_is_enough(void **state)
{
    struct fixture *f = *state;
    for (int lan = 0; lan < EDGES; lan++) asked(f, lan, lans[lan], "A/1", false);
    open_log(f);
    got(f, 9, "192.168.0.7", "/data/share/A_1.apk", 200, NULL); /* two edges have that directory */
    assert_str(downloaded(f), S("...d"));
    got(f, 9, "127.0.0.1", "/data/share/A_1.apk", 200, &f->edges[0]); /* a proxy of its own, or a device from elsewhere */
    assert_str(downloaded(f), S("..dd"));
    got(f, 9, "device-7.lan", "/data/share/A_1.apk", 200, &f->edges[0]); /* some client of the edge's */
    assert_str(downloaded(f), S("d.dd"));
    got(f, 9, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("dddd"));
}

static void each_download_belongs_to_one_query_within_the_horizon(void **state)
{
    struct fixture *f = *state;
    asked(f, 0, lans[0], "A/1", false);
    asked(f, 60, lans[0], "A/1", false);
    asked(f, 120, lans[0], "A/1", true); /* a device told of it: that download is in the log too */
    asked(f, 180, lans[0], "A/1", false);
    asked(f, 3000, lans[0], "A/1", false);
    open_log(f);
    got(f, 200, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("..d.."));
    got(f, 201, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("..dd."));
    got(f, 2800, "198.51.100.1", "/packages/A/1.apk", 200, NULL); /* before the query by a clock that is late, and after others */
    assert_str(downloaded(f), S(".ddd."));
    got(f, 2800, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("dddd."));
    got(f, 2600, "198.51.100.1", "/packages/A/1.apk", 200, NULL); /* more than five minutes before */
    assert_str(downloaded(f), S("dddd."));
    got(f, 2800, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("ddddd"));
    assert_int_equal(downloads_counts(f->downloads).matched, 5);
}

static void what_comes_after_the_horizon_is_another_s(void **state)
{
    struct fixture *f = *state;
    asked(f, -10, lans[0], "A/1", false);
    open_log(f);
    got(f, 3591, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("."));
    got(f, 3590, "198.51.100.1", "/packages/A/1.apk", 200, NULL);
    assert_str(downloaded(f), S("d"));
}

static void slices_are_one_download(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++) asked(f, 0, lans[0], "A/1", false);
    open_log(f);
    for (int i = 0; i < 20; i++) {
        got(f, 10 + i * 60, "198.51.100.1", "/packages/A/1.apk", 206, NULL); /* twenty minutes, one slice a minute */
        if (i < 3) got(f, 11 + i * 60, "198.51.100.2", "/packages/A/1.apk", 206, NULL);
    }
    assert_int_equal(downloads_counts(f->downloads).downloads, 2);
    got(f, 2000, "198.51.100.2", "/packages/A/1.apk", 206, NULL); /* half an hour later */
    got(f, 2001, "198.51.100.3", "/packages/A/1.apk", 200, NULL);
    got(f, 2002, "198.51.100.3", "/packages/A/1.apk", 206, NULL); /* was cut off, and goes on */
    got(f, 2003, "198.51.100.3", "/packages/A/1.apk", 200, NULL);
    assert_int_equal(downloads_counts(f->downloads).downloads, 5);
    assert_str(downloaded(f), S(".ddddd"));
}

/* Of every other query that is sampled the same share of downloads is looked at. */
static void where_queries_are_a_share_downloads_are_too(void **state)
{
    struct fixture *f = *state;
    enum { QUERIES = 40, DOWNLOADS = 160 };
    for (int i = 0; i < QUERIES; i++) asked(f, i, lans[0], "A/1", false);
    f->set.share = 0.1; /* of 400 queries, 160 of which were followed by a download */
    open_log(f);
    for (int i = 0; i < DOWNLOADS; i++) got(f, 40 + i, arena_printf(f->arena, "198.51.100.%d", i).data, "/packages/A/1.apk", 200, NULL);
    struct download_counts counts = downloads_counts(f->downloads);
    assert_int_equal(counts.downloads, DOWNLOADS);
    assert_in_range(counts.matched, 6, 28);
}

/* --- streams */

static struct download_counts read_text(struct fixture *f, struct str text)
{
    open_log(f);
    assert_ok(downloads_read(f->downloads, stream_of(f->arena, text), NULL, &f->error), &f->error);
    return downloads_counts(f->downloads);
}

static void a_log_is_read_as_a_stream_whatever_is_in_it(void **state)
{
    enum { LONG = 300000, MANY = 3000 };
    struct fixture *f = *state;
    asked(f, 0, lans[0], "A/1", false);
    char *text = arena_alloc(f->arena, LONG);
    size_t length = 0;
    memset(text, 'x', LONG);
    assert_int_equal(read_text(f, str_make(text, LONG)).nonsense, 1); /* one line, which has no end */
    for (int i = 0; i < MANY; i++) length += (size_t)sprintf(text + length, "198.51.100.1 - - [05/Feb/2026:12:01:00 +0000] \"\" 400 0\n\n");
    text[LONG - 1] = '\n';
    struct download_counts counts = read_text(f, str_make(text, LONG));
    assert_int_equal(counts.lines, MANY + 1);
    assert_int_equal(counts.nonsense, 1);
    length = (size_t)sprintf(text, "198.51.100.1 - - [05/Feb/2026:12:01:00 +0000] \"GET /packages/A/1.apk HTTP/1.1\" 200 5");
    counts = read_text(f, str_make(text, length)); /* the last line may have no end */
    assert_int_equal(counts.lines, 1);
    assert_int_equal(counts.matched, 1);
    assert_int_equal(read_text(f, S("")).lines, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_nginx_apache_and_s3_are_read),
        test_with_arena(what_is_no_line_is_refused),
        TEST(each_path_of_a_package_is_known),
        TEST(a_store_s_log_tells_of_bases),
        TEST(what_is_no_download_counts_as_none),
        TEST(a_download_belongs_to_its_lan_as_far_as_the_log_tells),
        TEST(where_the_log_tells_no_lan_the_package_is_enough),
        TEST(each_download_belongs_to_one_query_within_the_horizon),
        TEST(what_comes_after_the_horizon_is_another_s),
        TEST(slices_are_one_download),
        TEST(where_queries_are_a_share_downloads_are_too),
        TEST(a_log_is_read_as_a_stream_whatever_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
