/* Whole access logs, whatever is in them: as the log of an edge, and of nobody known. */
#include <assert.h>

#include "lib/demand/downloads.h"

enum { SAMPLES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct network network = {.address = {.bytes = {192, 168, 0, 0}}, .prefix = 24};
    static struct str lan = {"192.168.0.0/24", 14};
    static struct edge edge = {
        .id = {"e", 1}, .directory = {"/data", 5}, .lans = &lan, .lan_count = 1, .networks = &network, .network_count = 1};
    static struct registry_served served = {{"192.168.0.0/24", 14}, &edge};
    const struct registry registry = {.edges = &edge, .edge_count = 1, .served = &served, .served_count = 1};
    struct sample samples[SAMPLES];
    const struct sample_set set = {.items = samples, .count = SAMPLES, .share = 1};
    struct arena *arena = arena_new();
    struct error error;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] =
            (struct sample){.lan = i ? lan : S("::/0"), .package = S("A/1"), .time = INT64_C(1770292800000) + i, .downloaded = i == 2};
    struct downloads *downloads = downloads_new(arena, &registry, &set, CLOCK_HOUR);
    enum status status = downloads_read(downloads, stream_of(arena, str_make(data, size)), size % 2 ? &edge : NULL, &error);
    struct download_counts counts = downloads_counts(downloads);
    assert(status == STATUS_OK);
    assert(counts.nonsense + counts.downloads <= counts.lines && counts.matched <= counts.downloads && counts.matched <= SAMPLES);
    arena_free(arena);
    return 0;
}
