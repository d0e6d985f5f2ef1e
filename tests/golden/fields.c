// Headers in both directions between us and another implementation (scapy_fields.py holds the other end).
//   golden_fields put SEED COUNT    random headers: "PROTO HEX name=value ...", values as numbers
//   golden_fields get               reads "PROTO HEX" lines, prints the same with what the rows read
//   golden_fields options           reads hex of TCP options, prints what sok_tcp_opts_get() read
//   golden_fields check             reads hex of whole frames, prints "ok" if every check and checksum holds
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/registry.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

#define LINE_MAX 140000

static uint64_t state;

static uint64_t rnd(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void print_header(const struct sok_proto *proto, const uint8_t *p)
{
    const struct sok_field *fields = proto->fields;
    unsigned count = proto->field_count;
    if (proto->view)
        fields = proto->view(p, proto->hdr_len, &count);
    printf("%s ", proto->name);
    for (unsigned i = 0; i < proto->hdr_len; i++)
        printf("%02x", p[i]);
    for (unsigned i = 0; i < count; i++) {
        const struct sok_field *f = &fields[i];
        if (f->bytes) {
            printf(" %s=0x", f->name);
            for (unsigned k = 0; k < f->bits / 8; k++)
                printf("%02x", p[f->bit / 8 + k]);
        } else {
            printf(" %s=%" PRIu64, f->name, sok_field_get(f, p));
        }
    }
    printf("\n");
}

// One header of each protocol by its struct and _put; what other fields hang on stays sensible.
static void put_each(void)
{
    uint8_t p[64];
    struct sok_eth_hdr eth = {.type = (uint16_t)rnd()};
    for (unsigned i = 0; i < 6; i++) {
        eth.dst[i] = (uint8_t)rnd();
        eth.src[i] = (uint8_t)rnd();
    }
    sok_eth_hdr_put(p, &eth);
    print_header(&sok_proto_eth, p);
    struct sok_arp_hdr arp = sok_arp_hdr_default();
    arp.op = (uint16_t)rnd();
    arp.psrc = (uint32_t)rnd();
    arp.pdst = (uint32_t)rnd();
    memcpy(arp.hwsrc, eth.src, 6);
    memcpy(arp.hwdst, eth.dst, 6);
    sok_arp_hdr_put(p, &arp);
    print_header(&sok_proto_arp, p);
    struct sok_ip4_hdr ip = {.version = rnd() & 15,
        .ihl = 5,
        .tos = (uint8_t)rnd(),
        .len = (uint16_t)rnd(),
        .id = (uint16_t)rnd(),
        .flags = rnd() & 7,
        .frag = rnd() & 0x1fff,
        .ttl = (uint8_t)rnd(),
        .proto = (uint8_t)rnd(),
        .chksum = (uint16_t)rnd(),
        .src = (uint32_t)rnd(),
        .dst = (uint32_t)rnd()};
    sok_ip4_hdr_put(p, &ip);
    print_header(&sok_proto_ip4, p);
    static const uint8_t types[] = {0, 8, 3, 5, 11, 12};
    struct sok_icmp_hdr icmp = {.type = types[rnd() % sizeof(types)],
        .code = (uint8_t)rnd(),
        .chksum = (uint16_t)rnd(),
        .id = (uint16_t)rnd(),
        .seq = (uint16_t)rnd()};
    sok_icmp_hdr_put(p, &icmp);
    print_header(&sok_proto_icmp, p);
    struct sok_udp_hdr udp = {(uint16_t)rnd(), (uint16_t)rnd(), (uint16_t)rnd(), (uint16_t)rnd()};
    sok_udp_hdr_put(p, &udp);
    print_header(&sok_proto_udp, p);
    struct sok_tcp_hdr tcp = {.sport = (uint16_t)rnd(),
        .dport = (uint16_t)rnd(),
        .seq = (uint32_t)rnd(),
        .ack = (uint32_t)rnd(),
        .dataofs = 5,
        .reserved = rnd() & 7,
        .flags = rnd() & 0x1ff,
        .window = (uint16_t)rnd(),
        .chksum = (uint16_t)rnd(),
        .urgptr = (uint16_t)rnd()};
    sok_tcp_hdr_put(p, &tcp);
    print_header(&sok_proto_tcp, p);
}

// Options as the stack sends them, for the other side to read.
static void put_options(void)
{
    uint8_t out[SOK_TCP_OPTIONS_MAX];
    struct sok_tcp_opts o = {.has_mss = rnd() & 1,
        .mss = (uint16_t)rnd(),
        .has_wscale = rnd() & 1,
        .wscale = (uint8_t)rnd(),
        .sack_ok = rnd() & 1,
        .has_ts = rnd() & 1,
        .tsval = (uint32_t)rnd(),
        .tsecr = (uint32_t)rnd(),
        .sack_count = rnd() & 1};
    o.sack[0].start = (uint32_t)rnd();
    o.sack[0].end = (uint32_t)rnd();
    size_t len = sok_tcp_opts_put(out, &o);
    printf("OPTIONS ");
    for (size_t i = 0; i < len; i++)
        printf("%02x", out[i]);
    if (len == 0)
        printf("-");
    if (o.has_mss)
        printf(" MSS=%u", o.mss);
    if (o.has_wscale)
        printf(" WScale=%u", o.wscale);
    if (o.sack_ok)
        printf(" SAckOK=1");
    if (o.has_ts)
        printf(" Timestamp=%u,%u", o.tsval, o.tsecr);
    if (o.sack_count)
        printf(" SAck=%u,%u", o.sack[0].start, o.sack[0].end);
    printf("\n");
}

static void print_options(const uint8_t *p, size_t len)
{
    struct sok_tcp_opts o;
    bool ok = sok_tcp_opts_get(p, len, &o);
    printf(ok ? "well" : "malformed");
    if (o.has_mss)
        printf(" MSS=%u", o.mss);
    if (o.has_wscale)
        printf(" WScale=%u", o.wscale);
    if (o.sack_ok)
        printf(" SAckOK=1");
    if (o.has_ts)
        printf(" Timestamp=%u,%u", o.tsval, o.tsecr);
    for (unsigned i = 0; i < o.sack_count; i++)
        printf("%s%u,%u", i ? "," : " SAck=", o.sack[i].start, o.sack[i].end);
    printf("\n");
}

// The layer's own check and checksum.
static bool layer_holds(
    const struct sok_layer *l, const uint8_t *frame, const struct sok_ip4_hdr *ip)
{
    const uint8_t *p = frame + l->off;
    size_t there = l->header + l->payload;
    struct sok_addr src = sok_addr_v4(ip->src), dst = sok_addr_v4(ip->dst);
    struct sok_arp_hdr arp;
    struct sok_udp_hdr udp;
    struct sok_tcp_hdr tcp;
    if (l->malformed || l->truncated || l->cut)
        return false;
    if (l->proto == &sok_proto_arp)
        return sok_arp_get(p, there, &arp) && sok_arp_check(&arp) == SOK_DROP_NONE;
    if (l->proto == &sok_proto_ip4)
        return sok_ip4_check(ip, there) == SOK_DROP_NONE && sok_ip4_verify(p, l->header) &&
               sok_ip4_options_check(p + SOK_IP4_HDR_LEN, l->header - SOK_IP4_HDR_LEN) ==
                   SOK_DROP_NONE;
    if (l->proto == &sok_proto_udp)
        return sok_udp_get(p, there, &udp) && sok_udp_check(&udp, there) == SOK_DROP_NONE &&
               sok_udp_verify(p, udp.len, &src, &dst);
    if (l->proto == &sok_proto_tcp)
        return sok_tcp_get(p, there, &tcp) && sok_tcp_check(&tcp, there) == SOK_DROP_NONE &&
               sok_tcp_verify(p, there, &src, &dst);
    if (l->proto == &sok_proto_icmp)
        return sok_icmp_verify(p, there);
    return true;
}

static void check_frame(const uint8_t *p, size_t len)
{
    struct sok_layer layers[SOK_LAYERS_MAX];
    struct sok_ip4_hdr ip = {0};
    unsigned count = sok_dissect(&sok_proto_eth, p, len, layers);
    bool ok = true, quoted = false;
    for (unsigned i = 0; i < count && !quoted; i++) {
        if (layers[i].proto == &sok_proto_ip4)
            sok_ip4_hdr_get(p + layers[i].off, &ip);
        ok = ok && layer_holds(&layers[i], p, &ip);
        printf("%s/", layers[i].proto ? layers[i].proto->name : "Raw");
        quoted = layers[i].proto == &sok_proto_icmp && sok_icmp_is_error(p[layers[i].off]);
    }
    printf(" %s\n", ok ? "ok" : "bad");
}

static size_t from_hex(const char *text, uint8_t *out, size_t room)
{
    size_t len = 0;
    unsigned v;
    for (; len < room && sscanf(text, "%2x", &v) == 1; text += 2)
        out[len++] = (uint8_t)v;
    return len;
}

static void each_line(const char *what)
{
    static char line[LINE_MAX];
    static uint8_t p[LINE_MAX / 2];
    while (fgets(line, sizeof(line), stdin)) {
        char *space = strchr(line, ' ');
        if (strcmp(what, "get") != 0) {
            size_t len = from_hex(line, p, sizeof(p));
            strcmp(what, "options") ? check_frame(p, len) : print_options(p, len);
            continue;
        }
        if (!space)
            continue;
        *space = 0;
        const struct sok_proto *proto = sok_proto_find(line);
        if (proto && from_hex(space + 1, p, sizeof(p)) >= proto->hdr_len)
            print_header(proto, p);
        else
            printf("%s: unknown or too short\n", line);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "put") == 0 && argc > 3) {
        state = strtoull(argv[2], NULL, 10);
        for (unsigned long n = strtoul(argv[3], NULL, 10); n > 0; n--) {
            put_each();
            put_options();
        }
    } else if (strcmp(what, "get") == 0 || strcmp(what, "options") == 0 ||
               strcmp(what, "check") == 0) {
        each_line(what);
    } else {
        fprintf(stderr, "usage: golden_fields put SEED COUNT | get | options | check\n");
        return 2;
    }
    return 0;
}
