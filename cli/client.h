/* The options by which a client of admission describes itself: one for each row of ADMISSION_FIELDS. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli/command.h"
#include "lib/admission/client.h"

extern struct str client_texts[ADMISSION_FIELD_COUNT]; /* as given; without data where not */

#define CLIENT_OPTION(id, name, argument, help)                                                                                            \
    {                                                                                                                                      \
        name, 0, OPTION_TEXT, &client_texts[ADMISSION_##id], argument, help                                                                \
    }
#define CLIENT_OPTIONS ADMISSION_FIELDS(CLIENT_OPTION, ADMISSION_COMMA)

/* What was given, checked; errors name the option. */
enum status client_read(struct arena *, struct str id, struct admission_client *, struct error *);

#endif
