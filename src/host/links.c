// Links and addresses from words: "tap:NAME", "lan:NAME", "192.0.2.1/24".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "host/share.h"
#include "link/packet.h"
#include "link/user.h"

static bool parse_mac(const char *text, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++) {
        char *end;
        if (!strchr("0123456789abcdefABCDEF", *text) || !*text)
            return false;
        unsigned long v = strtoul(text, &end, 16);
        if (end - text > 2 || *end != (i < 5 ? ':' : '\0'))
            return false;
        mac[i] = (uint8_t)v;
        text = end + 1;
    }
    return !(mac[0] & 1); // a station's own address is not a group's
}

static bool parse_cidr(const char *text, struct sok_addr *addr, unsigned *prefix_len)
{
    char host[SOK_ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    char *end;
    if (slash[1] < '0' || slash[1] > '9')
        return false;
    unsigned long n = strtoul(slash + 1, &end, 10);
    if (*end || !sok_addr_parse(host, addr) || n > (sok_addr_is_v4(*addr) ? 32U : 128U))
        return false;
    *prefix_len = (unsigned)n;
    return true;
}

static bool is_of_link(struct sok_addr a)
{
    return a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80;
}

int sok_host_addr_add(struct sok_host *host, int link, const char *cidr, char *err)
{
    struct sok_addr addr;
    unsigned prefix_len;
    if (strcmp(cidr, "link-local") == 0)
        return sok_host_link_local_start(host, link, err);
    if (!parse_cidr(cidr, &addr, &prefix_len))
        return sok_host_fail(err, SOK_EINVAL,
            "not an address with its network: %s (write 192.0.2.1/24, 2001:db8::1/64 or "
            "link-local)",
            cidr);
    if (sok_addr_is_any(addr) || sok_addr_is_multicast(addr) || sok_addr_is_loopback(addr))
        return sok_host_fail(err, SOK_EINVAL, "not an address of one host: %s", cidr);
    // A link with IPv6 has a link-local address (RFC 4291 section 2.1), unless this is one.
    int r = sok_addr_is_v4(addr) || is_of_link(addr) || link < 0 || link > UINT8_MAX
                ? 0
                : sok_stack_ip6_start(host->stack, (uint8_t)link, sok_host_now(host));
    if (r == SOK_EOPNOTSUPP)
        return sok_host_fail(err, r, "%s: IPv6 needs an MTU of 1280 at least", cidr);
    r = sok_host_claim(host, link, addr, prefix_len);
    return r < 0 ? sok_host_fail(err, r, "%s: %s", cidr, sok_strerror(r)) : 0;
}

// What stands for all addresses of the family.
static struct sok_addr any_like(struct sok_addr addr)
{
    return sok_addr_is_v4(addr) ? sok_addr_v4(0) : (struct sok_addr){{0}};
}

static struct sok_addr masked(struct sok_addr net, unsigned prefix_len)
{
    unsigned bits = prefix_len + (sok_addr_is_v4(net) ? 96 : 0);
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
        net.b[i] &= (uint8_t)(0xff00 >> keep);
    }
    return net;
}

int sok_host_gateway_add(struct sok_host *host, int link, const char *gateways, char *err)
{
    struct sok_addr addr;
    char gateway[2 * SOK_ADDR_TEXT_MAX];
    const char *comma = strchr(gateways, ',');
    snprintf(gateway, sizeof(gateway), "%.*s",
        (int)(comma ? comma - gateways : (ptrdiff_t)strlen(gateways)), gateways);
    if (!sok_addr_parse(gateway, &addr) || sok_addr_is_any(addr))
        return sok_host_fail(err, SOK_EINVAL,
            "not an address: %s (a gateway is written 192.0.2.254 or 2001:db8::1)", gateway);
    struct sok_addr any = any_like(addr);
    int r = sok_stack_route_add(host->stack, any, 0, addr, (uint8_t)link);
    if (r < 0)
        return sok_host_fail(err, r, "gateway %s: %s", gateway, sok_strerror(r));
    return comma ? sok_host_gateway_add(host, link, comma + 1, err) : 0;
}

