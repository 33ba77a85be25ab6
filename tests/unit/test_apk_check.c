/* Whether devices would install a package: a small one that is signed here, whole and damaged; and what signature files name. */
#include "tests/unit/unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/apk/check.h"
#include "lib/apk/contents_internal.h"
#include "lib/apk/signer_internal.h"
#include "tests/unit/apk_package.h"

/* --- a package that is signed here */

enum { ECDSA_SHA256 = 0x0201, ECDSA_SHA512 = 0x0202 };

static struct str der_of(struct arena *arena, int length, unsigned char *der)
{
    assert_true(length > 0);
    struct str copy = arena_copy(arena, str_make(der, (size_t)length));
    OPENSSL_free(der);
    return copy;
}

static struct str public_key(struct arena *arena, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    return der_of(arena, length, der);
}

static struct str certificate(struct arena *arena, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    X509 *x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    int length = i2d_X509(x509, &der);
    X509_free(x509);
    return der_of(arena, length, der);
}

static struct str signature(struct arena *arena, EVP_PKEY *key, const EVP_MD *hash, struct str data)
{
    size_t length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const unsigned char *bytes = (const unsigned char *)data.data;
    assert_int_equal(EVP_DigestSignInit(context, NULL, hash, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, NULL, &length, bytes, data.length), 1);
    unsigned char *out = arena_buffer(arena, length);
    assert_int_equal(EVP_DigestSign(context, out, &length, bytes, data.length), 1);
    EVP_MD_CTX_free(context);
    return str_make(out, length);
}

struct signing {
    EVP_PKEY *key;
    uint32_t algorithm;
    struct str attributes;
    bool v3, v31;           /* v3.1 beside v3, for the same devices */
    struct str certificate; /* empty: one of its own */
};

static struct str entry(struct arena *arena, uint32_t number, struct str value)
{
    struct buf inner = buf_in(arena, 4096), out = buf_in(arena, 4096);
    package_number(&inner, number, 4);
    package_value(&inner, value);
    package_value(&out, buf_str(&inner));
    return buf_str(&out);
}

static struct str one_value(struct arena *arena, struct str value)
{
    struct buf out = buf_in(arena, 8192);
    package_value(&out, value);
    return buf_str(&out);
}

static struct str signed_data(struct arena *arena, const struct signing *how, struct str digest)
{
    struct buf data = buf_in(arena, 8192);
    package_value(&data, entry(arena, how->algorithm, digest));
    package_value(&data, one_value(arena, str_empty(how->certificate) ? certificate(arena, how->key) : how->certificate));
    if (how->v3) package_number(&data, UINT64_C(0x7fffffff) << 32 | 28, 8);
    package_value(&data, how->attributes);
    return buf_str(&data);
}

static struct str signer_of(struct arena *arena, const struct signing *how, struct str digest)
{
    struct buf signer = buf_in(arena, 8192);
    struct str data = signed_data(arena, how, digest);
    const EVP_MD *hash = how->algorithm == ECDSA_SHA512 ? EVP_sha512() : EVP_sha256();
    package_value(&signer, data);
    if (how->v3) package_number(&signer, UINT64_C(0x7fffffff) << 32 | 28, 8);
    package_value(&signer, entry(arena, how->algorithm, signature(arena, how->key, hash, data)));
    package_value(&signer, public_key(arena, how->key));
    return one_value(arena, one_value(arena, buf_str(&signer)));
}

static const struct package_entry small[] = {{"classes.dex", {"dex\n035", 7}}, {"AndroidManifest.xml", {"", 0}}};

/* The digest is the same without the block. */
static struct str signed_package(struct arena *arena, struct signing how, struct str comment)
{
    struct error error;
    struct apk apk;
    struct str bare = package_of(arena, small, 2, (struct str){NULL, 0}, comment);
    struct apk_source source = package_source(&bare);
    struct apk_contents digests[APK_HASH_COUNT];
    if (!how.algorithm) how.algorithm = ECDSA_SHA256;
    enum apk_hash hash = how.algorithm == ECDSA_SHA512 ? APK_SHA512 : APK_SHA256;
    const bool wanted[APK_HASH_COUNT] = {true, true};
    assert_ok(apk_examine(arena, &source, &apk, &error), &error);
    assert_ok(apk_contents_digest(arena, &apk, wanted, digests, &error), &error);
    struct buf pairs = buf_in(arena, 16384);
    package_pair(&pairs, how.v3 ? APK_ID_V3 : APK_ID_V2, signer_of(arena, &how, digests[hash].whole));
    if (how.v31) package_pair(&pairs, APK_ID_V31, signer_of(arena, &how, digests[hash].whole));
    return package_of(arena, small, 2, buf_str(&pairs), comment);
}

