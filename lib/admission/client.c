#include "lib/admission/client.h"

#include "lib/admission/day.h"

enum { CONDITIONS_MAX = 16 };

#define FIELD_NAME(id, name, argument, help) name
const char *const admission_field_names[ADMISSION_FIELD_COUNT] = {ADMISSION_FIELDS(FIELD_NAME, ADMISSION_COMMA)};

void admission_client_init(struct admission_client *client, struct str id)
{
    *client = (struct admission_client){.id = id, .login = ADMISSION_NEVER, .last_login = ADMISSION_NEVER, .asked_since = ADMISSION_NEVER};
}

/* --- hours */

static bool parse_hour_range(struct str text, uint32_t *hours)
{
    uint64_t from, to;
    struct str rest = text, first = str_cut(&rest, '-');
    if (!str_to_u64(first, &from) || !str_to_u64(rest, &to) || from >= DAY_HOURS || to > DAY_HOURS || from == to) return false;
    for (uint64_t hour = from; hour != to; hour = hour + 1) {
        if (hour == DAY_HOURS) hour = 0;
        if (hour == to) break;
        *hours |= UINT32_C(1) << hour;
    }
    return true;
}

bool admission_parse_hours(struct str text, uint32_t *out)
{
    uint32_t hours = 0;
    while (text.data)
        if (!parse_hour_range(str_cut(&text, ','), &hours)) return false;
    *out = hours;
    return hours != 0;
}

/* --- fields */

static enum status set_conditions(struct arena *arena, struct admission_client *client, struct str text, const char *label,
                                  struct error *error)
{
    client->conditions = arena_array(arena, CONDITIONS_MAX, sizeof *client->conditions);
    for (client->condition_count = 0; text.data; client->condition_count++) {
        struct str name = str_trim(str_cut(&text, ','));
        ENSURE(client->condition_count < CONDITIONS_MAX, error, STATUS_INVALID, "%s has more than %d names", label, CONDITIONS_MAX);
        ENSURE(str_is_id(name), error, STATUS_INVALID, "%s must be names of letters, digits, '.', '_' or '-', separated by commas", label);
        client->conditions[client->condition_count] = arena_copy(arena, name);
    }
    return STATUS_OK;
}

static enum status set_time(int64_t *moment, struct str text, const char *label, struct error *error)
{
    ENSURE(clock_parse_time(text, moment), error, STATUS_INVALID, "%s must be a time such as 2026-08-20T10:00:00Z", label);
    return STATUS_OK;
}

static enum status set_offset(struct admission_client *client, struct str text, const char *label, struct error *error)
{
    ENSURE(text.length > 0 && clock_parse_zone(text, &client->offset), error, STATUS_INVALID, "%s must be an offset such as +08:00", label);
    client->has_offset = true;
    return STATUS_OK;
}

static enum status set_number(uint64_t *number, struct str text, const char *label, struct error *error)
{
    ENSURE(str_to_u64(text, number), error, STATUS_INVALID, "%s must be a whole number", label);
    return STATUS_OK;
}

static enum status set_hours(uint32_t *hours, struct str text, const char *label, struct error *error)
{
    ENSURE(admission_parse_hours(text, hours), error, STATUS_INVALID, "%s must be ranges of hours such as 18-23,7-9", label);
    return STATUS_OK;
}

enum status admission_client_set(struct arena *arena, struct admission_client *client, enum admission_field field, struct str text,
                                 const char *label, struct error *error)
{
    if (!text.data) return STATUS_OK;
    switch (field) {
    case ADMISSION_REGION: return client->region = arena_copy(arena, text), STATUS_OK;
    case ADMISSION_MEMBERSHIP: return client->membership = arena_copy(arena, text), STATUS_OK;
    case ADMISSION_CONDITIONS: return set_conditions(arena, client, text, label, error);
    case ADMISSION_LOGIN: return set_time(&client->login, text, label, error);
    case ADMISSION_LAST_LOGIN: return set_time(&client->last_login, text, label, error);
    case ADMISSION_ASKED_SINCE: return set_time(&client->asked_since, text, label, error);
    case ADMISSION_LOGINS_PER_WEEK: return set_number(&client->logins_per_week, text, label, error);
    case ADMISSION_CREDIT: return set_number(&client->credit, text, label, error);
    case ADMISSION_POINTS: return set_number(&client->points, text, label, error);
    case ADMISSION_TIMEZONE: return set_offset(client, text, label, error);
    case ADMISSION_HOURS: return set_hours(&client->hours, text, label, error);
    case ADMISSION_BANDWIDTH: return set_number(&client->bandwidth, text, label, error);
    case ADMISSION_FIELD_COUNT: break;
    }
    return STATUS_OK;
}
