/* Tokens: signed, opened, verified; T2, T4, T5, T10. */
#include "tests/unit/unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/token/token.h"

#define ZEROS      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define RING       "new:" ZEROS "==,old:B" ZEROS_TAIL
#define ZEROS_TAIL "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static const char URL[] = "https://cdn.example/apps/game.apk";
enum { DUE = 2000, BEFORE = 1999 };

static struct keyring ring_of(struct arena *arena, const char *text)
{
    struct keyring ring;
    struct error error;
    assert_ok(keyring_parse(arena, str_of(text), TOKEN_SECRET_LENGTH, &ring, &error), &error);
    return ring;
}

static struct token_fields fields_of(const char *url, const char *business, bool any_host)
{
    static char buffer[TOKEN_HOST_MAXIMUM + 1];
    struct token_target target;
    struct token_fields fields = {
        .due = DUE, .modified = 1000, .business = str_of(business), .type = S("text/css"), .size = 7, .has_size = true};
    assert_int_equal(token_target_parse(str_of(url), S(""), TOKEN_PARAMETER, &target), TOKEN_TARGET_OK);
    assert_true(token_key_of(&target, fields.business, any_host, &fields.key));
    if (!any_host) fields.host = token_host(target.host, buffer);
    return fields;
}

static struct str sign_with(struct arena *arena, const char *keys, const char *url, const char *business, bool any_host)
{
    struct keyring ring = ring_of(arena, keys);
    struct token_fields fields = fields_of(url, business, any_host);
    struct str text;
    struct error error;
    assert_ok(token_sign(arena, keyring_newest(&ring), &fields, TOKEN_BASE64URL, &text, &error), &error);
    return token_attach(arena, str_of(url), TOKEN_PARAMETER, text);
}

static enum token_reason ask(struct arena *arena, struct str uri, const char *host, const char *business, int64_t now)
{
    struct keyring ring = ring_of(arena, RING);
    struct token_answer answer;
    return token_verify(&ring, &(struct token_question){.uri = uri, .host = str_of(host), .business = str_of(business), .now = now},
                        &answer);
}

static void due_and_early(void **state)
{
    struct str url = sign_with(*state, RING, URL, "shop", false);
    assert_enum(ask(*state, url, "", "shop", BEFORE), TOKEN_EARLY, token_reason_name);
    assert_enum(ask(*state, url, "", "shop", DUE), TOKEN_DUE, token_reason_name);
    assert_enum(ask(*state, str_from(url, 19), "cdn.example", "shop", DUE), TOKEN_DUE, token_reason_name);
    assert_enum(ask(*state, str_from(url, 19), "CDN.example.:8443", "shop", DUE), TOKEN_DUE, token_reason_name);
    assert_enum(ask(*state, str_of(URL), "", "shop", DUE), TOKEN_NONE, token_reason_name);
}

static void the_same_version_gives_the_same_url(void **state)
{
    assert_str(sign_with(*state, RING, URL, "shop", false), sign_with(*state, RING, URL, "shop", false));
    struct str once = sign_with(*state, RING, URL, "shop", false);
    assert_str(sign_with(*state, RING, arena_cstr(*state, once), "shop", false), once);
}

static void fields_come_back(void **state)
{
    struct keyring ring = ring_of(*state, RING);
    struct token_answer answer;
    struct str url = sign_with(*state, RING, URL, "shop", false);
    token_verify(&ring, &(struct token_question){.uri = url, .business = S("shop"), .now = DUE}, &answer);
    const struct token_fields *fields = &answer.token.fields;
    assert_str(fields->host, S("cdn.example"));
    assert_str(fields->business, S("shop"));
    assert_str(fields->type, S("text/css"));
    assert_int_equal(fields->size, 7);
    assert_true(fields->has_size && !fields->has_digest);
    assert_int_equal(fields->modified, 1000);
    assert_str(answer.token.with->id, S("new"));
}

