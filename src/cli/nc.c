// sockeye nc: stdin to a peer, a peer to stdout. Everything is moved by what is ready: stdin is read
// while the connection takes bytes, straight into the buffers that are sent; what arrives is written to
// stdout straight from the buffers it arrived in. The end of stdin becomes a FIN, the peer's FIN closes
// stdout, and neither stops the other direction. Whose sockets carry it is a table (struct sok_nc_net).
//
// Words, options and messages are those of OpenBSD's nc where there is no reason for others; the man
// page says which, tests/interop/netcat.py runs both beside each other.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/kernel.h"
#include "cli/nc.h"

#define OPTION_PROTO 256

static const struct sok_cli_option options[] = {
    {'l', "listen", NULL, "wait for a peer"},
    {'u', "udp", NULL, "datagrams (UDP) instead of a stream"},
    {'U', "unix", NULL, "AF_UNIX: a path instead of HOST and PORT; the kernel's sockets"},
    {'p', "port", "PORT", "own port"},
    {'s', "source", "ADDRESS", "own address (with -U and -u: own path)"},
    {'k', "keep", NULL, "with -l: the next peer after this one"},
    {'z', "zero", NULL, "only see whether something listens; PORT may be a range, 20-30"},
    {'N', "shutdown", NULL, "with -u: leave when stdin ends (a stream always says so with a FIN)"},
    {'q', "quit", "SECONDS", "leave so long after stdin ended; -1: wait for the peer for ever"},
    {'w', "wait", "SECONDS", "give up connecting, or an idle peer, after so long"},
    {'n', "numeric", NULL, "no names: neither of hosts nor of ports"},
    {'4', NULL, NULL, "IPv4 only"},
    {'6', NULL, NULL, "IPv6 only (with --kernel)"},
    {'v', "verbose", NULL, "say who connects; at the end what was sent, and what limited it"},
    {OPTION_PROTO, "proto", "N", "raw IP datagrams of this protocol, without ports"},
    SOK_CLI_OPTION_KERNEL,
    {0, NULL, NULL, NULL},
};

static bool take_flag(struct sok_nc *nc, int key)
{
    switch (key) {
    case 'l':
        return nc->listen = true;
    case 'u':
        return nc->udp = true;
    case 'U':
        return nc->local_path = true;
    case 'k':
        return nc->keep = true;
    case 'z':
        return nc->zero = true;
    case 'N':
        return nc->leave_at_end = true;
    case 'n':
        return nc->numeric = true;
    case 'v':
        return nc->verbose = true;
    case SOK_CLI_KEY_KERNEL:
        return nc->kernel = true;
    case '4':
    case '6':
        nc->family = key - '0';
        return true;
    default:
        return false;
    }
}

static int take_option(void *ctx, int key, const char *arg)
{
    struct sok_nc *nc = ctx;
    if (take_flag(nc, key))
        return 0;
    switch (key) {
    case OPTION_PROTO:
        return sok_nc_proto_option(nc, arg);
    case 's':
        nc->source = arg;
        return 0;
    case 'p':
        if (sok_cli_port(arg, &nc->local.port))
            return 0;
        return sok_cli_usage(&sok_cmd_nc, "not a port: %s (1 to 65535)", arg);
    case 'q':
        nc->quit_ns = SOK_NC_QUIT_NEVER;
        if (arg[0] == '-' ? sok_cli_seconds(arg + 1, &(int64_t){0})
                          : sok_cli_seconds(arg, &nc->quit_ns))
            return 0;
        return sok_cli_usage(&sok_cmd_nc, "quit timer invalid: %s (seconds)", arg);
    default:
        if (sok_cli_seconds(arg, &nc->wait_ns) && nc->wait_ns > 0)
            return 0;
        return sok_cli_usage(&sok_cmd_nc, "timeout invalid: %s (seconds)", arg);
    }
}

