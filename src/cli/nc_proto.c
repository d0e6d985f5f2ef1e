// sockeye nc --proto N: IP datagrams of a protocol of one's own. One read of stdin is one datagram, the payload
// of one datagram is one write to stdout. A listener answers whoever wrote last (with -k) or first (without).
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sockeye/names.h>
#include "cli/nc.h"
#include "host/host.h"
#include "host/share.h"

#define DATAGRAM_MAX 65535
#define READ_MAX     16384

struct raw {
    struct sok_nc *nc;
    bool has_peer, v6;
    uint8_t data[DATAGRAM_MAX];
};

int sok_nc_proto_option(struct sok_nc *nc, const char *arg)
{
    uint64_t number;
    if (!sok_cli_number(arg, 1, 254, &number))
        return sok_cli_usage(&sok_cmd_nc, "not an IP protocol: %s (1 to 254)", arg);
    nc->proto = (uint8_t)number;
    return 0;
}

// HOST; with -l: nothing, or the own one.
int sok_nc_proto_arguments(struct sok_nc *nc, int count, char **args)
{
    nc->remote.addr = sok_addr_v4(0);
    if (nc->udp || nc->zero || nc->local.port)
        return sok_cli_usage(
            &sok_cmd_nc, "-u, -z and -p are for ports, which --proto does not have");
    if (nc->keep && !nc->listen)
        return sok_cli_usage(&sok_cmd_nc, "-k is for -l");
    if (count > 1)
        return sok_cli_usage(&sok_cmd_nc, "too many arguments: %s (there is no port)", args[1]);
    if (!nc->listen && count == 0)
        return sok_cli_usage(&sok_cmd_nc, "no host given");
    if (count == 1)
        nc->address = args[0];
    return 0;
}

int sok_nc_proto_may(const struct sok_nc *nc)
{
    bool share = false;
    for (unsigned i = 0; i < nc->host->wire_count; i++)
        share |= sok_host_is_share(nc->host->wires[i]->link->info.name);
    if (!share && !sok_cli_host_inside(nc->host))
        return 0;
    return sok_cli_fail(SOK_EXIT_USAGE,
        "the link %s carries TCP, UDP and ping, not protocol %u (--link tap:NAME, or --link "
        "lan:NAME between two terminals)",
        share ? "share" : "user", nc->proto);
}

static int failed(const struct sok_nc *nc, int err)
{
    char text[SOK_ADDR_TEXT_MAX];
    // ICMPv6 calls it a problem with a parameter, and there is no other in what is sent here (RFC 4443 section 3.4).
    bool nobody = err == SOK_EOPNOTSUPP || (err == SOK_EPROTO && !sok_addr_is_v4(nc->remote.addr));
    return sok_cli_fail(1, "protocol %u to %s: %s", nc->proto,
        sok_addr_format(nc->remote.addr, text),
        nobody ? "nobody there takes it" : sok_strerror(err));
}

// ---- in ----

// False: of another peer than the one we talk to.
static bool heard_from(struct raw *r, const struct sok_endpoint *from)
{
    struct sok_nc *nc = r->nc;
    bool same = r->has_peer && sok_addr_eq(from->addr, nc->remote.addr);
    if (same)
        return true;
    if (r->has_peer && !(nc->listen && nc->keep))
        return false;
    nc->remote = *from;
    r->has_peer = true;
    if (nc->verbose) {
        char text[SOK_ADDR_TEXT_MAX];
        fprintf(stderr, "Datagram received from %s\n", sok_addr_format(from->addr, text));
        sok_cli_say_name(nc->host, from->addr);
    }
    return true;
}

// What stdout does not take is lost, as datagrams are.
static void show(struct raw *r, size_t len)
{
    struct sok_nc *nc = r->nc;
    size_t header = r->v6 ? 0 : 4u * (r->data[0] & 15); // of IPv6 none comes along
    struct iovec iov = {r->data + header, len - header};
    int64_t w = len > header ? sok_nc_out_write(nc, &iov, 1) : 0;
    nc->active_at = sok_host_now(nc->host);
    if (w < 0 && w != SOK_EAGAIN)
        nc->code =
            w == SOK_EPIPE ? 128 + SIGPIPE : sok_cli_fail(1, "stdout: %s", sok_strerror((int)w));
}

