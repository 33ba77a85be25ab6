#include <signal.h>

#include "cli/command.h"
#include "lib/gather/worker.h"

int main(int argc, char **argv)
{
    if (gather_worker_is_called(argc, argv)) return gather_worker_run();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its writer, as on a full disk */
    return commands_run(argc, argv);
}
