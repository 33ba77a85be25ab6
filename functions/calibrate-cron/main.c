#include "functions/calibrate-cron/handler.h"

int main(void)
{
    return lc_run(&calibrate_cron_function);
}
