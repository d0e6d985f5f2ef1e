// sockeye ping: echo requests, and the reason when no answer comes.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/ping.h"
#include "link/user.h"

#define SEQS 65536

static const struct sok_cli_option options[] = {
    {'c', "count", "N", "stop after N requests"},
    {'i', "interval", "SECONDS", "between two requests (1)"},
    {'s', "size", "BYTES", "of data in a request (56)"},
    {'W', "timeout", "SECONDS", "wait so long for an answer (4)"},
    {'t', "ttl", "N", "time to live (64)"},
    {'4', "ipv4", NULL, "an IPv4 address"},
    {'6', "ipv6", NULL, "an IPv6 address"},
    {'v', "verbose", NULL, "how the way there was made, and the name of who answers"},
    SOK_CLI_OPTION_KERNEL,
    {0, NULL, NULL, NULL},
};

struct ping {
    struct sok_host *host;
    struct sok_socket *s;
    struct sok_ping_kernel *kernel; // instead of it; NULL: none
    struct sok_endpoint to;
    char to_text[SOK_ADDR_TEXT_MAX];
    const char *name;          // as typed
    uint64_t count;            // 0: for ever
    int64_t interval, timeout; // ns
    size_t size;
    uint8_t ttl;     // 0: default
    unsigned family; // 0: either
    bool verbose, over_kernel;
    uint64_t sent, received, errors, duplicates;
    int64_t started, last_sent, next_at;
    double min, max, sum, squares; // ms
    uint8_t data[65507];
    int64_t sent_at[SEQS]; // by sequence number; 0: none on its way
    bool answered[SEQS];
    uint64_t expired; // requests up to here were answered, or said to be not
};

static struct ping ping; // large

static int take_option(void *ctx, int key, const char *arg)
{
    struct ping *p = ctx;
    uint64_t n = 0;
    bool ok;
    switch (key) {
    case SOK_CLI_KEY_KERNEL:
        p->over_kernel = true;
        return 0;
    case '4':
    case '6':
        p->family = key == '4' ? 4 : 6;
        return 0;
    case 'v':
        p->verbose = true;
        return 0;
    case 'c':
        ok = sok_cli_number(arg, 1, UINT64_MAX, &p->count);
        break;
    case 'i':
        ok = sok_cli_seconds(arg, &p->interval) && p->interval >= 1000000;
        break;
    case 's':
        ok = sok_cli_number(arg, 0, sizeof(p->data), &n);
        p->size = (size_t)n;
        break;
    case 'W':
        ok = sok_cli_seconds(arg, &p->timeout) && p->timeout > 0;
        break;
    default:
        ok = sok_cli_number(arg, 1, 255, &n);
        p->ttl = (uint8_t)n;
        break;
    }
    return ok ? 0 : sok_cli_usage(&sok_cmd_ping, "-%c %s: not a number that fits", key, arg);
}

// RFC 4443 section 3.
static const char *what_is_wrong6(const struct sok_ping_reply *r)
{
    static const char *const unreachable[] = {
        "Destination unreachable: No route",
        "Destination unreachable: Administratively prohibited",
        "Destination unreachable: Beyond scope of source address",
        "Destination unreachable: Address unreachable",
        "Destination unreachable: Port unreachable",
        "Destination unreachable: Source address failed policy",
        "Destination unreachable: Reject route",
    };
    switch (r->icmp_type) {
    case 1:
        return r->icmp_code < sizeof(unreachable) / sizeof(unreachable[0])
                   ? unreachable[r->icmp_code]
                   : "Destination unreachable";
    case 2:
        return "Packet too big";
    case 3:
        return r->icmp_code == 0 ? "Time exceeded: Hop limit"
                                 : "Time exceeded: Defragmentation failure";
    case 4:
        return r->icmp_code == 1 ? "Parameter problem: Unknown next header" : "Parameter problem";
    default:
        return r->err == SOK_EHOSTUNREACH ? "Destination unreachable: Address unreachable"
                                          : sok_strerror(r->err);
    }
}

// What an ICMP error says, as ping users know it.
static const char *what_is_wrong(const struct ping *p, const struct sok_ping_reply *r)
{
    if (!sok_addr_is_v4(p->to.addr))
        return what_is_wrong6(r);
    static const char *const unreachable[] = {
        "Destination Net Unreachable",
        "Destination Host Unreachable",
        "Destination Protocol Unreachable",
        "Destination Port Unreachable",
        "Frag needed and DF set",
        "Source Route Failed",
    };
    if (r->icmp_type == 3 && r->icmp_code < sizeof(unreachable) / sizeof(unreachable[0]))
        return unreachable[r->icmp_code];
    if (r->icmp_type == 3 && (r->icmp_code == 9 || r->icmp_code == 10 || r->icmp_code == 13))
        return "Packet filtered";
    if (r->icmp_type == 11)
        return r->icmp_code == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded";
    return r->err == SOK_EHOSTUNREACH ? "Destination Host Unreachable" : sok_strerror(r->err);
}

