// Datagrams.
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include "behave.h"

static int bound(void)
{
    int fd = udp();
    struct sockaddr_in at = {.sin_family = AF_INET};
    bind(fd, (struct sockaddr *)&at, sizeof(at));
    return fd;
}

static ssize_t send_to(int fd, int port, size_t count)
{
    static char data[70000];
    struct sockaddr_in to = at_peer(port);
    return sendto(fd, data, count, 0, (struct sockaddr *)&to, sizeof(to));
}

static int peer_udp(long *id)
{
    *id = peer("udp");
    return atoi(peer_text);
}

static void unconnected(void)
{
    long id;
    char room[100], want[40];
    int port = peer_udp(&id), fd = udp();
    gives("udp-write-unconnected", write(fd, "x", 1), EDESTADDRREQ);
    is("udp-poll-fresh", poll_one(fd, POLLIN | POLLOUT, 0), POLLOUT);
    gives("udp-dontwait", recv(fd, room, 1, MSG_DONTWAIT), EAGAIN);
    gives("udp-shutdown-unconnected", shutdown(udp(), SHUT_WR), ENOTCONN);
    is("udp-sendto", send_to(fd, port, 5), 5);
    is_true("udp-autobound", port_of(fd) > 0);
    is("udp-arrives", peer("recvfrom %ld", id), 5);
    snprintf(
        want, sizeof(want), "%s %d", inet_ntop(AF_INET, &own.sin_addr, room, 100), port_of(fd));
    is_text("udp-arrives-from", peer_text, want);
    peer("sendto %ld %d 7", id, port_of(fd));
    is("udp-poll-data", poll_until(fd, POLLIN), POLLIN);
    struct sockaddr_in from = {0};
    socklen_t len = sizeof(from);
    is("udp-recvfrom", recvfrom(fd, room, 100, 0, (struct sockaddr *)&from, &len), 7);
    is("udp-recvfrom-length", len, sizeof(from));
    is("udp-recvfrom-port", ntohs(from.sin_port), port);
    is("udp-recvfrom-address", from.sin_addr.s_addr, at_peer(0).sin_addr.s_addr);
    is("udp-send-empty", send_to(fd, port, 0), 0);
    is("udp-empty-arrives", peer("recvfrom %ld", id), 0);
    peer("sendto %ld %d 0", id, port_of(fd));
    is("udp-recv-empty", recv(fd, room, 100, 0), 0);
    struct timeval limit = {0, 50000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    gives("udp-recv-timeout", recv(fd, room, 100, 0), EAGAIN);
}

static void cut(void)
{
    long id;
    char room[100];
    int port = peer_udp(&id), fd = bound(), waiting = -1;
    peer("sendto %ld %d 50", id, port_of(fd));
    poll_until(fd, POLLIN);
    ioctl(fd, FIONREAD, &waiting);
    is("udp-fionread", waiting, 50);
    is("udp-peek", recv(fd, room, 10, MSG_PEEK), 10);
    is("udp-peek-trunc", recv(fd, room, 10, MSG_PEEK | MSG_TRUNC), 50);
    is("udp-cut", recv(fd, room, 10, 0), 10);
    gives("udp-cut-rest-gone", recv(fd, room, 10, MSG_DONTWAIT), EAGAIN);
    peer("sendto %ld %d 50", id, port_of(fd));
    is("udp-cut-trunc", recv(fd, room, 10, MSG_TRUNC), 50);
    peer("sendto %ld %d 50", id, port_of(fd));
    struct sockaddr_in from;
    struct iovec io[2] = {{room, 20}, {room + 20, 20}};
    struct msghdr m = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = io, .msg_iovlen = 2};
    is("udp-recvmsg", recvmsg(fd, &m, 0), 40);
    is("udp-recvmsg-flags", m.msg_flags, MSG_TRUNC);
    is("udp-recvmsg-name", m.msg_namelen, sizeof(from));
    is("udp-recvmsg-port", ntohs(from.sin_port), port);
    peer("sendto %ld %d 9", id, port_of(fd));
    is("udp-read", read(fd, room, 100), 9);
    peer("sendto %ld %d 9", id, port_of(fd));
    is("udp-readv", readv(fd, io, 2), 9);
}

