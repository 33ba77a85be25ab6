/* Pakhus admission for apps: whether this client may download now, decided on the device. C99, no library: copy this file.
 *
 * 1. Load GET /admission/profile?resource=… once, and read its JSON (format 1) into a struct pakhus_profile: the names are the same.
 *    Where `device_time` is true, the only offset is the device's own at the release.
 * 2. Describe the client. `number` and `share_number` are pakhus_number of the SHA-256 of "<resource>\n<client id>" and
 *    "@<resource>\n<client id>". `is_for`: audience.regions is empty or has the client's region. `may_ask`: a condition of
 *    `ask` holds now, or it has none.
 * 3. Call pakhus_decide, with a fresh random number in [0, 1), every `retry_after` ms and between the parts of a download. Download while
 *    `admit` is set, at most `speed` bytes a second (0: no limit), from the urls of `level`, then those of the levels above, then `urls`.
 *
 * Moments are ms since 1970 (UTC), spans ms. Decides as GET /admission does. A decision takes about a millisecond for ten days of release.
 */
#ifndef PAKHUS_ADMISSION_H
#define PAKHUS_ADMISSION_H
#include <stdint.h>

#define PAKHUS_NEVER INT64_MIN
#define PAKHUS_DAY   INT64_C(86400000)

enum pakhus_mode { PAKHUS_FIXED, PAKHUS_RANDOM, PAKHUS_STICKY, PAKHUS_PACED, PAKHUS_STEPS };
struct pakhus_step {
    int64_t start;
    double slots, pace;
};
struct pakhus_offset {
    int64_t from, offset;
};
struct pakhus_band {
    int64_t from;
    double add;
};
struct pakhus_profile {
    enum pakhus_mode mode;
    int64_t release, end, deadline, interval, levels_lead;
    double threshold /* below 0: null */, before, after, share, r1, r2, initial_coefficient, cap, cap_total;
    uint64_t size /* 0: null */, frequent, speed[3] /* lowest, normal, highest */;
    const struct pakhus_step *day;
    const struct pakhus_offset *offsets;
    const struct pakhus_band *gap, *credit, *points;
    int day_count, offset_count, gap_count, credit_count, points_count;
};
struct pakhus_client {
    double number, share_number, membership /* what account.membership has for it, or 0 */;
    int is_for, may_ask;
    int64_t login, last_login; /* of this session, always the same, and of the one before; PAKHUS_NEVER: not known */
    uint64_t credit, points, logins_per_week, bandwidth /* bytes a second; 0: not known */;
    uint32_t hours; /* in which the device usually is on: bit 0 is 00:00 to 01:00; 0: not known */
};
struct pakhus_answer {
    int admit, level;
    double probability, threshold;
    uint64_t speed;
    int64_t start_at /* PAKHUS_NEVER: there is none */, retry_after;
};

static inline double pakhus_number(const unsigned char *sha256)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | sha256[i];
    return (double)(bits >> 11) / 9007199254740992.0;
}

/* Step by step from `from` to `to`: the integral of the rate ('c': 1, 's': slots, 'p': pace; 0 outside the hours), or its highest product
 * with the time since the release. */
static inline double pakhus_walk(const struct pakhus_profile *p, char kind, uint32_t hours, int64_t from, int64_t to, int highest)
{
    double sum = 0, top = 0;
    for (int64_t at = from, next; at < to; at = next) {
        int zone = p->offset_count - 1, step = p->day_count - 1;
        while (zone > 0 && at < p->offsets[zone].from) zone--;
        int64_t time = ((at + p->offsets[zone].offset) % PAKHUS_DAY + PAKHUS_DAY) % PAKHUS_DAY;
        while (step > 0 && p->day[step].start > time) step--;
        next = at - time + (step + 1 < p->day_count ? p->day[step + 1].start : PAKHUS_DAY);
        if (zone + 1 < p->offset_count && next > p->offsets[zone + 1].from) next = p->offsets[zone + 1].from;
        if (next > to) next = to;
        double rate = kind == 'c' ? 1 : kind == 's' ? p->day[step].slots : p->day[step].pace;
        if (!(hours >> (p->day[step].start / 3600000) & 1)) rate = 0;
        sum += rate * (double)(next - at);
        if (rate * (double)(next - p->release) > top) top = rate * (double)(next - p->release);
    }
    return highest ? top : sum;
}

static inline double pakhus_add(const struct pakhus_band *bands, int count, uint64_t amount)
{
    double add = 0;
    for (int i = 0; i < count; i++)
        if (amount >= (uint64_t)bands[i].from) add = bands[i].add;
    return add;
}

static inline double pakhus_initial(const struct pakhus_profile *p, const struct pakhus_client *c)
{
    int64_t gap = c->login != PAKHUS_NEVER && c->last_login != PAKHUS_NEVER ? c->login - c->last_login : 0;
    double second_span = (double)(p->deadline - p->release) * p->initial_coefficient;
    if (p->frequent > 0 && c->logins_per_week >= p->frequent) return 1;
    double sum = gap > 0 && (double)gap >= second_span ? pakhus_add(p->gap, p->gap_count, (uint64_t)gap) : 0;
    if (sum > p->cap) sum = p->cap;
    sum += pakhus_add(p->credit, p->credit_count, c->credit) + pakhus_add(p->points, p->points_count, c->points) + c->membership;
    return sum < p->cap_total ? sum : p->cap_total;
}

