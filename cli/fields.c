#include "cli/fields.h"

void fields_add_text(struct buf *out, const char *name, struct str value)
{
    if (!value.data) return;
    buf_printf(out, ",\"%s\":", name);
    buf_add_json(out, value);
}

void fields_add_list(struct buf *out, const char *name, struct str list)
{
    if (!list.data) return;
    buf_printf(out, ",\"%s\":", name);
    for (const char *separator = "["; list.data; separator = ",") {
        buf_add(out, str_of(separator));
        buf_add_json(out, str_trim(str_cut(&list, ',')));
    }
    buf_add_byte(out, ']');
}

enum status fields_add_location(struct buf *out, const char *name, struct str value, struct error *error)
{
    struct str longitude = value, latitude = str_cut(&longitude, ',');
    double north, east;
    if (!value.data) return STATUS_OK;
    ENSURE(str_to_double(latitude, &north) && str_to_double(longitude, &east), error, STATUS_INVALID,
           "--%s must be degrees such as 31.2,121.5", name);
    buf_printf(out, ",\"%s\":[%.9g,%.9g]", name, north, east);
    return STATUS_OK;
}
