// UDP: both ways, whom a datagram reaches, what is dropped, what a full queue says.
#include "stack/testing.h"

static struct sok_endpoint at(uint32_t addr, uint16_t port)
{
    return (struct sok_endpoint){.addr = sok_addr_v4(addr), .port = port};
}

static struct sok_udp *open_at(struct lab *lab, uint32_t addr, uint16_t port)
{
    struct sok_udp *u;
    struct sok_endpoint local = at(addr, port);
    assert_int_equal(sok_udp_open(lab->stack, &local, &u), 0);
    return u;
}

static void expect(struct lab *lab, struct sok_udp *u, const char *text)
{
    char buf[100];
    struct sok_endpoint from;
    int64_t n = sok_udp_recvfrom(u, buf, sizeof(buf), &from, lab->now);
    if (!text) {
        assert_int_equal(n, SOK_EAGAIN);
        return;
    }
    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, (size_t)n);
    assert_int_equal(sok_addr_to_v4(from.addr), LAB_PEER);
}

static void both_ways(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    struct sok_sock *s = sok_stack_changed(lab.stack);
    assert_ptr_equal(s, u);
    assert_true(s->kind == SOK_SOCK_UDP && s->ready == SOK_READY_OUT);
    lab_in(&lab, frame, lab_udp(frame, 4000, 7000, "one"));
    lab_in(&lab, frame, lab_udp(frame, 4000, 7000, ""));
    lab_in(&lab, frame, lab_udp(frame, 4001, 7000, "three"));
    s = sok_stack_changed(lab.stack);
    assert_true(s->ready & SOK_READY_IN);
    expect(&lab, u, "one");
    expect(&lab, u, "");
    expect(&lab, u, "three");
    expect(&lab, u, NULL);
    assert_false(s->ready & SOK_READY_IN);

    struct sok_iov iov[2] = {{(const uint8_t *)"he", 2}, {(const uint8_t *)"llo", 3}};
    struct sok_endpoint to = at(LAB_PEER, 4000);
    assert_int_equal(sok_udp_sendto(u, iov, 2, &to, lab.now), 5);
    assert_true(lab_out(&lab));
    struct sok_ip4_hdr ip = lab_ip4_out(&lab);
    struct sok_udp_hdr h = {0};
    assert_true(ip.proto == SOK_IPPROTO_UDP && ip.src == LAB_US && ip.dst == LAB_PEER);
    assert_true(sok_udp_get(lab.frame + 34, lab.len - 34, &h));
    assert_true(h.sport == 7000 && h.dport == 4000 && h.len == 13 && h.chksum != 0);
    struct sok_addr src = sok_addr_v4(LAB_US), dst = sok_addr_v4(LAB_PEER);
    assert_true(sok_udp_verify(lab.frame + 34, h.len, &src, &dst));
    assert_memory_equal(lab.frame + 42, "hello", 5);
    assert_int_equal(sok_udp_sendto(u, iov, 2, NULL, lab.now), SOK_ENOTCONN);
    sok_udp_close(u);
    lab_close(&lab);
}

static unsigned drain(struct lab *lab, struct sok_udp *u)
{
    char buf[10];
    unsigned count = 0;
    while (sok_udp_recvfrom(u, buf, sizeof(buf), NULL, lab->now) >= 0)
        count++;
    return count;
}

