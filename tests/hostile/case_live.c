// Injection into live connections (RFC 5961), TIME-WAIT (RFC 1337, 6191).
#include "tests/hostile/hostile.h"

#include <string.h>

static const enum sok_tcp_state states[] = {SOK_TCP_ESTABLISHED, SOK_TCP_FIN_WAIT_1,
    SOK_TCP_FIN_WAIT_2, SOK_TCP_CLOSE_WAIT, SOK_TCP_CLOSING, SOK_TCP_LAST_ACK};

static void peer_fin(struct flow *f)
{
    struct tcp_fields t = flow_fields(f, F_FIN | F_ACK);
    flow_send(f, &t);
    f->nxt++;
}

// A connection in a given state, its application still holding it.
static bool open_in(struct lab *l, struct flow *f, enum sok_tcp_state state)
{
    if (!flow_open(f, l, NULL))
        return false;
    bool peer_first = state == SOK_TCP_CLOSE_WAIT || state == SOK_TCP_LAST_ACK;
    if (peer_first)
        peer_fin(f);
    if (state != SOK_TCP_ESTABLISHED && state != SOK_TCP_CLOSE_WAIT) {
        sok_tcp_shutdown(f->c, l->now);
        lab_pump(l);
    }
    uint32_t fin = f->rcv;
    flow_follow(f);
    if (state == SOK_TCP_FIN_WAIT_2)
        flow_ack(f, f->rcv);
    if (state == SOK_TCP_CLOSING || state == SOK_TCP_FIN_WAIT_1 || state == SOK_TCP_LAST_ACK)
        f->rcv = fin; // our ACK of the FIN is still to come
    if (state == SOK_TCP_CLOSING)
        peer_fin(f);
    lab_wait(l, SOK_S / 10);
    lab_forget(l);
    if (flow_state(f) != state)
        lab_fail(
            l, "%s instead of %s", sok_tcp_state_text(flow_state(f)), sok_tcp_state_text(state));
    return flow_state(f) == state;
}

static uint32_t window_of(const struct flow *f)
{
    struct sok_tcp_info info;
    sok_tcp_info(f->c, &info);
    return info.rcv_wnd;
}

static void resets(struct lab *l, struct flow *good)
{
    (void)good;
    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        struct flow f;
        if (!open_in(l, &f, states[s]))
            return;
        static const struct {
            bool of_edge; // else of NXT
            int32_t off;
            unsigned acks;
            const char *name;
        } rst[] = {{false, 1, 1, "NXT+1"}, {true, -1, 1, "the window's last"},
            {true, 0, 0, "the window's edge"}, {false, -1, 0, "NXT-1"},
            {false, INT32_MIN, 0, "far"}};
        for (size_t i = 0; i < 5; i++) {
            lab_wait(l, SOK_S);
            lab_forget(l);
            struct tcp_fields t = flow_fields(&f, F_RST);
            t.seq += (rst[i].of_edge ? window_of(&f) : 0) + (uint32_t)rst[i].off;
            flow_send(&f, &t);
            EXPECT(l, flow_state(&f) == states[s], "RST at %s in %s: now %s", rst[i].name,
                sok_tcp_state_text(states[s]), sok_tcp_state_text(flow_state(&f)));
            EXPECT(l, got_flags(l, F_ACK) == rst[i].acks, "RST at %s in %s: %u ACKs", rst[i].name,
                sok_tcp_state_text(states[s]), got_flags(l, F_ACK));
        }
        struct tcp_fields t = flow_fields(&f, F_RST);
        flow_send(&f, &t);
        EXPECT(l, flow_state(&f) == SOK_TCP_CLOSED, "an exact RST in %s: now %s",
            sok_tcp_state_text(states[s]), sok_tcp_state_text(flow_state(&f)));
        flow_abort(&f);
    }
}

static void syns(struct lab *l, struct flow *good)
{
    (void)good;
    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        struct flow f;
        if (!open_in(l, &f, states[s]))
            return;
        uint32_t wnd = window_of(&f);
        const uint32_t seq[] = {
            f.nxt, f.nxt + 1, f.nxt + wnd - 1, f.nxt + wnd, f.nxt - 1, f.nxt - 100000};
        for (size_t i = 0; i < 6; i++) {
            for (int k = 0; k < 2; k++) {
                lab_wait(l, SOK_S);
                lab_forget(l);
                struct tcp_fields t = flow_fields(&f, k ? F_SYN | F_ACK : F_SYN);
                t.seq = seq[i];
                flow_send(&f, &t);
                EXPECT(l, flow_state(&f) == states[s], "SYN %zu in %s: now %s", i,
                    sok_tcp_state_text(states[s]), sok_tcp_state_text(flow_state(&f)));
                EXPECT(l, got_flags(l, F_ACK) == 1 && l->got_all == 1,
                    "SYN %zu in %s: %u ACKs of %u frames", i, sok_tcp_state_text(states[s]),
                    got_flags(l, F_ACK), (unsigned)l->got_all);
            }
        }
        flow_abort(&f);
    }
}

