/* SHA256_Init and its kin: their state is plain data that is copied for each signature. EVP's is on the heap, and costs as much again as
 * the hashing. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "lib/store/s3/sigv4_internal.h"

#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"

enum { CANONICAL_LIMIT = 256 * 1024, DATE_LENGTH = 8, PRESIGN_ARGUMENTS = 6 };

static const struct str algorithm = {"AWS4-HMAC-SHA256", 16};

static void hmac(const void *key, size_t length, struct str text, unsigned char out[SIGV4_KEY_SIZE])
{
    HMAC(EVP_sha256(), key, (int)length, (const unsigned char *)text.data, text.length, out, NULL);
}

struct str sigv4_payload_hash(struct arena *arena, struct str payload)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)payload.data, payload.length, digest);
    return hex_encode(arena, str_make(digest, sizeof digest));
}

struct str sigv4_time(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    return arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

/* A chain of HMACs: the secret, the day, the region, the service, and a constant. */
void sigv4_key(struct str secret, struct str region, struct str service, int64_t moment, unsigned char key[SIGV4_KEY_SIZE])
{
    struct arena *arena = arena_new();
    struct str first = arena_printf(arena, "AWS4" STR_FMT, STR_ARG(secret));
    hmac(first.data, first.length, str_first(sigv4_time(arena, moment), DATE_LENGTH), key);
    hmac(key, SIGV4_KEY_SIZE, region, key);
    hmac(key, SIGV4_KEY_SIZE, service, key);
    hmac(key, SIGV4_KEY_SIZE, S("aws4_request"), key);
    explicit_bzero((char *)(uintptr_t)first.data, first.length);
    arena_free(arena);
}

static int by_name(const void *left, const void *right)
{
    const struct store_pair *a = left, *b = right;
    int order = str_compare(a->name, b->name);
    return order ? order : str_compare(a->value, b->value);
}

static struct store_pair *sorted(struct arena *arena, const struct store_pair *pairs, size_t count, bool encode)
{
    struct store_pair *copy = arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = pairs[i];
        if (!encode) continue;
        copy[i].name = percent_encode(arena, pairs[i].name, false);
        copy[i].value = percent_encode(arena, pairs[i].value, false);
    }
    if (count > 1) qsort(copy, count, sizeof *copy, by_name);
    return copy;
}

static struct str canonical_query(struct arena *arena, const struct sigv4_request *request)
{
    struct buf out = buf_in(arena, CANONICAL_LIMIT);
    const struct store_pair *pairs = sorted(arena, request->query, request->query_count, true);
    for (size_t i = 0; i < request->query_count; i++) {
        if (i > 0) buf_add(&out, S("&"));
        buf_add(&out, pairs[i].name);
        buf_add(&out, S("="));
        buf_add(&out, pairs[i].value);
    }
    return buf_str(&out);
}

/* Runs of spaces count as one. */
static void add_header_value(struct buf *out, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.length; i++)
        if (value.data[i] != ' ' || value.data[i - 1] != ' ') buf_add_byte(out, value.data[i]);
}

static void add_headers(struct buf *out, const struct store_pair *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add(out, headers[i].name);
        buf_add(out, S(":"));
        add_header_value(out, headers[i].value);
        buf_add(out, S("\n"));
    }
}

static struct str header_names(struct arena *arena, const struct store_pair *headers, size_t count)
{
    struct buf out = buf_in(arena, CANONICAL_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_add(&out, S(";"));
        buf_add(&out, headers[i].name);
    }
    return buf_str(&out);
}

/* "20150830/us-east-1/s3/aws4_request" */
static struct str scope_of(struct arena *arena, const struct sigv4_signer *signer, struct str time)
{
    return arena_printf(arena, STR_FMT "/" STR_FMT "/" STR_FMT "/aws4_request", STR_ARG(str_first(time, DATE_LENGTH)),
                        STR_ARG(signer->region), STR_ARG(signer->service));
}

static struct str credential_of(struct arena *arena, const struct sigv4_signer *signer, struct str time)
{
    return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(signer->id), STR_ARG(scope_of(arena, signer, time)));
}

