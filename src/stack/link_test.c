// What links have in front of an IP packet: VLAN tags (IEEE 802.1Q), or nothing at all.
#include "stack/testing.h"
#include "wire/vlan.h"

#define VLAN 5

static void open_link(struct lab *lab, uint32_t caps, uint16_t vlan)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = caps, .vlan = vlan};
    lab_config(&config, lab);
    config.events = true;
    if (!(caps & SOK_LINK_IP))
        memcpy(info.mac, lab_mac, 6);
    lab->now = 1000 * SOK_S;
    lab->link = 1;
    assert_int_equal(sok_stack_new(&config, &lab->stack), 0);
    assert_int_equal(sok_stack_link_add(lab->stack, &info), 1);
    assert_int_equal(sok_stack_addr_add(lab->stack, 1, sok_addr_v4(LAB_US), 24), 0);
}

// The frame with a tag put into it; its new length.
static size_t tag(uint8_t *frame, size_t len, uint16_t vlan)
{
    struct sok_vlan_hdr h = {.prio = 3, .vlan = vlan, .type = sok_get16(frame + 12)};
    memmove(frame + 18, frame + 14, len - 14);
    sok_put16(frame + 12, SOK_ETHERTYPE_VLAN);
    sok_vlan_hdr_put(frame + 14, &h);
    return len + 4;
}

// Takes the tag off the last frame out, which must be there.
static void untag(struct lab *lab)
{
    struct sok_vlan_hdr h;
    assert_true(lab->len >= 18);
    assert_int_equal(lab_type(lab), SOK_ETHERTYPE_VLAN);
    sok_vlan_hdr_get(lab->frame + 14, &h);
    assert_int_equal(h.vlan, VLAN);
    sok_put16(lab->frame + 12, h.type);
    memmove(lab->frame + 14, lab->frame + 18, lab->len - 18);
    lab->len -= 4;
}

static void vlan_packets(void **state)
{
    struct lab lab;
    uint8_t frame[300];
    (void)state;
    open_link(&lab, 0, VLAN);
    size_t len = tag(frame, lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4), VLAN);
    lab_in(&lab, frame, len);
    assert_true(lab_out(&lab)); // asks for the neighbour
    untag(&lab);
    assert_int_equal(lab_arp_out(&lab).pdst, LAB_PEER);
    len = lab_arp(frame, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US);
    lab_in(&lab, frame, tag(frame, len, VLAN));
    assert_true(lab_out(&lab));
    untag(&lab);
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    assert_int_equal(lab_icmp_out(&lab).type, SOK_ICMP_ECHO_REPLY);
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

static void other_vlans(void **state)
{
    struct lab lab;
    uint8_t frame[300];
    (void)state;
    open_link(&lab, 0, VLAN);
    lab_know_peer(&lab);
    static const uint16_t others[] = {0, 1, 4, 6, 4095};
    for (unsigned i = 0; i < 5; i++) {
        size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4);
        lab_in(&lab, frame, tag(frame, len, others[i]));
        assert_false(lab_out(&lab));
        assert_int_equal(lab_drops(&lab, SOK_DROP_ETH_VLAN), i + 1);
    }
    lab_in(&lab, frame, lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4)); // no tag
    for (size_t len = 14; len < 18; len++) {                                 // cut tags
        tag(frame, lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4), VLAN);
        lab_in(&lab, frame, len);
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_ETH_VLAN), 10);
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

// A frame that has a priority and no VLAN is one without a tag.
static void priority_alone(void **state)
{
    struct lab lab;
    uint8_t frame[300];
    (void)state;
    open_link(&lab, 0, 0);
    lab_know_peer(&lab);
    lab_in(&lab, frame, tag(frame, lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4), 0));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).type, SOK_ICMP_ECHO_REPLY);
    lab_in(&lab, frame, tag(frame, lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4), VLAN));
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

// A connection to the peer, opened; the last frame out is the ACK of the handshake, from the IP header on.
static struct sok_tcp_conn *connect_peer(struct lab *lab, uint32_t head, uint32_t *iss)
{
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    struct sok_tcp_conn *c;
    uint8_t frame[300];
    struct sok_tcp_hdr h;
    assert_int_equal(sok_stack_connect(lab->stack, NULL, &to, lab->now, &c), 0);
    assert_true(lab_out(lab));
    sok_tcp_hdr_get(lab->frame + head + 20, &h);
    assert_int_equal(h.flags, SOK_TCP_SYN);
    *iss = h.seq;
    size_t len = lab_tcp(frame, 80, h.sport, 1000, h.seq + 1, SOK_TCP_SYN | SOK_TCP_ACK, "", 0);
    if (head == 18)
        len = tag(frame, len, VLAN);
    lab_in(lab, head == 0 ? frame + 14 : frame, head == 0 ? len - 14 : len);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_ESTABLISHED);
    assert_true(lab_out(lab));
    return c;
}

