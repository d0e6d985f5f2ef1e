// Setting connections up: data on SYNs, both sides opening, wrong ACKs, floods.
#include "tests/hostile/hostile.h"

#include <string.h>

static void syn_data(struct lab *l, struct flow *good)
{
    (void)good;
    static const size_t sizes[] = {1, 10, 1460};
    static const uint8_t bytes[1460];
    char in[2000];
    for (size_t i = 0; i < 3; i++) {
        struct tcp_fields t = {.ip = from_peer(),
            .sport = (uint16_t)(4000 + i),
            .dport = LAB_PORT,
            .seq = 500,
            .flags = F_SYN,
            .window = 5000,
            .data = bytes,
            .len = sizes[i]};
        lab_forget(l);
        craft_tcp(&l->packet, &t);
        lab_inject(l);
        EXPECT(l, got_flags(l, F_SYN | F_ACK) == 1, "no SYN,ACK to a SYN with data");
        const struct got *g = &l->got[0];
        EXPECT(l, g->ack == 501 || g->ack == 501 + sizes[i], "SYN,ACK acks %u", g->ack);
        struct flow f = {
            .l = l, .port = t.sport, .stack_port = LAB_PORT, .peer = LAB_PEER, .window = 5000};
        f.nxt = 501;
        f.rcv = g->seq + 1;
        flow_data(&f, bytes, sizes[i]); // whether it was kept or not
        EXPECT(l, sok_tcp_accept(l->listener, l->now, &f.c) == 0, "not accepted");
        int64_t n = flow_read(&f, in, sizeof(in));
        EXPECT(l, n == (int64_t)sizes[i], "read %lld of %zu", (long long)n, sizes[i]);
        flow_abort(&f);
    }
}

static void syn_fin(struct lab *l, struct flow *good)
{
    (void)good;
    struct tcp_fields t = {.ip = from_peer(),
        .sport = 4000,
        .dport = LAB_PORT,
        .seq = 500,
        .flags = F_SYN | F_FIN,
        .window = 5000,
        .data = "x",
        .len = 1};
    craft_tcp(&l->packet, &t);
    lab_forget(l);
    lab_inject(l);
    EXPECT(l, l->got_all <= 1, "%u answers", (unsigned)l->got_all);
    t.flags = F_ACK;
    t.seq = 503;
    t.ack = l->got_all ? l->got[0].seq + 1 : 1;
    craft_tcp(&l->packet, &t);
    lab_inject(l);
    struct sok_tcp_conn *c;
    if (sok_tcp_accept(l->listener, l->now, &c) == 0)
        sok_tcp_abort(c, l->now);
    lab_pump(l);
}

static void syn_ack_data(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    char in[16];
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_SYN | F_ACK);
    t.data = "early";
    t.len = 5;
    flow_send(&f, &t);
    f.nxt++;
    EXPECT(l, flow_state(&f) == SOK_TCP_ESTABLISHED, "not open");
    int64_t n = flow_read(&f, in, sizeof(in));
    EXPECT(l, n == 0 || n == 5, "read %lld", (long long)n);
    if (n == 0) { // ignored: sent again, it must be taken
        flow_data(&f, "early", 5);
        n = flow_read(&f, in, sizeof(in));
    }
    EXPECT(l, n == 5 && memcmp(in, "early", 5) == 0, "read %lld", (long long)n);
    flow_abort(&f);
}

static void both_open(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_SYN);
    t.ack = 0;
    flow_send(&f, &t);
    f.nxt++;
    EXPECT(l, flow_state(&f) == SOK_TCP_SYN_RECEIVED, "state %d", (int)flow_state(&f));
    EXPECT(l, got_flags(l, F_SYN | F_ACK) == 1 && l->got[0].seq == f.iss && l->got[0].ack == f.nxt,
        "no SYN,ACK with the old sequence number");
    lab_forget(l);
    t = flow_fields(&f, F_SYN | F_ACK); // the crossing one
    t.seq = f.nxt - 1;
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_ESTABLISHED, "state %d after both", (int)flow_state(&f));
    flow_data(&f, "hello", 5);
    char in[8];
    EXPECT(l, flow_read(&f, in, 8) == 5, "no data");
    flow_abort(&f);
}

static void split_handshake(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_ACK); // acks the SYN, and nothing else
    t.seq = 0;
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_SYN_SENT, "a lone ACK changed the state");
    t = flow_fields(&f, F_SYN);
    t.ack = 0;
    flow_send(&f, &t);
    f.nxt++;
    flow_ack(&f, f.rcv);
    EXPECT(l, flow_state(&f) == SOK_TCP_ESTABLISHED, "state %d", (int)flow_state(&f));
    flow_abort(&f);
}

