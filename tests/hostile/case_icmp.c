// ICMP: short messages, lying quotes, errors that must not end a connection, floods.
#include "tests/hostile/hostile.h"

#include <string.h>

// An ICMP error quoting a segment of the stack's: IP header and 8 bytes.
static void quote(
    struct lab *l, const struct flow *f, uint8_t type, uint8_t code, uint32_t rest, uint32_t seq)
{
    static struct packet q;
    struct tcp_fields t = {.ip = {.src = LAB_ADDR, .dst = f->peer},
        .sport = f->stack_port,
        .dport = f->port,
        .seq = seq,
        .ack = f->nxt,
        .flags = F_ACK,
        .window = 1000};
    craft_tcp(&q, &t);
    struct ip_fields ip = from_peer();
    craft_icmp(&l->packet, &ip, type, code, rest, q.b + IP_AT, 28);
}

static void echo_short(struct lab *l, struct flow *good)
{
    (void)good;
    struct ip_fields ip = from_peer();
    static const uint8_t echo[8] = {8};
    for (size_t len = 0; len < 8; len++) {
        craft_ip(&l->packet, &ip, 1, echo, len);
        expect_silence(l, "a short echo request");
    }
}

static void echo_huge(struct lab *l, struct flow *good)
{
    (void)good;
    struct ip_fields ip = from_peer();
    static const size_t sizes[] = {1472, 1473, 5000, 65507};
    for (size_t i = 0; i < 4; i++) {
        lab_forget(l);
        craft_icmp(&l->packet, &ip, 8, 0, 1, NULL, sizes[i]);
        lab_inject(l);
        lab_wait(l, 5 * SOK_MS);
        size_t frames = (sizes[i] + 8 + 1479) / 1480, bytes = 0;
        for (unsigned k = 0; k < l->got_count; k++)
            bytes += l->got[k].len + (l->got[k].frag ? 0 : 8);
        EXPECT(l, l->got_all == frames && bytes == sizes[i] + 8, "%u frames with %zu bytes answer",
            (unsigned)l->got_all, bytes);
    }
}

static void quote_short(struct lab *l, struct flow *good)
{
    for (size_t len = 0; len < 28; len++) {
        quote(l, good, 3, 3, 0, good->rcv);
        l->packet.len = IP_AT + 20 + 8 + len;
        put16(l->packet.b + IP_AT + 2, (uint32_t)(28 + len));
        craft_sums(&l->packet);
        expect_silence(l, "an error with a cut quote");
    }
    for (uint8_t first = 0; first != 0xff; first += 0x11) {
        quote(l, good, 3, 3, 0, good->rcv);
        l->packet.b[IP_AT + 28] = first; // version and IHL of the quote
        craft_sums(&l->packet);
        expect_silence(l, "an error with a lying quote");
    }
    quote(l, good, 3, 3, 0, good->rcv);
    put32(l->packet.b + IP_AT + 28 + 12, 0xc0000299); // somebody else's packet
    craft_sums(&l->packet);
    expect_silence(l, "an error about another's packet");
    EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "the connection ended");
}

static void too_big(struct lab *l, struct flow *good)
{
    static const uint16_t mtus[] = {0, 1, 67, 68, 69, 552, 1500, 65535};
    static const uint8_t bytes[8000];
    for (size_t i = 0; i < sizeof(mtus) / 2; i++) {
        struct sok_iov iov = {bytes, 2000};
        lab_forget(l);
        sok_tcp_send(good->c, &iov, 1, l->now);
        lab_pump(l);
        for (int wrong = 1; wrong >= 0; wrong--) {
            quote(l, good, 3, 4, mtus[i], wrong ? good->rcv - 100000 : good->rcv);
            lab_inject(l);
        }
        flow_follow(good);
        flow_ack(good, good->rcv);
        flow_follow(good);
        flow_ack(good, good->rcv);
        EXPECT(l, !good->c || flow_state(good) == SOK_TCP_ESTABLISHED, "the connection ended");
    }
    struct sok_iov iov = {bytes, sizeof(bytes)};
    lab_forget(l);
    sok_tcp_send(good->c, &iov, 1, l->now);
    for (int i = 0; i < 10; i++) {
        lab_pump(l);
        EXPECT(l, l->got_all < 60, "%u frames for %zu bytes: a believed MTU is too small",
            (unsigned)l->got_all, sizeof(bytes));
        flow_follow(good);
        flow_ack(good, good->rcv);
    }
    flow_follow(good);
}

