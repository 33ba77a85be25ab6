#include "lc_peers.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    TEND_EVERY = 500, /* ms; with TEND_SOON and ROOM_AGE a client at the limit is let in within a second */
    TEND_SOON = 100,
    ROOM_AGE = 250,         /* ms that a connection may wait for its client before it has to make room */
    STALL_AGE = 5000,       /* ms that a client may read nothing of what lies ready for it before it has to make room */
    ROOM_AT_ONCE = 32,      /* connections that make room at one look */
    CHECKED_AT_ONCE = 4096, /* connections whose end is looked for at one look: about 2 ms */
    LINGER_TIME = 2000,     /* ms */
    DRAIN_AT_ONCE = 64 * 1024
};

/* --- the lists of those that wait and those that send, oldest first */

static void leave_list(struct lc_peers *peers, struct lc_peer *peer)
{
    if (!peer->list) return;
    if (peers->checked == peer) peers->checked = peer->older;
    *(peer->older ? &peer->older->newer : &peer->list->oldest) = peer->newer;
    *(peer->newer ? &peer->newer->older : &peer->list->newest) = peer->older;
    peer->older = peer->newer = NULL;
    peer->list = NULL;
}

static void join_list(struct lc_peers *peers, struct lc_peer *peer, struct lc_peer_list *list)
{
    leave_list(peers, peer);
    peer->older = list->newest;
    *(list->newest ? &list->newest->newer : &list->oldest) = peer;
    list->newest = peer;
    peer->list = list;
}

void lc_peer_work(struct lc_peers *peers, struct lc_peer *peer)
{
    leave_list(peers, peer);
}

void lc_peer_wait(struct lc_peers *peers, struct lc_peer *peer)
{
    join_list(peers, peer, &peers->waiting);
    peer->since = clock_monotonic();
}

void lc_peer_send(struct lc_peers *peers, struct lc_peer *peer)
{
    join_list(peers, peer, &peers->sending);
    peer->read = UINT64_MAX;
}

/* --- connections that linger */

static void let_linger(struct lc_peers *peers, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
    for (int i = 0; i < peers->lingering_max; i++) {
        struct lc_lingering *lingering = &peers->lingering[i];
        if (lingering->fd >= 0) continue;
        int own = dup(fd);
        event.data.ptr = lingering;
        if (own >= 0 && epoll_ctl(peers->linger_fd, EPOLL_CTL_ADD, own, &event) == 0)
            *lingering = (struct lc_lingering){own, clock_monotonic() + LINGER_TIME};
        else if (own >= 0)
            close(own);
        return;
    }
}

static void end_lingering(struct lc_lingering *lingering)
{
    close(lingering->fd);
    lingering->fd = -1;
}

static void drain(struct lc_lingering *lingering)
{
    char dropped[DRAIN_AT_ONCE];
    ssize_t count = recv(lingering->fd, dropped, sizeof dropped, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) end_lingering(lingering);
}

void lc_peers_drain(struct lc_peers *peers)
{
    struct epoll_event events[LC_LINGERING_MAX];
    int count = epoll_wait(peers->linger_fd, events, LC_LINGERING_MAX, 0);
    for (int i = 0; i < count; i++) drain(events[i].data.ptr);
}

static void end_those_that_lingered(struct lc_peers *peers, int64_t now)
{
    for (int i = 0; i < peers->lingering_max; i++)
        if (peers->lingering[i].fd >= 0 && peers->lingering[i].until <= now) end_lingering(&peers->lingering[i]);
}

/* --- from start to end */

enum status lc_peers_open(struct lc_peers *peers, unsigned limit, struct error *error)
{
    int lingering = limit / 4 < LC_LINGERING_MAX ? (int)(limit / 4) : LC_LINGERING_MAX;
    *peers = (struct lc_peers){.limit = limit, .linger_fd = epoll_create1(EPOLL_CLOEXEC), .lingering_max = lingering};
    for (int i = 0; i < LC_LINGERING_MAX; i++) peers->lingering[i].fd = -1;
    return peers->linger_fd >= 0 ? STATUS_OK : error_errno(error, errno, "epoll");
}

void lc_peers_close(struct lc_peers *peers)
{
    for (int i = 0; i < peers->lingering_max; i++)
        if (peers->lingering[i].fd >= 0) end_lingering(&peers->lingering[i]);
    if (peers->linger_fd >= 0) close(peers->linger_fd);
}

