/* What publishing a file and preparing an upload have in common: from an APK to the arguments of package_publish or package_compose. */
#ifndef CATALOG_PUBLISH_H
#define CATALOG_PUBLISH_H

#include "lib/apk/check.h"
#include "lib/apk/prepare.h"
#include "lib/catalog/package.h"

enum { PUBLISH_WARNINGS_MAX = 4 };

struct publish_plan {
    struct apk_prepared prepared;
    struct package package;
    struct apk_certificates certificates;      /* none where the signature can't be read */
    struct str warnings[PUBLISH_WARNINGS_MAX]; /* for a person: no version code is known; what `force` let pass */
    size_t warning_count;
    bool force;
};

/* Checks the APK (apk_check) and plans its base package. With `force`, which only a person may set, a package that devices would refuse is
 * a warning; else STATUS_INVALID. Other errors as apk_check's and apk_prepare's, and STATUS_INVALID for a region that is too small for what
 * channel info is checked against. `app` and `version` are ids. */
struct publish_options {
    struct str app, version;
    uint64_t region; /* bytes to reserve */
    bool force;
};
enum status publish_plan(struct arena *, const struct apk_source *, const struct publish_options *, struct publish_plan *, struct error *);
/* To be called before anything is written. STATUS_UNSUPPORTED: the store does not keep its promises. STATUS_INVALID: the app's formats do
 * not suit the package, or it is another application than the app's version before: it has another package name, or none of its
 * certificates (a warning with plan->force). */
enum status publish_check(struct store *, struct io, struct publish_plan *, struct error *);

#endif
