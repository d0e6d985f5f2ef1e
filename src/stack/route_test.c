// Routes by longest prefix, gateways, the source address, what may not be added.
#include "stack/testing.h"

#define GATEWAY 0xc00002feu

struct net {
    struct lab lab;
    uint8_t second; // a second link: 198.51.100.1/24
};

static void net_open(struct net *n)
{
    struct sok_link_info info = {.name = "second", .mtu = 9000, .mac = {2, 0, 0, 0, 0, 3}};
    lab_open(&n->lab);
    int link = sok_stack_link_add(n->lab.stack, &info);
    assert_int_equal(link, 2);
    n->second = (uint8_t)link;
    assert_int_equal(sok_stack_addr_add(n->lab.stack, n->second, sok_addr_v4(0xc6336401), 24), 0);
}

// Where a ping goes: link and next hop (by the ARP request), source.
static void expect(struct net *n, uint32_t to, int err, uint8_t link, uint32_t hop, uint32_t source)
{
    struct sok_echo *e;
    struct sok_addr dst = sok_addr_v4(to);
    assert_int_equal(sok_echo_open(n->lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &dst, 1, "", 0, 0, n->lab.now), err);
    for (uint8_t i = 1; i <= 2; i++) {
        n->lab.link = i;
        assert_int_equal(lab_out(&n->lab), err == 0 && i == link);
        if (n->lab.len == 0)
            continue;
        struct sok_arp_hdr h = lab_arp_out(&n->lab);
        assert_int_equal(h.pdst, hop);
        assert_int_equal(h.psrc, source);
    }
    n->lab.link = 1;
    sok_echo_close(e);
    lab_run_to(&n->lab, n->lab.now + 10 * SOK_S); // forgotten again
    for (uint8_t i = 1; i <= 2; i++) {
        n->lab.link = i;
        while (lab_out(&n->lab))
            ;
    }
    n->lab.link = 1;
}

static void longest_prefix(void **state)
{
    struct net n;
    (void)state;
    net_open(&n);
    struct sok_stack *s = n.lab.stack;
    expect(&n, LAB_PEER, 0, 1, LAB_PEER, LAB_US);
    expect(&n, 0xc6336409, 0, 2, 0xc6336409, 0xc6336401);
    expect(&n, 0xcb007105, SOK_ENETUNREACH, 0, 0, 0);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(GATEWAY), n.lab.link), 0);
    expect(&n, 0xcb007105, 0, 1, GATEWAY, LAB_US);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0xcb007100), 24, sok_addr_v4(0xc63364fe), n.second), 0);
    expect(&n, 0xcb007105, 0, 2, 0xc63364fe, 0xc6336401);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0xcb007105), 32, sok_addr_v4(GATEWAY), n.lab.link), 0);
    expect(&n, 0xcb007105, 0, 1, GATEWAY, LAB_US);
    expect(&n, 0xcb007106, 0, 2, 0xc63364fe, 0xc6336401);
    expect(&n, LAB_PEER, 0, 1, LAB_PEER, LAB_US);
    lab_close(&n.lab);
}

static void source_addresses(void **state)
{
    struct net n;
    struct sok_udp *u;
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    (void)state;
    net_open(&n);
    struct sok_stack *s = n.lab.stack;
    // A second address of the same link: that of the peer's network is taken.
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0xc6120001), 24), 0);
    expect(&n, 0xc6120002, 0, 1, 0xc6120002, 0xc6120001);
    expect(&n, LAB_PEER, 0, 1, LAB_PEER, LAB_US);
    // A chosen source is kept, and decides among equal routes.
    assert_int_equal(sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(GATEWAY), 1), 0);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(0xc63364fe), n.second), 0);
    struct sok_endpoint to = {.addr = sok_addr_v4(0xcb007105), .port = 9};
    struct sok_endpoint from = {.addr = sok_addr_v4(0xc6336401)};
    assert_int_equal(sok_udp_open(s, &from, &u), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, n.lab.now), 1);
    assert_false(lab_out(&n.lab));
    n.lab.link = 2;
    assert_true(lab_out(&n.lab));
    assert_int_equal(lab_arp_out(&n.lab).pdst, 0xc63364fe);
    sok_udp_close(u);
    // Loopback never goes out.
    from.addr = sok_addr_v4(0x7f000001);
    assert_int_equal(sok_udp_open(s, &from, &u), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, n.lab.now), SOK_EADDRNOTAVAIL);
    sok_udp_close(u);
    lab_close(&n.lab);
}

