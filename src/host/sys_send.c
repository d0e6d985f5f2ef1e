// What is sent. A blocking stream takes everything; a datagram goes whole or not at all.
#include "host/sys.h"
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include "calls/control.h"

// A call that sends, while it is made.
struct sending {
    const struct iovec *iov;
    size_t count;
    size_t done, len; // bytes
    int flags;
    bool has_to;
    struct sok_endpoint to;
    struct sok_packet_addr frame; // of a packet socket
    struct sok_calls_packet head; // what goes along
};

// ---- streams ----

// As much as has room now. The urgent byte is the last, so what is urgent goes in one piece.
static int64_t send_some(struct sok_sys_file *f, void *with)
{
    struct sending *m = with;
    while (m->done < m->len) {
        struct iovec piece = sok_sys_piece(m->iov, m->count, m->done);
        bool last = m->done + piece.iov_len == m->len;
        int64_t r = m->flags & MSG_OOB && last
                        ? sok_send_urgent(f->s, piece.iov_base, piece.iov_len)
                        : sok_sendv(f->s, &piece, 1);
        if (r < 0)
            return sok_sys_stream_error(f, sok_sys_errno(r));
        m->done += (size_t)r;
        if ((size_t)r < piece.iov_len)
            return -EAGAIN;
    }
    return 0;
}

// MSG_MORE is a cork until the next call without it.
static void hold_back(struct sok_sys_file *f, bool more)
{
    int64_t corked = 0;
    sok_getsockopt(f->s, SOK_OPT_CORK, &corked);
    if (more == f->more || (more && corked))
        return;
    sok_setsockopt(f->s, SOK_OPT_CORK, more);
    f->more = more;
}

static int64_t send_stream(struct sok_sys_file *f, struct sending *m)
{
    bool wait = !f->nonblock && !(m->flags & MSG_DONTWAIT);
    if (f->write_over || !sok_socket_conn(f->s))
        return -EPIPE;
    if (m->flags & MSG_MORE)
        hold_back(f, true);
    int64_t r = sok_sys_until(f, send_some, m, wait, f->send_limit_ns);
    if (!(m->flags & MSG_MORE))
        hold_back(f, false);
    sok_host_begin(f->host);
    return m->done > 0 ? (int64_t)m->done : r;
}

// ---- datagrams ----

static int64_t send_once(struct sok_sys_file *f, void *with)
{
    struct sending *m = with;
    struct sok_sys_datagram *space = sok_sys_space(f->host);
    const struct iovec *iov = m->iov;
    struct iovec whole;
    if (m->count != 1) {
        if (!space)
            return -ENOMEM;
        whole = (struct iovec){space->data, 0};
        for (size_t i = 0; i < m->count; whole.iov_len += iov[i++].iov_len)
            if (iov[i].iov_len > 0)
                memcpy(space->data + whole.iov_len, iov[i].iov_base, iov[i].iov_len);
        iov = &whole;
    }
    if (f->posix.domain == AF_PACKET)
        return sok_sys_errno(
            sok_packet_sendto(f->s, iov->iov_base, iov->iov_len, m->has_to ? &m->frame : NULL));
    if (m->head.wanted) {
        struct sok_dgram_info info;
        sok_posix_goes(&m->head, &info);
        return sok_sys_errno(
            sok_sendto_info(f->s, iov->iov_base, iov->iov_len, m->has_to ? &m->to : NULL, &info));
    }
    if (m->has_to)
        return sok_sys_errno(sok_sendto(f->s, iov->iov_base, iov->iov_len, &m->to));
    return sok_sys_errno(sok_send(f->s, iov->iov_base, iov->iov_len));
}

