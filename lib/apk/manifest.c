#include <inttypes.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "lib/apk/apk.h"
#include "lib/apk/zip_internal.h"

/* Android's binary XML (ResourceTypes.h): chunks of u16 type, u16 size of the chunk's head, u32 size of all.
 *
 *     XML        head, then chunks
 *     strings    8: u32 count    16: u32 flags    20: u32 offset of the strings, from the chunk's begin    28: u32 offset of each string
 *     resources  8: u32 resource id of the attribute name with this string index …
 *     element    16: u32 namespace, u32 name    24: u16 offset of the attributes, from 16    26: u16 size of one    28: u16 count
 *     attribute   0: u32 namespace, u32 name, u32 raw value    12: u16 size, u8 0, u8 type    16: u32 data */
enum {
    CHUNK_XML = 0x0003,
    CHUNK_STRINGS = 0x0001,
    CHUNK_RESOURCES = 0x0180,
    CHUNK_ELEMENT = 0x0102,
    CHUNK_ELEMENT_END = 0x0103,
    CHUNK_HEAD = 8,
    STRINGS_HEAD = 28,
    STRINGS_UTF8 = 0x100,
    ELEMENT_HEAD = 36,
    ATTRIBUTE_SIZE = 20,
    TYPE_STRING = 3,
    TYPE_DECIMAL = 0x10,
    TYPE_HEXADECIMAL = 0x11,
    TYPE_BOOLEAN = 0x12,
    SDK_CODENAME = 10000, /* CUR_DEVELOPMENT: Android's number for a release that has none yet */
    ID_SPLIT_REQUIRED = 0x01010591,
    ID_MIN_SDK = 0x0101020c,
    ID_TARGET_SDK = 0x01010270,
    ID_TARGET_SANDBOX = 0x0101054c,
    ID_VERSION_CODE = 0x0101021b,
    ID_VERSION_NAME = 0x0101021c,
    ID_VERSION_CODE_MAJOR = 0x01010576,
    MANIFEST_MAX = 8 << 20,
    TEXT_MAX = 4096,
};

struct chunk {
    uint16_t type;
    struct str bytes; /* head included */
};

struct document {
    struct arena *arena;
    struct str strings, resources; /* chunks */
};

/* Takes the next chunk off *rest. */
static enum status next_chunk(struct str *rest, struct chunk *chunk, struct error *error)
{
    ENSURE(rest->length >= CHUNK_HEAD, error, STATUS_CORRUPT, "AndroidManifest.xml ends within a chunk");
    size_t size = bytes_get32(rest->data + 4);
    ENSURE(size >= CHUNK_HEAD && size <= rest->length, error, STATUS_CORRUPT, "a chunk in AndroidManifest.xml has a wrong size, %zu", size);
    *chunk = (struct chunk){bytes_get16(rest->data), str_first(*rest, size)};
    *rest = str_from(*rest, size);
    return STATUS_OK;
}

/* --- the string pool */

/* A length of one unit, or of two where the first has its highest bit set. */
static size_t take_length8(struct str *rest)
{
    if (rest->length < 2) return SIZE_MAX;
    size_t first = (unsigned char)rest->data[0], second = (unsigned char)rest->data[1];
    bool wide = first & 0x80;
    *rest = str_from(*rest, wide ? 2 : 1);
    return wide ? (first & 0x7f) << 8 | second : first;
}

static size_t take_length16(struct str *rest)
{
    if (rest->length < 4) return SIZE_MAX;
    size_t first = bytes_get16(rest->data), second = bytes_get16(rest->data + 2);
    bool wide = first & 0x8000;
    *rest = str_from(*rest, wide ? 4 : 2);
    return wide ? (first & 0x7fff) << 16 | second : first;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) return buf_add_byte(out, (char)c);
    if (c < 0x800) return buf_add_byte(out, (char)(0xc0 | c >> 6)), buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
    if (c < 0x10000) buf_add_byte(out, (char)(0xe0 | c >> 12));
    if (c >= 0x10000) buf_add_byte(out, (char)(0xf0 | c >> 18)), buf_add_byte(out, (char)(0x80 | (c >> 12 & 0x3f)));
    buf_add_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
    buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
}

static struct str from_utf16(struct arena *arena, struct str units)
{
    struct buf out = buf_in(arena, TEXT_MAX);
    for (size_t i = 0; i + 2 <= units.length; i += 2) {
        uint32_t c = bytes_get16(units.data + i);
        bool pair = c >= 0xd800 && c < 0xdc00 && i + 4 <= units.length;
        uint32_t low = pair ? bytes_get16(units.data + i + 2) : 0;
        if (pair && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        }
        add_utf8(&out, c);
    }
    return out.overflow ? (struct str){NULL, 0} : buf_str(&out);
}

