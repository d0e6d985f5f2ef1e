// Addresses that may be somebody else's, and those a DHCP server leases: waiting until they can be used, and
// saying whose they are when they cannot; name servers that DHCPv6 is about to tell, too. What happens is decided
// in stack/acd.c, dhcp.c and dhcp6.c.
#include "host/address.h"

#include <stdio.h>
#include <string.h>
#include "host/host.h"
#include "stack/dhcp6.h"

#define SOONEST (5 * SOK_MS) // between looks at what has become of an address, at least
#define ROUTERS                                                                                    \
    (1 *                                                                                           \
        SOK_S) // routers are waited for, where there is another address; they answer in 0.5 s (RFC 4861 10)

#define NAMES                                                                                      \
    (1 * SOK_S) // a server that a router speaks of has so long to say where names are known

int sok_host_claim(struct sok_host *host, int link, struct sok_addr addr, unsigned prefix_len)
{
    struct sok_host_claims *c = &host->claims;
    if (c->count == SOK_STACK_ADDRS_MAX)
        return SOK_ENOBUFS;
    int r = sok_stack_addr_claim(host->stack, (uint8_t)link, addr, prefix_len, sok_host_now(host));
    if (r < 0)
        return r;
    c->list[c->count++] = (struct sok_host_claim){.addr = addr, .link = (uint8_t)link};
    host->dirty = true;
    return 0;
}

int sok_host_dhcp_start(struct sok_host *host, int link, char *err)
{
    int r = link < 0 || link > UINT8_MAX
                ? SOK_ENODEV
                : sok_stack_dhcp_start(host->stack, (uint8_t)link, sok_host_now(host));
    host->dirty = true;
    if (r == SOK_EOPNOTSUPP)
        return sok_host_fail(
            err, r, "no DHCP on a link without Ethernet (give it an address: --addr 192.0.2.2/24)");
    return r < 0 ? sok_host_fail(err, r, "no DHCP: %s", sok_strerror(r)) : 0;
}

int sok_host_slaac_start(struct sok_host *host, int link, char *err)
{
    int r = link < 1 || (unsigned)link > host->wire_count
                ? SOK_ENODEV
                : sok_stack_slaac_start(host->stack, (uint8_t)link, sok_host_now(host));
    host->dirty = true;
    if (r == 0)
        host->wires[link - 1]->slaac = true;
    if (r == SOK_EOPNOTSUPP)
        return sok_host_fail(err, r, "no SLAAC: IPv6 needs an MTU of 1280 at least");
    return r < 0 ? sok_host_fail(err, r, "no SLAAC: %s", sok_strerror(r)) : 0;
}

int sok_host_link_local_start(struct sok_host *host, int link, char *err)
{
    int r = link < 1 || (unsigned)link > host->wire_count
                ? SOK_ENODEV
                : sok_stack_link_local_start(host->stack, (uint8_t)link, sok_host_now(host));
    host->dirty = true;
    if (r == SOK_EOPNOTSUPP)
        return sok_host_fail(err, r,
            "no link-local address on a link without Ethernet (give it one: --addr 192.0.2.2/24)");
    return r < 0 ? sok_host_fail(err, r, "no link-local address: %s", sok_strerror(r)) : 0;
}

static const char *link_name(const struct sok_host *host, uint8_t link)
{
    return sok_stack_link(host->stack, link)->name;
}

static int say_taken(const struct sok_addr *addr, const uint8_t mac[6], char *err)
{
    char text[SOK_ADDR_TEXT_MAX];
    return sok_host_fail(err, SOK_EADDRINUSE, "%s is already used by %02x:%02x:%02x:%02x:%02x:%02x",
        sok_addr_format(*addr, text), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

// ---- waiting ----

// 1: all can be used; 0: not yet; or an error, with its line.
static int look_at_claims(const struct sok_host *host, char *err)
{
    int ready = 1;
    for (unsigned i = 0; i < host->claims.count; i++) {
        const struct sok_host_claim *c = &host->claims.list[i];
        uint8_t mac[6];
        enum sok_addr_news state = sok_stack_addr_state(host->stack, c->link, c->addr, mac);
        if (state == SOK_ADDR_TAKEN)
            return say_taken(&c->addr, mac, err);
        if (state == SOK_ADDR_PROBED)
            ready = 0;
    }
    return ready;
}

// Whether each link that makes an address of 169.254.0.0/16 has it.
static bool has_link_locals(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        uint8_t link = host->wires[i]->index;
        struct sok_addr addr = sok_stack_link_local(host->stack, link);
        bool wanted = !sok_addr_is_any(addr);
        if (wanted && sok_stack_addr_state(host->stack, link, addr, NULL) != SOK_ADDR_USED)
            return false;
    }
    return true;
}

static bool has_lease(const struct sok_host *host, uint8_t link)
{
    const struct sok_dhcp_lease *l = sok_stack_dhcp(host->stack, link);
    return l && sok_stack_addr_state(host->stack, link, l->addr, NULL) == SOK_ADDR_USED;
}

static const struct sok_dhcp_lease *first_without(const struct sok_host *host, uint8_t *link)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        *link = host->wires[i]->index;
        const struct sok_dhcp_lease *l = sok_stack_dhcp(host->stack, *link);
        if (l && !has_lease(host, *link))
            return l;
    }
    return NULL;
}

