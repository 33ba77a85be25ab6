#include "lib/apk/signature_internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/apk/algorithm_internal.h"
#include "lib/apk/lineage_internal.h"

void apk_signature_hashes(const struct apk_signer *signer, bool wanted[APK_HASH_COUNT])
{
    struct str rest = signer->digests, value;
    uint32_t id;
    while (apk_take_entry(&rest, &id, &value)) {
        const struct apk_algorithm *algorithm = apk_algorithm_of(id);
        if (algorithm && !algorithm->verity) wanted[algorithm->hash] = true;
    }
}

/* --- the signature over what is signed */

/* The digests that are signed are of the same algorithms as the signatures, in the same order: none was taken away. */
static bool same_algorithms(const struct apk_signer *signer)
{
    struct str digests = signer->digests, signatures = signer->signatures, value;
    uint32_t digest, signature;
    while (signatures.length > 0)
        if (!apk_take_entry(&signatures, &signature, &value) || !apk_take_entry(&digests, &digest, &value) || digest != signature)
            return false;
    return digests.length == 0;
}

/* All signatures of known algorithms verify, and there is one. */
static bool all_verify(const struct apk_signer *signer, EVP_PKEY *key)
{
    struct str rest = signer->signatures, entry, signature;
    uint32_t id;
    size_t known = 0;
    while (apk_take_entry(&rest, &id, &entry)) {
        const struct apk_algorithm *algorithm = apk_algorithm_of(id);
        if (!algorithm) continue;
        if (!apk_take_value(&entry, &signature) || !apk_algorithm_verifies(algorithm, key, signer->data, signature)) return false;
        known++;
    }
    return known > 0;
}

static bool is_key_of(EVP_PKEY *key, struct str certificate)
{
    const unsigned char *at = (const unsigned char *)certificate.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate.length);
    EVP_PKEY *certified = x509 ? X509_get0_pubkey(x509) : NULL;
    bool same = certified && EVP_PKEY_eq(key, certified) == 1;
    X509_free(x509);
    ERR_clear_error();
    return same;
}

static bool is_signed(const struct apk_signer *signer)
{
    const unsigned char *at = (const unsigned char *)signer->public_key.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)signer->public_key.length);
    bool right = key && is_key_of(key, signer->certificate) && same_algorithms(signer) && all_verify(signer, key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return right;
}

/* --- the digests that are signed */

static struct str mismatch(struct arena *arena, const struct apk *apk, struct str digest, const struct apk_contents *contents)
{
    if (!str_empty(apk->comment) && str_equal(digest, contents->no_comment))
        return arena_printf(
            arena,
            "its ZIP comment of %zu bytes was added after it was signed, which breaks its signature: take the APK as it was "
            "signed",
            apk->comment.length);
    return S("its contents are not what was signed: it was changed afterwards, or is damaged");
}

struct str apk_signature_problem(struct arena *arena, const struct apk *apk, const struct apk_signer *signer,
                                 const struct apk_contents digests[APK_HASH_COUNT])
{
    struct str rest = signer->digests, entry, digest, name = apk_schemes_name(arena, signer->scheme);
    struct apk_lineage lineage;
    uint32_t id;
    size_t known = 0;
    if (!is_signed(signer)) return arena_join(arena, S("its "), name, S(" signature does not verify"));
    if (signer->scheme != APK_V2 && !apk_lineage_read(signer, &lineage))
        return arena_join(
            arena, S("its "), name,
            S(" signature does not prove that its key follows the older ones: sign the package again with the right lineage"));
    while (apk_take_entry(&rest, &id, &entry)) {
        const struct apk_algorithm *algorithm = apk_algorithm_of(id);
        if (!algorithm || !apk_take_value(&entry, &digest)) continue;
        known++;
        const struct apk_contents *contents = &digests[algorithm->hash];
        if (!algorithm->verity && !str_equal(digest, contents->whole)) return mismatch(arena, apk, digest, contents);
    }
    return known > 0 ? S("") : arena_join(arena, S("its "), name, S(" signature has no digest of a known algorithm"));
}
