#include "stack/dhcp.h"

#include <string.h>
#include "stack/internal.h"
#include "wire/csum.h"
#include "wire/dhcp.h"
#include "wire/udp.h"

#define MESSAGE_MAX   548          // what every server and relay takes (RFC 2131 section 2)
#define RENEW_LEAST   (60 * SOK_S) // between requests while renewing (section 4.4.5)
#define BROADCAST_TRY 2            // from this DISCOVER on answers are asked for by broadcast
#define NAK_WAIT_MAX  6            // doublings of the wait after NAK upon NAK

// ---- sending ----

static const uint8_t wanted[] = {SOK_DHCP_OPT_MASK, SOK_DHCP_OPT_ROUTER, SOK_DHCP_OPT_DNS,
    SOK_DHCP_OPT_DOMAIN, SOK_DHCP_OPT_MTU, SOK_DHCP_OPT_LEASE, SOK_DHCP_OPT_SERVER, SOK_DHCP_OPT_T1,
    SOK_DHCP_OPT_T2, SOK_DHCP_OPT_SEARCH};

static bool holds_lease(const struct sok_dhcp *d)
{
    return d->state == SOK_DHCP_BOUND || d->state == SOK_DHCP_RENEWING ||
           d->state == SOK_DHCP_REBINDING;
}

// The message for a state, with what RFC 2131 table 5 wants in it.
static size_t build(
    const struct sok_stack *s, const struct sok_dhcp *d, enum sok_dhcp_message message, uint8_t *p)
{
    bool asks = message == SOK_DHCP_DISCOVER || message == SOK_DHCP_REQUEST;
    bool names_server = message != SOK_DHCP_DISCOVER && !(asks && holds_lease(d));
    bool names_addr =
        message == SOK_DHCP_DECLINE || (message == SOK_DHCP_REQUEST && !holds_lease(d));
    struct sok_bootp_hdr h = sok_bootp_hdr_default();
    struct sok_dhcp_writer w;
    h.xid = d->xid;
    h.secs = asks ? d->secs : 0;
    if (asks && !holds_lease(d) && d->tries >= BROADCAST_TRY)
        h.flags = SOK_BOOTP_BROADCAST;
    if (holds_lease(d) && message != SOK_DHCP_DECLINE)
        h.ciaddr = sok_addr_to_v4(d->lease.addr);
    memcpy(h.chaddr, s->links[d->link]->info.mac, 6);
    sok_dhcp_begin(&w, p, MESSAGE_MAX, &h, message);
    if (names_addr)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_REQUESTED, sok_addr_to_v4(d->lease.addr));
    if (names_server)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_SERVER, sok_addr_to_v4(d->lease.server));
    if (asks) {
        sok_dhcp_put16(&w, SOK_DHCP_OPT_MAX_SIZE, SOK_IP4_HDR_LEN + SOK_UDP_HDR_LEN + MESSAGE_MAX);
        sok_dhcp_put(&w, SOK_DHCP_OPT_WANTED, wanted, sizeof(wanted));
    }
    return sok_dhcp_end(&w);
}

static void put_udp(uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    struct sok_udp_hdr h = {
        .sport = SOK_DHCP_CLIENT, .dport = SOK_DHCP_SERVER, .len = (uint16_t)len};
    struct sok_csum c;
    sok_udp_hdr_put(p, &h);
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, src, dst, SOK_IPPROTO_UDP, (uint32_t)len);
    sok_csum_add(&c, p, len);
    uint16_t sum = sok_csum_final(&c);
    sok_put16(p + SOK_UDP_CSUM_OFFSET, sum ? sum : 0xffff);
}

// To all, from nobody or the address we have.
static struct sok_tcp_path broadcast_path(const struct sok_stack *s, const struct sok_dhcp *d)
{
    return (struct sok_tcp_path){
        .source = d->configured ? d->lease.addr : sok_addr_v4(0),
        .next_hop = sok_addr_v4(UINT32_MAX),
        .link = d->link,
        .mtu = s->links[d->link]->info.mtu,
    };
}

static bool server_path(struct sok_stack *s, const struct sok_dhcp *d, struct sok_tcp_path *path)
{
    struct sok_endpoint to = {.addr = d->lease.server, .port = SOK_DHCP_SERVER};
    return sok_stack_route(s, &d->lease.addr, &to, path) == 0 && path->link == d->link;
}

