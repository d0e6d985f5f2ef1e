// What routers say, under virtual time: asked for and believed, their preferences and routes, redirects, name servers;
// and what they should not say.
#include "stack/testing_net.h"
#include <stdio.h>

// ---- asking routers ----

static void asks_ever_less_often(void **state)
{
    struct net n;
    int64_t wait = 4 * SOK_S;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    assert_int_equal(sok_stack_slaac_start(n.lab.stack, n.lab.link, n.lab.now), 0);
    assert_true(net_next(&n, SOK_ICMP6_RS, 0));
    for (unsigned i = 0; i < 14; i++) {
        int64_t last = n.lab.now;
        assert_true(net_next(&n, SOK_ICMP6_RS, 4000 * SOK_S));
        assert_in_range(n.lab.now - last, wait / 2, wait * 3 / 2);
        wait = 2 * (n.lab.now - last) < 3600 * SOK_S ? 2 * (n.lab.now - last) : 3600 * SOK_S;
    }
    net_ra_begin(&n, 0); // an advertisement, but no router
    assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
    assert_true(net_next(&n, SOK_ICMP6_RS, 4000 * SOK_S));
    net_ra_begin(&n, 1800);
    assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
    assert_false(net_next(&n, SOK_ICMP6_RS, 10000 * SOK_S));
    lab_close(&n.lab);
}

// ---- routers ----

static void router_says(struct net *n, const char *from, uint16_t lifetime, enum sok_nd_prf prf)
{
    n->from = net_addr(from);
    net_ra_begin(n, lifetime);
    n->message[5] = (uint8_t)(prf << 3);
    assert_int_equal(net_ra_send(n), SOK_DROP_NONE);
}

static void preferences(void **state)
{
    struct net n;
    struct sok_nd_route_hdr route = {.plen = 48, .prf = SOK_ND_PRF_MEDIUM, .rtlifetime = 600};
    struct sok_addr net = net_addr("2001:db8:5::");
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    net_advertise(&n, "2001:db8:1::", 7200, 3600);
    router_says(&n, "fe80::1", 1000, SOK_ND_PRF_LOW);
    router_says(&n, "fe80::fe", 1000, SOK_ND_PRF_LOW);
    router_says(&n, "fe80::2", 1000, SOK_ND_PRF_MEDIUM);
    net_expect_hop(&n, "2001:db8:9::1", "fe80::2");
    router_says(&n, "fe80::3", 500, SOK_ND_PRF_HIGH);
    net_expect_hop(&n, "2001:db8:9::1", "fe80::3");
    router_says(&n, "fe80::2", 1000, SOK_ND_PRF_RESERVED); // as medium
    lab_run_to(&n.lab, n.lab.now + 501 * SOK_S);
    net_expect_hop(&n, "2001:db8:9::1", "fe80::2");
    router_says(&n, "fe80::2", 0, SOK_ND_PRF_MEDIUM); // no router any more
    net_expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    // Route information (RFC 4191): longer prefixes first, whoever is preferred otherwise.
    n.from = net_addr("fe80::1");
    net_ra_begin(&n, 0);
    n.len += sok_nd_put_route(n.message + n.len, &route, &net);
    assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
    net_expect_hop(&n, "2001:db8:5:9::1", "fe80::1");
    net_expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    route.prf = SOK_ND_PRF_RESERVED; // the option is to be ignored
    route.rtlifetime = 0;
    net_ra_begin(&n, 0);
    n.len += sok_nd_put_route(n.message + n.len, &route, &net);
    net_ra_send(&n);
    net_expect_hop(&n, "2001:db8:5:9::1", "fe80::1");
    lab_run_to(&n.lab, n.lab.now + 601 * SOK_S);
    net_expect_hop(&n, "2001:db8:5:9::1", NULL);
    lab_close(&n.lab);
}

