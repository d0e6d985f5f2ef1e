// IPv6 in and out: who is answered and how when a header is bad, extension headers, fragments, UDP and TCP over it.
#include "stack/testing.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

#define PACKET_AT 14
#define BEHIND_AT (PACKET_AT + SOK_IP6_HDR_LEN)

static const struct sok_addr us = {{0x20, 1, 0xd, 0xb8, [15] = 1}};
static const struct sok_addr peer = {{0x20, 1, 0xd, 0xb8, [15] = 2}};
static const struct sok_addr all_nodes = {{0xff, 2, [15] = 1}};

static void open_lab(struct lab *lab)
{
    lab_open(lab);
    assert_int_equal(sok_stack_addr_add(lab->stack, lab->link, us, 64), 0);
    assert_int_equal(sok_stack_neighbour_add(lab->stack, lab->link, peer, lab_peer_mac), 0);
    while (lab_out(lab)) { // what joining groups says
    }
}

// A packet from the peer to us with `len` bytes behind its header, which are there already.
static size_t packet(uint8_t *p, uint8_t next, size_t len)
{
    struct sok_ip6_hdr h = {.version = 6, .plen = (uint16_t)len, .nh = next, .hlim = 64};
    memcpy(h.src, peer.b, 16);
    memcpy(h.dst, us.b, 16);
    lab_eth(p, lab_mac, lab_peer_mac, SOK_ETHERTYPE_IP6);
    sok_ip6_hdr_put(p + PACKET_AT, &h);
    return BEHIND_AT + len;
}

static size_t udp(uint8_t *p, uint16_t dport, const char *text)
{
    struct sok_udp_hdr h = {.sport = 1000, .dport = dport, .len = (uint16_t)(8 + strlen(text))};
    struct sok_csum c;
    sok_udp_hdr_put(p, &h);
    memcpy(p + 8, text, strlen(text));
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &peer, &us, SOK_IPPROTO_UDP, h.len);
    sok_csum_add(&c, p, h.len);
    sok_put16(p + 6, sok_csum_final(&c));
    return h.len;
}

// What came out is an ICMPv6 error with this word that quotes the packet from its beginning.
static void expect_error(
    struct lab *lab, const uint8_t *sent, uint8_t type, uint8_t code, uint32_t word)
{
    struct sok_icmp6_hdr h;
    do { // reports of groups, which have hop-by-hop options, are of no interest here
        assert_true(lab_out(lab));
    } while (lab->frame[PACKET_AT + 6] == SOK_IP6_HOP);
    assert_int_equal(lab_type(lab), SOK_ETHERTYPE_IP6);
    assert_int_equal(lab->frame[PACKET_AT + 6], SOK_IPPROTO_ICMP6);
    sok_icmp6_hdr_get(lab->frame + BEHIND_AT, &h);
    assert_int_equal(h.type, type);
    assert_int_equal(h.code, code);
    assert_int_equal(sok_icmp6_word(&h), word);
    assert_true(sok_icmp6_verify(lab->frame + BEHIND_AT, lab->len - BEHIND_AT, &us, &peer));
    assert_memory_equal(lab->frame + BEHIND_AT + 8, sent + PACKET_AT, SOK_IP6_HDR_LEN);
}

struct bad_header {
    const char *what;
    uint8_t next;
    uint8_t behind[24];
    uint8_t len;
    uint8_t drop;
    uint8_t code; // of the parameter problem; 255: none is sent
    uint32_t word;
};

