// sockeye nc -u: one read of stdin is one datagram; one datagram is one write to stdout. A listener
// answers whoever wrote last (with -k) or first (without).
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/nc.h"

#define DATAGRAM_MAX 65535

struct udp {
    struct sok_nc *nc;
    bool has_peer;
    uint8_t data[DATAGRAM_MAX];
};

static void heard_from(struct udp *u, const struct sok_endpoint *from)
{
    struct sok_nc *nc = u->nc;
    bool same =
        u->has_peer && sok_addr_eq(from->addr, nc->remote.addr) && from->port == nc->remote.port;
    nc->remote = *from;
    u->has_peer = true;
    if (same || !nc->verbose)
        return;
    char text[SOK_ADDR_TEXT_MAX];
    fprintf(
        stderr, "Connection received on %s %u\n", sok_addr_format(from->addr, text), from->port);
    sok_cli_say_name(nc->host, from->addr);
}

static bool wanted(const struct udp *u, const struct sok_endpoint *from)
{
    const struct sok_nc *nc = u->nc;
    if (!u->has_peer || (nc->listen && nc->keep))
        return true;
    return sok_addr_eq(from->addr, nc->remote.addr) && from->port == nc->remote.port;
}

static void stdin_ready(void *ctx, int fd, unsigned ready);

static void socket_ready(void *ctx, struct sok_socket *s)
{
    struct udp *u = ctx;
    struct sok_nc *nc = u->nc;
    struct sok_endpoint from;
    int64_t n;
    while (nc->code < 0 && (n = sok_recvfrom(s, u->data, sizeof(u->data), &from)) != SOK_EAGAIN) {
        if (n < 0) {
            nc->code = sok_nc_failed(nc, (int)n);
            return;
        }
        if (!wanted(u, &from))
            continue;
        heard_from(u, &from);
        nc->active_at = sok_host_now(nc->host);
        struct iovec iov = {u->data, (size_t)n};
        int64_t w =
            sok_nc_out_write(nc, &iov, 1); // what stdout does not take is lost, as datagrams are
        if (w < 0 && w != SOK_EAGAIN)
            nc->code = w == SOK_EPIPE ? 128 + SIGPIPE
                                      : sok_cli_fail(1, "stdout: %s", sok_strerror((int)w));
    }
    if (u->has_peer && !nc->in_ended && !nc->in_watched) {
        nc->in_watched = true;
        if (sok_host_watch(nc->host, STDIN_FILENO, SOK_POLL_IN, stdin_ready, u) < 0)
            nc->in_ended = true;
    }
}

static void stdin_ready(void *ctx, int fd, unsigned ready)
{
    struct udp *u = ctx;
    struct sok_nc *nc = u->nc;
    (void)ready;
    ssize_t n = read(fd, u->data, 16384);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        nc->in_ended = true;
        sok_host_unwatch(nc->host, fd);
        return;
    }
    size_t at = 0;
    do { // a block of a file is cut so that each piece fits a packet
        size_t piece = (size_t)n - at;
        int64_t r = sok_sendto(nc->s, u->data + at, piece, &nc->remote);
        for (; r == SOK_EMSGSIZE && piece > 1;
             r = sok_sendto(nc->s, u->data + at, piece, &nc->remote))
            piece = piece > 1400 ? 1400 : piece / 2;
        if (r < 0 && r != SOK_EAGAIN && r != SOK_ENOBUFS)
            nc->code = sok_nc_failed(nc, (int)r);
        at += piece;
    } while (at < (size_t)n && nc->code < 0);
    nc->active_at = sok_host_now(nc->host);
}

static int over(struct sok_nc *nc)
{
    return nc->code >= 0 || (nc->in_ended && nc->leave_at_end);
}

int sok_nc_datagrams(struct sok_nc *nc)
{
    static struct udp u;
    u = (struct udp){.nc = nc, .has_peer = !nc->listen};
    int r = sok_socket(nc->host, SOK_DGRAM, &nc->s);
    if (r == 0)
        r = sok_bind(nc->s, &nc->local);
    if (r == 0 && !nc->listen)
        r = sok_connect(nc->s, &nc->remote);
    if (r < 0)
        return nc->listen ? sok_cli_fail(1, "port %u: %s", nc->local.port, sok_strerror(r))
                          : sok_nc_failed(nc, r);
    char text[SOK_ADDR_TEXT_MAX];
    if (nc->verbose && nc->listen)
        fprintf(stderr, "Bound on %s %u\n", sok_addr_format(nc->local.addr, text), nc->local.port);
    sok_socket_notify(nc->s, socket_ready, &u);
    nc->active_at = sok_host_now(nc->host);
    socket_ready(&u, nc->s);
    r = sok_nc_until(nc, over, true);
    if (r == SOK_NC_INTERRUPTED)
        return 128 + sok_cli_interrupted();
    if (r == SOK_NC_TIMEOUT)
        return 0;
    return r == SOK_NC_FAILED ? 1 : nc->code > 0 ? nc->code : 0;
}
