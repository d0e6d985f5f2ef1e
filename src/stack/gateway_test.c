// Gateways that do not answer: another is taken, all in turn when none answers, and the first again when it is there.
#include "stack/testing6.h"

static const uint8_t a_mac[6] = {2, 0, 0, 0, 0, 0xa}, b_mac[6] = {2, 0, 0, 0, 0, 0xb};
static const struct sok_addr router_a = {{LAB6_PREFIX, [15] = 0xa}},
                             router_b = {{LAB6_PREFIX, [15] = 0xb}},
                             far = {{LAB6_PREFIX, 0, 1, [15] = 9}};

static void add_route(struct lab *lab, const struct sok_addr *gateway, uint32_t metric)
{
    struct sok_addr any = {{0}};
    assert_int_equal(
        sok_stack_route_add_metric(lab->stack, any, 0, *gateway, lab->link, metric), 0);
}

static void open_two(struct lab *lab)
{
    lab6_open(lab);
    add_route(lab, &router_a, 1);
    add_route(lab, &router_b, 2);
}

static struct sok_echo *ping(struct lab *lab, struct sok_echo *e, uint16_t seq)
{
    if (!e)
        assert_int_equal(sok_echo_open(lab->stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &far, seq, "ping", 4, 0, lab->now), 0);
    return e;
}

// What came out asks for `router`.
static void expect_ask(struct lab *lab, const struct sok_addr *router)
{
    struct sok_nd_ns_hdr h = {0};
    assert_true(lab6_out(lab));
    assert_int_equal(lab6_icmp_out(lab).type, SOK_ICMP6_NS);
    assert_true(sok_nd_ns_get(lab->frame + LAB6_AT, lab->len - LAB6_AT, &h));
    assert_memory_equal(h.tgt, router->b, 16);
}

static void expect_echo(struct lab *lab, const uint8_t *mac)
{
    assert_true(lab6_out(lab));
    assert_int_equal(lab6_icmp_out(lab).type, SOK_ICMP6_ECHO);
    assert_memory_equal(lab->frame, mac, 6);
}

static void answer(struct lab *lab, const struct sok_addr *router, const uint8_t *mac)
{
    uint8_t p[200];
    struct sok_nd_na_hdr h = {.type = SOK_ICMP6_NA, .S = 1, .O = 1};
    memcpy(h.tgt, router->b, 16);
    sok_nd_na_hdr_put(p + LAB6_AT, &h);
    size_t len = SOK_ND_NA_LEN;
    len += sok_nd_put_link(p + LAB6_AT + len, SOK_ND_OPT_TARGET, mac);
    lab_in(lab, p, lab6_message(p, router, &lab6_us, 255, len));
}

// Nobody answers for it, three times.
static void goes_unanswered(struct lab *lab, const struct sok_addr *router)
{
    int64_t start = lab->now;
    for (int i = 0; i < 3; i++) {
        expect_ask(lab, router);
        assert_false(lab6_out(lab));
        lab_run_to(lab, start + (i + 1) * SOK_S);
    }
    assert_false(lab6_out(lab));
}

static void another_is_taken(void **state)
{
    static struct lab lab;
    (void)state;
    open_two(&lab);
    struct sok_echo *e = ping(&lab, NULL, 1);
    goes_unanswered(&lab, &router_a);
    ping(&lab, e, 2);
    expect_ask(&lab, &router_b);
    answer(&lab, &router_b, b_mac);
    expect_echo(&lab, b_mac);
    assert_null(sok_stack_check(lab.stack));
    lab_close(&lab);
}

// RFC 4861 section 6.3.6: all in turn, and each is asked for as long as any other neighbour.
static void all_in_turn(void **state)
{
    static struct lab lab;
    (void)state;
    open_two(&lab);
    struct sok_echo *e = ping(&lab, NULL, 1);
    goes_unanswered(&lab, &router_a);
    for (int i = 0; i < 3; i++) {
        ping(&lab, e, (uint16_t)(2 + 2 * i));
        goes_unanswered(&lab, &router_b);
        ping(&lab, e, (uint16_t)(3 + 2 * i));
        goes_unanswered(&lab, &router_a);
    }
    lab_close(&lab);
}

// RFC 4191 section 3.2: one request a minute, while something is sent that would have gone there.
static void asked_whether_it_is_back(void **state)
{
    static struct lab lab;
    (void)state;
    open_two(&lab);
    struct sok_echo *e = ping(&lab, NULL, 1);
    goes_unanswered(&lab, &router_a);
    int64_t failed = lab.now;
    assert_int_equal(sok_stack_neighbour_add(lab.stack, lab.link, router_b, b_mac), 0);
    lab_run_to(&lab, failed + 60 * SOK_S - 1);
    ping(&lab, e, 2);
    expect_echo(&lab, b_mac);
    lab_run_to(&lab, failed + 3600 * SOK_S); // nothing is sent, nothing is asked
    assert_false(lab6_out(&lab));
    int64_t asked = lab.now;
    ping(&lab, e, 3);
    expect_ask(&lab, &router_a);
    expect_echo(&lab, b_mac);
    for (int i = 1; i < 60; i++) {
        lab_run_to(&lab, asked + i * SOK_S);
        ping(&lab, e, (uint16_t)(3 + i));
        expect_echo(&lab, b_mac);
        assert_false(lab6_out(&lab));
    }
    lab_run_to(&lab, asked + 61 * SOK_S);
    ping(&lab, e, 70);
    expect_ask(&lab, &router_a);
    expect_echo(&lab, b_mac);
    answer(&lab, &router_a, a_mac);
    ping(&lab, e, 71);
    expect_echo(&lab, a_mac);
    assert_false(lab6_out(&lab));
    lab_close(&lab);
}

