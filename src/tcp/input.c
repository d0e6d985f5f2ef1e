// SEGMENT ARRIVES: RFC 9293 section 3.10.7, step by step, with RFC 5961 (blind attacks), RFC 7323 (PAWS),
// RFC 6191 and RFC 1337 (TIME-WAIT) where they belong. The fifth step is in ack.c, the sixth to eighth in
// receive.c. A segment may be a super-frame: one header with up to 64 KB, which changes nothing here.
#include "tcp/internal.h"

static void drop(struct sok_tcp_in *in, enum sok_drop why)
{
    if (in->out->drop == SOK_DROP_NONE) {
        in->out->drop = why;
    }
}

// ---- is it a segment at all ----

static enum sok_drop parse(struct sok_tcp_in *in)
{
    const struct sok_tcp_arrival *from = in->from;
    const uint8_t *p = sok_slice_data(from->segment);
    uint32_t len = from->segment.len;
    if (!sok_tcp_get(p, len, &in->h)) {
        return SOK_DROP_TCP_SHORT;
    }
    enum sok_drop bad = sok_tcp_check(&in->h, len);
    uint32_t header = 4u * in->h.dataofs;
    if (bad != SOK_DROP_NONE) {
        return bad;
    }
    if (!from->csum_valid && !sok_tcp_verify(p, len, &from->from.addr, &from->to.addr)) { // MUST-3
        return SOK_DROP_TCP_CHECKSUM;
    }
    if (in->h.sport == 0 || in->h.dport == 0) {
        return SOK_DROP_TCP_PORT_ZERO;
    }
    if (!from->unicast) { // MUST-57, MUST-63
        return SOK_DROP_TCP_NOT_UNICAST;
    }
    // A malformed option ends the list; what came before it counts (MUST-7).
    sok_tcp_opts_get(p + SOK_TCP_HDR_LEN, header - SOK_TCP_HDR_LEN, &in->o);
    in->data = from->segment;
    in->data.off += header;
    in->data.len -= header;
    in->syn = in->h.flags & SOK_TCP_SYN;
    in->fin = in->h.flags & SOK_TCP_FIN;
    in->seq = in->h.seq;
    in->end = in->seq + in->data.len + in->syn + in->fin;
    in->wnd = in->h.window;
    return SOK_DROP_NONE;
}

// ---- 3.10.7.1 CLOSED ----

static void closed_input(struct sok_tcp *t, struct sok_tcp_in *in)
{
    if (!(in->h.flags & SOK_TCP_RST)) {
        sok_tcp_reset_for(t, in, SOK_REASON_RST_CLOSED);
    }
    drop(in, SOK_DROP_TCP_NO_CONNECTION);
}

// ---- what a SYN brings ----

// An option is in use when both sides sent it (RFC 7323 1.3, RFC 2018 2).
void sok_tcp_take_syn(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    const struct sok_tcp_opts *o = &in->o;
    int64_t floor = c->tcp->config.mss_min;
    c->irs = in->h.seq;
    c->rcv_nxt = c->irs + 1;
    c->last_ack_sent = c->early_seq = c->rcv_up = c->rcv_nxt;
    sok_stream_init(&c->stream, c->tcp->env.mem, c->rcv_nxt);
    if (o->has_mss) {
        c->peer_mss = o->mss > floor ? o->mss : (uint16_t)floor;
    }
    c->peer_mss = sok_tcp_wished_mss(&c->wishes, c->peer_mss);
    c->sack_ok = c->sack_ok && o->sack_ok;
    c->ts_ok = c->ts_ok && o->has_ts;
    if (c->tcp->config.window_scale && o->has_wscale) {
        c->wscale_ok = true;
        c->snd_wscale = o->wscale < 14 ? o->wscale : 14; // RFC 7323 2.3
    } else {
        c->rcv_wscale = 0;
    }
    if (c->ts_ok) {
        c->ts_recent = o->tsval;
        c->ts_recent_at = in->now;
    }
    if (c->rcv_window > sok_tcp_window_most(c)) {
        c->rcv_window = sok_tcp_window_most(c);
    }
    sok_tcp_ecn_take_syn(c, in);
    c->snd_wl1 = in->h.seq;
    c->snd_wl2 = in->h.ack;
    c->snd_wnd = c->max_snd_wnd = in->h.window; // never scaled in a SYN (RFC 7323 2.2)
    c->rcv_adv = c->rcv_nxt + sok_tcp_first_window(c);
    c->tune_seq = c->rcv_adv;
    if (c->rcv_mss > sok_tcp_send_mss(c)) { // a first guess; larger ones are seen when they come
        c->rcv_mss = sok_tcp_send_mss(c);
    }
    c->cwnd = (uint32_t)c->tcp->config.initial_window * sok_tcp_send_mss(c); // RFC 6928
    sok_tcp_sndbuf_grow(c);
}

