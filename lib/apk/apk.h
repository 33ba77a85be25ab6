/* Reads an APK: its structure, the schemes it is signed with, its region, its manifest. Nothing here knows of files or stores: bytes are
 * read through an apk_source. */
#ifndef APK_APK_H
#define APK_APK_H

#include "lib/apk/layout.h"

struct str apk_schemes_name(struct arena *, unsigned schemes); /* "v1+v2+v3" */
bool apk_schemes_parse(struct str, unsigned *schemes);
const char *apk_id_name(uint32_t id); /* of a pair: "v2 signature", "Walle channel", …; NULL where unknown */

/* Reads and checks the structure. Clear errors (STATUS_CORRUPT, STATUS_UNSUPPORTED for ZIP64) for: no EOCD, truncation, a comment that lies
 * about its length, size fields that differ, pairs that overrun or leave 1–11 bytes, a directory outside the file, entries counted wrongly.
 * Signing blocks up to 64 MiB. Every number is range-checked. */
enum status apk_examine(struct arena *, const struct apk_source *, struct apk *, struct error *);

/* From AndroidManifest.xml (binary XML, stored or deflated). Best effort: STATUS_NOT_FOUND where there is none, STATUS_CORRUPT where it
 * can't be read. */
struct apk_manifest {
    struct str package, version_name;
    struct str split;      /* which part of an app it is; empty: the base */
    bool split_required;   /* the base needs such parts beside it */
    uint64_t version_code; /* versionCodeMajor << 32 | versionCode; 0 where there is neither */
    bool has_version_code;
    uint32_t min_sdk;        /* 0: not known */
    uint32_t target_sdk;     /* minSdkVersion where there is no targetSdkVersion; 0: not known */
    uint32_t target_sandbox; /* targetSandboxVersion; 0: there is none, which counts as 1 */
};
enum status apk_manifest(struct arena *, const struct apk *, struct apk_manifest *, struct error *);

#endif
