/* What is not HTTP: `{"pakhus":"evaluate",…}` by direct invoke or in a schedule's input, an EventBridge schedule without one, a Function
 * Compute timer, whose payload may be empty. */
#ifndef FUNCTIONS_COMMON_EVENT_H
#define FUNCTIONS_COMMON_EVENT_H

#include "lib/config/config.h"

/* What is meant for us: a timer's payload, or the event as it is; `{}` where a schedule says nothing but that it is time. */
struct str event_unwrap(struct arena *, struct str event);
/* The same, opened; `pakhus` must be `kind` where it is there. Read the fields, then config_end. */
enum status event_open(struct arena *, struct str event, const char *kind, struct config *, struct error *);

#endif
