// Datagrams and pings through the gateway. A talk is what one address and port (or echo identifier) of the
// client has with one address and port outside: one connected socket of the kernel, closed when nothing was
// said for a while.
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/errqueue.h>
#include "base/bytes.h"
#include "base/siphash.h"
#include "link/user_internal.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"

#define ERRORS_AT_ONCE 16
#define READS_AT_ONCE  32

struct sok_user_talk {
    struct sok_user_fd io;
    struct sok_map_node node; // in talks, by its ends
    struct sok_user_talk *older, *newer;
    struct sok_endpoint from, to; // of the client; outside. Echo: ports are the identifier and 0
    uint8_t proto, ttl;
    int64_t used_at;
};

static void list_remove(struct sok_user *u, struct sok_user_talk *t)
{
    *(t->older ? &t->older->newer : &u->oldest) = t->newer;
    *(t->newer ? &t->newer->older : &u->newest) = t->older;
}

static void list_add(struct sok_user *u, struct sok_user_talk *t)
{
    t->newer = NULL;
    t->older = u->newest;
    *(u->newest ? &u->newest->newer : &u->oldest) = t;
    u->newest = t;
}

static void used(struct sok_user *u, struct sok_user_talk *t, int64_t now)
{
    t->used_at = now;
    list_remove(u, t);
    list_add(u, t);
}

static void talk_free(struct sok_user *u, struct sok_user_talk *t)
{
    if (t->io.fd >= 0)
        close(t->io.fd);
    sok_map_remove(&u->talks, &t->node);
    list_remove(u, t);
    sok_mem_free(u->link.mem, t, sizeof(*t));
}

// ---- what goes wrong ----

// The first bytes of what the client had sent, as a router would quote them.
static void complain(struct sok_user *u, const struct sok_user_talk *t, const struct sok_addr *who,
    uint16_t seq, uint8_t type, uint8_t code, int64_t now)
{
    uint8_t head[8] = {0};
    if (t->proto == SOK_IPPROTO_UDP) {
        sok_put16(head, t->from.port);
        sok_put16(head + 2, t->to.port);
        sok_put16(head + 4, sizeof(head));
    } else {
        head[0] = t->proto == SOK_IPPROTO_ICMP ? SOK_ICMP_ECHO : SOK_ICMP6_ECHO;
        sok_put16(head + 4, t->from.port);
        sok_put16(head + 6, seq);
    }
    sok_user_complain(u, who, &t->from, &t->to, t->proto, head, type, code, now);
}

static void complain_errno(
    struct sok_user *u, const struct sok_user_talk *t, uint16_t seq, int why, int64_t now)
{
    bool v6 = !sok_addr_is_v4(t->to.addr);
    int code = sok_user_code(v6, why);
    if (code >= 0)
        complain(u, t, NULL, seq, sok_user_unreachable(v6), (uint8_t)code, now);
    else
        u->link.lost++;
}

// Who said it: behind the error, a socket address. False: it is not known.
static bool offender(const struct cmsghdr *c, bool v6, struct sok_addr *out)
{
    const unsigned char *at = CMSG_DATA(c) + sizeof(struct sock_extended_err);
    size_t len = c->cmsg_len - CMSG_LEN(sizeof(struct sock_extended_err));
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (v6 && len >= sizeof(in6)) {
        memcpy(&in6, at, sizeof(in6));
        memcpy(out->b, &in6.sin6_addr, 16);
        return in6.sin6_family == AF_INET6 && !sok_addr_is_any(*out);
    }
    if (v6 || len < sizeof(in))
        return false;
    memcpy(&in, at, sizeof(in));
    *out = sok_addr_v4(ntohl(in.sin_addr.s_addr));
    return in.sin_family == AF_INET && !sok_addr_is_any(*out);
}

// One error the kernel keeps for this socket: an ICMP message, or its own refusal.
static void pass_error(struct sok_user *u, struct sok_user_talk *t, const struct msghdr *msg,
    const uint8_t *quoted, size_t len, int64_t now)
{
    uint16_t seq = t->proto != SOK_IPPROTO_UDP && len >= 8 ? sok_get16(quoted + 6) : 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, c)) {
        struct sock_extended_err e;
        struct sok_addr who = sok_addr_v4(0);
        bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
        bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
        if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(e)))
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        bool known = offender(c, v6, &who);
        bool too_big = v6 ? e.ee_type == SOK_ICMP6_TOO_BIG
                          : e.ee_type == SOK_ICMP_UNREACHABLE && e.ee_code == SOK_ICMP_FRAG_NEEDED;
        if (e.ee_origin != (v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP))
            complain_errno(u, t, seq, (int)e.ee_errno, now);
        else if (!too_big) // the kernel cuts what is
            complain(u, t, known ? &who : NULL, seq, e.ee_type, e.ee_code, now);
    }
}

