#include "tests/sim/world.h"

#include "tcp/internal.h" // for the numbers a connection begins with
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define STANDSTILL   (2400 * SOK_S)  // nothing moved for so long: nothing will
#define DRAIN        (14400 * SOK_S) // for what is left after the applications have ended
#define FRAGMENTS    (31 * SOK_S)    // longer than they wait for each other
#define STEPS_MAX    UINT64_C(4000000)
#define SAME_MAX     20000  // steps without time moving
#define FRAMES_MAX   100000 // pulled from one stack at one instant
#define TABLES_BYTES 65536  // what tables may have grown by when all is over
#define BACKLOG      64
#define LISTEN_PORT  7

void world_fail(struct world *w, const char *format, ...)
{
    if (w->fail[0])
        return; // the first is the cause
    int n = snprintf(w->fail, sizeof(w->fail), "at %.6f: ", (double)(w->now - w->plan.start) / 1e9);
    va_list args;
    va_start(args, format);
    vsnprintf(w->fail + n, sizeof(w->fail) - (size_t)n, format, args);
    va_end(args);
    if (w->verbose)
        printf("FAIL %s\n", w->fail);
}

// ---- a machine ----

static void must(struct world *w, int result, const char *what)
{
    if (result < 0)
        world_fail(w, "%s: %s", what, sok_strerror(result));
}

static void node_listen(struct world *w, struct node *n)
{
    struct sok_endpoint at = {.port = LISTEN_PORT};
    must(w, sok_stack_listen(n->stack, &at, BACKLOG, w->now, &n->listener), "listen");
}

static void node_boot(struct world *w, int index)
{
    struct node *n = &w->node[index];
    struct sok_stack_config config = w->plan.node[index].config;
    uint64_t one_in = n->memory.refuse_one_in;
    size_t limit = n->memory.bytes_limit;
    n->memory.refuse_one_in = 0; // a machine with no memory at boot is another test
    n->memory.bytes_limit = 0;
    config.mem = n->mem;
    config.events = config.events || w->verbose;
    must(w, sok_stack_new(&config, &n->stack), "stack");
    if (w->fail[0])
        return;
    int link = sok_stack_link_add(n->stack, &w->plan.node[index].link);
    must(w, link, "link");
    n->link = (uint8_t)link;
    n->addr = sok_addr_v4(0xc0000201 + (uint32_t)index);
    if (w->plan.v6)
        n->addr = (struct sok_addr){{0x20, 1, 0xd, 0xb8, [15] = (uint8_t)(1 + index)}};
    must(w, sok_stack_addr_add(n->stack, n->link, n->addr, w->plan.v6 ? 64 : 24), "address");
    n->base_bytes = n->memory.bytes;
    node_listen(w, n);
    n->memory.refuse_one_in = one_in;
    n->memory.bytes_limit = limit;
}

static void node_restart(struct world *w, int index)
{
    struct node *n = &w->node[index];
    for (unsigned i = 0; i < 2 * w->plan.conn_count; i++) {
        if (w->app[i].node == index)
            app_lost(&w->app[i]);
    }
    sok_stack_free(n->stack);
    if (n->memory.blocks)
        world_fail(w,
            "node %d: %zu blocks, %zu bytes left by a stack that was freed with work to do", index,
            n->memory.blocks, n->memory.bytes);
    for (int i = 0; i < 16; i++)
        w->plan.node[index].config.seed[i] ^= 0x5a;
    node_boot(w, index);
}

static void check_node(struct world *w, int index)
{
    const char *wrong = sok_stack_check(w->node[index].stack);
    if (wrong)
        world_fail(w, "node %d, invariant: %s", index, wrong);
}

// ---- frames ----

static void deliver(struct world *w, int to, const struct wire_frame *f)
{
    struct node *n = &w->node[to];
    uint32_t off = (uint32_t)rng_below(&w->rng, 4) * 2; // no alignment is promised
    struct sok_buf *buf = sok_buf_new(&n->mem, off + f->len);
    if (!buf)
        return; // lost, as by a device out of buffers
    memcpy(buf->data + off, f->data, f->len);
    struct sok_frame frame = {.buf = buf, .off = off, .len = f->len, .meta = f->meta};
    frame.meta.csum_valid = f->meta.csum_partial; // as a link says of what never was on a wire
    sok_stack_input(n->stack, n->link, &frame, w->now);
    sok_buf_unref(buf);
}

static void feed(struct world *w, int to)
{
    struct wire_frame *f;
    while ((f = wire_take(&w->node[1 - to].out, w->now))) {
        deliver(w, to, f);
        free(f);
    }
}

