// Bytes through a kernel socket, as the relay wants them: a buffer each way, which holds what the other
// side does not take yet. The loop is told to wake us only for what can be done then.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "cli/nc_kernel.h"

static void flush(struct sok_nc_kernel_state *k)
{
    while (k->out_len > 0) {
        ssize_t n = send(k->fd, k->out + k->out_at, k->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            k->error = sok_from_errno(errno);
            k->out_len = 0;
            return;
        }
        k->out_at += (size_t)n;
        k->out_len -= (size_t)n;
    }
    if (k->ending)
        shutdown(k->fd, SHUT_WR);
    k->ending = false;
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
    struct sok_nc *nc = ctx;
    struct sok_nc_kernel_state *k = nc->k;
    (void)fd;
    if (ready & (SOK_POLL_IN | SOK_POLL_HUP | SOK_POLL_ERROR))
        k->hungry = false;
    if (k->connecting) {
        k->connecting = false;
    } else {
        flush(k);
        if (nc->notified)
            nc->notified(nc, nc->notified_ctx);
    }
    sok_nc_kernel_watch(nc);
}

void sok_nc_kernel_watch(struct sok_nc *nc)
{
    const struct sok_nc_kernel_state *k = nc->k;
    if (k->fd < 0)
        return;
    unsigned want = 0;
    if (k->hungry && !k->connecting)
        want |= SOK_POLL_IN;
    if (k->out_len > 0 || k->connecting)
        want |= SOK_POLL_OUT;
    sok_host_watch(nc->host, k->fd, want, on_ready, nc);
}

void sok_nc_kernel_notify(struct sok_nc *nc, void (*fn)(struct sok_nc *nc, void *ctx), void *ctx)
{
    nc->notified = fn;
    nc->notified_ctx = ctx;
}

// ---- a stream ----

int64_t sok_nc_kernel_peek(struct sok_nc *nc, struct iovec *iov, int *count)
{
    struct sok_nc_kernel_state *k = nc->k;
    if (k->in_len == 0) {
        ssize_t n = recv(k->fd, k->in, sizeof(k->in), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            k->hungry = true;
            sok_nc_kernel_watch(nc);
            return k->error ? k->error : SOK_EAGAIN;
        }
        if (n <= 0)
            return n < 0 ? sok_from_errno(errno) : 0;
        k->in_at = 0;
        k->in_len = (size_t)n;
    }
    iov[0] = (struct iovec){k->in + k->in_at, k->in_len};
    *count = 1;
    return (int64_t)k->in_len;
}

void sok_nc_kernel_consume(struct sok_nc *nc, size_t len)
{
    nc->k->in_at += len;
    nc->k->in_len -= len;
}

void *sok_nc_kernel_reserve(struct sok_nc *nc, size_t *len, int *err)
{
    struct sok_nc_kernel_state *k = nc->k;
    *err = SOK_EAGAIN;
    if (k->out_len > 0)
        return NULL;
    *len = *len < sizeof(k->out) ? *len : sizeof(k->out);
    return k->out;
}

int64_t sok_nc_kernel_commit(struct sok_nc *nc, size_t len)
{
    struct sok_nc_kernel_state *k = nc->k;
    k->out_at = 0;
    k->out_len = len;
    flush(k);
    sok_nc_kernel_watch(nc);
    return k->error ? k->error : (int64_t)len;
}

void sok_nc_kernel_shutdown(struct sok_nc *nc)
{
    nc->k->ending = true;
    flush(nc->k);
}

bool sok_nc_kernel_takes(const struct sok_nc *nc)
{
    return nc->k->out_len == 0;
}

bool sok_nc_kernel_drained(const struct sok_nc *nc)
{
    return nc->k->out_len == 0;
}

// ---- datagrams ----

int64_t sok_nc_kernel_recv(struct sok_nc *nc, void *data, size_t len, struct sok_nc_peer *from)
{
    memset(from, 0, sizeof(*from));
    from->len = sizeof(from->at.kernel);
    ssize_t n = recvfrom(
        nc->k->fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&from->at.kernel, &from->len);
    if (n >= 0)
        return n;
    if (errno != EAGAIN && errno != EINTR)
        return sok_from_errno(errno);
    nc->k->hungry = true;
    sok_nc_kernel_watch(nc);
    return SOK_EAGAIN;
}

int64_t sok_nc_kernel_send(struct sok_nc *nc, const void *data, size_t len)
{
    const struct sockaddr *to = nc->listen ? (const struct sockaddr *)&nc->peer.at.kernel : NULL;
    ssize_t n =
        sendto(nc->k->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, to, to ? nc->peer.len : 0);
    return n < 0 ? sok_from_errno(errno) : n;
}
