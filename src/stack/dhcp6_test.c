// Stateless DHCPv6 under virtual time: when it is asked, what a reply changes, and which replies are none.
#include "stack/testing.h"
#include <stdlib.h>
#include "stack/internal.h"
#include "wire/dhcp6.h"
#include "wire/ip6.h"

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

struct net {
    struct lab lab;
    uint8_t asked[200]; // the last request
    size_t asked_len;
    uint8_t reply[300];
    size_t len;
};

static void net_open(struct net *n)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = SOK_LINK_POINT};
    memset(n, 0, sizeof(*n));
    memcpy(info.mac, lab_mac, 6);
    lab_config(&config, &n->lab);
    n->lab.now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(&config, &n->lab.stack), 0);
    n->lab.link = (uint8_t)sok_stack_link_add(n->lab.stack, &info);
    assert_int_equal(sok_stack_slaac_start(n->lab.stack, n->lab.link, n->lab.now), 0);
}

static bool next_request(struct net *n, int64_t within)
{
    struct lab *lab = &n->lab;
    int64_t until = lab->now + within;
    for (;;) {
        while (lab_out(lab)) {
            struct sok_addr src, dst, servers = addr("ff02::1:2");
            if (lab_type(lab) != SOK_ETHERTYPE_IP6 || lab->frame[20] != SOK_IPPROTO_UDP)
                continue;
            memcpy(src.b, lab->frame + 22, 16);
            memcpy(dst.b, lab->frame + 38, 16);
            assert_true(sok_addr_is_near6(&src) && sok_addr_eq(dst, servers));
            assert_int_equal(sok_get16(lab->frame + 54), SOK_DHCP6_CLIENT);
            assert_int_equal(sok_get16(lab->frame + 56), SOK_DHCP6_SERVER);
            assert_true(sok_udp_verify(lab->frame + 54, lab->len - 54, &src, &dst));
            n->asked_len = lab->len - 62;
            memcpy(n->asked, lab->frame + 62, n->asked_len);
            assert_int_equal(n->asked[0], SOK_DHCP6_INFORMATION_REQUEST);
            return true;
        }
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return false;
        }
        lab_run_to(lab, due > lab->now ? due : lab->now);
    }
}

static void option(struct net *n, uint16_t code, const void *value, uint16_t len)
{
    n->len += sok_dhcp6_put(n->reply + n->len, code, value, len);
}

// A reply to the last request: with the client's own identifier, a server's, and what is added.
static void reply_begin(struct net *n)
{
    struct sok_dhcp6_options o = sok_dhcp6_options(n->asked, n->asked_len);
    struct sok_dhcp6_option opt;
    memcpy(n->reply, n->asked, 4);
    n->reply[0] = SOK_DHCP6_REPLY;
    n->len = 4;
    while (sok_dhcp6_next(&o, &opt))
        if (opt.code == SOK_DHCP6_OPT_CLIENT_ID)
            option(n, opt.code, opt.data, opt.len);
    assert_false(o.malformed);
    option(n, SOK_DHCP6_OPT_SERVER_ID, "\0\3\0\1\2\0\0\0\0\xfe", 10);
}

static enum sok_drop reply(struct net *n)
{
    struct sok_tcp_outcome out = {0};
    struct sok_in in = {.link = n->lab.link, .now = n->lab.now, .out = &out};
    uint8_t *exact = malloc(n->len);
    assert_non_null(exact);
    memcpy(exact, n->reply, n->len);
    n->lab.stack->now = n->lab.now;
    bool taken = sok_dhcp6_input(n->lab.stack, &in, exact, (uint32_t)n->len);
    free(exact);
    assert_true(taken);
    return out.drop;
}

