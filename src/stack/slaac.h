// Addresses made from what routers advertise (RFC 4862): a link-local one, then for each prefix a stable one (RFC 7217)
// and a temporary one (RFC 8981). Each is probed by dad.c before it is used; when it is somebody's the next is tried.
// Routers are asked for with growing pauses until one answers (RFC 7559).
//
// Invariant: an address of this origin is in the stack's table exactly while its entry here says so, and its times
// are the prefix's, as the two-hour rule (RFC 4862 section 5.5.3 e) lets them be.
#ifndef SOK_STACK_SLAAC_H
#define SOK_STACK_SLAAC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/event.h"
#include "stack/dhcp6.h"
#include "stack/stack.h"
#include "wire/icmp6.h"

#define SOK_SLAAC_PREFIXES_MAX 8 // of a link; more are left out
#define SOK_SLAAC_TRIES                                                                            \
    3 // interface identifiers, when addresses are somebody's (RFC 7217, RFC 8981)

// One address that was made, or is to be.
struct sok_slaac_addr {
    struct sok_addr addr; // :: : none
    bool used;            // in the stack's table
    uint8_t tries;        // those before it were somebody's
    int64_t retry_at;     // the next; SOK_TIME_NEVER: none
};

struct sok_slaac_prefix {
    struct sok_addr net, router;
    int64_t valid_until, preferred_until;
    struct sok_slaac_addr stable, temporary;
    // Of the temporary one: when it was made, when it is to be followed by the next (RFC 8981 section 3.4).
    int64_t made_at, next_at;
};

struct sok_slaac_server {
    struct sok_addr addr;
    int64_t until;
};
struct sok_slaac_search {
    char name[SOK_LEASE_NAME_MAX];
    int64_t until;
};

struct sok_slaac {
    uint8_t link;
    bool routers; // they are asked; else only the link-local address is made
    bool stopped;
    struct sok_slaac_addr local;
    struct sok_slaac_prefix prefixes[SOK_SLAAC_PREFIXES_MAX];
    unsigned prefix_count;
    // Router solicitations (RFC 7559).
    uint32_t asked;
    int64_t ask_at, ask_wait; // ask_at SOK_TIME_NEVER: not asked
    struct sok_slaac_server servers[SOK_SLAAC_DNS_MAX];
    struct sok_slaac_search searches[SOK_SLAAC_SEARCH_MAX];
    struct sok_dhcp6 dhcp6;
    int64_t due; // the least of all times here, without dhcp6
    struct sok_slaac_info info;
};

// What an advertisement says (router.c has checked it).
void sok_slaac_heard(struct sok_stack *s, struct sok_slaac *a, bool is_router);
void sok_slaac_prefix(struct sok_stack *s, struct sok_slaac *a, const struct sok_addr *router,
    const struct sok_nd_prefix_hdr *h, int64_t now);
void sok_slaac_rdnss(struct sok_slaac *a, const uint8_t *value, size_t len, int64_t now);
void sok_slaac_dnssl(struct sok_slaac *a, const uint8_t *value, size_t len, int64_t now);
// Name servers and search list from DHCPv6 take the same way. lifetime in seconds.
void sok_slaac_server(
    struct sok_slaac *a, const struct sok_addr *addr, uint32_t lifetime, int64_t now);
void sok_slaac_search(struct sok_slaac *a, const char *name, uint32_t lifetime, int64_t now);

// Those whose time is over go.
void sok_slaac_names_due(struct sok_slaac *a, int64_t now);

void sok_slaac_addr_news(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    enum sok_addr_news what, const uint8_t *mac, int64_t now);
void sok_slaac_advance(struct sok_stack *s, int64_t now);
int64_t sok_slaac_deadline(const struct sok_stack *s); // SOK_TIME_NEVER: none
void sok_slaac_link_over(struct sok_stack *s, uint8_t link);
void sok_slaac_free_all(struct sok_stack *s);
const char *sok_slaac_check(const struct sok_stack *s);

#endif
