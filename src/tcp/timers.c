// The timers of a connection. Each has a due time of its own; the instance's heap knows only the least
// of them, so an idle connection costs one heap entry at most and sok_tcp_deadline() is exact.
#include "tcp/internal.h"

static void rearm(struct sok_tcp_conn *c)
{
    int64_t least = SOK_TIME_NEVER;
    for (int i = 0; i < SOK_TCP_TIMER_COUNT; i++) {
        least = c->due[i] < least ? c->due[i] : least;
    }
    if (least == SOK_TIME_NEVER) {
        sok_timer_cancel(&c->tcp->timers, &c->timer);
    } else if (c->timer.slot == 0 || c->timer.due != least) {
        sok_timer_set(&c->tcp->timers, &c->timer, least);
    }
}

void sok_tcp_timer_set(struct sok_tcp_conn *c, enum sok_tcp_timer which, int64_t due)
{
    c->due[which] = due;
    rearm(c);
}

void sok_tcp_timer_stop(struct sok_tcp_conn *c, enum sok_tcp_timer which)
{
    if (c->due[which] != SOK_TIME_NEVER) {
        c->due[which] = SOK_TIME_NEVER;
        rearm(c);
    }
}

void sok_tcp_timer_stop_all(struct sok_tcp_conn *c)
{
    for (int i = 0; i < SOK_TCP_TIMER_COUNT; i++) {
        c->due[i] = SOK_TIME_NEVER;
    }
    rearm(c);
}

// R2 (RFC 9293 3.8.3).
static int64_t give_up_after(const struct sok_tcp_conn *c)
{
    return c->user_timeout ? c->user_timeout : c->tcp->config.r2;
}

// RFC 6298 section 5: runs while something is on its way.
void sok_tcp_retransmit_arm(struct sok_tcp_conn *c, int64_t now)
{
    bool out = c->snd_una != c->snd_nxt;
    if (out) {
        int64_t due = now + sok_tcp_rto(c);
        bool opening = c->state < SOK_TCP_ESTABLISHED;
        bool stalled = opening ? c->user_timeout > 0 : c->retries > 0;
        if (stalled && due > c->stalled_at + give_up_after(c)) {
            due = c->stalled_at + give_up_after(c);
        }
        sok_tcp_timer_set(c, SOK_TCP_TIMER_RETRANSMIT, due > now ? due : now);
    } else {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_RETRANSMIT);
    }
}

void sok_tcp_persist_arm(struct sok_tcp_conn *c, int64_t now)
{
    int64_t due = now + sok_tcp_rto(c);                                          // SHLD-29
    if (c->orphan && c->retries > 0 && due > c->stalled_at + give_up_after(c)) { // R2, exactly
        due = c->stalled_at + give_up_after(c);
    }
    sok_tcp_timer_set(c, SOK_TCP_TIMER_PERSIST, due > now ? due : now);
}

void sok_tcp_keepalive_arm(struct sok_tcp_conn *c, int64_t now)
{
    if (c->keepalive && c->state >= SOK_TCP_ESTABLISHED && c->state != SOK_TCP_TIME_WAIT) {
        int64_t wait = c->keepalives ? c->keep_interval : c->keep_idle;
        sok_tcp_timer_set(c, SOK_TCP_TIMER_KEEPALIVE, now + wait);
    } else {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_KEEPALIVE);
    }
}

// R1 (RFC 9293 3.8.3): what repeats is told (SHLD-9), and the way to the peer is doubted (MUST-20).
static void delivery_problem(struct sok_tcp_conn *c, int64_t now)
{
    const struct sok_tcp_env *env = &c->tcp->env;
    if (c->retries != c->tcp->config.r1) {
        return;
    }
    struct sok_event *ev = sok_events_push(env->events, SOK_EVENT_HELD, now, c->sock.id);
    if (ev) {
        ev->held.by = SOK_HOLD_SILENCE;
        ev->held.bytes = c->snd_nxt - c->snd_una;
    }
    if (env->doubt) {
        env->doubt(env->route_ctx, c->path.link, &c->path.next_hop, now);
    }
}

// An unanswered SYN or SYN,ACK: again, doubling, until R2 (MUST-22, MUST-23).
static void syn_timeout(struct sok_tcp_conn *c, int64_t now)
{
    const struct sok_tcp_config *config = &c->tcp->config;
    int64_t retries = c->passive ? config->syn_ack_retries : config->syn_retries;
    int64_t r2 = c->wishes.syn_retries ? 0 : config->syn_r2;
    retries = c->wishes.syn_retries ? c->wishes.syn_retries : retries;
    bool impatient = c->user_timeout && now - c->stalled_at >= c->user_timeout; // RFC 9293 3.9.1
    if (impatient || (c->retries >= retries && (c->passive || now - c->stalled_at >= r2))) {
        sok_tcp_over(c, SOK_ETIMEDOUT, now);
        return;
    }
    c->retries++;
    c->timeouts++;
    c->backoff = c->backoff < 31 ? c->backoff + 1 : c->backoff;
    if (c->retries > retries) { // only R2 is waited for now
        sok_tcp_timer_set(c, SOK_TCP_TIMER_RETRANSMIT, c->stalled_at + config->syn_r2);
        return;
    }
    delivery_problem(c, now);
    c->syn_why = SOK_REASON_RTO;
    sok_tcp_want_output(c);
}

