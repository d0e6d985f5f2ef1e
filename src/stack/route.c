// Addresses of the stack, routes by longest prefix, and the choice of a source address (RFC 1122 section
// 3.3.1, 3.3.4.3; RFC 6724, source.c). Everything here is a pure lookup, or a change of the tables.
#include "stack/internal.h"

#include <string.h>
#include "wire/ip6.h"

static unsigned bits_of(const struct sok_addr *a)
{
    return sok_addr_is_v4(*a) ? 32 : 128;
}

static struct sok_addr none_like(const struct sok_addr *a)
{
    return sok_addr_is_v4(*a) ? sok_addr_v4(0) : (struct sok_addr){{0}};
}

struct sok_addr sok_addr_net(const struct sok_addr *a, unsigned prefix_len)
{
    struct sok_addr net = *a;
    unsigned bits = prefix_len + (sok_addr_is_v4(*a) ? 96 : 0);
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > 8 * i ? bits - 8 * i : 0;
        if (keep < 8)
            net.b[i] = (uint8_t)(net.b[i] & ~(0xff >> keep));
    }
    return net;
}

struct sok_addr sok_addr_solicited(const struct sok_addr *a)
{
    struct sok_addr group = {{0xff, 2, [11] = 1, [12] = 0xff}};
    memcpy(group.b + 13, a->b + 13, 3);
    return group;
}

int sok_addr_check(
    const struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len)
{
    if (link >= stack->link_count)
        return SOK_ENODEV;
    if (!sok_addr_is_v4(addr) && stack->links[link]->info.mtu < SOK_IP6_MTU_MIN)
        return SOK_EAFNOSUPPORT; // RFC 8200 section 5
    enum sok_dst_kind kind = sok_dst_kind(stack, link, &addr);
    if (kind == SOK_DST_OURS)
        return SOK_EADDRINUSE;
    if (prefix_len > bits_of(&addr) || kind != SOK_DST_OTHER || sok_addr_is_any(addr))
        return SOK_EINVAL;
    return stack->addr_count == SOK_STACK_ADDRS_MAX ? SOK_ENOBUFS : 0;
}

static bool brings_route(uint8_t origin)
{
    return origin != SOK_ORIGIN_ROUTER && origin != SOK_ORIGIN_TEMPORARY;
}

int sok_stack_addr_add(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len)
{
    return sok_addr_put(stack, link, addr, prefix_len, SOK_ORIGIN_GIVEN);
}

int sok_addr_put(struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len,
    enum sok_origin origin)
{
    int err = sok_addr_check(stack, link, addr, prefix_len);
    if (err < 0)
        return err;
    struct sok_addr group = sok_addr_solicited(&addr);
    bool v6 = !sok_addr_is_v4(addr);
    if (v6)
        err = sok_group_hold(stack, link, &group, stack->now);
    if (err < 0)
        return err;
    if (brings_route((uint8_t)origin))
        err = sok_stack_route_add(
            stack, sok_addr_net(&addr, prefix_len), prefix_len, none_like(&addr), link);
    if (err < 0) {
        if (v6)
            sok_group_release(stack, link, &group, stack->now);
        return err;
    }
    stack->addrs[stack->addr_count++] = (struct sok_stack_addr){
        .addr = addr,
        .prefix_len = (uint8_t)prefix_len,
        .link = link,
        .origin = (uint8_t)origin,
        .preferred_until = SOK_TIME_NEVER,
        .valid_until = SOK_TIME_NEVER,
    };
    return 0;
}

// ---- routes ----

static struct sok_stack_route *find_route(struct sok_stack *s, const struct sok_addr *net,
    unsigned prefix_len, const struct sok_addr *gateway, uint8_t link)
{
    for (unsigned i = 0; i < s->route_count; i++) {
        struct sok_stack_route *r = &s->routes[i];
        if (r->link == link && r->prefix_len == prefix_len && sok_addr_eq(r->net, *net) &&
            sok_addr_eq(r->gateway, *gateway))
            return r;
    }
    return NULL;
}

