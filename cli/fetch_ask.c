#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#include "base/encode.h"
#include "base/url.h"
#include "cli/client.h"
#include "cli/fetch.h"
#include "lib/admission/public.h"
#include "lib/config/config.h"

enum { ANSWER_LIMIT = 1 << 20, ASK_TIMEOUT = 20 * CLOCK_SECOND, ASK_TRIES = 5, NAP = 60 * CLOCK_SECOND };

/* --- time */

static void sleep_ms(int64_t milliseconds)
{
    struct timespec span = {milliseconds / CLOCK_SECOND, milliseconds % CLOCK_SECOND * 1000000};
    if (milliseconds > 0) nanosleep(&span, NULL);
}

void fetch_sleep_until(int64_t moment)
{
    for (int64_t left; (left = moment - clock_now()) > 0;) sleep_ms(left < NAP ? left : NAP);
}

static bool may_pass(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_THROTTLED;
}

/* --- who asks */

static enum status machine_id(struct arena *arena, struct str *id, struct error *error)
{
    struct str text;
    if (command_read(arena, "/etc/machine-id", 4096, &text, error) != STATUS_OK || str_trim(text).length == 0)
        return error_set(error, STATUS_INVALID, "there is no /etc/machine-id to make a client id from; give --client ID");
    text = arena_printf(arena, "pakhus fetch\n" STR_FMT, STR_ARG(str_trim(text)));
    unsigned char digest[SHA256_DIGEST_LENGTH]; /* the machine's own id is nobody's business */
    SHA256((const unsigned char *)text.data, text.length, digest);
    *id = hex_encode(arena, str_make(digest, 16));
    return STATUS_OK;
}

/* The device's own at a moment, for profiles that go by it. It stays the same for the whole run, so that a start time stays. */
static void set_timezone(struct arena *arena, int64_t moment)
{
    struct tm local;
    time_t seconds = (time_t)(moment / CLOCK_SECOND);
    if (!client_texts[ADMISSION_TIMEZONE].data && localtime_r(&seconds, &local))
        client_texts[ADMISSION_TIMEZONE] = clock_format_zone(arena, local.tm_gmtoff / 60 * (int64_t)CLOCK_MINUTE);
}

/* --- URLs */

/* `more` is put behind the path of GET /admission: "" or "/profile". Ends so that parameters can follow. */
static struct str route_url(struct arena *arena, struct str text, const struct url *url, const char *more)
{
    struct str rest = text, base = str_cut(&rest, '?');
    bool bare = url->path.length == 0 || str_equal(url->path, S("/"));
    if (bare && str_ends(base, S("/"))) base.length--;
    return arena_printf(arena, STR_FMT "%s%s?" STR_FMT "%s", STR_ARG(base), bare ? "/admission" : "", more, STR_ARG(rest),
                        rest.length > 0 ? "&" : "");
}

static void make_question(struct asker *asker, struct str base)
{
    struct arena *arena = asker->arena;
    struct str out = arena_printf(arena, STR_FMT "resource=" STR_FMT "&client=" STR_FMT, STR_ARG(base), STR_ARG(asker->resource),
                                  STR_ARG(percent_encode(arena, asker->client_id, false)));
    for (enum admission_field field = 0; field < ADMISSION_FIELD_COUNT; field++)
        if (client_texts[field].data)
            out = arena_printf(arena, STR_FMT "&%s=" STR_FMT, STR_ARG(out), admission_field_names[field],
                               STR_ARG(percent_encode(arena, client_texts[field], false)));
    asker->question = out;
}

/* --- deciding from the profile */

static enum status get_profile(struct asker *asker, struct str url, struct error *error)
{
    struct str text;
    struct admission_profile *profile = arena_new_of(asker->arena, struct admission_profile);
    for (int try = 0;; try++) {
        const struct io io = {.arena = asker->arena, .deadline = deadline_in(ASK_TIMEOUT)};
        enum status status = web_get_text(asker->web, io, url, ANSWER_LIMIT, &text, error);
        if (status == STATUS_OK) break;
        if (!may_pass(status) || try + 1 == ASK_TRIES) return error_context(error, "profile"), status;
        sleep_ms((int64_t)CLOCK_SECOND << try);
    }
    TRY(admission_public_parse(asker->arena, text, profile, error));
    set_timezone(asker->arena, profile->release);
    TRY(client_read(asker->arena, asker->client_id, &asker->client, error));
    if (asker->client.asked_since == ADMISSION_NEVER) asker->client.asked_since = clock_now();
    asker->profile = profile;
    return STATUS_OK;
}

/* A server that has no such route, or a newer form of profile, still answers questions. */
static bool is_without_profile(enum status status)
{
    return status == STATUS_NOT_FOUND || status == STATUS_DENIED || status == STATUS_UNSUPPORTED;
}

