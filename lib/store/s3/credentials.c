#include "lib/store/s3/credentials_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/url.h"
#include "lib/store/common.h"
#include "lib/store/remote_internal.h"

enum {
    REFRESH_BEFORE = 5 * CLOCK_MINUTE,
    REST = CLOCK_SECOND, /* between two questions to the container's endpoint */
    REST_AFTER_FAILURE = 10 * CLOCK_SECOND,
    FETCH_TIMEOUT = 5 * CLOCK_SECOND,
    ANSWER_LIMIT = 64 * 1024,
    TOKEN_LIMIT = 16 * 1024
};

enum kind { KIND_STATIC, KIND_CONTAINER, KIND_OFFERED };

struct credentials_source {
    struct wire *wire;
    struct arena *arena;
    enum kind kind;
    const char *variable; /* "SHOP1" or "AWS": what error texts ask for */
    struct str container_url;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct arena *held; /* of `current`; NULL: there are none yet */
    struct credentials current;
    bool fetching;
    int64_t rest_until;   /* monotonic */
    struct error failure; /* of the last fetch; its status is STATUS_OK where it went well */
};

/* NULL where it is not set, or empty. A line break at the end, as files have it, is not meant. */
static const char *environment(struct arena *arena, const char *prefix, const char *name)
{
    const char *value = getenv(arena_printf(arena, "%s_%s", prefix, name).data);
    struct str trimmed = str_trim(str_of(value));
    return str_empty(trimmed) ? NULL : arena_cstr(arena, trimmed);
}

/* They become part of headers. */
static bool are_clean(struct str id, struct str secret, struct str token)
{
    return !str_has_control(id) && !str_has_control(secret) && !str_has_control(token);
}

/* Callers hold the lock, or are alone. */
static void replace(struct credentials_source *source, struct str id, struct str secret, struct str token, int64_t expires)
{
    struct arena *arena = arena_new();
    source->current = (struct credentials){
        .id = arena_copy(arena, id),
        .secret = arena_copy(arena, secret),
        .token = arena_copy(arena, token),
        .expires = expires,
        .serial = source->current.serial + 1,
    };
    arena_free(source->held);
    source->held = arena;
}

static struct str container_url(struct arena *arena)
{
    const char *relative = environment(arena, "AWS", "CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = environment(arena, "AWS", "CONTAINER_CREDENTIALS_FULL_URI");
    if (relative) return arena_printf(arena, "http://169.254.170.2%s", relative);
    return full ? arena_copy(arena, str_of(full)) : S("");
}

struct credentials_source *credentials_new(struct wire *wire, struct str name)
{
    struct arena *arena = arena_new();
    struct credentials_source *source = arena_new_of(arena, struct credentials_source);
    store_condition_init(&source->changed);
    pthread_mutex_init(&source->lock, NULL);
    source->wire = wire;
    source->arena = arena;
    source->variable = str_empty(name) ? "AWS" : remote_variables(arena, name);
    source->kind = str_empty(name) ? KIND_OFFERED : KIND_STATIC;
    const char *id = environment(arena, source->variable, "ACCESS_KEY_ID");
    const char *secret = environment(arena, source->variable, "SECRET_ACCESS_KEY");
    if (id && secret) {
        source->kind = KIND_STATIC;
        replace(source, str_of(id), str_of(secret), str_of(environment(arena, source->variable, "SESSION_TOKEN")), INT64_MAX);
    }
    if (source->kind == KIND_OFFERED) source->container_url = container_url(arena);
    if (!str_empty(source->container_url)) source->kind = KIND_CONTAINER;
    return source;
}

void credentials_free(struct credentials_source *source)
{
    arena_free(source->held);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    arena_free(source->arena);
}

void credentials_offer(struct credentials_source *source, struct str id, struct str secret, struct str token)
{
    if (source->kind != KIND_OFFERED || str_empty(id) || str_empty(secret) || !are_clean(id, secret, token)) return;
    pthread_mutex_lock(&source->lock);
    const struct credentials *now = &source->current;
    bool same = source->held && str_equal(now->id, id) && str_equal(now->secret, secret) && str_equal(now->token, token);
    if (!same) replace(source, id, secret, token, INT64_MAX);
    pthread_mutex_unlock(&source->lock);
}

/* A token travels in the clear over http: only to the addresses that platforms keep for this. */
static enum status check_container_url(struct str text, struct error *error)
{
    struct url url;
    TRY(url_parse(text, &url, error));
    if (str_equal(url.scheme, S("https"))) return STATUS_OK;
    const struct str hosts[] = {S("127.0.0.1"), S("localhost"), S("[::1]"), S("169.254.170.2"), S("169.254.170.23"), S("[fd00:ec2::23]")};
    bool known = false;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) known = known || str_equal(url.host, hosts[i]);
    ENSURE(known && str_equal(url.scheme, S("http")), error, STATUS_DENIED,
           "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http on a loopback or container address");
    return STATUS_OK;
}

