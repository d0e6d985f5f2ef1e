// IPv6 by itself, under virtual time: the link-local address and its probe, routers asked for and believed, addresses
// made, renewed, given up, temporary ones, routes and their preferences, redirects, name servers, stateless DHCPv6;
// and what routers should not say.
#include "stack/testing.h"
#include <stdio.h>
#include "stack/internal.h"
#include "wire/dhcp6.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"
#include "wire/mld.h"

static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 0xfe};

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

struct net {
    struct lab lab;
    uint8_t message[1400]; // the next of a router
    size_t len;
    struct sok_addr from, to;
    uint8_t hops;
};

static void net_open_with(struct net *n, const struct sok_stack_config *config, uint32_t caps)
{
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = caps};
    memcpy(info.mac, lab_mac, 6);
    n->lab.now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(config, &n->lab.stack), 0);
    n->lab.link = (uint8_t)sok_stack_link_add(n->lab.stack, &info);
    n->from = addr("fe80::fe");
    n->to = addr("ff02::1");
    n->hops = 255;
}

static void net_open(struct net *n, uint32_t caps)
{
    struct sok_stack_config config;
    memset(n, 0, sizeof(*n));
    lab_config(&config, &n->lab);
    config.slaac_temporary = 0;
    net_open_with(n, &config, caps);
}

static const struct sok_slaac_info *info(struct net *n)
{
    return sok_stack_slaac(n->lab.stack, n->lab.link);
}

// ---- frames ----

static enum sok_drop deliver(struct net *n, const uint8_t *message, size_t len)
{
    static const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
    uint8_t f[1600];
    struct sok_ip6_hdr ip = sok_ip6_hdr_default();
    struct sok_addr dst = n->to;
    uint64_t before[SOK_DROP_COUNT];
    static struct sok_tcp_counts counts;
    sok_stack_counts(n->lab.stack, &counts);
    memcpy(before, counts.drops, sizeof(before));
    lab_eth(f, all, router_mac, SOK_ETHERTYPE_IP6);
    ip.plen = (uint16_t)len;
    ip.nh = SOK_IPPROTO_ICMP6;
    ip.hlim = n->hops;
    memcpy(ip.src, n->from.b, 16);
    memcpy(ip.dst, dst.b, 16);
    sok_ip6_hdr_put(f + 14, &ip);
    memcpy(f + 54, message, len);
    sok_icmp6_seal(f + 54, len, &n->from, &dst);
    lab_in(&n->lab, f, 54 + len);
    sok_stack_counts(n->lab.stack, &counts);
    for (unsigned i = 1; i < SOK_DROP_COUNT; i++)
        if (counts.drops[i] > before[i])
            return (enum sok_drop)i;
    return SOK_DROP_NONE;
}

static void ra_begin(struct net *n, uint16_t lifetime)
{
    struct sok_nd_ra_hdr h = {
        .type = SOK_ICMP6_RA, .chlim = 61, .routerlifetime = lifetime, .reachabletime = 20000};
    sok_nd_ra_hdr_put(n->message, &h);
    n->len = SOK_ND_RA_LEN;
}

static void ra_prefix(struct net *n, const char *net, uint32_t valid, uint32_t preferred)
{
    struct sok_nd_prefix_hdr h = sok_nd_prefix_hdr_default();
    struct sok_addr a = addr(net);
    h.validlifetime = valid;
    h.preferredlifetime = preferred;
    memcpy(h.prefix, a.b, 16);
    n->len += sok_nd_put_prefix(n->message + n->len, &h);
}

static enum sok_drop ra_send(struct net *n)
{
    return deliver(n, n->message, n->len);
}

static enum sok_drop advertise(struct net *n, const char *net, uint32_t valid, uint32_t preferred)
{
    ra_begin(n, 1800);
    ra_prefix(n, net, valid, preferred);
    return ra_send(n);
}

