/* pakhus demo: a folder with a store, packages, channels, edges and a week of demand, and a server on it. */
#include "cli/demo.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/embed.h"
#include "cli/output.h"
#include "cli/served.h"
#include "cli/stored.h"

EMBED(demo_apk, "demo/demo.apk");

#define MARK    "demo/state" /* the folder is a demo: "filling 2026-11-24T10:00:00Z" or "ready …", when its week began */
#define FILLING "filling "
#define READY   "ready "
enum { MARK_LIMIT = 64, WORDS = 10 };

static struct str listen_at;
static bool is_filled; /* what is left is to serve it */
static const struct command_option options[] = {
    {"listen", 'l', OPTION_TEXT, &listen_at, "HOST:PORT", "where a port is opened", .otherwise = LC_LISTEN_DEFAULT},
};
static const struct command command = {
    .name = "demo",
    .arguments = "[FOLDER]",
    .summary =
        "Fills a folder (pakhus-demo) with packages, channels, edges and a week of demand, and serves it; a second start only serves.",
    .example = "pakhus demo /tmp/pakhus-demo --listen 127.0.0.1:8090",
    .most = 1,
    COMMAND_OPTIONS(options),
};

struct demo {
    struct arena *arena;
    struct str folder, store; /* a whole path; its URL: the folder is the store, and its folder "demo" has the rest */
    const char *address;      /* where the server is reached from this machine */
    int64_t begin;            /* of the week */
    bool is_ready;
};

static struct str path_in(const struct demo *demo, const char *name)
{
    return arena_printf(demo->arena, STR_FMT "/%s", STR_ARG(demo->folder), name);
}

/* --- the folder */

static enum status make_folder(struct str path, struct error *error)
{
    if (mkdir(path.data, 0777) == 0 || errno == EEXIST) return STATUS_OK;
    return error_errno(error, errno, STR_FMT, STR_ARG(path));
}

static enum status write_file(const struct demo *demo, const char *name, struct str text, struct error *error)
{
    struct output *file;
    TRY(output_open(demo->arena, path_in(demo, name).data, &file, error));
    TRY(output_write(file, text.data, text.length, error));
    return output_commit(file, error);
}

static enum status is_empty(const struct demo *demo, bool *empty, struct error *error)
{
    DIR *folder = opendir(demo->folder.data);
    if (!folder) return error_errno(error, errno, STR_FMT, STR_ARG(demo->folder));
    *empty = true;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) *empty = false;
    closedir(folder);
    return STATUS_OK;
}

static enum status write_mark(const struct demo *demo, struct str state, struct error *error)
{
    struct str begin = clock_format_time(demo->arena, demo->begin);
    return write_file(demo, MARK, arena_join(demo->arena, state, begin, S("\n")), error);
}

static bool parse_mark(struct str mark, struct demo *demo)
{
    struct str line = str_cut(&mark, '\n');
    demo->is_ready = str_starts(line, S(READY));
    if (!demo->is_ready && !str_starts(line, S(FILLING))) return false;
    return clock_parse_time(str_from(line, strlen(demo->is_ready ? READY : FILLING)), &demo->begin);
}

/* Nothing is written into a folder that has other things in it. */
static enum status read_mark(struct demo *demo, struct error *error)
{
    struct str mark;
    bool empty = false;
    struct error unread;
    TRY(is_empty(demo, &empty, error));
    if (empty) {
        demo->begin = clock_now() - clock_now() % CLOCK_HOUR - DEMO_DAYS * (int64_t)CLOCK_DAY;
        TRY(make_folder(path_in(demo, "demo"), error));
        return write_mark(demo, S(FILLING), error);
    }
    bool is_read = command_read(demo->arena, path_in(demo, MARK).data, MARK_LIMIT, &mark, &unread) == STATUS_OK;
    ENSURE(is_read && parse_mark(mark, demo), error, STATUS_INVALID,
           STR_FMT " is not empty and is not a demo; nothing was changed. Give another FOLDER", STR_ARG(demo->folder));
    return STATUS_OK;
}

static enum status open_folder(struct demo *demo, struct str name, struct error *error)
{
    char whole[PATH_MAX];
    TRY(make_folder(name, error));
    if (!realpath(name.data, whole)) return error_errno(error, errno, STR_FMT, STR_ARG(name));
    demo->folder = arena_copy(demo->arena, str_of(whole));
    demo->store = store_url_of_directory(demo->arena, demo->folder);
    return read_mark(demo, error);
}

/* --- steps: each is a process of its own, since commands keep their options, and one of them moves the clock */

typedef int step_fn(const struct demo *, void *context);

static void show(FILE *said)
{
    char block[4096];
    rewind(said);
    for (size_t length; (length = fread(block, 1, sizeof block, said)) > 0;) fwrite(block, 1, length, stderr);
}

