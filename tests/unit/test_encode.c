#include "tests/unit/unit.h"

#include "base/encode.h"

/* RFC 4648 §10 */
static const struct {
    const char *plain, *base64;
} vectors[] = {
    {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

static void agrees_with_rfc_4648(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct str plain = str_of(vectors[i].plain), text = str_of(vectors[i].base64), bare = text, back;
        while (str_ends(bare, S("="))) bare.length--;
        assert_str(base64_encode(arena, plain), text);
        assert_str(base64url_encode(arena, plain), bare);
        assert_true(base64_decode(arena, unit_guarded(arena, text), &back));
        assert_str(back, plain);
        assert_true(base64_decode(arena, unit_guarded(arena, bare), &back)); /* padding may be left out */
        assert_str(back, plain);
        assert_true(base64url_decode(arena, unit_guarded(arena, text), &back));
        assert_str(back, plain);
    }
    assert_str(hex_encode(arena, S("foobar")), S("666f6f626172"));
}

static void has_two_alphabets(void **state)
{
    struct arena *arena = *state;
    struct str back;
    assert_str(base64_encode(arena, S("\xfb\xff\xbf")), S("+/+/"));
    assert_str(base64url_encode(arena, S("\xfb\xff\xbf")), S("-_-_"));
    assert_true(base64_decode(arena, S("+/+/"), &back));
    assert_str(back, S("\xfb\xff\xbf"));
    assert_false(base64_decode(arena, S("-_-_"), &back));
    assert_false(base64url_decode(arena, S("+/+/"), &back));
    assert_false(base64_decode(arena, S("+/-_"), &back));
}

static void refuses_what_is_not_strict_base64(void **state)
{
    static const char *const wrong[] = {"A", "AAAAA", "=", "==", "===", "====", "A=", "A==", "A===", "AA=", "AAA==", "AA===", "AAAA=",
                                        "AAAA==", "AAAA====", "AA==AA==", "A=AA", "AAAA=AAA", "Zm9v\n", "Zm9v ", " Zm9v", "Zm 9v", "Zm9!",
                                        "Zm9\x80",
                                        /* stray bits: another text for the same bytes */
                                        "Zh==", "Zh", "Zm9=", "Zm9"};
    struct arena *arena = *state;
    struct str bytes = S("left alone");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str text = unit_guarded(arena, str_of(wrong[i]));
        if (base64_decode(arena, text, &bytes) || base64url_decode(arena, text, &bytes)) fail_msg("'%s' was taken", wrong[i]);
    }
    assert_false(base64_decode(arena, S("AA\0="), &bytes));
    assert_str(bytes, S("left alone"));
}

static void decodes_nothing_to_nothing(void **state)
{
    struct arena *arena = *state;
    struct str none = {NULL, 0}, bytes = S("x");
    assert_true(base64_decode(arena, none, &bytes) && bytes.length == 0);
    assert_true(hex_decode(arena, none, &bytes) && bytes.length == 0);
    assert_true(percent_decode(arena, none, &bytes) && bytes.length == 0);
    assert_str(base64_encode(arena, none), S(""));
    assert_str(hex_encode(arena, none), S(""));
    assert_str(percent_encode(arena, none, false), S(""));
}

static void encodes_every_length_and_byte(void **state)
{
    struct arena *arena = *state;
    char all[256];
    for (size_t i = 0; i < sizeof all; i++) all[i] = (char)(255 - i);
    for (size_t length = 0; length <= sizeof all; length++) {
        struct str bytes = unit_guarded(arena, str_make(all, length)), back;
        assert_true(base64_decode(arena, base64_encode(arena, bytes), &back));
        assert_str(back, bytes);
        assert_true(base64url_decode(arena, base64url_encode(arena, bytes), &back));
        assert_str(back, bytes);
        assert_true(hex_decode(arena, hex_encode(arena, bytes), &back));
        assert_str(back, bytes);
        assert_true(percent_decode(arena, percent_encode(arena, bytes, length % 2), &back));
        assert_str(back, bytes);
        arena_reset(arena);
    }
}

static void reads_hexadecimal(void **state)
{
    static const char *const wrong[] = {"0", "000", "0g", "g0", "0x", " 0", "0 ", "+1", "-1", "0\n"};
    struct arena *arena = *state;
    struct str bytes = S("left alone");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(hex_decode(arena, unit_guarded(arena, str_of(wrong[i])), &bytes));
    assert_str(bytes, S("left alone"));
    assert_true(hex_decode(arena, S("00fFFf"), &bytes));
    assert_str(bytes, S("\0\xff\xff"));
    assert_str(hex_encode(arena, bytes), S("00ffff")); /* lower case */
}

static void percent_encodes_all_but_unreserved(void **state)
{
    struct arena *arena = *state;
    struct str unreserved = S("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    assert_str(percent_encode(arena, unreserved, false), unreserved);
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool plain = str_find(unreserved, byte) < unreserved.length;
        assert_int_equal(percent_encode(arena, str_make(&byte, 1), false).length, plain ? 1 : 3);
        assert_int_equal(percent_encode(arena, str_make(&byte, 1), true).length, plain || c == '/' ? 1 : 3);
    }
    assert_str(percent_encode(arena, S("a/b c+\xc3\xa9\xff"), false), S("a%2Fb%20c%2B%C3%A9%FF")); /* upper case, as S3 wants */
    assert_str(percent_encode(arena, S("a/b c"), true), S("a/b%20c"));
}

static void percent_decodes(void **state)
{
    static const char *const wrong[] = {"%", "%1", "%%", "%zz", "%1g", "%g1", "a%", "a%2", "%2%", "% 1", "%+1", "%0x", "%-1"};
    struct arena *arena = *state;
    struct str bytes = S("left alone");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(percent_decode(arena, unit_guarded(arena, str_of(wrong[i])), &bytes));
    assert_str(bytes, S("left alone"));
    assert_true(percent_decode(arena, S("%e4%BD%a0+%00%25"), &bytes));
    assert_str(bytes, S("\xe4\xbd\xa0+\0%")); /* any byte may come out; a plus stays one */
    assert_true(percent_decode(arena, S("%2541"), &bytes));
    assert_str(bytes, S("%41")); /* once */
    struct str plain = S("nothing to do");
    assert_true(percent_decode(arena, plain, &bytes) && bytes.data == plain.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(agrees_with_rfc_4648),
        test_with_arena(has_two_alphabets),
        test_with_arena(refuses_what_is_not_strict_base64),
        test_with_arena(decodes_nothing_to_nothing),
        test_with_arena(encodes_every_length_and_byte),
        test_with_arena(reads_hexadecimal),
        test_with_arena(percent_encodes_all_but_unreserved),
        test_with_arena(percent_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
