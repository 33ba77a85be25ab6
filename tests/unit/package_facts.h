/* A catalogue for tests of placement, which knows every package but those of the app GONE. */
#ifndef TESTS_UNIT_PACKAGE_FACTS_H
#define TESTS_UNIT_PACKAGE_FACTS_H

#include "lib/policy/evaluate.h"

/* A package_facts_fn: the size is in the version, S/100, or 10. */
static inline enum status facts_of(void *context, struct io io, const struct package_name *name, struct package_facts *facts,
                                   struct error *error)
{
    (void)context;
    (void)io;
    ENSURE(!str_equal(name->app, S("GONE")), error, STATUS_NOT_FOUND, "it is not published");
    if (!str_to_u64(name->version, &facts->size)) facts->size = 10;
    return STATUS_OK;
}

#endif
