#include "lib/placement/reconcile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/encode.h"
#include "base/log.h"
#include "lib/placement/reconcile_internal.h"

/* How long one request or one part may take, and how long an edge's store may take to answer at all. */
enum { REQUEST_PATIENCE = 5 * CLOCK_MINUTE, EDGE_PATIENCE = 10 * CLOCK_SECOND };

/* One run over one edge. */
struct run {
    const struct reconciliation *how;
    struct io io;
    const struct edge *edge;
    struct target target;
    struct wanted wanted;
    struct held held;
    struct reconcile_result *result;
};

static const struct log nobody;

/* What is wanted only when somebody asks again is not copied, and not deleted either. */
static const struct wanted_package *find_wanted(const struct run *run, struct str package)
{
    return wanted_find(&run->wanted, package);
}

static struct io anew(const struct run *run, struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_within(run->io.deadline, REQUEST_PATIENCE)};
}

/* An edge that is down must not take the time of the others. Whether the key is there is all the same. */
static enum status find_edge(struct run *run, struct error *error)
{
    struct io io = {.arena = run->io.arena, .deadline = deadline_within(run->io.deadline, EDGE_PATIENCE)};
    struct store_object ignored;
    if (run->target.directory) return STATUS_OK;
    enum status status = store_head(run->target.store, io, S("pakhus"), &ignored, error);
    bool is_away = status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT;
    return is_away ? error_context(error, "its store does not answer") : STATUS_OK;
}

/* What became of a package, whatever it was: unless it was the edge that went away, the next one is tried. */
static enum status note(struct run *run, struct str package, enum status status, struct error *error)
{
    if (status == STATUS_OK) return STATUS_OK;
    log_warn(nobody, "edge=" STR_FMT " package=" STR_FMT " %s", STR_ARG(run->edge->id), STR_ARG(package), error->text);
    run->result->failed++;
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT ? find_edge(run, error) : STATUS_OK;
}

/* --- out */

static enum status leave(struct run *run, struct io io, const struct held_package *held, struct error *error)
{
    struct held_package leaving = *held;
    leaving.state = HELD_LEAVING;
    leaving.until = run->how->now + run->how->grace;
    return held_set(run->how->origin, io, run->edge->id, &leaving, error);
}

static enum status drop(struct run *run, struct io io, struct str package, struct error *error)
{
    struct package_name name;
    TRY(package_name_parse(package, &name, error));
    TRY(target_remove(&run->target, io, &name, error));
    TRY(held_drop(run->how->origin, io, run->edge->id, package, error));
    run->result->deleted++;
    log_info(nobody, "edge=" STR_FMT " package=" STR_FMT " deleted", STR_ARG(run->edge->id), STR_ARG(package));
    return STATUS_OK;
}

/* Nobody was sent to a copy that never was whole: it may go at once. */
static enum status let_go(struct run *run, struct io io, const struct held_package *held, struct error *error)
{
    int64_t until = held->state == HELD_LEAVING ? held->until : run->how->now + run->how->grace;
    if (held->state == HELD_HERE) TRY(leave(run, io, held, error));
    if (held->state != HELD_COPYING && until > run->how->now) return STATUS_OK;
    return drop(run, io, held->package, error);
}

static enum status let_all_go(struct run *run, struct error *error)
{
    for (size_t i = 0; i < run->held.count; i++) {
        const struct held_package *held = &run->held.items[i];
        if (find_wanted(run, held->package)) continue;
        ENSURE(deadline_left(run->io.deadline) > 0, error, STATUS_TIMEOUT, "there was no time for all of it");
        struct arena *arena = arena_new();
        enum status status = let_go(run, anew(run, arena), held, error);
        arena_free(arena);
        TRY(note(run, held->package, status, error));
    }
    return STATUS_OK;
}

/* --- in */

static bool facts_differ(struct str a, struct str b)
{
    return a.length > 0 && b.length > 0 && !str_equal(a, b);
}

