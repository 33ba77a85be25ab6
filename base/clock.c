#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t fixed_now = INT64_MIN;

/* The clock of a file (clock_follow). */
static struct {
    _Atomic(const char *) file; /* NULL: none is followed */
    _Atomic int64_t now;        /* the last good time */
    _Atomic int64_t furthest;   /* the latest that this file has held */
    _Atomic int64_t gone_by;    /* ms on it and on those that were followed before; only grows */
} followed;

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000000;
}

int64_t clock_real(void)
{
    return read_clock(CLOCK_REALTIME);
}

static bool read_time(const char *file, int64_t *moment)
{
    char text[64];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    if (length < 0) return false;
    return clock_parse_time(str_trim(str_make(text, (size_t)length)), moment);
}

static int64_t read_followed(const char *file)
{
    int64_t now, furthest = atomic_load(&followed.furthest);
    if (!read_time(file, &now)) return atomic_load(&followed.now);
    atomic_store(&followed.now, now);
    while (now > furthest) {
        if (!atomic_compare_exchange_weak(&followed.furthest, &furthest, now)) continue;
        atomic_fetch_add(&followed.gone_by, now - furthest);
        break;
    }
    return now;
}

enum status clock_follow(const char *file, struct error *error)
{
    int64_t now;
    ENSURE(read_time(file, &now), error, STATUS_INVALID, "'%s' holds no time such as 2026-08-20T10:00:00Z", file);
    atomic_store(&followed.now, now);
    atomic_store(&followed.furthest, now);
    atomic_store(&followed.file, file);
    return STATUS_OK;
}

int64_t clock_now(void)
{
    int64_t fixed = atomic_load_explicit(&fixed_now, memory_order_relaxed);
    if (fixed != INT64_MIN) return fixed;
    const char *file = atomic_load_explicit(&followed.file, memory_order_acquire);
    return file ? read_followed(file) : clock_real();
}

void clock_set_now(int64_t moment)
{
    atomic_store(&fixed_now, moment);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_aging(void)
{
    const char *file = atomic_load_explicit(&followed.file, memory_order_acquire);
    if (!file) return clock_monotonic();
    read_followed(file);
    return clock_monotonic() + atomic_load(&followed.gone_by);
}

struct deadline deadline_in(int64_t milliseconds)
{
    int64_t at;
    if (__builtin_add_overflow(clock_monotonic(), milliseconds, &at)) at = INT64_MAX;
    return (struct deadline){at};
}

int64_t deadline_left(struct deadline deadline)
{
    int64_t now = clock_monotonic();
    return deadline.at > now ? deadline.at - now : 0;
}

struct deadline deadline_within(struct deadline deadline, int64_t milliseconds)
{
    struct deadline other = deadline_in(milliseconds);
    return other.at < deadline.at ? other : deadline;
}

static const struct {
    const char *name;
    int64_t length;
} units[] = {{"d", CLOCK_DAY}, {"h", CLOCK_HOUR}, {"m", CLOCK_MINUTE}, {"s", CLOCK_SECOND}, {"ms", 1}};

bool clock_parse_span(struct str s, int64_t *milliseconds)
{
    size_t digits = 0;
    while (digits < s.length && s.data[digits] >= '0' && s.data[digits] <= '9') digits++;
    uint64_t count;
    if (!str_to_u64(str_first(s, digits), &count)) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!str_equal(str_from(s, digits), str_of(units[i].name))) continue;
        if (count > (uint64_t)(CLOCK_DAY * INT64_C(365250) / units[i].length)) return false;
        *milliseconds = (int64_t)count * units[i].length;
        return true;
    }
    return false;
}

struct str clock_format_span(struct arena *arena, int64_t span)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (span != 0 && span % units[i].length == 0)
            return arena_printf(arena, "%lld%s", (long long)(span / units[i].length), units[i].name);
    return arena_copy(arena, S("0s"));
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* What floor_divide leaves over: 0 to b - 1, also before 1970. */
static int64_t floor_remainder(int64_t a, int64_t b)
{
    return (a % b + b) % b;
}

struct calendar clock_calendar(int64_t moment)
{
    int64_t days = floor_divide(moment, CLOCK_DAY);
    int64_t seconds = floor_remainder(moment, CLOCK_DAY) / CLOCK_SECOND;
    int64_t z = days + 719468, era = floor_divide(z, 146097), day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    return (struct calendar){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1),
        .hour = (int)(seconds / 3600),
        .minute = (int)(seconds / 60 % 60),
        .second = (int)(seconds % 60),
        .weekday = (int)floor_remainder(days + 4, 7),
    };
}