static const struct bad_header bad_headers[] = {
    {"unknown protocol", 253, {0}, 8, SOK_DROP_IP_PROTOCOL, SOK_ICMP6_NEXT, 6},
    {"unknown protocol behind options", SOK_IP6_DEST, {253, 0, 1, 4}, 8, SOK_DROP_IP_PROTOCOL,
        SOK_ICMP6_NEXT, 40},
    {"nothing follows", SOK_IP6_NONE, {0}, 0, SOK_DROP_IP_EMPTY, 255, 0},
    {"hop-by-hop in second place", SOK_IP6_DEST, {SOK_IP6_HOP, 0, 1, 4, 0, 0, 0, 0, 59, 0, 1, 4},
        16, SOK_DROP_IP_EXTENSION, SOK_ICMP6_NEXT, 40},
    {"routing header with segments left", SOK_IP6_ROUTING, {59, 0, 0, 1}, 8, SOK_DROP_IP_EXTENSION,
        SOK_ICMP6_FIELD, 42},
    {"routing header that has ended", SOK_IP6_ROUTING, {59, 0, 0, 0}, 8, SOK_DROP_IP_EMPTY, 255, 0},
    {"option to skip", SOK_IP6_DEST, {59, 0, 0x1e, 4}, 8, SOK_DROP_IP_EMPTY, 255, 0},
    {"option to discard", SOK_IP6_DEST, {59, 0, 0x5e, 4}, 8, SOK_DROP_IP_EXTENSION, 255, 0},
    {"option to tell of", SOK_IP6_DEST, {59, 0, 0x9e, 4}, 8, SOK_DROP_IP_EXTENSION,
        SOK_ICMP6_OPTION, 42},
    {"option to tell one host of", SOK_IP6_DEST, {59, 0, 1, 0, 0xde, 2}, 8, SOK_DROP_IP_EXTENSION,
        SOK_ICMP6_OPTION, 44},
    {"jumbogram", SOK_IP6_HOP, {59, 0, 0xc2, 4, 0, 1, 0, 0}, 8, SOK_DROP_IP_EXTENSION,
        SOK_ICMP6_OPTION, 42},
    {"router alert", SOK_IP6_HOP, {59, 0, 5, 2, 0, 0, 1, 0}, 8, SOK_DROP_IP_EMPTY, 255, 0},
    {"router alert for the destination alone is skipped", SOK_IP6_DEST, {59, 0, 5, 2, 0, 0, 1, 0},
        8, SOK_DROP_IP_EMPTY, 255, 0},
    {"option past its header", SOK_IP6_DEST, {59, 0, 1, 5}, 8, SOK_DROP_IP_EXTENSION, 255, 0},
    {"header past the packet", SOK_IP6_DEST, {59, 1, 1, 12}, 8, SOK_DROP_IP_EXTENSION, 255, 0},
    {"header cut", SOK_IP6_DEST, {59, 0}, 4, SOK_DROP_IP_EXTENSION, 255, 0},
};

static void bad_headers_are_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_headers) / sizeof(bad_headers[0]); i++) {
        const struct bad_header *b = &bad_headers[i];
        static struct lab lab;
        uint8_t frame[128];
        open_lab(&lab);
        memcpy(frame + BEHIND_AT, b->behind, sizeof(b->behind));
        lab_in(&lab, frame, packet(frame, b->next, b->len));
        if (lab_drops(&lab, b->drop) != 1)
            fail_msg("%s: not dropped as it should be", b->what);
        if (b->code != 255)
            expect_error(&lab, frame, SOK_ICMP6_PARAMETER, b->code, b->word);
        if (lab_out(&lab))
            fail_msg("%s: something came out", b->what);
        lab_close(&lab);
    }
}

static void headers_are_limited(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[256];
    open_lab(&lab);
    for (unsigned i = 0; i < 9; i++)
        memcpy(frame + BEHIND_AT + 8 * i,
            (uint8_t[]){i < 8 ? SOK_IP6_DEST : 59, 0, 1, 4, 0, 0, 0, 0}, 8);
    lab_in(&lab, frame, packet(frame, SOK_IP6_DEST, 72));
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_EXTENSION), 1);
    frame[BEHIND_AT + 56] = 59; // eight are looked at
    lab_in(&lab, frame, packet(frame, SOK_IP6_DEST, 64));
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_EMPTY), 1);
    lab_close(&lab);
}

