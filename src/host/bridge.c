// A stream as a real file descriptor: the program holds one end of an AF_UNIX socket pair, the bridge
// moves bytes between the other end and the connection.
//
// What the program sees:
//   POLLOUT stays low until the handshake is done, since its direction is kept full with filler; draining
//     that raises it, also for edge-triggered epoll.
//   The peer's FIN reads as the end of the stream (our end is shut down); the program's shutdown becomes
//     a FIN, its close a CLOSE, its close with bytes unread a reset, as with the kernel's sockets.
//   A reset (and every other error: sok_host_stream_error has which) reads as ECONNRESET: the kernel says so on a broken pair when bytes of the program are still
//     unread on our side. So one byte at least is always left unread (`passed`: at first a filler, then
//     what was forwarded last) and taken out only before a clean close.
// Back-pressure is the pair's and the connection's own: nothing is read that cannot be passed on.
// A socket that is not connected yet has a bridge too, when its descriptor is asked for that early
// (bridge.h): it looks as while connecting.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/bridge.h"
#include "host/host.h"
#include "host/intake.h"

#define PAIR_BUFFER (4 << 20) // asked for; the kernel gives what it allows
#define SMALL_BUFFER                                                                               \
    8192             // while connecting; writable again with the one packet of filler that stays
#define ROUNDS_MAX 1 // moves per direction in one pump: bridges share the host, and the caches

struct sok_bridge {
    struct sok_loop_fd lf; // first; our end of the pair
    struct sok_socket *s;
    int program_fd;                       // kept while connecting, to enlarge its buffer; else -1
    const struct sok_bridge_hooks *hooks; // NULL: nobody wants to know
    void *ctx;
    struct sok_intake intake;
    bool connecting;          // or not even that
    bool to_program_done;     // the peer's FIN was passed on
    bool from_program_done;   // FIN was passed on
    bool can_read, can_write; // not refused since epoll last said so
    bool shut;                // the program shut down its sending
    bool hung_up;             // the program closed
    bool deaf;                // the program shut down its receiving: bytes are thrown away
    bool held;                // by sok_bridge_hold()
    bool untaken;             // by sok_bridge_given()
    bool active;
    struct sok_bridge *next, *prev;                // all
    struct sok_bridge *active_next, **active_prev; // those with something to move
};

static void activate(struct sok_bridge *b)
{
    struct sok_host *host = b->s->host;
    if (b->active)
        return;
    b->active = true;
    b->active_next = host->bridges_active;
    b->active_prev = &host->bridges_active;
    if (b->active_next)
        b->active_next->active_prev = &b->active_next;
    host->bridges_active = b;
}

static void deactivate(struct sok_bridge *b)
{
    if (!b->active)
        return;
    b->active = false;
    *b->active_prev = b->active_next;
    if (b->active_next)
        b->active_next->active_prev = b->active_prev;
}

static void conn_changed(void *ctx, struct sok_socket *s)
{
    (void)s;
    activate(ctx);
}

static void pair_ready(struct sok_loop_fd *lf, uint32_t events)
{
    struct sok_bridge *b = (struct sok_bridge *)lf;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        b->can_read = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        b->can_write = true;
    if (events & EPOLLRDHUP)
        b->shut = true;
    if (events & (EPOLLHUP | EPOLLERR))
        b->shut = b->hung_up = true;
    activate(b);
}

// Out of the host; its end of the pair and the socket stay.
static void unlink_bridge(struct sok_bridge *b)
{
    struct sok_host *host = b->s->host;
    deactivate(b);
    if (b->prev)
        b->prev->next = b->next;
    else
        host->bridges = b->next;
    if (b->next)
        b->next->prev = b->prev;
    sok_loop_remove(host->loop, &b->lf);
    if (b->program_fd >= 0)
        close(b->program_fd);
}

