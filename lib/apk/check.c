#include "lib/apk/check.h"

#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/encode.h"
#include "lib/apk/jar_internal.h"
#include "lib/apk/jar_verify_internal.h"
#include "lib/apk/lineage_internal.h"
#include "lib/apk/signature_internal.h"

static const unsigned block_schemes[] = {APK_V2, APK_V3, APK_V31};
enum {
    BLOCK_SCHEMES = sizeof block_schemes / sizeof *block_schemes,
    SDK_WITH_V2 = 24,
    SDK_WITHOUT_V1 = 30,
    ATTRIBUTE_V31_FROM = 0x559f8b02,
};

/* --- what kind of file it is */

struct entries {
    bool manifest, bundle, apks;
    struct apk_jar jar;
};

static void look_at_entry(void *context, const struct apk_zip_entry *entry)
{
    struct entries *seen = context;
    struct str name = entry->name;
    if (str_equal(name, S("AndroidManifest.xml"))) seen->manifest = true;
    if (str_equal(name, S("BundleConfig.pb")) || str_ends(name, S("/manifest/AndroidManifest.xml"))) seen->bundle = true;
    if (str_ends(name, S(".apk"))) seen->apks = true;
    apk_jar_add(&seen->jar, entry);
}

static enum status look_at_entries(struct arena *arena, const struct apk *apk, struct entries *seen, struct error *error)
{
    *seen = (struct entries){.jar = {.arena = arena}};
    return apk_zip_walk(arena, apk, look_at_entry, seen, error);
}

static enum status refuse_other_kinds(const struct entries *seen, struct error *error)
{
    if (seen->manifest) return STATUS_OK;
    ENSURE(!seen->bundle, error, STATUS_INVALID,
           "this is an Android App Bundle (.aab), which devices do not install: make an APK of it with `bundletool build-apks "
           "--mode=universal`, and take universal.apk out of the set that it writes");
    ENSURE(!seen->apks, error, STATUS_INVALID,
           "this is a set of APKs, which devices do not install as it is: take out universal.apk, which `bundletool build-apks "
           "--mode=universal` puts into the set");
    return error_set(error, STATUS_INVALID, "there is no AndroidManifest.xml: this is a JAR or another ZIP file, not an APK");
}

/* --- what the manifest says */

static struct str split_problem(struct arena *arena, const struct apk_manifest *manifest)
{
    if (str_empty(manifest->split) && !manifest->split_required) return S("");
    struct str what = str_empty(manifest->split) ? S("needs other parts (splits) beside it")
                                                 : arena_join(arena, S("is one part of an app, the split "), manifest->split);
    return arena_join(arena, S("the package "), what, S(": make one APK of the app with `bundletool build-apks --mode=universal`"));
}

static struct str v1_problem(struct arena *arena, const struct apk *apk, const struct apk_manifest *manifest)
{
    if (!apk_v1_only(apk->schemes)) return S("");
    if (manifest->target_sdk >= SDK_WITHOUT_V1)
        return arena_printf(
            arena,
            "it is signed with v1 alone and its targetSdkVersion is %u: devices with Android 11 and later refuse that from %d on; "
            "sign it with v2 too",
            manifest->target_sdk, SDK_WITHOUT_V1);
    if (manifest->target_sandbox > 1)
        return arena_printf(
            arena,
            "it is signed with v1 alone and its targetSandboxVersion is %u: devices with Android 8 and later refuse that from 2 on; "
            "sign it with v2 too",
            manifest->target_sandbox);
    return S("");
}

/* --- stripped signatures */

static struct str stripped(struct arena *arena, unsigned scheme, struct str witness)
{
    return arena_join(arena, S("the "), apk_schemes_name(arena, scheme), S(" signature was stripped ("), witness,
                      S(" names it): sign the package again, and run zipalign before signing, not after it"));
}

static unsigned lowest(unsigned schemes)
{
    return schemes & -schemes;
}

/* Each scheme names the next one in what it signs. */
static struct str stripped_from_block(struct arena *arena, const struct apk *apk, const struct apk_signer *signer)
{
    static const struct {
        unsigned scheme, names;
        uint32_t attribute;
    } ways[] = {{APK_V2, APK_V3, 0xbeeff00d}, {APK_V3, APK_V31, ATTRIBUTE_V31_FROM}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].scheme != signer->scheme || apk->schemes & ways[i].names) continue;
        struct str value = apk_signer_attribute(signer, ways[i].attribute);
        bool is_named = value.length >= 4 && (ways[i].names != APK_V3 || bytes_get32(value.data) == 3);
        if (!is_named) continue;
        return stripped(arena, ways[i].names, arena_join(arena, apk_schemes_name(arena, signer->scheme), S("'s signature")));
    }
    return S("");
}

static enum status look_for_stripped(struct arena *arena, const struct apk *apk, const struct apk_jar *jar, struct str *problem,
                                     struct error *error)
{
    unsigned named = 0;
    struct str file = {NULL, 0};
    TRY(apk_jar_named_schemes(arena, jar, &named, &file, error));
    unsigned missing = named & ~apk->schemes;
    if (missing) *problem = stripped(arena, lowest(missing), str_first(file, 100));
    return STATUS_OK;
}

/* --- v2 and later */

struct signers {
    struct apk_signer items[BLOCK_SCHEMES * APK_SIGNERS_MAX];
    size_t count;
};

static enum status read_signers(struct arena *arena, const struct apk *apk, struct signers *signers, struct error *error)
{
    signers->count = 0;
    for (int i = 0; i < BLOCK_SCHEMES; i++) {
        size_t count;
        if (!(apk->schemes & block_schemes[i])) continue;
        if (apk_signers_read(apk, block_schemes[i], signers->items + signers->count, &count, error) != STATUS_OK)
            return error_context(error, "its " STR_FMT " signature", STR_ARG(apk_schemes_name(arena, block_schemes[i])));
        signers->count += count;
    }
    return STATUS_OK;
}

