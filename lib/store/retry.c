#include "lib/store/retry_internal.h"

#include "lib/store/common.h"

enum { FIRST_PAUSE = 50, LONGEST_PAUSE = 5 * CLOCK_SECOND, LONGEST_SLEEP = CLOCK_SECOND / 2 };

/* Exponential, with full jitter: a random moment within the pause, so that clients that failed together do not return together. */
bool retry_pause(unsigned tries, struct deadline deadline, struct store_wait *wait)
{
    int64_t longest = tries < 7 ? (int64_t)FIRST_PAUSE << tries : LONGEST_PAUSE;
    if (longest > LONGEST_PAUSE) longest = LONGEST_PAUSE;
    int64_t pause = 1 + (int64_t)(store_random() % (uint64_t)longest);
    if (pause >= deadline_left(deadline)) return false;
    for (; pause > 0; pause -= LONGEST_SLEEP) {
        store_sleep((pause < LONGEST_SLEEP ? pause : LONGEST_SLEEP) * 1000);
        wait_tick(wait);
    }
    return true;
}
