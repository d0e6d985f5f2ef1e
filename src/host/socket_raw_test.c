// Raw and packet sockets as a program has them: two hosts on a wire in memory.
#include <string.h>
#include "host/testing.h"

static const uint8_t all_stations[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct sok_socket *raw(struct sok_host *host, int protocol)
{
    struct sok_socket *s;
    assert_int_equal(sok_socket_raw(host, protocol, &s), 0);
    return s;
}

static void both_ways(void **state)
{
    struct pair p;
    uint8_t got[100];
    struct sok_endpoint from, name, b = {.addr = sok_addr_v4(0xc0000202)};
    struct sok_endpoint b_at = {.addr = sok_addr_v4(0xc0000202)};
    int64_t value;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket_raw(p.a, 0, &(struct sok_socket *){0}), SOK_EINVAL);
    assert_int_equal(sok_socket_raw(p.a, 256, &(struct sok_socket *){0}), SOK_EINVAL);
    struct sok_socket *a = raw(p.a, 102), *peer = raw(p.b, 102);
    assert_int_equal(sok_bind(peer, &b_at), 0);
    assert_int_equal(sok_send(a, "hello", 5), SOK_ENOTCONN);
    assert_int_equal(sok_sendto(a, "hello", 5, &b), 5);
    assert_int_equal(sok_recvfrom(peer, got, sizeof(got), &from), SOK_EAGAIN);
    pair_run(&p, 100000000);
    assert_int_equal(sok_socket_ready(peer), SOK_POLL_IN | SOK_POLL_OUT);
    assert_int_equal(sok_recvfrom(peer, got, sizeof(got), &from), 25);
    assert_memory_equal(got + 20, "hello", 5);
    assert_int_equal(got[0], 0x45);
    assert_int_equal(sok_addr_to_v4(from.addr), 0xc0000201);
    assert_int_equal(sok_getsockopt(peer, SOK_OPT_STAMP, &value), 0);
    assert_true(value > 0 && value <= sok_host_now(p.b));

    assert_int_equal(sok_connect(a, &b), 0);
    assert_int_equal(sok_getpeername(a, &name), 0);
    assert_int_equal(sok_addr_to_v4(name.addr), 0xc0000202);
    assert_int_equal(sok_getsockname(a, &name), 0);
    assert_int_equal(sok_addr_to_v4(name.addr), 0xc0000201);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_TTL, 9), 0);
    assert_int_equal(sok_getsockopt(a, SOK_OPT_TTL, &value), 0);
    assert_int_equal(value, 9);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_NODELAY, 1), SOK_EOPNOTSUPP);
    assert_int_equal(sok_setsockopt(peer, SOK_OPT_BLOCKING, 1), 0);
    assert_int_equal(sok_send(a, "again", 5), 5);
    assert_int_equal(sok_recv(peer, got, 22), 22); // waits; the rest is cut off
    assert_int_equal(got[8], 9);
    assert_int_equal(sok_setsockopt(peer, SOK_OPT_TIMEOUT, 1000000), 0);
    assert_int_equal(sok_recv(peer, got, sizeof(got)), SOK_EAGAIN);
    sok_close(peer);

    // Nobody has it any more: told once.
    assert_int_equal(sok_send(a, "12345678", 8), 8);
    pair_run(&p, 100000000);
    assert_int_equal(sok_getsockopt(a, SOK_OPT_ERROR, &value), 0);
    assert_int_equal(value, SOK_EOPNOTSUPP);
    assert_int_equal(sok_listen(a, 1), SOK_EOPNOTSUPP);
    assert_int_equal(sok_shutdown(a), SOK_EOPNOTSUPP);
    pair_free(&p);
}

static void with_a_header(void **state)
{
    struct pair p;
    uint8_t got[100], packet[24] = {0x45, 0, 0, 0, 0, 0, 0, 0, 7, 102, 0, 0, 0, 0, 0, 0, 192, 0, 2,
                          2, 'd', 'a', 't', 'a'};
    struct sok_endpoint from, b = {.addr = sok_addr_v4(0xc0000202)};
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *a = raw(p.a, 255), *peer = raw(p.b, 102);
    assert_int_equal(sok_sendto(a, packet, sizeof(packet), &b), 24);
    pair_run(&p, 100000000);
    assert_int_equal(sok_recvfrom(peer, got, sizeof(got), &from), 24);
    assert_int_equal(got[8], 7);
    assert_memory_equal(got + 20, "data", 4);
    assert_int_equal(sok_addr_to_v4(from.addr), 0xc0000201);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_HDRINCL, 0), 0);
    assert_int_equal(sok_setsockopt(peer, SOK_OPT_HDRINCL, 1), 0);
    assert_int_equal(sok_sendto(peer, "short", 5, &b), SOK_EINVAL);
    pair_free(&p);
}

