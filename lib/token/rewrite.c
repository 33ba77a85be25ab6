#include "lib/token/rewrite.h"

#include "base/buf.h"
#include "lib/token/reference.h"

enum { DOCUMENT_LIMIT = 64 << 20, OUT_LIMIT = 512 << 20 };

/* How a reference is written where it stands. */
enum escape { PLAIN, ENTITIES, BACKSLASHES };

struct page {
    struct arena *arena;
    const struct rewrite *rewrite;
    struct str text, base;
    bool has_base; /* the first <base href> counts */
    size_t copied; /* the text up to here has been written */
    struct buf out;
    size_t count;
    struct error *error;
    enum status status;
};

bool rewrite_kind_of(struct str name, enum rewrite_kind *kind)
{
    static const struct {
        const char *suffix;
        enum rewrite_kind kind;
    } kinds[] = {
        {".html", REWRITE_HTML}, {".htm", REWRITE_HTML},         {".xhtml", REWRITE_HTML}, {".css", REWRITE_CSS},   {".json", REWRITE_JSON},
        {".xml", REWRITE_XML},   {".webmanifest", REWRITE_JSON}, {".plist", REWRITE_XML},  {".rss", REWRITE_XML},   {".atom", REWRITE_XML},
        {".svg", REWRITE_XML},   {".mpd", REWRITE_XML},          {".m3u8", REWRITE_LINES}, {".m3u", REWRITE_LINES}, {".txt", REWRITE_LINES},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct str suffix = str_of(kinds[i].suffix);
        if (name.length <= suffix.length || !str_equal_nocase(str_from(name, name.length - suffix.length), suffix)) continue;
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- one reference */

/* "&amp;" and its numeric forms; any other entity is left to those who know them all. */
static bool decode_entities(struct arena *arena, struct str raw, struct str *plain)
{
    static const char *const forms[] = {"&amp;", "&#38;", "&#x26;", "&#X26;"};
    char *out = arena_buffer(arena, raw.length + 1);
    size_t used = 0;
    for (size_t i = 0; i < raw.length;) {
        struct str rest = str_from(raw, i);
        size_t form = 0;
        while (form < 4 && !str_starts(rest, str_of(forms[form]))) form++;
        out[used++] = *rest.data;
        i += form < 4 ? strlen(forms[form]) : 1;
        if (form < 4 || *rest.data != '&') continue;
        size_t end = 1;
        while (end < rest.length &&
               (is_letter(rest.data[end]) || rest.data[end] == '#' || (rest.data[end] >= '0' && rest.data[end] <= '9')))
            end++;
        if (end > 1 && end < rest.length && rest.data[end] == ';') return false;
    }
    *plain = str_make(out, used);
    return true;
}

/* JSON's "\/"; every other backslash is left alone, with the reference. */
static bool decode_backslashes(struct arena *arena, struct str raw, struct str *plain)
{
    char *out = arena_buffer(arena, raw.length + 1);
    size_t used = 0;
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.data[i] == '\\' && (++i == raw.length || raw.data[i] != '/')) return false;
        out[used++] = raw.data[i];
    }
    *plain = str_make(out, used);
    return true;
}

static bool decode(struct page *page, enum escape escape, struct str raw, struct str *plain)
{
    if (escape == ENTITIES) return decode_entities(page->arena, raw, plain);
    if (escape == BACKSLASHES) return decode_backslashes(page->arena, raw, plain);
    *plain = raw;
    return str_find(raw, '\\') == raw.length;
}

/* Written in the manner of the reference that it replaces. */
static void write_escaped(struct page *page, enum escape escape, struct str raw, struct str plain, struct str url)
{
    bool bare = page->rewrite->kind == REWRITE_HTML && str_find(raw, '&') < raw.length && raw.length == plain.length;
    bool slashes = str_find_str(raw, S("\\/")) < raw.length;
    for (size_t i = 0; i < url.length; i++) {
        char c = url.data[i];
        if (escape == ENTITIES && c == '&' && !bare)
            buf_add(&page->out, S("&amp;"));
        else if (escape == BACKSLASHES && c == '/' && slashes)
            buf_add(&page->out, S("\\/"));
        else
            buf_add_byte(&page->out, c);
    }
}

