// read, write and their kin. For a stream the pair does it all, but for one thing: a broken pair raises
// SIGPIPE and says EPIPE, where TCP first tells the error of the connection, once and without a signal
// (RFC 9293 3.10.2, and every kernel since 4.2BSD).
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "preload/preload.h"

#define SECOND   INT64_C(1000000000)
#define REST_MAX 64 // buffers of a call that is traced, when it could not be done at once

// ---- streams ----

static void opened(struct entry *e, const void *with)
{
    (void)with;
    e->state = SOK_CALLS_OPEN;
}

void sok_stream_is_open(int fd)
{
    struct entry e;
    int bytes = SOK_CALLS_PAIR_BUFFER;
    if (!sok_table_get(fd, false, &e) || e.kind != KIND_STREAM)
        return;
    if (sok_k_setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
        sok_k_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    sok_table_change(fd, e.cookie, opened, NULL);
}

int sok_stream_reason(int fd, int error)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e))
        return error;
    struct call c = {.op = SOK_CALLS_ERROR, .cookie = e.cookie};
    int32_t r = sok_ask(&c);
    return r == -ENETDOWN || r == -ENOTSOCK || r == 0 ? error : -r;
}

// Why nothing was sent: the connection's error, if it was not told yet; else EPIPE.
static int send_error(int fd)
{
    int pending = 0;
    socklen_t len = sizeof(pending);
    if (sok_k_getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len) < 0 || pending == 0)
        return EPIPE;
    return sok_stream_reason(fd, pending);
}

// What is left of m after n bytes of it.
static bool rest(const struct msghdr *m, size_t n, struct iovec *iov, struct msghdr *out)
{
    size_t count = 0;
    for (size_t i = 0; i < m->msg_iovlen && count < REST_MAX; i++) {
        if (n >= m->msg_iov[i].iov_len) {
            n -= m->msg_iov[i].iov_len;
            continue;
        }
        iov[count].iov_base = (char *)m->msg_iov[i].iov_base + n;
        iov[count++].iov_len = m->msg_iov[i].iov_len - n;
        n = 0;
    }
    *out = (struct msghdr){.msg_iov = iov, .msg_iovlen = count};
    return count > 0;
}

