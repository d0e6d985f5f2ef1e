// Was a timeout needed? RFC 5682: after the ACK of what the timeout repeated, new data is sent instead of
// more of the old; if the next ACK is for something that was never repeated, it had been on its way all along.
#include "tcp/internal.h"

// Step 1, before the state of recovery changes. Not for a timeout within the recovery of another.
void sok_tcp_frto_on_timeout(struct sok_tcp_conn *c)
{
    bool again = c->recovery == SOK_RECOVERY_RTO && sok_seq_lt(c->snd_una, c->recover);
    c->frto = c->tcp->config.frto && !again ? SOK_FRTO_FIRST : SOK_FRTO_OFF;
}

// Step 2. Duplicate ACKs in front of the one that is waited for: with SACK they are waited out.
static void first_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate)
{
    if (!d->acked) {
        c->frto = duplicate && !c->sack_ok ? SOK_FRTO_OFF : c->frto;
    } else {
        c->frto = sok_seq_ge(c->snd_una, c->recover) ? SOK_FRTO_OFF : SOK_FRTO_SECOND;
    }
}

// Step 3. (a) limits cwnd to three segments: after two ACKs it is no more.
static void second_ack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate, int64_t now)
{
    if (!d->acked && !d->sacked && !duplicate) {
        return;
    }
    c->frto = SOK_FRTO_OFF;
    if (d->original && !(c->sack_ok && d->beyond) && c->undo.possible) {
        sok_tcp_undo(c, SOK_REASON_UNDO_FRTO, now);
    }
}

void sok_tcp_frto_on_ack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate, int64_t now)
{
    if (c->frto == SOK_FRTO_FIRST) {
        first_ack(c, d, duplicate);
    } else if (c->frto == SOK_FRTO_SECOND) {
        second_ack(c, d, duplicate, now);
    }
}
