// An application at one end of a connection: writes a pattern, checks the other's, and ends as planned.
// It acts when a sock's readiness says so or when its pause for thought is over, never otherwise, so a
// missed notification shows as a run that stands still.
#include <stdlib.h>
#include <string.h>
#include "tests/sim/world.h"

#define PERIOD      131071 // prime: no multiple of it is a likely mistake
#define PATTERN     (PERIOD + 262144)
#define BURST       16 // reads and writes at one go
#define FIRST_PORT  20000
#define LISTEN_PORT 7

static const uint8_t *pattern(uint32_t phase, uint64_t offset)
{
    static uint8_t bytes[PATTERN];
    static bool ready;
    if (!ready) {
        struct rng r = {2026};
        for (size_t i = 0; i < PERIOD; i++)
            bytes[i] = (uint8_t)rng_next(&r);
        for (size_t i = PERIOD; i < PATTERN; i++)
            bytes[i] = bytes[i - PERIOD];
        ready = true;
    }
    return bytes + (phase + offset) % PERIOD;
}

void app_init(struct world *w, unsigned index)
{
    struct app *a = &w->app[index];
    const struct conn_plan *c = &w->plan.conn[index / 2];
    unsigned side = index % 2;
    *a = (struct app){.w = w, .conn = c, .plan = &c->side[side], .other = &c->side[1 - side]};
    a->node = side == 0 ? c->client : c->server;
    a->wake = side == 0 || c->both ? w->plan.start + c->start : SOK_TIME_NEVER;
    a->rng = rng_fork(&w->rng);
}

static unsigned number(const struct app *a)
{
    return (unsigned)(a - a->w->app);
}

#define APP_FAIL(a, format, ...)                                                                   \
    world_fail((a)->w, "connection %u, %s: " format, number(a) / 2,                                \
        number(a) % 2 ? "server" : "client", __VA_ARGS__)

static uint32_t ready_bits(const struct app *a)
{
    return ((const struct sok_sock *)a->c)->ready;
}

static void end(struct app *a, int error)
{
    a->error = error;
    a->done = true;
    a->wake = SOK_TIME_NEVER;
    a->w->progress_at = a->w->now;
    *(error ? &a->w->failed : &a->w->ended) += 1;
    if (error && a->conn->bystander)
        APP_FAIL(a, "%s after %llu of %llu sent, %llu of %llu received", sok_strerror(error),
            (unsigned long long)a->sent, (unsigned long long)a->plan->total,
            (unsigned long long)a->received, (unsigned long long)a->other->total);
}

static void account(struct app *a)
{
    struct sok_tcp_info info;
    sok_tcp_info(a->c, &info);
    a->w->sent += info.bytes_sent;
    a->w->again += info.bytes_again;
    a->w->timeouts += info.timeouts;
    a->w->fast += info.fast_retransmits;
    if (a->w->plan.calm && (info.bytes_again || info.timeouts || info.fast_retransmits))
        APP_FAIL(a, "sent %llu bytes again on a wire that loses none, %u timeouts, %u fast",
            (unsigned long long)info.bytes_again, info.timeouts, info.fast_retransmits);
}

static void close_it(struct app *a, int error)
{
    struct sok_tcp_conn *c = a->c;
    if (c && !error)
        account(a);
    a->c = NULL;
    if (c) {
        ((struct sok_sock *)c)->user = NULL;
        sok_tcp_close(c, a->w->now);
    }
    end(a, error);
}

void app_lost(struct app *a)
{
    a->c = NULL;
    if (!a->done && a->started)
        end(a, SOK_ERESET);
}

