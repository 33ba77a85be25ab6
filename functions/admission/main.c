#include "functions/admission/handler.h"

int main(void)
{
    return lc_run(&admission);
}
