// Delivery to the host itself: 127.0.0.0/8 and its own addresses, for ping, UDP and TCP, through link 0 and
// without a link of its own; nothing leaves.
#include "stack/testing.h"

static void run(struct lab *lab)
{
    for (int i = 0; i < 1000 && sok_stack_deadline(lab->stack) <= lab->now; i++)
        sok_stack_advance(lab->stack, lab->now);
    assert_true(sok_stack_deadline(lab->stack) > lab->now);
    assert_false(lab_out(lab));
}

static const uint32_t own[] = {0x7f000001, 0x7fffff00, LAB_US};

static void ping(void **state)
{
    struct lab lab;
    struct sok_echo *e;
    struct sok_echo_reply r;
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct sok_addr to = sok_addr_v4(own[i]);
        assert_int_equal(sok_echo_send(e, &to, (uint16_t)i, "x", 1, 0, lab.now), 0);
        run(&lab);
        assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
        assert_true(r.err == 0 && r.seq == i && sok_addr_eq(r.from, to));
    }
    sok_echo_close(e);
    lab_close(&lab);
}

static void udp(void **state)
{
    struct lab lab;
    struct sok_udp *a, *b;
    struct sok_endpoint from, at = {.port = 7000};
    struct sok_iov iov = {(const uint8_t *)"hello", 5};
    char buf[10];
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_udp_open(lab.stack, &at, &a), 0);
    assert_int_equal(sok_udp_open(lab.stack, NULL, &b), 0);
    for (unsigned i = 0; i < 3; i++) {
        at.addr = sok_addr_v4(own[i]);
        assert_int_equal(sok_udp_sendto(b, &iov, 1, &at, lab.now), 5);
        run(&lab);
        assert_int_equal(sok_udp_recvfrom(a, buf, sizeof(buf), &from, lab.now), 5);
        assert_int_equal(from.port, sok_udp_local(b).port);
        assert_int_equal(sok_addr_to_v4(from.addr), own[i]);
    }
    // A closed port answers.
    at = (struct sok_endpoint){.addr = sok_addr_v4(0x7f000001), .port = 7001};
    assert_int_equal(sok_udp_connect(b, &at), 0);
    assert_int_equal(sok_udp_sendto(b, &iov, 1, NULL, lab.now), 5);
    run(&lab);
    assert_int_equal(sok_udp_error(b), SOK_EREFUSED);
    // To itself (LAND): one datagram, and silence.
    at = (struct sok_endpoint){.addr = sok_addr_v4(0x7f000001), .port = 7000};
    assert_int_equal(sok_udp_sendto(a, &iov, 1, &at, lab.now), 5);
    run(&lab);
    assert_int_equal(sok_udp_recvfrom(a, buf, sizeof(buf), &from, lab.now), 5);
    assert_int_equal(sok_udp_recvfrom(a, buf, sizeof(buf), &from, lab.now), SOK_EAGAIN);
    sok_udp_close(a);
    sok_udp_close(b);
    lab_close(&lab);
}

static void tcp(void **state)
{
    struct lab lab;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_endpoint at = {.port = 80};
    static uint8_t data[300000], got[300000];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    lab_open(&lab);
    assert_int_equal(sok_stack_listen(lab.stack, &at, 5, lab.now, &l), 0);
    for (unsigned i = 0; i < 3; i++) {
        at.addr = sok_addr_v4(own[i]);
        assert_int_equal(sok_stack_connect(lab.stack, NULL, &at, lab.now, &a), 0);
        run(&lab);
        assert_int_equal(sok_tcp_accept(l, lab.now, &b), 0);
        assert_int_equal(sok_tcp_state(a), SOK_TCP_ESTABLISHED);
        size_t sent = 0, received = 0;
        for (int turn = 0; turn < 1000 && received < sizeof(data); turn++) {
            struct sok_iov iov = {data + sent, sizeof(data) - sent};
            int64_t n = sent < sizeof(data) ? sok_tcp_send(a, &iov, 1, lab.now) : 0;
            sent += n > 0 ? (size_t)n : 0;
            run(&lab);
            while ((n = sok_tcp_recv(b, got + received, sizeof(got) - received, lab.now)) > 0)
                received += (size_t)n;
            run(&lab);
        }
        assert_int_equal(received, sizeof(data));
        assert_memory_equal(data, got, sizeof(data));
        sok_tcp_close(a, lab.now);
        run(&lab);
        assert_int_equal(sok_tcp_recv(b, got, 1, lab.now), 0);
        sok_tcp_close(b, lab.now);
        run(&lab);
    }
    at.port = 81; // refused
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &at, lab.now, &a), 0);
    run(&lab);
    assert_int_equal(sok_tcp_error(a), SOK_EREFUSED);
    sok_tcp_close(a, lab.now);
    sok_tcp_listener_close(l, lab.now);
    lab_close(&lab);
}

// A frame that says it comes from us, or goes to 127.0.0.1, is not believed when a wire brings it.
static void not_from_a_wire(void **state)
{
    struct lab lab;
    uint8_t frame[100];
    struct sok_udp *u;
    struct sok_endpoint at = {.port = 7000};
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_udp_open(lab.stack, &at, &u), 0);
    for (unsigned i = 0; i < 3; i++)
        lab_in(&lab, frame, lab_udp_from(frame, own[i], LAB_US, 7000, 7000, "x", 1));
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_SOURCE), 3);
    lab_in(&lab, frame, lab_udp_from(frame, LAB_PEER, 0x7f000001, 7000, 7000, "x", 1));
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_NOT_US), 1);
    char buf[10];
    assert_int_equal(sok_udp_recvfrom(u, buf, sizeof(buf), NULL, lab.now), SOK_EAGAIN);
    sok_udp_close(u);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping),
        cmocka_unit_test(udp),
        cmocka_unit_test(tcp),
        cmocka_unit_test(not_from_a_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
