// Draws a run from a seed. Later draws may be added at the end of a part only at the price that old
// seeds mean other runs.
#include <string.h>
#include "tests/sim/world.h"

#define KB UINT64_C(1024)

static int64_t pick(struct rng *r, const int64_t *from, size_t count)
{
    return from[rng_below(r, count)];
}
#define PICK(r, ...)                                                                               \
    pick(r, (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void draw_tcp(struct rng *r, struct sok_tcp_config *t)
{
    sok_tcp_config_default(t);
    // No connection may give up on a wire that is only bad.
    t->r2 = 20000 * SOK_S;
    t->syn_retries = 20;
    t->syn_ack_retries = 12;
    t->fin_wait_2 = 3600 * SOK_S;
    if (rng_one_in(r, 3))
        return;
    t->rto_initial = PICK(r, 100 * SOK_MS, SOK_S, SOK_S, 3 * SOK_S);
    t->rto_min = PICK(r, 5 * SOK_MS, 50 * SOK_MS, 200 * SOK_MS, 200 * SOK_MS, SOK_S);
    t->rto_max = PICK(r, 10 * SOK_S, 60 * SOK_S, 120 * SOK_S);
    t->delayed_ack = PICK(r, 0, SOK_MS, 40 * SOK_MS, 200 * SOK_MS, 500 * SOK_MS);
    t->quick_acks = PICK(r, 0, 1, 16, 16, 65535);
    t->initial_window = PICK(r, 1, 2, 3, 10, 10, 64);
    t->dup_threshold = PICK(r, 3, 3, 3, 1, 10);
    t->rcv_buf = PICK(r, 2048, 8192, 65536, 262144, 6291456, 6291456);
    t->rcv_buf_initial = PICK(r, 2048, 16384, 131072, 131072, 1048576);
    if (t->rcv_buf_initial > t->rcv_buf)
        t->rcv_buf_initial = t->rcv_buf;
    t->snd_buf = PICK(r, 2048, 10000, 65536, 4194304, 4194304);
    t->reassembly_runs = PICK(r, 1, 2, 8, 256, 256);
    t->window_scale = !rng_one_in(r, 4);
    t->timestamps = !rng_one_in(r, 4);
    t->sack = !rng_one_in(r, 4);
    t->nagle = !rng_one_in(r, 4);
    t->super_frame_max = PICK(r, 536, 1460, 10000, 65160, 65160);
    t->msl = PICK(r, SOK_S, 30 * SOK_S, 30 * SOK_S, 120 * SOK_S);
    t->challenge_interval = PICK(r, 0, 500 * SOK_MS, 500 * SOK_MS);
    t->tlp = !rng_one_in(r, 4);
    t->frto = !rng_one_in(r, 4);
    t->undo = !rng_one_in(r, 4);
    t->dsack = !rng_one_in(r, 4);
    t->idle_restart = !rng_one_in(r, 4);
    t->ecn = PICK(r, SOK_ECN_ANSWER, SOK_ECN_ON, SOK_ECN_ON, SOK_ECN_OFF);
    t->congestion = PICK(r, 0, 1);
    t->hystart = !rng_one_in(r, 4);
}

static void draw_node(struct rng *r, struct node_plan *n, int index)
{
    *n = (struct node_plan){0};
    snprintf(n->link.name, sizeof(n->link.name), "wire%d", index);
    memcpy(n->link.mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(index + 1)}, 6);
    n->link.mtu = (uint16_t)PICK(r, 1500, 1500, 1500, 1500, 1492, 1280, 576, 296, 128, 9000, 65535);
    n->link.caps =
        SOK_LINK_POINT | (uint32_t)PICK(r, 0, 0, SOK_LINK_CSUM, SOK_LINK_CSUM | SOK_LINK_TSO);
    sok_stack_config_default(&n->config);
    for (int i = 0; i < 16; i++)
        n->config.seed[i] = (uint8_t)rng_next(r);
    draw_tcp(r, &n->config.tcp);
    n->config.arp_tries = 20; // an unlucky run is not a missing neighbour
    n->config.nd_tries = n->config.arp_tries;
    n->config.arp_fresh = PICK(r, SOK_S, 30 * SOK_S, 30 * SOK_S);
    n->config.arp_queue_max = PICK(r, 1, 16, 16);
    n->config.out_queue_max = PICK(r, 8, 512, 512);
    n->config.pmtu_age = PICK(r, 30 * SOK_S, 600 * SOK_S, 600 * SOK_S);
    n->config.pmtu_min = PICK(r, 552, 552, 552, 68);
}

// The way's MTU changes once or a few times. It is never so small that an ACK with all its options does
// not fit. A black hole does not last: nobody could mend it, since no
// probing for a path MTU (RFC 4821) is done.
static void draw_path(struct rng *r, struct wire_spec *s)
{
    int64_t at = rng_one_in(r, 4) ? 0 : (int64_t)rng_scale(r, 4 * SOK_S);
    unsigned changes = 1 + (unsigned)rng_below(r, PATH_STEPS_MAX / 2);
    s->cut = true;
    for (unsigned i = 0; i < changes; i++) {
        uint16_t mtu = (uint16_t)PICK(r, 0, 1400, 1280, 1006, 600, 552, 296, 128);
        if (mtu > 0 && mtu < 552 && s->loss > 0.03) // of fragments all must arrive
            s->loss = 0.03;
        if (rng_one_in(r, 4)) {
            s->path[s->path_count++] = (struct path_step){at, mtu, PATH_SILENT};
            at += (int64_t)rng_scale(r, 5 * SOK_S);
        }
        s->path[s->path_count++] =
            (struct path_step){at, mtu, rng_one_in(r, 4) ? PATH_OLD : PATH_TELLS};
        at += (int64_t)rng_scale(r, 8 * SOK_S);
    }
}

static void draw_wire(struct rng *r, struct wire_spec *s)
{
    *s = (struct wire_spec){0};
    if (!rng_one_in(r, 4))
        s->loss = rng_unit(r) * (rng_one_in(r, 3) ? 0.2 : 0.1);
    if (rng_one_in(r, 2))
        s->duplicate = rng_unit(r) * 0.05;
    if (rng_one_in(r, 2))
        s->reorder = rng_unit(r) * 0.1;
    if (rng_one_in(r, 2))
        s->corrupt = rng_unit(r) * 0.02;
    s->delay = PICK(r, 100, 1000, 50000, SOK_MS, 10 * SOK_MS, 50 * SOK_MS, 150 * SOK_MS);
    if (rng_one_in(r, 2))
        s->jitter = (int64_t)rng_below(r, (uint64_t)s->delay / 2 + 1000);
    s->jitter_reorders = rng_one_in(r, 4);
    s->rate = (uint64_t)PICK(r, 0, 0, 10000000000, 100000000, 10000000, 2000000);
    s->queue = (unsigned)PICK(r, 4, 20, 100, 1000);
    s->backpressure = rng_one_in(r, 2);
    s->cut = !rng_one_in(r, 4);
    if (rng_one_in(r, 3))
        s->mark = rng_unit(r) * 0.1;
    if (rng_one_in(r, 4))
        draw_path(r, s);
}

static void draw_side(struct rng *r, struct side_plan *s, uint64_t bytes_max)
{
    *s = (struct side_plan){.abort_at = UINT64_MAX};
    s->total = (uint64_t)PICK(
        r, 0, 1, 536, 1460, 1461, 14600, 65535, 65536, 100000, 262144, 524288, 1048576, 1048576);
    if (s->total > bytes_max)
        s->total = bytes_max;
    s->phase = (uint32_t)rng_below(r, 131071);
    uint32_t small = s->total > 128 * KB ? 700 : 40;
    s->write_max = (uint32_t)PICK(r, small, 2000, 20000, 200000);
    s->read_max = (uint32_t)PICK(r, small, 2000, 20000, 200000);
    if (rng_one_in(r, 3))
        s->think_chance = rng_unit(r) * 0.1;
    s->write_think = PICK(r, SOK_MS, 20 * SOK_MS, 300 * SOK_MS);
    s->read_think = PICK(r, SOK_MS, 20 * SOK_MS, 300 * SOK_MS, 3 * SOK_S);
    s->by_slice = rng_one_in(r, 4);
    s->by_peek = rng_one_in(r, 4);
    s->nodelay = rng_one_in(r, 4);
    s->cork = rng_one_in(r, 12);
    if (rng_one_in(r, 8))
        s->rcvbuf = PICK(r, 4096, 30000, 1000000);
    if (rng_one_in(r, 8))
        s->sndbuf = PICK(r, 4096, 30000, 1000000);
    if (rng_one_in(r, 6)) {
        s->shrink_to = PICK(r, 2048, 4096, 20000, 100000, 1000000);
        s->shrink_at = rng_below(r, s->total + 1);
    }
}

static void draw_conn(struct rng *r, const struct plan *p, struct conn_plan *c)
{
    *c = (struct conn_plan){.client = (int)rng_below(r, 2)};
    c->server = rng_one_in(r, 16) ? c->client : 1 - c->client;
    c->both = c->server != c->client && rng_one_in(r, 16);
    c->start = rng_one_in(r, 2) ? 0 : (int64_t)rng_below(r, 2 * SOK_S);
    uint64_t most = 1024 * KB / p->conn_count;
    // Slow wires and small frames get less to carry, or a run takes too long to be one of thousands.
    uint16_t mtu =
        p->node[0].link.mtu < p->node[1].link.mtu ? p->node[0].link.mtu : p->node[1].link.mtu;
    if (mtu < 1000)
        most /= 4;
    if (most < 64 * KB)
        most = 64 * KB;
    draw_side(r, &c->side[0], most);
    draw_side(r, &c->side[1], most);
    // One of the two must end first.
    static const enum ending pairs[][2] = {{END_HALF, END_HALF}, {END_HALF, END_AFTER},
        {END_AFTER, END_HALF}, {END_EARLY, END_EARLY}, {END_EARLY, END_AFTER},
        {END_HALF, END_EARLY}};
    uint64_t k = rng_below(r, sizeof(pairs) / sizeof(pairs[0]));
    c->side[0].ending = pairs[k][0];
    c->side[1].ending = pairs[k][1];
}

static void draw_fault(struct rng *r, struct plan *p)
{
    static const enum fault kinds[] = {FAULT_ABORT, FAULT_RESTART, FAULT_SILENCE, FAULT_MEMORY};
    p->fault = rng_one_in(r, 4) ? kinds[rng_below(r, 4)] : FAULT_NONE;
    p->fault_node = (int)rng_below(r, 2);
    p->fault_at = p->start + (int64_t)rng_scale(r, 4 * SOK_S);
    p->fault_until = p->fault_at + (int64_t)rng_scale(r, 20 * SOK_S);
    for (unsigned i = 0; i < p->conn_count; i++) {
        struct conn_plan *c = &p->conn[i];
        c->bystander = p->fault == FAULT_NONE;
        if (p->fault == FAULT_RESTART && i > 0 && i + 1 == p->conn_count) {
            c->late = c->bystander = true;
            c->start = p->fault_at - p->start + 1 + (int64_t)rng_scale(r, 10 * SOK_S);
        }
        if (p->fault == FAULT_ABORT) {
            c->bystander = rng_one_in(r, 3);
            struct side_plan *s = &c->side[rng_below(r, 2)];
            if (!c->bystander)
                s->abort_at = rng_below(r, (s == c->side ? c->side[1] : c->side[0]).total + 1);
        }
        for (int k = 0; k < 2; k++)
            c->side[k].keepalive = !c->bystander || rng_one_in(r, 4);
    }
    for (int i = 0; i < 2; i++) {
        struct node_plan *n = &p->node[i];
        if (p->fault != FAULT_NONE && p->fault != FAULT_ABORT) {
            n->config.tcp.r2 = p->fault == FAULT_RESTART ? 600 * SOK_S : 60 * SOK_S;
            n->config.tcp.syn_retries = 6;
        }
        n->config.tcp.keepalive_idle = PICK(r, 5 * SOK_S, 20 * SOK_S);
        n->config.tcp.keepalive_interval = 2 * SOK_S;
        n->config.tcp.keepalive_count = 12;
        if (p->fault == FAULT_MEMORY) {
            n->refuse_one_in = (uint64_t)PICK(r, 3, 10, 100, 1000);
            n->bytes_limit = (size_t)PICK(r, 0, 0, 200000, 1000000);
        }
    }
}

// Nothing is lost or late, and both ends wait long enough: nothing may be sent twice.
static bool is_calm(const struct plan *p)
{
    bool calm = p->fault == FAULT_NONE;
    for (int i = 0; i < 2; i++) {
        const struct wire_spec *s = &p->wire[i];
        const struct sok_tcp_config *t = &p->node[i].config.tcp;
        calm &= s->loss + s->duplicate + s->reorder + s->corrupt == 0 && !s->jitter && !s->rate;
        calm &= s->mark == 0 && !s->path_count;
        calm &= s->delay <= 50 * SOK_MS && t->rto_initial >= SOK_S && t->rto_min >= 200 * SOK_MS &&
                t->delayed_ack <= 40 * SOK_MS;
    }
    return calm;
}

// A wire without any fault, for some.
static void calm_wire(struct wire_spec *s)
{
    s->loss = s->duplicate = s->reorder = s->corrupt = 0;
    s->jitter = 0;
    s->rate = 0;
    s->mark = 0;
    s->path_count = 0;
}

// IPv6 needs 1280 bytes everywhere.
static bool can_v6(const struct plan *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->node[i].link.mtu < 1280)
            return false;
        for (unsigned k = 0; k < p->wire[i].path_count; k++)
            if (p->wire[i].path[k].mtu > 0 && p->wire[i].path[k].mtu < 1280)
                return false;
    }
    return true;
}

