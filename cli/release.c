#include "lib/catalog/release.h"

#include <stdio.h>

#include "cli/stored.h"
#include "lib/catalog/newest.h"
#include "lib/catalog/package.h"

static struct str store_url, share;
static bool json;

static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"share", 0, OPTION_TEXT, &share, "SHARE", "roll out to a share of the devices, such as 10%; 0% ends a roll-out"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print the release as JSON"},
};
static const struct command release = {
    .name = "release",
    .arguments = "APP [VERSION]",
    .summary = "Says which version of an app is current; without VERSION shows it. To roll back, release the older version.",
    .example = "pakhus release --store s3://packages GAME 2.1 --share 10%",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 2,
};

/* "10%", "0.1" */
static enum status parse_share(struct str text, double *out, struct error *error)
{
    bool percent = str_ends(text, S("%"));
    double number;
    bool is_number = str_to_double(str_first(text, text.length - percent), &number);
    if (percent) number /= 100;
    ENSURE(is_number && number >= 0 && number <= 1, error, STATUS_INVALID, "--share must be from 0%% to 100%%, such as 10%%");
    *out = number;
    return STATUS_OK;
}

static void print(struct arena *arena, const struct release *now)
{
    if (json) {
        printf(STR_FMT, STR_ARG(release_format(arena, now)));
        return;
    }
    printf("current\t" STR_FMT "\n", STR_ARG(now->current.length > 0 ? now->current : S("-")));
    for (size_t i = 0; i < now->staged_count; i++)
        printf("staged\t" STR_FMT "\t%g%%\n", STR_ARG(now->staged[i].version), now->staged[i].share * 100);
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct package package;
    struct release now;
    double part = 1;
    TRY(stored_check_id(words[0], "APP", error));
    if (share.data) TRY(parse_share(share, &part, error));
    TRY(stored_open(arena, store_url, &store, error));
    if (count == 1) {
        ENSURE(!share.data, error, STATUS_INVALID, "--share needs a VERSION");
        TRY(release_load((struct catalog){store, command_io(arena), words[0]}, 0, &now, error));
    } else {
        TRY(stored_check_version(words[1], "VERSION", error));
        TRY(package_load((struct catalog){store, command_io(arena), words[0]}, words[1], &package, error));
        TRY(release_set((struct catalog){store, command_io(arena), words[0]}, words[1], part, &now, error));
        TRY(newest_refresh((struct catalog){store, command_io(arena), words[0]}, S(""), error));
    }
    print(arena, &now);
    return STATUS_OK;
}

int cmd_release(int argc, char **argv)
{
    return command_main(&release, argc, argv, run);
}
