// Address conflict detection (RFC 5227) under virtual time: who asks, who gives way, what is sent and what not.
#include "stack/testing.h"

static void open_shared(struct lab *lab, int64_t early)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500};
    memcpy(info.mac, lab_mac, 6);
    lab_config(&config, lab);
    config.acd_early = early;
    lab->now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(&config, &lab->stack), 0);
    lab->link = (uint8_t)sok_stack_link_add(lab->stack, &info);
}

static void claim(struct lab *lab)
{
    assert_int_equal(
        sok_stack_addr_claim(lab->stack, lab->link, sok_addr_v4(LAB_US), 24, lab->now), 0);
}

static enum sok_addr_news state_of(struct lab *lab, uint8_t mac[6])
{
    return sok_stack_addr_state(lab->stack, lab->link, sok_addr_v4(LAB_US), mac);
}

// Time goes on until a frame leaves; false: none until then.
static bool next_frame(struct lab *lab, int64_t until)
{
    while (!lab_out(lab)) {
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return false;
        }
        lab_run_to(lab, due);
    }
    return true;
}

static void claimed_by(struct lab *lab, const uint8_t mac[6])
{
    uint8_t frame[64];
    lab_in(lab, frame, lab_arp(frame, lab_all, SOK_ARP_REPLY, mac, LAB_US, LAB_US));
}

static void probes_then_announces(void **state)
{
    struct lab lab;
    (void)state;
    open_shared(&lab, 0);
    int64_t start = lab.now, last = 0;
    claim(&lab);
    for (int i = 0; i < 3; i++) {
        assert_true(next_frame(&lab, INT64_MAX - 1));
        struct sok_arp_hdr h = lab_arp_out(&lab);
        assert_memory_equal(lab.frame, lab_all, 6);
        assert_true(h.op == SOK_ARP_REQUEST && h.psrc == 0 && h.pdst == LAB_US);
        assert_memory_equal(h.hwsrc, lab_mac, 6);
        assert_int_equal(state_of(&lab, NULL), SOK_ADDR_PROBED);
        if (i == 0)
            assert_true(lab.now - start <= 100 * SOK_MS);
        else
            assert_true(lab.now - last >= SOK_S && lab.now - last <= 2 * SOK_S);
        last = lab.now;
    }
    for (int i = 0; i < 2; i++) {
        assert_true(next_frame(&lab, INT64_MAX - 1));
        struct sok_arp_hdr h = lab_arp_out(&lab);
        assert_true(h.op == SOK_ARP_REQUEST && h.psrc == LAB_US && h.pdst == LAB_US);
        assert_int_equal(state_of(&lab, NULL), SOK_ADDR_USED);
        assert_true(lab.now - last == 2 * SOK_S);
        last = lab.now;
    }
    assert_false(next_frame(&lab, lab.now + 3600 * SOK_S));
    assert_true(sok_stack_deadline(lab.stack) == SOK_TIME_NEVER);
    lab_close(&lab);
}

static void used_early(void **state)
{
    struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    (void)state;
    open_shared(&lab, 300 * SOK_MS);
    claim(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), SOK_ENETUNREACH);
    assert_true(next_frame(&lab, lab.now + SOK_S));
    lab_run_to(&lab, lab.now + 299 * SOK_MS);
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_PROBED);
    lab_run_to(&lab, lab.now + SOK_MS);
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_USED);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    // Somebody who comes later and probes is told; he gives way, not we.
    uint8_t frame[64];
    while (lab_out(&lab))
        ;
    lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, lab_peer_mac, 0, LAB_US));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_arp_out(&lab).op, SOK_ARP_REPLY);
    // The owner who was asleep gets it at once, before we have announced anything.
    claimed_by(&lab, lab_peer_mac);
    uint8_t mac[6] = {0};
    assert_int_equal(state_of(&lab, mac), SOK_ADDR_TAKEN);
    assert_memory_equal(mac, lab_peer_mac, 6);
    assert_int_equal(sok_tcp_error(c), SOK_EABORTED);
    assert_false(next_frame(&lab, lab.now + 3600 * SOK_S)); // not even a reset
    sok_tcp_close(c, lab.now);
    lab_close(&lab);
}

static void lost_while_probing(struct lab *lab, size_t len, uint8_t *frame)
{
    uint8_t mac[6] = {0};
    claim(lab);
    assert_true(next_frame(lab, lab->now + SOK_S));
    lab_in(lab, frame, len);
    assert_int_equal(state_of(lab, mac), SOK_ADDR_TAKEN);
    assert_memory_equal(mac, lab_peer_mac, 6);
    assert_false(next_frame(lab, lab->now + 3600 * SOK_S));
    lab_close(lab);
}

