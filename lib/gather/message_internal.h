/* What the pool and its workers say to each other, on a SOCK_SEQPACKET pair: one packet a message, and with a report the body's memfd.
 *
 *     pool → worker    order: fetch this · cancel: nobody waits for it any more
 *     worker → pool    hello: here is my region (body_internal.h), once · report: what became of it
 *
 * Numbers are little-endian, texts a length (32 bits) and their bytes. Both ends are the same program, but a worker may have gone mad: what
 * it says is checked like what strangers say. */
#ifndef GATHER_MESSAGE_INTERNAL_H
#define GATHER_MESSAGE_INTERNAL_H

#include <sys/types.h>

#include "base/clock.h"
#include "lib/gather/gather.h"

enum { MESSAGE_LONGEST = 64 << 10, REQUEST_ID = 16, DETAIL_LONGEST = 256 };

enum message_kind { MESSAGE_ORDER = 1, MESSAGE_CANCEL, MESSAGE_REPORT, MESSAGE_HELLO };

/* Which fetch is meant: of which request (G3), which of its resources, and which attempt. */
struct ticket {
    unsigned char request[REQUEST_ID];
    uint32_t resource, attempt;
};
bool ticket_equal(const struct ticket *, const struct ticket *);

struct order {
    struct ticket ticket;
    struct deadline deadline; /* the monotonic clock is one for all processes */
    uint64_t limit;           /* bytes of the body */
    bool named;               /* the address's host is allowed by its name; redirects may lead to any host */
    struct str address, key;  /* key: empty for the web */
    struct str allow;         /* as allow_parse reads it */
    struct str access_key_id, secret_access_key, session_token; /* lent for the store; empty: the environment's */
};

struct report {
    struct ticket ticket;
    enum gather_reason reason; /* GATHER_COMPLETE: it came in full, or as far as `whole` says; judged by the pool */
    int status;
    bool whole;
    uint64_t length; /* of the body; past BODY_REGION its memfd comes with the packet */
    unsigned char sha256[GATHER_DIGEST];
    struct str type, encoding, detail;
};

/* Into `packet` of MESSAGE_LONGEST bytes. False where it does not fit: texts are too long. */
bool message_write_order(const struct order *, char *packet, size_t *length);
size_t message_write_cancel(const struct ticket *, char *packet);
bool message_write_report(const struct report *, char *packet, size_t *length);
size_t message_write_hello(char *packet);

/* False where the packet is not one of that kind, whole. Texts are slices of it. */
bool message_read_order(struct str packet, struct order *);
bool message_read_cancel(struct str packet, struct ticket *);
bool message_read_report(struct str packet, struct report *);
bool message_is_hello(struct str packet);

/* Without waiting where `flags` has MSG_DONTWAIT. `body` -1: none. Returns what sendmsg does. */
ssize_t message_send(int socket, struct str packet, int body, int flags);
/* The next packet into `packet` of MESSAGE_LONGEST bytes: its length, 0 where the other side has closed, -1 with errno. A descriptor that
 * came with it goes to *body (else -1), and is the caller's; where there were several, or the packet was cut off: EBADMSG. */
ssize_t message_receive(int socket, char *packet, int *body, int flags);

#endif
