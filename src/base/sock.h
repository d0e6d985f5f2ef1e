// What an application holds: the part that TCP connections, listeners and sockets of the
// other kinds share. Readiness is a set of bits; whoever changes it puts the sock on the stack's queue of changed
// socks, which the host drains. So no callback ever re-enters the stack.
#ifndef SOK_BASE_SOCK_H
#define SOK_BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sok_sock_kind {
    SOK_SOCK_TCP,
    SOK_SOCK_TCP_LISTEN,
    SOK_SOCK_UDP,
    SOK_SOCK_ECHO,
    SOK_SOCK_RAW,
    SOK_SOCK_FRAMES,
};

enum sok_ready {
    SOK_READY_IN = 1,      // recv (or accept) gives data, end of stream, or an error
    SOK_READY_OUT = 2,     // send takes at least one byte, or gives an error; connect has ended
    SOK_READY_ERROR = 4,   // an error waits for sok_..._error()
    SOK_READY_HUP = 8,     // both directions are over
    SOK_READY_URGENT = 16, // of what there is to read, or will be, some is urgent (RFC 9293 3.8.5)
};

struct sok_sock {
    uint8_t kind;                   // enum sok_sock_kind
    bool queued;                    // on the queue of changed socks
    uint32_t ready;                 // enum sok_ready, or'ed
    uint32_t id;                    // the number shown in events, unique in a stack
    void *user;                     // the holder's own; the core never looks
    struct sok_sock *next, *prev;   // in the queue of changed socks
    struct sok_sock *older, *newer; // among all
};

struct sok_sock_queue {
    struct sok_sock *first, *last;
};

// Sets the bits; queues the sock if they differ from before.
void sok_sock_ready(struct sok_sock_queue *q, struct sok_sock *s, uint32_t ready);
// Queues the sock though its bits are the same (more data came: edge-triggered users want to know).
void sok_sock_touch(struct sok_sock_queue *q, struct sok_sock *s);
struct sok_sock *sok_sock_next(struct sok_sock_queue *q); // takes the first off; NULL: none
void sok_sock_forget(struct sok_sock_queue *q, struct sok_sock *s); // before freeing it

// All socks of a stack, in the order of their numbers.
struct sok_sock_list {
    struct sok_sock *newest;
    struct sok_sock *place; // where sok_sock_before() was last
    uint32_t last_id;
};

void sok_sock_born(struct sok_sock_list *l, struct sok_sock *s); // gives it its number
void sok_sock_gone(struct sok_sock_list *l, struct sok_sock *s); // before freeing it
// The newest with a smaller number than id; id 0: of all. NULL: none. Who asks with the number of the one
// given before, and so on, pays for a step each; whoever comes and goes meanwhile does no harm.
struct sok_sock *sok_sock_before(struct sok_sock_list *l, uint32_t id);

#endif
