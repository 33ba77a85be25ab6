/* What others may ask of a loop. */
#include <string.h>
#include <sys/eventfd.h>

#include "lc_server.h"

void lc_loop_wake(struct lc_loop *loop)
{
    eventfd_write(loop->wake_fd, 1);
}

void lc_loop_resume(struct lc_exchange *x)
{
    struct lc_loop *loop = x->loop;
    MHD_resume_connection(x->connection);
    lc_loop_wake(loop);
}

bool lc_loop_library_is_strict(void)
{
    return MHD_get_version()[0] != '0';
}
