/* Stores that are asked over HTTP: requests that are signed, sent, tried again where that helps, and checked, whatever the service is. Seen
 * only inside lib/store. */
#ifndef STORE_REMOTE_INTERNAL
#define STORE_REMOTE_INTERNAL

#include "lib/store/failure_internal.h"
#include "lib/store/store_internal.h"
#include "lib/store/wire_internal.h"
#include "lib/store/xml_internal.h"

struct remote_service;

struct remote {
    struct store store;
    const struct remote_service *service;
    struct wire *wire;
    bool direct; /* a loopback endpoint is never reached through a proxy */
};

enum { REMOTE_HEADERS = 8, REMOTE_SIGNATURE = 5, REMOTE_ARGUMENTS = 6, REMOTE_XML_LIMIT = 8 * 1024 * 1024 };

struct remote_answer {
    struct wire_answer wire;
    struct buf body;
    bool ambiguous; /* an attempt before the last one may have been carried out */
};

struct remote_request {
    const char *method;
    struct str key; /* empty: the bucket itself */
    struct store_pair query[REMOTE_ARGUMENTS];
    size_t query_count;
    struct store_pair headers[REMOTE_HEADERS]; /* besides those of the signature; names in lower case */
    size_t header_count;
    struct str body;
    size_t limit; /* of the answer's body; 0: there is none worth keeping */
    /* Whether an answer of 2xx is what it should be; runs within each attempt, so that what was damaged on the way is asked for
     * again. NULL: it is. */
    enum status (*check)(const struct remote *, const struct remote_request *, const struct remote_answer *, struct error *);
    const struct store_get *get; /* for `check` */
};
void remote_add_header(struct remote_request *, struct str name, struct str value);
void remote_add_argument(struct remote_request *, struct str name, struct str value);

/* A request as it is sent. `headers` begins with the request's own. */
struct remote_signed {
    struct arena *arena;
    struct str url;
    struct store_pair headers[REMOTE_HEADERS + REMOTE_SIGNATURE];
    size_t header_count;
    uint64_t serial; /* of the credentials, for `reject` */
};
void remote_sign_header(struct remote_signed *, struct str name, struct str value);

/* --- listings */

struct remote_question {
    struct str prefix; /* with the store's own */
    size_t count;
    struct str next; /* empty: the first page */
};
struct remote_entry {
    struct str key, etag;
    uint64_t size;
    int64_t modified;
};
struct remote_page {
    bool truncated;
    struct str next; /* what asks for the next page, decoded */
    char next_buffer[XML_TEXT];
};

/* What differs between services. */
struct remote_service {
    struct str mark; /* the header of what is kept with an object that tells ours from another's when an answer was lost */
    /* Adds the URL and the headers of the signature. A failure is tried again where it is STATUS_UNAVAILABLE. */
    enum status (*sign)(struct remote *, struct io, const struct remote_request *, struct remote_signed *, struct error *);
    /* Reads an answer of 300 and above and what may be its body, and fills *error. */
    struct failure (*failure)(const struct wire_answer *, struct str body, struct error *);
    bool (*reject)(struct remote *, uint64_t serial);                            /* true where other credentials can be had; NULL: never */
    void (*add_to_get)(struct remote *, struct remote_request *, bool is_range); /* NULL: nothing is to be added */
    void (*add_to_put)(struct remote *, struct remote_request *, const struct store_put *);
    enum status (*check_digest)(const struct wire_answer *, struct str body, struct error *); /* of a whole object */
    bool (*is_encrypted)(const struct wire_answer *);                                         /* NULL: its ETags are no digests anyway */
    void (*ask_for_page)(struct remote_request *, struct arena *, const struct remote_question *);
    bool (*read_page)(struct str document, bool (*each)(void *context, const struct remote_entry *), void *context, struct remote_page *);
};

/* Until the answer is 2xx, or final, or io.deadline. On failure answer->wire.status may still tell what was answered last. */
enum status remote_call(struct remote *, struct io, const struct remote_request *, struct remote_answer *, struct error *);
/* The same, but the body is left to be pulled from answer->wire.call, which must be ended; NULL after a failure. */
enum status remote_begin(struct remote *, struct io, const struct remote_request *, struct remote_answer *, struct error *);

/* --- operations */

/* Fills key, etag, size, time and `encrypted` from an answer's headers. */
struct store_object remote_describe(const struct remote *, struct io, struct str key, const struct wire_answer *);
/* A GET of what is asked; remote_call checks what comes. Its Range is written into `arena`. */
struct remote_request remote_get_request(struct remote *, struct arena *, struct str key, const struct store_get *);
/* Whether an answer of 2xx is what was asked for, as far as its headers tell: how many bytes it has, and of how many. */
enum status remote_check_headers(const struct store_get *, const struct wire_answer *, uint64_t *length, uint64_t *whole, struct error *);

/* Random, kept with an object under the service's `mark`. */
struct str remote_new_mark(struct arena *);
/* S3Mock refuses a conditional write by 304. */
enum status remote_lost_race(enum status, struct error *);

/* A part of what is uploaded. */
struct remote_part {
    char *buffer;
    size_t wanted, length;
    uint64_t before, size; /* bytes before it, and of the whole; UINT64_MAX: not known */
};
/* Reads it, to its end or to the stream's. */
enum status remote_fill(struct stream, struct remote_part *, struct error *);

enum status remote_get(const struct store_call *, const struct store_get *, struct store_object *, struct error *);
enum status remote_stream(const struct store_call *, const struct store_get *, struct stream *, struct store_object *, struct error *);
enum status remote_put(const struct store_call *, struct str body, const struct store_put *, struct store_object *, struct error *);
enum status remote_list(const struct store_call *, size_t limit, store_list_fn *each, void *context, struct error *);
enum status remote_fetch(struct store *, struct io, struct str url, struct str range, int *http_status, struct error *);

/* --- what the URLs of such stores have in common (remote_url.c) */

/* STATUS_INVALID where a parameter is none of `known`, whose names `words` lists. */
enum status remote_check_parameters(const struct url *, const struct str *known, size_t count, const char *words, struct error *);
/* A parameter of the store's URL; without it the value stays as it is. */
enum status remote_parameter(struct arena *, const struct url *, struct str name, struct str *value, struct error *);
/* What stands before the store's keys: empty, or with its '/'. */
enum status remote_prefix(struct arena *, const struct url *, struct str *prefix, struct error *);
/* Whether it is an IP address, or localhost; and whether that leads to this machine. */
bool remote_is_address(struct str host, bool *loopback);
/* What the variables begin with that hold the credentials of that name: "shop-1" → "SHOP_1". */
const char *remote_variables(struct arena *, struct str name);

#endif
