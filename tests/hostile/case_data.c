// Data, windows, resources.
#include "tests/hostile/hostile.h"

#include <string.h>

static void data_at(struct flow *f, uint32_t offset, const void *data, size_t len)
{
    struct tcp_fields t = flow_fields(f, F_ACK | F_PSH);
    t.seq = f->nxt + offset;
    t.data = data;
    t.len = len;
    flow_send(f, &t);
}

static void overlap(struct lab *l, struct flow *good)
{
    char in[16] = "";
    data_at(good, 4, "EFGH", 4); // early; the first to arrive wins
    data_at(good, 2, "cdefgh", 6);
    data_at(good, 6, "ghij", 4);
    data_at(good, 4, "....", 4);
    data_at(good, 0, "ABcd", 4);
    int64_t n = flow_read(good, in, sizeof(in));
    EXPECT(l, n == 10 && memcmp(in, "ABcdEFGHij", 10) == 0, "%lld bytes: %.10s", (long long)n, in);
    good->nxt += 10;
    for (uint32_t len = 1; len < 10; len++) // the same number, other lengths
        data_at(good, 3, "0123456789", len);
    data_at(good, 0, "abc", 3);
    n = flow_read(good, in, sizeof(in));
    EXPECT(l, n == 12 && memcmp(in, "abc012345678", 12) == 0, "%lld bytes", (long long)n);
    good->nxt += 12;
    flow_follow(good);
}

static void small_gaps(struct lab *l, struct flow *good)
{
    static uint8_t bytes[60000];
    size_t most = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    for (int order = 0; order < 2; order++) {
        for (uint32_t i = 1; i < sizeof(bytes); i += 2) { // every other byte
            uint32_t at = order ? sizeof(bytes) - i : i;
            data_at(good, at, bytes + at, 1);
            lab_forget(l);
            most = l->memory.bytes > most ? l->memory.bytes : most;
        }
    }
    EXPECT(l, most < l->base_bytes + 2000000, "gaps hold %zu bytes", most);
    lab_check(l);
    for (uint32_t at = 0; at < sizeof(bytes); at += 1000)
        data_at(good, at, bytes + at, 1000);
    static uint8_t in[sizeof(bytes)];
    size_t sum = 0;
    for (int64_t n; sum < sizeof(in) && (n = flow_read(good, in + sum, sizeof(in) - sum)) > 0;)
        sum += (size_t)n;
    EXPECT(l, sum == sizeof(in) && memcmp(in, bytes, sum) == 0, "%zu bytes after gaps", sum);
    good->nxt += sizeof(bytes);
    flow_follow(good);
}

static void reversed(struct lab *l, struct flow *good)
{
    static uint8_t bytes[60000], in[60000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 11);
    for (uint32_t at = sizeof(bytes); at > 0; at -= 500)
        data_at(good, at - 500, bytes + at - 500, 500);
    size_t sum = 0;
    for (int64_t n; sum < sizeof(in) && (n = flow_read(good, in + sum, sizeof(in) - sum)) > 0;)
        sum += (size_t)n;
    EXPECT(l, sum == sizeof(in) && memcmp(in, bytes, sum) == 0, "%zu bytes in reverse", sum);
    good->nxt += sizeof(bytes);
    flow_follow(good);
}

static void fins(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    char in[16];
    if (!flow_open(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_ACK | F_FIN); // before its data
    t.seq = f.nxt + 4;
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_ESTABLISHED, "an early FIN was taken");
    EXPECT(l, flow_read(&f, in, 16) == 0, "an early FIN ends the stream");
    t = flow_fields(&f, F_ACK | F_FIN); // below RCV.NXT
    t.seq = f.nxt - 10;
    t.len = 5;
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_ESTABLISHED, "an old FIN was taken");
    data_at(&f, 0, "last", 4);
    t = flow_fields(&f, F_ACK | F_FIN);
    t.seq = f.nxt + 4;
    flow_send(&f, &t);
    EXPECT(l, flow_state(&f) == SOK_TCP_CLOSE_WAIT, "state %s", sok_tcp_state_text(flow_state(&f)));
    for (int i = 0; i < 2; i++) { // again, and data behind it
        t.data = "over";
        t.len = i ? 4 : 0;
        t.seq = f.nxt + 4 + (uint32_t)i;
        flow_send(&f, &t);
    }
    data_at(&f, 5, "late", 4);
    data_at(&f, 4, "late", 4);
    EXPECT(l, flow_read(&f, in, 16) == 4 && memcmp(in, "last", 4) == 0, "wrong bytes");
    EXPECT(l, flow_read(&f, in, 16) == -1000 && flow_read(&f, in, 16) == -1000, "no end of stream");
    EXPECT(l, flow_state(&f) == SOK_TCP_CLOSE_WAIT, "state %s", sok_tcp_state_text(flow_state(&f)));
    flow_abort(&f);
}

