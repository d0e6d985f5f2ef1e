// Neighbour discovery: asking, answering, what is believed and what not, and whether a neighbour is still there. The
// numbers are those of RFC 4861 sections 7 and 10.
#include "stack/testing6.h"

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};

// A solicitation for `target`, with an option that names `mac` (NULL: none).
static size_t ns(uint8_t *p, const struct sok_addr *src, const struct sok_addr *dst,
    const struct sok_addr *target, const uint8_t *mac, uint8_t hops)
{
    struct sok_nd_ns_hdr h = {.type = SOK_ICMP6_NS};
    memcpy(h.tgt, target->b, 16);
    sok_nd_ns_hdr_put(p + LAB6_AT, &h);
    size_t len = SOK_ND_NS_LEN;
    if (mac)
        len += sok_nd_put_link(p + LAB6_AT + len, SOK_ND_OPT_SOURCE, mac);
    return lab6_message(p, src, dst, hops, len);
}

enum { S = 1, O = 2, R = 4 };

// An advertisement of the peer to us.
static size_t na(uint8_t *p, unsigned flags, const uint8_t *mac)
{
    struct sok_nd_na_hdr h = {
        .type = SOK_ICMP6_NA, .R = !!(flags & R), .S = !!(flags & S), .O = !!(flags & O)};
    memcpy(h.tgt, lab6_peer.b, 16);
    sok_nd_na_hdr_put(p + LAB6_AT, &h);
    size_t len = SOK_ND_NA_LEN;
    if (mac)
        len += sok_nd_put_link(p + LAB6_AT + len, SOK_ND_OPT_TARGET, mac);
    return lab6_message(p, &lab6_peer, &lab6_us, 255, len);
}

static void advertise(struct lab *lab, unsigned flags, const uint8_t *mac)
{
    uint8_t frame[200];
    lab_in(lab, frame, na(frame, flags, mac));
}

static struct sok_echo *ping(struct lab *lab, struct sok_echo *e, uint16_t seq)
{
    if (!e)
        assert_int_equal(sok_echo_open(lab->stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &lab6_peer, seq, "ping", 4, 0, lab->now), 0);
    return e;
}

// What came out is a solicitation for the peer: to its group, or (mac) to itself.
static void expect_ns(struct lab *lab, const uint8_t *mac)
{
    static const uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 2};
    static const struct sok_addr group = {{0xff, 2, [11] = 1, [12] = 0xff, [15] = 2}};
    struct sok_nd_ns_hdr h = {0};
    uint8_t source[6];
    assert_true(lab6_out(lab));
    struct sok_ip6_hdr ip = lab6_ip_out(lab, SOK_IPPROTO_ICMP6);
    struct sok_addr src = sok_ip6_src(&ip), dst = sok_ip6_dst(&ip);
    assert_int_equal(lab6_icmp_out(lab).type, SOK_ICMP6_NS);
    assert_int_equal(ip.hlim, 255);
    assert_true(sok_addr_eq(src, lab6_us));
    assert_true(sok_addr_eq(dst, mac ? lab6_peer : group));
    assert_memory_equal(lab->frame, mac ? mac : group_mac, 6);
    assert_true(sok_nd_ns_get(lab->frame + LAB6_AT, lab->len - LAB6_AT, &h));
    assert_memory_equal(h.tgt, lab6_peer.b, 16);
    assert_true(
        sok_nd_link_addr(lab->frame + LAB6_AT, lab->len - LAB6_AT, SOK_ND_OPT_SOURCE, source));
    assert_memory_equal(source, lab_mac, 6);
}

static void expect_echo(struct lab *lab, const uint8_t *mac, uint16_t seq)
{
    assert_true(lab6_out(lab));
    struct sok_icmp6_hdr h = lab6_icmp_out(lab);
    assert_true(h.type == SOK_ICMP6_ECHO && h.seq == seq);
    assert_memory_equal(lab->frame, mac, 6);
}

