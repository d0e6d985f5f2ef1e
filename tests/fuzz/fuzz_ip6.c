// A host of IPv6 with sockets of every kind, driven by bytes: packets with any extension headers, in fragments, echoes,
// errors that quote what may have been sent, segments, datagrams, neighbour discovery, to it and to groups; calls and
// time in between. Lengths and checksums are put right most of the time, so that what is inside is looked at. After each
// step the stack is sound and its memory bounded; at the end nothing is left.
#include <string.h>
#include "base/bytes.h"
#include "stack/stack.h"
#include "tests/fuzz/must.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define STEPS_MAX  300
#define MEMORY_MAX (64U << 20)
#define BODY_MAX   1500
#define IP_AT      SOK_ETH_HDR_LEN
#define HEAD       (SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN)

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static const struct sok_addr us = {{0x20, 1, 0xd, 0xb8, [15] = 1}},
                             peer = {{0x20, 1, 0xd, 0xb8, [15] = 2}},
                             far = {{0x20, 1, 0xd, 0xb8, 0, 5, [15] = 9}},
                             router = {{0xfe, 0x80, [15] = 0xfe}}, all = {{0xff, 2, [15] = 1}},
                             group = {{0xff, 5, [15] = 7}};

struct fuzz {
    const uint8_t *p;
    size_t left;
    struct sok_stack *stack;
    int64_t now;
    struct sok_udp *udp;
    struct sok_raw *raw;
    struct sok_echo *echo;
    struct sok_tcp_listener *listener;
    struct sok_tcp_conn *conn;
    uint16_t port;          // of conn
    uint32_t sent;          // behind the last segment that came out
    uint8_t last[BODY_MAX]; // the last packet that came out, to be quoted
    size_t last_len;
};

// Many steps: inputs that are long, any of them.
size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    size_t len = 1000 + seed % 2000;
    for (size_t i = 0; i < len && i < room; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(seed >> 56);
    }
    return len < room ? len : room;
}

static uint8_t byte(struct fuzz *z)
{
    if (!z->left)
        return 0;
    z->left--;
    return *z->p++;
}

static uint16_t word(struct fuzz *z)
{
    return (uint16_t)(byte(z) << 8 | byte(z));
}

static size_t bytes(struct fuzz *z, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = byte(z);
    return len;
}

// ---- packets ----

// Some extension headers, the last of which is followed by `last`; *first is the number of the first. Bytes put.
static size_t put_headers(struct fuzz *z, uint8_t *p, uint8_t *first, uint8_t last)
{
    static const uint8_t kinds[] = {
        SOK_IP6_HOP, SOK_IP6_DEST, SOK_IP6_ROUTING, SOK_IP6_FRAG, SOK_IP6_DEST, SOK_IP6_FRAG};
    uint8_t pick = byte(z), kind = last;
    unsigned count = pick < 160 ? 0 : pick % 5;
    size_t len = 0, before = 0;
    *first = last;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *at = p + len;
        kind = kinds[byte(z) % sizeof(kinds)];
        size_t size = kind == SOK_IP6_FRAG ? 8 : 8 * (1 + byte(z) % 3u);
        if (i == 0)
            *first = kind;
        else
            p[before] = kind;
        memset(at, 0, size);
        bytes(z, at + 2, byte(z) & 1 ? size - 2 : 2);
        at[0] = last;
        at[1] = kind == SOK_IP6_FRAG ? 0 : (uint8_t)(size / 8 - 1);
        if (kind == SOK_IP6_FRAG) // so few that some belong together
            sok_put32(at + 4, byte(z) % 4u);
        before = len;
        len += size;
    }
    return len;
}

static void sum(uint8_t *p, size_t len, size_t at, uint8_t proto, const struct sok_addr *src,
    const struct sok_addr *dst)
{
    struct sok_csum c;
    if (len < at + 2)
        return;
    sok_put16(p + at, 0);
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, src, dst, proto, (uint32_t)len);
    sok_csum_add(&c, p, len);
    sok_put16(p + at, sok_csum_final(&c));
}

static size_t put_icmp(struct fuzz *z, uint8_t *p)
{
    static const uint8_t types[] = {1, 2, 3, 4, 128, 129, 130, 131, 133, 134, 135, 136, 137, 143};
    size_t len = 8;
    bytes(z, p, 8);
    p[0] = types[p[0] % sizeof(types)];
    p[1] = p[1] < 200 ? p[1] % 8 : p[1];
    if (p[0] < 128 && byte(z) & 7) { // about something of ours
        memcpy(p + len, z->last, z->last_len);
        return len + z->last_len;
    }
    if (p[0] >= 135 && p[0] <= 137) {
        memcpy(p + len, byte(z) & 1 ? us.b : peer.b, 16);
        len += 16;
    }
    return len + bytes(z, p + len, byte(z) % 64u);
}

