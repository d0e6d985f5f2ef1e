// Listening: RFC 9293 section 3.10.7.2, and the queues of a listener. A connection stands in
// half_open while in SYN-RECEIVED, then in to_accept until the application takes it; between the two in deferred, if the
// application wants only those that have sent something.
#include <string.h>
#include "tcp/internal.h"

static void queue_add(struct sok_tcp_queue *q, struct sok_tcp_conn *c)
{
    c->queue_next = NULL;
    c->queue_prev = q->last;
    *(q->last ? &q->last->queue_next : &q->first) = c;
    q->last = c;
    q->count++;
}

static void queue_remove(struct sok_tcp_queue *q, struct sok_tcp_conn *c)
{
    *(c->queue_prev ? &c->queue_prev->queue_next : &q->first) = c->queue_next;
    *(c->queue_next ? &c->queue_next->queue_prev : &q->last) = c->queue_prev;
    q->count--;
}

static struct sok_tcp_queue *queue_of(const struct sok_tcp_conn *c)
{
    struct sok_tcp_listener *l = c->listener;
    return c->half_open ? &l->half_open : c->deferred ? &l->deferred : &l->to_accept;
}

static int listener_new(struct sok_tcp *t, const struct sok_endpoint *local, int backlog,
    int64_t now, struct sok_tcp_listener **out)
{
    struct sok_tcp_listener *l = sok_mem_zalloc(t->env.mem, sizeof(*l));
    if (!l) {
        return SOK_ENOMEM;
    }
    l->tcp = t;
    l->sock.kind = SOK_SOCK_TCP_LISTEN;
    sok_sock_born(t->env.socks, &l->sock);
    l->local = *local;
    l->backlog = backlog > 0 ? (uint32_t)backlog : 1;
    l->cookie_at = INT64_MIN / 2;
    sok_map_add(&t->listeners, &l->node, local->port);
    t->listener_count++;
    struct sok_event *ev = sok_events_push(t->env.events, SOK_EVENT_CALL, now, l->sock.id);
    if (ev) {
        ev->call.call = SOK_CALL_LISTEN;
        ev->call.has_local = true;
        ev->call.local = *local;
        ev->call.amount = backlog;
    }
    *out = l;
    return 0;
}

bool sok_tcp_listener_in_way(
    const struct sok_tcp *t, const struct sok_endpoint *local, unsigned flags)
{
    for (struct sok_map_node *n = sok_map_first(&t->listeners, local->port); n;
         n = sok_map_next(n)) {
        const struct sok_tcp_listener *l = SOK_CONTAINER_OF(n, struct sok_tcp_listener, node);
        if ((flags & l->flags & SOK_BIND_SHARED) || sok_bind_apart(flags, l->flags)) {
            continue;
        }
        if (sok_addr_overlaps(
                l->local.addr, l->flags & SOK_BIND_V6ONLY, local->addr, flags & SOK_BIND_V6ONLY)) {
            return true;
        }
    }
    return false;
}

int sok_tcp_listen_as(struct sok_tcp *t, const struct sok_endpoint *local, int backlog,
    unsigned flags, int64_t now, struct sok_tcp_listener **out)
{
    if (local->port == 0 || backlog < 0) {
        return SOK_EINVAL;
    }
    if (sok_tcp_listener_in_way(t, local, flags)) {
        return SOK_EADDRINUSE;
    }
    int err = listener_new(t, local, backlog, now, out);
    if (err == 0) {
        (*out)->flags = flags;
    }
    return err;
}

int sok_tcp_listen(struct sok_tcp *t, const struct sok_endpoint *local, int backlog, int64_t now,
    struct sok_tcp_listener **out)
{
    return sok_tcp_listen_as(t, local, backlog, 0, now, out);
}

