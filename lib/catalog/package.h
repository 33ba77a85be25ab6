/* Published packages. The record `packages/<app>/<version>/package.json` is written last and names the base package beside it. Every
 * publisher puts its base under a name of its own, so that no store, however it races, can replace the base of another publisher: the
 * record, put if absent, alone decides who published. Where there is a record there is a whole package. */
#ifndef CATALOG_PACKAGE_H
#define CATALOG_PACKAGE_H

#include "lib/apk/apk.h"
#include "lib/catalog/catalog.h"

struct package {
    struct str app, version;
    struct str base; /* file name of the base package */
    uint64_t size;
    struct str sha256; /* of the base, hexadecimal */
    unsigned schemes;
    struct apk_region region;
    struct str name;       /* of the Android package; empty where the manifest could not be read */
    uint64_t version_code; /* likewise 0 */
    struct str etag;       /* the base's own, as the store says it */
    struct str seen;       /* in memory only: as in record_object */
    int64_t modified;      /* likewise */
    int64_t published;
    int64_t recorded; /* in memory only: when the record was put, by the store's clock */
};

/* An id without ".." in it, which stands between the two versions of a patch: only such a version is published. */
bool package_is_version(struct str);

/* `base-<32 hexadecimal digits>.apk`: the first digits of the base's SHA-256 where it is known before the base is put, else random ones.
 * Version 0.1 wrote every base as `base.apk`. */
#define PACKAGE_FIRST_BASE "base.apk"
enum { PACKAGE_BASE_DIGITS = 32 };
bool package_is_base(struct str name);

/* Keys. `app` and `version` are ids. The folder ends in '/'. */
struct str package_folder(struct arena *, struct str app, struct str version);
struct str package_base_key(struct arena *, const struct package *);
struct str package_json_key(struct arena *, struct str app, struct str version);

enum status package_parse(struct arena *, struct str json, struct package *, struct error *);
struct str package_format(struct arena *, const struct package *);

/* STATUS_NOT_FOUND, with words, where it is not published. */
enum status package_load(struct catalog, struct str version, struct package *, struct error *);

/* Publishes what `stream` yields: `package` says size, schemes, region, name and version code; the rest is filled in. Repeatable: the same
 * bytes again are STATUS_OK; others are STATUS_PRECONDITION. If the stored base is missing, or is not the object that the record describes,
 * the same bytes are put again under another name and the record is corrected. Bases of publishers that were interrupted are removed.
 * STATUS_INVALID: the version has ".." in it. Does not close the stream. io.deadline bounds each step and each part of the upload, not the
 * whole. */
enum status package_publish(struct store *, struct io, struct stream, struct package *, struct error *);
/* The same of pieces of what is in this store already, such as an upload, or can be copied into it: they are joined there, and read once
 * for the digest, unless package->sha256 tells it: then nothing is read, and a copy that was cut off goes on (store_put.resume). */
struct package_pieces {
    const struct store_piece *items;
    size_t count;
    struct deadline end; /* as in store_put */
};
enum status package_compose(struct store *, struct io, const struct package_pieces *, struct package *, struct error *);
/* Removes the record, and after it every base of this version. */
enum status package_unpublish(struct catalog, struct str version, struct error *);

#endif
