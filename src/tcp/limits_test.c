// What one peer may cost the other, between two TCPs and a wire: windows, bursts, buffers, queues.
#include "tcp/testing.h"

static uint8_t zeros[4 << 20];

static void sends(struct world *w, struct sok_tcp_conn *c, size_t bytes)
{
    struct sok_iov iov = {zeros, bytes};
    assert_int_equal(sok_tcp_send(c, &iov, 1, w->now), bytes);
}

// All that a sends goes to b and is read, for as long as it takes.
static void carry(struct world *w, struct sok_tcp_conn *a, struct sok_tcp_conn *b, uint64_t bytes)
{
    static uint8_t into[1 << 20];
    uint64_t sent = 0, got = 0;
    for (unsigned i = 0; got < bytes; i++) {
        uint64_t left = bytes - sent;
        struct sok_iov iov = {zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros)};
        int64_t n = left ? sok_tcp_send(a, &iov, 1, w->now) : 0;
        sent += n > 0 ? (uint64_t)n : 0;
        n = sok_tcp_recv(b, into, sizeof(into), w->now);
        got += n > 0 ? (uint64_t)n : 0;
        assert_true(step(w));
        assert_true(i < 1000000);
    }
}

// ---- the window offered ----

static void crumbs(const struct sok_tcp_config *config)
{
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, config);
    open_pair(&w, &l, &a, &b);
    sok_tcp_setopt(a, SOK_TCP_NODELAY, 1, w.now);
    sok_tcp_setopt(a, SOK_TCP_SNDBUF, sizeof(zeros), w.now);
    uint32_t offered = b->rcv_window, unit = 1u << b->rcv_wscale;
    for (unsigned i = 0; i < 3000; i++) {
        sends(&w, a, 100);
        run_for(&w, 100 * SOK_MS);
    }
    assert_true(info_of(b).rcv_queued > offered / 2);
    assert_in_range(info_of(b).rcv_queued, 1, offered + unit);
    pair_free(&w, l, a, b);
}

static void crumbs_left_unread_do_not_widen_the_window(void **state)
{
    (void)state;
    struct sok_tcp_config config;
    sok_tcp_config_default(&config);
    crumbs(&config);
    config.rcv_buf = 512 << 20; // a scale of 13: each step is 8 KB
    crumbs(&config);
}

// Without scaling the header's field holds less than the buffer: reading cannot open what is open.
static void small_reads_are_not_told_one_by_one(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_config config;
    uint8_t data[100];
    sok_tcp_config_default(&config);
    config.window_scale = 0;
    config.rcv_buf_initial = config.rcv_buf;
    world_new(&w, &config);
    open_pair(&w, &l, &a, &b);
    sends(&w, a, 60000);
    run_for(&w, SOK_S);
    assert_int_equal(info_of(b).rcv_queued, 60000);
    unsigned before = w.sent;
    for (unsigned i = 0; i < 600; i++) {
        assert_int_equal(sok_tcp_recv(b, data, sizeof(data), w.now), sizeof(data));
        pull(&w);
    }
    assert_in_range(w.sent - before, 1, 40);
    pair_free(&w, l, a, b);
}

// a fills b's window to the last byte and shuts down, while b, before it reads, writes far more than fits.
static void full_windows_and_a_fin(void **state)
{
    (void)state;
    static struct world w;
    static uint8_t into[1 << 20];
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    run_for(&w, SOK_S);
    uint64_t filled = 0;
    for (uint32_t room; (room = info_of(a).snd_wnd) > 0; filled += room) {
        sends(&w, a, room);
        run_for(&w, SOK_S);
    }
    assert_int_equal(sok_tcp_shutdown(a, w.now), 0);
    int64_t start = w.now, n = 0;
    uint64_t to_a = 0, to_b = 0, written = 0;
    while (to_a < 1000000) {
        assert_true(step(&w));
        size_t len = written < 1000000 ? (size_t)(1000000 - written) : 0;
        struct sok_iov iov = {zeros, len < 10000 ? len : 10000};
        n = len ? sok_tcp_send(b, &iov, 1, w.now) : 0;
        written += n > 0 ? (uint64_t)n : 0;
        n = sok_tcp_recv(a, into, sizeof(into), w.now);
        to_a += n > 0 ? (uint64_t)n : 0;
        assert_true(w.now - start < 5 * SOK_S);
    }
    while ((n = sok_tcp_recv(b, into, sizeof(into), w.now)) != 0) { // then b reads up to a's FIN
        to_b += n > 0 ? (uint64_t)n : 0;
        assert_true(step(&w));
        assert_true(w.now - start < 5 * SOK_S);
    }
    assert_int_equal(to_b, filled);
    assert_int_equal(info_of(a).timeouts, 0);
    assert_int_equal(info_of(b).timeouts, 0);
    pair_free(&w, l, a, b);
}

