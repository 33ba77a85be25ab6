#include "tests/unit/unit.h"

#include <locale.h>
#include <math.h>

static const struct str none = {NULL, 0};

static void makes_strings(void **state)
{
    (void)state;
    assert_int_equal(S("abc").length, 3);
    assert_int_equal(S("a\0b").length, 3);
    assert_str(str_of("abc"), S("abc"));
    assert_null(str_of(NULL).data);
    assert_int_equal(str_of(NULL).length, 0);
    assert_true(str_empty(none) && str_empty(S("")) && !str_empty(S(" ")));
    char text[16];
    snprintf(text, sizeof text, "[" STR_FMT "]", STR_ARG(none));
    assert_string_equal(text, "[]");
}

static void compares(void **state)
{
    (void)state;
    assert_true(str_equal(none, S("")) && str_equal(none, none));
    assert_true(str_equal(S("a\0b"), S("a\0b")));
    assert_false(str_equal(S("a\0b"), S("a\0c")));
    assert_false(str_equal(S("a"), S("ab")));
    assert_true(str_equal_nocase(S("Content-LENGTH"), S("content-length")));
    assert_false(str_equal_nocase(S("@"), S("`")));
    assert_false(str_equal_nocase(S("["), S("{")));
    assert_false(str_equal_nocase(S("\xc3\x84"), S("\xc3\xa4"))); /* ASCII only: Ä is not ä */
    assert_false(str_equal_nocase(S("a"), S("ab")));
    assert_true(str_equal_nocase(none, S("")));
    assert_true(str_compare(S("a"), S("b")) < 0);
    assert_true(str_compare(S("b"), S("a")) > 0);
    assert_true(str_compare(S("a"), S("ab")) < 0); /* a prefix sorts first */
    assert_true(str_compare(S("ab"), S("a")) > 0);
    assert_true(str_compare(S("\x7f"), S("\x80")) < 0); /* by bytes, unsigned */
    assert_int_equal(str_compare(none, S("")), 0);
    assert_true(str_compare(none, S("a")) < 0);
}

static void compares_secrets(void **state)
{
    (void)state;
    assert_true(str_equal_secret(S("secret"), S("secret")));
    assert_true(str_equal_secret(none, S("")));
    assert_false(str_equal_secret(S("secret"), S("secreT")));
    assert_false(str_equal_secret(S("secret"), S("Secret")));
    assert_false(str_equal_secret(S("secret"), S("secre")));
    assert_false(str_equal_secret(S("a\0b"), S("a\0c")));
    for (int bit = 0; bit < 8; bit++) { /* no difference is lost */
        char byte = (char)(1 << bit);
        assert_false(str_equal_secret(str_make(&byte, 1), S("\0")));
    }
}

static void finds_ends(void **state)
{
    (void)state;
    assert_true(str_starts(S("abc"), S("ab")) && str_starts(S("abc"), S("")) && str_starts(none, none));
    assert_false(str_starts(S("ab"), S("abc")));
    assert_false(str_starts(none, S("a")));
    assert_true(str_ends(S("x.apk"), S(".apk")) && str_ends(S("abc"), S("")) && str_ends(none, none));
    assert_false(str_ends(S("apk"), S(".apk")));
    assert_false(str_ends(S("x.apK"), S(".apk")));
}

static void takes_parts(void **state)
{
    (void)state;
    assert_str(str_from(S("abc"), 1), S("bc"));
    assert_str(str_from(S("abc"), 3), S(""));
    assert_str(str_from(S("abc"), SIZE_MAX), S(""));
    assert_int_equal(str_from(none, 5).length, 0);
    assert_str(str_first(S("abc"), 2), S("ab"));
    assert_str(str_first(S("abc"), SIZE_MAX), S("abc"));
    assert_int_equal(str_first(none, 5).length, 0);
    assert_str(str_trim(S(" \t\r\n a b \n")), S("a b"));
    assert_str(str_trim(S(" \t ")), S(""));
    assert_str(str_trim(none), S(""));
    assert_str(str_trim(S("\v\fa\xa0")), S("\v\fa\xa0")); /* OWS, CR and LF only */
}

