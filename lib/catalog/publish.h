/* What publishing a file and preparing an upload have in common: from an APK to what package_publish or package_compose wants. */
#ifndef CATALOG_PUBLISH_H
#define CATALOG_PUBLISH_H

#include "lib/apk/prepare.h"
#include "lib/catalog/package.h"

struct publish_plan {
    struct apk_prepared prepared;
    struct package package;
    struct str warning; /* why no version code is known; empty: it is */
};

/* Errors as apk_prepare's, and STATUS_INVALID for a region that is too small for what channel info is checked against. `app` and `version`
 * are ids. */
enum status publish_plan(struct arena *, const struct apk_source *, struct str app, struct str version, uint64_t region,
                         struct publish_plan *, struct error *);
/* Asked before anything is written: whether the store keeps its promises, and the app's formats suit the package. */
enum status publish_check(struct store *, struct io, const struct package *, struct error *);

#endif
