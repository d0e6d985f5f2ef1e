// Loss without SACK: duplicate ACKs and partial ACKs (RFC 5681 section 3.2, RFC 6582 section 3.2).
#include "tcp/internal.h"

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
        sok_tcp_mark_lost(c, r, sok_tcp_why_lost(c), now);
    }
}

void sok_tcp_dupack(
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
    if (!duplicate || c->recovery == SOK_RECOVERY_RTO) { // a timeout sends all of it again anyway
        return;
    }
    c->dup_acks++;
    if (c->dup_acks >= c->tcp->config.dup_threshold && c->recovery == SOK_RECOVERY_NONE) {
        head_lost(c, now);
    }
}
