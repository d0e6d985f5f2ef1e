// The notation: text to line and back gives the same text; events give the lines that people are promised.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "base/err.h"
#include "host/notation.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

static void body_of(const char *text, bool utf8, char *out)
{
    struct sok_line l;
    struct sok_line_text t;
    char err[SOK_LINE_ERR_MAX];
    if (sok_line_parse(text, &l, err) != 0)
        fail_msg("'%s': %s", text, err);
    sok_line_text(&l, utf8, true, &t);
    // One space between the columns, two before the reason.
    snprintf(out, SOK_LINE_MAX, "%s%s%s %s%s%s", t.kind, *t.tag ? " " : "", t.tag, t.body,
        *t.reason ? "  " : "", t.reason);
}

static const char *const same[] = {
    "in  ← SYN,ACK  seq 0 ack 1 win 65160 mss 1460 sackOK TS 0 0 wscale 7  handshake done, rtt 71 "
    "ms",
    "out → SYN      seq 0 win 64240 mss 1460 sackOK TS 0 wscale 7  open",
    "out → @2 FIN,PSH,ACK seq 1 ack 1 len 5 win 64256 \"ab\\n\\\"\\x00\"  close",
    "out → PSH,ACK  seq 1 ack 1 len 65160 (45×1448)  data",
    "out → PSH,ACK  seq 1 ack 1 len 1500 (1×1448+52) \"GET / HTTP/1.1\"…  data",
    "in  ← ACK      seq 1 ack 1449 win 65160 TS 12 7 sack 2897-4345,5793-7241  duplicate ack, "
    "sacks 1448",
    "in  ← ACK      ack 1 badsum  dropped: tcp: bad checksum",
    "in  ← RST      192.0.2.1:80 > 192.0.2.2:49152 seq 1",
    "in  ← ACK      ack 1 options nop,nop,TS ttl 3 tos 16 df 0 badipsum",
    "in  ← null     seq 1",
    "out → DATA     seq 1 len 10",
    "in  ← UDP      192.0.2.1:53 > 192.0.2.2:4000 len 3 \"abc\"  delivered",
    "in  ← ICMP     port unreachable 192.0.2.1 > 192.0.2.2 quoting UDP 192.0.2.2:4000 > "
    "192.0.2.1:53",
    "in  ← ICMP     fragmentation needed 192.0.2.1 > 192.0.2.2 mtu 1400 quoting seq 1",
    "out → ICMP     echo request 192.0.2.2 > 192.0.2.1 id 7 seq 1 len 56  ping",
    "in  ← ICMP     192.0.2.1 > 192.0.2.2 type 42 code 3",
    "out → ARP      who has 192.0.2.1 tell 192.0.2.2  who has",
    "in  ← ARP      192.0.2.1 is at 02:00:00:00:00:01  neighbour learned",
    "in  ← IP       192.0.2.1 > 192.0.2.2 proto 99 id 4 len 100 off 8 more",
    "in  ← ETH      type 35020 len 46",
    "in  ← hex      0200000000",
    "in  ← hex      len 60 0200000000",
    "state SYN-SENT → ESTABLISHED",
    "rtt 71 µs srtt 71 µs rttvar 35.5 ms rto 1.2 s",
    "cwnd 14480 ssthresh none",
    "cwnd 1448 ssthresh 7240  again: timeout",
    "loss seq 1 len 1448  again: timeout",
    "held 1000 bytes  Nagle",
    "held 1 byte  Nagle",
    "error   Connection refused",
    "lost 12 events",
    "call connect 192.0.2.1:80 from 192.0.2.2:49152",
    "call @b listen :80 backlog 5",
    "call send 1000 = 500",
    "call send \"abc\"",
    "call recv 4096 = 0  end of stream",
    "call connect 203.0.113.1:80  Network is unreachable",
    "call option nodelay on",
    "call sendto 192.0.2.1:53 \"abc\" from 192.0.2.2:4000",
    "call udp :53",
    "call ping 192.0.2.1 56",
    "call close",
};

static void test_same_text(void **state)
{
    (void)state;
    char first[SOK_LINE_MAX], second[SOK_LINE_MAX];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        body_of(same[i], true, first);
        assert_string_equal(first, same[i]);
        body_of(same[i], false, second); // and through ASCII
        for (const char *p = second; *p; p++)
            assert_true((unsigned char)*p < 0x80);
        body_of(second, true, first);
        assert_string_equal(first, same[i]);
    }
}

