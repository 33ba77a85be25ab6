/* Lines of access logs: what is read is a slice of the line and in range; and a whole log that is read at random breaks nothing. */
#include <assert.h>

#include "lib/placement/access_line.h"
#include "lib/placement/downloads.h"

static bool is_within(struct str part, struct str line)
{
    return part.length == 0 || (part.data >= line.data && part.data + part.length <= line.data + line.length);
}

static void check_line(struct str text)
{
    struct access_line line;
    if (!access_line_parse(text, &line)) return;
    assert(line.time >= 0 && line.time % CLOCK_SECOND == 0);
    assert(line.status >= 100 && line.status <= 999 && line.bytes <= UINT64_C(1) << 53);
    assert(is_within(line.client, text) && is_within(line.method, text) && is_within(line.target, text) && is_within(line.sender, text));
    assert(str_find(line.method, ' ') == line.method.length);
}

/* As the log of an edge, and of nobody known. */
static void check_log(struct arena *arena, struct str text)
{
    static struct network network = {.address = {.bytes = {192, 168, 0, 0}}, .prefix = 24};
    static struct str lan = {"192.168.0.0/24", 14};
    static struct edge edge = {
        .id = {"e", 1}, .directory = {"/data", 5}, .lans = &lan, .lan_count = 1, .networks = &network, .network_count = 1};
    static struct registry_served served = {{"192.168.0.0/24", 14}, &edge};
    const struct registry registry = {.edges = &edge, .edge_count = 1, .served = &served, .served_count = 1};
    enum { SAMPLES = 3 };
    struct sample samples[SAMPLES];
    const struct sample_set set = {.items = samples, .count = SAMPLES, .share = 1};
    for (int i = 0; i < SAMPLES; i++)
        samples[i] =
            (struct sample){.lan = i ? lan : S("::/0"), .package = S("A/1"), .time = INT64_C(1770292800000) + i, .downloaded = i == 2};
    struct downloads *downloads = downloads_new(arena, &registry, &set, CLOCK_HOUR);
    struct error error;
    enum status status = downloads_read(downloads, stream_of(arena, text), text.length % 2 ? &edge : NULL, &error);
    struct download_counts counts = downloads_counts(downloads);
    assert(status == STATUS_OK);
    assert(counts.nonsense + counts.downloads <= counts.lines && counts.matched <= counts.downloads && counts.matched <= SAMPLES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    check_line(str_make(data, size));
    check_log(arena, str_make(data, size));
    arena_free(arena);
    return 0;
}
