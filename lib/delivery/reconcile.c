#include "lib/delivery/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/encode.h"
#include "base/log.h"
#include "lib/delivery/reconcile_internal.h"

/* How long one request or one part may take. */
enum { REQUEST_PATIENCE = 5 * CLOCK_MINUTE };

/* One run over one edge. */
struct run {
    const struct reconciliation *how;
    struct io io;
    const struct edge *edge;
    struct target target;
    struct wanted wanted;
    struct held held;
    struct reconcile_result *result;
    size_t checked; /* packages that are wanted, and are there */
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
    ENSURE(deadline_left(run->io.deadline) > 0, error, STATUS_TIMEOUT, "there was no time for all of it");
    if (run->target.directory) return STATUS_OK;
    enum status status = store_head(run->target.store, io, S("pakhus"), &ignored, error);
    bool is_away = status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT;
    return is_away ? error_context(error, "its store does not answer") : STATUS_OK;
}

/* What became of a package, whatever it was: unless it was the edge that went away, the next one is tried. */
static enum status note(struct run *run, struct str package, enum status status, struct error *error)
{
    if (status == STATUS_OK) return STATUS_OK;
    if (deadline_left(run->io.deadline) == 0) return find_edge(run, error);
    log_warn(nobody, "edge=" STR_FMT " package=" STR_FMT " %s", STR_ARG(run->edge->id), STR_ARG(package), error->text);
    run->result->failed++;
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT ? find_edge(run, error) : STATUS_OK;
}

/* --- out */

static enum status leave(struct run *run, struct io io, struct held_package *held, struct error *error)
{
    struct held_package leaving = *held;
    if (held->state != HELD_HERE) return STATUS_OK;
    leaving.state = HELD_LEAVING;
    leaving.until = run->how->now + run->how->grace;
    TRY(held_set(run->how->origin, io, run->edge->id, &leaving, error));
    *held = leaving;
    return STATUS_OK;
}

/* Nobody was sent to a copy that never was whole: it may go at once. What could not be said to leave stays. */
static enum status drop(struct run *run, struct io io, struct held_package *held, struct error *error)
{
    struct package_name name;
    if (held->state == HELD_HERE || (held->state == HELD_LEAVING && held->until > run->how->now)) return STATUS_OK;
    TRY(package_name_parse(held->package, &name, error));
    TRY(target_remove(&run->target, io, &name, error));
    TRY(held_drop(run->how->origin, io, run->edge->id, held->package, error));
    run->result->deleted++;
    log_info(nobody, "edge=" STR_FMT " package=" STR_FMT " deleted", STR_ARG(run->edge->id), STR_ARG(held->package));
    return STATUS_OK;
}

typedef enum status step_fn(struct run *, struct io, struct held_package *, struct error *);

static enum status for_all_unwanted(struct run *run, step_fn *step, struct error *error)
{
    for (size_t i = 0; i < run->held.count; i++) {
        struct held_package *held = &run->held.items[i];
        if (find_wanted(run, held->package)) continue;
        ENSURE(deadline_left(run->io.deadline) > 0, error, STATUS_TIMEOUT, "there was no time for all of it");
        struct arena *arena = arena_new();
        enum status status = step(run, anew(run, arena), held, error);
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
static bool has_changed(const struct run *run, struct io io, const struct package_name *name, const struct held_package *held)
{
    struct error ignored;
    struct package_source source = {0};
    const struct package_maker *maker = run->how->maker;
    if (name->channel.length == 0 || maker->find(maker->context, io, name, &source, &ignored) != STATUS_OK) return false;
    return !str_equal(source.validator, held->validator);
}

/* Whether what is there will do. */
static enum status look(struct run *run, struct io io, const struct package_name *name, const struct wanted_package *wanted, bool *there,
                        struct error *error)
{
    const struct held_package *held = held_find_any(&run->held, wanted->package);
    *there = false;
    if (!held || held->state == HELD_COPYING || facts_differ(held->sha256, wanted->sha256)) return STATUS_OK;
    if (has_changed(run, io, name, held)) return STATUS_OK;
    enum status status = target_check(&run->target, io, name, held, error);
    if (status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT) return status;
    if (status == STATUS_OK) run->checked++;
    *there = status != STATUS_NOT_FOUND && status != STATUS_CORRUPT; /* where it can't be asked nothing says that it is not */
    if (!*there)
        log_warn(nobody, "edge=" STR_FMT " package=" STR_FMT " is held no more: %s", STR_ARG(run->edge->id), STR_ARG(wanted->package),
                 error->text);
    return STATUS_OK;
}

static enum status say_held(struct run *run, struct io io, struct held_package *held, struct str sha256, struct error *error)
{
    held->state = HELD_HERE;
    held->since = run->how->now;
    if (held->sha256.length == 0) held->sha256 = sha256;
    return held_set(run->how->origin, io, run->edge->id, held, error);
}

static uint64_t bytes_of_others(const struct held *held, struct str package)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < held->count; i++)
        if (!str_equal(held->items[i].package, package) && __builtin_add_overflow(sum, held->items[i].size, &sum)) return UINT64_MAX;
    return sum;
}