// What cannot be sent is as if lost; there is always another try.
static void send(struct sok_stack *s, struct sok_dhcp *d, enum sok_dhcp_message message,
    enum sok_reason reason, int64_t now)
{
    uint8_t bytes[MESSAGE_MAX], *p;
    struct sok_tcp_path path = broadcast_path(s, d);
    struct sok_addr to = path.next_hop;
    bool to_server = reason == SOK_REASON_DHCP_RENEW || reason == SOK_REASON_DHCP_RELEASE;
    if (to_server && !server_path(s, d, &path))
        return;
    if (to_server)
        to = d->lease.server;
    size_t len = build(s, d, message, bytes);
    struct sok_packet *packet = sok_ip_new(s, &to, (uint32_t)(SOK_UDP_HDR_LEN + len), &p);
    if (!packet)
        return;
    memcpy(p + SOK_UDP_HDR_LEN, bytes, len);
    put_udp(p, SOK_UDP_HDR_LEN + len, &path.source, &to);
    struct sok_ip_out o = {
        .src = path.source,
        .dst = to,
        .proto = SOK_IPPROTO_UDP,
        .reason = (uint8_t)reason,
    };
    if (sok_ip_send(s, packet, &o, &path, now) < 0)
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
}

// 1 s (the RFC: 4 s), 2 s, ... 64 s, each up to a quarter longer or shorter (section 4.1).
static int64_t backoff(struct sok_stack *s, uint32_t tries)
{
    int64_t t = s->config.dhcp_retry;
    for (uint32_t i = 1; i < tries && t < s->config.dhcp_retry_max; i++)
        t *= 2;
    t = t < s->config.dhcp_retry_max ? t : s->config.dhcp_retry_max;
    return t - t / 4 + (int64_t)(sok_stack_random(s) % (uint64_t)(t / 2 + 1));
}

static void new_exchange(struct sok_stack *s, struct sok_dhcp *d)
{
    d->xid = (uint32_t)sok_stack_random(s);
    d->tries = 0;
}

static void discover(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    int64_t secs = (now - d->began) / SOK_S;
    if (d->state != SOK_DHCP_SELECTING)
        new_exchange(s, d);
    d->state = SOK_DHCP_SELECTING;
    d->secs = secs < UINT16_MAX ? (uint16_t)secs : UINT16_MAX;
    send(s, d, SOK_DHCP_DISCOVER, SOK_REASON_DHCP_DISCOVER, now);
    d->due = now + backoff(s, ++d->tries);
}

static void request(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    if (d->tries >= (uint64_t)s->config.dhcp_tries) {
        d->state = SOK_DHCP_INIT; // that server is gone
        discover(s, d, now);
        return;
    }
    d->asked_at = now;
    send(s, d, SOK_DHCP_REQUEST, SOK_REASON_DHCP_REQUEST, now);
    d->due = now + backoff(s, ++d->tries);
}

static void begin_again(struct sok_dhcp *d, int64_t wait, int64_t now)
{
    d->state = SOK_DHCP_INIT;
    d->lease.addr = sok_addr_v4(0);
    d->lease.changes++;
    d->began = d->due = now + wait;
}

// ---- what a lease brings ----

static bool has_router(const struct sok_dhcp *d)
{
    return !sok_addr_is_any(d->lease.router);
}

// A router outside our network is on the link all the same (as clouds that lease a /32 mean it).
static bool router_is_apart(const struct sok_dhcp *d)
{
    return has_router(d) && !sok_addr_in(d->lease.router, d->lease.addr, d->lease.prefix_len);
}

static void configure(struct sok_stack *s, struct sok_dhcp *d)
{
    struct sok_link_info *info = &s->links[d->link]->info;
    struct sok_addr none = sok_addr_v4(0);
    d->configured = true;
    if (d->lease.mtu && d->lease.mtu < d->link_mtu)
        info->mtu = d->lease.mtu;
    if (router_is_apart(d))
        sok_stack_route_add(s, d->lease.router, 32, none, d->link);
    if (has_router(d))
        sok_stack_route_add(s, none, 0, d->lease.router, d->link);
}

