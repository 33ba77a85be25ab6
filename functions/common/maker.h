/* How packages are made for edges (lib/delivery/delivery.h): a base and a patch as they stand in the store, a channel package by filling
 * the base's region on the way, a patch that does not exist by making it. */
#ifndef FUNCTIONS_COMMON_MAKER_H
#define FUNCTIONS_COMMON_MAKER_H

#include "functions/common/app.h"
#include "lib/delivery/delivery.h"

/* Lives in app->arena. */
struct package_maker maker_of(struct app *);

#endif