// A segment of the peer with `len` bytes of data.
static size_t segment(uint8_t *p, const struct sok_tcp_hdr *h, size_t len)
{
    struct sok_csum c;
    sok_tcp_hdr_put(p + LAB6_AT, h);
    memset(p + LAB6_AT + 20, 'x', len);
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &lab6_peer, &lab6_us, SOK_IPPROTO_TCP, (uint32_t)(20 + len));
    sok_csum_add(&c, p + LAB6_AT, 20 + len);
    sok_put16(p + LAB6_AT + SOK_TCP_CSUM_OFFSET, sok_csum_final(&c));
    return lab6_ip(p, &lab6_peer, &lab6_us, SOK_IPPROTO_TCP, 64, 20 + len);
}

static void resolves(void **state)
{
    static struct lab lab;
    (void)state;
    lab6_open(&lab);
    struct sok_echo *e = ping(&lab, NULL, 1);
    ping(&lab, e, 2);
    expect_ns(&lab, NULL);
    assert_false(lab6_out(&lab)); // one for both
    advertise(&lab, S | O, NULL); // says no address
    assert_false(lab6_out(&lab));
    advertise(&lab, S, lab_peer_mac); // with nothing known there is nothing to override
    expect_echo(&lab, lab_peer_mac, 1);
    expect_echo(&lab, lab_peer_mac, 2);
    ping(&lab, e, 3);
    expect_echo(&lab, lab_peer_mac, 3);
    assert_false(lab6_out(&lab));
    lab_close(&lab);
}

static void gives_up(void **state)
{
    static struct lab lab;
    struct sok_echo_reply r;
    (void)state;
    lab6_open(&lab);
    int64_t start = lab.now;
    struct sok_echo *e = ping(&lab, NULL, 7);
    for (int i = 0; i < 3; i++) {
        expect_ns(&lab, NULL);
        assert_false(lab6_out(&lab));
        assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
        lab_run_to(&lab, start + (i + 1) * SOK_S);
    }
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == SOK_EHOSTUNREACH && r.seq == 7);
    assert_true(r.icmp_type == SOK_ICMP6_UNREACHABLE && r.icmp_code == SOK_ICMP6_ADDRESS);
    assert_false(lab6_out(&lab));
    lab_close(&lab);
}

// What an answer takes at least and at most to be old: half to one and a half of 30 s.
static void make_old(struct lab *lab)
{
    lab_run_to(lab, lab->now + 45 * SOK_S + 1);
    assert_false(lab6_out(lab));
}

static struct sok_echo *known(struct lab *lab)
{
    struct sok_echo *e = ping(lab, NULL, 1);
    expect_ns(lab, NULL);
    advertise(lab, S | O, lab_peer_mac);
    expect_echo(lab, lab_peer_mac, 1);
    return e;
}

// STALE, DELAY, PROBE (section 7.3.3).
static void asks_again_when_used(void **state)
{
    static struct lab lab;
    (void)state;
    lab6_open(&lab);
    struct sok_echo *e = known(&lab);
    lab_run_to(&lab, lab.now + 14 * SOK_S); // still fresh
    ping(&lab, e, 2);
    expect_echo(&lab, lab_peer_mac, 2);
    make_old(&lab);
    lab_run_to(&lab, lab.now + 3600 * SOK_S); // nobody uses it: nothing is asked
    assert_false(lab6_out(&lab));
    int64_t used = lab.now;
    ping(&lab, e, 3);
    expect_echo(&lab, lab_peer_mac, 3);
    assert_false(lab6_out(&lab));
    lab_run_to(&lab, used + 5 * SOK_S - 1);
    assert_false(lab6_out(&lab));
    lab_run_to(&lab, used + 5 * SOK_S);
    expect_ns(&lab, lab_peer_mac);
    ping(&lab, e, 4); // meanwhile it is sent to as before
    expect_echo(&lab, lab_peer_mac, 4);
    advertise(
        &lab, S | O, NULL); // the answer to one that came directly need not say (section 7.2.4)
    lab_run_to(&lab, lab.now + 10 * SOK_S);
    assert_false(lab6_out(&lab));
    make_old(&lab);
    used = lab.now;
    ping(&lab, e, 5);
    expect_echo(&lab, lab_peer_mac, 5);
    for (int i = 0; i < 3; i++) {
        lab_run_to(&lab, used + (5 + i) * SOK_S);
        expect_ns(&lab, lab_peer_mac);
    }
    lab_run_to(&lab, used + 8 * SOK_S);
    assert_false(lab6_out(&lab));
    ping(&lab, e, 6); // forgotten
    expect_ns(&lab, NULL);
    lab_close(&lab);
}

