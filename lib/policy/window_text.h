/* Windows (P8) as JSON, and as words. */
#ifndef POLICY_WINDOW_TEXT_H
#define POLICY_WINDOW_TEXT_H

#include "lib/config/config.h"
#include "lib/policy/policy.h"

/* Reads the field "window" of `config`, where it is there. STATUS_INVALID names what is wrong. */
enum status window_parse(struct config *, struct window *, struct error *);
struct str window_format(struct arena *, const struct window *);

/* `06:00`, or `2026-08-21T06:00`: of WINDOW_SINCE and WINDOW_DATE. */
struct str window_since_text(struct arena *, const struct window *);
/* `06:00-24:00`: of WINDOW_SLOT. */
struct str window_slot_text(struct arena *, const struct window *, unsigned slot);

#endif
