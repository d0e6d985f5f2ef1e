// A whole stack driven by bytes: calls, frames and time, under virtual time and counted memory. The bytes
// choose among segments near a connection's real numbers, so that they get past the first checks. After
// every action: sok_stack_check(), every frame sent is well-formed, work and memory bounded; at the end
// nothing is left.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/hostile/lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLOWS       8
#define OPEN        4 // of them established before the first action
#define ACTIONS_MAX 400
#define MEMORY_MAX  (64U << 20)

struct input {
    const uint8_t *p;
    size_t left;
};

static uint8_t byte(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

static uint32_t word(struct input *in)
{
    uint32_t high = byte(in);
    return high << 8 | byte(in);
}

static uint32_t below(struct input *in, uint32_t n)
{
    return (n > 256 ? word(in) : byte(in)) % n;
}

struct fuzz {
    struct lab *l;
    struct input in;
    struct flow flow[FLOWS];            // the peer's view; c: the application's handle or NULL
    struct sok_tcp_conn *orphan[FLOWS]; // accepted, of no flow we know
    struct sok_udp *udp;
    struct sok_echo *echo;
};

static void must(struct fuzz *z)
{
    struct lab *l = z->l;
    lab_check(l);
    if (l->memory.bytes > MEMORY_MAX)
        lab_fail(l, "%zu bytes held", l->memory.bytes);
    if (l->fail[0]) {
        fprintf(stderr, "fuzz_stack: %s\n", l->fail);
        abort();
    }
}

static struct flow *by_port(struct fuzz *z, uint16_t port)
{
    for (int i = 0; i < FLOWS; i++) {
        if (z->flow[i].port == port)
            return &z->flow[i];
    }
    return NULL;
}

// What the peer learns from what the stack sent.
static void learn(struct fuzz *z)
{
    for (unsigned i = 0; i < z->l->got_count; i++) {
        const struct got *g = &z->l->got[i];
        struct flow *f = g->type == 0x0800 && g->proto == 6 ? by_port(z, g->dport) : NULL;
        if (!f || (g->flags & F_RST))
            continue;
        if (g->flags & F_SYN) {
            f->stack_port = g->sport;
            f->iss = g->seq;
            f->rcv = g->seq;
        }
        uint32_t end = g->seq + g->len + !!(g->flags & F_SYN) + !!(g->flags & F_FIN);
        if ((int32_t)(end - f->rcv) > 0)
            f->rcv = end;
        f->last_window = g->window;
        if (g->options_len >= 12 && g->options[2] == 8)
            f->tsecr = get32(g->options + 4);
    }
    lab_forget(z->l);
}

// ---- calls ----

static void drop_handle(struct fuzz *z, struct flow *f, bool abort_it)
{
    if (!f->c)
        return;
    if (abort_it)
        sok_tcp_abort(f->c, z->l->now);
    else
        sok_tcp_close(f->c, z->l->now);
    f->c = NULL;
}

static void call_connect(struct fuzz *z, struct flow *f)
{
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = f->port};
    if (f->c)
        return;
    if (byte(&z->in) == 255)
        to.addr = sok_addr_v4(0xc0000203); // nobody there
    if (byte(&z->in) == 255)
        to.addr = sok_addr_v4(0x7f000001);
    if (sok_stack_connect(z->l->stack, NULL, &to, z->l->now, &f->c) != 0)
        f->c = NULL;
    else
        f->stack_port = sok_tcp_local(f->c).port;
}

static void call_accept(struct fuzz *z)
{
    struct sok_tcp_conn *c;
    if (!z->l->listener || sok_tcp_accept(z->l->listener, z->l->now, &c) != 0)
        return;
    struct flow *f = by_port(z, sok_tcp_remote(c).port);
    if (f && !f->c) {
        f->c = c;
        return;
    }
    for (int i = 0; i < FLOWS; i++) {
        if (!z->orphan[i]) {
            z->orphan[i] = c;
            return;
        }
    }
    sok_tcp_close(c, z->l->now);
}

static void call_send(struct fuzz *z, struct flow *f)
{
    static const uint8_t bytes[70000];
    if (!f->c)
        return;
    size_t len = below(&z->in, 4) ? byte(&z->in) : word(&z->in);
    if (byte(&z->in) & 1) {
        struct sok_iov iov[2] = {{bytes, len / 3}, {bytes, len - len / 3}};
        sok_tcp_send(f->c, iov, 2, z->l->now);
        return;
    }
    struct sok_buf *b = sok_buf_new(&z->l->mem, 4096);
    if (!b)
        return;
    memset(b->data, 1, 4096);
    sok_tcp_send_slice(
        f->c, (struct sok_slice){b, 0, (uint32_t)(len < 4096 ? len : 4096)}, z->l->now);
    sok_buf_unref(b);
}

