// Taking data in: RFC 9293 section 3.10.7.4, first (the window) and sixth to eighth (URG, text, FIN), and
// what is told to the peer: when to acknowledge (3.8.6.3, RFC 5681 section 4.2) and how large a window
// (3.8.6.2.2).
#include "base/siphash.h"
#include "tcp/internal.h"

// ---- first: the four cases of acceptability, and cutting off what lies outside the window ----

static void cut_left(struct sok_tcp_in *in, uint32_t upto)
{
    uint32_t n = upto - in->seq;
    if (in->syn) {
        in->syn = false;
        n--;
    }
    n = n < in->data.len ? n : in->data.len;
    in->data.off += n;
    in->data.len -= n;
    in->seq = upto;
}

static void cut_right(struct sok_tcp_in *in, uint32_t edge)
{
    uint32_t n = in->end - edge;
    if (in->fin) {
        in->fin = false;
        n--;
    }
    in->data.len -= n < in->data.len ? n : in->data.len;
    in->end = edge;
}

bool sok_tcp_trim(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt;
    uint32_t len = in->end - in->seq;
    uint32_t edge = c->rcv_adv;
    if (len == 0) {
        // A bare ACK may stand at the very edge: two peers that filled each other's window, and lost
        // some of it, would otherwise never hear each other's ACKs. A reset may not (RFC 5961 3).
        bool at_edge = in->seq == edge && (wnd == 0 || !(in->h.flags & SOK_TCP_RST));
        return at_edge || (sok_seq_ge(in->seq, c->rcv_nxt) && sok_seq_lt(in->seq, edge));
    }
    if (in->h.flags & SOK_TCP_RST) { // judged by its first number alone (RFC 5961)
        return in->seq == c->rcv_nxt ||
               (sok_seq_ge(in->seq, c->rcv_nxt) && sok_seq_lt(in->seq, edge));
    }
    if (wnd == 0 && in->seq == c->rcv_nxt && in->data.len == 0 && in->fin) {
        return true; // a bare FIN needs no room, and refusing it would refuse every ACK behind it
    }
    if (wnd == 0 && in->seq == c->rcv_nxt) { // U10: its ACK counts, its data does not
        cut_right(in, c->rcv_nxt);
        in->out->drop = SOK_DROP_TCP_OUTSIDE_WINDOW;
        sok_tcp_ack_now(c, SOK_REASON_ACK_PROBE);
        return true;
    }
    bool first_in = sok_seq_ge(in->seq, c->rcv_nxt) && sok_seq_lt(in->seq, edge);
    bool last_in = sok_seq_gt(in->end, c->rcv_nxt) && sok_seq_le(in->end, edge);
    bool around = sok_seq_lt(in->seq, c->rcv_nxt) && sok_seq_gt(in->end, edge);
    if (!first_in && !last_in && !around) {
        return false;
    }
    if (sok_seq_lt(in->seq, c->rcv_nxt)) { // U9
        sok_tcp_dsack_note(c, in->seq + in->syn, c->rcv_nxt);
        cut_left(in, c->rcv_nxt);
    }
    if (sok_seq_gt(in->end, edge)) {
        cut_right(in, edge);
    }
    return true;
}

// ---- when to acknowledge ----

static bool routine(enum sok_reason why)
{
    return why == SOK_REASON_NONE || why == SOK_REASON_ACK_QUICK || why == SOK_REASON_ACK_SECOND ||
           why == SOK_REASON_ACK_DELAYED || why == SOK_REASON_WINDOW_UPDATE;
}

// One ACK may answer many segments; the reason told is the first that is out of the ordinary.
void sok_tcp_ack_now(struct sok_tcp_conn *c, enum sok_reason why)
{
    if (c->ack_why == SOK_REASON_NONE || (routine(c->ack_why) && !routine(why))) {
        c->ack_why = (uint8_t)why;
    }
    sok_tcp_want_output(c);
}

// All connections together may send so many in a second. The number is not told by counting them (an outsider
// could find connections by it): each second has its own, from half of the setting to one and a half of it.
static bool challenges_left(struct sok_tcp *t, int64_t now)
{
    int64_t second = now / SOK_S;
    uint64_t most = (uint64_t)t->config.challenge_max;
    uint64_t own = sok_siphash(t->env.secret, &second, sizeof(second)) % most;
    if (t->challenge_second != second) {
        t->challenge_second = second;
        t->challenges = 0;
    }
    return t->challenges++ < (most + 1) / 2 + own;
}

