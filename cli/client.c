#include "cli/client.h"

struct str client_texts[ADMISSION_FIELD_COUNT];

enum status client_read(struct arena *arena, struct str id, struct admission_client *client, struct error *error)
{
    admission_client_init(client, id);
    for (enum admission_field field = 0; field < ADMISSION_FIELD_COUNT; field++) {
        struct str label = arena_printf(arena, "--%s", admission_field_names[field]);
        TRY(admission_client_set(arena, client, field, client_texts[field], label.data, error));
    }
    return STATUS_OK;
}
