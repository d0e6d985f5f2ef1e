#include "stack/slaac.h"

#include <string.h>
#include "base/siphash.h"
#include "stack/internal.h"
#include "wire/ip6.h"

#define TWO_HOURS (7200 * SOK_S)

static const struct sok_addr none = {{0}};

static int64_t after(int64_t now, uint32_t seconds)
{
    return seconds == SOK_ND_LIFE_EVER ? SOK_TIME_NEVER : now + (int64_t)seconds * SOK_S;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void sooner(struct sok_slaac *a, int64_t at)
{
    a->due = least(a->due, at);
}

// ---- interface identifiers ----

// Not those of RFC 5453: zero, of anycast, of IANA's own Ethernet addresses.
static bool is_reserved(uint64_t iid)
{
    return iid == 0 ||
           (iid >= UINT64_C(0xfdffffffffffff80) && iid <= UINT64_C(0xfdffffffffffffff)) ||
           (iid >> 24) == UINT64_C(0x02005efffe);
}

// RFC 7217 section 5: the same for the same prefix on the same interface, and without the key nobody's guess.
static uint64_t stable_iid(
    const struct sok_stack *s, uint8_t link, const struct sok_addr *net, uint8_t tries)
{
    uint8_t in[8 + 6 + 2];
    uint64_t iid;
    memcpy(in, net->b, 8);
    memcpy(in + 8, s->links[link]->info.mac, 6);
    in[14] = tries;
    in[15] = 0;
    do {
        iid = sok_siphash(s->config.stable_secret, in, sizeof(in));
        in[15]++;
    } while (is_reserved(iid));
    return iid;
}

static uint64_t random_iid(struct sok_stack *s)
{
    uint64_t iid;
    do
        iid = sok_stack_random(s) ^ sok_siphash(s->hash_key, &s->random, sizeof(s->random));
    while (is_reserved(iid));
    return iid;
}

static struct sok_addr make_addr(const struct sok_addr *net, uint64_t iid)
{
    struct sok_addr a = *net;
    sok_put64(a.b + 8, iid);
    return a;
}

// ---- claiming ----

static int64_t may_use_early(const struct sok_stack *s)
{
    return s->config.acd_early;
}

static void claim(struct sok_stack *s, struct sok_slaac *a, struct sok_slaac_addr *x,
    struct sok_addr addr, enum sok_origin origin, int64_t now)
{
    x->addr = addr;
    x->used = false;
    x->retry_at = SOK_TIME_NEVER;
    int err = sok_acd_claim(s, a->link, addr, 64, may_use_early(s), (uint8_t)origin, now);
    if (err < 0 && x->tries < SOK_SLAAC_TRIES) { // ours already, or no room: later
        x->addr = none;
        x->retry_at = now + s->config.dad_retry;
        x->tries++;
    }
    sooner(a, x->retry_at);
}

static void claim_local(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    static const struct sok_addr net = {{0xfe, 0x80}};
    uint64_t iid = stable_iid(s, a->link, &net, a->local.tries);
    claim(s, a, &a->local, make_addr(&net, iid), SOK_ORIGIN_OWN, now);
}

static void claim_stable(
    struct sok_stack *s, struct sok_slaac *a, struct sok_slaac_prefix *p, int64_t now)
{
    uint64_t iid = stable_iid(s, a->link, &p->net, p->stable.tries);
    claim(s, a, &p->stable, make_addr(&p->net, iid), SOK_ORIGIN_ROUTER, now);
}

// RFC 8981 section 3.4: what is left of it has to be worth it.
static void claim_temporary(
    struct sok_stack *s, struct sok_slaac *a, struct sok_slaac_prefix *p, int64_t now)
{
    int64_t lives = s->config.temporary_preferred, advance = s->config.temporary_advance;
    int64_t desync = lives * 2 / 5;
    desync = desync > 0 ? (int64_t)(sok_stack_random(s) % (uint64_t)desync) : 0;
    p->next_at = SOK_TIME_NEVER;
    if (least(p->preferred_until, now + lives - desync) - now <= advance)
        return;
    p->made_at = now;
    p->next_at = now + lives - desync - advance;
    sooner(a, p->next_at);
    claim(s, a, &p->temporary, make_addr(&p->net, random_iid(s)), SOK_ORIGIN_TEMPORARY, now);
}

// ---- the times of addresses ----

static struct sok_slaac_prefix *prefix_of(struct sok_slaac *a, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < a->prefix_count; i++)
        if (sok_addr_in(*addr, a->prefixes[i].net, 64))
            return &a->prefixes[i];
    return NULL;
}

