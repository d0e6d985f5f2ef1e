// RFC 6724: scopes, the policy table, sources and the order of destinations, with the examples of its section 10.
#include "stack/testing.h"
#include "stack/source.h"

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

static void scopes(void **state)
{
    static const struct {
        const char *text;
        unsigned scope;
    } cases[] = {{"::1", SOK_SCOPE_LINK}, {"fe80::1", SOK_SCOPE_LINK}, {"febf::1", SOK_SCOPE_LINK},
        {"fec0::1", SOK_SCOPE_SITE}, {"fc00::1", SOK_SCOPE_GLOBAL},
        {"2001:db8::1", SOK_SCOPE_GLOBAL}, {"ff01::1", SOK_SCOPE_HOST}, {"ff02::1", SOK_SCOPE_LINK},
        {"ff0e::1", SOK_SCOPE_GLOBAL}, {"127.0.0.1", SOK_SCOPE_LINK},
        {"169.254.1.2", SOK_SCOPE_LINK}, {"192.0.2.1", SOK_SCOPE_GLOBAL}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sok_addr a = addr(cases[i].text);
        assert_int_equal(sok_addr_scope(&a), cases[i].scope);
    }
}

static void policies(void **state)
{
    static const struct {
        const char *text;
        unsigned precedence, label;
    } cases[] = {{"::1", 50, 0}, {"2001:db8::1", 40, 1}, {"192.0.2.1", 35, 4}, {"2002::1", 30, 2},
        {"2001::1", 5, 5}, {"fd00::1", 3, 13}, {"::2", 1, 3}, {"fec0::1", 1, 11},
        {"3ffe::1", 1, 12}, {"fe80::1", 40, 1}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sok_addr a = addr(cases[i].text);
        struct sok_addr_policy p = sok_addr_policy(&a);
        assert_int_equal(p.precedence, cases[i].precedence);
        assert_int_equal(p.label, cases[i].label);
    }
    struct sok_addr a = addr("2001:db8::"), b = addr("2001:db8:8000::");
    assert_int_equal(sok_addr_common(&a, &b), 32);
    assert_int_equal(sok_addr_common(&a, &a), 128);
}

struct choice {
    const char *addr;
    bool deprecated, temporary, via;
    unsigned bits; // 0: 64
};

static void best(const char *dst, struct choice better, struct choice worse)
{
    struct sok_addr to = addr(dst);
    struct sok_addr_choice a = {.addr = addr(better.addr),
        .prefix_len = (uint8_t)(better.bits ? better.bits : 64),
        .deprecated = better.deprecated,
        .temporary = better.temporary,
        .via = better.via};
    struct sok_addr_choice b = {.addr = addr(worse.addr),
        .prefix_len = (uint8_t)(worse.bits ? worse.bits : 64),
        .deprecated = worse.deprecated,
        .temporary = worse.temporary,
        .via = worse.via};
    assert_true(sok_source_better(&a, &b, &to, true));
    assert_false(sok_source_better(&b, &a, &to, true));
}

#define C(...) ((struct choice){.addr = __VA_ARGS__})

static void sources(void **state)
{
    (void)state;
    best("2001:db8:1::1", C("2001:db8:3::1"), C("fe80::1"));
    best("ff05::1", C("2001:db8:3::1"), C("fe80::1"));
    best("2001:db8:1::1", C("2001:db8:1::1", .deprecated = true), C("2001:db8:2::1"));
    best("fe80::1", C("fe80::2", .deprecated = true), C("2001:db8:2::1"));
    best("2001:db8:1::1", C("2001:db8:1::2"), C("2001:db8:3::2"));
    best("2001:db8:1::1", C("2001:db8:3::2", .via = true), C("2001:db8:1::2"));
    best("2002:c633:6401::1", C("2002:c633:6401::d5e3:7953:13eb:22e8", .temporary = true),
        C("2001:db8:1::2"));
    best("2001:db8:1::d5e3:0:0:1", C("2001:db8:1::d5e3:7953:13eb:22e8", .temporary = true),
        C("2001:db8:1::2"));
    best("2001:db8:9::1", C("2001:db8:3::2"), C("2001:db8:9::2", .deprecated = true));
    best("fd00::1", C("fd00:1::1"), C("2001:db8:9::2"));
    // The interface identifier does not count: none is better, the first stays.
    struct sok_addr to = addr("2001:db8:1::ff");
    struct sok_addr_choice a = {.addr = addr("2001:db8:1::fe"), .prefix_len = 64};
    struct sok_addr_choice b = {.addr = addr("2001:db8:1:0:1::1"), .prefix_len = 64};
    assert_false(sok_source_better(&a, &b, &to, true) || sok_source_better(&b, &a, &to, true));
}

