/* Lists of hosts, and URLs that are held against them: "LIST\nURL". A name, however it is written, opens no address that is not public. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

#include "lib/gather/allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str rest = str_make(data, size), list = str_cut(&rest, '\n');
    const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    static const struct allow nothing;
    struct allow allow;
    struct url url;
    struct error error;
    if (allow_parse(arena, list, &allow, &error) == STATUS_OK) {
        bool named = url_parse(rest, &url, &error) == STATUS_OK && allow_names(&allow, &url);
        assert(!allow_connects(&allow, named, (const struct sockaddr *)&loopback) || allow.has_addresses);
        if (rest.length >= 16) memcpy(&any.sin6_addr, rest.data, 16);
        bool connects = allow_connects(&allow, named, (const struct sockaddr *)&any);
        assert(!connects || allow.has_addresses || allow_connects(&nothing, true, (const struct sockaddr *)&any));
    }
    arena_free(arena);
    return 0;
}