static bool is_made(const struct sok_stack_addr *e, const struct sok_slaac *a)
{
    return e->link == a->link &&
           (e->origin == SOK_ORIGIN_ROUTER || e->origin == SOK_ORIGIN_TEMPORARY);
}

// What people and the host are told: the best of what is there.
static void tell_info(struct sok_stack *s, struct sok_slaac *a)
{
    struct sok_addr before = a->info.addr, local = a->info.local;
    bool stable = false;
    a->info.addr = none;
    a->info.local = sok_addr_local6(s, a->link);
    for (unsigned i = 0; i < s->addr_count && !stable; i++) {
        const struct sok_stack_addr *e = &s->addrs[i];
        stable = is_made(e, a) && !e->deprecated && e->origin == SOK_ORIGIN_ROUTER;
        if (stable || (is_made(e, a) && !e->deprecated && sok_addr_is_any(a->info.addr)))
            a->info.addr = e->addr;
    }
    if (!sok_addr_eq(before, a->info.addr) || !sok_addr_eq(local, a->info.local))
        a->info.changes++;
}

// The times of an address that was made from p. A temporary one has a life of its own, too.
static void set_times(struct sok_stack *s, struct sok_slaac *a, const struct sok_slaac_prefix *p,
    struct sok_stack_addr *e, int64_t now)
{
    const struct sok_stack_config *c = &s->config;
    bool fresh = e->origin == SOK_ORIGIN_TEMPORARY && e->valid_until == SOK_TIME_NEVER;
    if (fresh) {
        e->valid_until = p->made_at + c->temporary_valid;
        e->preferred_until = p->next_at == SOK_TIME_NEVER ? now : p->next_at + c->temporary_advance;
    }
    if (e->origin == SOK_ORIGIN_TEMPORARY) {
        e->valid_until = least(e->valid_until, p->valid_until);
        e->preferred_until = least(e->preferred_until, p->preferred_until);
    } else {
        e->valid_until = p->valid_until;
        e->preferred_until = p->preferred_until;
    }
    e->router = p->router;
    e->deprecated = e->preferred_until <= now;
    sooner(a, e->valid_until);
    if (!e->deprecated)
        sooner(a, e->preferred_until);
}

static void set_all_times(
    struct sok_stack *s, struct sok_slaac *a, const struct sok_slaac_prefix *p, int64_t now)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (is_made(&s->addrs[i], a) && sok_addr_in(s->addrs[i].addr, p->net, 64))
            set_times(s, a, p, &s->addrs[i], now);
}

static struct sok_slaac_addr *slot_of(struct sok_slaac *a, const struct sok_addr *addr)
{
    struct sok_slaac_prefix *p = prefix_of(a, addr);
    if (sok_addr_eq(a->local.addr, *addr))
        return &a->local;
    if (p && sok_addr_eq(p->stable.addr, *addr))
        return &p->stable;
    return p && sok_addr_eq(p->temporary.addr, *addr) ? &p->temporary : NULL;
}

static void used(struct sok_stack *s, struct sok_slaac *a, struct sok_slaac_addr *x, int64_t now)
{
    struct sok_stack_addr *e = sok_addr_entry(s, a->link, &x->addr);
    struct sok_slaac_prefix *p = prefix_of(a, &x->addr);
    x->used = true;
    if (e && p)
        set_times(s, a, p, e, now);
    if (x == &a->local && a->routers && a->ask_at == SOK_TIME_NEVER) {
        a->ask_wait = 0;
        a->ask_at = now + (s->config.rs_wait > 0
                                  ? (int64_t)(sok_stack_random(s) % (uint64_t)s->config.rs_wait)
                                  : 0);
        sooner(a, a->ask_at);
    }
    tell_info(s, a);
}

static void taken(struct sok_stack *s, struct sok_slaac *a, struct sok_slaac_addr *x,
    const uint8_t *mac, int64_t now)
{
    a->info.taken = true;
    a->info.taken_addr = x->addr;
    if (mac)
        memcpy(a->info.taken_by, mac, 6);
    a->info.changes++;
    x->used = false;
    x->tries++;
    x->retry_at = x->tries < SOK_SLAAC_TRIES ? now + s->config.dad_retry : SOK_TIME_NEVER;
    sooner(a, x->retry_at);
    tell_info(s, a);
}

