/* The SIV that tokens use, against RFC 5297 and the published vectors of AES-256-SIV. */
#include "tests/unit/unit.h"

#include "base/encode.h"
#include "lib/token/siv_internal.h"

struct vector {
    const char *name, *key, *data[3], *plain, *sealed;
};
static const struct vector vectors[] = {
    {"RFC 5297 A.1",
     "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     {"101112131415161718191a1b1c1d1e1f2021222324252627"},
     "112233445566778899aabbccddee",
     "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"},
    {"RFC 5297 A.2",
     "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
     {"00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100", "102030405060708090a0",
      "09f911029d74e35bd84156c5635688c0"},
     "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
     "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"},
    {"Miscreant, no data, one block",
     "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     {NULL},
     "00112233445566778899aabbccddeeff",
     "f304f912863e303d5b540e5057c7010c942ffaf45b0e5ca5fb9a56a5263bb065"},
    {"Miscreant, AES-256-SIV, deterministic",
     "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f06f6e6d6c6b6a69686766656463626160f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f",
     {"101112131415161718191a1b1c1d1e1f2021222324252627"},
     "112233445566778899aabbccddee",
     "f125274c598065cfc26b0e71575029088b035217e380cac8919ee800c126"},
    {"Miscreant, AES-256-SIV, with a nonce",
     "7f7e7d7c7b7a797877767574737271706f6e6d6c6b6a69686766656463626160404142434445464748494a4b4c4d4e4f505152535455565758595a5b5b5d5e5f",
     {"00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100", "102030405060708090a0",
      "09f911029d74e35bd84156c5635688c0"},
     "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
     "85b8167310038db7dc4692c0281ca35868181b2762f3c24f2efa5fb80cb143516ce6c434b898a6fd8eb98a418842f51f66fc67de43ac185a66dd72475bbb08"},
};

static struct str bytes(struct arena *arena, const char *hex)
{
    struct str out;
    assert_true(hex_decode(arena, str_of(hex), &out));
    return out;
}

static size_t data_of(struct arena *arena, const struct vector *vector, struct str data[3])
{
    size_t count = 0;
    while (count < 3 && vector->data[count]) data[count] = bytes(arena, vector->data[count]), count++;
    return count;
}

static void seals_as_published(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        unsigned char out[128];
        struct str data[3], plain = bytes(*state, vectors[i].plain), sealed = bytes(*state, vectors[i].sealed);
        size_t count = data_of(*state, &vectors[i], data);
        assert_true(siv_seal(bytes(*state, vectors[i].key), data, count, plain, out));
        if (!str_equal(str_make(out, plain.length + SIV_TAG_LENGTH), sealed)) fail_msg("%s", vectors[i].name);
    }
}

static void opens_as_published(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        unsigned char out[128];
        struct str data[3], plain = bytes(*state, vectors[i].plain);
        size_t count = data_of(*state, &vectors[i], data);
        assert_true(siv_open(bytes(*state, vectors[i].key), data, count, bytes(*state, vectors[i].sealed), out));
        assert_str(str_make(out, plain.length), plain);
    }
}

static void refuses_every_altered_bit(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        unsigned char out[128];
        struct str data[3], sealed = bytes(*state, vectors[i].sealed);
        size_t count = data_of(*state, &vectors[i], data);
        for (size_t bit = 0; bit < sealed.length * 8; bit++) {
            char *altered = arena_cstr(*state, sealed);
            memcpy(altered, sealed.data, sealed.length);
            altered[bit / 8] = (char)(altered[bit / 8] ^ 1 << bit % 8);
            assert_false(siv_open(bytes(*state, vectors[i].key), data, count, str_make(altered, sealed.length), out));
            for (size_t k = 0; k < sealed.length - SIV_TAG_LENGTH; k++) assert_int_equal(out[k], 0); /* nothing leaks out */
        }
    }
}

/* More keys than contexts are kept, and forgeries between the messages: none changes what the next one comes to. */
static void messages_do_not_disturb_each_other(void **state)
{
    enum { KEYS = 6, MESSAGES = 3000000 };
    unsigned char sealed[KEYS][40], out[40];
    struct str keys[KEYS], plain = S("a text of 24 bytes in all"), id = S("k1");
    for (int i = 0; i < KEYS; i++) {
        char *key = arena_alloc(*state, 64);
        key[0] = (char)i;
        keys[i] = str_make(key, 64);
        assert_true(siv_seal(keys[i], &id, 1, str_first(plain, 24), sealed[i]));
    }
    for (int i = 0; i < MESSAGES; i++) {
        int k = i < MESSAGES - 1000 ? 0 : i % KEYS;
        bool forged = i % 7 == 0;
        sealed[k][20] ^= forged;
        if (siv_open(keys[k], &id, 1, str_make(sealed[k], 40), out) == forged) fail_msg("message %d", i);
        sealed[k][20] ^= forged;
        if (i % 1000 == 999) assert_false(siv_open(keys[k], &(struct str){"k2", 2}, 1, str_make(sealed[k], 40), out));
    }
}

static void refuses_what_it_cannot_do(void **state)
{
    unsigned char out[64];
    struct str key = bytes(*state, vectors[0].key), text = S("x");
    assert_false(siv_seal(str_first(key, 31), NULL, 0, text, out));
    assert_false(siv_seal(key, NULL, 0, S(""), out));
    assert_false(siv_open(key, NULL, 0, S("0123456789abcdef"), out));
    assert_false(siv_open(key, NULL, 0, S(""), out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(seals_as_published),        test_with_arena(opens_as_published),
        test_with_arena(refuses_every_altered_bit), test_with_arena(messages_do_not_disturb_each_other),
        test_with_arena(refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
