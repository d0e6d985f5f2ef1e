// Congestion control against the RFCs' own formulas, computed here once more in floating point and segments.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tcp/cc.h"

#define MSS 1460u

static struct sok_tcp tcp;
static struct sok_events events;

static struct sok_tcp_conn fresh(const struct sok_tcp_cc *cc, uint32_t segments, uint32_t ssthresh)
{
    sok_tcp_config_default(&tcp.config);
    events = (struct sok_events){0};
    tcp.env.events = &events;
    struct sok_tcp_conn c = {.tcp = &tcp, .path.mtu = 1500, .peer_mss = MSS};
    c.remote.addr = sok_addr_v4(0xc0000201);
    c.cwnd = segments * MSS;
    c.ssthresh = ssthresh;
    sok_tcp_cc_use(&c, cc);
    assert_int_equal(sok_tcp_send_mss(&c), MSS);
    return c;
}

static void acked(struct sok_tcp_conn *c, uint32_t bytes, int64_t rtt, int64_t now)
{
    struct sok_tcp_cc_ack a = {bytes, rtt, now};
    c->cc->acked(c, &a);
}

static double segments(const struct sok_tcp_conn *c)
{
    return (double)c->cwnd / MSS;
}

// ---- CUBIC ----

// RFC 9438 section 4, as it is written there.
struct cubic {
    double cwnd, w_max, prior, w_est, k, begun;
};

static void cubic_reduce(struct cubic *r, double flight)
{
    r->prior = r->cwnd;
    r->w_max = r->cwnd < r->w_max ? r->cwnd * (1 + 0.7) / 2 : r->cwnd;
    r->cwnd = flight * 0.7;
    r->begun = -1;
}

static void cubic_ack(struct cubic *r, double count, double rtt, double now)
{
    if (r->begun < 0) {
        r->begun = now;
        r->k = cbrt((r->w_max - r->cwnd) / 0.4);
        r->w_est = r->cwnd;
    }
    double t = now - r->begun;
    r->w_est += (r->w_est < r->prior ? 3 * (1 - 0.7) / (1 + 0.7) : 1) * count / r->cwnd;
    if (0.4 * pow(t - r->k, 3) + r->w_max < r->w_est) {
        r->cwnd = r->w_est > r->cwnd ? r->w_est : r->cwnd;
        return;
    }
    double target = 0.4 * pow(t + rtt - r->k, 3) + r->w_max;
    target = target < r->cwnd ? r->cwnd : target > 1.5 * r->cwnd ? 1.5 * r->cwnd : target;
    r->cwnd += (target - r->cwnd) / r->cwnd * count;
}

// A reduction from `top`, then acknowledgments of two segments each, evenly over each round trip, for a while.
static void follow(uint32_t top, int rtt_ms, int seconds)
{
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, top, 2 * MSS);
    struct cubic r = {.cwnd = top};
    c.srtt = rtt_ms * SOK_MS;
    c.ssthresh = c.cwnd = c.cc->ssthresh(&c, c.cwnd, 0);
    cubic_reduce(&r, top);
    assert_true(fabs(segments(&c) - r.cwnd) < 0.01);
    int64_t now = 0;
    while (now < seconds * SOK_S) {
        now += rtt_ms * SOK_MS * 2 * MSS / c.cwnd;
        acked(&c, 2 * MSS, c.srtt, now);
        cubic_ack(&r, 2, rtt_ms / 1e3, (double)now / 1e9);
        if (fabs(segments(&c) - r.cwnd) > 0.02 * r.cwnd + 0.2) {
            fail_msg("after %.3f s cwnd is %.2f segments, not %.2f", (double)now / 1e9,
                segments(&c), r.cwnd);
        }
    }
}

static void cubic_follows_its_curve(void **state)
{
    (void)state;
    follow(100, 100, 30);
    follow(1000, 200, 60);
    follow(20, 300, 120);
}

static void cubic_is_no_slower_than_reno(void **state)
{
    (void)state;
    follow(10, 5, 20);
    follow(50, 20, 20);
    follow(4, 40, 30);
}

