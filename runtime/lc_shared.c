/* Answers without a body that are alike share one MHD_Response: making one costs three allocations a header, which for a redirect
 * is as much as all the rest of it. Used by a loop on its own thread only. */
#include "lc_server.h"

#include <stdlib.h>

enum { HEAD_LIMIT = 4096 };

struct lc_shared {
    uint64_t hash;
    struct MHD_Response *reply; /* ours; libmicrohttpd holds it too while it is being sent */
    int status;
    size_t length;
    char head[HEAD_LIMIT]; /* names and values, each with a NUL behind it, which none of them holds */
};

/* The ends of the values, where signatures and ETags differ. Different answers may have one hash: the comparison decides. */
static uint64_t hash_of(const struct lc_headers *headers)
{
    uint64_t hash = headers->count;
    for (size_t i = 0; i < headers->count; i++) {
        struct str value = headers->items[i].value;
        uint64_t end = 0;
        if (value.length >= sizeof end)
            memcpy(&end, value.data + value.length - sizeof end, sizeof end);
        else if (value.length > 0)
            memcpy(&end, value.data, value.length);
        hash = (hash ^ end) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

/* False where it does not fit. */
static bool append(struct lc_shared *slot, struct str part)
{
    if (part.length >= HEAD_LIMIT - slot->length) return false;
    if (part.length > 0) memcpy(slot->head + slot->length, part.data, part.length);
    slot->length += part.length;
    slot->head[slot->length++] = 0;
    return true;
}

static bool keep_head(struct lc_shared *slot, const struct lc_response *response, uint64_t hash)
{
    slot->hash = hash;
    slot->status = response->status;
    slot->length = 0;
    for (size_t i = 0; i < response->headers.count; i++)
        if (!append(slot, response->headers.items[i].name) || !append(slot, response->headers.items[i].value)) return false;
    return true;
}

/* Moves *at behind the part, where it is the next one. */
static bool is_next(const struct lc_shared *slot, size_t *at, struct str part)
{
    const char *head = slot->head + *at;
    if (part.length >= slot->length - *at || head[part.length] != 0) return false;
    if (part.length > 0 && memcmp(head, part.data, part.length) != 0) return false;
    *at += part.length + 1;
    return true;
}

static bool is_alike(const struct lc_shared *slot, const struct lc_response *response, uint64_t hash)
{
    size_t at = 0;
    if (!slot->reply || slot->hash != hash || slot->status != response->status) return false;
    for (size_t i = 0; i < response->headers.count; i++)
        if (!is_next(slot, &at, response->headers.items[i].name) || !is_next(slot, &at, response->headers.items[i].value)) return false;
    return at == slot->length;
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

static enum MHD_Result send_alone(struct lc_exchange *x)
{
    lc_exchange_reply(x);
    return lc_exchange_send(x);
}

static void drop_reply(struct lc_shared *slot)
{
    if (slot->reply) MHD_destroy_response(slot->reply);
    slot->reply = NULL;
}

enum MHD_Result lc_shared_send(struct lc_exchange *x)
{
    if (!is_shareable(x)) return send_alone(x);
    uint64_t hash = hash_of(&x->response.headers);
    struct lc_shared *slot = slot_of(x->loop, hash);
    if (!slot) return send_alone(x);
    if (!is_alike(slot, &x->response, hash)) {
        drop_reply(slot);
        if (!keep_head(slot, &x->response, hash)) return send_alone(x);
        lc_exchange_reply(x);
        slot->reply = x->reply;
        x->reply = NULL;
        if (!slot->reply) return MHD_NO;
    }
    lc_peer_send(&x->loop->peers, x->peer);
    return MHD_queue_response(x->connection, (unsigned)x->response.status, slot->reply);
}

void lc_shared_free(struct lc_loop *loop)
{
    for (size_t i = 0; i < LC_SHARED_COUNT; i++) {
        if (loop->shared[i]) drop_reply(loop->shared[i]);
        free(loop->shared[i]);
    }
}
