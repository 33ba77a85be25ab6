/* Base packages of v1 with deflated entries, by hand. */
#ifndef TESTS_PATCH_ZIP_H
#define TESTS_PATCH_ZIP_H

#include <zlib.h>

#include "base/buf.h"
#include "tests/unit/patch_sample.h"

struct zip_item {
    const char *name;
    struct str content;
    struct {
        int level, memory, strategy; /* level 0: stored, unless `raw` */
        bool raw;                    /* deflated by level 0 */
    } how;
};
enum { ZIP_REGION = 64, ZIP_ITEMS_MAX = 4096, ZIP_ENTRY = 46, ZIP_LOCAL = 30 };

static inline struct str zip_deflate(struct arena *arena, const struct zip_item *item)
{
    z_stream zlib = {0};
    size_t room = item->content.length + item->content.length / 100 + 1000;
    char *out = arena_buffer(arena, room);
    if (item->how.level == 0 && !item->how.raw) return item->content;
    assert_int_equal(deflateInit2(&zlib, item->how.level, Z_DEFLATED, -15, item->how.memory ? item->how.memory : 8, item->how.strategy),
                     Z_OK);
    zlib.next_in = (unsigned char *)(uintptr_t)item->content.data;
    zlib.avail_in = (uInt)item->content.length;
    zlib.next_out = (unsigned char *)out;
    zlib.avail_out = (uInt)room;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    deflateEnd(&zlib);
    return str_make(out, zlib.total_out);
}

static inline void zip_put_sizes(char *at, const struct zip_item *item, struct str packed)
{
    bytes_put16(at, item->how.level == 0 && !item->how.raw ? 0 : 8);
    bytes_put32(at + 6, (uint32_t)crc32(0, (const unsigned char *)item->content.data, (uInt)item->content.length));
    bytes_put32(at + 10, (uint32_t)packed.length);
    bytes_put32(at + 14, (uint32_t)item->content.length);
    bytes_put16(at + 18, (uint16_t)strlen(item->name));
}

static inline void zip_add_item(struct buf *out, struct buf *directory, const struct zip_item *item)
{
    char local[ZIP_LOCAL] = {'P', 'K', 3, 4}, entry[ZIP_ENTRY] = {'P', 'K', 1, 2};
    struct str packed = zip_deflate(out->arena, item);
    zip_put_sizes(local + 8, item, packed);
    zip_put_sizes(entry + 10, item, packed);
    bytes_put32(entry + 42, (uint32_t)out->length);
    buf_add(directory, str_make(entry, sizeof entry));
    buf_add(directory, str_of(item->name));
    buf_add(out, str_make(local, sizeof local));
    buf_add(out, str_of(item->name));
    buf_add(out, packed);
}

/* A base: behind the items stand a v1 signature that nobody verifies, and a comment of zeros. */
static inline struct str zip_base(struct arena *arena, const struct zip_item *items, size_t count)
{
    static const struct zip_item signature[] = {{"META-INF/CERT.SF", {"sf", 2}, {0}}, {"META-INF/CERT.RSA", {"rsa", 3}, {0}}};
    struct buf out = buf_in(arena, 64 << 20), directory = buf_in(arena, 16 << 20);
    char end[22 + ZIP_REGION] = {'P', 'K', 5, 6};
    for (size_t i = 0; i < count; i++) zip_add_item(&out, &directory, &items[i]);
    for (size_t i = 0; i < 2; i++) zip_add_item(&out, &directory, &signature[i]);
    bytes_put16(end + 8, (uint16_t)(count + 2));
    bytes_put16(end + 10, (uint16_t)(count + 2));
    bytes_put32(end + 12, (uint32_t)directory.length);
    bytes_put32(end + 16, (uint32_t)out.length);
    bytes_put16(end + 20, ZIP_REGION);
    buf_add(&out, buf_str(&directory));
    buf_add(&out, str_make(end, sizeof end));
    assert_false(out.overflow || directory.overflow);
    return buf_str(&out);
}

/* Lines that repeat a little, `changed` of which are other ones. */
static inline struct str zip_text(struct arena *arena, uint64_t seed, size_t lines, uint64_t changed)
{
    struct buf text = buf_in(arena, 64 << 20);
    for (size_t i = 0; i < lines; i++) {
        uint64_t state = seed + (changed && i % (lines / changed + 1) == 7 ? i + 1000000 : i);
        buf_printf(&text, "%llu: %llx of %zu\n", (unsigned long long)i, (unsigned long long)sample_random(&state, UINT32_MAX), lines);
    }
    return buf_str(&text);
}

#endif