static void connected(void)
{
    long id, other;
    char room[100];
    int port = peer_udp(&id), fd = bound();
    peer_udp(&other);
    gives("udp-connect", dial(fd, port), 0);
    struct sockaddr_in n;
    socklen_t len = sizeof(n);
    gives("udp-peer-name", getpeername(fd, (struct sockaddr *)&n, &len), 0);
    is("udp-peer-name-port", ntohs(n.sin_port), port);
    getsockname(fd, (struct sockaddr *)&n, &len);
    is("udp-name-address", n.sin_addr.s_addr, own.sin_addr.s_addr);
    is("udp-send", send(fd, "abc", 3, 0), 3);
    is("udp-write", write(fd, "abcd", 4), 4);
    is("udp-writev", writev(fd, (struct iovec[]){{"ab", 2}, {"cde", 3}}, 2), 5);
    is("udp-send-arrives", peer("recvfrom %ld", id), 3);
    is("udp-write-arrives", peer("recvfrom %ld", id), 4);
    is("udp-writev-arrives", peer("recvfrom %ld", id), 5);
    peer("sendto %ld %d 1", other, port_of(fd));
    peer("sendto %ld %d 2", id, port_of(fd));
    is("udp-only-its-peer", recv(fd, room, 100, 0), 2);
    int there = atoi((peer("udp"), peer_text));
    is("udp-sendto-connected", send_to(fd, there, 6), 6);
    gives("udp-connect-again", dial(fd, there), 0);
    n.sin_family = AF_UNSPEC;
    gives("udp-unconnect", dial_at(fd, n), 0);
    gives("udp-unconnect-write", write(fd, "x", 1), EDESTADDRREQ);
    gives("udp-unconnect-peer", getpeername(fd, (struct sockaddr *)&n, &len), ENOTCONN);
    gives("udp-shutdown", (dial(fd, port), shutdown(fd, SHUT_RDWR)), 0);
    is("udp-shutdown-read", recv(fd, room, 1, 0), 0);
    gives("udp-shutdown-write", send(fd, room, 1, MSG_NOSIGNAL), EPIPE);
}

static void refused(void)
{
    char c;
    int fd = udp(), port = (int)peer("closed");
    dial(fd, port);
    is("udp-refused-send", send(fd, "x", 1, 0), 1);
    is("udp-refused-poll", poll_one(fd, POLLIN, 5000), POLLERR);
    gives("udp-refused-recv", recv(fd, &c, 1, MSG_DONTWAIT), ECONNREFUSED);
    gives("udp-refused-recv-once", recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
    send(fd, "x", 1, 0);
    poll_one(fd, POLLIN, 5000);
    gives("udp-refused-write", write(fd, "x", 1), ECONNREFUSED);
    is("udp-refused-write-once", write(fd, "x", 1), 1);
    poll_one(fd, POLLIN, 5000);
    is("udp-refused-so-error", so_error(fd), ECONNREFUSED);
    is("udp-refused-so-error-once", so_error(fd), 0);
    send(fd, "x", 1, 0);
    gives("udp-refused-waiting", recv(fd, &c, 1, 0), ECONNREFUSED);
    fd = udp();
    send_to(fd, port, 1);
    nap(50);
    is("udp-refused-unconnected", so_error(fd), 0);
    is("udp-refused-unconnected-send", send_to(fd, port, 1), 1);
}

// The queue of errors: what was said about which datagram.
static void queued_errors(void)
{
    char data[4], control[200];
    struct sockaddr_in to = {.sin_family = 0};
    struct iovec iov = {data, sizeof(data)};
    struct msghdr m = {.msg_name = &to,
        .msg_namelen = sizeof(to),
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    int fd = udp(), port = (int)peer("closed");
    gives("udp-errqueue-none", recvmsg(fd, &m, MSG_ERRQUEUE), EAGAIN);
    is("udp-errqueue-on", set_option(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
    is("udp-errqueue-send", send_to(fd, port, 9), 9);
    is_true("udp-errqueue-poll", poll_one(fd, POLLIN, 5000) & POLLERR);
    is("udp-errqueue-data", recvmsg(fd, &m, MSG_ERRQUEUE), 4);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    is("udp-errqueue-port", ntohs(to.sin_port), port);
    is("udp-errqueue-flags", m.msg_flags, MSG_ERRQUEUE | MSG_TRUNC);
    is("udp-errqueue-level", c ? c->cmsg_level : -1, IPPROTO_IP);
    is("udp-errqueue-type", c ? c->cmsg_type : -1, IP_RECVERR);
    is("udp-errqueue-errno", c ? *(int *)(void *)CMSG_DATA(c) : 0, ECONNREFUSED);
    gives("udp-errqueue-told-once", recv(fd, data, 1, MSG_DONTWAIT), EAGAIN);
    is("udp-errqueue-so-error", so_error(fd), 0);
    close(fd);
}

static void errors(void)
{
    long id;
    struct sockaddr_in to = at_peer(0);
    int port = peer_udp(&id), fd = udp();
    is("udp-largest", send_to(fd, port, 65507), 65507);
    is("udp-largest-arrives", peer("recvfrom %ld", id), 65507);
    gives("udp-too-large", send_to(fd, port, 65508), EMSGSIZE);
    gives("udp-port-0", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), EINVAL);
    gives("udp-short-address", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, 4), EINVAL);
    to.sin_family = AF_UNIX;
    gives("udp-family", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), EAFNOSUPPORT);
    to = at_peer(9);
    to.sin_addr.s_addr = htonl(0xc6336401);
    gives("udp-no-route", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), ENETUNREACH);
    gives("udp-connect-no-route", dial_at(fd, to), ENETUNREACH);
    to.sin_addr.s_addr = htonl(0xc00002ff);
    gives("udp-broadcast", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), EACCES);
    gives("udp-allow-broadcast", set_option(fd, SOL_SOCKET, SO_BROADCAST, 1), 0);
    gives("udp-broadcast-allowed", sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 0);
    gives("udp-oob", send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
}

