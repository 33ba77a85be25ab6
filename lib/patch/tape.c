#include "base/map.h"
#include "lib/patch/make2_internal.h"
#include "lib/transfer/spool.h"

struct tape {
    int fd;
    enum status status;
    struct error error;
    uint64_t written;
    size_t have;
    char buffer[65536];
};

enum status tape_new(struct arena *arena, struct tape **tape, struct error *error)
{
    *tape = arena_new_of(arena, struct tape);
    return spool_open(arena, &(*tape)->fd, error);
}

static void flush(struct tape *tape)
{
    if (tape->status == STATUS_OK) tape->status = io_write_at(tape->fd, tape->written, str_make(tape->buffer, tape->have), &tape->error);
    tape->written += tape->have;
    tape->have = 0;
}

void tape_add(struct tape *tape, const void *data, size_t length)
{
    const char *bytes = data;
    for (size_t took; length > 0; bytes += took, length -= took) {
        size_t room = sizeof tape->buffer - tape->have;
        took = length < room ? length : room;
        memcpy(tape->buffer + tape->have, bytes, took);
        tape->have += took;
        if (tape->have == sizeof tape->buffer) flush(tape);
    }
}

void tape_number(struct tape *tape, uint64_t value)
{
    char bytes[NUMBER_SIZE_MAX];
    tape_add(tape, bytes, number_put(bytes, value));
}

enum status tape_bytes(struct arena *arena, struct tape *tape, struct str *bytes, struct error *error)
{
    struct map map;
    flush(tape);
    if (tape->status != STATUS_OK) return *error = tape->error, tape->status;
    TRY(map_file(arena, tape->fd, &map, error));
    *bytes = str_make(map.bytes, map.length);
    return STATUS_OK;
}
