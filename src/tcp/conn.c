// Connections: birth and death, the tables they are found in, the lanes they wait in for output, and
// what the application is told of their readiness.
#include <string.h>
#include "base/siphash.h"
#include "tcp/cc.h"

// ---- tables ----

uint64_t sok_tcp_hash(
    const struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    uint8_t in[16 + 16 + 2 + 2 + 4];
    memcpy(in, local->addr.b, 16);
    memcpy(in + 16, remote->addr.b, 16);
    memcpy(in + 32, &local->port, 2);
    memcpy(in + 34, &remote->port, 2);
    memcpy(in + 36, &remote->zone, 4);
    return sok_siphash(t->env.secret, in, sizeof(in));
}

static bool same(const struct sok_endpoint *a, const struct sok_endpoint *b)
{
    return a->port == b->port && a->zone == b->zone && sok_addr_eq(a->addr, b->addr);
}

struct sok_tcp_conn *sok_tcp_find(
    const struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    uint64_t hash = sok_tcp_hash(t, local, remote);
    for (struct sok_map_node *n = sok_map_first(&t->conns, hash); n; n = sok_map_next(n)) {
        struct sok_tcp_conn *c = SOK_CONTAINER_OF(n, struct sok_tcp_conn, node);
        if (same(&c->local, local) && same(&c->remote, remote)) {
            return c;
        }
    }
    return NULL;
}

// Segments come in runs for one connection: the last one found is looked at before the table.
struct sok_tcp_conn *sok_tcp_find_again(
    struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    struct sok_tcp_conn *c = t->recent;
    if (!c || !same(&c->remote, remote) || !same(&c->local, local)) {
        t->recent = c = sok_tcp_find(t, local, remote);
    }
    return c;
}

static bool hears(
    const struct sok_tcp *t, const struct sok_tcp_listener *l, const struct sok_tcp_arrival *a)
{
    return sok_addr_hears(l->local.addr, l->flags & SOK_BIND_V6ONLY, a->to.addr) &&
           sok_tcp_device_hears(t, sok_bind_device(l->flags), a);
}

// The nearest of those that hear it (sok_addr_nearness), and of these one that is bound to the device.
static bool better(const struct sok_tcp_listener *l, const struct sok_tcp_listener *best)
{
    unsigned near = sok_addr_nearness(l->local.addr), there = sok_addr_nearness(best->local.addr);
    return near > there ||
           (near == there && sok_bind_device(l->flags) && !sok_bind_device(best->flags));
}

static bool beside(const struct sok_tcp_listener *o, const struct sok_tcp_listener *l)
{
    return sok_addr_eq(o->local.addr, l->local.addr) &&
           sok_bind_device(o->flags) == sok_bind_device(l->flags);
}

// One of those that share l's address and port, the same for each tuple as long as they are the same.
static struct sok_tcp_listener *choose(
    const struct sok_tcp *t, struct sok_tcp_listener *l, const struct sok_tcp_arrival *a)
{
    uint32_t count = 0, pick = (uint32_t)(sok_tcp_hash(t, &a->to, &a->from) >> 32);
    uint16_t port = a->to.port;
    for (struct sok_map_node *n = sok_map_first(&t->listeners, port); n; n = sok_map_next(n)) {
        const struct sok_tcp_listener *o = SOK_CONTAINER_OF(n, struct sok_tcp_listener, node);
        count += beside(o, l) && hears(t, o, a);
    }
    pick %= count;
    for (struct sok_map_node *n = sok_map_first(&t->listeners, port); n; n = sok_map_next(n)) {
        struct sok_tcp_listener *o = SOK_CONTAINER_OF(n, struct sok_tcp_listener, node);
        if (beside(o, l) && hears(t, o, a) && pick-- == 0) {
            return o;
        }
    }
    return l;
}

// The best that hears it; the one on every port comes last.
struct sok_tcp_listener *sok_tcp_find_listener(
    const struct sok_tcp *t, const struct sok_tcp_arrival *a)
{
    struct sok_tcp_listener *best = NULL;
    for (struct sok_map_node *n = sok_map_first(&t->listeners, a->to.port); n;
         n = sok_map_next(n)) {
        struct sok_tcp_listener *l = SOK_CONTAINER_OF(n, struct sok_tcp_listener, node);
        if (hears(t, l, a) && (!best || better(l, best))) {
            best = l;
        }
    }
    if (best) {
        return best->flags & SOK_BIND_SHARED ? choose(t, best, a) : best;
    }
    struct sok_map_node *every = sok_map_first(&t->listeners, 0);
    return every ? SOK_CONTAINER_OF(every, struct sok_tcp_listener, node) : NULL;
}

// ---- birth and death ----

