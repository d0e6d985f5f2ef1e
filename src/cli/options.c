#include "cli/options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sockeye/names.h>
#include "cli/confine.h"
#include "cli/steward.h"
#include "host/events_json.h"
#include "host/host.h"
#include "host/recorder.h"
#include "host/share.h"
#include "host/timeline.h"
#include "link/user.h"

#define KEYS_ROOM 65536 // left in a recording for TLS keys, some 500 bytes a connection

enum {
    KEY_LINK = 1000,
    KEY_ADDR,
    KEY_DHCP,
    KEY_SLAAC,
    KEY_GATEWAY,
    KEY_ROUTE,
    KEY_MAC,
    KEY_DNS,
    KEY_MTU,
    KEY_VLAN,
    KEY_NO_OFFLOAD,
    KEY_IMPAIR,
    KEY_RECORD,
    KEY_EVENTS,
    KEY_SET,
    KEY_SEED,
    KEY_NO_CONFINE,
    KEY_HOST,
};

const struct sok_cli_option sok_cli_host_options[] = {
    {KEY_LINK, "link", "LINK",
        "share[:IF], user, tap[:NAME], tun[:NAME], lan:NAME, packet:IF; again for more"},
    {KEY_ADDR, "addr", "CIDR",
        "own address and network, 192.0.2.2/24 or 2001:db8::2/64; link-local; again for more"},
    {KEY_DHCP, "dhcp", NULL, "address, gateway and name servers from a DHCP server"},
    {KEY_SLAAC, "slaac", NULL, "IPv6 addresses, router and name servers from what routers say"},
    {KEY_GATEWAY, "gateway", "ADDRESS",
        "where everything else is sent; again for the other family"},
    {KEY_ROUTE, "route", "ROUTE",
        "NET/LEN[,GATEWAY], what else is behind this link; again for more"},
    {KEY_DNS, "dns", "ADDRESS", "name server (those of /etc/resolv.conf); again for more"},
    {KEY_MAC, "mac", "MAC", "own MAC address (a random one)"},
    {KEY_MTU, "mtu", "BYTES", "largest IP packet (1500)"},
    {KEY_VLAN, "vlan", "ID", "the 802.1Q VLAN on this link, 1 to 4094"},
    {KEY_NO_OFFLOAD, "no-offload", NULL, "no super-frames, own checksums"},
    {KEY_IMPAIR, "impair", "WHAT", "loss=1%,delay=20ms,drop-out=3,...: a bad wire"},
    {KEY_RECORD, "record", "FILE", "all packets, with reasons, as pcapng for Wireshark"},
    {KEY_EVENTS, "events", "[=brief|full|json]", "every call, packet and state, on stderr"},
    {KEY_SET, "set", "NAME=VALUE", "a constant of TCP/IP; `--set help` lists them"},
    {KEY_SEED, "seed", "NUMBER", "makes everything random come out the same again"},
    {KEY_HOST, "host", "NAME", "the host NAME that is up (sockeye up), instead of all these"},
    {KEY_NO_CONFINE, "no-confine", NULL, "keep privileges and system calls, for debuggers"},
    {0, NULL, NULL, NULL},
};

static void list_settings(const struct sok_setting *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sok_setting *s = &rows[i];
        char value[32];
        if (strcmp(s->unit, "ns") == 0 && s->def % SOK_S == 0)
            snprintf(value, sizeof(value), "%llds", (long long)(s->def / SOK_S));
        else if (strcmp(s->unit, "ns") == 0)
            snprintf(value, sizeof(value), "%lldms", (long long)(s->def / SOK_MS));
        else if (strcmp(s->unit, "bool") == 0)
            snprintf(value, sizeof(value), "%s", s->def ? "on" : "off");
        else if (strchr(s->unit, '|')) // its first word
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(s->unit, "|"), s->unit);
        else
            snprintf(value, sizeof(value), "%lld", (long long)s->def);
        printf("  %-22s %10s  %s\n", s->name, value, s->help);
    }
}

static int help_settings(void)
{
    size_t count;
    const struct sok_setting *rows = sok_tcp_settings(&count);
    printf("settings (--set NAME=VALUE), with their defaults:\n");
    list_settings(rows, count);
    rows = sok_stack_settings(&count);
    list_settings(rows, count);
    fflush(stdout);
    return -1;
}

