// Which MAC address a next hop has (RFC 826; RFC 1122 sections 2.3.2.1 and 2.3.2.2; RFC 4861 section 7).
//
// An unknown one is asked for, from all that might have it, once a second, three times; then what waits for it
// fails with "no route to host". A known one whose answer is old is asked again directly while it is used: no
// answer, and it is forgotten. Packets wait here, the oldest make room; TCP is parked instead, so that its
// clocks start when the segment really leaves.
//
// The states of RFC 4861 section 7.3.2: INCOMPLETE is one of the lists of those that are asked for; known are
// REACHABLE until fresh_until, then STALE; DELAY has `delayed`, PROBE `polled`. IPv4 has no DELAY.
//
// The table is bounded. When it is full the least recently used goes, and first of all those that only
// packets of others made us ask for: so neither a scan nor a flood of senders pushes out who matters.
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "base/siphash.h"

void sok_neighbours_init(struct sok_stack *s)
{
    sok_map_init(&s->neighbours.map, sok_stack_mem(s));
    sok_timers_init(&s->neighbours.timers, sok_stack_mem(s));
}

// ---- lists, by use ----

static void list_remove(struct sok_neighbours *t, struct sok_neighbour *n)
{
    if (n->older)
        n->older->newer = n->newer;
    else
        t->lists[n->list].oldest = n->newer;
    if (n->newer)
        n->newer->older = n->older;
    else
        t->lists[n->list].newest = n->older;
}

static void list_add(
    struct sok_neighbours *t, struct sok_neighbour *n, enum sok_neighbour_list list)
{
    n->list = (uint8_t)list;
    n->newer = NULL;
    n->older = t->lists[list].newest;
    if (n->older)
        n->older->newer = n;
    else
        t->lists[list].oldest = n;
    t->lists[list].newest = n;
}

// As list_add, but the first to go: not used by anybody here yet.
static void list_add_oldest(
    struct sok_neighbours *t, struct sok_neighbour *n, enum sok_neighbour_list list)
{
    n->list = (uint8_t)list;
    n->older = NULL;
    n->newer = t->lists[list].oldest;
    if (n->newer)
        n->newer->older = n;
    else
        t->lists[list].newest = n;
    t->lists[list].oldest = n;
}

static void used(struct sok_neighbours *t, struct sok_neighbour *n)
{
    if (t->lists[n->list].newest == n)
        return;
    list_remove(t, n);
    list_add(t, n, (enum sok_neighbour_list)n->list);
}

// What it is asked by: neighbour discovery, or ARP.
static bool by_nd(const struct sok_neighbour *n)
{
    return !sok_addr_is_v4(n->addr);
}

static bool is_known(const struct sok_neighbour *n)
{
    return n->list == SOK_NEIGHBOURS_KNOWN || n->list == SOK_NEIGHBOURS_FIXED;
}

// ---- the table ----

static uint64_t hash_of(const struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    uint8_t in[17];
    memcpy(in, addr->b, 16);
    in[16] = link;
    return sok_siphash(s->hash_key, in, sizeof(in));
}

static struct sok_neighbour *find(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    struct sok_stack_link *l = s->links[link];
    if (l->recent && sok_addr_eq(l->recent->addr, *addr))
        return l->recent;
    struct sok_map_node *node = sok_map_first(&s->neighbours.map, hash_of(s, link, addr));
    for (; node; node = sok_map_next(node)) {
        struct sok_neighbour *n = SOK_CONTAINER_OF(node, struct sok_neighbour, node);
        if (n->link == link && sok_addr_eq(n->addr, *addr))
            return l->recent = n;
    }
    return NULL;
}

// ---- what waits ----

static uint64_t memory_of(const struct sok_packet *p)
{
    return sizeof(*p) + p->size;
}

static void waiting_push(
    struct sok_neighbours *t, struct sok_packet_queue *waiting, struct sok_packet *p)
{
    t->waiting_memory += memory_of(p);
    sok_outgoing_push(waiting, p);
}

static struct sok_packet *waiting_pop(struct sok_neighbours *t, struct sok_packet_queue *waiting)
{
    struct sok_packet *p = sok_outgoing_pop(waiting);
    if (p)
        t->waiting_memory -= memory_of(p);
    return p;
}

