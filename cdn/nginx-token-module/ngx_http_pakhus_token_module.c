/* Cache tokens inside nginx (spec/cache-token.md): the same lib/token as in the function, with the node's hit table in shared memory.
 *
 *     pakhus_token_zone  updates:4m;                     http: a hit table, shared by the workers
 *     pakhus_token_keys  /etc/nginx/pakhus-token.keys;   kid:base64, one a line or with commas, newest first; read again on reload
 *     pakhus_token_business shop;
 *     pakhus_token_param pkt;
 *     pakhus_token       updates | off;                  decides in the access phase: a token that is refused is answered 403
 *     pakhus_token_on_evict keep | purge;                the copies of resources that a full hit table forgets: purge deletes them
 *     pakhus_token_table updates;                        answers with the hit table, for `pakhus token stale --table`: for the node's owner
 * only
 *
 *     $pakhus_token_action    serve, update, refuse
 *     $pakhus_token_reason    see FORMAT.md
 *     $pakhus_cache_key       64 digits: for proxy_cache_key
 *     $pakhus_token_mismatch  "" or what the fetched copy has otherwise than the token says: for proxy_no_cache, so that the old copy stays
 *     $pakhus_token_uri       the request's URI without its token: for origins
 *
 * An update has succeeded when its response has been stored, and failed when it was not. */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "cdn/nginx-token-module/copy.h"
#include "cdn/nginx-token-module/keys.h"
#include "cdn/nginx-token-module/purge.h"
#include "lib/token/hits.h"

typedef struct {
    struct keyring *keys;
    ngx_str_t business;
    ngx_str_t parameter;
    ngx_shm_zone_t *zone; /* NULL: off */
    ngx_shm_zone_t *table;
    ngx_uint_t purges;
} location_t;

typedef struct {
    struct token_answer answer;
    struct hits_token token;
    ngx_slab_pool_t *pool; /* its data is the hit table */
    u_char key[2 * TOKEN_KEY_LENGTH + 1];
    unsigned pending : 1; /* was answered `update`, and nobody knows yet what became of it */
} verdict_t;

ngx_module_t ngx_http_pakhus_token_module;

/* The window is for nodes that cannot report. This one can. */
static const struct hits_rules rules = {.window = INT64_MAX, .back_off = 1000, .back_off_most = 3600000};

static struct str str_from_ngx(ngx_str_t s)
{
    return str_make(s.data, s.len);
}

static int64_t now_ms(void)
{
    ngx_time_t *time = ngx_timeofday();
    return (int64_t)time->sec * 1000 + time->msec;
}

/* --- the verdict: once per request, kept over internal redirects, which empty the contexts */

static void keep_verdict(void *data)
{
    (void)data;
}

static verdict_t *find_verdict(ngx_http_request_t *r)
{
    verdict_t *verdict = ngx_http_get_module_ctx(r, ngx_http_pakhus_token_module);
    if (verdict) return verdict;
    for (ngx_pool_cleanup_t *cleanup = r->pool->cleanup; cleanup; cleanup = cleanup->next) {
        if (cleanup->handler != keep_verdict) continue;
        ngx_http_set_ctx(r, cleanup->data, ngx_http_pakhus_token_module);
        return cleanup->data;
    }
    return NULL;
}

static void ask_table(verdict_t *verdict)
{
    verdict->token = hits_token_of(&verdict->answer);
    ngx_shmtx_lock(&verdict->pool->mutex);
    verdict->answer.reason = hits_ask(verdict->pool->data, &rules, &verdict->token, now_ms());
    ngx_shmtx_unlock(&verdict->pool->mutex);
    verdict->pending = token_action_of(verdict->answer.reason) == TOKEN_UPDATE;
}

static void report(verdict_t *verdict, bool succeeded)
{
    ngx_shmtx_lock(&verdict->pool->mutex);
    hits_report(verdict->pool->data, &rules, &verdict->token, succeeded, now_ms());
    ngx_shmtx_unlock(&verdict->pool->mutex);
    verdict->pending = 0;
}

