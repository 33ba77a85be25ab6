/* How packages are made for edges (lib/placement/reconcile.h): a base and a patch as they stand in the store, a channel package by filling
 * the base's region on the way, a patch that does not exist by making it. */
#ifndef FUNCTIONS_COMMON_MAKER_H
#define FUNCTIONS_COMMON_MAKER_H

#include "functions/common/app.h"
#include "lib/placement/reconcile.h"

/* Lives in app->arena. */
struct package_maker maker_of(struct app *);

#endif