// The next ICMPv6 message of a type; the time passes up to `within`. False: none.
static bool next_message(struct net *n, uint8_t type, int64_t within)
{
    struct lab *lab = &n->lab;
    int64_t until = lab->now + within;
    for (;;) {
        while (lab_out(lab)) {
            if (lab_type(lab) != SOK_ETHERTYPE_IP6 || lab->frame[20] != SOK_IPPROTO_ICMP6)
                continue;
            struct sok_addr src, dst;
            memcpy(src.b, lab->frame + 22, 16);
            memcpy(dst.b, lab->frame + 38, 16);
            assert_true(sok_icmp6_verify(lab->frame + 54, lab->len - 54, &src, &dst));
            assert_int_equal(lab->frame[21], 255);
            assert_true(sok_nd_check(lab->frame + 54, lab->len - 54));
            if (lab->frame[54] == type)
                return true;
        }
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return false;
        }
        lab_run_to(lab, due > lab->now ? due : lab->now);
    }
}

static void settle(struct net *n, int64_t time)
{
    while (next_message(n, 0, time))
        ;
}

static void start(struct net *n)
{
    assert_int_equal(sok_stack_slaac_start(n->lab.stack, n->lab.link, n->lab.now), 0);
    settle(n, 2 * SOK_S);
    assert_false(sok_addr_is_any(info(n)->local));
}

static bool reaches(struct net *n, const char *to, struct sok_addr *hop, struct sok_addr *source)
{
    struct sok_endpoint dst = {.addr = addr(to)};
    struct sok_addr any = {{0}};
    struct sok_tcp_path path;
    if (sok_stack_route(n->lab.stack, &any, &dst, &path) < 0)
        return false;
    *hop = path.next_hop;
    *source = path.source;
    return true;
}

static void expect_hop(struct net *n, const char *to, const char *hop)
{
    struct sok_addr next = {{0}}, source, want = hop ? addr(hop) : next;
    assert_int_equal(reaches(n, to, &next, &source), hop != NULL);
    assert_true(!hop || sok_addr_eq(next, want));
}

// ---- the link-local address ----

static void link_local(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), SOK_EADDRINUSE);
    assert_true(next_message(&n, SOK_ICMP6_NS, 0));
    // From no address, to the group of the one that is probed, with a nonce (RFC 7527).
    struct sok_addr none = {{0}}, group = addr("ff02::1:ff00:0");
    assert_memory_equal(n.lab.frame + 22, none.b, 16);
    assert_memory_equal(n.lab.frame + 38, group.b, 13);
    assert_memory_equal(n.lab.frame + 38 + 13, n.lab.frame + 54 + 8 + 13, 3);
    assert_memory_equal(n.lab.frame, "\x33\x33\xff", 3);
    assert_non_null(sok_nd_option(n.lab.frame + 54, n.lab.len - 54, SOK_ND_OPT_NONCE, 6, NULL));
    struct sok_addr probed;
    memcpy(probed.b, n.lab.frame + 62, 16);
    assert_true(sok_addr_is_near6(&probed) && sok_get16(probed.b + 6) == 0);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, probed, NULL), SOK_ADDR_PROBED);
    assert_true(next_message(&n, SOK_ICMP6_RS, SOK_S));
    assert_true(sok_addr_eq(info(&n)->local, probed));
    assert_memory_equal(n.lab.frame + 22, probed.b, 16);
    struct sok_addr routers = addr("ff02::2");
    assert_memory_equal(n.lab.frame + 38, routers.b, 16);
    uint8_t mac[6];
    assert_true(sok_nd_link_addr(n.lab.frame + 54, n.lab.len - 54, SOK_ND_OPT_SOURCE, mac));
    assert_memory_equal(mac, lab_mac, 6);
    // The same the next time.
    lab_close(&n.lab);
    net_open(&n, 0);
    start(&n);
    assert_true(sok_addr_eq(info(&n)->local, probed));
    lab_close(&n.lab);
}

static void link_local_alone(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT); // nobody else is there to be asked
    assert_int_equal(sok_stack_ip6_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_false(sok_addr_is_any(info(&n)->local));
    assert_false(next_message(&n, 0, 300 * SOK_S));
    assert_int_equal(advertise(&n, "2001:db8::", 3600, 1800), SOK_DROP_ND_NOT_WANTED);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_true(next_message(&n, SOK_ICMP6_RS, SOK_S));
    sok_stack_slaac_stop(n.lab.stack, n.lab.link, n.lab.now);
    assert_true(sok_addr_is_any(sok_addr_local6(n.lab.stack, n.lab.link)));
    assert_false(next_message(&n, 0, 300 * SOK_S));
    lab_close(&n.lab);
}

