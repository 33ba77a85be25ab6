#include "tests/unit/unit.h"

#include <fcntl.h>

#include "cli/command.h"
#include "cli/suggest.h"

static bool flag;
static struct str text;
static uint64_t size;
static int64_t span, moment;

static const struct command_option options[] = {
    {"quiet", 'q', OPTION_FLAG, &flag, NULL, "says nothing"},
    {"output", 'o', OPTION_TEXT, &text, "FILE", "where to"},
    {"region", 0, OPTION_SIZE, &size, "BYTES", "how much"},
    {"every", 0, OPTION_SPAN, &span, "SPAN", "how often"},
    {"now", 0, OPTION_TIME, &moment, "TIME", "another time"},
    {"rate", 0, OPTION_SIZE, &size, "BYTES", "how fast", .positive = true},
    {"step", 0, OPTION_SPAN, &span, "SPAN", "how far", .positive = true},
};
static const struct command command = {
    .name = "prepare",
    .arguments = "IN.apk [OUT.apk]",
    .summary = "Prepares a package.",
    .example = "pakhus prepare x.apk -o y.apk",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 2,
};

struct outcome {
    int code, count;
    struct str words[2];
    char out[4096], err[4096];
};

static void divert(int fd, int *keep, char path[32])
{
    snprintf(path, 32, "/tmp/unit-command-XXXXXX");
    int file = mkstemp(path);
    fflush(NULL);
    *keep = dup(fd);
    dup2(file, fd);
    close(file);
}

static void take_back(int fd, int keep, const char *path, char *into, size_t capacity)
{
    fflush(NULL);
    dup2(keep, fd);
    close(keep);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, into, capacity - 1);
    into[length > 0 ? length : 0] = 0;
    close(file);
    unlink(path);
}

static struct outcome parsed_by(const struct command *by, char **argv)
{
    static char name[] = "pakhus";
    char *all[16] = {name}, out[32], err[32];
    int argc = 1, keep_out, keep_err;
    for (; argv[argc - 1]; argc++) all[argc] = argv[argc - 1];
    struct outcome o = {.count = -1};
    flag = false, text = S("-"), size = 1, span = 2, moment = 3;
    divert(STDOUT_FILENO, &keep_out, out);
    divert(STDERR_FILENO, &keep_err, err);
    o.code = command_parse(by, argc, all, o.words, &o.count);
    take_back(STDERR_FILENO, keep_err, err, o.err, sizeof o.err);
    take_back(STDOUT_FILENO, keep_out, out, o.out, sizeof o.out);
    return o;
}
#define PARSE(...) parsed_by(&command, (char *[]){__VA_ARGS__, NULL})

static void assert_usage(struct outcome o, const char *words)
{
    assert_int_equal(o.code, EXIT_USAGE);
    if (!strstr(o.err, words)) fail_msg("'%s' does not say '%s'", o.err, words);
    assert_non_null(strstr(o.err, "pakhus prepare: "));
    assert_non_null(strstr(o.err, "Try: pakhus prepare --help\n"));
    assert_string_equal(o.out, ""); /* words go to stderr */
    assert_int_equal(o.count, -1);
}

static void takes_options_anywhere(void **state)
{
    (void)state;
    struct outcome o = PARSE("--output", "y", "a", "--quiet", "b", "--region=64K");
    assert_int_equal(o.code, -1);
    assert_int_equal(o.count, 2);
    assert_str(o.words[0], S("a"));
    assert_str(o.words[1], S("b"));
    assert_str(text, S("y"));
    assert_true(flag && size == 65536);
    assert_string_equal(o.err, "");
    o = PARSE("-q", "-o", "z", "a");
    assert_true(o.code == -1 && o.count == 1 && flag);
    assert_str(text, S("z"));
}