void sok_slaac_addr_news(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    enum sok_addr_news what, const uint8_t *mac, int64_t now)
{
    struct sok_slaac *a = s->slaac[link];
    struct sok_slaac_addr *x = a && !a->stopped ? slot_of(a, addr) : NULL;
    if (x && what == SOK_ADDR_USED)
        used(s, a, x, now);
    else if (x && what == SOK_ADDR_TAKEN)
        taken(s, a, x, mac, now);
}

static void remove_addr(struct sok_stack *s, struct sok_slaac *a, struct sok_addr addr,
    enum sok_addr_news why, int64_t now)
{
    struct sok_slaac_addr *x = slot_of(a, &addr);
    if (x)
        *x = (struct sok_slaac_addr){.retry_at = SOK_TIME_NEVER};
    bool had = sok_addr_entry(s, a->link, &addr) != NULL;
    sok_addr_drop(s, a->link, &addr, SOK_EABORTED, now);
    sok_acd_forget(s, a->link, &addr);
    if (had)
        sok_addr_tell(s, a->link, &addr, 64, why, NULL, now);
}

// ---- prefixes (RFC 4862 section 5.5.3) ----

static struct sok_slaac_prefix *find_prefix(struct sok_slaac *a, const struct sok_addr *net)
{
    for (unsigned i = 0; i < a->prefix_count; i++)
        if (sok_addr_eq(a->prefixes[i].net, *net))
            return &a->prefixes[i];
    return NULL;
}

// e: nobody takes away more than all but two hours of what is left of an address.
static int64_t valid_from(const struct sok_slaac_prefix *p, uint32_t said, int64_t now)
{
    int64_t until = after(now, said);
    if (until > now + TWO_HOURS || until > p->valid_until)
        return until;
    return p->valid_until <= now + TWO_HOURS ? p->valid_until : now + TWO_HOURS;
}

static bool is_usable(const struct sok_nd_prefix_hdr *h)
{
    return h->preferredlifetime <= h->validlifetime && h->prefixlen == 64;
}

void sok_slaac_prefix(struct sok_stack *s, struct sok_slaac *a, const struct sok_addr *router,
    const struct sok_nd_prefix_hdr *h, int64_t now)
{
    struct sok_addr net;
    memcpy(net.b, h->prefix, 16);
    net = sok_addr_net(&net, 64);
    struct sok_slaac_prefix *p = find_prefix(a, &net);
    if (!is_usable(h) || (!p && h->validlifetime == 0))
        return;
    if (p) {
        p->valid_until = valid_from(p, h->validlifetime, now);
        p->preferred_until = after(now, h->preferredlifetime);
        p->router = *router;
        set_all_times(s, a, p, now);
        tell_info(s, a);
        return;
    }
    if (a->prefix_count == SOK_SLAAC_PREFIXES_MAX) {
        sok_stack_drop(s, SOK_DROP_ND_LIMIT);
        return;
    }
    p = &a->prefixes[a->prefix_count++];
    *p = (struct sok_slaac_prefix){
        .net = net,
        .router = *router,
        .valid_until = after(now, h->validlifetime),
        .preferred_until = after(now, h->preferredlifetime),
        .stable = {.retry_at = SOK_TIME_NEVER},
        .temporary = {.retry_at = SOK_TIME_NEVER},
        .next_at = SOK_TIME_NEVER,
    };
    sooner(a, p->valid_until);
    claim_stable(s, a, p, now);
    if (s->config.slaac_temporary)
        claim_temporary(s, a, p, now);
}

// ---- asking routers (RFC 4861 section 6.3.7, RFC 7559) ----

static void solicit(struct sok_stack *s, struct sok_slaac *a)
{
    uint8_t p[SOK_ND_RS_LEN + SOK_ND_OPT_LINK_LEN];
    struct sok_nd_rs_hdr h = {.type = SOK_ICMP6_RS};
    struct sok_group_out o = {
        .src = sok_addr_local6(s, a->link),
        .dst = {{0xff, 2, [15] = 2}},
        .next = SOK_IPPROTO_ICMP6,
        .hops = 255,
    };
    size_t len = SOK_ND_RS_LEN;
    sok_nd_rs_hdr_put(p, &h);
    if (sok_link_has_stations(s->links[a->link]) && !sok_addr_is_any(o.src))
        len += sok_nd_put_link(p + len, SOK_ND_OPT_SOURCE, s->links[a->link]->info.mac);
    sok_group_nd(s, a->link, &o, p, len, SOK_REASON_ROUTER_ASK);
}

