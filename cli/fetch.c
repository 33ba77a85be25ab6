#include "cli/fetch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/json.h"
#include "cli/client.h"
#include "lib/transfer/download.h"

enum { RETRY_WAIT = 60 * CLOCK_SECOND, REPORT_LIMIT = 64 << 10 };

static struct str resource, admission_url, output, client_id, ip, mask, site, lan;
static bool json, poll;

static const struct command_option options[] = {
    {"resource", 'r', OPTION_TEXT, &resource, "RESOURCE", "what to fetch", .required = true},
    {"admission", 'a', OPTION_TEXT, &admission_url, "URL", "the server's admission, such as https://packages.example/admission",
     .required = true},
    {"output", 'o', OPTION_TEXT, &output, "FILE", "where it goes", .required = true},
    {"client", 'c', OPTION_TEXT, &client_id, "ID", "id of this device (default made from /etc/machine-id)"},
    {"poll", 0, OPTION_FLAG, &poll, NULL, "ask the function at each interval; by default it decides from the published profile"},
    CLIENT_OPTIONS,
    {"ip", 0, OPTION_TEXT, &ip, "ADDRESS", "address of this device in its LAN, to find the LAN's edge"},
    {"mask", 0, OPTION_TEXT, &mask, "MASK", "the LAN's mask: 255.255.255.0 or 24"},
    {"site", 0, OPTION_TEXT, &site, "SITE", "the LAN's site"},
    {"lan", 0, OPTION_TEXT, &lan, "CODE", "code of a registered LAN, instead of address and mask"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print what was done as JSON"},
};
static const struct command command = {
    .name = "fetch",
    .arguments = "",
    .summary =
        "Downloads a resource ahead of its deadline: decides when, waits, resumes, pauses, verifies. Run it again after a crash, and "
        "it goes on.",
    .example = "pakhus fetch --resource game-2.0 --admission https://packages.example/admission -o game.apk",
    COMMAND_OPTIONS(options),
};

struct fetch {
    struct arena *arena;
    struct asker asker;
    enum admission_level level; /* whose addresses are used */
    bool moved;                 /* another level's turn has come */
};

/* --- waiting */

static void tell(struct arena *arena, const char *what, const struct admission_told *told, const struct asker *asker, int64_t until)
{
    fprintf(stderr, "%s: probability %.1f %%, threshold %.1f %%; %s " STR_FMT "\n", what, told->probability * 100, told->threshold * 100,
            told->start_at != ADMISSION_NEVER ? "starts at"
            : asker->profile                  ? "deciding again at"
                                              : "asking again at",
            STR_ARG(clock_format_time(arena, until)));
}

/* A client that was given a moment and gets no answer then may start all the same: the moment is its own. */
static enum status wait_for_admission(struct fetch *fetch, struct admission_told *told, struct error *error)
{
    while (!told->admit) {
        struct admission_told next;
        int64_t until = told->start_at != ADMISSION_NEVER ? told->start_at : fetch->asker.ask_at;
        tell(fetch->arena, "not yet", told, &fetch->asker, until);
        fetch_sleep_until(until);
        enum status status = asker_ask_patiently(&fetch->asker, &next, error);
        if (status == STATUS_OK)
            *told = next;
        else if (told->start_at == ADMISSION_NEVER || told->addresses.count == 0)
            return status;
        else
            told->admit = true;
    }
    return STATUS_OK;
}

/* Without a digest, bytes of several sources must not be mixed: then the addresses stay those of the first level. */
static bool has_moved(const struct fetch *fetch, const struct download *download, const struct admission_told *told)
{
    return told->level != fetch->level && download->sha256.length > 0;
}

/* Between ranges: decides when it is time; pauses where it is no longer admitted (A6), but not where its moment has come (A8, A9). An
 * admission that does not answer changes nothing. */
static enum status gate(void *context, struct download *download, struct error *error)
{
    struct fetch *fetch = context;
    bool paused = false;
    while (clock_now() >= fetch->asker.ask_at || paused) {
        struct admission_told told;
        struct arena *arena = arena_new();
        fetch_sleep_until(paused ? fetch->asker.ask_at : 0);
        if (asker_ask(&fetch->asker, arena, &told, error) == STATUS_OK) {
            bool pause = !told.admit && told.start_at == ADMISSION_NEVER;
            if (pause) tell(arena, "paused", &told, &fetch->asker, fetch->asker.ask_at);
            if (paused && !pause) fprintf(stderr, "resumed\n");
            paused = pause;
            download->speed = told.speed_limit;
            fetch->moved = has_moved(fetch, download, &told);
        } else {
            fprintf(stderr, "%s; going on as before\n", error->text);
            fetch->asker.ask_at = clock_now() + RETRY_WAIT;
        }
        arena_free(arena);
    }
    ENSURE(!fetch->moved, error, STATUS_WOULD_BLOCK, "the level has changed");
    return STATUS_OK;
}

/* --- downloading */

static struct str lan_parameters(struct arena *arena)
{
    const struct {
        const char *name;
        struct str value;
    } given[] = {{"ip", ip}, {"mask", mask}, {"site", site}, {"lan", lan}};
    struct str out = S("");
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value.data)
            out = arena_printf(arena, STR_FMT "&%s=" STR_FMT, STR_ARG(out), given[i].name,
                               STR_ARG(percent_encode(arena, given[i].value, false)));
    return out;
}

