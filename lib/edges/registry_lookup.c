/* What is in the register, by id, code and LAN. */
#include <stdlib.h>

#include "lib/edges/registry_internal.h"

int registry_by_edge_id(const void *a, const void *b)
{
    return str_compare(((const struct edge *)a)->id, ((const struct edge *)b)->id);
}

int registry_by_code(const void *a, const void *b)
{
    return str_compare(((const struct lan_entry *)a)->code, ((const struct lan_entry *)b)->code);
}

int registry_by_lan(const void *a, const void *b)
{
    const struct registry_served *one = a, *other = b;
    int order = str_compare(one->lan, other->lan);
    return order ? order : str_compare(one->edge->id, other->edge->id);
}

const struct edge *registry_edge(const struct registry *registry, struct str id)
{
    const struct edge sought = {.id = id};
    return registry->edge_count > 0 ? bsearch(&sought, registry->edges, registry->edge_count, sizeof sought, registry_by_edge_id) : NULL;
}

size_t registry_first_served(const struct registry *registry, struct str lan)
{
    size_t low = 0, high = registry->served_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(registry->served[middle].lan, lan) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct edge *registry_edge_of(const struct registry *registry, struct str lan)
{
    size_t first = registry_first_served(registry, lan);
    return first < registry->served_count && str_equal(registry->served[first].lan, lan) ? registry->served[first].edge : NULL;
}

const struct lan_entry *registry_lan(const struct registry *registry, struct str code)
{
    const struct lan_entry sought = {.code = code};
    return registry->lan_count > 0 ? bsearch(&sought, registry->lans, registry->lan_count, sizeof sought, registry_by_code) : NULL;
}

const struct lan_entry *registry_listed_lan(const struct registry *registry, struct str lan)
{
    return str_starts(lan, S("@")) ? registry_lan(registry, str_from(lan, 1)) : NULL;
}