// RFC 5961 5: an ACK may lie between SND.UNA - MAX.SND.WND and SND.NXT.
static void blind_data(struct lab *l, struct flow *good)
{
    static const uint8_t bytes[100000];
    struct sok_iov iov = {bytes, sizeof(bytes)};
    char in[8];
    sok_tcp_setopt(good->c, SOK_TCP_SNDBUF, sizeof(bytes), l->now);
    sok_tcp_send(good->c, &iov, 1, l->now);
    lab_pump(l);
    uint32_t begin = good->rcv;
    for (int i = 0; i < 100 && good->rcv - begin < sizeof(bytes); i++) {
        flow_follow(good);
        flow_ack(good, good->rcv);
    }
    EXPECT(l, good->rcv - begin == sizeof(bytes), "could not send");
    const struct {
        int64_t off;
        bool taken;
    } acks[] = {{-65536, false}, {-65535, true}, {0, true}, {1, false}, {1000000, false},
        {-1000000, false}};
    for (size_t i = 0; i < 6; i++) {
        lab_wait(l, SOK_S);
        lab_forget(l);
        struct tcp_fields t = flow_fields(good, F_ACK | F_PSH);
        t.ack = good->rcv + (uint32_t)acks[i].off;
        t.data = "blind";
        t.len = 5;
        flow_send(good, &t);
        int64_t n = flow_read(good, in, 8);
        EXPECT(l, n == (acks[i].taken ? 5 : 0), "ACK %+lld: %lld bytes taken",
            (long long)acks[i].off, (long long)n);
        if (n > 0)
            good->nxt += 5;
        else
            EXPECT(l, got_flags(l, F_ACK) == 1, "ACK %+lld: %u ACKs", (long long)acks[i].off,
                got_flags(l, F_ACK));
    }
    lab_wait(l, SOK_S);
    flow_follow(good);
}

static void challenge_limit(struct lab *l, struct flow *good)
{
    struct flow f;
    if (!flow_open(&f, l, NULL))
        return;
    lab_wait(l, SOK_S);
    lab_forget(l);
    for (int i = 0; i < 1000; i++) {
        struct tcp_fields t = flow_fields(&f, F_SYN);
        t.seq += 10;
        flow_send(&f, &t);
    }
    EXPECT(l, l->got_all >= 1 && l->got_all <= 20, "%u challenge ACKs at one instant",
        (unsigned)l->got_all);
    lab_forget(l); // another connection is not touched by the first's limit
    struct tcp_fields t = flow_fields(good, F_SYN);
    t.seq += 10;
    flow_send(good, &t);
    EXPECT(l, l->got_all == 1, "%u challenge ACKs on the other connection", (unsigned)l->got_all);
    lab_forget(l);
    flow_abort(&f);
}

static void outside_flood(struct lab *l, struct flow *good)
{
    lab_wait(l, SOK_S);
    lab_forget(l);
    for (int i = 0; i < 1000; i++) { // two bare ACKs that answer each other would never end
        struct tcp_fields t = flow_fields(good, F_ACK);
        t.seq -= 50000;
        flow_send(good, &t);
    }
    EXPECT(l, l->got_all >= 1 && l->got_all <= 20, "%u ACKs for 1000 bare ones outside the window",
        (unsigned)l->got_all);
    lab_forget(l);
    for (int i = 0; i < 1000; i++) { // data is answered (MUST): its sender may have missed our ACK
        struct tcp_fields t = flow_fields(good, F_ACK);
        t.seq -= 50000;
        t.len = 100;
        flow_send(good, &t);
    }
    EXPECT(l, l->got_all >= 1 && l->got_all <= 1000, "%u ACKs for 1000 segments outside the window",
        (unsigned)l->got_all);
    lab_forget(l);
    for (int i = 0; i < 1000; i++) { // keep-alive probes
        struct tcp_fields t = flow_fields(good, F_ACK);
        t.seq--;
        t.len = i & 1;
        flow_send(good, &t);
    }
    EXPECT(l, l->got_all <= 1000, "%u ACKs for 1000 probes", (unsigned)l->got_all);
    lab_forget(l);
}

