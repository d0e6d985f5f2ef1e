// Fragments become datagrams again: RFC 791 section 3.2, RFC 815, RFC 1122 section 3.3.2; RFC 8200 section 4.5.
//
// Everything is bounded: bytes of memory in all, datagrams that are being put together, fragments of one
// (settings frag_memory, frag_datagrams, frag_count). Who needs room takes it from the oldest. A datagram
// that is not whole after frag_timeout (frag_timeout6) goes; its sender hears of that only if the first fragment came.
//
// Overlaps: a fragment that brings nothing but bytes that are here already, and the same ones, is a
// duplicate and is ignored. Any other overlap, and any doubt about the length of the whole, ends the
// datagram: nobody can have one view of it here and another elsewhere.
#ifndef SOK_STACK_REASSEMBLY_H
#define SOK_STACK_REASSEMBLY_H

#include "base/map.h"

struct sok_stack;
struct sok_in;
struct sok_buf;
struct sok_partial;

struct sok_partials {
    struct sok_partial *oldest, *newest; // in the order they began, which is that of their ends
};

struct sok_reassembly {
    struct sok_map map;           // by source, destination, identification, of IPv4 protocol
    struct sok_partials lists[2]; // of IPv4, of IPv6: they wait for different times
    uint32_t count;
    uint64_t begun;  // how many there have been
    uint64_t memory; // bytes held, with overhead
};

void sok_reassembly_init(struct sok_stack *s);
void sok_reassembly_free(struct sok_stack *s);
// Takes the fragment in `in` (its header has been checked). The whole packet, from the IP header on, when
// it was the last one missing: the reference is the caller's. NULL: none; in->out says why.
struct sok_buf *sok_reassembly_input(struct sok_stack *s, struct sok_in *in);
// The same for IPv6, from behind its fragment header on. The whole has none.
struct sok_ip6_walk;
struct sok_buf *sok_reassembly6_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_ip6_walk *walk);
void sok_reassembly_advance(struct sok_stack *s, int64_t now);
int64_t sok_reassembly_deadline(const struct sok_stack *s); // SOK_TIME_NEVER: none
const char *sok_reassembly_check(const struct sok_stack *s);

#endif
