// IPv4 link-local addresses (RFC 3927): chosen by the MAC address, probed, given up for others, slowly when many are
// somebody's; and which source is used when there are others.
#include "stack/testing.h"

static void lab_bare(struct lab *lab, uint8_t last)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .mac = {2, 0, 0, 0, 0, last}};
    memset(lab, 0, sizeof(*lab));
    lab_config(&config, lab);
    lab->now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(&config, &lab->stack), 0);
    lab->link = (uint8_t)sok_stack_link_add(lab->stack, &info);
    assert_int_equal(sok_stack_link_local_start(lab->stack, lab->link, lab->now), 0);
}

static uint32_t chosen(struct lab *lab)
{
    return sok_addr_to_v4(sok_stack_link_local(lab->stack, lab->link));
}

static enum sok_addr_news state_of(struct lab *lab)
{
    return sok_stack_addr_state(
        lab->stack, lab->link, sok_stack_link_local(lab->stack, lab->link), NULL);
}

static bool is_probe(const struct lab *lab, uint32_t of)
{
    struct sok_arp_hdr h = lab_arp_out(lab);
    return h.psrc == 0 && h.pdst == of;
}

static void chosen_and_probed(void **state)
{
    struct lab lab, other;
    (void)state;
    lab_bare(&lab, 1);
    uint32_t first = chosen(&lab);
    assert_in_range(first, 0xa9fe0100, 0xa9fefeff);
    assert_int_equal(state_of(&lab), SOK_ADDR_PROBED);
    lab_run_to(&lab, lab.now);
    assert_true(lab_out(&lab) && is_probe(&lab, first));
    lab_run_to(&lab, lab.now + 10 * SOK_MS);
    assert_int_equal(state_of(&lab), SOK_ADDR_USED);
    assert_int_equal(sok_stack_link_local_start(lab.stack, lab.link, lab.now), SOK_EADDRINUSE);
    lab_bare(&other, 2); // another station, another address
    assert_int_not_equal(chosen(&other), first);
    lab_close(&other);
    sok_stack_link_local_stop(lab.stack, lab.link, lab.now);
    assert_int_equal(chosen(&lab), 0);
    lab_close(&lab);
    lab_bare(&lab, 1); // the same one the next time
    assert_int_equal(chosen(&lab), first);
    lab_close(&lab);
}

// Each is somebody's: ten are tried at once, then one a minute.
static void all_taken(void **state)
{
    struct lab lab;
    uint8_t frame[64];
    uint32_t last = 0;
    (void)state;
    lab_bare(&lab, 1);
    for (unsigned i = 0; i < 14; i++) {
        int64_t begun = lab.now;
        while (chosen(&lab) == last || state_of(&lab) != SOK_ADDR_PROBED) {
            assert_true(sok_stack_deadline(lab.stack) <= begun + 61 * SOK_S);
            lab_run_to(&lab, sok_stack_deadline(lab.stack));
        }
        assert_int_equal(lab.now - begun, i <= 10 ? 0 : 60 * SOK_S);
        assert_int_not_equal(chosen(&lab), last);
        last = chosen(&lab);
        lab_in(&lab, frame, lab_arp(frame, lab_all, SOK_ARP_REQUEST, lab_peer_mac, last, last));
        assert_int_equal(state_of(&lab), SOK_ADDR_TAKEN);
        while (lab_out(&lab))
            ;
    }
    lab_close(&lab);
}

static void other_sources_first(void **state)
{
    struct lab lab;
    struct sok_udp *u;
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    struct sok_endpoint far = {.addr = sok_addr_v4(0xcb007101), .port = 9};
    (void)state;
    lab_bare(&lab, 1);
    lab_run_to(&lab, lab.now + 20 * SOK_S);
    struct sok_stack *s = lab.stack;
    assert_int_equal(sok_stack_addr_add(s, lab.link, sok_addr_v4(LAB_US), 24), 0);
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(0xa9fe0001), lab.link), 0);
    while (lab_out(&lab))
        ;
    assert_int_equal(sok_udp_open(s, NULL, &u), 0);
    assert_int_equal(sok_udp_connect(u, &far), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, NULL, lab.now), 1);
    assert_int_equal(sok_addr_to_v4(sok_udp_local(u).addr), chosen(&lab)); // the router's network
    sok_udp_close(u);
    struct sok_addr none = sok_addr_v4(0);
    assert_int_equal(sok_stack_route_remove(s, none, 0, sok_addr_v4(0xa9fe0001), lab.link), 0);
    assert_int_equal(sok_stack_route_add(s, none, 0, none, lab.link), 0); // all of it on the link
    assert_int_equal(sok_udp_open(s, NULL, &u), 0);
    assert_int_equal(sok_udp_connect(u, &far), 0);
    assert_int_equal(sok_addr_to_v4(sok_udp_local(u).addr), LAB_US);
    sok_udp_close(u);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_and_probed),
        cmocka_unit_test(all_taken),
        cmocka_unit_test(other_sources_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