static void call_recv(struct fuzz *z, struct flow *f)
{
    static uint8_t bytes[65536];
    if (!f->c)
        return;
    size_t len = word(&z->in);
    if (byte(&z->in) & 1) {
        sok_tcp_recv(f->c, bytes, len, z->l->now);
        return;
    }
    struct sok_iov iov[3];
    unsigned count = 3;
    int64_t n = sok_tcp_peek(f->c, iov, &count);
    if (n > 0)
        sok_tcp_consume(f->c, (size_t)n > len ? len : (size_t)n, z->l->now);
}

static void call_option(struct fuzz *z, struct flow *f)
{
    if (!f->c)
        return;
    uint8_t option = byte(&z->in);
    int64_t value = (int16_t)word(&z->in);
    if (option & 0x80)
        value *= 65536;
    sok_tcp_setopt(f->c, (enum sok_tcp_sockopt)(option % (SOK_TCP_QUICKACK + 1)), value, z->l->now);
    sok_tcp_getopt(f->c, (enum sok_tcp_sockopt)(option % (SOK_TCP_QUICKACK + 1)), &value);
}

static void call_udp(struct fuzz *z)
{
    struct sok_endpoint at = {.port = 53}, to = {.addr = sok_addr_v4(LAB_PEER), .port = 53};
    uint8_t bytes[2000] = {0};
    if (!z->udp && sok_udp_open(z->l->stack, &at, &z->udp) != 0) {
        z->udp = NULL;
        return;
    }
    struct sok_iov iov = {bytes, word(&z->in) % sizeof(bytes)};
    switch (below(&z->in, 4)) {
    case 0:
        sok_udp_sendto(z->udp, &iov, 1, &to, z->l->now);
        break;
    case 1:
        sok_udp_recvfrom(z->udp, bytes, iov.len, &to, z->l->now);
        break;
    case 2:
        sok_udp_connect(z->udp, &to);
        break;
    default:
        sok_udp_close(z->udp);
        z->udp = NULL;
    }
}

static void call_echo(struct fuzz *z)
{
    struct sok_addr to = sok_addr_v4(LAB_PEER - (byte(&z->in) & 1) * 100);
    struct sok_echo_reply reply;
    if (!z->echo && sok_echo_open(z->l->stack, &z->echo) != 0) {
        z->echo = NULL;
        return;
    }
    sok_echo_send(z->echo, &to, (uint16_t)word(&z->in), "ping", 4, 0, z->l->now);
    sok_echo_recv(z->echo, &reply, z->l->now);
    if (byte(&z->in) > 200) {
        sok_echo_close(z->echo);
        z->echo = NULL;
    }
}

static void act_call(struct fuzz *z)
{
    struct flow *f = &z->flow[below(&z->in, FLOWS)];
    switch (below(&z->in, 12)) {
    case 0:
        call_connect(z, f);
        break;
    case 1:
    case 2:
        call_accept(z);
        break;
    case 3:
    case 4:
        call_send(z, f);
        break;
    case 5:
    case 6:
        call_recv(z, f);
        break;
    case 7:
        if (f->c)
            sok_tcp_shutdown(f->c, z->l->now);
        break;
    case 8:
        drop_handle(z, f, byte(&z->in) & 1);
        break;
    case 9:
        call_option(z, f);
        break;
    case 10:
        call_udp(z);
        break;
    default:
        call_echo(z);
    }
}

// ---- frames ----

// A number near the real one: mostly it, or at an edge, or anywhere.
static uint32_t near(struct input *in, uint32_t real, uint32_t window)
{
    static const int32_t off[] = {0, 0, 0, 0, 0, 0, 1, -1, 2, 100, -100, 1460};
    uint8_t b = byte(in);
    if (b < 200)
        return real + (uint32_t)off[b % 12];
    if (b < 210)
        return real + window - (b & 1);
    if (b < 220)
        return real + 0x80000000U - (b & 1);
    if (b < 240)
        return real - 65535 - (b & 1);
    return real + (word(in) << 16 | word(in));
}

