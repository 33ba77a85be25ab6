/* Encodings and text: what is encoded decodes to itself, and what decodes has one text only. */
#include <assert.h>

#include "base/json.h"
#include "base/encode.h"

static void check_round_trips(struct arena *arena, struct str bytes)
{
    struct str back;
    assert(hex_decode(arena, hex_encode(arena, bytes), &back) && str_equal(back, bytes));
    assert(base64_decode(arena, base64_encode(arena, bytes), &back) && str_equal(back, bytes));
    assert(base64url_decode(arena, base64url_encode(arena, bytes), &back) && str_equal(back, bytes));
    assert(percent_decode(arena, percent_encode(arena, bytes, true), &back) && str_equal(back, bytes));
    assert(percent_decode(arena, percent_encode(arena, bytes, false), &back) && str_equal(back, bytes));
}

static void check_decoding(struct arena *arena, struct str text)
{
    struct str bytes;
    if (hex_decode(arena, text, &bytes)) assert(str_equal_nocase(hex_encode(arena, bytes), text));
    struct str bare = text;
    while (str_ends(bare, S("="))) bare.length--;
    if (base64url_decode(arena, text, &bytes)) assert(str_equal(base64url_encode(arena, bytes), bare));
    if (base64_decode(arena, text, &bytes)) {
        struct str padded = base64_encode(arena, bytes);
        assert(str_equal(str_first(padded, bare.length), bare) && (text.length == bare.length || str_equal(padded, text)));
    }
    if (percent_decode(arena, text, &bytes)) assert(bytes.length <= text.length);
}

static void check_json(struct arena *arena, struct str text)
{
    struct buf out = buf_in(arena, text.length * 6 + 2);
    struct buf exact = buf_in(arena, text.length * 6 + 2);
    json_quote_lossy(&out, text);
    assert(!out.overflow && str_is_utf8(buf_str(&out)) && !str_has_control(buf_str(&out)));
    json_quote(&exact, text);
    assert(exact.overflow != str_is_utf8(text) && (exact.overflow || str_equal(buf_str(&exact), buf_str(&out))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str bytes = str_make(data, size);
    check_round_trips(arena, bytes);
    check_decoding(arena, bytes);
    check_json(arena, bytes);
    double number;
    int64_t whole;
    if (str_to_i64(bytes, &whole)) assert(str_to_double(bytes, &number) || size >= 64);
    arena_free(arena);
    return 0;
}
