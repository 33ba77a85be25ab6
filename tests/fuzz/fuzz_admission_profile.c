/* Profiles: any text is refused with words, or is a profile by which everyone can be decided at any time, and whose public form is read. */
#include "lib/admission/public.h"
#include "tests/fuzz/admission_decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct admission_profile profile, read;
    struct error error = {0};
    enum status status = admission_profile_parse(arena, str_make(data, size), &profile, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && str_starts(str_of(error.text), S("profile"))));
    if (status == STATUS_OK) {
        decide_any(&profile, 0);
        decide_any(&profile, 0x00f000);
        status = admission_public_parse(arena, admission_public_json(arena, &profile, 1), &read, &error);
        assert(status == STATUS_OK);
    }
    arena_free(arena);
    return 0;
}
