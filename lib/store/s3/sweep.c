#include "lib/http/date.h"
#include "lib/store/s3/resume_internal.h"
#include "lib/store/xml_internal.h"

/* A writer that lives sends a part every few minutes at least. */
enum { ABANDONED_AFTER = 30 * CLOCK_MINUTE, TEXT = 2048 };

struct unfinished {
    struct str key, id;
    int64_t active; /* when it was begun, or its last part came, in ms by the store's clock */
    struct unfinished *next;
};

struct search {
    struct s3 *s3;
    struct io io;
    struct str prefix; /* with the store's own */
    struct unfinished *found;
};

static void note_upload(void *context, const struct str texts[S3_RESUME_LEAVES])
{
    struct search *search = context;
    struct arena *arena = search->io.arena;
    struct unfinished *one = arena_new_of(arena, struct unfinished);
    bool is_read = xml_decode(texts[0], arena_buffer(arena, TEXT), TEXT, &one->key) &&
                   xml_decode(texts[1], arena_buffer(arena, TEXT), TEXT, &one->id) && clock_parse_time(texts[2], &one->active);
    if (!is_read || !str_starts(one->key, search->prefix) || str_empty(one->id)) return;
    one->key = str_from(one->key, search->s3->remote.store.prefix.length);
    if (!store_is_key(one->key)) return;
    one->next = search->found;
    search->found = one;
}

static void note_part(void *context, const struct str texts[S3_RESUME_LEAVES])
{
    struct unfinished *one = context;
    int64_t came;
    if (clock_parse_time(texts[0], &came) && came > one->active) one->active = came;
}

/* By the store's clock, in its answer. */
static int64_t now_there(const struct remote_answer *answer)
{
    int64_t now;
    return http_date_parse(wire_header(&answer->wire, S("date")), &now) ? now : clock_real();
}

/* A thousand parts at most: more of them are a writer at work, or take as long to go as the bucket's own rule. */
static enum status look_at(const struct search *search, struct unfinished *one, bool *abandoned, struct error *error)
{
    static const struct s3_resume_names names = {{"Part", 4}, {{"LastModified", 12}, {"PartNumber", 10}, {"Size", 4}}};
    struct remote_request request = {.method = "GET", .key = one->key, .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    char buffer[8];
    struct str more;
    remote_add_argument(&request, S("uploadId"), one->id);
    TRY(remote_call(&search->s3->remote, search->io, &request, &answer, error));
    struct str body = buf_str(&answer.body);
    bool is_read = s3_resume_read(body, &names, note_part, one);
    bool is_all = !xml_result(body, S("IsTruncated"), buffer, sizeof buffer, &more) || !str_equal(more, S("true"));
    *abandoned = is_read && is_all && now_there(&answer) - one->active > ABANDONED_AFTER;
    return STATUS_OK;
}

static void abort_upload(const struct search *search, const struct unfinished *one)
{
    struct remote_request request = {.method = "DELETE", .key = one->key};
    struct remote_answer answer;
    struct error ignored;
    remote_add_argument(&request, S("uploadId"), one->id);
    remote_call(&search->s3->remote, search->io, &request, &answer, &ignored);
}

enum status s3_sweep(const struct store_call *call, struct error *error)
{
    static const struct s3_resume_names names = {{"Upload", 6}, {{"Key", 3}, {"UploadId", 8}, {"Initiated", 9}}};
    struct search search = {.s3 = (struct s3 *)call->store, .io = call->io};
    search.prefix = arena_join(call->io.arena, call->store->prefix, call->key);
    struct remote_request request = {.method = "GET", .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    remote_add_argument(&request, S("uploads"), S(""));
    remote_add_argument(&request, S("prefix"), search.prefix);
    TRY(remote_call(&search.s3->remote, call->io, &request, &answer, error));
    s3_resume_read(buf_str(&answer.body), &names, note_upload, &search);
    for (struct unfinished *one = search.found; one; one = one->next) {
        bool abandoned = false;
        if (now_there(&answer) - one->active <= ABANDONED_AFTER) continue;
        if (look_at(&search, one, &abandoned, error) == STATUS_OK && abandoned) abort_upload(&search, one);
    }
    return STATUS_OK;
}
