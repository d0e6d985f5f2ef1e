// Connecting, listening, accepting.
#include "behave.h"

static void to_open(void)
{
    int fd = tcp(), port = (int)peer("port");
    is("fresh-poll", poll_one(fd, POLLIN | POLLOUT | POLLRDHUP, 0), POLLOUT | POLLHUP);
    gives("connect-open", dial(fd, port), 0);
    gives("connect-again", dial(fd, port), EISCONN);
    is("connect-open-poll", poll_one(fd, POLLIN | POLLOUT | POLLRDHUP, 0), POLLOUT);
    is("connect-open-so-error", so_error(fd), 0);
    gives("connected-listen", listen(fd, 1), EINVAL);
    gives("connected-bind", bind(fd, (struct sockaddr *)&own, sizeof(own)), EINVAL);
}

static void to_closed(void)
{
    int fd = tcp(), port = (int)peer("closed");
    gives("connect-closed", dial(fd, port), ECONNREFUSED);
    is("connect-closed-so-error", so_error(fd), 0);
    is("connect-closed-poll", poll_one(fd, POLLIN | POLLOUT, 0), POLLOUT | POLLHUP);
    gives("connect-closed-read", read(fd, &port, 1), ENOTCONN);
    gives("connect-closed-then-open", dial(fd, (int)peer("port")), 0);
    is("connect-closed-then-open-data", write(fd, "x", 1), 1);
}

static void later_open(void)
{
    int fd = tcp(), port = (int)peer("port");
    no_waiting(fd);
    gives("nonblock-open", dial(fd, port), EINPROGRESS);
    is("nonblock-open-poll", poll_until(fd, POLLOUT), POLLOUT);
    is("nonblock-open-so-error", so_error(fd), 0);
    gives("nonblock-open-result", dial(fd, port), 0);
    gives("nonblock-open-again", dial(fd, port), EISCONN);
    is_true("nonblock-open-accepted", peer("accept") > 0);
}

static void later_closed(void)
{
    int fd = tcp(), port = (int)peer("closed"), all = POLLIN | POLLOUT | POLLRDHUP;
    no_waiting(fd);
    gives("nonblock-closed", dial(fd, port), EINPROGRESS);
    poll_until(fd, POLLERR);
    poll_until(fd, POLLOUT); // where the end and the room come one after the other
    is("nonblock-closed-poll", poll_one(fd, all, 0), all | POLLERR | POLLHUP);
    is("nonblock-closed-so-error", so_error(fd), ECONNREFUSED);
    is("nonblock-closed-so-error-once", so_error(fd), 0);
    close(fd);
    fd = tcp();
    no_waiting(fd);
    dial(fd, port);
    poll_until(fd, POLLERR);
    gives("nonblock-closed-result", dial(fd, port), ECONNREFUSED);
    close(fd);
    fd = tcp();
    no_waiting(fd);
    dial(fd, port);
    poll_until(fd, POLLERR);
    gives("nonblock-closed-read", read(fd, &all, 1), ECONNREFUSED);
    is("nonblock-closed-read-again", read(fd, &all, 1), 0);
    close(fd);
    fd = tcp();
    no_waiting(fd);
    dial(fd, port);
    poll_until(fd, POLLERR);
    catch_signal(SIGPIPE, 0);
    gives("nonblock-closed-write", write(fd, "x", 1), ECONNREFUSED);
    is("nonblock-closed-write-sigpipe", signals, 0);
}

static void to_silent(void)
{
    int fd = tcp(), port = (int)peer("silent");
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    no_waiting(fd);
    gives("silent-connect", dial(fd, port), EINPROGRESS);
    gives("silent-again", dial(fd, port), EALREADY);
    is("silent-poll", poll_one(fd, POLLIN | POLLOUT | POLLRDHUP, 50), 0);
    is("silent-so-error", so_error(fd), 0);
    gives("silent-peer-name", getpeername(fd, (struct sockaddr *)&name, &len), ENOTCONN);
    gives("silent-read", read(fd, &name, 1), EAGAIN);
    gives("silent-write", write(fd, "x", 1), EAGAIN);
    is_true("silent-has-port", port_of(fd) > 0);
    is("silent-own-address", getsockname(fd, (struct sockaddr *)&name, &len), 0);
    is("silent-own-address-value", name.sin_addr.s_addr, own.sin_addr.s_addr);
    gives("silent-listen", listen(fd, 1), EINVAL);
}

