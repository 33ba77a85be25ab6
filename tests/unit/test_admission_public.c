/* Clients that decide by themselves: what the public form of a profile holds is enough for lib/admission and for the header that apps copy,
 * and all three decide alike. */
#include "clients/c/pakhus_admission.h"

#include <jansson.h>
#include <openssl/sha.h>

#include "lib/admission/public.h"
#include "tests/unit/admission_random.h"

enum { PROFILES = 4000, MOMENTS = 6 };

/* --- random profiles */

static const char *const modes[] = {"fixed", "random", "sticky", "paced", "steps"};

static struct str random_levels(struct arena *arena)
{
    int r1 = 2 + (int)random_below(8), r2 = 1 + (int)random_below(r1 - 1);
    int64_t speed = 1 + random_below(3000000);
    struct str lead = random_below(2) ? S("") : arena_printf(arena, "\"lead\":\"%dm\",", (int)random_below(3000));
    return arena_printf(
        arena, "{" STR_FMT "\"r1\":0.%d,\"r2\":0.%d,\"lowest\":{\"speed\":%lld},\"normal\":{\"speed\":%lld},\"highest\":{\"speed\":null}}",
        STR_ARG(lead), r1, r2, (long long)speed, (long long)(speed * 2));
}

static struct str random_mode(struct arena *arena)
{
    const char *mode = modes[random_below(5)];
    if (strcmp(mode, "steps") == 0)
        return arena_printf(arena, "\"mode\":\"steps\",\"before\":%.4f,\"after\":1%s", random_number(),
                            random_below(2) ? "" : ",\"threshold\":0.4");
    struct str zone =
        random_below(4) ? random_zone(arena, sample_time("2026-08-20T10:00:00Z"), 3 * (int64_t)CLOCK_DAY) : S("\"timezone\":\"device\"");
    struct str slots = random_slots(arena), pacing = random_slots(arena);
    return arena_printf(arena, "\"mode\":\"%s\",\"threshold\":%.3f," STR_FMT ",\"slots\":" STR_FMT ",\"pacing\":" STR_FMT, mode,
                        random_number(), STR_ARG(zone), STR_ARG(slots), STR_ARG(pacing));
}

static struct admission_profile random_profile(struct arena *arena)
{
    struct admission_profile profile;
    struct error error;
    int64_t release = sample_time("2026-08-20T10:00:00Z") + random_below(2 * (int64_t)CLOCK_DAY),
            span = 1 + random_below(12 * (int64_t)CLOCK_DAY);
    struct str mode = random_mode(arena), levels = random_levels(arena);
    struct str from = clock_format_time(arena, release), to = clock_format_time(arena, release + span);
    struct str text = arena_printf(
        arena,
        "{\"resource\":\"r%lld\",\"release\":\"" STR_FMT "\",\"deadline\":\"" STR_FMT "\",\"lead\":\"%lldms\",\"size\":%lld,"
        "\"interval\":\"%ds\"," STR_FMT ",\"levels\":" STR_FMT
        ",\"account\":{\"initial_coefficient\":0.%d,\"cap\":0.03,\"cap_total\":0.12,\"gap\":[{\"from\":\"1d\",\"add\":0.01},"
        "{\"from\":\"5d\",\"add\":0.05}],\"credit\":[{\"from\":1,\"add\":0.04}],\"points\":[{\"from\":5,\"add\":0.02},{\"from\":9,"
        "\"add\":0.025}],\"membership\":{\"gold\":0.07},\"frequent\":{\"logins_per_week\":9}},\"audience\":{\"share\":0.%d}}",
        (long long)random_below(1000), STR_ARG(from), STR_ARG(to), (long long)random_below(span + span / 4 + 1),
        (long long)random_below(2000000000) + 1, 1 + (int)random_below(4000), STR_ARG(mode), STR_ARG(levels), (int)random_below(10),
        5 + (int)random_below(5));
    assert_ok(admission_profile_parse(arena, text, &profile, &error), &error);
    return profile;
}

