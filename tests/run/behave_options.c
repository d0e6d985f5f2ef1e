// Options of sockets, and what TCP tells.
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <linux/sockios.h>
#include "behave.h"

static void told(void)
{
    int s = tcp(), u = udp(), l = listening(1);
    is("type-stream", option(s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    is("type-dgram", option(u, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    is("domain", option(s, SOL_SOCKET, SO_DOMAIN), AF_INET);
    is("protocol-stream", option(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    is("protocol-dgram", option(u, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
    is("accepts-not", option(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
    is("accepts", option(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
    gives("set-type", set_option(s, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
    gives("set-error", set_option(s, SOL_SOCKET, SO_ERROR, 1), ENOPROTOOPT);
    gives("set-unknown", set_option(s, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
    gives("get-unknown", option(s, SOL_SOCKET, 9999), ENOPROTOOPT);
    gives("get-unknown-tcp", option(s, IPPROTO_TCP, 9999), ENOPROTOOPT);
    gives("get-unknown-level", option(s, 77, 1), EOPNOTSUPP);
    gives("set-unknown-level", set_option(s, 77, 1, 1), ENOPROTOOPT);
    gives("set-short", setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &u, 1), EINVAL);
    gives("option-no-descriptor", option(-1, SOL_SOCKET, SO_TYPE), EBADF);
    gives("option-no-socket", option(open("/dev/null", O_RDONLY), SOL_SOCKET, SO_TYPE), ENOTSOCK);
    gives("dgram-tcp-option", option(u, IPPROTO_TCP, TCP_NODELAY), EOPNOTSUPP);
}

static void flags(void)
{
    static const struct {
        const char *name;
        int level, option, first, set, then;
    } rows[] = {
        {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, 0, 1, 1},
        {"reuseport", SOL_SOCKET, SO_REUSEPORT, 0, 1, 1},
        {"keepalive", SOL_SOCKET, SO_KEEPALIVE, 0, 5, 1},
        {"oobinline", SOL_SOCKET, SO_OOBINLINE, 0, 1, 1},
        {"rcvlowat", SOL_SOCKET, SO_RCVLOWAT, 1, 7, 7},
        {"priority", SOL_SOCKET, SO_PRIORITY, 0, 3, 3},
        {"nodelay", IPPROTO_TCP, TCP_NODELAY, 0, 1, 1},
        {"cork", IPPROTO_TCP, TCP_CORK, 0, 1, 1},
        {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, 7200, 100, 100},
        {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, 75, 10, 10},
        {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, 9, 4, 4},
        {"user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 30000, 30000},
        {"defer-accept-off", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 0, 0},
        {"ttl", IPPROTO_IP, IP_TTL, 64, 5, 5},
        {"tos", IPPROTO_IP, IP_TOS, 0, 16, 16},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[60];
        int fd = tcp();
        snprintf(name, sizeof(name), "%s-default", rows[i].name);
        is(name, option(fd, rows[i].level, rows[i].option), rows[i].first);
        snprintf(name, sizeof(name), "%s-set", rows[i].name);
        gives(name, set_option(fd, rows[i].level, rows[i].option, rows[i].set), 0);
        snprintf(name, sizeof(name), "%s-then", rows[i].name);
        is(name, option(fd, rows[i].level, rows[i].option), rows[i].then);
        close(fd);
    }
}

static void refused(void)
{
    int fd = tcp();
    gives("keepidle-0", set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
    gives("keepintvl-0", set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 0), EINVAL);
    gives("keepcnt-128", set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
    gives("maxseg-10", set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 10), EINVAL);
    gives("ttl-0", set_option(fd, IPPROTO_IP, IP_TTL, 0), EINVAL);
    gives("ttl-256", set_option(fd, IPPROTO_IP, IP_TTL, 256), EINVAL);
    gives("congestion-unknown", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6), ENOENT);
    gives("user-timeout-negative", set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
    struct timeval odd = {0, 2000000};
    gives("timeout-odd", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &odd, sizeof(odd)), EDOM);
}

static void sizes(void)
{
    int fd = tcp();
    set_option(fd, SOL_SOCKET, SO_RCVBUF, 50000);
    is("rcvbuf-doubled", option(fd, SOL_SOCKET, SO_RCVBUF), 100000);
    is("sndbuf-first", option(fd, SOL_SOCKET, SO_SNDBUF), 16384);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, 50000);
    is("sndbuf-doubled", option(fd, SOL_SOCKET, SO_SNDBUF), 100000);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, 1);
    is("sndbuf-least", option(fd, SOL_SOCKET, SO_SNDBUF), 4608);
    set_option(fd, SOL_SOCKET, SO_RCVBUF, 1);
    is_true("rcvbuf-least", option(fd, SOL_SOCKET, SO_RCVBUF) >= 2048);
    int value = 0;
    unsigned char byte = 77;
    socklen_t len = 1;
    gives("get-one-byte", getsockopt(fd, SOL_SOCKET, SO_TYPE, &byte, &len), 0);
    is("get-one-byte-length", len, 1);
    is("get-one-byte-value", byte, SOCK_STREAM);
    len = 100;
    char room[100];
    getsockopt(fd, SOL_SOCKET, SO_TYPE, room, &len);
    is("get-more-room", len, sizeof(value));
    struct linger l = {9, 9};
    len = sizeof(l);
    gives("linger-get", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len), 0);
    is("linger-default", l.l_onoff, 0);
    l = (struct linger){1, 3};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    l.l_linger = 0;
    getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len);
    is("linger-then", l.l_onoff * 10 + l.l_linger, 13);
    struct timeval t = {1, 500000};
    len = sizeof(t);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    t.tv_sec = t.tv_usec = 0;
    getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len);
    is("timeout-then", t.tv_sec * 1000000 + t.tv_usec, 1500000);
    len = sizeof(room);
    gives("congestion-get", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, room, &len), 0);
    is_true("congestion-default", len > 0 && room[0]);
    gives("congestion-set", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, room, &len);
    is_text("congestion-then", room, "reno");
}

static int state(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1 : info.tcpi_state;
}

static void information(void)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    long id;
    is("info-fresh", state(tcp()), TCP_CLOSE);
    is("info-listener", state(listening(1)), TCP_LISTEN);
    int fd = call_peer(&id);
    is("info-open", state(fd), TCP_ESTABLISHED);
    is("maxseg-open", option(fd, IPPROTO_TCP, TCP_MAXSEG), 1448);
    is("write-for-info", write(fd, "hello", 5), 5);
    peer("recv %ld 5", id);
    peer("say %ld abc", id);
    poll_until(fd, POLLIN);
    gives("info", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    is_true("info-options",
        (info.tcpi_options & 7) == (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE));
    is("info-mss", info.tcpi_snd_mss, 1448);
    is("info-pmtu", info.tcpi_pmtu, 1500);
    is_true("info-rtt", info.tcpi_rtt > 0 && info.tcpi_rto >= 200000);
    is_true("info-window", info.tcpi_snd_cwnd >= 10);
    is("info-lost", info.tcpi_lost + info.tcpi_retransmits, 0);
    len = 1;
    uint8_t first = 0;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &first, &len);
    is("info-first-byte", first, TCP_ESTABLISHED);
    shutdown(fd, SHUT_WR);
    peer("recv %ld 1", id);
    for (int i = 0; i < 500 && state(fd) != TCP_FIN_WAIT2; i++)
        nap(10);
    is("info-fin-wait", state(fd), TCP_FIN_WAIT2);
    fd = call_peer(&id);
    peer("shut %ld", id);
    poll_until(fd, POLLRDHUP);
    is("info-close-wait", state(fd), TCP_CLOSE_WAIT);
    fd = call_peer(&id);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    is("info-reset", state(fd), TCP_CLOSE);
}

static int request(int fd, unsigned long what)
{
    int value = -1;
    return ioctl(fd, what, &value) < 0 ? -1 : value;
}

static void controls(void)
{
    long id;
    int fd = call_peer(&id), on = 1, l = listening(1);
    is("fionread-none", request(fd, FIONREAD), 0);
    peer("say %ld hello", id);
    poll_until(fd, POLLIN);
    is("fionread", request(fd, FIONREAD), 5);
    is("siocoutq-none", request(fd, SIOCOUTQ), 0);
    gives("fionread-listener", request(l, FIONREAD), EINVAL);
    gives("fionbio", ioctl(fd, FIONBIO, &on), 0);
    is_true("fionbio-then", fcntl(fd, F_GETFL) & O_NONBLOCK);
    on = 0;
    ioctl(fd, FIONBIO, &on);
    is("fionbio-off", fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    gives("ioctl-unknown", request(fd, 0x12345), ENOTTY);
    gives("ioctl-fioclex", ioctl(fd, FIOCLEX), 0);
    is("ioctl-fioclex-then", fcntl(fd, F_GETFD), FD_CLOEXEC);
    fd = call_peer(&id);
    peer("room %ld 4096", id);
    int sent = fill(fd);
    is_true("siocoutq-full", request(fd, SIOCOUTQ) > 0 && request(fd, SIOCOUTQ) <= sent);
}

const struct group option_groups[] = {
    {"options", told},
    {"option-values", flags},
    {"option-refused", refused},
    {"option-sizes", sizes},
    {"info", information},
    {"ioctl", controls},
    {NULL, NULL},
};
