// Two TCPs and a wire between them: handshake, data both ways, close, loss, refusal, reset.
#include "tcp/testing.h"

static uint8_t pattern(uint64_t i, unsigned who)
{
    return (uint8_t)(i * 7 + (i >> 9) + who * 101);
}

struct flow {
    struct sok_tcp_conn *from, *to;
    uint64_t size, sent, got;
    unsigned who;
    bool shut, ended;
};

static void flow_step(struct world *w, struct flow *f)
{
    uint8_t data[5000];
    while (f->sent < f->size) {
        size_t n = f->size - f->sent < sizeof(data) ? (size_t)(f->size - f->sent) : sizeof(data);
        for (size_t i = 0; i < n; i++) {
            data[i] = pattern(f->sent + i, f->who);
        }
        struct sok_iov iov = {data, n};
        int64_t took = sok_tcp_send(f->from, &iov, 1, w->now);
        if (took == SOK_EAGAIN) {
            break;
        }
        assert_true(took > 0);
        f->sent += (uint64_t)took;
    }
    if (f->sent == f->size && !f->shut) {
        f->shut = true;
        assert_int_equal(sok_tcp_shutdown(f->from, w->now), 0);
    }
    for (int64_t n;
         !f->ended && (n = sok_tcp_recv(f->to, data, sizeof(data), w->now)) != SOK_EAGAIN;) {
        assert_true(n >= 0);
        f->ended = n == 0;
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(data[i], pattern(f->got + (uint64_t)i, f->who));
        }
        f->got += (uint64_t)n;
    }
}

static void exchange(
    uint32_t loss, uint64_t size, const struct sok_tcp_config *config, uint32_t seed)
{
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_counts counts;
    world_new(&w, config);
    w.random = seed;
    open_pair(&w, &l, &a, &b);
    w.loss_percent = loss;
    struct flow out = {.from = a, .to = b, .size = size, .who = 1};
    struct flow back = {.from = b, .to = a, .size = size / 2, .who = 2};
    for (unsigned i = 0; !(out.ended && back.ended); i++) {
        flow_step(&w, &out);
        flow_step(&w, &back);
        assert_true(step(&w));
        assert_true(i < 1000000);
    }
    assert_int_equal(out.got, out.size);
    assert_int_equal(back.got, back.size);
    sok_tcp_close(a, w.now);
    sok_tcp_close(b, w.now);
    sok_tcp_listener_close(l, w.now);
    w.loss_percent = 0;
    while (step(&w)) {
    }
    sok_tcp_counts(w.ends[0].tcp, &counts);
    assert_int_equal(counts.conns, 0);
    sok_tcp_counts(w.ends[1].tcp, &counts);
    assert_int_equal(counts.conns, 0);
    world_free(&w);
}

static void carries_data_both_ways(void **state)
{
    (void)state;
    exchange(0, 3000000, NULL, 1);
    exchange(0, 0, NULL, 1);
    exchange(0, 1, NULL, 1);
}

static void survives_loss(void **state)
{
    (void)state;
    struct sok_tcp_config config;
    for (uint32_t seed = 1; seed <= 30; seed++) {
        sok_tcp_config_default(&config);
        config.super_frame_max = seed % 2 ? 1448 : 65160;
        config.sack = seed % 3 != 0;
        config.timestamps = seed % 5 != 0;
        exchange(seed % 10, 300000, &config, seed);
    }
}

static void closed_port_refuses(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_conn *c = dial(&w);
    while (sok_tcp_state(c) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_error(c), SOK_EREFUSED);
    assert_int_equal(w.sent, 2);
    sok_tcp_close(c, w.now);
    world_free(&w);
}

static void silent_peer_times_out(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    w.loss_percent = 100;
    struct sok_tcp_conn *c = dial(&w);
    while (sok_tcp_state(c) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_error(c), SOK_ETIMEDOUT);
    assert_int_equal(w.sent, 8);
    assert_true(w.now - SOK_S >= 180 * SOK_S);
    sok_tcp_close(c, w.now);
    world_free(&w);
}

