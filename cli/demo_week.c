#include "cli/demo.h"
#include "lib/demand/demand.h"
#include "lib/edges/registry.h"
#include "lib/edges/state.h"
#include "lib/replay/trace.h"

enum { LANS = 4, REQUESTS = 12000, SEED = 1, FADED_DAYS = 3, TIME = 5 * CLOCK_MINUTE, BUSY = 6 * CLOCK_HOUR };

const char *const demo_apps[DEMO_APPS] = {"DEMO", "CHESS", "MAPS", "RADIO", "NOTES", "MAIL"};

struct recording_lan {
    struct str text;
    bool registered;
    struct held held;
};
struct recorder {
    struct arena *arena;
    struct store *store;
    struct demand *demand;
    struct recording_lan lans[LANS];
};

static struct io io_of(const struct recorder *recorder)
{
    return (struct io){.arena = recorder->arena, .deadline = deadline_in(TIME)};
}

/* The edges' LANs in the order of their ids, and the one without an edge. */
static enum status find_lans(struct recorder *recorder, struct error *error)
{
    struct registry registry;
    TRY(registry_load(recorder->store, io_of(recorder), &registry, error));
    for (size_t i = 0; i < LANS; i++) {
        struct recording_lan *lan = &recorder->lans[i];
        const struct edge *edge = i < registry.edge_count ? &registry.edges[i] : NULL;
        *lan = (struct recording_lan){edge ? edge->home : S(DEMO_LONE_LAN), .registered = edge != NULL};
        if (edge) TRY(held_load(recorder->store, io_of(recorder), edge->id, 0, &lan->held, error));
    }
    return STATUS_OK;
}

static void count(struct recorder *recorder, const struct trace_request *request, int64_t now, unsigned day)
{
    unsigned which = request->object % DEMO_APPS;
    struct recording_lan *lan = &recorder->lans[request->lan];
    if (which == DEMO_APPS - 1 && day >= FADED_DAYS) return;
    struct str package = arena_printf(recorder->arena, "%s/" DEMO_VERSION, demo_apps[which]);
    const struct demand_request asked = {lan->text, lan->registered, package, held_find(&lan->held, package) != NULL};
    demand_count(recorder->demand, &asked, now);
}

/* Each hour's counts are an object of their own for each LAN. Four busy hours a day keep the demo small and quick to fill. */
static enum status record_hours(struct recorder *recorder, const struct trace *trace, int64_t begin, unsigned day, struct error *error)
{
    int64_t from = (int64_t)day * CLOCK_DAY;
    size_t next = 0;
    while (next < trace->count && trace->requests[next].time < from) next++;
    for (int64_t hour = from; hour < from + CLOCK_DAY; hour += BUSY) {
        for (; next < trace->count && trace->requests[next].time < hour + BUSY; next++)
            count(recorder, &trace->requests[next], begin + hour + (trace->requests[next].time % CLOCK_HOUR), day);
        clock_set_now(begin + hour + CLOCK_HOUR - 1);
        TRY(demand_flush(recorder->demand, recorder->store, io_of(recorder), error));
    }
    return STATUS_OK;
}

enum status demo_record(struct arena *arena, struct store *store, int64_t begin, unsigned day, struct error *error)
{
    const struct trace_recipe recipe = {.seed = SEED, .lans = LANS, .apps = DEMO_APPS, .requests = REQUESTS};
    const struct demand_options options = {.instance = S("demo")};
    struct recorder recorder = {.arena = arena, .store = store};
    struct trace trace;
    TRY(trace_make(arena, &recipe, &trace, error));
    TRY(find_lans(&recorder, error));
    recorder.demand = demand_new(&options);
    enum status status = record_hours(&recorder, &trace, begin, day, error);
    demand_free(recorder.demand);
    return status;
}
