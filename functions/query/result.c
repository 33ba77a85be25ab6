/* POST /query/result: what became of a query. Statistics, and believed as such (lib/demand/samples.h). */
#include "functions/common/respond.h"
#include "functions/query/query.h"
#include "lib/config/config.h"
#include "lib/edges/name.h"

struct result {
    struct str query, package;
    int source;
};

/* {"query":"8f3a6c0d51e2b794-47","source":"edge","package":"APP1/2.0"}: the id is the answer's header Pakhus-Query; where the download came
 * from; and which package it was, where that is another than was answered. */
static enum status read_result(struct arena *arena, struct str body, struct result *result, struct error *error)
{
    static const char *const sources[] = {"edge", "nearby", "origin", "other", NULL}; /* by enum sample_source */
    struct config config;
    struct package_name name;
    *result = (struct result){.source = SAMPLE_OTHER};
    TRY(config_open(arena, body, "result", &config, error));
    TRY(config_id(&config, "query", CONFIG_REQUIRED, &result->query, error));
    TRY(config_choice(&config, "source", CONFIG_REQUIRED, sources, &result->source, error));
    TRY(config_text(&config, "package", CONFIG_OPTIONAL, &result->package, error));
    TRY(config_end(&config, error));
    if (result->query.length > SAMPLE_ID_LONGEST) return config_refuse(&config, "query", error, "is no id that was given out");
    if (result->package.length > 0 && package_name_parse(result->package, &name, error) != STATUS_OK)
        return error_context(error, "result.package");
    return STATUS_OK;
}

enum status query_result(struct query *query, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct result result;
    struct error error;
    if (read_result(call->arena, request->body, &result, &error) != STATUS_OK) return respond_error(call, response, &error);
    samples_result(query->samples, result.query, clock_now(), (enum sample_source)result.source, result.package);
    response->status = 204;
    return STATUS_OK;
}
