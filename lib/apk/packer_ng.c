#include "lib/apk/packer_ng.h"

#include "base/bytes.h"

#define MAGIC     S("Packer Ng Sig V2")
#define KEY       S("CHANNEL\xe2\x88\x98")
#define KEY_VALUE S("\xe2\x88\x98") /* U+2218 */
#define LINE      S("\xe2\x88\x99") /* U+2219 */

static size_t payload_size(struct str channel)
{
    return KEY.length + channel.length + LINE.length;
}

size_t apk_packer_ng_size(struct str channel)
{
    return MAGIC.length + 4 + payload_size(channel) + 4;
}

static char *put(char *at, struct str bytes)
{
    if (bytes.length > 0) memcpy(at, bytes.data, bytes.length);
    return at + bytes.length;
}

char *apk_packer_ng_put(char *at, struct str channel, size_t padding)
{
    uint32_t length = (uint32_t)payload_size(channel);
    at = put(at, MAGIC);
    bytes_put32(at, length);
    at = put(put(put(at + 4, KEY), channel), LINE);
    bytes_put32(at, length);
    memset(at + 4, 0, padding);
    return at + 4 + padding;
}

/* The lengths stand before and behind; the reader wants them equal and cares for nothing further. */
static struct str payload(struct str value)
{
    if (!str_starts(value, MAGIC)) return (struct str){NULL, 0};
    struct str rest = str_from(value, MAGIC.length);
    if (rest.length < 8) return (struct str){NULL, 0};
    size_t length = bytes_get32(rest.data);
    if (length > rest.length - 8 || bytes_get32(rest.data + 4 + length) != length) return (struct str){NULL, 0};
    return str_first(str_from(rest, 4), length);
}

struct str apk_packer_ng_read(struct str value)
{
    struct str found = {NULL, 0};
    for (struct str rest = payload(value); rest.length > 0;) {
        size_t end = str_find_str(rest, LINE);
        struct str entry = str_first(rest, end);
        rest = str_from(rest, end + LINE.length);
        struct str channel = str_from(entry, KEY.length);
        bool one_value = str_find_str(channel, KEY_VALUE) == channel.length;
        if (str_starts(entry, KEY) && channel.length > 0 && one_value) found = channel;
    }
    return found;
}
