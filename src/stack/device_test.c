// Sockets that are bound to a device: what they hear, and where what they send leaves. Two links, whose networks both have
// a peer.
#include "stack/testing.h"

#define SECOND_US    0xc6336401u // 198.51.100.1
#define SECOND_PEER  0xc6336409u
#define FAR          0xcb007105u // no route leads there
#define DEVICE(link) ((uint8_t)((link) + 1))

struct net {
    struct lab lab;
    uint8_t frame[200];
};

static void net_open(struct net *n)
{
    struct sok_link_info info = {.name = "second", .mtu = 1500};
    memcpy(info.mac, lab_mac, 6);
    lab_open(&n->lab);
    assert_int_equal(sok_stack_link_add(n->lab.stack, &info), 2);
    assert_int_equal(sok_stack_addr_add(n->lab.stack, 2, sok_addr_v4(SECOND_US), 24), 0);
    for (uint8_t link = 1; link <= 2; link++) {
        assert_int_equal(
            sok_stack_neighbour_add(n->lab.stack, link, sok_addr_v4(LAB_PEER), lab_peer_mac), 0);
        assert_int_equal(
            sok_stack_neighbour_add(n->lab.stack, link, sok_addr_v4(FAR), lab_peer_mac), 0);
    }
    assert_int_equal(
        sok_stack_neighbour_add(n->lab.stack, 2, sok_addr_v4(SECOND_PEER), lab_peer_mac), 0);
}

static void udp_in(struct net *n, uint8_t link, uint16_t port)
{
    n->lab.link = link;
    lab_in(&n->lab, n->frame, lab_udp(n->frame, 4000, port, "x"));
    n->lab.link = 1;
}

static struct sok_udp *udp_on(struct net *n, uint8_t device, uint16_t port)
{
    struct sok_udp *u;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = port};
    assert_int_equal(sok_udp_open_as(n->lab.stack, &at, sok_bind_on(0, device), &u), 0);
    return u;
}

static bool got(struct net *n, struct sok_udp *u)
{
    char buf[10];
    return sok_udp_recvfrom(u, buf, sizeof(buf), NULL, n->lab.now) == 1;
}

// The link that something leaves on, and its source and destination; 0: nothing does.
static uint8_t leaves(struct net *n, uint32_t src, uint32_t dst)
{
    for (uint8_t link = 1; link <= 2; link++) {
        n->lab.link = link;
        bool one = lab_out(&n->lab);
        n->lab.link = 1;
        if (!one)
            continue;
        struct sok_ip4_hdr ip = lab_ip4_out(&n->lab);
        assert_int_equal(ip.src, src);
        assert_int_equal(ip.dst, dst);
        return link;
    }
    return 0;
}

static void datagrams_in(void **state)
{
    struct net n;
    struct sok_udp *taken;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 7000};
    (void)state;
    net_open(&n);
    struct sok_udp *one = udp_on(&n, DEVICE(1), 7000), *two = udp_on(&n, DEVICE(2), 7000);
    assert_int_equal(sok_udp_open(n.lab.stack, &at, &taken), SOK_EADDRINUSE);
    udp_in(&n, 1, 7000);
    assert_true(got(&n, one) && !got(&n, two));
    udp_in(&n, 2, 7000); // to an address of the other link: the device counts
    assert_true(!got(&n, one) && got(&n, two));
    sok_udp_use_device(two, DEVICE(1));
    udp_in(&n, 2, 7000);
    assert_true(!got(&n, one) && !got(&n, two));
    sok_udp_use_device(two, 0);
    udp_in(&n, 2, 7000);
    assert_true(!got(&n, one) && got(&n, two));
    udp_in(&n, 1, 7000); // the newer one, but for the device
    assert_true(got(&n, one) && !got(&n, two));
    sok_udp_close(one);
    sok_udp_close(two);
    while (leaves(&n, LAB_US, LAB_PEER)) // who was not found was said
        ;
    lab_close(&n.lab);
}

static int64_t send_to(struct net *n, struct sok_udp *u, uint32_t to)
{
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    struct sok_endpoint there = {.addr = sok_addr_v4(to), .port = 9};
    return sok_udp_sendto(u, &iov, 1, &there, n->lab.now);
}