static void stdin_ready(void *ctx, int fd, unsigned ready);

static void socket_ready(void *ctx, struct sok_socket *s)
{
    struct raw *r = ctx;
    struct sok_nc *nc = r->nc;
    struct sok_endpoint from;
    int64_t n;
    while (nc->code < 0 && (n = sok_recvfrom(s, r->data, sizeof(r->data), &from)) != SOK_EAGAIN) {
        if (n < 0)
            nc->code = failed(nc, (int)n);
        else if (heard_from(r, &from))
            show(r, (size_t)n);
    }
    if (r->has_peer && !nc->in_ended && !nc->in_watched) {
        nc->in_watched = true;
        if (sok_host_watch(nc->host, STDIN_FILENO, SOK_POLL_IN, stdin_ready, r) < 0)
            nc->in_ended = true;
    }
}

// ---- out ----

static void stdin_ready(void *ctx, int fd, unsigned ready)
{
    struct raw *r = ctx;
    struct sok_nc *nc = r->nc;
    (void)ready;
    ssize_t n = read(fd, r->data, READ_MAX);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        nc->in_ended = true;
        sok_host_unwatch(nc->host, fd);
        return;
    }
    int64_t sent = sok_sendto(nc->s, r->data, (size_t)n, &nc->remote);
    if (sent < 0 && sent != SOK_EAGAIN && sent != SOK_ENOBUFS)
        nc->code = failed(nc, (int)sent);
    nc->active_at = sok_host_now(nc->host);
}

static int over(struct sok_nc *nc)
{
    return nc->code >= 0 || (nc->in_ended && nc->leave_at_end);
}

// The family of the addresses that were given; a listener's without any as -6 says, or what there is.
static bool is_v6(const struct sok_nc *nc)
{
    if (!nc->listen)
        return !sok_addr_is_v4(nc->remote.addr);
    if (!sok_addr_is_any(nc->local.addr))
        return !sok_addr_is_v4(nc->local.addr);
    return nc->family == 6 || (nc->family == 0 && !sok_lookup_family(nc->host, 4));
}

static int open_socket(struct sok_nc *nc, bool v6)
{
    int err = (v6 ? sok_socket_raw6 : sok_socket_raw)(nc->host, nc->proto, &nc->s);
    if (err == 0 && !sok_addr_is_any(nc->local.addr))
        err = sok_bind(nc->s, &nc->local);
    if (err == 0 && !nc->listen)
        err = sok_connect(nc->s, &nc->remote);
    return err;
}

int sok_nc_proto(struct sok_nc *nc)
{
    static struct raw r;
    char text[SOK_ADDR_TEXT_MAX];
    r = (struct raw){.nc = nc, .has_peer = !nc->listen, .v6 = is_v6(nc)};
    if (!r.v6 && sok_addr_is_any(nc->local.addr))
        nc->local.addr = sok_addr_v4(0);
    int err = open_socket(nc, r.v6);
    if (err < 0)
        return nc->listen ? sok_cli_fail(1, "protocol %u on %s: %s", nc->proto,
                                sok_addr_format(nc->local.addr, text), sok_strerror(err))
                          : failed(nc, err);
    if (nc->verbose && nc->listen)
        fprintf(
            stderr, "Bound on %s protocol %u\n", sok_addr_format(nc->local.addr, text), nc->proto);
    sok_socket_notify(nc->s, socket_ready, &r);
    nc->active_at = sok_host_now(nc->host);
    socket_ready(&r, nc->s);
    err = sok_nc_until(nc, over, true);
    if (err == SOK_NC_INTERRUPTED)
        return 128 + sok_cli_interrupted();
    if (err == SOK_NC_TIMEOUT)
        return 0;
    return err == SOK_NC_FAILED ? 1 : nc->code > 0 ? nc->code : 0;
}