// What may be written otherwise, and what it means.
static const char *const other[][2] = {
    {"out   SYN  seq 0    win 64240    open", "out → SYN      seq 0 win 64240  open"},
    {"out -> ACK   ack at once", "out → ACK  ack at once"},
    {"out → ACK  ack 1 seq 1  ack, gap", "out → ACK      seq 1 ack 1  ack, gap"},
    {"in ✗ ACK,PSH   len 5", "in  ← PSH,ACK  len 5"},
    {"in x RST,ACK", "in  ← RST,ACK"},
    {"rtt 0.071", "rtt 71 ms"},
    {"held Nagle", "held   Nagle"},
    {"in ← ACK ack 1 sack 5-9,10-20", "in  ← ACK      ack 1 sack 5-9,10-20"},
    {"state LAST-ACK -> CLOSED", "state LAST-ACK → CLOSED"},
};

static void test_other_text(void **state)
{
    (void)state;
    char got[SOK_LINE_MAX];
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        body_of(other[i][0], true, got);
        assert_string_equal(got, other[i][1]);
    }
}

static const char *const wrong[] = {
    "",
    "inn ACK",
    "in",
    "in ← SIN",
    "in ← SYN,",
    "in ← ACK ack x",
    "in ← ACK ack 1 foo 2",
    "in ← ACK ack 1 len",
    "in ← ACK len 5 \"abc",
    "in ← ACK len 5 \"\\q\"",
    "in ← ARP who is 192.0.2.1",
    "in ← ARP 192.0.2.1 is at 02:00:00:00:00",
    "in ← hex 0",
    "in ← hex 0g",
    "state OPEN → CLOSED",
    "state LISTEN",
    "call fly",
    "call connect",
    "call connect 192.0.2.1",
    "call connect 192.0.2.1:99999",
    "call send",
    "call ping 192.0.2.1:80",
    "call option nodelay",
    "in @abcdefghijklmnopqrstuvwxyz ACK",
};

static void test_wrong_text(void **state)
{
    (void)state;
    struct sok_line l;
    char err[SOK_LINE_ERR_MAX];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (sok_line_parse(wrong[i], &l, err) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_true(err[0]);
    }
}

