/* packer-ng. Its second version keeps the channel's name in a pair, among lines of keys and values; its first at the comment's end.
 *
 *     "Packer Ng Sig V2" | u32 length | "CHANNEL" U+2218 channel U+2219 | u32 length        length counts what stands between the two */
#include "base/bytes.h"
#include "lib/apk/comment_internal.h"
#include "lib/apk/format.h"

#define MAGIC     S("Packer Ng Sig V2")
#define KEY       S("CHANNEL\xe2\x88\x98")
#define KEY_VALUE S("\xe2\x88\x98") /* U+2218 */
#define LINE      S("\xe2\x88\x99") /* U+2219 */
#define MAGIC_V1  S("!ZXK!")
enum { MAGIC_LENGTH = 16, KEY_LENGTH = 10, LINE_LENGTH = 3, MAGIC_V1_LENGTH = 5 };

/* --- in a block */

static enum status check_pair(struct str name, struct error *error)
{
    bool separators = str_find_str(name, KEY_VALUE) < name.length || str_find_str(name, LINE) < name.length;
    ENSURE(!separators, error, STATUS_INVALID, "packer-ng cannot carry a channel name with U+2218 or U+2219 in it");
    return STATUS_OK;
}

static char *put(char *at, struct str bytes)
{
    if (bytes.length > 0) memcpy(at, bytes.data, bytes.length);
    return at + bytes.length;
}

/* What is over is zeros behind the second length, where no reader looks. */
static void write_pair(char *out, size_t length, struct str name)
{
    uint32_t payload = (uint32_t)(KEY_LENGTH + name.length + LINE_LENGTH);
    char *at = put(out, MAGIC);
    bytes_put32(at, payload);
    at = put(put(put(at + 4, KEY), name), LINE);
    bytes_put32(at, payload);
    memset(at + 4, 0, length - (size_t)(at + 4 - out));
}

/* The lengths stand before and behind; the reader wants them equal and cares for nothing further. */
static struct str payload_of(struct str value)
{
    if (!str_starts(value, MAGIC)) return (struct str){NULL, 0};
    struct str rest = str_from(value, MAGIC_LENGTH);
    if (rest.length < 8) return (struct str){NULL, 0};
    size_t length = bytes_get32(rest.data);
    if (length > rest.length - 8 || bytes_get32(rest.data + 4 + length) != length) return (struct str){NULL, 0};
    return str_first(str_from(rest, 4), length);
}

static struct str read_pair(struct str value)
{
    struct str found = {NULL, 0};
    for (struct str rest = payload_of(value); rest.length > 0;) {
        size_t end = str_find_str(rest, LINE);
        struct str entry = str_first(rest, end);
        rest = str_from(rest, end + LINE_LENGTH);
        struct str name = str_from(entry, KEY_LENGTH);
        bool one_value = str_find_str(name, KEY_VALUE) == name.length;
        if (str_starts(entry, KEY) && name.length > 0 && one_value) found = name;
    }
    return found;
}

/* --- in a comment */

static void write_comment(char *out, size_t length, struct str name)
{
    apk_comment_write(out, length, name, MAGIC_V1);
}

static struct str read_comment(struct str comment)
{
    return apk_comment_read(comment, MAGIC_V1);
}

const struct apk_format apk_format_packer_ng = {
    .reader = "packer-ng",
    .title = "packer-ng channel",
    .forms =
        {
            [APK_IN_BLOCK] = {.id = UINT32_C(0x7a786b21),
                              .frame = MAGIC_LENGTH + 4 + KEY_LENGTH + LINE_LENGTH + 4,
                              .max = SIZE_MAX,
                              .check = check_pair,
                              .write = write_pair,
                              .read = read_pair},
            [APK_IN_COMMENT] =
                {.frame = APK_COMMENT_LENGTH + MAGIC_V1_LENGTH, .max = UINT16_MAX, .write = write_comment, .read = read_comment},
        },
};