static void abort_resets_the_peer(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    sok_tcp_abort(a, w.now);
    while (step(&w)) {
    }
    assert_int_equal(sok_tcp_state(b), SOK_TCP_CLOSED);
    assert_int_equal(sok_tcp_recv(b, &w.random, 1, w.now), SOK_ERESET);
    sok_tcp_close(b, w.now);
    sok_tcp_listener_close(l, w.now);
    world_free(&w);
}

// Ended from outside while it only waits for 2 MSL and nobody holds it: nothing failed.
static void killed_in_time_wait_is_no_error(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_event e;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    sok_tcp_close(a, w.now);
    for (unsigned i = 0; i < 2; i++) {
        step(&w);
    }
    sok_tcp_close(b, w.now);
    for (unsigned i = 0; i < 2; i++) {
        step(&w);
    }
    assert_int_equal(a->state, SOK_TCP_TIME_WAIT);
    sok_events_init(&w.ends[0].events, &w.mem, true);
    sok_tcp_kill(a, w.now);
    bool closed = false;
    while (sok_events_pop(&w.ends[0].events, &e)) {
        assert_int_not_equal(e.kind, SOK_EVENT_ERROR);
        closed = closed || e.kind == SOK_EVENT_STATE;
    }
    assert_true(closed);
    sok_events_free(&w.ends[0].events);
    sok_tcp_listener_close(l, w.now);
    world_free(&w);
}

static void closed_window_is_probed_until_it_opens(void **state)
{
    (void)state;
    static struct world w;
    static uint8_t data[200000];
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_iov iov = {data, sizeof(data)};
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_SNDBUF, sizeof(data), w.now), 0);
    assert_int_equal(sok_tcp_send(a, &iov, 1, w.now), sizeof(data));
    int64_t end = w.now + 3600 * SOK_S;
    while (w.now < end) { // an hour closed, and the connection lives (MUST-37)
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_state(a), SOK_TCP_ESTABLISHED);
    uint64_t got = 0;
    while (got < sizeof(data)) {
        int64_t n = sok_tcp_recv(b, data, sizeof(data), w.now);
        got += n > 0 ? (uint64_t)n : 0;
        assert_true(step(&w));
    }
    pair_free(&w, l, a, b);
}

static struct sok_tcp_conn *offered(struct world *w, struct sok_tcp_listener *l)
{
    struct sok_tcp_conn *c;
    while (sok_tcp_accept(l, w->now, &c) == SOK_EAGAIN) {
        assert_true(step(w));
    }
    assert_int_equal(sok_tcp_state(c), SOK_TCP_SYN_RECEIVED);
    return c;
}

static void gateway_admits_when_it_decides(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *every, *again, *l;
    struct sok_endpoint at;
    uint8_t data[8];
    world_new(&w, NULL);
    assert_int_equal(sok_tcp_listen_any(w.ends[1].tcp, 4, w.now, &every), 0);
    assert_int_equal(sok_tcp_listen_any(w.ends[1].tcp, 4, w.now, &again), SOK_EADDRINUSE);
    struct sok_tcp_conn *a = dial(&w), *b = offered(&w, every);
    assert_int_equal(sok_tcp_local(b).port, 80);
    int64_t end = w.now + 5 * SOK_S; // the SYN is repeated meanwhile, and nothing is answered
    while (w.now < end) {
        assert_true(step(&w));
    }
    assert_int_equal(w.sent, 3);
    assert_int_equal(sok_tcp_state(b), SOK_TCP_SYN_RECEIVED);
    sok_tcp_admit(b, w.now);
    while (sok_tcp_state(b) != SOK_TCP_ESTABLISHED) {
        assert_true(step(&w));
    }
    struct sok_iov iov = {(const uint8_t *)"hello", 5};
    assert_int_equal(sok_tcp_send(b, &iov, 1, w.now), 5);
    while (sok_tcp_recv(a, data, sizeof(data), w.now) != 5) {
        assert_true(step(&w));
    }
    sok_tcp_abort(a, w.now);
    sok_tcp_abort(b, w.now);
    // Another listener that fits goes before it.
    at = server_at(&w);
    assert_int_equal(sok_tcp_listen(w.ends[1].tcp, &at, 5, w.now, &l), 0);
    a = dial(&w);
    while (sok_tcp_accept(l, w.now, &b) == SOK_EAGAIN) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_state(b), SOK_TCP_ESTABLISHED);
    sok_tcp_abort(a, w.now);
    sok_tcp_abort(b, w.now);
    sok_tcp_listener_close(l, w.now);
    sok_tcp_listener_close(every, w.now);
    world_free(&w);
}

