/* OpenSSL's algorithms, fetched once, and contexts of the calling thread's own, kept until it ends: what makes verification
 * free of allocations after a thread's first. */
#ifndef TOKEN_THREAD_INTERNAL_H
#define TOKEN_THREAD_INTERNAL_H

#include <openssl/evp.h>

/* A context that has its key and its associated data, ready to open one message after the other: setting a key costs more than opening a
 * token. */
enum { TOKEN_PRIMED_KEY = 64, TOKEN_PRIMED_DATA = 32 };
struct token_primed {
    EVP_CIPHER_CTX *cipher;
    size_t key_length, data_length; /* key_length 0: not ready */
    unsigned uses;                  /* OpenSSL counts them in an int: it is made ready anew long before that is full */
    unsigned char key[TOKEN_PRIMED_KEY], data[TOKEN_PRIMED_DATA];
};

enum { TOKEN_PRIMED = 4 };
struct token_thread {
    EVP_CIPHER_CTX *cipher;
    EVP_MD_CTX *digest;
    struct token_primed primed[TOKEN_PRIMED];
    unsigned next; /* the primed one that is replaced next */
    const EVP_CIPHER *siv128, *siv256;
    const EVP_MD *sha256;
};
/* NULL only where OpenSSL lacks one of them. */
struct token_thread *token_thread(void);

#endif
