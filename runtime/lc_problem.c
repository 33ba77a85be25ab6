#include "lc_problem.h"

#include <microhttpd.h>

#include "base/json.h"

const char lc_body_too_large[] = "the request body is larger than this route takes";

void lc_problem(const struct lc_call *call, struct lc_response *response, int status, const char *detail)
{
    struct buf body = buf_in(call->arena, 4096);
    buf_add(&body, S("{\"type\":\"about:blank\",\"title\":"));
    json_quote_lossy(&body, str_of(MHD_get_reason_phrase_for((unsigned)status)));
    buf_add(&body, S(",\"status\":"));
    buf_add_u64(&body, (uint64_t)status);
    if (detail) {
        buf_add(&body, S(",\"detail\":"));
        json_quote_lossy(&body, str_of(detail));
    }
    buf_add(&body, S(",\"request_id\":"));
    json_quote_lossy(&body, str_first(call->request_id, 128));
    buf_add(&body, S("}\n"));

    *response = (struct lc_response){.status = status, .body = buf_str(&body)};
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/problem+json"));
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), status == 404 ? S("max-age=10") : S("no-store"));
}
