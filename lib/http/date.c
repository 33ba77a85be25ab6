#include "lib/http/date.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct str http_date(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    return arena_printf(arena, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + (ptrdiff_t)c.weekday * 3, c.day,
                        months + (ptrdiff_t)(c.month - 1) * 3, c.year, c.hour, c.minute, c.second);
}

static bool number(struct str s, size_t from, size_t length, int *value)
{
    uint64_t parsed;
    struct str digits = str_first(str_from(s, from), length);
    if (digits.length == length && digits.length > 0 && digits.data[0] == ' ') digits = str_from(digits, 1); /* asctime's " 6" */
    if (from + length > s.length || !str_to_u64(digits, &parsed)) return false;
    *value = (int)parsed;
    return true;
}

static bool month_name(struct str s, size_t from, int *month)
{
    struct str name = str_first(str_from(s, from), 3);
    for (int i = 0; i < 12; i++)
        if (str_equal(name, str_make(months + (ptrdiff_t)i * 3, 3))) return *month = i + 1, true;
    return false;
}

static bool time_of_day(struct str s, size_t from, struct calendar *c)
{
    return from + 8 <= s.length && s.data[from + 2] == ':' && s.data[from + 5] == ':' && number(s, from, 2, &c->hour) &&
           number(s, from + 3, 2, &c->minute) && number(s, from + 6, 2, &c->second);
}

/* A two-digit year that seems over 50 years ahead is one of the past. */
static int century(int two_digits)
{
    int now = clock_calendar(clock_now()).year;
    int year = now / 100 * 100 + two_digits;
    return year > now + 50 ? year - 100 : year;
}

/*  Sun, 06 Nov 1994 08:49:37 GMT    Sunday, 06-Nov-94 08:49:37 GMT    Sun Nov  6 08:49:37 1994  */
static bool parse_fields(struct str s, struct calendar *c)
{
    size_t comma = str_find(s, ',');
    if (comma == 3)
        return s.length == 29 && str_ends(s, S(" GMT")) && number(s, 5, 2, &c->day) && month_name(s, 8, &c->month) &&
               number(s, 12, 4, &c->year) && time_of_day(s, 17, c);
    if (comma < s.length) {
        s = str_from(s, comma);
        if (s.length != 24 || !str_ends(s, S(" GMT")) || !number(s, 9, 2, &c->year)) return false;
        c->year = century(c->year);
        return number(s, 2, 2, &c->day) && month_name(s, 5, &c->month) && time_of_day(s, 12, c);
    }
    return s.length == 24 && month_name(s, 4, &c->month) && number(s, 8, 2, &c->day) && time_of_day(s, 11, c) && number(s, 20, 4, &c->year);
}

bool http_date_parse(struct str s, int64_t *moment)
{
    struct calendar c = {0};
    if (!parse_fields(str_trim(s), &c)) return false;
    if (c.second == 60) c.second = 59; /* a leap second */
    return clock_from_calendar(&c, moment);
}
