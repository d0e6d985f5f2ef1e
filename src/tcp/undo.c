// Taking back a reduction of cwnd that was for nothing. Two witnesses: the peer's timestamp echo, when the
// first ACK after a retransmission answers an earlier copy (Eifel, RFC 3522, with the response of RFC 4015),
// and D-SACK, when all that was repeated had arrived (RFC 3708). A third is in frto.c.
#include "tcp/cc.h"

// Before cwnd is reduced. Not for a signal that says what it means (ECN).
void sok_tcp_undo_remember(struct sok_tcp_conn *c, bool possible)
{
    c->undo = (struct sok_tcp_undo){
        .possible = possible && c->tcp->config.undo,
        .una = c->snd_una,
        .cwnd = c->cwnd,
        .ssthresh = c->ssthresh,
    };
}

void sok_tcp_undo_repeated(struct sok_tcp_conn *c, uint32_t bytes, int64_t now)
{
    struct sok_tcp_undo *u = &c->undo;
    if (u->possible && u->again == 0) {
        u->stamped = c->ts_ok;
        u->again_ts = sok_tcp_ts_now(c, now);
    }
    u->again += u->possible ? bytes : 0;
}

// What was marked and not repeated yet is on its way after all, unless it was too large for it.
static void forget_losses(struct sok_tcp_conn *c)
{
    for (uint32_t i = c->sent.count; c->sent.lost > 0 && i-- > 0;) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(&c->sent, i);
        if (r->why != SOK_REASON_PATH_MTU) {
            sok_tcp_sent_unmark(&c->sent, r, SOK_SENT_LOST);
        }
    }
}

void sok_tcp_undo(struct sok_tcp_conn *c, enum sok_reason why, int64_t now)
{
    forget_losses(c);
    c->cwnd = c->undo.cwnd > c->cwnd ? c->undo.cwnd : c->cwnd;
    c->ssthresh = c->undo.ssthresh > c->ssthresh ? c->undo.ssthresh : c->ssthresh;
    c->cc->undo(c);
    c->undo.possible = c->undo.stamped = false;
    c->recovery = c->sent.lost > 0 ? SOK_RECOVERY_MTU : SOK_RECOVERY_NONE;
    c->recover = c->sent.lost > 0 ? c->snd_nxt : c->snd_una;
    c->frto = SOK_FRTO_OFF;
    c->send_one = false;
    c->dup_acks = 0;
    c->undone++;
    sok_tcp_tell_cwnd(c, why, now);
}

// RFC 3522 3.2: an echo from before the retransmission is an answer to an earlier copy (steps 3 and 4). Step
// 5: an ACK of all there is may stand for many that were lost, unless the peer would have told of duplicates.
static void eifel(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, int64_t now)
{
    bool first = c->undo.stamped && d->acked > 0;
    c->undo.stamped = c->undo.stamped && !first;
    if (!first || !d->has_ts || d->tsecr == 0 || !sok_seq_lt(d->tsecr, c->undo.again_ts)) {
        return;
    }
    if (d->dsack || (c->bytes_spurious == 0 && c->snd_una == c->snd_nxt)) {
        return;
    }
    if (c->recovery == SOK_RECOVERY_RTO) {
        sok_tcp_rtt_was_longer(c, (sok_tcp_ts_now(c, now) - d->tsecr) * SOK_MS);
    } else {
        c->rack_reordering = true; // it was only overtaken
    }
    sok_tcp_undo(c, SOK_REASON_UNDO_EIFEL, now);
}

void sok_tcp_undo_on_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, int64_t now)
{
    struct sok_tcp_undo *u = &c->undo;
    if (!u->possible) {
        return;
    }
    if (c->snd_una - u->una > INT32_MAX / 2) { // so long ago that numbers do not compare
        u->possible = u->stamped = false;
        return;
    }
    if (d->dsack && sok_seq_ge(d->dsack_start, u->una) && u->again > 0) {
        uint32_t len = d->dsack_end - d->dsack_start;
        u->again -= len < u->again ? len : u->again;
        if (u->again == 0) {
            sok_tcp_undo(c, SOK_REASON_UNDO_DSACK, now);
            return;
        }
    }
    eifel(c, d, now);
}