// Section 7.2.5, of a neighbour that is known.
static void advertisements_change_what_they_may(void **state)
{
    static struct lab lab;
    (void)state;
    lab6_open(&lab);
    struct sok_echo *e = known(&lab);
    advertise(&lab, S, other_mac); // another address, and it does not override
    ping(&lab, e, 2);
    expect_echo(&lab, lab_peer_mac, 2);
    lab_run_to(&lab, lab.now + 5 * SOK_S); // but there is doubt now
    expect_ns(&lab, lab_peer_mac);
    advertise(&lab, S | O, other_mac);
    ping(&lab, e, 3);
    expect_echo(&lab, other_mac, 3);
    lab_run_to(&lab, lab.now + 10 * SOK_S);
    assert_false(lab6_out(&lab));
    advertise(&lab, O, lab_peer_mac); // unasked for: believed, and asked about when used
    int64_t used = lab.now;
    ping(&lab, e, 4);
    expect_echo(&lab, lab_peer_mac, 4);
    lab_run_to(&lab, used + 5 * SOK_S);
    expect_ns(&lab, lab_peer_mac);
    lab_close(&lab);
}

static void answers(void **state)
{
    static struct lab lab;
    static const struct sok_addr group = {{0xff, 2, [11] = 1, [12] = 0xff, [15] = 1}};
    struct sok_nd_na_hdr h = {0};
    uint8_t frame[200], mac[6];
    (void)state;
    lab6_open(&lab);
    lab_in(&lab, frame, ns(frame, &lab6_peer, &group, &lab6_us, lab_peer_mac, 255));
    assert_true(lab6_out(&lab)); // who asks is known by what it said
    struct sok_ip6_hdr ip = lab6_ip_out(&lab, SOK_IPPROTO_ICMP6);
    struct sok_addr dst = sok_ip6_dst(&ip);
    assert_int_equal(lab6_icmp_out(&lab).type, SOK_ICMP6_NA);
    assert_int_equal(ip.hlim, 255);
    assert_true(sok_addr_eq(dst, lab6_peer));
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    assert_true(sok_nd_na_get(lab.frame + LAB6_AT, lab.len - LAB6_AT, &h));
    assert_true(h.S && h.O && !h.R);
    assert_memory_equal(h.tgt, lab6_us.b, 16);
    assert_true(sok_nd_link_addr(lab.frame + LAB6_AT, lab.len - LAB6_AT, SOK_ND_OPT_TARGET, mac));
    assert_memory_equal(mac, lab_mac, 6);
    struct sok_echo *e = ping(&lab, NULL, 1); // STALE: used at once, asked about later
    expect_echo(&lab, lab_peer_mac, 1);
    sok_echo_close(e);
    // Who looks whether the address is free has none to be told at.
    lab_in(&lab, frame, ns(frame, &lab6_any, &group, &lab6_us, NULL, 255));
    assert_true(lab6_out(&lab));
    ip = lab6_ip_out(&lab, SOK_IPPROTO_ICMP6);
    dst = sok_ip6_dst(&ip);
    assert_true(sok_addr_eq(dst, lab6_all_nodes));
    assert_true(sok_nd_na_get(lab.frame + LAB6_AT, lab.len - LAB6_AT, &h));
    assert_true(!h.S && h.O);
    lab_close(&lab);
}

