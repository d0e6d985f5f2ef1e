// Name servers and search lists that routers (RFC 8106 section 5.3.1) or DHCPv6 tell, each as long as it is good.
#include <string.h>
#include "base/str.h"
#include "stack/internal.h"
#include "stack/slaac.h"
#include "wire/name.h"

static int64_t after(int64_t now, uint32_t seconds)
{
    return seconds == SOK_ND_LIFE_EVER ? SOK_TIME_NEVER : now + (int64_t)seconds * SOK_S;
}

static void sooner(struct sok_slaac *a, int64_t at)
{
    a->due = at < a->due ? at : a->due;
}

static void publish(struct sok_slaac *a)
{
    struct sok_slaac_info before = a->info;
    a->info.dns_count = a->info.search_count = 0;
    for (unsigned i = 0; i < SOK_SLAAC_DNS_MAX; i++)
        if (a->servers[i].until)
            a->info.dns[a->info.dns_count++] = a->servers[i].addr;
    for (unsigned i = 0; i < SOK_SLAAC_SEARCH_MAX; i++)
        if (a->searches[i].until)
            memcpy(a->info.search[a->info.search_count++], a->searches[i].name, SOK_LEASE_NAME_MAX);
    before.changes = a->info.changes;
    if (memcmp(&before, &a->info, sizeof(before)) != 0)
        a->info.changes++;
}

void sok_slaac_server(
    struct sok_slaac *a, const struct sok_addr *addr, uint32_t lifetime, int64_t now)
{
    struct sok_slaac_server *at = NULL;
    if (sok_addr_is_any(*addr) || sok_addr_is_multicast(*addr) || sok_addr_is_v4(*addr))
        return;
    for (unsigned i = 0; i < SOK_SLAAC_DNS_MAX; i++) {
        struct sok_slaac_server *o = &a->servers[i];
        if (o->until && sok_addr_eq(o->addr, *addr)) {
            at = o;
            break;
        }
        if (!at && !o->until)
            at = o;
    }
    bool known = at && at->until;
    if (!at || (!known && lifetime == 0)) // full: what is known stays
        return;
    at->addr = *addr;
    at->until = lifetime ? after(now, lifetime) : 0;
    if (at->until)
        sooner(a, at->until);
    publish(a);
}

void sok_slaac_search(struct sok_slaac *a, const char *name, uint32_t lifetime, int64_t now)
{
    struct sok_slaac_search *at = NULL;
    for (unsigned i = 0; i < SOK_SLAAC_SEARCH_MAX; i++) {
        struct sok_slaac_search *o = &a->searches[i];
        if (o->until && sok_str_eq(o->name, name)) {
            at = o;
            break;
        }
        if (!at && !o->until)
            at = o;
    }
    bool known = at && at->until;
    if (!at || (!known && lifetime == 0))
        return;
    memset(at->name, 0, sizeof(at->name));
    memcpy(at->name, name, sok_str_len(name));
    at->until = lifetime ? after(now, lifetime) : 0;
    if (at->until)
        sooner(a, at->until);
    publish(a);
}

void sok_slaac_rdnss(struct sok_slaac *a, const uint8_t *value, size_t len, int64_t now)
{
    struct sok_nd_dns_hdr h;
    struct sok_addr addr;
    if (!sok_nd_dns_get(value, len, &h))
        return;
    for (size_t at = SOK_ND_DNS_LEN; at + 16 <= len; at += 16) {
        memcpy(addr.b, value + at, 16);
        sok_slaac_server(a, &addr, h.lifetime, now);
    }
}

void sok_slaac_dnssl(struct sok_slaac *a, const uint8_t *value, size_t len, int64_t now)
{
    struct sok_nd_dns_hdr h;
    char name[SOK_NAME_MAX];
    size_t at = SOK_ND_DNS_LEN;
    if (!sok_nd_dns_get(value, len, &h))
        return;
    while (sok_name_next(value, len, &at, name))
        sok_slaac_search(a, name, h.lifetime, now);
}

void sok_slaac_names_due(struct sok_slaac *a, int64_t now)
{
    for (unsigned i = 0; i < SOK_SLAAC_DNS_MAX; i++)
        if (a->servers[i].until <= now)
            a->servers[i].until = 0;
    for (unsigned i = 0; i < SOK_SLAAC_SEARCH_MAX; i++)
        if (a->searches[i].until <= now)
            a->searches[i].until = 0;
    publish(a);
}