static struct admission_client random_client(struct arena *arena)
{
    struct admission_client client = sample_client(arena_printf(arena, "c%llu", (unsigned long long)random_bits()).data);
    if (random_below(2)) client.hours = (uint32_t)random_below(DAY_ALL_HOURS) + 1;
    if (random_below(2)) client.bandwidth = (uint64_t)random_below(5000000) + 1;
    if (random_below(2)) client.membership = S("gold");
    client.login = sample_time("2026-08-19T10:00:00Z");
    client.last_login = client.login - random_below(10 * (int64_t)CLOCK_DAY);
    client.credit = (uint64_t)random_below(2);
    client.points = (uint64_t)random_below(12);
    client.logins_per_week = (uint64_t)random_below(10);
    client.offset = (random_below(27) - 13) * (int64_t)CLOCK_HOUR;
    client.has_offset = true;
    return client;
}

/* --- the header, filled from the JSON as an app would */

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static int64_t whole(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return (int64_t)json_integer_value(value);
}

static const struct pakhus_band *read_bands(struct arena *arena, const json_t *account, const char *name, int *count)
{
    const json_t *array = json_object_get(account, name);
    *count = (int)json_array_size(array);
    struct pakhus_band *bands = arena_array(arena, (size_t)*count, sizeof *bands);
    for (int i = 0; i < *count; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        bands[i] = (struct pakhus_band){whole(item, "from"), number(item, "add")};
    }
    return bands;
}

static void read_day(struct arena *arena, const json_t *json, int64_t own_offset, struct pakhus_profile *profile)
{
    const json_t *day = json_object_get(json, "day"), *offsets = json_object_get(json, "offsets");
    profile->day_count = (int)json_array_size(day);
    struct pakhus_step *steps = arena_array(arena, json_array_size(day), sizeof *steps);
    for (size_t i = 0; i < json_array_size(day); i++) {
        const json_t *item = json_array_get(day, i);
        steps[i] = (struct pakhus_step){whole(item, "start"), number(item, "slots"), number(item, "pace")};
    }
    profile->offset_count = (int)json_array_size(offsets);
    struct pakhus_offset *zone = arena_array(arena, json_array_size(offsets), sizeof *zone);
    for (size_t i = 0; i < json_array_size(offsets); i++) {
        const json_t *item = json_array_get(offsets, i);
        zone[i] = (struct pakhus_offset){whole(item, "from"), whole(item, "offset")};
    }
    if (json_is_true(json_object_get(json, "device_time"))) zone[0].offset = own_offset;
    profile->day = steps;
    profile->offsets = zone;
}

static void read_account(struct arena *arena, const json_t *json, struct pakhus_profile *profile)
{
    const json_t *account = json_object_get(json, "account");
    profile->initial_coefficient = number(account, "initial_coefficient");
    profile->cap = number(account, "cap");
    profile->cap_total = number(account, "cap_total");
    profile->frequent = (uint64_t)whole(account, "frequent");
    profile->gap = read_bands(arena, account, "gap", &profile->gap_count);
    profile->credit = read_bands(arena, account, "credit", &profile->credit_count);
    profile->points = read_bands(arena, account, "points", &profile->points_count);
}

static void read_levels(const json_t *json, struct pakhus_profile *profile)
{
    static const char *const names[] = {"lowest", "normal", "highest"};
    const json_t *levels = json_object_get(json, "levels");
    profile->levels_lead = whole(levels, "lead");
    profile->r1 = number(levels, "r1");
    profile->r2 = number(levels, "r2");
    for (int i = 0; i < 3; i++) profile->speed[i] = (uint64_t)whole(json_object_get(levels, names[i]), "speed");
}

static struct pakhus_profile read_profile(struct arena *arena, const json_t *json, int64_t own_offset)
{
    struct pakhus_profile profile = {.release = whole(json, "release"),
                                     .end = whole(json, "end"),
                                     .deadline = whole(json, "deadline"),
                                     .interval = whole(json, "interval"),
                                     .threshold = json_is_null(json_object_get(json, "threshold")) ? -1 : number(json, "threshold"),
                                     .before = number(json, "before"),
                                     .after = number(json, "after"),
                                     .share = number(json_object_get(json, "audience"), "share"),
                                     .size = (uint64_t)whole(json, "size")};
    const char *mode = json_string_value(json_object_get(json, "mode"));
    while (strcmp(modes[profile.mode], mode) != 0) profile.mode++;
    read_day(arena, json, own_offset, &profile);
    read_account(arena, json, &profile);
    read_levels(json, &profile);
    return profile;
}