// ---- bursts ----

static uint64_t first_burst_after_an_hour(bool restart, uint32_t *cwnd)
{
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_config config;
    sok_tcp_config_default(&config);
    config.idle_restart = restart;
    world_new(&w, &config);
    open_pair(&w, &l, &a, &b);
    carry(&w, a, b, 8000000);
    run_for(&w, SOK_S);
    *cwnd = info_of(a).cwnd;
    assert_int_equal(info_of(a).snd_unacked, 0);
    w.now += 3600 * SOK_S;
    assert_int_equal(sok_tcp_setopt(a, SOK_TCP_SNDBUF, 600000, w.now), 0);
    sends(&w, a, 600000);
    pull(&w);
    uint64_t burst = info_of(a).snd_unacked;
    pair_free(&w, l, a, b);
    return burst;
}

static void idle_connection_begins_with_the_initial_window(void **state)
{
    (void)state;
    uint32_t cwnd;
    assert_int_equal(first_burst_after_an_hour(true, &cwnd), 10 * 1448);
    assert_true(cwnd >= 500 * 1448);
    assert_int_equal(first_burst_after_an_hour(false, &cwnd), 600000);
}

// ---- buffers ----

static int64_t lend(struct world *w, struct sok_tcp_conn *c, uint32_t len)
{
    struct sok_buf *buf = sok_buf_new(&w->mem, len);
    memset(buf->data, 0, len);
    int64_t result = sok_tcp_send_slice(c, (struct sok_slice){buf, 0, len}, w->now);
    sok_buf_unref(buf);
    return result;
}

static void lending(uint32_t len)
{
    static struct world w;
    static uint8_t into[100000];
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_config config;
    sok_tcp_config_default(&config);
    config.snd_buf = 30000;
    world_new(&w, &config);
    open_pair(&w, &l, &a, &b);
    assert_int_equal(lend(&w, a, 30001), SOK_EINVAL); // could wait for ever
    assert_true(a->sock.ready & SOK_READY_OUT);
    sends(&w, a, 30000 - len + 1);
    assert_true(a->sock.ready & SOK_READY_OUT);
    assert_int_equal(lend(&w, a, len), SOK_EAGAIN);
    assert_false(a->sock.ready & SOK_READY_OUT);
    while (!(a->sock.ready & SOK_READY_OUT)) { // rises when that much fits, and not before
        assert_true(sok_tcp_send_room(a) < len);
        assert_true(step(&w));
        sok_tcp_recv(b, into, sizeof(into), w.now);
    }
    assert_int_equal(lend(&w, a, len), len);
    // Less buffer than is waited for: that is told, too.
    assert_int_equal(lend(&w, a, 30000), SOK_EAGAIN);
    sok_tcp_setopt(a, SOK_TCP_SNDBUF, 2048, w.now);
    while (info_of(a).snd_queued > 0) {
        assert_true(step(&w));
        sok_tcp_recv(b, into, sizeof(into), w.now);
    }
    assert_true(a->sock.ready & SOK_READY_OUT);
    pair_free(&w, l, a, b);
}

static void lent_buffers_wait_for_room(void **state)
{
    (void)state;
    lending(20000); // kept
    lending(1000);  // copied
    lending(30000);
}

// ---- what the application has closed ----

static void peer_says(struct world *w, struct sok_tcp_conn *c, uint32_t window)
{
    struct sok_tcp_hdr h = {.sport = c->remote.port,
        .dport = c->local.port,
        .seq = c->rcv_nxt,
        .ack = c->snd_una,
        .dataofs = 5,
        .flags = SOK_TCP_ACK,
        .window = (uint16_t)(window >> c->snd_wscale)};
    struct sok_buf *buf = sok_buf_new(&w->mem, SOK_TCP_HDR_LEN);
    sok_tcp_hdr_put(buf->data, &h);
    struct sok_tcp_arrival in = {.from = {.addr = c->remote.addr},
        .to = {.addr = c->local.addr},
        .segment = {buf, 0, SOK_TCP_HDR_LEN},
        .link = 1,
        .csum_valid = true,
        .unicast = true};
    struct sok_tcp_outcome outcome;
    sok_tcp_input(c->tcp, &in, w->now, &outcome);
    assert_int_equal(outcome.drop, SOK_DROP_NONE);
    sok_buf_unref(buf);
}