static void show_reply(struct ping *p, const struct sok_ping_reply *r)
{
    char from[SOK_ADDR_TEXT_MAX];
    double ms = (double)r->rtt_ns / 1e6;
    bool again = p->answered[r->seq];
    sok_addr_format(r->from, from);
    if (r->err) {
        // Nobody sent this: our own neighbour resolution gave up.
        bool own = r->icmp_type == 0;
        printf("From %s icmp_seq=%u %s%s\n", from, r->seq, what_is_wrong(p, r),
            !own                         ? ""
            : sok_addr_is_v4(p->to.addr) ? " (nobody answers ARP for the next hop)"
                                         : " (nobody answers for the next hop)");
        p->errors++;
        p->answered[r->seq] = true;
        return;
    }
    printf("%u bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms%s\n", r->len + 8, from, r->seq,
        r->ttl, ms, again ? " (DUP!)" : "");
    if (again) {
        p->duplicates++;
        return;
    }
    p->answered[r->seq] = true;
    p->min = p->received == 0 || ms < p->min ? ms : p->min;
    p->max = ms > p->max ? ms : p->max;
    p->sum += ms;
    p->squares += ms * ms;
    p->received++;
}

static int send_one(struct ping *p, int64_t now)
{
    uint16_t seq = (uint16_t)(p->sent + 1);
    p->sent++;
    p->sent_at[seq] = now;
    p->answered[seq] = false;
    p->last_sent = now;
    p->next_at = now + p->interval;
    int r = p->kernel ? sok_ping_kernel_send(p->kernel, &p->to, seq, p->data, p->size, p->ttl)
                      : sok_ping_sendto(p->s, &p->to, seq, p->data, p->size, p->ttl);
    if (r < 0) {
        sok_cli_fail(0, "%s: %s", p->to_text, sok_strerror(r));
        p->answered[seq] = true;
        p->errors++;
    }
    return r;
}

// Says of each request whose time is over that nobody answered it.
static void expire(struct ping *p, int64_t now)
{
    while (p->expired < p->sent) {
        uint16_t seq = (uint16_t)(p->expired + 1);
        if (!p->answered[seq] && now - p->sent_at[seq] < p->timeout)
            return;
        if (!p->answered[seq]) {
            printf("no answer to icmp_seq=%u after %.3g s\n", seq, (double)p->timeout / 1e9);
            fflush(stdout);
        }
        p->expired++;
    }
}

static bool finished(const struct ping *p)
{
    return p->count > 0 && p->sent >= p->count && p->expired == p->sent;
}

static int receive(struct ping *p, struct sok_ping_reply *reply)
{
    if (!p->kernel)
        return sok_ping_recv(p->s, reply);
    int r = sok_ping_kernel_recv(p->kernel, reply);
    if (r == 0)
        reply->rtt_ns = sok_host_now(p->host) - p->sent_at[reply->seq];
    return r;
}

static void loop(struct ping *p)
{
    p->started = p->next_at = sok_host_now(p->host);
    while (!sok_cli_interrupted()) {
        struct sok_ping_reply reply;
        while (receive(p, &reply) == 0) {
            show_reply(p, &reply);
            fflush(stdout);
        }
        int64_t now = sok_host_now(p->host);
        expire(p, now);
        if (finished(p) || ferror(stdout))
            return;
        bool more = p->count == 0 || p->sent < p->count;
        if (more && now >= p->next_at && send_one(p, now) == SOK_ENETUNREACH)
            p->next_at = now + p->interval;
        int64_t wake = more ? p->next_at : INT64_MAX;
        if (p->expired < p->sent) {
            int64_t due = p->sent_at[(uint16_t)(p->expired + 1)] + p->timeout;
            wake = due < wake ? due : wake;
        }
        now = sok_host_now(p->host);
        if (sok_host_cut_off(p->host) || sok_host_step(p->host, wake > now ? wake - now : 0) < 0)
            return;
    }
}