static int take_events(const struct sok_cli_command *cmd, struct sok_cli_host *h, const char *arg)
{
    static const char *const words[] = {
        [SOK_CLI_EVENTS_TEXT] = "text",
        [SOK_CLI_EVENTS_BRIEF] = "brief",
        [SOK_CLI_EVENTS_FULL] = "full",
        [SOK_CLI_EVENTS_JSON] = "json",
    };
    for (unsigned i = SOK_CLI_EVENTS_TEXT; i <= SOK_CLI_EVENTS_JSON; i++) {
        if (strcmp(arg ? arg : "text", words[i]) == 0) {
            h->events = i;
            return 0;
        }
    }
    return -sok_cli_usage(cmd, "--events=%s: there are text, brief, full and json", arg) - 1;
}

// The options that belong to a link.
static int take_link(
    const struct sok_cli_command *cmd, struct sok_cli_host *h, int key, const char *arg)
{
    if (key == KEY_LINK && h->link_count == SOK_CLI_LINKS_MAX)
        return -sok_cli_usage(cmd, "too many links: at most %d", SOK_CLI_LINKS_MAX) - 1;
    if (key == KEY_LINK)
        h->link_count++;
    struct sok_cli_link *l = &h->links[h->link_count > 0 ? h->link_count - 1 : 0];
    uint64_t number;
    switch (key) {
    case KEY_LINK:
        l->spec = arg;
        return 0;
    case KEY_ADDR:
        if (l->addr_count == SOK_CLI_ADDRS_MAX)
            return -sok_cli_usage(
                       cmd, "too many addresses on a link: at most %d", SOK_CLI_ADDRS_MAX) -
                   1;
        l->addrs[l->addr_count++] = arg;
        return 0;
    case KEY_DHCP:
        l->dhcp = true;
        return 0;
    case KEY_SLAAC:
        l->slaac = true;
        return 0;
    case KEY_GATEWAY:
        // One of each family.
        if (l->gateway == l->gateways || strlen(arg) >= SOK_ADDR_TEXT_MAX)
            return -sok_cli_usage(cmd, "--gateway %s: one address of each family", arg) - 1;
        if (l->gateway)
            snprintf(l->gateways, sizeof(l->gateways), "%s,%s", l->gateway, arg);
        l->gateway = l->gateway ? l->gateways : arg;
        return 0;
    case KEY_ROUTE:
        if (l->route_count == SOK_CLI_ROUTES_MAX)
            return -sok_cli_usage(
                       cmd, "too many routes on a link: at most %d", SOK_CLI_ROUTES_MAX) -
                   1;
        l->routes[l->route_count++] = arg;
        return 0;
    case KEY_MAC:
        l->mac = arg;
        return 0;
    case KEY_MTU:
        if (!sok_cli_number(arg, 68, 65535, &number))
            return -sok_cli_usage(cmd, "--mtu %s: a number from 68 to 65535 is needed", arg) - 1;
        l->mtu = (uint16_t)number;
        return 0;
    case KEY_VLAN:
        if (!sok_cli_number(arg, 1, 4094, &number))
            return -sok_cli_usage(cmd, "--vlan %s: a number from 1 to 4094 is needed", arg) - 1;
        l->vlan = (uint16_t)number;
        return 0;
    case KEY_NO_OFFLOAD:
        l->no_offload = true;
        return 0;
    case KEY_IMPAIR:
        l->impair = arg;
        return 0;
    default:
        return SOK_CLI_NOT_HOST;
    }
}

static void note_given(struct sok_cli_host *h, int key)
{
    for (const struct sok_cli_option *o = sok_cli_host_options; o->key != 0; o++)
        if (o->key == key && key != KEY_NO_CONFINE && key != KEY_HOST && !h->given)
            h->given = o->name;
}

int sok_cli_host_option(
    const struct sok_cli_command *cmd, struct sok_cli_host *h, int key, const char *arg)
{
    note_given(h, key);
    switch (key) {
    case KEY_DNS:
        if (h->dns_count == SOK_CLI_DNS_MAX)
            return -sok_cli_usage(cmd, "too many name servers: at most %d", SOK_CLI_DNS_MAX) - 1;
        h->dns[h->dns_count++] = arg;
        return 0;
    case KEY_RECORD:
        h->record = arg;
        return 0;
    case KEY_EVENTS:
        return take_events(cmd, h, arg);
    case KEY_SET:
        if (strcmp(arg, "help") == 0)
            return help_settings();
        if (h->setting_count == SOK_CLI_SETTINGS_MAX)
            return -sok_cli_usage(cmd, "too many settings: at most %d", SOK_CLI_SETTINGS_MAX) - 1;
        h->settings[h->setting_count++] = arg;
        return 0;
    case KEY_SEED:
        if (!sok_cli_number(arg, 0, UINT64_MAX, &h->seed))
            return -sok_cli_usage(cmd, "--seed %s: a whole number is needed", arg) - 1;
        h->has_seed = true;
        return 0;
    case KEY_HOST:
        h->join = arg;
        return 0;
    case KEY_NO_CONFINE:
        h->no_confine = true;
        return 0;
    default:
        return take_link(cmd, h, key, arg);
    }
}

