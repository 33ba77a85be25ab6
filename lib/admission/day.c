#include "lib/admission/day.h"

#include <math.h>
#include <stdlib.h>

static double coefficient_at(const struct day_slots *slots, int64_t time)
{
    for (size_t i = 0; slots && i < slots->count; i++) {
        const struct day_slot *slot = &slots->items[i];
        bool over_midnight = slot->from > slot->to;
        if (over_midnight ? time >= slot->from || time < slot->to : time >= slot->from && time < slot->to) return slot->coefficient;
    }
    return 1;
}

static int by_time(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static size_t add_borders(const struct day_slots *slots, int64_t *borders, size_t count)
{
    for (size_t i = 0; slots && i < slots->count; i++) {
        borders[count++] = slots->items[i].from;
        borders[count++] = slots->items[i].to;
    }
    return count;
}

static void sum_up(struct day *day)
{
    day->before[0] = 0;
    for (size_t i = 0; i < day->count; i++)
        day->before[i + 1] = day->before[i] + day->rate[i] * (double)(day->start[i + 1] - day->start[i]);
}

void day_build(struct day *day, const struct day_slots *slots, const struct day_slots *other)
{
    int64_t borders[DAY_STEPS_MAXIMUM];
    size_t count = 0;
    for (int hour = 0; hour < DAY_HOURS; hour++) borders[count++] = hour * (int64_t)CLOCK_HOUR;
    count = add_borders(other, borders, add_borders(slots, borders, count));
    qsort(borders, count, sizeof *borders, by_time);
    day->count = 0;
    for (size_t i = 0; i < count && borders[i] < CLOCK_DAY; i++) {
        if (i > 0 && borders[i] == borders[i - 1]) continue;
        day->rate[day->count] = 1;
        day->start[day->count++] = borders[i];
    }
    day->start[day->count] = CLOCK_DAY;
    sum_up(day);
}

static void copy_steps(const struct day *day, struct day *out)
{
    out->count = day->count;
    memcpy(out->start, day->start, (day->count + 1) * sizeof *day->start);
}

void day_finish(struct day *day, const struct day *like)
{
    if (day != like) copy_steps(like, day);
    day->start[day->count] = CLOCK_DAY;
    sum_up(day);
}

void day_weigh(const struct day *day, const struct day_slots *slots, struct day *out)
{
    copy_steps(day, out);
    for (size_t i = 0; i < day->count; i++) out->rate[i] = day->rate[i] * coefficient_at(slots, day->start[i]);
    sum_up(out);
}

void day_mask(const struct day *day, uint32_t hours, struct day *out)
{
    copy_steps(day, out);
    for (size_t i = 0; i < day->count; i++) out->rate[i] = hours >> (day->start[i] / CLOCK_HOUR) & 1 ? day->rate[i] : 0;
    sum_up(out);
}

/* --- moments */

int64_t day_offset_at(const struct day_zone *zone, int64_t moment)
{
    size_t i = zone->count - 1;
    while (i > 0 && moment < zone->items[i].from) i--;
    return zone->items[i].offset;
}

/* The part of [from, to] in which the i-th offset holds; false where there is none. */
static bool cut_to_offset(const struct day_zone *zone, size_t i, int64_t *from, int64_t *to)
{
    if (i > 0 && *from < zone->items[i].from) *from = zone->items[i].from;
    if (i + 1 < zone->count && *to > zone->items[i + 1].from) *to = zone->items[i + 1].from;
    return *from < *to;
}

struct local {
    int64_t day, time; /* since 1970, of the zone; ms of that day */
};

static struct local local_of(int64_t moment, int64_t offset)
{
    int64_t shifted = moment + offset, time = (shifted % CLOCK_DAY + CLOCK_DAY) % CLOCK_DAY;
    return (struct local){(shifted - time) / CLOCK_DAY, time};
}

static size_t step_at(const struct day *day, int64_t time)
{
    size_t low = 0, high = day->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (day->start[middle] <= time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double since_midnight(const struct day *day, int64_t time)
{
    size_t step = step_at(day, time);
    return day->before[step] + day->rate[step] * (double)(time - day->start[step]);
}

double day_rate(const struct day *day, const struct day_zone *zone, int64_t moment)
{
    return day->rate[step_at(day, local_of(moment, day_offset_at(zone, moment)).time)];
}

static double integral_at(const struct day *day, int64_t offset, int64_t from, int64_t to)
{
    struct local first = local_of(from, offset), last = local_of(to, offset);
    double sum = (double)(last.day - first.day) * day->before[day->count] + since_midnight(day, last.time);
    return fmax(sum - since_midnight(day, first.time), 0);
}

double day_integral(const struct day *day, const struct day_zone *zone, int64_t from, int64_t to)
{
    double sum = 0;
    for (size_t i = 0; i < zone->count; i++) {
        int64_t first = from, last = to;
        if (cut_to_offset(zone, i, &first, &last)) sum += integral_at(day, zone->items[i].offset, first, last);
    }
    return sum;
}

/* Of the steps that end in ]from, to]; the share grows from `release` on. A step's product is largest at its end, and a later day's
 * larger than an earlier one's: the last 24 hours decide. */
static double highest_at(const struct day *day, int64_t offset, int64_t release, int64_t from, int64_t to)
{
    double highest = 0;
    int64_t midnight = to - local_of(to, offset).time;
    for (size_t i = 0; i < day->count; i++) {
        bool later = midnight + day->start[i] > to; /* then it is yesterday's that counts */
        int64_t end = midnight + day->start[i + 1] - (later ? CLOCK_DAY : 0);
        int64_t last = end < to ? end : to;
        if (last > from) highest = fmax(highest, day->rate[i] * (double)(last - release));
    }
    return highest;
}

double day_highest_product(const struct day *day, const struct day_zone *zone, int64_t from, int64_t to)
{
    double highest = 0;
    for (size_t i = 0; i < zone->count; i++) {
        int64_t first = from, last = to;
        if (cut_to_offset(zone, i, &first, &last)) highest = fmax(highest, highest_at(day, zone->items[i].offset, from, first, last));
    }
    return highest;
}
