#include "base/encode.h"
#include "functions/channel-range-splice/splice.h"
#include "lib/http/disposition.h"

/* /patches/{app}/{from}..{to}.diff, or {from}..{to}@2.diff: which patch it is. The path alone says the format, so that no cache on the way
 * has one for the other. */
static enum status parse_path(struct arena *arena, struct str path, struct patch *patch, struct error *error)
{
    static const struct str before = {"/patches/", 9}, behind = {".diff", 5};
    struct str name;
    bool ours = str_starts(path, before) && str_ends(path, behind) && path.length > before.length + behind.length;
    struct str rest = ours ? str_first(str_from(path, before.length), path.length - before.length - behind.length) : S("");
    patch->app = str_cut(&rest, '/');
    ENSURE(rest.data && str_find(rest, '/') == rest.length, error, STATUS_NOT_FOUND, "expected /patches/{app}/{from}..{to}.diff");
    ENSURE(percent_decode(arena, patch->app, &patch->app) && percent_decode(arena, rest, &name), error, STATUS_INVALID,
           "the path has a '%%' without two hexadecimal digits");
    ENSURE(patch_parse_name(name, patch), error, STATUS_INVALID,
           "a patch is {from}..{to} or {from}..{to}@2: two versions' ids without '..' in them, each 1 to 128 letters, digits, '.', '_', "
           "'-' or "
           "'+'");
    return patch_check_names(patch, error);
}

static struct http_validators validators_of(struct arena *arena, const struct patch *patch, const struct channels *channels)
{
    if (channels->validator == CHANNELS_VALIDATOR_STORE) return (struct http_validators){patch->etag, patch->modified};
    return (struct http_validators){arena_join(arena, S("\""), str_first(patch->sha256, 32), S("\"")), patch->published};
}

static struct str filename_of(struct arena *arena, const struct patch *patch)
{
    struct str name = arena_join(arena, patch->app, S("-"), patch_name(arena, patch), S(".diff"));
    if (http_is_filename(name, S(".diff"))) return name;
    return arena_join(arena, patch->to, S(".diff")); /* three ids of 128 bytes make it too long */
}

static enum status find_content(struct task *task, const struct patch *patch, struct error *error)
{
    const struct channels *channels;
    struct arena *arena = task->io.arena;
    TRY(app_channels(task->splice->app, task->io, patch->app, &channels, error));
    task->content = (struct content){
        .key = patch_diff_key(arena, patch),
        .etag = patch->etag,
        .size = patch->size,
        .validators = validators_of(arena, patch, channels),
        .type = S("application/octet-stream"),
        .disposition = http_disposition(arena, filename_of(arena, patch)),
        .life = CONTENT_LIFE,
    };
    return STATUS_OK;
}

enum status patch_serve(struct task *task, struct error *error)
{
    struct patch wanted;
    const struct patch *patch;
    TRY(parse_path(task->io.arena, task->request->path, &wanted, error));
    const struct package_name name = {.app = wanted.app, .version = wanted.to, .from = wanted.from, .format = wanted.format};
    TRY(app_patch(task->splice->app, task->io, &name, &patch, error));
    TRY(find_content(task, patch, error));
    enum status status = content_answer(task, error);
    if (task->outdated) app_doubt_patch(task->splice->app, task->io, patch);
    return status;
}
