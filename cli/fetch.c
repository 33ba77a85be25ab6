#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#include "base/encode.h"
#include "base/url.h"
#include "cli/client.h"
#include "lib/admission/answer.h"
#include "lib/transfer/download.h"

enum { ANSWER_LIMIT = 1 << 20, ASK_TIMEOUT = 20 * CLOCK_SECOND, ASK_TRIES = 5, NAP = 60 * CLOCK_SECOND };

static struct str resource, admission_url, output, client;
static bool json;

static const struct command_option options[] = {
    {"resource", 'r', OPTION_TEXT, &resource, "RESOURCE", "what to fetch", .required = true},
    {"admission", 'a', OPTION_TEXT, &admission_url, "URL", "who says when, such as https://packages.example/admission", .required = true},
    {"output", 'o', OPTION_TEXT, &output, "FILE", "where it goes", .required = true},
    {"client", 'c', OPTION_TEXT, &client, "ID", "this device; made from /etc/machine-id unless said"},
    CLIENT_OPTIONS,
    {"json", 0, OPTION_FLAG, &json, NULL, "print what was done as JSON"},
};
static const struct command command = {
    .name = "fetch",
    .arguments = "",
    .summary = "Downloads a resource ahead of its deadline: asks when, waits, resumes, pauses, verifies. Run it again after a crash, and "
               "it goes on.",
    .example = "pakhus fetch --resource game-2.0 --admission https://packages.example/admission -o game.apk",
    COMMAND_OPTIONS(options),
};

struct fetch {
    struct arena *arena;
    struct web *web;
    struct str question; /* the whole URL */
    int64_t ask_at;      /* when to ask again */
    int64_t asked_since; /* as the first answer of this session gave it; ADMISSION_NEVER: not */
};

/* --- asking */

/* The device's own, where none was given: some profiles go by it. The same for the whole run, so that a start time stays. */
static void set_timezone(struct arena *arena)
{
    struct tm local;
    time_t now = (time_t)(clock_now() / CLOCK_SECOND);
    if (!client_texts[ADMISSION_TIMEZONE].data && localtime_r(&now, &local))
        client_texts[ADMISSION_TIMEZONE] = clock_format_zone(arena, local.tm_gmtoff / 60 * (int64_t)CLOCK_MINUTE);
}

static enum status machine_id(struct arena *arena, struct str *id, struct error *error)
{
    struct str text;
    if (command_read(arena, "/etc/machine-id", 4096, &text, error) != STATUS_OK || str_trim(text).length == 0)
        return error_set(error, STATUS_INVALID, "there is no /etc/machine-id to make a client id from: say --client ID");
    text = arena_printf(arena, "pakhus fetch\n" STR_FMT, STR_ARG(str_trim(text)));
    unsigned char digest[SHA256_DIGEST_LENGTH]; /* the machine's own id is nobody's business */
    SHA256((const unsigned char *)text.data, text.length, digest);
    *id = hex_encode(arena, str_make(digest, 16));
    return STATUS_OK;
}

static enum status make_question(struct arena *arena, struct str *question, struct error *error)
{
    struct url url;
    struct str id = client;
    ENSURE(str_is_id(resource), error, STATUS_INVALID, "--resource must be 1 to 128 letters, digits, '.', '_' or '-'");
    if (url_parse(admission_url, &url, error) != STATUS_OK) return error_context(error, "--admission");
    ENSURE(url_is_web(&url), error, STATUS_INVALID, "--admission must be an http or https URL");
    if (id.length == 0) TRY(machine_id(arena, &id, error));
    bool bare = url.path.length == 0 || str_equal(url.path, S("/"));
    struct str base = url.has_query
                          ? admission_url
                          : arena_printf(arena, STR_FMT "%s?",
                                         STR_ARG(bare ? str_first(admission_url, admission_url.length - url.path.length) : admission_url),
                                         bare ? "/admission" : "");
    struct str out = arena_printf(arena, STR_FMT "%sresource=" STR_FMT "&client=" STR_FMT, STR_ARG(base), url.has_query ? "&" : "",
                                  STR_ARG(resource), STR_ARG(percent_encode(arena, id, false)));
    for (enum admission_field field = 0; field < ADMISSION_FIELD_COUNT; field++)
        if (client_texts[field].data)
            out = arena_printf(arena, STR_FMT "&%s=" STR_FMT, STR_ARG(out), admission_field_names[field],
                               STR_ARG(percent_encode(arena, client_texts[field], false)));
    *question = out;
    return STATUS_OK;
}

static enum status ask(struct fetch *fetch, struct arena *arena, struct admission_told *told, struct error *error)
{
    struct str text;
    const struct io io = {.arena = arena, .deadline = deadline_in(ASK_TIMEOUT)};
    struct str question = fetch->question;
    if (fetch->asked_since != ADMISSION_NEVER)
        question = arena_printf(arena, STR_FMT "&asked-since=" STR_FMT, STR_ARG(question),
                                STR_ARG(percent_encode(arena, clock_format_time(arena, fetch->asked_since), false)));
    enum status status = web_get_text(fetch->web, io, question, ANSWER_LIMIT, &text, error);
    if (status == STATUS_OK) status = admission_told_parse(arena, text, told, error);
    if (status != STATUS_OK) return error_context(error, "admission"), status;
    fetch->ask_at = clock_now() + told->retry_after * CLOCK_SECOND;
    if (!client_texts[ADMISSION_ASKED_SINCE].data) fetch->asked_since = told->asked_since;
    return STATUS_OK;
}