/* A channel package whose channel has changed since is another one. */
static bool has_changed(const struct run *run, struct io io, const struct package_name *name, const struct held_package *held,
                        struct package_source *source)
{
    struct error ignored;
    const struct package_maker *maker = run->how->maker;
    if (name->channel.length == 0 || maker->find(maker->context, io, name, source, &ignored) != STATUS_OK) return false;
    return !str_equal(source->validator, held->validator);
}

/* Whether what is there will do. *sha256: as target_check says. */
static bool is_there(struct run *run, struct io io, const struct package_name *name, const struct wanted_package *wanted,
                     struct str *sha256)
{
    struct error error;
    struct package_source source = {0};
    const struct held_package *held = held_find_any(&run->held, wanted->package);
    *sha256 = (struct str){NULL, 0};
    if (!held || held->state == HELD_COPYING || facts_differ(held->sha256, wanted->sha256)) return false;
    if (has_changed(run, io, name, held, &source)) return false;
    enum status status = target_check(&run->target, io, name, held, &source, sha256, &error);
    if (status == STATUS_OK) return true;
    if (status != STATUS_NOT_FOUND && status != STATUS_CORRUPT) return true; /* the edge can't be asked: nothing says it is not */
    log_warn(nobody, "edge=" STR_FMT " package=" STR_FMT " is held no more: %s", STR_ARG(run->edge->id), STR_ARG(wanted->package),
             error.text);
    return false;
}

static enum status say_held(struct run *run, struct io io, struct held_package *held, struct str sha256, struct error *error)
{
    if (held->state != HELD_HERE) held->since = run->how->now;
    held->state = HELD_HERE;
    if (held->sha256.length == 0) held->sha256 = sha256;
    return held_set(run->how->origin, io, run->edge->id, held, error);
}

static enum status copy(struct run *run, struct io io, const struct package_name *name, struct str package, struct error *error)
{
    const struct package_maker *maker = run->how->maker;
    struct package_source source = {0};
    struct str sha256;
    TRY(maker->find(maker->context, io, name, &source, error));
    struct held_package held = {
        .package = package, .since = run->how->now, .size = source.size, .sha256 = source.sha256, .state = HELD_COPYING};
    if (name->channel.length > 0) held.validator = source.validator;
    TRY(held_set(run->how->origin, io, run->edge->id, &held, error));
    TRY(target_put(&run->target, io, name, &source, &sha256, error));
    TRY(say_held(run, io, &held, sha256, error));
    run->result->copied++;
    run->result->bytes += source.size;
    log_info(nobody, "edge=" STR_FMT " package=" STR_FMT " held, %llu bytes", STR_ARG(run->edge->id), STR_ARG(package),
             (unsigned long long)source.size);
    return STATUS_OK;
}

static enum status bring(struct run *run, struct io io, const struct wanted_package *wanted, struct error *error)
{
    const struct package_maker *maker = run->how->maker;
    struct package_name name;
    struct str sha256;
    TRY(package_name_parse(wanted->package, &name, error));
    if (run->edge->splices) TRY(maker->refresh(maker->context, io, run->target.store, name.app, error));
    if (!is_there(run, io, &name, wanted, &sha256)) return copy(run, io, &name, wanted->package, error);
    struct held_package held = *held_find_any(&run->held, wanted->package);
    bool is_news = held.sha256.length == 0 && sha256.length > 0; /* nobody had read it before */
    if (held.state == HELD_HERE && !is_news) return STATUS_OK;
    return say_held(run, io, &held, sha256, error); /* or it was about to go, and is wanted again */
}

static enum status bring_one(struct run *run, const struct wanted_package *wanted, struct error *error)
{
    struct arena *arena = arena_new();
    enum status status = bring(run, anew(run, arena), wanted, error);
    arena_free(arena);
    return status;
}

