// Do two flows share a bottleneck? Two senders, one receiver, a wire with a rate and a queue that drops what
// finds no room, 60 s of virtual time from when both run. The measure is Jain's index of what arrived:
// (a + b)^2 / 2 (a^2 + b^2), 1 for equal shares, 1/2 when one has all.
//   share                  each pair with a few seeds and a late second flow, and over a long way; of different
//                          algorithms the index is only told
//   share A B [SEED]       one pair of congestion controls, in words
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stack/stack.h"
#include "tests/sim/checkmem.h"
#include "tests/sim/wire.h"

#define PORT        7
#define SECONDS     60
#define JITTER      (SOK_MS / 5) // on the way out, so that drops fall on both
#define CHECK_EVERY 256          // steps
#define FAIR        0.9
#define FULL        0.85 // of the rate, both together

// The queue holds as much as is on the way.
static const struct path {
    const char *name;
    uint64_t rate; // bits per second
    int64_t delay; // each way
    unsigned queue;
} paths[] = {
    {"20 Mbit/s, 40 ms", 20000000, 20 * SOK_MS, 66},
    {"100 Mbit/s, 100 ms", 100000000, 50 * SOK_MS, 826}, // where a cubic is not a Reno
};

enum { SENDER_A, SENDER_B, RECEIVER, NODES };

struct node {
    struct checkmem memory;
    struct sok_mem mem;
    struct sok_stack *stack;
    struct sok_addr addr;
    struct sok_tcp_conn *conn; // of a sender
    uint8_t link, mac[6];
};

struct share {
    const struct path *path;
    const char *algorithm[2];
    uint64_t seed;
    int64_t late; // the second flow begins so much after the first
    struct node node[NODES];
    struct sok_tcp_listener *listener;
    struct sok_tcp_conn *taken[2]; // the receiver's, by sender
    struct wire out, back;         // to the receiver: the bottleneck; from it
    int64_t now;
    uint64_t arrived[2], steps;
    struct sok_tcp_info info[2];
    const char *wrong;
};

static void must(struct share *s, int result, const char *what)
{
    if (result < 0 && !s->wrong)
        s->wrong = what;
}

// ---- machines ----

