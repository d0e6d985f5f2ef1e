// What IPv6 routers say of a link: themselves, routes (RFC 4191), prefixes that are on the link, the MTU, timers
// (RFC 4861 section 6.3.4), name servers (RFC 8106), and better ways to single hosts (redirects, section 8). Prefixes
// to make addresses from are slaac.c's. Routes go into the stack's table, with the time they are good for.
//
// Only links that asked for it (sok_stack_slaac_start) believe any of it. What is over a limit is left out: a
// flood of advertisements changes nothing that is known.
#ifndef SOK_STACK_ROUTER_H
#define SOK_STACK_ROUTER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/event.h"

struct sok_stack;
struct sok_in;

// Routes from routers, and from redirects, of all links.
#define SOK_ROUTER_ROUTES_MAX   64
#define SOK_ROUTER_REDIRECT_MAX 64

// A router advertisement or a redirect in in->data, its checksum verified.
enum sok_drop sok_router_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit);
enum sok_drop sok_redirect_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit);
// Routes whose time is over go.
void sok_routes_advance(struct sok_stack *s, int64_t now);
// All that came from routers of a link.
void sok_routes_forget(struct sok_stack *s, uint8_t link);

#endif
