/* Patches of format 2: what is made leads from one package to the other, byte for byte, whatever deflated the entries; what is damaged or
 * made to harm ends in an error. */
#include "tests/unit/patch_zip.h"

static struct patch_made made_between(struct arena *arena, struct str old, struct str new)
{
    struct patch_package *packages = arena_array(arena, 2, sizeof *packages);
    struct patch_made made;
    struct error error = {0};
    packages[0] = patch_package_of(arena, old);
    packages[1] = patch_package_of(arena, new);
    if (patch_make_smallest(arena, &packages[0], &packages[1], NULL, &made, &error) != STATUS_OK) fail_msg("%s", error.text);
    if (patch_check(arena, stream_of(arena, made.bytes), &packages[0], &packages[1], NULL, &error) != STATUS_OK) fail_msg("%s", error.text);
    return made;
}

/* Asserts that it is of format 2 and leads to `new`. */
static struct patch_made assert_small(struct arena *arena, struct str old, struct str new)
{
    struct patch_made made = made_between(arena, old, new);
    struct str result = {0};
    struct error error = {0};
    assert_int_equal(made.format, PATCH_FORMAT_2);
    if (patch_applied(arena, old, made.bytes, &result, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_true(str_equal(result, new));
    return made;
}

static const struct patch_entry *entry_named(const struct patch_made *made, const char *name)
{
    for (size_t i = 0; i < made->entry_count; i++)
        if (str_equal(made->entries[i].name, str_of(name))) return &made->entries[i];
    fail_msg("no entry %s", name);
    return NULL;
}

/* --- made and applied */

static void entries_that_changed_are_compared_inflated(void **state)
{
    struct str text = zip_text(*state, 1, 20000, 0), other = zip_text(*state, 1, 20000, 9);
    const struct zip_item from[] = {{"classes.dex", text, {9}}, {"same", zip_text(*state, 2, 500, 0), {6}}};
    const struct zip_item to[] = {{"classes.dex", other, {6}}, {"same", from[1].content, {6}}};
    struct str old = zip_base(*state, from, 2), new = zip_base(*state, to, 2);
    struct patch_made made = assert_small(*state, old, new);
    assert_in_range(made.bytes.length, PATCH_HEADER_SIZE, 700);
    assert_true(patch_between(*state, old, new).length > 10 * made.bytes.length);
    assert_int_equal(entry_named(&made, "classes.dex")->state, PATCH_ENTRY_PATCHED);
    assert_int_equal(entry_named(&made, "classes.dex")->length, other.length);
    assert_in_range(entry_named(&made, "classes.dex")->written, 9, 9 * 20);
    assert_int_equal(entry_named(&made, "same")->state, PATCH_ENTRY_UNCHANGED);
    assert_int_equal(entry_named(&made, "same")->written, 0);
    assert_true(str_equal(made.bytes, made_between(*state, old, new).bytes));
}

static void every_level_is_reproduced(void **state)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    struct str text = zip_text(*state, 1, 1500, 0), other = zip_text(*state, 1, 1500, 2);
    for (int level = 1; level <= 9; level++)
        for (size_t i = 0; i < (level % 4 == 1 ? 5 : 1); i++)
            for (int memory = 8; memory <= (i == 0 ? 9 : 8); memory++) {
                const struct zip_item from = {"a", text, {level, memory, strategies[i], false}};
                const struct zip_item to = {"a", other, {level, memory, strategies[i], false}};
                struct arena *arena = arena_new(); /* its files are closed with it */
                struct patch_made made = assert_small(arena, zip_base(arena, &from, 1), zip_base(arena, &to, 1));
                assert_false(entry_named(&made, "a")->as_it_is);
                assert_in_range(made.bytes.length, PATCH_HEADER_SIZE, 500);
                arena_free(arena);
            }
}

static void what_is_not_reproduced_stays_as_it_is(void **state)
{
    const struct zip_item from = {"a", zip_text(*state, 1, 9000, 0), {0, 8, 0, true}};
    const struct zip_item to = {"a", zip_text(*state, 1, 9000, 5), {0, 8, 0, true}};
    struct patch_made made = assert_small(*state, zip_base(*state, &from, 1), zip_base(*state, &to, 1));
    assert_true(entry_named(&made, "a")->as_it_is);
    assert_in_range(made.bytes.length, PATCH_HEADER_SIZE, 600);
}

static void entries_come_go_move_and_are_renamed(void **state)
{
    struct str a = zip_text(*state, 1, 9000, 0), b = zip_text(*state, 2, 9000, 0), c = zip_text(*state, 3, 900, 0);
    const struct zip_item from[] = {{"a", a, {9}}, {"b", b, {9}}, {"gone", c, {9}}, {"lib.so", a, {0}}};
    const struct zip_item to[] = {{"new", zip_text(*state, 4, 300, 0), {9}},
                                  {"lib.so", zip_text(*state, 1, 9000, 3), {0}},
                                  {"moved", b, {9}},
                                  {"a2", zip_text(*state, 1, 9000, 7), {9}},
                                  {"empty", {"", 0}, {9}}};
    struct patch_made made = assert_small(*state, zip_base(*state, from, 4), zip_base(*state, to, 5));
    assert_int_equal(entry_named(&made, "moved")->state, PATCH_ENTRY_MOVED);
    assert_int_equal(entry_named(&made, "new")->state, PATCH_ENTRY_NEW);
    assert_int_equal(entry_named(&made, "lib.so")->state, PATCH_ENTRY_PATCHED);
    assert_in_range(entry_named(&made, "a2")->written, 7, 7 * 20);
}

static void thousands_of_entries(void **state)
{
    enum { COUNT = 1000 };
    struct zip_item *from = arena_array(*state, COUNT, sizeof *from), *to = arena_array(*state, COUNT, sizeof *to);
    for (size_t i = 0; i < COUNT; i++) {
        from[i] = (struct zip_item){arena_printf(*state, "e%zu", i).data, zip_text(*state, i, 20, 0), {9}};
        to[COUNT - 1 - i] = from[i];
        if (i % 3 == 0) to[COUNT - 1 - i].content = zip_text(*state, i, 21, 1);
    }
    assert_small(*state, zip_base(*state, from, COUNT), zip_base(*state, to, COUNT));
}

static void any_base_becomes_any_other(void **state)
{
    const struct patch_options sides[] = {
        {APK_V1, 100000, 4096, 1, {0}}, {APK_V2, 120000, 8192, 1, {"other", 5}}, {APK_V2, 30000, 4096, 7, {0}}};
    for (size_t i = 0; i < 9; i++) made_between(*state, patch_base(*state, sides[i / 3]), patch_base(*state, sides[i % 3]));
}

static void the_smaller_format_is_made(void **state)
{
    struct patch_options options = {APK_V2, 4000, 4096, 1, {0}};
    struct patch_made made = made_between(*state, patch_base(*state, options), patch_base(*state, options));
    assert_true(made.sizes[0] > 0 && made.sizes[1] > 0);
    assert_int_equal(made.bytes.length, made.sizes[made.format - 1]);
    assert_true(made.sizes[made.format - 1] <= made.sizes[2 - made.format]);
}

/* --- damaged on the way */

static struct str sample_patch(struct arena *arena, struct str *old, struct str *new)
{
    const struct zip_item from = {"a", zip_text(arena, 1, 900, 0), {9}}, to = {"a", zip_text(arena, 1, 900, 20), {9}};
    *old = zip_base(arena, &from, 1);
    *new = zip_base(arena, &to, 1);
    return assert_small(arena, *old, *new).bytes;
}

static void a_patch_that_is_cut_short_makes_nothing(void **state)
{
    struct str old, new, result, patch = sample_patch(*state, &old, &new);
    for (size_t length = 0; length < patch.length; length++) {
        struct error error = {0};
        assert_int_equal(patch_applied(*state, old, str_first(patch, length), &result, &error), STATUS_CORRUPT);
    }
}

static void a_damaged_patch_makes_nothing(void **state)
{
    struct str old, new, result, patch = sample_patch(*state, &old, &new);
    char *damaged = arena_buffer(*state, patch.length);
    for (size_t i = 0; i < patch.length; i++) {
        struct error error = {0};
        memcpy(damaged, patch.data, patch.length);
        damaged[i] = (char)(damaged[i] ^ (1 << i % 8));
        enum status status = patch_applied(*state, old, str_make(damaged, patch.length), &result, &error);
        assert_true(status != STATUS_OK || str_equal(result, new)); /* a bit of LZMA2 may mean nothing */
    }
}

/* --- made to harm: streams that are stored, by hand */

enum { ENTRIES, COPIES, INSERTS, SEEKS, RUNS, DIFFERENCES, LITERALS, STREAMS };

static struct str numbers(struct arena *arena, const uint64_t *values, size_t count)
{
    struct buf out = buf_in(arena, 4096);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = values[i];
        for (; value >= 128; value >>= 7) buf_add_byte(&out, (char)(value | 128));
        buf_add_byte(&out, (char)value);
    }
    return buf_str(&out);
}
#define NUMBERS(...) numbers(*state, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Leads from `old` to itself by these streams. */
static struct str patch_of(struct arena *arena, struct str old, const struct str *streams)
{
    struct patch_side side = patch_package_of(arena, old).side;
    struct patch_header header = {side, side, PATCH_FORMAT_2};
    struct buf out = buf_in(arena, 1 << 20);
    buf_add(&out, patch_header_format(arena, &header));
    for (size_t i = 0; i < STREAMS; i++) {
        uint64_t lengths[] = {streams[i].length, streams[i].length};
        buf_add(&out, numbers(arena, lengths, 2));
    }
    for (size_t i = 0; i < STREAMS; i++) buf_add(&out, streams[i]);
    return buf_str(&out);
}