// What does not go together, in OpenBSD's words.
static int check_options(const struct sok_nc *nc, const struct sok_cli_host *ho)
{
    const char *wrong = nc->listen && nc->zero                  ? "cannot use -z and -l"
                        : nc->keep && !nc->listen               ? "must use -l with -k"
                        : nc->local_path && nc->zero            ? "cannot use -z and -U"
                        : nc->local_path && nc->keep && nc->udp ? "cannot use -u and -k with -U"
                        : nc->local_path && nc->local.port      ? "cannot use -p and -U"
                        : nc->local_path && nc->source && !nc->udp
                            ? "cannot use -s and -U without -u"
                        : nc->proto && (nc->kernel || nc->local_path)
                            ? "--proto is Sockeye's own stack's: not with --kernel or -U"
                            : NULL;
    if (wrong)
        return sok_cli_usage(&sok_cmd_nc, "%s", wrong);
    if (nc->local_path && ho->given)
        return sok_cli_usage(
            &sok_cmd_nc, "--%s is for Sockeye's own stack, -U is the kernel's", ho->given);
    return nc->kernel ? sok_cli_kernel_check(&sok_cmd_nc, ho) : 0;
}

// PATH
static int take_path(struct sok_nc *nc, int count, char **args)
{
    if (count == 0)
        return sok_cli_usage(&sok_cmd_nc, "no path given");
    if (count > 1)
        return sok_cli_usage(&sok_cmd_nc, "cannot use port with -U");
    nc->address = args[0];
    return 0;
}

// HOST PORT; with -l: nothing, PORT, or HOST PORT (the own ones), after -p just HOST.
static int take_arguments(struct sok_nc *nc, int count, char **args)
{
    bool has_port = nc->listen && nc->local.port != 0;
    if (nc->proto)
        return sok_nc_proto_arguments(nc, count, args);
    if (nc->local_path)
        return take_path(nc, count, args);
    if (count > 2 || (has_port && count > 1))
        return sok_cli_usage(&sok_cmd_nc, "too many arguments: %s", args[has_port ? 1 : 2]);
    if (!nc->listen && count < 2)
        return sok_cli_usage(
            &sok_cmd_nc, count == 0 ? "no host and no port given" : "missing port number");
    if (nc->listen && !has_port && count == 0)
        return sok_cli_usage(&sok_cmd_nc, "no port to listen on (-p PORT)");
    if (count == 2 || (has_port && count == 1))
        nc->address = args[0];
    if (has_port)
        return 0;
    int code = sok_nc_take_port(nc, args[count - 1]);
    if (nc->listen)
        nc->local.port = nc->port;
    return code;
}

// Steps until cond() gives non-zero, the signal or the end of a wait comes.
int sok_nc_until(struct sok_nc *nc, int (*cond)(struct sok_nc *nc), bool idle_counts)
{
    for (;;) {
        int r = cond(nc);
        if (r != 0)
            return r;
        if (sok_cli_interrupted())
            return SOK_NC_INTERRUPTED;
        int64_t left = -1, now = sok_host_now(nc->host);
        if (nc->wait_ns > 0 && idle_counts) {
            left = nc->active_at + nc->wait_ns - now;
            if (left <= 0)
                return SOK_NC_TIMEOUT;
        }
        if (nc->leave_at > 0) {
            if (nc->leave_at <= now)
                return SOK_NC_LEAVE;
            left = left < 0 || nc->leave_at - now < left ? nc->leave_at - now : left;
        }
        if (sok_host_cut_off(nc->host) || sok_host_step(nc->host, left) < 0)
            return SOK_NC_FAILED;
    }
}

// ---- what is said ----

// "192.0.2.1", "www.example (192.0.2.1)"; out has room for both.
#define WHO_MAX (256 + SOK_NC_PEER_TEXT_MAX)
static const char *who(const struct sok_nc *nc, char out[WHO_MAX])
{
    char text[SOK_NC_PEER_TEXT_MAX];
    nc->net->name(&nc->peer, text);
    if (nc->listen || !nc->address || strcmp(nc->address, text) == 0)
        snprintf(out, WHO_MAX, "%s", text);
    else
        snprintf(out, WHO_MAX, "%.253s (%s)", nc->address, text);
    return out;
}

