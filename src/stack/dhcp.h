// A DHCP client for one link (RFC 2131 sections 3 and 4.4): a state machine that has no socket, since its
// messages come and go while there is no address.
//
//   INIT -> SELECTING -> REQUESTING -> CLAIMING -> BOUND -> RENEWING -> REBINDING -> INIT
//           DISCOVER     REQUEST       (acd.c)     until T1  until T2    until the lease is over
//
// Invariant: the stack has the leased address exactly while `configured`; then its router is a route too.
#ifndef SOK_STACK_DHCP_H
#define SOK_STACK_DHCP_H

#include "base/addr.h"
#include "base/event.h"
#include "stack/stack.h"

struct sok_in;

enum sok_dhcp_state {
    SOK_DHCP_INIT, // waits before (again) asking for anything
    SOK_DHCP_SELECTING,
    SOK_DHCP_REQUESTING,
    SOK_DHCP_CLAIMING, // the address is probed (RFC 5227)
    SOK_DHCP_BOUND,
    SOK_DHCP_RENEWING,
    SOK_DHCP_REBINDING,
    SOK_DHCP_STOPPED,
};

struct sok_dhcp {
    uint8_t link;
    uint8_t state; // enum sok_dhcp_state
    bool configured;
    uint8_t has_server_mac; // the server is a neighbour, with this MAC
    uint8_t server_mac[6];
    uint16_t link_mtu;         // without the server's say
    uint32_t xid, tries, naks; // tries: of this message; naks: since there was a lease
    uint16_t secs;
    int64_t began, asked_at, due;
    struct sok_dhcp_lease lease; // offered, or held
};

// Whether a datagram to an address that is not ours may be for the client: a server answers to the address it
// offers (RFC 2131 section 4.1). `in` has a checked IP header.
bool sok_dhcp_expects(const struct sok_stack *s, const struct sok_in *in, uint32_t len);
// Takes what came for port 68. False: there is no client on this link.
bool sok_dhcp_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len);
void sok_dhcp_addr_news(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    enum sok_addr_news what, int64_t now);
void sok_dhcp_advance(struct sok_stack *s, int64_t now);
int64_t sok_dhcp_deadline(const struct sok_stack *s); // SOK_TIME_NEVER: none
void sok_dhcp_free_all(struct sok_stack *s);

#endif