static void log_refusal(ngx_http_request_t *r, const verdict_t *verdict)
{
    ngx_uint_t level = verdict->answer.reason == TOKEN_UNKNOWN_KEY ? NGX_LOG_WARN : NGX_LOG_INFO;
    ngx_log_error(level, r->connection->log, 0, "pakhus token refused (%s): %s", token_reason_name(verdict->answer.reason),
                  token_reason_detail(verdict->answer.reason));
}

/* --- tokens that this worker has verified lately, by the very bytes of the request: a page's resources are asked for again and again */

enum { REMEMBERED = 256, URI_MOST = 768, HOST_MOST = 128 };

static struct remembered {
    const location_t *location; /* keys and business; NULL: free */
    size_t uri_length, host_length;
    u_char uri[URI_MOST], host[HOST_MOST];
    struct token_key key;
    unsigned char tag[16];
    int64_t due, modified;
} remembered[REMEMBERED];

/* A token's last bytes are as good as random. */
static struct remembered *place_of(struct str uri)
{
    size_t tail = uri.length < 16 ? uri.length : 16;
    return &remembered[ngx_murmur_hash2((u_char *)(uintptr_t)uri.data + uri.length - tail, tail) % REMEMBERED];
}

static void remember(const location_t *location, const struct token_question *question, const struct token_answer *answer)
{
    struct remembered *place = place_of(question->uri);
    if (question->uri.length > URI_MOST || question->host.length > HOST_MOST) return;
    place->location = location;
    place->uri_length = question->uri.length;
    place->host_length = question->host.length;
    memcpy(place->uri, question->uri.data, question->uri.length);
    memcpy(place->host, question->host.data, question->host.length);
    place->key = answer->key;
    memcpy(place->tag, answer->token.tag, sizeof place->tag);
    place->due = answer->token.fields.due;
    place->modified = answer->token.fields.modified;
}

/* As token_verify, but for the attributes, which only an update needs. */
static bool recall(const location_t *location, const struct token_question *question, struct token_answer *answer)
{
    const struct remembered *place = place_of(question->uri);
    bool same = place->location == location && str_equal(question->uri, str_make(place->uri, place->uri_length)) &&
                str_equal(question->host, str_make(place->host, place->host_length));
    if (!same || token_target_parse(question->uri, question->host, question->parameter, &answer->target) != TOKEN_TARGET_OK) return false;
    answer->has_key = true;
    answer->key = place->key;
    memcpy(answer->token.tag, place->tag, sizeof place->tag);
    answer->token.fields = (struct token_fields){.due = place->due, .modified = place->modified};
    answer->reason = question->now < place->due ? TOKEN_EARLY : TOKEN_DUE;
    return true;
}

static void decide(ngx_http_request_t *r, const location_t *location, const struct token_question *question, verdict_t *verdict)
{
    struct token_answer *answer = &verdict->answer;
    bool reads = r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD), recalled = recall(location, question, answer);
    if (!recalled) token_verify(location->keys, question, answer);
    bool good = answer->reason == TOKEN_EARLY || answer->reason == TOKEN_DUE;
    if (good && !recalled) remember(location, question, answer);
    if (answer->reason != TOKEN_DUE) return;
    answer->reason = TOKEN_NONE;
    if (reads) ask_table(verdict);
    enum token_reason reason = answer->reason;
    if (verdict->pending && recalled) token_verify(location->keys, question, answer); /* the attributes */
    answer->reason = reason;
}

static verdict_t *new_verdict(ngx_http_request_t *r, const location_t *location)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(verdict_t));
    if (!cleanup) return NULL;
    verdict_t *verdict = cleanup->data;
    cleanup->handler = keep_verdict;
    ngx_http_set_ctx(r, verdict, ngx_http_pakhus_token_module);
    verdict->pending = 0;
    verdict->pool = (ngx_slab_pool_t *)location->zone->shm.addr;
    const struct token_question question = {
        .uri = str_from_ngx(r->unparsed_uri),
        .host = str_from_ngx(r->headers_in.server),
        .business = str_from_ngx(location->business),
        .parameter = str_from_ngx(location->parameter),
        .now = now_ms(),
    };
    decide(r, location, &question, verdict);
    if (token_action_of(verdict->answer.reason) == TOKEN_REFUSE) log_refusal(r, verdict);
    verdict->key[0] = 0;
    if (verdict->answer.has_key) token_key_hex(&verdict->answer.key, (char *)verdict->key);
    return verdict;
}

