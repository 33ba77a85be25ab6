#include "lib/admission/population.h"

#include <stdio.h>

#include "base/random.h"
#include "lib/admission/admission.h"
#include "lib/config/config.h"

enum { KINDS_MAXIMUM = 64 };

static const char usual[] =
    "{\"unreachable\":0.03,"
    "\"classes\":[{\"share\":0.12,\"hours\":\"0-24\"},{\"share\":0.40,\"hours\":\"18-23\",\"jitter\":2},"
    "{\"share\":0.18,\"hours\":\"7-9,19-23\",\"jitter\":1},{\"share\":0.15,\"hours\":\"9-18\",\"jitter\":1},"
    "{\"share\":0.15,\"hours\":\"23-7\",\"jitter\":1}],"
    "\"bandwidth\":[{\"share\":0.2,\"rate\":1250000},{\"share\":0.4,\"rate\":3750000},{\"share\":0.3,\"rate\":6250000},"
    "{\"share\":0.1,\"rate\":12500000}],"
    "\"sizes\":[{\"share\":0.6,\"part\":1},{\"share\":0.4,\"part\":0.25}]}";

/* One of several, with the sum of the shares up to it. */
struct kind {
    double upto, value; /* a rate or a part */
    uint32_t hours;
    uint64_t jitter;
};
struct kinds {
    struct kind items[KINDS_MAXIMUM];
    size_t count;
};
struct recipe {
    const struct admission_profile *profile;
    double size; /* of the resource */
    double unreachable;
    struct kinds classes, bandwidth, sizes;
};

/* What clients of a kind differ in. */
struct property {
    const char *name;
    double least, most;
};
static const struct property rate = {"rate", 1, 1e12}, part = {"part", 1e-6, 1};

/* `property` NULL: the hours. */
static enum status parse_kind(struct config *item, const struct property *property, struct kind *kind, struct error *error)
{
    struct str hours = {0};
    TRY(config_number(item, "share", CONFIG_REQUIRED, 0, 1e9, &kind->upto, error));
    if (property) return config_number(item, property->name, CONFIG_REQUIRED, property->least, property->most, &kind->value, error);
    TRY(config_text(item, "hours", CONFIG_REQUIRED, &hours, error));
    if (!admission_parse_hours(hours, &kind->hours))
        return config_refuse(item, "hours", error, "must be ranges of hours such as 18-23,7-9");
    return config_whole(item, "jitter", CONFIG_OPTIONAL, 0, 12, &kind->jitter, error);
}

static enum status parse_kinds(struct config *config, const char *name, const struct property *property, struct kinds *kinds,
                               struct error *error)
{
    struct config array, item;
    double sum = 0;
    TRY(config_array(config, name, CONFIG_REQUIRED, &array, &kinds->count, error));
    if (kinds->count > KINDS_MAXIMUM) return config_refuse(config, name, error, "more than %d", KINDS_MAXIMUM);
    for (size_t i = 0; i < kinds->count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(parse_kind(&item, property, &kinds->items[i], error));
        TRY(config_end(&item, error));
        kinds->items[i].upto = sum += kinds->items[i].upto;
    }
    if (sum <= 0) return config_refuse(config, name, error, "the shares must add up to more than 0");
    for (size_t i = 0; i < kinds->count; i++) kinds->items[i].upto /= sum;
    return STATUS_OK;
}

static enum status parse_recipe(struct arena *arena, struct str json, struct recipe *recipe, struct error *error)
{
    struct config config;
    TRY(config_open(arena, json, "population", &config, error));
    TRY(config_number(&config, "unreachable", CONFIG_OPTIONAL, 0, 1, &recipe->unreachable, error));
    TRY(parse_kinds(&config, "classes", NULL, &recipe->classes, error));
    TRY(parse_kinds(&config, "bandwidth", &rate, &recipe->bandwidth, error));
    TRY(parse_kinds(&config, "sizes", &part, &recipe->sizes, error));
    return config_end(&config, error);
}

static const struct kind *pick(const struct kinds *kinds, uint64_t *random)
{
    double number = random_fraction(random);
    size_t i = 0;
    while (i + 1 < kinds->count && number >= kinds->items[i].upto) i++;
    return &kinds->items[i];
}

static uint32_t moved(const struct kind *kind, uint64_t *random)
{
    unsigned by = (unsigned)(random_next(random) % (2 * kind->jitter + 1) + DAY_HOURS - kind->jitter) % DAY_HOURS;
    return (kind->hours << by | kind->hours >> (DAY_HOURS - by)) & DAY_ALL_HOURS;
}

static void make_client(const struct recipe *recipe, struct population *population, size_t i)
{
    char id[48];
    uint64_t random = population->seed * UINT64_C(0x2545f4914f6cdd1d) + i;
    int length = snprintf(id, sizeof id, "%llu-%zu", (unsigned long long)population->seed, i);
    bool never = random_fraction(&random) < recipe->unreachable;
    population->hours[i] = never ? 0 : moved(pick(&recipe->classes, &random), &random);
    population->bandwidth[i] = (float)pick(&recipe->bandwidth, &random)->value;
    population->size[i] = (float)(recipe->size * pick(&recipe->sizes, &random)->value);
    population->number[i] = admission_hash(recipe->profile->resource, str_make(id, (size_t)length));
}

enum status population_make(struct arena *arena, const struct admission_profile *profile, const struct population_plan *plan,
                            struct population *population, struct error *error)
{
    struct recipe *recipe = arena_new_of(arena, struct recipe);
    size_t count = plan->count;
    TRY(parse_recipe(arena, plan->json.length > 0 ? plan->json : str_of(usual), recipe, error));
    recipe->profile = profile;
    recipe->size = (double)plan->size;
    population->count = count;
    population->seed = plan->seed;
    population->hours = arena_array(arena, count, sizeof *population->hours);
    population->bandwidth = arena_array(arena, count, sizeof *population->bandwidth);
    population->size = arena_array(arena, count, sizeof *population->size);
    population->number = arena_array(arena, count, sizeof *population->number);
    for (size_t i = 0; i < count; i++) make_client(recipe, population, i);
    return STATUS_OK;
}
