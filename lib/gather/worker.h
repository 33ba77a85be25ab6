/* The program that a worker is: this one, executed again (never a fork of a threaded process). Every main that may open a pool begins with
 *
 *     if (gather_worker_is_called(argc, argv)) return gather_worker_run();
 */
#ifndef GATHER_WORKER_H
#define GATHER_WORKER_H

#include <stdbool.h>

/* argv[0] of a worker. Its standard input is the channel to the pool. */
#define GATHER_WORKER_NAME "pakhus-gather-worker"

bool gather_worker_is_called(int argc, char **argv);
/* Fetches what is ordered, one thing after another, until the pool closes the channel. Returns the exit code of the process. */
int gather_worker_run(void);

#endif