/* text[from, to) is a reference, perhaps with white space around it. */
static void replace(struct page *page, enum escape escape, size_t from, size_t to)
{
    while (from < to && is_space(page->text.data[from])) from++;
    while (to > from && is_space(page->text.data[to - 1])) to--;
    struct str raw = str_make(page->text.data + from, to - from), plain, absolute, token = {NULL, 0};
    if (page->status != STATUS_OK || raw.length == 0 || raw.length > TOKEN_URL_MAXIMUM || !decode(page, escape, raw, &plain)) return;
    if (str_has_control(plain) || !token_resolve(page->arena, page->base, plain, &absolute)) return;
    page->status = page->rewrite->token_of(page->rewrite->context, page->arena, absolute, &token, page->error);
    if (page->status != STATUS_OK || !token.data) return;
    buf_add(&page->out, str_make(page->text.data + page->copied, from - page->copied));
    write_escaped(page, escape, raw, plain, token_attach(page->arena, plain, page->rewrite->parameter, token));
    page->copied = to;
    page->count++;
}

/* --- CSS */

static size_t find_from(struct page *page, size_t from, size_t end, struct str needle)
{
    struct str part = str_make(page->text.data + from, end - from);
    return from + str_find_str(part, needle);
}

static bool at_word(struct page *page, size_t at, size_t end, struct str word)
{
    return end - at >= word.length && str_equal_nocase(str_make(page->text.data + at, word.length), word);
}

static size_t skip_space(struct page *page, size_t at, size_t end)
{
    while (at < end && is_space(page->text.data[at])) at++;
    return at;
}

/* Behind the string that begins at `at`, whose quote it is; `*inside` is where it ends inside. */
static size_t skip_string(struct page *page, size_t at, size_t end, size_t *inside)
{
    char quote = page->text.data[at++];
    while (at < end && page->text.data[at] != quote) at += page->text.data[at] == '\\' && at + 1 < end ? 2 : 1;
    if (at > end) at = end;
    *inside = at;
    return at < end ? at + 1 : end;
}

static bool is_quote(struct page *page, size_t at, size_t end)
{
    return at < end && (page->text.data[at] == '"' || page->text.data[at] == '\'');
}

static size_t css_url(struct page *page, enum escape escape, size_t at, size_t end)
{
    size_t inside;
    at = skip_space(page, at, end);
    if (is_quote(page, at, end)) {
        size_t behind = skip_string(page, at, end, &inside);
        replace(page, escape, at + 1, inside);
        return behind;
    }
    size_t close = find_from(page, at, end, S(")"));
    replace(page, escape, at, close);
    return close;
}

static void scan_css(struct page *page, enum escape escape, size_t at, size_t end)
{
    size_t inside;
    while (at < end) {
        if (at_word(page, at, end, S("/*"))) {
            at = find_from(page, at + 2, end, S("*/"));
        } else if (at_word(page, at, end, S("url("))) {
            at = css_url(page, escape, at + 4, end);
        } else if (at_word(page, at, end, S("@import"))) {
            at = skip_space(page, at + 7, end);
            if (is_quote(page, at, end)) at = css_url(page, escape, at, end);
        } else if (is_quote(page, at, end)) {
            at = skip_string(page, at, end, &inside);
        } else {
            at++;
        }
    }
}

/* --- HTML and XML */

