// The ACK field: RFC 9293 section 3.10.7.4, fifth. Cumulative and selective acknowledgments take records
// off the scoreboard and give RTT samples; what follows from that for loss and cwnd is in loss.c.
#include <string.h>
#include "tcp/internal.h"

// RFC 7323 section 4.3: the timestamp to echo is that of the segment at the left edge of what was acked.
static void take_timestamp(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    bool newer = sok_seq_ge(in->o.tsval, c->ts_recent) || sok_tcp_ts_stale(c, in->now);
    if (c->ts_ok && in->o.has_ts && sok_seq_le(in->h.seq, c->last_ack_sent) && newer) {
        c->ts_recent = in->o.tsval;
        c->ts_recent_at = in->now;
    }
}

// A window worth mentioning: nothing else happened in this segment, or it was closed before.
void sok_tcp_take_window(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    bool newer = sok_seq_lt(c->snd_wl1, in->h.seq) ||
                 (c->snd_wl1 == in->h.seq && sok_seq_le(c->snd_wl2, in->h.ack));
    if (!newer) { // U19
        return;
    }
    if (in->wnd != c->snd_wnd && (c->snd_wnd == 0 || in->wnd == 0 || in->out->acked == 0)) {
        in->out->effects |= SOK_EFFECT_WINDOW;
        in->out->window = in->wnd;
    }
    bool more = in->wnd > c->snd_wnd || in->h.ack != c->snd_wl2;
    if (more) {
        sok_tcp_want_output(c);
    }
    bool reopened = c->snd_wnd == 0 && in->wnd > 0 && c->snd_una != c->snd_nxt;
    c->snd_wnd = in->wnd;
    c->snd_wl1 = in->h.seq;
    c->snd_wl2 = in->h.ack;
    if (reopened) {
        sok_tcp_recovery_on_window_open(c, in->now);
    }
    c->max_snd_wnd = in->wnd > c->max_snd_wnd ? in->wnd : c->max_snd_wnd;
    // A repeated ACK must not stop the wait for a window that is open but too small to be worth using.
    // For what nobody holds any more it goes on, or a window that comes and goes would put off R2.
    if (more && c->snd_wnd > c->snd_nxt - c->snd_una && !c->orphan &&
        sok_tcp_timer_armed(c, SOK_TCP_TIMER_PERSIST)) {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_PERSIST);
        c->backoff = 0;
    }
}

// A record the peer has now: for the first time, not by both SACK and ACK.
static void deliver(
    struct sok_tcp_conn *c, const struct sok_tcp_sent *r, struct sok_tcp_delivery *d, int64_t now)
{
    if (!(r->flags & SOK_SENT_AGAIN)) {
        d->sample = d->sample ? d->sample : now - r->at; // the oldest not sent twice (Karn)
        *(sok_seq_gt(r->end, c->recover) ? &d->beyond : &d->original) = true;
    }
    d->delivered += r->end - r->start;
    sok_tcp_rate_delivered(c, r, r->end - r->start, d, now);
    sok_tcp_rack_delivered(c, r, d, now);
}

static void take_cumulative(
    struct sok_tcp_conn *c, uint32_t ack, struct sok_tcp_delivery *d, int64_t now)
{
    struct sok_tcp_scoreboard *b = &c->sent;
    bool again = false;
    d->acked = ack - c->snd_una;
    while (b->count > 0) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(b, 0);
        if (sok_seq_le(ack, r->start)) {
            break;
        }
        again |= (r->flags & SOK_SENT_AGAIN) != 0;
        d->first = d->first && d->first < r->first ? d->first : r->first;
        if (sok_seq_lt(ack, r->end)) {
            struct sok_tcp_sent part = *r;
            part.end = ack;
            if (!(r->flags & SOK_SENT_SACKED)) {
                deliver(c, &part, d, now);
            }
            sok_tcp_sent_trim(b, ack);
            break;
        }
        if (!(r->flags & SOK_SENT_SACKED)) {
            deliver(c, r, d, now);
        }
        sok_tcp_sent_pop(b);
    }
    if (again) { // the ACK may be for either copy
        d->sample = 0;
    }
    if (b->count == 0 && b->cap > SOK_TCP_RING_KEPT) {
        sok_tcp_sent_free(b, c->tcp->env.mem);
    }
    c->snd_una = ack;
    c->snd_up = sok_seq_lt(c->snd_up, ack) ? ack : c->snd_up;
    c->small_end = sok_seq_lt(c->small_end, ack) ? ack : c->small_end;
    uint32_t data_acked = sok_seq_lt(ack, c->sendq.end) ? ack : c->sendq.end;
    c->bytes_acked += data_acked - c->sendq.start;
    c->tcp->send_held -= data_acked - c->sendq.start;
    sok_tcp_sendq_drop(&c->sendq, c->tcp->env.mem, data_acked);
}

