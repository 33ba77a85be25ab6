#include "lib/token/thread_internal.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t threads;
static struct token_thread fetched;

static void end_thread(void *context)
{
    struct token_thread *thread = context;
    EVP_CIPHER_CTX_free(thread->cipher);
    EVP_MD_CTX_free(thread->digest);
    for (size_t i = 0; i < TOKEN_PRIMED; i++) EVP_CIPHER_CTX_free(thread->primed[i].cipher);
    OPENSSL_cleanse(thread, sizeof *thread);
    free(thread);
}

static void fetch(void)
{
    pthread_key_create(&threads, end_thread);
    fetched.siv128 = EVP_CIPHER_fetch(NULL, "AES-128-SIV", NULL);
    fetched.siv256 = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static struct token_thread *new_thread(void)
{
    struct token_thread *thread = malloc(sizeof *thread);
    if (!thread || !fetched.siv128 || !fetched.siv256 || !fetched.sha256) return free(thread), NULL;
    *thread = fetched;
    thread->cipher = EVP_CIPHER_CTX_new();
    thread->digest = EVP_MD_CTX_new();
    for (size_t i = 0; i < TOKEN_PRIMED; i++) thread->primed[i].cipher = EVP_CIPHER_CTX_new();
    pthread_setspecific(threads, thread);
    return thread;
}

struct token_thread *token_thread(void)
{
    pthread_once(&once, fetch);
    struct token_thread *thread = pthread_getspecific(threads);
    return thread ? thread : new_thread();
}
