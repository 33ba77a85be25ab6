/* A whole package as bytes, of entries that are stored, pairs and a comment: for unit tests and for fuzzing. */
#ifndef TESTS_APK_PACKAGE_H
#define TESTS_APK_PACKAGE_H

#include <assert.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "lib/apk/apk.h"

struct package_entry {
    const char *name;
    struct str data;
    uint32_t inflated; /* the data is deflated, and has so many bytes; 0: it is stored */
};

enum { PACKAGE_LIMIT = 1 << 20 };

static inline void package_zeros(struct buf *out, size_t count)
{
    char *room = buf_room(out, count);
    if (!room) return;
    memset(room, 0, count);
    out->length += count;
}

static inline void package_number(struct buf *out, uint64_t value, size_t bytes)
{
    char little[8];
    bytes_put64(little, value);
    buf_add(out, str_make(little, bytes));
}

/* { u32 length, value } */
static inline void package_value(struct buf *out, struct str value)
{
    package_number(out, value.length, 4);
    buf_add(out, value);
}

static inline void package_pair(struct buf *out, uint32_t id, struct str value)
{
    package_number(out, 4 + value.length, 8);
    package_number(out, id, 4);
    buf_add(out, value);
}

static inline void package_add_entry(struct buf *entries, struct buf *directory, const struct package_entry *entry)
{
    struct str name = str_of(entry->name), data = entry->data;
    size_t header = entries->length, at = directory->length;
    uint32_t uncompressed = entry->inflated ? entry->inflated : (uint32_t)data.length;
    package_zeros(entries, 30);
    package_zeros(directory, 46);
    bytes_put32(entries->data + header, 0x04034b50);
    bytes_put32(entries->data + header + 18, (uint32_t)data.length);
    bytes_put32(entries->data + header + 22, uncompressed);
    bytes_put16(entries->data + header + 26, (uint16_t)name.length);
    bytes_put32(directory->data + at, 0x02014b50);
    bytes_put16(directory->data + at + 10, entry->inflated ? 8 : 0);
    bytes_put32(directory->data + at + 20, (uint32_t)data.length);
    bytes_put32(directory->data + at + 24, uncompressed);
    bytes_put16(directory->data + at + 28, (uint16_t)name.length);
    bytes_put32(directory->data + at + 42, (uint32_t)header);
    buf_add(directory, name);
    buf_add(entries, name);
    buf_add(entries, data);
}

static inline void package_add_block(struct buf *out, struct str pairs)
{
    if (str_empty(pairs)) return;
    package_number(out, pairs.length + 24, 8);
    buf_add(out, pairs);
    package_number(out, pairs.length + 24, 8);
    buf_add(out, S("APK Sig Block 42"));
}

/* No pairs: no signing block. */
static inline struct str package_of(struct arena *arena, const struct package_entry *entries, size_t count, struct str pairs,
                                    struct str comment)
{
    struct buf out = buf_in(arena, PACKAGE_LIMIT), directory = buf_in(arena, PACKAGE_LIMIT);
    for (size_t i = 0; i < count; i++) package_add_entry(&out, &directory, &entries[i]);
    package_add_block(&out, pairs);
    size_t start = out.length;
    buf_add(&out, buf_str(&directory));
    package_number(&out, 0x06054b50, 8);
    package_number(&out, count, 2);
    package_number(&out, count, 2);
    package_number(&out, directory.length, 4);
    package_number(&out, start, 4);
    package_number(&out, comment.length, 2);
    buf_add(&out, comment);
    assert(!out.overflow && !directory.overflow);
    return buf_str(&out);
}

static inline enum status package_read(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    const struct str *bytes = context;
    (void)error;
    assert(offset <= bytes->length && length <= bytes->length - offset);
    if (length > 0) memcpy(buffer, bytes->data + offset, length);
    return STATUS_OK;
}

static inline struct apk_source package_source(struct str *bytes)
{
    return (struct apk_source){package_read, bytes, bytes->length};
}

#endif