int sok_tcp_listen_any(struct sok_tcp *t, int backlog, int64_t now, struct sok_tcp_listener **out)
{
    struct sok_endpoint every = {.port = 0};
    if (backlog < 0) {
        return SOK_EINVAL;
    }
    if (sok_map_first(&t->listeners, every.port)) {
        return SOK_EADDRINUSE;
    }
    return listener_new(t, &every, backlog, now, out);
}

struct sok_endpoint sok_tcp_listener_local(const struct sok_tcp_listener *l)
{
    return l->local;
}

bool sok_tcp_listener_v6only(const struct sok_tcp_listener *l)
{
    return l->flags & SOK_BIND_V6ONLY;
}

int sok_tcp_free_port(struct sok_tcp *t, struct sok_endpoint *local, unsigned flags)
{
    struct sok_endpoint nobody = {.port = 0};
    return sok_tcp_pick_port(t, local, &nobody, flags);
}

bool sok_tcp_port_busy(const struct sok_tcp *t, const struct sok_endpoint *local, unsigned flags)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&t->conns, &it); n;
         n = sok_map_step(&t->conns, &it)) {
        const struct sok_tcp_conn *c = SOK_CONTAINER_OF(n, struct sok_tcp_conn, node);
        if (c->local.port == local->port &&
            sok_addr_hears(local->addr, flags & SOK_BIND_V6ONLY, c->local.addr)) {
            return true;
        }
    }
    return false;
}

bool sok_tcp_listener_full(const struct sok_tcp_listener *l)
{
    return l->to_accept.count >= l->backlog;
}

void sok_tcp_listener_event(struct sok_tcp_listener *l)
{
    sok_sock_ready(l->tcp->env.changed, &l->sock, l->to_accept.first ? SOK_READY_IN : 0);
    if (l->to_accept.first) {
        sok_sock_touch(l->tcp->env.changed, &l->sock);
    }
}

// Half-open connections that a listener keeps. With cookies as many as it would accept, as in Linux, since
// they keep nobody out; without, it is better to have room for those who mean it.
#define HALF_OPEN_LEAST 8
static uint32_t half_open_most(const struct sok_tcp_listener *l)
{
    const struct sok_tcp_config *config = &l->tcp->config;
    uint32_t most = (uint32_t)config->syn_queue_max;
    if (config->syn_cookies != SOK_COOKIES_OFF && l->backlog < most && l->local.port != 0) {
        most = l->backlog < HALF_OPEN_LEAST ? HALF_OPEN_LEAST : l->backlog;
    }
    return most;
}

static bool half_open_full(const struct sok_tcp_listener *l)
{
    return l->half_open.count >= half_open_most(l);
}

static void offer(struct sok_tcp_conn *c)
{
    queue_add(&c->listener->to_accept, c);
    sok_tcp_listener_event(c->listener);
}

// Open, but the application does not want to hear of it before there is something to read. Of so many the one that has
// been silent for the longest time gives way; who has sent something is here only while nobody can be accepted, and nobody
// new comes then.
static void defer(struct sok_tcp_conn *c)
{
    struct sok_tcp_listener *l = c->listener;
    if (l->deferred.count >= half_open_most(l)) {
        sok_tcp_reset_conn(l->deferred.first, SOK_REASON_RST_NO_ROOM);
        sok_tcp_conn_free(l->deferred.first);
        l->tcp->drops[SOK_DROP_TCP_BACKLOG]++;
    }
    c->deferred = true;
    queue_add(&l->deferred, c);
    sok_tcp_timer_set(c, SOK_TCP_TIMER_DEFER, l->tcp->now + l->defer);
}

static bool is_ripe(const struct sok_tcp_conn *c)
{
    return c->stream.ready > 0 || c->fin_seen || !sok_tcp_timer_armed(c, SOK_TCP_TIMER_DEFER);
}

void sok_tcp_listener_established(struct sok_tcp_conn *c)
{
    struct sok_tcp_listener *l = c->listener;
    queue_remove(&l->half_open, c);
    c->half_open = false;
    if (l->defer > 0 && c->stream.ready == 0) {
        defer(c);
    } else {
        offer(c);
    }
}

