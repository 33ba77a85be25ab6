/* v1 signatures: a manifest and a signature file of any text, which is signed here so that all of it is read. Whatever the text, reading it
 * ends well; and where a package is taken, the same package with another byte in an entry is not.
 *
 * The input is the manifest and, behind the first NUL, the signature file. */
#include <stdlib.h>

#include "lib/apk/jar_text_internal.h"
#include "lib/apk/jar_verify_internal.h"
#include "tests/unit/apk_jar.h"

static void check_text(struct arena *arena, struct str text)
{
    struct apk_jar_text parsed;
    struct error error = {0};
    if (apk_jar_text_parse(arena, text, &parsed, &error) != STATUS_OK) return;
    assert(parsed.count <= APK_JAR_SECTIONS_MAX);
    for (size_t i = 0; i < parsed.count; i++) {
        const struct apk_jar_section *section = &parsed.sections[i];
        assert(section->raw.data >= text.data && section->raw.data + section->raw.length <= text.data + text.length);
        assert(apk_jar_section_of(&parsed, section->name) == section);
        assert(i == 0 || str_compare(parsed.sections[i - 1].name, section->name) < 0);
    }
}

static struct str problem_of(struct arena *arena, const struct package_entry entries[5], uint32_t min_sdk)
{
    struct str bytes = package_of(arena, entries, 5, (struct str){NULL, 0}, (struct str){NULL, 0}), problem = S("");
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    struct error error = {0};
    assert(apk_examine(arena, &source, &apk, &error) == STATUS_OK);
    assert(apk_jar_verify(arena, &apk, (struct apk_jar_rules){min_sdk, true}, &problem, &error) == STATUS_OK);
    return problem;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jar_signer signer;
    if (size > PACKAGE_LIMIT / 4) return 0;
    if (!signer.key) signer = jar_signer_new(EVP_RSA_gen(1024), 1);
    struct arena *arena = arena_new();
    struct str file = str_make(data, size), manifest = str_cut(&file, 0);
    check_text(arena, manifest);
    check_text(arena, file);
    struct package_entry entries[] = {{"AndroidManifest.xml", S("xml")},
                                      {"classes.dex", S("dex")},
                                      {"META-INF/MANIFEST.MF", manifest},
                                      {"META-INF/A.SF", file},
                                      {"META-INF/A.RSA", jar_block(arena, signer, EVP_sha1(), file, PKCS7_NOATTR)}};
    for (uint32_t min_sdk = 1; min_sdk <= 24; min_sdk += 23) {
        if (!str_empty(problem_of(arena, entries, min_sdk))) continue;
        struct package_entry changed[5];
        memcpy(changed, entries, sizeof changed);
        changed[1].data = S("Dex");
        assert(!str_empty(problem_of(arena, changed, min_sdk)));
    }
    arena_free(arena);
    return 0;
}
