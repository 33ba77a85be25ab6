#include "lib/gather/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/gather/fetch_internal.h"

enum { CHANNEL = STDIN_FILENO, MEMORY = 64 << 20 };

bool gather_worker_is_called(int argc, char **argv)
{
    return argc == 1 && strcmp(argv[0], GATHER_WORKER_NAME) == 0;
}

/* Of private memory, in bytes; where it cannot be told: 0. */
static uint64_t memory_used(void)
{
    char text[256] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    struct str rest = str_make(text, length > 0 ? (size_t)length : 0);
    uint64_t pages = 0;
    for (int field = 0; field < 5; field++) str_cut(&rest, ' '); /* size resident shared text lib data */
    return str_to_u64(str_cut(&rest, ' '), &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* One that goes mad over what it was sent ends itself, before it takes the machine's memory. (A sanitizer's shadow is larger than any
 * limit: then there is none.) */
static void limit_memory(void)
{
    const struct rlimit limit = {MEMORY, MEMORY};
    if (memory_used() < MEMORY) setrlimit(RLIMIT_DATA, &limit);
}

/* Of all processes the kernel should take this one first. */
static void offer_to_kernel(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t written = write(fd, "1000", 4);
    (void)written; /* it is a wish */
    close(fd);
}

/* It is the pool that says when a worker ends: what is sent to a group of processes (Ctrl-C, a service's SIGTERM) is for the pool, which
 * may have answers to finish. */
static void settle(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "gather-worker");
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    limit_memory();
    offer_to_kernel();
}

static bool carry_out(struct fetcher *fetcher, const struct order *order, char *packet)
{
    struct report report;
    size_t length;
    int body;
    fetcher_run(fetcher, order, &report, &body);
    if (!message_write_report(&report, packet, &length)) return false;
    bool sent = message_send(CHANNEL, str_make(packet, length), body, 0) == (ssize_t)length;
    fetcher_drop(fetcher);
    return sent;
}

int gather_worker_run(void)
{
    static char received[MESSAGE_LONGEST], sent[MESSAGE_LONGEST];
    struct order order;
    struct ticket late;
    int unwanted;
    settle();
    struct fetcher *fetcher = fetcher_new(CHANNEL);
    message_send(CHANNEL, str_make(sent, message_write_hello(sent)), fetcher_region(fetcher), 0);
    for (;;) {
        ssize_t length = message_receive(CHANNEL, received, &unwanted, 0);
        if (length <= 0) return EXIT_SUCCESS;
        struct str packet = str_make(received, (size_t)length);
        if (message_read_cancel(packet, &late)) continue; /* of what has been reported already */
        if (!message_read_order(packet, &order) || !carry_out(fetcher, &order, sent)) return EXIT_FAILURE;
    }
}
