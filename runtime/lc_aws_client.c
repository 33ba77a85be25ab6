#include "lc_aws_client.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

/* A peer that has been asked and sends no byte for STALL_TIMEOUT is given up. */
enum { CONNECT_TIMEOUT = 1000, STALL_TIMEOUT = 10000 };

enum status lc_aws_client_make(struct lc_aws_client *client, struct str authority, int stop_fd, struct error *error)
{
    *client = (struct lc_aws_client){.authority = authority, .fd = -1, .stop_fd = stop_fd};
    return lc_address_parse(authority, &client->address, error);
}

void lc_aws_client_close(struct lc_aws_client *client)
{
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    client->answered_early = false;
}

void lc_aws_head(struct buf *out, const struct lc_aws_client *client, const char *method, const char *path)
{
    buf_add(out, str_of(method));
    buf_add(out, S(" "));
    buf_add(out, str_of(path));
    buf_add(out, S(" HTTP/1.1\r\nHost: "));
    buf_add(out, client->authority);
    buf_add(out, S("\r\n"));
}

static enum status wait_for(int fd, short events, int64_t milliseconds, short *happened, struct error *error)
{
    struct pollfd poller = {.fd = fd, .events = events};
    int count = poll(&poller, 1, milliseconds < INT_MAX ? (int)milliseconds : INT_MAX);
    if (count < 0 && errno != EINTR) return error_errno(error, errno, "cannot wait for the Runtime API");
    ENSURE(count != 0, error, STATUS_TIMEOUT, "the Runtime API did not answer in %lld ms", (long long)milliseconds);
    *happened = count > 0 ? poller.revents : 0;
    return STATUS_OK;
}

static enum status finish_connecting(int fd, struct error *error)
{
    short happened;
    int number = 0;
    socklen_t size = sizeof number;
    TRY(wait_for(fd, POLLOUT, CONNECT_TIMEOUT, &happened, error));
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
    return number == 0 ? STATUS_OK : error_errno(error, number, "cannot connect to the Runtime API");
}

static enum status connect_to(struct lc_aws_client *client, struct error *error)
{
    const struct sockaddr *address = (const struct sockaddr *)&client->address.storage;
    client->answered_early = false;
    client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0) return error_errno(error, errno, "cannot open a socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(client->fd, address, client->address.length) == 0) return STATUS_OK;
    if (errno != EINPROGRESS) return error_errno(error, errno, "cannot connect to the Runtime API");
    return finish_connecting(client->fd, error);
}

/* --- sending */

static void skip_sent(struct iovec **vector, size_t *count, size_t sent)
{
    while (*count > 0 && sent >= (*vector)->iov_len) {
        sent -= (*vector)->iov_len;
        ++*vector;
        --*count;
    }
    if (*count == 0) return;
    (*vector)->iov_base = (char *)(*vector)->iov_base + sent;
    (*vector)->iov_len -= sent;
}

/* A peer that has said no (413) stops reading, and may reset the connection: what it said can still be read. */
static bool said_something(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static enum status send_vector(struct lc_aws_client *client, struct iovec *vector, size_t count, struct deadline deadline,
                               struct error *error)
{
    while (count > 0) {
        struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
        ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL);
        if (sent >= 0) {
            skip_sent(&vector, &count, (size_t)sent);
            continue;
        }
        if (errno == EINTR) continue;
        int number = errno;
        client->answered_early = said_something(client->fd);
        if (client->answered_early) return STATUS_OK;
        if (number != EAGAIN) return error_errno(error, number, "cannot send to the Runtime API");
        short happened;
        TRY(wait_for(client->fd, POLLOUT | POLLIN, deadline_left(deadline), &happened, error));
    }
    return STATUS_OK;
}

enum status lc_aws_send(struct lc_aws_client *client, const struct str *parts, size_t count, struct deadline deadline, struct error *error)
{
    struct iovec vector[LC_AWS_PARTS];
    size_t used = 0;
    for (size_t i = 0; i < count && used < LC_AWS_PARTS; i++)
        if (parts[i].length > 0) vector[used++] = (struct iovec){(char *)(uintptr_t)parts[i].data, parts[i].length};
    if (client->answered_early) return STATUS_OK;
    enum status status = client->fd >= 0 ? STATUS_OK : connect_to(client, error);
    if (status == STATUS_OK) status = send_vector(client, vector, used, deadline, error);
    if (status != STATUS_OK) lc_aws_client_close(client);
    return status;
}

/* --- receiving */

/* What has come and is not used yet lies in data[at, length). */
struct input {
    struct lc_aws_client *client;
    struct buf buffer;
    size_t at;
    struct deadline deadline;
    bool patient; /* waits for ever */
};

static struct str unread(const struct input *in)
{
    return str_from(buf_str(&in->buffer), in->at);
}

