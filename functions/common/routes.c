#include "functions/common/routes.h"

#include "base/url.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "lib/admission/client.h"

enum { RESULT_BODY_MAX = 4 << 10, TOKEN_RESULT_BODY_MAX = 64 << 10, LIST_BODY_MAX = 512 << 10 };

const struct route routes[] = {
    {"/packages/", "GET, HEAD", "channel-range-splice", ROUTE_ORIGIN, 0, NULL},
    {"/patches/", "GET, HEAD", "channel-range-splice", ROUTE_ORIGIN, 0, NULL},
    {"/query", "GET, HEAD", "query", ROUTE_ORIGIN, 0,
     "app, version, from, patch, channel, from_channel, device, ip, mask, lan, site, region, alert"},
    {"/query/result", "POST", "query", ROUTE_ORIGIN, RESULT_BODY_MAX, ""},
    {"/admission", "GET, HEAD", "admission", ROUTE_ORIGIN, 0, ADMISSION_PARAMETERS},
    {"/admission/profile", "GET, HEAD", "admission", ROUTE_ORIGIN, 0, "resource"},
    {"/gather", "GET, HEAD", "gather", ROUTE_ORIGIN, 0, "scene, resources, retry_of, deadline"},
    {"/gather", "POST", "gather", ROUTE_ORIGIN, LIST_BODY_MAX, ""},
    {"/token/verify", "GET, HEAD", "cache-token-verify", ROUTE_NODE, 0, NULL},
    {"/token/result", "POST", "cache-token-verify", ROUTE_NODE, TOKEN_RESULT_BODY_MAX, NULL},
};
const size_t routes_count = sizeof routes / sizeof *routes;

/* --- which route */

static bool is_at(const struct route *route, const char *function, struct str path)
{
    struct str own = str_of(route->path);
    bool matches = str_ends(own, S("/")) ? str_starts(path, own) : str_equal(path, own);
    return matches && strcmp(route->function, function) == 0;
}

/* In a list such as "GET, HEAD". */
static bool is_listed(const char *list, struct str name, bool (*is_same)(struct str, struct str))
{
    for (struct str rest = str_of(list); rest.data;)
        if (is_same(str_trim(str_cut(&rest, ',')), name)) return true;
    return false;
}

/* NULL where no route of the path takes the method. *allowed: all methods of the path, as in Allow; empty: there is no such path. */
static const struct route *find_route(const struct lc_call *call, const struct lc_request *request, struct str *allowed)
{
    *allowed = S("");
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes[i];
        if (!is_at(route, call->function->name, request->path)) continue;
        if (is_listed(route->methods, request->method, str_equal)) return route;
        *allowed = arena_join(call->arena, *allowed, allowed->length > 0 ? S(", ") : S(""), str_of(route->methods));
    }
    return NULL;
}

static void refuse_path(struct lc_call *call, struct lc_response *response)
{
    respond_problem(call, response, PROBLEM_NOT_FOUND, "nothing is served under this path");
}

static void refuse_method(struct lc_call *call, struct lc_response *response, struct str allowed)
{
    respond_problem(call, response, PROBLEM_METHOD, "method not allowed; use " STR_FMT, STR_ARG(allowed));
    lc_header_add(call->arena, &response->headers, S("Allow"), allowed);
}

/* --- headers that may be given once */

/* These decide what is answered, and to whom. Two lines of one of them may be read differently by a proxy and by us. */
static const struct str singles[] = {
    {"pakhus-origin-secret", 20},
    {"pakhus-node-secret", 18},
    {"pakhus-node", 11},
    {"pakhus-business", 15},
    {"pakhus-outcome", 14},
    {"pakhus-size", 11},
    {"pakhus-type", 11},
    {"pakhus-modified", 15},
    {"pakhus-digest", 13},
    {"pakhus-follow", 13},
    {"x-original-uri", 14},
    {"x-original-host", 15},
    {"host", 4},
    {"range", 5},
    {"if-range", 8},
    {"if-modified-since", 17},
    {"if-unmodified-since", 19},
};
enum { SINGLES = sizeof singles / sizeof *singles };

