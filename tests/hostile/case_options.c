// TCP header, options, flags, urgent pointer.
#include "tests/hostile/hostile.h"

#include <string.h>

#define MAX_OPTIONS 40

static uint8_t *tcp_of(struct lab *l)
{
    return l->packet.b + IP_AT + 20;
}

static void data_offset(struct lab *l, struct flow *good)
{
    for (uint8_t words = 0; words < 16; words++) {
        for (enum kind k = KIND_SYN; k <= KIND_FIN; k++) {
            make_kind(&l->packet, k, good);
            size_t segment = l->packet.len - IP_AT - 20;
            if (words >= 5 && words * 4U <= segment)
                continue;
            tcp_of(l)[12] = (uint8_t)(words << 4);
            craft_sums(&l->packet);
            expect_silence(l, "a wrong data offset");
        }
    }
    EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "the connection ended");
}

// Sends options on a SYN (to a throw-away connection), on in-order data and on a plain ACK.
static void everywhere(struct lab *l, struct flow *good, const uint8_t *options, size_t len)
{
    struct flow f;
    char in[16];
    struct flow_options o = {.options = options, .options_len = len};
    if (flow_syn(&f, l, &o)) {
        flow_ack(&f, f.rcv);
        if (sok_tcp_accept(l->listener, l->now, &f.c) == 0)
            flow_abort(&f);
    }
    lab_forget(l);
    struct tcp_fields t = flow_fields(good, F_ACK | F_PSH);
    t.options = options;
    t.options_len = len;
    t.data = "opt";
    t.len = 3;
    craft_tcp(&l->packet, &t);
    lab_inject(l);
    int64_t n = flow_read(good, in, sizeof(in));
    EXPECT(l, n == 0 || (n == 3 && memcmp(in, "opt", 3) == 0), "read gave %lld", (long long)n);
    good->nxt += (uint32_t)n;
    t = flow_fields(good, F_ACK);
    t.options = options;
    t.options_len = len;
    craft_tcp(&l->packet, &t);
    lab_inject(l);
    EXPECT(l, l->got_all < 10, "%u answers", (unsigned)l->got_all);
    EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "the connection ended");
    flow_follow(good);
    lab_wait(l, 600 * SOK_MS);
    flow_follow(good);
}

static void malformed_options(struct lab *l, struct flow *good)
{
    static const uint8_t list[][8] = {
        {99, 0, 1, 1, 1, 1, 1, 1},
        {99, 1, 1, 1, 1, 1, 1, 1},
        {99, 9, 1, 1, 1, 1, 1, 1},
        {99, 255, 1, 1, 1, 1, 1, 1},
        {1, 1, 1, 1, 1, 1, 1, 99},
        {1, 1, 1, 1, 1, 1, 1, 2},
        {1, 1, 1, 1, 1, 1, 1, 8},
        {2, 0, 0, 0, 0, 0, 0, 0},
        {8, 0, 8, 0, 8, 0, 8, 0},
        {5, 0, 5, 1, 5, 2, 5, 3},
        {99, 4, 1, 1, 99, 4, 1, 1},
        {5, 2, 5, 3, 0, 5, 10, 0},
        {3, 2, 3, 0, 3, 1, 3, 4},
        {4, 3, 0, 4, 0, 4, 255, 1},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && !l->fail[0]; i++)
        everywhere(l, good, list[i], 8);
}

static void auth_options(struct lab *l, struct flow *good)
{
    static const uint8_t lengths[] = {0, 2, 3, 4, 18, 255};
    for (uint8_t kind = 19; kind <= 29 && !l->fail[0]; kind += 10) {
        for (size_t i = 0; i < sizeof(lengths); i++) {
            uint8_t o[20] = {kind, lengths[i]};
            everywhere(l, good, o, sizeof(o));
        }
    }
}

