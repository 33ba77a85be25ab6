#include "lib/keyring/keyring.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/encode.h"

enum { KEYS_MAXIMUM = 16, MAC_LENGTH = 32, MAC_DIGITS = 43 };

static bool is_key_id(struct str id)
{
    return str_is_id(id) && id.length <= 32 && str_find(id, '.') == id.length;
}

static enum status parse_key(struct arena *arena, struct str entry, size_t length, struct key *key, struct error *error)
{
    struct str text = entry, id = str_cut(&text, ':');
    ENSURE(text.data && is_key_id(id), error, STATUS_INVALID,
           "a key must be written as kid:base64, the kid of letters, digits, '_' and '-'");
    ENSURE(base64_decode(arena, text, &key->secret), error, STATUS_INVALID, "the key '" STR_FMT "' is not base64", STR_ARG(id));
    bool fits = length ? key->secret.length == length : key->secret.length >= 16;
    ENSURE(fits, error, STATUS_INVALID, "the key '" STR_FMT "' has %zu bytes; it must have %s%zu", STR_ARG(id), key->secret.length,
           length ? "" : "at least ", length ? length : 16);
    key->id = arena_copy(arena, id);
    return STATUS_OK;
}

enum status keyring_parse(struct arena *arena, struct str text, size_t length, struct keyring *out, struct error *error)
{
    struct keyring ring = {.keys = arena_array(arena, KEYS_MAXIMUM, sizeof(struct key))};
    for (struct str rest = text; rest.data && text.length > 0;) {
        ENSURE(ring.count < KEYS_MAXIMUM, error, STATUS_INVALID, "more than %d keys", KEYS_MAXIMUM);
        struct key key;
        TRY(parse_key(arena, str_trim(str_cut(&rest, ',')), length, &key, error));
        ENSURE(!keyring_find(&ring, key.id), error, STATUS_INVALID, "the key id '" STR_FMT "' is given twice", STR_ARG(key.id));
        ring.keys[ring.count++] = key;
    }
    *out = ring;
    return STATUS_OK;
}

enum status keyring_generate(struct arena *arena, struct str kid, size_t length, struct str *entry, struct error *error)
{
    struct keyring ring = {0};
    unsigned char *secret = arena_alloc(arena, length);
    ENSURE(RAND_bytes(secret, (int)length) == 1, error, STATUS_INTERNAL, "no random numbers are to be had");
    *entry = arena_join(arena, kid, S(":"), base64_encode(arena, str_make(secret, length)));
    return keyring_parse(arena, *entry, length, &ring, error);
}

const struct key *keyring_newest(const struct keyring *ring)
{
    return ring->count > 0 ? &ring->keys[0] : NULL;
}

const struct key *keyring_find(const struct keyring *ring, struct str id)
{
    for (size_t i = 0; i < ring->count; i++)
        if (str_equal(ring->keys[i].id, id)) return &ring->keys[i];
    return NULL;
}

static struct str mac_of(struct arena *arena, const struct key *key, struct str message)
{
    unsigned char *mac = arena_alloc(arena, EVP_MAX_MD_SIZE);
    unsigned length = 0;
    HMAC(EVP_sha256(), key->secret.data, (int)key->secret.length, (const unsigned char *)message.data, message.length, mac, &length);
    return str_make(mac, length);
}

struct str keyring_sign(struct arena *arena, const struct key *key, struct str message)
{
    struct str mac = base64url_encode(arena, mac_of(arena, key, message));
    return arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(key->id), STR_ARG(mac));
}

enum status keyring_verify(struct arena *arena, const struct keyring *ring, struct str message, struct str signature, struct error *error)
{
    struct str text = signature, id = str_cut(&text, '.'), mac;
    bool formed =
        text.length == MAC_DIGITS && base64url_decode(arena, text, &mac) && mac.length == MAC_LENGTH; /* unpadded: a MAC has one text */
    ENSURE(formed, error, STATUS_DENIED, "the signature is malformed");
    const struct key *key = keyring_find(ring, id);
    ENSURE(key, error, STATUS_DENIED, "the signature's key is not known here");
    ENSURE(str_equal_secret(mac, mac_of(arena, key, message)), error, STATUS_DENIED, "the signature does not match");
    return STATUS_OK;
}
