// Explicit congestion notification (RFC 3168 section 6.1): routers mark what they would otherwise drop. The
// receiver of a mark (CE) says so in every ACK (ECE) until the sender answers that it has slowed down (CWR).
// Only new data is sent as able to be marked (ECT(0)): no SYN, no bare ACK, no probe, nothing that goes again.
#include "tcp/internal.h"

#define CE  3u
#define ECT 2u // ECT(0)

// ---- agreeing on it: 6.1.1 ----

// A SYN that asks, and did not come with a mark itself: a way that touches those bits is not to be relied on.
bool sok_tcp_ecn_asked(const struct sok_tcp *t, const struct sok_tcp_in *in)
{
    const uint16_t both = SOK_TCP_ECE | SOK_TCP_CWR;
    return t->config.ecn != SOK_ECN_OFF && (in->h.flags & both) == both &&
           (in->from->tos & CE) == 0;
}

void sok_tcp_ecn_take_syn(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    uint16_t said = in->h.flags & (SOK_TCP_ECE | SOK_TCP_CWR);
    if (in->h.flags & SOK_TCP_ACK) { // a peer that mirrors both bits has not understood
        c->ecn_ok = c->ecn_asked && said == SOK_TCP_ECE;
    } else {
        c->ecn_ok = sok_tcp_ecn_asked(c->tcp, in);
    }
}

// What our SYN or SYN,ACK says. Some ways lose SYNs that ask: one that goes again does not (6.1.1.1).
uint16_t sok_tcp_ecn_syn_flags(struct sok_tcp_conn *c)
{
    if (c->state == SOK_TCP_SYN_RECEIVED) {
        return c->ecn_ok ? SOK_TCP_ECE : 0;
    }
    if (c->tcp->config.ecn != SOK_ECN_ON || c->syn_is_out) {
        return 0;
    }
    c->ecn_asked = true;
    return SOK_TCP_ECE | SOK_TCP_CWR;
}

// ---- the receiver: 6.1.3 ----

// A segment in the window brought data; marks on others could be anybody's (6.1.5).
void sok_tcp_ecn_data(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    if (!c->ecn_ok || in->data.len == 0) {
        return;
    }
    if (in->h.flags & SOK_TCP_CWR) {
        c->ecn_echo = false;
    }
    if ((in->from->tos & CE) == CE) {
        c->ecn_marks++;
        if (!c->ecn_echo) {
            sok_tcp_ack_now(c, SOK_REASON_ACK_MARK);
        }
        c->ecn_echo = true;
    }
}

// ---- the sender: 6.1.2 ----

void sok_tcp_ecn_ack(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    bool told = (in->h.flags & SOK_TCP_ECE) && !(in->h.flags & SOK_TCP_SYN);
    bool news = !c->ecn_cwr && sok_seq_gt(in->h.ack, c->ecn_cwr_seq);
    if (c->ecn_ok && told && news && sok_seq_ge(in->h.ack, c->snd_una) &&
        c->snd_una != c->snd_nxt) {
        sok_tcp_enter_cwr(c, SOK_REASON_ECN, in->now);
    }
}

// The window was reduced, for whatever reason: the next new data says so.
void sok_tcp_ecn_reduced(struct sok_tcp_conn *c)
{
    c->ecn_cwr = c->ecn_ok;
}

// New data was put into out.
uint16_t sok_tcp_ecn_new_data(struct sok_tcp_conn *c, struct sok_tcp_segment *out)
{
    if (!c->ecn_ok || out->data_len == 0) {
        return 0;
    }
    out->tos |= ECT;
    if (!c->ecn_cwr) {
        return 0;
    }
    c->ecn_cwr = false;
    c->ecn_cwr_seq = c->snd_nxt;
    return SOK_TCP_CWR;
}
