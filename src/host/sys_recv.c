// What is received. A stream's urgent byte is taken out of it unless SO_OOBINLINE is set, and no read goes past it at
// once (tcp(7)); the stack leaves it where it is (RFC 9293 3.8.5), so this is done here.
#include "host/sys.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "calls/control.h"
#include "stack/errqueue.h"

// A call that receives, while it is made.
struct receiving {
    const struct iovec *iov;
    size_t count;
    size_t done, len; // bytes
    int flags;
};

// ---- streams ----

void sok_sys_stream(const struct sok_sys_file *f, struct sok_sys_stream *out)
{
    struct sok_tcp_info t;
    *out = (struct sok_sys_stream){.over = true};
    const struct sok_tcp_conn *c = sok_socket_conn(f->s);
    if (!c)
        return;
    sok_tcp_info(c, &t);
    out->queued = t.rcv_queued;
    out->urgent = t.rcv_urgent;
    out->urgent_at = t.bytes_received - t.rcv_queued + t.rcv_urgent;
    out->ended = t.recv_over;
    out->over = t.recv_over || t.state == SOK_TCP_CLOSED;
}

int64_t sok_sys_stream_error(const struct sok_sys_file *f, int64_t r)
{
    struct sok_tcp_info t;
    const struct sok_tcp_conn *c = r == -ECONNRESET ? sok_socket_conn(f->s) : NULL;
    if (!c)
        return r;
    sok_tcp_info(c, &t);
    return t.recv_over ? -EPIPE : r;
}

// Moves up to `most` bytes that are there, from `skip` on when they only are looked at.
static void move(const struct sok_sys_file *f, struct receiving *m, size_t skip, size_t most)
{
    while (most > 0 && m->done < m->len) {
        struct iovec piece = sok_sys_piece(m->iov, m->count, m->done);
        size_t n = piece.iov_len < most ? piece.iov_len : most;
        if (m->flags & MSG_PEEK)
            sok_tcp_look(sok_socket_conn(f->s), skip + m->done, piece.iov_base, n);
        else if (m->flags & MSG_TRUNC) // thrown away (tcp(7))
            sok_consume(f->s, n);
        else
            sok_recv(f->s, piece.iov_base, n);
        m->done += n;
        most -= n;
    }
}

// Why there is nothing: 0 is the end. After the peer's end an error is only told to who sends, as Linux does.
static int64_t nothing(const struct sok_sys_file *f, const struct sok_sys_stream *in)
{
    struct iovec piece;
    int one = 1;
    int64_t r = in->ended ? 0 : sok_sys_errno(sok_peek(f->s, &piece, &one));
    return r == -EAGAIN && f->read_over ? 0 : r;
}

// Takes what is there; 0: there was some, or it is the end.
static int64_t read_some(struct sok_sys_file *f, struct receiving *m)
{
    struct sok_sys_stream in;
    size_t skip = 0;
    sok_sys_stream(f, &in);
    if (in.urgent == 1 && in.queued > 0 && !f->posix.values[VALUE_OOBINLINE]) {
        if (m->flags & MSG_PEEK)
            skip = 1;
        else
            sok_consume(f->s, 1);
        sok_sys_stream(f, &in);
    }
    if (in.queued == skip)
        return skip > 0 ? (in.over ? 0 : -EAGAIN) : nothing(f, &in);
    size_t most = in.queued - skip;
    if (in.urgent > 1 && in.urgent - 1 < most)
        most = in.urgent - 1;
    move(f, m, skip, most);
    return 0;
}

// As Linux: what is there, once; with MSG_WAITALL or SO_RCVLOWAT more, but never past the end, an error or the mark.
static int64_t read_stream(struct sok_sys_file *f, void *with)
{
    struct receiving *m = with;
    struct sok_sys_stream in;
    int32_t low = f->posix.values[VALUE_RCVLOWAT];
    size_t least = m->flags & MSG_WAITALL ? m->len : low > 1 ? (size_t)low : 1;
    if (m->flags & MSG_PEEK)
        m->done = 0;
    size_t before = m->done;
    sok_sys_stream(f, &in);
    if (before > 0 && in.urgent == 1 && in.queued > 0)
        return 0;
    if (before > 0 && in.queued == 0)
        return in.over ? 0 : -EAGAIN;
    int64_t r = read_some(f, m);
    if (r < 0 || m->done == before || m->done == m->len)
        return r;
    return m->done < least && !in.over ? -EAGAIN : 0;
}

static int64_t receive_urgent(struct sok_sys_file *f, struct receiving *m)
{
    struct sok_sys_stream in;
    sok_sys_take_in(f->host);
    sok_sys_stream(f, &in);
    bool taken = f->urgent_taken && f->urgent_at == in.urgent_at;
    if (f->posix.values[VALUE_OOBINLINE] || in.urgent == 0 || taken)
        return -EINVAL;
    if (in.urgent > in.queued)
        return in.over ? 0 : -EAGAIN;
    struct iovec piece = sok_sys_piece(m->iov, m->count, 0);
    if (piece.iov_len == 0)
        return 0;
    sok_tcp_look(sok_socket_conn(f->s), in.urgent - 1, piece.iov_base, 1);
    if (!(m->flags & MSG_PEEK)) {
        f->urgent_taken = true;
        f->urgent_at = in.urgent_at;
    }
    return 1;
}