static void ends_options_at_two_dashes(void **state)
{
    (void)state;
    struct outcome o = PARSE("--", "--quiet", "--");
    assert_true(o.code == -1 && o.count == 2 && !flag);
    assert_str(o.words[0], S("--quiet"));
    assert_str(o.words[1], S("--"));
    o = PARSE("--", "--help");
    assert_true(o.code == -1 && o.count == 1);
    o = PARSE("-"); /* by custom stdin, and no option */
    assert_true(o.code == -1);
    assert_str(o.words[0], S("-"));
    o = PARSE(""); /* an empty word is a word */
    assert_true(o.code == -1 && o.count == 1);
}

static void takes_values_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "--output=").code, -1);
    assert_str(text, S(""));
    assert_int_equal(PARSE("a", "--output=x=y").code, -1);
    assert_str(text, S("x=y"));
    assert_int_equal(PARSE("a", "--output", "-5").code, -1); /* negative numbers are values */
    assert_str(text, S("-5"));
    assert_int_equal(PARSE("a", "-o", "--").code, -1);
    assert_str(text, S("--"));
    assert_int_equal(PARSE("a", "--output", "--help").code, -1);
    assert_str(text, S("--help"));
    assert_int_equal(PARSE("a", "--output", "").code, -1);
    assert_str(text, S(""));
    assert_int_equal(PARSE("a", "-o", "1", "-o", "2").code, -1); /* the last one holds */
    assert_str(text, S("2"));
}

static void refuses_unknown_options(void **state)
{
    (void)state;
    static char *const wrong[] = {"--nothing", "--nothing=1", "-x",       "-5",      "--o",      "--q",  "-quiet", "-ofile",     "-qo",
                                  "-output",   "--quie",      "--quiets", "--QUIET", "---quiet", "--=x", "-=",     "--help=yes", "-o=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char words[64];
        snprintf(words, sizeof words, "there is no option %s", wrong[i]);
        assert_usage(PARSE("a", wrong[i]), words);
    }
}

static void names_the_option_that_was_meant(void **state)
{
    (void)state;
    assert_usage(PARSE("a", "--quie"), "there is no option --quie; did you mean --quiet?\n");
    assert_usage(PARSE("a", "--outptu=x"), "there is no option --outptu=x; did you mean --output?\n");
    assert_usage(PARSE("a", "-output"), "there is no option -output; did you mean --output?\n");
    assert_usage(PARSE("a", "--reg"), "there is no option --reg; did you mean --region?\n");
    assert_usage(PARSE("a", "--hlep"), "there is no option --hlep; did you mean --help?\n");
    assert_usage(PARSE("a", "--nothing"), "there is no option --nothing\n");
    assert_usage(PARSE("a", "-x"), "there is no option -x\n");
}

static void refuses_missing_and_needless_values(void **state)
{
    (void)state;
    assert_usage(PARSE("a", "--output"), "--output wants a value");
    assert_usage(PARSE("a", "-o"), "--output wants a value");
    assert_usage(PARSE("a", "--region"), "--region wants a number of bytes such as 4096 or 64K");
    assert_usage(PARSE("a", "--quiet=yes"), "--quiet takes no value");
    assert_usage(PARSE("a", "--quiet="), "--quiet takes no value");
}

static void reads_sizes(void **state)
{
    (void)state;
    static const struct {
        char *value;
        uint64_t size;
    } right[] = {{"0", 0},
                 {"4096", 4096},
                 {"64K", 65536},
                 {"1M", 1048576},
                 {"2G", UINT64_C(2147483648)},
                 {"18446744073709551615", UINT64_MAX},
                 {"17179869183G", UINT64_C(18446744072635809792)}};
    static char *const wrong[] = {"",   "K", "-5", "+5", "5k", "5KB", "5KK", "5 K", "0x10", "1.5M", "18446744073709551616", "17179869184G",
                                  "5T", "K5"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(PARSE("a", "--region", right[i].value).code, -1);
        assert_int_equal(size, right[i].size);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char words[128];
        snprintf(words, sizeof words, "--region wants a number of bytes such as 4096 or 64K, not '%s'", wrong[i]);
        assert_usage(PARSE("a", "--region", wrong[i]), words);
        assert_int_equal(size, 1);
    }
}

