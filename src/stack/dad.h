// Duplicate address detection of IPv6 (RFC 4862 section 5.4, RFC 7527): what acd.c does for IPv4, by neighbour
// solicitation. The state machine is acd.c's: an address is used `acd_early` after the first probe, while probing
// goes on; who answers later still gets it. Once it is ours nobody takes it by a claim: neighbour discovery has
// no defence (RFC 4862 section 5.4.4).
#ifndef SOK_STACK_DAD_H
#define SOK_STACK_DAD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

struct sok_stack;
struct sok_acd;
struct sok_in;

// Asks who has it, from no address.
void sok_dad_probe(struct sok_stack *s, struct sok_acd *a);
// A neighbour solicitation or advertisement about `target` came. nonce: of its option, 6 bytes, or NULL. True: it
// was about an address that is being probed, and there is nothing to answer.
bool sok_dad_heard(struct sok_stack *s, const struct sok_in *in, const struct sok_addr *target,
    bool advertised, const uint8_t *nonce);

#endif