static int64_t receive_stream(struct sok_sys_file *f, struct receiving *m)
{
    bool wait = !f->nonblock && !(m->flags & MSG_DONTWAIT);
    if (!sok_socket_conn(f->s))
        return -ENOTCONN;
    if (m->flags & MSG_OOB)
        return receive_urgent(f, m);
    int64_t r = sok_sys_until(f, read_stream, m, wait, f->recv_limit_ns);
    return m->done > 0 ? (int64_t)m->done : r;
}

// ---- datagrams ----

static int64_t take_datagram(struct sok_sys_file *f, void *with)
{
    struct sok_sys_datagram *d = sok_sys_space(f->host);
    struct sok_packet_addr frame;
    struct sok_endpoint from = {.port = 0};
    struct sok_dgram_info info = {.link = -1};
    bool packet = f->posix.domain == AF_PACKET;
    (void)with;
    if (!d)
        return -ENOMEM;
    if (!f->s->sock) // nothing is bound: nothing comes
        return f->read_over ? 0 : -EAGAIN;
    int64_t n = packet ? sok_packet_recvfrom(f->s, d->data, SOK_SYS_DATAGRAM_MAX, &frame)
                       : sok_recvfrom_info(f->s, d->data, SOK_SYS_DATAGRAM_MAX, &from, &info);
    d->head.wanted = 0;
    if (n == SOK_EAGAIN && f->read_over) {
        d->addr_len = 0;
        n = 0;
    } else if (n >= 0) {
        d->addr_len = packet ? sok_ll_put(f->host, &frame, d->addr)
                             : sok_sockaddr_put(f->posix.domain, &from, d->addr);
        if (packet) {
            sok_getsockopt(f->s, SOK_OPT_STAMP, &info.stamp);
            sok_posix_frame_came(&f->posix, f->s, frame.link, (uint32_t)n, &d->head);
        }
        sok_posix_came(&f->posix, f->host, d->data, (size_t)n, &info, &d->head);
    }
    d->len = n > 0 ? (size_t)n : 0;
    return sok_sys_errno(n);
}

static struct sok_sys_datagram *keep(struct sok_sys_file *f)
{
    const struct sok_sys_datagram *d = sok_sys_space(f->host);
    f->held = malloc(sizeof(*d) + d->len);
    if (f->held)
        memcpy(f->held, d, sizeof(*d) + d->len);
    return f->held;
}

struct sok_sys_datagram *sok_sys_look(struct sok_sys_file *f)
{
    struct sok_sock_about about = {.held = 0};
    sok_sys_take_in(f->host);
    if (!f->held && f->s->sock)
        sok_stack_about(f->s->sock, &about);
    if (about.held == 0)
        return f->held;
    int64_t r = take_datagram(f, NULL);
    if (r < 0 && r != -EAGAIN) { // an error is told first, but not by who only looks
        f->error = r;
        r = take_datagram(f, NULL);
    }
    return r < 0 ? NULL : keep(f);
}

static void scatter(struct receiving *m, const uint8_t *data, size_t len)
{
    while (m->done < len && m->done < m->len) {
        struct iovec piece = sok_sys_piece(m->iov, m->count, m->done);
        size_t n = piece.iov_len < len - m->done ? piece.iov_len : len - m->done;
        memcpy(piece.iov_base, data + m->done, n);
        m->done += n;
    }
}

static int64_t receive_datagram(struct sok_sys_file *f, struct receiving *m, struct msghdr *out)
{
    bool wait = !f->nonblock && !(m->flags & MSG_DONTWAIT), peek = m->flags & MSG_PEEK;
    const struct sok_sys_datagram *d = f->held;
    if (f->error)
        return sok_sys_take_error(f);
    if (!d) {
        int64_t r = sok_sys_until(f, take_datagram, NULL, wait, f->recv_limit_ns);
        if (r < 0)
            return r;
        d = peek && !(f->read_over && r == 0) ? keep(f) : sok_sys_space(f->host);
        if (!d)
            return -ENOMEM;
    }
    scatter(m, d->data, d->len);
    if (out->msg_name)
        memcpy(out->msg_name, d->addr,
            out->msg_namelen < d->addr_len ? out->msg_namelen : d->addr_len);
    out->msg_namelen = d->addr_len;
    out->msg_flags = d->len > m->done ? MSG_TRUNC : 0;
    sok_control_out(out, &d->head);
    int64_t r = (int64_t)(m->flags & MSG_TRUNC ? d->len : m->done);
    if (f->held && !peek) {
        free(f->held);
        f->held = NULL;
    }
    return r;
}

