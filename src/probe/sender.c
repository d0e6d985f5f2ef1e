// Read first: raw(7) and packet(7).
#include "probe/sender.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/bytes.h"
#include "probe/lost.h"
#include "wire/csum.h"

// The kernel doubles either. Small packets take some 768 bytes each: of ROOM_PACED no more than about 170 wait somewhere
// in the kernel, fewer than the smallest queue on their way holds (an unknown neighbour's: arp(7), unres_qlen_bytes).
#define ROOM_PACED (64 << 10)
#define ROOM_MAX   (4 << 20)
#define STUCK_MS   250 // without room: nobody takes them
#define LATE_MIN   32  // packets that this machine has not received yet: it is late
#define LATE_MS    1000

enum { BY_IP4, BY_IP6, BY_FRAME, BY_LINK, SOCKETS }; // BY_LINK: IP packets to a MAC

union name {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_ll link;
};

struct sok_sender {
    const struct sok_mem *mem;
    struct sok_ways *ways;
    bool frames;
    bool paced;
    unsigned neighbour_ms;
    char interface[16]; // empty: by route
    int fds[SOCKETS];   // -1: not open yet
    int room[SOCKETS];  // bytes that the kernel may hold of ours (socket(7), SO_SNDBUF)
    int kind;           // of the batch
    unsigned count;
    size_t used;
    uint64_t sent;
    struct mmsghdr messages[SOK_SENDER_BATCH];
    struct iovec iov[SOK_SENDER_BATCH];
    union name names[SOK_SENDER_BATCH];
    uint8_t bytes[SOK_SENDER_BYTES];
};

static __attribute__((format(printf, 3, 4))) int fail(char *err, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err, SOK_PROBE_ERR_MAX, format, args);
    va_end(args);
    return error;
}

// ---- sockets ----

static int new_socket(int kind)
{
    int one = 1;
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC, fd;
    switch (kind) {
    case BY_IP4:
        fd = socket(AF_INET, SOCK_RAW | flags, IPPROTO_RAW);
        if (fd >= 0)
            setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
        return fd;
    case BY_IP6:
        return socket(AF_INET6, SOCK_RAW | flags, IPPROTO_RAW);
    case BY_FRAME:
        return socket(AF_PACKET, SOCK_RAW | flags, 0);
    default:
        return socket(AF_PACKET, SOCK_DGRAM | flags, 0);
    }
}

