// Fragments both ways: rows 11 to 15 of what a hostile sender may try, limits, time, and any order.
#include "stack/testing.h"

#define PORT 53
#define MF   0x2000

struct scene {
    struct lab lab;
    struct sok_udp *udp;
};

static void scene_open(struct scene *t, void (*change)(struct sok_stack_config *))
{
    struct sok_stack_config config;
    struct sok_endpoint at = {.port = PORT};
    lab_config(&config, &t->lab);
    config.icmp_interval = 0;
    config.udp_queue = 1 << 20;
    if (change)
        change(&config);
    lab_start(&t->lab, &config, 0);
    lab_know_peer(&t->lab);
    assert_int_equal(sok_udp_open(t->lab.stack, &at, &t->udp), 0);
}

static void scene_close(struct scene *t)
{
    sok_udp_close(t->udp);
    lab_close(&t->lab);
}

// A datagram to PORT of `len` bytes in all, its UDP header included, bytes by their place.
static void make_datagram(uint8_t *p, uint32_t len)
{
    struct sok_udp_hdr h = {.sport = 4000, .dport = PORT, .len = (uint16_t)len};
    for (uint32_t i = 8; i < len; i++)
        p[i] = (uint8_t)(i * 7 + (i >> 8));
    sok_udp_hdr_put(p, &h);
    lab_sum(p, len, 6, SOK_IPPROTO_UDP, LAB_PEER, LAB_US);
}

static void send_part(struct scene *t, uint8_t proto, uint16_t id, const uint8_t *data,
    uint32_t from, uint32_t len, bool more)
{
    static uint8_t frame[66000];
    memcpy(frame + 34, data + from, len);
    size_t total = lab_ip4(frame, proto, len);
    sok_put16(frame + 18, id);
    sok_put16(frame + 20, (uint16_t)((more ? MF : 0) | from / 8));
    sok_ip4_seal(frame + 14, 20);
    sok_stack_input_bytes(t->lab.stack, t->lab.link, frame, total, t->lab.now);
    assert_null(sok_stack_check(t->lab.stack));
}

static void udp_part(
    struct scene *t, uint16_t id, const uint8_t *data, uint32_t from, uint32_t len, bool more)
{
    send_part(t, SOK_IPPROTO_UDP, id, data, from, len, more);
}

// The datagram that came must be this one; len 0: none came.
static void expect(struct scene *t, const uint8_t *datagram, uint32_t len)
{
    static uint8_t got[65536];
    struct sok_endpoint from;
    int64_t n = sok_udp_recvfrom(t->udp, got, sizeof(got), &from, t->lab.now);
    if (len == 0) {
        assert_int_equal(n, SOK_EAGAIN);
        return;
    }
    assert_int_equal(n, len - 8);
    assert_memory_equal(got, datagram + 8, len - 8);
    assert_int_equal(sok_udp_recvfrom(t->udp, got, sizeof(got), &from, t->lab.now), SOK_EAGAIN);
}

// In any order, with duplicates, any sizes: the same datagram, once.
static void any_order(void **state)
{
    static uint8_t d[65515];
    struct scene t;
    uint32_t seed = 1;
    (void)state;
    scene_open(&t, NULL);
    for (uint16_t id = 0; id < 200; id++) {
        uint32_t starts[300], count = 0, at = 0;
        uint32_t len = 9 + (seed = seed * 1664525 + 1013904223) / 65537 % (id % 10 ? 5000 : 65480);
        make_datagram(d, len);
        while (at < len) { // cut
            starts[count++] = at;
            seed = seed * 1664525 + 1013904223;
            at += 8 * (1 + (seed >> 16) % (len / 150 + 20));
        }
        starts[count] = len;
        if (count == 1)
            continue;
        uint32_t order[300];
        for (uint32_t i = 0; i < count; i++)
            order[i] = i;
        for (uint32_t i = count - 1; i > 0; i--) { // shuffle
            seed = seed * 1664525 + 1013904223;
            uint32_t k = (seed >> 16) % (i + 1), was = order[i];
            order[i] = order[k];
            order[k] = was;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t s = starts[order[i]], e = starts[order[i] + 1];
            expect(&t, d, 0);
            udp_part(&t, id, d, s, e - s, e < len);
            if (i % 3 == 0 && i + 1 < count)
                udp_part(&t, id, d, s, e - s, e < len);
        }
        expect(&t, d, len);
    }
    scene_close(&t);
}

