// What the options of an application do, between two TCPs and a wire.
#include "tcp/testing.h"
#include "wire/tcp.h"

static uint8_t zeros[1 << 20];

static int64_t gives(struct world *w, struct sok_tcp_conn *c, size_t bytes)
{
    struct sok_iov iov = {zeros, bytes};
    return sok_tcp_send(c, &iov, 1, w->now);
}

static struct sok_tcp_listener *listens(struct world *w, int backlog)
{
    struct sok_endpoint at = server_at(w);
    struct sok_tcp_listener *l;
    assert_int_equal(sok_tcp_listen(w->ends[1].tcp, &at, backlog, w->now, &l), 0);
    return l;
}

static struct sok_tcp_conn *accepts(struct world *w, struct sok_tcp_listener *l)
{
    struct sok_tcp_conn *c = NULL;
    return sok_tcp_accept(l, w->now, &c) == 0 ? c : NULL;
}

static int64_t told(const struct sok_tcp_conn *c, enum sok_tcp_sockopt option)
{
    int64_t value = -99;
    assert_int_equal(sok_tcp_getopt(c, option, &value), 0);
    return value;
}

// The MSS option and the window of the only segment on the wire.
static uint16_t mss_on_wire(const struct world *w, uint16_t *window)
{
    struct sok_tcp_hdr h = {0};
    struct sok_tcp_opts o = {0};
    assert_int_equal(w->on_wire, 1);
    const struct sok_slice s = w->wire[0].arrival.segment;
    const uint8_t *p = sok_slice_data(s);
    assert_true(sok_tcp_get(p, s.len, &h));
    sok_tcp_opts_get(p + SOK_TCP_HDR_LEN, 4u * h.dataofs - SOK_TCP_HDR_LEN, &o);
    *window = h.window;
    return o.mss;
}

// ---- deferred accepting ----

static void accepted_when_there_is_something_to_read(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_listener *l = listens(&w, 5);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_DEFER_ACCEPT, 7 * SOK_S), 0);
    struct sok_tcp_conn *a = dial(&w);
    run_for(&w, SOK_S);
    assert_int_equal(sok_tcp_state(a), SOK_TCP_ESTABLISHED);
    assert_null(accepts(&w, l));
    assert_int_equal(((struct sok_sock *)l)->ready, 0);
    assert_int_equal(gives(&w, a, 100), 100);
    run_for(&w, 50 * SOK_MS);
    assert_int_equal(((struct sok_sock *)l)->ready, SOK_READY_IN);
    struct sok_tcp_conn *b = accepts(&w, l);
    assert_non_null(b);
    assert_int_equal(sok_tcp_recv(b, zeros, sizeof(zeros), w.now), 100);
    pair_free(&w, l, a, b);
}

static void accepted_when_its_time_is_over_or_the_peer_closes(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_listener *l = listens(&w, 5);
    sok_tcp_listener_setopt(l, SOK_TCP_DEFER_ACCEPT, 3 * SOK_S);
    struct sok_tcp_conn *a = dial(&w), *b;
    run_for(&w, 2900 * SOK_MS);
    assert_null(accepts(&w, l));
    run_for(&w, 200 * SOK_MS);
    assert_non_null(b = accepts(&w, l));
    struct sok_tcp_conn *c = dial(&w), *d;
    run_for(&w, 100 * SOK_MS);
    sok_tcp_shutdown(c, w.now);
    run_for(&w, 100 * SOK_MS);
    assert_non_null(d = accepts(&w, l));
    struct sok_tcp_conn *all[] = {a, b, c, d};
    for (unsigned i = 0; i < 4; i++) {
        sok_tcp_abort(all[i], w.now);
    }
    sok_tcp_listener_close(l, w.now);
    world_free(&w);
}

static void silent_ones_give_way_and_are_reset_with_the_listener(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_conn *c[12];
    struct sok_tcp_listener *l = listens(&w, 2); // keeps 8, the least
    sok_tcp_listener_setopt(l, SOK_TCP_DEFER_ACCEPT, 63 * SOK_S);
    for (unsigned i = 0; i < 9; i++) {
        c[i] = dial(&w);
        run_for(&w, 100 * SOK_MS);
    }
    assert_int_equal(l->deferred.count, 8);
    assert_int_equal(sok_tcp_error(c[0]), SOK_ERESET);
    for (unsigned i = 1; i < 5; i++) { // all four are ripe, two fit
        gives(&w, c[i], 1);
    }
    run_for(&w, 100 * SOK_MS);
    assert_int_equal(l->to_accept.count, 2);
    assert_int_equal(l->deferred.count, 6);
    for (unsigned i = 1; i < 5; i++) {
        struct sok_tcp_conn *b = accepts(&w, l);
        assert_non_null(b);
        sok_tcp_abort(b, w.now);
    }
    assert_null(accepts(&w, l));
    sok_tcp_listener_close(l, w.now);
    run_for(&w, 100 * SOK_MS);
    assert_int_equal(sok_tcp_error(c[5]), SOK_ERESET);
    for (unsigned i = 0; i < 9; i++) {
        sok_tcp_abort(c[i], w.now);
    }
    world_free(&w);
}