static void adopt(struct app *a, struct sok_tcp_conn *c)
{
    const struct side_plan *p = a->plan;
    int64_t now = a->w->now;
    a->c = c;
    a->started = true;
    a->wake = now;
    a->w->progress_at = now;
    ((struct sok_sock *)c)->user = a;
    int err = 0;
    if (p->nodelay)
        err |= sok_tcp_setopt(c, SOK_TCP_NODELAY, 1, now);
    if (p->cork)
        err |= sok_tcp_setopt(c, SOK_TCP_CORK, 1, now);
    if (p->keepalive)
        err |= sok_tcp_setopt(c, SOK_TCP_KEEPALIVE, 1, now);
    if (p->rcvbuf)
        err |= sok_tcp_setopt(c, SOK_TCP_RCVBUF, p->rcvbuf, now);
    if (p->sndbuf)
        err |= sok_tcp_setopt(c, SOK_TCP_SNDBUF, p->sndbuf, now);
    if (err)
        APP_FAIL(a, "an option was refused: %d", err);
}

int app_ports(
    const struct world *w, unsigned index, struct sok_endpoint *local, struct sok_endpoint *remote)
{
    unsigned side = index % 2;
    const struct conn_plan *c = &w->plan.conn[index / 2];
    *local = (struct sok_endpoint){.port = (uint16_t)(FIRST_PORT + index)};
    *remote = (struct sok_endpoint){.addr = w->node[side == 0 ? c->server : c->client].addr,
        .port = c->both ? (uint16_t)(FIRST_PORT + (index ^ 1)) : LISTEN_PORT};
    if (c->server == c->client && index / 2 % 2)
        remote->addr = w->plan.v6 ? (struct sok_addr){{[15] = 1}} : sok_addr_v4(0x7f000001);
    return side == 0 ? c->client : c->server;
}

static void start(struct app *a)
{
    struct world *w = a->w;
    struct sok_endpoint local, remote;
    app_ports(w, number(a), &local, &remote);
    struct sok_tcp_conn *c = NULL;
    int err = sok_stack_connect(w->node[a->node].stack, &local, &remote, w->now, &c);
    a->started = true;
    a->wake = SOK_TIME_NEVER;
    if (err == SOK_ENOMEM && w->plan.fault == FAULT_MEMORY)
        end(a, err);
    else if (err || !c)
        APP_FAIL(a, "connect: %s", sok_strerror(err));
    else
        adopt(a, c);
}

void app_accepted(struct world *w, int node, struct sok_tcp_conn *c)
{
    struct sok_endpoint from = sok_tcp_remote(c);
    unsigned index = (unsigned)(from.port - FIRST_PORT);
    bool expected = from.port >= FIRST_PORT && index < 2 * w->plan.conn_count && index % 2 == 0 &&
                    w->app[index + 1].node == node && !w->app[index].conn->both;
    if (!expected) {
        world_fail(w, "node %d accepted a connection nobody opened, from port %u", node, from.port);
        return;
    }
    struct app *a = &w->app[index + 1];
    if (a->started) { // the client was restarted or ran out of memory, and this is a leftover
        if (w->plan.fault == FAULT_NONE)
            APP_FAIL(a, "accepted %s", "twice");
        sok_tcp_abort(c, w->now);
        return;
    }
    adopt(a, c);
    a->opened = true;
}

// ---- writing ----

static int64_t send_some(struct app *a, size_t len)
{
    const uint8_t *bytes = pattern(a->plan->phase, a->sent);
    if (!a->plan->by_slice) {
        size_t cut = rng_below(&a->rng, len + 1); // in two pieces
        struct sok_iov iov[2] = {{bytes, cut}, {bytes + cut, len - cut}};
        return sok_tcp_send(a->c, iov, 2, a->w->now);
    }
    struct sok_buf *buf = sok_buf_new(&a->w->node[a->node].mem, (uint32_t)len);
    if (!buf)
        return SOK_ENOMEM;
    memcpy(buf->data, bytes, len);
    int64_t n = sok_tcp_send_slice(a->c, (struct sok_slice){buf, 0, (uint32_t)len}, a->w->now);
    sok_buf_unref(buf);
    return n;
}

static void maybe_think(struct app *a, int64_t *until, int64_t most)
{
    if (rng_chance(&a->rng, a->plan->think_chance))
        *until = a->w->now + (int64_t)rng_below(&a->rng, (uint64_t)most);
}

