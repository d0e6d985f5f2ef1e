// Raw sockets: who gets which datagram, in which form; what is sent, with and without a header of the
// program's; errors, limits.
#include "stack/testing.h"

#define PROTO 102

static struct sok_raw *open_raw(struct lab *lab, uint8_t protocol)
{
    struct sok_raw *r;
    assert_int_equal(sok_raw_open(lab->stack, protocol, &r), 0);
    return r;
}

// A datagram of the peer's.
static size_t datagram(uint8_t *p, uint8_t protocol, const char *text)
{
    memcpy(p + 34, text, strlen(text));
    return lab_ip4(p, protocol, strlen(text));
}

// Next to read is the IP packet of this frame; NULL: nothing.
static void expect(struct lab *lab, struct sok_raw *r, const uint8_t *frame, size_t len)
{
    static uint8_t got[66000];
    struct sok_endpoint from;
    int64_t at;
    int64_t n = sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab->now);
    if (!frame) {
        assert_int_equal(n, SOK_EAGAIN);
        return;
    }
    assert_int_equal(n, len - 14);
    assert_memory_equal(got, frame + 14, len - 14);
    assert_int_equal(sok_addr_to_v4(from.addr), LAB_PEER);
    assert_int_equal(at, lab->now);
}

static int64_t send_text(
    struct lab *lab, struct sok_raw *r, const void *data, size_t len, uint32_t to)
{
    struct sok_endpoint dst = {.addr = sok_addr_v4(to)};
    struct sok_iov iov = {data, len};
    return sok_raw_sendto(r, &iov, 1, to ? &dst : NULL, lab->now);
}

static void each_gets_a_copy_with_the_header(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *a = open_raw(&lab, PROTO), *b = open_raw(&lab, PROTO);
    struct sok_raw *other = open_raw(&lab, 103);
    size_t len = datagram(frame, PROTO, "hello");
    while (sok_stack_changed(lab.stack))
        ;
    lab_in(&lab, frame, len);
    assert_non_null(sok_stack_changed(lab.stack));
    assert_true(((struct sok_sock *)a)->ready & SOK_READY_IN);
    expect(&lab, a, frame, len);
    expect(&lab, a, NULL, 0);
    expect(&lab, b, frame, len);
    expect(&lab, other, NULL, 0);
    assert_false(lab_out(&lab)); // nobody is told that there is no such protocol
    sok_raw_close(a);
    sok_raw_close(b);
    lab_in(&lab, frame, len);
    assert_true(lab_out(&lab)); // and now somebody is
    struct sok_icmp_hdr h = lab_icmp_out(&lab);
    assert_true(h.type == SOK_ICMP_UNREACHABLE && h.code == SOK_ICMP_PROTOCOL);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_PROTOCOL), 1);
    lab_close(&lab); // with one open
}

static void also_what_the_stack_handles(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *icmp = open_raw(&lab, SOK_IPPROTO_ICMP), *udp = open_raw(&lab, SOK_IPPROTO_UDP);
    struct sok_raw *tcp = open_raw(&lab, SOK_IPPROTO_TCP);
    size_t len = lab_icmp(frame, SOK_ICMP_ECHO, 0, 7, 1, "ping", 4);
    lab_in(&lab, frame, len);
    expect(&lab, icmp, frame, len);
    assert_true(lab_out(&lab)); // answered nevertheless
    assert_int_equal(lab_icmp_out(&lab).type, SOK_ICMP_ECHO_REPLY);

    len = lab_udp(frame, 4000, 7000, "text");
    lab_in(&lab, frame, len);
    expect(&lab, udp, frame, len);
    assert_true(lab_out(&lab)); // a port that is closed stays closed
    assert_int_equal(lab_icmp_out(&lab).code, SOK_ICMP_PORT);

    len = lab_tcp(frame, 4000, 80, 1, 0, SOK_TCP_SYN, "", 0);
    lab_in(&lab, frame, len);
    expect(&lab, tcp, frame, len);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_ip4_out(&lab).proto, SOK_IPPROTO_TCP);

    // An answer to a ping of the program's own, of which the stack knows nothing, is used.
    len = lab_icmp(frame, SOK_ICMP_ECHO_REPLY, 0, 9, 1, "", 0);
    lab_in(&lab, frame, len);
    expect(&lab, icmp, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_NOBODY), 0);
    lab_close(&lab);
}