static struct str canonical_request(struct arena *arena, const struct sigv4_request *request, const struct sigv4_signature *signature,
                                    const struct store_pair *headers)
{
    struct buf out = buf_in(arena, CANONICAL_LIMIT);
    buf_printf(&out, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n", STR_ARG(request->method), STR_ARG(request->path), STR_ARG(signature->query));
    add_headers(&out, headers, request->header_count);
    buf_printf(&out, "\n" STR_FMT "\n" STR_FMT, STR_ARG(signature->signed_headers), STR_ARG(request->payload_hash));
    return buf_str(&out);
}

struct sigv4_signature sigv4_sign(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                                  int64_t moment)
{
    const struct store_pair *headers = sorted(arena, request->headers, request->header_count, false);
    struct str time = sigv4_time(arena, moment);
    struct sigv4_signature out = {
        .query = canonical_query(arena, request),
        .signed_headers = header_names(arena, headers, request->header_count),
        .credential = credential_of(arena, signer, time),
    };
    struct str hash = sigv4_payload_hash(arena, canonical_request(arena, request, &out, headers));
    struct str to_sign = arena_printf(arena, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(algorithm), STR_ARG(time),
                                      STR_ARG(scope_of(arena, signer, time)), STR_ARG(hash));
    unsigned char signature[SIGV4_KEY_SIZE];
    hmac(signer->key, SIGV4_KEY_SIZE, to_sign, signature);
    out.signature = hex_encode(arena, str_make(signature, sizeof signature));
    return out;
}

struct str sigv4_authorization(struct arena *arena, const struct sigv4_signature *signature)
{
    return arena_printf(arena, STR_FMT " Credential=" STR_FMT ", SignedHeaders=" STR_FMT ", Signature=" STR_FMT, STR_ARG(algorithm),
                        STR_ARG(signature->credential), STR_ARG(signature->signed_headers), STR_ARG(signature->signature));
}

/* The request with the parameters that make its URL a presigned one. */
static struct sigv4_request presigned_request(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                                              const struct sigv4_validity *valid, struct str signed_headers)
{
    struct sigv4_request with = *request;
    struct str time = sigv4_time(arena, valid->moment);
    struct store_pair *query = arena_array(arena, request->query_count + PRESIGN_ARGUMENTS, sizeof *query);
    size_t count = request->query_count;
    if (count > 0) memcpy(query, request->query, count * sizeof *query);
    query[count++] = (struct store_pair){S("X-Amz-Algorithm"), algorithm};
    query[count++] = (struct store_pair){S("X-Amz-Credential"), credential_of(arena, signer, time)};
    query[count++] = (struct store_pair){S("X-Amz-Date"), time};
    query[count++] = (struct store_pair){S("X-Amz-Expires"), arena_printf(arena, "%u", valid->seconds)};
    query[count++] = (struct store_pair){S("X-Amz-SignedHeaders"), signed_headers};
    if (!str_empty(valid->token)) query[count++] = (struct store_pair){S("X-Amz-Security-Token"), valid->token};
    with.query = query;
    with.query_count = count;
    return with;
}

struct str sigv4_presign(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                         const struct sigv4_validity *valid)
{
    struct sigv4_request with = presigned_request(arena, signer, request, valid, S("host"));
    struct sigv4_signature signature = sigv4_sign(arena, signer, &with, valid->moment);
    return arena_printf(arena, STR_FMT "&X-Amz-Signature=" STR_FMT, STR_ARG(signature.query), STR_ARG(signature.signature));
}

/* --- one URL for each range */

static void begin(SHA256_CTX *hash, struct str text)
{
    SHA256_Init(hash);
    SHA256_Update(hash, text.data, text.length);
}

/* Both hashes of an HMAC begin with its key, padded to a block (RFC 2104). */
static void begin_keyed(SHA256_CTX *hash, const unsigned char key[SIGV4_KEY_SIZE], unsigned char pad)
{
    unsigned char block[SHA256_CBLOCK];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < SIGV4_KEY_SIZE; i++) block[i] ^= key[i];
    begin(hash, str_make(block, sizeof block));
    explicit_bzero(block, sizeof block);
}

/* The range is the last header that is signed, since they are signed in the order of their names. */
static struct str canonical_head(struct arena *arena, const struct sigv4_request *request, struct str query)
{
    struct buf out = buf_in(arena, CANONICAL_LIMIT);
    buf_printf(&out, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n", STR_ARG(request->method), STR_ARG(request->path), STR_ARG(query));
    add_headers(&out, request->headers, request->header_count);
    buf_add(&out, S("range:"));
    return buf_str(&out);
}

struct str sigv4_presign_bound(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                               const struct sigv4_validity *valid, struct sigv4_bound *bound)
{
    struct sigv4_request with = presigned_request(arena, signer, request, valid, S("host;range"));
    struct str query = canonical_query(arena, &with), time = sigv4_time(arena, valid->moment);
    begin(&bound->request, canonical_head(arena, &with, query));
    begin_keyed(&bound->inner, signer->key, 0x36);
    begin_keyed(&bound->outer, signer->key, 0x5c);
    struct str to_sign = arena_join(arena, algorithm, S("\n"), time, S("\n"), scope_of(arena, signer, time), S("\n"));
    SHA256_Update(&bound->inner, to_sign.data, to_sign.length);
    return arena_join(arena, query, S("&X-Amz-Signature="));
}

static void finish(const SHA256_CTX *begun, const void *data, size_t length, unsigned char digest[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX hash = *begun;
    SHA256_Update(&hash, data, length);
    SHA256_Final(digest, &hash);
}

static void write_hex(const unsigned char digest[SHA256_DIGEST_LENGTH], char hex[SIGV4_SIGNATURE_LENGTH])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
}

void sigv4_sign_range(const struct sigv4_bound *bound, struct str range, char signature[SIGV4_SIGNATURE_LENGTH])
{
    static const struct str tail = {"\n\nhost;range\n" SIGV4_UNSIGNED, 29};
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[SIGV4_SIGNATURE_LENGTH];
    SHA256_CTX request = bound->request;
    SHA256_Update(&request, range.data, range.length);
    SHA256_Update(&request, tail.data, tail.length);
    SHA256_Final(digest, &request);
    write_hex(digest, hex);
    finish(&bound->inner, hex, sizeof hex, digest);
    finish(&bound->outer, digest, sizeof digest, digest);
    write_hex(digest, signature);
}
