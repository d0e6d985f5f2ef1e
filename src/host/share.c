// The link `share` from the machine's facts: which interface, which address, which routes.
#include "host/share.h"
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "host/machine.h"
#include "link/share.h"

bool sok_host_is_share(const char *spec)
{
    return spec && strncmp(spec, "share", 5) == 0 && (spec[5] == '\0' || spec[5] == ':');
}

bool sok_host_share_allowed(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    uint32_t needed = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
    return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & needed) == needed;
}

// ---- the words ----

struct words {
    char name[16]; // "": the default route's
    uint16_t first, count;
};

static bool parse_port(const char *text, char **end, unsigned long *port)
{
    if (*text < '0' || *text > '9')
        return false;
    *port = strtoul(text, end, 10);
    return *port >= 1 && *port <= 65535;
}

static bool parse_ports(const char *text, struct words *w)
{
    unsigned long first, last;
    char *end;
    if (!parse_port(text, &end, &first))
        return false;
    last = first;
    if (*end == '-' && !parse_port(end + 1, &end, &last))
        return false;
    w->first = (uint16_t)first;
    w->count = (uint16_t)(last - first + 1);
    return *end == '\0' && first <= last && last - first < 1024;
}

static int parse_spec(const char *spec, struct words *w, char *err)
{
    *w = (struct words){0};
    const char *name = spec[5] == ':' ? spec + 6 : "";
    size_t len = strcspn(name, ":");
    if (len >= sizeof(w->name) || (name[len] == ':' && !parse_ports(name + len + 1, w)))
        return sok_host_fail(err, SOK_EINVAL,
            "not understood: %s (write share, share:IF, share:IF:8080 or share:IF:8080-8090, of "
            "1024 ports at most)",
            spec);
    memcpy(w->name, name, len);
    return 0;
}

static int check_options(const struct sok_host *host, const struct sok_host_link *l, char *err)
{
    if (l->mac)
        return sok_host_fail(
            err, SOK_EINVAL, "share has the interface's own MAC address: leave --mac out");
    if (l->vlan)
        return sok_host_fail(err, SOK_EINVAL,
            "share has no VLANs: share the kernel's interface of that VLAN (ip link)");
    if (l->dhcp)
        return sok_host_fail(
            err, SOK_EINVAL, "share has the address that the kernel has: leave --dhcp out");
    if (l->slaac)
        return sok_host_fail(
            err, SOK_EINVAL, "share has the addresses that the kernel has: leave --slaac out");
    for (unsigned i = 0; i < host->wire_count; i++)
        if (strncmp(host->wires[i]->link->info.name, "share:", 6) == 0)
            return sok_host_fail(err, SOK_EINVAL, "one link share is all a host can have");
    return 0;
}

// ---- what to share ----

static const struct sok_machine_if *find_if(
    const struct sok_machine *m, const struct words *w, char *err)
{
    const struct sok_machine_if *i;
    if (*w->name) {
        i = sok_machine_if_named(m, w->name);
        if (!i)
            sok_host_fail(err, SOK_ENODEV, "no such interface: %s (see: ip link)", w->name);
    } else {
        const struct sok_machine_route *r = sok_machine_default(m, false, 0);
        i = r ? sok_machine_if_at(m, r->if_index) : NULL;
        if (!i)
            sok_host_fail(err, SOK_ENETUNREACH,
                "no default route here (ip route): say which interface to share (--link share:IF)");
    }
    if (i && !i->ethernet) {
        sok_host_fail(err, SOK_EOPNOTSUPP,
            "%s has no Ethernet, so it cannot be shared (--link user goes over it)", i->name);
        return NULL;
    }
    return i;
}

static void put_addr(char out[SOK_ADDR_TEXT_MAX + 4], const struct sok_machine_addr *a)
{
    char text[SOK_ADDR_TEXT_MAX];
    snprintf(out, SOK_ADDR_TEXT_MAX + 4, "%s/%u", sok_addr_format(a->addr, text), a->prefix_len);
}

// The address asked for, which must be there; else the interface's first.
static const struct sok_machine_addr *find_addr(const struct sok_machine *m,
    const struct sok_machine_if *i, const struct sok_host_link *l, struct sok_host_share *sh,
    char *err)
{
    const char *asked = l->addrs ? l->addrs[0] : NULL;
    if (!asked) {
        const struct sok_machine_addr *a = sok_machine_addr_on(m, false, i->index);
        if (a)
            put_addr(sh->addr, a);
        else
            sok_host_fail(
                err, SOK_EADDRNOTAVAIL, "%s has no IPv4 address to share (see: ip addr)", i->name);
        return a;
    }
    for (unsigned n = 0; n < m->addr_count && !l->addrs[1]; n++) {
        const struct sok_machine_addr *a = &m->addrs[n];
        if (a->if_index != i->index || !sok_addr_is_v4(a->addr))
            continue;
        put_addr(sh->addr, a);
        if (strcmp(sh->addr, asked) == 0)
            return a;
    }
    sok_host_fail(err, SOK_EADDRNOTAVAIL,
        "%s: share can have one address, of those on %s (ip addr)", asked, i->name);
    return NULL;
}