// Takes it out of everything. What waits for it is the caller's now.
static void forget(struct sok_stack *s, struct sok_neighbour *n, struct sok_packet_queue *waiting)
{
    struct sok_neighbours *t = &s->neighbours;
    if (s->links[n->link]->recent == n)
        s->links[n->link]->recent = NULL;
    *waiting = n->waiting;
    sok_timer_cancel(&t->timers, &n->timer);
    sok_map_remove(&t->map, &n->node);
    list_remove(t, n);
    *(n->list == SOK_NEIGHBOURS_FIXED ? &t->fixed : &t->count) -= 1;
    sok_mem_free(sok_stack_mem(s), n, sizeof(*n));
    if (sok_map_count(&t->map) == 0)
        sok_timers_free(&t->timers);
}

// Nobody answers: what waits fails.
static void give_up(struct sok_stack *s, struct sok_neighbour *n, int64_t now)
{
    uint8_t link = n->link;
    struct sok_addr addr = n->addr;
    bool tcp_waits = n->list == SOK_NEIGHBOURS_ASKED_TCP;
    struct sok_packet_queue waiting;
    forget(s, n, &waiting);
    for (struct sok_packet *p; (p = waiting_pop(&s->neighbours, &waiting));
         sok_outgoing_free(s, p)) {
        sok_stack_drop(s, SOK_DROP_NEIGHBOUR_FAILED);
        sok_icmp_undelivered(s, p, SOK_EHOSTUNREACH, now);
    }
    if (tcp_waits)
        sok_tcp_unreachable(s->tcp, link, &addr, SOK_EHOSTUNREACH, now);
}

static bool make_room(struct sok_stack *s, int64_t now)
{
    struct sok_neighbours *t = &s->neighbours;
    static const enum sok_neighbour_list order[] = {
        SOK_NEIGHBOURS_ASKED, SOK_NEIGHBOURS_KNOWN, SOK_NEIGHBOURS_ASKED_TCP};
    for (unsigned i = 0; i < 3 && t->count >= (uint64_t)s->config.arp_table_max; i++)
        if (t->lists[order[i]].oldest)
            give_up(s, t->lists[order[i]].oldest, now);
    return t->count < (uint64_t)s->config.arp_table_max;
}

// A new entry, in no list yet. NULL: no memory.
static struct sok_neighbour *make(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    struct sok_neighbours *t = &s->neighbours;
    if (sok_timers_reserve(&t->timers, sok_map_count(&t->map) + 1) < 0)
        return NULL;
    struct sok_neighbour *n = sok_mem_zalloc(sok_stack_mem(s), sizeof(*n));
    if (!n)
        return NULL;
    n->link = link;
    n->addr = *addr;
    sok_map_add(&t->map, &n->node, hash_of(s, link, addr));
    return n;
}

// ---- asking ----

// Routers may say how long for their link (RFC 4861 section 6.3.4).
static int64_t nd_time(uint32_t said_ms, int64_t setting)
{
    return said_ms ? said_ms * SOK_MS : setting;
}

static int64_t reachable_time(const struct sok_stack *s, uint8_t link)
{
    return nd_time(s->links[link]->reachable_ms, s->config.nd_reachable);
}

// Half to one and a half of it, so that not all neighbours ask at once (RFC 4861 section 6.3.2).
static int64_t fresh_until(struct sok_stack *s, const struct sok_neighbour *n, int64_t now)
{
    if (!by_nd(n))
        return now + s->config.arp_fresh;
    int64_t base = reachable_time(s, n->link);
    return now + base / 2 + (int64_t)(sok_stack_random(s) % (uint64_t)(base + 1));
}

static void ask(struct sok_stack *s, struct sok_neighbour *n, int64_t now)
{
    enum sok_reason reason = n->tries == 0 ? SOK_REASON_ARP_ASK : SOK_REASON_ARP_AGAIN;
    const uint8_t *mac = n->polled ? n->mac : NULL;
    int64_t wait = s->config.arp_retry;
    if (by_nd(n)) {
        sok_nd_ask(s, n->link, &n->addr, mac, reason);
        wait = nd_time(s->links[n->link]->retrans_ms, s->config.nd_retrans);
    } else {
        sok_arp_ask(s, n->link, &n->addr, mac, reason);
    }
    n->tries++;
    sok_timer_set(&s->neighbours.timers, &n->timer, now + wait);
}

static void poll(struct sok_stack *s, struct sok_neighbour *n, int64_t now)
{
    n->delayed = false;
    n->polled = true;
    n->tries = 0;
    ask(s, n, now);
}

// It is used, and may be gone. IPv6 waits whether something from it shows that it is not (RFC 4861 section 7.3.3),
// unless TCP has waited already.
static void suspect(struct sok_stack *s, struct sok_neighbour *n, int64_t now)
{
    if (!by_nd(n) || n->fresh_until == SOK_NEIGHBOUR_DOUBTED) {
        poll(s, n, now);
        return;
    }
    n->delayed = true;
    sok_timer_set(&s->neighbours.timers, &n->timer, now + s->config.nd_delay);
}

