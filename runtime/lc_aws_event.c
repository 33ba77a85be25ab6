#include "lc_aws_event.h"

#include <jansson.h>

#include "base/encode.h"
#include "lc_address.h"
#include "lc_headers.h"

enum { QUERY_LIMIT = 256 * 1024 };

static void release_json(void *root)
{
    json_decref(root);
}

static const json_t *at(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static struct str text_of(const json_t *value)
{
    if (!json_is_string(value)) return (struct str){0};
    return str_make(json_string_value(value), json_string_length(value));
}

/* --- paths and queries */

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_triplet(struct str s, size_t i)
{
    return s.data[i] == '%' && i + 2 < s.length && is_hex_digit(s.data[i + 1]) && is_hex_digit(s.data[i + 2]);
}

/* RFC 3986: what may stand in a path, and with '/' and '?' in a query. */
static bool may_stand(char c, const char *also)
{
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric || (c != 0 && (strchr("-._~!$&'()*+,;=:@/", c) || strchr(also, c)));
}

/* Some callers decode a path before they pass it on, some do not: what may not stand raw is encoded again, and what is a
 * triplet already is left alone. */
static struct str encoded_again(struct arena *arena, struct str s, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf out = buf_in(arena, s.length * 3 + 1);
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        char triplet[] = {'%', digits[c >> 4], digits[c & 15]};
        bool raw = may_stand(s.data[i], also) || is_triplet(s, i);
        buf_add(&out, raw ? str_make(s.data + i, 1) : str_make(triplet, 3));
    }
    return buf_str(&out);
}

static struct str raw_path(struct arena *arena, struct str path)
{
    path = encoded_again(arena, path, "");
    return str_starts(path, S("/")) ? path : arena_printf(arena, "/" STR_FMT, STR_ARG(path));
}

/* An HTTP API with a named stage has it in front of the path. */
static struct str without_stage(struct str path, struct str stage)
{
    struct str behind = str_from(path, stage.length + 1);
    bool has = stage.length > 0 && str_starts(path, S("/")) && str_starts(str_from(path, 1), stage);
    if (!has || (behind.length > 0 && behind.data[0] != '/')) return path;
    return behind.length > 0 ? behind : S("/");
}

/* ALB hands its parameters over as they were sent, API Gateway decoded. */
static void add_parameter(struct buf *query, enum lc_aws_form form, struct str name, struct str value)
{
    bool decoded = form == LC_AWS_V1;
    if (query->length > 0) buf_add_byte(query, '&');
    buf_add(query, decoded ? percent_encode(query->arena, name, false) : encoded_again(query->arena, name, "?"));
    buf_add_byte(query, '=');
    buf_add(query, decoded ? percent_encode(query->arena, value, false) : encoded_again(query->arena, value, "?"));
}

/* Calls `add` for each name and value of {"name":"value"} or {"name":["value","value"]}. */
typedef void add_fn(void *context, struct str name, struct str value);

static void each(const json_t *object, add_fn *add, void *context)
{
    json_t *values = (json_t *)(uintptr_t)object, *value, *item;
    const char *key;
    size_t i;
    json_object_foreach(values, key, value)
    {
        if (json_is_string(value)) add(context, str_of(key), text_of(value));
        json_array_foreach(value, i, item)
        {
            if (json_is_string(item)) add(context, str_of(key), text_of(item));
        }
    }
}

struct query_target {
    struct buf out;
    enum lc_aws_form form;
};

static void add_to_query(void *context, struct str name, struct str value)
{
    struct query_target *target = context;
    add_parameter(&target->out, target->form, name, value);
}

static struct str query_of(struct arena *arena, const json_t *event, enum lc_aws_form form)
{
    struct query_target target = {buf_in(arena, QUERY_LIMIT), form};
    const json_t *several = at(event, "multiValueQueryStringParameters");
    each(json_is_object(several) ? several : at(event, "queryStringParameters"), add_to_query, &target);
    return buf_str(&target.out);
}

/* --- headers */

struct header_target {
    struct arena *arena;
    struct lc_headers *headers;
    bool sound;
};

static void add_to_headers(void *context, struct str name, struct str value)
{
    struct header_target *target = context;
    if (!lc_header_receive(target->arena, target->headers, name, value, false)) target->sound = false;
}

