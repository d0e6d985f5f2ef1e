// Proportional rate reduction (RFC 9937 section 6): during fast recovery what may be sent follows from what
// was delivered, so that the window shrinks evenly to ssthresh instead of stopping for half a round trip.
//
// The RFC has each ACK answered before the next one is looked at. Here many ACKs may be taken in first, and the
// one that shows a loss stands behind others that made room for new data: that is owed. It goes out in the
// recovery, but as if it had gone before: it counts as on its way and not as sent since, and the recovery is over
// when it, too, has arrived.
#include "tcp/internal.h"

// flight: bytes on their way when recovery began, without what was sacked before (RecoverFS is with what is owed).
void sok_tcp_prr_begin(struct sok_tcp_conn *c, uint32_t flight, uint32_t owed)
{
    c->prr_delivered = c->prr_out = 0;
    c->prr_owed = owed;
    c->prr_flight = flight + owed > 0 ? flight + owed : 1;
}

// again: a retransmission, which nothing before the loss allowed.
void sok_tcp_prr_sent(struct sok_tcp_conn *c, uint32_t len, bool again)
{
    uint32_t owed = again ? 0 : len < c->prr_owed ? len : c->prr_owed;
    c->prr_owed -= owed;
    c->prr_out += len - owed;
    if (c->recovery == SOK_RECOVERY_FAST) {
        c->recover += owed; // what of it is lost costs nothing more
    }
}

// safe: SND.UNA advanced and nothing more was found lost (SafeACK).
void sok_tcp_prr_on_ack(struct sok_tcp_conn *c, uint32_t delivered, bool safe)
{
    uint32_t pipe = sok_tcp_pipe(c) + c->prr_owed, out = c->prr_out;
    uint32_t mss = sok_tcp_send_mss(c), send;
    c->prr_delivered += delivered;
    if (pipe > c->ssthresh) { // in proportion
        uint64_t due =
            ((uint64_t)c->prr_delivered * c->ssthresh + c->prr_flight - 1) / c->prr_flight;
        send = due > out ? (uint32_t)(due - out) : 0;
    } else { // up to ssthresh: what was delivered (CRB), and a segment more while all goes well (SSRB)
        send = c->prr_delivered > out ? c->prr_delivered - out : 0;
        send = send > delivered ? send : delivered;
        send += safe ? mss : 0;
        send = send < c->ssthresh - pipe ? send : c->ssthresh - pipe;
    }
    if (send == 0 && out == 0) { // the first retransmission
        send = mss;
    }
    c->cwnd = pipe + send;
}
