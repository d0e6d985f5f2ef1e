// What a loss costs, and how a connection comes back from it: entering and leaving a recovery (RFC 5681
// section 3.2), the retransmission timeout (RFC 6298, RFC 5681 section 3.1).
#include "tcp/cc.h"

void sok_tcp_tell_cwnd(struct sok_tcp_conn *c, enum sok_reason why, int64_t now)
{
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_CWND, now, c->sock.id);
    if (ev) {
        ev->cwnd.cwnd = c->cwnd;
        ev->cwnd.ssthresh = c->ssthresh;
        ev->cwnd.why = (uint8_t)why;
    }
}

// Bytes that ACKs have made room for and that would be on their way, had each been answered before the next was
// looked at (prr.c). unsacked: what was on its way before the ACK that showed the loss.
static uint32_t owed(const struct sok_tcp_conn *c, uint32_t unsacked)
{
    if (c->held != SOK_HOLD_CWND || c->cwnd <= unsacked) {
        return 0; // something else stopped us
    }
    uint32_t room = c->cwnd - unsacked, unsent = sok_tcp_unsent(c), out = c->snd_nxt - c->snd_una;
    uint32_t window = c->snd_wnd > out ? c->snd_wnd - out : 0;
    room = room < unsent ? room : unsent;
    room = room < window ? room : window;
    return room - room % sok_tcp_send_mss(c);
}

// What was on its way of late, as far as cwnd allowed it. FlightSize alone (RFC 5681 section 2) is too small when
// many ACKs are taken in before the first of what they allow is sent.
static uint32_t flight_used(const struct sok_tcp_conn *c, uint32_t flight)
{
    uint32_t used = c->flight_max < c->cwnd ? c->flight_max : c->cwnd;
    return used > flight ? used : flight;
}

// The one place where the congestion window is reduced. Of a run of timeouts only the first reduces ssthresh
// (RFC 5681 section 3.1). During fast recovery prr.c spreads the reduction.
void sok_tcp_congestion(struct sok_tcp_conn *c, enum sok_reason why, uint32_t flight, int64_t now)
{
    uint32_t before = c->cwnd;
    bool timeout = why == SOK_REASON_RTO;
    if (!timeout || c->retries == 1) {
        sok_tcp_undo_remember(c, timeout || why == SOK_REASON_FAST_RETRANSMIT);
        c->ssthresh = c->cc->ssthresh(c, flight_used(c, flight), now);
    }
    c->cwnd = timeout ? sok_tcp_send_mss(c) : c->ssthresh;
    sok_tcp_ecn_reduced(c);
    if (!timeout || c->cwnd != before || c->recovery != SOK_RECOVERY_RTO) {
        sok_tcp_tell_cwnd(c, why, now);
    }
}

// flight: FlightSize (RFC 5681 section 2); unsacked: without what was sacked before.
void sok_tcp_enter_recovery(struct sok_tcp_conn *c, uint32_t flight, uint32_t unsacked, int64_t now)
{
    uint32_t more = owed(c, unsacked), cwnd = c->cwnd;
    if (c->recovery != SOK_RECOVERY_CWR) { // else this window has paid already (RFC 3168 6.1.2)
        // Limited transmit earns nothing (RFC 5681 3.2 step 2).
        uint32_t whole = flight + more < cwnd ? flight + more : cwnd;
        sok_tcp_congestion(c, SOK_REASON_FAST_RETRANSMIT, whole > flight ? whole : flight, now);
    }
    c->recovery = SOK_RECOVERY_FAST;
    c->recover = c->snd_nxt;
    c->send_one = true;
    c->tlp_out = c->tlp_due = false; // RFC 8985 7.1
    c->fast_retransmits++;
    sok_tcp_prr_begin(c, unsacked, more);
}

// The path says that it is congested, and nothing is lost: once for a window of data.
void sok_tcp_enter_cwr(struct sok_tcp_conn *c, enum sok_reason why, int64_t now)
{
    if (c->recovery == SOK_RECOVERY_NONE) {
        sok_tcp_congestion(c, why, c->snd_nxt - c->snd_una, now);
        c->recovery = SOK_RECOVERY_CWR;
        c->recover = c->snd_nxt;
    }
}

void sok_tcp_leave_recovery(struct sok_tcp_conn *c, int64_t now)
{
    uint8_t from = c->recovery;
    c->recovery = SOK_RECOVERY_NONE;
    c->send_one = false;
    c->frto = SOK_FRTO_OFF;
    c->dup_acks = 0;
    if (from == SOK_RECOVERY_FAST) {
        c->cwnd = c->ssthresh;
        sok_tcp_tell_cwnd(c, SOK_REASON_RECOVERED, now);
    }
    if (from == SOK_RECOVERY_FAST || from == SOK_RECOVERY_RTO) {
        sok_tcp_rack_recovered(c);
    }
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
static bool forget_sacks_if_reneged(struct sok_tcp_conn *c)
{
    if (c->sent.count == 0 || !(sok_tcp_sent_at(&c->sent, 0)->flags & SOK_SENT_SACKED)) {
        return false;
    }
    for (uint32_t i = c->sent.count; i-- > 0;) {
        sok_tcp_sent_unmark(&c->sent, sok_tcp_sent_at(&c->sent, i), SOK_SENT_SACKED);
    }
    return true;
}

static void mark_losses(struct sok_tcp_conn *c, int64_t now)
{
    bool all = forget_sacks_if_reneged(c) || !c->sack_ok;
    for (uint32_t i = 0; i < c->sent.count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        bool on_its_way = !(r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST));
        if (on_its_way && (all || i == 0 || sok_tcp_rack_late(c, r, now))) {
            sok_tcp_mark_lost(c, r, SOK_REASON_RTO, now);
        }
        r->why = SOK_REASON_RTO;
    }
}

void sok_tcp_recovery_on_timeout(struct sok_tcp_conn *c, int64_t now)
{
    sok_tcp_frto_on_timeout(c);
    sok_tcp_congestion(c, SOK_REASON_RTO, c->snd_nxt - c->snd_una, now);
    c->recovery = SOK_RECOVERY_RTO;
    c->recover = c->snd_nxt;
    c->dup_acks = 0;
    c->send_one = true;
    c->tlp_out = c->tlp_due = false; // RFC 8985 7.1
    mark_losses(c, now);
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_PROBE);
}