// Somebody has it: the next one is tried, and that is the same every time, too.
static void somebody_has_it(void **state)
{
    struct net n;
    uint8_t p[SOK_ND_NA_LEN];
    struct sok_addr first[SOK_SLAAC_TRIES];
    (void)state;
    net_open(&n, 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    for (unsigned i = 0; i < SOK_SLAAC_TRIES; i++) {
        struct sok_nd_na_hdr h = {.type = SOK_ICMP6_NA, .O = 1};
        assert_true(next_message(&n, SOK_ICMP6_NS, 2 * SOK_S));
        memcpy(first[i].b, n.lab.frame + 62, 16);
        assert_true(i == 0 || !sok_addr_eq(first[i], first[i - 1]));
        memcpy(h.tgt, first[i].b, 16);
        sok_nd_na_hdr_put(p, &h);
        deliver(&n, p, sizeof(p));
        assert_int_equal(
            sok_stack_addr_state(n.lab.stack, n.lab.link, first[i], NULL), SOK_ADDR_TAKEN);
        assert_true(info(&n)->taken && sok_addr_eq(info(&n)->taken_addr, first[i]));
        assert_memory_equal(info(&n)->taken_by, router_mac, 6);
    }
    assert_false(next_message(&n, 0, 300 * SOK_S));
    assert_true(sok_addr_is_any(info(&n)->local));
    lab_close(&n.lab);
}

// A probe of somebody else counts, our own that comes back and who only asks for it do not (RFC 7527, RFC 4862 5.4.3).
static void probes_heard(void **state)
{
    struct net n;
    uint8_t p[64];
    (void)state;
    for (unsigned what = 0; what < 4; what++) {
        net_open(&n, 0);
        assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
        assert_true(next_message(&n, SOK_ICMP6_NS, 0));
        struct sok_addr target;
        size_t len = n.lab.len - 54;
        memcpy(p, n.lab.frame + 54, len);
        memcpy(target.b, p + 8, 16);
        if (what == 1)
            p[SOK_ND_NS_LEN + 4] ^= 1; // another nonce
        if (what == 2)
            len = SOK_ND_NS_LEN; // none
        n.from = what == 3 ? addr("fe80::9") : (struct sok_addr){{0}};
        deliver(&n, p, len);
        enum sok_addr_news now = sok_stack_addr_state(n.lab.stack, n.lab.link, target, NULL);
        assert_int_equal(now, what == 0 || what == 3 ? SOK_ADDR_PROBED : SOK_ADDR_TAKEN);
        lab_close(&n.lab);
    }
}

// In use, though it is still probed for: another's probe is answered, an answer to ours counts.
static void used_early(void **state)
{
    struct net n;
    uint8_t p[SOK_ND_NS_LEN];
    struct sok_nd_ns_hdr ns = {.type = SOK_ICMP6_NS};
    struct sok_nd_na_hdr na = {.type = SOK_ICMP6_NA, .O = 1};
    (void)state;
    net_open(&n, 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    settle(&n, 10 * SOK_MS);
    struct sok_addr ours = info(&n)->local;
    assert_false(sok_addr_is_any(ours));
    memcpy(ns.tgt, ours.b, 16);
    memcpy(na.tgt, ours.b, 16);
    sok_nd_ns_hdr_put(p, &ns);
    n.from = (struct sok_addr){{0}};
    n.to = sok_addr_solicited(&ours);
    assert_int_equal(deliver(&n, p, sizeof(p)), SOK_DROP_NONE);
    assert_true(next_message(&n, SOK_ICMP6_NA, 0));
    assert_memory_equal(n.lab.frame + 62, ours.b, 16);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, ours, NULL), SOK_ADDR_USED);
    sok_nd_na_hdr_put(p, &na);
    n.from = addr("fe80::9");
    n.to = addr("ff02::1");
    assert_int_equal(deliver(&n, p, sizeof(p)), SOK_DROP_ND_CONFLICT);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, ours, NULL), SOK_ADDR_TAKEN);
    lab_close(&n.lab);
}

// ---- asking routers ----

