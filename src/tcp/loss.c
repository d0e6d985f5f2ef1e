// What is lost: RACK (rack.c) where the peer sends SACK, duplicate ACKs (dupack.c) where it does not. Lost
// records are marked on the scoreboard; output.c sends them again as cwnd allows; what it costs is decided
// in recovery.c.
#include "tcp/cc.h"

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

enum sok_reason sok_tcp_why_lost(const struct sok_tcp_conn *c)
{
    bool first = c->recovery == SOK_RECOVERY_NONE || c->recovery == SOK_RECOVERY_CWR;
    return first ? SOK_REASON_FAST_RETRANSMIT : SOK_REASON_RECOVERY;
}

// Growth is earned only by a window that was used (RFC 7661's concern, by Linux's rule).
static bool window_was_used(const struct sok_tcp_conn *c)
{
    if (c->cwnd < c->ssthresh) {
        return c->cwnd < 2 * c->flight_max;
    }
    return c->cwnd_limited;
}

// A loss is being dealt with: another one found now costs nothing more.
static bool recovering(const struct sok_tcp_conn *c)
{
    return c->recovery != SOK_RECOVERY_NONE && c->recovery != SOK_RECOVERY_CWR;
}

void sok_tcp_loss_on_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, uint32_t flight,
    bool duplicate, int64_t now)
{
    bool after_timeout = c->recovery == SOK_RECOVERY_RTO;
    bool was_fast = c->recovery == SOK_RECOVERY_FAST;
    uint32_t undone = c->undone;
    sok_tcp_rack_adapt(c, d->dsack && !(c->tlp_out && d->dsack_end == c->tlp_end));
    sok_tcp_undo_on_ack(c, d, now);
    sok_tcp_frto_on_ack(c, d, duplicate, now);
    uint32_t lost = c->sent.lost;
    if (!c->sack_ok) {
        sok_tcp_dupack(c, d, duplicate, now);
    } else if (c->sent.sacked > 0 || c->recovery != SOK_RECOVERY_NONE) {
        sok_tcp_rack_detect(c, now);
    } else {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_REORDER);
    }
    if (c->recovery != SOK_RECOVERY_NONE && sok_seq_ge(c->snd_una, c->recover)) {
        sok_tcp_leave_recovery(c, now);
    }
    bool found = c->sent.lost > lost;
    if (!recovering(c) && c->sent.lost > 0) {
        sok_tcp_enter_recovery(c, flight, flight - d->sacked_before, now);
    }
    if (c->recovery == SOK_RECOVERY_FAST && c->sack_ok && d->delivered > 0) {
        sok_tcp_prr_on_ack(c, d->delivered, d->acked > 0 && !found);
    }
    if (c->recovery == SOK_RECOVERY_NONE && sok_seq_lt(c->recover, c->snd_una)) {
        c->recover = c->snd_una; // an old mark would seem ahead after 2 GB
    }
    if (d->acked && undone == c->undone && c->recovery != SOK_RECOVERY_FAST &&
        c->recovery != SOK_RECOVERY_CWR && window_was_used(c)) {
        // After a timeout an ACK may cover what arrived long ago: one segment each (RFC 3465 2.3). The one that
        // ends a fast recovery counts for what it delivers, as in Linux: the rest was sacked before.
        uint32_t mss = sok_tcp_send_mss(c), bytes = was_fast ? d->delivered : d->acked;
        bool cautious = after_timeout && bytes > mss;
        struct sok_tcp_cc_ack a = {cautious ? mss : bytes, d->sample, now};
        c->cc->acked(c, &a);
    } else if (d->acked && c->recovery == SOK_RECOVERY_NONE) {
        c->cc->paused(c, now);
    }
}

void sok_tcp_loss_on_reorder_timer(struct sok_tcp_conn *c, int64_t now)
{
    sok_tcp_rack_detect(c, now);
    if (!recovering(c) && c->sent.lost > 0) {
        uint32_t flight = c->snd_nxt - c->snd_una;
        sok_tcp_enter_recovery(c, flight, flight - c->sent.sacked, now);
        sok_tcp_prr_on_ack(c, 0, false);
    }
    sok_tcp_want_output(c);
}
