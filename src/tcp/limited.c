// What limits a connection, how its time was spent, and how fast its data arrives. Read first: SOK_TCP_LIMITS
// in tcp.h; draft-ietf-ccwg-bbr section 4.1 (delivery rate samples; before that in
// draft-cheng-iccrg-delivery-rate-estimation).
//
// At every moment a connection is limited by one thing. When that changes, the time since the last change is
// added to what it was: so the times sum up to the connection's age, and nothing is done for a segment
// behind which the limit stays the same.
#include "tcp/internal.h"

const char *sok_tcp_limit_text(enum sok_tcp_limit limit)
{
    static const char *const texts[] = {
#define SOK_X(name, text) text,
        SOK_TCP_LIMITS(SOK_X)
#undef SOK_X
    };
    return (unsigned)limit < SOK_TCP_LIMIT_COUNT ? texts[limit] : "?";
}

// ---- time ----

void sok_tcp_limited_init(struct sok_tcp_conn *c, int64_t now)
{
    c->limit = SOK_TCP_LIMIT_HANDSHAKE;
    c->born = c->limit_since = now;
}

static void limited_by(struct sok_tcp_conn *c, enum sok_tcp_limit by, int64_t now)
{
    if (c->limit != by) {
        c->limited[c->limit] += now - c->limit_since;
        c->limit_since = now;
        c->limit = (uint8_t)by;
    }
}

// Before the state is `to`. Of a connection that is over nothing is accounted any more.
void sok_tcp_limited_by_state(struct sok_tcp_conn *c, enum sok_tcp_state to, int64_t now)
{
    if (to == SOK_TCP_CLOSED) {
        c->limited[c->limit] += now - c->limit_since;
        c->limit_since = now;
    } else if (to >= SOK_TCP_ESTABLISHED && c->limit == SOK_TCP_LIMIT_HANDSHAKE) {
        limited_by(c, SOK_TCP_LIMIT_APPLICATION, now);
    }
}

// It has something to send, and waits for its turn or for the neighbour's address.
void sok_tcp_limited_by_link(struct sok_tcp_conn *c, int64_t now)
{
    if (c->state >= SOK_TCP_ESTABLISHED) {
        limited_by(c, SOK_TCP_LIMIT_LINK, now);
    }
}

// All that was given is on its way, or has arrived.
static enum sok_tcp_limit giver(const struct sok_tcp_conn *c)
{
    bool full =
        sok_tcp_sendq_len(&c->sendq) > 0 && !c->listener && !(c->sock.ready & SOK_READY_OUT);
    return full ? SOK_TCP_LIMIT_SEND_BUFFER : SOK_TCP_LIMIT_APPLICATION;
}

static enum sok_tcp_limit judge(const struct sok_tcp_conn *c)
{
    bool mending = c->recovery == SOK_RECOVERY_FAST || c->recovery == SOK_RECOVERY_RTO ||
                   c->recovery == SOK_RECOVERY_MTU;
    if (c->state < SOK_TCP_ESTABLISHED) {
        return SOK_TCP_LIMIT_HANDSHAKE;
    }
    if (mending) { // but a window that was taken back is not the network's loss
        return c->snd_wnd > 0 ? SOK_TCP_LIMIT_RECOVERY : SOK_TCP_LIMIT_RECEIVER;
    }
    switch ((enum sok_hold)c->held) {
    case SOK_HOLD_WINDOW:
        return SOK_TCP_LIMIT_RECEIVER;
    case SOK_HOLD_CWND:
        return SOK_TCP_LIMIT_CWND;
    case SOK_HOLD_NAGLE:
    case SOK_HOLD_CORK:
        return SOK_TCP_LIMIT_NAGLE;
    default:
        return sok_tcp_unsent(c) > 0 ? SOK_TCP_LIMIT_LINK : giver(c); // without memory for it
    }
}

