/* The name of a package (P3): app/version, app/version/channel or, for a patch, app/from..to, which is of format 1, or app/from..to@2, of
 * format 2; and its file name on an edge, in the published underscore form, which is for files and people and is never taken apart. The two
 * patches of a pair are two packages: each is counted, placed and held for itself. */
#ifndef EDGES_NAME_H
#define EDGES_NAME_H

#include "base/arena.h"
#include "base/error.h"

struct package_name {
    struct str app, version; /* of a patch: its target */
    struct str channel;      /* empty: none */
    struct str from;         /* of a patch; empty: a full package */
    unsigned format;         /* of a patch: 1 or 2; 0 is 1 */
};
/* Slices of the text. STATUS_INVALID. */
enum status package_name_parse(struct str text, struct package_name *, struct error *);
struct str package_name_format(struct arena *, const struct package_name *);
/* APP_2.0.apk, APP_2.0_huawei.apk, APP_1.0_2.0.diff, APP_1.0_2.0@2.diff. An '_' inside an id becomes "_.", which no separator
 * is followed by, so that no two packages get one file. */
struct str package_name_file(struct arena *, const struct package_name *);

#endif