static void odd_options(struct lab *l, struct flow *good)
{
    struct flow f;
    uint8_t o[MAX_OPTIONS];
    memset(o, 1, sizeof(o)); // all NOP
    struct flow_options fo = {.options = o, .options_len = sizeof(o)};
    EXPECT(l, flow_syn(&f, l, &fo), "a SYN with 40 NOPs was not answered");
    for (size_t shift = 0; shift < 4; shift++) { // misaligned: still read (MUST-64)
        memset(o, 1, sizeof(o));
        memcpy(o + shift, (uint8_t[]){2, 4, 2, 0x18, 4, 2}, 6); // MSS 536
        fo.options_len = 12;
        if (!flow_open(&f, l, &fo))
            return;
        struct sok_tcp_info info;
        sok_tcp_info(f.c, &info);
        EXPECT(l, info.snd_mss == 536 && info.sack, "options shifted by %zu were not read", shift);
        flow_abort(&f);
    }
    memset(o, 0xff, sizeof(o)); // end of list, then garbage (MUST-69)
    o[0] = 0;
    fo.options_len = sizeof(o);
    EXPECT(l, flow_syn(&f, l, &fo), "a SYN with an ended list was not answered");
    everywhere(l, good, o, sizeof(o));
}

// Opens with this MSS option, sends 3000 bytes; the largest segment, 0: none at all.
static uint32_t segments_for(struct lab *l, const uint8_t *options, size_t len, unsigned *count)
{
    static const uint8_t bytes[3000];
    struct flow f;
    struct flow_options o = {.options = options, .options_len = len};
    uint32_t most = 0;
    *count = 0;
    if (!flow_open(&f, l, &o))
        return 0;
    struct sok_iov iov = {bytes, sizeof(bytes)};
    sok_tcp_setopt(f.c, SOK_TCP_NODELAY, 1, l->now);
    sok_tcp_send(f.c, &iov, 1, l->now);
    lab_pump(l);
    for (int i = 0; i < 200 && l->got_count; i++) {
        for (unsigned k = 0; k < l->got_count; k++) {
            most = l->got[k].len > most ? l->got[k].len : most;
            ++*count;
        }
        flow_follow(&f);
        flow_ack(&f, f.rcv);
    }
    if (f.rcv != f.iss + 1 + sizeof(bytes))
        lab_fail(l, "only %u of 3000 bytes were sent", f.rcv - f.iss - 1);
    flow_abort(&f);
    return most;
}

static void mss_values(struct lab *l, struct flow *good)
{
    static const uint16_t values[] = {0, 1, 8, 48, 64, 87, 88, 536, 1460, 1461, 65535};
    (void)good;
    unsigned count;
    for (size_t i = 0; i < sizeof(values) / 2 && !l->fail[0]; i++) {
        uint8_t o[4] = {2, 4, (uint8_t)(values[i] >> 8), (uint8_t)values[i]};
        uint32_t most = segments_for(l, o, 4, &count);
        EXPECT(l, most >= 48 && most <= 1460, "MSS %u: segments of %u", values[i], most);
        EXPECT(l, count <= 80, "MSS %u: %u segments for 3000 bytes", values[i], count);
        if (values[i] >= 88 && values[i] <= 1460)
            EXPECT(l, most <= values[i], "MSS %u: segments of %u", values[i], most);
    }
}

static void mss_shapes(struct lab *l, struct flow *good)
{
    static const uint8_t shapes[][12] = {{2, 2, 1, 1, 1, 1, 1, 1}, {2, 3, 5, 1, 1, 1, 1, 1},
        {2, 5, 5, 0xb4, 1, 1, 1, 1}, {2, 4, 5, 0xb4, 2, 4, 0, 1}, {2, 4, 0, 1, 2, 4, 5, 0xb4}};
    unsigned count;
    for (size_t i = 0; i < 5 && !l->fail[0]; i++) {
        uint32_t most = segments_for(l, shapes[i], 8, &count);
        EXPECT(l, most >= 48 && most <= 1460, "shape %zu: segments of %u", i, most);
    }
    struct tcp_fields t = flow_fields(good, F_ACK); // on a segment that is no SYN
    t.options = (const uint8_t[]){2, 4, 0, 1};
    t.options_len = 4;
    struct sok_tcp_info before, after;
    sok_tcp_info(good->c, &before);
    flow_send(good, &t);
    sok_tcp_info(good->c, &after);
    EXPECT(l, before.snd_mss == after.snd_mss, "an MSS without SYN was believed");
}