// Row 11: the "ping of death".
static void beyond_the_end(void **state)
{
    static uint8_t d[70000];
    struct scene t;
    (void)state;
    scene_open(&t, NULL);
    size_t before = t.lab.memory.bytes;
    make_datagram(d, 65000);
    udp_part(&t, 1, d, 0, 1480, true);
    udp_part(&t, 1, d, 65512, 8, false);
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT), 1);
    assert_int_equal(t.lab.memory.bytes, before); // all of it went
    udp_part(&t, 2, d, 65520, 1000, true);
    udp_part(&t, 3, d, 65504, 8, true); // one more byte than 65535 with the header to come
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT), 2);
    scene_close(&t);
}

// Row 12: only the same bytes again are harmless.
static void overlaps(void **state)
{
    uint8_t d[400], other[400];
    struct scene t;
    static const struct {
        uint32_t from, len;
        bool more;
    } bad[] = {
        {40, 16, true},  // across the beginning of what is here
        {64, 32, true},  // and its end
        {40, 80, true},  // all around it
        {0, 56, true},   // with the header, into it
        {72, 128, false} // the last one, into it
    };
    (void)state;
    scene_open(&t, NULL);
    make_datagram(d, 200);
    for (uint16_t i = 0; i < 5; i++) {
        udp_part(&t, i, d, 48, 32, true);
        udp_part(&t, i, d, 48, 32, true);
        udp_part(&t, i, d, 56, 8, true); // a part of it
        assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_OVERLAP), i);
        udp_part(&t, i, d, bad[i].from, bad[i].len, bad[i].more);
        assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_OVERLAP), i + 1);
    }
    memcpy(other, d, sizeof(d));
    other[60] ^= 1;
    udp_part(&t, 9, d, 48, 32, true);
    udp_part(&t, 9, other, 56, 8, true);
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_OVERLAP), 6);
    udp_part(&t, 9, d, 0, 48, true); // what is left does not become anything
    udp_part(&t, 9, d, 80, 120, false);
    expect(&t, d, 0);
    scene_close(&t);
}

// Row 13, and TCP headers in pieces (RFC 1858).
static void malformed(void **state)
{
    uint8_t d[100] = {0};
    struct scene t;
    (void)state;
    scene_open(&t, NULL);
    size_t before = t.lab.memory.bytes;
    udp_part(&t, 1, d, 0, 0, true);
    udp_part(&t, 1, d, 8, 0, false);
    udp_part(&t, 1, d, 8, 9, true);
    send_part(&t, SOK_IPPROTO_TCP, 1, d, 0, 8, true);
    send_part(&t, SOK_IPPROTO_TCP, 1, d, 0, 16, true);
    send_part(&t, SOK_IPPROTO_TCP, 1, d, 8, 16, false);
    send_part(&t, SOK_IPPROTO_TCP, 1, d, 16, 16, false);
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT), 7);
    assert_int_equal(t.lab.memory.bytes, before);
    scene_close(&t);
}

// Row 14: two ends, and data behind the end.
static void two_ends(void **state)
{
    uint8_t d[400];
    struct scene t;
    (void)state;
    scene_open(&t, NULL);
    make_datagram(d, 200);
    udp_part(&t, 1, d, 160, 40, false);
    udp_part(&t, 1, d, 160, 48, false);
    udp_part(&t, 2, d, 160, 40, false);
    udp_part(&t, 2, d, 80, 40, false);
    udp_part(&t, 3, d, 160, 40, false);
    udp_part(&t, 3, d, 200, 8, true);
    udp_part(&t, 4, d, 200, 8, true);
    udp_part(&t, 4, d, 160, 40, false);
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_OVERLAP), 4);
    udp_part(&t, 5, d, 160, 40, false); // again, the same end
    udp_part(&t, 5, d, 160, 40, false);
    udp_part(&t, 5, d, 0, 160, true);
    expect(&t, d, 200);
    scene_close(&t);
}