static void deconfigure(struct sok_stack *s, struct sok_dhcp *d)
{
    struct sok_addr none = sok_addr_v4(0);
    if (!d->configured)
        return;
    d->configured = false;
    s->links[d->link]->info.mtu = d->link_mtu;
    if (has_router(d))
        sok_stack_route_remove(s, none, 0, d->lease.router, d->link);
    if (router_is_apart(d))
        sok_stack_route_remove(s, d->lease.router, 32, none, d->link);
}

static void lose(struct sok_stack *s, struct sok_dhcp *d, enum sok_addr_news why, int64_t now)
{
    struct sok_addr addr = d->lease.addr;
    bool had = d->configured;
    deconfigure(s, d);
    sok_addr_drop(s, d->link, &addr, SOK_EABORTED, now);
    sok_acd_forget(s, d->link, &addr);
    if (had)
        sok_addr_tell(s, d->link, &addr, d->lease.prefix_len, why, NULL, now);
}

static void bound(struct sok_stack *s, struct sok_dhcp *d)
{
    configure(s, d);
    d->state = SOK_DHCP_BOUND;
    d->due = d->lease.renew_at;
    d->naks = 0;
    d->lease.taken = false;
    d->lease.changes++;
}

static void decline(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    deconfigure(s, d);
    d->state = SOK_DHCP_CLAIMING;
    new_exchange(s, d);
    send(s, d, SOK_DHCP_DECLINE, SOK_REASON_DHCP_DECLINE, now);
    d->lease.taken = true;
    sok_stack_addr_state(s, d->link, d->lease.addr, d->lease.taken_by);
    d->lease.taken_addr = d->lease.addr;
    sok_acd_forget(s, d->link, &d->lease.addr);
    begin_again(d, s->config.dhcp_decline_wait, now);
}

void sok_dhcp_addr_news(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    enum sok_addr_news what, int64_t now)
{
    struct sok_dhcp *d = s->dhcp[link];
    if (!d || !sok_addr_eq(d->lease.addr, *addr))
        return;
    if (what == SOK_ADDR_USED && d->state == SOK_DHCP_CLAIMING)
        bound(s, d);
    else if (what == SOK_ADDR_TAKEN && (d->state == SOK_DHCP_CLAIMING || holds_lease(d)))
        decline(s, d, now);
}

// ---- time ----

// Half of what is left until `limit`, at least a minute (section 4.4.5).
static void ask_again(struct sok_dhcp *d, int64_t limit, int64_t now)
{
    int64_t wait = (limit - now) / 2;
    if (wait < RENEW_LEAST)
        wait = RENEW_LEAST;
    d->due = limit - now < wait ? limit : now + wait;
}

static void renew(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    bool first = d->state == SOK_DHCP_BOUND;
    if (first) {
        new_exchange(s, d);
        d->began = now;
    }
    int64_t secs = (now - d->began) / SOK_S;
    d->secs = secs < UINT16_MAX ? (uint16_t)secs : UINT16_MAX;
    d->asked_at = now;
    d->state = now < d->lease.rebind_at ? SOK_DHCP_RENEWING : SOK_DHCP_REBINDING;
    if (d->state == SOK_DHCP_RENEWING) {
        send(s, d, SOK_DHCP_REQUEST, SOK_REASON_DHCP_RENEW, now);
        ask_again(d, d->lease.rebind_at, now);
    } else {
        send(s, d, SOK_DHCP_REQUEST, SOK_REASON_DHCP_REBIND, now);
        ask_again(d, d->lease.expires_at, now);
    }
}

static void step(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    if (holds_lease(d) && now >= d->lease.expires_at) {
        lose(s, d, SOK_ADDR_EXPIRED, now);
        begin_again(d, 0, now);
        return;
    }
    switch (d->state) {
    case SOK_DHCP_INIT:
    case SOK_DHCP_SELECTING:
        discover(s, d, now);
        break;
    case SOK_DHCP_REQUESTING:
        request(s, d, now);
        break;
    case SOK_DHCP_BOUND:
    case SOK_DHCP_RENEWING:
    case SOK_DHCP_REBINDING:
        renew(s, d, now);
        break;
    default:
        d->due = SOK_TIME_NEVER;
        break;
    }
}

void sok_dhcp_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 0; i < s->link_count; i++)
        while (s->dhcp[i] && s->dhcp[i]->due <= now)
            step(s, s->dhcp[i], now);
}

