// Tail loss probe (RFC 8985 section 7): when no ACK comes for two round trips, one segment is sent, new or the
// last one again, so that the answer shows by SACK what is missing. A lost tail is then mended by recovery
// and not by a timeout. The timer is lazy: it runs out no later than it should and looks then.
#include "tcp/internal.h"

// Section 7.2: when a probe may be scheduled.
static bool may_probe(const struct sok_tcp_conn *c)
{
    bool calm = c->recovery == SOK_RECOVERY_NONE || c->recovery == SOK_RECOVERY_CWR;
    return c->tcp->config.tlp && c->sack_ok && calm && !c->tlp_out && c->snd_una != c->snd_nxt &&
           c->snd_nxt - c->snd_una <= c->snd_wnd && c->sent.sacked == 0 && c->sent.lost == 0 &&
           c->state >= SOK_TCP_ESTABLISHED;
}

// TLP_calc_PTO(). An ACK for a lone segment may be delayed.
static int64_t probe_due(const struct sok_tcp_conn *c)
{
    bool lone = c->snd_nxt - c->snd_una <= sok_tcp_send_mss(c);
    int64_t wait = c->srtt ? 2 * c->srtt + (lone ? c->tcp->config.tlp_ack_delay : 0) : SOK_S;
    int64_t due = c->tlp_from + wait, rto = c->due[SOK_TCP_TIMER_RETRANSMIT];
    return due < rto ? due : rto;
}

// After new data was sent, and after an ACK.
void sok_tcp_tlp_arm(struct sok_tcp_conn *c, int64_t now)
{
    c->tlp_from = now;
    if (!may_probe(c)) {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_PROBE);
    } else if (!sok_tcp_timer_armed(c, SOK_TCP_TIMER_PROBE)) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_PROBE, probe_due(c));
    }
}

// Section 7.3. Without an RTT measured since the last probe the RTO is left to act.
void sok_tcp_tlp_timeout(struct sok_tcp_conn *c, int64_t now)
{
    if (!may_probe(c)) {
        return;
    }
    int64_t due = probe_due(c);
    if (now < due) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_PROBE, due);
        return;
    }
    if (c->tlp_sampled) {
        c->tlp_due = true;
        sok_tcp_retransmit_arm(c, now);
        sok_tcp_want_output(c);
    }
}

void sok_tcp_tlp_sent(struct sok_tcp_conn *c, bool again, int64_t now)
{
    c->tlp_due = c->tlp_sampled = false;
    c->tlp_out = true;
    c->tlp_again = again;
    c->tlp_end = c->snd_nxt;
    c->probes++;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_PROBE);
    sok_tcp_retransmit_arm(c, now);
}

// Section 7.4: what the probe repeated was lost if nobody says that it came twice; that is a sign of
// congestion though no recovery saw it. repeats: an ACK that says nothing new, without SACK.
void sok_tcp_tlp_on_ack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool repeats, int64_t now)
{
    if (!c->tlp_out || sok_seq_lt(c->snd_una, c->tlp_end)) {
        return;
    }
    bool twice = d->dsack && d->dsack_end == c->tlp_end;
    if (!c->tlp_again || twice || repeats) {
        c->tlp_out = false;
    } else if (sok_seq_gt(c->snd_una, c->tlp_end)) {
        c->tlp_out = false;
        sok_tcp_congestion(c, SOK_REASON_TAIL_PROBE_LOST, d->acked + c->snd_nxt - c->snd_una, now);
    }
}