// A tenth more or less.
static int64_t about(struct sok_stack *s, int64_t wait)
{
    int64_t tenth = wait / 10;
    return tenth > 0 ? wait - tenth + (int64_t)(sok_stack_random(s) % (uint64_t)(2 * tenth)) : wait;
}

static void ask(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    int64_t most = s->config.rs_interval_max;
    solicit(s, a);
    a->asked++;
    a->info.asked = a->asked;
    a->ask_wait = about(s, a->ask_wait ? 2 * a->ask_wait : s->config.rs_interval);
    if (a->ask_wait > most)
        a->ask_wait = about(s, most);
    a->ask_at = now + a->ask_wait;
}

void sok_slaac_heard(struct sok_stack *s, struct sok_slaac *a, bool is_router)
{
    if (is_router)
        a->ask_at = SOK_TIME_NEVER;
    a->info.heard = true;
    tell_info(s, a);
}

// ---- time ----

static void prefixes_due(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    for (unsigned i = a->prefix_count; i-- > 0;) {
        struct sok_slaac_prefix *p = &a->prefixes[i];
        if (p->valid_until <= now) {
            sok_acd_forget(s, a->link, &p->stable.addr); // those in use go by their own time
            sok_acd_forget(s, a->link, &p->temporary.addr);
            *p = a->prefixes[--a->prefix_count];
            continue;
        }
        if (p->stable.retry_at <= now) {
            sok_acd_forget(s, a->link, &p->stable.addr);
            claim_stable(s, a, p, now);
        }
        if (p->temporary.retry_at <= now || p->next_at <= now) {
            if (!p->temporary.used)
                sok_acd_forget(s, a->link, &p->temporary.addr);
            p->temporary.tries = p->next_at <= now ? 0 : p->temporary.tries;
            p->temporary.retry_at = SOK_TIME_NEVER;
            claim_temporary(s, a, p, now);
        }
    }
}

static void addrs_due(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    for (unsigned i = s->addr_count; i-- > 0;) {
        struct sok_stack_addr *e = &s->addrs[i];
        if (!is_made(e, a))
            continue;
        if (e->valid_until <= now) {
            remove_addr(s, a, e->addr, SOK_ADDR_EXPIRED, now);
        } else if (e->preferred_until <= now && !e->deprecated) {
            e->deprecated = true;
            sok_addr_tell(s, a->link, &e->addr, 64, SOK_ADDR_DEPRECATED, NULL, now);
        }
    }
}

static void find_due(const struct sok_stack *s, struct sok_slaac *a)
{
    a->due = least(a->ask_at, a->local.retry_at);
    for (unsigned i = 0; i < a->prefix_count; i++) {
        const struct sok_slaac_prefix *p = &a->prefixes[i];
        sooner(a, p->valid_until);
        sooner(a, p->next_at);
        sooner(a, p->stable.retry_at);
        sooner(a, p->temporary.retry_at);
    }
    for (unsigned i = 0; i < s->addr_count; i++) {
        const struct sok_stack_addr *e = &s->addrs[i];
        if (!is_made(e, a))
            continue;
        sooner(a, e->valid_until);
        if (!e->deprecated)
            sooner(a, e->preferred_until);
    }
    for (unsigned i = 0; i < SOK_SLAAC_DNS_MAX; i++)
        if (a->servers[i].until)
            sooner(a, a->servers[i].until);
    for (unsigned i = 0; i < SOK_SLAAC_SEARCH_MAX; i++)
        if (a->searches[i].until)
            sooner(a, a->searches[i].until);
}

static void step(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    if (a->ask_at <= now)
        ask(s, a, now);
    if (a->local.retry_at <= now) {
        sok_acd_forget(s, a->link, &a->local.addr);
        claim_local(s, a, now);
    }
    addrs_due(s, a, now);
    prefixes_due(s, a, now);
    sok_slaac_names_due(a, now);
    tell_info(s, a);
    find_due(s, a);
}

void sok_slaac_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 1; i < s->link_count; i++)
        if (s->slaac[i] && s->slaac[i]->due <= now)
            step(s, s->slaac[i], now);
}