static void refused_for_anything_else(void **state)
{
    struct str url = sign_with(*state, RING, URL, "shop", false);
    struct str path = str_from(url, 19);
    assert_enum(ask(*state, path, "other.example", "shop", DUE), TOKEN_OTHER_HOST, token_reason_name);
    assert_enum(ask(*state, path, "", "shop", DUE), TOKEN_OTHER_HOST, token_reason_name);
    assert_enum(ask(*state, url, "", "bank", DUE), TOKEN_OTHER_BUSINESS, token_reason_name);
    assert_enum(ask(*state, url, "", "", DUE), TOKEN_OTHER_BUSINESS, token_reason_name);
    struct str moved = arena_printf(*state, "/apps/other.apk" STR_FMT, STR_ARG(str_from(path, 14)));
    assert_enum(ask(*state, moved, "cdn.example", "shop", DUE), TOKEN_OTHER_URL, token_reason_name);
    struct str longer = arena_printf(*state, STR_FMT "&a=1", STR_ARG(path));
    assert_enum(ask(*state, longer, "cdn.example", "shop", DUE), TOKEN_OTHER_URL, token_reason_name);
}

static void any_host(void **state)
{
    struct str path = str_from(sign_with(*state, RING, URL, "shop", true), 19);
    assert_enum(ask(*state, path, "a.example", "shop", DUE), TOKEN_DUE, token_reason_name);
    assert_enum(ask(*state, path, "", "shop", DUE), TOKEN_DUE, token_reason_name);
    assert_enum(ask(*state, path, "a.example", "bank", DUE), TOKEN_OTHER_BUSINESS, token_reason_name);
}

static void keys_rotate(void **state)
{
    struct str by_old = sign_with(*state, "old:B" ZEROS_TAIL, URL, "shop", false);
    assert_enum(ask(*state, by_old, "", "shop", DUE), TOKEN_DUE, token_reason_name);
    struct str by_gone = sign_with(*state, "gone:" ZEROS "==", URL, "shop", false);
    assert_enum(ask(*state, by_gone, "", "shop", DUE), TOKEN_UNKNOWN_KEY, token_reason_name);
    struct str by_other = sign_with(*state, "new:C" ZEROS_TAIL, URL, "shop", false);
    assert_enum(ask(*state, by_other, "", "shop", DUE), TOKEN_FORGED, token_reason_name);
    struct str renamed = sign_with(*state, "gnu:" ZEROS "==", URL, "shop", false); /* the right secret under another id */
    char *text = arena_cstr(*state, renamed);
    memcpy(strstr(text, "pkt=") + 4, "new", 3);
    assert_enum(ask(*state, str_of(text), "", "shop", DUE), TOKEN_FORGED, token_reason_name);
}