/* "a.png 1x, b.png 2x": URLs end at white space, and a comma at their end is not theirs. */
static void scan_srcset(struct page *page, size_t at, size_t end)
{
    while (at < end) {
        while (at < end && (is_space(page->text.data[at]) || page->text.data[at] == ',')) at++;
        size_t from = at;
        while (at < end && !is_space(page->text.data[at])) at++;
        size_t to = at;
        while (to > from && page->text.data[to - 1] == ',') to--;
        replace(page, ENTITIES, from, to);
        if (to < at) continue;
        while (at < end && page->text.data[at] != ',') at++;
    }
}

static bool is_one_of(struct str name, const char *const *list)
{
    for (; *list; list++)
        if (str_equal_nocase(name, str_of(*list))) return true;
    return false;
}

static void set_base(struct page *page, size_t from, size_t to)
{
    struct str plain, url;
    if (page->has_base) return;
    page->has_base = true;
    if (decode_entities(page->arena, str_trim(str_make(page->text.data + from, to - from)), &plain) &&
        token_resolve(page->arena, page->rewrite->base, plain, &url))
        page->base = url;
}

static void attribute(struct page *page, struct str tag, struct str name, size_t from, size_t to)
{
    static const char *const urls[] = {"href", "src", "poster", "data", "background", "xlink:href", "data-src", "data-href", "url", NULL};
    static const char *const sets[] = {"srcset", "imagesrcset", "data-srcset", NULL};
    bool content = str_equal_nocase(name, S("content")) &&
                   str_equal_nocase(str_make(page->text.data + from, to - from < 4 ? to - from : 4), S("http"));
    bool base = str_equal_nocase(tag, S("base"));
    if (base && str_equal_nocase(name, S("href"))) set_base(page, from, to);
    if (base) return;
    if (is_one_of(name, urls) || content)
        replace(page, ENTITIES, from, to);
    else if (is_one_of(name, sets))
        scan_srcset(page, from, to);
    else if (str_equal_nocase(name, S("style")))
        scan_css(page, ENTITIES, from, to);
}

static size_t skip_name(struct page *page, size_t at)
{
    while (at < page->text.length && !is_space(page->text.data[at]) && !strchr("=>/", page->text.data[at])) at++;
    return at;
}

/* From behind a name: = and a value, quoted or not. Returns what stands behind it. */
static size_t scan_value(struct page *page, struct str tag, struct str name, size_t at)
{
    size_t end = page->text.length, from = skip_space(page, at, end), to;
    if (from == end || page->text.data[from] != '=') return at;
    from = skip_space(page, from + 1, end);
    bool quoted = is_quote(page, from, end);
    if (quoted) {
        to = find_from(page, from + 1, end, str_make(page->text.data + from, 1));
        from++;
    } else {
        for (to = from; to < end && !is_space(page->text.data[to]) && page->text.data[to] != '>';) to++;
    }
    attribute(page, tag, name, from, to);
    return to + (quoted && to < end);
}

/* From behind '<': the tag with its attributes. Returns what stands behind its '>'. */
static size_t scan_tag(struct page *page, size_t at, struct str *tag)
{
    size_t end = page->text.length, from = at;
    at = skip_name(page, at);
    *tag = str_make(page->text.data + from, at - from);
    while (at < end && page->text.data[at] != '>') {
        from = at;
        at = skip_name(page, at);
        if (at == from)
            at++; /* space, '/', or a stray '=' */
        else
            at = scan_value(page, *tag, str_make(page->text.data + from, at - from), at);
    }
    return at < end ? at + 1 : end;
}

/* Where the element that holds text and no tags ends. */
static size_t find_close(struct page *page, size_t at, struct str tag)
{
    size_t end = page->text.length;
    for (; (at = find_from(page, at, end, S("</"))) < end; at += 2)
        if (at_word(page, at + 2, end, tag)) break;
    return at;
}

static size_t scan_raw_element(struct page *page, struct str tag, size_t at)
{
    static const char *const raw[] = {"script", "style", "textarea", "title", NULL};
    if (page->rewrite->kind != REWRITE_HTML || !is_one_of(tag, raw)) return at;
    size_t close = find_close(page, at, tag);
    if (str_equal_nocase(tag, S("style"))) scan_css(page, PLAIN, at, close);
    return close;
}