static void reads_spans_and_times(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "--every", "5m", "--now=1970-01-01T00:00:01Z").code, -1);
    assert_true(span == 300000 && moment == 1000);
    assert_usage(PARSE("a", "--every", "5"), "--every wants a duration such as 90s, 5m, 12h or 7d, not '5'");
    assert_usage(PARSE("a", "--every="), "--every wants a duration");
    assert_usage(PARSE("a", "--now", "today"), "--now wants a time such as 2026-08-20T10:00:00Z, not 'today'");
}

static void refuses_nothing_where_there_must_be_more(void **state)
{
    (void)state;
    assert_true(PARSE("a", "--rate", "1", "--step", "1ms").code == -1 && size == 1 && span == 1);
    assert_true(PARSE("a", "--region", "0", "--every", "0s").code == -1 && size == 0 && span == 0);
    assert_usage(PARSE("a", "--rate", "0K"), "--rate must be greater than 0");
    assert_usage(PARSE("a", "--step=0s"), "--step must be greater than 0");
}

static void counts_words(void **state)
{
    (void)state;
    assert_usage(PARSE("--quiet"), "expected IN.apk [OUT.apk]");
    assert_usage(PARSE("a", "b", "c"), "'c' is one argument too many");
    assert_usage(PARSE("a", "b", "--", "-c"), "'-c' is one argument too many");
    struct command none = {.name = "prepare", .arguments = "", .summary = "", .example = ""};
    assert_int_equal(parsed_by(&none, (char *[]){NULL}).code, -1);
    assert_usage(parsed_by(&none, (char *[]){"a", NULL}), "'a' is one argument too many");
    assert_usage(parsed_by(&none, (char *[]){"-a", NULL}), "there is no option -a");
}

static void asks_for_what_is_required(void **state)
{
    (void)state;
    static const struct command_option needed[] = {{"quiet", 'q', OPTION_FLAG, &flag, NULL, "says nothing", false},
                                                   {"output", 'o', OPTION_TEXT, &text, "FILE", "where to", true}};
    struct command wants = {.name = "prepare", .arguments = "[A]", .summary = "", .example = "", COMMAND_OPTIONS(needed), .most = 1};
    struct outcome o = parsed_by(&wants, (char *[]){"-q", "a", NULL});
    assert_int_equal(o.code, EXIT_USAGE);
    assert_non_null(strstr(o.err, "pakhus prepare: --output is needed"));
    assert_int_equal(parsed_by(&wants, (char *[]){"--", "--output=x", NULL}).code, EXIT_USAGE); /* a word, not the option */
    assert_int_equal(parsed_by(&wants, (char *[]){"-o", "x", NULL}).code, -1);
    assert_int_equal(parsed_by(&wants, (char *[]){"--output=", NULL}).code, -1); /* given, if empty */
    assert_int_equal(parsed_by(&wants, (char *[]){"--help", NULL}).code, EXIT_DONE);
}

static enum status life(struct arena *arena, const struct str *words, int word_count, struct error *error)
{
    assert_non_null(arena_alloc(arena, 10));
    assert_int_equal(word_count, 1);
    ENSURE(str_equal(words[0], S("good")), error, STATUS_NOT_FOUND, "there is no " STR_FMT, STR_ARG(words[0]));
    return STATUS_OK;
}

static void lives_and_says_how_it_ended(void **state)
{
    (void)state;
    static char name[] = "prepare", good[] = "good", bad[] = "bad";
    char path[32], err[256];
    int keep;
    assert_int_equal(command_main(&command, 2, (char *[]){name, good, NULL}, life), EXIT_DONE);
    divert(STDERR_FILENO, &keep, path);
    int code = command_main(&command, 2, (char *[]){name, bad, NULL}, life);
    take_back(STDERR_FILENO, keep, path, err, sizeof err);
    assert_int_equal(code, EXIT_FAILED);
    assert_string_equal(err, "pakhus prepare: there is no bad\n");
    divert(STDERR_FILENO, &keep, path);
    code = command_main(&command, 1, (char *[]){name, NULL}, life);
    take_back(STDERR_FILENO, keep, path, err, sizeof err);
    assert_int_equal(code, EXIT_USAGE);
}

