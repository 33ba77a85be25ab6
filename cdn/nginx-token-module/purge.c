#include "cdn/nginx-token-module/purge.h"

#if (NGX_HTTP_CACHE)
#include <ngx_md5.h>

/* As ngx_http_file_cache_lookup. With the zone's lock. */
static ngx_http_file_cache_node_t *find_node(const ngx_http_file_cache_t *cache, const u_char hash[NGX_HTTP_CACHE_KEY_LEN])
{
    ngx_rbtree_key_t head;
    ngx_rbtree_node_t *node = cache->sh->rbtree.root, *sentinel = cache->sh->rbtree.sentinel;
    memcpy(&head, hash, sizeof head);
    while (node != sentinel) {
        ngx_http_file_cache_node_t *found = (ngx_http_file_cache_node_t *)node;
        ngx_int_t order =
            head == node->key ? memcmp(hash + sizeof head, found->key, NGX_HTTP_CACHE_KEY_LEN - sizeof head) : (head < node->key ? -1 : 1);
        if (order == 0) return found;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

/* Its size counts no more. */
static void forget_node(ngx_http_file_cache_t *cache, const u_char hash[NGX_HTTP_CACHE_KEY_LEN])
{
    ngx_shmtx_lock(&cache->shpool->mutex);
    ngx_http_file_cache_node_t *node = find_node(cache, hash);
    if (node && node->exists) {
        cache->sh->size -= node->fs_size;
        node->fs_size = 0;
        node->exists = 0;
    }
    ngx_shmtx_unlock(&cache->shpool->mutex);
}

void pakhus_purge(ngx_http_request_t *r, const struct token_key *key)
{
    ngx_md5_t md5;
    char text[2 * TOKEN_KEY_LENGTH + 1];
    u_char hash[NGX_HTTP_CACHE_KEY_LEN];
    ngx_http_file_cache_t *cache = r->cache->file_cache;
    ngx_path_t *path = cache->path;
    size_t folder = path->name.len + 1 + path->len, length = folder + sizeof hash * 2;
    u_char *name = ngx_pnalloc(r->pool, length + 1);
    if (!name) return;
    token_key_hex(key, text);
    ngx_md5_init(&md5);
    ngx_md5_update(&md5, text, sizeof text - 1);
    ngx_md5_final(hash, &md5);
    memcpy(name, path->name.data, path->name.len);
    *ngx_hex_dump(name + folder, hash, sizeof hash) = 0;
    ngx_create_hashed_filename(path, name, length);
    forget_node(cache, hash);
    if (ngx_delete_file(name) == NGX_FILE_ERROR && ngx_errno != NGX_ENOENT)
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno, "pakhus token: \"%s\" can't be purged", name);
}

#else

void pakhus_purge(ngx_http_request_t *r, const struct token_key *key)
{
    (void)r;
    (void)key;
}

#endif