/* Without its query: that may hold a signature. */
static struct str shown(struct str url)
{
    return str_cut(&url, '?');
}

static void report(const struct download *download, const struct admission_address *from, const char *what)
{
    struct arena *arena = arena_new();
    struct buf out = buf_in(arena, REPORT_LIMIT);
    struct json_writer writer = json_writer(&out);
    json_open_object(&writer, NULL);
    json_put_text(&writer, "resource", resource);
    json_put_number(&writer, "size", download->size);
    json_put_number(&writer, "fetched", download->fetched);
    json_put_bool(&writer, "verified", download->sha256.length > 0);
    if (from) json_put_word(&writer, "level", admission_level_name(from->level));
    if (from) json_put_text(&writer, "url", shown(from->url));
    json_close(&writer);
    if (json) printf(STR_FMT "\n", STR_ARG(buf_str(&out)));
    fprintf(stderr, STR_FMT ": %s, %" PRIu64 " bytes loaded now%s\n", STR_ARG(output), what, download->fetched,
            download->sha256.length > 0 ? ", SHA-256 verified" : "");
    if (from)
        fprintf(stderr, "the last bytes came from " STR_FMT " (level %s)\n", STR_ARG(shown(from->url)), admission_level_name(from->level));
    arena_free(arena);
}

/* With the addresses of one level, until it is complete or another level's turn has come. */
static enum status download_at_level(struct fetch *fetch, struct arena *arena, const struct admission_told *told, struct download *download,
                                     struct error *error)
{
    struct admission_addresses addresses;
    fetch_resolve(&fetch->asker, arena, told, lan_parameters(arena), &addresses);
    struct str *urls = arena_array(arena, addresses.count, sizeof *urls);
    for (size_t i = 0; i < addresses.count; i++) urls[i] = addresses.items[i].url;
    fetch->level = told->level;
    fetch->moved = false;
    download->urls = urls;
    download->url_count = addresses.count;
    download->speed = told->speed_limit;
    const struct io io = {.arena = arena, .deadline = deadline_in(INT64_C(366) * CLOCK_DAY)};
    TRY(download_to_file(io, fetch->asker.web, output.data, download, error));
    report(download, download->url_count > 0 ? &addresses.items[download->source] : NULL, "complete");
    return STATUS_OK;
}

static enum status download_all(struct fetch *fetch, struct admission_told *told, struct download *download, struct error *error)
{
    for (;;) {
        struct arena *arena = arena_new();
        enum status status = download_at_level(fetch, arena, told, download, error);
        arena_free(arena);
        if (status == STATUS_OK || !fetch->moved) return status;
        TRY(asker_ask_patiently(&fetch->asker, told, error));
        fprintf(stderr, "level %s\n", admission_level_name(told->level));
        TRY(wait_for_admission(fetch, told, error));
    }
}

/* --- the command */

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct fetch fetch = {.arena = arena};
    struct admission_told told;
    struct progress progress = progress_start("fetch", 0);
    (void)words;
    (void)count;
    const struct asker_options asked = {.resource = resource, .url = admission_url, .client_id = client_id, .poll = poll};
    TRY(asker_open(arena, web_new(arena), &asked, &fetch.asker, error));
    TRY(asker_ask_patiently(&fetch.asker, &told, error));
    struct download download = {.size = told.size, .sha256 = told.sha256, .progress = &progress, .gate = gate, .context = &fetch};
    if (download_is_done(arena, output.data, told.sha256)) return report(&download, NULL, "is there already"), STATUS_OK;
    TRY(wait_for_admission(&fetch, &told, error));
    download.size = told.size;
    download.sha256 = told.sha256;
    progress.started = clock_monotonic();
    enum status status = download_all(&fetch, &told, &download, error);
    progress_end(&progress);
    return status;
}

int cmd_fetch(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
