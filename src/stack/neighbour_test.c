// ARP: asking, retrying, giving up, learning and what is not believed, the bounds.
#include "stack/testing.h"

static struct sok_echo *ping(struct lab *lab, struct sok_echo *e, uint32_t to, uint16_t seq)
{
    struct sok_addr dst = sok_addr_v4(to);
    if (!e)
        assert_int_equal(sok_echo_open(lab->stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &dst, seq, "ping", 4, 0, lab->now), 0);
    return e;
}

static void resolves(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    struct sok_echo *e = ping(&lab, NULL, LAB_PEER, 1);
    ping(&lab, e, LAB_PEER, 2);
    assert_true(lab_out(&lab));
    struct sok_arp_hdr h = lab_arp_out(&lab);
    assert_true(h.op == SOK_ARP_REQUEST && h.psrc == LAB_US && h.pdst == LAB_PEER);
    assert_memory_equal(lab.frame, lab_all, 6);
    assert_memory_equal(h.hwsrc, lab_mac, 6);
    assert_int_equal(lab.len, 42);
    assert_false(lab_out(&lab)); // one request for both
    lab.now += 5 * SOK_MS;
    uint8_t frame[64];
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US));
    for (uint16_t seq = 1; seq <= 2; seq++) {
        assert_true(lab_out(&lab));
        assert_memory_equal(lab.frame, lab_peer_mac, 6);
        assert_int_equal(lab_icmp_out(&lab).seq, seq);
    }
    assert_false(lab_out(&lab));
    assert_true(sok_stack_deadline(lab.stack) == SOK_TIME_NEVER);
    ping(&lab, e, LAB_PEER, 3); // at once now
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).seq, 3);
    lab_close(&lab);
}

static void gives_up(void **state)
{
    struct lab lab;
    struct sok_echo_reply r;
    (void)state;
    lab_open(&lab);
    int64_t start = lab.now;
    struct sok_echo *e = ping(&lab, NULL, 0xc0000209, 7);
    for (int i = 0; i < 3; i++) {
        assert_true(lab.now == start + i * SOK_S);
        assert_true(lab_out(&lab));
        assert_int_equal(lab_arp_out(&lab).pdst, 0xc0000209);
        assert_false(lab_out(&lab));
        assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
        assert_true(sok_stack_deadline(lab.stack) == start + (i + 1) * SOK_S);
        lab_run_to(&lab, start + (i + 1) * SOK_S);
    }
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_int_equal(r.err, SOK_EHOSTUNREACH);
    assert_int_equal(r.seq, 7);
    assert_int_equal(lab_drops(&lab, SOK_DROP_NEIGHBOUR_FAILED), 1);
    assert_false(lab_out(&lab));
    assert_true(sok_stack_deadline(lab.stack) == SOK_TIME_NEVER);
    ping(&lab, e, 0xc0000209, 8); // asked for again
    assert_true(lab_out(&lab));
    lab_arp_out(&lab);
    lab_close(&lab);
}

static void tcp_waits_parked(void **state)
{
    struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab_out(&lab));
    int64_t asked = lab.now;
    lab_run_to(&lab, asked + 1500 * SOK_MS); // longer than the first RTO
    assert_true(lab_out(&lab));
    assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_ARP);
    lab_answer_arp(&lab, lab_peer_mac);
    assert_true(lab_out(&lab));
    struct sok_ip4_hdr ip = lab_ip4_out(&lab);
    assert_int_equal(ip.proto, SOK_IPPROTO_TCP);
    struct sok_addr us = sok_addr_v4(LAB_US), peer = sok_addr_v4(LAB_PEER);
    assert_true(sok_tcp_verify(lab.frame + 34, lab.len - 34, &us, &peer));
    assert_false(lab_out(&lab));
    // The clock of the SYN started when it left.
    assert_true(sok_stack_deadline(lab.stack) == lab.now + SOK_S);
    sok_tcp_abort(c, lab.now);
    lab_close(&lab);
}

