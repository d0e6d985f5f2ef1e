// sockeye demo: a page fetched through our own TCP from a server on the kernel's sockets, in a network
// that exists for this minute only. One packet is lost on purpose. Nothing is left behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/confine.h"
#include "cli/demo.h"
#include "host/host.h"
#include "host/timeline.h"

// Our frames are: 1 who-has, 2 SYN, 3 the handshake's last ACK, 4 the request.
#define IMPAIR      "drop-out=4"
#define LOST_FRAME  4
#define PATIENCE_NS INT64_C(10000000000)

struct demo {
    struct sok_host *us, *them; // them: NULL when the kernel is
    pid_t child;
    char link[32];
    bool colour;
    size_t bytes;
};

// ---- looks for the lost packet, to tell about it what really happened ----

struct witness {
    struct sok_view view; // first
    unsigned sent;
    int64_t first, lost_at, again_at;
    uint8_t again_reason;
};

static void witness_event(struct sok_view *v, const struct sok_event *e)
{
    struct witness *w = (struct witness *)v;
    if (w->first == 0)
        w->first = e->now;
    if (e->kind != SOK_EVENT_OUT)
        return;
    w->sent++;
    if (w->sent == LOST_FRAME)
        w->lost_at = e->now;
    uint8_t r = e->packet.reason;
    if (w->again_at == 0 && w->lost_at != 0 &&
        (r == SOK_REASON_RTO || r == SOK_REASON_FAST_RETRANSMIT || r == SOK_REASON_RECOVERY)) {
        w->again_at = e->now;
        w->again_reason = r;
    }
}

static void witness_flush(struct sok_view *v)
{
    (void)v;
}

static int witness_close(struct sok_view *v)
{
    (void)v;
    return 0;
}

static const struct sok_view_ops witness_ops = {
    .event = witness_event,
    .flush = witness_flush,
    .close = witness_close,
};

// ---- the scene ----

static const char *bold(const struct demo *d)
{
    return d->colour ? "\033[1m" : "";
}

static const char *plain(const struct demo *d)
{
    return d->colour ? "\033[0m" : "";
}

static const struct sok_host_link us = {
    .size = sizeof(us),
    .addrs = (const char *const[]){SOK_DEMO_US SOK_DEMO_PREFIX, NULL},
    .impair = IMPAIR,
};

// The kernel at the other end. 0, or why not.
static int meet_kernel(struct demo *d, char *why)
{
    if (sok_demo_net(d->link, why) < 0)
        return -1;
    struct sok_host_link link = us;
    struct sok_host_config config;
    link.spec = d->link;
    sok_host_config_default(&config);
    // Nobody else is on this network who could have the address.
    config.settings = (const char *const[]){"acd=off", NULL};
    if (sok_host_new(&config, &d->us, why) < 0 || sok_host_link_add(d->us, &link, why) < 0 ||
        sok_demo_net_address(why) < 0)
        return -1;
    d->child = sok_demo_kernel_server();
    if (d->child < 0)
        snprintf(why, SOK_HOST_ERR_MAX, "no server process can be started");
    return d->child < 0 ? -1 : 0;
}

// A second Sockeye at the other end.
static int meet_sockeye(struct demo *d, char *err)
{
    struct sok_host_link them = {
        .size = sizeof(them),
        .addrs = (const char *const[]){SOK_DEMO_THEM SOK_DEMO_PREFIX, NULL},
    };
    sok_host_free(d->us);
    d->us = NULL;
    int r = sok_host_new(NULL, &d->us, err);
    if (r == 0)
        r = sok_host_new(NULL, &d->them, err);
    if (r == 0)
        r = sok_host_link_pair(d->us, &us, d->them, &them, err);
    return r < 0 ? r : sok_demo_sockeye_server(d->them);
}

static void introduce(const struct demo *d, const char *why)
{
    printf("%sSockeye fetches a page with its own TCP.%s\n", bold(d), plain(d));
    if (d->them) {
        printf(
            "%s.\nSo the server is a second Sockeye in this process, at the other end of a wire in "
            "memory.\n",
            why);
    } else {
        printf(
            "Server: the kernel's TCP, at %s in a private network that exists for this demo only.\n"
            "Client: Sockeye, at %s, over %s. The kernel does not know of this connection.\n",
            SOK_DEMO_THEM, SOK_DEMO_US, d->link);
    }
    printf("Our packet number %d, the request, is lost on purpose. Watch what TCP makes of it.\n\n",
        LOST_FRAME);
    fflush(stdout);
}

// ---- the page ----