static void many(void)
{
    long id;
    char room[4][20];
    int port = peer_udp(&id), fd = bound();
    dial(fd, port);
    struct iovec io[4] = {{"a", 1}, {"bc", 2}, {"def", 3}, {"ghij", 4}};
    struct mmsghdr m[4] = {0};
    for (int i = 0; i < 4; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &io[i], .msg_iovlen = 1};
    is("udp-sendmmsg", sendmmsg(fd, m, 4, 0), 4);
    is("udp-sendmmsg-length", m[3].msg_len, 4);
    long sum = 0;
    for (int i = 0; i < 4; i++)
        sum = sum * 10 + peer("recvfrom %ld", id);
    is("udp-sendmmsg-arrives", sum, 1234);
    for (int i = 1; i < 4; i++)
        peer("sendto %ld %d %d", id, port_of(fd), i);
    nap(50);
    for (int i = 0; i < 4; i++)
        io[i] = (struct iovec){room[i], 20};
    is("udp-recvmmsg", recvmmsg(fd, m, 4, MSG_DONTWAIT, NULL), 3);
    is("udp-recvmmsg-lengths", m[0].msg_len * 100 + m[1].msg_len * 10 + m[2].msg_len, 123);
    gives("udp-recvmmsg-none", recvmmsg(fd, m, 4, MSG_DONTWAIT, NULL), EAGAIN);
    is("udp-to-oneself", send_to(fd, port, 3), 3);
    peer("recvfrom %ld", id);
    for (int i = 0; i < 3; i++)
        peer("sendto %ld %d 1", id, port_of(fd));
    nap(50);
    int count = 0;
    while (recv(fd, room[0], 20, MSG_DONTWAIT) == 1)
        count++;
    is("udp-queue", count, 3);
}

// The first control message of this kind: its value as a number, or -1.
static long control_value(struct msghdr *m, int level, int type)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        int value = 0;
        size_t len = c->cmsg_len - CMSG_LEN(0);
        if (c->cmsg_level != level || c->cmsg_type != type)
            continue;
        memcpy(&value, CMSG_DATA(c), len < sizeof(value) ? len : sizeof(value));
        return value;
    }
    return -1;
}

