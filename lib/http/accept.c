#include "lib/http/accept.h"

enum { ANY = 1, ANY_OF_KIND, EXACT };

/* How exactly "type/subtype", "type/ *" or "* / *" names the type; 0: it does not. */
static unsigned match(struct str range, struct str type)
{
    struct str kind = str_first(type, str_find(type, '/') + 1);
    if (str_equal_nocase(range, type)) return EXACT;
    if (str_equal(range, S("*/*"))) return ANY;
    bool of_kind = range.length == kind.length + 1 && str_ends(range, S("*")) && str_equal_nocase(str_first(range, kind.length), kind);
    return of_kind ? ANY_OF_KIND : 0;
}

/* In thousandths. A weight that is none counts as 1, as the client likes the type enough to name it. */
static unsigned weight(struct str parameters)
{
    while (parameters.data) {
        double q;
        struct str value = str_trim(str_cut(&parameters, ';')), name = str_cut(&value, '=');
        if (!str_equal_nocase(name, S("q"))) continue;
        return str_to_double(value, &q) && q >= 0 && q <= 1 ? (unsigned)(q * 1000) : 1000;
    }
    return 1000;
}

unsigned http_accept(struct str header, struct str type)
{
    unsigned best = 0, quality = 0;
    if (str_trim(header).length == 0) return 1;
    while (header.data) {
        struct str parameters = str_cut(&header, ','), range = str_trim(str_cut(&parameters, ';'));
        unsigned precision = match(range, type);
        if (precision <= best) continue;
        best = precision;
        quality = weight(parameters);
    }
    return quality == 0 ? 0 : quality * (EXACT + 1) + best;
}
