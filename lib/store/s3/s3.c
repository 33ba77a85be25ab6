#include "lib/store/s3/s3_internal.h"

static enum status s3_remove(const struct store_call *call, struct error *error)
{
    struct s3_request request = {.method = "DELETE", .key = call->key};
    struct s3_answer answer;
    enum status status = s3_call((struct s3 *)call->store, call->io, &request, &answer, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status s3_fetch(struct store *store, struct io io, struct str url, struct str range, int *http_status, struct error *error)
{
    struct s3 *s3 = (struct s3 *)store;
    const struct store_pair header = {S("range"), range};
    const struct wire_request request = {
        .method = "GET", .url = url, .headers = &header, .header_count = range.length > 0, .direct = s3->direct};
    struct wire_answer answer = {0};
    TRY(wire_begin(s3->wire, io, &request, &answer, error));
    wire_end(answer.call);
    *http_status = answer.status;
    return STATUS_OK;
}

static void s3_offer_credentials(struct store *store, struct str id, struct str secret, struct str token)
{
    credentials_offer(((struct s3 *)store)->credentials, id, secret, token);
}

static void s3_close(struct store *store)
{
    struct s3 *s3 = (struct s3 *)store;
    credentials_free(s3->credentials);
    wire_free(s3->wire);
    presign_free(s3->presigned);
    pthread_mutex_destroy(&s3->signer_lock);
}

static enum status s3_open(struct arena *arena, const struct url *url, struct store **store, struct error *error)
{
    struct s3 *s3 = arena_new_of(arena, struct s3);
    struct str credentials;
    TRY(s3_configure(s3, arena, url, &credentials, error));
    s3->store.abilities.presigns = true;
    s3->wire = wire_new(&s3->store.counters);
    s3->credentials = credentials_new(s3->wire, credentials);
    s3->presigned = presign_new();
    pthread_mutex_init(&s3->signer_lock, NULL);
    *store = &s3->store;
    return STATUS_OK;
}

const struct store_backend store_backend_s3 = {
    .scheme = "s3",
    .open = s3_open,
    .get = s3_get,
    .stream = s3_stream,
    .head = s3_head,
    .put = s3_put,
    .upload = s3_upload,
    .compose = s3_compose,
    .copies_from = s3_copies_from,
    .remove = s3_remove,
    .sweep = s3_sweep,
    .list = s3_list,
    .presign = s3_presign,
    .fetch = s3_fetch,
    .offer_credentials = s3_offer_credentials,
    .close = s3_close,
};
