/* What a client reports about itself: the parameters of GET /admission, and the options of `pakhus admission ask` and `pakhus fetch`. */
#ifndef ADMISSION_CLIENT_H
#define ADMISSION_CLIENT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#define ADMISSION_NEVER INT64_MIN

/* Only the id is needed. */
struct admission_client {
    struct str id;
    struct str region, membership; /* empty: not given */
    struct str *conditions;        /* those that hold now */
    size_t condition_count;        /* 0: not given */
    int64_t login, last_login;     /* this login and the one before; ADMISSION_NEVER: not given */
    int64_t asked_since;           /* stands for `login`: when the client first asked in this session; ADMISSION_NEVER: not given */
    uint64_t credit, points, logins_per_week;
    bool has_offset;
    int64_t offset;     /* of the device's time of day: ms to add to UTC; where the profile goes by it */
    uint32_t hours;     /* when it usually is on, in the profile's time of day; 0: not given */
    uint64_t bandwidth; /* bytes a second it usually gets; 0: not given */
};

/* One table for all: id, name, argument and help of each. SEPARATOR() stands between two. */
/* clang-format off */
#define ADMISSION_FIELDS(FIELD, SEPARATOR) \
    FIELD(REGION, "region", "REGION", "region of the client") SEPARATOR() \
    FIELD(MEMBERSHIP, "membership", "NAME", "kind of membership") SEPARATOR() \
    FIELD(CONDITIONS, "conditions", "NAMES", "conditions that hold now, such as live-room,unmetered (names of the profile's 'ask')") SEPARATOR() \
    FIELD(LOGIN, "login", "TIME", "time of this login; the gap is this one minus --last-login") SEPARATOR() \
    FIELD(LAST_LOGIN, "last-login", "TIME", "time of the login before this one") SEPARATOR() \
    FIELD(ASKED_SINCE, "asked-since", "TIME", "without --login: the 'asked_since' of this session's first answer") SEPARATOR() \
    FIELD(LOGINS_PER_WEEK, "logins-per-week", "NUMBER", "how often the user logs in") SEPARATOR() \
    FIELD(CREDIT, "credit", "NUMBER", "credit of the user") SEPARATOR() \
    FIELD(POINTS, "points", "NUMBER", "points of the user") SEPARATOR() \
    FIELD(TIMEZONE, "timezone", "OFFSET", "the client's own offset from UTC at the release, such as +08:00; for profiles of timezone device") SEPARATOR() \
    FIELD(HOURS, "hours", "HOURS", "when the client usually is on, such as 18-23,7-9, in the profile's timezone") SEPARATOR() \
    FIELD(BANDWIDTH, "bandwidth", "NUMBER", "bytes a second that the client usually gets")
/* clang-format on */
#define ADMISSION_COMMA() ,
#define ADMISSION_NOTHING()

#define ADMISSION_FIELD_ID(id, name, argument, help) ADMISSION_##id
enum admission_field { ADMISSION_FIELDS(ADMISSION_FIELD_ID, ADMISSION_COMMA), ADMISSION_FIELD_COUNT };
/* "resource, client, region, …": all parameters of GET /admission. */
#define ADMISSION_FIELD_LISTED(id, name, argument, help) ", " name
#define ADMISSION_PARAMETERS                             "resource, client" ADMISSION_FIELDS(ADMISSION_FIELD_LISTED, ADMISSION_NOTHING)
extern const char *const admission_field_names[ADMISSION_FIELD_COUNT];

void admission_client_init(struct admission_client *, struct str id);
/* STATUS_INVALID where the text is no value of the field; the error begins with `label`, such as "--credit". Text without data is ignored.
 * What is kept lives in the arena. */
enum status admission_client_set(struct arena *, struct admission_client *, enum admission_field, struct str text, const char *label,
                                 struct error *);

/* Hours such as "18-24,0-2" as bits; false where they are none. */
bool admission_parse_hours(struct str, uint32_t *hours);

#endif