// SO_REUSEPORT: each sender's datagrams go to one of them, and always to the same.
static void senders_are_spread(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    struct sok_udp *u[3], *other;
    struct sok_endpoint local = at(0, 7000);
    unsigned got[3] = {0};
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sok_udp_open_as(lab.stack, &local, SOK_BIND_SHARED, &u[i]), 0);
        sok_udp_spread(u[i], true);
    }
    assert_int_equal(sok_udp_open(lab.stack, &local, &other), SOK_EADDRINUSE);
    for (uint16_t port = 4000; port < 4060; port++) {
        int whose = -1;
        for (int again = 0; again < 2; again++)
            lab_in(&lab, frame, lab_udp(frame, port, 7000, "x"));
        for (int i = 0; i < 3; i++) {
            unsigned count = drain(&lab, u[i]);
            assert_true(count == 0 || (count == 2 && whose < 0));
            whose = count ? i : whose;
        }
        assert_true(whose >= 0);
        got[whose]++;
    }
    assert_true(got[0] > 5 && got[1] > 5 && got[2] > 5);
    // A connected one goes before them.
    struct sok_endpoint peer = at(LAB_PEER, 4000);
    assert_int_equal(sok_udp_connect(u[1], &peer), 0);
    lab_in(&lab, frame, lab_udp(frame, 4000, 7000, "x"));
    assert_int_equal(drain(&lab, u[1]), 1);
    for (int i = 0; i < 3; i++)
        sok_udp_close(u[i]);
    lab_close(&lab);
}

static void what_comes_along(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    char buf[3];
    struct sok_udp_heard heard;
    struct sok_endpoint from, to = at(LAB_PEER, 4000);
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    lab_in(&lab, frame, lab_udp(frame, 4000, 7000, "hello"));
    assert_int_equal(sok_udp_recv_heard(u, buf, 3, &from, &heard, lab.now), 3);
    assert_true(heard.len == 5 && heard.link == 1 && heard.ttl == 64 && heard.tos == 0);
    assert_true(heard.to.port == 7000 && sok_addr_to_v4(heard.to.addr) == LAB_US);
    assert_int_equal(heard.at, lab.now);

    struct sok_udp_how how = {.from = at(LAB_US, 1), .link = 1, .ttl = 9, .tos = 0x48};
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    assert_int_equal(sok_udp_send_how(u, &iov, 1, &to, &how, lab.now), 1);
    assert_true(lab_out(&lab));
    struct sok_ip4_hdr ip = {0};
    struct sok_udp_hdr h = {0};
    assert_true(sok_ip4_get(lab.frame + 14, lab.len - 14, &ip));
    assert_true(ip.ttl == 9 && ip.tos == 0x48 && ip.src == LAB_US);
    assert_true(sok_udp_get(lab.frame + 34, lab.len - 34, &h));
    assert_int_equal(h.sport, 7000); // the socket's, whatever was said
    how.from = at(0xc6336401, 0);
    assert_int_equal(sok_udp_send_how(u, &iov, 1, &to, &how, lab.now), SOK_EADDRNOTAVAIL);
    how.link = 77;
    assert_int_equal(sok_udp_send_how(u, &iov, 1, &to, &how, lab.now), SOK_ENODEV);
    assert_int_equal(sok_udp_send_how(u, &iov, 1, NULL, &how, lab.now), SOK_ENOTCONN);
    sok_udp_close(u);
    lab_close(&lab);
}

static void a_way_is_asked_for(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    struct sok_endpoint there = at(LAB_PEER, 9), nowhere = at(0xc6336401, 9);
    assert_int_equal(sok_udp_way(u, &there), 0);
    assert_int_equal(sok_udp_way(u, &nowhere), SOK_ENETUNREACH);
    nowhere = at(0xffffffff, 9);
    assert_int_equal(sok_udp_way(u, &nowhere), SOK_EACCES);
    sok_udp_options(u, &(struct sok_dgram_opts){.broadcast = true});
    assert_int_equal(sok_udp_way(u, &nowhere), 0);
    sok_udp_close(u);
    lab_close(&lab);
}

static void a_checksum_is_never_zero(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    struct sok_endpoint to = at(LAB_PEER, 4000);
    unsigned all_ones = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        uint8_t data[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        struct sok_iov iov = {data, 2};
        assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), 2);
        assert_true(lab_out(&lab));
        assert_int_not_equal(sok_get16(lab.frame + 40), 0);
        all_ones += sok_get16(lab.frame + 40) == 0xffff;
    }
    assert_true(all_ones >= 1);
    sok_udp_close(u);
    lab_close(&lab);
}

