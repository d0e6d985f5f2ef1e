// A stack that answers for every address: TCP, UDP and echo requests to addresses of others, what it
// complains of, and the host beside it whose 127.0.0.0/8 goes there.
#include "stack/testing.h"

#define ELSEWHERE 0xc6336407u // 198.51.100.7
#define LOOPBACK  0x7f000001u

static void open_gateway(struct lab *lab)
{
    lab_open(lab);
    lab_know_peer(lab);
    sok_stack_any(lab->stack, true);
}

static const uint32_t others[] = {ELSEWHERE, LOOPBACK};

static void udp_to_anybody(void **state)
{
    struct lab lab;
    struct sok_udp *u, *again;
    struct sok_endpoint from, to;
    struct sok_iov iov = {(const uint8_t *)"answer", 6};
    uint8_t frame[200];
    char buf[20];
    (void)state;
    open_gateway(&lab);
    assert_int_equal(sok_udp_open_any(lab.stack, &u), 0);
    assert_int_equal(sok_udp_open_any(lab.stack, &again), SOK_EADDRINUSE);
    for (unsigned i = 0; i < 2; i++) {
        lab_in(&lab, frame, lab_udp_from(frame, LAB_PEER, others[i], 4000, 53, "question", 8));
        assert_int_equal(sok_udp_recv_any(u, buf, sizeof(buf), &from, &to, lab.now), 8);
        assert_true(sok_addr_to_v4(from.addr) == LAB_PEER && from.port == 4000);
        assert_true(sok_addr_to_v4(to.addr) == others[i] && to.port == 53);
        assert_int_equal(sok_udp_send_any(u, &iov, 1, &to, &from, lab.now), 6);
        assert_true(lab_out(&lab));
        struct sok_udp_hdr h = {0};
        assert_true(sok_udp_get(lab.frame + 34, lab.len - 34, &h));
        assert_true(h.sport == 53 && h.dport == 4000);
        assert_int_equal(sok_get32(lab.frame + 26), others[i]);
        assert_int_equal(sok_get32(lab.frame + 30), LAB_PEER);
    }
    // Its own address has no such port; what goes to all stations is for nobody here.
    lab_in(&lab, frame, lab_udp_from(frame, LAB_PEER, LAB_US, 4000, 53, "question", 8));
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).code, SOK_ICMP_PORT);
    size_t len = lab_udp_from(frame, LAB_PEER, 0xffffffff, 4000, 53, "question", 8);
    memcpy(frame, lab_all, 6);
    lab_in(&lab, frame, len);
    assert_int_equal(sok_udp_recv_any(u, buf, sizeof(buf), &from, &to, lab.now), SOK_EAGAIN);
    sok_udp_close(u);
    lab_close(&lab);
}

static void echo_to_anybody(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    open_gateway(&lab);
    sok_stack_echo_hand_over(lab.stack, true);
    assert_null(sok_stack_echo_take(lab.stack));
    size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 77, 3, "abc", 3);
    lab_in(&lab, frame, len); // its own address: answered
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).type, SOK_ICMP_ECHO_REPLY);
    for (unsigned i = 0; i < 2; i++) {
        lab_set_addrs(frame, LAB_PEER, others[i]);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab));
        struct sok_echo_request *r = sok_stack_echo_take(lab.stack);
        assert_true(r && r->id == 77 && r->seq == 3 && r->len == 3 && r->ttl == 64);
        assert_memory_equal(r->data, "abc", 3);
        assert_int_equal(sok_stack_echo_answer(lab.stack, r, 4, "wxyz", 4, 64, lab.now), 0);
        sok_stack_echo_done(lab.stack, r);
        assert_true(lab_out(&lab));
        assert_int_equal(sok_get32(lab.frame + 26), others[i]);
        assert_int_equal(sok_get32(lab.frame + 30), LAB_PEER);
        assert_true(sok_icmp_verify(lab.frame + 34, lab.len - 34));
        assert_int_equal(sok_get16(lab.frame + 40), 4);
        assert_memory_equal(lab.frame + 42, "wxyz", 4);
    }
    for (unsigned i = 0; i < SOK_ECHO_REQUESTS_MAX + 5; i++) // the rest is freed with the stack
        lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_OUT_QUEUE), 5);
    lab_close(&lab);
}