static struct str read_utf8(struct str at)
{
    take_length8(&at); /* in UTF-16 units: of no use here */
    size_t length = take_length8(&at);
    return length <= at.length && length <= TEXT_MAX ? str_first(at, length) : (struct str){NULL, 0};
}

static struct str read_utf16(struct arena *arena, struct str at)
{
    size_t units = take_length16(&at);
    return units <= at.length / 2 ? from_utf16(arena, str_first(at, units * 2)) : (struct str){NULL, 0};
}

/* Empty where there is no such string, or it is malformed. */
static struct str string_at(const struct document *document, uint32_t index)
{
    struct str pool = document->strings;
    size_t slot = STRINGS_HEAD + (size_t)index * 4;
    if (pool.length < STRINGS_HEAD || index >= bytes_get32(pool.data + 8) || slot + 4 > pool.length) return (struct str){NULL, 0};
    size_t offset = (size_t)bytes_get32(pool.data + 20) + bytes_get32(pool.data + slot);
    struct str at = str_from(pool, offset);
    struct str text = bytes_get32(pool.data + 16) & STRINGS_UTF8 ? read_utf8(at) : read_utf16(document->arena, at);
    return str_is_utf8(text) ? text : (struct str){NULL, 0};
}

/* --- the manifest element */

struct attribute {
    uint32_t name, raw, data;
    uint8_t type;
};

static uint32_t resource_of(const struct document *document, uint32_t name)
{
    size_t slot = CHUNK_HEAD + (size_t)name * 4;
    return slot + 4 <= document->resources.length ? bytes_get32(document->resources.data + slot) : 0;
}

/* Names may have been stripped from the pool; resource ids are what Android goes by. */
static bool is_named(const struct document *document, const struct attribute *attribute, uint32_t id, struct str name)
{
    uint32_t resource = resource_of(document, attribute->name);
    return resource ? resource == id : str_equal(string_at(document, attribute->name), name);
}

static struct str text_of(const struct document *document, const struct attribute *attribute)
{
    if (attribute->type == TYPE_STRING) return string_at(document, attribute->data);
    return string_at(document, attribute->raw);
}

static bool is_number(const struct attribute *attribute)
{
    return attribute->type == TYPE_DECIMAL || attribute->type == TYPE_HEXADECIMAL;
}

static uint64_t number_of(const struct attribute *attribute)
{
    return is_number(attribute) ? attribute->data : 0;
}

typedef void attribute_visit(const struct document *, const struct attribute *, struct apk_manifest *);

static void take_attribute(const struct document *document, const struct attribute *attribute, struct apk_manifest *manifest)
{
    bool code = is_named(document, attribute, ID_VERSION_CODE, S("versionCode"));
    bool major = is_named(document, attribute, ID_VERSION_CODE_MAJOR, S("versionCodeMajor"));
    if (is_named(document, attribute, 0, S("package"))) manifest->package = text_of(document, attribute);
    if (is_named(document, attribute, 0, S("split"))) manifest->split = text_of(document, attribute);
    if (is_named(document, attribute, ID_SPLIT_REQUIRED, S("isSplitRequired")))
        manifest->split_required = attribute->type == TYPE_BOOLEAN && attribute->data != 0;
    if (is_named(document, attribute, ID_VERSION_NAME, S("versionName"))) manifest->version_name = text_of(document, attribute);
    if (is_named(document, attribute, ID_TARGET_SANDBOX, S("targetSandboxVersion")))
        manifest->target_sandbox = (uint32_t)number_of(attribute);
    if (code) manifest->version_code |= number_of(attribute);
    if (major) manifest->version_code |= number_of(attribute) << 32;
    manifest->has_version_code = manifest->has_version_code || ((code || major) && is_number(attribute));
}

static enum status each_attribute(const struct document *document, struct str element, attribute_visit *visit,
                                  struct apk_manifest *manifest, struct error *error)
{
    size_t start = 16 + (size_t)bytes_get16(element.data + 24), size = bytes_get16(element.data + 26),
           count = bytes_get16(element.data + 28);
    ENSURE(size >= ATTRIBUTE_SIZE && start + count * size <= element.length, error, STATUS_CORRUPT,
           "AndroidManifest.xml's attributes overrun their element");
    for (size_t i = 0; i < count; i++) {
        const char *at = element.data + start + i * size;
        const struct attribute attribute = {
            .name = bytes_get32(at + 4), .raw = bytes_get32(at + 8), .type = (uint8_t)at[15], .data = bytes_get32(at + 16)};
        visit(document, &attribute, manifest);
    }
    return STATUS_OK;
}