/* NULL where it is off. */
static verdict_t *verdict_of(ngx_http_request_t *r)
{
    location_t *location = ngx_http_get_module_loc_conf(r->main, ngx_http_pakhus_token_module);
    verdict_t *verdict = find_verdict(r->main);
    if (verdict || !location->zone) return verdict;
    return new_verdict(r->main, location);
}

static const char *mismatch_of(ngx_http_request_t *r, const verdict_t *verdict)
{
    return verdict->pending ? pakhus_copy_mismatch(r, &verdict->answer.token.fields) : NULL;
}

/* --- phases */

/* A request that comes by again after its fetch, over error_page, has failed. */
static ngx_int_t access_handler(ngx_http_request_t *r)
{
    if (r != r->main) return NGX_DECLINED;
    verdict_t *verdict = verdict_of(r);
    if (!verdict) return NGX_DECLINED;
    if (verdict->pending && r->internal && r->upstream_states) {
        report(verdict, false);
        verdict->answer.reason = TOKEN_BACK_OFF;
    }
    return token_action_of(verdict->answer.reason) == TOKEN_REFUSE ? NGX_HTTP_FORBIDDEN : NGX_DECLINED;
}

static void purge_evicted(ngx_http_request_t *r, const verdict_t *verdict)
{
    struct token_key keys[HITS_EVICTED];
    const location_t *location = ngx_http_get_module_loc_conf(r, ngx_http_pakhus_token_module);
    if (!location->purges || !r->cache || !r->cache->file_cache) return;
    ngx_shmtx_lock(&verdict->pool->mutex);
    size_t count = hits_take_evicted(verdict->pool->data, keys, HITS_EVICTED);
    ngx_shmtx_unlock(&verdict->pool->mutex);
    for (size_t i = 0; i < count; i++) pakhus_purge(r, &keys[i]);
}

static void report_update(ngx_http_request_t *r, verdict_t *verdict)
{
    bool stored = pakhus_copy_is_stored(r);
    const char *mismatch = mismatch_of(r, verdict);
    if (!stored)
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "pakhus token: update not stored (%s)", mismatch ? mismatch : "no response");
    report(verdict, stored && !mismatch);
}

static ngx_int_t log_handler(ngx_http_request_t *r)
{
    verdict_t *verdict = find_verdict(r->main);
    if (!verdict) return NGX_OK;
    if (verdict->pending) report_update(r, verdict);
    if (verdict->answer.target.token.data) purge_evicted(r, verdict);
    return NGX_OK;
}

/* --- the hit table as an answer (T8) */

static ngx_buf_t *save_table(ngx_http_request_t *r, ngx_slab_pool_t *pool)
{
    struct hits *hits = pool->data;
    ngx_shmtx_lock(&pool->mutex);
    ngx_buf_t *buffer = ngx_create_temp_buf(r->pool, hits_saved_size(hits));
    if (buffer) buffer->last += hits_save(hits, buffer->pos);
    ngx_shmtx_unlock(&pool->mutex);
    return buffer;
}

static ngx_int_t table_handler(ngx_http_request_t *r)
{
    location_t *location = ngx_http_get_module_loc_conf(r, ngx_http_pakhus_token_module);
    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) return NGX_HTTP_NOT_ALLOWED;
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) return rc;
    ngx_chain_t out = {.buf = save_table(r, (ngx_slab_pool_t *)location->table->shm.addr)};
    if (!out.buf) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    out.buf->last_buf = 1;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = out.buf->last - out.buf->pos;
    ngx_str_set(&r->headers_out.content_type, "application/octet-stream");
    rc = ngx_http_send_header(r);
    return rc == NGX_ERROR || rc > NGX_OK || r->header_only ? rc : ngx_http_output_filter(r, &out);
}

/* --- variables */