static void impossible_addresses_are_dropped(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[128];
    const struct sok_addr mapped = sok_addr_v4(LAB_PEER), mapped_us = sok_addr_v4(LAB_US);
    const struct sok_addr loopback = {{[15] = 1}};
    const struct sok_addr bad_sources[] = {mapped, loopback, all_nodes, us};
    const struct sok_addr others[] = {mapped_us, loopback, peer, {{0xff, 1, [15] = 1}},
        {{0xff, 0, [15] = 1}}, {{0xff, 2, [15] = 0x77}}, {{0}}};
    open_lab(&lab);
    for (unsigned i = 0; i < 4; i++) {
        size_t len = packet(frame, SOK_IP6_NONE, 0);
        memcpy(frame + PACKET_AT + 8, bad_sources[i].b, 16);
        lab_in(&lab, frame, len);
        assert_int_equal(lab_drops(&lab, SOK_DROP_IP_SOURCE), i + 1);
    }
    for (unsigned i = 0; i < 7; i++) {
        size_t len = packet(frame, SOK_IP6_NONE, 0);
        memcpy(frame + PACKET_AT + 24, others[i].b, 16);
        lab_in(&lab, frame, len);
        assert_int_equal(lab_drops(&lab, SOK_DROP_IP_NOT_US), i + 1);
    }
    lab_close(&lab);
}

// What goes to all stations of the link is not for us alone, whatever its IP header says.
static void lengths_and_stations_are_checked(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[128];
    open_lab(&lab);
    size_t len = packet(frame, SOK_IP6_NONE, 0);
    memcpy(frame, lab_all, 6);
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_NOT_US), 1);
    len = packet(frame, SOK_IP6_NONE, 8);
    for (size_t cut = PACKET_AT; cut < len; cut++)
        lab_in(&lab, frame, cut);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_SHORT), 40);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_TOTAL_LENGTH), 8);
    frame[PACKET_AT] = 0x40;
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_VERSION), 1);
    lab_close(&lab);
}

static void datagrams_go_both_ways(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[128], got[64];
    struct sok_udp *u;
    struct sok_endpoint local = {.port = 53}, from;
    open_lab(&lab);
    assert_int_equal(sok_udp_open(lab.stack, &local, &u), 0);
    size_t len = udp(frame + BEHIND_AT, 53, "hello");
    lab_in(&lab, frame, packet(frame, SOK_IPPROTO_UDP, len));
    assert_int_equal(sok_udp_recvfrom(u, got, sizeof(got), &from, lab.now), 5);
    assert_true(sok_addr_eq(from.addr, peer));
    struct sok_iov iov = {got, 5};
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &from, lab.now), 5);
    assert_true(lab_out(&lab));
    assert_memory_equal(lab.frame, lab_peer_mac, 6);
    assert_int_equal(lab.frame[PACKET_AT + 6], SOK_IPPROTO_UDP);
    assert_int_equal(lab.frame[PACKET_AT + 7], 64);
    assert_true(sok_udp_verify(lab.frame + BEHIND_AT, 13, &us, &peer));
    sok_put16(frame + BEHIND_AT + 6, 0); // RFC 8200 section 8.1: a sum has to be there
    lab_in(&lab, frame, packet(frame, SOK_IPPROTO_UDP, len));
    assert_int_equal(lab_drops(&lab, SOK_DROP_UDP_CHECKSUM), 1);
    len = udp(frame + BEHIND_AT, 54, "nobody");
    lab_in(&lab, frame, packet(frame, SOK_IPPROTO_UDP, len));
    expect_error(&lab, frame, SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, 0);
    sok_udp_close(u);
    lab_close(&lab);
}