static void tcp_is_told(void **state)
{
    struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000209), .port = 80};
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    int64_t start = lab.now;
    int requests = 0;
    for (int i = 0; i <= 3; i++) {
        while (lab_out(&lab))
            requests += lab_type(&lab) == SOK_ETHERTYPE_ARP;
        lab_run_to(&lab, start + (i + 1) * SOK_S);
    }
    assert_int_equal(requests, 3);
    assert_int_equal(sok_tcp_error(c), SOK_EHOSTUNREACH);
    sok_tcp_close(c, lab.now);
    lab_close(&lab);
}

static void only_the_latest_wait(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    (void)state;
    lab_config(&config, &lab);
    config.arp_queue_max = 16;
    lab_start(&lab, &config, 0);
    struct sok_echo *e = NULL;
    for (uint16_t seq = 0; seq < 20; seq++)
        e = ping(&lab, e, LAB_PEER, seq);
    assert_int_equal(lab_drops(&lab, SOK_DROP_NEIGHBOUR_QUEUE), 4);
    assert_true(lab_out(&lab));
    lab_answer_arp(&lab, lab_peer_mac);
    for (uint16_t seq = 4; seq < 20; seq++) {
        assert_true(lab_out(&lab));
        assert_int_equal(lab_icmp_out(&lab).seq, seq);
    }
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

static void answers(void **state)
{
    struct lab lab;
    uint8_t frame[64];
    (void)state;
    lab_open(&lab);
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US));
    assert_true(lab_out(&lab));
    struct sok_arp_hdr h = lab_arp_out(&lab);
    assert_int_equal(h.op, SOK_ARP_REPLY);
    assert_true(h.psrc == LAB_US && h.pdst == LAB_PEER);
    assert_memory_equal(h.hwsrc, lab_mac, 6);
    assert_memory_equal(h.hwdst, lab_peer_mac, 6);
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    ping(&lab, NULL, LAB_PEER, 1); // who asks us is known
    assert_true(lab_out(&lab));
    lab_icmp_out(&lab);
    // A probe is answered, and not learned from.
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, lab_peer_mac, 0, LAB_US));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_arp_out(&lab).pdst, 0);
    // Others' addresses are their business.
    lab_in(
        &lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US + 9));
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

static void does_not_believe(void **state)
{
    struct lab lab;
    uint8_t frame[64];
    const uint8_t evil[6] = {2, 0, 0, 0, 0, 66}, group[6] = {3, 0, 0, 0, 0, 1}, none[6] = {0};
    (void)state;
    lab_open(&lab);
    // An unsolicited reply makes nobody known.
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, LAB_PEER, LAB_US));
    struct sok_echo *e = ping(&lab, NULL, LAB_PEER, 1);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_ARP);
    // While asking, a gratuitous claim changes nothing.
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REPLY, evil, LAB_PEER, LAB_PEER));
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, evil, LAB_PEER, LAB_PEER));
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REPLY, evil, LAB_PEER, LAB_US));
    assert_false(lab_out(&lab));
    // Senders that cannot be.
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, group, LAB_PEER, LAB_US));
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, none, LAB_PEER, LAB_US));
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, lab_mac, LAB_PEER, LAB_US));
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, LAB_NET_BROADCAST, LAB_US));
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, 0xe0000001, LAB_US));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ARP_MALFORMED), 5);
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, LAB_US, LAB_US));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ARP_CONFLICT), 1);
    // Not of this network.
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, 0xcb007101, LAB_US));
    assert_false(lab_out(&lab));
    // The answer to our question.
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US));
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    // Who is known may move.
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, evil, LAB_PEER, LAB_PEER));
    ping(&lab, e, LAB_PEER, 2);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, evil, 6);
    lab_close(&lab);
}

