// `sockeye nc` on Sockeye's own stack.
#include <stdio.h>
#include <string.h>
#include <sockeye/names.h>
#include "cli/dial.h"
#include "cli/nc.h"
#include "host/host.h"

int sok_nc_own_open(struct sok_nc *nc, struct sok_cli_host *ho)
{
    nc->net = &sok_nc_own;
    struct sok_addr source = {{0}};
    nc->local.addr = source; // both families, unless one is asked for
    nc->remote.addr = sok_addr_v4(0);
    if (nc->source && !sok_addr_parse(nc->source, &source))
        return sok_cli_usage(&sok_cmd_nc, "-s %s: not an address", nc->source);
    if (nc->source && nc->family == 0)
        nc->family = sok_addr_is_v4(source) ? 4 : 6;
    int code = sok_cli_host_open(ho, &nc->host);
    if (code != 0)
        return code;
    if (nc->proto)
        code = sok_nc_proto_may(nc);
    else if (nc->listen)
        code = sok_cli_may_listen(nc->host, nc->local.port);
    if (code != 0)
        return code;
    sok_cli_signals(nc->host);
    int64_t until = nc->wait_ns > 0 ? sok_host_now(nc->host) + nc->wait_ns : INT64_MAX;
    if (nc->source)
        nc->local.addr = source;
    else if (nc->family == 4)
        nc->local.addr = sok_addr_v4(0);
    struct sok_endpoint *at = nc->listen ? &nc->local : &nc->remote;
    return nc->address ? sok_cli_resolve_all(
                             nc->host, nc->address, (unsigned)nc->family, until, at, &nc->addrs)
                       : 0;
}

static void set_peer(struct sok_nc *nc, const struct sok_endpoint *e)
{
    nc->remote = *e;
    memset(&nc->peer, 0, sizeof(nc->peer));
    nc->peer.at.own.addr = e->addr;
    nc->peer.at.own.zone = e->zone;
    nc->peer.at.own.port = e->port;
}

static int own_listen(struct sok_nc *nc)
{
    struct sok_socket **s = nc->udp ? &nc->s : &nc->listener;
    int r = sok_socket(nc->host, nc->udp ? SOK_DGRAM : SOK_STREAM, s);
    if (r == 0 && nc->family == 6)
        r = sok_setsockopt(*s, SOK_OPT_V6ONLY, 1);
    if (r == 0)
        r = sok_bind(*s, &nc->local);
    if (r == 0 && !nc->udp)
        r = sok_listen(*s, nc->keep ? 128 : 1);
    nc->peer.at.own = nc->local;
    return r;
}

static int own_accept(struct sok_nc *nc)
{
    struct sok_endpoint e = {0};
    int r = sok_accept(nc->listener, &nc->s);
    if (r == SOK_EABORTED)
        r = SOK_EAGAIN;
    if (r < 0)
        return r;
    sok_getpeername(nc->s, &e);
    set_peer(nc, &e);
    return 0;
}

static unsigned own_targets(const struct sok_nc *nc)
{
    (void)nc;
    return 1;
}

// A name with several addresses: whichever answers first.
static int dial(struct sok_nc *nc, uint16_t port)
{
    struct sok_endpoint remote;
    char message[SOK_HOST_ERR_MAX];
    bool no_name;
    struct sok_dial d = {
        .name = nc->address,
        .given = nc->addrs.addrs,
        .given_count = nc->addrs.count,
        .port = port,
        .limit = nc->wait_ns > 0 ? sok_host_now(nc->host) + nc->wait_ns : INT64_MAX,
    };
    int r = sok_cli_dial(nc->host, &d, &nc->s, &remote, &no_name, message);
    nc->active_at = sok_host_now(nc->host);
    nc->bind_failed = false;
    set_peer(nc, &remote);
    return r;
}

static int own_connect(struct sok_nc *nc, unsigned target, uint16_t port)
{
    (void)target;
    if (nc->addrs.count > 1 && !nc->udp && !nc->source && nc->local.port == 0)
        return dial(nc, port);
    nc->remote.port = port;
    set_peer(nc, &nc->remote);
    int r = sok_socket(nc->host, nc->udp ? SOK_DGRAM : SOK_STREAM, &nc->s);
    if (r == 0 && (nc->local.port != 0 || nc->source || nc->udp))
        r = sok_bind(nc->s, &nc->local);
    nc->bind_failed = r < 0;
    if (r == 0)
        r = sok_connect(nc->s, &nc->remote);
    return r;
}

static int own_connected(struct sok_nc *nc)
{
    int64_t err = 0;
    if (!(sok_socket_ready(nc->s) & (SOK_POLL_OUT | SOK_POLL_ERROR | SOK_POLL_HUP)))
        return 0;
    sok_getsockopt(nc->s, SOK_OPT_ERROR, &err);
    return err < 0 ? (int)err : 1;
}

static void own_close(struct sok_nc *nc)
{
    sok_close(nc->s);
    nc->s = NULL;
}

