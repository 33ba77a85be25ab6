#include "lc_framing.h"

/* --- the bytes of the head */

static void end_line(struct lc_head *head, const char *end)
{
    head->sound = head->sound && end[0] == 0 && end[1] == 0;
    head->at = end + 2;
}

void lc_head_begin(struct lc_head *head, const char *method, const char *target, size_t target_length, const char *version)
{
    *head = (struct lc_head){.start = method};
    head->sound = method + strlen(method) + 1 == target && target + target_length + 1 == version;
    if (head->sound) end_line(head, version + strlen(version));
}

void lc_head_field(struct lc_head *head, struct str name, struct str value)
{
    if (!head->sound) return;
    head->sound = name.data == head->at && name.data[name.length] == 0 && value.data > name.data + name.length;
    if (!head->sound) return;
    for (const char *at = name.data + name.length + 1; at < value.data; at++)
        if (*at != ' ' && *at != '\t') head->sound = false;
    end_line(head, value.data + value.length);
}

bool lc_head_ends_at(struct lc_head *head, size_t length)
{
    if (head->sound) end_line(head, head->at);
    return head->sound && head->at == head->start + length;
}

bool lc_target_is_sound(struct str target)
{
    for (size_t i = 0; i < target.length; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c == 0x7f) return false;
    }
    return target.length > 0;
}

/* --- the fields */

/* RFC 3986: a name or an address, and a port. The finer rules are nobody's business here; what matters is that it is one host. */
static bool is_host(struct str host)
{
    for (size_t i = 0; i < host.length; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (c <= ' ' || c == 0x7f || strchr("\"#,/<>?@\\^`{|}", c)) return false;
    }
    return true;
}

bool lc_framing_read(const struct lc_headers *headers, struct str version, struct lc_framing *framing)
{
    int lengths = 0, codings = 0, hosts = 0;
    bool old = str_equal(version, S("HTTP/1.0"));
    *framing = (struct lc_framing){0};
    for (size_t i = 0; i < headers->count; i++) {
        struct lc_header header = headers->items[i];
        if (str_equal_nocase(header.name, S("host"))) {
            hosts++;
            if (!is_host(header.value)) return false;
        }
        if (str_equal_nocase(header.name, S("content-length"))) {
            lengths++;
            if (!str_to_u64(header.value, &framing->length)) return false;
        }
        if (str_equal_nocase(header.name, S("transfer-encoding"))) {
            codings++;
            if (!str_equal_nocase(header.value, S("chunked"))) return false;
        }
    }
    framing->chunked = codings > 0;
    return lengths + codings <= 1 && hosts <= 1 && (old ? codings == 0 : hosts == 1);
}
