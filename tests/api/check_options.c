// setsockopt() and getsockopt(): what each option is at first, what it takes, what it refuses.
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include "check.h"

struct row {
    const char *name;
    int level, option;
    int first; // 1: its first value is to be the same, too
    int values[4];
};

#define NONE 0x7a7a7a7a // no more values

static const struct row of_streams[] = {
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, 1, {1, 5, 0, NONE}},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT, 1, {1, 0, NONE}},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, 1, {1, 7, 0, NONE}},
    {"broadcast", SOL_SOCKET, SO_BROADCAST, 1, {1, 0, NONE}},
    {"oobinline", SOL_SOCKET, SO_OOBINLINE, 1, {1, 3, 0, NONE}},
    {"priority", SOL_SOCKET, SO_PRIORITY, 1, {3, 0, NONE}},
    {"rcvlowat", SOL_SOCKET, SO_RCVLOWAT, 1, {5, 0, 1, NONE}},
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF, 0, {30000, 100000, NONE}},
    {"sndbuf", SOL_SOCKET, SO_SNDBUF, 1, {30000, 100000, 1, 2304}},
    {"acceptconn", SOL_SOCKET, SO_ACCEPTCONN, 1, {1, NONE}},
    {"type", SOL_SOCKET, SO_TYPE, 1, {1, NONE}},
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, 1, {1, 9, 0, NONE}},
    {"cork", IPPROTO_TCP, TCP_CORK, 1, {1, 0, NONE}},
    {"quickack", IPPROTO_TCP, TCP_QUICKACK, 0, {1, NONE}},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, 1, {60, 0, 32768, NONE}},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, 1, {10, 0, 32768, NONE}},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, 1, {5, 0, 128, NONE}},
    {"user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 1, {3000, 0, -1, NONE}},
    {"maxseg", IPPROTO_TCP, TCP_MAXSEG, 1, {1000, 87, 40000, 0}},
    {"defer-accept", IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, {0, 5, 100, -1}},
    {"notsent-lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1, {16384, -1, 0, NONE}},
    {"fastopen-connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1, {1, 0, 2, NONE}},
    {"syncnt", IPPROTO_TCP, TCP_SYNCNT, 0, {3, 0, 128, NONE}},
    {"linger2", IPPROTO_TCP, TCP_LINGER2, 1, {10, -7, 121, 0}},
    {"window-clamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, 1, {0, 5000, 100, NONE}},
    {"tcp-unknown", IPPROTO_TCP, 9999, 1, {1, NONE}},
    {"socket-unknown", SOL_SOCKET, 9999, 1, {1, NONE}},
    {"level-unknown", 9999, 1, 1, {1, NONE}},
};

static const struct row of_ip[] = {
    {"ttl", IPPROTO_IP, IP_TTL, 1, {33, 0, 256, NONE}},
    {"tos", IPPROTO_IP, IP_TOS, 1, {0x10, 0x28, 0, NONE}},
    {"mtu-discover", IPPROTO_IP, IP_MTU_DISCOVER, 1, {IP_PMTUDISC_DO, 99, IP_PMTUDISC_DONT, NONE}},
    {"mtu-discover-more", IPPROTO_IP, IP_MTU_DISCOVER, 1, {3, -1, 5, 6}},
    {"pktinfo", IPPROTO_IP, IP_PKTINFO, 1, {1, 0, NONE}},
    {"recvttl", IPPROTO_IP, IP_RECVTTL, 1, {1, 0, NONE}},
    {"recvtos", IPPROTO_IP, IP_RECVTOS, 1, {1, 0, NONE}},
    {"recverr", IPPROTO_IP, IP_RECVERR, 1, {1, 0, NONE}},
    {"ip-unknown", IPPROTO_IP, 9999, 1, {1, NONE}},
};

static const struct row of_ip6[] = {
    {"v6only", IPPROTO_IPV6, IPV6_V6ONLY, 1, {1, 0, NONE}},
    {"unicast-hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1, {33, 256, -1, NONE}},
    {"tclass", IPPROTO_IPV6, IPV6_TCLASS, 1, {0x10, 256, 0, NONE}},
    {"recvpktinfo", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, {1, 0, NONE}},
    {"recvhoplimit", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, {1, 0, NONE}},
    {"2292-hoplimit", IPPROTO_IPV6, IPV6_2292HOPLIMIT, 1, {1, 0, NONE}},
    {"hoplimit", IPPROTO_IPV6, IPV6_HOPLIMIT, 1, {1, NONE}},
    {"recvtclass", IPPROTO_IPV6, IPV6_RECVTCLASS, 1, {1, 0, NONE}},
    {"mtu-discover-6", IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1, {2, 99, 0, 5}},
    {"dontfrag", IPPROTO_IPV6, IPV6_DONTFRAG, 1, {1, 7, 0, NONE}},
    {"ip6-unknown", IPPROTO_IPV6, 9999, 1, {1, NONE}},
};

static const char *got(int fd, int level, int option, char text[64])
{
    int value = 0;
    socklen_t len = sizeof(value);
    if (os.getsockopt(fd, level, option, &value, &len) < 0)
        snprintf(text, 64, "%s", strerrorname_np(errno));
    else
        snprintf(text, 64, "%d", value);
    return text;
}

static void play(const char *kind, const struct row *rows, size_t count, int (*make)(void))
{
    char name[96], text[64];
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        int fd = make();
        char line[256] = "";
        if (r->first)
            snprintf(line, sizeof(line), "first %s", got(fd, r->level, r->option, text));
        for (int k = 0; k < 4 && r->values[k] != NONE; k++) {
            size_t n = strlen(line);
            int err = set_int(fd, r->level, r->option, r->values[k]) < 0 ? errno : 0;
            snprintf(line + n, sizeof(line) - n, ", %d: %s", r->values[k],
                err ? strerrorname_np(err) : got(fd, r->level, r->option, text));
        }
        snprintf(name, sizeof(name), "option-%s-%s", kind, r->name);
        TEXT(name, "%s", line);
        os.close(fd);
    }
}

static void sizes(void)
{
    int fd = stream(), value = 1;
    uint8_t bytes[16];
    socklen_t len = 2;
    memset(bytes, 0x55, sizeof(bytes));
    CALL("option-set-short", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 3));
    CALL("option-set-none", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 0));
    CALL("option-set-null", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, sizeof(value)));
    CALL("option-set-minus", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, (socklen_t)-1));
    CALL("option-unchanged", get_int(fd, SOL_SOCKET, SO_KEEPALIVE));
    CALL("option-set-long", os.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (int[2]){1, 0}, 8));
    CALL("option-get-short", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, &len));
    TEXT("option-get-short-is", "%d bytes: %02x %02x %02x", (int)len, bytes[0], bytes[1], bytes[2]);
    len = 16;
    CALL("option-get-long", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, &len));
    TEXT("option-get-long-is", "%d bytes", (int)len);
    len = (socklen_t)-1;
    CALL("option-get-minus", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, &len));
    CALL("option-get-null-length", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, NULL));
    len = 4;
    CALL("option-get-null", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, NULL, &len));
    len = 0;
    CALL("option-get-none", os.getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, &len));
    os.close(fd);
}

