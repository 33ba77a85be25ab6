#include "lc_error.h"

#include "base/json.h"

struct str lc_error_json(struct arena *arena, struct str type, struct str message)
{
    struct buf out = buf_in(arena, 16384);
    buf_add(&out, S("{\"errorMessage\":"));
    json_quote_lossy(&out, str_first(message, 1024));
    buf_add(&out, S(",\"errorType\":"));
    json_quote_lossy(&out, str_first(type, 128));
    buf_add(&out, S(",\"stackTrace\":[]}"));
    return buf_str(&out);
}

struct str lc_error_type(struct arena *arena, enum status status)
{
    struct buf out = buf_in(arena, 64);
    struct str words = str_of(status_name(status));
    buf_add(&out, S("Function."));
    while (words.data) {
        struct str word = str_cut(&words, ' ');
        buf_add_byte(&out, (char)(word.data[0] - 'a' + 'A'));
        buf_add(&out, str_from(word, 1));
    }
    return buf_str(&out);
}
