/* What the pool and its workers say to each other comes through whole, and nothing else is taken for it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/gather/body_internal.h"
#include "lib/gather/message_internal.h"
#include "tests/unit/unit.h"

static char packet[MESSAGE_LONGEST];

static const struct ticket ticket = {.request = "0123456789abcde", .resource = 7, .attempt = 2};

static struct order sample_order(void)
{
    return (struct order){
        .ticket = ticket,
        .deadline = {INT64_MAX - 1},
        .limit = UINT64_MAX,
        .named = true,
        .address = S("https://a.example/x?y"),
        .key = S("texts/a"),
        .allow = S("10.0.0.0/8"),
        .access_key_id = S("id"),
        .secret_access_key = S("secret"),
        .session_token = S("token"),
    };
}

static struct report sample_report(void)
{
    return (struct report){
        .ticket = ticket,
        .reason = GATHER_INCOMPLETE,
        .status = 503,
        .whole = true,
        .length = 1 << 20,
        .sha256 = {1, 2, 3},
        .type = S("text/html"),
        .encoding = S("gzip"),
        .detail = S("broken off"),
    };
}

static void orders_come_through(void **state)
{
    struct order order = sample_order(), read;
    size_t length;
    (void)state;
    assert_true(message_write_order(&order, packet, &length));
    assert_true(message_read_order(str_make(packet, length), &read));
    assert_true(ticket_equal(&read.ticket, &ticket));
    assert_int_equal(read.deadline.at, INT64_MAX - 1);
    assert_true(read.limit == UINT64_MAX && read.named);
    assert_str(read.address, order.address);
    assert_str(read.key, order.key);
    assert_str(read.allow, order.allow);
    assert_str(read.access_key_id, order.access_key_id);
    assert_str(read.secret_access_key, order.secret_access_key);
    assert_str(read.session_token, order.session_token);
}

static void reports_come_through(void **state)
{
    struct report report = sample_report(), read;
    size_t length;
    (void)state;
    assert_true(message_write_report(&report, packet, &length));
    assert_true(message_read_report(str_make(packet, length), &read));
    assert_true(ticket_equal(&read.ticket, &ticket) && read.whole);
    assert_int_equal(read.reason, GATHER_INCOMPLETE);
    assert_int_equal(read.status, 503);
    assert_int_equal(read.length, 1 << 20);
    assert_memory_equal(read.sha256, report.sha256, sizeof read.sha256);
    assert_str(read.type, report.type);
    assert_str(read.encoding, report.encoding);
    assert_str(read.detail, report.detail);
}

static void cancels_come_through(void **state)
{
    struct ticket read;
    struct order order;
    struct report report;
    (void)state;
    struct str sent = str_make(packet, message_write_cancel(&ticket, packet));
    assert_true(message_read_cancel(sent, &read));
    assert_true(ticket_equal(&read, &ticket));
    assert_false(message_read_order(sent, &order) || message_read_report(sent, &report));
}

/* Every shorter packet, and every longer one, read at the end of a page. */
static void no_other_length_is_taken(void **state)
{
    struct order order = sample_order();
    struct report report = sample_report();
    size_t length;
    message_write_order(&order, packet, &length);
    packet[length] = 0;
    for (size_t i = 0; i <= length + 1; i++)
        assert_int_equal(message_read_order(unit_guarded(*state, str_make(packet, i)), &order), i == length);
    message_write_report(&report, packet, &length);
    for (size_t i = 0; i <= length + 1; i++)
        assert_int_equal(message_read_report(unit_guarded(*state, str_make(packet, i)), &report), i == length);
}

static void what_is_out_of_range_is_not_taken(void **state)
{
    static char long_text[GATHER_TYPE_LONGEST + 1];
    size_t length;
    struct report read, reports[] = {sample_report(), sample_report(), sample_report()};
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    reports[0].reason = GATHER_REASONS;
    reports[1].status = 1000;
    reports[2].type = str_make(long_text, sizeof long_text);
    for (size_t i = 0; i < 3; i++) {
        assert_true(message_write_report(&reports[i], packet, &length));
        assert_false(message_read_report(str_make(packet, length), &read));
    }
}