static enum status look(struct arena *arena, struct str bytes, struct apk_check *check, struct error *error)
{
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    TRY(apk_examine(arena, &source, &apk, error));
    ENSURE(apk.schemes, error, STATUS_INVALID, "not signed");
    return apk_check(arena, &apk, check, error);
}

static struct str problem_of(struct arena *arena, struct str bytes)
{
    struct apk_check check;
    struct error error;
    assert_ok(look(arena, bytes, &check, &error), &error);
    return check.problem;
}

static void signatures_that_verify(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_str(problem_of(*state, signed_package(*state, (struct signing){.key = key}, S(""))), S(""));
    assert_str(problem_of(*state, signed_package(*state, (struct signing){.key = key, .algorithm = ECDSA_SHA512}, S(""))), S(""));
    assert_str(problem_of(*state, signed_package(*state, (struct signing){.key = key, .v3 = true}, S("a comment"))), S(""));
    EVP_PKEY_free(key);
}

/* Each byte of the file is either covered, or the structure does not hold without it. */
static void no_byte_may_be_wrong(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct str whole = signed_package(*state, (struct signing){.key = key}, S("comment"));
    for (size_t i = 0; i < whole.length; i++) {
        struct arena *arena = arena_new();
        struct str damaged = arena_copy(arena, whole);
        struct apk_check check;
        struct error error;
        ((char *)(uintptr_t)damaged.data)[i] ^= (char)0xff;
        if (look(arena, damaged, &check, &error) == STATUS_OK && str_empty(check.problem)) fail_msg("byte %zu may be wrong", i);
        arena_free(arena);
    }
    EVP_PKEY_free(key);
}

static void comments_signed_and_added(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct str whole = signed_package(*state, (struct signing){.key = key}, S(""));
    char *longer = arena_cstr(*state, arena_join(*state, whole, S("later")));
    bytes_put16(longer + whole.length - 2, 5);
    assert_str(problem_of(*state, str_make(longer, whole.length + 5)),
               S("its ZIP comment of 5 bytes was added after it was signed, which breaks its signature: take the APK as it was signed"));
    whole = arena_copy(*state, signed_package(*state, (struct signing){.key = key}, S("comment")));
    ((char *)(uintptr_t)whole.data)[whole.length - 1] = 'T';
    assert_str(problem_of(*state, whole), S("its contents are not what was signed: it was changed afterwards, or is damaged"));
    EVP_PKEY_free(key);
}

static struct str attribute(struct arena *arena, uint32_t id, uint32_t value)
{
    struct buf inner = buf_in(arena, 64);
    package_number(&inner, id, 4);
    package_number(&inner, value, 4);
    return one_value(arena, buf_str(&inner));
}

static void schemes_that_a_signature_names(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct str v3 = attribute(*state, 0xbeeff00d, 3), v31 = attribute(*state, 0x559f8b02, 33);
    assert_str(
        problem_of(*state, signed_package(*state, (struct signing){.key = key, .attributes = v3}, S(""))),
        S("the v3 signature was stripped (v2's signature names it): sign the package again, and run zipalign before signing, not after "
          "it"));
    assert_str(problem_of(*state, signed_package(*state, (struct signing){.key = key, .attributes = v31, .v3 = true}, S(""))),
               S("the v3.1 signature was stripped (v3's signature names it): sign the package again, and run zipalign before signing, not "
                 "after it"));
    struct str other = attribute(*state, 0xbeeff00d, 4);
    assert_str(problem_of(*state, signed_package(*state, (struct signing){.key = key, .attributes = other}, S(""))), S(""));
    EVP_PKEY_free(key);
}

/* The v3.1 signers here are for devices from SDK 28 on. */
static void devices_that_v3_leaves_to_v31(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct signing how = {.key = key, .v3 = true, .v31 = true, .attributes = attribute(*state, 0x559f8b02, 28)};
    assert_str(problem_of(*state, signed_package(*state, how, S(""))), S(""));
    how.attributes = attribute(*state, 0x559f8b02, 27);
    assert_str(problem_of(*state, signed_package(*state, how, S(""))),
               S("its v3 signature leaves devices from SDK 27 on to v3.1, which begins at 28: sign the package again"));
    EVP_PKEY_free(key);
}

