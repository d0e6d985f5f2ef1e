#include "stack/router.h"

#include <string.h>
#include "stack/internal.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

#define METRIC_ROUTER  1024 // of a medium preference; what is given by hand goes first
#define REDIRECT_LIVES (600 * SOK_S)

// ---- routes from outside ----

static void expire_at(struct sok_stack *s, int64_t until)
{
    if (until < s->routes_due)
        s->routes_due = until;
}

static unsigned count_of(const struct sok_stack *s, enum sok_origin origin)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->route_count; i++)
        count += s->routes[i].origin == origin;
    return count;
}

static const struct sok_stack_route *find_route(
    const struct sok_stack *s, const struct sok_stack_route *like)
{
    for (unsigned i = 0; i < s->route_count; i++) {
        const struct sok_stack_route *r = &s->routes[i];
        if (r->link == like->link && r->prefix_len == like->prefix_len &&
            sok_addr_eq(r->net, like->net) && sok_addr_eq(r->gateway, like->gateway))
            return r;
    }
    return NULL;
}

static int64_t after(int64_t now, uint32_t seconds)
{
    return seconds == SOK_ND_LIFE_EVER ? SOK_TIME_NEVER : now + (int64_t)seconds * SOK_S;
}

static void remove_route(struct sok_stack *s, const struct sok_stack_route *r)
{
    sok_stack_route_remove(s, r->net, r->prefix_len, r->gateway, r->link);
}

// A route that is good for so many seconds; 0 takes it back. What is given by hand stays as it is.
static void route_said(
    struct sok_stack *s, struct sok_stack_route route, uint32_t lifetime, int64_t now)
{
    const struct sok_stack_route *known = find_route(s, &route);
    if (known && known->origin != SOK_ORIGIN_ROUTER)
        return;
    if (lifetime == 0) {
        if (known)
            remove_route(s, &route);
        return;
    }
    if (!known && count_of(s, SOK_ORIGIN_ROUTER) >= SOK_ROUTER_ROUTES_MAX) {
        sok_stack_drop(s, SOK_DROP_ND_LIMIT);
        return;
    }
    route.origin = SOK_ORIGIN_ROUTER;
    route.until = after(now, lifetime);
    if (sok_route_set(s, &route) == 0)
        expire_at(s, route.until);
}

// RFC 4191 section 2.1: high goes before medium before low.
static uint32_t metric_of(uint8_t prf)
{
    return prf == SOK_ND_PRF_HIGH  ? METRIC_ROUTER - 1
           : prf == SOK_ND_PRF_LOW ? METRIC_ROUTER + 1
                                   : METRIC_ROUTER;
}

void sok_routes_advance(struct sok_stack *s, int64_t now)
{
    if (s->routes_due > now)
        return;
    s->routes_due = SOK_TIME_NEVER;
    for (unsigned i = s->route_count; i-- > 0;) {
        struct sok_stack_route r = s->routes[i];
        if (r.until <= now)
            remove_route(s, &r);
        else
            expire_at(s, r.until);
    }
}

void sok_routes_forget(struct sok_stack *s, uint8_t link)
{
    for (unsigned i = s->route_count; i-- > 0;) {
        struct sok_stack_route r = s->routes[i];
        if (r.link == link && (r.origin == SOK_ORIGIN_ROUTER || r.origin == SOK_ORIGIN_REDIRECT))
            remove_route(s, &r);
    }
}

// ---- router advertisements ----

static void take_router(struct sok_stack *s, const struct sok_in *in, const struct sok_nd_ra_hdr *h,
    const struct sok_slaac *a)
{
    struct sok_stack_link *l = s->links[in->link];
    struct sok_stack_route route = {
        .gateway = in->src, .link = in->link, .metric = metric_of(h->prf)};
    (void)a;
    route_said(s, route, h->routerlifetime, in->now);
    if (h->chlim)
        l->ip6_hop_limit = h->chlim;
    if (h->reachabletime && h->reachabletime <= 3600000)
        l->reachable_ms = h->reachabletime;
    if (h->retranstimer && h->retranstimer <= 3600000)
        l->retrans_ms = h->retranstimer;
}

