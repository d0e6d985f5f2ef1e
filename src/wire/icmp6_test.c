// ICMPv6, neighbour discovery and its options: what is put is got, what is not all there is refused, checksums
// against the slow and obvious way, text.
#include "wire/testing.h"

#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/mld.h"
#include "wire/name.h"
#include "wire/registry.h"
#include "wire/show.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

// Exactly so many bytes, so that a sanitizer sees what goes past them.
static bool check(const uint8_t *p, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, p, len);
    bool ok = sok_nd_check(exact, len);
    free(exact);
    return ok;
}

static void checksum(void **state)
{
    struct rng r = {6};
    (void)state;
    for (unsigned run = 0; run < 2000; run++) {
        uint8_t p[200], pseudo[40] = {0};
        size_t len = 8 + rng_below(&r, 190);
        struct sok_addr src, dst;
        rng_fill(&r, p, sizeof(p));
        rng_fill(&r, src.b, 16);
        rng_fill(&r, dst.b, 16);
        memcpy(pseudo, src.b, 16);
        memcpy(pseudo + 16, dst.b, 16);
        sok_put32(pseudo + 32, (uint32_t)len);
        pseudo[39] = SOK_IPPROTO_ICMP6;
        sok_icmp6_seal(p, len, &src, &dst);
        assert_true(sok_icmp6_verify(p, len, &src, &dst));
        uint16_t sum = sok_get16(p + 2);
        sok_put16(p + 2, 0);
        uint16_t slow = (uint16_t)~naive_sum(naive_sum(0, pseudo, 40), p, len);
        assert_int_equal(sum, slow);
        sok_put16(p + 2, sum);
        p[rng_below(&r, (uint32_t)len)] ^= 4;
        assert_false(sok_icmp6_verify(p, len, &src, &dst));
    }
}

static void solicitation(void **state)
{
    uint8_t p[64] = {0};
    struct sok_nd_ns_hdr h = sok_nd_ns_hdr_default(), got = {0};
    struct sok_addr target = addr("fe80::1");
    uint8_t found[6];
    (void)state;
    memcpy(h.tgt, target.b, 16);
    sok_nd_ns_hdr_put(p, &h);
    size_t len = SOK_ND_NS_LEN;
    len += sok_nd_put_nonce(p + len, mac);
    len += sok_nd_put_link(p + len, SOK_ND_OPT_SOURCE, mac);
    assert_int_equal(len, 40);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(check(p, cut), cut == 24 || cut == 32);
    assert_true(check(p, len));
    assert_true(sok_nd_ns_get(p, len, &got));
    assert_int_equal(got.type, SOK_ICMP6_NS);
    assert_memory_equal(got.tgt, target.b, 16);
    assert_true(sok_nd_link_addr(p, len, SOK_ND_OPT_SOURCE, found));
    assert_memory_equal(found, mac, 6);
    assert_false(sok_nd_link_addr(p, len, SOK_ND_OPT_TARGET, found));
    size_t value_len;
    assert_ptr_equal(sok_nd_option(p, len, SOK_ND_OPT_NONCE, 6, &value_len), p + 26);
    assert_int_equal(value_len, 6);
    assert_null(sok_nd_option(p, len, SOK_ND_OPT_NONCE, 7, NULL));
    p[1] = 1; // code
    assert_false(check(p, len));
    p[1] = 0;
    p[33] = 0; // an option of no length (RFC 4861 section 4.6)
    assert_false(check(p, len));
    p[33] = 2; // and past the end
    assert_false(check(p, len));
    p[25] = 2; // one of another length than Ethernet's
    p[24] = SOK_ND_OPT_SOURCE;
    assert_true(check(p, len));
    assert_false(sok_nd_link_addr(p, len, SOK_ND_OPT_SOURCE, found));
}

static size_t put_advertisement(uint8_t *p)
{
    struct sok_nd_ra_hdr h = sok_nd_ra_hdr_default();
    struct sok_nd_prefix_hdr prefix = sok_nd_prefix_hdr_default();
    struct sok_nd_route_hdr route = {.plen = 48, .prf = SOK_ND_PRF_LOW, .rtlifetime = 600};
    struct sok_addr net = addr("2001:db8:1::"), dns[2] = {addr("2001:db8::53"), addr("fe80::53")};
    h.chlim = 64;
    h.prf = SOK_ND_PRF_HIGH;
    h.O = 1;
    sok_nd_ra_hdr_put(p, &h);
    memcpy(prefix.prefix, net.b, 16);
    size_t len = SOK_ND_RA_LEN;
    len += sok_nd_put_prefix(p + len, &prefix);
    len += sok_nd_put_mtu(p + len, 1400);
    len += sok_nd_put_route(p + len, &route, &net);
    len += sok_nd_put_rdnss(p + len, 1200, dns, 2);
    return len;
}

