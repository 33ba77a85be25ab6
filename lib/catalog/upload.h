/* Packages that are put into the store to be prepared there (S14): `uploads/<app>/<version>.apk`, and beside it `<version>.report.json` for
 * as long as it is not done:
 *
 *     {"state":"started|failed","app":…,"version":…,"key":…,"etag":…,"size":…,"time":…,"problem":…,"advice":…}
 *
 * `started` that stays tells that the one who prepared it was stopped, for lack of time or memory: nobody else could say so. */
#ifndef CATALOG_UPLOAD_H
#define CATALOG_UPLOAD_H

#include "lib/catalog/publish.h"

/* Whether a key is that of an upload. */
bool upload_parse_key(struct str key, struct str *app, struct str *version);

/* Whether a key of uploads/ has the ending of a package (.apk, .aab, .apks, .xapk, .apkm; in any case) and is not that of an upload. */
bool upload_is_misnamed(struct str key);
/* Leaves a report beside a misnamed upload, `<key>.report.json`; `object` is its name as it was put. Never STATUS_OK: STATUS_INVALID with
 * the problem, or why no report could be left. */
enum status upload_refuse(struct store *, struct io, struct str key, struct str object, struct error *);

/* Prepares and publishes what stands there now. Memory stays bounded however large it is; where the store is an s3:// one only what changes
 * is sent, and the rest copied by the server. Repeatable, also while another one is at it. Success takes an old report away. A failure
 * leaves one, unless the upload was replaced or removed meanwhile: then what is said of it now is for others to say, and the status is
 * STATUS_NOT_FOUND. STATUS_PRECONDITION where the version is published with other bytes. io.deadline bounds each step, not the whole. */
enum status upload_publish(struct catalog, struct str version, struct publish_plan *, struct error *);

#endif
