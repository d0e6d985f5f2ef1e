// ICMP: echo both ways, when errors are sent and when not, which errors are believed. Expectations are
// RFC 1122 section 3.2.2 and RFC 5927.
#include "stack/errqueue.h"
#include "stack/testing.h"

static void answers_echo(void **state)
{
    struct lab lab;
    uint8_t frame[2000], data[1472];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    static const size_t sizes[] = {0, 1, 56, 1472};
    for (unsigned i = 0; i < 4; i++) {
        size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 0x1234, (uint16_t)i, data, sizes[i]);
        frame[15] = 0x48; // the answer has the same type of service
        sok_ip4_seal(frame + 14, 20);
        memset(frame + len, 0xee, 18); // the link's padding is nobody's data
        lab_in(&lab, frame, len + 18);
        assert_true(lab_out(&lab));
        struct sok_ip4_hdr ip = lab_ip4_out(&lab);
        struct sok_icmp_hdr h = lab_icmp_out(&lab);
        assert_true(h.type == SOK_ICMP_ECHO_REPLY && h.id == 0x1234 && h.seq == i);
        assert_true(ip.src == LAB_US && ip.dst == LAB_PEER && ip.tos == 0x48);
        assert_int_equal(lab.len, len);
        assert_memory_equal(lab.frame + 42, data, sizes[i]);
        assert_false(lab_out(&lab));
    }
    lab_close(&lab);
}

static void echo_nobody_may_answer(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 1, 1, "01234567", 8);
    static const uint32_t groups[] = {0xffffffff, LAB_NET_BROADCAST, 0xe0000001};
    memcpy(frame, lab_all, 6);
    for (unsigned i = 0; i < 3; i++) {
        lab_set_addrs(frame, LAB_PEER, groups[i]);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab));
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_BROADCAST), 3);
    // A group nobody joined, another host, ours but sent to all stations, loopback from a wire.
    static const uint32_t others[] = {0xe0000002, LAB_US + 8, LAB_US, 0x7f000001, 0};
    for (unsigned i = 0; i < 5; i++) {
        lab_set_addrs(frame, LAB_PEER, others[i]);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab));
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_NOT_US), 5);
    // Sources that cannot be (RFC 1122 section 3.2.1.3).
    static const uint32_t sources[] = {
        0, 0xffffffff, 0xe0000001, 0xf0000001, 0x7f000001, LAB_US, LAB_NET_BROADCAST, 0x00000005};
    memcpy(frame, lab_mac, 6);
    for (unsigned i = 0; i < 8; i++) {
        lab_set_addrs(frame, sources[i], LAB_US);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab));
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_SOURCE), 8);
    // Damaged, and a station that is not us.
    lab_set_addrs(frame, LAB_PEER, LAB_US);
    frame[45] ^= 1;
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_CHECKSUM), 1);
    frame[45] ^= 1;
    frame[5] ^= 0x80;
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ETH_NOT_US), 1);
    assert_false(lab_out(&lab));
    lab_close(&lab);
}

static void closed_port(void **state)
{
    struct lab lab;
    uint8_t frame[2000], data[1400] = {0};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    static const size_t sizes[] = {0, 10, 520, 521, 1400};
    for (unsigned i = 0; i < 5; i++) {
        size_t len = lab_udp_from(frame, LAB_PEER, LAB_US, 4000, 9, data, sizes[i]);
        lab_in(&lab, frame, len);
        assert_true(lab_out(&lab));
        struct sok_ip4_hdr ip = lab_ip4_out(&lab);
        struct sok_icmp_hdr h = lab_icmp_out(&lab);
        assert_true(h.type == SOK_ICMP_UNREACHABLE && h.code == SOK_ICMP_PORT);
        assert_true(ip.src == LAB_US && ip.dst == LAB_PEER);
        size_t quoted = len - 14 < 548 ? len - 14 : 548; // 576 in all
        assert_int_equal(lab.len, 14 + 28 + quoted);
        assert_memory_equal(lab.frame + 42, frame + 14, quoted);
        lab.now += 10 * SOK_MS;
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_NO_SOCKET), 5);
    lab_close(&lab);
}

static void unknown_protocol(void **state)
{
    struct lab lab;
    uint8_t frame[200] = {0};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    lab_in(&lab, frame, lab_ip4(frame, 4, 40)); // IP in IP: never looked into
    assert_true(lab_out(&lab));
    assert_int_equal(lab_icmp_out(&lab).code, SOK_ICMP_PROTOCOL);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_PROTOCOL), 1);
    lab_close(&lab);
}