static int64_t wall_offset(const struct sok_host *host)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * SOK_S + ts.tv_nsec - sok_host_now(host);
}

static int add_views(const struct sok_cli_host *h, struct sok_host *host)
{
    if (h->record) {
        struct sok_view *view;
        char err[SOK_RECORDER_ERR_MAX];
        size_t keys_room = getenv("SSLKEYLOGFILE") ? KEYS_ROOM : 0;
        if (sok_recorder_open(h->record, wall_offset(host), keys_room, &view, err) != 0)
            return sok_cli_fail(1, "%s", err);
        sok_host_view_add(host, view);
    }
    struct sok_view *view = NULL;
    FILE *file = h->events_file ? h->events_file : stderr;
    if (h->events != SOK_CLI_EVENTS_NONE && h->events != SOK_CLI_EVENTS_JSON) {
        struct sok_timeline_options o = {
            .file = file,
            .programs = h->programs,
            .colour = isatty(fileno(file)) && !getenv("NO_COLOR"),
            .utf8 = sok_timeline_locale_utf8(),
            .brief = h->events == SOK_CLI_EVENTS_BRIEF,
            .full = h->events == SOK_CLI_EVENTS_FULL,
        };
        view = sok_timeline_open(&o);
    } else if (h->events == SOK_CLI_EVENTS_JSON) {
        view = sok_events_json_open(file);
    }
    if (h->events != SOK_CLI_EVENTS_NONE && !view)
        return sok_cli_fail(1, "no memory for the timeline");
    if (view)
        sok_host_view_add(host, view);
    return 0;
}

static bool is_user(const char *spec)
{
    return strcmp(spec, "user") == 0;
}

bool sok_cli_host_inside(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++)
        if (!is_user(host->wires[i]->link->info.name))
            return false;
    return true;
}

static int add_dns(const struct sok_cli_host *h, struct sok_host *host)
{
    char err[SOK_HOST_ERR_MAX];
    for (unsigned i = 0; i < h->dns_count; i++)
        if (sok_host_dns_add(host, h->dns[i], err) < 0)
            return sok_cli_fail(SOK_EXIT_USAGE, "--dns: %s", err);
    return 0;
}

int sok_cli_may_listen(const struct sok_host *host, uint16_t port)
{
    const struct sok_tcp_config *c = sok_tcp_config(sok_stack_tcp(host->stack));
    if (sok_cli_host_inside(host))
        return sok_cli_fail(SOK_EXIT_USAGE,
            "nobody outside reaches a listener behind the link user (--link tap:NAME, or --link "
            "lan:NAME between two terminals)");
    for (unsigned i = 0; i < host->wire_count; i++) {
        const char *name = host->wires[i]->link->info.name;
        if (sok_host_is_share(name) &&
            (port < c->port_first || port - c->port_first >= c->port_count))
            return sok_cli_fail(SOK_EXIT_USAGE,
                "port %u is the kernel's: say that it is to be ours (--link %s:%u)", port, name,
                port);
    }
    return 0;
}

static int add_link(const struct sok_cli_link *l, const char *spec, const char *const *routes,
    struct sok_host *host, char *err)
{
    struct sok_host_link link = {
        .size = sizeof(link),
        .spec = spec,
        .addrs = l->addrs,
        .gateway = l->gateway,
        .routes = routes,
        .vlan = l->vlan,
        .mac = l->mac,
        .mtu = l->mtu,
        .no_offload = l->no_offload,
        .impair = l->impair,
        .dhcp = l->dhcp,
        .slaac = l->slaac,
    };
    return sok_host_link_add(host, &link, err);
}

