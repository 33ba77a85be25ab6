#include "lib/store/azure/azure_internal.h"

#include "base/encode.h"
#include "lib/http/date.h"

static enum status check_signer(const struct azure *azure, struct error *error)
{
    ENSURE(!str_empty(azure->signer.key), error, STATUS_DENIED, "no credentials: set %s", azure->variable);
    return STATUS_OK;
}

static struct str query_of(struct arena *arena, const struct remote_request *request)
{
    struct str out = S("");
    for (size_t i = 0; i < request->query_count; i++) {
        const struct store_pair *pair = &request->query[i];
        out = arena_join(arena, out, i > 0 ? S("&") : S("?"), pair->name, S("="), percent_encode(arena, pair->value, false));
    }
    return out;
}

static enum status azure_sign(struct remote *remote, struct io io, const struct remote_request *request, struct remote_signed *out,
                              struct error *error)
{
    (void)io;
    struct azure *azure = (struct azure *)remote;
    struct arena *arena = out->arena;
    TRY(check_signer(azure, error));
    remote_sign_header(out, S("x-ms-date"), http_date(arena, clock_real()));
    remote_sign_header(out, S("x-ms-version"), S(AZURE_VERSION));
    const struct azure_to_sign to_sign = {
        .method = str_of(request->method),
        .path = azure_path_of(azure, arena, request->key),
        .query = request->query,
        .query_count = request->query_count,
        .headers = out->headers,
        .header_count = out->header_count,
        .body_length = request->body.length,
    };
    remote_sign_header(out, S("authorization"), azure_authorization(arena, &azure->signer, &to_sign));
    out->url = arena_join(arena, azure->origin, to_sign.path, query_of(arena, request));
    return STATUS_OK;
}

static void add_to_put(struct remote *remote, struct remote_request *request, const struct store_put *put)
{
    (void)remote;
    remote_add_header(request, S("x-ms-blob-type"), S("BlockBlob"));
    if (put->condition == STORE_IF_ABSENT) remote_add_header(request, S("if-none-match"), S("*"));
}

/* Azure keeps the MD5 of what came by one Put Blob. */
static enum status check_digest(const struct wire_answer *answer, struct str body, struct error *error)
{
    struct str said = wire_header(answer, S("content-md5"));
    struct arena *arena = arena_new();
    struct str is = store_content_md5(arena, body);
    bool intact = str_empty(said) || str_empty(is) || str_equal(said, is);
    arena_free(arena);
    ENSURE(intact, error, STATUS_CORRUPT, "the bytes are not those that the store's digest is of");
    return STATUS_OK;
}

static const struct remote_service service = {
    .mark = {AZURE_MARK, sizeof AZURE_MARK - 1},
    .sign = azure_sign,
    .failure = azure_failure_of,
    .add_to_put = add_to_put,
    .check_digest = check_digest,
    .ask_for_page = azure_ask_for_page,
    .read_page = azure_read_page,
};

static enum status azure_remove(const struct store_call *call, struct error *error)
{
    struct remote_request request = {.method = "DELETE", .key = call->key};
    struct remote_answer answer;
    remote_add_header(&request, S("x-ms-delete-snapshots"), S("include")); /* an object that has some is not removed otherwise */
    enum status status = remote_call((struct remote *)call->store, call->io, &request, &answer, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What is asked within a stretch of time gives the same URL without a memo: nothing in it is random, and one HMAC costs less than a
 * look-up. A range can't be signed. */
static enum status azure_presign_object(const struct store_call *call, struct str range, int64_t lifetime, struct store_presigned *out,
                                        struct error *error)
{
    (void)range;
    struct azure *azure = (struct azure *)call->store;
    struct arena *arena = call->io.arena;
    struct store_window window;
    TRY(store_window_of(lifetime, &window, error));
    TRY(store_check_key(call->key, error));
    if (check_signer(azure, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(call->store->name));
    const struct azure_pass pass = {
        .object = arena_join(arena, azure->container, S("/"), call->store->prefix, call->key),
        .until = window.end,
        .https_only = azure->is_https,
    };
    struct str query = azure_presign(arena, &azure->signer, &pass);
    out->url = arena_join(arena, azure->origin, azure_path_of(azure, arena, call->key), S("?"), query);
    out->valid_until = window.end;
    return STATUS_OK;
}

static void azure_close(struct store *store)
{
    struct azure *azure = (struct azure *)store;
    explicit_bzero((char *)(uintptr_t)azure->signer.key.data, azure->signer.key.length);
    wire_free(azure->remote.wire);
}

static enum status azure_open(struct arena *arena, const struct url *url, struct store **store, struct error *error)
{
    struct azure *azure = arena_new_of(arena, struct azure);
    TRY(azure_configure(azure, arena, url, error));
    azure->remote.store.abilities = (struct store_abilities){.presigns = true, .clamps_ranges = true, .resumes = true};
    azure->remote.service = &service;
    azure->remote.wire = wire_new(&azure->remote.store.counters);
    *store = &azure->remote.store;
    return STATUS_OK;
}

const struct store_backend store_backend_azure = {
    .scheme = "azure",
    .open = azure_open,
    .get = remote_get,
    .stream = remote_stream,
    .head = azure_head,
    .put = remote_put,
    .upload = azure_upload,
    .compose = azure_compose,
    .remove = azure_remove,
    .list = remote_list,
    .presign = azure_presign_object,
    .fetch = remote_fetch,
    .close = azure_close,
};
