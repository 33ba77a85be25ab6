/* Published profiles: `profiles/<resource>/<n>`, a row of generations. The text is kept as the operator wrote it, with the
 * offsets of its time zone behind it. */
#ifndef ADMISSION_PUBLISHED_H
#define ADMISSION_PUBLISHED_H

#include "lib/admission/profile.h"
#include "lib/store/store.h"

struct admission_published {
    struct admission_profile profile;
    struct str text;
    uint64_t generation;
};

/* Refuses a profile that admission_profile_parse does; publishing what is published already changes nothing. */
enum status admission_publish(struct store *, struct io, struct str text, struct admission_published *, struct error *);
/* The newest; STATUS_NOT_FOUND where there is none, STATUS_NOT_MODIFIED where it is the one of the generation `known` (0: none). */
enum status admission_load(struct store *, struct io, struct str resource, uint64_t known, struct admission_published *, struct error *);
/* The resources that have a profile, in the order of their keys. */
enum status admission_list(struct store *, struct io, struct str **resources, size_t *count, struct error *);

#endif