static void no_mss(struct lab *l, struct flow *good)
{
    (void)good;
    unsigned count;
    uint32_t most = segments_for(l, (const uint8_t[]){1, 1, 1, 1}, 4, &count);
    EXPECT(l, most > 0 && most <= 536, "without MSS, segments of %u", most);
    struct flow f;
    static const uint8_t nop[4] = {1, 1, 1, 1}, bytes[3000];
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_SYN | F_ACK);
    t.options = nop;
    t.options_len = 4;
    flow_send(&f, &t);
    f.nxt++;
    lab_forget(l);
    struct sok_iov iov = {bytes, sizeof(bytes)};
    sok_tcp_send(f.c, &iov, 1, l->now);
    lab_pump(l);
    EXPECT(l, l->got_count >= 2, "%u segments", l->got_count);
    for (unsigned i = 0; i < l->got_count; i++)
        EXPECT(l, l->got[i].len <= 536, "a segment of %u", l->got[i].len);
    flow_abort(&f);
}

static void window_scale(struct lab *l, struct flow *good)
{
    static const uint8_t given[] = {14, 15, 100, 255};
    for (size_t i = 0; i < 4; i++) {
        struct flow f;
        const uint8_t o[8] = {2, 4, 5, 0xb4, 1, 3, 3, given[i]};
        struct flow_options fo = {.options = o, .options_len = 8};
        if (!flow_open(&f, l, &fo))
            return;
        struct tcp_fields t = flow_fields(&f, F_ACK);
        t.window = 3;
        flow_send(&f, &t);
        struct sok_tcp_info info;
        sok_tcp_info(f.c, &info);
        EXPECT(l, info.snd_wscale == 14 && info.snd_wnd == 3U << 14, "scale %u: %u, window %u",
            given[i], info.snd_wscale, info.snd_wnd);
        flow_abort(&f);
    }
    struct tcp_fields t = flow_fields(good, F_ACK);
    t.options = (const uint8_t[]){1, 3, 3, 14};
    t.options_len = 4;
    flow_send(good, &t);
    struct sok_tcp_info info;
    sok_tcp_info(good->c, &info);
    EXPECT(l, info.snd_wscale == 0, "a scale without SYN was believed");
}

static void no_scaling(struct sok_stack_config *config)
{
    config->tcp.window_scale = 0;
    config->tcp.timestamps = 0;
    config->tcp.sack = 0;
}

static void unasked_options(struct lab *l, struct flow *good)
{
    static const uint8_t all[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    (void)good;
    struct flow f;
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_SYN | F_ACK);
    t.options = all;
    t.options_len = sizeof(all);
    t.window = 1000;
    flow_send(&f, &t);
    f.nxt++;
    struct sok_tcp_info info;
    sok_tcp_info(f.c, &info);
    EXPECT(l, info.state == SOK_TCP_ESTABLISHED, "not open");
    EXPECT(l, !info.sack && !info.timestamps && info.snd_wscale == 0,
        "options we did not offer are used");
    flow_abort(&f);
}

static bool open_ts(struct lab *l, struct flow *f)
{
    static const uint8_t o[16] = {2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0x13, 0x88, 0, 0, 0, 0};
    struct flow_options fo = {.options = o, .options_len = sizeof(o)};
    if (!flow_open(f, l, &fo))
        return false;
    if (!f->ts)
        lab_fail(l, "timestamps were not agreed on");
    return f->ts;
}

