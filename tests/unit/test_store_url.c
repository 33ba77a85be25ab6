/* Stores' URLs: where each leads, and which are refused. */
#include "lib/store/azure/azure_internal.h"
#include "lib/store/s3/s3_internal.h"
#include "tests/unit/unit.h"

static void clear_regions(void)
{
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
}

static enum status configure(struct arena *arena, const char *text, struct s3 *s3, struct error *error)
{
    struct url url;
    struct str credentials;
    *s3 = (struct s3){0};
    TRY(url_parse(str_of(text), &url, error));
    return s3_configure(s3, arena, &url, &credentials, error);
}

static void every_kind_of_endpoint_is_addressed(void **state)
{
    const struct {
        const char *url, *origin, *root, *bucket_path, *condition;
        bool direct;
    } cases[] = {
        {"s3://bucket", "https://bucket.s3.us-east-1.amazonaws.com", "/", "/", "if-none-match", false},
        {"s3://bucket/", "https://bucket.s3.us-east-1.amazonaws.com", "/", "/", "if-none-match", false},
        {"s3://bucket/a/b/", "https://bucket.s3.us-east-1.amazonaws.com", "/a/b/", "/", "if-none-match", false},
        {"s3://bucket/a+b?region=eu-west-1", "https://bucket.s3.eu-west-1.amazonaws.com", "/a%2Bb/", "/", "if-none-match", false},
        {"s3://bucket?path-style=1", "https://s3.us-east-1.amazonaws.com", "/bucket/", "/bucket", "if-none-match", false},
        {"s3://my.bucket", "https://s3.us-east-1.amazonaws.com", "/my.bucket/", "/my.bucket", "if-none-match", false},
        {"s3://bucket/p?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000", "/bucket/p/", "/bucket", "if-none-match", true},
        {"s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A9000/", "http://127.0.0.1:9000", "/bucket/", "/bucket", "if-none-match", true},
        {"s3://bucket?endpoint=http://%5B::1%5D:9000", "http://[::1]:9000", "/bucket/", "/bucket", "if-none-match", true},
        {"s3://bucket?endpoint=http://localhost:4566", "http://localhost:4566", "/bucket/", "/bucket", "if-none-match", true},
        {"s3://bucket?endpoint=https://10.0.0.1", "https://10.0.0.1", "/bucket/", "/bucket", "if-none-match", false},
        {"s3://bucket?endpoint=https://minio.example:443", "https://bucket.minio.example", "/", "/", "if-none-match", false},
        {"s3://bucket?endpoint=http://minio.example:443", "http://bucket.minio.example:443", "/", "/", "if-none-match", false},
        {"s3://bucket?endpoint=https://oss-cn-hangzhou.aliyuncs.com", "https://bucket.oss-cn-hangzhou.aliyuncs.com", "/", "/",
         "x-oss-forbid-overwrite", false},
        {"s3://b-125?endpoint=https://cos.ap-beijing.myqcloud.com", "https://b-125.cos.ap-beijing.myqcloud.com", "/", "/",
         "x-cos-forbid-overwrite", false},
        {"s3://bucket?endpoint=https://aliyuncs.com.example", "https://bucket.aliyuncs.com.example", "/", "/", "if-none-match", false},
        {"s3://bucket?if-absent=oss", "https://bucket.s3.us-east-1.amazonaws.com", "/", "/", "x-oss-forbid-overwrite", false},
        {"s3://bucket?endpoint=https://oss-cn-hangzhou.aliyuncs.com&if-absent=standard", "https://bucket.oss-cn-hangzhou.aliyuncs.com", "/",
         "/", "if-none-match", false},
    };
    clear_regions();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3 s3;
        struct error error;
        assert_ok(configure(*state, cases[i].url, &s3, &error), &error);
        assert_str(s3.origin, str_of(cases[i].origin));
        assert_str(s3.root, str_of(cases[i].root));
        assert_str(s3.bucket_path, str_of(cases[i].bucket_path));
        assert_str(s3.if_absent.name, str_of(cases[i].condition));
        assert_int_equal(s3.remote.direct, cases[i].direct);
    }
}