static void bound_and_connected(void **state)
{
    struct lab lab;
    uint8_t frame[200];
    struct sok_addr us = sok_addr_v4(LAB_US), peer = sok_addr_v4(LAB_PEER);
    struct sok_addr second = sok_addr_v4(LAB_US + 8), third = sok_addr_v4(LAB_US + 9);
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    assert_int_equal(sok_stack_addr_add(lab.stack, lab.link, second, 24), 0);
    struct sok_raw *bound = open_raw(&lab, PROTO), *connected = open_raw(&lab, PROTO);
    assert_int_equal(sok_raw_bind(bound, &third), SOK_EADDRNOTAVAIL);
    assert_int_equal(sok_raw_bind(bound, &second), 0);
    assert_int_equal(send_text(&lab, connected, "x", 1, 0), SOK_ENOTCONN);
    assert_int_equal(sok_raw_connect(connected, &(struct sok_endpoint){.addr = peer}), 0);
    struct sok_addr local = sok_raw_local(connected);
    assert_true(sok_addr_eq(local, us));

    size_t len = datagram(frame, PROTO, "to us");
    lab_in(&lab, frame, len);
    expect(&lab, bound, NULL, 0);
    expect(&lab, connected, frame, len);
    lab_set_addrs(frame, LAB_PEER, LAB_US + 8);
    lab_in(&lab, frame, len);
    expect(&lab, bound, frame, len);
    expect(&lab, connected, NULL, 0);
    lab_set_addrs(frame, LAB_PEER + 1, LAB_US);
    lab_in(&lab, frame, len);
    expect(&lab, connected, NULL, 0);
    while (lab_out(&lab)) // nobody wanted that one
        ;

    assert_int_equal(send_text(&lab, connected, "abc", 3, 0), 3);
    assert_true(lab_out(&lab));
    struct sok_ip4_hdr h = lab_ip4_out(&lab);
    assert_true(h.proto == PROTO && h.src == LAB_US && h.dst == LAB_PEER && h.len == 23);
    assert_memory_equal(lab.frame + 34, "abc", 3);
    assert_int_equal(send_text(&lab, bound, "abc", 3, LAB_PEER), 3);
    assert_true(lab_out(&lab));
    assert_int_equal(lab_ip4_out(&lab).src, LAB_US + 8);
    lab_close(&lab);
}

static void fragments_come_whole_and_go_in_parts(void **state)
{
    static uint8_t part[1600], data[3000], got[4000], sent[4000];
    struct lab lab;
    struct sok_endpoint from;
    int64_t at;
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO);
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < 2; i++) { // 1480 and 520
        size_t n = i ? 520 : 1480;
        memcpy(part + 34, data + 1480 * i, n);
        size_t len = lab_ip4(part, PROTO, n);
        sok_put16(part + 20, (uint16_t)(i ? 185 : SOK_IP4_MF << 13));
        sok_ip4_seal(part + 14, 20);
        lab_in(&lab, part, len);
    }
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), 2020);
    assert_memory_equal(got + 20, data, 2000);
    assert_int_equal(sok_get16(got + 2), 2020);
    assert_int_equal(sok_get16(got + 6), 0);
    assert_true(sok_ip4_verify(got, 20));

    assert_int_equal(send_text(&lab, r, data, 3000, LAB_PEER), 3000);
    uint32_t have = 0, frames = 0;
    for (; lab_out(&lab); frames++) {
        uint32_t off = 8u * (sok_get16(lab.frame + 20) & 0x1fff), n = lab.len - 34;
        memcpy(sent + off, lab.frame + 34, n);
        have += n;
    }
    assert_int_equal(frames, 3);
    assert_int_equal(have, 3000);
    assert_memory_equal(sent, data, 3000);
    lab_close(&lab);
}

// The header a program gives, with its fields that are filled in: length, id, source, checksum.
static size_t own_header(uint8_t *p, uint16_t id, uint32_t src, uint32_t dst)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.len = 1;
    h.id = id;
    h.flags = SOK_IP4_DF;
    h.ttl = 3;
    h.proto = 44;
    h.src = src;
    h.dst = dst;
    sok_ip4_hdr_put(p, &h);
    memcpy(p + 20, "data", 4);
    return 24;
}

