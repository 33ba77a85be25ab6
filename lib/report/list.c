#include "lib/report/report_internal.h"

struct report_list report_list_open(struct collecting *at, const char *name, size_t most, size_t bytes)
{
    json_open_array(&at->json, name);
    return (struct report_list){at, most, at->json.out->length + bytes};
}

bool report_list_takes_one(struct report_list *list)
{
    bool takes = list->left > 0 && list->at->json.out->length < list->end;
    list->left -= takes;
    return takes;
}
