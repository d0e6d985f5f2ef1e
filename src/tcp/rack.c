// RACK (RFC 8985 section 6): with SACK, time decides what is lost. A segment is lost when one that was sent
// later has arrived, and long enough has passed for mere reordering.
#include "tcp/internal.h"

// Was a sent after b? Equal times are told apart by sequence number.
static bool sent_after(int64_t a_at, uint32_t a_end, int64_t b_at, uint32_t b_end)
{
    return a_at > b_at || (a_at == b_at && sok_seq_gt(a_end, b_end));
}

// Steps 1 to 3, for one record that has just been acknowledged or sacked. d->fack is the highest one
// delivered by earlier ACKs: what comes below it, sent once, was overtaken on the way.
void sok_tcp_rack_delivered(struct sok_tcp_conn *c, const struct sok_tcp_sent *r,
    const struct sok_tcp_delivery *d, int64_t now)
{
    int64_t rtt = now - r->at;
    bool again = r->flags & SOK_SENT_AGAIN;
    if (sok_seq_gt(r->end, c->rack_fack)) {
        c->rack_fack = r->end;
    }
    if (sok_seq_le(r->end, d->fack) && !again) {
        c->rack_reordering = true;
    }
    bool older = d->has_ts && d->tsecr != 0 && sok_seq_lt(d->tsecr, sok_tcp_ts_now(c, r->at));
    if (again && (older || rtt < c->min_rtt)) {
        return; // this acknowledges an earlier copy
    }
    if (sent_after(r->at, r->end, c->rack_at, c->rack_end)) {
        c->rack_at = r->at;
        c->rack_end = r->end;
        c->rack_rtt = rtt;
    }
}

// Step 4: each round trip in which the peer reports duplicates makes the window a quarter of the least RTT
// wider; sixteen recoveries without make it small again.
void sok_tcp_rack_adapt(struct sok_tcp_conn *c, bool dsack)
{
    if (c->rack_in_round && sok_seq_ge(c->snd_una, c->rack_round)) {
        c->rack_in_round = false;
    }
    if (dsack && !c->rack_in_round) {
        c->rack_in_round = true;
        c->rack_round = c->snd_nxt;
        c->rack_extra = c->rack_extra < UINT8_MAX ? c->rack_extra + 1 : c->rack_extra;
        c->rack_persist = 16;
    }
}

void sok_tcp_rack_recovered(struct sok_tcp_conn *c)
{
    if (c->rack_persist > 0 && --c->rack_persist == 0) {
        c->rack_extra = 0;
    }
}

// How long a segment may be late without being lost.
static int64_t reordering_window(const struct sok_tcp_conn *c)
{
    uint32_t enough = (uint32_t)c->tcp->config.dup_threshold * sok_tcp_send_mss(c);
    if (!c->rack_reordering && (c->recovery != SOK_RECOVERY_NONE || c->sent.sacked >= enough)) {
        return 0;
    }
    if (c->min_rtt == SOK_TIME_NEVER) {
        return 0;
    }
    int64_t window = (1 + c->rack_extra) * (c->min_rtt / 4);
    return window < c->srtt ? window : c->srtt;
}

// Step 5: whatever was sent before the newest delivered segment, and long enough ago, is lost.
void sok_tcp_rack_detect(struct sok_tcp_conn *c, int64_t now)
{
    int64_t window = reordering_window(c), wait_most = 0;
    enum sok_reason why = sok_tcp_why_lost(c);
    struct sok_tcp_sent *next = NULL;
    for (struct sok_tcp_sent *r = sok_tcp_sent_oldest(&c->sent); r; r = next) {
        next = sok_tcp_sent_newer(&c->sent, r);
        if (!sent_after(c->rack_at, c->rack_end, r->at, r->end)) {
            break;
        }
        // Sent again at the very time the newest delivered one was sent: which went first is not known, and
        // over a way that takes no time (to ourselves) it would be lost and sent again without end.
        if ((r->flags & SOK_SENT_AGAIN) && r->at == c->rack_at) {
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

// Section 6.3, RACK_mark_losses_on_RTO(): by a timeout, too, what was sent a moment ago is not lost yet.
bool sok_tcp_rack_late(const struct sok_tcp_conn *c, const struct sok_tcp_sent *r, int64_t now)
{
    int64_t rtt = c->rack_rtt ? c->rack_rtt : c->srtt;
    return r->at + rtt + reordering_window(c) <= now;
}
