/* One of several commands: runs it, lists them, or names the one that was probably meant. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/suggest.h"

enum { WORDS_MAX = 16 };

static const struct command_entry *find(const struct command_entry *entries, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_of(entries[i].name))) return &entries[i];
    return NULL;
}

static const char *nearest(const struct command_entry *entries, size_t count, struct str word)
{
    struct suggestion suggestion = {.word = word};
    for (size_t i = 0; i < count; i++) suggest_consider(&suggestion, entries[i].name);
    suggest_consider(&suggestion, "help");
    suggest_consider(&suggestion, "--help");
    return suggestion.best;
}

static void list(FILE *out, const char *group, const struct command_entry *entries, size_t count)
{
    const char *space = *group ? " " : "";
    fprintf(out, "usage: pakhus %s%sCOMMAND …, where COMMAND is one of\n", group, space);
    for (size_t i = 0; i < count; i++) fprintf(out, "  %-10s %s\n", entries[i].name, entries[i].summary);
    fprintf(out, "pakhus %s%shelp COMMAND explains one of them.\n", group, space);
}

static int refuse(const char *group, const struct command_entry *entries, size_t count, struct str word)
{
    const char *space = *group ? " " : "", *near = nearest(entries, count, word);
    fprintf(stderr, "pakhus: there is no command '%s%s" STR_FMT "'", group, space, STR_ARG(word));
    if (!near) fputc('\n', stderr);
    if (!near) return list(stderr, group, entries, count), EXIT_USAGE;
    fprintf(stderr, "; did you mean 'pakhus %s%s%s'?\nTry: pakhus %s%s--help\n", group, space, near, group, space);
    return EXIT_USAGE;
}

/* `pakhus help edge lan set` is `pakhus edge lan set --help`. argv[0] is the first word after "help". */
static int help_with(const struct command_entry *entry, int argc, char **argv)
{
    static char help[] = "--help";
    char *words[WORDS_MAX + 2];
    int count = argc < WORDS_MAX ? argc : WORDS_MAX;
    for (int i = 0; i < count; i++) words[i] = argv[i];
    words[count] = help;
    words[count + 1] = NULL;
    return entry->run(count + 1, words);
}

static int visit(const char *group, const struct command_entry *entries, size_t count)
{
    const struct command_visitor *visitor = command_visiting();
    visitor->group(visitor->context, group, entries, count);
    for (size_t i = 0; i < count; i++) {
        char name[] = "pakhus";
        entries[i].run(1, (char *[]){name, NULL});
    }
    return EXIT_DONE;
}

int command_choose(const char *group, const struct command_entry *entries, size_t count, int argc, char **argv)
{
    if (command_visiting()) return visit(group, entries, count);
    if (argc < 2) return list(stderr, group, entries, count), EXIT_USAGE;
    struct str word = str_of(argv[1]);
    const struct command_entry *entry = find(entries, count, word);
    if (entry) return entry->run(argc - 1, argv + 1);
    bool help = str_equal(word, S("help"));
    if (help && argc > 2 && !str_equal(str_of(argv[2]), word)) {
        entry = find(entries, count, str_of(argv[2]));
        return entry ? help_with(entry, argc - 2, argv + 2) : refuse(group, entries, count, str_of(argv[2]));
    }
    if (help || str_equal(word, S("--help")) || str_equal(word, S("-h"))) return list(stdout, group, entries, count), EXIT_DONE;
    return refuse(group, entries, count, word);
}
