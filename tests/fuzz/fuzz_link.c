/* The URLs of packages: path?query. One that is signed and taken has a single spelling, and is written again just as it was. */
#include <assert.h>

#include "base/encode.h"
#include "base/url.h"
#include "lib/catalog/link.h"
#include "lib/http/disposition.h"

static void check_value(struct arena *arena, struct str query, const char *name, struct str wanted)
{
    struct url_argument argument;
    int count = 0;
    while (url_next_argument(&query, &argument)) {
        if (!str_equal(argument.name, str_of(name)) || !argument.has_value) continue;
        assert(++count == 1);
        assert(str_equal(argument.value, percent_encode(arena, wanted, false)));
    }
    assert(count == (wanted.data != NULL));
}

static void check_signed(struct arena *arena, struct str path, struct str query, const struct link *link)
{
    struct link unsigned_link = *link;
    struct str again = link_format(arena, &unsigned_link, NULL), base = str_cut(&again, '?');
    assert(str_equal(base, path));
    check_value(arena, query, "info", link->info.data ? base64url_encode(arena, link->info) : (struct str){NULL, 0});
    check_value(arena, query, "exp", link->expires);
    check_value(arena, query, "sig", link->signature);
    check_value(arena, query, "filename", link->filename);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str query = str_make(data, size), path = str_cut(&query, '?');
    struct arena *arena = arena_new();
    struct link link;
    struct error error;
    if (link_parse(arena, path, query, &link, &error) == STATUS_OK) {
        assert(str_is_id(link.app) && str_is_version(link.version) && (link.channel.length == 0 || str_is_id(link.channel)));
        assert(!link.filename.data || (http_is_filename(link.filename, S(".apk")) && str_is_utf8(link.filename)));
        assert(!link.info.data || (link.info.length > 0 && link.info.length <= LINK_INFO_MAX));
        if (link.signature.data) check_signed(arena, path, query, &link);
    }
    arena_free(arena);
    return 0;
}
