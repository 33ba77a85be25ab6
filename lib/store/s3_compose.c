#include "lib/store/pieces.h"
#include "lib/store/s3_multipart.h"

enum { SMALLEST_COPY = 5 * S3_MEBIBYTE }; /* S3 copies no range of an object that is smaller */

/* All of it into the lane's memory. */
static enum status read_part(struct s3_upload *upload, struct s3_lane *lane, const struct store_pieces *part, struct error *error)
{
    struct io io = {.deadline = deadline_in(upload->span)};
    struct stream stream = pieces_stream(&upload->s3->store, io, part);
    s3_lane_clear(lane, (size_t)part->size);
    enum status status = stream_read_exact(stream, lane->buffer, (size_t)part->size, error);
    stream_close(&stream);
    lane->length = status == STATUS_OK ? (size_t)part->size : 0;
    return status;
}

/* Parts are cut at the same offsets whatever they are made of, since R2 wants them of one size; so one that lies within an object is
 * copied, and those with a seam in them are sent. */
static enum status next_of_pieces(struct s3_upload *upload, struct s3_lane *lane, unsigned number, struct error *error)
{
    size_t each = s3_part_size(upload->size, number);
    struct arena *arena = arena_new();
    struct store_pieces part = pieces_part(arena, upload->context, (number - 1) * (uint64_t)each, each);
    bool in_parts = upload->size >= each;
    enum status status = STATUS_OK;
    if (in_parts && part.count == 1 && !str_empty(part.items[0].key) && part.size >= SMALLEST_COPY) {
        lane->is_copy = true;
        lane->copied = part.items[0];
        lane->length = (size_t)part.size;
    } else {
        status = read_part(upload, lane, &part, error);
    }
    arena_free(arena);
    return status;
}

enum status s3_compose(struct store *store, struct io io, struct str key, const struct store_pieces *pieces, const struct store_put *put,
                       struct store_object *object, struct error *error)
{
    struct store_pieces whole = *pieces;
    struct s3_upload *upload = arena_new_of(io.arena, struct s3_upload);
    upload->s3 = (struct s3 *)store;
    upload->next = next_of_pieces;
    upload->context = &whole;
    return s3_upload_parts(upload, io, key, whole.size, put, object, error);
}