// Of one SACK block: records inside are marked, records across its edges are cut first.
static bool take_range(
    struct sok_tcp_conn *c, uint32_t start, uint32_t end, struct sok_tcp_delivery *d, int64_t now)
{
    struct sok_tcp_scoreboard *b = &c->sent;
    for (uint32_t i = sok_tcp_sent_find(b, start); i < b->count; i++) {
        struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
        if (sok_seq_ge(r->start, end)) {
            break;
        }
        if (r->flags & SOK_SENT_SACKED) {
            continue;
        }
        if (sok_seq_lt(r->start, start)) {
            if (!sok_tcp_sent_split(b, c->tcp->env.mem, i, start)) {
                return false;
            }
            continue; // the part inside is the next record
        }
        if (sok_seq_gt(r->end, end) && !sok_tcp_sent_split(b, c->tcp->env.mem, i, end)) {
            return false;
        }
        r = sok_tcp_sent_at(b, i);
        deliver(c, r, d, now);
        d->sacked += r->end - r->start;
        sok_tcp_sent_mark(b, r, SOK_SENT_SACKED);
        sok_tcp_sent_unmark(b, r, SOK_SENT_LOST);
    }
    return true;
}

// A block mostly says again what the last ACK said, and a little more: only that is looked at, so that the
// work does not grow with the block.
static void take_block(
    struct sok_tcp_conn *c, uint32_t start, uint32_t end, struct sok_tcp_delivery *d, int64_t now)
{
    struct sok_tcp_sack_seen *seen = NULL;
    if (c->sent.sacked == 0) {
        memset(c->sacks_seen, 0, sizeof(c->sacks_seen));
    }
    for (unsigned i = 0; i < SOK_TCP_SACKS_SEEN && !seen; i++) {
        struct sok_tcp_sack_seen *s = &c->sacks_seen[i];
        bool holds = sok_seq_lt(s->start, s->end) && sok_seq_gt(s->end, c->snd_una) &&
                     sok_seq_ge(s->start, start) && sok_seq_le(s->end, end);
        seen = holds ? s : NULL;
    }
    bool done =
        seen ? take_range(c, start, seen->start, d, now) && take_range(c, seen->end, end, d, now)
             : take_range(c, start, end, d, now);
    if (done) {
        seen = seen ? seen : &c->sacks_seen[c->sack_place++ % SOK_TCP_SACKS_SEEN];
        *seen = (struct sok_tcp_sack_seen){start, end};
    }
}

static void take_sacks(
    struct sok_tcp_conn *c, const struct sok_tcp_in *in, struct sok_tcp_delivery *d)
{
    unsigned first = c->sack_ok && in->o.sack_count > 0 && sok_tcp_dsack_take(c, in, d);
    for (unsigned i = first; c->sack_ok && i < in->o.sack_count; i++) {
        uint32_t start = in->o.sack[i].start, end = in->o.sack[i].end;
        bool sound =
            sok_seq_lt(start, end) && sok_seq_ge(start, c->snd_una) && sok_seq_le(end, c->snd_nxt);
        if (sound) {
            take_block(c, start, end, d, in->now);
        }
    }
}

static void take_sample(
    struct sok_tcp_conn *c, const struct sok_tcp_in *in, const struct sok_tcp_delivery *d)
{
    if (d->sample > 0) {
        sok_tcp_rtt_sample(c, d->sample, in->now);
    } else if (d->acked && c->ts_ok && in->o.has_ts && in->o.tsecr != 0) { // RFC 7323 4.1
        sok_tcp_rtt_by_timestamp(c, in->o.tsecr, d->first, in->now);
    }
}

// RFC 5681 section 2, definition of a duplicate acknowledgment.
static bool is_duplicate(const struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    return in->h.ack == c->snd_una && c->snd_una != c->snd_nxt && in->data.len == 0 && !in->fin &&
           in->wnd == c->snd_wnd;
}

