#include "functions/cache-token-verify/handler.h"

int main(void)
{
    return lc_run(&cache_token_verify);
}
