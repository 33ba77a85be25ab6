#include "lib/apk/jar_block_internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

enum {
    SIGNERS_MAX = 32,
    ATTRIBUTES_MAX = 64,
    SDK_SIGNED_ATTRIBUTES = 19, /* before it, devices do not compare the digest that is in them */
    SDK_ANY_SIGNER = 24,        /* before it, devices go by the first signer of a block alone */
};

/* --- algorithms */

/* The first Android version from which on all know the pair: where the signature's algorithm names the key alone, and where it names both.
 */
static const struct pair {
    int key, digest;
    uint32_t from_sdk, combined_from_sdk;
} pairs[] = {
    {EVP_PKEY_RSA, NID_md5, 0, 21},     {EVP_PKEY_RSA, NID_sha1, 0, 0},     {EVP_PKEY_RSA, NID_sha224, 21, 21},
    {EVP_PKEY_RSA, NID_sha256, 18, 18}, {EVP_PKEY_RSA, NID_sha384, 18, 21}, {EVP_PKEY_RSA, NID_sha512, 18, 21},
    {EVP_PKEY_DSA, NID_sha1, 0, 9},     {EVP_PKEY_DSA, NID_sha224, 22, 21}, {EVP_PKEY_DSA, NID_sha256, 22, 21},
    {EVP_PKEY_EC, NID_sha1, 18, 18},    {EVP_PKEY_EC, NID_sha224, 21, 21},  {EVP_PKEY_EC, NID_sha256, 18, 21},
    {EVP_PKEY_EC, NID_sha384, 18, 21},  {EVP_PKEY_EC, NID_sha512, 18, 21},
};

struct algorithm {
    int key, digest;
};

static enum status read_algorithm(const PKCS7_SIGNER_INFO *signer, uint32_t min_sdk, struct algorithm *out, struct error *error)
{
    const ASN1_OBJECT *digest = NULL, *signature = NULL;
    X509_ALGOR_get0(&digest, NULL, NULL, signer->digest_alg);
    X509_ALGOR_get0(&signature, NULL, NULL, signer->digest_enc_alg);
    int named = OBJ_obj2nid(signature), combined = NID_undef;
    *out = (struct algorithm){.key = named, .digest = OBJ_obj2nid(digest)};
    bool is_combined = OBJ_find_sigid_algs(named, &combined, &out->key) == 1;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].key != out->key || pairs[i].digest != out->digest || (is_combined && combined != out->digest)) continue;
        if (min_sdk >= (is_combined ? pairs[i].combined_from_sdk : pairs[i].from_sdk)) return STATUS_OK;
    }
    return error_set(error, STATUS_CORRUPT, "its algorithms (%s, %s) are not known to every device from minSdkVersion %u on",
                     OBJ_nid2sn(out->digest), OBJ_nid2sn(named), (unsigned)min_sdk);
}

/* --- certificates */

/* Extensions that are critical must be understood by whoever goes by the certificate. */
static bool is_understood(const X509 *certificate)
{
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        if (X509_EXTENSION_get_critical(extension) && !X509V3_EXT_get(extension)) return false;
    }
    return true;
}

static enum status find_certificate(PKCS7 *block, PKCS7_SIGNER_INFO *signer, X509 **out, struct error *error)
{
    const PKCS7_ISSUER_AND_SERIAL *id = signer->issuer_and_serial;
    *out = X509_find_by_issuer_and_serial(block->d.sign->cert, id->issuer, id->serial);
    ENSURE(*out, error, STATUS_CORRUPT, "it does not hold its signer's certificate");
    ENSURE(is_understood(*out), error, STATUS_CORRUPT, "its certificate has a critical extension that is not known");
    uint32_t usage = X509_get_key_usage(*out);
    ENSURE(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION), error, STATUS_CORRUPT, "its certificate is not for signatures");
    return STATUS_OK;
}

/* --- signed attributes */

static const ASN1_TYPE *single_value(const STACK_OF(X509_ATTRIBUTE) * attributes, int nid)
{
    int at = X509at_get_attr_by_NID(attributes, nid, -1);
    X509_ATTRIBUTE *attribute = at < 0 ? NULL : X509at_get_attr(attributes, at);
    return attribute && X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
}

static bool has_twice(const STACK_OF(X509_ATTRIBUTE) * attributes)
{
    for (int i = 0; i < X509at_get_attr_count(attributes); i++) {
        const ASN1_OBJECT *object = X509_ATTRIBUTE_get0_object(X509at_get_attr(attributes, i));
        if (X509at_get_attr_by_OBJ(attributes, object, i) >= 0) return true;
    }
    return false;
}

static bool is_digest_of(const ASN1_TYPE *value, const struct algorithm *algorithm, struct str file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(file.data, file.length, digest, &length, EVP_get_digestbynid(algorithm->digest), NULL) != 1) return false;
    return str_equal(str_make(digest, length),
                     str_make(ASN1_STRING_get0_data(value->value.octet_string), (size_t)ASN1_STRING_length(value->value.octet_string)));
}