// Our FIN has been acknowledged: 3.10.7.4, fifth, per state. False: the connection is gone.
static bool close_acked(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    in->out->effects |= SOK_EFFECT_CLOSE_ACKED;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_LINGER);
    switch (c->state) {
    case SOK_TCP_FIN_WAIT_1:
        sok_tcp_set_state(c, SOK_TCP_FIN_WAIT_2, in->now);
        if (c->orphan) {
            sok_tcp_timer_set(c, SOK_TCP_TIMER_FIN_WAIT_2, in->now + sok_tcp_fin_wait_2(c));
        }
        return true;
    case SOK_TCP_CLOSING:
        sok_tcp_time_wait(c, in->now);
        return true;
    case SOK_TCP_LAST_ACK:
        sok_tcp_over(c, 0, in->now);
        return false;
    default:
        return true;
    }
}

static bool acceptable(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    if (sok_seq_gt(in->h.ack, c->snd_nxt)) { // U18
        sok_tcp_challenge(c, in, SOK_DROP_TCP_FUTURE_ACK, SOK_REASON_ACK_CHALLENGE);
        return false;
    }
    if (sok_seq_lt(in->h.ack, c->snd_una - c->max_snd_wnd)) { // U16, RFC 5961 section 5
        sok_tcp_challenge(c, in, SOK_DROP_TCP_OLD_ACK, SOK_REASON_ACK_CHALLENGE);
        return false;
    }
    return true;
}

// What was sent arrives, or what comes is new (duplicates are cut off by now).
void sok_tcp_neighbour_is_there(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    const struct sok_tcp_env *env = &c->tcp->env;
    if (env->confirm && (in->data.len > 0 || sok_seq_gt(in->h.ack, c->snd_una))) {
        env->confirm(env->route_ctx, c->path.link, &c->path.next_hop, in->now);
    }
}

bool sok_tcp_ack_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    struct sok_tcp_delivery d = {
        .fack = c->rack_fack,
        .sacked_before = c->sent.sacked,
        .has_ts = c->ts_ok && in->o.has_ts,
        .tsecr = in->o.tsecr,
    };
    uint32_t flight = c->snd_nxt - c->snd_una; // FlightSize (RFC 5681 section 2), before this ACK
    if (!acceptable(c, in)) {
        return false;
    }
    take_timestamp(c, in);
    sok_tcp_neighbour_is_there(c, in);
    sok_tcp_ecn_ack(c, in);
    bool duplicate = is_duplicate(c, in);
    if (sok_seq_gt(in->h.ack, c->snd_una)) {
        take_cumulative(c, in->h.ack, &d, in->now);
        c->retries = 0;
        c->soft_error = 0;
    } else if (c->snd_wnd == 0 && !c->orphan) {
        c->retries = 0; // closed, but alive (MUST-37); once nobody holds the handle, only until R2
    }
    take_sacks(c, in, &d);
    take_sample(c, in, &d);
    sok_tcp_rate_sample(c, &d);
    in->out->acked = d.acked ? d.acked : d.sacked;
    in->out->effects |= d.acked ? SOK_EFFECT_ACKED : d.sacked ? SOK_EFFECT_SACKED : 0;
    in->out->effects |= duplicate && !d.sacked ? SOK_EFFECT_DUP_ACK : 0;
    bool repeats = !d.acked && in->h.ack == c->snd_una && in->data.len == 0 &&
                   in->wnd == c->snd_wnd && in->o.sack_count == 0;
    sok_tcp_take_window(c, in);
    if (d.acked || d.sacked || duplicate || d.dsack) {
        sok_tcp_loss_on_ack(c, &d, flight, duplicate, in->now);
        sok_tcp_want_output(c);
    }
    sok_tcp_tlp_on_ack(c, &d, repeats, in->now);
    if (d.acked) {
        sok_tcp_sndbuf_on_ack(c);
    }
    if (d.acked && c->state != SOK_TCP_TIME_WAIT) {
        sok_tcp_retransmit_arm(c, in->now); // RFC 6298 (5.2), (5.3)
    }
    if ((d.acked || d.sacked) && c->state != SOK_TCP_TIME_WAIT) {
        sok_tcp_tlp_arm(c, in->now);
    }
    return !(d.acked && sok_tcp_fin_acked(c)) || close_acked(c, in);
}
