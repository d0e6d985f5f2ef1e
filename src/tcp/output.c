// What to send next: RFC 9293 sections 3.8 and 3.10.2. A connection is asked until it has nothing more;
// each answer is one segment, or a super-frame of equal segments that the link cuts. In this order: SYN,
// what was lost, new data with FIN, probes, and an ACK when nothing else carried it.
#include <string.h>
#include "tcp/internal.h"

// ---- sizes ----

static unsigned sack_blocks(const struct sok_tcp_conn *c)
{
    unsigned runs = c->sack_ok ? sok_stream_runs(&c->stream) : 0;
    unsigned most = c->ts_ok ? 3 : 4;
    runs += c->dsack_due;
    runs = runs < most ? runs : most;
    while (runs > 0 && sok_tcp_send_mss(c) < 4 + 8 * runs + SOK_TCP_MSS_LEAST) {
        runs--;
    }
    return runs;
}

// Payload of a full segment now: SACK blocks take their room from it.
static uint32_t mss_now(const struct sok_tcp_conn *c)
{
    unsigned blocks = sack_blocks(c);
    return sok_tcp_send_mss(c) - (blocks ? 4 + 8 * blocks : 0);
}

uint32_t sok_tcp_pipe(const struct sok_tcp_conn *c)
{
    uint32_t out = c->snd_nxt - c->snd_una;
    uint32_t gone = c->sent.sacked + c->sent.lost;
    if (!c->sack_ok) { // each duplicate ACK tells of one segment that has arrived
        gone += c->dup_acks * sok_tcp_send_mss(c);
    }
    return out > gone ? out - gone : 0;
}

static uint32_t cwnd_room(const struct sok_tcp_conn *c)
{
    uint32_t pipe = sok_tcp_pipe(c), mss = sok_tcp_send_mss(c);
    if (pipe == 0 && c->cwnd < mss) { // segments have grown since: one may always go
        return mss;
    }
    return c->cwnd > pipe ? c->cwnd - pipe : 0;
}

static uint32_t window_room(const struct sok_tcp_conn *c)
{
    uint32_t out = c->snd_nxt - c->snd_una;
    return c->snd_wnd > out ? c->snd_wnd - out : 0; // negative when the window shrank (MUST-34)
}

uint32_t sok_tcp_ts_now(const struct sok_tcp_conn *c, int64_t now)
{
    return (uint32_t)(now / SOK_MS) + c->ts_offset; // RFC 7323 5.4: a tick each millisecond
}

// Payload of the largest super-frame, at least one segment.
static uint32_t at_once(const struct sok_tcp_conn *c, uint32_t mss)
{
    uint32_t most = (uint32_t)c->tcp->config.super_frame_max;
    bool urgent = sok_seq_gt(c->snd_up, c->snd_una); // each segment has a pointer of its own
    return most > mss && !urgent ? most : mss;
}

// ---- building a segment ----

static void add_timestamp(const struct sok_tcp_conn *c, int64_t now, struct sok_tcp_opts *o)
{
    if (c->ts_ok) {
        o->has_ts = true;
        o->tsval = sok_tcp_ts_now(c, now);
        o->tsecr = c->ts_recent;
    }
}

// A duplicate comes first (RFC 2883 4), then the run that the latest early segment belongs to (RFC 2018 4),
// then the lowest.
static void add_sacks(const struct sok_tcp_conn *c, struct sok_tcp_opts *o)
{
    unsigned blocks = sack_blocks(c);
    uint32_t start = 0, end = 0;
    if (blocks && c->dsack_due) {
        o->sack[o->sack_count].start = c->dsack_start;
        o->sack[o->sack_count++].end = c->dsack_end;
    }
    bool latest = o->sack_count < blocks && sok_stream_find(&c->stream, c->early_seq, &start, &end);
    if (latest) {
        o->sack[o->sack_count].start = start;
        o->sack[o->sack_count++].end = end;
    }
    for (unsigned i = 0; o->sack_count < blocks; i++) {
        uint32_t s, e;
        if (!sok_stream_run(&c->stream, i, &s, &e)) {
            break;
        }
        if (!latest || s != start) {
            o->sack[o->sack_count].start = s;
            o->sack[o->sack_count++].end = e;
        }
    }
}

