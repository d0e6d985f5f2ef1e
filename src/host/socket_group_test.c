// Groups by the calls of a host: joining, filters, how it is sent, shared ports, broadcasts; and what is refused.
#include "host/testing.h"
#include "host/host.h"

static const uint32_t group4 = 0xe9fc0001;

static struct sok_socket *open_at(struct sok_host *h, uint16_t port)
{
    struct sok_socket *s;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = port};
    assert_int_equal(sok_socket(h, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_REUSEADDR, 1), 0);
    assert_int_equal(sok_bind(s, &at), 0);
    return s;
}

static int change(struct sok_socket *s, enum sok_group_op op, uint32_t source)
{
    struct sok_group_change c = {
        .op = op, .link = 1, .group = sok_addr_v4(group4), .source = sok_addr_v4(source)};
    return sok_group(s, &c);
}

static int64_t heard(struct sok_socket *s)
{
    char got[32];
    struct sok_endpoint from;
    return sok_recvfrom(s, got, sizeof(got), &from);
}

static void groups(void **state)
{
    struct pair p;
    struct sok_endpoint to = {.addr = sok_addr_v4(group4), .port = 7000};
    struct sok_multicast_opts o;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *one = open_at(p.b, 7000), *two = open_at(p.b, 7000), *from = open_at(p.a, 0);
    assert_int_equal(change(one, SOK_GROUP_JOIN, 0), 0);
    assert_int_equal(change(two, SOK_GROUP_JOIN_SOURCE, 0xc0000209), 0);
    assert_int_equal(sok_sendto(from, "hello", 5, &to), 5);
    pair_run(&p, 3000000000);
    assert_int_equal(heard(one), 5);
    assert_int_equal(heard(two), SOK_EAGAIN);
    assert_int_equal(change(two, SOK_GROUP_JOIN_SOURCE, 0xc0000201), 0);
    assert_int_equal(sok_sendto(from, "again", 5, &to), 5);
    pair_run(&p, 3000000000);
    assert_true(heard(one) == 5 && heard(two) == 5);
    // Our own is heard too, unless that is switched off.
    assert_int_equal(sok_multicast_get(one, &o), 0);
    assert_true(o.link == -1 && o.ttl == 1 && o.loop && o.all);
    assert_int_equal(sok_sendto(one, "self", 4, &to), 4);
    pair_run(&p, 3000000000);
    assert_int_equal(heard(one), 4);
    o.loop = false;
    assert_int_equal(sok_multicast_set(one, &o), 0);
    assert_int_equal(sok_sendto(one, "self", 4, &to), 4);
    pair_run(&p, 3000000000);
    assert_int_equal(heard(one), SOK_EAGAIN);
    o.link = 77;
    assert_int_equal(sok_multicast_set(one, &o), SOK_ENODEV);
    sok_close(one);
    sok_close(two);
    sok_close(from);
    pair_free(&p);
}

static void filters(void **state)
{
    struct pair p;
    struct sok_addr group = sok_addr_v4(group4), sources[2] = {sok_addr_v4(1), sok_addr_v4(2)},
                    got[2];
    bool exclude = false;
    unsigned count = 2;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s;
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &s), 0); // not bound yet: to any port
    assert_int_equal(sok_group_filter_get(s, 1, &group, &exclude, got, &count), SOK_EADDRNOTAVAIL);
    assert_int_equal(sok_group_filter(s, 1, &group, true, sources, 2), 0);
    assert_int_equal(sok_group_filter_get(s, 1, &group, &exclude, got, &count), 0);
    assert_true(exclude && count == 2 && sok_addr_eq(got[1], sources[1]));
    assert_int_equal(sok_group_filter(s, 1, &group, false, NULL, 0), 0);
    assert_int_equal(change(s, SOK_GROUP_LEAVE, 0), SOK_EADDRNOTAVAIL);
    sok_close(s);
    assert_int_equal(sok_socket_raw(p.b, 102, &s), 0);
    assert_int_equal(change(s, SOK_GROUP_JOIN, 0), 0);
    assert_int_equal(change(s, SOK_GROUP_JOIN, 0), SOK_EADDRINUSE);
    assert_int_equal(sok_group_filter_get(s, 1, &group, &exclude, got, &count), 0);
    sok_close(s);
    pair_free(&p);
}

static void refused(void **state)
{
    struct pair p;
    struct sok_multicast_opts o = SOK_MULTICAST_OPTS_DEFAULT;
    struct sok_addr group = sok_addr_v4(group4), host = sok_addr_v4(0xc0000201);
    struct sok_endpoint all = {.addr = sok_addr_v4(0xffffffff), .port = 7000};
    int64_t value = 7;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(change(p.listener, SOK_GROUP_JOIN, 0), SOK_EOPNOTSUPP);
    assert_int_equal(sok_group_filter(p.listener, 1, &group, true, NULL, 0), SOK_EOPNOTSUPP);
    assert_int_equal(sok_multicast_set(p.listener, &o), SOK_EOPNOTSUPP);
    assert_int_equal(sok_multicast_get(p.listener, &o), SOK_EOPNOTSUPP);
    struct sok_socket *s = open_at(p.a, 0), *there = open_at(p.b, 7000);
    struct sok_group_change c = {.op = SOK_GROUP_JOIN, .link = 9, .group = group};
    assert_int_equal(sok_group(s, &c), SOK_ENODEV);
    c = (struct sok_group_change){.op = SOK_GROUP_JOIN, .link = 1, .group = host};
    assert_int_equal(sok_group(s, &c), SOK_EINVAL);
    assert_int_equal(sok_group_filter(s, 1, &host, true, NULL, 0), SOK_EINVAL);
    assert_int_equal(change(s, SOK_GROUP_JOIN_SOURCE, group4), SOK_EINVAL);
    assert_int_equal(sok_sendto(s, "x", 1, &all), SOK_EACCES);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BROADCAST, 1), 0);
    assert_int_equal(sok_getsockopt(s, SOK_OPT_BROADCAST, &value), 0);
    assert_int_equal(value, 1);
    assert_int_equal(sok_sendto(s, "x", 1, &all), 1);
    pair_run(&p, 3000000000);
    assert_int_equal(heard(there), 1);
    sok_close(s);
    sok_close(there);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),
        cmocka_unit_test(filters),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
