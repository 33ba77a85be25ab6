#include "lib/apk/jar_digest_internal.h"

#include <stdio.h>

#include "base/encode.h"

enum {
    SDK_STRONGEST = 18, /* from this one on, the strongest digest counts */
    ATTRIBUTE_MAX = 64,
};

/* Strongest first. Those that are only listed count where Digest-Algorithms names them. */
static const struct algorithm {
    const char *name;
    const EVP_MD *(*kind)(void);
    uint32_t from_sdk;
    bool only_listed;
} algorithms[] = {
    {"SHA-512", EVP_sha512, 9, false}, {"SHA-384", EVP_sha384, 9, false}, {"SHA-256", EVP_sha256, 0, false}, {"SHA1", EVP_sha1, 0, false},
    {"SHA-1", EVP_sha1, 0, true},      {"SHA", EVP_sha1, 0, true},        {"MD5", EVP_md5, 0, true},
};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

static bool take_digest(struct arena *arena, const struct apk_jar_section *section, const struct algorithm *algorithm, struct str suffix,
                        struct apk_jar_digest *digest)
{
    char name[ATTRIBUTE_MAX];
    int length = snprintf(name, sizeof name, "%s" STR_FMT, algorithm->name, STR_ARG(suffix));
    struct str text = apk_jar_attribute(section, str_make(name, (size_t)length));
    if (!text.data) return false;
    *digest = (struct apk_jar_digest){.kind = algorithm->kind()};
    if (!base64_decode(arena, text, &digest->value)) digest->value = S("");
    return true;
}

/* Each algorithm is tried once, however often it is listed. */
static bool take_listed(struct arena *arena, const struct apk_jar_section *section, struct str suffix, uint32_t min_sdk,
                        struct apk_jar_digest *digest)
{
    struct str list = apk_jar_attribute(section, S("Digest-Algorithms"));
    bool tried[ALGORITHMS] = {false};
    for (struct str rest = list.data ? list : S("SHA SHA1"); rest.data;) {
        struct str token = str_trim(str_cut(&rest, ' '));
        for (int i = 0; i < ALGORITHMS; i++) {
            if (tried[i] || !str_equal_nocase(token, str_of(algorithms[i].name))) continue;
            tried[i] = true;
            if (min_sdk >= algorithms[i].from_sdk && take_digest(arena, section, &algorithms[i], suffix, digest)) return true;
        }
    }
    return false;
}

static bool take_strongest(struct arena *arena, const struct apk_jar_section *section, struct str suffix, struct apk_jar_digest *digest)
{
    for (int i = 0; i < ALGORITHMS; i++)
        if (!algorithms[i].only_listed && take_digest(arena, section, &algorithms[i], suffix, digest)) return true;
    return false;
}

void apk_jar_digests_of(struct arena *arena, const struct apk_jar_section *section, struct str suffix, uint32_t min_sdk,
                        struct apk_jar_digests *out)
{
    out->count = 0;
    if (min_sdk < SDK_STRONGEST && !take_listed(arena, section, suffix, min_sdk, &out->items[out->count++])) {
        out->count = 0;
        return;
    }
    if (!take_strongest(arena, section, suffix, &out->items[out->count])) return;
    bool is_same = out->count == 1 && out->items[0].kind == out->items[1].kind && str_equal(out->items[0].value, out->items[1].value);
    if (!is_same) out->count++;
}

bool apk_jar_digests_match(const struct apk_jar_digests *digests, struct str bytes)
{
    for (size_t i = 0; i < digests->count; i++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        if (EVP_Digest(bytes.data, bytes.length, digest, &length, digests->items[i].kind, NULL) != 1) return false;
        if (!str_equal(digests->items[i].value, str_make(digest, length))) return false;
    }
    return true;
}