static void old_answers_are_checked(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    struct sok_echo *e = ping(&lab, NULL, LAB_PEER, 1);
    assert_true(lab_out(&lab));
    lab_answer_arp(&lab, lab_peer_mac);
    assert_true(lab_out(&lab));
    lab_run_to(&lab, lab.now + 31 * SOK_S);
    assert_false(lab_out(&lab)); // not while unused
    ping(&lab, e, LAB_PEER, 2);
    assert_true(lab_out(&lab)); // asked directly, and used meanwhile
    assert_int_equal(lab_arp_out(&lab).op, SOK_ARP_REQUEST);
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).seq, 2);
    for (int i = 0; i < 3; i++) {
        lab_run_to(&lab, lab.now + SOK_S);
        assert_int_equal(lab_out(&lab), i < 2);
    }
    ping(&lab, e, LAB_PEER, 3); // gone: everybody is asked
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_all, 6);
    lab_close(&lab);
}

static void fixed_ones(void **state)
{
    struct lab lab;
    uint8_t frame[64];
    const uint8_t evil[6] = {2, 0, 0, 0, 0, 66};
    (void)state;
    lab_open(&lab);
    struct sok_echo *e = ping(&lab, NULL, LAB_PEER, 1);
    lab_know_peer(&lab); // while it is being asked for
    assert_true(lab_out(&lab));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).seq, 1);
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, evil, LAB_PEER, LAB_US));
    lab_run_to(&lab, lab.now + 3600 * SOK_S);
    ping(&lab, e, LAB_PEER, 2);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

// A hundred thousand strangers ask us; memory is bounded and who we talk to stays known.
static void many_strangers(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    uint8_t frame[64];
    (void)state;
    lab_config(&config, &lab);
    config.arp_table_max = 100;
    lab_start(&lab, &config, 0);
    assert_int_equal(sok_stack_addr_add(lab.stack, 1, sok_addr_v4(0xc6120001), 15), 0);
    struct sok_echo *e = ping(&lab, NULL, LAB_PEER, 1);
    assert_true(lab_out(&lab));
    lab_answer_arp(&lab, lab_peer_mac);
    assert_true(lab_out(&lab));
    size_t most = lab.memory.bytes + 100 * 512;
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t mac[6] = {2, 1, 0, 0, 0, 0};
        sok_put32(mac + 2, i);
        lab_in(
            &lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, mac, 0xc6120002 + i, 0xc6120001));
        assert_true(lab_out(&lab));
        assert_true(lab.memory.bytes <= most);
        assert_false(lab_out(&lab));
        if (i % 1000 == 0) {
            ping(&lab, e, LAB_PEER, 1);
            assert_true(lab_out(&lab));
            lab_icmp_out(&lab);
            assert_null(sok_stack_check(lab.stack));
        }
    }
    lab_close(&lab);
}

// Pinged from ten thousand addresses that do not exist: the questions we ask are bounded, and a connection
// attempt that waits is not the one that has to go.
static void many_who_do_not_answer(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    uint8_t frame[128];
    (void)state;
    lab_config(&config, &lab);
    config.arp_table_max = 50;
    lab_start(&lab, &config, 0);
    assert_int_equal(sok_stack_addr_add(lab.stack, 1, sok_addr_v4(0xc6120001), 15), 0);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab_out(&lab));
    size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 1, 1, "0123456789", 10);
    for (uint32_t i = 0; i < 10000; i++) {
        lab_set_addrs(frame, 0xc6120002 + i, 0xc6120001);
        lab_in(&lab, frame, len);
        while (lab_out(&lab))
            assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_ARP);
        assert_true(lab.memory.bytes < 200000);
    }
    assert_null(sok_stack_check(lab.stack));
    lab_in(&lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_ip4_out(&lab).proto, SOK_IPPROTO_TCP);
    sok_tcp_abort(c, lab.now);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(gives_up),
        cmocka_unit_test(tcp_waits_parked),
        cmocka_unit_test(tcp_is_told),
        cmocka_unit_test(only_the_latest_wait),
        cmocka_unit_test(answers),
        cmocka_unit_test(does_not_believe),
        cmocka_unit_test(old_answers_are_checked),
        cmocka_unit_test(fixed_ones),
        cmocka_unit_test(many_strangers),
        cmocka_unit_test(many_who_do_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