// What leaves in fragments arrives whole at a stack like this one.
static void fragments_are_put_together(void **state)
{
    (void)state;
    static struct lab lab;
    static uint8_t data[4000], got[5000], frames[4][1600];
    uint32_t lens[4];
    struct sok_udp *u;
    struct sok_endpoint local = {.port = 53}, from, to = {.addr = peer, .port = 53};
    struct sok_iov iov = {data, sizeof(data)};
    unsigned count = 0;
    open_lab(&lab);
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(sok_udp_open(lab.stack, &local, &u), 0);
    assert_int_equal(sok_udp_sendto(u, &iov, 1, &to, lab.now), sizeof(data));
    for (; lab_out(&lab); count++) {
        assert_true(count < 4 && lab.len <= 1514);
        assert_int_equal(lab.frame[PACKET_AT + 6], SOK_IP6_FRAG);
        lens[count] = lab.len;
        memcpy(frames[count], lab.frame, lab.len);
        packet(frames[count], SOK_IP6_FRAG, lab.len - BEHIND_AT); // back to us: the sum stays
    }
    assert_int_equal(count, 3);
    lab_in(&lab, frames[2], lens[2]);
    lab_in(&lab, frames[0], lens[0]);
    lab_in(&lab, frames[0], lens[0]); // again
    assert_int_equal(sok_udp_recvfrom(u, got, sizeof(got), &from, lab.now), SOK_EAGAIN);
    lab_in(&lab, frames[1], lens[1]);
    assert_int_equal(sok_udp_recvfrom(u, got, sizeof(got), &from, lab.now), sizeof(data));
    assert_memory_equal(got, data, sizeof(data));
    sok_udp_close(u);
    lab_close(&lab);
}

static size_t fragment(uint8_t *p, uint32_t id, unsigned at, bool more, size_t len)
{
    struct sok_ip6_frag_hdr h = {
        .nh = SOK_IPPROTO_UDP, .offset = (uint16_t)(at / 8), .m = more, .id = id};
    memset(p + BEHIND_AT, 0, 8 + len);
    sok_ip6_frag_hdr_put(p + BEHIND_AT, &h);
    return packet(p, SOK_IP6_FRAG, 8 + len);
}

static void bad_fragments_are_refused(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[256];
    open_lab(&lab);
    lab_in(&lab, frame, fragment(frame, 1, 0, true, 12)); // not in units of 8
    expect_error(&lab, frame, SOK_ICMP6_PARAMETER, SOK_ICMP6_FIELD, 4);
    lab_run_to(&lab, lab.now + 2 * SOK_S);
    lab_in(&lab, frame, fragment(frame, 2, 65528, false, 16)); // past the longest packet
    expect_error(&lab, frame, SOK_ICMP6_PARAMETER, SOK_ICMP6_FIELD, 42);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT), 2);
    lab_in(&lab, frame, fragment(frame, 3, 0, true, 16));
    lab_in(&lab, frame, fragment(frame, 3, 8, true, 16)); // RFC 5722: nothing is left of either
    frame[BEHIND_AT + 8] = 1;
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT_OVERLAP), 1);
    lab_close(&lab);
}

// Whose first fragment came hears of it, with that fragment quoted as it was.
static void missing_fragments_are_told(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[256];
    open_lab(&lab);
    size_t len = fragment(frame, 9, 0, true, 64);
    lab_in(&lab, frame, len);
    lab_run_to(&lab, lab.now + 61 * SOK_S);
    expect_error(&lab, frame, SOK_ICMP6_TIME_EXCEEDED, SOK_ICMP6_REASSEMBLY, 0);
    assert_memory_equal(lab.frame + BEHIND_AT + 8, frame + PACKET_AT, len - PACKET_AT);
    lab_close(&lab);
}

