// IPv6: lying lengths, sources that cannot be, extension headers, fragments, neighbour discovery, and all of it damaged.
#include "tests/hostile/hostile.h"

#include <string.h>

#define IP6_LEN 40
#define BEHIND  (IP_AT + IP6_LEN)

static const uint8_t us[16] = {0x20, 1, 0xd, 0xb8, [15] = 1},
                     peer[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

// The lab gets an address of IPv6; what joining groups says is over when this returns.
static void begin(struct lab *l)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    struct sok_addr a, p;
    memcpy(a.b, us, 16);
    memcpy(p.b, peer, 16);
    if (sok_stack_addr_add(l->stack, l->link, a, 64) != 0 ||
        sok_stack_neighbour_add(l->stack, l->link, p, mac) != 0)
        lab_fail(l, "no address of IPv6");
    lab_wait(l, 5 * SOK_S);
    lab_forget(l);
}

static void put_sum(uint8_t *ip, uint8_t next, uint8_t *message, size_t len)
{
    size_t at = next == 58 ? 2 : 6;
    uint32_t start = next + (uint32_t)len;
    for (size_t i = 8; i < IP6_LEN; i += 2)
        start += get16(ip + i);
    put16(message + at, 0);
    put16(message + at, craft_sum(message, len, start));
}

// A packet of the peer; `len` bytes behind its header are there already.
static void ip6(struct packet *p, uint8_t next, uint8_t hops, size_t len)
{
    static const uint8_t to[6] = {2, 0, 0, 0, 0, 1}, from[6] = {2, 0, 0, 0, 0, 2};
    uint8_t *ip = p->b + IP_AT;
    memcpy(p->b, to, 6);
    memcpy(p->b + 6, from, 6);
    put16(p->b + 12, 0x86dd);
    put32(ip, 0x60000000);
    put16(ip + 4, (uint32_t)len);
    ip[6] = next;
    ip[7] = hops;
    memcpy(ip + 8, peer, 16);
    memcpy(ip + 24, us, 16);
    p->len = BEHIND + len;
}

static void udp(struct packet *p, size_t len)
{
    uint8_t *u = p->b + BEHIND;
    put16(u, 5000);
    put16(u + 2, 9); // nobody is there
    put16(u + 4, (uint32_t)(8 + len));
    memset(u + 8, 'x', len);
    ip6(p, 17, 64, 8 + len);
    put_sum(p->b + IP_AT, 17, u, 8 + len);
}

static void echo(struct packet *p, size_t len)
{
    uint8_t *m = p->b + BEHIND;
    memset(m, 0, 8 + len);
    m[0] = 128;
    ip6(p, 58, 64, 8 + len);
    put_sum(p->b + IP_AT, 58, m, 8 + len);
}

// A neighbour solicitation for us, with the peer's address.
static void ns(struct packet *p)
{
    static const uint8_t option[8] = {1, 1, 2, 0, 0, 0, 0, 2};
    uint8_t *m = p->b + BEHIND;
    memset(m, 0, 8);
    m[0] = 135;
    memcpy(m + 8, us, 16);
    memcpy(m + 24, option, 8);
    ip6(p, 58, 255, 32);
    put_sum(p->b + IP_AT, 58, m, 32);
}

// A fragment of `len` bytes at `offset`.
static void fragment(struct packet *p, uint32_t id, size_t offset, bool more, size_t len)
{
    uint8_t *f = p->b + BEHIND;
    put16(f, 17 << 8);
    put16(f + 2, (uint32_t)offset | more);
    put32(f + 4, id);
    memset(f + 8, (int)(offset >> 3), len);
    ip6(p, 44, 64, 8 + len);
}

// Exactly one answer, an ICMPv6 message of this type and code.
static void expect_icmp(struct lab *l, uint8_t type, uint8_t code, const char *what)
{
    lab_wait(l, 20 * SOK_MS); // rate limits are over
    lab_forget(l);
    lab_inject(l);
    const struct got *g = got_only(l);
    EXPECT(l,
        g && g->type == 0x86dd && g->proto == 58 && g->icmp_type == type && g->icmp_code == code,
        "%s: %u answers, %u/%u", what, (unsigned)l->got_all, l->got[0].icmp_type,
        l->got[0].icmp_code);
}

