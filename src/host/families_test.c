// Which family a socket hears: 0.0.0.0 is every address of IPv4, :: every address of both, with SOK_OPT_V6ONLY of IPv6
// alone (RFC 3493 section 5.3); who is in whose way; who of several is meant.
#include <string.h>
#include "host/host.h"
#include "host/testing.h"

#define HEARS_V4 1U
#define HEARS_V6 2U

struct net {
    struct sok_host *a, *b; // b is who is talked to
};

static const struct sok_addr any4 = {{[10] = 0xff, 0xff}}, any6 = {{0}};
static const struct sok_addr b4 = {{[10] = 0xff, 0xff, 192, 0, 2, 2}};
static const struct sok_addr b6 = {{0x20, 1, 0xd, 0xb8, [15] = 2}};

static void net_make(struct net *n)
{
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_host_config config;
    struct sok_host_link link = {.size = sizeof(link),
        .addrs = (const char *const[]){"192.0.2.1/24", "2001:db8::1/64", NULL}};
    struct sok_host_link other = {.size = sizeof(other),
        .addrs = (const char *const[]){"192.0.2.2/24", "2001:db8::2/64", NULL}};
    sok_host_config_default(&config);
    config.virtual_time = config.has_seed = true;
    config.start_ns = 1000000000;
    for (config.seed = 1; config.seed <= 2; config.seed++)
        assert_int_equal(sok_host_new(&config, config.seed == 1 ? &n->a : &n->b, err), 0);
    if (sok_host_link_pair(n->a, &link, n->b, &other, err) < 0)
        fail_msg("%s", err);
}

static void net_free(struct net *n)
{
    sok_host_free(n->a);
    sok_host_free(n->b);
}

static void run(struct net *n)
{
    for (unsigned i = 0; i < 1000 && sok_host_step(n->a, 100000000) != 0; i++)
        continue;
}

static struct sok_socket *make(struct sok_host *host, enum sok_socket_type type, bool v6only)
{
    struct sok_socket *s;
    assert_int_equal(sok_socket(host, type, &s), 0);
    if (v6only)
        assert_int_equal(sok_setsockopt(s, SOK_OPT_V6ONLY, 1), 0);
    return s;
}

// Bound, and listening if it is a stream's: NULL, it may not.
static struct sok_socket *open_at(
    struct net *n, enum sok_socket_type type, struct sok_addr addr, bool v6only)
{
    struct sok_endpoint at = {.addr = addr, .port = 80};
    struct sok_socket *s = make(n->b, type, v6only);
    int r = sok_bind(s, &at);
    if (r == 0 && type == SOK_STREAM)
        r = sok_listen(s, 5);
    if (r == 0)
        return s;
    assert_int_equal(r, SOK_EADDRINUSE);
    sok_close(s);
    return NULL;
}

static bool connects(struct net *n, struct sok_addr to, struct sok_socket *listener)
{
    struct sok_endpoint there = {.addr = to, .port = 80};
    struct sok_socket *s = make(n->a, SOK_STREAM, false), *got = NULL;
    assert_int_equal(sok_connect(s, &there), SOK_EINPROGRESS);
    run(n);
    int r = sok_accept(listener, &got);
    if (r == 0)
        sok_abort(got);
    sok_abort(s);
    run(n);
    return r == 0;
}

static bool gets(struct net *n, struct sok_addr to, struct sok_socket *u)
{
    char data[8];
    struct sok_endpoint there = {.addr = to, .port = 80}, from;
    struct sok_socket *s = make(n->a, SOK_DGRAM, false);
    while (sok_recvfrom(u, data, sizeof(data), &from) > 0) // what was meant for others then
        continue;
    assert_int_equal(sok_sendto(s, "x", 1, &there), 1);
    run(n);
    int64_t r = sok_recvfrom(u, data, sizeof(data), &from);
    if (r > 0)
        assert_int_equal(sok_addr_is_v4(from.addr), sok_addr_is_v4(to));
    sok_close(s);
    return r == 1;
}

static unsigned heard(struct net *n, enum sok_socket_type type, struct sok_socket *s)
{
    bool (*tried)(struct net *, struct sok_addr, struct sok_socket *) =
        type == SOK_STREAM ? connects : gets;
    return (tried(n, b4, s) ? HEARS_V4 : 0) | (tried(n, b6, s) ? HEARS_V6 : 0);
}

static const struct {
    const struct sok_addr *addr;
    bool v6only;
    unsigned hears;
} bound[] = {
    {&any4, false, HEARS_V4},
    {&any6, false, HEARS_V4 | HEARS_V6},
    {&any6, true, HEARS_V6},
    {&b4, false, HEARS_V4},
    {&b6, false, HEARS_V6},
    {&b6, true, HEARS_V6},
};
#define BOUND (sizeof(bound) / sizeof(bound[0]))

// Each alone hears its own; two are in each other's way when they would hear the same, and otherwise hear as before.
static void two_at_a_port(enum sok_socket_type type)
{
    struct net n;
    net_make(&n);
    for (unsigned i = 0; i < BOUND; i++) {
        struct sok_socket *first = open_at(&n, type, *bound[i].addr, bound[i].v6only);
        assert_non_null(first);
        assert_int_equal(heard(&n, type, first), bound[i].hears);
        for (unsigned k = 0; k < BOUND; k++) {
            struct sok_socket *second = open_at(&n, type, *bound[k].addr, bound[k].v6only);
            assert_int_equal(second == NULL, (bound[i].hears & bound[k].hears) != 0);
            if (second) {
                assert_int_equal(heard(&n, type, second), bound[k].hears);
                assert_int_equal(heard(&n, type, first), bound[i].hears);
            }
            sok_close(second);
        }
        sok_close(first);
        run(&n);
    }
    net_free(&n);
}