static void due(struct sok_stack *s, struct sok_neighbour *n, int64_t now)
{
    int64_t tries = !by_nd(n) ? s->config.arp_tries : s->config.nd_tries;
    if (n->delayed) {
        poll(s, n, now);
    } else if (n->tries < tries) {
        ask(s, n, now);
    } else {
        sok_gateway_failed(s, n->link, &n->addr, now);
        give_up(s, n, now);
    }
}

void sok_neighbours_advance(struct sok_stack *s, int64_t now)
{
    struct sok_timer *t;
    while ((t = sok_timers_first(&s->neighbours.timers)) && t->due <= now)
        due(s, SOK_CONTAINER_OF(t, struct sok_neighbour, timer), now);
}

// The entry for an address that is to be used now; NULL: no room or no memory.
static struct sok_neighbour *use(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int64_t now)
{
    struct sok_neighbour *n = find(s, link, addr);
    if (!n) {
        n = make_room(s, now) ? make(s, link, addr) : NULL;
        if (!n) {
            sok_stack_drop(s, SOK_DROP_NO_MEMORY);
            return NULL;
        }
        s->neighbours.count++;
        list_add(&s->neighbours, n, SOK_NEIGHBOURS_ASKED);
        ask(s, n, now);
        return n;
    }
    used(&s->neighbours, n);
    if (n->list == SOK_NEIGHBOURS_KNOWN && !n->polled && !n->delayed && now >= n->fresh_until)
        suspect(s, n, now);
    return n;
}

const uint8_t *sok_neighbour_mac(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, bool for_tcp, int64_t now)
{
    struct sok_neighbour *n = use(s, link, addr, now);
    if (n && is_known(n))
        return n->mac;
    if (!for_tcp)
        return NULL;
    sok_tcp_park(s->tcp, link, now);
    if (!n) {
        sok_tcp_unreachable(s->tcp, link, addr, SOK_ENOBUFS, now);
    } else if (n->list == SOK_NEIGHBOURS_ASKED) {
        list_remove(&s->neighbours, n);
        list_add(&s->neighbours, n, SOK_NEIGHBOURS_ASKED_TCP);
    }
    return NULL;
}

void sok_neighbour_doubt(void *stack, uint8_t link, const struct sok_addr *addr, int64_t now)
{
    struct sok_neighbour *n = find(stack, link, addr);
    if (n && n->list == SOK_NEIGHBOURS_KNOWN && n->fresh_until > now)
        n->fresh_until = by_nd(n) ? SOK_NEIGHBOUR_DOUBTED : now;
}

// RFC 4861 section 7.3.1. ARP has no such thing.
void sok_neighbour_confirm(void *stack, uint8_t link, const struct sok_addr *addr, int64_t now)
{
    struct sok_stack *s = stack;
    if (sok_addr_is_v4(*addr) || link == SOK_STACK_LOCAL)
        return;
    struct sok_neighbour *n = find(s, link, addr);
    if (!n || n->list != SOK_NEIGHBOURS_KNOWN)
        return;
    bool asks = n->polled || n->delayed;
    if (!asks && n->fresh_until - now > reachable_time(s, link) / 4)
        return;
    n->fresh_until = fresh_until(s, n, now);
    n->polled = n->delayed = false;
    sok_timer_cancel(&s->neighbours.timers, &n->timer);
}

void sok_neighbour_probe(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int64_t now)
{
    struct sok_neighbour *n = find(s, link, addr);
    if (n || s->neighbours.count >= (uint64_t)s->config.arp_table_max)
        return; // not at the cost of one that is in use
    n = make(s, link, addr);
    if (!n)
        return;
    s->neighbours.count++;
    list_add(&s->neighbours, n, SOK_NEIGHBOURS_ASKED);
    n->tries = (uint8_t)((by_nd(n) ? s->config.nd_tries : s->config.arp_tries) - 1);
    ask(s, n, now);
}

// Not from an address that has been taken away while the packet waited here.
static bool source_is_ours(const struct sok_stack *s, const struct sok_packet *p)
{
    const uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    struct sok_addr src = {{0}};
    if (ip[0] >> 4 == 6)
        memcpy(src.b, ip + 8, sizeof(src.b));
    else
        src = sok_addr_v4(sok_get32(ip + 12));
    return s->any || p->given || sok_addr_is_any(src) ||
           sok_dst_kind(s, p->link, &src) == SOK_DST_OURS;
}

