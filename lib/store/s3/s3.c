#include "lib/store/s3/checksum_internal.h"
#include "lib/store/s3/errors_internal.h"
#include "lib/store/s3/s3_internal.h"
#include "lib/store/s3/xml_internal.h"

static bool reject(struct remote *remote, uint64_t serial)
{
    return credentials_reject(((struct s3 *)remote)->credentials, serial);
}

static void add_to_put(struct remote *remote, struct remote_request *request, const struct store_put *put)
{
    const struct store_pair *if_absent = &((struct s3 *)remote)->if_absent;
    if (put->condition == STORE_IF_ABSENT) remote_add_header(request, if_absent->name, if_absent->value);
}

static void ask_for_page(struct remote_request *request, struct arena *arena, const struct remote_question *question)
{
    remote_add_argument(request, S("list-type"), S("2"));
    remote_add_argument(request, S("encoding-type"), S("url"));
    remote_add_argument(request, S("max-keys"), arena_printf(arena, "%zu", question->count));
    remote_add_argument(request, S("prefix"), question->prefix);
    if (!str_empty(question->next)) remote_add_argument(request, S("continuation-token"), question->next);
}

static const struct remote_service service = {
    .mark = {S3_MARK, sizeof S3_MARK - 1},
    .sign = s3_sign,
    .failure = s3_failure_of,
    .reject = reject,
    .add_to_get = s3_add_to_get,
    .add_to_put = add_to_put,
    .check_digest = s3_check_digest,
    .is_encrypted = s3_is_encrypted,
    .ask_for_page = ask_for_page,
    .read_page = s3_xml_list,
};

static enum status s3_remove(const struct store_call *call, struct error *error)
{
    struct remote_request request = {.method = "DELETE", .key = call->key};
    struct remote_answer answer;
    enum status status = remote_call((struct remote *)call->store, call->io, &request, &answer, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void s3_offer_credentials(struct store *store, struct str id, struct str secret, struct str token)
{
    credentials_offer(((struct s3 *)store)->credentials, id, secret, token);
}

static void s3_close(struct store *store)
{
    struct s3 *s3 = (struct s3 *)store;
    credentials_free(s3->credentials);
    wire_free(s3->remote.wire);
    presign_free(s3->presigned);
    pthread_mutex_destroy(&s3->signer_lock);
}

static enum status s3_open(struct arena *arena, const struct url *url, struct store **store, struct error *error)
{
    struct s3 *s3 = arena_new_of(arena, struct s3);
    struct str credentials;
    TRY(s3_configure(s3, arena, url, &credentials, error));
    struct store_abilities *can = &s3->remote.store.abilities;
    can->presigns = can->reads_suffixes = can->copies = can->copies_between = can->resumes = true;
    s3->remote.service = &service;
    s3->remote.wire = wire_new(&s3->remote.store.counters);
    s3->credentials = credentials_new(s3->remote.wire, credentials);
    s3->presigned = presign_new();
    pthread_mutex_init(&s3->signer_lock, NULL);
    *store = &s3->remote.store;
    return STATUS_OK;
}

const struct store_backend store_backend_s3 = {
    .scheme = "s3",
    .open = s3_open,
    .get = remote_get,
    .stream = remote_stream,
    .head = s3_head,
    .put = remote_put,
    .upload = s3_upload,
    .compose = s3_compose,
    .copies_from = s3_copies_from,
    .remove = s3_remove,
    .sweep = s3_sweep,
    .list = remote_list,
    .presign = s3_presign,
    .fetch = remote_fetch,
    .offer_credentials = s3_offer_credentials,
    .close = s3_close,
};
