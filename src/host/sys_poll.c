// Readiness as poll(2) tells it, of descriptors of one host.
#include "host/sys.h"

static short stream_events(const struct sok_sys_file *f)
{
    struct sok_sys_stream in;
    const struct sok_tcp_conn *c = sok_socket_conn(f->s);
    unsigned ready = sok_socket_ready(f->s);
    uint32_t least =
        (uint32_t)(f->posix.values[VALUE_RCVLOWAT] ? f->posix.values[VALUE_RCVLOWAT] : 1);
    short events = 0;
    if (f->posix.listens)
        return ready & SOK_POLL_IN ? POLLIN | POLLRDNORM : 0;
    if (!c)
        return POLLOUT | POLLWRNORM | POLLHUP;
    sok_sys_stream(f, &in);
    bool closed = sok_tcp_state(c) == SOK_TCP_CLOSED;
    bool taken = f->urgent_taken && f->urgent_at == in.urgent_at;
    if (in.urgent == 1 && !f->posix.values[VALUE_OOBINLINE])
        least++; // the urgent byte is not read as others are
    if (in.urgent > 0 && in.urgent <= in.queued && !taken)
        events |= POLLPRI;
    if (in.over || f->read_over)
        events |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (in.queued >= least)
        events |= POLLIN | POLLRDNORM;
    if (ready & SOK_POLL_OUT || f->write_over)
        events |= POLLOUT | POLLWRNORM;
    if (ready & SOK_POLL_ERROR)
        events |= POLLERR;
    if (closed || (f->write_over && (in.over || f->read_over)))
        events |= POLLHUP;
    return events;
}

static short datagram_events(const struct sok_sys_file *f)
{
    unsigned ready = sok_socket_ready(f->s);
    struct sok_sock_about about = {.held = 0};
    short events = 0;
    if (f->s->sock)
        sok_stack_about(f->s->sock, &about);
    if (f->held || about.held > 0)
        events |= POLLIN | POLLRDNORM;
    if (f->read_over)
        events |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (!f->s->sock || ready & SOK_POLL_OUT)
        events |= POLLOUT | POLLWRNORM;
    if (f->error || ready & SOK_POLL_ERROR)
        events |= POLLERR;
    if (f->read_over && f->write_over)
        events |= POLLHUP;
    return events;
}

short sok_sys_events(struct sok_sys_file *f)
{
    return sok_sys_is_stream(f) ? stream_events(f) : datagram_events(f);
}

static int count_ready(struct sok_host *host, struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct sok_sys_file *f = fds[i].fd < 0 ? NULL : sok_sys_file(host, fds[i].fd);
        int always = POLLERR | POLLHUP | POLLNVAL;
        fds[i].revents = (short)(fds[i].fd < 0 ? 0
                                 : f           ? sok_sys_events(f) & (fds[i].events | always)
                                               : POLLNVAL);
        ready += fds[i].revents != 0;
    }
    return ready;
}

int sok_sys_poll(struct sok_host *host, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!host || count > SOK_SYS_FILES_MAX)
        return (int)sok_sys_result(-EINVAL);
    if (!fds && count > 0)
        return (int)sok_sys_result(-EFAULT);
    sok_host_mine(host);
    int64_t end = sok_host_now(host) + (int64_t)timeout_ms * 1000000;
    if (timeout_ms < 0)
        end = INT64_MAX;
    for (;;) {
        sok_sys_take_in(host);
        int ready = count_ready(host, fds, count);
        if (ready > 0 || timeout_ms == 0)
            return ready;
        int r = sok_sys_sleep(host, end);
        if (r < 0)
            return r == -EAGAIN ? 0 : (int)sok_sys_result(r);
    }
}