// A solicitation without an option of who does not know us yet: it is asked for first.
static void answers_a_stranger(void **state)
{
    static struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab6_open(&lab);
    lab_in(&lab, frame, ns(frame, &lab6_peer, &lab6_us, &lab6_us, NULL, 255));
    expect_ns(&lab, NULL);
    advertise(&lab, S | O, lab_peer_mac);
    assert_true(lab6_out(&lab));
    assert_int_equal(lab6_icmp_out(&lab).type, SOK_ICMP6_NA);
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    lab_close(&lab);
}

static void malformed_is_dropped(void **state)
{
    static struct lab lab;
    static const struct sok_addr group = {{0xff, 2, [11] = 1, [12] = 0xff, [15] = 1}};
    static const uint8_t none[6], many[6] = {1, 0, 0, 0, 0, 1};
    struct sok_addr far = {{LAB6_PREFIX, [7] = 1, [15] = 2}};
    uint8_t f[200];
    (void)state;
    lab6_open(&lab);
    uint64_t bad = 0;
    size_t len = ns(f, &lab6_peer, &group, &lab6_us, lab_peer_mac, 254); // through a router
    lab_in(&lab, f, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    ns(f, &lab6_peer, &group, &lab6_us, lab_peer_mac, 255);
    f[LAB6_AT + 1] = 1; // code
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &group, 255, 32));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    ns(f, &lab6_peer, &group, &lab6_us, lab_peer_mac, 255);
    f[LAB6_AT + 25] = 0; // an option of length 0
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &group, 255, 32));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    f[LAB6_AT + 25] = 2; // past the end
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &group, 255, 32));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &group, 255, 20)); // cut
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    lab_in(&lab, f, ns(f, &lab6_peer, &lab6_us, &group, lab_peer_mac, 255)); // about a group
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    lab_in(&lab, f, ns(f, &lab6_any, &group, &lab6_us, lab_peer_mac, 255)); // nobody has an address
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    lab_in(&lab, f, ns(f, &lab6_any, &lab6_us, &lab6_us, NULL, 255)); // nor asks one host
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), ++bad);
    assert_false(lab6_out(&lab));
    // Answered, but nothing is learned: who asks is no station, or not on this link.
    lab_in(&lab, f, ns(f, &lab6_peer, &group, &lab6_us, none, 255));
    expect_ns(&lab, NULL);
    lab_in(&lab, f, ns(f, &lab6_peer, &group, &lab6_us, many, 255));
    assert_false(lab6_out(&lab));
    lab_in(&lab, f, ns(f, &far, &group, &lab6_us, other_mac, 255));
    assert_true(lab6_out(&lab));
    assert_int_equal(lab6_icmp_out(&lab).type, SOK_ICMP6_NA);
    assert_memory_equal(lab.frame, other_mac, 6);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), bad);
    lab_close(&lab);
}

// Nobody is let in by what he says unasked.
static void unasked_is_not_believed(void **state)
{
    static struct lab lab;
    uint8_t f[200];
    (void)state;
    lab6_open(&lab);
    advertise(&lab, O, lab_peer_mac);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_NOT_US), 1);
    struct sok_nd_na_hdr h = {.type = SOK_ICMP6_NA, .O = 1};
    memcpy(h.tgt, lab6_us.b, 16);
    sok_nd_na_hdr_put(f + LAB6_AT, &h);
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &lab6_all_nodes, 255, SOK_ND_NA_LEN));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_CONFLICT), 1);
    h.S = 1; // to a group nobody is answered
    memcpy(h.tgt, lab6_peer.b, 16);
    sok_nd_na_hdr_put(f + LAB6_AT, &h);
    lab_in(&lab, f, lab6_message(f, &lab6_peer, &lab6_all_nodes, 255, SOK_ND_NA_LEN));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ND_MALFORMED), 1);
    lab6_know_peer(&lab); // by hand: for ever
    advertise(&lab, S | O, other_mac);
    ping(&lab, NULL, 1);
    expect_echo(&lab, lab_peer_mac, 1);
    lab_close(&lab);
}

