/* Samples as they stand in the store: whatever is in an object, what is read of it is in order, in range and no more than was asked for. */
#include <assert.h>

#include "base/log.h"
#include "lib/demand/samples_internal.h"

enum { MOST = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    log_set_level(LOG_NONE);
    struct sample_set set = samples_read_text(arena, str_make(data, size), 0, MOST);
    assert(set.count <= MOST && set.share >= 0 && set.share <= 1);
    for (size_t i = 0; i < set.count; i++) {
        const struct sample *sample = &set.items[i];
        assert(sample->time >= 0 && (i == 0 || sample[-1].time <= sample->time));
        assert(sample->placed >= SAMPLE_HIT && sample->placed <= SAMPLE_NO_EDGE);
        assert(sample->package.length > 0 && !str_has_control(sample->package) && !str_has_control(sample->lan));
        assert(!sample->downloaded || (sample->source >= SAMPLE_EDGE && sample->source <= SAMPLE_OTHER));
    }
    arena_free(arena);
    return 0;
}