enum { ACTION, REASON, KEY, MISMATCH, URI };

static ngx_int_t set_value(ngx_http_variable_value_t *value, const void *data, size_t length)
{
    value->valid = 1;
    value->no_cacheable = 0;
    value->not_found = 0;
    value->len = (unsigned)length;
    value->data = (u_char *)(uintptr_t)data;
    return NGX_OK;
}

static ngx_int_t set_word(ngx_http_variable_value_t *value, const char *word)
{
    return set_value(value, word, strlen(word));
}

static ngx_int_t set_uri(ngx_http_request_t *r, ngx_http_variable_value_t *value, const verdict_t *verdict)
{
    const struct token_target *target = &verdict->answer.target;
    if (!target->token.data) return set_value(value, r->unparsed_uri.data, r->unparsed_uri.len);
    u_char *text = ngx_pnalloc(r->pool, r->unparsed_uri.len + 2);
    if (!text) return NGX_ERROR;
    bool query = target->before.length > 0 || target->after.length > 0, both = target->before.length > 0 && target->after.length > 0;
    u_char *end = ngx_cpymem(text, target->path.data, target->path.length);
    if (query) *end++ = '?';
    end = ngx_cpymem(end, target->before.data, target->before.length);
    if (both) *end++ = '&';
    end = ngx_cpymem(end, target->after.data, target->after.length);
    return set_value(value, text, (size_t)(end - text));
}

static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t which)
{
    verdict_t *verdict = verdict_of(r);
    const char *mismatch;
    value->not_found = 1;
    if (!verdict) return NGX_OK;
    switch (which) {
    case ACTION: return set_word(value, token_action_name(token_action_of(verdict->answer.reason)));
    case REASON: return set_word(value, token_reason_name(verdict->answer.reason));
    case KEY: return set_word(value, (const char *)verdict->key);
    case MISMATCH: mismatch = mismatch_of(r, verdict); return set_word(value, mismatch ? mismatch : "");
    default: return set_uri(r, value, verdict);
    }
}

static ngx_int_t add_variables(ngx_conf_t *cf)
{
    static ngx_str_t names[] = {ngx_string("pakhus_token_action"), ngx_string("pakhus_token_reason"), ngx_string("pakhus_cache_key"),
                                ngx_string("pakhus_token_mismatch"), ngx_string("pakhus_token_uri")};
    for (uintptr_t i = 0; i < sizeof names / sizeof *names; i++) {
        ngx_http_variable_t *variable = ngx_http_add_variable(cf, &names[i], NGX_HTTP_VAR_NOCACHEABLE);
        if (!variable) return NGX_ERROR;
        variable->get_handler = get_variable;
        variable->data = i;
    }
    return NGX_OK;
}

static ngx_int_t add_handlers(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *access = ngx_array_push(&core->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    ngx_http_handler_pt *log = ngx_array_push(&core->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (!access || !log) return NGX_ERROR;
    memset(remembered, 0, sizeof remembered); /* the keys may be others now */
    *access = access_handler;
    *log = log_handler;
    return NGX_OK;
}

/* --- directives */

/* A table of what fits: the slab allocator keeps some pages for itself. A reload finds the old one, and hands it on to the next. */
static ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old)
{
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
    if (old || zone->shm.exists) return zone->data = pool->data, NGX_OK;
    uint32_t capacity = hits_capacity_in(zone->shm.size);
    void *memory = NULL;
    pool->log_nomem = 0;
    while (capacity >= HITS_LEAST && !(memory = ngx_slab_alloc(pool, hits_size(capacity)))) capacity -= capacity / 64 + 1;
    if (!memory) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "pakhus_token_zone \"%V\" is too small", &zone->shm.name);
        return NGX_ERROR;
    }
    pool->data = hits_init(memory, capacity);
    zone->data = pool->data;
    return NGX_OK;
}

