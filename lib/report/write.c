#include <openssl/sha.h>

#include "base/embed.h"
#include "base/encode.h"
#include "lib/report/report.h"

EMBED(page_style, "lib/report/page.css");
EMBED(page_script, "lib/report/page.js");
EMBED(page_body, "lib/report/page.html");

enum { POLICY_LIMIT = 1024 };

/* What a policy allows by its bytes, whatever else comes into the page. */
static void add_hash(struct buf *page, struct str text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text.data, text.length, digest);
    buf_add(page, S("'sha256-"));
    buf_add(page, base64_encode(page->arena, str_make(digest, sizeof digest)));
    buf_add(page, S("'"));
}

/* JSON has these characters in strings alone, where an escape means the same. U+2028 and U+2029 end lines in scripts of old browsers. */
static void add_island(struct buf *page, struct str json)
{
    for (size_t i = 0; i < json.length; i++) {
        struct str rest = str_from(json, i);
        bool separator = str_starts(rest, S("\xe2\x80\xa8")) || str_starts(rest, S("\xe2\x80\xa9"));
        char byte = json.data[i];
        if (separator) {
            buf_printf(page, "\\u20%02x", (unsigned char)rest.data[2] - 0x80);
            i += 2;
        } else if (byte == '<' || byte == '>' || byte == '&') {
            buf_printf(page, "\\u%04x", byte);
        } else {
            buf_add_byte(page, byte);
        }
    }
}

struct str report_page_policy(struct arena *arena)
{
    struct buf policy = buf_in(arena, POLICY_LIMIT);
    buf_add(&policy, S("default-src 'none'; base-uri 'none'; form-action 'none'; style-src "));
    add_hash(&policy, EMBEDDED(page_style));
    buf_add(&policy, S("; script-src "));
    add_hash(&policy, EMBEDDED(page_script));
    return buf_str(&policy);
}

void report_write(struct buf *page, struct str json)
{
    buf_add(page, S("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\""));
    buf_add(page, report_page_policy(page->arena));
    buf_add(page,
            S("\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Pakhus report</title>\n<style>"));
    buf_add(page, EMBEDDED(page_style));
    buf_add(page, S("</style>\n"));
    buf_add(page, EMBEDDED(page_body));
    buf_add(page, S("<script type=\"application/json\" id=\"data\">"));
    add_island(page, json);
    buf_add(page, S("</script>\n<script>"));
    buf_add(page, EMBEDDED(page_script));
    buf_add(page, S("</script>\n</html>\n"));
}