static void errors_that_must_not_be_sent(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    size_t len;
    // About a broadcast or multicast.
    static const uint32_t groups[] = {0xffffffff, LAB_NET_BROADCAST, 0xe0000001};
    for (unsigned i = 0; i < 3; i++) {
        len = lab_udp_from(frame, LAB_PEER, groups[i], 4000, 9, "x", 1);
        memcpy(frame, lab_all, 6);
        lab_in(&lab, frame, len);
        assert_false(lab_out(&lab));
    }
    // About a fragment.
    len = lab_udp(frame, 4000, 9, "x");
    sok_put16(frame + 20, 1);
    sok_ip4_seal(frame + 14, 20);
    lab_in(&lab, frame, len);
    sok_put16(frame + 20, 0x2000);
    sok_ip4_seal(frame + 14, 20);
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT), 1); // 9 bytes, and more to come
    assert_false(lab_out(&lab));
    // About an error, whatever it says.
    uint8_t quote[28] = {0x45};
    for (unsigned type = 0; type < 256; type++) {
        if (type == SOK_ICMP_ECHO)
            continue;
        lab_in(&lab, frame, lab_icmp(frame, (uint8_t)type, 2, 0, 0, quote, sizeof(quote)));
        assert_false(lab_out(&lab));
    }
    lab_close(&lab);
}

static void errors_are_limited(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    unsigned sent = 0;
    size_t len = lab_udp(frame, 4000, 9, "x");
    for (int i = 0; i < 10000; i++) { // ten in each of 1000 ms
        lab.now += SOK_MS / 10;
        lab_in(&lab, frame, len);
        sent += lab_out(&lab);
    }
    assert_in_range(sent, 500, 1000);
    assert_int_equal(lab_drops(&lab, SOK_DROP_RATE), 10000 - sent);
    lab_close(&lab);
}

// ---- errors that come in ----

// An error that quotes the packet in lab->frame, as a router would send it.
static size_t error_about(
    struct lab *lab, uint8_t *frame, uint8_t type, uint8_t code, size_t quoted_payload)
{
    size_t len = lab_icmp(frame, type, code, 0, 0, lab->frame + 14, 20 + quoted_payload);
    lab_set_addrs(frame, 0xc00002fe, LAB_US);
    return len;
}

static struct sok_udp *udp_that_sent(struct lab *lab)
{
    struct sok_udp *u;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 53};
    struct sok_iov iov = {(const uint8_t *)"hello", 5};
    assert_int_equal(sok_udp_open(lab->stack, NULL, &u), 0);
    assert_int_equal(sok_udp_connect(u, &to), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, NULL, lab->now), 5);
    assert_true(lab_out(lab));
    return u;
}

static void udp_is_told(void **state)
{
    struct lab lab;
    uint8_t frame[200], buf[10];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = udp_that_sent(&lab);
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_PORT, 8));
    assert_int_equal(sok_udp_error(u), SOK_EREFUSED);
    assert_int_equal(sok_udp_error(u), 0);
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_HOST, 8));
    assert_int_equal(sok_udp_recvfrom(u, buf, sizeof(buf), NULL, lab.now), SOK_EHOSTUNREACH);
    assert_int_equal(sok_udp_recvfrom(u, buf, sizeof(buf), NULL, lab.now), SOK_EAGAIN);
    sok_udp_close(u);
    lab_close(&lab);
}

// However many come, and however little they quote.
static void errors_are_kept_for_who_asks(void **state)
{
    struct lab lab;
    uint8_t frame[200], data[16];
    struct sok_dgram_error e;
    struct sok_dgram_opts opts = {.recverr = true};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = udp_that_sent(&lab);
    assert_int_equal(sok_udp_recv_error(u, data, sizeof(data), &e, lab.now), SOK_EAGAIN);
    sok_udp_options(u, &opts);
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_PORT, 8));
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_HOST, 11));
    assert_int_equal(sok_udp_recv_error(u, data, sizeof(data), &e, lab.now), 0);
    assert_true(e.err == SOK_EREFUSED && e.len == 0 && e.type == 3 && e.code == 3);
    assert_true(sok_addr_to_v4(e.from) == 0xc00002fe && sok_addr_to_v4(e.to.addr) == LAB_PEER);
    assert_int_equal(e.to.port, 53);
    assert_int_equal(sok_udp_recv_error(u, data, 2, &e, lab.now), 2);
    assert_true(e.err == SOK_EHOSTUNREACH && e.len == 3);
    assert_memory_equal(data, "he", 2);
    assert_int_equal(sok_udp_error(u), 0); // with the last one it is told
    size_t len = error_about(&lab, frame, SOK_ICMP_UNREACHABLE, SOK_ICMP_PORT, 8);
    for (unsigned i = 0; i < 10 * SOK_ERRQUEUE_MAX; i++)
        lab_in(&lab, frame, len);
    unsigned kept = 0;
    while (sok_udp_recv_error(u, data, sizeof(data), &e, lab.now) >= 0)
        kept++;
    assert_int_equal(kept, SOK_ERRQUEUE_MAX);
    lab_in(&lab, frame, len); // left behind: freed with the socket
    sok_udp_close(u);
    lab_close(&lab);
}