static void azure_is_addressed(void **state)
{
    static const struct {
        const char *url, *origin, *path, *name;
        bool direct;
    } cases[] = {
        {"azure://packages?account=shop", "https://shop.blob.core.windows.net", "/packages",
         "azure://packages at shop.blob.core.windows.net", false},
        {"azure://packages/pre/fix/?account=shop&endpoint=https://shop.blob.core.chinacloudapi.cn:443",
         "https://shop.blob.core.chinacloudapi.cn", "/packages", "azure://packages at shop.blob.core.chinacloudapi.cn", false},
        {"azure://packages?account=shop&endpoint=http://127.0.0.1:10000/shop", "http://127.0.0.1:10000", "/shop/packages",
         "azure://packages at 127.0.0.1:10000/shop", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct azure azure = {0};
        struct url url;
        struct error error;
        assert_ok(url_parse(str_of(cases[i].url), &url, &error), &error);
        assert_ok(azure_configure(&azure, *state, &url, &error), &error);
        assert_str(azure.origin, str_of(cases[i].origin));
        assert_str(azure.path, str_of(cases[i].path));
        assert_str(azure.remote.store.name, str_of(cases[i].name));
        assert_int_equal(azure.remote.direct, cases[i].direct);
    }
}

static void the_region_comes_from_url_or_environment(void **state)
{
    struct s3 s3;
    struct error error;
    clear_regions();
    setenv("AWS_DEFAULT_REGION", "eu-north-1", 1);
    assert_ok(configure(*state, "s3://bucket", &s3, &error), &error);
    assert_str(s3.region, S("eu-north-1"));
    setenv("AWS_REGION", "eu-south-1", 1);
    assert_ok(configure(*state, "s3://bucket", &s3, &error), &error);
    assert_str(s3.region, S("eu-south-1"));
    assert_ok(configure(*state, "s3://bucket?region=eu-west-1", &s3, &error), &error);
    assert_str(s3.region, S("eu-west-1"));
    clear_regions();
}

static const struct {
    const char *url, *words;
} bad_urls[] = {
    {"", "scheme"},
    {"bucket", "scheme"},
    {"ftp://x", "s3://bucket?endpoint=…, azure://container?account=… or file:///directory, not ftp://"},
    {"s3://", "not a bucket's name"},
    {"s3:///x", "not a bucket's name"},
    {"s3://bucket:80", "not a bucket's name"},
    {"s3://-b", "not a bucket's name"},
    {"s3://key:secret@bucket", "user name"},
    {"s3://0123456789012345678901234567890123456789012345678901234567890123", "not a bucket's name"},
    {"s3://bucket/a//b", "not a prefix"},
    {"s3://bucket/../b", "not a prefix"},
    {"s3://bucket/a%20b", "not a prefix"},
    {"s3://bucket/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "not a prefix"},
    {"s3://bucket?regoin=x", "not 'regoin'"},
    {"s3://bucket?region=", "not a region"},
    {"s3://bucket?region=a/b", "not a region"},
    {"s3://bucket?region=a&region=b", "twice"},
    {"s3://bucket?region=a%0ab", "control"},
    {"s3://bucket?path-style=yes", "path-style is 0 or 1"},
    {"s3://bucket?if-absent=maybe", "standard, oss or cos"},
    {"s3://bucket?credentials=a/b", "credentials=NAME"},
    {"s3://bucket?endpoint=127.0.0.1:9000", "endpoint"},
    {"s3://bucket?endpoint=ftp://x", "endpoint"},
    {"s3://bucket?endpoint=http://", "endpoint"},
    {"s3://bucket?endpoint=http://x/path", "endpoint"},
    {"s3://bucket?endpoint=http://x%3fq", "endpoint"},
    {"s3://bucket#x", "#"},
    {"azure://packages", "account=NAME"},
    {"azure://packages?account=a/b", "account=NAME"},
    {"azure://Packages?account=shop", "not a container's name"},
    {"azure://pa?account=shop", "not a container's name"},
    {"azure:///x?account=shop", "not a container's name"},
    {"azure://packages/a//b?account=shop", "not a prefix"},
    {"azure://packages?account=shop&region=x", "azure:// takes account, endpoint and credentials, not 'region'"},
    {"azure://packages?account=shop&endpoint=ftp://x", "endpoint"},
    {"azure://packages?account=shop&endpoint=http://x/other", "nothing or /shop behind it"},
    {"azure://packages?account=shop&credentials=a/b", "credentials=NAME"},
    {"azure://packages?account=shop&credentials=bad-key", "BAD_KEY_STORAGE_KEY is not a storage account's key"},
    {"file://host/x", "file:///directory"},
    {"file://x", "file:///directory"},
    {"file:///x?a=b", "no parameters"},
    {"file://", "whole path"},
    {"file:///a%00b", "malformed"},
    {"file:///a%", "hexadecimal"},
};

static void bad_urls_are_refused(void **state)
{
    (void)state;
    setenv("BAD_KEY_STORAGE_KEY", "no*base64", 1);
    for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        struct store *store;
        struct error error;
        assert_error(store_open(bad_urls[i].url, &store, &error), STATUS_INVALID, &error, bad_urls[i].words);
    }
}

static void what_a_store_can_do_follows_from_its_url(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        struct store_abilities can;
    } cases[] = {
        {"s3://bucket",
         {.presigns = true,
          .reads_suffixes = true,
          .copies = true,
          .copies_between = true,
          .resumes = true,
          .binds_ranges = true,
          .clamps_ranges = true}},
        {"s3://bucket?bind-range=no",
         {.presigns = true, .reads_suffixes = true, .copies = true, .copies_between = true, .resumes = true, .clamps_ranges = true}},
        {"s3://bucket?if-absent=oss",
         {.presigns = true, .reads_suffixes = true, .copies = true, .copies_between = true, .resumes = true, .binds_ranges = true}},
        {"file:///var/pakhus", {.clamps_ranges = true, .reads_suffixes = true, .cheap_metadata = true, .copies = true}},
        {"azure://packages?account=shop", {.presigns = true, .clamps_ranges = true, .resumes = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store *store;
        struct error error;
        assert_ok(store_open(cases[i].url, &store, &error), &error);
        assert_memory_equal(store_abilities(store), &cases[i].can, sizeof cases[i].can);
        assert_true(store_is_address(str_of(cases[i].url)));
        store_close(store);
    }
    static const char *const others[] = {"http://127.0.0.1/a", "ftp://x/y", "s3", "/var/pakhus", "S3://bucket", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(store_is_address(str_of(others[i])));
}

static void a_directory_has_a_url(void **state)
{
    struct arena *arena = *state;
    struct store *store;
    struct error error;
    struct str url = store_url_of_directory(arena, S("/srv/a b/100%"));
    assert_str(url, S("file:///srv/a%20b/100%25"));
    assert_ok(store_open(arena_cstr(arena, url), &store, &error), &error);
    store_close(store);
}

static void opening_does_nothing_yet(void **state)
{
    (void)state;
    const char *const urls[] = {"s3://bucket?endpoint=http://127.0.0.1:1", "file:///nowhere/at/all", "file://localhost/tmp", "file:///"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct store *store;
        struct error error;
        assert_ok(store_open(urls[i], &store, &error), &error);
        assert_int_equal(store_counts(store).requests, 0);
        store_close(store);
    }
    store_close(NULL);
}

static void objects_are_located(void **state)
{
    (void)state;
    static const struct {
        const char *store, *address, *key, *says;
    } cases[] = {
        {"s3://bucket", "s3://bucket/a/b.json", "a/b.json", NULL},
        {"azure://packages/pre?account=shop", "azure://packages/pre/a", "a", NULL},
        {"s3://bucket/pre/fix/?endpoint=http://127.0.0.1:1", "s3://bucket/pre/fix/a", "a", NULL},
        {"file:///var/pakhus", "file:///var/pakhus/texts/a.json", "texts/a.json", NULL},
        {"file:///var/pakhus/", "file:///var/pakhus/a", "a", NULL},
        {"file:///", "file:///a", "a", NULL},
        {"s3://bucket/pre", "s3://bucket/prefix/a", NULL, "is not in the store"},
        {"s3://bucket/pre", "s3://bucket/pre", NULL, "is not in the store"},
        {"s3://bucket", "s3://other/a", NULL, "is not in the store"},
        {"s3://bucket", "file:///bucket/a", NULL, "is not in the store"},
        {"s3://bucket", "s3://bucket/a?b", NULL, "is not in the store"},
        {"s3://bucket", "s3://bucket/a/../b", NULL, "is not a key"},
        {"s3://bucket", "s3://bucket//b", NULL, "is not a key"},
        {"file:///var/pakhus", "file:///var/pakhus/../../etc/passwd", NULL, "is not a key"},
        {"file:///var/pakhus", "file:///var/pakhus/a/%2e%2e/b", NULL, "is not a key"},
        {"file:///var/pakhus", "file:///var/pakhus/", NULL, "is not a key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str key;
        struct error error = {0};
        enum status status = store_locate(cases[i].store, str_of(cases[i].address), &key, &error);
        if (cases[i].key) assert_ok(status, &error);
        if (cases[i].key) assert_str(key, str_of(cases[i].key));
        if (!cases[i].key) assert_error(status, STATUS_INVALID, &error, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(every_kind_of_endpoint_is_addressed),
        test_with_arena(azure_is_addressed),
        test_with_arena(the_region_comes_from_url_or_environment),
        test_with_arena(bad_urls_are_refused),
        cmocka_unit_test(what_a_store_can_do_follows_from_its_url),
        test_with_arena(a_directory_has_a_url),
        test_with_arena(opening_does_nothing_yet),
        cmocka_unit_test(objects_are_located),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
