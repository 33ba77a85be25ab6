#include "lib/store/s3/presign_internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/encode.h"
#include "lib/store/common.h"
#include "lib/store/s3/s3_internal.h"

enum {
    SHARDS = 16,
    SETS = 64, /* per shard */
    WAYS = 4,
    SIGNATURES = 512, /* per shard */
    RANGE_MAX = 48,   /* a longer one is signed each time */
    CREDENTIALS_LEFT = CLOCK_MINUTE
};

/* What a URL depends on. */
struct presign_question {
    struct str key;
    struct store_window window;
    uint64_t serial;  /* of the credentials */
    struct str range; /* that the URL is bound to; empty: to none */
};
struct presigned {
    struct str url;
    struct sigv4_bound bound; /* of a URL that is bound to a range and not signed: it ends before its signature */
    bool is_signed;
};

struct slot {
    struct presign_question question;
    struct presigned answer;
    char *bytes; /* the URL, and behind it the key */
    uint64_t used;
    bool is_bound;
    uint64_t number; /* no two URLs that a shard has ever kept have the same */
};

struct signature {
    uint64_t url; /* its slot's number; 0: none */
    size_t length;
    char range[RANGE_MAX], text[SIGV4_SIGNATURE_LENGTH];
};

struct shard {
    pthread_mutex_t lock;
    uint64_t seed; /* the memo's */
    uint64_t clock, kept;
    struct slot slots[SETS][WAYS];
    struct signature signatures[SIGNATURES];
};

struct presign_memo {
    uint64_t seed;
    struct shard shards[SHARDS];
};

struct presign_memo *presign_new(void)
{
    struct presign_memo *memo = calloc(1, sizeof *memo);
    if (!memo) abort();
    memo->seed = store_random();
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&memo->shards[i].lock, NULL);
        memo->shards[i].seed = memo->seed;
    }
    return memo;
}

void presign_free(struct presign_memo *memo)
{
    for (size_t i = 0; i < SHARDS; i++) {
        for (size_t k = 0; k < SETS; k++)
            for (size_t way = 0; way < WAYS; way++) free(memo->shards[i].slots[k][way].bytes);
        pthread_mutex_destroy(&memo->shards[i].lock);
    }
    free(memo);
}

static bool is_same(const struct slot *slot, const struct presign_question *question)
{
    const struct presign_question *known = &slot->question;
    return slot->bytes && known->window.number == question->window.number && known->window.lifetime == question->window.lifetime &&
           known->serial == question->serial && slot->is_bound == !str_empty(question->range) && str_equal(known->key, question->key);
}

static struct slot *find(struct slot set[WAYS], const struct presign_question *question)
{
    for (size_t i = 0; i < WAYS; i++)
        if (is_same(&set[i], question)) return &set[i];
    return NULL;
}

static struct slot *least_recent(struct slot set[WAYS])
{
    struct slot *oldest = &set[0];
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].used < oldest->used) oldest = &set[i];
    return oldest;
}

static struct str with_room(struct arena *arena, struct str url)
{
    char *text = arena_buffer(arena, url.length + SIGV4_SIGNATURE_LENGTH);
    memcpy(text, url.data, url.length);
    return str_make(text, url.length);
}

/* Where the signature of a range is, if it is kept. */
static struct signature *place_of(struct shard *shard, uint64_t url, struct str range)
{
    return &shard->signatures[store_hash(shard->seed ^ url, range) % SIGNATURES];
}

static bool is_of(const struct signature *signature, uint64_t url, struct str range)
{
    return signature->url == url && str_equal(str_make(signature->range, signature->length), range);
}

/* The URL has room for it (with_room). */
static void append_signature(struct presigned *presigned, const char signature[SIGV4_SIGNATURE_LENGTH])
{
    memcpy((char *)(uintptr_t)presigned->url.data + presigned->url.length, signature, SIGV4_SIGNATURE_LENGTH);
    presigned->url.length += SIGV4_SIGNATURE_LENGTH;
    presigned->is_signed = true;
}

static void take(struct shard *shard, struct slot *slot, struct str range, struct arena *arena, struct presigned *answer)
{
    slot->used = ++shard->clock;
    answer->url = with_room(arena, slot->answer.url);
    answer->is_signed = str_empty(range);
    if (answer->is_signed) return;
    const struct signature *signature = place_of(shard, slot->number, range);
    if (is_of(signature, slot->number, range))
        append_signature(answer, signature->text);
    else
        answer->bound = slot->answer.bound;
}

/* False where it is not known. The URL is copied into the arena, with room for a signature behind it. */
static bool presign_find(struct presign_memo *memo, const struct presign_question *question, struct arena *arena, struct presigned *answer)
{
    uint64_t hash = store_hash(memo->seed, question->key);
    struct shard *shard = &memo->shards[hash % SHARDS];
    pthread_mutex_lock(&shard->lock);
    struct slot *slot = find(shard->slots[hash / SHARDS % SETS], question);
    if (slot) take(shard, slot, question->range, arena, answer);
    pthread_mutex_unlock(&shard->lock);
    return slot != NULL;
}