static void lengths(struct lab *l, struct flow *good)
{
    (void)good;
    begin(l);
    udp(&l->packet, 100);
    for (uint32_t len = 0; len < 400; len++) {
        if (len == 108)
            continue;
        put16(l->packet.b + IP_AT + 4, len);
        expect_silence(l, "a payload length that lies");
    }
    put16(l->packet.b + IP_AT + 4, 108);
    for (uint8_t version = 0; version < 16; version++) {
        l->packet.b[IP_AT] = (uint8_t)(version << 4);
        if (version != 6)
            expect_silence(l, "another version");
    }
    udp(&l->packet, 100);
    for (size_t len = l->packet.len; --len >= ETH_LEN;) {
        l->packet.len = len;
        expect_silence(l, "a packet that is cut");
    }
    udp(&l->packet, 100);
    put16(l->packet.b + BEHIND + 6, 0); // RFC 8200 section 8.1
    expect_silence(l, "a datagram without a checksum");
    udp(&l->packet, 100);
    expect_icmp(l, 1, 4, "a good one");
}

static void sources(struct lab *l, struct flow *good)
{
    static const uint8_t bad[][16] = {{0}, {[15] = 1}, {0xff, 2, [15] = 1},
        {[10] = 0xff, 0xff, 192, 0, 2, 2}, {0x20, 1, 0xd, 0xb8, [15] = 1}};
    (void)good;
    begin(l);
    for (size_t i = 0; i < sizeof(bad) / 16; i++) {
        udp(&l->packet, 8);
        memcpy(l->packet.b + IP_AT + 8, bad[i], 16);
        put_sum(l->packet.b + IP_AT, 17, l->packet.b + BEHIND, 16);
        expect_silence(l, "a source that cannot be");
    }
    for (size_t i = 0; i < sizeof(bad) / 16 - 1; i++) {
        udp(&l->packet, 8);
        memcpy(l->packet.b + IP_AT + 24, bad[i], 16);
        put_sum(l->packet.b + IP_AT, 17, l->packet.b + BEHIND, 16);
        expect_silence(l, "a destination that is not us alone");
    }
}

static void extensions(struct lab *l, struct flow *good)
{
    uint8_t *b = l->packet.b + BEHIND;
    (void)good;
    begin(l);
    memset(b, 0, 8192);
    for (size_t i = 0; i < 1000; i++)
        memcpy(b + 8 * i, (uint8_t[]){60, 0, 1, 4}, 4);
    ip6(&l->packet, 60, 64, 8000);
    expect_silence(l, "a thousand extension headers");
    memcpy(b, (uint8_t[]){17, 255, 1, 4}, 4);
    ip6(&l->packet, 0, 64, 64);
    expect_silence(l, "a header longer than its packet");
    for (unsigned len = 5; len < 256; len++) {
        memcpy(b, (uint8_t[]){59, 0, 1, (uint8_t)len}, 4);
        ip6(&l->packet, 60, 64, 8);
        expect_silence(l, "an option past its header");
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        memcpy(b, (uint8_t[]){59, 0, (uint8_t)kind, 4, 0, 0, 0, 0}, 8);
        ip6(&l->packet, kind & 1 ? 60 : 0, 64, 8);
        if (kind & 0x80)
            expect_icmp(l, 4, 2, "an option to be told of");
        else
            expect_silence(l, "an option to be skipped, or to discard");
    }
    memcpy(b, (uint8_t[]){17, 0, 0, 3, 0, 0, 0, 0}, 8);
    ip6(&l->packet, 43, 64, 8);
    expect_icmp(l, 4, 0, "a route through us"); // RFC 5095
}

static void fragments(struct lab *l, struct flow *good)
{
    (void)good;
    begin(l);
    fragment(&l->packet, 1, 0, true, 64);
    lab_inject(l);
    fragment(&l->packet, 1, 32, true, 64); // RFC 5722: all of it goes, and what comes after
    lab_inject(l);
    fragment(&l->packet, 1, 64, false, 64);
    expect_silence(l, "what is left after an overlap");
    fragment(&l->packet, 2, 0xfff8, false, 64);
    expect_icmp(l, 4, 0, "a fragment past the largest packet");
    fragment(&l->packet, 3, 0, true, 60);
    expect_icmp(l, 4, 0, "a fragment that is no multiple of 8 bytes");
    fragment(&l->packet, 4, 8, true, 0);
    expect_silence(l, "a fragment of nothing");
    echo(&l->packet, 16);
    memmove(l->packet.b + BEHIND + 8, l->packet.b + BEHIND, 24);
    memcpy(l->packet.b + BEHIND, (uint8_t[]){58, 0, 0, 0, 0, 0, 0, 9}, 8);
    ip6(&l->packet, 44, 64, 32);
    expect_icmp(l, 129, 0, "a fragment that is all of its packet"); // RFC 6946
    size_t before = l->memory.bytes;
    for (uint32_t id = 0; id < 20000; id++) {
        fragment(&l->packet, 100 + id, 0, true, 1024);
        lab_inject(l);
    }
    EXPECT(l, l->memory.bytes < before + (8u << 20), "holds %zu bytes", l->memory.bytes - before);
    lab_check(l);
    lab_wait(l, 61 * SOK_S);
    EXPECT(l, l->memory.bytes < before + 65536, "keeps %zu bytes", l->memory.bytes - before);
}