static size_t some_options(struct fuzz *z, const struct flow *f, uint8_t o[40])
{
    uint8_t kind = byte(&z->in);
    size_t len = 0;
    if (kind < 100)
        return 0;
    if (kind < 160) { // true timestamps
        memcpy(o, (uint8_t[]){1, 1, 8, 10}, 4);
        put32(o + 4, near(&z->in, (uint32_t)(z->l->now / SOK_MS), 10));
        put32(o + 8, near(&z->in, f->tsecr, 10));
        return 12;
    }
    if (kind < 190) { // as in a SYN
        static const uint8_t syn[] = {
            2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
        memcpy(o, syn, sizeof(syn));
        o[2] = kind & 1 ? byte(&z->in) : 5;
        return sizeof(syn);
    }
    if (kind < 220) { // SACK blocks near what is on the way
        memcpy(o, (uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * (1 + kind % 4))}, 4);
        for (len = 4; len < 4U + 8 * (1 + kind % 4); len += 4)
            put32(o + len, near(&z->in, f->rcv - word(&z->in) % 20000, 5000));
        return len;
    }
    len = 4U * below(&z->in, 11);
    for (size_t i = 0; i < len; i++)
        o[i] = byte(&z->in);
    return len;
}

// Shortens or spoils what would be a valid frame; sums are made right again most of the time.
static void spoil(struct fuzz *z)
{
    struct packet *p = &z->l->packet;
    uint8_t how = byte(&z->in);
    if (how < 200)
        return;
    if (how < 215) {
        p->len = word(&z->in) % (p->len + 1);
        return;
    }
    for (int i = how & 3; i >= 0 && p->len > IP_AT; i--)
        p->b[IP_AT + word(&z->in) % (p->len - IP_AT)] = byte(&z->in);
    if (how < 245 && p->len >= IP_AT + 20)
        craft_sums(p);
}

static void send_segment(struct fuzz *z, struct flow *f)
{
    static const uint8_t zeros[1460];
    static const uint16_t usual[] = {F_ACK, F_ACK, F_ACK | F_PSH, F_SYN, F_SYN | F_ACK,
        F_FIN | F_ACK, F_RST, F_RST | F_ACK, F_ACK | F_URG, F_ACK | F_ECE};
    uint8_t options[40], pick = byte(&z->in);
    struct tcp_fields t = flow_fields(f, pick < 230 ? usual[pick % 10] : (uint16_t)word(&z->in));
    t.seq = near(&z->in, t.seq, f->last_window);
    t.ack = near(&z->in, t.ack, 65535);
    if (pick & 32) // some of what is on the way
        t.ack -= word(&z->in) % 16384;
    if (pick & 1)
        t.window = (uint16_t)word(&z->in);
    t.urgent = t.flags & F_URG ? (uint16_t)word(&z->in) : 0;
    t.options = options;
    t.options_len = some_options(z, f, options);
    if (pick % 3 == 0)
        t.len = word(&z->in) % 1420;
    t.data = zeros;
    if (t.flags & F_SYN)
        t.dport = pick & 16 ? LAB_PORT : f->stack_port;
    craft_tcp(&z->l->packet, &t);
    spoil(z);
    if (t.seq == f->nxt) // as far as the peer is concerned it has arrived
        f->nxt += (uint32_t)t.len + !!(t.flags & F_SYN) + !!(t.flags & F_FIN);
    lab_inject(z->l);
}

static void send_icmp_error(struct fuzz *z, struct flow *f)
{
    static struct packet q;
    struct tcp_fields t = {.ip = {.src = LAB_ADDR, .dst = LAB_PEER},
        .sport = f->stack_port,
        .dport = f->port,
        .seq = near(&z->in, f->rcv, 1000),
        .flags = F_ACK};
    struct ip_fields ip = {.src = LAB_PEER, .dst = LAB_ADDR};
    craft_tcp(&q, &t);
    craft_icmp(&z->l->packet, &ip, byte(&z->in) & 15, byte(&z->in) & 15, word(&z->in), q.b + IP_AT,
        below(&z->in, 60) % (q.len - IP_AT + 1));
    spoil(z);
    lab_inject(z->l);
}

static void send_garbage(struct fuzz *z)
{
    struct packet *p = &z->l->packet;
    p->len = below(&z->in, 120);
    for (size_t i = 0; i < p->len; i++)
        p->b[i] = byte(&z->in);
    if (p->len >= IP_AT + 20 && (byte(&z->in) & 3)) {
        memcpy(p->b, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45}, 15);
        put16(p->b + IP_AT + 2, (uint32_t)(p->len - IP_AT));
        put32(p->b + IP_AT + 16, LAB_ADDR);
        craft_sums(p);
    }
    lab_inject(z->l);
}

