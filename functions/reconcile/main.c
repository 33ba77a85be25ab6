#include "functions/reconcile/handler.h"

int main(void)
{
    return lc_run(&reconcile_function);
}
