// Items of the notation become a message: the way back of notation_icmp6.c.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "host/notation_icmp6.h"
#include "wire/icmp6.h"
#include "wire/mld.h"

#define PARTS_MAX 24

struct items {
    uint8_t *p;
    size_t len;
    unsigned records;
    uint16_t sources;
};

// The parts of a value, cut in place.
static unsigned cut(char *value, char *parts[PARTS_MAX])
{
    unsigned n = 0;
    for (char *next = value; next && n < PARTS_MAX;) {
        parts[n++] = next;
        next = strchr(next, '+');
        if (next)
            *next++ = 0;
    }
    return n;
}

static bool number(const char *text, uint64_t max, uint32_t *out)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    *out = (uint32_t)v;
    return text[0] >= '0' && text[0] <= '9' && !*end && v <= max;
}

static bool lifetime(const char *text, uint32_t *out)
{
    *out = SOK_ND_LIFE_EVER;
    return strcmp(text, "ever") == 0 || number(text, UINT32_MAX, out);
}

static bool flags(const char *text, const char *letters, unsigned *bits)
{
    *bits = 0;
    for (; *text; text++) {
        const char *at = strchr(letters, *text);
        if (!at)
            return false;
        *bits |= 1u << (at - letters);
    }
    return true;
}

static bool preference(const char *text, unsigned *out)
{
    for (*out = 0; *out < 4; ++*out) {
        if (strcmp(text, sok_icmp6_preferences[*out]) == 0)
            return true;
    }
    return false;
}

static bool network(char *text, struct sok_addr *net, uint8_t *len)
{
    uint32_t v;
    char *slash = strchr(text, '/');
    if (!slash || !number(slash + 1, 255, &v))
        return false;
    *slash = 0;
    *len = (uint8_t)v;
    return sok_addr_parse(text, net);
}

static bool hex(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    unsigned byte;
    size_t n = strlen(text);
    *len = 0;
    if (n % 2 || n / 2 > cap || strspn(text, "0123456789abcdefABCDEF") != n)
        return false;
    for (; *len < n / 2 && sscanf(text + 2 * *len, "%2x", &byte) == 1; ++*len)
        out[*len] = (uint8_t)byte;
    return true;
}

static bool put_mac(struct items *o, const char *text)
{
    unsigned v[6];
    int used = 0;
    uint8_t mac[6];
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
            &used) != 6 ||
        text[used])
        return false;
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)v[i];
    bool target = sok_icmp6_is_own_link(o->p[0], SOK_ND_OPT_TARGET);
    o->len += sok_nd_put_link(o->p + o->len, target ? SOK_ND_OPT_TARGET : SOK_ND_OPT_SOURCE, mac);
    return true;
}

static bool put_prefix(struct items *o, char **part, unsigned n)
{
    struct sok_nd_prefix_hdr h = {0};
    struct sok_addr net;
    unsigned bits;
    if (n != 4 || !network(part[0], &net, &h.prefixlen) || !flags(part[1], "LAR", &bits) ||
        !lifetime(part[2], &h.validlifetime) || !lifetime(part[3], &h.preferredlifetime))
        return false;
    h.L = bits & 1;
    h.A = bits >> 1 & 1;
    h.R = bits >> 2 & 1;
    memcpy(h.prefix, net.b, 16);
    o->len += sok_nd_put_prefix(o->p + o->len, &h);
    return true;
}

static bool put_route(struct items *o, char **part, unsigned n)
{
    struct sok_nd_route_hdr h = {0};
    struct sok_addr net;
    unsigned prf;
    if (n != 3 || !network(part[0], &net, &h.plen) || !preference(part[1], &prf) ||
        !lifetime(part[2], &h.rtlifetime))
        return false;
    h.prf = (uint8_t)prf;
    o->len += sok_nd_put_route(o->p + o->len, &h, &net);
    return true;
}

static bool put_rdnss(struct items *o, char **part, unsigned n)
{
    struct sok_addr servers[PARTS_MAX];
    uint32_t life;
    if (n < 1 || !lifetime(part[0], &life))
        return false;
    for (unsigned i = 1; i < n; i++) {
        if (!sok_addr_parse(part[i], &servers[i - 1]))
            return false;
    }
    o->len += sok_nd_put_rdnss(o->p + o->len, life, servers, n - 1);
    return true;
}