static void established(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    in->out->effects |= SOK_EFFECT_ESTABLISHED;
    sok_tcp_fastopen_done(c);
    if (c->retries > 1) { // RFC 6928 section 2: more than one SYN was lost
        c->cwnd = sok_tcp_send_mss(c);
    }
    if (c->retries > 0 && c->srtt == 0) { // RFC 6298 (5.7)
        c->backoff = 0;
        c->rto = c->rto > 3 * SOK_S ? c->rto : 3 * SOK_S;
    }
    c->syn_why = SOK_REASON_NONE;
    c->retries = 0;
    sok_tcp_retransmit_arm(
        c, in->now); // for data that went with the SYN, or before the handshake was done
    if (c->half_open) {
        sok_tcp_listener_established(c);
    }
    sok_tcp_set_state(c, SOK_TCP_ESTABLISHED, in->now);
    if (c->fin_wanted) { // closed while opening (3.10.4)
        sok_tcp_set_state(c, SOK_TCP_FIN_WAIT_1, in->now);
    }
    sok_tcp_keepalive_arm(c, in->now);
    sok_tcp_want_output(c);
}

// The handshake's round trip, unless a SYN was sent twice (Karn); timestamps tell even then.
static void handshake_rtt(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    if (c->by_cookie) {
        return;
    }
    if (!c->syn_again) {
        sok_tcp_rtt_sample(c, in->now - c->stalled_at, in->now);
    } else if (c->ts_ok && in->o.tsecr != 0) {
        sok_tcp_rtt_by_timestamp(c, in->o.tsecr, c->stalled_at, in->now);
    }
}

// ---- 3.10.7.3 SYN-SENT ----

static void syn_sent_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    bool ack = in->h.flags & SOK_TCP_ACK;
    // first: check the ACK bit
    if (ack && (sok_seq_le(in->h.ack, c->iss) || sok_seq_gt(in->h.ack, c->snd_nxt))) {
        if (!(in->h.flags & SOK_TCP_RST)) {
            sok_tcp_reset_for(c->tcp, in, SOK_REASON_RST_BAD_ACK);
        }
        drop(in, SOK_DROP_TCP_BAD_ACK);
        return;
    }
    // second: check the RST bit
    if (in->h.flags & SOK_TCP_RST) {
        if (!ack) {
            drop(in, SOK_DROP_TCP_BAD_RST);
            return;
        }
        in->out->effects |= SOK_EFFECT_REFUSED;
        sok_tcp_over(c, SOK_EREFUSED, in->now);
        return;
    }
    // fourth: check the SYN bit; fifth: neither SYN nor RST
    if (!in->syn || in->fin) {
        drop(in, SOK_DROP_TCP_NOT_SYN);
        return;
    }
    sok_tcp_take_syn(c, in);
    if (!ack) { // simultaneous open (MUST-10)
        sok_tcp_set_state(c, SOK_TCP_SYN_RECEIVED, in->now);
        in->out->effects |= SOK_EFFECT_OPENED;
        c->syn_why = SOK_REASON_OPEN_REPLY;
        sok_tcp_want_output(c);
        return;
    }
    sok_tcp_neighbour_is_there(c, in);
    c->snd_una = c->iss + 1;
    handshake_rtt(c, in);
    sok_tcp_fastopen_answered(c, in);
    established(c, in);
    sok_tcp_ack_now(c, SOK_REASON_HANDSHAKE);
    if (c->tfo_taken && !sok_tcp_ack_input(c, in)) {
        return;
    }
    in->syn = false;
    in->seq++;
    if (sok_tcp_trim(c, in) && !sok_tcp_text_input(c, in)) {
        return; // gone
    }
    sok_tcp_ready_update(c);
}

