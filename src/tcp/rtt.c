// The retransmission timeout (RFC 6298). Linux's lower bound of 200 ms is the default instead of the
// RFC's second, and like Linux the bound applies to the variance term, so that RTO = SRTT + max(G, 4*RTTVAR).
#include "tcp/internal.h"

void sok_tcp_rtt_init(struct sok_tcp_conn *c)
{
    c->srtt = c->rttvar = 0;
    c->min_rtt = SOK_TIME_NEVER;
    c->rto = c->tcp->config.rto_initial; // (2.1)
    c->backoff = 0;
}

static void set_rto(struct sok_tcp_conn *c)
{
    const struct sok_tcp_config *config = &c->tcp->config;
    int64_t spread = 4 * c->rttvar;
    c->rto = c->srtt + (spread > config->rto_min ? spread : config->rto_min);
    if (c->rto > config->rto_max) {
        c->rto = config->rto_max;
    }
}

void sok_tcp_rtt_sample(struct sok_tcp_conn *c, int64_t sample, int64_t now)
{
    if (sample <= 0) {
        sample = 1;
    }
    if (c->srtt == 0) { // (2.2)
        c->srtt = sample;
        c->rttvar = sample / 2;
    } else { // (2.3)
        int64_t err = sample > c->srtt ? sample - c->srtt : c->srtt - sample;
        c->rttvar += (err - c->rttvar) / 4;
        c->srtt += (sample - c->srtt) / 8;
        c->srtt = c->srtt > 0 ? c->srtt : 1;
    }
    if (sample < c->min_rtt) {
        c->min_rtt = sample;
    }
    c->tlp_sampled = true;
    set_rto(c);
    c->backoff = 0; // a fresh sample ends the doubling (section 5, last paragraph)
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_RTT, now, c->sock.id);
    if (ev) {
        ev->rtt.sample = sample;
        ev->rtt.srtt = c->srtt;
        ev->rtt.rttvar = c->rttvar;
        ev->rtt.rto = c->rto;
    }
}

// What a timestamp tells, to the tick: less than one counts as one. An echo older than the first sending
// of what is acknowledged is of something else, and would make the RTO far too long.
void sok_tcp_rtt_by_timestamp(struct sok_tcp_conn *c, uint32_t echoed, int64_t first, int64_t now)
{
    uint32_t ticks = sok_tcp_ts_now(c, now) - echoed;
    if (ticks <= sok_tcp_ts_now(c, now) - sok_tcp_ts_now(c, first)) {
        sok_tcp_rtt_sample(c, (ticks ? ticks : 1) * SOK_MS, now);
    }
}

// A timeout came too early: the way takes as long as this sample says (RFC 4015 3.2 step 8).
void sok_tcp_rtt_was_longer(struct sok_tcp_conn *c, int64_t sample)
{
    c->srtt = sample > c->srtt ? sample : c->srtt;
    c->rttvar = sample / 2 > c->rttvar ? sample / 2 : c->rttvar;
    set_rto(c);
}

int64_t sok_tcp_rto(const struct sok_tcp_conn *c)
{
    int64_t rto = c->rto;
    for (unsigned i = 0; i < c->backoff && rto < c->tcp->config.rto_max; i++) { // (5.5)
        rto *= 2;
    }
    return rto < c->tcp->config.rto_max ? rto : c->tcp->config.rto_max;
}
