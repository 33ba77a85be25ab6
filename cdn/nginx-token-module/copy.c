#include "cdn/nginx-token-module/copy.h"

static ngx_table_elt_t *find_header(ngx_list_t *headers, const char *name)
{
    size_t length = strlen(name);
    for (ngx_list_part_t *part = &headers->part; part; part = part->next) {
        ngx_table_elt_t *items = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (items[i].hash && items[i].key.len == length && ngx_strncasecmp(items[i].key.data, (u_char *)name, length) == 0)
                return &items[i];
    }
    return NULL;
}

/* `sha-256=:<base64>:` (RFC 9530), `SHA-256=<base64>` (RFC 3230), or the bare digest as S3 has it; "<base64>-2" is one of S3's digests of
 * parts. */
static bool read_digest(ngx_str_t value, const char *prefix, unsigned char digest[32])
{
    u_char bytes[96];
    u_char *at = *prefix ? ngx_strlcasestrn(value.data, value.data + value.len, (u_char *)prefix, strlen(prefix) - 1) : value.data;
    if (!at) return false;
    at += strlen(prefix);
    size_t left = (size_t)(value.data + value.len - at);
    if (left > 0 && *at == ':') at++, left--;
    if (left < 44 || (left > 44 && at[44] == '-')) return false;
    ngx_str_t text = {44, at}, out = {0, bytes};
    if (ngx_decode_base64(&out, &text) != NGX_OK || out.len != 32) return false;
    memcpy(digest, bytes, 32);
    return true;
}

static void find_digest(ngx_list_t *headers, struct token_copy *copy)
{
    static const struct {
        const char *name, *prefix;
    } forms[] = {{"repr-digest", "sha-256="}, {"digest", "sha-256="}, {"x-amz-checksum-sha256", ""}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !copy->has_digest; i++) {
        ngx_table_elt_t *header = find_header(headers, forms[i].name);
        copy->has_digest = header && read_digest(header->value, forms[i].prefix, copy->digest);
    }
}

const char *pakhus_copy_mismatch(const ngx_http_request_t *r, const struct token_fields *fields)
{
    ngx_http_upstream_t *upstream = r->upstream;
    if (!upstream) return NULL;
    ngx_http_upstream_headers_in_t *in = &upstream->headers_in;
    if (in->status_n != NGX_HTTP_OK) return "status";
    struct token_copy copy = {.has_modified = in->last_modified_time != -1, .modified = (int64_t)in->last_modified_time * 1000};
    bool encoded = find_header(&in->headers, "content-encoding") != NULL;
    copy.has_size = !encoded && in->content_length_n >= 0;
    copy.size = (uint64_t)in->content_length_n;
    if (in->content_type) copy.type = str_make(in->content_type->value.data, in->content_type->value.len);
    if (!encoded) find_digest(&in->headers, &copy);
    return token_copy_mismatch(fields, &copy);
}

/* As ngx_http_upstream_process_request decides it: what was cut short is not. (r->cache->updated only says that it has been decided.) */
bool pakhus_copy_is_stored(const ngx_http_request_t *r)
{
#if (NGX_HTTP_CACHE)
    const ngx_http_upstream_t *upstream = r->upstream;
    const ngx_event_pipe_t *pipe = upstream ? upstream->pipe : NULL;
    if (!pipe || !r->cache || !upstream->cacheable) return false;
    if (pipe->upstream_done || !pipe->upstream_eof) return pipe->upstream_done;
    off_t told = upstream->headers_in.content_length_n, came = pipe->temp_file->offset - (off_t)r->cache->body_start;
    return pipe->length == -1 && (told == -1 || told == came);
#else
    return false;
#endif
}