static int64_t option(struct sok_socket *s, enum sok_socket_option name)
{
    int64_t value = -1;
    assert_int_equal(sok_getsockopt(s, name, &value), 0);
    return value;
}

// Given before the socket is open, or after.
static void options_of_datagrams(void **state)
{
    struct pair p;
    uint8_t got[100] = {0};
    struct sok_socket *a, *b;
    struct sok_endpoint b_at = {.addr = sok_addr_v4(0xc0000202), .port = 53};
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *see = raw(p.b, 17);
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &a), 0);
    assert_int_equal(sok_socket(p.b, SOK_DGRAM, &b), 0);
    assert_int_equal(option(a, SOK_OPT_TTL), 64);
    assert_int_equal(option(a, SOK_OPT_RCVBUF), 212992);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_TTL, 3), 0);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_TTL, 0), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_TOS, 256), SOK_EINVAL);
    assert_int_equal(sok_setsockopt(a, SOK_OPT_HDRINCL, 1), SOK_EOPNOTSUPP);
    assert_int_equal(sok_setsockopt(b, SOK_OPT_RCVBUF, 2048), 0);
    assert_int_equal(sok_bind(b, &b_at), 0);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(sok_sendto(a, got, 100, &b_at), 100);
        assert_int_equal(sok_setsockopt(a, SOK_OPT_TOS, 8), 0); // of those that follow
        pair_run(&p, 100000000);
    }
    unsigned count = 0;
    while (sok_recv(b, got, 100) == 100)
        count++;
    assert_true(count > 0 && count < 20);
    assert_int_equal(sok_recv(see, got, 28), 28);
    assert_true(got[1] == 0 && got[8] == 3);
    assert_int_equal(sok_recv(see, got, 28), 28);
    assert_int_equal(got[1], 8);
    pair_free(&p);
}

static void frames(void **state)
{
    struct pair p;
    uint8_t frame[60] = {0}, got[100];
    struct sok_packet_addr from, to = {.link = 1, .type = 0x88b5};
    struct sok_packet_link about, about_b;
    struct sok_socket *a, *b, *cooked;
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_packet_link(p.a, 1, &about), 0);
    assert_int_equal(sok_packet_link(p.b, 1, &about_b), 0);
    assert_int_equal(sok_packet_link(p.a, 2, &about), SOK_ENODEV);
    assert_true(about.ethernet && about.mtu == 1500);
    assert_int_equal(sok_socket_packet(p.a, SOK_PACKET_ALL, 0, &a), 0);
    assert_int_equal(sok_socket_packet(p.b, 0x88b5, 0, &b), 0);
    assert_int_equal(sok_socket_packet(p.b, SOK_PACKET_ALL, 1, &cooked), 0);
    memcpy(frame, all_stations, 6);
    memcpy(frame + 6, about.mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    assert_int_equal(sok_send(a, frame, sizeof(frame)), SOK_ENODEV);
    assert_int_equal(sok_packet_bind(a, 1, SOK_PACKET_ALL), 0);
    assert_int_equal(sok_send(a, frame, sizeof(frame)), 60);
    pair_run(&p, 100000000);
    assert_int_equal(sok_packet_recvfrom(b, got, sizeof(got), &from), 60);
    assert_memory_equal(got, frame, 60);
    assert_true(from.link == 1 && from.kind == SOK_PACKET_BROADCAST && from.type == 0x88b5);
    assert_memory_equal(from.mac, about.mac, 6);
    assert_int_equal(sok_packet_recvfrom(cooked, got, sizeof(got), &from), 46);

    memcpy(to.mac, about.mac, 6);
    assert_int_equal(sok_packet_sendto(cooked, "hello", 5, &to), 5);
    to.link = -1;
    assert_int_equal(sok_packet_sendto(cooked, "hello", 5, &to), SOK_ENODEV);
    pair_run(&p, 100000000);
    assert_int_equal(sok_packet_recvfrom(a, got, sizeof(got), &from), 19);
    assert_int_equal(from.kind, SOK_PACKET_FOR_US);
    assert_memory_equal(got + 6, about_b.mac, 6);
    assert_int_equal(sok_recv(a, got, sizeof(got)), SOK_EAGAIN);
    assert_int_equal(sok_connect(a, &p.to_b), SOK_EOPNOTSUPP);
    sok_close(a);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(with_a_header),
        cmocka_unit_test(options_of_datagrams),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