int64_t sok_dhcp_deadline(const struct sok_stack *s)
{
    int64_t least = SOK_TIME_NEVER;
    for (unsigned i = 0; i < s->link_count; i++)
        if (s->dhcp[i] && s->dhcp[i]->due < least)
            least = s->dhcp[i]->due;
    return least;
}

// ---- what servers say ----

static bool is_host(uint32_t v4)
{
    return v4 >> 24 != 0 && v4 >> 24 != 127 && v4 >> 28 < 14;
}

// Not the network itself, nor all of it.
static bool is_host_of(uint32_t v4, unsigned prefix_len)
{
    uint32_t host = prefix_len < 32 ? UINT32_MAX >> prefix_len : 0;
    return is_host(v4) && (prefix_len >= 31 || ((v4 & host) != 0 && (v4 & host) != host));
}

static bool usable(const struct sok_stack *s, const struct sok_dhcp *d,
    const struct sok_bootp_hdr *h, const struct sok_dhcp_said *said)
{
    struct sok_addr addr = sok_addr_v4(h->yiaddr);
    if (!said->has_mask || !said->has_lease || said->lease == 0 || !is_host(said->server))
        return false;
    if (!is_host_of(h->yiaddr, said->prefix_len))
        return false;
    if (holds_lease(d))
        return sok_addr_eq(addr, d->lease.addr) && said->prefix_len == d->lease.prefix_len;
    return sok_addr_check(s, d->link, addr, said->prefix_len) == 0;
}

static int64_t after(int64_t from, uint64_t seconds)
{
    return seconds == UINT32_MAX ? SOK_TIME_NEVER : from + (int64_t)seconds * SOK_S;
}

// T1 and T2, or what they are unless the server says something that makes sense (section 4.4.5).
static void set_times(struct sok_dhcp *d, const struct sok_dhcp_said *said)
{
    struct sok_dhcp_lease *l = &d->lease;
    uint64_t t1 = said->lease / 2, t2 = (uint64_t)said->lease * 7 / 8;
    if (said->has_t1 && said->t1 > 0 && said->t1 < (said->has_t2 ? said->t2 : t2))
        t1 = said->t1;
    if (said->has_t2 && said->t2 > t1 && said->t2 < said->lease)
        t2 = said->t2;
    bool for_ever = said->lease == UINT32_MAX;
    l->expires_at = after(d->asked_at, said->lease);
    l->rebind_at = for_ever ? SOK_TIME_NEVER : after(d->asked_at, t2);
    l->renew_at = for_ever ? SOK_TIME_NEVER : after(d->asked_at, t1 ? t1 : 1);
}

static struct sok_addr first_host(const uint32_t *list, unsigned count, uint32_t ours)
{
    for (unsigned i = 0; i < count; i++)
        if (is_host(list[i]) && list[i] != ours)
            return sok_addr_v4(list[i]);
    return sok_addr_v4(0);
}

static void take(
    struct sok_dhcp *d, const struct sok_bootp_hdr *h, const struct sok_dhcp_said *said)
{
    struct sok_dhcp_lease *l = &d->lease;
    l->addr = sok_addr_v4(h->yiaddr);
    l->prefix_len = said->prefix_len;
    l->server = sok_addr_v4(said->server);
    l->router = first_host(said->router, said->router_count, h->yiaddr);
    l->mtu = said->mtu;
    l->dns_count = 0;
    for (unsigned i = 0; i < said->dns_count; i++)
        if (is_host(said->dns[i]))
            l->dns[l->dns_count++] = sok_addr_v4(said->dns[i]);
    memcpy(l->domain, said->domain, sizeof(l->domain));
    memcpy(l->search, said->search, sizeof(l->search));
    l->search_count = said->search_count;
    set_times(d, said);
}

static void tell(struct sok_stack *s, const struct sok_dhcp *d, const struct sok_bootp_hdr *h,
    const struct sok_dhcp_said *said, int64_t now)
{
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_DHCP, now, 0);
    if (!e)
        return;
    e->dhcp.message = said->message;
    e->dhcp.link = d->link;
    e->dhcp.prefix_len = said->prefix_len;
    e->dhcp.addr = h->yiaddr ? sok_addr_v4(h->yiaddr) : sok_addr_v4(0);
    e->dhcp.server = sok_addr_v4(said->server);
    e->dhcp.router = sok_addr_v4(said->router_count ? said->router[0] : 0);
    e->dhcp.dns = sok_addr_v4(said->dns_count ? said->dns[0] : 0);
    e->dhcp.lease = after(0, said->lease);
}