/* *right: they are of this file. */
static enum status check_attributes(PKCS7 *block, const PKCS7_SIGNER_INFO *signer, const struct algorithm *algorithm, struct str file,
                                    uint32_t min_sdk, bool *right, struct error *error)
{
    const STACK_OF(X509_ATTRIBUTE) *attributes = signer->auth_attr;
    ENSURE(min_sdk >= SDK_SIGNED_ATTRIBUTES, error, STATUS_CORRUPT,
           "it has signed attributes, which devices before SDK %d do not check, and minSdkVersion is %u", SDK_SIGNED_ATTRIBUTES,
           (unsigned)min_sdk);
    ENSURE(X509at_get_attr_count(attributes) <= ATTRIBUTES_MAX, error, STATUS_CORRUPT, "it has more than %d signed attributes",
           ATTRIBUTES_MAX);
    ENSURE(!has_twice(attributes), error, STATUS_CORRUPT, "it has a signed attribute twice");
    const ASN1_TYPE *type = single_value(attributes, NID_pkcs9_contentType), *digest = single_value(attributes, NID_pkcs9_messageDigest);
    ENSURE(type && type->type == V_ASN1_OBJECT, error, STATUS_CORRUPT, "its signed attributes do not name the content's type");
    ENSURE(digest && digest->type == V_ASN1_OCTET_STRING, error, STATUS_CORRUPT, "its signed attributes do not hold the content's digest");
    *right = OBJ_cmp(type->value.object, block->d.sign->contents->type) == 0 && is_digest_of(digest, algorithm, file);
    return STATUS_OK;
}

/* --- signers */

static bool verifies(X509 *certificate, const PKCS7_SIGNER_INFO *signer, const struct algorithm *algorithm, struct str bytes)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (!key || EVP_PKEY_get_base_id(key) != algorithm->key) return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const ASN1_STRING *signature = signer->enc_digest;
    bool right = EVP_DigestVerifyInit(context, NULL, EVP_get_digestbynid(algorithm->digest), NULL, key) == 1 &&
                 EVP_DigestVerify(context, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature),
                                  (const unsigned char *)bytes.data, bytes.length) == 1;
    EVP_MD_CTX_free(context);
    return right;
}

/* What is signed are the attributes where there are any, as a SET in the order in which they stand. */
static bool verifies_attributes(X509 *certificate, const PKCS7_SIGNER_INFO *signer, const struct algorithm *algorithm)
{
    unsigned char *der = NULL;
    int length = ASN1_item_i2d((const ASN1_VALUE *)signer->auth_attr, &der, ASN1_ITEM_rptr(PKCS7_ATTR_VERIFY));
    bool right = length > 0 && verifies(certificate, signer, algorithm, str_make(der, (size_t)length));
    OPENSSL_free(der);
    return right;
}

/* *right: this one signs the file. An error refuses the block, whoever else signs. */
static enum status verify_signer(PKCS7 *block, PKCS7_SIGNER_INFO *signer, struct str file, uint32_t min_sdk, bool *right,
                                 struct error *error)
{
    struct algorithm algorithm;
    X509 *certificate;
    TRY(read_algorithm(signer, min_sdk, &algorithm, error));
    TRY(find_certificate(block, signer, &certificate, error));
    if (!signer->auth_attr) return *right = verifies(certificate, signer, &algorithm, file), STATUS_OK;
    TRY(check_attributes(block, signer, &algorithm, file, min_sdk, right, error));
    *right = *right && verifies_attributes(certificate, signer, &algorithm);
    return STATUS_OK;
}

static enum status verify_signers(PKCS7 *block, struct str file, uint32_t min_sdk, struct error *error)
{
    STACK_OF(PKCS7_SIGNER_INFO) *signers = PKCS7_get_signer_info(block);
    int count = sk_PKCS7_SIGNER_INFO_num(signers);
    bool is_signed = false;
    ENSURE(count > 0, error, STATUS_CORRUPT, "it holds no signature");
    ENSURE(count <= SIGNERS_MAX, error, STATUS_CORRUPT, "it has more than %d signers", SIGNERS_MAX);
    if (min_sdk < SDK_ANY_SIGNER) count = 1;
    for (int i = 0; i < count; i++) {
        bool right = false;
        TRY(verify_signer(block, sk_PKCS7_SIGNER_INFO_value(signers, i), file, min_sdk, &right, error));
        is_signed = is_signed || right;
    }
    ENSURE(is_signed, error, STATUS_CORRUPT, "it does not sign its signature file");
    return STATUS_OK;
}

enum status apk_jar_block_verify(struct str block, struct str file, uint32_t min_sdk, struct error *error)
{
    const unsigned char *at = (const unsigned char *)block.data;
    PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)block.length);
    enum status status = pkcs7 && PKCS7_type_is_signed(pkcs7) && pkcs7->d.sign
                             ? verify_signers(pkcs7, file, min_sdk, error)
                             : error_set(error, STATUS_CORRUPT, "it is not a PKCS #7 signature");
    PKCS7_free(pkcs7);
    ERR_clear_error();
    return status;
}