// True: something was done, try again.
static bool try_write(struct app *a)
{
    if (a->shut || a->sent == a->plan->total || a->w->now < a->write_at)
        return false;
    bool ready = ready_bits(a) & SOK_READY_OUT;
    if (!ready && !rng_one_in(&a->rng, 64))
        return false;
    uint64_t len = 1 + rng_below(&a->rng, a->plan->write_max);
    if (len > a->plan->total - a->sent)
        len = a->plan->total - a->sent;
    if (a->plan->by_slice) {
        uint32_t room = sok_tcp_send_room(a->c);
        if (len > room)
            len = room;
        if (!len)
            len = 1;
    }
    int64_t n = send_some(a, len);
    if (n > 0) {
        if ((uint64_t)n > len)
            APP_FAIL(a, "send took %lld of %llu bytes", (long long)n, (unsigned long long)len);
        a->sent += (uint64_t)n;
        a->w->progress_at = a->w->now;
        maybe_think(a, &a->write_at, a->plan->write_think);
        return true;
    }
    if (n == SOK_EAGAIN) {
        if (ready && a->opened)
            APP_FAIL(a, "ready to write, but send said: %s", sok_strerror((int)n));
        return false;
    }
    if (n == SOK_ENOMEM && a->w->plan.fault == FAULT_MEMORY) {
        a->write_at = a->w->now + 10 * SOK_MS;
        return false;
    }
    if (n == 0)
        APP_FAIL(a, "send of %llu bytes took none", (unsigned long long)len);
    else
        close_it(a, (int)n);
    return false;
}

// ---- reading ----

static bool check_bytes(struct app *a, const uint8_t *data, size_t len)
{
    uint64_t left = a->other->total - a->received;
    size_t good = len < left ? len : (size_t)left;
    const uint8_t *want = pattern(a->other->phase, a->received);
    if (memcmp(data, want, good) != 0) {
        size_t i = 0;
        while (data[i] == want[i])
            i++;
        APP_FAIL(a, "wrong byte at offset %llu", (unsigned long long)(a->received + i));
        return false;
    }
    if (good < len) {
        APP_FAIL(a, "%llu bytes more than were sent", (unsigned long long)(len - good));
        return false;
    }
    a->received += len;
    a->w->delivered += len;
    a->w->progress_at = a->w->now;
    return true;
}

static int64_t recv_by_peek(struct app *a, size_t len)
{
    struct sok_iov iov[4];
    unsigned count = 1 + (unsigned)rng_below(&a->rng, 4);
    int64_t n = sok_tcp_peek(a->c, iov, &count);
    if (n <= 0)
        return n == 0 && !(ready_bits(a) & SOK_READY_IN) ? SOK_EAGAIN : n;
    size_t sum = 0, used = 0;
    for (unsigned i = 0; i < count; i++)
        sum += iov[i].len;
    if (sum != (size_t)n)
        APP_FAIL(a, "peek said %lld, its pieces sum to %zu", (long long)n, sum);
    for (unsigned i = 0; i < count && used < len; i++) {
        size_t take = iov[i].len < len - used ? iov[i].len : len - used;
        if (!check_bytes(a, iov[i].base, take))
            return SOK_EPROTO;
        used += take;
    }
    sok_tcp_consume(a->c, used, a->w->now);
    return (int64_t)used;
}

static int64_t recv_by_copy(struct app *a, size_t len)
{
    static uint8_t buffer[262144];
    int64_t n = sok_tcp_recv(a->c, buffer, len, a->w->now);
    if (n > (int64_t)len)
        APP_FAIL(a, "recv gave %lld of %zu bytes", (long long)n, len);
    else if (n > 0 && !check_bytes(a, buffer, (size_t)n))
        return SOK_EPROTO;
    return n;
}

