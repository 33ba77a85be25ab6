#include "functions/common/client.h"

enum { PROXIES_MOST = 256 };

enum status client_parse_proxies(struct arena *arena, struct str text, struct client_proxies *proxies, struct error *error)
{
    *proxies = (struct client_proxies){.items = arena_array(arena, PROXIES_MOST, sizeof *proxies->items)};
    for (struct str rest = text; rest.length > 0;) {
        struct str item = str_trim(str_cut(&rest, ','));
        ENSURE(proxies->count < PROXIES_MOST, error, STATUS_INVALID, "more than %d proxies", PROXIES_MOST);
        ENSURE(network_parse(item, &proxies->items[proxies->count]), error, STATUS_INVALID,
               "'" STR_FMT "' is not a network such as 10.0.0.0/8", STR_ARG(str_first(item, 100)));
        proxies->count++;
    }
    return STATUS_OK;
}

bool client_is_in(const struct client_proxies *networks, struct str text)
{
    struct address address;
    if (!address_parse(text, &address)) return false;
    for (size_t i = 0; i < networks->count; i++)
        if (network_contains(&networks->items[i], &address)) return true;
    return false;
}

struct str client_address(const struct client_proxies *proxies, struct arena *arena, const struct lc_request *request)
{
    struct str address = request->client_address, forwarded = lc_header_list(arena, &request->headers, S("x-forwarded-for"));
    while (client_is_in(proxies, address) && forwarded.length > 0) {
        size_t comma = str_find_last(forwarded, ',');
        bool is_last = comma == forwarded.length;
        struct str item = str_trim(is_last ? forwarded : str_from(forwarded, comma + 1));
        struct address parsed;
        forwarded = is_last ? (struct str){NULL, 0} : str_first(forwarded, comma);
        if (item.length == 0) continue; /* an empty element means nothing (RFC 9110 section 5.6.1.2) */
        if (!address_parse(item, &parsed)) break;
        address = item;
    }
    return address;
}