static void another_key_than_the_certificates(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    struct str whole = arena_copy(*state, signed_package(*state, (struct signing){.key = key}, S("")));
    struct str old = public_key(*state, key), new = public_key(*state, other);
    size_t at = whole.length;
    while (!str_starts(str_from(whole, --at), old)) assert_true(at > 0);
    memcpy((char *)(uintptr_t)whole.data + at, new.data, new.length);
    assert_str(problem_of(*state, whole), S("its v2 signature does not verify"));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* --- who signed it */

static struct apk_certificates certificates_in(struct arena *arena, struct str bytes)
{
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    struct apk_certificates certificates;
    struct error error;
    assert_ok(apk_examine(arena, &source, &apk, &error), &error);
    assert_ok(apk_certificates(arena, &apk, &certificates, &error), &error);
    return certificates;
}

/* A node of a lineage: `signature` is by the key before. */
static void add_node(struct arena *arena, struct buf *lineage, struct str data, struct str signature)
{
    struct buf node = buf_in(arena, 4096);
    package_value(&node, data);
    package_number(&node, 0, 4);
    package_number(&node, ECDSA_SHA256, 4);
    package_value(&node, signature);
    package_value(lineage, buf_str(&node));
}

static struct str node_data(struct arena *arena, struct str certificate, uint32_t algorithm)
{
    struct buf data = buf_in(arena, 4096);
    package_value(&data, certificate);
    package_number(&data, algorithm, 4);
    return buf_str(&data);
}

/* The new key's certificate follows the old one's, which `signer` vouches for. */
static struct str rotated_package(struct arena *arena, EVP_PKEY *key, EVP_PKEY *old, EVP_PKEY *signer)
{
    struct buf lineage = buf_in(arena, 4096);
    struct str own = certificate(arena, key), data = node_data(arena, own, ECDSA_SHA256);
    package_number(&lineage, 0x3ba06f8c, 4);
    package_number(&lineage, 1, 4);
    add_node(arena, &lineage, node_data(arena, certificate(arena, old), 0), S(""));
    add_node(arena, &lineage, data, signature(arena, signer, EVP_sha256(), data));
    const struct signing how = {.key = key, .v3 = true, .attributes = one_value(arena, buf_str(&lineage)), .certificate = own};
    return signed_package(arena, how, S(""));
}

static void signers_and_those_before_them(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *old = EVP_EC_gen("P-256");
    assert_int_equal(certificates_in(*state, signed_package(*state, (struct signing){.key = key}, S(""))).count, 1);
    struct str rotated = rotated_package(*state, key, old, old);
    struct apk_certificates all = certificates_in(*state, rotated);
    assert_str(problem_of(*state, rotated), S(""));
    assert_int_equal(all.count, 3); /* the signer's, and both of the lineage */
    assert_str(all.sha256[0], all.sha256[2]);
    assert_false(str_equal(all.sha256[0], all.sha256[1]));
    EVP_PKEY_free(key);
    EVP_PKEY_free(old);
}

/* Whoever names another's certificate as an older one of its own must have had its key. */
static void a_lineage_that_is_forged(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *old = EVP_EC_gen("P-256");
    struct str forged = rotated_package(*state, key, old, key);
    assert_str(problem_of(*state, forged),
               S("its v3 signature does not prove that its key follows the older ones: sign the package again with the right lineage"));
    assert_int_equal(certificates_in(*state, forged).count, 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(old);
}

/* --- signers that are malformed */

static void assert_signers(unsigned scheme, struct str pair, enum status status)
{
    struct apk_pair pairs[] = {{scheme == APK_V2 ? APK_ID_V2 : APK_ID_V3, 0, pair}};
    struct apk apk = {.pairs = pairs, .pair_count = 1};
    struct apk_signer signers[APK_SIGNERS_MAX];
    struct error error;
    size_t count;
    assert_int_equal(apk_signers_read(&apk, scheme, signers, &count, &error), status);
}

static void signers_cut_short_anywhere(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (int v3 = 0; v3 < 2; v3++) {
        struct signing how = {.key = key, .algorithm = ECDSA_SHA256, .v3 = v3};
        struct str pair = signer_of(*state, &how, S("0123456789abcdef0123456789abcdef"));
        unsigned scheme = v3 ? APK_V3 : APK_V2;
        assert_signers(scheme, unit_guarded(*state, pair), STATUS_OK);
        for (size_t length = 0; length < pair.length; length += length < 40 ? 1 : 37)
            assert_signers(scheme, unit_guarded(*state, str_first(pair, length)), STATUS_CORRUPT);
    }
    EVP_PKEY_free(key);
}

static void too_many_signers(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct signing how = {.key = key, .algorithm = ECDSA_SHA256};
    struct str one = str_from(signer_of(*state, &how, S("digest")), 4);
    for (size_t count = APK_SIGNERS_MAX; count <= APK_SIGNERS_MAX + 1; count++) {
        struct buf all = buf_in(*state, 1 << 16), pair = buf_in(*state, 1 << 16);
        for (size_t i = 0; i < count; i++) buf_add(&all, one);
        package_value(&pair, buf_str(&all));
        assert_signers(APK_V2, buf_str(&pair), count > APK_SIGNERS_MAX ? STATUS_CORRUPT : STATUS_OK);
    }
    EVP_PKEY_free(key);
}

/* --- what a signature file names */

static struct str problem_with_file(struct arena *arena, struct str file)
{
    const struct package_entry entries[] = {{"META-INF/CERT.SF", file}, {"META-INF/CERT.RSA", S("")}, {"AndroidManifest.xml", S("")}};
    return problem_of(arena, package_of(arena, entries, 3, (struct str){NULL, 0}, (struct str){NULL, 0}));
}

static void schemes_that_a_signature_file_names(void **state)
{
    struct str v2 = S("the v2 signature was stripped (META-INF/CERT.SF names it): sign the package again, and run zipalign before signing, "
                      "not after it");
    struct str v3 = S("the v3 signature was stripped (META-INF/CERT.SF names it): sign the package again, and run zipalign before signing, "
                      "not after it");
    struct str none = S("its v1 signature does not verify: there is no META-INF/MANIFEST.MF; take the APK as it was signed, or sign it "
                        "again"); /* that is looked at later */
    const struct {
        struct str file, problem;
    } cases[] = {
        {S("Signature-Version: 1.0\r\nX-Android-APK-Signed: 2, 3\r\n\r\n"), v2},
        {S("Signature-Version: 1.0\nx-android-apk-signed:3\n\n"), v3},
        {S("X-Android-APK-Signed: 2"), v2},
        {S("X-Android-APK-Signed: 1, 4, 22, x\r\n\r\n"), none},
        {S("Signature-Version: 1.0\r\n\r\nName: a\r\nX-Android-APK-Signed: 2\r\n\r\n"), none}, /* of an entry, not of the file */
        {S("X-Android-APK-Signed-By: 2\r\n"), none},
        {S(""), none},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_str(problem_with_file(*state, cases[i].file), cases[i].problem);
}

/* --- what is no package */

static void assert_no_package(struct arena *arena, const char *first, const char *second, const char *words)
{
    const struct package_entry entries[] = {{first, S("")}, {second, S("")}, {"META-INF/A.SF", S("")}, {"META-INF/A.RSA", S("")}};
    struct str bytes = package_of(arena, entries, 4, (struct str){NULL, 0}, (struct str){NULL, 0});
    struct apk_check check = {.problem = S("untouched")};
    struct error error;
    assert_error(look(arena, bytes, &check, &error), STATUS_INVALID, &error, words);
    assert_str(check.problem, S("untouched"));
}

static void other_files_are_told_apart(void **state)
{
    assert_no_package(*state, "BundleConfig.pb", "base/manifest/AndroidManifest.xml", "this is an Android App Bundle (.aab)");
    assert_no_package(*state, "x", "feature/manifest/AndroidManifest.xml", "this is an Android App Bundle (.aab)");
    assert_no_package(*state, "toc.pb", "splits/base-master.apk", "this is a set of APKs");
    assert_no_package(*state, "manifest.json", "org.example.app.apk", "this is a set of APKs");
    assert_no_package(*state, "a/B.class", "a/C.class", "there is no AndroidManifest.xml: this is a JAR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(signatures_that_verify),
        test_with_arena(no_byte_may_be_wrong),
        test_with_arena(comments_signed_and_added),
        test_with_arena(schemes_that_a_signature_names),
        test_with_arena(devices_that_v3_leaves_to_v31),
        test_with_arena(another_key_than_the_certificates),
        test_with_arena(signers_and_those_before_them),
        test_with_arena(a_lineage_that_is_forged),
        test_with_arena(signers_cut_short_anywhere),
        test_with_arena(too_many_signers),
        test_with_arena(schemes_that_a_signature_file_names),
        test_with_arena(other_files_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
