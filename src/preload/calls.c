// socket, bind, connect, listen, shutdown, and the names of both ends.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include "preload/preload.h"

// ---- socket ----

static bool host_s_own(int domain)
{
    return (domain == AF_INET || domain == AF_INET6 || domain == AF_PACKET) && sok_host_there();
}

static int new_socket(int domain, int type, int protocol)
{
    struct sok_calls_socket s;
    int flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct call c = {.op = SOK_CALLS_SOCKET,
        .a = domain,
        .b = type & ~flags,
        .c = protocol,
        .reply = &s,
        .reply_max = sizeof(s),
        .take_fd = true,
        .cloexec = flags & SOCK_CLOEXEC};
    int32_t r = sok_ask(&c);
    if (r < 0 || c.reply_len != sizeof(s))
        return sok_fail(r < 0 ? -r : EPROTO);
    if (c.fd < 0) // it was sent, and found no room
        return sok_fail(EMFILE);
    struct entry e = {
        .cookie = s.cookie,
        .kind = (uint8_t)(2 + s.kind),
        .state = s.state,
        .domain = s.domain,
        .type = s.type,
        .protocol = s.protocol,
        .epolls = {{.epfd = -1}, {.epfd = -1}},
    };
    if (flags & SOCK_NONBLOCK)
        sok_reals()->fcntl(c.fd, F_SETFL, O_RDWR | O_NONBLOCK);
    sok_table_set(c.fd, &e);
    return c.fd;
}

SOK_EXPORT int socket(int domain, int type, int protocol)
{
    if (!host_s_own(domain)) {
        int fd = sok_k_socket(domain, type, protocol);
        if (fd >= 0)
            sok_table_clear(fd, KIND_OTHER);
        return fd;
    }
    unsigned t =
        sok_trace_begin(-1, "socket(%s, %d)", sok_calls_text_socket(domain, type), protocol);
    return (int)sok_trace_end(t, new_socket(domain, type, protocol));
}

// ---- bind ----

static void now_bound(struct entry *e, const void *with)
{
    (void)with;
    e->bound = true;
    e->name_len = 0;
}

static int do_bind(int fd, const struct entry *e, const void *addr, socklen_t len)
{
    struct call c = {.op = SOK_CALLS_BIND, .cookie = e->cookie, .bytes = addr, .len = len};
    int32_t r = sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    sok_table_change(fd, e->cookie, now_bound, NULL);
    return 0;
}

// Else the kernel says what is wrong with it.
static bool address_there(const struct sockaddr *addr, socklen_t len)
{
    return len <= SOK_NAME_MAX && SOK_READS(addr, len);
}

SOK_EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e) || !address_there(addr, len) ||
        sok_loopback_taken(fd, &e, addr, len))
        return sok_k_bind(fd, addr, len);
    unsigned t = sok_trace_begin(fd, "bind(%d, %s)", fd, sok_calls_text_address(addr, len));
    return (int)sok_trace_end(t, do_bind(fd, &e, addr, len));
}

// ---- connect ----

static void now_in_state(struct entry *e, const void *with)
{
    e->state = *(const uint8_t *)with;
    e->connected = true;
    e->name_len = e->peer_len = 0;
}

// How long connect() may take: SO_SNDTIMEO, as with a kernel's socket. 0: for ever.
static int64_t send_timeout_ms(int fd)
{
    struct timeval tv = {0};
    socklen_t len = sizeof(tv);
    if (sok_k_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) < 0)
        return 0;
    return (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
}

static int connect_stream(int fd, const struct entry *e, struct call *c)
{
    uint8_t connecting = SOK_CALLS_CONNECTING;
    bool blocking = !(sok_reals()->fcntl(fd, F_GETFL) & O_NONBLOCK);
    c->a = c->wait = blocking;
    if (blocking)
        c->timeout_ms = send_timeout_ms(fd);
    if (e->state == SOK_CALLS_IDLE) // before it is: data may come at once
        sok_table_change(fd, e->cookie, now_in_state, &connecting);
    int32_t r = sok_ask(c);
    if (r == 0)
        sok_stream_is_open(fd);
    if (r == -EAGAIN)
        return e->state == SOK_CALLS_IDLE ? -EINPROGRESS : -EALREADY;
    return r;
}