static void datagrams_out(void **state)
{
    struct net n;
    (void)state;
    net_open(&n);
    struct sok_udp *u = udp_on(&n, DEVICE(2), 7000);
    assert_int_equal(send_to(&n, u, SECOND_PEER), 1);
    assert_int_equal(leaves(&n, SECOND_US, SECOND_PEER), 2);
    assert_int_equal(send_to(&n, u, LAB_PEER), 1); // a route leads elsewhere
    assert_int_equal(leaves(&n, SECOND_US, LAB_PEER), 2);
    assert_int_equal(send_to(&n, u, FAR), 1); // none does: as if it were there
    assert_int_equal(leaves(&n, SECOND_US, FAR), 2);
    assert_int_equal(send_to(&n, u, LAB_US), SOK_EHOSTUNREACH); // not of this device
    assert_int_equal(send_to(&n, u, 0x7f000001), SOK_EHOSTUNREACH);
    assert_int_equal(send_to(&n, u, SECOND_US), 1);
    sok_udp_use_device(u, DEVICE(0));
    assert_int_equal(send_to(&n, u, LAB_PEER), SOK_ENETUNREACH);
    assert_int_equal(send_to(&n, u, LAB_US), 1);
    sok_udp_use_device(u, DEVICE(7));
    assert_int_equal(send_to(&n, u, LAB_PEER), SOK_ENODEV);
    sok_udp_use_device(u, 0);
    assert_int_equal(send_to(&n, u, LAB_PEER), 1);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 1);
    assert_int_equal(send_to(&n, u, FAR), SOK_ENETUNREACH);
    sok_udp_close(u);
    lab_run_to(&n.lab, n.lab.now + SOK_S); // what it sent to itself
    lab_close(&n.lab);
}

// What is sent to an address of the device from here is as good as come in there.
static void datagrams_to_ourselves(void **state)
{
    struct net n;
    (void)state;
    net_open(&n);
    struct sok_udp *one = udp_on(&n, DEVICE(1), 7000), *two = udp_on(&n, DEVICE(2), 7000);
    struct sok_udp *sender = udp_on(&n, 0, 7001);
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    struct sok_endpoint there = {.addr = sok_addr_v4(SECOND_US), .port = 7000};
    assert_int_equal(sok_udp_sendto(sender, &iov, 1, &there, n.lab.now), 1);
    lab_run_to(&n.lab, n.lab.now + SOK_MS);
    assert_true(!got(&n, one) && got(&n, two));
    sok_udp_close(one);
    sok_udp_close(two);
    sok_udp_close(sender);
    lab_close(&n.lab);
}

static void syn_in(struct net *n, uint8_t link, uint16_t sport)
{
    n->lab.link = link;
    lab_in(&n->lab, n->frame, lab_tcp(n->frame, sport, 80, 100, 0, SOK_TCP_SYN, "", 0));
    n->lab.link = 1;
}

static uint16_t flags_out(const struct net *n)
{
    struct sok_tcp_hdr h = {0};
    assert_true(sok_tcp_get(n->lab.frame + 34, n->lab.len - 34, &h));
    return h.flags;
}

