/* Packages that are signed with v1 here: for unit tests and for fuzzing. */
#ifndef TESTS_APK_JAR_H
#define TESTS_APK_JAR_H

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "tests/unit/apk_package.h"

struct jar_signer {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline struct jar_signer jar_signer_new(EVP_PKEY *key, long serial)
{
    struct jar_signer signer = {key, X509_new()};
    ASN1_INTEGER_set(X509_get_serialNumber(signer.certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(signer.certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(signer.certificate), 3600);
    X509_set_pubkey(signer.certificate, key);
    X509_sign(signer.certificate, key, EVP_sha256());
    return signer;
}

static inline void jar_signer_free(struct jar_signer signer)
{
    X509_free(signer.certificate);
    EVP_PKEY_free(signer.key);
}

static inline struct str jar_digest(struct arena *arena, const EVP_MD *kind, struct str bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data, bytes.length, digest, &length, kind, NULL);
    return base64_encode(arena, str_make(digest, length));
}

static inline struct str jar_der(struct arena *arena, PKCS7 *block)
{
    unsigned char *der = NULL;
    int length = i2d_PKCS7(block, &der);
    struct str copy = arena_copy(arena, str_make(der, length > 0 ? (size_t)length : 0));
    OPENSSL_free(der);
    return copy;
}

/* `flags` 0: with signed attributes. */
static inline struct str jar_block(struct arena *arena, struct jar_signer signer, const EVP_MD *kind, struct str file, int flags)
{
    BIO *content = BIO_new_mem_buf(file.data, (int)file.length);
    PKCS7 *block = PKCS7_sign(NULL, NULL, NULL, content, PKCS7_DETACHED | PKCS7_BINARY | PKCS7_PARTIAL);
    PKCS7_sign_add_signer(block, signer.certificate, signer.key, kind, flags);
    PKCS7_final(block, content, PKCS7_DETACHED | PKCS7_BINARY);
    struct str der = jar_der(arena, block);
    PKCS7_free(block);
    BIO_free(content);
    return der;
}

/* The manifest of entries that are stored. */
static inline struct str jar_manifest(struct arena *arena, const EVP_MD *kind, const char *algorithm, const struct package_entry *entries,
                                      size_t count)
{
    struct buf text = buf_in(arena, PACKAGE_LIMIT);
    buf_add(&text, S("Manifest-Version: 1.0\r\n\r\n"));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "Name: %s\r\n%s-Digest: " STR_FMT "\r\n\r\n", entries[i].name, algorithm,
                   STR_ARG(jar_digest(arena, kind, entries[i].data)));
    return buf_str(&text);
}

/* A signature file for a manifest that jar_manifest made: `whole` is how its digest is called, "" for none. */
static inline struct str jar_file(struct arena *arena, const EVP_MD *kind, const char *algorithm, const char *whole, struct str manifest)
{
    struct buf text = buf_in(arena, PACKAGE_LIMIT);
    buf_add(&text, S("Signature-Version: 1.0\r\n"));
    if (*whole) buf_printf(&text, "%s: " STR_FMT "\r\n", whole, STR_ARG(jar_digest(arena, kind, manifest)));
    buf_add(&text, S("\r\n"));
    for (struct str rest = str_from(manifest, str_find_str(manifest, S("Name: "))); rest.length > 0;) {
        struct str section = str_first(rest, str_find_str(rest, S("\r\n\r\n")) + 4), name = str_first(section, str_find(section, '\r'));
        buf_printf(&text, STR_FMT "\r\n%s-Digest: " STR_FMT "\r\n\r\n", STR_ARG(name), algorithm,
                   STR_ARG(jar_digest(arena, kind, section)));
        rest = str_from(rest, section.length);
    }
    return buf_str(&text);
}

#endif