static void advertisement(void **state)
{
    uint8_t p[200];
    struct sok_nd_ra_hdr h = {0};
    struct sok_nd_prefix_hdr prefix;
    struct sok_nd_mtu_hdr mtu;
    struct sok_nd_route_hdr route;
    size_t len = put_advertisement(p), value_len;
    (void)state;
    assert_int_equal(len, 16 + 32 + 8 + 16 + 40);
    assert_true(check(p, len));
    assert_int_equal(p[5], 0x48); // O, and the preference 01
    assert_true(sok_nd_ra_get(p, len, &h));
    assert_true(h.O && !h.M && h.prf == SOK_ND_PRF_HIGH && h.routerlifetime == 1800);
    sok_nd_prefix_hdr_get(
        sok_nd_option(p, len, SOK_ND_OPT_PREFIX, SOK_ND_PREFIX_LEN, NULL), &prefix);
    assert_true(prefix.prefixlen == 64 && prefix.L && prefix.A && !prefix.R);
    assert_int_equal(prefix.validlifetime, SOK_ND_LIFE_EVER);
    sok_nd_mtu_hdr_get(sok_nd_option(p, len, SOK_ND_OPT_MTU, SOK_ND_MTU_LEN, NULL), &mtu);
    assert_int_equal(mtu.mtu, 1400);
    const uint8_t *value = sok_nd_option(p, len, SOK_ND_OPT_ROUTE, SOK_ND_ROUTE_LEN, &value_len);
    sok_nd_route_hdr_get(value, &route);
    assert_true(route.plen == 48 && route.prf == SOK_ND_PRF_LOW && route.rtlifetime == 600);
    assert_int_equal(value_len, SOK_ND_ROUTE_LEN + 8);
    assert_non_null(sok_nd_option(p, len, SOK_ND_OPT_RDNSS, SOK_ND_DNS_LEN + 16, &value_len));
    assert_int_equal(value_len, SOK_ND_DNS_LEN + 32);
}

// Any bytes: the walk ends, and an option is within the message.
static void any_bytes(void **state)
{
    struct rng r = {61};
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        uint8_t p[128];
        size_t len = 8 + rng_below(&r, 120);
        rng_fill(&r, p, sizeof(p));
        p[0] = (uint8_t)(SOK_ICMP6_RS + rng_below(&r, 5));
        p[1] = 0;
        for (unsigned i = 9; i < len; i += 8)
            p[i] &= 3;
        if (len < sok_nd_fixed(p[0]))
            continue;
        struct sok_options o = sok_nd_options(p, len);
        size_t used = sok_nd_fixed(p[0]);
        for (struct sok_option opt; sok_option_next(&o, &opt); used += 2u + opt.len)
            assert_true(opt.data + opt.len <= p + len && (opt.len + 2) % 8 == 0);
        assert_true(o.malformed ? used < len : used == len);
        assert_int_equal(check(p, len), !o.malformed);
    }
}

static void names(void **state)
{
    static const uint8_t list[] = "\7example\3org\0\1a\0\3b c\0\0\0\4last";
    char name[SOK_NAME_MAX];
    size_t at = 0;
    (void)state;
    assert_true(sok_name_next(list, sizeof(list) - 1, &at, name));
    assert_string_equal(name, "example.org");
    assert_true(sok_name_next(list, sizeof(list) - 1, &at, name));
    assert_string_equal(name, "a");
    // A name of other bytes and the padding are passed over, one that is cut off ends the list.
    assert_false(sok_name_next(list, sizeof(list) - 1, &at, name));
    uint8_t p[300];
    memset(p, 'x', sizeof(p));
    for (unsigned i = 0; i < 256; i += 64)
        p[i] = 63;
    p[256] = 0;
    p[257] = 1;
    p[259] = 0;
    at = 0;
    assert_true(sok_name_next(p, 260, &at, name)); // the first is too long for a name
    assert_string_equal(name, "x");
    at = 0;
    p[0] = 0xc0; // compression
    assert_false(sok_name_next(p, 260, &at, name));
}

static void views(void **state)
{
    struct sok_icmp6_hdr h = {.id = 1, .seq = 0x0500};
    unsigned errors = 0;
    (void)state;
    assert_int_equal(sok_icmp6_word(&h), 0x10500);
    for (unsigned type = 0; type < 256; type++)
        errors += sok_icmp6_is_error((uint8_t)type);
    assert_int_equal(errors, 128);
    assert_ptr_equal(sok_proto_find("ICMPv6"), &sok_proto_icmp6);
    for (unsigned type = 0; type < 256; type++) {
        uint8_t p[64] = {(uint8_t)type};
        const struct sok_proto *proto = sok_proto_icmp6.variant(p, sizeof(p));
        size_t fixed = sok_nd_fixed((uint8_t)type);
        assert_string_equal(proto->fields[0].name, "type");
        assert_string_equal(proto->fields[2].name, "cksum");
        assert_ptr_equal(proto->family, &sok_proto_icmp6);
        assert_ptr_equal(sok_proto_find(proto->name), proto);
        if (fixed)
            assert_int_equal(proto->hdr_len, fixed);
    }
}

// A message of an unknown type that ends behind its checksum: shown, with nothing behind it read.
static void a_short_message(void **state)
{
    enum { LEN = SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN + 4 };
    char line[200];
    (void)state;
    uint8_t *frame = calloc(1, LEN), *ip = frame + SOK_ETH_HDR_LEN;
    sok_put16(frame + 12, SOK_ETHERTYPE_IP6);
    ip[0] = 0x60;
    ip[5] = 4;
    ip[6] = SOK_IPPROTO_ICMP6;
    ip[SOK_IP6_HDR_LEN] = 200;
    sok_show_line(line, sizeof(line), frame, LEN);
    assert_string_equal(line, "IP6 :: > ::: ICMP6, type 200, code 0, length 4");
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum),
        cmocka_unit_test(solicitation),
        cmocka_unit_test(advertisement),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(names),
        cmocka_unit_test(views),
        cmocka_unit_test(a_short_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
