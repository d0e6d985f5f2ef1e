// Proportional rate reduction (RFC 9937 section 6): during fast recovery what may be sent follows from what
// was delivered, so that the window shrinks evenly to ssthresh instead of stopping for half a round trip.
#include "tcp/internal.h"

// flight: bytes on their way when recovery began, without what was sacked before (RecoverFS).
void sok_tcp_prr_begin(struct sok_tcp_conn *c, uint32_t flight)
{
    c->prr_delivered = c->prr_out = 0;
    c->prr_flight = flight > 0 ? flight : 1;
}

// safe: SND.UNA advanced and nothing more was found lost (SafeACK).
void sok_tcp_prr_on_ack(struct sok_tcp_conn *c, uint32_t delivered, bool safe)
{
    uint32_t pipe = sok_tcp_pipe(c), mss = sok_tcp_send_mss(c), out = c->prr_out, send;
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
