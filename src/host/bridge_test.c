// Streams as file descriptors: what a program sees must be what it sees of the kernel's sockets.
#include "host/testing.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "host/bridge.h"
#include "host/host.h"

#define MS 1000000
#define S  INT64_C(1000000000)

static short polled(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    assert_true(poll(&p, 1, 0) >= 0);
    return p.revents;
}

// A connected descriptor on host a and the accepted socket on host b.
static int open_pair(struct pair *p, struct sok_socket **peer)
{
    pair_make(p, NULL);
    struct sok_socket *s = pair_connect(p);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    pair_run(p, 100 * MS);
    *peer = pair_accept(p);
    return fd;
}

static void writable_when_connected(void **state)
{
    struct pair p;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(polled(fd), 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EAGAIN);
    pair_run(&p, 100 * MS);
    assert_int_equal(polled(fd), POLLOUT);
    close(fd);
    pair_free(&p);
}

static void bytes_both_ways(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    char text[16];
    (void)state;
    int fd = open_pair(&p, &peer);
    assert_int_equal(write(fd, "hello", 5), 5);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), SOK_EAGAIN);
    assert_int_equal(sok_send(peer, "world!", 6), 6);
    pair_run(&p, 100 * MS);
    assert_int_equal(read(fd, text, sizeof(text)), 6);
    assert_memory_equal(text, "world!", 6);
    for (char c = 'a'; c <= 'z'; c++) { // each as the only byte
        char got = 0;
        assert_int_equal(write(fd, &c, 1), 1);
        pair_run(&p, 100 * MS);
        assert_int_equal(sok_recv(peer, &got, 1), 1);
        assert_int_equal(got, c);
    }
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

static uint8_t pattern(size_t at, uint8_t salt)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16) * 13 + salt);
}

#define BULK (8 << 20)

struct bulk {
    size_t sent, got;
    uint8_t salt;
};

static void check(struct bulk *b, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != pattern(b->got + i, b->salt))
            fail_msg("byte %zu is wrong", b->got + i);
    b->got += len;
}

static size_t make(const struct bulk *b, uint8_t *data, size_t len)
{
    if (len > BULK - b->sent)
        len = BULK - b->sent;
    for (size_t i = 0; i < len; i++)
        data[i] = pattern(b->sent + i, b->salt);
    return len;
}

// 8 MiB each way at once, in pieces of odd sizes, each reader slower than its writer.
static void bulk_both_ways(void **state)
{
    static uint8_t data[100000];
    struct pair p;
    struct sok_socket *peer;
    struct bulk up = {.salt = 1}, down = {.salt = 77};
    (void)state;
    int fd = open_pair(&p, &peer);
    srand(3);
    for (unsigned turn = 0; (up.got < BULK || down.got < BULK) && turn < 1000000; turn++) {
        size_t n = make(&up, data, (size_t)rand() % sizeof(data) + 1);
        ssize_t r = n > 0 ? write(fd, data, n) : 0;
        up.sent += r > 0 ? (size_t)r : 0;
        n = make(&down, data, (size_t)rand() % sizeof(data) + 1);
        int64_t q = n > 0 ? sok_send(peer, data, n) : 0;
        down.sent += q > 0 ? (size_t)q : 0;
        sok_host_step(p.a, MS);
        r = read(fd, data, (size_t)rand() % 60000 + 1);
        if (r > 0)
            check(&down, data, (size_t)r);
        q = sok_recv(peer, data, (size_t)rand() % 60000 + 1);
        if (q > 0)
            check(&up, data, (size_t)q);
    }
    assert_int_equal(up.got, BULK);
    assert_int_equal(down.got, BULK);
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

// Nobody reads at the other end: the program's writes stop before memory does.
static void back_pressure(void **state)
{
    static uint8_t data[65536];
    struct pair p;
    struct sok_socket *peer;
    size_t taken = 0;
    (void)state;
    int fd = open_pair(&p, &peer);
    for (unsigned turn = 0; turn < 10000; turn++) {
        ssize_t r = write(fd, data, sizeof(data));
        taken += r > 0 ? (size_t)r : 0;
        sok_host_step(p.a, MS);
    }
    assert_true(taken > 1 << 20);
    assert_true(taken < 64 << 20);
    assert_false(polled(fd) & POLLOUT);
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

static void peer_ends_first(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    char text[16];
    (void)state;
    int fd = open_pair(&p, &peer);
    assert_int_equal(sok_send(peer, "last", 4), 4);
    assert_int_equal(sok_shutdown(peer), 0);
    pair_run(&p, 100 * MS);
    assert_int_equal(read(fd, text, sizeof(text)), 4);
    assert_int_equal(read(fd, text, sizeof(text)), 0);
    assert_int_equal(write(fd, "still", 5), 5);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 5);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 0);
    assert_int_equal(read(fd, text, sizeof(text)), 0); // a clean end, not a reset
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

static void program_ends_first(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    char text[16];
    (void)state;
    int fd = open_pair(&p, &peer);
    assert_int_equal(write(fd, "ask", 3), 3);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 3);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 0);
    assert_int_equal(sok_send(peer, "answer", 6), 6);
    sok_close(peer);
    pair_run(&p, 100 * MS);
    assert_int_equal(read(fd, text, sizeof(text)), 6);
    assert_int_equal(read(fd, text, sizeof(text)), 0);
    close(fd);
    pair_free(&p);
}