// In-order data with these options: how much the application got.
static int64_t data_with(struct flow *f, const uint8_t *options, size_t len)
{
    char in[16];
    struct tcp_fields t = flow_fields(f, F_ACK | F_PSH);
    t.options = options;
    t.options_len = len;
    t.data = "data";
    t.len = 4;
    craft_tcp(&f->l->packet, &t);
    lab_inject(f->l);
    int64_t n = flow_read(f, in, sizeof(in));
    if (n > 0)
        f->nxt += (uint32_t)n;
    flow_follow(f);
    return n;
}

static void timestamps_odd(struct lab *l, struct flow *good)
{
    static const uint8_t odd[][24] = {
        {8, 9, 0, 0, 0x13, 0x89, 0, 0, 0, 1, 1, 1},
        {8, 11, 0, 0, 0x13, 0x89, 0, 0, 0, 0, 0, 1},
        {8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
        {8, 10, 0, 0, 0x13, 0x89, 8, 10, 0, 0, 0x13, 0x90},
    };
    (void)good;
    for (size_t i = 0; i < 4; i++) {
        struct flow f;
        if (!open_ts(l, &f))
            return;
        int64_t n = data_with(&f, odd[i], 12);
        EXPECT(l, n == 0 || n == 4, "odd timestamps %zu gave %lld", i, (long long)n);
        f.tsval = 6000;
        lab_wait(l, SOK_S);
        flow_follow(&f);
        uint8_t in[4];
        flow_data(&f, "good", 4);
        EXPECT(l, flow_read(&f, in, 4) == 4, "dead after odd timestamps %zu", i);
        flow_abort(&f);
    }
}

static void echo_never_sent(struct lab *l, struct flow *good)
{
    static const uint32_t echoes[] = {1, 0x7fffffff, 0x80000000, 0xffffffff};
    (void)good;
    for (size_t i = 0; i < 4; i++) {
        struct flow f;
        struct sok_tcp_info info;
        if (!open_ts(l, &f))
            return;
        for (int k = 0; k < 3; k++) {
            struct sok_iov iov = {(const uint8_t *)"x", 1};
            sok_tcp_send(f.c, &iov, 1, l->now);
            lab_wait(l, 10 * SOK_MS);
            uint32_t real = 0;
            flow_follow(&f);
            real = f.tsecr;
            f.tsecr = real + echoes[i];
            flow_ack(&f, f.rcv);
            f.tsecr = real;
        }
        sok_tcp_info(f.c, &info);
        EXPECT(l, info.rto <= 3 * SOK_S && info.srtt < SOK_S,
            "RTO is %lld ns after an echo off by %u", (long long)info.rto, echoes[i]);
        flow_abort(&f);
    }
    struct flow f; // on the SYN,ACK
    if (!flow_connect(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_SYN | F_ACK);
    t.options = (const uint8_t[]){2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0x12, 0x34, 0x56, 0x78};
    t.options_len = 16;
    flow_send(&f, &t);
    f.nxt++;
    struct sok_tcp_info info;
    sok_tcp_info(f.c, &info);
    EXPECT(l, info.rto <= 3 * SOK_S, "RTO is %lld ns", (long long)info.rto);
    flow_abort(&f);
}

static void ts_recent(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    uint8_t in[8];
    if (!open_ts(l, &f))
        return;
    struct flow far = f;
    far.tsval += 0x40000000;
    far.nxt -= 100000; // outside the window
    flow_data(&far, "evil", 4);
    far.nxt = f.nxt;
    far.rcv = f.rcv + 100000; // acks what was never sent
    flow_data(&far, "evil", 4);
    lab_wait(l, SOK_S);
    f.tsval++;
    flow_data(&f, "good", 4);
    EXPECT(l, flow_read(&f, in, 8) == 4 && memcmp(in, "good", 4) == 0, "TS.Recent moved");
    struct flow old = f;
    old.tsval -= 100;
    flow_data(&old, "old!", 4);
    EXPECT(l, flow_read(&f, in, 8) == 0, "PAWS let an old segment in");
    flow_follow(&f);
    lab_wait(l, INT64_C(25) * 86400 * SOK_S); // RFC 7323 5.5
    f.tsval -= 100;
    flow_data(&f, "next", 4);
    EXPECT(l, flow_read(&f, in, 8) == 4, "PAWS still believes a timestamp of 25 days ago");
    flow_abort(&f);
}

static void sack_blocks(struct lab *l, struct flow *good)
{
    static const uint8_t bytes[20000];
    static const int32_t edges[][2] = {{5000, 3000}, {-3000, -1000}, {100000, 101460}, {1460, 1460},
        {-1000, 3000}, {1460, 0x7fffffff}, {0, 1}, {3, 5}, {-0x7fffffff, 0x7fffffff},
        {19999, 20001}};
    static const uint8_t o[8] = {2, 4, 5, 0xb4, 4, 2, 1, 1};
    struct flow_options fo = {.options = o, .options_len = 8};
    struct flow f;
    (void)good;
    if (!flow_open(&f, l, &fo))
        return;
    struct sok_iov iov = {bytes, sizeof(bytes)};
    sok_tcp_send(f.c, &iov, 1, l->now);
    lab_pump(l);
    lab_forget(l);
    uint32_t una = f.rcv;
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        for (uint8_t len = 8; len <= 36; len++) { // also lengths that are not 8n + 2
            uint8_t s[40] = {1, 1, 5, len};
            for (size_t k = 4; k + 8 <= 36; k += 8) {
                put32(s + k, una + (uint32_t)edges[i][0]);
                put32(s + k + 4, una + (uint32_t)edges[i][1]);
            }
            struct tcp_fields t = flow_fields(&f, F_ACK);
            t.ack = una;
            t.options = s;
            t.options_len = 40;
            flow_send(&f, &t);
            lab_forget(l);
        }
        lab_check(l);
    }
    lab_wait(l, 2 * SOK_S);
    for (int i = 0; i < 100 && f.rcv - una < sizeof(bytes); i++) { // and it still delivers
        flow_follow(&f);
        flow_ack(&f, f.rcv);
        lab_wait(l, 300 * SOK_MS);
    }
    EXPECT(
        l, f.rcv - una == sizeof(bytes), "only %u bytes came after bad SACK blocks", f.rcv - una);
    flow_abort(&f);
}

static void flags_on_listener(struct lab *l, struct flow *good)
{
    (void)good;
    for (uint16_t flags = 0; flags < 4096; flags++) {
        struct tcp_fields t = {.ip = from_peer(),
            .sport = (uint16_t)(1000 + flags),
            .dport = LAB_PORT,
            .seq = 5,
            .ack = 9,
            .flags = flags,
            .window = 1000};
        lab_forget(l);
        craft_tcp(&l->packet, &t);
        lab_inject(l);
        EXPECT(l, l->got_all <= 1, "flags %03x: %u answers", flags, (unsigned)l->got_all);
        if (flags & F_RST)
            EXPECT(l, l->got_all == 0, "flags %03x: a reset was answered", flags);
        else if (flags & F_ACK)
            EXPECT(
                l, got_flags(l, F_RST) == 1 && l->got[0].seq == 9, "flags %03x: no reset", flags);
        else if (!(flags & F_SYN))
            EXPECT(l, l->got_all == 0, "flags %03x: answered", flags);
    }
}

static void flags_when_open(struct lab *l, struct flow *good)
{
    for (uint16_t flags = 0; flags < 4096; flags++) {
        struct tcp_fields t = flow_fields(good, flags);
        if (flags & F_RST)
            t.seq--; // an exact one may reset
        else if (flags & F_ACK)
            continue; // RFC's table, other cases
        if ((flags & F_FIN) && (flags & F_ACK))
            continue;
        t.data = "evil";
        t.len = 4;
        flow_send(good, &t);
        EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "flags %03x changed the state", flags);
        char in[8];
        EXPECT(l, flow_read(good, in, 8) == 0, "flags %03x: data without ACK was taken", flags);
        EXPECT(l, l->got_all <= 1, "flags %03x: %u answers", flags, (unsigned)l->got_all);
        flow_follow(good);
    }
}