int sok_host_route_add(struct sok_host *host, int link, const char *route, char *err)
{
    const char *comma = strchr(route, ',');
    size_t len = comma ? (size_t)(comma - route) : strlen(route);
    char text[SOK_ADDR_TEXT_MAX + 4];
    struct sok_addr net = {{0}}, gateway;
    unsigned prefix_len = 0;
    bool ok = len < sizeof(text);
    if (ok) {
        memcpy(text, route, len);
        text[len] = '\0';
        ok = parse_cidr(text, &net, &prefix_len);
    }
    gateway = any_like(net);
    if (ok && comma)
        ok = sok_addr_parse(comma + 1, &gateway) && !sok_addr_is_any(gateway) &&
             sok_addr_is_v4(gateway) == sok_addr_is_v4(net);
    if (!ok)
        return sok_host_fail(err, SOK_EINVAL,
            "not a route: %s (write 198.51.100.0/24 or 198.51.100.0/24,192.0.2.254; "
            "2001:db8:5::/48,2001:db8::1)",
            route);
    net = masked(net, prefix_len);
    int r = sok_stack_route_add(host->stack, net, prefix_len, gateway, (uint8_t)link);
    return r < 0 ? sok_host_fail(err, r, "route %s: %s", route, sok_strerror(r)) : 0;
}

static int read_link(const struct sok_host_link *given, struct sok_host_link *l, uint8_t mac[6],
    struct sok_impair *impair, char *err)
{
    *l = (struct sok_host_link){0};
    memcpy(l, given, given->size < sizeof(*l) ? given->size : sizeof(*l));
    memset(mac, 0, 6);
    if (l->mac && !parse_mac(l->mac, mac))
        return sok_host_fail(
            err, SOK_EINVAL, "not a MAC address of one host: %s (write 02:00:00:00:00:01)", l->mac);
    if (l->mtu != 0 && l->mtu < 68)
        return sok_host_fail(err, SOK_EINVAL, "mtu %u is too small (68 to 65535)", l->mtu);
    if (l->vlan > 4094)
        return sok_host_fail(err, SOK_EINVAL, "no such VLAN: %u (there are 1 to 4094)", l->vlan);
    return l->impair ? sok_impair_parse(l->impair, impair, err) : 0;
}

// A file of its own per kind of link; here only the words for them.
static int open_spec(struct sok_host *host, const struct sok_host_link *l, const uint8_t mac[6],
    struct sok_link **out, char *err)
{
    const char *spec = l->spec ? l->spec : "";
    const char *colon = strchr(spec, ':');
    const char *name = colon ? colon + 1 : "";
    size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
    bool offload = !l->no_offload;
    if (len == 3 && memcmp(spec, "tap", 3) == 0) {
        struct sok_tap_options o = {.name = name, .mtu = l->mtu, .offload = offload};
        memcpy(o.mac, mac, 6);
        return sok_link_tap(&host->mem, &o, out, err);
    }
    if (len == 3 && memcmp(spec, "tun", 3) == 0) {
        struct sok_tap_options o = {.name = name, .mtu = l->mtu, .offload = offload};
        if (l->vlan)
            return sok_host_fail(err, SOK_EINVAL, "a TUN has no VLANs (a TAP has: --link tap)");
        memcpy(o.mac, mac, 6);
        return sok_link_tun(&host->mem, &o, out, err);
    }
    if (len == 3 && memcmp(spec, "lan", 3) == 0 && *name) {
        struct sok_lan_options o = {.name = name, .mtu = l->mtu, .offload = offload};
        memcpy(o.mac, mac, 6);
        return sok_link_lan(&host->mem, &o, out, err);
    }
    if (len == 6 && memcmp(spec, "packet", 6) == 0 && *name) {
        struct sok_packet_options o = {.name = name, .mtu = l->mtu, .offload = offload};
        memcpy(o.mac, mac, 6);
        return sok_link_packet(&host->mem, &o, out, err);
    }
    if (strcmp(spec, "user") == 0) {
        if (l->vlan)
            return sok_host_fail(err, SOK_EINVAL, "link user has no VLANs (a TAP has: --link tap)");
        if (l->gateway)
            return sok_host_fail(
                err, SOK_EINVAL, "link user has a gateway of its own: leave --gateway out");
        if (l->dhcp)
            return sok_host_fail(
                err, SOK_EINVAL, "link user has addresses of its own: leave --dhcp out");
        if (l->slaac)
            return sok_host_fail(
                err, SOK_EINVAL, "link user has addresses of its own: leave --slaac out");
        struct sok_user_options o = {.mtu = l->mtu, .offload = offload};
        memcpy(o.mac, mac, 6);
        return sok_link_user(&host->mem, &o, out, err);
    }
    return sok_host_fail(err, SOK_EINVAL,
        "no such kind of link: %s (there are share[:IF], tap[:NAME], tun[:NAME], lan:NAME, "
        "packet:IF, user)",
        spec);
}

