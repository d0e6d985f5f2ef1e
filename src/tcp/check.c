// The invariants of a connection, walked by simulation and fuzzing after every step.
#include "tcp/internal.h"

static const char *check_recovery(const struct sok_tcp_conn *c)
{
    bool recovering = c->recovery != SOK_RECOVERY_NONE;
    if (recovering && (sok_seq_ge(c->snd_una, c->recover) || sok_seq_gt(c->recover, c->snd_nxt))) {
        return "a recovery without an end ahead";
    }
    if (c->sent.lost > 0 && (!recovering || c->recovery == SOK_RECOVERY_CWR)) {
        return "something is lost and nobody recovers it";
    }
    if (c->ssthresh < 2u * SOK_TCP_MSS_LEAST) {
        return "ssthresh is too small";
    }
    if (c->frto != SOK_FRTO_OFF && c->recovery != SOK_RECOVERY_RTO) {
        return "F-RTO outside the recovery of a timeout";
    }
    if (c->tlp_out && (c->recovery == SOK_RECOVERY_FAST || c->recovery == SOK_RECOVERY_RTO)) {
        return "a tail loss probe is on its way in a recovery";
    }
    if (c->undo.possible && c->undo.cwnd == 0) {
        return "an undo to no window";
    }
    return NULL;
}

static const char *check_send(const struct sok_tcp_conn *c)
{
    uint32_t limit = c->sendq.end + (c->fin_wanted ? 1 : 0);
    bool opening = c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_SYN_RECEIVED;
    if (sok_seq_gt(c->snd_una, c->snd_nxt)) {
        return "SND.UNA is beyond SND.NXT";
    }
    if (!opening && sok_seq_gt(c->snd_nxt, limit)) {
        return "SND.NXT is beyond what the application gave";
    }
    if (sok_seq_gt(c->sendq.start, c->sendq.end)) {
        return "send buffer ends before it begins";
    }
    if (!opening && sok_seq_lt(c->snd_una, c->sendq.start)) {
        return "send buffer has lost bytes that are not acknowledged";
    }
    if (!opening && c->cwnd == 0) {
        return "cwnd is zero";
    }
    return opening ? NULL : check_recovery(c);
}

// Whatever is on its way, and nothing else, is linked by the time it was last sent.
static const char *check_time_order(const struct sok_tcp_scoreboard *b)
{
    uint32_t linked = 0, on_its_way = 0;
    int64_t at = INT64_MIN;
    for (uint32_t i = 0; i < b->count; i++) {
        on_its_way += !(sok_tcp_sent_at(b, i)->flags & (SOK_SENT_SACKED | SOK_SENT_LOST));
    }
    for (const struct sok_tcp_sent *r = sok_tcp_sent_oldest(b); r; r = sok_tcp_sent_newer(b, r)) {
        if (r->at < at || r->first > r->at) {
            return "records are not in the order of time";
        }
        if (r->flags & (SOK_SENT_SACKED | SOK_SENT_LOST) || ++linked > on_its_way) {
            return "a record that is not on its way is linked by time";
        }
        at = r->at;
    }
    return linked == on_its_way ? NULL : "a record on its way is not linked by time";
}

static const char *check_scoreboard(const struct sok_tcp_conn *c)
{
    const struct sok_tcp_scoreboard *b = &c->sent;
    bool opening = c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_SYN_RECEIVED;
    uint32_t sacked = 0, lost = 0, at = opening ? c->iss + 1 : c->snd_una;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sok_tcp_sent *r = sok_tcp_sent_at(b, i);
        if (r->start != at || !sok_seq_lt(r->start, r->end)) {
            return "scoreboard has a gap, an overlap or an empty record";
        }
        if ((r->flags & SOK_SENT_SACKED) && (r->flags & SOK_SENT_LOST)) {
            return "a record is both sacked and lost";
        }
        sacked += r->flags & SOK_SENT_SACKED ? r->end - r->start : 0;
        lost += r->flags & SOK_SENT_LOST ? r->end - r->start : 0;
        at = r->end;
    }
    if (b->count > 0 && at != c->snd_nxt) {
        return "scoreboard does not end at SND.NXT";
    }
    if (sacked != b->sacked || lost != b->lost) {
        return "scoreboard sums are wrong";
    }
    return check_time_order(b);
}