// The peer opens and closes its window every 100 ms, and takes nothing.
static void window_to_and_fro(bool in_flight, uint32_t window)
{
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_config config;
    struct sok_tcp_counts counts;
    sok_tcp_config_default(&config);
    config.r2 = 10 * SOK_S;
    world_new(&w, &config);
    open_pair(&w, &l, &a, &b);
    w.loss_percent = 100;
    peer_says(&w, a, in_flight ? 60000 : 0);
    sends(&w, a, 3000);
    pull(&w);
    sok_tcp_close(a, w.now);
    int64_t start = w.now;
    for (unsigned i = 0;; i++) {
        w.now += 100 * SOK_MS;
        sok_tcp_advance(w.ends[0].tcp, w.now);
        sok_tcp_counts(w.ends[0].tcp, &counts);
        if (counts.conns == 0) {
            break;
        }
        peer_says(&w, a, i % 2 ? window : 0);
        pull(&w);
        assert_true(w.now - start < 30 * SOK_S);
    }
    sok_tcp_abort(b, w.now);
    sok_tcp_listener_close(l, w.now);
    world_free(&w);
}

static void closed_connection_ends_whatever_the_window_does(void **state)
{
    (void)state;
    window_to_and_fro(true, 0);
    window_to_and_fro(true, 60000);
    window_to_and_fro(false, 0);
    window_to_and_fro(false, 128);
}

// ---- TIME-WAIT opened again ----

static void new_connection_numbers_above_the_old(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    uint8_t end;
    world_new(&w, NULL);
    w.delay = SOK_MS / 10; // faster than the clock that initial sequence numbers follow
    open_pair(&w, &l, &a, &b);
    struct sok_endpoint local = sok_tcp_local(a), remote = server_at(&w);
    carry(&w, b, a, 8000000);
    sok_tcp_close(b, w.now); // the server closes first: TIME-WAIT is its own
    while (sok_tcp_recv(a, &end, 1, w.now) != 0) {
        assert_true(step(&w));
    }
    sok_tcp_close(a, w.now);
    struct sok_tcp_counts counts;
    do {
        assert_true(step(&w));
        sok_tcp_counts(w.ends[0].tcp, &counts);
    } while (counts.conns > 0);
    assert_int_equal(sok_tcp_state(b), SOK_TCP_TIME_WAIT);
    uint32_t old = b->snd_nxt;
    w.now += 20 * SOK_MS; // so that its timestamp is newer
    struct sok_tcp_path path;
    assert_int_equal(route(&w.ends[0], &local.addr, &remote, &path), 0);
    assert_int_equal(sok_tcp_connect(w.ends[0].tcp, &local, &remote, &path, w.now, &a), 0);
    while (sok_tcp_accept(l, w.now, &b) == SOK_EAGAIN) {
        assert_true(step(&w));
    }
    assert_true(sok_seq_gt(b->iss, old));
    assert_int_equal(info_of(a).timeouts, 0);
    carry(&w, a, b, 1000);
    pair_free(&w, l, a, b);
}

// ---- a peer that names no MSS (MUST-15) ----

static void default_mss_is_of_the_address(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp_conn *c = dial(&w);
    assert_int_equal(c->peer_mss, 536);
    sok_tcp_close(c, w.now);
    for (unsigned i = 0; i < 2; i++) {
        w.ends[i].addr = (struct sok_addr){{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(1 + i)}};
    }
    c = dial(&w);
    assert_int_equal(c->peer_mss, 1220);
    sok_tcp_close(c, w.now);
    world_free(&w);
}

// ---- initial sequence numbers (RFC 9293 3.4.1, RFC 6528) ----

// A tick every four microseconds (MUST-8); another connection's, or those of another secret, say nothing (MUST-9).
static void initial_numbers_follow_a_clock(void **state)
{
    (void)state;
    static struct world w;
    world_new(&w, NULL);
    struct sok_tcp *t = w.ends[0].tcp;
    struct sok_endpoint a = {.addr = w.ends[0].addr, .port = 4000};
    struct sok_endpoint b = server_at(&w), other = b;
    uint32_t first = sok_tcp_isn(t, &a, &b, w.now);
    assert_int_equal((uint32_t)(sok_tcp_isn(t, &a, &b, w.now + SOK_MS) - first), 250);
    assert_int_equal((uint32_t)(sok_tcp_isn(t, &a, &b, w.now + SOK_S) - first), 250000);
    other.port++;
    assert_true(sok_tcp_isn(t, &a, &other, w.now) - first + 1000 > 2000);
    assert_true(sok_tcp_isn(w.ends[1].tcp, &a, &b, w.now) - first + 1000 > 2000);
    world_free(&w);
}

// ---- urgent data ----

