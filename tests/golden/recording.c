// Writes a recording with one frame of each kind and prints, one JSON object a line, what a reader that is not
// ours has to find in it. tests/golden/tshark.py compares.
//   golden_recording FILE [SEED]
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "pcapng/format.h"
#include "pcapng/writer.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/split.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

#define US   0xc0000201 // 192.0.2.1
#define THEM 0xc6336407 // 198.51.100.7
#define IP   SOK_ETH_HDR_LEN
#define L4   (IP + SOK_IP4_HDR_LEN)

static const uint8_t mac_us[6] = {2, 0, 0, 0, 0, 1}, mac_them[6] = {2, 0, 0, 0, 0, 2};
static struct sok_pcapng_writer writer;
static int64_t now = 1700000000000000001;
static uint32_t state;
static uint8_t frame[66000];
static struct sok_frame_meta meta;

static uint32_t rnd(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static void fill(uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)rnd();
}

// Records it and prints what is to be found; more: JSON members that begin with a comma.
static void record_iov(
    const struct sok_frame_out *f, bool out, const char *comment, const char *more)
{
    struct sok_pcapng_packet p = {
        .interface = out ? 0 : 1,
        .time = now,
        .iov = f->iov,
        .iov_count = f->iov_count,
        .len = f->len,
        .meta = &f->meta,
        .direction = out ? SOK_PCAPNG_OUT : SOK_PCAPNG_IN,
        .comment = comment,
    };
    if (sok_pcapng_add_packet(&writer, &p) < 0)
        exit(1);
    printf("{\"frame.time_epoch\": \"%" PRId64 ".%09d\", \"frame.len\": \"%u\", "
           "\"frame.packet_flags_direction\": \"0x%08x\", \"frame.comment\": \"%s\", "
           "\"frame.interface_name\": \"%s\"%s}\n",
        now / 1000000000, (int)(now % 1000000000), f->len, out ? 2 : 1, comment ? comment : "",
        out ? "tap0" : "lan:a", more);
    now += 1 + rnd() * 37;
}

static void record(uint32_t len, bool out, const char *comment, const char *more)
{
    struct sok_frame_out f = {.iov = {{frame, len}}, .iov_count = 1, .len = len, .meta = meta};
    record_iov(&f, out, comment, more);
    meta = (struct sok_frame_meta){0};
}

static void put_eth(bool out, uint16_t type)
{
    struct sok_eth_hdr h = {.type = type};
    memcpy(h.dst, out ? mac_them : mac_us, 6);
    memcpy(h.src, out ? mac_us : mac_them, 6);
    sok_eth_hdr_put(frame, &h);
}

static void put_ip(bool out, uint8_t proto, uint32_t payload, uint8_t flags, uint16_t frag)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.len = (uint16_t)(SOK_IP4_HDR_LEN + payload);
    h.id = (uint16_t)rnd();
    h.flags = flags;
    h.frag = frag;
    h.proto = proto;
    h.src = out ? US : THEM;
    h.dst = out ? THEM : US;
    put_eth(out, SOK_ETHERTYPE_IP4);
    sok_ip4_hdr_put(frame + IP, &h);
    sok_ip4_seal(frame + IP, SOK_IP4_HDR_LEN);
}

static uint16_t pseudo(uint8_t proto, uint32_t len)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add_pseudo4(&sum, US, THEM, proto, len);
    return sok_csum_fold(&sum);
}

static void arps(void)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    memcpy(h.hwsrc, mac_us, 6);
    h.psrc = US;
    h.pdst = THEM;
    put_eth(true, SOK_ETHERTYPE_ARP);
    sok_arp_hdr_put(frame + IP, &h);
    record(IP + SOK_ARP_HDR_LEN, true, "who has",
        ", \"arp.opcode\": \"1\", \"arp.src.proto_ipv4\": \"192.0.2.1\", \"arp.dst.proto_ipv4\": "
        "\"198.51.100.7\"");
    h.op = SOK_ARP_REPLY;
    put_eth(false, SOK_ETHERTYPE_ARP);
    memcpy(h.hwsrc, mac_them, 6);
    memcpy(h.hwdst, mac_us, 6);
    h.psrc = THEM;
    h.pdst = US;
    sok_arp_hdr_put(frame + IP, &h);
    record(IP + SOK_ARP_HDR_LEN, false, "neighbour learned",
        ", \"arp.opcode\": \"2\", \"arp.src.hw_mac\": \"02:00:00:00:00:02\"");
}