static void gives_way_while_probing(void **state)
{
    struct lab lab;
    uint8_t f[64];
    (void)state;
    open_shared(&lab, 300 * SOK_MS);
    lost_while_probing(&lab, lab_arp(f, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_US, 0), f);
    open_shared(&lab, 0);
    lost_while_probing(&lab, lab_arp(f, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_US, 9), f);
    open_shared(&lab, 0); // another one who probes at the same time
    lost_while_probing(&lab, lab_arp(f, lab_all, SOK_ARP_REQUEST, lab_peer_mac, 0, LAB_US), f);
}

static void is_not_fooled(void **state)
{
    struct lab lab;
    uint8_t f[64];
    (void)state;
    open_shared(&lab, 0);
    claim(&lab);
    assert_true(next_frame(&lab, lab.now + SOK_S));
    lab_in(&lab, f, lab_arp(f, lab_all, SOK_ARP_REQUEST, lab_mac, 0, LAB_US)); // our own, come back
    lab_in(&lab, f, lab_arp(f, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US));
    assert_false(lab_out(&lab)); // it is not ours to answer for
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_PROBED);
    lab_close(&lab);
}

static void defends_once(void **state)
{
    struct lab lab;
    (void)state;
    open_shared(&lab, 0);
    claim(&lab);
    while (next_frame(&lab, lab.now + 60 * SOK_S))
        ;
    claimed_by(&lab, lab_peer_mac);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ARP_CONFLICT), 1);
    assert_true(lab_out(&lab));
    struct sok_arp_hdr h = lab_arp_out(&lab);
    assert_true(h.psrc == LAB_US && h.pdst == LAB_US);
    lab_run_to(&lab, lab.now + 11 * SOK_S); // long ago is forgotten
    claimed_by(&lab, lab_peer_mac);
    assert_true(lab_out(&lab));
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_USED);
    lab_run_to(&lab, lab.now + 9 * SOK_S);
    claimed_by(&lab, lab_peer_mac);
    assert_false(lab_out(&lab));
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_TAKEN);
    lab_close(&lab);
}

static void not_where_nobody_is(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = SOK_LINK_POINT};
    (void)state;
    lab_config(&config, &lab);
    lab.now = 0;
    assert_int_equal(sok_stack_new(&config, &lab.stack), 0);
    lab.link = (uint8_t)sok_stack_link_add(lab.stack, &info);
    claim(&lab);
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_USED);
    assert_false(lab_out(&lab));
    assert_int_equal(
        sok_stack_addr_claim(lab.stack, lab.link, sok_addr_v4(LAB_US), 24, 0), SOK_EADDRINUSE);
    assert_int_equal(sok_stack_addr_remove(lab.stack, lab.link, sok_addr_v4(LAB_US), 0), 0);
    assert_int_equal(state_of(&lab, NULL), SOK_ADDR_REMOVED);
    assert_int_equal(
        sok_stack_addr_remove(lab.stack, lab.link, sok_addr_v4(LAB_US), 0), SOK_EADDRNOTAVAIL);
    lab_close(&lab);
}

// What waits for a neighbour does not leave from an address that has been lost meanwhile.
static void nothing_more_is_sent(void **state)
{
    struct lab lab;
    struct sok_echo *e;
    struct sok_addr peer = sok_addr_v4(LAB_PEER);
    uint8_t f[64];
    (void)state;
    open_shared(&lab, 300 * SOK_MS);
    claim(&lab);
    lab_run_to(&lab, lab.now + 500 * SOK_MS);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &peer, 1, "ping", 4, 0, lab.now), 0);
    while (lab_out(&lab))
        ;
    claimed_by(&lab, lab_peer_mac);
    lab_in(&lab, f, lab_arp(f, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US));
    while (lab_out(&lab))
        if (lab_type(&lab) == SOK_ETHERTYPE_ARP)
            assert_int_not_equal(lab_arp_out(&lab).psrc, LAB_US);
        else
            fail();
    sok_echo_close(e);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_then_announces),
        cmocka_unit_test(used_early),
        cmocka_unit_test(gives_way_while_probing),
        cmocka_unit_test(is_not_fooled),
        cmocka_unit_test(defends_once),
        cmocka_unit_test(not_where_nobody_is),
        cmocka_unit_test(nothing_more_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