static void helps(void **state)
{
    (void)state;
    struct outcome o = PARSE("a", "b", "--help", "--nonsense");
    assert_int_equal(o.code, EXIT_DONE);
    assert_string_equal(o.err, "");
    static const char *const wanted[] = {"Prepares a package.\n", "usage: pakhus prepare IN.apk [OUT.apk] [options]\n",
                                         "  -q, --quiet ",        "  -o, --output FILE ",
                                         "      --region BYTES ", "example: pakhus prepare x.apk -o y.apk\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(o.out, wanted[i])) fail_msg("'%s' does not say '%s'", o.out, wanted[i]);
    assert_int_equal(PARSE("-h").code, EXIT_DONE);
}

static void fails_in_words(void **state)
{
    (void)state;
    struct error error;
    char path[32], err[256];
    int keep;
    error_set(&error, STATUS_NOT_FOUND, "there is no x.apk");
    divert(STDERR_FILENO, &keep, path);
    int code = command_fail(&command, &error);
    take_back(STDERR_FILENO, keep, path, err, sizeof err);
    assert_int_equal(code, EXIT_FAILED);
    assert_string_equal(err, "pakhus prepare: there is no x.apk\n");
}

static int ran_argc;
static char *ran_first;

static int run_set(int argc, char **argv)
{
    ran_argc = argc;
    ran_first = argv[0];
    return 7;
}

static int choose(char *word, int argc, char *out_text, char *err_text)
{
    static const struct command_entry entries[] = {{"set", run_set, "sets"}, {"list", run_set, "lists"}};
    static char name[] = "channel", rest[] = "more";
    char *argv[] = {name, word, rest, NULL}, out[32], err[32];
    int keep_out, keep_err;
    divert(STDOUT_FILENO, &keep_out, out);
    divert(STDERR_FILENO, &keep_err, err);
    int code = command_choose("channel", entries, 2, argc, argv);
    take_back(STDERR_FILENO, keep_err, err, err_text, 4096);
    take_back(STDOUT_FILENO, keep_out, out, out_text, 4096);
    return code;
}

static void chooses_one_of_several(void **state)
{
    (void)state;
    char out[4096], err[4096];
    assert_int_equal(choose("set", 3, out, err), 7);
    assert_int_equal(ran_argc, 2); /* argv has moved on */
    assert_string_equal(ran_first, "set");
    assert_int_equal(choose("other", 3, out, err), EXIT_USAGE);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "there is no command 'channel other'\nusage: pakhus channel COMMAND"));
    assert_int_equal(choose("lits", 3, out, err), EXIT_USAGE);
    assert_string_equal(out, "");
    assert_string_equal(err,
                        "pakhus: there is no command 'channel lits'; did you mean 'pakhus channel list'?\nTry: pakhus channel --help\n");
    assert_int_equal(choose(NULL, 1, out, err), EXIT_USAGE);
    assert_non_null(strstr(err, "usage: pakhus channel COMMAND"));
    assert_null(strstr(err, "there is no command"));
    static char *const asks[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(choose(asks[i], 2, out, err), EXIT_DONE);
        assert_non_null(strstr(out, "  set        sets\n"));
        assert_string_equal(err, "");
    }
}

static char *ran_last;

static int keep_last(int argc, char **argv)
{
    ran_argc = argc;
    ran_last = argv[argc - 1];
    return argv[argc] ? -1 : 0;
}

