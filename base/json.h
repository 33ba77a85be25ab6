/* Writes one JSON text (RFC 8259) from front to back into a buffer: the commas, quotes and brackets are the writer's.
 *
 *     struct json_writer json = json_writer(&out);
 *     json_open_object(&json, NULL);               {
 *     json_put_text(&json, "app", package->app);    "app":"GAME",
 *     json_open_array(&json, "sizes");              "sizes":[
 *     json_put_number(&json, NULL, 512);             512
 *     json_close(&json);                            ]
 *     json_close(&json);                           }
 *
 * `name` is that of a member, a literal of the code that needs no escapes; NULL in arrays and for the whole text. Data is never changed:
 * text that is not UTF-8, a number that JSON can't say (NaN, infinity) and what does not fit set out->overflow, which is asked once, at the
 * end. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 64 };

struct json_writer {
    struct buf *out;
    unsigned depth;
    uint64_t objects; /* bit per open bracket, the innermost lowest: it is a '{' */
    uint64_t filled;  /* likewise: something stands in it */
    bool new_line;    /* the next value begins one */
    bool named;       /* its name stands there already */
};

static inline struct json_writer json_writer(struct buf *out)
{
    return (struct json_writer){.out = out};
}

void json_open_object(struct json_writer *, const char *name);
void json_open_array(struct json_writer *, const char *name);
void json_close(struct json_writer *); /* the innermost that is open */
/* The next value stands at the beginning of a line, for texts that people compare line by line. */
void json_new_line(struct json_writer *);
/* The name of the next value where it is data and no literal: that value is then put with NULL. */
void json_name(struct json_writer *, struct str name);

void json_put_text(struct json_writer *, const char *name, struct str);
/* For error texts, which must be readable, not exact: each byte that is not UTF-8 becomes U+FFFD. */
void json_put_lossy(struct json_writer *, const char *name, struct str);
/* An empty text is left out, or written as null. */
void json_put_text_if_any(struct json_writer *, const char *name, struct str);
void json_put_text_or_null(struct json_writer *, const char *name, struct str);
void json_put_word(struct json_writer *, const char *name, const char *word);
void json_put_number(struct json_writer *, const char *name, uint64_t);
void json_put_signed(struct json_writer *, const char *name, int64_t);
void json_put_real(struct json_writer *, const char *name, double, int digits);    /* significant ones, as many as are needed */
void json_put_fixed(struct json_writer *, const char *name, double, int decimals); /* always so many */
void json_put_bool(struct json_writer *, const char *name, bool);
void json_put_null(struct json_writer *, const char *name);
/* Without a value: null. */
void json_put_number_or_null(struct json_writer *, const char *name, bool has_value, uint64_t);
void json_put_real_or_null(struct json_writer *, const char *name, bool has_value, double, int digits);
void json_put_raw(struct json_writer *, const char *name, struct str json); /* a value that is JSON already */

/* One JSON string, with its quotes. `_lossy` is for logs and error texts, which must be readable, not exact: each byte that is not UTF-8
 * becomes U+FFFD. */
void json_quote(struct buf *, struct str);
void json_quote_lossy(struct buf *, struct str);

#endif
