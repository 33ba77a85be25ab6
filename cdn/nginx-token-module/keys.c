#include "cdn/nginx-token-module/keys.h"

#include "lib/token/token.h"

static void free_arena(void *arena)
{
    arena_free(arena);
}

static struct arena *conf_arena(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (!cleanup) return NULL;
    cleanup->handler = free_arena;
    return cleanup->data = arena_new();
}

static ssize_t read_file(ngx_conf_t *cf, ngx_str_t *path, u_char *text, size_t capacity)
{
    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) return NGX_ERROR;
    ngx_fd_t fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) return NGX_ERROR;
    ssize_t length = ngx_read_fd(fd, text, capacity);
    ngx_close_file(fd);
    return length;
}

/* Lines are as good as commas; empty ones and those with a '#' in front do not count. */
static struct str join_lines(struct arena *arena, struct str text)
{
    char *out = arena_buffer(arena, text.length + 1);
    size_t used = 0;
    for (struct str rest = text; rest.data;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (str_ends(line, S(","))) line.length--;
        if (line.length == 0 || line.data[0] == '#') continue;
        if (used > 0) out[used++] = ',';
        memcpy(out + used, line.data, line.length);
        used += line.length;
    }
    return str_make(out, used);
}

struct keyring *pakhus_keys_read(ngx_conf_t *cf, ngx_str_t *path)
{
    u_char text[8192];
    struct error error;
    ssize_t length = read_file(cf, path, text, sizeof text);
    struct arena *arena = conf_arena(cf);
    if (length < 0 || length == sizeof text || !arena) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "the keys \"%V\" can't be read, or are too many", path);
        return NULL;
    }
    struct keyring *keys = arena_new_of(arena, struct keyring);
    if (keyring_parse(arena, join_lines(arena, str_make(text, (size_t)length)), TOKEN_SECRET_LENGTH, keys, &error) == STATUS_OK)
        return keys;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", path, error.text);
    return NULL;
}
