#include <jansson.h>
#include <stdio.h>

#include "cli/file.h"
#include "lib/apk/channel.h"

static bool as_json;

static const struct command_option options[] = {
    {"json", 0, OPTION_FLAG, &as_json, NULL, "print JSON"},
};
static const struct command command = {
    .name = "inspect",
    .arguments = "FILE.apk",
    .summary = "Shows an APK's signatures, its signing block, its region, and the channel that each reader would see.",
    .example = "pakhus inspect game-huawei.apk",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

/* --- all that is shown */

struct findings {
    const char *path;
    struct apk_source source;
    struct apk apk;
    struct apk_manifest manifest;
    struct apk_channels channels;
    struct error no_manifest; /* status 0: there is one */
    bool filled;
};

/* Unfilled is the form that apk_fill gives to no info. */
static enum status see_whether_filled(struct arena *arena, struct findings *found, struct error *error)
{
    const struct apk_region *region = &found->apk.region;
    size_t length = (size_t)region->length;
    char *blank = arena_buffer(arena, length), *bytes = arena_buffer(arena, length);
    if (length == 0) return STATUS_OK;
    TRY(apk_fill((struct apk_filling){found->apk.schemes, blank, length}, 0, NULL, error));
    TRY(found->source.read(found->source.context, region->offset, bytes, length, error));
    found->filled = memcmp(blank, bytes, length) != 0;
    return STATUS_OK;
}

static enum status look(struct arena *arena, const char *path, struct findings *found, struct error *error)
{
    *found = (struct findings){.path = path};
    TRY(file_source(arena, path, &found->source, error));
    if (apk_examine(arena, &found->source, &found->apk, error) != STATUS_OK) return error_context(error, "%s", path);
    (void)apk_manifest(arena, &found->apk, &found->manifest, &found->no_manifest);
    apk_read_channels(arena, &found->apk, &found->channels);
    return see_whether_filled(arena, found, error);
}

/* --- for people */

typedef unsigned long long number;

/* What is in a package is not to give orders to the terminal. */
static struct str shown(struct arena *arena, struct str text)
{
    if (str_empty(text)) return S("nothing");
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f) copy[i] = '?';
    return str_make(copy, text.length);
}

static void print_manifest(struct arena *arena, const struct findings *found)
{
    const struct apk_manifest *manifest = &found->manifest;
    if (found->no_manifest.status != STATUS_OK) {
        printf("package     unknown: %s\n", found->no_manifest.text);
        return;
    }
    printf("package     " STR_FMT, STR_ARG(shown(arena, manifest->package)));
    if (!str_empty(manifest->version_name)) printf(" " STR_FMT, STR_ARG(shown(arena, manifest->version_name)));
    if (manifest->has_version_code)
        printf(", version code %llu\n", (number)manifest->version_code);
    else
        printf(", no version code\n");
}

static void print_pairs(const struct apk *apk)
{
    printf("            %10s %9s  id\n", "offset", "bytes");
    for (size_t i = 0; i < apk->pair_count; i++) {
        const struct apk_pair *pair = &apk->pairs[i];
        const char *name = apk_id_name(pair->id);
        printf("            %10llu %9zu  0x%08x  %s\n", (number)pair->offset, 12 + pair->value.length, pair->id, name ? name : "unknown");
    }
}

static void print_block(const struct apk *apk)
{
    if (apk->block_size == 0) {
        printf("block       none\n");
        return;
    }
    bool pages = apk->block % 4096 == 0 && apk->block_size % 4096 == 0;
    printf("block       %llu bytes at %llu%s\n", (number)apk->block_size, (number)apk->block, pages ? ", whole pages" : "");
    print_pairs(apk);
}

static void print_region(const struct findings *found)
{
    const struct apk_region *region = &found->apk.region;
    if (region->length == 0) printf("region      none\n");
    if (region->length > 0)
        printf("region      %llu bytes at %llu, %s\n", (number)region->length, (number)region->offset, found->filled ? "filled" : "empty");
}

static void print_channels(struct arena *arena, const struct findings *found)
{
    enum apk_place place = apk_format_place(found->apk.schemes);
    const char *label = "channel";
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        if (!(apk_formats_in(place) >> i & 1)) continue;
        printf("%-11s %-10s " STR_FMT "\n", label, apk_formats[i]->reader, STR_ARG(shown(arena, found->channels.seen[i])));
        label = "";
    }
}

