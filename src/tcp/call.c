// The calls of an application (RFC 9293 section 3.9.1, processed as section 3.10 says), and the instance.
#include <string.h>
#include "tcp/cc.h"

// ---- the instance ----

int sok_tcp_new(
    const struct sok_tcp_config *config, const struct sok_tcp_env *env, struct sok_tcp **out)
{
    struct sok_tcp *t = sok_mem_zalloc(env->mem, sizeof(*t));
    if (!t) {
        return SOK_ENOMEM;
    }
    t->config = *config;
    t->env = *env;
    sok_map_init(&t->conns, env->mem);
    sok_map_init(&t->listeners, env->mem);
    sok_timers_init(&t->timers, env->mem);
    *out = t;
    return 0;
}

void sok_tcp_free(struct sok_tcp *t)
{
    struct sok_map_iter it;
    struct sok_map_node *n;
    if (!t) {
        return;
    }
    while (t->all) {
        sok_tcp_conn_free(t->all);
    }
    for (n = sok_map_begin(&t->listeners, &it); n; n = sok_map_step(&t->listeners, &it)) {
        sok_tcp_listener_close(SOK_CONTAINER_OF(n, struct sok_tcp_listener, node), 0);
    }
    sok_tcp_fastopen_free(t);
    sok_map_free(&t->conns);
    sok_map_free(&t->listeners);
    sok_timers_free(&t->timers);
    sok_mem_free(t->env.mem, t, sizeof(*t));
}

struct sok_tcp_config *sok_tcp_config(struct sok_tcp *t)
{
    return &t->config;
}

// ---- telling ----

static void told(
    struct sok_tcp_conn *c, enum sok_call call, int64_t amount, int64_t result, int64_t now)
{
    struct sok_event *ev = sok_events_push(c->tcp->env.events, SOK_EVENT_CALL, now, c->sock.id);
    if (ev) {
        ev->call.call = (uint8_t)call;
        ev->call.amount = amount;
        ev->call.result = result;
    }
}

// ---- OPEN ----

static bool impossible_peer(const struct sok_endpoint *e)
{
    return e->port == 0 || sok_addr_is_any(e->addr) || sok_addr_is_multicast(e->addr) ||
           (sok_addr_is_v4(e->addr) && sok_addr_to_v4(e->addr) == 0xffffffffu);
}

int sok_tcp_connect(struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, const struct sok_tcp_path *path, int64_t now,
    struct sok_tcp_conn **out)
{
    struct sok_endpoint from = *local;
    struct sok_tcp_conn *c;
    if (impossible_peer(remote)) { // MUST-46
        return SOK_EINVAL;
    }
    from.addr = path->source; // MUST-44, MUST-45
    if (from.port == 0) {
        int err = sok_tcp_pick_port(t, &from, remote, 0);
        if (err) {
            return err;
        }
    } else if (sok_tcp_find(t, &from, remote)) {
        return SOK_EADDRINUSE;
    }
    int err = sok_tcp_conn_new(t, &from, remote, path, now, &c);
    if (err) {
        return err;
    }
    struct sok_event *ev = sok_events_push(t->env.events, SOK_EVENT_CALL, now, c->sock.id);
    if (ev) {
        ev->call.call = SOK_CALL_CONNECT;
        ev->call.has_local = ev->call.has_remote = true;
        ev->call.local = from;
        ev->call.remote = *remote;
        ev->call.amount = -1;
    }
    sok_tcp_set_state(c, SOK_TCP_SYN_SENT, now);
    c->syn_why = SOK_REASON_OPEN;
    sok_tcp_want_output(c);
    *out = c;
    return 0;
}

// ---- SEND ----

static uint32_t buffer_room(const struct sok_tcp_conn *c)
{
    uint32_t held = sok_tcp_sendq_len(&c->sendq);
    return held < c->snd_buf ? c->snd_buf - held : 0;
}

// With a limit on what is not sent yet, one large piece at a time may go above it, as in Linux: a limit of a byte does
// not mean segments of a byte.
uint32_t sok_tcp_send_room(const struct sok_tcp_conn *c)
{
    uint32_t room = buffer_room(c);
    if (sok_tcp_unsent_enough(c)) {
        return 0;
    }
    return c->notsent_lowat && room > SOK_TCP_CHUNK_LARGE ? SOK_TCP_CHUNK_LARGE : room;
}

// What a slice waits for: it is taken whole. One that is larger than the buffer as far as it has grown is taken when that
// is empty, or it would wait for ever.
bool sok_tcp_slice_fits(const struct sok_tcp_conn *c, uint32_t len)
{
    bool alone = sok_tcp_sendq_len(&c->sendq) == 0 && len <= sok_tcp_sndbuf_most(c);
    return !sok_tcp_unsent_enough(c) && (alone || buffer_room(c) >= len);
}

