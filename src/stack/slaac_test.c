// IPv6 addresses by themselves, under virtual time: the link-local address and its probe, those made of prefixes, renewed,
// given up, temporary ones. What else routers say is in router_test.c.
#include "stack/testing_net.h"

// ---- the link-local address ----

static void link_local(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), SOK_EADDRINUSE);
    assert_true(net_next(&n, SOK_ICMP6_NS, 0));
    // From no address, to the group of the one that is probed, with a nonce (RFC 7527).
    struct sok_addr none = {{0}}, group = net_addr("ff02::1:ff00:0");
    assert_memory_equal(n.lab.frame + 22, none.b, 16);
    assert_memory_equal(n.lab.frame + 38, group.b, 13);
    assert_memory_equal(n.lab.frame + 38 + 13, n.lab.frame + 54 + 8 + 13, 3);
    assert_memory_equal(n.lab.frame, "\x33\x33\xff", 3);
    assert_non_null(sok_nd_option(n.lab.frame + 54, n.lab.len - 54, SOK_ND_OPT_NONCE, 6, NULL));
    struct sok_addr probed;
    memcpy(probed.b, n.lab.frame + 62, 16);
    assert_true(sok_addr_is_near6(&probed) && sok_get16(probed.b + 6) == 0);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, probed, NULL), SOK_ADDR_PROBED);
    assert_true(net_next(&n, SOK_ICMP6_RS, SOK_S));
    assert_true(sok_addr_eq(net_info(&n)->local, probed));
    assert_memory_equal(n.lab.frame + 22, probed.b, 16);
    struct sok_addr routers = net_addr("ff02::2");
    assert_memory_equal(n.lab.frame + 38, routers.b, 16);
    uint8_t mac[6];
    assert_true(sok_nd_link_addr(n.lab.frame + 54, n.lab.len - 54, SOK_ND_OPT_SOURCE, mac));
    assert_memory_equal(mac, lab_mac, 6);
    // The same the next time.
    lab_close(&n.lab);
    net_open(&n, 0);
    net_start(&n);
    assert_true(sok_addr_eq(net_info(&n)->local, probed));
    lab_close(&n.lab);
}

static void link_local_alone(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT); // nobody else is there to be asked
    assert_int_equal(sok_stack_ip6_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_false(sok_addr_is_any(net_info(&n)->local));
    assert_false(net_next(&n, 0, 300 * SOK_S));
    assert_int_equal(net_advertise(&n, "2001:db8::", 3600, 1800), SOK_DROP_ND_NOT_WANTED);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_true(net_next(&n, SOK_ICMP6_RS, SOK_S));
    sok_stack_slaac_stop(n.lab.stack, n.lab.link, n.lab.now);
    assert_true(sok_addr_is_any(sok_addr_local6(n.lab.stack, n.lab.link)));
    assert_false(net_next(&n, 0, 300 * SOK_S));
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
        assert_true(net_next(&n, SOK_ICMP6_NS, 2 * SOK_S));
        memcpy(first[i].b, n.lab.frame + 62, 16);
        assert_true(i == 0 || !sok_addr_eq(first[i], first[i - 1]));
        memcpy(h.tgt, first[i].b, 16);
        sok_nd_na_hdr_put(p, &h);
        net_deliver(&n, p, sizeof(p));
        assert_int_equal(
            sok_stack_addr_state(n.lab.stack, n.lab.link, first[i], NULL), SOK_ADDR_TAKEN);
        assert_true(net_info(&n)->taken && sok_addr_eq(net_info(&n)->taken_addr, first[i]));
        assert_memory_equal(net_info(&n)->taken_by, net_router_mac, 6);
    }
    assert_false(net_next(&n, 0, 300 * SOK_S));
    assert_true(sok_addr_is_any(net_info(&n)->local));
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
        assert_true(net_next(&n, SOK_ICMP6_NS, 0));
        struct sok_addr target;
        size_t len = n.lab.len - 54;
        memcpy(p, n.lab.frame + 54, len);
        memcpy(target.b, p + 8, 16);
        if (what == 1)
            p[SOK_ND_NS_LEN + 4] ^= 1; // another nonce
        if (what == 2)
            len = SOK_ND_NS_LEN; // none
        n.from = what == 3 ? net_addr("fe80::9") : (struct sok_addr){{0}};
        net_deliver(&n, p, len);
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
    net_settle(&n, 10 * SOK_MS);
    struct sok_addr ours = net_info(&n)->local;
    assert_false(sok_addr_is_any(ours));
    memcpy(ns.tgt, ours.b, 16);
    memcpy(na.tgt, ours.b, 16);
    sok_nd_ns_hdr_put(p, &ns);
    n.from = (struct sok_addr){{0}};
    n.to = sok_addr_solicited(&ours);
    assert_int_equal(net_deliver(&n, p, sizeof(p)), SOK_DROP_NONE);
    assert_true(net_next(&n, SOK_ICMP6_NA, 0));
    assert_memory_equal(n.lab.frame + 62, ours.b, 16);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, ours, NULL), SOK_ADDR_USED);
    sok_nd_na_hdr_put(p, &na);
    n.from = net_addr("fe80::9");
    n.to = net_addr("ff02::1");
    assert_int_equal(net_deliver(&n, p, sizeof(p)), SOK_DROP_ND_CONFLICT);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, ours, NULL), SOK_ADDR_TAKEN);
    lab_close(&n.lab);
}