static void tcp_to_anybody(void **state)
{
    struct lab lab;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *c;
    uint8_t frame[200];
    (void)state;
    open_gateway(&lab);
    assert_int_equal(sok_tcp_listen_any(sok_stack_tcp(lab.stack), 10, lab.now, &l), 0);
    for (unsigned i = 0; i < 2; i++) {
        size_t len = lab_tcp(frame, 4000, 8080, 1000, 0, SOK_TCP_SYN, "", 0);
        lab_set_addrs(frame, LAB_PEER, others[i]);
        sok_put16(frame + 50, 0);
        lab_sum(frame + 34, 20, SOK_TCP_CSUM_OFFSET, SOK_IPPROTO_TCP, LAB_PEER, others[i]);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab)); // undecided
        assert_int_equal(sok_tcp_accept(l, lab.now, &c), 0);
        assert_int_equal(sok_addr_to_v4(sok_tcp_local(c).addr), others[i]);
        assert_int_equal(sok_tcp_local(c).port, 8080);
        assert_int_equal(sok_tcp_peer_start(c), 1000);
        sok_tcp_admit(c, lab.now);
        assert_true(lab_out(&lab));
        assert_int_equal(sok_get32(lab.frame + 26), others[i]);
        assert_int_equal(lab.frame[47], SOK_TCP_SYN | SOK_TCP_ACK);
        sok_tcp_abort(c, lab.now);
        assert_true(lab_out(&lab));
    }
    sok_tcp_listener_close(l, lab.now);
    lab_close(&lab);
}

// The error a router would send reaches the one who asked: read back by another stack.
static void complains(void **state)
{
    struct lab lab, host;
    struct sok_tcp_conn *c;
    struct sok_endpoint remote = {.addr = sok_addr_v4(ELSEWHERE), .port = 80};
    (void)state;
    open_gateway(&lab);
    lab_open(&host); // 192.0.2.1 as well: its packets are for the peer of the gateway
    lab_know_peer(&host);
    struct sok_addr gateway = sok_addr_v4(LAB_PEER);
    assert_int_equal(sok_stack_route_add(host.stack, sok_addr_v4(0), 0, gateway, host.link), 0);
    assert_int_equal(sok_stack_connect(host.stack, NULL, &remote, host.now, &c), 0);
    assert_true(lab_out(&host));
    struct sok_complaint complaint = {
        .from = sok_addr_v4(LAB_US),
        .asker = sok_addr_v4(LAB_PEER),
        .about = sok_addr_v4(ELSEWHERE),
        .proto = SOK_IPPROTO_TCP,
        .len = 40,
        .type = SOK_ICMP_UNREACHABLE,
        .code = SOK_ICMP_NET,
    };
    memcpy(complaint.head, host.frame + 34, 8);
    assert_int_equal(sok_stack_complain(lab.stack, &complaint, lab.now), 0);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).code, SOK_ICMP_NET);
    lab_set_addrs(lab.frame, LAB_PEER, LAB_US); // as if the host were the peer
    sok_put32(lab.frame + 34 + 8 + 12, LAB_US); // and the quote its packet
    sok_ip4_seal(lab.frame + 42, 20);
    lab_sum(lab.frame + 34, lab.len - 34, 2, SOK_IPPROTO_ICMP, 0, 0);
    memcpy(lab.frame, lab_mac, 6);
    lab_in(&host, lab.frame, lab.len);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_CLOSED);
    assert_int_equal(sok_tcp_error(c), SOK_ENETUNREACH);
    sok_tcp_close(c, host.now);
    lab_close(&host);
    lab_close(&lab);
}

static void loopback_goes_out(void **state)
{
    struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint remote = {.addr = sok_addr_v4(LOOPBACK), .port = 80};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_addr gateway = sok_addr_v4(LAB_PEER);
    assert_int_equal(sok_stack_route_add(lab.stack, sok_addr_v4(0), 0, gateway, lab.link), 0);
    sok_stack_loopback_out(lab.stack, true);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &remote, lab.now, &c), 0);
    assert_int_equal(sok_addr_to_v4(sok_tcp_local(c).addr), LAB_US);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_ip4_out(&lab).dst, LOOPBACK);
    uint8_t frame[200];
    uint16_t port = sok_tcp_local(c).port;
    size_t len = lab_tcp(
        frame, 80, port, 1, sok_get32(lab.frame + 38) + 1, SOK_TCP_SYN | SOK_TCP_ACK, "", 0);
    lab_set_addrs(frame, LOOPBACK, LAB_US);
    lab_sum(frame + 34, 20, SOK_TCP_CSUM_OFFSET, SOK_IPPROTO_TCP, LOOPBACK, LAB_US);
    lab_in(&lab, frame, len);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_ESTABLISHED);
    sok_tcp_abort(c, lab.now);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_to_anybody),
        cmocka_unit_test(echo_to_anybody),
        cmocka_unit_test(tcp_to_anybody),
        cmocka_unit_test(complains),
        cmocka_unit_test(loopback_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
