#include "lib/token/siv.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/token/thread.h"

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.data ? s.data : "");
}

static EVP_CIPHER_CTX *start(struct str key, bool seal)
{
    const struct token_thread *thread = token_thread();
    if (!thread || (key.length != 32 && key.length != 64)) return NULL;
    const EVP_CIPHER *cipher = key.length == 64 ? thread->siv256 : thread->siv128;
    return EVP_CipherInit_ex2(thread->cipher, cipher, bytes_of(key), NULL, seal, NULL) == 1 ? thread->cipher : NULL;
}

static bool process(EVP_CIPHER_CTX *context, const struct str *data, size_t count, struct str in, unsigned char *out)
{
    int length = 0;
    for (size_t i = 0; i < count; i++)
        if (data[i].length > INT_MAX || EVP_CipherUpdate(context, NULL, &length, bytes_of(data[i]), (int)data[i].length) != 1) return false;
    return EVP_CipherUpdate(context, out, &length, bytes_of(in), (int)in.length) > 0 && EVP_CipherFinal_ex(context, out, &length) == 1;
}

bool siv_seal(struct str key, const struct str *data, size_t count, struct str plain, unsigned char *sealed)
{
    if (plain.length == 0 || plain.length > INT_MAX - SIV_TAG_LENGTH) return false;
    EVP_CIPHER_CTX *context = start(key, true);
    return context && process(context, data, count, plain, sealed + SIV_TAG_LENGTH) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SIV_TAG_LENGTH, sealed) == 1;
}

bool siv_open(struct str key, const struct str *data, size_t count, struct str sealed, unsigned char *plain)
{
    if (sealed.length <= SIV_TAG_LENGTH || sealed.length > INT_MAX) return false;
    EVP_CIPHER_CTX *context = start(key, false);
    struct str text = str_from(sealed, SIV_TAG_LENGTH);
    void *tag = (void *)(uintptr_t)sealed.data; /* OpenSSL only reads it */
    if (context && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SIV_TAG_LENGTH, tag) == 1 &&
        process(context, data, count, text, plain))
        return true;
    OPENSSL_cleanse(plain, text.length);
    return false;
}
