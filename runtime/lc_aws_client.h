/* HTTP/1.1 to the Runtime API: plain, on loopback, one request at a time on a connection that is kept. It is small so that
 * neither libcurl nor TLS is loaded before a function's first storage call. */
#ifndef LC_AWS_CLIENT_H
#define LC_AWS_CLIENT_H

#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lc_address.h"

enum {
    LC_AWS_HEAD_LIMIT = 64 * 1024,
    LC_AWS_BODY_LIMIT = 32 * 1024 * 1024, /* the platform's own limit is 6 MiB */
    LC_AWS_PARTS = 4
};

struct lc_aws_client {
    struct str authority; /* for Host */
    struct lc_address address;
    int fd;              /* -1: not connected */
    int stop_fd;         /* becomes readable when the process is to stop; -1: never */
    bool told_to_stop;   /* why lc_aws_receive_next gave up */
    bool answered_early; /* the answer came while the request was still being sent: the connection is spent */
};

struct lc_aws_reply {
    int status; /* 0: not even a head came */
    struct lc_headers headers;
    struct str body;
};

enum status lc_aws_client_make(struct lc_aws_client *, struct str authority, int stop_fd, struct error *);
void lc_aws_client_close(struct lc_aws_client *);

/* The head of a request up to its last header, without the empty line: the caller adds headers and then "\r\n". */
void lc_aws_head(struct buf *, const struct lc_aws_client *, const char *method, const char *path);

/* Sends the parts, connecting first where need be. STATUS_OK also where the answer arrives before all is sent: then
 * answered_early is set, and lc_aws_receive is next. On failure the connection is closed. */
enum status lc_aws_send(struct lc_aws_client *, const struct str *parts, size_t count, struct deadline, struct error *);

/* Reads one answer into the arena. STATUS_UNAVAILABLE: the connection was lost before a whole head had come. STATUS_CORRUPT and
 * STATUS_TOO_LARGE: the head is in *reply, but its body ended early, or exceeds LC_AWS_BODY_LIMIT. */
enum status lc_aws_receive(struct lc_aws_client *, struct arena *, struct deadline, struct lc_aws_reply *, struct error *);

/* As lc_aws_receive, without a time limit; gives up when the process is to stop and nothing has come: told_to_stop. */
enum status lc_aws_receive_next(struct lc_aws_client *, struct arena *, struct lc_aws_reply *, struct error *);

/* Both: a whole request and its answer. */
enum status lc_aws_ask(struct lc_aws_client *, struct arena *, const struct str *parts, size_t count, struct deadline,
                       struct lc_aws_reply *, struct error *);

#endif