// Who needs room takes it from the oldest, whichever family that is of, though IPv6's wait for longer.
static void the_oldest_fragment_gives_way(void **state)
{
    (void)state;
    static struct lab lab;
    struct sok_stack_config config;
    uint8_t frame[256];
    lab_config(&config, &lab);
    config.frag_datagrams = 2;
    lab_start(&lab, &config, 0);
    assert_int_equal(sok_stack_addr_add(lab.stack, lab.link, us, 64), 0);
    lab_in(&lab, frame, fragment(frame, 1, 0, true, 64));
    memset(frame, 0, sizeof(frame));
    size_t len =
        lab_ip4(frame, SOK_IPPROTO_UDP, 64); // the second: of IPv4, all but its first 64 bytes
    sok_put16(frame + 18, 7);
    sok_put16(frame + 20, 64 / 8);
    sok_ip4_seal(frame + 14, 20);
    lab_in(&lab, frame, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT_LIMIT), 0);
    lab_in(&lab, frame, fragment(frame, 2, 0, true, 64));
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT_LIMIT), 1);
    assert_null(sok_stack_check(lab.stack));
    int64_t began = lab.now;
    lab_run_to(&lab, began + 30 * SOK_S);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT_LATE), 1); // IPv4's was there still
    lab_run_to(&lab, began + 60 * SOK_S);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_FRAGMENT_LATE), 2);
    lab_close(&lab);
}

// A fragment that is all of its packet is no fragment (RFC 6946).
static void atomic_fragments_are_whole(void **state)
{
    (void)state;
    static struct lab lab;
    uint8_t frame[128], got[16];
    struct sok_udp *u;
    struct sok_endpoint local = {.port = 53}, from;
    open_lab(&lab);
    assert_int_equal(sok_udp_open(lab.stack, &local, &u), 0);
    size_t len = fragment(frame, 4, 0, false, 0);
    len = udp(frame + len, 53, "all");
    lab_in(&lab, frame, packet(frame, SOK_IP6_FRAG, 8 + len));
    assert_int_equal(sok_udp_recvfrom(u, got, sizeof(got), &from, lab.now), 3);
    sok_udp_close(u);
    lab_close(&lab);
}

static void segments_have_their_header(void **state)
{
    (void)state;
    static struct lab lab;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = peer, .port = 80};
    struct sok_ip6_hdr h;
    struct sok_tcp_hdr t;
    open_lab(&lab);
    assert_int_equal(sok_stack_connect(lab.stack, NULL, &to, lab.now, &c), 0);
    assert_true(lab_out(&lab));
    sok_ip6_hdr_get(lab.frame + PACKET_AT, &h);
    assert_int_equal(h.version, 6);
    assert_int_equal(h.nh, SOK_IPPROTO_TCP);
    assert_int_equal(h.plen, lab.len - BEHIND_AT);
    assert_int_not_equal(h.fl, 0);
    assert_memory_equal(h.src, us.b, 16);
    assert_true(sok_tcp_get(lab.frame + BEHIND_AT, lab.len - BEHIND_AT, &t));
    assert_int_equal(sok_get32(lab.frame + BEHIND_AT + 20), 0x020405a0); // MSS 1440
    struct sok_csum c6;
    sok_csum_init(&c6);
    sok_csum_add_pseudo(&c6, &us, &peer, SOK_IPPROTO_TCP, h.plen);
    sok_csum_add(&c6, lab.frame + BEHIND_AT, h.plen);
    assert_int_equal(sok_csum_final(&c6), 0);
    sok_tcp_abort(c, lab.now);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_headers_are_answered),
        cmocka_unit_test(headers_are_limited),
        cmocka_unit_test(impossible_addresses_are_dropped),
        cmocka_unit_test(lengths_and_stations_are_checked),
        cmocka_unit_test(datagrams_go_both_ways),
        cmocka_unit_test(fragments_are_put_together),
        cmocka_unit_test(bad_fragments_are_refused),
        cmocka_unit_test(missing_fragments_are_told),
        cmocka_unit_test(the_oldest_fragment_gives_way),
        cmocka_unit_test(atomic_fragments_are_whole),
        cmocka_unit_test(segments_have_their_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