static void port_zero(struct lab *l, struct flow *good)
{
    (void)good;
    for (int which = 0; which < 3; which++) {
        for (uint16_t flags = 0; flags < 64; flags++) {
            struct tcp_fields t = {.ip = from_peer(),
                .sport = which == 1 ? 5000 : 0,
                .dport = which == 0 ? LAB_PORT : 0,
                .seq = 5,
                .ack = 9,
                .flags = flags,
                .window = 1000};
            lab_forget(l);
            craft_tcp(&l->packet, &t);
            lab_inject(l);
            EXPECT(l, l->got_all <= 1 && got_flags(l, F_SYN | F_ACK) == 0, "port 0 was answered");
        }
    }
}

static void urgent(struct lab *l, struct flow *good)
{
    static const uint16_t pointers[] = {0, 1, 4, 5, 100, 30000, 65535};
    char in[16];
    for (size_t i = 0; i < sizeof(pointers) / 2; i++) {
        for (int k = 0; k < 2; k++) { // the second slides backwards
            struct tcp_fields t = flow_fields(good, F_ACK | F_URG);
            t.urgent = k ? pointers[i] / 2 : pointers[i];
            t.data = "urge";
            t.len = 4;
            flow_send(good, &t);
            good->nxt += 4;
            int64_t n = flow_read(good, in, sizeof(in));
            EXPECT(l, n == 4 && memcmp(in, "urge", 4) == 0, "pointer %u: read %lld", pointers[i],
                (long long)n);
            t = flow_fields(good, F_ACK | F_URG); // without data
            t.urgent = pointers[i];
            flow_send(good, &t);
            flow_follow(good);
        }
    }
}