/* What a step says is shown only where it fails. */
static enum status run_step(const struct demo *demo, step_fn *step, void *context, const char *name, struct error *error)
{
    FILE *said = tmpfile();
    if (!said) return error_errno(error, errno, "temporary file");
    fprintf(stderr, "  %s\n", name);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(said), STDOUT_FILENO);
        dup2(fileno(said), STDERR_FILENO);
        int code = step(demo, context);
        fflush(NULL);
        _exit(code);
    }
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!done) show(said);
    fclose(said);
    return done ? STATUS_OK : error_set(error, STATUS_INTERNAL, "the demo is not complete: '%s' failed; start again to go on", name);
}

static int run_words(const struct demo *demo, void *context)
{
    static const struct command_entry known[] = {{"publish", cmd_publish, ""}, {"release", cmd_release, ""}, {"channel", cmd_channel, ""},
                                                 {"policy", cmd_policy, ""},   {"edge", cmd_edge, ""},       {"evaluate", cmd_evaluate, ""},
                                                 {"evict", cmd_evict, ""}};
    char **words = context; /* after "pakhus" */
    int count = 1;
    (void)demo;
    while (words[count]) count++;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, words[0]) == 0) return known[i].run(count, words);
    abort(); /* a step of a command that is not in the list: tests/e2e/test_demo.py */
}

/* A command, as a person would type it. */
static enum status run_command(const struct demo *demo, const char *const words[WORDS], struct error *error)
{
    char *copied[WORDS + 1] = {NULL};
    struct str line = S("pakhus");
    for (size_t i = 0; i < WORDS && words[i]; i++) {
        bool quoted = strpbrk(words[i], "{ ") != NULL;
        copied[i] = arena_cstr(demo->arena, str_of(words[i]));
        line = arena_printf(demo->arena, quoted ? STR_FMT " '%s'" : STR_FMT " %s", STR_ARG(line), words[i]);
    }
    return run_step(demo, run_words, copied, line.data, error);
}

/* --- filling */

#define HUAWEI "{\"channel\":\"huawei\",\"campaign\":\"launch\"}"
#define POLICY                                                                                                                             \
    "{\"place\":{\"threshold\":60,\"repeat_threshold\":30,\"m\":2,\"of\":3,\"window\":{\"last\":\"24h\"}},\n"                              \
    " \"evict\":{\"threshold\":10,\"n\":2,\"of\":3,\"window\":{\"last\":\"24h\"}}}\n"

static const struct {
    const char *id, *network, *location;
    unsigned quota; /* bytes: of all six packages, or of three */
} demo_edges[] = {
    {"shop-hangzhou", "10.1.0.0/24", "[30.27,120.16]", 80000},
    {"shop-sao-paulo", "10.2.0.0/24", "[-23.55,-46.63]", 80000},
    {"shop-utrecht", "10.3.0.0/24", "[52.09,5.12]", 45000},
};
enum { EDGES = sizeof demo_edges / sizeof *demo_edges };

/* Each runs `pakhus serve` in its shop; here the demo's own server stands for it. */
static enum status register_edges(const struct demo *demo, struct error *error)
{
    struct str lines = {0};
    for (size_t i = 0; i < EDGES; i++) {
        struct str folder = path_in(demo, arena_printf(demo->arena, "demo/edges/%s", demo_edges[i].id).data);
        TRY(make_folder(folder, error));
        lines = arena_printf(demo->arena,
                             STR_FMT "{\"edge\":\"%s\",\"address\":\"%s\",\"lans\":[\"%s\"],\"location\":%s,\"quota\":%u,"
                                     "\"store\":\"" STR_FMT "\",\"splices\":true}\n",
                             STR_ARG(lines), demo_edges[i].id, demo->address, demo_edges[i].network, demo_edges[i].location,
                             demo_edges[i].quota, STR_ARG(store_url_of_directory(demo->arena, folder)));
    }
    TRY(write_file(demo, "demo/edges.jsonl", lines, error));
    return run_command(demo, (const char *[WORDS]){"edge", "add", "--from", "edges.jsonl"}, error);
}

static enum status publish(const struct demo *demo, struct error *error)
{
    static const char *const others[][WORDS] = {
        {"release", "DEMO", DEMO_VERSION},
        {"channel", "set", "DEMO", "huawei", "--info", HUAWEI, "--formats", "walle,vasdolly"},
        {"channel", "set", "DEMO", "oppo"},
        {"policy", "set", "policy.json"},
    };
    TRY(write_file(demo, "demo/demo.apk", EMBEDDED(demo_apk), error));
    TRY(write_file(demo, "demo/policy.json", S(POLICY), error));
    for (size_t i = 0; i < DEMO_APPS; i++)
        TRY(run_command(demo, (const char *[WORDS]){"publish", "demo.apk", "--app", demo_apps[i], "--version", DEMO_VERSION}, error));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) TRY(run_command(demo, others[i], error));
    return STATUS_OK;
}

