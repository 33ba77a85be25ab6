/* Published packages: `packages/<app>/<version>/base.apk`, never changed, and `package.json`, written last. Where there is a package.json
 * there is a whole package. */
#ifndef CATALOG_PACKAGE_H
#define CATALOG_PACKAGE_H

#include "lib/apk/apk.h"
#include "lib/store/store.h"

struct package {
    struct str app, version;
    uint64_t size;
    struct str sha256; /* of base.apk, hexadecimal */
    unsigned schemes;
    struct apk_region region;
    struct str name;       /* of the Android package; empty where the manifest could not be read */
    uint64_t version_code; /* likewise 0 */
    struct str etag;       /* base.apk's own, as the store says it */
    int64_t modified;      /* likewise */
    int64_t published;
};

/* An id without ".." in it, which stands between the two versions of a patch: only such a version is published. */
bool package_is_version(struct str);

/* Keys. `app` and `version` are ids. */
struct str package_base_key(struct arena *, struct str app, struct str version);
struct str package_json_key(struct arena *, struct str app, struct str version);

enum status package_parse(struct arena *, struct str json, struct package *, struct error *);
struct str package_format(struct arena *, const struct package *);

/* STATUS_NOT_FOUND, with words, where it is not published. */
enum status package_load(struct store *, struct io, struct str app, struct str version, struct package *, struct error *);

/* Publishes what `stream` yields: `package` says size, schemes, region, name and version code; the rest is filled in. Repeatable: the same
 * bytes again are STATUS_OK, also where an earlier run was cut off between the two objects; others are STATUS_PRECONDITION. STATUS_INVALID:
 * the version has ".." in it. Does not close the stream. io.deadline bounds each step and each part of the upload, not the whole. */
enum status package_publish(struct store *, struct io, struct stream, struct package *, struct error *);
/* The same of pieces of what is in this store already, such as an upload, or can be copied into it: they are joined there, and read once
 * for the digest, unless package->sha256 tells it: then nothing is read, and a copy that was cut off goes on (store_put.resume). `end`: as
 * in store_put. */
enum status package_compose(struct store *, struct io, const struct store_piece *, size_t count, struct deadline end, struct package *,
                            struct error *);
/* package.json goes first, so that no answer names a base that is half gone. STATUS_NOT_FOUND where there is nothing at all. */
enum status package_unpublish(struct store *, struct io, struct str app, struct str version, struct error *);

#endif