static void set_room(struct sok_sender *s, int kind, int bytes)
{
    s->room[kind] = bytes;
    if (setsockopt(s->fds[kind], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(s->fds[kind], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int open_socket(struct sok_sender *s, int kind, char *err)
{
    if (s->fds[kind] >= 0)
        return 0;
    int fd = new_socket(kind);
    if (fd < 0)
        return fail(err, errno == EPERM ? SOK_EACCES : SOK_EIO, "no raw socket to send with: %s%s",
            strerror(errno), errno == EPERM ? " (needs root or CAP_NET_RAW)" : "");
    s->fds[kind] = fd;
    set_room(s, kind, s->paced ? ROOM_PACED : ROOM_MAX);
    if (s->interface[0] && (kind == BY_IP4 || kind == BY_IP6) &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s->interface, sizeof(s->interface)) < 0)
        return fail(err, SOK_EIO, "%s: %s", s->interface, strerror(errno));
    return 0;
}

static int bind_frames(struct sok_sender *s, char *err)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET};
    int r = open_socket(s, BY_FRAME, err);
    if (r < 0)
        return r;
    at.sll_ifindex = (int)sok_ways_interface(s->ways);
    if (at.sll_ifindex == 0)
        return fail(err, SOK_EINVAL, "frames need an interface to leave by (iface=\"eth0\")");
    if (bind(s->fds[BY_FRAME], (struct sockaddr *)&at, sizeof(at)) < 0)
        return fail(err, SOK_EIO, "%s: %s", s->interface, strerror(errno));
    return 0;
}

int sok_sender_open(const struct sok_mem *mem, struct sok_ways *ways,
    const struct sok_sender_options *options, struct sok_sender **out, char *err)
{
    struct sok_sender *s = sok_mem_zalloc(mem, sizeof(*s));
    if (!s)
        return fail(err, SOK_ENOMEM, "no memory to send");
    s->mem = mem;
    s->ways = ways;
    s->frames = options->frames;
    s->paced = options->paced;
    s->neighbour_ms = options->neighbour_ms ? options->neighbour_ms : 1000;
    if (options->interface)
        snprintf(s->interface, sizeof(s->interface), "%s", options->interface);
    for (int i = 0; i < SOCKETS; i++)
        s->fds[i] = -1;
    int r = s->frames ? bind_frames(s, err) : open_socket(s, BY_IP4, err);
    if (r < 0) {
        sok_sender_close(s);
        return r;
    }
    *out = s;
    return 0;
}

void sok_sender_close(struct sok_sender *s)
{
    if (!s)
        return;
    for (int i = 0; i < SOCKETS; i++)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    sok_mem_free(s->mem, s, sizeof(*s));
}

uint64_t sok_sender_sent(const struct sok_sender *s)
{
    return s->sent;
}

// ---- sending ----

static int explain(struct sok_sender *s, const struct msghdr *m, int error, char *err)
{
    size_t len = m->msg_iov->iov_len;
    const char *where = s->interface[0] ? s->interface : "the way there";
    switch (error) {
    case EMSGSIZE:
        return fail(
            err, SOK_EMSGSIZE, "a packet of %zu bytes is larger than the MTU of %s", len, where);
    case ENETUNREACH:
    case EHOSTUNREACH:
        return fail(err, SOK_ENETUNREACH, "no route there: %s (see: ip route)", strerror(error));
    case ENETDOWN:
        return fail(err, SOK_ELINKDOWN, "%s is down (ip link set ... up)", where);
    case EPERM:
        return fail(err, SOK_EACCES, "a firewall of this machine does not let it out (EPERM)");
    default:
        return fail(err, SOK_EIO, "sending %zu bytes: %s", len, strerror(error));
    }
}

// Packets wait where nobody takes them: for a neighbour that does not say its MAC, say, and others need not wait for
// that. While this machine itself is late receiving, what waits is taken yet.
static void widen(struct sok_sender *s, unsigned waited)
{
    struct sok_lost now;
    sok_lost_read(&now);
    if ((now.waiting < LATE_MIN || waited >= LATE_MS) && s->room[s->kind] < ROOM_MAX)
        set_room(s, s->kind, 2 * s->room[s->kind]);
}

// The device has no room: 0 when there may be some, an errno when it has been too long.
static int wait_for_room(struct sok_sender *s, int error, unsigned *waited)
{
    struct pollfd p = {.fd = s->fds[s->kind], .events = POLLOUT};
    if (error == EINTR)
        return 0;
    if ((error != EAGAIN && error != ENOBUFS) || *waited >= SOK_SENDER_WAIT_MS)
        return error;
    // ENOBUFS is of a queue further down, which nobody can wait for.
    int ms = error == ENOBUFS ? 1 : 10;
    *waited += (unsigned)ms;
    poll(&p, error == EAGAIN, ms);
    if (error == EAGAIN && *waited % STUCK_MS == 0)
        widen(s, *waited);
    return 0;
}

int sok_sender_flush(struct sok_sender *s, char *err)
{
    unsigned done = 0, waited = 0;
    int r = 0;
    while (done < s->count && r == 0) {
        int n = sendmmsg(s->fds[s->kind], s->messages + done, s->count - done, 0);
        int error = n < 0 ? errno : 0;
        if (n > 0) {
            done += (unsigned)n;
            s->sent += (unsigned)n;
            waited = 0;
        } else if ((error = wait_for_room(s, error, &waited)) != 0)
            r = explain(s, &s->messages[done].msg_hdr, error, err);
    }
    s->count = 0;
    s->used = 0;
    return r;
}

static int append(struct sok_sender *s, int kind, const uint8_t *data, size_t len,
    const union name *name, socklen_t name_len, char *err)
{
    int r = 0;
    if (s->count == SOK_SENDER_BATCH || s->used + len > sizeof(s->bytes) ||
        (s->count > 0 && s->kind != kind))
        r = sok_sender_flush(s, err);
    if (r == 0)
        r = open_socket(s, kind, err);
    if (r < 0)
        return r;
    unsigned i = s->count++;
    memcpy(s->bytes + s->used, data, len);
    s->iov[i] = (struct iovec){s->bytes + s->used, len};
    s->used += len;
    s->kind = kind;
    s->messages[i] = (struct mmsghdr){{.msg_iov = &s->iov[i], .msg_iovlen = 1}, 0};
    if (name) {
        s->names[i] = *name;
        s->messages[i].msg_hdr.msg_name = &s->names[i];
        s->messages[i].msg_hdr.msg_namelen = name_len;
    }
    return 0;
}

static bool sums_up(const uint8_t *ip, size_t header)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add(&sum, ip, header);
    return sok_csum_final(&sum) == 0;
}

