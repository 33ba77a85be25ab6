/* Signature V4 on AWS's own vectors: aws-sig-v4-test-suite, and the examples of the S3 documentation ("Authenticating Requests:
 * Using the Authorization Header" and "… Query Parameters"). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "lib/store/s3/sigv4_internal.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int64_t moment_of(const char *text)
{
    int64_t moment = 0;
    assert_true(clock_parse_time(str_of(text), &moment));
    return moment;
}

static struct sigv4_signer signer_of(const char *id, const char *secret, const char *service, int64_t moment)
{
    struct sigv4_signer signer = {.id = str_of(id), .region = S("us-east-1"), .service = str_of(service)};
    sigv4_key(str_of(secret), signer.region, signer.service, moment, signer.key);
    return signer;
}

static void assert_str(struct str got, const char *expected)
{
    assert_string_equal(arena_cstr(arena, got), expected);
}

enum { SUITE_HEADERS = 4, SUITE_QUERY = 2 };

struct suite_case {
    const char *name, *method, *path;
    struct store_pair query[SUITE_QUERY], headers[SUITE_HEADERS];
    const char *body, *signed_headers, *signature;
};

#define H(name, value)                                                                                                                     \
    {                                                                                                                                      \
        {name, sizeof(name) - 1},                                                                                                          \
        {                                                                                                                                  \
            value, sizeof(value) - 1                                                                                                       \
        }                                                                                                                                  \
    }
#define SUITE_BASE H("host", "example.amazonaws.com"), H("x-amz-date", "20150830T123600Z")

static const struct suite_case suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     {H("", "")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     {H("Param2", "value2"), H("Param1", "value1")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     {H("Param1", "value1")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     {H("\xe1\x88\xb4", "bar")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     {H("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     {H("", "")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/%E1%88%B4",
     {H("", "")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-header-value-trim",
     "GET",
     "/",
     {H("", "")},
     {SUITE_BASE, H("my-header1", " value1"), H("my-header2", " \"a   b   c\"")},
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     {H("", "")},
     {SUITE_BASE},
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-key-sort",
     "POST",
     "/",
     {H("", "")},
     {H("my-header1", "value1"), SUITE_BASE},
     "",
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     {H("", "")},
     {SUITE_BASE, H("content-type", "application/x-www-form-urlencoded")},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

static size_t count_pairs(const struct store_pair *pairs, size_t most)
{
    size_t count = 0;
    while (count < most && pairs[count].name.length > 0) count++;
    return count;
}

static void the_test_suite_is_signed(void **state)
{
    (void)state;
    int64_t moment = moment_of("2015-08-30T12:36:00Z");
    struct sigv4_signer signer = signer_of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "service", moment);
    for (size_t i = 0; i < sizeof suite / sizeof *suite; i++) {
        const struct suite_case *c = &suite[i];
        struct sigv4_request request = {
            .method = str_of(c->method),
            .path = str_of(c->path),
            .query = c->query,
            .query_count = count_pairs(c->query, SUITE_QUERY),
            .headers = c->headers,
            .header_count = count_pairs(c->headers, SUITE_HEADERS),
            .payload_hash = sigv4_payload_hash(arena, str_of(c->body)),
        };
        struct sigv4_signature signature = sigv4_sign(arena, &signer, &request, moment);
        if (strcmp(arena_cstr(arena, signature.signature), c->signature) != 0) print_error("%s\n", c->name);
        assert_str(signature.signed_headers, c->signed_headers);
        assert_str(signature.signature, c->signature);
        assert_str(signature.credential, "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request");
    }
}

#define S3_HASH H("x-amz-content-sha256", SIGV4_EMPTY_HASH)
#define S3_BASE H("host", "examplebucket.s3.amazonaws.com"), H("x-amz-date", "20130524T000000Z")

static struct sigv4_signature sign_s3(struct sigv4_request request)
{
    int64_t moment = moment_of("2013-05-24T00:00:00Z");
    struct sigv4_signer signer = signer_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3", moment);
    return sigv4_sign(arena, &signer, &request, moment);
}

static void a_get_with_a_range_is_signed(void **state)
{
    (void)state;
    const struct store_pair headers[] = {S3_BASE, S3_HASH, H("range", "bytes=0-9")};
    struct sigv4_signature signature = sign_s3((struct sigv4_request){S("GET"), S("/test.txt"), NULL, 0, headers, 4, S(SIGV4_EMPTY_HASH)});
    assert_str(sigv4_authorization(arena, &signature),
               "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
               "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
               "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void a_put_is_signed(void **state)
{
    (void)state;
    struct str hash = sigv4_payload_hash(arena, S("Welcome to Amazon S3."));
    const struct store_pair headers[] = {S3_BASE,
                                         {S("x-amz-content-sha256"), hash},
                                         H("date", "Fri, 24 May 2013 00:00:00 GMT"),
                                         H("x-amz-storage-class", "REDUCED_REDUNDANCY")};
    assert_str(hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    struct sigv4_signature signature = sign_s3((struct sigv4_request){S("PUT"), S("/test%24file.text"), NULL, 0, headers, 5, hash});
    assert_str(signature.signature, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void a_parameter_without_a_value_is_signed(void **state)
{
    (void)state;
    const struct store_pair headers[] = {S3_BASE, S3_HASH}, query[] = {H("lifecycle", "")};
    struct sigv4_signature signature = sign_s3((struct sigv4_request){S("GET"), S("/"), query, 1, headers, 3, S(SIGV4_EMPTY_HASH)});
    assert_str(signature.query, "lifecycle=");
    assert_str(signature.signature, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void a_listing_is_signed(void **state)
{
    (void)state;
    const struct store_pair headers[] = {S3_BASE, S3_HASH}, query[] = {H("prefix", "J"), H("max-keys", "2")};
    struct sigv4_signature signature = sign_s3((struct sigv4_request){S("GET"), S("/"), query, 2, headers, 3, S(SIGV4_EMPTY_HASH)});
    assert_str(signature.query, "max-keys=2&prefix=J");
    assert_str(signature.signature, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_url_is_presigned(void **state)
{
    (void)state;
    int64_t moment = moment_of("2013-05-24T00:00:00Z");
    struct sigv4_signer signer = signer_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3", moment);
    const struct store_pair host = H("host", "examplebucket.s3.amazonaws.com");
    const struct sigv4_request request = {S("GET"), S("/test.txt"), NULL, 0, &host, 1, S(SIGV4_UNSIGNED)};
    assert_str(sigv4_presign(arena, &signer, &request, &(struct sigv4_validity){S(""), moment, 86400}),
               "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
               "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
               "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    struct str with_token = sigv4_presign(arena, &signer, &request, &(struct sigv4_validity){S("a/token=="), moment, 86400});
    assert_true(str_find_str(with_token, S("&X-Amz-Security-Token=a%2Ftoken%3D%3D&")) < with_token.length);
}

/* What sigv4_sign makes of the same request, header by header. */
static void a_url_is_bound_to_its_range(void **state)
{
    (void)state;
    static const char *const ranges[] = {"bytes=0-9", "bytes=0-524287", "bytes=5-", "bytes=-999999999999999999"};
    int64_t moment = moment_of("2013-05-24T00:00:00Z");
    struct sigv4_signer signer = signer_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3", moment);
    const struct store_pair host = H("host", "examplebucket.s3.amazonaws.com");
    const struct sigv4_request request = {S("GET"), S("/test.txt"), NULL, 0, &host, 1, S(SIGV4_UNSIGNED)};
    struct sigv4_bound bound;
    assert_str(sigv4_presign_bound(arena, &signer, &request, &(struct sigv4_validity){S("to/ken"), moment, 86400}, &bound),
               "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
               "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-Security-Token=to%2Fken&X-Amz-SignedHeaders=host%3Brange"
               "&X-Amz-Signature=");
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct store_pair headers[] = {{S("range"), str_of(ranges[i])}, host};
        const struct store_pair query[] = {
            H("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), H("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
            H("X-Amz-Date", "20130524T000000Z"),      H("X-Amz-Expires", "86400"),
            H("X-Amz-SignedHeaders", "host;range"),   H("X-Amz-Security-Token", "to/ken")};
        const struct sigv4_request whole = {S("GET"), S("/test.txt"), query, 6, headers, 2, S(SIGV4_UNSIGNED)};
        struct sigv4_signature wanted = sigv4_sign(arena, &signer, &whole, moment);
        char signature[SIGV4_SIGNATURE_LENGTH];
        sigv4_sign_range(&bound, str_of(ranges[i]), signature);
        assert_true(str_equal(str_make(signature, sizeof signature), wanted.signature));
    }
}

static void every_input_matters(void **state)
{
    (void)state;
    const struct store_pair headers[] = {S3_BASE, S3_HASH};
    const struct sigv4_request request = {S("GET"), S("/a"), NULL, 0, headers, 3, S(SIGV4_EMPTY_HASH)};
    struct str reference = sign_s3(request).signature;
    struct sigv4_request other = request;
    other.method = S("PUT");
    assert_false(str_equal(sign_s3(other).signature, reference));
    other = request;
    other.path = S("/b");
    assert_false(str_equal(sign_s3(other).signature, reference));
    other = request;
    other.header_count = 2;
    assert_false(str_equal(sign_s3(other).signature, reference));
    other = request;
    other.payload_hash = S(SIGV4_UNSIGNED);
    assert_false(str_equal(sign_s3(other).signature, reference));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_suite_is_signed),
        cmocka_unit_test(a_get_with_a_range_is_signed),
        cmocka_unit_test(a_put_is_signed),
        cmocka_unit_test(a_parameter_without_a_value_is_signed),
        cmocka_unit_test(a_listing_is_signed),
        cmocka_unit_test(a_url_is_presigned),
        cmocka_unit_test(a_url_is_bound_to_its_range),
        cmocka_unit_test(every_input_matters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
