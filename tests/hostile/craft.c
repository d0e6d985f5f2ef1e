#include "tests/hostile/craft.h"

#include <string.h>

uint16_t craft_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint64_t sum = start;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get16(p + i);
    if (len & 1)
        sum += (uint32_t)p[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t craft_pseudo(const uint8_t *ip, uint8_t proto, size_t len)
{
    return (uint32_t)get16(ip + 12) + get16(ip + 14) + get16(ip + 16) + get16(ip + 18) + proto +
           (uint32_t)len;
}

static size_t ip_head(const struct packet *p)
{
    return (size_t)(p->b[IP_AT] & 15) * 4;
}

// What the IP header claims to carry, cut to what is there.
static size_t ip_payload(const struct packet *p)
{
    size_t total = get16(p->b + IP_AT + 2), there = p->len - IP_AT, head = ip_head(p);
    if (total > there)
        total = there;
    return total > head ? total - head : 0;
}

void craft_ip_sum(struct packet *p)
{
    size_t head = ip_head(p);
    if (p->len < IP_AT + 20)
        return;
    if (head < 20 || IP_AT + head > p->len)
        head = 20;
    put16(p->b + IP_AT + 10, 0);
    put16(p->b + IP_AT + 10, craft_sum(p->b + IP_AT, head, 0));
}

void craft_sums(struct packet *p)
{
    static const size_t at[256] = {[1] = 2, [6] = 16, [17] = 6};
    craft_ip_sum(p);
    size_t len = ip_payload(p), head = ip_head(p);
    uint8_t proto = p->b[IP_AT + 9];
    if (!at[proto] || len < at[proto] + 2 || head < 20)
        return;
    uint8_t *payload = p->b + IP_AT + head;
    put16(payload + at[proto], 0);
    uint16_t sum = craft_sum(payload, len, proto == 1 ? 0 : craft_pseudo(p->b + IP_AT, proto, len));
    put16(payload + at[proto], sum == 0 && proto == 17 ? 0xffff : sum);
}

static bool to_many(uint32_t dst)
{
    return dst == 0xffffffff || (dst >> 28) == 14 || (dst & 255) == 255;
}

static void eth(struct packet *p, uint16_t type, bool broadcast)
{
    static const uint8_t to[6] = {2, 0, 0, 0, 0, 1}, from[6] = {2, 0, 0, 0, 0, 2};
    memcpy(p->b, to, 6);
    if (broadcast)
        memset(p->b, 0xff, 6);
    memcpy(p->b + 6, from, 6);
    put16(p->b + 12, type);
}

// Headers for a payload of len bytes, which the caller fills in; returns where it begins.
static uint8_t *begin(struct packet *p, const struct ip_fields *f, uint8_t proto, size_t len)
{
    size_t head = 20 + f->options_len;
    eth(p, 0x0800, to_many(f->dst));
    uint8_t *ip = p->b + IP_AT;
    memset(ip, 0, 20);
    ip[0] = (uint8_t)(0x40 | head / 4);
    ip[1] = f->tos;
    put16(ip + 2, (uint32_t)(head + len));
    put16(ip + 4, f->id);
    put16(ip + 6, f->frag);
    ip[8] = f->ttl ? f->ttl : 64;
    ip[9] = proto;
    put32(ip + 12, f->src);
    put32(ip + 16, f->dst);
    if (f->options_len)
        memcpy(ip + 20, f->options, f->options_len);
    p->len = IP_AT + head + len;
    return ip + head;
}

static void fill(uint8_t *to, const void *data, size_t len)
{
    if (len && data)
        memcpy(to, data, len);
    else if (len)
        memset(to, 0, len);
}

void craft_tcp(struct packet *p, const struct tcp_fields *f)
{
    uint8_t *t = begin(p, &f->ip, 6, 20 + f->options_len + f->len);
    put16(t, f->sport);
    put16(t + 2, f->dport);
    put32(t + 4, f->seq);
    put32(t + 8, f->ack);
    put16(t + 12, (uint32_t)((20 + f->options_len) / 4) << 12 | (f->flags & 0xfff));
    put16(t + 14, f->window);
    put16(t + 16, 0);
    put16(t + 18, f->urgent);
    fill(t + 20, f->options, f->options_len);
    fill(t + 20 + f->options_len, f->data, f->len);
    craft_sums(p);
}

void craft_udp(struct packet *p, const struct ip_fields *ip, uint16_t sport, uint16_t dport,
    const void *data, size_t len)
{
    uint8_t *u = begin(p, ip, 17, 8 + len);
    put16(u, sport);
    put16(u + 2, dport);
    put16(u + 4, (uint32_t)(8 + len));
    put16(u + 6, 0);
    fill(u + 8, data, len);
    craft_sums(p);
}

void craft_icmp(struct packet *p, const struct ip_fields *ip, uint8_t type, uint8_t code,
    uint32_t rest, const void *data, size_t len)
{
    uint8_t *i = begin(p, ip, 1, 8 + len);
    i[0] = type;
    i[1] = code;
    put16(i + 2, 0);
    put32(i + 4, rest);
    fill(i + 8, data, len);
    craft_sums(p);
}

void craft_ip(
    struct packet *p, const struct ip_fields *ip, uint8_t proto, const void *data, size_t len)
{
    fill(begin(p, ip, proto, len), data, len);
    craft_sums(p);
}

void craft_arp(struct packet *p, uint16_t op, uint32_t from, uint32_t asks)
{
    eth(p, 0x0806, op == 1);
    uint8_t *a = p->b + ETH_LEN;
    memset(a, 0, 28);
    put16(a, 1);
    put16(a + 2, 0x0800);
    a[4] = 6;
    a[5] = 4;
    put16(a + 6, op);
    memcpy(a + 8, p->b + 6, 6);
    put32(a + 14, from);
    if (op == 2)
        memcpy(a + 18, p->b, 6);
    put32(a + 24, asks);
    p->len = ETH_LEN + 28;
}
