// A program that listens: its descriptor is one end of a pair, and what comes over it are connections, each
// a record and a descriptor. They are handed over ahead of accept(), so that the descriptor polls readable
// and accept() asks nobody; those that were not taken yet count in the backlog all the same.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <unistd.h>
#include "base/container.h"
#include "calls/descriptor.h"
#include "service/internal.h"

#define AHEAD_MAX 32 // records that wait in the pair; its buffer never keeps us from writing so few

// What of the pair's buffer is not read yet.
static int unread(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

static bool send_record(int pair, const struct sok_calls_accepted *record, int fd)
{
    union sok_one_descriptor control;
    struct iovec iov = {(void *)(uintptr_t)record, sizeof(*record)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, fd);
    return sendmsg(pair, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*record);
}

// What one record takes of a pair's buffer: tried once, in a pair that nobody reads.
static int record_size(struct sok_service *v)
{
    const struct sok_calls_accepted none = {.cookie = 0};
    int pair[2];
    if (v->record_size == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        if (send_record(pair[0], &none, pair[1]))
            v->record_size = unread(pair[0]);
        close(pair[0]);
        close(pair[1]);
    }
    return v->record_size > 0 ? v->record_size : 1;
}

static void count_taken(struct served *e)
{
    e->pushed = (unsigned)(unread(e->lf.fd) / record_size(e->service));
}

// The connection goes with its descriptor when it cannot be handed over: nobody has it then.
static void hand_over(struct served *e, struct sok_socket *s)
{
    struct sok_endpoint name, peer;
    int fd = -1;
    sok_getsockname(s, &name);
    sok_getpeername(s, &peer);
    const struct served *made = sok_serve_accepted(e->service, e, s, &fd);
    if (!made)
        return;
    struct sok_calls_accepted record = {.cookie = made->cookie};
    record.peer_len = sok_sockaddr_put(e->posix.domain, &peer, record.peer);
    record.name_len = sok_sockaddr_put(e->posix.domain, &name, record.name);
    if (send_record(e->lf.fd, &record, fd))
        e->pushed++;
    close(fd);
}

static void leave_room(const struct served *e)
{
    sok_tcp_listener_backlog(
        (struct sok_tcp_listener *)e->s->sock, e->backlog > e->pushed ? e->backlog - e->pushed : 0);
}

static void push(struct served *e)
{
    struct sok_socket *s;
    unsigned ahead = e->backlog < AHEAD_MAX ? e->backlog : AHEAD_MAX;
    count_taken(e);
    leave_room(e); // those that waited for it come now
    while (e->pushed < ahead && sok_accept(e->s, &s) == 0)
        hand_over(e, s);
    leave_room(e);
}

static void somebody_connects(void *ctx, struct sok_socket *s)
{
    (void)s;
    push(ctx);
}

static void pair_ready(struct sok_loop_fd *lf, uint32_t events)
{
    struct served *e = SOK_CONTAINER_OF(lf, struct served, lf);
    if (events & (EPOLLHUP | EPOLLERR)) {
        sok_served_free(e);
        return;
    }
    if (e->s)
        push(e);
}

// A stream socket becomes a listener: its bridge goes, its pair stays.
static int become_listener(struct served *e)
{
    struct sok_loop *loop = e->service->host->loop;
    e->s = sok_bridge_socket(e->bridge);
    int fd = sok_bridge_take(e->bridge);
    e->bridge = NULL;
    e->kind = SOK_CALLS_LISTENER;
    e->posix.listens = true;
    e->lf.ready = pair_ready;
    int r = sok_loop_add(loop, &e->lf, fd, EPOLLIN | EPOLLOUT | EPOLLET);
    if (r < 0) {
        e->lf.fd = -1;
        close(fd);
    }
    return r;
}

int32_t sok_serve_listen(struct served *e, int backlog)
{
    struct sok_socket *s = sok_served_socket(e);
    if (!s || e->posix.type != SOCK_STREAM)
        return s ? -EOPNOTSUPP : -EINVAL;
    unsigned most = backlog < 0 || backlog > 4096 ? 4096 : (unsigned)backlog;
    bool first = e->kind != SOK_CALLS_LISTENER;
    int r = sok_listen(s, (int)most + 1); // as Linux, which is full above the backlog
    if (r < 0)
        return -sok_errno(r);
    e->backlog = most + 1;
    if (first)
        r = become_listener(e);
    if (r < 0)
        return -sok_errno(r);
    sok_socket_notify(s, somebody_connects, e);
    push(e);
    return 0;
}
