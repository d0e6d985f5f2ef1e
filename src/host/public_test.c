// What the other tests of the public calls leave out: gathered and urgent sending, groups, addresses and routes given
// later, notices, what DHCP and routers would say, lookups of one family, the order of addresses.
#include "host/testing.h"
#include <string.h>
#include <sockeye/names.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static struct sok_addr addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

static void gathered_and_urgent(void **state)
{
    struct pair p;
    char got[16];
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p);
    assert_true(sok_wait(s, SOK_POLL_OUT, S) & SOK_POLL_OUT);
    struct iovec pieces[] = {{(char[]){"ab"}, 2}, {NULL, 0}, {(char[]){"cde"}, 3}};
    assert_int_equal(sok_sendv(s, pieces, 3), 5);
    assert_int_equal(sok_sendv(s, pieces, -1), SOK_EINVAL);
    pair_run(&p, 10 * MS);
    struct sok_socket *t = pair_accept(&p);
    assert_int_equal(sok_recv(t, got, sizeof(got)), 5);
    assert_memory_equal(got, "abcde", 5);
    assert_int_equal(sok_send_urgent(s, "!", 1), 1);
    pair_run(&p, 10 * MS);
    assert_true(sok_socket_ready(t) & SOK_POLL_URGENT);
    assert_int_equal(sok_recv(t, got, sizeof(got)), 1);
    assert_int_equal(sok_host_stream_error(p.a), 0);
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

static struct sok_socket *in_group(struct sok_host *host, uint16_t port)
{
    struct sok_socket *s;
    struct sok_endpoint local = {.port = port};
    assert_int_equal(sok_socket(host, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_bind(s, &local), 0);
    return s;
}

static void groups(void **state)
{
    struct pair p;
    char got[16];
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = in_group(p.a, 0), *r = in_group(p.b, 5000);
    struct sok_group_change join = {SOK_GROUP_JOIN, 1, .group = addr("239.1.2.3")};
    struct sok_endpoint to = {.addr = join.group, .port = 5000}, from;
    struct sok_multicast_opts opts = SOK_MULTICAST_OPTS_DEFAULT, read;
    opts.link = 1;
    opts.ttl = 7;
    assert_int_equal(sok_multicast_set(s, &opts), 0);
    assert_int_equal(sok_multicast_get(s, &read), 0);
    assert_int_equal(read.ttl, 7);
    assert_int_equal(read.link, 1);
    assert_int_equal(sok_sendto_check(s, &to), 0);
    assert_int_equal(sok_group(r, &join), 0);
    assert_int_equal(sok_group(r, &join), SOK_EADDRINUSE);
    assert_int_equal(sok_sendto(s, "one", 3, &to), 3);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_recvfrom(r, got, sizeof(got), &from), 3);

    // Of this source alone; the sender is another.
    struct sok_addr other = addr("192.0.2.77"), sources[2];
    unsigned count = 2;
    bool exclude = true;
    assert_int_equal(sok_group_filter(r, 1, &join.group, false, &other, 1), 0);
    assert_int_equal(sok_group_filter_get(r, 1, &join.group, &exclude, sources, &count), 0);
    assert_false(exclude);
    assert_int_equal(count, 1);
    assert_true(sok_addr_eq(sources[0], other));
    assert_int_equal(sok_sendto(s, "two", 3, &to), 3);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_recvfrom(r, got, sizeof(got), &from), SOK_EAGAIN);
    join.op = SOK_GROUP_LEAVE;
    assert_int_equal(sok_group(r, &join), 0);
    assert_int_equal(sok_group(r, &join), SOK_EADDRNOTAVAIL);
    pair_free(&p);
}

