// get, check and verify are apart: what each lets through and what it does not. And the quote of an ICMP error.
#include "wire/testing.h"

#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/options.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static void ip4_checks(void **state)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    (void)state;
    h.len = 40;
    assert_int_equal(sok_ip4_check(&h, 40), SOK_DROP_NONE);
    assert_int_equal(sok_ip4_check(&h, 60), SOK_DROP_NONE); // padding
    assert_int_equal(sok_ip4_check(&h, 39), SOK_DROP_IP_TOTAL_LENGTH);
    h.len = 20;
    assert_int_equal(sok_ip4_check(&h, 20), SOK_DROP_NONE);
    for (unsigned len = 0; len < 20; len++) {
        h.len = (uint16_t)len;
        assert_int_equal(sok_ip4_check(&h, 100), SOK_DROP_IP_TOTAL_LENGTH);
    }
    h.len = 100;
    for (uint8_t ihl = 0; ihl < 16; ihl++) {
        h.ihl = ihl;
        assert_int_equal(
            sok_ip4_check(&h, 100), ihl < 5 ? SOK_DROP_IP_HEADER_LENGTH : SOK_DROP_NONE);
    }
    assert_int_equal(sok_ip4_check(&h, 59), SOK_DROP_IP_HEADER_LENGTH); // ihl 15
    h.ihl = 5;
    for (uint8_t version = 0; version < 16; version++) {
        h.version = version;
        assert_int_equal(
            sok_ip4_check(&h, 100), version == 4 ? SOK_DROP_NONE : SOK_DROP_IP_VERSION);
    }
}

static void ip4_seal_and_verify(void **state)
{
    // A header from RFC 1071's time, as found in many texts: its checksum is b861.
    uint8_t p[20] = {0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1,
        0xc0, 0xa8, 0, 0xc7};
    struct rng r = {20};
    (void)state;
    assert_true(sok_ip4_verify(p, 20));
    p[10] = p[11] = 0xee;
    assert_false(sok_ip4_verify(p, 20));
    sok_ip4_seal(p, 20);
    assert_int_equal(sok_get16(p + 10), 0xb861);
    for (unsigned run = 0; run < 2000; run++) {
        uint8_t q[60];
        size_t len = 20 + 4 * rng_below(&r, 11);
        rng_fill(&r, q, sizeof(q));
        sok_ip4_seal(q, len);
        assert_true(sok_ip4_verify(q, len));
        q[rng_below(&r, (uint32_t)len)] ^= (uint8_t)(1 << rng_below(&r, 8));
        assert_false(sok_ip4_verify(q, len));
    }
}

static void ip4_options(void **state)
{
    static const struct {
        uint8_t bytes[8];
        uint8_t len;
        bool ok;
    } cases[] = {
        {{0}, 0, true}, {{1, 1, 1, 0}, 4, true}, {{0x94, 4, 0, 0}, 4, true}, // router alert
        {{0x83, 3, 0x27, 0x83, 3, 0x27, 0, 0}, 8,
            true}, // two source routes whose pointer lies: ignored
        {{0x83, 0, 0, 0}, 4, false}, {{0x83, 1, 0, 0}, 4, false}, {{0x83, 5, 0, 0}, 4, false},
        {{1, 1, 1, 0x83}, 4, false}, {{0, 0x83, 0, 0}, 4, true}, // nothing counts after the end
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum sok_drop d = sok_ip4_options_check(cases[i].bytes, cases[i].len);
        assert_int_equal(d, cases[i].ok ? SOK_DROP_NONE : SOK_DROP_IP_OPTION);
    }
}

