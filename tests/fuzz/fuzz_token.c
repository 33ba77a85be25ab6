/* Tokens from outside: whatever comes, only what our key sealed is taken; what is opened signs to the same text again. */
#include <assert.h>

#include "lib/token/hits.h"

static struct keyring ring_of(struct arena *arena)
{
    static char secret[TOKEN_SECRET_LENGTH] = "a secret that no corpus has, of sixty-four bytes in all, padded";
    struct key *key = arena_new_of(arena, struct key);
    *key = (struct key){.id = S("k1"), .secret = str_make(secret, sizeof secret)};
    return (struct keyring){.keys = key, .count = 1};
}

/* The input as a token's fields: signed, opened, the same. */
static void check_fields(struct arena *arena, const struct keyring *ring, struct str text)
{
    struct token_fields fields = {.due = (int64_t)text.length, .business = str_first(text, 8), .type = str_from(text, 8), .has_size = true};
    struct token_opened opened;
    struct error error;
    struct str token, again;
    if (token_sign(arena, keyring_newest(ring), &fields, TOKEN_BASE64URL, &token, &error) != STATUS_OK) return;
    assert(token_open(ring, token, &opened) == TOKEN_NONE);
    assert(str_equal(opened.fields.business, fields.business) && str_equal(opened.fields.type, fields.type));
    assert(token_sign(arena, keyring_newest(ring), &opened.fields, TOKEN_BASE64URL, &again, &error) == STATUS_OK &&
           str_equal(token, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct arena *arena = arena_new();
    struct keyring ring = ring_of(arena);
    struct token_opened opened;
    enum token_reason reason = token_open(&ring, text, &opened);
    assert(token_action_of(reason) == TOKEN_REFUSE); /* nobody forges one here */
    check_fields(arena, &ring, text);
    struct hits *hits = hits_init(arena_buffer(arena, hits_size(HITS_LEAST)), HITS_LEAST);
    hits_load(hits, text);
    assert(hits_saved_size(hits) <= HITS_HEAD + HITS_LEAST * HITS_RECORD);
    arena_free(arena);
    return 0;
}