static void summary(const struct ping *p)
{
    double lost = p->sent > 0 ? 100.0 * (double)(p->sent - p->received) / (double)p->sent : 0;
    printf("\n--- %s ping statistics ---\n%llu packets transmitted, %llu received, ", p->name,
        (unsigned long long)p->sent, (unsigned long long)p->received);
    if (p->duplicates > 0)
        printf("+%llu duplicates, ", (unsigned long long)p->duplicates);
    if (p->errors > 0)
        printf("+%llu errors, ", (unsigned long long)p->errors);
    printf("%.4g%% packet loss, time %lldms\n", lost,
        (long long)((sok_host_now(p->host) - p->started) / 1000000));
    if (p->received == 0)
        return;
    double n = (double)p->received, avg = p->sum / n;
    double var = p->squares / n - avg * avg;
    printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min, avg, p->max,
        sqrt(var > 0 ? var : 0));
}

static int open_own(struct ping *p, struct sok_cli_host *ho)
{
    int code = sok_cli_host_open(ho, &p->host);
    if (code != 0)
        return code;
    sok_cli_signals(p->host);
    if (sok_cli_host_inside(p->host) && !sok_link_user_can_ping())
        sok_cli_fail(0,
            "the kernel lets this user have no ping sockets, so nobody outside is asked "
            "(see: sysctl net.ipv4.ping_group_range)");
    code = sok_cli_resolve(p->host, p->name, p->family, INT64_MAX, &p->to);
    int r = code == 0 ? sok_socket(p->host, SOK_ECHO, &p->s) : 0;
    return r < 0 ? sok_cli_fail(2, "ping: %s", sok_strerror(r)) : code;
}

// The name is looked up and the socket made before the process is confined.
static int open_kernel(struct ping *p, const struct sok_cli_host *ho)
{
    struct sok_confine c = {0};
    int code = sok_cli_kernel_check(&sok_cmd_ping, ho);
    if (code == 0)
        code = sok_cli_kernel_begin(&p->host);
    if (code == 0)
        code = sok_ping_kernel_open(p->host, p->name, p->family, &p->to, &p->kernel);
    if (code == 0)
        code = sok_cli_kernel_confine(ho, &c);
    if (code == 0)
        sok_cli_signals(p->host);
    return code;
}

static int finish(struct ping *p, const struct sok_cli_host *ho, int code)
{
    if (!p->host)
        return code;
    sok_close(p->s);
    if (!p->over_kernel)
        return sok_cli_host_close(ho, p->host, code);
    sok_ping_kernel_close(p->kernel);
    return sok_cli_kernel_end(ho, p->host, code);
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct sok_cli_host ho = {0};
    struct ping *p = &ping;
    p->interval = INT64_C(1000000000);
    p->timeout = 4 * p->interval; // longer than ARP takes to give up
    p->size = 56;
    int at = sok_cli_parse(self, argc, argv, take_option, p, &ho);
    if (at < 0)
        return sok_cli_exit_code(at);
    if (argc - at != 1)
        return sok_cli_usage(self, argc == at ? "no host given" : "one host at a time");
    for (size_t i = 0; i < p->size; i++)
        p->data[i] = (uint8_t)i;
    ho.verbose = p->verbose;
    p->name = argv[at];
    int code = p->over_kernel ? open_kernel(p, &ho) : open_own(p, &ho);
    if (code != 0) // a name nobody knows is 2, as with ping(8)
        return finish(p, &ho, code == SOK_EXIT_NO_NAME ? 2 : code);
    sok_addr_format(p->to.addr, p->to_text);
    if (sok_addr_is_v4(p->to.addr))
        printf(
            "PING %s (%s) %zu(%zu) bytes of data.\n", p->name, p->to_text, p->size, p->size + 28);
    else // as ping(8) has it
        printf("PING %s(%s) %zu data bytes\n", p->name, p->to_text, p->size);
    fflush(stdout);
    if (p->verbose && !p->over_kernel)
        sok_cli_say_name(p->host, p->to.addr);
    loop(p);
    summary(p);
    fflush(stdout);
    return finish(p, &ho, p->received > 0 ? 0 : 1);
}

const struct sok_cli_command sok_cmd_ping = {
    .name = "ping",
    .summary = "Ask a host whether it is there",
    .usage = "[OPTION...] HOST",
    .about = "Exit code 0: somebody answered; 1: nobody did; 2: there is no such name, or another "
             "problem.\n\n"
             "  sockeye ping --link tap:s0 --addr 192.0.2.2/24 -c 3 192.0.2.1\n",
    .options = options,
    .talks = true,
    .joins = true,
    .run = run,
};
