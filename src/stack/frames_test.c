// Packet sockets: what they see, of which link and type; super-frames, VLANs, links without Ethernet; frames
// sent as given and with a header made for them.
#include "base/bpf.h"
#include "stack/testing.h"

static struct sok_frames *open_frames(struct lab *lab, uint16_t type, bool cooked)
{
    struct sok_frames *f;
    assert_int_equal(sok_frames_open(lab->stack, type, cooked, &f), 0);
    return f;
}

static uint8_t got[66000];
static struct sok_frame_addr from;

// Bytes of the next one, in got; SOK_EAGAIN.
static int64_t next(struct lab *lab, struct sok_frames *f)
{
    int64_t at;
    int64_t n = sok_frames_recv(f, got, sizeof(got), &from, &at, lab->now);
    if (n >= 0)
        assert_int_equal(at, lab->now);
    return n;
}

static void expect(struct lab *lab, struct sok_frames *f, const uint8_t *frame, size_t len,
    enum sok_frame_kind kind, uint16_t type)
{
    assert_int_equal(next(lab, f), len);
    assert_memory_equal(got, frame, len);
    assert_int_equal(from.kind, kind);
    assert_int_equal(from.type, type);
    assert_int_equal(from.link, lab->link);
}

static int64_t give(struct lab *lab, struct sok_frames *f, const void *data, size_t len,
    const struct sok_frame_addr *to)
{
    struct sok_iov iov = {data, len};
    return sok_frames_send(f, &iov, 1, to, lab->now);
}