static void add_syn_options(const struct sok_tcp_conn *c, struct sok_tcp_opts *o)
{
    bool answer = c->state == SOK_TCP_SYN_RECEIVED;
    o->has_mss = true;
    o->mss = sok_tcp_wished_mss(&c->wishes, sok_tcp_own_mss(c));
    o->sack_ok = c->sack_ok;
    o->has_wscale = answer ? c->wscale_ok : c->tcp->config.window_scale != 0;
    o->wscale = c->rcv_wscale;
    sok_tcp_fastopen_option(c, o);
}

static void acked_now(struct sok_tcp_conn *c)
{
    c->ack_why = SOK_REASON_NONE;
    c->dsack_due = false;
    c->unacked = 0;
    c->unacked_segments = 0;
    c->last_ack_sent = c->rcv_nxt;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_DELAYED_ACK);
}

static uint16_t window_field(struct sok_tcp_conn *c, uint16_t flags)
{
    if (!(flags & SOK_TCP_SYN)) {
        return (uint16_t)(sok_tcp_offer(c) >> c->rcv_wscale);
    }
    return (uint16_t)(flags & SOK_TCP_ACK ? c->rcv_adv - c->rcv_nxt : sok_tcp_first_window(c));
}

// Header, options, and all that every segment of a connection has in common.
static void build(struct sok_tcp_conn *c, uint32_t seq, uint16_t flags, enum sok_reason why,
    int64_t now, struct sok_tcp_segment *out)
{
    struct sok_tcp_opts o = {0};
    // A probe's number lies before the window: its peer answers it, but takes no ACK and no window from it.
    bool heard = sok_seq_ge(seq, c->snd_una);
    bool up = !(flags & SOK_TCP_SYN) && sok_seq_gt(c->snd_up, c->snd_una);
    uint32_t urgent = up && sok_seq_gt(c->snd_up, seq) ? c->snd_up - seq : 0;
    out->from = c->local;
    out->to = c->remote;
    out->next_hop = c->path.next_hop;
    out->link = c->path.link;
    out->tos = c->tos & 0xfc; // the other two bits are ecn.c's
    out->ttl = c->ttl;
    out->may_cut = c->routers_cut || (c->path.known.mtu && c->path.known.may_cut);
    out->data_count = 0;
    out->data_len = 0;
    out->gso_size = 0;
    out->reason = (uint8_t)why;
    out->conn = c->sock.id;
    out->has_base = true;
    sok_tcp_bases(c, &out->seq_base, &out->ack_base);
    add_timestamp(c, now, &o);
    if (flags & SOK_TCP_SYN) {
        add_syn_options(c, &o);
    } else {
        add_sacks(c, &o);
    }
    uint16_t window = (uint16_t)((c->rcv_adv - c->rcv_nxt) >> c->rcv_wscale);
    if (heard) {
        window = window_field(c, flags);
    }
    flags |= c->ecn_echo ? SOK_TCP_ECE : 0;
    flags |= urgent ? SOK_TCP_URG : 0;
    size_t options = sok_tcp_opts_put(out->head + SOK_TCP_HDR_LEN, &o);
    struct sok_tcp_hdr h = {
        .sport = c->local.port,
        .dport = c->remote.port,
        .seq = seq,
        .ack = flags & SOK_TCP_ACK ? c->rcv_nxt : 0,
        .dataofs = (uint8_t)((SOK_TCP_HDR_LEN + options) / 4),
        .flags = flags,
        .urgptr = (uint16_t)(urgent < 65535 ? urgent : 65535),
        .window = window,
    };
    sok_tcp_hdr_put(out->head, &h);
    out->head_len = (uint8_t)(SOK_TCP_HDR_LEN + options);
    out->win_shift = flags & SOK_TCP_SYN ? 0 : c->rcv_wscale;
    c->segments_out++;
    if ((flags & SOK_TCP_ACK) && heard) {
        acked_now(c);
    }
}

static void set_flags(struct sok_tcp_segment *out, uint16_t flags)
{
    struct sok_tcp_hdr h;
    sok_tcp_hdr_get(out->head, &h);
    h.flags |= flags;
    sok_tcp_hdr_put(out->head, &h);
}

