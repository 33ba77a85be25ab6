/* What the commands that work on a store share. */
#ifndef CLI_STORED_H
#define CLI_STORED_H

#include "cli/command.h"
#include "functions/common/app.h"
#include "lib/store/store.h"

#define STORED_OPTION(target)                                                                                                              \
    {                                                                                                                                      \
        "store", 's', OPTION_TEXT, (target), "URL", STORE_URLS "; or PAKHUS_STORE"                                                         \
    }

/* The value of --store, or PAKHUS_STORE. Closed with the arena. */
enum status stored_open(struct arena *, struct str url, struct store **, struct error *);
/* Asks a store whether it is there, so that one that is not is told of soon, however long what follows may take. */
enum status stored_reach(struct arena *, struct store *, struct error *);
/* For what runs as the functions do: their app, on the store of --store or PAKHUS_STORE. */
enum status stored_app(struct str url, struct app **, struct error *);
/* Refuses what is not an id, by the name of the argument. */
enum status stored_check_id(struct str, const char *what, struct error *);
enum status stored_check_version(struct str, const char *what, struct error *);
/* On stdout, as a JSON array. */
void stored_print_ids(struct arena *, const struct str *ids, size_t count);

#endif
