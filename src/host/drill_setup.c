// The settings of a drill: what stands before the first line that is played. Without any: a host
// 192.0.2.2/24 whose neighbours are all known, and a peer 192.0.2.1.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill_internal.h"
#include "wire/icmp6.h"

#define PEER_ISN 1000000
#define PEER_TS  5000000
#define SETTLE   (60 * SOK_S)

static bool parse_mac(const char *text, uint8_t mac[6])
{
    unsigned v[6];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
            &used) != 6 ||
        text[used])
        return false;
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)v[i];
    return true;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 0);
    return text[0] >= '0' && text[0] <= '9' && !*end && *out <= max;
}

static int set_link(struct drill *d, const struct drill_step *s, char **w, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        uint64_t v;
        if (strcmp(w[i], "tso") == 0) {
            d->link.caps |= SOK_LINK_TSO | SOK_LINK_CSUM;
        } else if (strcmp(w[i], "csum") == 0) {
            d->link.caps |= SOK_LINK_CSUM;
        } else if (strcmp(w[i], "lan") == 0) {
            d->link.caps &= ~(uint32_t)SOK_LINK_POINT;
        } else if (strcmp(w[i], "mtu") == 0 && i + 1 < n && parse_number(w[i + 1], 65535, &v) &&
                   v >= 68) {
            d->link.mtu = (uint16_t)v;
            i++;
        } else if (strcmp(w[i], "mac") == 0 && i + 1 < n && parse_mac(w[i + 1], d->link.mac)) {
            i++;
        } else {
            return sok_drill_fail(d, s, "link is: link [mtu N] [mac MAC] [tso] [csum] [lan]");
        }
    }
    return 0;
}

static int set_addr(struct drill *d, const struct drill_step *s, char **w, unsigned n)
{
    char *slash = n == 2 ? strchr(w[1], '/') : NULL;
    uint64_t bits;
    if (!slash || (*slash = 0, !sok_addr_parse(w[1], &d->addr)) ||
        !parse_number(slash + 1, 128, &bits))
        return sok_drill_fail(d, s, "addr is: addr ADDRESS/LENGTH");
    d->prefix_len = (unsigned)bits;
    int rc = sok_stack_addr_add(d->stack, 1, d->addr, d->prefix_len);
    d->has_addr = true;
    return rc < 0
               ? sok_drill_fail(d, s, "the stack does not take this address: %s", sok_strerror(rc))
               : 0;
}

static int set_peer(struct drill *d, const struct drill_step *s, char **w, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        uint64_t v;
        if (sok_addr_parse(w[i], &d->peer)) {
            d->has_peer = true;
        } else if (i + 1 < n && strcmp(w[i], "isn") == 0 &&
                   parse_number(w[i + 1], UINT32_MAX, &v)) {
            d->peer_isn = (uint32_t)v;
            i++;
        } else if (i + 1 < n && strcmp(w[i], "ts") == 0 && parse_number(w[i + 1], UINT32_MAX, &v)) {
            d->peer_ts = (uint32_t)v;
            i++;
        } else {
            return sok_drill_fail(d, s, "peer is: peer [ADDRESS] [isn N] [ts N]");
        }
    }
    return 0;
}

// Before the stack is there: what it is made of.
static int set_before(struct drill *d, const struct drill_step *s, char **w, unsigned n)
{
    uint64_t seed;
    const char *wrong;
    switch (s->kind) {
    case STEP_SET:
        if (n != 3)
            return sok_drill_fail(d, s, "set is: set NAME VALUE");
        wrong = sok_stack_config_set(&d->config, w[1], w[2]);
        return wrong ? sok_drill_fail(d, s, "%s: %s", w[1], wrong) : 0;
    case STEP_SEED:
        if (n != 2 || !parse_number(w[1], UINT64_MAX, &seed))
            return sok_drill_fail(d, s, "seed is: seed N");
        memcpy(d->config.seed, &seed, sizeof seed);
        return 0;
    case STEP_LINK:
        return set_link(d, s, w, n);
    case STEP_PEER:
        return set_peer(d, s, w, n);
    default:
        return 0;
    }
}

static int set_after(struct drill *d, const struct drill_step *s, char **w, unsigned n)
{
    struct sok_addr a, any = sok_addr_v4(0);
    uint8_t mac[6];
    switch (s->kind) {
    case STEP_ADDR:
        return set_addr(d, s, w, n);
    case STEP_GATEWAY:
        if (n != 2 || !sok_addr_parse(w[1], &a))
            return sok_drill_fail(d, s, "gateway is: gateway ADDRESS");
        return sok_stack_route_add(d->stack, any, 0, a, 1) < 0
                   ? sok_drill_fail(d, s, "the stack does not take this gateway")
                   : 0;
    case STEP_NEIGHBOUR:
        if (n == 2 && strcmp(w[1], "none") == 0) {
            d->no_neighbours = true;
            return 0;
        }
        if (n != 3 || !sok_addr_parse(w[1], &a) || !parse_mac(w[2], mac))
            return sok_drill_fail(d, s, "neighbour is: neighbour ADDRESS MAC, or neighbour none");
        return sok_stack_neighbour_add(d->stack, 1, a, mac) < 0 ? sok_drill_fail(d, s, "no memory")
                                                                : 0;
    case STEP_SLAAC:
        d->slaac = true;
        return n == 1 ? 0 : sok_drill_fail(d, s, "slaac stands alone");
    default:
        return 0;
    }
}