/* Bit i: singles[i]; 0: the header may be given several times. */
static uint32_t single_bit(struct str name)
{
    for (unsigned i = 0; i < SINGLES; i++)
        if (str_equal_nocase(name, singles[i])) return UINT32_C(1) << i;
    return 0;
}

static bool refuse_repeated(struct lc_call *call, const struct lc_headers *headers, struct lc_response *response)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < headers->count; i++) {
        struct str name = headers->items[i].name;
        uint32_t bit = single_bit(name);
        if (seen & bit) {
            respond_problem(call, response, PROBLEM_HEADER_TWICE, "the header " STR_FMT " may be given once", STR_ARG(name));
            return true;
        }
        seen |= bit;
    }
    return false;
}

/* --- parameters */

/* Others add these to a URL on purpose, and they change no answer of ours. With a '*' at its end: every name that begins so. */
static const char *const foreign[] = {
    "Expires, Signature, Key-Pair-Id, Policy, Hash-Algorithm",   /* CloudFront */
    "X-Amz-*, AWSAccessKeyId",                                   /* AWS, signatures 4 and 2 */
    "KeyName, URLPrefix, Edge-Cache-Token",                      /* Google Cloud CDN, with Expires and Signature */
    "auth_key, auth_info, x-oss-*, OSSAccessKeyId",              /* Alibaba Cloud; Huawei Cloud */
    "sign, t, wsSecret, wsTime",                                 /* Tencent Cloud; Wangsu */
    "hdnts, hdnea, hdntl, __token__, token, token_path, verify", /* Akamai; bunny.net, with expires; Cloudflare */
    "utm_*, gclid, fbclid, _",                                   /* campaigns; jQuery's cache buster */
};

static bool is_like(struct str pattern, struct str name)
{
    bool begins = str_ends(pattern, S("*"));
    if (begins) pattern.length--;
    return str_equal_nocase(pattern, begins ? str_first(name, pattern.length) : name);
}

static bool is_foreign(struct str name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (is_listed(foreign[i], name, is_like)) return true;
    return false;
}

/* A misspelt name would be answered as if it had not been given: `current=1.0` for `from=1.0` by the full package. A name that differs in
 * case passes here: the function that reads it says how it is written. */
static bool refuse_parameter(struct lc_call *call, const struct route *route, struct str query, struct lc_response *response)
{
    struct url_argument argument;
    while (route->parameters && url_next_argument(&query, &argument)) {
        if (is_listed(route->parameters, argument.name, str_equal_nocase) || is_foreign(argument.name)) continue;
        respond_problem(call, response, PROBLEM_UNKNOWN_PARAMETER, "unknown parameter '" STR_FMT "'; %s%s",
                        STR_ARG(str_first(argument.name, 100)), route->parameters[0] ? "use " : "this route takes none", route->parameters);
        return true;
    }
    return false;
}

/* --- who may ask */

static bool refuse_secret(struct lc_call *call, const struct lc_request *request, struct lc_response *response, enum route_guard guard)
{
    const struct app *app = app_shared();
    bool is_node = guard == ROUTE_NODE;
    struct str header = is_node ? S("Pakhus-Node-Secret") : S("Pakhus-Origin-Secret");
    struct str secret = is_node ? app->node_secret : app->origin_secret;
    if (secret.length == 0) return false;
    if (str_equal_secret(lc_header_get(&request->headers, header), secret)) return false;
    respond_problem(call, response, is_node ? PROBLEM_NODE_SECRET : PROBLEM_ORIGIN_SECRET,
                    "only %s may ask here: the header " STR_FMT " is missing or wrong", is_node ? "cache nodes" : "the CDN",
                    STR_ARG(header));
    return true;
}

bool routes_guard(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response, size_t *body_max)
{
    struct str allowed;
    const struct route *route = find_route(call, request, &allowed);
    (void)state;
    if (!route && allowed.length == 0) return refuse_path(call, response), false;
    if (!route) return refuse_method(call, response, allowed), false;
    if (refuse_repeated(call, &request->headers, response)) return false;
    if (refuse_secret(call, request, response, route->guard)) return false;
    if (refuse_parameter(call, route, request->query, response)) return false;
    *body_max = route->body_max;
    return true;
}