// All that a link may do itself, and all that it may not: the right headers, the right sums.
static void tcp_over(uint32_t caps, uint16_t vlan, uint32_t head)
{
    static uint8_t data[5000];
    struct sok_iov iov = {data, 5000};
    struct lab lab;
    uint32_t iss, at = 0;
    open_link(&lab, caps, vlan);
    if (head)
        lab_know_peer(&lab);
    struct sok_tcp_conn *c = connect_peer(&lab, head, &iss);
    assert_int_equal(sok_tcp_send(c, &iov, 1, lab.now), 5000);
    while (at < 5000 && lab_out(&lab)) {
        struct sok_ip4_hdr ip = {0};
        struct sok_tcp_hdr h;
        struct sok_addr src = sok_addr_v4(LAB_US), dst = sok_addr_v4(LAB_PEER);
        if (lab.meta.csum_partial) {
            assert_int_equal(lab.meta.csum_start, head + 20);
            sok_frame_complete(lab.frame, lab.len, &lab.meta);
        }
        if (vlan)
            untag(&lab);
        const uint8_t *p = lab.frame + (head ? 14 : 0);
        uint32_t len = lab.len - (head ? 14 : 0);
        assert_true(sok_ip4_get(p, len, &ip));
        assert_true(sok_ip4_verify(p, 20) && ip.len == len && ip.flags == SOK_IP4_DF);
        assert_true(sok_tcp_verify(p + 20, len - 20, &src, &dst));
        sok_tcp_hdr_get(p + 20, &h);
        assert_int_equal(h.seq, iss + 1 + at);
        at += len - 20 - 4u * h.dataofs;
        assert_int_equal(lab.meta.gso, caps & SOK_LINK_TSO ? SOK_GSO_TCP4 : SOK_GSO_NONE);
    }
    assert_int_equal(at, 5000);
    struct sok_event e;
    while (sok_stack_event(lab.stack, &e))
        if (e.kind == SOK_EVENT_IN || e.kind == SOK_EVENT_OUT)
            assert_int_equal(e.packet.bare, head == 0);
    sok_tcp_abort(c, lab.now);
    lab_close(&lab);
}

static void tcp_everywhere(void **state)
{
    static const uint32_t caps[] = {0, SOK_LINK_CSUM, SOK_LINK_CSUM | SOK_LINK_TSO};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        tcp_over(caps[i], 0, 14);
        tcp_over(caps[i], VLAN, 18);
        tcp_over(caps[i] | SOK_LINK_IP, 0, 0);
    }
}

static void no_ethernet(void **state)
{
    struct lab lab;
    uint8_t frame[300];
    struct sok_icmp_hdr h;
    (void)state;
    open_link(&lab, SOK_LINK_IP, 0);
    size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "data", 4);
    lab_in(&lab, frame + 14, len - 14);
    assert_true(lab_out(&lab)); // nobody is asked for
    assert_int_equal(lab.len, len - 14);
    assert_int_equal(lab.frame[0], 0x45);
    sok_icmp_hdr_get(lab.frame + 20, &h);
    assert_int_equal(h.type, SOK_ICMP_ECHO_REPLY);
    assert_false(lab_out(&lab));
    frame[14] = 0x50;
    lab_in(&lab, frame + 14, len - 14); // neither IPv4 nor IPv6
    lab_in(&lab, frame, 0);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_VERSION), 1);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_SHORT), 1);
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

static void refused(void **state)
{
    struct lab lab;
    struct sok_link_info info = {.name = "x", .mtu = 1500, .vlan = 4095};
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_stack_link_add(lab.stack, &info), SOK_EINVAL);
    info.vlan = 5;
    info.caps = SOK_LINK_IP;
    assert_int_equal(sok_stack_link_add(lab.stack, &info), SOK_EINVAL);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vlan_packets),
        cmocka_unit_test(other_vlans),
        cmocka_unit_test(priority_alone),
        cmocka_unit_test(tcp_everywhere),
        cmocka_unit_test(no_ethernet),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
