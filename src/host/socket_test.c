// The sockets' calls, between two hosts in memory.
#include "host/testing.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "host/host.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static void connect_send_receive_close(void **state)
{
    struct pair p;
    char text[16];
    int64_t error = -1;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p);
    assert_int_equal(sok_connect(s, &p.to_b), SOK_EINPROGRESS);
    assert_int_equal(sok_wait(s, SOK_POLL_OUT, S) & SOK_POLL_OUT, SOK_POLL_OUT);
    assert_int_equal(sok_getsockopt(s, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, 0);
    assert_int_equal(sok_connect(s, &p.to_b), SOK_EISCONN);
    pair_run(&p, MS);
    struct sok_socket *t = pair_accept(&p);
    struct sok_endpoint here, there;
    assert_int_equal(sok_getsockname(s, &here), 0);
    assert_int_equal(sok_getpeername(t, &there), 0);
    assert_true(sok_addr_eq(here.addr, there.addr));
    assert_int_equal(here.port, there.port);
    assert_int_equal(sok_recv(t, text, sizeof(text)), SOK_EAGAIN);
    assert_int_equal(sok_send(s, "abc", 3), 3);
    assert_true(sok_wait(t, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_recv(t, text, sizeof(text)), 3);
    sok_close(s);
    assert_true(sok_wait(t, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_recv(t, text, sizeof(text)), 0);
    sok_close(t);
    assert_int_equal(sok_host_linger(p.a, 10 * S), 0);
    assert_int_equal(sok_host_linger(p.b, 10 * S), 0);
    pair_free(&p);
}

static void info_tells(void **state)
{
    struct pair p;
    struct sok_info info;
    int64_t sum = 0;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p), *u;
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &u), 0);
    assert_int_equal(sok_getinfo(u, &info), SOK_EOPNOTSUPP);
    sok_close(u);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &u), 0);
    assert_int_equal(sok_getinfo(u, &info), SOK_ENOTCONN);
    sok_close(u);
    assert_int_equal(sok_wait(s, SOK_POLL_OUT, S) & SOK_POLL_OUT, SOK_POLL_OUT);
    assert_int_equal(sok_send(s, "abc", 3), 3);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_getinfo(s, &info), 0);
    assert_string_equal(info.state, "ESTABLISHED");
    assert_string_equal(info.congestion, "cubic");
    assert_int_equal(info.bytes_sent, 3);
    assert_int_equal(info.bytes_acked, 3);
    assert_int_equal(info.bytes_again, 0);
    assert_int_equal(info.limit, SOK_LIMIT_APPLICATION);
    assert_string_equal(sok_limit_text(info.limit), "application");
    for (int i = 0; i < SOK_LIMITS; i++)
        sum += info.limited[i];
    assert_int_equal(sum, info.age);
    assert_true(info.rtt_min <= info.rtt);
    struct sok_socket *t = pair_accept(&p);
    assert_int_equal(sok_getinfo(t, &info), 0);
    assert_int_equal(info.bytes_received, 3);
    assert_int_equal(info.recv_queued, 3);
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

static void refused_and_unreachable(void **state)
{
    struct pair p;
    struct sok_socket *s;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s), 0);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BLOCKING, 1), 0);
    p.to_b.port = 81;
    assert_int_equal(sok_connect(s, &p.to_b), SOK_EREFUSED);
    sok_close(s);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s), 0);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BLOCKING, 1), 0);
    p.to_b.addr = sok_addr_v4(0xc0000263); // 192.0.2.99: nobody
    assert_int_equal(sok_connect(s, &p.to_b), SOK_EHOSTUNREACH);
    sok_close(s);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s), 0);
    p.to_b.addr = sok_addr_v4(0xcb007101); // 203.0.113.1: no route
    assert_int_equal(sok_connect(s, &p.to_b), SOK_ENETUNREACH);
    sok_close(s);
    pair_free(&p);
}