// Over IPv6 what is received has no header before it (RFC 3542 section 3).
static void protocol_102_over_ip6(void **state)
{
    struct pair p;
    char err[SOK_HOST_ERR_MAX] = "", got[64];
    struct sok_socket *s, *r;
    struct sok_endpoint to = {.addr = addr("2001:db8::2")}, from;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_host_addr_add(p.a, 1, "2001:db8::1/64", err), 0);
    assert_int_equal(sok_host_addr_add(p.b, 1, "2001:db8::2/64", err), 0);
    pair_run(&p, 5 * S);
    assert_int_equal(sok_socket_raw6(p.a, 102, &s), 0);
    assert_int_equal(sok_socket_raw6(p.b, 102, &r), 0);
    assert_int_equal(sok_sendto(s, "hello", 5, &to), 5);
    pair_run(&p, 5 * S);
    assert_int_equal(sok_recvfrom(r, got, sizeof(got), &from), 5);
    assert_memory_equal(got, "hello", 5);
    assert_true(sok_addr_eq(from.addr, addr("2001:db8::1")));
    pair_free(&p);
}

static void datagrams_with_what_is_known(void **state)
{
    struct pair p;
    char got[4];
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = in_group(p.a, 0), *r = in_group(p.b, 5000);
    struct sok_endpoint to = {.addr = p.to_b.addr, .port = 5000}, from;
    struct sok_dgram_info out = {.link = -1, .ttl = 9, .tos = -1}, in;
    assert_int_equal(sok_sendto_info(s, "hello", 5, &to, &out), 5);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_recvfrom_info(r, got, sizeof(got), &from, &in), 4);
    assert_int_equal(in.len, 5);
    assert_int_equal(in.ttl, 9);
    assert_int_equal(in.link, 1);
    assert_true(sok_addr_eq(in.to.addr, to.addr));
    pair_free(&p);
}

static void what_was_said_about_datagrams(void **state)
{
    struct pair p;
    char got[4];
    int64_t on;
    struct sok_dgram_news news;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = in_group(p.a, 0), *stream;
    struct sok_endpoint to = {.addr = p.to_b.addr, .port = 9};
    assert_int_equal(sok_recv_news(s, got, sizeof(got), &news), SOK_EAGAIN);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_RECVERR, 1), 0);
    assert_int_equal(sok_getsockopt(s, SOK_OPT_RECVERR, &on), 0);
    assert_int_equal(on, 1);
    assert_int_equal(sok_sendto(s, "hello", 5, &to), 5);
    pair_run(&p, 10 * MS);
    assert_true(sok_socket_ready(s) & SOK_POLL_ERROR);
    assert_int_equal(sok_recv_news(s, got, sizeof(got), &news), 4);
    assert_memory_equal(got, "hell", 4);
    assert_true(news.err == SOK_EREFUSED && news.len == 5 && news.type == 3 && news.code == 3);
    assert_true(sok_addr_eq(news.from, to.addr) && sok_addr_eq(news.to.addr, to.addr));
    assert_int_equal(news.to.port, 9);
    assert_false(sok_socket_ready(s) & SOK_POLL_ERROR);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &stream), 0);
    assert_int_equal(sok_recv_news(stream, got, sizeof(got), &news), SOK_EOPNOTSUPP);
    pair_free(&p);
}

static void types_of_icmp_that_are_not_heard(void **state)
{
    struct pair p;
    uint32_t away[8] = {1u << 8}, got[8];
    char bytes[64];
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *heard, *not_heard, *ping, *stream;
    assert_int_equal(sok_socket_raw(p.b, 1, &heard), 0);
    assert_int_equal(sok_socket_raw(p.b, 1, &not_heard), 0);
    assert_int_equal(sok_icmp_filter(not_heard, away), 0);
    assert_int_equal(sok_icmp_filter_get(not_heard, got), 0);
    assert_memory_equal(got, away, sizeof(got));
    assert_int_equal(sok_socket(p.a, SOK_ECHO, &ping), 0);
    assert_true(sok_ping_send(ping, &p.to_b.addr, 1, "data", 4, 0) >= 0);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_recv(heard, bytes, sizeof(bytes)), 32);
    assert_int_equal(sok_recv(not_heard, bytes, sizeof(bytes)), SOK_EAGAIN);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &stream), 0);
    assert_int_equal(sok_icmp_filter(stream, away), SOK_EOPNOTSUPP);
    assert_int_equal(sok_icmp_filter_get(stream, got), SOK_EOPNOTSUPP);
    pair_free(&p);
}

