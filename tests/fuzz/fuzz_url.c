/* URLs and queries: the parts are slices of the text, in order, and put together they are the text again. */
#include <assert.h>

#include "base/url.h"

static void check_parts(struct arena *arena, struct str text, const struct url *url)
{
    struct str again = arena_printf(arena, STR_FMT "://" STR_FMT STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(url->scheme),
                                    STR_ARG(url->authority), STR_ARG(url->path), url->has_query ? "?" : "", STR_ARG(url->query),
                                    url->fragment.data ? "#" : "", STR_ARG(url->fragment));
    assert(str_equal(again, text));
    assert(url->path.length == 0 || url->path.data[0] == '/');
    assert(str_starts(url->authority, url->host));
    assert(str_find(text, ' ') == text.length && !str_has_control(text));
    bool bracketed = str_starts(url->host, S("["));
    assert(bracketed || str_find(url->host, ':') == url->host.length);
    assert(url->port == 0 || url->authority.length > url->host.length);
}

static void check_arguments(struct arena *arena, struct str query)
{
    struct url_argument argument;
    struct error error;
    struct str rest = query, value;
    size_t used = 0;
    while (url_next_argument(&rest, &argument)) {
        used += argument.name.length + argument.value.length + argument.has_value;
        assert(str_find(argument.name, '=') == argument.name.length && str_find(argument.name, '&') == argument.name.length);
        if (url_argument(arena, query, argument.name, &value, &error) == STATUS_OK) assert(!str_has_control(value));
    }
    assert(used <= query.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct arena *arena = arena_new();
    struct url url;
    struct error error;
    if (url_parse(text, &url, &error) == STATUS_OK) {
        check_parts(arena, text, &url);
        check_arguments(arena, url.query);
    }
    if (size < 512) check_arguments(arena, text); /* a query need not come out of a URL; the check is quadratic */
    arena_free(arena);
    return 0;
}