static void streams(void **state)
{
    (void)state;
    two_at_a_port(SOK_STREAM);
}

static void datagrams(void **state)
{
    (void)state;
    two_at_a_port(SOK_DGRAM);
}

// Of those that share a port the nearest address is meant, whoever came last.
static void the_nearest_is_meant(void **state)
{
    struct net n;
    struct sok_socket *s[3];
    const struct sok_addr *addrs[] = {&b4, &any4, &any6};
    (void)state;
    net_make(&n);
    for (unsigned i = 0; i < 3; i++) {
        struct sok_endpoint at = {.addr = *addrs[i], .port = 80};
        s[i] = make(n.b, SOK_DGRAM, false);
        assert_int_equal(sok_setsockopt(s[i], SOK_OPT_REUSEADDR, 1), 0);
        assert_int_equal(sok_bind(s[i], &at), 0);
    }
    assert_true(gets(&n, b6, s[2]));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(gets(&n, b4, s[i]));
        sok_close(s[i]);
    }
    net_free(&n);
}

// Listeners of :: that share a port, one of IPv6 alone: IPv4 is not for that.
static void shared_and_of_one_family(void **state)
{
    struct net n;
    struct sok_socket *s[2], *got;
    struct sok_endpoint at = {.port = 80};
    (void)state;
    net_make(&n);
    for (unsigned i = 0; i < 2; i++) {
        s[i] = make(n.b, SOK_STREAM, i == 1);
        assert_int_equal(sok_setsockopt(s[i], SOK_OPT_REUSEPORT, 1), 0);
        assert_int_equal(sok_bind(s[i], &at), 0);
        assert_int_equal(sok_listen(s[i], 5), 0);
    }
    for (unsigned i = 0; i < 20; i++)
        assert_true(connects(&n, b4, s[0]));
    assert_int_equal(sok_accept(s[1], &got), SOK_EAGAIN);
    net_free(&n);
}

static void out_of_one_family(void **state)
{
    struct net n;
    struct sok_endpoint to4 = {.addr = b4, .port = 80}, to6 = {.addr = b6, .port = 80};
    struct sok_endpoint at4 = {.addr = any4}, name;
    int64_t value;
    (void)state;
    net_make(&n);
    for (unsigned type = SOK_STREAM; type <= SOK_DGRAM; type++) {
        struct sok_socket *s = make(n.a, (enum sok_socket_type)type, true);
        assert_int_equal(sok_bind(s, &at4), SOK_EINVAL);
        assert_int_equal(sok_connect(s, &to4), SOK_ENETUNREACH);
        if (type == SOK_DGRAM)
            assert_int_equal(sok_sendto(s, "x", 1, &to4), SOK_ENETUNREACH);
        assert_int_equal(sok_connect(s, &to6), type == SOK_DGRAM ? 0 : SOK_EINPROGRESS);
        assert_int_equal(sok_getsockopt(s, SOK_OPT_V6ONLY, &value), 0);
        assert_int_equal(value, 1);
        assert_int_equal(sok_setsockopt(s, SOK_OPT_V6ONLY, 0), SOK_EINVAL);
        sok_abort(s);
        s = make(n.a, (enum sok_socket_type)type, false);
        assert_int_equal(sok_bind(s, &at4), 0);
        assert_int_equal(sok_connect(s, &to6), SOK_ENETUNREACH);
        sok_abort(s);
    }
    // Nobody has bound it: both are in reach, one after the other.
    struct sok_socket *s = make(n.a, SOK_DGRAM, false);
    assert_int_equal(sok_sendto(s, "x", 1, &to4), 1);
    assert_int_equal(sok_sendto(s, "x", 1, &to6), 1);
    assert_int_equal(sok_getsockname(s, &name), 0);
    assert_true(sok_addr_eq(name.addr, any6) && name.port != 0);
    s = make(n.a, SOK_ECHO, false);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_V6ONLY, 1), SOK_EOPNOTSUPP);
    net_free(&n);
}

// The zone says on which link a link-local address is.
static void zones(void **state)
{
    struct net n;
    struct sok_ping_reply reply;
    struct sok_socket *s, *raw;
    struct sok_endpoint to = {.addr = b6}, near = {.addr = {{0xfe, 0x80, [15] = 9}}, .zone = 99};
    (void)state;
    net_make(&n);
    s = make(n.a, SOK_ECHO, false);
    assert_int_equal(sok_ping_sendto(s, &to, 7, "x", 1, 0), 0);
    run(&n);
    assert_int_equal(sok_ping_recv(s, &reply), 0);
    assert_true(reply.err == 0 && reply.seq == 7 && sok_addr_eq(reply.from, b6));
    assert_int_equal(sok_ping_sendto(s, &near, 8, "x", 1, 0), SOK_ENODEV);
    assert_int_equal(sok_socket_raw6(n.a, 102, &raw), 0);
    assert_int_equal(sok_sendto(raw, "x", 1, &near), SOK_ENODEV);
    assert_int_equal(sok_connect(raw, &near), SOK_ENODEV);
    near.zone = 2; // of the first link, 0 being the loopback
    assert_int_equal(sok_connect(raw, &near), 0);
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),
        cmocka_unit_test(datagrams),
        cmocka_unit_test(the_nearest_is_meant),
        cmocka_unit_test(shared_and_of_one_family),
        cmocka_unit_test(out_of_one_family),
        cmocka_unit_test(zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