static void without_copies(void **state)
{
    struct pair p;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p);
    pair_run(&p, 100 * MS);
    struct sok_socket *t = pair_accept(&p);
    size_t len = 50000, got = 0;
    int err;
    uint8_t *room = sok_reserve(s, &len, &err);
    assert_non_null(room);
    for (size_t i = 0; i < len; i++)
        room[i] = (uint8_t)(i * 7);
    assert_int_equal(sok_commit(s, len), len);
    while (got < len) {
        struct iovec iov[4];
        int count = 4;
        pair_run(&p, 100 * MS);
        int64_t n = sok_peek(t, iov, &count);
        assert_true(n > 0);
        for (int k = 0; k < count; k++) {
            const uint8_t *bytes = iov[k].iov_base;
            for (size_t i = 0; i < iov[k].iov_len; i++)
                assert_int_equal(bytes[i], (uint8_t)((got + i) * 7));
            got += iov[k].iov_len;
        }
        assert_int_equal(sok_consume(t, (size_t)n), 0);
    }
    assert_int_equal(got, len);
    len = 10;
    assert_non_null(sok_reserve(s, &len, &err));
    assert_int_equal(sok_commit(s, 0), 0);
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

static void datagrams(void **state)
{
    struct pair p;
    struct sok_socket *s, *t;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 53}, from;
    char text[16];
    (void)state;
    pair_make(&p, NULL);
    p.to_b.port = 53;
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &t), 0);
    assert_int_equal(sok_bind(t, &at), 0);
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_sendto(s, "ask", 3, &p.to_b), 3);
    assert_true(sok_wait(t, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_recvfrom(t, text, sizeof(text), &from), 3);
    assert_int_equal(sok_sendto(t, "answer", 6, &from), 6);
    assert_true(sok_wait(s, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_recvfrom(s, text, sizeof(text), &from), 6);
    assert_int_equal(from.port, 53);
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

// What comes with a datagram and goes with one; sockets that share a port.
static void along(void **state)
{
    struct pair p;
    struct sok_socket *s, *t, *u, *stream;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 53}, from;
    struct sok_dgram_info goes = {.link = -1, .ttl = 9, .tos = 0x48}, came;
    char text[2];
    (void)state;
    pair_make(&p, NULL);
    p.to_b.port = 53;
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &t), 0);
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &u), 0);
    assert_int_equal(sok_setsockopt(t, SOK_OPT_REUSEPORT, 1), 0);
    assert_int_equal(sok_bind(t, &at), 0);
    assert_int_equal(sok_bind(u, &at), SOK_EADDRINUSE);
    assert_int_equal(sok_setsockopt(u, SOK_OPT_REUSEPORT, 1), 0);
    assert_int_equal(sok_bind(u, &at), 0);
    sok_close(u);
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_sendto_info(s, "ask", 3, NULL, &goes), SOK_ENOTCONN);
    assert_int_equal(sok_sendto_info(s, "ask", 3, &p.to_b, &goes), 3);
    assert_true(sok_wait(t, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_recvfrom_info(t, text, sizeof(text), &from, &came), 2);
    assert_true(came.len == 3 && came.ttl == 9 && came.tos == 0x48 && came.link == 1);
    assert_true(came.to.port == 53 && sok_addr_eq(came.to.addr, p.to_b.addr));
    assert_true(came.stamp > 0 && came.stamp <= sok_host_now(p.b));
    goes.ttl = 256;
    assert_int_equal(sok_sendto_info(s, "ask", 3, &p.to_b, &goes), SOK_EINVAL);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &stream), 0);
    assert_int_equal(sok_sendto_info(stream, "ask", 3, &p.to_b, &goes), SOK_EOPNOTSUPP);
    sok_close(stream);
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