static void routes_given_later(void **state)
{
    struct pair p;
    char err[SOK_HOST_ERR_MAX] = "";
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = in_group(p.a, 0);
    struct sok_endpoint far = {.addr = addr("198.51.100.1"), .port = 9};
    assert_int_equal(sok_sendto_check(s, &far), SOK_ENETUNREACH);
    assert_int_equal(sok_host_route_add(p.a, 1, "nonsense", err), SOK_EINVAL);
    assert_true(err[0]);
    assert_int_equal(sok_host_route_add(p.a, 1, "198.51.100.0/24,192.0.2.2", err), 0);
    assert_int_equal(sok_sendto_check(s, &far), 0);
    far.addr = addr("203.0.113.1");
    assert_int_equal(sok_sendto_check(s, &far), SOK_ENETUNREACH);
    assert_int_equal(sok_host_gateway_add(p.a, 1, "192.0.2.2", err), 0);
    assert_int_equal(sok_sendto_check(s, &far), 0);
    assert_false(sok_host_cut_off(p.a));
    pair_free(&p);
}

static void note(void *ctx, const char *line)
{
    (void)line;
    ++*(int *)ctx;
}

// Nobody answers: no lease, no address of a router's, and nothing is lost.
static void nobody_gives_addresses(void **state)
{
    struct pair p;
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_host_lease lease;
    struct sok_host_slaac slaac;
    int lost = 0, changed = 0;
    (void)state;
    pair_make(&p, NULL);
    sok_host_on_lost(p.a, note, &lost);
    sok_host_on_link(p.a, note, &changed);
    assert_true(sok_host_dhcp_start(p.a, 77, err) < 0);
    assert_true(sok_host_slaac_start(p.a, 77, err) < 0);
    assert_int_equal(sok_host_dhcp_start(p.a, 1, err), 0);
    assert_int_equal(sok_host_slaac_start(p.a, 1, err), 0);
    pair_run(&p, 20 * S);
    assert_false(sok_host_lease(p.a, 1, &lease));
    assert_false(sok_host_slaac(p.a, 1, &slaac));
    sok_host_release(p.a);
    assert_int_equal(lost, 0);
    assert_int_equal(changed, 0);
    pair_free(&p);
}

static void looked_up(void *ctx, const struct sok_lookup_result *result)
{
    *(int *)ctx = result->err ? result->err : (int)result->count;
}

static void lookups(void **state)
{
    struct pair p;
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_lookup *lookup;
    int answer = 99;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_host_names_read(p.a, err), 0);
    assert_true(sok_lookup_family(p.a, 4));
    assert_false(sok_lookup_family(p.a, 6));
    assert_int_equal(sok_lookup_name_of(p.a, "192.0.2.9", 4, looked_up, &answer, &lookup, err), 0);
    pair_run(&p, S);
    assert_int_equal(answer, 1);
    answer = 99;
    assert_int_equal(sok_host_dns_add(p.a, "192.0.2.2", err), 0); // nobody answers there
    assert_int_equal(sok_lookup_addr(p.a, addr("192.0.2.9"), looked_up, &answer, &lookup, err), 0);
    sok_lookup_cancel(lookup);
    pair_run(&p, 60 * S);
    assert_int_equal(answer, 99); // nobody is told

    // RFC 6724 section 6, rule 1: who cannot be reached comes last.
    struct sok_addr order[] = {addr("2001:db8::1"), addr("192.0.2.2")};
    sok_lookup_sort(p.a, order, 2);
    assert_true(sok_addr_is_v4(order[0]));
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathered_and_urgent),
        cmocka_unit_test(groups),
        cmocka_unit_test(protocol_102_over_ip6),
        cmocka_unit_test(datagrams_with_what_is_known),
        cmocka_unit_test(what_was_said_about_datagrams),
        cmocka_unit_test(types_of_icmp_that_are_not_heard),
        cmocka_unit_test(routes_given_later),
        cmocka_unit_test(nobody_gives_addresses),
        cmocka_unit_test(lookups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
