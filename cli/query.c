/* pakhus query: asks as a device asks GET /query, through the same handler, in this process. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/encode.h"
#include "cli/served.h"
#include "cli/stored.h"
#include "functions/query/handler.h"

enum { TARGET_LIMIT = 65536 };

static struct str store_url, app, version, from, formats, channel, from_channel, ip, mask, site, lan, region, device, caller, public_url;
static int64_t now = INT64_MIN;
static bool json, alert;
static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"app", 'a', OPTION_TEXT, &app, "APP", "which app", .required = true},
    {"version", 0, OPTION_TEXT, &version, "VERSION", "which version (default the current one)"},
    {"from", 0, OPTION_TEXT, &from, "VERSION", "the version that the device has; the answer may then be a patch"},
    {"patch", 0, OPTION_TEXT, &formats, "FORMATS", "the formats of patches that the device applies: 1 or 1,2 (default 1)"},
    {"channel", 0, OPTION_TEXT, &channel, "CHANNEL", "the channel that the device shall have"},
    {"from-channel", 0, OPTION_TEXT, &from_channel, "CHANNEL", "the channel of the installed package"},
    {"ip", 0, OPTION_TEXT, &ip, "ADDRESS", "of the device in its LAN"},
    {"mask", 0, OPTION_TEXT, &mask, "MASK", "such as 255.255.255.0, or a prefix length"},
    {"site", 0, OPTION_TEXT, &site, "SITE", "tells LANs with equal addresses apart"},
    {"lan", 0, OPTION_TEXT, &lan, "CODE", "of a registered LAN, instead of address and mask"},
    {"region", 0, OPTION_TEXT, &region, "REGION", "where a LAN is that nobody registered"},
    {"caller", 0, OPTION_TEXT, &caller, "ADDRESS", "the public address that the query comes from (default none)"},
    {"device", 0, OPTION_TEXT, &device, "ID", "id of the device; decides whether it gets a staged version"},
    {"public-url", 0, OPTION_TEXT, &public_url, "URL", "where devices reach the server; or PAKHUS_PUBLIC_URL (default PAKHUS_LISTEN)"},
    {"alert", 0, OPTION_FLAG, &alert, NULL,
     "report whether an edge is missing: the LAN has none, and its misses pass the policy's place threshold"},
    {"now", 0, OPTION_TIME, &now, "TIME", "ask as if it were then"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print the answer as the function gives it"},
};
static const struct command command = {
    .name = "query",
    .arguments = "",
    .summary = "Asks where a device gets a package, and counts that it was asked. Prints address, tab, source, tab, package, tab, size.",
    .example = "pakhus query --store s3://packages --app GAME --from 1.0 --ip 192.168.0.7 --mask 255.255.255.0",
    COMMAND_OPTIONS(options),
};

static struct str make_query(struct arena *arena)
{
    const struct {
        const char *name;
        struct str value;
    } arguments[] = {{"app", app},
                     {"version", version},
                     {"from", from},
                     {"patch", formats},
                     {"channel", channel},
                     {"ip", ip},
                     {"mask", mask},
                     {"site", site},
                     {"lan", lan},
                     {"region", region},
                     {"device", device},
                     {"alert", alert ? S("1") : (struct str){NULL, 0}},
                     {"from_channel", from_channel}};
    struct buf out = buf_in(arena, TARGET_LIMIT);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
        if (arguments[i].value.data)
            buf_printf(&out, "%s%s=" STR_FMT, i ? "&" : "", arguments[i].name, STR_ARG(percent_encode(arena, arguments[i].value, false)));
    return buf_str(&out);
}

static enum status ask(struct arena *arena, void *state, struct lc_response *response, struct error *error)
{
    struct lc_call call = {.arena = arena, .deadline = deadline_in(CLOCK_MINUTE), .body_limit = UINT64_MAX};
    struct lc_request request = {.method = S("GET"), .path = S("/query"), .query = make_query(arena), .client_address = caller};
    lc_header_add(arena, &request.headers, S("Host"), served_at(arena));
    enum status status = query_function.http(state, &call, &request, response);
    query_function.stop(state);
    return status == STATUS_OK ? status : error_set(error, status, "the question can't be answered: %s", status_name(status));
}

static const char *text(const json_t *answer, const char *name)
{
    const char *value = json_string_value(json_object_get(answer, name));
    return value ? value : "";
}

static void print_alert(const json_t *answer)
{
    const json_t *found = json_object_get(answer, "alert");
    if (json_is_object(found))
        fprintf(stderr, "an edge is missing: the LAN %s has none, and missed this package %lld times; the place threshold is %lld\n",
                text(found, "lan"), (long long)json_integer_value(json_object_get(found, "misses")),
                (long long)json_integer_value(json_object_get(found, "threshold")));
}

static enum status print_answer(const struct lc_response *response, struct error *error)
{
    json_t *answer = json_loadb(response->body.data ? response->body.data : "", response->body.length, 0, NULL);
    bool good = response->status == 0 || response->status == 200;
    if (good && json)
        fwrite(response->body.data, 1, response->body.length, stdout);
    else if (good)
        printf("%s\t%s\t%s\t%lld\n", text(answer, "address"), text(answer, "source"), text(answer, "package"),
               (long long)json_integer_value(json_object_get(answer, "size")));
    else if (response->status == 204)
        fprintf(stderr, "the device has what it asks for\n");
    else
        error_set(error, STATUS_INVALID, "%s", text(answer, "detail"));
    if (good) print_alert(answer);
    json_decref(answer);
    return good || response->status == 204 ? STATUS_OK : STATUS_INVALID;
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct lc_response response = {0};
    void *state;
    (void)words;
    (void)count;
    if (store_url.data) setenv("PAKHUS_STORE", store_url.data, 1);
    if (public_url.data) setting_give(SETTING_PUBLIC_URL, public_url);
    if (now != INT64_MIN) clock_set_now(now);
    TRY(query_function.init(&state, error));
    TRY(ask(arena, state, &response, error));
    return print_answer(&response, error);
}

int cmd_query(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