// ---- addresses ----

static void makes_an_address(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, 0);
    net_start(&n);
    struct sok_addr hop, source, router = net_addr("fe80::fe");
    net_expect_hop(&n, "2001:db8:9::1", NULL);
    assert_int_equal(net_advertise(&n, "2001:db8:1::", 7200, 3600), SOK_DROP_NONE);
    assert_true(net_next(&n, SOK_ICMP6_NS, 0));
    net_settle(&n, SOK_S);
    struct sok_addr made = net_info(&n)->addr, net = net_addr("2001:db8:1::");
    assert_true(sok_addr_in(made, net, 64));
    assert_true(sok_addr_eq(net_info(&n)->router, router));
    assert_true(net_reaches(&n, "2001:db8:9::1", &hop, &source));
    assert_true(sok_addr_eq(hop, router) && sok_addr_eq(source, made));
    net_expect_hop(&n, "2001:db8:1::77", "2001:db8:1::77"); // the prefix is on the link
    assert_int_equal(n.lab.stack->links[n.lab.link]->ip6_hop_limit, 61);
    assert_int_equal(n.lab.stack->links[n.lab.link]->reachable_ms, 20000);
    // The same again is nothing new; then nothing is heard any more.
    uint32_t changes = net_info(&n)->changes;
    assert_int_equal(net_advertise(&n, "2001:db8:1::", 7200, 3600), SOK_DROP_NONE);
    net_settle(&n, SOK_S);
    assert_int_equal(net_info(&n)->changes, changes);
    net_settle(&n, 3599 * SOK_S);
    struct sok_stack_addr *e = sok_addr_entry(n.lab.stack, n.lab.link, &made);
    assert_true(e && e->deprecated && sok_addr_is_any(net_info(&n)->addr));
    net_expect_hop(&n, "2001:db8:9::1", NULL); // the router's time was half an hour
    net_expect_hop(&n, "2001:db8:1::77", "2001:db8:1::77");
    net_settle(&n, 3600 * SOK_S);
    assert_null(sok_addr_entry(n.lab.stack, n.lab.link, &made));
    net_expect_hop(&n, "2001:db8:1::77", NULL);
    assert_int_equal(sok_stack_addr_state(n.lab.stack, n.lab.link, made, NULL), SOK_ADDR_REMOVED);
    lab_close(&n.lab);
}

