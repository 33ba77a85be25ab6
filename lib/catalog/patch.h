/* Published patches (lib/patch/FORMAT.md), base to base. The record `patches/<app>/<from>..<to>.json` is written last and names the patch
 * beside it. Every producer puts its patch under a name of its own, so that no store, however it races, can replace the patch of another
 * producer: the record, put if absent, alone decides. Where there is a record there is a whole patch, which was checked by applying it. */
#ifndef CATALOG_PATCH_H
#define CATALOG_PATCH_H

#include "lib/catalog/catalog.h"
#include "lib/transfer/progress.h"

struct patch {
    struct str app, from, to; /* ids; versions without ".." in them */
    struct str diff;          /* file name of the patch: patch_is_diff; empty: `<from>..<to>.diff` */
    uint64_t size;
    struct str sha256;                 /* of the .diff, hexadecimal */
    struct str from_sha256, to_sha256; /* of the bases: a patch between others than those published is none */
    struct str etag;                   /* the .diff's own, as the store says it */
    struct str seen;                   /* in memory only: as in record_object */
    int64_t modified;                  /* likewise */
    int64_t published;
    int64_t recorded; /* in memory only: when the record was put, by the store's clock */
};

/* `<from>..<to>@<32 random hexadecimal digits>.diff`, as producers name patches; or `<from>..<to>.diff`, as version 0.1 did and edges'
 * stores have it, which one writer fills. No version has an '@' in it. */
enum { PATCH_DIFF_DIGITS = 32 };
bool patch_is_diff(struct str name, struct str from, struct str to);

/* Keys. */
struct str patch_diff_key(struct arena *, const struct patch *);
struct str patch_json_key(struct arena *, struct str app, struct str from, struct str to);
/* "<from>..<to>" taken apart. False where it is not two ids without ".." in them. */
bool patch_versions(struct str name, struct str *from, struct str *to);
/* STATUS_INVALID, with words, for what can be no patch's name. */
enum status patch_check_names(struct str app, struct str from, struct str to, struct error *);

enum status patch_parse(struct arena *, struct str json, struct patch *, struct error *);
struct str patch_format(struct arena *, const struct patch *);

/* One small get. STATUS_NOT_FOUND, with words, where there is none. */
enum status patch_load(struct catalog, struct str from, struct str to, struct patch *, struct error *);

/* Makes the patch and publishes it, or finds it published: `patch` says from and to, the rest is filled in; patches that no record names
 * are removed. Both bases are read into nameless files in $TMPDIR (/tmp), where their digests are checked; memory stays under 512 MiB.
 * Repeatable: an earlier run that was cut off, or another that is at work, is no matter. STATUS_NOT_FOUND where a version is not published;
 * STATUS_INVALID where `from` and `to` are one. io.deadline bounds each step with the store, not the whole: making takes a second for some
 * 20 MB of `to`. `progress` may be NULL; its total is set. */
enum status patch_produce(struct catalog, struct patch *, struct progress *, struct error *);

/* Takes away the patches that lead from a version or to it, records first: nobody shall get to a version that is withdrawn. */
enum status patch_withdraw(struct catalog, struct str version, struct error *);

#endif
