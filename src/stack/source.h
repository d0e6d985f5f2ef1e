// Which addresses are used, of those there are: sources (RFC 6724 section 5) and the order of destinations (section 6).
// Pure functions, both families.
#ifndef SOK_STACK_SOURCE_H
#define SOK_STACK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

struct sok_stack;

// RFC 4291 section 2.7, RFC 6724 section 3.1; IPv4's as section 3.2 maps them.
enum sok_addr_scope {
    SOK_SCOPE_HOST = 1,
    SOK_SCOPE_LINK = 2,
    SOK_SCOPE_SITE = 5,
    SOK_SCOPE_GLOBAL = 14,
};
unsigned sok_addr_scope(const struct sok_addr *a);
bool sok_addr_is_link_local(const struct sok_addr *a); // fe80::/10, ff02::/16, 169.254.0.0/16
bool sok_addr_is_near6(const struct sok_addr *a);      // fe80::/10 alone

// The policy table of section 2.1.
struct sok_addr_policy {
    uint8_t precedence, label;
};
struct sok_addr_policy sok_addr_policy(const struct sok_addr *a);
unsigned sok_addr_common(const struct sok_addr *a, const struct sok_addr *b); // leading bits

// A source that may be used.
struct sok_addr_choice {
    struct sok_addr addr;
    uint8_t prefix_len;
    bool deprecated, temporary;
    bool via; // its prefix comes from the router that is next (rule 5.5)
};
// Whether a is the better source than b towards dst (section 5). temporary: they are preferred to public ones.
bool sok_source_better(const struct sok_addr_choice *a, const struct sok_addr_choice *b,
    const struct sok_addr *dst, bool temporary);

// A destination, and the source that would be used for it (any: it cannot be reached).
struct sok_dest {
    struct sok_addr addr, source;
    bool deprecated; // the source
};
// Sorts them as section 6 says; those that are equal keep their order. At most SOK_DESTS_MAX are looked at.
#define SOK_DESTS_MAX 64
void sok_dests_order(struct sok_dest *dests, unsigned count);
// What dests_order needs to know of an address, from the routes and addresses of a stack.
void sok_dest_find(const struct sok_stack *s, const struct sok_addr *addr, struct sok_dest *out);
#endif