// While a call is traced the host takes nothing of it, so it must not wait for that.
static ssize_t send_traced(int fd, const struct msghdr *m, int flags)
{
    struct iovec iov[REST_MAX];
    struct msghdr left;
    ssize_t n = sok_k_sendmsg(fd, m, flags | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        return n;
    if (!rest(m, n > 0 ? (size_t)n : 0, iov, &left))
        return n;
    sok_trace_go();
    ssize_t more = sok_k_sendmsg(fd, &left, flags); // waits, if the descriptor does
    return more >= 0 ? (n > 0 ? n : 0) + more : n > 0 ? n : more;
}

// As much as can be lent, the rest through the pair.
static ssize_t send_lent(int fd, const uint8_t *data, size_t len, int flags)
{
    size_t done = sok_lend(fd, data, len);
    if (done == len)
        return (ssize_t)len;
    ssize_t more = sok_k_sendto(fd, data + done, len - done, flags | MSG_NOSIGNAL, NULL, 0);
    return more >= 0 ? (ssize_t)done + more : done > 0 ? (ssize_t)done : more;
}

static ssize_t write_pair(int fd, const struct msghdr *m, int flags)
{
    if (sok_tracing)
        return send_traced(fd, m, flags | MSG_NOSIGNAL);
    if (m->msg_iovlen == 1 && m->msg_iov[0].iov_len >= SOK_LEND_LEAST && !m->msg_controllen &&
        (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) == 0 && sok_table_state(fd) == SOK_CALLS_OPEN)
        return send_lent(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len, flags);
    if (flags || m->msg_controllen || m->msg_iovlen != 1 || !sok_pipe_signal_ignored())
        return sok_k_sendmsg(fd, m, flags | MSG_NOSIGNAL);
    return sok_reals()->write(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len);
}

static ssize_t read_pair(int fd, struct msghdr *m, int flags)
{
    if (flags || m->msg_controllen || m->msg_iovlen != 1)
        return sok_k_recvmsg(fd, m, flags);
    m->msg_flags = 0;
    return sok_reals()->read(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len);
}

// Nobody has connected it, as far as this process knows.
static bool idle(int fd)
{
    struct entry e;
    return sok_table_state(fd) == SOK_CALLS_IDLE &&
           !(sok_table_again(fd, &e) && e.state != SOK_CALLS_IDLE);
}

static void no_error(struct entry *e, const void *with)
{
    (void)with;
    e->error = 0;
}

// Why an idle one has nothing to read: its connection was given up, told once.
static int idle_error(int fd)
{
    struct entry e;
    if (!sok_table_get(fd, false, &e) || !e.error)
        return ENOTCONN;
    sok_table_change(fd, e.cookie, no_error, NULL);
    return (int)e.error;
}

ssize_t sok_stream_send(int fd, const struct msghdr *m, int flags)
{
    // To whom is known, and TCP does not look at what comes along; AF_UNIX would.
    struct msghdr plain = {.msg_iov = m->msg_iov, .msg_iovlen = m->msg_iovlen};
    ssize_t n;
    if (flags & MSG_OOB) // the pair has no such place in its stream
        return sok_fail(EOPNOTSUPP);
    if (idle(fd))
        n = sok_fail(EPIPE);
    else
        n = write_pair(fd, &plain, flags);
    if (n >= 0) {
        if (sok_table_state(fd) == SOK_CALLS_CONNECTING)
            sok_stream_is_open(fd);
        return n;
    }
    int error = errno;
    if (error == ECONNRESET)
        error = sok_stream_reason(fd, error);
    else if (error == EPIPE && sok_table_state(fd) != SOK_CALLS_IDLE)
        error = send_error(fd);
    if (error == EPIPE && !(flags & MSG_NOSIGNAL))
        raise(SIGPIPE);
    return sok_fail(error);
}

// MSG_TRUNC of a stream: bytes are thrown away (tcp(7)).
static ssize_t discard(int fd, size_t len, int flags)
{
    static uint8_t nowhere[65536]; // never read
    return sok_k_recvfrom(
        fd, nowhere, len < sizeof(nowhere) ? len : sizeof(nowhere), flags, NULL, NULL);
}

// A pair does not wait for more than the first bytes when it only looks.
static ssize_t peek_all(int fd, struct msghdr *m, size_t room, int flags)
{
    struct timeval limit = {0};
    socklen_t len = sizeof(limit);
    sok_k_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len);
    int64_t rounds = ((int64_t)limit.tv_sec * 1000 + limit.tv_usec / 1000) / 2;
    bool waits = !(flags & MSG_DONTWAIT) && !(sok_reals()->fcntl(fd, F_GETFL) & O_NONBLOCK);
    for (int64_t i = 0;; i++) {
        struct pollfd end = {fd, POLLRDHUP, 0};
        ssize_t n = sok_k_recvmsg(fd, m, flags & ~(MSG_WAITALL | MSG_TRUNC));
        if (n <= 0 || (size_t)n >= room || !waits || (rounds && i >= rounds))
            return n;
        if (poll(&end, 1, 2) != 0) // the end is there, or a signal
            return n;
    }
}

ssize_t sok_stream_recv(int fd, struct msghdr *m, int flags)
{
    if (idle(fd))
        return sok_fail(idle_error(fd));
    size_t room = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        room += m->msg_iov[i].iov_len;
    ssize_t n;
    if (flags & (MSG_ERRQUEUE | MSG_OOB)) // there is none of either
        n = sok_fail(flags & MSG_ERRQUEUE ? EAGAIN : EINVAL);
    else if (room == 0)
        n = 0; // a pair would wait
    else if ((flags & (MSG_TRUNC | MSG_PEEK)) == MSG_TRUNC)
        n = discard(fd, room, flags & ~MSG_TRUNC);
    else if ((flags & (MSG_PEEK | MSG_WAITALL)) == (MSG_PEEK | MSG_WAITALL))
        n = peek_all(fd, m, room, flags);
    else
        n = read_pair(fd, m, flags & ~MSG_TRUNC);
    m->msg_namelen = 0;
    if (n < 0 && errno == ECONNRESET)
        errno = sok_stream_reason(fd, ECONNRESET);
    if (n < 0 && errno == EPIPE) // its end was there before the reset
        n = 0;
    return n;
}

// ---- whatever it is ----

static ssize_t send_any(int fd, const struct msghdr *m, int flags)
{
    struct entry e;
    switch (sok_table_kind(fd)) {
    case KIND_STREAM:
        return sok_stream_send(fd, m, flags);
    case KIND_DGRAM:
        return sok_table_get(fd, false, &e) ? sok_packet_send(fd, &e, m, flags) : sok_fail(EBADF);
    case KIND_LISTENER:
        if (!(flags & MSG_NOSIGNAL))
            raise(SIGPIPE);
        return sok_fail(EPIPE);
    case KIND_UNKNOWN:
    case KIND_OTHER:
        break;
    }
    return sok_k_sendmsg(fd, m, flags);
}