static void asks_ever_less_often(void **state)
{
    struct net n;
    int64_t wait = 4 * SOK_S;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_true(next_message(&n, SOK_ICMP6_RS, 0));
    for (unsigned i = 0; i < 14; i++) {
        int64_t last = n.lab.now;
        assert_true(next_message(&n, SOK_ICMP6_RS, 4000 * SOK_S));
        assert_in_range(n.lab.now - last, wait / 2, wait * 3 / 2);
        wait = 2 * (n.lab.now - last) < 3600 * SOK_S ? 2 * (n.lab.now - last) : 3600 * SOK_S;
    }
    ra_begin(&n, 0); // an advertisement, but no router
    assert_int_equal(ra_send(&n), SOK_DROP_NONE);
    assert_true(next_message(&n, SOK_ICMP6_RS, 4000 * SOK_S));
    ra_begin(&n, 1800);
    assert_int_equal(ra_send(&n), SOK_DROP_NONE);
    assert_false(next_message(&n, SOK_ICMP6_RS, 10000 * SOK_S));
    lab_close(&n.lab);
}

// ---- addresses ----

static void makes_an_address(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, 0);
    start(&n);
    struct sok_addr hop, source, router = addr("fe80::fe");
    expect_hop(&n, "2001:db8:9::1", NULL);
    assert_int_equal(advertise(&n, "2001:db8:1::", 7200, 3600), SOK_DROP_NONE);
    assert_true(next_message(&n, SOK_ICMP6_NS, 0));
    settle(&n, SOK_S);
    struct sok_addr made = info(&n)->addr, net = addr("2001:db8:1::");
    assert_true(sok_addr_in(made, net, 64));
    assert_true(sok_addr_eq(info(&n)->router, router));
    assert_true(reaches(&n, "2001:db8:9::1", &hop, &source));
    assert_true(sok_addr_eq(hop, router) && sok_addr_eq(source, made));
    expect_hop(&n, "2001:db8:1::77", "2001:db8:1::77"); // the prefix is on the link
    assert_int_equal(n.lab.stack->links[n.lab.link]->ip6_hop_limit, 61);
    assert_int_equal(n.lab.stack->links[n.lab.link]->reachable_ms, 20000);
    // The same again is nothing new; then nothing is heard any more.
    uint32_t changes = info(&n)->changes;
    assert_int_equal(advertise(&n, "2001:db8:1::", 7200, 3600), SOK_DROP_NONE);
    settle(&n, SOK_S);
    assert_int_equal(info(&n)->changes, changes);
    settle(&n, 3599 * SOK_S);
    struct sok_stack_addr *e = sok_addr_entry(n.lab.stack, n.lab.link, &made);
    assert_true(e && e->deprecated && sok_addr_is_any(info(&n)->addr));
    expect_hop(&n, "2001:db8:9::1", NULL); // the router's time was half an hour
    expect_hop(&n, "2001:db8:1::77", "2001:db8:1::77");
    settle(&n, 3600 * SOK_S);
    assert_null(sok_addr_entry(n.lab.stack, n.lab.link, &made));
    expect_hop(&n, "2001:db8:1::77", NULL);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, made, NULL), SOK_ADDR_REMOVED);
    lab_close(&n.lab);
}

static int64_t valid_for(struct net *n, const struct sok_addr *a)
{
    const struct sok_stack_addr *e = sok_addr_entry(n->lab.stack, n->lab.link, a);
    assert_non_null(e);
    return e->valid_until == SOK_TIME_NEVER ? -1 : (e->valid_until - n->lab.now) / SOK_S;
}

// RFC 4862 section 5.5.3 e.
static void two_hours(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    advertise(&n, "2001:db8:1::", 100000, 100);
    struct sok_addr a = info(&n)->addr;
    assert_int_equal(valid_for(&n, &a), 100000);
    advertise(&n, "2001:db8:1::", 1, 0);
    assert_int_equal(valid_for(&n, &a), 7200);
    assert_true(sok_addr_is_any(info(&n)->addr)); // preferred it is no more at once
    advertise(&n, "2001:db8:1::", 100, 100);
    assert_int_equal(valid_for(&n, &a), 7200);
    advertise(&n, "2001:db8:1::", 7201, 100);
    assert_int_equal(valid_for(&n, &a), 7201);
    lab_run_to(&n.lab, n.lab.now + 5000 * SOK_S);
    advertise(&n, "2001:db8:1::", 1000, 100);
    assert_int_equal(valid_for(&n, &a), 2201);
    advertise(&n, "2001:db8:1::", 3000, 100);
    assert_int_equal(valid_for(&n, &a), 3000);
    advertise(&n, "2001:db8:1::", SOK_ND_LIFE_EVER, SOK_ND_LIFE_EVER);
    assert_int_equal(valid_for(&n, &a), -1);
    lab_close(&n.lab);
}

