#include "lib/http/date.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void put_two(char *at, int number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
}

/* Every answer has one: put together by hand, at a fifth of what printing costs. */
struct str http_date(struct arena *arena, int64_t moment)
{
    struct calendar c = clock_calendar(moment);
    struct str text = arena_copy(arena, S("Www, 00 Mmm 0000 00:00:00 GMT"));
    char *at = (char *)(uintptr_t)text.data;
    memcpy(at, days + (ptrdiff_t)c.weekday * 3, 3);
    put_two(at + 5, c.day);
    memcpy(at + 8, months + (ptrdiff_t)(c.month - 1) * 3, 3);
    put_two(at + 12, c.year / 100);
    put_two(at + 14, c.year);
    put_two(at + 17, c.hour);
    put_two(at + 20, c.minute);
    put_two(at + 23, c.second);
    return text;
}

/* Whether s looks like the pattern, in which a is a letter, 0 a digit, _ a digit or a space, and all else itself. */
static bool has_shape(struct str s, struct str pattern)
{
    if (s.length != pattern.length) return false;
    for (size_t i = 0; i < s.length; i++) {
        char c = s.data[i], wanted = pattern.data[i];
        bool digit = c >= '0' && c <= '9', letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool fits = wanted == 'a' ? letter : wanted == '0' ? digit : wanted == '_' ? digit || c == ' ' : c == wanted;
        if (!fits) return false;
    }
    return true;
}

/* Of a text whose shape is known; asctime's day has a space in front where it has one digit. */
static int number(struct str s, size_t from, size_t length)
{
    uint64_t value = 0;
    str_to_u64(str_trim(str_first(str_from(s, from), length)), &value);
    return (int)value;
}

static bool month_name(struct str s, size_t from, int *month)
{
    struct str name = str_first(str_from(s, from), 3);
    for (int i = 0; i < 12; i++)
        if (str_equal(name, str_make(months + (ptrdiff_t)i * 3, 3))) return *month = i + 1, true;
    return false;
}

static void time_of_day(struct str s, size_t from, struct calendar *c)
{
    c->hour = number(s, from, 2);
    c->minute = number(s, from + 3, 2);
    c->second = number(s, from + 6, 2);
}

/* A two-digit year that seems over 50 years ahead is one of the past. */
static int century(int two_digits)
{
    int now = clock_calendar(clock_now()).year;
    int year = now / 100 * 100 + two_digits;
    return year > now + 50 ? year - 100 : year;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_fixdate(struct str s, struct calendar *c)
{
    if (!has_shape(s, S("aaa, 00 aaa 0000 00:00:00 GMT"))) return false;
    c->day = number(s, 5, 2);
    c->year = number(s, 12, 4);
    time_of_day(s, 17, c);
    return month_name(s, 8, &c->month);
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool parse_rfc850(struct str s, struct calendar *c)
{
    s = str_from(s, str_find(s, ','));
    if (!has_shape(s, S(", 00-aaa-00 00:00:00 GMT"))) return false;
    c->day = number(s, 2, 2);
    c->year = century(number(s, 9, 2));
    time_of_day(s, 12, c);
    return month_name(s, 5, &c->month);
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(struct str s, struct calendar *c)
{
    if (!has_shape(s, S("aaa aaa _0 00:00:00 0000"))) return false;
    c->day = number(s, 8, 2);
    c->year = number(s, 20, 4);
    time_of_day(s, 11, c);
    return month_name(s, 4, &c->month);
}

bool http_date_parse(struct str s, int64_t *moment)
{
    struct calendar c = {0};
    s = str_trim(s);
    if (!parse_fixdate(s, &c) && !parse_rfc850(s, &c) && !parse_asctime(s, &c)) return false;
    if (c.second == 60) c.second = 59; /* a leap second */
    return clock_from_calendar(&c, moment);
}

/* 06/Nov/1994:08:49:37 +0800 */
bool http_log_time_parse(struct str s, int64_t *moment)
{
    struct calendar c = {.day = number(s, 0, 2), .year = number(s, 7, 4)};
    bool east = has_shape(s, S("00/aaa/0000:00:00:00 +0000"));
    if ((!east && !has_shape(s, S("00/aaa/0000:00:00:00 -0000"))) || !month_name(s, 3, &c.month)) return false;
    int64_t hours = number(s, 22, 2), minutes = number(s, 24, 2), ahead = hours * CLOCK_HOUR + minutes * CLOCK_MINUTE;
    time_of_day(s, 12, &c);
    if (c.second == 60) c.second = 59;
    if (hours > 23 || minutes > 59 || !clock_from_calendar(&c, moment)) return false;
    *moment += east ? -ahead : ahead;
    return *moment >= 0;
}