uint8_t sok_tcp_scale_for(const struct sok_tcp_config *config, const struct sok_tcp_wishes *wishes)
{
    uint8_t shift = 0;
    int64_t most = wishes->rcv_buf > config->rcv_buf ? wishes->rcv_buf : config->rcv_buf;
    while (shift < 14 && (INT64_C(65535) << shift) < most) {
        shift++;
    }
    return config->window_scale ? shift : 0;
}

// Before anything was sent: where the sequence numbers begin.
void sok_tcp_start_at(struct sok_tcp_conn *c, uint32_t iss)
{
    c->iss = c->snd_una = c->snd_nxt = iss;
    c->snd_up = c->ecn_cwr_seq = c->recover = c->rack_end = c->rack_fack = c->small_end = iss;
    sok_tcp_sendq_init(&c->sendq, iss + 1);
}

static void init(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_tcp *t = c->tcp;
    const struct sok_tcp_config *config = &t->config;
    c->sock.kind = SOK_SOCK_TCP;
    sok_sock_born(t->env.socks, &c->sock);
    c->state = SOK_TCP_CLOSED;
    c->nodelay = !config->nagle;
    c->ttl = 0; // the stack's default
    c->keep_idle = config->keepalive_idle;
    c->keep_interval = config->keepalive_interval;
    c->keep_count = (uint8_t)config->keepalive_count;
    sok_tcp_wish(c, &c->wishes);
    c->sack_ok = config->sack;
    c->ts_ok = config->timestamps;
    c->ts_offset = sok_tcp_ts_offset(t, &c->local, &c->remote);
    sok_tcp_start_at(c, sok_tcp_isn(t, &c->local, &c->remote, now));
    c->rcv_mss = 536;
    c->peer_mss = sok_addr_is_v4(c->remote.addr) ? 536 : 1220; // until told (MUST-15)
    c->quick_left = (uint16_t)config->quick_acks;
    c->cc = sok_tcp_cc_number(config->congestion);
    c->ssthresh = UINT32_MAX;
    c->challenge_at = INT64_MIN / 2;
    c->idle_at = now;
    sok_stream_init(&c->stream, t->env.mem, 0);
    for (int i = 0; i < SOK_TCP_TIMER_COUNT; i++) {
        c->due[i] = SOK_TIME_NEVER;
    }
    sok_tcp_rtt_init(c);
    sok_tcp_limited_init(c, now);
}

int sok_tcp_conn_new(struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, const struct sok_tcp_path *path, int64_t now,
    struct sok_tcp_conn **out)
{
    if (t->conn_count >= t->config.conns_max) {
        return SOK_ENOBUFS;
    }
    if (sok_timers_reserve(&t->timers, t->conn_count + 1) != 0) {
        return SOK_ENOMEM;
    }
    struct sok_tcp_conn *c = sok_mem_zalloc(t->env.mem, sizeof(*c));
    if (!c) {
        return SOK_ENOMEM;
    }
    c->tcp = t;
    c->local = *local;
    c->remote = *remote;
    c->path = *path;
    c->routes_seen = t->route_changes;
    init(c, now);
    sok_map_add(&t->conns, &c->node, sok_tcp_hash(t, local, remote));
    c->mapped = true;
    c->all_next = t->all;
    if (t->all) {
        t->all->all_prev = c;
    }
    t->all = c;
    t->conn_count++;
    *out = c;
    return 0;
}

static void unmap(struct sok_tcp_conn *c)
{
    if (c->mapped) {
        sok_map_remove(&c->tcp->conns, &c->node);
        c->mapped = false;
        c->tcp->recent = c->tcp->recent == c ? NULL : c->tcp->recent;
    }
}

static void release_buffers(struct sok_tcp_conn *c)
{
    const struct sok_mem *mem = c->tcp->env.mem;
    c->tcp->send_held -= sok_tcp_sendq_len(&c->sendq);
    sok_tcp_sendq_free(&c->sendq, mem);
    sok_tcp_sent_free(&c->sent, mem);
}

void sok_tcp_conn_free(struct sok_tcp_conn *c)
{
    struct sok_tcp *t = c->tcp;
    sok_tcp_rest(c);
    sok_tcp_timer_stop_all(c);
    sok_tcp_listener_forget(c);
    sok_tcp_fastopen_done(c);
    unmap(c);
    release_buffers(c);
    sok_stream_free(&c->stream);
    sok_sock_forget(t->env.changed, &c->sock);
    sok_sock_gone(t->env.socks, &c->sock);
    *(c->all_prev ? &c->all_prev->all_next : &t->all) = c->all_next;
    if (c->all_next) {
        c->all_next->all_prev = c->all_prev;
    }
    t->conn_count--;
    sok_mem_free(t->env.mem, c, sizeof(*c));
}

