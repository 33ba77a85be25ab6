#include "lib/admission/zone_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo"

enum { NAME_MAX_LENGTH = 64, SPAN_MAX_DAYS = 3660 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("/_+-", c));
}

bool zone_is_name(struct str text)
{
    if (text.length < 2 || text.length > NAME_MAX_LENGTH || str_equal(text, S("device"))) return false;
    for (size_t i = 0; i < text.length; i++)
        if (!is_name_byte(text.data[i])) return false;
    return text.data[0] != '/' && text.data[0] != '+' && text.data[0] != '-' && (text.data[0] < '0' || text.data[0] > '9');
}

/* --- the C library's reading of it */

static enum status find_file(struct str path, struct str name, struct error *error)
{
    char magic[4] = "";
    ENSURE(access(ZONES, X_OK) == 0, error, STATUS_NOT_FOUND,
           "this machine has no time zone data in " ZONES "; install tzdata, or give an offset such as +08:00");
    int fd = open(path.data, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, magic, sizeof magic) : 0;
    if (fd >= 0) close(fd);
    ENSURE(length == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0, error, STATUS_NOT_FOUND,
           "there is no time zone '" STR_FMT "' in " ZONES "; give a name such as Asia/Shanghai, an offset such as +08:00, or device",
           STR_ARG(name));
    return STATUS_OK;
}

/* `saved`: what TZ was, NULL where it was not set. */
static void set_zone(const char *value)
{
    if (value)
        setenv("TZ", value, 1);
    else
        unsetenv("TZ");
    tzset();
}

static int64_t offset_at(int64_t moment)
{
    struct tm local;
    time_t seconds = (time_t)(moment / CLOCK_SECOND);
    return localtime_r(&seconds, &local) ? local.tm_gmtoff * (int64_t)CLOCK_SECOND : 0;
}

/* Between two moments with different offsets: the first second of the second one. */
static int64_t find_change(int64_t low, int64_t high)
{
    int64_t before = offset_at(low);
    low /= CLOCK_SECOND;
    high /= CLOCK_SECOND;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (offset_at(middle * CLOCK_SECOND) == before)
            low = middle;
        else
            high = middle;
    }
    return high * CLOCK_SECOND;
}

static size_t read_offsets(int64_t from, int64_t to, struct day_offset *items)
{
    size_t count = 1;
    items[0] = (struct day_offset){from, offset_at(from)};
    for (int64_t at = from; at < to && count < DAY_OFFSETS_MAX; at += CLOCK_HOUR) {
        int64_t next = at + CLOCK_HOUR, offset = offset_at(next);
        if (offset == items[count - 1].offset) continue;
        items[count++] = (struct day_offset){find_change(at, next), offset};
    }
    return count;
}

enum status zone_resolve(struct arena *arena, struct str name, int64_t from, int64_t to, struct day_zone *zone, struct error *error)
{
    struct str path = arena_printf(arena, ZONES "/" STR_FMT, STR_ARG(name));
    struct day_offset *items = arena_array(arena, DAY_OFFSETS_MAX, sizeof *items);
    TRY(find_file(path, name, error));
    ENSURE(to - from <= SPAN_MAX_DAYS * (int64_t)CLOCK_DAY, error, STATUS_INVALID,
           "the rules of " STR_FMT " are not known for more than ten years; give an offset such as +08:00", STR_ARG(name));
    const char *set = getenv("TZ");
    const char *saved = set ? arena_cstr(arena, str_of(set)) : NULL;
    set_zone(arena_printf(arena, ":" STR_FMT, STR_ARG(path)).data);
    *zone = (struct day_zone){items, read_offsets(from, to, items)};
    set_zone(saved);
    return STATUS_OK;
}