// With privileges the machine's own address is shared, and its loopback is reached as by anybody; without
// them, or where there is nothing to share, user works everywhere.
static int add_default(const struct sok_cli_host *h, struct sok_host *host, char *err)
{
    static const char *const loopback[] = {"127.0.0.0/8," SOK_USER_GATEWAY, NULL};
    const struct sok_cli_link *l = &h->links[0];
    if (!l->mac && !l->vlan && sok_host_share_allowed()) {
        if (add_link(l, "share", l->routes, host, err) >= 0)
            return add_link(&(struct sok_cli_link){0}, "user", loopback, host, err);
        if (h->verbose)
            fprintf(stderr, "* No link share: %s\n", err);
    }
    return add_link(l, "user", l->routes, host, err);
}

static int add_links(const struct sok_cli_host *h, struct sok_host *host)
{
    char err[SOK_HOST_ERR_MAX];
    int r = h->link_count == 0 ? add_default(h, host, err) : 0;
    for (unsigned i = 0; i < h->link_count && r >= 0; i++)
        r = add_link(&h->links[i], h->links[i].spec, h->links[i].routes, host, err);
    return r < 0 ? sok_cli_fail(SOK_EXIT_USAGE, "%s", err) : 0;
}

// The address of a command is gone: it ends in order, and with this line.
static bool address_lost;

static void on_lost(void *ctx, const char *line)
{
    (void)ctx;
    address_lost = true;
    sok_cli_fail(0, "%s", line);
    sok_cli_stop();
}

static void on_link(void *ctx, const char *line)
{
    (void)ctx;
    sok_cli_fail(0, "%s", line);
}

static void say_leases(const struct sok_cli_host *h, const struct sok_host *host)
{
    struct sok_host_lease l;
    char addr[SOK_ADDR_TEXT_MAX], server[SOK_ADDR_TEXT_MAX], router[SOK_ADDR_TEXT_MAX];
    for (unsigned i = 0; i < h->link_count; i++)
        if (sok_host_lease(host, (int)i + 1, &l))
            fprintf(stderr, "* %s/%u from the DHCP server %s, gateway %s\n",
                sok_addr_format(l.addr, addr), l.prefix_len, sok_addr_format(l.server, server),
                sok_addr_is_any(l.router) ? "none" : sok_addr_format(l.router, router));
}

static void say_routers(const struct sok_cli_host *h, const struct sok_host *host)
{
    struct sok_host_slaac s;
    char addr[SOK_ADDR_TEXT_MAX], router[SOK_ADDR_TEXT_MAX];
    for (unsigned i = 0; i < h->link_count; i++)
        if (sok_host_slaac(host, (int)i + 1, &s) && !sok_addr_is_any(s.router))
            fprintf(stderr, "* %s as the router %s says\n", sok_addr_format(s.addr, addr),
                sok_addr_format(s.router, router));
}

static void say_roads(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        const char *name = host->wires[i]->link->info.name;
        const struct sok_tcp_config *c = sok_tcp_config(sok_stack_tcp(host->stack));
        if (is_user(name))
            fprintf(stderr,
                "* Link user%s: a gateway in this process goes on through the kernel's "
                "sockets; packets shown are those between it and Sockeye\n",
                i > 0 ? ", for 127.0.0.0/8" : "");
        else if (sok_host_is_share(name))
            fprintf(stderr,
                "* Link %s: ports %d to %d of its address, the others stay the kernel's\n", name,
                (int)c->port_first, (int)(c->port_first + c->port_count - 1));
    }
}

// Who finds the next hub of our lans, and removes the new file, when we may not any more.
static int start_steward(const struct sok_cli_host *h, char *err)
{
    struct sok_steward s = {.file = h->made, .door = h->door, .place = h->place};
    for (unsigned i = 0; i < h->link_count; i++) {
        int r = strncmp(h->links[i].spec, "lan:", 4) == 0
                    ? sok_lan_place(h->links[i].spec + 4, &s.lans[s.lan_count++], err)
                    : 0;
        if (r < 0)
            return r;
    }
    if (s.lan_count == 0 && !s.file && !s.door)
        return 0;
    int r = sok_steward_start(&s);
    return r < 0 ? sok_host_fail(err, r, "no process can be started: %s", sok_strerror(r)) : 0;
}

// Before there is much in memory to be copied for it.
static int steward(const struct sok_cli_host *h)
{
    char line[SOK_HOST_ERR_MAX];
    int r = h->no_confine ? 0 : start_steward(h, line);
    return r < 0 ? sok_cli_fail(SOK_EXIT_USAGE, "%s (--no-confine goes on all the same)", line) : 0;
}