static void cubic_converges_fast(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 100, 2 * MSS);
    const struct sok_tcp_cubic *s = &c.cc_state.cubic;
    c.cwnd = c.ssthresh = c.cc->ssthresh(&c, c.cwnd, 0);
    assert_int_equal(c.cwnd, 70 * MSS);
    assert_int_equal(s->w_max, 100 * MSS);
    c.cc->ssthresh(&c, c.cwnd, SOK_S); // below the last one: others need room (section 4.7)
    assert_int_equal(s->w_max, 70 * MSS * 17 / 20);
    c.cwnd = 2 * MSS;
    assert_int_equal(c.cc->ssthresh(&c, MSS, SOK_S), 2 * MSS); // never below two segments
}

static void cubic_after_a_timeout_begins_at_its_top(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 100, 2 * MSS);
    c.srtt = 100 * SOK_MS;
    c.retries = 1;
    c.ssthresh = c.cc->ssthresh(&c, c.cwnd, 0);
    c.retries = 0;
    c.cwnd = MSS;
    while (c.cwnd < c.ssthresh) {
        acked(&c, MSS, 0, SOK_S);
    }
    acked(&c, MSS, 0, SOK_S);
    assert_int_equal(c.cc_state.cubic.k_ms, 0); // section 4.8
    assert_true(c.cc_state.cubic.w_max <= c.ssthresh + MSS);
}

static void cubic_is_put_back(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 100, 2 * MSS);
    c.srtt = 100 * SOK_MS;
    c.cwnd = c.ssthresh = c.cc->ssthresh(&c, c.cwnd, 0);
    for (int i = 0; i < 100; i++) {
        acked(&c, MSS, 0, i * 10 * SOK_MS);
    }
    struct sok_tcp_cubic before = c.cc_state.cubic;
    uint32_t cwnd = c.cwnd;
    c.cwnd = c.cc->ssthresh(&c, c.cwnd, SOK_S);
    assert_int_not_equal(c.cc_state.cubic.w_max, before.w_max);
    c.cwnd = cwnd;
    c.cc->undo(&c); // section 4.9
    assert_int_equal(c.cc_state.cubic.w_max, before.w_max);
    assert_int_equal(c.cc_state.cubic.k_ms, before.k_ms);
    assert_true(c.cc_state.cubic.epoch == before.epoch && c.cc_state.cubic.running);
}

static void cubic_does_not_count_pauses(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 100, 2 * MSS), d;
    c.srtt = 100 * SOK_MS;
    c.cwnd = c.ssthresh = c.cc->ssthresh(&c, c.cwnd, 0);
    acked(&c, MSS, 0, SOK_S);
    d = c;
    acked(&d, MSS, 0, 2 * SOK_S);
    c.cc->paused(&c, SOK_S);
    acked(&c, MSS, 0, 61 * SOK_S);
    acked(&c, MSS, 0, 62 * SOK_S);
    acked(&d, MSS, 0, 2 * SOK_S);
    assert_true(c.cwnd < d.cwnd + MSS); // one second has counted, not a minute
}

// ---- Reno ----

static void newreno_adds_a_segment_each_round_trip(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_newreno, 10, 10 * MSS);
    for (int i = 0; i < 10; i++) {
        acked(&c, MSS, 0, 0);
    }
    assert_int_equal(c.cwnd, 11 * MSS);
    for (int i = 0; i < 10; i++) {
        acked(&c, MSS, 0, 0);
    }
    assert_int_equal(c.cwnd, 11 * MSS);
    acked(&c, MSS, 0, 0);
    assert_int_equal(c.cwnd, 12 * MSS);
    assert_int_equal(c.cc->ssthresh(&c, 12 * MSS, 0), 6 * MSS);
    assert_int_equal(c.cc->ssthresh(&c, 2 * MSS, 0), 2 * MSS);
}

// ---- slow start ----

// One round trip: `count` acknowledgments of one segment with this RTT; more is sent meanwhile.
static void round_of(struct sok_tcp_conn *c, int count, int64_t rtt)
{
    uint32_t end = c->snd_nxt;
    c->snd_nxt += c->cwnd * 2;
    for (int i = 0; i < count; i++) {
        c->snd_una = i + 1 == count ? end : c->snd_una;
        acked(c, MSS, rtt, 0);
    }
}