static void prefixes_not_used(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    unsigned had = n.lab.stack->addr_count;
    advertise(&n, "fe80::", 100, 100);
    advertise(&n, "ff0e::", 100, 100);
    advertise(&n, "::ffff:0:0", 100, 100);
    advertise(&n, "2001:db8:1::", 100, 200); // preferred longer than valid
    advertise(&n, "2001:db8:2::", 0, 0);
    ra_begin(&n, 1800);
    ra_prefix(&n, "2001:db8:3::", 100, 100);
    n.message[SOK_ND_RA_LEN + 2] = 63;
    ra_send(&n);
    ra_begin(&n, 1800);
    ra_prefix(&n, "2001:db8:4::", 100, 100);
    n.message[SOK_ND_RA_LEN + 3] = 0x80; // on the link, not for addresses
    ra_send(&n);
    assert_int_equal(n.lab.stack->addr_count, had);
    expect_hop(&n, "2001:db8:4::1", "2001:db8:4::1");
    lab_close(&n.lab);
}

static unsigned count_addrs(struct net *n, enum sok_origin origin, bool deprecated)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n->lab.stack->addr_count; i++)
        count += n->lab.stack->addrs[i].origin == origin &&
                 n->lab.stack->addrs[i].deprecated == deprecated;
    return count;
}

// RFC 8981: beside the stable one; the next before the last has its time, and none longer than its own.
static void temporary(void **state)
{
    struct net n;
    struct sok_stack_config config;
    struct sok_addr hop, first, second;
    (void)state;
    memset(&n, 0, sizeof(n));
    lab_config(&config, &n.lab);
    config.temporary_valid = 3000 * SOK_S;
    config.temporary_preferred = 1000 * SOK_S;
    net_open_with(&n, &config, SOK_LINK_POINT);
    start(&n);
    advertise(&n, "2001:db8:1::", 1000000, 1000000);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 1);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_ROUTER, false), 1);
    assert_true(reaches(&n, "2001:db8:9::1", &hop, &first));
    struct sok_stack_addr *e = sok_addr_entry(n.lab.stack, n.lab.link, &first);
    assert_true(e->origin == SOK_ORIGIN_TEMPORARY && e->valid_until - n.lab.now == 3000 * SOK_S);
    assert_in_range(e->preferred_until - n.lab.now, 600 * SOK_S, 1000 * SOK_S);
    assert_false(sok_addr_eq(info(&n)->addr, first)); // what is told is the stable one
    lab_run_to(&n.lab, e->preferred_until - SOK_S);   // five seconds before: two of them
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 2);
    lab_run_to(&n.lab, n.lab.now + 2 * SOK_S);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 1);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, true), 1);
    advertise(&n, "2001:db8:1::", 1000000, 1000000);
    assert_true(reaches(&n, "2001:db8:9::1", &hop, &second));
    assert_false(sok_addr_eq(first, second));
    for (unsigned i = 0; i < 200; i++) {
        lab_run_to(&n.lab, n.lab.now + 100 * SOK_S);
        assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false) >= 1, 1);
        assert_true(n.lab.stack->addr_count <= 1 + 1 + 6);
        assert_null(sok_stack_check(n.lab.stack));
    }
    lab_run_to(&n.lab, n.lab.now + 1000000 * SOK_S);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 0);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, true), 0);
    lab_close(&n.lab);
}

// ---- routers ----

static void router_says(struct net *n, const char *from, uint16_t lifetime, enum sok_nd_prf prf)
{
    n->from = addr(from);
    ra_begin(n, lifetime);
    n->message[5] = (uint8_t)(prf << 3);
    assert_int_equal(ra_send(n), SOK_DROP_NONE);
}