static ssize_t recv_any(int fd, struct msghdr *m, int flags)
{
    struct entry e;
    switch (sok_table_kind(fd)) {
    case KIND_STREAM:
        return sok_stream_recv(fd, m, flags);
    case KIND_DGRAM:
        return sok_table_get(fd, false, &e) ? sok_packet_recv(fd, &e, m, flags) : sok_fail(EBADF);
    case KIND_LISTENER:
        return sok_fail(ENOTCONN);
    case KIND_UNKNOWN:
    case KIND_OTHER:
        break;
    }
    return sok_k_recvmsg(fd, m, flags);
}

static bool ours(int fd)
{
    return sok_table_kind(fd) > KIND_OTHER;
}

// The descriptor was closed where nobody saw it, and is something else now, for read(2) and write(2) at least.
static bool is_other(int fd, ssize_t n)
{
    struct entry e;
    int saved = errno;
    if (n >= 0 || (saved != ENOTSOCK && saved != ENOTCONN) || !sok_table_get(fd, false, &e))
        return false;
    if (!sok_table_is(fd, e.cookie))
        sok_table_clear(fd, KIND_UNKNOWN);
    errno = saved;
    return !ours(fd);
}

SOK_EXPORT ssize_t read(int fd, void *data, size_t len)
{
    if (!ours(fd))
        return sok_reals()->read(fd, data, len);
    struct iovec iov = {data, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned t = sok_trace_begin(fd, "read(%d, %zu)", fd, len);
    ssize_t n = recv_any(fd, &m, 0);
    if (is_other(fd, n))
        n = sok_reals()->read(fd, data, len);
    return sok_trace_end_with(t, n, "%s", n > 0 ? sok_trace_bytes(data, (size_t)n) : "");
}

SOK_EXPORT ssize_t write(int fd, const void *data, size_t len)
{
    if (!ours(fd))
        return sok_reals()->write(fd, data, len);
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned t =
        sok_trace_begin_held(fd, "write(%d, %s, %zu)", fd, sok_trace_bytes(data, len), len);
    ssize_t n = send_any(fd, &m, 0);
    return sok_trace_end(t, is_other(fd, n) ? sok_reals()->write(fd, data, len) : n);
}

// Of a call with many buffers; else the kernel says what is wrong.
static bool pieces_there(const struct iovec *iov, int count)
{
    return count >= 0 && count <= SOK_PIECES_MAX && SOK_READS(iov, (size_t)count * sizeof(*iov));
}

SOK_EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
    if (!ours(fd) || !pieces_there(iov, count))
        return sok_reals()->readv(fd, iov, count);
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    unsigned t = sok_trace_begin(fd, "readv(%d, %d buffers)", fd, count);
    ssize_t n = recv_any(fd, &m, 0);
    return sok_trace_end(t, is_other(fd, n) ? sok_reals()->readv(fd, iov, count) : n);
}

SOK_EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
    if (!ours(fd) || !pieces_there(iov, count))
        return sok_reals()->writev(fd, iov, count);
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    unsigned t = sok_trace_begin_held(fd, "writev(%d, %s, %d buffers)", fd,
        count > 0 ? sok_trace_bytes(iov[0].iov_base, iov[0].iov_len) : "", count);
    ssize_t n = send_any(fd, &m, 0);
    return sok_trace_end(t, is_other(fd, n) ? sok_reals()->writev(fd, iov, count) : n);
}

SOK_EXPORT ssize_t sendto(int fd, const void *data, size_t len, int flags,
    const struct sockaddr *addr, socklen_t addr_len)
{
    struct entry e;
    if ((addr ? !sok_table_get(fd, true, &e) : !ours(fd)) ||
        (addr && (addr_len > SOK_NAME_MAX || !SOK_READS(addr, addr_len))) ||
        (addr && e.kind == KIND_DGRAM && sok_loopback_taken(fd, &e, addr, addr_len)))
        return sok_k_sendto(fd, data, len, flags, addr, addr_len);
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr m = {.msg_name = (void *)(uintptr_t)addr,
        .msg_namelen = addr_len,
        .msg_iov = &iov,
        .msg_iovlen = 1};
    unsigned t = sok_trace_begin_held(fd, "sendto(%d, %s, %zu%s%s)", fd, sok_trace_bytes(data, len),
        len, addr ? ", " : "", addr ? sok_calls_text_address(addr, addr_len) : "");
    return sok_trace_end(t, send_any(fd, &m, flags));
}

