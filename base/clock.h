/* Time. Moments are milliseconds since 1970 (UTC), spans are milliseconds; both int64_t. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { CLOCK_SECOND = 1000, CLOCK_MINUTE = 60 * CLOCK_SECOND, CLOCK_HOUR = 60 * CLOCK_MINUTE, CLOCK_DAY = 24 * CLOCK_HOUR };

/* The wall clock, or what clock_set_now said (`--now`): then it stands still. */
int64_t clock_now(void);
void clock_set_now(int64_t moment);
/* From now on clock_now is the RFC 3339 time that this file holds, read anew each time, so that who replays a week moves the clock of a
 * process that runs: best by renaming another file over it. While it can't be read, or makes no sense, the last good time stands.
 * STATUS_INVALID, naming the file, where it can't be read or makes no sense at first. The name must live as long as the process. */
enum status clock_follow(const char *file, struct error *);
/* The wall clock whatever clock_now says: for what another machine compares with its own, such as signatures. */
int64_t clock_real(void);

/* A clock that never goes back, for deadlines and measurements; milliseconds from an arbitrary start. */
int64_t clock_monotonic(void);
/* The same for how long something known is good: while a file is followed, its time goes by here too (and never back). */
int64_t clock_aging(void);

struct deadline deadline_in(int64_t milliseconds);
/* Milliseconds left, never negative. */
int64_t deadline_left(struct deadline);
/* The earlier of this deadline and one `milliseconds` from now. */
struct deadline deadline_within(struct deadline, int64_t milliseconds);

/* `90s`, `5m`, `12h`, `7d`, `800ms`: a whole number and a unit, at most 1000 years. */
bool clock_parse_span(struct str, int64_t *milliseconds);
/* RFC 3339: `2026-08-20T10:00:00Z`, with an optional fraction and an offset; years 1970 to 9999, as written and in UTC. */
bool clock_parse_time(struct str, int64_t *moment);
/* `Z`, `+08:00` or `-03:30`, as milliseconds to add to UTC; empty is UTC. */
bool clock_parse_zone(struct str, int64_t *offset);
/* A time of day from `00:00` to `24:00`, as milliseconds since midnight. */
bool clock_parse_day_time(struct str, int64_t *time);
struct str clock_format_time(struct arena *, int64_t moment);   /* `2026-08-20T10:00:00Z`, with .mmm where not 0 */
struct str clock_format_span(struct arena *, int64_t span);     /* the shortest form that clock_parse_span reads */
struct str clock_format_zone(struct arena *, int64_t offset);   /* `Z` or `+08:00`, as clock_parse_zone reads it */
struct str clock_format_day_time(struct arena *, int64_t time); /* `06:00` */

/* A moment in calendar terms, UTC. */
struct calendar {
    int year, month, day;     /* month 1–12, day 1–31 */
    int hour, minute, second; /* 0–59; no leap seconds */
    int weekday;              /* 0 = Sunday */
};
struct calendar clock_calendar(int64_t moment);
/* The inverse, at .000; false where a field is out of range (31 February included). */
bool clock_from_calendar(const struct calendar *, int64_t *moment);

#endif