static void take_mtu(struct sok_stack *s, uint8_t link, const struct sok_option *opt)
{
    struct sok_nd_mtu_hdr h;
    struct sok_stack_link *l = s->links[link];
    if (sok_nd_mtu_get(opt->data, opt->len, &h) && h.mtu >= SOK_IP6_MTU_MIN && h.mtu <= l->info.mtu)
        l->ip6_mtu = (uint16_t)h.mtu;
}

// Of an autonomous prefix addresses are made; one that is on the link needs no router (section 6.3.4).
static void take_prefix(
    struct sok_stack *s, struct sok_in *in, struct sok_slaac *a, const struct sok_option *opt)
{
    struct sok_nd_prefix_hdr h;
    struct sok_stack_route route = {.link = in->link, .metric = METRIC_ROUTER};
    if (!sok_nd_prefix_get(opt->data, opt->len, &h) || h.prefixlen > 128)
        return;
    memcpy(route.net.b, h.prefix, 16);
    route.net = sok_addr_net(&route.net, h.prefixlen);
    route.prefix_len = h.prefixlen;
    if (sok_addr_is_near6(&route.net) || sok_addr_is_multicast(route.net) ||
        sok_addr_is_v4(route.net))
        return;
    if (h.L)
        route_said(s, route, h.validlifetime, in->now);
    if (h.A)
        sok_slaac_prefix(s, a, &in->src, &h, in->now);
}

// RFC 4191 section 2.3. The reserved preference: the option is to be ignored.
static void take_route(struct sok_stack *s, struct sok_in *in, const struct sok_option *opt)
{
    struct sok_nd_route_hdr h;
    struct sok_stack_route route = {.gateway = in->src, .link = in->link};
    if (!sok_nd_route_get(opt->data, opt->len, &h) || h.plen > 128 || h.prf == SOK_ND_PRF_RESERVED)
        return;
    size_t given = opt->len - SOK_ND_ROUTE_LEN;
    if (given * 8 < h.plen)
        return;
    memcpy(route.net.b, opt->data + SOK_ND_ROUTE_LEN, given < 16 ? given : 16);
    route.net = sok_addr_net(&route.net, h.plen);
    route.prefix_len = h.plen;
    route.metric = metric_of(h.prf);
    if (!sok_addr_is_near6(&route.net) && !sok_addr_is_multicast(route.net) &&
        !sok_addr_is_v4(route.net))
        route_said(s, route, h.rtlifetime, in->now);
}

static void take_option(
    struct sok_stack *s, struct sok_in *in, struct sok_slaac *a, const struct sok_option *opt)
{
    switch (opt->kind) {
    case SOK_ND_OPT_SOURCE:
        if (opt->len == SOK_ND_LINK_LEN &&
            sok_neighbour_told(s, in->link, &in->src, opt->data, in->now))
            in->out->effects |= SOK_EFFECT_LEARNED;
        break;
    case SOK_ND_OPT_PREFIX:
        take_prefix(s, in, a, opt);
        break;
    case SOK_ND_OPT_MTU:
        take_mtu(s, in->link, opt);
        break;
    case SOK_ND_OPT_ROUTE:
        take_route(s, in, opt);
        break;
    case SOK_ND_OPT_RDNSS:
        sok_slaac_rdnss(a, opt->data, opt->len, in->now);
        break;
    case SOK_ND_OPT_DNSSL:
        sok_slaac_dnssl(a, opt->data, opt->len, in->now);
        break;
    default:
        break;
    }
}

// Section 6.1.2.
static bool is_valid(const struct sok_in *in, uint8_t hop_limit)
{
    return hop_limit == 255 && sok_addr_is_near6(&in->src) && in->link != SOK_STACK_LOCAL &&
           sok_nd_check(in->data, in->len);
}

