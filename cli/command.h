/* What every command shares: options, help, exit codes, the way to fail. Data goes to stdout, words to stderr. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "functions/common/settings.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum option_kind {
    OPTION_FLAG,  /* bool * */
    OPTION_TEXT,  /* struct str * */
    OPTION_SIZE,  /* uint64_t *; bytes, or with K, M, G (1024) behind */
    OPTION_SPAN,  /* int64_t *; "90s", "7d" */
    OPTION_TIME,  /* int64_t *; RFC 3339 */
    OPTION_TEXTS, /* struct command_texts *; may be given several times */
};
enum { COMMAND_TEXTS_MAXIMUM = 256 };
struct command_texts {
    struct str items[COMMAND_TEXTS_MAXIMUM];
    size_t count;
};
struct command_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *target;
    const char *argument; /* what its value is called in the help; NULL for a flag */
    const char *help;
    bool required;
    bool positive;         /* OPTION_SIZE, OPTION_SPAN: 0 is refused */
    const char *otherwise; /* the default, for the help; NULL where there is none, or `help` says it */
};

struct command {
    const char *name;      /* "prepare" or, for one of several, "channel set" */
    const char *arguments; /* "IN.apk" */
    const char *summary;   /* one line */
    const char *example;   /* a whole line to type */
    const struct command_option *options;
    size_t option_count;
    int least, most; /* positional arguments */
};

/* Parses argv[1…]. Positional arguments land in `words` (room for command->most). Returns -1 to go on, or the exit code to leave with:
 * after --help (0) or a usage error (2, said on stderr). Options may stand anywhere; "--" ends them; --name=value and --name value are one.
 */
int command_parse(const struct command *, int argc, char **argv, struct str *words, int *word_count);
#define COMMAND_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof *(table)

/* The whole life of a command: parses, runs with an arena, says what went wrong, returns the exit code. */
typedef enum status command_fn(struct arena *, const struct str *words, int word_count, struct error *);
int command_main(const struct command *, int argc, char **argv, command_fn *);

/* `pakhus NAME: text` on stderr; returns EXIT_FAILED. */
int command_fail(const struct command *, const struct error *);
int command_usage(const struct command *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The setting, after an option of a command has been given for it; {NULL, 0}: not set. Errors name whichever was used. */
struct str command_setting(struct str given, enum setting_id);

/* One of several: `pakhus channel set …` finds "set" in the table and runs it with argv moved on. */
struct command_entry {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};
int command_choose(const char *group, const struct command_entry *, size_t count, int argc, char **argv);

/* `pakhus …`: the whole program. */
int commands_run(int argc, char **argv);

/* Shows all commands, and runs none: for the man page and the completions. `group` comes before the group's own commands; the first one is
 * "", the program itself. */
struct command_visitor {
    void (*group)(void *context, const char *name, const struct command_entry *, size_t count);
    void (*command)(void *context, const struct command *);
    void *context;
};
void commands_visit(const struct command_visitor *);
/* NULL: commands run. For commands.c, which sets it, and choose.c. */
void command_visit(const struct command_visitor *);
const struct command_visitor *command_visiting(void);

/* An io for commands: the arena, and as long as a person at a terminal waits for one answer of a store. */
struct io command_io(struct arena *);

/* For --json: one JSON text a line on standard output. The writer's buffer grows in the arena. */
struct json_writer command_json(struct arena *);
void command_print(struct json_writer *);
/* For an upload: as long as a part of it may take on a slow line. */
struct io command_upload_io(struct arena *);

/* A whole file, or standard input where the path is "-"; STATUS_TOO_LARGE past `limit` bytes. */
enum status command_read(struct arena *, const char *path, size_t limit, struct str *text, struct error *);

int cmd_serve(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_prepare(int argc, char **argv);
int cmd_splice(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_patch(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_publish(int argc, char **argv);
int cmd_unpublish(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_channel(int argc, char **argv);
int cmd_url(int argc, char **argv);
int cmd_admission(int argc, char **argv);
int cmd_scene(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_evict(int argc, char **argv);
int cmd_reconcile(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_edge(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_version(int argc, char **argv);
int print_version(void); /* pakhus --version */

#endif