static void discovery(struct lab *l, struct flow *good)
{
    (void)good;
    begin(l);
    for (unsigned hops = 0; hops < 255; hops++) {
        ns(&l->packet);
        l->packet.b[IP_AT + 7] = (uint8_t)hops;
        expect_silence(l, "a solicitation from behind a router");
    }
    for (unsigned len = 0; len < 256; len++) {
        ns(&l->packet);
        l->packet.b[BEHIND + 25] = (uint8_t)len;
        put_sum(l->packet.b + IP_AT, 58, l->packet.b + BEHIND, 32);
        if (len != 1)
            expect_silence(l, "an option of a length that cannot be");
    }
    // A neighbour that is not asked for, ours, and a thousand that are not there.
    for (uint32_t i = 0; i < 3000; i++) {
        ns(&l->packet);
        l->packet.b[BEHIND] = 136;
        l->packet.b[BEHIND + 4] = 0x60;
        put32(l->packet.b + BEHIND + 20, i < 3 ? i : i * 2654435761u);
        put_sum(l->packet.b + IP_AT, 58, l->packet.b + BEHIND, 32);
        expect_silence(l, "an advertisement nobody asked for");
    }
    ns(&l->packet);
    expect_icmp(l, 136, 0, "a good solicitation");
}

// Errors about nothing of ours, and MTUs that no link has (RFC 8201 section 4).
static void errors(struct lab *l, struct flow *good)
{
    static const uint32_t mtus[] = {0, 1, 68, 1279, 1280, 65536, UINT32_MAX};
    static uint8_t quoted[64];
    (void)good;
    begin(l);
    for (unsigned type = 1; type < 128; type++) {
        udp(&l->packet, 8);
        memcpy(quoted, l->packet.b + IP_AT, 56);
        memcpy(quoted + 8, us, 16);
        memcpy(quoted + 24, peer, 16);
        uint8_t *m = l->packet.b + BEHIND;
        memcpy(m, (uint8_t[]){(uint8_t)type, 0, 0, 0}, 4);
        put32(m + 4, mtus[type % 7]);
        memcpy(m + 8, quoted, 56);
        for (size_t len = 8; len <= 64; len += 8) {
            ip6(&l->packet, 58, 64, len);
            put_sum(l->packet.b + IP_AT, 58, m, len);
            expect_silence(l, "an error about nothing of ours");
        }
    }
}

// Valid packets with a few bytes changed; half of them with their sum made right again.
static void damaged(struct lab *l, struct flow *good)
{
    struct rng r = {7};
    (void)good;
    begin(l);
    for (unsigned i = 0; i < 40000 && !l->fail[0]; i++) {
        switch (i % 4) {
        case 0:
            udp(&l->packet, i % 64);
            break;
        case 1:
            echo(&l->packet, i % 64);
            break;
        case 2:
            ns(&l->packet);
            break;
        default:
            fragment(&l->packet, i / 16, 8 * (i % 16), i % 3, 8 * (i % 5));
        }
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            size_t at = IP_AT + rng_below(&r, (uint32_t)(l->packet.len - IP_AT));
            if (at < IP_AT + 24 || at >= BEHIND) // to us all the same
                l->packet.b[at] = (uint8_t)rng_below(&r, 256);
        }
        uint8_t next = l->packet.b[IP_AT + 6];
        if (rng_below(&r, 2) && (next == 58 || next == 17))
            put_sum(l->packet.b + IP_AT, next, l->packet.b + BEHIND, l->packet.len - BEHIND);
        lab_inject(l);
        if (i % 1000 == 0)
            lab_wait(l, 100 * SOK_MS);
    }
    lab_wait(l, 100 * SOK_S); // fragments, and neighbours that are not there, are given up
    lab_check(l);
    lab_forget(l);
}

const struct hostile_case cases_ip6[] = {
    {"ip6_lengths", lengths, NULL},
    {"ip6_sources", sources, NULL},
    {"ip6_extensions", extensions, NULL},
    {"ip6_fragments", fragments, NULL},
    {"ip6_discovery", discovery, NULL},
    {"ip6_errors", errors, NULL},
    {"ip6_damaged", damaged, NULL},
    {NULL, NULL, NULL},
};