static int add_route(struct sok_stack *s, const struct sok_stack_route *route)
{
    if (route->link >= s->link_count)
        return SOK_ENODEV;
    if (!sok_addr_in(route->net, route->net, route->prefix_len))
        return SOK_EINVAL;
    if (!sok_addr_is_any(route->gateway) &&
        sok_addr_is_v4(route->gateway) != sok_addr_is_v4(route->net))
        return SOK_EINVAL;
    if (s->route_count == SOK_STACK_ROUTES_MAX)
        return SOK_ENOBUFS;
    s->routes[s->route_count++] = *route;
    sok_tcp_routes_changed(s->tcp);
    return 0;
}

int sok_route_set(struct sok_stack *s, const struct sok_stack_route *route)
{
    struct sok_stack_route *r =
        find_route(s, &route->net, route->prefix_len, &route->gateway, route->link);
    if (!r)
        return add_route(s, route);
    if (r->metric != route->metric)
        sok_tcp_routes_changed(s->tcp);
    r->metric = route->metric;
    r->origin = route->origin;
    r->until = route->until;
    return 0;
}

int sok_stack_route_add(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link)
{
    return sok_stack_route_add_metric(stack, net, prefix_len, gateway, link, 0);
}

int sok_stack_route_add_metric(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link, uint32_t metric)
{
    struct sok_stack_route route = {
        .net = net,
        .gateway = gateway,
        .prefix_len = (uint8_t)prefix_len,
        .link = link,
        .metric = metric,
        .until = SOK_TIME_NEVER,
    };
    return prefix_len > 128 ? SOK_EINVAL : add_route(stack, &route);
}

int sok_stack_route_remove(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link)
{
    struct sok_stack_route *r = find_route(stack, &net, prefix_len, &gateway, link);
    if (!r)
        return SOK_ENETUNREACH;
    stack->routes_failed -= r->failed;
    stack->route_count--;
    size_t i = (size_t)(r - stack->routes);
    memmove(r, r + 1, (stack->route_count - i) * sizeof(*r));
    sok_tcp_routes_changed(stack->tcp);
    return 0;
}

bool sok_stack_addr_first(
    const struct sok_stack *stack, uint8_t link, struct sok_addr *addr, unsigned *prefix_len)
{
    *addr = sok_addr_v4(0x7f000001);
    *prefix_len = 8;
    for (unsigned i = 0; i < stack->addr_count; i++) {
        const struct sok_stack_addr *a = &stack->addrs[i];
        if (a->link != link || !sok_addr_is_v4(a->addr))
            continue;
        *addr = a->addr;
        *prefix_len = a->prefix_len;
        return true;
    }
    return link == SOK_STACK_LOCAL;
}

bool sok_stack_addr_at(const struct sok_stack *stack, unsigned i, uint8_t *link,
    struct sok_addr *addr, unsigned *prefix_len)
{
    if (i >= stack->addr_count)
        return false;
    *link = stack->addrs[i].link;
    *addr = stack->addrs[i].addr;
    *prefix_len = stack->addrs[i].prefix_len;
    return true;
}

struct sok_stack_addr *sok_addr_entry(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_eq(s->addrs[i].addr, *addr))
            return &s->addrs[i];
    return NULL;
}

int sok_addr_forget(struct sok_stack *stack, uint8_t link, const struct sok_addr *addr)
{
    struct sok_stack_addr *a = sok_addr_entry(stack, link, addr);
    if (!a)
        return SOK_EADDRNOTAVAIL;
    struct sok_addr gone = a->addr;
    unsigned prefix_len = a->prefix_len;
    bool routed = brings_route(a->origin);
    stack->addr_count--;
    size_t i = (size_t)(a - stack->addrs);
    memmove(a, a + 1, (stack->addr_count - i) * sizeof(*a));
    if (routed)
        sok_stack_route_remove(
            stack, sok_addr_net(&gone, prefix_len), prefix_len, none_like(&gone), link);
    if (!sok_addr_is_v4(gone)) {
        struct sok_addr group = sok_addr_solicited(&gone);
        sok_group_release(stack, link, &group, stack->now);
    }
    return 0;
}

static bool is_network_broadcast(const struct sok_stack_addr *a, uint32_t v4)
{
    if (!sok_addr_is_v4(a->addr) || a->prefix_len >= 31) // RFC 3021: two hosts and no broadcast
        return false;
    uint32_t host = UINT32_MAX >> a->prefix_len;
    return v4 == (sok_addr_to_v4(a->addr) | host);
}