static char *set_zone(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    ngx_str_t *value = cf->args->elts;
    u_char *colon = (u_char *)ngx_strchr(value[1].data, ':');
    (void)command;
    (void)conf;
    if (!colon) return "must be NAME:SIZE";
    ngx_str_t name = {(size_t)(colon - value[1].data), value[1].data};
    ngx_str_t text = {(size_t)(value[1].data + value[1].len - colon - 1), colon + 1};
    ssize_t size = ngx_parse_size(&text);
    if (name.len == 0 || size == NGX_ERROR || size < (ssize_t)(8 * ngx_pagesize)) return "must be NAME:SIZE, of 32k at least";
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name, (size_t)size, &ngx_http_pakhus_token_module);
    if (!zone) return NGX_CONF_ERROR;
    if (zone->init) return "is given twice";
    zone->init = init_zone;
    return NGX_CONF_OK;
}

static char *set_token(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    location_t *location = conf;
    ngx_str_t *value = cf->args->elts;
    (void)command;
    if (location->zone != NGX_CONF_UNSET_PTR) return "is given twice";
    if (ngx_strcmp(value[1].data, "off") == 0) {
        location->zone = NULL;
        return NGX_CONF_OK;
    }
    location->zone = ngx_shared_memory_add(cf, &value[1], 0, &ngx_http_pakhus_token_module);
    return location->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static char *set_table(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    location_t *location = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    (void)command;
    if (location->table) return "is given twice";
    core->handler = table_handler;
    location->table = ngx_shared_memory_add(cf, &value[1], 0, &ngx_http_pakhus_token_module);
    return location->table ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static char *set_keys(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    location_t *location = conf;
    ngx_str_t *value = cf->args->elts;
    (void)command;
    if (location->keys != NGX_CONF_UNSET_PTR) return "is given twice";
    location->keys = pakhus_keys_read(cf, &value[1]);
    return location->keys ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_conf_enum_t on_evict_words[] = {{ngx_string("keep"), 0}, {ngx_string("purge"), 1}, {ngx_null_string, 0}};

static void *create_location(ngx_conf_t *cf)
{
    location_t *location = ngx_pcalloc(cf->pool, sizeof *location);
    if (!location) return NULL;
    location->keys = NGX_CONF_UNSET_PTR;
    location->zone = NGX_CONF_UNSET_PTR;
    location->purges = NGX_CONF_UNSET_UINT;
    return location;
}

static char *merge_location(ngx_conf_t *cf, void *parent, void *child)
{
    location_t *outer = parent, *inner = child;
    (void)cf;
    ngx_conf_merge_ptr_value(inner->keys, outer->keys, NULL);
    ngx_conf_merge_ptr_value(inner->zone, outer->zone, NULL);
    ngx_conf_merge_uint_value(inner->purges, outer->purges, 0);
    ngx_conf_merge_str_value(inner->business, outer->business, "");
    ngx_conf_merge_str_value(inner->parameter, outer->parameter, "pkt");
    if (inner->zone && !inner->keys) return "pakhus_token needs pakhus_token_keys";
    if (!token_is_parameter(str_from_ngx(inner->parameter))) return "pakhus_token_param must be 1 to 32 letters, digits, '_' or '-'";
    return NGX_CONF_OK;
}

enum { ANYWHERE = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1 };

static ngx_command_t commands[] = {
    {ngx_string("pakhus_token_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_zone, 0, 0, NULL},
    {ngx_string("pakhus_token"), ANYWHERE, set_token, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("pakhus_token_table"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_table, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("pakhus_token_on_evict"), ANYWHERE, ngx_conf_set_enum_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(location_t, purges),
     on_evict_words},
    {ngx_string("pakhus_token_keys"), ANYWHERE, set_keys, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("pakhus_token_business"), ANYWHERE, ngx_conf_set_str_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(location_t, business), NULL},
    {ngx_string("pakhus_token_param"), ANYWHERE, ngx_conf_set_str_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(location_t, parameter), NULL},
    ngx_null_command,
};

static ngx_http_module_t context = {
    .preconfiguration = add_variables,
    .postconfiguration = add_handlers,
    .create_loc_conf = create_location,
    .merge_loc_conf = merge_location,
};

ngx_module_t ngx_http_pakhus_token_module = {
    NGX_MODULE_V1, &context, commands, NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NGX_MODULE_V1_PADDING,
};
