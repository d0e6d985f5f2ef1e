// UDP: whole datagrams, with addresses and control messages.
#include <poll.h>
#include <stdio.h>
#include <time.h>
// After timespec.
#include <linux/errqueue.h>
#include <sys/ioctl.h>
#include "check.h"

static void there_and_back(void)
{
    struct pair p = dgrams();
    struct place a = name_of(p.a), from = {.len = sizeof(from.at)}, b = name_of(p.b);
    char text[16] = "";
    CALL("dgram-send", os.send(p.b, "hello", 5, 0));
    CALL("dgram-recvfrom", os.recvfrom(p.a, text, sizeof(text), 0, &from.at.any, &from.len));
    TEXT("dgram-from", "%s, %s", port_of(&from) == port_of(&b) ? "right" : "wrong", text);
    CALL("dgram-sendto", os.sendto(p.a, "back", 4, 0, AT(b)));
    CALL("dgram-recv", os.recv(p.b, text, sizeof(text), 0));
    CALL("dgram-nothing", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    CALL("dgram-empty", os.send(p.b, "", 0, 0));
    CALL("dgram-empty-recv", os.recv(p.a, text, sizeof(text), 0));
    CALL("dgram-send-no-peer", os.send(p.a, "x", 1, 0));
    CALL("dgram-write-no-peer", os.write(p.a, "x", 1));
    CALL("dgram-connected-sendto", os.sendto(p.b, "x", 1, 0, AT(a)));
    CALL("dgram-write", os.write(p.b, "yz", 2));
    CALL("dgram-read-1", os.read(p.a, text, sizeof(text)));
    CALL("dgram-read-2", os.read(p.a, text, sizeof(text)));
    pair_close(p);
}

// Of the other family: a datagram socket of IPv6 is there for both.
static void other_family(void)
{
    int four = os.socket(AF_INET, SOCK_DGRAM, 0), six = os.socket(AF_INET6, SOCK_DGRAM, 0);
    int only = os.socket(AF_INET6, SOCK_DGRAM, 0), s = os.socket(AF_INET6, SOCK_STREAM, 0);
    struct place at = {.len = sizeof(at.at.in)}, name = {.len = sizeof(name.at)};
    char text[16] = "";
    at.at.in.sin_family = AF_INET;
    at.at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CALL("other-bind", os.bind(four, AT(at)));
    at = name_of(four);
    CALL("other-sendto", os.sendto(six, "a", 1, 0, AT(at)));
    CALL("other-connect", os.connect(six, AT(at)));
    CALL("other-peer", os.getpeername(six, &name.at.any, &name.len));
    TEXT("other-peer-is", "family %s, %s", name.at.any.sa_family == AF_INET6 ? "its" : "other",
        IN6_IS_ADDR_V4MAPPED(&name.at.in6.sin6_addr) ? "mapped" : "not mapped");
    CALL("other-send", os.send(six, "b", 1, 0));
    CALL("other-first", os.recv(four, text, sizeof(text), 0));
    CALL("other-second", os.recv(four, text, sizeof(text), 0));
    CALL("other-short", os.connect(six, &at.at.any, at.len - 1));
    CALL("other-bind-six", os.bind(only, AT(at)));
    CALL("other-stream", os.connect(s, AT(at)));
    set_int(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CALL("other-only", os.connect(only, AT(at)));
    CALL("other-only-sendto", os.sendto(only, "c", 1, 0, AT(at)));
    os.close(four);
    os.close(six);
    os.close(only);
    os.close(s);
}

static void cut(void)
{
    struct pair p = dgrams();
    char text[16] = "";
    int n = -1;
    struct iovec iov[] = {{text, 2}, {text + 8, 1}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    os.send(p.b, "abcdef", 6, 0);
    os.send(p.b, "gh", 2, 0);
    os.settle();
    CALL("dgram-fionread", os.ioctl(p.a, FIONREAD, &n));
    TEXT("dgram-fionread-is", "%d", n);
    CALL("dgram-peek", os.recv(p.a, text, 2, MSG_PEEK));
    CALL("dgram-peek-whole", os.recv(p.a, text, 2, MSG_PEEK | MSG_TRUNC));
    CALL("dgram-cut", os.recvmsg(p.a, &m, 0));
    TEXT("dgram-cut-says", "flags %x, %.2s %.1s", m.msg_flags, text, text + 8);
    CALL("dgram-next", os.recvmsg(p.a, &m, 0));
    TEXT("dgram-next-says", "flags %x", m.msg_flags);
    os.send(p.b, "abcdef", 6, 0);
    CALL("dgram-no-room", os.recv(p.a, text, 0, MSG_TRUNC));
    CALL("dgram-fionread-none", os.ioctl(p.a, FIONREAD, &n));
    TEXT("dgram-fionread-none-is", "%d", n);
    pair_close(p);
}

static const char *told(int fd, char text[200])
{
    char data[8] = "", control[256];
    struct place to = {.len = 0};
    struct iovec iov = {data, 4};
    struct msghdr m = {.msg_name = &to.at,
        .msg_namelen = sizeof(to.at),
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    struct sock_extended_err e = {.ee_errno = 0};
    ssize_t n = os.recvmsg(fd, &m, MSG_ERRQUEUE);
    if (n < 0)
        return strerrorname_np(errno);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c)
        memcpy(&e, CMSG_DATA(c), sizeof(e));
    to.len = m.msg_namelen;
    struct sockaddr_in6 from = {.sin6_family = 0};
    size_t rest = c ? c->cmsg_len - CMSG_LEN(sizeof(e)) : 0;
    memcpy(&from, CMSG_DATA(c) + sizeof(e), rest < sizeof(from) ? rest : sizeof(from));
    snprintf(text, 200,
        "%d bytes %s, to %d, flags %x, %d/%d: %s origin %d type %d code %d info %u, family %d of "
        "%d",
        (int)n, data, port_of(&to) > 0, m.msg_flags, c ? c->cmsg_level : 0, c ? c->cmsg_type : 0,
        e.ee_errno ? strerrorname_np((int)e.ee_errno) : "0", e.ee_origin, e.ee_type, e.ee_code,
        e.ee_info, from.sin6_family, (int)rest);
    return text;
}

// Without the MTU, which of a loopback is not the same everywhere.
static const char *told_kind(int fd, char text[200])
{
    const char *said = told(fd, text);
    char *mtu = strstr(text, " info ");
    if (said == text && mtu)
        *mtu = '\0';
    return said;
}

// What is refused here is in it, too, without data, and is no pending error.
static void errors_of_our_own(void)
{
    struct place to = nobody(), here0 = here(0);
    static const char large[65530];
    char text[200];
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, fd = dgram();
    os.bind(fd, AT(here0));
    CALL("errors-large-not-asked", os.sendto(fd, large, sizeof(large), 0, AT(to)));
    TEXT("errors-large-not-told", "%s", told(fd, text));
    set_int(fd, level, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, 1);
    CALL("errors-large", os.sendto(fd, large, sizeof(large), 0, AT(to)));
    TEXT("errors-large-poll", "%s", events_text(ready(fd, 0, 0)));
    TEXT("errors-large-told", "%s", told_kind(fd, text));
    TEXT("errors-large-once", "%s", told(fd, text));
    CALL("errors-large-pending", get_int(fd, SOL_SOCKET, SO_ERROR));
    os.connect(fd, AT(to));
    CALL("errors-large-to-peer", os.send(fd, large, sizeof(large), 0));
    TEXT("errors-large-to-peer-told", "%s", told_kind(fd, text));
    os.close(fd);
}

// The queue of errors: what ICMP says of datagrams, also to sockets without a peer.
static void errors(void)
{
    struct place to = nobody(), back = {.len = sizeof(back.at)};
    char text[200];
    int fd = dgram();
    struct place here0 = here(0);
    os.bind(fd, AT(here0));
    CALL("errors-none", os.recv(fd, text, 1, MSG_ERRQUEUE));
    os.sendto(fd, "zero", 4, 0, AT(to));
    os.settle();
    CALL("errors-not-wanted", ready(fd, POLLIN, 0));
    CALL("errors-want", set_int(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                            family == AF_INET ? IP_RECVERR : IPV6_RECVERR, 1));
    os.sendto(fd, "first", 5, 0, AT(to));
    os.settle();
    TEXT("errors-poll", "%s", events_text(ready(fd, 0, 0)));
    CALL("errors-pending", os.sendto(fd, "second", 6, 0, AT(to)));
    CALL("errors-second", os.sendto(fd, "second", 6, 0, AT(to)));
    os.settle();
    TEXT("errors-told", "%s", told(fd, text));
    TEXT("errors-poll-then", "%s", events_text(ready(fd, 0, 0)));
    TEXT("errors-told-second", "%s", told(fd, text));
    TEXT("errors-told-no-more", "%s", told(fd, text));
    TEXT("errors-poll-last", "%s", events_text(ready(fd, 0, 0)));
    CALL("errors-so-error", get_int(fd, SOL_SOCKET, SO_ERROR));
    os.sendto(fd, "third", 5, 0, AT(to));
    os.settle();
    CALL("errors-recv", os.recvfrom(fd, text, 1, MSG_DONTWAIT, &back.at.any, &back.len));
    CALL("errors-recv-again", os.recv(fd, text, 1, MSG_DONTWAIT));
    set_int(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
        family == AF_INET ? IP_RECVERR : IPV6_RECVERR, 0);
    TEXT("errors-not-any-more", "%s", told(fd, text));
    os.close(fd);
}

// The filter of a group, set and asked for.
static void filters(void)
{
    union {
        struct ip_msfilter f;
        uint8_t space[sizeof(struct ip_msfilter) + 2 * sizeof(struct in_addr)];
    } filter = {.f = {.imsf_numsrc = 2, .imsf_fmode = MCAST_INCLUDE}};
    struct ip_mreq join = {.imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    struct in_addr sources[2] = {{htonl(0x7f000003)}, {htonl(0x7f000002)}};
    size_t head = sizeof(struct ip_msfilter) - sizeof(struct in_addr);
    socklen_t len = sizeof(filter);
    int fd = dgram();
    join.imr_multiaddr.s_addr = htonl(0xe9fc0005);
    filter.f.imsf_multiaddr = join.imr_multiaddr;
    filter.f.imsf_interface = join.imr_interface;
    CALL("filter-not-joined", os.getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &filter, &len));
    CALL("filter-join", os.setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)));
    len = sizeof(filter);
    CALL("filter-first", os.getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &filter, &len));
    TEXT("filter-first-is", "mode %u, %u sources, %d bytes", filter.f.imsf_fmode,
        filter.f.imsf_numsrc, (int)len);
    filter.f.imsf_fmode = MCAST_EXCLUDE;
    filter.f.imsf_numsrc = 2;
    memcpy(filter.space + head, sources, sizeof(sources));
    CALL("filter-set", os.setsockopt(fd, IPPROTO_IP, IP_MSFILTER, &filter, sizeof(filter)));
    filter.f.imsf_numsrc = 1;
    len = sizeof(filter);
    CALL("filter-get", os.getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &filter, &len));
    TEXT("filter-is", "mode %u, %u sources, %d bytes", filter.f.imsf_fmode, filter.f.imsf_numsrc,
        (int)len);
    len = 8;
    CALL("filter-short", os.getsockopt(fd, IPPROTO_IP, IP_MSFILTER, &filter, &len));
    os.close(fd);
}