static size_t put_tcp(struct fuzz *z, uint8_t *p)
{
    struct sok_tcp_hdr h = sok_tcp_hdr_default();
    h.sport = byte(z) & 1 ? 80 : (uint16_t)(1000 + byte(z) % 4);
    h.dport = h.sport == 80 ? z->port : 80;
    h.seq = word(z) % 4000u;
    h.ack = z->sent - word(z) % 4u;
    h.dataofs = (uint8_t)(5 + byte(z) % 4);
    h.flags = byte(z) & 1 ? byte(z) : SOK_TCP_ACK;
    h.window = word(z);
    sok_tcp_hdr_put(p, &h);
    size_t len = 20 + bytes(z, p + 20, 4u * (h.dataofs - 5u));
    return len + bytes(z, p + len, byte(z) % 100u);
}

static size_t put_udp(struct fuzz *z, uint8_t *p)
{
    size_t len = 8 + byte(z) % 200u;
    struct sok_udp_hdr h = {
        .sport = 53, .dport = byte(z) & 3 ? 53 : 99, .len = (uint16_t)(len + (byte(z) > 250))};
    sok_udp_hdr_put(p, &h);
    bytes(z, p + 8, 8);
    return len;
}

static size_t put_body(struct fuzz *z, uint8_t *p, uint8_t *proto, const struct sok_addr *src,
    const struct sok_addr *dst)
{
    size_t len, at;
    switch (byte(z) % 8) {
    case 0:
    case 1:
        *proto = SOK_IPPROTO_TCP;
        at = 16;
        len = put_tcp(z, p);
        break;
    case 2:
        *proto = SOK_IPPROTO_UDP;
        at = 6;
        len = put_udp(z, p);
        break;
    case 3:
        *proto = byte(z);
        return bytes(z, p, byte(z));
    default:
        *proto = SOK_IPPROTO_ICMP6;
        at = 2;
        len = put_icmp(z, p);
        break;
    }
    if (byte(z) < 245)
        sum(p, len, at, *proto, src, dst);
    return len;
}

static void act_packet(struct fuzz *z)
{
    static const struct sok_addr *from[] = {
        &peer, &peer, &peer, &router, &router, &router, &far, &far, &far, &us, &all};
    static const struct sok_addr *to[] = {&us, &us, &us, &all, &group, &peer};
    static uint8_t f[HEAD + 2 * BODY_MAX + 4096], body[2 * BODY_MAX];
    const struct sok_addr *src = from[byte(z) % 11], *dst = to[byte(z) % 6];
    uint8_t proto;
    size_t len = put_body(z, body, &proto, src, dst);
    struct sok_ip6_hdr ip = {.version = 6, .hlim = byte(z) & 7 ? 255 : byte(z) & 1};
    size_t headers = put_headers(z, f + HEAD, &ip.nh, proto);
    memcpy(f + HEAD + headers, body, len);
    len += headers;
    ip.plen = (uint16_t)(byte(z) < 250 ? len : word(z));
    memcpy(ip.src, src->b, 16);
    memcpy(ip.dst, dst->b, 16);
    memcpy(f, dst->b[0] == 0xff ? (const uint8_t[]){0x33, 0x33, 0, 0, 0, dst->b[15]} : mac, 6);
    memcpy(f + 6, "\2\0\0\0\0\2\x86\xdd", 8);
    sok_ip6_hdr_put(f + IP_AT, &ip);
    size_t all_of_it = HEAD + len;
    if (byte(z) > 250)
        all_of_it -= byte(z) % all_of_it;
    sok_stack_input_bytes(z->stack, 1, f, all_of_it, z->now);
}

// ---- calls ----

static void call_datagrams(struct fuzz *z)
{
    static uint8_t data[3000];
    struct sok_endpoint at = {.port = 53}, to = {.addr = byte(z) & 1 ? peer : far, .port = 53};
    struct sok_iov iov = {data, word(z) % sizeof(data)};
    struct sok_group_change change = {
        .op = (enum sok_group_op)(byte(z) % 6), .link = 1, .group = group, .source = peer};
    if (!z->udp && sok_udp_open(z->stack, &at, &z->udp) != 0) {
        z->udp = NULL;
        return;
    }
    switch (byte(z) % 6) {
    case 0:
        to.addr = byte(z) & 1 ? group : to.addr;
        sok_udp_sendto(z->udp, &iov, 1, &to, z->now);
        break;
    case 1:
        sok_udp_recvfrom(z->udp, data, iov.len, &to, z->now);
        break;
    case 2:
        sok_udp_connect(z->udp, &to);
        break;
    case 3:
        sok_udp_close(z->udp);
        z->udp = NULL;
        break;
    default:
        sok_udp_group(z->udp, &change, z->now);
    }
}

