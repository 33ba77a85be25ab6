/* Tokens (T2, T4, T5, T10): what a resource's URL carries so that caches replace their copy by themselves. FORMAT.md is the format.
 * Verification is bounded, and allocates nothing of ours. */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include "lib/keyring/keyring.h"
#include "lib/token/key.h"

enum { TOKEN_SECRET_LENGTH = 64, TOKEN_TEXT_MAXIMUM = 1200, TOKEN_NAME_MAXIMUM = 64, TOKEN_TYPE_MAXIMUM = 127, TOKEN_PLAIN_MAXIMUM = 560 };

/* What a token says. Times in ms. */
struct token_fields {
    struct token_key key; /* made without a host where `host` is empty */
    int64_t due;          /* the update happens from this moment on */
    int64_t modified;
    struct str business; /* at most 64 bytes; may be empty */
    struct str host;     /* as token_host makes it; empty: any */
    struct str type;     /* media type; empty: not said */
    uint64_t size;
    unsigned char digest[32]; /* SHA-256 of the content */
    bool has_size, has_digest;
};

/* Why a request is answered as it is. The words (token_reason_name) are what Pakhus-Reason and $pakhus_token_reason say. */
enum token_reason {
    TOKEN_NONE, /* serve: the request has no token */
    TOKEN_EARLY,
    TOKEN_OLDER,
    TOKEN_DONE,
    TOKEN_BACK_OFF,
    TOKEN_DUE, /* update: the first to say so, or one of several while it is being fetched, or again after a failure */
    TOKEN_PROCESSING,
    TOKEN_RETRY,
    TOKEN_MALFORMED, /* refuse: from here on */
    TOKEN_TOO_LONG,
    TOKEN_TWICE,
    TOKEN_UNKNOWN_KEY,
    TOKEN_FORGED,
    TOKEN_OTHER_BUSINESS,
    TOKEN_OTHER_HOST,
    TOKEN_OTHER_URL,
    TOKEN_REASONS
};
const char *token_reason_name(enum token_reason);
const char *token_reason_detail(enum token_reason); /* a sentence for an answer's body */

enum token_action { TOKEN_SERVE, TOKEN_UPDATE, TOKEN_REFUSE };
enum token_action token_action_of(enum token_reason);
const char *token_action_name(enum token_action); /* "serve", "update", "refuse" */

enum token_spelling { TOKEN_BASE64URL, TOKEN_HEX }; /* `<kid>.<base64url>`, `<kid>.hex.<digits>` */
/* Equal fields, keys and spellings give equal tokens. STATUS_INVALID names the field that is out of bounds. */
enum status token_sign(struct arena *, const struct key *, const struct token_fields *, enum token_spelling, struct str *text,
                       struct error *);

/* A token, opened. The fields are slices of `plain`. */
struct token_opened {
    struct token_fields fields;
    unsigned char tag[16];  /* names this token: no two differ in their fields and agree in it */
    const struct key *with; /* which key opened it; also set where the token is forged; NULL: none of ours */
    unsigned char plain[TOKEN_PLAIN_MAXIMUM];
};
/* TOKEN_NONE: it is one of ours. Otherwise TOKEN_MALFORMED, TOO_LONG, UNKNOWN_KEY or FORGED. */
enum token_reason token_open(const struct keyring *, struct str text, struct token_opened *);

/* What a node knows when it is asked. */
struct token_question {
    struct str uri, host, business, parameter; /* parameter empty: pkt */
    int64_t now;
};
struct token_answer {
    enum token_reason reason;
    struct token_key key;       /* the node's cache key: of URL, host and business */
    bool has_key;               /* false where the URI is not one */
    struct token_target target; /* slices of the question */
    struct token_opened token;  /* set from TOKEN_EARLY to TOKEN_RETRY, and where the fields do not match */
};
/* T4 and T5 without the hit table (hits.h): TOKEN_NONE, TOKEN_EARLY, TOKEN_DUE or why it is refused. */
enum token_reason token_verify(const struct keyring *, const struct token_question *, struct token_answer *);

/* What was fetched for a token, as far as it is known. */
struct token_copy {
    bool has_size, has_modified, has_digest;
    uint64_t size;
    int64_t modified; /* ms; compared by whole seconds, which is all that HTTP tells */
    struct str type;  /* parameters and case do not count; empty: not known */
    unsigned char digest[32];
};
/* "text/css; charset=utf-8" → "text/css": a slice of it. */
struct str token_type_essence(struct str type);
/* NULL where nothing contradicts the token; else the name of the field that does. */
const char *token_copy_mismatch(const struct token_fields *, const struct token_copy *);

#endif
