// A flood of SYNs from sources that do not exist (RFC 4987), among them people who mean it: each of those gets
// in, and the flood costs nothing beyond the backlog.
#include "tests/hostile/hostile.h"

#include <string.h>

#define PORT    8
#define BACKLOG 128
#define FLOOD   60000u
#define EVERY   500u  // flood SYNs for each client that means it
#define LATER   1700u // and as many pass before its ACK comes
#define CLIENTS (FLOOD / EVERY)
#define MEMORY  (BACKLOG * 4096) // a half-open connection and its timer take far less

struct guest {
    uint32_t iss, peer_iss, tsval;
    bool ts;
    struct sok_tcp_conn *c;
};

struct flood {
    struct lab *l;
    struct sok_tcp_listener *listener;
    struct rng rng;
    struct guest guests[CLIENTS];
    unsigned begun, open;
    uint64_t cookies, conns_most;
    size_t bytes_full; // held when the backlog was full for the first time
};

static void syn_from_nowhere(struct flood *f)
{
    struct tcp_fields t = {.ip = from_peer(),
        .sport = (uint16_t)(1 + rng_next(&f->rng) % 65535),
        .dport = PORT,
        .seq = (uint32_t)rng_next(&f->rng),
        .flags = F_SYN,
        .window = 5000};
    t.ip.src = 0xc6120000U + (uint32_t)(rng_next(&f->rng) % 131072); // 198.18.0.0/15
    lab_forget(f->l);
    craft_tcp(&f->l->packet, &t);
    lab_inject(f->l);
}

static uint16_t guest_port(unsigned i)
{
    return (uint16_t)(20000 + i);
}

// Every other guest has timestamps, and so SACK and scaling.
static void guest_calls(struct flood *f)
{
    unsigned i = f->begun;
    struct guest *g = &f->guests[i];
    uint8_t options[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};
    *g = (struct guest){.iss = 1000 * i, .ts = i & 1};
    struct tcp_fields t = {.ip = from_peer(),
        .sport = guest_port(i),
        .dport = PORT,
        .seq = g->iss,
        .flags = F_SYN,
        .window = 5000,
        .options = options,
        .options_len = g->ts ? 20 : 4};
    lab_forget(f->l);
    craft_tcp(&f->l->packet, &t);
    lab_inject(f->l);
    EXPECT(f->l, got_flags(f->l, F_SYN | F_ACK) >= 1, "guest %u: no SYN,ACK", i);
    for (unsigned k = 0; k < f->l->got_count; k++) {
        const struct got *a = &f->l->got[k];
        if (a->dport == t.sport && a->dst == LAB_PEER) {
            g->peer_iss = a->seq;
            g->tsval = g->ts && a->options_len >= 16 ? get32(a->options + 8) : 0;
        }
    }
    f->begun++;
}

static void guest_answers(struct flood *f, unsigned i)
{
    struct guest *g = &f->guests[i];
    uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 10};
    put32(ts + 8, g->tsval);
    struct tcp_fields t = {.ip = from_peer(),
        .sport = guest_port(i),
        .dport = PORT,
        .seq = g->iss + 1,
        .ack = g->peer_iss + 1,
        .flags = F_ACK | F_PSH,
        .window = 5000,
        .options = ts,
        .options_len = g->ts ? 12 : 0,
        .data = "hello",
        .len = 5};
    craft_tcp(&f->l->packet, &t);
    lab_inject(f->l);
    EXPECT(f->l, sok_tcp_accept(f->listener, f->l->now, &g->c) == 0, "guest %u is kept out", i);
    EXPECT(f->l, sok_tcp_remote(g->c).port == t.sport, "somebody else was let in");
    struct sok_tcp_info info;
    char in[8];
    sok_tcp_info(g->c, &info);
    EXPECT(f->l, info.sack == g->ts && info.snd_wscale == (g->ts ? 7 : 0),
        "guest %u: options are lost", i);
    EXPECT(f->l, sok_tcp_recv(g->c, in, sizeof(in), f->l->now) == 5, "guest %u: no data", i);
    sok_tcp_abort(g->c, f->l->now);
    lab_pump(f->l);
    f->open++;
}

static void look(struct flood *f, uint32_t i)
{
    struct sok_tcp_counts counts;
    sok_stack_counts(f->l->stack, &counts);
    f->conns_most = counts.conns > f->conns_most ? counts.conns : f->conns_most;
    if (i == 1000) {
        f->bytes_full = f->l->memory.bytes;
    }
    EXPECT(f->l, i < 1000 || f->l->memory.bytes <= f->bytes_full + 4096,
        "after %u SYNs %zu bytes are held, %zu when the backlog was full", i, f->l->memory.bytes,
        f->bytes_full);
}

