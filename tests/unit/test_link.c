#include "tests/unit/unit.h"

#include "base/clock.h"
#include "lib/catalog/link.h"

static struct link parse(struct arena *arena, struct str path, struct str query)
{
    struct link link;
    struct error error;
    assert_ok(link_parse(arena, path, query, &link, &error), &error);
    return link;
}

static void paths(void **state)
{
    struct link link = parse(*state, S("/packages/GAME/2.0/huawei.apk"), S(""));
    assert_str(link.app, S("GAME"));
    assert_str(link.version, S("2.0"));
    assert_str(link.channel, S("huawei"));
    assert_null(link.info.data);
    link = parse(*state, S("/packages/GAME/2.0.apk"), S("utm_source=x&info"));
    assert_str(link.version, S("2.0"));
    assert_int_equal(link.channel.length, 0);
    assert_str(parse(*state, S("/packages/GAME/2%2E0/hua%77ei.apk"), S("")).channel, S("huawei"));
    assert_str(parse(*state, S("/packages/GAME/1.2.3+45/huawei.apk"), S("")).version, S("1.2.3+45"));
    assert_str(parse(*state, S("/packages/GAME/1.2.3%2B45.apk"), S("")).version, S("1.2.3+45"));
}

static void refused_paths(void **state)
{
    static const struct {
        const char *path;
        enum status status;
    } cases[] = {
        {"/packages", STATUS_NOT_FOUND},
        {"/packages/.apk", STATUS_NOT_FOUND},
        {"/packages/GAME.apk", STATUS_NOT_FOUND},
        {"/packages/GAME/2.0/a/b.apk", STATUS_NOT_FOUND},
        {"/packages/GAME/2.0/huawei", STATUS_NOT_FOUND},
        {"/packages/GAME/2.0/.apk", STATUS_INVALID},
        {"/packages//2.0.apk", STATUS_INVALID},
        {"/packages/../2.0.apk", STATUS_INVALID},
        {"/packages/%2e%2e/2.0.apk", STATUS_INVALID},
        {"/packages/GAME/..%2f..%2fx.apk", STATUS_INVALID},
        {"/packages/GAME/2.0/a%00b.apk", STATUS_INVALID},
        {"/packages/GAME/2.0/a%0d%0ab.apk", STATUS_INVALID},
        {"/packages/GAME/2.0/a%zz.apk", STATUS_INVALID},
        {"/packages/GAME/2.0/a%.apk", STATUS_INVALID},
        {"/packages/GA+ME/2.0.apk", STATUS_INVALID},
        {"/packages/GAME/2.0/a+b.apk", STATUS_INVALID},
        {"/packages/GAME/2.0 1.apk", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link link;
        struct error error;
        enum status status = link_parse(*state, str_of(cases[i].path), S(""), &link, &error);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].path, status_name(status));
    }
}

static void arguments(void **state)
{
    struct link link =
        parse(*state, S("/packages/G/1/c.apk"), S("x=1&info=eyJhIjoiYiJ9&filename=My%20Game.apk&exp=2026-08-20T10%3A00%3A00Z&sig=k.m"));
    assert_str(link.info, S("{\"a\":\"b\"}"));
    assert_str(link.filename, S("My Game.apk"));
    assert_str(link.expires, S("2026-08-20T10:00:00Z"));
    assert_str(link.signature, S("k.m"));
}