// Points out at [seq, seq + len) of the send buffer; fewer bytes if they lie in too many pieces.
static uint32_t attach(
    struct sok_tcp_conn *c, uint32_t seq, uint32_t len, uint32_t mss, struct sok_tcp_segment *out)
{
    out->data_count = SOK_TCP_IOV_MAX;
    out->data_len = sok_tcp_sendq_gather(&c->sendq, seq, len, out->data, &out->data_count);
    out->gso_size = out->data_len > mss ? (uint16_t)mss : 0;
    uint32_t segments = sok_tcp_segments_of(out->data_len, mss);
    c->segments_out += segments > 1 ? segments - 1 : 0; // the first was counted
    c->data_out += segments;
    return out->data_len;
}

// ---- SYN ----

// Fast Open: the first data goes along (RFC 7413 4.2.1). It is on the scoreboard like any other.
static void syn_data(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    uint32_t len = sok_tcp_fastopen_room(c, out->head_len - SOK_TCP_HDR_LEN);
    if (len == 0 || !sok_tcp_sent_room(&c->sent, c->tcp->env.mem) ||
        attach(c, c->iss + 1, len, len, out) == 0) {
        return;
    }
    sok_tcp_sent_push(&c->sent, c->snd_nxt, c->snd_nxt + out->data_len, now);
    c->snd_nxt += out->data_len;
    c->sent_at = now;
    c->bytes_sent += out->data_len;
}

static void send_syn(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    bool answer = c->state == SOK_TCP_SYN_RECEIVED;
    uint16_t ecn = sok_tcp_ecn_syn_flags(c);
    if (!c->syn_is_out) {
        c->stalled_at = now;
    }
    c->syn_again |= c->syn_is_out;
    c->syn_is_out = true;
    uint16_t flags = answer ? SOK_TCP_SYN | SOK_TCP_ACK : SOK_TCP_SYN;
    build(c, c->iss, (uint16_t)(flags | ecn), c->syn_why, now, out);
    c->syn_why = SOK_REASON_NONE;
    if (c->snd_nxt == c->iss) {
        c->snd_nxt++;
        syn_data(c, now, out);
    }
    if (!sok_tcp_timer_armed(c, SOK_TCP_TIMER_RETRANSMIT)) { // a repeated SYN buys no more time
        sok_tcp_retransmit_arm(c, now);
    }
}

// ---- what was lost ----

static struct sok_tcp_sent *first_lost(struct sok_tcp_conn *c, uint32_t *index)
{
    struct sok_tcp_scoreboard *b = &c->sent;
    if (b->lost == 0) {
        return NULL;
    }
    for (uint32_t i = sok_tcp_sent_find(b, b->lost_from); i < b->count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
        if (r->flags & SOK_SENT_LOST) {
            b->lost_from = r->start;
            *index = i;
            return r;
        }
    }
    return NULL;
}

// How much of a lost record may go now; 0: none. Beyond the peer's window only the very first segment
// does, which then serves as a probe (SHLD-16).
static uint32_t may_resend(const struct sok_tcp_conn *c, const struct sok_tcp_sent *r, uint32_t mss)
{
    uint32_t len = r->end - r->start;
    uint32_t room = cwnd_room(c);
    uint32_t most = at_once(c, mss);
    if (c->send_one && room < mss) {
        room = mss;
    }
    uint32_t ahead = r->start - c->snd_una;
    uint32_t wnd = c->snd_wnd > ahead ? c->snd_wnd - ahead : 0;
    if (ahead == 0 && wnd < mss) {
        wnd = mss;
    }
    room = room < wnd ? room : wnd;
    room = room < most ? room : most;
    if (len <= room) {
        return len;
    }
    return room - room % mss;
}

