// `in` lines over IPv6: its header and the extension headers that a line spells out, "hop=HEX,dest=HEX,frag=HEX", each
// without its next header and length. A fragment's are id, off and more, as of IPv4's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "host/drill_internal.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

#define HEADERS_MAX 512

struct chain {
    uint8_t bytes[HEADERS_MAX];
    uint32_t len;
    uint8_t *next; // where the number of the header to come goes
    uint8_t first;
};

static void chain_add(struct chain *c, uint8_t kind, const uint8_t *data, uint32_t len)
{
    uint32_t whole = (len + 2 + 7) / 8 * 8;
    if (c->len + whole > HEADERS_MAX)
        return;
    uint8_t *p = c->bytes + c->len;
    memset(p, 0, whole);
    memcpy(p + 2, data, len);
    p[1] = kind == SOK_IP6_FRAG ? 0 : (uint8_t)(whole / 8 - 1);
    *c->next = kind;
    c->next = p;
    c->len += whole;
}

static uint8_t header_kind(const char *word)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } names[] = {{"hop", SOK_IP6_HOP}, {"routing", SOK_IP6_ROUTING}, {"dest", SOK_IP6_DEST},
        {"frag", SOK_IP6_FRAG}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, word) == 0)
            return names[i].kind;
    }
    return (uint8_t)atoi(word);
}

static void chain_spelled(struct chain *c, const char *headers)
{
    char text[SOK_LINE_LIST_MAX];
    snprintf(text, sizeof text, "%s", headers);
    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        uint8_t data[SOK_LINE_LIST_MAX / 2];
        uint32_t len = 0;
        unsigned byte;
        char *hex = strchr(w, '=');
        for (char *p = hex ? hex + 1 : NULL; p && sscanf(p, "%2x", &byte) == 1; p += 2) {
            data[len++] = (uint8_t)byte;
            if (!p[1])
                break;
        }
        if (hex)
            *hex = 0;
        else
            memcpy(data, "\x01\x04\0\0\0", len = 6); // padding
        chain_add(c, header_kind(w), data, len);
    }
}

static bool is_listener_message(const struct sok_line *l)
{
    return l->head == SOK_HEAD_ICMP6 &&
           ((l->type >= SOK_ICMP6_MLD_QUERY && l->type <= SOK_ICMP6_MLD_DONE) ||
               l->type == SOK_ICMP6_MLD2_REPORT);
}

static void chain_of_line(struct chain *c, const struct sok_line *l, uint8_t proto)
{
    c->len = 0;
    c->next = &c->first;
    if (l->has & SOK_HAS(HEADERS))
        chain_spelled(c, l->headers);
    else if (is_listener_message(l)) // with the router's attention (RFC 3810 section 5)
        chain_add(c, SOK_IP6_HOP, (const uint8_t *)"\x05\x02\0\0\x01", 6);
    if (l->head == SOK_HEAD_IP && (l->has & (SOK_HAS(ID) | SOK_HAS(OFF) | SOK_HAS(MORE)))) {
        uint8_t frag[6];
        sok_put16(frag, (uint16_t)((l->off / 8) << 3 | l->more));
        sok_put32(frag + 2, l->id);
        chain_add(c, SOK_IP6_FRAG, frag, sizeof frag);
    }
    *c->next = proto;
}

uint32_t sok_drill_ip6_len(const struct sok_line *l)
{
    struct chain c;
    chain_of_line(&c, l, 0);
    return SOK_IP6_HDR_LEN + c.len;
}

// Neighbour discovery is heard at 255 alone (RFC 4861), group membership is sent at 1 (RFC 3810).
static uint8_t hop_limit(const struct sok_line *l)
{
    if (l->has & SOK_HAS(TTL))
        return (uint8_t)l->ttl;
    if (is_listener_message(l))
        return 1;
    return l->head == SOK_HEAD_ICMP6 && sok_nd_fixed((uint8_t)l->type) ? 255 : 64;
}

uint32_t sok_drill_ip6_put(uint8_t *p, const struct sok_line *l, uint8_t proto,
    const struct sok_addr *src, const struct sok_addr *dst, uint32_t len)
{
    struct chain c;
    chain_of_line(&c, l, proto);
    struct sok_ip6_hdr h = {
        .version = 6,
        .tc = l->has & SOK_HAS(TOS) ? (uint8_t)l->tos : 0,
        .fl = l->has & SOK_HAS(FLOW) ? l->flow : 0,
        .plen = (uint16_t)(c.len + len),
        .nh = c.first,
        .hlim = hop_limit(l),
    };
    memcpy(h.src, src->b, 16);
    memcpy(h.dst, dst->b, 16);
    sok_ip6_hdr_put(p, &h);
    memcpy(p + SOK_IP6_HDR_LEN, c.bytes, c.len);
    return SOK_IP6_HDR_LEN + c.len;
}
