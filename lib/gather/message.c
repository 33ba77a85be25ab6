#include "lib/gather/message_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

bool ticket_equal(const struct ticket *a, const struct ticket *b)
{
    return memcmp(a->request, b->request, sizeof a->request) == 0 && a->resource == b->resource && a->attempt == b->attempt;
}

/* --- writing: overflow is sticky */

struct writer {
    char *at;
    size_t left;
    bool overflow;
};

static void put(struct writer *to, const void *bytes, size_t length)
{
    if (length > to->left) to->overflow = true;
    if (to->overflow) return;
    if (length > 0) memcpy(to->at, bytes, length);
    to->at += length;
    to->left -= length;
}

static void put_number(struct writer *to, uint64_t number)
{
    unsigned char bytes[8];
    bytes_put64(bytes, number);
    put(to, bytes, sizeof bytes);
}

static void put_text(struct writer *to, struct str text)
{
    unsigned char length[4];
    bytes_put32(length, (uint32_t)text.length);
    if (text.length > MESSAGE_LONGEST) to->overflow = true;
    put(to, length, sizeof length);
    put(to, text.data, text.length);
}

/* kind (1) · request (16) · resource (4) · attempt (4) */
static struct writer begin(char *packet, enum message_kind kind, const struct ticket *ticket)
{
    struct writer to = {.at = packet, .left = MESSAGE_LONGEST};
    unsigned char head[1 + REQUEST_ID + 8] = {(unsigned char)kind};
    memcpy(head + 1, ticket->request, REQUEST_ID);
    bytes_put32(head + 1 + REQUEST_ID, ticket->resource);
    bytes_put32(head + 1 + REQUEST_ID + 4, ticket->attempt);
    put(&to, head, sizeof head);
    return to;
}

static bool end(const struct writer *to, size_t *length)
{
    *length = MESSAGE_LONGEST - to->left;
    return !to->overflow;
}

bool message_write_order(const struct order *order, char *packet, size_t *length)
{
    struct writer to = begin(packet, MESSAGE_ORDER, &order->ticket);
    put_number(&to, (uint64_t)order->deadline.at);
    put_number(&to, order->limit);
    put_number(&to, order->named);
    put_text(&to, order->address);
    put_text(&to, order->key);
    put_text(&to, order->allow);
    put_text(&to, order->access_key_id);
    put_text(&to, order->secret_access_key);
    put_text(&to, order->session_token);
    return end(&to, length);
}

size_t message_write_cancel(const struct ticket *ticket, char *packet)
{
    size_t length;
    struct writer to = begin(packet, MESSAGE_CANCEL, ticket);
    end(&to, &length);
    return length;
}

bool message_write_report(const struct report *report, char *packet, size_t *length)
{
    struct writer to = begin(packet, MESSAGE_REPORT, &report->ticket);
    put_number(&to, report->reason);
    put_number(&to, (uint64_t)report->status);
    put_number(&to, report->whole);
    put_number(&to, report->length);
    put(&to, report->sha256, sizeof report->sha256);
    put_text(&to, report->type);
    put_text(&to, report->encoding);
    put_text(&to, report->detail);
    return end(&to, length);
}

size_t message_write_hello(char *packet)
{
    *packet = MESSAGE_HELLO;
    return 1;
}

/* --- reading */

struct reader {
    struct str rest;
    bool failed;
};

static const unsigned char *take(struct reader *from, size_t length)
{
    static const unsigned char nothing[GATHER_DIGEST];
    if (length > from->rest.length) from->failed = true;
    if (from->failed) return nothing;
    const unsigned char *at = (const unsigned char *)from->rest.data;
    from->rest = str_make(at + length, from->rest.length - length);
    return at;
}

static uint64_t take_number(struct reader *from)
{
    return bytes_get64(take(from, 8));
}

static uint64_t take_number_below(struct reader *from, uint64_t limit)
{
    uint64_t number = take_number(from);
    if (number >= limit) from->failed = true;
    return from->failed ? 0 : number;
}

static struct str take_text(struct reader *from, size_t longest)
{
    uint32_t length = bytes_get32(take(from, 4));
    if (length > longest) from->failed = true;
    const unsigned char *at = take(from, length);
    return str_make(at, from->failed ? 0 : length);
}

static struct reader open_packet(struct str packet, enum message_kind kind, struct ticket *ticket)
{
    struct reader from = {.rest = packet};
    if (*take(&from, 1) != kind) from.failed = true;
    memcpy(ticket->request, take(&from, REQUEST_ID), REQUEST_ID);
    ticket->resource = bytes_get32(take(&from, 4));
    ticket->attempt = bytes_get32(take(&from, 4));
    return from;
}

static bool is_at_end(const struct reader *from)
{
    return !from->failed && from->rest.length == 0;
}

bool message_read_order(struct str packet, struct order *order)
{
    struct reader from = open_packet(packet, MESSAGE_ORDER, &order->ticket);
    order->deadline.at = (int64_t)take_number(&from);
    order->limit = take_number(&from);
    order->named = take_number_below(&from, 2) != 0;
    order->address = take_text(&from, GATHER_ADDRESS_LONGEST);
    order->key = take_text(&from, GATHER_ADDRESS_LONGEST);
    order->allow = take_text(&from, MESSAGE_LONGEST);
    order->access_key_id = take_text(&from, MESSAGE_LONGEST);
    order->secret_access_key = take_text(&from, MESSAGE_LONGEST);
    order->session_token = take_text(&from, MESSAGE_LONGEST);
    return is_at_end(&from);
}

bool message_read_cancel(struct str packet, struct ticket *ticket)
{
    const struct reader from = open_packet(packet, MESSAGE_CANCEL, ticket);
    return is_at_end(&from);
}

bool message_read_report(struct str packet, struct report *report)
{
    struct reader from = open_packet(packet, MESSAGE_REPORT, &report->ticket);
    report->reason = (enum gather_reason)take_number_below(&from, GATHER_REASONS);
    report->status = (int)take_number_below(&from, 1000);
    report->whole = take_number_below(&from, 2) != 0;
    report->length = take_number(&from);
    memcpy(report->sha256, take(&from, GATHER_DIGEST), GATHER_DIGEST);
    report->type = take_text(&from, GATHER_TYPE_LONGEST);
    report->encoding = take_text(&from, GATHER_TYPE_LONGEST);
    report->detail = take_text(&from, DETAIL_LONGEST);
    return is_at_end(&from);
}

bool message_is_hello(struct str packet)
{
    return packet.length == 1 && *packet.data == MESSAGE_HELLO;
}

/* --- the socket */

/* Room for two descriptors, so that a second one is seen, and closed. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

ssize_t message_send(int socket, struct str packet, int body, int flags)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet.data, .iov_len = packet.length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (body >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof body);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof body), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(head), &body, sizeof body);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* The descriptor that came, where it is one; more are closed. */
static bool take_descriptors(struct msghdr *message, int *body)
{
    int count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= head->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + at, sizeof fd);
            if (count++ == 0)
                *body = fd;
            else
                close(fd);
        }
    }
    return count <= 1;
}

ssize_t message_receive(int socket, char *packet, int *body, int flags)
{
    union control control;
    struct iovec part = {.iov_base = packet, .iov_len = MESSAGE_LONGEST};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t received;
    *body = -1;
    do received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return received;
    bool sane = take_descriptors(&message, body) && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    if (sane && received > 0) return received;
    if (*body >= 0) close(*body);
    *body = -1;
    errno = EBADMSG;
    return sane ? 0 : -1;
}