static void slow_start_doubles_and_stops_at_the_threshold(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_newreno, 10, UINT32_MAX);
    round_of(&c, 10, 50 * SOK_MS);
    assert_int_equal(c.cwnd, 20 * MSS);
    round_of(&c, 20, 50 * SOK_MS);
    assert_int_equal(c.cwnd, 40 * MSS);
    c.ssthresh = 45 * MSS;
    round_of(&c, 10, 50 * SOK_MS);
    assert_int_equal(c.cwnd, 45 * MSS); // and ten segments are not a window's worth
}

static void hystart_leaves_when_round_trips_grow(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 10, UINT32_MAX);
    round_of(&c, 10, 50 * SOK_MS);
    round_of(&c, 20, 50 * SOK_MS);
    assert_false(c.hystart.css);
    round_of(&c, 40, 56 * SOK_MS); // a sixth of 50 ms is less than the least threshold: 50 + 6.25
    assert_false(c.hystart.css);
    round_of(&c, 40, 64 * SOK_MS); // above 56 + 7
    assert_true(c.hystart.css);
    uint32_t before = c.cwnd;
    c.snd_nxt += c.cwnd;
    acked(&c, 4 * MSS, 64 * SOK_MS, 0);
    assert_int_equal(c.cwnd, before + MSS); // a quarter
    for (int i = 0; i < 3; i++) {
        round_of(&c, 20, 64 * SOK_MS);
    }
    assert_int_equal(c.ssthresh, UINT32_MAX); // four rounds, with the one in which it began
    round_of(&c, 20, 64 * SOK_MS);
    assert_int_not_equal(c.ssthresh, UINT32_MAX); // five: congestion avoidance
    assert_true(c.cwnd >= c.ssthresh);
}

static void hystart_comes_back_when_it_was_a_moment(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 10, UINT32_MAX);
    round_of(&c, 10, 50 * SOK_MS);
    round_of(&c, 20, 50 * SOK_MS);
    round_of(&c, 40, 90 * SOK_MS);
    assert_true(c.hystart.css);
    round_of(&c, 10, 50 * SOK_MS);
    round_of(&c, 10, 50 * SOK_MS);
    assert_false(c.hystart.css);
    assert_int_equal(c.ssthresh, UINT32_MAX);
}

static void hystart_needs_eight_samples(void **state)
{
    (void)state;
    struct sok_tcp_conn c = fresh(&sok_tcp_cc_cubic, 10, UINT32_MAX);
    round_of(&c, 10, 50 * SOK_MS);
    round_of(&c, 20, 50 * SOK_MS);
    round_of(&c, 7, 500 * SOK_MS);
    assert_false(c.hystart.css);
    c = fresh(&sok_tcp_cc_cubic, 10, UINT32_MAX);
    tcp.config.hystart = 0;
    round_of(&c, 10, 50 * SOK_MS);
    round_of(&c, 20, 50 * SOK_MS);
    round_of(&c, 40, 500 * SOK_MS);
    assert_false(c.hystart.css);
}

static void each_is_found_by_its_number(void **state)
{
    (void)state;
    struct sok_tcp_config config;
    sok_tcp_config_default(&config);
    for (int64_t i = 0; sok_tcp_cc_number(i); i++) {
        assert_null(sok_tcp_config_set(&config, "congestion", sok_tcp_cc_number(i)->name));
        assert_int_equal(config.congestion, i);
    }
    assert_null(sok_tcp_cc_number(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cubic_follows_its_curve),
        cmocka_unit_test(cubic_is_no_slower_than_reno),
        cmocka_unit_test(cubic_converges_fast),
        cmocka_unit_test(cubic_after_a_timeout_begins_at_its_top),
        cmocka_unit_test(cubic_is_put_back),
        cmocka_unit_test(cubic_does_not_count_pauses),
        cmocka_unit_test(newreno_adds_a_segment_each_round_trip),
        cmocka_unit_test(slow_start_doubles_and_stops_at_the_threshold),
        cmocka_unit_test(hystart_leaves_when_round_trips_grow),
        cmocka_unit_test(hystart_comes_back_when_it_was_a_moment),
        cmocka_unit_test(hystart_needs_eight_samples),
        cmocka_unit_test(each_is_found_by_its_number),
    };
    return cmocka_run_group_tests_name("tcp/cc", tests, NULL, NULL);
}