// Outputs are open and devices are made. What the machine's files say about names is read now.
static int confine(const struct sok_cli_host *h, struct sok_host *host)
{
    char line[SOK_HOST_ERR_MAX];
    struct sok_confine c = {0};
    for (unsigned i = 0; i < host->wire_count; i++)
        c.sockets = c.sockets || is_user(host->wires[i]->link->info.name);
    if (h->no_confine)
        return 0;
    tzset(); // the time zone's file
    int r = sok_host_names_read(host, line);
    c.child = sok_steward_pid();
    if (r == 0)
        r = sok_confine(&c, line);
    if (r < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s (--no-confine goes on all the same)", line);
    if (h->verbose)
        fprintf(stderr, "* Confined: %s\n", line);
    return 0;
}

void sok_cli_unmake(const struct sok_cli_host *h)
{
    if (sok_steward_pid() != 0)
        sok_steward_remove();
    else
        unlink(h->made);
}

static int wait_for_addresses(const struct sok_cli_host *h, struct sok_host *host)
{
    char err[SOK_HOST_ERR_MAX];
    if (h->verbose)
        say_roads(host);
    if (sok_host_ready(host, 0, err) < 0) {
        if (h->verbose)
            fprintf(stderr, "* waiting for an address of our own\n");
        if (sok_host_ready(host, -1, err) < 0)
            return sok_cli_fail(SOK_EXIT_USAGE, "%s", err);
    }
    if (h->verbose) {
        say_leases(h, host);
        say_routers(h, host);
    }
    sok_host_on_lost(host, on_lost, NULL);
    sok_host_on_link(host, on_link, NULL);
    return 0;
}

int sok_cli_host_open(const struct sok_cli_host *h, struct sok_host **out)
{
    if (h->link_count == 0 && (h->links[0].addr_count > 0 || h->links[0].dhcp || h->links[0].slaac))
        return sok_cli_fail(SOK_EXIT_USAGE, "no link given for this address (--link tap:NAME, or "
                                            "--link lan:NAME between two terminals)");
    for (unsigned i = 0; i < h->link_count; i++)
        if (h->links[i].addr_count == 0 && !h->links[i].dhcp && !h->links[i].slaac &&
            !is_user(h->links[i].spec) && !sok_host_is_share(h->links[i].spec))
            return sok_cli_fail(SOK_EXIT_USAGE,
                "no address given for --link %s (--addr 192.0.2.2/24, --dhcp or --slaac)",
                h->links[i].spec);
    char err[SOK_HOST_ERR_MAX];
    struct sok_host_config config;
    sok_host_config_default(&config);
    config.settings = h->settings;
    if (h->no_spin)
        config.spin_ns = 0;
    config.has_seed = h->has_seed;
    config.seed = h->seed;
    struct sok_host *host;
    if (sok_host_new(&config, &host, err) < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s", err);
    int code = add_views(h, host);
    if (code == 0)
        code = add_links(h, host);
    if (code == 0)
        code = add_dns(h, host); // which may name a link
    if (code == 0)
        code = steward(h);
    if (code == 0)
        sok_host_begin(host);
    if (code == 0 && h->meanwhile)
        code = h->meanwhile(h->ctx);
    if (code == 0)
        code = confine(h, host);
    if (code == 0)
        code = wait_for_addresses(h, host);
    if (code != 0) {
        sok_host_free(host);
        return code;
    }
    *out = host;
    return 0;
}

static void say_lost(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        const struct sok_link *l = host->wires[i]->link;
        if (l->lost > 0)
            fprintf(stderr,
                "* Link %s: %llu frames were lost here, for want of room or malformed\n",
                l->info.name, (unsigned long long)l->lost);
    }
}

int sok_cli_host_close(const struct sok_cli_host *h, struct sok_host *host, int code)
{
    sok_host_release(host);
    if (h->verbose)
        say_lost(host);
    int err = sok_host_views_close(host);
    sok_host_free(host);
    if (address_lost)
        code = SOK_EXIT_USAGE;
    if (err && h->record) {
        sok_cli_fail(0, "%s is not complete: %s", h->record, strerror(err));
        return code ? code : 1;
    }
    return code;
}

bool sok_cli_port(const char *text, uint16_t *port)
{
    uint64_t number;
    if (!sok_cli_number(text, 1, 65535, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}
