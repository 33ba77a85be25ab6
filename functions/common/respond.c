#include "functions/common/respond.h"

#include "functions/common/app.h"

enum status respond_problem(struct lc_call *call, struct lc_response *response, enum problem problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct str detail = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    lc_problem(call, response, problems[problem].status, problems[problem].type, detail);
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
    case STATUS_NOT_FOUND: return respond_problem(call, response, PROBLEM_NOT_FOUND, "%s", error->text);
    case STATUS_INVALID: return respond_problem(call, response, PROBLEM_BAD_REQUEST, "%s", error->text);
    case STATUS_TOO_LARGE: return respond_problem(call, response, PROBLEM_TOO_LONG, "%s", error->text);
    default: break;
    }
    log_error(call->log, "%s: %s", status_name(error->status), error->text);
    switch (error->status) {
    case STATUS_TIMEOUT: return respond_problem(call, response, PROBLEM_STORE_TIMEOUT, "the storage did not answer in time; try again");
    case STATUS_THROTTLED:
        return respond_problem(call, response, PROBLEM_STORE_UNAVAILABLE, "too many ask the storage for this at once; try again");
    case STATUS_UNAVAILABLE: return respond_problem(call, response, PROBLEM_STORE_UNAVAILABLE, "the storage cannot be reached; try again");
    case STATUS_DENIED:
        return respond_problem(call, response, PROBLEM_STORE_DENIED, "the storage refuses us; the operator's log says more");
    case STATUS_CORRUPT:
    case STATUS_PRECONDITION:
        return respond_problem(call, response, PROBLEM_STORE_CORRUPT, "stored object does not match the published package");
    default: return respond_problem(call, response, PROBLEM_INTERNAL, "something went wrong here; the operator's log says more");
    }
}
