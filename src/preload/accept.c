// accept: the host has put the connection into the listener's pair already, with its descriptor.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "calls/descriptor.h"
#include "preload/preload.h"

// The listener's pair has ended: another thread shut it down, unless the host is gone.
static int why_gone(void)
{
    struct call c = {.op = SOK_CALLS_LOOK};
    return sok_ask(&c) == -ENETDOWN ? ENETDOWN : EINVAL;
}

// 0 or -errno.
static int take(int fd, bool cloexec, struct sok_calls_accepted *record, int *taken)
{
    union sok_one_descriptor control;
    struct iovec iov = {record, sizeof(*record)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_room(&control, &m);
    ssize_t n = sok_k_recvmsg(fd, &m, cloexec ? MSG_CMSG_CLOEXEC : 0);
    if (n < 0)
        return errno == ECONNRESET ? -why_gone() : -errno;
    if (n == 0) // the host is gone, or another thread shut the listener down
        return -EINVAL;
    *taken = n == (ssize_t)sizeof(*record) ? sok_one_descriptor_get(&m) : -1;
    if (*taken < 0)
        return m.msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
    sok_k_sendto(*taken, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0); // see sok_bridge_given()
    return 0;
}

static int do_accept(
    int fd, const struct entry *e, struct sockaddr *addr, socklen_t *len, int flags)
{
    struct sok_calls_accepted record;
    int taken = -1;
    if (e->kind == KIND_DGRAM)
        return sok_fail(EOPNOTSUPP);
    struct entry now;
    if (e->kind == KIND_STREAM && e->state == SOK_CALLS_IDLE && sok_table_again(fd, &now))
        e = &now; // a child has called listen()
    if (e->kind != KIND_LISTENER || (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)))
        return sok_fail(EINVAL);
    int wrong = addr ? sok_no_room(addr, len) : 0; // the kernel says so when the connection is lost
    if (wrong)
        return sok_fail(wrong);
    // With no room for a descriptor the connection must stay where it is.
    int room = sok_reals()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (room < 0)
        return -1;
    sok_reals()->close(room);
    int r = take(fd, flags & SOCK_CLOEXEC, &record, &taken);
    if (r < 0)
        return sok_fail(-r);
    struct entry made = {
        .cookie = record.cookie,
        .kind = KIND_STREAM,
        .state = SOK_CALLS_OPEN,
        .bound = true,
        .connected = true,
        .domain = e->domain,
        .type = e->type,
        .protocol = e->protocol,
        .linger_s = e->linger_s,
        .name_len = record.name_len,
        .peer_len = record.peer_len,
        .epolls = {{.epfd = -1}, {.epfd = -1}},
    };
    memcpy(made.name, record.name, sizeof(made.name));
    memcpy(made.peer, record.peer, sizeof(made.peer));
    if (flags & SOCK_NONBLOCK)
        sok_reals()->fcntl(taken, F_SETFL, O_RDWR | O_NONBLOCK);
    sok_table_set(taken, &made);
    if (addr)
        sok_address_out(addr, len, record.peer, record.peer_len);
    return taken;
}

SOK_EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e)) {
        int taken = sok_k_accept4(fd, addr, len, flags);
        if (taken >= 0)
            sok_table_clear(taken, KIND_OTHER);
        return taken;
    }
    unsigned t = sok_trace_begin(fd, "accept(%d)", fd);
    int r = do_accept(fd, &e, addr, len, flags);
    return (int)sok_trace_end_with(
        t, r, "%s", r >= 0 && addr ? sok_calls_text_address(addr, *len) : "");
}

SOK_EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return accept4(fd, addr, len, 0);
}