// An ACK that answers something wrong is rationed per connection and in all (RFC 5961 section 7); data is always
// answered, since only data that is sent again comes again.
void sok_tcp_challenge(
    struct sok_tcp_conn *c, struct sok_tcp_in *in, enum sok_drop why_drop, enum sok_reason why)
{
    in->out->drop = why_drop;
    if (in->data.len == 0 || in->syn) {
        if (in->now - c->challenge_at < c->tcp->config.challenge_interval) {
            return;
        }
        if (!challenges_left(c->tcp, in->now)) {
            return;
        }
        c->challenge_at = in->now;
    }
    sok_tcp_ack_now(c, why);
}

static void note_size(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    uint32_t size = in->from->gso_size ? in->from->gso_size : in->data.len;
    uint16_t own = sok_tcp_own_mss(c);
    if (size > c->rcv_mss) {
        c->rcv_mss = size < own ? (uint16_t)size : own;
    }
}

// In-order data was taken in: at once at the start of a flow, as soon as it is more than a full segment, else
// after a delay, so that it may travel with an answer (MUST-58, SHLD-18, SHLD-19).
static void acknowledge_later(struct sok_tcp_conn *c, const struct sok_tcp_in *in, uint32_t bytes)
{
    uint32_t each = in->from->gso_size ? in->from->gso_size : in->data.len;
    uint32_t segments = each ? (in->data.len + each - 1) / each : 0;
    c->unacked += bytes;
    c->unacked_segments = (uint16_t)(c->unacked_segments + (segments < 1000 ? segments : 1000));
    if (c->unacked > c->rcv_mss && c->unacked_segments >= 2) {
        sok_tcp_ack_now(c, SOK_REASON_ACK_SECOND);
    } else if (c->quick_left > 0 && !c->interactive) {
        c->quick_left--;
        sok_tcp_ack_now(c, SOK_REASON_ACK_QUICK);
    } else if (!sok_tcp_timer_armed(c, SOK_TCP_TIMER_DELAYED_ACK)) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_DELAYED_ACK, in->now + c->tcp->config.delayed_ack);
    }
}

// ---- the window ----

// Half of the buffer (the other half is for overhead), what the header's field can say, and what was asked for.
uint32_t sok_tcp_window_most(const struct sok_tcp_conn *c)
{
    uint64_t field = UINT64_C(65535) << c->rcv_wscale;
    uint32_t most = c->rcv_buf / 2 < field ? c->rcv_buf / 2 : (uint32_t)field;
    return c->wishes.window_clamp && c->wishes.window_clamp < most ? c->wishes.window_clamp : most;
}

uint32_t sok_tcp_whole_segments(uint32_t window, uint32_t mss)
{
    uint32_t wnd = window < 65535 ? window : 65535;
    return wnd > mss ? wnd - wnd % mss : wnd;
}

uint32_t sok_tcp_first_window(const struct sok_tcp_conn *c)
{
    uint32_t mss = sok_tcp_own_mss(c) - (c->ts_ok && c->state != SOK_TCP_SYN_SENT ? 12u : 0u);
    return sok_tcp_whole_segments(c->rcv_window, mss);
}

// The right edge that the buffer allows, moved only by a worthwhile step and never to the left.
uint32_t sok_tcp_offer(struct sok_tcp_conn *c)
{
    uint32_t unread = (uint32_t)c->stream.ready;
    uint32_t room = unread < c->rcv_window ? c->rcv_window - unread : 0;
    uint32_t edge = c->rcv_nxt + room;
    uint32_t step = c->rcv_window / 2 < c->rcv_mss ? c->rcv_window / 2 : c->rcv_mss;
    if (sok_seq_lt(edge, c->rcv_adv + step)) { // MUST-39, SHLD-14
        edge = c->rcv_adv;
    }
    // Rounded up, so as not to shrink, but no further than the room does, or crumbs would widen it for ever.
    uint32_t unit = 1u << c->rcv_wscale;
    uint32_t field = (edge - c->rcv_nxt + unit - 1) >> c->rcv_wscale;
    if (field > (room + unit - 1) >> c->rcv_wscale) {
        field = (edge - c->rcv_nxt) >> c->rcv_wscale;
    }
    field = field < 65535 ? field : 65535;
    if (sok_seq_gt(c->rcv_nxt + (field << c->rcv_wscale), c->rcv_adv)) {
        c->rcv_adv = c->rcv_nxt + (field << c->rcv_wscale);
    }
    return field << c->rcv_wscale;
}