static void now_idle(struct entry *e, const void *with)
{
    (void)with;
    e->state = SOK_CALLS_IDLE;
    e->connected = false;
}

// A connect() that failed leaves a socket that may try again. While it does not block, SO_ERROR is asked
// first, and who asks makes another socket.
static void connect_failed(int fd, const struct entry *e, int error)
{
    bool tried = error == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH ||
                 error == ECONNRESET || error == ENETUNREACH || error == ECONNABORTED;
    bool goes_on = error == EINPROGRESS || error == EALREADY || error == EINTR ||
                   error == EISCONN || error == ENETDOWN;
    if (e->kind != KIND_STREAM || goes_on || e->state == SOK_CALLS_OPEN)
        return;
    if (tried && !(sok_reals()->fcntl(fd, F_GETFL) & O_NONBLOCK))
        sok_socket_renew(fd, e);
    else if (e->state == SOK_CALLS_IDLE)
        sok_table_change(fd, e->cookie, now_idle, NULL);
}

static bool is_unspec(const void *addr, socklen_t len)
{
    sa_family_t family;
    if (!addr || len < sizeof(family))
        return false;
    memcpy(&family, addr, sizeof(family));
    return family == AF_UNSPEC;
}

// No peer any more.
static int disconnect(int fd, const struct entry *e)
{
    bool has_one = e->kind == KIND_STREAM ? e->state != SOK_CALLS_IDLE
                                          : e->kind == KIND_LISTENER || e->connected;
    return has_one && !sok_socket_renew(fd, e) ? sok_fail(ENOBUFS) : 0;
}

static int do_connect(int fd, const struct entry *e, const void *addr, socklen_t len)
{
    struct call c = {.op = SOK_CALLS_CONNECT, .cookie = e->cookie, .bytes = addr, .len = len};
    uint8_t open = SOK_CALLS_OPEN;
    if (is_unspec(addr, len) && e->domain != AF_PACKET)
        return disconnect(fd, e);
    int32_t r = e->kind == KIND_DGRAM ? sok_ask(&c) : connect_stream(fd, e, &c);
    if (r < 0) {
        connect_failed(fd, e, -r);
        return sok_fail(-r);
    }
    if (e->kind == KIND_DGRAM)
        sok_table_change(fd, e->cookie, now_in_state, &open);
    return 0;
}

SOK_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e) || !address_there(addr, len) ||
        sok_loopback_taken(fd, &e, addr, len))
        return sok_k_connect(fd, addr, len);
    unsigned t = sok_trace_begin(fd, "connect(%d, %s)", fd, sok_calls_text_address(addr, len));
    return (int)sok_trace_end(t, do_connect(fd, &e, addr, len));
}

// ---- listen ----

static void now_listening(struct entry *e, const void *with)
{
    (void)with;
    e->kind = KIND_LISTENER;
    e->bound = true;
    e->name_len = 0;
}

static int do_listen(int fd, const struct entry *e, int backlog)
{
    struct call c = {.op = SOK_CALLS_LISTEN, .cookie = e->cookie, .a = backlog};
    int32_t r = e->kind == KIND_DGRAM ? -EOPNOTSUPP : sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    sok_table_change(fd, e->cookie, now_listening, NULL);
    return 0;
}

SOK_EXPORT int listen(int fd, int backlog)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e))
        return sok_k_listen(fd, backlog);
    unsigned t = sok_trace_begin(fd, "listen(%d, %d)", fd, backlog);
    return (int)sok_trace_end(t, do_listen(fd, &e, backlog));
}

// ---- shutdown ----

// The connection has ended both ways, or by a reset: the pair would not say so.
static bool over(const struct entry *e)
{
    uint8_t peer[SOK_CALLS_ADDR_MAX];
    struct call c = {
        .op = SOK_CALLS_PEER, .cookie = e->cookie, .reply = peer, .reply_max = sizeof(peer)};
    return sok_ask(&c) == -ENOTCONN;
}

