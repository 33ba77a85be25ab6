/* P9 to P15 for one edge, and who gets its room. */
#include "lib/policy/decide.h"
#include "tests/unit/unit.h"

enum { WINDOWS = 5, MOST = 8 };
static const int64_t NOW = 100 * (int64_t)CLOCK_DAY;

/* An edge with candidates that were asked for so often in each window. */
struct scene {
    struct arena *arena;
    struct policy policy;
    struct decide how;
    struct candidate candidates[MOST];
    size_t count;
};

static struct scene scene_of(struct arena *arena, uint64_t quota)
{
    struct scene scene = {.arena = arena};
    struct error error;
    assert_ok(policy_parse(arena,
                           S("{\"place\":{\"t1\":100,\"t2\":10,\"m\":3,\"of\":5,\"window\":{\"last\":\"1d\"}},"
                             "\"evict\":{\"t3\":5,\"n\":3,\"of\":5,\"window\":{\"last\":\"1d\"}}}"),
                           &scene.policy, &error),
              &error);
    scene.how = (struct decide){.now = NOW, .quota = quota, .place = true, .evict = true};
    return scene;
}

static struct candidate *add(struct scene *scene, const char *name, uint64_t size, uint64_t misses, uint64_t hits)
{
    struct candidate *candidate = &scene->candidates[scene->count++];
    uint64_t *missed = arena_array(scene->arena, WINDOWS, sizeof *missed), *hit = arena_array(scene->arena, WINDOWS, sizeof *hit);
    for (int i = 0; i < WINDOWS; i++) {
        missed[i] = misses;
        hit[i] = hits;
    }
    *candidate = (struct candidate){.package = str_of(name), .size = size, .misses = missed, .hits = hit};
    return candidate;
}

static struct candidate *add_wanted(struct scene *scene, const char *name, uint64_t size, uint64_t hits)
{
    struct candidate *candidate = add(scene, name, size, 0, hits);
    candidate->wanted = true;
    candidate->since = NOW - 50 * (int64_t)CLOCK_DAY;
    return candidate;
}

/* What came later than it was wanted says so itself. */
static void decide(struct scene *scene)
{
    scene->how.policy = &scene->policy;
    for (size_t i = 0; i < scene->count; i++)
        if (scene->candidates[i].there < scene->candidates[i].since) scene->candidates[i].there = scene->candidates[i].since;
    decide_edge(&scene->how, scene->arena, scene->candidates, scene->count);
}

static void demand_places_and_its_end_evicts(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX);
    add(&scene, "t1", 10, 101, 0);
    add(&scene, "m-of-M", 10, 11, 0);
    add(&scene, "neither", 10, 10, 0);
    add_wanted(&scene, "loved", 10, 5);
    add_wanted(&scene, "faded", 10, 4);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[0].rule, RULE_T1, policy_rule_name);
    assert_enum(scene.candidates[1].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[1].rule, RULE_M_OF_M, policy_rule_name);
    assert_enum(scene.candidates[2].decision, DECISION_NONE, decision_name);
    assert_enum(scene.candidates[3].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[4].decision, DECISION_EVICT, decision_name);
    assert_enum(scene.candidates[4].rule, RULE_M_OF_M, policy_rule_name);
}

static void each_rule_is_asked_only_where_it_is_meant(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX);
    add(&scene, "t1", 10, 101, 0);
    add_wanted(&scene, "faded", 10, 0);
    scene.how.place = false;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NONE, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_EVICT, decision_name);
    scene.how.place = true;
    scene.how.evict = false;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_KEEP, decision_name);
}

static void what_was_just_placed_is_not_evicted(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX);
    add_wanted(&scene, "new", 10, 0)->since = NOW - 2 * (int64_t)CLOCK_DAY;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
}

static void windows_before_the_copy_was_there_say_nothing(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX);
    add_wanted(&scene, "late", 10, 0)->there = NOW - 2 * (int64_t)CLOCK_DAY;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    scene.candidates[0].there = 0;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_EVICT, decision_name);
}

static void a_mark_that_no_rule_makes_any_more_goes(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX);
    add(&scene, "still asked for", 10, 101, 0)->pending = true;
    add(&scene, "forgotten", 10, 1, 0)->pending = true;
    scene.candidates[0].wanted = scene.candidates[1].wanted = true;
    scene.how.place = false;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_EVICT, decision_name);
    scene.how.place = true;
    scene.how.evict = false;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_KEEP, decision_name);
}

static void p7_a_mark_takes_nobodys_room(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add_wanted(&scene, "there", 90, 6);
    add(&scene, "asked for more", 80, 200, 0);
    add(&scene, "too large", 101, 200, 0);
    add(&scene, "marked", 80, 200, 0)->pending = true;
    scene.candidates[3].wanted = true;
    scene.how.marks = true;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_MARK, decision_name);
    assert_enum(scene.candidates[1].rule, RULE_T1, policy_rule_name);
    assert_enum(scene.candidates[2].decision, DECISION_NO_ROOM, decision_name);
    assert_enum(scene.candidates[3].decision, DECISION_KEEP, decision_name);
}

static void p7_a_mark_that_is_asked_for_is_placed_where_it_fits(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add(&scene, "marked", 60, 1, 0)->pending = true;
    add(&scene, "another", 60, 1, 0)->pending = true;
    scene.candidates[0].wanted = scene.candidates[1].wanted = scene.candidates[0].granted = true;
    scene.how.evict = false;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[0].rule, RULE_TRIGGER, policy_rule_name);
    assert_enum(scene.candidates[1].decision, DECISION_KEEP, decision_name);
}