static void what_cannot_be(void **state)
{
    struct lab lab;
    struct sok_addr v6 = {{0x20, 1, 0xd, 0xb8}};
    struct sok_link_info tiny = {.name = "tiny", .mtu = 67};
    (void)state;
    lab_open(&lab);
    struct sok_stack *s = lab.stack;
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(LAB_US), 24), SOK_EADDRINUSE);
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0x7f000005), 8), SOK_EADDRINUSE);
    assert_int_equal(sok_stack_addr_add(s, 2, sok_addr_v4(0xc6120001), 24), SOK_ENODEV);
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0xc6120001), 33), SOK_EINVAL);
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0xe0000001), 24), SOK_EINVAL);
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0xffffffff), 24), SOK_EINVAL);
    assert_int_equal(sok_stack_addr_add(s, 1, sok_addr_v4(0), 24), SOK_EINVAL);
    assert_int_equal(sok_stack_addr_add(s, 1, v6, 129), SOK_EINVAL);
    assert_int_equal(sok_stack_addr_add(s, 1, v6, 64), 0);
    assert_int_equal(sok_stack_addr_add(s, 1, v6, 64), SOK_EADDRINUSE);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(GATEWAY), 7), SOK_ENODEV);
    assert_int_equal(sok_stack_route_add(s, sok_addr_v4(0), 33, sok_addr_v4(0), 1), SOK_EINVAL);
    assert_int_equal(sok_stack_link_add(s, &tiny), SOK_EINVAL);
    assert_int_equal(
        sok_stack_neighbour_add(s, 0, sok_addr_v4(LAB_PEER), lab_peer_mac), SOK_ENODEV);
    static const uint32_t nobody[] = {0, 0xffffffff, LAB_NET_BROADCAST, 0xe0000001, 0xcb007101};
    for (unsigned i = 0; i < 5; i++) {
        struct sok_endpoint to = {.addr = sok_addr_v4(nobody[i]), .port = 80};
        struct sok_tcp_conn *c;
        assert_int_equal(sok_stack_connect(s, NULL, &to, lab.now, &c), SOK_ENETUNREACH);
    }
    assert_null(sok_stack_link(s, 2));
    assert_string_equal(sok_stack_link(s, 1)->name, "lab");
    int added = 0, err;
    for (uint32_t i = 0; i < 300; i++) {
        err = sok_stack_addr_add(s, 1, sok_addr_v4(0xc6120001 + i), 15);
        added += err == 0;
    }
    assert_int_equal(added, SOK_STACK_ADDRS_MAX - 2);
    assert_int_equal(err, SOK_ENOBUFS);
    lab_close(&lab);
}

// A point-to-point network (RFC 3021) has no broadcast address: .1 of a /31 is a host.
static void two_hosts(void **state)
{
    struct net n;
    (void)state;
    net_open(&n);
    assert_int_equal(sok_stack_addr_add(n.lab.stack, 1, sok_addr_v4(0xcb007100), 31), 0);
    expect(&n, 0xcb007101, 0, 1, 0xcb007101, 0xcb007100);
    lab_close(&n.lab);
}

// RFC 8200 section 5.
static void v6_needs_1280(void **state)
{
    struct net n;
    struct sok_addr a = {{0x20, 1, 0xd, 0xb8, [15] = 1}};
    struct sok_link_info info = {.name = "small", .mtu = 1279};
    (void)state;
    net_open(&n);
    int link = sok_stack_link_add(n.lab.stack, &info);
    assert_int_equal(sok_stack_addr_add(n.lab.stack, (uint8_t)link, a, 64), SOK_EAFNOSUPPORT);
    info.mtu = 1280;
    link = sok_stack_link_add(n.lab.stack, &info);
    assert_int_equal(sok_stack_addr_add(n.lab.stack, (uint8_t)link, a, 64), 0);
    lab_close(&n.lab);
}

static void settings(void **state)
{
    struct sok_stack_config c;
    size_t count;
    (void)state;
    sok_stack_config_default(&c);
    assert_true(c.arp_tries == 3 && c.tcp.rto_min == 200 * SOK_MS && c.size == sizeof(c));
    assert_null(sok_stack_config_set(&c, "arp_retry", "250ms"));
    assert_true(c.arp_retry == 250 * SOK_MS);
    assert_null(sok_stack_config_set(&c, "rto_min", "50ms")); // TCP's
    assert_true(c.tcp.rto_min == 50 * SOK_MS);
    assert_non_null(sok_stack_config_set(&c, "arp_tries", "0"));
    assert_non_null(sok_stack_config_set(&c, "arp_tries", "many"));
    assert_non_null(sok_stack_config_set(&c, "no_such", "1"));
    assert_int_equal(c.arp_tries, 3);
    const struct sok_setting *rows = sok_stack_settings(&count);
    for (size_t i = 0; i < count; i++)
        assert_true(rows[i].def >= rows[i].min && rows[i].def <= rows[i].max);
}

// Among routes of one length the least metric; what has gone gives way to the next.
static void metrics(void **state)
{
    struct net n;
    (void)state;
    net_open(&n);
    struct sok_stack *s = n.lab.stack;
    struct sok_addr all = sok_addr_v4(0), other = sok_addr_v4(0xc63364fe);
    assert_int_equal(sok_stack_route_add_metric(s, all, 0, other, n.second, 200), 0);
    assert_int_equal(sok_stack_route_add_metric(s, all, 0, sok_addr_v4(GATEWAY), 1, 100), 0);
    expect(&n, 0xcb007105, 0, 1, GATEWAY, LAB_US);
    assert_int_equal(sok_stack_route_remove(s, all, 0, sok_addr_v4(GATEWAY), 1), 0);
    expect(&n, 0xcb007105, 0, 2, 0xc63364fe, 0xc6336401);
    assert_int_equal(sok_stack_route_remove(s, all, 0, sok_addr_v4(GATEWAY), 1), SOK_ENETUNREACH);
    lab_close(&n.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_prefix),
        cmocka_unit_test(source_addresses),
        cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(two_hosts),
        cmocka_unit_test(metrics),
        cmocka_unit_test(v6_needs_1280),
        cmocka_unit_test(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