enum sok_dst_kind sok_dst_kind4(const struct sok_stack *s, uint32_t v4)
{
    struct sok_addr a = sok_addr_v4(v4);
    if (v4 >> 24 == 127)
        return s->loopback_out ? SOK_DST_OTHER : SOK_DST_OURS;
    if (v4 == UINT32_MAX)
        return SOK_DST_BROADCAST;
    if (v4 >> 28 == 14)
        return SOK_DST_MULTICAST;
    for (unsigned i = 0; i < s->addr_count; i++)
        if (sok_addr_eq(s->addrs[i].addr, a))
            return SOK_DST_OURS;
    for (unsigned i = 0; i < s->addr_count; i++)
        if (is_network_broadcast(&s->addrs[i], v4))
            return SOK_DST_BROADCAST;
    return SOK_DST_OTHER;
}

enum sok_dst_kind sok_dst_kind(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    if (sok_addr_is_v4(*a))
        return sok_dst_kind4(s, sok_addr_to_v4(*a));
    if (a->b[0] == 0xff)
        return SOK_DST_MULTICAST;
    if (sok_addr_is_loopback(*a))
        return s->loopback_out ? SOK_DST_OTHER : SOK_DST_OURS;
    bool here = link != SOK_STACK_LOCAL && sok_addr_is_near6(a);
    for (unsigned i = 0; i < s->addr_count; i++)
        if (sok_addr_eq(s->addrs[i].addr, *a) && (!here || s->addrs[i].link == link))
            return SOK_DST_OURS;
    return SOK_DST_OTHER;
}

bool sok_addr_is_ours(const struct sok_stack *s, const struct sok_addr *a)
{
    return s->any || sok_dst_kind(s, 0, a) == SOK_DST_OURS;
}

bool sok_addr_on_link(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    for (unsigned i = 0; i < s->route_count; i++) {
        const struct sok_stack_route *r = &s->routes[i];
        if (r->link == link && sok_addr_is_any(r->gateway) &&
            sok_addr_in(*a, r->net, r->prefix_len))
            return true;
        if (r->link == link && sok_addr_eq(r->gateway, *a))
            return true;
    }
    return false;
}

static struct sok_addr source4(const struct sok_stack *s, uint8_t link, const struct sok_addr *to)
{
    const struct sok_stack_addr *best = NULL;
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_stack_addr *a = &s->addrs[i];
        if (a->link != link || !sok_addr_is_v4(a->addr))
            continue;
        if (sok_addr_in(*to, a->addr, a->prefix_len))
            return a->addr;
        // Not a link-local one beyond the link, if there is another (RFC 3927 section 2.6.1).
        if (!best || (sok_addr_is_link_local(&best->addr) && !sok_addr_is_link_local(&a->addr)))
            best = a;
    }
    return best ? best->addr : sok_addr_v4(0);
}

// RFC 6724 section 5, of the addresses of the link that the packet leaves on.
static const struct sok_stack_addr *source6(const struct sok_stack *s, uint8_t link,
    const struct sok_addr *to, const struct sok_addr *next_hop)
{
    const struct sok_stack_addr *best = NULL;
    struct sok_addr_choice best_choice = {.prefix_len = 0};
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_stack_addr *a = &s->addrs[i];
        if (a->link != link || sok_addr_is_v4(a->addr))
            continue;
        struct sok_addr_choice choice = {
            .addr = a->addr,
            .prefix_len = a->prefix_len,
            .deprecated = a->deprecated,
            .temporary = a->origin == SOK_ORIGIN_TEMPORARY,
            .via = !sok_addr_is_any(a->router) && sok_addr_eq(a->router, *next_hop),
        };
        if (best && !sok_source_better(&choice, &best_choice, to, true))
            continue;
        best = a;
        best_choice = choice;
    }
    return best;
}

struct sok_addr sok_source_for(const struct sok_stack *s, uint8_t link, const struct sok_addr *to)
{
    if (sok_addr_is_v4(*to))
        return source4(s, link, to);
    const struct sok_stack_addr *a = source6(s, link, to, to);
    return a ? a->addr : (struct sok_addr){{0}};
}

static bool link_has(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_eq(s->addrs[i].addr, *a))
            return true;
    return false;
}