// A FIN that came early ends the stream where it stands, whatever is claimed to follow it.
static void early_fin(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    char in[32];
    if (!flow_open(&f, l, NULL))
        return;
    struct tcp_fields t = flow_fields(&f, F_ACK | F_FIN);
    t.seq = f.nxt + 4;
    flow_send(&f, &t);
    data_at(&f, 6, "after", 5);
    data_at(&f, 2, "cd+more", 7);
    data_at(&f, 0, "abcd+more", 9);
    int64_t n = flow_read(&f, in, sizeof(in));
    EXPECT(l, n == 4 && memcmp(in, "abcd", 4) == 0, "%lld bytes: %.9s", (long long)n, in);
    EXPECT(l, flow_read(&f, in, sizeof(in)) == -1000, "no end of stream");
    EXPECT(l, flow_state(&f) == SOK_TCP_CLOSE_WAIT, "state %s", sok_tcp_state_text(flow_state(&f)));
    flow_abort(&f);
}

static void sack_splits(struct lab *l, struct flow *good)
{
    static const uint8_t o[8] = {2, 4, 0, 88, 4, 2, 1, 1};
    static const uint8_t bytes[40000];
    struct flow_options fo = {.options = o, .options_len = 8};
    struct flow f;
    (void)good;
    if (!flow_open(&f, l, &fo))
        return;
    struct sok_iov iov = {bytes, sizeof(bytes)};
    sok_tcp_setopt(f.c, SOK_TCP_SNDBUF, sizeof(bytes), l->now);
    sok_tcp_send(f.c, &iov, 1, l->now);
    uint32_t una = f.rcv;
    for (int round = 0; round < 300;
         round++) { // blocks of one byte split every segment, then merge
        lab_pump(l);
        uint8_t s[40] = {1, 1, 5, 34};
        for (uint32_t k = 0; k < 4; k++) {
            put32(s + 4 + 8 * k, una + 1 + (uint32_t)round * 8 + k * 2);
            put32(s + 8 + 8 * k, una + 2 + (uint32_t)round * 8 + k * 2);
        }
        struct tcp_fields t = flow_fields(&f, F_ACK);
        t.ack = una;
        t.options = s;
        t.options_len = 36;
        flow_send(&f, &t);
        lab_forget(l);
    }
    lab_check(l);
    EXPECT(
        l, l->memory.bytes < l->base_bytes + 2000000, "split segments hold %zu", l->memory.bytes);
    for (int i = 0; i < 2000 && f.rcv - una < sizeof(bytes); i++) {
        lab_wait(l, 50 * SOK_MS);
        flow_follow(&f);
        flow_ack(&f, f.rcv);
    }
    flow_follow(&f);
    EXPECT(l, f.rcv - una == sizeof(bytes), "only %u bytes came", f.rcv - una);
    flow_abort(&f);
}

static void peer_window(struct flow *f, uint16_t window)
{
    f->window = window;
    flow_ack(f, f->rcv);
}

