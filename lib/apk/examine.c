#include "lib/apk/apk.h"

#include "base/buf.h"
#include "lib/apk/format.h"
#include "lib/apk/jar_internal.h"
#include "lib/apk/region_internal.h"
#include "lib/apk/signing_block_internal.h"
#include "lib/apk/zip_internal.h"

/* --- names */

static const struct {
    unsigned scheme;
    const char *name;
} scheme_names[] = {{APK_V1, "v1"}, {APK_V2, "v2"}, {APK_V3, "v3"}, {APK_V31, "v3.1"}};
enum { SCHEME_COUNT = sizeof scheme_names / sizeof *scheme_names };

struct str apk_schemes_name(struct arena *arena, unsigned schemes)
{
    struct buf name = buf_in(arena, 64);
    for (int i = 0; i < SCHEME_COUNT; i++) {
        if (!(schemes & scheme_names[i].scheme)) continue;
        if (name.length > 0) buf_add_byte(&name, '+');
        buf_add(&name, str_of(scheme_names[i].name));
    }
    return name.length > 0 ? buf_str(&name) : S("unsigned");
}

static unsigned scheme_of(struct str name)
{
    for (int i = 0; i < SCHEME_COUNT; i++)
        if (str_equal(name, str_of(scheme_names[i].name))) return scheme_names[i].scheme;
    return 0;
}

bool apk_schemes_parse(struct str text, unsigned *schemes)
{
    unsigned set = 0;
    for (struct str rest = text; rest.data;) {
        unsigned scheme = scheme_of(str_cut(&rest, '+'));
        if (!scheme) return false;
        set |= scheme;
    }
    if (set) *schemes = set;
    return set != 0;
}

const char *apk_id_name(uint32_t id)
{
    const struct apk_format *format = apk_format_of_pair(id);
    switch (id) {
    case APK_ID_V2: return "v2 signature";
    case APK_ID_V3: return "v3 signature";
    case APK_ID_V31: return "v3.1 signature";
    case APK_ID_VERITY_PADDING: return "verity padding";
    case APK_ID_STAMP_V1: return "source stamp v1";
    case APK_ID_STAMP_V2: return "source stamp v2";
    case APK_ID_DEPENDENCIES: return "dependency info";
    case APK_ID_REGION: return "reserved region";
    default: return format ? format->title : NULL;
    }
}

/* --- schemes */

/* A JAR signature is a signature file and its block, directly in META-INF. */
struct jar_signature {
    bool file, block;
};

static void look_for_signature(void *context, const struct apk_zip_entry *entry)
{
    struct jar_signature *found = context;
    if (apk_jar_is_file(entry->name)) found->file = true;
    if (apk_jar_is_block(entry->name)) found->block = true;
}

static unsigned block_schemes(const struct apk *apk)
{
    unsigned schemes = 0;
    if (apk_pair_find(apk, APK_ID_V2).data) schemes |= APK_V2;
    if (apk_pair_find(apk, APK_ID_V3).data) schemes |= APK_V3;
    if (apk_pair_find(apk, APK_ID_V31).data) schemes |= APK_V31;
    return schemes;
}

/* --- */

enum status apk_examine(struct arena *arena, const struct apk_source *source, struct apk *apk, struct error *error)
{
    struct jar_signature jar = {false, false};
    struct apk seen = {.source = source};
    TRY(apk_zip_find_end(arena, &seen, error));
    TRY(apk_block_read(arena, &seen, error));
    TRY(apk_zip_walk(arena, &seen, look_for_signature, &jar, error));
    seen.schemes = block_schemes(&seen) | (jar.file && jar.block ? APK_V1 : 0);
    seen.region = apk_region_find(&seen);
    *apk = seen;
    return STATUS_OK;
}