static void syn_sent_wrong(struct lab *l, struct flow *good)
{
    (void)good;
    static const int32_t off[] = {-1, 1, 1000, -100000};
    struct flow f;
    if (!flow_connect(&f, l, NULL))
        return;
    for (size_t i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) {
            static const uint16_t flags[] = {F_ACK, F_SYN | F_ACK, F_RST | F_ACK};
            struct tcp_fields t = flow_fields(&f, flags[k]);
            t.ack = f.rcv + (uint32_t)off[i];
            lab_forget(l);
            flow_send(&f, &t);
            EXPECT(l, flow_state(&f) == SOK_TCP_SYN_SENT, "flags %x ack %+d changed the state",
                flags[k], off[i]);
            EXPECT(l, got_flags(l, F_RST) == (k != 2), "flags %x ack %+d: %u resets", flags[k],
                off[i], got_flags(l, F_RST));
            if (k != 2)
                EXPECT(l, l->got[0].seq == t.ack, "the reset's SEQ is not SEG.ACK");
        }
    }
    struct tcp_fields t = flow_fields(&f, F_RST); // no ACK: not believed
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_SYN_SENT, "a reset without ACK was believed");
    t = flow_fields(&f, F_RST | F_ACK);
    flow_send(&f, &t);
    EXPECT(l, sok_tcp_error(f.c) == SOK_EREFUSED, "not refused");
    flow_abort(&f);
}

static void syn_received_acks(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    if (!flow_syn(&f, l, NULL)) {
        lab_fail(l, "no SYN,ACK");
        return;
    }
    const uint32_t wrong[] = {f.iss, f.iss + 2, 0, f.iss - 1, f.iss + 100000};
    for (size_t i = 0; i < 5; i++) {
        lab_forget(l);
        flow_ack(&f, wrong[i]);
        EXPECT(l, got_flags(l, F_RST) == 1 && l->got[0].seq == wrong[i],
            "ACK %+d: no reset with its number", (int)(wrong[i] - f.iss));
        EXPECT(l, sok_tcp_accept(l->listener, l->now, &f.c) == SOK_EAGAIN, "accepted");
    }
    struct tcp_fields t = flow_fields(&f, F_RST);
    t.seq += 100;
    lab_forget(l);
    flow_send(&f, &t);
    EXPECT(l, got_flags(l, F_ACK) == 1, "no challenge ACK to an inexact reset");
    lab_forget(l);
    flow_ack(&f, f.rcv); // still there
    EXPECT(l, sok_tcp_accept(l->listener, l->now, &f.c) == 0, "the half-open connection is gone");
    flow_abort(&f);
    if (!flow_syn(&f, l, NULL))
        return;
    t = flow_fields(&f, F_RST);
    flow_send(&f, &t);
    flow_ack(&f, f.rcv);
    EXPECT(l, got_flags(l, F_RST) == 1, "an exact reset did not end it");
}

static void syn_flood(struct lab *l, struct flow *good)
{
    (void)good;
    for (uint32_t i = 0; i < 20000; i++) {
        struct tcp_fields t = {.ip = from_peer(),
            .sport = (uint16_t)(1 + i % 60000),
            .dport = LAB_PORT,
            .seq = i,
            .flags = F_SYN,
            .window = 5000};
        t.ip.src = 0xc6336401 + i / 60000 + (i & 3) * 256; // 198.51.100.0 and up
        craft_tcp(&l->packet, &t);
        lab_inject(l);
        lab_forget(l);
    }
    EXPECT(l, l->memory.bytes < l->base_bytes + 8000000, "half-open connections hold %zu",
        l->memory.bytes);
    lab_wait(l, 200 * SOK_S);
    struct flow f; // when the flood is over, all is as before
    if (flow_open(&f, l, NULL))
        flow_abort(&f);
}

const struct hostile_case cases_open[] = {
    {"40-syn-data", syn_data, NULL},
    {"40-syn-fin", syn_fin, NULL},
    {"40-syn-ack-data", syn_ack_data, NULL},
    {"41-both-open", both_open, NULL},
    {"41-split-handshake", split_handshake, NULL},
    {"42-syn-sent-wrong", syn_sent_wrong, NULL},
    {"42-syn-received-acks", syn_received_acks, NULL},
    {"39-syn-flood-bounded", syn_flood, NULL},
    {NULL, NULL, NULL},
};