static void assert_refused(struct arena *arena, struct str old, struct str patch, const char *words)
{
    struct str result;
    struct error error = {0};
    assert_int_equal(patch_applied(arena, old, patch, &result, &error), STATUS_CORRUPT);
    if (!strstr(error.text, words)) fail_msg("'%s' does not say '%s'", error.text, words);
}

static void assert_makes(struct arena *arena, struct str old, struct str patch, struct str wanted)
{
    struct str result = {0};
    struct error error = {0};
    assert_int_equal(patch_applied(arena, old, patch, &result, &error), STATUS_OK);
    assert_true(str_equal(result, wanted));
}

static void streams_that_lie_are_noticed(void **state)
{
    const struct zip_item item = {"a", zip_text(*state, 1, 900, 0), {9}};
    struct str old = zip_base(*state, &item, 1), none = {"", 0};
    uint64_t size = old.length, deflated = zip_deflate(*state, &item).length, inflated = item.content.length, at = ZIP_LOCAL + 1;
    const struct str good[STREAMS] = {NUMBERS(0, 0), NUMBERS(size), NUMBERS(0), NUMBERS(0), NUMBERS(0, size), none, none};
    assert_makes(*state, old, patch_of(*state, old, good), old);
    const struct {
        size_t stream;
        struct str bytes;
        const char *words;
    } cases[] = {
        {ENTRIES, NUMBERS(65537, 0), "it has 65537 entries"},
        {ENTRIES, NUMBERS(5, 0, 1, 1), "it has 5 entries"},
        {ENTRIES, NUMBERS(1, size, 1, 1, 0), "an entry lies beyond its package"},
        {ENTRIES, NUMBERS(1, 0, size + 1, 1, 0), "an entry lies beyond its package"},
        {ENTRIES, NUMBERS(1, 0, 0, 1, 0), "an entry lies beyond its package"},
        {ENTRIES, NUMBERS(1, UINT64_C(1) << 62, UINT64_C(1) << 62, 1, 0), "an entry lies beyond its package"},
        {ENTRIES, NUMBERS(1, at, 10, 10321, 0), "would inflate to 10321"},
        {ENTRIES, NUMBERS(1, 0, 10, 10, 0), "does not inflate as it says"},
        {ENTRIES, NUMBERS(1, at, deflated, inflated - 1, 0), "does not inflate as it says"},
        {ENTRIES, NUMBERS(1, at, deflated, inflated + 1, 0), "does not inflate as it says"},
        {ENTRIES, NUMBERS(1, at, deflated - 1, inflated, 0), "does not inflate as it says"},
        {ENTRIES, NUMBERS(0, 1, at, deflated, inflated, 10), "deflate parameters 10"},
        {ENTRIES, NUMBERS(0, 1, at, deflated, inflated, 9 | 2 << 4), "deflate parameters 41"},
        {ENTRIES, NUMBERS(0, 1, at, deflated, inflated, 9 | 5 << 8), "deflate parameters 1289"},
        {ENTRIES, NUMBERS(0, 1, at, deflated, deflated, 9), "deflates to another size"},
        {ENTRIES, NUMBERS(0, 0, 0), "one of its streams is too long"},
        {ENTRIES, NUMBERS(0), "one of its streams is too short"},
        {ENTRIES, {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10}, "more than 9 bytes"},
        {COPIES, NUMBERS(size + 1), "beyond the old package"},
        {COPIES, NUMBERS(0), "a command makes nothing"},
        {COPIES, none, "one of its streams is too short"},
        {COPIES, NUMBERS(size, 1), "one of its streams is too long"},
        {COPIES, NUMBERS(size - 1), "one of its streams is too short"},
        {INSERTS, NUMBERS(1), "its last command makes too much"},
        {SEEKS, NUMBERS(1), "outside the old package"},
        {SEEKS, NUMBERS(2 * size + 2), "outside the old package"},
        {SEEKS, NUMBERS(2), "beyond the old package"},
        {RUNS, NUMBERS(0, 0), "a run is empty"},
        {RUNS, NUMBERS(0, size + 1), "its last command makes too much"},
        {RUNS, NUMBERS(size, 0), "one of its streams is too short"},
        {DIFFERENCES, {"x", 1}, "one of its streams is too long"},
        {LITERALS, {"x", 1}, "one of its streams is too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str streams[STREAMS];
        memcpy(streams, good, sizeof streams);
        streams[cases[i].stream] = cases[i].bytes;
        assert_refused(*state, old, patch_of(*state, old, streams), cases[i].words);
    }
}

static void directories_that_lie_are_noticed(void **state)
{
    const struct zip_item item = {"a", zip_text(*state, 1, 90, 0), {9}};
    struct str old = zip_base(*state, &item, 1);
    struct str header = str_first(patch_of(*state, old, (const struct str[STREAMS]){{"", 0}}), PATCH_HEADER_SIZE);
    const struct {
        struct str bytes;
        const char *words;
    } cases[] = {
        {{"", 0}, "truncated"},
        {NUMBERS(1), "truncated"},
        {NUMBERS(1, 2), "a stream has 2 bytes of 1"},
        {NUMBERS((UINT64_C(1) << 36) + 1, 1), "a stream has 1 bytes of 68719476737"},
        {NUMBERS(9, 3), "truncated"},
        {{"\x09\x03\xe1\x10", 4}, "the properties 225"},
        {{"\x09\x03\x0d\x10", 4}, "the properties 13"}, /* lc 4, lp 1 */
        {{"\x09\x03\x00\x0b", 4}, "a dictionary of 2^11"},
        {{"\x09\x03\x00\x13", 4}, "a dictionary of 2^19"},
        {{"\0\0\0\0\0\0\0\0\0\0\x09\x03\x00\x17", 14}, "a dictionary of 2^23"},
        {NUMBERS(9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "truncated"},
        {NUMBERS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7), "bytes behind its end"},
        {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9}, "more than 9 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf patch = buf_in(*state, 4096);
        buf_add(&patch, header);
        buf_add(&patch, cases[i].bytes);
        assert_refused(*state, old, buf_str(&patch), cases[i].words);
    }
}

/* Of what is packed the directory says how much it is: no stream may promise more than the new package takes, or hold more than it
 * promises. */
static void streams_that_promise_too_much_are_refused(void **state)
{
    const struct zip_item item = {"a", zip_text(*state, 1, 90, 0), {9}};
    struct str old = zip_base(*state, &item, 1);
    struct str header = str_first(patch_of(*state, old, (const struct str[STREAMS]){{"", 0}}), PATCH_HEADER_SIZE);
    const uint64_t size = old.length, most[] = {[COPIES] = 9 * size, 9 * size, 9 * size, 18 * size, size, size};
    for (size_t i = COPIES; i < STREAMS; i++)
        for (uint64_t more = 0; more < 2; more++) {
            struct buf patch = buf_in(*state, 4096);
            buf_add(&patch, header);
            for (size_t k = 0; k < STREAMS; k++) {
                uint64_t stored = k == ENTRIES ? 2 : 0;
                buf_add(&patch, k == i ? NUMBERS(most[i] + more, 1) : NUMBERS(stored, stored));
                if (k == i) buf_add(&patch, str_make("\0\x10", 2));
            }
            buf_add(&patch, str_make("\0\0\0", 3)); /* no entries; a stream that ends at once */
            const char *words = more ? "for a package that inflates to" : i == COPIES || i == INSERTS || i == SEEKS ? "" : "too short";
            assert_refused(*state, old, buf_str(&patch), words);
            if (more) continue;
            struct str result;
            struct error error = {0};
            patch_applied(*state, old, buf_str(&patch), &result, &error);
            assert_null(strstr(error.text, "inflates to"));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(entries_that_changed_are_compared_inflated),
        SAMPLE_TEST(every_level_is_reproduced),
        SAMPLE_TEST(what_is_not_reproduced_stays_as_it_is),
        SAMPLE_TEST(entries_come_go_move_and_are_renamed),
        SAMPLE_TEST(thousands_of_entries),
        SAMPLE_TEST(any_base_becomes_any_other),
        SAMPLE_TEST(the_smaller_format_is_made),
        SAMPLE_TEST(a_patch_that_is_cut_short_makes_nothing),
        SAMPLE_TEST(a_damaged_patch_makes_nothing),
        SAMPLE_TEST(streams_that_lie_are_noticed),
        SAMPLE_TEST(directories_that_lie_are_noticed),
        SAMPLE_TEST(streams_that_promise_too_much_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