static void leave(struct sok_stack *s, struct sok_packet *p, const uint8_t mac[6])
{
    if (!source_is_ours(s, p)) {
        sok_outgoing_free(s, p);
        return;
    }
    memcpy(p->frame, mac, 6);
    struct sok_packet_queue *q = &s->links[p->link]->packets;
    if (q->count < (uint64_t)s->config.out_queue_max) {
        sok_outgoing_push(q, p);
        return;
    }
    sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
    sok_outgoing_free(s, p);
}

// The latest stays (RFC 1122 section 2.3.2.2), at the cost of what waits for the same neighbour.
static void wait(struct sok_stack *s, struct sok_neighbour *n, struct sok_packet *p)
{
    struct sok_neighbours *t = &s->neighbours;
    uint64_t count = (uint64_t)s->config.arp_queue_max, memory = (uint64_t)s->config.arp_memory;
    while (n->waiting.count > 0 &&
           (n->waiting.count >= count || t->waiting_memory + memory_of(p) > memory)) {
        sok_stack_drop(s, SOK_DROP_NEIGHBOUR_QUEUE);
        sok_outgoing_free(s, waiting_pop(t, &n->waiting));
    }
    if (count > 0 && t->waiting_memory + memory_of(p) <= memory) {
        waiting_push(t, &n->waiting, p);
        return;
    }
    sok_stack_drop(s, SOK_DROP_NEIGHBOUR_QUEUE);
    sok_outgoing_free(s, p);
}

void sok_neighbour_send(struct sok_stack *s, struct sok_packet *p, int64_t now)
{
    struct sok_neighbour *n = use(s, p->link, &p->next_hop, now);
    if (!n)
        sok_outgoing_free(s, p); // counted in use()
    else if (is_known(n))
        leave(s, p, n->mac);
    else
        wait(s, n, p);
}

// ---- learning ----

// until: when it is to be asked again.
static void known(struct sok_stack *s, struct sok_neighbour *n, const uint8_t mac[6],
    enum sok_neighbour_list list, int64_t until)
{
    struct sok_neighbours *t = &s->neighbours;
    bool tcp_waits = n->list == SOK_NEIGHBOURS_ASKED_TCP;
    struct sok_packet_queue waiting = n->waiting;
    n->waiting = (struct sok_packet_queue){0};
    n->polled = n->delayed = false;
    n->tries = 0;
    n->fresh_until = until;
    memcpy(n->mac, mac, 6);
    sok_timer_cancel(&t->timers, &n->timer);
    if (n->list != (uint8_t)list) {
        list_remove(t, n);
        list_add(t, n, list);
    }
    sok_gateway_works(s, n->link, &n->addr);
    for (struct sok_packet *p; (p = waiting_pop(t, &waiting));)
        leave(s, p, mac);
    if (tcp_waits)
        sok_tcp_unpark(s->tcp, n->link, &n->addr);
}

static bool learn_new(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t mac[6], int64_t now)
{
    // A stranger takes the place of another stranger at most, so that a flood of them changes nothing.
    struct sok_neighbours *t = &s->neighbours;
    if (t->count >= (uint64_t)s->config.arp_table_max) {
        struct sok_neighbour *oldest = t->lists[SOK_NEIGHBOURS_KNOWN].oldest;
        if (!oldest)
            return false;
        give_up(s, oldest, now);
    }
    struct sok_neighbour *n = make(s, link, addr);
    if (!n) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return false;
    }
    t->count++;
    list_add_oldest(t, n, SOK_NEIGHBOURS_KNOWN);
    n->fresh_until = by_nd(n) ? now : fresh_until(s, n, now); // RFC 4861 section 7.2.3: STALE
    memcpy(n->mac, mac, 6);
    sok_gateway_works(s, link, addr);
    return true;
}

bool sok_neighbour_learn(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t mac[6], enum sok_neighbour_how how, int64_t now)
{
    struct sok_neighbour *n = find(s, link, addr);
    if (!n)
        return how == SOK_NEIGHBOUR_ASKED_US && learn_new(s, link, addr, mac, now);
    if (n->list == SOK_NEIGHBOURS_FIXED || (!is_known(n) && how == SOK_NEIGHBOUR_HEARD))
        return false;
    known(s, n, mac, SOK_NEIGHBOURS_KNOWN, fresh_until(s, n, now));
    return true;
}

