/* Every event payload. Whatever comes in, a handler sees a request that could have been sent to it over a wire, and what it answers
 * with comes out of the JSON as it went in. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/encode.h"
#include "runtime/lc_aws_event.h"

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_target(struct str text, const char *also)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        must(c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}#", c));
        must(c != '?' || strchr(also, '?'));
    }
}

static void check_path(struct arena *arena, struct str path)
{
    struct str decoded;
    must(str_starts(path, S("/")));
    check_target(path, "");
    must(percent_decode(arena, path, &decoded));
}

static void check_headers(const struct lc_headers *headers)
{
    size_t cookies = 0;
    for (size_t i = 0; i < headers->count; i++) {
        struct lc_header header = headers->items[i];
        must(header.name.length > 0 && !str_has_control(header.name));
        must(!str_equal_nocase(str_first(header.name, 5), S("x-fc-")));
        for (size_t k = 0; k < header.value.length; k++) must(header.value.data[k] != 0 && !strchr("\r\n", header.value.data[k]));
        cookies += str_equal_nocase(header.name, S("cookie"));
    }
    must(cookies <= 1);
}

static void check_address(struct arena *arena, struct str address)
{
    unsigned char bytes[16];
    const char *text = arena_cstr(arena, address);
    must(address.length == 0 || inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

static void check_answer(struct arena *arena, enum lc_aws_form form, const struct lc_request *request)
{
    struct lc_response response = {.status = 200, .headers = request->headers, .body = request->body};
    struct lc_aws_answer answer = lc_aws_answer_make(arena, form, request, &response);
    struct buf all = buf_in(arena, SIZE_MAX / 4);
    for (int i = 0; i < 3; i++) buf_add(&all, answer.part[i]);
    json_t *root = json_loadb(all.data, all.length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    must(root != NULL);
    json_t *field = json_object_get(root, "body");
    struct str body = str_make(json_string_value(field), json_string_length(field));
    if (json_is_true(json_object_get(root, "isBase64Encoded"))) must(base64_decode(arena, body, &body));
    must(str_equal(body, str_equal(request->method, S("HEAD")) ? (struct str){0} : request->body));
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct lc_request request;
    struct error error = {0};
    enum lc_aws_form form;
    log_set_level(LOG_NONE);
    enum status status = lc_aws_event_parse(arena, str_make(data, size), &form, &request, &error);
    must(status == STATUS_OK || (status == STATUS_INVALID && form != LC_AWS_EVENT && error.text[0]));
    if (form != LC_AWS_EVENT) {
        check_path(arena, request.path);
        check_target(request.query, "?");
        check_headers(&request.headers);
        check_address(arena, request.client_address);
    }
    if (form != LC_AWS_EVENT && status == STATUS_OK) check_answer(arena, form, &request);
    arena_free(arena);
    return 0;
}
