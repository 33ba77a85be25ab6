#include "lib/policy/auto.h"

static const uint64_t thresholds[] = {0, 1, 2, 3, 5, 9};
static const double displaces[] = {0, 0.25, 1};
enum {
    THRESHOLDS = sizeof thresholds / sizeof *thresholds,
    DISPLACES = sizeof displaces / sizeof *displaces,
    WINDOWS = 5,
    FEW_PACKAGES = 20,
    LONG_COPY = 3600 /* seconds */
};

unsigned auto_settings(struct auto_setting settings[AUTO_SETTINGS_MAX])
{
    unsigned count = 0;
    for (unsigned t1 = 0; t1 < THRESHOLDS; t1++)
        for (unsigned displace = 0; displace < DISPLACES; displace++)
            for (unsigned room = 0; room < (thresholds[t1] > 0 ? 2U : 1U); room++)
                settings[count++] = (struct auto_setting){t1, displace, room};
    return count;
}

void auto_apply(struct auto_setting setting, struct policy *policy)
{
    const struct window day = {.kind = WINDOW_LAST, .last = CLOCK_DAY};
    uint64_t t1 = thresholds[setting.t1];
    policy->place = (struct policy_place){.t1 = t1,
                                          .t2 = t1 / 5,
                                          .has_room_t1 = setting.room > 0,
                                          .displace = displaces[setting.displace],
                                          .m = 3,
                                          .of = WINDOWS,
                                          .include_current = true,
                                          .window = day};
    policy->evict =
        (struct policy_evict){.t3 = 1, .n = WINDOWS, .of = WINDOWS, .include_current = true, .window = day, .grace = policy->evict.grace};
}

static bool is_same(const struct policy *one, const struct policy *other)
{
    const struct policy_place *place = &one->place, *with = &other->place;
    const struct policy_evict *evict = &one->evict, *against = &other->evict;
    return place->t1 == with->t1 && place->t2 == with->t2 && place->small_size == with->small_size &&
           place->has_room_t1 == with->has_room_t1 && place->room_t1 == with->room_t1 && place->displace == with->displace &&
           place->m == with->m && place->of == with->of && place->confidence == with->confidence &&
           place->include_current == with->include_current && place->window.kind == with->window.kind &&
           place->window.last == with->window.last && evict->t3 == against->t3 && evict->n == against->n && evict->of == against->of &&
           evict->confidence == against->confidence && evict->include_current == against->include_current &&
           evict->window.kind == against->window.kind && evict->window.last == against->window.last;
}

bool auto_find(const struct policy *policy, struct auto_setting *setting)
{
    struct auto_setting settings[AUTO_SETTINGS_MAX];
    unsigned count = auto_settings(settings);
    for (unsigned i = 0; i < count; i++) {
        struct policy with = *policy;
        auto_apply(settings[i], &with);
        *setting = settings[i];
        if (is_same(policy, &with)) return true;
    }
    return false;
}

static unsigned apart(unsigned one, unsigned other)
{
    return one > other ? one - other : other - one;
}

unsigned auto_steps(struct auto_setting one, struct auto_setting other)
{
    unsigned t1 = apart(one.t1, other.t1), displace = apart(one.displace, other.displace);
    return t1 > displace ? t1 : displace;
}

struct str auto_text(struct arena *arena, struct auto_setting setting)
{
    return arena_printf(arena, "threshold %llu, displace %g%s", (unsigned long long)thresholds[setting.t1], displaces[setting.displace],
                        setting.room ? ", room 0" : "");
}

struct auto_setting auto_start(uint64_t package, uint64_t quota, uint64_t link)
{
    bool few = quota / FEW_PACKAGES<package, slow = link> 0 && package / link >= LONG_COPY;
    return (struct auto_setting){.t1 = 1 + (unsigned)few + (unsigned)slow, .displace = DISPLACES - 1};
}