static uint32_t put_tcp(bool out, uint16_t flags, const struct sok_tcp_opts *o, uint32_t payload)
{
    struct sok_tcp_hdr h = sok_tcp_hdr_default();
    uint8_t options[SOK_TCP_OPTIONS_MAX];
    size_t options_len = sok_tcp_opts_put(options, o);
    uint32_t header = (uint32_t)(SOK_TCP_HDR_LEN + options_len);
    h.sport = out ? 40000 : 80;
    h.dport = out ? 80 : 40000;
    h.seq = rnd();
    h.ack = flags & SOK_TCP_ACK ? rnd() : 0;
    h.dataofs = (uint8_t)(header / 4);
    h.flags = flags;
    h.window = (uint16_t)rnd();
    h.chksum = pseudo(SOK_IPPROTO_TCP, header + payload);
    put_ip(out, SOK_IPPROTO_TCP, header + payload, SOK_IP4_DF, 0);
    sok_tcp_hdr_put(frame + L4, &h);
    memcpy(frame + L4 + SOK_TCP_HDR_LEN, options, options_len);
    fill(frame + L4 + header, payload);
    meta = (struct sok_frame_meta){
        .csum_partial = true, .csum_start = L4, .csum_offset = SOK_TCP_CSUM_OFFSET};
    return header;
}

static void tcp_one(
    bool out, uint16_t flags, const struct sok_tcp_opts *o, uint32_t payload, const char *comment)
{
    char more[600];
    uint32_t header = put_tcp(out, flags, o, payload);
    snprintf(more, sizeof(more),
        ", \"tcp.flags\": \"0x%04x\", \"tcp.seq_raw\": \"%u\", \"tcp.ack_raw\": \"%u\", "
        "\"tcp.len\": \"%u\", "
        "\"tcp.window_size_value\": \"%u\", \"tcp.options.mss_val\": \"%.*u\"",
        flags, sok_get32(frame + L4 + 4), sok_get32(frame + L4 + 8), payload,
        sok_get16(frame + L4 + 14), o->has_mss ? 1 : 0, o->mss);
    record(L4 + header + payload, out, comment, more);
}

static void tcps(void)
{
    struct sok_tcp_opts syn = {.has_mss = true,
        .mss = 1460,
        .sack_ok = true,
        .has_ts = true,
        .tsval = 1,
        .has_wscale = true,
        .wscale = 7};
    struct sok_tcp_opts data = {.has_ts = true, .tsval = 2, .tsecr = 3}, plain = {0};
    struct sok_tcp_opts sack = data;
    sack.sack_count = 2;
    sack.sack[0].start = 1000, sack.sack[0].end = 2000;
    sack.sack[1].start = 3000, sack.sack[1].end = 4000;
    tcp_one(true, SOK_TCP_SYN, &syn, 0, "open");
    tcp_one(false, SOK_TCP_SYN | SOK_TCP_ACK, &syn, 0, "handshake done; rtt 71 µs");
    tcp_one(true, SOK_TCP_ACK, &data, 0, NULL);
    for (uint32_t len = 0; len < 40; len++)
        tcp_one(len % 2, SOK_TCP_ACK | SOK_TCP_PSH, &data, len, "data");
    tcp_one(true, SOK_TCP_ACK, &sack, 0, "ack, gap");
    tcp_one(true, SOK_TCP_ACK | SOK_TCP_ECE | SOK_TCP_CWR | SOK_TCP_AE, &plain, 1448, "data");
    tcp_one(false, SOK_TCP_FIN | SOK_TCP_ACK, &plain, 0, "close");
    tcp_one(false, SOK_TCP_RST, &plain, 0, "reset");
}

// A super-frame as it is, then as a link without segmentation would send it.
static void super(uint32_t payload)
{
    static struct sok_split split;
    struct sok_tcp_opts data = {.has_ts = true, .tsval = 5, .tsecr = 6};
    struct sok_frame_out piece;
    char more[300];
    uint32_t header = put_tcp(true, SOK_TCP_ACK | SOK_TCP_PSH, &data, payload);
    uint32_t seq = sok_get32(frame + L4 + 4), id = sok_get16(frame + IP + 4);
    meta.gso = SOK_GSO_TCP4;
    meta.gso_size = 1448;
    meta.hdr_len = (uint16_t)(L4 + header);
    // The recorder's way: iov of several pieces.
    struct sok_frame_out f = {.iov = {{frame, L4 + header}, {frame + L4 + header, payload / 3},
                                  {frame + L4 + header + payload / 3, payload - payload / 3}},
        .iov_count = 3,
        .len = L4 + header + payload,
        .meta = meta};
    snprintf(more, sizeof(more), ", \"tcp.len\": \"%u\", \"tcp.seq_raw\": \"%u\"", payload, seq);
    record_iov(&f, true, "data", more);
    sok_split_begin(&split, &f, 0);
    for (uint32_t at = 0; sok_split_next(&split, &piece); at += 1448, id++) {
        bool last = at + 1448 >= payload;
        snprintf(more, sizeof(more),
            ", \"tcp.len\": \"%u\", \"tcp.seq_raw\": \"%u\", \"ip.id\": \"0x%04x\", \"tcp.flags\": "
            "\"0x%04x\"",
            last ? payload - at : 1448, seq + at, id & 0xffff, last ? 0x18 : 0x10);
        record_iov(&piece, true, "cut", more);
    }
    meta = (struct sok_frame_meta){0};
}