void sok_tcp_set_state(struct sok_tcp_conn *c, enum sok_tcp_state to, int64_t now)
{
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_STATE, now, c->sock.id);
    if (ev) {
        ev->state.from = c->state;
        ev->state.to = (uint8_t)to;
    }
    c->state = (uint8_t)to;
    sok_tcp_limited_by_state(c, to, now);
}

void sok_tcp_over(struct sok_tcp_conn *c, int err, int64_t now)
{
    if (err == SOK_ETIMEDOUT && c->soft_error) {
        err = c->soft_error;
    }
    if (c->state != SOK_TCP_CLOSED) {
        sok_tcp_set_state(c, SOK_TCP_CLOSED, now);
    }
    struct sok_event *ev =
        err ? sok_events_push(c->tcp->env.events, SOK_EVENT_ERROR, now, c->sock.id) : NULL;
    if (ev) {
        ev->error.err = err;
    }
    if (c->orphan || c->listener) {
        sok_tcp_conn_free(c);
        return;
    }
    c->error = err;
    sok_tcp_fastopen_done(c);
    sok_tcp_rest(c);
    sok_tcp_timer_stop_all(c);
    unmap(c);
    release_buffers(c);
    sok_tcp_ready_update(c);
}

// What is left of a connection that waits for 2 MSL: its numbers, no buffers but unread data.
void sok_tcp_time_wait(struct sok_tcp_conn *c, int64_t now)
{
    sok_tcp_set_state(c, SOK_TCP_TIME_WAIT, now);
    sok_tcp_timer_stop_all(c);
    release_buffers(c);
    sok_tcp_timer_set(c, SOK_TCP_TIMER_TIME_WAIT, now + 2 * c->tcp->config.msl);
    sok_tcp_ready_update(c);
}

void sok_tcp_bases(const struct sok_tcp_conn *c, uint32_t *seq_base, uint32_t *ack_base)
{
    *seq_base = c->iss;
    *ack_base = c->irs;
}

// ---- lanes: who has something to send, link by link ----

static void lane_ends(
    struct sok_tcp_conn *c, struct sok_tcp_conn ***first, struct sok_tcp_conn ***last)
{
    struct sok_tcp_lane *lane = &c->tcp->lanes[c->path.link];
    bool parked = c->lane_state == SOK_LANE_PARKED;
    *first = parked ? &lane->parked_first : &lane->ready_first;
    *last = parked ? &lane->parked_last : &lane->ready_last;
}

static void enter(struct sok_tcp_conn *c, enum sok_tcp_lane_state where)
{
    struct sok_tcp_conn **first, **last;
    c->lane_state = (uint8_t)where;
    lane_ends(c, &first, &last);
    c->lane_next = NULL;
    c->lane_prev = *last;
    *(*last ? &(*last)->lane_next : first) = c;
    *last = c;
}

void sok_tcp_rest(struct sok_tcp_conn *c)
{
    struct sok_tcp_conn **first, **last;
    if (c->lane_state == SOK_LANE_NONE) {
        return;
    }
    lane_ends(c, &first, &last);
    *(c->lane_prev ? &c->lane_prev->lane_next : first) = c->lane_next;
    *(c->lane_next ? &c->lane_next->lane_prev : last) = c->lane_prev;
    c->lane_state = SOK_LANE_NONE;
}

void sok_tcp_want_output(struct sok_tcp_conn *c)
{
    if (c->lane_state == SOK_LANE_NONE) {
        enter(c, SOK_LANE_READY);
    }
}

static void hold_for_neighbour(struct sok_tcp_conn *c, int64_t now)
{
    struct sok_event *ev = NULL;
    if (c->held != SOK_HOLD_NEIGHBOUR) {
        c->held = SOK_HOLD_NEIGHBOUR;
        ev = sok_events_push(c->tcp->env.events, SOK_EVENT_HELD, now, c->sock.id);
    }
    if (ev) {
        ev->held.by = SOK_HOLD_NEIGHBOUR;
        ev->held.bytes = sok_tcp_sendq_len(&c->sendq);
    }
}

void sok_tcp_park(struct sok_tcp *t, uint8_t link, int64_t now)
{
    for (unsigned i = 0; i < t->reply_count; i++) {
        const struct sok_tcp_reply *r = sok_tcp_reply_at(t, i);
        if (r->path.link == link && !r->parked) {
            sok_tcp_reply_park(t, i);
            return;
        }
    }
    struct sok_tcp_conn *c = t->lanes[link].ready_first;
    if (c) {
        sok_tcp_rest(c);
        enter(c, SOK_LANE_PARKED);
        hold_for_neighbour(c, now);
        sok_tcp_limited_by_link(c, now);
    }
}

