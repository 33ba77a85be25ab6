/* URLs: a token attached and taken off again changes neither the rest nor the cache key. */
#include <assert.h>

#include "lib/token/key.h"

static bool key_of(struct str url, struct token_key *key)
{
    struct token_target target;
    return token_target_parse(url, S("host.example"), TOKEN_PARAMETER, &target) == TOKEN_TARGET_OK &&
           token_key_of(&target, S("shop"), false, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str url = str_make(data, size);
    if (str_has_control(url)) return 0; /* refused before anything is made of it */
    struct arena *arena = arena_new();
    struct token_target target;
    struct token_key before, after;
    struct str plain = token_detach(arena, url, TOKEN_PARAMETER);
    struct str attached = token_attach(arena, url, TOKEN_PARAMETER, S("k.T"));
    assert(str_equal(token_attach(arena, attached, TOKEN_PARAMETER, S("k.T")), attached));
    assert(str_equal(token_detach(arena, plain, TOKEN_PARAMETER), plain));
    if (token_target_parse(attached, S("host.example"), TOKEN_PARAMETER, &target) == TOKEN_TARGET_OK)
        assert(str_equal(target.token, S("k.T")));
    if (key_of(plain, &before) && attached.length < TOKEN_URL_MAXIMUM) {
        assert(key_of(attached, &after));
        assert(token_key_equal(&before, &after));
    }
    if (key_of(url, &after) && key_of(plain, &before)) assert(token_key_equal(&before, &after));
    arena_free(arena);
    return 0;
}