static void print_text(struct arena *arena, const struct findings *found)
{
    const struct apk *apk = &found->apk;
    printf("%s: %llu bytes\n", found->path, (number)apk->size);
    print_manifest(arena, found);
    printf("signed      " STR_FMT "\n", STR_ARG(apk->schemes ? apk_schemes_name(arena, apk->schemes) : S("no")));
    printf("ZIP         %llu entries, directory of %llu bytes at %llu, comment of %zu bytes\n", (number)apk->entries,
           (number)apk->directory_size, (number)apk->directory, apk->comment.length);
    print_block(apk);
    print_region(found);
    print_channels(arena, found);
}

/* --- for scripts */

static json_t *json_text(struct str text)
{
    return str_empty(text) ? json_null() : json_stringn(text.data, text.length);
}

static json_t *json_number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *json_schemes(struct arena *arena, unsigned schemes)
{
    json_t *list = json_array();
    for (unsigned scheme = APK_V1; scheme <= APK_V31; scheme *= 2)
        if (schemes & scheme) json_array_append_new(list, json_text(apk_schemes_name(arena, scheme)));
    return list;
}

static json_t *json_block(struct arena *arena, const struct apk *apk)
{
    if (apk->block_size == 0) return json_null();
    json_t *pairs = json_array();
    for (size_t i = 0; i < apk->pair_count; i++) {
        const struct apk_pair *pair = &apk->pairs[i];
        struct str id = arena_printf(arena, "0x%08x", pair->id);
        json_array_append_new(pairs, json_pack("{so so so so}", "id", json_text(id), "name", json_text(str_of(apk_id_name(pair->id))),
                                               "offset", json_number(pair->offset), "size", json_number(12 + pair->value.length)));
    }
    return json_pack("{so so so}", "offset", json_number(apk->block), "size", json_number(apk->block_size), "pairs", pairs);
}

static json_t *json_region(const struct findings *found)
{
    const struct apk_region *region = &found->apk.region;
    if (region->length == 0) return json_null();
    return json_pack("{so so sb}", "offset", json_number(region->offset), "length", json_number(region->length), "filled", found->filled);
}

static json_t *json_manifest(const struct findings *found)
{
    const struct apk_manifest *manifest = &found->manifest;
    if (found->no_manifest.status != STATUS_OK) return json_null();
    return json_pack("{so so so}", "package", json_text(manifest->package), "version_name", json_text(manifest->version_name),
                     "version_code", manifest->has_version_code ? json_number(manifest->version_code) : json_null());
}

static json_t *json_object_text(struct str text)
{
    return str_empty(text) ? json_null() : json_loadb(text.data, text.length, 0, NULL);
}

static json_t *json_channels(const struct apk_channels *channels)
{
    json_t *object = json_object();
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        json_object_set_new(object, apk_format_name(i), (apk_formats[i]->info ? json_object_text : json_text)(channels->seen[i]));
    return object;
}

static enum status print_json(struct arena *arena, const struct findings *found, struct error *error)
{
    const struct apk *apk = &found->apk;
    json_t *zip = json_pack("{so so so so}", "entries", json_number(apk->entries), "directory", json_number(apk->directory),
                            "directory_size", json_number(apk->directory_size), "comment", json_number(apk->comment.length));
    json_t *all = json_pack("{ss so so so so so so so}", "file", found->path, "size", json_number(apk->size), "manifest",
                            json_manifest(found), "schemes", json_schemes(arena, apk->schemes), "zip", zip, "block", json_block(arena, apk),
                            "region", json_region(found), "channels", json_channels(&found->channels));
    ENSURE(all, error, STATUS_INVALID, "%s: its name is not UTF-8, which JSON wants", found->path);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return STATUS_OK;
}

/* --- */

static enum status run_inspect(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)count;
    struct findings found;
    TRY(look(arena, words[0].data, &found, error));
    if (as_json) return print_json(arena, &found, error);
    print_text(arena, &found);
    return STATUS_OK;
}

int cmd_inspect(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_inspect);
}