// ---- 3.10.7.4 other states ----

// After 24 days without a segment the sign of the comparison means nothing (RFC 7323 section 5.5).
bool sok_tcp_ts_stale(const struct sok_tcp_conn *c, int64_t now)
{
    return now - c->ts_recent_at >= INT64_C(24) * 86400 * SOK_S;
}

// RFC 7323 section 5.3 R1.
static bool paws_rejects(const struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    return c->ts_ok && in->o.has_ts && !(in->h.flags & SOK_TCP_RST) &&
           sok_seq_lt(in->o.tsval, c->ts_recent) && !sok_tcp_ts_stale(c, in->now);
}

static void unacceptable(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    bool old = sok_seq_le(in->end, c->rcv_nxt);
    if (in->h.flags & SOK_TCP_RST) {
        drop(in, SOK_DROP_TCP_BAD_RST);
        return;
    }
    if (c->state == SOK_TCP_TIME_WAIT && in->fin) { // the peer missed our ACK: 2 MSL again (U22)
        sok_tcp_timer_set(c, SOK_TCP_TIMER_TIME_WAIT, in->now + 2 * c->tcp->config.msl);
    }
    if (old && in->data.len + in->fin > 0) { // data we have: its ACK was lost
        sok_tcp_dsack_note(c, in->h.seq + in->syn, in->end);
        in->out->effects |= SOK_EFFECT_DUPLICATE;
        sok_tcp_ack_now(c, SOK_REASON_ACK_DUPLICATE);
        return;
    }
    bool probe = in->h.seq == c->rcv_nxt - 1 && in->data.len == 0 && !in->syn;
    sok_tcp_challenge(
        c, in, SOK_DROP_TCP_OUTSIDE_WINDOW, probe ? SOK_REASON_ACK_PROBE : SOK_REASON_ACK_OUTSIDE);
}

// second: check the RST bit (RFC 5961 section 3.2). False: stop here.
static bool reset_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (!(in->h.flags & SOK_TCP_RST)) {
        return true;
    }
    if (c->state == SOK_TCP_TIME_WAIT) { // RFC 1337: no assassination
        drop(in, SOK_DROP_TCP_TIME_WAIT);
        return false;
    }
    if (in->h.seq != c->rcv_nxt) {
        sok_tcp_challenge(c, in, SOK_DROP_TCP_BAD_RST, SOK_REASON_ACK_CHALLENGE);
        return false;
    }
    bool opening = c->state == SOK_TCP_SYN_RECEIVED;
    bool closing = c->state == SOK_TCP_CLOSING || c->state == SOK_TCP_LAST_ACK;
    in->out->effects |= opening && !c->passive ? SOK_EFFECT_REFUSED : SOK_EFFECT_RESET;
    int err = opening && !c->passive ? SOK_EREFUSED : closing && c->orphan ? 0 : SOK_ERESET;
    sok_tcp_over(c, c->half_open ? 0 : err, in->now);
    return false;
}

// fourth: check the SYN bit (RFC 5961 section 4.2). False: stop here.
static bool syn_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (!in->syn) {
        return true;
    }
    if (c->half_open) { // back to LISTEN (U14)
        drop(in, SOK_DROP_TCP_SYN_IN_STATE);
        sok_tcp_over(c, 0, in->now);
        return false;
    }
    sok_tcp_challenge(c, in, SOK_DROP_TCP_SYN_IN_STATE, SOK_REASON_ACK_CHALLENGE);
    return false;
}