static enum sok_drop offered(struct sok_stack *s, struct sok_in *in, struct sok_dhcp *d,
    const struct sok_bootp_hdr *h, const struct sok_dhcp_said *said)
{
    if (d->state != SOK_DHCP_SELECTING)
        return SOK_DROP_DHCP_NOT_US;
    if (!usable(s, d, h, said))
        return SOK_DROP_DHCP_UNUSABLE;
    in->out->effects |= SOK_EFFECT_DHCP_OFFER;
    take(d, h, said);
    d->state = SOK_DHCP_REQUESTING;
    d->tries = 0;
    request(s, d, in->now);
    return SOK_DROP_NONE;
}

static void claim(struct sok_stack *s, struct sok_dhcp *d, int64_t now)
{
    struct sok_addr addr = d->lease.addr;
    d->state = SOK_DHCP_CLAIMING;
    d->due = SOK_TIME_NEVER;
    if (sok_acd_claim(
            s, d->link, addr, d->lease.prefix_len, s->config.dhcp_early, SOK_ORIGIN_GIVEN, now) < 0)
        begin_again(d, s->config.dhcp_decline_wait, now);
}

// RELEASE goes to the server without asking for its MAC address first: there is no time at the end.
static void remember_server(const struct sok_stack *s, const struct sok_in *in, struct sok_dhcp *d)
{
    d->has_server_mac =
        sok_addr_eq(in->src, d->lease.server) && sok_addr_on_link(s, d->link, &in->src);
    if (d->has_server_mac)
        memcpy(d->server_mac, in->frame->buf->data + in->frame->off + 6, 6);
}

static enum sok_drop acked(struct sok_stack *s, struct sok_in *in, struct sok_dhcp *d,
    const struct sok_bootp_hdr *h, const struct sok_dhcp_said *said)
{
    bool requested = d->state == SOK_DHCP_REQUESTING;
    bool renewed = d->state == SOK_DHCP_RENEWING || d->state == SOK_DHCP_REBINDING;
    if (!requested && !renewed)
        return SOK_DROP_DHCP_NOT_US;
    if (requested && (sok_addr_to_v4(d->lease.server) != said->server ||
                         sok_addr_to_v4(d->lease.addr) != h->yiaddr))
        return SOK_DROP_DHCP_NOT_US;
    if (!usable(s, d, h, said))
        return SOK_DROP_DHCP_UNUSABLE;
    in->out->effects |= SOK_EFFECT_DHCP_ACK;
    deconfigure(s, d);
    take(d, h, said);
    if (renewed)
        bound(s, d);
    else
        claim(s, d, in->now);
    remember_server(s, in, d);
    return SOK_DROP_NONE;
}

static enum sok_drop refused(
    struct sok_stack *s, struct sok_in *in, struct sok_dhcp *d, const struct sok_dhcp_said *said)
{
    bool renewing = d->state == SOK_DHCP_RENEWING || d->state == SOK_DHCP_REBINDING;
    if (d->state != SOK_DHCP_REQUESTING && !renewing)
        return SOK_DROP_DHCP_NOT_US;
    if (!renewing && said->server && said->server != sok_addr_to_v4(d->lease.server))
        return SOK_DROP_DHCP_NOT_US;
    in->out->effects |= SOK_EFFECT_DHCP_NAK;
    if (renewing)
        lose(s, d, SOK_ADDR_EXPIRED, in->now);
    // At once the first time; a server that goes on like this is asked ever less often.
    int64_t wait = d->naks ? SOK_S << (d->naks - 1) : 0;
    d->naks += d->naks < NAK_WAIT_MAX;
    begin_again(d, wait, in->now);
    return SOK_DROP_NONE;
}

static bool is_for(
    const struct sok_stack *s, const struct sok_dhcp *d, const struct sok_bootp_hdr *h)
{
    return h->op == SOK_BOOTP_REPLY && h->htype == 1 && h->hlen == 6 && h->xid == d->xid &&
           memcmp(h->chaddr, s->links[d->link]->info.mac, 6) == 0;
}

