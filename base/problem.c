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

static void add_field(struct buf *out, struct str before, struct str value, size_t most)
{
    if (str_empty(value)) return;
    buf_add(out, before);
    json_quote_lossy(out, str_first(value, most));
}

struct str problem_write(struct arena *arena, int status, const char *type, struct str detail, struct str instance)
{
    struct problem_status known = problem_status_of(status);
    struct buf out = buf_in(arena, PROBLEM_MAX);
    buf_add(&out, S("{\"type\":"));
    json_quote_lossy(&out, str_of(type ? type : known.type));
    buf_printf(&out, ",\"title\":\"%s\",\"status\":%d", known.title, status);
    add_field(&out, S(",\"detail\":"), detail, DETAIL_MAX);
    add_field(&out, S(",\"instance\":"), instance, INSTANCE_MAX);
    buf_add(&out, S("}\n"));
    return buf_str(&out);
}