static bool send_lost(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    uint32_t i = 0, mss = mss_now(c);
    struct sok_tcp_sent *r = first_lost(c, &i);
    uint32_t len = r ? may_resend(c, r, mss) : 0;
    if (len == 0) {
        return false;
    }
    bool first = c->send_one || r->why != SOK_REASON_FAST_RETRANSMIT;
    build(c, r->start, SOK_TCP_ACK, first ? r->why : SOK_REASON_RECOVERY, now, out);
    uint32_t data = sok_seq_gt(r->start + len, c->sendq.end) ? c->sendq.end - r->start : len;
    bool fin = data < len;
    if (attach(c, r->start, data, mss, out) < data) {
        len = out->data_len;
        fin = false;
    }
    if (r->start + len != r->end &&
        sok_tcp_sent_split(&c->sent, c->tcp->env.mem, i, r->start + len)) {
        r = sok_tcp_sent_at(&c->sent, i);
    }
    bool last = r->start + out->data_len == c->sendq.end;
    set_flags(out, (uint16_t)((fin ? SOK_TCP_FIN : 0) | (last && out->data_len ? SOK_TCP_PSH : 0)));
    sok_tcp_rate_sent(c, r, sok_tcp_pipe(c), now);
    sok_tcp_sent_again(&c->sent, r, now);
    c->sent_at = now;
    c->send_one = false;
    c->bytes_again += out->data_len;
    c->segments_again += sok_tcp_segments_of(out->data_len, sok_tcp_send_mss(c));
    sok_tcp_prr_sent(c, len, true);
    sok_tcp_undo_repeated(c, len, now);
    if (r->start == c->snd_una) {
        sok_tcp_retransmit_arm(c, now);
    }
    return true;
}

// ---- new data and FIN ----

// What may be sent of the data not sent yet, and what holds back the rest.
struct allowance {
    uint32_t len;
    bool fin;
    enum sok_hold held;
};

// Nagle (RFC 9293 3.7.4) and cork: may a segment go that is not full, though it is all there is? As in
// Linux (Minshall's form), it waits only for another small one, so that the end of a large write goes.
static enum sok_hold partial_held(const struct sok_tcp_conn *c)
{
    if (c->override_sws || c->fin_wanted) {
        return SOK_HOLD_NOTHING;
    }
    if (c->corked) {
        return SOK_HOLD_CORK;
    }
    bool small_is_out = sok_seq_gt(c->small_end, c->snd_una);
    return c->nodelay || c->tlp_due || !small_is_out ? SOK_HOLD_NOTHING : SOK_HOLD_NAGLE;
}

// The sender's silly window avoidance (3.8.6.2.1): full segments, or all there is, or half of the largest
// window seen, or what fits when the persist timer has run out.
static struct allowance allow(const struct sok_tcp_conn *c, uint32_t mss)
{
    struct allowance a = {0};
    uint32_t all = sok_tcp_unsent(c), wnd = window_room(c), cwnd = c->tlp_due ? mss : cwnd_room(c);
    uint32_t most = at_once(c, mss);
    uint32_t room = wnd < cwnd ? wnd : cwnd;
    uint32_t len = all < room ? all : room;
    len = len < most ? len : most;
    uint32_t tail = len % mss;
    if (tail && len == all) { // the end of what there is
        a.held = partial_held(c);
        len -= a.held ? tail : 0;
    } else if (tail && len == room) { // a window ends within a segment
        bool half = wnd <= cwnd && len >= c->max_snd_wnd / 2;
        a.held = wnd <= cwnd ? SOK_HOLD_WINDOW : SOK_HOLD_CWND;
        len -= half || c->override_sws ? 0 : tail;
    } else if (tail) { // cut at super_frame_max
        len -= tail;
    }
    if (len == 0 && a.held == SOK_HOLD_NOTHING && all > 0) {
        a.held = wnd <= cwnd ? SOK_HOLD_WINDOW : SOK_HOLD_CWND;
    }
    a.len = len;
    bool fin_due = c->fin_wanted && !sok_tcp_fin_sent(c) && len == all && !sok_tcp_early(c);
    a.fin = fin_due && wnd > len; // it takes a sequence number: the window is for it, too
    if (fin_due && !a.fin && len == 0) {
        a.held = SOK_HOLD_WINDOW;
    }
    return a;
}

static void tell_held(struct sok_tcp_conn *c, enum sok_hold by, int64_t now)
{
    struct sok_event *ev = NULL;
    if (by != c->held && by != SOK_HOLD_NOTHING) {
        ev = sok_events_push(c->tcp->env.events, SOK_EVENT_HELD, now, c->sock.id);
    }
    c->held = (uint8_t)by;
    if (ev) {
        ev->held.by = (uint8_t)by;
        ev->held.bytes = sok_tcp_unsent(c);
    }
}