static double number_of(struct arena *arena, const char *sign, struct str resource, struct str client)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct str text = arena_printf(arena, "%s" STR_FMT "\n" STR_FMT, sign, STR_ARG(resource), STR_ARG(client));
    SHA256((const unsigned char *)text.data, text.length, digest);
    return pakhus_number(digest);
}

static struct pakhus_client describe(struct arena *arena, const json_t *json, const struct admission_client *client)
{
    struct str resource = str_of(json_string_value(json_object_get(json, "resource")));
    const json_t *memberships = json_object_get(json_object_get(json, "account"), "membership");
    return (struct pakhus_client){.number = number_of(arena, "", resource, client->id),
                                  .share_number = number_of(arena, "@", resource, client->id),
                                  .membership = client->membership.length > 0 ? number(memberships, client->membership.data) : 0,
                                  .is_for = 1,
                                  .may_ask = 1,
                                  .login = client->login,
                                  .last_login = client->last_login,
                                  .credit = client->credit,
                                  .points = client->points,
                                  .logins_per_week = client->logins_per_week,
                                  .bandwidth = client->bandwidth,
                                  .hours = client->hours};
}

/* --- all alike */

static void compare(const struct admission_answer *wanted, const struct pakhus_answer *got, int64_t now)
{
    assert_int_equal(got->level, wanted->level);
    assert_int_equal(got->speed, wanted->speed_limit);
    assert_near(got->probability, wanted->probability, 1e-9);
    assert_near(got->threshold, wanted->threshold, 1e-12);
    assert_int_equal(got->start_at == PAKHUS_NEVER, wanted->start_at == ADMISSION_NEVER);
    if (got->start_at != PAKHUS_NEVER) assert_near((double)(got->start_at - wanted->start_at), 0, 1);
    bool is_at_the_edge =
        wanted->start_at != ADMISSION_NEVER && (wanted->start_at - now > 1 ? wanted->start_at - now : now - wanted->start_at) <= 1;
    if (!is_at_the_edge) assert_int_equal(got->admit, wanted->admit);
    if (!is_at_the_edge) assert_near((double)got->retry_after / CLOCK_SECOND, (double)wanted->retry_after, 1.001);
}

static void decide_all(struct arena *arena, const struct admission_profile *profile, const struct admission_client *client)
{
    struct admission_profile read;
    struct error error;
    struct str text = admission_public_json(arena, profile, 7);
    json_t *json = json_loadb(text.data, text.length, 0, NULL);
    assert_non_null(json);
    assert_ok(admission_public_parse(arena, text, &read, &error), &error);
    struct pakhus_profile copied = read_profile(arena, json, client->offset);
    struct pakhus_client described = describe(arena, json, client);
    int64_t span = profile->deadline - profile->release;
    for (int i = 0; i < MOMENTS; i++) {
        int64_t now = profile->release - span / 10 + random_below(span + span / 5 + 2);
        double fresh = random_number();
        struct admission_answer wanted, again;
        struct pakhus_answer got;
        admission_decide(profile, client, now, fresh, &wanted);
        admission_decide(&read, client, now, fresh, &again);
        assert_memory_equal(&again, &wanted, sizeof wanted);
        pakhus_decide(&copied, &described, now, fresh, &got);
        compare(&wanted, &got, now);
    }
    json_decref(json);
}

static int setup(void **state)
{
    seed = 7;
    return unit_arena(state);
}

static void a7_function_public_form_and_header_decide_alike(void **state)
{
    (void)state;
    for (int i = 0; i < PROFILES; i++) {
        struct arena *arena = arena_new();
        struct admission_profile profile = random_profile(arena);
        struct admission_client client = random_client(arena);
        decide_all(arena, &profile, &client);
        arena_free(arena);
    }
}