/* No rule evicts it, and nobody takes its room: not who is asked for more, and not where the quota was made smaller. */
static void p2_what_a_person_placed_stays(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add_wanted(&scene, "by-hand", 60, 0)->by_hand = true;
    add_wanted(&scene, "by-a-rule", 60, 100);
    add(&scene, "newcomer", 50, 10000, 0);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[0].rule, RULE_HAND, policy_rule_name);
    assert_enum(scene.candidates[1].decision, DECISION_EVICT, decision_name); /* for what was placed by hand */
    assert_enum(scene.candidates[1].rule, RULE_ROOM, policy_rule_name);
    assert_enum(scene.candidates[2].decision, DECISION_NO_ROOM, decision_name);
    scene.how.quota = 10;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
}

static void a_clock_that_went_back_evicts_nothing(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add_wanted(&scene, "of the future", 60, 0)->since = NOW + CLOCK_DAY;
    add(&scene, "t1", 60, 200, 0);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_NO_ROOM, decision_name);
}

/* --- room */

static void without_a_quota_there_is_no_room(void **state)
{
    struct scene scene = scene_of(*state, 0);
    add(&scene, "t1", 1, 1000, 0);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NO_ROOM, decision_name);
}

static void what_is_larger_than_the_quota_has_no_room_and_displaces_nothing(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add(&scene, "huge", 101, UINT64_MAX, 0);
    add_wanted(&scene, "small", 50, 5);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NO_ROOM, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_KEEP, decision_name);
}

static void room_goes_to_those_that_serve_more_bytes(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add(&scene, "asked for", 40, 200, 0);
    add(&scene, "asked for less", 40, 150, 0);
    add_wanted(&scene, "loved", 40, 300);
    add_wanted(&scene, "less loved", 40, 170);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_NO_ROOM, decision_name);
    assert_enum(scene.candidates[2].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[3].decision, DECISION_EVICT, decision_name);
    assert_enum(scene.candidates[3].rule, RULE_ROOM, policy_rule_name);
}

/* "room": what passes only where there is room finds it, or drives nobody out. */
static void what_passes_for_room_displaces_nothing(void **state)
{
    struct scene scene = scene_of(*state, 100);
    scene.policy.place.has_room_t1 = true;
    scene.policy.place.room_t1 = 0;
    add_wanted(&scene, "old", 50, 5);
    add(&scene, "first", 50, 9, 0);
    add(&scene, "second", 50, 8, 0);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[2].decision, DECISION_NO_ROOM, decision_name);
}

/* Many small ones together serve more than the one that wants their room. */
static void several_go_only_if_together_they_serve_less(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add(&scene, "large", 100, 200, 0);
    add_wanted(&scene, "a", 50, 190);
    add_wanted(&scene, "b", 50, 220);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NO_ROOM, decision_name);
    scene.policy.place.displace = 0.5;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NO_ROOM, decision_name); /* nobody asks for it now */
    scene.how.asked = true;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_EVICT, decision_name);
}

static void what_is_in_its_grace_keeps_its_room(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add(&scene, "asked for", 60, 1000, 0);
    add_wanted(&scene, "new", 60, 5)->since = NOW - CLOCK_HOUR + 1;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_NO_ROOM, decision_name);
    scene.candidates[1].since--;
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_PLACE, decision_name);
}

static void a_quota_that_was_made_smaller_is_kept(void **state)
{
    struct scene scene = scene_of(*state, 100);
    add_wanted(&scene, "loved", 60, 300);
    add_wanted(&scene, "less loved", 60, 200);
    decide(&scene);
    assert_enum(scene.candidates[0].decision, DECISION_KEEP, decision_name);
    assert_enum(scene.candidates[1].decision, DECISION_EVICT, decision_name);
}

static void counters_near_overflow_do_no_harm(void **state)
{
    struct scene scene = scene_of(*state, UINT64_MAX - 1);
    add(&scene, "a", UINT64_MAX - 1, UINT64_MAX, UINT64_MAX);
    add_wanted(&scene, "b", UINT64_MAX - 1, UINT64_MAX);
    add_wanted(&scene, "c", UINT64_MAX - 1, UINT64_MAX);
    decide(&scene);
    uint64_t kept = 0;
    for (int i = 0; i < 3; i++) kept += scene.candidates[i].decision == DECISION_KEEP || scene.candidates[i].decision == DECISION_PLACE;
    assert_int_equal(kept, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(demand_places_and_its_end_evicts),
        test_with_arena(each_rule_is_asked_only_where_it_is_meant),
        test_with_arena(what_was_just_placed_is_not_evicted),
        test_with_arena(windows_before_the_copy_was_there_say_nothing),
        test_with_arena(a_mark_that_no_rule_makes_any_more_goes),
        test_with_arena(p7_a_mark_takes_nobodys_room),
        test_with_arena(p7_a_mark_that_is_asked_for_is_placed_where_it_fits),
        test_with_arena(a_clock_that_went_back_evicts_nothing),
        test_with_arena(p2_what_a_person_placed_stays),
        test_with_arena(without_a_quota_there_is_no_room),
        test_with_arena(what_is_larger_than_the_quota_has_no_room_and_displaces_nothing),
        test_with_arena(room_goes_to_those_that_serve_more_bytes),
        test_with_arena(several_go_only_if_together_they_serve_less),
        test_with_arena(what_passes_for_room_displaces_nothing),
        test_with_arena(what_is_in_its_grace_keeps_its_room),
        test_with_arena(a_quota_that_was_made_smaller_is_kept),
        test_with_arena(counters_near_overflow_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
