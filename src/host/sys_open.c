// What makes, names and ends connections: bind, connect, listen, accept, the two names, shutdown.
#include "host/sys.h"
#include <netinet/in.h>
#include <string.h>

// ---- addresses ----

static int read_addr(const struct sok_sys_file *f, const struct sockaddr *addr, socklen_t len,
    bool connects, struct sok_endpoint *out)
{
    bool v6;
    if (len > sizeof(struct sockaddr_storage)) // also what is negative as an int
        return -EINVAL;
    if (!addr)
        return -EFAULT;
    int r = connects ? sok_sockaddr_peer(&f->posix, f->s, (const uint8_t *)addr, len, out, &v6)
                     : sok_sockaddr_get(f->posix.domain, (const uint8_t *)addr, len, out, &v6);
    bool other = len >= sizeof(struct sockaddr_in) && addr->sa_family != f->posix.domain;
    return r == -EINVAL && other && len >= 24 ? -EAFNOSUPPORT : r; // where a send says EINVAL
}

int sok_sys_give_addr(const uint8_t *from, uint32_t from_len, struct sockaddr *addr, socklen_t *len)
{
    if (!addr)
        return 0;
    if (!len)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    memcpy(addr, from, *len < from_len ? *len : from_len);
    *len = from_len;
    return 0;
}

static int give_endpoint(const struct sok_sys_file *f, const struct sok_endpoint *e,
    struct sockaddr *addr, socklen_t *len)
{
    uint8_t bytes[SOK_POSIX_ADDR_MAX];
    uint32_t n = sok_sockaddr_put(f->posix.domain, e, bytes);
    return sok_sys_give_addr(bytes, n, addr, len);
}

// ---- bind ----

static int64_t bind_frames(struct sok_sys_file *f, const struct sockaddr *addr, socklen_t len)
{
    struct sok_packet_addr at;
    int64_t r = len > sizeof(struct sockaddr_storage) ? -EINVAL // also what is negative as an int
                : !addr                               ? -EFAULT
                                                      : sok_ll_get((const uint8_t *)addr, len, &at);
    if (r < 0)
        return r;
    if (at.type == 0)
        at.type = f->frames.type;
    r = sok_sys_errno(sok_packet_bind(f->s, at.link, at.type));
    if (r == 0)
        f->frames = (struct sok_packet_addr){.link = at.link, .type = at.type};
    return r;
}

static int64_t bind_file(struct sok_sys_file *f, const struct sockaddr *addr, socklen_t len)
{
    struct sok_endpoint at;
    if (f->posix.domain == AF_PACKET)
        return bind_frames(f, addr, len);
    int64_t r = read_addr(f, addr, len, false, &at);
    if (r < 0)
        return r;
    if (f->posix.type == SOCK_RAW ? f->s->dialled : f->posix.bound || f->s->sock != NULL)
        return -EINVAL;
    r = sok_sys_errno(sok_bind(f->s, &at));
    f->port_given = r == 0 && at.port != 0;
    return r;
}

int sok_sys_bind(struct sok_host *host, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    int64_t r = f ? bind_file(f, addr, len) : -EBADF;
    if (f && r == 0)
        f->posix.bound = true;
    return (int)sok_sys_result(r);
}

// ---- connect ----

static bool connecting(const struct sok_sys_file *f)
{
    const struct sok_tcp_conn *c = sok_socket_conn(f->s);
    enum sok_tcp_state state = c ? sok_tcp_state(c) : SOK_TCP_CLOSED;
    return state == SOK_TCP_SYN_SENT || (state == SOK_TCP_SYN_RECEIVED && !f->connect_told);
}

// How connect() ended; -EAGAIN: not yet. After a failure the socket may try again, as with Linux.
static int64_t connect_ended(struct sok_sys_file *f, void *with)
{
    struct sok_tcp_conn *c = sok_socket_conn(f->s);
    (void)with;
    if (connecting(f))
        return -EAGAIN;
    f->connect_told = true;
    if (sok_tcp_state(c) != SOK_TCP_CLOSED)
        return 0;
    int err = sok_tcp_error(c);
    sok_socket_renew(f->s, true);
    f->connect_told = false;
    return -sok_errno(err < 0 ? err : SOK_EABORTED);
}