static void preferences(void **state)
{
    struct net n;
    struct sok_nd_route_hdr route = {.plen = 48, .prf = SOK_ND_PRF_MEDIUM, .rtlifetime = 600};
    struct sok_addr net = addr("2001:db8:5::");
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    advertise(&n, "2001:db8:1::", 7200, 3600);
    router_says(&n, "fe80::1", 1000, SOK_ND_PRF_LOW);
    router_says(&n, "fe80::fe", 1000, SOK_ND_PRF_LOW);
    router_says(&n, "fe80::2", 1000, SOK_ND_PRF_MEDIUM);
    expect_hop(&n, "2001:db8:9::1", "fe80::2");
    router_says(&n, "fe80::3", 500, SOK_ND_PRF_HIGH);
    expect_hop(&n, "2001:db8:9::1", "fe80::3");
    router_says(&n, "fe80::2", 1000, SOK_ND_PRF_RESERVED); // as medium
    lab_run_to(&n.lab, n.lab.now + 501 * SOK_S);
    expect_hop(&n, "2001:db8:9::1", "fe80::2");
    router_says(&n, "fe80::2", 0, SOK_ND_PRF_MEDIUM); // no router any more
    expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    // Route information (RFC 4191): longer prefixes first, whoever is preferred otherwise.
    n.from = addr("fe80::1");
    ra_begin(&n, 0);
    n.len += sok_nd_put_route(n.message + n.len, &route, &net);
    assert_int_equal(ra_send(&n), SOK_DROP_NONE);
    expect_hop(&n, "2001:db8:5:9::1", "fe80::1");
    expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    route.prf = SOK_ND_PRF_RESERVED; // the option is to be ignored
    route.rtlifetime = 0;
    ra_begin(&n, 0);
    n.len += sok_nd_put_route(n.message + n.len, &route, &net);
    ra_send(&n);
    expect_hop(&n, "2001:db8:5:9::1", "fe80::1");
    lab_run_to(&n.lab, n.lab.now + 601 * SOK_S);
    expect_hop(&n, "2001:db8:5:9::1", NULL);
    lab_close(&n.lab);
}

static void mtu(void **state)
{
    static const uint32_t bad[] = {0, 1279, 1501, 100000};
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    for (unsigned i = 0; i < 5; i++) {
        ra_begin(&n, 1800);
        n.len += sok_nd_put_mtu(n.message + n.len, i < 4 ? bad[i] : 1400);
        assert_int_equal(ra_send(&n), SOK_DROP_NONE);
        assert_int_equal(info(&n)->mtu, i < 4 ? 0 : 1400);
    }
    advertise(&n, "2001:db8:1::", 7200, 3600);
    struct sok_endpoint to = {.addr = addr("2001:db8:9::1")};
    struct sok_addr any = {{0}};
    struct sok_tcp_path path;
    assert_int_equal(sok_stack_route(n.lab.stack, &any, &to, &path), 0);
    assert_int_equal(path.mtu, 1400);
    lab_close(&n.lab);
}

static enum sok_drop redirect(struct net *n, const char *from, const char *target, const char *dst)
{
    uint8_t p[SOK_ND_REDIRECT_LEN];
    struct sok_nd_redirect_hdr h = {.type = SOK_ICMP6_REDIRECT};
    struct sok_addr t = addr(target), d = addr(dst);
    n->from = addr(from);
    memcpy(h.tgt, t.b, 16);
    memcpy(h.dst, d.b, 16);
    sok_nd_redirect_hdr_put(p, &h);
    return deliver(n, p, sizeof(p));
}

