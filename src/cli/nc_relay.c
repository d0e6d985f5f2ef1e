// The two directions of a stream. See nc.c.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/nc.h"

#define BLOCK (256 * 1024) // read from stdin at once, at most

// Who has heard the peer's end and says nothing himself for so long has nothing more to say: nobody waits
// for ever for a terminal, or a pipe, that was not meant. What stdin has is sent, whatever it takes.
#define SILENCE_NS INT64_C(2000000000)

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
    if (!nc->host)
        return;
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
    nc->net->consume(nc, nc->writing);
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
        int64_t n = nc->net->peek(nc, iov, &count);
        if (n == SOK_EAGAIN)
            return;
        if (n < 0) {
            stream_failed(nc, (int)n);
            return;
        }
        if (n == 0) {
            nc->peer_ended = true;
            nc->active_at = sok_host_now(nc->host);
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
        nc->net->consume(nc, (size_t)w);
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
    if (on)
        nc->active_at = sok_host_now(nc->host);
    // A closed or forbidden stdin counts as ended.
    if (sok_host_watch(nc->host, STDIN_FILENO, on ? SOK_POLL_IN : 0, in_ready, nc) < 0) {
        nc->in_ended = true;
        nc->net->shutdown(nc);
    }
}

static void in_ready(void *ctx, int fd, unsigned ready)
{
    struct sok_nc *nc = ctx;
    size_t len = BLOCK;
    int err;
    (void)ready;
    void *room = nc->net->reserve(nc, &len, &err);
    if (!room) {
        watch_in(nc, false); // until the connection takes bytes again
        return;
    }
    ssize_t n = read(fd, room, len);
    int64_t sent = nc->net->commit(nc, n > 0 ? (size_t)n : 0);
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
    nc->net->shutdown(nc);
}

static void stream_ready(struct sok_nc *nc, void *ctx)
{
    (void)ctx;
    if (!nc->out_watched)
        from_peer(nc);
    if (!nc->in_ended && nc->code < 0)
        watch_in(nc, nc->net->takes(nc));
}

// The thread is done with the connection's bytes before the connection goes.
static void finish_writing(struct sok_nc *nc)
{
    while (nc->writing > 0 && nc->code < 0 && sok_host_step(nc->host, -1) >= 0)
        continue;
}

// ---- the end ----

static bool stdin_silent(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

// When to leave though the connection goes on: -q after the end of stdin; after the peer's end, when stdin
// is silent.
static int64_t leave_at(const struct sok_nc *nc)
{
    if (nc->in_ended && nc->quit_ns >= 0)
        return nc->leave_at > 0 ? nc->leave_at : sok_host_now(nc->host) + nc->quit_ns;
    if (nc->peer_ended && nc->in_watched && nc->quit_ns != SOK_NC_QUIT_NEVER)
        return nc->active_at + SILENCE_NS;
    return 0;
}

static int over(struct sok_nc *nc)
{
    if (nc->code >= 0)
        return 1;
    if (!nc->net->drained(nc))
        return 0;
    if (nc->in_ended && nc->peer_ended)
        return 1;
    // The next peer is not kept waiting for what was not meant for this one.
    if (nc->keep && nc->peer_ended && nc->in_watched && stdin_silent())
        return 1;
    nc->leave_at = leave_at(nc);
    return 0;
}

static int ended(struct sok_nc *nc, int r)
{
    if (r == SOK_NC_INTERRUPTED) {
        nc->net->shutdown(nc);
        return 128 + sok_cli_interrupted();
    }
    if (r == SOK_NC_FAILED)
        return 1;
    return nc->code > 0 ? nc->code : 0;
}

int sok_nc_relay(struct sok_nc *nc)
{
    nc->code = -1;
    nc->peer_ended = false;
    nc->leave_at = 0;
    nc->active_at = sok_host_now(nc->host);
    nc->net->notify(nc, stream_ready, NULL);
    if (nc->in_ended)
        nc->net->shutdown(nc); // -k: stdin ended with an earlier peer
    stream_ready(nc, NULL);
    int r = sok_nc_until(nc, over, true);
    nc->leave_at = 0;
    watch_in(nc, false);
    watch_out(nc, false);
    finish_writing(nc);
    return ended(nc, r);
}
