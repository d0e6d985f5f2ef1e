// TCP through the gateway: each connection of the client is one of the gateway's stack and one of the
// kernel's. Bytes, ends and resets are carried over both ways; neither side is acknowledged more than the
// other has room for.
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/bytes.h"
#include "link/user_internal.h"
#include "wire/icmp.h"
#include "wire/ip4.h"

#define PIECES 16
#define TURN_BYTES                                                                                 \
    (1 << 20)            // one connection moves in one direction before the others have their turn
#define KEEP_WHOLE 16384 // a read of at least this is sent from where it lies, a smaller one copied

struct sok_user_stream {
    struct sok_user_fd io;
    struct sok_tcp_conn *conn;
    struct sok_user_stream *next, *prev, *active_next;
    bool active;
    bool connecting;
    bool can_read, can_write; // as far as edges told
    bool ending;              // the kernel's side ends or has failed: read on until it says so
    bool up_done;             // the client's FIN was passed on,
    bool down_done;           // and the kernel's
    bool reset_due; // the kernel's side was reset: so is the client, behind what it is owed
    bool holding;   // counted in sok_user
};

static struct sok_sock *sock_of(struct sok_user_stream *st)
{
    return (struct sok_sock *)st->conn;
}

static void activate(struct sok_user *u, struct sok_user_stream *st)
{
    if (!st->active) {
        st->active = true;
        st->active_next = u->active;
        u->active = st;
    }
}

static void set_holding(struct sok_user *u, struct sok_user_stream *st, bool holding)
{
    u->holding += (unsigned)holding - (unsigned)st->holding;
    st->holding = holding;
}

// The connection has been dealt with. A stream on the active list is freed when its turn comes.
static void stream_free(struct sok_user *u, struct sok_user_stream *st)
{
    set_holding(u, st, false);
    if (st->io.fd >= 0)
        close(st->io.fd); // epoll forgets it
    *(st->prev ? &st->prev->next : &u->streams) = st->next;
    if (st->next)
        st->next->prev = st->prev;
    u->stream_count--;
    st->io.fd = -1;
    st->conn = NULL;
    if (!st->active)
        sok_mem_free(u->link.mem, st, sizeof(*st));
}