static void own_close_listener(struct sok_nc *nc)
{
    sok_close(nc->listener);
    nc->listener = NULL;
}

static void own_name(const struct sok_nc_peer *peer, char out[SOK_NC_PEER_TEXT_MAX])
{
    sok_addr_format(peer->at.own.addr, out);
}

static uint16_t own_port(const struct sok_nc_peer *peer)
{
    return peer->at.own.port;
}

static int64_t own_peek(struct sok_nc *nc, struct iovec *iov, int *count)
{
    return sok_peek(nc->s, iov, count);
}

static void own_consume(struct sok_nc *nc, size_t len)
{
    sok_consume(nc->s, len);
}

static void *own_reserve(struct sok_nc *nc, size_t *len, int *err)
{
    return sok_reserve(nc->s, len, err);
}

static int64_t own_commit(struct sok_nc *nc, size_t len)
{
    return sok_commit(nc->s, len);
}

static void own_shutdown(struct sok_nc *nc)
{
    sok_shutdown(nc->s);
}

static bool own_takes(const struct sok_nc *nc)
{
    return (sok_socket_ready(nc->s) & SOK_POLL_OUT) != 0;
}

static bool own_drained(const struct sok_nc *nc)
{
    struct sok_info info;
    return sok_getinfo(nc->s, &info) < 0 || info.send_queued == 0;
}

static void on_notify(void *ctx, struct sok_socket *s)
{
    struct sok_nc *nc = ctx;
    (void)s;
    nc->notified(nc, nc->notified_ctx);
}

static void own_notify(struct sok_nc *nc, void (*fn)(struct sok_nc *nc, void *ctx), void *ctx)
{
    nc->notified = fn;
    nc->notified_ctx = ctx;
    sok_socket_notify(nc->s, on_notify, nc);
}

static int64_t own_recv(struct sok_nc *nc, void *data, size_t len, struct sok_nc_peer *from)
{
    struct sok_endpoint e = {0};
    int64_t n = sok_recvfrom(nc->s, data, len, &e);
    memset(from, 0, sizeof(*from));
    from->at.own.addr = e.addr;
    from->at.own.zone = e.zone;
    from->at.own.port = e.port;
    return n;
}

static int64_t own_send(struct sok_nc *nc, const void *data, size_t len)
{
    return sok_sendto(nc->s, data, len, &nc->peer.at.own);
}

static void own_say_peer(struct sok_nc *nc)
{
    if (!nc->numeric)
        sok_cli_say_name(nc->host, nc->peer.at.own.addr);
}

// ---- how it went ----

static const struct {
    uint64_t from;
    const char *unit;
} sizes[] = {{1000000000, "GB"}, {1000000, "MB"}, {1000, "kB"}, {0, "bytes"}};

static void say_bytes(uint64_t bytes, const char *what)
{
    size_t i = 0;
    while (bytes < sizes[i].from)
        i++;
    double in = sizes[i].from ? (double)bytes / (double)sizes[i].from : (double)bytes;
    fprintf(stderr, "%.*f %s %s, ", sizes[i].from ? 1 : 0, in, sizes[i].unit, what);
}

static int all_arrived(struct sok_nc *nc)
{
    return own_drained(nc);
}

// How it went, and what kept us from sending more: from one part in a hundred on, in their order.
static void own_say_how(struct sok_nc *nc, bool well)
{
    struct sok_info info;
    nc->active_at = sok_host_now(nc->host);
    if (well)
        sok_nc_until(
            nc, all_arrived, true); // all is given, and its end: what is left goes by itself
    if (sok_getinfo(nc->s, &info) < 0 || info.age <= 0)
        return;
    say_bytes(info.bytes_sent, "sent");
    say_bytes(info.bytes_again, "again");
    say_bytes(info.bytes_received, "received");
    fprintf(stderr, "in %.3f s; limited by", (double)info.age / 1e9);
    const char *between = "";
    for (unsigned i = 0; i < SOK_LIMITS; i++) {
        double part = 100 * (double)info.limited[i] / (double)info.age;
        if (part >= 1) {
            fprintf(stderr, "%s %s %.0f %%", between, sok_limit_text((enum sok_limit)i), part);
            between = ",";
        }
    }
    fprintf(stderr, "\n");
}

const struct sok_nc_net sok_nc_own = {
    .listen = own_listen,
    .accept = own_accept,
    .targets = own_targets,
    .connect = own_connect,
    .connected = own_connected,
    .close = own_close,
    .close_listener = own_close_listener,
    .name = own_name,
    .port = own_port,
    .peek = own_peek,
    .consume = own_consume,
    .reserve = own_reserve,
    .commit = own_commit,
    .shutdown = own_shutdown,
    .takes = own_takes,
    .drained = own_drained,
    .notify = own_notify,
    .recv = own_recv,
    .send = own_send,
    .say_peer = own_say_peer,
    .say_how = own_say_how,
};