static void received_by_type(void **state)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, other[6] = {2, 9, 9, 9, 9, 9};
    struct lab lab;
    uint8_t arp[64], echo[100], odd[80] = {0};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_frames *all = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    struct sok_frames *arps = open_frames(&lab, SOK_ETHERTYPE_ARP, false);
    struct sok_frames *none = open_frames(&lab, 0, false);
    size_t arp_len = lab_arp(arp, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US);
    lab_in(&lab, arp, arp_len);
    expect(&lab, all, arp, arp_len, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    assert_memory_equal(from.mac, lab_peer_mac, 6);
    expect(&lab, arps, arp, arp_len, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    size_t echo_len = lab_icmp(echo, SOK_ICMP_ECHO, 0, 7, 1, "ping", 4);
    lab_in(&lab, echo, echo_len);
    expect(&lab, all, echo, echo_len, SOK_FRAME_FOR_US, SOK_ETHERTYPE_IP4);
    assert_int_equal(next(&lab, arps), SOK_EAGAIN);

    lab_eth(odd, group, lab_peer_mac, 0x88cc); // of no use to the stack
    lab_in(&lab, odd, sizeof(odd));
    expect(&lab, all, odd, sizeof(odd), SOK_FRAME_MULTICAST, 0x88cc);
    lab_eth(odd, other, lab_peer_mac, 0x88cc);
    lab_in(&lab, odd, sizeof(odd));
    expect(&lab, all, odd, sizeof(odd), SOK_FRAME_FOR_OTHERS, 0x88cc);
    lab_in(&lab, odd, 13); // no frame
    assert_int_equal(next(&lab, all), SOK_EAGAIN);
    assert_int_equal(next(&lab, none), SOK_EAGAIN);

    // What is sent: to those that want every type.
    while (lab_out(&lab)) {
        expect(&lab, all, lab.frame, lab.len, SOK_FRAME_OUTGOING, lab_type(&lab));
        assert_memory_equal(from.mac, lab_mac, 6);
    }
    assert_int_equal(next(&lab, all), SOK_EAGAIN);
    assert_int_equal(next(&lab, arps), SOK_EAGAIN);

    assert_int_equal(sok_frames_bind(all, 7, 3), SOK_ENODEV);
    assert_int_equal(sok_frames_bind(all, 0, 3), 0);
    lab_in(&lab, arp, arp_len);
    assert_int_equal(next(&lab, all), SOK_EAGAIN); // of another link
    assert_int_equal(sok_frames_bind(none, lab.link, SOK_ETHERTYPE_ARP), 0);
    lab_in(&lab, arp, arp_len);
    expect(&lab, none, arp, arp_len, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    sok_stack_link_over(lab.stack, lab.link, lab.now);
    assert_int_equal(sok_frames_error(none), SOK_ELINKDOWN);
    assert_int_equal(sok_frames_error(arps), 0);
    sok_frames_close(none);
    lab_close(&lab);
}

static void sent_as_given(void **state)
{
    static uint8_t large[1515];
    struct lab lab;
    uint8_t frame[64] = {0};
    (void)state;
    lab_open(&lab);
    struct sok_frames *f = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    struct sok_frames *other = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    struct sok_frame_addr to = {.link = lab.link};
    lab_eth(frame, lab_all, lab_peer_mac, 0x88b5); // whoever it is from
    memcpy(frame + 14, "hello", 5);
    assert_int_equal(give(&lab, f, frame, 60, NULL), SOK_ENODEV);
    assert_int_equal(give(&lab, f, frame, 60, &to), 60);
    assert_true(lab_out(&lab));
    assert_int_equal(lab.len, 60);
    assert_memory_equal(lab.frame, frame, 60);
    assert_int_equal(next(&lab, f), SOK_EAGAIN); // its own it does not see
    expect(&lab, other, frame, 60, SOK_FRAME_OUTGOING, 0x88b5);

    assert_int_equal(sok_frames_bind(f, lab.link, SOK_FRAMES_ALL_TYPES), 0);
    assert_int_equal(give(&lab, f, frame, 14, NULL), 14);
    assert_int_equal(give(&lab, f, frame, 13, NULL), SOK_EINVAL);
    assert_int_equal(give(&lab, f, large, 1514, NULL), 1514);
    assert_int_equal(give(&lab, f, large, 1515, NULL), SOK_EMSGSIZE);
    to.link = 9;
    assert_int_equal(give(&lab, f, frame, 60, &to), SOK_ENODEV);
    lab_close(&lab);
}

static void cooked(void **state)
{
    struct lab lab;
    uint8_t echo[100];
    (void)state;
    lab_open(&lab);
    struct sok_frames *f = open_frames(&lab, SOK_ETHERTYPE_IP4, true);
    size_t len = lab_icmp(echo, SOK_ICMP_ECHO, 0, 7, 1, "ping", 4);
    lab_in(&lab, echo, len);
    expect(&lab, f, echo + 14, len - 14, SOK_FRAME_FOR_US, SOK_ETHERTYPE_IP4);
    while (lab_out(&lab))
        ;
    struct sok_frame_addr to = {.link = lab.link, .type = 0x88b5};
    memcpy(to.mac, lab_peer_mac, 6);
    assert_int_equal(sok_frames_bind(f, lab.link, SOK_ETHERTYPE_IP4), 0);
    assert_int_equal(give(&lab, f, "hello", 5, NULL), SOK_EINVAL); // to whom?
    assert_int_equal(give(&lab, f, "hello", 5, &to), 5);
    assert_true(lab_out(&lab));
    uint8_t want[19];
    lab_eth(want, lab_peer_mac, lab_mac, 0x88b5);
    memcpy(want + 14, "hello", 5);
    assert_int_equal(lab.len, 19);
    assert_memory_equal(lab.frame, want, 19);
    lab_close(&lab);
}

// Our TCP as it leaves a link that cuts and sums: one frame, its checksum right.
static void super_frames_are_one(void **state)
{
    static uint8_t data[6000];
    struct sok_stack_config config;
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_config(&config, &lab);
    lab_start(&lab, &config, SOK_LINK_CSUM | SOK_LINK_TSO);
    lab_know_peer(&lab);
    struct sok_frames *f = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    struct sok_tcp_conn *c;
    struct sok_iov iov = {data, sizeof(data)};
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab_out(&lab));
    assert_true(next(&lab, f) > 54);
    uint16_t port = sok_get16(lab.frame + 34);
    uint32_t ack = sok_get32(lab.frame + 38) + 1;
    lab_in(&lab, frame, lab_tcp(frame, 80, port, 5000, ack, SOK_TCP_SYN | SOK_TCP_ACK, "", 0));
    assert_true(next(&lab, f) == 54);
    assert_int_equal(sok_tcp_send(c, &iov, 1, lab.now), sizeof(data));
    bool seen = false;
    struct sok_addr us = sok_addr_v4(LAB_US), peer = sok_addr_v4(LAB_PEER);
    while (lab_out(&lab)) {
        assert_int_equal(next(&lab, f), lab.len);
        assert_int_equal(from.kind, SOK_FRAME_OUTGOING);
        assert_true(lab.meta.csum_partial);
        seen |= lab.len > 1514;
        assert_memory_equal(got, lab.frame, 34);
        assert_memory_equal(got + 54, lab.frame + 54, lab.len - 54);
        assert_true(sok_tcp_verify(got + 34, lab.len - 34, &us, &peer));
    }
    assert_true(seen);
    lab_close(&lab);
}

static void frames_of_a_vlan_are_untagged(void **state)
{
    struct sok_link_info info = {.name = "vlan", .mtu = 1500, .vlan = 7};
    struct sok_stack_config config;
    struct lab lab;
    uint8_t plain[64] = {0}, tagged[68];
    (void)state;
    lab_config(&config, &lab);
    lab_start(&lab, &config, 0);
    memcpy(info.mac, lab_mac, 6);
    lab.link = (uint8_t)sok_stack_link_add(lab.stack, &info);
    struct sok_frames *f = open_frames(&lab, SOK_ETHERTYPE_ARP, false);
    struct sok_frames *all = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    lab_arp(plain, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US);
    memcpy(tagged, plain, 12);
    sok_put32(tagged + 12, 0x81000007);
    memcpy(tagged + 16, plain + 12, 52);
    lab_in(&lab, tagged, sizeof(tagged));
    expect(&lab, f, plain, 64, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    expect(&lab, all, plain, 64, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    tagged[15] = 8; // another's
    lab_in(&lab, tagged, sizeof(tagged));
    lab_in(&lab, plain, sizeof(plain));
    assert_int_equal(next(&lab, all), SOK_EAGAIN);

    struct sok_frames *other = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    struct sok_frame_addr to = {.link = lab.link};
    tagged[15] = 7;
    assert_int_equal(give(&lab, all, plain, 64, &to), 64);
    assert_true(lab_out(&lab));
    assert_int_equal(lab.len, 68);
    assert_memory_equal(lab.frame, tagged, 68);
    expect(&lab, other, plain, 64, SOK_FRAME_OUTGOING, SOK_ETHERTYPE_ARP);
    lab_close(&lab);
}

static void links_without_ethernet(void **state)
{
    struct sok_stack_config config;
    struct lab lab;
    uint8_t echo[100];
    (void)state;
    lab_config(&config, &lab);
    lab_start(&lab, &config, SOK_LINK_IP);
    struct sok_frames *f = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    size_t len = lab_icmp(echo, SOK_ICMP_ECHO, 0, 7, 1, "ping", 4);
    lab_in(&lab, echo + 14, len - 14);
    expect(&lab, f, echo + 14, len - 14, SOK_FRAME_FOR_US, SOK_ETHERTYPE_IP4);
    assert_true(lab_out(&lab));
    expect(&lab, f, lab.frame, lab.len, SOK_FRAME_OUTGOING, SOK_ETHERTYPE_IP4);
    struct sok_frame_addr to = {.link = lab.link};
    assert_int_equal(give(&lab, f, echo + 14, 20, &to), 20);
    assert_true(lab_out(&lab));
    assert_int_equal(lab.len, 20);
    assert_memory_equal(lab.frame, echo + 14, 20);
    lab_close(&lab);
}

static void limits(void **state)
{
    static uint8_t frame[1514];
    struct sok_stack_config config;
    struct lab lab;
    unsigned taken = 0;
    (void)state;
    lab_config(&config, &lab);
    config.raw_queue = 4096;
    config.out_queue_max = 2;
    lab_start(&lab, &config, 0);
    struct sok_frames *f = open_frames(&lab, 0x88b5, false);
    lab_eth(frame, lab_mac, lab_peer_mac, 0x88b5);
    for (unsigned i = 0; i < 5; i++)
        lab_in(&lab, frame, sizeof(frame));
    uint64_t dropped = lab_drops(&lab, SOK_DROP_FRAMES_QUEUE_FULL);
    while (next(&lab, f) == sizeof(frame))
        taken++;
    assert_int_equal(taken, 2);
    assert_int_equal(dropped, 3);

    assert_int_equal(sok_frames_bind(f, lab.link, 0x88b5), 0);
    assert_int_equal(give(&lab, f, frame, 60, NULL), 60);
    assert_int_equal(give(&lab, f, frame, 60, NULL), 60);
    assert_int_equal(give(&lab, f, frame, 60, NULL), SOK_EAGAIN);
    assert_false(((struct sok_sock *)f)->ready & SOK_READY_OUT);
    while (lab_out(&lab))
        ;
    assert_true(((struct sok_sock *)f)->ready & SOK_READY_OUT);
    lab_close(&lab);
}

// The filter sees the frame as the program will, and may want less of it; what is not wanted costs nothing.
static void filtered(void **state)
{
    static const struct sok_bpf_insn arps[] = {
        {0x28, 0, 0, 12}, {0x15, 0, 1, SOK_ETHERTYPE_ARP}, {0x06, 0, 0, 20}, {0x06, 0, 0, 0}};
    static const struct sok_bpf_insn leaving[] = {{0x28, 0, 0, 0xfffff004},
        {0x15, 0, 1, SOK_FRAME_OUTGOING}, {0x06, 0, 0, 262144}, {0x06, 0, 0, 0}};
    struct lab lab;
    uint8_t arp[64], echo[100];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_frames *f = open_frames(&lab, SOK_FRAMES_ALL_TYPES, false);
    assert_int_equal(sok_frames_filter(f, arps, 3), SOK_EINVAL);
    assert_false(sok_frames_is_filtered(f));
    assert_int_equal(sok_frames_filter(f, arps, 4), 0);
    assert_true(sok_frames_is_filtered(f));
    size_t arp_len = lab_arp(arp, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US);
    size_t echo_len = lab_icmp(echo, SOK_ICMP_ECHO, 0, 7, 1, "ping", 4);
    lab_in(&lab, arp, arp_len);
    lab_in(&lab, echo, echo_len);
    expect(&lab, f, arp, 20, SOK_FRAME_BROADCAST, SOK_ETHERTYPE_ARP);
    assert_int_equal(from.whole, arp_len);
    assert_int_equal(next(&lab, f), SOK_EAGAIN);
    assert_int_equal(sok_frames_take_counts(f).frames, 1);
    assert_int_equal(sok_frames_take_counts(f).frames, 0);

    while (lab_out(&lab))
        ;
    assert_int_equal(sok_frames_filter(f, leaving, 4), 0);
    while (next(&lab, f) >= 0)
        ;
    lab_in(&lab, echo, echo_len);
    assert_int_equal(next(&lab, f), SOK_EAGAIN);
    assert_true(lab_out(&lab));
    expect(&lab, f, lab.frame, lab.len, SOK_FRAME_OUTGOING, SOK_ETHERTYPE_IP4);
    sok_frames_incoming(f, true);
    lab_in(&lab, echo, echo_len);
    assert_true(lab_out(&lab));
    assert_int_equal(next(&lab, f), SOK_EAGAIN);

    assert_int_equal(sok_frames_filter(f, NULL, 0), 0);
    lab_in(&lab, echo, echo_len);
    expect(&lab, f, echo, echo_len, SOK_FRAME_FOR_US, SOK_ETHERTYPE_IP4);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(received_by_type),
        cmocka_unit_test(sent_as_given),
        cmocka_unit_test(cooked),
        cmocka_unit_test(super_frames_are_one),
        cmocka_unit_test(frames_of_a_vlan_are_untagged),
        cmocka_unit_test(links_without_ethernet),
        cmocka_unit_test(limits),
        cmocka_unit_test(filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
