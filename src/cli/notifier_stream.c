// Calls that move data on streams. The kernel does them on the pair, but for what a pair does otherwise than TCP:
// TCP looks neither at an address nor at control messages, has no queue of errors, and a connection that was
// broken says why, once and without a signal, before it says EPIPE.
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include "cli/notifier_internal.h"

static bool is_send(int nr)
{
    return nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static int flags_of(const struct sok_notified *n)
{
    return (int)n->args[n->nr == SYS_sendmsg || n->nr == SYS_recvmsg ? 2 : 3];
}

// ---- sent from here ----

static void finish(struct sok_supervisor *s, struct sok_notified *n, int64_t value)
{
    sok_notified_answer(s, n, n->done > 0 ? (int64_t)n->done : value);
}

// True: it was too much for now, and is waited for.
static bool waits(struct sok_supervisor *s, struct sok_notified *n, sok_notified_next *next)
{
    if (errno != EAGAIN || n->flags & O_NONBLOCK || flags_of(n) & MSG_DONTWAIT)
        return false;
    sok_notified_wait(s, n, EPOLLOUT, SO_SNDTIMEO, next);
    return true;
}

// sendto() with an address.
static void send_bytes(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    (void)unused;
    n->once = true;
    while (n->done < n->args[2]) {
        size_t rest = (size_t)(n->args[2] - n->done);
        size_t len = rest < SOK_PACKET_BYTES ? rest : SOK_PACKET_BYTES;
        int error = sok_target_read(n->tid, n->args[1] + n->done, s->packet.bytes, len);
        ssize_t r = error ? -1 : send(n->fd, s->packet.bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r < 0 && !error && waits(s, n, send_bytes))
            return;
        if (r < 0) {
            finish(s, n, error ? error : -errno);
            return;
        }
        n->done += (uint64_t)r;
    }
    finish(s, n, 0);
}

// sendmsg() with something beside the bytes; of very many only the first, which stream sockets may always do.
static void send_message(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct msghdr m;
    (void)unused;
    n->once = true;
    ssize_t len = sok_target_read(n->tid, n->args[1], &m, sizeof(m));
    if (len == 0)
        len = sok_target_gather(n->tid, &m, s->packet.bytes, sizeof(s->packet.bytes));
    if (len < 0) {
        sok_notified_answer(s, n, len);
        return;
    }
    ssize_t r = send(n->fd, s->packet.bytes, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r >= 0 || !waits(s, n, send_message))
        sok_notified_answer(s, n, r < 0 ? -errno : r);
}

static bool has_more_than_bytes(const struct sok_notified *n)
{
    struct msghdr m;
    return n->nr == SYS_sendmsg && sok_target_read(n->tid, n->args[1], &m, sizeof(m)) == 0 &&
           (m.msg_name || m.msg_control);
}

// ---- why it is broken ----

static void answered_reason(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    int32_t r = answer->result;
    if (r == 0 || r == -ENETDOWN || r == -ENOTSOCK) // no more is known than what the pair said
        r = -ECONNRESET;
    if (r != -EPIPE)
        sok_notified_answer(s, n, r);
    else if (is_send(n->nr)) // with its signal
        sok_notified_continue(s, n);
    else // the end was there before the reset
        sok_notified_answer(s, n, 0);
}

// The pair has an error, and nothing to read before it. It is taken: this call tells it.
static bool broken(const struct sok_notified *n)
{
    int pending = 0;
    socklen_t len = sizeof(pending);
    char byte;
    if (!is_send(n->nr))
        return recv(n->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    return getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &pending, &len) == 0 && pending == ECONNRESET;
}

// ---- which way ----

static void move(struct sok_supervisor *s, struct sok_notified *n)
{
    struct sok_calls_request why = {.op = SOK_CALLS_ERROR};
    if (broken(n)) {
        n->once = true;
        sok_host_ask(s, n, &why, NULL, answered_reason);
    } else if (n->nr == SYS_sendto) {
        send_bytes(s, n, NULL);
    } else if (has_more_than_bytes(n)) {
        send_message(s, n, NULL);
    } else {
        sok_notified_continue(s, n);
    }
}

// A pair is connected from the beginning, a stream is not.
static void answered_opened(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {.state = SOK_CALLS_OPEN};
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    n->known.used = socket.state == SOK_CALLS_OPEN;
    sok_known_keep(s, &n->known);
    bool not_yet = socket.kind == SOK_CALLS_LISTENER ||
                   (socket.kind == SOK_CALLS_STREAM && socket.state == SOK_CALLS_IDLE);
    if (not_yet)
        sok_notified_answer(s, n, is_send(n->nr) ? -EPIPE : -ENOTCONN);
    else
        move(s, n);
}

void sok_call_stream(struct sok_supervisor *s, struct sok_notified *n)
{
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK};
    bool out = is_send(n->nr);
    int flags = flags_of(n);
    if (flags & MSG_OOB)
        sok_notified_answer(s, n, out ? -EOPNOTSUPP : -EINVAL);
    else if (flags & MSG_ERRQUEUE && !out)
        sok_notified_answer(s, n, -EAGAIN);
    else if (!n->known.used && !n->known.grown)
        sok_host_ask(s, n, &look, NULL, answered_opened);
    else
        move(s, n);
}
