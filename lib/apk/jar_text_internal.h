/* The text of META-INF/MANIFEST.MF and of signature files (.SF). Private to lib/apk. Source: the JAR File Specification, "JAR Manifest", as
 * Android's tools read it.
 *
 *     Signature-Version: 1.0                  main section: lines "name: value" up to an empty line
 *     SHA-256-Digest-Manifest: …
 *
 *     Name: res/a-name-that-is-lo             a section for each entry
 *      nger-than-a-line.png                   a line that begins with a space continues the one before
 *     SHA-256-Digest: …
 *
 * Lines end with CR LF, LF or CR. Between a name and its value stand a colon and one space; further spaces belong to them. */
#ifndef APK_JAR_TEXT_INTERNAL_H
#define APK_JAR_TEXT_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum {
    APK_JAR_TEXT_MAX = 32 << 20,  /* bytes: 500 for each entry that a ZIP file may have */
    APK_JAR_SECTIONS_MAX = 65535, /* as many as a ZIP file may have entries */
};

struct apk_jar_section {
    struct str name;       /* data NULL: the main section */
    struct str raw;        /* as it stands in the text, with its empty line: the bytes that digests are made of */
    struct str attributes; /* lines without their continuations, each ended by LF */
};

struct apk_jar_text {
    struct apk_jar_section main;
    struct apk_jar_section *sections; /* sorted by name, each name once */
    size_t count;
};

/* `raw` parts point into `text`, all else is in the arena, in the order of the text's size. STATUS_CORRUPT: a section without a name, a
 * name twice, more than APK_JAR_SECTIONS_MAX sections. */
enum status apk_jar_text_parse(struct arena *, struct str text, struct apk_jar_text *, struct error *);

/* The value of the first attribute of this name, whose case does not matter; data NULL where there is none. */
struct str apk_jar_attribute(const struct apk_jar_section *, struct str name);
/* NULL where there is none. */
const struct apk_jar_section *apk_jar_section_of(const struct apk_jar_text *, struct str name);

#endif
