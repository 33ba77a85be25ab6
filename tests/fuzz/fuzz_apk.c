/* APKs: whatever the bytes, examining them ends well. Where it succeeds, what it says holds together; where the package can be prepared,
 * the base package has its region where it was promised and all other pairs as they were, is its own base package, and gives back what it
 * is filled with.
 *
 * The first byte says what the others are: 0 a file; 1 pairs and a comment for a package that is built here; 2 its manifest; 3 a value
 * for the formats' readers. */
#include <assert.h>
#include <stdlib.h>

#include "lib/apk/channel.h"
#include "lib/apk/check.h"
#include "lib/apk/prepare.h"
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_package.h"

enum { LIMIT = PACKAGE_LIMIT };

/* --- what holds of any package */

static bool is_other(uint32_t id)
{
    return !apk_format_of_pair(id) && id != APK_ID_REGION && id != APK_ID_VERITY_PADDING;
}

static const struct apk_pair *next_other(const struct apk *apk, size_t *at)
{
    while (*at < apk->pair_count && !is_other(apk->pairs[*at].id)) ++*at;
    return *at < apk->pair_count ? &apk->pairs[(*at)++] : NULL;
}

static void check_structure(const struct apk *apk)
{
    assert(apk->block + apk->block_size == apk->directory && apk->directory + apk->directory_size == apk->end);
    assert(apk->end + 22 + apk->comment.length == apk->size);
    assert(apk->region.length <= apk->size && apk->region.offset <= apk->size - apk->region.length);
    uint64_t at = apk->block + 8;
    for (size_t i = 0; i < apk->pair_count; i++) {
        assert(apk->pairs[i].offset == at);
        at += 12 + apk->pairs[i].value.length;
    }
    assert(apk->block_size == 0 || at + 24 == apk->directory);
}

static void check_readers(struct arena *arena, const struct apk *apk)
{
    struct apk_channels channels;
    struct apk_manifest manifest;
    struct error error;
    apk_read_channels(arena, apk, &channels);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) assert(str_is_utf8(channels.seen[i]));
    if (apk_manifest(arena, apk, &manifest, &error) != STATUS_OK) return;
    assert(str_is_utf8(manifest.package) && str_is_utf8(manifest.version_name));
}

static void check_verdict(struct arena *arena, const struct apk *apk)
{
    struct apk_check check;
    struct apk_certificates certificates;
    struct error error = {0};
    if (apk_check(arena, apk, &check, &error) != STATUS_OK) assert(error.text[0]);
    error.text[0] = 0;
    if (apk_certificates(arena, apk, &certificates, &error) != STATUS_OK)
        assert(error.text[0]);
    else
        for (size_t i = 0; i < certificates.count; i++) assert(certificates.sha256[i].length == 64);
}

/* --- what holds of a base package */

static struct str result_of(struct arena *arena, const struct apk_prepared *prepared, const struct apk_source *source)
{
    struct error error;
    char *bytes = arena_buffer(arena, (size_t)prepared->size);
    assert(apk_prepared_read(prepared, source, (struct apk_region){0, prepared->size}, bytes, &error) == STATUS_OK);
    return str_make(bytes, (size_t)prepared->size);
}

static void check_same_pairs(const struct apk *before, const struct apk *after)
{
    size_t a = 0, b = 0;
    for (const struct apk_pair *pair; (pair = next_other(before, &a));) {
        const struct apk_pair *other = next_other(after, &b);
        assert(other && other->id == pair->id && str_equal(other->value, pair->value));
    }
    assert(!next_other(after, &b));
}

static void check_is_its_own_base(struct arena *arena, struct str bytes, uint64_t region)
{
    struct apk_source source = package_source(&bytes);
    struct apk_prepared again;
    struct error error;
    assert(apk_prepare(arena, &source, region, &again, &error) == STATUS_OK);
    assert(again.count == 1 && !again.pieces[0].bytes && again.size == bytes.length && again.note_count == 0);
}

static void check_filled(struct arena *arena, struct str base, const struct apk_prepared *prepared, unsigned formats,
                         const struct apk_info *info)
{
    struct str filled = arena_copy(arena, base);
    char *region = (char *)(uintptr_t)filled.data + prepared->region.offset;
    struct apk_source source = package_source(&filled);
    struct apk apk;
    struct apk_channels channels;
    struct apk_prepared blanked;
    struct error error;
    if (apk_fill((struct apk_filling){prepared->schemes, region, (size_t)prepared->region.length}, formats, info, &error) != STATUS_OK)
        return;
    assert(apk_examine(arena, &source, &apk, &error) == STATUS_OK);
    assert(apk.region.offset == prepared->region.offset && apk.region.length == prepared->region.length);
    apk_read_channels(arena, &apk, &channels);
    assert(apk_formats_choose(apk_format_place(prepared->schemes), formats, &formats, &error) == STATUS_OK);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (formats >> i & 1) assert(str_equal(channels.seen[i], apk_formats[i]->info ? info->json : info->channel));
    assert(apk_prepare(arena, &source, prepared->region.length, &blanked, &error) == STATUS_OK);
    assert(str_equal(result_of(arena, &blanked, &source), base));
}