static void who_gets_it(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    struct sok_udp *other;
    (void)state;
    lab_open(&lab);
    assert_int_equal(sok_stack_addr_add(lab.stack, 1, sok_addr_v4(0xc000020a), 24), 0);
    struct sok_udp *first = open_at(&lab, LAB_US, 7000);
    struct sok_udp *second = open_at(&lab, 0xc000020a, 7000);
    struct sok_endpoint taken = at(0, 7000), mine = at(LAB_US, 7000), not_ours = at(LAB_PEER, 7001);
    assert_int_equal(sok_udp_open(lab.stack, &taken, &other), SOK_EADDRINUSE);
    assert_int_equal(sok_udp_open(lab.stack, &mine, &other), SOK_EADDRINUSE);
    assert_int_equal(sok_udp_open(lab.stack, &not_ours, &other), SOK_EADDRNOTAVAIL);
    size_t len = lab_udp_from(frame, LAB_PEER, 0xc000020a, 4000, 7000, "x", 1);
    lab_in(&lab, frame, len);
    expect(&lab, first, NULL);
    expect(&lab, second, "x");
    // A connected socket hears its peer only.
    struct sok_endpoint peer = at(LAB_PEER, 4000);
    assert_int_equal(sok_udp_connect(first, &peer), 0);
    lab_in(&lab, frame, lab_udp(frame, 4001, 7000, "stranger"));
    expect(&lab, first, NULL);
    lab_in(&lab, frame, lab_udp(frame, 4000, 7000, "friend"));
    expect(&lab, first, "friend");
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_NO_SOCKET), 1);
    // Broadcast reaches sockets of any address.
    struct sok_udp *any = open_at(&lab, 0, 7002);
    lab_in(&lab, frame, lab_udp_from(frame, LAB_PEER, 0xffffffff, 4000, 7002, "all", 3));
    len = lab_udp_from(frame, LAB_PEER, 0xffffffff, 4000, 7002, "all", 3);
    memcpy(frame, lab_all, 6);
    lab_in(&lab, frame, len);
    expect(&lab, any, "all");
    sok_udp_close(first);
    sok_udp_close(second);
    sok_udp_close(any);
    lab_close(&lab);
}

static void chosen_ports_differ(void **state)
{
    struct lab lab;
    struct sok_udp *u[200];
    (void)state;
    lab_open(&lab);
    unsigned in_order = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(sok_udp_open(lab.stack, NULL, &u[i]), 0);
        uint16_t port = sok_udp_local(u[i]).port;
        assert_in_range(port, 32768, 60999);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(sok_udp_local(u[k]).port, port);
        in_order += i > 0 && port == sok_udp_local(u[i - 1]).port + 1;
    }
    assert_true(in_order < 5);
    lab_close(&lab); // frees them too
}

static void malformed(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    size_t len = lab_udp(frame, 4000, 7000, "12345678");
    static const uint16_t lengths[] = {0, 7, 17, 65535};
    for (unsigned i = 0; i < 4; i++) {
        sok_put16(frame + 38, lengths[i]);
        lab_in(&lab, frame, len);
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_LENGTH), 4);
    len = lab_udp(frame, 4000, 7000, "12345678");
    frame[42] ^= 1;
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_CHECKSUM), 1);
    lab_in(&lab, frame, lab_udp(frame, 0, 7000, "x"));
    lab_in(&lab, frame, lab_udp(frame, 4000, 0, "x"));
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_PORT_ZERO), 2);
    lab_in(&lab, frame, lab_ip4(frame, SOK_IPPROTO_UDP, 7));
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_SHORT), 1);
    expect(&lab, u, NULL);
    assert_false(lab_out(&lab));
    // No checksum, which IPv4 allows; padding of the frame; a UDP length under IP's.
    len = lab_udp(frame, 4000, 7000, "none");
    sok_put16(frame + 40, 0);
    lab_in(&lab, frame, len);
    expect(&lab, u, "none");
    len = lab_udp(frame, 4000, 7000, "pad");
    memset(frame + len, 0xee, 20);
    lab_in(&lab, frame, len + 20);
    expect(&lab, u, "pad");
    sok_udp_close(u);
    lab_close(&lab);
}