static void windows(struct lab *l, struct flow *good)
{
    static const uint8_t bytes[30000];
    struct sok_iov iov = {bytes, sizeof(bytes)};
    peer_window(good, 0);
    lab_forget(l);
    sok_tcp_send(good->c, &iov, 1, l->now);
    lab_pump(l);
    EXPECT(l, l->got_all == 0, "sent into a closed window");
    lab_wait(l, 300 * SOK_S); // silence: probes, each later than the one before
    EXPECT(l, l->got_all >= 5 && l->got_all <= 40, "%u probes in 300 s", (unsigned)l->got_all);
    for (unsigned i = 0; i < l->got_count; i++)
        EXPECT(l, l->got[i].len <= 1, "a probe of %u bytes", l->got[i].len);
    EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "given up");
    uint32_t una = good->rcv;
    for (uint16_t w = 1; w < 60; w++) { // opens byte by byte: a fool's window
        lab_forget(l);
        peer_window(good, w);
        EXPECT(l, l->got_all == 0, "a segment of %u bytes for a window of %u", l->got[0].len, w);
    }
    good->window = 20000;
    peer_window(good, 20000);
    EXPECT(l, l->got_all >= 2, "nothing sent into an open window");
    lab_forget(l);
    good->rcv = una;
    peer_window(good, 100); // taken back below what is on the way
    EXPECT(l, l->got_all == 0, "new data beyond a window taken back");
    lab_wait(l, 3 * SOK_S);
    for (unsigned i = 0; i < l->got_count; i++)
        EXPECT(l, l->got[i].seq - una <= 20000, "new data beyond a window taken back");
    good->window = 65535;
    lab_forget(l);
    for (int i = 0; i < 100 && good->rcv - una < sizeof(bytes); i++) {
        flow_ack(good, good->rcv);
        lab_wait(l, SOK_S);
        flow_follow(good);
    }
    EXPECT(l, good->rcv - una == sizeof(bytes), "only %u bytes came", good->rcv - una);
    flow_ack(good, good->rcv);
}

static void sockstress(struct lab *l, struct flow *good)
{
    (void)good;
    static const uint8_t bytes[60000];
    enum { COUNT = 1000 };
    static struct flow f[COUNT];
    size_t before = l->memory.bytes;
    for (int i = 0; i < COUNT; i++) {
        struct flow_options o = {.window = 1};
        if (!flow_open(&f[i], l, &o))
            return;
    }
    EXPECT(l, l->memory.bytes - before < COUNT * 4000, "%zu bytes for an idle connection",
        (l->memory.bytes - before) / COUNT);
    for (int i = 0; i < COUNT; i++) {
        struct sok_iov iov = {bytes, 1000};
        sok_tcp_send(f[i].c, &iov, 1, l->now);
        peer_window(&f[i], 0);
        lab_forget(l);
        sok_tcp_close(f[i].c, l->now); // nobody waits for them any more
    }
    lab_wait(l, 2000 * SOK_S);
    struct sok_tcp_counts counts;
    sok_stack_counts(l->stack, &counts);
    EXPECT(l, counts.conns == 1, "%u connections left of silent peers", counts.conns - 1);
}

static void fin_wait_2(struct lab *l, struct flow *good)
{
    (void)good;
    for (int i = 0; i < 500; i++) {
        struct flow f;
        if (!flow_open(&f, l, NULL))
            return;
        sok_tcp_close(f.c, l->now);
        lab_pump(l);
        flow_follow(&f);
        flow_ack(&f, f.rcv); // and the FIN never comes
    }
    lab_wait(l, 200 * SOK_S);
    struct sok_tcp_counts counts;
    sok_stack_counts(l->stack, &counts);
    EXPECT(l, counts.conns == 1, "%u half-closed connections left", counts.conns - 1);
}

static void ack_division(struct lab *l, struct flow *good)
{
    static const uint8_t bytes[60000];
    struct sok_iov iov = {bytes, sizeof(bytes)};
    struct sok_tcp_info before, after;
    sok_tcp_info(good->c, &before);
    lab_forget(l);
    sok_tcp_send(good->c, &iov, 1, l->now);
    lab_pump(l);
    uint32_t una = good->rcv;
    for (uint32_t i = 1; i <= 1460; i++) // one ACK for each byte of one segment
        flow_ack(good, una + i);
    sok_tcp_info(good->c, &after);
    EXPECT(l, after.cwnd <= before.cwnd + 2 * 1460, "cwnd %u after %u by ACKs of single bytes",
        after.cwnd, before.cwnd);
    for (int i = 0; i < 1000; i++) // duplicate ACKs open nothing without limit
        flow_ack(good, una + 1460);
    uint64_t sent = 0;
    for (unsigned i = 0; i < l->got_count; i++)
        sent += l->got[i].len;
    EXPECT(l, sent <= 2 * sizeof(bytes), "%llu bytes sent for duplicate ACKs",
        (unsigned long long)sent);
    good->rcv = una;
    for (int i = 0; i < 200 && good->rcv - una < sizeof(bytes); i++) {
        flow_follow(good);
        flow_ack(good, good->rcv);
        lab_wait(l, 300 * SOK_MS);
    }
    EXPECT(l, good->rcv - una == sizeof(bytes), "only %u bytes came", good->rcv - una);
    flow_follow(good);
}

