#include <stdio.h>

#include "cli/edge.h"

enum { REGISTRY_TIME = 5 * CLOCK_MINUTE };

struct io edge_registry_io(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(REGISTRY_TIME)};
}

void edge_print(const struct edge *edge)
{
    printf(STR_FMT "\t" STR_FMT STR_FMT "\t", STR_ARG(edge->id), STR_ARG(edge->address), STR_ARG(edge->directory));
    for (size_t i = 0; i < edge->lan_count; i++) printf("%s" STR_FMT, i ? "," : "", STR_ARG(edge->lans[i]));
    putchar('\n');
}