static void finds(void **state)
{
    (void)state;
    assert_int_equal(str_find(S("abcb"), 'b'), 1);
    assert_int_equal(str_find_last(S("abcb"), 'b'), 3);
    assert_int_equal(str_find(S("abc"), 'x'), 3);
    assert_int_equal(str_find_last(S("abc"), 'x'), 3);
    assert_int_equal(str_find(none, 'x'), 0);
    assert_int_equal(str_find_last(none, 'x'), 0);
    assert_int_equal(str_find(S("a\xff"), (char)0xff), 1);
    assert_int_equal(str_find_str(S("a://b://"), S("://")), 1);
    assert_int_equal(str_find_str(S("a:/"), S("://")), 3);
    assert_int_equal(str_find_str(S("aab"), S("ab")), 1);
    assert_int_equal(str_find_str(S("abc"), S("")), 0);
    assert_int_equal(str_find_str(none, S("a")), 0);
    assert_int_equal(str_find_str(none, none), 0);
}

static void cuts(void **state)
{
    (void)state;
    struct str rest = S("a,,b,");
    assert_str(str_cut(&rest, ','), S("a"));
    assert_str(str_cut(&rest, ','), S(""));
    assert_str(str_cut(&rest, ','), S("b"));
    assert_non_null(rest.data); /* a separator was there: an empty piece is still to come */
    assert_str(str_cut(&rest, ','), S(""));
    assert_null(rest.data);
    assert_str(str_cut(&rest, ','), S(""));
    rest = S("no separator");
    assert_str(str_cut(&rest, ','), S("no separator"));
    assert_true(rest.data == NULL && rest.length == 0);
}

static void reads_u64(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "18446744073709551616", "99999999999999999999",
                                        "1\n"};
    uint64_t value = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_to_u64(str_of(wrong[i]), &value));
    assert_false(str_to_u64(none, &value));
    assert_false(str_to_u64(S("1\0"), &value));
    assert_int_equal(value, 42); /* left alone */
    assert_true(str_to_u64(S("0"), &value) && value == 0);
    assert_true(str_to_u64(S("0018"), &value) && value == 18);
    assert_true(str_to_u64(S("18446744073709551615"), &value) && value == UINT64_MAX);
}

static void reads_i64(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "-", "--1", "+1", " -1", "- 1", "9223372036854775808", "-9223372036854775809", "1-"};
    int64_t value = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_to_i64(str_of(wrong[i]), &value));
    assert_int_equal(value, 42);
    assert_true(str_to_i64(S("-9223372036854775808"), &value) && value == INT64_MIN);
    assert_true(str_to_i64(S("9223372036854775807"), &value) && value == INT64_MAX);
    assert_true(str_to_i64(S("-0"), &value) && value == 0);
}

