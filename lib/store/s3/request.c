#include "base/encode.h"
#include "lib/store/s3/s3_internal.h"

enum { CREDENTIALS_LIFE = CLOCK_SECOND };

struct sigv4_signer s3_signer(struct s3 *s3, const struct credentials *credentials, int64_t moment)
{
    pthread_mutex_lock(&s3->signer_lock);
    if (s3->signer_serial != credentials->serial || s3->signer_day != moment / CLOCK_DAY) {
        sigv4_key(credentials->secret, s3->region, S("s3"), moment, s3->signer.key);
        s3->signer_serial = credentials->serial;
        s3->signer_day = moment / CLOCK_DAY;
    }
    struct sigv4_signer signer = s3->signer;
    pthread_mutex_unlock(&s3->signer_lock);
    signer.id = credentials->id;
    signer.region = s3->region;
    signer.service = S("s3");
    return signer;
}

static struct str url_of(struct s3 *s3, struct arena *arena, struct str path, struct str query)
{
    return arena_printf(arena, STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(s3->origin), STR_ARG(path), query.length ? "?" : "", STR_ARG(query));
}

static struct str path_of(struct s3 *s3, struct arena *arena, struct str key)
{
    if (str_empty(key)) return s3->bucket_path;
    return arena_printf(arena, STR_FMT STR_FMT, STR_ARG(s3->root), STR_ARG(percent_encode(arena, key, true)));
}

enum status s3_sign(struct remote *remote, struct io io, const struct remote_request *request, struct remote_signed *out,
                    struct error *error)
{
    struct s3 *s3 = (struct s3 *)remote;
    struct credentials credentials;
    TRY(credentials_get(s3->credentials, io, CREDENTIALS_LIFE, &credentials, error));
    int64_t now = clock_real();
    struct arena *arena = out->arena;
    struct str hash = request->body.length ? sigv4_payload_hash(arena, request->body) : S(SIGV4_EMPTY_HASH);
    remote_sign_header(out, S("host"), s3->host);
    remote_sign_header(out, S("x-amz-content-sha256"), hash);
    remote_sign_header(out, S("x-amz-date"), sigv4_time(arena, now));
    if (!str_empty(credentials.token)) remote_sign_header(out, S("x-amz-security-token"), credentials.token);
    struct sigv4_request to_sign = {
        .method = str_of(request->method),
        .path = path_of(s3, arena, request->key),
        .query = request->query,
        .query_count = request->query_count,
        .headers = out->headers,
        .header_count = out->header_count,
        .payload_hash = hash,
    };
    struct sigv4_signer signer = s3_signer(s3, &credentials, now);
    struct sigv4_signature signature = sigv4_sign(arena, &signer, &to_sign, now);
    remote_sign_header(out, S("authorization"), sigv4_authorization(arena, &signature));
    out->url = url_of(s3, arena, to_sign.path, signature.query);
    out->serial = credentials.serial;
    return STATUS_OK;
}