static enum status bring_all(struct run *run, struct error *error)
{
    for (size_t i = 0; i < run->wanted.count; i++) {
        const struct wanted_package *wanted = &run->wanted.items[i];
        if (wanted->pending) continue;
        ENSURE(deadline_left(run->io.deadline) > 0, error, STATUS_TIMEOUT, "there was no time for all of it");
        TRY(note(run, wanted->package, bring_one(run, wanted, error), error));
    }
    return STATUS_OK;
}

/* --- an edge */

static enum status load(struct run *run, struct error *error)
{
    TRY(wanted_load(run->how->origin, run->io, run->edge->id, 0, &run->wanted, error));
    return held_load(run->how->origin, run->io, run->edge->id, 0, &run->held, error);
}

/* What goes makes room for what comes. */
static enum status reconcile(struct run *run, struct error *error)
{
    TRY(load(run, error));
    if (run->wanted.count == 0 && run->held.count == 0) return STATUS_OK;
    TRY(find_edge(run, error));
    TRY(let_all_go(run, error));
    return bring_all(run, error);
}

static void close_store(void *context)
{
    store_close(context);
}

static enum status open_store(struct run *run, const char *url, struct error *error)
{
    if (store_open(url, &run->target.store, error) != STATUS_OK)
        return error_context(error, "the store of edge " STR_FMT, STR_ARG(run->edge->id));
    arena_defer(run->io.arena, close_store, run->target.store);
    return STATUS_OK;
}

static struct run run_of(const struct reconciliation *how, struct io io, const struct edge *edge, struct reconcile_result *result)
{
    return (struct run){.how = how, .io = io, .edge = edge, .target = {.how = how, .edge = edge, .end = io.deadline}, .result = result};
}

static enum status open_pushed(struct run *run, struct error *error)
{
    const struct edge *edge = run->edge;
    ENSURE(edge->store.length > 0, error, STATUS_UNSUPPORTED, "edge " STR_FMT " pulls by itself: `pakhus edge sync` there",
           STR_ARG(edge->id));
    TRY(open_store(run, edge_store_url(run->io.arena, edge).data, error));
    run->target.copies = store_copies_from(run->target.store, run->io, run->how->origin);
    return STATUS_OK;
}

enum status reconcile_edge(const struct reconciliation *how, struct io io, const struct edge *edge, struct reconcile_result *result,
                           struct error *error)
{
    struct run run = run_of(how, io, edge, result);
    TRY(open_pushed(&run, error));
    return reconcile(&run, error);
}

enum status reconcile_package(const struct reconciliation *how, struct io io, const struct edge *edge, struct str package,
                              struct error *error)
{
    struct reconcile_result ignored = {0};
    struct run run = run_of(how, io, edge, &ignored);
    TRY(open_pushed(&run, error));
    TRY(load(&run, error));
    const struct wanted_package *wanted = wanted_find(&run.wanted, package);
    ENSURE(wanted, error, STATUS_NOT_FOUND, STR_FMT " is not wanted on edge " STR_FMT, STR_ARG(package), STR_ARG(edge->id));
    return bring_one(&run, wanted, error);
}

static enum status lock_directory(struct arena *arena, const char *directory, struct error *error)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) return error_errno(error, errno, "%s", directory);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_errno(error, errno, "%s", directory);
    arena_defer_close(arena, fd);
    ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, error, STATUS_PRECONDITION, "%s: another process fills it", directory);
    return STATUS_OK;
}

enum status reconcile_directory(const struct reconciliation *how, struct io io, const struct edge *edge, const char *directory,
                                struct reconcile_result *result, struct error *error)
{
    struct run run = run_of(how, io, edge, result);
    TRY(lock_directory(io.arena, directory, error));
    run.target.directory = directory;
    struct str url = arena_join(io.arena, S("file://"), percent_encode(io.arena, str_of(directory), true));
    if (edge->splices) TRY(open_store(&run, arena_cstr(io.arena, url), error));
    return reconcile(&run, error);
}