// CheckIfApplicationLimited(): less than a segment waits, all that was lost went again, and cwnd has room.
static void note_idle(struct sok_tcp_conn *c)
{
    uint32_t pipe = sok_tcp_pipe(c);
    if (sok_tcp_unsent(c) < sok_tcp_send_mss(c) && c->sent.lost == 0 && pipe < c->cwnd) {
        uint64_t until = c->rate.delivered + pipe;
        c->rate.idle_until = until > 0 ? until : 1;
    }
}

void sok_tcp_limited_judge(struct sok_tcp_conn *c, int64_t now)
{
    if (c->state == SOK_TCP_CLOSED) {
        return;
    }
    limited_by(c, judge(c), now);
    if (c->state >= SOK_TCP_ESTABLISHED && c->state != SOK_TCP_TIME_WAIT) {
        note_idle(c);
    }
}

// ---- delivery rate ----

// A record is sent, for the first time or again. pipe: what was on its way before it.
void sok_tcp_rate_sent(struct sok_tcp_conn *c, struct sok_tcp_sent *r, uint32_t pipe, int64_t now)
{
    struct sok_tcp_rate *rate = &c->rate;
    if (pipe == 0) {
        rate->from = rate->delivered_at = now;
    }
    r->delivered = rate->delivered;
    r->delivered_at = rate->delivered_at;
    r->rate_from = rate->from;
    r->flags = (uint8_t)(rate->idle_until ? r->flags | SOK_SENT_IDLY : r->flags & ~SOK_SENT_IDLY);
}

// UpdateRateSample(): the newest of those delivered says over what time the rate is measured.
void sok_tcp_rate_delivered(struct sok_tcp_conn *c, const struct sok_tcp_sent *r, uint32_t bytes,
    struct sok_tcp_delivery *d, int64_t now)
{
    struct sok_tcp_rate *rate = &c->rate;
    rate->delivered += bytes;
    rate->delivered_at = now;
    bool newest = d->sent_end == 0 || r->at > d->sent_at ||
                  (r->at == d->sent_at && sok_seq_gt(r->end, d->sent_end));
    if (newest) {
        d->sent_at = rate->from = r->at;
        d->sent_end = r->end ? r->end : 1;
        d->delivered_before = r->delivered;
        d->delivered_at = r->delivered_at;
        d->rate_from = r->rate_from;
        d->idly = r->flags & SOK_SENT_IDLY;
    }
}

// GenerateRateSample(), after all of an ACK was taken in. An application that gave little does not make a
// rate lower that was measured when it gave enough.
void sok_tcp_rate_sample(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d)
{
    struct sok_tcp_rate *rate = &c->rate;
    if (rate->idle_until && rate->delivered > rate->idle_until) {
        rate->idle_until = 0;
    }
    if (d->sent_end == 0) {
        return;
    }
    int64_t sending = d->sent_at - d->rate_from, acking = rate->delivered_at - d->delivered_at;
    int64_t interval = sending > acking ? sending : acking;
    uint64_t bytes = rate->delivered - d->delivered_before;
    if (interval <= 0 || interval < c->min_rtt) { // faster than the way is: ACKs came in a heap
        return;
    }
    // Less than a window, so below 2^32: the product stays below 2^62.
    uint64_t per_second = (bytes < UINT32_MAX ? bytes : UINT32_MAX) * SOK_S / (uint64_t)interval;
    if (!d->idly || per_second >= rate->per_second) {
        rate->per_second = per_second;
        rate->limited = d->idly;
    }
}

// ---- STATUS ----

void sok_tcp_limited_info(const struct sok_tcp_conn *c, struct sok_tcp_info *out)
{
    int64_t now = c->tcp->now > c->limit_since ? c->tcp->now : c->limit_since;
    int64_t end = c->state == SOK_TCP_CLOSED ? c->limit_since : now;
    out->limit = c->limit;
    out->age = end - c->born;
    for (unsigned i = 0; i < SOK_TCP_LIMIT_COUNT; i++) {
        out->limited[i] = c->limited[i] + (i == c->limit ? end - c->limit_since : 0);
    }
    const struct sok_tcp_rate *rate = &c->rate;
    out->delivery_rate = rate->per_second;
    out->delivery_rate_limited = rate->limited;
}