static enum status read_token_file(struct arena *arena, const char *path, struct str *token, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = arena_buffer(arena, TOKEN_LIMIT);
    ssize_t count = fd < 0 ? -1 : read(fd, bytes, TOKEN_LIMIT);
    int number = errno;
    if (fd >= 0) close(fd);
    if (count < 0) return error_errno(error, number, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE %s", path);
    *token = str_trim(str_make(bytes, (size_t)count));
    return STATUS_OK;
}

/* The file goes first: platforms renew it while the process lives. */
static enum status authorization(struct arena *arena, struct str *token, struct error *error)
{
    const char *file = environment(arena, "AWS", "CONTAINER_AUTHORIZATION_TOKEN_FILE");
    *token = str_of(environment(arena, "AWS", "CONTAINER_AUTHORIZATION_TOKEN"));
    if (file) TRY(read_token_file(arena, file, token, error));
    ENSURE(!str_has_control(*token), error, STATUS_DENIED, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a control byte");
    return STATUS_OK;
}

static enum status ask_container(struct credentials_source *source, struct io io, struct str *body, struct error *error)
{
    struct store_pair headers[] = {{S("accept"), S("application/json")}, {S("authorization"), {0}}};
    TRY(check_container_url(source->container_url, error));
    TRY(authorization(io.arena, &headers[1].value, error));
    struct wire_request request = {.method = "GET", .url = source->container_url, .headers = headers, .direct = true};
    request.header_count = str_empty(headers[1].value) ? 1 : 2;
    struct wire_answer answer;
    TRY(wire_begin(source->wire, io, &request, &answer, error));
    struct buf bytes = buf_in(io.arena, ANSWER_LIMIT);
    enum status status = wire_read(&answer, io.deadline, &bytes, error);
    wire_end(answer.call);
    if (status != STATUS_OK) return status;
    ENSURE(answer.status == 200, error, answer.status >= 500 || answer.status == 429 ? STATUS_UNAVAILABLE : STATUS_DENIED, "status %d",
           answer.status);
    *body = buf_str(&bytes);
    return STATUS_OK;
}

static struct str json_member(const json_t *json, const char *name)
{
    const json_t *member = json_object_get(json, name);
    return str_make(json_string_value(member), json_string_length(member));
}

static enum status accept_answer(struct credentials_source *source, const json_t *json, struct error *error)
{
    struct str id = json_member(json, "AccessKeyId"), secret = json_member(json, "SecretAccessKey");
    struct str expiration = json_member(json, "Expiration");
    int64_t expires = INT64_MAX;
    ENSURE(!str_empty(id) && !str_empty(secret), error, STATUS_UNAVAILABLE, "response lacks AccessKeyId/SecretAccessKey");
    ENSURE(!expiration.data || clock_parse_time(expiration, &expires), error, STATUS_UNAVAILABLE, "invalid Expiration");
    struct str token = json_member(json, "Token");
    ENSURE(are_clean(id, secret, token), error, STATUS_UNAVAILABLE, "an answer with control bytes");
    pthread_mutex_lock(&source->lock);
    replace(source, id, secret, token, expires);
    pthread_mutex_unlock(&source->lock);
    return STATUS_OK;
}

static enum status fetch(struct credentials_source *source, struct io io, struct error *error)
{
    struct str body;
    TRY(ask_container(source, io, &body, error));
    json_t *json = json_loadb(body.data ? body.data : "", body.length, JSON_REJECT_DUPLICATES, NULL);
    enum status status = accept_answer(source, json, error);
    json_decref(json);
    return status;
}

/* Called and left with the lock held. */
static void refresh(struct credentials_source *source, struct deadline deadline)
{
    struct error error = {0};
    source->fetching = true;
    pthread_mutex_unlock(&source->lock);
    struct io io = {.arena = arena_new(), .deadline = deadline};
    if (fetch(source, io, &error) != STATUS_OK) error_context(&error, "asking the container's endpoint for credentials");
    arena_free(io.arena);
    pthread_mutex_lock(&source->lock);
    source->failure = error;
    source->fetching = false;
    source->rest_until = clock_monotonic() + (error.status == STATUS_OK ? REST : REST_AFTER_FAILURE);
    pthread_cond_broadcast(&source->changed);
}

static bool holds_for(const struct credentials_source *source, int64_t life)
{
    return source->held && (source->current.expires == INT64_MAX || source->current.expires - clock_real() > life);
}

static enum status missing(const struct credentials_source *source, struct error *error)
{
    if (source->failure.status != STATUS_OK) {
        *error = source->failure;
        return error->status;
    }
    ENSURE(source->kind != KIND_CONTAINER, error, STATUS_UNAVAILABLE, "the container's credentials have expired");
    return error_set(error, STATUS_DENIED, "no credentials: set %s_ACCESS_KEY_ID and %s_SECRET_ACCESS_KEY", source->variable,
                     source->variable);
}

/* With the lock held. */
static enum status make_hold(struct credentials_source *source, struct io io, int64_t life, struct error *error)
{
    bool can_fetch = source->kind == KIND_CONTAINER;
    bool tried = false;
    while (can_fetch && !holds_for(source, REFRESH_BEFORE)) {
        bool usable = holds_for(source, life);
        bool rests = clock_monotonic() < source->rest_until;
        if (usable && (source->fetching || rests || io.no_wait || tried)) return STATUS_OK;
        ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "credentials have to be fetched");
        ENSURE(deadline_left(io.deadline) > 0, error, STATUS_TIMEOUT, "credentials did not come in time");
        if (!source->fetching && (rests || tried)) break;
        tried = true;
        if (source->fetching)
            store_condition_wait(&source->changed, &source->lock, io.deadline);
        else
            refresh(source, deadline_within(io.deadline, FETCH_TIMEOUT));
    }
    return holds_for(source, life) ? STATUS_OK : missing(source, error);
}

enum status credentials_get(struct credentials_source *source, struct io io, int64_t life, struct credentials *out, struct error *error)
{
    pthread_mutex_lock(&source->lock);
    enum status status = make_hold(source, io, life, error);
    if (status == STATUS_OK) {
        *out = source->current;
        out->id = arena_copy(io.arena, out->id);
        out->secret = arena_copy(io.arena, out->secret);
        out->token = arena_copy(io.arena, out->token);
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

enum status credentials_peek(struct credentials_source *source, struct io io, int64_t life, struct credentials *out, struct error *error)
{
    pthread_mutex_lock(&source->lock);
    enum status status = make_hold(source, io, life, error);
    if (status == STATUS_OK) *out = (struct credentials){.expires = source->current.expires, .serial = source->current.serial};
    pthread_mutex_unlock(&source->lock);
    return status;
}

bool credentials_same(struct credentials_source *a, struct credentials_source *b, struct io io)
{
    struct credentials first, second;
    struct error ignored;
    if (credentials_get(a, io, 0, &first, &ignored) != STATUS_OK || credentials_get(b, io, 0, &second, &ignored) != STATUS_OK) return false;
    return str_equal(first.id, second.id);
}

bool credentials_reject(struct credentials_source *source, uint64_t serial)
{
    if (source->kind != KIND_CONTAINER) return false;
    pthread_mutex_lock(&source->lock);
    if (source->current.serial == serial) source->current.expires = source->rest_until = 0;
    pthread_mutex_unlock(&source->lock);
    return true;
}