static bool lacks_routers(const struct sok_host *host, uint8_t link)
{
    const struct sok_slaac_info *s = sok_stack_slaac(host->stack, link);
    return s && sok_addr_is_any(s->addr) && host->wires[link - 1]->slaac;
}

// Whether a link waits for what routers say; *alone: and has no other address.
static const struct sok_slaac_info *without_router(
    const struct sok_host *host, uint8_t *link, bool *alone)
{
    const struct sok_slaac_info *found = NULL;
    *alone = false;
    for (unsigned i = 0; i < host->wire_count; i++) {
        uint8_t at = host->wires[i]->index;
        bool other = has_lease(host, at);
        if (!lacks_routers(host, at))
            continue;
        for (unsigned k = 0; k < host->claims.count; k++)
            other = other || host->claims.list[k].link == at;
        *alone = *alone || !other;
        if (!found || !other) {
            found = sok_stack_slaac(host->stack, at);
            *link = at;
        }
    }
    return found;
}

static int say_no_router(const struct sok_host *host, const struct sok_slaac_info *s, uint8_t link,
    int64_t waited, char *err)
{
    if (s->taken)
        return say_taken(&s->taken_addr, s->taken_by, err);
    if (host->wires[link - 1]->down)
        return sok_host_fail(err, SOK_ELINKDOWN, "no SLAAC: %s went down", link_name(host, link));
    return sok_host_fail(err, SOK_ETIMEDOUT,
        "no router on %s %s within %lld s (give an address: --addr 2001:db8::2/64)",
        link_name(host, link), s->heard ? "advertised a prefix for addresses" : "was heard",
        (long long)(waited / SOK_S));
}

static int say_no_lease(const struct sok_host *host, int64_t waited, char *err)
{
    uint8_t link;
    const struct sok_dhcp_lease *l = first_without(host, &link);
    if (!l) {
        return sok_host_fail(err, SOK_ETIMEDOUT, "an address is still being probed");
    }
    if (l->taken)
        return say_taken(&l->taken_addr, l->taken_by, err); // and nothing else was offered
    if (host->wires[link - 1]->down)
        return sok_host_fail(err, SOK_ELINKDOWN, "no DHCP: %s went down", link_name(host, link));
    return sok_host_fail(err, SOK_ETIMEDOUT,
        "no DHCP server on %s leased an address within %lld s (give one: --addr 192.0.2.2/24)",
        link_name(host, link), (long long)(waited / SOK_S));
}

static bool asks_for_names(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++)
        if (sok_dhcp6_asking(host->stack, host->wires[i]->index))
            return true;
    return false;
}

// There are addresses, but the first name would be asked for in the wrong place: of the machine's name servers.
static int wait_for_names(struct sok_host *host, int64_t end, char *err)
{
    if (end > sok_host_now(host) + NAMES)
        end = sok_host_now(host) + NAMES;
    while (asks_for_names(host) && sok_host_now(host) < end) {
        int r = sok_host_step(host, end - sok_host_now(host));
        if (r < 0)
            return sok_host_fail(err, r, "no name servers yet: %s", sok_strerror(r));
    }
    return 0;
}