static void mtu(void **state)
{
    static const uint32_t bad[] = {0, 1279, 1501, 100000};
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    for (unsigned i = 0; i < 5; i++) {
        net_ra_begin(&n, 1800);
        n.len += sok_nd_put_mtu(n.message + n.len, i < 4 ? bad[i] : 1400);
        assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
        assert_int_equal(net_info(&n)->mtu, i < 4 ? 0 : 1400);
    }
    net_advertise(&n, "2001:db8:1::", 7200, 3600);
    struct sok_endpoint to = {.addr = net_addr("2001:db8:9::1")};
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
    struct sok_addr t = net_addr(target), d = net_addr(dst);
    n->from = net_addr(from);
    memcpy(h.tgt, t.b, 16);
    memcpy(h.dst, d.b, 16);
    sok_nd_redirect_hdr_put(p, &h);
    return net_deliver(n, p, sizeof(p));
}

static void redirects(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    net_advertise(&n, "2001:db8:1::", 7200, 3600);
    assert_int_equal(
        redirect(&n, "fe80::1", "fe80::7", "2001:db8:9::1"), SOK_DROP_ND_NOT_WANTED); // not the hop
    assert_int_equal(
        redirect(&n, "fe80::fe", "2001:db8::7", "2001:db8:9::1"), SOK_DROP_ND_MALFORMED);
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "ff0e::1"), SOK_DROP_ND_MALFORMED);
    n.hops = 254;
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "2001:db8:9::1"), SOK_DROP_ND_MALFORMED);
    n.hops = 255;
    net_expect_hop(&n, "2001:db8:9::1", "fe80::fe");
    assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", "2001:db8:9::1"), SOK_DROP_NONE);
    net_expect_hop(&n, "2001:db8:9::1", "fe80::7");
    net_expect_hop(&n, "2001:db8:9::2", "fe80::fe");
    assert_int_equal(redirect(&n, "fe80::7", "2001:db8:9::1", "2001:db8:9::1"), SOK_DROP_NONE);
    net_expect_hop(&n, "2001:db8:9::1", "2001:db8:9::1"); // it is on the link
    for (unsigned i = 0; i < 200; i++) {
        char dst[40];
        snprintf(dst, sizeof(dst), "2001:db8:a::%x", i + 1);
        assert_int_equal(redirect(&n, "fe80::fe", "fe80::7", dst), SOK_DROP_NONE);
    }
    assert_true(n.lab.stack->route_count < SOK_ROUTER_REDIRECT_MAX + 8);
    net_expect_hop(&n, "2001:db8:a::c8", "fe80::7");
    net_expect_hop(&n, "2001:db8:a::1", "fe80::fe");
    lab_run_to(&n.lab, n.lab.now + 700 * SOK_S);
    net_expect_hop(&n, "2001:db8:a::c8", "fe80::fe");
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
    struct sok_addr dns[2] = {net_addr("2001:db8::53"), net_addr("fe80::53")};
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    net_ra_begin(&n, 1800);
    n.len += sok_nd_put_rdnss(n.message + n.len, 600, dns, 2);
    n.len += put_search(n.message + n.len, 300, "\7example\3org");
    assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
    assert_int_equal(net_info(&n)->dns_count, 2);
    assert_true(
        sok_addr_eq(net_info(&n)->dns[0], dns[0]) && sok_addr_eq(net_info(&n)->dns[1], dns[1]));
    assert_int_equal(net_info(&n)->search_count, 1);
    assert_string_equal(net_info(&n)->search[0], "example.org");
    uint32_t changes = net_info(&n)->changes;
    assert_int_equal(net_ra_send(&n), SOK_DROP_NONE);
    assert_int_equal(net_info(&n)->changes, changes);
    lab_run_to(&n.lab, n.lab.now + 301 * SOK_S);
    assert_int_equal(net_info(&n)->search_count, 0);
    assert_true(net_info(&n)->changes > changes);
    net_ra_begin(&n, 1800);
    n.len += sok_nd_put_rdnss(n.message + n.len, 0, dns, 1);
    net_ra_send(&n);
    assert_int_equal(net_info(&n)->dns_count, 1);
    assert_true(sok_addr_eq(net_info(&n)->dns[0], dns[1]));
    lab_run_to(&n.lab, n.lab.now + 301 * SOK_S);
    assert_int_equal(net_info(&n)->dns_count, 0);
    for (unsigned i = 0; i < 40; i++) {
        dns[0].b[15] = (uint8_t)i;
        net_ra_begin(&n, 1800);
        n.len += sok_nd_put_rdnss(n.message + n.len, 100, dns, 1);
        net_ra_send(&n);
    }
    assert_int_equal(net_info(&n)->dns_count, SOK_SLAAC_DNS_MAX);
    assert_int_equal(net_info(&n)->dns[0].b[15], 0); // what is known stays
    lab_close(&n.lab);
}