// When nothing more can be accepted, it is looked for again as soon as there is room.
void sok_tcp_listener_ripe(struct sok_tcp_conn *c)
{
    struct sok_tcp_listener *l = c->listener;
    if (!is_ripe(c)) {
        return;
    }
    if (sok_tcp_listener_full(l)) {
        l->ripe_waits = true;
        return;
    }
    queue_remove(&l->deferred, c);
    c->deferred = false;
    sok_tcp_timer_stop(c, SOK_TCP_TIMER_DEFER);
    offer(c);
}

// There may be room to accept more.
static void look_for_ripe(struct sok_tcp_listener *l)
{
    while (l->ripe_waits && !sok_tcp_listener_full(l)) {
        struct sok_tcp_conn *c = l->deferred.first;
        while (c && !is_ripe(c)) {
            c = c->queue_next;
        }
        l->ripe_waits = c != NULL;
        if (c) {
            sok_tcp_listener_ripe(c);
        }
    }
}

void sok_tcp_listener_backlog(struct sok_tcp_listener *l, unsigned backlog)
{
    l->backlog = backlog;
    look_for_ripe(l);
}

void sok_tcp_listener_forget(struct sok_tcp_conn *c)
{
    struct sok_tcp_listener *l = c->listener;
    if (!l) {
        return;
    }
    queue_remove(queue_of(c), c);
    c->listener = NULL;
    look_for_ripe(l);
    sok_tcp_listener_event(l);
}

int sok_tcp_accept(struct sok_tcp_listener *l, int64_t now, struct sok_tcp_conn **out)
{
    struct sok_tcp_conn *c = l->to_accept.first;
    if (!c) {
        return sok_tcp_listener_open(l) ? SOK_EAGAIN : SOK_EINVAL;
    }
    queue_remove(&l->to_accept, c);
    c->listener = NULL;
    look_for_ripe(l);
    sok_tcp_listener_event(l);
    struct sok_event *ev = sok_events_push(l->tcp->env.events, SOK_EVENT_CALL, now, c->sock.id);
    if (ev) {
        ev->call.call = SOK_CALL_ACCEPT;
        ev->call.has_local = ev->call.has_remote = true;
        ev->call.local = c->local;
        ev->call.remote = c->remote;
        ev->call.amount = -1;
    }
    *out = c;
    sok_tcp_ready_touch(c);
    return 0;
}

// What nobody accepted is reset; half-open connections are forgotten, their peers will hear a reset.
static void turn_away(struct sok_tcp_listener *l, int64_t now)
{
    while (l->half_open.first) {
        sok_tcp_conn_free(l->half_open.first);
    }
    struct sok_tcp_conn *c;
    l->ripe_waits = false;
    while ((c = l->deferred.first) || (c = l->to_accept.first)) {
        sok_tcp_reset_conn(c, SOK_REASON_RST_NO_ROOM);
        sok_tcp_conn_free(c);
    }
    struct sok_event *ev = sok_events_push(l->tcp->env.events, SOK_EVENT_CALL, now, l->sock.id);
    if (ev) {
        ev->call.call = SOK_CALL_CLOSE;
        ev->call.amount = -1;
    }
    sok_map_remove(&l->tcp->listeners, &l->node);
}

void sok_tcp_listener_close(struct sok_tcp_listener *l, int64_t now)
{
    struct sok_tcp *t = l->tcp;
    turn_away(l, now);
    sok_sock_forget(t->env.changed, &l->sock);
    sok_sock_gone(t->env.socks, &l->sock);
    t->listener_count--;
    sok_mem_free(t->env.mem, l, sizeof(*l));
}

