/* What is looked at to tell whether devices would install a package: whatever the bytes, looking at them ends well, and a signature that
 * nobody made never verifies.
 *
 * The first byte says what the others are: 0 signers of v2, 1 of v3, 2 of v3.1; 3 a signature file; 4 a signature block. */
#include <stdlib.h>

#include "lib/apk/check.h"
#include "tests/unit/apk_package.h"

static void check(struct arena *arena, struct str bytes, bool is_forged)
{
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    struct apk_check found;
    struct apk_certificates certificates;
    struct error error = {0};
    assert(apk_examine(arena, &source, &apk, &error) == STATUS_OK);
    assert(apk_check(arena, &apk, &found, &error) == STATUS_OK);
    assert(str_is_utf8(found.problem) || !is_forged);
    assert(!is_forged || !str_empty(found.problem));
    if (apk_certificates(arena, &apk, &certificates, &error) != STATUS_OK) return;
    assert(certificates.count <= APK_CERTIFICATES_MAX);
    for (size_t i = 0; i < certificates.count; i++) assert(certificates.sha256[i].length == 64);
}

static void check_signers(struct arena *arena, uint32_t id, struct str value)
{
    const struct package_entry entries[] = {{"classes.dex", S("dex")}, {"AndroidManifest.xml", S("")}};
    struct buf pairs = buf_in(arena, PACKAGE_LIMIT);
    package_pair(&pairs, id, value);
    check(arena, package_of(arena, entries, 2, buf_str(&pairs), (struct str){NULL, 0}), true);
}

static void check_jar(struct arena *arena, struct str file, struct str block)
{
    const struct package_entry entries[] = {{"META-INF/A.SF", file},
                                            {"META-INF/A.RSA", block},
                                            {"META-INF/MANIFEST.MF", S("Manifest-Version: 1.0\n\nName: AndroidManifest.xml\n")},
                                            {"AndroidManifest.xml", S("")}};
    check(arena, package_of(arena, entries, 4, (struct str){NULL, 0}, (struct str){NULL, 0}), true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t ids[] = {APK_ID_V2, APK_ID_V3, APK_ID_V31};
    if (size < 1 || size > PACKAGE_LIMIT / 4) return 0;
    struct arena *arena = arena_new();
    struct str rest = str_make(data + 1, size - 1);
    unsigned kind = data[0] % 5;
    if (kind < 3) check_signers(arena, ids[kind], rest);
    if (kind == 3) check_jar(arena, rest, S(""));
    if (kind == 4) check_jar(arena, S(""), rest);
    arena_free(arena);
    return 0;
}
