/* SIGTERM and SIGINT ask a process to stop. They are kept from interrupting anything: one thread waits for them, or all look at a
 * descriptor. */
#ifndef LC_SIGNALS_H
#define LC_SIGNALS_H

#include <signal.h>

/* Blocks both in this thread and in those it starts from now on. `before` gets the mask as it was; it may be NULL. */
void lc_signals_block(sigset_t *before);

void lc_signals_wait(void); /* until one of the two arrives */

/* Readable from the moment that one of the two, blocked, arrives, and for as long as nobody takes it; -1 with errno. */
int lc_signals_fd(void);

#endif
