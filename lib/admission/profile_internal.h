/* Parts of admission_profile_parse that have files of their own. */
#ifndef ADMISSION_PROFILE_INTERNAL_H
#define ADMISSION_PROFILE_INTERNAL_H

#include "lib/admission/profile.h"
#include "lib/config/config.h"

enum { PROFILE_URLS_MAX = 16 };

/* `timezone` and `timezone_offsets`. */
enum status profile_parse_zone(struct config *, struct admission_profile *, struct error *);
/* A field that is an array of URLs, of which each may be "edge", or the text "edge" alone. An empty array counts as none. */
enum status profile_parse_urls(struct config *, const char *name, size_t most, struct admission_urls *, struct error *);
/* `urls`, `sources` and `query`; gives each level its addresses. Levels must have been parsed. */
enum status profile_parse_sources(struct config *, struct admission_profile *, struct error *);

#endif
