#include "functions/gather/handler.h"
#include "lib/gather/worker.h"

int main(int argc, char **argv)
{
    if (gather_worker_is_called(argc, argv)) return gather_worker_run();
    return lc_run(&gather);
}