// RFC 6298 (5.4) to (5.7), RFC 9293 3.8.3. While the peer's window is closed the connection lives as long
// as it answers (SHLD-17, MUST-37): an ACK resets `retries`.
static void retransmit_timeout(struct sok_tcp_conn *c, int64_t now)
{
    if (c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_SYN_RECEIVED) {
        syn_timeout(c, now);
        return;
    }
    if (c->retries == 0) {
        c->stalled_at = now - sok_tcp_rto(c);
    }
    if (now - c->stalled_at >= give_up_after(c)) { // R2 (MUST-20)
        sok_tcp_over(c, SOK_ETIMEDOUT, now);
        return;
    }
    c->retries++;
    c->timeouts++;
    delivery_problem(c, now);
    sok_tcp_recovery_on_timeout(c, now);
    c->backoff = c->backoff < 31 ? c->backoff + 1 : c->backoff;
    sok_tcp_retransmit_arm(c, now);
    sok_tcp_want_output(c);
}

// A window that stays closed, or too small to be worth using: send what fits, else probe (3.8.6.1).
static void persist_timeout(struct sok_tcp_conn *c, int64_t now)
{
    bool pending = c->snd_nxt != c->sendq.end + (c->fin_wanted ? 1 : 0);
    sok_tcp_want_output(c);
    if (!pending || c->snd_una != c->snd_nxt) { // nothing to probe for, or RETRANSMIT waits already
        return;
    }
    if (c->retries == 0) {
        c->stalled_at = now;
    }
    if (now - c->stalled_at >= give_up_after(c)) { // the peer is silent, not merely closed
        sok_tcp_over(c, SOK_ETIMEDOUT, now);
        return;
    }
    if (c->snd_wnd > c->snd_nxt - c->snd_una) {
        c->override_sws = true;
    } else {
        c->probe_due = true;
        c->retries++;
    }
    c->backoff = c->backoff < 31 ? c->backoff + 1 : c->backoff; // SHLD-30
    sok_tcp_persist_arm(c, now);
}

static void keepalive_timeout(struct sok_tcp_conn *c, int64_t now)
{
    if (c->snd_una != c->snd_nxt || sok_tcp_sendq_len(&c->sendq) > 0) { // MUST-26
        sok_tcp_timer_set(c, SOK_TCP_TIMER_KEEPALIVE, now + c->keep_idle);
        return;
    }
    int64_t idle = now - c->idle_at;
    if (c->keepalives == 0 && idle < c->keep_idle) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_KEEPALIVE, c->idle_at + c->keep_idle);
        return;
    }
    if (c->keepalives >= c->keep_count) {
        sok_tcp_reset_conn(c, SOK_REASON_RST_ABORT);
        sok_tcp_over(c, SOK_ETIMEDOUT, now);
        return;
    }
    c->keepalives++;
    c->keepalive_due = true;
    sok_tcp_keepalive_arm(c, now);
    sok_tcp_want_output(c);
}

// The connection may be gone when these return.
static void expired(struct sok_tcp_conn *c, enum sok_tcp_timer which, int64_t now)
{
    switch (which) {
    case SOK_TCP_TIMER_PROBE:
        sok_tcp_tlp_timeout(c, now);
        break;
    case SOK_TCP_TIMER_RETRANSMIT:
        retransmit_timeout(c, now);
        break;
    case SOK_TCP_TIMER_PERSIST:
        persist_timeout(c, now);
        break;
    case SOK_TCP_TIMER_REORDER:
        sok_tcp_loss_on_reorder_timer(c, now);
        break;
    case SOK_TCP_TIMER_DELAYED_ACK:
        sok_tcp_ack_now(c, SOK_REASON_ACK_DELAYED);
        break;
    case SOK_TCP_TIMER_KEEPALIVE:
        keepalive_timeout(c, now);
        break;
    case SOK_TCP_TIMER_CORK:
        c->override_sws = true;
        sok_tcp_fastopen_go(c);
        sok_tcp_want_output(c);
        break;
    case SOK_TCP_TIMER_DEFER:
        sok_tcp_listener_ripe(c);
        break;
    case SOK_TCP_TIMER_LINGER:
        sok_tcp_reset_conn(c, SOK_REASON_RST_LINGER);
        sok_tcp_over(c, 0, now);
        break;
    case SOK_TCP_TIMER_FIN_WAIT_2:
    case SOK_TCP_TIMER_TIME_WAIT:
        sok_tcp_over(c, 0, now);
        break;
    case SOK_TCP_TIMER_COUNT:
        break;
    }
}

void sok_tcp_advance(struct sok_tcp *t, int64_t now)
{
    t->now = now;
    for (struct sok_timer *first; (first = sok_timers_first(&t->timers)) && first->due <= now;) {
        struct sok_tcp_conn *c = SOK_CONTAINER_OF(first, struct sok_tcp_conn, timer);
        enum sok_tcp_timer which = 0;
        while (c->due[which] != first->due) {
            which++;
        }
        sok_tcp_timer_stop(c, which);
        expired(c, which, now);
    }
}

int64_t sok_tcp_deadline(const struct sok_tcp *t)
{
    return sok_timers_deadline(&t->timers);
}
