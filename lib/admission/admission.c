#include "lib/admission/admission.h"

#include <errno.h>
#include <math.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* An outsider (A7) may be asked in later; that is no matter of minutes. */
enum { OUTSIDER_RETRY = 3600 };

/* --- numbers */

static double fraction_of(uint64_t bits)
{
    return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

double admission_fresh(void)
{
    uint64_t bits = 0;
    while (getrandom(&bits, sizeof bits, 0) < 0)
        if (errno != EINTR) abort();
    return fraction_of(bits);
}

static double hash_of(struct str first, struct str second)
{
    unsigned char digest[SHA256_DIGEST_LENGTH], text[512];
    struct str a = str_first(first, 129), b = str_first(second, 256);
    uint64_t bits = 0;
    memcpy(text, a.data, a.length);
    text[a.length] = '\n';
    if (b.length > 0) memcpy(text + a.length + 1, b.data, b.length);
    SHA256(text, a.length + 1 + b.length, digest);
    for (int i = 0; i < 8; i++) bits = bits << 8 | digest[i];
    return fraction_of(bits);
}

double admission_hash(struct str resource, struct str client)
{
    return hash_of(resource, client);
}

/* --- whom it is for (A7) */

bool admission_is_for(const struct admission_profile *profile, const struct admission_client *client)
{
    bool in_region = profile->region_count == 0;
    for (size_t i = 0; i < profile->region_count; i++) in_region = in_region || str_equal(profile->regions[i], client->region);
    if (!in_region || profile->share >= 1) return in_region;
    char salted[160]; /* another number than the one for starting, or a share would start early as a whole */
    int length = snprintf(salted, sizeof salted, "@" STR_FMT, STR_ARG(profile->resource));
    return hash_of(str_make(salted, (size_t)length), client->id) < profile->share;
}

/* A7: one of the profile's conditions for asking holds, the profile has none, or the client gives none and judges by itself. */
static bool admission_may_ask(const struct admission_profile *profile, const struct admission_client *client)
{
    if (profile->ask_count == 0 || client->condition_count == 0) return true;
    for (size_t i = 0; i < client->condition_count; i++)
        for (size_t k = 0; k < profile->ask_count; k++)
            if (str_equal(client->conditions[i], profile->ask[k])) return true;
    return false;
}

/* --- whose time of day */

enum status admission_client_fits(const struct admission_profile *profile, const struct admission_client *client, struct error *error)
{
    ENSURE(!profile->is_device_time || client->has_offset, error, STATUS_INVALID,
           "the profile goes by the device's time of day: give its offset from UTC as 'timezone', such as +08:00");
    return STATUS_OK;
}

/* `own` holds the client's, where it counts. */
static struct day_zone zone_of(const struct admission_profile *profile, const struct admission_client *client, struct day_offset *own)
{
    *own = (struct day_offset){0, client->offset};
    return profile->is_device_time && client->has_offset ? (struct day_zone){own, 1} : profile->zone;
}

/* --- account (A4) */

static double band_add(const struct admission_bands *bands, int64_t amount)
{
    double add = 0;
    for (size_t i = 0; i < bands->count; i++)
        if (amount >= bands->items[i].from) add = bands->items[i].add;
    return add;
}

/* When this session began. It must not move with `now`: waiting earns nothing, and a start time that was given stays. */
static int64_t session_of(const struct admission_client *client, int64_t now)
{
    if (client->login != ADMISSION_NEVER) return client->login;
    return client->asked_since != ADMISSION_NEVER ? client->asked_since : now;
}

static double gap_add(const struct admission_profile *profile, const struct admission_client *client, int64_t session)
{
    const struct admission_account *account = &profile->account;
    if (client->last_login == ADMISSION_NEVER || client->last_login >= session) return 0;
    double second_span = (double)(profile->deadline - profile->release) * account->initial_coefficient;
    int64_t gap = session - client->last_login;
    return (double)gap >= second_span ? fmin(band_add(&account->gap, gap), account->cap) : 0;
}

static int64_t amount_of(uint64_t amount)
{
    return amount > INT64_MAX ? INT64_MAX : (int64_t)amount;
}

double admission_initial(const struct admission_profile *profile, const struct admission_client *client, int64_t now)
{
    const struct admission_account *account = &profile->account;
    if (account->frequent > 0 && client->logins_per_week >= account->frequent) return 1;
    double sum = gap_add(profile, client, session_of(client, now)) + band_add(&account->credit, amount_of(client->credit)) +
                 band_add(&account->points, amount_of(client->points));
    for (size_t i = 0; i < account->membership_count; i++)
        if (str_equal(account->memberships[i].name, client->membership)) sum += account->memberships[i].add;
    return fmin(sum, account->cap_total);
}

/* --- level (A5) */

static enum admission_level level_at(const struct admission_profile *profile, int64_t now)
{
    const struct admission_levels *levels = &profile->levels;
    double remaining = (double)(profile->deadline - now) / (double)(profile->deadline - profile->release);
    if (profile->deadline - now <= levels->lead) return ADMISSION_HIGHEST;
    if (remaining >= levels->r1) return ADMISSION_LOWEST;
    return remaining >= levels->r2 ? ADMISSION_NORMAL : ADMISSION_HIGHEST;
}

/* --- probability */

double admission_present(const struct admission_profile *profile, const struct day_zone *zone, int64_t now)
{
    if (now < profile->release) return 0;
    if (profile->mode == ADMISSION_STEPS) return now < admission_profile_end(profile) ? profile->before : profile->after;
    if (now >= admission_profile_end(profile)) return 1; /* A1 */
    double share = (double)(now - profile->release) / (double)(profile->deadline - profile->release);
    return day_rate(&profile->slots, zone, now) * share;
}

/* A8: what the weighted share has reached at most, as a part of what it will have reached at D − lead. Where all the coefficients on the
 * way are 0 (by the device's time of day) the share is not weighted. */
static double sticky_probability(const struct admission_profile *profile, const struct day_zone *zone, double whole, int64_t now)
{
    if (whole > 0) return day_highest_product(&profile->slots, zone, profile->release, now) / whole;
    return (double)(now - profile->release) / (double)(admission_profile_end(profile) - profile->release);
}

/* A9: what of a client's own window has passed: of the time until it must start, the hours in which it is on, weighted by the pace. */
struct window {
    const struct day_zone *zone;
    struct day pace;
    int64_t start, end;
    double whole;
};

/* The latest moment in [from, to] from which on `need` ms are left until `to`; from − 1 where there never were. */
static int64_t latest_with(const struct day *on, const struct day_zone *zone, int64_t from, int64_t to, double need)
{
    int64_t low = from - 1, high = to;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (day_integral(on, zone, middle, to) >= need)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* When a client must start at the latest to be through at the deadline, and not after `end`: backwards from there, level by level, each
 * with its speed. A tenth is kept in hand. */
static int64_t latest_start(const struct admission_profile *profile, const struct admission_client *client, const struct day_zone *zone,
                            const struct day *on, int64_t end)
{
    const struct admission_levels *levels = &profile->levels;
    double span = (double)(profile->deadline - profile->release), need = (double)(profile->size > 0 ? profile->size : 1) * 1.1;
    int64_t to = profile->deadline, urgent = profile->deadline - levels->lead;
    const double remaining[ADMISSION_LEVELS] = {1, levels->r1, levels->r2};
    for (int level = ADMISSION_HIGHEST; level >= ADMISSION_LOWEST; level--) {
        int64_t from = profile->deadline - (int64_t)(remaining[level] * span);
        uint64_t limit = levels->strategy[level].speed;
        if (from > urgent) from = urgent;
        if (from < profile->release) from = profile->release;
        double speed = client->bandwidth > 0 ? (double)client->bandwidth : INFINITY;
        if (limit > 0) speed = fmin(speed, (double)limit);
        double has = day_integral(on, zone, from, to), wants = fmax(need / speed * CLOCK_SECOND, 1);
        if (day_integral(on, zone, from > end ? from : end, to) >= wants) return end;
        if (has >= wants) return latest_with(on, zone, from, to, wants); /* before `end`, as less was left from there on */
        if (has > 0) need -= speed * has / CLOCK_SECOND;
        if (need < 1) return from < end ? from : end;
        to = from;
    }
    return profile->release;
}

/* Who is never on while the package is wanted, as far as one knows, or only where the pace is 0, is treated as everybody. Who could
 * not be through however early it starts has no window: it starts at the release. */
static void open_window(const struct admission_profile *profile, const struct admission_client *client, const struct day_zone *zone,
                        struct window *window)
{
    struct day on;
    window->zone = zone;
    int64_t end = admission_profile_end(profile);
    day_mask(&profile->clock, client->hours ? client->hours : DAY_ALL_HOURS, &on);
    if (day_integral(&on, zone, profile->release, end) <= 0) on = profile->clock;
    window->start = profile->release;
    window->end = latest_start(profile, client, zone, &on, end);
    day_mask(&profile->pace, client->hours ? client->hours : DAY_ALL_HOURS, &window->pace);
    window->whole = day_integral(&window->pace, zone, window->start, window->end);
    if (window->whole > 0) return;
    window->pace = day_integral(&profile->pace, zone, window->start, window->end) > 0 ? profile->pace : profile->clock;
    window->whole = day_integral(&window->pace, zone, window->start, window->end);
}

static double paced_probability(const struct window *window, int64_t now)
{
    if (now >= window->end) return 1;
    return day_integral(&window->pace, window->zone, window->start, now) / window->whole;
}

/* --- the moment that is a client's own */

struct own {
    const struct admission_profile *profile;
    struct day_offset offset; /* of the device, where it counts */
    struct day_zone zone;
    struct window window; /* paced only */
    double whole;         /* sticky only: what its product reaches at D − lead */
    double initial, threshold;
};

/* In paced mode the initial probability moves the threshold too, so that who has one is ahead by up to as much: were it added to the
 * probability alone, its whole share of the clients would start at the release. */
static void own_open(const struct admission_profile *profile, const struct admission_client *client, double number, double initial,
                     struct own *own)
{
    *own = (struct own){.profile = profile, .initial = initial, .threshold = number};
    own->zone = zone_of(profile, client, &own->offset);
    if (profile->mode != ADMISSION_PACED) {
        own->whole = day_highest_product(&profile->slots, &own->zone, profile->release, admission_profile_end(profile));
        return;
    }
    own->threshold = initial + number * (1 - initial);
    open_window(profile, client, &own->zone, &own->window);
}

static double own_probability(const struct own *own, int64_t now)
{
    const struct admission_profile *profile = own->profile;
    if (now < profile->release) return 0;
    if (now >= admission_profile_end(profile)) return 1;
    double share =
        profile->mode == ADMISSION_PACED ? paced_probability(&own->window, now) : sticky_probability(profile, &own->zone, own->whole, now);
    return fmin(share + own->initial, 1);
}

static bool own_admits(const struct own *own, int64_t now)
{
    double probability = own_probability(own, now);
    return probability >= 1 || probability > own->threshold;
}

/* The first moment of admission; the probability never falls. */
static int64_t own_start(const struct own *own)
{
    int64_t low = own->profile->release - 1, high = admission_profile_end(own->profile);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (own_admits(own, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

int64_t admission_start(const struct admission_profile *profile, const struct admission_client *client, double number, double initial)
{
    struct own own;
    own_open(profile, client, number, initial, &own);
    return own_start(&own);
}

/* --- the answer */

static void decide_own(const struct admission_profile *profile, const struct admission_client *client, int64_t now,
                       struct admission_answer *answer)
{
    struct own own;
    own_open(profile, client, admission_hash(profile->resource, client->id), admission_initial(profile, client, now), &own);
    answer->probability = own_probability(&own, now);
    answer->threshold = own.threshold;
    answer->admit = own_admits(&own, now);
    answer->start_at = own_start(&own);
}

static void decide_present(const struct admission_profile *profile, const struct admission_client *client, int64_t now, double fresh,
                           struct admission_answer *answer)
{
    answer->threshold = profile->is_fresh ? fresh : profile->threshold;
    if (now < profile->release) return;
    struct day_offset own;
    struct day_zone zone = zone_of(profile, client, &own);
    answer->probability = fmin(admission_present(profile, &zone, now) + admission_initial(profile, client, now), 1);
    answer->admit = answer->probability >= 1 || answer->probability > answer->threshold;
}

/* Before the release all would ask again at once: they are spread over an interval by their numbers. */
static int64_t retry_after(const struct admission_profile *profile, const struct admission_client *client, int64_t now,
                           const struct admission_answer *answer)
{
    int64_t wait = profile->interval;
    if (!answer->admit && answer->start_at != ADMISSION_NEVER)
        wait = answer->start_at - now;
    else if (now < profile->release)
        wait = profile->release - now + (int64_t)(admission_hash(profile->resource, client->id) * (double)profile->interval);
    return wait > CLOCK_SECOND ? (wait + CLOCK_SECOND - 1) / CLOCK_SECOND : 1;
}

void admission_decide(const struct admission_profile *profile, const struct admission_client *client, int64_t now, double fresh,
                      struct admission_answer *answer)
{
    enum admission_level level = level_at(profile, now);
    const struct admission_strategy *strategy = &profile->levels.strategy[level];
    bool is_session = client->last_login != ADMISSION_NEVER && client->login == ADMISSION_NEVER;
    *answer = (struct admission_answer){.level = level,
                                        .source = strategy->source,
                                        .speed_limit = strategy->speed,
                                        .threshold = 1,
                                        .start_at = ADMISSION_NEVER,
                                        .retry_after = OUTSIDER_RETRY,
                                        .asked_since = is_session ? session_of(client, now) : ADMISSION_NEVER};
    if (!admission_is_for(profile, client)) return;
    answer->retry_after = profile->interval / CLOCK_SECOND;
    if (!admission_may_ask(profile, client)) return;
    if (profile->mode == ADMISSION_STICKY || profile->mode == ADMISSION_PACED)
        decide_own(profile, client, now, answer);
    else
        decide_present(profile, client, now, fresh, answer);
    answer->retry_after = retry_after(profile, client, now, answer);
}