static int each_setting(
    struct drill *d, int (*set)(struct drill *, const struct drill_step *, char **, unsigned))
{
    int rc = 0;
    for (unsigned i = 0; i < d->script.count && rc == 0; i++) {
        const struct drill_step *s = &d->script.steps[i];
        if (s->kind > STEP_LAST_SETTING)
            continue;
        char *copy = strdup(s->body), *words[DRILL_WORDS_MAX];
        rc = copy ? set(d, s, words, sok_drill_words(copy, words))
                  : sok_drill_fail(d, s, "no memory");
        free(copy);
    }
    return rc;
}

// An address of the script that is a neighbour becomes a known one, unless finding it is what is drilled.
static void know(struct drill *d, struct sok_addr a)
{
    bool other = sok_addr_is_v4(a) != sok_addr_is_v4(d->addr);
    bool near = sok_addr_in(a, d->addr, d->prefix_len) || (a.b[0] == 0xfe && a.b[1] >> 6 == 2);
    near = near || other; // of the other family: there are no routers of it in a drill
    if (near && !sok_addr_is_any(a) && !sok_addr_eq(a, d->addr))
        sok_stack_neighbour_add(d->stack, 1, a, d->peer_mac);
}

static bool is_about_neighbours(const struct sok_line *l)
{
    bool nd = l->type == SOK_ICMP6_NS || l->type == SOK_ICMP6_NA;
    return l->head == SOK_HEAD_ARP || (l->head == SOK_HEAD_ICMP6 && nd);
}

static void know_neighbours(struct drill *d)
{
    for (unsigned i = 0; i < d->script.count; i++) {
        const struct drill_step *s = &d->script.steps[i];
        if (s->kind == STEP_LINE && is_about_neighbours(s->line))
            return;
    }
    know(d, d->peer);
    for (unsigned i = 0; i < d->script.count; i++) {
        const struct drill_step *s = &d->script.steps[i];
        struct sok_addr a;
        if (s->kind == STEP_LINE && (s->line->has & (SOK_HAS(TO) | SOK_HAS(ENDS))))
            know(d, s->line->src.addr);
        if (s->kind == STEP_LINE && (s->line->has & SOK_HAS(ENDS)))
            know(d, s->line->dst.addr);
        if (s->kind == STEP_GATEWAY &&
            sok_addr_parse(s->body + strlen("gateway") + strspn(s->body + 7, " "), &a))
            know(d, a);
    }
}

// Whether it begins with what the host says of its groups.
static bool about_groups(const struct drill *d)
{
    for (unsigned i = 0; i < d->script.count; i++) {
        const struct sok_line *l = d->script.steps[i].line;
        if (l)
            return l->head == SOK_HEAD_ICMP6 &&
                   (l->type == SOK_ICMP6_MLD2_REPORT || l->type == SOK_ICMP6_MLD_REPORT);
    }
    return false;
}

// What a host says when it gets its addresses (its groups, RFC 3810) it has said before the drill begins.
static void settle(struct drill *d)
{
    struct sok_frame_out out;
    struct sok_event e;
    if (d->slaac)
        sok_stack_slaac_start(d->stack, 1, d->now - SETTLE);
    for (int64_t now = d->now - SETTLE; now <= d->now;) {
        sok_stack_advance(d->stack, now);
        while (sok_stack_output(d->stack, 1, now, &out))
            continue;
        while (sok_stack_event(d->stack, &e))
            continue;
        int64_t due = sok_stack_deadline(d->stack);
        now = now == d->now ? now + 1 : due < d->now ? (due > now ? due : now + 1) : d->now;
    }
}

static void log_settings(struct drill *d)
{
    bool link = false;
    for (unsigned i = 0; i < d->script.count; i++)
        link = link || d->script.steps[i].kind == STEP_LINK;
    if (d->v6 && !link)
        sok_drill_log_text(d, "link mtu 1520");
    if (d->v6 && !d->has_addr)
        sok_drill_log_text(d, "addr 2001:db8::c000:202/120");
    for (unsigned i = 0; i < d->script.count; i++) {
        if (d->script.steps[i].kind <= STEP_LAST_SETTING)
            sok_drill_log_step(d, &d->script.steps[i]);
    }
}

int sok_drill_setup(struct drill *d)
{
    static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2}, peer_mac[6] = {2, 0, 0, 0, 0, 1};
    sok_stack_config_default(&d->config);
    d->memory.under = sok_mem_libc();
    d->config.mem = sok_mem_counting(&d->memory);
    d->config.events = true;
    memcpy(d->config.seed, "sockeye's drills", sizeof d->config.seed);
    snprintf(d->link.name, sizeof d->link.name, "drill");
    memcpy(d->link.mac, our_mac, 6);
    memcpy(d->peer_mac, peer_mac, 6);
    d->link.mtu = d->v6 ? DRILL_MTU_V6 : 1500;
    d->link.caps = SOK_LINK_POINT;
    d->peer_isn = PEER_ISN;
    d->peer_ts = PEER_TS;
    if (each_setting(d, set_before))
        return -1;
    if (sok_stack_new(&d->config, &d->stack) < 0 || sok_stack_link_add(d->stack, &d->link) != 1)
        return sok_drill_fail(d, NULL, "the stack cannot be made");
    if (each_setting(d, set_after))
        return -1;
    if (!d->has_addr) {
        sok_addr_parse(d->v6 ? "2001:db8::c000:202" : "192.0.2.2", &d->addr);
        d->prefix_len = d->v6 ? 120 : 24;
        sok_stack_addr_add(d->stack, 1, d->addr, d->prefix_len);
    }
    if (!d->has_peer) {
        d->peer = d->addr;
        d->peer.b[15] = 1;
        if (sok_addr_eq(d->peer, d->addr))
            d->peer.b[15]++;
    }
    if (!d->no_neighbours)
        know_neighbours(d);
    if (d->slaac || (!sok_addr_is_v4(d->addr) && !about_groups(d)))
        settle(d);
    log_settings(d);
    return 0;
}