// 0 when data may be queued now.
static int may_send(struct sok_tcp_conn *c)
{
    if (c->recverr && c->error) {
        return sok_tcp_error(c);
    }
    switch (c->state) {
    case SOK_TCP_CLOSED:
        return c->error ? sok_tcp_error(c) : SOK_EPIPE;
    case SOK_TCP_SYN_SENT:
        return c->tfo == SOK_TFO_WAITS && !c->fin_wanted ? 0 : SOK_EAGAIN;
    case SOK_TCP_SYN_RECEIVED:
        return !sok_tcp_early(c) ? SOK_EAGAIN : c->fin_wanted ? SOK_EPIPE : 0;
    default:
        return c->fin_wanted ? SOK_EPIPE : 0;
    }
}

// Data after data received: the two ends talk in turns (RFC 9293 3.8.6.3: let answers carry the ACK).
static void note_turn(struct sok_tcp_conn *c, int64_t now)
{
    if (c->bytes_received > 0 && now - c->data_in_at < c->tcp->config.delayed_ack) {
        c->interactive = true;
    }
}

static void queued(struct sok_tcp_conn *c, int64_t now)
{
    note_turn(c, now);
    sok_tcp_fastopen_go(c);
    sok_tcp_want_output(c);
    sok_tcp_ready_update(c);
}

int64_t sok_tcp_send(struct sok_tcp_conn *c, const struct sok_iov *iov, unsigned count, int64_t now)
{
    int err = may_send(c);
    c->room_wanted = 0;
    uint64_t asked = 0, done = 0;
    for (unsigned i = 0; i < count; i++) {
        asked += iov[i].len;
    }
    for (unsigned i = 0; !err && i < count; i++) {
        uint32_t room = sok_tcp_send_room(c);
        size_t want = iov[i].len < room ? iov[i].len : room;
        size_t took = sok_tcp_sendq_append(&c->sendq, c->tcp->env.mem, iov[i].base, want);
        done += took;
        c->tcp->send_held += took;
        if (took < iov[i].len) {
            err = took < want ? SOK_ENOMEM : SOK_EAGAIN;
        }
    }
    if (done > 0) {
        told(c, SOK_CALL_SEND, (int64_t)asked, (int64_t)done, now);
        queued(c, now);
        return (int64_t)done;
    }
    if (err != SOK_EAGAIN) {
        told(c, SOK_CALL_SEND, (int64_t)asked, err, now);
    }
    sok_tcp_ready_update(c);
    return err;
}

int64_t sok_tcp_send_urgent(
    struct sok_tcp_conn *c, const struct sok_iov *iov, unsigned count, int64_t now)
{
    int64_t sent = sok_tcp_send(c, iov, count, now);
    if (sent > 0) {
        c->snd_up = c->sendq.end; // MUST-30, MUST-31, MUST-62: the number after the last byte
    }
    return sent;
}

int64_t sok_tcp_send_slice(struct sok_tcp_conn *c, struct sok_slice data, int64_t now)
{
    int err = data.len > sok_tcp_sndbuf_most(c) ? SOK_EINVAL : may_send(c);
    c->room_wanted = 0;
    if (!err && !sok_tcp_slice_fits(c, data.len)) {
        c->room_wanted = data.len;
        err = SOK_EAGAIN;
    }
    if (!err && data.len <= SOK_TCP_CHUNK_SMALL) { // cheaper to copy than to keep
        struct sok_iov iov = {sok_slice_data(data), data.len};
        return sok_tcp_send(c, &iov, 1, now);
    }
    if (!err) {
        err = sok_tcp_sendq_append_slice(&c->sendq, c->tcp->env.mem, data);
    }
    if (err) {
        sok_tcp_ready_update(c);
        return err;
    }
    c->tcp->send_held += data.len;
    told(c, SOK_CALL_SEND, data.len, data.len, now);
    queued(c, now);
    return data.len;
}

// ---- RECEIVE ----

// What a receiver is told when no data waits; data that arrived before an error is read first.
static int64_t nothing_to_read(struct sok_tcp_conn *c)
{
    if (c->error) {
        return sok_tcp_error(c);
    }
    if (c->fin_seen || c->state == SOK_TCP_CLOSED) {
        return 0;
    }
    return SOK_EAGAIN;
}

int64_t sok_tcp_recv(struct sok_tcp_conn *c, void *data, size_t len, int64_t now)
{
    int64_t result;
    if (c->stream.ready == 0) {
        result = nothing_to_read(c);
        if (result != SOK_EAGAIN) {
            told(c, SOK_CALL_RECV, (int64_t)len, result, now);
        }
        return result;
    }
    result = (int64_t)sok_stream_read(&c->stream, data, len);
    told(c, SOK_CALL_RECV, (int64_t)len, result, now);
    sok_tcp_was_read(c, (size_t)result, now);
    return result;
}

int64_t sok_tcp_peek(struct sok_tcp_conn *c, struct sok_iov *iov, unsigned *count)
{
    if (c->stream.ready == 0) {
        *count = 0;
        return nothing_to_read(c);
    }
    return (int64_t)sok_stream_peek(&c->stream, iov, count);
}

