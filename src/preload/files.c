// close, dup, fcntl: the table follows the descriptors. Doors and channels are not the program's to close.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>
#include "preload/preload.h"

// ---- close ----

static bool all_acknowledged(const struct entry *e)
{
    struct tcp_info info;
    struct call c = {.op = SOK_CALLS_GETOPT,
        .cookie = e->cookie,
        .a = IPPROTO_TCP,
        .b = TCP_INFO,
        .c = sizeof(info),
        .reply = &info,
        .reply_max = sizeof(info)};
    if (sok_ask(&c) < (int)sizeof(info))
        return true;
    return info.tcpi_state == TCP_FIN_WAIT2 || info.tcpi_state == TCP_TIME_WAIT ||
           info.tcpi_state == TCP_CLOSE;
}

// SO_LINGER with a time: close() waits until all is acknowledged, or the time is over and the peer is reset.
static void linger(int fd, const struct entry *e)
{
    struct timespec pause = {0, 1000000};
    if (e->kind != KIND_STREAM || (sok_reals()->fcntl(fd, F_GETFL) & O_NONBLOCK))
        return;
    sok_k_shutdown(fd, SHUT_WR);
    if (sok_tracing)
        sok_trace_go(); // or the host would wait for the end of this call
    for (int64_t ms = 0; ms < (int64_t)e->linger_s * 1000; ms++) {
        if (all_acknowledged(e))
            return;
        nanosleep(&pause, NULL);
    }
    struct linger now = {1, 0};
    struct call c = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = SOL_SOCKET,
        .b = SO_LINGER,
        .bytes = &now,
        .len = sizeof(now)};
    sok_ask(&c);
}

SOK_EXPORT int close(int fd)
{
    struct entry e;
    if (sok_channel_is_ours(fd) || sok_lend_is_ours(fd))
        return sok_fail(EBADF); // as if it were not there
    if (sok_table_kind(fd) <= KIND_OTHER) {
        sok_table_clear(fd, KIND_UNKNOWN);
        return sok_reals()->close(fd);
    }
    unsigned t = sok_trace_begin_held(fd, "close(%d)", fd);
    if (sok_table_get(fd, false, &e) && e.linger_s > 0)
        linger(fd, &e);
    sok_table_clear(fd, KIND_UNKNOWN);
    return (int)sok_trace_end(t, sok_reals()->close(fd));
}

// The ranges between our own descriptors.
static int close_between(unsigned first, unsigned last, int flags)
{
    int r = 0;
    unsigned top = last < 65536 ? last : 65536;
    unsigned from = first;
    for (unsigned fd = first; fd <= top && r == 0; fd++) {
        if (!sok_channel_is_ours((int)fd) && !sok_lend_is_ours((int)fd))
            continue;
        if (fd > from)
            r = sok_reals()->close_range(from, fd - 1, flags);
        from = fd + 1;
    }
    if (r == 0 && from <= last)
        r = sok_reals()->close_range(from, last, flags);
    return r;
}

SOK_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    unsigned top = last < 65536 ? last : 65536;
    if (first > last || !sok_reals()->close_range)
        return sok_fail(first > last ? EINVAL : ENOSYS);
    int r = close_between(first, last, flags);
    if (r == 0 && !(flags & CLOSE_RANGE_CLOEXEC))
        for (unsigned fd = first; fd <= top; fd++)
            sok_table_clear((int)fd, KIND_UNKNOWN);
    return r;
}

SOK_EXPORT void closefrom(int first)
{
    close_range(first > 0 ? (unsigned)first : 0, ~0U, 0);
}

// ---- dup ----

SOK_EXPORT int dup(int fd)
{
    int to = sok_reals()->dup(fd);
    if (to >= 0)
        sok_table_copy(fd, to);
    return to;
}

SOK_EXPORT int dup2(int fd, int to)
{
    if (fd != to && sok_channel_is_ours(to))
        return sok_fail(EBUSY);
    int r = sok_reals()->dup2(fd, to);
    if (r >= 0 && fd != to)
        sok_table_copy(fd, to);
    return r;
}

SOK_EXPORT int dup3(int fd, int to, int flags)
{
    if (fd != to && sok_channel_is_ours(to))
        return sok_fail(EBUSY);
    int r = sok_reals()->dup3(fd, to, flags);
    if (r >= 0)
        sok_table_copy(fd, to);
    return r;
}

static int copied(int fd, int command, int r)
{
    if (r >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
        sok_table_copy(fd, r);
    return r;
}

SOK_EXPORT int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    return copied(fd, command, sok_reals()->fcntl(fd, command, arg));
}

SOK_EXPORT int fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    return copied(fd, command, sok_reals()->fcntl(fd, command, arg));
}
