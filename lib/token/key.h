/* Cache keys (T1), and the token as a parameter of a URL (T3). Nothing here allocates but what is given an arena. */
#ifndef TOKEN_KEY_H
#define TOKEN_KEY_H

#include "base/arena.h"
#include "base/error.h"

enum { TOKEN_KEY_LENGTH = 32, TOKEN_URL_MAXIMUM = 16384, TOKEN_HOST_MAXIMUM = 253 };
#define TOKEN_PARAMETER S("pkt") /* unless an operator has a name of his own */

struct token_key {
    unsigned char bytes[TOKEN_KEY_LENGTH];
};
bool token_key_equal(const struct token_key *, const struct token_key *); /* in constant time */
/* 64 digits and a NUL. */
void token_key_hex(const struct token_key *, char text[2 * TOKEN_KEY_LENGTH + 1]);

/* What a request asks for, as slices of it. */
struct token_target {
    struct str host;          /* without a port */
    struct str path;          /* as sent; begins with '/' or is empty */
    struct str before, after; /* the query without the token: what stood in front of it, and what stood behind */
    struct str token;         /* {NULL, 0}: there is none */
};

enum token_target_fault { TOKEN_TARGET_OK, TOKEN_TARGET_TOO_LONG, TOKEN_TARGET_MALFORMED, TOKEN_TARGET_TWICE };

/* Takes apart what a node was asked: `uri` is the request's target ("/a?b", as sent) or a whole http(s) URL; a fragment is passed over.
 * `host` (the Host header, may be empty) counts where the URI names none. The token is the argument named `parameter`, spelt just so; a
 * second one is a fault. */
enum token_target_fault token_target_parse(struct str uri, struct str host, struct str parameter, struct token_target *);

/* T1, see FORMAT.md: SHA-256 of business, host and normalised path and query. The same for a URL with a token and without. `any_host`
 * leaves the host out. False only where OpenSSL fails. */
bool token_key_of(const struct token_target *, struct str business, bool any_host, struct token_key *);

/* The host as it is compared: {NULL, 0} where it is none. Lower case, without the root's dot; `buffer` holds it. */
struct str token_host(struct str host, char buffer[TOKEN_HOST_MAXIMUM + 1]);

/* The URL or request target (no control bytes in it) without its token, otherwise unchanged byte for byte. */
struct str token_detach(struct arena *, struct str url, struct str parameter);
/* With this token instead of any it has, at the end of its query, in front of its fragment. */
struct str token_attach(struct arena *, struct str url, struct str parameter, struct str token);

/* A parameter's name: 1 to 32 letters, digits, '_' and '-'. */
bool token_is_parameter(struct str);

#endif