// ---- what is not believed ----

static void bad_advertisements(void **state)
{
    struct net n;
    (void)state;
    net_open(&n, SOK_LINK_POINT);
    net_start(&n);
    n.hops = 254;
    assert_int_equal(net_advertise(&n, "2001:db8:1::", 100, 100), SOK_DROP_ND_MALFORMED);
    n.hops = 255;
    n.from = net_addr("2001:db8::1");
    assert_int_equal(net_advertise(&n, "2001:db8:1::", 100, 100), SOK_DROP_ND_MALFORMED);
    n.from = net_addr("fe80::fe");
    net_ra_begin(&n, 1800);
    net_ra_prefix(&n, "2001:db8:1::", 100, 100);
    n.message[1] = 1;
    assert_int_equal(net_ra_send(&n), SOK_DROP_ND_MALFORMED);
    n.message[1] = 0;
    n.len--;
    assert_int_equal(net_ra_send(&n), SOK_DROP_ND_MALFORMED);
    n.len = 12;
    assert_int_equal(net_ra_send(&n), SOK_DROP_ND_MALFORMED);
    net_ra_begin(&n, 1800);
    net_ra_prefix(&n, "2001:db8:1::", 100, 100);
    n.message[17] = 0; // an option of no length
    assert_int_equal(net_ra_send(&n), SOK_DROP_ND_MALFORMED);
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
    net_start(&n);
    net_advertise(&n, "2001:db8:1::", 100000, 100000);
    struct sok_addr a = net_info(&n)->addr;
    for (unsigned i = 0; i < 3000; i++) {
        struct sok_nd_route_hdr route = {.plen = 64, .rtlifetime = 10000};
        struct sok_addr net = net_addr("2001:db8:f::"), dns = net_addr("2001:db8::5300");
        char prefix[40];
        snprintf(prefix, sizeof(prefix), "2001:db8:%x::", 0x100 + i);
        n.from = net_addr("fe80::");
        sok_put32(n.from.b + 12, i + 1);
        net_ra_begin(&n, 9000);
        net_ra_prefix(&n, prefix, 10000, 10000);
        sok_put16(net.b + 6, (uint16_t)i);
        sok_put16(dns.b + 14, (uint16_t)i);
        n.len += sok_nd_put_route(n.message + n.len, &route, &net);
        n.len += sok_nd_put_rdnss(n.message + n.len, 1000, &dns, 1);
        if (i % 3 == 0) // and anything at all
            for (unsigned k = 16; k < n.len; k++)
                if ((x = x * 6364136223846793005u + 1442695040888963407u) >> 60 == 0)
                    n.message[k] = (uint8_t)(x >> 40);
        net_ra_send(&n);
        while (lab_out(&n.lab))
            ;
        if (i % 100 == 0)
            assert_null(sok_stack_check(n.lab.stack));
    }
    assert_true(n.lab.stack->addr_count <= 1 + SOK_SLAAC_PREFIXES_MAX);
    assert_true(n.lab.stack->route_count <= SOK_ROUTER_ROUTES_MAX + 2);
    assert_true(sok_addr_eq(net_info(&n)->addr, a));
    assert_true(lab_drops(&n.lab, SOK_DROP_ND_LIMIT) > 1000);
    n.from = net_addr("fe80::fe");
    net_advertise(&n, "2001:db8:1::", 100000, 100000);
    assert_true(net_valid_for(&n, &a) == 100000);
    lab_close(&n.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_ever_less_often),
        cmocka_unit_test(preferences),
        cmocka_unit_test(mtu),
        cmocka_unit_test(redirects),
        cmocka_unit_test(name_servers),
        cmocka_unit_test(bad_advertisements),
        cmocka_unit_test(flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
