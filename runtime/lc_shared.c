/* Answers without a body that are alike share one MHD_Response: making one costs three allocations a header, which for a redirect
 * is as much as all the rest of it. Used by a loop on its own thread only. */
#include "lc_server.h"

#include <stdlib.h>

enum { HEAD_LIMIT = 4096 };

struct lc_shared {
    uint64_t hash;
    struct MHD_Response *reply; /* ours; libmicrohttpd holds it too while it is being sent */
    size_t length;
    char head[HEAD_LIMIT];
};

/* Status, names and values, each with a NUL behind it. */
static bool write_head(const struct lc_response *response, char head[HEAD_LIMIT], size_t *length)
{
    size_t used = sizeof response->status;
    memcpy(head, &response->status, used);
    for (size_t i = 0; i < response->headers.count; i++) {
        const struct str parts[] = {response->headers.items[i].name, response->headers.items[i].value};
        for (size_t k = 0; k < 2; k++) {
            if (parts[k].length >= HEAD_LIMIT - used) return false;
            if (parts[k].length > 0) memcpy(head + used, parts[k].data, parts[k].length);
            used += parts[k].length;
            head[used++] = 0;
        }
    }
    *length = used;
    return true;
}

/* By words of eight bytes: what decides is the comparison. */
static uint64_t hash_of(const char *head, size_t length)
{
    uint64_t hash = length;
    for (size_t i = 0; i < length; i += sizeof hash) {
        uint64_t word = 0;
        memcpy(&word, head + i, length - i < sizeof word ? length - i : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

static struct lc_shared *slot_of(struct lc_loop *loop, uint64_t hash)
{
    struct lc_shared **slot = &loop->shared[hash % LC_SHARED_COUNT];
    if (!*slot) *slot = calloc(1, sizeof **slot);
    return *slot;
}

static bool is_shareable(const struct lc_exchange *x)
{
    int status = x->response.status;
    bool redirects = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return redirects && x->response.body.length == 0 && !x->response.stream.read && !x->server->draining;
}

enum MHD_Result lc_shared_send(struct lc_exchange *x)
{
    char head[HEAD_LIMIT];
    size_t length;
    if (!is_shareable(x) || !write_head(&x->response, head, &length)) return lc_exchange_reply(x), lc_exchange_send(x);
    uint64_t hash = hash_of(head, length);
    struct lc_shared *slot = slot_of(x->loop, hash);
    if (!slot) return lc_exchange_reply(x), lc_exchange_send(x);
    bool alike = slot->reply && slot->hash == hash && slot->length == length && memcmp(slot->head, head, length) == 0;
    if (alike) return MHD_queue_response(x->connection, (unsigned)x->response.status, slot->reply);
    lc_exchange_reply(x);
    if (!x->reply) return MHD_NO;
    if (slot->reply) MHD_destroy_response(slot->reply);
    slot->reply = x->reply;
    slot->hash = hash;
    slot->length = length;
    memcpy(slot->head, head, length);
    x->reply = NULL;
    return MHD_queue_response(x->connection, (unsigned)x->response.status, slot->reply);
}

void lc_shared_free(struct lc_loop *loop)
{
    for (size_t i = 0; i < LC_SHARED_COUNT; i++) {
        if (loop->shared[i] && loop->shared[i]->reply) MHD_destroy_response(loop->shared[i]->reply);
        free(loop->shared[i]);
    }
}
