// The link `user` between a stack of this test's and the kernel's own sockets on the loopback: many
// connections with both ends, refusals, bounds on sockets, idle time (which is handed in).
#include "link/user_internal.h"
#include "link/testing.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct bench {
    struct sok_link *link;
    struct sok_stack *stack;
    int64_t skipped; // time that passed for the test alone
};

static int64_t now(const struct bench *b)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return b->skipped + (int64_t)ts.tv_sec * SOK_S + ts.tv_nsec;
}

static void open_bench(struct bench *b)
{
    struct sok_stack_config config;
    struct sok_user_options options = {.offload = true};
    struct sok_addr us, gateway;
    char err[SOK_LINK_ERR_MAX];
    test_mem_start();
    *b = (struct bench){0};
    assert_int_equal(sok_link_user(&test_mem, &options, &b->link, err), 0);
    sok_stack_config_default(&config);
    config.mem = test_mem;
    assert_int_equal(sok_stack_new(&config, &b->stack), 0);
    assert_int_equal(sok_stack_link_add(b->stack, &b->link->info), 1);
    assert_true(sok_addr_parse("198.18.0.2", &us));
    assert_true(sok_addr_parse(SOK_USER_GATEWAY, &gateway));
    assert_int_equal(sok_stack_addr_add(b->stack, 1, us, 24), 0);
    assert_int_equal(sok_stack_route_add(b->stack, sok_addr_v4(0), 0, gateway, 1), 0);
    sok_stack_loopback_out(b->stack, true);
}

static void close_bench(struct bench *b)
{
    b->link->ops->close(b->link);
    sok_stack_free(b->stack);
    test_mem_end();
}

// One turn, as a host takes it; waits a little when nothing happened.
static void step(struct bench *b)
{
    struct sok_frame in;
    struct sok_frame_out out;
    bool any = false;
    int64_t t = now(b);
    while (b->link->ops->recv(b->link, &in, t) == 0) {
        sok_stack_input(b->stack, 1, &in, t);
        sok_buf_unref(in.buf);
        any = true;
    }
    sok_stack_advance(b->stack, t);
    while (sok_stack_output(b->stack, 1, t, &out)) {
        assert_int_equal(b->link->ops->send(b->link, &out, t), 0);
        any = true;
    }
    if (!any && b->link->ops->deadline(b->link) > t) {
        struct pollfd p = {.fd = b->link->fd, .events = POLLIN};
        poll(&p, 1, 1);
    }
}

#define UNTIL(b, condition)                                                                        \
    for (int64_t end_ = now(b) + 60 * SOK_S; !(condition);) {                                      \
        assert_true(now(b) < end_);                                                                \
        step(b);                                                                                   \
    }

static int kernel_socket(int type, struct sok_endpoint *at)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *at = (struct sok_endpoint){.addr = sok_addr_v4(INADDR_LOOPBACK), .port = ntohs(in.sin_port)};
    return fd;
}

// ---- TCP ----

#define CONNECTIONS 50
#define BYTES       100000