static void silent_ends(void)
{
    int port = (int)peer("silent"), fd = tcp();
    struct timeval limit = {0, 100000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    int64_t start = now_ms();
    gives("silent-send-timeout", dial(fd, port), EINPROGRESS);
    is_true("silent-send-timeout-waits", now_ms() - start >= 90);
    gives("silent-send-timeout-again", dial(fd, port), EALREADY);
    close(fd);
    fd = tcp();
    catch_signal(SIGUSR1, 0);
    signal_when_waiting(100, SIGUSR1);
    gives("silent-interrupted", dial(fd, port), EINTR);
    is("silent-interrupted-caught", signals, 1);
    no_waiting(fd);
    gives("silent-interrupted-again", dial(fd, port), EALREADY);
    close(fd);
    fd = tcp();
    no_waiting(fd);
    dial(fd, port);
    gives("silent-shutdown", shutdown(fd, SHUT_RDWR), 0);
    gives("silent-shutdown-read", read(fd, &limit, 1), ECONNRESET);
}

// A connect() that a signal broke off goes on: another one waits for its end, or SO_ERROR tells it.
static void broken_off(void)
{
    struct sockaddr_in to = at_peer(80);
    to.sin_addr.s_addr = htonl(0xc0000262); // 192.0.2.98, nobody there
    int waiting = tcp(), asking = tcp();
    catch_signal(SIGUSR1, 0);
    signal_when_waiting(50, SIGUSR1);
    gives("broken-off", dial_at(waiting, to), EINTR);
    signal_when_waiting(50, SIGUSR1);
    gives("broken-off-too", dial_at(asking, to), EINTR);
    gives("broken-off-again", dial_at(waiting, to), EHOSTUNREACH);
    is_true("broken-off-poll", poll_one(asking, POLLIN, 5000) & (POLLERR | POLLIN));
    is("broken-off-so-error", so_error(asking), EHOSTUNREACH);
}

static void nowhere(void)
{
    int fd = tcp();
    struct sockaddr_in to = at_peer(80);
    to.sin_addr.s_addr = htonl(0xc6336401); // 198.51.100.1, no route
    gives("no-route", dial_at(fd, to), ENETUNREACH);
    to.sin_addr.s_addr = htonl(0xc0000263); // 192.0.2.99, nobody there
    gives("no-neighbour", dial_at(fd, to), EHOSTUNREACH);
    is("no-neighbour-so-error", so_error(fd), 0);
}

static void bad_addresses(void)
{
    int fd = tcp();
    struct sockaddr_in to = at_peer((int)peer("port"));
    gives("connect-short", connect(fd, (struct sockaddr *)&to, 8), EINVAL);
    to.sin_family = AF_UNIX;
    gives("connect-family", dial_at(fd, to), EAFNOSUPPORT);
    to.sin_family = AF_INET;
    gives("connect-no-descriptor", dial_at(-1, to), EBADF);
    gives("connect-closed-descriptor", dial_at(99, to), EBADF);
    int file = open("/dev/null", O_RDWR);
    gives("connect-no-socket", dial_at(file, to), ENOTSOCK);
    gives("connect-then", dial_at(fd, to), 0);
    to.sin_family = AF_UNSPEC;
    gives("connect-unspec", dial_at(fd, to), 0);
    socklen_t len = sizeof(to);
    gives("connect-unspec-peer", getpeername(fd, (struct sockaddr *)&to, &len), ENOTCONN);
    gives("connect-unspec-then", dial(fd, (int)peer("port")), 0);
}

static void listens(void)
{
    int fd = tcp(), file = open("/dev/null", O_RDONLY), packets = udp();
    gives("accept-unconnected", accept(fd, NULL, NULL), EINVAL);
    gives("listen-unbound", listen(fd, 5), 0);
    is_true("listen-unbound-port", port_of(fd) > 0);
    gives("listen-again", listen(fd, 7), 0);
    gives("listener-connect", dial(fd, (int)peer("port")), EISCONN);
    gives("listener-read", read(fd, &file, 1), ENOTCONN);
    signal(SIGPIPE, SIG_IGN);
    gives("listener-write", write(fd, "x", 1), EPIPE);
    is("listener-poll", poll_one(fd, POLLIN | POLLOUT, 0), 0);
    no_waiting(fd);
    gives("accept-nothing", accept(fd, NULL, NULL), EAGAIN);
    gives("accept-flags", accept4(fd, NULL, NULL, 1), EINVAL);
    gives("accept-no-socket", accept(file, NULL, NULL), ENOTSOCK);
    gives("accept-datagrams", accept(packets, NULL, NULL), EOPNOTSUPP);
    gives("listen-datagrams", listen(packets, 1), EOPNOTSUPP);
    gives("listen-no-socket", listen(file, 1), ENOTSOCK);
}

static void accepts(void)
{
    int fd = listening(5), port = port_of(fd);
    struct sockaddr_in from = {0};
    socklen_t len = sizeof(from);
    peer("connect %d", port);
    is("accept-poll", poll_until(fd, POLLIN), POLLIN);
    int a = accept(fd, (struct sockaddr *)&from, &len);
    gives("accept", a, 0);
    is("accept-length", len, sizeof(from));
    is("accept-family", from.sin_family, AF_INET);
    is("accept-address", from.sin_addr.s_addr, at_peer(0).sin_addr.s_addr);
    is("accept-same-port", port_of(a), port);
    is("accept-poll-after", poll_one(fd, POLLIN, 0), 0);
    memset(&from, 0, sizeof(from));
    len = 4;
    peer("connect %d", port);
    int b = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    gives("accept4", b, 0);
    is("accept4-length", len, sizeof(from));
    is("accept4-cut", from.sin_addr.s_addr, 0);
    is_true("accept4-nonblock", fcntl(b, F_GETFL) & O_NONBLOCK);
    is("accept4-cloexec", fcntl(b, F_GETFD), FD_CLOEXEC);
    no_waiting(fd);
    peer("connect %d", port);
    poll_until(fd, POLLIN);
    int c = accept(fd, NULL, NULL);
    is("accept-waits-though-listener-does-not", fcntl(c, F_GETFL) & O_NONBLOCK, 0);
    is("accept-no-cloexec", fcntl(c, F_GETFD), 0);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    peer("connect %d", port);
    poll_until(fd, POLLIN);
    is("accept-inherits-option", option(accept(fd, NULL, NULL), SOL_SOCKET, SO_KEEPALIVE), 1);
}

static void accept_waits(void)
{
    int fd = listening(5), port = port_of(fd);
    struct timeval limit = {0, 50000};
    peer_later(50, "connect %d", port);
    gives("accept-waits", accept(fd, NULL, NULL), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    gives("accept-timeout", accept(fd, NULL, NULL), EAGAIN);
    long id = peer("connect %d", port);
    peer("say %ld early", id);
    peer("close %ld", id);
    int a = accept(fd, NULL, NULL);
    is("accept-early-data", read_all(a), 5);
    id = peer("connect %d", port);
    peer("reset %ld", id);
    nap(50);
    a = accept(fd, NULL, NULL);
    gives("accept-reset-before", a, 0);
    gives("accept-reset-before-read", read(a, &port, 1), ECONNRESET);
    id = peer("connect %d", port);
    close(fd);
    is("listener-closed-pending", peer("recv %ld 1", id), -ECONNRESET);
    is("listener-closed-refuses", peer("connect %d", port), -ECONNREFUSED);
}

static void backlog(void)
{
    int fd = listening(1), port = port_of(fd);
    long a = peer("begin %d", port), b = peer("begin %d", port);
    poll_until(fd, POLLIN);
    for (int i = 0; i < 200 && peer("opened %ld %ld", a, b) < 2; i++)
        nap(10);
    is("backlog-takes", peer("opened %ld %ld", a, b), 2);
    long c = peer("begin %d", port);
    nap(300);
    is("backlog-full", peer("opened %ld", c), 0);
    gives("backlog-accept", accept(fd, NULL, NULL), 0);
    gives("backlog-accept-2", accept(fd, NULL, NULL), 0);
    gives("backlog-accept-3", accept(fd, NULL, NULL), 0);
    is("backlog-room-again", peer("opened %ld %ld %ld", a, b, c), 3);
}

const struct group connect_groups[] = {
    {"connect-open", to_open},
    {"connect-closed", to_closed},
    {"connect-nonblock-open", later_open},
    {"connect-nonblock-closed", later_closed},
    {"connect-silent", to_silent},
    {"connect-silent-end", silent_ends},
    {"connect-nowhere", nowhere},
    {"broken-off", broken_off},
    {"connect-bad", bad_addresses},
    {"listen", listens},
    {"accept", accepts},
    {"accept-wait", accept_waits},
    {"backlog", backlog},
    {NULL, NULL},
};
