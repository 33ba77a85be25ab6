#include "lib/token/token.h"

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/encode.h"
#include "lib/token/siv_internal.h"

/* The plain text (FORMAT.md); numbers little-endian:
 *
 *   0  1   version, 1
 *   1  1   flags: 1 host, 2 size, 4 digest
 *   2  8   due, ms
 *  10  8   modified, ms
 *  18 32   cache key
 *  50  8   size                     if flag 2
 *     32   digest                   if flag 4
 *    1+n   business                 n of 0 to 64
 *    1+n   host                     if flag 1, n of 1 to 253
 *    1+n   type                     n of 0 to 127, to the end
 */
enum { VERSION = 1, HAS_HOST = 1, HAS_SIZE = 2, HAS_DIGEST = 4, ALL_FLAGS = 7 };
enum { AT_DUE = 2, AT_MODIFIED = 10, AT_KEY = 18, FIXED_LENGTH = 50 };

/* No base64url has a '.', so what follows the kid is one or the other. */
#define HEX_MARK S("hex.")

/* --- words */

static const struct {
    const char *name, *detail;
} reasons[TOKEN_REASONS] = {
    [TOKEN_NONE] = {"no-token", "there is no token: the cached copy is right"},
    [TOKEN_EARLY] = {"not-due", "the update is not due yet"},
    [TOKEN_OLDER] = {"older", "a newer version is here already"},
    [TOKEN_DONE] = {"succeeded", "this update has been made here"},
    [TOKEN_BACK_OFF] = {"failed", "the update failed a moment ago and is not tried again yet"},
    [TOKEN_DUE] = {"due", "the update is due"},
    [TOKEN_PROCESSING] = {"processing", "the update is being made"},
    [TOKEN_RETRY] = {"retry", "the update failed before and is tried again"},
    [TOKEN_MALFORMED] = {"malformed", "the token is not one, or the URL is not one"},
    [TOKEN_TOO_LONG] = {"too-long", "the token or the URL is too long"},
    [TOKEN_TWICE] = {"twice", "the URL has more than one token"},
    [TOKEN_UNKNOWN_KEY] = {"unknown-key", "the token's key is not known here"},
    [TOKEN_FORGED] = {"forged", "the token was not made with our key, or was altered"},
    [TOKEN_OTHER_BUSINESS] = {"business", "the token is another business's"},
    [TOKEN_OTHER_HOST] = {"host", "the token is for another host"},
    [TOKEN_OTHER_URL] = {"url", "the token is for another URL"},
};

const char *token_reason_name(enum token_reason reason)
{
    return reasons[reason].name;
}

const char *token_reason_detail(enum token_reason reason)
{
    return reasons[reason].detail;
}

enum token_action token_action_of(enum token_reason reason)
{
    if (reason >= TOKEN_MALFORMED) return TOKEN_REFUSE;
    return reason >= TOKEN_DUE ? TOKEN_UPDATE : TOKEN_SERVE;
}

const char *token_action_name(enum token_action action)
{
    static const char *const names[] = {"serve", "update", "refuse"};
    return names[action];
}

/* --- sign */

static enum status check_fields(const struct token_fields *fields, struct error *error)
{
    char buffer[TOKEN_HOST_MAXIMUM + 1];
    ENSURE(fields->due >= 0 && fields->modified >= 0, error, STATUS_INVALID, "a token's times must not be before 1970");
    ENSURE(fields->business.length <= TOKEN_NAME_MAXIMUM && !str_has_control(fields->business), error, STATUS_INVALID,
           "the business must have at most %d bytes, none of them a control byte", TOKEN_NAME_MAXIMUM);
    ENSURE(fields->type.length <= TOKEN_TYPE_MAXIMUM && !str_has_control(fields->type), error, STATUS_INVALID,
           "the type must have at most %d bytes, none of them a control byte", TOKEN_TYPE_MAXIMUM);
    ENSURE(fields->host.length == 0 || str_equal(token_host(fields->host, buffer), fields->host), error, STATUS_INVALID,
           "the host must be a name in lower case of at most %d bytes", TOKEN_HOST_MAXIMUM);
    return STATUS_OK;
}

static size_t put_text(unsigned char *plain, size_t at, struct str text)
{
    plain[at] = (unsigned char)text.length;
    if (text.length > 0) memcpy(plain + at + 1, text.data, text.length);
    return at + 1 + text.length;
}