void plan_draw(struct plan *p, uint64_t seed)
{
    struct rng r = {seed * UINT64_C(0xd1342543de82ef95) + 1};
    *p = (struct plan){.seed = seed};
    rng_next(&r);
    p->start = rng_one_in(&r, 2) ? 0 : (int64_t)rng_below(&r, 40 * 86400 * SOK_S);
    p->events = rng_one_in(&r, 4);
    p->check_every = 1;
    for (int i = 0; i < 2; i++) {
        draw_node(&r, &p->node[i], i);
        p->node[i].config.events = p->events;
        draw_wire(&r, &p->wire[i]);
    }
    if (rng_one_in(&r, 8)) {
        calm_wire(&p->wire[0]);
        calm_wire(&p->wire[1]);
    }
    if (rng_one_in(&r, 2)) // mostly both ends are alike
        p->node[1].link.mtu = p->node[0].link.mtu;
    p->conn_count = rng_one_in(&r, 3) ? 2 + (unsigned)rng_below(&r, CONNS_MAX - 1) : 1;
    for (unsigned i = 0; i < p->conn_count; i++)
        draw_conn(&r, p, &p->conn[i]);
    draw_fault(&r, p);
    if (p->fault == FAULT_RESTART) { // what begins afterwards must not fail for another reason
        p->wire[0].loss *= 0.15;
        p->wire[1].loss *= 0.15;
    }
    p->calm = is_calm(p);
    // A cookie is known again only by the peer's first segment: it must not be lost or overtaken.
    if (p->calm && rng_one_in(&r, 2))
        p->node[0].config.tcp.syn_cookies = p->node[1].config.tcp.syn_cookies = SOK_COOKIES_ALWAYS;
    if (rng_one_in(&r, 4))
        p->wrap = rng_one_in(&r, 3) ? WRAP_TIMESTAMP : WRAP_SEQUENCE;
    p->wrap_in = (uint32_t)rng_scale(&r, p->wrap == WRAP_TIMESTAMP ? 3000 : 200000);
    p->v6 = can_v6(p) && rng_one_in(&r, 2);
}
