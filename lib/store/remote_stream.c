#include "lib/store/remote_internal.h"
#include "lib/store/retry_internal.h"

enum { FRUITLESS_TRIES = 5 };

/* A GET that goes on where it broke. */
struct remote_stream {
    struct arena *arena; /* its own, since it may outlive the call that opened it */
    struct remote *remote;
    struct str key, etag;
    uint64_t offset, left;
    int64_t span;           /* ms that a read may take, with all its tries: what was given to open the stream */
    struct wire_call *call; /* NULL: broken */
};

static void hang_up(struct remote_stream *stream)
{
    if (stream->call) wire_end(stream->call);
    stream->call = NULL;
}

static enum status resume(struct remote_stream *stream, struct deadline deadline, struct error *error)
{
    struct io io = {.arena = arena_new(), .deadline = deadline};
    struct store_get get = {.offset = stream->offset, .length = stream->left, .if_match = stream->etag};
    struct remote_request request = remote_get_request(stream->remote, io.arena, stream->key, &get);
    struct remote_answer answer;
    uint64_t length, whole;
    store_count(&stream->remote->store.counters.retries, 1);
    enum status status = remote_begin(stream->remote, io, &request, &answer, error);
    stream->call = answer.wire.call;
    if (status == STATUS_OK) status = remote_check_headers(&get, &answer.wire, &length, &whole, error);
    if (status != STATUS_OK) hang_up(stream);
    arena_free(io.arena);
    return status == STATUS_OK ? STATUS_OK : error_context(error, "resuming at byte %llu", (unsigned long long)stream->offset);
}

static ssize_t stream_next(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct remote_stream *stream = context;
    struct deadline deadline = deadline_in(stream->span);
    struct store_wait wait = wait_begin(stream->remote->store.name);
    if (stream->left == 0) return 0;
    if (capacity > stream->left) capacity = (size_t)stream->left;
    for (unsigned tries = 1;; tries++) {
        if (!stream->call && resume(stream, deadline, error) != STATUS_OK) return -1;
        ssize_t count = wire_pull(stream->call, buffer, capacity, deadline, error);
        if (count > 0) {
            stream->offset += (uint64_t)count;
            stream->left -= (uint64_t)count;
            return count;
        }
        if (count == 0) error_set(error, STATUS_CORRUPT, "ended %llu bytes early", (unsigned long long)stream->left);
        hang_up(stream);
        wait_failed(&wait, error);
        if (str_empty(stream->etag) || tries == FRUITLESS_TRIES || !retry_pause(tries, deadline, &wait)) break;
    }
    error_context(error, STR_FMT ": " STR_FMT STR_FMT ": broke off at byte %llu", STR_ARG(stream->remote->store.name),
                  STR_ARG(stream->remote->store.prefix), STR_ARG(stream->key), (unsigned long long)stream->offset);
    return -1;
}

static void stream_end(void *context)
{
    struct remote_stream *stream = context;
    hang_up(stream);
    arena_free(stream->arena);
}

static enum status begin(struct remote_stream *stream, struct io io, const struct store_get *get, struct store_object *object,
                         struct error *error)
{
    struct io own = {.arena = stream->arena, .deadline = io.deadline};
    struct remote_request request = remote_get_request(stream->remote, stream->arena, stream->key, get);
    struct remote_answer answer;
    TRY(remote_begin(stream->remote, own, &request, &answer, error));
    stream->call = answer.wire.call;
    *object = remote_describe(stream->remote, io, stream->key, &answer.wire);
    object->etag = arena_copy(io.arena, object->etag);
    stream->etag = wire_header(&answer.wire, S("etag"));
    return remote_check_headers(get, &answer.wire, &stream->left, &object->size, error);
}

enum status remote_stream(const struct store_call *call, const struct store_get *get, struct stream *out, struct store_object *object,
                          struct error *error)
{
    struct arena *arena = arena_new();
    struct remote_stream *stream = arena_new_of(arena, struct remote_stream);
    stream->arena = arena;
    stream->remote = (struct remote *)call->store;
    stream->key = arena_copy(arena, call->key);
    stream->offset = get->offset;
    stream->span = deadline_left(call->io.deadline);
    enum status status = begin(stream, call->io, get, object, error);
    if (status != STATUS_OK) {
        stream_end(stream);
        return status;
    }
    *out = (struct stream){stream_next, stream_end, stream};
    return STATUS_OK;
}