static void asks_and_learns(void **state)
{
    struct net n;
    struct sok_addr dns = addr("2001:db8::53");
    (void)state;
    net_open(&n);
    assert_false(next_request(&n, 100 * SOK_S)); // not before a router says so
    sok_dhcp6_ask(n.lab.stack, n.lab.link, n.lab.now);
    assert_true(next_request(&n, 0));
    int64_t wait = SOK_S, last = n.lab.now;
    uint8_t trid[3];
    memcpy(trid, n.asked + 1, 3);
    for (unsigned i = 0; i < 6; i++) {
        assert_true(next_request(&n, 200 * SOK_S));
        assert_memory_equal(trid, n.asked + 1, 3);
        assert_in_range(n.lab.now - last, wait * 3 / 5, wait * 7 / 5);
        wait = 2 * (n.lab.now - last);
        last = n.lab.now;
    }
    reply_begin(&n);
    option(&n, SOK_DHCP6_OPT_DNS, dns.b, 16);
    option(&n, SOK_DHCP6_OPT_DOMAINS, "\7example\3org\0", 13);
    option(&n, SOK_DHCP6_OPT_REFRESH, "\0\0\0\1", 4); // too often
    assert_int_equal(reply(&n), SOK_DROP_NONE);
    const struct sok_slaac_info *info = sok_stack_slaac(n.lab.stack, n.lab.link);
    assert_true(info->dns_count == 1 && sok_addr_eq(info->dns[0], dns));
    assert_true(info->search_count == 1 && strcmp(info->search[0], "example.org") == 0);
    assert_int_equal(reply(&n), SOK_DROP_DHCP_NOT_US); // nothing is asked any more
    last = n.lab.now;
    assert_true(next_request(&n, 700 * SOK_S));
    assert_int_equal(n.lab.now - last, 600 * SOK_S);
    assert_memory_not_equal(trid, n.asked + 1, 3);
    assert_int_equal(info->dns_count, 1);
    lab_run_to(&n.lab, n.lab.now + 400 * SOK_S); // nobody answers: it is forgotten
    assert_int_equal(info->dns_count, 0);
    sok_stack_slaac_stop(n.lab.stack, n.lab.link, n.lab.now);
    assert_false(next_request(&n, 10000 * SOK_S));
    lab_close(&n.lab);
}

static void bad_replies(void **state)
{
    struct net n;
    uint64_t x = 1;
    (void)state;
    net_open(&n);
    sok_dhcp6_ask(n.lab.stack, n.lab.link, n.lab.now);
    assert_true(next_request(&n, 0));
    reply_begin(&n);
    n.reply[3] ^= 1;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_NOT_US); // another transaction
    reply_begin(&n);
    n.reply[0] = 2;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_NOT_US);
    reply_begin(&n);
    n.reply[12] ^= 1;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_MALFORMED); // another client
    reply_begin(&n);
    n.len -= 14;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_MALFORMED); // nobody says so
    reply_begin(&n);
    option(&n, SOK_DHCP6_OPT_DNS, "x", 1);
    assert_int_equal(reply(&n), SOK_DROP_DHCP_MALFORMED);
    reply_begin(&n);
    option(&n, SOK_DHCP6_OPT_DOMAINS, "\3abc", 4); // a name that does not end: none
    n.reply[n.len - 5] = 9;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_MALFORMED);
    reply_begin(&n);
    option(&n, SOK_DHCP6_OPT_STATUS, "\0\1", 2);
    assert_int_equal(reply(&n), SOK_DROP_DHCP_UNUSABLE);
    n.len = 3;
    assert_int_equal(reply(&n), SOK_DROP_DHCP_MALFORMED);
    for (unsigned i = 0; i < 20000; i++) {
        reply_begin(&n);
        size_t from = n.len;
        for (unsigned k = 0; k < 60; k++)
            n.reply[n.len++] =
                (uint8_t)((x = x * 6364136223846793005u + 1442695040888963407u) >> 56);
        n.reply[from] = 0;
        n.reply[from + 1] &= 31;
        n.reply[from + 2] = 0;
        n.reply[from + 3] &= 63;
        reply(&n);
        if (n.lab.stack->slaac[n.lab.link]->dhcp6.tries == 0)
            assert_true(next_request(&n, 200000000 * SOK_S));
    }
    lab_close(&n.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_learns),
        cmocka_unit_test(bad_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
