#include "wire/ip6.h"

#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/show.h"
#include "wire/testing.h"

static const uint8_t one[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
static const uint8_t two[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};

static void put(uint8_t *p, uint8_t nh, uint16_t len)
{
    struct sok_ip6_hdr h = sok_ip6_hdr_default();
    memcpy(h.src, one, 16);
    memcpy(h.dst, two, 16);
    h.nh = nh;
    h.plen = len;
    sok_ip6_hdr_put(p, &h);
}

static void checks(void **state)
{
    (void)state;
    struct sok_ip6_hdr h = sok_ip6_hdr_default();
    h.plen = 8;
    assert_int_equal(sok_ip6_check(&h, 39), SOK_DROP_IP_SHORT);
    assert_int_equal(sok_ip6_check(&h, 47), SOK_DROP_IP_TOTAL_LENGTH);
    assert_int_equal(sok_ip6_check(&h, 48), SOK_DROP_NONE);
    assert_int_equal(sok_ip6_check(&h, 60), SOK_DROP_NONE); // padding
    h.version = 4;
    assert_int_equal(sok_ip6_check(&h, 60), SOK_DROP_IP_VERSION);
}

// Hop-by-hop of 16 bytes, destination options of 8, an atomic fragment, UDP.
static void walks(void **state)
{
    (void)state;
    uint8_t p[80] = {0};
    struct sok_ip6_ext e;
    put(p, SOK_IP6_HOP, 40);
    p[40] = SOK_IP6_DEST;
    p[41] = 1;
    p[56] = SOK_IP6_FRAG;
    p[64] = SOK_IPPROTO_UDP;
    struct sok_ip6_walk w = sok_ip6_walk(p, 80);
    assert_true(sok_ip6_next(&w, &e));
    assert_int_equal(e.kind, SOK_IP6_HOP);
    assert_int_equal(e.len, 16);
    assert_int_equal(w.field, 40);
    assert_true(sok_ip6_next(&w, &e));
    assert_int_equal(e.at, 56);
    assert_true(sok_ip6_next(&w, &e));
    assert_int_equal(e.kind, SOK_IP6_FRAG);
    assert_false(w.fragment);
    assert_false(sok_ip6_next(&w, &e));
    assert_false(w.cut);
    assert_int_equal(w.next, SOK_IPPROTO_UDP);
    assert_int_equal(w.at, 72);
    for (size_t cut = 41; cut < 72; cut++) { // whatever is missing is noticed
        w = sok_ip6_walk(p, cut);
        while (sok_ip6_next(&w, &e))
            ;
        assert_true(w.cut);
    }
    p[66] = 1; // now a later fragment: what follows is no header, whatever its number says
    p[64] = SOK_IP6_DEST;
    w = sok_ip6_walk(p, 80);
    while (sok_ip6_next(&w, &e))
        ;
    assert_true(w.fragment && !w.cut);
    assert_int_equal(w.at, 72);
    assert_int_equal(w.frag.offset, 32);
}

static void lines(void **state)
{
    (void)state;
    uint8_t p[14 + 80] = {[12] = 0x86, 0xdd}, *ip = p + 14;
    char text[200];
    put(ip, SOK_IP6_HOP, 16);
    ip[40] = SOK_IPPROTO_UDP;
    ip[48] = 4;
    ip[51] = 53;
    ip[53] = 8;
    sok_show_line(text, sizeof text, p, 14 + 56);
    assert_string_equal(text, "IP6 2001:db8::1.1024 > 2001:db8::2.53: UDP, length 0");
    put(ip, SOK_IP6_FRAG, 40);
    ip[40] = SOK_IPPROTO_TCP;
    ip[42] = 1;
    ip[43] = 1;
    ip[47] = 7;
    sok_show_line(text, sizeof text, p, sizeof p);
    assert_string_equal(
        text, "IP6 2001:db8::1 > 2001:db8::2: TCP, fragment 0x00000007 at 256+, length 32");
    put(ip, 99, 4);
    sok_show_line(text, sizeof text, p, sizeof p);
    assert_string_equal(text, "IP6 2001:db8::1 > 2001:db8::2: ip-proto-99, length 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks),
        cmocka_unit_test(walks),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
