// The host options every talking command takes, and the host made from them.
#ifndef SOK_CLI_OPTIONS_H
#define SOK_CLI_OPTIONS_H

#include <stdio.h>
#include <sockeye/names.h>
#include "cli/cli.h"
#include "link/link.h"

#define SOK_CLI_LINKS_MAX    15
#define SOK_CLI_ADDRS_MAX    16
#define SOK_CLI_ROUTES_MAX   64
#define SOK_CLI_SETTINGS_MAX 64
#define SOK_CLI_DNS_MAX      8

struct sok_cli_link {
    const char *spec, *gateway, *mac, *impair;
    char gateways[2 * SOK_ADDR_TEXT_MAX]; // of two, which gateway is then
    const char *addrs[SOK_CLI_ADDRS_MAX + 1];
    unsigned addr_count;
    const char *routes[SOK_CLI_ROUTES_MAX + 1];
    unsigned route_count;
    uint16_t mtu, vlan;
    bool no_offload, dhcp, slaac;
};

enum sok_cli_events {
    SOK_CLI_EVENTS_NONE,
    SOK_CLI_EVENTS_TEXT,
    SOK_CLI_EVENTS_BRIEF,
    SOK_CLI_EVENTS_FULL,
    SOK_CLI_EVENTS_JSON,
};

// Zero it first. --addr, --dhcp, --slaac, --gateway, --route, --mac, --mtu, --vlan, --impair and --no-offload belong to the
// --link before them (before any: to the first).
struct sok_cli_host {
    struct sok_cli_link links[SOK_CLI_LINKS_MAX];
    unsigned link_count; // --link given so many times
    const char *settings[SOK_CLI_SETTINGS_MAX + 1];
    unsigned setting_count;
    const char *dns[SOK_CLI_DNS_MAX];
    unsigned dns_count;
    const char *record;
    const char *door; // removed when the process has ended; or NULL
    int place;        // with a door: sok_place_make() gave it
    const char *join; // --host: the name of one that is up; or NULL
    // Called, if given, while what is sent first is on its way and before the process is confined: for what
    // is slow. 0, or an exit code after a message.
    int (*meanwhile)(void *ctx);
    void *ctx;
    const char *made; // a new file, which sok_cli_unmake() may remove later; or NULL
    enum sok_cli_events events;
    FILE *events_file; // where they go; NULL: standard error
    bool programs;     // and calls of programs among them
    bool verbose;      // say on stderr which address was got, and how
    bool no_confine;
    bool no_spin;      // it never looks for work before it sleeps: others need the processor
    const char *given; // the first option that was, but for no-confine; NULL: none
    bool has_seed;
    uint64_t seed;
};

extern const struct sok_cli_option sok_cli_host_options[]; // key 0 at the end
// 0 or -(exit code) - 1; SOK_CLI_NOT_HOST: not one of the host's options.
#define SOK_CLI_NOT_HOST 1
int sok_cli_host_option(
    const struct sok_cli_command *cmd, struct sok_cli_host *h, int key, const char *arg);

// Whether all its links are `user`: nobody outside reaches it.
bool sok_cli_host_inside(const struct sok_host *host);
// Whether somebody can reach us there: 0, or an exit code after a message.
int sok_cli_may_listen(const struct sok_host *host, uint16_t port);

// The host with its links, addresses and views, as asked for. Before the first packet is looked at the
// process is confined (confine.h): what else is to be opened must be open, and there is one thread. 0, or an
// exit code after a message.
int sok_cli_host_open(const struct sok_cli_host *h, struct sok_host **out);
// The host goes, its views are flushed. code, or another when a recording could not be written.
int sok_cli_host_close(const struct sok_cli_host *h, struct sok_host *host, int code);

// The file h->made goes: nothing came into it.
void sok_cli_unmake(const struct sok_cli_host *h);

// An address in figures, also in brackets, also with the link of a link-local one: "fe80::1%2", "fe80::1%tap:s0". Its zone
// is 0 unless it has one; that of a link-local address without is the host's first link.
bool sok_cli_addr(
    const struct sok_host *host, const char *text, struct sok_addr *out, uint32_t *zone);

// The best address of a name, of a family (4, 6; 0: any), or the one that the text is; not from inside a step. `limit`: on the
// host's clock, INT64_MAX: none. 0, or an exit code after a message: curl's 6, or 128 and the signal's number.
#define SOK_EXIT_NO_NAME 6
int sok_cli_resolve(struct sok_host *host, const char *name, unsigned family, int64_t limit,
    struct sok_endpoint *out);
// And all that a name server knows of it, the best first; none when the text is an address.
struct sok_cli_addrs {
    struct sok_addr addrs[SOK_LOOKUP_ADDRS_MAX];
    unsigned count;
};
int sok_cli_resolve_all(struct sok_host *host, const char *name, unsigned family, int64_t limit,
    struct sok_endpoint *out, struct sok_cli_addrs *all);

// For -v: "* 192.0.2.1 is host.example" on stderr, when a name server says so while the command goes on
// with its work. Silent else; asked once.
void sok_cli_say_name(struct sok_host *host, struct sok_addr addr);

bool sok_cli_port(const char *text, uint16_t *port);

#endif