static int64_t connect_stream(struct sok_sys_file *f, const struct sok_endpoint *to)
{
    bool wait = !f->nonblock;
    if (f->posix.listens)
        return -EISCONN;
    if (sok_socket_conn(f->s)) {
        if (f->connect_told)
            return -EISCONN;
        if (!wait && connecting(f)) {
            sok_sys_take_in(f->host);
            if (connecting(f))
                return -EALREADY;
        }
    } else {
        int r = sok_connect(f->s, to);
        if (r != SOK_EINPROGRESS)
            return sok_sys_errno(r);
        sok_host_begin(f->host);
        if (!wait)
            return -EINPROGRESS;
    }
    int64_t r = sok_sys_until(f, connect_ended, NULL, wait, f->send_limit_ns);
    return r == -EAGAIN ? -EINPROGRESS : r;
}

// connect() to AF_UNSPEC.
static int64_t disconnect(struct sok_sys_file *f)
{
    f->read_over = f->write_over = f->connect_told = false;
    if (f->posix.listens)
        return -EINVAL;
    sok_socket_renew(f->s, f->port_given);
    f->posix.bound = f->s->bound;
    return 0;
}

static int64_t connect_file(struct sok_sys_file *f, const struct sockaddr *addr, socklen_t len)
{
    struct sok_endpoint to;
    if (f->posix.domain == AF_PACKET)
        return -EOPNOTSUPP;
    if (addr && len >= sizeof(addr->sa_family) && len <= sizeof(struct sockaddr_storage) &&
        addr->sa_family == AF_UNSPEC)
        return disconnect(f);
    int64_t r = read_addr(f, addr, len, true, &to);
    if (r < 0)
        return r;
    if (sok_sys_is_stream(f))
        return connect_stream(f, &to);
    bool fresh = !f->s->sock;
    r = sok_sys_errno(sok_connect(f->s, &to));
    if (r < 0 && fresh) // no port for nothing
        sok_socket_renew(f->s, false);
    return r;
}

int sok_sys_connect(struct sok_host *host, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? connect_file(f, addr, len) : -EBADF);
}

// ---- listen, accept ----

static int64_t listen_file(struct sok_sys_file *f, int backlog)
{
    unsigned most = backlog < 0 || backlog > 4096 ? 4096 : (unsigned)backlog;
    if (!sok_sys_is_stream(f))
        return -EOPNOTSUPP;
    int64_t r = sok_sys_errno(sok_listen(f->s, (int)most + 1)); // Linux is full above the backlog
    if (r == 0) {
        f->posix.listens = f->posix.bound = true;
        f->read_over = false;
    }
    return r;
}

int sok_sys_listen(struct sok_host *host, int fd, int backlog)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? listen_file(f, backlog) : -EBADF);
}

static int64_t take_connection(struct sok_sys_file *f, void *with)
{
    struct sok_socket **out = with;
    return sok_sys_errno(sok_accept(f->s, out));
}

static int64_t accept_file(struct sok_sys_file *f, struct sockaddr *addr, socklen_t *len, int flags)
{
    struct sok_host *host = f->host;
    struct sok_posix posix = f->posix;
    struct sok_socket *s = NULL;
    struct sok_endpoint peer;
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    if (!sok_sys_is_stream(f))
        return -EOPNOTSUPP;
    if (!f->posix.listens)
        return -EINVAL;
    if (addr && (!len || (int)*len < 0))
        return len ? -EINVAL : -EFAULT;
    int64_t r = sok_sys_until(f, take_connection, &s, !f->nonblock, f->recv_limit_ns);
    if (r < 0)
        return r;
    posix.listens = false;
    r = sok_sys_add(host, s, &posix, flags);
    if (r < 0)
        return r;
    struct sok_sys_file *made = sok_sys_file(host, (int)r);
    made->connect_told = true;
    made->recv_limit_ns = f->recv_limit_ns;
    made->send_limit_ns = f->send_limit_ns;
    sok_getpeername(s, &peer);
    give_endpoint(made, &peer, addr, len);
    return r;
}

int sok_sys_accept4(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? accept_file(f, addr, len, flags) : -EBADF);
}

int sok_sys_accept(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len)
{
    return sok_sys_accept4(host, fd, addr, len, 0);
}

// ---- names ----

