// Oracle: the C library's inet_pton and inet_ntop.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include "base/addr.h"

static uint32_t rng(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*s >> 33);
}

static bool libc_parse(const char *text, struct sok_addr *out)
{
    uint8_t v4[4];
    if (inet_pton(AF_INET, text, v4) == 1) {
        *out = sok_addr_v4((uint32_t)v4[0] << 24 | v4[1] << 16 | v4[2] << 8 | v4[3]);
        return true;
    }
    return inet_pton(AF_INET6, text, out->b) == 1;
}

static void check_parse(const char *text)
{
    struct sok_addr ours = {{0}}, theirs = {{0}};
    bool ok = libc_parse(text, &theirs);
    if (sok_addr_parse(text, &ours) != ok || memcmp(&ours, &theirs, sizeof(ours)) != 0)
        fail_msg("parsing \"%s\": the C library %s", text, ok ? "takes it" : "does not");
}

static void known_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3",
        "1.2.3.4.5", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4", "1.2.3.04", "1..3.4", "1.2.3.4x",
        "1.2.3.-4", "0001.2.3.4", "192.0.2.1", "::", ":::", ":", "::1", "1::", "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "::1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7::", "1::2::3", "1:2:3::4:5:6:7:8", "2001:db8::1", "2001:DB8::A",
        "12345::", "::ffff:192.0.2.1", "::192.0.2.1", "1:2:3:4:5:6:192.0.2.1",
        "1:2:3:4:5:6:7:192.0.2.1", "::192.0.2.256", "::192.0.2.1:1", "192.0.2.1::", "::g",
        "0000::00001", "fe80::1%eth0", "1:::2", "1::2:", "::0", "0::0", "a:b:c:d:e:f:0:1",
        "::ffff:1.2.3", "::ffff:01.2.3.4"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_parse(texts[i]);
}

static void random_texts(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789abcdefF::::....";
    uint64_t seed = 7;
    char text[48];
    for (int i = 0; i < 200000; i++) {
        size_t len = rng(&seed) % 20;
        for (size_t k = 0; k < len; k++)
            text[k] = alphabet[rng(&seed) % (sizeof(alphabet) - 1)];
        text[len] = '\0';
        check_parse(text);
    }
}

