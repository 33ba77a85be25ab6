/* The public form of profiles, as clients read it: any text is refused with words, or is a profile by which everyone can be decided. */
#include "lib/admission/public.h"
#include "tests/fuzz/admission_decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct admission_profile profile;
    struct error error = {0};
    enum status status = admission_public_parse(arena, str_make(data, size), &profile, &error);
    assert(status == STATUS_OK || status == STATUS_INVALID || status == STATUS_UNSUPPORTED);
    if (status == STATUS_OK) decide_any(&profile, 0);
    if (status == STATUS_OK) decide_any(&profile, 0x00f000);
    arena_free(arena);
    return 0;
}
