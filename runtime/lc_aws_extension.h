/* A small internal extension. Lambda sends SIGTERM before it takes a sandbox away only where an extension is registered, and `stop`
 * is run on SIGTERM. Its thread is the one that waits for the signal. */
#ifndef LC_AWS_EXTENSION_H
#define LC_AWS_EXTENSION_H

#include <pthread.h>
#include <semaphore.h>

#include "lc_aws_client.h"

struct lc_aws_extension {
    struct lc_aws_client client;
    const char *name;
    bool registers; /* not on Managed Instances, which refuse it and send the signal anyhow */
    int stop_fd;
    sem_t registered;
    pthread_t thread;
};

/* Starts it. `stop_fd`, an eventfd, becomes readable when the process is asked to stop. */
enum status lc_aws_extension_start(struct lc_aws_extension *, struct str authority, const char *name, bool registers, int stop_fd,
                                   struct error *);
/* An extension must have registered before the first /next. */
void lc_aws_extension_await(struct lc_aws_extension *);
void lc_aws_extension_end(struct lc_aws_extension *);

#endif
