// RACK (RFC 8985 section 6): with SACK, time decides what is lost. A segment is lost when one that was sent
// later has arrived, and long enough has passed for mere reordering.
#include "tcp/internal.h"

// Was a sent after b? Equal times are told apart by sequence number.
static bool sent_after(int64_t a_at, uint32_t a_end, int64_t b_at, uint32_t b_end)
{
    return a_at > b_at || (a_at == b_at && sok_seq_gt(a_end, b_end));
}

// Steps 1 to 3, for one record that has just been acknowledged or sacked. fack is the highest one delivered
// by earlier ACKs: what comes below it, sent once, was overtaken on the way.
void sok_tcp_rack_delivered(
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