/* Until the first byte of an answer to /next has come, the process may be told to stop instead. */
static enum status wait_patiently(const struct input *in, struct error *error)
{
    struct pollfd pollers[2] = {{.fd = in->client->fd, .events = POLLIN}, {.fd = in->client->stop_fd, .events = POLLIN}};
    while (poll(pollers, 2, -1) < 0)
        if (errno != EINTR) return error_errno(error, errno, "cannot wait for the Runtime API");
    in->client->told_to_stop = pollers[1].revents && !pollers[0].revents;
    return in->client->told_to_stop ? error_set(error, STATUS_UNAVAILABLE, "told to stop") : STATUS_OK;
}

static enum status wait_for_input(const struct input *in, struct error *error)
{
    short happened;
    if (in->patient && in->buffer.length == 0) return wait_patiently(in, error);
    struct deadline deadline = in->patient ? deadline_in(STALL_TIMEOUT) : deadline_within(in->deadline, STALL_TIMEOUT);
    return wait_for(in->client->fd, POLLIN, deadline_left(deadline), &happened, error);
}

/* 0 at the end of the connection. */
static enum status receive_some(const struct input *in, char *into, size_t capacity, size_t *count, struct error *error)
{
    for (;;) {
        ssize_t got = recv(in->client->fd, into, capacity, 0);
        *count = got > 0 ? (size_t)got : 0;
        if (got >= 0) return STATUS_OK;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return error_errno(error, errno, "the Runtime API broke the connection");
        TRY(wait_for_input(in, error));
    }
}

/* Reads more behind what is there. */
static enum status more(struct input *in, struct error *error)
{
    size_t count;
    if (in->buffer.data && in->at > 0) {
        in->buffer.length = unread(in).length;
        memmove(in->buffer.data, in->buffer.data + in->at, in->buffer.length);
        in->at = 0;
    }
    size_t room = in->buffer.capacity - in->buffer.length;
    if (room == 0) room = in->buffer.capacity > 0 ? in->buffer.capacity : 4096;
    if (room > in->buffer.limit - in->buffer.length) room = in->buffer.limit - in->buffer.length;
    ENSURE(room > 0, error, STATUS_TOO_LARGE, "a head or a line of the Runtime API is longer than %zu bytes", in->buffer.limit);
    char *into = buf_room(&in->buffer, room);
    TRY(receive_some(in, into, room, &count, error));
    ENSURE(count > 0, error, STATUS_UNAVAILABLE, "the Runtime API closed the connection");
    in->buffer.length += count;
    return STATUS_OK;
}

/* Moves on by `length` bytes, which go to `into`: what was read already, and then straight from the socket. */
static enum status take(struct input *in, char *into, size_t length, struct error *error)
{
    struct str ready = str_first(unread(in), length);
    if (ready.length > 0) memcpy(into, ready.data, ready.length);
    in->at += ready.length;
    for (size_t used = ready.length; used < length;) {
        size_t count;
        TRY(receive_some(in, into + used, length - used, &count, error));
        ENSURE(count > 0, error, STATUS_CORRUPT, "the Runtime API closed the connection after %zu of %zu bytes", used, length);
        used += count;
    }
    return STATUS_OK;
}

/* A line without its CR LF; a slice that lives until more is read. */
static enum status take_line(struct input *in, struct str *line, struct error *error)
{
    while (str_find(unread(in), '\n') == unread(in).length) TRY(more(in, error));
    *line = str_first(unread(in), str_find(unread(in), '\n'));
    in->at += line->length + 1;
    *line = str_trim(*line);
    return STATUS_OK;
}

/* --- the head */

/* HTTP/1.1 200 OK */
static enum status parse_status_line(struct str line, int *status, struct error *error)
{
    uint64_t number;
    bool valid =
        str_starts(line, S("HTTP/1.")) && line.length >= 12 && line.data[8] == ' ' && str_to_u64(str_make(line.data + 9, 3), &number);
    ENSURE(valid && number >= 100 && number <= 599, error, STATUS_UNAVAILABLE, "the Runtime API does not speak HTTP/1.1");
    *status = (int)number;
    return STATUS_OK;
}

static enum status receive_head(struct input *in, struct arena *arena, struct lc_aws_reply *reply, struct error *error)
{
    struct str head, line;
    do {
        size_t end;
        while ((end = str_find_str(unread(in), S("\r\n\r\n"))) == unread(in).length) TRY(more(in, error));
        head = arena_copy(arena, str_first(unread(in), end));
        in->at += end + 4;
        line = str_cut(&head, '\n');
        TRY(parse_status_line(line, &reply->status, error));
    } while (reply->status < 200); /* 100 Continue and the like announce the answer */
    while (head.data) {
        struct str value = str_cut(&head, '\n');
        struct str name = str_cut(&value, ':');
        lc_header_add(arena, &reply->headers, str_trim(name), str_trim(value));
    }
    return STATUS_OK;
}

/* --- the body */

