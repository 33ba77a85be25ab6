#include "tests/unit/unit.h"

#include "lib/http/disposition.h"

static void knows_file_names(void **state)
{
    static const char *const right[] = {"a.apk",
                                        "APP1-2.0-huawei.apk",
                                        "a b.apk",
                                        "a'b(1)&+,=@#$!~`^[]{}.apk",
                                        "a..apk",
                                        "\xe4\xbd\xa0\xe5\xa5\xbd.apk",
                                        "-.apk",
                                        "a.apk.apk",
                                        "\xc2\xa0\xdf\xbf\xe2\x80\xaf\xef\xbf\xbd\xf0\x9f\x8e\xae.apk"};
    static const char *const wrong[] = {"",
                                        ".apk",
                                        "apk",
                                        "a.APK",
                                        "a.apk ",
                                        "a.exe",
                                        "a.apk/",
                                        "..apk",
                                        ".a.apk",
                                        " a.apk",
                                        "a/b.apk",
                                        "a\\b.apk",
                                        "a:b.apk",
                                        "a*b.apk",
                                        "a?b.apk",
                                        "a\"b.apk",
                                        "a<b.apk",
                                        "a>b.apk",
                                        "a|b.apk",
                                        "a%b.apk",
                                        "a;b.apk",
                                        "../a.apk",
                                        "a\nb.apk",
                                        "a\r\nX-Y: z.apk",
                                        "a\tb.apk",
                                        "a\x7f.apk",
                                        "a\x01.apk",
                                        "\xff.apk",
                                        "\xc3.apk",
                                        "\xed\xa0\x80.apk",
                                        "\xc0\xaf.apk",
                                        "a\xe2\x80\xaegpj.apk",   /* U+202E: what follows is shown from right to left */
                                        "a\xe2\x81\xa6.apk",      /* U+2066 */
                                        "a\xd8\x9c.apk",          /* U+061C */
                                        "a\xe2\x80\x8b.apk",      /* U+200B: no width */
                                        "a\xe2\x80\xa8.apk",      /* U+2028: a new line */
                                        "a\xef\xbb\xbf.apk",      /* U+FEFF */
                                        "a\xc2\xad.apk",          /* U+00AD */
                                        "a\xc2\x85.apk",          /* U+0085 */
                                        "a\xe3\x85\xa4.apk",      /* U+3164 */
                                        "a\xf3\xa0\x80\xa0.apk"}; /* U+E0020 */
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (!http_is_filename(unit_guarded(*state, str_of(right[i])), S(".apk"))) fail_msg("'%s' was refused", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (http_is_filename(unit_guarded(*state, str_of(wrong[i])), S(".apk"))) fail_msg("'%s' was taken", wrong[i]);
    assert_false(http_is_filename(S("a\0b.apk"), S(".apk")));
    assert_false(http_is_filename((struct str){NULL, 0}, S(".apk")));
    assert_false(http_is_filename((struct str){NULL, 0}, S("")));
    assert_true(http_is_filename(S("a"), S("")));
    char longest[181];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 176, ".apk", 4);
    assert_true(http_is_filename(str_make(longest, 180), S(".apk")));
    memcpy(longest + 176, "x.apk", 5);
    assert_false(http_is_filename(str_make(longest, 181), S(".apk")));
}

static void names_the_download(void **state)
{
    assert_str(http_disposition(*state, S("x.apk")), S("attachment; filename=\"x.apk\""));
    assert_str(http_disposition(*state, S("a b'c(1).apk")), S("attachment; filename=\"a b'c(1).apk\""));
}

/* RFC 8187 §3.2.3's "£ and € rates", as RFC 6266 §5 carries it: a plain name for old readers, the true one for the others. */
static void names_it_in_any_script(void **state)
{
    assert_str(http_disposition(*state, S("\xe2\x82\xac rates.apk")),
               S("attachment; filename=\"___ rates.apk\"; filename*=UTF-8''%E2%82%AC%20rates.apk"));
    assert_str(http_disposition(*state, S("\xc2\xa3'(*)-._~!.apk")),
               S("attachment; filename=\"__'(*)-._~!.apk\"; filename*=UTF-8''%C2%A3%27%28%2A%29-._~%21.apk"));
}

/* Whatever passes http_is_filename is safe in a header. */
static void lets_nothing_into_a_header(void **state)
{
    struct arena *arena = *state;
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, '.', 'a', 'p', 'k'};
        struct str name = str_make(text, sizeof text);
        if (!http_is_filename(name, S(".apk"))) continue;
        struct str header = http_disposition(arena, name);
        assert_false(str_has_control(header));
        assert_int_equal(str_find_last(header, '"'), header.length - 1); /* the quotes are ours only */
        assert_int_equal(str_find(str_from(header, 22), '"'), header.length - 23);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(knows_file_names),
        test_with_arena(names_the_download),
        test_with_arena(names_it_in_any_script),
        test_with_arena(lets_nothing_into_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