static size_t write_plain(const struct token_fields *fields, unsigned char plain[TOKEN_PLAIN_MAXIMUM])
{
    size_t at = FIXED_LENGTH;
    plain[0] = VERSION;
    plain[1] = (unsigned char)((fields->host.length > 0 ? HAS_HOST : 0) | (fields->has_size ? HAS_SIZE : 0) |
                               (fields->has_digest ? HAS_DIGEST : 0));
    bytes_put64(plain + AT_DUE, (uint64_t)fields->due);
    bytes_put64(plain + AT_MODIFIED, (uint64_t)fields->modified);
    memcpy(plain + AT_KEY, fields->key.bytes, TOKEN_KEY_LENGTH);
    if (fields->has_size) bytes_put64(plain + at, fields->size), at += 8;
    if (fields->has_digest) memcpy(plain + at, fields->digest, 32), at += 32;
    at = put_text(plain, at, fields->business);
    if (fields->host.length > 0) at = put_text(plain, at, fields->host);
    return put_text(plain, at, fields->type);
}

enum status token_sign(struct arena *arena, const struct key *key, const struct token_fields *fields, enum token_spelling spelling,
                       struct str *text, struct error *error)
{
    unsigned char plain[TOKEN_PLAIN_MAXIMUM], sealed[TOKEN_PLAIN_MAXIMUM + SIV_TAG_LENGTH];
    TRY(check_fields(fields, error));
    size_t length = write_plain(fields, plain);
    ENSURE(key->secret.length == TOKEN_SECRET_LENGTH, error, STATUS_INVALID, "a token's key must have %d bytes", TOKEN_SECRET_LENGTH);
    ENSURE(siv_seal(key->secret, &key->id, 1, str_make(plain, length), sealed), error, STATUS_INTERNAL,
           "this OpenSSL provides no AES-256-SIV");
    struct str bytes = str_make(sealed, length + SIV_TAG_LENGTH);
    struct str encoded = spelling == TOKEN_HEX ? arena_join(arena, HEX_MARK, hex_encode(arena, bytes)) : base64url_encode(arena, bytes);
    *text = arena_join(arena, key->id, S("."), encoded);
    return STATUS_OK;
}

/* --- open */

struct reader {
    const unsigned char *at, *end;
};

static bool take(struct reader *reader, size_t count, const unsigned char **bytes)
{
    if ((size_t)(reader->end - reader->at) < count) return false;
    *bytes = reader->at;
    reader->at += count;
    return true;
}

static bool take_text(struct reader *reader, size_t most, struct str *text)
{
    const unsigned char *length, *bytes;
    if (!take(reader, 1, &length) || *length > most || !take(reader, *length, &bytes)) return false;
    *text = str_make(bytes, *length);
    return !str_has_control(*text);
}

static bool read_plain(const unsigned char *plain, size_t length, struct token_fields *fields)
{
    const unsigned char *fixed, *size, *digest;
    struct reader reader = {plain, plain + length};
    if (!take(&reader, FIXED_LENGTH, &fixed) || fixed[0] != VERSION || (fixed[1] & ~ALL_FLAGS) != 0) return false;
    fields->has_size = fixed[1] & HAS_SIZE;
    fields->has_digest = fixed[1] & HAS_DIGEST;
    fields->due = (int64_t)bytes_get64(fixed + AT_DUE);
    fields->modified = (int64_t)bytes_get64(fixed + AT_MODIFIED);
    memcpy(fields->key.bytes, fixed + AT_KEY, TOKEN_KEY_LENGTH);
    if (fields->has_size && !take(&reader, 8, &size)) return false;
    if (fields->has_size) fields->size = bytes_get64(size);
    if (fields->has_digest && !take(&reader, 32, &digest)) return false;
    if (fields->has_digest) memcpy(fields->digest, digest, 32);
    if (!take_text(&reader, TOKEN_NAME_MAXIMUM, &fields->business)) return false;
    if ((fixed[1] & HAS_HOST) && (!take_text(&reader, TOKEN_HOST_MAXIMUM, &fields->host) || fields->host.length == 0)) return false;
    return take_text(&reader, TOKEN_TYPE_MAXIMUM, &fields->type) && reader.at == reader.end && fields->due >= 0 && fields->modified >= 0;
}