static void urgent_elsewhere(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    struct tcp_fields syn = {.ip = from_peer(),
        .sport = 4000,
        .dport = LAB_PORT,
        .seq = 5,
        .flags = F_SYN | F_URG,
        .window = 1000,
        .urgent = 65535};
    craft_tcp(&l->packet, &syn);
    lab_inject(l);
    if (!flow_open(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_ACK | F_URG | F_FIN);
    t.urgent = 65535;
    t.data = "last";
    t.len = 4;
    flow_send(&f, &t);
    f.nxt += 5;
    EXPECT(l, flow_state(&f) == SOK_TCP_CLOSE_WAIT, "a FIN with URG was not taken");
    t = flow_fields(&f, F_ACK | F_URG); // in CLOSE-WAIT
    t.urgent = 9;
    t.data = "late";
    t.len = 4;
    flow_send(&f, &t);
    char in[16];
    EXPECT(l, flow_read(&f, in, 16) == 4 && memcmp(in, "last", 4) == 0, "wrong bytes");
    EXPECT(l, flow_read(&f, in, 16) == -1000, "no end of stream");
    flow_abort(&f);
}

const struct hostile_case cases_options[] = {
    {"24-data-offset", data_offset, NULL},
    {"25-malformed-options", malformed_options, NULL},
    {"26-mss-values", mss_values, NULL},
    {"26-mss-shapes", mss_shapes, NULL},
    {"27-no-mss", no_mss, NULL},
    {"28-window-scale", window_scale, NULL},
    {"28-unasked-options", unasked_options, no_scaling},
    {"29-timestamps-odd", timestamps_odd, NULL},
    {"30-echo-never-sent", echo_never_sent, NULL},
    {"31-ts-recent", ts_recent, NULL},
    {"32-sack-blocks", sack_blocks, NULL},
    {"33-auth-options", auth_options, NULL},
    {"34-odd-options", odd_options, NULL},
    {"35-flags-on-listener", flags_on_listener, NULL},
    {"35-flags-when-open", flags_when_open, NULL},
    {"36-port-zero", port_zero, NULL},
    {"37-urgent", urgent, NULL},
    {"37-urgent-elsewhere", urgent_elsewhere, NULL},
    {NULL, NULL, NULL},
};
