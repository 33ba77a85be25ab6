#include "lc_emf.h"

#include <unistd.h>

#include "base/json.h"

enum { LINE_MAX_BYTES = 8192, NAME_SHOWN = 128 /* bytes, which may take six each */ };

static const struct {
    const char *name, *unit;
} metrics[] = {{"requests", "Count"}, {"errors", "Count"}, {"duration", "Milliseconds"}, {"bytes", "Bytes"}};

static void put_directive(struct json_writer *json, const char *space)
{
    json_open_object(json, "_aws");
    json_put_number(json, "Timestamp", (uint64_t)clock_real());
    json_open_array(json, "CloudWatchMetrics");
    json_open_object(json, NULL);
    json_put_lossy(json, "Namespace", str_first(str_of(space), NAME_SHOWN));
    json_open_array(json, "Dimensions");
    json_open_array(json, NULL);
    json_put_word(json, NULL, "function");
    json_close(json);
    json_close(json);
    json_open_array(json, "Metrics");
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        json_open_object(json, NULL);
        json_put_word(json, "Name", metrics[i].name);
        json_put_word(json, "Unit", metrics[i].unit);
        json_close(json);
    }
    for (int i = 0; i < 4; i++) json_close(json); /* Metrics, the directive, CloudWatchMetrics, _aws */
}

static void put_values(struct json_writer *json, const struct lc_function *function, const struct lc_access *access)
{
    json_put_lossy(json, "function", str_first(str_of(function->name), NAME_SHOWN));
    json_put_number(json, "requests", 1);
    json_put_number(json, "errors", access->status >= 500 || access->aborted);
    json_put_fixed(json, "duration", (double)access->microseconds / 1000, 3);
    json_put_number(json, "bytes", access->bytes);
    json_put_number(json, "status", (uint64_t)access->status);
    json_put_lossy(json, "requestId", str_first(access->log.request_id, LOG_ID_MAX));
    if (access->log.trace_id.length > 0) json_put_lossy(json, "traceId", str_first(access->log.trace_id, LOG_ID_MAX));
}

void lc_emf_write(const struct lc_function *function, const struct lc_access *access)
{
    char line[LINE_MAX_BYTES];
    struct buf out = {.data = line, .capacity = sizeof line, .limit = sizeof line};
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    put_directive(&json, function->prefix ? function->prefix : "lambda-c");
    put_values(&json, function, access);
    json_close(&json);
    buf_add_byte(&out, '\n');
    ssize_t written = write(STDOUT_FILENO, out.data, out.length);
    (void)written; /* nobody reads the metrics then */
}
