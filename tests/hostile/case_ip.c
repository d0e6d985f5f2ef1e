// IPv4 header and length lies; IP in IP; impossible addresses; UDP and ARP.
#include "tests/hostile/hostile.h"

#include <string.h>

static uint8_t *ip_of(struct lab *l)
{
    return l->packet.b + IP_AT;
}

static void ip_version(struct lab *l, struct flow *good)
{
    static const uint8_t versions[] = {0, 1, 3, 5, 6, 15};
    for (size_t i = 0; i < sizeof(versions); i++) {
        make_kind(&l->packet, KIND_ECHO, good);
        ip_of(l)[0] = (uint8_t)(versions[i] << 4 | 5);
        craft_sums(&l->packet);
        expect_silence(l, "a wrong IP version");
    }
}

static void ip_ihl_small(struct lab *l, struct flow *good)
{
    for (uint8_t ihl = 0; ihl < 5; ihl++) {
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            make_kind(&l->packet, k, good);
            ip_of(l)[0] = (uint8_t)(0x40 | ihl);
            craft_ip_sum(&l->packet);
            expect_silence(l, "an IHL under 5");
        }
    }
}

static void ip_ihl_large(struct lab *l, struct flow *good)
{
    for (size_t len = 20; len < 60; len++) {
        make_kind(&l->packet, KIND_ECHO, good);
        memset(l->packet.b + IP_AT + 20, 0, 60);
        ip_of(l)[0] = 0x4f;
        put16(ip_of(l) + 2, (uint32_t)len);
        l->packet.len = IP_AT + len;
        craft_ip_sum(&l->packet);
        expect_silence(l, "an IHL over the packet's end");
    }
}

static void ip_total_small(struct lab *l, struct flow *good)
{
    static const uint16_t totals[] = {0, 1, 19};
    for (size_t i = 0; i < 3; i++) {
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            make_kind(&l->packet, k, good);
            put16(ip_of(l) + 2, totals[i]);
            craft_ip_sum(&l->packet);
            expect_silence(l, "a total length under the header's");
        }
    }
}

static void ip_total_large(struct lab *l, struct flow *good)
{
    static const uint16_t more[] = {1, 8, 100, 30000};
    for (size_t i = 0; i < 4; i++) {
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            make_kind(&l->packet, k, good);
            put16(ip_of(l) + 2, (uint32_t)(l->packet.len - IP_AT + more[i]));
            craft_sums(&l->packet);
            expect_silence(l, "a total length over the frame's end");
        }
    }
}

static void ip_trailing(struct lab *l, struct flow *good)
{
    char in[64];
    for (size_t extra = 1; extra < 50; extra += 7) {
        struct tcp_fields t = flow_fields(good, F_ACK | F_PSH);
        t.data = "tail";
        t.len = 4;
        craft_tcp(&l->packet, &t);
        memset(l->packet.b + l->packet.len, 'X', extra);
        l->packet.len += extra;
        lab_inject(l);
        good->nxt += 4;
        int64_t n = flow_read(good, in, sizeof(in));
        EXPECT(l, n == 4 && memcmp(in, "tail", 4) == 0, "read %lld bytes", (long long)n);
    }
    flow_follow(good);
    make_kind(&l->packet, KIND_ECHO, good);
    memset(l->packet.b + l->packet.len, 'X', 30);
    l->packet.len += 30;
    lab_inject(l);
    const struct got *g = got_only(l);
    EXPECT(l, g && g->proto == 1 && g->len == 9, "the echo took trailing bytes");
}

