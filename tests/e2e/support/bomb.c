/* Preloaded into a server: its worker processes take all the memory that they can get when they are sent SIGUSR1. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void explode(int number)
{
    (void)number;
    for (;;) {
        char *block = malloc(1 << 20);
        if (!block) abort();
        memset(block, 1, 1 << 20);
    }
}

__attribute__((constructor)) static void arm(int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "pakhus-gather-worker") == 0) signal(SIGUSR1, explode);
}