/* A URL, which is not signed where the question has a range. */
static void presign_keep(struct presign_memo *memo, const struct presign_question *question, const struct presigned *answer)
{
    uint64_t hash = store_hash(memo->seed, question->key);
    struct shard *shard = &memo->shards[hash % SHARDS];
    size_t length = answer->url.length;
    char *bytes = malloc(length + question->key.length);
    if (!bytes) abort();
    memcpy(bytes, answer->url.data, length);
    memcpy(bytes + length, question->key.data, question->key.length);
    pthread_mutex_lock(&shard->lock);
    struct slot *set = shard->slots[hash / SHARDS % SETS];
    struct slot *slot = find(set, question);
    if (!slot) slot = least_recent(set);
    free(slot->bytes);
    *slot = (struct slot){.question = *question,
                          .answer = *answer,
                          .bytes = bytes,
                          .used = ++shard->clock,
                          .number = ++shard->kept,
                          .is_bound = !str_empty(question->range)};
    slot->answer.url = str_make(bytes, length);
    slot->question.key = str_make(bytes + length, question->key.length);
    slot->question.range = (struct str){NULL, 0};
    pthread_mutex_unlock(&shard->lock);
}

/* The signature of the question's range, where the URL is known. */
static void presign_keep_signature(struct presign_memo *memo, const struct presign_question *question,
                                   const char text[SIGV4_SIGNATURE_LENGTH])
{
    struct str range = question->range;
    uint64_t hash = store_hash(memo->seed, question->key);
    struct shard *shard = &memo->shards[hash % SHARDS];
    if (range.length > RANGE_MAX) return;
    pthread_mutex_lock(&shard->lock);
    struct slot *slot = find(shard->slots[hash / SHARDS % SETS], question);
    if (slot) {
        struct signature *place = place_of(shard, slot->number, range);
        place->url = slot->number;
        place->length = range.length;
        memcpy(place->range, range.data, range.length);
        memcpy(place->text, text, sizeof place->text);
    }
    pthread_mutex_unlock(&shard->lock);
}

static struct presigned sign_url(struct s3 *s3, struct arena *arena, const struct credentials *credentials,
                                 const struct presign_question *question)
{
    const struct store_window *window = &question->window;
    int64_t from = window->number * window->stretch;
    const struct store_pair host = {S("host"), s3->host};
    struct presigned out = {.is_signed = str_empty(question->range)};
    struct str path = arena_join(arena, s3->root, percent_encode(arena, question->key, true));
    struct sigv4_request request = {
        .method = S("GET"), .path = path, .headers = &host, .header_count = 1, .payload_hash = S(SIGV4_UNSIGNED)};
    struct sigv4_signer signer = s3_signer(s3, credentials, from);
    const struct sigv4_validity valid = {credentials->token, from, (unsigned)((window->end - from) / CLOCK_SECOND)};
    struct str query =
        out.is_signed ? sigv4_presign(arena, &signer, &request, &valid) : sigv4_presign_bound(arena, &signer, &request, &valid, &out.bound);
    out.url = with_room(arena, arena_join(arena, s3->origin, path, S("?"), query));
    return out;
}

static void sign_range(struct presign_memo *memo, const struct presign_question *question, struct presigned *presigned)
{
    char signature[SIGV4_SIGNATURE_LENGTH];
    sigv4_sign_range(&presigned->bound, question->range, signature);
    append_signature(presigned, signature);
    presign_keep_signature(memo, question, signature);
}

enum status s3_presign(const struct store_call *call, struct str range, int64_t lifetime, struct store_presigned *out, struct error *error)
{
    struct s3 *s3 = (struct s3 *)call->store;
    struct io io = call->io;
    struct credentials credentials;
    struct presigned presigned;
    struct store_window window;
    TRY(store_window_of(lifetime, &window, error));
    if (credentials_peek(s3->credentials, io, CREDENTIALS_LEFT, &credentials, error) != STATUS_OK)
        return error_context(error, STR_FMT, STR_ARG(s3->remote.store.name));
    struct presign_question question = {call->key, window, credentials.serial, range};
    if (!presign_find(s3->presigned, &question, io.arena, &presigned)) { /* a key that is found was checked then */
        TRY(store_check_key(call->key, error));
        TRY(credentials_get(s3->credentials, io, CREDENTIALS_LEFT, &credentials, error));
        presigned = sign_url(s3, io.arena, &credentials, &question);
        question.serial = credentials.serial;
        presign_keep(s3->presigned, &question, &presigned);
    }
    if (!presigned.is_signed) sign_range(s3->presigned, &question, &presigned);
    *out = (struct store_presigned){presigned.url, window.end < credentials.expires ? window.end : credentials.expires};
    return STATUS_OK;
}