static void close_delivers(void **state)
{
    static uint8_t data[200000];
    struct pair p;
    struct sok_socket *peer;
    (void)state;
    int fd = open_pair(&p, &peer);
    ssize_t wrote = write(fd, data, sizeof(data));
    assert_true(wrote > 1000);
    close(fd);
    pair_run(&p, S);
    size_t got = 0;
    int64_t r;
    while ((r = sok_recv(peer, data, sizeof(data))) > 0) {
        got += (size_t)r;
        pair_run(&p, 100 * MS);
    }
    assert_int_equal(r, 0);
    assert_int_equal(got, wrote);
    sok_close(peer);
    pair_free(&p);
}

static void close_with_unread_resets(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    char text[16];
    (void)state;
    int fd = open_pair(&p, &peer);
    assert_int_equal(sok_send(peer, "unread", 6), 6);
    pair_run(&p, 100 * MS);
    close(fd);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), SOK_ERESET);
    sok_close(peer);
    pair_free(&p);
}

static void reset_is_a_reset(void **state)
{
    for (int wrote = 0; wrote < 2; wrote++) {
        struct pair p;
        struct sok_socket *peer;
        char text[16];
        (void)state;
        int fd = open_pair(&p, &peer);
        if (wrote) {
            assert_int_equal(write(fd, "some", 4), 4);
            pair_run(&p, 100 * MS);
            assert_int_equal(sok_recv(peer, text, sizeof(text)), 4);
        }
        sok_abort(peer);
        pair_run(&p, 100 * MS);
        assert_int_equal(read(fd, text, sizeof(text)), -1);
        assert_int_equal(errno, ECONNRESET);
        close(fd);
        pair_free(&p);
    }
}

// The moment when a program says that it took its descriptor (see sok_bridge_given()): right after the host has
// asked for the looks_left-th time what is queued. This stands before the C library's.
static struct {
    int fd; // of the program; -1: nothing is said
    int looks_left;
} taking = {.fd = -1};

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    int r = (int)syscall(SYS_ioctl, fd, request, arg);
    if (request == FIONREAD && taking.fd >= 0 && --taking.looks_left == 0) {
        assert_int_equal(send(taking.fd, "", 1, MSG_DONTWAIT), 1);
        taking.fd = -1;
    }
    return r;
}

// Whenever a program takes its descriptor, what says so is never among its bytes.
static void taken_at_any_moment(void **state)
{
    (void)state;
    for (int look = 1; look <= 4; look++) {
        struct pair p;
        struct sok_bridge *b;
        char text[16];
        pair_make(&p, NULL);
        struct sok_socket *peer = pair_connect(&p);
        pair_run(&p, 100 * MS);
        int fd = sok_bridge_open(pair_accept(&p), &b);
        assert_true(fd >= 0);
        sok_bridge_given(b);
        taking.fd = fd;
        taking.looks_left = look;
        for (int i = 0; taking.fd >= 0 && i < 10; i++) {
            sok_bridge_pump(b);
            pair_run(&p, 10 * MS);
        }
        assert_int_equal(taking.fd, -1);
        pair_run(&p, 100 * MS);
        assert_int_equal(sok_recv(peer, text, sizeof(text)), SOK_EAGAIN);
        assert_int_equal(write(fd, "hello", 5), 5);
        pair_run(&p, 100 * MS);
        assert_int_equal(sok_recv(peer, text, sizeof(text)), 5);
        assert_memory_equal(text, "hello", 5);
        close(fd);
        pair_run(&p, 100 * MS);
        assert_int_equal(sok_recv(peer, text, sizeof(text)), 0);
        sok_close(peer);
        pair_free(&p);
    }
}

// What ICMP says of an open connection ends nothing, whether the program wants to hear of it or not.
static void told_errors_end_nothing(void **state)
{
    struct pair p;
    char text[16];
    uint32_t conn;
    (void)state;
    pair_make(&p, NULL);
    struct sok_socket *s = pair_connect(&p);
    assert_int_equal(sok_setsockopt(s, SOK_OPT_RECVERR, 1), 0);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    pair_run(&p, 100 * MS);
    struct sok_socket *peer = pair_accept(&p);
    struct sok_endpoint local = sok_tcp_local(sok_socket_conn(s)),
                        remote = sok_tcp_remote(sok_socket_conn(s));
    uint32_t next = sok_tcp_peer_start(sok_socket_conn(peer)) + 1;
    assert_true(sok_tcp_icmp(sok_stack_tcp(p.a->stack), &local, &remote, next, SOK_EHOSTUNREACH,
        false, &conn, sok_host_now(p.a)));
    assert_true(s->sock->ready & SOK_READY_ERROR);
    pair_run(&p, 100 * MS);
    assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, text, sizeof(text)), 5);
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

static void refused(void **state)
{
    struct pair p;
    struct sok_socket *s;
    char text[16];
    (void)state;
    pair_make(&p, NULL);
    p.to_b.port = 81;
    s = pair_connect(&p);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    pair_run(&p, 100 * MS);
    assert_true(polled(fd) & POLLHUP);
    assert_int_equal(read(fd, text, sizeof(text)), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writable_when_connected),
        cmocka_unit_test(bytes_both_ways),
        cmocka_unit_test(bulk_both_ways),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(peer_ends_first),
        cmocka_unit_test(program_ends_first),
        cmocka_unit_test(close_delivers),
        cmocka_unit_test(close_with_unread_resets),
        cmocka_unit_test(reset_is_a_reset),
        cmocka_unit_test(told_errors_end_nothing),
        cmocka_unit_test(refused),
        cmocka_unit_test(taken_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
