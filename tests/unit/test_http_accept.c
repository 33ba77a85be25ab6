/* Accept (RFC 9110 §12.5.1): which of two forms a client likes better. */
#include "lib/http/accept.h"
#include "tests/unit/unit.h"

static unsigned json(const char *header)
{
    return http_accept(str_of(header), S("application/json"));
}

static unsigned multipart(const char *header)
{
    return http_accept(str_of(header), S("multipart/mixed"));
}

static void who_says_nothing_likes_all_alike(void **state)
{
    (void)state;
    assert_int_equal(json(NULL), multipart(NULL));
    assert_int_equal(json(""), multipart(""));
    assert_int_equal(json(" "), multipart(" "));
    assert_int_equal(json("*/*"), multipart("*/*"));
    assert_int_not_equal(json("*/*"), 0);
}

static void weights_decide_and_then_precision(void **state)
{
    (void)state;
    static const char *const liked[] = {"application/json",
                                        "APPLICATION/Json",
                                        "application/json, */*",
                                        "*/*, application/json",
                                        "application/*",
                                        "application/*;q=0.9, text/*",
                                        "application/json;q=0.5, multipart/mixed;q=0.4",
                                        "application/json;charset=utf-8",
                                        "application/json; q=1.0 , */*;q=0.1",
                                        "multipart/mixed;q=0, */*",
                                        "multipart/*;q=0.5, */*;q=0.6",
                                        "application/json;q=bad",
                                        "application/json;q=7, multipart/mixed;q=0.9",
                                        "text/html,application/xhtml+xml;q=0.9,application/json;q=0.8",
                                        ",,application/json,,"};
    for (size_t i = 0; i < sizeof liked / sizeof *liked; i++)
        if (json(liked[i]) <= multipart(liked[i])) fail_msg("'%s'", liked[i]);
    static const char *const others[] = {"*/*",
                                         "multipart/mixed",
                                         "multipart/mixed, application/json;q=0.5",
                                         "text/html",
                                         "application/json;q=0, */*",
                                         "application/jsonx",
                                         "application/json;q=0.4, multipart/mixed;q=0.5",
                                         "multipart/*, */*",
                                         "application",
                                         "/",
                                         ";q=1",
                                         "application/json-seq, */*"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json(others[i]) > multipart(others[i])) fail_msg("'%s'", others[i]);
    assert_int_equal(json("text/html"), 0);
    assert_int_equal(json("application/json;q=0"), 0);
    assert_int_equal(json("application/json;q=0.0001"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_nothing_likes_all_alike),
        cmocka_unit_test(weights_decide_and_then_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