// It does not listen any more, but may again; who waits in accept() hears of it.
static int shut_listener(int fd, const struct entry *e)
{
    struct entry idle = *e;
    sok_k_shutdown(fd, SHUT_RDWR);
    idle.kind = KIND_STREAM;
    return sok_socket_renew(fd, &idle) ? 0 : sok_fail(ENOBUFS);
}

static bool still_connecting(const struct entry *e)
{
    struct sok_calls_socket s;
    struct call c = {
        .op = SOK_CALLS_LOOK, .cookie = e->cookie, .reply = &s, .reply_max = sizeof(s)};
    return sok_ask(&c) == 0 && s.state == SOK_CALLS_CONNECTING;
}

static void was_reset(struct entry *e, const void *with)
{
    (void)with;
    e->error = ECONNRESET;
}

// A handshake that is shut down is over, as by disconnect() of Linux.
static int give_up(int fd, const struct entry *e)
{
    struct entry now;
    if (!sok_socket_renew(fd, e))
        return sok_fail(ENOBUFS);
    if (sok_table_get(fd, false, &now))
        sok_table_change(fd, now.cookie, was_reset, NULL);
    return 0;
}

static int do_shutdown(int fd, const struct entry *e, int how)
{
    struct entry now;
    if (e->kind == KIND_STREAM && e->state == SOK_CALLS_IDLE && sok_table_again(fd, &now))
        e = &now; // a child has called connect()
    bool connected = e->kind == KIND_STREAM ? e->state != SOK_CALLS_IDLE : e->connected;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return sok_fail(EINVAL);
    if (e->kind != KIND_LISTENER && !connected)
        return sok_fail(ENOTCONN);
    if (e->kind == KIND_STREAM && e->state == SOK_CALLS_OPEN && over(e))
        return sok_fail(ENOTCONN);
    if (e->kind == KIND_LISTENER && how != SHUT_WR)
        return shut_listener(fd, e);
    if (e->kind == KIND_STREAM && e->state == SOK_CALLS_CONNECTING && over(e) &&
        still_connecting(e))
        return give_up(fd, e);
    return sok_k_shutdown(fd, how);
}

SOK_EXPORT int shutdown(int fd, int how)
{
    static const char *const names[] = {"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};
    struct entry e;
    if (!sok_table_get(fd, true, &e))
        return sok_k_shutdown(fd, how);
    unsigned t =
        sok_trace_begin_held(fd, "shutdown(%d, %s)", fd, how >= 0 && how < 3 ? names[how] : "?");
    return (int)sok_trace_end(t, do_shutdown(fd, &e, how));
}

// ---- names ----

void sok_address_out(void *to, socklen_t *len, const uint8_t *from, uint32_t from_len)
{
    if (!to || !len)
        return;
    memcpy(to, from, *len < from_len ? *len : from_len);
    *len = from_len;
}

static int name_of(const struct entry *e, bool peer, struct sockaddr *addr, socklen_t *len)
{
    uint8_t bytes[SOK_CALLS_ADDR_MAX];
    uint32_t known = peer ? e->peer_len : e->name_len;
    int wrong = addr ? sok_no_room(addr, len) : EFAULT;
    if (wrong)
        return sok_fail(wrong);
    if (known) {
        sok_address_out(addr, len, peer ? e->peer : e->name, known);
        return 0;
    }
    struct call c = {.op = peer ? SOK_CALLS_PEER : SOK_CALLS_NAME,
        .cookie = e->cookie,
        .reply = bytes,
        .reply_max = sizeof(bytes)};
    int32_t r = sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    sok_address_out(addr, len, bytes, c.reply_len);
    return 0;
}

SOK_EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e))
        return sok_k_getsockname(fd, addr, len);
    unsigned t = sok_trace_begin(fd, "getsockname(%d)", fd);
    int r = name_of(&e, false, addr, len);
    return (int)sok_trace_end_with(t, r, "%s", r == 0 ? sok_calls_text_address(addr, *len) : "");
}

SOK_EXPORT int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e))
        return sok_k_getpeername(fd, addr, len);
    unsigned t = sok_trace_begin(fd, "getpeername(%d)", fd);
    int r = name_of(&e, true, addr, len);
    return (int)sok_trace_end_with(t, r, "%s", r == 0 ? sok_calls_text_address(addr, *len) : "");
}
