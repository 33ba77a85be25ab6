#include "lib/catalog/link.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/url.h"
#include "lib/http/disposition.h"

static enum status decode_id(struct arena *arena, struct str raw, const char *what, struct str *id, struct error *error)
{
    ENSURE(percent_decode(arena, raw, id), error, STATUS_INVALID, "the path has a '%%' without two hexadecimal digits");
    ENSURE(str_is_id(*id), error, STATUS_INVALID,
           "the %s in the path must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot", what);
    return STATUS_OK;
}

static enum status decode_version(struct arena *arena, struct str raw, struct str *version, struct error *error)
{
    ENSURE(percent_decode(arena, raw, version), error, STATUS_INVALID, "the path has a '%%' without two hexadecimal digits");
    ENSURE(str_is_version(*version), error, STATUS_INVALID, "the version in the path must be " STR_VERSION_RULE);
    return STATUS_OK;
}

/* /packages/{app}/{version}[/{channel}].apk */
static enum status parse_path(struct arena *arena, struct str path, struct link *link, struct error *error)
{
    bool ours = str_starts(path, S("/packages/")) && str_ends(path, S(".apk")) && path.length > 14;
    ENSURE(ours, error, STATUS_NOT_FOUND, "expected /packages/{app}/{version}/{channel}.apk or /packages/{app}/{version}.apk");
    struct str rest = str_first(str_from(path, 10), path.length - 14);
    struct str app = str_cut(&rest, '/'), version = str_cut(&rest, '/');
    ENSURE(version.data && str_find(rest, '/') == rest.length, error, STATUS_NOT_FOUND,
           "expected /packages/{app}/{version}/{channel}.apk or /packages/{app}/{version}.apk");
    TRY(decode_id(arena, app, "app", &link->app, error));
    TRY(decode_version(arena, version, &link->version, error));
    if (rest.data) TRY(decode_id(arena, rest, "channel", &link->channel, error));
    return STATUS_OK;
}

static enum status parse_info(struct arena *arena, struct str text, struct link *link, struct error *error)
{
    if (!text.data) return STATUS_OK;
    ENSURE(text.length <= LINK_INFO_MAX * 4 / 3, error, STATUS_TOO_LARGE, "info has over %d bytes", LINK_INFO_MAX);
    bool padded = str_find(text, '=') < text.length;
    ENSURE(!padded && base64url_decode(arena, text, &link->info) && link->info.length > 0, error, STATUS_INVALID,
           "info must be JSON in base64url without padding");
    ENSURE(link->channel.length > 0, error, STATUS_INVALID, "info needs a channel: the base package has none");
    return STATUS_OK;
}

static struct str path_of(struct arena *arena, const struct link *link)
{
    bool has_channel = link->channel.length > 0;
    return arena_join(arena, S("/packages/"), link->app, S("/"), link->version, has_channel ? S("/") : S(""), link->channel, S(".apk"));
}

static bool is_own(struct str name)
{
    return str_equal(name, S("info")) || str_equal(name, S("exp")) || str_equal(name, S("sig")) || str_equal(name, S("filename"));
}

/* Whoever has one signed URL must not be able to make many cache keys of it: of all percent-encodings of a value one is taken. */
static enum status check_spelling(struct arena *arena, struct str path, struct str query, const struct link *link, struct error *error)
{
    struct url_argument argument;
    struct str value;
    ENSURE(str_equal(path, path_of(arena, link)), error, STATUS_INVALID, "the path of a signed URL must not be percent-encoded");
    while (url_next_argument(&query, &argument)) {
        if (!is_own(argument.name) || !percent_decode(arena, argument.value, &value)) continue;
        struct str wanted = percent_encode(arena, value, false);
        ENSURE(str_equal(argument.value, wanted), error, STATUS_INVALID,
               "in a signed URL '" STR_FMT "' must be percent-encoded as " STR_FMT, STR_ARG(argument.name),
               STR_ARG(str_first(wanted, 300)));
    }
    return STATUS_OK;
}

enum status link_parse(struct arena *arena, struct str path, struct str query, struct link *out, struct error *error)
{
    struct link link = {0};
    struct str info;
    int64_t expires;
    TRY(parse_path(arena, path, &link, error));
    TRY(url_argument(arena, query, S("info"), &info, error));
    TRY(url_argument(arena, query, S("exp"), &link.expires, error));
    TRY(url_argument(arena, query, S("sig"), &link.signature, error));
    TRY(url_argument(arena, query, S("filename"), &link.filename, error));
    TRY(parse_info(arena, info, &link, error));
    ENSURE(!link.expires.data || clock_parse_time(link.expires, &expires), error, STATUS_INVALID,
           "exp must be a time such as 2026-08-20T10:00:00Z");
    ENSURE(!link.signature.data || link.expires.data, error, STATUS_INVALID, "sig needs exp");
    ENSURE(!link.filename.data || http_is_filename(link.filename, S(".apk")), error, STATUS_INVALID,
           "filename must end in .apk, be at most 180 bytes of UTF-8, and hold no control, no invisible character and none of / \\ : * ? "
           "\" < > | %% ;");
    if (link.signature.data) TRY(check_spelling(arena, path, query, &link, error));
    *out = link;
    return STATUS_OK;
}

/* Each part with its length before it, so that no two links share a message. */
static struct str message_of(struct arena *arena, const struct link *link)
{
    const struct str parts[] = {link->app, link->version, link->channel, link->info, link->filename, link->expires};
    struct buf out = buf_in(arena, 65536);
    buf_add(&out, S("pakhus url 1"));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_printf(&out, "\n%zu:", parts[i].length);
        buf_add(&out, parts[i]);
    }
    return buf_str(&out);
}

static void add_argument(struct arena *arena, struct buf *out, char *separator, const char *name, struct str value)
{
    if (!value.data) return;
    buf_printf(out, "%c%s=", *separator, name);
    buf_add(out, percent_encode(arena, value, false));
    *separator = '&';
}

struct str link_format(struct arena *arena, const struct link *link, const struct key *key)
{
    struct buf out = buf_in(arena, 65536);
    char separator = '?';
    buf_add(&out, path_of(arena, link));
    if (link->info.data) add_argument(arena, &out, &separator, "info", base64url_encode(arena, link->info));
    add_argument(arena, &out, &separator, "exp", link->expires);
    if (key) add_argument(arena, &out, &separator, "sig", keyring_sign(arena, key, message_of(arena, link)));
    add_argument(arena, &out, &separator, "filename", link->filename);
    return buf_str(&out);
}

enum status link_verify(struct arena *arena, const struct link *link, const struct keyring *ring, int64_t now, struct error *error)
{
    int64_t expires = INT64_MAX;
    if (link->signature.data) TRY(keyring_verify(arena, ring, message_of(arena, link), link->signature, error));
    if (link->expires.data) clock_parse_time(link->expires, &expires);
    ENSURE(now < expires, error, STATUS_DENIED, "the URL expired at " STR_FMT, STR_ARG(link->expires));
    return link->signature.data ? STATUS_OK : error_set(error, STATUS_NOT_FOUND, "the URL is not signed");
}