static void header_to(struct world *w, const struct sok_tcp_conn *c, const struct sok_tcp_hdr *h)
{
    struct sok_buf *buf = sok_buf_new(&w->mem, SOK_TCP_HDR_LEN);
    sok_tcp_hdr_put(buf->data, h);
    struct sok_tcp_arrival in = {.from = {.addr = c->remote.addr},
        .to = {.addr = c->local.addr},
        .segment = {buf, 0, SOK_TCP_HDR_LEN},
        .link = 1,
        .csum_valid = true,
        .unicast = true};
    struct sok_tcp_outcome outcome;
    sok_tcp_input(c->tcp, &in, w->now, &outcome);
    sok_buf_unref(buf);
}

// A pointer that advances is told at once, though no byte of the urgent data has come (MUST-32).
static void urgent_pointer_is_told(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    struct sok_sock_queue *changed = &w.ends[1].changed;
    static const uint16_t pointers[] = {100, 100, 200, 50};
    for (unsigned i = 0; i < 4; i++) {
        struct sok_tcp_hdr h = {.sport = b->remote.port,
            .dport = b->local.port,
            .seq = b->rcv_nxt,
            .ack = b->snd_nxt,
            .dataofs = 5,
            .flags = SOK_TCP_ACK | SOK_TCP_URG,
            .window = 1000,
            .urgptr = pointers[i]};
        while (sok_sock_next(changed)) {
        }
        header_to(&w, b, &h);
        assert_ptr_equal(sok_sock_next(changed), i == 0 || i == 2 ? &b->sock : NULL);
        assert_int_equal(info_of(b).rcv_urgent, i < 2 ? 100 : 200);
        assert_int_equal(info_of(b).rcv_queued, 0);
    }
    pair_free(&w, l, a, b);
}

// ---- resets ----

static void syn_from(struct world *w, uint32_t ip)
{
    struct sok_tcp_hdr h = {.sport = 1000, .dport = 99, .dataofs = 5, .flags = SOK_TCP_SYN};
    struct sok_buf *buf = sok_buf_new(&w->mem, SOK_TCP_HDR_LEN);
    sok_tcp_hdr_put(buf->data, &h);
    struct sok_tcp_arrival in = {.from = {.addr = sok_addr_v4(ip)},
        .to = {.addr = w->ends[1].addr},
        .segment = {buf, 0, SOK_TCP_HDR_LEN},
        .link = 1,
        .csum_valid = true,
        .unicast = true};
    struct sok_tcp_outcome outcome;
    sok_tcp_input(w->ends[1].tcp, &in, w->now, &outcome);
    sok_buf_unref(buf);
}

// Resets to neighbours that do not answer must leave room for one to a neighbour that does.
static void parked_resets_do_not_block_others(void **state)
{
    (void)state;
    static struct world w;
    struct sok_tcp_segment s;
    struct sok_addr hop;
    struct sok_tcp_counts counts;
    world_new(&w, NULL);
    struct sok_tcp *t = w.ends[1].tcp;
    for (uint32_t i = 0; i < SOK_TCP_REPLIES_MAX; i++) {
        syn_from(&w, 0xc0000264u + i);
        assert_true(sok_tcp_ready(t, 1, w.now, &hop));
        sok_tcp_park(t, 1, w.now);
        assert_false(sok_tcp_ready(t, 1, w.now, &hop));
    }
    sok_tcp_counts(t, &counts);
    assert_int_equal(counts.drops[SOK_DROP_TCP_REPLY_QUEUE], SOK_TCP_REPLIES_MAX / 2);
    syn_from(&w, 0xc0000202u);
    assert_true(sok_tcp_ready(t, 1, w.now, &hop));
    assert_true(sok_addr_eq(hop, sok_addr_v4(0xc0000202u)));
    assert_true(sok_tcp_output(t, 1, w.now, &s));
    hop = sok_addr_v4(0xc0000264u); // the first is found after all
    sok_tcp_unpark(t, 1, &hop);
    assert_true(sok_tcp_output(t, 1, w.now, &s));
    assert_true(sok_addr_eq(s.to.addr, hop));
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crumbs_left_unread_do_not_widen_the_window),
        cmocka_unit_test(small_reads_are_not_told_one_by_one),
        cmocka_unit_test(full_windows_and_a_fin),
        cmocka_unit_test(idle_connection_begins_with_the_initial_window),
        cmocka_unit_test(lent_buffers_wait_for_room),
        cmocka_unit_test(closed_connection_ends_whatever_the_window_does),
        cmocka_unit_test(new_connection_numbers_above_the_old),
        cmocka_unit_test(default_mss_is_of_the_address),
        cmocka_unit_test(initial_numbers_follow_a_clock),
        cmocka_unit_test(urgent_pointer_is_told),
        cmocka_unit_test(parked_resets_do_not_block_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
