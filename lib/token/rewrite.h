/* Every reference of a page, a style sheet or a manifest gets its token (T3). All that is not a reference stays as it is, byte for byte. */
#ifndef TOKEN_REWRITE_H
#define TOKEN_REWRITE_H

#include "base/error.h"
#include "lib/token/key.h"

enum rewrite_kind {
    REWRITE_HTML,  /* attributes that hold URLs, srcset, style, <style>; <base> counts; scripts and comments stay */
    REWRITE_CSS,   /* url(…) and @import */
    REWRITE_JSON,  /* strings that look like references; not the names */
    REWRITE_XML,   /* attributes, and text that is a URL and nothing else: property lists, feeds */
    REWRITE_LINES, /* a URL a line, as in M3U; and URI="…" in its tags */
};
/* By a file's name: .html .htm .xhtml, .css, .json .webmanifest, .xml .plist .rss .atom .svg .mpd, .m3u8 .m3u .txt. */
bool rewrite_kind_of(struct str file_name, enum rewrite_kind *);

struct rewrite {
    enum rewrite_kind kind;
    struct str base;      /* the document's own URL */
    struct str parameter; /* "pkt" */
    /* The token for an absolute URL; leave *token alone for a reference that is to stay as it is. */
    enum status (*token_of)(void *context, struct arena *, struct str url, struct str *token, struct error *);
    void *context;
};
struct rewritten {
    struct str text;
    size_t count; /* references that got a token */
};
/* Documents up to 64 MiB. */
enum status rewrite_document(struct arena *, const struct rewrite *, struct str text, struct rewritten *, struct error *);

#endif
