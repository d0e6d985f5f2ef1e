// Names over a wire in memory: the other host is a name server that answers, refuses, or says that there is
// no such name. What lies is in tests/interop.
#include <string.h>
#include <sockeye/names.h>
#include "host/testing.h"

#define NONAME 3 // RFC 1035 section 4.1.1, RCODE

struct server {
    struct sok_socket *s;
    uint8_t rcode;
    uint8_t answer
        [300]; // type and what follows the owner's name, for the answer section; 0 bytes: none
    size_t answer_len;
    unsigned asked;
    uint16_t type; // of the last question
};

static void server_ready(void *ctx, struct sok_socket *s)
{
    struct server *v = ctx;
    uint8_t p[512];
    struct sok_endpoint from;
    int64_t n;
    while ((n = sok_recvfrom(s, p, sizeof(p), &from)) > 0) {
        size_t at = 12;
        while (p[at] != 0)
            at += p[at] + 1U;
        v->type = (uint16_t)(p[at + 1] << 8 | p[at + 2]);
        at += 5;
        v->asked++;
        p[2] = 0x81;
        p[3] = (uint8_t)(0x80 | v->rcode);
        p[7] = v->answer_len > 0;
        memset(p + 8, 0, 4);
        if (v->answer_len > 0) {
            p[at++] = 0xc0;
            p[at++] = 12;
            memcpy(p + at, v->answer, v->answer_len);
            at += v->answer_len;
        }
        assert_int_equal(sok_sendto(s, p, at, &from), at);
    }
}

static struct pair p;
static struct server server;
static const uint8_t a_record[] = {0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7};
static const uint8_t ptr_record[] = {0, 12, 0, 1, 0, 0, 0, 60, 0, 14, 4, 'h', 'o', 's', 't', 7, 'e',
    'x', 'a', 'm', 'p', 'l', 'e', 0};

static int set_up(void **state)
{
    char err[SOK_HOST_ERR_MAX];
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 53};
    (void)state;
    pair_make(&p, NULL);
    server = (struct server){0};
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &server.s), 0);
    assert_int_equal(sok_bind(server.s, &at), 0);
    sok_socket_notify(server.s, server_ready, &server);
    assert_int_equal(sok_host_dns_add(p.a, "192.0.2.2", err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_free(&p);
    return 0;
}

static void answer(const uint8_t *record, size_t len)
{
    memcpy(server.answer, record, len);
    server.answer_len = len;
}

static void a_name(void **state)
{
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_addr addrs[4];
    unsigned count = 4;
    (void)state;
    answer(a_record, sizeof(a_record));
    assert_int_equal(sok_resolve(p.a, "host.example", addrs, &count, -1, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(sok_addr_to_v4(addrs[0]), 0xc6336407);
    assert_int_equal(server.type, 1);
    unsigned asked = server.asked;
    count = 4;
    assert_int_equal(sok_resolve(p.a, "192.0.2.77", addrs, &count, -1, err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(sok_addr_to_v4(addrs[0]), 0xc000024d);
    assert_int_equal(server.asked, asked);
}

static void an_address(void **state)
{
    char err[SOK_HOST_ERR_MAX] = "", name[SOK_NAME_MAX];
    (void)state;
    answer(ptr_record, sizeof(ptr_record));
    assert_int_equal(sok_resolve_addr(p.a, sok_addr_v4(0xc6336407), name, -1, err), 0);
    assert_string_equal(name, "host.example");
    assert_int_equal(server.type, 12);
    server.answer_len = 0;
    server.rcode = NONAME;
    assert_int_equal(sok_resolve_addr(p.a, sok_addr_v4(0xc6336408), name, -1, err), SOK_ENONAME);
    assert_string_equal(err, "the address has no name");
}

static void no_name(void **state)
{
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_addr addr;
    unsigned count = 1;
    (void)state;
    server.rcode = NONAME;
    assert_int_equal(sok_resolve(p.a, "nobody.example.", &addr, &count, -1, err), SOK_ENONAME);
    assert_string_equal(err, "no such name");
    assert_int_equal(count, 0);
    server.rcode = 0;
    count = 1;
    assert_int_equal(sok_resolve(p.a, "empty.example.", &addr, &count, -1, err), SOK_ENONAME);
    assert_int_equal(sok_resolve(p.a, "", &addr, &count, -1, err), SOK_EINVAL);
}

static unsigned told;

static void count_it(void *ctx, const struct sok_lookup_result *result)
{
    (void)ctx;
    told += result->err == 0 && result->count == 1;
}

static void many_and_cancelled(void **state)
{
    struct sok_lookup *l[SOK_LOOKUPS_MAX], *more;
    char err[SOK_HOST_ERR_MAX];
    (void)state;
    answer(a_record, sizeof(a_record));
    told = 0;
    for (unsigned i = 0; i < SOK_LOOKUPS_MAX; i++)
        assert_int_equal(sok_lookup_name(p.a, "host.example", count_it, NULL, &l[i], err), 0);
    assert_int_equal(sok_lookup_name(p.a, "host.example", count_it, NULL, &more, err), SOK_ENOBUFS);
    for (unsigned i = 0; i < 10; i++)
        sok_lookup_cancel(l[i]);
    pair_run(&p, 1000000000);
    assert_int_equal(told, SOK_LOOKUPS_MAX - 10);
    assert_int_equal(sok_lookup_name(p.a, "host.example", count_it, NULL, &more, err), 0);
    // the host goes with a question open
}

static void servers(void **state)
{
    static const char *const bad[] = {"", "name", "192.0.2", "::", "[::1", "[192.0.2.1]", "[::1]:0",
        "[::1]:x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1:65536", "0.0.0.0"};
    char err[SOK_HOST_ERR_MAX];
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sok_host_dns_add(p.a, bad[i], err), SOK_EINVAL);
    assert_int_equal(sok_host_dns_add(p.a, "192.0.2.2:5353", err), 0);
    assert_int_equal(sok_host_dns_add(p.a, "2001:db8::53", err), 0);
    assert_int_equal(sok_host_dns_add(p.a, "[2001:db8::53]:5353", err), 0);
    // A link-local address is on a link.
    static const char *const near[] = {
        "fe80::53%eth0", "[fe80::53%eth0]:5353", "fe80::54", "[fe80::55]:53"};
    for (unsigned i = 0; i < sizeof(near) / sizeof(near[0]); i++)
        assert_int_equal(sok_host_dns_add(p.a, near[i], err), 0);
    static const char *const nowhere[] = {"fe80::53%nosuch", "fe80::53%", "fe80::53%lo",
        "2001:db8::53%eth0", "[fe80::53%nosuch]:53", "192.0.2.2%eth0"};
    for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        assert_int_equal(sok_host_dns_add(p.a, nowhere[i], err), SOK_EINVAL);
    int r = 0;
    for (unsigned i = 0; i < 100 && r == 0; i++)
        r = sok_host_dns_add(p.a, "192.0.2.2", err);
    assert_int_equal(r, SOK_ENOBUFS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name),
        TEST(an_address),
        TEST(no_name),
        TEST(many_and_cancelled),
        TEST(servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