static void decide(struct asker *asker, struct arena *arena, struct admission_told *told)
{
    struct admission_answer answer;
    admission_decide(asker->profile, &asker->client, clock_now(), admission_fresh(), &answer);
    admission_told_of(arena, asker->profile, &answer, told);
}

/* --- asking the function */

static enum status ask_function(struct asker *asker, struct arena *arena, struct admission_told *told, struct error *error)
{
    struct str text, question = asker->question;
    const struct io io = {.arena = arena, .deadline = deadline_in(ASK_TIMEOUT)};
    if (asker->asked_since != ADMISSION_NEVER)
        question = arena_printf(arena, STR_FMT "&asked-since=" STR_FMT, STR_ARG(question),
                                STR_ARG(percent_encode(arena, clock_format_time(arena, asker->asked_since), false)));
    enum status status = web_get_text(asker->web, io, question, ANSWER_LIMIT, &text, error);
    if (status == STATUS_OK) status = admission_told_parse(arena, text, told, error);
    if (status != STATUS_OK) return error_context(error, "admission"), status;
    if (!client_texts[ADMISSION_ASKED_SINCE].data) asker->asked_since = told->asked_since;
    return STATUS_OK;
}

enum status asker_open(struct arena *arena, struct web *web, const struct asker_options *options, struct asker *asker, struct error *error)
{
    struct url url;
    struct str resource = options->resource, text = options->url;
    *asker =
        (struct asker){.arena = arena, .web = web, .resource = resource, .client_id = options->client_id, .asked_since = ADMISSION_NEVER};
    ENSURE(str_is_id(resource), error, STATUS_INVALID, "--resource must be 1 to 128 letters, digits, '.', '_' or '-'");
    if (url_parse(text, &url, error) != STATUS_OK) return error_context(error, "--admission");
    ENSURE(url_is_web(&url), error, STATUS_INVALID, "--admission must be an http or https URL");
    if (options->client_id.length == 0) TRY(machine_id(arena, &asker->client_id, error));
    TRY(client_read(arena, asker->client_id, &asker->client, error));
    struct str base = route_url(arena, text, &url, "/profile");
    enum status status =
        options->poll ? STATUS_NOT_FOUND
                      : get_profile(asker, arena_printf(arena, STR_FMT "resource=" STR_FMT, STR_ARG(base), STR_ARG(resource)), error);
    if (!is_without_profile(status)) return status;
    set_timezone(arena, clock_now());
    make_question(asker, route_url(arena, text, &url, ""));
    return STATUS_OK;
}

enum status asker_ask(struct asker *asker, struct arena *arena, struct admission_told *told, struct error *error)
{
    if (asker->profile)
        decide(asker, arena, told);
    else
        TRY(ask_function(asker, arena, told, error));
    asker->ask_at = clock_now() + told->retry_after * CLOCK_SECOND;
    return STATUS_OK;
}

enum status asker_ask_patiently(struct asker *asker, struct admission_told *told, struct error *error)
{
    for (int try = 0;; try++) {
        enum status status = asker_ask(asker, asker->arena, told, error);
        if (!may_pass(status) || try + 1 == ASK_TRIES) return status;
        sleep_ms((int64_t)CLOCK_SECOND << try);
    }
}

/* --- the edge of the device's LAN */

/* STATUS_NOT_FOUND where no edge has it: the query then names the origin. */
static enum status find_edge(struct asker *asker, struct arena *arena, struct str query, struct str lan, struct str *found,
                             struct error *error)
{
    struct str text, source = {0};
    struct config config;
    struct url url;
    const struct io io = {.arena = arena, .deadline = deadline_in(ASK_TIMEOUT)};
    TRY(web_get_text(asker->web, io, arena_printf(arena, STR_FMT STR_FMT, STR_ARG(query), STR_ARG(lan)), ANSWER_LIMIT, &text, error));
    TRY(config_open(arena, text, "query", &config, error));
    TRY(config_text(&config, "source", CONFIG_REQUIRED, &source, error));
    TRY(config_text(&config, "url", CONFIG_REQUIRED, found, error));
    ENSURE(!str_equal(source, S("origin")), error, STATUS_NOT_FOUND, "no edge of this LAN has the package");
    ENSURE(url_parse(*found, &url, error) == STATUS_OK && url_is_web(&url), error, STATUS_INVALID, "the query names no http or https URL");
    return STATUS_OK;
}

void fetch_resolve(struct asker *asker, struct arena *arena, const struct admission_told *told, struct str lan,
                   struct admission_addresses *out)
{
    struct error error;
    *out = (struct admission_addresses){arena_array(arena, told->addresses.count, sizeof *out->items), 0};
    for (size_t i = 0; i < told->addresses.count; i++) {
        struct admission_address address = told->addresses.items[i];
        bool edge = admission_is_edge(address.url);
        if (!edge || find_edge(asker, arena, told->query, lan, &address.url, &error) == STATUS_OK)
            out->items[out->count++] = address;
        else
            fprintf(stderr, "edge: %s; trying the next address\n", error.text);
    }
}
