#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/bytes.h"

static void grows_to_its_limit(void **state)
{
    struct buf buf = buf_in(*state, 1000);
    for (int i = 0; i < 1000; i++) buf_add_byte(&buf, (char)('a' + i % 26));
    assert_false(buf.overflow);
    assert_int_equal(buf_str(&buf).length, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(buf.data[i], 'a' + i % 26);
    assert_true(buf.capacity <= 1000);
    buf_add_byte(&buf, 'x');
    assert_true(buf.overflow);
    assert_int_equal(buf.length, 1000); /* length says what did fit */
}

static void overflow_is_sticky(void **state)
{
    struct buf buf = buf_in(*state, 4);
    buf_add(&buf, S("abc"));
    buf_add(&buf, S("de"));
    assert_true(buf.overflow);
    buf_add(&buf, S("f")); /* would fit, but the whole would then have a hole */
    assert_str(buf_str(&buf), S("abc"));
    assert_null(buf_room(&buf, 0));
    assert_null(buf_room(&buf, 1));
    buf_printf(&buf, "%d", 1);
    buf_add_u64(&buf, 1);
    assert_str(buf_str(&buf), S("abc"));
}

static void adds_nothing(void **state)
{
    struct buf buf = buf_in(*state, 10), none = buf_in(*state, 0);
    buf_add(&buf, (struct str){NULL, 0});
    buf_add(&buf, S(""));
    buf_printf(&buf, "%s", "");
    assert_true(buf.length == 0 && !buf.overflow);
    assert_int_equal(buf_str(&buf).length, 0);
    assert_non_null(buf_room(&buf, 0));
    buf_add(&none, S(""));
    assert_false(none.overflow);
    buf_add_byte(&none, 'x');
    assert_true(none.overflow);
}

static void gives_room(void **state)
{
    struct buf buf = buf_in(*state, 600);
    buf_add(&buf, S("head"));
    char *room = buf_room(&buf, 500);
    memset(room, 'x', 500);
    buf.length += 500;
    assert_str(str_first(buf_str(&buf), 5), S("headx")); /* what was there has moved along */
    assert_null(buf_room(&buf, 97));
    assert_true(buf.overflow);
    struct buf other = buf_in(*state, 600);
    assert_null(buf_room(&other, SIZE_MAX));
    assert_true(other.overflow);
}

static void adds_numbers(void **state)
{
    struct buf buf = buf_in(*state, 100);
    buf_add_u64(&buf, 0);
    buf_add_byte(&buf, ' ');
    buf_add_u64(&buf, 10);
    buf_add_byte(&buf, ' ');
    buf_add_u64(&buf, UINT64_MAX);
    assert_str(buf_str(&buf), S("0 10 18446744073709551615"));
}

static void prints(void **state)
{
    struct buf buf = buf_in(*state, 2000);
    buf_printf(&buf, "%d-%s", 5, "x");
    assert_str(buf_str(&buf), S("5-x"));
    for (int width = 254; width <= 258; width++) {
        struct buf one = buf_in(*state, 258);
        buf_printf(&one, "%*d", width, 7);
        assert_int_equal(one.length, width);
        assert_int_equal(one.data[width - 1], '7');
        buf_printf(&one, "%300d", 1);
        assert_true(one.overflow);
        assert_int_equal(one.length, width);
    }
    struct buf self = buf_in(*state, 2000);
    buf_printf(&self, "%300d", 1);
    for (int i = 0; i < 2; i++) buf_add(&self, buf_str(&self));
    buf_printf(&self, STR_FMT, STR_ARG(buf_str(&self)));
    assert_true(self.overflow);
    assert_int_equal(self.length, 1200);
}

/* 1,000 short prints cost what they hold, and not a copy each. */
static void leaves_little_in_the_arena(void **state)
{
    struct arena *arena = *state;
    size_t before = arena_size(arena);
    struct buf buf = buf_in(arena, 16384);
    for (int i = 0; i < 1000; i++) buf_printf(&buf, "%04d", i);
    assert_int_equal(buf.length, 4000);
    assert_true(arena_size(arena) - before <= 16384);
}

static struct str json(struct arena *arena, struct str s)
{
    struct buf buf = buf_in(arena, 1000);
    json_quote_lossy(&buf, s);
    assert_false(buf.overflow);
    return buf_str(&buf);
}

static void adds_json_strings(void **state)
{
    struct arena *arena = *state;
    assert_str(json(arena, S("abc/d")), S("\"abc/d\""));
    assert_str(json(arena, (struct str){NULL, 0}), S("\"\""));
    assert_str(json(arena, S("\"\\")), S("\"\\\"\\\\\""));
    assert_str(json(arena, S("\0\n\x1f\x7f")), S("\"\\u0000\\u000a\\u001f\\u007f\""));
    assert_str(json(arena, S("\xe4\xbd\xa0\xf0\x9f\x98\x80")), S("\"\xe4\xbd\xa0\xf0\x9f\x98\x80\""));
    assert_str(json(arena, S("\xff")), S("\"\xef\xbf\xbd\""));
    /* a text cut inside a character loses that one only */
    assert_str(json(arena, S("\xc3\xa9\xe4\xbd")), S("\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\""));
    assert_str(json(arena, S("\xe4\x22")), S("\"\xef\xbf\xbd\\\"\"")); /* a bad lead byte swallows no quote */
    assert_str(json(arena, unit_guarded(arena, S("a\xf0\x9f\x98"))), S("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}

static void reads_and_writes_little_endian(void **state)
{
    (void)state;
    unsigned char bytes[8] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0xf8};
    assert_int_equal(bytes_get16(bytes), 0x0201);
    assert_int_equal(bytes_get32(bytes), 0x04030201);
    assert_int_equal(bytes_get64(bytes), 0xf807060504030201);
    assert_int_equal(bytes_get16(bytes + 6), 0xf807);
    assert_int_equal(bytes_get32(bytes + 4), 0xf8070605);
    assert_int_equal(bytes_get32(bytes + 3), 0x07060504); /* unaligned */
    unsigned char out[8];
    bytes_put64(out, 0xf807060504030201);
    assert_memory_equal(out, bytes, 8);
    bytes_put32(out, 0xfffefdfc);
    bytes_put16(out + 4, 0xfffe);
    assert_memory_equal(out, "\xfc\xfd\xfe\xff\xfe\xff\x07\xf8", 8);
}

static void json_of_data_is_never_altered(void **state)
{
    static const char *const wrong[] = {"\xbb\xaa", "a\xc0\x80", "\xed\xa0\x80", "\xf5", "abc\xe4\xbd"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct buf buf = buf_in(*state, 1000);
        json_quote(&buf, S("right"));
        assert_false(buf.overflow);
        json_quote(&buf, str_of(wrong[i]));
        assert_true(buf.overflow);
        assert_str(buf_str(&buf), S("\"right\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(grows_to_its_limit),
        test_with_arena(overflow_is_sticky),
        test_with_arena(adds_nothing),
        test_with_arena(gives_room),
        test_with_arena(adds_numbers),
        test_with_arena(prints),
        test_with_arena(adds_json_strings),
        test_with_arena(json_of_data_is_never_altered),
        test_with_arena(leaves_little_in_the_arena),
        cmocka_unit_test(reads_and_writes_little_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
