#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/suggest.h"

enum { PATIENCE = 20 * CLOCK_SECOND, UPLOAD_PATIENCE = 15 * CLOCK_MINUTE };

static const struct command_visitor *visiting;

const struct command_visitor *command_visiting(void)
{
    return visiting;
}

void command_visit(const struct command_visitor *visitor)
{
    visiting = visitor;
}

static int usage_error(const struct command *command, const char *text)
{
    fprintf(stderr, "pakhus %s: %s\nTry: pakhus %s --help\n", command->name, text, command->name);
    return EXIT_USAGE;
}

int command_usage(const struct command *command, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return usage_error(command, text);
}

int command_fail(const struct command *command, const struct error *error)
{
    fprintf(stderr, "pakhus %s: %s\n", command->name, error->text);
    return EXIT_FAILED;
}

struct io command_io(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(PATIENCE)};
}

enum { JSON_MAX = 64 << 20 };

struct json_writer command_json(struct arena *arena)
{
    struct buf *out = arena_new_of(arena, struct buf);
    *out = buf_in(arena, JSON_MAX);
    return json_writer(out);
}

void command_print(struct json_writer *json)
{
    buf_add_byte(json->out, '\n');
    fwrite(json->out->data, 1, json->out->length, stdout);
}

struct io command_upload_io(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(UPLOAD_PATIENCE)};
}

enum status command_read(struct arena *arena, const char *path, size_t limit, struct str *text, struct error *error)
{
    struct buf all = buf_in(arena, limit);
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_errno(error, errno, "%s", path);
    if (!standard) arena_defer_close(arena, fd);
    for (;;) {
        char chunk[65536];
        ssize_t count = read(fd, chunk, sizeof chunk);
        if (count < 0) return error_errno(error, errno, "%s", path);
        if (count == 0) break;
        buf_add(&all, str_make(chunk, (size_t)count));
        ENSURE(!all.overflow, error, STATUS_TOO_LARGE, "%s: over %zu bytes", path, limit);
    }
    *text = buf_str(&all);
    return STATUS_OK;
}

struct str command_setting(struct str given, enum setting_id id)
{
    if (given.data) setting_give(id, given);
    return setting(id);
}

static void print_help(const struct command *command)
{
    printf("%s\n\nusage: pakhus %s%s%s%s\n", command->summary, command->name, *command->arguments ? " " : "", command->arguments,
           command->option_count ? " [options]" : "");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *option = &command->options[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument ? " " : "", option->argument ? option->argument : "");
        char letter[] = {'-', option->letter, ',', 0};
        printf("  %-3s %-28s %s%s%s%s\n", option->letter ? letter : "", left, option->help, option->otherwise ? " (default " : "",
               option->otherwise ? option->otherwise : "", option->otherwise ? ")" : "");
    }
    printf("\nexample: %s\n", command->example);
}

static const struct command_option *find_option(const struct command *command, struct str name)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *option = &command->options[i];
        if (str_equal(name, str_of(option->name))) return option;
        if (option->letter && name.length == 1 && name.data[0] == option->letter) return option;
    }
    return NULL;
}

static bool parse_size(struct str text, uint64_t *size)
{
    unsigned shift = 0;
    if (str_ends(text, S("K"))) shift = 10;
    if (str_ends(text, S("M"))) shift = 20;
    if (str_ends(text, S("G"))) shift = 30;
    uint64_t count;
    if (!str_to_u64(str_first(text, text.length - (shift > 0)), &count) || count > UINT64_MAX >> shift) return false;
    *size = count << shift;
    return true;
}

static bool add_text(struct command_texts *texts, struct str text)
{
    if (texts->count == COMMAND_TEXTS_MAXIMUM) return false;
    texts->items[texts->count++] = text;
    return true;
}

static bool set_option(const struct command_option *option, struct str value)
{
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)option->target = true; return true;
    case OPTION_TEXT: *(struct str *)option->target = value; return true;
    case OPTION_SIZE: return parse_size(value, option->target);
    case OPTION_SPAN: return clock_parse_span(value, option->target);
    case OPTION_TIME: return clock_parse_time(value, option->target);
    case OPTION_TEXTS: return add_text(option->target, value);
    }
    return false;
}

static bool is_nothing(const struct command_option *option)
{
    if (option->kind == OPTION_SIZE) return *(const uint64_t *)option->target == 0;
    return option->kind == OPTION_SPAN && *(const int64_t *)option->target == 0;
}