// The queue of errors never waits, and is looked at before everything else.
static int64_t receive_news(struct sok_sys_file *f, struct receiving *m, struct msghdr *message)
{
    struct sok_calls_news news;
    uint8_t data[SOK_ERRQUEUE_DATA];
    sok_sys_take_in(f->host);
    int64_t n = sok_posix_news(&f->posix, f->s, &news, data, sizeof(data));
    if (n < 0)
        return n;
    scatter(m, data, (size_t)n);
    sok_control_news(message, &news);
    message->msg_flags |= news.len > m->done ? MSG_TRUNC : 0;
    return (int64_t)m->done;
}

static int64_t receive_message(struct sok_sys_file *f, struct msghdr *message, int flags)
{
    struct receiving m = {.flags = flags};
    if (!message)
        return -EFAULT;
    m.iov = message->msg_iov;
    m.count = message->msg_iovlen;
    int64_t len = sok_sys_total(m.iov, m.count);
    if (len < 0)
        return len;
    if (message->msg_name && (int)message->msg_namelen < 0)
        return -EINVAL;
    m.len = (size_t)len;
    if (flags & MSG_ERRQUEUE)
        return receive_news(f, &m, message);
    struct msghdr out = {.msg_name = message->msg_name,
        .msg_namelen = message->msg_namelen,
        .msg_control = sok_sys_is_stream(f) ? NULL : message->msg_control,
        .msg_controllen = sok_sys_is_stream(f) ? 0 : message->msg_controllen};
    int64_t r = sok_sys_is_stream(f) ? receive_stream(f, &m) : receive_datagram(f, &m, &out);
    if (r < 0)
        return r;
    message->msg_namelen = sok_sys_is_stream(f) ? 0 : out.msg_namelen;
    message->msg_flags = out.msg_flags | (sok_sys_is_stream(f) ? flags & MSG_OOB : 0);
    message->msg_controllen = out.msg_controllen;
    return r;
}

// ---- the calls ----

ssize_t sok_sys_recvmsg(struct sok_host *host, int fd, struct msghdr *message, int flags)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (ssize_t)sok_sys_result(f ? receive_message(f, message, flags) : -EBADF);
}

ssize_t sok_sys_recvfrom(struct sok_host *host, int fd, void *data, size_t len, int flags,
    struct sockaddr *addr, socklen_t *addr_len)
{
    struct iovec iov = {data, len};
    struct msghdr m = {.msg_name = addr, .msg_iov = &iov, .msg_iovlen = 1};
    if (!sok_sys_file(host, fd))
        return (ssize_t)sok_sys_result(-EBADF);
    if (addr && !addr_len)
        return (ssize_t)sok_sys_result(-EFAULT);
    m.msg_namelen = addr ? *addr_len : 0;
    ssize_t n = sok_sys_recvmsg(host, fd, &m, flags);
    if (n >= 0 && addr)
        *addr_len = m.msg_namelen;
    return n;
}

ssize_t sok_sys_recv(struct sok_host *host, int fd, void *data, size_t len, int flags)
{
    return sok_sys_recvfrom(host, fd, data, len, flags, NULL, NULL);
}

ssize_t sok_sys_read(struct sok_host *host, int fd, void *data, size_t len)
{
    if (sok_sys_file(host, fd) && len == 0) // as read(2) on every file
        return 0;
    return sok_sys_recvfrom(host, fd, data, len, 0, NULL, NULL);
}

ssize_t sok_sys_readv(struct sok_host *host, int fd, const struct iovec *iov, int count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    if (!sok_sys_file(host, fd))
        return (ssize_t)sok_sys_result(-EBADF);
    if (count < 0 || count > IOV_MAX)
        return (ssize_t)sok_sys_result(-EINVAL);
    return sok_sys_recvmsg(host, fd, &m, 0);
}

int sok_sys_recvmmsg(struct sok_host *host, int fd, struct mmsghdr *messages, unsigned count,
    int flags, struct timespec *timeout)
{
    unsigned got = 0;
    bool once = flags & MSG_WAITFORONE;
    int64_t limit = timeout ? (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec : 0;
    if (!sok_sys_file(host, fd))
        return (int)sok_sys_result(-EBADF);
    if (!messages && count > 0)
        return (int)sok_sys_result(-EFAULT);
    if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999))
        return (int)sok_sys_result(-EINVAL);
    int64_t end = sok_sys_end(host, limit);
    for (flags &= ~MSG_WAITFORONE; got < count; got++) {
        ssize_t n = sok_sys_recvmsg(host, fd, &messages[got].msg_hdr, flags);
        if (n < 0)
            break;
        messages[got].msg_len = (unsigned)n;
        if (once)
            flags |= MSG_DONTWAIT;
        if (timeout && sok_host_now(host) >= end) {
            got++;
            break;
        }
    }
    return got > 0 || count == 0 ? (int)got : -1;
}
