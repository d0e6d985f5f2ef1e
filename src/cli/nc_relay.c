// The two directions of a stream. See nc.c.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/nc.h"

#define BLOCK (256 * 1024) // read from stdin at once, at most

// ---- stdout ----

// A pipe or a terminal that nobody reads must not stop the host, which has packets to answer. Making
// stdout itself non-blocking would do so for the shell too, so it is opened anew.
int sok_nc_out_open(struct sok_nc *nc)
{
    struct stat st;
    nc->out = STDOUT_FILENO;
    nc->code = -1;
    if (fstat(STDOUT_FILENO, &st) < 0)
        return sok_cli_fail(1, "stdout is closed");
    nc->out_socket = S_ISSOCK(st.st_mode);
    nc->out_file = S_ISREG(st.st_mode);
    if (S_ISFIFO(st.st_mode) || isatty(STDOUT_FILENO)) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
            nc->out = fd;
    }
    return 0;
}

int sok_nc_out_start(struct sok_nc *nc)
{
    // A disk may take its time.
    if (nc->out_file && !nc->udp && sok_writer_start(&nc->writer, STDOUT_FILENO) < 0)
        return sok_cli_fail(1, "no thread to write with");
    return 0;
}

void sok_nc_out_close(struct sok_nc *nc)
{
    if (nc->writer.started)
        sok_host_unwatch(nc->host, nc->writer.done_fd);
    sok_writer_stop(&nc->writer);
    sok_host_unwatch(nc->host, nc->out);
    sok_host_unwatch(nc->host, STDIN_FILENO);
    if (nc->out > STDOUT_FILENO)
        close(nc->out);
}

int64_t sok_nc_out_write(struct sok_nc *nc, const struct iovec *iov, int count)
{
    ssize_t n;
    if (nc->out_socket) {
        struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
        n = sendmsg(nc->out, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        n = writev(nc->out, iov, count);
    }
    if (n >= 0)
        return n;
    return errno == EINTR ? SOK_EAGAIN : sok_from_errno(errno);
}

// ---- from the peer ----

static void out_ready(void *ctx, int fd, unsigned ready);

static void watch_out(struct sok_nc *nc, bool on)
{
    if (nc->out_watched == on)
        return;
    nc->out_watched = on;
    sok_host_watch(nc->host, nc->out, on ? SOK_POLL_OUT : 0, out_ready, nc);
}

static void write_failed(struct sok_nc *nc, int err)
{
    // Who reads us has left: end as quietly as if by SIGPIPE.
    nc->code = err == SOK_EPIPE ? 128 + SIGPIPE : sok_cli_fail(1, "stdout: %s", sok_strerror(err));
}

static void stream_failed(struct sok_nc *nc, int err)
{
    nc->code = sok_cli_fail(1, "%s", sok_strerror(err));
}

static void from_peer(struct sok_nc *nc);

static void on_written(void *ctx, int fd, unsigned ready)
{
    struct sok_nc *nc = ctx;
    (void)fd;
    (void)ready;
    int error = sok_writer_done(&nc->writer);
    if (error) {
        write_failed(nc, sok_from_errno(error));
        return;
    }
    if (nc->writer.busy)
        return;
    sok_consume(nc->s, nc->writing);
    nc->writing = 0;
    nc->active_at = sok_host_now(nc->host);
    from_peer(nc);
}

// The bytes stay in the connection until the thread has written them.
static void give(struct sok_nc *nc, const struct iovec *iov, int count, int64_t bytes)
{
    nc->writing = (size_t)bytes;
    sok_writer_give(&nc->writer, iov, count);
    sok_host_watch(nc->host, nc->writer.done_fd, SOK_POLL_IN, on_written, nc);
}

static void from_peer(struct sok_nc *nc)
{
    while (nc->writing == 0 && !nc->peer_ended && nc->code < 0) {
        struct iovec iov[16];
        int count = 16;
        int64_t n = sok_peek(nc->s, iov, &count);
        if (n == SOK_EAGAIN)
            return;
        if (n < 0) {
            stream_failed(nc, (int)n);
            return;
        }
        if (n == 0) {
            nc->peer_ended = true;
            return;
        }
        if (nc->writer.started) {
            give(nc, iov, count, n);
            return;
        }
        int64_t w = sok_nc_out_write(nc, iov, count);
        if (w == SOK_EAGAIN) {
            watch_out(nc, true);
            return;
        }
        if (w < 0) {
            write_failed(nc, (int)w);
            return;
        }
        sok_consume(nc->s, (size_t)w);
        nc->active_at = sok_host_now(nc->host);
    }
}

static void out_ready(void *ctx, int fd, unsigned ready)
{
    struct sok_nc *nc = ctx;
    (void)fd;
    watch_out(nc, false);
    if (ready & SOK_POLL_ERROR) {
        write_failed(nc, SOK_EPIPE);
        return;
    }
    from_peer(nc);
}

// ---- to the peer ----

static void in_ready(void *ctx, int fd, unsigned ready);

static void watch_in(struct sok_nc *nc, bool on)
{
    if (nc->in_watched == on)
        return;
    nc->in_watched = on;
    // A closed or forbidden stdin counts as ended.
    if (sok_host_watch(nc->host, STDIN_FILENO, on ? SOK_POLL_IN : 0, in_ready, nc) < 0) {
        nc->in_ended = true;
        sok_shutdown(nc->s);
    }
}

static void in_ready(void *ctx, int fd, unsigned ready)
{
    struct sok_nc *nc = ctx;
    size_t len = BLOCK;
    int err;
    (void)ready;
    void *room = sok_reserve(nc->s, &len, &err);
    if (!room) {
        watch_in(nc, false); // until the connection takes bytes again
        return;
    }
    ssize_t n = read(fd, room, len);
    int64_t sent = sok_commit(nc->s, n > 0 ? (size_t)n : 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        watch_in(nc, false);
        stream_failed(nc, (int)sent);
        return;
    }
    nc->active_at = sok_host_now(nc->host);
    if (n > 0)
        return;
    nc->in_ended = true;
    watch_in(nc, false);
    sok_shutdown(nc->s);
}

static void stream_ready(void *ctx, struct sok_socket *s)
{
    struct sok_nc *nc = ctx;
    if (!nc->out_watched)
        from_peer(nc);
    if (!nc->in_ended && nc->code < 0)
        watch_in(nc, sok_socket_ready(s) & SOK_POLL_OUT);
}

// The thread is done with the connection's bytes before the connection goes.
static void finish_writing(struct sok_nc *nc)
{
    while (nc->writing > 0 && nc->code < 0 && sok_host_step(nc->host, -1) >= 0)
        continue;
}

static int over(struct sok_nc *nc)
{
    return nc->code >= 0 || (nc->in_ended && nc->peer_ended);
}

int sok_nc_relay(struct sok_nc *nc)
{
    nc->code = -1;
    nc->peer_ended = false;
    nc->active_at = sok_host_now(nc->host);
    sok_socket_notify(nc->s, stream_ready, nc);
    if (nc->in_ended)
        sok_shutdown(nc->s); // -k: stdin ended with an earlier peer
    stream_ready(nc, nc->s);
    int r = sok_nc_until(nc, over, true);
    watch_in(nc, false);
    watch_out(nc, false);
    finish_writing(nc);
    if (r == SOK_NC_INTERRUPTED) {
        sok_shutdown(nc->s);
        return 128 + sok_cli_interrupted();
    }
    if (r == SOK_NC_FAILED)
        return 1;
    if (nc->code == 1)
        return 1;
    return nc->code > 0 ? nc->code : 0;
}