static void ip_options(struct lab *l, struct flow *good)
{
    static const uint8_t options[][8] = {
        {131, 3, 0x27, 131, 3, 0x27, 0, 0}, // LSRR twice, pointer outside
        {137, 3, 4, 0, 0, 0, 0, 0},         // SSRR
        {131, 0, 4, 0, 0, 0, 0, 0},         // length 0
        {131, 1, 4, 0, 0, 0, 0, 0},         // length 1
        {7, 40, 4, 0, 0, 0, 0, 0},          // record route past the header
        {1, 1, 1, 1, 1, 1, 1, 131},         // a kind without a length
        {68, 4, 5, 0xf0, 68, 3, 1, 0},      // timestamps
        {1, 1, 1, 1, 1, 1, 1, 1},
        {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };
    (void)good;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct ip_fields ip = from_peer();
        ip.options = options[i];
        ip.options_len = 8;
        lab_forget(l);
        craft_icmp(&l->packet, &ip, 8, 0, 1, "x", 1);
        lab_inject(l);
        EXPECT(l, l->got_all <= 1, "%u answers to one packet", (unsigned)l->got_all);
        lab_forget(l);
        craft_udp(&l->packet, &ip, 5000, 9, "x", 1); // an ICMP error would quote the options
        lab_inject(l);
        EXPECT(l, l->got_all <= 1, "%u answers to one packet", (unsigned)l->got_all);
        lab_wait(l, 5 * SOK_MS);
    }
}

static void ip_in_ip(struct lab *l, struct flow *good)
{
    (void)good;
    static struct packet inner;
    struct ip_fields ip = from_peer();
    craft_icmp(&inner, &ip, 8, 0, 1, "inner", 5);
    for (int depth = 0; depth < 10; depth++) {
        struct packet *p = &l->packet;
        ip.frag = depth == 5 ? 0x2000 : 0;
        craft_ip(p, &ip, 4, inner.b + IP_AT, inner.len - IP_AT);
        lab_forget(l);
        lab_inject(l);
        const struct got *g = got_only(l);
        EXPECT(l, l->got_all == 0 || (g && g->icmp_type == 3 && g->icmp_code == 2),
            "IP in IP was answered");
        lab_wait(l, 5 * SOK_MS);
        inner = *p;
    }
}

static void ip_bad_sum(struct lab *l, struct flow *good)
{
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        make_kind(&l->packet, k, good);
        ip_of(l)[10] ^= 0x10;
        expect_silence(l, "a bad IP checksum");
        make_kind(&l->packet, k, good);
        l->packet.b[l->packet.len - 1] ^= 0x10;
        expect_silence(l, "a bad transport checksum");
    }
}

static void udp_no_sum(struct lab *l, struct flow *good)
{
    (void)good;
    struct sok_udp *u;
    struct sok_endpoint at = {.port = 53}, from;
    char in[16];
    EXPECT(l, sok_udp_open(l->stack, &at, &u) == 0, "no UDP socket");
    struct ip_fields ip = from_peer();
    craft_udp(&l->packet, &ip, 5000, 53, "sum 0", 5);
    put16(l->packet.b + IP_AT + 26, 0);
    lab_inject(l);
    int64_t n = sok_udp_recvfrom(u, in, sizeof(in), &from, l->now);
    EXPECT(l, n == 5 && memcmp(in, "sum 0", 5) == 0, "a datagram without a sum gave %lld",
        (long long)n);
    craft_udp(&l->packet, &ip, 5000, 53, "sum ?", 5);
    l->packet.b[IP_AT + 26] ^= 1;
    lab_inject(l);
    n = sok_udp_recvfrom(u, in, sizeof(in), &from, l->now);
    EXPECT(l, n == SOK_EAGAIN, "a datagram with a bad sum gave %lld", (long long)n);
    sok_udp_close(u);
}