static void redirects(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    advertise(&n, "2001:db8:1::", 7200, 3600);
    assert_int_equal(
        redirect(&n, "fe80::1", "fe80::7", "2001:db8:9::1"), SOK_DROP_ND_NOT_WANTED); // not the hop
    assert_int_equal(
        redirect(&n, "fe80::fe", "2001:db8::7", "2001:db8:9::1"), SOK_DROP_ND_MALFORMED);
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "ff0e::1"), SOK_DROP_ND_MALFORMED);
    n.hops = 254;
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "2001:db8:9::1"), SOK_DROP_ND_MALFORMED);
    n.hops = 255;
    expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "2001:db8:9::1"), SOK_DROP_NONE);
    expect_hop(&n, "2001:db8:9::1", "fe80::7");
    expect_hop(&n, "2001:db8:9::2", "fe80::fe");
    assert_int_equal(redirect(&n, "fe80::7", "2001:db8:9::1", "2001:db8:9::1"), SOK_DROP_NONE);
    expect_hop(&n, "2001:db8:9::1", "2001:db8:9::1"); // it is on the link
    for (unsigned i = 0; i < 200; i++) {
        char dst[40];
        snprintf(dst, sizeof(dst), "2001:db8:a::%x", i + 1);
        assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", dst), SOK_DROP_NONE);
    }
    assert_true(n.lab.stack->route_count < SOK_ROUTER_REDIRECT_MAX + 8);
    expect_hop(&n, "2001:db8:a::c8", "fe80::7");
    expect_hop(&n, "2001:db8:a::1", "fe80::fe");
    lab_run_to(&n.lab, n.lab.now + 700 * SOK_S);
    expect_hop(&n, "2001:db8:a::c8", "fe80::fe");
    lab_close(&n.lab);
}

// ---- names ----

static size_t put_search(uint8_t *p, uint32_t lifetime, const char *name)
{
    struct sok_nd_dns_hdr h = {.lifetime = lifetime};
    size_t len = strlen(name) + 1, all = (8 + len + 7) / 8 * 8;
    memset(p, 0, all);
    p[0] = SOK_ND_OPT_DNSSL;
    p[1] = (uint8_t)(all / 8);
    sok_nd_dns_hdr_put(p + 2, &h);
    memcpy(p + 8, name, len);
    return all;
}

static void name_servers(void **state)
{
    struct net n;
    struct sok_addr dns[2] = {addr("2001:db8::53"), addr("fe80::53")};
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    ra_begin(&n, 1800);
    n.len += sok_nd_put_rdnss(n.message + n.len, 600, dns, 2);
    n.len += put_search(n.message + n.len, 300, "\7example\3org");
    assert_int_equal(ra_send(&n), SOK_DROP_NONE);
    assert_int_equal(info(&n)->dns_count, 2);
    assert_true(sok_addr_eq(info(&n)->dns[0], dns[0]) && sok_addr_eq(info(&n)->dns[1], dns[1]));
    assert_int_equal(info(&n)->search_count, 1);
    assert_string_equal(info(&n)->search[0], "example.org");
    uint32_t changes = info(&n)->changes;
    assert_int_equal(ra_send(&n), SOK_DROP_NONE);
    assert_int_equal(info(&n)->changes, changes);
    lab_run_to(&n.lab, n.lab.now + 301 * SOK_S);
    assert_int_equal(info(&n)->search_count, 0);
    assert_true(info(&n)->changes > changes);
    ra_begin(&n, 1800);
    n.len += sok_nd_put_rdnss(n.message + n.len, 0, dns, 1);
    ra_send(&n);
    assert_int_equal(info(&n)->dns_count, 1);
    assert_true(sok_addr_eq(info(&n)->dns[0], dns[1]));
    lab_run_to(&n.lab, n.lab.now + 301 * SOK_S);
    assert_int_equal(info(&n)->dns_count, 0);
    for (unsigned i = 0; i < 40; i++) {
        dns[0].b[15] = (uint8_t)i;
        ra_begin(&n, 1800);
        n.len += sok_nd_put_rdnss(n.message + n.len, 100, dns, 1);
        ra_send(&n);
    }
    assert_int_equal(info(&n)->dns_count, SOK_SLAAC_DNS_MAX);
    assert_int_equal(info(&n)->dns[0].b[15], 0); // what is known stays
    lab_close(&n.lab);
}

// ---- what is not believed ----

