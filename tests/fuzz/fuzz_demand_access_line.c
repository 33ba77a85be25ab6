/* Lines of access logs: what is read is a slice of the line and in range. */
#include <assert.h>

#include "base/clock.h"
#include "lib/demand/access_line_internal.h"

static bool is_within(struct str part, struct str line)
{
    return part.length == 0 || (part.data >= line.data && part.data + part.length <= line.data + line.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct access_line line;
    if (!access_line_parse(text, &line)) return 0;
    assert(line.time >= 0 && line.time % CLOCK_SECOND == 0);
    assert(line.status >= 100 && line.status <= 999 && line.bytes <= UINT64_C(1) << 53);
    assert(is_within(line.client, text) && is_within(line.method, text) && is_within(line.target, text) && is_within(line.sender, text));
    assert(str_find(line.method, ' ') == line.method.length);
    return 0;
}