// The window was too small if a reader who keeps up took half of it while it was being filled once.
static void tune(struct sok_tcp_conn *c)
{
    uint32_t most = sok_tcp_window_most(c);
    if (sok_seq_lt(c->rcv_nxt, c->tune_seq)) {
        return;
    }
    if (c->bytes_read - c->tune_read >= c->rcv_window / 2 && c->rcv_window < most) {
        c->rcv_window = c->rcv_window < most / 2 ? c->rcv_window * 2 : most;
    }
    c->tune_seq = c->rcv_nxt + c->rcv_window;
    c->tune_read = c->bytes_read;
}

// The application took bytes: tell the peer when that at least doubles what it may send (3.8.6.2.2).
void sok_tcp_was_read(struct sok_tcp_conn *c, size_t bytes, int64_t now)
{
    (void)now;
    c->bytes_read += bytes;
    if (sok_tcp_urgent_left(c) == 0) {
        c->rcv_up = c->stream.next - c->stream.ready; // never left behind
    }
    sok_tcp_ready_update(c);
    bool receiving = c->state == SOK_TCP_ESTABLISHED || c->state == SOK_TCP_FIN_WAIT_1 ||
                     c->state == SOK_TCP_FIN_WAIT_2;
    if (!receiving) {
        return;
    }
    uint32_t unread = (uint32_t)c->stream.ready;
    uint32_t room = unread < c->rcv_window ? c->rcv_window - unread : 0;
    uint32_t left = c->rcv_adv - c->rcv_nxt;
    uint32_t worth = c->rcv_window / 2 < 2u * c->rcv_mss ? c->rcv_window / 2 : 2u * c->rcv_mss;
    if (room >= left + worth && room >= 2 * left) {
        sok_tcp_ack_now(c, SOK_REASON_WINDOW_UPDATE);
    }
}

// Bytes still to be read up to the end of urgent data (MUST-33).
uint32_t sok_tcp_urgent_left(const struct sok_tcp_conn *c)
{
    uint32_t read = c->stream.next - c->stream.ready;
    return sok_seq_gt(c->rcv_up, read) ? c->rcv_up - read : 0;
}

// ---- sixth: check the URG bit. Urgent data stays in the stream (as with SO_OOBINLINE) ----

static void urgent_input(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    uint32_t up = in->h.seq + in->h.urgptr;
    if ((in->h.flags & SOK_TCP_URG) && !c->fin_seen && sok_seq_gt(up, c->rcv_up)) { // U23
        c->rcv_up = up;
        sok_tcp_ready_touch(c); // each time it moves on (MUST-32)
    }
}

// ---- seventh: process the segment text ----

// The charge counts whole buffers; a peer that sends crumbs may use twice its window's worth of memory.
static bool over_charge(const struct sok_tcp_conn *c, uint32_t len)
{
    return c->stream.charged + len > 2 * (uint64_t)c->rcv_buf;
}

static void not_kept(struct sok_tcp_conn *c, struct sok_tcp_in *in, enum sok_drop why)
{
    in->out->drop = why;
    sok_tcp_ack_now(c, SOK_REASON_ACK_GAP);
}

// False: not kept; then its FIN does not count either, and all of it comes again.
static bool store(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    bool gap_before = c->stream.early > 0;
    bool in_order = in->seq == c->rcv_nxt;
    if (over_charge(c, in->data.len) && !in_order) {
        not_kept(c, in, SOK_DROP_TCP_RCVBUF);
        return false;
    }
    sok_tcp_dsack_note_held(c, in);
    int64_t moved =
        sok_stream_add(&c->stream, in->seq, in->data, (unsigned)c->tcp->config.reassembly_runs);
    if (moved < 0) {
        not_kept(c, in, moved == SOK_ENOMEM ? SOK_DROP_NO_MEMORY : SOK_DROP_TCP_REASSEMBLY);
        return false;
    }
    note_size(c, in);
    c->data_in_at = in->now;
    in->out->data = in->data.len;
    if (!in_order) { // MAY-13, SHLD-31
        c->early_seq = in->seq;
        in->out->effects |= SOK_EFFECT_HELD;
        sok_tcp_ack_now(c, SOK_REASON_ACK_GAP);
        return true;
    }
    c->rcv_nxt += (uint32_t)moved;
    c->bytes_received += (uint64_t)moved;
    in->out->effects |= SOK_EFFECT_DATA;
    tune(c);
    if (gap_before) {
        sok_tcp_ack_now(c, SOK_REASON_ACK_FILL); // RFC 5681 4.2
    } else {
        acknowledge_later(c, in, (uint32_t)moved);
    }
    sok_tcp_ready_touch(c);
    return true;
}