static void hard_errors(struct lab *l, struct flow *good)
{
    for (uint8_t code = 0; code < 16; code++) {
        struct sok_iov iov = {(const uint8_t *)"x", 1};
        lab_forget(l);
        sok_tcp_send(good->c, &iov, 1, l->now);
        lab_pump(l);
        if (code != 4) {
            quote(l, good, 3, code, 0, good->rcv); // in flight
            lab_inject(l);
            quote(l, good, 3, code, 0, good->rcv + 100000);
            lab_inject(l);
            quote(l, good, 12, 0, 0, good->rcv);
            lab_inject(l);
            quote(l, good, 11, 0, 0, good->rcv);
            lab_inject(l);
        }
        flow_follow(good);
        flow_ack(good, good->rcv);
        EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "code %u ended the connection", code);
        sok_tcp_error(good->c); // a soft error may be told
    }
}

static void refused_open(struct lab *l, struct flow *good)
{
    (void)good;
    struct flow f;
    if (!flow_connect(&f, l, NULL))
        return;
    quote(l, &f, 3, 3, 0, f.iss + 5000);
    lab_inject(l);
    EXPECT(l, flow_state(&f) == SOK_TCP_SYN_SENT, "an error about another segment ended it");
    quote(l, &f, 3, 3, 0, f.iss);
    lab_inject(l);
    int err = sok_tcp_error(f.c);
    EXPECT(l, flow_state(&f) == SOK_TCP_SYN_SENT || err == SOK_EREFUSED, "error %d", err);
    flow_abort(&f);
}

static void ignored_types(struct lab *l, struct flow *good)
{
    static const uint8_t types[] = {4, 5, 9, 10, 13, 14, 15, 16, 17, 18, 30, 40, 255, 0};
    for (size_t i = 0; i < sizeof(types); i++) {
        for (uint8_t code = 0; code < 4; code++) {
            quote(l, good, types[i], code, 0xc0000263, good->rcv);
            expect_silence(l, "an ICMP message nobody needs");
        }
    }
}

static void no_errors_about(struct lab *l, struct flow *good)
{
    make_kind(&l->packet, KIND_UDP, good);
    memset(l->packet.b, 0xff, 6);
    expect_silence(l, "a datagram in a broadcast frame");
    make_kind(&l->packet, KIND_UDP, good);
    put16(l->packet.b + IP_AT + 6, 100);
    craft_ip_sum(&l->packet);
    expect_silence(l, "a later fragment");
    quote(l, good, 3, 3, 0, good->rcv);
    l->packet.b[IP_AT + 28 + 9] = 1; // quotes ICMP
    craft_sums(&l->packet);
    expect_silence(l, "an error about ICMP");
    struct ip_fields ip = {.src = LAB_PEER, .dst = LAB_ADDR | 255};
    craft_icmp(&l->packet, &ip, 8, 0, 1, "all", 3);
    expect_silence(l, "an echo request to all");
}

static void closed_port_flood(struct lab *l, struct flow *good)
{
    (void)good;
    struct ip_fields ip = from_peer();
    lab_forget(l);
    for (uint16_t i = 0; i < 1000; i++) {
        craft_udp(&l->packet, &ip, 5000, (uint16_t)(10000 + i), "x", 1);
        lab_inject(l);
    }
    EXPECT(l, l->got_all >= 1 && l->got_all <= 20, "%u ICMP errors at one instant",
        (unsigned)l->got_all);
    lab_wait(l, SOK_S);
    lab_forget(l);
    craft_udp(&l->packet, &ip, 5000, 10000, "x", 1);
    lab_inject(l);
    const struct got *g = got_only(l);
    EXPECT(l, g && g->icmp_type == 3 && g->icmp_code == 3, "no port unreachable any more");
}

const struct hostile_case cases_icmp[] = {
    {"17-echo-short", echo_short, NULL},
    {"17-echo-huge", echo_huge, NULL},
    {"18-quote-short", quote_short, NULL},
    {"19-too-big", too_big, NULL},
    {"20-errors-when-established", hard_errors, NULL},
    {"20-error-when-opening", refused_open, NULL},
    {"21-ignored-types", ignored_types, NULL},
    {"22-no-errors-about", no_errors_about, NULL},
    {"23-closed-port-flood", closed_port_flood, NULL},
    {NULL, NULL, NULL},
};
