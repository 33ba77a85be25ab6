/* What is not HTTP: `{"pakhus":"evaluate",…}` by direct invoke or in a schedule's input, an EventBridge schedule without one, a Function
 * Compute timer, whose payload may be empty. */
#ifndef FUNCTIONS_COMMON_EVENT_H
#define FUNCTIONS_COMMON_EVENT_H

#include "lib/config/config.h"

/* What is meant for us, opened: a timer's payload, or the event as it is; nothing where a schedule says only that it is time. `pakhus` must
 * be `kind` where it is there. Read the fields, then config_end. */
enum status event_open(struct arena *, struct str event, const char *kind, struct config *, struct error *);

#endif