int sok_host_ready(struct sok_host *host, int64_t timeout_ns, char *err)
{
    int64_t start = sok_host_now(host);
    int64_t limit = timeout_ns < 0 ? host->dhcp_wait : timeout_ns;
    limit = limit < INT64_MAX - start ? limit : INT64_MAX - start;
    for (;;) {
        uint8_t link;
        bool alone;
        int r = look_at_claims(host, err);
        bool there = r > 0 && !first_without(host, &link) && has_link_locals(host);
        const struct sok_slaac_info *s = without_router(host, &link, &alone);
        if (r < 0)
            return r;
        if (there && !s)
            return wait_for_names(host, start + limit, err);
        int64_t most = there && !alone && ROUTERS < limit ? ROUTERS : limit;
        int64_t left = start + most - sok_host_now(host);
        if (left <= 0 && there)
            return alone ? say_no_router(host, s, link, limit, err) : 0;
        if (left <= 0)
            return say_no_lease(host, limit, err);
        r = sok_host_step(host, left);
        if (r < 0)
            return sok_host_fail(err, r, "no address yet: %s", sok_strerror(r));
    }
}

// ---- while they are used ----

void sok_host_on_lost(struct sok_host *host, void (*fn)(void *ctx, const char *line), void *ctx)
{
    host->claims.lost = fn;
    host->claims.lost_ctx = ctx;
}

void sok_host_claims_look(struct sok_host *host, int64_t now)
{
    struct sok_host_claims *c = &host->claims;
    char line[SOK_HOST_ERR_MAX];
    if (c->told || !c->lost || now < c->next_look)
        return;
    c->next_look = now + SOONEST;
    if (look_at_claims(host, line) >= 0)
        return;
    c->told = true;
    c->lost(c->lost_ctx, line);
}

// ---- leases ----

_Static_assert(SOK_HOST_LEASE_DNS_MAX == SOK_LEASE_DNS_MAX &&
                   SOK_HOST_LEASE_SEARCH_MAX == SOK_LEASE_SEARCH_MAX &&
                   SOK_HOST_LEASE_NAME_MAX == SOK_LEASE_NAME_MAX,
    "what is copied below is of one size");

bool sok_host_lease(const struct sok_host *host, int link, struct sok_host_lease *out)
{
    const struct sok_dhcp_lease *l =
        link > 0 && link <= UINT8_MAX ? sok_stack_dhcp(host->stack, (uint8_t)link) : NULL;
    if (!l || !has_lease(host, (uint8_t)link))
        return false;
    *out = (struct sok_host_lease){
        .addr = l->addr,
        .prefix_len = l->prefix_len,
        .server = l->server,
        .router = l->router,
        .mtu = l->mtu,
        .dns_count = l->dns_count,
        .search_count = l->search_count,
        .left_ns = l->expires_at == SOK_TIME_NEVER ? -1 : l->expires_at - sok_host_now(host),
        .changes = l->changes,
    };
    memcpy(out->dns, l->dns, sizeof(out->dns));
    memcpy(out->domain, l->domain, sizeof(out->domain));
    memcpy(out->search, l->search, sizeof(out->search));
    return true;
}

_Static_assert(
    sizeof(((struct sok_host_slaac *)0)->dns) == sizeof(((struct sok_slaac_info *)0)->dns) &&
        sizeof(((struct sok_host_slaac *)0)->search) ==
            sizeof(((struct sok_slaac_info *)0)->search),
    "what is copied below is of one size");

bool sok_host_slaac(const struct sok_host *host, int link, struct sok_host_slaac *out)
{
    const struct sok_slaac_info *s =
        link > 0 && link <= UINT8_MAX ? sok_stack_slaac(host->stack, (uint8_t)link) : NULL;
    if (!s || sok_addr_is_any(s->addr))
        return false;
    *out = (struct sok_host_slaac){
        .addr = s->addr,
        .local = s->local,
        .router = s->router,
        .mtu = s->mtu,
        .dns_count = s->dns_count,
        .search_count = s->search_count,
        .changes = s->changes,
    };
    memcpy(out->dns, s->dns, sizeof(out->dns));
    memcpy(out->search, s->search, sizeof(out->search));
    return true;
}

void sok_host_release(struct sok_host *host)
{
    bool any = false;
    for (unsigned i = 0; i < host->wire_count; i++) {
        uint8_t link = host->wires[i]->index;
        any = any || has_lease(host, link);
        sok_stack_dhcp_stop(host->stack, link, sok_host_now(host));
    }
    host->dirty = true;
    if (any)
        sok_host_step(host, 0);
}