static void a_header_of_the_programs(void **state)
{
    static uint8_t large[1501];
    struct lab lab;
    uint8_t p[200];
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, SOK_IPPROTO_RAW);
    assert_int_equal(sok_raw_has_hdrincl(r), true);
    size_t len = own_header(p, 0, 0, LAB_PEER);
    assert_int_equal(send_text(&lab, r, p, len, LAB_PEER), len);
    assert_true(lab_out(&lab));
    struct sok_ip4_hdr h = {0};
    assert_true(sok_ip4_get(lab.frame + 14, lab.len - 14, &h));
    assert_true(sok_ip4_verify(lab.frame + 14, 20));
    assert_true(h.len == 24 && h.src == LAB_US && h.ttl == 3 && h.proto == 44);
    assert_int_equal(h.flags, SOK_IP4_DF);
    assert_int_equal(lab.len, 38);
    uint16_t first = h.id;

    assert_int_equal(send_text(&lab, r, p, own_header(p, 0, 0, LAB_PEER), LAB_PEER), len);
    assert_true(lab_out(&lab) && sok_ip4_get(lab.frame + 14, lab.len - 14, &h));
    assert_int_equal(h.id, (uint16_t)(first + 1));

    // What is given stays: another's source, another's destination than the one it goes to.
    len = own_header(p, 77, 0xcb007109, 0xcb00710a);
    assert_int_equal(send_text(&lab, r, p, len, LAB_PEER), len);
    assert_true(lab_out(&lab) && sok_ip4_get(lab.frame + 14, lab.len - 14, &h));
    assert_true(h.id == 77 && h.src == 0xcb007109 && h.dst == 0xcb00710a);
    assert_memory_equal(lab.frame, lab_peer_mac, 6);

    own_header(large, 1, 0, LAB_PEER);
    assert_int_equal(send_text(&lab, r, large, 1501, LAB_PEER), SOK_EMSGSIZE);
    assert_int_equal(send_text(&lab, r, large, 1500, LAB_PEER), 1500);
    assert_int_equal(send_text(&lab, r, p, 19, LAB_PEER), SOK_EINVAL);
    p[0] = 0x4f; // a header of 60 bytes
    assert_int_equal(send_text(&lab, r, p, 24, LAB_PEER), SOK_EINVAL);
    p[0] = 0x44;
    assert_int_equal(send_text(&lab, r, p, 24, LAB_PEER), SOK_EINVAL);
    sok_raw_hdrincl(r, false);
    sok_raw_options(r, &(struct sok_dgram_opts){.ttl = 9, .tos = 16});
    assert_true(lab_out(&lab));
    assert_int_equal(send_text(&lab, r, "x", 1, LAB_PEER), 1);
    assert_true(lab_out(&lab) && sok_ip4_get(lab.frame + 14, lab.len - 14, &h));
    assert_true(h.proto == 255 && h.ttl == 9 && h.tos == 16);
    size_t n = datagram(p, SOK_IPPROTO_RAW, "255");
    lab_in(&lab, p, n);
    expect(&lab, r, NULL, 0); // it only sends
    lab_close(&lab);
}

static void a_queue_has_its_limit(void **state)
{
    static uint8_t frame[1600];
    struct sok_stack_config config;
    struct lab lab;
    unsigned taken = 0;
    (void)state;
    lab_config(&config, &lab);
    config.raw_queue = 4096;
    lab_start(&lab, &config, 0);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO);
    size_t len = lab_ip4(frame, PROTO, 1000);
    for (unsigned i = 0; i < 10; i++)
        lab_in(&lab, frame, len);
    uint64_t dropped = lab_drops(&lab, SOK_DROP_RAW_QUEUE_FULL);
    assert_true(dropped > 0 && dropped < 10);
    assert_false(lab_out(&lab)); // full is not unknown
    for (; ((struct sok_sock *)r)->ready & SOK_READY_IN; taken++)
        expect(&lab, r, frame, len);
    assert_int_equal(taken + dropped, 10);
    sok_raw_options(r, &(struct sok_dgram_opts){.queue = 100000}); // its own
    for (unsigned i = 0; i < 10; i++)
        lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_RAW_QUEUE_FULL), dropped);
    lab_close(&lab);
}

// What the peer (or a router) says about a datagram of ours.
static void complain(struct lab *lab, uint8_t code, uint8_t protocol)
{
    uint8_t frame[200], quoted[21] = {0}; // a short one, quoted whole
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.len = 21;
    h.proto = protocol;
    h.src = LAB_US;
    h.dst = LAB_PEER;
    sok_ip4_hdr_put(quoted, &h);
    sok_ip4_seal(quoted, 20);
    size_t len = lab_icmp(frame, SOK_ICMP_UNREACHABLE, code, 0, 0, quoted, sizeof(quoted));
    lab_in(lab, frame, len);
}

static void errors_of_a_connected_socket(void **state)
{
    struct lab lab;
    struct sok_addr peer = sok_addr_v4(LAB_PEER);
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO), *loose = open_raw(&lab, PROTO);
    assert_int_equal(sok_raw_connect(r, &(struct sok_endpoint){.addr = peer}), 0);
    complain(&lab, SOK_ICMP_HOST, PROTO); // may pass
    assert_int_equal(sok_raw_error(r), 0);
    complain(&lab, SOK_ICMP_PROTOCOL, 103);
    assert_int_equal(sok_raw_error(r), 0);
    complain(&lab, SOK_ICMP_PROTOCOL, PROTO);
    assert_true(((struct sok_sock *)r)->ready & SOK_READY_ERROR);
    assert_int_equal(sok_raw_error(loose), 0);
    assert_int_equal(send_text(&lab, r, "x", 1, 0), SOK_EOPNOTSUPP); // told once
    assert_int_equal(send_text(&lab, r, "x", 1, 0), 1);
    complain(&lab, SOK_ICMP_FRAG_NEEDED, PROTO);
    assert_int_equal(sok_raw_error(r), SOK_EMSGSIZE);
    lab_close(&lab);
}

