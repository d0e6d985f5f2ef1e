#include "stack/acd.h"

#include <string.h>
#include "stack/internal.h"

#define RANDOM_UP_TO(s, limit)                                                                     \
    ((limit) > 0 ? (int64_t)(sok_stack_random(s) % (uint64_t)(limit)) : 0)

void sok_addr_tell(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    unsigned prefix_len, enum sok_addr_news what, const uint8_t *mac, int64_t now)
{
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_ADDR, now, 0);
    if (!e)
        return;
    e->addr.what = (uint8_t)what;
    e->addr.link = link;
    e->addr.addr = *addr;
    e->addr.prefix_len = (uint8_t)prefix_len;
    if (mac)
        memcpy(e->addr.mac, mac, 6);
}

static void tell(struct sok_stack *s, const struct sok_acd *a, enum sok_addr_news what, int64_t now)
{
    sok_addr_tell(s, a->link, &a->addr, a->prefix_len, what, a->mac, now);
    sok_dhcp_addr_news(s, a->link, &a->addr, what, now);
    sok_slaac_addr_news(s, a->link, &a->addr, what, a->mac, now);
    sok_link_local_news(s, a->link, &a->addr, what);
}

// An IPv6 address is probed by who hears what is said to it already (RFC 4862 section 5.4.2).
static void listen_on(struct sok_stack *s, const struct sok_acd *a, bool on, int64_t now)
{
    struct sok_addr group = sok_addr_solicited(&a->addr);
    if (sok_addr_is_v4(a->addr))
        return;
    if (on)
        sok_group_hold(s, a->link, &group, now);
    else
        sok_group_release(s, a->link, &group, now);
}

static struct sok_acd *find(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < s->acd_count; i++)
        if (s->acd[i].link == link && sok_addr_eq(s->acd[i].addr, *addr))
            return &s->acd[i];
    return NULL;
}

void sok_acd_forget(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    struct sok_acd *a = find(s, link, addr);
    if (!a)
        return;
    if (a->state == SOK_ACD_PROBING)
        listen_on(s, a, false, s->now);
    *a = s->acd[--s->acd_count];
}

struct sok_acd *sok_acd_probing(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    struct sok_acd *a = find(s, link, addr);
    return a && a->state == SOK_ACD_PROBING ? a : NULL;
}

// ---- claiming ----

static bool may_be_taken(const struct sok_stack *s, uint8_t link)
{
    const struct sok_stack_link *l = s->links[link];
    return s->config.acd && sok_link_has_stations(l) && !(l->info.caps & SOK_LINK_POINT);
}

int sok_acd_claim(struct sok_stack *s, uint8_t link, struct sok_addr addr, unsigned prefix_len,
    int64_t early, uint8_t origin, int64_t now)
{
    s->now = now;
    int err = sok_addr_check(s, link, addr, prefix_len);
    if (err < 0)
        return err;
    sok_acd_forget(s, link, &addr);
    if (!may_be_taken(s, link)) {
        err = sok_addr_put(s, link, addr, prefix_len, (enum sok_origin)origin);
        if (err == 0) {
            sok_dhcp_addr_news(s, link, &addr, SOK_ADDR_USED, now);
            sok_slaac_addr_news(s, link, &addr, SOK_ADDR_USED, NULL, now);
        }
        return err;
    }
    if (s->acd_count == SOK_STACK_ADDRS_MAX)
        return SOK_ENOBUFS;
    struct sok_acd *a = &s->acd[s->acd_count++];
    *a = (struct sok_acd){
        .addr = addr,
        .prefix_len = (uint8_t)prefix_len,
        .link = link,
        .due = now + RANDOM_UP_TO(s, s->config.acd_wait),
        .early = early,
        .origin = origin,
        .use_at = SOK_TIME_NEVER,
    };
    listen_on(s, a, true, now);
    tell(s, a, SOK_ADDR_PROBED, now);
    return 0;
}

int sok_stack_addr_claim(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len, int64_t now)
{
    return sok_acd_claim(
        stack, link, addr, prefix_len, stack->config.acd_early, SOK_ORIGIN_GIVEN, now);
}

enum sok_addr_news sok_stack_addr_state(
    const struct sok_stack *stack, uint8_t link, struct sok_addr addr, uint8_t mac[6])
{
    for (unsigned i = 0; i < stack->acd_count; i++) {
        const struct sok_acd *a = &stack->acd[i];
        if (a->link != link || !sok_addr_eq(a->addr, addr))
            continue;
        if (a->state == SOK_ACD_TAKEN && mac)
            memcpy(mac, a->mac, 6);
        return a->state == SOK_ACD_TAKEN ? SOK_ADDR_TAKEN
               : a->used                 ? SOK_ADDR_USED
                                         : SOK_ADDR_PROBED;
    }
    return sok_addr_is_ours(stack, &addr) ? SOK_ADDR_USED : SOK_ADDR_REMOVED;
}

