#include "stack/link_local.h"

#include <string.h>
#include "base/siphash.h"
#include "stack/internal.h"

// RFC 3927 section 9.
#define MAX_CONFLICTS       10
#define RATE_LIMIT_INTERVAL (60 * SOK_S)

static struct sok_link_local *of(const struct sok_stack *s, uint8_t link)
{
    return &s->links[link]->link_local;
}

// Section 2.1: the same sequence every time, another for every station.
static struct sok_addr choose(const struct sok_stack *s, uint8_t link, uint32_t turn)
{
    static const uint8_t key[16] = {169, 254};
    uint8_t in[10];
    memcpy(in, s->links[link]->info.mac, 6);
    sok_put32(in + 6, turn);
    uint32_t host = (uint32_t)(sok_siphash(key, in, sizeof(in)) % (254 * 256));
    return sok_addr_v4(0xa9fe0100 + host);
}

static void claim(struct sok_stack *s, uint8_t link, int64_t now)
{
    struct sok_link_local *l = of(s, link);
    l->addr = choose(s, link, l->conflicts);
    l->retry_at = SOK_TIME_NEVER;
    if (sok_acd_claim(s, link, l->addr, 16, s->config.acd_early, SOK_ORIGIN_OWN, now) < 0)
        l->retry_at = now + RATE_LIMIT_INTERVAL;
}

void sok_link_local_news(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_addr_news what)
{
    struct sok_link_local *l = of(s, link);
    if (!l->on || what != SOK_ADDR_TAKEN || !sok_addr_eq(l->addr, *addr))
        return;
    l->conflicts++;
    l->retry_at = l->conflicts > MAX_CONFLICTS ? s->now + RATE_LIMIT_INTERVAL : s->now;
}

void sok_link_locals_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 1; i < s->link_count; i++) {
        struct sok_link_local *l = of(s, (uint8_t)i);
        if (!l->on || l->retry_at > now)
            continue;
        sok_acd_forget(s, (uint8_t)i, &l->addr);
        claim(s, (uint8_t)i, now);
    }
}

int64_t sok_link_locals_deadline(const struct sok_stack *s)
{
    int64_t least = SOK_TIME_NEVER;
    for (unsigned i = 1; i < s->link_count; i++) {
        const struct sok_link_local *l = of(s, (uint8_t)i);
        if (l->on && l->retry_at < least)
            least = l->retry_at;
    }
    return least;
}

int sok_stack_link_local_start(struct sok_stack *stack, uint8_t link, int64_t now)
{
    stack->now = now;
    if (link == SOK_STACK_LOCAL || link >= stack->link_count)
        return SOK_ENODEV;
    if (!sok_link_has_stations(stack->links[link]))
        return SOK_EOPNOTSUPP;
    struct sok_link_local *l = of(stack, link);
    if (l->on)
        return SOK_EADDRINUSE;
    *l = (struct sok_link_local){.on = true};
    claim(stack, link, now);
    return 0;
}

void sok_stack_link_local_stop(struct sok_stack *stack, uint8_t link, int64_t now)
{
    stack->now = now;
    if (link >= stack->link_count || !of(stack, link)->on)
        return;
    of(stack, link)->on = false;
    sok_stack_addr_remove(stack, link, of(stack, link)->addr, now);
}

struct sok_addr sok_stack_link_local(const struct sok_stack *stack, uint8_t link)
{
    bool on = link < stack->link_count && of(stack, link)->on;
    return on ? of(stack, link)->addr : sok_addr_v4(0);
}
