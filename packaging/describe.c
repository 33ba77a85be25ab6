/* describe man|bash|zsh: the commands' part of the man page, and the completions, out of the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

/* --- man page: one subsection a command */

/* Text for roff: no line begins with a control character, and '-' stays one that can be copied to a shell. */
static void roff(const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\') fputs("\\e", stdout);
        if (*text == '-') fputs("\\-", stdout);
        if (*text != '\\' && *text != '-') putchar(*text);
    }
}

static void man_line(const char *before, const char *text, const char *behind)
{
    fputs(before, stdout);
    roff(text);
    fputs(behind, stdout);
}

static void man_group(void *context, const char *name, const struct command_entry *entries, size_t count)
{
    (void)context, (void)name, (void)entries, (void)count;
}

static void man_option(const struct command_option *option)
{
    fputs(".TP\n", stdout);
    if (option->letter) printf("\\fB\\-%c\\fR, ", option->letter);
    man_line("\\fB\\-\\-", option->name, "\\fR");
    if (option->argument) man_line(" \\fI", option->argument, "\\fR");
    man_line("\n", option->help, "\n");
}

static void man_command(void *context, const struct command *command)
{
    (void)context;
    man_line(".SS pakhus ", command->name, "\n");
    man_line("\\fBpakhus ", command->name, "\\fR");
    if (*command->arguments) man_line(" ", command->arguments, "");
    if (command->option_count) fputs(" [\\fIoptions\\fR]", stdout);
    man_line("\n.PP\n", command->summary, "\n");
    for (size_t i = 0; i < command->option_count; i++) man_option(&command->options[i]);
    man_line(".PP\nExample:\n.PP\n.nf\n.RS 4\n", command->example, "\n.RE\n.fi\n");
}

/* --- bash: the words that may follow each command, as lines of two arrays */

static void bash_group(void *context, const char *name, const struct command_entry *entries, size_t count)
{
    (void)context;
    printf("    ['%s']='", *name ? name : "pakhus");
    for (size_t i = 0; i < count; i++) printf("%s ", entries[i].name);
    printf("%s--help%s'\n", *name ? "" : "help ", *name ? "" : " --version");
}

static void bash_command(void *context, const struct command *command)
{
    (void)context;
    printf("    ['%s']='", command->name);
    for (size_t i = 0; i < command->option_count; i++) printf("--%s%s ", command->options[i].name, command->options[i].argument ? "=" : "");
    fputs("--help'\n", stdout);
}

/* --- zsh: _arguments' specifications */

/* Within single quotes; `special` is what the place where the text stands gives a meaning to. */
static void zsh(const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'') fputs("'\\'", stdout);
        if (strchr(special, *text)) putchar('\\');
        putchar(*text);
    }
}

static void zsh_group(void *context, const char *name, const struct command_entry *entries, size_t count)
{
    (void)context;
    printf("        '%s')\n            commands=(", name);
    for (size_t i = 0; i < count; i++) {
        printf("\n                '%s:", entries[i].name);
        zsh(entries[i].summary, ":\\");
        putchar('\'');
    }
    if (!*name) fputs("\n                'help:explain a command'", stdout);
    fputs(")\n            ;;\n", stdout);
}

static void zsh_option(const struct command_option *option)
{
    const char *repeats = option->kind == OPTION_TEXTS ? "*" : "";
    if (option->letter)
        printf("\n                '%s(-%c --%s)'{-%c,--%s}'[", repeats, option->letter, option->name, option->letter, option->name);
    else
        printf("\n                '%s--%s[", repeats, option->name);
    zsh(option->help, ":[]\\");
    putchar(']');
    if (option->argument) {
        putchar(':');
        zsh(option->argument, ":\\");
        fputs(":_files", stdout);
    }
    putchar('\'');
}

static void zsh_command(void *context, const struct command *command)
{
    (void)context;
    printf("        '%s')\n            arguments=('(-h --help)'{-h,--help}'[explain the command]'", command->name);
    for (size_t i = 0; i < command->option_count; i++) zsh_option(&command->options[i]);
    if (command->most > 0) {
        fputs("\n                '*:", stdout);
        zsh(command->arguments, ":\\");
        fputs(":_files'", stdout);
    }
    fputs(")\n            ;;\n", stdout);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct command_visitor visitor;
    } forms[] = {
        {"man", {.group = man_group, .command = man_command}},
        {"bash", {.group = bash_group, .command = bash_command}},
        {"zsh", {.group = zsh_group, .command = zsh_command}},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (argc == 2 && strcmp(argv[1], forms[i].name) == 0) return commands_visit(&forms[i].visitor), EXIT_DONE;
    fputs("usage: describe man|bash|zsh\n", stderr);
    return EXIT_USAGE;
}