static void what_comes_along(void)
{
    long id;
    char room[100], control[200];
    peer_udp(&id);
    int fd = bound();
    struct iovec io = {room, 100};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    is("udp-along-recvttl", option(fd, IPPROTO_IP, IP_RECVTTL), 0);
    gives("udp-along-set-ttl", set_option(fd, IPPROTO_IP, IP_RECVTTL, 1), 0);
    gives("udp-along-set-tos", set_option(fd, IPPROTO_IP, IP_RECVTOS, 1), 0);
    gives("udp-along-set-stamp", set_option(fd, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
    is("udp-along-recvttl-then", option(fd, IPPROTO_IP, IP_RECVTTL), 1);
    peer("sendto %ld %d 5", id, port_of(fd));
    is("udp-along", recvmsg(fd, &m, 0), 5);
    is("udp-along-ttl", control_value(&m, IPPROTO_IP, IP_TTL), 64);
    is("udp-along-tos", control_value(&m, IPPROTO_IP, IP_TOS), 0);
    long stamp = control_value(&m, SOL_SOCKET, SO_TIMESTAMP);
    is_true("udp-along-stamp", labs(stamp - (long)(int)time(NULL)) < 60);
    is("udp-along-flags", m.msg_flags, 0);
    gives("udp-along-stamp-ns", set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1), 0);
    is("udp-along-stamp-other", option(fd, SOL_SOCKET, SO_TIMESTAMP), 0);
    set_option(fd, IPPROTO_IP, IP_RECVTTL, 0);
    peer("sendto %ld %d 5", id, port_of(fd));
    m.msg_controllen = CMSG_LEN(sizeof(struct timespec));
    is("udp-along-short", recvmsg(fd, &m, 0), 5);
    is("udp-along-short-flags", m.msg_flags, MSG_CTRUNC);
    is_true("udp-along-short-stamp", control_value(&m, SOL_SOCKET, SO_TIMESTAMPNS) > 0);
    peer("sendto %ld %d 5", id, port_of(fd));
    m.msg_control = NULL;
    m.msg_controllen = 0;
    is("udp-along-nowhere", recvmsg(fd, &m, 0), 5);
}

// sendmsg() with one control message.
static ssize_t send_with(int fd, int port, int level, int type, const void *value, size_t len)
{
    char control[100] = {0};
    struct sockaddr_in to = at_peer(port);
    struct iovec io = {"abcdef", 6};
    struct msghdr m = {.msg_name = &to,
        .msg_namelen = sizeof(to),
        .msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(len)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(c), value, len);
    return sendmsg(fd, &m, 0);
}

static void what_goes_along(void)
{
    long id;
    char room[100], want[40];
    int port = peer_udp(&id), fd = bound(), ttl = 9, none = 0, tos = 16;
    struct in_pktinfo info = {.ipi_spec_dst = own.sin_addr};
    is("udp-with-source", send_with(fd, port, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)), 6);
    is("udp-with-source-arrives", peer("recvfrom %ld", id), 6);
    snprintf(
        want, sizeof(want), "%s %d", inet_ntop(AF_INET, &own.sin_addr, room, 100), port_of(fd));
    is_text("udp-with-source-from", peer_text, want);
    is("udp-with-ttl", send_with(fd, port, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 6);
    is("udp-with-ttl-arrives", peer("recvfrom %ld", id), 6);
    is("udp-with-tos", send_with(fd, port, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 6);
    is("udp-with-tos-arrives", peer("recvfrom %ld", id), 6);
    gives("udp-with-ttl-0", send_with(fd, port, IPPROTO_IP, IP_TTL, &none, sizeof(none)), EINVAL);
    gives(
        "udp-with-short", send_with(fd, port, IPPROTO_IP, IP_PKTINFO, &none, sizeof(none)), EINVAL);
    gives("udp-with-unknown", send_with(fd, port, IPPROTO_IP, 99, &none, sizeof(none)), EINVAL);
}

static void options(void)
{
    long id;
    char room[100], control[200];
    int port = peer_udp(&id), fd = bound(), on = 1;
    gives("udp-pktinfo", setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    peer("sendto %ld %d 5", id, port_of(fd));
    struct iovec io = {room, 100};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    is("udp-pktinfo-recvmsg", recvmsg(fd, &m, 0), 5);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    struct in_pktinfo info = {0};
    if (c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
        memcpy(&info, CMSG_DATA(c), sizeof(info));
    is("udp-pktinfo-address", info.ipi_addr.s_addr, own.sin_addr.s_addr);
    set_option(fd, SOL_SOCKET, SO_RCVBUF, 40000);
    is("udp-rcvbuf", option(fd, SOL_SOCKET, SO_RCVBUF), 80000);
    is("udp-ttl", option(fd, IPPROTO_IP, IP_TTL), 64);
    is("udp-broadcast-default", option(fd, SOL_SOCKET, SO_BROADCAST), 0);
    (void)port;
}

const struct group udp_groups[] = {
    {"udp", unconnected},
    {"udp-cut", cut},
    {"udp-connected", connected},
    {"udp-refused", refused},
    {"udp-errors", errors},
    {"udp-errqueue", queued_errors},
    {"udp-many", many},
    {"udp-options", options},
    {"udp-along", what_comes_along},
    {"udp-with", what_goes_along},
    {NULL, NULL},
};
