#include "lib/store/pieces_internal.h"

bool store_copies_from(struct store *store, struct io io, struct store *from)
{
    if (store == from) return true;
    return store->backend == from->backend && store->backend->copies_from && store->backend->copies_from(store, io, from);
}

/* --- what is there */

static enum status locate(const struct store_object *object, struct store_piece *piece, struct error *error)
{
    bool is_it = str_empty(piece->if_match) || str_equal(piece->if_match, object->etag);
    ENSURE(is_it, error, STATUS_CORRUPT, "'" STR_FMT "' is not the version that was asked for", STR_ARG(piece->key));
    ENSURE(piece->offset <= object->size && piece->length <= object->size - piece->offset, error, STATUS_INVALID,
           "'" STR_FMT "' ends at %llu, before the end of what is wanted of it", STR_ARG(piece->key), (unsigned long long)object->size);
    if (piece->length == 0) piece->length = object->size - piece->offset;
    piece->if_match = object->etag;
    return STATUS_OK;
}

/* The object that was looked at last. */
struct looked {
    struct store *store;
    struct store_object object;
};

static enum status look_at(const struct store_call *call, struct store_piece *piece, struct looked *looked, struct error *error)
{
    struct store *store = call->store, *from = piece->store ? piece->store : store;
    TRY(store_check_key(piece->key, error));
    piece->store = from;
    if (looked->store == from && str_equal(piece->key, looked->object.key)) return STATUS_OK;
    ENSURE(store_copies_from(store, call->io, from), error, STATUS_UNSUPPORTED, STR_FMT " cannot copy from " STR_FMT " by itself",
           STR_ARG(store->name), STR_ARG(from->name));
    TRY(from->backend->head(&(struct store_call){from, call->io, piece->key}, &looked->object, error));
    looked->store = from;
    return STATUS_OK;
}

static enum status resolve(const struct store_call *call, struct store_piece *piece, struct looked *looked, struct store_pieces *out,
                           struct error *error)
{
    if (str_empty(piece->key)) {
        piece->length = piece->bytes.length;
    } else {
        TRY(look_at(call, piece, looked, error));
        TRY(locate(&looked->object, piece, error));
        int64_t changed = looked->object.modified > 0 ? looked->object.modified : INT64_MAX;
        if (changed > out->changed) out->changed = changed;
        out->encrypted = out->encrypted || looked->object.encrypted;
    }
    ENSURE(!__builtin_add_overflow(out->size, piece->length, &out->size), error, STATUS_TOO_LARGE, "more than 2^64 bytes");
    if (piece->length == 0) return STATUS_OK;
    out->count++;
    out->is_whole = out->count == 1 && !str_empty(piece->key) && piece->length == looked->object.size;
    return STATUS_OK;
}

enum status pieces_resolve(const struct store_call *call, const struct store_piece *given, size_t count, struct store_pieces *out,
                           struct error *error)
{
    struct looked looked = {.store = call->store, .object = {.key = S("")}};
    *out = (struct store_pieces){.items = arena_array(call->io.arena, count, sizeof *given)};
    for (size_t i = 0; i < count; i++) {
        struct store_piece *piece = &out->items[out->count];
        *piece = given[i];
        TRY(resolve(call, piece, &looked, out, error));
    }
    return STATUS_OK;
}

enum status pieces_recheck(struct io io, const struct store_pieces *pieces, struct error *error)
{
    struct store_object object;
    const struct store_piece *last = NULL;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct store_piece *piece = &pieces->items[i];
        if (str_empty(piece->key)) continue;
        if (last && last->store == piece->store && str_equal(last->key, piece->key)) continue;
        last = piece;
        TRY(piece->store->backend->head(&(struct store_call){piece->store, io, piece->key}, &object, error));
        ENSURE(str_equal(object.etag, piece->if_match), error, STATUS_CORRUPT, "'" STR_FMT "' changed while it was copied",
               STR_ARG(piece->key));
    }
    return STATUS_OK;
}

struct store_pieces pieces_part(struct arena *arena, const struct store_pieces *all, uint64_t offset, uint64_t length)
{
    struct store_pieces part = {.items = arena_array(arena, all->count, sizeof *all->items)};
    for (size_t i = 0; i < all->count && part.size < length; i++) {
        struct store_piece piece = all->items[i];
        uint64_t skipped = offset < piece.length ? offset : piece.length, left = piece.length - skipped;
        offset -= skipped;
        if (left == 0) continue;
        piece.length = left < length - part.size ? left : length - part.size;
        piece.offset += skipped;
        if (str_empty(piece.key)) piece.bytes = str_first(str_from(piece.bytes, (size_t)skipped), (size_t)piece.length);
        part.items[part.count++] = piece;
        part.size += piece.length;
    }
    return part;
}

/* --- as a stream */

struct reader {
    struct arena *arena; /* its own, since it may outlive the call that opened it */
    struct store_pieces left;
    int64_t span;
    struct stream current; /* of the piece before the left ones */
    bool is_open;
};

enum status pieces_fault(enum status status, struct error *error)
{
    if (status != STATUS_PRECONDITION) return status;
    return error->status = STATUS_CORRUPT;
}

static enum status open_piece(struct reader *reader, struct error *error)
{
    const struct store_piece *piece = reader->left.items++;
    struct store_get get = {.offset = piece->offset, .length = piece->length, .if_match = piece->if_match};
    struct store_object object;
    reader->left.count--;
    if (str_empty(piece->key)) {
        reader->current = stream_of(reader->arena, piece->bytes);
    } else {
        const struct io io = {.arena = reader->arena, .deadline = deadline_in(reader->span)};
        const struct store_call call = {piece->store, io, piece->key};
        TRY(pieces_fault(piece->store->backend->stream(&call, &get, &reader->current, &object, error), error));
    }
    reader->is_open = true;
    return STATUS_OK;
}

static ssize_t reader_next(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct reader *reader = context;
    for (;;) {
        if (!reader->is_open && reader->left.count == 0) return 0;
        if (!reader->is_open && open_piece(reader, error) != STATUS_OK) return -1;
        ssize_t count = stream_read(reader->current, buffer, capacity, error);
        if (count < 0) pieces_fault(error->status, error);
        if (count != 0) return count;
        stream_close(&reader->current);
        reader->is_open = false;
    }
}

static void reader_end(void *context)
{
    struct reader *reader = context;
    if (reader->is_open) stream_close(&reader->current);
    arena_free(reader->arena);
}

struct stream pieces_stream(struct io io, const struct store_pieces *pieces)
{
    struct arena *arena = arena_new();
    struct reader *reader = arena_new_of(arena, struct reader);
    *reader = (struct reader){.arena = arena, .left = *pieces, .span = deadline_left(io.deadline)};
    reader->left.items = arena_array(arena, pieces->count, sizeof *pieces->items);
    for (size_t i = 0; i < pieces->count; i++) {
        reader->left.items[i] = pieces->items[i];
        reader->left.items[i].if_match = arena_copy(arena, pieces->items[i].if_match);
    }
    return (struct stream){reader_next, reader_end, reader};
}