static void time_wait(struct lab *l, struct flow *good)
{
    (void)good;
    for (int k = 0; k < 4; k++) {
        struct flow f;
        if (!open_in(l, &f, SOK_TCP_FIN_WAIT_2))
            return;
        peer_fin(&f);
        EXPECT(l, flow_state(&f) == SOK_TCP_TIME_WAIT, "not in TIME-WAIT");
        sok_tcp_close(f.c, l->now);
        lab_wait(l, SOK_S);
        lab_forget(l);
        struct tcp_fields t = flow_fields(&f, F_ACK);
        if (k == 0) { // old segment: an ACK at most, no reset
            t.seq -= 1000;
            t.len = 10;
        } else if (k == 1) { // a SYN with an old number is not a new connection
            t.flags = F_SYN;
            t.seq -= 1000;
        } else if (k == 2) { // one with a larger may be (MAY-2)
            t.flags = F_SYN;
            t.seq += 100000;
        } else { // RFC 1337: a reset may not assassinate
            t.flags = F_RST;
        }
        flow_send(&f, &t);
        EXPECT(l, l->got_all <= 1, "%u answers", (unsigned)l->got_all);
        if (k < 2)
            EXPECT(l, got_flags(l, F_ACK) == 1, "case %d: no ACK", k);
        if (k == 2)
            EXPECT(
                l, got_flags(l, F_ACK) + got_flags(l, F_SYN | F_ACK) == 1, "a new SYN: no answer");
        f.c = NULL;
        lab_wait(l, 300 * SOK_S);
    }
}

// A FIN again in TIME-WAIT: its sender missed our ACK, and 2 MSL begin anew (3.10.7.4 eighth).
static void time_wait_fin(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    struct sok_tcp_counts counts;
    if (!open_in(l, &f, SOK_TCP_FIN_WAIT_2))
        return;
    peer_fin(&f);
    sok_tcp_close(f.c, l->now);
    lab_wait(l, 50 * SOK_S);
    lab_forget(l);
    f.nxt--;
    peer_fin(&f);
    EXPECT(
        l, got_flags(l, F_ACK) == 1 && l->got[0].ack == f.nxt, "a FIN again was not acknowledged");
    lab_wait(l, 50 * SOK_S);
    sok_stack_counts(l->stack, &counts);
    EXPECT(l, counts.time_waits == 1, "TIME-WAIT ended 100 s after it began, 50 s after a FIN");
    lab_wait(l, 15 * SOK_S);
    sok_stack_counts(l->stack, &counts);
    EXPECT(l, counts.time_waits == 0, "TIME-WAIT lasts longer than 2 MSL");
}

// Data that comes alone is acknowledged within half a second (MUST-40), out of order at once (SHLD-31).
static void acks_in_time(struct lab *l, struct flow *good)
{
    for (int i = 0; i < 40; i++) { // the quick ACKs of the start are used up on the way
        lab_forget(l);
        flow_data(good, "x", 1);
        lab_wait(l, 500 * SOK_MS);
        EXPECT(l, got_flags(l, F_ACK) == 1 && l->got[0].ack == good->nxt, "segment %d: %u ACKs", i,
            got_flags(l, F_ACK));
    }
    lab_forget(l);
    good->nxt += 10;
    flow_data(good, "early", 5);
    good->nxt -= 15;
    EXPECT(l, got_flags(l, F_ACK) == 1 && l->got[0].ack == good->nxt, "a gap was not told at once");
    lab_forget(l);
    flow_data(good, "0123456789", 10);
    EXPECT(l, got_flags(l, F_ACK) == 1 && l->got[0].ack == good->nxt + 5,
        "a filled gap was not told at once");
    good->nxt += 5;
    char in[64];
    while (flow_read(good, in, sizeof(in)) > 0)
        continue;
    flow_follow(good);
}

const struct hostile_case cases_live[] = {
    {"44-resets", resets, NULL},
    {"45-syns", syns, NULL},
    {"46-blind-data", blind_data, NULL},
    {"47-challenge-limit", challenge_limit, NULL},
    {"48-outside-flood", outside_flood, NULL},
    {"49-time-wait", time_wait, NULL},
    {"49-time-wait-fin", time_wait_fin, NULL},
    {"acks-in-time", acks_in_time, NULL},
    {NULL, NULL, NULL},
};
