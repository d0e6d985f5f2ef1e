// Slow start (RFC 5681 section 3.1), left before it overshoots when round trips grow longer: HyStart++ (RFC
// 9406). The numbers in brackets are its section 4.2's and 4.3's names.
//
// One thing is Linux's way: an ACK for many segments counts in full, where the RFC would count eight (L). Behind
// a receiver that takes in super-frames every ACK is such a one, and the bursts that L prevents are here anyway.
#include "tcp/cc.h"

#define SAMPLES        8             // N_RTT_SAMPLE
#define THRESH_LEAST   (4 * SOK_MS)  // MIN_RTT_THRESH
#define THRESH_MOST    (16 * SOK_MS) // MAX_RTT_THRESH
#define THRESH_DIVISOR 8             // MIN_RTT_DIVISOR
#define CSS_DIVISOR    4             // CSS_GROWTH_DIVISOR
#define CSS_ROUNDS     5             // the one in which it begins is counted

static void new_round(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp_hystart *h = &c->hystart;
    h->last_min = h->current_min;
    h->current_min = SOK_TIME_NEVER;
    h->samples = 0;
    h->round_end = c->snd_nxt; // windowEnd
    h->running = true;
    if (h->css && ++h->css_rounds >= CSS_ROUNDS) { // the delay is there to stay
        c->ssthresh = c->cwnd;
        h->css = false;
        sok_tcp_tell_cwnd(c, SOK_REASON_HYSTART, now);
    }
}

static void take_sample(struct sok_tcp_hystart *h, int64_t rtt)
{
    if (rtt > 0) {
        h->current_min = rtt < h->current_min ? rtt : h->current_min;
        h->samples = (uint8_t)(h->samples + (h->samples < SAMPLES));
    }
}

static bool is_longer(const struct sok_tcp_hystart *h)
{
    int64_t thresh = h->last_min / THRESH_DIVISOR;
    thresh = thresh < THRESH_LEAST ? THRESH_LEAST : thresh > THRESH_MOST ? THRESH_MOST : thresh;
    return h->current_min >= h->last_min + thresh;
}

static void look(struct sok_tcp_hystart *h)
{
    bool known = h->samples >= SAMPLES && h->current_min != SOK_TIME_NEVER;
    if (!known) {
        return;
    }
    if (h->css && h->current_min < h->css_baseline) { // it was only a moment: slow start again
        h->css = false;
    } else if (!h->css && h->last_min != SOK_TIME_NEVER && is_longer(h)) {
        h->css = true; // conservative slow start
        h->css_baseline = h->current_min;
        h->css_rounds = 0;
    }
}

uint32_t sok_tcp_slow_start(struct sok_tcp_conn *c, const struct sok_tcp_cc_ack *a)
{
    struct sok_tcp_hystart *h = &c->hystart;
    if (c->cwnd >= c->ssthresh) {
        h->running = false;
        return a->bytes;
    }
    // Only the first slow start looks for its end; later ones have a threshold (RFC 9406 section 4.3).
    if (c->ssthresh == UINT32_MAX && c->tcp->config.hystart) {
        if (!h->running) {
            *h = (struct sok_tcp_hystart){.current_min = SOK_TIME_NEVER};
            new_round(c, a->now);
        }
        take_sample(h, a->rtt); // of the round that this ACK may end
        look(h);
        if (sok_seq_ge(c->snd_una, h->round_end)) {
            new_round(c, a->now);
        }
    }
    uint32_t bytes = h->css ? a->bytes / CSS_DIVISOR : a->bytes;
    uint32_t room = c->cwnd < c->ssthresh ? c->ssthresh - c->cwnd : 0;
    uint32_t grow = room < bytes ? room : bytes;
    c->cwnd += grow;
    return bytes - grow;
}
