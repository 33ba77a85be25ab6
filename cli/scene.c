#include <stdio.h>
#include <stdlib.h>

#include "cli/stored.h"
#include "lib/gather/scene.h"

static struct str store_url;
static const struct command_option store_options[] = {STORED_OPTION(&store_url)};

/* --- set */

static const struct command set = {
    .name = "scene set",
    .arguments = "FILE.json",
    .summary = "Checks a scene, what is gathered into one answer, and publishes it; '-' reads it from standard input.",
    .example = "pakhus scene set --store s3://packages home.json",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

/* What a scene reads from a store must be in this one. */
static enum status check_stored(const struct gather_scene *scene, struct error *error)
{
    struct str place = command_setting(store_url, SETTING_STORE), key;
    for (size_t i = 0; i < scene->list.count; i++) {
        struct str address = scene->list.items[i].address;
        if (store_is_address(address) && store_locate(place.data, address, &key, error) != STATUS_OK)
            return error_context(error, "scene.resources[%zu].address", i);
    }
    return STATUS_OK;
}

static enum status run_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct gather_scene scene;
    (void)count;
    TRY(command_read(arena, words[0].data, 1 << 20, &text, error));
    TRY(gather_scene_parse(arena, text, &scene, error)); /* before there is a store: its words are of the scene */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(check_stored(&scene, error));
    TRY(gather_scene_publish(store, command_io(arena), text, &scene, error));
    fprintf(stderr, STR_FMT ": generation %llu\n", STR_ARG(scene.name), (unsigned long long)scene.generation);
    return STATUS_OK;
}

/* --- show */

static const struct command show = {
    .name = "scene show",
    .arguments = "SCENE",
    .summary = "Prints a scene.",
    .example = "pakhus scene show --store s3://packages home",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct gather_scene scene;
    (void)count;
    TRY(stored_check_id(words[0], "SCENE", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(gather_scene_load(store, command_io(arena), words[0], 0, &scene, error));
    fwrite(scene.text.data, 1, scene.text.length, stdout);
    return STATUS_OK;
}

/* --- list */

static bool json;
static const struct command_option list_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print the scenes as a JSON array"},
};
static const struct command list = {
    .name = "scene list",
    .arguments = "",
    .summary = "Lists the scenes: scene, tab, resources, tab, deadline.",
    .example = "pakhus scene list --store s3://packages",
    COMMAND_OPTIONS(list_options),
};

static enum status print_line(struct arena *arena, struct store *store, struct str name, struct error *error)
{
    struct gather_scene scene;
    TRY(gather_scene_load(store, command_io(arena), name, 0, &scene, error));
    printf(STR_FMT "\t%zu\t" STR_FMT "\n", STR_ARG(name), scene.list.count, STR_ARG(clock_format_span(arena, scene.list.deadline)));
    return STATUS_OK;
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str *names;
    size_t name_count;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(gather_scene_list(store, command_io(arena), &names, &name_count, error));
    for (size_t i = 0; !json && i < name_count; i++) TRY(print_line(arena, store, names[i], error));
    if (json) stored_print_ids(arena, names, name_count);
    return STATUS_OK;
}

static int cmd_set(int argc, char **argv)
{
    return command_main(&set, argc, argv, run_set);
}

static int cmd_show(int argc, char **argv)
{
    return command_main(&show, argc, argv, run_show);
}

static int cmd_list(int argc, char **argv)
{
    return command_main(&list, argc, argv, run_list);
}

int cmd_scene(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_set, "check one and publish it"},
        {"show", cmd_show, "print one"},
        {"list", cmd_list, "which there are"},
    };
    return command_choose("scene", entries, sizeof entries / sizeof *entries, argc, argv);
}
