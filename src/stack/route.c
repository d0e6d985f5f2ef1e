// Addresses of the stack, routes by longest prefix, and the choice of a source address (RFC 1122 section
// 3.3.1, 3.3.4.3). Everything here is a pure lookup.
#include "stack/internal.h"

#include <string.h>

int sok_addr_check(
    const struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len)
{
    if (!sok_addr_is_v4(addr))
        return SOK_EAFNOSUPPORT;
    if (link >= stack->link_count)
        return SOK_ENODEV;
    enum sok_dst_kind kind = sok_dst_kind(stack, sok_addr_to_v4(addr));
    if (kind == SOK_DST_OURS)
        return SOK_EADDRINUSE;
    if (prefix_len > 32 || kind != SOK_DST_OTHER || sok_addr_is_any(addr))
        return SOK_EINVAL;
    return stack->addr_count == SOK_STACK_ADDRS_MAX ? SOK_ENOBUFS : 0;
}

int sok_stack_addr_add(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len)
{
    int err = sok_addr_check(stack, link, addr, prefix_len);
    if (err < 0)
        return err;
    uint32_t mask = prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
    struct sok_addr net = sok_addr_v4(sok_addr_to_v4(addr) & mask);
    err = sok_stack_route_add(stack, net, prefix_len, sok_addr_v4(0), link);
    if (err < 0)
        return err;
    stack->addrs[stack->addr_count++] = (struct sok_stack_addr){addr, (uint8_t)prefix_len, link};
    return 0;
}

int sok_stack_route_add(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link)
{
    if (link >= stack->link_count)
        return SOK_ENODEV;
    if (!sok_addr_in(net, net, prefix_len))
        return SOK_EINVAL;
    if (stack->route_count == SOK_STACK_ROUTES_MAX)
        return SOK_ENOBUFS;
    stack->routes[stack->route_count++] =
        (struct sok_stack_route){net, gateway, (uint8_t)prefix_len, link};
    return 0;
}

int sok_stack_route_remove(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link)
{
    for (unsigned i = 0; i < stack->route_count; i++) {
        const struct sok_stack_route *r = &stack->routes[i];
        if (r->link != link || r->prefix_len != prefix_len || !sok_addr_eq(r->net, net) ||
            !sok_addr_eq(r->gateway, gateway))
            continue;
        stack->route_count--;
        memmove(&stack->routes[i], &stack->routes[i + 1],
            (stack->route_count - i) * sizeof(stack->routes[0]));
        return 0;
    }
    return SOK_ENETUNREACH;
}

bool sok_stack_addr_first(
    const struct sok_stack *stack, uint8_t link, struct sok_addr *addr, unsigned *prefix_len)
{
    *addr = sok_addr_v4(0x7f000001);
    *prefix_len = 8;
    for (unsigned i = 0; i < stack->addr_count; i++) {
        const struct sok_stack_addr *a = &stack->addrs[i];
        if (a->link != link)
            continue;
        *addr = a->addr;
        *prefix_len = a->prefix_len;
        return true;
    }
    return link == SOK_STACK_LOCAL;
}

int sok_addr_forget(struct sok_stack *stack, uint8_t link, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < stack->addr_count; i++) {
        struct sok_stack_addr a = stack->addrs[i];
        if (a.link != link || !sok_addr_eq(a.addr, *addr))
            continue;
        uint32_t mask = a.prefix_len ? UINT32_MAX << (32 - a.prefix_len) : 0;
        struct sok_addr net = sok_addr_v4(sok_addr_to_v4(*addr) & mask);
        sok_stack_route_remove(stack, net, a.prefix_len, sok_addr_v4(0), link);
        stack->addr_count--;
        memmove(&stack->addrs[i], &stack->addrs[i + 1],
            (stack->addr_count - i) * sizeof(stack->addrs[0]));
        return 0;
    }
    return SOK_EADDRNOTAVAIL;
}

static bool is_network_broadcast(const struct sok_stack_addr *a, uint32_t v4)
{
    if (a->prefix_len >= 31) // RFC 3021: two hosts and no broadcast
        return false;
    uint32_t host = UINT32_MAX >> a->prefix_len;
    return v4 == (sok_addr_to_v4(a->addr) | host);
}

enum sok_dst_kind sok_dst_kind(const struct sok_stack *s, uint32_t v4)
{
    if (v4 >> 24 == 127)
        return s->loopback_out ? SOK_DST_OTHER : SOK_DST_OURS;
    if (v4 == UINT32_MAX)
        return SOK_DST_BROADCAST;
    if (v4 >> 28 == 14)
        return SOK_DST_MULTICAST;
    for (unsigned i = 0; i < s->addr_count; i++)
        if (sok_addr_to_v4(s->addrs[i].addr) == v4)
            return SOK_DST_OURS;
    for (unsigned i = 0; i < s->addr_count; i++)
        if (is_network_broadcast(&s->addrs[i], v4))
            return SOK_DST_BROADCAST;
    return SOK_DST_OTHER;
}