static void beyond_window(struct lab *l, struct flow *good)
{
    static const uint8_t bytes[1460];
    static uint8_t in[100000];
    struct sok_tcp_info info;
    sok_tcp_info(good->c, &info);
    uint32_t wnd = info.rcv_wnd, sent = 0;
    while (sent + 1460 <= wnd) {
        data_at(good, sent, bytes, 1460);
        sent += 1460;
        lab_forget(l);
    }
    data_at(good, sent, bytes, wnd - sent + 1); // one byte too many
    data_at(good, wnd, bytes, 1460);
    data_at(good, wnd + 1000000, bytes, 1460);
    EXPECT(l, l->got_all >= 1, "no ACK for data beyond the window");
    int64_t sum = 0;
    for (int64_t n; (n = sok_tcp_recv(good->c, in, sizeof(in), l->now)) > 0;)
        sum += n;
    EXPECT(l, sum <= (int64_t)wnd + 1460 && sum >= (int64_t)sent, "%lld bytes taken, window %u",
        (long long)sum, wnd);
    good->nxt += (uint32_t)sum;
    lab_pump(l);
    flow_follow(good);
}

static void wrap(struct lab *l, struct flow *good)
{
    (void)good;
    static const uint32_t iss[] = {
        0xffffffff, 0xfffffffe, 0xffffff00, 0x7fffffff, 0x7ffffff0, 0x80000000};
    static uint8_t bytes[3000], in[3000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 13);
    for (size_t i = 0; i < sizeof(iss) / sizeof(iss[0]); i++) {
        struct flow f;
        struct flow_options o = {.iss = iss[i]};
        if (!flow_open(&f, l, &o))
            return;
        for (uint32_t k = 0; k < 30; k++) { // pairs exchanged
            uint32_t at = (k ^ 1) * 100;
            data_at(&f, at, bytes + at, 100);
        }
        size_t sum = 0;
        for (int64_t n; (n = flow_read(&f, in + sum, sizeof(in) - sum)) > 0;)
            sum += (size_t)n;
        EXPECT(l, sum == sizeof(bytes) && memcmp(in, bytes, sum) == 0, "ISS %08x: %zu bytes",
            iss[i], sum);
        f.nxt += sizeof(bytes);
        struct tcp_fields t = flow_fields(&f, F_ACK | F_FIN);
        flow_send(&f, &t);
        EXPECT(l, flow_state(&f) == SOK_TCP_CLOSE_WAIT, "ISS %08x: no FIN", iss[i]);
        flow_abort(&f);
    }
}

// Closing with bytes unread resets (RFC 1122 4.2.2.13); data after close resets.
static void close_unread(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    if (!flow_open(&f, l, NULL))
        return;
    flow_data(&f, "unread", 6);
    lab_forget(l);
    sok_tcp_close(f.c, l->now);
    lab_pump(l);
    EXPECT(l, got_flags(l, F_RST) + got_flags(l, F_RST | F_ACK) == 1, "no reset for unread data");
    if (!flow_open(&f, l, NULL))
        return;
    sok_tcp_close(f.c, l->now);
    lab_pump(l);
    flow_follow(&f);
    flow_ack(&f, f.rcv);
    flow_data(&f, "late", 4);
    EXPECT(
        l, got_flags(l, F_RST) + got_flags(l, F_RST | F_ACK) == 1, "no reset for data after close");
}

const struct hostile_case cases_data[] = {
    {"50-overlap", overlap, NULL},
    {"50-small-gaps", small_gaps, NULL},
    {"50-reversed", reversed, NULL},
    {"51-fins", fins, NULL},
    {"51-early-fin", early_fin, NULL},
    {"52-sack-splits", sack_splits, NULL},
    {"54-windows", windows, NULL},
    {"55-sockstress", sockstress, NULL},
    {"55-fin-wait-2", fin_wait_2, NULL},
    {"56-ack-division", ack_division, NULL},
    {"58-beyond-window", beyond_window, NULL},
    {"59-wrap", wrap, NULL},
    {"close-unread", close_unread, NULL},
    {NULL, NULL, NULL},
};
