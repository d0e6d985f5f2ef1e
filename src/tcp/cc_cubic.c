// CUBIC (RFC 9438). After a reduction the window returns to where it was by a cubic curve of time, waits there,
// and then looks for more; where that would be slower than Reno, Reno's estimate is taken.
//
// Windows are bytes, times ns or, in the cubic, ms. The curve is at most 1,000 s long on either side of K, so that
// its cube fits: 10^6 ms cubed is 10^18, less than 2^63.
#include "tcp/cc.h"

#define BETA_NUM 7 // beta_cubic = 0.7
#define BETA_DEN 10
#define SPAN_MS  INT64_C(1000000)

// The cube root, rounded down, by halving: 21 bits of answer for 63 of question.
static uint32_t cube_root(uint64_t x)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 20; bit; bit >>= 1) {
        uint64_t next = root | bit;
        if (next * next * next <= x) {
            root = next;
        }
    }
    return (uint32_t)root;
}

// K, in ms (figure 2): K^3 = (W_max - cwnd_epoch) / C, C = 0.4 segments per s^3. 2^30 * 2.5 * 10^9 < 2^63.
static uint32_t time_to_return(uint32_t below, uint32_t mss)
{
    uint64_t bytes = below < 1u << 30 ? below : 1u << 30;
    return cube_root(bytes * UINT64_C(2500000000) / mss);
}

// W_cubic(t) (figure 1). |d| <= 10^6: d^3 / 10^6 <= 10^12, times 4 * 65535 < 2^59.
static int64_t curve(const struct sok_tcp_cubic *s, int64_t t_ms, uint32_t mss)
{
    int64_t d = t_ms - s->k_ms;
    d = d > SPAN_MS ? SPAN_MS : d < -SPAN_MS ? -SPAN_MS : d;
    return (int64_t)s->w_max + d * d * d / 1000000 * (4 * (int64_t)mss) / 10000;
}

// The beginning of congestion avoidance: section 4.2, after a timeout 4.8, after slow start without loss 4.10.
static void begin(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    s->running = true;
    s->epoch = now;
    s->w_est = c->cwnd;
    s->est_rest = 0;
    if (s->after_timeout || s->w_max <= c->cwnd) {
        s->w_max = c->cwnd;
        s->k_ms = 0;
    } else {
        s->k_ms = time_to_return(s->w_max - c->cwnd, sok_tcp_send_mss(c));
    }
    s->after_timeout = false;
}

// Section 4.3: W_est grows by alpha segments for each window acknowledged, alpha = 3 (1 - beta) / (1 + beta) = 9/17
// until it is where cwnd was before the reduction, then 1.
static void grow_estimate(struct sok_tcp_conn *c, uint32_t bytes, uint32_t mss)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    uint64_t num = s->w_est < s->cwnd_prior ? 9 : 17;
    uint64_t grown = s->est_rest + num * bytes * mss; // in 17ths of a byte, times cwnd
    uint64_t whole = 17 * (uint64_t)c->cwnd;
    s->w_est += (uint32_t)(grown / whole);
    s->est_rest = grown % whole;
}

static void acked(struct sok_tcp_conn *c, const struct sok_tcp_cc_ack *a)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    uint32_t mss = sok_tcp_send_mss(c);
    s->running = s->running && c->cwnd >= c->ssthresh; // slow start ends a stay
    uint32_t bytes = sok_tcp_slow_start(c, a);
    if (bytes == 0) {
        return;
    }
    if (!s->running) {
        begin(c, a->now);
    }
    if (s->paused_at) { // section 5.8: what the application did not use does not count
        s->epoch += a->now - s->paused_at;
        s->paused_at = 0;
    }
    int64_t t = (a->now - s->epoch) / SOK_MS, rtt = c->srtt / SOK_MS;
    grow_estimate(c, bytes, mss);
    if (curve(s, t, mss) < (int64_t)s->w_est) { // section 4.3: the Reno-friendly region
        c->cwnd = c->cwnd > s->w_est ? c->cwnd : s->w_est;
        return;
    }
    int64_t target = curve(s, t + rtt, mss),
            most = (int64_t)c->cwnd + c->cwnd / 2; // sections 4.4, 4.5
    target = target > most ? most : target;
    if (target > (int64_t)c->cwnd) {
        uint64_t grown = s->rest + (uint64_t)(target - (int64_t)c->cwnd) * bytes;
        s->rest = grown % c->cwnd;
        c->cwnd += (uint32_t)(grown / c->cwnd);
    }
}

// Sections 4.6 and 4.7 (fast convergence).
static uint32_t ssthresh(struct sok_tcp_conn *c, uint32_t flight, int64_t now)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    uint32_t least = 2u * sok_tcp_send_mss(c);
    uint32_t reduced = (uint32_t)((uint64_t)flight * BETA_NUM / BETA_DEN);
    (void)now;
    s->before = (struct sok_tcp_cubic_epoch){
        s->epoch, s->w_max, s->cwnd_prior, s->w_est, s->k_ms, s->running};
    s->w_max = c->cwnd < s->w_max
                   ? (uint32_t)((uint64_t)c->cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN))
                   : c->cwnd;
    s->cwnd_prior = c->cwnd;
    s->running = false;
    s->after_timeout = c->retries > 0;
    s->rest = 0;
    return reduced > least ? reduced : least;
}

// Section 4.9.
static void undo(struct sok_tcp_conn *c)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    s->epoch = s->before.epoch;
    s->w_max = s->before.w_max;
    s->cwnd_prior = s->before.cwnd_prior;
    s->w_est = s->before.w_est;
    s->k_ms = s->before.k_ms;
    s->running = s->before.running;
    s->after_timeout = false;
}

static void paused(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp_cubic *s = &c->cc_state.cubic;
    if (s->running && s->paused_at == 0) {
        s->paused_at = now;
    }
}

const struct sok_tcp_cc sok_tcp_cc_cubic = {"cubic", acked, ssthresh, undo, paused};