// Section 7.3.1: a connection that goes on needs no solicitations, one that is silent does.
static void tcp_confirms(void **state)
{
    static struct lab lab;
    struct sok_tcp_listener *l;
    struct sok_endpoint at = {.addr = lab6_us, .port = 80};
    uint8_t f[200];
    (void)state;
    lab6_open(&lab);
    assert_int_equal(sok_stack_listen(lab.stack, &at, 1, lab.now, &l), 0);
    struct sok_tcp_hdr h = {.sport = 4000, .dport = 80, .seq = 100, .dataofs = 5};
    h.window = 65000;
    h.flags = SOK_TCP_SYN;
    lab_in(&lab, f, segment(f, &h, 0));
    expect_ns(&lab, NULL);
    advertise(&lab, S | O, lab_peer_mac);
    assert_true(lab6_out(&lab)); // SYN,ACK
    h.flags = SOK_TCP_ACK;
    h.seq = 101;
    h.ack = sok_get32(lab.frame + LAB6_AT + 4) + 1;
    lab_in(&lab, f, segment(f, &h, 0));
    for (unsigned i = 0; i < 100; i++) {
        lab_run_to(&lab, lab.now + 2 * SOK_S);
        lab_in(&lab, f, segment(f, &h, 1));
        h.seq++;
        lab_run_to(&lab, lab.now + SOK_S);
        while (lab6_out(&lab))
            lab6_ip_out(&lab, SOK_IPPROTO_TCP);
    }
    lab_run_to(&lab, lab.now + 60 * SOK_S);
    lab_in(&lab, f, segment(f, &h, 1)); // new: it is there still
    lab_run_to(&lab, lab.now + 10 * SOK_S);
    while (lab6_out(&lab))
        lab6_ip_out(&lab, SOK_IPPROTO_TCP);
    lab_run_to(&lab, lab.now + 60 * SOK_S);
    lab_in(&lab, f, segment(f, &h, 1)); // old: that may be anybody's
    lab_run_to(&lab, lab.now + SOK_S);
    assert_true(lab6_out(&lab));
    lab6_ip_out(&lab, SOK_IPPROTO_TCP);
    lab_run_to(&lab, lab.now + 5 * SOK_S);
    expect_ns(&lab, lab_peer_mac);
    sok_tcp_listener_close(l, lab.now);
    lab_close(&lab);
}

// A table that is full of strangers still finds who is talked to.
static void strangers_are_bounded(void **state)
{
    static struct lab lab;
    static const struct sok_addr group = {{0xff, 2, [11] = 1, [12] = 0xff, [15] = 1}};
    struct sok_stack_config config;
    uint8_t f[200];
    (void)state;
    lab_config(&config, &lab);
    config.arp_table_max = 8;
    lab6_open_with(&lab, &config, 0);
    struct sok_echo *e = known(&lab);
    for (unsigned i = 0; i < 100; i++) {
        struct sok_addr who = {{LAB6_PREFIX, [14] = 1, [15] = (uint8_t)i}};
        lab_in(&lab, f, ns(f, &who, &group, &lab6_us, other_mac, 255));
        assert_true(lab6_out(&lab));
        assert_null(sok_stack_check(lab.stack));
    }
    ping(&lab, e, 2);
    expect_echo(&lab, lab_peer_mac, 2);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(gives_up),
        cmocka_unit_test(asks_again_when_used),
        cmocka_unit_test(advertisements_change_what_they_may),
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_a_stranger),
        cmocka_unit_test(malformed_is_dropped),
        cmocka_unit_test(unasked_is_not_believed),
        cmocka_unit_test(tcp_confirms),
        cmocka_unit_test(strangers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