static void flooded(struct lab *l, struct flow *good)
{
    static struct flood f;
    struct sok_endpoint at = {.port = PORT};
    (void)good;
    f = (struct flood){.l = l, .rng = {4987}};
    EXPECT(l, sok_stack_listen(l->stack, &at, BACKLOG, l->now, &f.listener) == 0, "no listener");
    for (uint32_t i = 0; i < FLOOD + LATER && !l->fail[0]; i++) {
        syn_from_nowhere(&f);
        if (i % EVERY == 0 && f.begun < CLIENTS) {
            guest_calls(&f);
        }
        if (i >= LATER && (i - LATER) % EVERY == 0 && f.open < f.begun) {
            guest_answers(&f, f.open);
        }
        if (i % 1000 == 0) {
            lab_wait(l, 50 * SOK_MS);
            look(&f, i);
        }
    }
    EXPECT(l, f.open == CLIENTS, "%u of %u guests got in", f.open, CLIENTS);
    EXPECT(l, f.conns_most <= BACKLOG + 8, "%u connections", (unsigned)f.conns_most);
    EXPECT(l, l->memory.bytes < l->base_bytes + MEMORY, "%zu bytes", l->memory.bytes);
    sok_tcp_listener_close(f.listener, l->now);
    lab_pump(l);
}

static void only_cookies(struct sok_stack_config *config)
{
    config->tcp.syn_cookies = SOK_COOKIES_ALWAYS;
}

// A cookie costs no state: not one allocation more than before, no connection, no timer.
static void nothing_kept(struct lab *l, struct flow *good)
{
    static struct flood f;
    struct sok_tcp_counts before, after;
    (void)good;
    f = (struct flood){.l = l, .rng = {1}};
    struct sok_endpoint at = {.port = PORT};
    EXPECT(l, sok_stack_listen(l->stack, &at, BACKLOG, l->now, &f.listener) == 0, "no listener");
    sok_stack_counts(l->stack, &before);
    size_t bytes = l->memory.bytes;
    uint64_t allocations = l->memory.allocations;
    int64_t deadline = sok_stack_deadline(l->stack);
    for (uint32_t i = 0; i < 20000; i++) {
        syn_from_nowhere(&f);
        EXPECT(l, got_flags(l, F_SYN | F_ACK) == 1, "SYN %u was not answered", i);
    }
    sok_stack_counts(l->stack, &after);
    EXPECT(l, after.conns == before.conns, "%u connections more", after.conns - before.conns);
    EXPECT(l, l->memory.bytes == bytes, "%zu bytes more", l->memory.bytes - bytes);
    EXPECT(l, l->memory.allocations == allocations, "memory was asked for");
    EXPECT(l, sok_stack_deadline(l->stack) == deadline, "a timer was armed");
    sok_tcp_listener_close(f.listener, l->now);
    lab_pump(l);
}

// ACKs with guessed numbers, while cookies are out: nobody gets in.
static void guessed(struct lab *l, struct flow *good)
{
    static struct flood f;
    struct sok_tcp_conn *c;
    (void)good;
    f = (struct flood){.l = l, .rng = {3}};
    struct sok_endpoint at = {.port = PORT};
    EXPECT(l, sok_stack_listen(l->stack, &at, BACKLOG, l->now, &f.listener) == 0, "no listener");
    for (uint32_t i = 0; i < 20000; i++) {
        struct tcp_fields t = {.ip = from_peer(),
            .sport = (uint16_t)(1024 + i % 1000),
            .dport = PORT,
            .seq = i,
            .ack = (uint32_t)rng_next(&f.rng),
            .flags = F_ACK,
            .window = 5000};
        if (i % 1000 == 0)
            syn_from_nowhere(&f);
        lab_forget(l);
        craft_tcp(&l->packet, &t);
        lab_inject(l);
        EXPECT(l, got_flags(l, F_RST) == 1, "ACK %u was not answered with a reset", i);
    }
    EXPECT(l, sok_tcp_accept(f.listener, l->now, &c) == SOK_EAGAIN, "a guess was right");
    sok_tcp_listener_close(f.listener, l->now);
    lab_pump(l);
}

const struct hostile_case cases_flood[] = {
    {"39-syn-flood-guests", flooded, NULL},
    {"39-syn-flood-nothing-kept", nothing_kept, only_cookies},
    {"39-syn-cookies-guessed", guessed, only_cookies},
    {NULL, NULL, NULL},
};