static void sleep_ms(int64_t milliseconds)
{
    struct timespec span = {milliseconds / CLOCK_SECOND, milliseconds % CLOCK_SECOND * 1000000};
    if (milliseconds > 0) nanosleep(&span, NULL);
}

/* By the wall clock and in naps: a device that slept in between is in time. */
static void sleep_until(int64_t moment)
{
    for (int64_t left; (left = moment - clock_now()) > 0;) sleep_ms(left < NAP ? left : NAP);
}

static enum status ask_patiently(struct fetch *fetch, struct admission_told *told, struct error *error)
{
    for (int try = 0;; try++) {
        enum status status = ask(fetch, fetch->arena, told, error);
        bool passing = status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_THROTTLED;
        if (!passing || try + 1 == ASK_TRIES) return status;
        sleep_ms((int64_t)CLOCK_SECOND << try);
    }
}

/* --- waiting */

static void tell(struct arena *arena, const char *what, const struct admission_told *told, int64_t until)
{
    fprintf(stderr, "%s: probability %.1f %%, threshold %.1f %%; %s " STR_FMT "\n", what, told->probability * 100, told->threshold * 100,
            told->start_at == ADMISSION_NEVER ? "asking again at" : "starts at", STR_ARG(clock_format_time(arena, until)));
}

/* Who was told a moment and cannot ask then may start all the same: it is his. */
static enum status wait_for_admission(struct fetch *fetch, struct admission_told *told, struct error *error)
{
    while (!told->admit) {
        struct admission_told next;
        int64_t until = told->start_at != ADMISSION_NEVER ? told->start_at : fetch->ask_at;
        tell(fetch->arena, "not yet", told, until);
        sleep_until(until);
        enum status status = ask_patiently(fetch, &next, error);
        if (status == STATUS_OK)
            *told = next;
        else if (told->start_at == ADMISSION_NEVER || told->url_count == 0)
            return status;
        else
            told->admit = true;
    }
    return STATUS_OK;
}

/* Between ranges: asks when it is time; pauses where it is no longer admitted (A6), but not where its moment has come (A8, A9). An
 * admission that does not answer changes nothing. */
static enum status gate(void *context, struct download *download, struct error *error)
{
    struct fetch *fetch = context;
    bool paused = false;
    while (clock_now() >= fetch->ask_at || paused) {
        struct admission_told told;
        struct arena *arena = arena_new();
        sleep_until(paused ? fetch->ask_at : 0);
        if (ask(fetch, arena, &told, error) == STATUS_OK) {
            bool pause = !told.admit && told.start_at == ADMISSION_NEVER;
            if (pause) tell(arena, "paused", &told, fetch->ask_at);
            if (paused && !pause) fprintf(stderr, "resumed\n");
            paused = pause;
            download->speed = told.speed_limit;
        } else {
            fprintf(stderr, "%s; going on as before\n", error->text);
            fetch->ask_at = clock_now() + NAP;
        }
        arena_free(arena);
    }
    return STATUS_OK;
}

/* --- the command */

static void report(struct arena *arena, const struct download *download, const char *what)
{
    bool verified = download->sha256.length > 0;
    if (json) {
        struct json_writer line = command_json(arena);
        json_open_object(&line, NULL);
        json_put_text(&line, "resource", resource);
        json_put_number(&line, "size", download->size);
        json_put_number(&line, "fetched", download->fetched);
        json_put_bool(&line, "verified", verified);
        json_close(&line);
        command_print(&line);
    }
    fprintf(stderr, STR_FMT ": %s, %" PRIu64 " bytes loaded now%s\n", STR_ARG(output), what, download->fetched,
            verified ? ", SHA-256 verified" : "");
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct fetch fetch = {.arena = arena, .web = web_new(arena), .asked_since = ADMISSION_NEVER};
    struct admission_told told;
    struct progress progress = progress_start("fetch", 0);
    (void)words;
    (void)count;
    set_timezone(arena);
    TRY(make_question(arena, &fetch.question, error));
    TRY(ask_patiently(&fetch, &told, error));
    struct download download = {.size = told.size, .sha256 = told.sha256, .progress = &progress, .gate = gate, .context = &fetch};
    if (download_is_done(arena, output.data, told.sha256)) return report(arena, &download, "is there already"), STATUS_OK;
    TRY(wait_for_admission(&fetch, &told, error));
    download.urls = told.urls;
    download.url_count = told.url_count;
    download.speed = told.speed_limit;
    download.size = told.size;
    download.sha256 = told.sha256;
    progress.started = clock_monotonic();
    enum status status = download_to_file((struct io){.arena = arena, .deadline = deadline_in(INT64_C(366) * CLOCK_DAY)}, fetch.web,
                                          output.data, &download, error);
    progress_end(&progress);
    if (status == STATUS_OK) report(arena, &download, "complete");
    return status;
}

int cmd_fetch(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