static void order(const char *const dst[2], const char *const src[2], bool deprecated0)
{
    struct sok_dest d[2] = {0};
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < 2; i++) {
            unsigned from = turn ? 1 - i : i;
            d[i] = (struct sok_dest){.addr = addr(dst[from])};
            if (src[from])
                d[i].source = addr(src[from]);
            d[i].deprecated = from == 1 && deprecated0;
        }
        sok_dests_order(d, 2);
        struct sok_addr first = addr(dst[0]);
        assert_true(sok_addr_eq(d[0].addr, first));
    }
}

#define ORDER(d0, s0, d1, s1)                                                                      \
    order((const char *const[2]){d0, d1}, (const char *const[2]){s0, s1}, false)

static void destinations(void **state)
{
    (void)state;
    ORDER("2001:db8:1::1", "2001:db8:1::2", "198.51.100.121", "169.254.13.78");
    ORDER("198.51.100.121", "198.51.100.117", "2001:db8:1::1", "fe80::1");
    ORDER("2001:db8:1::1", "2001:db8:1::2", "10.1.2.3", "10.1.2.4");
    ORDER("fe80::1", "fe80::2", "2001:db8:1::1", "2001:db8:1::2");
    ORDER("2001:db8:1::1", "2001:db8:1::2", "2001:db8:3ffe::1", "2001:db8:3f44::2");
    ORDER("2001:db8:1::1", "2001:db8:1::2", "2002:c633:6401::1", "2002:c633:6401::2");
    ORDER("198.51.100.1", "198.51.100.2", "2001:db8:1::1", NULL);
    ORDER("192.0.2.1", "192.0.2.9", "fd00::1", "fd00::2");
    order((const char *const[2]){"2001:db8:1::1", "2001:db8:2::1"},
        (const char *const[2]){"2001:db8:1::2", "2001:db8:2::2"}, true);
    // Equals keep their order; IPv4 is not sorted by prefix.
    struct sok_dest d[3] = {{.addr = addr("198.51.100.1"), .source = addr("192.0.2.1")},
        {.addr = addr("192.0.2.7"), .source = addr("192.0.2.1")},
        {.addr = addr("203.0.113.1"), .source = addr("192.0.2.1")}};
    sok_dests_order(d, 3);
    assert_true(d[0].addr.b[12] == 198 && d[1].addr.b[12] == 192 && d[2].addr.b[12] == 203);
}

// What a stack with both families makes of a list.
static void by_a_stack(void **state)
{
    struct lab lab;
    struct sok_addr list[3] = {addr("203.0.113.1"), addr("fd00::1"), addr("2001:db8:9::1")};
    struct sok_addr none = {{0}}, router = addr("fe80::99");
    (void)state;
    lab_open(&lab);
    struct sok_stack *s = lab.stack;
    assert_int_equal(
        sok_stack_route_add(s, sok_addr_v4(0), 0, sok_addr_v4(0xc00002fe), lab.link), 0);
    sok_stack_addrs_order(s, list, 3);
    assert_int_equal(list[0].b[12], 203); // the only one that can be reached
    assert_int_equal(sok_stack_addr_add(s, lab.link, addr("2001:db8::1"), 64), 0);
    assert_int_equal(sok_stack_route_add(s, none, 0, router, lab.link), 0);
    sok_stack_addrs_order(s, list, 3);
    assert_int_equal(list[0].b[0], 0x20);
    assert_int_equal(list[1].b[12], 203);
    assert_int_equal(list[2].b[0], 0xfd);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(policies),
        cmocka_unit_test(sources),
        cmocka_unit_test(destinations),
        cmocka_unit_test(by_a_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
