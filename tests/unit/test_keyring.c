#include "tests/unit/unit.h"

#include "base/encode.h"
#include "lib/keyring/keyring.h"

#define SIXTEEN "AAECAwQFBgcICQoLDA0ODw=="
#define OTHER   "Dw4NDAsKCQgHBgUEAwIBAA=="

static struct keyring parsed(struct arena *arena, const char *text)
{
    struct keyring ring;
    struct error error;
    if (keyring_parse(arena, unit_guarded(arena, str_of(text)), 0, &ring, &error) != STATUS_OK) fail_msg("%s", error.text);
    return ring;
}

static void reads_keys_newest_first(void **state)
{
    struct keyring ring = parsed(*state, "new_1:" SIXTEEN ", old-1:" OTHER);
    assert_int_equal(ring.count, 2);
    assert_str(keyring_newest(&ring)->id, S("new_1"));
    assert_str(keyring_find(&ring, S("old-1"))->id, S("old-1"));
    assert_str(keyring_newest(&ring)->secret, S("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17"));
    assert_null(keyring_find(&ring, S("old")));
    assert_null(keyring_find(&ring, S("")));
    assert_null(keyring_find(&ring, (struct str){NULL, 0}));
}

static void may_be_empty(void **state)
{
    struct keyring ring;
    struct error error;
    assert_status(keyring_parse(*state, (struct str){NULL, 0}, 0, &ring, &error), STATUS_OK);
    assert_true(ring.count == 0 && keyring_newest(&ring) == NULL && keyring_find(&ring, S("a")) == NULL);
    assert_status(keyring_parse(*state, S(""), 64, &ring, &error), STATUS_OK);
    assert_int_equal(ring.count, 0);
}

static void refuses_bad_keys(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"a", "kid:base64"},
        {":" SIXTEEN, "kid:base64"},
        {"a.b:" SIXTEEN, "kid:base64"},
        {"a b:" SIXTEEN, "kid:base64"},
        {".a:" SIXTEEN, "kid:base64"},
        {"a/b:" SIXTEEN, "kid:base64"},
        {"\xc3\xa9:" SIXTEEN, "kid:base64"},
        {" ", "kid:base64"},
        {",", "kid:base64"},
        {"a:" SIXTEEN ",", "kid:base64"},
        {",a:" SIXTEEN, "kid:base64"},
        {"a:" SIXTEEN ",,b:" OTHER, "kid:base64"},
        {"abcdefghijklmnopqrstuvwxyz0123456:" SIXTEEN, "kid:base64"},
        {"a:", "0 bytes; it must have at least 16"},
        {"a:AAECAwQFBgcICQoLDA0O", "15 bytes; it must have at least 16"},
        {"a:AAECAwQFBgcICQoLDA0ODw=", "'a' is not base64"},
        {"a:AAECAwQFBgcICQoLDA0O-_", "'a' is not base64"},
        {"a:" SIXTEEN ":" SIXTEEN, "'a' is not base64"},
        {"a: " SIXTEEN, "'a' is not base64"},
        {"a:" SIXTEEN ",a:" OTHER, "'a' is given twice"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct keyring ring = {.count = 42};
        struct error error;
        if (keyring_parse(*state, unit_guarded(*state, str_of(wrong[i].text)), 0, &ring, &error) != STATUS_INVALID)
            fail_msg("'%s' was taken", wrong[i].text);
        assert_says(&error, wrong[i].words);
        assert_null(strstr(error.text, "AAEC")); /* no secret shows */
        assert_int_equal(ring.count, 42);
    }
    assert_int_equal(parsed(*state, "abcdefghijklmnopqrstuvwxyz012345:" SIXTEEN).count, 1);
}

static void asks_for_a_length(void **state)
{
    struct keyring ring;
    struct error error;
    assert_status(keyring_parse(*state, S("a:" SIXTEEN), 16, &ring, &error), STATUS_OK);
    assert_status(keyring_parse(*state, S("a:" SIXTEEN), 64, &ring, &error), STATUS_INVALID);
    assert_says(&error, "the key 'a' has 16 bytes; it must have 64");
    assert_status(keyring_parse(*state, S("a:" SIXTEEN), 15, &ring, &error), STATUS_INVALID);
    assert_status(keyring_parse(*state, S("a:AAECAwQ"), 5, &ring, &error), STATUS_OK);
}

static void takes_sixteen_keys(void **state)
{
    struct arena *arena = *state;
    struct str text = S("k0:" SIXTEEN);
    for (int i = 1; i < 16; i++) text = arena_printf(arena, STR_FMT ",k%d:" SIXTEEN, STR_ARG(text), i);
    assert_int_equal(parsed(arena, text.data).count, 16);
    struct keyring ring;
    struct error error;
    text = arena_printf(arena, STR_FMT ",k16:" SIXTEEN, STR_ARG(text));
    assert_status(keyring_parse(arena, text, 0, &ring, &error), STATUS_INVALID);
    assert_says(&error, "more than 16 keys");
}