static void bad_quotes(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = udp_that_sent(&lab);
    // Truncated at every length.
    for (size_t quoted = 0; quoted < 28; quoted++) {
        size_t len = lab_icmp(frame, 3, 3, 0, 0, lab.frame + 14, quoted);
        lab_in(&lab, frame, len);
        assert_int_equal(sok_udp_error(u), 0);
    }
    // Not ours, another port, another peer, a lying header length, a fragment, a version, never sent by UDP.
    static const struct {
        size_t at;
        uint8_t mask;
    } lies[] = {{15, 0x01}, {23, 0x01}, {19, 0x01}, {0, 0x0a}, {7, 0x01}, {0, 0x20}, {9, 0x01}};
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lab.frame[14 + lies[i].at] ^= lies[i].mask;
        lab_in(&lab, frame, error_about(&lab, frame, 3, 3, 8));
        lab.frame[14 + lies[i].at] ^= lies[i].mask;
        assert_int_equal(sok_udp_error(u), 0);
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 28 + 7);
    // Redirect, source quench, timestamp, mask: ignored.
    static const uint8_t types[] = {5, 4, 13, 14, 17, 18, 9, 10};
    for (unsigned i = 0; i < sizeof(types); i++)
        lab_in(&lab, frame, error_about(&lab, frame, types[i], 0, 8));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_TYPE), 8);
    assert_int_equal(sok_udp_error(u), 0);
    assert_false(lab_out(&lab));
    sok_udp_close(u);
    lab_close(&lab);
}

static void tcp_is_told(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab_out(&lab));
    lab.frame[38] ^= 0x40; // a sequence number that is not on its way
    lab_in(&lab, frame, error_about(&lab, frame, 3, 3, 8));
    assert_int_equal(sok_tcp_error(c), 0);
    lab.frame[38] ^= 0x40;
    lab_in(&lab, frame, error_about(&lab, frame, 3, 3, 8));
    assert_int_equal(sok_tcp_error(c), SOK_EREFUSED);
    sok_tcp_close(c, lab.now);
    lab_close(&lab);
}

// ---- echo sockets ----

static void pings(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    struct sok_echo *e;
    struct sok_echo_reply r;
    struct sok_addr to = sok_addr_v4(LAB_PEER);
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &to, 5, "payload", 7, 0, lab.now), 0);
    assert_true(lab_out(&lab));
    struct sok_icmp_hdr h = lab_icmp_out(&lab);
    assert_true(h.type == SOK_ICMP_ECHO && h.seq == 5);
    lab.now += 3 * SOK_MS;
    // Another identifier, another number, another host: nobody asked.
    lab_in(&lab, frame, lab_icmp(frame, 0, 0, (uint16_t)(h.id + 1), 5, "payload", 7));
    lab_in(&lab, frame, lab_icmp(frame, 0, 0, h.id, 6, "payload", 7));
    size_t len = lab_icmp(frame, 0, 0, h.id, 5, "payload", 7);
    lab_set_addrs(frame, LAB_PEER + 1, LAB_US);
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_NOBODY), 3);
    assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
    lab_in(&lab, frame, lab_icmp(frame, 0, 0, h.id, 5, "payload", 7));
    lab_in(&lab, frame, lab_icmp(frame, 0, 0, h.id, 5, "payload", 7)); // once
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_NOBODY), 4);
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == 0 && r.seq == 5 && r.ttl == 64 && r.rtt == 3 * SOK_MS && r.len == 7);
    assert_true(sok_addr_eq(r.from, to));
    assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
    // A router says that it took too long.
    assert_int_equal(sok_echo_send(e, &to, 6, "payload", 7, 3, lab.now), 0);
    assert_true(lab_out(&lab));
    assert_int_equal(lab.frame[14 + 8], 3);
    lab.frame[14 + 15] ^= 1; // quotes what another host sent
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_TIME_EXCEEDED, 0, 8));
    assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
    lab.frame[14 + 15] ^= 1;
    lab_in(&lab, frame, error_about(&lab, frame, SOK_ICMP_TIME_EXCEEDED, 0, 8));
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == SOK_EHOSTUNREACH && r.seq == 6 && r.icmp_type == 11);
    assert_int_equal(sok_addr_to_v4(r.from), 0xc00002fe);
    assert_int_equal(sok_echo_send(e, &to, 7, frame, 65508, 0, lab.now), SOK_EMSGSIZE);
    sok_echo_close(e);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_echo),
        cmocka_unit_test(echo_nobody_may_answer),
        cmocka_unit_test(closed_port),
        cmocka_unit_test(unknown_protocol),
        cmocka_unit_test(errors_that_must_not_be_sent),
        cmocka_unit_test(errors_are_limited),
        cmocka_unit_test(udp_is_told),
        cmocka_unit_test(errors_are_kept_for_who_asks),
        cmocka_unit_test(bad_quotes),
        cmocka_unit_test(tcp_is_told),
        cmocka_unit_test(pings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