bool sok_device_hears(
    const struct sok_stack *s, uint8_t device, uint8_t link, const struct sok_addr *to)
{
    return device == 0 || link == device - 1 ||
           (link == SOK_STACK_LOCAL && link_has(s, (uint8_t)(device - 1), to));
}

static bool is_better(
    const struct sok_stack_route *a, const struct sok_stack_route *b, bool a_source, bool b_source)
{
    int works = sok_gateway_compare(a, b);
    if (a->failed != b->failed)
        return works < 0;
    if (a->prefix_len != b->prefix_len)
        return a->prefix_len > b->prefix_len;
    if (works != 0)
        return works < 0;
    return a_source != b_source ? a_source : a->metric < b->metric;
}

// One whose gateway answers; then the longest prefix; among equals the link that has the source, the least metric, then the first added. A link (not
// 0) leaves only its own.
static const struct sok_stack_route *best_route(const struct sok_stack *s,
    const struct sok_addr *source, const struct sok_addr *to, uint8_t link)
{
    const struct sok_stack_route *best = NULL;
    bool best_source = false;
    for (unsigned i = 0; i < s->route_count; i++) {
        const struct sok_stack_route *r = &s->routes[i];
        if (!sok_addr_in(*to, r->net, r->prefix_len) || (link && r->link != link))
            continue;
        bool has_source = link_has(s, r->link, source);
        if (best && !is_better(r, best, has_source, best_source))
            continue;
        best = r;
        best_source = has_source;
    }
    return best;
}

// Broadcast and multicast need no route: the link that is asked for (`zone`), of the source, of a route if one
// matches, or the first that has an address.
static int group_link(const struct sok_stack *s, const struct sok_addr *source,
    const struct sok_addr *to, uint32_t zone, uint8_t *link)
{
    bool v4 = sok_addr_is_v4(*to);
    const struct sok_stack_addr *first = NULL;
    if (zone > 0) {
        *link = (uint8_t)(zone - 1);
        return zone - 1 < s->link_count ? 0 : SOK_ENODEV;
    }
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_stack_addr *a = &s->addrs[i];
        if (sok_addr_is_v4(a->addr) != v4)
            continue;
        first = first ? first : a;
        if (sok_addr_eq(a->addr, *source) || (v4 && is_network_broadcast(a, sok_addr_to_v4(*to)))) {
            *link = a->link;
            return 0;
        }
    }
    const struct sok_stack_route *r = best_route(s, source, to, 0);
    if (!r && !first)
        return SOK_ENETUNREACH;
    *link = r ? r->link : first->link;
    return 0;
}

// Who is bound to a device reaches of this machine what that has; by the loopback, all of IPv4 (as in Linux).
static bool is_there(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    if (link == SOK_STACK_LOCAL)
        return sok_addr_is_v4(*a) || sok_addr_is_loopback(*a) || sok_addr_is_near6(a);
    return link_has(s, link, a);
}

static int local_path(const struct sok_stack *s, const struct sok_addr *source,
    const struct sok_endpoint *there, struct sok_tcp_path *out)
{
    const struct sok_addr *to = &there->addr;
    if (there->zone && !s->any && !is_there(s, (uint8_t)(there->zone - 1), to))
        return sok_addr_is_v4(*to) ? SOK_EHOSTUNREACH : SOK_ENETUNREACH;
    *out = (struct sok_tcp_path){
        .source = sok_addr_is_any(*source) ? *to : *source,
        .next_hop = *to,
        .link = SOK_STACK_LOCAL,
        .mtu = s->links[SOK_STACK_LOCAL]->info.mtu,
    };
    return 0;
}

// The link and the next hop to another host. The link of a link-local address is named by its zone (RFC 4007), or
// is that of the source; that of others, too, if who sends is bound to one. Then what IPv4 has no route for is there (as in Linux).
static int find_hop(const struct sok_stack *s, const struct sok_addr *source,
    const struct sok_endpoint *to, uint8_t *link, struct sok_addr *next_hop, bool *failed)
{
    uint8_t only = to->zone > 0 ? (uint8_t)(to->zone - 1) : 0;
    if (to->zone == SOK_STACK_LOCAL + 1 && !sok_addr_is_near6(&to->addr))
        return SOK_ENETUNREACH;
    const struct sok_stack_route *r = best_route(s, source, &to->addr, only);
    if (!r && only && sok_addr_is_v4(to->addr)) {
        *link = only;
        *next_hop = to->addr;
        return 0;
    }
    if (!r || r->link == SOK_STACK_LOCAL)
        return SOK_ENETUNREACH;
    *link = r->link;
    *next_hop = sok_addr_is_any(r->gateway) ? to->addr : r->gateway;
    *failed = r->failed;
    return 0;
}

