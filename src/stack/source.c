#include "stack/source.h"

#include <string.h>
#include "stack/internal.h"

// ---- what an address is ----

bool sok_addr_is_near6(const struct sok_addr *a)
{
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool sok_addr_is_link_local(const struct sok_addr *a)
{
    if (sok_addr_is_v4(*a))
        return a->b[12] == 169 && a->b[13] == 254;
    return sok_addr_is_near6(a) || (a->b[0] == 0xff && (a->b[1] & 15) == SOK_SCOPE_LINK);
}

unsigned sok_addr_scope(const struct sok_addr *a)
{
    if (sok_addr_is_v4(*a))
        return sok_addr_is_link_local(a) || sok_addr_is_loopback(*a) ? SOK_SCOPE_LINK
                                                                     : SOK_SCOPE_GLOBAL;
    if (a->b[0] == 0xff)
        return a->b[1] & 15;
    if (sok_addr_is_near6(a) || sok_addr_is_loopback(*a))
        return SOK_SCOPE_LINK;
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0 ? SOK_SCOPE_SITE : SOK_SCOPE_GLOBAL;
}

unsigned sok_addr_common(const struct sok_addr *a, const struct sok_addr *b)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned differ = a->b[i] ^ b->b[i];
        if (differ)
            return 8 * i + (unsigned)__builtin_clz(differ) - 24;
    }
    return 128;
}

struct sok_addr_policy sok_addr_policy(const struct sok_addr *a)
{
    // Longest prefix first.
    static const struct {
        struct sok_addr net;
        uint8_t bits, precedence, label;
    } table[] = {
        {{{[15] = 1}}, 128, 50, 0},
        {{{[10] = 0xff, [11] = 0xff}}, 96, 35, 4},
        {{{0}}, 96, 1, 3},
        {{{0x20, 1}}, 32, 5, 5},
        {{{0x20, 2}}, 16, 30, 2},
        {{{0x3f, 0xfe}}, 16, 1, 12},
        {{{0xfe, 0xc0}}, 10, 1, 11},
        {{{0xfc}}, 7, 3, 13},
    };
    for (unsigned i = 0; i < SOK_COUNT_OF(table); i++)
        if (sok_addr_common(a, &table[i].net) >= table[i].bits)
            return (struct sok_addr_policy){table[i].precedence, table[i].label};
    return (struct sok_addr_policy){40, 1};
}

// ---- sources (section 5) ----

static int scope_rule(unsigned a, unsigned b, unsigned dst)
{
    if (a == b)
        return 0;
    if (a < b)
        return a < dst ? -1 : 1;
    return b < dst ? 1 : -1;
}

bool sok_source_better(const struct sok_addr_choice *a, const struct sok_addr_choice *b,
    const struct sok_addr *dst, bool temporary)
{
    // Rule 1: the same address.
    if (sok_addr_eq(a->addr, *dst) || sok_addr_eq(b->addr, *dst))
        return sok_addr_eq(a->addr, *dst);
    // Rule 2: appropriate scope.
    int scope = scope_rule(sok_addr_scope(&a->addr), sok_addr_scope(&b->addr), sok_addr_scope(dst));
    if (scope != 0)
        return scope > 0;
    // Rule 3: not deprecated. (4 is of mobile hosts, 5 of other interfaces.)
    if (a->deprecated != b->deprecated)
        return b->deprecated;
    // Rule 5.5: of a prefix that the next hop advertises.
    if (a->via != b->via)
        return a->via;
    // Rule 6: the same label.
    uint8_t label = sok_addr_policy(dst).label;
    bool a_label = sok_addr_policy(&a->addr).label == label;
    bool b_label = sok_addr_policy(&b->addr).label == label;
    if (a_label != b_label)
        return a_label;
    // Rule 7: temporary ones, or not.
    if (a->temporary != b->temporary)
        return a->temporary == temporary;
    // Rule 8: the longest prefix in common, as far as it is a prefix.
    unsigned a_bits = sok_addr_common(&a->addr, dst), b_bits = sok_addr_common(&b->addr, dst);
    a_bits = a_bits < a->prefix_len ? a_bits : a->prefix_len;
    b_bits = b_bits < b->prefix_len ? b_bits : b->prefix_len;
    return a_bits > b_bits;
}

// ---- destinations (section 6) ----

static bool dest_better(const struct sok_dest *a, const struct sok_dest *b)
{
    bool a_off = sok_addr_is_any(a->source), b_off = sok_addr_is_any(b->source);
    // Rule 1: not those that cannot be reached.
    if (a_off || b_off)
        return b_off && !a_off;
    // Rule 2: of the same scope as the source.
    bool a_scope = sok_addr_scope(&a->addr) == sok_addr_scope(&a->source);
    bool b_scope = sok_addr_scope(&b->addr) == sok_addr_scope(&b->source);
    if (a_scope != b_scope)
        return a_scope;
    // Rule 3.
    if (a->deprecated != b->deprecated)
        return b->deprecated;
    // Rule 5: of the same label as the source.
    struct sok_addr_policy ap = sok_addr_policy(&a->addr), bp = sok_addr_policy(&b->addr);
    bool a_label = ap.label == sok_addr_policy(&a->source).label;
    bool b_label = bp.label == sok_addr_policy(&b->source).label;
    if (a_label != b_label)
        return a_label;
    // Rule 6: the higher precedence.
    if (ap.precedence != bp.precedence)
        return ap.precedence > bp.precedence;
    // Rule 8: the smaller scope.
    if (sok_addr_scope(&a->addr) != sok_addr_scope(&b->addr))
        return sok_addr_scope(&a->addr) < sok_addr_scope(&b->addr);
    // Rule 9: the longest prefix in common with the source; between IPv6 alone, as name servers turn IPv4's.
    if (sok_addr_is_v4(a->addr) || sok_addr_is_v4(b->addr))
        return false;
    unsigned a_bits = sok_addr_common(&a->addr, &a->source);
    unsigned b_bits = sok_addr_common(&b->addr, &b->source);
    return (a_bits < 64 ? a_bits : 64) > (b_bits < 64 ? b_bits : 64);
}

void sok_dests_order(struct sok_dest *dests, unsigned count)
{
    count = count < SOK_DESTS_MAX ? count : SOK_DESTS_MAX;
    for (unsigned i = 1; i < count; i++) {
        struct sok_dest moving = dests[i];
        unsigned at = i;
        for (; at > 0 && dest_better(&moving, &dests[at - 1]); at--)
            dests[at] = dests[at - 1];
        dests[at] = moving;
    }
}

void sok_stack_addrs_order(const struct sok_stack *s, struct sok_addr *addrs, unsigned count)
{
    struct sok_dest dests[SOK_DESTS_MAX];
    count = count < SOK_DESTS_MAX ? count : SOK_DESTS_MAX;
    for (unsigned i = 0; i < count; i++)
        sok_dest_find(s, &addrs[i], &dests[i]);
    sok_dests_order(dests, count);
    for (unsigned i = 0; i < count; i++)
        addrs[i] = dests[i].addr;
}