static void formats(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (int i = 0; i < 100000; i++) {
        struct sok_addr a, back;
        unsigned zeros = rng(&seed);
        for (int k = 0; k < 16; k++)
            a.b[k] = zeros >> (k / 2) & 1 ? 0 : (uint8_t)(rng(&seed) >> (rng(&seed) % 8));
        char ours[SOK_ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
        sok_addr_format(a, ours);
        assert_true(sok_addr_parse(ours, &back) && sok_addr_eq(a, back));
        inet_ntop(AF_INET6, a.b, theirs, sizeof(theirs));
        if (!strchr(theirs, '.')) // the C library writes ::102:304 as ::1.2.3.4
            assert_string_equal(ours, theirs);

        struct sok_addr v4 = sok_addr_v4(rng(&seed));
        sok_addr_format(v4, ours);
        assert_string_equal(ours, inet_ntop(AF_INET, v4.b + 12, theirs, sizeof(theirs)));
        assert_true(sok_addr_parse(ours, &back) && sok_addr_eq(v4, back));
    }
}

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

static void endpoints(void **state)
{
    (void)state;
    char text[SOK_ENDPOINT_TEXT_MAX];
    struct sok_endpoint e = {.addr = addr("192.0.2.1"), .port = 80};
    assert_string_equal(sok_endpoint_format(&e, text), "192.0.2.1:80");
    e = (struct sok_endpoint){.addr = addr("2001:db8::"), .port = 65535};
    assert_string_equal(sok_endpoint_format(&e, text), "[2001:db8::]:65535");
    e = (struct sok_endpoint){
        .addr = addr("1111:2222:3333:4444:5555:6666:7777:8888"), .port = 65535};
    assert_string_equal(
        sok_endpoint_format(&e, text), "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

static void kinds(void **state)
{
    (void)state;
    assert_true(sok_addr_is_any(addr("0.0.0.0")) && sok_addr_is_any(addr("::")));
    assert_false(sok_addr_is_any(addr("0.0.0.1")) || sok_addr_is_any(addr("::1")));
    assert_true(sok_addr_is_loopback(addr("127.255.0.1")) && sok_addr_is_loopback(addr("::1")));
    assert_false(sok_addr_is_loopback(addr("128.0.0.1")) || sok_addr_is_loopback(addr("::2")));
    assert_true(sok_addr_is_multicast(addr("224.0.0.1")) && sok_addr_is_multicast(addr("ff02::1")));
    assert_true(sok_addr_is_multicast(addr("239.255.255.255")));
    assert_false(sok_addr_is_multicast(addr("240.0.0.1")) || sok_addr_is_multicast(addr("fe80::")));
    assert_true(sok_addr_is_v4(addr("::ffff:0.0.0.1")));
    assert_false(sok_addr_is_v4(addr("::fffe:0:1")));
    assert_int_equal(sok_addr_to_v4(addr("192.0.2.1")), 0xc0000201);
}

static void networks(void **state)
{
    (void)state;
    assert_true(sok_addr_in(addr("192.0.2.77"), addr("192.0.2.0"), 24));
    assert_false(sok_addr_in(addr("192.0.3.77"), addr("192.0.2.0"), 24));
    assert_true(sok_addr_in(addr("192.0.3.77"), addr("192.0.2.0"), 23));
    assert_true(sok_addr_in(addr("192.0.2.1"), addr("192.0.2.1"), 32));
    assert_false(sok_addr_in(addr("192.0.2.0"), addr("192.0.2.1"), 32));
    assert_true(sok_addr_in(addr("203.0.113.9"), addr("0.0.0.0"), 0));
    assert_false(sok_addr_in(addr("2001:db8::"), addr("0.0.0.0"), 0));
    assert_false(sok_addr_in(addr("192.0.2.1"), addr("::"), 0));
    assert_true(sok_addr_in(addr("2001:db8:ff::"), addr("2001:db8::"), 32));
    assert_false(sok_addr_in(addr("2001:db9::"), addr("2001:db8::"), 32));
    assert_true(sok_addr_in(addr("fe80::1"), addr("fe80::"), 10));
    assert_false(sok_addr_in(addr("192.0.2.1"), addr("192.0.2.1"), 33));
    assert_false(sok_addr_in(addr("::1"), addr("::1"), 129));
    assert_true(sok_addr_in(addr("::1"), addr("::1"), 128));
}

static void bound_addresses_hear_their_families(void **state)
{
    (void)state;
    struct sok_addr v4 = sok_addr_v4(0xc0000201), any4 = sok_addr_v4(0), any6 = {{0}};
    struct sok_addr v6 = {{0x20, 1, 0xd, 0xb8, [15] = 1}}, other = {{0x20, 1, 0xd, 0xb8, [15] = 2}};
    assert_true(sok_addr_hears(any6, false, v4));
    assert_false(sok_addr_hears(any6, true, v4));
    assert_true(sok_addr_hears(any6, true, v6));
    assert_true(sok_addr_hears(any4, false, v4));
    assert_false(sok_addr_hears(any4, false, v6));
    assert_true(sok_addr_hears(v6, false, v6));
    assert_false(sok_addr_hears(v6, false, other));
    assert_true(sok_addr_overlaps(any4, false, any6, false));
    assert_false(sok_addr_overlaps(any4, false, any6, true));
    assert_false(sok_addr_overlaps(any6, true, any4, false));
    assert_true(sok_addr_overlaps(any6, true, any6, false));
    assert_true(sok_addr_overlaps(v4, false, any6, false));
    assert_false(sok_addr_overlaps(v4, false, any6, true));
    assert_false(sok_addr_overlaps(any4, false, v6, false));
    assert_false(sok_addr_overlaps(v6, false, other, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_addresses_hear_their_families),
        cmocka_unit_test(known_texts),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(formats),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(kinds),
        cmocka_unit_test(networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