static bool put_dnssl(struct items *o, char **part, unsigned n)
{
    struct sok_nd_dns_hdr h = {0};
    uint8_t *p = o->p + o->len;
    size_t len = 2 + SOK_ND_DNS_LEN;
    if (n < 1 || !lifetime(part[0], &h.lifetime))
        return false;
    memset(p, 0, 256);
    sok_nd_dns_hdr_put(p + 2, &h);
    for (unsigned i = 1; i < n; i++) {
        char *save, *label = strtok_r(part[i], ".", &save);
        for (; label; label = strtok_r(NULL, ".", &save)) {
            size_t bytes = strlen(label);
            if (bytes > 63 || len + bytes + 2 > 240)
                return false;
            p[len++] = (uint8_t)bytes;
            memcpy(p + len, label, bytes);
            len += bytes;
        }
        p[len++] = 0;
    }
    len = (len + 7) / 8 * 8;
    p[0] = SOK_ND_OPT_DNSSL;
    p[1] = (uint8_t)(len / 8);
    o->len += len;
    return true;
}

static bool put_record(struct items *o, uint8_t type, char **part, unsigned n)
{
    struct sok_mld2_record_hdr r = {.rtype = type, .sources_number = (uint16_t)(n - 1)};
    struct sok_addr a;
    for (unsigned i = 0; i < n; i++) {
        if (!sok_addr_parse(part[i], &a))
            return false;
        if (i == 0)
            memcpy(r.dst, a.b, 16);
        else
            memcpy(o->p + o->len + SOK_MLD2_RECORD_LEN + 16 * (i - 1), a.b, 16);
    }
    sok_mld2_record_hdr_put(o->p + o->len, &r);
    o->len += SOK_MLD2_RECORD_LEN + 16 * (n - 1);
    o->records++;
    return true;
}

// What stands in the fixed part of a router's advertisement.
static bool put_ra(struct items *o, const char *name, const char *value)
{
    struct sok_nd_ra_hdr h;
    uint32_t v;
    unsigned bits;
    sok_nd_ra_hdr_get(o->p, &h);
    if (strcmp(name, "flags") == 0 && flags(value, "MOH", &bits)) {
        h.M = bits & 1;
        h.O = bits >> 1 & 1;
        h.H = bits >> 2 & 1;
    } else if (strcmp(name, "pref") == 0 && preference(value, &bits)) {
        h.prf = (uint8_t)bits;
    } else if (strcmp(name, "hops") == 0 && number(value, 255, &v)) {
        h.chlim = (uint8_t)v;
    } else if (strcmp(name, "life") == 0 && number(value, 65535, &v)) {
        h.routerlifetime = (uint16_t)v;
    } else if (strcmp(name, "reachable") == 0 && number(value, UINT32_MAX, &v)) {
        h.reachabletime = v;
    } else if (strcmp(name, "retrans") == 0 && number(value, UINT32_MAX, &v)) {
        h.retranstimer = v;
    } else {
        return false;
    }
    sok_nd_ra_hdr_put(o->p, &h);
    return true;
}

static bool put_na(struct items *o, const char *name, const char *value)
{
    struct sok_nd_na_hdr h;
    unsigned bits;
    if (strcmp(name, "flags") != 0 || !flags(value, "RSO", &bits))
        return false;
    sok_nd_na_hdr_get(o->p, &h);
    h.R = bits & 1;
    h.S = bits >> 1 & 1;
    h.O = bits >> 2 & 1;
    sok_nd_na_hdr_put(o->p, &h);
    return true;
}

static bool put_query(struct items *o, const char *name, const char *value)
{
    struct sok_addr a;
    uint32_t v;
    if (strcmp(name, "delay") == 0 && number(value, 32767, &v)) {
        sok_put16(o->p + 4, (uint16_t)v);
        return true;
    }
    if (o->len < SOK_MLD2_QUERY_LEN) {
        memset(o->p + o->len, 0, SOK_MLD2_QUERY_LEN - o->len);
        o->len = SOK_MLD2_QUERY_LEN;
    }
    if (strcmp(name, "robust") == 0 && number(value, 7, &v))
        o->p[24] |= (uint8_t)v;
    else if (strcmp(name, "suppress") == 0 && number(value, 1, &v))
        o->p[24] |= (uint8_t)(v << 3);
    else if (strcmp(name, "interval") == 0 && number(value, 255, &v))
        o->p[25] = (uint8_t)v;
    else if (strcmp(name, "source") == 0 && sok_addr_parse(value, &a)) {
        memcpy(o->p + o->len, a.b, 16);
        o->len += 16;
        sok_put16(o->p + 26, ++o->sources);
    } else {
        return false;
    }
    return true;
}