/* size[;extension] CR LF bytes CR LF … 0 CR LF trailers CR LF (RFC 9112 section 7.1) */
static enum status receive_chunks(struct input *in, struct buf *body, struct error *error)
{
    struct str line;
    uint64_t size;
    for (;;) {
        TRY(take_line(in, &line, error));
        ENSURE(str_hex_to_u64(str_trim(str_cut(&line, ';')), &size), error, STATUS_CORRUPT, "the Runtime API sent a malformed chunk");
        if (size == 0) break;
        char *room = buf_room(body, size);
        ENSURE(room, error, STATUS_TOO_LARGE, "the Runtime API sent more than %zu bytes", body->limit);
        TRY(take(in, room, size, error));
        body->length += size;
        TRY(take_line(in, &line, error));
        ENSURE(line.length == 0, error, STATUS_CORRUPT, "the Runtime API sent a malformed chunk");
    }
    do TRY(take_line(in, &line, error));
    while (line.length > 0);
    return STATUS_OK;
}

static enum status receive_to_the_end(struct input *in, struct buf *body, struct error *error)
{
    enum { STEP = 65536 };
    size_t count;
    buf_add(body, unread(in));
    do {
        char *room = buf_room(body, STEP);
        ENSURE(room, error, STATUS_TOO_LARGE, "the Runtime API sent more than %zu bytes", body->limit);
        TRY(receive_some(in, room, STEP, &count, error));
        body->length += count;
    } while (count > 0);
    return STATUS_OK;
}

static enum status receive_length(struct input *in, struct arena *arena, struct str header, struct str *body, struct error *error)
{
    uint64_t length;
    ENSURE(str_to_u64(header, &length), error, STATUS_CORRUPT, "the Runtime API sent a malformed Content-Length");
    ENSURE(length <= LC_AWS_BODY_LIMIT, error, STATUS_TOO_LARGE, "the Runtime API sent more than %d bytes", LC_AWS_BODY_LIMIT);
    if (unread(in).length >= length) { /* it came with the head, and stays where it is */
        *body = str_first(unread(in), length);
        in->at += length;
        return STATUS_OK;
    }
    char *into = arena_buffer(arena, length);
    TRY(take(in, into, length, error));
    *body = str_make(into, length);
    return STATUS_OK;
}

static enum status receive_body(struct input *in, struct arena *arena, struct lc_aws_reply *reply, struct error *error)
{
    struct str length = lc_header_get(&reply->headers, S("Content-Length"));
    bool chunked = str_equal_nocase(lc_header_get(&reply->headers, S("Transfer-Encoding")), S("chunked"));
    if (reply->status == 204 || reply->status == 304) return STATUS_OK;
    if (length.data && !chunked) return receive_length(in, arena, length, &reply->body, error);
    struct buf body = buf_in(arena, LC_AWS_BODY_LIMIT);
    enum status status = chunked ? receive_chunks(in, &body, error) : receive_to_the_end(in, &body, error);
    reply->body = buf_str(&body);
    return status;
}

/* Neither told to close, nor left with bytes that nobody asked for. */
static bool may_be_kept(const struct input *in, const struct lc_aws_reply *reply)
{
    bool framed = lc_header_get(&reply->headers, S("Content-Length")).data || lc_header_get(&reply->headers, S("Transfer-Encoding")).data;
    bool told = str_equal_nocase(lc_header_get(&reply->headers, S("Connection")), S("close"));
    return framed && !told && !in->client->answered_early && unread(in).length == 0;
}

static enum status receive(struct input in, struct arena *arena, struct lc_aws_reply *reply, struct error *error)
{
    *reply = (struct lc_aws_reply){0};
    enum status status = receive_head(&in, arena, reply, error);
    if (status != STATUS_OK) {
        reply->status = 0;
        lc_aws_client_close(in.client);
        return status == STATUS_TIMEOUT ? status : STATUS_UNAVAILABLE;
    }
    status = receive_body(&in, arena, reply, error);
    if (status != STATUS_OK || !may_be_kept(&in, reply)) lc_aws_client_close(in.client);
    return status == STATUS_OK || status == STATUS_TOO_LARGE ? status : STATUS_CORRUPT;
}

enum status lc_aws_receive(struct lc_aws_client *client, struct arena *arena, struct deadline deadline, struct lc_aws_reply *reply,
                           struct error *error)
{
    struct input in = {.client = client, .buffer = buf_in(arena, LC_AWS_HEAD_LIMIT), .deadline = deadline};
    return receive(in, arena, reply, error);
}

enum status lc_aws_receive_next(struct lc_aws_client *client, struct arena *arena, struct lc_aws_reply *reply, struct error *error)
{
    struct input in = {.client = client, .buffer = buf_in(arena, LC_AWS_HEAD_LIMIT), .patient = true};
    return receive(in, arena, reply, error);
}

enum status lc_aws_ask(struct lc_aws_client *client, struct arena *arena, const struct str *parts, size_t count, struct deadline deadline,
                       struct lc_aws_reply *reply, struct error *error)
{
    *reply = (struct lc_aws_reply){0};
    TRY(lc_aws_send(client, parts, count, deadline, error));
    return lc_aws_receive(client, arena, deadline, reply, error);
}