/* False: a name or a value is none. */
static bool read_headers(struct arena *arena, const json_t *event, struct lc_headers *headers)
{
    struct header_target target = {arena, headers, true};
    const json_t *several = at(event, "multiValueHeaders");
    each(json_is_object(several) ? several : at(event, "headers"), add_to_headers, &target);

    bool has_cookies = lc_header_get(headers, S("cookie")).data != NULL; /* then those of payload 2.0 are the same */
    json_t *cookies = (json_t *)(uintptr_t)at(event, "cookies"), *cookie;
    size_t i;
    json_array_foreach(cookies, i, cookie)
    {
        if (json_is_string(cookie) && !has_cookies) add_to_headers(&target, S("cookie"), text_of(cookie));
    }
    lc_headers_join_cookies(arena, headers);
    return target.sound;
}

/* --- the event */

static enum lc_aws_form form_of(const json_t *event)
{
    const json_t *context = at(event, "requestContext");
    bool asks_to_authorize = json_is_string(at(event, "type"));
    if (!json_is_object(context) || asks_to_authorize) return LC_AWS_EVENT;
    if (str_equal(text_of(at(event, "version")), S("2.0")) && json_is_object(at(context, "http"))) return LC_AWS_V2;
    if (!json_is_string(at(event, "httpMethod"))) return LC_AWS_EVENT;
    if (!json_is_object(at(context, "elb"))) return LC_AWS_V1;
    return json_is_object(at(event, "multiValueHeaders")) ? LC_AWS_ALB_MULTI : LC_AWS_ALB;
}

static enum status read_body(struct arena *arena, const json_t *event, struct lc_request *request, struct error *error)
{
    struct str body = text_of(at(event, "body"));
    request->body = body;
    if (!json_is_true(at(event, "isBase64Encoded"))) return STATUS_OK;
    ENSURE(base64_decode(arena, body, &request->body), error, STATUS_INVALID, "the event's body is not base64");
    return STATUS_OK;
}

static void read_v2(struct arena *arena, const json_t *event, struct lc_request *request)
{
    const json_t *context = at(event, "requestContext"), *http = at(context, "http");
    request->method = text_of(at(http, "method"));
    request->path = raw_path(arena, without_stage(text_of(at(event, "rawPath")), text_of(at(context, "stage"))));
    request->query = encoded_again(arena, text_of(at(event, "rawQueryString")), "?");
    request->client_address = lc_address_bare(arena, text_of(at(http, "sourceIp")));
}

static void read_v1(struct arena *arena, const json_t *event, enum lc_aws_form form, struct lc_request *request)
{
    request->method = text_of(at(event, "httpMethod"));
    request->path = raw_path(arena, text_of(at(event, "path")));
    request->query = query_of(arena, event, form);
    request->client_address = lc_address_bare(arena, text_of(at(at(at(event, "requestContext"), "identity"), "sourceIp")));
}

/* A load balancer appends the address it sees; what stands before it anybody may have written. */
static struct str last_forwarded(struct arena *arena, const struct lc_headers *headers)
{
    struct str last = {0};
    for (size_t i = 0; i < headers->count; i++)
        if (str_equal_nocase(headers->items[i].name, S("x-forwarded-for"))) last = headers->items[i].value;
    size_t comma = str_find_last(last, ',');
    return lc_address_bare(arena, comma < last.length ? str_from(last, comma + 1) : last);
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.data[i] < 'A' || s.data[i] > 'z' || (s.data[i] > 'Z' && s.data[i] < 'a')) return false;
    return s.length > 0 && s.length <= 32;
}

enum status lc_aws_event_parse(struct arena *arena, struct str text, enum lc_aws_form *form, struct lc_request *request,
                               struct error *error)
{
    *form = LC_AWS_EVENT;
    *request = (struct lc_request){0};
    json_t *event = json_loadb(text.data ? text.data : "", text.length, JSON_ALLOW_NUL, NULL);
    if (!event) return STATUS_OK; /* not an object, or no JSON at all: the function may know what it is */
    arena_defer(arena, release_json, event);
    *form = form_of(event);
    if (*form == LC_AWS_EVENT) return STATUS_OK;

    bool sound = read_headers(arena, event, &request->headers);
    if (*form == LC_AWS_V2)
        read_v2(arena, event, request);
    else
        read_v1(arena, event, *form, request);
    if (*form == LC_AWS_ALB || *form == LC_AWS_ALB_MULTI) request->client_address = last_forwarded(arena, &request->headers);
    ENSURE(sound, error, STATUS_INVALID, "a header's name is no token, or its value has a CR, LF or NUL");
    ENSURE(is_method(request->method), error, STATUS_INVALID, "the event's HTTP method is missing or malformed");
    return read_body(arena, event, request, error);
}