static void sizes(void)
{
    struct pair p = dgrams();
    static char big[70000], back[70000];
    int most = family == AF_INET ? 65507 : 65527;
    memset(big, 'x', sizeof(big));
    CALL("dgram-largest", os.send(p.b, big, (size_t)most, 0) == most);
    CALL("dgram-largest-recv",
        os.recv(p.a, back, sizeof(back), 0) == most && memcmp(big, back, (size_t)most) == 0);
    CALL("dgram-too-large", os.send(p.b, big, (size_t)most + 1, 0));
    CALL("dgram-far-too-large", os.send(p.b, big, sizeof(big), 0));
    pair_close(p);
}

static void connected(void)
{
    struct pair p = dgrams();
    int other = dgram();
    struct place b = name_of(p.b), none = {.len = sizeof(none.at.any)},
                 peer = {.len = sizeof(peer.at)};
    char text[8];
    os.sendto(other, "x", 1, 0, AT(b));
    os.settle();
    CALL("dgram-of-others", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    CALL("dgram-peer", os.getpeername(p.b, &peer.at.any, &peer.len));
    CALL("dgram-unspec", os.connect(p.b, AT(none)));
    CALL("dgram-unspec-peer", os.getpeername(p.b, &peer.at.any, &peer.len));
    CALL("dgram-unspec-send", os.send(p.b, "x", 1, 0));
    os.sendto(other, "x", 1, 0, AT(b));
    os.settle();
    CALL("dgram-of-all", os.recv(p.b, text, sizeof(text), MSG_DONTWAIT));
    struct place a = name_of(p.a);
    CALL("dgram-connect-again", os.connect(p.b, AT(a)));
    CALL("dgram-connect-changes", os.connect(p.b, AT(b)));
    os.close(other);
    pair_close(p);
}

static void refused(void)
{
    struct place at = nobody();
    int u = dgram();
    char text[8];
    os.connect(u, AT(at));
    CALL("dgram-refused-send", os.send(u, "x", 1, 0));
    os.settle();
    CALL("dgram-refused-recv", os.recv(u, text, sizeof(text), MSG_DONTWAIT));
    CALL("dgram-refused-once", os.recv(u, text, sizeof(text), MSG_DONTWAIT));
    os.send(u, "x", 1, 0);
    os.settle();
    CALL("dgram-refused-next-send", os.send(u, "x", 1, 0));
    os.close(u);
    u = dgram();
    CALL("dgram-refused-unconnected", os.sendto(u, "x", 1, 0, AT(at)));
    os.settle();
    CALL("dgram-refused-unheard", os.recv(u, text, sizeof(text), MSG_DONTWAIT));
    os.close(u);
}

static void wrong(void)
{
    int u = dgram();
    struct place at = here(9), far = elsewhere(), zero = here(0), good = here(9);
    char text[8];
    CALL("dgram-no-route", os.sendto(u, "x", 1, 0, AT(far)));
    CALL("dgram-port-0", os.sendto(u, "x", 1, 0, AT(zero)));
    CALL("dgram-short", os.sendto(u, "x", 1, 0, &at.at.any, 7));
    CALL("dgram-long", os.sendto(u, "x", 1, 0, &at.at.any, 300));
    at.at.any.sa_family = AF_APPLETALK;
    CALL("dgram-family", os.sendto(u, "x", 1, 0, AT(at)));
    CALL("dgram-null", os.sendto(u, NULL, 4, 0, AT(good)));
    CALL("dgram-recv-unbound", os.recv(u, text, sizeof(text), MSG_DONTWAIT));
    CALL("dgram-recv-oob", os.recv(u, text, sizeof(text), MSG_OOB | MSG_DONTWAIT));
    os.close(u);
}

static void shut(void)
{
    struct pair p = dgrams();
    char text[8];
    CALL("dgram-shutdown-unconnected", os.shutdown(p.a, SHUT_RD));
    CALL("dgram-shutdown-write", os.shutdown(p.b, SHUT_WR));
    CALL("dgram-shutdown-send", os.send(p.b, "x", 1, MSG_NOSIGNAL));
    CALL("dgram-shutdown-read", os.shutdown(p.b, SHUT_RD));
    CALL("dgram-shutdown-recv", os.recv(p.b, text, sizeof(text), 0));
    pair_close(p);
}

static void many(void)
{
    struct pair p = dgrams();
    char text[3][8];
    struct iovec out[] = {{"a", 1}, {"bc", 2}, {"def", 3}},
                 in[] = {{text[0], 8}, {text[1], 8}, {text[2], 8}};
    struct mmsghdr m[3] = {{.msg_len = 9}};
    for (int i = 0; i < 3; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    CALL("sendmmsg", os.sendmmsg(p.b, m, 3, 0));
    for (int i = 0; i < 3; i++)
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &in[i], .msg_iovlen = 1}};
    os.settle();
    CALL("recvmmsg-one", os.recvmmsg(p.a, m, 1, 0, NULL));
    CALL("recvmmsg-rest", os.recvmmsg(p.a, m, 3, MSG_WAITFORONE, NULL));
    TEXT("recvmmsg-each", "%u %u", m[0].msg_len, m[1].msg_len);
    CALL("recvmmsg-none", os.recvmmsg(p.a, m, 3, MSG_DONTWAIT, NULL));
    pair_close(p);
}