bool sok_neighbour_told(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t mac[6], int64_t now)
{
    struct sok_neighbour *n = find(s, link, addr);
    if (!n)
        return learn_new(s, link, addr, mac, now);
    if (n->list == SOK_NEIGHBOURS_FIXED || (is_known(n) && memcmp(n->mac, mac, 6) == 0))
        return false;
    known(s, n, mac, SOK_NEIGHBOURS_KNOWN, now);
    return true;
}

// RFC 4861 section 7.2.5.
bool sok_neighbour_advertised(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t *mac, bool solicited, bool override, int64_t now)
{
    struct sok_neighbour *n = find(s, link, addr);
    if (!n || n->list == SOK_NEIGHBOURS_FIXED)
        return false;
    if (!is_known(n)) {
        if (!mac)
            return false;
        known(s, n, mac, SOK_NEIGHBOURS_KNOWN, solicited ? fresh_until(s, n, now) : now);
        return true;
    }
    bool other = mac && memcmp(n->mac, mac, 6) != 0;
    if (other && !override) {
        if (!n->polled && !n->delayed && n->fresh_until > now) // REACHABLE: is it still there?
            n->fresh_until = now;
        return false;
    }
    if (!other && !solicited)
        return false;
    uint8_t same[6];
    memcpy(same, n->mac, 6);
    known(s, n, other ? mac : same, SOK_NEIGHBOURS_KNOWN, solicited ? fresh_until(s, n, now) : now);
    return true;
}

int sok_stack_neighbour_add(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, const uint8_t mac[6])
{
    struct sok_neighbours *t = &stack->neighbours;
    if (link >= stack->link_count || link == SOK_STACK_LOCAL)
        return SOK_ENODEV;
    struct sok_neighbour *n = find(stack, link, &addr);
    if (n && n->list == SOK_NEIGHBOURS_FIXED) {
        memcpy(n->mac, mac, 6);
        return 0;
    }
    if (t->fixed >= (uint64_t)stack->config.arp_table_max)
        return SOK_ENOBUFS;
    if (n) {
        t->count--;
    } else {
        n = make(stack, link, &addr);
        if (!n)
            return SOK_ENOMEM;
        list_add(t, n, SOK_NEIGHBOURS_FIXED);
    }
    t->fixed++;
    known(stack, n, mac, SOK_NEIGHBOURS_FIXED, SOK_TIME_NEVER);
    return 0;
}

// ---- the end, and invariants ----

void sok_neighbours_free(struct sok_stack *s)
{
    for (unsigned i = 0; i < SOK_NEIGHBOUR_LISTS; i++) {
        for (struct sok_neighbour *n; (n = s->neighbours.lists[i].oldest);) {
            struct sok_packet_queue waiting;
            forget(s, n, &waiting);
            sok_outgoing_free_all(s, &waiting);
        }
    }
    sok_timers_free(&s->neighbours.timers);
    sok_map_free(&s->neighbours.map);
}

const char *sok_neighbours_check(const struct sok_stack *s)
{
    const struct sok_neighbours *t = &s->neighbours;
    uint32_t counts[SOK_NEIGHBOUR_LISTS] = {0};
    uint64_t memory = 0;
    for (unsigned i = 0; i < SOK_NEIGHBOUR_LISTS; i++) {
        for (const struct sok_neighbour *n = t->lists[i].oldest; n; n = n->newer) {
            counts[i]++;
            if (n->list != i || (n->newer ? n->newer->older : t->lists[i].newest) != n)
                return "neighbour: list broken";
            if (is_known(n) && n->waiting.count)
                return "neighbour: packets wait for a known address";
            if (n->waiting.count > (uint64_t)s->config.arp_queue_max)
                return "neighbour: too many packets wait";
            for (const struct sok_packet *p = n->waiting.first; p; p = p->next)
                memory += memory_of(p);
            bool asks = !is_known(n) || n->polled || n->delayed;
            if (n->polled && n->delayed)
                return "neighbour: asked and waited for at once";
            if (asks != (n->timer.slot != 0))
                return "neighbour: timer and state disagree";
        }
    }
    if (memory != t->waiting_memory || memory > (uint64_t)s->config.arp_memory)
        return "neighbour: wrong sum of memory";
    if (counts[SOK_NEIGHBOURS_FIXED] != t->fixed)
        return "neighbour: wrong count of fixed ones";
    uint32_t sum = 0;
    for (unsigned i = 0; i < SOK_NEIGHBOURS_FIXED; i++)
        sum += counts[i];
    if (sum != t->count || sum > (uint64_t)s->config.arp_table_max)
        return "neighbour: wrong count";
    return sum + t->fixed == sok_map_count(&t->map) ? NULL : "neighbour: table and lists disagree";
}