// Closing with a reset: the peer is not to take what it has for all there was.
static void kernel_reset(struct sok_user_stream *st)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(st->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

// ---- opening ----

// The kernel's connect failed: the client hears why, in the way a network would say it.
static void tell_failure(struct sok_user *u, struct sok_tcp_conn *conn, int why, int64_t now)
{
    struct sok_endpoint from = sok_tcp_remote(conn), to = sok_tcp_local(conn);
    bool v6 = !sok_addr_is_v4(to.addr);
    int code = sok_user_code(v6, why);
    uint8_t head[8];
    if (why == ECONNREFUSED || why == ECONNRESET) {
        sok_tcp_refuse(conn, now);
        return;
    }
    sok_put16(head, from.port);
    sok_put16(head + 2, to.port);
    sok_put32(head + 4, sok_tcp_peer_start(conn));
    if (code >= 0)
        sok_user_complain(u, NULL, &from, &to, SOK_IPPROTO_TCP, head, sok_user_unreachable(v6),
            (uint8_t)code, now);
    else if (why != ETIMEDOUT)
        u->link.lost++;
    sok_tcp_ignore(conn, now); // its next SYN tries again
}

static void connected(struct sok_user *u, struct sok_user_stream *st, int64_t now)
{
    st->connecting = false;
    st->can_read = st->can_write = true;
    sok_tcp_setopt(st->conn, SOK_TCP_NODELAY, 1, now); // the sender's Nagle has decided
    sok_tcp_admit(st->conn, now);
    activate(u, st);
}

static void stream_ready(struct sok_user *u, struct sok_user_fd *f, uint32_t events, int64_t now)
{
    struct sok_user_stream *st = SOK_CONTAINER_OF(f, struct sok_user_stream, io);
    if (!st->connecting) {
        st->can_read |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        st->can_write |= (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
        st->ending |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        activate(u, st);
        return;
    }
    int why = 0;
    socklen_t len = sizeof(why);
    getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &why, &len);
    if (why == 0 && (events & EPOLLOUT)) {
        st->ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        connected(u, st, now);
    } else if (why != 0) {
        tell_failure(u, st->conn, why, now);
        stream_free(u, st);
    }
}

// 0, or an errno.
static int dial(struct sok_user *u, struct sok_user_stream *st)
{
    struct sok_endpoint to = sok_tcp_local(st->conn);
    struct sok_user_sockaddr at = sok_user_sockaddr(&to);
    int on = 1;
    st->io.fd = socket(at.at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (st->io.fd < 0)
        return errno;
    setsockopt(st->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(st->io.fd, &at.at.any, at.len) < 0 && errno != EINPROGRESS)
        return errno;
    return sok_user_watch(u, &st->io, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) ? 0 : errno;
}

void sok_user_stream_open(struct sok_user *u, struct sok_tcp_conn *conn, int64_t now)
{
    struct sok_user_stream *st = NULL;
    struct sok_addr to = sok_tcp_local(conn).addr;
    if (sok_addr_eq(to, u->address) ||
        sok_addr_eq(to, u->address6)) { // the gateway itself offers nothing
        sok_tcp_refuse(conn, now);
        return;
    }
    if (u->stream_count < SOK_USER_STREAMS_MAX)
        st = sok_mem_zalloc(u->link.mem, sizeof(*st));
    if (!st) {
        u->link.lost++;
        sok_tcp_ignore(conn, now); // its next SYN may find room
        return;
    }
    st->io = (struct sok_user_fd){.ready = stream_ready, .fd = -1};
    st->conn = conn;
    st->connecting = true;
    st->next = u->streams;
    if (u->streams)
        u->streams->prev = st;
    u->streams = st;
    u->stream_count++;
    sock_of(st)->user = st;
    int why = dial(u, st);
    if (why != 0) {
        tell_failure(u, conn, why, now);
        stream_free(u, st);
    }
}

void sok_user_stream_changed(struct sok_user *u, struct sok_sock *sock)
{
    if (sock->user)
        activate(u, sock->user);
}

// ---- moving ----

enum moved {
    MOVED_NOTHING,
    MOVED_SOMETHING,
    MOVED_TURN_OVER,   // and there is more
    MOVED_CLIENT_LOST, // the client's connection failed
    MOVED_KERNEL_LOST, // the kernel's did
};

// From the client to the kernel.
static enum moved move_up(struct sok_user_stream *st, int64_t now)
{
    size_t done = 0;
    while (st->can_write && !st->up_done && done < TURN_BYTES) {
        struct sok_iov pieces[PIECES];
        struct iovec iov[PIECES];
        unsigned count = PIECES;
        int64_t n = sok_tcp_peek(st->conn, pieces, &count);
        if (n == SOK_EAGAIN)
            break;
        if (n < 0)
            return MOVED_CLIENT_LOST;
        if (n == 0) {
            shutdown(st->io.fd, SHUT_WR);
            st->up_done = true;
            return MOVED_SOMETHING;
        }
        for (unsigned i = 0; i < count; i++)
            iov[i] = (struct iovec){(void *)(uintptr_t)pieces[i].base, pieces[i].len};
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
        ssize_t took = sendmsg(st->io.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took < 0 && errno != EAGAIN && errno != EINTR)
            return MOVED_KERNEL_LOST;
        if (took > 0) {
            sok_tcp_consume(st->conn, (size_t)took, now);
            done += (size_t)took;
        }
        st->can_write = took == n || (took < 0 && errno == EINTR);
    }
    return done >= TURN_BYTES ? MOVED_TURN_OVER : done > 0 ? MOVED_SOMETHING : MOVED_NOTHING;
}

// Gives the client what was read into the room; a large piece is lent, not copied. False: no memory.
static bool hand_down(struct sok_user *u, struct sok_user_stream *st, uint32_t len, int64_t now)
{
    int64_t took;
    if (len >= KEEP_WHOLE) {
        took = sok_tcp_send_slice(st->conn, (struct sok_slice){u->rx, 0, len}, now);
        sok_buf_unref(u->rx);
        u->rx = NULL;
    } else {
        struct sok_iov iov = {u->rx->data, len};
        took = sok_tcp_send(st->conn, &iov, 1, now);
    }
    return took == len;
}

// From the kernel to the client.
static enum moved move_down(struct sok_user *u, struct sok_user_stream *st, int64_t now)
{
    size_t done = 0;
    enum sok_tcp_state state = sok_tcp_state(st->conn);
    if (state != SOK_TCP_ESTABLISHED && state != SOK_TCP_CLOSE_WAIT)
        return MOVED_NOTHING;
    while (st->can_read && !st->down_done && done < TURN_BYTES) {
        uint32_t room = sok_tcp_send_room(st->conn);
        uint8_t *at = room > 0 ? sok_user_room(u) : NULL;
        if (!at)
            break;
        size_t want = room < SOK_USER_READ ? room : SOK_USER_READ;
        ssize_t n = recv(st->io.fd, at, want, MSG_DONTWAIT);
        if (n == 0) {
            st->down_done = true;
            sok_tcp_shutdown(st->conn, now);
            return MOVED_SOMETHING;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return MOVED_KERNEL_LOST;
        if (n > 0 && !hand_down(u, st, (uint32_t)n, now))
            return MOVED_KERNEL_LOST; // nothing else is true to the client
        if (n < 0)
            st->can_read = errno == EINTR;
        else if ((size_t)n < want && !st->ending)
            st->can_read = false;
        done += n > 0 ? (size_t)n : 0;
    }
    return done >= TURN_BYTES ? MOVED_TURN_OVER : done > 0 ? MOVED_SOMETHING : MOVED_NOTHING;
}

// A failure that neither reading nor writing told, because both are over or wait for the client.
static bool kernel_failed(const struct sok_user_stream *st)
{
    int why = 0;
    socklen_t len = sizeof(why);
    if (!st->ending || (st->can_read && !st->down_done))
        return false;
    return getsockopt(st->io.fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 && why != 0;
}

static void client_lost(struct sok_user *u, struct sok_user_stream *st, int64_t now)
{
    kernel_reset(st);
    sok_tcp_close(st->conn, now);
    stream_free(u, st);
}

// The reset follows what the client is owed. True: it has been sent.
static bool reset_client(struct sok_user *u, struct sok_user_stream *st, int64_t now)
{
    struct sok_tcp_info info;
    st->reset_due = true;
    sok_tcp_info(st->conn, &info);
    if (info.snd_queued > 0 && info.state != SOK_TCP_CLOSED)
        return false;
    sok_tcp_abort(st->conn, now);
    stream_free(u, st);
    return true;
}

// One connection's turn. *again: it has more to move, or waits for something no edge will tell of.
static bool stream_work(struct sok_user *u, struct sok_user_stream *st, bool *again, int64_t now)
{
    if (st->connecting) {
        bool over = sok_tcp_state(st->conn) == SOK_TCP_CLOSED; // the client has given up
        if (over) {
            sok_tcp_ignore(st->conn, now);
            stream_free(u, st);
        }
        return over;
    }
    if (st->reset_due) {
        *again = !reset_client(u, st, now);
        return !*again;
    }
    enum moved down = move_down(u, st, now), up = MOVED_NOTHING;
    if (down != MOVED_KERNEL_LOST)
        up = move_up(st, now);
    bool gone = sok_tcp_state(st->conn) == SOK_TCP_CLOSED && st->up_done && !st->down_done;
    if (up == MOVED_CLIENT_LOST || gone) {
        client_lost(u, st, now);
        return true;
    }
    if (down == MOVED_KERNEL_LOST || up == MOVED_KERNEL_LOST || kernel_failed(st)) {
        *again = !reset_client(u, st, now);
        return true;
    }
    if (st->up_done && st->down_done) {
        sok_tcp_close(st->conn, now);
        stream_free(u, st);
        return true;
    }
    set_holding(u, st, !st->can_write && !st->up_done);
    *again = down == MOVED_TURN_OVER || up == MOVED_TURN_OVER;
    return down != MOVED_NOTHING || up != MOVED_NOTHING;
}

bool sok_user_streams_work(struct sok_user *u, int64_t now)
{
    struct sok_user_stream *st = u->active, *next;
    bool moved = false;
    u->active = NULL;
    for (; st; st = next) {
        bool again = false;
        next = st->active_next;
        st->active = false;
        if (!st->conn) { // over already
            sok_mem_free(u->link.mem, st, sizeof(*st));
            continue;
        }
        moved |= stream_work(u, st, &again, now);
        if (again)
            activate(u, st);
    }
    return moved;
}

// What the client did not end is not to look ended.
void sok_user_streams_free(struct sok_user *u)
{
    struct sok_user_stream *next;
    for (struct sok_user_stream *st = u->active; st; st = next) {
        next = st->active_next;
        st->active = false;
        if (!st->conn)
            sok_mem_free(u->link.mem, st, sizeof(*st));
    }
    u->active = NULL;
    while (u->streams) {
        if (!u->streams->up_done)
            kernel_reset(u->streams);
        stream_free(u, u->streams);
    }
}