size_t sok_tcp_look(const struct sok_tcp_conn *c, size_t skip, void *data, size_t len)
{
    return sok_stream_copy(&c->stream, skip, data, len);
}

void sok_tcp_consume(struct sok_tcp_conn *c, size_t bytes, int64_t now)
{
    sok_stream_consume(&c->stream, bytes);
    told(c, SOK_CALL_RECV, (int64_t)bytes, (int64_t)bytes, now);
    sok_tcp_was_read(c, bytes, now);
}

// ---- CLOSE, ABORT ----

// The FIN follows what is queued; the state changes at once (3.10.4).
static void want_fin(struct sok_tcp_conn *c, int64_t now)
{
    if (c->fin_wanted) {
        return;
    }
    c->fin_wanted = true;
    if (c->state == SOK_TCP_ESTABLISHED) {
        sok_tcp_set_state(c, SOK_TCP_FIN_WAIT_1, now);
    } else if (c->state == SOK_TCP_CLOSE_WAIT) {
        sok_tcp_set_state(c, SOK_TCP_LAST_ACK, now);
    }
    sok_tcp_want_output(c);
}

int sok_tcp_shutdown(struct sok_tcp_conn *c, int64_t now)
{
    int result = 0;
    if (c->state == SOK_TCP_CLOSED || c->state == SOK_TCP_SYN_SENT) {
        result = SOK_ENOTCONN;
    }
    told(c, SOK_CALL_SHUTDOWN, -1, result, now);
    if (result == 0) {
        want_fin(c, now);
        sok_tcp_ready_update(c);
    }
    return result;
}

static void reset_and_free(struct sok_tcp_conn *c, enum sok_reason why, int64_t now)
{
    bool synchronized = c->state != SOK_TCP_SYN_SENT && c->state != SOK_TCP_CLOSED;
    if (synchronized && c->state != SOK_TCP_TIME_WAIT) {
        sok_tcp_reset_conn(c, why);
    }
    c->orphan = true;
    if (c->state == SOK_TCP_CLOSED) {
        sok_tcp_conn_free(c);
    } else {
        sok_tcp_over(c, 0, now);
    }
}

void sok_tcp_abort(struct sok_tcp_conn *c, int64_t now)
{
    told(c, SOK_CALL_ABORT, -1, 0, now);
    reset_and_free(c, SOK_REASON_RST_ABORT, now);
}

void sok_tcp_kill(struct sok_tcp_conn *c, int64_t now)
{
    told(c, SOK_CALL_ABORT, -1, 0, now);
    if (c->state != SOK_TCP_CLOSED) {
        if (c->state != SOK_TCP_SYN_SENT && c->state != SOK_TCP_TIME_WAIT && !c->undecided) {
            sok_tcp_reset_conn(c, SOK_REASON_RST_ABORT);
        }
        // One that nobody holds and that only waits for 2 MSL has nothing left to fail at.
        sok_tcp_over(c, c->orphan && c->state == SOK_TCP_TIME_WAIT ? 0 : SOK_EABORTED, now);
    }
}

void sok_tcp_close(struct sok_tcp_conn *c, int64_t now)
{
    told(c, SOK_CALL_CLOSE, -1, 0, now);
    if (c->state == SOK_TCP_CLOSED || c->state == SOK_TCP_SYN_SENT) {
        reset_and_free(c, SOK_REASON_RST_ABORT, now);
        return;
    }
    if (c->state == SOK_TCP_TIME_WAIT) { // its two MSL go on (MUST-13), unread data or not
        sok_sock_forget(c->tcp->env.changed, &c->sock);
        sok_stream_free(&c->stream);
        c->orphan = true;
        return;
    }
    if (c->stream.ready > 0 || c->linger_zero) { // SHLD-3
        reset_and_free(c, c->linger_zero ? SOK_REASON_RST_ABORT : SOK_REASON_RST_UNREAD, now);
        return;
    }
    sok_sock_forget(c->tcp->env.changed, &c->sock);
    c->orphan = true;
    c->sock.user = NULL;
    want_fin(c, now);
    if (c->linger > 0 && !sok_tcp_fin_acked(c)) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_LINGER, now + c->linger);
    }
    if (c->state == SOK_TCP_FIN_WAIT_2) {
        sok_tcp_timer_set(c, SOK_TCP_TIMER_FIN_WAIT_2, now + sok_tcp_fin_wait_2(c));
    }
}

// ---- STATUS ----

int sok_tcp_error(struct sok_tcp_conn *c)
{
    int err = c->error;
    c->error = 0;
    sok_tcp_ready_update(c);
    return err;
}

enum sok_tcp_state sok_tcp_state(const struct sok_tcp_conn *c)
{
    return c->state;
}

struct sok_endpoint sok_tcp_local(const struct sok_tcp_conn *c)
{
    return c->local;
}

struct sok_endpoint sok_tcp_remote(const struct sok_tcp_conn *c)
{
    return c->remote;
}
