/* One core: verifying a token, against an HMAC-SHA256 of the same length and against OpenSSL's AES-SIV alone. Prints "name ns" lines. */
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

#include "lib/token/siv_internal.h"
#include "lib/token/token.h"

enum { ROUNDS = 200000, REPEATS = 5 };

struct bench {
    struct keyring ring;
    struct token_question question;
    struct str token;
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void verify(const struct bench *bench)
{
    struct token_answer answer;
    if (token_verify(&bench->ring, &bench->question, &answer) != TOKEN_DUE) fprintf(stderr, "not verified\n");
}

static void forged(const struct bench *bench)
{
    struct token_question question = bench->question;
    char uri[1024];
    memcpy(uri, question.uri.data, question.uri.length);
    uri[question.uri.length - 30] = uri[question.uri.length - 30] == 'A' ? 'B' : 'A';
    question.uri.data = uri;
    struct token_answer answer;
    if (token_verify(&bench->ring, &question, &answer) != TOKEN_FORGED) fprintf(stderr, "not forged\n");
}

static void without_token(const struct bench *bench)
{
    struct token_question question = bench->question;
    struct token_answer answer;
    question.uri = str_first(question.uri, str_find(question.uri, '?'));
    if (token_verify(&bench->ring, &question, &answer) != TOKEN_NONE) fprintf(stderr, "has a token\n");
}

static void hmac(const struct bench *bench)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length;
    HMAC(EVP_sha256(), bench->ring.keys->secret.data, (int)bench->ring.keys->secret.length, (const unsigned char *)bench->token.data,
         bench->token.length, mac, &length);
}

static void siv(const struct bench *bench)
{
    unsigned char out[1024];
    siv_seal(bench->ring.keys->secret, &bench->ring.keys->id, 1, str_make(bench->token.data, bench->token.length * 3 / 4 - SIV_TAG_LENGTH),
             out);
}

/* The best of several, in turns: what else the machine does hits all alike. */
static void run(const struct bench *bench)
{
    static const struct {
        const char *name;
        void (*work)(const struct bench *);
    } works[] = {{"hmac-sha256", hmac}, {"aes-256-siv", siv}, {"verify", verify}, {"verify-forged", forged}, {"no-token", without_token}};
    double best[5] = {1e12, 1e12, 1e12, 1e12, 1e12};
    for (int repeat = 0; repeat < REPEATS; repeat++)
        for (int i = 0; i < 5; i++) {
            double start = now_ns();
            for (int round = 0; round < ROUNDS; round++) works[i].work(bench);
            double each = (now_ns() - start) / ROUNDS;
            if (each < best[i]) best[i] = each;
        }
    for (int i = 0; i < 5; i++) printf("%s %.0f\n", works[i].name, best[i]);
    printf("verify/hmac %.2f\n", best[2] / best[0]);
}

int main(void)
{
    static char secret[TOKEN_SECRET_LENGTH] = "sixty-four bytes";
    char host[TOKEN_HOST_MAXIMUM + 1];
    struct arena *arena = arena_new();
    struct key key = {.id = S("k1"), .secret = str_make(secret, sizeof secret)};
    struct bench bench = {.ring = {.keys = &key, .count = 1}};
    struct token_target target;
    struct token_fields fields = {
        .business = S("shop"), .type = S("application/javascript"), .size = 123456, .has_size = true, .has_digest = true};
    struct error error;
    struct str url = S("https://cdn.example/static/js/application-main.js");
    token_target_parse(url, S(""), TOKEN_PARAMETER, &target);
    token_key_of(&target, fields.business, false, &fields.key);
    fields.host = token_host(target.host, host);
    if (token_sign(arena, &key, &fields, TOKEN_BASE64URL, &bench.token, &error) != STATUS_OK) return 1;
    bench.question = (struct token_question){.uri = str_from(token_attach(arena, url, TOKEN_PARAMETER, bench.token), 19),
                                             .host = S("cdn.example"),
                                             .business = S("shop"),
                                             .now = 1};
    run(&bench);
    arena_free(arena);
    return 0;
}
