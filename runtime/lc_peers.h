/* The connections of one loop: who is at the other end, which of them wait for their client or send to it, and those that linger. All of it
 * is used on the loop's thread only.
 *
 * libmicrohttpd leaves three things to us:
 *  - At its limit it stops accepting until a connection ends. Then the connections that have waited longest for their client make room, and
 *    those whose client has stopped reading its answer.
 *  - It reads a socket only after an event, and epoll reports an edge once: data and the end of a connection that arrive together are one
 *    event. It reads the data, and never sees the end. So we look for ends that were missed.
 *  - It closes a socket at once. Where the client still sends, the kernel answers with a reset, and the client may lose the answer. Such a
 *    socket lingers: what still comes is read and dropped, for a short time (RFC 9112 section 9.6). */
#ifndef LC_PEERS_H
#define LC_PEERS_H

#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lc_address.h"

/* A connection, from its start to its end. */
struct lc_peer {
    char text[LC_ADDRESS_TEXT];
    bool lingers; /* it was answered before its request had come whole */
    int fd;
    struct lc_exchange *exchange; /* the server's: the request that it is at; NULL: none */
    struct lc_peer_list *list;    /* that it is in; NULL: a request is being worked on */
    int64_t since;                /* it waits: when it began to, or when its client last sent something; it sends: when its client was
                                     last seen to have read something; clock_monotonic */
    uint64_t read;                /* it sends: bytes that its client's system had acknowledged then; UINT64_MAX: never looked */
    struct lc_peer *older, *newer;
};
struct lc_peer_list {
    struct lc_peer *oldest, *newest;
};

enum { LC_LINGERING_MAX = 64 };
struct lc_peers {
    struct lc_peer_list waiting, sending;
    struct lc_peer *checked; /* of those that wait, the last one that lc_peers_tend looked at; NULL: begin with the oldest */
    unsigned count, limit;   /* of connections */
    uint64_t accepted, accepted_before;
    bool knocked;  /* at the last look there was a client that was not accepted */
    int linger_fd; /* an epoll descriptor of those that linger */
    struct lc_lingering {
        int fd; /* -1: free */
        int64_t until;
    } lingering[LC_LINGERING_MAX];
    int lingering_max;
};

enum status lc_peers_open(struct lc_peers *, unsigned limit, struct error *);
void lc_peers_close(struct lc_peers *);

/* NULL without memory. The address may be NULL. */
struct lc_peer *lc_peer_open(struct lc_peers *, int fd, const struct sockaddr *);
void lc_peer_close(struct lc_peers *, struct lc_peer *); /* before its socket is closed */

void lc_peer_wait(struct lc_peers *, struct lc_peer *); /* it is the client's turn; again after each piece that it sends */
void lc_peer_work(struct lc_peers *, struct lc_peer *); /* the request has come whole, and is being answered */
void lc_peer_send(struct lc_peers *, struct lc_peer *); /* the answer goes out, at the speed of its client */

/* Looks for ends that were missed, ends connections where clients are not let in at `listening` (-1: nobody is to be let in), and closes
 * what has lingered long enough. To be called as often as lc_peers_patience says. */
void lc_peers_tend(struct lc_peers *, int listening);
int lc_peers_patience(const struct lc_peers *); /* milliseconds */
/* What it does where clients are not let in; `now` by clock_monotonic. */
void lc_peers_make_room(struct lc_peers *, int64_t now);

/* To be called when linger_fd is readable. */
void lc_peers_drain(struct lc_peers *);

#endif
