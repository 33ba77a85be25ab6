#include "lib/edges/name.h"

#include "base/buf.h"

enum { FILE_NAME_LIMIT = 1024 };

/* What stands behind a patch's versions; no version has an '@' in it. */
static struct str mark_of(const struct package_name *name)
{
    return name->format == 2 ? S("@2") : S("");
}

/* from..to, at the last two dots, and perhaps @2: as the keys of patches are taken apart. */
static bool cut_versions(struct package_name *name)
{
    const struct str whole = name->version;
    size_t at = whole.length;
    while (at >= 2 && !(whole.data[at - 1] == '.' && whole.data[at - 2] == '.')) at--;
    if (at < 2) return false;
    name->from = str_first(whole, at - 2);
    name->version = str_from(whole, at);
    name->format = str_ends(name->version, S("@2")) ? 2 : 1;
    name->version.length -= mark_of(name).length;
    return true;
}

enum status package_name_parse(struct str text, struct package_name *out, struct error *error)
{
    struct str rest = text;
    struct package_name name = {.app = str_cut(&rest, '/')};
    name.version = str_cut(&rest, '/');
    bool has_channel = rest.data != NULL;
    name.channel = str_cut(&rest, '/');
    bool is_patch = cut_versions(&name);
    bool right = str_is_id(name.app) && str_is_version(name.version) && !rest.data && (!is_patch || str_is_version(name.from)) &&
                 (!has_channel || (str_is_id(name.channel) && !is_patch));
    ENSURE(right, error, STATUS_INVALID, "'" STR_FMT "' is no package: app/version, app/version/channel, app/from..to or app/from..to@2",
           STR_ARG(str_first(text, 200)));
    *out = name;
    return STATUS_OK;
}

struct str package_name_format(struct arena *arena, const struct package_name *name)
{
    if (name->from.length > 0) return arena_join(arena, name->app, S("/"), name->from, S(".."), name->version, mark_of(name));
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
    if (name->from.length > 0) buf_add(&out, mark_of(name));
    buf_add(&out, name->from.length > 0 ? S(".diff") : S(".apk"));
    return buf_str(&out);
}