static int finish_link(struct sok_host *host, struct sok_link *link, const struct sok_host_link *l,
    const struct sok_impair *impair, char *err)
{
    if (l->impair) {
        struct sok_link *worse;
        int r = sok_link_impair(link, impair, &worse);
        if (r < 0) {
            link->ops->close(link);
            return sok_host_fail(err, r, "link not impaired: %s", sok_strerror(r));
        }
        link = worse;
    }
    link->info.vlan = l->vlan;
    int index = sok_host_wire_add(host, link, err);
    int r = index;
    if (r >= 0 && l->slaac)
        r = sok_host_slaac_start(host, index, err);
    for (const char *const *a = l->addrs; r >= 0 && a && *a; a++)
        r = sok_host_addr_add(host, index, *a, err);
    if (r >= 0 && l->dhcp)
        r = sok_host_dhcp_start(host, index, err);
    for (const char *const *route = l->routes; r >= 0 && route && *route; route++)
        r = sok_host_route_add(host, index, *route, err);
    if (r >= 0 && l->gateway)
        r = sok_host_gateway_add(host, index, l->gateway, err);
    return r < 0 ? r : index;
}

// The link `user` brings its own addresses, and this machine's loopback is behind its gateway.
static void user_defaults(struct sok_host *host, struct sok_host_link *l)
{
    static const char *const v4[] = {SOK_USER_CLIENT_CIDR, NULL};
    static const char *const both[] = {SOK_USER_CLIENT_CIDR, SOK_USER_CLIENT_CIDR6, NULL};
    bool v6 = sok_link_user_has_v6();
    if (!l->addrs || !l->addrs[0])
        l->addrs = v6 ? both : v4;
    if (!l->routes || !l->routes[0])
        l->gateway = v6 ? SOK_USER_GATEWAY "," SOK_USER_GATEWAY6 : SOK_USER_GATEWAY;
    sok_stack_loopback_out(host->stack, true);
}

int sok_host_link_add(struct sok_host *host, const struct sok_host_link *given, char *err)
{
    struct sok_host_link l;
    struct sok_impair impair;
    struct sok_host_share share;
    struct sok_link *link = NULL;
    uint8_t mac[6];
    char ignored[SOK_HOST_ERR_MAX > SOK_LINK_ERR_MAX ? SOK_HOST_ERR_MAX : SOK_LINK_ERR_MAX];
    if (!err)
        err = ignored;
    int r = read_link(given, &l, mac, &impair, err);
    if (r >= 0)
        r = sok_host_is_share(l.spec) ? sok_host_share_open(host, &l, &share, &link, err)
                                      : open_spec(host, &l, mac, &link, err);
    if (r >= 0 && strcmp(l.spec, "user") == 0)
        user_defaults(host, &l);
    return r < 0 ? r : finish_link(host, link, &l, &impair, err);
}

int sok_host_link_pair(struct sok_host *a, const struct sok_host_link *given_a, struct sok_host *b,
    const struct sok_host_link *given_b, char *err)
{
    struct sok_host_link la, lb;
    struct sok_impair ia, ib;
    struct sok_link *ea, *eb;
    uint8_t mac_a[6], mac_b[6];
    char ignored[SOK_LINK_ERR_MAX];
    if (!err)
        err = ignored;
    int r = read_link(given_a, &la, mac_a, &ia, err);
    if (r >= 0)
        r = read_link(given_b, &lb, mac_b, &ib, err);
    if (r >= 0 && sok_loop_join(a->loop, b->loop) < 0)
        r = sok_host_fail(err, SOK_EINVAL, "these two hosts cannot share a clock");
    if (r < 0)
        return r;
    uint32_t caps = la.no_offload || lb.no_offload ? 0 : SOK_LINK_CSUM | SOK_LINK_TSO;
    const struct sok_mem *mem = sok_loop_memory_new(a->loop);
    if (!mem)
        return sok_host_fail(err, SOK_ENOMEM, "no memory for a wire");
    r = sok_link_mem_pair(mem, la.mtu ? la.mtu : 1500, caps, 256, &ea, &eb);
    if (r < 0)
        return sok_host_fail(err, r, "no wire: %s", sok_strerror(r));
    if (la.mac)
        memcpy(ea->info.mac, mac_a, 6);
    if (lb.mac)
        memcpy(eb->info.mac, mac_b, 6);
    r = finish_link(a, ea, &la, &ia, err);
    if (r < 0) {
        eb->ops->close(eb);
        return r;
    }
    return finish_link(b, eb, &lb, &ib, err);
}