static void listeners(void **state)
{
    struct net n;
    struct sok_tcp_listener *one, *two, *third;
    struct sok_tcp_conn *c;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 80};
    (void)state;
    net_open(&n);
    struct sok_stack *s = n.lab.stack;
    unsigned on_two = sok_bind_on(0, DEVICE(2));
    assert_int_equal(sok_stack_listen_as(s, &at, 5, on_two, n.lab.now, &two), 0);
    assert_int_equal(sok_stack_listen(s, &at, 5, n.lab.now, &third), SOK_EADDRINUSE);
    syn_in(&n, 1, 4000);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 1);
    assert_true(flags_out(&n) & SOK_TCP_RST);
    // The answer leaves where the device is, though the route leads elsewhere.
    syn_in(&n, 2, 4000);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 2);
    assert_int_equal(flags_out(&n), SOK_TCP_SYN | SOK_TCP_ACK);
    struct sok_tcp_hdr h = {0};
    sok_tcp_get(n.lab.frame + 34, n.lab.len - 34, &h);
    // On the other link the connection's own segment is nobody's.
    size_t len = lab_tcp(n.frame, 4000, 80, 101, h.seq + 1, SOK_TCP_ACK, "", 0);
    lab_in(&n.lab, n.frame, len);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 1);
    assert_true(flags_out(&n) & SOK_TCP_RST);
    assert_int_equal(sok_tcp_accept(two, n.lab.now, &c), SOK_EAGAIN);
    n.lab.link = 2;
    lab_in(&n.lab, n.frame, len);
    n.lab.link = 1;
    assert_int_equal(sok_tcp_accept(two, n.lab.now, &c), 0);
    assert_int_equal(sok_tcp_device(c), DEVICE(2));
    sok_tcp_abort(c, n.lab.now);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 2);
    // One for every device beside it, which the other does not leave anything to; and one for the first.
    unsigned on_one = sok_bind_on(0, DEVICE(1));
    assert_int_equal(sok_stack_listen_as(s, &at, 5, on_one, n.lab.now, &one), 0);
    assert_int_equal(sok_tcp_listener_device(one), DEVICE(1));
    sok_tcp_listener_use_device(one, 0);
    syn_in(&n, 2, 4001);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 2);
    syn_in(&n, 1, 4002);
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 1);
    assert_int_equal(flags_out(&n), SOK_TCP_SYN | SOK_TCP_ACK);
    sok_tcp_listener_close(one, n.lab.now);
    sok_tcp_listener_close(two, n.lab.now);
    lab_close(&n.lab);
}

static void connections(void **state)
{
    struct net n;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    (void)state;
    net_open(&n);
    struct sok_stack *s = n.lab.stack;
    assert_int_equal(sok_stack_connect_on(s, DEVICE(2), NULL, &to, n.lab.now, &c), 0);
    assert_int_equal(leaves(&n, SECOND_US, LAB_PEER), 2);
    assert_int_equal(flags_out(&n), SOK_TCP_SYN);
    sok_tcp_abort(c, n.lab.now);
    assert_int_equal(sok_stack_connect_on(s, DEVICE(9), NULL, &to, n.lab.now, &c), SOK_ENODEV);
    // A link-local address is on the device, or it is none.
    struct sok_addr near = {{0xfe, 0x80, [15] = 9}}, ours = {{0xfe, 0x80, [15] = 1}};
    assert_int_equal(sok_stack_addr_add(s, 2, ours, 64), 0);
    to.addr = near;
    assert_int_equal(sok_stack_connect_on(s, DEVICE(2), NULL, &to, n.lab.now, &c), 0);
    assert_int_equal(sok_tcp_remote(c).zone, DEVICE(2));
    sok_tcp_abort(c, n.lab.now);
    to.zone = DEVICE(1);
    assert_int_equal(sok_stack_connect_on(s, DEVICE(2), NULL, &to, n.lab.now, &c), SOK_EINVAL);
    lab_close(&n.lab);
}

static void raw(void **state)
{
    struct net n;
    struct sok_raw *r;
    char buf[60];
    struct sok_endpoint from, to = {.addr = sok_addr_v4(LAB_PEER)};
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    int64_t at;
    (void)state;
    net_open(&n);
    assert_int_equal(sok_raw_open(n.lab.stack, 102, &r), 0);
    sok_raw_use_device(r, DEVICE(2));
    for (uint8_t link = 1; link <= 2; link++) {
        n.lab.link = link;
        lab_in(&n.lab, n.frame, lab_ip4(n.frame, 102, 4));
        n.lab.link = 1;
        int64_t want = link == 2 ? 24 : SOK_EAGAIN;
        assert_int_equal(sok_raw_recvfrom(r, buf, sizeof(buf), &from, &at, n.lab.now), want);
    }
    assert_int_equal(leaves(&n, LAB_US, LAB_PEER), 1); // what nobody there knew
    assert_int_equal(sok_raw_sendto(r, &iov, 1, &to, n.lab.now), 1);
    assert_int_equal(leaves(&n, SECOND_US, LAB_PEER), 2);
    sok_raw_close(r);
    lab_close(&n.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_in),
        cmocka_unit_test(datagrams_out),
        cmocka_unit_test(datagrams_to_ourselves),
        cmocka_unit_test(listeners),
        cmocka_unit_test(connections),
        cmocka_unit_test(raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
