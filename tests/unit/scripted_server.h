/* An HTTP server on loopback that answers as a test tells it: one function is asked for every request, by its number, and writes what it
 * likes, when it likes, or breaks off. What was asked is kept. */
#ifndef TESTS_SCRIPTED_SERVER_H
#define TESTS_SCRIPTED_SERVER_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "tests/unit/unit.h"

enum { SCRIPTED_REQUESTS = 256, SCRIPTED_LIMIT = 64 << 20, SCRIPTED_THREADS = 64 };

struct scripted_request {
    struct str head; /* request line and headers */
    struct str body;
};

struct scripted_server;
/* Answers request `number` (0 is the first): false closes the connection behind it. */
typedef bool scripted_answer_fn(struct scripted_server *, int number, const struct scripted_request *, int fd);

struct scripted_server {
    int listener;
    uint16_t port;
    pthread_t acceptor, threads[SCRIPTED_THREADS];
    _Atomic int connections, stopping;
    scripted_answer_fn *answer;
    void *context;
    pthread_mutex_t lock;
    struct arena *arena; /* the lock's */
    struct scripted_request requests[SCRIPTED_REQUESTS];
    _Atomic int count;
};

static inline void scripted_sleep(int64_t milliseconds)
{
    const struct timespec span = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&span, NULL);
}

static inline void scripted_send(int fd, struct str bytes)
{
    while (bytes.length > 0) {
        ssize_t count = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL);
        if (count <= 0) return;
        bytes = str_from(bytes, (size_t)count);
    }
}

/* "200 OK", "ETag: x\r\n", body; its Content-Length is added. */
static inline bool scripted_reply(int fd, const char *status, const char *headers, struct str body)
{
    char head[2048];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, body.length);
    scripted_send(fd, str_make(head, (size_t)length));
    scripted_send(fd, body);
    return true;
}

static inline bool scripted_error(int fd, const char *status, const char *code)
{
    char body[512];
    int length = snprintf(body, sizeof body, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>told to</Message></Error>", code);
    return scripted_reply(fd, status, "Content-Type: application/xml\r\n", str_make(body, (size_t)length));
}

/* The value of a header of a request; empty where it has none. */
static inline struct str scripted_header(const struct scripted_request *request, const char *name)
{
    struct str rest = request->head;
    while (rest.data) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        size_t colon = str_find(line, ':');
        if (str_equal_nocase(str_first(line, colon), str_of(name))) return str_trim(str_from(line, colon + 1));
    }
    return (struct str){0};
}

static inline bool scripted_is(const struct scripted_request *request, const char *start)
{
    return str_starts(request->head, str_of(start));
}

/* Reads one request; false at the end of the connection. */
static inline bool scripted_read(struct scripted_server *server, int fd, struct scripted_request *request)
{
    struct buf bytes = buf_in(server->arena, SCRIPTED_LIMIT);
    struct str end = S("\r\n\r\n");
    uint64_t length = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 50) == 0 && !server->stopping) continue;
        char chunk[65536];
        ssize_t count = server->stopping ? 0 : recv(fd, chunk, sizeof chunk, 0);
        if (count <= 0) return false;
        pthread_mutex_lock(&server->lock);
        buf_add(&bytes, str_make(chunk, (size_t)count));
        pthread_mutex_unlock(&server->lock);
        struct str all = buf_str(&bytes);
        size_t head = str_find_str(str_first(all, 65536), end);
        if (head >= all.length) continue;
        request->head = str_first(all, head);
        request->body = str_from(all, head + end.length);
        str_to_u64(scripted_header(request, "content-length"), &length);
        if (request->body.length >= length) return true;
    }
}

struct scripted_connection {
    struct scripted_server *server;
    int fd;
};

static inline void *scripted_serve(void *context)
{
    struct scripted_connection connection = *(struct scripted_connection *)context;
    struct scripted_server *server = connection.server;
    struct scripted_request request;
    free(context);
    while (scripted_read(server, connection.fd, &request)) {
        pthread_mutex_lock(&server->lock);
        int number = server->count;
        if (number < SCRIPTED_REQUESTS) server->requests[number] = request;
        server->count++;
        pthread_mutex_unlock(&server->lock);
        if (!server->answer(server, number, &request, connection.fd)) break;
    }
    close(connection.fd);
    return NULL;
}

static inline void *scripted_accept(void *context)
{
    struct scripted_server *server = context;
    int one = 1;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0 || server->connections == SCRIPTED_THREADS) break;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct scripted_connection *connection = malloc(sizeof *connection);
        *connection = (struct scripted_connection){server, fd};
        pthread_create(&server->threads[server->connections++], NULL, scripted_serve, connection);
    }
    return NULL;
}

static inline struct scripted_server *scripted_start(scripted_answer_fn *answer, void *context)
{
    struct scripted_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->answer = answer;
    server->context = context;
    server->arena = arena_new();
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 64), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->acceptor, NULL, scripted_accept, server), 0);
    return server;
}

static inline void scripted_stop(struct scripted_server *server)
{
    server->stopping = 1;
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    for (int i = 0; i < server->connections; i++) pthread_join(server->threads[i], NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    arena_free(server->arena);
    free(server);
}

#endif