static int64_t frames_name(struct sok_sys_file *f, struct sockaddr *addr, socklen_t *len)
{
    struct sok_packet_link about;
    struct sok_packet_addr at = f->frames;
    uint8_t bytes[SOK_POSIX_ADDR_MAX];
    if (sok_packet_link(f->host, at.link, &about) == 0)
        memcpy(at.mac, about.mac, sizeof(at.mac));
    return sok_sys_give_addr(bytes, sok_ll_put(f->host, &at, bytes), addr, len);
}

// A connection that is over has no peer any more.
static bool has_peer(const struct sok_sys_file *f)
{
    const struct sok_tcp_conn *c = sok_socket_conn(f->s);
    enum sok_tcp_state state = c ? sok_tcp_state(c) : SOK_TCP_CLOSED;
    if (sok_sys_is_stream(f))
        return state != SOK_TCP_CLOSED && state != SOK_TCP_TIME_WAIT && !connecting(f);
    return f->s->dialled;
}

static int64_t name_of(struct sok_sys_file *f, struct sockaddr *addr, socklen_t *len, bool peer)
{
    struct sok_endpoint at;
    if (f->posix.domain == AF_PACKET && peer)
        return -EOPNOTSUPP;
    if (!addr || !len)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    if (f->posix.domain == AF_PACKET)
        return frames_name(f, addr, len);
    if (peer && !has_peer(f))
        return -ENOTCONN;
    int r = peer ? sok_getpeername(f->s, &at) : sok_getsockname(f->s, &at);
    if (f->posix.type == SOCK_RAW && !peer) // raw(7) does not say so, but it is so
        at.port = (uint16_t)f->posix.protocol;
    return r < 0 ? -sok_errno(r) : give_endpoint(f, &at, addr, len);
}

int sok_sys_getsockname(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? name_of(f, addr, len, false) : -EBADF);
}

int sok_sys_getpeername(struct sok_host *host, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? name_of(f, addr, len, true) : -EBADF);
}

// ---- shutdown, and what close() waits for ----

// A listener that is shut down for reading is none any more; it may listen again.
static int64_t shutdown_listener(struct sok_sys_file *f, int how)
{
    if (how == SHUT_WR)
        return 0;
    f->posix.listens = false;
    sok_socket_renew(f->s, true);
    return 0;
}

static int64_t shutdown_file(struct sok_sys_file *f, int how)
{
    if (f->posix.domain == AF_PACKET)
        return -EOPNOTSUPP;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    if (f->posix.listens)
        return shutdown_listener(f, how);
    if (sok_sys_is_stream(f) && (!sok_socket_conn(f->s) || connecting(f) || !has_peer(f)))
        return -ENOTCONN;
    if (!sok_sys_is_stream(f) && !f->s->dialled)
        return -ENOTCONN;
    if (how != SHUT_WR)
        f->read_over = true;
    if (how != SHUT_RD)
        f->write_over = true;
    if (!sok_sys_is_stream(f) || how == SHUT_RD)
        return 0;
    int r = sok_shutdown(f->s);
    sok_host_begin(f->host);
    return sok_sys_errno(r);
}

int sok_sys_shutdown(struct sok_host *host, int fd, int how)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? shutdown_file(f, how) : -EBADF);
}

static bool delivered(const struct sok_sys_file *f)
{
    switch (sok_tcp_state(sok_socket_conn(f->s))) {
    case SOK_TCP_FIN_WAIT_2:
    case SOK_TCP_TIME_WAIT:
    case SOK_TCP_CLOSED:
        return true;
    default:
        return false;
    }
}

// With SO_LINGER close() waits so many seconds until the peer has everything; what is left goes on without it.
void sok_sys_unlinger(struct sok_sys_file *f)
{
    int64_t seconds = (int64_t)f->posix.values[VALUE_LINGER_S] - 1;
    struct sok_sys_stream in;
    if (seconds <= 0 || !has_peer(f) || !sok_socket_conn(f->s))
        return;
    sok_sys_stream(f, &in);
    if (in.queued > 0) // close() resets
        return;
    int64_t end = sok_sys_end(f->host, seconds * 1000000000);
    sok_shutdown(f->s);
    while (!delivered(f) && sok_sys_sleep(f->host, end) == 0) {
    }
}
