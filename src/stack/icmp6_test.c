// ICMPv6: echo both ways, when errors are sent and when not, which errors are believed, path MTUs, raw sockets.
// Expectations are RFC 4443 (section 2.4 above all), RFC 5927 and RFC 8201.
#include "stack/testing6.h"

static const struct sok_addr router = {{LAB6_PREFIX, [15] = 0xfe}};

static void open_known(struct lab *lab)
{
    lab6_open(lab);
    lab6_know_peer(lab);
}

// ---- echo ----

static void answers_echo(void **state)
{
    static struct lab lab;
    uint8_t frame[2000], data[1452];
    (void)state;
    open_known(&lab);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    static const size_t sizes[] = {0, 1, 56, 1452};
    for (unsigned i = 0; i < 4; i++) {
        struct sok_icmp6_hdr h = {.type = SOK_ICMP6_ECHO, .id = 0x1234, .seq = (uint16_t)i};
        size_t len = lab6_icmp(frame, &lab6_peer, &lab6_us, &h, data, sizes[i]);
        frame[14] = 0x64; // the answer has the same traffic class
        frame[15] = 0x80;
        lab_in(&lab, frame, len);
        assert_true(lab6_out(&lab));
        struct sok_ip6_hdr ip = lab6_ip_out(&lab, SOK_IPPROTO_ICMP6);
        struct sok_addr src = sok_ip6_src(&ip), dst = sok_ip6_dst(&ip);
        h = lab6_icmp_out(&lab);
        assert_true(h.type == SOK_ICMP6_ECHO_REPLY && h.id == 0x1234 && h.seq == i);
        assert_true(sok_addr_eq(src, lab6_us) && sok_addr_eq(dst, lab6_peer));
        assert_true(ip.tc == 0x48 && ip.hlim == 64);
        assert_int_equal(lab.len, len);
        assert_memory_equal(lab.frame + LAB6_AT + 8, data, sizes[i]);
        assert_false(lab6_out(&lab));
    }
    frame[LAB6_AT + 8] ^= 1;
    lab_in(&lab, frame, LAB6_AT + 1460);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_CHECKSUM), 1);
    lab_in(&lab, frame, lab6_ip(frame, &lab6_peer, &lab6_us, SOK_IPPROTO_ICMP6, 64, 7));
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_SHORT), 1);
    lab_close(&lab);
}

// Section 4.2: from an address of ours; and no more often than errors.
static void answers_for_a_group(void **state)
{
    static struct lab lab;
    uint8_t frame[200];
    (void)state;
    open_known(&lab);
    struct sok_icmp6_hdr h = {.type = SOK_ICMP6_ECHO};
    size_t len = lab6_icmp(frame, &lab6_peer, &lab6_all_nodes, &h, "0123", 4);
    lab_in(&lab, frame, len);
    lab_in(&lab, frame, len);
    assert_true(lab6_out(&lab));
    struct sok_ip6_hdr ip = lab6_ip_out(&lab, SOK_IPPROTO_ICMP6);
    struct sok_addr src = sok_ip6_src(&ip);
    assert_int_equal(lab6_icmp_out(&lab).type, SOK_ICMP6_ECHO_REPLY);
    assert_true(sok_addr_eq(src, lab6_us));
    assert_false(lab6_out(&lab));
    assert_int_equal(lab_drops(&lab, SOK_DROP_RATE), 1);
    lab_in(&lab, frame, lab6_icmp(frame, &lab6_any, &lab6_us, &h, "0123", 4));
    assert_false(lab6_out(&lab));
    lab_close(&lab);
}

