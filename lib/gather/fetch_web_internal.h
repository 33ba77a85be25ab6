/* One GET by http(s) in a worker, over connections that are used again. Every hop of a row of redirects is held against the order's rules:
 * the host's name before it is looked up, and the address when it is connected to, or a connection that is there is used. */
#ifndef GATHER_FETCH_WEB_INTERNAL_H
#define GATHER_FETCH_WEB_INTERNAL_H

#include "lib/gather/body_internal.h"
#include "lib/gather/message_internal.h"

struct fetch_web;
struct fetch_web *fetch_web_new(int channel); /* for the whole process */

/* As fetcher_run has it; the body is left open. */
void fetch_web_run(struct fetch_web *, const struct order *, struct body *, struct report *);

#endif
