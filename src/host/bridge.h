// A stream as a real descriptor, for who serves sockets of programs: bridge.c tells how it works.
#ifndef SOK_HOST_BRIDGE_H
#define SOK_HOST_BRIDGE_H

#include <sockeye/socket.h>

struct sok_bridge;

// The program's end of the pair, or a negative error. As sok_socket_fd(), but s need not be connected yet:
// then the descriptor polls as while connecting, its send buffer stays small, and the program's side makes
// it large when the connection is there. The socket belongs to the bridge.
int sok_bridge_open(struct sok_socket *s, struct sok_bridge **out);

struct sok_bridge_hooks {
    void (*opened)(void *ctx);           // it was connecting, and is connected
    void (*ended)(void *ctx, int error); // the bridge is about to go; with 0, or the stream's error
};
void sok_bridge_tell(struct sok_bridge *b, const struct sok_bridge_hooks *hooks, void *ctx);

struct sok_socket *sok_bridge_socket(const struct sok_bridge *b);
int sok_bridge_pair(const struct sok_bridge *b);        // the host's end
bool sok_bridge_connecting(const struct sok_bridge *b); // or idle
// Bytes that the program has written and the connection has not taken; of blocks that are lent, the first.
uint32_t sok_bridge_unsent(const struct sok_bridge *b);
void sok_bridge_pump(struct sok_bridge *b); // look at it in the next turn
// Its descriptor is on the way to a program. Until that has taken it, which it says by a byte of its own, nobody has
// it: if the descriptor goes before, the peer is reset, as a kernel's listener does it.
void sok_bridge_given(struct sok_bridge *b);
// While held, nothing of the program's is taken: what it writes, shuts down and closes waits.
void sok_bridge_hold(struct sok_bridge *b, bool held);
void sok_bridge_drop(
    struct sok_bridge *b); // the program has closed a socket that was never connected
// The bridge goes without a word, its socket stays, and its end of the pair is the caller's: for a socket
// that listens.
int sok_bridge_take(struct sok_bridge *b);

#endif