static void pings(void **state)
{
    static struct lab lab;
    uint8_t frame[200];
    struct sok_echo *e;
    struct sok_echo_reply r;
    (void)state;
    open_known(&lab);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &lab6_peer, 5, "payload", 7, 9, lab.now), 0);
    assert_true(lab6_out(&lab));
    struct sok_icmp6_hdr h = lab6_icmp_out(&lab);
    assert_true(h.type == SOK_ICMP6_ECHO && h.seq == 5);
    assert_int_equal(lab6_ip_out(&lab, SOK_IPPROTO_ICMP6).hlim, 9);
    lab.now += 3 * SOK_MS;
    h.type = SOK_ICMP6_ECHO_REPLY;
    h.seq = 6; // nobody asked
    lab_in(&lab, frame, lab6_icmp(frame, &lab6_peer, &lab6_us, &h, "payload", 7));
    h.seq = 5;
    lab_in(&lab, frame, lab6_icmp(frame, &router, &lab6_us, &h, "payload", 7));
    assert_int_equal(sok_echo_recv(e, &r, lab.now), SOK_EAGAIN);
    lab_in(&lab, frame, lab6_icmp(frame, &lab6_peer, &lab6_us, &h, "payload", 7));
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == 0 && r.seq == 5 && r.ttl == 64 && r.rtt == 3 * SOK_MS && r.len == 7);
    assert_true(sok_addr_eq(r.from, lab6_peer));
    assert_int_equal(sok_echo_send(e, &lab6_peer, 6, frame, 65528, 0, lab.now), SOK_EMSGSIZE);
    // To ourselves, and back.
    struct sok_addr loopback = {{[15] = 1}};
    assert_int_equal(sok_echo_send(e, &loopback, 7, "payload", 7, 0, lab.now), 0);
    sok_stack_advance(lab.stack, lab.now);
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == 0 && r.seq == 7 && sok_addr_eq(r.from, loopback));
    sok_echo_close(e);
    lab_close(&lab);
}

// ---- errors we send ----

static void closed_port(void **state)
{
    static struct lab lab;
    uint8_t frame[2000], data[1400] = {0};
    (void)state;
    open_known(&lab);
    static const size_t sizes[] = {0, 10, 1184, 1185, 1400};
    for (unsigned i = 0; i < 5; i++) {
        size_t len = lab6_udp(frame, 4000, 9, data, sizes[i]);
        lab_in(&lab, frame, len);
        assert_true(lab6_out(&lab));
        struct sok_icmp6_hdr h = lab6_icmp_out(&lab);
        assert_true(h.type == SOK_ICMP6_UNREACHABLE && h.code == SOK_ICMP6_PORT);
        assert_int_equal(sok_icmp6_word(&h), 0);
        size_t quoted = len - 14 < 1232 ? len - 14 : 1232; // 1280 in all
        assert_int_equal(lab.len, LAB6_AT + 8 + quoted);
        assert_memory_equal(lab.frame + LAB6_AT + 8, frame + 14, quoted);
        lab.now += 10 * SOK_MS;
    }
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_NO_SOCKET), 5);
    lab_in(&lab, frame, lab6_udp(frame, 4000, 9, data, 4));
    lab_in(&lab, frame, lab6_udp(frame, 4000, 9, data, 4));
    assert_int_equal(lab_drops(&lab, SOK_DROP_RATE), 1);
    lab_close(&lab);
}

// Behind extension headers, an unknown option or header in packets that must not be answered (section 2.4 e).
static void errors_that_must_not_be_sent(void **state)
{
    static struct lab lab;
    uint8_t f[200] = {0};
    uint8_t *at = f + LAB6_AT;
    (void)state;
    open_known(&lab);
    // An error, and a redirect, with a destination option that is to be told of.
    static const uint8_t types[] = {SOK_ICMP6_UNREACHABLE, 100, SOK_ICMP6_REDIRECT};
    for (unsigned i = 0; i < 3; i++) {
        memcpy(at, (uint8_t[]){SOK_IPPROTO_ICMP6, 0, 0x80, 4, 0, 0, 0, 0, types[i]}, 9);
        lab_in(&lab, f, lab6_ip(f, &lab6_peer, &lab6_us, SOK_IP6_DEST, 255, 48));
        assert_false(lab6_out(&lab));
    }
    // An unknown protocol, to a group or from nobody; to a group only the option is told of.
    lab_in(&lab, f, lab6_ip(f, &lab6_peer, &lab6_all_nodes, 253, 64, 8));
    lab_in(&lab, f, lab6_ip(f, &lab6_any, &lab6_us, 253, 64, 8));
    assert_false(lab6_out(&lab));
    memcpy(at, (uint8_t[]){59, 0, 0xc0, 4, 0, 0, 0, 0}, 8);
    lab_in(&lab, f, lab6_ip(f, &lab6_peer, &lab6_all_nodes, SOK_IP6_DEST, 64, 8));
    assert_false(lab6_out(&lab));
    at[2] = 0x80;
    lab_in(&lab, f, lab6_ip(f, &lab6_peer, &lab6_all_nodes, SOK_IP6_DEST, 64, 8));
    assert_true(lab6_out(&lab));
    struct sok_icmp6_hdr h = lab6_icmp_out(&lab);
    assert_true(h.type == SOK_ICMP6_PARAMETER && h.code == SOK_ICMP6_OPTION);
    assert_int_equal(sok_icmp6_word(&h), 42);
    lab_close(&lab);
}