static void receive_queue_is_bounded(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    uint8_t frame[200];
    (void)state;
    lab_config(&config, &lab);
    config.udp_queue = 4096;
    lab_start(&lab, &config, 0);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    size_t before = lab.memory.bytes;
    size_t len = lab_udp(frame, 4000, 7000, "");
    for (int i = 0; i < 1000; i++)
        lab_in(&lab, frame, len);
    assert_true(lab.memory.bytes <= before + 4096);
    uint64_t dropped = lab_drops(&lab, SOK_DROP_UDP_QUEUE_FULL);
    assert_in_range(dropped, 850, 999);
    for (uint64_t i = dropped; i < 1000; i++)
        expect(&lab, u, "");
    expect(&lab, u, NULL);
    assert_int_equal(lab.memory.bytes, before);
    sok_udp_close(u);
    lab_close(&lab);
}

static void send_queue_is_bounded(void **state)
{
    struct lab lab;
    uint8_t data[1473] = {0};
    struct sok_iov iov = {data, 1472};
    struct sok_endpoint to = at(LAB_PEER, 4000);
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    int sent = 0;
    while (sok_udp_sendto(u, &iov, 1, &to, lab.now) == 1472)
        sent++;
    assert_int_equal(sent, 512);
    struct sok_sock *s = sok_stack_changed(lab.stack);
    assert_true(s && !(s->ready & SOK_READY_OUT));
    for (int i = 0; i < 256; i++)
        assert_true(lab_out(&lab));
    s = sok_stack_changed(lab.stack);
    assert_true(s && (s->ready & SOK_READY_OUT));
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), 1472);
    iov.len = 65508;
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), SOK_EMSGSIZE);
    to = at(0xcb007101, 4000);
    iov.len = 1;
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), SOK_ENETUNREACH);
    sok_udp_close(u);
    lab_close(&lab);
}

static void to_groups(void **state)
{
    struct lab lab;
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    struct sok_endpoint to = at(LAB_NET_BROADCAST, 4000);
    struct sok_dgram_opts opts = {.broadcast = true};
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), SOK_EACCES);
    sok_udp_options(u, &opts);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), 1);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_all, 6);
    to = at(0xffffffff, 4000);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), 1);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_all, 6);
    to = at(0xe0808182, 4000); // RFC 1112 section 6.4: the low 23 bits
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), 1);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, "\x01\x00\x5e\x00\x81\x82", 6);
    sok_udp_close(u);
    lab_close(&lab);
}

static void neighbour_that_is_not_there(void **state)
{
    struct lab lab;
    struct sok_iov iov = {(const uint8_t *)"x", 1};
    struct sok_endpoint to = at(LAB_PEER, 4000);
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_at(&lab, 0, 7000);
    assert_int_equal(sok_udp_connect(u, &to), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, NULL, lab.now), 1);
    lab_run_to(&lab, lab.now + 4 * SOK_S);
    assert_int_equal(sok_udp_error(u), SOK_EHOSTUNREACH);
    sok_udp_close(u);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(senders_are_spread),
        cmocka_unit_test(a_way_is_asked_for),
        cmocka_unit_test(what_comes_along),
        cmocka_unit_test(a_checksum_is_never_zero),
        cmocka_unit_test(who_gets_it),
        cmocka_unit_test(chosen_ports_differ),
        cmocka_unit_test(malformed),
        cmocka_unit_test(receive_queue_is_bounded),
        cmocka_unit_test(send_queue_is_bounded),
        cmocka_unit_test(to_groups),
        cmocka_unit_test(neighbour_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