static void of_connections(void)
{
    struct pair p = pair();
    struct tcp_info info = {.tcpi_state = 99};
    socklen_t len = sizeof(info);
    char name[16] = "";
    CALL("info", os.getsockopt(p.a, IPPROTO_TCP, TCP_INFO, &info, &len));
    TEXT("info-state", "%d", info.tcpi_state);
    len = 1;
    CALL("info-short", os.getsockopt(p.a, IPPROTO_TCP, TCP_INFO, &info, &len));
    TEXT("info-short-length", "%d", (int)len);
    os.shutdown(p.a, SHUT_WR);
    os.settle();
    len = sizeof(info);
    os.getsockopt(p.b, IPPROTO_TCP, TCP_INFO, &info, &len);
    TEXT("info-close-wait", "%d", info.tcpi_state);
    CALL("congestion-reno", os.setsockopt(p.a, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
    len = sizeof(name);
    CALL("congestion-get", os.getsockopt(p.a, IPPROTO_TCP, TCP_CONGESTION, name, &len));
    TEXT("congestion-is", "%s, %d bytes", name, (int)len);
    CALL("congestion-unknown", os.setsockopt(p.a, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6));
    pair_close(p);
}

// The fields that came later, by their places in the kernel's struct tcp_info.
static void counters(void)
{
    enum {
        BYTES_RECEIVED = 128,
        NOTSENT = 144,
        DATA_SEGS_IN = 152,
        BYTES_SENT = 200,
        RETRANS = 208
    };
    struct pair p = pair();
    uint8_t a[240] = {0}, b[240] = {0};
    uint64_t received = 0, sent = 0, again = 0;
    uint32_t notsent = 9, segments = 0;
    socklen_t len = sizeof(a);
    char text[16];
    os.send(p.a, "0123456789", 10, 0);
    os.recv(p.b, text, sizeof(text), 0);
    os.settle();
    CALL("info-whole", os.getsockopt(p.a, IPPROTO_TCP, TCP_INFO, a, &len));
    TEXT("info-whole-length", "%d", len >= RETRANS + 8);
    os.getsockopt(p.b, IPPROTO_TCP, TCP_INFO, b, &len);
    memcpy(&received, b + BYTES_RECEIVED, 8);
    memcpy(&segments, b + DATA_SEGS_IN, 4);
    memcpy(&sent, a + BYTES_SENT, 8);
    memcpy(&again, a + RETRANS, 8);
    memcpy(&notsent, a + NOTSENT, 4);
    TEXT("info-counters", "%d received in %d, %d sent, %d again, %d not yet", (int)received,
        (int)segments, (int)sent, (int)again, (int)notsent);
    pair_close(p);
}

static void inherited(void)
{
    struct place at;
    int l = listener(&at, 2), c = stream();
    struct linger five = {1, 5}, is = {0, 0};
    socklen_t len = sizeof(is);
    set_int(l, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(l, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(l, IPPROTO_TCP, TCP_KEEPIDLE, 77);
    set_int(l, SOL_SOCKET, SO_OOBINLINE, 1);
    os.setsockopt(l, SOL_SOCKET, SO_LINGER, &five, sizeof(five));
    CALL("listener-acceptconn", get_int(l, SOL_SOCKET, SO_ACCEPTCONN));
    os.connect(c, AT(at));
    int s = os.accept(l, NULL, NULL);
    TEXT("inherited", "%d %d %d %d", get_int(s, IPPROTO_TCP, TCP_NODELAY),
        get_int(s, SOL_SOCKET, SO_KEEPALIVE), get_int(s, IPPROTO_TCP, TCP_KEEPIDLE),
        get_int(s, SOL_SOCKET, SO_OOBINLINE));
    os.getsockopt(s, SOL_SOCKET, SO_LINGER, &is, &len);
    TEXT("inherited-linger", "%d %d", is.l_onoff, is.l_linger);
    CALL("accepted-acceptconn", get_int(s, SOL_SOCKET, SO_ACCEPTCONN));
    os.close(s);
    os.close(c);
    os.close(l);
}

// Accepted when there is something to read.
static void deferred(void)
{
    struct place at;
    char text[8];
    int l = listener(&at, 2), c = stream();
    set_int(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
    nonblocking(l);
    CALL("defer-connect", os.connect(c, AT(at)));
    CALL("defer-ready", ready(l, POLLIN, 0));
    CALL("defer-accept", os.accept(l, NULL, NULL));
    os.send(c, "ab", 2, 0);
    CALL("defer-ready-then", ready(l, POLLIN, 1000));
    int s = os.accept(l, NULL, NULL);
    CALL("defer-accepted", os.recv(s, text, sizeof(text), 0));
    CALL("defer-inherited", get_int(s, IPPROTO_TCP, TCP_DEFER_ACCEPT));
    os.close(s);
    os.close(c);
    os.close(l);
}

// Sizes that both ends are told of.
static void small_segments(void)
{
    struct place at;
    int l = listener(&at, 2), c = stream();
    set_int(l, IPPROTO_TCP, TCP_MAXSEG, 1000);
    set_int(c, IPPROTO_TCP, TCP_MAXSEG, 900);
    CALL("maxseg-listening", get_int(l, IPPROTO_TCP, TCP_MAXSEG));
    os.connect(c, AT(at));
    int s = os.accept(l, NULL, NULL);
    CALL("maxseg-connected", get_int(c, IPPROTO_TCP, TCP_MAXSEG));
    CALL("maxseg-accepted", get_int(s, IPPROTO_TCP, TCP_MAXSEG));
    os.close(s);
    os.close(c);
    os.close(l);
}

static void way(void)
{
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, name = family == AF_INET ? 14 : 24;
    struct pair p = pair(), d = dgrams();
    CALL("mtu-stream", get_int(p.a, level, name) > 1000);
    CALL("mtu-dgram", get_int(d.b, level, name) > 1000);
    CALL("mtu-unconnected", get_int(d.a, level, name));
    CALL("mtu-set", family == AF_INET ? set_int(d.b, level, name, 1300) : 0);
    pair_close(p);
    pair_close(d);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

void check_options(void)
{
    play("stream", of_streams, COUNT(of_streams), stream);
    play("stream", of_ip, COUNT(of_ip), stream);
    play("dgram", of_ip, COUNT(of_ip), dgram);
    play("dgram", of_streams, 9, dgram);
    play("dgram-of-tcp", of_streams + 11, 2, dgram);
    if (family == AF_INET6) {
        play("stream", of_ip6, COUNT(of_ip6), stream);
        play("dgram", of_ip6, COUNT(of_ip6), dgram);
    } else {
        play("stream-of-v6", of_ip6, 1, stream);
    }
    sizes();
    of_connections();
    counters();
    way();
    inherited();
    deferred();
    small_segments();
}