static void options_walk(void **state)
{
    static const uint8_t p[] = {1, 7, 4, 9, 8, 0, 55};
    struct sok_options o = sok_options(p, sizeof(p));
    struct sok_option opt;
    (void)state;
    assert_true(sok_option_next(&o, &opt));
    assert_int_equal(opt.kind, 1);
    assert_true(sok_option_next(&o, &opt));
    assert_int_equal(opt.kind, 7);
    assert_int_equal(opt.len, 2);
    assert_ptr_equal(opt.data, p + 3);
    assert_true(sok_option_next(&o, &opt));
    assert_int_equal(opt.kind, SOK_OPTION_END);
    assert_false(sok_option_next(&o, &opt));
    assert_false(o.malformed);
}

static void arp_checks(void **state)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    (void)state;
    assert_int_equal(sok_arp_check(&h), SOK_DROP_NONE);
    h.op = SOK_ARP_REPLY;
    assert_int_equal(sok_arp_check(&h), SOK_DROP_NONE);
    h.op = 3;
    assert_int_equal(sok_arp_check(&h), SOK_DROP_ARP_MALFORMED);
#define REFUSES(field, value)                                                                      \
    h = sok_arp_hdr_default();                                                                     \
    h.field = value;                                                                               \
    assert_int_equal(sok_arp_check(&h), SOK_DROP_ARP_MALFORMED)
    REFUSES(op, 0);
    REFUSES(hwtype, 2);
    REFUSES(ptype, 0x86dd);
    REFUSES(hwlen, 8);
    REFUSES(hwlen, 0);
    REFUSES(plen, 16);
}

static void transports(void **state)
{
    struct rng r = {21};
    (void)state;
    for (unsigned run = 0; run < 2000; run++) {
        uint8_t p[200];
        size_t len = 20 + rng_below(&r, 180);
        struct sok_addr src = sok_addr_v4((uint32_t)rng_next(&r)),
                        dst = sok_addr_v4((uint32_t)rng_next(&r));
        uint8_t pseudo[12] = {0};
        rng_fill(&r, p, sizeof(p));
        memcpy(pseudo, src.b + 12, 4);
        memcpy(pseudo + 4, dst.b + 12, 4);
        sok_put16(pseudo + 10, (uint16_t)len);
        pseudo[9] = SOK_IPPROTO_TCP;
        sok_put16(p + 16, 0);
        sok_put16(p + 16, (uint16_t)~naive_sum(naive_sum(0, pseudo, 12), p, len));
        assert_true(sok_tcp_verify(p, len, &src, &dst));
        p[rng_below(&r, (uint32_t)len)] ^= 4;
        assert_false(sok_tcp_verify(p, len, &src, &dst));
        pseudo[9] = SOK_IPPROTO_UDP;
        sok_put16(p + 6, 0);
        sok_put16(p + 6, (uint16_t)~naive_sum(naive_sum(0, pseudo, 12), p, len));
        assert_true(sok_udp_verify(p, len, &src, &dst));
        p[8] ^= 4;
        assert_false(sok_udp_verify(p, len, &src, &dst));
        sok_put16(p + 2, 0);
        sok_put16(p + 2, (uint16_t)~naive_sum(0, p, len));
        assert_true(sok_icmp_verify(p, len));
        p[0] ^= 4;
        assert_false(sok_icmp_verify(p, len));
    }
}

// "No checksum" is right over IPv4 and never over IPv6.
static void udp_without_checksum(void **state)
{
    uint8_t p[8] = {0, 1, 0, 2, 0, 8, 0, 0};
    struct sok_addr v4 = sok_addr_v4(0xc0000201), v6 = {{0x20, 1, 0xd, 0xb8}};
    (void)state;
    assert_true(sok_udp_verify(p, 8, &v4, &v4));
    assert_false(sok_udp_verify(p, 8, &v6, &v6));
}