static int lower_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower case only: each token has one spelling of each kind. */
static bool decode_hex(struct str text, unsigned char *bytes, size_t capacity, size_t *length)
{
    *length = text.length / 2;
    if (text.length % 2 != 0 || *length > capacity) return false;
    for (size_t i = 0; i < *length; i++) {
        int high = lower_digit(text.data[2 * i]), low = lower_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool decode(struct str text, unsigned char *bytes, size_t capacity, size_t *length)
{
    if (str_starts(text, HEX_MARK)) return decode_hex(str_from(text, HEX_MARK.length), bytes, capacity, length);
    return base64url_decode_to(text, bytes, capacity, length);
}

enum token_reason token_open(const struct keyring *ring, struct str text, struct token_opened *opened)
{
    unsigned char sealed[TOKEN_PLAIN_MAXIMUM + SIV_TAG_LENGTH];
    size_t length;
    opened->fields = (struct token_fields){0};
    opened->with = NULL;
    if (text.length > TOKEN_TEXT_MAXIMUM) return TOKEN_TOO_LONG;
    struct str rest = text, id = str_cut(&rest, '.');
    if (!rest.data || !decode(rest, sealed, sizeof sealed, &length)) return TOKEN_MALFORMED;
    if (length < FIXED_LENGTH + SIV_TAG_LENGTH || !str_is_id(id)) return TOKEN_MALFORMED;
    opened->with = keyring_find(ring, id);
    if (!opened->with) return TOKEN_UNKNOWN_KEY;
    memcpy(opened->tag, sealed, SIV_TAG_LENGTH);
    if (!siv_open(opened->with->secret, &id, 1, str_make(sealed, length), opened->plain)) return TOKEN_FORGED;
    return read_plain(opened->plain, length - SIV_TAG_LENGTH, &opened->fields) ? TOKEN_NONE : TOKEN_MALFORMED;
}

/* --- verify */

static enum token_reason fault_reason(enum token_target_fault fault)
{
    if (fault == TOKEN_TARGET_TOO_LONG) return TOKEN_TOO_LONG;
    return fault == TOKEN_TARGET_TWICE ? TOKEN_TWICE : TOKEN_MALFORMED;
}

static bool same_secret(struct str a, struct str b)
{
    return a.length == b.length && CRYPTO_memcmp(a.data ? a.data : "", b.data ? b.data : "", a.length) == 0;
}

/* Every field is compared, whatever the ones before it said. */
static enum token_reason compare(const struct token_question *question, struct token_answer *answer)
{
    char buffer[TOKEN_HOST_MAXIMUM + 1];
    struct token_key anywhere;
    const struct token_fields *fields = &answer->token.fields;
    bool any_host = fields->host.length == 0;
    if (any_host && !token_key_of(&answer->target, question->business, true, &anywhere)) return TOKEN_MALFORMED;
    bool url = token_key_equal(&fields->key, any_host ? &anywhere : &answer->key);
    bool business = same_secret(fields->business, question->business);
    bool host = any_host || same_secret(fields->host, token_host(answer->target.host, buffer));
    if (!business) return TOKEN_OTHER_BUSINESS;
    if (!host) return TOKEN_OTHER_HOST;
    return url ? TOKEN_NONE : TOKEN_OTHER_URL;
}

static enum token_reason verify(const struct keyring *ring, const struct token_question *question, struct token_answer *answer)
{
    struct str parameter = question->parameter.length > 0 ? question->parameter : TOKEN_PARAMETER;
    enum token_target_fault fault = token_target_parse(question->uri, question->host, parameter, &answer->target);
    if (fault != TOKEN_TARGET_OK) return fault_reason(fault);
    answer->has_key = token_key_of(&answer->target, question->business, false, &answer->key);
    if (!answer->has_key) return TOKEN_MALFORMED;
    if (!answer->target.token.data) return TOKEN_NONE;
    enum token_reason reason = token_open(ring, answer->target.token, &answer->token);
    if (reason == TOKEN_NONE) reason = compare(question, answer);
    if (reason != TOKEN_NONE) return reason;
    return question->now < answer->token.fields.due ? TOKEN_EARLY : TOKEN_DUE;
}

enum token_reason token_verify(const struct keyring *ring, const struct token_question *question, struct token_answer *answer)
{
    answer->has_key = false;
    answer->target = (struct token_target){0};
    answer->token.with = NULL;
    return answer->reason = verify(ring, question, answer);
}

/* --- the fetched copy */

struct str token_type_essence(struct str type)
{
    return str_trim(str_first(type, str_find(type, ';')));
}

const char *token_copy_mismatch(const struct token_fields *fields, const struct token_copy *copy)
{
    if (fields->has_size && copy->has_size && fields->size != copy->size) return "size";
    if (fields->type.length > 0 && copy->type.length > 0 &&
        !str_equal_nocase(token_type_essence(fields->type), token_type_essence(copy->type)))
        return "type";
    if (copy->has_modified && fields->modified / 1000 != copy->modified / 1000) return "modified";
    if (fields->has_digest && copy->has_digest && CRYPTO_memcmp(fields->digest, copy->digest, 32) != 0) return "digest";
    return NULL;
}
