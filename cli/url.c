#include <stdio.h>

#include "cli/stored.h"
#include "lib/apk/info.h"
#include "lib/catalog/link.h"
#include "lib/http/disposition.h"

static struct str keys, public_url, info, filename, expires, kid = {"k1", 2};

/* --- sign */

static const struct command_option sign_options[] = {
    {"info", 'i', OPTION_TEXT, &info, "JSON", "an object of strings, merged over the channel's own info"},
    {"filename", 0, OPTION_TEXT, &filename, "NAME.apk", "what the download is called"},
    {"expires", 'e', OPTION_TEXT, &expires, "WHEN", "a duration such as 7d, or a time such as 2026-12-24T18:00:00Z (default 7d)"},
    {"url-keys", 0, OPTION_TEXT, &keys, "KEYS", "kid:base64,…, the first one signs; or PAKHUS_URL_KEYS"},
    {"public-url", 0, OPTION_TEXT, &public_url, "URL", "what stands before the path; or PAKHUS_PUBLIC_URL"},
};
static const struct command sign = {
    .name = "url sign",
    .arguments = "APP VERSION CHANNEL",
    .summary = "Makes a URL that carries info of its own, signed.",
    .example = "pakhus url sign GAME 2.0 huawei --info '{\"click\":\"8f3a\"}' --expires 2d",
    COMMAND_OPTIONS(sign_options),
    .least = 3,
    .most = 3,
};

static enum status parse_expiry(struct arena *arena, struct str *out, struct error *error)
{
    int64_t span = 7 * (int64_t)CLOCK_DAY, moment;
    if (expires.data && clock_parse_time(expires, &moment)) return *out = clock_format_time(arena, moment), STATUS_OK;
    ENSURE(!expires.data || clock_parse_span(expires, &span), error, STATUS_INVALID,
           "--expires must be a duration such as 7d, or a time such as 2026-12-24T18:00:00Z");
    *out = clock_format_time(arena, (clock_now() + span) / CLOCK_SECOND * CLOCK_SECOND);
    return STATUS_OK;
}

static enum status check_info(struct arena *arena, struct str *out, struct error *error)
{
    struct apk_info parsed, nobody = {.json = S("{\"channel\":\"-\"}"), .channel = S("-")};
    if (!info.data) return STATUS_OK;
    TRY(apk_info_merge(arena, &nobody, info, &parsed, error));
    ENSURE(info.length <= LINK_INFO_MAX, error, STATUS_TOO_LARGE, "--info has over %d bytes", LINK_INFO_MAX);
    *out = info;
    return STATUS_OK;
}

static enum status run_sign(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct keyring ring = {0};
    struct link link = {.app = words[0], .version = words[1], .channel = words[2], .filename = filename};
    (void)count;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_check_version(words[1], "VERSION", error));
    TRY(stored_check_id(words[2], "CHANNEL", error));
    if (keyring_parse(arena, command_setting(keys, SETTING_URL_KEYS), 0, &ring, error) != STATUS_OK)
        return setting_refuse(SETTING_URL_KEYS, error);
    ENSURE(ring.count > 0, error, STATUS_INVALID, "no key to sign with: set PAKHUS_URL_KEYS (`pakhus url keygen` makes one)");
    ENSURE(!filename.data || http_is_filename(filename, S(".apk")), error, STATUS_INVALID,
           "--filename must end in .apk and be a plain file name");
    TRY(check_info(arena, &link.info, error));
    TRY(parse_expiry(arena, &link.expires, error));
    struct str prefix = command_setting(public_url, SETTING_PUBLIC_URL);
    while (str_ends(prefix, S("/"))) prefix.length--;
    printf(STR_FMT STR_FMT "\n", STR_ARG(prefix), STR_ARG(link_format(arena, &link, keyring_newest(&ring))));
    return STATUS_OK;
}

static int cmd_sign(int argc, char **argv)
{
    return command_main(&sign, argc, argv, run_sign);
}

/* --- keygen */

enum { URL_SECRET_LENGTH = 32 };

static const struct command_option keygen_options[] = {
    {"kid", 0, OPTION_TEXT, &kid, "ID", "the key's id (default k1)"},
};
static const struct command keygen = {
    .name = "url keygen",
    .arguments = "",
    .summary = "Makes a key for PAKHUS_URL_KEYS. To rotate, put the new one in front of the old ones, everywhere, and drop the old ones "
               "once their URLs have expired.",
    .example = "PAKHUS_URL_KEYS=$(pakhus url keygen --kid 2026a)",
    COMMAND_OPTIONS(keygen_options),
};

static enum status run_keygen(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct str entry;
    (void)words;
    (void)count;
    TRY(keyring_generate(arena, kid, URL_SECRET_LENGTH, &entry, error));
    printf(STR_FMT "\n", STR_ARG(entry));
    return STATUS_OK;
}

static int cmd_keygen(int argc, char **argv)
{
    return command_main(&keygen, argc, argv, run_keygen);
}

int cmd_url(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"sign", cmd_sign, "a URL with info of its own"},
        {"keygen", cmd_keygen, "a key to sign with"},
    };
    return command_choose("url", entries, sizeof entries / sizeof *entries, argc, argv);
}