static void boot(struct share *s, int i)
{
    struct node *n = &s->node[i];
    struct sok_stack_config config;
    n->mem = checkmem_hook(&n->memory);
    sok_stack_config_default(&config);
    config.mem = n->mem;
    memset(config.seed, (int)(s->seed * NODES) + i, sizeof(config.seed));
    const char *bad =
        i == RECEIVER ? NULL : sok_stack_config_set(&config, "congestion", s->algorithm[i]);
    if (bad)
        s->wrong = "no such congestion control";
    must(s, sok_stack_new(&config, &n->stack), "stack");
    struct sok_link_info info = {.mtu = 1500};
    memcpy(info.mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
    memcpy(n->mac, info.mac, 6);
    n->link = (uint8_t)sok_stack_link_add(n->stack, &info);
    n->addr = sok_addr_v4(0xc0000201u + (uint32_t)i);
    must(s, sok_stack_addr_add(n->stack, n->link, n->addr, 24), "address");
}

static void deliver(struct share *s, struct node *n, const struct wire_frame *f)
{
    struct sok_buf *buf = sok_buf_new(&n->mem, f->len);
    if (!buf)
        return;
    memcpy(buf->data, f->data, f->len);
    struct sok_frame frame = {.buf = buf, .len = f->len, .meta = f->meta};
    sok_stack_input(n->stack, n->link, &frame, s->now);
    sok_buf_unref(buf);
}

static void feed(struct share *s)
{
    struct wire_frame *f;
    while ((f = wire_take(&s->out, s->now))) {
        deliver(s, &s->node[RECEIVER], f);
        free(f);
    }
    while ((f = wire_take(&s->back, s->now))) {
        for (int i = SENDER_A; i <= SENDER_B; i++) {
            if (memcmp(f->data, s->node[i].mac, 6) == 0 || f->data[0] & 1)
                deliver(s, &s->node[i], f);
        }
        free(f);
    }
}

static void pull(struct share *s)
{
    struct sok_frame_out out;
    // In turns, and the other begins each time: neither is always first in the queue.
    for (int k = 0; k < 2; k++) {
        struct node *n = &s->node[(s->steps + (unsigned)k) % 2];
        while (sok_stack_output(n->stack, n->link, s->now, &out))
            wire_send(&s->out, &out, s->now);
    }
    struct node *n = &s->node[RECEIVER];
    while (sok_stack_output(n->stack, n->link, s->now, &out))
        wire_send(&s->back, &out, s->now);
}

// ---- applications: one writes all it can, one reads all there is ----

static void begin(struct share *s, int i)
{
    struct node *n = &s->node[i];
    struct sok_endpoint local = {.port = (uint16_t)(1000 + i)};
    struct sok_endpoint to = {.addr = s->node[RECEIVER].addr, .port = PORT};
    must(s, sok_stack_connect(n->stack, &local, &to, s->now, &n->conn), "connect");
    pull(s);
}

static void write_all(struct share *s, int i)
{
    static const uint8_t zeros[262144];
    struct sok_iov iov = {zeros, sizeof(zeros)};
    struct node *n = &s->node[i];
    while (sok_stack_changed(n->stack)) {
    }
    while (n->conn && ((struct sok_sock *)n->conn)->ready & SOK_READY_OUT) {
        if (sok_tcp_send(n->conn, &iov, 1, s->now) <= 0) {
            must(s, -1, "a flow ended early");
            return;
        }
    }
}

static void read_all(struct share *s)
{
    static uint8_t into[262144];
    struct sok_tcp_conn *c;
    int64_t n;
    while (sok_stack_changed(s->node[RECEIVER].stack)) {
    }
    while (sok_tcp_accept(s->listener, s->now, &c) == 0)
        s->taken[sok_tcp_remote(c).port - 1000] = c;
    for (int i = 0; i < 2; i++) {
        while (s->taken[i] && (n = sok_tcp_recv(s->taken[i], into, sizeof(into), s->now)) > 0)
            s->arrived[i] += (uint64_t)n;
    }
}

// ---- time ----

static int64_t next_time(const struct share *s)
{
    int64_t t = wire_deadline(&s->out), u = wire_deadline(&s->back);
    t = u < t ? u : t;
    for (int i = 0; i < NODES; i++) {
        u = sok_stack_deadline(s->node[i].stack);
        t = u < t ? u : t;
    }
    return t;
}

static void run_until(struct share *s, int64_t end)
{
    while (s->now < end && !s->wrong) {
        int64_t t = next_time(s);
        s->now = t > end ? end : t > s->now ? t : s->now;
        feed(s);
        for (int i = 0; i < NODES; i++)
            sok_stack_advance(s->node[i].stack, s->now);
        read_all(s);
        write_all(s, SENDER_A);
        write_all(s, SENDER_B);
        pull(s);
        for (int i = 0; i < NODES && s->steps % CHECK_EVERY == 0 && !s->wrong; i++)
            s->wrong = sok_stack_check(s->node[i].stack);
        s->steps++;
    }
}

static double jain(const struct share *s)
{
    double a = (double)s->arrived[0], b = (double)s->arrived[1];
    return a + b > 0 ? (a + b) * (a + b) / (2 * (a * a + b * b)) : 0;
}

static void play(struct share *s)
{
    struct wire_spec out = {.delay = s->path->delay,
        .jitter = JITTER,
        .rate = s->path->rate,
        .queue = s->path->queue,
        .cut = true};
    struct wire_spec back = {.delay = s->path->delay};
    struct rng rng = {s->seed};
    s->now = SOK_S;
    wire_init(&s->out, &out, rng_fork(&rng));
    wire_init(&s->back, &back, rng_fork(&rng));
    for (int i = 0; i < NODES && !s->wrong; i++)
        boot(s, i);
    struct sok_endpoint at = {.port = PORT};
    if (!s->wrong)
        must(s, sok_stack_listen(s->node[RECEIVER].stack, &at, 4, s->now, &s->listener), "listen");
    if (!s->wrong) {
        begin(s, SENDER_A);
        run_until(s, s->now + s->late);
        begin(s, SENDER_B);
        s->arrived[0] = 0;
        run_until(s, s->now + SECONDS * SOK_S);
    }
    for (int i = 0; i < 2 && !s->wrong; i++)
        sok_tcp_info(s->node[i].conn, &s->info[i]);
    for (int i = 0; i < NODES; i++) {
        sok_stack_free(s->node[i].stack);
        if (s->node[i].memory.blocks)
            must(s, -1, "memory is left when a stack was freed");
    }
    wire_free(&s->out);
    wire_free(&s->back);
}

// ---- telling ----

static void show(const struct share *s)
{
    printf("# %s: %s, %s, seed %" PRIu64 ", second %.1f s later: Jain index %.3f of %.1f Mbit/s\n",
        s->path->name, s->algorithm[0], s->algorithm[1], s->seed, (double)s->late / 1e9, jain(s),
        (double)(s->arrived[0] + s->arrived[1]) * 8e-6 / SECONDS);
    for (int i = 0; i < 2; i++) {
        const struct sok_tcp_info *f = &s->info[i];
        printf("#   %-8s %5.2f Mbit/s, %.2f %% again, %u timeouts;", s->algorithm[i],
            (double)s->arrived[i] * 8e-6 / SECONDS,
            100.0 * (double)f->bytes_again / (double)(f->bytes_sent + 1), f->timeouts);
        for (unsigned k = 0; k < SOK_TCP_LIMIT_COUNT; k++) {
            double part = 100.0 * (double)f->limited[k] / (double)(f->age + 1);
            if (part >= 0.5)
                printf(" %s %.0f %%", sok_tcp_limit_text(k), part);
        }
        printf("\n");
    }
}

// False: not fair, too little, or broken. A mixed pair is only reported.
static bool one(const struct path *path, const char *a, const char *b, uint64_t seed, int64_t late)
{
    static struct share s;
    s = (struct share){.path = path, .algorithm = {a, b}, .seed = seed, .late = late};
    play(&s);
    if (s.wrong) {
        printf("not ok share %s %s, seed %" PRIu64 ": %s\n", a, b, seed, s.wrong);
        return false;
    }
    bool full = (double)(s.arrived[0] + s.arrived[1]) * 8 / SECONDS >= FULL * (double)path->rate;
    bool fair = jain(&s) >= FAIR || strcmp(a, b) != 0;
    show(&s);
    if (!full || !fair)
        printf("not ok share %s %s, seed %" PRIu64 ": %s\n", a, b, seed,
            fair ? "the wire was not used" : "one has too much");
    return full && fair;
}

int main(int argc, char **argv)
{
    static const char *const pairs[][2] = {
        {"cubic", "cubic"}, {"newreno", "newreno"}, {"cubic", "newreno"}};
    static const int64_t late[] = {0, SOK_S / 2, 5 * SOK_S};
    unsigned bad = 0, runs = 0;
    if (argc > 2) {
        return !one(&paths[0], argv[1], argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 1, SOK_S);
    }
    const char *tier = getenv("SOK_TIER");
    unsigned most = tier && strcmp(tier, "quick") == 0 ? 1 : sizeof(late) / sizeof(late[0]);
    for (size_t p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++) {
        for (unsigned i = 0; i < most; i++, runs++)
            bad += !one(&paths[0], pairs[p][0], pairs[p][1], i + 1, late[i]);
        if (most == 1) // under the sanitizers: slow
            continue;
        // Both at once: there 60 s are a few losses, too few for a late one to catch up by any algorithm.
        bad += !one(&paths[1], pairs[p][0], pairs[p][1], 1, 0);
        runs++;
    }
    printf("%s share: %u runs, %u not as they should be\n", bad ? "not ok" : "ok", runs, bad);
    return bad > 0;
}