// Takes each connection to its end, one after the other, and gives everything back.
static void *echo_all(void *ctx)
{
    int listener = *(int *)ctx;
    for (int i = 0; i < CONNECTIONS; i++) {
        static uint8_t data[BYTES];
        size_t got = 0;
        int fd = accept(listener, NULL, NULL);
        for (ssize_t n; (n = recv(fd, data + got, sizeof(data) - got, 0)) > 0;)
            got += (size_t)n;
        for (size_t sent = 0; sent < got;)
            sent += (size_t)send(fd, data + sent, got - sent, MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static uint8_t pattern(unsigned conn, size_t i)
{
    return (uint8_t)(conn * 13 + i * 7 + (i >> 8));
}

struct talker {
    struct sok_tcp_conn *conn;
    size_t sent, got;
    bool shut, ended;
};

static void talk(struct bench *b, struct talker *t, unsigned number)
{
    uint8_t data[8192];
    struct sok_iov iov = {data, 0};
    while (t->sent < BYTES) {
        iov.len = BYTES - t->sent < sizeof(data) ? BYTES - t->sent : sizeof(data);
        for (size_t i = 0; i < iov.len; i++)
            data[i] = pattern(number, t->sent + i);
        int64_t n = sok_tcp_send(t->conn, &iov, 1, now(b));
        if (n < 0)
            break;
        t->sent += (size_t)n;
    }
    if (t->sent == BYTES && !t->shut)
        t->shut = sok_tcp_shutdown(t->conn, now(b)) == 0;
    int64_t n;
    while ((n = sok_tcp_recv(t->conn, data, sizeof(data), now(b))) > 0) {
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(data[i], pattern(number, t->got + (size_t)i));
        t->got += (size_t)n;
    }
    t->ended = n == 0;
    assert_true(n == 0 || n == SOK_EAGAIN);
}

static void many_connections(void **state)
{
    struct bench b;
    struct sok_endpoint at;
    static struct talker talkers[CONNECTIONS];
    pthread_t server;
    (void)state;
    open_bench(&b);
    int listener = kernel_socket(SOCK_STREAM, &at);
    assert_int_equal(listen(listener, CONNECTIONS), 0);
    assert_int_equal(pthread_create(&server, NULL, echo_all, &listener), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_int_equal(sok_stack_connect(b.stack, NULL, &at, now(&b), &talkers[i].conn), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        for (unsigned turns = 0; !talkers[i].ended; turns++) {
            assert_true(turns < 20000);
            step(&b);
            for (unsigned k = 0; k < CONNECTIONS; k++)
                if (!talkers[k].ended)
                    talk(&b, &talkers[k], k);
        }
        assert_int_equal(talkers[i].got, BYTES);
        sok_tcp_close(talkers[i].conn, now(&b));
    }
    pthread_join(server, NULL);
    UNTIL(&b, ((struct sok_user *)b.link)->stream_count == 0);
    assert_false(b.link->busy);
    close(listener);
    close_bench(&b);
}

static void refused_then_no_descriptors(void **state)
{
    struct bench b;
    struct sok_endpoint at;
    struct sok_tcp_conn *c;
    struct rlimit before, none;
    (void)state;
    open_bench(&b);
    int listener = kernel_socket(SOCK_STREAM, &at); // bound, and nobody listens
    assert_int_equal(sok_stack_connect(b.stack, NULL, &at, now(&b), &c), 0);
    UNTIL(&b, sok_tcp_state(c) == SOK_TCP_CLOSED);
    assert_int_equal(sok_tcp_error(c), SOK_EREFUSED);
    sok_tcp_close(c, now(&b));
    // No descriptor left: silence, and the next SYN finds one.
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(sok_stack_connect(b.stack, NULL, &at, now(&b), &c), 0);
    UNTIL(&b, b.link->lost > 0);
    assert_int_equal(sok_tcp_state(c), SOK_TCP_SYN_SENT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    b.skipped += SOK_S;
    UNTIL(&b, sok_tcp_state(c) == SOK_TCP_ESTABLISHED);
    sok_tcp_close(c, now(&b));
    close(listener);
    close_bench(&b);
}

// ---- UDP ----

static void talks_are_bounded_and_end(void **state)
{
    struct bench b;
    struct sok_endpoint at, from;
    static struct sok_udp *sockets[SOK_USER_TALKS_MAX + 20];
    struct sok_iov iov = {(const uint8_t *)"ping", 4};
    char text[10];
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    (void)state;
    open_bench(&b);
    const struct sok_user *u = (const struct sok_user *)b.link;
    int fd = kernel_socket(SOCK_DGRAM, &at);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    unsigned count = limit.rlim_cur > SOK_USER_TALKS_MAX + 50 ? SOK_USER_TALKS_MAX + 20 : 100;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(sok_udp_open(b.stack, NULL, &sockets[i]), 0);
        assert_int_equal(sok_udp_connect(sockets[i], &at), 0);
        assert_int_equal(sok_udp_sendto(sockets[i], &iov, 1, NULL, now(&b)), 4);
        ssize_t n = -1;
        UNTIL(&b, (n = recvfrom(
                       fd, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&peer, &len)) > 0);
        assert_int_equal(n, 4);
    }
    unsigned most = count < SOK_USER_TALKS_MAX ? count : SOK_USER_TALKS_MAX;
    assert_int_equal(sok_map_count(&u->talks), most);
    assert_int_equal(sendto(fd, "pong", 4, 0, (struct sockaddr *)&peer, len), 4);
    struct sok_udp *last = sockets[count - 1];
    int64_t got = SOK_EAGAIN;
    UNTIL(&b, (got = sok_udp_recvfrom(last, text, sizeof(text), &from, now(&b))) != SOK_EAGAIN);
    assert_int_equal(got, 4);
    assert_true(from.port == at.port && sok_addr_eq(from.addr, at.addr));
    // Idle, they end; but for the one that was used again.
    b.skipped += SOK_USER_TALK_IDLE - 60 * SOK_S;
    step(&b);
    assert_int_equal(sok_map_count(&u->talks), most);
    assert_int_equal(sok_udp_sendto(last, &iov, 1, NULL, now(&b)), 4);
    UNTIL(&b, recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0);
    b.skipped += 70 * SOK_S;
    UNTIL(&b, sok_map_count(&u->talks) == 1);
    b.skipped += SOK_USER_TALK_IDLE;
    UNTIL(&b, sok_map_count(&u->talks) == 0);
    // A port nobody has.
    close(fd);
    assert_int_equal(sok_udp_sendto(last, &iov, 1, NULL, now(&b)), 4);
    int err = 0;
    UNTIL(&b, (err = sok_udp_error(last)) != 0);
    assert_int_equal(err, SOK_EREFUSED);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_connections),
        cmocka_unit_test(refused_then_no_descriptors),
        cmocka_unit_test(talks_are_bounded_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