// However a place among those that are accepted becomes free, who waits for it gets it.
static void ripe_ones_follow_when_there_is_room(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_conn *c[4];
    struct sok_tcp_listener *l = listens(&w, 1);
    sok_tcp_listener_setopt(l, SOK_TCP_DEFER_ACCEPT, 3 * SOK_S);
    for (unsigned i = 0; i < 4; i++) {
        c[i] = dial(&w);
        run_for(&w, 100 * SOK_MS);
    }
    for (unsigned i = 0; i < 4; i++) {
        gives(&w, c[i], 1);
        run_for(&w, 100 * SOK_MS);
    }
    run_for(&w, 5 * SOK_S);
    assert_int_equal(l->to_accept.count, 1);
    assert_int_equal(l->deferred.count, 3);
    sok_tcp_abort(c[0], w.now); // before it is accepted
    run_for(&w, 100 * SOK_MS);
    assert_int_equal(l->to_accept.count, 1);
    assert_int_equal(l->deferred.count, 2);
    sok_tcp_listener_backlog(l, 2);
    assert_int_equal(l->to_accept.count, 2);
    for (unsigned i = 1; i < 4; i++) {
        struct sok_tcp_conn *b = accepts(&w, l);
        assert_non_null(b);
        sok_tcp_abort(b, w.now);
        sok_tcp_abort(c[i], w.now);
    }
    assert_int_equal(l->deferred.count, 0);
    assert_null(accepts(&w, l));
    sok_tcp_listener_close(l, w.now);
    world_free(&w);
}

// ---- what is not sent yet ----

static void no_more_is_taken_than_shall_wait(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    run_for(&w, 100 * SOK_MS);
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_NOTSENT_LOWAT, 20000, w.now), 0);
    assert_int_equal(told(a, SOK_TCP_NOTSENT_LOWAT), 20000);
    assert_int_equal(gives(&w, a, sizeof(zeros)), 65536); // a piece, as Linux
    assert_int_equal(gives(&w, a, 1), SOK_EAGAIN);
    assert_false(((struct sok_sock *)a)->ready & SOK_READY_OUT);
    uint64_t sent = 0;
    bool was_out = false;
    for (unsigned i = 0; i < 2000; i++) {
        struct sok_tcp_info info;
        assert_true(step(&w));
        sok_tcp_recv(b, zeros, sizeof(zeros), w.now);
        sok_tcp_info(a, &info);
        if (((struct sok_sock *)a)->ready & SOK_READY_OUT) {
            assert_in_range(info.snd_unsent, 0, 20000);
            was_out = true;
            sent += (uint64_t)gives(&w, a, 30000);
        }
        sok_tcp_info(a, &info);
        assert_in_range(info.snd_unsent, 0, 65536);
    }
    assert_true(was_out);
    assert_true(sent > 300000);
    pair_free(&w, l, a, b);
}

// ---- the handshake ----

static void mss_and_window_are_those_asked_for(void **state)
{
    (void)state;
    static struct world w;
    uint16_t window;
    world_new(&w, NULL);
    struct sok_tcp_listener *l = listens(&w, 5);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_MAXSEG, 900), 0);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_WINDOW_CLAMP, 5000), 0);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_NODELAY, 1), SOK_EOPNOTSUPP);
    assert_int_equal(sok_tcp_listener_setopt(l, SOK_TCP_MAXSEG, 87), SOK_EINVAL);
    struct sok_tcp_conn *a = dial(&w), *b;
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_MAXSEG, 700, w.now), 0);
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_RCVBUF, 20000, w.now), 0);
    pull(&w);
    assert_int_equal(mss_on_wire(&w, &window), 700);
    assert_in_range(window, 8000, 10000);
    step(&w);
    pull(&w);
    assert_int_equal(mss_on_wire(&w, &window), 900);
    assert_in_range(window, 4000, 5000);
    run_for(&w, 100 * SOK_MS);
    assert_non_null(b = accepts(&w, l));
    assert_int_equal(told(a, SOK_TCP_MAXSEG), 700 - 12); // its own wish holds for what it sends,
    assert_int_equal(told(b, SOK_TCP_MAXSEG), 700 - 12); // and the peer was told
    assert_int_equal(told(b, SOK_TCP_WINDOW_CLAMP), 5000);
    assert_int_equal(told(a, SOK_TCP_RCVBUF), 20000);
    for (unsigned i = 0; i < 500; i++) { // however much is read
        struct sok_tcp_info info;
        gives(&w, a, 20000);
        step(&w);
        sok_tcp_recv(b, zeros, sizeof(zeros), w.now);
        sok_tcp_info(a, &info);
        assert_in_range(info.snd_wnd, 0, 5000 + 128);
    }
    pair_free(&w, l, a, b);
}