// ---- errors we are told ----

// An error of the router about what is in lab->frame, of which `quoted` bytes are quoted.
static void complain(struct lab *lab, uint8_t type, uint8_t code, uint32_t word, size_t quoted)
{
    uint8_t frame[2000];
    struct sok_icmp6_hdr h = {
        .type = type, .code = code, .id = (uint16_t)(word >> 16), .seq = (uint16_t)word};
    lab_in(lab, frame, lab6_icmp(frame, &router, &lab6_us, &h, lab->frame + 14, quoted));
}

static struct sok_udp *udp_to_peer(struct lab *lab)
{
    struct sok_endpoint to = {.addr = lab6_peer, .port = 53};
    struct sok_udp *u;
    struct sok_endpoint local = {.addr = lab6_us, .port = 5000};
    struct sok_iov iov = {(const uint8_t *)"question", 8};
    assert_int_equal(sok_udp_open(lab->stack, &local, &u), 0);
    assert_int_equal(sok_udp_connect(u, &to), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, NULL, lab->now), 8);
    assert_true(lab6_out(lab));
    return u;
}

static void udp_is_told(void **state)
{
    static struct lab lab;
    (void)state;
    static const struct {
        uint8_t type, code;
        int err;
    } rows[] = {
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_NO_ROUTE, SOK_ENETUNREACH},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_ADMIN, SOK_EACCES},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_BEYOND_SCOPE, SOK_EHOSTUNREACH},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_ADDRESS, SOK_EHOSTUNREACH},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, SOK_EREFUSED},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_POLICY, SOK_EACCES},
        {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_REJECT, SOK_EACCES},
        {SOK_ICMP6_TIME_EXCEEDED, SOK_ICMP6_HOPS, SOK_EHOSTUNREACH},
        {SOK_ICMP6_PARAMETER, SOK_ICMP6_NEXT, SOK_EPROTO},
        {99, 0, SOK_EPROTO}, // unknown types are told (section 2.4 a)
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_known(&lab);
        struct sok_udp *u = udp_to_peer(&lab);
        complain(&lab, rows[i].type, rows[i].code, 0, 47); // a byte too few
        assert_int_equal(sok_udp_error(u), 0);
        assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 1);
        complain(&lab, rows[i].type, rows[i].code, 0, 48);
        assert_int_equal(sok_udp_error(u), rows[i].err);
        lab.frame[14 + 23] ^= 8; // not from us
        complain(&lab, rows[i].type, rows[i].code, 0, 48);
        assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 2);
        lab.frame[14 + 23] ^= 8;
        lab.frame[14 + 43] ^= 1; // another port
        complain(&lab, rows[i].type, rows[i].code, 0, 48);
        lab.frame[14] = 0x45; // not IPv6
        complain(&lab, rows[i].type, rows[i].code, 0, 48);
        assert_int_equal(sok_udp_error(u), 0);
        assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 4);
        sok_udp_close(u);
        lab_close(&lab);
    }
}

static void tcp_is_told(void **state)
{
    static struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = lab6_peer, .port = 80};
    (void)state;
    open_known(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab6_out(&lab));
    struct sok_ip6_hdr ip = lab6_ip_out(&lab, SOK_IPPROTO_TCP);
    assert_true(ip.fl != 0 && ip.hlim == 64);
    uint32_t seq = sok_get32(lab.frame + LAB6_AT + 4);
    sok_put32(lab.frame + LAB6_AT + 4, seq + 1000); // never sent
    complain(&lab, SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, 0, 60);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 1);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_SYN_SENT);
    sok_put32(lab.frame + LAB6_AT + 4, seq);
    complain(&lab, SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, 0, 60);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_CLOSED);
    sok_tcp_close(c, lab.now);
    lab_close(&lab);
}

