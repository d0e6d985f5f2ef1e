// What is lost, and what follows: RACK (RFC 8985) where the peer sends SACK, duplicate ACKs (RFC 5681
// section 3.2, RFC 6582) where it does not; the retransmission timeout (RFC 6298, RFC 5681 section 3.1).
// Lost records are marked on the scoreboard; output.c sends them again as cwnd allows.
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

void sok_tcp_mark_lost(
    struct sok_tcp_conn *c, struct sok_tcp_sent *r, enum sok_reason why, int64_t now)
{
    sok_tcp_sent_mark(&c->sent, r, SOK_SENT_LOST);
    r->why = (uint8_t)why;
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_LOSS, now, c->sock.id);
    if (ev) {
        ev->loss.seq = r->start - c->iss;
        ev->loss.len = r->end - r->start;
        ev->loss.by = (uint8_t)why;
    }
}

static enum sok_reason why_lost(const struct sok_tcp_conn *c)
{
    return c->recovery == SOK_RECOVERY_NONE ? SOK_REASON_FAST_RETRANSMIT : SOK_REASON_RECOVERY;
}

// ---- RACK: RFC 8985 section 6.2 ----

// Was a sent after b? Equal times are told apart by sequence number.
static bool sent_after(int64_t a_at, uint32_t a_end, int64_t b_at, uint32_t b_end)
{
    return a_at > b_at || (a_at == b_at && sok_seq_gt(a_end, b_end));
}

// Steps 1 to 3, for one record that has just been acknowledged or sacked. fack is the highest one delivered
// by earlier ACKs: what comes below it, sent once, was overtaken on the way.
void sok_tcp_delivered(
    struct sok_tcp_conn *c, const struct sok_tcp_sent *r, uint32_t fack, int64_t now)
{
    int64_t rtt = now - r->at;
    if (sok_seq_gt(r->end, c->rack_fack)) {
        c->rack_fack = r->end;
    }
    if (sok_seq_le(r->end, fack) && !(r->flags & SOK_SENT_AGAIN)) {
        c->rack_reordering = true;
    }
    if ((r->flags & SOK_SENT_AGAIN) && rtt < c->min_rtt) {
        return; // too soon: this acknowledges an earlier copy
    }
    if (sent_after(r->at, r->end, c->rack_at, c->rack_end)) {
        c->rack_at = r->at;
        c->rack_end = r->end;
        c->rack_rtt = rtt;
    }
}

// Step 4: how long a segment may be late without being lost.
static int64_t reordering_window(const struct sok_tcp_conn *c)
{
    uint32_t enough = (uint32_t)c->tcp->config.dup_threshold * sok_tcp_send_mss(c);
    if (!c->rack_reordering && (c->recovery != SOK_RECOVERY_NONE || c->sent.sacked >= enough)) {
        return 0;
    }
    if (c->min_rtt == SOK_TIME_NEVER) {
        return 0;
    }
    return c->min_rtt / 4 < c->srtt ? c->min_rtt / 4 : c->srtt;
}

// Step 5: whatever was sent before the newest delivered segment, and long enough ago, is lost.
static void rack_detect(struct sok_tcp_conn *c, int64_t now)
{
    int64_t window = reordering_window(c), wait_most = 0;
    enum sok_reason why = why_lost(c);
    for (uint32_t i = 0; i < c->sent.count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        // Sent again at the very time the newest delivered one was sent: which went first is not known, and
        // over a way that takes no time (to ourselves) it would be lost and sent again without end.
        bool tie = (r->flags & SOK_SENT_AGAIN) && r->at == c->rack_at;
        if (r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST) || tie ||
            !sent_after(c->rack_at, c->rack_end, r->at, r->end)) {
            continue;
        }
        int64_t wait = r->at + c->rack_rtt + window - now;
        if (wait <= 0) {
            sok_tcp_mark_lost(c, r, why, now);
        } else if (wait > wait_most) {
            wait_most = wait;
        }
    }
    if (wait_most > 0) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_REORDER, now + wait_most);
    } else {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
    }
}

// ---- without SACK: RFC 6582 section 3.2 ----

// The first segment not acknowledged, no longer than one.
static void head_lost(struct sok_tcp_conn *c, int64_t now)
{
    if (c->sent.count == 0) {
        return;
    }
    struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, 0);
    uint32_t mss = sok_tcp_send_mss(c);
    if (r->end - r->start > mss &&
        sok_tcp_sent_split(&c->sent, c->tcp->env.mem, 0, r->start + mss)) {
        r = sok_tcp_sent_at(&c->sent, 0);
    }
    if (!(r->flags & SOK_SENT_LOST)) {
        sok_tcp_mark_lost(c, r, why_lost(c), now);
    }
}

