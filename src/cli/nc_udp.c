// sockeye nc -u: one read of stdin is one datagram; one datagram is one write to stdout. A listener
// answers whoever wrote last (with -k) or first (without).
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/nc.h"

#define DATAGRAM_MAX 65535

// -z: a closed port is told by ICMP, an open one by nothing, so two are sent and waited for.
#define PROBES   2
#define PROBE_NS INT64_C(1000000000)

struct udp {
    struct sok_nc *nc;
    bool has_peer;
    uint8_t data[DATAGRAM_MAX];
};

static bool same_peer(const struct sok_nc_peer *a, const struct sok_nc_peer *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void heard_from(struct udp *u, const struct sok_nc_peer *from)
{
    struct sok_nc *nc = u->nc;
    bool same = u->has_peer && same_peer(from, &nc->peer);
    if (!nc->listen)
        return;
    nc->peer = *from;
    u->has_peer = true;
    if (!same && nc->verbose)
        sok_nc_say_received(nc);
}

static bool wanted(const struct udp *u, const struct sok_nc_peer *from)
{
    const struct sok_nc *nc = u->nc;
    return !u->has_peer || (nc->listen && nc->keep) || same_peer(from, &nc->peer);
}

static void show(struct sok_nc *nc, uint8_t *data, size_t len)
{
    struct iovec iov = {data, len};
    nc->active_at = sok_host_now(nc->host);
    int64_t w =
        sok_nc_out_write(nc, &iov, 1); // what stdout does not take is lost, as datagrams are
    if (w < 0 && w != SOK_EAGAIN)
        nc->code =
            w == SOK_EPIPE ? 128 + SIGPIPE : sok_cli_fail(1, "stdout: %s", sok_strerror((int)w));
}

static void stdin_ready(void *ctx, int fd, unsigned ready);

static void socket_ready(struct sok_nc *nc, void *ctx)
{
    struct udp *u = ctx;
    struct sok_nc_peer from;
    int64_t n;
    while (nc->code < 0 && (n = nc->net->recv(nc, u->data, sizeof(u->data), &from)) != SOK_EAGAIN) {
        if (n < 0) {
            nc->code = sok_nc_failed(nc, (int)n);
            return;
        }
        if (!wanted(u, &from))
            continue;
        heard_from(u, &from);
        show(nc, u->data, (size_t)n);
    }
    if (u->has_peer && !nc->in_ended && !nc->in_watched && !nc->zero) {
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
        int64_t r = nc->net->send(nc, u->data + at, piece);
        for (; r == SOK_EMSGSIZE && piece > 1; r = nc->net->send(nc, u->data + at, piece))
            piece = piece > 1400 ? 1400 : piece / 2;
        if (r < 0 && r != SOK_EAGAIN && r != SOK_ENOBUFS)
            nc->code = sok_nc_failed(nc, (int)r);
        at += piece;
    } while (at < (size_t)n && nc->code < 0);
    nc->active_at = sok_host_now(nc->host);
}

static int over(struct sok_nc *nc)
{
    if (nc->in_ended && nc->quit_ns >= 0 && nc->leave_at == 0)
        nc->leave_at = sok_host_now(nc->host) + nc->quit_ns;
    return nc->code >= 0 || (nc->in_ended && nc->leave_at_end);
}

static int result(const struct sok_nc *nc, int r)
{
    if (r == SOK_NC_INTERRUPTED)
        return 128 + sok_cli_interrupted();
    if (r == SOK_NC_TIMEOUT || r == SOK_NC_LEAVE)
        return 0;
    return r == SOK_NC_FAILED ? 1 : nc->code > 0 ? nc->code : 0;
}

static int answered(struct sok_nc *nc)
{
    uint8_t data[1];
    struct sok_nc_peer from;
    int64_t n = nc->net->recv(nc, data, sizeof(data), &from);
    nc->code = n < 0 ? (int)n : 0;
    return n != SOK_EAGAIN;
}

static void woken(struct sok_nc *nc, void *ctx)
{
    (void)nc;
    (void)ctx;
}

// 0: nothing says that the port is closed.
static int probe(struct sok_nc *nc)
{
    int64_t each = nc->wait_ns > 0 ? nc->wait_ns / PROBES : PROBE_NS;
    nc->net->notify(nc, woken, NULL);
    for (int i = 0; i < PROBES; i++) {
        int64_t sent = nc->net->send(nc, "X", 1);
        nc->leave_at = sok_host_now(nc->host) + each;
        int r = sent < 0 ? 1 : sok_nc_until(nc, answered, false);
        if (sent < 0)
            nc->code = (int)sent;
        if (r == SOK_NC_LEAVE)
            continue;
        if (r != 1)
            return r == SOK_NC_INTERRUPTED ? 128 + sok_cli_interrupted() : 1;
        if (nc->code == 0)
            break;
        return nc->verbose ? sok_nc_failed(nc, nc->code) : 1;
    }
    if (nc->verbose)
        sok_nc_say_connected(nc);
    return 0;
}

static int connect_any(struct sok_nc *nc, uint16_t port)
{
    int r = SOK_EHOSTUNREACH;
    for (unsigned i = 0; i < nc->net->targets(nc); i++) {
        r = nc->net->connect(nc, i, port);
        if (r == 0)
            return 0;
        nc->net->close(nc);
    }
    return sok_nc_failed(nc, r);
}

static int converse(struct sok_nc *nc)
{
    static struct udp u;
    u = (struct udp){.nc = nc, .has_peer = !nc->listen};
    nc->code = -1;
    nc->leave_at = 0;
    nc->net->notify(nc, socket_ready, &u);
    nc->active_at = sok_host_now(nc->host);
    socket_ready(nc, &u);
    return result(nc, sok_nc_until(nc, over, true));
}

int sok_nc_datagrams(struct sok_nc *nc)
{
    int best = 1;
    if (nc->listen)
        return converse(nc);
    for (unsigned port = nc->port; port <= nc->port_last; port++) {
        int code = connect_any(nc, (uint16_t)port);
        if (code == 0)
            code = nc->zero ? probe(nc) : converse(nc);
        nc->net->close(nc);
        best = code == 0 ? 0 : best;
        if (code > 1 || sok_cli_interrupted())
            return code;
    }
    return best;
}
