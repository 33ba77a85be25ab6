#include "lib/store/failure_internal.h"

enum { FEW = 6 };

static const struct failure_row by_http[] = {
    {NULL, 304, STATUS_NOT_MODIFIED, 0, NULL},
    {NULL, 404, STATUS_NOT_FOUND, 0, NULL},
    {NULL, 405, STATUS_UNSUPPORTED, 0, NULL},
    {NULL, 408, STATUS_TIMEOUT, FAILURE_AGAIN, NULL},
    {NULL, 409, STATUS_UNAVAILABLE, FAILURE_AGAIN, NULL},
    {NULL, 412, STATUS_PRECONDITION, 0, NULL},
    {NULL, 413, STATUS_TOO_LARGE, 0, NULL},
    {NULL, 416, STATUS_INVALID, 0, NULL},
    {NULL, 429, STATUS_THROTTLED, FAILURE_AGAIN, "the store asks to slow down"},
    {NULL, 501, STATUS_UNSUPPORTED, 0, NULL},
    {NULL, 507, STATUS_UNAVAILABLE, 0, "the store's disks are full"},
};
static const struct failure_table all = {by_http, sizeof by_http / sizeof *by_http};

static struct failure failure_of(enum status status, int flags)
{
    return (struct failure){status, flags & FAILURE_AGAIN, flags & FAILURE_CREDENTIALS, flags & FAILURE_FEW_TIMES ? FEW : 0};
}

/* By its code where there is one, else by HTTP's status. */
static const struct failure_row *find(const struct failure_table *table, struct str code, int http)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct failure_row *row = &table->rows[i];
        bool same = str_empty(code) ? !row->code && row->http == http : row->code && str_equal(code, str_of(row->code));
        if (same) return row;
    }
    return NULL;
}

struct failure failure_look_up(const struct failure_table *table, struct str code, int http, const char **advice)
{
    const struct failure_row *row = str_empty(code) ? NULL : find(table, code, http);
    *advice = NULL;
    if (!row && http == 404 && !str_empty(code)) return failure_of(STATUS_INVALID, 0);
    if (!row && http == 500 && str_empty(code)) return failure_of(STATUS_UNAVAILABLE, FAILURE_AGAIN | FAILURE_FEW_TIMES);
    if (!row) row = find(table, S(""), http);
    if (!row) row = find(&all, S(""), http);
    if (!row) return http >= 500 ? failure_of(STATUS_UNAVAILABLE, FAILURE_AGAIN) : failure_of(STATUS_INVALID, 0);
    *advice = row->advice;
    return failure_of(row->status, row->flags);
}

void failure_say(const struct failure *failure, const struct failure_words *words, struct error *error)
{
    enum status status = failure->status;
    error_set(error, status, STR_FMT, STR_ARG(words->message));
    if (str_empty(words->message)) error_set(error, status, "%s", status_name(status));
    if (words->advice) error_set(error, status, "%s", words->advice);
    struct error what = *error;
    if (str_empty(words->code)) error_set(error, status, "%s (status %d)", what.text, words->http);
    if (!str_empty(words->code))
        error_set(error, status, "%s (" STR_FMT ", status %d)", what.text, STR_ARG(str_first(words->code, 64)), words->http);
}