static void help_is_a_command_too(void **state)
{
    (void)state;
    static const struct command_entry entries[] = {{"set", keep_last, "sets"}};
    static char name[] = "pakhus", help[] = "help", set[] = "set", sub[] = "sub", typo[] = "sett";
    char path[32], text_err[4096];
    int keep;
    assert_int_equal(command_choose("", entries, 1, 4, (char *[]){name, help, set, sub, NULL}), 0);
    assert_int_equal(ran_argc, 3); /* set sub --help */
    assert_string_equal(ran_last, "--help");
    divert(STDERR_FILENO, &keep, path);
    assert_int_equal(command_choose("", entries, 1, 3, (char *[]){name, help, typo, NULL}), EXIT_USAGE);
    take_back(STDERR_FILENO, keep, path, text_err, sizeof text_err);
    assert_non_null(strstr(text_err, "there is no command 'sett'; did you mean 'pakhus set'?"));
}

static void nearest_names(void **state)
{
    (void)state;
    static const char *const names[] = {"serve", "splice", "simulate", "url", "publish", "unpublish"};
    static const struct {
        const char *word, *best;
    } cases[] = {{"serv", "serve"},
                 {"sevre", "serve"},
                 {"spilce", "splice"},
                 {"sim", "simulate"},
                 {"urls", "url"},
                 {"pubilsh", "publish"},
                 {"unpublsh", "unpublish"},
                 {"u", NULL},
                 {"", NULL},
                 {"xyz", NULL},
                 {"serverless", NULL},
                 {"Serve", "serve"},
                 {"a-word-longer-than-any-name-of-a-command", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct suggestion suggestion = {.word = str_of(cases[i].word)};
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) suggest_consider(&suggestion, names[j]);
        if (cases[i].best != suggestion.best && strcmp(cases[i].best ? cases[i].best : "", suggestion.best ? suggestion.best : "") != 0)
            fail_msg("'%s' became '%s'", cases[i].word, suggestion.best ? suggestion.best : "nothing");
    }
}

struct seen {
    int groups, commands, channels, without_example;
};

static void see_group(void *context, const char *name, const struct command_entry *entries, size_t count)
{
    struct seen *seen = context;
    assert_true(count > 0 && *entries->summary);
    assert_true((seen->groups++ == 0) == (*name == 0)); /* the program first */
}

static void see_command(void *context, const struct command *shown)
{
    struct seen *seen = context;
    seen->commands++;
    seen->channels += str_starts(str_of(shown->name), S("channel "));
    seen->without_example += !strstr(shown->example, "pakhus ");
    assert_true(shown->option_count == 0 || shown->options);
}

static void all_commands_are_shown_and_none_runs(void **state)
{
    (void)state;
    struct seen seen = {0};
    commands_visit(&(struct command_visitor){.group = see_group, .command = see_command, .context = &seen});
    assert_true(seen.groups >= 8 && seen.commands >= 45);
    assert_int_equal(seen.channels, 4);
    assert_int_equal(seen.without_example, 0);
    assert_null(command_visiting());
}

static void has_twenty_seconds(void **state)
{
    struct io io = command_io(*state);
    int64_t left = deadline_left(io.deadline);
    assert_true(io.arena == *state && !io.no_wait && left > 10 * CLOCK_SECOND && left <= 20 * CLOCK_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_options_anywhere),
        cmocka_unit_test(ends_options_at_two_dashes),
        cmocka_unit_test(takes_values_as_they_are),
        cmocka_unit_test(refuses_unknown_options),
        cmocka_unit_test(names_the_option_that_was_meant),
        cmocka_unit_test(refuses_missing_and_needless_values),
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(reads_spans_and_times),
        cmocka_unit_test(refuses_nothing_where_there_must_be_more),
        cmocka_unit_test(counts_words),
        cmocka_unit_test(helps),
        cmocka_unit_test(asks_for_what_is_required),
        cmocka_unit_test(lives_and_says_how_it_ended),
        cmocka_unit_test(fails_in_words),
        cmocka_unit_test(chooses_one_of_several),
        cmocka_unit_test(help_is_a_command_too),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(all_commands_are_shown_and_none_runs),
        test_with_arena(has_twenty_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