static void act_frame(struct fuzz *z)
{
    struct flow *f = &z->flow[below(&z->in, FLOWS)];
    struct ip_fields ip = {
        .src = LAB_PEER, .dst = LAB_ADDR, .frag = byte(&z->in) == 255 ? 0x2000 : 0};
    switch (below(&z->in, 16)) {
    case 0:
        craft_udp(&z->l->packet, &ip, 53, byte(&z->in) & 1 ? 53 : 99, "datagram", below(&z->in, 9));
        break;
    case 1:
        craft_icmp(&z->l->packet, &ip, byte(&z->in) & 1 ? 8 : 0, 0, word(&z->in), "ping", 4);
        break;
    case 2:
        send_icmp_error(z, f);
        return;
    case 3:
        craft_arp(&z->l->packet, (uint16_t)below(&z->in, 4), LAB_PEER + below(&z->in, 3),
            LAB_ADDR + below(&z->in, 2));
        break;
    case 4:
        send_garbage(z);
        return;
    default:
        send_segment(z, f);
        return;
    }
    spoil(z);
    lab_inject(z->l);
}

static void act_time(struct fuzz *z)
{
    static const int64_t unit[] = {1000, SOK_MS, 50 * SOK_MS, SOK_S, 10 * SOK_S};
    lab_wait(z->l, unit[below(&z->in, 5)] * (1 + byte(&z->in) % 16));
}

// ---- a run ----

static uint8_t config_byte;

static void configure(struct sok_stack_config *config)
{
    struct sok_tcp_config *t = &config->tcp;
    t->timestamps = !(config_byte & 1);
    t->sack = !(config_byte & 2);
    t->window_scale = !(config_byte & 4);
    t->rcv_buf_initial = config_byte & 8 ? 4096 : 131072;
    t->snd_buf = config_byte & 16 ? 8192 : 262144;
    t->reassembly_runs = config_byte & 32 ? 3 : 256;
    t->syn_queue_max = config_byte & 64 ? 2 : 1024;
    t->r2 = 200 * SOK_S;
    config->events = config_byte & 128;
}

// Half of them with all options, half with none but MSS; one has much to send.
static void open_some(struct fuzz *z)
{
    static const uint8_t all[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    static const uint8_t bytes[100000];
    const struct flow_options with = {
        .options = all, .options_len = sizeof(all), .iss = 0xfffffff0U};
    for (int i = 0; i < OPEN; i++) {
        if (!flow_open(&z->flow[i], z->l, i & 1 ? &with : NULL))
            must(z);
    }
    struct sok_iov iov = {bytes, sizeof(bytes)};
    for (int i = 0; i < 2; i++)
        sok_tcp_send(z->flow[i].c, &iov, 1, z->l->now);
    lab_pump(z->l);
    learn(z);
}

static void finish(struct fuzz *z)
{
    struct lab *l = z->l;
    l->memory.refuse_one_in = 0;
    for (int i = 0; i < FLOWS; i++) {
        drop_handle(z, &z->flow[i], i & 1);
        if (z->orphan[i])
            sok_tcp_close(z->orphan[i], l->now);
    }
    if (z->udp)
        sok_udp_close(z->udp);
    if (z->echo)
        sok_echo_close(z->echo);
    lab_pump(l);
    must(z);
    struct sok_event e;
    while (sok_stack_event(l->stack, &e))
        ;
    sok_stack_events_on(l->stack, false);
    l->base_bytes += 32U << 20; // the queue of events
    lab_end(l);
    if (l->fail[0]) {
        fprintf(stderr, "fuzz_stack: at the end: %s\n", l->fail);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lab lab;
    static struct fuzz fuzz;
    fuzz = (struct fuzz){.l = &lab, .in = {data, size}};
    config_byte = byte(&fuzz.in);
    lab_new(&lab, configure);
    open_some(&fuzz);
    for (int i = OPEN; i < FLOWS; i++)
        fuzz.flow[i] = (struct flow){.l = &lab,
            .port = (uint16_t)(30000 + i),
            .stack_port = LAB_PORT,
            .peer = LAB_PEER,
            .nxt = 0xfffff000U,
            .window = 65535};
    for (int i = 0; i < ACTIONS_MAX && fuzz.in.left; i++) {
        uint8_t what = byte(&fuzz.in);
        lab.memory.refuse_one_in = what >= 250 ? 4 : 0;
        if (what % 8 < 4)
            act_frame(&fuzz);
        else if (what % 8 < 7)
            act_call(&fuzz);
        else
            act_time(&fuzz);
        lab_pump(&lab);
        struct sok_sock *s;
        while ((s = sok_stack_changed(lab.stack)))
            ;
        learn(&fuzz);
        must(&fuzz);
    }
    finish(&fuzz);
    return 0;
}
