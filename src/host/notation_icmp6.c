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

const char *const sok_icmp6_record_names[SOK_ICMP6_RECORD_NAMES] = {
    NULL, "is-in", "is-ex", "to-in", "to-ex", "allow", "block"};

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

const char *const sok_icmp6_preferences[4] = {"medium", "high", "reserved", "low"};

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
    sok_text_add(t, "/%u+%s+", h.plen, sok_icmp6_preferences[h.prf]);
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

bool sok_icmp6_is_own_link(uint8_t type, uint8_t kind)
{
    bool target = type == SOK_ICMP6_NA || type == SOK_ICMP6_REDIRECT;
    return kind == (target ? SOK_ND_OPT_TARGET : SOK_ND_OPT_SOURCE);
}

static void item_option(struct sok_text *t, uint8_t type, const struct sok_option *o)
{
    char kind[8];
    if (sok_icmp6_is_own_link(type, o->kind) && o->len == SOK_ND_LINK_LEN) {
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
            sok_text_add_str(t, sok_icmp6_preferences[ra.prf]);
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
            r.rtype >= SOK_ICMP6_RECORD_NAMES || r.auxdata_len ||
            have - at < SOK_MLD2_RECORD_LEN + 16u * r.sources_number)
            return false;
        item(t, sok_icmp6_record_names[r.rtype]);
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