// The control messages of a datagram that has just come, in their order.
static void control_of(const char *name, int fd)
{
    union {
        struct cmsghdr align;
        char space[512];
    } control;
    char text[8], line[256] = "";
    struct msghdr m = {.msg_iov = &(struct iovec){text, sizeof(text)},
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    if (os.recvmsg(fd, &m, 0) < 0) {
        CALL(name, -1);
        return;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        size_t n = strlen(line);
        int value = -1;
        if (c->cmsg_len >= CMSG_LEN(sizeof(value)))
            memcpy(&value, CMSG_DATA(c), sizeof(value));
        if (c->cmsg_len == CMSG_LEN(1))
            value = *CMSG_DATA(c);
        snprintf(line + n, sizeof(line) - n, "%d/%d %d bytes%s", c->cmsg_level, c->cmsg_type,
            (int)(c->cmsg_len - CMSG_LEN(0)), "");
        n = strlen(line);
        if (c->cmsg_len <= CMSG_LEN(sizeof(value)))
            snprintf(line + n, sizeof(line) - n, " = %d", value);
        strcat(line, "; ");
    }
    TEXT(name, "%s", line[0] ? line : "none");
}

static void control(void)
{
    struct pair p = dgrams();
    os.send(p.b, "x", 1, 0);
    control_of("control-none", p.a);
    if (family == AF_INET) {
        set_int(p.b, IPPROTO_IP, IP_TTL, 17);
        set_int(p.b, IPPROTO_IP, IP_TOS, 0x28);
        CALL("control-recvttl", set_int(p.a, IPPROTO_IP, IP_RECVTTL, 1));
        os.send(p.b, "x", 1, 0);
        control_of("control-ttl", p.a);
        CALL("control-recvtos", set_int(p.a, IPPROTO_IP, IP_RECVTOS, 1));
        os.send(p.b, "x", 1, 0);
        control_of("control-ttl-tos", p.a);
        CALL("control-pktinfo", set_int(p.a, IPPROTO_IP, IP_PKTINFO, 1));
        os.send(p.b, "x", 1, 0);
        control_of("control-pktinfo-is", p.a);
    } else {
        set_int(p.b, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 17);
        set_int(p.b, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
        CALL("control-recvhoplimit", set_int(p.a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
        os.send(p.b, "x", 1, 0);
        control_of("control-hoplimit", p.a);
        CALL("control-recvpktinfo", set_int(p.a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
        os.send(p.b, "x", 1, 0);
        control_of("control-pktinfo-is", p.a);
    }
    pair_close(p);
}

void check_dgram(void)
{
    there_and_back();
    cut();
    if (family == AF_INET6)
        other_family();
    sizes();
    connected();
    refused();
    wrong();
    shut();
    many();
    control();
    errors();
    errors_of_our_own();
    if (family == AF_INET)
        filters();
}