// Cut anywhere and mutilated, lines are refused or taken, never worse (under the sanitizers).
static void test_any_text(void **state)
{
    (void)state;
    struct sok_line l;
    char err[SOK_LINE_ERR_MAX], text[SOK_LINE_MAX];
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        for (size_t n = 0; n <= strlen(same[i]); n++) {
            memcpy(text, same[i], n);
            text[n] = 0;
            sok_line_parse(text, &l, err);
            seed = seed * 1664525 + 1013904223;
            if (n)
                text[seed % n] = (char)(1 + (seed >> 8) % 255);
            if (sok_line_parse(text, &l, err) == 0) {
                struct sok_line_text t;
                char out[SOK_LINE_MAX];
                sok_line_text(&l, true, true, &t);
                sok_line_join(&t, 4, out);
            }
        }
    }
}

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *want, *got;
        bool ok;
    } cases[] = {
        {"out → ACK ack 1", "out → ACK seq 1 ack 1 win 500  ack at once", true},
        {"out → ACK ack 2", "out → ACK seq 1 ack 1", false},
        {"out → ACK ack 1  ack at once", "out → ACK ack 1  ack, gap", false},
        {"out → ACK", "out → PSH,ACK", false},
        {"out → DATA", "out → PSH,ACK", true},
        {"out → DATA", "out → ACK", true},
        {"out → DATA", "out → FIN,ACK", false},
        {"out → SYN mss 1460", "out → SYN seq 0", false},
        {"in ← ACK  acks 5", "in ← ACK  acks 5, rtt 20 ms", true},
        {"in ← ACK  rtt 20 ms", "in ← ACK  acks 5, rtt 20 ms", true},
        {"in ← ACK  rtt 20 us", "in ← ACK  acks 5, rtt 20 µs", true},
        {"in ← ACK  acks 6", "in ← ACK  acks 5, rtt 20 ms", false},
        {"in ← ACK  acks", "in ← ACK  acks 5, rtt 20 ms", false},
        {"out → DATA \"GET\"…", "out → ACK len 40 \"GET / HTTP/1.1\"…", true},
        {"out → DATA \"GET\"", "out → ACK len 40 \"GET / HTTP/1.1\"", false},
        {"out → DATA \"GET / HTTP/1.1\\r\\n\"", "out → ACK len 40 \"GET / HTTP/1.1\"…", true},
        {"rtt 20 ms", "rtt 20 ms srtt 20 ms", true},
        {"rtt 20 ms srtt 21 ms", "rtt 20 ms srtt 20 ms", false},
        {"state LAST-ACK → CLOSED", "state LAST-ACK → CLOSED", true},
        {"held  Nagle", "held 1000 bytes  Nagle", true},
        {"out → UDP", "out → ACK", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sok_line want, got;
        char err[SOK_LINE_ERR_MAX];
        assert_int_equal(sok_line_parse(cases[i].want, &want, err), 0);
        assert_int_equal(sok_line_parse(cases[i].got, &got, err), 0);
        bool ok = sok_line_match(&want, &got, err) == NULL;
        if (ok != cases[i].ok)
            fail_msg("%s / %s", cases[i].want, cases[i].got);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {{"71 µs", 71000}, {"71us", 71000}, {"20.071 ms", 20071000}, {"1.5s", 1500000000},
        {"2", 2000000000}, {"0.2", 200000000}, {"3m", 180000000000}, {"1h", 3600000000000},
        {"1.5m", 90000000000}, {"5ns", 5}};
    char text[SOK_DURATION_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *p = cases[i].text;
        int64_t ns;
        assert_true(sok_duration_parse(&p, &ns));
        assert_int_equal(ns, cases[i].ns);
        assert_int_equal(*p, 0);
        p = sok_duration_format(ns, true, text);
        int64_t again;
        assert_true(sok_duration_parse(&p, &again));
        assert_int_equal(again, ns / 1000 * 1000);
    }
}

// ---- events ----

// An event of a TCP segment with an Ethernet and an IPv4 header, from us (out) or to us.
static struct sok_event segment(bool out, uint32_t conn, uint32_t seq, uint32_t ack, uint16_t flags,
    const struct sok_tcp_opts *o, const char *payload)
{
    struct sok_event e = {
        .now = 5000000000, .conn = conn, .kind = out ? SOK_EVENT_OUT : SOK_EVENT_IN};
    uint8_t options[40], *p = e.packet.snap;
    size_t n = o ? sok_tcp_opts_put(options, o) : 0, len = strlen(payload);
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP4};
    struct sok_ip4_hdr ip = {.version = 4,
        .ihl = 5,
        .ttl = 64,
        .proto = SOK_IPPROTO_TCP,
        .len = (uint16_t)(40 + n + len),
        .src = out ? 0xc0000202 : 0xc0000201,
        .dst = out ? 0xc0000201 : 0xc0000202};
    struct sok_tcp_hdr tcp = {.sport = out ? 49152 : 80,
        .dport = out ? 80 : 49152,
        .seq = seq,
        .ack = ack,
        .dataofs = (uint8_t)(5 + n / 4),
        .flags = flags,
        .window = 500};
    sok_eth_hdr_put(p, &eth);
    sok_ip4_hdr_put(p + 14, &ip);
    sok_tcp_hdr_put(p + 34, &tcp);
    memcpy(p + 54, options, n);
    memcpy(p + 54 + n, payload, len);
    e.packet.snap_len = (uint16_t)(54 + n + len);
    e.packet.len = e.packet.snap_len;
    return e;
}

static void text_of(struct sok_notation *n, const struct sok_event *e, char *out)
{
    struct sok_line l;
    struct sok_line_text t;
    sok_notation_line(n, e, &l);
    sok_line_text(&l, true, false, &t);
    sok_line_join(&t, sok_notation_tags(n) > 1 ? 4 : 0, out);
}

