#include "lib/apk/algorithm_internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const struct apk_algorithm algorithms[] = {
    {0x0101, APK_SHA256, EVP_PKEY_RSA, true, false},  {0x0102, APK_SHA512, EVP_PKEY_RSA, true, false},
    {0x0103, APK_SHA256, EVP_PKEY_RSA, false, false}, {0x0104, APK_SHA512, EVP_PKEY_RSA, false, false},
    {0x0201, APK_SHA256, EVP_PKEY_EC, false, false},  {0x0202, APK_SHA512, EVP_PKEY_EC, false, false},
    {0x0301, APK_SHA256, EVP_PKEY_DSA, false, false}, {0x0421, APK_SHA256, EVP_PKEY_RSA, false, true},
    {0x0423, APK_SHA256, EVP_PKEY_EC, false, true},   {0x0425, APK_SHA256, EVP_PKEY_DSA, false, true},
};

const struct apk_algorithm *apk_algorithm_of(uint32_t id)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (algorithms[i].id == id) return &algorithms[i];
    return NULL;
}

bool apk_algorithm_verifies(const struct apk_algorithm *algorithm, EVP_PKEY *key, struct str data, struct str signature)
{
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = algorithm->hash == APK_SHA512 ? EVP_sha512() : EVP_sha256();
    bool right = EVP_PKEY_get_base_id(key) == algorithm->key && EVP_DigestVerifyInit(context, &options, hash, NULL, key) == 1;
    if (right && algorithm->pss)
        right = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
    right = right && EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.length, (const unsigned char *)data.data,
                                      data.length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return right;
}

bool apk_signature_verifies(uint32_t id, struct str certificate, struct str data, struct str signature)
{
    const unsigned char *at = (const unsigned char *)certificate.data;
    const struct apk_algorithm *algorithm = apk_algorithm_of(id);
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate.length);
    EVP_PKEY *key = x509 ? X509_get0_pubkey(x509) : NULL;
    bool right = algorithm && key && apk_algorithm_verifies(algorithm, key, data, signature);
    X509_free(x509);
    ERR_clear_error();
    return right;
}
