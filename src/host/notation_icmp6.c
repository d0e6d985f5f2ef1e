#include "host/notation_icmp6.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "wire/icmp6.h"
#include "wire/mld.h"
#include "wire/name.h"
#include "wire/text.h"

const char sok_icmp6_items_help[] =
    "mac= nonce= mtu= prefix=NET/LENGTH+FLAGS+VALID+PREFERRED route=NET/LENGTH+PREFERENCE+LIFETIME "
    "rdnss=LIFETIME+ADDRESS dnssl=LIFETIME+NAME; hops= flags= pref= life= reachable= retrans= "
    "dst=; delay= robust= "
    "interval= suppress= source=; is-in= is-ex= to-in= to-ex= allow= block=; KIND=HEX";

static const char *const record_names[] = {
    NULL, "is-in", "is-ex", "to-in", "to-ex", "allow", "block"};
#define RECORD_NAMES (sizeof record_names / sizeof *record_names)

bool sok_icmp6_has_target(uint8_t type)
{
    return type == SOK_ICMP6_NS || type == SOK_ICMP6_NA || type == SOK_ICMP6_REDIRECT ||
           type == SOK_ICMP6_MLD_QUERY || type == SOK_ICMP6_MLD_REPORT ||
           type == SOK_ICMP6_MLD_DONE;
}

bool sok_icmp6_has_items(uint8_t type)
{
    return sok_nd_fixed(type) || sok_icmp6_has_target(type) || type == SOK_ICMP6_MLD2_REPORT;
}

// ---- message to text ----

static void item(struct sok_text *t, const char *name)
{
    if (t->used)
        sok_text_add_char(t, ',');
    sok_text_add_str(t, name);
    sok_text_add_char(t, '=');
}

static void item_number(struct sok_text *t, const char *name, uint32_t v)
{
    if (v) {
        item(t, name);
        sok_text_add_uint(t, v);
    }
}

static void item_flags(struct sok_text *t, const char *letters, unsigned bits)
{
    if (!bits)
        return;
    item(t, "flags");
    for (unsigned i = 0; letters[i]; i++) {
        if (bits & 1u << i)
            sok_text_add_char(t, letters[i]);
    }
}

static void add_life(struct sok_text *t, uint32_t seconds)
{
    if (seconds == SOK_ND_LIFE_EVER)
        sok_text_add_str(t, "ever");
    else
        sok_text_add_uint(t, seconds);
}

static const char *const preferences[] = {"medium", "high", "reserved", "low"};

static void item_prefix(struct sok_text *t, const uint8_t *p)
{
    struct sok_nd_prefix_hdr h;
    sok_nd_prefix_hdr_get(p, &h);
    item(t, "prefix");
    sok_text_add_ip6(t, h.prefix);
    sok_text_add(t, "/%u+%s%s%s+", h.prefixlen, h.L ? "L" : "", h.A ? "A" : "", h.R ? "R" : "");
    add_life(t, h.validlifetime);
    sok_text_add_char(t, '+');
    add_life(t, h.preferredlifetime);
}

static void item_route(struct sok_text *t, const uint8_t *p, size_t len)
{
    struct sok_nd_route_hdr h;
    struct sok_addr prefix = {{0}};
    sok_nd_route_hdr_get(p, &h);
    memcpy(prefix.b, p + SOK_ND_ROUTE_LEN, len - SOK_ND_ROUTE_LEN);
    item(t, "route");
    sok_text_add_ip6(t, prefix.b);
    sok_text_add(t, "/%u+%s+", h.plen, preferences[h.prf]);
    add_life(t, h.rtlifetime);
}

static void item_dns(struct sok_text *t, const struct sok_option *o)
{
    struct sok_nd_dns_hdr h;
    char name[SOK_NAME_MAX];
    bool servers = o->kind == SOK_ND_OPT_RDNSS;
    sok_nd_dns_hdr_get(o->data, &h);
    item(t, servers ? "rdnss" : "dnssl");
    add_life(t, h.lifetime);
    const uint8_t *p = o->data + SOK_ND_DNS_LEN;
    size_t len = o->len - SOK_ND_DNS_LEN, at = 0;
    for (; servers && at + 16 <= len; at += 16) {
        sok_text_add_char(t, '+');
        sok_text_add_ip6(t, p + at);
    }
    while (!servers && sok_name_next(p, len, &at, name)) {
        sok_text_add_char(t, '+');
        sok_text_add_str(t, name);
    }
}

static bool is_own_link(uint8_t type, uint8_t kind)
{
    bool target = type == SOK_ICMP6_NA || type == SOK_ICMP6_REDIRECT;
    return kind == (target ? SOK_ND_OPT_TARGET : SOK_ND_OPT_SOURCE);
}

static void item_option(struct sok_text *t, uint8_t type, const struct sok_option *o)
{
    char kind[8];
    if (is_own_link(type, o->kind) && o->len == SOK_ND_LINK_LEN) {
        item(t, "mac");
        sok_text_add_mac(t, o->data);
    } else if (o->kind == SOK_ND_OPT_NONCE && o->len == SOK_ND_NONCE_LEN) {
        item(t, "nonce");
        sok_text_add_hex(t, o->data, o->len);
    } else if (o->kind == SOK_ND_OPT_MTU && o->len == SOK_ND_MTU_LEN) {
        item(t, "mtu");
        sok_text_add_uint(t, sok_get32(o->data + 2));
    } else if (o->kind == SOK_ND_OPT_PREFIX && o->len == SOK_ND_PREFIX_LEN) {
        item_prefix(t, o->data);
    } else if (o->kind == SOK_ND_OPT_ROUTE && o->len >= SOK_ND_ROUTE_LEN &&
               o->len <= SOK_ND_ROUTE_LEN + 16) {
        item_route(t, o->data, o->len);
    } else if ((o->kind == SOK_ND_OPT_RDNSS || o->kind == SOK_ND_OPT_DNSSL) &&
               o->len >= SOK_ND_DNS_LEN) {
        item_dns(t, o);
    } else {
        snprintf(kind, sizeof kind, "%u", o->kind);
        item(t, kind);
        sok_text_add_hex(t, o->data, o->len);
    }
}

