/* A request's head as libmicrohttpd 0.9 hands it over. What is taken can be written down again from its parts, and is byte for byte what
 * came: so nothing in it was left out, moved or joined, and nobody reads it another way. */
#include <stdlib.h>

#include "tests/unit/lc_head_model.h"

static void must(bool holds)
{
    if (!holds) abort();
}

static struct str write_again(struct arena *arena, struct str came, struct str target, const struct lc_headers *headers, struct str version)
{
    struct buf out = buf_in(arena, 2 * came.length + 1024);
    struct str rest = came, method = str_cut(&rest, ' ');
    buf_printf(&out, STR_FMT " " STR_FMT " " STR_FMT "\r\n", STR_ARG(method), STR_ARG(target), STR_ARG(version));
    for (size_t i = 0; i < headers->count; i++) {
        struct lc_header header = headers->items[i];
        buf_add(&out, header.name);
        buf_add(&out, S(":"));
        while (out.length < came.length && (came.data[out.length] == ' ' || came.data[out.length] == '\t'))
            buf_add_byte(&out, came.data[out.length]);
        buf_add(&out, header.value);
        buf_add(&out, S("\r\n"));
    }
    buf_add(&out, S("\r\n"));
    return buf_str(&out);
}

/* A NUL in front of a bare LF looks like CR LF, see lc_framing.h. */
static bool begins_with(struct str came, struct str written)
{
    for (size_t i = 0; i < written.length; i++) {
        bool ends = written.data[i] == '\r' || written.data[i] == '\n';
        if (i >= came.length) return false;
        if (came.data[i] != written.data[i] && !(ends && (came.data[i] == 0 || came.data[i] == '\n'))) return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct lc_headers headers = {0};
    struct lc_framing framing;
    struct str target, version;
    struct str came = str_make((const char *)data, size);
    char *raw = arena_buffer(arena, size + 1);
    if (size > 0) memcpy(raw, data, size);
    while (str_starts(came, S("\r\n"))) came = str_from(came, 2);
    bool dropped = str_find_str(came, S("x-fc-")) < came.length || str_find_str(came, S("X-F")) < came.length || str_starts(came, S("\n"));
    if (!dropped && model_head(arena, raw, size, &headers, &target, &version)) {
        must(begins_with(came, write_again(arena, came, target, &headers, version)));
        lc_framing_read(&headers, version, &framing);
    }
    arena_free(arena);
    return 0;
}