static void udps(void)
{
    for (uint32_t len = 0; len < 20; len++) {
        char more[200];
        struct sok_udp_hdr h = {.sport = 9999, .dport = 10001, .len = (uint16_t)(8 + len)};
        bool none = len == 7; // a checksum of 0: none
        h.chksum = none ? 0 : pseudo(SOK_IPPROTO_UDP, h.len);
        put_ip(true, SOK_IPPROTO_UDP, h.len, 0, 0);
        sok_udp_hdr_put(frame + L4, &h);
        fill(frame + L4 + 8, len);
        meta.csum_partial = !none;
        meta.csum_start = L4;
        meta.csum_offset = SOK_UDP_CSUM_OFFSET;
        snprintf(
            more, sizeof(more), ", \"udp.length\": \"%u\", \"udp.dstport\": \"10001\"", 8 + len);
        record(L4 + 8 + len, true, "datagram", more);
    }
}

static void put_icmp(const struct sok_icmp_hdr *h, uint32_t payload)
{
    struct sok_csum sum;
    sok_icmp_hdr_put(frame + L4, h);
    sok_csum_init(&sum);
    sok_csum_add(&sum, frame + L4, SOK_ICMP_HDR_LEN + payload);
    sok_put16(frame + L4 + 2, sok_csum_final(&sum));
}

static void icmps(void)
{
    struct sok_icmp_hdr h = {.type = SOK_ICMP_ECHO, .id = 77, .seq = 1};
    put_ip(true, SOK_IPPROTO_ICMP, 8 + 56, 0, 0);
    fill(frame + L4 + 8, 56);
    put_icmp(&h, 56);
    record(L4 + 8 + 56, true, "ping",
        ", \"icmp.type\": \"8\", \"icmp.ident\": \"77\", \"icmp.seq\": \"1\"");
    // An error that quotes the header and eight bytes of a datagram.
    uint8_t quote[28];
    struct sok_udp_hdr udp = {.sport = 5, .dport = 6, .len = 8};
    put_ip(true, SOK_IPPROTO_UDP, 8, 0, 0);
    memcpy(quote, frame + IP, 20);
    sok_udp_hdr_put(quote + 20, &udp);
    h = (struct sok_icmp_hdr){.type = SOK_ICMP_UNREACHABLE, .code = SOK_ICMP_PORT};
    put_ip(false, SOK_IPPROTO_ICMP, 8 + sizeof(quote), 0, 0);
    memcpy(frame + L4 + 8, quote, sizeof(quote));
    put_icmp(&h, sizeof(quote));
    record(L4 + 8 + sizeof(quote), false, "noted", ", \"icmp.type\": \"3\", \"icmp.code\": \"3\"");
    h = (struct sok_icmp_hdr){
        .type = SOK_ICMP_UNREACHABLE, .code = SOK_ICMP_FRAG_NEEDED, .seq = 1280};
    put_icmp(&h, sizeof(quote));
    record(
        L4 + 8 + sizeof(quote), false, "noted", ", \"icmp.code\": \"4\", \"icmp.mtu\": \"1280\"");
}

int main(int argc, char **argv)
{
    struct sok_mem mem = sok_mem_libc();
    int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0) {
        fprintf(
            stderr, "golden_recording: cannot write %s\n", argc > 1 ? argv[1] : "(no file given)");
        return 2;
    }
    state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    struct sok_pcapng_interface one = {.name = "tap0",
        .description = "ours",
        .mac = mac_us,
        .linktype = SOK_PCAPNG_LINKTYPE_ETHERNET};
    struct sok_pcapng_interface two = {.name = "lan:a", .linktype = SOK_PCAPNG_LINKTYPE_ETHERNET};
    if (sok_pcapng_writer_init(&writer, &mem, sok_pcapng_sink_fd(fd), "sockeye golden test") < 0)
        return 1;
    sok_pcapng_add_interface(&writer, &one);
    sok_pcapng_add_interface(&writer, &two);
    arps();
    tcps();
    super(1);
    super(1448);
    super(40000 + rnd() % 20000);
    udps();
    icmps();
    struct sok_pcapng_stats stats = {.interface = 0,
        .time = now,
        .start = 1700000000000000001,
        .end = now,
        .received = 12,
        .dropped = 3};
    sok_pcapng_add_stats(&writer, &stats);
    int err = sok_pcapng_writer_close(&writer);
    if (err) {
        fprintf(stderr, "golden_recording: %s: %s\n", argv[1], strerror(-err));
        return 1;
    }
    return 0;
}
