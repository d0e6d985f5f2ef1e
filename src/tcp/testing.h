// Two TCPs joined by a wire of this file's own, in virtual time, for the unit tests. IP is absent: segments
// are handed over as they are.
#ifndef SOK_TCP_TESTING_H
#define SOK_TCP_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tcp/internal.h"

#define WIRE_MAX 4096

struct carried {
    struct sok_buf *buf;
    struct sok_tcp_arrival arrival;
    int64_t due;
};

struct end {
    struct sok_tcp *tcp;
    struct sok_sock_queue changed;
    struct sok_events events;
    struct sok_addr addr;
    struct sok_sock_list socks;
};

struct world {
    struct sok_mem_counter counter;
    struct sok_mem mem;
    struct end ends[2];
    struct carried wire[WIRE_MAX];
    unsigned on_wire;
    int64_t now, delay;
    uint32_t random, loss_percent;
    unsigned sent; // segments by both
};

static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline int route(void *ctx, const struct sok_addr *source, const struct sok_endpoint *to,
    struct sok_tcp_path *out)
{
    const struct end *e = ctx;
    (void)source;
    *out = (struct sok_tcp_path){.source = e->addr, .next_hop = to->addr, .link = 1, .mtu = 1500};
    return 0;
}

static inline void world_new(struct world *w, const struct sok_tcp_config *config)
{
    struct sok_tcp_config defaults;
    memset(w, 0, sizeof(*w));
    w->counter.under = sok_mem_libc();
    w->mem = sok_mem_counting(&w->counter);
    w->delay = 10 * SOK_MS;
    w->now = SOK_S;
    sok_tcp_config_default(&defaults);
    for (unsigned i = 0; i < 2; i++) {
        struct end *e = &w->ends[i];
        struct sok_tcp_env env = {.mem = &w->mem,
            .events = &e->events,
            .changed = &e->changed,
            .socks = &e->socks,
            .route = route,
            .route_ctx = e,
            .secret = {(uint8_t)(i + 1)}};
        e->addr = sok_addr_v4(0xc0000201u + i);
        sok_events_init(&e->events, &w->mem, false);
        assert_int_equal(sok_tcp_new(config ? config : &defaults, &env, &e->tcp), 0);
    }
}

static inline void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->on_wire; i++) {
        sok_buf_unref(w->wire[i].buf);
    }
    sok_tcp_free(w->ends[0].tcp);
    sok_tcp_free(w->ends[1].tcp);
    assert_int_equal(w->counter.blocks, 0);
}

static inline void put_on_wire(struct world *w, const struct sok_tcp_segment *s)
{
    uint32_t len = s->head_len + s->data_len, at = s->head_len;
    w->sent++;
    if (next_random(&w->random) % 100 < w->loss_percent) {
        return;
    }
    struct carried *c = &w->wire[w->on_wire++];
    assert_true(w->on_wire < WIRE_MAX);
    c->buf = sok_buf_new(&w->mem, len);
    memcpy(c->buf->data, s->head, s->head_len);
    for (unsigned i = 0; i < s->data_count; i++) {
        memcpy(c->buf->data + at, s->data[i].base, s->data[i].len);
        at += (uint32_t)s->data[i].len;
    }
    c->arrival = (struct sok_tcp_arrival){.from = s->from,
        .to = s->to,
        .segment = {c->buf, 0, len},
        .gso_size = s->gso_size,
        .link = 1,
        .csum_valid = true,
        .unicast = true};
    c->due = w->now + w->delay;
}

static inline void pull(struct world *w)
{
    struct sok_tcp_segment s;
    struct sok_addr hop;
    for (unsigned i = 0; i < 2; i++) {
        while (sok_tcp_ready(w->ends[i].tcp, 1, w->now, &hop)) {
            if (sok_tcp_output(w->ends[i].tcp, 1, w->now, &s)) {
                put_on_wire(w, &s);
            }
        }
        assert_null(sok_tcp_invariants(w->ends[i].tcp));
    }
}

// One thing happens: the next segment arrives or the next timer runs. False: nothing is left to happen.
static inline bool step(struct world *w)
{
    struct sok_tcp_outcome outcome;
    pull(w);
    int64_t at = w->on_wire ? w->wire[0].due : SOK_TIME_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        int64_t timer = sok_tcp_deadline(w->ends[i].tcp);
        at = timer < at ? timer : at;
    }
    if (at == SOK_TIME_NEVER) {
        return false;
    }
    w->now = at > w->now ? at : w->now;
    sok_tcp_advance(w->ends[0].tcp, w->now);
    sok_tcp_advance(w->ends[1].tcp, w->now);
    if (w->on_wire && w->wire[0].due <= w->now) {
        struct carried c = w->wire[0];
        memmove(&w->wire[0], &w->wire[1], --w->on_wire * sizeof(c));
        unsigned to = sok_addr_eq(c.arrival.to.addr, w->ends[0].addr) ? 0 : 1;
        sok_tcp_input(w->ends[to].tcp, &c.arrival, w->now, &outcome);
        sok_buf_unref(c.buf);
    }
    return true;
}

static inline struct sok_endpoint server_at(const struct world *w)
{
    return (struct sok_endpoint){.addr = w->ends[1].addr, .port = 80};
}

static inline struct sok_tcp_conn *dial(struct world *w)
{
    struct sok_endpoint local = {.addr = w->ends[0].addr}, remote = server_at(w);
    struct sok_tcp_path path;
    struct sok_tcp_conn *c;
    assert_int_equal(route(&w->ends[0], &local.addr, &remote, &path), 0);
    assert_int_equal(sok_tcp_connect(w->ends[0].tcp, &local, &remote, &path, w->now, &c), 0);
    return c;
}

static inline void open_pair(
    struct world *w, struct sok_tcp_listener **l, struct sok_tcp_conn **a, struct sok_tcp_conn **b)
{
    struct sok_endpoint at = server_at(w);
    assert_int_equal(sok_tcp_listen(w->ends[1].tcp, &at, 5, w->now, l), 0);
    *a = dial(w);
    while (sok_tcp_accept(*l, w->now, b) == SOK_EAGAIN) {
        assert_true(step(w));
    }
}

static inline int64_t next_at(const struct world *w)
{
    int64_t at = w->on_wire ? w->wire[0].due : SOK_TIME_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        int64_t timer = sok_tcp_deadline(w->ends[i].tcp);
        at = timer < at ? timer : at;
    }
    return at;
}

// What is due later does not happen.
static inline void run_for(struct world *w, int64_t time)
{
    int64_t end = w->now + time;
    for (pull(w); next_at(w) <= end; pull(w)) {
        assert_true(step(w));
    }
    w->now = end;
}

static inline struct sok_tcp_info info_of(const struct sok_tcp_conn *c)
{
    struct sok_tcp_info info;
    sok_tcp_info(c, &info);
    return info;
}

// Its end, whatever is still under way.
static inline void pair_free(
    struct world *w, struct sok_tcp_listener *l, struct sok_tcp_conn *a, struct sok_tcp_conn *b)
{
    sok_tcp_abort(a, w->now);
    sok_tcp_abort(b, w->now);
    sok_tcp_listener_close(l, w->now);
    world_free(w);
}

#endif