// Frees the bridge; the connection is closed, aborted, or already gone with its error.
static void bridge_end(struct sok_bridge *b, bool abort, bool program_reset)
{
    struct sok_host *host = b->s->host;
    unlink_bridge(b);
    sok_intake_end(&b->intake, host, b->lf.fd);
    if (b->hooks)
        b->hooks->ended(b->ctx, program_reset && !b->hung_up ? host->stream_error : 0);
    if (!program_reset) {
        // Nothing unread: the program reads a clean end.
        while (recv(b->lf.fd, host->scratch, SOK_HOST_SCRATCH, MSG_DONTWAIT) > 0)
            continue;
    }
    close(b->lf.fd);
    if (abort)
        sok_abort(b->s);
    else
        sok_close(b->s);
    free(b);
}

// Sets a buffer as large as allowed.
static void set_buffer(int fd, int option, int force_option, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, force_option, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

// The handshake is over: room for the program, and its filler goes, but for the byte left unread.
static void connected(struct sok_bridge *b)
{
    b->connecting = false;
    if (b->program_fd >= 0) {
        set_buffer(b->program_fd, SO_SNDBUF, SO_SNDBUFFORCE, PAIR_BUFFER);
        close(b->program_fd);
        b->program_fd = -1;
    }
    int queued = 0;
    ioctl(b->lf.fd, FIONREAD, &queued);
    while (queued > 1) {
        ssize_t n = recv(b->lf.fd, b->s->host->scratch, (size_t)queued - 1, MSG_DONTWAIT);
        if (n <= 0)
            break;
        queued -= (int)n;
    }
    b->intake.passed = 1;
    b->can_read = b->can_write = true;
    if (b->hooks)
        b->hooks->opened(b->ctx);
}

// ---- from the connection to the program ----

static ssize_t write_pair(int fd, struct iovec *iov, unsigned count)
{
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = count};
    if (count == 1)
        return send(fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Bytes moved; 0: nothing to move or no room; negative: the connection's error.
static int64_t move_in(struct sok_bridge *b, int64_t now)
{
    struct iovec iov[16];
    struct sok_tcp_conn *c = sok_socket_conn(b->s);
    unsigned count = 16;
    int64_t bytes = sok_tcp_peek(c, (struct sok_iov *)iov, &count);
    if (bytes < 0)
        return bytes == SOK_EAGAIN ? 0 : bytes;
    if (bytes == 0) {
        if (b->s->sock->ready & SOK_READY_IN) {
            shutdown(b->lf.fd, SHUT_WR);
            b->to_program_done = true;
        }
        return 0;
    }
    ssize_t n = b->deaf ? bytes : write_pair(b->lf.fd, iov, count);
    if (n < 0) {
        b->can_write = false;
        if (errno != EAGAIN) {
            b->deaf = true; // shut for reading, or closed: hung_up tells which
            b->can_write = true;
        }
        return 0;
    }
    if (n < bytes)
        b->can_write = false;
    sok_tcp_consume(c, (size_t)n, now);
    return n;
}

// ---- from the program to the connection ----

static int64_t move_out(struct sok_bridge *b, int64_t now)
{
    struct sok_tcp_conn *c = sok_socket_conn(b->s);
    bool empty, shut = b->shut; // asked before the queue is looked at: no byte comes after
    int64_t r = sok_intake_move(&b->intake, b->s->host, b->lf.fd, c, now, &empty);
    if (!empty || (shut && r != 0))
        return r;
    if (shut) {
        sok_tcp_shutdown(c, now);
        b->from_program_done = true;
    }
    b->can_read = false;
    return r;
}

// ---- all of it ----

static bool program_reset_us(struct sok_bridge *b)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(b->lf.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error == ECONNRESET || b->intake.reset;
}

// The program has closed its end: as the kernel would, a reset when it left bytes unread, else what it
// wrote is still delivered.
static bool handle_hang_up(struct sok_bridge *b)
{
    if (b->to_program_done && !b->from_program_done)
        return false; // both directions shut looks the same; move_out() ends it
    if (program_reset_us(b)) {
        bridge_end(b, true, true);
        return true;
    }
    if (!b->from_program_done)
        return false;
    bridge_end(b, false, false);
    return true;
}

// A pair can only tell of a reset.
static void note_error(struct sok_bridge *b, int error)
{
    int64_t pending = 0;
    if (error == 0)
        sok_getsockopt(b->s, SOK_OPT_ERROR, &pending);
    error = error ? error : (int)pending;
    // After the peer's FIN a reset is only about what we send (as tcp_reset() of Linux says it).
    b->s->host->stream_error = error == SOK_ERESET && b->to_program_done ? SOK_EPIPE : error;
}

int sok_host_stream_error(const struct sok_host *host)
{
    return host->stream_error;
}

// Nothing was asked of the socket yet, but the program may close it.
static unsigned pump_idle(struct sok_bridge *b)
{
    deactivate(b);
    if (!b->hung_up)
        return 0;
    bridge_end(b, false, true);
    return 1;
}

// Behind the byte that is left in the pair the one that says that it was taken.
static void see_taken(struct sok_bridge *b)
{
    int queued = 0;
    uint8_t mark;
    if (ioctl(b->lf.fd, FIONREAD, &queued) == 0 && queued > 1)
        b->untaken = recv(b->lf.fd, &mark, 1, MSG_DONTWAIT) != 1;
}

// What ICMP says of an open connection ends nothing (RFC 9293 section 3.9.2.2), and a pair has no way to tell it.
static void pass_over_news(const struct sok_bridge *b)
{
    struct sok_tcp_conn *c = sok_socket_conn(b->s);
    if (b->s->sock->ready & SOK_READY_ERROR && sok_tcp_state(c) != SOK_TCP_CLOSED)
        sok_tcp_error(c);
}

static unsigned pump(struct sok_bridge *b, int64_t now)
{
    if (b->held && b->hung_up) {
        deactivate(b);
        return 0;
    }
    if (!sok_socket_conn(b->s) || (b->connecting && b->hung_up))
        return pump_idle(b);
    if (b->untaken)
        see_taken(b);
    if (b->untaken && b->hung_up) {
        bridge_end(b, true, true);
        return 1;
    }
    unsigned moves = 0;
    int64_t in = 0, out = 0;
    pass_over_news(b);
    unsigned ready = b->s->sock->ready;
    if (b->connecting) {
        if (!(ready & (SOK_READY_OUT | SOK_READY_ERROR | SOK_READY_HUP))) {
            deactivate(b);
            return 0;
        }
        if (!(ready & SOK_READY_ERROR))
            connected(b);
    }
    if (ready & SOK_READY_ERROR) {
        // What arrived before the error is passed on, as far as there is room.
        while (!b->connecting && !b->to_program_done && b->can_write && (in = move_in(b, now)) > 0)
            continue;
        note_error(b, in < 0 ? (int)in : 0);
        bridge_end(b, false, true);
        return 1;
    }
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        bool deliver = b->can_write && !b->to_program_done && !b->hung_up;
        in = deliver ? move_in(b, now) : 0;
        // Until it is taken, what comes first is the mark: see_taken() alone may read.
        bool listen = b->can_read && !b->held && !b->untaken && !b->from_program_done;
        out = listen ? move_out(b, now) : 0;
        moves += (in > 0) + (out > 0);
        if (in <= 0 && out <= 0)
            break;
    }
    if (in < 0 || (out < 0 && out != SOK_EAGAIN)) {
        note_error(b, (int)(in < 0 ? in : out));
        bool lost = out == SOK_EIO ||
                    out == SOK_ENOMEM; // bytes of the program: not a clean end for the peer
        bridge_end(b, lost, true);
        return moves + 1;
    }
    if (b->hung_up && handle_hang_up(b))
        return moves + 1;
    if (b->to_program_done && b->from_program_done) {
        bridge_end(b, false, false);
        return moves + 1;
    }
    bool more_in = in > 0 && b->can_write && (b->s->sock->ready & SOK_READY_IN);
    if (!more_in && !(out > 0 && b->can_read))
        deactivate(b);
    return moves;
}

unsigned sok_bridges_pump(struct sok_host *host, int64_t now)
{
    unsigned moves = 0;
    struct sok_bridge *b = host->bridges_active;
    while (b) {
        struct sok_bridge *next = b->active_next;
        moves += pump(b, now);
        b = next;
    }
    return moves;
}

void sok_bridges_free(struct sok_host *host)
{
    while (host->bridges)
        bridge_end(host->bridges, true, true);
}

// Makes the program's direction full: it polls writable only when this is read. Sent from the program's
// end, before the program has it.
static void fill(int program_fd)
{
    static const uint8_t filler[256];
    while (send(program_fd, filler, sizeof(filler), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
}

static int prepare_pair(struct sok_bridge *b, int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sok_from_errno(errno);
    set_buffer(pair[1], SO_SNDBUF, SO_SNDBUFFORCE, PAIR_BUFFER);
    if (b->connecting) {
        int small = SMALL_BUFFER;
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        fill(pair[0]);
    } else {
        set_buffer(pair[0], SO_SNDBUF, SO_SNDBUFFORCE, PAIR_BUFFER);
        send(pair[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return 0;
}

static int open_bridge(struct sok_socket *s, bool keep_program_fd, struct sok_bridge **out)
{
    const struct sok_tcp_conn *c = sok_socket_conn(s);
    struct sok_bridge *b = calloc(1, sizeof(*b));
    if (!b)
        return SOK_ENOMEM;
    int pair[2];
    b->s = s;
    b->program_fd = -1;
    b->intake.passed = 1; // filler
    b->connecting = !c || sok_tcp_state(c) == SOK_TCP_SYN_SENT;
    b->can_read = b->can_write = true;
    b->lf.ready = pair_ready;
    int r = prepare_pair(b, pair);
    if (r < 0)
        goto fail;
    if (b->connecting && keep_program_fd)
        b->program_fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    r = sok_loop_add(s->host->loop, &b->lf, pair[1], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    if (r < 0) {
        close(pair[0]);
        close(pair[1]);
        goto fail;
    }
    b->next = s->host->bridges;
    if (b->next)
        b->next->prev = b;
    s->host->bridges = b;
    sok_socket_notify(s, conn_changed, b);
    activate(b);
    *out = b;
    return pair[0];
fail:
    if (b->program_fd >= 0)
        close(b->program_fd);
    free(b);
    return r;
}

int sok_socket_fd(struct sok_socket *s)
{
    struct sok_bridge *b;
    if (!sok_socket_conn(s))
        return s->type == SOK_STREAM ? SOK_ENOTCONN : SOK_EOPNOTSUPP;
    return open_bridge(s, true, &b);
}

int sok_bridge_open(struct sok_socket *s, struct sok_bridge **out)
{
    return open_bridge(s, false, out);
}

void sok_bridge_tell(struct sok_bridge *b, const struct sok_bridge_hooks *hooks, void *ctx)
{
    b->hooks = hooks;
    b->ctx = ctx;
}

struct sok_socket *sok_bridge_socket(const struct sok_bridge *b)
{
    return b->s;
}

int sok_bridge_pair(const struct sok_bridge *b)
{
    return b->lf.fd;
}

bool sok_bridge_connecting(const struct sok_bridge *b)
{
    return b->connecting;
}

uint32_t sok_bridge_unsent(const struct sok_bridge *b)
{
    int bytes = 0;
    if (b->connecting || ioctl(b->lf.fd, FIONREAD, &bytes) < 0)
        return 0;
    uint32_t waiting = (uint32_t)bytes;
    waiting -= waiting < b->intake.passed ? waiting : b->intake.passed;
    return waiting + b->intake.lent.len;
}

void sok_bridge_pump(struct sok_bridge *b)
{
    activate(b);
}

void sok_bridge_hold(struct sok_bridge *b, bool held)
{
    b->held = held;
    activate(b);
}

void sok_bridge_given(struct sok_bridge *b)
{
    b->untaken = true;
}

void sok_bridge_drop(struct sok_bridge *b)
{
    b->hung_up = true;
    bridge_end(b, false, true);
}

int sok_bridge_take(struct sok_bridge *b)
{
    int fd = b->lf.fd;
    sok_socket_notify(b->s, NULL, NULL);
    unlink_bridge(b);
    sok_intake_end(&b->intake, b->s->host, fd);
    free(b);
    return fd;
}