// ---- routes ----

static bool has_route(
    const struct sok_machine *m, unsigned before, const struct sok_machine_route *r)
{
    for (unsigned i = 0; i < before; i++) {
        const struct sok_machine_route *other = &m->routes[i];
        if (other->if_index == r->if_index && other->prefix_len == r->prefix_len &&
            sok_addr_eq(other->net, r->net) && other->metric <= r->metric)
            return true;
    }
    return false;
}

static void put_routes(const struct sok_machine *m, unsigned if_index, struct sok_host_share *sh)
{
    unsigned count = 0;
    for (unsigned i = 0; i < m->route_count && count < SOK_HOST_SHARE_ROUTES_MAX; i++) {
        const struct sok_machine_route *r = &m->routes[i];
        char net[SOK_ADDR_TEXT_MAX], gateway[SOK_ADDR_TEXT_MAX];
        bool direct = sok_addr_is_any(r->gateway);
        bool v4 = sok_addr_is_v4(r->net);
        if (r->if_index != if_index || (!v4 && !sh->addr6[0]) || has_route(m, i, r) ||
            (r->prefix_len == 0 && !direct)) // that is the gateway
            continue;
        if (!direct && sok_addr_is_v4(r->gateway) != v4)
            continue;
        if (!v4 && r->net.b[0] >= 0xfe) // of the link alone, or groups
            continue;
        snprintf(sh->route_texts[count], sizeof(sh->route_texts[0]), "%s/%u%s%s",
            sok_addr_format(r->net, net), r->prefix_len, direct ? "" : ",",
            direct ? "" : sok_addr_format(r->gateway, gateway));
        sh->routes[count] = sh->route_texts[count];
        count++;
    }
    sh->routes[count] = NULL;
}

static void put_gateway(
    const struct sok_machine *m, bool v6, unsigned if_index, char out[SOK_ADDR_TEXT_MAX])
{
    const struct sok_machine_route *r = sok_machine_default(m, v6, if_index);
    if (r && sok_addr_is_v4(r->gateway) != v6 && !sok_addr_is_any(r->gateway))
        sok_addr_format(r->gateway, out);
}

static void fill_link(struct sok_host_link *l, const struct sok_machine *m, unsigned if_index,
    struct sok_host_share *sh)
{
    char v4[SOK_ADDR_TEXT_MAX] = "", v6[SOK_ADDR_TEXT_MAX] = "";
    sh->addrs[0] = sh->addr;
    sh->addrs[1] = sh->addr6[0] ? sh->addr6 : NULL;
    sh->addrs[2] = NULL;
    l->addrs = sh->addrs;
    if (!l->routes || !l->routes[0]) {
        put_routes(m, if_index, sh);
        l->routes = sh->routes;
    }
    if (l->gateway)
        return;
    put_gateway(m, false, if_index, v4);
    if (sh->addr6[0])
        put_gateway(m, true, if_index, v6);
    snprintf(sh->gateway, sizeof(sh->gateway), "%s%s%s", v4, *v4 && *v6 ? "," : "", v6);
    l->gateway = *sh->gateway ? sh->gateway : NULL;
}

int sok_host_share_open(struct sok_host *host, struct sok_host_link *l, struct sok_host_share *sh,
    struct sok_link **out, char *err)
{
    struct words w;
    struct sok_machine m = {0};
    struct sok_share_ports ports;
    int r = parse_spec(l->spec, &w, err);
    if (r == 0)
        r = check_options(host, l, err);
    if (r == 0)
        r = sok_machine_read(&m, err);
    if (r < 0)
        return r;
    const struct sok_machine_if *i = find_if(&m, &w, err);
    const struct sok_machine_addr *a = i ? find_addr(&m, i, l, sh, err) : NULL;
    // With an address that was asked for there is only this one.
    const struct sok_machine_addr *a6 =
        a && !(l->addrs && l->addrs[0]) ? sok_machine_addr_on(&m, true, i->index) : NULL;
    sh->addr6[0] = '\0';
    if (a6)
        put_addr(sh->addr6, a6);
    if (a) {
        struct sok_share_options o = {
            .addr6 = a6 ? a6->addr.b : NULL,
            .name = i->name,
            .addr = sok_addr_to_v4(a->addr),
            .first = w.first,
            .count = w.count,
            .mtu = l->mtu,
            .offload = !l->no_offload,
        };
        memcpy(o.mac, i->mac, 6);
        r = sok_link_share(&host->mem, &o, &ports, out, err);
    } else {
        r = SOK_EADDRNOTAVAIL;
    }
    if (r == 0) {
        sok_stack_ports(host->stack, ports.first, ports.count);
        fill_link(l, &m, i->index, sh);
    }
    sok_machine_free(&m);
    return r;
}