// ---- path MTUs (RFC 8201) ----

static uint32_t longest_out(struct lab *lab, unsigned *count)
{
    uint32_t longest = 0;
    for (*count = 0; lab6_out(lab); ++*count)
        longest = lab->len > longest ? lab->len : longest;
    return longest - 14;
}

static void datagrams_learn_the_path(void **state)
{
    static struct lab lab;
    static uint8_t data[3000];
    struct sok_iov iov = {data, 1400};
    unsigned count;
    (void)state;
    open_known(&lab);
    struct sok_udp *u = udp_to_peer(&lab);
    lab.frame[14 + 43] ^= 1; // of no socket
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 1300, 48);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_QUOTE), 1);
    lab.frame[14 + 43] ^= 1;
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 1279, 48); // what every link takes is not too much
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 0, 48);
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 1500, 48);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_MTU), 3);
    sok_udp_sendto(u, &iov, 1, NULL, lab.now);
    assert_int_equal(longest_out(&lab, &count), 1448);
    assert_int_equal(count, 1);
    assert_int_equal(sok_udp_sendto(u, &(struct sok_iov){data, 8}, 1, NULL, lab.now), 8);
    assert_true(lab6_out(&lab));
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 1300, 48);
    sok_udp_sendto(u, &iov, 1, NULL, lab.now);
    assert_true(longest_out(&lab, &count) <= 1300);
    assert_int_equal(count, 2); // cut by the source
    lab.now += 601 * SOK_S;     // after a while larger ones are tried again
    sok_stack_advance(lab.stack, lab.now);
    sok_udp_sendto(u, &iov, 1, NULL, lab.now);
    assert_int_equal(longest_out(&lab, &count), 1448);
    sok_udp_close(u);
    lab_close(&lab);
}

static void pings_learn_the_path(void **state)
{
    static struct lab lab;
    static uint8_t data[1400];
    struct sok_echo *e;
    struct sok_echo_reply r;
    unsigned count;
    (void)state;
    open_known(&lab);
    assert_int_equal(sok_echo_open(lab.stack, &e), 0);
    assert_int_equal(sok_echo_send(e, &lab6_peer, 1, data, sizeof(data), 0, lab.now), 0);
    assert_true(lab6_out(&lab));
    complain(&lab, SOK_ICMP6_TOO_BIG, 0, 1280, 48);
    assert_int_equal(sok_echo_recv(e, &r, lab.now), 0);
    assert_true(r.err == SOK_EMSGSIZE && r.seq == 1);
    assert_int_equal(sok_echo_send(e, &lab6_peer, 2, data, sizeof(data), 0, lab.now), 0);
    assert_true(longest_out(&lab, &count) <= 1280);
    assert_int_equal(count, 2);
    sok_echo_close(e);
    lab_close(&lab);
}

// ---- raw sockets (RFC 3542 section 3) ----

static void raw_both_ways(void **state)
{
    static struct lab lab;
    uint8_t frame[200], got[100];
    struct sok_raw *r, *four;
    struct sok_endpoint from;
    int64_t at;
    (void)state;
    open_known(&lab);
    assert_int_equal(sok_raw_open6(lab.stack, 102, &r), 0);
    assert_int_equal(sok_raw_open(lab.stack, 102, &four), 0);
    // Behind a destination header; IPv4's sockets hear nothing of it.
    memcpy(frame + LAB6_AT, "\x66\0\x1\x4\0\0\0\0hello", 13);
    lab_in(&lab, frame, lab6_ip(frame, &lab6_peer, &lab6_us, SOK_IP6_DEST, 64, 13));
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), 5);
    assert_memory_equal(got, "hello", 5);
    assert_true(sok_addr_eq(from.addr, lab6_peer));
    assert_int_equal(sok_raw_recvfrom(four, got, sizeof(got), &from, &at, lab.now), SOK_EAGAIN);
    assert_false(lab6_out(&lab)); // it is known
    struct sok_iov iov = {(const uint8_t *)"answer", 6};
    struct sok_addr v4 = sok_addr_v4(LAB_PEER);
    assert_int_equal(
        sok_raw_sendto(r, &iov, 1, &(struct sok_endpoint){.addr = v4}, lab.now), SOK_EAFNOSUPPORT);
    assert_int_equal(
        sok_raw_sendto(four, &iov, 1, &(struct sok_endpoint){.addr = lab6_peer}, lab.now),
        SOK_EAFNOSUPPORT);
    assert_int_equal(
        sok_raw_sendto(r, &iov, 1, &(struct sok_endpoint){.addr = lab6_peer}, lab.now), 6);
    assert_true(lab6_out(&lab));
    assert_int_equal(lab6_ip_out(&lab, 102).plen, 6);
    assert_memory_equal(lab.frame + LAB6_AT, "answer", 6);
    sok_raw_close(r);
    sok_raw_close(four);
    lab_close(&lab);
}