// SO_REUSEPORT: connections go to all listeners of a port, each to one.
static void listeners_share(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l[3], *other;
    struct sok_tcp_conn *a[40], *b;
    unsigned got[3] = {0}, all = 0;
    world_new(&w, NULL);
    struct sok_endpoint at = server_at(&w), any = {.port = at.port};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            sok_tcp_listen_as(w.ends[1].tcp, &at, 50, SOK_BIND_SHARED, w.now, &l[i]), 0);
    }
    assert_int_equal(sok_tcp_listen(w.ends[1].tcp, &at, 5, w.now, &other), SOK_EADDRINUSE);
    assert_int_equal(sok_tcp_listen(w.ends[1].tcp, &any, 5, w.now, &other), SOK_EADDRINUSE);
    for (unsigned i = 0; i < 40; i++) {
        a[i] = dial(&w);
    }
    while (all < 40) {
        for (int i = 0; i < 3; i++) {
            while (sok_tcp_accept(l[i], w.now, &b) == 0) {
                got[i]++;
                all++;
                sok_tcp_abort(b, w.now);
            }
        }
        assert_true(all == 40 || step(&w));
    }
    assert_true(got[0] > 2 && got[1] > 2 && got[2] > 2);
    for (unsigned i = 0; i < 40; i++) {
        sok_tcp_abort(a[i], w.now);
    }
    for (int i = 0; i < 3; i++) {
        sok_tcp_listener_close(l[i], w.now);
    }
    world_free(&w);
}

static void gateway_refuses_or_ignores(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *every;
    struct sok_tcp_counts counts;
    world_new(&w, NULL);
    assert_int_equal(sok_tcp_listen_any(w.ends[1].tcp, 4, w.now, &every), 0);
    struct sok_tcp_conn *a = dial(&w);
    sok_tcp_refuse(offered(&w, every), w.now);
    while (sok_tcp_state(a) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_error(a), SOK_EREFUSED);
    assert_int_equal(w.sent, 2);
    sok_tcp_close(a, w.now);
    // Ignored, the peer asks again, and is offered again.
    a = dial(&w);
    sok_tcp_ignore(offered(&w, every), w.now);
    struct sok_tcp_conn *b = offered(&w, every);
    assert_int_equal(w.sent, 4);
    // The peer begins anew from the same port: what was offered is over, its next SYN is offered.
    struct sok_endpoint local = sok_tcp_local(a), remote = server_at(&w);
    struct sok_tcp_path path;
    sok_tcp_abort(a, w.now);
    assert_int_equal(route(&w.ends[0], &local.addr, &remote, &path), 0);
    w.now += SOK_S; // another initial sequence number
    assert_int_equal(sok_tcp_connect(w.ends[0].tcp, &local, &remote, &path, w.now, &a), 0);
    while (sok_tcp_state(b) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_error(b), SOK_ERESET);
    sok_tcp_ignore(b, w.now);
    b = offered(&w, every);
    sok_tcp_refuse(b, w.now);
    while (sok_tcp_state(a) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    sok_tcp_close(a, w.now);
    // What is undecided when the listener goes is reset.
    a = dial(&w);
    while (w.sent < 12 && !every->to_accept.first) {
        assert_true(step(&w));
    }
    sok_tcp_listener_close(every, w.now);
    while (sok_tcp_state(a) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(sok_tcp_error(a), SOK_EREFUSED);
    sok_tcp_close(a, w.now);
    sok_tcp_counts(w.ends[1].tcp, &counts);
    assert_int_equal(counts.conns, 0);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_data_both_ways),
        cmocka_unit_test(survives_loss),
        cmocka_unit_test(closed_port_refuses),
        cmocka_unit_test(silent_peer_times_out),
        cmocka_unit_test(abort_resets_the_peer),
        cmocka_unit_test(killed_in_time_wait_is_no_error),
        cmocka_unit_test(closed_window_is_probed_until_it_opens),
        cmocka_unit_test(gateway_admits_when_it_decides),
        cmocka_unit_test(listeners_share),
        cmocka_unit_test(gateway_refuses_or_ignores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