static void bad_advertisements(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    n.hops = 254;
    assert_int_equal(advertise(&n, "2001:db8:1::", 100, 100), SOK_DROP_ND_MALFORMED);
    n.hops = 255;
    n.from = addr("2001:db8::1");
    assert_int_equal(advertise(&n, "2001:db8:1::", 100, 100), SOK_DROP_ND_MALFORMED);
    n.from = addr("fe80::fe");
    ra_begin(&n, 1800);
    ra_prefix(&n, "2001:db8:1::", 100, 100);
    n.message[1] = 1;
    assert_int_equal(ra_send(&n), SOK_DROP_ND_MALFORMED);
    n.message[1] = 0;
    n.len--;
    assert_int_equal(ra_send(&n), SOK_DROP_ND_MALFORMED);
    n.len = 12;
    assert_int_equal(ra_send(&n), SOK_DROP_ND_MALFORMED);
    ra_begin(&n, 1800);
    ra_prefix(&n, "2001:db8:1::", 100, 100);
    n.message[17] = 0; // an option of no length
    assert_int_equal(ra_send(&n), SOK_DROP_ND_MALFORMED);
    assert_int_equal(n.lab.stack->addr_count, 1);
    lab_close(&n.lab);
}

// A flood: other prefixes, routers, routes each time. What was known before stays, and so do the limits.
static void flood(void **state)
{
    struct net n;
    uint64_t x = 1;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    start(&n);
    advertise(&n, "2001:db8:1::", 100000, 100000);
    struct sok_addr a = info(&n)->addr;
    for (unsigned i = 0; i < 3000; i++) {
        struct sok_nd_route_hdr route = {.plen = 64, .rtlifetime = 10000};
        struct sok_addr net = addr("2001:db8:f::"), dns = addr("2001:db8::5300");
        char prefix[40];
        snprintf(prefix, sizeof(prefix), "2001:db8:%x::", 0x100 + i);
        n.from = addr("fe80::");
        sok_put32(n.from.b + 12, i + 1);
        ra_begin(&n, 9000);
        ra_prefix(&n, prefix, 10000, 10000);
        sok_put16(net.b + 6, (uint16_t)i);
        sok_put16(dns.b + 14, (uint16_t)i);
        n.len += sok_nd_put_route(n.message + n.len, &route, &net);
        n.len += sok_nd_put_rdnss(n.message + n.len, 1000, &dns, 1);
        if (i % 3 == 0) // and anything at all
            for (unsigned k = 16; k < n.len; k++)
                if ((x = x * 6364136223846793005u + 1442695040888963407u) >> 60 == 0)
                    n.message[k] = (uint8_t)(x >> 40);
        ra_send(&n);
        while (lab_out(&n.lab))
            ;
        if (i % 100 == 0)
            assert_null(sok_stack_check(n.lab.stack));
    }
    assert_true(n.lab.stack->addr_count <= 1 + SOK_SLAAC_PREFIXES_MAX);
    assert_true(n.lab.stack->route_count <= SOK_ROUTER_ROUTES_MAX + 2);
    assert_true(sok_addr_eq(info(&n)->addr, a));
    assert_true(lab_drops(&n.lab, SOK_DROP_ND_LIMIT) > 1000);
    n.from = addr("fe80::fe");
    advertise(&n, "2001:db8:1::", 100000, 100000);
    assert_true(valid_for(&n, &a) == 100000);
    lab_close(&n.lab);
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t after = 1; after < 20; after++) {
        struct net n;
        net_open(&n, 0);
        n.lab.memory.fail_after = after;
        sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now);
        settle(&n, 3 * SOK_S);
        struct sok_buf *b = sok_buf_new(sok_stack_mem(n.lab.stack), 8); // is there any left?
        if (b) {
            sok_buf_unref(b);
            n.lab.memory.fail_after = 0;
            advertise(&n, "2001:db8:1::", 1000, 1000);
        }
        n.lab.memory.fail_after = 0;
        settle(&n, 3 * SOK_S);
        lab_close(&n.lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_local),
        cmocka_unit_test(link_local_alone),
        cmocka_unit_test(somebody_has_it),
        cmocka_unit_test(probes_heard),
        cmocka_unit_test(used_early),
        cmocka_unit_test(asks_ever_less_often),
        cmocka_unit_test(makes_an_address),
        cmocka_unit_test(two_hours),
        cmocka_unit_test(prefixes_not_used),
        cmocka_unit_test(temporary),
        cmocka_unit_test(preferences),
        cmocka_unit_test(mtu),
        cmocka_unit_test(redirects),
        cmocka_unit_test(name_servers),
        cmocka_unit_test(bad_advertisements),
        cmocka_unit_test(flood),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