/* The latest start with which a device that is on in these hours is through at the deadline, a tenth in hand: not after `end`. */
static inline int64_t pakhus_latest(const struct pakhus_profile *p, const struct pakhus_client *c, uint32_t hours)
{
    double need = (double)(p->size > 0 ? p->size : 1) * 1.1, remaining[4] = {1, p->r1, p->r2, 0};
    int64_t low = p->release, high = 2 * p->end - p->release, at = p->end; /* the first one tried is `end` */
    for (; high - low > 1; at = low + (high - low) / 2) {
        double loaded = 0;
        for (int level = 0; level < 3; level++) {
            double speed = c->bandwidth > 0 ? (double)c->bandwidth : 1e300, limit = (double)p->speed[level];
            int64_t urgent = p->deadline - p->levels_lead,
                    from = p->deadline - (int64_t)(remaining[level] * (double)(p->deadline - p->release)),
                    to = p->deadline - (int64_t)(remaining[level + 1] * (double)(p->deadline - p->release));
            if (from > urgent) from = urgent;
            if (to > urgent && level < 2) to = urgent;
            if (limit > 0 && limit < speed) speed = limit;
            loaded += speed * pakhus_walk(p, 'c', hours, from > at ? from : at, to, 0) / 1000;
        }
        if (loaded >= need && at >= p->end) return p->end;
        *(loaded >= need ? &low : &high) = at;
    }
    return low;
}

/* Sticky and paced modes: the first moment at which the probability passes the threshold. *probability: that of `now`. */
static inline int64_t pakhus_start(const struct pakhus_profile *p, const struct pakhus_client *c, double initial, double threshold,
                                   int64_t now, double *probability)
{
    const uint32_t all = 0xffffff, own = c->hours ? c->hours : all;
    const int paced = p->mode == PAKHUS_PACED;
    const uint32_t on = pakhus_walk(p, 'c', own, p->release, p->end, 0) > 0 ? own : all;
    const int64_t end = paced ? pakhus_latest(p, c, on) : p->end;
    const struct {
        char kind;
        uint32_t hours;
    } tries[3] = {{paced ? 'p' : 's', paced ? own : all}, {'p', all}, {'c', all}};
    int use = 0;
    double whole = pakhus_walk(p, tries[0].kind, tries[0].hours, p->release, end, !paced);
    while (whole <= 0 && use < 2 && end > p->release) use++, whole = pakhus_walk(p, tries[use].kind, tries[use].hours, p->release, end, 0);
    int64_t low = p->release - 1, high = p->end, at = now;
    for (int first = 1; first || high - low > 1; first = 0, at = low + (high - low) / 2) {
        double x = at >= end ? 1 : pakhus_walk(p, tries[use].kind, tries[use].hours, p->release, at, !paced && use == 0) / whole;
        x = at < p->release ? 0 : at >= p->end || x + initial > 1 ? 1 : x + initial;
        if (first) *probability = x;
        if (!first || (at > low && at < high)) *(x >= 1 || x > threshold ? &high : &low) = at;
    }
    return high;
}

static inline void pakhus_decide(const struct pakhus_profile *p, const struct pakhus_client *c, int64_t now, double fresh,
                                 struct pakhus_answer *a)
{
    double initial = pakhus_initial(p, c), remaining = (double)(p->deadline - now) / (double)(p->deadline - p->release);
    a->level = p->deadline - now <= p->levels_lead || remaining < p->r2 ? 2 : remaining >= p->r1 ? 0 : 1;
    a->speed = p->speed[a->level];
    int out = !c->is_for || (p->share < 1 && c->share_number >= p->share);
    a->admit = 0, a->probability = 0, a->threshold = 1, a->start_at = PAKHUS_NEVER, a->retry_after = out ? 3600000 : p->interval;
    if (out || !c->may_ask) return;
    if (p->mode == PAKHUS_STICKY || p->mode == PAKHUS_PACED) {
        a->threshold = p->mode == PAKHUS_PACED ? initial + c->number * (1 - initial) : c->number;
        a->start_at = pakhus_start(p, c, initial, a->threshold, now, &a->probability);
    } else {
        double x = now >= p->end ? 1 : pakhus_walk(p, 's', 0xffffff, now, now + 1, 0) * (1 - remaining);
        if (p->mode == PAKHUS_STEPS) x = now < p->end ? p->before : p->after;
        a->threshold = p->threshold < 0 ? fresh : p->threshold;
        a->probability = now < p->release ? 0 : x + initial < 1 ? x + initial : 1;
    }
    a->admit = now >= p->release && (a->probability >= 1 || a->probability > a->threshold);
    if (!a->admit && a->start_at != PAKHUS_NEVER)
        a->retry_after = a->start_at - now;
    else if (now < p->release)
        a->retry_after = p->release - now + (int64_t)(c->number * (double)p->interval);
}
#endif