static const char *check_receive(const struct sok_tcp_conn *c)
{
    if (c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_LISTEN) {
        return NULL;
    }
    if (sok_seq_lt(c->rcv_adv, c->rcv_nxt)) {
        return "window edge is left of RCV.NXT";
    }
    if (c->stream.next + (c->fin_seen ? 1 : 0) != c->rcv_nxt) {
        return "RCV.NXT is not where the stream is";
    }
    // A buffer made smaller may still hold what was offered before.
    uint64_t held = (uint64_t)c->rcv_buf + (c->rcv_adv - c->rcv_nxt) + c->stream.ready;
    if (c->stream.charged > 4 * held + 262144) {
        return "receive queue holds too much memory";
    }
    return NULL;
}

// Something on its way without a timer would wait for ever.
static const char *check_timers(const struct sok_tcp_conn *c)
{
    bool waiting = c->lane_state != SOK_LANE_NONE;
    bool out = c->snd_una != c->snd_nxt;
    int64_t least = SOK_TIME_NEVER;
    for (int i = 0; i < SOK_TCP_TIMER_COUNT; i++) {
        least = c->due[i] < least ? c->due[i] : least;
    }
    if ((least == SOK_TIME_NEVER) != (c->timer.slot == 0)) {
        return "timer heap disagrees with the due times";
    }
    if (c->timer.slot != 0 && c->timer.due != least) {
        return "timer is not armed for the least due time";
    }
    if (out && !waiting && !sok_tcp_timer_armed(c, SOK_TCP_TIMER_RETRANSMIT)) {
        return "data is on its way without a retransmission timer";
    }
    if (c->state == SOK_TCP_TIME_WAIT && !sok_tcp_timer_armed(c, SOK_TCP_TIMER_TIME_WAIT)) {
        return "TIME-WAIT without its timer";
    }
    return NULL;
}

// Every moment of its life is accounted, once.
static const char *check_time(const struct sok_tcp_conn *c)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < SOK_TCP_LIMIT_COUNT; i++) {
        if (c->limited[i] < 0) {
            return "a time accounted for is negative";
        }
        sum += c->limited[i];
    }
    if (sum != c->limit_since - c->born) {
        return "the times accounted for do not add up to the connection's age";
    }
    bool opening = c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_SYN_RECEIVED;
    if (c->state != SOK_TCP_CLOSED && opening != (c->limit == SOK_TCP_LIMIT_HANDSHAKE)) {
        return "what limits the connection does not fit its state";
    }
    return c->limited[SOK_TCP_LIMIT_PACING] == 0 ? NULL
                                                 : "time accounted to pacing, which there is not";
}

static const char *check_conn(const struct sok_tcp_conn *c)
{
    const char *wrong = check_time(c);
    if (c->state == SOK_TCP_CLOSED) { // over; only unread data is left of it
        return c->timer.slot == 0 ? wrong : "a closed connection has a timer";
    }
    wrong = wrong ? wrong : check_send(c);
    wrong = wrong ? wrong : check_scoreboard(c);
    wrong = wrong ? wrong : check_receive(c);
    return wrong ? wrong : check_timers(c);
}

const char *sok_tcp_invariants(const struct sok_tcp *t)
{
    const char *wrong = NULL;
    uint64_t held = 0;
    for (const struct sok_tcp_conn *c = t->all; c && !wrong; c = c->all_next) {
        wrong = check_conn(c);
        held += sok_tcp_sendq_len(&c->sendq);
    }
    return wrong || held == t->send_held ? wrong : "bytes to send are not counted right";
}
