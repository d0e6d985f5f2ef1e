// IP_MTU_DISCOVER and IPV6_DONTFRAG (ip(7), ipv6(7)): what is cut, what is refused, when DF is set, and whose news of a smaller MTU
// (RFC 1191) is believed.
#include "stack/testing.h"

#define ROOM 1472u // of a datagram, in 1500 bytes

struct talk {
    struct lab lab;
    struct sok_udp *u;
    struct sok_endpoint to;
    uint8_t data[9000];
};

static void talk_open(struct talk *t, enum sok_mtu_discover how)
{
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 7000};
    struct sok_dgram_opts opts = {.discover = (uint8_t)how};
    lab_open(&t->lab);
    lab_know_peer(&t->lab);
    assert_int_equal(sok_udp_open(t->lab.stack, &at, &t->u), 0);
    sok_udp_options(t->u, &opts);
    t->to = (struct sok_endpoint){.addr = sok_addr_v4(LAB_PEER), .port = 4000};
    memset(t->data, 'x', sizeof(t->data));
}

static void talk_close(struct talk *t)
{
    sok_udp_close(t->u);
    lab_close(&t->lab);
}

// How many frames a datagram of this size becomes, and whether all of them forbid cutting; or the error.
static int64_t frames(struct talk *t, size_t len, bool df, uint32_t mtu)
{
    struct sok_iov iov = {t->data, len};
    int64_t r = sok_udp_sendto(t->u, &iov, 1, &t->to, t->lab.now), count = 0;
    if (r < 0)
        return r;
    for (; lab_out(&t->lab); count++) {
        uint16_t flags = (uint16_t)(sok_get16(t->lab.frame + 20) >> 13);
        assert_int_equal((flags & SOK_IP4_DF) != 0, df);
        assert_true(t->lab.len - 14 <= mtu);
        assert_true(sok_ip4_verify(t->lab.frame + 14, 20));
    }
    return count;
}

// A router on the way says what it can take, of the frame that left last.
static enum sok_drop say(struct talk *t, uint16_t mtu)
{
    uint8_t quoted[28], frame[200];
    uint64_t quote = lab_drops(&t->lab, SOK_DROP_ICMP_QUOTE);
    memcpy(quoted, t->lab.frame + 14, sizeof(quoted));
    lab_in(&t->lab, frame,
        lab_icmp(
            frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_FRAG_NEEDED, 0, mtu, quoted, sizeof(quoted)));
    return lab_drops(&t->lab, SOK_DROP_ICMP_QUOTE) > quote ? SOK_DROP_ICMP_QUOTE : SOK_DROP_NONE;
}

// Sends one that is remembered by `lab`, for the router to quote.
static void send_one(struct talk *t)
{
    struct sok_iov iov = {t->data, 1200};
    assert_int_equal(sok_udp_sendto(t->u, &iov, 1, &t->to, t->lab.now), 1200);
    assert_true(lab_out(&t->lab));
}

static void on_the_link(void **state)
{
    static const struct {
        enum sok_mtu_discover how;
        bool df;
        int64_t above; // what becomes of a byte too many
    } rows[] = {
        {SOK_MTU_DONT, false, 2},
        {SOK_MTU_WANT, true, 2},
        {SOK_MTU_DO, true, SOK_EMSGSIZE},
        {SOK_MTU_PROBE, true, SOK_EMSGSIZE},
        {SOK_MTU_INTERFACE, false, SOK_EMSGSIZE},
        {SOK_MTU_OMIT, false, 2},
    };
    struct talk t;
    (void)state;
    for (unsigned i = 0; i < SOK_COUNT_OF(rows); i++) {
        talk_open(&t, rows[i].how);
        assert_int_equal(frames(&t, 10, rows[i].df, 1500), 1);
        assert_int_equal(frames(&t, ROOM, rows[i].df, 1500), 1);
        assert_int_equal(frames(&t, ROOM + 1, false, 1500), rows[i].above);
        assert_int_equal(sok_udp_fits(t.u, &t.to, ROOM), 0);
        assert_int_equal(sok_udp_fits(t.u, &t.to, ROOM + 1), rows[i].above < 0 ? rows[i].above : 0);
        assert_int_equal(sok_udp_fits(t.u, NULL, 1), SOK_ENOTCONN);
        talk_close(&t);
    }
}