// ---- losing ----

static bool is_from(const struct sok_packet *p, const struct sok_addr *addr)
{
    if (!sok_addr_is_v4(*addr))
        return sok_get16(p->frame + 12) == SOK_ETHERTYPE_IP6 &&
               memcmp(p->frame + SOK_ETH_HDR_LEN + 8, addr->b, 16) == 0;
    if (sok_get16(p->frame + 12) == SOK_ETHERTYPE_IP6)
        return false;
    uint32_t v4 = sok_addr_to_v4(*addr);
    const uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    bool arp = sok_get16(p->frame + 12) == SOK_ETHERTYPE_ARP;
    return sok_get32(ip + (arp ? 14 : 12)) == v4; // its sender, its source
}

static void purge(struct sok_stack *s, struct sok_packet_queue *q, const struct sok_addr *addr)
{
    struct sok_packet_queue old = *q;
    *q = (struct sok_packet_queue){0};
    for (struct sok_packet *p; (p = sok_outgoing_pop(&old));) {
        if (is_from(p, addr))
            sok_outgoing_free(s, p);
        else
            sok_outgoing_push(q, p);
    }
}

void sok_addr_drop(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int err, int64_t now)
{
    if (sok_addr_forget(s, link, addr) < 0)
        return;
    for (unsigned i = 1; i < s->link_count; i++) {
        purge(s, &s->links[i]->arp, addr);
        purge(s, &s->links[i]->packets, addr);
    }
    sok_tcp_addr_gone(s->tcp, addr, err, now);
    sok_udp_addr_gone(s, addr, err);
    sok_raw_addr_gone(s, addr, err);
}

void sok_stack_link_over(struct sok_stack *stack, uint8_t link, int64_t now)
{
    stack->now = now;
    sok_frames_link_over(stack, link);
    sok_slaac_link_over(stack, link);
    sok_groups_link_over(stack, link);
    for (unsigned i = stack->addr_count; i-- > 0;) {
        struct sok_addr addr = stack->addrs[i].addr;
        if (stack->addrs[i].link == link)
            sok_addr_drop(stack, link, &addr, SOK_ELINKDOWN, now);
    }
}

int sok_stack_addr_remove(struct sok_stack *stack, uint8_t link, struct sok_addr addr, int64_t now)
{
    stack->now = now;
    struct sok_acd *a = find(stack, link, &addr);
    bool known = a != NULL;
    for (unsigned i = 0; i < stack->addr_count; i++)
        known = known || (stack->addrs[i].link == link && sok_addr_eq(stack->addrs[i].addr, addr));
    if (!known)
        return SOK_EADDRNOTAVAIL;
    sok_addr_drop(stack, link, &addr, SOK_EABORTED, now);
    sok_acd_forget(stack, link, &addr);
    sok_addr_tell(stack, link, &addr, 0, SOK_ADDR_REMOVED, NULL, now);
    return 0;
}

void sok_acd_lose(struct sok_stack *s, struct sok_acd *a, const uint8_t mac[6], int64_t now)
{
    if (a->state == SOK_ACD_PROBING)
        listen_on(s, a, false, now);
    a->state = SOK_ACD_TAKEN;
    a->due = a->use_at = SOK_TIME_NEVER;
    memcpy(a->mac, mac, 6);
    if (a->used)
        sok_addr_drop(s, a->link, &a->addr, SOK_EABORTED, now);
    a->used = false;
    tell(s, a, SOK_ADDR_TAKEN, now);
}

// Section 2.4 b: a first conflict is answered, another one soon after is not.
static void defend(struct sok_stack *s, struct sok_acd *a, const uint8_t mac[6], int64_t now)
{
    if (a->defended && now - a->defended_at < s->config.acd_defend) {
        sok_acd_lose(s, a, mac, now);
        return;
    }
    a->defended = true;
    a->defended_at = now;
    memcpy(a->mac, mac, 6);
    sok_arp_announce(s, a->link, &a->addr, SOK_REASON_ARP_DEFEND);
    tell(s, a, SOK_ADDR_DEFENDED, now);
}