static void lengths(void **state)
{
    struct sok_udp_hdr udp = sok_udp_hdr_default();
    struct sok_tcp_hdr tcp = sok_tcp_hdr_default();
    (void)state;
    for (unsigned len = 0; len < 100; len++) {
        udp.len = (uint16_t)len;
        assert_int_equal(
            sok_udp_check(&udp, 50), len < 8 || len > 50 ? SOK_DROP_UDP_LENGTH : SOK_DROP_NONE);
    }
    for (uint8_t ofs = 0; ofs < 16; ofs++) {
        tcp.dataofs = ofs;
        assert_int_equal(
            sok_tcp_check(&tcp, 50), ofs < 5 || ofs > 12 ? SOK_DROP_TCP_OFFSET : SOK_DROP_NONE);
    }
}

static size_t put_quote(uint8_t *p, uint8_t proto, uint8_t ihl)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.ihl = ihl;
    h.len = 1500;
    h.proto = proto;
    h.src = 0xc0000201;
    h.dst = 0xc0000202;
    sok_ip4_hdr_put(p, &h);
    for (uint8_t i = 0; i < 8; i++)
        p[ihl * 4 + i] = i + 1;
    return ihl * 4u + 8;
}

static bool quote(const uint8_t *p, size_t len, struct sok_icmp_quote *q)
{
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, p, len);
    bool ok = sok_icmp_quote_get(exact, len, q);
    free(exact);
    return ok;
}

static void quotes(void **state)
{
    uint8_t p[100] = {0};
    struct sok_icmp_quote q;
    (void)state;
    for (uint8_t ihl = 5; ihl < 16; ihl++) {
        size_t len = put_quote(p, SOK_IPPROTO_TCP, ihl);
        for (size_t cut = 0; cut < len; cut++)
            assert_false(quote(p, cut, &q));
        assert_true(quote(p, len, &q));
        assert_int_equal(q.sport, 0x0102);
        assert_int_equal(q.dport, 0x0304);
        assert_int_equal(q.seq, 0x05060708);
        assert_int_equal(q.len, 8);
        assert_int_equal(q.ip.dst, 0xc0000202);
    }
    size_t len = put_quote(p, SOK_IPPROTO_UDP, 5);
    assert_true(quote(p, len, &q));
    assert_int_equal(q.dport, 0x0304);
    assert_int_equal(q.seq, 0);
    put_quote(p, SOK_IPPROTO_ICMP, 5);
    p[20] = SOK_ICMP_ECHO;
    assert_true(quote(p, len, &q));
    assert_int_equal(q.icmp_type, SOK_ICMP_ECHO);
    assert_int_equal(q.echo_id, 0x0506);
    assert_int_equal(q.echo_seq, 0x0708);
    assert_int_equal(q.sport, 0);
    put_quote(p, 102, 6); // nothing of what follows is looked at
    assert_true(quote(p, 24, &q));
    assert_int_equal(q.len, 0);
    assert_false(quote(p, 23, &q));
    put_quote(p, SOK_IPPROTO_TCP, 4); // a header length that lies
    assert_false(quote(p, 100, &q));
    put_quote(p, SOK_IPPROTO_TCP, 5);
    p[0] = 0x65; // version 6
    assert_false(quote(p, 100, &q));
    put_quote(p, SOK_IPPROTO_TCP, 5);
    p[7] = 1; // a later fragment: no ports in it
    assert_false(quote(p, 100, &q));
}

static void icmp_views(void **state)
{
    struct sok_icmp_hdr h = {.id = 0x1234, .seq = 0x5678};
    (void)state;
    assert_int_equal(sok_icmp_nexthopmtu(&h), 0x5678);
    unsigned errors = 0;
    for (unsigned type = 0; type < 256; type++)
        errors += sok_icmp_is_error((uint8_t)type);
    assert_int_equal(errors, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_checks),
        cmocka_unit_test(ip4_seal_and_verify),
        cmocka_unit_test(ip4_options),
        cmocka_unit_test(options_walk),
        cmocka_unit_test(arp_checks),
        cmocka_unit_test(transports),
        cmocka_unit_test(udp_without_checksum),
        cmocka_unit_test(lengths),
        cmocka_unit_test(quotes),
        cmocka_unit_test(icmp_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