/* Within the quota, whatever is leaving: what comes waits until that has gone. Others may be at it: the rows are read again. */
static enum status may_come(struct run *run, struct io io, const struct held_package *coming, bool *may, struct error *error)
{
    struct wanted wanted;
    struct held held;
    TRY(wanted_load(run->how->origin, io, run->edge->id, 0, &wanted, error));
    TRY(held_load(run->how->origin, io, run->edge->id, 0, &held, error));
    uint64_t others = bytes_of_others(&held, coming->package), quota = run->edge->quota;
    bool fits = others <= quota && coming->size <= quota - others;
    *may = fits && wanted_find(&wanted, coming->package);
    if (fits) return STATUS_OK;
    run->result->waiting++;
    log_info(nobody, "edge=" STR_FMT " package=" STR_FMT " waits for room: %llu bytes, and %llu of %llu are taken", STR_ARG(run->edge->id),
             STR_ARG(coming->package), (unsigned long long)coming->size, (unsigned long long)others, (unsigned long long)quota);
    return STATUS_OK;
}

static enum status copy(struct run *run, struct io io, const struct package_name *name, struct str package, struct error *error)
{
    const struct package_maker *maker = run->how->maker;
    struct package_source source = {0};
    struct str sha256;
    bool may;
    TRY(maker->find(maker->context, io, name, &source, error));
    struct held_package held = {
        .package = package, .since = run->how->now, .size = source.size, .sha256 = source.sha256, .state = HELD_COPYING};
    TRY(may_come(run, io, &held, &may, error));
    if (!may) return STATUS_OK;
    if (name->channel.length > 0) held.validator = source.validator;
    TRY(held_set(run->how->origin, io, run->edge->id, &held, error));
    TRY(target_put(&run->target, &(struct incoming){io, name, &source}, &sha256, error));
    TRY(say_held(run, anew(run, io.arena), &held, sha256, error));
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
    bool there;
    TRY(package_name_parse(wanted->package, &name, error));
    if (run->edge->splices) TRY(maker->refresh(maker->context, io, run->target.store, name.app, error));
    TRY(look(run, io, &name, wanted, &there, error));
    if (!there) return copy(run, io, &name, wanted->package, error);
    struct held_package held = *held_find_any(&run->held, wanted->package);
    if (held.state == HELD_HERE) return STATUS_OK;
    return say_held(run, io, &held, held.sha256, error); /* it was about to go, and is wanted again */
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
    TRY(held_load(run->how->origin, run->io, run->edge->id, 0, &run->held, error));
    return STATUS_OK;
}

/* What goes makes room for what comes. */
static enum status reconcile(struct run *run, struct error *error)
{
    TRY(load(run, error));
    if (run->wanted.count == 0 && run->held.count == 0) return STATUS_OK;
    TRY(for_all_unwanted(run, leave, error)); /* also where the edge is away: devices are sent there no more */
    TRY(find_edge(run, error));
    TRY(for_all_unwanted(run, drop, error));
    return bring_all(run, error);
}

/* A channel package is another one when its channel changes, and an edge that splices gets every change of its apps' channels. */
static bool depends_on_channels(const struct run *run, struct str package)
{
    struct package_name name;
    struct error ignored;
    return run->edge->splices || package_name_parse(package, &name, &ignored) != STATUS_OK || name.channel.length > 0;
}

static bool is_settled(const struct run *run)
{
    size_t asked = 0;
    for (size_t i = 0; i < run->wanted.count; i++) {
        const struct wanted_package *wanted = &run->wanted.items[i];
        if (depends_on_channels(run, wanted->package)) return false;
        asked += !wanted->pending;
    }
    for (size_t i = 0; i < run->held.count; i++)
        if (run->held.items[i].state != HELD_HERE || !find_wanted(run, run->held.items[i].package)) return false;
    return run->checked == asked;
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

enum status reconcile_and_tell(const struct reconciliation *how, struct io io, const struct edge *edge, struct settled *settled,
                               struct error *error)
{
    struct run run = run_of(how, io, edge, settled->result);
    TRY(open_pushed(&run, error));
    TRY(reconcile(&run, error));
    *settled = (struct settled){settled->result, is_settled(&run), run.wanted.generation, run.held.generation};
    return STATUS_OK;
}

enum status reconcile_edge(const struct reconciliation *how, struct io io, const struct edge *edge, struct reconcile_result *result,
                           struct error *error)
{
    struct settled settled = {.result = result};
    return reconcile_and_tell(how, io, edge, &settled, error);
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
    TRY(bring_one(&run, wanted, error));
    return ignored.waiting > 0 ? for_all_unwanted(&run, leave, error) : STATUS_OK; /* the sooner they go */
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
    struct str url = store_url_of_directory(io.arena, str_of(directory));
    if (edge->splices) TRY(open_store(&run, arena_cstr(io.arena, url), error));
    return reconcile(&run, error);
}