int64_t sok_slaac_deadline(const struct sok_stack *s)
{
    int64_t due = SOK_TIME_NEVER;
    for (unsigned i = 1; i < s->link_count; i++)
        if (s->slaac[i])
            due = least(due, s->slaac[i]->due);
    return due;
}

// ---- calls ----

static int start(struct sok_stack *s, uint8_t link, bool routers, int64_t now)
{
    s->now = now;
    if (link == SOK_STACK_LOCAL || link >= s->link_count)
        return SOK_ENODEV;
    if (s->links[link]->info.mtu < SOK_IP6_MTU_MIN)
        return SOK_EOPNOTSUPP;
    struct sok_slaac *a = s->slaac[link];
    if (a &&
        !a->stopped) { // there is a link-local address: routers as well, if they are wanted now
        bool more = routers && !a->routers;
        a->routers = a->routers || routers;
        if (more && a->local.used)
            used(s, a, &a->local, now);
        return more ? 0 : SOK_EADDRINUSE;
    }
    if (!a)
        a = s->slaac[link] = sok_mem_zalloc(sok_stack_mem(s), sizeof(*a));
    if (!a)
        return SOK_ENOMEM;
    *a = (struct sok_slaac){
        .link = link,
        .routers = routers,
        .ask_at = SOK_TIME_NEVER,
        .due = SOK_TIME_NEVER,
        .local = {.retry_at = SOK_TIME_NEVER},
    };
    claim_local(s, a, now);
    return 0;
}

int sok_stack_slaac_start(struct sok_stack *stack, uint8_t link, int64_t now)
{
    return start(stack, link, true, now);
}

int sok_stack_ip6_start(struct sok_stack *stack, uint8_t link, int64_t now)
{
    return start(stack, link, false, now);
}

static void forget_all(struct sok_stack *s, struct sok_slaac *a, int64_t now)
{
    sok_acd_forget(s, a->link, &a->local.addr);
    for (unsigned i = 0; i < a->prefix_count; i++) {
        sok_acd_forget(s, a->link, &a->prefixes[i].stable.addr);
        sok_acd_forget(s, a->link, &a->prefixes[i].temporary.addr);
    }
    for (unsigned i = s->addr_count; i-- > 0;) {
        const struct sok_stack_addr *e = &s->addrs[i];
        if (e->link == a->link && e->origin != SOK_ORIGIN_GIVEN)
            remove_addr(s, a, e->addr, SOK_ADDR_REMOVED, now);
    }
    sok_routes_forget(s, a->link);
    a->stopped = true;
    a->prefix_count = 0;
    a->ask_at = a->due = SOK_TIME_NEVER;
    a->info = (struct sok_slaac_info){.changes = a->info.changes + 1};
}

void sok_stack_slaac_stop(struct sok_stack *stack, uint8_t link, int64_t now)
{
    stack->now = now;
    if (link < stack->link_count && stack->slaac[link] && !stack->slaac[link]->stopped)
        forget_all(stack, stack->slaac[link], now);
}

const struct sok_slaac_info *sok_stack_slaac(const struct sok_stack *stack, uint8_t link)
{
    return link < stack->link_count && stack->slaac[link] ? &stack->slaac[link]->info : NULL;
}

void sok_slaac_link_over(struct sok_stack *s, uint8_t link)
{
    struct sok_slaac *a = s->slaac[link];
    if (!a)
        return;
    a->stopped = true;
    a->ask_at = a->due = SOK_TIME_NEVER;
    sok_routes_forget(s, link);
}

void sok_slaac_free_all(struct sok_stack *s)
{
    for (unsigned i = 0; i < SOK_STACK_LINKS_MAX; i++)
        sok_mem_free(sok_stack_mem(s), s->slaac[i], s->slaac[i] ? sizeof(*s->slaac[i]) : 0);
}

const char *sok_slaac_check(const struct sok_stack *s)
{
    for (unsigned i = 1; i < s->link_count; i++) {
        const struct sok_slaac *a = s->slaac[i];
        if (!a)
            continue;
        if (a->prefix_count > SOK_SLAAC_PREFIXES_MAX)
            return "slaac: too many prefixes";
        if (a->stopped && a->due != SOK_TIME_NEVER)
            return "slaac: stopped, and has something to do";
    }
    return NULL;
}
