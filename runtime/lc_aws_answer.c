#include <microhttpd.h>

#include "base/encode.h"
#include "base/json.h"
#include "lc_aws_event.h"
#include "lc_headers.h"

enum {
    RESPONSE_LIMIT = 6 * 1024 * 1024,
    ALB_LIMIT = 1024 * 1024,
    ENVELOPE = 64 * 1024, /* status, headers and cookies */
    ALWAYS_TEXT = 512 * 1024,
    ANSWER_LIMIT = 16 * 1024 * 1024,
    PRELUDE_LIMIT = 1024 * 1024
};

uint64_t lc_aws_body_limit(enum lc_aws_form form)
{
    bool alb = form == LC_AWS_ALB || form == LC_AWS_ALB_MULTI;
    return (uint64_t)((alb ? ALB_LIMIT : RESPONSE_LIMIT) - ENVELOPE) / 4 * 3;
}

static bool is_cookie(struct str name)
{
    return str_equal_nocase(name, S("set-cookie"));
}

static bool seen_before(const struct lc_headers *headers, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (str_equal_nocase(headers->items[i].name, headers->items[index].name)) return true;
    return false;
}

/* Every value of the header at `index` and of those behind it with the same name, as one (RFC 9110 section 5.2). */
static struct str joined(struct arena *arena, const struct lc_headers *headers, size_t index)
{
    struct str all = headers->items[index].value;
    for (size_t i = index + 1; i < headers->count; i++)
        if (str_equal_nocase(headers->items[i].name, headers->items[index].name))
            all = arena_printf(arena, STR_FMT ", " STR_FMT, STR_ARG(all), STR_ARG(headers->items[i].value));
    return all;
}

static void add_values(struct buf *out, const struct lc_headers *headers, size_t index)
{
    buf_add_byte(out, '[');
    json_quote_lossy(out, headers->items[index].value);
    for (size_t i = index + 1; i < headers->count; i++) {
        if (!str_equal_nocase(headers->items[i].name, headers->items[index].name)) continue;
        buf_add_byte(out, ',');
        json_quote_lossy(out, headers->items[i].value);
    }
    buf_add_byte(out, ']');
}

static void add_comma(struct buf *out)
{
    if (out->length > 0 && out->data[out->length - 1] != '{' && out->data[out->length - 1] != '[') buf_add_byte(out, ',');
}

/* {"name":"value"}, or {"name":["value"]} where `several`. Cookies cannot be joined; payload 2.0 has a place of their own for them. */
static void add_headers(struct buf *out, enum lc_aws_form form, const struct lc_headers *headers)
{
    bool several = form == LC_AWS_V1 || form == LC_AWS_ALB_MULTI;
    buf_add(out, several ? S("\"multiValueHeaders\":{") : S("\"headers\":{"));
    for (size_t i = 0; i < headers->count; i++) {
        struct str name = headers->items[i].name;
        if (lc_header_is_hosts(name) || seen_before(headers, i) || (form == LC_AWS_V2 && is_cookie(name))) continue;
        add_comma(out);
        json_quote_lossy(out, name);
        buf_add_byte(out, ':');
        if (several)
            add_values(out, headers, i);
        else
            json_quote_lossy(out, is_cookie(name) ? headers->items[i].value : joined(out->arena, headers, i));
    }
}

static void add_cookies(struct buf *out, const struct lc_headers *headers)
{
    buf_add(out, S(",\"cookies\":["));
    for (size_t i = 0; i < headers->count; i++) {
        if (!is_cookie(headers->items[i].name)) continue;
        add_comma(out);
        json_quote_lossy(out, headers->items[i].value);
    }
    buf_add_byte(out, ']');
}

static bool is_head(const struct lc_request *request)
{
    return str_equal(request->method, S("HEAD"));
}

/* A HEAD's answer carries no bytes for the platform to count. */
static void add_length(struct buf *out, enum lc_aws_form form, const struct lc_request *request, const struct lc_response *response)
{
    uint64_t length = response->body.length > 0 ? response->body.length : response->length;
    bool several = form == LC_AWS_V1 || form == LC_AWS_ALB_MULTI;
    if (!is_head(request) || length == 0 || length == LC_LENGTH_UNKNOWN) return;
    add_comma(out);
    buf_add(out, several ? S("\"Content-Length\":[\"") : S("\"Content-Length\":\""));
    buf_add_u64(out, length);
    buf_add(out, several ? S("\"]") : S("\""));
}

/* {"statusCode":200,"headers":{…},"cookies":[…] and no closing brace yet. */
static void add_envelope(struct buf *out, enum lc_aws_form form, const struct lc_request *request, const struct lc_response *response)
{
    buf_add(out, S("{\"statusCode\":"));
    buf_add_u64(out, (uint64_t)response->status);
    if (form == LC_AWS_ALB || form == LC_AWS_ALB_MULTI)
        buf_printf(out, ",\"statusDescription\":\"%d %s\"", response->status, MHD_get_reason_phrase_for((unsigned)response->status));
    buf_add_byte(out, ',');
    add_headers(out, form, &response->headers);
    add_length(out, form, request, response);
    buf_add_byte(out, '}');
    if (form == LC_AWS_V2) add_cookies(out, &response->headers);
}

/* Bytes that json_quote_lossy makes of a text; SIZE_MAX where control bytes show that it is none. */
static size_t json_length(struct str text)
{
    size_t length = 2;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool control = c < 0x20 || c == 0x7f;
        if (control && c != '\t' && c != '\n' && c != '\r') return SIZE_MAX;
        length += c == '"' || c == '\\' ? 2 : control ? 6 : 1;
    }
    return length;
}

/* Text grows when it is escaped, to six times its size at worst: a large body goes the way that is shorter. */
static bool goes_as_text(struct str body)
{
    size_t length = json_length(body);
    return str_is_utf8(body) && (length <= ALWAYS_TEXT || length <= body.length / 3 * 4);
}

struct lc_aws_answer lc_aws_answer_make(struct arena *arena, enum lc_aws_form form, const struct lc_request *request,
                                        const struct lc_response *response)
{
    struct str body = is_head(request) ? (struct str){0} : response->body;
    struct buf out = buf_in(arena, ANSWER_LIMIT);
    bool text = goes_as_text(body);
    buf_room(&out, 1024 + (text ? body.length : 0));
    add_envelope(&out, form, request, response);
    buf_add(&out, text ? S(",\"isBase64Encoded\":false,\"body\":") : S(",\"isBase64Encoded\":true,\"body\":\""));
    if (!text) return (struct lc_aws_answer){{buf_str(&out), base64_encode(arena, body), S("\"}")}};
    json_quote_lossy(&out, body);
    buf_add_byte(&out, '}');
    return (struct lc_aws_answer){{buf_str(&out)}};
}

struct str lc_aws_prelude(struct arena *arena, const struct lc_request *request, const struct lc_response *response)
{
    struct buf out = buf_in(arena, PRELUDE_LIMIT);
    add_envelope(&out, LC_AWS_V2, request, response);
    buf_add(&out, S("}\0\0\0\0\0\0\0\0"));
    return buf_str(&out);
}
