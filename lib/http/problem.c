#include "lib/http/problem.h"

#include "base/json.h"

const char *http_reason(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Error";
    }
}

struct str http_problem(struct arena *arena, int status, const char *type, struct str detail, struct str instance)
{
    struct buf out = buf_in(arena, 16384);
    buf_add(&out, S("{\"type\":"));
    json_quote_lossy(&out, str_of(type));
    buf_printf(&out, ",\"title\":\"%s\",\"status\":%d,\"detail\":", http_reason(status), status);
    json_quote_lossy(&out, str_first(detail, 1024));
    if (instance.length > 0) {
        buf_add(&out, S(",\"instance\":"));
        json_quote_lossy(&out, str_first(instance, 256));
    }
    buf_add(&out, S("}\n"));
    return buf_str(&out);
}