SOK_EXPORT ssize_t send(int fd, const void *data, size_t len, int flags)
{
    if (!ours(fd))
        return sok_k_sendto(fd, data, len, flags, NULL, 0);
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned t = sok_trace_begin_held(fd, "send(%d, %s, %zu)", fd, sok_trace_bytes(data, len), len);
    return sok_trace_end(t, send_any(fd, &m, flags));
}

SOK_EXPORT ssize_t recvfrom(
    int fd, void *data, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len)
{
    struct entry e;
    if (addr ? !sok_table_get(fd, true, &e) : !ours(fd))
        return sok_k_recvfrom(fd, data, len, flags, addr, addr_len);
    int wrong = addr ? sok_no_room(e.kind == KIND_STREAM ? NULL : addr, addr_len) : 0;
    if (wrong)
        return sok_fail(wrong);
    struct iovec iov = {data, len};
    struct msghdr m = {
        .msg_name = addr, .msg_namelen = addr ? *addr_len : 0, .msg_iov = &iov, .msg_iovlen = 1};
    unsigned t = sok_trace_begin(fd, "recvfrom(%d, %zu)", fd, len);
    ssize_t n = recv_any(fd, &m, flags);
    if (n >= 0 && addr)
        *addr_len = m.msg_namelen;
    return sok_trace_end_with(
        t, n, "%s", n > 0 ? sok_trace_bytes(data, (size_t)n < len ? (size_t)n : len) : "");
}

SOK_EXPORT ssize_t recv(int fd, void *data, size_t len, int flags)
{
    if (!ours(fd))
        return sok_k_recvfrom(fd, data, len, flags, NULL, NULL);
    struct iovec iov = {data, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned t = sok_trace_begin(fd, "recv(%d, %zu)", fd, len);
    ssize_t n = recv_any(fd, &m, flags);
    return sok_trace_end_with(
        t, n, "%s", n > 0 ? sok_trace_bytes(data, (size_t)n < len ? (size_t)n : len) : "");
}

SOK_EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct entry e;
    if (sok_table_kind(fd) == KIND_OTHER || !sok_message_to_send(m))
        return sok_k_sendmsg(fd, m, flags);
    if (m->msg_name ? !sok_table_get(fd, true, &e) : !ours(fd))
        return sok_k_sendmsg(fd, m, flags);
    if (m->msg_name && e.kind == KIND_DGRAM &&
        sok_loopback_taken(fd, &e, m->msg_name, m->msg_namelen))
        return sok_k_sendmsg(fd, m, flags);
    unsigned t = sok_trace_begin_held(fd, "sendmsg(%d, %zu buffers)", fd, m->msg_iovlen);
    return sok_trace_end(t, send_any(fd, m, flags));
}

// Descriptors that came along are looked at.
static void look_at_received(const struct msghdr *m)
{
    struct msghdr *all = (struct msghdr *)(uintptr_t)m;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(all); cm; cm = CMSG_NXTHDR(all, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
            sok_table_received(fd);
        }
    }
}

SOK_EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    if (!ours(fd)) {
        ssize_t n = sok_k_recvmsg(fd, m, flags);
        if (n >= 0 && m->msg_control && m->msg_controllen > 0)
            look_at_received(m);
        return n;
    }
    if (!sok_message_to_fill(m, sok_table_kind(fd) == KIND_DGRAM))
        return sok_fail(
            sok_can_read(m, sizeof(*m)) && m->msg_iovlen > SOK_PIECES_MAX ? EMSGSIZE : EFAULT);
    unsigned t = sok_trace_begin(fd, "recvmsg(%d)", fd);
    return sok_trace_end(t, recv_any(fd, m, flags));
}