static void pull(struct world *w, int from)
{
    struct node *n = &w->node[from];
    struct sok_frame_out out;
    for (unsigned i = 0; !wire_full(&n->out, w->now); i++) {
        if (!sok_stack_output(n->stack, n->link, w->now, &out))
            return;
        if (i > FRAMES_MAX) {
            world_fail(w, "node %d sends without end", from);
            return;
        }
        const struct sok_link_info *link = &w->plan.node[from].link;
        if (out.meta.gso == SOK_GSO_NONE && out.len > link->mtu + 14U)
            world_fail(w, "node %d: a frame of %u bytes over MTU %u", from, out.len, link->mtu);
        if ((out.meta.gso && !(link->caps & SOK_LINK_TSO)) ||
            (out.meta.csum_partial && !(link->caps & SOK_LINK_CSUM)))
            world_fail(w, "node %d: a frame its link cannot send", from);
        if (!w->silent)
            wire_send(&n->out, &out, w->now);
    }
}

static void drain_events(struct world *w, int index)
{
    struct sok_event e;
    while (sok_stack_event(w->node[index].stack, &e)) {
        if (w->verbose)
            show_event(stdout, index, &e, w->plan.start);
    }
}

// ---- applications ----

static void accept_all(struct world *w, int index)
{
    struct sok_tcp_conn *c;
    int err;
    while ((err = sok_tcp_accept(w->node[index].listener, w->now, &c)) == 0)
        app_accepted(w, index, c);
    if (err != SOK_EAGAIN)
        world_fail(w, "accept: %s", sok_strerror(err));
}

static bool take_changes(struct world *w, int index)
{
    struct node *n = &w->node[index];
    struct sok_sock *s;
    bool any = false;
    while ((s = sok_stack_changed(n->stack))) {
        any = true;
        if (s->kind == SOK_SOCK_TCP_LISTEN)
            accept_all(w, index);
        else if (s->user)
            ((struct app *)s->user)->kicked = true;
    }
    return any;
}

static void run_apps(struct world *w)
{
    unsigned count = 2 * w->plan.conn_count;
    for (int round = 0; round < 4; round++) {
        bool any = take_changes(w, 0);
        any |= take_changes(w, 1);
        unsigned first = (unsigned)rng_below(&w->rng, count);
        for (unsigned i = 0; i < count && !w->fail[0]; i++) {
            struct app *a = &w->app[(first + i) % count];
            if (a->kicked || a->wake <= w->now)
                app_run(a);
        }
        if (!any)
            return;
    }
}

static bool apps_done(const struct world *w)
{
    for (unsigned i = 0; i < w->plan.conn_count; i++) {
        const struct app *client = &w->app[2 * i], *server = &w->app[2 * i + 1];
        // A server whose client failed may never hear of it.
        bool never = !server->started && client->done && !client->conn->bystander;
        if (!client->done || !(server->done || never))
            return false;
    }
    return true;
}

// ---- time ----

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_time(const struct world *w)
{
    int64_t t = SOK_TIME_NEVER;
    for (int i = 0; i < 2; i++) {
        t = least(t, sok_stack_deadline(w->node[i].stack));
        t = least(t, wire_deadline(&w->node[i].out));
    }
    for (unsigned i = 0; i < 2 * w->plan.conn_count; i++)
        t = least(t, w->app[i].wake);
    if (!w->faulted && w->plan.fault >= FAULT_RESTART)
        t = least(t, w->plan.fault_at);
    else if (w->plan.fault == FAULT_MEMORY && w->now < w->plan.fault_until)
        t = least(t, w->plan.fault_until);
    return t;
}

static void apply_fault(struct world *w)
{
    const struct plan *p = &w->plan;
    struct node *n = &w->node[p->fault_node];
    if (p->fault == FAULT_MEMORY && w->now >= p->fault_until) {
        n->memory.refuse_one_in = 0;
        n->memory.bytes_limit = 0;
    }
    if (w->faulted || p->fault < FAULT_RESTART || w->now < p->fault_at)
        return;
    w->faulted = true;
    if (p->fault == FAULT_RESTART) {
        node_restart(w, p->fault_node);
    } else if (p->fault == FAULT_SILENCE) {
        w->silent = true;
    } else if (p->fault == FAULT_MEMORY) {
        n->memory.refuse_one_in = p->node[p->fault_node].refuse_one_in;
        n->memory.bytes_limit = p->node[p->fault_node].bytes_limit;
    }
}

static void step(struct world *w)
{
    int64_t t = next_time(w);
    if (t == SOK_TIME_NEVER) {
        world_fail(w, "nothing will ever happen again");
        return;
    }
    w->same_time = t > w->now ? 0 : w->same_time + 1;
    if (t > w->now)
        w->now = t;
    apply_fault(w);
    for (int i = 0; i < 2; i++)
        feed(w, i);
    for (int i = 0; i < 2; i++)
        sok_stack_advance(w->node[i].stack, w->now);
    run_apps(w);
    for (int i = 0; i < 2; i++) {
        pull(w, i);
        drain_events(w, i);
    }
    if (w->steps++ % w->plan.check_every == 0) {
        check_node(w, 0);
        check_node(w, 1);
    }
    if (w->same_time > SAME_MAX)
        world_fail(w, "%" PRIu64 " steps without time moving", w->same_time);
    if (w->steps > STEPS_MAX)
        world_fail(w, "more than %" PRIu64 " steps", STEPS_MAX);
}

