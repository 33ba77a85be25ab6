#include "functions/evaluate-cron/handler.h"

int main(void)
{
    return lc_run(&evaluate_cron_function);
}
