#include <stdlib.h>

#include "base/encode.h"
#include "lib/store/s3/s3_internal.h"

static enum status check_parameters(const struct url *url, struct error *error)
{
    static const struct str known[] = {{"endpoint", 8},  {"region", 6},      {"path-style", 10},
                                       {"if-absent", 9}, {"bind-range", 10}, {"credentials", 11}};
    return remote_check_parameters(url, known, sizeof known / sizeof *known,
                                   "endpoint, region, path-style, if-absent, bind-range and credentials", error);
}

static bool is_bucket(struct str name)
{
    if (name.length < 1 || name.length > 63 || name.data[0] == '.' || name.data[0] == '-') return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && c != '.' && c != '-' && c != '_') return false;
    }
    return true;
}

static enum status read_names(struct s3 *s3, struct arena *arena, const struct url *url, struct error *error)
{
    ENSURE(is_bucket(url->authority), error, STATUS_INVALID, "'" STR_FMT "' is not a bucket's name: s3://bucket/prefix",
           STR_ARG(url->authority));
    s3->bucket = arena_copy(arena, url->authority);
    return remote_prefix(arena, url, &s3->remote.store.prefix, error);
}

static enum status read_region(struct s3 *s3, struct arena *arena, const struct url *url, struct error *error)
{
    const char *region = getenv("AWS_REGION");
    if (!region || !region[0]) region = getenv("AWS_DEFAULT_REGION");
    if (!region || !region[0]) region = "us-east-1";
    s3->region = str_of(region);
    TRY(remote_parameter(arena, url, S("region"), &s3->region, error));
    ENSURE(str_is_id(s3->region), error, STATUS_INVALID, "'" STR_FMT "' is not a region", STR_ARG(s3->region));
    s3->region = arena_copy(arena, s3->region);
    return STATUS_OK;
}

/* Where the bucket is reached: in the host's name, or as the first segment of the path. */
static enum status read_endpoint(struct s3 *s3, struct arena *arena, const struct url *url, struct error *error)
{
    struct str text = arena_printf(arena, "https://s3." STR_FMT ".amazonaws.com", STR_ARG(s3->region)), style = S("");
    struct url endpoint;
    bool loopback = false;
    TRY(remote_parameter(arena, url, S("endpoint"), &text, error));
    TRY(remote_parameter(arena, url, S("path-style"), &style, error));
    if (url_parse(text, &endpoint, error) != STATUS_OK) return error_context(error, "endpoint");
    bool is_https = str_equal(endpoint.scheme, S("https"));
    bool is_bare = (str_empty(endpoint.path) || str_equal(endpoint.path, S("/"))) && !endpoint.has_query && !str_empty(endpoint.host);
    ENSURE((is_https || str_equal(endpoint.scheme, S("http"))) && is_bare, error, STATUS_INVALID,
           "endpoint is http://host:port or https://host:port, without a path");
    ENSURE(str_empty(style) || str_equal(style, S("0")) || str_equal(style, S("1")), error, STATUS_INVALID, "path-style is 0 or 1");
    bool is_ip = remote_is_address(endpoint.host, &loopback);
    /* A dot in the bucket's name breaks the certificate, which covers one label. */
    bool path_style = is_ip || str_equal(style, S("1")) || (is_https && str_find(s3->bucket, '.') < s3->bucket.length);
    bool is_default_port = endpoint.port == (is_https ? 443 : 80);
    struct str authority = is_default_port ? endpoint.host : endpoint.authority;
    s3->remote.direct = loopback;
    s3->endpoint = arena_printf(arena, STR_FMT "://" STR_FMT, STR_ARG(endpoint.scheme), STR_ARG(authority));
    s3->host =
        path_style ? arena_copy(arena, authority) : arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(s3->bucket), STR_ARG(authority));
    s3->origin = arena_printf(arena, STR_FMT "://" STR_FMT, STR_ARG(endpoint.scheme), STR_ARG(s3->host));
    s3->bucket_path = path_style ? arena_printf(arena, "/" STR_FMT, STR_ARG(s3->bucket)) : S("/");
    s3->root = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(s3->bucket_path), path_style ? "/" : "",
                            STR_ARG(percent_encode(arena, s3->remote.store.prefix, true)));
    return STATUS_OK;
}

/* OSS and COS have the condition under names of their own, and know no If-None-Match on PUT. To OSS a range that ends past the object's end
 * is none, and the whole object comes, unless a header says how it is meant. */
static enum status read_dialect(struct s3 *s3, struct arena *arena, const struct url *url, struct error *error)
{
    static const struct {
        struct str name, domain;
        struct store_pair if_absent, clamp;
    } dialects[] = {
        {{"oss", 3}, {".aliyuncs.com", 13}, {{"x-oss-forbid-overwrite", 22}, {"true", 4}}, {{"x-oss-range-behavior", 20}, {"standard", 8}}},
        {{"cos", 3}, {".myqcloud.com", 13}, {{"x-cos-forbid-overwrite", 22}, {"true", 4}}, {{0}, {0}}},
        {{"standard", 8}, {"", 0}, {{"if-none-match", 13}, {"*", 1}}, {{0}, {0}}},
    };
    struct str forced = S("");
    TRY(remote_parameter(arena, url, S("if-absent"), &forced, error));
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        bool chosen = str_empty(forced) ? str_ends(s3->host, dialects[i].domain) : str_equal(forced, dialects[i].name);
        if (!chosen) continue;
        s3->if_absent = dialects[i].if_absent;
        s3->clamp = dialects[i].clamp;
        s3->remote.store.abilities.clamps_ranges = str_empty(s3->clamp.name);
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "if-absent is standard, oss or cos");
}

static enum status read_binding(struct s3 *s3, struct arena *arena, const struct url *url, struct error *error)
{
    struct str text = S("yes");
    TRY(remote_parameter(arena, url, S("bind-range"), &text, error));
    ENSURE(str_equal(text, S("yes")) || str_equal(text, S("no")), error, STATUS_INVALID, "bind-range is yes or no");
    s3->remote.store.abilities.binds_ranges = str_equal(text, S("yes"));
    return STATUS_OK;
}

enum status s3_configure(struct s3 *s3, struct arena *arena, const struct url *url, struct str *credentials, struct error *error)
{
    TRY(check_parameters(url, error));
    TRY(read_names(s3, arena, url, error));
    TRY(read_region(s3, arena, url, error));
    TRY(read_endpoint(s3, arena, url, error));
    TRY(read_dialect(s3, arena, url, error));
    TRY(read_binding(s3, arena, url, error));
    *credentials = S("");
    TRY(remote_parameter(arena, url, S("credentials"), credentials, error));
    ENSURE(str_empty(*credentials) || str_is_id(*credentials), error, STATUS_INVALID,
           "credentials=NAME names the variables NAME_ACCESS_KEY_ID and NAME_SECRET_ACCESS_KEY");
    const char *of = str_empty(*credentials) ? "" : " with the credentials of ";
    s3->remote.store.name =
        arena_printf(arena, "s3://" STR_FMT " at " STR_FMT "%s" STR_FMT, STR_ARG(s3->bucket), STR_ARG(s3->host), of, STR_ARG(*credentials));
    s3->remote.store.asked = arena_printf(arena, STR_FMT ", if-absent by " STR_FMT ", bind-range=%s", STR_ARG(s3->remote.store.name),
                                          STR_ARG(s3->if_absent.name), s3->remote.store.abilities.binds_ranges ? "yes" : "no");
    return STATUS_OK;
}