static void raw_checksums(void **state)
{
    static struct lab lab;
    uint8_t frame[200], got[100];
    struct sok_raw *r, *icmp;
    struct sok_endpoint from;
    int64_t at;
    (void)state;
    open_known(&lab);
    assert_int_equal(sok_raw_open6(lab.stack, 102, &r), 0);
    assert_int_equal(sok_raw_checksum_at(r), -1);
    assert_int_equal(sok_raw_checksum(r, 3), SOK_EINVAL);
    assert_int_equal(sok_raw_checksum(r, 2), 0);
    assert_int_equal(sok_raw_checksum_at(r), 2);
    struct sok_iov iov = {(const uint8_t *)"abXXefgh", 8};
    assert_int_equal(
        sok_raw_sendto(r, &iov, 1, &(struct sok_endpoint){.addr = lab6_peer}, lab.now), 8);
    assert_int_equal(sok_raw_sendto(r, &(struct sok_iov){iov.base, 3}, 1,
                         &(struct sok_endpoint){.addr = lab6_peer}, lab.now),
        SOK_EINVAL);
    assert_true(lab6_out(&lab));
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &lab6_us, &lab6_peer, 102, 8);
    sok_csum_add(&c, lab.frame + LAB6_AT, 8);
    assert_int_equal(sok_csum_final(&c), 0);
    memcpy(frame + LAB6_AT, lab.frame + LAB6_AT, 8); // the sum is the same both ways
    lab_in(&lab, frame, lab6_ip(frame, &lab6_peer, &lab6_us, 102, 64, 8));
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), 8);
    frame[LAB6_AT] ^= 1;
    lab_in(&lab, frame, lab6_ip(frame, &lab6_peer, &lab6_us, 102, 64, 8));
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), SOK_EAGAIN);
    sok_raw_close(r);
    assert_int_equal(sok_raw_open6(lab.stack, SOK_IPPROTO_ICMP6, &icmp), 0);
    assert_int_equal(sok_raw_checksum(icmp, 4), SOK_EINVAL);
    assert_int_equal(sok_raw_checksum(icmp, 2), 0);
    iov = (struct sok_iov){(const uint8_t *)"\x80\0\0\0\0\1\0\2", 8};
    assert_int_equal(
        sok_raw_sendto(icmp, &iov, 1, &(struct sok_endpoint){.addr = lab6_peer}, lab.now), 8);
    while (lab6_out(&lab) && lab.frame[14 + 6] != SOK_IPPROTO_ICMP6) {
    }
    assert_int_equal(lab6_icmp_out(&lab).type, SOK_ICMP6_ECHO);
    sok_raw_close(icmp);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_echo),
        cmocka_unit_test(answers_for_a_group),
        cmocka_unit_test(pings),
        cmocka_unit_test(closed_port),
        cmocka_unit_test(errors_that_must_not_be_sent),
        cmocka_unit_test(udp_is_told),
        cmocka_unit_test(tcp_is_told),
        cmocka_unit_test(datagrams_learn_the_path),
        cmocka_unit_test(pings_learn_the_path),
        cmocka_unit_test(raw_both_ways),
        cmocka_unit_test(raw_checksums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