/* Info that leaves `left` bytes of the region, or is as short as can be. */
static struct apk_info info_leaving(struct arena *arena, const struct apk_prepared *prepared, unsigned formats, size_t left)
{
    struct str head = S("{\"channel\":\"huawei\",\"x\":\""), tail = S("\"}");
    size_t room = apk_fill_room(prepared->schemes, formats, S("huawei"), (size_t)prepared->region.length),
           least = head.length + tail.length;
    size_t length = room != SIZE_MAX && room > least + left ? room - left : least;
    char *json = arena_buffer(arena, length);
    memset(json, 'x', length);
    memcpy(json, head.data, head.length);
    memcpy(json + length - tail.length, tail.data, tail.length);
    return (struct apk_info){str_make(json, length), S("huawei")};
}

static void check_base(struct arena *arena, const struct apk *apk, uint64_t region, size_t left)
{
    struct apk_prepared prepared;
    struct apk base;
    struct error error;
    if (apk_prepare(arena, apk->source, region, &prepared, &error) != STATUS_OK) return;
    struct str bytes = result_of(arena, &prepared, apk->source);
    struct apk_source result = package_source(&bytes);
    assert(apk_examine(arena, &result, &base, &error) == STATUS_OK);
    check_structure(&base);
    assert(base.schemes == apk->schemes && base.schemes == prepared.schemes && base.block == apk->block);
    assert(base.region.offset == prepared.region.offset && base.region.length == region && prepared.region.length == region);
    check_same_pairs(apk, &base);
    if (apk->block_size % 4096 == 0) assert(base.block_size % 4096 == 0);
    check_is_its_own_base(arena, bytes, region);
    unsigned chosen = left % (APK_FORMATS_ALL + 1);
    struct apk_info info = info_leaving(arena, &prepared, chosen, left / 8);
    check_filled(arena, bytes, &prepared, chosen, &info);
}

static void check_file(struct arena *arena, struct str bytes, uint64_t region, size_t left)
{
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    struct error error = {0};
    if (apk_examine(arena, &source, &apk, &error) != STATUS_OK) {
        assert(error.text[0] && error.status != STATUS_OK);
        return;
    }
    check_structure(&apk);
    check_readers(arena, &apk);
    check_verdict(arena, &apk);
    check_base(arena, &apk, apk_v1_only(apk.schemes) ? region % 65535 + 1 : region % 5 * 4096, left);
}

/* --- a package that is built here: entries, block, directory, end */

static struct str package(struct arena *arena, struct str manifest, struct str pairs, struct str comment)
{
    const struct package_entry entries[] = {{"META-INF/A.SF", S("")}, {"META-INF/A.RSA", S("")}, {"AndroidManifest.xml", manifest}};
    return package_of(arena, entries, sizeof entries / sizeof *entries, pairs, comment);
}

/* Each pair is an id by its number, a length in two bytes, and as many of the bytes behind as there are. */
static struct str make_pairs(struct arena *arena, struct str *rest, size_t count)
{
    static const uint32_t ids[] = {APK_ID_V2, APK_ID_V3,   APK_ID_V31,   APK_ID_VERITY_PADDING, APK_ID_STAMP_V2,
                                   ID_WALLE,  ID_VASDOLLY, ID_PACKER_NG, APK_ID_REGION,         0x12345678};
    struct buf pairs = buf_in(arena, LIMIT / 2);
    for (size_t i = 0; i < count && rest->length >= 3; i++) {
        uint32_t id = ids[(unsigned char)rest->data[0] % (sizeof ids / sizeof *ids)];
        size_t length = bytes_get16(rest->data + 1) % 9000;
        struct str value = str_first(str_from(*rest, 3), length);
        *rest = str_from(*rest, 3 + value.length);
        package_number(&pairs, 4 + length, 8);
        package_number(&pairs, id, 4);
        buf_add(&pairs, value);
        package_zeros(&pairs, length - value.length);
    }
    return buf_str(&pairs);
}

static void check_built(struct arena *arena, struct str rest, uint64_t region, size_t left)
{
    if (str_empty(rest)) return;
    size_t count = (unsigned char)rest.data[0] % 12;
    rest = str_from(rest, 1);
    struct str pairs = make_pairs(arena, &rest, count);
    struct str comment = str_empty(pairs) ? str_first(rest, 60000) : (struct str){NULL, 0};
    check_file(arena, package(arena, S(""), pairs, comment), region, left);
}

static void check_value(struct str value)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        for (int place = 0; place < APK_PLACE_COUNT; place++)
            assert(apk_format_seen(apk_formats[i], (enum apk_place)place, value).length <= value.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > LIMIT / 4) return 0;
    struct arena *arena = arena_new();
    struct str rest = str_make(data + 4, size - 4);
    uint64_t region = bytes_get16(data + 1);
    if (data[0] % 4 == 0) check_file(arena, rest, region, data[3]);
    if (data[0] % 4 == 1) check_built(arena, rest, region, data[3]);
    if (data[0] % 4 == 2) check_file(arena, package(arena, rest, S(""), (struct str){NULL, 0}), region, data[3]);
    if (data[0] % 4 == 3) check_value(rest);
    arena_free(arena);
    return 0;
}