int sok_nc_failed(const struct sok_nc *nc, int err)
{
    char text[WHO_MAX];
    if (nc->bind_failed)
        return sok_cli_fail(1, "bind failed: %s", sok_strerror(err));
    if (nc->local_path)
        return sok_cli_fail(1, "%s: %s", nc->address,
            err == SOK_ENONAME ? "No such file or directory" : sok_strerror(err));
    return sok_cli_fail(1, "connect to %s port %u (%s) failed: %s", who(nc, text),
        nc->net->port(&nc->peer), nc->udp ? "udp" : "tcp", sok_strerror(err));
}

void sok_nc_say_connected(const struct sok_nc *nc)
{
    char text[WHO_MAX];
    uint16_t port = nc->net->port(&nc->peer);
    fprintf(stderr, "Connection to %s %u port [%s/%s] succeeded!\n", who(nc, text), port,
        nc->udp ? "udp" : "tcp", sok_nc_service(nc, port));
}

// "192.0.2.1 80", a path.
static const char *place(const struct sok_nc *nc, char out[SOK_NC_PEER_TEXT_MAX + 8])
{
    char text[SOK_NC_PEER_TEXT_MAX];
    nc->net->name(&nc->peer, text);
    if (nc->local_path)
        snprintf(out, SOK_NC_PEER_TEXT_MAX + 8, "%s", text);
    else
        snprintf(out, SOK_NC_PEER_TEXT_MAX + 8, "%s %u", text, nc->net->port(&nc->peer));
    return out;
}

void sok_nc_say_received(struct sok_nc *nc)
{
    char text[SOK_NC_PEER_TEXT_MAX + 8];
    fprintf(stderr, "Connection received on %s\n", nc->local_path ? nc->address : place(nc, text));
    if (nc->net->say_peer)
        nc->net->say_peer(nc);
}

// ---- a stream ----

static int connect_ended(struct sok_nc *nc)
{
    return nc->net->connected(nc);
}

// 0, or an error.
static int connect_one(struct sok_nc *nc, unsigned target, uint16_t port)
{
    int r = nc->net->connect(nc, target, port);
    if (r != SOK_EINPROGRESS)
        return r;
    nc->active_at = sok_host_now(nc->host);
    r = sok_nc_until(nc, connect_ended, true);
    return r == 1                    ? 0
           : r == SOK_NC_TIMEOUT     ? SOK_ETIMEDOUT
           : r == SOK_NC_INTERRUPTED ? SOK_EABORTED
                                     : r;
}

// One address of the name after the other. A scanner's failures are told by its exit code, and with -v.
static int connect_stream(struct sok_nc *nc, uint16_t port)
{
    unsigned count = nc->net->targets(nc);
    for (unsigned i = 0; i < count; i++) {
        int r = connect_one(nc, i, port);
        if (r == 0) {
            if (nc->verbose && !nc->local_path) {
                sok_nc_say_connected(nc);
                if (nc->net->say_peer)
                    nc->net->say_peer(nc);
            }
            return 0;
        }
        nc->net->close(nc);
        if (sok_cli_interrupted())
            return 128 + sok_cli_interrupted();
        if (nc->verbose || !nc->zero)
            sok_nc_failed(nc, r);
    }
    return 1;
}

// A failure is kept until accept_stream() asks for it.
static int one_came(struct sok_nc *nc)
{
    int r = nc->net->accept(nc);
    nc->code = r < 0 ? r : 0;
    return r != SOK_EAGAIN;
}

static int accept_stream(struct sok_nc *nc)
{
    nc->active_at = sok_host_now(nc->host);
    int r = sok_nc_until(nc, one_came, true);
    if (r == SOK_NC_TIMEOUT)
        return 1;
    if (r != 1)
        return r == SOK_NC_INTERRUPTED ? 128 + sok_cli_interrupted() : 1;
    if (nc->code < 0)
        return sok_cli_fail(1, "accept: %s", sok_strerror(nc->code));
    if (nc->verbose)
        sok_nc_say_received(nc);
    return 0;
}

static int start_listening(struct sok_nc *nc)
{
    char text[SOK_NC_PEER_TEXT_MAX + 8];
    int r = nc->net->listen(nc);
    if (r < 0)
        return nc->local_path
                   ? sok_cli_fail(1, "%s: %s", nc->address, sok_strerror(r))
                   : sok_cli_fail(1, "listen on %s: %s", place(nc, text), sok_strerror(r));
    if (nc->verbose && (nc->udp || nc->local_path))
        fprintf(stderr, "Bound on %s\n", place(nc, text));
    if (nc->verbose && !nc->udp)
        fprintf(stderr, "Listening on %s\n", place(nc, text));
    return 0;
}