static void items_fixed(struct sok_text *t, const uint8_t *p)
{
    struct sok_nd_ra_hdr ra;
    struct sok_nd_na_hdr na;
    switch (p[0]) {
    case SOK_ICMP6_RA:
        sok_nd_ra_hdr_get(p, &ra);
        item(t, "life");
        sok_text_add_uint(t, ra.routerlifetime);
        item_number(t, "hops", ra.chlim);
        item_flags(t, "MOH", ra.M | ra.O << 1 | (unsigned)ra.H << 2);
        if (ra.prf) {
            item(t, "pref");
            sok_text_add_str(t, preferences[ra.prf]);
        }
        item_number(t, "reachable", ra.reachabletime);
        item_number(t, "retrans", ra.retranstimer);
        break;
    case SOK_ICMP6_NA:
        sok_nd_na_hdr_get(p, &na);
        item_flags(t, "RSO", na.R | na.S << 1 | (unsigned)na.O << 2);
        break;
    case SOK_ICMP6_REDIRECT:
        item(t, "dst");
        sok_text_add_ip6(t, p + SOK_ND_NS_LEN);
        break;
    default:
        break;
    }
}

static bool items_of_nd(struct sok_text *t, const uint8_t *p, size_t have)
{
    if (!sok_nd_check(p, have))
        return false;
    items_fixed(t, p);
    struct sok_options o = sok_nd_options(p, have);
    for (struct sok_option opt; sok_option_next(&o, &opt);)
        item_option(t, p[0], &opt);
    return true;
}

static bool items_of_query(struct sok_text *t, const uint8_t *p, size_t have)
{
    struct sok_mld_hdr h;
    struct sok_mld2_query_hdr q;
    if (!sok_mld_get(p, have, &h))
        return false;
    if (have < SOK_MLD2_QUERY_LEN) {
        item_number(t, "delay", h.mrd);
        return have == SOK_MLD_LEN;
    }
    sok_mld2_query_hdr_get(p, &q);
    item_number(t, "delay", sok_mld_delay_ms(q.mrd));
    item(t, "robust");
    sok_text_add_uint(t, q.QRV);
    item_number(t, "interval", q.QQIC);
    item_number(t, "suppress", q.S);
    if (have != SOK_MLD2_QUERY_LEN + 16u * q.sources_number)
        return false;
    for (unsigned i = 0; i < q.sources_number; i++) {
        item(t, "source");
        sok_text_add_ip6(t, p + SOK_MLD2_QUERY_LEN + 16 * i);
    }
    return true;
}

static bool items_of_report(struct sok_text *t, const uint8_t *p, size_t have)
{
    struct sok_mld2_report_hdr h;
    struct sok_mld2_record_hdr r;
    if (!sok_mld2_report_get(p, have, &h))
        return false;
    size_t at = SOK_MLD2_REPORT_LEN;
    for (unsigned i = 0; i < h.records_number; i++) {
        if (!sok_mld2_record_get(p + at, have - at, &r) || r.rtype == 0 ||
            r.rtype >= RECORD_NAMES || r.auxdata_len ||
            have - at < SOK_MLD2_RECORD_LEN + 16u * r.sources_number)
            return false;
        item(t, record_names[r.rtype]);
        sok_text_add_ip6(t, r.dst);
        at += SOK_MLD2_RECORD_LEN;
        for (unsigned k = 0; k < r.sources_number; k++, at += 16) {
            sok_text_add_char(t, '+');
            sok_text_add_ip6(t, p + at);
        }
    }
    return at == have;
}

bool sok_icmp6_items(const uint8_t *message, size_t have, char out[SOK_ICMP6_WITH_MAX])
{
    struct sok_text t = sok_text(out, SOK_ICMP6_WITH_MAX);
    bool ok = sok_nd_fixed(message[0])              ? items_of_nd(&t, message, have)
              : message[0] == SOK_ICMP6_MLD2_REPORT ? items_of_report(&t, message, have)
              : message[0] == SOK_ICMP6_MLD_QUERY   ? items_of_query(&t, message, have)
              : sok_icmp6_has_target(message[0])    ? have == SOK_MLD_LEN
                                                    : false;
    return ok && t.used < SOK_ICMP6_WITH_MAX;
}

// ---- text to message ----

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
        if (strcmp(text, preferences[*out]) == 0)
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
    bool target = is_own_link(o->p[0], SOK_ND_OPT_TARGET);
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
        for (uint8_t i = 1; i < RECORD_NAMES; i++) {
            if (strcmp(name, record_names[i]) == 0)
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

// ---- comparing ----

static size_t token(const char **p, const char **start)
{
    *start = *p;
    size_t n = strcspn(*p, ",");
    *p += n + ((*p)[n] == ',');
    return n;
}

bool sok_icmp6_items_say(const char *got, const char *want)
{
    const char *a, *b;
    while (*want) {
        size_t n = token(&want, &a), m;
        do {
            if (!*got)
                return false;
            m = token(&got, &b);
        } while (m != n || memcmp(a, b, n) != 0);
    }
    return true;
}