// fifth, in SYN-RECEIVED: the handshake's last ACK. False: stop here.
static bool syn_received_ack(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (!sok_seq_gt(in->h.ack, c->snd_una) || sok_seq_gt(in->h.ack, c->snd_nxt)) {
        sok_tcp_reset_for(c->tcp, in, SOK_REASON_RST_BAD_ACK); // U17
        drop(in, SOK_DROP_TCP_BAD_ACK);
        return false;
    }
    if (c->half_open &&
        sok_tcp_listener_full(c->listener)) { // the peer's retransmission tries again
        drop(in, SOK_DROP_TCP_BACKLOG);
        return false;
    }
    c->snd_una = c->iss + 1;
    c->snd_wnd = c->max_snd_wnd = in->wnd;
    c->snd_wl1 = in->h.seq;
    c->snd_wl2 = in->h.ack;
    handshake_rtt(c, in);
    established(c, in);
    return true;
}

// The peer did not get our SYN,ACK: as in Linux it goes again, and not a bare ACK.
static bool repeated_syn(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    bool bare = (in->h.flags & (SOK_TCP_SYN | SOK_TCP_ACK | SOK_TCP_RST)) == SOK_TCP_SYN;
    if (c->state != SOK_TCP_SYN_RECEIVED || !c->passive || !bare || in->h.seq != c->irs) {
        return false;
    }
    c->syn_why = SOK_REASON_OPEN_REPLY;
    in->out->effects |= SOK_EFFECT_DUPLICATE;
    sok_tcp_want_output(c);
    return true;
}

static void synchronized_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    // Crossing SYN,ACKs of a simultaneous open: the SYN is one we have, the ACK is news.
    if (c->state == SOK_TCP_SYN_RECEIVED && !c->passive && in->syn && in->h.seq == c->irs) {
        in->syn = false;
        in->seq++;
    }
    if (repeated_syn(c, in)) {
        return;
    }
    if (paws_rejects(c, in)) {
        sok_tcp_challenge(c, in, SOK_DROP_TCP_PAWS, SOK_REASON_ACK_CHALLENGE);
        return;
    }
    // first: check the sequence number; what is outside the window is cut off
    if (in->syn && c->state != SOK_TCP_SYN_RECEIVED) {
        syn_input(c, in); // whatever its sequence number (U13)
        return;
    }
    if (!sok_tcp_trim(c, in)) {
        unacceptable(c, in);
        return;
    }
    // third, security, is obsolete
    if (!reset_input(c, in) || !syn_input(c, in)) {
        return;
    }
    if (!(in->h.flags & SOK_TCP_ACK)) { // U15
        drop(in, SOK_DROP_TCP_NO_ACK);
        return;
    }
    if (c->state == SOK_TCP_SYN_RECEIVED && !syn_received_ack(c, in)) {
        return;
    }
    if (!sok_tcp_ack_input(c, in)) {
        return;
    }
    sok_tcp_ecn_data(c, in);
    if (sok_tcp_text_input(c, in)) {
        sok_tcp_ready_update(c);
    }
}

// A SYN that may reopen a connection in TIME-WAIT: a larger sequence number (MAY-2), or by timestamps
// (RFC 6191 section 2): a newer one, the same and a larger sequence number, or the first there are.
static bool reopens(const struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    uint16_t bits = SOK_TCP_SYN | SOK_TCP_ACK | SOK_TCP_RST | SOK_TCP_FIN;
    if (c->state != SOK_TCP_TIME_WAIT || (in->h.flags & bits) != SOK_TCP_SYN) {
        return false;
    }
    bool ts = in->o.has_ts && c->tcp->config.timestamps;
    if (ts && !c->ts_ok) {
        return true;
    }
    if (ts && in->o.tsval != c->ts_recent) {
        return sok_seq_gt(in->o.tsval, c->ts_recent);
    }
    return sok_seq_gt(in->h.seq, c->rcv_nxt);
}

