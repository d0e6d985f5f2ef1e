// What a router on the way does to a frame: marks it (RFC 3168), finds it too large and says so, says
// nothing, or cuts it (RFC 791, RFC 1191). The way's MTU changes as planned.
#ifndef TESTS_SIM_ROUTER_H
#define TESTS_SIM_ROUTER_H

#include <stdbool.h>
#include "tests/sim/wire.h"

void router_mark(
    struct wire *w, struct wire_frame *f); // CE on some of what says that it understands
uint16_t router_mtu(const struct wire *w, int64_t now, enum path_says *says); // 0: any size
bool router_may_cut(const struct wire_frame *f);
// "Fragmentation needed", to be sent back to where f came from; NULL: nothing is said.
struct wire_frame *router_says(const struct wire_frame *f, uint16_t mtu, enum path_says says);
// The fragment of f that begins at payload byte *at, which moves on; NULL: that was the last.
struct wire_frame *router_cut(const struct wire_frame *f, uint16_t mtu, uint32_t *at);

#endif
