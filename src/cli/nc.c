// sockeye nc: stdin to a peer, a peer to stdout. Everything is moved by what is ready: stdin is read
// while the connection takes bytes, straight into the buffers that are sent; what arrives is written to
// stdout straight from the buffers it arrived in. The end of stdin becomes a FIN, the peer's FIN closes
// stdout, and neither stops the other direction.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/nc.h"

#define OPTION_PROTO 256

static const struct sok_cli_option options[] = {
    {'l', "listen", NULL, "wait for a peer"},
    {'u', "udp", NULL, "datagrams (UDP) instead of a stream"},
    {'p', "port", "PORT", "own port"},
    {'k', "keep", NULL, "with -l: the next peer after this one"},
    {'z', "zero", NULL, "only see whether something listens"},
    {'N', "shutdown", NULL, "with -u: leave when stdin ends (a stream always says so with a FIN)"},
    {'w', "wait", "SECONDS", "give up connecting, or an idle peer, after so long"},
    {'v', "verbose", NULL, "say who connects; at the end what was sent, and what limited it"},
    {OPTION_PROTO, "proto", "N", "raw IP datagrams of this protocol, without ports"},
    {0, NULL, NULL, NULL},
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct sok_nc *nc = ctx;
    switch (key) {
    case 'l':
        nc->listen = true;
        return 0;
    case 'u':
        nc->udp = true;
        return 0;
    case 'k':
        nc->keep = true;
        return 0;
    case 'z':
        nc->zero = true;
        return 0;
    case 'N':
        nc->leave_at_end = true;
        return 0;
    case 'v':
        nc->verbose = true;
        return 0;
    case OPTION_PROTO:
        return sok_nc_proto_option(nc, arg);
    case 'p':
        if (sok_cli_port(arg, &nc->local.port))
            return 0;
        return sok_cli_usage(&sok_cmd_nc, "not a port: %s (1 to 65535)", arg);
    default:
        if (sok_cli_seconds(arg, &nc->wait_ns) && nc->wait_ns > 0)
            return 0;
        return sok_cli_usage(&sok_cmd_nc, "not a number of seconds: %s", arg);
    }
}

// HOST PORT; with -l: nothing, PORT, or HOST PORT (the own ones).
static int take_arguments(struct sok_nc *nc, int count, char **args)
{
    struct sok_endpoint *e = nc->listen ? &nc->local : &nc->remote;
    nc->local.addr = nc->remote.addr = sok_addr_v4(0);
    if (nc->proto)
        return sok_nc_proto_arguments(nc, count, args);
    if (count > 2)
        return sok_cli_usage(&sok_cmd_nc, "too many arguments: %s", args[2]);
    if (!nc->listen && count < 2)
        return sok_cli_usage(
            &sok_cmd_nc, count == 0 ? "no host and no port given" : "no port given");
    if (nc->listen && nc->zero)
        return sok_cli_usage(&sok_cmd_nc, "-z is for connecting, -l for waiting");
    if (nc->keep && !nc->listen)
        return sok_cli_usage(&sok_cmd_nc, "-k is for -l");
    if (count == 2)
        nc->address = args[0];
    if (count > 0 && !sok_cli_port(args[count - 1], &e->port))
        return sok_cli_usage(&sok_cmd_nc, "not a port: %s (1 to 65535)", args[count - 1]);
    if (nc->listen && nc->local.port == 0)
        return sok_cli_usage(&sok_cmd_nc, "no port to listen on (-p PORT)");
    return 0;
}

// Steps until cond() gives non-zero, the signal or the end of the wait comes.
int sok_nc_until(struct sok_nc *nc, int (*cond)(struct sok_nc *nc), bool idle_counts)
{
    for (;;) {
        int r = cond(nc);
        if (r != 0)
            return r;
        if (sok_cli_interrupted())
            return SOK_NC_INTERRUPTED;
        int64_t left = -1;
        if (nc->wait_ns > 0 && idle_counts) {
            left = nc->active_at + nc->wait_ns - sok_host_now(nc->host);
            if (left <= 0)
                return SOK_NC_TIMEOUT;
        }
        if (sok_host_cut_off(nc->host) || sok_host_step(nc->host, left) < 0)
            return SOK_NC_FAILED;
    }
}

static const char *shown(const struct sok_endpoint *e, char out[SOK_ADDR_TEXT_MAX])
{
    return sok_addr_format(e->addr, out);
}

int sok_nc_failed(const struct sok_nc *nc, int err)
{
    char text[SOK_ADDR_TEXT_MAX];
    return sok_cli_fail(1, "connect to %s port %u: %s", shown(&nc->remote, text), nc->remote.port,
        sok_strerror(err));
}

// ---- a stream ----

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
    struct sok_info info;
    return sok_getinfo(nc->s, &info) < 0 || info.send_queued == 0;
}

// How it went, and what kept us from sending more: from one part in a hundred on, in their order.
static void say_how_it_went(struct sok_nc *nc, bool well)
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

static int connect_ended(struct sok_nc *nc)
{
    return (sok_socket_ready(nc->s) & (SOK_POLL_OUT | SOK_POLL_ERROR | SOK_POLL_HUP)) != 0;
}