// It stays in the table, where nothing that comes finds it.
void sok_tcp_listener_kill(struct sok_tcp_listener *l, int64_t now)
{
    if (sok_tcp_listener_open(l)) {
        turn_away(l, now);
        sok_map_add(&l->tcp->listeners, &l->node, SOK_TCP_PORT_NONE);
        sok_sock_ready(
            l->tcp->env.changed, &l->sock, SOK_READY_IN | SOK_READY_ERROR | SOK_READY_HUP);
    }
}

bool sok_tcp_listener_open(const struct sok_tcp_listener *l)
{
    return l->node.hash != SOK_TCP_PORT_NONE;
}

void sok_tcp_listener_queue(const struct sok_tcp_listener *l, uint32_t *waiting, uint32_t *most)
{
    *waiting = l->to_accept.count;
    *most = l->backlog;
}

static void drop(struct sok_tcp_in *in, enum sok_drop why)
{
    in->out->drop = why;
}

// RFC 9293 3.10.7.2, third: a SYN makes a connection in SYN-RECEIVED. NULL: it could not.
struct sok_tcp_conn *sok_tcp_listen_open(struct sok_tcp_listener *l, struct sok_tcp_in *syn)
{
    struct sok_tcp *t = l->tcp;
    const struct sok_tcp_arrival *from = syn->from;
    struct sok_tcp_path path;
    struct sok_tcp_conn *c;
    uint8_t device = sok_bind_device(l->flags);
    if (sok_tcp_route_on(t, device, &from->to.addr, &from->from, &path) != 0 ||
        sok_tcp_conn_new(t, &from->to, &from->from, &path, syn->now, &c) != 0) {
        drop(syn, SOK_DROP_NO_MEMORY);
        return NULL;
    }
    c->passive = true;
    c->device = device;
    c->listener = l;
    sok_tcp_wish(c, &l->wishes);
    c->undecided = l->local.port == 0;
    c->half_open = !c->undecided;
    queue_add(c->half_open ? &l->half_open : &l->to_accept, c);
    if (c->undecided) {
        sok_tcp_listener_event(l);
    }
    c->state = SOK_TCP_LISTEN; // for the event: LISTEN -> SYN-RECEIVED
    sok_tcp_take_syn(c, syn);
    sok_tcp_set_state(c, SOK_TCP_SYN_RECEIVED, syn->now);
    return c;
}

// A connection that is opened again out of TIME-WAIT needs a number above its last: no cookie has that.
static bool wants_cookie(const struct sok_tcp_listener *l, const struct sok_tcp_in *in)
{
    int64_t cookies = l->tcp->config.syn_cookies;
    return l->local.port != 0 && !in->reopens &&
           (cookies == SOK_COOKIES_ALWAYS || (cookies == SOK_COOKIES_ON && half_open_full(l)));
}

static void syn_arrived(struct sok_tcp_listener *l, struct sok_tcp_in *in)
{
    if (sok_tcp_listener_full(l)) {
        drop(in, SOK_DROP_TCP_BACKLOG);
        return;
    }
    if (wants_cookie(l, in)) {
        sok_tcp_cookie_send(l, in);
        return;
    }
    if (l->half_open.first && half_open_full(l)) { // the oldest has had the most time to answer
        sok_tcp_conn_free(l->half_open.first);
        l->tcp->drops[SOK_DROP_TCP_BACKLOG]++;
    }
    struct sok_tcp_conn *c = sok_tcp_listen_open(l, in);
    if (!c) {
        return;
    }
    if (in->reopens && !sok_seq_gt(c->iss, in->iss_above)) { // MAY-2; Linux's distance
        sok_tcp_start_at(c, in->iss_above + 65537);
    }
    if (sok_tcp_fastopen_syn(c, in)) {
        sok_tcp_listener_established(c);
    }
    c->syn_why = SOK_REASON_OPEN_REPLY;
    sok_tcp_want_output(c);
    in->out->conn = c->sock.id;
    in->out->has_base = true;
    in->out->seq_base = c->irs;
    in->out->ack_base = c->iss;
    in->out->effects |= SOK_EFFECT_OPENED;
}