void sok_tcp_unpark(struct sok_tcp *t, uint8_t link, const struct sok_addr *next_hop)
{
    struct sok_tcp_conn *next;
    for (unsigned i = 0; i < t->reply_count; i++) {
        struct sok_tcp_reply *r = sok_tcp_reply_at(t, i);
        if (r->path.link == link && sok_addr_eq(r->path.next_hop, *next_hop)) {
            r->parked = false;
        }
    }
    for (struct sok_tcp_conn *c = t->lanes[link].parked_first; c; c = next) {
        next = c->lane_next;
        if (sok_addr_eq(c->path.next_hop, *next_hop)) {
            sok_tcp_rest(c);
            sok_tcp_want_output(c);
        }
    }
}

static void drop_replies_to(struct sok_tcp *t, uint8_t link, const struct sok_addr *next_hop)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < t->reply_count; i++) {
        const struct sok_tcp_reply *r = sok_tcp_reply_at(t, i);
        if (r->path.link != link || !sok_addr_eq(r->path.next_hop, *next_hop)) {
            *sok_tcp_reply_at(t, kept++) = *r;
        }
    }
    t->reply_count = kept;
}

// Nobody answers for the next hop. An opening fails; an open connection tries again after its RTO, until
// R2, as if the segment had been lost.
static void unreachable(struct sok_tcp_conn *c, int err, int64_t now)
{
    if (c->state == SOK_TCP_SYN_SENT || c->state == SOK_TCP_SYN_RECEIVED) {
        sok_tcp_over(c, err, now);
        return;
    }
    c->soft_error = err;
    if (c->retries == 0) {
        c->stalled_at = now;
    }
    int64_t limit = c->user_timeout ? c->user_timeout : c->tcp->config.r2;
    if (now - c->stalled_at >= limit) {
        sok_tcp_over(c, err, now);
        return;
    }
    c->retries++;
    sok_tcp_rest(c);
    if (!sok_tcp_timer_armed(c, SOK_TCP_TIMER_RETRANSMIT)) {
        sok_tcp_persist_arm(c, now);
    }
}

void sok_tcp_unreachable(
    struct sok_tcp *t, uint8_t link, const struct sok_addr *next_hop, int err, int64_t now)
{
    struct sok_tcp_conn *next;
    drop_replies_to(t, link, next_hop);
    for (struct sok_tcp_conn *c = t->lanes[link].parked_first; c; c = next) {
        next = c->lane_next; // freeing c touches no other connection
        if (!sok_addr_eq(c->path.next_hop, *next_hop)) {
            continue;
        }
        if (sok_tcp_path_refresh(c)) { // there is another router
            sok_tcp_rest(c);
            sok_tcp_want_output(c);
        } else {
            unreachable(c, err, now);
        }
    }
}

// ---- readiness ----

// Writable again when a third of the send buffer is free, so that writers are not woken for crumbs.
static bool writable(const struct sok_tcp_conn *c)
{
    bool sending = c->state == SOK_TCP_ESTABLISHED || c->state == SOK_TCP_CLOSE_WAIT ||
                   c->tfo == SOK_TFO_WAITS || sok_tcp_early(c);
    uint32_t room = sok_tcp_send_room(c);
    if (!sending || c->fin_wanted) {
        return false;
    }
    if (c->room_wanted > 0 && c->room_wanted <= sok_tcp_sndbuf_most(c)) {
        return sok_tcp_slice_fits(c, c->room_wanted);
    }
    if (c->notsent_lowat && !(c->sock.ready & SOK_READY_OUT)) { // as Linux: when half is gone
        return room > 0 && sok_tcp_unsent(c) <= c->notsent_lowat / 2;
    }
    return c->sock.ready & SOK_READY_OUT ? room > 0 : room >= c->snd_buf / 3;
}

static uint32_t ready_bits(const struct sok_tcp_conn *c)
{
    uint32_t bits = 0;
    bool closed = c->state == SOK_TCP_CLOSED;
    if (c->stream.ready > 0 || c->fin_seen || closed) {
        bits |= SOK_READY_IN;
    }
    if (writable(c) || closed || (c->fin_wanted && c->state > SOK_TCP_SYN_RECEIVED)) {
        bits |= SOK_READY_OUT;
    }
    if (sok_tcp_urgent_left(c) > 0) { // MUST-32
        bits |= SOK_READY_URGENT;
    }
    if (c->error) {
        bits |= SOK_READY_ERROR;
    }
    if (closed || (c->fin_seen && c->fin_wanted)) {
        bits |= SOK_READY_HUP;
    }
    return bits;
}

void sok_tcp_ready_update(struct sok_tcp_conn *c)
{
    if (!c->orphan && !c->listener) {
        sok_sock_ready(c->tcp->env.changed, &c->sock, ready_bits(c));
    }
}

void sok_tcp_ready_touch(struct sok_tcp_conn *c)
{
    sok_tcp_ready_update(c);
    if (!c->orphan && !c->listener) {
        sok_sock_touch(c->tcp->env.changed, &c->sock);
    } else if (c->deferred) {
        sok_tcp_listener_ripe(c);
    }
}