/* <string>https://…</string> */
static void scan_text(struct page *page, size_t from, size_t to)
{
    from = skip_space(page, from, to);
    if (page->rewrite->kind == REWRITE_XML && (at_word(page, from, to, S("http://")) || at_word(page, from, to, S("https://"))))
        replace(page, ENTITIES, from, to);
}

static size_t scan_markup(struct page *page, size_t at)
{
    size_t end = page->text.length;
    struct str tag;
    if (at_word(page, at, end, S("<!--"))) {
        size_t close = find_from(page, at + 2, end, S("-->")); /* "<!-->" is one, too */
        return close < end ? close + 3 : end;
    }
    if (at + 1 < end && is_letter(page->text.data[at + 1])) {
        at = scan_tag(page, at + 1, &tag);
        return scan_raw_element(page, tag, at);
    }
    if (at + 1 < end && strchr("!?/", page->text.data[at + 1])) {
        size_t close = find_from(page, at, end, S(">"));
        return close < end ? close + 1 : end;
    }
    return at + 1;
}

static void scan_html(struct page *page)
{
    size_t end = page->text.length;
    for (size_t at = 0; at < end;) {
        size_t open = find_from(page, at, end, S("<"));
        scan_text(page, at, open);
        at = open < end ? scan_markup(page, open) : end;
    }
}

/* --- JSON and lines */

static bool looks_like_reference(struct page *page, size_t from, size_t to)
{
    bool mark = false;
    for (size_t i = from; i < to; i++) {
        if (is_space(page->text.data[i])) return false;
        mark = mark || page->text.data[i] == '/' || page->text.data[i] == '.';
    }
    return mark;
}

static void scan_json(struct page *page)
{
    size_t end = page->text.length, inside;
    for (size_t at = 0; at < end; at++) {
        if (page->text.data[at] != '"') continue;
        size_t behind = skip_string(page, at, end, &inside), next = skip_space(page, behind, end);
        bool name = next < end && page->text.data[next] == ':';
        if (!name && looks_like_reference(page, at + 1, inside)) replace(page, BACKSLASHES, at + 1, inside);
        at = behind - 1;
    }
}

static void scan_lines(struct page *page)
{
    size_t end = page->text.length;
    for (size_t at = 0, stop; at < end; at = stop + 1) {
        stop = find_from(page, at, end, S("\n"));
        if (page->text.data[at] != '#') {
            replace(page, PLAIN, at, stop);
            continue;
        }
        for (size_t uri = at; (uri = find_from(page, uri, stop, S("URI=\""))) < stop;) {
            size_t close = find_from(page, uri + 5, stop, S("\""));
            replace(page, PLAIN, uri + 5, close);
            uri = close;
        }
    }
}

enum status rewrite_document(struct arena *arena, const struct rewrite *rewrite, struct str text, struct rewritten *out,
                             struct error *error)
{
    struct page page = {
        .arena = arena, .rewrite = rewrite, .text = text, .base = rewrite->base, .out = buf_in(arena, OUT_LIMIT), .error = error};
    ENSURE(text.length <= DOCUMENT_LIMIT, error, STATUS_TOO_LARGE, "the document has over %d MiB", DOCUMENT_LIMIT >> 20);
    switch (rewrite->kind) {
    case REWRITE_HTML:
    case REWRITE_XML: scan_html(&page); break;
    case REWRITE_CSS: scan_css(&page, PLAIN, 0, text.length); break;
    case REWRITE_JSON: scan_json(&page); break;
    case REWRITE_LINES: scan_lines(&page); break;
    }
    TRY(page.status);
    buf_add(&page.out, str_from(text, page.copied));
    ENSURE(!page.out.overflow, error, STATUS_TOO_LARGE, "the document becomes too large");
    *out = (struct rewritten){buf_str(&page.out), page.count};
    return STATUS_OK;
}