// Nothing may go: whatever will let it go must be waited for.
static void wait_for(struct sok_tcp_conn *c, enum sok_hold by, int64_t now)
{
    tell_held(c, by, now);
    c->cwnd_limited |= by == SOK_HOLD_CWND;
    if (by == SOK_HOLD_CORK && !sok_tcp_timer_armed(c, SOK_TCP_TIMER_CORK)) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_CORK, now + c->tcp->config.cork_max);
    }
    if (by == SOK_HOLD_WINDOW && c->snd_una == c->snd_nxt &&
        !sok_tcp_timer_armed(c, SOK_TCP_TIMER_PERSIST)) {
        sok_tcp_persist_arm(c, now);
    }
}

static void note_flight(struct sok_tcp_conn *c)
{
    uint32_t pipe = sok_tcp_pipe(c);
    if (sok_seq_ge(c->snd_una, c->flight_end) || pipe > c->flight_max) {
        c->flight_max = pipe;
        c->flight_end = c->snd_nxt;
        c->cwnd_limited = false;
    }
}

// RFC 5681 section 4.1: a window earned before a pause longer than the RTO is not to be sent in one burst.
static void restart_after_idle(struct sok_tcp_conn *c, int64_t now)
{
    uint32_t initial = (uint32_t)c->tcp->config.initial_window * sok_tcp_send_mss(c);
    bool idle = c->snd_una == c->snd_nxt && now - c->sent_at > sok_tcp_rto(c);
    if (idle && c->cwnd > initial && sok_tcp_unsent(c) > 0 && c->tcp->config.idle_restart) {
        c->cwnd = initial;
        sok_tcp_tell_cwnd(c, SOK_REASON_IDLE, now);
    }
}

static bool send_new(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    uint32_t mss = mss_now(c);
    restart_after_idle(c, now);
    struct allowance a = allow(c, mss);
    if (a.len == 0 && !a.fin) {
        wait_for(c, a.held, now);
        return false;
    }
    if (!sok_tcp_sent_room(&c->sent, c->tcp->env.mem)) {
        if (c->snd_una == c->snd_nxt && !sok_tcp_timer_armed(c, SOK_TCP_TIMER_PERSIST)) {
            sok_tcp_persist_arm(c, now); // no memory, and no ACK to come that would try again
        }
        return false;
    }
    uint32_t seq = c->snd_nxt;
    enum sok_reason why = c->tlp_due ? SOK_REASON_TAIL_PROBE_NEW : SOK_REASON_DATA;
    build(c, seq, SOK_TCP_ACK, a.fin ? SOK_REASON_CLOSE : why, now, out);
    if (attach(c, seq, a.len, mss, out) < a.len) {
        a.fin = false;
    }
    uint32_t end = seq + out->data_len;
    // The last that may go before an ACK comes is pushed, too: a receiver that acknowledges every second segment
    // (RFC 5681 4.2) would wait for another one in vain, for as long as it delays an ACK.
    bool last = cwnd_room(c) < out->data_len + mss;
    bool push = out->data_len > 0 && (last || end == c->sendq.end); // MUST-61
    uint16_t cwr = sok_tcp_ecn_new_data(c, out);
    set_flags(out, (uint16_t)((a.fin ? SOK_TCP_FIN : 0) | (push ? SOK_TCP_PSH : 0) | cwr));
    if (out->data_len % mss != 0) {
        c->small_end = end;
    }
    uint32_t pipe = sok_tcp_pipe(c);
    sok_tcp_sent_push(&c->sent, seq, end + a.fin, now);
    sok_tcp_rate_sent(c, sok_tcp_sent_at(&c->sent, c->sent.count - 1), pipe, now);
    c->snd_nxt = end + a.fin;
    c->sent_at = now;
    c->bytes_sent += out->data_len;
    c->held = SOK_HOLD_NOTHING;
    c->override_sws = false;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_CORK);
    sok_tcp_prr_sent(c, out->data_len, false);
    note_flight(c);
    if (!sok_tcp_timer_armed(c, SOK_TCP_TIMER_RETRANSMIT)) {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_PERSIST);
        sok_tcp_retransmit_arm(c, now);
    }
    if (c->tlp_due) {
        sok_tcp_tlp_sent(c, false, now);
    } else {
        sok_tcp_tlp_arm(c, now);
    }
    if (c->notsent_lowat) {
        sok_tcp_ready_update(c);
    }
    return true;
}

