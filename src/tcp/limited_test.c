// What limits a connection, where a drill cannot make it wait: for its turn on the link, for the neighbour.
#include "tcp/testing.h"

static void sends(struct world *w, struct sok_tcp_conn *c, size_t bytes)
{
    static uint8_t zeros[1 << 20];
    struct sok_iov iov = {zeros, bytes};
    assert_int_equal(sok_tcp_send(c, &iov, 1, w->now), bytes);
}

// The link takes one segment, and the next only 3 ms later.
static void a_busy_link(void **state)
{
    struct world w;
    struct sok_tcp_config config;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_segment s;
    (void)state;
    sok_tcp_config_default(&config);
    config.super_frame_max = 1448;
    world_new(&w, &config);
    open_pair(&w, &l, &a, &b);
    run_for(&w, SOK_S);
    int64_t before = info_of(a).limited[SOK_TCP_LIMIT_APPLICATION];
    sends(&w, a, 2896);
    int64_t given = w.now;
    assert_true(sok_tcp_output(w.ends[0].tcp, 1, w.now, &s));
    assert_int_equal(info_of(a).limit, SOK_TCP_LIMIT_LINK);
    w.now += 3 * SOK_MS;
    assert_true(sok_tcp_output(w.ends[0].tcp, 1, w.now, &s));
    assert_false(sok_tcp_output(w.ends[0].tcp, 1, w.now, &s));
    struct sok_tcp_info info = info_of(a);
    assert_int_equal(info.limit, SOK_TCP_LIMIT_APPLICATION);
    assert_int_equal(info.limited[SOK_TCP_LIMIT_LINK], 3 * SOK_MS);
    assert_true(info.limited[SOK_TCP_LIMIT_APPLICATION] >= before);
    assert_true(info.age >= w.now - given);
    assert_null(sok_tcp_invariants(w.ends[0].tcp));
    world_free(&w);
}

// An open connection whose neighbour must be asked for again.
static void a_lost_neighbour(void **state)
{
    struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_addr hop;
    (void)state;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    run_for(&w, SOK_S);
    sends(&w, a, 100);
    assert_true(sok_tcp_ready(w.ends[0].tcp, 1, w.now, &hop));
    sok_tcp_park(w.ends[0].tcp, 1, w.now);
    assert_int_equal(info_of(a).limit, SOK_TCP_LIMIT_LINK);
    w.now += 500 * SOK_MS;
    sok_tcp_unpark(w.ends[0].tcp, 1, &hop);
    pull(&w);
    assert_int_equal(info_of(a).limited[SOK_TCP_LIMIT_LINK], 500 * SOK_MS);
    assert_int_equal(info_of(a).limit, SOK_TCP_LIMIT_APPLICATION);
    world_free(&w);
}

// A super-frame is so many segments, for both ends.
static void super_frames_are_many(void **state)
{
    struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    (void)state;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    run_for(&w, SOK_S);
    uint64_t out = info_of(a).segments_out, in = info_of(b).segments_in;
    unsigned frames = w.sent;
    sends(&w, a, 5 * 1448 + 1);
    pull(&w);
    assert_int_equal(w.sent, frames + 1);
    run_for(&w, SOK_S);
    assert_int_equal(info_of(a).segments_out, out + 6);
    assert_int_equal(info_of(b).segments_in, in + 6);
    world_free(&w);
}

// Part of a super-frame that is acknowledged has been delivered.
static void part_of_a_super_frame(void **state)
{
    struct world w;
    struct sok_tcp_listener *l;
    struct sok_tcp_conn *a, *b;
    struct sok_tcp_segment s;
    struct sok_tcp_outcome outcome;
    (void)state;
    world_new(&w, NULL);
    open_pair(&w, &l, &a, &b);
    run_for(&w, SOK_S);
    sends(&w, a, 10 * 1448);
    assert_true(sok_tcp_output(w.ends[0].tcp, 1, w.now, &s));
    // The link cut it, and all but the first segment was lost: the peer acknowledges one.
    s.data_len = 1448;
    s.gso_size = 0;
    s.data[0].len = 1448;
    s.data_count = 1;
    put_on_wire(&w, &s);
    w.now = w.wire[0].due;
    struct carried c = w.wire[--w.on_wire];
    sok_tcp_input(w.ends[1].tcp, &c.arrival, w.now, &outcome);
    sok_buf_unref(c.buf);
    run_for(&w, 50 * SOK_MS);
    struct sok_tcp_info info = info_of(a);
    assert_int_equal(info.bytes_acked, 1448);
    assert_true(info.delivery_rate > 1448 * 30 && info.delivery_rate < 1448 * 100); // in 20 ms
    world_free(&w);
}

static void texts(void **state)
{
    (void)state;
    assert_string_equal(sok_tcp_limit_text(SOK_TCP_LIMIT_CWND), "congestion window");
    assert_string_equal(sok_tcp_limit_text(SOK_TCP_LIMIT_LINK), "link");
    assert_string_equal(sok_tcp_limit_text(SOK_TCP_LIMIT_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_link),
        cmocka_unit_test(a_lost_neighbour),
        cmocka_unit_test(super_frames_are_many),
        cmocka_unit_test(part_of_a_super_frame),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
