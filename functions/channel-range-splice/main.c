#include "functions/channel-range-splice/handler.h"

int main(void)
{
    return lc_run(&channel_range_splice);
}
