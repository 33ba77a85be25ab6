#include "lib/store/azure/sign_internal.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/encode.h"

enum { TEXT_LIMIT = 64 * 1024 };

static struct str sign(struct arena *arena, const struct azure_signer *signer, struct str text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    HMAC(EVP_sha256(), signer->key.data, (int)signer->key.length, (const unsigned char *)text.data, text.length, digest, NULL);
    return base64_encode(arena, str_make(digest, sizeof digest));
}

static int by_name(const void *left, const void *right)
{
    const struct store_pair *a = left, *b = right;
    return str_compare(a->name, b->name);
}

static struct store_pair *sorted(struct arena *arena, const struct store_pair *pairs, size_t count)
{
    struct store_pair *copy = arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) copy[i] = pairs[i];
    if (count > 1) qsort(copy, count, sizeof *copy, by_name);
    return copy;
}

static struct str value_of(const struct azure_to_sign *request, struct str name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_equal(request->headers[i].name, name)) return request->headers[i].value;
    return S("");
}

/* The headers of HTTP that are signed stand in a fixed order, each on a line of its own, be it empty. */
static void add_standard_headers(struct buf *out, const struct azure_to_sign *request)
{
    static const char *const before[] = {"content-encoding", "content-language"};
    static const char *const behind[] = {"content-md5",   "content-type",        "date", "if-modified-since", "if-match",
                                         "if-none-match", "if-unmodified-since", "range"};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        buf_add(out, value_of(request, str_of(before[i])));
        buf_add(out, S("\n"));
    }
    if (request->body_length > 0) buf_add_u64(out, request->body_length); /* a length of 0 is signed as none */
    buf_add(out, S("\n"));
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        buf_add(out, value_of(request, str_of(behind[i])));
        buf_add(out, S("\n"));
    }
}

static void add_own_headers(struct buf *out, struct arena *arena, const struct azure_to_sign *request)
{
    const struct store_pair *headers = sorted(arena, request->headers, request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_starts(headers[i].name, S("x-ms-"))) continue;
        buf_add(out, headers[i].name);
        buf_add(out, S(":"));
        buf_add(out, str_trim(headers[i].value));
        buf_add(out, S("\n"));
    }
}

struct str azure_text(struct arena *arena, struct str account, const struct azure_to_sign *request)
{
    struct buf out = buf_in(arena, TEXT_LIMIT);
    const struct store_pair *query = sorted(arena, request->query, request->query_count);
    buf_add(&out, request->method);
    buf_add(&out, S("\n"));
    add_standard_headers(&out, request);
    add_own_headers(&out, arena, request);
    buf_add(&out, S("/"));
    buf_add(&out, account);
    buf_add(&out, request->path);
    for (size_t i = 0; i < request->query_count; i++) {
        buf_add(&out, S("\n"));
        buf_add(&out, query[i].name);
        buf_add(&out, S(":"));
        buf_add(&out, query[i].value);
    }
    return buf_str(&out);
}

struct str azure_authorization(struct arena *arena, const struct azure_signer *signer, const struct azure_to_sign *request)
{
    struct str signature = sign(arena, signer, azure_text(arena, signer->account, request));
    return arena_join(arena, S("SharedKey "), signer->account, S(":"), signature);
}

static struct str time_of(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

struct str azure_presign(struct arena *arena, const struct azure_signer *signer, const struct azure_pass *pass)
{
    static const struct str none_of_seven = {"\n\n\n\n\n\n\n", 7}; /* a snapshot, a scope of encryption, headers of the answer */
    struct str until = time_of(arena, pass->until), protocols = pass->https_only ? S("https") : S("");
    struct str object = arena_join(arena, S("/blob/"), signer->account, S("/"), pass->object);
    struct str text =
        arena_join(arena, S("r\n\n"), until, S("\n"), object, S("\n\n\n"), protocols, S("\n" AZURE_VERSION "\nb"), none_of_seven);
    struct str signature = percent_encode(arena, sign(arena, signer, text), false);
    return arena_join(arena, S("sv=" AZURE_VERSION "&sr=b&sp=r&se="), percent_encode(arena, until, false),
                      pass->https_only ? S("&spr=https&sig=") : S("&sig="), signature);
}