struct lc_peer *lc_peer_open(struct lc_peers *peers, int fd, const struct sockaddr *address)
{
    struct lc_peer *peer = calloc(1, sizeof *peer);
    peers->count++;
    peers->accepted++;
    if (!peer) return NULL;
    peer->fd = fd;
    if (address) lc_address_host(address, peer->text);
    lc_peer_wait(peers, peer);
    return peer;
}

/* Bytes that nobody has read make the kernel reset the connection. */
static bool has_unread_bytes(int fd)
{
    int count = 0;
    return ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

void lc_peer_close(struct lc_peers *peers, struct lc_peer *peer)
{
    peers->count--;
    if (!peer) return;
    leave_list(peers, peer);
    if (peer->lingers || has_unread_bytes(peer->fd)) let_linger(peers, peer->fd);
    free(peer);
}

/* --- looking after those that wait */

enum sight { SILENT, SENDS, GONE };

static enum sight look_at(const struct lc_peer *peer)
{
    char first;
    ssize_t count = recv(peer->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 ? SENDS : count == 0 ? GONE : SILENT;
}

/* libmicrohttpd sees the event of a socket that is shut, and ends the connection. */
static void end(struct lc_peers *peers, struct lc_peer *peer)
{
    leave_list(peers, peer);
    shutdown(peer->fd, SHUT_RDWR);
}

static void find_missed_ends(struct lc_peers *peers)
{
    struct lc_peer *peer = peers->checked ? peers->checked->newer : peers->waiting.oldest;
    for (int i = 0; i < CHECKED_AT_ONCE && peer; i++) {
        struct lc_peer *next = peer->newer;
        peers->checked = peer;
        if (look_at(peer) == GONE) end(peers, peer);
        peer = next;
    }
    if (!peer) peers->checked = NULL;
}

/* Whether bytes lie ready for the client, and it has read none of them for too long. */
static bool has_stalled(struct lc_peer *peer, int64_t now)
{
    int unread = 0;
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (ioctl(peer->fd, SIOCOUTQ, &unread) != 0 || getsockopt(peer->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    if (unread == 0 || size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return false;
    if (info.tcpi_bytes_acked != peer->read) {
        peer->read = info.tcpi_bytes_acked;
        peer->since = now;
    }
    return peer->since + STALL_AGE <= now;
}

/* Each in its turn: whoever was looked at goes to the list's end, since many may be sending. */
static void end_stalled(struct lc_peers *peers, int64_t now)
{
    const struct lc_peer *last = peers->sending.newest;
    bool more = last != NULL;
    for (int looked = 0, ended = 0; more && looked < CHECKED_AT_ONCE && ended < ROOM_AT_ONCE; looked++) {
        struct lc_peer *peer = peers->sending.oldest;
        more = peer != last;
        if (has_stalled(peer, now)) {
            end(peers, peer);
            ended++;
        } else {
            join_list(peers, peer, &peers->sending);
        }
    }
}

void lc_peers_make_room(struct lc_peers *peers, int64_t now)
{
    int ended = 0;
    end_stalled(peers, now);
    for (struct lc_peer *peer = peers->waiting.oldest, *next; peer && ended < ROOM_AT_ONCE && peer->since + ROOM_AGE <= now; peer = next) {
        next = peer->newer;
        if (look_at(peer) == SENDS) continue;
        end(peers, peer);
        ended++;
    }
}

/* At the limit of connections or of descriptors: somebody has been waiting to be accepted since the last look, and nobody was. */
static bool is_deaf(struct lc_peers *peers, int listening)
{
    struct pollfd poller = {.fd = listening, .events = POLLIN};
    bool knocks = listening >= 0 && poll(&poller, 1, 0) > 0, moved = peers->accepted != peers->accepted_before;
    bool deaf = knocks && peers->knocked && !moved;
    peers->knocked = knocks;
    peers->accepted_before = peers->accepted;
    return deaf;
}

void lc_peers_tend(struct lc_peers *peers, int listening)
{
    int64_t now = clock_monotonic();
    end_those_that_lingered(peers, now);
    find_missed_ends(peers);
    if (is_deaf(peers, listening)) lc_peers_make_room(peers, now);
}

int lc_peers_patience(const struct lc_peers *peers)
{
    return peers->knocked || peers->count >= peers->limit ? TEND_SOON : TEND_EVERY;
}
