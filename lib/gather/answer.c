#include "lib/gather/answer.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/encode.h"

enum { SMALL = 1 << 20, HEAD_LIMIT = 16384, HEAD_MOST = 2048, QUAD = 4 };

/* --- pieces behind one another, some of them in base64 */

struct piece {
    struct str bytes;
    bool encoded;
};

struct pieces {
    struct piece *items;
    size_t count;
    /* what has been read */
    size_t at;
    struct str quad; /* digits that had no room */
    char digits[QUAD];
};

static struct pieces *pieces_new(struct arena *arena, size_t most)
{
    struct pieces *pieces = arena_new_of(arena, struct pieces);
    pieces->items = arena_array(arena, most, sizeof *pieces->items);
    return pieces;
}

static void add(struct pieces *pieces, struct str bytes, bool encoded)
{
    pieces->items[pieces->count++] = (struct piece){bytes, encoded};
}

static size_t copy(struct str *from, char *into, size_t capacity)
{
    struct str first = str_first(*from, capacity);
    if (first.length > 0) memcpy(into, first.data, first.length);
    *from = str_from(*from, first.length);
    return first.length;
}

/* As many whole groups as there is room for; where there is none, one group goes by way of `quad`. */
static size_t copy_encoded(struct pieces *pieces, struct str *from, char *into, size_t capacity)
{
    struct str first = str_first(*from, capacity < QUAD ? 3 : capacity / 4 * 3);
    char *digits = capacity < QUAD ? pieces->digits : into;
    size_t length = base64_encode_to(first, digits);
    *from = str_from(*from, first.length);
    if (capacity >= QUAD) return length;
    pieces->quad = str_make(digits, length);
    return copy(&pieces->quad, into, capacity);
}

static ssize_t read_pieces(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct pieces *pieces = context;
    size_t used = 0;
    (void)error;
    while (used < capacity && (pieces->quad.length > 0 || pieces->at < pieces->count)) {
        char *into = (char *)buffer + used;
        struct piece *piece = &pieces->items[pieces->at];
        if (pieces->quad.length > 0)
            used += copy(&pieces->quad, into, capacity - used);
        else if (piece->bytes.length == 0)
            pieces->at++;
        else if (piece->encoded)
            used += copy_encoded(pieces, &piece->bytes, into, capacity - used);
        else
            used += copy(&piece->bytes, into, capacity - used);
    }
    return (ssize_t)used;
}

static uint64_t length_of(const struct pieces *pieces)
{
    uint64_t length = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        uint64_t bytes = pieces->items[i].bytes.length;
        length += pieces->items[i].encoded ? (bytes + 2) / 3 * QUAD : bytes;
    }
    return length;
}

/* A small answer in one piece is sent sooner than a stream, which two threads take turns at. */
static void finish(struct arena *arena, struct pieces *pieces, struct gather_answer *answer)
{
    struct error unused;
    answer->length = length_of(pieces);
    answer->stream = (struct stream){.read = read_pieces, .context = pieces};
    if (answer->length > SMALL) return;
    char *body = arena_buffer(arena, answer->length);
    size_t used = 0;
    while (used < answer->length) used += (size_t)stream_read(answer->stream, body + used, answer->length - used, &unused);
    answer->body = str_make(body, used);
    answer->stream = (struct stream){0};
}

/* --- multipart */

static struct str random_boundary(struct arena *arena)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) abort();
    return arena_join(arena, S("pakhus-"), hex_encode(arena, str_make(bytes, sizeof bytes)));
}

static struct str part_head(struct arena *arena, struct str boundary, const struct gather_resource *resource,
                            const struct gather_outcome *outcome)
{
    struct buf head = buf_in(arena, HEAD_LIMIT);
    buf_printf(&head, "--" STR_FMT "\r\nPakhus-Id: " STR_FMT "\r\nPakhus-Address: " STR_FMT "\r\n", STR_ARG(boundary),
               STR_ARG(resource->id), STR_ARG(resource->address));
    if (outcome->status > 0) buf_printf(&head, "Pakhus-Status: %d\r\n", outcome->status);
    if (outcome->reason == GATHER_INCOMPLETE) buf_printf(&head, "Pakhus-Received: %llu\r\n", (unsigned long long)outcome->received);
    if (outcome->reason != GATHER_COMPLETE) {
        buf_printf(&head, "Pakhus-Reason: %s\r\nContent-Length: 0\r\n\r\n", gather_reason_name(outcome->reason));
        return buf_str(&head);
    }
    struct str type = outcome->type.length > 0 ? outcome->type : S("application/octet-stream");
    struct str digest = base64_encode(arena, str_make(outcome->sha256, sizeof outcome->sha256));
    buf_printf(&head, "Content-Type: " STR_FMT "\r\n", STR_ARG(type));
    if (outcome->encoding.length > 0) buf_printf(&head, "Content-Encoding: " STR_FMT "\r\n", STR_ARG(outcome->encoding));
    buf_printf(&head, "Content-Length: %zu\r\nContent-Digest: sha-256=:" STR_FMT ":\r\n\r\n", outcome->body.length, STR_ARG(digest));
    return buf_str(&head);
}

