/* Connections that make room for others: real sockets, and a clock of the test's own. */
#include "runtime/lc_peers.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STALL = 5000 /* ms that a client may read nothing, at most */ };

struct pair {
    struct lc_peers peers;
    struct lc_peer *peer;
    int server, client;
};

static void connect_pair(struct pair *pair)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct error error;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    pair->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(pair->client, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
    assert_int_equal(connect(pair->client, (struct sockaddr *)&address, length), 0);
    pair->server = accept(listening, NULL, NULL);
    close(listening);
    assert_ok(lc_peers_open(&pair->peers, 8, &error), &error);
    pair->peer = lc_peer_open(&pair->peers, pair->server, (struct sockaddr *)&address);
    lc_peer_work(&pair->peers, pair->peer);
}

static void disconnect_pair(struct pair *pair)
{
    lc_peer_close(&pair->peers, pair->peer);
    close(pair->server);
    close(pair->client);
    lc_peers_close(&pair->peers);
}

/* More than the sockets of both sides hold. */
static void fill(struct pair *pair)
{
    static const char bytes[65536];
    while (send(pair->server, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
}

static bool was_ended(const struct pair *pair)
{
    struct pollfd poller = {.fd = pair->server, .events = POLLIN};
    return poll(&poller, 1, 0) == 1 && (poller.revents & POLLHUP);
}

/* Reads until some of what is under way was acknowledged. */
static void read_some(struct pair *pair)
{
    char bytes[65536];
    struct pollfd poller = {.fd = pair->server, .events = POLLOUT};
    do assert_true(recv(pair->client, bytes, sizeof bytes, 0) > 0);
    while (poll(&poller, 1, 0) == 0);
}

static void who_reads_nothing_makes_room(void **state)
{
    struct pair pair = {0};
    int64_t now = clock_monotonic();
    (void)state;
    connect_pair(&pair);
    lc_peer_send(&pair.peers, pair.peer);
    fill(&pair);
    lc_peers_make_room(&pair.peers, now);
    lc_peers_make_room(&pair.peers, now + STALL - 1);
    assert_false(was_ended(&pair));
    lc_peers_make_room(&pair.peers, now + STALL);
    assert_true(was_ended(&pair));
    disconnect_pair(&pair);
}

static void who_reads_slowly_stays(void **state)
{
    struct pair pair = {0};
    int64_t now = clock_monotonic();
    (void)state;
    connect_pair(&pair);
    lc_peer_send(&pair.peers, pair.peer);
    for (int64_t later = 0; later < 5 * STALL; later += STALL - 1) {
        fill(&pair);
        lc_peers_make_room(&pair.peers, now + later);
        assert_false(was_ended(&pair));
        read_some(&pair);
    }
    disconnect_pair(&pair);
}

/* A worker is still at the answer, or the client has read all that there is of it. */
static void whoever_waits_for_us_stays(void **state)
{
    struct pair pair = {0};
    int64_t now = clock_monotonic();
    (void)state;
    connect_pair(&pair);
    for (int64_t later = 0; later < 3 * STALL; later += STALL) lc_peers_make_room(&pair.peers, now + later);
    lc_peer_send(&pair.peers, pair.peer);
    for (int64_t later = 0; later < 3 * STALL; later += STALL) lc_peers_make_room(&pair.peers, now + later);
    assert_false(was_ended(&pair));
    disconnect_pair(&pair);
}

/* The one that makes room is the one that stalled, wherever it is in the list; nobody is lost from the lists. */
static void whoever_is_looked_at_goes_to_the_end(void **state)
{
    enum { PEERS = 3 };
    struct pair pair = {0};
    struct lc_peer *peers[PEERS];
    int64_t now = clock_monotonic();
    (void)state;
    connect_pair(&pair);
    for (int i = 0; i < PEERS; i++) { /* the last of them stalls */
        peers[i] = i == PEERS - 1 ? pair.peer : lc_peer_open(&pair.peers, -1, NULL);
        lc_peer_send(&pair.peers, peers[i]);
    }
    fill(&pair);
    lc_peers_make_room(&pair.peers, now);
    assert_ptr_equal(pair.peers.sending.oldest, peers[0]);
    assert_ptr_equal(pair.peers.sending.newest, peers[2]);
    lc_peers_make_room(&pair.peers, now + STALL);
    assert_true(was_ended(&pair));
    assert_ptr_equal(pair.peers.sending.oldest, peers[0]);
    assert_ptr_equal(pair.peers.sending.newest, peers[1]);
    for (int i = 0; i < PEERS - 1; i++) lc_peer_close(&pair.peers, peers[i]);
    assert_null(pair.peers.sending.oldest);
    disconnect_pair(&pair);
}

static void a_request_more_is_a_new_beginning(void **state)
{
    struct pair pair = {0};
    int64_t now = clock_monotonic();
    (void)state;
    connect_pair(&pair);
    lc_peer_send(&pair.peers, pair.peer);
    fill(&pair);
    lc_peers_make_room(&pair.peers, now);
    lc_peer_wait(&pair.peers, pair.peer);
    assert_null(pair.peers.sending.oldest);
    assert_ptr_equal(pair.peers.waiting.newest, pair.peer);
    lc_peer_work(&pair.peers, pair.peer);
    assert_null(pair.peers.waiting.oldest);
    lc_peer_send(&pair.peers, pair.peer);
    lc_peers_make_room(&pair.peers, now + STALL);
    assert_false(was_ended(&pair));
    disconnect_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_nothing_makes_room),      cmocka_unit_test(who_reads_slowly_stays),
        cmocka_unit_test(whoever_waits_for_us_stays),        cmocka_unit_test(whoever_is_looked_at_goes_to_the_end),
        cmocka_unit_test(a_request_more_is_a_new_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
