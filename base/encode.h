/* Bytes as text: hexadecimal, base64 (RFC 4648 §4, §5), percent-encoding (RFC 3986 §2.1). */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"
#include "base/str.h"

struct str hex_encode(struct arena *, struct str bytes); /* lower case */
bool hex_decode(struct arena *, struct str text, struct str *bytes);

struct str base64_encode(struct arena *, struct str bytes);    /* with padding */
struct str base64url_encode(struct arena *, struct str bytes); /* without */
/* With padding, into room for 4 digits of every 3 bytes, rounded up; returns their count. Groups of 3 may be encoded one by one. */
size_t base64_encode_to(struct str bytes, char *text);
/* Strict: one alphabet each, no white space, no stray bits; padding may be left out, or must be right. */
bool base64_decode(struct arena *, struct str text, struct str *bytes);
bool base64url_decode(struct arena *, struct str text, struct str *bytes);
/* Without an arena, for what must not allocate: no padding, and false where the bytes do not fit. */
bool base64url_decode_to(struct str text, void *buffer, size_t capacity, size_t *length);

/* Encodes all but unreserved characters; '/' too, unless `keep_slash`: what S3's canonical URIs want. */
struct str percent_encode(struct arena *, struct str bytes, bool keep_slash);
/* False on a '%' without two hexadecimal digits. Any byte may come out, NUL included: check what you need. Text without a
 * '%' is not copied: the bytes live as long as the text. */
bool percent_decode(struct arena *, struct str text, struct str *bytes);

#endif