// ---- tail loss probe: new data if there is any, else the last segment again (RFC 8985 7.3) ----

static bool send_tail(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    struct sok_tcp_scoreboard *b = &c->sent;
    uint32_t i = b->count - 1, mss = mss_now(c);
    struct sok_tcp_sent *r = b->count > 0 ? sok_tcp_sent_at(b, i) : NULL;
    if (!r || r->end - c->snd_una > c->snd_wnd) { // the window has shrunk: it would not be taken
        return false;
    }
    uint32_t data_end = sok_seq_gt(r->end, c->sendq.end) ? c->sendq.end : r->end;
    uint32_t data = data_end - r->start, last = data > 0 ? (data - 1) % mss + 1 : 0;
    if (last < data) {
        if (!sok_tcp_sent_split(b, c->tcp->env.mem, i, data_end - last)) {
            return false;
        }
        r = sok_tcp_sent_at(b, i + 1);
    }
    bool fin = r->end != data_end;
    build(c, r->start, SOK_TCP_ACK, SOK_REASON_TAIL_PROBE, now, out);
    if (attach(c, r->start, last, mss, out) <
        last) { // in too many pieces; so small a part is of no use
        fin = false;
    }
    set_flags(out, (uint16_t)((fin ? SOK_TCP_FIN : 0) | (last > 0 ? SOK_TCP_PSH : 0)));
    sok_tcp_rate_sent(c, r, sok_tcp_pipe(c), now);
    sok_tcp_sent_again(b, r, now);
    c->sent_at = now;
    c->bytes_again += out->data_len;
    c->segments_again += sok_tcp_segments_of(out->data_len, sok_tcp_send_mss(c));
    sok_tcp_tlp_sent(c, true, now);
    return true;
}

static bool send_tail_probe(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    if (!c->tlp_due) {
        return false;
    }
    if (c->snd_una == c->snd_nxt || c->recovery == SOK_RECOVERY_RTO) {
        c->tlp_due = false;
        return false;
    }
    bool sent = send_new(c, now, out) || send_tail(c, now, out);
    c->tlp_due = false;
    return sent;
}

// During F-RTO new data goes instead of what was lost; if there is none that may go, F-RTO is over.
static bool send_data(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    if (c->frto == SOK_FRTO_SECOND) {
        if (send_new(c, now, out)) {
            return true;
        }
        if (c->snd_nxt != c->recover) {
            return false;
        }
        c->frto = SOK_FRTO_OFF;
    }
    return send_lost(c, now, out) || send_tail_probe(c, now, out) || send_new(c, now, out);
}

// ---- probes: a sequence number before the window, which every peer answers with an ACK. RFC 9293
// 3.8.6.1 probes with a byte of data; a byte the peer has, as Linux does, asks the same question and
// leaves nothing in flight ----

static bool send_probe(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    enum sok_reason why = c->probe_due ? SOK_REASON_WINDOW_PROBE : SOK_REASON_KEEPALIVE;
    if (!c->probe_due && !c->keepalive_due) {
        return false;
    }
    c->probe_due = c->keepalive_due = false;
    build(c, c->snd_una - 1, SOK_TCP_ACK, why, now, out);
    return true;
}

static bool send_ack(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    if (c->ack_why == SOK_REASON_NONE) {
        return false;
    }
    build(c, c->snd_nxt, SOK_TCP_ACK, c->ack_why, now, out);
    return true;
}

bool sok_tcp_conn_output(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out)
{
    if (c->undecided) { // its SYN,ACK waits to be admitted
        return false;
    }
    switch (c->state) {
    case SOK_TCP_CLOSED:
    case SOK_TCP_LISTEN:
        return false;
    case SOK_TCP_SYN_SENT:
    case SOK_TCP_SYN_RECEIVED:
        if (c->syn_why == SOK_REASON_NONE) {
            return (sok_tcp_early(c) && send_new(c, now, out)) || send_ack(c, now, out);
        }
        send_syn(c, now, out);
        return true;
    case SOK_TCP_FIN_WAIT_2:
    case SOK_TCP_TIME_WAIT:
        return send_probe(c, now, out) || send_ack(c, now, out);
    default:
        return send_data(c, now, out) || send_probe(c, now, out) || send_ack(c, now, out);
    }
}