static void a_neighbour_that_is_not_there(void **state)
{
    struct lab lab;
    struct sok_addr peer = sok_addr_v4(LAB_PEER);
    (void)state;
    lab_open(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO);
    assert_int_equal(sok_raw_connect(r, &(struct sok_endpoint){.addr = peer}), 0);
    assert_int_equal(send_text(&lab, r, "12345678", 8, 0), 8);
    while (lab_out(&lab))
        ;
    lab_run_to(&lab, lab.now + 20 * SOK_S);
    while (lab_out(&lab))
        ;
    assert_int_equal(sok_raw_error(r), SOK_EHOSTUNREACH);
    lab_close(&lab);
}

static void to_ourselves(void **state)
{
    struct lab lab;
    uint8_t p[64], got[100];
    struct sok_endpoint from;
    int64_t at;
    (void)state;
    lab_open(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO);
    assert_int_equal(send_text(&lab, r, "me", 2, 0x7f000001), 2);
    lab_run_to(&lab, lab.now + SOK_MS);
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), 22);
    assert_memory_equal(got + 20, "me", 2);

    // A wrong checksum is no better for having stayed inside.
    struct sok_raw *icmp = open_raw(&lab, SOK_IPPROTO_ICMP);
    memcpy(p, "\x08\0\xde\xad\0\1\0\1", 8);
    assert_int_equal(send_text(&lab, icmp, p, 8, 0x7f000001), 8);
    lab_run_to(&lab, lab.now + SOK_MS);
    assert_int_equal(lab_drops(&lab, SOK_DROP_ICMP_CHECKSUM), 1);
    lab_close(&lab);
}

static void an_open_checksum_is_completed(void **state)
{
    struct lab lab;
    uint8_t p[200], got[200], whole[200];
    struct sok_endpoint from;
    int64_t at;
    (void)state;
    lab_open(&lab);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, SOK_IPPROTO_UDP);
    size_t len = lab_udp(p, 4000, 7000, "text");
    memcpy(whole, p, len);
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo4(&c, LAB_PEER, LAB_US, SOK_IPPROTO_UDP, (uint32_t)len - 34);
    sok_put16(p + 40, sok_csum_fold(&c));
    struct sok_mem mem = sok_mem_libc();
    struct sok_buf *buf = sok_buf_new(&mem, 300);
    memcpy(buf->data + 50, p, len);
    struct sok_frame frame = {.buf = buf,
        .off = 50,
        .len = (uint32_t)len,
        .meta = {.csum_partial = true, .csum_valid = true, .csum_start = 34, .csum_offset = 6}};
    sok_stack_input(lab.stack, lab.link, &frame, lab.now);
    sok_buf_unref(buf);
    assert_int_equal(sok_raw_recvfrom(r, got, sizeof(got), &from, &at, lab.now), len - 14);
    assert_memory_equal(got, whole + 14, len - 14);
    lab_close(&lab);
}

static void room_is_waited_for(void **state)
{
    struct sok_stack_config config;
    struct lab lab;
    (void)state;
    lab_config(&config, &lab);
    config.out_queue_max = 4;
    lab_start(&lab, &config, 0);
    lab_know_peer(&lab);
    struct sok_raw *r = open_raw(&lab, PROTO);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(send_text(&lab, r, "x", 1, LAB_PEER), 1);
    assert_int_equal(send_text(&lab, r, "x", 1, LAB_PEER), SOK_EAGAIN);
    assert_false(((struct sok_sock *)r)->ready & SOK_READY_OUT);
    sok_raw_hdrincl(r, true);
    uint8_t p[64];
    size_t len = own_header(p, 1, 0, LAB_PEER);
    assert_int_equal(send_text(&lab, r, p, len, LAB_PEER), SOK_EAGAIN);
    while (lab_out(&lab))
        ;
    assert_true(((struct sok_sock *)r)->ready & SOK_READY_OUT);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_a_copy_with_the_header),
        cmocka_unit_test(also_what_the_stack_handles),
        cmocka_unit_test(bound_and_connected),
        cmocka_unit_test(fragments_come_whole_and_go_in_parts),
        cmocka_unit_test(a_header_of_the_programs),
        cmocka_unit_test(a_queue_has_its_limit),
        cmocka_unit_test(errors_of_a_connected_socket),
        cmocka_unit_test(a_neighbour_that_is_not_there),
        cmocka_unit_test(to_ourselves),
        cmocka_unit_test(an_open_checksum_is_completed),
        cmocka_unit_test(room_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