static void newreno(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate, int64_t now)
{
    if (d->acked) { // what a partial ACK covers has left the network and is no longer counted
        uint32_t segments = d->acked / sok_tcp_send_mss(c);
        bool partial = c->recovery == SOK_RECOVERY_FAST && sok_seq_lt(c->snd_una, c->recover);
        c->dup_acks = partial && c->dup_acks > segments ? c->dup_acks - segments : 0;
        if (partial) {
            head_lost(c, now);
        }
        return;
    }
    if (!duplicate) {
        return;
    }
    c->dup_acks++;
    if (c->dup_acks >= c->tcp->config.dup_threshold && c->recovery == SOK_RECOVERY_NONE &&
        sok_seq_ge(c->snd_una, c->recover)) { // not for segments of an earlier recovery
        head_lost(c, now);
    }
}

// ---- recovery ----

static void enter_recovery(struct sok_tcp_conn *c, uint32_t flight, int64_t now)
{
    c->recovery = SOK_RECOVERY_FAST;
    c->recover = c->snd_nxt;
    c->ssthresh = c->cc->ssthresh(c, flight, now);
    c->cwnd = c->ssthresh;
    c->send_one = true;
    c->fast_retransmits++;
    tell_cwnd(c, SOK_REASON_FAST_RETRANSMIT, now);
}

static void leave_recovery(struct sok_tcp_conn *c, int64_t now)
{
    if (c->recovery == SOK_RECOVERY_FAST) {
        c->cwnd = c->ssthresh;
        tell_cwnd(c, SOK_REASON_NONE, now);
    }
    c->recovery = SOK_RECOVERY_NONE;
    c->send_one = false;
    c->dup_acks = 0;
}

// Growth is earned only by a window that was used (RFC 7661's concern, by Linux's rule).
static bool window_was_used(const struct sok_tcp_conn *c)
{
    if (c->cwnd < c->ssthresh) {
        return c->cwnd < 2 * c->flight_max;
    }
    return c->cwnd_limited;
}

void sok_tcp_loss_on_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, uint32_t flight,
    bool duplicate, int64_t now)
{
    bool after_timeout = c->recovery == SOK_RECOVERY_RTO;
    if (!c->sack_ok) {
        newreno(c, d, duplicate, now);
    } else if (c->sent.sacked > 0 || c->recovery != SOK_RECOVERY_NONE) {
        rack_detect(c, now);
    } else {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
    }
    if (c->recovery != SOK_RECOVERY_NONE && sok_seq_ge(c->snd_una, c->recover)) {
        leave_recovery(c, now);
    }
    if (c->recovery == SOK_RECOVERY_NONE && c->sent.lost > 0) {
        enter_recovery(c, flight, now);
    }
    if (c->recovery == SOK_RECOVERY_NONE && sok_seq_lt(c->recover, c->snd_una)) {
        c->recover = c->snd_una; // an old mark would seem ahead after 2 GB
    }
    if (d->acked && c->recovery != SOK_RECOVERY_FAST && window_was_used(c)) {
        // After a timeout an ACK may cover what arrived long ago: one segment each (RFC 3465 2.3).
        uint32_t mss = sok_tcp_send_mss(c);
        bool cautious = after_timeout && d->acked > mss;
        c->cc->acked(c, cautious ? mss : d->acked, now);
    }
}

void sok_tcp_loss_on_reorder_timer(struct sok_tcp_conn *c, int64_t now)
{
    rack_detect(c, now);
    if (c->recovery == SOK_RECOVERY_NONE && c->sent.lost > 0) {
        enter_recovery(c, c->snd_nxt - c->snd_una, now);
    }
    sok_tcp_want_output(c);
}

// A window that had shrunk over what is on its way opens again: the peer threw that away, and what has
// been waited for until now says nothing about the path. Not before a timeout: one comes soon enough then,
// and a window that comes and goes must not put it off.
void sok_tcp_loss_on_window_open(struct sok_tcp_conn *c, int64_t now)
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

void sok_tcp_loss_on_timeout(struct sok_tcp_conn *c, int64_t now)
{
    if (c->retries == 1) { // once for a run of timeouts (RFC 5681 section 3.1)
        c->ssthresh = c->cc->ssthresh(c, c->snd_nxt - c->snd_una, now);
    }
    forget_sacks_if_reneged(c);
    for (uint32_t i = 0; i < c->sent.count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        if (!(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST))) {
            sok_tcp_mark_lost(c, r, SOK_REASON_RTO, now);
        }
        r->why = SOK_REASON_RTO;
    }
    bool first = c->recovery != SOK_RECOVERY_RTO || c->cwnd != sok_tcp_send_mss(c);
    c->cwnd = sok_tcp_send_mss(c);
    c->recovery = SOK_RECOVERY_RTO;
    c->recover = c->snd_nxt;
    c->dup_acks = 0;
    c->send_one = true;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
    if (first) {
        tell_cwnd(c, SOK_REASON_RTO, now);
    }
}