// ---- eighth: check the FIN bit ----

static void peer_closed(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    c->fin_seen = true;
    c->rcv_nxt = c->fin_seq + 1;
    c->rcv_adv = sok_seq_gt(c->rcv_nxt, c->rcv_adv) ? c->rcv_nxt : c->rcv_adv;
    in->out->effects |= SOK_EFFECT_PEER_CLOSED;
    sok_tcp_ack_now(c, SOK_REASON_ACK_FIN);
    switch (c->state) {
    case SOK_TCP_ESTABLISHED:
        sok_tcp_set_state(c, SOK_TCP_CLOSE_WAIT, in->now);
        break;
    case SOK_TCP_FIN_WAIT_1: // our FIN is not acknowledged yet, or we were in FIN-WAIT-2
        sok_tcp_set_state(c, SOK_TCP_CLOSING, in->now);
        break;
    case SOK_TCP_FIN_WAIT_2:
        sok_tcp_time_wait(c, in->now);
        sok_tcp_want_output(c);
        break;
    default:
        break;
    }
    sok_tcp_ready_touch(c);
}

// A peer that says it closed before bytes it has sent contradicts itself; the bytes were first.
static bool below_what_we_have(const struct sok_tcp_conn *c, uint32_t fin_seq)
{
    uint32_t start, end = c->rcv_nxt;
    unsigned runs = sok_stream_runs(&c->stream);
    if (runs > 0) {
        sok_stream_run(&c->stream, runs - 1, &start, &end);
    }
    return sok_seq_lt(fin_seq, end);
}

// A FIN that came before missing data waits for it; nothing behind it is ever delivered.
static void fin_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (in->fin && !c->fin_early && !below_what_we_have(c, in->end - 1)) {
        c->fin_early = true;
        c->fin_seq = in->end - 1;
        if (c->fin_seq != c->rcv_nxt) {
            sok_tcp_ack_now(c, SOK_REASON_ACK_GAP);
        }
    }
    if (c->fin_early && !c->fin_seen && c->rcv_nxt == c->fin_seq) {
        peer_closed(c, in);
    }
}

static void cut_behind_fin(const struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (c->fin_early && sok_seq_gt(in->seq + in->data.len, c->fin_seq)) {
        in->data.len = sok_seq_lt(in->seq, c->fin_seq) ? c->fin_seq - in->seq : 0;
        in->fin = false;
    }
}

// Fast Open: the SYN,ACK acknowledges it (RFC 7413 4.2.2).
void sok_tcp_syn_text(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    uint32_t room = c->rcv_adv - c->rcv_nxt;
    in->data.len = in->data.len < room ? in->data.len : room;
    store(c, in);
}

bool sok_tcp_text_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    bool open = c->state == SOK_TCP_ESTABLISHED || c->state == SOK_TCP_FIN_WAIT_1 ||
                c->state == SOK_TCP_FIN_WAIT_2;
    if (!open) { // U26
        if (in->data.len > 0) {
            in->out->drop = SOK_DROP_TCP_AFTER_FIN;
        }
        return true;
    }
    if (in->data.len > 0 && c->orphan) { // nobody will read it (3.6.1)
        in->out->drop = SOK_DROP_TCP_AFTER_FIN;
        sok_tcp_reset_conn(c, SOK_REASON_RST_LATE);
        sok_tcp_over(c, 0, in->now);
        return false;
    }
    urgent_input(c, in);
    cut_behind_fin(c, in);
    if (in->data.len == 0 || store(c, in)) {
        fin_input(c, in);
    }
    return true;
}