static void a_buffer_that_was_set_is_used_whole_and_grows_no_more(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_info info;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    assert_int_equal(told(b, SOK_TCP_RCVBUF), 131072);
    assert_int_equal(sok_tcp_setopt(b, SOK_TCP_RCVBUF, 400000, w.now), 0);
    for (unsigned i = 0; i < 3000; i++) {
        gives(&w, a, 100000);
        step(&w);
        sok_tcp_recv(b, zeros, sizeof(zeros), w.now);
    }
    sok_tcp_info(a, &info);
    assert_in_range(info.snd_wnd, 190000, 200000 + 128);
    assert_int_equal(told(b, SOK_TCP_RCVBUF), 400000);
    pair_free(&w, l, a, b);
}

static void so_many_syns_and_no_more(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    w.loss_percent = 100;
    struct sok_tcp_conn *a = dial(&w);
    int64_t began = w.now;
    assert_int_equal(told(a, SOK_TCP_SYNCNT), 7);
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_SYNCNT, 2, w.now), 0);
    assert_int_equal(told(a, SOK_TCP_SYNCNT), 2);
    while (sok_tcp_state(a) != SOK_TCP_CLOSED) {
        assert_true(step(&w));
    }
    assert_int_equal(w.sent, 3);
    assert_int_equal(w.now - began, 7 * SOK_S); // 1, 2, 4
    assert_int_equal(sok_tcp_error(a), SOK_ETIMEDOUT);
    sok_tcp_abort(a, w.now);
    world_free(&w);
}

// ---- the end ----

static void an_orphan_waits_as_long_as_was_said(void **state)
{
    (void)state;
    static const int64_t waits[] = {5 * SOK_S, -1};
    for (unsigned i = 0; i < 2; i++) {
        static struct world w;
        struct sok_tcp_listener *l;
        struct sok_tcp_conn *a, *b;
        struct sok_tcp_counts counts;
        world_new(&w, NULL);
        open_pair(&w, &l, &a, &b);
        assert_int_equal(told(a, SOK_TCP_LINGER2), 60 * SOK_S);
        assert_int_equal(sok_tcp_setopt(a, SOK_TCP_LINGER2, waits[i], w.now), 0);
        assert_int_equal(told(a, SOK_TCP_LINGER2), waits[i]);
        sok_tcp_close(a, w.now);
        run_for(&w, waits[i] > 0 ? waits[i] - 100 * SOK_MS : 100 * SOK_MS);
        sok_tcp_counts(w.ends[0].tcp, &counts);
        assert_int_equal(counts.conns, waits[i] > 0);
        run_for(&w, SOK_S);
        sok_tcp_counts(w.ends[0].tcp, &counts);
        assert_int_equal(counts.conns, 0);
        sok_tcp_abort(b, w.now);
        sok_tcp_listener_close(l, w.now);
        world_free(&w);
    }
}

// ---- what ICMP says ----

static void an_error_is_told_at_once_to_who_wants_it(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    uint32_t conn;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    for (unsigned wanted = 0; wanted < 2; wanted++) {
        sok_tcp_setopt(a, SOK_TCP_RECVERR, wanted, w.now);
        assert_true(sok_tcp_icmp(w.ends[0].tcp, &a->local, &a->remote, a->snd_una, SOK_EHOSTUNREACH,
            false, &conn, w.now));
        assert_int_equal((((struct sok_sock *)a)->ready & SOK_READY_ERROR) != 0, wanted);
        assert_int_equal(gives(&w, a, 10), wanted ? SOK_EHOSTUNREACH : 10);
        assert_int_equal(gives(&w, a, 10), 10); // it goes on
    }
    pair_free(&w, l, a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_when_there_is_something_to_read),
        cmocka_unit_test(accepted_when_its_time_is_over_or_the_peer_closes),
        cmocka_unit_test(silent_ones_give_way_and_are_reset_with_the_listener),
        cmocka_unit_test(ripe_ones_follow_when_there_is_room),
        cmocka_unit_test(no_more_is_taken_than_shall_wait),
        cmocka_unit_test(mss_and_window_are_those_asked_for),
        cmocka_unit_test(a_buffer_that_was_set_is_used_whole_and_grows_no_more),
        cmocka_unit_test(so_many_syns_and_no_more),
        cmocka_unit_test(an_orphan_waits_as_long_as_was_said),
        cmocka_unit_test(an_error_is_told_at_once_to_who_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