// RFC 4862 section 5.5.3 e.
static void two_hours(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    net_advertise(&n, "2001:db8:1::", 100000, 100);
    struct sok_addr a = net_info(&n)->addr;
    assert_int_equal(net_valid_for(&n, &a), 100000);
    net_advertise(&n, "2001:db8:1::", 1, 0);
    assert_int_equal(net_valid_for(&n, &a), 7200);
    assert_true(sok_addr_is_any(net_info(&n)->addr)); // preferred it is no more at once
    net_advertise(&n, "2001:db8:1::", 100, 100);
    assert_int_equal(net_valid_for(&n, &a), 7200);
    net_advertise(&n, "2001:db8:1::", 7201, 100);
    assert_int_equal(net_valid_for(&n, &a), 7201);
    lab_run_to(&n.lab, n.lab.now + 5000 * SOK_S);
    net_advertise(&n, "2001:db8:1::", 1000, 100);
    assert_int_equal(net_valid_for(&n, &a), 2201);
    net_advertise(&n, "2001:db8:1::", 3000, 100);
    assert_int_equal(net_valid_for(&n, &a), 3000);
    net_advertise(&n, "2001:db8:1::", SOK_ND_LIFE_EVER, SOK_ND_LIFE_EVER);
    assert_int_equal(net_valid_for(&n, &a), -1);
    lab_close(&n.lab);
}

static void prefixes_not_used(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    unsigned had = n.lab.stack->addr_count;
    net_advertise(&n, "fe80::", 100, 100);
    net_advertise(&n, "ff0e::", 100, 100);
    net_advertise(&n, "::ffff:0:0", 100, 100);
    net_advertise(&n, "2001:db8:1::", 100, 200); // preferred longer than valid
    net_advertise(&n, "2001:db8:2::", 0, 0);
    net_ra_begin(&n, 1800);
    net_ra_prefix(&n, "2001:db8:3::", 100, 100);
    n.message[SOK_ND_RA_LEN + 2] = 63;
    net_ra_send(&n);
    net_ra_begin(&n, 1800);
    net_ra_prefix(&n, "2001:db8:4::", 100, 100);
    n.message[SOK_ND_RA_LEN + 3] = 0x80; // on the link, not for addresses
    net_ra_send(&n);
    assert_int_equal(n.lab.stack->addr_count, had);
    net_expect_hop(&n, "2001:db8:4::1", "2001:db8:4::1");
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
    net_start(&n);
    net_advertise(&n, "2001:db8:1::", 1000000, 1000000);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 1);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_ROUTER, false), 1);
    assert_true(net_reaches(&n, "2001:db8:9::1", &hop, &first));
    struct sok_stack_addr *e = sok_addr_entry(n.lab.stack, n.lab.link, &first);
    assert_true(e->origin == SOK_ORIGIN_TEMPORARY && e->valid_until - n.lab.now == 3000 * SOK_S);
    assert_in_range(e->preferred_until - n.lab.now, 600 * SOK_S, 1000 * SOK_S);
    assert_false(sok_addr_eq(net_info(&n)->addr, first)); // what is told is the stable one
    lab_run_to(&n.lab, e->preferred_until - SOK_S);       // five seconds before: two of them
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 2);
    lab_run_to(&n.lab, n.lab.now + 2 * SOK_S);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, false), 1);
    assert_int_equal(count_addrs(&n, SOK_ORIGIN_TEMPORARY, true), 1);
    net_advertise(&n, "2001:db8:1::", 1000000, 1000000);
    assert_true(net_reaches(&n, "2001:db8:9::1", &hop, &second));
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

// ---- without memory ----

static void without_memory(void **state)
{
    (void)state;
    for (size_t after = 1; after < 20; after++) {
        struct net n;
        net_open(&n, 0);
        n.lab.memory.fail_after = after;
        sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now);
        net_settle(&n, 3 * SOK_S);
        struct sok_buf *b = sok_buf_new(sok_stack_mem(n.lab.stack), 8); // is there any left?
        if (b) {
            sok_buf_unref(b);
            n.lab.memory.fail_after = 0;
            net_advertise(&n, "2001:db8:1::", 1000, 1000);
        }
        n.lab.memory.fail_after = 0;
        net_settle(&n, 3 * SOK_S);
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
        cmocka_unit_test(makes_an_address),
        cmocka_unit_test(two_hours),
        cmocka_unit_test(prefixes_not_used),
        cmocka_unit_test(temporary),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