static void pings(void **state)
{
    struct pair p;
    struct sok_socket *s;
    struct sok_ping_reply reply;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket(p.a, SOK_ECHO, &s), 0);
    assert_true(sok_ping_send(s, &p.to_b.addr, 1, "data", 4, 0) >= 0);
    assert_true(sok_wait(s, SOK_POLL_IN, S) & SOK_POLL_IN);
    assert_int_equal(sok_ping_recv(s, &reply), 0);
    assert_int_equal(reply.err, 0);
    assert_int_equal(reply.seq, 1);
    assert_int_equal(reply.len, 4);
    struct sok_addr nobody = sok_addr_v4(0xc0000263);
    assert_true(sok_ping_send(s, &nobody, 2, "data", 4, 0) >= 0);
    assert_true(sok_wait(s, SOK_POLL_IN, 10 * S) & SOK_POLL_IN);
    assert_int_equal(sok_ping_recv(s, &reply), 0);
    assert_int_equal(reply.err, SOK_EHOSTUNREACH);
    assert_int_equal(reply.seq, 2);
    sok_close(s);
    pair_free(&p);
}

static void notified(void *ctx, struct sok_socket *s)
{
    (void)s;
    ++*(unsigned *)ctx;
}

static void notices(void **state)
{
    struct pair p;
    unsigned count = 0;
    (void)state;
    pair_make(&p, NULL);
    sok_socket_notify(p.listener, notified, &count);
    struct sok_socket *s = pair_connect(&p);
    pair_run(&p, 100 * MS);
    assert_true(count > 0);
    struct sok_socket *t = pair_accept(&p);
    count = 0;
    sok_socket_notify(t, notified, &count);
    for (unsigned i = 0; i < 3; i++) { // unread, and still each arrival is told
        unsigned before = count;
        assert_int_equal(sok_send(s, "x", 1), 1);
        pair_run(&p, 100 * MS);
        assert_true(count > before);
    }
    sok_close(s);
    sok_close(t);
    pair_free(&p);
}

static void bad_calls(void **state)
{
    struct pair p;
    struct sok_socket *s, *t = NULL;
    char text[4];
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket(p.a, (enum sok_socket_type)9, &s), SOK_EINVAL);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s), 0);
    assert_int_equal(sok_send(s, "x", 1), SOK_ENOTCONN);
    assert_int_equal(sok_recv(s, text, 1), SOK_ENOTCONN);
    assert_int_equal(sok_accept(s, &t), SOK_EINVAL);
    assert_int_equal(sok_socket_fd(s), SOK_ENOTCONN);
    assert_int_equal(sok_getpeername(s, &p.to_b), SOK_ENOTCONN);
    assert_int_equal(sok_setsockopt(s, (enum sok_socket_option)99, 1), SOK_EINVAL);
    // Before there is a connection as after it.
    assert_int_equal(sok_setsockopt(s, SOK_OPT_KEEPCNT, 500), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_TTL, 0), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_MTU_DISCOVER, 6), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BINDTODEVICE, -2), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BINDTODEVICE, 5), 0);
    assert_int_equal(sok_connect(s, &p.to_b), SOK_ENODEV);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_BINDTODEVICE, -1), 0);
    assert_int_equal(sok_accept(p.listener, &t), SOK_EAGAIN);
    struct sok_socket *u;
    assert_int_equal(sok_socket(p.b, SOK_STREAM, &u), 0);
    struct sok_endpoint same = {.addr = sok_addr_v4(0), .port = 80};
    assert_int_equal(sok_bind(u, &same), SOK_EADDRINUSE);
    same.port = 0; // one is chosen, and known from then on
    assert_int_equal(sok_bind(u, &same), 0);
    assert_int_equal(sok_getsockname(u, &same), 0);
    assert_int_not_equal(same.port, 0);
    assert_int_equal(sok_listen(u, 1), 0);
    assert_int_equal(sok_listen(u, 5), 0);
    sok_close(u);
    sok_close(s);
    pair_free(&p);
}