static bool put_fixed(struct items *o, const char *name, const char *value)
{
    struct sok_addr a;
    switch (o->p[0]) {
    case SOK_ICMP6_RA:
        return put_ra(o, name, value);
    case SOK_ICMP6_NA:
        return put_na(o, name, value);
    case SOK_ICMP6_MLD_QUERY:
        return put_query(o, name, value);
    case SOK_ICMP6_REDIRECT:
        if (strcmp(name, "dst") != 0 || !sok_addr_parse(value, &a))
            return false;
        memcpy(o->p + SOK_ND_NS_LEN, a.b, 16);
        return true;
    default:
        return false;
    }
}

static bool put_option(struct items *o, const char *name, char *value)
{
    char *part[PARTS_MAX];
    uint8_t nonce[SOK_ND_NONCE_LEN];
    uint32_t v;
    size_t len;
    uint8_t *p = o->p + o->len;
    if (strcmp(name, "mac") == 0)
        return put_mac(o, value);
    if (strcmp(name, "prefix") == 0)
        return put_prefix(o, part, cut(value, part));
    if (strcmp(name, "route") == 0)
        return put_route(o, part, cut(value, part));
    if (strcmp(name, "rdnss") == 0)
        return put_rdnss(o, part, cut(value, part));
    if (strcmp(name, "dnssl") == 0)
        return put_dnssl(o, part, cut(value, part));
    if (strcmp(name, "mtu") == 0 && number(value, UINT32_MAX, &v)) {
        o->len += sok_nd_put_mtu(p, v);
        return true;
    }
    if (strcmp(name, "nonce") == 0 && hex(value, nonce, sizeof nonce, &len) &&
        len == sizeof nonce) {
        o->len += sok_nd_put_nonce(p, nonce);
        return true;
    }
    if (!number(name, 255, &v) || !hex(value, p + 2, 254, &len) || (len + 2) % 8)
        return false;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)((len + 2) / 8);
    o->len += len + 2;
    return true;
}

// The most that one item takes: an option, or a record with all parts as sources.
#define ITEM_MAX (SOK_MLD2_RECORD_LEN + 16 * PARTS_MAX)

static bool put_item(struct items *o, const char *name, char *value)
{
    char *part[PARTS_MAX];
    if (o->len + ITEM_MAX > SOK_ICMP6_ITEMS_ROOM)
        return false;
    if (o->p[0] == SOK_ICMP6_MLD2_REPORT) {
        for (uint8_t i = 1; i < SOK_ICMP6_RECORD_NAMES; i++) {
            if (strcmp(name, sok_icmp6_record_names[i]) == 0)
                return put_record(o, i, part, cut(value, part));
        }
        return false;
    }
    return put_fixed(o, name, value) || (sok_nd_fixed(o->p[0]) && put_option(o, name, value));
}

size_t sok_icmp6_put_items(uint8_t message[SOK_ICMP6_ITEMS_ROOM], const char *items)
{
    char text[SOK_ICMP6_WITH_MAX];
    uint8_t type = message[0];
    struct items o = {.p = message,
        .len = sok_nd_fixed(type)              ? sok_nd_fixed(type)
               : type == SOK_ICMP6_MLD2_REPORT ? SOK_MLD2_REPORT_LEN
                                               : SOK_MLD_LEN};
    memset(message + 1, 0, o.len - 1);
    snprintf(text, sizeof text, "%s", items);
    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        char *value = strchr(w, '=');
        if (!value)
            return 0;
        *value++ = 0;
        if (!put_item(&o, w, value))
            return 0;
    }
    if (type == SOK_ICMP6_MLD2_REPORT)
        sok_put16(message + 6, (uint16_t)o.records);
    return o.len;
}