bool clock_from_calendar(const struct calendar *c, int64_t *moment)
{
    if (c->year < 1 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 || c->day > 31) return false;
    if (c->hour < 0 || c->hour > 23 || c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 59) return false;
    int64_t at = days_from_civil(c->year, c->month, c->day) * CLOCK_DAY + c->hour * (int64_t)CLOCK_HOUR +
                 c->minute * (int64_t)CLOCK_MINUTE + c->second * (int64_t)CLOCK_SECOND;
    if (clock_calendar(at).day != c->day) return false;
    *moment = at;
    return true;
}

/* Takes `digits` digits and then `separator` (0: none) off the front of *s. */
static bool take_number(struct str *s, size_t digits, char separator, int *value)
{
    uint64_t number;
    size_t length = digits + (separator ? 1 : 0);
    if (s->length < length || !str_to_u64(str_first(*s, digits), &number)) return false;
    if (separator && s->data[digits] != separator) return false;
    *value = (int)number;
    *s = str_from(*s, length);
    return true;
}

/* .5, .123456: milliseconds, cut off after the third digit. */
static bool take_fraction(struct str *s, int64_t *milliseconds)
{
    *milliseconds = 0;
    if (s->length == 0 || s->data[0] != '.') return true;
    size_t digits = 0;
    int64_t weight = 100;
    for (*s = str_from(*s, 1); digits < s->length && s->data[digits] >= '0' && s->data[digits] <= '9'; digits++) {
        *milliseconds += (s->data[digits] - '0') * weight;
        weight /= 10;
    }
    *s = str_from(*s, digits);
    return digits > 0;
}

bool clock_parse_zone(struct str s, int64_t *offset)
{
    if (s.length == 0 || str_equal_nocase(s, S("Z"))) {
        *offset = 0;
        return true;
    }
    int sign = s.data[0] == '+' ? 1 : s.data[0] == '-' ? -1 : 0;
    int hours, minutes;
    s = str_from(s, 1);
    if (sign == 0 || !take_number(&s, 2, ':', &hours) || !take_number(&s, 2, 0, &minutes) || s.length > 0) return false;
    if (hours > 23 || minutes > 59) return false;
    *offset = sign * (hours * (int64_t)CLOCK_HOUR + minutes * (int64_t)CLOCK_MINUTE);
    return true;
}

bool clock_parse_day_time(struct str s, int64_t *time)
{
    int hours, minutes;
    if (!take_number(&s, 2, ':', &hours) || !take_number(&s, 2, 0, &minutes) || s.length > 0) return false;
    if (hours > 24 || minutes > 59 || (hours == 24 && minutes > 0)) return false;
    *time = hours * (int64_t)CLOCK_HOUR + minutes * (int64_t)CLOCK_MINUTE;
    return true;
}

bool clock_parse_time(struct str s, int64_t *moment)
{
    struct calendar c = {0};
    int64_t at, fraction, offset;
    if (!take_number(&s, 4, '-', &c.year) || !take_number(&s, 2, '-', &c.month) || !take_number(&s, 2, 0, &c.day)) return false;
    if (s.length == 0 || !memchr("Tt ", s.data[0], 3)) return false;
    s = str_from(s, 1);
    if (!take_number(&s, 2, ':', &c.hour) || !take_number(&s, 2, ':', &c.minute) || !take_number(&s, 2, 0, &c.second)) return false;
    if (!take_fraction(&s, &fraction) || s.length == 0 || !clock_parse_zone(s, &offset)) return false;
    if (!clock_from_calendar(&c, &at)) return false;
    at += fraction - offset;
    int year = clock_calendar(at).year; /* in UTC: the offset may lead out of what can be written again */
    if (c.year < 1970 || year < 1970 || year > 9999) return false;
    *moment = at;
    return true;
}

struct str clock_format_day_time(struct arena *arena, int64_t time)
{
    return arena_printf(arena, "%02d:%02d", (int)(time / CLOCK_HOUR), (int)(time % CLOCK_HOUR / CLOCK_MINUTE));
}

struct str clock_format_zone(struct arena *arena, int64_t offset)
{
    if (offset == 0) return S("Z");
    struct str time = clock_format_day_time(arena, offset < 0 ? -offset : offset);
    return arena_printf(arena, "%c" STR_FMT, offset < 0 ? '-' : '+', STR_ARG(time));
}

struct str clock_format_time(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    int milliseconds = (int)floor_remainder(moment, CLOCK_SECOND);
    if (milliseconds == 0) return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour, c.minute, c.second, milliseconds);
}
