// Group membership messages: what is put is got, times as the RFCs' codes have them, text.
#include "wire/testing.h"

#include "wire/eth.h"
#include "wire/igmp.h"
#include "wire/ip4.h"
#include "wire/mld.h"
#include "wire/show.h"

static void codes(void **state)
{
    uint32_t last = 0;
    (void)state;
    assert_int_equal(sok_igmp_delay_ms(100), 10000);
    assert_int_equal(sok_igmp_delay_ms(127), 12700);
    assert_int_equal(sok_igmp_delay_ms(128), 12800);
    assert_int_equal(sok_igmp_delay_ms(255), 31744 * 100); // (15 + 16) << 10
    assert_int_equal(sok_igmp_interval_s(125), 125);
    for (unsigned code = 1; code < 256; code++) {
        assert_true(sok_igmp_interval_s((uint8_t)code) > last);
        last = sok_igmp_interval_s((uint8_t)code);
    }
    assert_int_equal(sok_mld_delay_ms(10000), 10000);
    assert_int_equal(sok_mld_delay_ms(32767), 32767);
    assert_int_equal(sok_mld_delay_ms(32768), 32768);
    assert_int_equal(sok_mld_delay_ms(65535), 0x1fff << 10);
    last = 0;
    for (unsigned code = 1; code < 65536; code++) {
        assert_true(sok_mld_delay_ms((uint16_t)code) > last);
        last = sok_mld_delay_ms((uint16_t)code);
    }
}

static void sums(void **state)
{
    struct rng r = {3};
    (void)state;
    for (unsigned run = 0; run < 500; run++) {
        uint8_t p[64];
        size_t len = 8 + rng_below(&r, 56);
        rng_fill(&r, p, sizeof(p));
        sok_igmp_seal(p, len);
        assert_true(sok_igmp_verify(p, len));
        assert_int_equal(naive_sum(0, p, len), 0xffff);
        p[rng_below(&r, (uint32_t)len)] ^= 1;
        assert_false(sok_igmp_verify(p, len));
    }
}

static void lines(void **state)
{
    uint8_t f[80] = {0};
    char text[200];
    struct sok_igmp_hdr h = {.type = SOK_IGMP_REPORT2, .gaddr = 0xe9fc0001};
    struct sok_ip4_hdr ip = sok_ip4_hdr_default();
    (void)state;
    sok_put16(f + 12, SOK_ETHERTYPE_IP4);
    ip.ihl = 6;
    ip.len = 32;
    ip.ttl = 1;
    ip.proto = SOK_IPPROTO_IGMP;
    ip.src = 0xc0000201;
    ip.dst = 0xe9fc0001;
    sok_ip4_hdr_put(f + 14, &ip);
    memcpy(f + 34, sok_ip4_alert, 4);
    sok_ip4_seal(f + 14, 24);
    sok_igmp_hdr_put(f + 38, &h);
    sok_igmp_seal(f + 38, 8);
    sok_show_line(text, sizeof(text), f, 46);
    assert_non_null(strstr(text, "192.0.2.1 > 233.252.0.1: igmp v2 report 233.252.0.1, length 8"));
    h.type = SOK_IGMP_REPORT3;
    h.gaddr = 2;
    sok_igmp_hdr_put(f + 38, &h);
    sok_show_line(text, sizeof(text), f, 46);
    assert_non_null(strstr(text, "igmp v3 report, 2 group record(s)"));
    assert_string_equal(sok_group_record_text(SOK_GROUP_TO_EXCLUDE), "to_ex");
    assert_null(sok_group_record_text(7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes),
        cmocka_unit_test(sums),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