SOK_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (!ours(fd))
        return sok_k_sendmmsg(fd, messages, count, flags);
    unsigned sent = 0;
    for (; sent < count; sent++) {
        uint32_t *len = &messages[sent].msg_len;
        ssize_t n = SOK_WRITES(len, sizeof(*len)) ? sendmsg(fd, &messages[sent].msg_hdr, flags)
                                                  : sok_fail(EFAULT);
        if (n < 0)
            break;
        messages[sent].msg_len = (unsigned)n;
    }
    return sent > 0 || count == 0 ? (int)sent : -1;
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static bool time_left(int64_t end, struct timespec *out)
{
    int64_t left = end - now();
    left = left < 0 ? 0 : left;
    *out = (struct timespec){.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    return left > 0;
}

// The time is looked at after each message only, as recvmmsg(2) has it among its bugs.
SOK_EXPORT int recvmmsg(
    int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    if (!ours(fd))
        return sok_k_recvmmsg(fd, messages, count, flags, timeout);
    unsigned got = 0;
    int once = flags & MSG_WAITFORONE, error = 0;
    int64_t end = 0;
    if (timeout && !SOK_WRITES(timeout, sizeof(*timeout)))
        return sok_fail(EFAULT);
    if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= SECOND))
        return sok_fail(EINVAL);
    if (timeout)
        end = now() + timeout->tv_sec * SECOND + timeout->tv_nsec;
    for (flags &= ~MSG_WAITFORONE; got < count; got++) {
        uint32_t *len = &messages[got].msg_len;
        ssize_t n = SOK_WRITES(len, sizeof(*len)) ? recvmsg(fd, &messages[got].msg_hdr, flags)
                                                  : sok_fail(EFAULT);
        error = n < 0 ? errno : 0;
        if (error)
            break;
        messages[got].msg_len = (unsigned)n;
        if (once)
            flags |= MSG_DONTWAIT;
        if (timeout && !time_left(end, timeout)) {
            got++;
            break;
        }
    }
    if (got > 0 && error && error != EAGAIN && error != EINTR)
        sok_packet_keep_error(fd, error); // the next call tells it
    return got > 0 || count == 0 ? (int)got : -1;
}

// The same under the names that _FORTIFY_SOURCE gives them.
ssize_t __read_chk(int fd, void *data, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room, int flags,
    struct sockaddr *addr, socklen_t *addr_len);
void __chk_fail(void) __attribute__((noreturn));

SOK_EXPORT ssize_t __read_chk(int fd, void *data, size_t len, size_t room)
{
    if (len > room)
        __chk_fail();
    return read(fd, data, len);
}

SOK_EXPORT ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags)
{
    if (len > room)
        __chk_fail();
    return recv(fd, data, len, flags);
}

SOK_EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room, int flags,
    struct sockaddr *addr, socklen_t *addr_len)
{
    if (len > room)
        __chk_fail();
    return recvfrom(fd, data, len, flags, addr, addr_len);
}

// ---- the kernel moves it ----

// sendfile() and splice() cannot be told to be silent: SIGPIPE is held back, and taken out when it came.
struct quiet {
    sigset_t before;
    bool was_pending;
};

static void quiet_begin(struct quiet *q)
{
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    q->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

static ssize_t quiet_end(int fd, const struct quiet *q, ssize_t n)
{
    int error = n < 0 ? errno : 0;
    if (error == EPIPE && !q->was_pending) {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        sigtimedwait(&pipe, NULL, &(struct timespec){0, 0});
    }
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
    if (error == EPIPE)
        error = send_error(fd);
    if (error == EPIPE)
        raise(SIGPIPE);
    return n < 0 ? sok_fail(error) : n;
}

SOK_EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
    struct quiet q;
    if (sok_table_kind(out) != KIND_STREAM)
        return sok_reals()->sendfile(out, in, offset, count);
    if (sok_table_state(out) == SOK_CALLS_CONNECTING)
        sok_stream_is_open(out);
    if (idle(out)) // its pair is full, and would be waited for
        return sok_stream_send(out, &(struct msghdr){.msg_iovlen = 0}, 0);
    unsigned t = sok_trace_begin(out, "sendfile(%d, %d, %zu)", out, in, count);
    quiet_begin(&q);
    ssize_t n = sok_reals()->sendfile(out, in, offset, count);
    return sok_trace_end(t, quiet_end(out, &q, n));
}

SOK_EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t count)
{
    return sendfile(out, in, (off_t *)offset, count);
}

SOK_EXPORT ssize_t splice(
    int in, off64_t *in_offset, int out, off64_t *out_offset, size_t count, unsigned flags)
{
    struct quiet q;
    if (sok_table_kind(out) != KIND_STREAM)
        return sok_reals()->splice(in, in_offset, out, out_offset, count, flags);
    if (idle(out))
        return sok_stream_send(out, &(struct msghdr){.msg_iovlen = 0}, 0);
    unsigned t = sok_trace_begin(out, "splice(%d, %d, %zu)", in, out, count);
    quiet_begin(&q);
    ssize_t n = sok_reals()->splice(in, in_offset, out, out_offset, count, flags);
    return sok_trace_end(t, quiet_end(out, &q, n));
}
