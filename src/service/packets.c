// Datagrams of programs, of UDP, raw and packet sockets: every packet in the pair carries the address it came from or goes to (struct
// sok_calls_packet), but for a connected socket in plain mode.
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/container.h"
#include "service/internal.h"

#define PACKET_MAX (sizeof(struct sok_calls_packet) + 65600) // a frame of the loopback, at most
#define ROUNDS_MAX 64                                        // packets each way in one go
#define BUFFER     (1 << 20)

// A packet on its way to the program: head and data, or an error.
struct held {
    size_t len;
    uint8_t bytes[PACKET_MAX];
};

// ---- to the program ----

// False: no room.
static bool give(struct served *e, const uint8_t *packet, size_t len)
{
    size_t head = sizeof(struct sok_calls_packet);
    struct sok_calls_packet p;
    memcpy(&p, packet, head);
    if (e->ring && !p.error)
        return sok_serve_frames_keep(e, packet, len);
    if (e->plain && e->s->dialled) {
        if (p.error) // nothing that plain bytes could say
            return true;
        packet += head;
        len -= head;
    }
    return send(e->lf.fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

static int64_t next_datagram(
    const struct served *e, uint8_t *data, size_t room, struct sok_calls_packet *head)
{
    struct sok_endpoint from = {.port = 0};
    struct sok_dgram_info info = {.link = -1};
    int64_t n = e->posix.domain == AF_PACKET ? sok_serve_frames_recv(e, data, room, head)
                                             : sok_recvfrom_info(e->s, data, room, &from, &info);
    if (n < 0)
        return n;
    if (e->posix.domain == AF_PACKET)
        sok_getsockopt(e->s, SOK_OPT_STAMP, &info.stamp);
    else
        head->len = sok_sockaddr_put(e->posix.domain, &from, head->addr);
    sok_posix_came(&e->posix, e->service->host, data, (size_t)n, &info, head);
    if (e->ring)
        head->stamp = sok_posix_stamp(e->service->host, info.stamp);
    return n;
}

// The next packet of the socket, or its error; 0: none.
static size_t next_packet(struct served *e, uint8_t *packet)
{
    struct sok_calls_packet head = {.error = 0};
    uint8_t *data = packet + sizeof(head);
    size_t room = PACKET_MAX - sizeof(head);
    int64_t n = next_datagram(e, data, room, &head);
    if (n == SOK_EAGAIN || !e->s->sock)
        return 0;
    if (n < 0)
        head.error = (uint32_t)sok_errno((int)n);
    memcpy(packet, &head, sizeof(head));
    return sizeof(head) + (n > 0 ? (size_t)n : 0);
}

static uint32_t interest(const struct served *e)
{
    return (e->mute ? 0 : EPOLLIN) | (e->held && e->held->len > 0 && !e->ring_full ? EPOLLOUT : 0);
}

// There is something in the ring; a pair without room has told it already.
static void tell_of_ring(const struct served *e)
{
    struct sok_calls_packet head = {.len = 0};
    send(e->lf.fd, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void deliver(struct served *e)
{
    if (!e->held && !(e->held = malloc(sizeof(*e->held))))
        return;
    struct held *h = e->held;
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        if (h->len == 0)
            h->len = next_packet(e, h->bytes);
        if (i + 1 == ROUNDS_MAX || h->len == 0 || !give(e, h->bytes, h->len))
            break;
        h->len = 0;
    }
    if (sok_serve_frames_tell(e))
        tell_of_ring(e);
    // The rest when the pair has room: at once, if only the rounds were over.
    sok_loop_change(e->service->host->loop, &e->lf, interest(e));
    if (h->len == 0) {
        free(h);
        e->held = NULL;
    }
}

static void readable(void *ctx, struct sok_socket *s)
{
    (void)s;
    deliver(ctx);
}

// ---- from the program ----

// An address that makes no sense was refused before (preload/packets.c): it is dropped.
static int64_t send_on(
    const struct served *e, const struct sok_calls_packet *head, const uint8_t *data, size_t len)
{
    struct sok_endpoint to;
    bool v6;
    if (e->posix.domain == AF_PACKET)
        return sok_serve_frames_send(e, head, data, len);
    struct sok_dgram_info info;
    sok_posix_goes(head, &info);
    if (head->len == 0)
        return head->wanted ? sok_sendto_info(e->s, data, len, NULL, &info)
                            : sok_send(e->s, data, len);
    if (head->len > sizeof(head->addr) ||
        sok_sockaddr_peer(&e->posix, NULL, head->addr, head->len, &to, &v6) < 0)
        return 0;
    return head->wanted ? sok_sendto_info(e->s, data, len, &to, &info)
                        : sok_sendto(e->s, data, len, &to);
}

static void pass_on(struct served *e, const uint8_t *packet, size_t len)
{
    struct sok_calls_packet head = {.len = 0};
    bool plain = e->plain && e->s->dialled;
    if (!plain && len < sizeof(head))
        return;
    if (!plain) {
        memcpy(&head, packet, sizeof(head));
        packet += sizeof(head);
        len -= sizeof(head);
    }
    int64_t r = send_on(e, &head, packet, len);
    if (r >= 0 || r == SOK_EAGAIN)
        return;
    // The call has gone through already; as with a kernel's socket, the next one hears of it.
    struct sok_calls_packet error = {.error = (uint32_t)sok_errno((int)r)};
    give(e, (const uint8_t *)&error, sizeof(error));
}

// The program's next packet: its length; -1: none now; or none ever, when e is mute. The end reads as a packet
// of 0 bytes does, but a packet comes with the time at which it was sent. With a descriptor: memory for a ring, and no
// packet; there is room for exactly one.
static ssize_t take(struct served *e, uint8_t *packet, bool *memory)
{
    union {
        struct cmsghdr align;
        char space[128];
    } control;
    const size_t space = CMSG_SPACE(sizeof(struct timeval)) + CMSG_LEN(sizeof(int));
    struct iovec iov = {packet, PACKET_MAX};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = space};
    ssize_t n = recvmsg(e->lf.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    e->mute = n == 0 && m.msg_controllen == 0;
    *memory = false;
    for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        int fd;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        sok_serve_frames_came(e, fd);
        *memory = true;
    }
    return e->mute ? -1 : n;
}

// Some of what the program has sent. True: there may be more.
static bool collect(struct served *e)
{
    uint8_t *packet = malloc(PACKET_MAX);
    unsigned i = 0;
    if (!packet)
        return false;
    for (; i < ROUNDS_MAX; i++) {
        bool memory;
        ssize_t n = take(e, packet, &memory);
        if (n < 0)
            break;
        if (!memory)
            pass_on(e, packet, (size_t)n);
    }
    free(packet);
    if (e->mute)
        sok_loop_change(e->service->host->loop, &e->lf, interest(e));
    return i == ROUNDS_MAX;
}

void sok_serve_packets_first(struct served *e)
{
    if (e->lf.fd >= 0 && e->s && !e->mute)
        collect(e);
}

void sok_serve_packets_rest(struct served *e)
{
    while (collect(e))
        continue;
}

// What was sent before it was closed still goes, some in every turn.
static void pair_ready(struct sok_loop_fd *lf, uint32_t events)
{
    struct served *e = SOK_CONTAINER_OF(lf, struct served, lf);
    bool more = (events & EPOLLIN) && collect(e);
    if (events & (EPOLLHUP | EPOLLERR)) {
        if (!more)
            sok_served_free(e);
        return;
    }
    if (events & EPOLLOUT)
        deliver(e);
}

// ---- being born ----

static void set_buffers(int fd)
{
    int bytes = BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int open_socket(
    struct sok_host *host, const struct sok_calls_request *q, struct sok_socket **out)
{
    if (q->a == AF_PACKET)
        return sok_socket_packet(host, ntohs((uint16_t)q->c), q->b == SOCK_DGRAM, out);
    if (q->b == SOCK_RAW)
        return (q->a == AF_INET6 ? sok_socket_raw6 : sok_socket_raw)(host, q->c, out);
    return sok_socket(host, SOK_DGRAM, out);
}

int32_t sok_serve_packets(struct sok_service *v, struct request *r)
{
    int pair[2], on = 1;
    struct sok_socket *s;
    int err = open_socket(v->host, r->head, &s);
    if (err < 0)
        return -sok_errno(err);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        sok_close(s);
        return -errno;
    }
    set_buffers(pair[0]);
    set_buffers(pair[1]);
    setsockopt(pair[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)); // take() tells by it
    struct served *e = sok_served_new(v, pair[0]);
    r->fd = pair[0];
    if (!e) {
        close(pair[1]);
        sok_close(s);
        return -ENFILE;
    }
    e->kind = SOK_CALLS_DGRAM;
    e->posix.domain = r->head->a;
    e->posix.type = r->head->b;
    e->posix.protocol = r->head->c || e->posix.domain == AF_PACKET ? r->head->c : IPPROTO_UDP;
    e->frames =
        (struct sok_packet_addr){.link = SOK_PACKET_ALL_LINKS, .type = ntohs((uint16_t)r->head->c)};
    e->s = s;
    s->owner = e;
    s->v4only = e->posix.domain == AF_INET;
    e->lf.ready = pair_ready;
    // Level-triggered for what comes from the program; EPOLLOUT only matters after the pair was full.
    err = sok_loop_add(v->host->loop, &e->lf, pair[1], EPOLLIN);
    if (err < 0) {
        e->lf.fd = -1;
        close(pair[1]);
        sok_served_free(e);
        return -sok_errno(err);
    }
    sok_socket_notify(s, readable, e);
    return 0;
}

int32_t sok_serve_packets_send(struct served *e, const uint8_t *packet, uint32_t len)
{
    struct sok_calls_packet head;
    if (len < sizeof(head))
        return -EINVAL;
    memcpy(&head, packet, sizeof(head));
    int64_t r = send_on(e, &head, packet + sizeof(head), len - sizeof(head));
    return r < 0 ? -sok_errno((int)r) : 0;
}

// size: of the datagram, or 0; len 0: to the peer.
int32_t sok_serve_packets_way(struct served *e, const uint8_t *addr, uint32_t len, size_t size)
{
    struct sok_endpoint to;
    bool v6;
    if (len == 0)
        return -sok_errno(sok_socket_fits(e->s, NULL, size));
    int err = sok_sockaddr_peer(&e->posix, NULL, addr, len, &to, &v6);
    if (err < 0)
        return err;
    err = sok_sendto_check(e->s, &to);
    return -sok_errno(err < 0 || size == 0 ? err : sok_socket_fits(e->s, &to, size));
}

void sok_serve_packets_changed(struct served *e)
{
    if (e->s)
        deliver(e);
}

void sok_serve_packets_free(struct served *e)
{
    free(e->held);
    e->held = NULL;
    sok_serve_frames_free(e);
}
