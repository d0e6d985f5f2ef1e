// Kinds of sockets, their names, binding.
#include "behave.h"

static void kinds(void)
{
    gives("socket-type", socket(AF_INET, 77, 0), EINVAL);
    gives("socket-family", socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
    gives("socket-pair-of-both", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    gives("socket-seqpacket", socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    gives("socket-tcp", socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), 0);
    gives("socket-udp", socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    is_true("socket-nonblock", fcntl(fd, F_GETFL) & O_NONBLOCK);
    is("socket-cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    is("socket-lowest", tcp(), fd);
    is("socket-flags", fcntl(fd, F_GETFL), O_RDWR);
    is("socket-fd-flags", fcntl(fd, F_GETFD), 0);
    gives("socketpair-inet", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}), EOPNOTSUPP);
}

static bool name_is(struct sockaddr_in *name, struct in_addr addr, int port)
{
    return name->sin_family == AF_INET && name->sin_addr.s_addr == addr.s_addr &&
           ntohs(name->sin_port) == port;
}

static void names(void)
{
    struct sockaddr_in n = {0};
    struct in_addr any = {0};
    socklen_t len = sizeof(n);
    int fd = tcp(), port = (int)peer("port");
    gives("name-fresh", getsockname(fd, (struct sockaddr *)&n, &len), 0);
    is_true("name-fresh-value", name_is(&n, any, 0));
    gives("peer-fresh", getpeername(fd, (struct sockaddr *)&n, &len), ENOTCONN);
    struct sockaddr_in at = {.sin_family = AF_INET};
    gives("bind-any", bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    getsockname(fd, (struct sockaddr *)&n, &len);
    is_true("name-bound", n.sin_addr.s_addr == 0 && n.sin_port != 0);
    int bound = ntohs(n.sin_port);
    dial(fd, port);
    getsockname(fd, (struct sockaddr *)&n, &len);
    is_true("name-connected", name_is(&n, own.sin_addr, bound));
    gives("peer-connected", getpeername(fd, (struct sockaddr *)&n, &len), 0);
    is_true("peer-connected-value", name_is(&n, at_peer(0).sin_addr, port));
    memset(&n, 0, sizeof(n));
    len = 4;
    gives("name-cut", getsockname(fd, (struct sockaddr *)&n, &len), 0);
    is("name-cut-length", len, sizeof(n));
    is("name-cut-value", n.sin_addr.s_addr, 0);
    gives("name-no-descriptor", getsockname(-1, (struct sockaddr *)&n, &len), EBADF);
    gives("name-no-socket", getpeername(open("/dev/null", O_RDONLY), (struct sockaddr *)&n, &len),
        ENOTSOCK);
}

static void names_after(void)
{
    long id;
    int fd = call_peer(&id);
    struct sockaddr_in n;
    socklen_t len = sizeof(n);
    peer("close %ld", id);
    poll_until(fd, POLLRDHUP);
    gives("peer-half-closed", getpeername(fd, (struct sockaddr *)&n, &len), 0);
    fd = call_peer(&id);
    int port = port_of(fd);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    gives("peer-reset", getpeername(fd, (struct sockaddr *)&n, &len), ENOTCONN);
    is("name-reset", port_of(fd), port);
}

static int bind_to(int fd, struct in_addr addr, int port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr = addr, .sin_port = htons((uint16_t)port)};
    return bind(fd, (struct sockaddr *)&at, sizeof(at));
}

static void binds(void)
{
    struct in_addr any = {0}, theirs = at_peer(0).sin_addr;
    int a = tcp(), b = tcp(), c = udp();
    gives("bind-foreign", bind_to(a, theirs, 0), EADDRNOTAVAIL);
    gives("bind-own", bind_to(a, own.sin_addr, 0), 0);
    int port = port_of(a);
    gives("bind-twice", bind_to(a, own.sin_addr, 0), EINVAL);
    gives("bind-taken", bind_to(b, own.sin_addr, port), EADDRINUSE);
    gives("bind-taken-any", bind_to(b, any, port), EADDRINUSE);
    gives("bind-other-protocol", bind_to(c, own.sin_addr, port), 0);
    gives("bind-datagrams-twice", bind_to(c, own.sin_addr, 0), EINVAL);
    gives("bind-datagrams-taken", bind_to(udp(), any, port), EADDRINUSE);
    struct sockaddr_in at = {.sin_family = AF_INET};
    gives("bind-short", bind(b, (struct sockaddr *)&at, 8), EINVAL);
    at.sin_family = AF_UNIX;
    gives("bind-family", bind(b, (struct sockaddr *)&at, sizeof(at)), EAFNOSUPPORT);
    close(a);
    gives("bind-free-again", bind_to(b, own.sin_addr, port), 0);
}

static int reusing(struct in_addr addr, int port)
{
    int fd = tcp();
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind_to(fd, addr, port) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void reuse(void)
{
    struct in_addr any = {0};
    int a = reusing(any, 0), port = port_of(a), b = reusing(any, port);
    gives("reuse-both-bound", b, 0);
    gives("reuse-first-listens", listen(a, 1), 0);
    gives("reuse-second-listens", listen(b, 1), EADDRINUSE);
    gives("reuse-third-binds", reusing(any, port), EADDRINUSE);
    // A connection that this end closed first stays for a while.
    long id = peer("connect %d", port);
    int c = accept(a, NULL, NULL);
    close(c);
    peer("recv %ld 1", id);
    peer("close %ld", id);
    close(a);
    close(b);
    nap(100);
    gives("time-wait-binds-not", bind_to(tcp(), any, port), EADDRINUSE);
    a = reusing(any, port);
    gives("time-wait-reuse-binds", a, 0);
    gives("time-wait-reuse-listens", listen(a, 1), 0);
}

static void reuse_port(void)
{
    struct in_addr any = {0};
    int a = tcp(), b = tcp();
    set_option(a, SOL_SOCKET, SO_REUSEPORT, 1);
    set_option(b, SOL_SOCKET, SO_REUSEPORT, 1);
    bind_to(a, any, 0);
    gives("reuse-port-bind", bind_to(b, any, port_of(a)), 0);
    gives("reuse-port-listen", listen(a, 5), 0);
    gives("reuse-port-listen-2", listen(b, 5), 0);
    gives("reuse-port-other", bind_to(tcp(), any, port_of(a)), EADDRINUSE);
    is_true("reuse-port-connect", peer("connect %d", port_of(a)) > 0);
    struct pollfd p[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    is("reuse-port-one-gets-it", poll(p, 2, 5000), 1);
}

static void bound_connect(void)
{
    int a = tcp(), b = tcp(), port = (int)peer("port");
    bind_to(a, own.sin_addr, 0);
    int mine = port_of(a);
    gives("bound-connect", dial(a, port), 0);
    is("bound-connect-port", port_of(a), mine);
    gives("bound-connected-taken", bind_to(b, own.sin_addr, mine), EADDRINUSE);
    set_option(b, SOL_SOCKET, SO_REUSEADDR, 1);
    gives("bound-connected-taken-reuse", bind_to(b, own.sin_addr, mine), EADDRINUSE);
}

const struct group name_groups[] = {
    {"kinds", kinds},
    {"names", names},
    {"names-after", names_after},
    {"bind", binds},
    {"reuse", reuse},
    {"reuse-port", reuse_port},
    {"bound-connect", bound_connect},
    {NULL, NULL},
};
