#include "functions/common/respond.h"

#include "functions/common/app.h"
#include "lib/http/problem.h"

enum status respond_problem(struct lc_call *call, struct lc_response *response, int status, const char *type, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct str detail = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    response->status = status;
    response->headers.count = 0;
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/problem+json"));
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), status == 404 ? S("public, max-age=5") : S("no-store"));
    if (status == 503 || status == 504) lc_header_add(call->arena, &response->headers, S("Retry-After"), S("1"));
    response->body = http_problem(call->arena, status, type, detail, call->request_id);
    return STATUS_OK;
}

enum status respond_error(struct lc_call *call, struct lc_response *response, const struct error *error)
{
    struct error gone;
    if (error->status == STATUS_NOT_FOUND && app_is_without_store(&gone)) {
        gone.status = STATUS_UNAVAILABLE;
        return respond_error(call, response, &gone);
    }
    switch (error->status) {
    case STATUS_WOULD_BLOCK: return STATUS_WOULD_BLOCK;
    case STATUS_NOT_FOUND: return respond_problem(call, response, 404, "not-found", "%s", error->text);
    case STATUS_INVALID: return respond_problem(call, response, 400, "bad-request", "%s", error->text);
    case STATUS_TOO_LARGE: return respond_problem(call, response, 414, "too-long", "%s", error->text);
    default: break;
    }
    log_error(call->log, "%s: %s", status_name(error->status), error->text);
    switch (error->status) {
    case STATUS_TIMEOUT: return respond_problem(call, response, 504, "store-timeout", "the storage did not answer in time; try again");
    case STATUS_THROTTLED:
    case STATUS_UNAVAILABLE: return respond_problem(call, response, 503, "store-unavailable", "the storage cannot be reached; try again");
    case STATUS_DENIED: return respond_problem(call, response, 502, "store-denied", "the storage refuses us; the operator's log says more");
    case STATUS_CORRUPT:
    case STATUS_PRECONDITION:
        return respond_problem(call, response, 502, "store-corrupt", "the storage gave something else than was published");
    default: return respond_problem(call, response, 500, "internal", "something went wrong here; the operator's log says more");
    }
}