// A reader that has less room from now on. What was offered stays offered.
static void shrink(struct app *a)
{
    if (!a->plan->shrink_to || a->shrunk || a->received < a->plan->shrink_at)
        return;
    a->shrunk = true;
    int err = sok_tcp_setopt(a->c, SOK_TCP_RCVBUF, a->plan->shrink_to, a->w->now);
    if (err)
        APP_FAIL(a, "the buffer could not be changed: %d", err);
}

static bool try_read(struct app *a)
{
    if (a->eof || a->w->now < a->read_at)
        return false;
    shrink(a);
    bool ready = ready_bits(a) & SOK_READY_IN;
    if (!ready && !rng_one_in(&a->rng, 64))
        return false;
    size_t len = 1 + rng_below(&a->rng, a->plan->read_max);
    int64_t n = a->plan->by_peek ? recv_by_peek(a, len) : recv_by_copy(a, len);
    if (n == SOK_EPROTO || !a->c)
        return false;
    if (n == SOK_EAGAIN) {
        if (ready)
            APP_FAIL(a, "ready to read, but recv said: %s", sok_strerror((int)n));
        return false;
    }
    if (!ready && n >= 0)
        APP_FAIL(a, "recv gave %lld, but was not ready to read", (long long)n);
    if (n > 0) {
        maybe_think(a, &a->read_at, a->plan->read_think);
        return true;
    }
    if (n < 0) {
        close_it(a, (int)n);
        return false;
    }
    a->eof = true;
    a->w->progress_at = a->w->now;
    if (a->received != a->other->total) // an abort or a lost machine is an error, never an end
        APP_FAIL(a, "end of stream after %llu of %llu bytes", (unsigned long long)a->received,
            (unsigned long long)a->other->total);
    return true;
}

// ---- ending ----

static void try_end(struct app *a)
{
    if (a->received >= a->plan->abort_at && a->opened) {
        struct sok_tcp_conn *c = a->c;
        a->c = NULL;
        ((struct sok_sock *)c)->user = NULL;
        sok_tcp_abort(c, a->w->now);
        end(a, 0);
        return;
    }
    bool all_sent = a->sent == a->plan->total && a->opened;
    if (all_sent && a->eof) {
        close_it(a, 0);
    } else if (a->plan->ending == END_EARLY && all_sent && a->received == a->other->total) {
        close_it(a, 0);
    } else if (a->plan->ending == END_HALF && all_sent && !a->shut) {
        int err = sok_tcp_shutdown(a->c, a->w->now);
        a->shut = true;
        a->w->progress_at = a->w->now;
        if (err && a->conn->bystander)
            APP_FAIL(a, "shutdown: %s", sok_strerror(err));
    }
}

static void sleep_until(struct app *a)
{
    int64_t wake = SOK_TIME_NEVER;
    if (a->done)
        return;
    if (a->write_at > a->w->now && a->write_at < wake)
        wake = a->write_at;
    if (a->read_at > a->w->now && a->read_at < wake)
        wake = a->read_at;
    a->wake = wake;
}

void app_run(struct app *a)
{
    a->kicked = false;
    if (a->done)
        return;
    if (!a->started) {
        start(a);
        return;
    }
    uint32_t ready = ready_bits(a);
    if (!a->opened && (ready & SOK_READY_OUT))
        a->opened = true;
    if (ready & SOK_READY_ERROR) {
        int err = sok_tcp_error(a->c);
        if (err == 0)
            APP_FAIL(a, "%s", "ready with an error, but there is none");
        close_it(a, err);
        return;
    }
    bool more = true;
    for (int i = 0; i < BURST && more && a->c && !a->w->fail[0]; i++) {
        bool write_first = rng_one_in(&a->rng, 2);
        more = write_first && try_write(a);
        if (a->c)
            more |= try_read(a);
        if (a->c && !write_first)
            more |= try_write(a);
    }
    if (a->c)
        try_end(a);
    sleep_until(a);
    if (more && !a->done) // the burst is over, not the work
        a->wake = a->w->now + 1;
}