static void reads_hexadecimal(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0x1", "g", "-1", " 1", "11112222333344445", "/", ":", "@", "`"};
    uint64_t value = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_hex_to_u64(str_of(wrong[i]), &value));
    assert_int_equal(value, 42);
    assert_true(str_hex_to_u64(S("ffffffffffffffff"), &value) && value == UINT64_MAX);
    assert_true(str_hex_to_u64(S("71777777"), &value) && value == 0x71777777);
    assert_true(str_hex_to_u64(S("aBcD"), &value) && value == 0xabcd);
}

static void reads_fractions(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " 1",
                                        "1 ",
                                        "nan",
                                        "inf",
                                        "0x1p3",
                                        "1e999",
                                        "-1e999",
                                        "1,5",
                                        "1e",
                                        "e1",
                                        ".",
                                        "-",
                                        "1.2.3",
                                        "1-2",
                                        "1_0",
                                        "1000000000000000000000000000000000000000000000000000000000000000000000000"};
    double value = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_to_double(str_of(wrong[i]), &value));
    assert_false(str_to_double(S("1\0"), &value));
    assert_false(str_to_double(none, &value));
    assert_true(value == 42);
    assert_true(str_to_double(S("0.25"), &value) && value == 0.25);
    assert_true(str_to_double(S("1e-3"), &value) && value == 1e-3);
    assert_true(str_to_double(S("-12"), &value) && value == -12);
    assert_true(str_to_double(S("0.1"), &value) && value == 0.1);
    assert_true(str_to_double(S("1e-999"), &value) && value == 0);
}

/* A German point is a comma. The locale is made for the test where its sources are installed. */
static void reads_fractions_in_any_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/unit-locale-XXXXXX", command[256];
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    int made = system(command);
    setenv("LOCPATH", folder, 1);
    bool set = made == 0 && setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    double value = 0, with_comma = 0;
    bool point = str_to_double(S("0.25"), &value), comma = str_to_double(S("0,25"), &with_comma);
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (!set) skip();
    assert_true(point && value == 0.25);
    assert_false(comma);
}

static void knows_ids(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", ".", ".a", "..", "a/b", "a b", "a\n", "a%", "\xc3\xa4", "a:b", "a+b", "a\\b", "a,b"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_is_id(str_of(wrong[i])));
    assert_false(str_is_id(S("a\0")));
    assert_false(str_is_id(none));
    assert_true(str_is_id(S("a")) && str_is_id(S("A.b_c-9")) && str_is_id(S("-a")) && str_is_id(S("a..b")));
    char text[129];
    memset(text, 'x', sizeof text);
    assert_true(str_is_id(str_make(text, 128)));
    assert_false(str_is_id(str_make(text, 129)));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (strcmp(wrong[i], "a+b") != 0) assert_false(str_is_version(str_of(wrong[i])));
    assert_true(str_is_version(S("1.2.3+45")) && str_is_version(S("1.0")) && str_is_version(S("+")) && str_is_version(str_make(text, 128)));
    assert_false(str_is_version(none) || str_is_version(S("a\0")) || str_is_version(str_make(text, 129)));
}

static void knows_utf8(void **state)
{
    (void)state;
    static const char *const right[] = {"",
                                        "abc",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "a\xe4\xbd\xa0z"};
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xc2",
                                        "\xc2z",
                                        "\xc2\xc0",
                                        "\xe0\x9f\xbf",
                                        "\xe0\xa0",
                                        "\xed\xa0\x80",
                                        "\xed\xbf\xbf",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf0\x90\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xfe",
                                        "\xe4\xbdz",
                                        "\xf0\x90\x80z",
                                        "a\x80"};
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) assert_true(str_is_utf8(unit_guarded(arena, str_of(right[i]))));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_is_utf8(unit_guarded(arena, str_of(wrong[i]))));
    assert_true(str_is_utf8(none));
    assert_int_equal(str_utf8_sequence(none), 0);
    assert_int_equal(str_utf8_sequence(S("\0")), 1);
    assert_int_equal(str_utf8_sequence(S("\xe4\xbd\xa0z")), 3);
    assert_int_equal(str_utf8_sequence(S("\xbd\xa0z")), 0);
}

static void knows_control_bytes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, 'b'};
        assert_int_equal(str_has_control(str_make(text, 3)), c < 0x20 || c == 0x7f);
    }
    assert_false(str_has_control(none));
}

/* Every function that reads a text, with that text at a page's end. */
static void reads_no_further(void **state)
{
    static const char *const texts[] = {"", "-", "1", "-1", "12345", "ff", "0.25", "1e", "a,b,", " ", "::/", "\xf0\x90", "..", "://"};
    struct arena *arena = *state;
    uint64_t u;
    int64_t i;
    double d;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct str s = unit_guarded(arena, str_of(texts[k])), rest = s;
        (void)(str_to_u64(s, &u) + str_to_i64(s, &i) + str_hex_to_u64(s, &u) + str_to_double(s, &d) + str_is_id(s) + str_has_control(s));
        (void)(str_equal_nocase(s, s) + str_equal_secret(s, s) + str_ends(s, s) + str_starts(s, s) + str_compare(s, s));
        assert_true(str_find_str(s, S("://")) <= s.length && str_find(s, 0) == s.length && str_find_last(s, 0) == s.length);
        assert_true(str_trim(s).length <= s.length);
        while (rest.data) str_cut(&rest, ',');
    }
}

static void numbers_are_written(void **state)
{
    char digits[U64_DIGITS];
    (void)state;
    assert_str(str_of_u64(digits, 0), S("0"));
    assert_str(str_of_u64(digits, 1234567890), S("1234567890"));
    assert_str(str_of_u64(digits, UINT64_MAX), S("18446744073709551615"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written),
        cmocka_unit_test(makes_strings),
        cmocka_unit_test(compares),
        cmocka_unit_test(compares_secrets),
        cmocka_unit_test(finds_ends),
        cmocka_unit_test(takes_parts),
        cmocka_unit_test(finds),
        cmocka_unit_test(cuts),
        cmocka_unit_test(reads_u64),
        cmocka_unit_test(reads_i64),
        cmocka_unit_test(reads_hexadecimal),
        cmocka_unit_test(reads_fractions),
        cmocka_unit_test(reads_fractions_in_any_locale),
        cmocka_unit_test(knows_ids),
        test_with_arena(knows_utf8),
        cmocka_unit_test(knows_control_bytes),
        test_with_arena(reads_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