static int fetch(struct demo *d)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: " SOK_DEMO_THEM "\r\nUser-Agent: sockeye\r\n\r\n";
    struct sok_endpoint to = {.port = SOK_DEMO_PORT};
    struct sok_socket *s = NULL;
    sok_addr_parse(SOK_DEMO_THEM, &to.addr);
    int64_t r = sok_socket(d->us, SOK_STREAM, &s);
    if (r == 0) {
        sok_setsockopt(s, SOK_OPT_BLOCKING, 1);
        sok_setsockopt(s, SOK_OPT_TIMEOUT, PATIENCE_NS);
        r = sok_connect(s, &to);
    }
    if (r == 0)
        r = sok_send(s, request, sizeof(request) - 1);
    while (r > 0) {
        char page[4096];
        r = sok_recv(s, page, sizeof(page));
        d->bytes += r > 0 ? (size_t)r : 0;
    }
    sok_close(s);
    sok_host_linger(d->us, INT64_C(1000000000));
    return (int)r;
}

static void explain(const struct demo *d, const struct witness *w)
{
    printf("\n%sThe page came: %zu bytes.%s\n\n", bold(d), d->bytes, plain(d));
    if (w->again_at != 0)
        printf(
            "What happened: the request left at %.6f s and was lost. Nobody acknowledged it, so "
            "%.0f ms\n"
            "later it was sent again; the timeline says why: \"%s\". Then the page followed, and\n"
            "both sides closed: a FIN each way, an ACK each way.\n\n",
            (double)(w->lost_at - w->first) / 1e9, (double)(w->again_at - w->lost_at) / 1e6,
            sok_reason_text((enum sok_reason)w->again_reason));
    printf(
        "%sWhat next?%s Two terminals, no privileges:\n\n"
        "  sockeye nc -l --link lan:a --addr 192.0.2.1/24 -p 7 --events\n"
        "  sockeye nc --link lan:a --addr 192.0.2.2/24 192.0.2.1 7\n\n"
        "Type, and press Ctrl-D in both. A bad wire: add --impair loss=10%%,delay=50ms to either.\n"
        "Keep it for Wireshark, reasons included: --record talk.pcapng.  All commands: sockeye "
        "-h\n",
        bold(d), plain(d));
}

static int play(struct demo *d, const char *why)
{
    struct witness witness = {.view = {.ops = &witness_ops}};
    introduce(d, why);
    struct sok_timeline_options o = {
        .file = stdout,
        .colour = d->colour,
        .utf8 = sok_timeline_locale_utf8(),
    };
    struct sok_view *timeline = sok_timeline_open(&o);
    if (timeline)
        sok_host_view_add(d->us, timeline);
    sok_host_view_add(d->us, &witness.view);
    int r = fetch(d);
    sok_host_views_close(d->us);
    size_t whole;
    sok_demo_page(&whole);
    if (r < 0 || d->bytes != whole)
        return sok_cli_fail(
            1, "the page did not come: %s", r < 0 ? sok_strerror(r) : "the connection ended early");
    explain(d, &witness);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int take_option(void *ctx, int key, const char *arg)
{
    (void)arg;
    if (key == 'm')
        *(bool *)ctx = true;
    return 0;
}

static const struct sok_cli_option options[] = {
    {'m', "memory", NULL, "no private network: both ends in this process"},
    {0, NULL, NULL, NULL},
};

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct demo d = {.child = -1, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    char why[SOK_HOST_ERR_MAX] = "As asked, no private network is made";
    char why_not[SOK_HOST_ERR_MAX];
    bool memory = false;
    int at = sok_cli_parse(self, argc, argv, take_option, &memory, NULL);
    if (at < 0)
        return sok_cli_exit_code(at);
    if (at < argc)
        return sok_cli_usage(self, "demo takes no arguments: %s", argv[at]);
    int code = 0;
    if (memory || meet_kernel(&d, why) < 0) {
        char err[SOK_HOST_ERR_MAX] = "";
        int r = meet_sockeye(&d, err);
        if (r < 0)
            code = sok_cli_fail(1, "%s", err[0] ? err : sok_strerror(r));
    }
    // In a namespace of our own sudo's user is nobody.
    struct sok_confine c = {.child = d.child, .stay = true};
    if (code == 0 && sok_confine(&c, why_not) < 0)
        code = sok_cli_fail(1, "%s", why_not);
    if (code == 0)
        code = play(&d, why);
    sok_host_free(d.us);
    sok_host_free(d.them);
    sok_demo_kernel_server_end(d.child);
    return code;
}

const struct sok_cli_command sok_cmd_demo = {
    .name = "demo",
    .summary = "See it work: a page, a lost packet, every step explained",
    .usage = "[-m]",
    .about = "No privileges and no network are needed, and nothing is left behind.\n",
    .options = options,
    .run = run,
};
