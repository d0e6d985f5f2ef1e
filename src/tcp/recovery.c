// What a loss costs, and how a connection comes back from it: entering and leaving a recovery (RFC 5681
// section 3.2), the retransmission timeout (RFC 6298, RFC 5681 section 3.1).
#include "tcp/cc.h"

static void tell_cwnd(struct sok_tcp_conn *c, enum sok_reason why, int64_t now)
{
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_CWND, now, c->sock.id);
    if (ev) {
        ev->cwnd.cwnd = c->cwnd;
        ev->cwnd.ssthresh = c->ssthresh;
        ev->cwnd.why = (uint8_t)why;
    }
}

// The one place where the congestion window is reduced. A timeout of a run of timeouts but the first leaves
// ssthresh as it is (RFC 5681 section 3.1).
void sok_tcp_congestion(struct sok_tcp_conn *c, enum sok_reason why, uint32_t flight, int64_t now)
{
    uint32_t before = c->cwnd;
    if (why != SOK_REASON_RTO || c->retries == 1) {
        c->ssthresh = c->cc->ssthresh(c, flight, now);
    }
    c->cwnd = why == SOK_REASON_RTO ? sok_tcp_send_mss(c) : c->ssthresh;
    if (why != SOK_REASON_RTO || c->cwnd != before || c->recovery != SOK_RECOVERY_RTO) {
        tell_cwnd(c, why, now);
    }
}

void sok_tcp_enter_recovery(struct sok_tcp_conn *c, uint32_t flight, int64_t now)
{
    c->recovery = SOK_RECOVERY_FAST;
    c->recover = c->snd_nxt;
    sok_tcp_congestion(c, SOK_REASON_FAST_RETRANSMIT, flight, now);
    c->send_one = true;
    c->fast_retransmits++;
}

void sok_tcp_leave_recovery(struct sok_tcp_conn *c, int64_t now)
{
    if (c->recovery == SOK_RECOVERY_FAST) {
        c->cwnd = c->ssthresh;
        tell_cwnd(c, SOK_REASON_NONE, now);
    }
    c->recovery = SOK_RECOVERY_NONE;
    c->send_one = false;
    c->dup_acks = 0;
}

// A window that had shrunk over what is on its way opens again: the peer threw that away, and what has
// been waited for until now says nothing about the path. Not before a timeout: one comes soon enough then,
// and a window that comes and goes must not put it off.
void sok_tcp_recovery_on_window_open(struct sok_tcp_conn *c, int64_t now)
{
    if (c->backoff == 0) {
        return;
    }
    c->backoff = 0;
    if (c->sent.count > 0) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, 0);
        if (!(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST))) {
            sok_tcp_mark_lost(c, r, SOK_REASON_RTO, now);
        }
        c->send_one = true;
    }
    sok_tcp_retransmit_arm(c, now);
    sok_tcp_want_output(c);
}

// A peer that forgot what it had sacked (RFC 2018 section 8) shows by not acknowledging the first record.
static void forget_sacks_if_reneged(struct sok_tcp_conn *c)
{
    if (c->sent.count == 0 || !(sok_tcp_sent_at(&c->sent, 0)->flags & SOK_SENT_SACKED)) {
        return;
    }
    for (uint32_t i = 0; i < c->sent.count; i++) {
        sok_tcp_sent_unmark(&c->sent, sok_tcp_sent_at(&c->sent, i), SOK_SENT_SACKED);
    }
}

void sok_tcp_recovery_on_timeout(struct sok_tcp_conn *c, int64_t now)
{
    forget_sacks_if_reneged(c);
    for (uint32_t i = 0; i < c->sent.count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        if (!(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST))) {
            sok_tcp_mark_lost(c, r, SOK_REASON_RTO, now);
        }
        r->why = SOK_REASON_RTO;
    }
    sok_tcp_congestion(c, SOK_REASON_RTO, c->snd_nxt - c->snd_una, now);
    c->recovery = SOK_RECOVERY_RTO;
    c->recover = c->snd_nxt;
    c->dup_acks = 0;
    c->send_one = true;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
}