bool sok_acd_heard(struct sok_stack *s, const struct sok_in *in, const struct sok_arp_hdr *h)
{
    for (unsigned i = 0; i < s->acd_count; i++) {
        struct sok_acd *a = &s->acd[i];
        uint32_t v4 = sok_addr_to_v4(a->addr);
        if (!sok_addr_is_v4(a->addr) || a->link != in->link || a->state == SOK_ACD_TAKEN)
            continue;
        bool claims = h->psrc == v4;
        // Somebody who probes for it too is ahead of us only while we do not use it (section 2.1.1).
        bool probes = h->psrc == 0 && h->pdst == v4 && h->op == SOK_ARP_REQUEST && !a->used;
        if (!claims && !probes)
            continue;
        if (a->state == SOK_ACD_PROBING)
            sok_acd_lose(s, a, h->hwsrc, in->now);
        else
            defend(s, a, h->hwsrc, in->now);
        return true;
    }
    return false;
}

// ---- time ----

static void use(struct sok_stack *s, struct sok_acd *a, int64_t now)
{
    a->use_at = SOK_TIME_NEVER;
    if (a->used)
        return;
    a->used = sok_addr_put(s, a->link, a->addr, a->prefix_len, (enum sok_origin)a->origin) == 0;
    if (a->used)
        tell(s, a, SOK_ADDR_USED, now);
}

static void announce(struct sok_stack *s, struct sok_acd *a, int64_t now)
{
    a->sent++;
    sok_arp_announce(s, a->link, &a->addr, SOK_REASON_ARP_ANNOUNCE);
    if (a->sent < (uint64_t)s->config.acd_announcements) {
        a->due = now + s->config.acd_announce_interval;
    } else {
        a->state = SOK_ACD_KEPT;
        a->due = SOK_TIME_NEVER;
    }
}

// Nobody has it.
static void probed(struct sok_stack *s, struct sok_acd *a, int64_t now)
{
    bool v4 = sok_addr_is_v4(a->addr);
    use(s, a, now);
    listen_on(s, a, false, now);
    a->state = !a->used ? SOK_ACD_TAKEN : v4 ? SOK_ACD_ANNOUNCING : SOK_ACD_KEPT;
    a->due = SOK_TIME_NEVER;
    if (!a->used || !v4) // the table has become full; or there is nothing to announce
        return;
    a->sent = 0;
    announce(s, a, now);
}

static void probe(struct sok_stack *s, struct sok_acd *a, int64_t now)
{
    const struct sok_stack_config *c = &s->config;
    bool v4 = sok_addr_is_v4(a->addr);
    if (a->sent == (uint64_t)(v4 ? c->acd_probes : c->dad_probes)) {
        probed(s, a, now);
        return;
    }
    if (a->sent == 0 && a->early > 0 && !a->used)
        a->use_at = now + a->early;
    a->sent++;
    if (!v4) {
        sok_dad_probe(s, a);
        a->due = now + (s->links[a->link]->retrans_ms ? s->links[a->link]->retrans_ms * SOK_MS
                                                      : c->dad_interval);
        return;
    }
    sok_arp_probe(s, a->link, &a->addr);
    a->due = now + c->acd_announce_wait;
    if (a->sent < (uint64_t)c->acd_probes)
        a->due = now + c->acd_probe_min + RANDOM_UP_TO(s, c->acd_probe_max - c->acd_probe_min);
}

void sok_acd_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 0; i < s->acd_count; i++) {
        struct sok_acd *a = &s->acd[i];
        if (a->use_at <= now)
            use(s, a, now);
        if (a->due > now)
            continue;
        if (a->state == SOK_ACD_PROBING)
            probe(s, a, now);
        else
            announce(s, a, now);
    }
}

int64_t sok_acd_deadline(const struct sok_stack *s)
{
    int64_t least = SOK_TIME_NEVER;
    for (unsigned i = 0; i < s->acd_count; i++) {
        const struct sok_acd *a = &s->acd[i];
        int64_t due = a->due < a->use_at ? a->due : a->use_at;
        least = due < least ? due : least;
    }
    return least;
}

const char *sok_acd_check(const struct sok_stack *s)
{
    for (unsigned i = 0; i < s->acd_count; i++) {
        const struct sok_acd *a = &s->acd[i];
        bool waits = a->state == SOK_ACD_PROBING || a->state == SOK_ACD_ANNOUNCING;
        if (a->used != sok_addr_is_ours(s, &a->addr))
            return "acd: used and not an address, or the other way round";
        if (waits != (a->due != SOK_TIME_NEVER))
            return "acd: timer and state disagree";
        if (a->state == SOK_ACD_TAKEN && a->used)
            return "acd: somebody's address is used";
    }
    return NULL;
}
