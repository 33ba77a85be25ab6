#include "base/version.h"

#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/command.h"

/* The build gives the commit (packaging/packaging.mk); "" where the sources are in no git repository. */
#ifndef PAKHUS_COMMIT
#define PAKHUS_COMMIT ""
#endif

static bool json;
static const struct command_option options[] = {
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};
static const struct command command = {
    .name = "version",
    .arguments = "",
    .summary = "Prints the version, the commit it was built from, what this program can do, and the libraries in use.",
    .example = "pakhus version --json",
    COMMAND_OPTIONS(options),
};

static bool is_static(void)
{
    return getauxval(AT_BASE) == 0; /* no loader was mapped */
}

static void add(json_t *list, const char *feature, bool present)
{
    if (present) json_array_append_new(list, json_string(feature));
}

static json_t *features(const curl_version_info_data *curl)
{
    json_t *list = json_array();
    add(list, is_static() ? "static" : "dynamic", true);
    add(list, "https", curl->features & CURL_VERSION_SSL);
    add(list, "ipv6", curl->features & CURL_VERSION_IPV6);
    add(list, "c-ares", curl->ares != NULL);
    return list;
}

static json_t *libraries(const curl_version_info_data *curl)
{
    json_t *all =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "libcurl", curl->version, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING), "jansson",
                  jansson_version_str(), "libmicrohttpd", MHD_get_version(), "zlib", zlibVersion(), "zstd", ZSTD_versionString());
    if (curl->ares) json_object_set_new(all, "c-ares", json_string(curl->ares));
    return all;
}

static void print_words(json_t *made)
{
    const char *name;
    json_t *value;
    size_t i;
    printf("features:");
    json_array_foreach(json_object_get(made, "features"), i, value) printf(" %s", json_string_value(value));
    printf("\nlibraries:\n");
    json_object_foreach(json_object_get(made, "libraries"), name, value) printf("  %-14s %s\n", name, json_string_value(value));
}

static void print_short(void)
{
    printf("pakhus " PAKHUS_VERSION "%s%s%s\n", *PAKHUS_COMMIT ? " (commit " : "", PAKHUS_COMMIT, *PAKHUS_COMMIT ? ")" : "");
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)arena, (void)words, (void)count;
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    json_t *made = json_pack("{s:s, s:s*, s:o, s:o}", "version", PAKHUS_VERSION, "commit", *PAKHUS_COMMIT ? PAKHUS_COMMIT : NULL,
                             "features", features(curl), "libraries", libraries(curl));
    ENSURE(made, error, STATUS_INTERNAL, "out of memory");
    if (json) {
        json_dumpf(made, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print_short();
        print_words(made);
    }
    json_decref(made);
    return STATUS_OK;
}

int cmd_version(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}

int print_version(void)
{
    print_short();
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
