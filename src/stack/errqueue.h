// What others said about datagrams that a socket sent, kept for a program that asks (IP_RECVERR, ip(7)): the error, who said
// it, whom the datagram was for, and as much of its data as was quoted. Bounded; what is over the limit is dropped,
// as the news is also the socket's pending error.
#ifndef SOK_STACK_ERRQUEUE_H
#define SOK_STACK_ERRQUEUE_H

#include "stack/stack.h"

#define SOK_ERRQUEUE_MAX  64  // errors of one socket
#define SOK_ERRQUEUE_DATA 576 // bytes that are kept of each datagram

struct sok_icmp_news;
struct sok_errqueue_entry;

struct sok_errqueue {
    struct sok_errqueue_entry *first, *last;
    unsigned count;
};

// skip: bytes of the quoted packet that are not the program's, the transport's header.
void sok_errqueue_add(
    struct sok_stack *s, struct sok_errqueue *q, const struct sok_icmp_news *n, uint32_t skip);
// A datagram was refused here: it has more than mtu bytes and may not be cut. As in Linux that is no pending error, and nothing of
// its data is kept.
void sok_errqueue_local(
    struct sok_stack *s, struct sok_errqueue *q, const struct sok_endpoint *to, uint32_t mtu);
// Takes the oldest off: bytes copied; SOK_EAGAIN: there is none. *next: the error of the one behind it, or 0.
int64_t sok_errqueue_take(struct sok_stack *s, struct sok_errqueue *q, void *data, size_t len,
    struct sok_dgram_error *out, int *next);
void sok_errqueue_clear(struct sok_stack *s, struct sok_errqueue *q);

#endif
