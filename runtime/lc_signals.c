#include "lc_signals.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/signalfd.h>

static sigset_t to_stop(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void lc_signals_block(sigset_t *before)
{
    sigset_t set = to_stop();
    pthread_sigmask(SIG_BLOCK, &set, before);
}

void lc_signals_wait(void)
{
    sigset_t set = to_stop();
    int which;
    while (sigwait(&set, &which) != 0) {
    }
}

int lc_signals_fd(void)
{
    sigset_t set = to_stop();
    return signalfd(-1, &set, SFD_CLOEXEC);
}
