#include "lib/http/precondition.h"

#include "base/clock.h"
#include "lib/http/date.h"

/* Takes one entity tag off a list: [W/]"…". Commas may stand inside the quotes. False at the end, or where it is malformed. */
static bool next_tag(struct str *list, struct str *opaque, bool *weak)
{
    while (list->length > 0 && (list->data[0] == ',' || list->data[0] == ' ' || list->data[0] == '\t')) *list = str_from(*list, 1);
    *weak = str_starts(*list, S("W/"));
    struct str rest = *weak ? str_from(*list, 2) : *list;
    if (rest.length < 2 || rest.data[0] != '"') return false;
    size_t close = str_find(str_from(rest, 1), '"') + 1;
    if (close >= rest.length) return false;
    *opaque = str_first(rest, close + 1);
    *list = str_from(rest, close + 1);
    return true;
}

static bool list_has(struct str list, struct str etag, bool weak_counts)
{
    struct str opaque;
    bool weak;
    if (str_equal(str_trim(list), S("*"))) return true;
    while (next_tag(&list, &opaque, &weak))
        if (str_equal(opaque, etag) && (weak_counts || !weak)) return true;
    return false;
}

static int64_t whole_seconds(int64_t moment)
{
    return moment / CLOCK_SECOND;
}

int http_precondition(const struct http_conditions *c, const struct http_validators *v)
{
    int64_t date;
    if (c->if_match.data) {
        if (!list_has(c->if_match, v->etag, false)) return 412;
    } else if (c->if_unmodified_since.data && http_date_parse(c->if_unmodified_since, &date)) {
        if (whole_seconds(v->modified) > whole_seconds(date)) return 412;
    }
    if (c->if_none_match.data) return list_has(c->if_none_match, v->etag, true) ? 304 : 0;
    if (c->if_modified_since.data && http_date_parse(c->if_modified_since, &date))
        return whole_seconds(v->modified) <= whole_seconds(date) ? 304 : 0;
    return 0;
}

bool http_if_range(const struct http_conditions *c, const struct http_validators *v)
{
    int64_t date;
    if (!c->if_range.data) return true;
    struct str value = str_trim(c->if_range);
    if (str_starts(value, S("\""))) return str_equal(value, v->etag);
    return http_date_parse(value, &date) && whole_seconds(date) == whole_seconds(v->modified);
}
