/* The newest version of an app, which devices are offered while none is released: `packages/<app>/.newest/<n>`, a versioned document, so
 * that queries need not look at all versions. Whoever publishes, unpublishes or releases keeps it right, also after a writer that was
 * killed. */
#ifndef CATALOG_NEWEST_H
#define CATALOG_NEWEST_H

#include "lib/catalog/catalog.h"

/* The version that the document names. STATUS_NOT_FOUND where there is none yet, as version 0.1 wrote none, or it makes no sense: then all
 * versions must be looked at, as must be where the version is not published any more. */
enum status newest_load(struct catalog, struct str *version, struct error *);

/* Makes the document name the version with the highest version code, of several the one that was published last. Reads the records of those
 * versions alone that were published since it was written, by the store's clock, and of `published` (empty: none), which the caller has
 * just published; of all versions where the one that it named is not there any more as it was. io.deadline bounds each step. */
enum status newest_refresh(struct catalog, struct str published, struct error *);

#endif