static int record(const struct demo *demo, void *context)
{
    struct error error;
    struct store *store;
    if (stored_open(demo->arena, demo->store, &store, &error) == STATUS_OK &&
        demo_record(demo->arena, store, demo->begin, *(const unsigned *)context, &error) == STATUS_OK)
        return EXIT_DONE;
    fprintf(stderr, "%s\n", error.text);
    return EXIT_FAILED;
}

static enum status live_a_week(const struct demo *demo, struct error *error)
{
    for (unsigned day = 0; day < DEMO_DAYS; day++) {
        const char *end = clock_format_time(demo->arena, demo->begin + (int64_t)(day + 1) * CLOCK_DAY).data;
        const char *name = arena_printf(demo->arena, "day %u of %d: recording what the LANs ask for", day + 1, DEMO_DAYS).data;
        TRY(run_step(demo, record, &day, name, error));
        TRY(run_command(demo, (const char *[WORDS]){"evaluate", "--now", end}, error));
        TRY(run_command(demo, (const char *[WORDS]){"evict", "--now", end}, error));
    }
    return STATUS_OK;
}

/* Where it was cut off before, every step is done again, and comes to the same. */
static enum status fill(const struct demo *demo, struct error *error)
{
    fprintf(stderr, "Filling " STR_FMT "; these commands do it:\n", STR_ARG(demo->folder));
    TRY(publish(demo, error));
    TRY(register_edges(demo, error));
    TRY(live_a_week(demo, error));
    return write_mark(demo, S(READY), error);
}

/* The commands name the demo's files as a person would who is in this folder. */
static enum status go_there(const struct demo *demo, struct error *error)
{
    TRY(make_folder(path_in(demo, "demo/edges"), error));
    if (chdir(path_in(demo, "demo").data) != 0) return error_errno(error, errno, STR_FMT, STR_ARG(demo->folder));
    return STATUS_OK;
}

/* --- what to try */

/* The folder of this program, where the shell would not find it by its name. */
static void print_path(void)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = length > 0 ? (program[length] = '\0', strrchr(program, '/')) : NULL;
    const char *path = getenv("PATH");
    if (!slash) return;
    *slash = '\0';
    if (!path || !strstr(path, program)) printf("    export PATH='%s':$PATH\n", program);
}

static void print_lines(const struct demo *demo)
{
    printf("The demo is in " STR_FMT ": %d packages, two channels of DEMO, three edges, a week of demand.\n", STR_ARG(demo->folder),
           DEMO_APPS);
    puts("Try it in a second terminal:\n");
    print_path();
    printf("    export PAKHUS_STORE=" STR_FMT "\n\n", STR_ARG(demo->store));
    printf("    curl -O http://%s/packages/DEMO/" DEMO_VERSION "/huawei.apk     # one stored package serves every channel\n",
           demo->address);
    printf("    curl -O http://%s/packages/DEMO/" DEMO_VERSION "/oppo.apk\n", demo->address);
    puts("    pakhus inspect huawei.apk                                       # shows the channel's info\n");
    printf("    curl 'http://%s/query?app=DEMO&ip=10.1.0.7&mask=255.255.255.0'  # a device in Hangzhou: its edge has the package\n",
           demo->address);
    puts("    pakhus edge show shop-hangzhou                                  # what an edge holds");
    puts("    pakhus policy show                                              # why: the policy");
    printf("    cat '" STR_FMT "'/decisions/*/*                           # every decision, with its counts\n", STR_ARG(demo->folder));
    puts("    pakhus report -o report.html                                    # one page: edges, demand, decisions; open it in a browser");
    puts("    pakhus publish game.apk --app GAME --version 2.0                # a signed APK of your own\n");
    fflush(stdout);
}

/* --- the command */

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    if (!listen_at.data) listen_at = S(LC_LISTEN_DEFAULT);
    setting_give(SETTING_LISTEN, listen_at);
    struct demo demo = {.arena = arena, .address = arena_cstr(arena, served_at(arena))};
    TRY(open_folder(&demo, count > 0 ? words[0] : S("pakhus-demo"), error));
    setting_give(SETTING_STORE, demo.store);
    TRY(go_there(&demo, error));
    TRY(demo.is_ready ? register_edges(&demo, error) : fill(&demo, error)); /* the server may have another address than before */
    print_lines(&demo);
    is_filled = true;
    return STATUS_OK;
}

int cmd_demo(int argc, char **argv)
{
    char serve[] = "serve", *words[] = {serve, NULL};
    int code = command_main(&command, argc, argv, run);
    return is_filled ? cmd_serve(1, words) : code;
}
