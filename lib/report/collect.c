#include "lib/report/report_internal.h"

static enum status put_parts(struct collecting *at, struct error *error)
{
    static enum status (*const parts[])(struct collecting *, struct error *) = {
        report_put_releases, report_put_edges, report_put_demand, report_put_tokens, report_put_decisions,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        TRY(parts[i](at, error));
        arena_reset(at->io.arena);
    }
    return STATUS_OK;
}

enum status report_collect(const struct report_question *question, struct str *json, struct error *error)
{
    struct buf out = buf_in(question->io.arena, REPORT_JSON_LIMIT);
    struct collecting at = {.question = question, .io = question->io, .json = json_writer(&out)};
    TRY(registry_load(question->store, question->io, &at.registry, error));
    TRY(report_load_packages(&at, error));
    at.io.arena = arena_new();
    json_open_object(&at.json, NULL);
    json_put_text(&at.json, "made", clock_format_time(question->io.arena, question->now));
    enum status status = put_parts(&at, error);
    arena_free(at.io.arena);
    TRY(status);
    json_close(&at.json);
    buf_add_byte(&out, '\n');
    ENSURE(!out.overflow, error, STATUS_TOO_LARGE, "the report has more than %d bytes, or text in it that is not UTF-8", REPORT_JSON_LIMIT);
    *json = buf_str(&out);
    return STATUS_OK;
}
