// STATUS (RFC 9293 3.9.1): what a connection says of itself, and the instance of all.
#include <string.h>
#include "tcp/cc.h"

uint32_t sok_tcp_segments_of(uint32_t bytes, uint32_t mss)
{
    return bytes / mss + (bytes % mss > 0);
}

// 0: never.
static int64_t since(const struct sok_tcp_conn *c, int64_t then)
{
    return then > 0 && c->tcp->now > then ? c->tcp->now - then : 0;
}

static void consider(const struct sok_tcp_conn *c, struct sok_tcp_info *out,
    enum sok_tcp_timer which, enum sok_tcp_wait wait, uint32_t retries)
{
    if (c->due[which] < out->wait_until) {
        out->wait = wait;
        out->wait_until = c->due[which];
        out->wait_retries = (uint8_t)(retries < 255 ? retries : 255);
    }
}

// Of several the first that will be; a sign of life is waited for behind everything else.
static void wait_info(const struct sok_tcp_conn *c, struct sok_tcp_info *out)
{
    out->wait = SOK_TCP_WAIT_NONE;
    out->wait_until = SOK_TIME_NEVER;
    consider(c, out, SOK_TCP_TIMER_PROBE, SOK_TCP_WAIT_ACK, c->retries);
    consider(c, out, SOK_TCP_TIMER_RETRANSMIT, SOK_TCP_WAIT_ACK, c->retries);
    consider(c, out, SOK_TCP_TIMER_REORDER, SOK_TCP_WAIT_ACK, c->retries);
    consider(c, out, SOK_TCP_TIMER_PERSIST, SOK_TCP_WAIT_WINDOW, c->retries);
    consider(c, out, SOK_TCP_TIMER_FIN_WAIT_2, SOK_TCP_WAIT_END, 0);
    consider(c, out, SOK_TCP_TIMER_TIME_WAIT, SOK_TCP_WAIT_END, 0);
    if (out->wait == SOK_TCP_WAIT_NONE) {
        consider(c, out, SOK_TCP_TIMER_KEEPALIVE, SOK_TCP_WAIT_SIGN, c->keepalives);
    }
}

void sok_tcp_info(const struct sok_tcp_conn *c, struct sok_tcp_info *out)
{
    *out = (struct sok_tcp_info){
        .state = c->state,
        .congestion = c->cc->name,
        .srtt = c->srtt,
        .rttvar = c->rttvar,
        .rto = sok_tcp_rto(c),
        .cwnd = c->cwnd,
        .ssthresh = c->ssthresh,
        .snd_mss = sok_tcp_send_mss(c),
        .rcv_mss = c->rcv_mss,
        .snd_wnd = c->snd_wnd,
        .rcv_wnd = c->rcv_adv - c->rcv_nxt,
        .snd_queued = sok_tcp_sendq_len(&c->sendq),
        .snd_unacked = c->snd_nxt - c->snd_una,
        .rcv_queued = (uint32_t)c->stream.ready,
        .rcv_early = (uint32_t)c->stream.early,
        .rcv_urgent = sok_tcp_urgent_left(c),
        .bytes_sent = c->bytes_sent,
        .bytes_again = c->bytes_again,
        .bytes_acked = c->bytes_acked,
        .bytes_received = c->bytes_received,
        .segments_in = c->segments_in,
        .segments_out = c->segments_out,
        .timeouts = c->timeouts,
        .fast_retransmits = c->fast_retransmits,
        .retries = c->retries,
        .snd_wscale = c->snd_wscale,
        .rcv_wscale = c->rcv_wscale,
        .sack = c->sack_ok,
        .timestamps = c->ts_ok,
        .ecn = c->ecn_ok,
        .fastopen = c->tfo_taken,
        .ecn_marks = c->ecn_marks,
        .min_rtt = c->min_rtt == SOK_TIME_NEVER ? 0 : c->min_rtt,
        .snd_unsent = sok_tcp_sendq_len(&c->sendq) > 0 ? sok_tcp_unsent(c) : 0,
        .sacked = c->sent.sacked,
        .lost = c->sent.lost,
        .bytes_spurious = c->bytes_spurious,
        .tail_probes = c->probes,
        .undone = c->undone,
        .reordering = c->rack_reordering,
        .backoff = c->backoff,
        .send_over = c->fin_wanted,
        .recv_over = c->fin_seen,
        .window_scale = c->wscale_ok,
        .path_mtu = sok_tcp_path_mtu(&c->path),
        .own_mss = sok_tcp_own_mss(c),
        .snd_buf = c->snd_buf,
        .rcv_buf = c->rcv_buf,
        .rcv_held = (uint32_t)c->stream.charged,
        .segments_again = c->segments_again,
        .data_out = c->data_out,
        .data_in = c->data_in,
        .since_sent = since(c, c->sent_at),
        .since_received = since(c, c->data_in_at),
        .since_segment = since(c, c->idle_at),
    };
    sok_tcp_limited_info(c, out);
    wait_info(c, out);
}

void sok_tcp_counts(const struct sok_tcp *t, struct sok_tcp_counts *out)
{
    memset(out, 0, sizeof(*out));
    out->conns = t->conn_count;
    out->listeners = t->listener_count;
    memcpy(out->drops, t->drops, sizeof(t->drops));
    for (const struct sok_tcp_conn *c = t->all; c; c = c->all_next) {
        out->time_waits += c->state == SOK_TCP_TIME_WAIT;
    }
}
