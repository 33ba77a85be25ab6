/* Time zones by their IANA names, such as Europe/Berlin, as offsets from UTC, by the time zone data (tzdata) of this machine. */
#ifndef ADMISSION_ZONE_INTERNAL_H
#define ADMISSION_ZONE_INTERNAL_H

#include "base/error.h"
#include "lib/admission/day.h"

/* Whether the text looks like a name: letters, digits and "/_+-", from a letter on; "Z" is an offset, and "device" a word of profiles. */
bool zone_is_name(struct str);

/* The offsets that hold from `from` to `to`; the first item's moment is `from`. STATUS_NOT_FOUND where this machine has no time zone data,
 * or not for this name; STATUS_INVALID where the span is over ten years, as nobody knows the rules that far ahead. Sets TZ meanwhile: not
 * for processes with several threads. */
enum status zone_resolve(struct arena *, struct str name, int64_t from, int64_t to, struct day_zone *, struct error *);

#endif