static void udp_lengths(struct lab *l, struct flow *good)
{
    (void)good;
    static const uint16_t lengths[] = {0, 1, 7, 17, 1000, 65535};
    struct sok_udp *u;
    struct sok_endpoint at = {.port = 53}, from;
    struct ip_fields ip = from_peer();
    char in[16];
    EXPECT(l, sok_udp_open(l->stack, &at, &u) == 0, "no UDP socket");
    for (size_t i = 0; i < sizeof(lengths) / 2; i++) {
        craft_udp(&l->packet, &ip, 5000, 53, "datagram", 8);
        put16(l->packet.b + IP_AT + 24, lengths[i]);
        put16(l->packet.b + IP_AT + 26, 0);
        expect_silence(l, "a wrong UDP length");
        EXPECT(l, sok_udp_recvfrom(u, in, sizeof(in), &from, l->now) == SOK_EAGAIN,
            "length %u was taken", lengths[i]);
    }
    craft_udp(&l->packet, &ip, 5000, 0, "to port 0", 9);
    expect_silence(l, "UDP to port 0");
    for (int i = 0; i < 20000; i++) { // more than a queue holds
        craft_udp(&l->packet, &ip, 5000, 53, NULL, 100);
        lab_inject(l);
    }
    EXPECT(l, l->memory.bytes < l->base_bytes + 2000000, "a full UDP queue holds %zu",
        l->memory.bytes);
    sok_udp_close(u);
}

static void bad_sources(struct lab *l, struct flow *good)
{
    static const uint32_t sources[] = {
        0, 0xffffffff, 0xe0000001, 0xefffffff, 0x7f000001, LAB_ADDR, LAB_ADDR | 255, 0xf0000001};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            make_kind(&l->packet, k, good);
            put32(ip_of(l) + 12, sources[i]);
            craft_sums(&l->packet);
            char what[40];
            snprintf(what, sizeof(what), "source %08x, kind %d", sources[i], (int)k);
            expect_silence(l, what);
        }
    }
}

static void to_many(struct lab *l, struct flow *good)
{
    static const uint32_t to[] = {0xffffffff, LAB_ADDR | 255, 0xe0000001};
    static const enum kind kinds[] = {KIND_SYN, KIND_DATA, KIND_UDP};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            make_kind(&l->packet, kinds[k], good);
            put32(ip_of(l) + 16, to[i]);
            memset(l->packet.b, 0xff, 6);
            craft_sums(&l->packet);
            expect_silence(l, "a packet to many");
        }
    }
    // Our address in a broadcast frame (RFC 1122 3.3.6): no reset, no ICMP error.
    make_kind(&l->packet, KIND_SYN, good);
    memset(l->packet.b, 0xff, 6);
    put16(l->packet.b + IP_AT + 22, 9);
    craft_sums(&l->packet);
    lab_forget(l);
    lab_inject(l);
    EXPECT(l, got_flags(l, F_RST | F_ACK) <= 1, "more than one reset");
}

static void for_others(struct lab *l, struct flow *good)
{
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        make_kind(&l->packet, k, good);
        put32(ip_of(l) + 16, 0xc0000209); // another address
        craft_sums(&l->packet);
        expect_silence(l, "a packet for another address");
        make_kind(&l->packet, k, good);
        l->packet.b[5] = 9; // another MAC
        expect_silence(l, "a frame for another MAC");
    }
}

static void land(struct lab *l, struct flow *good)
{
    (void)good;
    struct tcp_fields t = {.ip = {.src = LAB_ADDR, .dst = LAB_ADDR},
        .sport = LAB_PORT,
        .dport = LAB_PORT,
        .seq = 1,
        .flags = F_SYN,
        .window = 1000};
    craft_tcp(&l->packet, &t);
    expect_silence(l, "LAND");
}

static void fragments(struct lab *l, struct flow *good)
{
    static const uint16_t frags[] = {0x2000, 0x0001, 0x1fff, 0x3fff, 0x2001};
    for (size_t i = 0; i < sizeof(frags) / 2; i++) {
        for (enum kind k = 0; k < KIND_COUNT; k++) {
            make_kind(&l->packet, k, good);
            put16(ip_of(l) + 6, frags[i]);
            craft_ip_sum(&l->packet);
            expect_silence(l, "a lone fragment");
        }
    }
    for (unsigned i = 0; i < 20000; i++) { // never completed
        make_kind(&l->packet, KIND_UDP, good);
        put16(ip_of(l) + 4, i);
        put16(ip_of(l) + 6, 0x2000);
        craft_ip_sum(&l->packet);
        lab_inject(l);
    }
    EXPECT(
        l, l->memory.bytes < l->base_bytes + 8000000, "fragments hold %zu bytes", l->memory.bytes);
    lab_wait(l, 120 * SOK_S);
}