static void conn_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    struct sok_tcp_outcome *out = in->out;
    bool syn_sent = c->state == SOK_TCP_SYN_SENT;
    out->conn = c->sock.id;
    out->has_base = true;
    out->seq_base = !syn_sent ? c->irs : in->syn ? in->h.seq : 0;
    out->ack_base = c->iss;
    uint16_t each = in->from->gso_size;
    uint32_t with_data = sok_tcp_segments_of((uint32_t)in->data.len, each ? each : UINT32_MAX);
    c->segments_in += with_data ? with_data : 1;
    c->data_in += with_data;
    c->idle_at = in->now;
    if (c->keepalives) {
        c->keepalives = 0;
        sok_tcp_keepalive_arm(c, in->now);
    }
    if (syn_sent) {
        syn_sent_input(c, in);
        return;
    }
    if (c->undecided) {
        sok_tcp_undecided_input(c, in);
        return;
    }
    if (!in->syn) {
        out->win_shift = c->snd_wscale;
        in->wnd = (uint32_t)in->h.window << c->snd_wscale;
    }
    synchronized_input(c, in);
}

void sok_tcp_input(
    struct sok_tcp *t, const struct sok_tcp_arrival *from, int64_t now, struct sok_tcp_outcome *out)
{
    struct sok_tcp_arrival arrival = *from;
    struct sok_tcp_in in = {.from = &arrival, .now = now, .out = out};
    *out = (struct sok_tcp_outcome){0};
    t->now = now;
    out->drop = parse(&in);
    if (out->drop == SOK_DROP_NONE) {
        arrival.from.port = in.h.sport;
        arrival.to.port = in.h.dport;
        struct sok_tcp_conn *c = sok_tcp_find_again(t, &arrival.to, &arrival.from);
        struct sok_tcp_listener *l = NULL;
        bool elsewhere = c && c->device && !sok_tcp_device_hears(t, c->device, &arrival);
        if (elsewhere) { // on another link than its own it is nobody's
            c = NULL;
        } else if (!c || reopens(c, &in)) {
            l = sok_tcp_find_listener(t, &arrival);
        }
        if (c && l && sok_tcp_listener_full(l)) { // there is no room: TIME-WAIT goes on
            out->drop = SOK_DROP_TCP_BACKLOG;
        } else if (c && l) {
            in.iss_above = c->snd_nxt;
            in.reopens = true;
            sok_tcp_over(c, 0, now);
        }
        if (l && out->drop == SOK_DROP_NONE) {
            c = sok_tcp_listen_input(l, &in);
        }
        if (c && out->drop == SOK_DROP_NONE) {
            conn_input(c, &in);
        } else if (!l) {
            closed_input(t, &in);
        }
    }
    t->drops[out->drop] += out->drop != SOK_DROP_NONE;
}

// RFC 9293 3.9.2.2 with RFC 5927: a quoted sequence number must be in flight. In the SYN states any error
// ends the attempt, as in Linux; later none does: it is remembered and told if the connection times out.
bool sok_tcp_icmp(struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, uint32_t seq, int err, bool hard, uint32_t *conn,
    int64_t now)
{
    struct sok_tcp_conn *c = sok_tcp_find(t, local, remote);
    (void)hard;
    if (!c || sok_seq_lt(seq, c->snd_una) || sok_seq_gt(seq, c->snd_nxt)) {
        return false;
    }
    *conn = c->sock.id;
    if (c->state == SOK_TCP_SYN_SENT || (c->state == SOK_TCP_SYN_RECEIVED && !c->passive)) {
        sok_tcp_over(c, err, now);
    } else {
        c->soft_error = err;
        c->error = c->recverr ? err : c->error;
        sok_tcp_ready_update(c);
    }
    return true;
}