static const char *expected(enum option_kind kind)
{
    switch (kind) {
    case OPTION_SIZE: return "a number of bytes such as 4096 or 64K";
    case OPTION_SPAN: return "a duration such as 90s, 5m, 12h or 7d";
    case OPTION_TIME: return "a time such as 2026-08-20T10:00:00Z";
    case OPTION_TEXTS: return "a value, and no more of them than 256";
    default: return "a value";
    }
}

static int unknown_option(const struct command *command, struct str word, struct str name)
{
    struct suggestion suggestion = {.word = name};
    for (size_t i = 0; i < command->option_count; i++) suggest_consider(&suggestion, command->options[i].name);
    suggest_consider(&suggestion, "help");
    if (!suggestion.best) return command_usage(command, "there is no option " STR_FMT, STR_ARG(word));
    return command_usage(command, "there is no option " STR_FMT "; did you mean --%s?", STR_ARG(word), suggestion.best);
}

/* `word` begins with '-'. Returns how many further arguments were used, or -1 after saying what is wrong. */
static int take_option(const struct command *command, struct str word, const char *next, uint64_t *seen)
{
    bool is_long = str_starts(word, S("--"));
    struct str value = str_from(word, is_long ? 2 : 1);
    struct str name = is_long ? str_cut(&value, '=') : value;
    if (!is_long) value = (struct str){NULL, 0};
    const struct command_option *option = find_option(command, name);
    if (!option || (is_long && name.length == 1) || (!is_long && name.length != 1)) return unknown_option(command, word, name), -1;
    if (option->kind == OPTION_FLAG && value.data) return command_usage(command, "--%s takes no value", option->name), -1;
    int used = option->kind != OPTION_FLAG && !value.data;
    if (used && !next) return command_usage(command, "--%s wants %s", option->name, expected(option->kind)), -1;
    if (used) value = str_of(next);
    if (!set_option(option, value))
        return command_usage(command, "--%s wants %s, not '" STR_FMT "'", option->name, expected(option->kind), STR_ARG(value)), -1;
    if (option->positive && is_nothing(option)) return command_usage(command, "--%s must be greater than 0", option->name), -1;
    *seen |= UINT64_C(1) << (option - command->options);
    return used;
}

static int check_required(const struct command *command, uint64_t seen)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].required && !(seen >> i & 1)) return command_usage(command, "--%s is needed", command->options[i].name);
    return -1;
}

int command_parse(const struct command *command, int argc, char **argv, struct str *words, int *word_count)
{
    if (visiting) return visiting->command(visiting->context, command), EXIT_DONE;
    int count = 0;
    uint64_t seen = 0;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        struct str word = str_of(argv[i]);
        if (!options_end && str_equal(word, S("--"))) {
            options_end = true;
            continue;
        }
        if (!options_end && (str_equal(word, S("--help")) || str_equal(word, S("-h")))) return print_help(command), EXIT_DONE;
        if (!options_end && word.length > 1 && word.data[0] == '-') {
            int used = take_option(command, word, i + 1 < argc ? argv[i + 1] : NULL, &seen);
            if (used < 0) return EXIT_USAGE;
            i += used;
            continue;
        }
        if (count == command->most) return command_usage(command, "'%s' is one argument too many", argv[i]);
        words[count++] = word;
    }
    if (count < command->least) return command_usage(command, "expected %s", command->arguments);
    *word_count = count;
    return check_required(command, seen);
}

/* Data that did not reach its reader is a failure too. */
static enum status run_and_flush(command_fn *run, struct arena *arena, const struct str *words, int count, struct error *error)
{
    TRY(run(arena, words, count, error));
    ENSURE(fflush(stdout) == 0 && !ferror(stdout), error, STATUS_UNAVAILABLE, "the output could not be written");
    return STATUS_OK;
}

int command_main(const struct command *command, int argc, char **argv, command_fn *run)
{
    struct arena *arena = arena_new();
    struct str *words = arena_array(arena, (size_t)argc, sizeof *words);
    struct error error;
    int count = 0, exit_code = command_parse(command, argc, argv, words, &count);
    if (exit_code < 0) exit_code = run_and_flush(run, arena, words, count, &error) == STATUS_OK ? EXIT_DONE : command_fail(command, &error);
    arena_free(arena);
    return exit_code;
}
