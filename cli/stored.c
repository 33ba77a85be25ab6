#include "cli/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void close_store(void *context)
{
    store_close(context);
}

static void tell_wait(const char *line)
{
    bool is_terminal = isatty(STDERR_FILENO) == 1; /* where a progress bar may stand */
    fprintf(stderr, "%spakhus: %s\n", is_terminal ? "\r\033[K" : "", line);
}

enum status stored_open(struct arena *arena, struct str url, struct store **store, struct error *error)
{
    struct str place = command_setting(url, SETTING_STORE);
    ENSURE(place.length > 0, error, STATUS_INVALID, "say which store: --store URL, or PAKHUS_STORE (" STORE_URLS ")");
    if (store_open(place.data, store, error) != STATUS_OK) return setting_refuse(SETTING_STORE, error);
    arena_defer(arena, close_store, *store);
    store_tell_waits(tell_wait);
    return STATUS_OK;
}

static bool none(void *context, const struct store_object *object)
{
    (void)context, (void)object;
    return false;
}

enum status stored_reach(struct arena *arena, struct store *store, struct error *error)
{
    return store_list(store, command_io(arena), S("edges/"), 1, none, NULL, error);
}

enum status stored_app(struct str url, struct app **app, struct error *error)
{
    if (url.data) setting_give(SETTING_STORE, url);
    ENSURE(setting(SETTING_STORE).data, error, STATUS_INVALID, "say where the packages are: --store URL, or PAKHUS_STORE");
    store_tell_waits(tell_wait);
    return app_open(app, error);
}

enum status stored_check_id(struct str id, const char *what, struct error *error)
{
    ENSURE(str_is_id(id), error, STATUS_INVALID,
           "%s must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot; '" STR_FMT "' is not", what, STR_ARG(id));
    return STATUS_OK;
}

enum status stored_check_version(struct str version, const char *what, struct error *error)
{
    ENSURE(str_is_version(version), error, STATUS_INVALID, "%s must be " STR_VERSION_RULE "; '" STR_FMT "' is not", what, STR_ARG(version));
    return STATUS_OK;
}

void stored_print_ids(struct arena *arena, const struct str *ids, size_t count)
{
    struct json_writer all = command_json(arena);
    json_open_array(&all, NULL);
    for (size_t i = 0; i < count; i++) json_put_text(&all, NULL, ids[i]);
    json_close(&all);
    command_print(&all);
}