static void arp_malformed(struct lab *l, struct flow *good)
{
    (void)good;
    for (size_t len = 0; len < ETH_LEN + 28; len++) {
        craft_arp(&l->packet, 1, LAB_PEER, LAB_ADDR);
        l->packet.len = len;
        expect_silence(l, "a truncated ARP request");
    }
    static const struct {
        uint8_t at, value;
    } lies[] = {{0, 9}, {2, 9}, {4, 0}, {4, 5}, {4, 255}, {5, 0}, {5, 16}, {5, 255}, {7, 0}, {7, 9},
        {6, 1}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        craft_arp(&l->packet, 1, LAB_PEER, LAB_ADDR);
        l->packet.b[ETH_LEN + lies[i].at] = lies[i].value;
        expect_silence(l, "a lying ARP request");
    }
    craft_arp(&l->packet, 1, LAB_ADDR, LAB_ADDR); // somebody has our address
    lab_inject(l);
    craft_arp(&l->packet, 2, LAB_ADDR, LAB_ADDR);
    lab_inject(l);
    EXPECT(l, l->got_all <= 2, "%u answers", (unsigned)l->got_all);
}

static void arp_flood(struct lab *l, struct flow *good)
{
    (void)good;
    size_t before = l->memory.bytes;
    for (uint32_t i = 0; i < 100000; i++) {
        craft_arp(&l->packet, 1 + i % 2, 0xc0000300 + i, LAB_ADDR);
        put32(l->packet.b + 8, i); // sender's MAC
        lab_inject(l);
        lab_forget(l);
    }
    EXPECT(l, l->memory.bytes < before + 1000000, "the neighbour table holds %zu", l->memory.bytes);
}

static void neighbour_queue(struct lab *l, struct flow *good)
{
    (void)good;
    size_t before = l->memory.bytes;
    for (uint32_t i = 0; i < 20000; i++) { // each answer needs a neighbour that does not answer
        struct ip_fields ip = {.src = 0xc0000203 + i % 200, .dst = LAB_ADDR};
        craft_icmp(&l->packet, &ip, 8, 0, i, NULL, 1000);
        lab_inject(l);
        lab_forget(l);
    }
    EXPECT(l, l->memory.bytes < before + 8000000, "waiting packets hold %zu",
        l->memory.bytes - before);
    lab_wait(l, 20 * SOK_S);
}

const struct hostile_case cases_ip[] = {
    {"01-ip-version", ip_version, NULL},
    {"01-ip-ihl-under-5", ip_ihl_small, NULL},
    {"02-ip-ihl-past-end", ip_ihl_large, NULL},
    {"03-ip-total-under-header", ip_total_small, NULL},
    {"04-ip-total-past-end", ip_total_large, NULL},
    {"04-ip-trailing-bytes", ip_trailing, NULL},
    {"05-ip-options", ip_options, NULL},
    {"06-ip-in-ip", ip_in_ip, NULL},
    {"07-bad-checksums", ip_bad_sum, NULL},
    {"07-udp-checksum-0", udp_no_sum, NULL},
    {"08-impossible-sources", bad_sources, NULL},
    {"09-to-many", to_many, NULL},
    {"09-for-others", for_others, NULL},
    {"10-land", land, NULL},
    {"13-lone-fragments", fragments, NULL},
    {"60-udp-lengths", udp_lengths, NULL},
    {"61-arp-malformed", arp_malformed, NULL},
    {"61-arp-flood", arp_flood, NULL},
    {"61-neighbour-queue", neighbour_queue, NULL},
    {NULL, NULL, NULL},
};
