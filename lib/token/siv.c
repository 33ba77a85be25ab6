#include "lib/token/siv_internal.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/token/thread_internal.h"

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.data ? s.data : "");
}

static const EVP_CIPHER *cipher_of(const struct token_thread *thread, struct str key)
{
    if (key.length == 64) return thread->siv256;
    return key.length == 32 ? thread->siv128 : NULL;
}

/* From here on the context takes its text. */
static bool start(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, struct str key, const struct str *data, size_t count, bool seal)
{
    int length;
    if (!context || !cipher || EVP_CipherInit_ex2(context, cipher, bytes_of(key), NULL, seal, NULL) != 1) return false;
    for (size_t i = 0; i < count; i++)
        if (data[i].length > INT_MAX || EVP_CipherUpdate(context, NULL, &length, bytes_of(data[i]), (int)data[i].length) != 1) return false;
    return true;
}

static bool finish(EVP_CIPHER_CTX *context, struct str in, unsigned char *out)
{
    int length = 0;
    return EVP_CipherUpdate(context, out, &length, bytes_of(in), (int)in.length) > 0 && EVP_CipherFinal_ex(context, out, &length) == 1;
}

bool siv_seal(struct str key, const struct str *data, size_t count, struct str plain, unsigned char *sealed)
{
    const struct token_thread *thread = token_thread();
    if (!thread || plain.length == 0 || plain.length > INT_MAX - SIV_TAG_LENGTH) return false;
    return start(thread->cipher, cipher_of(thread, key), key, data, count, true) &&
           finish(thread->cipher, plain, sealed + SIV_TAG_LENGTH) &&
           EVP_CIPHER_CTX_ctrl(thread->cipher, EVP_CTRL_AEAD_GET_TAG, SIV_TAG_LENGTH, sealed) == 1;
}

/* --- opening */

enum { USES_MOST = 1 << 20 };

static bool is_primed_for(const struct token_primed *primed, struct str key, struct str data)
{
    return primed->key_length == key.length && primed->data_length == data.length &&
           CRYPTO_memcmp(primed->key, key.data, key.length) == 0 && CRYPTO_memcmp(primed->data, bytes_of(data), data.length) == 0;
}

/* OSSL_CIPHER_PARAM_SPEED lets a context take more than one message; what the key and the associated data came to stays with it. */
static EVP_CIPHER_CTX *prime(struct token_thread *thread, struct str key, struct str data)
{
    struct token_primed *primed = &thread->primed[thread->next++ % TOKEN_PRIMED];
    primed->key_length = 0;
    if (!start(primed->cipher, cipher_of(thread, key), key, &data, 1, false) ||
        EVP_CIPHER_CTX_ctrl(primed->cipher, EVP_CTRL_SET_SPEED, 1, NULL) != 1)
        return NULL;
    memcpy(primed->key, key.data, key.length);
    memcpy(primed->data, bytes_of(data), data.length);
    primed->key_length = key.length;
    primed->data_length = data.length;
    primed->uses = 0;
    return primed->cipher;
}

static EVP_CIPHER_CTX *ready(struct token_thread *thread, struct str key, const struct str *data, size_t count)
{
    bool may_stay = count == 1 && data[0].length <= TOKEN_PRIMED_DATA && key.length > 0 && key.length <= TOKEN_PRIMED_KEY;
    if (!may_stay) return start(thread->cipher, cipher_of(thread, key), key, data, count, false) ? thread->cipher : NULL;
    for (size_t i = 0; i < TOKEN_PRIMED; i++) {
        struct token_primed *primed = &thread->primed[i];
        if (!is_primed_for(primed, key, data[0])) continue;
        if (++primed->uses < USES_MOST) return primed->cipher;
        primed->key_length = 0;
    }
    return prime(thread, key, data[0]);
}

bool siv_open(struct str key, const struct str *data, size_t count, struct str sealed, unsigned char *plain)
{
    struct token_thread *thread = token_thread();
    if (!thread || sealed.length <= SIV_TAG_LENGTH || sealed.length > INT_MAX) return false;
    EVP_CIPHER_CTX *context = ready(thread, key, data, count);
    struct str text = str_from(sealed, SIV_TAG_LENGTH);
    void *tag = (void *)(uintptr_t)sealed.data; /* OpenSSL only reads it */
    if (context && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SIV_TAG_LENGTH, tag) == 1 && finish(context, text, plain))
        return true;
    OPENSSL_cleanse(plain, text.length);
    return false;
}
