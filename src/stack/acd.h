// Whether an address is somebody else's already (RFC 5227): asked before it is used, watched while it is.
//
// Two things are not as the RFC has them, since nobody waits seven seconds for a command. An address is used
// `acd_early` after its first probe, while probing goes on: who has the address, is near and awake has answered by
// then (a kernel answers within its interrupt); who answers later still gets it, at once and without a defence.
// --set acd_early=0s: only after all. A leased address has `dhcp_early`, which is longer: its server is to be told
// before anything is begun. And the first probe is not put off by chance (`acd_wait`): a person
// starts a command, not a power failure all of a street's hosts.
#ifndef SOK_STACK_ACD_H
#define SOK_STACK_ACD_H

#include "base/addr.h"
#include "base/event.h"

struct sok_stack;
struct sok_in;
struct sok_arp_hdr;

enum sok_acd_state {
    SOK_ACD_PROBING,    // it may be somebody's
    SOK_ACD_ANNOUNCING, // it is ours, and others are told
    SOK_ACD_KEPT,       // it is ours
    SOK_ACD_TAKEN,      // it is somebody's; kept to be asked about
};

// An address that was claimed; there are at most as many as addresses.
struct sok_acd {
    struct sok_addr addr;
    uint8_t prefix_len, link;
    uint8_t state; // enum sok_acd_state
    uint8_t origin;
    bool used; // among the stack's addresses
    bool defended;
    uint8_t mac[6];   // TAKEN: whose it is
    uint8_t nonce[6]; // IPv6: of the last probe
    uint32_t sent;    // probes, then announcements
    int64_t due;      // the next of them
    int64_t early;    // from the first probe to its use; 0: only after all probes
    int64_t use_at;   // SOK_TIME_NEVER: used, or not due
    int64_t defended_at;
};

// As sok_stack_addr_claim, with an `early` of its own; origin: enum sok_origin.
int sok_acd_claim(struct sok_stack *s, uint8_t link, struct sok_addr addr, unsigned prefix_len,
    int64_t early, uint8_t origin, int64_t now);
// An ARP packet came. True: it claims an address of ours, and has no more to tell.
bool sok_acd_heard(struct sok_stack *s, const struct sok_in *in, const struct sok_arp_hdr *h);
// For dad.c: an address that is being probed, NULL: it is none; and it is somebody's.
struct sok_acd *sok_acd_probing(struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
void sok_acd_lose(struct sok_stack *s, struct sok_acd *a, const uint8_t mac[6], int64_t now);
void sok_acd_forget(struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
void sok_acd_advance(struct sok_stack *s, int64_t now);
int64_t sok_acd_deadline(const struct sok_stack *s); // SOK_TIME_NEVER: none
const char *sok_acd_check(const struct sok_stack *s);

// Takes an address of the stack away: connections on it end with err, what waits to be sent is dropped.
void sok_addr_drop(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int err, int64_t now);
void sok_addr_tell(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    unsigned prefix_len, enum sok_addr_news what, const uint8_t *mac, int64_t now);

#endif