static int connect_stream(struct sok_nc *nc)
{
    int64_t err = 0;
    int r = sok_socket(nc->host, SOK_STREAM, &nc->s);
    if (r == 0 && nc->local.port != 0)
        r = sok_bind(nc->s, &nc->local);
    if (r == 0)
        r = sok_connect(nc->s, &nc->remote);
    if (r != 0 && r != SOK_EINPROGRESS)
        return sok_nc_failed(nc, r);
    nc->active_at = sok_host_now(nc->host);
    r = sok_nc_until(nc, connect_ended, true);
    if (r == SOK_NC_TIMEOUT)
        return sok_nc_failed(nc, SOK_ETIMEDOUT);
    if (r != 1)
        return 128 + sok_cli_interrupted();
    sok_getsockopt(nc->s, SOK_OPT_ERROR, &err);
    if (err < 0)
        return sok_nc_failed(nc, (int)err);
    if (nc->verbose) {
        char text[SOK_ADDR_TEXT_MAX];
        fprintf(stderr, "Connection to %s %u port [tcp/*] succeeded!\n", shown(&nc->remote, text),
            nc->remote.port);
        sok_cli_say_name(nc->host, nc->remote.addr);
    }
    return 0;
}

static int one_waits(struct sok_nc *nc)
{
    return (sok_socket_ready(nc->listener) & SOK_POLL_IN) != 0;
}

static int accept_stream(struct sok_nc *nc)
{
    nc->active_at = sok_host_now(nc->host);
    for (;;) {
        int r = sok_nc_until(nc, one_waits, true);
        if (r == SOK_NC_TIMEOUT)
            return 1;
        if (r != 1)
            return 128 + sok_cli_interrupted();
        r = sok_accept(nc->listener, &nc->s);
        if (r == 0)
            break;
        if (r != SOK_EAGAIN && r != SOK_EABORTED)
            return sok_cli_fail(1, "accept: %s", sok_strerror(r));
    }
    sok_getpeername(nc->s, &nc->remote);
    if (nc->verbose) {
        char text[SOK_ADDR_TEXT_MAX];
        fprintf(
            stderr, "Connection received on %s %u\n", shown(&nc->remote, text), nc->remote.port);
        sok_cli_say_name(nc->host, nc->remote.addr);
    }
    return 0;
}

static int listen_stream(struct sok_nc *nc)
{
    int r = sok_socket(nc->host, SOK_STREAM, &nc->listener);
    if (r == 0)
        r = sok_bind(nc->listener, &nc->local);
    if (r == 0)
        r = sok_listen(nc->listener, nc->keep ? 128 : 1);
    char text[SOK_ADDR_TEXT_MAX];
    if (r < 0)
        return sok_cli_fail(1, "listen on %s port %u: %s", shown(&nc->local, text), nc->local.port,
            sok_strerror(r));
    if (nc->verbose)
        fprintf(stderr, "Listening on %s %u\n", shown(&nc->local, text), nc->local.port);
    return 0;
}

static int run_stream(struct sok_nc *nc)
{
    int code = nc->listen ? listen_stream(nc) : 0;
    if (code != 0)
        return code;
    do {
        code = nc->listen ? accept_stream(nc) : connect_stream(nc);
        if (code != 0)
            break;
        if (!nc->keep && nc->listener) {
            sok_close(nc->listener);
            nc->listener = NULL;
        }
        if (!nc->zero)
            code = sok_nc_relay(nc);
        if (nc->verbose && !nc->zero)
            say_how_it_went(nc, code == 0);
        sok_close(nc->s);
        nc->s = NULL;
    } while (nc->keep && !sok_cli_interrupted() && code != 128 + SIGPIPE);
    return code;
}

static int64_t look_up_until(const struct sok_nc *nc)
{
    return nc->wait_ns > 0 ? sok_host_now(nc->host) + nc->wait_ns : INT64_MAX;
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct sok_nc nc = {0};
    struct sok_cli_host ho = {0};
    int at = sok_cli_parse(self, argc, argv, take_option, &nc, &ho);
    if (at < 0)
        return sok_cli_exit_code(at);
    int code = take_arguments(&nc, argc - at, argv + at);
    ho.verbose = nc.verbose;
    if (code == 0)
        code = sok_nc_out_open(&nc);
    if (code == 0)
        code = sok_cli_host_open(&ho, &nc.host);
    if (code != 0)
        return code;
    if (nc.proto)
        code = sok_nc_proto_may(&nc);
    else if (nc.listen)
        code = sok_cli_may_listen(nc.host, nc.local.port);
    if (code != 0)
        return sok_cli_host_close(&ho, nc.host, code);
    sok_cli_signals(nc.host);
    if (nc.address)
        code = sok_cli_resolve(
            nc.host, nc.address, look_up_until(&nc), nc.listen ? &nc.local.addr : &nc.remote.addr);
    if (code == 0)
        code = sok_nc_out_start(&nc);
    if (code == 0)
        code = nc.proto ? sok_nc_proto(&nc) : nc.udp ? sok_nc_datagrams(&nc) : run_stream(&nc);
    sok_nc_out_close(&nc);
    sok_close(nc.s);
    sok_close(nc.listener);
    // A peer that answers our FIN gets its acknowledgment; one that is gone is not waited for long.
    sok_host_linger(nc.host, INT64_C(2000000000));
    return sok_cli_host_close(&ho, nc.host, code);
}

const struct sok_cli_command sok_cmd_nc = {
    .name = "nc",
    .summary = "Talk to a port by hand, or wait for somebody on one",
    .usage = "[OPTION...] HOST PORT | -l [OPTION...] [[HOST] PORT] | --proto N [-l] [HOST]",
    .about = "Two terminals, no privileges:\n\n"
             "  sockeye nc -l --link lan:a --addr 192.0.2.1/24 -p 7\n"
             "  sockeye nc --link lan:a --addr 192.0.2.2/24 192.0.2.1 7\n\n"
             "Ctrl-D ends what you say, Ctrl-C closes the connection. HOST is a name or an "
             "address; exit\n"
             "code 6: there is no such name.\n",
    .options = options,
    .talks = true,
    .run = run,
};