// Moves the beginning so that the first connection's numbers wrap around soon after it.
static void approach_wrap(struct world *w)
{
    struct plan *p = &w->plan;
    struct sok_endpoint local, remote;
    int node = app_ports(w, 0, &local, &remote);
    struct sok_tcp *tcp = sok_stack_tcp(w->node[node].stack);
    local.addr = w->node[node].addr;
    bool sequence = p->wrap == WRAP_SEQUENCE;
    uint32_t number = sequence
                          ? sok_tcp_isn(tcp, &local, &remote, w->now)
                          : sok_tcp_ts_offset(tcp, &local, &remote) + (uint32_t)(w->now / SOK_MS);
    uint32_t ticks = 0U - p->wrap_in - number;
    int64_t shift = (int64_t)ticks * (sequence ? 4000 : SOK_MS);
    w->now += shift;
    w->progress_at += shift;
    p->start += shift;
    p->fault_at += shift;
    p->fault_until += shift;
}

// ---- the end ----

static bool all_quiet(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct sok_tcp_counts counts;
        sok_stack_counts(w->node[i].stack, &counts);
        if (counts.conns || counts.time_waits || w->node[i].out.count)
            return false;
    }
    return true;
}

// Fragments may wait for others that were lost.
static void forget_fragments(struct world *w)
{
    int64_t end = w->now + FRAGMENTS;
    while (!w->fail[0] && next_time(w) < end)
        step(w);
}

static void describe_stuck(struct world *w)
{
    for (unsigned i = 0; i < 2 * w->plan.conn_count; i++) {
        struct app *a = &w->app[i];
        struct sok_tcp_info info = {0};
        if (a->done)
            continue;
        if (a->c)
            sok_tcp_info(a->c, &info);
        world_fail(w,
            "stands still: connection %u %s in %s, sent %llu of %llu, received %llu of %llu, "
            "queued %u, unacked "
            "%u, snd_wnd %u, rcv_queued %u",
            i / 2, i % 2 ? "server" : "client", a->c ? sok_tcp_state_text(info.state) : "nothing",
            (unsigned long long)a->sent, (unsigned long long)a->plan->total,
            (unsigned long long)a->received, (unsigned long long)a->other->total, info.snd_queued,
            info.snd_unacked, info.snd_wnd, info.rcv_queued);
    }
}

static void finish(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        sok_tcp_listener_close(w->node[i].listener, w->now);
        w->node[i].memory.refuse_one_in = 0;
        w->node[i].memory.bytes_limit = 0;
    }
    int64_t end = w->now + DRAIN;
    while (!w->fail[0] && !all_quiet(w)) {
        if (w->now > end) {
            struct sok_tcp_counts a, b;
            sok_stack_counts(w->node[0].stack, &a);
            sok_stack_counts(w->node[1].stack, &b);
            world_fail(w, "connections are left over: %u and %u, of these %u and %u in TIME-WAIT",
                a.conns, b.conns, a.time_waits, b.time_waits);
        }
        step(w);
    }
    forget_fragments(w);
    for (int i = 0; i < 2 && !w->fail[0]; i++) {
        struct node *n = &w->node[i];
        check_node(w, i);
        if (!w->plan.events && !w->verbose && n->memory.bytes > n->base_bytes + TABLES_BYTES)
            world_fail(w, "node %d idle, but holds %zu bytes, %zu when it was new", i,
                n->memory.bytes, n->base_bytes);
    }
}

static void tear_down(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        sok_stack_free(n->stack);
        wire_free(&n->out);
        if (n->memory.blocks)
            world_fail(w, "node %d: %zu blocks, %zu bytes left when its stack was freed", i,
                n->memory.blocks, n->memory.bytes);
    }
}

bool world_run(struct world *w, const struct plan *plan, bool verbose)
{
    *w = (struct world){.plan = *plan, .now = plan->start, .verbose = verbose};
    w->rng = (struct rng){plan->seed ^ UINT64_C(0x5eed)};
    w->progress_at = w->now;
    for (int i = 0; i < 2; i++) {
        w->node[i].memory.rng = rng_fork(&w->rng);
        w->node[i].mem = checkmem_hook(&w->node[i].memory);
        wire_init(&w->node[i].out, &plan->wire[i], rng_fork(&w->rng));
        w->node[i].out.back = &w->node[1 - i].out;
    }
    for (int i = 0; i < 2 && !w->fail[0]; i++)
        node_boot(w, i);
    if (plan->wrap && !w->fail[0])
        approach_wrap(w);
    w->node[0].out.start = w->node[1].out.start = w->plan.start;
    for (unsigned i = 0; i < 2 * plan->conn_count; i++)
        app_init(w, i);
    while (!w->fail[0] && !apps_done(w)) {
        step(w);
        if (w->now - w->progress_at > STANDSTILL)
            describe_stuck(w);
    }
    if (!w->fail[0])
        finish(w);
    if (w->node[0].stack && w->node[1].stack)
        tear_down(w);
    return !w->fail[0];
}