static int64_t send_datagram(struct sok_sys_file *f, struct sending *m)
{
    bool wait = !f->nonblock && !(m->flags & MSG_DONTWAIT);
    if (f->write_over)
        return -EPIPE;
    if (m->flags & MSG_OOB && f->posix.domain != AF_INET6) // of IPv6 Linux does not look
        return -EOPNOTSUPP;
    if (m->len > SOK_SYS_DATAGRAM_MAX)
        return -EMSGSIZE;
    if (!m->has_to && !f->s->dialled && f->posix.domain != AF_PACKET)
        return -EDESTADDRREQ;
    if (f->error)
        return sok_sys_take_error(f);
    bool fresh = !f->s->sock;
    int64_t r = sok_sys_until(f, send_once, m, wait, f->send_limit_ns);
    if (r < 0 && fresh && f->s->sock) // no port for nothing
        sok_socket_renew(f->s, false);
    sok_host_begin(f->host);
    return r;
}

static int64_t read_to(
    const struct sok_sys_file *f, const void *addr, socklen_t len, struct sending *m)
{
    bool v6;
    m->has_to = addr != NULL;
    if (!addr || sok_sys_is_stream(f)) // to whom is known
        return 0;
    if (len > sizeof(struct sockaddr_storage)) // also what is negative as an int
        return -EINVAL;
    if (f->posix.domain == AF_PACKET)
        return sok_ll_get(addr, len, &m->frame);
    int r = sok_sockaddr_peer(&f->posix, NULL, addr, len, &m->to, &v6);
    return r < 0 ? r : 0;
}

static int64_t send_message(struct sok_sys_file *f, const struct msghdr *message, int flags)
{
    struct sending m = {.flags = flags};
    if (!message)
        return -EFAULT;
    m.iov = message->msg_iov;
    m.count = message->msg_iovlen;
    int64_t len = sok_sys_total(m.iov, m.count);
    if (len < 0)
        return len;
    m.len = (size_t)len;
    int64_t r = read_to(f, message->msg_name, message->msg_namelen, &m);
    if (r == 0 && !sok_sys_is_stream(f) && f->posix.domain != AF_PACKET)
        r = -sok_control_in(message, &m.head);
    if (r < 0)
        return r;
    return sok_sys_is_stream(f) ? send_stream(f, &m) : send_datagram(f, &m);
}

// ---- the calls ----

ssize_t sok_sys_sendmsg(struct sok_host *host, int fd, const struct msghdr *message, int flags)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (ssize_t)sok_sys_result(f ? send_message(f, message, flags) : -EBADF);
}

ssize_t sok_sys_sendto(struct sok_host *host, int fd, const void *data, size_t len, int flags,
    const struct sockaddr *addr, socklen_t addr_len)
{
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr m = {
        .msg_name = (void *)(uintptr_t)addr,
        .msg_namelen = addr_len,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };
    return sok_sys_sendmsg(host, fd, &m, flags);
}

ssize_t sok_sys_send(struct sok_host *host, int fd, const void *data, size_t len, int flags)
{
    return sok_sys_sendto(host, fd, data, len, flags, NULL, 0);
}

ssize_t sok_sys_write(struct sok_host *host, int fd, const void *data, size_t len)
{
    return sok_sys_sendto(host, fd, data, len, 0, NULL, 0);
}

ssize_t sok_sys_writev(struct sok_host *host, int fd, const struct iovec *iov, int count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    if (!sok_sys_file(host, fd))
        return (ssize_t)sok_sys_result(-EBADF);
    if (count < 0 || count > IOV_MAX)
        return (ssize_t)sok_sys_result(-EINVAL);
    return sok_sys_sendmsg(host, fd, &m, 0);
}

int sok_sys_sendmmsg(
    struct sok_host *host, int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned sent = 0;
    if (!sok_sys_file(host, fd))
        return (int)sok_sys_result(-EBADF);
    if (!messages && count > 0)
        return (int)sok_sys_result(-EFAULT);
    for (; sent < count && sent < IOV_MAX; sent++) {
        ssize_t n = sok_sys_sendmsg(host, fd, &messages[sent].msg_hdr, flags);
        if (n < 0)
            break;
        messages[sent].msg_len = (unsigned)n;
    }
    return sent > 0 || count == 0 ? (int)sent : -1;
}