/* RFC 4231, test cases 1 (20 bytes of 0x0b) and 6 (131 of 0xaa). */
static void signs_as_hmac_sha256_does(void **state)
{
    struct arena *arena = *state;
    char secret[131];
    memset(secret, 0x0b, 20);
    struct key key = {S("k1"), str_make(secret, 20)};
    struct str mac;
    assert_true(hex_decode(arena, S("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"), &mac));
    assert_str(keyring_sign(arena, &key, S("Hi There")), arena_printf(arena, "k1." STR_FMT, STR_ARG(base64url_encode(arena, mac))));
    memset(secret, 0xaa, 131);
    key.secret.length = 131;
    assert_true(hex_decode(arena, S("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"), &mac));
    assert_str(keyring_sign(arena, &key, S("Test Using Larger Than Block-Size Key - Hash Key First")),
               arena_printf(arena, "k1." STR_FMT, STR_ARG(base64url_encode(arena, mac))));
}

static void verifies_with_every_key(void **state)
{
    struct arena *arena = *state;
    struct error error;
    struct keyring before = parsed(arena, "old:" OTHER), after = parsed(arena, "new:" SIXTEEN ",old:" OTHER),
                   later = parsed(arena, "new:" SIXTEEN);
    struct str old_text = keyring_sign(arena, keyring_newest(&before), S("m")),
               new_text = keyring_sign(arena, keyring_newest(&after), S("m"));
    assert_status(keyring_verify(arena, &after, S("m"), old_text, &error), STATUS_OK);
    assert_status(keyring_verify(arena, &after, S("m"), unit_guarded(arena, new_text), &error), STATUS_OK);
    assert_status(keyring_verify(arena, &later, S("m"), old_text, &error), STATUS_DENIED);
    assert_says(&error, "not known");
    struct str nothing = keyring_sign(arena, keyring_newest(&after), (struct str){NULL, 0});
    assert_status(keyring_verify(arena, &after, S(""), nothing, &error), STATUS_OK);
    assert_status(keyring_verify(arena, &after, S("\0"), nothing, &error), STATUS_DENIED);
}

static void denies_every_changed_byte(void **state)
{
    struct arena *arena = *state;
    struct error error;
    struct keyring ring = parsed(arena, "kid:" SIXTEEN);
    struct str right = keyring_sign(arena, keyring_newest(&ring), S("message"));
    for (size_t i = 0; i < right.length; i++) {
        char *wrong = arena_cstr(arena, right);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        assert_status(keyring_verify(arena, &ring, S("message"), str_make(wrong, right.length), &error), STATUS_DENIED);
        assert_status(keyring_verify(arena, &ring, S("message"), unit_guarded(arena, str_first(right, i)), &error), STATUS_DENIED);
    }
    assert_status(keyring_verify(arena, &ring, S("messagE"), right, &error), STATUS_DENIED);
    assert_says(&error, "does not match");
}

static void takes_one_text_only(void **state)
{
    struct arena *arena = *state;
    struct error error;
    struct keyring ring = parsed(arena, "kid:" SIXTEEN), empty = {0};
    struct str right = keyring_sign(arena, keyring_newest(&ring), S("m"));
    static const char *const around[][2] = {{"", "="}, {"", "=="}, {" ", ""},  {"", " "},   {"", "."},
                                            {".", ""}, {"", "A"},  {"", "\n"}, {"kid.", ""}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        struct str wrong = arena_printf(arena, "%s" STR_FMT "%s", around[i][0], STR_ARG(right), around[i][1]);
        assert_status(keyring_verify(arena, &ring, S("m"), wrong, &error), STATUS_DENIED);
    }
    static const char *const malformed[] = {"", ".", "kid", "kid.", "kid.AAAA", ".AAAA", "kid.!"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        assert_status(keyring_verify(arena, &ring, S("m"), str_of(malformed[i]), &error), STATUS_DENIED);
        assert_says(&error, "malformed");
    }
    assert_status(keyring_verify(arena, &ring, S("m"), (struct str){NULL, 0}, &error), STATUS_DENIED);
    assert_status(keyring_verify(arena, &empty, S("m"), right, &error), STATUS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(reads_keys_newest_first), test_with_arena(may_be_empty),
        test_with_arena(refuses_bad_keys),        test_with_arena(asks_for_a_length),
        test_with_arena(takes_sixteen_keys),      test_with_arena(signs_as_hmac_sha256_does),
        test_with_arena(verifies_with_every_key), test_with_arena(denies_every_changed_byte),
        test_with_arena(takes_one_text_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