static bool take_errors(struct sok_user *u, struct sok_user_talk *t, int64_t now)
{
    bool any = false;
    for (int i = 0; i < ERRORS_AT_ONCE; i++) {
        uint8_t quoted[64], control[256];
        struct iovec iov = {quoted, sizeof(quoted)};
        struct msghdr msg = {
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(t->io.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (n < 0)
            break;
        pass_error(u, t, &msg, quoted, (size_t)n, now);
        any = true;
    }
    return any;
}

// ---- from outside ----

static uint8_t ttl_of(struct msghdr *msg)
{
    int ttl = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
    }
    return ttl > 0 && ttl < 256 ? (uint8_t)ttl : 0;
}

static void pass_in(struct sok_user *u, struct sok_user_talk *t, const uint8_t *data, size_t len,
    uint8_t ttl, int64_t now)
{
    struct sok_iov iov = {data, len};
    int64_t r = 0;
    if (t->proto == SOK_IPPROTO_UDP) {
        r = sok_udp_send_any(u->udp, &iov, 1, &t->to, &t->from, now);
    } else if (len >= SOK_ICMP_HDR_LEN &&
               data[0] ==
                   (t->proto == SOK_IPPROTO_ICMP ? SOK_ICMP_ECHO_REPLY : SOK_ICMP6_ECHO_REPLY)) {
        struct sok_echo_request asked = {
            .from = t->from.addr, .to = t->to.addr, .id = t->from.port};
        r = sok_stack_echo_answer(u->gateway, &asked, sok_get16(data + 6), data + SOK_ICMP_HDR_LEN,
            len - SOK_ICMP_HDR_LEN, ttl, now);
    }
    u->link.lost += r < 0;
}

static void talk_ready(struct sok_user *u, struct sok_user_fd *f, uint32_t events, int64_t now)
{
    struct sok_user_talk *t = SOK_CONTAINER_OF(f, struct sok_user_talk, io);
    uint8_t *room = sok_user_room(u);
    if (events & EPOLLERR)
        take_errors(u, t, now);
    for (int i = 0; room && i < READS_AT_ONCE; i++) {
        uint8_t control[64];
        struct iovec iov = {room, SOK_USER_READ};
        struct msghdr msg = {
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(f->fd, &msg, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) // a pending error: it is in the queue, too
            take_errors(u, t, now);
        else
            pass_in(u, t, room, (size_t)n, ttl_of(&msg), now);
        used(u, t, now);
    }
}

// ---- from the client ----

static uint64_t hash_of(const struct sok_user *u, const struct sok_endpoint *from,
    const struct sok_endpoint *to, uint8_t proto)
{
    uint8_t key[37];
    memcpy(key, from->addr.b, 16);
    memcpy(key + 16, to->addr.b, 16);
    sok_put16(key + 32, from->port);
    sok_put16(key + 34, to->port);
    key[36] = proto;
    return sok_siphash(u->key, key, sizeof(key));
}

static struct sok_user_talk *find(struct sok_user *u, uint64_t hash,
    const struct sok_endpoint *from, const struct sok_endpoint *to, uint8_t proto)
{
    for (struct sok_map_node *n = sok_map_first(&u->talks, hash); n; n = sok_map_next(n)) {
        struct sok_user_talk *t = SOK_CONTAINER_OF(n, struct sok_user_talk, node);
        if (t->proto == proto && t->from.port == from->port && t->to.port == to->port &&
            sok_addr_eq(t->from.addr, from->addr) && sok_addr_eq(t->to.addr, to->addr))
            return t;
    }
    return NULL;
}

// 0, or an errno.
static int dial(struct sok_user *u, struct sok_user_talk *t)
{
    struct sok_user_sockaddr at = sok_user_sockaddr(&t->to);
    bool v6 = at.at.any.sa_family == AF_INET6;
    int level = v6 ? SOL_IPV6 : SOL_IP;
    int on = 1, cut = v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT;
    int fd = t->io.fd =
        socket(at.at.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, t->proto);
    if (fd < 0)
        return errno == EPROTONOSUPPORT ? EACCES : errno;
    setsockopt(fd, level, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
    setsockopt(fd, level, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof(on));
    // The client's are cut as well.
    setsockopt(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &cut, sizeof(cut));
    if (connect(fd, &at.at.any, at.len) < 0)
        return errno;
    return sok_user_watch(u, &t->io, EPOLLIN) ? 0 : errno;
}

// The talk between the two, begun if need be; NULL: there is none, and the client was told. A failure of the
// kernel is told with the sequence number seq.
static struct sok_user_talk *talk_for(struct sok_user *u, const struct sok_endpoint *from,
    const struct sok_endpoint *to, uint8_t proto, uint16_t seq, int64_t now)
{
    uint64_t hash = hash_of(u, from, to, proto);
    struct sok_user_talk *t = find(u, hash, from, to, proto);
    if (t) {
        used(u, t, now);
        return t;
    }
    if (sok_map_count(&u->talks) >= SOK_USER_TALKS_MAX)
        talk_free(u, u->oldest);
    t = sok_mem_zalloc(u->link.mem, sizeof(*t));
    if (!t) {
        u->link.lost++;
        return NULL;
    }
    *t = (struct sok_user_talk){.io = {talk_ready, -1}, .from = *from, .to = *to, .proto = proto};
    t->used_at = now;
    list_add(u, t);
    sok_map_add(&u->talks, &t->node, hash);
    int why = dial(u, t);
    if (why == 0)
        return t;
    complain_errno(u, t, seq, why, now);
    talk_free(u, t);
    return NULL;
}

static void pass_out(struct sok_user *u, struct sok_user_talk *t, const void *data, size_t len,
    uint16_t seq, int64_t now)
{
    // An error that waits is told in place of sending; it is about something sent before.
    if (send(t->io.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
        (take_errors(u, t, now) && send(t->io.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0))
        return;
    complain_errno(u, t, seq, errno, now);
}

void sok_user_datagrams(struct sok_user *u, int64_t now)
{
    struct sok_endpoint from, to;
    uint8_t *room = sok_user_room(u);
    while (room) {
        int64_t n = sok_udp_recv_any(u->udp, room, SOK_USER_READ, &from, &to, now);
        if (n < 0)
            return;
        struct sok_user_talk *t = talk_for(u, &from, &to, SOK_IPPROTO_UDP, 0, now);
        if (t)
            pass_out(u, t, room, (size_t)n, 0, now);
    }
}

static void pass_echo(
    struct sok_user *u, struct sok_user_talk *t, const struct sok_echo_request *r, int64_t now)
{
    uint8_t *p = sok_user_room(u);
    bool v6 = t->proto == SOK_IPPROTO_ICMP6;
    struct sok_icmp_hdr h = {// the kernel has its own id
        .type = v6 ? SOK_ICMP6_ECHO : SOK_ICMP_ECHO,
        .seq = r->seq};
    int ttl = r->ttl;
    if (!p || r->len > SOK_USER_READ - SOK_ICMP_HDR_LEN)
        return;
    if (t->ttl != r->ttl)
        setsockopt(
            t->io.fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl, sizeof(ttl));
    t->ttl = r->ttl;
    sok_icmp_hdr_put(p, &h);
    memcpy(p + SOK_ICMP_HDR_LEN, r->data, r->len);
    pass_out(u, t, p, SOK_ICMP_HDR_LEN + r->len, r->seq, now);
}

void sok_user_echoes(struct sok_user *u, int64_t now)
{
    struct sok_echo_request *r;
    while ((r = sok_stack_echo_take(u->gateway))) {
        struct sok_endpoint from = {.addr = r->from, .port = r->id}, to = {.addr = r->to};
        uint8_t proto = sok_addr_is_v4(r->to) ? SOK_IPPROTO_ICMP : SOK_IPPROTO_ICMP6;
        struct sok_user_talk *t = talk_for(u, &from, &to, proto, r->seq, now);
        if (t)
            pass_echo(u, t, r, now);
        sok_stack_echo_done(u->gateway, r);
    }
}

// ---- time ----

int64_t sok_user_talks_deadline(const struct sok_user *u)
{
    return u->oldest ? u->oldest->used_at + SOK_USER_TALK_IDLE : INT64_MAX;
}

void sok_user_talks_expire(struct sok_user *u, int64_t now)
{
    while (sok_user_talks_deadline(u) <= now)
        talk_free(u, u->oldest);
}

void sok_user_talks_free(struct sok_user *u)
{
    while (u->oldest)
        talk_free(u, u->oldest);
}
