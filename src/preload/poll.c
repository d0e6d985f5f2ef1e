// poll and select: what a pair cannot say of itself. A stream that nobody connected hangs up, and can be written to
// (nothing waits for it, the call says why); an error of datagrams, which waits in the pair as a packet, is an error
// and nothing to be read. epoll asks the pair alone: it sees neither.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include "preload/preload.h"

void __chk_fail(void) __attribute__((noreturn));

// Looks again when it seems so: another process may have connected it.
static bool unconnected(int fd)
{
    struct entry e;
    return sok_table_kind(fd) == KIND_STREAM && sok_table_state(fd) == SOK_CALLS_IDLE &&
           !(sok_table_again(fd, &e) && (e.kind != KIND_STREAM || e.state != SOK_CALLS_IDLE));
}

static bool any_unconnected(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (unconnected(fds[i].fd))
            return true;
    return false;
}

// Adds what the pairs did not say. How many have something to tell.
static int correct(struct pollfd *fds, nfds_t count)
{
    struct entry e;
    int some = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct pollfd *p = &fds[i];
        if (unconnected(p->fd))
            p->revents = (short)(POLLHUP | (p->events & (POLLOUT | POLLWRNORM)));
        else if ((p->revents & POLLIN) && sok_table_kind(p->fd) == KIND_DGRAM &&
                 sok_table_get(p->fd, false, &e) && sok_packet_error_waits(p->fd, &e))
            p->revents = (short)((p->revents & ~(POLLIN | POLLRDNORM)) | POLLERR);
        some += p->revents != 0;
    }
    return some;
}

static void settle(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].events & (POLLIN | POLLRDNORM))
            sok_capture_settle(fds[i].fd);
}

static bool any_ours(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (sok_table_kind(fds[i].fd) > KIND_OTHER)
            return true;
    return false;
}

SOK_EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (!fds || !any_ours(fds, count))
        return sok_reals()->poll(fds, count, timeout);
    settle(fds, count);
    int r = sok_reals()->poll(fds, count, any_unconnected(fds, count) ? 0 : timeout);
    return r < 0 ? r : correct(fds, count);
}

SOK_EXPORT int ppoll(
    struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    static const struct timespec now = {0};
    if (!fds || !any_ours(fds, count))
        return sok_reals()->ppoll(fds, count, timeout, mask);
    settle(fds, count);
    int r = sok_reals()->ppoll(fds, count, any_unconnected(fds, count) ? &now : timeout, mask);
    return r < 0 ? r : correct(fds, count);
}

// ---- select: readable and writable is all it has for this ----

// One in either set that is not connected.
static bool sets_unconnected(int count, const fd_set *in, const fd_set *out)
{
    for (int fd = 0; in && fd < count; fd++)
        if (FD_ISSET(fd, in))
            sok_capture_settle(fd);
    for (int fd = 0; fd < count; fd++)
        if (((in && FD_ISSET(fd, in)) || (out && FD_ISSET(fd, out))) && unconnected(fd))
            return true;
    return false;
}

static int put(int count, const fd_set *wanted, fd_set *set)
{
    int more = 0;
    for (int fd = 0; wanted && fd < count; fd++) {
        if (FD_ISSET(fd, wanted) && !FD_ISSET(fd, set) && unconnected(fd)) {
            FD_SET(fd, set);
            more++;
        }
    }
    return more;
}

SOK_EXPORT int select(int count, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
    struct timeval now = {0};
    fd_set wanted_in, wanted_out;
    if (count <= 0 || count > FD_SETSIZE || !sets_unconnected(count, in, out))
        return sok_reals()->select(count, in, out, except, timeout);
    if (in)
        wanted_in = *in;
    if (out)
        wanted_out = *out;
    int r = sok_reals()->select(count, in, out, except, &now);
    return r < 0 ? r
                 : r + put(count, in ? &wanted_in : NULL, in) +
                       put(count, out ? &wanted_out : NULL, out);
}

// The same under the names that _FORTIFY_SOURCE gives them.
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask, size_t room);

SOK_EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
    if (room / sizeof(*fds) < count)
        __chk_fail();
    return poll(fds, count, timeout);
}

SOK_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask, size_t room)
{
    if (room / sizeof(*fds) < count)
        __chk_fail();
    return ppoll(fds, count, timeout, mask);
}