static int talk(struct sok_nc *nc)
{
    int code = nc->zero ? 0 : sok_nc_relay(nc);
    if (nc->verbose && !nc->zero && nc->net->say_how)
        nc->net->say_how(nc, code == 0);
    nc->net->close(nc);
    return code;
}

static int serve_streams(struct sok_nc *nc)
{
    int code;
    do {
        code = accept_stream(nc);
        if (code != 0)
            break;
        if (!nc->keep)
            nc->net->close_listener(nc);
        code = talk(nc);
    } while (nc->keep && !sok_cli_interrupted() && code != 128 + SIGPIPE);
    return sok_cli_interrupted() ? 128 + sok_cli_interrupted() : code;
}

// Ports in their order: 0 when one of them was open.
static int call_streams(struct sok_nc *nc)
{
    int result = 1;
    for (unsigned port = nc->port; port <= nc->port_last; port++) {
        int code = connect_stream(nc, (uint16_t)port);
        if (code == 0)
            code = talk(nc);
        if (code == 0)
            result = 0;
        else if (code > 1)
            return code;
        if (sok_cli_interrupted())
            return 128 + sok_cli_interrupted();
    }
    return result;
}

static int converse(struct sok_nc *nc)
{
    if (nc->proto)
        return sok_nc_proto(nc);
    int code = nc->listen ? start_listening(nc) : 0;
    if (code != 0)
        return code;
    if (nc->udp)
        return sok_nc_datagrams(nc);
    return nc->listen ? serve_streams(nc) : call_streams(nc);
}

static int finish(struct sok_nc *nc, struct sok_cli_host *ho, int code)
{
    if (!nc->host)
        return code;
    if (nc->net != &sok_nc_own)
        return sok_nc_kernel_end(nc, ho, code);
    sok_close(nc->s);
    sok_close(nc->listener);
    // A peer that answers our FIN gets its acknowledgment; one that is gone is not waited for long.
    sok_host_linger(nc->host, INT64_C(2000000000));
    return sok_cli_host_close(ho, nc->host, code);
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct sok_nc nc = {.quit_ns = SOK_NC_QUIT_NOT_GIVEN};
    struct sok_cli_host ho = {0};
    int at = sok_cli_parse(self, argc, argv, take_option, &nc, &ho);
    if (at < 0)
        return sok_cli_exit_code(at);
    int code = check_options(&nc, &ho);
    if (code == 0)
        code = take_arguments(&nc, argc - at, argv + at);
    ho.verbose = nc.verbose;
    if (code == 0)
        code = sok_nc_out_open(&nc);
    if (code != 0)
        return code;
    sok_nc_services_read(&nc);
    code = nc.kernel || nc.local_path ? sok_nc_kernel_open(&nc, &ho) : sok_nc_own_open(&nc, &ho);
    if (code == 0)
        code = sok_nc_out_start(&nc);
    if (code == 0)
        code = converse(&nc);
    sok_nc_out_close(&nc);
    free(nc.services);
    return finish(&nc, &ho, code);
}

const struct sok_cli_command sok_cmd_nc = {
    .name = "nc",
    .summary = "Talk to a port by hand, or wait for somebody on one",
    .usage = "[OPTION...] HOST PORT[-PORT] | -l [OPTION...] [[HOST] PORT]\n"
             "       sockeye nc -U [OPTION...] PATH | --proto N [-l] [HOST]",
    .about = "Two terminals, no privileges:\n\n"
             "  sockeye nc -l --link lan:a --addr 192.0.2.1/24 -p 7\n"
             "  sockeye nc --link lan:a --addr 192.0.2.2/24 192.0.2.1 7\n\n"
             "Ctrl-D ends what you say, Ctrl-C closes the connection. HOST is a name or an "
             "address; exit\n"
             "code 6: there is no such name. Which ports are open: sockeye nc -zv HOST 20-30\n",
    .options = options,
    .talks = true,
    .joins = true,
    .run = run,
};