enum sok_drop sok_router_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit)
{
    struct sok_nd_ra_hdr h;
    struct sok_option opt;
    struct sok_slaac *a = s->slaac[in->link];
    if (!is_valid(in, hop_limit) || !sok_nd_ra_get(in->data, in->len, &h))
        return SOK_DROP_ND_MALFORMED;
    if (!a || a->stopped || !a->routers)
        return SOK_DROP_ND_NOT_WANTED;
    in->out->effects |= SOK_EFFECT_ROUTER;
    take_router(s, in, &h, a);
    struct sok_options o = sok_nd_options(in->data, in->len);
    while (sok_option_next(&o, &opt))
        take_option(s, in, a, &opt);
    if (h.routerlifetime > 0)
        a->info.router = in->src;
    else if (sok_addr_eq(a->info.router, in->src))
        a->info.router = (struct sok_addr){{0}};
    a->info.managed = h.M;
    a->info.other = h.O;
    a->info.mtu = s->links[in->link]->ip6_mtu;
    sok_slaac_heard(s, a, h.routerlifetime > 0);
    if (h.M || h.O)
        sok_dhcp6_ask(s, in->link, in->now);
    return SOK_DROP_NONE;
}

// ---- redirects (section 8) ----

static bool is_first_hop(struct sok_stack *s, const struct sok_in *in, const struct sok_addr *dst)
{
    struct sok_endpoint to = {.addr = *dst};
    struct sok_addr any = {{0}};
    struct sok_tcp_path path;
    return sok_stack_route(s, &any, &to, &path) == 0 && path.link == in->link &&
           sok_addr_eq(path.next_hop, in->src);
}

// The oldest gives way: a redirect that is still true is said again.
static void make_room(struct sok_stack *s)
{
    if (count_of(s, SOK_ORIGIN_REDIRECT) < SOK_ROUTER_REDIRECT_MAX)
        return;
    for (unsigned i = 0; i < s->route_count; i++) {
        struct sok_stack_route r = s->routes[i];
        if (r.origin == SOK_ORIGIN_REDIRECT) {
            remove_route(s, &r);
            return;
        }
    }
}

// What was said of this destination before.
static void drop_redirect(struct sok_stack *s, uint8_t link, const struct sok_addr *dst)
{
    for (unsigned i = s->route_count; i-- > 0;) {
        struct sok_stack_route r = s->routes[i];
        if (r.origin == SOK_ORIGIN_REDIRECT && r.link == link && sok_addr_eq(r.net, *dst))
            remove_route(s, &r);
    }
}

enum sok_drop sok_redirect_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit)
{
    struct sok_nd_redirect_hdr h;
    struct sok_addr target, dst;
    uint8_t mac[6];
    if (!is_valid(in, hop_limit) || !sok_nd_redirect_get(in->data, in->len, &h))
        return SOK_DROP_ND_MALFORMED;
    memcpy(target.b, h.tgt, 16);
    memcpy(dst.b, h.dst, 16);
    bool direct = sok_addr_eq(target, dst);
    if (sok_addr_is_multicast(dst) || sok_addr_is_v4(dst) || sok_addr_is_any(dst) ||
        (!direct && !sok_addr_is_near6(&target)))
        return SOK_DROP_ND_MALFORMED;
    if (!is_first_hop(s, in, &dst))
        return SOK_DROP_ND_NOT_WANTED;
    struct sok_stack_route route = {
        .net = dst,
        .gateway = direct ? (struct sok_addr){{0}} : target,
        .prefix_len = 128,
        .link = in->link,
        .origin = SOK_ORIGIN_REDIRECT,
        .until = in->now + REDIRECT_LIVES,
    };
    drop_redirect(s, in->link, &dst);
    make_room(s);
    if (sok_route_set(s, &route) < 0)
        return SOK_DROP_ND_LIMIT;
    expire_at(s, route.until);
    in->out->effects |= SOK_EFFECT_REDIRECTED;
    if (sok_nd_link_addr(in->data, in->len, SOK_ND_OPT_TARGET, mac) &&
        sok_neighbour_told(s, in->link, &target, mac, in->now))
        in->out->effects |= SOK_EFFECT_LEARNED;
    return SOK_DROP_NONE;
}