static void call_others(struct fuzz *z)
{
    static uint8_t data[3000];
    struct sok_echo_reply reply;
    struct sok_endpoint from, to = {.addr = byte(z) & 1 ? peer : far};
    int64_t at;
    struct sok_iov iov = {data, word(z) % sizeof(data)};
    switch (byte(z) % 5) {
    case 0:
        sok_echo_send(z->echo, byte(z) & 1 ? &peer : &far, word(z), data, iov.len, 0, z->now);
        break;
    case 1:
        sok_echo_recv(z->echo, &reply, z->now);
        break;
    case 2:
        sok_raw_sendto(z->raw, &iov, 1, &to, z->now);
        break;
    case 3:
        sok_raw_recvfrom(z->raw, data, sizeof(data), &from, &at, z->now);
        break;
    default:
        if (byte(z) & 1)
            sok_stack_slaac_stop(z->stack, 1, z->now);
        else
            sok_stack_slaac_start(z->stack, 1, z->now);
    }
}

static void call_stream(struct fuzz *z)
{
    static uint8_t data[3000];
    struct sok_endpoint to = {.addr = byte(z) & 1 ? peer : far, .port = 80};
    struct sok_tcp_conn *c;
    struct sok_iov iov = {data, word(z) % sizeof(data)};
    if (sok_tcp_accept(z->listener, z->now, &c) == 0)
        sok_tcp_close(c, z->now);
    if (!z->conn) {
        int err = sok_stack_connect(z->stack, NULL, &to, z->now, &z->conn);
        z->conn = err == 0 || err == SOK_EINPROGRESS ? z->conn : NULL;
        z->port = z->conn ? sok_tcp_local(z->conn).port : z->port;
        return;
    }
    switch (byte(z) % 4) {
    case 0:
        sok_tcp_send(z->conn, &iov, 1, z->now);
        break;
    case 1:
        sok_tcp_recv(z->conn, data, iov.len, z->now);
        break;
    case 2:
        sok_tcp_close(z->conn, z->now);
        z->conn = NULL;
        break;
    default:
        sok_tcp_abort(z->conn, z->now);
        z->conn = NULL;
    }
}

// ---- a run ----

static void pull(struct fuzz *z)
{
    struct sok_frame_out out;
    struct sok_event e;
    for (unsigned i = 0; i < 2000 && sok_stack_output(z->stack, 1, z->now, &out); i++) {
        const uint8_t *p = out.iov[0].base;
        size_t have = out.iov[0].len;
        must(out.len <= 14 + 1500);
        if (have < HEAD || sok_get16(p + 12) != SOK_ETHERTYPE_IP6)
            continue;
        must(sok_get16(p + IP_AT + 4) == out.len - HEAD);
        z->last_len = have - IP_AT < 200 ? have - IP_AT : 200;
        memcpy(z->last, p + IP_AT, z->last_len);
        if (p[IP_AT + 6] == SOK_IPPROTO_TCP && have >= HEAD + 8)
            z->sent = sok_get32(p + HEAD + 4) + 1;
    }
    while (sok_stack_event(z->stack, &e))
        ;
    while (sok_stack_changed(z->stack))
        ;
}

static void step(struct fuzz *z)
{
    static const int64_t unit[] = {SOK_MS, 50 * SOK_MS, SOK_S, 60 * SOK_S};
    uint8_t what = byte(z) % 16;
    if (what < 10)
        act_packet(z);
    else if (what == 10)
        call_stream(z);
    else if (what == 11)
        call_others(z);
    else if (what < 14)
        call_datagrams(z);
    else
        z->now += unit[byte(z) % 4] * (1 + byte(z) % 16);
    for (unsigned i = 0; i < 50 && sok_stack_deadline(z->stack) <= z->now; i++)
        sok_stack_advance(z->stack, z->now);
    pull(z);
}

static void open_all(struct fuzz *z)
{
    struct sok_link_info info = {
        .name = "fuzz", .mtu = 1500, .caps = byte(z) & 1 ? SOK_LINK_POINT : 0};
    struct sok_endpoint at = {.port = 80};
    struct sok_addr any = {{0}};
    memcpy(info.mac, mac, 6);
    must(sok_stack_link_add(z->stack, &info) == 1);
    must(sok_stack_addr_add(z->stack, 1, us, 64) == 0);
    must(sok_stack_route_add(z->stack, any, 0, router, 1) == 0);
    must(sok_stack_slaac_start(z->stack, 1, z->now) == 0);
    must(sok_echo_open(z->stack, &z->echo) == 0);
    must(sok_raw_open6(z->stack, 102, &z->raw) == 0);
    must(sok_stack_listen(z->stack, &at, 4, z->now, &z->listener) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sok_stack_config config;
    struct sok_mem_counter memory = {.under = sok_mem_libc()};
    struct fuzz z = {.p = data, .left = size, .now = 1000 * SOK_S};
    sok_stack_config_default(&config);
    config.mem = sok_mem_counting(&memory);
    config.frag_memory = 65536;
    config.tcp.conns_max = 64;
    must(sok_stack_new(&config, &z.stack) == 0);
    open_all(&z);
    for (unsigned i = 0; i < STEPS_MAX && z.left > 0; i++) {
        step(&z);
        must(!sok_stack_check(z.stack));
        must(memory.bytes < MEMORY_MAX);
    }
    sok_stack_free(z.stack);
    must(memory.bytes == 0);
    return 0;
}
