/* Published patches (lib/patch/FORMAT.md), base to base. The record `patches/<app>/<from>..<to>.json` is written last and names the patch
 * beside it. Every producer puts its patch under a name of its own, so that no store, however it races, can replace the patch of another
 * producer: the record, put if absent, alone decides. Where there is a record there is a whole patch, which was checked by applying it.
 *
 * A pair of versions has a patch of each format that was asked for, which are two objects with two records: what is named `<from>..<to>` is
 * of format 1, which every device can apply, and what is named `<from>..<to>@2` of format 2. */
#ifndef CATALOG_PATCH_H
#define CATALOG_PATCH_H

#include "lib/catalog/catalog.h"
#include "lib/patch/patch.h"
#include "lib/transfer/progress.h"

struct patch {
    struct str app, from, to; /* ids; versions without ".." in them */
    unsigned format;          /* enum patch_format; 0: 1 */
    struct str diff;          /* file name of the patch: patch_is_diff; empty: `<from>..<to>.diff`, or `<from>..<to>@2.diff` */
    uint64_t size;
    struct str sha256;                 /* of the .diff, hexadecimal */
    struct str from_sha256, to_sha256; /* of the bases: a patch between others than those published is none */
    struct str etag;                   /* the .diff's own, as the store says it */
    struct str seen;                   /* in memory only: as in record_object */
    int64_t modified;                  /* likewise */
    int64_t published;
    int64_t recorded; /* in memory only: when the record was put, by the store's clock */
};

/* `<from>..<to>@<32 random hexadecimal digits>.diff`, as producers name patches, of format 2 `<from>..<to>@2@<digits>.diff`; or without
 * these digits, as version 0.1 did and edges' stores have it, which one writer fills. No version has an '@' in it, so that a name is of one
 * format. */
enum { PATCH_DIFF_DIGITS = 32 };
bool patch_is_diff(struct str name, const struct patch *);

/* Names and keys, which say app, versions and format. */
struct str patch_name(struct arena *, const struct patch *); /* `<from>..<to>` or `<from>..<to>@2` */
struct str patch_diff_key(struct arena *, const struct patch *);
struct str patch_json_key(struct arena *, const struct patch *);
/* Such a name taken apart, in place: versions and format. False where it is none. */
bool patch_parse_name(struct str name, struct patch *);
/* STATUS_INVALID, with words, for what can be no patch's name. */
enum status patch_check_names(const struct patch *, struct error *);

enum status patch_parse(struct arena *, struct str json, struct patch *, struct error *);
struct str patch_format(struct arena *, const struct patch *);

/* One small get. `patch` says from, to and format, the rest is filled in. STATUS_NOT_FOUND, with words, where there is none. */
enum status patch_load(struct catalog, struct patch *, struct error *);

/* Makes the patch and publishes it, or finds it published: `patch` says from, to and format, the rest is filled in; patches that no record
 * names are removed. Both bases are read into nameless files in $TMPDIR (/tmp), where their digests are checked; memory stays under 512
 * MiB. Repeatable: an earlier run that was cut off, or another that is at work, is no matter. STATUS_NOT_FOUND where a version is not
 * published; STATUS_INVALID where `from` and `to` are one. io.deadline bounds each step with the store, not the whole: making takes a
 * second for some 20 MB of `to`. `progress` may be NULL; its total is set. */
enum status patch_produce(struct catalog, struct patch *, struct progress *, struct error *);

/* The same for a patch that was made elsewhere, which is applied before it is published: `patch` says from and to, and perhaps the format,
 * which is otherwise what the patch's header says. STATUS_CORRUPT: it is no patch, or makes something else; STATUS_INVALID: it has another
 * format, or another patch of these versions and this format is published. */
enum status patch_publish(struct catalog, struct patch *, struct str diff, struct progress *, struct error *);

/* Takes away the patches that lead from a version or to it, records first: nobody shall get to a version that is withdrawn. */
enum status patch_withdraw(struct catalog, struct str version, struct error *);

#endif
