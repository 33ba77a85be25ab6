#include "base/problem.h"

#include "base/json.h"

enum { PROBLEM_MAX = 16384, DETAIL_MAX = 1024, INSTANCE_MAX = 256 };

const struct problem_status problem_statuses[] = {
    {400, "Bad Request", "bad-request"},
    {403, "Forbidden", "forbidden"},
    {404, "Not Found", "not-found"},
    {405, "Method Not Allowed", "method"},
    {412, "Precondition Failed", "precondition"},
    {413, "Content Too Large", "too-large"},
    {414, "URI Too Long", "too-long"},
    {416, "Range Not Satisfiable", "range"},
    {500, "Internal Server Error", "internal"},
    {501, "Not Implemented", "not-implemented"},
    {502, "Bad Gateway", "bad-gateway"},
    {503, "Service Unavailable", "unavailable"},
    {504, "Gateway Timeout", "timeout"},
};
const size_t problem_statuses_count = sizeof problem_statuses / sizeof *problem_statuses;

struct problem_status problem_status_of(int status)
{
    for (size_t i = 0; i < problem_statuses_count; i++)
        if (problem_statuses[i].status == status) return problem_statuses[i];
    return (struct problem_status){status, "Error", "about:blank"};
}

struct str problem_write(struct arena *arena, int status, const char *type, struct str detail, struct str instance)
{
    struct problem_status known = problem_status_of(status);
    struct buf out = buf_in(arena, PROBLEM_MAX);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_word(&json, "type", type ? type : known.type);
    json_put_word(&json, "title", known.title);
    json_put_signed(&json, "status", status);
    if (!str_empty(detail)) json_put_lossy(&json, "detail", str_first(detail, DETAIL_MAX));
    if (!str_empty(instance)) json_put_lossy(&json, "instance", str_first(instance, INSTANCE_MAX));
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}
