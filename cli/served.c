#include "cli/served.h"

#include "functions/common/app.h"
#include "functions/common/settings.h"

struct str served_at(struct arena *arena)
{
    static const struct str all[] = {{":", 1}, {"0.0.0.0:", 8}, {"[::]:", 5}};
    struct str listen = setting(SETTING_LISTEN);
    if (listen.length == 0) return S(LC_LISTEN_DEFAULT);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (str_starts(listen, all[i])) return arena_join(arena, S("127.0.0.1:"), str_from(listen, all[i].length));
    return listen;
}
