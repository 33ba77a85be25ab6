#include "functions/query/handler.h"

int main(void)
{
    return lc_run(&query_function);
}