static uint16_t link_mtu(const struct sok_stack *s, uint8_t link, bool v4)
{
    const struct sok_stack_link *l = s->links[link];
    return !v4 && l->ip6_mtu && l->ip6_mtu < l->info.mtu ? l->ip6_mtu : (uint16_t)l->info.mtu;
}

int sok_stack_route(void *ctx, const struct sok_addr *source, const struct sok_endpoint *to,
    struct sok_tcp_path *out)
{
    const struct sok_stack *s = ctx;
    const struct sok_addr *dst = &to->addr;
    bool chosen = !sok_addr_is_any(*source), v4 = sok_addr_is_v4(*dst);
    if (sok_addr_is_any(*dst))
        return SOK_ENETUNREACH;
    if (chosen && sok_addr_is_v4(*source) != v4)
        return SOK_ENETUNREACH;
    if (chosen && !sok_addr_is_ours(s, source))
        return SOK_EADDRNOTAVAIL;
    if (to->zone > s->link_count) // as Linux says it
        return v4 || sok_addr_is_near6(dst) ? SOK_ENODEV : SOK_ENETUNREACH;
    uint8_t zone = to->zone > 0 ? (uint8_t)(to->zone - 1) : 0;
    enum sok_dst_kind kind = sok_dst_kind(s, zone, dst);
    if (kind == SOK_DST_OURS)
        return local_path(s, source, to, out);
    if (sok_addr_is_loopback(*source) && !s->any) // never on a wire (RFC 1122 section 3.2.1.3 g)
        return SOK_EADDRNOTAVAIL;

    uint8_t link;
    bool failed = false;
    struct sok_addr next_hop = *dst;
    int err = kind == SOK_DST_OTHER ? find_hop(s, source, to, &link, &next_hop, &failed)
                                    : group_link(s, source, dst, to->zone, &link);
    if (err < 0)
        return err;
    struct sok_addr own = *source;
    if (!chosen && v4) {
        own = source4(s, link, &next_hop);
    } else if (!chosen) {
        const struct sok_stack_addr *a = source6(s, link, dst, &next_hop);
        own = a ? a->addr : (struct sok_addr){{0}};
    }
    *out = (struct sok_tcp_path){
        .source = own,
        .next_hop = next_hop,
        .link = link,
        .mtu = link_mtu(s, link, v4),
        .failed = failed,
        .known = sok_pmtu_find(s, dst),
    };
    return sok_addr_is_any(own) ? SOK_EADDRNOTAVAIL : 0;
}

void sok_dest_find(const struct sok_stack *s, const struct sok_addr *addr, struct sok_dest *out)
{
    struct sok_endpoint to = {.addr = *addr};
    struct sok_addr any = none_like(addr);
    struct sok_tcp_path path;
    *out = (struct sok_dest){.addr = *addr};
    // sok_stack_route() takes what TCP was given: a context that it only reads.
    if (sok_stack_route((void *)(uintptr_t)s, &any, &to, &path) < 0)
        return;
    out->source = path.source;
    for (unsigned i = 0; i < s->addr_count; i++)
        if (sok_addr_eq(s->addrs[i].addr, path.source))
            out->deprecated = s->addrs[i].deprecated;
}

bool sok_stack_has_family(const struct sok_stack *s, bool v6)
{
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_addr *a = &s->addrs[i].addr;
        bool of_link = !sok_addr_is_v4(*a) && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
        if (s->addrs[i].link > 0 && sok_addr_is_v4(*a) != v6 && !of_link)
            return true;
    }
    return false;
}

int sok_stack_path_mtu(struct sok_stack *stack, const struct sok_addr *source,
    const struct sok_endpoint *to, uint16_t *mtu)
{
    struct sok_tcp_path path;
    int err = sok_stack_route(stack, source, to, &path);
    *mtu = err < 0 ? 0 : sok_tcp_path_mtu(&path);
    return err;
}
