#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "capture/filter.h"

static const uint8_t syn[54] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 1, 0,
    0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2};
static struct sok_mem mem;
static char err[SOK_CAPTURE_ERR_MAX];

static struct sok_filter *filter(const char *text)
{
    struct sok_filter *f;
    assert_int_equal(sok_filter_new(&mem, text, SOK_CAPTURE_ETHERNET, 0, &f, err), 0);
    return f;
}

static bool matches(const char *text, uint16_t linktype, const uint8_t *data, uint32_t len)
{
    struct sok_filter *f = filter(text);
    bool matched = sok_filter_match(f, linktype, data, len, len);
    sok_filter_free(f);
    return matched;
}

static void packets_match(void **state)
{
    (void)state;
    assert_true(matches("tcp dst port 80", SOK_CAPTURE_ETHERNET, syn, sizeof(syn)));
    assert_false(matches("tcp dst port 81", SOK_CAPTURE_ETHERNET, syn, sizeof(syn)));
    assert_true(matches("", SOK_CAPTURE_ETHERNET, syn, sizeof(syn)));
    // The same packet without its Ethernet header; and what only Ethernet has.
    assert_true(matches("tcp dst port 80", SOK_CAPTURE_RAW, syn + 14, sizeof(syn) - 14));
    assert_false(matches("ether src 02:00:00:00:00:02", SOK_CAPTURE_RAW, syn + 14, 40));
    assert_true(matches("ether src 02:00:00:00:00:02", SOK_CAPTURE_ETHERNET, syn, sizeof(syn)));
    for (uint32_t len = 0; len < 38; len++)
        assert_false(matches("tcp dst port 80", SOK_CAPTURE_ETHERNET, syn, len));
}

static void many_link_types_are_bounded(void **state)
{
    struct sok_filter *f = filter("ip");
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        sok_filter_match(f, (uint16_t)i, syn, sizeof(syn), sizeof(syn));
    assert_true(sok_filter_match(f, SOK_CAPTURE_ETHERNET, syn, sizeof(syn), sizeof(syn)));
    sok_filter_free(f);
}

static void nonsense_is_named(void **state)
{
    struct sok_filter *f;
    (void)state;
    assert_int_equal(
        sok_filter_new(&mem, "tcp prot 80", SOK_CAPTURE_ETHERNET, 0, &f, err), SOK_EINVAL);
    assert_non_null(strstr(err, "tcp prot 80"));
    assert_null(strchr(err, '\n'));
}

static void tags_are_for_here(void **state)
{
    static const struct {
        const char *text;
        bool here;
    } cases[] = {
        {"vlan 5", true}, {"vlan and tcp", true}, {"tcp port 80", false}, {"not vlan", true}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sok_filter *f = filter(cases[i].text);
        assert_int_equal(sok_filter_is_for_here(f), cases[i].here);
        sok_filter_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_match),
        cmocka_unit_test(many_link_types_are_bounded),
        cmocka_unit_test(nonsense_is_named),
        cmocka_unit_test(tags_are_for_here),
    };
    mem = sok_mem_libc();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
