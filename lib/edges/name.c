#include "lib/edges/name.h"

#include "base/buf.h"

enum { FILE_NAME_LIMIT = 1024 };

/* from..to, at the last two dots: as the keys of patches are taken apart. */
static bool cut_versions(struct str *from, struct str *version)
{
    const struct str whole = *version;
    size_t at = whole.length;
    while (at >= 2 && !(whole.data[at - 1] == '.' && whole.data[at - 2] == '.')) at--;
    if (at < 2) return false;
    *from = str_first(whole, at - 2);
    *version = str_from(whole, at);
    return true;
}

enum status package_name_parse(struct str text, struct package_name *out, struct error *error)
{
    struct str rest = text;
    struct package_name name = {.app = str_cut(&rest, '/')};
    name.version = str_cut(&rest, '/');
    bool has_channel = rest.data != NULL;
    name.channel = str_cut(&rest, '/');
    bool is_patch = cut_versions(&name.from, &name.version);
    bool right = str_is_id(name.app) && str_is_version(name.version) && !rest.data && (!is_patch || str_is_version(name.from)) &&
                 (!has_channel || (str_is_id(name.channel) && !is_patch));
    ENSURE(right, error, STATUS_INVALID, "'" STR_FMT "' is no package: app/version, app/version/channel or app/from..to",
           STR_ARG(str_first(text, 200)));
    *out = name;
    return STATUS_OK;
}

struct str package_name_format(struct arena *arena, const struct package_name *name)
{
    if (name->from.length > 0) return arena_join(arena, name->app, S("/"), name->from, S(".."), name->version);
    if (name->channel.length > 0) return arena_join(arena, name->app, S("/"), name->version, S("/"), name->channel);
    return arena_join(arena, name->app, S("/"), name->version);
}

static void add_id(struct buf *out, struct str id)
{
    for (size_t i = 0; i < id.length; i++) {
        buf_add_byte(out, id.data[i]);
        if (id.data[i] == '_') buf_add_byte(out, '.');
    }
}

struct str package_name_file(struct arena *arena, const struct package_name *name)
{
    struct buf out = buf_in(arena, FILE_NAME_LIMIT);
    const struct str parts[] = {name->from, name->version, name->channel};
    add_id(&out, name->app);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].length == 0) continue;
        buf_add_byte(&out, '_');
        add_id(&out, parts[i]);
    }
    buf_add(&out, name->from.length > 0 ? S(".diff") : S(".apk"));
    return buf_str(&out);
}