static void what_does_not_fit_is_not_sent(void **state)
{
    static char text[MESSAGE_LONGEST];
    struct order order = sample_order();
    size_t length;
    (void)state;
    order.allow = str_make(text, sizeof text);
    assert_false(message_write_order(&order, packet, &length));
    order.allow = str_make(text, SIZE_MAX);
    assert_false(message_write_order(&order, packet, &length));
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* In the product a worker's body lives as long as its process. */
static void close_body(struct body *body)
{
    body_drop(body);
    munmap(body->region, BODY_SHARED);
    close(body->region_fd);
    EVP_MD_CTX_free(body->digest);
}

static void small_bodies_are_in_the_region(void **state)
{
    int ends[2], received;
    struct body body;
    struct error error;
    unsigned char sha256[GATHER_DIGEST];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(body_open(&body, &error), &error);
    assert_int_equal(message_send(ends[0], str_make(packet, message_write_hello(packet)), body.region_fd, 0), 1);
    assert_int_equal(message_receive(ends[1], packet, &received, 0), 1);
    assert_true(message_is_hello(str_make(packet, 1)));
    const char *region = body_map_region(received);
    assert_non_null(region);
    assert_int_equal(ftruncate(received, 0), -1);
    close(received);
    body_begin(&body, 1, 10);
    assert_ok(body_add(&body, S("hello"), &error), &error);
    assert_error(body_add(&body, S("world!"), &error), STATUS_TOO_LARGE, &error, "more than 10 bytes");
    assert_ok(body_add(&body, S("world"), &error), &error);
    assert_ok(body_seal(&body, sha256, &error), &error);
    assert_int_equal(body.fd, -1);
    assert_memory_equal(region, "helloworld", 10);
    assert_memory_equal(sha256, "\x93\x6a\x18\x5c\xaa\xa2\x66\xbb", 8);
    body_unmap(str_make(region, BODY_SHARED));
    close_body(&body);
    close(ends[0]);
    assert_int_equal(message_receive(ends[1], packet, &received, 0), 0);
    close(ends[1]);
}

static void large_bodies_have_a_memfd_of_their_own(void **state)
{
    static char block[BODY_REGION - 1];
    int ends[2], received;
    struct body body;
    struct error error;
    struct str mapped;
    unsigned char sha256[GATHER_DIGEST];
    const uint64_t length = sizeof block + 3;
    (void)state;
    memset(block, 'x', sizeof block);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(body_open(&body, &error), &error);
    assert_null(body_map_region(ends[0]));
    body_begin(&body, 1, length);
    assert_ok(body_add(&body, str_make(block, sizeof block), &error), &error);
    assert_ok(body_add(&body, S("end"), &error), &error);
    assert_false(body_map(body.fd, length, &mapped)); /* not sealed */
    assert_ok(body_seal(&body, sha256, &error), &error);
    assert_int_equal(message_send(ends[0], S("packet"), body.fd, 0), 6);
    assert_int_equal(message_receive(ends[1], packet, &received, 0), 6);
    assert_int_equal(fcntl(received, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_false(body_map(received, length - 1, &mapped) || body_map(received, length + 1, &mapped) || body_map_region(received));
    assert_true(body_map(received, length, &mapped));
    assert_memory_equal(mapped.data, block, sizeof block);
    assert_str(str_from(mapped, sizeof block), S("end"));
    assert_int_equal(write(received, "x", 1), -1);
    assert_int_equal(ftruncate(received, 0), -1);
    body_unmap(mapped);
    close(received);
    close_body(&body);
    close(ends[0]);
    close(ends[1]);
}

/* More than one descriptor, a descriptor without a packet, a packet that is too long: nothing of it is kept open. */
static void what_madmen_send_leaves_nothing_open(void **state)
{
    int ends[2], received;
    static char large[MESSAGE_LONGEST + 1];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    int before = descriptors();
    for (size_t length = 0; length < 2; length++) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(3 * sizeof(int))];
        } control = {0};
        struct iovec part = {.iov_base = large, .iov_len = length};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        const int fds[3] = {0, 1, 2};
        *CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, sizeof fds);
        assert_int_equal(sendmsg(ends[0], &message, 0), (ssize_t)length);
        assert_int_equal(message_receive(ends[1], packet, &received, 0), -1);
        assert_int_equal(errno, EBADMSG);
        assert_int_equal(received, -1);
        assert_int_equal(descriptors(), before);
    }
    assert_int_equal(message_send(ends[0], S(""), 0, 0), 0);
    assert_int_equal(message_receive(ends[1], packet, &received, 0), 0);
    assert_int_equal(message_send(ends[0], str_make(large, sizeof large), 0, 0), sizeof large);
    assert_int_equal(message_receive(ends[1], packet, &received, 0), -1);
    assert_int_equal(descriptors(), before);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_come_through),
        cmocka_unit_test(reports_come_through),
        cmocka_unit_test(cancels_come_through),
        test_with_arena(no_other_length_is_taken),
        cmocka_unit_test(what_is_out_of_range_is_not_taken),
        cmocka_unit_test(what_does_not_fit_is_not_sent),
        cmocka_unit_test(small_bodies_are_in_the_region),
        cmocka_unit_test(large_bodies_have_a_memfd_of_their_own),
        cmocka_unit_test(what_madmen_send_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
