// MLD (RFC 3810, RFC 2710): what routers are told of IPv6 groups, from which address, and what queries are answered.
// The machine is IGMP's (group_test).
#include "stack/testing.h"
#include "stack/internal.h"
#include "wire/igmp.h"
#include "wire/ip6.h"
#include "wire/mld.h"

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

static int change(struct lab *lab, struct sok_udp *u, enum sok_group_op op, const char *group)
{
    struct sok_group_change c = {.op = op, .link = lab->link, .group = addr(group)};
    return sok_udp_group(u, &c, lab->now);
}

// The next MLD message until then, its headers as they must be: its first byte; 0: none.
static unsigned next_message(struct lab *lab, int64_t within)
{
    static const uint8_t alert[8] = {SOK_IPPROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0};
    int64_t until = lab->now + within;
    for (;;) {
        while (lab_out(lab)) {
            if (lab_type(lab) != SOK_ETHERTYPE_IP6 || lab->frame[20] != SOK_IP6_HOP)
                continue;
            struct sok_ip6_hdr ip;
            sok_ip6_hdr_get(lab->frame + 14, &ip);
            struct sok_addr src = sok_ip6_src(&ip), dst = sok_ip6_dst(&ip);
            assert_int_equal(ip.hlim, 1);
            assert_int_equal(ip.plen, lab->len - 54);
            assert_memory_equal(lab->frame + 54, alert, 8);
            assert_memory_equal(lab->frame, "\x33\x33", 2);
            assert_memory_equal(lab->frame + 2, dst.b + 12, 4);
            assert_true(sok_addr_is_any(src) || sok_addr_is_near6(&src));
            assert_true(sok_icmp6_verify(lab->frame + 62, lab->len - 62, &src, &dst));
            return lab->frame[62];
        }
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return 0;
        }
        lab_run_to(lab, due > lab->now ? due : lab->now);
    }
}

static void expect_record(struct lab *lab, uint8_t type, const char *group)
{
    struct sok_mld2_record_hdr r;
    struct sok_addr want = addr(group), routers = addr("ff02::16");
    assert_int_equal(next_message(lab, 11 * SOK_S), SOK_ICMP6_MLD2_REPORT);
    assert_memory_equal(lab->frame + 38, routers.b, 16);
    assert_int_equal(sok_get16(lab->frame + 62 + 6), 1);
    sok_mld2_record_hdr_get(lab->frame + 70, &r);
    assert_int_equal(r.rtype, type);
    assert_memory_equal(r.dst, want.b, 16);
}

static enum sok_drop query(
    struct lab *lab, const char *group, uint16_t delay, size_t len, const char *from, uint8_t hops)
{
    uint8_t p[SOK_MLD2_QUERY_LEN] = {0};
    struct sok_mld2_query_hdr h = {
        .type = SOK_ICMP6_MLD_QUERY, .mrd = delay, .QRV = 2, .QQIC = 125};
    struct sok_addr g = group ? addr(group) : (struct sok_addr){{0}};
    struct sok_tcp_outcome out = {0};
    struct sok_in in = {.link = lab->link, .now = lab->now, .out = &out};
    memcpy(h.mladdr, g.b, 16);
    sok_mld2_query_hdr_put(p, &h);
    in.src = addr(from);
    in.data = p;
    in.len = (uint32_t)len;
    lab->stack->now = lab->now;
    return sok_mld_input(lab->stack, &in, hops);
}

static void open_with_group(struct lab *lab, struct sok_udp **u)
{
    lab_open(lab);
    assert_int_equal(sok_udp_open(lab->stack, NULL, u), 0);
    assert_int_equal(change(lab, *u, SOK_GROUP_JOIN, "ff05::1:3"), 0);
}

static void reports(void **state)
{
    struct lab lab;
    struct sok_udp *u;
    (void)state;
    open_with_group(&lab, &u);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, "ff05::1:3"); // from ::, there is no address
    assert_true(sok_addr_is_any(sok_addr_local6(lab.stack, lab.link)));
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, "ff05::1:3");
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, "ff02::1"), 0);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, "ff01::7"), 0);
    assert_int_equal(next_message(&lab, 300 * SOK_S), 0);
    // An address of ours: its solicited-node group, and what is said is said from it.
    assert_int_equal(sok_stack_addr_add(lab.stack, lab.link, addr("fe80::12:3456"), 64), 0);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, "ff02::1:ff12:3456");
    assert_memory_equal(lab.frame + 22, addr("fe80::12:3456").b, 16);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, "ff02::1:ff12:3456");
    assert_int_equal(sok_stack_addr_remove(lab.stack, lab.link, addr("fe80::12:3456"), lab.now), 0);
    expect_record(&lab, SOK_GROUP_TO_INCLUDE, "ff02::1:ff12:3456");
    sok_udp_close(u);
    lab_close(&lab);
}

static void queries(void **state)
{
    struct lab lab;
    struct sok_udp *u;
    (void)state;
    open_with_group(&lab, &u);
    while (next_message(&lab, 10 * SOK_S))
        ;
    assert_int_equal(query(&lab, NULL, 1000, 28, "fe80::9", 64), SOK_DROP_MLD_MALFORMED);
    assert_int_equal(query(&lab, NULL, 1000, 28, "2001:db8::9", 1), SOK_DROP_MLD_MALFORMED);
    assert_int_equal(query(&lab, NULL, 1000, 26, "fe80::9", 1), SOK_DROP_MLD_MALFORMED);
    assert_int_equal(query(&lab, NULL, 1000, 20, "fe80::9", 1), SOK_DROP_MLD_MALFORMED);
    assert_int_equal(query(&lab, "2001:db8::1", 1000, 28, "fe80::9", 1), SOK_DROP_MLD_MALFORMED);
    assert_int_equal(next_message(&lab, 100 * SOK_S), 0);
    int64_t begun = lab.now;
    assert_int_equal(query(&lab, NULL, 1000, 28, "fe80::9", 1), SOK_DROP_NONE);
    expect_record(&lab, SOK_GROUP_IS_EXCLUDE, "ff05::1:3");
    assert_in_range(lab.now - begun, 1, SOK_S);
    assert_int_equal(query(&lab, "ff05::1:3", 1000, 28, "fe80::9", 1), SOK_DROP_NONE);
    expect_record(&lab, SOK_GROUP_IS_EXCLUDE, "ff05::1:3");
    assert_int_equal(query(&lab, "ff05::1:4", 1000, 28, "fe80::9", 1), SOK_DROP_NONE);
    assert_int_equal(next_message(&lab, 100 * SOK_S), 0);
    sok_udp_close(u);
    lab_close(&lab);
}

static void version1(void **state)
{
    struct lab lab;
    struct sok_udp *u;
    struct sok_addr group = addr("ff05::1:3"), routers = addr("ff02::2");
    (void)state;
    open_with_group(&lab, &u);
    while (next_message(&lab, 10 * SOK_S))
        ;
    assert_int_equal(query(&lab, NULL, 1000, 24, "fe80::9", 1), SOK_DROP_NONE);
    assert_int_equal(next_message(&lab, SOK_S), SOK_ICMP6_MLD_REPORT);
    assert_memory_equal(lab.frame + 38, group.b, 16);
    assert_memory_equal(lab.frame + 70, group.b, 16);
    sok_udp_close(u);
    assert_int_equal(next_message(&lab, SOK_S), SOK_ICMP6_MLD_DONE);
    assert_memory_equal(lab.frame + 38, routers.b, 16);
    assert_int_equal(next_message(&lab, 100 * SOK_S), 0);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports),
        cmocka_unit_test(queries),
        cmocka_unit_test(version1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