static void few(struct sok_stack_config *config)
{
    config->frag_memory = 65536;
    config->frag_datagrams = 10;
    config->frag_count = 20;
}

// Row 15: bounded in every way, and the newest sender is served.
static void limits(void **state)
{
    static uint8_t d[60000];
    struct scene t;
    (void)state;
    scene_open(&t, few);
    size_t before = t.lab.memory.bytes;
    make_datagram(d, 60000);
    for (uint32_t i = 0; i < 50000; i++) {
        udp_part(&t, (uint16_t)i, d, 0, 1480, true);
        assert_true(t.lab.memory.bytes < before + 65536 + 8192);
    }
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_LIMIT), 50000 - 10);
    for (uint32_t at = 0; at < 40 * 16; at += 16) // every other 8 bytes, backwards
        udp_part(&t, 60000, d, 8 + 40 * 16 - at, 8, true);
    assert_true(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_LIMIT) > 50000 - 10);
    make_datagram(d, 50000); // nearly all the memory there is
    for (uint32_t at = 0; at < 50000; at += 4000)
        udp_part(&t, 60001, d, at, 50000 - at < 4000 ? 50000 - at : 4000, at + 4000 < 50000);
    expect(&t, d, 50000);
    make_datagram(d, 1000);
    udp_part(&t, 60002, d, 504, 496, false);
    udp_part(&t, 60002, d, 0, 504, true);
    expect(&t, d, 1000);
    lab_run_to(&t.lab, t.lab.now + 31 * SOK_S);
    while (lab_out(&t.lab))
        ;
    assert_true(t.lab.memory.bytes < before + 8192);
    scene_close(&t);
}

// RFC 1122 3.3.2: after a while it is over; told only when the first fragment came, and to one host alone.
static void time_is_over(void **state)
{
    uint8_t d[3000];
    struct scene t;
    (void)state;
    scene_open(&t, NULL);
    make_datagram(d, 3000);
    udp_part(&t, 1, d, 0, 1480, true);
    udp_part(&t, 2, d, 1480, 1480, true);
    int64_t began = t.lab.now;
    assert_int_equal(sok_stack_deadline(t.lab.stack), began + 30 * SOK_S);
    lab_run_to(&t.lab, began + 30 * SOK_S - 1);
    assert_false(lab_out(&t.lab));
    lab_run_to(&t.lab, began + 30 * SOK_S);
    assert_true(lab_out(&t.lab));
    struct sok_icmp_hdr h = lab_icmp_out(&t.lab);
    assert_int_equal(h.type, SOK_ICMP_TIME_EXCEEDED);
    assert_int_equal(h.code, SOK_ICMP_REASSEMBLY);
    assert_int_equal(t.lab.len, 14 + 576);
    struct sok_icmp_quote quote; // the header as it came, and the bytes behind it
    assert_true(sok_icmp_quote_get(t.lab.frame + 42, t.lab.len - 42, &quote));
    assert_int_equal(quote.ip.id, 1);
    assert_int_equal(quote.ip.len, 1500);
    assert_int_equal(quote.ip.flags, SOK_IP4_MF);
    assert_memory_equal(quote.data, d, 500);
    assert_false(lab_out(&t.lab));
    assert_int_equal(lab_drops(&t.lab, SOK_DROP_IP_FRAGMENT_LATE), 2);
    udp_part(&t, 1, d, 1480, 1480, true); // too late: a new one, which has no beginning
    udp_part(&t, 1, d, 2960, 40, false);
    lab_run_to(&t.lab, t.lab.now + 60 * SOK_S);
    expect(&t, d, 0);
    assert_false(lab_out(&t.lab));
    scene_close(&t);
}

// Without memory nothing is kept and nothing is lost of the rest.
static void no_memory(void **state)
{
    uint8_t d[3000];
    struct scene t;
    (void)state;
    scene_open(&t, NULL);
    make_datagram(d, 3000);
    for (uint32_t after = 0; after < 12; after++) {
        t.lab.memory.fail_after = after + 1;
        udp_part(&t, (uint16_t)after, d, 0, 1480, true);
        udp_part(&t, (uint16_t)after, d, 1480, 1520, false);
        t.lab.memory.fail_after = 0;
        static uint8_t got[3000];
        struct sok_endpoint from;
        while (sok_udp_recvfrom(t.udp, got, sizeof(got), &from, t.lab.now) >= 0)
            ;
    }
    scene_close(&t);
}