static void refused_arguments(void **state)
{
    static const struct {
        const char *query;
        enum status status;
        const char *says;
    } cases[] = {
        {"info=eyJhIjoiYiJ9&info=eyJhIjoiYiJ9", STATUS_INVALID, "twice"},
        {"info=%zz", STATUS_INVALID, "hexadecimal"},
        {"info=!", STATUS_INVALID, "base64url"},
        {"info=", STATUS_INVALID, "base64url"},
        {"info=eyJhIjoiYiJ9Cg==", STATUS_INVALID, "without padding"},
        {"info=eyJhIjoiYiJ9Cg%3d%3D", STATUS_INVALID, "without padding"},
        {"exp=tomorrow", STATUS_INVALID, "exp"},
        {"sig=k.m", STATUS_INVALID, "sig needs exp"},
        {"filename=x.exe", STATUS_INVALID, "filename"},
        {"filename=..%2fx.apk", STATUS_INVALID, "filename"},
        {"filename=a%22b.apk", STATUS_INVALID, "filename"},
        {"filename=a%0d%0aSet-Cookie:x.apk", STATUS_INVALID, "control byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link link;
        struct error error;
        assert_error(link_parse(*state, S("/packages/G/1/c.apk"), str_of(cases[i].query), &link, &error), cases[i].status, &error,
                     cases[i].says);
    }
}

static void a_signed_url_has_one_spelling(void **state)
{
    static const struct str path = {"/packages/G/1/c.apk", 19};
    static const char *const others[] = {
        "info=eyJhIjoiYiJ%39&exp=2026-08-20T10%3A00%3A00Z&sig=k.m&filename=a%20~.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10:00:00Z&sig=k.m&filename=a%20~.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10%3a00%3A00Z&sig=k.m&filename=a%20~.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10%3A00%3A00Z&sig=k%2Em&filename=a%20~.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10%3A00%3A00Z&sig=k.m&filename=a%20%7E.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10%3A00%3A00Z&sig=k.m&filename=%61%20~.apk",
        "info=eyJhIjoiYiJ9&exp=2026-08-20T10%3A00%3A00Z&sig=k.m&filename=a+~.apk",
    };
    struct link link;
    struct error error;
    struct str query = S("info=eyJhIjoiYiJ9&exp=2026-08-20T10%3A00%3A00Z&x=%7e&sig=k.m&filename=a%20~.apk");
    assert_str(parse(*state, path, query).filename, S("a ~.apk"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_error(link_parse(*state, path, str_of(others[i]), &link, &error), STATUS_INVALID, &error, "must be percent-encoded as ");
    assert_error(link_parse(*state, S("/packages/G/1/%63.apk"), query, &link, &error), STATUS_INVALID, &error, "path of a signed URL");
}

/* CDNs sort parameters, and add their own anywhere: each order is the same URL. */
static void each_order_of_a_signed_url_is_the_same(void **state)
{
    static const char *const parts[] = {"info=eyJhIjoiYiJ9", "exp=2026-08-20T10%3A00%3A00Z", "sig=k.m", "filename=a%20~.apk"};
    for (unsigned order = 0; order < 256; order++) {
        unsigned at[] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15) continue;
        struct str query = arena_printf(*state, "a=1&%s&%s&m=%%7e&%s&%s&z", parts[at[0]], parts[at[1]], parts[at[2]], parts[at[3]]);
        struct link link = parse(*state, S("/packages/G/1/c.apk"), query);
        assert_str(link.info, S("{\"a\":\"b\"}"));
        assert_str(link.expires, S("2026-08-20T10:00:00Z"));
        assert_str(link.signature, S("k.m"));
        assert_str(link.filename, S("a ~.apk"));
    }
}

static void info_needs_a_channel(void **state)
{
    struct link link;
    struct error error;
    assert_error(link_parse(*state, S("/packages/G/1.apk"), S("info=eyJhIjoiYiJ9"), &link, &error), STATUS_INVALID, &error,
                 "needs a channel");
}

static void too_much_info(void **state)
{
    struct link link;
    struct error error;
    char *text = arena_alloc(*state, 20000);
    memset(text, 'A', 19999);
    memcpy(text, "info=", 5);
    assert_error(link_parse(*state, S("/packages/G/1/c.apk"), str_of(text), &link, &error), STATUS_TOO_LARGE, &error, "info");
}

/* A link, signed, and read again. */
static struct link signed_link(struct arena *arena, const struct keyring *ring)
{
    struct link link = {S("G"), S("1"), S("c"), .info = S("{\"a\":\"b\"}"), .filename = S("x y.apk"), .expires = S("2026-08-20T10:00:00Z")};
    struct str text = link_format(arena, &link, keyring_newest(ring)), query = text;
    struct str path = str_cut(&query, '?');
    return parse(arena, path, query);
}

static struct keyring ring_of(struct arena *arena, const char *text)
{
    struct keyring ring;
    struct error error;
    assert_ok(keyring_parse(arena, str_of(text), 0, &ring, &error), &error);
    return ring;
}

static const char KEYS[] = "new:bmV3bmV3bmV3bmV3bmV3bmV3,old:b2xkb2xkb2xkb2xkb2xkb2xk";

static void signature_holds(void **state)
{
    struct error error;
    struct keyring ring = ring_of(*state, KEYS), old = ring_of(*state, "old:b2xkb2xkb2xkb2xkb2xkb2xk");
    int64_t before;
    clock_parse_time(S("2026-08-20T09:59:59Z"), &before);
    struct link link = signed_link(*state, &ring);
    assert_true(str_starts(link.signature, S("new.")));
    assert_ok(link_verify(*state, &link, &ring, before, &error), &error);
    link = signed_link(*state, &old);
    assert_ok(link_verify(*state, &link, &ring, before, &error), &error);
    assert_error(link_verify(*state, &link, &ring, before + 1000, &error), STATUS_DENIED, &error, "expired");
}

static void every_part_is_signed(void **state)
{
    struct keyring ring = ring_of(*state, KEYS);
    for (int part = 0; part < 7; part++) {
        struct error error;
        struct link link = signed_link(*state, &ring);
        struct str *parts[] = {&link.app, &link.version, &link.channel, &link.info, &link.filename, &link.expires, &link.signature};
        char *changed = arena_cstr(*state, *parts[part]);
        size_t at = part == 5 ? 3 : parts[part]->length - 1; /* another year: still a time */
        changed[at] = changed[at] == '5' ? '7' : changed[at] == 'E' ? 'I' : (char)(changed[at] ^ 1);
        parts[part]->data = changed;
        assert_status(link_verify(*state, &link, &ring, 0, &error), STATUS_DENIED);
    }
}

/* What is moved from one part to the next is another message. */
static void parts_do_not_run_together(void **state)
{
    struct error error;
    struct keyring ring = ring_of(*state, KEYS);
    struct link link = signed_link(*state, &ring);
    link.version = S("1c");
    link.channel = S("");
    assert_status(link_verify(*state, &link, &ring, 0, &error), STATUS_DENIED);
}

static void unsigned_links(void **state)
{
    struct error error;
    struct keyring ring = ring_of(*state, KEYS);
    struct link link = parse(*state, S("/packages/G/1/c.apk"), S("exp=2026-08-20T10:00:00Z"));
    assert_status(link_verify(*state, &link, &ring, 0, &error), STATUS_NOT_FOUND);
    assert_status(link_verify(*state, &link, &ring, INT64_MAX, &error), STATUS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(paths),
        test_with_arena(refused_paths),
        test_with_arena(arguments),
        test_with_arena(refused_arguments),
        test_with_arena(a_signed_url_has_one_spelling),
        test_with_arena(each_order_of_a_signed_url_is_the_same),
        test_with_arena(info_needs_a_channel),
        test_with_arena(too_much_info),
        test_with_arena(signature_holds),
        test_with_arena(every_part_is_signed),
        test_with_arena(parts_do_not_run_together),
        test_with_arena(unsigned_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