static void words(void **state)
{
    struct sok_host *h;
    char err[SOK_HOST_ERR_MAX];
    (void)state;
    static const char *const bad_links[] = {"", "tapx", "lan:", "lan",
        "packet:", "packet:no-such-if", "lan:a/b", "tap:a-name-that-is-far-too-long"};
    static const char *const bad_addrs[] = {"", "192.0.2.1", "192.0.2.1/33", "192.0.2.1/", "/24",
        "192.0.2.1/x", "192.0.2.256/24", "0.0.0.0/0", "224.0.0.1/8", "127.0.0.1/8", "name/24"};
    assert_int_equal(sok_host_new(NULL, &h, err), 0);
    for (size_t i = 0; i < sizeof(bad_links) / sizeof(bad_links[0]); i++) {
        struct sok_host_link l = {.size = sizeof(l), .spec = bad_links[i]};
        err[0] = '\0';
        assert_true(sok_host_link_add(h, &l, err) < 0);
        assert_true(strlen(err) > 5);
        assert_null(strchr(err, '\n'));
    }
    for (size_t i = 0; i < sizeof(bad_addrs) / sizeof(bad_addrs[0]); i++) {
        err[0] = '\0';
        assert_true(sok_host_addr_add(h, 1, bad_addrs[i], err) < 0);
        assert_true(strlen(err) > 5);
    }
    sok_host_free(h);
    struct sok_host_config config;
    sok_host_config_default(&config);
    config.settings = (const char *const[]){"rto_min=50ms", "no_such=1", NULL};
    assert_true(sok_host_new(&config, &h, err) < 0);
    assert_non_null(strstr(err, "no_such"));
}

static void errors_and_errno(void **state)
{
    (void)state;
#define SOK_X(name, number, text)                                                                  \
    assert_true(sok_errno(SOK_E##name) > 0);                                                       \
    assert_int_equal(sok_from_errno(sok_errno(SOK_E##name)), SOK_E##name);
    SOK_ERRORS(SOK_X)
#undef SOK_X
    assert_int_equal(sok_errno(SOK_EREFUSED), ECONNREFUSED);
    assert_int_equal(sok_errno(0), 0);
    assert_int_equal(sok_from_errno(EXDEV), SOK_EIO);
}

static void watched(void *ctx, int fd, unsigned ready)
{
    char c;
    assert_true(ready & SOK_POLL_IN);
    assert_int_equal(read(fd, &c, 1), 1);
    *(char *)ctx = c;
}

static void other_descriptors(void **state)
{
    struct pair p;
    int ends[2];
    char got = 0;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sok_host_watch(p.a, ends[0], SOK_POLL_IN, watched, &got), 0);
    sok_host_step(p.a, 0);
    assert_int_equal(got, 0);
    assert_int_equal(write(ends[1], "q", 1), 1);
    sok_host_step(p.a, 0);
    assert_int_equal(got, 'q');
    assert_int_equal(sok_host_watch(p.a, ends[0], 0, watched, &got), 0);
    close(ends[1]); // a hang-up nobody wants to hear of
    assert_int_equal(sok_host_step(p.a, 0), 0);
    sok_host_unwatch(p.a, ends[0]);
    close(ends[0]);
    pair_free(&p);
}

// A host that is alone and only served: it sleeps when its last turn left nothing to do, and hears all the same.
static void goes_on(void **state)
{
    struct sok_host_config config;
    struct sok_host *host;
    int ends[2];
    char got = 0, err[SOK_HOST_ERR_MAX];
    (void)state;
    sok_host_config_default(&config);
    config.spin_ns = 0;
    assert_int_equal(sok_host_new(&config, &host, err), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sok_host_watch(host, ends[0], SOK_POLL_IN, watched, &got), 0);
    for (int i = 0; i < 100; i++) {
        char c = (char)('A' + i % 26);
        assert_int_equal(write(ends[1], &c, 1), 1);
        while (got != c) // the first finds what a step would
            assert_true(sok_host_go_on(host) >= 0);
    }
    sok_host_unwatch(host, ends[0]);
    close(ends[0]);
    close(ends[1]);
    sok_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_send_receive_close),
        cmocka_unit_test(info_tells),
        cmocka_unit_test(refused_and_unreachable),
        cmocka_unit_test(without_copies),
        cmocka_unit_test(datagrams),
        cmocka_unit_test(along),
        cmocka_unit_test(pings),
        cmocka_unit_test(notices),
        cmocka_unit_test(bad_calls),
        cmocka_unit_test(words),
        cmocka_unit_test(errors_and_errno),
        cmocka_unit_test(other_descriptors),
        cmocka_unit_test(goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