// RFC 4191 section 3.2: a longer prefix over one that does not answer is worth less than any that does.
static void reachable_before_longest(void **state)
{
    static struct lab lab;
    (void)state;
    lab6_open(&lab);
    struct sok_addr net = far;
    net.b[15] = 0;
    assert_int_equal(sok_stack_route_add(lab.stack, net, 64, router_a, lab.link), 0);
    add_route(&lab, &router_b, 0);
    assert_int_equal(sok_stack_neighbour_add(lab.stack, lab.link, router_b, b_mac), 0);
    struct sok_echo *e = ping(&lab, NULL, 1);
    goes_unanswered(&lab, &router_a);
    ping(&lab, e, 2);
    expect_echo(&lab, b_mac);
    assert_int_equal(sok_stack_route_remove(lab.stack, net, 64, router_a, lab.link), 0);
    lab_run_to(&lab, lab.now + 100 * SOK_S);
    ping(&lab, e, 3);
    expect_echo(&lab, b_mac);
    assert_false(lab6_out(&lab)); // it is no gateway any more
    assert_null(sok_stack_check(lab.stack));
    lab_close(&lab);
}

// A full table lets a gateway go for want of room, not because it does not answer.
static void no_room_is_no_failure(void **state)
{
    static struct lab lab;
    struct sok_stack_config config;
    (void)state;
    lab_config(&config, &lab);
    config.arp_table_max = 1;
    lab6_open_with(&lab, &config, 0);
    add_route(&lab, &router_a, 1);
    add_route(&lab, &router_b, 2);
    struct sok_echo *e = ping(&lab, NULL, 1);
    expect_ask(&lab, &router_a);
    answer(&lab, &router_a, a_mac);
    expect_echo(&lab, a_mac);
    assert_int_equal(sok_echo_send(e, &lab6_peer, 2, "ping", 4, 0, lab.now), 0);
    expect_ask(&lab, &lab6_peer);
    lab_run_to(&lab, lab.now + 3 * SOK_S);
    while (lab6_out(&lab))
        continue;
    ping(&lab, e, 3);
    expect_ask(&lab, &router_a);
    lab_close(&lab);
}

// RFC 1122 section 3.3.1.4: of IPv4 as well.
static void by_arp(void **state)
{
    static struct lab lab;
    struct sok_echo *e;
    (void)state;
    lab_open(&lab);
    struct sok_addr a = sok_addr_v4(0xc000020a), b = sok_addr_v4(0xc000020b), net = sok_addr_v4(0),
                    to = sok_addr_v4(0xc6336401);
    assert_int_equal(sok_stack_route_add_metric(lab.stack, net, 0, a, lab.link, 1), 0);
    assert_int_equal(sok_stack_route_add_metric(lab.stack, net, 0, b, lab.link, 2), 0);
    assert_int_equal(sok_stack_neighbour_add(lab.stack, lab.link, b, b_mac), 0);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &to, 1, "ping", 4, 0, lab.now), 0);
    lab_run_to(&lab, lab.now + 3 * SOK_S);
    while (lab_out(&lab))
        assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_ARP);
    assert_int_equal(sok_echo_send(e, &to, 2, "ping", 4, 0, lab.now), 0);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_IP4);
    assert_memory_equal(lab.frame, b_mac, 6);
    lab_close(&lab);
}

// Asked also when what would have gone there goes by another link.
static void back_on_another_link(void **state)
{
    static struct lab lab;
    struct sok_link_info info = {.name = "second", .mtu = 1500, .mac = {2, 0, 0, 0, 0, 3}};
    struct sok_echo *e;
    (void)state;
    lab_open(&lab);
    struct sok_addr a = sok_addr_v4(0xc000020a), b = sok_addr_v4(0xc633640b), net = sok_addr_v4(0),
                    to = sok_addr_v4(0xcb007109);
    uint8_t second = (uint8_t)sok_stack_link_add(lab.stack, &info);
    assert_int_equal(sok_stack_addr_add(lab.stack, second, sok_addr_v4(0xc6336401), 24), 0);
    assert_int_equal(sok_stack_route_add_metric(lab.stack, net, 0, a, lab.link, 1), 0);
    assert_int_equal(sok_stack_route_add_metric(lab.stack, net, 0, b, second, 2), 0);
    assert_int_equal(sok_stack_neighbour_add(lab.stack, second, b, b_mac), 0);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &to, 1, "ping", 4, 0, lab.now), 0);
    lab_run_to(&lab, lab.now + 3 * SOK_S);
    while (lab_out(&lab))
        assert_int_equal(lab_type(&lab), SOK_ETHERTYPE_ARP);
    lab_run_to(&lab, lab.now + 61 * SOK_S);
    assert_int_equal(sok_echo_send(e, &to, 2, "ping", 4, 0, lab.now), 0);
    assert_true(lab_out(&lab));
    lab_answer_arp(&lab, a_mac);
    assert_false(lab_out(&lab));
    lab.link = second;
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, b_mac, 6);
    lab.link = 1;
    assert_int_equal(sok_echo_send(e, &to, 3, "ping", 4, 0, lab.now), 0);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, a_mac, 6);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_is_taken),
        cmocka_unit_test(all_in_turn),
        cmocka_unit_test(asked_whether_it_is_back),
        cmocka_unit_test(reachable_before_longest),
        cmocka_unit_test(no_room_is_no_failure),
        cmocka_unit_test(by_arp),
        cmocka_unit_test(back_on_another_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