static enum sok_drop message_input(
    struct sok_stack *s, struct sok_in *in, struct sok_dhcp *d, const uint8_t *p, uint32_t len)
{
    struct sok_bootp_hdr h;
    struct sok_dhcp_said said;
    enum sok_drop drop = SOK_DROP_DHCP_NOT_US;
    if (!sok_dhcp_get(p, len, &h, &said))
        return SOK_DROP_DHCP_MALFORMED;
    if (!is_for(s, d, &h))
        return drop;
    tell(s, d, &h, &said, in->now);
    if (said.message == SOK_DHCP_OFFER)
        drop = offered(s, in, d, &h, &said);
    else if (said.message == SOK_DHCP_ACK)
        drop = acked(s, in, d, &h, &said);
    else if (said.message == SOK_DHCP_NAK)
        drop = refused(s, in, d, &said);
    return drop;
}

bool sok_dhcp_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    struct sok_dhcp *d = s->dhcp[in->link];
    if (!d)
        return false;
    in->out->drop = message_input(s, in, d, p, len);
    return true;
}

bool sok_dhcp_expects(const struct sok_stack *s, const struct sok_in *in, uint32_t len)
{
    const struct sok_dhcp *d = s->dhcp[in->link];
    return d && !d->configured && in->link_unicast && in->proto == SOK_IPPROTO_UDP &&
           in->ip.frag == 0 && !(in->ip.flags & SOK_IP4_MF) &&
           len >= in->header_len + SOK_UDP_HDR_LEN &&
           sok_get16(in->packet + in->header_len + 2) == SOK_DHCP_CLIENT;
}

// ---- calls ----

int sok_stack_dhcp_start(struct sok_stack *stack, uint8_t link, int64_t now)
{
    stack->now = now;
    if (link == SOK_STACK_LOCAL || link >= stack->link_count)
        return SOK_ENODEV;
    if (!sok_link_has_stations(stack->links[link]))
        return SOK_EOPNOTSUPP;
    struct sok_dhcp *d = stack->dhcp[link];
    if (d && d->state != SOK_DHCP_STOPPED)
        return SOK_EADDRINUSE;
    if (!d)
        d = stack->dhcp[link] = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*d));
    if (!d)
        return SOK_ENOMEM;
    *d = (struct sok_dhcp){.link = link, .link_mtu = stack->links[link]->info.mtu};
    d->lease.server = d->lease.router = sok_addr_v4(0);
    begin_again(d, 0, now);
    return 0;
}

const struct sok_dhcp_lease *sok_stack_dhcp(const struct sok_stack *stack, uint8_t link)
{
    return link < stack->link_count && stack->dhcp[link] ? &stack->dhcp[link]->lease : NULL;
}

void sok_stack_dhcp_stop(struct sok_stack *stack, uint8_t link, int64_t now)
{
    struct sok_dhcp *d = link < stack->link_count ? stack->dhcp[link] : NULL;
    stack->now = now;
    if (!d || d->state == SOK_DHCP_STOPPED)
        return;
    if (holds_lease(d)) {
        new_exchange(stack, d);
        if (d->has_server_mac)
            sok_neighbour_learn(
                stack, link, &d->lease.server, d->server_mac, SOK_NEIGHBOUR_ASKED_US, now);
        send(stack, d, SOK_DHCP_RELEASE, SOK_REASON_DHCP_RELEASE, now);
        // The release itself leaves from the address that is about to go.
        struct sok_packet_queue last = stack->links[link]->packets;
        stack->links[link]->packets = (struct sok_packet_queue){0};
        lose(stack, d, SOK_ADDR_REMOVED, now);
        stack->links[link]->packets = last;
    }
    d->state = SOK_DHCP_STOPPED;
    d->due = SOK_TIME_NEVER;
    d->lease.addr = sok_addr_v4(0);
}

void sok_dhcp_free_all(struct sok_stack *s)
{
    for (unsigned i = 0; i < SOK_STACK_LINKS_MAX; i++)
        sok_mem_free(sok_stack_mem(s), s->dhcp[i], s->dhcp[i] ? sizeof(*s->dhcp[i]) : 0);
}
