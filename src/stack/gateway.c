// Gateways that do not answer (RFC 1122 sections 3.3.1.4 and 3.3.1.5; RFC 4861 sections 6.3.6 and 7.3.3; RFC 4191
// section 3.2). When the table of neighbours gives one up, its routes are marked; they are used only if there is no
// other route at all, and then the one that failed longest ago, so that all are tried in turn. What is learned of a
// marked gateway takes the mark away. While something goes another way because of the mark the gateway is asked, once a
// minute, whether it is there again.
//
// Invariant: routes_failed is the number of marked routes.
#include "stack/internal.h"

#define PROBE_EVERY (60 * SOK_S) // RFC 4191 section 3.2

static bool is_over(const struct sok_stack_route *r, uint8_t link, const struct sok_addr *gateway)
{
    return r->link == link && sok_addr_eq(r->gateway, *gateway) && !sok_addr_is_any(*gateway);
}

// A redirect to somebody who is not there: the first hop is chosen anew.
static bool is_redirect_to(
    const struct sok_stack_route *r, uint8_t link, const struct sok_addr *addr)
{
    return r->origin == SOK_ORIGIN_REDIRECT &&
           (is_over(r, link, addr) ||
               (r->link == link && sok_addr_is_any(r->gateway) && sok_addr_eq(r->net, *addr)));
}

void sok_gateway_failed(struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int64_t now)
{
    bool changed = false;
    for (unsigned i = s->route_count; i-- > 0;) {
        struct sok_stack_route *r = &s->routes[i];
        if (is_redirect_to(r, link, addr)) {
            struct sok_stack_route gone = *r;
            sok_stack_route_remove(s, gone.net, gone.prefix_len, gone.gateway, gone.link);
            continue;
        }
        if (!is_over(r, link, addr))
            continue;
        s->routes_failed += !r->failed;
        changed = true;
        r->failed = true;
        r->failed_at = now;
        r->probe_at = now + PROBE_EVERY;
    }
    if (changed)
        sok_tcp_routes_changed(s->tcp);
}

void sok_gateway_works(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    bool changed = false;
    for (unsigned i = 0; i < s->route_count && s->routes_failed > 0; i++) {
        struct sok_stack_route *r = &s->routes[i];
        if (!r->failed || !is_over(r, link, addr))
            continue;
        r->failed = false;
        s->routes_failed--;
        changed = true;
    }
    if (changed)
        sok_tcp_routes_changed(s->tcp);
}

void sok_gateway_wanted(struct sok_stack *s, uint8_t link, const struct sok_addr *dst,
    const struct sok_addr *next_hop, int64_t now)
{
    for (unsigned i = 0; i < s->route_count && s->routes_failed > 0; i++) {
        struct sok_stack_route *r = &s->routes[i];
        bool taken = r->link == link && sok_addr_eq(r->gateway, *next_hop);
        if (!r->failed || taken || link == SOK_STACK_LOCAL || r->probe_at > now ||
            !sok_addr_in(*dst, r->net, r->prefix_len))
            continue;
        struct sok_addr gateway = r->gateway;
        for (unsigned k = 0; k < s->route_count; k++)
            if (is_over(&s->routes[k], r->link, &gateway))
                s->routes[k].probe_at = now + PROBE_EVERY;
        sok_neighbour_probe(s, r->link, &gateway, now);
    }
}

int sok_gateway_compare(const struct sok_stack_route *a, const struct sok_stack_route *b)
{
    if (a->failed != b->failed)
        return a->failed ? 1 : -1;
    if (!a->failed || a->failed_at == b->failed_at)
        return 0;
    return a->failed_at < b->failed_at ? -1 : 1;
}

const char *sok_gateway_check(const struct sok_stack *s)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < s->route_count; i++)
        failed += s->routes[i].failed;
    return failed == s->routes_failed ? NULL : "gateway: wrong count of those that do not answer";
}
