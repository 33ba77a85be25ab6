/* What a worker that has gone mad may say: whatever is taken for a message says the same when it is written again. */
#include <assert.h>

#include "lib/gather/message_internal.h"

static char packet[MESSAGE_LONGEST];

static void check(struct str wanted, bool fits, size_t length)
{
    assert(fits && str_equal(str_make(packet, length), wanted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str given = str_make(data, size);
    struct order order;
    struct report report;
    struct ticket ticket;
    size_t length;
    if (message_read_order(given, &order)) {
        bool fits = message_write_order(&order, packet, &length);
        check(given, fits, length);
    }
    if (message_read_report(given, &report)) {
        bool fits = message_write_report(&report, packet, &length);
        check(given, fits, length);
    }
    if (message_read_cancel(given, &ticket)) check(given, true, message_write_cancel(&ticket, packet));
    return 0;
}
