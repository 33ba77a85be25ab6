/* OpenSSL's algorithms, fetched once, and contexts of the calling thread's own, kept until it ends: what makes verification
 * free of allocations after a thread's first. */
#ifndef TOKEN_THREAD_H
#define TOKEN_THREAD_H

#include <openssl/evp.h>

struct token_thread {
    EVP_CIPHER_CTX *cipher;
    EVP_MD_CTX *digest;
    const EVP_CIPHER *siv128, *siv256;
    const EVP_MD *sha256;
};
/* NULL only where OpenSSL lacks one of them. */
const struct token_thread *token_thread(void);

#endif