static void test_handshake(void **state)
{
    (void)state;
    struct sok_notation *n = sok_notation_new();
    char out[SOK_LINE_MAX];
    struct sok_tcp_opts syn = {.has_mss = true,
        .mss = 1460,
        .sack_ok = true,
        .has_ts = true,
        .tsval = 777,
        .has_wscale = true,
        .wscale = 7};
    struct sok_event call = {.now = 5000000000, .conn = 3, .kind = SOK_EVENT_CALL};
    call.call.call = SOK_CALL_CONNECT;
    call.call.has_remote = call.call.has_local = true;
    call.call.remote = (struct sok_endpoint){.addr = sok_addr_v4(0xc0000201), .port = 80};
    call.call.local = (struct sok_endpoint){.addr = sok_addr_v4(0xc0000202), .port = 49152};
    call.call.amount = -1;
    call.call.result = SOK_EINPROGRESS;
    text_of(n, &call, out);
    assert_string_equal(out, "  0.000000  call   connect 192.0.2.1:80 from 192.0.2.2:49152");

    struct sok_event e = segment(true, 3, 9000, 0, SOK_TCP_SYN, &syn, "");
    e.now += 31000;
    e.packet.reason = SOK_REASON_OPEN;
    text_of(n, &e, out);
    assert_string_equal(out,
        "  0.000031  out →  SYN      seq 0 win 500 mss 1460 sackOK TS 0 wscale 7"
        "     open");

    syn.tsval = 5;
    syn.tsecr = 777;
    e = segment(false, 3, 4294967295u, 9001, SOK_TCP_SYN | SOK_TCP_ACK, &syn, "");
    e.packet.has_base = true;
    e.packet.seq_base = 4294967295u;
    e.packet.ack_base = 9000;
    e.packet.effects = SOK_EFFECT_ESTABLISHED;
    struct sok_line l, rtt;
    sok_notation_line(n, &e, &l);
    struct sok_event r = {.now = e.now, .conn = 3, .kind = SOK_EVENT_RTT};
    r.rtt.sample = 71000;
    sok_notation_line(n, &r, &rtt);
    assert_true(sok_line_merge(&l, &rtt));
    struct sok_line_text t;
    sok_line_text(&l, true, false, &t);
    sok_line_join(&t, 0, out);
    assert_string_equal(out,
        "  0.000000  in  ←  SYN,ACK  seq 0 ack 1 win 500 mss 1460 sackOK TS 0 0 wscale 7"
        "  handshake done, rtt 71 µs");

    // Numbers run over 2^32; what follows from before is left out.
    struct sok_tcp_opts ts = {.has_ts = true, .tsval = 778, .tsecr = 5};
    e = segment(true, 3, 9001, 0, SOK_TCP_ACK, &ts, "");
    e.packet.win_shift = 7;
    e.packet.reason = SOK_REASON_HANDSHAKE;
    text_of(n, &e, out);
    assert_string_equal(out, "  0.000000  out →  ACK      ack 1 win 64000"
                             "                                 handshake done");
    ts = (struct sok_tcp_opts){.has_ts = true, .tsval = 6, .tsecr = 778};
    e = segment(
        false, 3, 0, 9001, SOK_TCP_PSH | SOK_TCP_ACK, &ts, "HTTP/1.1 200 OK\r\nServer: x\r\n");
    e.packet.win_shift = 7;
    e.packet.effects = SOK_EFFECT_DATA;
    e.packet.data = 28;
    text_of(n, &e, out);
    assert_string_equal(out,
        "  0.000000  in  ←  PSH,ACK  seq 1 ack 1 len 28 win 64000 \"HTTP/1.1 200 OK\"…"
        "  28 new bytes");

    struct sok_event s = {.now = e.now, .conn = 9, .kind = SOK_EVENT_STATE};
    s.state.from = SOK_TCP_SYN_SENT;
    s.state.to = SOK_TCP_ESTABLISHED;
    text_of(n, &s, out);
    assert_string_equal(out, "  0.000000  state  @2  SYN-SENT → ESTABLISHED");
    sok_notation_free(n);
}

// Every event of any bytes at every length makes a line.
static void test_any_bytes(void **state)
{
    (void)state;
    struct sok_notation *n = sok_notation_new();
    struct sok_tcp_opts o = {.has_mss = true, .has_ts = true, .sack_count = 2};
    struct sok_event whole = segment(false, 1, 1, 1, SOK_TCP_ACK, &o, "abc");
    char out[SOK_LINE_MAX], err[SOK_LINE_ERR_MAX];
    uint32_t seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        struct sok_event e = whole;
        seed = seed * 1664525 + 1013904223;
        e.conn = (seed >> 8) % 500;
        e.packet.snap_len = (uint16_t)(i % (e.packet.snap_len + 1u));
        e.packet.snap[(seed >> 12) % 70] = (uint8_t)(seed >> 24);
        e.packet.snap[12] = i % 7 ? 8 : (uint8_t)(seed >> 20);
        e.packet.drop = (uint8_t)((seed >> 5) % SOK_DROP_COUNT);
        e.packet.effects = seed & ((1u << SOK_EFFECT_BIT_COUNT) - 1);
        text_of(n, &e, out);
        struct sok_line l;
        // What is shown can be read again.
        if (sok_line_parse(out + 12, &l, err) != 0)
            fail_msg("'%s': %s", out, err);
        if (i % 50 == 0) {
            struct sok_event s = {.conn = e.conn, .kind = SOK_EVENT_STATE};
            s.state.to = SOK_TCP_CLOSED;
            text_of(n, &s, out);
        }
    }
    sok_notation_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_text),
        cmocka_unit_test(test_other_text),
        cmocka_unit_test(test_wrong_text),
        cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