static enum status take_element(const struct document *document, struct str element, struct apk_manifest *manifest, struct error *error)
{
    ENSURE(element.length >= ELEMENT_HEAD, error, STATUS_CORRUPT, "AndroidManifest.xml's first element is cut short");
    ENSURE(str_equal(string_at(document, bytes_get32(element.data + 20)), S("manifest")), error, STATUS_CORRUPT,
           "AndroidManifest.xml does not begin with a manifest element");
    TRY(each_attribute(document, element, take_attribute, manifest, error));
    ENSURE(!str_empty(manifest->package), error, STATUS_CORRUPT, "AndroidManifest.xml names no package");
    return STATUS_OK;
}

/* --- the uses-sdk elements */

static uint32_t sdk_of(const struct document *document, const struct attribute *attribute)
{
    uint64_t number;
    struct str text = attribute->type == TYPE_STRING ? string_at(document, attribute->data) : (struct str){NULL, 0};
    if (str_empty(text)) return (uint32_t)number_of(attribute);
    return str_to_u64(text, &number) && number < SDK_CODENAME ? (uint32_t)number : SDK_CODENAME;
}

/* Devices must pass every element: the highest minSdkVersion counts. */
static void take_sdk(const struct document *document, const struct attribute *attribute, struct apk_manifest *manifest)
{
    uint32_t sdk = sdk_of(document, attribute);
    if (is_named(document, attribute, ID_MIN_SDK, S("minSdkVersion")) && sdk > manifest->min_sdk) manifest->min_sdk = sdk;
    if (is_named(document, attribute, ID_TARGET_SDK, S("targetSdkVersion"))) manifest->target_sdk = sdk_of(document, attribute);
}

/* The rest of the manifest may be damaged: the versions are then not known. */
static void look_for_sdk(const struct document *document, struct str rest, struct apk_manifest *manifest)
{
    struct chunk chunk;
    struct error ignored;
    for (int depth = 1; depth > 0 && next_chunk(&rest, &chunk, &ignored) == STATUS_OK;) {
        depth += (chunk.type == CHUNK_ELEMENT) - (chunk.type == CHUNK_ELEMENT_END);
        if (chunk.type != CHUNK_ELEMENT || depth != 2 || chunk.bytes.length < ELEMENT_HEAD) continue;
        if (str_equal(string_at(document, bytes_get32(chunk.bytes.data + 20)), S("uses-sdk")))
            (void)each_attribute(document, chunk.bytes, take_sdk, manifest, &ignored);
    }
    if (manifest->target_sdk == 0) manifest->target_sdk = manifest->min_sdk;
}

static enum status parse(struct arena *arena, struct str xml, struct apk_manifest *manifest, struct error *error)
{
    struct document document = {.arena = arena};
    struct chunk chunk = {0};
    ENSURE(xml.length >= CHUNK_HEAD && bytes_get16(xml.data) == CHUNK_XML, error, STATUS_CORRUPT, "AndroidManifest.xml is not binary XML");
    for (struct str rest = str_from(xml, CHUNK_HEAD);;) {
        TRY(next_chunk(&rest, &chunk, error));
        if (chunk.type == CHUNK_STRINGS) document.strings = chunk.bytes;
        if (chunk.type == CHUNK_RESOURCES) document.resources = chunk.bytes;
        if (chunk.type != CHUNK_ELEMENT) continue;
        TRY(take_element(&document, chunk.bytes, manifest, error));
        return look_for_sdk(&document, rest, manifest), STATUS_OK;
    }
}

/* --- */

struct search {
    bool found;
    struct apk_zip_entry entry;
};

static void look_for_manifest(void *context, const struct apk_zip_entry *entry)
{
    struct search *search = context;
    if (search->found || !str_equal(entry->name, S("AndroidManifest.xml"))) return;
    *search = (struct search){true, *entry};
}

enum status apk_manifest(struct arena *arena, const struct apk *apk, struct apk_manifest *out, struct error *error)
{
    struct search search = {.found = false};
    struct apk_manifest manifest = {0};
    struct str xml;
    TRY(apk_zip_walk(arena, apk, look_for_manifest, &search, error));
    ENSURE(search.found, error, STATUS_NOT_FOUND, "there is no AndroidManifest.xml");
    TRY(apk_zip_extract(arena, &search.entry, MANIFEST_MAX, &xml, error));
    TRY(parse(arena, xml, &manifest, error));
    *out = manifest;
    return STATUS_OK;
}