/* v3 names the Android version from which on devices go by v3.1: those in between two answers would go by neither. */
static struct str rotation_problem(struct arena *arena, const struct signers *signers)
{
    uint32_t v31 = UINT32_MAX;
    for (size_t i = 0; i < signers->count; i++)
        if (signers->items[i].scheme == APK_V31 && signers->items[i].min_sdk < v31) v31 = signers->items[i].min_sdk;
    for (size_t i = 0; i < signers->count && v31 != UINT32_MAX; i++) {
        struct str value = apk_signer_attribute(&signers->items[i], ATTRIBUTE_V31_FROM);
        if (signers->items[i].scheme != APK_V3 || value.length < 4 || bytes_get32(value.data) == v31) continue;
        return arena_printf(arena, "its v3 signature leaves devices from SDK %u on to v3.1, which begins at %u: sign the package again",
                            bytes_get32(value.data), v31);
    }
    return S("");
}

static enum status look_at_block_signatures(struct arena *arena, const struct apk *apk, struct str *problem, struct error *error)
{
    struct signers *signers = arena_new_of(arena, struct signers);
    bool wanted[APK_HASH_COUNT] = {false};
    struct apk_contents digests[APK_HASH_COUNT] = {0};
    struct error why;
    if (read_signers(arena, apk, signers, &why) != STATUS_OK) return *problem = arena_copy(arena, str_of(why.text)), STATUS_OK;
    for (size_t i = 0; i < signers->count && str_empty(*problem); i++) *problem = stripped_from_block(arena, apk, &signers->items[i]);
    if (str_empty(*problem)) *problem = rotation_problem(arena, signers);
    if (!str_empty(*problem)) return STATUS_OK;
    for (size_t i = 0; i < signers->count; i++) apk_signature_hashes(&signers->items[i], wanted);
    TRY(apk_contents_digest(arena, apk, wanted, digests, error));
    for (size_t i = 0; i < signers->count && str_empty(*problem); i++)
        *problem = apk_signature_problem(arena, apk, &signers->items[i], digests);
    return STATUS_OK;
}

/* --- */

/* Devices before Android 7 go by v1, whatever there is beside it; what v2 covers need not be compared again. Where the manifest can't be
 * read, nothing is known of such devices. */
static enum status look_at_signatures(struct arena *arena, const struct apk *apk, struct apk_check *check, struct error *error)
{
    uint32_t min_sdk = str_empty(check->no_manifest) ? check->manifest.min_sdk : SDK_WITH_V2;
    bool v1_only = apk_v1_only(apk->schemes);
    if (v1_only || (apk->schemes & APK_V1 && min_sdk < SDK_WITH_V2))
        TRY(apk_jar_verify(arena, apk, (struct apk_jar_rules){.min_sdk = min_sdk, .contents = v1_only}, &check->problem, error));
    if (v1_only || !str_empty(check->problem)) return STATUS_OK;
    return look_at_block_signatures(arena, apk, &check->problem, error);
}

enum status apk_check(struct arena *arena, const struct apk *apk, struct apk_check *out, struct error *error)
{
    struct apk_check check = {.problem = S("")};
    struct entries seen;
    struct error why;
    TRY(look_at_entries(arena, apk, &seen, error));
    TRY(refuse_other_kinds(&seen, error));
    if (apk_manifest(arena, apk, &check.manifest, &why) != STATUS_OK) check.no_manifest = arena_copy(arena, str_of(why.text));
    TRY(look_for_stripped(arena, apk, &seen.jar, &check.problem, error));
    if (str_empty(check.problem)) check.problem = v1_problem(arena, apk, &check.manifest);
    if (str_empty(check.problem)) check.problem = split_problem(arena, &check.manifest);
    if (str_empty(check.problem)) TRY(look_at_signatures(arena, apk, &check, error));
    *out = check;
    return STATUS_OK;
}

/* --- who signed it */

struct collect {
    struct arena *arena;
    struct apk_certificates *out;
};

static void collect_certificate(void *context, struct str certificate)
{
    struct collect *collect = context;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    if (collect->out->count == APK_CERTIFICATES_MAX) return;
    SHA256((const unsigned char *)certificate.data, certificate.length, digest);
    collect->out->sha256[collect->out->count++] = hex_encode(collect->arena, str_make(digest, sizeof digest));
}

/* Whoever names another's certificate without its key has not signed before. */
static void collect_lineage(struct collect *collect, const struct apk_signer *signer)
{
    struct apk_lineage lineage;
    if (!apk_lineage_read(signer, &lineage)) return;
    for (size_t i = 0; i < lineage.count; i++) collect_certificate(collect, lineage.certificates[i]);
}

enum status apk_certificates(struct arena *arena, const struct apk *apk, struct apk_certificates *out, struct error *error)
{
    struct collect collect = {arena, out};
    struct signers *signers = arena_new_of(arena, struct signers);
    struct entries seen;
    out->count = 0;
    TRY(read_signers(arena, apk, signers, error));
    for (size_t i = 0; i < signers->count; i++) {
        collect_certificate(&collect, signers->items[i].certificate);
        collect_lineage(&collect, &signers->items[i]);
    }
    if (!apk_v1_only(apk->schemes)) return STATUS_OK;
    TRY(look_at_entries(arena, apk, &seen, error));
    return apk_jar_each_signer(arena, &seen.jar, collect_certificate, &collect, error);
}