// Whether a raw socket sends these 20 bytes and more just as they are.
static bool raw_keeps(const uint8_t *ip, size_t len)
{
    size_t header = (size_t)(ip[0] & 15) * 4;
    if (header < 20 || header > len || sok_get16(ip + 2) != len)
        return false;
    return sok_get16(ip + 4) != 0 && sok_get32(ip + 12) != 0 && sums_up(ip, header) &&
           sok_get16(ip + 10) != 0xffff;
}

// Past the raw socket, to the next hop's MAC.
static int put_link(
    struct sok_sender *s, const uint8_t *ip, size_t len, const struct sok_way *way, char *err)
{
    struct sok_addr dst = sok_addr_v4(sok_get32(ip + 16));
    union name name = {.link = {.sll_family = AF_PACKET,
                           .sll_protocol = htons(ETH_P_IP),
                           .sll_ifindex = (int)way->if_index,
                           .sll_halen = way->ethernet ? 6 : 0}};
    int r = way->ethernet ? sok_ways_hop_mac(s->ways, dst, s->neighbour_ms, name.link.sll_addr, err)
                          : 0;
    return r < 0 ? r : append(s, BY_LINK, ip, len, &name, sizeof(name.link), err);
}

static int put_ip4(struct sok_sender *s, const uint8_t *ip, size_t len, char *err)
{
    union name name = {.ip4 = {.sin_family = AF_INET}};
    if (len < 20)
        return fail(err, SOK_EINVAL, "%zu bytes are no IPv4 packet: its header has 20", len);
    if (!raw_keeps(ip, len)) {
        struct sok_way way;
        int r = sok_ways_find(s->ways, sok_addr_v4(sok_get32(ip + 16)), &way, err);
        if (r < 0)
            return r;
        if (!way.local)
            return put_link(s, ip, len, &way, err);
    }
    memcpy(&name.ip4.sin_addr, ip + 16, 4);
    return append(s, BY_IP4, ip, len, &name, sizeof(name.ip4), err);
}

static int put_ip6(struct sok_sender *s, const uint8_t *ip, size_t len, char *err)
{
    union name name = {.ip6 = {.sin6_family = AF_INET6}};
    if (len < 40)
        return fail(err, SOK_EINVAL, "%zu bytes are no IPv6 packet: its header has 40", len);
    memcpy(&name.ip6.sin6_addr, ip + 24, 16);
    bool scoped =
        IN6_IS_ADDR_LINKLOCAL(&name.ip6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&name.ip6.sin6_addr);
    if (scoped && (name.ip6.sin6_scope_id = sok_ways_interface(s->ways)) == 0)
        return fail(err, SOK_EINVAL, "an address of one link alone: say which (iface=\"eth0\")");
    return append(s, BY_IP6, ip, len, &name, sizeof(name.ip6), err);
}

int sok_sender_put(struct sok_sender *s, const uint8_t *data, size_t len, char *err)
{
    if (len == 0 || len > SOK_CRAFT_PACKET_MAX)
        return fail(err, SOK_EINVAL, "a packet of %zu bytes cannot be sent", len);
    if (s->frames)
        return append(s, BY_FRAME, data, len, NULL, 0, err);
    switch (data[0] >> 4) {
    case 4:
        return put_ip4(s, data, len, err);
    case 6:
        return put_ip6(s, data, len, err);
    default:
        return fail(
            err, SOK_EINVAL, "it does not begin with IP or IPv6 (frames are sent by sendp, srp)");
    }
}