/* Every bit of every byte of the token: never taken, never cut short. */
static void every_altered_bit(void **state)
{
    struct keyring ring = ring_of(*state, RING);
    struct str url = sign_with(*state, RING, URL, "shop", false);
    size_t token = str_find(url, '?') + 5;
    char *text = arena_cstr(*state, url);
    for (size_t bit = token * 8; bit < url.length * 8; bit++) {
        struct token_answer answer;
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        enum token_reason reason =
            token_verify(&ring, &(struct token_question){.uri = str_make(text, url.length), .business = S("shop"), .now = DUE}, &answer);
        if (token_action_of(reason) != TOKEN_REFUSE && answer.target.token.data) fail_msg("bit %zu: %s", bit, token_reason_name(reason));
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
}

static void truncated_and_extended(void **state)
{
    struct str url = sign_with(*state, RING, URL, "shop", false);
    size_t token = str_find(url, '?') + 5;
    for (size_t length = token; length < url.length; length++)
        assert_enum(token_action_of(ask(*state, str_first(url, length), "", "shop", DUE)), TOKEN_REFUSE, token_action_name);
    for (int c = 0x21; c < 0x7f; c++) {
        if (c == '&' || c == '#') continue;
        struct str extended = arena_printf(*state, STR_FMT "%c", STR_ARG(url), c);
        assert_enum(token_action_of(ask(*state, extended, "", "shop", DUE)), TOKEN_REFUSE, token_action_name);
    }
}

static void what_is_no_token(void **state)
{
    static const struct {
        const char *uri;
        enum token_reason reason;
    } cases[] = {
        {"/a?pkt", TOKEN_MALFORMED},
        {"/a?pkt=", TOKEN_MALFORMED},
        {"/a?pkt=.", TOKEN_MALFORMED},
        {"/a?pkt=new.", TOKEN_MALFORMED},
        {"/a?pkt=new.AAAA", TOKEN_MALFORMED},
        {"/a?pkt=new.%41", TOKEN_MALFORMED},
        {"/a?pkt=x&pkt=x", TOKEN_TWICE},
        {"/a?pkt&b&pkt", TOKEN_TWICE},
        {"/a?PKT=x", TOKEN_NONE},
        {"/a?%70kt=x", TOKEN_NONE},
        {"/a?xpkt=x", TOKEN_NONE},
        {"/a?pktx=x", TOKEN_NONE},
        {"/a?b=pkt=x", TOKEN_NONE},
        {"/a#?pkt=x", TOKEN_NONE},
        {"/pkt=x", TOKEN_NONE},
        {"a", TOKEN_MALFORMED},
        {"", TOKEN_MALFORMED},
        {"http://", TOKEN_MALFORMED},
        {"/a\nb", TOKEN_MALFORMED},
        {"*", TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum token_reason reason = ask(*state, str_of(cases[i].uri), "h", "", DUE);
        if (reason != cases[i].reason) fail_msg("%s: %s", cases[i].uri, token_reason_name(reason));
    }
}

static void very_long(void **state)
{
    char *text = arena_alloc(*state, 20000);
    memset(text, 'a', 19999);
    memcpy(text, "/?pkt=new.", 10);
    assert_enum(ask(*state, str_make(text, TOKEN_URL_MAXIMUM + 1), "h", "", DUE), TOKEN_TOO_LONG, token_reason_name);
    assert_enum(ask(*state, str_make(text, TOKEN_URL_MAXIMUM), "h", "", DUE), TOKEN_TOO_LONG, token_reason_name);
    assert_enum(ask(*state, str_make(text, 6 + TOKEN_TEXT_MAXIMUM + 1), "h", "", DUE), TOKEN_TOO_LONG, token_reason_name);
    assert_enum(token_action_of(ask(*state, str_make(text, 6 + TOKEN_TEXT_MAXIMUM), "h", "", DUE)), TOKEN_REFUSE, token_action_name);
    text[1] = 'b'; /* no query, and so no token */
    assert_enum(ask(*state, str_make(text, TOKEN_URL_MAXIMUM), "h", "", DUE), TOKEN_NONE, token_reason_name);
}

/* Input that ends where readable memory does. */
static void reads_nothing_behind_the_end(void **state)
{
    struct str url = sign_with(*state, RING, URL, "shop", false);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED && mprotect(memory + page, page, PROT_NONE) == 0);
    for (size_t length = 0; length <= url.length; length++) {
        char *at = memory + page - length;
        memcpy(at, url.data, length);
        ask(*state, str_make(at, length), "", "shop", DUE);
    }
    munmap(memory, 2 * page);
}

static void fields_out_of_bounds(void **state)
{
    struct keyring ring = ring_of(*state, RING);
    struct token_fields good = fields_of(URL, "shop", false), bad[5];
    char long_text[300];
    memset(long_text, 'a', sizeof long_text);
    for (int i = 0; i < 5; i++) bad[i] = good;
    bad[0].due = -1;
    bad[1].business = str_make(long_text, TOKEN_NAME_MAXIMUM + 1);
    bad[2].type = str_make(long_text, TOKEN_TYPE_MAXIMUM + 1);
    bad[3].host = S("CDN.example");
    bad[4].host = str_make(long_text, TOKEN_HOST_MAXIMUM + 1);
    for (int i = 0; i < 5; i++) {
        struct str text;
        struct error error;
        assert_error(token_sign(*state, keyring_newest(&ring), &bad[i], TOKEN_BASE64URL, &text, &error), STATUS_INVALID, &error, "must");
    }
}

/* The longest of everything still fits. */
static void the_largest_token(void **state)
{
    struct keyring ring = ring_of(*state, "abcdefghijklmnopqrstuvwxyz012345:" ZEROS "==");
    char long_text[300];
    memset(long_text, 'a', sizeof long_text);
    struct token_fields fields = {.due = INT64_MAX, .modified = INT64_MAX, .size = UINT64_MAX, .has_size = true, .has_digest = true};
    fields.business = str_make(long_text, TOKEN_NAME_MAXIMUM);
    fields.type = str_make(long_text, TOKEN_TYPE_MAXIMUM);
    fields.host = str_make(long_text, TOKEN_HOST_MAXIMUM);
    struct str text;
    struct error error;
    struct token_opened opened;
    assert_ok(token_sign(*state, keyring_newest(&ring), &fields, TOKEN_BASE64URL, &text, &error), &error);
    assert_true(text.length <= TOKEN_TEXT_MAXIMUM);
    assert_enum(token_open(&ring, text, &opened), TOKEN_NONE, token_reason_name);
    assert_true(opened.fields.due == INT64_MAX && opened.fields.size == UINT64_MAX);
    assert_ok(token_sign(*state, keyring_newest(&ring), &fields, TOKEN_HEX, &text, &error), &error);
    assert_true(text.length <= TOKEN_TEXT_MAXIMUM);
    assert_enum(token_open(&ring, text, &opened), TOKEN_NONE, token_reason_name);
    assert_true(opened.fields.due == INT64_MAX && opened.fields.size == UINT64_MAX);
}

static void t2_hex_has_one_spelling(void **state)
{
    struct keyring ring = ring_of(*state, "k1:" ZEROS "==");
    struct token_fields fields = fields_of(URL, "shop", false);
    struct str text, other;
    struct error error;
    struct token_opened opened, same;
    assert_ok(token_sign(*state, keyring_newest(&ring), &fields, TOKEN_HEX, &text, &error), &error);
    assert_ok(token_sign(*state, keyring_newest(&ring), &fields, TOKEN_BASE64URL, &other, &error), &error);
    assert_true(str_starts(text, S("k1.hex.")));
    assert_enum(token_open(&ring, text, &opened), TOKEN_NONE, token_reason_name);
    assert_enum(token_open(&ring, other, &same), TOKEN_NONE, token_reason_name);
    assert_memory_equal(opened.tag, same.tag, sizeof same.tag); /* one token, whichever way it is spelt */
    for (size_t i = 7; i < text.length; i++) {
        char *altered = arena_cstr(*state, text);
        bool letter = altered[i] >= 'a';
        altered[i] = letter ? (char)(altered[i] - 'a' + 'A') : 'g';
        assert_enum(token_open(&ring, str_of(altered), &opened), TOKEN_MALFORMED, token_reason_name);
    }
    assert_enum(token_open(&ring, str_first(text, text.length - 1), &opened), TOKEN_MALFORMED, token_reason_name);
    assert_enum(token_open(&ring, str_first(text, text.length - 2), &opened), TOKEN_FORGED, token_reason_name);
    assert_enum(token_open(&ring, S("k1.hex."), &opened), TOKEN_MALFORMED, token_reason_name);
}

static void copies(void **state)
{
    struct token_fields fields = fields_of(URL, "shop", false);
    struct token_copy copy = {0};
    (void)state;
    fields.has_digest = true;
    assert_null(token_copy_mismatch(&fields, &copy));
    copy = (struct token_copy){
        .has_size = true, .size = 7, .has_modified = true, .modified = 1999, .type = S("Text/CSS; charset=utf-8"), .has_digest = true};
    assert_null(token_copy_mismatch(&fields, &copy));
    copy.digest[31] = 1;
    assert_string_equal(token_copy_mismatch(&fields, &copy), "digest");
    copy.modified = 2000;
    assert_string_equal(token_copy_mismatch(&fields, &copy), "modified");
    copy.type = S("text/html");
    assert_string_equal(token_copy_mismatch(&fields, &copy), "type");
    copy.size = 8;
    assert_string_equal(token_copy_mismatch(&fields, &copy), "size");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(due_and_early),
        test_with_arena(the_same_version_gives_the_same_url),
        test_with_arena(fields_come_back),
        test_with_arena(refused_for_anything_else),
        test_with_arena(any_host),
        test_with_arena(keys_rotate),
        test_with_arena(every_altered_bit),
        test_with_arena(truncated_and_extended),
        test_with_arena(what_is_no_token),
        test_with_arena(very_long),
        test_with_arena(fields_out_of_bounds),
        test_with_arena(the_largest_token),
        test_with_arena(t2_hex_has_one_spelling),
        test_with_arena(reads_nothing_behind_the_end),
        test_with_arena(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