// ---- out ----

static struct sok_ip4_hdr ip_out(const struct lab *lab)
{
    struct sok_ip4_hdr h = {0};
    assert_true(sok_ip4_get(lab->frame + 14, lab->len - 14, &h));
    assert_true(sok_ip4_verify(lab->frame + 14, 20));
    assert_int_equal(h.len, lab->len - 14);
    assert_int_equal(h.flags & SOK_IP4_DF, 0);
    return h;
}

// Collects the fragments that come out; the whole's bytes behind the IP header.
static uint32_t collect(struct lab *lab, uint8_t *whole, uint32_t mtu, unsigned *frames)
{
    uint32_t total = 0, have = 0;
    uint16_t id = 0;
    for (*frames = 0; lab_out(lab); ++*frames) {
        struct sok_ip4_hdr h = ip_out(lab);
        uint32_t at = h.frag * 8u, len = h.len - 20u;
        assert_true(h.len <= mtu);
        assert_true(*frames == 0 || h.id == id);
        id = h.id;
        if (h.flags & SOK_IP4_MF)
            assert_int_equal(len, (mtu - 20) & ~7u);
        else
            total = at + len;
        memcpy(whole + at, lab->frame + 34, len);
        have += len;
    }
    assert_int_equal(have, total);
    return total;
}

static void cut(void **state)
{
    static const uint32_t sizes[] = {1472, 1473, 2952, 2953, 8000, 65507};
    static uint8_t d[65507], whole[66000];
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 4000};
    struct scene t;
    unsigned frames;
    (void)state;
    scene_open(&t, NULL);
    for (uint32_t i = 0; i < sizeof(d); i++)
        d[i] = (uint8_t)(i * 11 + (i >> 8));
    for (unsigned i = 0; i < 6; i++) {
        struct sok_iov iov = {d, sizes[i]};
        assert_int_equal(sok_udp_sendto(t.udp, &iov, 1, &to, t.lab.now), sizes[i]);
        assert_int_equal(collect(&t.lab, whole, 1500, &frames), sizes[i] + 8);
        assert_int_equal(frames, (sizes[i] + 8 + 1479) / 1480);
        assert_memory_equal(whole + 8, d, sizes[i]);
        struct sok_addr us = sok_addr_v4(LAB_US);
        assert_true(sok_udp_verify(whole, sizes[i] + 8, &us, &to.addr));
    }
    // Two datagrams to one host never have one identification.
    struct sok_iov iov = {d, 2000};
    uint16_t ids[4];
    for (unsigned i = 0; i < 2; i++)
        sok_udp_sendto(t.udp, &iov, 1, &to, t.lab.now);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(lab_out(&t.lab));
        ids[i] = ip_out(&t.lab).id;
    }
    assert_true(ids[0] == ids[1] && ids[2] == ids[3] && ids[0] != ids[2]);
    scene_close(&t);
}

// What does not fit the queue as a whole is not begun.
static void all_or_nothing(void **state)
{
    static uint8_t d[65507];
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 4000};
    struct sok_iov iov = {d, sizeof(d)};
    struct scene t;
    unsigned frames = 0;
    (void)state;
    scene_open(&t, NULL);
    while (sok_udp_sendto(t.udp, &iov, 1, &to, t.lab.now) == sizeof(d))
        frames += 45;
    assert_int_equal(frames, 512 / 45 * 45);
    for (unsigned i = 0; i < frames; i++)
        assert_true(lab_out(&t.lab));
    assert_false(lab_out(&t.lab));
    scene_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(overlaps),
        cmocka_unit_test(malformed),
        cmocka_unit_test(two_ends),
        cmocka_unit_test(limits),
        cmocka_unit_test(time_is_over),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(cut),
        cmocka_unit_test(all_or_nothing),
    };
    return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