bool sok_addr_is_ours(const struct sok_stack *s, const struct sok_addr *a)
{
    return sok_addr_is_v4(*a) && (s->any || sok_dst_kind(s, sok_addr_to_v4(*a)) == SOK_DST_OURS);
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

struct sok_addr sok_source_for(const struct sok_stack *s, uint8_t link, const struct sok_addr *to)
{
    const struct sok_stack_addr *best = NULL;
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_stack_addr *a = &s->addrs[i];
        if (a->link != link)
            continue;
        if (sok_addr_in(*to, a->addr, a->prefix_len))
            return a->addr;
        if (!best)
            best = a;
    }
    return best ? best->addr : sok_addr_v4(0);
}

static bool link_has(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_eq(s->addrs[i].addr, *a))
            return true;
    return false;
}

// Longest prefix; among equals the link that has the source, then the first added.
static const struct sok_stack_route *best_route(
    const struct sok_stack *s, const struct sok_addr *source, const struct sok_addr *to)
{
    const struct sok_stack_route *best = NULL;
    unsigned best_score = 0;
    for (unsigned i = 0; i < s->route_count; i++) {
        const struct sok_stack_route *r = &s->routes[i];
        if (!sok_addr_in(*to, r->net, r->prefix_len))
            continue;
        unsigned score = 1 + 2u * r->prefix_len + link_has(s, r->link, source);
        if (score > best_score) {
            best = r;
            best_score = score;
        }
    }
    return best;
}

// Broadcast and multicast need no route: the link that is asked for (`zone`), of the source, of a route if one
// matches, or the first that has an address.
static int group_link(const struct sok_stack *s, const struct sok_addr *source,
    const struct sok_addr *to, uint32_t zone, uint8_t *link)
{
    if (zone > 0) {
        *link = (uint8_t)(zone - 1);
        return zone - 1 < s->link_count ? 0 : SOK_ENODEV;
    }
    for (unsigned i = 0; i < s->addr_count; i++) {
        if (sok_addr_eq(s->addrs[i].addr, *source) ||
            is_network_broadcast(&s->addrs[i], sok_addr_to_v4(*to))) {
            *link = s->addrs[i].link;
            return 0;
        }
    }
    const struct sok_stack_route *r = best_route(s, source, to);
    if (!r && s->addr_count == 0)
        return SOK_ENETUNREACH;
    *link = r ? r->link : s->addrs[0].link;
    return 0;
}

static int local_path(const struct sok_stack *s, const struct sok_addr *source,
    const struct sok_addr *to, struct sok_tcp_path *out)
{
    *out = (struct sok_tcp_path){
        .source = sok_addr_is_any(*source) ? *to : *source,
        .next_hop = *to,
        .link = SOK_STACK_LOCAL,
        .mtu = s->links[SOK_STACK_LOCAL]->info.mtu,
    };
    return 0;
}

int sok_stack_route(void *ctx, const struct sok_addr *source, const struct sok_endpoint *to,
    struct sok_tcp_path *out)
{
    const struct sok_stack *s = ctx;
    const struct sok_addr *dst = &to->addr;
    bool chosen = !sok_addr_is_any(*source);
    if (!sok_addr_is_v4(*dst) || sok_addr_is_any(*dst))
        return SOK_ENETUNREACH;
    if (chosen && !sok_addr_is_ours(s, source))
        return SOK_EADDRNOTAVAIL;
    enum sok_dst_kind kind = sok_dst_kind(s, sok_addr_to_v4(*dst));
    if (kind == SOK_DST_OURS)
        return local_path(s, source, dst, out);
    if (sok_addr_is_loopback(*source) && !s->any) // never on a wire (RFC 1122 section 3.2.1.3 g)
        return SOK_EADDRNOTAVAIL;

    uint8_t link;
    struct sok_addr next_hop = *dst;
    if (kind == SOK_DST_OTHER) {
        const struct sok_stack_route *r = best_route(s, source, dst);
        if (!r || r->link == SOK_STACK_LOCAL)
            return SOK_ENETUNREACH;
        link = r->link;
        if (!sok_addr_is_any(r->gateway))
            next_hop = r->gateway;
    } else {
        int err = group_link(s, source, dst, to->zone, &link);
        if (err < 0)
            return err;
    }
    *out = (struct sok_tcp_path){
        .source = chosen ? *source : sok_source_for(s, link, &next_hop),
        .next_hop = next_hop,
        .link = link,
        .mtu = s->links[link]->info.mtu,
        .known = sok_pmtu_find(s, dst),
    };
    return sok_addr_is_any(out->source) ? SOK_EADDRNOTAVAIL : 0;
}