void gather_answer_multipart(struct arena *arena, const struct gather_resource *resources, const struct gather_outcome *outcomes,
                             size_t count, struct gather_answer *answer)
{
    struct pieces *pieces = pieces_new(arena, 3 * count + 1);
    struct str boundary = random_boundary(arena);
    for (size_t i = 0; i < count; i++) {
        add(pieces, part_head(arena, boundary, &resources[i], &outcomes[i]), false);
        if (outcomes[i].reason == GATHER_COMPLETE) add(pieces, outcomes[i].body, false);
        add(pieces, S("\r\n"), false);
    }
    add(pieces, arena_join(arena, S("--"), boundary, S("--\r\n")), false);
    *answer = (struct gather_answer){.type = arena_join(arena, S("multipart/mixed; boundary="), boundary)};
    finish(arena, pieces, answer);
}

/* --- JSON */

static struct json_writer begin_object(struct buf *out, const char *before, const struct gather_resource *resource)
{
    struct json_writer json = json_writer(out);
    buf_add(out, str_of(before));
    json_open_object(&json, NULL);
    json_put_text(&json, "id", resource->id);
    json_put_text(&json, "address", resource->address);
    return json;
}

static void add_complete(struct arena *arena, struct pieces *pieces, const char *before, const struct gather_resource *resource,
                         const struct gather_outcome *outcome)
{
    struct buf out = buf_in(arena, 2 * HEAD_LIMIT);
    struct json_writer json = begin_object(&out, before, resource);
    json_put_signed(&json, "status", outcome->status);
    if (outcome->type.length > 0) json_put_lossy(&json, "content_type", outcome->type);
    if (outcome->encoding.length > 0) json_put_lossy(&json, "content_encoding", outcome->encoding);
    json_put_number(&json, "length", outcome->body.length);
    json_put_text(&json, "sha256", hex_encode(arena, str_make(outcome->sha256, sizeof outcome->sha256)));
    json_name(&json, S("body"));
    buf_add_byte(&out, '"'); /* the body itself is a piece, which is not copied */
    add(pieces, buf_str(&out), false);
    add(pieces, outcome->body, true);
    add(pieces, S("\"}"), false);
}

static void add_missing(struct arena *arena, struct pieces *pieces, const char *before, const struct gather_resource *resource,
                        const struct gather_outcome *outcome)
{
    struct buf out = buf_in(arena, 2 * HEAD_LIMIT);
    struct json_writer json = begin_object(&out, before, resource);
    json_put_word(&json, "reason", gather_reason_name(outcome->reason));
    if (outcome->status > 0) json_put_signed(&json, "status", outcome->status);
    if (outcome->reason == GATHER_INCOMPLETE) json_put_number(&json, "received", outcome->received);
    json_close(&json);
    add(pieces, buf_str(&out), false);
}

void gather_answer_json(struct arena *arena, struct str id, const struct gather_resource *resources, const struct gather_outcome *outcomes,
                        size_t count, struct gather_answer *answer)
{
    struct pieces *pieces = pieces_new(arena, 3 * count + 3);
    size_t complete = 0, missing = 0;
    for (size_t i = 0; i < count; i++) complete += outcomes[i].reason == GATHER_COMPLETE;
    add(pieces,
        arena_printf(arena, "{\"id\":\"" STR_FMT "\",\"complete\":%s,\"resources\":[", STR_ARG(id), complete == count ? "true" : "false"),
        false);
    for (size_t i = 0, k = 0; i < count; i++)
        if (outcomes[i].reason == GATHER_COMPLETE) add_complete(arena, pieces, k++ ? "," : "", &resources[i], &outcomes[i]);
    add(pieces, S("],\"missing\":["), false);
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].reason != GATHER_COMPLETE) add_missing(arena, pieces, missing++ ? "," : "", &resources[i], &outcomes[i]);
    add(pieces, S("]}\n"), false);
    *answer = (struct gather_answer){.type = S("application/json")};
    finish(arena, pieces, answer);
}

/* --- what a host can send */

static uint64_t cost(const struct gather_outcome *outcome, bool json)
{
    uint64_t length = outcome->body.length;
    return outcome->reason != GATHER_COMPLETE ? 0 : json ? (length + 2) / 3 * QUAD : length;
}

bool gather_answer_fit(const struct gather_resource *resources, struct gather_outcome *outcomes, size_t count, uint64_t limit, bool json)
{
    uint64_t used = HEAD_MOST;
    bool complete = true;
    for (size_t i = 0; i < count; i++) used += HEAD_MOST + resources[i].address.length;
    for (size_t i = 0; i < count; i++) {
        uint64_t more = cost(&outcomes[i], json);
        bool fits = used <= limit && more <= limit - used;
        if (outcomes[i].reason == GATHER_COMPLETE && !fits) outcomes[i].reason = GATHER_TOO_LARGE;
        if (fits) used += more;
        complete = complete && outcomes[i].reason == GATHER_COMPLETE;
    }
    return complete;
}