// A datagram that is refused here is told to who asked for it, with what it may have; that is no pending error.
static void refused_is_told(void **state)
{
    struct talk t;
    struct sok_dgram_error e = {.err = 0};
    uint8_t data[8];
    (void)state;
    talk_open(&t, SOK_MTU_DO);
    assert_int_equal(frames(&t, ROOM + 1, true, 1500), SOK_EMSGSIZE);
    assert_int_equal(sok_udp_recv_error(t.u, data, 8, &e, t.lab.now), SOK_EAGAIN);
    const struct sok_dgram_opts asks = {.discover = SOK_MTU_DO, .recverr = true};
    sok_udp_options(t.u, &asks);
    assert_int_equal(frames(&t, ROOM + 1, true, 1500), SOK_EMSGSIZE);
    assert_int_equal(sok_udp_recv_error(t.u, data, 8, &e, t.lab.now), 0);
    assert_true(e.local && e.err == SOK_EMSGSIZE && e.mtu == 1500 && e.len == 0);
    assert_true(sok_addr_eq(e.to.addr, t.to.addr) && e.to.port == 0);
    assert_int_equal(sok_udp_error(t.u), 0);
    assert_int_equal(frames(&t, ROOM, true, 1500), 1);
    send_one(&t);
    assert_int_equal(say(&t, 1000), SOK_DROP_NONE);
    assert_int_equal(sok_udp_fits(t.u, &t.to, ROOM), SOK_EMSGSIZE);
    assert_int_equal(sok_udp_recv_error(t.u, data, 8, &e, t.lab.now), 0);
    assert_false(e.local);
    assert_int_equal(sok_udp_error(t.u), 0); // behind it is one of ours
    assert_int_equal(sok_udp_recv_error(t.u, data, 8, &e, t.lab.now), 0);
    assert_true(e.local && e.mtu == 1000);
    assert_int_equal(sok_udp_recv_error(t.u, data, 8, &e, t.lab.now), SOK_EAGAIN);
    talk_close(&t);
}

static void after_news(void **state)
{
    static const struct {
        enum sok_mtu_discover how;
        enum sok_drop news;
        int64_t of_link; // what a datagram becomes that the link takes, and the way does not
    } rows[] = {
        {SOK_MTU_DONT, SOK_DROP_ICMP_QUOTE, 1},
        {SOK_MTU_WANT, SOK_DROP_NONE, 2},
        {SOK_MTU_DO, SOK_DROP_NONE, SOK_EMSGSIZE},
        {SOK_MTU_PROBE, SOK_DROP_NONE, 1},
        {SOK_MTU_INTERFACE, SOK_DROP_ICMP_QUOTE, 1},
        {SOK_MTU_OMIT, SOK_DROP_ICMP_QUOTE, 1},
    };
    struct talk t;
    (void)state;
    for (unsigned i = 0; i < SOK_COUNT_OF(rows); i++) {
        bool probe = rows[i].how == SOK_MTU_PROBE;
        uint32_t mtu = rows[i].of_link == 2 ? 1000 : 1500;
        talk_open(&t, rows[i].how);
        send_one(&t);
        assert_int_equal(say(&t, 1000), rows[i].news);
        assert_int_equal(frames(&t, ROOM, probe, mtu), rows[i].of_link);
        if (rows[i].how == SOK_MTU_DO) {
            assert_int_equal(frames(&t, 972, true, 1000), 1);
            assert_int_equal(frames(&t, 973, true, 1000), SOK_EMSGSIZE);
        }
        talk_close(&t);
    }
    // Less than is believed of anybody: from then on routers may cut (pmtu_min), unless the program forbids it.
    talk_open(&t, SOK_MTU_WANT);
    send_one(&t);
    assert_int_equal(say(&t, 100), SOK_DROP_NONE);
    assert_int_equal(frames(&t, 10, false, 1500), 1);
    talk_close(&t);
}

// A quote of what nobody sent is nobody's news.
static void made_up(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, SOK_MTU_DO);
    send_one(&t);
    sok_put16(t.lab.frame + 34, 7001);
    assert_int_equal(say(&t, 1000), SOK_DROP_ICMP_QUOTE);
    assert_int_equal(frames(&t, ROOM, true, 1500), 1);
    talk_close(&t);
}

static void of_ip6(void **state)
{
    struct lab lab;
    struct sok_udp *u;
    struct sok_addr us = {{0x20, 1, 0xd, 0xb8, [15] = 1}}, peer = {{0x20, 1, 0xd, 0xb8, [15] = 9}};
    struct sok_endpoint to = {.addr = peer, .port = 4000};
    struct sok_dgram_opts opts = {.dontfrag = true};
    uint8_t data[1500] = {0};
    struct sok_iov fits = {data, 1452}, more = {data, 1453};
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_stack_addr_add(lab.stack, 1, us, 64), 0);
    assert_int_equal(sok_stack_neighbour_add(lab.stack, 1, peer, lab_peer_mac), 0);
    assert_int_equal(sok_udp_open(lab.stack, NULL, &u), 0);
    assert_int_equal(sok_udp_sendto(u, &more, 1, &to, lab.now), 1453);
    for (int how = 0; how < 2; how++) {
        sok_udp_options(u, &opts);
        assert_int_equal(sok_udp_sendto(u, &more, 1, &to, lab.now), SOK_EMSGSIZE);
        assert_int_equal(sok_udp_sendto(u, &fits, 1, &to, lab.now), 1452);
        opts = (struct sok_dgram_opts){.discover6 = SOK_MTU_DO, .discover = SOK_MTU_DONT};
    }
    opts = (struct sok_dgram_opts){.discover = SOK_MTU_DO}; // IPv4's
    sok_udp_options(u, &opts);
    assert_int_equal(sok_udp_sendto(u, &more, 1, &to, lab.now), 1453);
    while (lab_out(&lab))
        ;
    sok_udp_close(u);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_link),
        cmocka_unit_test(refused_is_told),
        cmocka_unit_test(after_news),
        cmocka_unit_test(made_up),
        cmocka_unit_test(of_ip6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
