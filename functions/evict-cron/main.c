#include "functions/evict-cron/handler.h"

int main(void)
{
    return lc_run(&evict_cron_function);
}