/* A2's vector, and the number of A8's. */
static void a2_by_the_header(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":0.3,\"size\":1");
    struct str text = admission_public_json(*state, &profile, 1);
    json_t *json = json_loadb(text.data, text.length, 0, NULL);
    struct admission_client client = sample_client("device-1");
    struct pakhus_profile copied = read_profile(*state, json, 0);
    struct pakhus_client described = describe(*state, json, &client);
    struct pakhus_answer answer;
    assert_near(described.number, 0.6298331139153215, 1e-15);
    pakhus_decide(&copied, &described, sample_time("2026-08-21T10:00:00Z"), 0.5, &answer);
    assert_near(answer.probability, 0.1, 1e-12);
    assert_false(answer.admit);
    pakhus_decide(&copied, &described, sample_time("2026-08-29T12:00:00Z"), 0.5, &answer);
    assert_near(answer.probability, 1, 0);
    assert_true(answer.admit);
    described.may_ask = 0; /* of those it is for, but not now: it asks again soon */
    pakhus_decide(&copied, &described, sample_time("2026-08-29T12:00:00Z"), 0.5, &answer);
    assert_false(answer.admit);
    assert_int_equal(answer.retry_after, copied.interval);
    described.may_ask = 1;
    described.is_for = 0;
    pakhus_decide(&copied, &described, sample_time("2026-08-29T12:00:00Z"), 0.5, &answer);
    assert_false(answer.admit);
    json_decref(json);
}

/* Also all that a profile says of addresses, audience and conditions. */
static void what_is_public_is_read(void **state)
{
    struct admission_profile profile = sample_profile(
        *state,
        "\"mode\":\"paced\",\"urls\":[\"https://a/b\"],\"sources\":{\"peer\":\"edge\"},\"query\":\"https://q/query?app=A\",\"size\":5,"
        "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"ask\":[\"login\"],\"audience\":{\"regions\":["
        "\"n\"]}");
    struct admission_profile read;
    struct error error;
    assert_ok(admission_public_parse(*state, admission_public_json(*state, &profile, 3), &read, &error), &error);
    assert_str(read.resource, profile.resource);
    assert_str(read.sha256, profile.sha256);
    assert_str(read.query, S("https://q/query?app=A"));
    assert_int_equal(read.size, 5);
    assert_str(read.ask[0], S("login"));
    assert_str(read.regions[0], S("n"));
    struct admission_addresses addresses = admission_profile_addresses(*state, &read, ADMISSION_LOWEST);
    assert_int_equal(addresses.count, 2);
    assert_str(addresses.items[0].url, S("edge"));
    assert_str(addresses.items[1].url, S("https://a/b"));
}

static void what_is_wrong_or_newer_is_refused(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\""), read;
    struct str text = admission_public_json(*state, &profile, 1);
    static const struct {
        const char *from, *to, *says;
        enum status status;
    } cases[] = {
        {"\"format\":1", "\"format\":2", "profile.format: 2 is newer than this program reads (1)", STATUS_UNSUPPORTED},
        {"\"format\":1", "\"form\":1", "profile.format: is missing", STATUS_INVALID},
        {"\"interval\":300000", "\"interval\":0", "profile.interval: must be at least 1000", STATUS_INVALID},
        {"\"start\":3600000", "\"start\":0", "profile.day[1].start: ", STATUS_INVALID},
        {"\"end\":1787997600000", "\"end\":1788084000001", "profile.end: must be from release to deadline", STATUS_INVALID},
        {"\"offsets\":[{\"from\":0,\"offset\":0}]", "\"offsets\":[]", "profile.offsets: must be 1 to", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        size_t at = str_find_str(text, str_of(cases[i].from));
        assert_true(at < text.length);
        struct str wrong = arena_printf(*state, STR_FMT "%s" STR_FMT, STR_ARG(str_first(text, at)), cases[i].to,
                                        STR_ARG(str_from(text, at + strlen(cases[i].from))));
        assert_error(admission_public_parse(*state, wrong, &read, &error), cases[i].status, &error, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a7_function_public_form_and_header_decide_alike, setup, unit_arena_free),
        test_with_arena(a2_by_the_header),
        test_with_arena(what_is_public_is_read),
        test_with_arena(what_is_wrong_or_newer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