// An ACK: of a cookie, or of nothing (U2). While there is no room to accept, a reset might hit a peer whose
// cookie was good, so there is none; it will send again.
static struct sok_tcp_conn *ack_arrived(struct sok_tcp_listener *l, struct sok_tcp_in *in)
{
    if (sok_tcp_listener_full(l) && sok_tcp_cookies_recent(l, in->now)) {
        drop(in, SOK_DROP_TCP_BACKLOG);
        return NULL;
    }
    struct sok_tcp_conn *c = sok_tcp_cookie_take(l, in);
    if (!c && in->out->drop == SOK_DROP_NONE) {
        sok_tcp_reset_for(l->tcp, in, SOK_REASON_RST_BAD_ACK);
        drop(in, SOK_DROP_TCP_BAD_ACK);
    }
    return c;
}

struct sok_tcp_conn *sok_tcp_listen_input(struct sok_tcp_listener *l, struct sok_tcp_in *in)
{
    if (in->h.flags & SOK_TCP_RST) { // first
        drop(in, SOK_DROP_TCP_NO_CONNECTION);
    } else if (in->h.flags & SOK_TCP_ACK) { // second
        return ack_arrived(l, in);
    } else if ((in->h.flags & (SOK_TCP_SYN | SOK_TCP_FIN)) == SOK_TCP_SYN) { // third
        syn_arrived(l, in);
    } else { // fourth; SYN with FIN is nobody's honest segment
        drop(in, SOK_DROP_TCP_NOT_SYN);
    }
    return NULL;
}

// ---- connections whose SYN,ACK waits for a decision ----

// As in SYN-RECEIVED, but nothing has been sent that could be acknowledged. The same SYN again changes
// nothing; another one means that the peer has begun anew, and will send it again.
void sok_tcp_undecided_input(struct sok_tcp_conn *c, struct sok_tcp_in *in)
{
    uint16_t what = in->h.flags & (SOK_TCP_SYN | SOK_TCP_ACK | SOK_TCP_RST);
    if (what == SOK_TCP_SYN && in->h.seq == c->irs) {
        in->out->effects |= SOK_EFFECT_DUPLICATE;
    } else if (what == SOK_TCP_SYN) {
        drop(in, SOK_DROP_TCP_SYN_IN_STATE);
        sok_tcp_over(c, SOK_ERESET, in->now);
    } else if ((what & SOK_TCP_RST) && in->h.seq == c->rcv_nxt) { // RFC 5961 section 3.2
        in->out->effects |= SOK_EFFECT_RESET;
        sok_tcp_over(c, SOK_ERESET, in->now);
    } else if (what & SOK_TCP_RST) {
        drop(in, SOK_DROP_TCP_BAD_RST);
    } else {
        sok_tcp_reset_for(c->tcp, in, SOK_REASON_RST_BAD_ACK);
        drop(in, SOK_DROP_TCP_BAD_ACK);
    }
}

void sok_tcp_admit(struct sok_tcp_conn *c, int64_t now)
{
    (void)now;
    if (c->undecided) {
        c->undecided = false;
        sok_tcp_want_output(c);
    }
}

static void decide_against(struct sok_tcp_conn *c, int64_t now)
{
    c->orphan = true;
    if (c->state == SOK_TCP_CLOSED) { // the peer was faster
        sok_tcp_conn_free(c);
    } else {
        sok_tcp_over(c, 0, now);
    }
}

void sok_tcp_refuse(struct sok_tcp_conn *c, int64_t now)
{
    if (c->state != SOK_TCP_CLOSED) {
        sok_tcp_reset_conn(c, SOK_REASON_RST_CLOSED);
    }
    decide_against(c, now);
}

void sok_tcp_ignore(struct sok_tcp_conn *c, int64_t now)
{
    decide_against(c, now);
}

uint32_t sok_tcp_peer_start(const struct sok_tcp_conn *c)
{
    return c->irs;
}
